/* Large memory that is needed for a moment: the nodes of a process take turns with a few blocks
 * instead of owning some each, most of the time for nothing. Thread-safe. */
#ifndef SG_OS_SCRATCH_H
#define SG_OS_SCRATCH_H

#include <stddef.h>

#include "base/mem.h"

/* A block of len bytes with anything in it; NULL: out of memory. With the default allocator it may
 * be one that was put back, with any other one it is new. */
void *sg_scratch_take(const struct sg_mem *mem, size_t len);
/* Gives a block of len bytes back; NULL is allowed. */
void sg_scratch_put(const struct sg_mem *mem, void *block, size_t len);

#endif
