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
    uint32_t payload_len; /* [256] bytes, <= 65536 */
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

#ifdef __cplusplus
}
#endif
#endif
