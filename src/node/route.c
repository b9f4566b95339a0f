/* Frames in: decode, find the scope, feed the machine. Frames out: head, body, send. */
#include "node/internal.h"

#include <assert.h>

struct sg_buf *sg_frame_begin(const struct sg_core *core, const struct sg_frame_head *head,
                              size_t body_max, struct sg_writer *w)
{
    struct sg_buf *frame = sg_buf_new(core->config.mem, SG_FRAME_HEAD_MAX + body_max);
    if (frame == NULL)
        return NULL;
    *w = sg_writer(frame->data, frame->cap);
    sg_frame_head_encode(w, head);
    return frame;
}

struct sg_buf *sg_frame_end(struct sg_buf *frame, const struct sg_writer *w)
{
    if (frame == NULL)
        return NULL;
    if (sg_writer_done(w) != SG_OK) {
        sg_buf_unref(frame);
        return NULL;
    }
    frame->len = (uint32_t)w->len;
    return frame;
}

struct sg_reader sg_frame_body(const struct sg_buf *frame)
{
    struct sg_reader r = sg_reader(sg_buf_bytes(frame));
    struct sg_frame_head head;
    sg_err err = sg_frame_head_decode(&r, &head);
    assert(err == SG_OK);
    (void)err;
    (void)sg_read_u8(&r);
    return r;
}

void sg_frame_send(struct sg_core *core, const struct sg_peer_id *peer, enum sg_lane lane,
                   const struct sg_topic_id *topic, struct sg_buf *frame)
{
    struct sg_frame_wait wait = {.buf = frame, .topic = *topic, .lane = lane};
    if (frame != NULL)
        sg_link_send(core, peer, &wait);
}

/* Ids with two hints each, and a handful of flags. */
#define ENTRY_MAX (SG_ID_LEN + 1 + SG_HINTS_MAX * (SG_HINT_LEN_MAX + 1))
#define HPV_BODY_MAX (8 + SG_HPV_SHUFFLE_MAX * ENTRY_MAX)

void sg_send_hpv(struct sg_core *core, const struct sg_topic_id *topic,
                 const struct sg_peer_id *peer, const struct sg_hpv_msg *msg)
{
    struct sg_frame_head head = {.family = SG_FAMILY_HYPARVIEW, .scope = *topic};
    struct sg_hints hints[SG_HPV_SHUFFLE_MAX];
    struct sg_writer w;
    if (msg->kind == SG_HPV_SHUFFLE_REPLY && !sg_link_may_answer(core, peer))
        return;
    for (uint8_t i = 0; i < msg->count; i++)
        sg_book_get(&core->book, &msg->id[i], &hints[i]);
    struct sg_buf *frame = sg_frame_begin(core, &head, HPV_BODY_MAX, &w);
    if (frame == NULL)
        return;
    sg_hpv_msg_encode(&w, msg, hints);
    sg_frame_send(core, peer, SG_LANE_MSHIP, topic, sg_frame_end(frame, &w));
}

static struct sg_buf *ihave_frame(struct sg_core *core, const struct sg_scope *scope,
                                  const struct sg_pt_out *out)
{
    struct sg_frame_head head = {.family = SG_FAMILY_PLUMTREE, .scope = scope->topic};
    struct sg_writer w;
    struct sg_buf *frame = sg_frame_begin(core, &head, 64 + out->count * (SG_ID_LEN + 1), &w);
    if (frame == NULL)
        return NULL;
    sg_write_u8(&w, SG_PT_IHAVE);
    sg_pt_ihave_encode(&w, out->have, out->count);
    return sg_frame_end(frame, &w);
}

static bool is_same(const struct sg_announce *last, const struct sg_pt_out *out)
{
    if (last->frame == NULL || last->count != out->count)
        return false;
    for (size_t i = 0; i < out->count; i++) {
        if (last->have[i].hop != out->have[i].hop ||
            !sg_msg_id_equal(&last->have[i].id, &out->have[i].id))
            return false;
    }
    return true;
}

