/* Publishing: a lone message is a batch of one, signed and sent at once. */
#include "node/internal.h"

#include <assert.h>

static sg_err sign(struct sg_core *core, const uint8_t root[SG_ID_LEN], struct sg_buf **frame)
{
    uint8_t signature[SG_SIG_MAX];
    const struct sg_signer *signer = &core->config.signer;
    SG_TRY(signer->sign(signer->state, sg_batch_context, sg_bytes(root, SG_ID_LEN), signature));
    core->stats.signatures_made++;
    *frame = sg_root_frame(core, root, sg_bytes(signature, signer->suite->sig_len));
    return *frame == NULL ? SG_ERR_NO_MEMORY : SG_OK;
}

/* Makes the three frames of a lone message: a batch of one. */
static sg_err compose(struct sg_core *core, const struct sg_scope *scope,
                      const struct sg_core_publish_in *in, struct sg_held *held)
{
    uint64_t ttl_ms = in->ttl_ms == 0 ? core->config.message_ttl_ms : in->ttl_ms;
    struct sg_gossip msg = {.hop = 1,
                            .author = core->config.self,
                            .sequence = (core->config.boot << 32) | (core->sequence + 1),
                            .time_ms = core->wall_ms,
                            .expiry_ms = core->wall_ms + ttl_ms,
                            .batch_count = 1,
                            .payload = in->payload};
    uint8_t root[SG_ID_LEN];
    sg_message_id(core, &scope->topic, &msg, &held->id);
    sg_batch_root(core, &held->id, &msg, root);
    held->author = core->config.self;
    held->hop = msg.hop;
    held->key = sg_buf_ref(core->own_key);
    held->gossip = sg_gossip_frame(core, scope, &msg);
    if (held->gossip == NULL)
        return SG_ERR_NO_MEMORY;
    return sign(core, root, &held->root);
}

static sg_err check_publish(const struct sg_core *core, const struct sg_core_publish_in *in)
{
    if (core->has_left)
        return SG_ERR_STOPPED;
    if (in->payload.len > SG_PAYLOAD_MAX)
        return SG_ERR_TOO_LARGE;
    bool is_base = sg_scope_is_base(&in->topic);
    return is_base || in->ttl_ms > core->config.ttl_max_ms ? SG_ERR_INVALID_ARGUMENT : SG_OK;
}

/* Composes the message and holds it; from then on it exists. */
static sg_err hold_own(struct sg_core *core, struct sg_scope *scope,
                       const struct sg_core_publish_in *in, struct sg_msg_id *id)
{
    struct sg_held held = {0};
    const struct sg_mem *mem = core->config.mem;
    uint64_t sequence = (core->config.boot << 32) | (core->sequence + 1);
    sg_err err = compose(core, scope, in, &held);
    if (err == SG_OK)
        err = sg_pt_reserve(scope->pt);
    /* an own message that comes back after the seen set forgot it is a replay as well */
    if (err == SG_OK)
        err = sg_windows_accept(&scope->windows, mem, &core->config.self, sequence);
    if (err == SG_OK)
        err = sg_hold(core, scope, &held);
    if (err != SG_OK) {
        sg_held_drop(&held);
        return err;
    }
    core->sequence++;
    *id = held.id;
    return SG_OK;
}

static void announce_own(struct sg_core *core, struct sg_scope *scope, const struct sg_msg_id *id,
                         struct sg_core_publish *result)
{
    struct sg_pt_in broadcast = {.kind = SG_PT_IN_BROADCAST, .id = *id};
    uint64_t before = sg_pt_stats(scope->pt)->payloads_sent;
    sg_err err = sg_scope_pt(core, scope, &broadcast);
    assert(err == SG_OK); /* a new sequence number gives a new id, and room is reserved */
    (void)err;
    uint64_t pushed = sg_pt_stats(scope->pt)->payloads_sent - before;
    *result = (struct sg_core_publish){.id = *id,
                                       .sequence = (core->config.boot << 32) | core->sequence,
                                       .neighbors = scope->hpv.active_count,
                                       .pushed = (uint32_t)pushed,
                                       .announced = scope->hpv.active_count - (uint32_t)pushed};
}

sg_err sg_core_publish(struct sg_core *core, sg_time_ns now, const struct sg_core_publish_in *in,
                       struct sg_core_publish *result, struct sg_core_outbox *out)
{
    struct sg_msg_id id;
    SG_TRY(check_publish(core, in));
    sg_core_begin(core, now, in->wall_ms, out);
    struct sg_scope *scope = sg_scope_find(core, &in->topic);
    sg_err err = scope == NULL ? sg_scope_open(core, &in->topic, &scope) : SG_OK;
    if (err == SG_OK)
        err = hold_own(core, scope, in, &id);
    if (err == SG_OK) {
        scope->linger_until = sg_time_add(core->now, core->config.scope_linger_ns);
        scope->offered_until = scope->linger_until;
        core->stats.published++;
        sg_trace(&core->config.trace, SG_TRACE_PUBLISH, NULL, id.b, in->payload.len);
        sg_deliver(core, scope, &core->config.self, sg_store_get(&scope->store, &id));
        announce_own(core, scope, &id, result);
    }
    sg_core_end(core);
    return err;
}
