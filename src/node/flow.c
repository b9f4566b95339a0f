/* Flow control of one link.
 *
 * The lane below is one stream: what is in it can no longer be overtaken. So only a little is
 * handed to it at a time, and the rest waits here, by class. Control goes first. Messages share
 * what is left by weight, 16 : 4 : 1 for critical, normal and bulk topics: stride scheduling
 * (Waldspurger and Weihl, 1995), the class that had least for its weight is next, and one that was
 * empty begins where the others are, so that nobody saves up and nobody starves.
 *
 * When messages do not fit, the newest of the lowest class go. Each leaves an IHAVE (PUSH_DROPPED),
 * so the peer can have it from others, or from here later. IHAVEs have a bound of their own, above
 * which the oldest go: what they told of is found by back-fill. Control is never dropped: a peer
 * that lets a megabyte of it wait does not read, and its link is closed.
 *
 * A message that has waited for slow_ns while nothing was acknowledged makes the peer slow, and so
 * does one that has waited for patience_ns, whatever drains. Then everything that waits goes at
 * once, and nothing is pushed any more: the peer is told ids only, and what waits for it costs no
 * memory. A slow peer comes back by a probe (traps.md 27): when all that was written before has
 * been acknowledged and the pause is over, one message goes through; acknowledged within slow_ns,
 * it opens the link again, else the pause doubles. A peer that is slow again soon after it was let
 * in waits longer, too. */
#include "node/flow.h"

#include <assert.h>

#define KIB ((size_t)1024)
/* A link that was open for so many pauses has earned the first pause again. */
#define TRUST_PAUSES 10
/* IHAVE frames: with one id each a frame has 70 bytes. */
#define ANNOUNCE_COUNT_MAX 4096

static const uint8_t WEIGHTS[SG_FLOW_CLASS_COUNT] = {
    [SG_FLOW_CRITICAL] = 16, [SG_FLOW_NORMAL] = 4, [SG_FLOW_BULK] = 1};

struct sg_flow_config sg_flow_config_default(void)
{
    return (struct sg_flow_config){.push_bytes_max = 4096 * KIB,
                                   .push_count_max = 8192,
                                   .control_bytes_max = 1024 * KIB,
                                   .control_count_max = 1024,
                                   .announce_bytes_max = 256 * KIB,
                                   .slow_ns = SG_NS_PER_S,
                                   .patience_ns = 5 * SG_NS_PER_S,
                                   .pause_ns = SG_NS_PER_S,
                                   .pause_max_ns = 30 * SG_NS_PER_S};
}

void sg_flow_init(struct sg_flow *f, const struct sg_flow_config *config, sg_time_ns now)
{
    *f = (struct sg_flow){.config = *config, .pause_ns = config->pause_ns, .open_at = now};
}

void sg_flow_stats_add(struct sg_flow_stats *sum, const struct sg_flow_stats *add)
{
    sum->dropped += add->dropped;
    sum->announces_dropped += add->announces_dropped;
    sum->slow += add->slow;
    sum->probes += add->probes;
    sum->recovered += add->recovered;
}

static bool is_push(enum sg_flow_class klass)
{
    return klass >= SG_FLOW_CRITICAL;
}

/* ---- queues ---------------------------------------------------------------------------------- */

static struct sg_flow_frame *item(const struct sg_flow_queue *q, uint32_t i)
{
    return &q->items[(q->head + i) % q->cap];
}

static bool grow(struct sg_flow_queue *q, const struct sg_mem *mem)
{
    uint32_t cap = q->cap == 0 ? 8 : q->cap * 2;
    struct sg_flow_frame *items = sg_mem_new(mem, cap, sizeof *items);
    if (items == NULL)
        return false;
    for (uint32_t i = 0; i < q->count; i++)
        items[i] = *item(q, i);
    sg_mem_free(mem, q->items);
    q->items = items;
    q->cap = cap;
    q->head = 0;
    return true;
}

/* The memory goes with the last frame. */
static void took(struct sg_flow *f, const struct sg_mem *mem, const struct sg_flow_frame *frame)
{
    struct sg_flow_queue *q = &f->queue[frame->klass];
    q->count--;
    q->bytes -= frame->buf->len;
    f->waiting--;
    if (is_push(frame->klass))
        f->push_bytes -= frame->buf->len;
    if (q->count > 0)
        return;
    sg_mem_free(mem, q->items);
    q->items = NULL;
    q->cap = 0;
    q->head = 0;
}

static struct sg_flow_frame take_first(struct sg_flow *f, const struct sg_mem *mem,
                                       enum sg_flow_class klass)
{
    struct sg_flow_queue *q = &f->queue[klass];
    struct sg_flow_frame frame = *item(q, 0);
    q->head = (q->head + 1) % q->cap;
    took(f, mem, &frame);
    return frame;
}

static struct sg_flow_frame take_last(struct sg_flow *f, const struct sg_mem *mem,
                                      enum sg_flow_class klass)
{
    struct sg_flow_queue *q = &f->queue[klass];
    struct sg_flow_frame frame = *item(q, q->count - 1);
    took(f, mem, &frame);
    return frame;
}