void sg_send_ihave(struct sg_core *core, struct sg_scope *scope, const struct sg_pt_out *out,
                   struct sg_announce *last)
{
    sg_trace(&core->config.trace, SG_TRACE_IHAVE, out->peer.b, NULL, out->count);
    if (!is_same(last, out)) {
        sg_buf_unref(last->frame);
        *last = (struct sg_announce){ihave_frame(core, scope, out), out->have, out->count};
    }
    struct sg_frame_wait wait = {.buf = last->frame,
                                 .topic = scope->topic,
                                 .lane = SG_LANE_PUBSUB,
                                 .klass = SG_FLOW_ANNOUNCE};
    if (last->frame == NULL)
        return;
    (void)sg_buf_ref(wait.buf);
    sg_link_send(core, &out->peer, &wait);
}

void sg_send_pt(struct sg_core *core, struct sg_scope *scope, const struct sg_pt_out *out)
{
    struct sg_frame_head head = {.family = SG_FAMILY_PLUMTREE, .scope = scope->topic};
    struct sg_writer w;
    struct sg_buf *frame = sg_frame_begin(core, &head, 64, &w);
    if (frame == NULL)
        return;
    if (out->kind == SG_PT_OUT_GRAFT) {
        struct sg_pt_graft graft = {.has_id = out->has_id, .id = out->id};
        sg_write_u8(&w, SG_PT_GRAFT);
        sg_pt_graft_encode(&w, &graft);
        sg_trace(&core->config.trace, SG_TRACE_GRAFT, out->peer.b, out->id.b, out->has_id);
    } else if (out->kind == SG_PT_OUT_DONTHAVE) {
        sg_write_u8(&w, SG_PT_DONTHAVE);
        sg_pt_ids_encode(&w, &out->id, 1);
        sg_trace(&core->config.trace, SG_TRACE_DONTHAVE, out->peer.b, out->id.b, 0);
    } else if (out->kind == SG_PT_OUT_DONTWANT) {
        sg_write_u8(&w, SG_PT_DONTWANT);
        sg_pt_ids_encode(&w, &out->id, 1);
        sg_trace(&core->config.trace, SG_TRACE_DONTWANT, out->peer.b, out->id.b, 0);
    } else {
        sg_write_u8(&w, SG_PT_PRUNE);
        sg_trace(&core->config.trace, SG_TRACE_PRUNE, out->peer.b, NULL, 0);
    }
    sg_frame_send(core, &out->peer, SG_LANE_PUBSUB, &scope->topic, sg_frame_end(frame, &w));
}

/* A peer that wants us in a scope we are not in is told that we are gone. */
static void answer_unknown_scope(struct sg_core *core, const struct sg_link *link,
                                 const struct sg_topic_id *topic, const struct sg_hpv_msg *msg)
{
    struct sg_hpv_msg bye = {.kind = SG_HPV_DISCONNECT, .leaving = true};
    core->stats.refused_unknown_scope++;
    if (msg->kind == SG_HPV_JOIN || msg->kind == SG_HPV_NEIGHBOR)
        sg_send_hpv(core, topic, &link->peer, &bye);
}

static void route_hpv(struct sg_core *core, struct sg_link *link, const struct sg_topic_id *topic,
                      struct sg_reader *r)
{
    struct sg_hpv_msg msg;
    struct sg_hints hints[SG_HPV_SHUFFLE_MAX];
    sg_err err = sg_hpv_msg_decode(r, &msg, hints);
    if (err != SG_OK) {
        sg_refuse(core, link, NULL, err);
        return;
    }
    if (msg.kind == SG_HPV_SHUFFLE && !sg_link_may_walk(core, link)) {
        core->stats.refused_overload++;
        return;
    }
    struct sg_scope *scope = sg_scope_find(core, topic);
    if (msg.kind == SG_HPV_DISCONNECT && msg.leaving)
        sg_adverts_doubt(core, &link->peer, topic);
    if (scope == NULL) {
        answer_unknown_scope(core, link, topic, &msg);
        return;
    }
    for (uint8_t i = 0; i < msg.count; i++) {
        if (!sg_peer_id_equal(&msg.id[i], &core->config.self))
            sg_book_learn(&core->book, &msg.id[i], &hints[i], false);
    }
    struct sg_hpv_in in = {.kind = SG_HPV_IN_MESSAGE, .peer = link->peer, .msg = &msg};
    err = sg_scope_hpv(core, scope, &in);
    if (err != SG_OK)
        sg_refuse(core, link, NULL, err);
}

