/* Bytes that many simulated nodes hold are held once: thousands of caches with the same messages
 * would not fit into the memory of a machine. Nodes cannot tell, buffers of several owners do not
 * change. */
#ifndef SG_SIM_SHARE_H
#define SG_SIM_SHARE_H

#include "base/buf.h"

struct sg_sim_share_slot {
    uint64_t digest;
    struct sg_buf *buf; /* one reference; NULL = free */
};

struct sg_sim_share {
    const struct sg_mem *mem;
    struct sg_sim_share_slot *slots; /* [cap], a power of two, at most half of them used */
    size_t cap, count;
    sg_err err; /* sticky: there was no memory for the table, the run is not what it seems */
};

void sg_sim_share_init(struct sg_sim_share *share, const struct sg_mem *mem);
void sg_sim_share_fini(struct sg_sim_share *share);
/* A reference to a buffer with the bytes of buf, whose reference it takes over. The shape of struct
 * sg_core_config's share, user is the struct. Without memory it is buf itself, and err is set. */
struct sg_buf *sg_sim_share_swap(void *user, struct sg_buf *buf);
/* Lets go of what no node holds any more. O(cap): call it now and then. */
void sg_sim_share_sweep(struct sg_sim_share *share);

#endif
