/* The eclipse laboratory: HyParView machines of honest nodes against a crowd of Sybils, over a
 * network of nothing but delays. Real are only the machines; an attacker has no state, it answers
 * and asks as hurts most. Everything follows from the seed. */
#ifndef SG_SIM_LAB_ECLIPSE_H
#define SG_SIM_LAB_ECLIPSE_H

#include "hyparview/hyparview.h"

#define SG_LAB_HONEST_MAX 1024
/* Honest nodes, attackers and ghosts: names that nobody answers to. */
#define SG_LAB_NAMES_MAX 16384

enum sg_lab_attack {
    /* Attackers know all honest nodes, accept every walk and request, fill every answer with their
     * own ids, drop the walks of others, never leave and disconnect nobody. Each asks some honest
     * nodes and pushes shuffles to some each round. */
    SG_LAB_SYBILS,
    /* The same, and they hold every place of a node before it does anything, from the start. */
    SG_LAB_DAWN,
    /* The first attacker asks, joins and leaves at each honest node ten times a second. */
    SG_LAB_FLAPPER,
    /* Each attacker sends forged frames of all kinds to random honest nodes. */
    SG_LAB_STORM
};

struct sg_lab_config {
    const struct sg_mem *mem;
    struct sg_hpv_config hpv; /* of the honest nodes; mem is filled in */
    enum sg_lab_attack attack;
    uint16_t honest;            /* [200] */
    uint16_t sybils;            /* [0] */
    uint8_t contacts;           /* [4] of each honest node, at most SG_HPV_CONTACTS_MAX / 2 */
    uint8_t bad_percent;        /* [0] of contacts that are Sybils */
    bool is_one_way;            /* [no] contacts do not know that they are somebody's */
    uint8_t churn_percent;      /* [1] of honest nodes crash each round, and are back later */
    uint16_t rounds;            /* [20] under attack */
    uint8_t asks;               /* [5] honest nodes that each Sybil asks for a link each round */
    uint8_t pushes;             /* [5] and to which it pushes a shuffle */
    uint16_t frames_per_second; /* [50] STORM, of each attacker */
    uint64_t round_ns;          /* [30 s] */
    uint64_t settle_ns;         /* [60 s] before the attack; DAWN: until connection is demanded */
};
struct sg_lab_config sg_lab_config_default(const struct sg_mem *mem);

/* Counts are of honest nodes that have been up for 10 s. Nodes are linked when both say so. */
struct sg_lab_result {
    uint16_t eclipsed_end, eclipsed_worst; /* without honest neighbour: at the end, at any look */
    uint16_t outside_end, outside_worst;   /* not in the largest honest component */
    uint16_t sybil_permille;               /* of all places taken in active views, at the end */
    uint16_t connected_s; /* DAWN: seconds after the last boot until all honest nodes are one
                           * component for the first time; UINT16_MAX = never */
    /* FLAPPER: the most that one node saw in any minute under attack */
    uint16_t honest_changes;  /* links to honest peers that went down */
    uint16_t flapper_changes; /* the flapper's link coming up */
    uint64_t inputs;
};

/* SG_ERR_NO_MEMORY; SG_ERR_INVALID_ARGUMENT: a config out of the limits above. */
SG_MUST_USE sg_err sg_lab_run(const struct sg_lab_config *config, uint64_t seed,
                              struct sg_lab_result *result);

#endif
