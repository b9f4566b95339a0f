/* A document and others: frontiers, bundles, checkpoints, floors. */
#include "runtime/doc_impl.h"

#include "store/pack.h"

/* A packed bundle: this byte, then zlib. No plain one begins so. */
#define PACKED 'Z'
#define UNPACKED_MAX (UINT32_C(1) << 30)

void sg_doc_bytes_free(struct sg_doc_bytes *bytes)
{
    sg_mem_free(sg_mem_default(), bytes->data);
    *bytes = (struct sg_doc_bytes){0};
}

/* Gives a column's memory away. */
static sg_err give(struct sg_column *column, struct sg_doc_bytes *out)
{
    if (column->has_failed) {
        sg_column_fini(column);
        return SG_ERR_NO_MEMORY;
    }
    *out = (struct sg_doc_bytes){column->data, column->len};
    return SG_OK;
}

/* Needs all history: a document that was opened by its snapshot loads the rest. */
sg_err sg_doc_load_history(struct sg_doc *doc)
{
    if (!doc->is_partial)
        return SG_OK;
    if (doc->replica->txn.is_open) /* it would be lost */
        return SG_ERR_INVALID_STATE;
    SG_TRY(sg_doc_flush(doc));
    return sg_doc_load(doc, true);
}

/* ---- frontiers ------------------------------------------------------------------------------- */

sg_err sg_doc_frontier_encode(struct sg_doc *doc, struct sg_doc_bytes *frontier)
{
    struct sg_column out = {.mem = doc->mem};
    SG_TRY(sg_doc_flush(doc)); /* what is promised must outlive a crash */
    sg_err err = sg_frontier_encode(doc->replica, &out);
    if (err != SG_OK) {
        sg_column_fini(&out);
        return err;
    }
    return give(&out, frontier);
}

sg_err sg_doc_frontier_compare(struct sg_doc *doc, struct sg_bytes frontier, bool *has_news,
                               bool *lacks)
{
    struct sg_frontier_view view;
    SG_TRY(sg_doc_load_history(doc)); /* within a snapshot no batch is known by its name */
    const struct sg_log *log = &doc->replica->log;
    SG_TRY(sg_frontier_view(doc->replica, frontier, &view));
    *has_news = view.unknown > 0;
    *lacks = view.behind > 0;
    for (uint32_t i = 0; i < log->chain_count; i++)
        *lacks = *lacks || view.upto[i] < log->chains[i].end;
    sg_mem_free(doc->mem, view.upto);
    return SG_OK;
}

/* ---- checkpoints ----------------------------------------------------------------------------- */

/* What a checkpoint that was verified is about. SG_ERR_NOT_FOUND: the batch is not in. */
static sg_err read_checkpoint(const struct sg_doc *doc, struct sg_bytes bytes,
                              struct sg_docs_checkpoint *out, uint32_t *chain)
{
    struct sg_reader in = sg_reader(bytes);
    uint8_t head[SG_ID_LEN];
    (void)sg_read_bytes(&in, 1 + SG_ID_LEN);
    sg_read_copy(&in, out->author, SG_ID_LEN);
    out->seq = sg_get_u32(&in, UINT32_MAX);
    sg_read_copy(&in, head, SG_ID_LEN);
    SG_TRY(in.err);
    uint32_t batch = sg_log_find(&doc->replica->log, head);
    if (batch == SG_LOG_NONE)
        return SG_ERR_NOT_FOUND;
    *chain = doc->replica->log.batches[batch].chain;
    memcpy(out->chain, doc->replica->log.chains[*chain].first, SG_ID_LEN);
    out->bytes = bytes;
    return SG_OK;
}

