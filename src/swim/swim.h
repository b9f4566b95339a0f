/* SWIM with Lifeguard: who is a member, and who has failed (Das, Gupta, Motivala, DSN 2002; Dadgar,
 * Phillips, Currey, arXiv 1707.00788). A pure machine: see swim.c for the essay.
 *
 * Two ways to run it. As in the papers: packets to any member, one probe per period, deaths and
 * refutations believed as gossip brings them (sg_swim_config_paper). As in this overlay
 * (sg_swim_config_default): links are expensive, so neighbours are watched closely and members
 * without a link seldom; news floods over the watched links; nobody's word alone kills, and only
 * the subject's signed record raises its incarnation. */
#ifndef SG_SWIM_SWIM_H
#define SG_SWIM_SWIM_H

#include "base/map.h"
#include "base/mem.h"
#include "base/prng.h"
#include "base/time.h"
#include "wire/swim_msg.h"

/* The most a config may ask for. */
#define SG_SWIM_MEMBERS_HARD 4096
#define SG_SWIM_INDIRECT_HARD 8
#define SG_SWIM_CONFIRMATIONS_HARD 8
/* No input gives more outputs than this (static_assert in queue.c): a TABLE may bring as many
 * members and drop as many others. */
#define SG_SWIM_OUT_MAX 384
/* Rumors over all packets of one outbox; packets of one flood share theirs. */
#define SG_SWIM_OUT_RUMORS_MAX 128

struct sg_swim_config {
    const struct sg_mem *mem;
    uint16_t members_max;   /* [256] alive and suspect, without self. When more are known: all that
                           * have a link, and a uniform sample (smallest keyed hash) of others */
    uint16_t strangers_max; /* [64] accused at one time who are not in a full table, and 4 times as
                             * many settled in a minute; 0 = none is listened to */
    uint16_t dead_max;      /* [256] the failed are remembered, to be probed again */
    /* probing */
    uint64_t period_ns;        /* [1 s] protocol period */
    uint64_t timeout_min_ns;   /* [200 ms] of a direct ping: 2 SRTT + 4 var between these two, .. */
    uint64_t timeout_max_ns;   /* [500 ms] .. times local health + 1 */
    uint64_t window_ns;        /* [600 ms] ping to suspicion, indirect probes included, times local
                                * health + 1; <= period. Longer, up to 4 times, for peers whose
                                * 2 SRTT + 4 var is; 3 times for those without a link */
    uint8_t indirect;          /* [3] PING_REQs, to linked members where possible */
    bool random_target;        /* [false] as SWIM s3.1 analyses it; else round robin (s4.3) */
    uint8_t awareness_max;     /* [8] values of the local health counter: 0 .. 7 */
    uint64_t watch_ns;         /* [1 s] a watched peer silent for so long is pinged, up to 5/3 of
                                * it where more than 6 are watched; 0 = none is */
    uint64_t dial_interval_ns; /* [10 s] pause between probes of members without a link after an
                                * accusation, growing to 8 times that in calm; and between relayed
                                * probes of such; 0 = no difference is made */
    /* suspicion: Min = alpha max(1, log10(n)) period, in [suspicion_min, suspicion_cap];
     * Max = beta Min; shrinks with log(confirmations + 1) / log(k + 1) */
    uint32_t alpha_milli;      /* [4000] */
    uint32_t beta_milli;       /* [6000] */
    uint64_t suspicion_min_ns; /* [1.9 s] */
    uint64_t suspicion_cap_ns; /* [1.9 s] SG_TIME_NEVER = none */
    uint8_t confirmations;     /* [3] k, besides the first accuser; fewer where fewer can confirm
                                * (memberlist, and without proofs: none where not all k can) */
    /* dissemination */
    uint32_t lambda_milli;       /* [4000] each rumor is sent lambda ceil(log10(n + 1)) times */
    uint64_t gossip_interval_ns; /* [200 ms] packets of rumors alone, while there are any; 0 = none:
                                  * rumors ride on probes */
    uint8_t gossip_fanout;       /* [3] */
    uint64_t gossip_dead_ns;     /* [30 s] the dead are told so long */
    bool flood;                  /* [true] news goes at once to all watched peers, at most 32 */
    uint64_t push_pull_ns;  /* [30 s] table exchange with a random linked peer; 0 = on join only */
    uint64_t reconnect_ns;  /* [10 s] one of the dead is probed again; 0 = never */
    uint64_t dead_keep_ns;  /* [24 h] then they are forgotten */
    uint8_t jitter_percent; /* [20] of intervals, < 100; paper mode: 0, with random first offsets */
    /* parts of Lifeguard, all on by default */
    bool lha_probe, lha_suspicion, buddy;
    /* What the papers leave open to anybody on the network. [true]: DEAD counts as an accusation,
     * ALIVE never raises the incarnation of a known member; RECORD inputs do. */
    bool proofs;
};

