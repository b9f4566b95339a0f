/* The invariants of the machine. */
#include <assert.h>

#include "swim/internal.h"

static void check_member(const struct sg_swim *m, uint16_t slot, bool is_living)
{
    const struct sg_swim_member *e = &m->member[slot];
    assert(sg_swim_slot(m, &e->id) == slot);
    assert(!sg_peer_id_equal(&e->id, &m->self));
    assert(is_living == (e->state != SG_SWIM_IS_DEAD));
    assert((e->state == SG_SWIM_IS_SUSPECT) == (e->suspicion != SG_SWIM_NONE));
    assert(e->since <= m->now && e->heard <= m->now + 1);
    assert(!e->is_watched || e->is_linked);
    assert(!e->is_watched || m->config.watch_ns == 0 ||
           sg_swim_timer_is_set(m, (uint16_t)(SG_SWIM_T_WATCH + slot)));
    assert(e->is_watched || e->heap_at == SG_SWIM_NONE);
    assert(!e->is_lossy || e->is_linked);
    if (e->suspicion != SG_SWIM_NONE) {
        assert(e->suspicion < m->suspicion_cap);
        assert(m->suspicion[e->suspicion].slot == slot && m->suspicion[e->suspicion].is_used);
    }
    if (e->probe != 0) {
        assert(e->probe <= SG_SWIM_PROBES_MAX);
        assert(m->probe[e->probe - 1].slot == slot);
        assert(m->probe[e->probe - 1].stage != SG_SWIM_IDLE);
    }
}

static bool has_spare(const struct sg_swim *m, uint16_t slot)
{
    for (uint8_t i = 0; i < m->spare_count; i++) {
        assert(m->member[m->spare[i].slot].rank == m->spare[i].rank);
        assert(i == 0 || m->spare[i - 1].rank >= m->spare[i].rank);
        if (m->spare[i].slot == slot)
            return true;
    }
    return false;
}

static void check_members(const struct sg_swim *m)
{
    uint32_t linked = 0, watched = 0, lossy = 0, suspect = 0;
    assert(m->ring_count <= m->config.members_max && m->dead_count <= m->config.dead_max);
    assert(m->ring_next <= m->ring_count);
    for (uint16_t i = 0; i < m->ring_count; i++) {
        assert(m->member[m->ring[i]].place == i);
        check_member(m, m->ring[i], true);
    }
    for (uint16_t i = 0; i < m->dead_count; i++) {
        assert(m->member[m->dead[i]].place == i);
        check_member(m, m->dead[i], false);
        assert(i == 0 || m->member[m->dead[i - 1]].since <= m->member[m->dead[i]].since);
    }
    uint32_t used = 0;
    for (uint16_t slot = 0; slot < m->slot_cap; slot++) {
        const struct sg_swim_member *e = &m->member[slot];
        bool is_spare = e->state == SG_SWIM_IS_ALIVE && !e->is_linked;
        assert(!is_spare || m->spare_count == 0 || has_spare(m, slot) ||
               e->rank <= m->spare[m->spare_count - 1].rank);
        assert(m->mark[slot] == ((e->is_linked ? SG_SWIM_MARK_LINKED : 0) |
                                 (e->is_watched ? SG_SWIM_MARK_WATCHED : 0) |
                                 (e->state == SG_SWIM_IS_ALIVE ? SG_SWIM_MARK_ALIVE : 0) |
                                 (e->state == SG_SWIM_IS_DEAD ? SG_SWIM_MARK_DEAD : 0)));
        used += e->state != 0;
        linked += e->is_linked;
        watched += e->is_watched;
        lossy += e->is_lossy;
        suspect += e->state == SG_SWIM_IS_SUSPECT;
    }
    assert(used == (uint32_t)m->ring_count + m->dead_count);
    assert(linked == m->linked_count && watched == m->watched_count && lossy == m->lossy_count);
    assert(suspect == m->suspicion_count);
}

