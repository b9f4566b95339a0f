/* The parts of the simulator, shared by the files of this folder (and by its tests). The flow:
 * run.c (the loop) -> plan.c (what happens when) -> node.c (feeds a core, carries out its outputs)
 * -> net.c (frames) and dial.c (connections) -> queue.c. ledger.c keeps the books of messages,
 * check.c asserts. */
#ifndef SG_SIM_INTERNAL_H
#define SG_SIM_INTERNAL_H

#include <saorsa/sim.h>

#include "arena.h"
#include "base/map.h"
#include "base/prefetch.h"
#include "base/prng.h"
#include "crypto_sim.h"
#include "node/core.h"
#include "queue.h"
#include "scenario.h"
#include "share.h"

#define SG_SIM_NONE UINT32_MAX
/* Wall clock of all nodes at virtual time 0. */
#define SG_SIM_WALL_MS UINT64_C(1700000000000)
#define SG_SIM_TICK_NS SG_NS_PER_S

struct sg_sim;

/* What tests and benchmarks may change and see beyond the public API. */
struct sg_sim_extra {
    const struct sg_mem *mem;      /* of everything */
    const struct sg_mem *core_mem; /* of the nodes; NULL = mem, or an arena in it */
    const struct sg_suite *suite;  /* the shape of sg_sim_suite */
    uint32_t senders;              /* messages come from so many nodes; 0 = from all */
    uint32_t lane_budget;          /* bytes under way per lane before a push is dropped */
    uint64_t dial_timeout_ns;
    uint64_t job_ns; /* a signature is made or checked so long after it was asked for; 0 = at once,
                      * inside of the core */
    uint64_t idle_timeout_ns;                    /* a link that hears nothing for so long is down */
    uint64_t stall_timeout_ns;                   /* the same, when something was sent */
    void (*tune)(struct sg_core_config *config); /* NULL = none */
    /* each second, and for each NEIGHBOR_UP of a core; NULL = none */
    void (*tick)(struct sg_sim *sim, void *user);
    void (*met)(struct sg_sim *sim, uint32_t node, const struct sg_core_out *out, void *user);
    void *user;
    /* filled in by the run */
    struct sg_core_stats stats;             /* over all cores, crashed ones included */
    const struct sg_sim_scenario *scenario; /* NULL = the plan of struct sg_sim_config */
    struct sg_sim_result *result;           /* of the scenario, filled in */
    uint64_t checks;                        /* calls of sg_core_check */
    uint64_t asymmetric; /* neighbours at the end that have not known of it for a second */
    uint64_t frames, frames_lost, resets, crossings;
    uint32_t joined_alone; /* nodes without a neighbour when the settling ended */
    sg_time_ns published_at, ended_at;
    uint32_t links;
};

/* ---- connections ---- */

enum sg_sim_end_state {
    SG_SIM_END_NONE,    /* the handshake has not come so far */
    SG_SIM_END_DIALING, /* dialler waits for the reply */
    SG_SIM_END_WAITING, /* acceptor waits for the last flight */
    SG_SIM_END_UP,
    SG_SIM_END_CLOSED, /* orderly: the other end hears of it */
    SG_SIM_END_DEAD    /* crashed, or given up in silence */
};

/* Lanes of a connection that every run uses. */
#define SG_SIM_CONN_LANES 2

/* One connection, in one cache line. Exists as long as an end or an event refers to it. */
struct sg_sim_conn {
    uint32_t node[2]; /* dialler, acceptor */
    uint32_t refs;    /* events under way and live ends; free list: next free */
    uint32_t delay;   /* one way, in units of SG_SIM_DELAY_UNIT_NS */
    sg_time_ns latest[2][SG_SIM_CONN_LANES]; /* see sg_sim_latest */
    uint32_t pushes[2];                      /* bytes of droppable frames under way to [end] */
    uint8_t state[2];                        /* enum sg_sim_end_state */
    bool has_reset;
    bool watched[2]; /* a SILENT event for a stall of this end is under way */
};

