#include "runtime/fair_lock.h"

sg_err sg_rt_lock_init(struct sg_rt_lock *lock)
{
    lock->next = 0;
    lock->serving = 0;
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

void sg_rt_lock_enter(struct sg_rt_lock *lock)
{
    uv_mutex_lock(&lock->mutex);
    uint64_t ticket = lock->next++;
    while (ticket != lock->serving)
        uv_cond_wait(&lock->turn, &lock->mutex);
    uv_mutex_unlock(&lock->mutex);
}

void sg_rt_lock_leave(struct sg_rt_lock *lock)
{
    uv_mutex_lock(&lock->mutex);
    lock->serving++;
    /* All who wait look whether it is their turn: few threads call one node. */
    if (lock->serving != lock->next)
        uv_cond_broadcast(&lock->turn);
    uv_mutex_unlock(&lock->mutex);
}
