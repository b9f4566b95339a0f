#include <assert.h>

#include "plumtree/state.h"

#define SAMPLE 64

static void check_peer(const struct sg_pt *m, const struct sg_pt_peer *peer)
{
    assert(peer->tag != SG_PT_TAG_NONE);
    assert(m->words[peer - m->peers] == sg_load64(peer->id.b));
    assert(peer->queued <= peer->queue_cap && peer->queue_cap <= m->config.ihave_queue_max);
    assert(peer->queued < m->config.ihave_queue_max);
    assert(peer->queued == 0 || m->lazy_at <= sg_time_add(m->now, m->config.ihave_flush_ns) ||
           m->lazy_at <= m->rests_until);
    assert(peer->srtt_ns <= m->config.graft_max_ns && peer->rttvar_ns <= m->config.graft_max_ns);
}

static void check_peers(const struct sg_pt *m)
{
    uint32_t eager = 0;
    uint32_t waiting = 0;
    uint32_t slots = 0;
    assert(m->peers_count <= m->config.peers_max);
    for (uint32_t i = 0; i < m->peers_count; i++) {
        const struct sg_pt_peer *peer = &m->peers[i];
        check_peer(m, peer);
        eager += sg_pt_peer_is_linked(peer) ? 1 : 0;
        assert(!peer->is_eager || !peer->is_fed);
        assert((peer->score.since != SG_TIME_NEVER) == sg_pt_peer_is_linked(peer));
        assert((slots >> peer->slot & 1) == 0);
        slots |= UINT32_C(1) << peer->slot;
        waiting += peer->queued;
        for (uint32_t j = 0; j < i; j++) {
            assert(!sg_peer_id_equal(&peer->id, &m->peers[j].id));
            assert(peer->tag != m->peers[j].tag);
            assert(peer->queue == NULL || peer->queue != m->peers[j].queue);
        }
    }
    assert(eager == m->eager_count && slots == m->slots);
    assert((waiting == 0) == (m->lazy_at == SG_TIME_NEVER));
}

static void check_seen_entry(const struct sg_pt *m, uint32_t age)
{
    const struct sg_pt_seen *entry = sg_pt_seen_recent(m, age);
    assert(sg_pt_seen_find(m, &entry->id) == entry);
    assert(sg_pt_seen_is_recent(m, entry) == (age < m->seen.held));
    assert(age == 0 || entry->at <= sg_pt_seen_recent(m, age - 1)->at);
    assert(entry->at <= m->now);
    assert(sg_index_get(&m->missing.index, entry->id.b) == SG_INDEX_NONE);
}

static void check_seen(const struct sg_pt *m)
{
    const struct sg_pt_seen_ring *seen = &m->seen;
    assert(seen->count <= seen->cap && seen->cap <= m->config.seen_max && seen->first <= seen->cap);
    assert(seen->held <= seen->count && seen->held <= m->config.cache_max);
    for (uint32_t age = 0; age < seen->count; age++)
        if (age < SAMPLE || age >= seen->count - SAMPLE)
            check_seen_entry(m, age);
}

static void check_missing_entry(const struct sg_pt *m, uint32_t at)
{
    const struct sg_pt_missing_set *set = &m->missing;
    const struct sg_pt_missing *miss = &set->entries[at];
    assert(sg_index_get(&set->index, miss->id.b) == at);
    assert(sg_pt_seen_find(m, &miss->id) == NULL);
    assert(miss->place < set->count && set->heap[miss->place] == at);
    assert(miss->count >= 1 && miss->count <= m->config.advertisers_max);
    assert(miss->tries <= m->config.graft_tries_max);
    assert(miss->grafted >> miss->count == 0 && (miss->asked & ~miss->grafted) == 0);
    assert(miss->since <= m->now && miss->since <= miss->due);
    if (miss->place > 0) {
        const struct sg_pt_missing *above = &set->entries[set->heap[(miss->place - 1) / 2]];
        assert(above->due < miss->due || (above->due == miss->due && above->serial < miss->serial));
    }
}

/* Returns the number of entries. */
static uint32_t check_queue(const struct sg_pt *m, const struct sg_pt_queue *queue, uint32_t tag)
{
    const struct sg_pt_missing *entries = m->missing.entries;
    uint32_t older = SG_PT_NONE;
    uint32_t count = 0;
    for (uint32_t at = queue->oldest; at != SG_PT_NONE; at = entries[at].newer) {
        check_missing_entry(m, at);
        assert(entries[at].older == older);
        assert(tag == SG_PT_TAG_NONE || entries[at].owner == tag);
        older = at;
        count++;
    }
    assert(older == queue->newest && count == queue->count);
    return count;
}

static void check_missing(const struct sg_pt *m)
{
    const struct sg_pt_missing_set *set = &m->missing;
    uint32_t count = check_queue(m, &set->orphans, SG_PT_TAG_NONE);
    for (uint32_t i = 0; i < m->peers_count; i++)
        count += check_queue(m, &m->peers[i].missing, m->peers[i].tag);
    assert(count == set->count && set->used <= set->cap && set->cap <= m->config.missing_max);
    for (uint32_t at = set->free; at != SG_PT_NONE; at = set->entries[at].newer)
        count++;
    assert(count == set->used);
}

void sg_pt_check(const struct sg_pt *m)
{
    check_peers(m);
    check_seen(m);
    check_missing(m);
}
