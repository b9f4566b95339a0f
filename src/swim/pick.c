/* Random choice among members: whom a message goes to. */
#include <assert.h>

#include "swim/internal.h"

static bool is_chosen_from(const struct sg_swim *m, enum sg_swim_choice choice, uint16_t slot)
{
    uint8_t mark = m->mark[slot];
    bool needs_link = m->config.dial_interval_ns > 0;
    if (needs_link && (mark & SG_SWIM_MARK_LINKED) == 0)
        return false;
    switch (choice) {
    case SG_SWIM_TO_GOSSIP:
        return (mark & SG_SWIM_MARK_DEAD) == 0 ||
               (!needs_link &&
                sg_time_since(m->now, m->member[slot].since) < m->config.gossip_dead_ns);
    case SG_SWIM_TO_RELAY:
    case SG_SWIM_TO_TABLE:
        return (mark & SG_SWIM_MARK_ALIVE) != 0;
    }
    return false;
}

/* Slots in a fixed order: the ring, then the dead. */
static uint16_t slot_at(const struct sg_swim *m, uint32_t i)
{
    return i < m->ring_count ? m->ring[i] : m->dead[i - m->ring_count];
}

/* Which of n, count different ones, ascending (Floyd 1987). */
static void draw(struct sg_swim *m, uint32_t n, uint8_t count, uint32_t *which)
{
    uint8_t have = 0;
    for (uint32_t j = n - count; j < n; j++) {
        uint32_t pick = (uint32_t)sg_prng_below(&m->prng, (uint64_t)j + 1);
        for (uint8_t i = 0; i < have; i++)
            if (which[i] == pick)
                pick = j;
        uint8_t at = have++;
        for (; at > 0 && which[at - 1] > pick; at--)
            which[at] = which[at - 1];
        which[at] = pick;
    }
}

uint8_t sg_swim_pick(struct sg_swim *m, enum sg_swim_choice choice, uint16_t but, uint8_t count,
                     uint16_t *slots)
{
    uint32_t which[SG_SWIM_INDIRECT_HARD];
    uint32_t total = (uint32_t)m->ring_count + m->dead_count;
    uint32_t n = 0, seen = 0;
    uint8_t got = 0;
    assert(count <= SG_SWIM_INDIRECT_HARD);
    for (uint32_t i = 0; i < total; i++)
        n += slot_at(m, i) != but && is_chosen_from(m, choice, slot_at(m, i));
    if (count > n)
        count = (uint8_t)n;
    draw(m, n, count, which);
    for (uint32_t i = 0; i < total && got < count; i++) {
        if (slot_at(m, i) == but || !is_chosen_from(m, choice, slot_at(m, i)))
            continue;
        if (seen++ == which[got])
            slots[got++] = slot_at(m, i);
    }
    return got;
}
