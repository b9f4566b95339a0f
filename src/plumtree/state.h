/* Inside of the Plumtree machine, shared by the files of this folder only. Each function works on
 * what its file is about; plumtree.c puts them together. Time is m->now. */
#ifndef SG_PLUMTREE_STATE_H
#define SG_PLUMTREE_STATE_H

#include "base/bucket.h"
#include "base/index.h"
#include "plumtree/plumtree.h"

/* Names a neighbour in seen and missing entries in four bytes. Given at NEIGHBOR_UP and not used
 * again (before 2^32 others): what a peer said before its link went down names nobody after. */
#define SG_PT_TAG_NONE 0
/* No place in an array. */
#define SG_PT_NONE UINT32_MAX

/* Slices of work per TIMEOUT, so that the outbox cannot overflow. */
#define SG_PT_GRAFT_SLICE 32
#define SG_PT_FORGET_SLICE 64
#define SG_PT_EVICT_SLICE 1024
/* Ids that one neighbour does not want to be sent, and announcements of one that are watched. */
#define SG_PT_UNWANTED_MAX 32
#define SG_PT_PROMISES_MAX 4
/* Below this a neighbour is not chosen for the tree, if there is another one. */
#define SG_PT_GOOD_MIN (-10)
/* Below this it is not taken for its short path. */
#define SG_PT_PARENT_MIN 0

/* Missing entries in the order of their announcement. */
struct sg_pt_queue {
    uint32_t oldest;
    uint32_t newest;
    uint32_t count;
};

struct sg_pt_unwanted {
    uint64_t word; /* first of the id */
    sg_time_ns until;
};

struct sg_pt_promise {
    struct sg_msg_id id;
    sg_time_ns due;
};

/* What is kept of a neighbour that has announced or does not want something: most never do. */
struct sg_pt_extra {
    struct sg_bucket frames, ids;    /* IHAVE */
    struct sg_bucket asks;           /* GRAFTs with an id, to it .. */
    struct sg_bucket refused;        /* .. and from it, not answered */
    uint64_t credited;               /* messages that have given their tokens */
    struct sg_pt_promise *promises;  /* [SG_PT_PROMISES_MAX], NULL = none so far */
    struct sg_pt_unwanted *unwanted; /* [SG_PT_UNWANTED_MAX], a ring, NULL = none so far */
    uint8_t promise_count, unwanted_next;
};

struct sg_pt_peer {
    struct sg_peer_id id;
    uint32_t tag;
    bool is_eager; /* in the tree, and messages are expected from it */
    bool is_fed;   /* in the tree, but it is only pushed to */
    bool is_put_away;
    uint8_t slot;               /* place in sg_pt_seen.sent */
    uint16_t queued, queue_cap; /* ids: waiting, and room; <= ihave_queue_max */
    struct sg_pt_have *queue;   /* [queue_cap], announced at lazy_at */
    uint64_t srtt_ns;           /* 0 = not known */
    uint64_t rttvar_ns;
    sg_time_ns quiet_until;   /* what it pushes may have been sent before our PRUNE reached it */
    sg_time_ns backoff_until; /* the link was pruned at either end */
    sg_time_ns returns_at;    /* bucket of returns within a back-off, full at this time */
    uint64_t group;           /* of its address, 0 = not known */
    struct sg_score score;
    struct sg_pt_extra *extra;
    struct sg_pt_queue missing; /* what it was the first to announce */
};

struct sg_pt_seen {
    struct sg_msg_id id;
    sg_time_ns at;
    uint64_t sent;   /* two bits per neighbour's slot: how often it was sent there */
    uint32_t parent; /* tag of who gave it, SG_PT_TAG_NONE for our own */
    uint8_t hop;     /* links travelled to reach us */
    bool is_held;    /* false: only seen */
    bool is_gone;    /* the node had to let it go early */
};

/* Ring by age. The newest `held` entries are the cache, which needs no ring of its own because
 * every message enters both at the same moment and leaves the cache first. */
struct sg_pt_seen_ring {
    struct sg_pt_seen *entries; /* [cap], grows up to seen_max */
    struct sg_index index;
    uint32_t cap;
    uint32_t first; /* place of the oldest */
    uint32_t count;
    uint32_t held;
};

/* Ids that are not asked for any more, see refused.c. */
struct sg_pt_refused {
    struct sg_msg_id *ids; /* NULL until the first one; a ring, the first count are used */
    uint32_t count, next;
};

/* Neighbours that have gone, see left.c. */
struct sg_pt_left {
    struct sg_peer_id id;
    struct sg_score score;
};

