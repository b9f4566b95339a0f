/* Transfers of large payloads; for the files of this folder only. See large.c for the essay. */
#ifndef SG_NODE_LARGE_H
#define SG_NODE_LARGE_H

#include "base/buf.h"
#include "base/time.h"
#include "wire/large_msg.h"
#include "wire/link.h"

struct sg_core;
struct sg_core_in;
struct sg_held;
struct sg_link;
struct sg_own;
struct sg_scope;

/* Chunks asked for at a time over one link, all transfers together: 256 KiB, 5 MB/s of each
 * neighbour at 50 ms. */
#define SG_LARGE_WINDOW 4
/* Neighbours of a scope (hyparview's hard limit is below) that a transfer keeps account of. */
#define SG_LARGE_SOURCES_MAX 16
/* Transfers at a time, complete and waiting ones included. */
#define SG_TRANSFERS_MAX 64
/* Of them unfinished ones of one author. */
#define SG_TRANSFERS_AUTHOR_MAX 16
/* Announced ones that wait for a place among them: 100 KiB, and far below what the history holds ..
 */
#define SG_QUEUE_MAX 512
/* .. of one author: twice as many as it can keep itself. */
#define SG_QUEUE_AUTHOR_MAX (2 * SG_TRANSFERS_MAX)

/* A complete payload is kept so long unused once its message is no longer held: a slow neighbour
 * may still be at it. */
#define SG_LARGE_IDLE_NS (30 * SG_NS_PER_S)

/* A chunk asked for. */
struct sg_flight {
    uint16_t index;
    sg_time_ns asked_at, due;
};

/* A neighbour of the scope, as far as one transfer goes. */
struct sg_source {
    struct sg_peer_id peer;
    struct sg_chunks have;
    bool is_complete;
    uint8_t flight_count;
    uint8_t late;     /* chunks that may still come, though nobody waits for them any more */
    uint32_t served;  /* chunks sent to it */
    uint64_t mean_ns; /* from ASK to CHUNK; 0 = not known .. */
    uint64_t var_ns;  /* .. and the mean deviation */
    sg_time_ns pause_until;
    struct sg_flight flights[SG_LARGE_WINDOW];
};

enum sg_transfer_state {
    SG_TRANSFER_WAITING,  /* for memory */
    SG_TRANSFER_FETCHING, /* room for the whole is reserved */
    SG_TRANSFER_COMPLETE
};

struct sg_transfer {
    uint64_t tag; /* first 8 bytes of id */
    struct sg_msg_id id;
    struct sg_topic_id topic;
    struct sg_peer_id author, last_hop;
    uint64_t sequence, time_ms;
    uint8_t hops;
    enum sg_transfer_state state;
    bool is_forgotten;           /* the message is no longer held */
    struct sg_buf *text;         /* what the hashes of `what` point into */
    struct sg_announcement what; /* decoded */
    struct sg_buf **chunks;      /* [what.count] CHUNK frames, NULL = missing; NULL while waiting */
    struct sg_chunks have, flying;
    uint16_t done;                  /* chunks */
    uint16_t untold;                /* chunks that came since the last HAVE */
    uint16_t mark;                  /* done, when the last look for a stall was taken */
    uint16_t rarity[SG_CHUNKS_MAX]; /* sources that have a chunk */
    uint64_t query_pause_ns;
    sg_time_ns have_at;        /* the next HAVE; SG_TIME_NEVER = nothing to tell */
    sg_time_ns query_at;       /* unfinished: neighbours are asked what they have */
    sg_time_ns mark_at;        /* unfinished: the next look for a stall */
    sg_time_ns moved_at;       /* the last chunk came; later by what it waited while others moved */
    sg_time_ns waits_from;     /* while waiting */
    sg_time_ns used_at;        /* the last chunk was sent, or came */
    sg_time_ns wanted_at;      /* a neighbour said that it lacks chunks */
    sg_time_ns told_at;        /* the last output TRANSFER */
    struct sg_source *sources; /* [SG_LARGE_SOURCES_MAX] */
    uint8_t source_count;
};

