/* Deadlines in a binary heap of timer ids. Each id knows its place, so that a change costs
 * O(log n); equal times are in the order of ids. */
#include "swim/internal.h"

#include <assert.h>

static sg_time_ns *due_of(struct sg_swim *m, uint16_t timer)
{
    if (timer < SG_SWIM_T_COUNT)
        return &m->global_due[timer];
    if (timer < SG_SWIM_T_RELAY)
        return &m->probe[timer - SG_SWIM_T_PROBE].due;
    if (timer < SG_SWIM_T_SUSPICION)
        return &m->relay[timer - SG_SWIM_T_RELAY].due;
    if (timer < SG_SWIM_T_WATCH)
        return &m->suspicion[timer - SG_SWIM_T_SUSPICION].due;
    return &m->member[timer - SG_SWIM_T_WATCH].due;
}

static uint16_t *place_of(struct sg_swim *m, uint16_t timer)
{
    if (timer < SG_SWIM_T_COUNT)
        return &m->global_at[timer];
    if (timer < SG_SWIM_T_RELAY)
        return &m->probe[timer - SG_SWIM_T_PROBE].heap_at;
    if (timer < SG_SWIM_T_SUSPICION)
        return &m->relay[timer - SG_SWIM_T_RELAY].heap_at;
    if (timer < SG_SWIM_T_WATCH)
        return &m->suspicion[timer - SG_SWIM_T_SUSPICION].heap_at;
    return &m->member[timer - SG_SWIM_T_WATCH].heap_at;
}

sg_err sg_swim_timers_reserve(struct sg_swim *m, uint32_t suspicions, uint32_t slots)
{
    uint32_t want = SG_SWIM_T_SUSPICION + suspicions + slots;
    if (want <= m->heap_cap)
        return SG_OK;
    uint16_t *heap = sg_mem_resize(m->config.mem, m->heap, want, sizeof(*heap));
    if (heap == NULL)
        return SG_ERR_NO_MEMORY;
    m->heap = heap;
    m->heap_cap = (uint16_t)want;
    return SG_OK;
}

static bool is_before(struct sg_swim *m, uint16_t a, uint16_t b)
{
    sg_time_ns at_a = *due_of(m, a);
    sg_time_ns at_b = *due_of(m, b);
    return at_a < at_b || (at_a == at_b && a < b);
}

static void put(struct sg_swim *m, uint16_t at, uint16_t timer)
{
    m->heap[at] = timer;
    *place_of(m, timer) = at;
}

static void sift_up(struct sg_swim *m, uint16_t at, uint16_t timer)
{
    for (; at > 0 && is_before(m, timer, m->heap[(at - 1) / 2]); at = (uint16_t)((at - 1) / 2))
        put(m, at, m->heap[(at - 1) / 2]);
    put(m, at, timer);
}

static void sift_down(struct sg_swim *m, uint16_t at, uint16_t timer)
{
    for (;;) {
        uint16_t child = (uint16_t)(2 * at + 1);
        if (child >= m->heap_count)
            break;
        if (child + 1 < m->heap_count && is_before(m, m->heap[child + 1], m->heap[child]))
            child++;
        if (!is_before(m, m->heap[child], timer))
            break;
        put(m, at, m->heap[child]);
        at = child;
    }
    put(m, at, timer);
}

static void take_out(struct sg_swim *m, uint16_t timer)
{
    uint16_t at = *place_of(m, timer);
    if (at == SG_SWIM_NONE)
        return;
    *place_of(m, timer) = SG_SWIM_NONE;
    uint16_t last = m->heap[--m->heap_count];
    if (last == timer)
        return;
    sift_down(m, at, last);
    sift_up(m, *place_of(m, last), last);
}

void sg_swim_timer_set(struct sg_swim *m, uint16_t timer, sg_time_ns at)
{
    if (at == SG_TIME_NEVER) {
        take_out(m, timer);
        *due_of(m, timer) = at;
        return;
    }
    uint16_t place = *place_of(m, timer);
    bool is_later = at > *due_of(m, timer);
    *due_of(m, timer) = at;
    if (place == SG_SWIM_NONE) {
        assert(m->heap_count < m->heap_cap);
        sift_up(m, m->heap_count++, timer);
    } else if (is_later) {
        sift_down(m, place, timer);
    } else {
        sift_up(m, place, timer);
    }
}

sg_time_ns sg_swim_timer_get(const struct sg_swim *m, uint16_t timer)
{
    struct sg_swim *same = (struct sg_swim *)m;
    return *place_of(same, timer) == SG_SWIM_NONE ? SG_TIME_NEVER : *due_of(same, timer);
}

bool sg_swim_timer_is_set(const struct sg_swim *m, uint16_t timer)
{
    return *place_of((struct sg_swim *)m, timer) != SG_SWIM_NONE;
}

sg_time_ns sg_swim_timer_first(const struct sg_swim *m, uint16_t *timer)
{
    if (m->heap_count == 0)
        return SG_TIME_NEVER;
    *timer = m->heap[0];
    return *due_of((struct sg_swim *)m, *timer);
}

sg_time_ns sg_swim_after(struct sg_swim *m, uint64_t interval_ns)
{
    uint64_t interval = sg_prng_jitter(&m->prng, interval_ns, m->config.jitter_percent);
    return sg_time_add(m->now, interval > 0 ? interval : 1);
}