/* In memory: in the place of the one of the same chain, if there is one. */
static sg_err keep_in_memory(struct sg_doc *doc, const struct sg_docs_checkpoint *fresh,
                             uint32_t chain)
{
    struct sg_column kept = {.mem = doc->mem};
    struct sg_reader in = sg_reader(sg_column_bytes(&doc->checkpoints));
    bool is_newer = true;
    while (in.left > 0 && in.err == SG_OK) {
        struct sg_docs_checkpoint old;
        uint32_t of = SG_LOG_NONE;
        (void)sg_read_u8(&in);
        struct sg_bytes bytes = sg_get_vector(&in, UINT32_MAX);
        bool is_known = in.err == SG_OK && read_checkpoint(doc, bytes, &old, &of) == SG_OK;
        bool is_same = is_known && of == chain;
        is_newer = is_newer && !(is_same && old.seq >= fresh->seq);
        if (!is_same || old.seq >= fresh->seq)
            sg_bundle_put(&kept, SG_BUNDLE_CHECKPOINT, bytes);
    }
    if (is_newer)
        sg_bundle_put(&kept, SG_BUNDLE_CHECKPOINT, fresh->bytes);
    if (kept.has_failed) {
        sg_column_fini(&kept);
        return SG_ERR_NO_MEMORY;
    }
    sg_column_fini(&doc->checkpoints);
    doc->checkpoints = kept;
    return SG_OK;
}

sg_err sg_doc_keep_checkpoint(struct sg_doc *doc, struct sg_bytes bytes)
{
    struct sg_docs_checkpoint checkpoint;
    uint32_t chain;
    SG_TRY(read_checkpoint(doc, bytes, &checkpoint, &chain));
    if (doc->store != NULL)
        return sg_docs_put_checkpoint(doc->store, &checkpoint);
    return keep_in_memory(doc, &checkpoint, chain);
}

sg_err sg_doc_checkpoint(struct sg_doc *doc)
{
    struct sg_column bytes = {.mem = doc->mem};
    if (doc->identity == NULL)
        return SG_ERR_INVALID_STATE;
    sg_err err = sg_doc_flush(doc);
    if (err == SG_OK)
        err = sg_checkpoint_sign(doc->replica, sg_identity_signer(doc->identity), &bytes);
    if (err == SG_OK)
        err = sg_checkpoint_take(doc->replica, sg_column_bytes(&bytes));
    if (err == SG_OK)
        err = sg_doc_keep_checkpoint(doc, sg_column_bytes(&bytes));
    if (err == SG_OK)
        doc->unsigned_count = 0;
    if (err == SG_OK && doc->is_bound)
        sg_bundle_put(&doc->fresh, SG_BUNDLE_CHECKPOINT, sg_column_bytes(&bytes));
    sg_column_fini(&bytes);
    return err;
}

/* Whether a checkpoint is worth sending: the other one lacks something of its chain, or it is the
 * document's own author's, who may have signed what the other one has. */
static bool is_wanted(const struct sg_doc *doc, const struct sg_frontier_view *view,
                      struct sg_bytes bytes)
{
    struct sg_docs_checkpoint checkpoint;
    uint32_t chain;
    if (read_checkpoint(doc, bytes, &checkpoint, &chain) != SG_OK)
        return false;
    bool lacks = chain < view->chains && view->upto[chain] < doc->replica->log.chains[chain].end;
    return lacks || memcmp(checkpoint.author, doc->author, SG_ID_LEN) == 0;
}

static void put_kept(const struct sg_doc *doc, const struct sg_frontier_view *view,
                     struct sg_column *out)
{
    struct sg_reader in = sg_reader(sg_column_bytes(&doc->checkpoints));
    while (in.left > 0 && in.err == SG_OK) {
        (void)sg_read_u8(&in);
        struct sg_bytes bytes = sg_get_vector(&in, UINT32_MAX);
        if (in.err == SG_OK && is_wanted(doc, view, bytes))
            sg_bundle_put(out, SG_BUNDLE_CHECKPOINT, bytes);
    }
}

