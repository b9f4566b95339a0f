/* Plumtree: epidemic broadcast trees (Leitao, Pereira, Rodrigues, SRDS 2007; TR-07-14). A pure
 * machine over message ids: payloads, signatures and encoding are the node's. See plumtree.c for
 * the essay. */
#ifndef SG_PLUMTREE_PLUMTREE_H
#define SG_PLUMTREE_PLUMTREE_H

#include "base/index.h"
#include "base/mem.h"
#include "base/prng.h"
#include "base/time.h"
#include "plumtree/score.h"
#include "wire/pt_msg.h"

/* The most neighbours a config may ask for. */
#define SG_PT_PEERS_HARD 32
/* The most advertisers a config may keep per missing message: their marks share one word. */
#define SG_PT_ADVERTISERS_HARD 16
/* No input gives more outputs than this: a push to each neighbour and a few moves in the tree, or
 * one slice of announcements, grafts and expired ids. More work than fits leaves the deadline at
 * once. */
#define SG_PT_OUT_MAX 128
/* A message goes to one neighbour at most so often (threats.md 13). */
#define SG_PT_SENT_MAX 3

struct sg_pt_config {
    const struct sg_mem *mem;
    uint16_t peers_max;       /* [16] neighbours */
    uint32_t seen_max;        /* [16384] ids remembered as seen, oldest forgotten first */
    uint32_t cache_max;       /* [2048] of those, messages the node still holds to answer GRAFT */
    uint32_t missing_max;     /* [2048] announced but not received */
    uint16_t advertisers_max; /* [4] per missing message */
    uint16_t ihave_queue_max; /* [256] ids waiting per neighbour, <= SG_PT_IHAVE_MAX; the last one
                               * that fits sends them all at once */
    uint16_t ihave_on_up;     /* [256] newest cached ids announced to a new neighbour */
    uint16_t optimise_threshold; /* [3; 0 = off] hops; TR-07-14 s3.8 */
    uint64_t cache_ns;           /* [60 s] how long the node holds a message */
    uint64_t seen_ns;            /* [300 s] dedup horizon, >= cache_ns */
    uint64_t ihave_flush_ns;     /* [10 ms] wait of an id in a lazy queue .. */
    uint64_t ihave_pause_ns;     /* [100 ms] .. and pause behind them, half more or less */
    uint64_t graft_min_ns;       /* [50 ms] bounds of the missing-message timer, whose value is */
    uint64_t graft_max_ns;       /* [2 s]   max(2 SRTT + 4 var of the advertiser, observed lead) */
    uint8_t graft_tries_max;     /* [8] then the message is forgotten until announced again */
    uint64_t backoff_ns;         /* [60 s] a pruned link is not grafted without a message that is
                                  * missing; 0 = no back-off */
    uint64_t dontwant_ns;        /* [10 s] how long an IDONTWANT holds */
    uint64_t promise_ns;         /* [6 s] an announced id has come so long after the neighbour was
                                  * asked for it, from whomever */
    uint32_t ihave_frames; /* [200] a second and neighbour, and one per message that comes .. */
    uint32_t ihave_ids;    /* [5000] .. the same of ids; twice as many at once */
    uint32_t asks;         /* [10] GRAFTs with an id a second to one neighbour; each answer
                                  * allows for two more */
    struct sg_score_weights weights;
};

struct sg_pt_config sg_pt_config_default(const struct sg_mem *mem);

enum sg_pt_in_kind {
    SG_PT_IN_TIMEOUT,
    SG_PT_IN_NEIGHBOR_UP,   /* peer: eager from now on */
    SG_PT_IN_NEIGHBOR_DOWN, /* peer */
    SG_PT_IN_BROADCAST,     /* id: our own new message; the node holds it */
    SG_PT_IN_GOSSIP,        /* peer, id, hop: new, verified, held by the node */
    SG_PT_IN_DUPLICATE,     /* peer, id, hop: a copy of a seen message came */
    SG_PT_IN_REFUSED,       /* peer, id, hop: came, but is expired or not wanted (its id is the hash
                             * of what came, so nobody else's message is meant): neither seen nor
                             * passed on, and not asked for again */
    SG_PT_IN_IHAVE,         /* peer, have [count] */
    SG_PT_IN_GRAFT,         /* peer, has_id, id */
    SG_PT_IN_PRUNE,         /* peer */
    SG_PT_IN_RTT,           /* peer, srtt_ns, rttvar_ns */
    SG_PT_IN_PUSH_DROPPED,  /* peer, id: the lane was full, so leave an IHAVE instead */
    SG_PT_IN_ARRIVING,      /* peer, id: the first copy of a large message has come and is being
                             * verified: nobody need send another one */
    SG_PT_IN_DONTWANT,      /* peer, id */
    SG_PT_IN_DONTHAVE,      /* peer, id: the answer to a GRAFT for what it cannot send */
    SG_PT_IN_CONDUCT,       /* peer, event: the node has something against it */
    SG_PT_IN_ABOUT,         /* peer, group (0 = unknown), is_trusted: who a neighbour is */
    SG_PT_IN_GONE           /* id: the node had to let its message go before FORGET */
};