static void route_ihave(struct sg_core *core, struct sg_link *link, struct sg_scope *scope,
                        struct sg_reader *r)
{
    struct sg_pt_have have[SG_PT_IHAVE_MAX];
    struct sg_pt_in in = {.kind = SG_PT_IN_IHAVE, .peer = link->peer, .have = have};
    size_t count;
    sg_err err = sg_pt_ihave_decode(r, have, &count);
    /* what came by back-fill the tree does not know of */
    for (size_t i = 0; err == SG_OK && i < count; i++) {
        if (sg_pt_known(scope->pt, &have[i].id) != SG_PT_UNKNOWN ||
            !sg_history_knows(scope, &have[i].id))
            have[in.count++] = have[i];
    }
    if (err != SG_OK)
        sg_refuse(core, link, NULL, err);
    else if (in.count > 0)
        (void)sg_scope_pt(core, scope, &in); /* no neighbour: it crossed with a DISCONNECT */
}

/* Thousandths of KiB; 0: the message is not here. */
static uint64_t cost_of(const struct sg_scope *scope, const struct sg_msg_id *id)
{
    const struct sg_held *held = sg_held_find(scope, id);
    if (held == NULL)
        return 0;
    return 1000 * ((uint64_t)held->gossip->len + held->root->len + 1023) / 1024;
}

/* A peer that asks again and again for large messages must not use up this node's upload
 * (threats.md 13). It asks somebody else, or later. */
static bool may_repair(struct sg_core *core, struct sg_link *link, uint64_t cost)
{
    const struct sg_core_config *config = &core->config;
    if (sg_bucket_level(&link->repair, core->now, config->repair_rate, config->repair_burst) <
        cost) {
        core->stats.repairs_refused++;
        return false;
    }
    return true;
}

static void route_graft(struct sg_core *core, struct sg_link *link, struct sg_scope *scope,
                        struct sg_reader *r)
{
    struct sg_pt_graft graft;
    sg_err err = sg_pt_graft_decode(r, &graft);
    if (err != SG_OK) {
        sg_refuse(core, link, NULL, err);
        return;
    }
    struct sg_pt_in in = {
        .kind = SG_PT_IN_GRAFT, .peer = link->peer, .has_id = graft.has_id, .id = graft.id};
    const uint64_t served = sg_pt_stats(scope->pt)->grafts_served;
    const uint64_t cost = graft.has_id ? cost_of(scope, &graft.id) : 0;
    in.is_over_budget = !may_repair(core, link, cost);
    in.is_kept = graft.has_id && sg_history_get(scope, &graft.id) != NULL;
    (void)sg_scope_pt(core, scope, &in);
    if (sg_pt_stats(scope->pt)->grafts_served != served) /* what is refused costs nothing */
        link->repair.milli -= cost;
}

/* DONTWANT, DONTHAVE. */
static void route_ids(struct sg_core *core, struct sg_link *link, struct sg_scope *scope,
                      struct sg_reader *r, enum sg_pt_in_kind kind)
{
    struct sg_msg_id ids[SG_PT_IDS_MAX];
    struct sg_pt_in in = {.kind = kind, .peer = link->peer};
    size_t count = 0;
    sg_err err = sg_pt_ids_decode(r, ids, &count);
    if (err != SG_OK) {
        sg_refuse(core, link, NULL, err);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        in.id = ids[i];
        (void)sg_scope_pt(core, scope, &in);
    }
}

