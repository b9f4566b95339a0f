/* Documents between memory and disk.
 *
 * Opening reads the snapshot, which is the state of the document without its history, and the rows
 * after it: so a document can be read and written at once, however long its history. Only when
 * somebody sends a batch that has not seen all of the snapshot, the history is loaded as well: the
 * snapshot is then no floor, just a cache. Every batch is checked again when it is loaded, and its
 * name must be the one in its row. */
#include "runtime/doc_impl.h"

#include "crypto/random.h"

static void tell_patch(void *user, const struct sg_change *change)
{
    struct sg_doc *doc = user;
    if (doc->on_patch == NULL)
        return;
    const struct sg_doc_patch patch = {change->cell, change->is_text, change->pos, change->deleted,
                                       change->inserted};
    doc->on_patch(doc->user, &patch);
}

sg_err sg_doc_replica_new(struct sg_doc *doc, const struct sg_genesis *genesis,
                          struct sg_replica **out)
{
    struct sg_replica_config config = {
        .mem = doc->mem,
        .suite = sg_suite_default(),
        .limits = SG_CRDT_LIMITS_DEFAULT,
        .genesis = *genesis,
        .is_wary = true,
        .on_change = tell_patch,
        .user = doc,
    };
    SG_TRY(sg_random(&config.seed, sizeof(config.seed)));
    struct sg_replica *r = sg_mem_new(doc->mem, 1, sizeof(*r));
    if (r == NULL)
        return SG_ERR_NO_MEMORY;
    sg_err err = sg_replica_init(r, &config);
    if (err != SG_OK) {
        sg_mem_free(doc->mem, r);
        return err;
    }
    if (doc->replica != NULL)
        err = sg_cells_keep_numbers(&r->cells, &doc->replica->cells);
    if (err != SG_OK) {
        sg_doc_replica_free(doc, r);
        return err;
    }
    *out = r;
    return SG_OK;
}

void sg_doc_replica_free(struct sg_doc *doc, struct sg_replica *r)
{
    if (r != NULL)
        sg_replica_fini(r);
    sg_mem_free(doc->mem, r);
}

/* What was made here goes by the chains of the fresh log. */
static void move_own(const struct sg_log *from, struct sg_log *to)
{
    for (uint32_t i = 0; i < from->chain_count; i++) {
        const struct sg_log_chain *old = &from->chains[i];
        uint32_t like = old->made_seq == 0 ? SG_LOG_NONE : sg_log_chain_like(to, old);
        if (like == SG_LOG_NONE)
            continue;
        struct sg_log_chain *c = &to->chains[like];
        uint32_t made = old->made_seq < c->end_seq ? old->made_seq : c->end_seq;
        c->made_seq = made > c->made_seq ? made : c->made_seq;
    }
}

/* Batches that were made here by the store's word, and a floor, whose signer was believed. */
static sg_err mark_own(struct sg_doc *doc, struct sg_replica *r)
{
    uint8_t name[SG_ID_LEN];
    struct sg_log *log = &r->log;
    for (uint32_t i = 0; !doc->is_partial && i < log->floor_count; i++)
        log->chains[log->batches[i].chain].made_seq = log->batches[i].seq + 1;
    sg_err err = sg_docs_own(doc->store, doc->author, name);
    if (err != SG_OK)
        return err == SG_ERR_NOT_FOUND ? SG_OK : err;
    uint32_t number = sg_log_find(log, name);
    if (number != SG_LOG_NONE)
        log->chains[log->batches[number].chain].made_seq = log->batches[number].seq + 1;
    return SG_OK;
}

/* Whether the author has a chain here, and it is not known whether all of it is his. */
static bool is_in_doubt(const struct sg_doc *doc, const struct sg_log *log)
{
    uint32_t end_seq;
    uint32_t own = sg_log_own(log, doc->author, &end_seq);
    if (own == SG_LOG_NONE)
        return sg_log_longest(log, doc->author) != SG_LOG_NONE;
    return log->chains[own].end_seq != end_seq;
}

void sg_doc_replace(struct sg_doc *doc, struct sg_replica *fresh)
{
    if (doc->replica != NULL)
        sg_doc_undo_move(doc, &doc->replica->log, &fresh->log);
    if (doc->replica != NULL)
        move_own(&doc->replica->log, &fresh->log);
    sg_doc_replica_free(doc, doc->replica);
    fresh->used_seq = doc->used_seq;
    doc->replica = fresh;
    doc->loaded++;
}

