/* What a scenario measures: figures (one number each), spreads (many numbers, told as percentiles)
 * and series over time. Collected only when a scenario runs. */
#ifndef SG_SIM_METRICS_H
#define SG_SIM_METRICS_H

#include "counter.h"
#include "internal.h"
#include "scenario.h"

/* enum name, name, unit, what it is */
#define SG_SIM_FIGURES(X)                                                                          \
    X(ALIVE, "alive", "", "nodes that live at the end")                                            \
    X(JOINED_IN, "joined_in", "s", "from the last start until the overlay is one part")            \
    X(DELIVERED, "delivered", "%", "of the pairs of message and living node")                      \
    X(MISSING, "missing", "", "deliveries that never came")                                        \
    X(LATENCY_P50, "latency_p50", "s", "publish to delivery")                                      \
    X(LATENCY_P99, "latency_p99", "s", "publish to delivery")                                      \
    X(LATENCY_MAX, "latency_max", "s", "publish to delivery")                                      \
    X(RMR, "rmr", "", "payload copies per delivery - 1")                                           \
    X(ISOLATED, "isolated", "", "honest nodes without a living honest neighbour, at the end")      \
    X(ISOLATED_MAX, "isolated_max", "", "the most isolated nodes at any sample")                   \
    X(COMPONENTS, "components", "", "parts of the honest base overlay, at the end")                \
    X(COMPONENTS_MAX, "components_max", "", "the most parts at any sample")                        \
    X(ASYMMETRIC, "asymmetric", "", "neighbours that do not know of it, at the end")               \
    X(ACTIVE_MEAN, "active_mean", "", "active view size, at the end")                              \
    X(ACTIVE_FULL, "active_full", "%", "nodes whose active view has reached its target")           \
    X(PASSIVE_MEAN, "passive_mean", "", "passive view size, at the end")                           \
    X(LINKS_MEAN, "links_mean", "", "links per node, at the end")                                  \
    X(CLUSTERING, "clustering", "", "clustering coefficient, at the end (metric graph)")           \
    X(PATH_MEAN, "path_mean", "", "average shortest path, at the end (metric graph)")              \
    X(ECLIPSED, "eclipsed", "", "honest nodes with attackers alone as neighbours, at the end")     \
    X(ECLIPSED_MAX, "eclipsed_max", "", "the most eclipsed nodes at any sample")                   \
    X(FAILS, "fails", "", "verdicts at honest nodes, all in all")                                  \
    X(FAILS_LIVING, "fails_living", "", "verdicts about living, reachable honest nodes")           \
    X(FAILS_LIVING_HEALTHY, "fails_living_healthy", "",                                            \
      "of those, at nodes that were not stalled in the last 10 s")                                 \
    X(FP, "fp", "", "verdicts about living nodes that were not stalled in the last 10 s")          \
    X(FP_HEALTHY, "fp_healthy", "", "of those, at nodes that were not stalled either")             \
    X(EVICTED, "evicted", "", "living honest neighbours dropped with a verdict")                   \
    X(SUSPECTS_LIVING, "suspects_living", "", "suspicions of living, reachable honest nodes")      \
    X(REFUTED, "refuted", "", "suspicions refuted")                                                \
    X(KILLS, "kills", "", "crashes that stayed down, known to some node before")                   \
    X(KILLS_UNKNOWN, "kills_unknown", "", "of those, not known to all survivors in the end")       \
    X(WRONG_DEAD, "wrong_dead", "", "living nodes held for dead, sampled, at the end")             \
    X(WRONG_ALIVE, "wrong_alive", "", "dead nodes held for alive, sampled, at the end")            \
    X(WRONG_DEAD_MAX, "wrong_dead_max", "", "the most wrongly dead at any sample")                 \
    X(MEMBERS_MEAN, "members_mean", "", "living members that a node knows, at the end")            \
    X(SWIM_PACKETS, "swim_packets", "/s", "datagrams sent per node")                               \
    X(SWIM_BYTES, "swim_bytes", "B/s", "datagram bytes sent per node")                             \
    X(FRAMES, "frames", "/s", "frames and datagrams sent per node")                                \
    X(BYTES, "bytes", "B/s", "sent per node, without QUIC and UDP")                                \
    X(DIALS, "dials", "/min", "dials per node")                                                    \
    X(DIALS_PEAK, "dials_peak", "", "dials per node in the busiest second")                        \
    X(VIEW_CHANGES, "view_changes", "/min", "honest base neighbours gained or lost per node")      \
    X(BURST, "burst", "", "frames in the busiest 100 ms of the last minute, times the mean")       \
    X(CONVERGED_IN, "converged_in", "s", "from the end of all faults until all is well")           \
    X(MERGED_IN, "merged_in", "s", "from the last heal until the overlay is one part")             \
    X(REACH_FIRST, "reach_first", "%", "of the first message after the first kill")                \
    X(REACH_MIN, "reach_min", "%", "of the message that reached fewest")                           \
    X(HEAP_NODE, "heap_node", "B", "heap per node, at the end (metric heap)")                      \
    X(HEAP_SLOPE, "heap_slope", "%/h", "growth of the heap after the first quarter (metric heap)") \
    X(BANNED, "banned", "", "peers banned")                                                        \
    X(FORGED, "forged", "", "frames that attackers made up")                                       \
    X(REACH_LAST, "reach_last", "%", "of the tenth message after a failure (lab hyparview)")       \
    X(HEAL_ROUNDS, "heal_rounds", "", "shuffle rounds until one part (lab hyparview)")             \
    X(PATH_SHARE, "path_share", "%", "path_mean over that of a random graph (lab hyparview)")      \
    X(PROBE_PERIODS, "probe_periods", "", "mean periods to the first probe (lab swim)")            \
    X(PROBE_SHARE, "probe_share", "%", "of that over e/(e-1) (lab swim)")                          \
    X(FP_SHARE, "fp_share", "%", "fp over that of plain SWIM (lab lifeguard)")                     \
    X(FP_HEALTHY_SHARE, "fp_healthy_share", "%", "the same for fp_healthy (lab lifeguard)")        \
    X(EAGER_HOSTILE, "eager_hostile", "%",                                                         \
      "eager neighbours of honest nodes that attack, at the end")                                  \
    X(ATTACK_SHARE, "attack_share", "%", "latency_attack p99 over latency_calm p99")               \
    X(LATE_SHARE, "late_share", "%", "latency_late p99 over latency_calm p99")                     \
    X(OUTSIDE, "outside", "", "honest nodes outside the largest honest part (lab eclipse)")        \
    X(SYBIL_SHARE, "sybil_share", "%", "of the places in active views (lab eclipse)")

