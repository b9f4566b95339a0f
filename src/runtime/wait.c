#include "runtime/wait.h"

#include "os/clock.h"

sg_err sg_rt_wait_init(struct sg_rt_wait *wait)
{
    wait->waiters = 0;
    wait->stopped = false;
    if (uv_mutex_init(&wait->mutex) != 0)
        return SG_ERR_NO_MEMORY;
    if (uv_cond_init(&wait->changed) != 0) {
        uv_mutex_destroy(&wait->mutex);
        return SG_ERR_NO_MEMORY;
    }
    return SG_OK;
}

void sg_rt_wait_fini(struct sg_rt_wait *wait)
{
    uv_mutex_lock(&wait->mutex);
    wait->stopped = true;
    uv_cond_broadcast(&wait->changed);
    while (wait->waiters > 0)
        uv_cond_wait(&wait->changed, &wait->mutex);
    uv_mutex_unlock(&wait->mutex);
    uv_cond_destroy(&wait->changed);
    uv_mutex_destroy(&wait->mutex);
}

void sg_rt_wait_lock(struct sg_rt_wait *wait)
{
    uv_mutex_lock(&wait->mutex);
}

void sg_rt_wait_unlock(struct sg_rt_wait *wait)
{
    uv_mutex_unlock(&wait->mutex);
}

void sg_rt_wait_enter(struct sg_rt_wait *wait)
{
    uv_mutex_lock(&wait->mutex);
    wait->waiters++;
    uv_mutex_unlock(&wait->mutex);
}

/* sg_rt_wait_fini may be waiting for the last one to leave. The mutex is held. */
static void leave(struct sg_rt_wait *wait)
{
    wait->waiters--;
    if (wait->stopped)
        uv_cond_broadcast(&wait->changed);
}

void sg_rt_wait_leave(struct sg_rt_wait *wait)
{
    uv_mutex_lock(&wait->mutex);
    leave(wait);
    uv_mutex_unlock(&wait->mutex);
}

sg_time_ns sg_rt_wait_until(int timeout_ms)
{
    if (timeout_ms < 0)
        return SG_TIME_NEVER;
    return sg_time_add(sg_clock_now(), (uint64_t)timeout_ms * SG_NS_PER_MS);
}

bool sg_rt_wait_once(struct sg_rt_wait *wait, sg_time_ns until)
{
    uint64_t left = SG_TIME_NEVER;
    if (until != SG_TIME_NEVER)
        left = sg_time_since(until, sg_clock_now());
    if (left == 0 || wait->stopped)
        return false;
    wait->waiters++;
    if (left == SG_TIME_NEVER)
        uv_cond_wait(&wait->changed, &wait->mutex);
    else
        (void)uv_cond_timedwait(&wait->changed, &wait->mutex, left);
    leave(wait);
    return true;
}

void sg_rt_wait_signal(struct sg_rt_wait *wait)
{
    if (wait->waiters > 0)
        uv_cond_signal(&wait->changed);
}

void sg_rt_wait_signal_all(struct sg_rt_wait *wait)
{
    uv_cond_broadcast(&wait->changed);
}

void sg_rt_wait_stop(struct sg_rt_wait *wait)
{
    uv_mutex_lock(&wait->mutex);
    wait->stopped = true;
    uv_cond_broadcast(&wait->changed);
    uv_mutex_unlock(&wait->mutex);
}
