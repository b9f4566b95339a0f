#include "queue.h"

#include <assert.h>
#include <string.h>

/* Sorting by insertion costs little up to here. */
#define RUN_MAX 48

void sg_sim_queue_init(struct sg_sim_queue *q, const struct sg_mem *mem)
{
    *q = (struct sg_sim_queue){.mem = mem};
}

static void drop_parts(struct sg_sim_queue *q, struct sg_sim_queue_part *part)
{
    while (part != NULL) {
        struct sg_sim_queue_part *next = part->next;
        sg_mem_free(q->mem, part);
        part = next;
    }
}

/* Events that the bucket has in one of its parts. */
static size_t part_count(const struct sg_sim_bucket *bucket, const struct sg_sim_queue_part *part)
{
    return part == bucket->newest ? SG_SIM_QUEUE_PART - bucket->room : SG_SIM_QUEUE_PART;
}

static void drop_bucket(struct sg_sim_queue *q, struct sg_sim_bucket *bucket)
{
    for (struct sg_sim_queue_part *part = bucket->oldest; part != NULL; part = part->next) {
        size_t count = part_count(bucket, part);
        for (size_t i = 0; i < count; i++)
            sg_buf_unref(part->events[i].buf);
    }
    drop_parts(q, bucket->oldest);
}

void sg_sim_queue_fini(struct sg_sim_queue *q)
{
    for (size_t i = q->run.head; i < q->run.count; i++)
        sg_buf_unref(q->run.events[i].buf);
    sg_mem_free(q->mem, q->run.events);
    for (size_t i = 0; i < sizeof(q->bucket) / sizeof(q->bucket[0]); i++)
        drop_bucket(q, &q->bucket[i]);
    drop_parts(q, q->free);
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

/* Another newest part. */
static bool add_part(struct sg_sim_queue *q, struct sg_sim_bucket *bucket)
{
    struct sg_sim_queue_part *part = q->free;
    if (part != NULL)
        q->free = part->next;
    else
        part = q->mem->alloc(q->mem->user, sizeof(*part));
    if (part == NULL) {
        q->err = SG_ERR_NO_MEMORY;
        return false;
    }
    part->next = NULL;
    if (bucket->newest != NULL)
        bucket->newest->next = part;
    else
        bucket->oldest = part;
    bucket->newest = part;
    bucket->room = SG_SIM_QUEUE_PART;
    return true;
}

static void append(struct sg_sim_queue *q, const struct sg_sim_event *event)
{
    struct sg_sim_bucket *bucket = &q->bucket[bit_length(event->at ^ q->last)];
    if (bucket->room == 0 && !add_part(q, bucket)) {
        sg_buf_unref(event->buf);
        return;
    }
    if (bucket->count == 0 || event->at < bucket->first)
        bucket->first = event->at;
    bucket->newest->events[SG_SIM_QUEUE_PART - bucket->room] = *event;
    bucket->room--;
    bucket->count++;
}

/* Room for count more events in the run. */
static bool reserve(struct sg_sim_queue *q, size_t count)
{
    struct sg_sim_queue_run *run = &q->run;
    size_t cap = run->cap < 16 ? 16 : run->cap;
    if (run->count + count <= run->cap)
        return true;
    while (cap < run->count + count)
        cap *= 2;
    void *events = sg_mem_resize(q->mem, run->events, cap, sizeof(*run->events));
    if (events == NULL) {
        q->err = SG_ERR_NO_MEMORY;
        return false;
    }
    run->events = events;
    run->cap = cap;
    return true;
}

/* Moves the last event of the run to its place, behind those of its time. */
static void sift(struct sg_sim_queue_run *run, size_t head)
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
    if (q->run.head == q->run.count || event->at > q->run_end) {
        append(q, event);
    } else if (reserve(q, 1)) {
        q->run.events[q->run.count++] = *event;
        sift(&q->run, q->run.head);
    } else {
        sg_buf_unref(event->buf);
    }
}

/* Empties a bucket, whose parts are free now. */
static void clear(struct sg_sim_queue *q, struct sg_sim_bucket *bucket)
{
    if (bucket->newest != NULL) {
        bucket->newest->next = q->free;
        q->free = bucket->oldest;
    }
    *bucket = (struct sg_sim_bucket){0};
}

/* Adds a bucket to the run. All its events are later than those of the run. */
static bool take(struct sg_sim_queue *q, struct sg_sim_bucket *from)
{
    size_t start = q->run.count;
    if (from->count == 0)
        return true;
    if (!reserve(q, from->count))
        return false;
    for (struct sg_sim_queue_part *part = from->oldest; part != NULL; part = part->next) {
        size_t count = part_count(from, part);
        for (size_t i = 0; i < count; i++) {
            q->run.events[q->run.count++] = part->events[i];
            sift(&q->run, start);
        }
    }
    clear(q, from);
    return true;
}

/* Spreads a bucket over the lower ones, part by part: they can have what it leaves. */
static void spread(struct sg_sim_queue *q, struct sg_sim_bucket *bucket)
{
    struct sg_sim_bucket from = *bucket;
    *bucket = (struct sg_sim_bucket){0};
    q->last = from.first;
    while (from.oldest != NULL) {
        struct sg_sim_queue_part *part = from.oldest;
        size_t count = part_count(&from, part);
        for (size_t i = 0; i < count; i++)
            append(q, &part->events[i]);
        from.oldest = part->next;
        part->next = q->free;
        q->free = part;
    }
}

/* What was popped makes room. */
static void close_up(struct sg_sim_queue_run *run)
{
    run->count -= run->head;
    if (run->head > 0 && run->count > 0)
        memmove(run->events, run->events + run->head, run->count * sizeof(*run->events));
    run->head = 0;
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
    close_up(&q->run);
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
    size_t left = q->run.count - q->run.head;
    if (left <= SG_SIM_QUEUE_AHEAD && !refill(q) && left == 0)
        return false;
    *event = q->run.events[q->run.head++];
    q->popped = event->at;
    return true;
}