/* An announced payload whose transfer has not begun. */
struct sg_queued {
    struct sg_msg_id id;
    struct sg_topic_id topic;
    struct sg_peer_id author, last_hop;
    uint64_t size;
    uint16_t count;     /* chunks */
    sg_time_ns want_at; /* neighbours are told again that it is lacking */
};

struct sg_queue {
    struct sg_queued *entries; /* [cap], in order of arrival; NULL when there is none */
    uint32_t cap, count;
    bool may_start; /* a place may have become free */
    sg_time_ns round_at;
};

struct sg_larges {
    struct sg_transfer **slots; /* [SG_TRANSFERS_MAX], NULL until the first one; oldest first */
    uint32_t count;
    uint32_t waiting;
    uint64_t bytes;      /* reserved: of all that do not wait */
    sg_time_ns moved_at; /* the last chunk of any of them came */
    sg_time_ns due;      /* of sg_large_timeout */
    struct sg_queue queue;
};

/* ---- large.c ---- */
void sg_large_init(struct sg_core *core);
void sg_large_fini(struct sg_core *core);
void sg_large_check(const struct sg_core *core);
void sg_large_timeout(struct sg_core *core);
/* A message with an announcement was accepted and is held: its payload is fetched. */
void sg_large_start(struct sg_core *core, const struct sg_scope *scope,
                    const struct sg_peer_id *from, const struct sg_held *held);
/* Whether an own payload of size finds room now; complete ones may give way. What others announced
 * and nobody serves cannot take the own share of it. */
bool sg_large_fits(struct sg_core *core, uint64_t size);
/* Keeps an own payload, whose announcement is own->payload, in chunks. SG_ERR_WOULD_BLOCK: others
 * in use take the room; SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_large_own(struct sg_core *core, const struct sg_own *own,
                                struct sg_bytes payload);
/* Its message does not exist after all. */
void sg_large_cancel(struct sg_core *core, const struct sg_msg_id *id);
/* The message is no longer held; its payload goes when nobody fetches it any more. */
void sg_large_forget(struct sg_core *core, const struct sg_msg_id *id);
void sg_large_scope_closed(struct sg_core *core, const struct sg_scope *scope);
uint64_t sg_large_bytes(const struct sg_core *core);

/* For the files of large payloads only. */
struct sg_transfer *sg_transfer_find(const struct sg_core *core, const struct sg_msg_id *id);
/* A verified chunk that was missing. Takes over the reference of frame. */
void sg_transfer_add(struct sg_core *core, struct sg_transfer *t, uint16_t index,
                     struct sg_buf *frame);
/* After each change: starts what waits, asks for more, and computes the next timeout. Complete
 * transfers may be gone afterwards. */
void sg_large_settle(struct sg_core *core);

/* A place in the table is free, or a complete transfer that nobody uses gives way. */
bool sg_transfers_has_place(struct sg_core *core);
uint32_t sg_transfers_unfinished(const struct sg_core *core, const struct sg_peer_id *author);
/* There is a place for it; settle afterwards. SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_transfer_begin(struct sg_core *core, const struct sg_queued *q,
                                     const struct sg_held *held);

/* ---- large_room.c: whose room it is ---- */
/* Bytes of the room kept for own payloads, and those that own ones take. */
uint64_t sg_room_share(const struct sg_core *core);
uint64_t sg_room_own(const struct sg_core *core);
/* How long a complete payload is kept unused. */
uint64_t sg_room_keep_ns(const struct sg_core *core, const struct sg_transfer *t);
/* The oldest complete payload that nobody uses, or NULL. */
struct sg_transfer *sg_room_unused(const struct sg_core *core);
/* Whether there is no room for size more, of this node or of others. */
bool sg_room_lacks(const struct sg_core *core, uint64_t size, bool for_own);
/* The oldest unused one whose going helps, or NULL. */
struct sg_transfer *sg_room_gives_way(const struct sg_core *core, bool for_own);

