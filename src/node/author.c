/* Publishing: own messages gather into batches, each batch is signed once.
 *
 * A message that comes when nothing was signed of late is signed at once: who publishes now and
 * then waits for nobody. Where signatures are made elsewhere, at once means with the TIMEOUT that
 * is due from then on, so that what a program publishes in one go is one batch. After that, for
 * linger_ns, and as long as a signature is being made, messages gather; then one signature serves
 * all of them. So the work of an author is at most one signature per linger_ns, or one per full
 * batch when that is more often, and no message waits longer than linger_ns and the signature
 * itself. Topics share batches, because the signature is what costs.
 *
 * Batches go out in the order in which they were closed. A message exists for others, and is held
 * to answer GRAFT, from the moment its batch is signed. */
#include "node/internal.h"

#include <assert.h>

/* Of the room for messages that wait for their signature, what a class may fill: who is more urgent
 * finds room behind those that are less. */
static const uint8_t ROOM_PERCENT[SG_FLOW_CLASS_COUNT] = {
    [SG_FLOW_CRITICAL] = 125, [SG_FLOW_NORMAL] = 100, [SG_FLOW_BULK] = 50};

static uint32_t ring_size(const struct sg_core *core)
{
    return core->config.sign_jobs_max + 1;
}

static struct sg_batch *batch_at(const struct sg_core *core, uint32_t nth)
{
    const struct sg_author *author = &core->author;
    return &author->batches[(author->first + nth) % ring_size(core)];
}

/* The batch that takes more messages, or NULL. */
static struct sg_batch *gathering(const struct sg_core *core)
{
    if (core->author.count == 0)
        return NULL;
    struct sg_batch *last = batch_at(core, core->author.count - 1);
    return last->job == 0 ? last : NULL;
}

static uint32_t jobs(const struct sg_core *core)
{
    return core->author.count - (gathering(core) == NULL ? 0 : 1);
}

static void own_free(struct sg_core *core, struct sg_own *own)
{
    core->author.bytes -= own->payload->len;
    sg_buf_unref(own->payload);
}

static void batch_free(struct sg_core *core, struct sg_batch *batch)
{
    for (uint32_t i = 0; i < batch->count; i++)
        own_free(core, &batch->own[i]);
    sg_buf_unref(batch->frame);
    sg_mem_free(core->config.mem, batch->own);
    *batch = (struct sg_batch){0};
}

void sg_author_fini(struct sg_core *core)
{
    for (uint32_t i = 0; i < core->author.count; i++)
        batch_free(core, batch_at(core, i));
    sg_mem_free(core->config.mem, core->author.batches);
    core->author = (struct sg_author){0};
}

/* ---- signed ---- */

static struct sg_gossip gossip_of(const struct sg_core *core, const struct sg_own *own)
{
    return (struct sg_gossip){.hop = 1,
                              .author = core->config.self,
                              .sequence = own->sequence,
                              .time_ms = own->time_ms,
                              .expiry_ms = own->expiry_ms,
                              .batch_count = 1,
                              .is_large = own->is_large,
                              .payload = sg_buf_bytes(own->payload)};
}

/* Holds the message; from then on it exists. */
static sg_err hold_own(struct sg_core *core, struct sg_scope *scope, const struct sg_batch *batch,
                       uint32_t index)
{
    const struct sg_own *own = &batch->own[index];
    struct sg_gossip msg = gossip_of(core, own);
    struct sg_held held = {.id = own->id, .author = core->config.self, .hop = 1};
    held.is_batched = batch->count > 1;
    held.is_large = own->is_large;
    msg.batch_count = (uint8_t)batch->count;
    msg.batch_index = (uint8_t)index;
    memcpy(msg.root, batch->root, SG_ID_LEN);
    held.gossip = sg_gossip_frame(core, &own->topic, &msg);
    if (held.gossip == NULL)
        return SG_ERR_NO_MEMORY;
    held.root = sg_buf_ref(batch->frame);
    held.key = sg_buf_ref(core->own_key);
    sg_err err = sg_pt_reserve(scope->pt);
    /* an own message that comes back after the seen set forgot it is a replay as well */
    if (err == SG_OK)
        err = sg_windows_accept(&scope->windows, core->config.mem, &held.author, own->sequence,
                                sg_slot_of(msg.time_ms));
    if (err == SG_OK)
        err = sg_hold(core, scope, &held);
    if (err != SG_OK)
        sg_held_drop(&held);
    return err;
}

