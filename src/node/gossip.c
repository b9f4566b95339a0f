/* Payload messages: the order of work on a copy, and pushing held messages.
 *
 * Cheap checks first (protocol.md s4): limits -> seen, or waiting for its root's verification? ->
 * time and replay window -> leaf below its root -> root cached, else verify -> deliver -> forward.
 * A duplicate is never verified, an unverified message is never forwarded. */
#include "node/internal.h"

struct sg_buf *sg_gossip_frame(const struct sg_core *core, const struct sg_topic_id *topic,
                               const struct sg_gossip *msg)
{
    struct sg_frame_head head = {.family = SG_FAMILY_PLUMTREE, .scope = *topic};
    struct sg_writer w;
    struct sg_buf *frame = sg_frame_begin(core, &head, 160 + msg->payload.len, &w);
    if (frame != NULL)
        sg_gossip_encode(&w, msg);
    return sg_frame_end(frame, &w);
}

struct sg_buf *sg_gossip_next(const struct sg_core *core, struct sg_bytes frame, uint8_t hop)
{
    struct sg_buf *next = sg_buf_copy(core->config.mem, frame);
    if (next == NULL)
        return NULL;
    struct sg_reader r = sg_frame_body(next);
    next->data[next->len - r.left] = hop;
    return sg_share(core, next);
}

struct sg_buf *sg_root_frame(const struct sg_core *core, const struct sg_root *root)
{
    struct sg_frame_head head = {.family = SG_FAMILY_PLUMTREE};
    struct sg_writer w;
    size_t room = 16 + SG_ID_LEN * (1 + (size_t)root->count) + root->signature.len;
    struct sg_buf *frame = sg_frame_begin(core, &head, room, &w);
    if (frame != NULL)
        sg_root_encode(&w, root);
    return sg_frame_end(frame, &w);
}

struct sg_buf *sg_key_frame(const struct sg_core *core, struct sg_bytes public_key)
{
    struct sg_frame_head head = {.family = SG_FAMILY_PLUMTREE};
    struct sg_writer w;
    struct sg_buf *frame = sg_frame_begin(core, &head, 8 + public_key.len, &w);
    if (frame != NULL)
        sg_key_encode(&w, public_key);
    return sg_frame_end(frame, &w);
}

/* ---- pushing ---- */

#define SENT_MIN 4

static bool grow_sent(const struct sg_core *core, struct sg_sent *sent, uint16_t max)
{
    uint16_t cap = sent->cap == 0 ? SENT_MIN : (uint16_t)(2 * sent->cap);
    if (cap > max)
        return false;
    uint64_t *tags = sg_mem_resize(core->config.mem, sent->tags, cap, sizeof(*tags));
    if (tags == NULL)
        return false;
    memset(tags + sent->cap, 0, (size_t)(cap - sent->cap) * sizeof(*tags));
    sent->tags = tags;
    sent->cap = cap;
    return true;
}

/* Whether tag is not yet among what was sent over a link; from then on it is, unless there is no
 * memory: sent once too often does no harm. */
static bool is_news(const struct sg_core *core, struct sg_sent *sent, uint16_t max, uint64_t tag)
{
    for (uint16_t i = 0; i < sent->cap; i++) {
        if (sent->tags[i] == tag)
            return false;
    }
    if (sent->next == sent->cap && !grow_sent(core, sent, max))
        sent->next = 0;
    if (sent->cap > 0)
        sent->tags[sent->next++] = tag;
    return true;
}

/* What went in one class waits there: a message of another one could overtake it. */
static uint64_t in_class(uint64_t tag, enum sg_flow_class klass)
{
    return tag + (uint64_t)klass;
}

/* Whether the key has to go in front; from then on it counts as sent. */
static bool key_is_news(struct sg_core *core, struct sg_link *link, const struct sg_held *held,
                        enum sg_flow_class klass)
{
    struct sg_link_proofs *proofs = sg_link_proofs(core, link);
    return proofs == NULL || is_news(core, &proofs->keys_sent, SG_LINK_KEYS_MAX,
                                     in_class(sg_tag_of(held->author.b), klass));
}

