/* Peers that come and go: how often each is announced, and how often it may return. An entry is
 * given up for a new one when the list is full, the one with the least in it first, so 16 peers
 * that flap at once are held down, and more are a storm, which the limit of evictions bounds. */
#include "hyparview/internal.h"

bool sg_hpv_bucket_take(sg_time_ns *full_at, sg_time_ns now, unsigned burst, uint64_t interval_ns)
{
    if (*full_at > sg_time_add(now, (burst - 1) * interval_ns))
        return false;
    *full_at = sg_time_add(*full_at > now ? *full_at : now, interval_ns);
    return true;
}

static uint16_t recent_find(const struct sg_hpv *m, const struct sg_peer_id *peer)
{
    for (uint16_t i = 0; i < m->recent_count; i++)
        if (sg_hpv_same_id(&m->recent[i].id, peer))
            return i;
    return SG_HPV_NONE;
}

static sg_time_ns forgotten_at(const struct sg_hpv_recent *entry)
{
    return entry->spread_at > entry->settled_at ? entry->spread_at : entry->settled_at;
}

/* The oldest of those with the least in them. */
static uint8_t least(const struct sg_hpv *m)
{
    uint8_t at = 0;
    for (uint8_t i = 1; i < m->recent_count; i++)
        if (forgotten_at(&m->recent[i]) < forgotten_at(&m->recent[at]))
            at = i;
    return at;
}

static struct sg_hpv_recent *recent_slot(struct sg_hpv *m, const struct sg_peer_id *peer)
{
    uint16_t found = recent_find(m, peer);
    if (found != SG_HPV_NONE)
        return &m->recent[found];
    if (m->recent_count == SG_HPV_RECENT_MAX) {
        uint8_t at = least(m);
        m->recent_count--;
        memmove(&m->recent[at], &m->recent[at + 1],
                (size_t)(m->recent_count - at) * sizeof(*m->recent));
    }
    m->recent[m->recent_count] = (struct sg_hpv_recent){*peer, m->last_now, m->last_now};
    return &m->recent[m->recent_count++];
}

bool sg_hpv_may_spread(struct sg_hpv *m, const struct sg_peer_id *peer)
{
    struct sg_hpv_recent *entry = recent_slot(m, peer);
    return sg_hpv_bucket_take(&entry->spread_at, m->last_now, SG_HPV_JOIN_BURST,
                              SG_HPV_JOIN_INTERVAL_NS);
}

void sg_hpv_note_flap(struct sg_hpv *m, const struct sg_peer_id *peer)
{
    struct sg_hpv_recent *entry = recent_slot(m, peer);
    (void)sg_hpv_bucket_take(&entry->settled_at, m->last_now, SG_HPV_FLAP_BURST,
                             SG_HPV_FLAP_INTERVAL_NS);
}

bool sg_hpv_is_settled(const struct sg_hpv *m, const struct sg_peer_id *peer)
{
    uint16_t at = recent_find(m, peer);
    return m->config.evict_interval_ns == 0 || at == SG_HPV_NONE ||
           m->recent[at].settled_at <= m->last_now;
}

bool sg_hpv_is_flapping(const struct sg_hpv *m, const struct sg_peer_id *peer)
{
    uint64_t depth = (SG_HPV_FLAP_BURST - 1) * SG_HPV_FLAP_INTERVAL_NS;
    if (m->config.evict_interval_ns == 0 || m->active_count < m->config.active_target / 2)
        return false;
    uint16_t at = recent_find(m, peer);
    return at != SG_HPV_NONE && m->recent[at].settled_at > sg_time_add(m->last_now, depth) &&
           sg_hpv_contact_find(m, peer) == SG_HPV_NONE;
}