static sg_err send_own(struct sg_core *core, const struct sg_batch *batch, uint32_t index)
{
    const struct sg_own *own = &batch->own[index];
    struct sg_pt_in broadcast = {.kind = SG_PT_IN_BROADCAST, .id = own->id};
    struct sg_scope *scope = sg_scope_find(core, &own->topic);
    if (scope == NULL)
        return SG_ERR_NOT_FOUND;
    SG_TRY(hold_own(core, scope, batch, index));
    sg_err err = sg_scope_pt(core, scope, &broadcast);
    assert(err == SG_OK); /* a new sequence number gives a new id, and room is reserved */
    return err;
}

static void lose_own(struct sg_core *core, const struct sg_own *own)
{
    core->stats.publish_lost++;
    if (own->is_large)
        sg_large_cancel(core, &own->id);
}

/* Sends the batches that are signed, in their order. The error is the last message's. */
static sg_err release(struct sg_core *core)
{
    struct sg_author *author = &core->author;
    sg_err err = SG_OK;
    while (author->count > 0 && batch_at(core, 0)->frame != NULL) {
        struct sg_batch batch = *batch_at(core, 0);
        *batch_at(core, 0) = (struct sg_batch){0};
        author->first = (author->first + 1) % ring_size(core);
        author->count--;
        for (uint32_t i = 0; i < batch.count; i++) {
            err = send_own(core, &batch, i);
            if (err != SG_OK)
                lose_own(core, &batch.own[i]);
        }
        batch_free(core, &batch);
    }
    return err;
}

/* Gives a batch up, which need not be the first one. */
static void lose(struct sg_core *core, struct sg_batch *batch)
{
    struct sg_author *author = &core->author;
    for (uint32_t i = 0; i < batch->count; i++)
        lose_own(core, &batch->own[i]);
    batch_free(core, batch);
    uint32_t at = (uint32_t)(batch - author->batches);
    uint32_t nth = (at + ring_size(core) - author->first) % ring_size(core);
    for (; nth + 1 < author->count; nth++)
        *batch_at(core, nth) = *batch_at(core, nth + 1);
    *batch_at(core, nth) = (struct sg_batch){0};
    author->count--;
}

static void collect_ids(const struct sg_batch *batch, uint8_t ids[SG_BATCH_MAX * SG_ID_LEN])
{
    for (uint32_t i = 0; i < batch->count; i++)
        memcpy(ids + (size_t)i * SG_ID_LEN, batch->own[i].id.b, SG_ID_LEN);
}

static sg_err take_signature(struct sg_core *core, struct sg_batch *batch,
                             struct sg_bytes signature)
{
    uint8_t ids[SG_BATCH_MAX * SG_ID_LEN];
    struct sg_root root = {.signature = signature, .count = (uint8_t)batch->count, .ids = ids};
    collect_ids(batch, ids);
    memcpy(root.root, batch->root, SG_ID_LEN);
    core->stats.signatures_made++;
    batch->frame = sg_root_frame(core, &root);
    return batch->frame == NULL ? SG_ERR_NO_MEMORY : SG_OK;
}

/* ---- signing ---- */

static sg_err sign_here(struct sg_core *core, struct sg_batch *batch)
{
    const struct sg_signer *signer = &core->config.signer;
    uint8_t signature[SG_SIG_MAX];
    struct sg_msg_id root;
    memcpy(root.b, batch->root, SG_ID_LEN);
    SG_TRY(sg_core_job_sign(signer, &root, signature));
    return take_signature(core, batch, sg_bytes(signature, signer->suite->sig_len));
}

