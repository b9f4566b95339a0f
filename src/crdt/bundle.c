#include "crdt/bundle.h"

static const uint8_t magic[6] = {'S', 'G', 'D', 'O', 'C', 1};

void sg_bundle_begin(const struct sg_replica *r, struct sg_column *out)
{
    uint8_t genesis[SG_GENESIS_LEN];
    sg_genesis_encode(&r->config.genesis, genesis);
    sg_put_bytes(out, sg_bytes(magic, sizeof(magic)));
    sg_put_bytes(out, sg_bytes(genesis, sizeof(genesis)));
}

void sg_bundle_put(struct sg_column *out, enum sg_bundle_kind kind, struct sg_bytes bytes)
{
    sg_put_u8(out, (uint8_t)kind);
    sg_put_vector(out, bytes);
}

/* ---- frontiers ------------------------------------------------------------------------------- */

sg_err sg_frontier_encode(const struct sg_replica *r, struct sg_column *out)
{
    struct sg_frontier_entry *entries =
        sg_mem_new(r->config.mem, r->log.chain_count + 1u, sizeof(*entries));
    if (entries == NULL)
        return SG_ERR_NO_MEMORY;
    uint32_t count = sg_frontier(r, entries);
    sg_put_uint(out, count);
    for (uint32_t i = 0; i < count; i++) {
        sg_put_bytes(out, sg_bytes(entries[i].author, SG_ID_LEN));
        sg_put_uint(out, entries[i].seq);
        sg_put_bytes(out, sg_bytes(entries[i].head, SG_ID_LEN));
    }
    sg_mem_free(r->config.mem, entries);
    return out->has_failed ? SG_ERR_NO_MEMORY : SG_OK;
}

void sg_frontier_see(const struct sg_replica *r, struct sg_frontier_view *view, uint32_t batch)
{
    const struct sg_log_chain *chains = r->log.chains;
    uint32_t chain = r->log.batches[batch].chain;
    uint32_t upto = r->log.batches[batch].counter + r->log.batches[batch].ops;
    /* whoever has so much of a chain has what it forked from */
    while (chain != SG_LOG_NONE && view->upto[chain] < upto) {
        view->upto[chain] = upto;
        upto = chains[chain].start;
        chain = chains[chain].parent;
    }
}

/* Where an end is unknown, the past of the others may say how much of its chain is there. Each
 * chain is looked at once, at the last batch known to be there: last_seq [chain_count], + 1. */
static void see_pasts(const struct sg_replica *r, struct sg_frontier_view *view,
                      const uint32_t *last_seq)
{
    for (uint32_t i = 0; i < r->log.chain_count; i++) {
        const struct sg_log_chain *c = &r->log.chains[i];
        for (uint32_t k = 0; last_seq[i] > 0 && k < c->track_count; k++) {
            uint32_t upto = sg_log_track_upto(&c->tracks[k], last_seq[i] - 1);
            uint32_t *at = &view->upto[c->tracks[k].chain];
            *at = upto > *at ? upto : *at;
        }
    }
}

/* As sg_frontier_see does with counters. */
static void see_seq(const struct sg_log *log, uint32_t *last_seq, uint32_t number)
{
    uint32_t chain = log->batches[number].chain;
    uint32_t seq = log->batches[number].seq + 1;
    while (chain != SG_LOG_NONE && last_seq[chain] < seq) {
        last_seq[chain] = seq;
        seq = log->chains[chain].start_seq;
        chain = log->chains[chain].parent;
    }
}

struct frontier_entry {
    struct sg_bytes author, head;
};

/* Entries rise, so none comes twice. */
static uint32_t next_entry(const struct sg_replica *r, struct sg_reader *in,
                           struct frontier_entry *before)
{
    struct frontier_entry entry;
    entry.author = sg_read_bytes(in, SG_ID_LEN);
    (void)sg_get_u32(in, r->config.limits.ops);
    entry.head = sg_read_bytes(in, SG_ID_LEN);
    if (in->err != SG_OK)
        return SG_LOG_NONE;
    if (before->author.data != NULL) {
        int order = memcmp(before->author.data, entry.author.data, SG_ID_LEN);
        if (order > 0 || (order == 0 && memcmp(before->head.data, entry.head.data, SG_ID_LEN) >= 0))
            sg_reader_fail(in, SG_ERR_NOT_CANONICAL);
    }
    *before = entry;
    return sg_log_find(&r->log, entry.head.data);
}

