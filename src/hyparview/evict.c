/* Whose place another may take. Strangers who ask us are the weak point: an attacker asks with any
 * number of names, with high priority, for ever. So they never take a contact's place, leave us
 * some links that we chose ourselves, evict the youngest, so that old links outlive a storm, none
 * that had no time to prove itself, and few in a time. */
#include "hyparview/internal.h"

static uint16_t contacts_active(const struct sg_hpv *m)
{
    uint16_t count = 0;
    for (uint16_t i = 0; i < m->active_count; i++)
        count = (uint16_t)(count + m->active[i].is_contact);
    return count;
}

uint16_t sg_hpv_reserved(const struct sg_hpv *m)
{
    uint16_t active = contacts_active(m);
    uint16_t slots = m->config.contact_slots;
    if (slots > m->contact_count)
        slots = m->contact_count;
    return slots > active ? (uint16_t)(slots - active) : 0;
}

uint16_t sg_hpv_stranger_limit(const struct sg_hpv *m)
{
    return (uint16_t)(m->config.active_max - sg_hpv_reserved(m));
}

uint16_t sg_hpv_chosen_count(const struct sg_hpv *m)
{
    uint16_t count = 0;
    for (uint16_t i = 0; i < m->active_count; i++)
        count = (uint16_t)(count + (m->active[i].is_chosen && !m->active[i].is_contact));
    return count;
}

/* Places of those who may go. */
struct pool {
    uint16_t at[SG_HPV_ACTIVE_HARD];
    uint16_t count;
};

/* What the cause spares. */
struct rule {
    bool spares_contacts;
    bool spares_chosen;
    uint64_t age_min_ns;
};

static void collect(const struct sg_hpv *m, struct rule rule, struct pool *pool)
{
    pool->count = 0;
    for (uint16_t i = 0; i < m->active_count; i++) {
        const struct sg_hpv_active *entry = &m->active[i];
        bool is_spared =
            entry->is_contact ? rule.spares_contacts : rule.spares_chosen && entry->is_chosen;
        if (!is_spared && sg_time_since(m->last_now, entry->since) >= rule.age_min_ns)
            pool->at[pool->count++] = i;
    }
}

static bool is_evict_due(const struct sg_hpv *m)
{
    uint64_t depth = (SG_HPV_EVICT_BURST - 1) * m->config.evict_interval_ns;
    return m->evict_at <= sg_time_add(m->last_now, depth);
}

static void find(const struct sg_hpv *m, enum sg_hpv_cause cause, struct pool *pool)
{
    struct rule rule = {.spares_contacts = true};
    rule.spares_chosen = sg_hpv_chosen_count(m) <= m->config.chosen_min;
    pool->count = 0;
    switch (cause) {
    case SG_HPV_BY_STRANGER:
        rule.age_min_ns = m->config.evict_interval_ns;
        if (is_evict_due(m))
            collect(m, rule, pool);
        return;
    case SG_HPV_BY_CHOICE:
        collect(m, rule, pool);
        return;
    case SG_HPV_BY_ROTATION: /* the new link is a chosen one as well */
        rule.spares_chosen = false;
        rule.age_min_ns = m->config.rotate_first_ns; /* it may be the newcomer's only one */
        rule.spares_contacts = contacts_active(m) <= m->config.contact_slots;
        collect(m, rule, pool);
        return;
    case SG_HPV_BY_CONTACT:
        collect(m, rule, pool);
        rule.spares_chosen = false;
        if (pool->count == 0)
            collect(m, rule, pool);
        return;
    }
}

bool sg_hpv_may_evict(const struct sg_hpv *m, enum sg_hpv_cause cause)
{
    struct pool pool;
    find(m, cause, &pool);
    return pool.count > 0;
}

bool sg_hpv_evict(struct sg_hpv *m, enum sg_hpv_cause cause, struct sg_hpv_outbox *out)
{
    struct pool pool;
    find(m, cause, &pool);
    if (pool.count == 0)
        return false;
    uint64_t drawn = pool.count - 1u; /* the view is in the order of coming */
    if (cause != SG_HPV_BY_STRANGER || !m->config.evict_youngest)
        drawn = sg_prng_below(&m->prng, pool.count);
    if (cause == SG_HPV_BY_STRANGER)
        (void)sg_hpv_bucket_take(&m->evict_at, m->last_now, SG_HPV_EVICT_BURST,
                                 m->config.evict_interval_ns);
    struct sg_peer_id peer = m->active[pool.at[drawn]].id;
    sg_hpv_send(out, &peer, SG_HPV_DISCONNECT);
    sg_hpv_active_drop(m, pool.at[drawn], out);
    sg_hpv_passive_add(m, &peer, 0);
    sg_hpv_candidate_hold(m, &peer);
    return true;
}