static uint64_t root_tag(const struct sg_held *held)
{
    struct sg_reader r = sg_frame_body(held->root);
    struct sg_bytes root = sg_read_bytes(&r, SG_ID_LEN);
    return sg_tag_of(root.data);
}

/* The same for the root. A lone message's serves nobody else: it goes with every copy. */
static bool root_is_news(struct sg_core *core, struct sg_link *link, const struct sg_held *held,
                         enum sg_flow_class klass)
{
    struct sg_link_proofs *proofs = sg_link_proofs(core, link);
    return proofs == NULL || !held->is_batched ||
           is_news(core, &proofs->roots_sent, SG_LINK_ROOTS_SENT_MAX,
                   in_class(root_tag(held), klass));
}

static void forget(struct sg_sent *sent, uint64_t tag)
{
    for (uint16_t i = 0; i < sent->cap; i++)
        sent->tags[i] = sent->tags[i] - tag < SG_FLOW_CLASS_COUNT ? 0 : sent->tags[i];
}

void sg_push_proof_dropped(struct sg_link *link, const struct sg_msg_id *what)
{
    if (link->proofs == NULL)
        return;
    forget(&link->proofs->roots_sent, sg_tag_of(what->b));
    forget(&link->proofs->keys_sent, sg_tag_of(what->b));
}

static void send_part(struct sg_core *core, const struct sg_peer_id *peer,
                      struct sg_frame_wait part)
{
    part.lane = SG_LANE_PUBSUB;
    part.droppable = true;
    (void)sg_buf_ref(part.buf);
    sg_link_send(core, peer, &part);
}

/* The frame with another hop count: most pushes use the one that is held. */
static struct sg_buf *with_hop(struct sg_core *core, struct sg_held *held, uint8_t hop)
{
    if (held->hop == hop)
        return sg_buf_ref(held->gossip);
    return sg_gossip_next(core, sg_buf_bytes(held->gossip), hop);
}

/* Of the base scope, as the next one: so they are told from messages. */
static void send_root(struct sg_core *core, const struct sg_peer_id *peer,
                      const struct sg_held *held, enum sg_flow_class klass)
{
    struct sg_frame_wait part = {.buf = held->root, .klass = klass};
    struct sg_reader r = sg_frame_body(held->root);
    sg_read_copy(&r, part.id.b, SG_ID_LEN);
    core->stats.roots_sent++;
    send_part(core, peer, part);
}

static void send_key(struct sg_core *core, const struct sg_peer_id *peer,
                     const struct sg_held *held, enum sg_flow_class klass)
{
    struct sg_frame_wait part = {.buf = held->key, .klass = klass};
    memcpy(part.id.b, held->author.b, SG_ID_LEN);
    core->stats.keys_sent++;
    send_part(core, peer, part);
}

struct how {
    uint8_t hop; /* to write into it */
    enum sg_flow_class klass;
};

static void push(struct sg_core *core, const struct sg_scope *scope, const struct sg_peer_id *peer,
                 struct sg_held *held, struct how how)
{
    const enum sg_flow_class klass = how.klass;
    struct sg_link *link = sg_link_find(core, peer);
    if (link == NULL)
        return;
    struct sg_buf *frame = with_hop(core, held, how.hop);
    if (frame == NULL)
        return;
    if (key_is_news(core, link, held, klass))
        send_key(core, peer, held, klass);
    sg_trace(&core->config.trace, SG_TRACE_PUSH, peer->b, held->id.b, how.hop);
    if (root_is_news(core, link, held, klass))
        send_root(core, peer, held, klass);
    send_part(core, peer,
              (struct sg_frame_wait){
                  .buf = frame, .topic = scope->topic, .id = held->id, .klass = klass});
    core->stats.payload_bytes_out += frame->len;
    sg_buf_unref(frame);
}

void sg_push(struct sg_core *core, struct sg_scope *scope, const struct sg_peer_id *peer,
             const struct sg_msg_id *id, uint8_t hop)
{
    struct sg_held *held = sg_held_find(scope, id);
    const struct sg_pt_out no = {.kind = SG_PT_OUT_DONTHAVE, .peer = *peer, .id = *id};
    if (held != NULL)
        push(core, scope, peer, held, (struct how){hop, scope->klass});
    else
        sg_send_pt(core, scope, &no);
}