static sg_err sign_elsewhere(struct sg_core *core, const struct sg_batch *batch)
{
    struct sg_core_out out = {.kind = SG_CORE_OUT_SIGN, .job = batch->job};
    memcpy(out.id.b, batch->root, SG_ID_LEN);
    return sg_emit(core, &out) ? SG_OK : SG_ERR_NO_MEMORY;
}

/* Has the batch signed that gathers. */
static sg_err close_batch(struct sg_core *core)
{
    struct sg_batch *batch = gathering(core);
    uint8_t ids[SG_BATCH_MAX * SG_ID_LEN];
    collect_ids(batch, ids);
    sg_batch_root(core, &core->config.self,
                  &(struct sg_leaves){.ids = ids, .count = (uint8_t)batch->count}, batch->root);
    batch->job = ++core->job;
    core->author.next_at = sg_time_add(core->now, core->config.linger_ns);
    sg_err err = core->config.offload ? sign_elsewhere(core, batch) : sign_here(core, batch);
    if (err != SG_OK) {
        lose(core, batch);
        return err;
    }
    return release(core);
}

static bool is_due(const struct sg_core *core)
{
    const struct sg_batch *batch = gathering(core);
    if (batch == NULL || jobs(core) == core->config.sign_jobs_max)
        return false;
    if (batch->count == core->config.batch_max)
        return true;
    bool has_lingered = core->now >= core->author.next_at || core->author.is_flushing;
    return has_lingered && jobs(core) == 0;
}

static sg_err close_due(struct sg_core *core)
{
    sg_err err = SG_OK;
    while (is_due(core) && err == SG_OK)
        err = close_batch(core);
    if (core->author.count == 0)
        core->author.is_flushing = false;
    return err;
}

void sg_author_timeout(struct sg_core *core)
{
    (void)!close_due(core); /* counted as lost */
}

sg_time_ns sg_author_deadline(const struct sg_core *core)
{
    if (core->author.count == 0 || gathering(core) == NULL || jobs(core) > 0)
        return SG_TIME_NEVER;
    return core->author.next_at;
}

void sg_author_flush(struct sg_core *core)
{
    core->author.is_flushing = core->author.count > 0;
    (void)!close_due(core);
}

sg_err sg_author_signed(struct sg_core *core, const struct sg_core_in *in)
{
    uint32_t nth = 0;
    while (nth < core->author.count && batch_at(core, nth)->job != in->job)
        nth++;
    if (nth == core->author.count || in->job == 0)
        return SG_ERR_NOT_FOUND;
    struct sg_batch *batch = batch_at(core, nth);
    sg_err err = in->err;
    if (err == SG_OK && in->bytes.len != core->config.suite->sig_len)
        err = SG_ERR_CRYPTO;
    if (err == SG_OK)
        err = take_signature(core, batch, in->bytes);
    if (err != SG_OK)
        lose(core, batch);
    (void)!release(core);
    (void)!close_due(core);
    return SG_OK;
}

/* ---- publishing ---- */

/* What waits for the signature: of a large payload the announcement. */
static size_t size_of(const struct sg_core_publish_in *in)
{
    return in->payload.len > SG_PAYLOAD_MAX ? SG_ANNOUNCEMENT_MAX : in->payload.len;
}