/* The rest of it, seldom looked at. */
struct sg_sim_conn_bulk {
    sg_time_ns latest[2];
};
#define SG_SIM_DELAY_UNIT_NS 64

/* What a node knows of a connection: at most one per peer. */
struct sg_sim_link {
    uint32_t conn;
    uint32_t peer;
    bool core_waits; /* the core has asked for it: tell it when it fails */
    bool is_seed;    /* join through it when it is up */
    bool is_opening; /* the core is being told: it may refuse */
};

/* What is wrong with a node, see scenario_faults.c. */
struct sg_sim_faults {
    uint64_t lag;                      /* its monotonic clock is behind */
    int64_t wall_ms;                   /* its wall clock is ahead */
    sg_time_ns mute_since, mute_until; /* no input and output; 0 = never so far */
    uint64_t loss[2];                  /* thresholds of 32 bits: in, out .. */
    sg_time_ns loss_until;             /* .. till then */
    uint64_t slow_ns;                  /* more delay either way .. */
    sg_time_ns slow_until;             /* .. till then */
    uint32_t far;                      /* a bit per partition: on its other side */
    bool is_frozen;                    /* while mute: timers stand still as well */
};

/* Peers on a node's disk. */
#define SG_SIM_DISK_MAX 64
struct sg_sim_disk {
    uint32_t count;
    uint32_t node[SG_SIM_DISK_MAX];
};

/* What every event looks at comes first, in two cache lines. */
struct sg_sim_node {
    struct sg_core *core; /* NULL = down */
    uint64_t *tags;       /* [link_count] first bytes of the peers' ids, for searching */
    struct sg_sim_link *links;
    uint32_t link_count, link_cap;
    sg_time_ns armed; /* of its TIMER event that counts, SG_TIME_NEVER = none */
    uint32_t spins;   /* timeouts without progress of time */
    enum sg_sim_role role;
    struct sg_sim *sim;
    uint32_t boot;
    /* in the network: addresses and delays; its own number, unless its disk is new */
    uint32_t place;
    struct sg_peer_id id;
    struct sg_sim_faults faults;
    bool is_gone; /* its disk is lost: it never comes back */
    bool is_leaving;
    const struct sg_sim_adversary_line *line; /* of its role, NULL = honest */
    struct sg_sim_disk *disk;                 /* NULL = empty */
    sg_time_ns alive_since;
    uint64_t sequence; /* of its last message */
    uint8_t public_key[SG_SIM_PUBLIC_LEN];
};
#define SG_SIM_NODE_HOT (2 * SG_CACHE_LINE)

/* ---- messages ---- */

struct sg_sim_message {
    struct sg_msg_id id;
    uint64_t sequence;
    uint64_t digest; /* of the payload */
    sg_time_ns at;
    sg_time_ns last_at; /* last delivery */
    uint32_t author;
    uint32_t deliveries; /* without the author's own */
    uint32_t copies;     /* payloads received, first ones included */
    uint8_t hops_max;
    bool is_settled; /* nobody alive lacks it any more, or all have given it up */
    bool is_lost;    /* given up: older than what nodes hold */
};

#define SG_SIM_HIST_BITS 8
#define SG_SIM_HIST_SIZE ((64 - SG_SIM_HIST_BITS + 1) << SG_SIM_HIST_BITS)

struct sg_sim_ledger {
    struct sg_map index;             /* message id -> number */
    struct sg_sim_message *messages; /* [total] */
    uint32_t count, total, warmup;
    uint64_t *delivered; /* [total][words] a bit per node */
    size_t words;
    uint32_t settled; /* the first so many messages need not be looked at again */
    uint64_t deliveries;
    uint64_t *hist; /* [SG_SIM_HIST_SIZE] of latencies: 256 steps per octave */
    uint64_t latency_max;
    uint64_t bytes, payload_bytes, paid_deliveries; /* since the warm-up */
    uint8_t *payload;                               /* [payload_len] scratch */
    uint64_t *times;                                /* [total] scratch */
};