struct sg_pt_left_ring {
    struct sg_pt_left *slots; /* NULL until the first one; a ring, the first count are used */
    uint32_t count, next;
};

struct sg_pt_advertiser {
    uint32_t tag;
    uint8_t hop;
};

struct sg_pt_missing {
    struct sg_msg_id id;
    uint32_t older; /* in its queue; `newer` links the free ones too */
    uint32_t newer;
    uint32_t place; /* in the heap */
    uint32_t owner; /* tag of the first advertiser, in whose queue it is */
    uint32_t told;  /* bit per slot of a neighbour that has announced it */
    sg_time_ns since;
    sg_time_ns due;
    uint64_t serial;  /* equal times: the older first */
    uint16_t grafted; /* bit per advertiser: has been asked */
    uint16_t asked;   /* .. in this round */
    uint16_t denied;  /* .. and has said that it cannot send it */
    uint8_t count;    /* advertisers */
    uint8_t tries;    /* GRAFTs sent */
    uint8_t last;     /* advertiser asked last */
};

struct sg_pt_missing_set {
    struct sg_pt_missing *entries;        /* [cap], grows up to missing_max */
    struct sg_pt_advertiser *advertisers; /* [cap * advertisers_max] */
    uint32_t *heap;                       /* [cap] entries, the next one due first */
    struct sg_index index;
    uint32_t cap;
    uint32_t count;
    uint32_t used;              /* entries ever used */
    uint32_t free;              /* list through newer */
    struct sg_pt_queue orphans; /* first announced by neighbours that are gone */
    uint64_t serial;
};

struct sg_pt {
    /* what most inputs look at comes first */
    sg_time_ns now;           /* of the latest input */
    struct sg_pt_peer *peers; /* [peers_max], insertion order */
    uint64_t *words;          /* [peers_max], first words of their ids, for searching */
    uint32_t peers_count;
    uint32_t eager_count;   /* neighbours in the tree: eager or fed */
    uint32_t slots;         /* a bit per slot that a neighbour has */
    bool is_settled;        /* has its place in a tree: essay 10 */
    sg_time_ns lazy_at;     /* what waits in the queues is announced */
    sg_time_ns rests_until; /* .. and what comes soon after it not before this */
    struct sg_pt_seen_ring seen;
    struct sg_pt_refused refused;
    struct sg_pt_left_ring left;
    struct sg_index_keys keys; /* of both indexes */
    struct sg_pt_missing_set missing;
    struct sg_pt_config config;
    sg_time_ns rescue_at; /* a PRUNE may cause the next rescue from then on */
    uint64_t lead_ns;     /* IHAVE lead over payload, near the longest of late .. */
    sg_time_ns lead_at;   /* .. as of this time */
    uint32_t last_tag;
    uint32_t promises;        /* watched, of all neighbours */
    uint64_t total, own;      /* messages of others, of this node */
    sg_time_ns wary_until;    /* see first_wait */
    sg_time_ns guarded_until; /* see guard.c */
    uint32_t gaps;            /* share of messages of late that had to be pulled, thousandths */
    bool has_gone;            /* what waits in a queue may be gone */
    sg_time_ns steady_at;     /* the tree may be optimised from then on */
    sg_time_ns copy_at;       /* the last copy came, or the machine began; .. */
    uint32_t copy_free;       /* .. large messages since then */
    sg_time_ns review_at;     /* the neighbours are looked at with the next message from then on */
    sg_time_ns median_at;     /* a better one may be grafted from then on */
    struct sg_prng prng;
    struct sg_pt_stats stats;
};

/* config.c */
bool sg_pt_config_is_valid(const struct sg_pt_config *c);

/* plumtree.c */
/* A new output, zeroed but for kind and peer (may be NULL). */
struct sg_pt_out *sg_pt_emit(struct sg_pt_outbox *out, enum sg_pt_out_kind kind,
                             const struct sg_peer_id *peer);
/* Pushes the message of entry to peer. */
void sg_pt_push(struct sg_pt *m, const struct sg_pt_peer *peer, struct sg_pt_seen *entry,
                struct sg_pt_outbox *out);