void sg_push_past(struct sg_core *core, struct sg_scope *scope, const struct sg_peer_id *peer,
                  struct sg_held *held)
{
    push(core, scope, peer, held, (struct how){held->hop, SG_FLOW_BULK});
}

void sg_push_proof(struct sg_core *core, struct sg_scope *scope, struct sg_link *link,
                   const struct sg_msg_id *id)
{
    struct sg_held *held = sg_held_find(scope, id);
    if (held == NULL)
        return;
    if (link->proofs != NULL) {
        forget(&link->proofs->keys_sent, sg_tag_of(held->author.b));
        forget(&link->proofs->roots_sent, root_tag(held));
    }
    push(core, scope, &link->peer, held, (struct how){held->hop, scope->klass});
}

/* ---- receiving ---- */

/* Messages that came in time prove this node's clock for so long. */
#define IN_TIME_NS (300 * SG_NS_PER_S)

/* By its signed time; 0 of one from the future. */
static uint64_t age_ms(const struct sg_core *core, const struct sg_gossip *msg)
{
    return core->wall_ms > msg->time_ms ? core->wall_ms - msg->time_ms : 0;
}

/* What neighbours keep, or by how much clocks differ: older than that a message was not missed, it
 * is played again, whatever expiry its author gave it. */
static uint64_t age_max_ms(const struct sg_core *core)
{
    uint64_t kept_ms = core->config.retention_ns / SG_NS_PER_MS;
    return kept_ms > core->config.skew_ms ? kept_ms : core->config.skew_ms;
}

static sg_err check_time(const struct sg_core *core, const struct sg_gossip *msg)
{
    const struct sg_core_config *config = &core->config;
    if (msg->expiry_ms < msg->time_ms || msg->expiry_ms - msg->time_ms > config->ttl_max_ms)
        return SG_ERR_MALFORMED;
    if (msg->time_ms > core->wall_ms && msg->time_ms - core->wall_ms > config->skew_ms)
        return SG_ERR_FUTURE;
    bool is_over = sg_is_over(core->wall_ms, msg->expiry_ms);
    return is_over || age_ms(core, msg) > age_max_ms(core) ? SG_ERR_EXPIRED : SG_OK;
}

/* So old that no honest relay took it for a new one, its clock and this one being wrong by as much
 * as they may. When nothing has come in time lately, it may be this clock that is worse. */
static void charge_ancient(struct sg_core *core, struct sg_link *link, const struct sg_gossip *msg)
{
    bool is_ancient = age_ms(core, msg) > age_max_ms(core) + 2 * core->config.skew_ms;
    bool is_sure = core->in_time_at > 0 && sg_time_since(core->now, core->in_time_at) < IN_TIME_NS;
    if (is_ancient && is_sure)
        sg_charge(core, link, SG_CHARGE_FLOOD);
}

static void ask_for_proof(struct sg_core *core, const struct sg_link *link,
                          const struct sg_scope *scope, const struct sg_msg_id *id)
{
    struct sg_frame_head head = {.family = SG_FAMILY_PLUMTREE, .scope = scope->topic};
    struct sg_writer w;
    struct sg_buf *frame = sg_frame_begin(core, &head, 64, &w);
    core->stats.proofs_wanted++;
    sg_trace(&core->config.trace, SG_TRACE_PROOF_WANT, link->peer.b, id->b, 0);
    if (frame != NULL)
        sg_proof_want_encode(&w, id);
    sg_frame_send(core, &link->peer, SG_LANE_PUBSUB, &scope->topic, sg_frame_end(frame, &w));
}