static sg_err check_publish(const struct sg_core *core, const struct sg_core_publish_in *in)
{
    if (core->has_left)
        return SG_ERR_STOPPED;
    if (in->payload.len > SG_LARGE_MAX)
        return SG_ERR_TOO_LARGE;
    bool is_base = sg_scope_is_base(&in->topic);
    if (is_base || in->ttl_ms > core->config.ttl_max_ms)
        return SG_ERR_INVALID_ARGUMENT;
    /* the next one would be 0 again: replays, to all who hear them */
    if (core->sequence == UINT32_MAX)
        return SG_ERR_LIMIT;
    const struct sg_batch *batch = gathering(core);
    const enum sg_flow_class klass = sg_scope_class(core, &in->topic);
    const uint32_t percent = ROOM_PERCENT[klass];
    const uint64_t bytes_max = core->config.unsigned_bytes_max * percent / 100;
    bool is_full = batch != NULL && batch->count == core->config.batch_max; /* jobs are, too */
    if (klass == SG_FLOW_BULK && core->author.count > (ring_size(core) + 1) / 2)
        is_full = true;
    bool has_bytes = core->author.bytes > 0 && core->author.bytes + size_of(in) > bytes_max;
    return is_full || has_bytes ? SG_ERR_WOULD_BLOCK : SG_OK;
}

/* Room for one more message in the batch that gathers. */
static sg_err reserve(struct sg_core *core, struct sg_batch **out)
{
    struct sg_author *author = &core->author;
    const struct sg_mem *mem = core->config.mem;
    if (author->batches == NULL)
        author->batches = sg_mem_new(mem, ring_size(core), sizeof(*author->batches));
    if (author->batches == NULL)
        return SG_ERR_NO_MEMORY;
    struct sg_batch *batch = gathering(core);
    bool is_new = batch == NULL;
    if (is_new)
        batch = batch_at(core, author->count);
    if (batch->count == batch->cap) {
        void *own =
            sg_mem_grow(mem, batch->own, &batch->cap, core->config.batch_max, sizeof(*batch->own));
        if (own == NULL)
            return SG_ERR_NO_MEMORY;
        batch->own = own;
    }
    author->count += is_new ? 1 : 0;
    *out = batch;
    return SG_OK;
}

/* Takes the payload in, a large one in chunks, and gives the message its id. */
static sg_err fill_own(struct sg_core *core, const struct sg_core_publish_in *in,
                       struct sg_own *own)
{
    own->is_large = in->payload.len > SG_PAYLOAD_MAX;
    if (own->is_large && !sg_large_fits(core, in->payload.len))
        return SG_ERR_WOULD_BLOCK;
    own->payload = own->is_large ? sg_large_announce(core, in->payload)
                                 : sg_buf_copy(core->config.mem, in->payload);
    if (own->payload == NULL)
        return SG_ERR_NO_MEMORY;
    struct sg_gossip msg = gossip_of(core, own);
    sg_message_id(core, &own->topic, &msg, &own->id);
    sg_err err = own->is_large ? sg_large_own(core, own, in->payload) : SG_OK;
    if (err != SG_OK)
        sg_buf_unref(own->payload);
    return err;
}

static sg_err add_own(struct sg_core *core, const struct sg_core_publish_in *in)
{
    uint64_t ttl_ms = in->ttl_ms == 0 ? core->config.message_ttl_ms : in->ttl_ms;
    struct sg_own own = {.topic = in->topic,
                         .sequence = (core->config.boot << 32) | (core->sequence + 1),
                         .time_ms = core->wall_ms,
                         .expiry_ms = core->wall_ms + ttl_ms};
    struct sg_batch *batch;
    SG_TRY(fill_own(core, in, &own));
    sg_err err = reserve(core, &batch);
    if (err != SG_OK) {
        if (own.is_large)
            sg_large_cancel(core, &own.id);
        sg_buf_unref(own.payload);
        return err;
    }
    batch->own[batch->count++] = own;
    core->author.bytes += own.payload->len;
    core->sequence++;
    return SG_OK;
}

static struct sg_core_publish result_of(const struct sg_core *core, const struct sg_scope *scope)
{
    const struct sg_batch *batch = gathering(core);
    size_t eager = 0;
    size_t lazy = 0;
    sg_pt_degrees(scope->pt, &eager, &lazy);
    if (eager == 0 && lazy > 0) { /* one of them is grafted */
        eager = 1;
        lazy--;
    }
    return (struct sg_core_publish){.id = batch->own[batch->count - 1].id,
                                    .sequence = (core->config.boot << 32) | core->sequence,
                                    .neighbors = (uint32_t)(eager + lazy),
                                    .pushed = (uint32_t)eager,
                                    .announced = (uint32_t)lazy};
}