/* peers.c: neighbours, who is eager, and the moves between the two sets */
struct sg_pt_peer *sg_pt_peer_find(struct sg_pt *m, const struct sg_peer_id *id);
struct sg_pt_peer *sg_pt_peer_by_tag(struct sg_pt *m, uint32_t tag);
struct sg_pt_peer *sg_pt_peer_add(struct sg_pt *m, const struct sg_peer_id *id);
void sg_pt_peer_remove(struct sg_pt *m, struct sg_pt_peer *peer);
void sg_pt_peer_set_eager(struct sg_pt *m, struct sg_pt_peer *peer, bool is_eager);
/* Messages are pushed to it: eager or fed. */
static inline bool sg_pt_peer_is_linked(const struct sg_pt_peer *peer)
{
    return peer->is_eager || peer->is_fed;
}
/* The link was pruned of late, so that this node must not graft it without need. */
bool sg_pt_peer_is_in_backoff(const struct sg_pt *m, const struct sg_pt_peer *peer);
/* One of the few returns of a pruned link into the tree that are free within a back-off. */
bool sg_pt_peer_may_return(const struct sg_pt *m, struct sg_pt_peer *peer);
/* Its GRAFT; lacks: it names a message that it was never sent. */
void sg_pt_peer_grafts_us(struct sg_pt *m, struct sg_pt_peer *peer, bool lacks,
                          struct sg_pt_outbox *out);
/* Its PRUNE. */
void sg_pt_peer_prunes_us(struct sg_pt *m, struct sg_pt_peer *peer);
/* A new message by a neighbour outside the tree. */
void sg_pt_peer_pushes_us(struct sg_pt *m, struct sg_pt_peer *peer, struct sg_pt_outbox *out);
void sg_pt_peer_set_rtt(struct sg_pt *m, struct sg_pt_peer *peer, const struct sg_pt_in *in);
/* How long an answer of peer may take: 2 SRTT + 4 var, between the bounds of the graft timer. */
uint64_t sg_pt_peer_patience(const struct sg_pt *m, const struct sg_pt_peer *peer);
/* How long a message may be on its way through the tree, roughly: twice the longest patience. */
uint64_t sg_pt_peer_window(const struct sg_pt *m);
/* Makes peer eager and tells it so; id may be NULL. */
void sg_pt_peer_graft(struct sg_pt *m, struct sg_pt_peer *peer, const struct sg_msg_id *id,
                      struct sg_pt_outbox *out);
/* Makes peer lazy and tells it so. */
void sg_pt_peer_prune(struct sg_pt *m, struct sg_pt_peer *peer, struct sg_pt_outbox *out);
/* With nobody left who is expected to bring messages: grafts a random lazy neighbour other than
 * `but` (may be NULL), if one may return. Whether there was something to do. */
bool sg_pt_peer_rescue(struct sg_pt *m, const struct sg_pt_peer *but, struct sg_pt_outbox *out);

/* seen.c: which ids were seen, and which of their messages the node holds */
void sg_pt_seen_init(struct sg_pt *m);
void sg_pt_seen_fini(struct sg_pt *m);
struct sg_pt_seen *sg_pt_seen_find(const struct sg_pt *m, const struct sg_msg_id *id);
bool sg_pt_seen_is_held(const struct sg_pt *m, const struct sg_pt_seen *entry);
/* Whether entry is young enough to be held. */
bool sg_pt_seen_is_recent(const struct sg_pt *m, const struct sg_pt_seen *entry);
/* Whether entry's id is the smallest of those that came less than window_ns before it, or since. */
bool sg_pt_seen_is_smallest(const struct sg_pt *m, const struct sg_pt_seen *entry,
                            uint64_t window_ns);
/* Whether no other id came less than window_ns before entry, or since. */
bool sg_pt_seen_is_alone(const struct sg_pt *m, const struct sg_pt_seen *entry, uint64_t window_ns);
/* The entry that is `age` entries older than the newest; age < count. */
struct sg_pt_seen *sg_pt_seen_recent(const struct sg_pt *m, uint32_t age);
/* Room for one more id, if there can be more. SG_ERR_NO_MEMORY: nothing has changed. */
SG_MUST_USE sg_err sg_pt_seen_reserve(struct sg_pt *m);
/* A new id after sg_pt_seen_reserve; the caller fills parent and hop. The oldest make room. */
struct sg_pt_seen *sg_pt_seen_add(struct sg_pt *m, const struct sg_msg_id *id, bool is_held,
                                  struct sg_pt_outbox *out);
/* How often it was sent to the neighbour of a slot, up to SG_PT_SENT_MAX. */
static inline unsigned sg_pt_seen_sent(const struct sg_pt_seen *entry, uint8_t slot)
{
    return (unsigned)(entry->sent >> (2 * slot)) & 3;
}
void sg_pt_seen_count_sent(struct sg_pt_seen *entry, uint8_t slot);
void sg_pt_seen_uncount_sent(struct sg_pt_seen *entry, uint8_t slot);
/* The slot's neighbour is gone. O(held). */
void sg_pt_seen_clear_slot(struct sg_pt *m, uint8_t slot);
void sg_pt_seen_timeout(struct sg_pt *m, struct sg_pt_outbox *out);
sg_time_ns sg_pt_seen_deadline(const struct sg_pt *m);