enum sg_sim_phase {
    SG_SIM_JOINING,
    SG_SIM_SETTLING,
    SG_SIM_PUBLISHING,
    SG_SIM_CONVERGING,
    SG_SIM_DONE
};

struct sg_sim_metrics;
struct sg_sim_adversaries;

/* See onesided.c: pairs are a node above its neighbour, in 32 bits each. */
struct sg_sim_onesided {
    uint64_t *pairs, *before; /* [count of cap] now, [before_count of before_cap] a second ago */
    uint32_t count, cap, before_count, before_cap;
    uint32_t lasting; /* pairs now that were there before */
    bool looked, has_before;
    sg_time_ns at; /* of the last look */
};

struct sg_sim_cut {
    sg_time_ns from, until;
    char name[SG_SIM_NAME_MAX];
};

struct sg_sim {
    struct sg_sim_config config;
    struct sg_sim_extra *extra;
    const struct sg_mem *mem;
    const struct sg_mem *core_mem;
    struct sg_sim_share share; /* of what the cores hold */
    struct sg_sim_arena arena; /* core_mem, unless the extras or the checkers want it otherwise */
    struct sg_prng prng;
    sg_err err; /* sticky */
    sg_time_ns now;
    uint64_t steps;
    uint64_t hash;
    struct sg_sim_queue queue;
    struct sg_core_outbox out;
    const struct sg_buf *digest_of; /* whose digest this is, while the outbox is carried out */
    uint64_t digest;
    struct sg_topic_id topic;
    const struct sg_mem
        *net_mem;              /* of nodes' links: the arena, unless checkers want it otherwise */
    struct sg_sim_node *nodes; /* [config.nodes] */
    struct sg_map node_index;
    struct sg_sim_conn *conns;      /* [conn_cap] pool, first conn_used ever used */
    struct sg_sim_conn_bulk *bulks; /* [conn_cap] */
    void *nodes_memory, *conns_memory, *bulks_memory;
    uint32_t conn_used, conn_cap, conn_free;
    uint64_t loss, duplicate, reorder; /* thresholds of 32 bits */
    uint64_t loss_base;                /* what loss is after loss_until */
    sg_time_ns loss_until;
    struct sg_sim_ledger ledger;
    /* plan.c */
    enum sg_sim_phase phase;
    uint32_t seeds; /* nodes 0 .. seeds - 1 */
    uint32_t alive;
    uint32_t *victims; /* [victim_count] */
    uint32_t victim_count;
    uint64_t interval_ns;                         /* between messages */
    sg_time_ns settle_until, publish_at, calm_at; /* calm: faults are over */
    struct sg_sim_cut cuts[SG_SIM_CUTS_MAX];      /* partitions, past ones included */
    uint32_t cut_count;
    /* no node is mute, no link cut, nobody's links bad from here on */
    sg_time_ns mute_horizon, cut_horizon, bad_horizon;
    /* scenario.c */
    const struct sg_sim_scenario *scenario;
    struct sg_sim_metrics *metrics; /* of the scenario, else NULL */
    sg_time_ns zero;                /* of the scenario; SG_TIME_NEVER = not begun */
    sg_time_ns converged_at;
    uint32_t *contacts;     /* [nodes][scenario->contacts], SG_SIM_NONE = none; NULL */
    uint32_t spare_next;    /* the next identity for a lost disk */
    uint32_t active_target; /* of the cores */
    struct sg_sim_adversaries *adversaries;
    /* check.c */
    uint64_t check_every;
    struct sg_sim_onesided onesided[2]; /* of the base, of the topic */
    uint32_t *union_find;               /* [config.nodes] */
    double wall_started, wall_shown;
};

/* ---- run.c ---- */
/* Memory for a table that is used in no order: begins at a cache line, on huge pages where there
 * are. Not zeroed. *memory is to be freed in its place, it is NULL where the result is. */
