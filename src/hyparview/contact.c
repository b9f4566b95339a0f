/* Contacts: the peers that the user knows. Against a crowd of invented peers every rule about
 * strangers fails in the end, since strangers are all alike; so some places of the active view
 * belong to contacts alone. They are asked before anybody else whenever one of these places is
 * empty, without regard to pauses of repair, and for ever: a contact that does not answer is
 * asked again after pauses that begin at a fifth of a second, since it may be starting up as we
 * are, and double. The list is not part of the passive view and is told to nobody. */
#include "hyparview/internal.h"

uint16_t sg_hpv_contact_find(const struct sg_hpv *m, const struct sg_peer_id *peer)
{
    for (uint16_t i = 0; i < m->contact_count; i++)
        if (sg_hpv_same_id(&m->contacts[i].id, peer))
            return i;
    return SG_HPV_NONE;
}

sg_err sg_hpv_contact_reserve(struct sg_hpv *m)
{
    if (m->contacts == NULL)
        m->contacts = sg_mem_new(m->config.mem, SG_HPV_CONTACTS_MAX, sizeof(*m->contacts));
    return m->contacts == NULL ? SG_ERR_NO_MEMORY : SG_OK;
}

static void add(struct sg_hpv *m, const struct sg_peer_id *peer)
{
    struct sg_hpv_contact *contact = &m->contacts[m->contact_count];
    uint16_t at = sg_hpv_active_find(m, peer);
    sg_hpv_passive_remove(m, peer);
    *contact = (struct sg_hpv_contact){.id = *peer};
    m->contact_count++;
    if (at != SG_HPV_NONE)
        m->active[at].is_contact = true;
}

/* It is a candidate like others now. */
static void drop(struct sg_hpv *m, uint16_t place)
{
    struct sg_peer_id peer = m->contacts[place].id;
    uint16_t at = sg_hpv_active_find(m, &peer);
    m->contact_count--;
    memmove(&m->contacts[place], &m->contacts[place + 1],
            (size_t)(m->contact_count - place) * sizeof(*m->contacts));
    if (at != SG_HPV_NONE)
        m->active[at].is_contact = false;
    else
        sg_hpv_passive_add(m, &peer, 0);
}

void sg_hpv_contact_set(struct sg_hpv *m, const struct sg_peer_id *peer, bool on)
{
    uint16_t at = sg_hpv_contact_find(m, peer);
    if (on && at == SG_HPV_NONE)
        add(m, peer);
    else if (!on && at != SG_HPV_NONE)
        drop(m, at);
}

static bool is_idle(const struct sg_hpv *m, uint16_t at)
{
    const struct sg_peer_id *peer = &m->contacts[at].id;
    return sg_hpv_active_find(m, peer) == SG_HPV_NONE &&
           sg_hpv_pending_find(m, peer) == SG_HPV_NONE;
}

bool sg_hpv_contact_pick(struct sg_hpv *m, bool has_failed, struct sg_peer_id *picked)
{
    uint16_t pool[SG_HPV_CONTACTS_MAX];
    uint16_t count = 0;
    for (uint16_t i = 0; i < m->contact_count; i++)
        if ((m->contacts[i].trial.failures > 0) == has_failed &&
            m->contacts[i].trial.retry_at <= m->last_now && is_idle(m, i))
            pool[count++] = i;
    if (count == 0)
        return false;
    uint64_t at = sg_prng_below(&m->prng, count);
    *picked = m->contacts[pool[at]].id;
    return true;
}

sg_time_ns sg_hpv_contact_trial(const struct sg_hpv *m, bool takes_failed)
{
    sg_time_ns first = SG_TIME_NEVER;
    for (uint16_t i = 0; i < m->contact_count; i++)
        if ((takes_failed || m->contacts[i].trial.failures == 0) &&
            m->contacts[i].trial.retry_at < first && is_idle(m, i))
            first = m->contacts[i].trial.retry_at;
    return first;
}

/* Places of contacts that are empty and not asked for. */
static bool wants_contact(const struct sg_hpv *m)
{
    uint16_t have = 0;
    for (uint16_t i = 0; i < m->contact_count && have < m->config.contact_slots; i++)
        have = (uint16_t)(have + !is_idle(m, i));
    return have < m->config.contact_slots && have < m->contact_count;
}

/* A request to a stranger gives way. */
static bool has_request_left(const struct sg_hpv *m)
{
    for (uint8_t i = 0; i < m->pending_count; i++)
        if (!sg_hpv_is_named(&m->pending[i]))
            return true;
    return m->pending_count < sg_hpv_pending_limit(m);
}

void sg_hpv_contact_ask(struct sg_hpv *m, struct sg_hpv_outbox *out)
{
    struct sg_peer_id peer;
    while (wants_contact(m) && has_request_left(m) &&
           (sg_hpv_contact_pick(m, false, &peer) || sg_hpv_contact_pick(m, true, &peer))) {
        (void)sg_hpv_pending_make_room(m);
        sg_hpv_request(m, &peer, SG_HPV_FOR_CONTACT, out);
    }
}

sg_time_ns sg_hpv_contact_deadline(const struct sg_hpv *m)
{
    return wants_contact(m) && has_request_left(m) ? sg_hpv_contact_trial(m, true) : SG_TIME_NEVER;
}
