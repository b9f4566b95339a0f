/* Links of the active view: NEIGHBOR, NEIGHBOR_REPLY, DISCONNECT, failures. What these do with
 * messages that cross is argued in the essay of hyparview.c. */
#include "hyparview/internal.h"

/* Low priority leaves a quarter of the places to newcomers and the isolated. */
static uint16_t low_priority_limit(const struct sg_hpv_config *config)
{
    uint16_t limit = (uint16_t)(config->active_max - config->active_max / 4);
    return limit > config->active_target ? limit : config->active_target;
}

static bool is_contact(const struct sg_hpv *m, const struct sg_peer_id *peer)
{
    return sg_hpv_contact_find(m, peer) != SG_HPV_NONE;
}

/* Whether a peer that is no neighbour finds a free place. */
static bool has_place(const struct sg_hpv *m, const struct sg_peer_id *from, bool high_priority)
{
    if (is_contact(m, from))
        return m->active_count < m->config.active_max;
    uint16_t limit = sg_hpv_stranger_limit(m);
    /* requests crossed: both want the link */
    bool has_crossed = sg_hpv_pending_find(m, from) != SG_HPV_NONE;
    if (!high_priority && !has_crossed && limit > low_priority_limit(&m->config))
        limit = low_priority_limit(&m->config);
    return m->active_count < limit;
}

/* Finds or makes a place for a peer that is no neighbour. */
static bool admit(struct sg_hpv *m, const struct sg_peer_id *from, bool high_priority,
                  struct sg_hpv_outbox *out)
{
    if (has_place(m, from, high_priority))
        return true;
    if (is_contact(m, from))
        return sg_hpv_evict(m, SG_HPV_BY_CONTACT, out);
    return high_priority && sg_hpv_is_settled(m, from) && sg_hpv_evict(m, SG_HPV_BY_STRANGER, out);
}

static bool has_asked(const struct sg_hpv *m, const struct sg_peer_id *peer)
{
    uint16_t at = sg_hpv_pending_find(m, peer);
    return at != SG_HPV_NONE && m->pending[at].purpose != SG_HPV_FOR_NEWCOMER;
}

static void refuse(struct sg_hpv *m, const struct sg_peer_id *from, struct sg_hpv_outbox *out)
{
    sg_hpv_pending_remove(m, from);
    sg_hpv_passive_offer(m, from);
    sg_hpv_send(out, from, SG_HPV_NEIGHBOR_REPLY)->accepted = false;
}

bool sg_hpv_answer(struct sg_hpv *m, const struct sg_peer_id *from, bool high_priority,
                   struct sg_hpv_outbox *out)
{
    uint16_t at = sg_hpv_active_find(m, from);
    bool is_chosen = at != SG_HPV_NONE ? m->active[at].is_chosen : has_asked(m, from);
    if (at != SG_HPV_NONE) { /* it forgot us, so what runs over the link starts anew */
        sg_hpv_active_drop(m, at, out);
        sg_hpv_note_flap(m, from);
    }
    if (sg_hpv_is_flapping(m, from) || (at == SG_HPV_NONE && !admit(m, from, high_priority, out))) {
        refuse(m, from, out);
        return false;
    }
    /* the answer goes out before anything that the new link causes */
    sg_hpv_send(out, from, SG_HPV_NEIGHBOR_REPLY)->accepted = true;
    sg_hpv_active_add(m, from, is_chosen, out);
    return true;
}

void sg_hpv_on_neighbor(struct sg_hpv *m, const struct sg_peer_id *from,
                        const struct sg_hpv_msg *msg, struct sg_hpv_outbox *out)
{
    (void)sg_hpv_answer(m, from, msg->high_priority, out);
}

static void decline(struct sg_hpv *m, const struct sg_peer_id *peer, struct sg_hpv_outbox *out)
{
    sg_hpv_send(out, peer, SG_HPV_DISCONNECT);
    sg_hpv_passive_offer(m, peer);
    sg_hpv_candidate_hold(m, peer);
}