void *sg_sim_table_new(const struct sg_mem *mem, size_t count, size_t size, void **memory);
/* Defaults of the extras. */
struct sg_sim_extra sg_sim_extra_default(void);
/* sg_sim_run with extras; extra is also written to. */
SG_MUST_USE sg_err sg_sim_run_with(const struct sg_sim_config *config, struct sg_sim_extra *extra,
                                   struct sg_sim_report *report);

/* ---- config.c ---- */
SG_MUST_USE sg_err sg_sim_config_check(const struct sg_sim_config *config);
/* Messages of the warm-up, and all with them. */
uint32_t sg_sim_warmup(const struct sg_sim_config *config);
uint32_t sg_sim_total(const struct sg_sim_config *config);
/* Makes the default configuration of a core that of a role in this run; scenario may be NULL. */
void sg_sim_core_shape(const struct sg_sim_config *run, const struct sg_sim_scenario *scenario,
                       enum sg_sim_role role, bool is_seed, struct sg_core_config *config);
/* The configuration of a node's core, with tables as large as this run can fill. */
void sg_sim_core_config(struct sg_sim *sim, uint32_t node, struct sg_core_config *config);

/* ---- node.c ---- */
/* Starts a core: first life or next one. */
void sg_sim_node_start(struct sg_sim *sim, uint32_t node);
/* Ends it without a word. */
void sg_sim_node_crash(struct sg_sim *sim, uint32_t node);
/* Feeds an input and carries out the outputs. */
sg_err sg_sim_feed(struct sg_sim *sim, uint32_t node, const struct sg_core_in *in);
/* Adds the counters of a core to the sums. */
void sg_sim_node_count(struct sg_sim *sim, uint32_t node);
/* A job of the core is done. */
void sg_sim_node_job(struct sg_sim *sim, const struct sg_sim_event *event);
void sg_sim_node_timer(struct sg_sim *sim, const struct sg_sim_event *event);
void sg_sim_node_publish(struct sg_sim *sim, uint32_t node);
uint32_t sg_sim_node_of(const struct sg_sim *sim, const struct sg_peer_id *id);
uint64_t sg_sim_wall_ms(const struct sg_sim *sim, uint32_t node);
/* Mixes something that a node did into the trace hash. ids may be NULL. */
void sg_sim_hash(struct sg_sim *sim, uint32_t node, uint64_t what, const uint8_t *ids[2],
                 uint64_t number);

/* ---- net.c ---- */
void sg_sim_push(struct sg_sim *sim, struct sg_sim_event event);
struct sg_sim_link *sg_sim_link_find(const struct sg_sim_node *node, const struct sg_peer_id *id);
struct sg_sim_link *sg_sim_link_add(struct sg_sim *sim, uint32_t node, uint32_t peer,
                                    uint32_t conn);
void sg_sim_link_remove(struct sg_sim_node *node, struct sg_sim_link *link);
/* The node's link over this connection, or NULL. */
struct sg_sim_link *sg_sim_link_of_conn(const struct sg_sim *sim, uint32_t conn, unsigned end);
/* A connection from dialler to acceptor; SG_SIM_NONE when out of memory. */
uint32_t sg_sim_conn_new(struct sg_sim *sim, uint32_t dialler, uint32_t acceptor);
void sg_sim_conn_unref(struct sg_sim *sim, uint32_t conn);
/* An event about a connection, which it keeps alive. */
void sg_sim_conn_event(struct sg_sim *sim, sg_time_ns at, struct sg_sim_event event);
/* A new state of an end: it holds a reference while it lives. */
void sg_sim_end_set(struct sg_sim *sim, uint32_t conn, unsigned end, enum sg_sim_end_state state);
/* Arrival at an end of what was sent last on a lane. */
static inline sg_time_ns *sg_sim_latest(const struct sg_sim *sim, struct sg_sim_conn *conn,
                                        unsigned end, unsigned lane)
{
    if (lane < SG_SIM_CONN_LANES)
        return &conn->latest[end][lane];
    return &sim->bulks[conn - sim->conns].latest[end];
}
/* When something sent now on a lane arrives at an end. */
sg_time_ns sg_sim_transit(struct sg_sim *sim, struct sg_sim_conn *conn, unsigned end,
                          unsigned lane);
