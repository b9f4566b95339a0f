/* Entering the overlay: JOIN to a contact, FORWARD_JOIN walks from there. */
#include "hyparview/internal.h"

void sg_hpv_join(struct sg_hpv *m, const struct sg_peer_id *contact, struct sg_hpv_outbox *out)
{
    if (sg_hpv_active_find(m, contact) != SG_HPV_NONE ||
        sg_hpv_pending_find(m, contact) != SG_HPV_NONE)
        return;
    if (sg_hpv_pending_make_room(m))
        sg_hpv_request(m, contact, SG_HPV_FOR_JOIN, out);
    else
        sg_hpv_passive_add(m, contact, 0);
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
    bool is_accepted = sg_hpv_answer(m, from, true, out);
    /* who finds no place here finds one elsewhere */
    if ((!is_accepted && sg_hpv_is_flapping(m, from)) || !sg_hpv_may_spread(m, from))
        return;
    for (uint16_t i = 0; i < m->active_count; i++)
        if (!sg_peer_id_equal(&m->active[i].id, from))
            send_forward_join(out, &m->active[i].id, from, m->config.arwl);
}

/* Anybody can start walks: they get half of the requests at most, and none for which there would
 * be no place. */
static bool may_welcome(const struct sg_hpv *m, const struct sg_peer_id *joiner)
{
    unsigned newcomers = 0;
    for (uint8_t i = 0; i < m->pending_count; i++)
        newcomers += m->pending[i].purpose == SG_HPV_FOR_NEWCOMER;
    bool has_room = m->active_count < sg_hpv_stranger_limit(m);
    return m->pending_count < sg_hpv_pending_limit(m) && newcomers < SG_HPV_PENDING_USUAL / 2 &&
           !sg_hpv_is_flapping(m, joiner) && (has_room || sg_hpv_may_evict(m, SG_HPV_BY_STRANGER));
}

/* Anybody can start walks in the name of others, and have us bother them: seldom, then. It makes no
 * difference to who really joins, for walks end everywhere. */
static bool take_welcome(struct sg_hpv *m)
{
    return m->config.evict_interval_ns == 0 ||
           sg_hpv_bucket_take(&m->welcome_at, m->last_now, SG_HPV_WELCOME_BURST,
                              SG_HPV_WELCOME_INTERVAL_NS);
}

/* The walk ends here: ask the joiner to be our neighbour. */
static void welcome(struct sg_hpv *m, const struct sg_peer_id *from,
                    const struct sg_peer_id *joiner, struct sg_hpv_outbox *out)
{
    if (sg_hpv_active_find(m, joiner) != SG_HPV_NONE ||
        sg_hpv_pending_find(m, joiner) != SG_HPV_NONE)
        return;
    if (may_welcome(m, joiner) && take_welcome(m))
        sg_hpv_request(m, joiner, SG_HPV_FOR_NEWCOMER, out);
    else
        sg_hpv_passive_add(m, joiner, sg_hpv_tag(m, from));
}

void sg_hpv_on_forward_join(struct sg_hpv *m, const struct sg_peer_id *from,
                            const struct sg_hpv_msg *msg, struct sg_hpv_outbox *out)
{
    const struct sg_peer_id *joiner = &msg->id[0];
    uint8_t ttl = msg->ttl < m->config.arwl ? msg->ttl : m->config.arwl;
    struct sg_peer_id next;
    sg_hpv_notice_sender(m, from, out);
    if (ttl == 0 || m->active_count <= 1 || !sg_hpv_active_pick(m, from, joiner, &next)) {
        welcome(m, from, joiner, out);
        return;
    }
    if (ttl == m->config.prwl)
        sg_hpv_passive_add(m, joiner, sg_hpv_tag(m, from));
    send_forward_join(out, &next, joiner, (uint8_t)(ttl - 1));
}
