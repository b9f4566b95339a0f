/* The event queue of a node: bounded, the oldest event goes when it is full. */
#ifndef SG_RUNTIME_EVENTS_H
#define SG_RUNTIME_EVENTS_H

#include <saorsa/gossip.h>

#include "base/mem.h"
#include "runtime/ready.h"
#include "runtime/wait.h"

struct sg_rt_events {
    struct sg_rt_wait wait;
    struct sg_event *ring; /* [cap], grows up to max */
    const struct sg_mem *mem;
    uint32_t cap;
    uint32_t max;
    uint32_t head;
    uint32_t count;
    uint64_t dropped;
    struct sg_rt_ready ready;
};

/* SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_rt_events_init(struct sg_rt_events *q, const struct sg_mem *mem,
                                     uint32_t max);
/* Waits until nobody waits in sg_rt_events_next. */
void sg_rt_events_fini(struct sg_rt_events *q);
/* Never fails: when there is no room and no memory, an event is lost and counted. */
void sg_rt_events_push(struct sg_rt_events *q, const struct sg_event *event);
/* As sg_node_next_event. After sg_rt_events_stop what waits is still given. */
SG_MUST_USE sg_err sg_rt_events_next(struct sg_rt_events *q, int timeout_ms,
                                     struct sg_event *event);
void sg_rt_events_stop(struct sg_rt_events *q);
/* A descriptor that is readable while events wait, and from sg_rt_events_stop on; -1: none left. */
int sg_rt_events_fd(struct sg_rt_events *q);

#endif