uint64_t sg_sim_rtt(const struct sg_sim_conn *conn);
/* When the partition between two nodes ends; 0 when there is none now. */
sg_time_ns sg_sim_cut_until(const struct sg_sim *sim, uint32_t a, uint32_t b);
/* Whether two nodes are on different sides of a partition now. */
bool sg_sim_are_cut(const struct sg_sim *sim, uint32_t a, uint32_t b);
bool sg_sim_is_cut(const struct sg_sim *sim, const struct sg_sim_conn *conn);
/* A frame that no core has sent; false: there is no such link, or no memory. */
bool sg_sim_net_inject(struct sg_sim *sim, uint32_t node, uint32_t peer, enum sg_lane lane,
                       struct sg_bytes frame);
/* Executes a SEND; out->buf stays the outbox's. */
void sg_sim_net_send(struct sg_sim *sim, uint32_t node, const struct sg_core_out *out);
void sg_sim_net_frame(struct sg_sim *sim, const struct sg_sim_event *event);
void sg_sim_net_push_dropped(struct sg_sim *sim, const struct sg_sim_event *event);
/* One end finds out that the other has been silent for too long. */
void sg_sim_net_silent(struct sg_sim *sim, const struct sg_sim_event *event);
/* Silent links across a partition that has lasted for an idle timeout. */
void sg_sim_net_cut_idle(struct sg_sim *sim);

/* ---- dial.c ---- */
void sg_sim_dial(struct sg_sim *sim, uint32_t node, uint32_t peer, bool is_seed);
/* The address of a node: its place in the network. */
void sg_sim_hints(const struct sg_sim *sim, uint32_t node, struct sg_hints *hints);
void sg_sim_dial_id(struct sg_sim *sim, uint32_t node, const struct sg_peer_id *id);
void sg_sim_dial_no_peer(struct sg_sim *sim, const struct sg_sim_event *event);
void sg_sim_dial_arrive(struct sg_sim *sim, const struct sg_sim_event *event);
void sg_sim_dial_reply(struct sg_sim *sim, const struct sg_sim_event *event);
void sg_sim_dial_established(struct sg_sim *sim, const struct sg_sim_event *event);
void sg_sim_dial_give_up(struct sg_sim *sim, const struct sg_sim_event *event);
/* Executes a CLOSE. */
void sg_sim_close(struct sg_sim *sim, uint32_t node, const struct sg_core_out *out);
void sg_sim_closed(struct sg_sim *sim, const struct sg_sim_event *event);
/* Takes a link down at one end and tells the core. */
void sg_sim_link_lost(struct sg_sim *sim, uint32_t conn, unsigned end, sg_err err);

/* ---- ledger.c ---- */
SG_MUST_USE sg_err sg_sim_ledger_init(struct sg_sim *sim);
void sg_sim_ledger_fini(struct sg_sim *sim);
/* The payload of the message that comes next, in the scratch buffer. */
struct sg_bytes sg_sim_ledger_payload(struct sg_sim *sim, uint32_t number);
void sg_sim_ledger_published(struct sg_sim *sim, uint32_t author,
                             const struct sg_core_publish *published);
void sg_sim_ledger_delivered(struct sg_sim *sim, uint32_t node, const struct sg_core_out *out);
/* A payload came that was no delivery. */
void sg_sim_ledger_copy(struct sg_sim *sim, const uint8_t *id);
/* Bytes of a frame that is sent. */
void sg_sim_ledger_bytes(struct sg_sim *sim, const struct sg_core_out *out);
/* A node has lost all it had. */
void sg_sim_ledger_forget(struct sg_sim *sim, uint32_t node);
/* Whether every message is where it can still be expected. */
bool sg_sim_ledger_settle(struct sg_sim *sim);
/* Share of those that should have a message which have it; NAN when nobody can. */
double sg_sim_ledger_reach(const struct sg_sim *sim, uint32_t number);
void sg_sim_ledger_report(struct sg_sim *sim, struct sg_sim_report *report);

