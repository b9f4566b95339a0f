/* The lock of a node: first come, first served, but for a little. A plain mutex lets a thread that
 * publishes in a tight loop take the lock again and again before the loop thread, already woken,
 * gets to run; acknowledgements and timers would then wait for as long as the storm lasts. Strict
 * turns are no better: every message would cost two changes of thread, and be signed alone. So who
 * comes may go before those who wait, until the first of them has waited SG_RT_LOCK_GRACE_NS. */
#ifndef SG_RUNTIME_FAIR_LOCK_H
#define SG_RUNTIME_FAIR_LOCK_H

#include <saorsa/types.h>
#include <stdbool.h>
#include <uv.h>

#include "base/err.h"

/* Some dozens of publishes; what a turn of the loop takes, so that both get half. */
#define SG_RT_LOCK_GRACE_NS (200 * SG_NS_PER_US)

/* On the stack of who waits. */
struct sg_rt_waiter {
    struct sg_rt_waiter *next;
    sg_time_ns since;
};

struct sg_rt_lock {
    uv_mutex_t mutex;
    uv_cond_t turn;
    bool is_held;
    struct sg_rt_waiter *first; /* in the order in which they came */
    struct sg_rt_waiter *last;
};

/* SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_rt_lock_init(struct sg_rt_lock *lock);
/* Nobody may hold it or wait for it. */
void sg_rt_lock_fini(struct sg_rt_lock *lock);
/* Not recursive. Waits behind those who came before, see above. */
void sg_rt_lock_enter(struct sg_rt_lock *lock);
void sg_rt_lock_leave(struct sg_rt_lock *lock);

#endif
