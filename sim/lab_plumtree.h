/* The Plumtree lab: HyParView and Plumtree machines on a virtual network, to repeat the experiments
 * of the report (Leitao, Pereira, Rodrigues, TR-07-14, s4): copies, control messages and last
 * delivery hop per broadcast, with one sender or many, in calm and while nodes fail. */
#ifndef SG_SIM_LAB_PLUMTREE_H
#define SG_SIM_LAB_PLUMTREE_H

#include "lab_hpv.h"
#include "plumtree/plumtree.h"

struct sg_lab_pt_config {
    struct sg_lab_hpv_config hpv;
    struct sg_pt_config pt;
    uint64_t cycle_ns; /* between two broadcasts; the report's cycle is a shuffle of everybody */
};

/* The report's: 10 000 nodes, active view 5, IHAVEs at once, one message after the other. */
struct sg_lab_pt_config sg_lab_pt_paper(const struct sg_mem *mem);
/* Our defaults at 1 000 nodes and 50 ms. */
struct sg_lab_pt_config sg_lab_pt_ours(const struct sg_mem *mem);

/* Of one broadcast: messages received. */
struct sg_lab_pt_broadcast {
    uint32_t up;       /* nodes, when it was over */
    uint32_t reached;  /* of them, the sender included */
    uint32_t payloads; /* received, copies included */
    uint32_t ihaves, grafts, prunes;
    uint16_t last_hop; /* of the last delivery */
    uint64_t last_ns;  /* how long that took */
};

struct sg_lab_pt;

/* Everybody has joined. Free also after an error. SG_ERR_NO_MEMORY, SG_ERR_INVALID_ARGUMENT. */
SG_MUST_USE sg_err sg_lab_pt_new(struct sg_lab_pt **out, const struct sg_lab_pt_config *config);
void sg_lab_pt_free(struct sg_lab_pt *lab);
struct sg_lab_hpv *sg_lab_pt_views(struct sg_lab_pt *lab);
/* Crashes count random nodes. */
void sg_lab_pt_kill(struct sg_lab_pt *lab, uint32_t count);
/* A message of one node (SG_LAB_NONE: of a random one), and one cycle. */
struct sg_lab_pt_broadcast sg_lab_pt_cycle(struct sg_lab_pt *lab, uint32_t sender);
/* Summed over all machines: GRAFTs sent, those of them for what the tree brought after all, parents
 * exchanged, and messages that were announced first. */
struct sg_lab_pt_moves {
    uint64_t grafts, early, exchanged, recovered, rescues;
};
struct sg_lab_pt_moves sg_lab_pt_moves(const struct sg_lab_pt *lab);
/* Asserts the invariants of all machines. */
void sg_lab_pt_check(const struct sg_lab_pt *lab);

#endif