void sg_deliver(struct sg_core *core, const struct sg_scope *scope,
                const struct sg_peer_id *last_hop, const struct sg_held *held)
{
    struct sg_reader r = sg_frame_body(held->gossip);
    struct sg_gossip msg;
    if (scope->subscriptions == 0)
        return;
    if (sg_gossip_decode(&r, &msg) != SG_OK)
        return;
    bool is_own = sg_peer_id_equal(last_hop, &core->config.self);
    struct sg_core_out out = {.kind = SG_CORE_OUT_DELIVER,
                              .topic = scope->topic,
                              .id = held->id,
                              .buf = sg_buf_ref(held->gossip)};
    out.message.author = msg.author;
    out.message.last_hop = *last_hop;
    out.message.sequence = msg.sequence;
    out.message.time_ms = msg.time_ms;
    out.message.hops = (uint8_t)(held->hop - 1); /* the held frame is for the next hop */
    out.message.payload = msg.payload;
    if (!is_own)
        core->stats.delivered++;
    sg_trace(&core->config.trace, SG_TRACE_DELIVER, last_hop->b, held->id.b, out.message.hops);
    sg_emit(core, &out);
}

/* What is too old is never asked for again: its id is the hash of its content. But anybody can make
 * up such content, so it is remembered only if it was waited for. */
static void never_again(struct sg_core *core, struct sg_scope *scope, const struct sg_peer_id *peer,
                        const struct sg_msg_id *id)
{
    struct sg_pt_in in = {.kind = SG_PT_IN_REFUSED, .peer = *peer, .id = *id, .hop = 1};
    if (sg_pt_is_missing(scope->pt, id))
        (void)sg_scope_pt(core, scope, &in);
}

/* What came and could not be looked at counts as announced: it is asked for after a while. */
static void is_announced(struct sg_core *core, struct sg_scope *scope,
                         const struct sg_peer_id *peer, const struct sg_msg_id *id,
                         bool is_postponed)
{
    struct sg_pt_have have = {.id = *id, .hop = 1};
    struct sg_pt_in in = {.kind = SG_PT_IN_IHAVE, .peer = *peer, .have = &have, .count = 1};
    in.is_postponed = is_postponed;
    (void)sg_scope_pt(core, scope, &in);
}

/* The link's budget of verifications is used up, which is no fault of the peer: many authors may
 * publish at once. */
static void verify_later(struct sg_core *core, struct sg_scope *scope,
                         const struct sg_peer_id *peer, const struct sg_msg_id *id)
{
    core->stats.refused_overload++;
    sg_trace(&core->config.trace, SG_TRACE_REFUSE, peer->b, id->b, (uint64_t)-SG_ERR_LIMIT);
    is_announced(core, scope, peer, id, true);
}

/* One answer brings the root for all messages below it, and this message; those behind it wait for
 * the root like any announcement. A peer without the proof of what it sends owes it: unlike with a
 * budget of ours that is used up, its promises stand. */
static void without_proof(struct sg_core *core, struct sg_link *link, struct sg_scope *scope,
                          const struct sg_arrival *a)
{
    if (sg_proof_may_ask(core, link, a->root))
        ask_for_proof(core, link, scope, &a->id);
    else if (a->is_past)
        sg_backfill_again(core, scope);
    else
        is_announced(core, scope, &link->peer, &a->id, false);
}

void sg_gossip_refuse(struct sg_core *core, struct sg_scope *scope, const struct sg_peer_id *peer,
                      const struct sg_msg_id *id, sg_err err)
{
    struct sg_link *link = sg_link_find(core, peer);
    if (err == SG_ERR_LIMIT && sg_backfill_expects(scope, peer, id))
        sg_backfill_again(core, scope);
    else if (err == SG_ERR_LIMIT)
        verify_later(core, scope, peer, id);
    else if (sg_err_class_of(err) == SG_ERR_CLASS_PEER && link != NULL) {
        sg_note_invalid(core, scope, peer, err);
        sg_refuse(core, link, id, err);
    }
    /* one from the future comes by back-fill when its time has come */
    if (err == SG_ERR_EXPIRED || err == SG_ERR_FUTURE)
        never_again(core, scope, peer, id);
}

/* Whether nothing remembers it any more if it was accepted before: the history does not reach so
 * far, the windows of its author were given up since, and who saw it when it was new has forgotten
 * its id. All three: on a busy topic the history may reach back for less than a message needs to
 * come, and authors come and go. */
