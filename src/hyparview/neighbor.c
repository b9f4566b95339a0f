/* Links of the active view: NEIGHBOR, NEIGHBOR_REPLY, DISCONNECT, failures. What these do with
 * messages that cross is argued in the essay of hyparview.c. */
#include "hyparview/internal.h"

void sg_hpv_accept(struct sg_hpv *m, const struct sg_peer_id *peer, struct sg_hpv_outbox *out)
{
    uint16_t at = sg_hpv_active_find(m, peer);
    if (at != SG_HPV_NONE)
        sg_hpv_active_drop(m, at, out); /* it forgot us, so what runs over the link starts anew */
    else if (m->active_count == m->config.active_max)
        sg_hpv_active_evict(m, out);
    /* the answer goes out before anything that the new link causes */
    sg_hpv_send(out, peer, SG_HPV_NEIGHBOR_REPLY)->accepted = true;
    sg_hpv_active_add(m, peer, out);
}

/* Low priority leaves a quarter of the places to newcomers and the isolated. */
static uint16_t low_priority_limit(const struct sg_hpv_config *config)
{
    uint16_t limit = (uint16_t)(config->active_max - config->active_max / 4);
    return limit > config->active_target ? limit : config->active_target;
}

static bool is_welcome(const struct sg_hpv *m, const struct sg_peer_id *from, bool high_priority)
{
    if (high_priority || sg_hpv_active_find(m, from) != SG_HPV_NONE)
        return true;
    /* requests crossed: both want the link */
    if (sg_hpv_pending_find(m, from) != SG_HPV_NONE)
        return m->active_count < m->config.active_max;
    return m->active_count < low_priority_limit(&m->config);
}

void sg_hpv_on_neighbor(struct sg_hpv *m, const struct sg_peer_id *from,
                        const struct sg_hpv_msg *msg, struct sg_hpv_outbox *out)
{
    if (is_welcome(m, from, msg->high_priority)) {
        sg_hpv_accept(m, from, out);
        return;
    }
    sg_hpv_pending_remove(m, from);
    sg_hpv_passive_offer(m, from);
    sg_hpv_send(out, from, SG_HPV_NEIGHBOR_REPLY)->accepted = false;
}

static void decline(struct sg_hpv *m, const struct sg_peer_id *peer, struct sg_hpv_outbox *out)
{
    sg_hpv_send(out, peer, SG_HPV_DISCONNECT);
    sg_hpv_passive_offer(m, peer);
    sg_hpv_candidate_hold(m, peer);
}

/* The answer to a request that we gave up: the peer has us in its view. */
static void on_late_accept(struct sg_hpv *m, const struct sg_peer_id *from,
                           struct sg_hpv_outbox *out)
{
    if (sg_hpv_active_find(m, from) != SG_HPV_NONE)
        return;
    if (m->active_count < m->config.active_target)
        sg_hpv_active_add(m, from, out);
    else
        decline(m, from, out);
}

static void on_accepted(struct sg_hpv *m, const struct sg_hpv_pending *request,
                        struct sg_hpv_outbox *out)
{
    bool is_full = m->active_count == m->config.active_max;
    bool rotates = request->purpose == SG_HPV_FOR_ROTATION;
    if (is_full && !rotates && !request->high_priority) {
        decline(m, &request->id, out);
        return;
    }
    if (is_full || (rotates && m->active_count >= m->config.active_target))
        sg_hpv_active_evict(m, out);
    sg_hpv_active_add(m, &request->id, out);
}

void sg_hpv_on_neighbor_reply(struct sg_hpv *m, const struct sg_peer_id *from,
                              const struct sg_hpv_msg *msg, struct sg_hpv_outbox *out)
{
    uint16_t at = sg_hpv_pending_find(m, from);
    if (at == SG_HPV_NONE) {
        if (msg->accepted)
            on_late_accept(m, from, out);
        return;
    }
    struct sg_hpv_pending request = m->pending[at];
    sg_hpv_pending_remove(m, from);
    if (msg->accepted) {
        on_accepted(m, &request, out);
        return;
    }
    sg_hpv_passive_offer(m, from);
    sg_hpv_candidate_hold(m, from);
    sg_hpv_promotion_failed(m);
}

void sg_hpv_on_disconnect(struct sg_hpv *m, const struct sg_peer_id *from,
                          const struct sg_hpv_msg *msg, struct sg_hpv_outbox *out)
{
    uint16_t at = sg_hpv_active_find(m, from);
    if (at != SG_HPV_NONE)
        sg_hpv_active_drop(m, at, out);
    if (msg->leaving) {
        sg_hpv_pending_remove(m, from);
        sg_hpv_passive_remove(m, from);
    } else if (at != SG_HPV_NONE) {
        sg_hpv_passive_add(m, from);
        sg_hpv_candidate_hold(m, from);
    }
}

void sg_hpv_notice_sender(struct sg_hpv *m, const struct sg_peer_id *from,
                          struct sg_hpv_outbox *out)
{
    if (sg_hpv_active_find(m, from) != SG_HPV_NONE || sg_hpv_pending_find(m, from) != SG_HPV_NONE)
        return;
    sg_hpv_send(out, from, SG_HPV_DISCONNECT);
    sg_hpv_passive_offer(m, from);
}

void sg_hpv_on_failed(struct sg_hpv *m, const struct sg_peer_id *peer, struct sg_hpv_outbox *out)
{
    uint16_t at = sg_hpv_active_find(m, peer);
    bool was_pending = sg_hpv_pending_find(m, peer) != SG_HPV_NONE;
    bool is_known = sg_hpv_passive_find(m, peer) != SG_HPV_NONE;
    if (at == SG_HPV_NONE && !was_pending && !is_known)
        return;
    if (at != SG_HPV_NONE)
        sg_hpv_active_drop(m, at, out);
    sg_hpv_pending_remove(m, peer);
    sg_hpv_candidate_failed(m, peer);
    if (was_pending)
        sg_hpv_promotion_failed(m);
}

void sg_hpv_leave(struct sg_hpv *m, struct sg_hpv_outbox *out)
{
    for (uint16_t i = 0; i < m->active_count; i++) {
        sg_hpv_send(out, &m->active[i].id, SG_HPV_DISCONNECT)->leaving = true;
        sg_hpv_emit(out, SG_HPV_OUT_NEIGHBOR_DOWN, &m->active[i].id);
    }
    /* those that are about to accept us hear it too: the link may outlive this overlay */
    for (uint8_t i = 0; i < m->pending_count; i++)
        sg_hpv_send(out, &m->pending[i].id, SG_HPV_DISCONNECT)->leaving = true;
    m->active_count = 0;
    m->pending_count = 0;
    m->has_left = true;
}