struct sg_swim_config sg_swim_config_default(const struct sg_mem *mem);
/* memberlist's LAN settings as in the Lifeguard paper: alpha 5, beta 6, probe 1 s, timeout 500 ms,
 * gossip to 3 every 200 ms, everything that is ours alone switched off. lifeguard false: plain SWIM
 * with suspicion (beta 1, no LHA, no buddy). */
struct sg_swim_config sg_swim_config_paper(const struct sg_mem *mem, bool lifeguard);

enum sg_swim_in_kind {
    SG_SWIM_IN_TIMEOUT,   /* the deadline has come */
    SG_SWIM_IN_PACKET,    /* peer = the authenticated sender, packet. Also counts as HEARD */
    SG_SWIM_IN_HEARD,     /* peer: something else came over its link (told at most every 100 ms) */
    SG_SWIM_IN_LINK_UP,   /* peer, incarnation: as its HELLO said; first-hand sign of life */
    SG_SWIM_IN_LINK_DOWN, /* peer, is_failure: reset, timeout or a failed dial asked for by a SEND
                            * (not: agreed or unneeded). Failure: probed at once, by others only */
    SG_SWIM_IN_WATCH,     /* peer (linked), on: it is in somebody's active view and is watched */
    SG_SWIM_IN_RTT,       /* peer, srtt_ns, rttvar_ns, lost_permille: of its QUIC connection */
    SG_SWIM_IN_TABLE,     /* peer, table: state of another node */
    SG_SWIM_IN_RECORD,    /* peer = subject, incarnation, leaves: signature and key checked. Our own
                           * with a higher incarnation: of a life whose boot counter is lost */
    SG_SWIM_IN_HEARSAY,   /* peers [count]: heard of elsewhere, e.g. the only ones known at start.
                           * JOIN comes when something confirms that they live (paper mode: at
                           * once, with incarnation 0) */
    SG_SWIM_IN_ANNOUNCE,  /* own metadata changed: a new incarnation and ANNOUNCE */
    SG_SWIM_IN_FORGET,    /* peer: the operator gives a dead member up, here and (FORGET) there */
    SG_SWIM_IN_LEAVE,     /* ANNOUNCE with leaves, then quiet */
    SG_SWIM_IN_UNTRIED    /* peer, seq, is_lasting: a PING that SEND asked for could not leave for
                           * want of our own means, which says nothing about the peer or our
                           * health. Lasting: the next one cannot either (no address); others are
                           * asked, and whom they do not reach either is DROPPED */
};

struct sg_swim_in {
    enum sg_swim_in_kind kind;
    struct sg_peer_id peer;
    sg_incarnation incarnation;
    bool on, is_failure, leaves, is_lasting;
    uint32_t seq;
    uint64_t srtt_ns, rttvar_ns;
    uint16_t lost_permille;
    const struct sg_swim_packet *packet; /* borrowed, as the next two */
    const struct sg_swim_table *table;
    const struct sg_peer_id *peers;
    size_t count;
};

enum sg_swim_out_kind {
    SG_SWIM_OUT_SEND,     /* peer, packet kind, seq, target, rumors. A PING may need a dial; others
                           * are dropped where there is no link */
    SG_SWIM_OUT_TABLE,    /* peer, wants_reply: send our table (sg_swim_table) */
    SG_SWIM_OUT_ANNOUNCE, /* incarnation, leaves: sign a new RECORD and flood it. In paper mode an
                           * ALIVE rumor has been queued as well */
    SG_SWIM_OUT_JOIN,     /* peer is a member; not told for those learned before (rejoin: JOIN) */
    SG_SWIM_OUT_SUSPECT,  /* peer, incarnation, as the others below */
    SG_SWIM_OUT_REFUTED,  /* peer was suspect and is alive; or failed as a stranger, and lives */
    SG_SWIM_OUT_FAIL,     /* peer is dead, by our own verdict (paper mode: or by gossip). Also of
                           * strangers: who is not in a full table, and was never told of */
    SG_SWIM_OUT_LEFT,     /* peer has said goodbye (RECORD), or a dead one was forgotten */
    SG_SWIM_OUT_DROPPED,  /* peer left the table: to make room for others, or because nobody but
                           * hearsay vouched for it and it did not answer. No verdict */
    SG_SWIM_OUT_UPDATE    /* peer has a new incarnation while alive */
};

