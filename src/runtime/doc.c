/* Documents: <saorsa/crdt.h>. Opening, transactions, closing; doc_load.c says what is on disk. */
#include "runtime/doc_impl.h"

#include "base/time.h"
#include "crypto/random.h"
#include "os/clock.h"

/* A snapshot is written on closing when so many rows came after the last one. */
#define SNAPSHOT_ROWS 256

void sg_doc_options_init(struct sg_doc_options *options)
{
    *options = (struct sg_doc_options){0};
}

/* ---- opening --------------------------------------------------------------------------------- */

static sg_err take_identity(struct sg_doc *doc, const struct sg_doc_options *options)
{
    static const uint8_t none[SG_ID_LEN];
    if (options->identity_dir == NULL) {
        memcpy(doc->author, options->author.b, SG_ID_LEN);
        return memcmp(doc->author, none, SG_ID_LEN) == 0 ? SG_ERR_INVALID_ARGUMENT : SG_OK;
    }
    const char *text = options->passphrase == NULL ? "" : options->passphrase;
    SG_TRY(sg_keystore_init(&doc->keystore, options->identity_dir, NULL));
    doc->has_keystore = true;
    SG_TRY(sg_keystore_load(&doc->keystore, sg_bytes(text, strlen(text)), &doc->identity));
    memcpy(doc->author, sg_identity_peer_id(doc->identity)->b, SG_ID_LEN);
    return SG_OK;
}

static void doc_free(struct sg_doc *doc)
{
    sg_doc_undo_clear(doc, 0);
    sg_mem_free(doc->mem, doc->undo);
    sg_doc_replica_free(doc, doc->replica);
    sg_docs_close(doc->store);
    sg_identity_free(doc->identity);
    if (doc->has_keystore)
        sg_keystore_fini(&doc->keystore);
    sg_column_fini(&doc->checkpoints);
    sg_column_fini(&doc->floor_state);
    sg_column_fini(&doc->unsynced);
    sg_doc_gather_forget(doc);
    sg_doc_state_forget(doc);
    sg_column_fini(&doc->fresh);
    sg_mem_free(doc->mem, doc->trusted);
    sg_mem_free(doc->mem, doc->floor);
    sg_mem_free(doc->mem, doc);
}

static sg_err take_trusted(struct sg_doc *doc, const struct sg_doc_options *options)
{
    if (options->trusted_count == 0)
        return SG_OK;
    doc->trusted = sg_mem_new(doc->mem, options->trusted_count, sizeof(doc->trusted[0]));
    if (doc->trusted == NULL)
        return SG_ERR_NO_MEMORY;
    memcpy(doc->trusted, options->trusted, options->trusted_count * sizeof(doc->trusted[0]));
    doc->trusted_count = options->trusted_count;
    return SG_OK;
}

static sg_err doc_new(const struct sg_doc_options *options, struct sg_doc **out)
{
    const struct sg_mem *mem = sg_mem_default();
    struct sg_doc *doc = sg_mem_new(mem, 1, sizeof(*doc));
    if (doc == NULL)
        return SG_ERR_NO_MEMORY;
    doc->mem = mem;
    doc->checkpoints.mem = doc->floor_state.mem = doc->unsynced.mem = doc->fresh.mem = mem;
    doc->gather_max = SG_DOC_GATHER_MAX;
    doc->gather_own_max = SG_DOC_GATHER_OWN_MAX;
    doc->is_lazy = options->lazy;
    sg_err err = take_identity(doc, options);
    if (err == SG_OK)
        err = take_trusted(doc, options);
    if (err != SG_OK) {
        doc_free(doc);
        return err;
    }
    *out = doc;
    return SG_OK;
}

static sg_err open_store(struct sg_doc *doc, const char *path, struct sg_bytes genesis)
{
    const struct sg_docs_options options = {
        .mem = doc->mem, .sys = sg_file_sys_default(), .path = path, .genesis = genesis};
    return sg_docs_open(&doc->store, &options);
}

/* A document that begins here. */
static sg_err begin_document(const struct sg_doc_options *options, const struct sg_genesis *genesis,
                             struct sg_doc *doc)
{
    uint8_t bytes[SG_GENESIS_LEN];
    sg_genesis_encode(genesis, bytes);
    if (options->path != NULL)
        SG_TRY(open_store(doc, options->path, sg_bytes(bytes, sizeof(bytes))));
    return sg_doc_replica_new(doc, genesis, &doc->replica);
}

