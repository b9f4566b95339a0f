/* What callers see of the member table. */
#include "swim/internal.h"

sg_incarnation sg_swim_incarnation(const struct sg_swim *m)
{
    return m->incarnation;
}

uint32_t sg_swim_count(const struct sg_swim *m)
{
    return m->ring_count;
}

uint8_t sg_swim_health(const struct sg_swim *m)
{
    return m->health;
}

const struct sg_swim_stats *sg_swim_stats(const struct sg_swim *m)
{
    return &m->stats;
}

/* Nobody else knows of a private suspicion. */
static enum sg_swim_state public_state(const struct sg_swim *m, const struct sg_swim_member *e)
{
    if (e->suspicion != SG_SWIM_NONE && m->suspicion[e->suspicion].is_private)
        return SG_SWIM_IS_ALIVE;
    return (enum sg_swim_state)e->state;
}

static void view_slot(const struct sg_swim *m, uint16_t slot, struct sg_swim_view *view)
{
    const struct sg_swim_member *e = &m->member[slot];
    *view = (struct sg_swim_view){.peer = e->id,
                                  .incarnation = e->incarnation,
                                  .state = public_state(m, e),
                                  .is_linked = e->is_linked,
                                  .is_watched = e->is_watched,
                                  .is_proven = e->is_proven,
                                  .is_doubted = e->is_doubted,
                                  .since = e->since,
                                  .heard = e->heard};
}

static uint16_t slot_at(const struct sg_swim *m, uint32_t i)
{
    if (i < m->ring_count)
        return m->ring[i];
    i -= m->ring_count;
    return i < m->dead_count ? m->dead[i] : SG_SWIM_NONE;
}

bool sg_swim_at(const struct sg_swim *m, uint32_t i, struct sg_swim_view *view)
{
    uint16_t slot = slot_at(m, i);
    if (slot == SG_SWIM_NONE)
        return false;
    view_slot(m, slot, view);
    return true;
}

sg_err sg_swim_find(const struct sg_swim *m, const struct sg_peer_id *peer,
                    struct sg_swim_view *view)
{
    uint16_t slot = sg_swim_slot(m, peer);
    if (slot == SG_SWIM_NONE)
        return SG_ERR_NOT_FOUND;
    view_slot(m, slot, view);
    return SG_OK;
}

bool sg_swim_table(const struct sg_swim *m, uint32_t part, struct sg_swim_table *table)
{
    uint32_t per_part = SG_SWIM_TABLE_MAX - 1;
    uint32_t total = (uint32_t)m->ring_count + m->dead_count;
    if (part > 0 && part >= (total + per_part - 1) / per_part)
        return false;
    table->wants_reply = false;
    table->count = 1;
    table->entry[0] = (struct sg_swim_entry){
        .member = m->self, .incarnation = m->incarnation, .state = SG_SWIM_IS_ALIVE};
    for (uint32_t i = part * per_part; i < total && table->count <= per_part; i++) {
        const struct sg_swim_member *e = &m->member[slot_at(m, i)];
        if (e->is_doubted)
            continue;
        table->entry[table->count++] = (struct sg_swim_entry){
            .member = e->id, .incarnation = e->incarnation, .state = public_state(m, e)};
    }
    return true;
}