struct sg_swim_out {
    enum sg_swim_out_kind kind;
    enum sg_swim_kind packet; /* SEND */
    struct sg_peer_id peer;
    struct sg_peer_id target;
    sg_incarnation incarnation;
    uint32_t seq;
    uint16_t rumor_at; /* SEND: outbox->rumor[rumor_at .. rumor_at + rumor_count) */
    uint8_t rumor_count;
    bool wants_reply, leaves;
};

/* Outputs of one input, to be executed in order. */
struct sg_swim_outbox {
    size_t count;
    size_t rumor_count;
    struct sg_swim_out out[SG_SWIM_OUT_MAX];
    struct sg_swim_rumor rumor[SG_SWIM_OUT_RUMORS_MAX];
};

struct sg_swim_stats {
    uint64_t pings, ping_reqs, acks, nacks, gossips; /* packets sent */
    uint64_t rumors_sent, suspicions, confirmations, refutations, deaths, deaths_undone;
    uint64_t probes_failed;
};

/* One member as callers see it. */
struct sg_swim_view {
    struct sg_peer_id peer;
    sg_incarnation incarnation;
    enum sg_swim_state state;
    bool is_linked, is_watched;
    bool is_proven;   /* the incarnation is the member's own word; else hearsay: it says nothing */
    bool is_doubted;  /* it answered nobody when it was asked; others say that it lives */
    sg_time_ns since; /* of the state */
    sg_time_ns heard; /* last sign of life at first hand, 0 = never */
};

struct sg_swim;

/* What a machine begins with. */
struct sg_swim_start {
    struct sg_peer_id self;
    sg_incarnation incarnation; /* boot counter << 32; paper mode: 0 where peers come by HEARSAY */
    sg_time_ns now;
    uint64_t seed;
};

/* *out is owned by the caller, freed by sg_swim_free. SG_ERR_NO_MEMORY; SG_ERR_INVALID_ARGUMENT
 * when the config breaks a hard limit or contradicts itself. */
SG_MUST_USE sg_err sg_swim_new(struct sg_swim **out, const struct sg_swim_config *config,
                               const struct sg_swim_start *start);
void sg_swim_free(struct sg_swim *m);
/* One event in, all its outputs out (out is emptied first). On an error neither the machine nor out
 * has changed: SG_ERR_NO_MEMORY (LINK_UP of a new member), SG_ERR_PROTOCOL for what no correct peer
 * sends (charge the peer), SG_ERR_INVALID_ARGUMENT (our own id as a peer, but for RECORD),
 * SG_ERR_NOT_FOUND (FORGET of an unknown or living member). Cost O(1) for packets and HEARD except
 * for their rumors, O(members) at most. */
SG_MUST_USE sg_err sg_swim_input(struct sg_swim *m, sg_time_ns now, const struct sg_swim_in *in,
                                 struct sg_swim_outbox *out);
/* Fetch into the cache what the next input looks at first, and what is known of a member; stage 0
 * and then 1. */
void sg_swim_prefetch(const struct sg_swim *m, unsigned stage);
void sg_swim_prefetch_member(const struct sg_swim *m, const struct sg_peer_id *id, unsigned stage);
/* When to feed IN_TIMEOUT; <= now: at once. O(1). */
sg_time_ns sg_swim_deadline(const struct sg_swim *m);
/* Asserts every invariant. O(members). */
void sg_swim_check(const struct sg_swim *m);

sg_incarnation sg_swim_incarnation(const struct sg_swim *m);
/* Members alive and suspect, without self. */
uint32_t sg_swim_count(const struct sg_swim *m);
/* 0 = healthy .. awareness_max - 1. */
uint8_t sg_swim_health(const struct sg_swim *m);
/* The i-th known peer, living first, then the dead; false when there are fewer. The order holds
 * until the next input. */
bool sg_swim_at(const struct sg_swim *m, uint32_t i, struct sg_swim_view *view);
/* SG_ERR_NOT_FOUND. */
SG_MUST_USE sg_err sg_swim_find(const struct sg_swim *m, const struct sg_peer_id *peer,
                                struct sg_swim_view *view);
/* The part-th frame of our table, self first in each: false when there are no more. has_record and
 * wants_reply are left false, the caller's to fill in (wants_reply in the first part only). */
bool sg_swim_table(const struct sg_swim *m, uint32_t part, struct sg_swim_table *table);
/* Whether the table is full or nearly so: there are members that it does not hold. */
bool sg_swim_is_sample(const struct sg_swim *m);
/* Whether this accuses somebody who is not in a full table, and says more than is known here:
 * others will be told, so callers count how much of it one link brings. */
bool sg_swim_is_stranger_news(const struct sg_swim *m, const struct sg_swim_rumor *rumor);
const struct sg_swim_stats *sg_swim_stats(const struct sg_swim *m);

#endif
