/* An allocator that counts: how much is allocated now, and how much was at most. */
#ifndef SG_SIM_COUNTER_H
#define SG_SIM_COUNTER_H

#include "base/mem.h"

struct sg_sim_counter {
    struct sg_mem mem;
    size_t live, peak; /* bytes asked for */
};

/* Allocates from the C library. The counter must stay where it is. */
void sg_sim_counter_init(struct sg_sim_counter *counter);

#endif
