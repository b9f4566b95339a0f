/* What a blocking read needs: a mutex, a condition on the monotonic clock, and an orderly end while
 * threads still wait. The owner of the queue puts its fields under the mutex. */
#ifndef SG_RUNTIME_WAIT_H
#define SG_RUNTIME_WAIT_H

#include <stdbool.h>

#include <uv.h>

#include "base/time.h"

struct sg_rt_wait {
    uv_mutex_t mutex;
    uv_cond_t changed;
    unsigned waiters; /* threads inside: they wait, or have entered */
    bool stopped;     /* nobody may wait any more */
};

/* SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_rt_wait_init(struct sg_rt_wait *wait);
/* Stops, and returns when the last thread inside has left. */
void sg_rt_wait_fini(struct sg_rt_wait *wait);

void sg_rt_wait_lock(struct sg_rt_wait *wait);
void sg_rt_wait_unlock(struct sg_rt_wait *wait);
/* Around what a thread does with the owner's fields beside the mutex: fini waits for it. The mutex
 * is not held. */
void sg_rt_wait_enter(struct sg_rt_wait *wait);
void sg_rt_wait_leave(struct sg_rt_wait *wait);
/* timeout_ms as in the public API (< 0: for ever) -> the time until which to wait. */
sg_time_ns sg_rt_wait_until(int timeout_ms);
/* Waits, the mutex held, until something may have changed. false: until has passed, or stopped. */
bool sg_rt_wait_once(struct sg_rt_wait *wait, sg_time_ns until);
/* One element more is there: wakes one waiter. The mutex is held. */
void sg_rt_wait_signal(struct sg_rt_wait *wait);
/* Something changed that concerns every waiter. The mutex is held. */
void sg_rt_wait_signal_all(struct sg_rt_wait *wait);
/* Wakes everyone for good. The mutex is not held. */
void sg_rt_wait_stop(struct sg_rt_wait *wait);

#endif
