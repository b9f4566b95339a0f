/* The SWIM lab: many SWIM machines on a virtual network, to repeat the experiments of the Lifeguard
 * paper (Dadgar, Phillips, Currey, arXiv 1707.00788: members that stall) and SWIM's own of the time
 * to first detection (Das, Gupta, Motivala, DSN 2002, s5). */
#ifndef SG_SIM_LAB_SWIM_H
#define SG_SIM_LAB_SWIM_H

#include "lab_net.h"
#include "swim/swim.h"

/* How a stall blocks a member. What arrives always waits, and is read after expired timers. */
enum sg_lab_block {
    /* As memberlist's loops do, and so the paper's agents: all runs until probing blocks at its
     * next send; that probe's timers and suspicions that ran out meanwhile come first at the end.
     * */
    SG_LAB_BLOCK_PROBE,
    SG_LAB_BLOCK_LOOP, /* one thread: nothing runs, as under SIGSTOP */
    SG_LAB_BLOCK_SENDS /* all timers run, probe after probe, and what they send waits */
};

struct sg_lab_swim_config {
    const struct sg_mem *mem;
    uint64_t seed;
    uint32_t nodes; /* 3 .. 4 096 */
    struct sg_swim_config swim;
    uint64_t delay_ns;  /* one way: uniform from this .. */
    uint64_t jitter_ns; /* .. to this more */
    uint32_t watched; /* 0 = packets go to any member, as in the papers. Else all are linked to all
                         * and each watches about so many random others, who watch it */
    enum sg_lab_block block;
    /* packets that wait at each node, as in a UDP receive buffer; the newest are lost */
    uint32_t queue_max;
};

/* memberlist's LAN settings as in the paper, 128 agents on one host. */
struct sg_lab_swim_config sg_lab_swim_paper(const struct sg_mem *mem, bool lifeguard);
/* Our defaults, 128 nodes, all linked, 8 watched each. */
struct sg_lab_swim_config sg_lab_swim_ours(const struct sg_mem *mem);

struct sg_lab_stall {
    uint32_t members;     /* random ones, all at the same time */
    uint64_t duration_ns; /* blocked for so long .. */
    uint64_t interval_ns; /* .. then well for so long, and again; 0 = blocked once */
    uint64_t quiesce_ns, run_ns;
};

/* Sums over runs; zeroed and given mem by sg_lab_swim_result_init. A failure event is a member that
 * declares another one dead. */
struct sg_lab_swim_result {
    uint64_t runs;
    uint64_t fp;         /* failure events about members that never stalled */
    uint64_t fp_healthy; /* of them at members that never stalled */
    uint64_t stalled;    /* first stalls .. */
    uint64_t detected; /* .. of which some member that never stalls has declared the stalled dead */
    uint64_t messages, bytes, events, suspicions, lost;
    struct sg_lab_values first; /* ns from the start of the first stall, if before its end */
    struct sg_lab_values full;  /* until all who never stall have declared it dead, likewise */
};

void sg_lab_swim_result_init(struct sg_lab_swim_result *result, const struct sg_mem *mem);
void sg_lab_swim_result_fini(struct sg_lab_swim_result *result);
/* One run, added to result. SG_ERR_NO_MEMORY, SG_ERR_INVALID_ARGUMENT (config). */
SG_MUST_USE sg_err sg_lab_swim_stall(const struct sg_lab_swim_config *config,
                                     const struct sg_lab_stall *stall,
                                     struct sg_lab_swim_result *result);

/* One random member after the other crashes at a random time, until it is suspected. Added for each
 * that is suspected within two rounds:
 * periods: the first period after the crash in which somebody probes it, 1 = at once (every
 * probe of it fails); suspected: ns until the first suspicion. */
SG_MUST_USE sg_err sg_lab_swim_crashes(const struct sg_lab_swim_config *config, unsigned crashes,
                                       struct sg_lab_values *periods,
                                       struct sg_lab_values *suspected);

#endif
