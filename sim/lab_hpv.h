/* The HyParView lab: many machines on a virtual network, to repeat the paper's experiments
 * (Leitao, Pereira, Rodrigues, DSN 2007, s5): the graph of active views, and floods right after
 * many nodes have failed at once. */
#ifndef SG_SIM_LAB_HPV_H
#define SG_SIM_LAB_HPV_H

#include "hyparview/hyparview.h"
#include "lab_net.h"

struct sg_lab_hpv_config {
    const struct sg_mem *mem;
    uint64_t seed;
    uint32_t nodes; /* 2 .. 100 000 */
    struct sg_hpv_config hpv;
    uint64_t delay_ns;  /* one way, the same for all: links keep order */
    uint64_t broken_ns; /* what is sent or dialled to the dead fails after so long */
    uint64_t join_ns;   /* between two joins */
    uint32_t table; /* members that a node remembers beside its views (peer cache, member table),
                         * dead or alive: told 16 at a time when ISOLATED comes out; 0 = none */
    bool
        verdicts; /* news of sg_lab_hpv_notice is a failure detector's verdict, else a reset link */
};

/* The paper's: 10 000 nodes, active view 5, passive view 30, ARWL 6, PRWL 3, shuffles of 3 + 4;
 * failures show as a TCP reset does, at once; what is ours alone is switched off. */
struct sg_lab_hpv_config sg_lab_hpv_paper(const struct sg_mem *mem);
/* Our defaults at 1 000 nodes. Nobody answers for the dead: a dial fails after 5 s. */
struct sg_lab_hpv_config sg_lab_hpv_ours(const struct sg_mem *mem);

/* A protocol on top of the views, in the same virtual time. */
#define SG_LAB_HPV_EV_RIDER (SG_LAB_EV_FIRST + 16)
struct sg_lab_hpv_rider {
    void *user;
    void (*neighbor)(void *user, uint32_t node, const struct sg_peer_id *peer, bool is_up);
    void (*event)(void *user, const struct sg_sim_event *event); /* kinds from .._EV_RIDER on */
    void (*timer)(void *user, uint32_t node);
    sg_time_ns (*deadline)(void *user, uint32_t node);
};

struct sg_lab_hpv_node {
    struct sg_hpv m;
    bool is_up;
    uint16_t hop;      /* at which flood came */
    uint32_t flood;    /* the last one that came */
    uint32_t batch;    /* of the table, told so far */
    uint32_t isolated; /* times ISOLATED came out */
};

struct sg_lab_hpv {
    struct sg_lab_hpv_config config;
    struct sg_lab_net net;
    struct sg_prng prng;
    const struct sg_lab_hpv_rider *rider; /* NULL = none */
    struct sg_lab_hpv_node *node;         /* [config.nodes] */
    uint32_t started, up;
    uint32_t flood;    /* number of the last flood */
    uint32_t reached;  /* by it */
    uint16_t last_hop; /* of it */
    bool resend;       /* it goes over links that come up, too */
    uint64_t sent;     /* messages of HyParView */
};

/* Free with sg_lab_hpv_free, also after an error. SG_ERR_NO_MEMORY, SG_ERR_INVALID_ARGUMENT (of
 * sg_hpv_init). */
SG_MUST_USE sg_err sg_lab_hpv_new(struct sg_lab_hpv **out, const struct sg_lab_hpv_config *config);
void sg_lab_hpv_free(struct sg_lab_hpv *lab);
/* All nodes join, one after the other, through the first. */
void sg_lab_hpv_join(struct sg_lab_hpv *lab);
void sg_lab_hpv_run(struct sg_lab_hpv *lab, uint64_t for_ns);
/* What from has sent to the crashed node to was no message of HyParView: it is told as well. */
void sg_lab_hpv_broken(struct sg_lab_hpv *lab, uint32_t from, uint32_t to);
/* Wants to be woken again, after the rider was fed. */
void sg_lab_hpv_rewake(struct sg_lab_hpv *lab, uint32_t node);
uint32_t sg_lab_hpv_survivor(struct sg_lab_hpv *lab);
/* A random share of all nodes crashes at once, and nobody is told. */
void sg_lab_hpv_kill(struct sg_lab_hpv *lab, unsigned permille);
/* Each survivor is told of its own dead neighbours, of each at a random time from min_ns to max_ns
 * from now. */
void sg_lab_hpv_notice(struct sg_lab_hpv *lab, uint64_t min_ns, uint64_t max_ns);
/* A message from a random survivor is flooded over the active views; runs for for_ns. resend: who
 * has it sends it to neighbours that come up meanwhile, as when a broken link is replaced. The
 * share of survivors reached. */
double sg_lab_hpv_flood(struct sg_lab_hpv *lab, bool resend, uint64_t for_ns);

struct sg_lab_hpv_graph {
    uint32_t nodes;      /* that are up */
    uint32_t isolated;   /* of them without an active neighbour that is up */
    uint32_t components; /* over links between those that are up, isolated ones included */
    double path;         /* mean shortest path over reachable pairs */
    double reach;        /* mean share that a node reaches: a flood without any repair */
    uint32_t diameter;   /* longest path seen */
    double clustering;
    double full;   /* share with active_target active neighbours or more */
    double degree; /* mean of active neighbours */
    double in_sd;  /* standard deviation of the in-degree */
    uint32_t in_min, in_max;
    uint32_t one_way; /* links that only one end believes in */
};

/* Paths from sources random nodes; >= nodes: from all. */
SG_MUST_USE sg_err sg_lab_hpv_graph(struct sg_lab_hpv *lab, uint32_t sources,
                                    struct sg_lab_hpv_graph *graph);

#endif