/* refused.c: ids that are not asked for any more */
void sg_pt_refused_fini(struct sg_pt *m);
/* O(256). */
bool sg_pt_refused_has(const struct sg_pt *m, const struct sg_msg_id *id);
void sg_pt_refused_add(struct sg_pt *m, const struct sg_msg_id *id);

/* left.c: what is held against neighbours that have gone */
void sg_pt_left_fini(struct sg_pt *m);
void sg_pt_left_note(struct sg_pt *m, const struct sg_pt_peer *peer);
/* peer has just come: its score is set, before anything else is counted. */
void sg_pt_left_restore(const struct sg_pt *m, struct sg_pt_peer *peer);

/* lazy.c: announcements waiting for each neighbour */
void sg_pt_lazy_queue(struct sg_pt *m, struct sg_pt_peer *peer, struct sg_pt_seen *entry,
                      struct sg_pt_outbox *out);
/* The same when there is no room in the lane for a push. */
void sg_pt_lazy_queue_dropped(struct sg_pt *m, struct sg_pt_peer *peer,
                              const struct sg_pt_seen *entry, struct sg_pt_outbox *out);
/* The newest cached ids, for a new neighbour. */
void sg_pt_lazy_queue_recent(struct sg_pt *m, struct sg_pt_peer *peer, struct sg_pt_outbox *out);
/* peer announced entry at hop, so it need not hear of it from here: takes it out of the queue. Not
 * when the way through this node would be so much shorter that it would exchange its parent. */
void sg_pt_lazy_told(struct sg_pt *m, struct sg_pt_peer *peer, const struct sg_pt_seen *entry,
                     uint8_t hop);
/* Whether that is so for a neighbour that announced entry at hop. */
bool sg_pt_lazy_is_news(const struct sg_pt *m, const struct sg_pt_seen *entry, uint8_t hop);
/* entry is not to be announced any more: it is left out when its queues are sent. O(1). */
void sg_pt_lazy_gone(struct sg_pt *m, struct sg_pt_seen *entry);
/* A queue is sent or gone: finds the next one to be announced. */
void sg_pt_lazy_rearm(struct sg_pt *m);
void sg_pt_lazy_timeout(struct sg_pt *m, struct sg_pt_outbox *out);
sg_time_ns sg_pt_lazy_deadline(const struct sg_pt *m);

/* missing.c: announced but not received, and whom to ask when */
void sg_pt_missing_init(struct sg_pt *m);
void sg_pt_missing_fini(struct sg_pt *m);
void sg_pt_missing_announced(struct sg_pt *m, struct sg_pt_peer *peer,
                             const struct sg_pt_have *have);
/* peer goes: what it announced first belongs to nobody. */
void sg_pt_missing_orphan(struct sg_pt *m, const struct sg_pt_peer *peer);
/* The lazy neighbour that announced id with the fewest hops, or NULL. */
struct sg_pt_peer *sg_pt_missing_shortest(struct sg_pt *m, const struct sg_msg_id *id,
                                          uint8_t *hop);
/* peer does not have what it was asked for: the next advertiser is asked. Ignored if it was not. */
void sg_pt_missing_denied(struct sg_pt *m, struct sg_pt_peer *peer, const struct sg_msg_id *id);
/* Whether peer has announced entry, before it came, and need not hear of it from here. */
bool sg_pt_missing_is_told(struct sg_pt *m, const struct sg_pt_seen *entry,
                           const struct sg_pt_peer *peer);
/* entry came from its parent: no longer missing. */
void sg_pt_missing_arrived(struct sg_pt *m, const struct sg_pt_seen *entry,
                           struct sg_pt_outbox *out);
void sg_pt_missing_timeout(struct sg_pt *m, struct sg_pt_outbox *out);
sg_time_ns sg_pt_missing_deadline(const struct sg_pt *m);

/* conduct.c: what neighbours do with their links, and what follows from it */
/* NULL when out of memory. */
struct sg_pt_extra *sg_pt_conduct_extra(struct sg_pt *m, struct sg_pt_peer *peer);
void sg_pt_conduct_free(struct sg_pt *m, struct sg_pt_peer *peer);
int32_t sg_pt_conduct_value(const struct sg_pt *m, const struct sg_pt_peer *peer);
/* Whether its value is at least min. Cheap for those with nothing against them. */
bool sg_pt_conduct_reaches(const struct sg_pt *m, const struct sg_pt_peer *peer, int32_t min);
/* Counts an event; a bad one may put the neighbour away. */
void sg_pt_conduct_note(struct sg_pt *m, struct sg_pt_peer *peer, enum sg_score_event event,
                        struct sg_pt_outbox *out);