/* ---- large_queue.c: announced ones that wait for a place in the table ---- */
/* Puts it at the end; a refusal is told to the program. */
void sg_queue_put(struct sg_core *core, struct sg_queued *q);
/* Begins those for which there is a place. */
void sg_queue_start(struct sg_core *core);
void sg_queue_timeout(struct sg_core *core);
sg_time_ns sg_queue_due(const struct sg_core *core);
void sg_queue_scope_closed(struct sg_core *core, const struct sg_scope *scope);
void sg_queue_fini(struct sg_core *core);
void sg_queue_check(const struct sg_core *core);

/* ---- large_fetch.c: whom to ask for what, and when to give up asking ---- */
/* The neighbour's account; made when there is none, NULL when there is no room. */
struct sg_source *sg_source_find(const struct sg_transfer *t, const struct sg_peer_id *peer);
struct sg_source *sg_source_get(struct sg_transfer *t, const struct sg_peer_id *peer);
void sg_source_remove(struct sg_core *core, struct sg_transfer *t, struct sg_source *source);
void sg_source_has(struct sg_transfer *t, struct sg_source *source, const struct sg_chunks *have);
/* Asks the sources for missing chunks, as far as their windows go. */
void sg_fetch_ask(struct sg_core *core, struct sg_transfer *t);
/* The chunk came. Whether this source had been asked for it. */
bool sg_fetch_came(struct sg_core *core, struct sg_transfer *t, struct sg_source *source,
                   uint16_t index);
/* The chunk is here, whoever brought it: nobody else is waited for. */
void sg_fetch_got(struct sg_core *core, struct sg_transfer *t, uint16_t index);
/* Nothing that was asked of this source will come. */
void sg_fetch_drop(struct sg_core *core, struct sg_transfer *t, struct sg_source *source);
void sg_fetch_timeout(struct sg_core *core, struct sg_transfer *t);
sg_time_ns sg_fetch_due(const struct sg_transfer *t);

/* ---- large_frames.c: frames in and out ---- */
/* in: the frame as it came; r at its body. */
void sg_large_receive(struct sg_core *core, struct sg_link *link, struct sg_scope *scope,
                      struct sg_reader *r, const struct sg_core_in *in);
void sg_large_neighbor_up(struct sg_core *core, const struct sg_scope *scope,
                          const struct sg_peer_id *peer);
void sg_large_neighbor_down(struct sg_core *core, const struct sg_scope *scope,
                            const struct sg_peer_id *peer);
/* A chunk found no room in the link. */
void sg_large_push_dropped(struct sg_core *core, const struct sg_core_in *in);
/* Tells the neighbours that lack chunks what is here. */
void sg_large_tell(struct sg_core *core, struct sg_transfer *t);
/* Asks all neighbours of the scope what they have. */
void sg_large_query(struct sg_core *core, struct sg_transfer *t);
/* Tells all neighbours of the scope that this node has nothing of it yet. */
void sg_large_want(struct sg_core *core, const struct sg_queued *q);
/* Encodes one frame and sends it on the lane pubsub. */
void sg_large_send(struct sg_core *core, const struct sg_peer_id *peer,
                   const struct sg_topic_id *topic, const struct sg_large_msg *msg);
/* The announcement of a payload [SG_PAYLOAD_MAX + 1 .. SG_LARGE_MAX]; NULL when out of memory. */
struct sg_buf *sg_large_announce(const struct sg_core *core, struct sg_bytes payload);
/* Its bytes of one chunk. */
struct sg_bytes sg_large_chunk_of(struct sg_bytes payload, uint16_t index);
/* A CHUNK frame; NULL when out of memory. */
struct sg_buf *sg_large_chunk_frame(const struct sg_core *core, const struct sg_topic_id *topic,
                                    const struct sg_large_msg *msg);
void sg_large_chunk_hash(const struct sg_core *core, uint16_t index, struct sg_bytes bytes,
                         uint8_t hash[SG_ID_LEN]);

#endif