struct sg_pt_in {
    enum sg_pt_in_kind kind;
    struct sg_peer_id peer;
    struct sg_msg_id id;
    uint8_t hop;
    bool has_id;
    const struct sg_pt_have *have; /* IHAVE [count]; borrowed */
    size_t count;
    uint64_t srtt_ns;
    uint64_t rttvar_ns;
    bool is_postponed;         /* IHAVE: the message itself came, but could not be looked at */
    bool is_over_budget;       /* GRAFT: the message is not to be sent now */
    bool is_kept;              /* GRAFT: the node can send the message though it was GONE */
    enum sg_score_event event; /* CONDUCT: INVALID or FAULT */
    uint64_t group;            /* ABOUT: of its address */
    bool is_trusted;           /* ABOUT: a contact */
};

enum sg_pt_out_kind {
    SG_PT_OUT_GOSSIP, /* peer, id, hop: push the message (the hop to write into it) */
    SG_PT_OUT_IHAVE,  /* peer, have [count]: points into the machine, valid until the next input */
    SG_PT_OUT_GRAFT,  /* peer, has_id, id */
    SG_PT_OUT_PRUNE,  /* peer */
    SG_PT_OUT_FORGET, /* id: no longer cached, the node lets its payload go */
    SG_PT_OUT_DONTWANT, /* peer, id */
    SG_PT_OUT_DONTHAVE, /* peer, id */
    SG_PT_OUT_PUT_AWAY  /* peer: its score is below accept_min; told once */
};

struct sg_pt_out {
    enum sg_pt_out_kind kind;
    struct sg_peer_id peer;
    struct sg_msg_id id;
    uint8_t hop;
    bool has_id;
    const struct sg_pt_have *have;
    size_t count;
};

struct sg_pt_outbox {
    size_t count;
    struct sg_pt_out out[SG_PT_OUT_MAX];
};

/* Plain counters; they only grow. */
struct sg_pt_stats {
    uint64_t payloads_new;
    uint64_t payloads_duplicate;
    uint64_t payloads_sent;
    uint64_t ihaves_sent; /* ids */
    uint64_t ihaves_received;
    uint64_t grafts_sent;
    uint64_t grafts_received;
    uint64_t grafts_unanswerable; /* id no longer cached */
    uint64_t prunes_sent;
    uint64_t prunes_received;
    uint64_t grafts_served;     /* GRAFTs with an id answered by the message */
    uint64_t grafts_refused;    /* with an id this neighbour was sent SG_PT_SENT_MAX times */
    uint64_t grafts_in_backoff; /* received, without a message that is missing there: after three,
                                 * one each backoff_ns, they are faults */
    uint64_t grafts_early;      /* pulled, but the tree brought it after all: timer too short */
    uint64_t missing_recovered; /* announced first, then received (pushed or pulled) */
    uint64_t missing_given_up;  /* asked everybody for it, or the last advertiser is gone */
    uint64_t missing_overflow;  /* dropped because missing_max were waiting */
    uint64_t pushes_dropped;    /* PUSH_DROPPED: announced instead */
    uint64_t seen_overflow;     /* forgotten before seen_ns because seen_max were newer */
    uint64_t optimisations;     /* parents exchanged for a shorter path */
    uint64_t rescues;           /* the last eager neighbour was lost, a lazy one grafted */
    uint64_t dontwants_sent;
    uint64_t dontwants_received;
    uint64_t donthaves_received; /* that were due: the neighbour had been asked */
    uint64_t pushes_spared;      /* not wanted: announced instead */
    uint64_t ihaves_refused;     /* ids above the rate, or of a neighbour below gossip_min */
    uint64_t asks_held;          /* GRAFTs that waited: the neighbour's answers are due first */
    uint64_t promises_kept, promises_broken;
    uint64_t faults;        /* of neighbours, all kinds */
    uint64_t sources_lost;  /* eager neighbours that brought nothing any more */
    uint64_t median_grafts; /* neighbours in the tree were bad: a better one was grafted */
    uint64_t cut_by_score;  /* cycles cut at the worse link */
    uint64_t put_away;
    uint64_t guards; /* times that contacts were taken into the tree: too much had to be pulled */
};