static bool is_forgotten(const struct sg_core *core, const struct sg_scope *scope,
                         const struct sg_gossip *msg)
{
    uint32_t slot = sg_slot_of(msg->time_ms);
    return sg_windows_is_lost(&scope->windows, &msg->author, slot) &&
           slot < sg_history_floor(core, scope) &&
           age_ms(core, msg) > core->config.pt.seen_ns / SG_NS_PER_MS;
}

/* From its floor on the history is complete: an old message that is not in it is new, whatever came
 * since. Of what is older nobody knows whether it was had. */
static sg_err check_number(const struct sg_core *core, const struct sg_scope *scope,
                           const struct sg_copy *from, const struct sg_gossip *msg)
{
    const struct sg_windows *windows = &scope->windows;
    if (from->is_past && sg_slot_of(msg->time_ms) < sg_history_floor(core, scope))
        return SG_ERR_EXPIRED;
    if (from->is_past && sg_windows_is_below(windows, &msg->author, msg->sequence))
        return sg_history_is_torn(scope, sg_slot_of(msg->time_ms)) ? SG_ERR_EXPIRED : SG_OK;
    if (msg->time_ms < scope->unread_ms || is_forgotten(core, scope, msg))
        return SG_ERR_EXPIRED;
    return sg_windows_is_new(windows, &msg->author, msg->sequence) ? SG_OK : SG_ERR_EXPIRED;
}

sg_err sg_gossip_accept(struct sg_core *core, struct sg_scope *scope, const struct sg_copy *from,
                        uint64_t sequence, struct sg_held *held)
{
    struct sg_reader r = sg_frame_body(held->gossip);
    struct sg_gossip msg;
    SG_TRY(sg_gossip_decode(&r, &msg));
    SG_TRY(check_number(core, scope, from, &msg));
    if (from->is_past)
        return sg_backfill_accept(core, scope, from, &msg, held);
    SG_TRY(sg_pt_reserve(scope->pt));
    SG_TRY(sg_windows_accept(&scope->windows, core->config.mem, &held->author, sequence,
                             sg_slot_of(msg.time_ms)));
    SG_TRY(sg_hold(core, scope, held));
    struct sg_msg_id id = held->id;
    const bool is_large = held->is_large;
    *held = (struct sg_held){0}; /* the store owns the references now */
    core->in_time_at = core->now;
    if (!is_large)
        sg_deliver(core, scope, &from->peer, sg_store_get(&scope->store, &id));
    /* from a peer that is no neighbour (its DISCONNECT crossed) the message is good all the same */
    bool is_neighbor = sg_hpv_is_active(&scope->hpv, &from->peer);
    struct sg_pt_in in = {.kind = is_neighbor ? SG_PT_IN_GOSSIP : SG_PT_IN_BROADCAST,
                          .peer = from->peer,
                          .id = id,
                          .hop = from->hop};
    sg_err err = sg_scope_pt(core, scope, &in);
    const struct sg_held *kept = is_large ? sg_store_get(&scope->store, &id) : NULL;
    if (kept != NULL)
        sg_large_start(core, scope, &from->peer, kept);
    return err;
}

bool sg_gossip_is_known(const struct sg_scope *scope, const struct sg_msg_id *id)
{
    return sg_pt_known(scope->pt, id) != SG_PT_UNKNOWN || sg_history_knows(scope, id);
}

void sg_gossip_duplicate(struct sg_core *core, struct sg_scope *scope, const struct sg_copy *copy,
                         const struct sg_msg_id *id)
{
    struct sg_pt_in in = {
        .kind = SG_PT_IN_DUPLICATE, .peer = copy->peer, .id = *id, .hop = copy->hop};
    if (copy->is_past)
        return; /* it was asked for, which says nothing about the tree */
    sg_trace(&core->config.trace, SG_TRACE_DUPLICATE, copy->peer.b, id->b, copy->hop);
    (void)sg_scope_pt(core, scope, &in);
}

static void find_root(const struct sg_core *core, struct sg_arrival *a)
{
    const struct sg_leaves leaf = {.ids = a->id.b, .count = 1};
    if (a->msg.batch_count > 1)
        memcpy(a->root, a->msg.root, SG_ID_LEN);
    else
        sg_batch_root(core, &a->msg.author, &leaf, a->root);
}