/* ---- loading --------------------------------------------------------------------------------- */

static sg_err import_row(struct sg_doc *doc, struct sg_replica *r, const struct sg_docs_batch *row)
{
    struct sg_column bytes = {.mem = doc->mem};
    uint8_t prefix[SG_BATCH_PREFIX_MAX];
    struct sg_batch batch = {.seq = row->seq};
    enum sg_import result = SG_IMPORT_KNOWN;
    memcpy(batch.document, r->document, SG_ID_LEN);
    memcpy(batch.author, row->author, SG_ID_LEN);
    memcpy(batch.prev, row->prev, SG_ID_LEN);
    size_t len = sg_batch_prefix(&batch, prefix);
    sg_put_bytes(&bytes, sg_bytes(prefix, len));
    sg_put_bytes(&bytes, row->rest);
    uint32_t number = r->log.count;
    sg_err err = bytes.has_failed ? SG_ERR_NO_MEMORY
                                  : sg_replica_import(r, sg_column_bytes(&bytes), 0, &result);
    sg_column_fini(&bytes);
    if (err == SG_OK && (result != SG_IMPORT_APPLIED || r->log.count != number + 1 ||
                         memcmp(r->log.batches[number].name, row->name, SG_ID_LEN) != 0))
        err = SG_ERR_CORRUPT;
    return err;
}

static sg_err import_rows(struct sg_doc *doc, struct sg_replica *r, uint64_t after)
{
    struct sg_docs_batch row;
    bool has_row = true;
    sg_err err = sg_docs_rewind(doc->store, after);
    while (err == SG_OK && has_row) {
        err = sg_docs_next(doc->store, &row, &has_row);
        if (err == SG_OK && has_row)
            err = import_row(doc, r, &row);
    }
    sg_docs_stop(doc->store);
    /* what was sound when it was written is not what the peer sent */
    return sg_err_class_of(err) == SG_ERR_CLASS_PEER && err != SG_ERR_EXPIRED ? SG_ERR_CORRUPT
                                                                              : err;
}

static sg_err load_checkpoints(struct sg_doc *doc, struct sg_replica *r)
{
    bool has_row = true;
    for (uint64_t after = 0; has_row;) {
        uint8_t *bytes;
        size_t len;
        SG_TRY(sg_docs_checkpoint(doc->store, &after, &bytes, &len, &has_row));
        sg_err err = has_row ? sg_checkpoint_take(r, sg_bytes(bytes, len)) : SG_OK;
        sg_mem_free(doc->mem, bytes);
        /* below a snapshot the batch is not known by name; that is no loss */
        if (err != SG_OK && err != SG_ERR_NOT_FOUND)
            return sg_err_class_of(err) == SG_ERR_CLASS_PEER ? SG_ERR_CORRUPT : err;
    }
    return SG_OK;
}

sg_err sg_doc_keep_floor(struct sg_doc *doc, struct sg_bytes floor)
{
    sg_mem_free(doc->mem, doc->floor);
    doc->floor = NULL;
    doc->floor_len = 0;
    if (floor.len == 0)
        return SG_OK;
    doc->floor = sg_mem_new(doc->mem, floor.len, 1);
    if (doc->floor == NULL)
        return SG_ERR_NO_MEMORY;
    memcpy(doc->floor, floor.data, floor.len);
    doc->floor_len = floor.len;
    return SG_OK;
}

/* Reads snapshot and rows into a fresh replica. */
static sg_err load_into(struct sg_doc *doc, struct sg_replica *r, bool whole)
{
    struct sg_docs_snapshot snapshot;
    sg_err err = sg_docs_snapshot(doc->store, &snapshot);
    bool has_snapshot = err == SG_OK;
    if (err != SG_OK && err != SG_ERR_NOT_FOUND)
        return err;
    uint64_t after = 0;
    err = SG_OK;
    doc->snapshot = has_snapshot ? snapshot.n : 0;
    doc->is_partial = false;
    if (has_snapshot && (snapshot.floor.len > 0 || !whole)) {
        after = snapshot.n;
        err = sg_state_decode(r, snapshot.state, true);
        doc->is_partial = snapshot.floor.len == 0;
        if (err == SG_OK)
            err = sg_doc_keep_floor(doc, snapshot.floor);
        if (sg_err_class_of(err) == SG_ERR_CLASS_PEER)
            err = SG_ERR_CORRUPT;
    }
    sg_docs_free_snapshot(doc->store, &snapshot);
    if (err == SG_OK)
        err = import_rows(doc, r, after);
    if (err == SG_OK)
        err = load_checkpoints(doc, r);
    if (err == SG_OK)
        err = mark_own(doc, r);
    if (err == SG_OK)
        doc->base = after;
    return err;
}