static void route_prune(struct sg_core *core, struct sg_link *link, struct sg_scope *scope,
                        struct sg_reader *r)
{
    struct sg_pt_in in = {.kind = SG_PT_IN_PRUNE, .peer = link->peer};
    sg_err err = sg_reader_done(r);
    if (err != SG_OK)
        sg_refuse(core, link, NULL, err);
    else
        (void)sg_scope_pt(core, scope, &in);
}

static void route_proof_want(struct sg_core *core, struct sg_link *link, struct sg_scope *scope,
                             struct sg_reader *r)
{
    struct sg_msg_id id;
    sg_err err = sg_proof_want_decode(r, &id);
    if (err != SG_OK) {
        sg_refuse(core, link, NULL, err);
        return;
    }
    const uint64_t cost = cost_of(scope, &id); /* the message goes again, as for a GRAFT */
    if (cost == 0 || !may_repair(core, link, cost))
        return;
    link->repair.milli -= cost;
    sg_push_proof(core, scope, link, &id);
}

/* Kinds that belong to a scope. */
static void route_scoped(struct sg_core *core, struct sg_link *link, struct sg_scope *scope,
                         struct sg_reader *r, struct sg_bytes frame)
{
    uint8_t kind = sg_read_u8(r);
    if (kind == SG_PT_GOSSIP)
        sg_gossip_receive(core, link, scope, r, frame);
    else if (kind == SG_PT_IHAVE)
        route_ihave(core, link, scope, r);
    else if (kind == SG_PT_GRAFT)
        route_graft(core, link, scope, r);
    else if (kind == SG_PT_PRUNE)
        route_prune(core, link, scope, r);
    else if (kind == SG_PT_DONTWANT)
        route_ids(core, link, scope, r, SG_PT_IN_DONTWANT);
    else if (kind == SG_PT_DONTHAVE)
        route_ids(core, link, scope, r, SG_PT_IN_DONTHAVE);
    else if (kind == SG_PT_PROOF_WANT)
        route_proof_want(core, link, scope, r);
    else
        sg_refuse(core, link, NULL, r->err == SG_OK ? SG_ERR_MALFORMED : r->err);
}

static void route_pt(struct sg_core *core, struct sg_link *link, const struct sg_topic_id *topic,
                     struct sg_reader *r, struct sg_bytes frame)
{
    uint8_t kind = r->left > 0 ? *r->at : 0;
    if (kind == SG_PT_ROOT || kind == SG_PT_KEY) {
        (void)sg_read_u8(r);
        if (!sg_scope_is_base(topic))
            sg_refuse(core, link, NULL, SG_ERR_NOT_CANONICAL);
        else if (kind == SG_PT_ROOT)
            sg_proof_root_arrived(core, link, r, frame);
        else
            sg_proof_key_arrived(core, link, r, frame);
        return;
    }
    if (sg_scope_is_base(topic)) { /* it holds every node, and carries no payload */
        sg_refuse(core, link, NULL, SG_ERR_PROTOCOL);
        return;
    }
    struct sg_scope *scope = sg_scope_find(core, topic);
    if (scope == NULL) {
        core->stats.refused_unknown_scope++;
        return;
    }
    if (!sg_hpv_is_active(&scope->hpv, &link->peer) && sg_hpv_is_pending(&scope->hpv, &link->peer))
        sg_link_hold_early(core, link, topic, frame);
    else
        route_scoped(core, link, scope, r, frame);
}

static void route_rec(struct sg_core *core, struct sg_link *link, const struct sg_topic_id *topic,
                      struct sg_reader *r)
{
    struct sg_scope *scope = sg_scope_find(core, topic);
    if (sg_scope_is_base(topic))
        sg_refuse(core, link, NULL, SG_ERR_PROTOCOL);
    else if (scope == NULL)
        core->stats.refused_unknown_scope++;
    else
        sg_backfill_receive(core, link, scope, r);
}