static void see_entries(const struct sg_replica *r, struct sg_reader *in,
                        struct sg_frontier_view *out, uint32_t *last_seq)
{
    struct frontier_entry before = {{NULL, 0}, {NULL, 0}};
    uint32_t above = 0;
    uint32_t ends = 0;
    uint32_t count = sg_get_u32(in, r->config.limits.ops);
    for (; count > 0 && in->err == SG_OK; count--) {
        uint32_t number = next_entry(r, in, &before);
        if (number == SG_LOG_NONE) {
            out->unknown++;
            continue;
        }
        sg_frontier_see(r, out, number);
        see_seq(&r->log, last_seq, number);
        above += number >= r->log.floor_count;
        ends += r->log.batches[number].is_floor_head;
    }
    /* what is above the floor has seen all of it */
    out->behind = above == 0 && ends < r->log.floor_heads;
}

sg_err sg_frontier_view(const struct sg_replica *r, struct sg_bytes frontier,
                        struct sg_frontier_view *out)
{
    struct sg_reader in = sg_reader(frontier);
    *out = (struct sg_frontier_view){.end = r->log.count, .chains = r->log.chain_count};
    out->upto = sg_mem_new(r->config.mem, r->log.chain_count + 1u, sizeof(out->upto[0]));
    uint32_t *last_seq = sg_mem_new(r->config.mem, r->log.chain_count + 1u, sizeof(*last_seq));
    sg_err err = out->upto == NULL || last_seq == NULL ? SG_ERR_NO_MEMORY : SG_OK;
    if (err == SG_OK) {
        see_entries(r, &in, out, last_seq);
        err = sg_reader_done(&in);
    }
    if (err == SG_OK && out->unknown > 0)
        see_pasts(r, out, last_seq);
    sg_mem_free(r->config.mem, last_seq);
    if (err != SG_OK) {
        sg_mem_free(r->config.mem, out->upto);
        out->upto = NULL;
    }
    return err;
}

bool sg_frontier_has(const struct sg_replica *r, const struct sg_frontier_view *view,
                     uint32_t number)
{
    const struct sg_log_batch *batch = &r->log.batches[number];
    return view->upto[batch->chain] >= batch->counter + batch->ops;
}

sg_err sg_bundle_put_missing(const struct sg_replica *r, const struct sg_frontier_view *view,
                             uint32_t *from, size_t most, struct sg_column *out)
{
    const struct sg_log *log = &r->log;
    uint32_t last = SG_LOG_NONE;
    if (*from < log->floor_count)
        *from = log->floor_count;
    for (; *from < view->end && out->len < most; ++*from) {
        const struct sg_log_batch *batch = &log->batches[*from];
        if (sg_frontier_has(r, view, *from))
            continue;
        bool is_next = last != SG_LOG_NONE && log->batches[last].chain == batch->chain &&
                       log->batches[last].seq + 1 == batch->seq;
        last = *from;
        if (is_next) {
            sg_bundle_put(out, SG_BUNDLE_NEXT, sg_log_rest(log, batch));
            continue;
        }
        struct sg_batch whole;
        uint8_t prefix[SG_BATCH_PREFIX_MAX];
        SG_TRY(sg_replica_batch(r, *from, &whole));
        size_t len = sg_batch_prefix(&whole, prefix);
        sg_put_u8(out, SG_BUNDLE_BATCH);
        sg_put_uint(out, len + whole.rest.len);
        sg_put_bytes(out, sg_bytes(prefix, len));
        sg_put_bytes(out, whole.rest);
    }
    return out->has_failed ? SG_ERR_NO_MEMORY : SG_OK;
}

/* ---- taking in ------------------------------------------------------------------------------- */

sg_err sg_bundle_genesis(struct sg_bytes bytes, struct sg_genesis *genesis)
{
    if (bytes.len < sizeof(magic) + SG_GENESIS_LEN)
        return SG_ERR_TRUNCATED;
    if (memcmp(bytes.data, magic, sizeof(magic) - 1) != 0)
        return SG_ERR_MALFORMED;
    if (bytes.data[sizeof(magic) - 1] != magic[sizeof(magic) - 1])
        return SG_ERR_VERSION;
    return sg_genesis_decode(sg_bytes(bytes.data + sizeof(magic), SG_GENESIS_LEN), genesis);
}

/* The batch that the next record may go on from. */
struct chain_end {
    struct sg_batch batch;
    uint8_t name[SG_ID_LEN];
    bool is_set;
};

