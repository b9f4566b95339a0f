/* The two views. Both are arrays in insertion order; the passive view has a parallel array with
 * what asking its peers has taught. */
#include <assert.h>

#include "hyparview/internal.h"

/* A small view takes the paper's shuffle whole. */
#define SHARE_MIN 8

uint16_t sg_hpv_active_find(const struct sg_hpv *m, const struct sg_peer_id *peer)
{
    for (uint16_t i = 0; i < m->active_count; i++)
        if (sg_hpv_same_id(&m->active[i].id, peer))
            return i;
    return SG_HPV_NONE;
}

void sg_hpv_active_add(struct sg_hpv *m, const struct sg_peer_id *peer, bool is_chosen,
                       struct sg_hpv_outbox *out)
{
    assert(m->active_count < m->config.active_max);
    assert(sg_hpv_active_find(m, peer) == SG_HPV_NONE);
    sg_hpv_passive_remove(m, peer);
    sg_hpv_pending_remove(m, peer);
    m->active[m->active_count++] = (struct sg_hpv_active){
        .id = *peer,
        .since = m->last_now,
        .is_chosen = is_chosen,
        .is_contact = sg_hpv_contact_find(m, peer) != SG_HPV_NONE,
    };
    sg_hpv_repair_reset(m);
    sg_hpv_emit(out, SG_HPV_OUT_NEIGHBOR_UP, peer);
}

void sg_hpv_active_drop(struct sg_hpv *m, uint16_t at, struct sg_hpv_outbox *out)
{
    assert(at < m->active_count);
    struct sg_peer_id peer = m->active[at].id;
    m->active_count--;
    memmove(&m->active[at], &m->active[at + 1],
            (size_t)(m->active_count - at) * sizeof(*m->active));
    if (m->active_count == 0)
        m->alone_since = m->last_now;
    sg_hpv_repair_reset(m);
    sg_hpv_emit(out, SG_HPV_OUT_NEIGHBOR_DOWN, &peer);
}

static bool is_other(const struct sg_hpv_active *entry, const struct sg_peer_id *a,
                     const struct sg_peer_id *b)
{
    return !sg_peer_id_equal(&entry->id, a) && !sg_peer_id_equal(&entry->id, b);
}

bool sg_hpv_active_pick(struct sg_hpv *m, const struct sg_peer_id *a, const struct sg_peer_id *b,
                        struct sg_peer_id *picked)
{
    uint16_t others = 0;
    for (uint16_t i = 0; i < m->active_count; i++)
        others += is_other(&m->active[i], a, b);
    if (others == 0)
        return false;
    uint64_t skip = sg_prng_below(&m->prng, others);
    for (uint16_t i = 0; i < m->active_count; i++) {
        if (!is_other(&m->active[i], a, b) || skip-- > 0)
            continue;
        *picked = m->active[i].id;
        return true;
    }
    return false;
}

uint16_t sg_hpv_passive_find(const struct sg_hpv *m, const struct sg_peer_id *peer)
{
    for (uint16_t i = 0; i < m->passive_count; i++)
        if (sg_hpv_same_id(&m->passive[i], peer))
            return i;
    return SG_HPV_NONE;
}

static void passive_remove_at(struct sg_hpv *m, uint16_t at)
{
    m->passive_count--;
    size_t behind = (size_t)(m->passive_count - at);
    memmove(&m->passive[at], &m->passive[at + 1], behind * sizeof(*m->passive));
    memmove(&m->trial[at], &m->trial[at + 1], behind * sizeof(*m->trial));
}

void sg_hpv_passive_remove(struct sg_hpv *m, const struct sg_peer_id *peer)
{
    uint16_t at = sg_hpv_passive_find(m, peer);
    if (at != SG_HPV_NONE)
        passive_remove_at(m, at);
}

/* The first of the entries that failed most, SG_HPV_NONE when none ever failed. */
static uint16_t most_failed(const struct sg_hpv *m)
{
    uint16_t worst = SG_HPV_NONE;
    uint8_t failures = 0;
    for (uint16_t i = 0; i < m->passive_count; i++) {
        if (m->trial[i].failures <= failures)
            continue;
        failures = m->trial[i].failures;
        worst = i;
    }
    return worst;
}

static bool is_new(const struct sg_hpv *m, const struct sg_peer_id *peer)
{
    return !sg_peer_id_equal(peer, &m->self) && sg_hpv_active_find(m, peer) == SG_HPV_NONE &&
           sg_hpv_passive_find(m, peer) == SG_HPV_NONE &&
           sg_hpv_contact_find(m, peer) == SG_HPV_NONE;
}

static void passive_append(struct sg_hpv *m, const struct sg_peer_id *peer, uint16_t tag)
{
    m->passive[m->passive_count] = *peer;
    m->trial[m->passive_count] = (struct sg_hpv_trial){.introducer = tag};
    m->passive_count++;
}

uint16_t sg_hpv_tag(const struct sg_hpv *m, const struct sg_peer_id *introducer)
{
    uint64_t first;
    memcpy(&first, introducer->b, sizeof(first));
    uint64_t mixed = (first ^ m->tag_key) * UINT64_C(0x9e3779b97f4a7c15);
    mixed = (mixed ^ mixed >> 32) * UINT64_C(0xbf58476d1ce4e5b9);
    uint16_t tag = (uint16_t)(mixed >> 48);
    return tag == 0 ? 1 : tag;
}

static uint16_t share_of(const struct sg_hpv *m, uint16_t tag)
{
    uint16_t count = 0;
    for (uint16_t i = 0; i < m->passive_count; i++)
        count = (uint16_t)(count + (m->trial[i].introducer == tag));
    return count;
}

bool sg_hpv_has_its_share(const struct sg_hpv *m, uint16_t tag)
{
    uint16_t share = m->config.passive_max / 4;
    if (share < SHARE_MIN)
        share = SHARE_MIN;
    return tag != 0 && m->passive_count == m->config.passive_max && share_of(m, tag) >= share;
}

/* A random entry of that introducer, which has some. */
static uint16_t pick_introduced(struct sg_hpv *m, uint16_t tag)
{
    uint64_t skip = sg_prng_below(&m->prng, share_of(m, tag));
    for (uint16_t i = 0; i < m->passive_count; i++)
        if (m->trial[i].introducer == tag && skip-- == 0)
            return i;
    return SG_HPV_NONE;
}

void sg_hpv_passive_add(struct sg_hpv *m, const struct sg_peer_id *peer, uint16_t tag)
{
    if (!is_new(m, peer))
        return;
    if (m->passive_count == m->config.passive_max) {
        uint16_t at = sg_hpv_has_its_share(m, tag) ? pick_introduced(m, tag) : most_failed(m);
        if (at == SG_HPV_NONE)
            at = (uint16_t)sg_prng_below(&m->prng, m->passive_count);
        passive_remove_at(m, at);
    }
    passive_append(m, peer, tag);
}

void sg_hpv_passive_offer(struct sg_hpv *m, const struct sg_peer_id *peer)
{
    if (!is_new(m, peer))
        return;
    if (m->passive_count == m->config.passive_max) {
        uint16_t at = most_failed(m);
        if (at == SG_HPV_NONE)
            return;
        passive_remove_at(m, at);
    }
    passive_append(m, peer, 0);
}