/* ---- plan.c ---- */
SG_MUST_USE sg_err sg_sim_plan_init(struct sg_sim *sim);
void sg_sim_plan_event(struct sg_sim *sim, const struct sg_sim_event *event);
void sg_sim_plan_seed(struct sg_sim *sim, uint32_t node);
double sg_sim_plan_share(const struct sg_sim *sim);

/* ---- scenario.c ---- */
/* In place of the plan's phases. */
SG_MUST_USE sg_err sg_sim_scenario_init(struct sg_sim *sim);
void sg_sim_scenario_begin(struct sg_sim *sim);
void sg_sim_scenario_tick(struct sg_sim *sim);
double sg_sim_scenario_share(const struct sg_sim *sim);
/* Takes the result out of the run. SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_sim_scenario_finish(struct sg_sim *sim, const struct sg_sim_report *report);
void sg_sim_scenario_fini(struct sg_sim *sim);

/* ---- scenario_faults.c ---- */
void sg_sim_faults_action(struct sg_sim *sim, uint32_t index);
void sg_sim_faults_end(struct sg_sim *sim, const struct sg_sim_event *event);
/* True: whom the event concerns stands still, it comes again later. */
bool sg_sim_defer(struct sg_sim *sim, const struct sg_sim_event *event);
bool sg_sim_is_mute(const struct sg_sim *sim, uint32_t node);
/* The node's own monotonic clock. */
sg_time_ns sg_sim_node_now(const struct sg_sim *sim, uint32_t node);

/* ---- disk.c ---- */
/* What a node keeps over a restart: ids of peers, saved once a minute. */
void sg_sim_disk_save(struct sg_sim *sim, uint32_t node);
/* Answers NEED_CACHE. */
void sg_sim_disk_feed(struct sg_sim *sim, uint32_t node);

/* ---- adversary.c ---- */
SG_MUST_USE sg_err sg_sim_adversary_init(struct sg_sim *sim);
void sg_sim_adversary_fini(struct sg_sim *sim);
/* Its next moment. */
void sg_sim_adversary_act(struct sg_sim *sim, const struct sg_sim_event *event);
/* A frame that an attacker's core sends or receives. True: the frame is taken out of its way. */
bool sg_sim_adversary_sees(struct sg_sim *sim, uint32_t node, uint32_t peer, enum sg_lane lane,
                           struct sg_bytes frame);

/* ---- check.c ---- */
/* After a step of a node. */
void sg_sim_check_node(struct sg_sim *sim, uint32_t node);
struct sg_sim_overlay {
    uint32_t components, isolated;
    uint64_t neighbors;
    uint64_t asymmetric;
};
/* The topic overlay of the living (NULL topic: base). O(nodes * view). */
void sg_sim_check_overlay(struct sg_sim *sim, const struct sg_topic_id *topic,
                          struct sg_sim_overlay *overlay);
/* Whether the peer is in the node's active view (NULL topic: base). */
bool sg_sim_is_neighbor(const struct sg_sim *sim, uint32_t node, const struct sg_topic_id *topic,
                        const struct sg_peer_id *peer);
/* Prints what is broken and how to see it again, and aborts. */
void sg_sim_broken(const struct sg_sim *sim, uint32_t node, const char *what);

/* ---- onesided.c ---- */
/* Honest neighbours of honest nodes that do not know of it and did not at the call a second ago;
 * all that do not know of it when there was none. NULL topic: base. */
uint32_t sg_sim_onesided(struct sg_sim *sim, const struct sg_topic_id *topic);
void sg_sim_onesided_fini(struct sg_sim *sim, struct sg_sim_onesided *o);

/* ---- wall.c ---- */
/* Seconds of real time from some origin: for wall_seconds and progress only. */
double sg_sim_wall_seconds(void);
/* Memory at a multiple of the page size, which is going to be used in no order: asks for huge
 * pages, because a simulation misses the TLB at every step. May do nothing. */
void sg_sim_huge_pages(void *at, size_t size);

#endif
