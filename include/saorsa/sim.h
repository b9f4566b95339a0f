/* The deterministic simulator: N whole nodes (everything but sockets and real crypto) in virtual
 * time, from one seed. The same seed gives the same trace hash on every machine and compiler. */
#ifndef SG_SAORSA_SIM_H
#define SG_SAORSA_SIM_H

#include <stdbool.h>

#include <saorsa/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sg_sim_config {
    uint32_t nodes;       /* [100] 1 .. 100 000 */
    uint64_t seed;        /* [1] */
    uint32_t messages;    /* [100] published after the warm-up, by random nodes */
    uint32_t payload_len; /* [256] bytes, <= 16777216 */
    double rate;          /* [10] messages per virtual second */
    uint32_t warmup;      /* [0 = messages / 10, at least 5] first messages left out of the RMR */
    /* links */
    uint64_t delay_ns;       /* [10 ms] one way */
    unsigned jitter_percent; /* [10] of the delay, uniform */
    double loss;             /* [0] probability that a frame has to be sent again (one more delay
                              * of two RTT: lanes are reliable streams); datagrams are just lost */
    double duplicate;        /* [0] probability that a frame comes twice */
    double reorder;          /* [0] probability that a frame overtakes others (other lanes only
                              * unless reorder_within is set) */
    bool reorder_within;     /* [false] the same within a lane: harsher than QUIC */
    /* faults; times are virtual, counted from the first publish */
    double kill;               /* [0] share of nodes that crash half-way */
    bool restart;              /* [false] crashed nodes come back 10 s later, same identity */
    double partition;          /* [0] share of nodes cut off from the others .. */
    uint64_t partition_at_ns;  /* [0] .. at this time .. */
    uint64_t partition_for_ns; /* [0] .. for so long (0 = no partition) */
    uint64_t limit_ns;         /* [600 s] end of virtual time, if not settled before */
    bool check;                /* [true] run every invariant checker after every step */
    /* Called about once a second of real time with a share 0..1, may be NULL. */
    void (*progress)(void *user, double share);
    void *user;
};

struct sg_sim_report {
    uint64_t trace_hash;
    uint64_t events;     /* steps simulated */
    uint64_t virtual_ns; /* how far the virtual clock went */
    double wall_seconds; /* real time: the only field that differs between runs */
    double delivered;    /* share of (message, living node) pairs that were delivered, 0..1 */
    uint64_t deliveries;
    uint64_t missing;
    uint64_t latency_p50_ns, latency_p95_ns, latency_p99_ns, latency_max_ns;
    uint64_t last_node_p50_ns, last_node_p99_ns; /* per message: when its last node had it */
    double rmr;                                  /* payloads / deliveries - 1, after warm-up */
    double ldh_mean;                             /* last delivery hop */
    uint32_t ldh_max;
    double bytes_per_delivery; /* frames, without QUIC and UDP */
    double control_share;      /* of those bytes */
    uint32_t components;       /* of the living topic overlay at the end */
    double active_mean;        /* active view size of the living */
    uint32_t isolated;         /* living nodes without a neighbour at the end */
};

/* Fills in the defaults in brackets. */
SG_API void sg_sim_config_init(struct sg_sim_config *config);
/* Runs one simulation to its end. SG_ERR_INVALID_ARGUMENT, SG_ERR_NO_MEMORY. A broken invariant
 * aborts with the seed and step on stderr. */
SG_API SG_MUST_USE sg_err sg_sim_run(const struct sg_sim_config *config,
                                     struct sg_sim_report *report);

/* ---- scenarios: a run as text, see docs/simulator.md ---- */

struct sg_sim_scenario;
struct sg_sim_result;

/* Why a scenario is refused. */
struct sg_sim_problem {
    uint32_t line;  /* from 1; 0 = a setting given beside the text, or the whole */
    char text[200]; /* one line, says what would be allowed */
};

