/* The lock of a node: first come, first served. A plain mutex lets a thread that publishes in a
 * tight loop take the lock again and again before the loop thread, already woken, gets to run;
 * acknowledgements and timers would then wait for as long as the storm lasts. */
#ifndef SG_RUNTIME_FAIR_LOCK_H
#define SG_RUNTIME_FAIR_LOCK_H

#include <uv.h>

#include "base/err.h"

struct sg_rt_lock {
    uv_mutex_t mutex;
    uv_cond_t turn;
    uint64_t next;    /* ticket for the next who comes */
    uint64_t serving; /* ticket of the holder, or of the one whose turn it is */
};

/* SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_rt_lock_init(struct sg_rt_lock *lock);
/* Nobody may hold it or wait for it. */
void sg_rt_lock_fini(struct sg_rt_lock *lock);
/* Not recursive. Waits behind those who came before. */
void sg_rt_lock_enter(struct sg_rt_lock *lock);
void sg_rt_lock_leave(struct sg_rt_lock *lock);

#endif