/* This node's own subscription need not wait for the signature. Takes over the payload's reference;
 * NULL: out of memory. */
static void deliver_own(struct sg_core *core, const struct sg_scope *scope,
                        const struct sg_own *own, struct sg_buf *payload)
{
    struct sg_core_out out = {
        .kind = SG_CORE_OUT_DELIVER, .topic = scope->topic, .id = own->id, .buf = payload};
    if (payload == NULL)
        return;
    out.message.author = core->config.self;
    out.message.last_hop = core->config.self;
    out.message.sequence = own->sequence;
    out.message.time_ms = own->time_ms;
    out.message.payload = sg_buf_bytes(payload);
    sg_trace(&core->config.trace, SG_TRACE_DELIVER, core->config.self.b, own->id.b, 0);
    sg_emit(core, &out);
}

static struct sg_buf *payload_of(const struct sg_core *core, const struct sg_core_publish_in *in,
                                 const struct sg_own *own)
{
    return own->is_large ? sg_buf_copy(core->config.mem, in->payload) : sg_buf_ref(own->payload);
}

/* Adds the message to a batch and has that signed if it is due. */
static sg_err publish(struct sg_core *core, struct sg_scope *scope,
                      const struct sg_core_publish_in *in, struct sg_core_publish *result)
{
    SG_TRY(add_own(core, in));
    *result = result_of(core, scope);
    sg_trace(&core->config.trace, SG_TRACE_PUBLISH, NULL, result->id.b, in->payload.len);
    const struct sg_batch *batch = gathering(core);
    bool is_lone = batch->count == 1;
    struct sg_own own = batch->own[batch->count - 1];
    struct sg_buf *payload = scope->subscriptions > 0 ? payload_of(core, in, &own) : NULL;
    if (core->author.next_at < core->now)
        core->author.next_at = core->now;
    /* the driver's next turn closes the batch, so that what is published in one go shares it */
    bool waits_for_turn = core->config.offload && batch->count < core->config.batch_max;
    sg_err err = waits_for_turn ? SG_OK : close_due(core);
    result->is_waiting = core->author.count > 0;
    /* nobody has seen its number: without a signature the message does not exist */
    if (err != SG_OK && is_lone)
        core->sequence--;
    if (err == SG_OK)
        deliver_own(core, scope, &own, payload);
    else
        sg_buf_unref(payload);
    return err;
}

sg_err sg_core_publish(struct sg_core *core, sg_time_ns now, const struct sg_core_publish_in *in,
                       struct sg_core_publish *result, struct sg_core_outbox *out)
{
    SG_TRY(check_publish(core, in));
    sg_core_begin(core, now, in->wall_ms, out);
    struct sg_scope *scope = sg_scope_find(core, &in->topic);
    sg_err err = scope == NULL ? sg_scope_open(core, &in->topic, &scope) : SG_OK;
    if (err == SG_OK)
        err = publish(core, scope, in, result);
    if (err == SG_OK) {
        scope->linger_until = sg_time_add(core->now, core->config.scope_linger_ns);
        scope->offered_until = scope->linger_until;
        core->stats.published++;
    }
    sg_core_end(core);
    return err;
}

void sg_author_check(const struct sg_core *core)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < core->author.count; i++) {
        const struct sg_batch *batch = batch_at(core, i);
        assert(batch->count >= 1 && batch->count <= core->config.batch_max);
        assert(batch->job != 0 || i + 1 == core->author.count);
        for (uint32_t k = 0; k < batch->count; k++)
            bytes += batch->own[k].payload->len;
    }
    assert(bytes == core->author.bytes);
}
