/* Probes for others (SWIM s3.1, Lifeguard s4.1 for NACK). Only members are asked on behalf of
 * anybody, few at a time for one peer, and those without a link seldom: a PING_REQ is no way to
 * make us knock at a stranger's door. */
#include "swim/internal.h"

static void answer(struct sg_swim *m, enum sg_swim_kind kind, const struct sg_peer_id *to,
                   uint32_t seq)
{
    struct sg_swim_to packet = {.peer = to, .kind = kind, .seq = seq};
    sg_swim_send(m, &packet);
}

uint64_t sg_swim_relay_ns(const struct sg_swim_config *config)
{
    /* memberlist: a whole timeout, so that the NACK for a prober in good health is late */
    if (!config->proofs)
        return config->timeout_max_ns;
    return (config->window_ns - config->timeout_min_ns) / 5 * 4;
}

/* A free place, or NULL when there is none or the peer has its share. */
static struct sg_swim_relay *free_relay(struct sg_swim *m, const struct sg_peer_id *from)
{
    struct sg_swim_relay *place = NULL;
    int of_peer = 0;
    for (uint8_t i = 0; i < SG_SWIM_RELAYS_MAX; i++) {
        struct sg_swim_relay *r = &m->relay[i];
        if (!r->is_used)
            place = place == NULL ? r : place;
        else if (sg_peer_id_equal(&r->from, from))
            of_peer++;
    }
    return of_peer < SG_SWIM_RELAYS_PER_PEER ? place : NULL;
}

/* Whether a ping to this member may be sent for somebody else now. */
static bool may_relay(struct sg_swim *m, uint16_t slot)
{
    if (slot == SG_SWIM_NONE || m->member[slot].state == SG_SWIM_IS_DEAD)
        return false;
    if (m->member[slot].is_linked || m->config.dial_interval_ns == 0)
        return true;
    if (m->now < m->relay_dial_at)
        return false;
    m->relay_dial_at = sg_swim_after(m, m->config.dial_interval_ns);
    return true;
}

void sg_swim_on_ping_req(struct sg_swim *m, const struct sg_peer_id *from,
                         const struct sg_swim_packet *packet)
{
    struct sg_swim_relay *r = free_relay(m, from);
    uint16_t slot = sg_swim_slot(m, &packet->target);
    if (sg_peer_id_equal(&packet->target, &m->self)) {
        answer(m, SG_SWIM_ACK, from, packet->seq);
        return;
    }
    if (r == NULL || !may_relay(m, slot)) {
        answer(m, SG_SWIM_NACK, from, packet->seq);
        return;
    }
    r->from = *from;
    r->from_seq = packet->seq;
    r->seq = m->seq++;
    r->slot = slot;
    r->is_used = true;
    r->is_nacked = false;
    uint16_t timer = (uint16_t)(SG_SWIM_T_RELAY + (r - m->relay));
    sg_swim_timer_set(m, timer, sg_time_add(m->now, sg_swim_relay_ns(&m->config)));
    answer(m, SG_SWIM_PING, &m->member[slot].id, r->seq);
}

static void end(struct sg_swim *m, struct sg_swim_relay *r)
{
    r->is_used = false;
    sg_swim_timer_set(m, (uint16_t)(SG_SWIM_T_RELAY + (r - m->relay)), SG_TIME_NEVER);
}

void sg_swim_relay_due(struct sg_swim *m, uint8_t at)
{
    struct sg_swim_relay *r = &m->relay[at];
    if (r->is_nacked) {
        end(m, r);
        return;
    }
    answer(m, SG_SWIM_NACK, &r->from, r->from_seq);
    r->is_nacked = true;
    /* an answer that comes late is passed on for a while */
    sg_swim_timer_set(m, (uint16_t)(SG_SWIM_T_RELAY + at),
                      sg_time_add(m->now, m->config.window_ns));
}

bool sg_swim_relay_ack(struct sg_swim *m, const struct sg_peer_id *from, uint32_t seq)
{
    for (uint8_t i = 0; i < SG_SWIM_RELAYS_MAX; i++) {
        struct sg_swim_relay *r = &m->relay[i];
        if (!r->is_used || r->seq != seq || !sg_peer_id_equal(&m->member[r->slot].id, from))
            continue;
        answer(m, SG_SWIM_ACK, &r->from, r->from_seq);
        end(m, r);
        return true;
    }
    return false;
}

void sg_swim_relay_heard(struct sg_swim *m, uint16_t slot)
{
    for (uint8_t i = 0; i < SG_SWIM_RELAYS_MAX; i++) {
        struct sg_swim_relay *r = &m->relay[i];
        if (!r->is_used || r->slot != slot)
            continue;
        answer(m, SG_SWIM_ACK, &r->from, r->from_seq);
        end(m, r);
    }
}

void sg_swim_relay_cancel(struct sg_swim *m, uint16_t slot)
{
    for (uint8_t i = 0; i < SG_SWIM_RELAYS_MAX; i++)
        if (m->relay[i].is_used && m->relay[i].slot == slot)
            end(m, &m->relay[i]);
}