sg_err sg_doc_put_checkpoints(struct sg_doc *doc, const struct sg_frontier_view *view,
                              uint64_t *after, size_t most, struct sg_column *out)
{
    bool has_row = doc->store != NULL;
    if (doc->store == NULL)
        put_kept(doc, view, out);
    while (has_row && out->len < most) {
        uint8_t *bytes;
        size_t len;
        SG_TRY(sg_docs_checkpoint(doc->store, after, &bytes, &len, &has_row));
        if (has_row && is_wanted(doc, view, sg_bytes(bytes, len)))
            sg_bundle_put(out, SG_BUNDLE_CHECKPOINT, sg_bytes(bytes, len));
        sg_mem_free(doc->mem, bytes);
    }
    if (!has_row)
        *after = UINT64_MAX;
    return out->has_failed ? SG_ERR_NO_MEMORY : SG_OK;
}

/* Keeps a checkpoint when it speaks for a batch and is nearer to it than the one that is kept: of
 * its author, at it or behind it. */
static void keep_nearer(const struct sg_doc *doc, struct sg_bytes bytes, uint32_t batch,
                        struct sg_column *out, uint32_t *last)
{
    const struct sg_log *log = &doc->replica->log;
    struct sg_docs_checkpoint checkpoint;
    uint32_t chain;
    if (read_checkpoint(doc, bytes, &checkpoint, &chain) != SG_OK ||
        checkpoint.seq < log->batches[batch].seq ||
        sg_log_at(log, chain, log->batches[batch].seq) != batch ||
        (out->len > 0 && checkpoint.seq >= log->batches[*last].seq))
        return;
    out->len = 0;
    sg_put_bytes(out, bytes);
    *last = sg_log_at(log, chain, checkpoint.seq);
}

static void find_kept(const struct sg_doc *doc, uint32_t batch, struct sg_column *out,
                      uint32_t *last)
{
    struct sg_reader in = sg_reader(sg_column_bytes(&doc->checkpoints));
    while (in.left > 0 && in.err == SG_OK) {
        (void)sg_read_u8(&in);
        struct sg_bytes bytes = sg_get_vector(&in, UINT32_MAX);
        if (in.err == SG_OK)
            keep_nearer(doc, bytes, batch, out, last);
    }
}

sg_err sg_doc_find_checkpoint(struct sg_doc *doc, uint32_t batch, struct sg_column *out,
                              uint32_t *last)
{
    bool has_row = doc->store != NULL;
    if (doc->store == NULL)
        find_kept(doc, batch, out, last);
    for (uint64_t after = 0; has_row;) {
        uint8_t *bytes;
        size_t len;
        SG_TRY(sg_docs_checkpoint(doc->store, &after, &bytes, &len, &has_row));
        if (has_row)
            keep_nearer(doc, sg_bytes(bytes, len), batch, out, last);
        sg_mem_free(doc->mem, bytes);
    }
    if (out->has_failed)
        return SG_ERR_NO_MEMORY;
    return out->len > 0 ? SG_OK : SG_ERR_NOT_FOUND;
}

/* ---- floors ---------------------------------------------------------------------------------- */

/* The state that the floor was signed for: the one in the store, or of a replica that is all floor.
 */
sg_err sg_doc_put_record(struct sg_doc *doc, struct sg_column *out)
{
    struct sg_docs_snapshot snapshot;
    if (doc->store != NULL)
        SG_TRY(sg_docs_snapshot(doc->store, &snapshot));
    else
        snapshot = (struct sg_docs_snapshot){.state = sg_column_bytes(&doc->floor_state),
                                             .floor = sg_bytes(doc->floor, doc->floor_len)};
    sg_put_vector(out, snapshot.floor);
    sg_put_bytes(out, snapshot.state);
    if (doc->store != NULL)
        sg_docs_free_snapshot(doc->store, &snapshot);
    return out->has_failed ? SG_ERR_NO_MEMORY : SG_OK;
}