void sg_flow_clear(struct sg_flow *f, const struct sg_mem *mem)
{
    for (int i = 0; i < SG_FLOW_CLASS_COUNT; i++) {
        while (f->queue[i].count > 0) {
            struct sg_flow_frame frame = take_first(f, mem, (enum sg_flow_class)i);
            sg_buf_unref(frame.buf);
        }
    }
}

size_t sg_flow_bytes(const struct sg_flow *f)
{
    size_t sum = 0;
    for (int i = 0; i < SG_FLOW_CLASS_COUNT; i++)
        sum += f->queue[i].bytes;
    return sum;
}

/* ---- turns ----------------------------------------------------------------------------------- */

/* Of the classes of messages that have some, the one whose turn it is; COUNT when all are empty. */
static enum sg_flow_class next_push(const struct sg_flow *f)
{
    int best = SG_FLOW_CLASS_COUNT;
    for (int i = SG_FLOW_CRITICAL; i < SG_FLOW_CLASS_COUNT; i++) {
        const struct sg_flow_queue *q = &f->queue[i];
        if (q->count > 0 && (best == SG_FLOW_CLASS_COUNT || q->turn < f->queue[best].turn))
            best = i;
    }
    return (enum sg_flow_class)best;
}

static enum sg_flow_class next_class(const struct sg_flow *f)
{
    if (f->queue[SG_FLOW_CONTROL].count > 0)
        return SG_FLOW_CONTROL;
    if (f->queue[SG_FLOW_ANNOUNCE].count > 0)
        return SG_FLOW_ANNOUNCE;
    return next_push(f);
}

const struct sg_flow_frame *sg_flow_next(const struct sg_flow *f)
{
    enum sg_flow_class klass = next_class(f);
    return klass == SG_FLOW_CLASS_COUNT ? NULL : item(&f->queue[klass], 0);
}

void sg_flow_wrote(struct sg_flow *f, size_t len)
{
    size_t head = len < 64 ? 1 : len < 16384 ? 2 : 4; /* RFC9420 s2.1.2: the frame's length */
    f->written += head + len;
}

void sg_flow_pop(struct sg_flow *f, const struct sg_mem *mem)
{
    struct sg_flow_frame frame = take_first(f, mem, next_class(f));
    if (is_push(frame.klass))
        f->queue[frame.klass].turn += 64 * (uint64_t)frame.buf->len / WEIGHTS[frame.klass];
    sg_flow_wrote(f, frame.buf->len);
    if (f->state == SG_FLOW_PROBE && is_push(frame.klass))
        f->mark = f->written;
    sg_buf_unref(frame.buf);
}

/* ---- slow peers ------------------------------------------------------------------------------ */

static bool is_proof(const struct sg_flow_frame *frame)
{
    static const struct sg_topic_id BASE;
    return sg_topic_id_equal(&frame->topic, &BASE);
}

static void become_slow(struct sg_flow *f, sg_time_ns now)
{
    f->state = SG_FLOW_SLOW;
    f->mark = f->written;
    f->at = sg_time_add(now, f->pause_ns);
    f->pause_ns =
        2 * f->pause_ns < f->config.pause_max_ns ? 2 * f->pause_ns : f->config.pause_max_ns;
}

static void begin_probe(struct sg_flow *f, sg_time_ns now)
{
    f->state = SG_FLOW_PROBE;
    f->probe_is_open = true;
    f->at = sg_time_add(now, f->config.slow_ns);
    f->stats.probes++;
}

/* Whether the peer may have this frame now. */
static bool gate(struct sg_flow *f, sg_time_ns now, const struct sg_flow_frame *frame)
{
    if (f->state == SG_FLOW_SLOW && f->mark == 0 && now >= f->at)
        begin_probe(f, now);
    if (f->state == SG_FLOW_OPEN)
        return true;
    if (f->state == SG_FLOW_SLOW || !f->probe_is_open)
        return false;
    f->probe_is_open = is_proof(frame);
    f->mark = UINT64_MAX; /* until it is written */
    return true;
}

/* When the message that waits longest came; SG_TIME_NEVER. */
static sg_time_ns oldest_push(const struct sg_flow *f)
{
    sg_time_ns oldest = SG_TIME_NEVER;
    for (int i = SG_FLOW_CRITICAL; i < SG_FLOW_CLASS_COUNT; i++) {
        if (f->queue[i].count > 0)
            oldest = sg_time_min(oldest, item(&f->queue[i], 0)->since);
    }
    return oldest;
}

/* When the peer becomes slow unless something happens. */
static sg_time_ns slow_at(const struct sg_flow *f)
{
    sg_time_ns oldest = oldest_push(f);
    sg_time_ns since = oldest > f->acked_at ? oldest : f->acked_at;
    return sg_time_min(sg_time_add(since, f->config.slow_ns),
                       sg_time_add(oldest, f->config.patience_ns));
}