static sg_err load_once(struct sg_doc *doc, const struct sg_genesis *genesis, bool whole)
{
    struct sg_replica *r;
    SG_TRY(sg_doc_replica_new(doc, genesis, &r));
    const struct sg_doc before = *doc;
    uint32_t used_seq = 0;
    sg_err err = sg_docs_used(doc->store, doc->author, &used_seq);
    doc->used_seq = used_seq > doc->used_seq ? used_seq : doc->used_seq;
    r->is_loading = true;
    doc->on_patch = NULL;
    doc->floor = NULL;
    doc->floor_len = 0;
    if (err == SG_OK)
        err = load_into(doc, r, whole);
    doc->on_patch = before.on_patch;
    sg_mem_free(doc->mem, err == SG_OK ? before.floor : doc->floor);
    if (err != SG_OK) { /* the old replica stays, and what is known of it */
        doc->floor = before.floor;
        doc->floor_len = before.floor_len;
        doc->snapshot = before.snapshot;
        doc->is_partial = before.is_partial;
        sg_doc_replica_free(doc, r);
        return err;
    }
    r->is_loading = false;
    sg_doc_replace(doc, r);
    doc->saved = r->log.count;
    return SG_OK;
}

sg_err sg_doc_load(struct sg_doc *doc, bool whole)
{
    uint8_t bytes[SG_GENESIS_LEN];
    struct sg_genesis genesis;
    size_t len;
    SG_TRY(sg_docs_genesis(doc->store, bytes, sizeof(bytes), &len));
    if (sg_genesis_decode(sg_bytes(bytes, len), &genesis) != SG_OK)
        return SG_ERR_CORRUPT;
    sg_err err = load_once(doc, &genesis, whole);
    /* a snapshot that is damaged, or that a row has not seen: history tells it all */
    bool is_needed = err == SG_ERR_EXPIRED || err == SG_ERR_CORRUPT;
    if (err == SG_OK && doc->is_partial)
        is_needed = is_in_doubt(doc, &doc->replica->log);
    if (!whole && is_needed)
        err = load_once(doc, &genesis, true);
    return err;
}

/* ---- writing --------------------------------------------------------------------------------- */

enum { ROWS = 256 };

static bool is_own(const struct sg_doc *doc, uint32_t number)
{
    const struct sg_log_batch *batch = &doc->replica->log.batches[number];
    const struct sg_log_chain *chain = &doc->replica->log.chains[batch->chain];
    return batch->seq < chain->made_seq && memcmp(chain->author, doc->author, SG_ID_LEN) == 0;
}

sg_err sg_doc_flush(struct sg_doc *doc)
{
    const struct sg_replica *r = doc->replica;
    struct sg_docs_batch rows[ROWS];
    if (doc->store == NULL)
        return SG_OK;
    while (doc->saved < r->log.count) {
        uint32_t count = 0;
        for (; count < ROWS && doc->saved + count < r->log.count; count++) {
            struct sg_batch batch;
            struct sg_docs_batch *row = &rows[count];
            SG_TRY(sg_replica_batch(r, doc->saved + count, &batch));
            *row = (struct sg_docs_batch){
                .seq = batch.seq, .lamport = batch.lamport, .rest = batch.rest};
            memcpy(row->name, r->log.batches[doc->saved + count].name, SG_ID_LEN);
            memcpy(row->author, batch.author, SG_ID_LEN);
            row->is_own = is_own(doc, doc->saved + count);
            memcpy(row->prev, batch.prev, SG_ID_LEN);
        }
        SG_TRY(sg_docs_append(doc->store, rows, count));
        doc->saved += count;
    }
    return SG_OK;
}