#define SG_SIM_SPREADS(X)                                                                          \
    X(FIRST_SUSPECT, "first_suspect", "s", "crash to the first suspicion anywhere")                \
    X(FIRST_FAIL, "first_fail", "s", "crash to the first verdict anywhere")                        \
    X(KNOWN_BY_ALL, "known_by_all", "s", "crash to the last survivor's verdict")                   \
    X(LATENCY_CALM, "latency_calm", "s", "publish to delivery, while nobody attacks")              \
    X(LATENCY_ATTACK, "latency_attack", "s", "publish to delivery, during an attack")              \
    X(LATENCY_LATE, "latency_late", "s", "the same, from its second minute on")                    \
    X(REACH, "reach", "%", "of each message")

#define SG_SIM_SERIES(X)                                                                           \
    X(ALIVE, "alive", "")                                                                          \
    X(ISOLATED, "isolated", "")                                                                    \
    X(COMPONENTS, "components", "")                                                                \
    X(ECLIPSED, "eclipsed", "")                                                                    \
    X(ACTIVE, "active_mean", "")                                                                   \
    X(PASSIVE, "passive_mean", "")                                                                 \
    X(LINKS, "links_mean", "")                                                                     \
    X(MEMBERS, "members_mean", "")                                                                 \
    X(WRONG_DEAD, "wrong_dead", "")                                                                \
    X(WRONG_ALIVE, "wrong_alive", "")                                                              \
    X(FAILS, "fails", "")                                                                          \
    X(SWIM_PACKETS, "swim_packets", "/s")                                                          \
    X(BYTES, "bytes", "B/s")                                                                       \
    X(DIALS, "dials", "/s")                                                                        \
    X(CLUSTERING, "clustering", "")                                                                \
    X(PATH, "path_mean", "")                                                                       \
    X(HEAP, "heap_node", "B")

enum sg_sim_figure_id {
#define X(id, name, unit, about) SG_SIM_FIG_##id,
    SG_SIM_FIGURES(X) SG_SIM_FIG_COUNT
#undef X
};

enum sg_sim_spread_id {
#define X(id, name, unit, about) SG_SIM_SPREAD_##id,
    SG_SIM_SPREADS(X) SG_SIM_SPREAD_COUNT
#undef X
};

enum sg_sim_series_id {
#define X(id, name, unit) SG_SIM_SER_##id,
    SG_SIM_SERIES(X) SG_SIM_SER_COUNT
#undef X
};

enum sg_sim_stat { SG_SIM_P50, SG_SIM_P95, SG_SIM_P99, SG_SIM_MAX, SG_SIM_MEAN, SG_SIM_STAT_COUNT };