/* Whoever knows a shared name makes the same document: nobody has created it. */
static sg_err choose_genesis(const struct sg_doc_options *options, const struct sg_doc *doc,
                             struct sg_genesis *genesis)
{
    uint8_t hash[SG_HASH_LEN];
    const char *name = options->shared_name;
    if (name == NULL) {
        memcpy(genesis->creator, doc->author, SG_ID_LEN);
        return sg_random(genesis->nonce, sizeof(genesis->nonce));
    }
    if (name[0] == 0 || strlen(name) > SG_CRDT_KEY_MAX)
        return SG_ERR_INVALID_ARGUMENT;
    const struct sg_bytes parts[] = {SG_BYTES_LIT("saorsa shared document v1"),
                                     sg_bytes(name, strlen(name))};
    sg_suite_default()->hash(parts, 2, hash);
    memcpy(genesis->nonce, hash, sizeof(genesis->nonce));
    return SG_OK;
}

sg_err sg_doc_create(const struct sg_doc_options *options, enum sg_doc_order order,
                     struct sg_doc **out)
{
    struct sg_genesis genesis = {.order = order == SG_DOC_RGA ? SG_SEQ_RGA : SG_SEQ_FUGUE_MAX};
    struct sg_doc *doc;
    SG_TRY(doc_new(options, &doc));
    sg_err err = choose_genesis(options, doc, &genesis);
    if (err == SG_OK)
        err = begin_document(options, &genesis, doc);
    if (err != SG_OK)
        doc_free(doc);
    else
        *out = doc;
    return err;
}

sg_err sg_doc_open(const struct sg_doc_options *options, struct sg_doc **out)
{
    struct sg_doc *doc;
    if (options->path == NULL)
        return SG_ERR_INVALID_ARGUMENT;
    SG_TRY(doc_new(options, &doc));
    sg_err err = open_store(doc, options->path, sg_bytes(NULL, 0));
    if (err == SG_OK)
        err = sg_doc_load(doc, false);
    if (err != SG_OK)
        doc_free(doc);
    else
        *out = doc;
    return err;
}

/* Of a document that could not be made; its lock may be somebody else's by now. */
static void remove_files(const char *path)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    char name[SG_FILE_PATH_MAX];
    size_t len = strlen(path);
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        size_t more = strlen(suffixes[i]) + 1;
        if (len + more > sizeof(name))
            return;
        memcpy(name, path, len);
        memcpy(name + len, suffixes[i], more);
        (void)sg_file_sys_default()->unlink(name);
    }
}

sg_err sg_doc_join(const struct sg_doc_options *options, struct sg_bytes bundle,
                   struct sg_doc **out)
{
    struct sg_doc_import_result result;
    struct sg_doc_bytes unsynced = {0};
    struct sg_bytes plain;
    uint8_t *unpacked = NULL;
    struct sg_genesis genesis;
    struct sg_doc *doc;
    SG_TRY(sg_doc_unpack_bundle(bundle, &plain, &unpacked));
    sg_err err = sg_bundle_genesis(plain, &genesis);
    if (err == SG_OK)
        err = doc_new(options, &doc);
    if (err != SG_OK) {
        sg_mem_free(sg_mem_default(), unpacked);
        return err;
    }
    err = begin_document(options, &genesis, doc);
    bool is_made = err == SG_OK && options->path != NULL;
    if (err == SG_OK)
        err = sg_doc_import(doc, plain, 0, &result);
    if (err == SG_OK && result.has_floor) {
        err = sg_doc_adopt(doc, plain, &unsynced);
        sg_doc_bytes_free(&unsynced);
    }
    sg_mem_free(sg_mem_default(), unpacked);
    if (err == SG_OK) {
        *out = doc;
        return SG_OK;
    }
    doc_free(doc);
    if (is_made)
        remove_files(options->path);
    return err;
}

/* ---- closing --------------------------------------------------------------------------------- */

static sg_err write_snapshot(struct sg_doc *doc)
{
    struct sg_column state = {.mem = doc->mem};
    if (doc->floor != NULL || sg_docs_last(doc->store) < doc->snapshot + SNAPSHOT_ROWS)
        return SG_OK;
    sg_err err = sg_state_encode(doc->replica, &state);
    if (err == SG_OK)
        err = sg_docs_put_snapshot(doc->store, sg_docs_last(doc->store), sg_column_bytes(&state));
    sg_column_fini(&state);
    return err;
}

