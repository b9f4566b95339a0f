#include "queue.h"

#include <assert.h>
#include <string.h>

/* Sorting by insertion costs little up to here. */
#define RUN_MAX 48

void sg_sim_queue_init(struct sg_sim_queue *q, const struct sg_mem *mem)
{
    *q = (struct sg_sim_queue){.mem = mem};
}

static void drop(struct sg_sim_queue *q, struct sg_sim_bucket *bucket, size_t from)
{
    for (size_t at = from; at < bucket->count; at++)
        sg_buf_unref(bucket->events[at].buf);
    sg_mem_free(q->mem, bucket->events);
}

void sg_sim_queue_fini(struct sg_sim_queue *q)
{
    drop(q, &q->run, q->head);
    for (size_t i = 0; i < sizeof(q->bucket) / sizeof(q->bucket[0]); i++)
        drop(q, &q->bucket[i], 0);
}

/* Bits up to the highest one that is set. */
static unsigned bit_length(uint64_t x)
{
#if defined(__GNUC__)
    return x == 0 ? 0 : 64 - (unsigned)__builtin_clzll(x);
#else
    unsigned bits = 0;
    for (unsigned step = 32; step > 0; step /= 2) {
        if (x >> step != 0) {
            x >>= step;
            bits += step;
        }
    }
    return bits + (x != 0);
#endif
}

/* Room for count more events. */
static bool reserve(struct sg_sim_queue *q, struct sg_sim_bucket *bucket, size_t count)
{
    size_t cap = bucket->cap < 16 ? 16 : bucket->cap;
    if (bucket->count + count <= bucket->cap)
        return true;
    while (cap < bucket->count + count)
        cap *= 2;
    void *events = sg_mem_resize(q->mem, bucket->events, cap, sizeof(*bucket->events));
    if (events == NULL) {
        q->err = SG_ERR_NO_MEMORY;
        return false;
    }
    bucket->events = events;
    bucket->cap = cap;
    return true;
}

static void append(struct sg_sim_queue *q, const struct sg_sim_event *event)
{
    struct sg_sim_bucket *bucket = &q->bucket[bit_length(event->at ^ q->last)];
    if (bucket->count == bucket->cap && !reserve(q, bucket, 1)) {
        sg_buf_unref(event->buf);
        return;
    }
    if (bucket->count == 0 || event->at < bucket->first)
        bucket->first = event->at;
    bucket->events[bucket->count++] = *event;
}

/* Moves the last event of the run to its place, behind those of its time. */
static void sift(struct sg_sim_bucket *run, size_t head)
{
    size_t at = run->count - 1;
    struct sg_sim_event event = run->events[at];
    for (; at > head && run->events[at - 1].at > event.at; at--)
        run->events[at] = run->events[at - 1];
    run->events[at] = event;
}

void sg_sim_queue_push(struct sg_sim_queue *q, const struct sg_sim_event *event)
{
    assert(event->at >= q->popped);
    if (q->head == q->run.count || event->at > q->run_end) {
        append(q, event);
    } else if (reserve(q, &q->run, 1)) {
        q->run.events[q->run.count++] = *event;
        sift(&q->run, q->head);
    } else {
        sg_buf_unref(event->buf);
    }
}

/* Adds a bucket to the run. All its events are later than those of the run. */
static bool take(struct sg_sim_queue *q, struct sg_sim_bucket *from)
{
    size_t start = q->run.count;
    if (from->count == 0)
        return true;
    if (!reserve(q, &q->run, from->count))
        return false;
    for (size_t i = 0; i < from->count; i++) {
        q->run.events[q->run.count++] = from->events[i];
        sift(&q->run, start);
    }
    from->count = 0;
    return true;
}

/* Spreads a bucket over the lower ones. */
static void spread(struct sg_sim_queue *q, struct sg_sim_bucket *from)
{
    q->last = from->first;
    for (size_t i = 0; i < from->count; i++)
        append(q, &from->events[i]);
    from->count = 0;
}

/* What was popped makes room. */
static void close_up(struct sg_sim_queue *q)
{
    q->run.count -= q->head;
    if (q->head > 0 && q->run.count > 0)
        memmove(q->run.events, q->run.events + q->head, q->run.count * sizeof(*q->run.events));
    q->head = 0;
}

/* The earliest events go to the end of the run: the lowest buckets, as far as they are small.
 * Buckets hold nothing that is not later than the run, so `last` may go ahead of what waits there:
 * the run gets at least one event that is not earlier, and what is pushed before is put into it. */
static bool refill(struct sg_sim_queue *q)
{
    size_t last = sizeof(q->bucket) / sizeof(q->bucket[0]) - 1;
    size_t at = 0;
    while (at <= last && q->bucket[at].count == 0)
        at++;
    if (at > last)
        return false;
    if (at > 0 && q->bucket[at].count > RUN_MAX) {
        spread(q, &q->bucket[at]);
        at = 0;
    }
    close_up(q);
    if (!take(q, &q->bucket[at]))
        return false;
    while (at < last && q->run.count + q->bucket[at + 1].count <= RUN_MAX) {
        at++;
        if (!take(q, &q->bucket[at]))
            return false;
    }
    q->run_end = at == 64 ? SG_TIME_NEVER : q->last | ((UINT64_C(1) << at) - 1);
    return true;
}

bool sg_sim_queue_pop(struct sg_sim_queue *q, struct sg_sim_event *event)
{
    size_t left = q->run.count - q->head;
    if (left <= SG_SIM_QUEUE_AHEAD && !refill(q) && left == 0)
        return false;
    *event = q->run.events[q->head++];
    q->popped = event->at;
    return true;
}
