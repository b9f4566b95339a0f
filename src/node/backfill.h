/* The parts of back-fill, shared by backfill.c (sessions) and fetch.c (messages). */
#ifndef SG_NODE_BACKFILL_H
#define SG_NODE_BACKFILL_H

#include "node/internal.h"
#include "reconcile/reconcile.h"

/* Sessions of others with this node on one topic: its neighbours', and some more after a heal. */
#define SG_SESSIONS_MAX 8

/* One session with a peer. First the machine compares; then each side wants what it lacks, in
 * slices, and serves what the other one wants. */
struct sg_session {
    struct sg_peer_id peer;
    bool is_opener; /* this node has opened it */
    bool is_comparing;
    bool has_slots;  /* opener: SKETCH has come and the set is made */
    bool is_waiting; /* a WANT is under way */
    bool awaits;     /* opener: the other side has still to fetch what was offered */
    uint32_t number, nonce, from, to; /* nonce: the answering side's */
    sg_time_ns begun_at, heard_at;    /* heard: of something that takes the session further */
    uint64_t last_mark;               /* of the message of the comparison that came last */
    struct sg_riblt_keys keys;
    struct sg_rec rec;
    uint64_t *wants; /* [want_count] short ids, sorted within each OFFER; asked for up to want_at */
    uint32_t want_count, want_at;
    struct sg_msg_id *serve; /* [serve_count] to be sent, from serve_at on */
    uint32_t serve_count, serve_at;
    uint64_t *asked; /* [asked_count] of a WANT that is still to be looked up */
    uint16_t asked_count;
    uint32_t serve_left; /* messages that may still be served: of the set that was compared */
    sg_time_ns serve_due, serve_next; /* next: not before, whatever WANT comes */
};

/* Peers that are left alone for a while, the latest: more than a topic has neighbours. */
#define SG_AVOIDED_MAX 8
struct sg_avoided {
    struct sg_peer_id peer;
    sg_time_ns until;
};

struct sg_backfill {
    sg_time_ns open_at; /* the next session of ours */
    uint16_t tell_left; /* neighbours still to be compared with since old messages came */
    uint8_t failures;   /* since the last one that came to a result */
    bool has_news;      /* asked first: the neighbour that has just come */
    struct sg_peer_id news, last;
    uint8_t avoided_next;
    struct sg_avoided avoided[SG_AVOIDED_MAX];
    struct sg_session *mine;                    /* NULL = none */
    struct sg_session *theirs[SG_SESSIONS_MAX]; /* NULL = free */
};

/* ---- backfill_peers.c ---- */
/* Whether a peer has held a session up lately: nothing is fetched from it. */
bool sg_backfill_avoids(const struct sg_core *core, const struct sg_backfill *b,
                        const struct sg_peer_id *peer);
void sg_backfill_avoid(const struct sg_core *core, struct sg_backfill *b,
                       const struct sg_peer_id *peer);
/* The neighbour to be compared with next: the newcomer, else the next to be told of news, else any.
 * NULL: there is none. */
struct sg_link *sg_backfill_choose(struct sg_core *core, struct sg_scope *scope);

/* ---- backfill.c ---- */
void sg_session_send(struct sg_core *core, struct sg_scope *scope, const struct sg_session *s,
                     const struct sg_rec_msg *msg);
void sg_session_close(struct sg_core *core, struct sg_scope *scope, struct sg_session *s);
/* The next session is opened soon. */
void sg_backfill_soon(struct sg_core *core, struct sg_backfill *b);

/* ---- fetch.c ---- */
/* Whether some session is fetching: two at a time would fetch the same. */
bool sg_backfill_is_fetching(const struct sg_backfill *b);
/* The opener knows the difference: wants the one part and offers the other. */
void sg_fetch_begin(struct sg_core *core, struct sg_scope *scope, struct sg_session *s);
void sg_fetch_offered(struct sg_core *core, struct sg_scope *scope, struct sg_session *s,
                      const struct sg_rec_msg *msg);
void sg_fetch_wanted(struct sg_core *core, struct sg_scope *scope, struct sg_session *s,
                     const struct sg_rec_msg *msg);
/* The peer has worked a WANT off. */
void sg_fetch_sent(struct sg_core *core, struct sg_scope *scope, struct sg_session *s);
/* Sends what is wanted of this node, as much as is due. */
void sg_fetch_serve(struct sg_core *core, struct sg_scope *scope, struct sg_session *s);

#endif