/* Whether an IHAVE with so many ids is within the neighbour's rate. */
bool sg_pt_conduct_may_announce(struct sg_pt *m, struct sg_pt_peer *peer, size_t count,
                                struct sg_pt_outbox *out);
/* The neighbour has brought a message that this node had no time to look at, or another one has:
 * whoever announced it does have it. */
void sg_pt_conduct_postponed(struct sg_pt *m, struct sg_pt_peer *peer, const struct sg_msg_id *id);
/* The id came, from the neighbour with the tag by, or another way: SG_PT_TAG_NONE. */
void sg_pt_conduct_kept(struct sg_pt *m, const struct sg_msg_id *id, uint32_t by);
/* No input came for so long: promises get the time back. */
void sg_pt_conduct_slept(struct sg_pt *m, uint64_t ns);
/* Whether it may be asked for one more message; taken: it is asked. */
bool sg_pt_conduct_may_ask(struct sg_pt *m, struct sg_pt_peer *peer);
void sg_pt_conduct_asked(struct sg_pt *m, struct sg_pt_peer *peer, const struct sg_msg_id *id);
/* It has said that it cannot send it. */
void sg_pt_conduct_denied(struct sg_pt *m, struct sg_pt_peer *peer, const struct sg_msg_id *id);
/* It has answered. */
void sg_pt_conduct_answered(struct sg_pt *m, struct sg_pt_peer *peer);
/* It asks for what it was sent often enough, or for too many bytes. Over a full link an honest
 * neighbour does so, as often as its own bucket of asks lets it: only more is a fault. */
void sg_pt_conduct_refused(struct sg_pt *m, struct sg_pt_peer *peer, struct sg_pt_outbox *out);
/* It was answered, which lets it ask for more. */
void sg_pt_conduct_served(struct sg_pt_peer *peer);
/* From time to time, with a message: who brings nothing is not eager, and the tree is mended where
 * its links are bad. */
void sg_pt_conduct_review(struct sg_pt *m, struct sg_pt_outbox *out);
/* Counts the neighbours of each group of addresses. */
void sg_pt_conduct_crowds(struct sg_pt *m);

/* guard.c: contacts as a second way while neighbours withhold messages */
bool sg_pt_guard_is_on(const struct sg_pt *m);
/* Whether it is on and a contact is in the tree. O(neighbours). */
bool sg_pt_guard_brings(const struct sg_pt *m);
/* Whether copies by peer do not cut its link. O(neighbours). */
bool sg_pt_guard_keeps(const struct sg_pt *m, const struct sg_pt_peer *peer);
/* peer is, or has become, a contact: it is taken into the tree while the guard is on. */
void sg_pt_guard_meet(struct sg_pt *m, struct sg_pt_peer *peer, struct sg_pt_outbox *out);
/* A message has come, by itself or only because this node asked for it. */
void sg_pt_guard_note(struct sg_pt *m, bool is_pulled, struct sg_pt_outbox *out);

/* unwanted.c: IDONTWANT */
void sg_pt_unwanted_tell(struct sg_pt *m, const struct sg_pt_peer *but, const struct sg_msg_id *id,
                         struct sg_pt_outbox *out);
void sg_pt_unwanted_add(struct sg_pt *m, struct sg_pt_peer *peer, const struct sg_msg_id *id);
bool sg_pt_unwanted_has(const struct sg_pt *m, const struct sg_pt_peer *peer,
                        const struct sg_msg_id *id);

/* queue.c: missing entries in the order of their announcement */
void sg_pt_queue_init(struct sg_pt_queue *queue);
void sg_pt_queue_append(struct sg_pt_missing *entries, struct sg_pt_queue *queue, uint32_t at);
void sg_pt_queue_remove(struct sg_pt_missing *entries, struct sg_pt_queue *queue, uint32_t at);
/* Moves all of from to the end of to. */
void sg_pt_queue_splice(struct sg_pt_missing *entries, struct sg_pt_queue *to,
                        const struct sg_pt_queue *from);

/* due.c: the heap of missing messages by time */
void sg_pt_due_add(struct sg_pt_missing_set *set, uint32_t at);
void sg_pt_due_remove(struct sg_pt_missing_set *set, uint32_t at);
/* After entries[at].due has changed. */
void sg_pt_due_moved(struct sg_pt_missing_set *set, uint32_t at);

#endif
