/* What machines of the SWIM lab send each other arrives after a short random delay; of members that
 * stall it waits in a bounded queue. */
#include "lab_swim_mail.h"

#include <string.h>

static uint64_t delay(struct sg_lab_swim *lab)
{
    uint64_t more = sg_prng_below(&lab->prng, lab->config->jitter_ns + 1);
    return lab->config->delay_ns + more;
}

void sg_lab_mail_discard(struct sg_lab_swim *lab, uint32_t slot)
{
    struct sg_lab_mail *mail = sg_lab_net_at(&lab->net, slot);
    sg_mem_free(lab->config->mem, mail->table);
    mail->table = NULL;
    sg_lab_net_drop(&lab->net, slot);
}

void sg_lab_mail_hold(struct sg_lab_swim *lab, struct sg_lab_waiting *w, uint32_t slot)
{
    if (w->count == lab->config->queue_max) {
        lab->result->lost++;
        sg_lab_mail_discard(lab, slot);
        return;
    }
    if (w->count == w->cap) {
        uint32_t cap = w->cap == 0 ? 64 : w->cap * 2;
        uint32_t *grown = sg_mem_resize(lab->config->mem, w->slot, cap, sizeof(*grown));
        if (grown == NULL) {
            lab->net.err = SG_ERR_NO_MEMORY;
            sg_lab_mail_discard(lab, slot);
            return;
        }
        w->slot = grown;
        w->cap = cap;
    }
    w->slot[w->count++] = slot;
}

void sg_lab_mail_dispatch(struct sg_lab_swim *lab, uint32_t slot)
{
    const struct sg_lab_mail *mail = sg_lab_net_at(&lab->net, slot);
    uint8_t kind = mail->kind;
    uint64_t after = delay(lab);
    sg_lab_net_post(&lab->net, after, kind, slot);
}

/* A new mail, its packet not set; NULL when out of memory. *slot for post. */
static struct sg_lab_mail *compose(struct sg_lab_swim *lab, uint32_t from, uint32_t to,
                                   uint8_t kind)
{
    uint32_t slot = sg_lab_net_slot(&lab->net);
    if (slot == SG_LAB_NONE)
        return NULL;
    struct sg_lab_mail *mail = sg_lab_net_at(&lab->net, slot);
    mail->from = from;
    mail->to = to;
    mail->kind = kind;
    mail->table = NULL;
    if (lab->node[from].is_stalled)
        sg_lab_mail_hold(lab, &lab->node[from].out, slot);
    else
        sg_lab_mail_dispatch(lab, slot);
    lab->result->messages++;
    return mail;
}

void sg_lab_mail_packet(struct sg_lab_swim *lab, uint32_t from, const struct sg_swim_out *o,
                        const struct sg_swim_outbox *out)
{
    struct sg_lab_mail *mail = compose(lab, from, sg_lab_index(&o->peer), SG_LAB_SWIM_PACKET);
    if (mail == NULL)
        return;
    if (lab->node[from].is_stalled && lab->config->block == SG_LAB_BLOCK_PROBE &&
        (o->packet == SG_SWIM_PING || o->packet == SG_SWIM_PING_REQ))
        lab->node[from].is_frozen = true;
    mail->packet.kind = o->packet;
    mail->packet.seq = o->seq;
    mail->packet.target = o->target;
    mail->packet.count = o->rumor_count;
    memcpy(mail->packet.rumor, &out->rumor[o->rumor_at],
           o->rumor_count * sizeof(*mail->packet.rumor));
    lab->result->bytes += 6u + (o->packet == SG_SWIM_PING_REQ ? SG_ID_LEN : 0u);
    for (uint8_t i = 0; i < o->rumor_count; i++)
        lab->result->bytes += sg_swim_rumor_len(&mail->packet.rumor[i], NULL);
}

void sg_lab_mail_table(struct sg_lab_swim *lab, uint32_t from, const struct sg_swim_out *o)
{
    const struct sg_mem *mem = lab->config->mem;
    for (uint32_t part = 0;; part++) {
        struct sg_swim_table *table = sg_mem_new(mem, 1, sizeof(*table));
        if (table == NULL)
            lab->net.err = SG_ERR_NO_MEMORY;
        if (table == NULL || !sg_swim_table(lab->node[from].m, part, table)) {
            sg_mem_free(mem, table);
            return;
        }
        table->wants_reply = o->wants_reply && part == 0;
        struct sg_lab_mail *mail = compose(lab, from, sg_lab_index(&o->peer), SG_LAB_SWIM_TABLE);
        if (mail == NULL) {
            sg_mem_free(mem, table);
            return;
        }
        mail->table = table;
        lab->result->bytes += 4 + table->count * (uint64_t)(SG_ID_LEN + 10);
    }
}

void sg_lab_mail_record(struct sg_lab_swim *lab, uint32_t at, uint32_t subject,
                        sg_incarnation incarnation)
{
    const struct sg_lab_member *node = &lab->node[at];
    for (uint32_t i = 0; i < node->watched_count; i++) {
        struct sg_lab_mail *mail = compose(lab, at, node->watched[i], SG_LAB_SWIM_RECORD);
        if (mail == NULL)
            return;
        mail->subject = subject;
        mail->incarnation = incarnation;
    }
}
