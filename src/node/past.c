/* Durable topics: what is accepted is given out to be stored, and taken back after a restart.
 *
 * The store belongs to the runtime. Here a message leaves once, by STORE, with the frames that
 * prove it, and comes back by PAST before anything is heard on the topic: it enters the history and
 * its author's replay window, so that neighbours find it here, and nobody is told it a second time.
 * Signatures are not checked again, that would cost a second per 6 000 messages at each start; but
 * the id must be the message's, the root that of its batch and the key its author's, so a damaged
 * store is noticed here and not by neighbours. */
#include "crypto/ids.h"
#include "node/internal.h"

void sg_past_store(struct sg_core *core, const struct sg_scope *scope, const struct sg_held *held)
{
    struct sg_reader r = sg_frame_body(held->gossip);
    struct sg_gossip msg;
    if (scope->durables == 0 || sg_gossip_decode(&r, &msg) != SG_OK || msg.is_large)
        return;
    struct sg_core_out out = {.kind = SG_CORE_OUT_STORE,
                              .topic = scope->topic,
                              .id = held->id,
                              .buf = sg_buf_ref(held->gossip)};
    out.message.author = msg.author;
    out.message.time_ms = msg.time_ms;
    out.store.root = sg_buf_ref(held->root);
    out.store.key = sg_buf_ref(held->key);
    if (sg_emit(core, &out))
        return;
    sg_buf_unref(out.store.root);
    sg_buf_unref(out.store.key);
}

/* Reads a whole frame of this kind; false when it is none. */
static bool open_frame(const struct sg_buf *frame, enum sg_pt_kind kind, struct sg_frame_head *out,
                       struct sg_reader *r)
{
    struct sg_frame_head head;
    *r = sg_reader(sg_buf_bytes(frame));
    if (sg_frame_head_decode(r, &head) != SG_OK || head.family != SG_FAMILY_PLUMTREE)
        return false;
    *out = head;
    return sg_read_u8(r) == (uint8_t)kind;
}

bool sg_core_open_past(const struct sg_buf *gossip, struct sg_core_message *message)
{
    struct sg_frame_head head;
    struct sg_reader r;
    struct sg_gossip msg;
    if (!open_frame(gossip, SG_PT_GOSSIP, &head, &r) || sg_gossip_decode(&r, &msg) != SG_OK)
        return false;
    *message = (struct sg_core_message){.author = msg.author,
                                        .sequence = msg.sequence,
                                        .time_ms = msg.time_ms,
                                        .hops = (uint8_t)(msg.hop - 1), /* it is for the next hop */
                                        .payload = msg.payload};
    return true;
}

void sg_core_root_name(const struct sg_buf *frame, uint8_t root[SG_ID_LEN])
{
    struct sg_reader r = sg_frame_body(frame);
    sg_read_copy(&r, root, SG_ID_LEN);
}

bool sg_core_past(const struct sg_core *core, const struct sg_topic_id *topic, uint32_t *at,
                  struct sg_core_kept *kept)
{
    const struct sg_scope *scope = sg_scope_find(core, topic);
    const struct sg_held *held = scope == NULL ? NULL : sg_history_next(scope, 0, UINT32_MAX, at);
    while (held != NULL && held->is_large) /* only its announcement is kept */
        held = sg_history_next(scope, 0, UINT32_MAX, at);
    if (held == NULL)
        return false;
    kept->id = held->id;
    return sg_core_open_past(held->gossip, &kept->message);
}

/* Messages of one batch come with one buffer: its tree is made once. */
static bool proves(struct sg_core *core, struct sg_buf *frame, const struct sg_gossip *msg,
                   const struct sg_msg_id *id)
{
    struct sg_frame_head head;
    struct sg_reader r;
    struct sg_root root;
    uint8_t made[SG_ID_LEN];
    if (!open_frame(frame, SG_PT_ROOT, &head, &r) || sg_root_decode(&r, &root) != SG_OK ||
        root.count != msg->batch_count)
        return false;
    struct sg_leaves leaves = {.ids = root.count > 1 ? root.ids : id->b, .count = root.count};
    if (memcmp(leaves.ids + (size_t)msg->batch_index * SG_ID_LEN, id->b, SG_ID_LEN) != 0)
        return false;
    if (root.count > 1 && memcmp(root.root, msg->root, SG_ID_LEN) != 0)
        return false;
    if (frame == core->past_root)
        return true;
    sg_batch_root(core, &msg->author, &leaves, made);
    if (memcmp(made, root.root, SG_ID_LEN) != 0)
        return false;
    sg_buf_unref(core->past_root);
    core->past_root = sg_buf_ref(frame);
    return true;
}

static bool is_key_of(const struct sg_core *core, const struct sg_buf *frame,
                      const struct sg_peer_id *author)
{
    struct sg_frame_head head;
    struct sg_reader r;
    struct sg_bytes public_key;
    struct sg_peer_id name;
    if (!open_frame(frame, SG_PT_KEY, &head, &r) || sg_key_decode(&r, &public_key) != SG_OK)
        return false;
    if (sg_peer_id_from_public_key(core->config.suite, public_key, &name) != SG_OK)
        return false;
    return sg_peer_id_equal(&name, author);
}

sg_err sg_past_floor(struct sg_core *core, const struct sg_core_in *in)
{
    struct sg_scope *scope = sg_scope_find(core, &in->topic);
    if (scope == NULL)
        return SG_ERR_NOT_FOUND;
    sg_history_raise(core, scope, sg_slot_of(in->wall_ms) + 1); /* its own may not be whole */
    if (scope->unread_ms < in->wall_ms)
        scope->unread_ms = in->wall_ms;
    return SG_OK;
}

sg_err sg_past_take(struct sg_core *core, const struct sg_core_in *in)
{
    struct sg_scope *scope = sg_scope_find(core, &in->topic);
    const struct sg_core_past *past = in->past;
    struct sg_held held = {.id = in->id, .gossip = past->gossip, .root = past->root};
    struct sg_gossip msg;
    struct sg_msg_id id;
    struct sg_frame_head head;
    struct sg_reader r;
    if (scope == NULL)
        return SG_ERR_NOT_FOUND;
    if (sg_gossip_is_known(scope, &in->id))
        return SG_OK;
    if (!open_frame(past->gossip, SG_PT_GOSSIP, &head, &r) ||
        !sg_topic_id_equal(&head.scope, &in->topic) || sg_gossip_decode(&r, &msg) != SG_OK)
        return SG_ERR_CORRUPT;
    sg_message_id(core, &scope->topic, &msg, &id);
    if (!sg_msg_id_equal(&id, &in->id) || !proves(core, past->root, &msg, &id) ||
        !is_key_of(core, past->key, &msg.author))
        return SG_ERR_CORRUPT;
    held.author = msg.author;
    held.hop = msg.hop;
    held.is_batched = msg.batch_count > 1;
    held.key = sg_proof_key(core, &msg.author, past->key);
    if (sg_windows_is_new(&scope->windows, &msg.author, msg.sequence))
        SG_TRY(sg_windows_accept(&scope->windows, core->config.mem, &msg.author, msg.sequence,
                                 sg_slot_of(msg.time_ms)));
    sg_history_put(core, scope, &held);
    return SG_OK;
}
