/* HyParView: partial views (Leitao, Pereira, Rodrigues, "HyParView: a membership protocol for
 * reliable gossip-based broadcast", DSN 2007). A pure machine: see hyparview.c for the essay. */
#ifndef SG_HYPARVIEW_HYPARVIEW_H
#define SG_HYPARVIEW_HYPARVIEW_H

#include "base/mem.h"
#include "base/prng.h"
#include "base/time.h"
#include "wire/hpv_msg.h"

/* The most a config may ask for: arrays are sized by them. */
#define SG_HPV_ACTIVE_HARD 32
#define SG_HPV_PASSIVE_HARD 512
/* Contacts a node may name. */
#define SG_HPV_CONTACTS_MAX 32
/* No input gives more outputs than this (static_assert in hyparview.c). */
#define SG_HPV_OUT_MAX 96

struct sg_hpv_config {
    const struct sg_mem *mem;
    uint16_t active_target;         /* [8]  neighbours are sought until there are so many */
    uint16_t active_max;            /* [12] joins and high priority are taken in up to here */
    uint16_t passive_max;           /* [64] */
    uint8_t arwl;                   /* [6]  active random walk length */
    uint8_t prwl;                   /* [3]  passive random walk length */
    uint8_t shuffle_ttl;            /* [6] */
    uint8_t shuffle_active;         /* [3]  ka */
    uint8_t shuffle_passive;        /* [4]  kp */
    uint8_t jitter_percent;         /* [20] of every interval and pause below, either way */
    uint64_t shuffle_interval_ns;   /* [30 s] */
    uint64_t rotate_interval_ns;    /* [300 s] one neighbour is exchanged; 0 = never */
    uint64_t rotate_first_ns;       /* [15 s] the first exchanges: within this, then after 0 .. 2
                                     * of it, and twice as long each time, until the interval. Cut
                                     * to it */
    uint64_t neighbor_timeout_ns;   /* [5 s] a JOIN or NEIGHBOR without answer has failed */
    uint64_t repair_backoff_ns;     /* [200 ms] first pause after a refused or failed promotion */
    uint64_t repair_backoff_max_ns; /* [10 s] pauses double up to here */
    uint64_t evict_interval_ns;     /* [5 s] strangers who ask us evict one neighbour in that time
                                     * (at most 3 at once) and none younger; 0 = no limit, as with
                                     * less than two places above active_target */
    bool evict_youngest;            /* [yes] strangers who ask us evict the youngest, else any */
    uint8_t contact_slots; /* [2] active places that only contacts take; 0 = none. Held free
                                     * of strangers only while we know contacts to fill them.
                                     * Cut to active_max - 1 */
    uint8_t chosen_min;    /* [2] active links to strangers we asked for: no stranger who asked us
                                     * evicts below it, and we ask for more when there are fewer.
                                     * Cut to a quarter of active_target */
};

/* Defaults in brackets above. */
struct sg_hpv_config sg_hpv_config_default(const struct sg_mem *mem);

enum sg_hpv_in_kind {
    SG_HPV_IN_TIMEOUT,    /* the deadline has come */
    SG_HPV_IN_JOIN,       /* peer: join the overlay through this contact */
    SG_HPV_IN_CANDIDATES, /* peers [count]: heard of elsewhere (cache, topic walk): passive view.
                           * on: the next exchange of a neighbour is with the first of them,
                           * is_soon: and at once */
    SG_HPV_IN_FAILED,     /* peer: the link went down or could not be opened */
    SG_HPV_IN_MESSAGE,    /* peer = the authenticated sender, msg */
    SG_HPV_IN_DEAD,       /* peer: the failure detector's verdict; leaves all views for good (a
                           * contact stays known, in a pause) */
    SG_HPV_IN_CONTACT,    /* peer, on: is (not) a contact: named by the user, dialled first, never
                           * evicted for a stranger, never forgotten */
    SG_HPV_IN_LEAVE       /* say DISCONNECT to all and go quiet */
};

struct sg_hpv_in {
    enum sg_hpv_in_kind kind;
    struct sg_peer_id peer;
    bool on;                        /* CONTACT, CANDIDATES */
    bool is_soon;                   /* CANDIDATES */
    const struct sg_hpv_msg *msg;   /* MESSAGE; borrowed */
    const struct sg_peer_id *peers; /* CANDIDATES [count]; borrowed */
    size_t count;
};

/* When outputs are executed the machine is in its state after the input already: a peer that is
 * down and up again in one outbox (it lost its state and asked anew) is active all the time. */
enum sg_hpv_out_kind {
    SG_HPV_OUT_SEND,          /* peer, msg; the node opens a link first when there is none */
    SG_HPV_OUT_NEIGHBOR_UP,   /* peer entered the active view */
    SG_HPV_OUT_NEIGHBOR_DOWN, /* peer left the active view */
    SG_HPV_OUT_ISOLATED       /* no neighbour, or less than half of the target since some were lost
                               * of late, and no candidate that could be asked now: the node tries
                               * its ladder. Repeated with back-off while it stays so. */
};

struct sg_hpv_out {
    enum sg_hpv_out_kind kind;
    struct sg_peer_id peer;
    struct sg_hpv_msg msg; /* SEND */
};

/* Outputs of one input, to be executed in order. */
struct sg_hpv_outbox {
    size_t count;
    struct sg_hpv_out out[SG_HPV_OUT_MAX];
};

struct sg_hpv_active {
    struct sg_peer_id id;
    sg_time_ns since;
    bool is_chosen; /* we asked for the link; not for one that somebody's walk offered */
    bool is_contact;
};

