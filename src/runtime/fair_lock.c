#include "runtime/fair_lock.h"

#include "base/time.h"
#include "os/clock.h"

sg_err sg_rt_lock_init(struct sg_rt_lock *lock)
{
    lock->is_held = false;
    lock->first = NULL;
    lock->last = NULL;
    if (uv_mutex_init(&lock->mutex) != 0)
        return SG_ERR_NO_MEMORY;
    if (uv_cond_init(&lock->turn) != 0) {
        uv_mutex_destroy(&lock->mutex);
        return SG_ERR_NO_MEMORY;
    }
    return SG_OK;
}

void sg_rt_lock_fini(struct sg_rt_lock *lock)
{
    uv_cond_destroy(&lock->turn);
    uv_mutex_destroy(&lock->mutex);
}

static bool may_go_first(const struct sg_rt_lock *lock, sg_time_ns now)
{
    return lock->first == NULL || sg_time_since(now, lock->first->since) < SG_RT_LOCK_GRACE_NS;
}

static void stand_in_line(struct sg_rt_lock *lock, sg_time_ns now)
{
    struct sg_rt_waiter me = {.since = now};
    if (lock->first == NULL)
        lock->first = &me;
    else
        lock->last->next = &me;
    lock->last = &me;
    while (lock->is_held || lock->first != &me)
        uv_cond_wait(&lock->turn, &lock->mutex);
    lock->first = me.next;
}

void sg_rt_lock_enter(struct sg_rt_lock *lock)
{
    uv_mutex_lock(&lock->mutex);
    if (lock->is_held || lock->first != NULL) {
        sg_time_ns now = sg_clock_now();
        if (lock->is_held || !may_go_first(lock, now))
            stand_in_line(lock, now);
    }
    lock->is_held = true;
    uv_mutex_unlock(&lock->mutex);
}

void sg_rt_lock_leave(struct sg_rt_lock *lock)
{
    uv_mutex_lock(&lock->mutex);
    lock->is_held = false;
    /* each waits for a turn of its own */
    if (lock->first != NULL)
        uv_cond_broadcast(&lock->turn);
    uv_mutex_unlock(&lock->mutex);
}