static void route_large(struct sg_core *core, struct sg_link *link, const struct sg_topic_id *topic,
                        struct sg_reader *r, const struct sg_core_in *in)
{
    if (sg_scope_is_base(topic)) {
        sg_refuse(core, link, NULL, SG_ERR_PROTOCOL);
        return;
    }
    struct sg_scope *scope = sg_scope_find(core, topic);
    if (scope == NULL)
        core->stats.refused_unknown_scope++;
    else if (in->lane == SG_LANE_PUBSUB && sg_hpv_is_pending(&scope->hpv, &link->peer))
        sg_link_hold_early(core, link, topic, in->bytes);
    else
        sg_large_receive(core, link, scope, r, in);
}

static void route_doc(struct sg_core *core, struct sg_link *link, const struct sg_topic_id *topic,
                      struct sg_reader *r, const struct sg_core_in *in)
{
    struct sg_scope *scope = sg_scope_find(core, topic);
    if (sg_scope_is_base(topic))
        sg_refuse(core, link, NULL, SG_ERR_PROTOCOL);
    else if (scope == NULL)
        core->stats.refused_unknown_scope++;
    else
        sg_docflow_receive(core, link, scope, r, in);
}

static bool is_on_its_lane(const struct sg_frame_head *head, enum sg_lane lane)
{
    switch (head->family) {
    case SG_FAMILY_PLUMTREE:
    case SG_FAMILY_RECONCILE:
        return lane == SG_LANE_PUBSUB;
    case SG_FAMILY_SWIM:
        return lane == SG_LANE_MSHIP || lane == SG_LANE_DATAGRAM;
    case SG_FAMILY_LARGE:
    case SG_FAMILY_DOC:
        return lane == SG_LANE_PUBSUB || lane == SG_LANE_BULK;
    case SG_FAMILY_LINK:
    case SG_FAMILY_HYPARVIEW:
    case SG_FAMILY_TOPIC:
        return lane == SG_LANE_MSHIP;
    }
    return false;
}

void sg_route_frame(struct sg_core *core, struct sg_link *link, const struct sg_core_in *in)
{
    const struct sg_bytes frame = in->bytes;
    const enum sg_lane lane = in->lane;
    struct sg_reader r = sg_reader(frame);
    struct sg_frame_head head;
    if (link->doomed != SG_CLOSE_NONE || core->has_left)
        return;
    sg_err err = sg_frame_head_decode(&r, &head);
    if (err == SG_OK && !is_on_its_lane(&head, lane))
        err = SG_ERR_PROTOCOL;
    if (err != SG_OK) {
        sg_refuse(core, link, NULL, err);
        return;
    }
    switch (head.family) {
    case SG_FAMILY_LINK: /* HELLO is over */
        sg_refuse(core, link, NULL, SG_ERR_PROTOCOL);
        return;
    case SG_FAMILY_HYPARVIEW:
        route_hpv(core, link, &head.scope, &r);
        return;
    case SG_FAMILY_PLUMTREE:
        route_pt(core, link, &head.scope, &r, frame);
        return;
    case SG_FAMILY_SWIM:
        if (!sg_scope_is_base(&head.scope))
            sg_refuse(core, link, NULL, SG_ERR_NOT_CANONICAL);
        else if (lane == SG_LANE_DATAGRAM)
            sg_members_packet(core, link, &r);
        else
            sg_members_frame(core, link, &r, frame);
        return;
    case SG_FAMILY_RECONCILE:
        route_rec(core, link, &head.scope, &r);
        return;
    case SG_FAMILY_LARGE:
        route_large(core, link, &head.scope, &r, in);
        return;
    case SG_FAMILY_DOC:
        route_doc(core, link, &head.scope, &r, in);
        return;
    case SG_FAMILY_TOPIC:
        if (sg_scope_is_base(&head.scope))
            sg_topics_receive(core, link, &r);
        else
            sg_refuse(core, link, NULL, SG_ERR_NOT_CANONICAL);
        return;
    }
}
