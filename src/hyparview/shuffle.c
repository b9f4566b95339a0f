/* Shuffles: two nodes exchange random parts of their views, so that passive views stay fresh and
 * random samples of those who live. */
#include <assert.h>

#include "hyparview/internal.h"

static_assert(SG_HPV_PASSIVE_HARD < SG_HPV_NONE && SG_HPV_ACTIVE_HARD < SG_HPV_NONE,
              "places in views fit");

/* Puts want random of the count ids into msg; pool is left in another order. */
static void draw(struct sg_prng *prng, struct sg_peer_id *pool, uint16_t count, uint8_t want,
                 struct sg_hpv_msg *msg)
{
    for (uint16_t i = 0; i < count && i < want; i++) {
        uint64_t step = sg_prng_below(prng, (uint64_t)(count - i));
        struct sg_peer_id picked = pool[i + step];
        pool[i + step] = pool[i];
        msg->id[msg->count++] = picked;
    }
}

static void draw_active(struct sg_hpv *m, const struct sg_peer_id *except, uint8_t want,
                        struct sg_hpv_msg *msg)
{
    struct sg_peer_id pool[SG_HPV_ACTIVE_HARD];
    uint16_t count = 0;
    for (uint16_t i = 0; i < m->active_count; i++)
        if (!sg_peer_id_equal(&m->active[i].id, except))
            pool[count++] = m->active[i].id;
    draw(&m->prng, pool, count, want, msg);
}

/* Peers that failed are not recommended to others. */
static void draw_passive(struct sg_hpv *m, const struct sg_peer_id *except, uint8_t want,
                         struct sg_hpv_msg *msg)
{
    struct sg_peer_id pool[SG_HPV_PASSIVE_HARD];
    uint16_t count = 0;
    for (uint16_t i = 0; i < m->passive_count; i++)
        if (m->trial[i].failures == 0 && !sg_peer_id_equal(&m->passive[i], except))
            pool[count++] = m->passive[i];
    draw(&m->prng, pool, count, want, msg);
}

void sg_hpv_shuffle(struct sg_hpv *m, struct sg_hpv_outbox *out)
{
    struct sg_peer_id to;
    if (!sg_hpv_active_pick(m, &m->self, &m->self, &to))
        return;
    struct sg_hpv_msg *msg = sg_hpv_send(out, &to, SG_HPV_SHUFFLE);
    msg->ttl = m->config.shuffle_ttl;
    msg->id[0] = m->self;
    msg->count = 1;
    draw_active(m, &to, m->config.shuffle_active, msg);
    draw_passive(m, &to, m->config.shuffle_passive, msg);
    memcpy(m->sent, msg->id, msg->count * sizeof(*m->sent));
    m->sent_count = msg->count;
}

void sg_hpv_shuffle_soon(struct sg_hpv *m)
{
    if (m->sent_count == 0) /* the last one was answered */
        return;
    uint64_t pause = sg_hpv_jitter(m, m->config.repair_backoff_ns);
    m->shuffle_at = sg_time_min(m->shuffle_at, sg_time_add(m->last_now, pause));
}

/* Makes room in a full passive view by giving up the next of the ids that the other side got from
 * us; *used counts those looked at. */
static void give_up_sent(struct sg_hpv *m, const struct sg_peer_id *sent, uint8_t sent_count,
                         uint8_t *used)
{
    while (m->passive_count == m->config.passive_max && *used < sent_count) {
        sg_hpv_passive_remove(m, &sent[*used]);
        ++*used;
    }
}

struct sample {
    const struct sg_peer_id *id;
    uint8_t count;
};

static bool is_known(const struct sg_hpv *m, const struct sg_peer_id *id)
{
    return sg_peer_id_equal(id, &m->self) || sg_hpv_active_find(m, id) != SG_HPV_NONE ||
           sg_hpv_passive_find(m, id) != SG_HPV_NONE || sg_hpv_contact_find(m, id) != SG_HPV_NONE;
}

/* Ids that came over the link of the peer with that tag. Once it has its share of the view, its
 * news replace its own. */
static void integrate(struct sg_hpv *m, uint16_t tag, struct sample got, struct sample sent)
{
    uint8_t used = 0;
    for (uint8_t i = 0; i < got.count; i++) {
        if (is_known(m, &got.id[i]))
            continue;
        if (!sg_hpv_has_its_share(m, tag))
            give_up_sent(m, sent.id, sent.count, &used);
        sg_hpv_passive_add(m, &got.id[i], tag);
    }
}

static void answer(struct sg_hpv *m, const struct sg_peer_id *from, const struct sg_hpv_msg *msg,
                   struct sg_hpv_outbox *out)
{
    struct sg_hpv_msg reply = {.kind = SG_HPV_SHUFFLE_REPLY};
    draw_passive(m, &msg->id[0], msg->count, &reply);
    if (reply.count > 0)
        *sg_hpv_send(out, &msg->id[0], SG_HPV_SHUFFLE_REPLY) = reply;
    integrate(m, sg_hpv_tag(m, from), (struct sample){msg->id, msg->count},
              (struct sample){reply.id, reply.count});
}

void sg_hpv_on_shuffle(struct sg_hpv *m, const struct sg_peer_id *from,
                       const struct sg_hpv_msg *msg, struct sg_hpv_outbox *out)
{
    uint8_t ttl = msg->ttl < m->config.shuffle_ttl ? msg->ttl : m->config.shuffle_ttl;
    struct sg_peer_id next;
    sg_hpv_notice_sender(m, from, out);
    if (ttl <= 1 || !sg_hpv_active_pick(m, from, &msg->id[0], &next)) {
        answer(m, from, msg, out);
        return;
    }
    struct sg_hpv_msg *forwarded = sg_hpv_send(out, &next, SG_HPV_SHUFFLE);
    *forwarded = *msg;
    forwarded->ttl = (uint8_t)(ttl - 1);
}

void sg_hpv_on_shuffle_reply(struct sg_hpv *m, const struct sg_peer_id *from,
                             const struct sg_hpv_msg *msg)
{
    if (m->sent_count == 0)
        return;
    struct sample sent = {m->sent, m->sent_count};
    /* who answers is alive and can be reached: the best entry of all */
    integrate(m, 0, (struct sample){from, 1}, sent);
    integrate(m, sg_hpv_tag(m, from), (struct sample){msg->id, msg->count}, sent);
    m->sent_count = 0;
}