static sg_err put_state(struct sg_doc *doc, struct sg_column *out)
{
    struct sg_column record = {.mem = doc->mem};
    sg_err err = sg_doc_put_record(doc, &record);
    if (err == SG_OK)
        sg_bundle_put(out, SG_BUNDLE_STATE, sg_column_bytes(&record));
    sg_column_fini(&record);
    return err;
}

sg_err sg_doc_compact(struct sg_doc *doc)
{
    struct sg_column state = {.mem = doc->mem};
    struct sg_column floor = {.mem = doc->mem};
    const struct sg_replica *r = doc->replica;
    if (doc->identity == NULL || doc->store == NULL || r->txn.is_open || r->log.count == 0)
        return SG_ERR_INVALID_STATE;
    sg_err err = sg_doc_flush(doc);
    if (err == SG_OK)
        err = sg_state_encode(r, &state);
    if (err == SG_OK)
        err = sg_doc_sign_floor(doc, sg_column_bytes(&state), &floor);
    if (err == SG_OK)
        err = sg_docs_compact(doc->store, sg_column_bytes(&state), sg_column_bytes(&floor),
                              sg_bytes(NULL, 0));
    sg_column_fini(&state);
    sg_column_fini(&floor);
    if (err != SG_OK)
        return err;
    doc->unsigned_count = 0;
    doc->refused_count = 0;
    sg_doc_gather_forget(doc);
    sg_doc_undo_clear(doc, 0);
    return sg_doc_load(doc, true);
}

/* ---- bundles --------------------------------------------------------------------------------- */

bool sg_doc_is_packed(struct sg_bytes bundle)
{
    return bundle.len > 0 && bundle.data[0] == PACKED;
}

sg_err sg_doc_unpack_bundle(struct sg_bytes bundle, struct sg_bytes *plain, uint8_t **unpacked)
{
    size_t len;
    *unpacked = NULL;
    *plain = bundle;
    if (!sg_doc_is_packed(bundle))
        return SG_OK;
    size_t most = sg_unpacked_max(bundle.len, UNPACKED_MAX);
    SG_TRY(sg_unpack(sg_mem_default(), sg_bytes(bundle.data + 1, bundle.len - 1), most, unpacked,
                     &len));
    *plain = sg_bytes(*unpacked, len);
    return SG_OK;
}

static sg_err pack_bundle(struct sg_column *plain, struct sg_doc_bytes *out)
{
    struct sg_column packed = {.mem = plain->mem};
    uint8_t *bytes = NULL;
    size_t len = 0;
    sg_err err = sg_pack(plain->mem, sg_column_bytes(plain), 9, &bytes, &len);
    sg_column_fini(plain);
    if (err != SG_OK)
        return err;
    sg_put_u8(&packed, PACKED);
    sg_put_bytes(&packed, sg_bytes(bytes, len));
    sg_mem_free(plain->mem, bytes);
    return give(&packed, out);
}

static sg_err build(struct sg_doc *doc, const struct sg_frontier_view *view, struct sg_column *out)
{
    uint32_t from = 0;
    sg_bundle_begin(doc->replica, out);
    if (doc->floor != NULL && view->behind > 0)
        SG_TRY(put_state(doc, out));
    SG_TRY(sg_bundle_put_missing(doc->replica, view, &from, SIZE_MAX, out));
    uint64_t after = 0;
    return sg_doc_put_checkpoints(doc, view, &after, SIZE_MAX, out);
}

