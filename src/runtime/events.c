#include "runtime/events.h"

sg_err sg_rt_events_init(struct sg_rt_events *q, const struct sg_mem *mem, uint32_t max)
{
    *q = (struct sg_rt_events){.mem = mem, .max = max};
    sg_rt_ready_init(&q->ready);
    return sg_rt_wait_init(&q->wait);
}

void sg_rt_events_fini(struct sg_rt_events *q)
{
    sg_rt_wait_fini(&q->wait);
    sg_rt_ready_fini(&q->ready);
    sg_mem_free(q->mem, q->ring);
}

static void grow(struct sg_rt_events *q)
{
    uint32_t cap = q->cap == 0 ? 16 : q->cap * 2;
    if (cap > q->max)
        cap = q->max;
    struct sg_event *ring = sg_mem_new(q->mem, cap, sizeof *ring);
    if (ring == NULL)
        return;
    for (uint32_t i = 0; i < q->count; i++)
        ring[i] = q->ring[(q->head + i) % q->cap];
    sg_mem_free(q->mem, q->ring);
    q->ring = ring;
    q->cap = cap;
    q->head = 0;
}

void sg_rt_events_push(struct sg_rt_events *q, const struct sg_event *event)
{
    sg_rt_wait_lock(&q->wait);
    if (q->count == q->cap && q->cap < q->max)
        grow(q);
    if (q->count == q->cap) {
        q->dropped++;
        if (q->cap == 0) {
            sg_rt_wait_unlock(&q->wait);
            return;
        }
        q->head = (q->head + 1) % q->cap;
        q->count--;
    }
    q->ring[(q->head + q->count) % q->cap] = *event;
    if (q->count++ == 0)
        sg_rt_ready_set(&q->ready, true);
    sg_rt_wait_signal(&q->wait);
    sg_rt_wait_unlock(&q->wait);
}

sg_err sg_rt_events_next(struct sg_rt_events *q, int timeout_ms, struct sg_event *event)
{
    sg_time_ns until = timeout_ms == 0 ? 0 : sg_rt_wait_until(timeout_ms);
    sg_err err = SG_OK;
    sg_rt_wait_lock(&q->wait);
    while (q->count == 0 && err == SG_OK) {
        if (q->wait.stopped)
            err = SG_ERR_STOPPED;
        else if (timeout_ms == 0)
            err = SG_ERR_WOULD_BLOCK;
        else if (!sg_rt_wait_once(&q->wait, until) && q->count == 0 && !q->wait.stopped)
            err = SG_ERR_TIMEOUT;
    }
    if (err == SG_OK) {
        *event = q->ring[q->head];
        q->head = (q->head + 1) % q->cap;
        if (--q->count == 0 && !q->wait.stopped)
            sg_rt_ready_set(&q->ready, false);
    }
    sg_rt_wait_unlock(&q->wait);
    return err;
}

void sg_rt_events_stop(struct sg_rt_events *q)
{
    sg_rt_wait_stop(&q->wait);
    sg_rt_wait_lock(&q->wait);
    sg_rt_ready_set(&q->ready, true);
    sg_rt_wait_unlock(&q->wait);
}

int sg_rt_events_fd(struct sg_rt_events *q)
{
    sg_rt_wait_lock(&q->wait);
    int fd = sg_rt_ready_fd(&q->ready, q->count > 0 || q->wait.stopped);
    sg_rt_wait_unlock(&q->wait);
    return fd;
}
