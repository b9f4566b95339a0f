#include <assert.h>

#include "plumtree/state.h"

static void flush(struct sg_pt *m, struct sg_pt_peer *peer, struct sg_pt_outbox *out)
{
    struct sg_pt_out *o = sg_pt_emit(out, SG_PT_OUT_IHAVE, &peer->id);
    o->have = peer->queue;
    o->count = peer->queued;
    m->stats.ihaves_sent += peer->queued;
    peer->queued = 0;
}

static void push(struct sg_pt *m, struct sg_pt_peer *peer, const struct sg_pt_seen *entry)
{
    uint8_t hop = entry->hop == SG_PT_HOP_MAX ? entry->hop : (uint8_t)(entry->hop + 1);
    assert(peer->queued < m->config.ihave_queue_max);
    if (peer->queued == 0)
        peer->queued_since = m->now;
    peer->queue[peer->queued++] = (struct sg_pt_have){entry->key.id, hop};
}

/* Flushing after the last id that fits, not before the first that does not: an input adds at most
 * one id to a queue, or fills an empty one, so what an outbox points at is never overwritten. */
void sg_pt_lazy_queue(struct sg_pt *m, struct sg_pt_peer *peer, const struct sg_pt_seen *entry,
                      struct sg_pt_outbox *out)
{
    push(m, peer, entry);
    if (peer->queued == m->config.ihave_queue_max)
        flush(m, peer, out);
}

void sg_pt_lazy_queue_recent(struct sg_pt *m, struct sg_pt_peer *peer, struct sg_pt_outbox *out)
{
    uint32_t count = m->seen.held;
    if (count > m->config.ihave_on_up)
        count = m->config.ihave_on_up;
    if (count > m->config.ihave_queue_max)
        count = m->config.ihave_queue_max;
    for (uint32_t age = count; age-- > 0;) {
        const struct sg_pt_seen *entry = sg_pt_seen_recent(m, age);
        if (entry->is_held)
            push(m, peer, entry);
    }
    if (peer->queued == m->config.ihave_queue_max)
        flush(m, peer, out);
}

void sg_pt_lazy_timeout(struct sg_pt *m, struct sg_pt_outbox *out)
{
    for (uint32_t i = 0; i < m->peers_count; i++) {
        struct sg_pt_peer *peer = &m->peers[i];
        if (peer->queued > 0 && sg_time_add(peer->queued_since, m->config.ihave_flush_ns) <= m->now)
            flush(m, peer, out);
    }
}

sg_time_ns sg_pt_lazy_deadline(const struct sg_pt *m)
{
    sg_time_ns at = SG_TIME_NEVER;
    for (uint32_t i = 0; i < m->peers_count; i++) {
        const struct sg_pt_peer *peer = &m->peers[i];
        if (peer->queued > 0)
            at = sg_time_min(at, sg_time_add(peer->queued_since, m->config.ihave_flush_ns));
    }
    return at;
}