sg_err sg_doc_export_since(struct sg_doc *doc, struct sg_bytes frontier, bool pack,
                           struct sg_doc_bytes *bundle)
{
    static const uint8_t nothing[1] = {0};
    struct sg_column out = {.mem = doc->mem};
    struct sg_frontier_view view;
    if (doc->replica->txn.is_open)
        return SG_ERR_INVALID_STATE;
    SG_TRY(sg_doc_load_history(doc));
    SG_TRY(sg_doc_flush(doc)); /* a number that others know must not be used again */
    if (frontier.len == 0)
        frontier = sg_bytes(nothing, 1);
    SG_TRY(sg_frontier_view(doc->replica, frontier, &view));
    sg_err err = build(doc, &view, &out);
    sg_mem_free(doc->mem, view.upto);
    if (err != SG_OK) {
        sg_column_fini(&out);
        return err;
    }
    return pack ? pack_bundle(&out, bundle) : give(&out, bundle);
}

struct keeper {
    struct sg_doc *doc;
    sg_err err;
};

static void keep(void *user, struct sg_bytes bytes)
{
    struct keeper *keeper = user;
    if (keeper->err ==
        SG_OK) /* flushed first: a checkpoint of what is not on the disk says nothing */
        keeper->err = sg_doc_flush(keeper->doc);
    if (keeper->err == SG_OK)
        keeper->err = sg_doc_keep_checkpoint(keeper->doc, bytes);
}

static sg_err import_plain(struct sg_doc *doc, struct sg_bytes plain, uint32_t source,
                           struct sg_doc_import_result *result)
{
    struct keeper keeper = {doc, SG_OK};
    struct sg_bundle_result got = {.on_checkpoint = keep, .user = &keeper};
    sg_err err = sg_bundle_import(doc->replica, plain, source, &got);
    if (err == SG_OK && doc->is_partial && (got.refusal == SG_ERR_EXPIRED || got.pending > 0)) {
        /* somebody has not seen all of our snapshot, which is no floor: load it all, once more */
        SG_TRY(sg_doc_load_history(doc));
        got = (struct sg_bundle_result){.on_checkpoint = keep, .user = &keeper};
        err = sg_bundle_import(doc->replica, plain, source, &got);
    }
    *result = (struct sg_doc_import_result){.applied = got.applied,
                                            .known = got.known,
                                            .pending = got.pending,
                                            .refused = got.refused,
                                            .postponed = got.postponed,
                                            .refusal = got.refusal};
    SG_TRY(sg_doc_flush(doc)); /* also what came before an error */
    if (err == SG_OK && got.state.len > 0) {
        SG_TRY(sg_doc_load_history(doc));
        err = sg_doc_is_behind(doc, got.state, &result->has_floor);
    }
    return err != SG_OK ? err : keeper.err;
}

sg_err sg_doc_import(struct sg_doc *doc, struct sg_bytes bundle, uint32_t source,
                     struct sg_doc_import_result *result)
{
    struct sg_bytes plain;
    uint8_t *unpacked;
    if (doc->replica->txn.is_open)
        return SG_ERR_INVALID_STATE;
    SG_TRY(sg_doc_unpack_bundle(bundle, &plain, &unpacked));
    sg_err err = import_plain(doc, plain, source, result);
    sg_mem_free(doc->mem, unpacked);
    return err;
}

/* ---- history --------------------------------------------------------------------------------- */

sg_err sg_doc_log(struct sg_doc *doc, uint32_t at, struct sg_doc_log_entry *entry)
{
    SG_TRY(sg_doc_load_history(doc));
    const struct sg_log *log = &doc->replica->log;
    if (at >= log->count - log->floor_count)
        return SG_ERR_NOT_FOUND;
    uint32_t number = log->floor_count + at;
    const struct sg_log_batch *batch = &log->batches[number];
    *entry = (struct sg_doc_log_entry){.seq = batch->seq, .ops = batch->ops};
    memcpy(entry->name, batch->name, SG_ID_LEN);
    memcpy(entry->author.b, log->chains[batch->chain].author, SG_ID_LEN);
    entry->is_provisional = sg_checkpoint_is_provisional(doc->replica, number);
    return SG_OK;
}

uint32_t sg_doc_forks(const struct sg_doc *doc)
{
    return doc->replica->fork_count;
}