static void check_suspicions(const struct sg_swim *m)
{
    uint32_t used = 0;
    for (uint16_t i = 0; i < m->suspicion_cap; i++) {
        const struct sg_swim_suspicion *s = &m->suspicion[i];
        used += s->is_used;
        assert(s->is_used == sg_swim_timer_is_set(m, (uint16_t)(SG_SWIM_T_SUSPICION + i)));
        if (!s->is_used)
            continue;
        assert(m->member[s->slot].suspicion == i);
        assert(s->count >= 1 && s->count <= SG_SWIM_CONFIRMATIONS_HARD + 1);
        assert(s->min_ns <= s->max_ns && s->needed <= m->config.confirmations);
    }
    assert(used == m->suspicion_count);
}

static void check_probes(const struct sg_swim *m)
{
    uint32_t rings = 0;
    for (uint8_t i = 0; i < SG_SWIM_PROBES_MAX; i++) {
        const struct sg_swim_probe *p = &m->probe[i];
        bool is_used = p->stage != SG_SWIM_IDLE;
        assert(is_used == sg_swim_timer_is_set(m, (uint16_t)(SG_SWIM_T_PROBE + i)));
        assert(!is_used || m->member[p->slot].probe == i + 1);
        assert(p->asked <= SG_SWIM_INDIRECT_HARD);
        rings += is_used && p->is_ring;
    }
    assert(rings == (uint32_t)m->has_ring_probe);
    for (uint8_t i = 0; i < SG_SWIM_RELAYS_MAX; i++) {
        const struct sg_swim_relay *r = &m->relay[i];
        assert(r->is_used == sg_swim_timer_is_set(m, (uint16_t)(SG_SWIM_T_RELAY + i)));
        assert(!r->is_used || m->member[r->slot].state != 0);
    }
}

static void check_queue(const struct sg_swim *m)
{
    uint32_t news = 0;
    assert(m->queued_count <= m->queued_cap);
    for (uint16_t i = 0; i < m->queued_count; i++) {
        news += m->queued[i].is_news;
        for (uint16_t k = 0; k < i; k++)
            assert(!sg_peer_id_equal(&m->said[m->queued[i].said].member,
                                     &m->said[m->queued[k].said].member));
        assert(m->queued[i].said < m->queued_cap && m->queued[i].sent <= m->sent_most);
        assert(m->queued[i].from == SG_SWIM_NONE || m->member[m->queued[i].from].state != 0);
    }
    assert(news == m->news_count);
}

static void check_strangers(const struct sg_swim *m)
{
    assert(m->stranger_count <= m->config.strangers_max);
    assert((m->stranger == NULL) == (m->stranger_count == 0));
    assert((m->settled == NULL) == (m->settled_until == SG_TIME_NEVER));
    assert(m->settled_count <= sg_swim_settled_max(&m->config) + m->config.strangers_max);
    sg_time_ns first = m->settled_until;
    for (uint16_t i = 0; i < m->stranger_count; i++) {
        assert(sg_swim_slot(m, &m->stranger[i].id) == SG_SWIM_NONE);
        assert(m->stranger_tag[i] == sg_load32(m->stranger[i].id.b));
        first = sg_time_min(first, m->stranger[i].due);
        assert(m->stranger[i].count <= m->config.confirmations + 1);
        assert(m->stranger[i].count > 0);
    }
    assert(sg_swim_timer_get(m, SG_SWIM_T_STRANGER) == first);
}

static void check_heap(const struct sg_swim *m)
{
    for (uint16_t i = 0; i < m->heap_count; i++) {
        sg_time_ns at = sg_swim_timer_get(m, m->heap[i]);
        assert(at != SG_TIME_NEVER);
        assert(i == 0 || sg_swim_timer_get(m, m->heap[(i - 1) / 2]) <= at);
    }
    assert(m->heap_count <= m->heap_cap);
}

void sg_swim_check(const struct sg_swim *m)
{
    assert(m->health < m->config.awareness_max);
    check_members(m);
    check_suspicions(m);
    check_probes(m);
    check_queue(m);
    check_strangers(m);
    sg_swim_gone_check(m);
    check_heap(m);
}