/* The answer to a request that we gave up, or to none: the peer has us in its view. */
static void on_late_accept(struct sg_hpv *m, const struct sg_peer_id *from,
                           struct sg_hpv_outbox *out)
{
    if (sg_hpv_active_find(m, from) != SG_HPV_NONE)
        return;
    bool is_sought = m->active_count < m->config.active_target && has_place(m, from, true) &&
                     !sg_hpv_is_flapping(m, from);
    if (is_contact(m, from) ? admit(m, from, true, out) : is_sought)
        sg_hpv_active_add(m, from, false, out);
    else
        decline(m, from, out);
}

static enum sg_hpv_cause cause_of(const struct sg_hpv *m, const struct sg_hpv_pending *request)
{
    if (is_contact(m, &request->id))
        return SG_HPV_BY_CONTACT;
    switch (request->purpose) {
    case SG_HPV_FOR_NEWCOMER:
        return SG_HPV_BY_STRANGER;
    case SG_HPV_FOR_ROTATION:
        return SG_HPV_BY_ROTATION;
    case SG_HPV_FOR_JOIN:
    case SG_HPV_FOR_CONTACT:
    case SG_HPV_FOR_REPAIR:
        return SG_HPV_BY_CHOICE;
    }
    return SG_HPV_BY_CHOICE;
}

/* Whether another goes for the peer that accepted our request, now that all places are taken. */
static bool is_worth_a_place(const struct sg_hpv *m, const struct sg_hpv_pending *request,
                             enum sg_hpv_cause cause)
{
    if (cause != SG_HPV_BY_CHOICE)
        return true;
    return request->high_priority || sg_hpv_chosen_count(m) < m->config.chosen_min;
}

static void on_accepted(struct sg_hpv *m, const struct sg_hpv_pending *request,
                        struct sg_hpv_outbox *out)
{
    enum sg_hpv_cause cause = cause_of(m, request);
    bool is_full = !has_place(m, &request->id, true);
    bool is_flapping = sg_hpv_is_flapping(m, &request->id);
    bool exchanges = cause == SG_HPV_BY_ROTATION && m->active_count >= m->config.active_target;
    if (is_flapping || (is_full && !is_worth_a_place(m, request, cause)) ||
        ((is_full || exchanges) && !sg_hpv_evict(m, cause, out))) {
        decline(m, &request->id, out);
        return;
    }
    sg_hpv_active_add(m, &request->id, request->purpose != SG_HPV_FOR_NEWCOMER, out);
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
    sg_hpv_promotion_failed(m, true);
}

void sg_hpv_on_disconnect(struct sg_hpv *m, const struct sg_peer_id *from,
                          const struct sg_hpv_msg *msg, struct sg_hpv_outbox *out)
{
    uint16_t at = sg_hpv_active_find(m, from);
    if (at != SG_HPV_NONE) {
        sg_hpv_active_drop(m, at, out);
        sg_hpv_note_flap(m, from);
    }
    if (msg->leaving) {
        sg_hpv_forget(m, from);
    } else if (at != SG_HPV_NONE) {
        sg_hpv_passive_add(m, from, 0);
        sg_hpv_candidate_hold(m, from);
    }
}

void sg_hpv_forget(struct sg_hpv *m, const struct sg_peer_id *peer)
{
    sg_hpv_pending_remove(m, peer);
    if (is_contact(m, peer))
        sg_hpv_candidate_failed(m, peer);
    else
        sg_hpv_passive_remove(m, peer);
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
    bool is_known = sg_hpv_trial_of(m, peer) != NULL;
    if (at == SG_HPV_NONE && !was_pending && !is_known)
        return;
    if (at != SG_HPV_NONE) {
        sg_hpv_active_drop(m, at, out);
        sg_hpv_note_flap(m, peer);
        sg_hpv_shuffle_soon(m);
    }
    sg_hpv_pending_remove(m, peer);
    sg_hpv_candidate_failed(m, peer);
    if (was_pending)
        sg_hpv_promotion_failed(m, false);
}

void sg_hpv_on_dead(struct sg_hpv *m, const struct sg_peer_id *peer, struct sg_hpv_outbox *out)
{
    uint16_t at = sg_hpv_active_find(m, peer);
    bool was_pending = sg_hpv_pending_find(m, peer) != SG_HPV_NONE;
    if (at != SG_HPV_NONE)
        sg_hpv_active_drop(m, at, out);
    sg_hpv_forget(m, peer);
    if (was_pending)
        sg_hpv_promotion_failed(m, false);
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