/* A lone message's ROOT comes with every copy and serves no other: it has served. */
static void drop_lone_root(struct sg_core *core, struct sg_link *link, struct sg_arrival *a)
{
    if (a->msg.batch_count > 1 || !sg_proof_is_waiting(link))
        return;
    find_root(core, a);
    sg_proof_drop(link, a->root);
}

static struct sg_copy copy_of(const struct sg_link *link, const struct sg_arrival *a)
{
    return (struct sg_copy){.peer = link->peer, .hop = a->msg.hop, .is_past = a->is_past};
}

/* While its root is being verified a large message need not come again. */
static void is_coming(struct sg_core *core, struct sg_scope *scope, const struct sg_arrival *a,
                      struct sg_bytes frame, const struct sg_copy *copy)
{
    const struct sg_pt_in in = {.kind = SG_PT_IN_ARRIVING, .peer = copy->peer, .id = a->id};
    if (frame.len > SG_PT_DONTWANT_LEN && !copy->is_past)
        (void)sg_scope_pt(core, scope, &in); /* no neighbour: it crossed with a DISCONNECT */
}

/* A message that was not seen before. */
static sg_err receive_new(struct sg_core *core, struct sg_link *link, struct sg_scope *scope,
                          const struct sg_arrival *a, struct sg_bytes frame)
{
    struct sg_held held = {.id = a->id,
                           .author = a->msg.author,
                           .hop = sg_hop_after(a->msg.hop),
                           .is_batched = a->msg.batch_count > 1,
                           .is_large = a->msg.is_large};
    const struct sg_copy copy = copy_of(link, a);
    sg_err err = check_time(core, &a->msg);
    if (err == SG_ERR_EXPIRED)
        charge_ancient(core, link, &a->msg);
    SG_TRY(err);
    SG_TRY(check_number(core, scope, &copy, &a->msg));
    err = sg_proof_check(core, link, a, &held);
    if (err == SG_ERR_WOULD_BLOCK) {
        SG_TRY(sg_check_wait(core, link, scope, a, frame));
        is_coming(core, scope, a, frame, &copy);
        return SG_OK;
    }
    if (err == SG_OK) {
        held.gossip = sg_gossip_next(core, frame, held.hop);
        err = held.gossip == NULL ? SG_ERR_NO_MEMORY : SG_OK;
    }
    if (err == SG_OK)
        err = sg_gossip_accept(core, scope, &copy, a->msg.sequence, &held);
    sg_held_drop(&held);
    return err;
}

void sg_gossip_receive(struct sg_core *core, struct sg_link *link, struct sg_scope *scope,
                       struct sg_reader *r, struct sg_bytes frame)
{
    struct sg_arrival a;
    sg_err err = sg_gossip_decode(r, &a.msg);
    if (err != SG_OK) {
        sg_note_invalid(core, scope, &link->peer, err);
        sg_refuse(core, link, NULL, err);
        return;
    }
    sg_message_id(core, &scope->topic, &a.msg, &a.id);
    a.is_past = sg_backfill_expects(scope, &link->peer, &a.id);
    a.is_strange = !a.is_past && !sg_hpv_is_active(&scope->hpv, &link->peer);
    if (sg_gossip_is_known(scope, &a.id)) {
        const struct sg_copy copy = copy_of(link, &a);
        drop_lone_root(core, link, &a);
        sg_gossip_duplicate(core, scope, &copy, &a.id);
        return;
    }
    find_root(core, &a);
    if (core->checks.count > 0 && sg_check_is_copy(core, link, &a)) {
        drop_lone_root(core, link, &a);
        return;
    }
    core->stats.payload_bytes_in += a.msg.payload.len;
    err = receive_new(core, link, scope, &a, frame);
    drop_lone_root(core, link, &a);
    if (err == SG_ERR_NOT_FOUND)
        without_proof(core, link, scope, &a);
    else if (err != SG_OK)
        sg_gossip_refuse(core, scope, &link->peer, &a.id, err);
}