/* What is given beside the text. */
struct sg_sim_settings {
    const char *const *items; /* [count] "key=value": a variable of 'let', or as in a 'set' line */
    size_t count;
    bool small; /* the lines that begin with 'small' count */
};

/* A scenario that is built into the library. */
struct sg_sim_builtin {
    const char *name;
    struct sg_bytes text;
};

/* The index-th of them by name; NULL when there are fewer. */
SG_API const struct sg_sim_builtin *sg_sim_builtin_at(size_t index);
/* NULL: there is none of this name. */
SG_API const struct sg_sim_builtin *sg_sim_builtin_find(const char *name);

/* Reads a scenario. settings may be NULL; all is copied. *out is owned by the caller.
 * SG_ERR_MALFORMED with *problem filled in, SG_ERR_NO_MEMORY, SG_ERR_INVALID_ARGUMENT. */
SG_API SG_MUST_USE sg_err sg_sim_scenario_new(struct sg_bytes text,
                                              const struct sg_sim_settings *settings,
                                              struct sg_sim_scenario **out,
                                              struct sg_sim_problem *problem);
SG_API void sg_sim_scenario_free(struct sg_sim_scenario *scenario);
/* The seeds it asks for: first .. last. */
SG_API void sg_sim_scenario_seeds(const struct sg_sim_scenario *scenario, uint64_t *first,
                                  uint64_t *last);
/* What its first comment says; borrowed. */
SG_API const char *sg_sim_scenario_about(const struct sg_sim_scenario *scenario);

/* Runs it once. *out is owned by the caller. progress as in sg_sim_config. A broken invariant
 * aborts. SG_ERR_NO_MEMORY, SG_ERR_INVALID_ARGUMENT. */
SG_API SG_MUST_USE sg_err sg_sim_scenario_run(const struct sg_sim_scenario *scenario, uint64_t seed,
                                              void (*progress)(void *user, double share),
                                              void *user, struct sg_sim_result **out);
SG_API void sg_sim_result_free(struct sg_sim_result *result);

/* One line 'expect' with what came out. */
struct sg_sim_expectation {
    const char *text; /* as in the scenario */
    const char *unit; /* "", "s", "%" (values are shares of 1), "B", "/s", "/min" */
    double value, limit;
    bool is_known; /* false: there was nothing to measure; not met */
    bool is_met;
};

/* One figure. */
struct sg_sim_figure {
    const char *name;
    const char *unit;
    const char *about;
    double value;
    bool is_known;
};

/* A figure over time, sampled at the same times as all others of a run. */
struct sg_sim_series {
    const char *name;
    const char *unit;
    const double *times;  /* [count] virtual seconds from the scenario's time 0 */
    const double *values; /* [count] */
    size_t count;
};

/* All borrowed from the result. */
SG_API const struct sg_sim_report *sg_sim_result_report(const struct sg_sim_result *result);
SG_API bool sg_sim_result_is_met(const struct sg_sim_result *result);
/* The index-th; false when there are fewer. */
SG_API bool sg_sim_result_expectation(const struct sg_sim_result *result, size_t index,
                                      struct sg_sim_expectation *expectation);
SG_API bool sg_sim_result_figure(const struct sg_sim_result *result, size_t index,
                                 struct sg_sim_figure *figure);
SG_API bool sg_sim_result_series(const struct sg_sim_result *result, size_t index,
                                 struct sg_sim_series *series);

/* A chart of the result as an SVG picture, written by ourselves. */
struct sg_sim_chart {
    const char *name; /* fit for a file name */
    char *svg;        /* text with a final NUL; freed by sg_sim_chart_free */
    size_t len;
};
/* The index-th chart; title: of the scenario. SG_ERR_NOT_FOUND when there are fewer,
 * SG_ERR_NO_MEMORY. */
SG_API SG_MUST_USE sg_err sg_sim_result_chart(const struct sg_sim_result *result, size_t index,
                                              const char *title, struct sg_sim_chart *chart);
SG_API void sg_sim_chart_free(struct sg_sim_chart *chart);

#ifdef __cplusplus
}
#endif
#endif