void sg_flow_tick(struct sg_flow *f, sg_time_ns now, uint64_t unacked)
{
    uint64_t acked = f->written > unacked ? f->written - unacked : 0;
    if (acked > f->acked)
        f->acked_at = now;
    f->acked = acked;
    switch (f->state) {
    case SG_FLOW_OPEN:
        if (sg_time_since(now, f->open_at) >= TRUST_PAUSES * f->pause_ns)
            f->pause_ns = f->config.pause_ns;
        if (f->push_bytes == 0 || slow_at(f) > now)
            return;
        f->stats.slow++;
        become_slow(f, now);
        return;
    case SG_FLOW_SLOW:
        if (acked >= f->mark)
            f->mark = 0;
        return;
    case SG_FLOW_PROBE:
        if (acked >= f->mark) {
            f->state = SG_FLOW_OPEN;
            f->open_at = now;
            f->stats.recovered++;
        } else if (now >= f->at) {
            become_slow(f, now);
        }
        return;
    }
}

sg_time_ns sg_flow_deadline(const struct sg_flow *f)
{
    if (f->state == SG_FLOW_PROBE)
        return f->at;
    if (f->state == SG_FLOW_OPEN && f->push_bytes > 0)
        return slow_at(f);
    return SG_TIME_NEVER;
}

/* ---- in and out ------------------------------------------------------------------------------ */

bool sg_flow_is_idle(const struct sg_flow *f)
{
    return f->waiting == 0 && f->state == SG_FLOW_OPEN;
}

static bool control_fits(const struct sg_flow *f, size_t len)
{
    const struct sg_flow_queue *q = &f->queue[SG_FLOW_CONTROL];
    return q->count < f->config.control_count_max && len <= f->config.control_bytes_max &&
           q->bytes <= f->config.control_bytes_max - len;
}

sg_err sg_flow_push(struct sg_flow *f, const struct sg_mem *mem, sg_time_ns now,
                    const struct sg_flow_frame *frame)
{
    struct sg_flow_queue *q = &f->queue[frame->klass];
    const size_t len = frame->buf->len;
    if (frame->klass == SG_FLOW_CONTROL && !control_fits(f, len))
        return SG_ERR_FULL;
    if (is_push(frame->klass) && !gate(f, now, frame)) {
        f->stats.dropped++;
        return SG_ERR_WOULD_BLOCK;
    }
    if (q->count == q->cap && !grow(q, mem))
        return SG_ERR_NO_MEMORY;
    enum sg_flow_class others = next_push(f);
    if (is_push(frame->klass) && q->count == 0 && others != SG_FLOW_CLASS_COUNT &&
        q->turn < f->queue[others].turn)
        q->turn = f->queue[others].turn;
    q->count++;
    *item(q, q->count - 1) = *frame;
    item(q, q->count - 1)->since = now;
    q->bytes += len;
    f->waiting++;
    if (is_push(frame->klass))
        f->push_bytes += len;
    return SG_OK;
}

/* The lowest class of messages that has some. */
static enum sg_flow_class lowest_push(const struct sg_flow *f)
{
    int klass = SG_FLOW_BULK;
    while (klass > SG_FLOW_CRITICAL && f->queue[klass].count == 0)
        klass--;
    return (enum sg_flow_class)klass;
}

bool sg_flow_shed(struct sg_flow *f, const struct sg_mem *mem, struct sg_flow_frame *frame)
{
    const struct sg_flow_queue *announces = &f->queue[SG_FLOW_ANNOUNCE];
    if (announces->bytes > f->config.announce_bytes_max || announces->count > ANNOUNCE_COUNT_MAX) {
        *frame = take_first(f, mem, SG_FLOW_ANNOUNCE);
        f->stats.announces_dropped++;
        return true;
    }
    bool all = f->state == SG_FLOW_SLOW && f->push_bytes > 0;
    int klass =
        all || f->push_bytes > f->config.push_bytes_max ? (int)lowest_push(f) : SG_FLOW_CLASS_COUNT;
    for (int i = SG_FLOW_CRITICAL; klass == SG_FLOW_CLASS_COUNT && i < SG_FLOW_CLASS_COUNT; i++) {
        if (f->queue[i].count > f->config.push_count_max)
            klass = i;
    }
    if (klass == SG_FLOW_CLASS_COUNT)
        return false;
    *frame = take_last(f, mem, (enum sg_flow_class)klass);
    f->stats.dropped++;
    return true;
}

void sg_flow_check(const struct sg_flow *f)
{
    uint32_t waiting = 0;
    size_t push_bytes = 0;
    for (int i = 0; i < SG_FLOW_CLASS_COUNT; i++) {
        const struct sg_flow_queue *q = &f->queue[i];
        size_t bytes = 0;
        assert(q->count <= q->cap);
        for (uint32_t j = 0; j < q->count; j++) {
            assert((int)item(q, j)->klass == i);
            bytes += item(q, j)->buf->len;
        }
        assert(bytes == q->bytes);
        waiting += q->count;
        push_bytes += is_push((enum sg_flow_class)i) ? bytes : 0;
    }
    assert(waiting == f->waiting && push_bytes == f->push_bytes);
    (void)waiting;
    (void)push_bytes;
}
