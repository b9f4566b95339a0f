#include "runtime/journal.h"

#include "base/bytes.h"

/* A DELIVER is carried out before many others follow. */
#define FIRST_SEARCH_MAX 512

void sg_rt_journal_fini(struct sg_rt_journal *j, const struct sg_mem *mem)
{
    sg_mem_free(mem, j->steps);
    *j = (struct sg_rt_journal){0};
}

/* The place of the i-th oldest step. */
static uint32_t place(const struct sg_rt_journal *j, uint32_t i)
{
    return (j->next + i) % j->count;
}

void sg_rt_journal_add(struct sg_rt_journal *j, const struct sg_mem *mem, sg_time_ns now,
                       const struct sg_trace_step *step)
{
    if (j->count == j->cap && j->cap < SG_RT_JOURNAL_MAX) {
        void *grown = sg_mem_grow(mem, j->steps, &j->cap, SG_RT_JOURNAL_MAX, sizeof *j->steps);
        if (grown == NULL)
            return;
        j->steps = grown;
    }
    uint32_t at = j->next;
    if (j->count < j->cap)
        at = j->count++;
    else
        j->next = (j->next + 1) % j->count;
    j->steps[at] = *step;
    j->steps[at].at_us = now;
}

void sg_rt_journal_first(struct sg_rt_journal *j, const struct sg_trace_step *step)
{
    for (uint32_t i = 0; i < j->count && i < FIRST_SEARCH_MAX; i++) {
        struct sg_trace_step *at = &j->steps[place(j, j->count - 1 - i)];
        if (at->kind != SG_STEP_FIRST || !sg_msg_id_equal(&at->message, &step->message))
            continue;
        at->topic = step->topic;
        at->eager = step->eager;
        at->lazy = step->lazy;
        return;
    }
}

size_t sg_rt_journal_copy(const struct sg_rt_journal *j, const struct sg_msg_id *id,
                          struct sg_trace_step *steps, size_t cap)
{
    size_t found = 0;
    for (uint32_t i = 0; i < j->count; i++) {
        const struct sg_trace_step *at = &j->steps[place(j, i)];
        if (id != NULL && !sg_msg_id_equal(&at->message, id))
            continue;
        if (found < cap)
            steps[found] = *at;
        found++;
    }
    return found;
}

uint64_t sg_rt_journal_wall_us(const struct sg_trace_step *step, sg_time_ns now, uint64_t wall_us)
{
    uint64_t ago_us = sg_time_since(now, step->at_us) / SG_NS_PER_US;
    return wall_us > ago_us ? wall_us - ago_us : 0;
}
