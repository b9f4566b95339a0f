/* Binary heap of deadlines. An element remembers its place, so moving or removing it is
 * O(log n). */
#ifndef SG_QUIC_TIMER_H
#define SG_QUIC_TIMER_H

#include <stdbool.h>

#include "base/mem.h"
#include "base/time.h"

struct sg_quic_timer {
    sg_time_ns at;
    size_t place; /* index in the heap + 1; 0 = not in it */
    void *owner;
};

struct sg_quic_timer_heap {
    const struct sg_mem *mem;
    struct sg_quic_timer **items;
    size_t count;
    size_t cap;
};

void sg_quic_timer_heap_init(struct sg_quic_timer_heap *heap, const struct sg_mem *mem);
void sg_quic_timer_heap_fini(struct sg_quic_timer_heap *heap);
/* Makes room for count timers in all, so that sg_quic_timer_set cannot fail. SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_quic_timer_reserve(struct sg_quic_timer_heap *heap, size_t count);
/* Sets or moves the deadline; SG_TIME_NEVER removes the timer. Room must be reserved. */
void sg_quic_timer_set(struct sg_quic_timer_heap *heap, struct sg_quic_timer *timer, sg_time_ns at);
/* The earliest deadline, SG_TIME_NEVER when there is none. */
sg_time_ns sg_quic_timer_next(const struct sg_quic_timer_heap *heap);
/* Takes out and gives the owner of a timer with at <= now, NULL when none is due. */
void *sg_quic_timer_pop(struct sg_quic_timer_heap *heap, sg_time_ns now);

#endif