/* ---- names: metrics_names.c ---- */
#define SG_SIM_METRIC_NONE UINT32_MAX
#define SG_SIM_METRIC_COUNT (SG_SIM_FIG_COUNT + SG_SIM_SPREAD_COUNT * SG_SIM_STAT_COUNT)
/* "isolated", "known_by_all p95" -> a number below SG_SIM_METRIC_COUNT, or SG_SIM_METRIC_NONE. */
uint32_t sg_sim_metric_find(const char *name);
const char *sg_sim_metric_name(uint32_t metric);
const char *sg_sim_metric_unit(uint32_t metric);
const char *sg_sim_metric_about(uint32_t metric);
const char *sg_sim_series_name(uint32_t series);
const char *sg_sim_series_unit(uint32_t series);
/* Complains about an unknown name and lists those that look like it. */
sg_err sg_sim_metric_unknown(struct sg_sim_line *line, const char *name);

/* ---- collecting ---- */

struct sg_sim_spread {
    double *values; /* [count] sorted when the run has ended */
    uint32_t count, cap;
};

/* A crash, until it comes back. */
struct sg_sim_death {
    uint32_t node;
    sg_time_ns at;
    sg_time_ns first_suspect, first_fail, last_fail; /* SG_TIME_NEVER, SG_TIME_NEVER, 0 */
    uint32_t waiting;                                /* survivors that have not heard of it */
    uint32_t knew;
    uint64_t *waits; /* [words] their bits; NULL once nobody waits */
};

/* The last verdict of a node and the last neighbour it lost, to see whether they came together. */
struct sg_sim_loss_pair {
    uint32_t failed, lost;
    sg_time_ns failed_at, lost_at;
};

struct sg_sim_metrics {
    double figures[SG_SIM_FIG_COUNT]; /* NAN = unknown */
    struct sg_sim_spread spreads[SG_SIM_SPREAD_COUNT];
    double *samples; /* [sample_cap][1 + SG_SIM_SER_COUNT], the time first */
    uint32_t sample_count, sample_cap;
    struct sg_sim_death *deaths;
    uint32_t death_count, death_cap;
    uint32_t *death_of;              /* [nodes] the open one, or SG_SIM_NONE */
    struct sg_sim_loss_pair *losses; /* [nodes] */
    size_t words;
    sg_time_ns healed_at; /* the last partition's end that has passed, 0 = none */
    sg_time_ns merged_at; /* of the one after; SG_TIME_NEVER = not yet */
    sg_time_ns first_kill_at;
    /* counters since time 0; the second set: at the last sample */
    uint64_t packets, packet_bytes, frames, bytes, dials, changes, forged;
    uint64_t packets_then, bytes_then, dials_then;
    double node_seconds;
    sg_time_ns alive_then;
    uint64_t second, second_dials; /* of the busiest-second search */
    uint64_t tenth, tenth_frames, tenth_peak, tenth_sum, tenth_count;
    /* graph of the honest living, rebuilt at each sample: metrics_graph.c */
    uint32_t *adjacent; /* [nodes][SG_HPV_ACTIVE_HARD] */
    uint8_t *degree;    /* [nodes] */
    uint32_t *parent;   /* [nodes] scratch */
    uint32_t *scratch;  /* [nodes] */
    /* heap of the cores */
    struct sg_sim_counter heap;
};

SG_MUST_USE sg_err sg_sim_metrics_init(struct sg_sim *sim);
void sg_sim_metrics_fini(struct sg_sim *sim);
/* Time 0: counting begins. */
void sg_sim_metrics_begin(struct sg_sim *sim);
/* Everything a core does. */
void sg_sim_metrics_out(struct sg_sim *sim, uint32_t node, const struct sg_core_out *out);
/* Just before it crashes, and when it is back. */
void sg_sim_metrics_crash(struct sg_sim *sim, uint32_t node);
void sg_sim_metrics_start(struct sg_sim *sim, uint32_t node);
/* A timely delivery at an honest node, of a message published at a time. */
void sg_sim_metrics_latency(struct sg_sim *sim, sg_time_ns published, double seconds);
/* A partition has ended. */
void sg_sim_metrics_healed(struct sg_sim *sim);
void sg_sim_metrics_sample(struct sg_sim *sim);
void sg_sim_metrics_add(struct sg_sim *sim, enum sg_sim_spread_id spread, double value);
/* The end: fills in the figures. */
void sg_sim_metrics_finish(struct sg_sim *sim, const struct sg_sim_report *report);
/* NAN when unknown; after finish. */
double sg_sim_metric_value(const struct sg_sim_metrics *metrics, uint32_t metric);

/* For the chart of detection: sorted, [*count]. */
const double *sg_sim_result_known(const struct sg_sim_result *result, uint32_t *count);

/* ---- metrics_graph.c ---- */
struct sg_sim_graph {
    uint32_t alive; /* honest */
    uint32_t components, isolated, eclipsed, asymmetric;
    uint32_t full; /* active views at their target */
    double active_mean, passive_mean, links_mean, members_mean;
    double clustering, path_mean; /* NAN unless asked for */
    uint32_t wrong_dead, wrong_alive;
};
void sg_sim_graph_look(struct sg_sim *sim, bool wants_paths, struct sg_sim_graph *graph);

#endif