enum sg_pt_known { SG_PT_UNKNOWN, SG_PT_SEEN, SG_PT_CACHED };

struct sg_pt; /* defined by the implementation in plumtree/state.h */

/* *out is owned by the caller. An idle machine has 3 KB; tables grow with what they hold, to 1.3 MB
 * with the defaults. SG_ERR_NO_MEMORY; SG_ERR_INVALID_ARGUMENT when the config breaks a hard
 * limit. */
SG_MUST_USE sg_err sg_pt_new(struct sg_pt **out, const struct sg_pt_config *config, sg_time_ns now,
                             uint64_t seed);
void sg_pt_free(struct sg_pt *m);

/* One event in, all its outputs out (out is emptied first). On an error neither the machine nor
 * out has changed: SG_ERR_PROTOCOL for input of a peer that is no neighbour (messages cross with
 * DISCONNECT, so the node only counts it), SG_ERR_DUPLICATE for BROADCAST, GOSSIP or REFUSED of a
 * seen id, SG_ERR_FULL for NEIGHBOR_UP above peers_max, SG_ERR_EXISTS for NEIGHBOR_UP of a
 * neighbour (its place in the tree stays), SG_ERR_INVALID_ARGUMENT for an IHAVE without ids or
 * with more than SG_PT_IHAVE_MAX, SG_ERR_NO_MEMORY for BROADCAST and GOSSIP.
 * Cost O(peers_max + count), TIMEOUT O(work due). */
SG_MUST_USE sg_err sg_pt_input(struct sg_pt *m, sg_time_ns now, const struct sg_pt_in *in,
                               struct sg_pt_outbox *out);
/* Room for one more message: the next BROADCAST or GOSSIP does not want for memory.
 * SG_ERR_NO_MEMORY: nothing has changed. */
SG_MUST_USE sg_err sg_pt_reserve(struct sg_pt *m);
/* When to feed IN_TIMEOUT; <= now: at once; SG_TIME_NEVER. O(1). */
sg_time_ns sg_pt_deadline(const struct sg_pt *m);
/* An input is about to come, see sg_core_prefetch; stages 0 and 1. */
void sg_pt_prefetch(const struct sg_pt *m, bool is_timeout, unsigned stage);
/* Asserts every invariant of neighbours, queues and missing messages, and of the 64 oldest and the
 * 64 newest seen entries. O(peers_max^2 + missing). */
void sg_pt_check(const struct sg_pt *m);
/* Whether an id was seen, and whether the node still holds its message. O(1). */
enum sg_pt_known sg_pt_known(const struct sg_pt *m, const struct sg_msg_id *id);
/* Whether an id is announced and still to come. O(1). */
bool sg_pt_is_missing(const struct sg_pt *m, const struct sg_msg_id *id);
const struct sg_pt_stats *sg_pt_stats(const struct sg_pt *m);
/* Whether peer is a neighbour and eager. */
bool sg_pt_is_eager(const struct sg_pt *m, const struct sg_peer_id *peer);
/* A message came another way: who announced it has kept its word. O(neighbours). */
void sg_pt_came(struct sg_pt *m, const struct sg_msg_id *id);
/* Numbers of neighbours that messages are pushed to, and of those that are told ids. */
void sg_pt_degrees(const struct sg_pt *m, size_t *eager, size_t *lazy);

/* Neighbours that messages are expected from; whether one is. */
size_t sg_pt_sources(const struct sg_pt *m);
bool sg_pt_is_source(const struct sg_pt *m, const struct sg_peer_id *peer);
/* What a neighbour's conduct is worth now; 0 for who is none. */
int32_t sg_pt_score(const struct sg_pt *m, const struct sg_peer_id *peer);

#endif
