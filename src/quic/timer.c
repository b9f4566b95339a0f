#include "quic/timer.h"

#include <assert.h>

void sg_quic_timer_heap_init(struct sg_quic_timer_heap *heap, const struct sg_mem *mem)
{
    *heap = (struct sg_quic_timer_heap){.mem = mem};
}

void sg_quic_timer_heap_fini(struct sg_quic_timer_heap *heap)
{
    if (heap->mem != NULL)
        sg_mem_free(heap->mem, heap->items);
    *heap = (struct sg_quic_timer_heap){0};
}

sg_err sg_quic_timer_reserve(struct sg_quic_timer_heap *heap, size_t count)
{
    if (count <= heap->cap)
        return SG_OK;
    size_t cap = heap->cap == 0 ? 16 : heap->cap;
    while (cap < count)
        cap *= 2;
    struct sg_quic_timer **items =
        sg_mem_resize(heap->mem, heap->items, cap, sizeof(struct sg_quic_timer *));
    if (items == NULL)
        return SG_ERR_NO_MEMORY;
    heap->items = items;
    heap->cap = cap;
    return SG_OK;
}

static void put(struct sg_quic_timer_heap *heap, size_t i, struct sg_quic_timer *timer)
{
    heap->items[i] = timer;
    timer->place = i + 1;
}

static void sift_up(struct sg_quic_timer_heap *heap, size_t i)
{
    struct sg_quic_timer *timer = heap->items[i];
    while (i > 0 && heap->items[(i - 1) / 2]->at > timer->at) {
        put(heap, i, heap->items[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    put(heap, i, timer);
}

static void sift_down(struct sg_quic_timer_heap *heap, size_t i)
{
    struct sg_quic_timer *timer = heap->items[i];
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= heap->count)
            break;
        if (child + 1 < heap->count && heap->items[child + 1]->at < heap->items[child]->at)
            child++;
        if (heap->items[child]->at >= timer->at)
            break;
        put(heap, i, heap->items[child]);
        i = child;
    }
    put(heap, i, timer);
}

static void take_out(struct sg_quic_timer_heap *heap, struct sg_quic_timer *timer)
{
    size_t i = timer->place - 1;
    timer->place = 0;
    heap->count--;
    if (i == heap->count)
        return;
    put(heap, i, heap->items[heap->count]);
    sift_up(heap, i);
    sift_down(heap, i);
}

void sg_quic_timer_set(struct sg_quic_timer_heap *heap, struct sg_quic_timer *timer, sg_time_ns at)
{
    if (timer->place != 0 && timer->at == at)
        return;
    if (timer->place != 0)
        take_out(heap, timer);
    timer->at = at;
    if (at == SG_TIME_NEVER)
        return;
    assert(heap->count < heap->cap);
    put(heap, heap->count, timer);
    heap->count++;
    sift_up(heap, heap->count - 1);
}

sg_time_ns sg_quic_timer_next(const struct sg_quic_timer_heap *heap)
{
    return heap->count == 0 ? SG_TIME_NEVER : heap->items[0]->at;
}

void *sg_quic_timer_pop(struct sg_quic_timer_heap *heap, sg_time_ns now)
{
    if (heap->count == 0 || heap->items[0]->at > now)
        return NULL;
    struct sg_quic_timer *timer = heap->items[0];
    take_out(heap, timer);
    return timer->owner;
}
