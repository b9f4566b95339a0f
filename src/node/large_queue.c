/* Large payloads: announced ones whose transfer has not begun.
 *
 * A burst announces more payloads than are fetched at a time. A message is accepted once, so what
 * finds no place in the table of transfers stands in line here: its announcement is held with its
 * message anyway. A place that becomes free goes to the author with the fewest unfinished
 * transfers, and among his to the oldest. Neighbours are told now and then that somebody lacks the
 * payload, so who has it keeps it. One that was refused, or whose message is no longer held, is
 * lost for this node: the program is told. */
#include "node/internal.h"

#include <assert.h>

/* Less than a holder waits before it lets go of what nobody fetches (SG_LARGE_IDLE_NS). */
#define WANT_NS (20 * SG_NS_PER_S)
/* So many are told at a time, and not more often: a small part of what a link may have waiting. */
#define ROUND_MAX 32
#define ROUND_NS SG_NS_PER_S

static void tell_program(struct sg_core *core, const struct sg_queued *q, sg_err err)
{
    struct sg_core_out out = {.kind = SG_CORE_OUT_TRANSFER,
                              .peer = q->author,
                              .topic = q->topic,
                              .id = q->id,
                              .err = err,
                              .total = q->size};
    sg_trace(&core->config.trace, SG_TRACE_TRANSFERRED, q->author.b, q->id.b, 0);
    sg_emit(core, &out);
}

static uint32_t queued_of(const struct sg_queue *queue, const struct sg_peer_id *author)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < queue->count; i++)
        count += sg_peer_id_equal(&queue->entries[i].author, author) ? 1 : 0;
    return count;
}

static sg_err append(struct sg_core *core, const struct sg_queued *q)
{
    struct sg_queue *queue = &core->large.queue;
    if (queue->count == SG_QUEUE_MAX || queued_of(queue, &q->author) >= SG_QUEUE_AUTHOR_MAX)
        return SG_ERR_LIMIT;
    if (queue->count == queue->cap) {
        void *more = sg_mem_grow(core->config.mem, queue->entries, &queue->cap, SG_QUEUE_MAX,
                                 sizeof(*queue->entries));
        if (more == NULL)
            return SG_ERR_NO_MEMORY;
        queue->entries = more;
    }
    queue->entries[queue->count++] = *q;
    queue->may_start = true;
    return SG_OK;
}

void sg_queue_put(struct sg_core *core, struct sg_queued *q)
{
    q->want_at = sg_time_add(core->now, WANT_NS);
    sg_err err = append(core, q);
    if (err == SG_OK) {
        sg_large_want(core, q);
        return;
    }
    core->stats.large_refused++;
    tell_program(core, q, err);
}

/* The memory goes with the last one. */
static void take_out(struct sg_core *core, uint32_t at)
{
    struct sg_queue *queue = &core->large.queue;
    queue->count--;
    for (uint32_t i = at; i < queue->count; i++)
        queue->entries[i] = queue->entries[i + 1];
    if (queue->count == 0)
        sg_queue_fini(core);
}

void sg_queue_fini(struct sg_core *core)
{
    sg_mem_free(core->config.mem, core->large.queue.entries);
    core->large.queue = (struct sg_queue){0};
}

static const struct sg_held *held_of(const struct sg_core *core, const struct sg_queued *q)
{
    const struct sg_scope *scope = sg_scope_find(core, &q->topic);
    return scope == NULL ? NULL : sg_held_find(scope, &q->id);
}

static void give_up(struct sg_core *core, uint32_t at)
{
    core->stats.large_given_up++;
    tell_program(core, &core->large.queue.entries[at], SG_ERR_TIMEOUT);
    take_out(core, at);
}

/* Whose turn it is; count of the queue when it is nobody's. */
static uint32_t next(const struct sg_core *core)
{
    const struct sg_queue *queue = &core->large.queue;
    uint32_t fewest = SG_TRANSFERS_AUTHOR_MAX;
    uint32_t best = queue->count;
    for (uint32_t i = 0; i < queue->count && fewest > 0; i++) {
        uint32_t unfinished = sg_transfers_unfinished(core, &queue->entries[i].author);
        best = unfinished < fewest ? i : best;
        fewest = unfinished < fewest ? unfinished : fewest;
    }
    return best;
}

/* It may have waited for longer than its message is kept to answer GRAFT: nobody will say that it
 * is forgotten. */
static sg_err start(struct sg_core *core, const struct sg_queued *q, const struct sg_held *held)
{
    const struct sg_scope *scope = sg_scope_find(core, &q->topic);
    SG_TRY(sg_transfer_begin(core, q, held));
    sg_transfer_find(core, &q->id)->is_forgotten = sg_store_get(&scope->store, &q->id) == NULL;
    return SG_OK;
}

void sg_queue_start(struct sg_core *core)
{
    struct sg_queue *queue = &core->large.queue;
    while (queue->count > 0 && queue->may_start) {
        uint32_t at = next(core);
        queue->may_start = at < queue->count && sg_transfers_has_place(core);
        if (!queue->may_start)
            return;
        struct sg_queued q = queue->entries[at];
        const struct sg_held *held = held_of(core, &q);
        if (held == NULL) {
            give_up(core, at);
            continue;
        }
        queue->may_start = start(core, &q, held) == SG_OK; /* else out of memory */
        if (queue->may_start)
            take_out(core, at);
    }
}

sg_time_ns sg_queue_due(const struct sg_core *core)
{
    const struct sg_queue *queue = &core->large.queue;
    sg_time_ns at = SG_TIME_NEVER;
    for (uint32_t i = 0; i < queue->count; i++)
        at = sg_time_min(at, queue->entries[i].want_at);
    return at > queue->round_at ? at : queue->round_at;
}

void sg_queue_timeout(struct sg_core *core)
{
    struct sg_queue *queue = &core->large.queue;
    uint32_t told = 0;
    if (queue->count == 0 || core->now < sg_queue_due(core))
        return;
    queue->round_at = sg_time_add(core->now, ROUND_NS);
    for (uint32_t i = queue->count; i-- > 0 && told < ROUND_MAX;) {
        struct sg_queued *q = &queue->entries[i];
        if (core->now < q->want_at)
            continue;
        told++;
        q->want_at = sg_time_add(core->now, WANT_NS);
        if (held_of(core, q) == NULL)
            give_up(core, i);
        else
            sg_large_want(core, q);
    }
}

void sg_queue_scope_closed(struct sg_core *core, const struct sg_scope *scope)
{
    struct sg_queue *queue = &core->large.queue;
    for (uint32_t i = queue->count; i-- > 0;) {
        if (sg_topic_id_equal(&queue->entries[i].topic, &scope->topic))
            take_out(core, i);
    }
}

void sg_queue_check(const struct sg_core *core)
{
    const struct sg_queue *queue = &core->large.queue;
    assert(queue->count <= queue->cap && queue->cap <= SG_QUEUE_MAX);
    assert((queue->count == 0) == (queue->entries == NULL));
    for (uint32_t i = 0; i < queue->count; i++) {
        const struct sg_queued *q = &queue->entries[i];
        assert(sg_scope_find(core, &q->topic) != NULL);
        assert(sg_transfer_find(core, &q->id) == NULL);
        assert(queued_of(queue, &q->author) <= SG_QUEUE_AUTHOR_MAX);
    }
}
