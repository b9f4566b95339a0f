/* Payload messages: the order of work on a copy, and pushing held messages.
 *
 * Cheap checks first (protocol.md s4): limits -> seen? -> time and replay window -> path -> root
 * cached, else verify -> deliver -> forward. A duplicate is never verified, an unverified message
 * is never forwarded. */
#include "node/internal.h"

struct sg_buf *sg_gossip_frame(const struct sg_core *core, const struct sg_scope *scope,
                               const struct sg_gossip *msg)
{
    struct sg_frame_head head = {.family = SG_FAMILY_PLUMTREE, .scope = scope->topic};
    struct sg_writer w;
    size_t room = 128 + (size_t)msg->path_len * SG_ID_LEN + msg->payload.len;
    struct sg_buf *frame = sg_frame_begin(core, &head, room, &w);
    if (frame != NULL)
        sg_gossip_encode(&w, msg);
    return sg_frame_end(frame, &w);
}

struct sg_buf *sg_root_frame(const struct sg_core *core, const uint8_t root[SG_ID_LEN],
                             struct sg_bytes signature)
{
    struct sg_frame_head head = {.family = SG_FAMILY_PLUMTREE};
    struct sg_writer w;
    struct sg_buf *frame = sg_frame_begin(core, &head, 8 + SG_ID_LEN + signature.len, &w);
    if (frame != NULL)
        sg_root_encode(&w, root, signature);
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

static uint64_t author_tag(const struct sg_peer_id *author)
{
    uint64_t tag;
    memcpy(&tag, author->b, sizeof(tag));
    return tag == 0 ? 1 : tag;
}

/* Whether the key has to go in front; from then on it counts as sent. */
static bool key_is_news(struct sg_core *core, struct sg_link *link, const struct sg_peer_id *author)
{
    uint64_t tag = author_tag(author);
    struct sg_link_proofs *proofs = sg_link_proofs(core, link);
    if (proofs == NULL)
        return true; /* sent once too often does no harm */
    for (size_t i = 0; i < SG_LINK_KEYS_MAX; i++) {
        if (proofs->keys_sent[i] == tag)
            return false;
    }
    proofs->keys_sent[proofs->keys_next] = tag;
    proofs->keys_next = (uint8_t)((proofs->keys_next + 1) % SG_LINK_KEYS_MAX);
    return true;
}

static void send_part(struct sg_core *core, const struct sg_scope *scope,
                      const struct sg_peer_id *peer, struct sg_frame_wait part)
{
    part.topic = scope->topic;
    part.lane = SG_LANE_PUBSUB;
    (void)sg_buf_ref(part.buf);
    sg_link_send(core, peer, &part);
}

/* The frame with another hop count: most pushes use the one that is held. */
static struct sg_buf *with_hop(struct sg_core *core, const struct sg_scope *scope,
                               struct sg_held *held, uint8_t hop)
{
    if (held->hop == hop)
        return sg_buf_ref(held->gossip);
    struct sg_reader r = sg_frame_body(held->gossip);
    struct sg_gossip msg;
    if (sg_gossip_decode(&r, &msg) != SG_OK)
        return NULL;
    msg.hop = hop;
    return sg_gossip_frame(core, scope, &msg);
}

static void push(struct sg_core *core, struct sg_scope *scope, const struct sg_peer_id *peer,
                 struct sg_held *held, uint8_t hop)
{
    struct sg_link *link = sg_link_find(core, peer);
    if (link == NULL)
        return;
    struct sg_buf *frame = with_hop(core, scope, held, hop);
    if (frame == NULL)
        return;
    if (key_is_news(core, link, &held->author)) {
        core->stats.keys_sent++;
        send_part(core, scope, peer, (struct sg_frame_wait){.buf = held->key});
    }
    sg_trace(&core->config.trace, SG_TRACE_PUSH, peer->b, held->id.b, hop);
    send_part(core, scope, peer, (struct sg_frame_wait){.buf = held->root, .droppable = true});
    send_part(core, scope, peer,
              (struct sg_frame_wait){.buf = frame, .id = held->id, .droppable = true});
    core->stats.payload_bytes_out += frame->len;
    sg_buf_unref(frame);
}

void sg_push(struct sg_core *core, struct sg_scope *scope, const struct sg_peer_id *peer,
             const struct sg_msg_id *id, uint8_t hop)
{
    struct sg_held *held = sg_store_get(&scope->store, id);
    if (held != NULL) /* else it went early, for want of memory (sg_hold) */
        push(core, scope, peer, held, hop);
}

void sg_push_past(struct sg_core *core, struct sg_scope *scope, const struct sg_peer_id *peer,
                  struct sg_held *held)
{
    push(core, scope, peer, held, held->hop);
}

void sg_push_proof(struct sg_core *core, struct sg_scope *scope, struct sg_link *link,
                   const struct sg_msg_id *id)
{
    struct sg_held *held = sg_store_get(&scope->store, id);
    if (held == NULL)
        held = sg_history_get(scope, id);
    if (held == NULL)
        return;
    /* each answer costs what a verification would: the same budget bounds it */
    if (!sg_bucket_take(&link->verify, core->now, core->config.verify_rate,
                        core->config.verify_burst))
        return;
    uint64_t tag = author_tag(&held->author);
    for (size_t i = 0; link->proofs != NULL && i < SG_LINK_KEYS_MAX; i++) {
        if (link->proofs->keys_sent[i] == tag)
            link->proofs->keys_sent[i] = 0;
    }
    push(core, scope, &link->peer, held, held->hop);
}

/* ---- receiving ---- */

static sg_err check_time(const struct sg_core *core, const struct sg_gossip *msg)
{
    const struct sg_core_config *config = &core->config;
    if (msg->expiry_ms < msg->time_ms || msg->expiry_ms - msg->time_ms > config->ttl_max_ms)
        return SG_ERR_MALFORMED;
    if (msg->time_ms > core->wall_ms && msg->time_ms - core->wall_ms > config->skew_ms)
        return SG_ERR_FUTURE;
    /* expired for certain, and older than what neighbours keep: then it was not missed, it is
     * played again */
    bool is_expired =
        core->wall_ms > msg->expiry_ms && core->wall_ms - msg->expiry_ms > config->skew_ms;
    bool is_kept = msg->time_ms >= core->wall_ms ||
                   core->wall_ms - msg->time_ms <= config->retention_ns / SG_NS_PER_MS;
    if (is_expired && !is_kept)
        return SG_ERR_EXPIRED;
    return SG_OK;
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

/* What is too old is never asked for again. Its id is proved by its content. */
static void never_again(struct sg_core *core, const struct sg_link *link, struct sg_scope *scope,
                        const struct sg_msg_id *id)
{
    struct sg_pt_in in = {.kind = SG_PT_IN_REFUSED, .peer = link->peer, .id = *id, .hop = 1};
    (void)sg_scope_pt(core, scope, &in);
}

/* The link's budget of verifications is used up, which is no fault of the peer: many authors may
 * publish at once. The message counts as announced, so it is asked for again after a while. */
static void verify_later(struct sg_core *core, const struct sg_link *link, struct sg_scope *scope,
                         const struct sg_msg_id *id)
{
    struct sg_pt_have have = {.id = *id, .hop = 1};
    struct sg_pt_in in = {.kind = SG_PT_IN_IHAVE, .peer = link->peer, .have = &have, .count = 1};
    core->stats.refused_overload++;
    sg_trace(&core->config.trace, SG_TRACE_REFUSE, link->peer.b, id->b, (uint64_t)-SG_ERR_LIMIT);
    (void)sg_scope_pt(core, scope, &in);
}

/* Holds a verified message, delivers and forwards it. */
static sg_err accept(struct sg_core *core, struct sg_link *link, struct sg_scope *scope,
                     const struct sg_gossip *msg, struct sg_held *held)
{
    struct sg_gossip next = *msg;
    SG_TRY(sg_pt_reserve(scope->pt));
    next.hop = msg->hop == SG_PT_HOP_MAX ? SG_PT_HOP_MAX : (uint8_t)(msg->hop + 1);
    held->author = msg->author;
    held->hop = next.hop;
    held->gossip = sg_gossip_frame(core, scope, &next);
    if (held->gossip == NULL)
        return SG_ERR_NO_MEMORY;
    SG_TRY(sg_windows_accept(&scope->windows, core->config.mem, &msg->author, msg->sequence));
    SG_TRY(sg_hold(core, scope, held));
    struct sg_msg_id id = held->id;
    *held = (struct sg_held){0}; /* the store owns the references now */
    sg_deliver(core, scope, &link->peer, sg_store_get(&scope->store, &id));
    /* from a peer that is no neighbour (its DISCONNECT crossed) the message is good all the same */
    bool is_neighbor = sg_hpv_is_active(&scope->hpv, &link->peer);
    struct sg_pt_in in = {.kind = is_neighbor ? SG_PT_IN_GOSSIP : SG_PT_IN_BROADCAST,
                          .peer = link->peer,
                          .id = id,
                          .hop = msg->hop};
    return sg_scope_pt(core, scope, &in);
}

static void duplicate(struct sg_core *core, const struct sg_link *link, struct sg_scope *scope,
                      const struct sg_pt_have *copy)
{
    struct sg_pt_in in = {
        .kind = SG_PT_IN_DUPLICATE, .peer = link->peer, .id = copy->id, .hop = copy->hop};
    sg_trace(&core->config.trace, SG_TRACE_DUPLICATE, link->peer.b, copy->id.b, copy->hop);
    (void)sg_scope_pt(core, scope, &in);
}

void sg_gossip_receive(struct sg_core *core, struct sg_link *link, struct sg_scope *scope,
                       struct sg_reader *r)
{
    struct sg_gossip msg;
    struct sg_held held = {0};
    uint8_t root[SG_ID_LEN];
    sg_err err = sg_gossip_decode(r, &msg);
    if (err == SG_OK)
        sg_message_id(core, &scope->topic, &msg, &held.id);
    bool is_known = err == SG_OK && (sg_pt_known(scope->pt, &held.id) != SG_PT_UNKNOWN ||
                                     sg_history_get(scope, &held.id) != NULL);
    if (is_known) {
        /* an old one that was asked for says nothing about the tree */
        if (!sg_backfill_expects(scope, link, &held.id))
            duplicate(core, link, scope, &(struct sg_pt_have){held.id, msg.hop});
        return;
    }
    core->stats.payload_bytes_in += err == SG_OK ? msg.payload.len : 0;
    if (err == SG_OK)
        err = check_time(core, &msg);
    /* the history is complete, so an old message that is not in it is new, whatever came since */
    bool is_past = err == SG_OK && sg_backfill_expects(scope, link, &held.id);
    bool is_below = is_past && sg_windows_is_below(&scope->windows, &msg.author, msg.sequence);
    if (err == SG_OK && !is_below && !sg_windows_is_new(&scope->windows, &msg.author, msg.sequence))
        err = SG_ERR_EXPIRED;
    if (err == SG_OK) {
        sg_batch_root(core, &held.id, &msg, root);
        err = sg_proof_check(core, link, &msg, root, &held);
    }
    if (err == SG_OK)
        err = is_past ? sg_backfill_accept(core, link, scope, &msg, &held)
                      : accept(core, link, scope, &msg, &held);
    struct sg_msg_id id = held.id;
    sg_held_drop(&held);
    if (err == SG_ERR_NOT_FOUND)
        ask_for_proof(core, link, scope, &id);
    else if (err == SG_ERR_LIMIT)
        verify_later(core, link, scope, &id);
    else if (sg_err_class_of(err) == SG_ERR_CLASS_PEER)
        sg_refuse(core, link, &id, err);
    if (err == SG_ERR_EXPIRED)
        never_again(core, link, scope, &id);
}
