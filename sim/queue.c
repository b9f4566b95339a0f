#include "queue.h"

#include <assert.h>

void sg_sim_queue_init(struct sg_sim_queue *q, const struct sg_mem *mem)
{
    *q = (struct sg_sim_queue){.mem = mem};
}

void sg_sim_queue_fini(struct sg_sim_queue *q)
{
    for (size_t i = 0; i < sizeof(q->bucket) / sizeof(q->bucket[0]); i++) {
        struct sg_sim_bucket *bucket = &q->bucket[i];
        for (size_t at = bucket->head; at < bucket->count; at++)
            sg_buf_unref(bucket->events[at].buf);
        sg_mem_free(q->mem, bucket->events);
    }
}

/* Bits up to the highest one that is set. */
static unsigned bit_length(uint64_t x)
{
    unsigned bits = 0;
    for (unsigned step = 32; step > 0; step /= 2) {
        if (x >> step != 0) {
            x >>= step;
            bits += step;
        }
    }
    return bits + (x != 0);
}

static bool append(struct sg_sim_queue *q, struct sg_sim_bucket *bucket,
                   const struct sg_sim_event *event)
{
    if (bucket->count == bucket->cap) {
        size_t cap = bucket->cap == 0 ? 16 : bucket->cap * 2;
        void *events = sg_mem_resize(q->mem, bucket->events, cap, sizeof(*bucket->events));
        if (events == NULL) {
            q->err = SG_ERR_NO_MEMORY;
            sg_buf_unref(event->buf);
            return false;
        }
        bucket->events = events;
        bucket->cap = cap;
    }
    bucket->events[bucket->count++] = *event;
    return true;
}

void sg_sim_queue_push(struct sg_sim_queue *q, const struct sg_sim_event *event)
{
    assert(event->at >= q->last);
    (void)append(q, &q->bucket[bit_length(event->at ^ q->last)], event);
}

/* Moves the lowest bucket in use down, so that its first time gets into bucket 0. */
static bool refill(struct sg_sim_queue *q)
{
    size_t at = 1;
    while (at < sizeof(q->bucket) / sizeof(q->bucket[0]) && q->bucket[at].count == 0)
        at++;
    if (at == sizeof(q->bucket) / sizeof(q->bucket[0]))
        return false;
    struct sg_sim_bucket *from = &q->bucket[at];
    sg_time_ns first = from->events[0].at;
    for (size_t i = 1; i < from->count; i++)
        first = sg_time_min(first, from->events[i].at);
    q->last = first;
    for (size_t i = 0; i < from->count; i++)
        (void)append(q, &q->bucket[bit_length(from->events[i].at ^ first)], &from->events[i]);
    from->count = 0;
    return true;
}

bool sg_sim_queue_pop(struct sg_sim_queue *q, struct sg_sim_event *event)
{
    struct sg_sim_bucket *now = &q->bucket[0];
    if (now->head == now->count) {
        now->head = now->count = 0;
        if (!refill(q))
            return false;
    }
    *event = now->events[now->head++];
    return true;
}