/* What is known of a candidate besides its id. */
struct sg_hpv_trial {
    sg_time_ns retry_at; /* not asked before */
    uint16_t introducer; /* tag of the peer that named it; 0 = we know it ourselves */
    uint8_t failures;    /* in a row: dials and answers that did not come; 0 = alive or unknown */
};

struct sg_hpv_contact {
    struct sg_peer_id id;
    struct sg_hpv_trial trial;
};

enum sg_hpv_purpose {
    SG_HPV_FOR_JOIN,     /* our JOIN to the node that the user named for it */
    SG_HPV_FOR_CONTACT,  /* fewer contacts are active than have places, or nobody else is left */
    SG_HPV_FOR_NEWCOMER, /* a FORWARD_JOIN walk ended here */
    SG_HPV_FOR_REPAIR,   /* the active view is below its target */
    SG_HPV_FOR_ROTATION  /* takes the place of a random neighbour */
};

struct sg_hpv_pending {
    struct sg_peer_id id;
    sg_time_ns deadline;
    enum sg_hpv_purpose purpose;
    bool high_priority;
};

/* At most so many JOIN/NEIGHBOR requests wait for an answer at once; .. */
#define SG_HPV_PENDING_MAX 16
/* .. so many while there are neighbours enough. */
#define SG_HPV_PENDING_CALM 4

/* A peer that joined through us or ended a link with us of late. */
struct sg_hpv_recent {
    struct sg_peer_id id;
    sg_time_ns spread_at;  /* bucket of SG_HPV_JOIN_BURST announcements, full at this time */
    sg_time_ns settled_at; /* bucket of SG_HPV_FLAP_BURST endings, full at this time */
};

#define SG_HPV_RECENT_MAX 16
/* JOINs of one peer are announced by FORWARD_JOIN once in 10 s, after a burst of 3. */
#define SG_HPV_JOIN_BURST 3
#define SG_HPV_JOIN_INTERVAL_NS (10 * SG_NS_PER_S)
/* A peer that ended its link 3 times comes back once a minute. */
#define SG_HPV_FLAP_BURST 3
#define SG_HPV_FLAP_INTERVAL_NS (60 * SG_NS_PER_S)
/* Strangers who ask evict so many neighbours at once, then one each evict_interval_ns. */
#define SG_HPV_EVICT_BURST 3

struct sg_hpv {
    struct sg_hpv_config config;
    struct sg_peer_id self;
    struct sg_prng prng;
    struct sg_hpv_active *active; /* [active_max], insertion order */
    uint16_t active_count;
    struct sg_peer_id *passive; /* [passive_max], insertion order */
    uint16_t passive_count;
    struct sg_hpv_trial *trial; /* [passive_max], parallel to passive */
    struct sg_hpv_pending pending[SG_HPV_PENDING_MAX];
    uint8_t pending_count;
    /* [SG_HPV_CONTACTS_MAX], insertion order; never in passive; NULL until the first one */
    struct sg_hpv_contact *contacts;
    uint8_t contact_count;
    struct sg_hpv_recent recent[SG_HPV_RECENT_MAX];
    uint8_t recent_count;
    sg_time_ns evict_at; /* bucket of SG_HPV_EVICT_BURST evictions, full at this time */
    uint64_t tag_key;    /* of the tags of introducers: nobody else can tell which two are alike */
    struct sg_peer_id sent[SG_HPV_SHUFFLE_MAX]; /* ids of our last SHUFFLE, replaced first */
    uint8_t sent_count;                         /* 0 = no SHUFFLE_REPLY is expected */
    bool has_left;
    sg_time_ns last_now;
    sg_time_ns shuffle_at;
    sg_time_ns rotate_at;
    uint64_t rotate_pause_ns; /* until the next exchange but one, on average */
    struct sg_peer_id bridge; /* whom to exchange a neighbour for */
    bool has_bridge;
    sg_time_ns repair_at;
    sg_time_ns needy_until; /* neighbours were lost, and fewer than half are left */
    uint64_t repair_pause_ns;
};

/* Allocates views. SG_ERR_NO_MEMORY; SG_ERR_INVALID_ARGUMENT when the config breaks a
 * hard limit, prwl > arwl, or active_target > active_max. Nothing to free after an error. */
SG_MUST_USE sg_err sg_hpv_init(struct sg_hpv *m, const struct sg_hpv_config *config,
                               const struct sg_peer_id *self, sg_time_ns now, uint64_t seed);
void sg_hpv_fini(struct sg_hpv *m);

/* One event in, all its outputs out (out is emptied first). On an error neither the machine nor
 * out has changed: SG_ERR_PROTOCOL for a message that no correct peer sends (charge the peer),
 * SG_ERR_INVALID_ARGUMENT for joining oneself or being one's own contact, SG_ERR_FULL for
 * more than SG_HPV_CONTACTS_MAX contacts, SG_ERR_NO_MEMORY for the first. A clock that goes back
 * counts as standing still.
 * Cost O(active_max + passive_max), for shuffles times SG_HPV_SHUFFLE_MAX. */
SG_MUST_USE sg_err sg_hpv_input(struct sg_hpv *m, sg_time_ns now, const struct sg_hpv_in *in,
                                struct sg_hpv_outbox *out);
/* When to feed IN_TIMEOUT; <= now: at once; SG_TIME_NEVER. */
sg_time_ns sg_hpv_deadline(const struct sg_hpv *m);
/* Asserts every invariant: views disjoint, without self, without duplicates, within limits. */
void sg_hpv_check(const struct sg_hpv *m);
bool sg_hpv_is_active(const struct sg_hpv *m, const struct sg_peer_id *peer);
/* Whether the machine waits for an answer of peer, so that its link is still needed. */
bool sg_hpv_is_pending(const struct sg_hpv *m, const struct sg_peer_id *peer);

#endif
