/* What this node remembers of the ways that messages took: a ring of their last steps, fed by the
 * core's trace. Appending costs a copy, asking a walk through the ring. Nothing is allocated before
 * the first step. */
#ifndef SG_RUNTIME_JOURNAL_H
#define SG_RUNTIME_JOURNAL_H

#include <saorsa/gossip.h>

#include "base/mem.h"
#include "base/time.h"

#define SG_RT_JOURNAL_MAX 4096

struct sg_rt_journal {
    struct sg_trace_step *steps; /* [cap], grows up to the maximum, then a ring; at_us: nanoseconds
                                  * of the node's clock */
    uint32_t cap;
    uint32_t count;
    uint32_t next; /* the oldest, once it is a ring */
};

void sg_rt_journal_fini(struct sg_rt_journal *j, const struct sg_mem *mem);
/* Without memory for it the step is lost. */
void sg_rt_journal_add(struct sg_rt_journal *j, const struct sg_mem *mem, sg_time_ns now,
                       const struct sg_trace_step *step);
/* Completes the FIRST step of a message, which was added a moment ago. */
void sg_rt_journal_first(struct sg_rt_journal *j, const struct sg_trace_step *step);
/* As sg_node_trace, but for at_us. */
size_t sg_rt_journal_copy(const struct sg_rt_journal *j, const struct sg_msg_id *id,
                          struct sg_trace_step *steps, size_t cap);
/* at_us of a step that was copied: by the wall clock, which says wall_us at the moment now. */
uint64_t sg_rt_journal_wall_us(const struct sg_trace_step *step, sg_time_ns now, uint64_t wall_us);

#endif