sg_err sg_doc_close(struct sg_doc *doc)
{
    sg_err err = SG_OK;
    if (doc == NULL)
        return SG_OK;
    if (doc->replica != NULL && doc->store != NULL) {
        bool is_sound = !doc->replica->is_broken && !doc->replica->txn.is_open;
        err = sg_doc_flush(doc);
        if (err == SG_OK && is_sound && doc->identity != NULL && doc->unsigned_count > 0)
            err = sg_doc_checkpoint(doc);
        if (err == SG_OK && is_sound)
            err = write_snapshot(doc);
    }
    doc_free(doc);
    return err;
}

void sg_doc_id(const struct sg_doc *doc, uint8_t id[SG_ID_LEN])
{
    memcpy(id, doc->replica->document, SG_ID_LEN);
}

enum sg_doc_order sg_doc_order_of(const struct sg_doc *doc)
{
    return doc->replica->config.genesis.order == SG_SEQ_RGA ? SG_DOC_RGA : SG_DOC_FUGUE_MAX;
}

/* ---- transactions ---------------------------------------------------------------------------- */

sg_err sg_doc_begin(struct sg_doc *doc)
{
    doc->txn++;
    return sg_replica_begin(doc->replica, doc->author);
}

sg_err sg_doc_save(struct sg_doc *doc)
{
    return sg_doc_flush(doc);
}

sg_err sg_doc_commit(struct sg_doc *doc)
{
    uint32_t batch;
    SG_TRY(sg_replica_commit(doc->replica, &batch));
    if (batch == SG_LOG_NONE)
        return SG_OK;
    if (doc->unsigned_count++ == 0)
        doc->unsigned_since = sg_clock_now();
    bool is_due = doc->replica->log.count - doc->saved >= SG_CHECKPOINT_BATCHES;
    if (!doc->is_lazy || is_due)
        SG_TRY(sg_doc_flush(doc));
    if (doc->identity != NULL && doc->unsigned_count >= SG_CHECKPOINT_BATCHES)
        return sg_doc_checkpoint(doc);
    uint64_t due_ms;
    return sg_doc_sign_due(doc, &due_ms);
}

sg_err sg_doc_sign_due(struct sg_doc *doc, uint64_t *due_ms)
{
    *due_ms = UINT64_MAX;
    if (doc->identity == NULL || doc->unsigned_count == 0 || doc->replica->txn.is_open)
        return SG_OK;
    sg_time_ns due = sg_time_add(doc->unsigned_since, SG_CHECKPOINT_SECONDS * SG_NS_PER_S);
    sg_time_ns now = sg_clock_now();
    if (now >= due)
        return sg_doc_checkpoint(doc);
    *due_ms = (due - now) / SG_NS_PER_MS + 1;
    return SG_OK;
}

/* A document in memory is built again from its own log. */
static sg_err rebuild(struct sg_doc *doc)
{
    const struct sg_replica *old = doc->replica;
    struct sg_replica *fresh;
    if (old->log.floor_count > 0)
        return SG_ERR_UNSUPPORTED;
    SG_TRY(sg_doc_replica_new(doc, &old->config.genesis, &fresh));
    sg_err err = SG_OK;
    fresh->config.on_change = NULL;
    for (uint32_t i = 0; i < old->log.count && err == SG_OK; i++) {
        struct sg_column bytes = {.mem = doc->mem};
        enum sg_import result;
        err = sg_replica_export(old, i, &bytes);
        if (err == SG_OK)
            err = sg_replica_import(fresh, sg_column_bytes(&bytes), 0, &result);
        sg_column_fini(&bytes);
    }
    fresh->config.on_change = old->config.on_change;
    if (err != SG_OK) {
        sg_doc_replica_free(doc, fresh);
        return err;
    }
    sg_doc_replace(doc, fresh);
    return SG_OK;
}

sg_err sg_doc_rollback(struct sg_doc *doc)
{
    uint32_t keep = doc->undo_count;
    if (!doc->replica->txn.is_open && !doc->replica->is_broken)
        return SG_ERR_INVALID_STATE;
    while (keep > 0 && doc->undo[keep - 1].txn == doc->txn)
        keep--;
    sg_doc_undo_clear(doc, keep);
    if (doc->store == NULL)
        return rebuild(doc);
    SG_TRY(sg_doc_flush(doc));
    return sg_doc_load(doc, !doc->is_partial);
}
