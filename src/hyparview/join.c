/* Entering the overlay: JOIN to a contact, FORWARD_JOIN walks from there. */
#include "hyparview/internal.h"

/* The place of the request that a JOIN may push out: the oldest that is no JOIN itself. */
static uint16_t oldest_request(const struct sg_hpv *m)
{
    for (uint16_t i = 0; i < m->pending_count; i++)
        if (m->pending[i].purpose != SG_HPV_FOR_JOIN)
            return i;
    return SG_HPV_NONE;
}

void sg_hpv_join(struct sg_hpv *m, const struct sg_peer_id *contact, struct sg_hpv_outbox *out)
{
    if (sg_hpv_active_find(m, contact) != SG_HPV_NONE ||
        sg_hpv_pending_find(m, contact) != SG_HPV_NONE)
        return;
    if (m->pending_count == SG_HPV_PENDING_MAX) {
        uint16_t at = oldest_request(m);
        if (at == SG_HPV_NONE) {
            sg_hpv_passive_add(m, contact);
            return;
        }
        struct sg_peer_id other = m->pending[at].id;
        sg_hpv_pending_remove(m, &other);
    }
    sg_hpv_request(m, contact, SG_HPV_FOR_JOIN, out);
}

static struct sg_hpv_joiner *joiner_slot(struct sg_hpv *m, const struct sg_peer_id *peer)
{
    for (uint8_t i = 0; i < m->joiner_count; i++)
        if (sg_peer_id_equal(&m->joiners[i].id, peer))
            return &m->joiners[i];
    if (m->joiner_count == SG_HPV_JOINERS_MAX) {
        m->joiner_count--;
        memmove(&m->joiners[0], &m->joiners[1], m->joiner_count * sizeof(*m->joiners));
    }
    m->joiners[m->joiner_count] = (struct sg_hpv_joiner){*peer, m->last_now};
    return &m->joiners[m->joiner_count++];
}

/* Whether the joiner may be announced once more: a bucket per joiner, kept as the time when it
 * will be full again. */
static bool may_spread(struct sg_hpv *m, const struct sg_peer_id *peer)
{
    struct sg_hpv_joiner *joiner = joiner_slot(m, peer);
    uint64_t depth = (SG_HPV_JOIN_BURST - 1) * SG_HPV_JOIN_INTERVAL_NS;
    if (joiner->spread_at > sg_time_add(m->last_now, depth))
        return false;
    if (joiner->spread_at < m->last_now)
        joiner->spread_at = m->last_now;
    joiner->spread_at = sg_time_add(joiner->spread_at, SG_HPV_JOIN_INTERVAL_NS);
    return true;
}

static void send_forward_join(struct sg_hpv_outbox *out, const struct sg_peer_id *to,
                              const struct sg_peer_id *joiner, uint8_t ttl)
{
    struct sg_hpv_msg *msg = sg_hpv_send(out, to, SG_HPV_FORWARD_JOIN);
    msg->ttl = ttl;
    msg->count = 1;
    msg->id[0] = *joiner;
}

void sg_hpv_on_join(struct sg_hpv *m, const struct sg_peer_id *from, struct sg_hpv_outbox *out)
{
    sg_hpv_accept(m, from, out);
    if (!may_spread(m, from))
        return;
    for (uint16_t i = 0; i < m->active_count; i++)
        if (!sg_peer_id_equal(&m->active[i].id, from))
            send_forward_join(out, &m->active[i].id, from, m->config.arwl);
}

/* The walk ends here: ask the joiner to be our neighbour. */
static void welcome(struct sg_hpv *m, const struct sg_peer_id *joiner, struct sg_hpv_outbox *out)
{
    if (sg_hpv_active_find(m, joiner) != SG_HPV_NONE ||
        sg_hpv_pending_find(m, joiner) != SG_HPV_NONE)
        return;
    if (m->pending_count == SG_HPV_PENDING_MAX)
        sg_hpv_passive_add(m, joiner);
    else
        sg_hpv_request(m, joiner, SG_HPV_FOR_NEWCOMER, out);
}

void sg_hpv_on_forward_join(struct sg_hpv *m, const struct sg_peer_id *from,
                            const struct sg_hpv_msg *msg, struct sg_hpv_outbox *out)
{
    const struct sg_peer_id *joiner = &msg->id[0];
    uint8_t ttl = msg->ttl < m->config.arwl ? msg->ttl : m->config.arwl;
    struct sg_peer_id next;
    sg_hpv_notice_sender(m, from, out);
    if (ttl == 0 || m->active_count <= 1 || !sg_hpv_active_pick(m, from, joiner, &next)) {
        welcome(m, joiner, out);
        return;
    }
    if (ttl == m->config.prwl)
        sg_hpv_passive_add(m, joiner);
    send_forward_join(out, &next, joiner, (uint8_t)(ttl - 1));
}
