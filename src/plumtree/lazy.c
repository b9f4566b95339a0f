#include <assert.h>
#include <string.h>

#include "plumtree/state.h"

/* Percent. Without it all nodes would rest at the same time, after the same message, and one that
 * the tree did not bring would be heard of only when they all have rested. */
#define PAUSE_JITTER 50
/* Room for ids at first: most are announced alone. */
#define QUEUE_FIRST 3

/* Looked for here and not in each queue when a message goes: under load one goes with each that
 * comes. */
static void leave_out_gone(struct sg_pt *m, struct sg_pt_peer *peer)
{
    uint16_t kept = 0;
    for (uint16_t i = 0; i < peer->queued; i++) {
        const struct sg_pt_seen *entry = sg_pt_seen_find(m, &peer->queue[i].id);
        if (entry != NULL && !entry->is_gone)
            peer->queue[kept++] = peer->queue[i];
    }
    peer->queued = kept;
}

static void flush(struct sg_pt *m, struct sg_pt_peer *peer, struct sg_pt_outbox *out)
{
    if (m->has_gone)
        leave_out_gone(m, peer);
    if (peer->queued == 0)
        return;
    struct sg_pt_out *o = sg_pt_emit(out, SG_PT_OUT_IHAVE, &peer->id);
    o->have = peer->queue;
    o->count = peer->queued;
    m->stats.ihaves_sent += peer->queued;
    peer->queued = 0;
}

/* Room for one more id; false when out of memory. */
static bool grow(struct sg_pt *m, struct sg_pt_peer *peer)
{
    uint32_t cap = peer->queue_cap == 0 ? QUEUE_FIRST : 2u * peer->queue_cap;
    if (peer->queued < peer->queue_cap)
        return true;
    if (cap > m->config.ihave_queue_max)
        cap = m->config.ihave_queue_max;
    void *queue = sg_mem_resize(m->config.mem, peer->queue, cap, sizeof(*peer->queue));
    if (queue == NULL)
        return false;
    peer->queue = queue;
    peer->queue_cap = (uint16_t)cap;
    return true;
}

static sg_time_ns announcement_due(const struct sg_pt *m)
{
    sg_time_ns at = sg_time_add(m->now, m->config.ihave_flush_ns);
    return at < m->rests_until ? m->rests_until : at;
}

static bool push(struct sg_pt *m, struct sg_pt_peer *peer, const struct sg_pt_seen *entry)
{
    uint8_t hop = entry->hop == SG_PT_HOP_MAX ? entry->hop : (uint8_t)(entry->hop + 1);
    assert(peer->queued < m->config.ihave_queue_max);
    if (!grow(m, peer))
        return false;
    peer->queue[peer->queued++] = (struct sg_pt_have){entry->id, hop};
    m->lazy_at = sg_time_min(m->lazy_at, announcement_due(m));
    return true;
}

void sg_pt_lazy_rearm(struct sg_pt *m)
{
    for (uint32_t i = 0; i < m->peers_count; i++)
        if (m->peers[i].queued > 0)
            return;
    m->lazy_at = SG_TIME_NEVER;
}

static void flush_full(struct sg_pt *m, struct sg_pt_peer *peer, struct sg_pt_outbox *out)
{
    if (peer->queued < m->config.ihave_queue_max)
        return;
    flush(m, peer, out);
    sg_pt_lazy_rearm(m);
}

/* Flushing after the last id that fits, not before the first that does not: an input adds at most
 * one id to a queue, or fills an empty one, so what an outbox points at is never overwritten. */
void sg_pt_lazy_queue(struct sg_pt *m, struct sg_pt_peer *peer, struct sg_pt_seen *entry,
                      struct sg_pt_outbox *out)
{
    if (!sg_pt_conduct_reaches(m, peer, m->config.weights.gossip_min))
        return;
    if (push(m, peer, entry))
        flush_full(m, peer, out);
    else
        sg_pt_push(m, peer, entry, out); /* no memory to announce it: then it goes itself */
}

void sg_pt_lazy_queue_dropped(struct sg_pt *m, struct sg_pt_peer *peer,
                              const struct sg_pt_seen *entry, struct sg_pt_outbox *out)
{
    if (push(m, peer, entry))
        flush_full(m, peer, out);
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
        if (entry->is_held && !entry->is_gone && !push(m, peer, entry))
            break;
    }
    if (peer->queued > 0) /* a pause is not meant for who may lack all of them */
        m->lazy_at = sg_time_min(m->lazy_at, sg_time_add(m->now, m->config.ihave_flush_ns));
    flush_full(m, peer, out);
}

/* A neighbour that announces an id at hop has the message from one hop less. */
bool sg_pt_lazy_is_news(const struct sg_pt *m, const struct sg_pt_seen *entry, uint8_t hop)
{
    uint32_t threshold = m->config.optimise_threshold;
    return threshold > 0 && hop >= entry->hop + 2 + threshold;
}

/* True: it was there. */
static bool take_out(struct sg_pt_peer *peer, const struct sg_msg_id *id)
{
    uint16_t at = 0;
    while (at < peer->queued && memcmp(&peer->queue[at].id, id, sizeof *id) != 0)
        at++;
    if (at == peer->queued)
        return false;
    peer->queued--;
    memmove(peer->queue + at, peer->queue + at + 1,
            (size_t)(peer->queued - at) * sizeof(*peer->queue));
    return true;
}

void sg_pt_lazy_told(struct sg_pt *m, struct sg_pt_peer *peer, const struct sg_pt_seen *entry,
                     uint8_t hop)
{
    if (sg_pt_lazy_is_news(m, entry, hop))
        return;
    if (take_out(peer, &entry->id) && peer->queued == 0)
        sg_pt_lazy_rearm(m);
}

void sg_pt_lazy_gone(struct sg_pt *m, struct sg_pt_seen *entry)
{
    entry->is_gone = true;
    m->has_gone = true;
}

void sg_pt_lazy_timeout(struct sg_pt *m, struct sg_pt_outbox *out)
{
    if (m->now < m->lazy_at)
        return;
    for (uint32_t i = 0; i < m->peers_count; i++)
        if (m->peers[i].queued > 0)
            flush(m, &m->peers[i], out);
    m->has_gone = false;
    m->lazy_at = SG_TIME_NEVER;
    if (m->config.ihave_pause_ns > 0 && !sg_pt_guard_is_on(m))
        m->rests_until =
            sg_time_add(m->now, sg_prng_jitter(&m->prng, m->config.ihave_pause_ns, PAUSE_JITTER));
}

sg_time_ns sg_pt_lazy_deadline(const struct sg_pt *m)
{
    return m->lazy_at;
}