static void refuse(struct sg_bundle_result *result, sg_err err)
{
    result->refused++;
    if (result->refusal == SG_OK)
        result->refusal = err;
}

static sg_err take_batch(struct sg_replica *r, struct sg_bytes bytes, uint32_t source,
                         struct sg_bundle_result *result)
{
    enum sg_import import = SG_IMPORT_KNOWN;
    sg_err err = sg_replica_import(r, bytes, source, &import);
    if (err == SG_OK) {
        result->applied += import == SG_IMPORT_APPLIED;
        result->known += import == SG_IMPORT_KNOWN;
        result->pending += import == SG_IMPORT_PENDING;
        return SG_OK;
    }
    if (err == SG_ERR_INVALID_STATE || err == SG_ERR_NO_MEMORY)
        return err;
    if (err == SG_ERR_LIMIT)
        result->postponed++;
    else
        refuse(result, err);
    return SG_OK;
}

/* One that is of a batch that is not here says nothing. */
static sg_err take_checkpoint(struct sg_replica *r, struct sg_bytes bytes,
                              struct sg_bundle_result *result)
{
    sg_err err = sg_checkpoint_take(r, bytes);
    result->checkpoints += err == SG_OK;
    if (err == SG_OK && result->on_checkpoint != NULL)
        result->on_checkpoint(result->user, bytes);
    if (err != SG_OK && sg_err_class_of(err) == SG_ERR_CLASS_RESOURCE)
        return err;
    if (err != SG_OK && err != SG_ERR_NOT_FOUND)
        refuse(result, err);
    return SG_OK;
}

/* Makes a whole batch of a rest. */
static sg_err take_next(struct sg_replica *r, struct sg_bytes rest, uint32_t source,
                        struct sg_bundle_result *result, struct chain_end *end)
{
    struct sg_column bytes = {.mem = r->config.mem};
    uint8_t prefix[SG_BATCH_PREFIX_MAX];
    if (!end->is_set || end->batch.seq >= r->config.limits.ops)
        return SG_ERR_PROTOCOL;
    end->batch.seq++;
    memcpy(end->batch.prev, end->name, SG_ID_LEN);
    size_t len = sg_batch_prefix(&end->batch, prefix);
    sg_put_bytes(&bytes, sg_bytes(prefix, len));
    sg_put_bytes(&bytes, rest);
    end->batch.rest = rest;
    sg_batch_name(r->config.suite, &end->batch, end->name);
    sg_err err = bytes.has_failed ? SG_ERR_NO_MEMORY
                                  : take_batch(r, sg_column_bytes(&bytes), source, result);
    sg_column_fini(&bytes);
    return err;
}

static sg_err take_record(struct sg_replica *r, struct sg_reader *in, uint32_t source,
                          struct sg_bundle_result *result, struct chain_end *end)
{
    uint8_t kind = sg_read_u8(in);
    struct sg_bytes bytes = sg_get_vector(in, UINT32_MAX);
    SG_TRY(in->err);
    if (kind == SG_BUNDLE_NEXT)
        return take_next(r, bytes, source, result, end);
    if (kind == SG_BUNDLE_BATCH) {
        end->is_set = sg_batch_decode(bytes, &r->config.limits, &end->batch) == SG_OK;
        if (end->is_set)
            sg_batch_name(r->config.suite, &end->batch, end->name);
        return take_batch(r, bytes, source, result);
    }
    if (kind == SG_BUNDLE_CHECKPOINT)
        return take_checkpoint(r, bytes, result);
    if (kind != SG_BUNDLE_STATE)
        return SG_ERR_MALFORMED;
    result->state = bytes;
    return SG_OK;
}

sg_err sg_bundle_import(struct sg_replica *r, struct sg_bytes bytes, uint32_t source,
                        struct sg_bundle_result *result)
{
    struct chain_end end = {.is_set = false};
    struct sg_genesis genesis;
    uint8_t document[SG_ID_LEN];
    SG_TRY(sg_bundle_genesis(bytes, &genesis));
    sg_genesis_id(r->config.suite, &genesis, document);
    if (memcmp(document, r->document, SG_ID_LEN) != 0)
        return SG_ERR_WRONG_PEER;
    struct sg_reader in = sg_reader(bytes);
    (void)sg_read_bytes(&in, sizeof(magic) + SG_GENESIS_LEN);
    while (in.left > 0)
        SG_TRY(take_record(r, &in, source, result, &end));
    return SG_OK;
}
