/* Taking over the floor of somebody who has compacted.
 *
 * A floor is the state of a document without its history, signed. Whoever takes one over believes
 * the signer: nothing in it can be checked against batches. So it is taken only of the replica's
 * own author or of somebody whom the application has named, only when the replica lacks something
 * that is in it, and only when nothing is lost that an earlier floor here stands for: two people
 * who both compacted before they had all of each other's work have parted for good, and are told
 * so.
 *
 * What the replica has and the floor has not is kept in the same transaction that takes the rows
 * away, until the application says that it has it. */
#include "runtime/doc_impl.h"

#include "crypto/ids.h"

static const char floor_context[] = "saorsa floor v2";
/* Of the document and the hash of the state as a whole, as it was before there were pieces. Such a
 * floor is taken over like any other one, but as a file only: no piece of it could be judged. */
static const char whole_context[] = "saorsa floor v1";

/* ---- signatures ------------------------------------------------------------------------------ */

/* What is signed: the document, and the hash of the hashes of the state's pieces. So a piece can be
 * judged when it comes, and not only when all of them are there. */
static void make_message(const struct sg_doc *doc, struct sg_bytes content,
                         uint8_t out[2 * SG_ID_LEN])
{
    memcpy(out, doc->replica->document, SG_ID_LEN);
    sg_suite_default()->hash(&content, 1, out + SG_ID_LEN);
}

sg_err sg_doc_put_hashes(struct sg_bytes state, struct sg_column *out)
{
    for (size_t at = 0; at < state.len; at += SG_DOC_STATE_PIECE) {
        size_t left = state.len - at;
        uint8_t hash[SG_HASH_LEN];
        const struct sg_bytes piece =
            sg_bytes(state.data + at, left < SG_DOC_STATE_PIECE ? left : SG_DOC_STATE_PIECE);
        sg_suite_default()->hash(&piece, 1, hash);
        sg_put_bytes(out, sg_bytes(hash, sizeof(hash)));
    }
    return out->has_failed ? SG_ERR_NO_MEMORY : SG_OK;
}

sg_err sg_doc_sign_floor(const struct sg_doc *doc, struct sg_bytes state, struct sg_column *out)
{
    const struct sg_signer *signer = sg_identity_signer(doc->identity);
    struct sg_column hashes = {.mem = doc->mem};
    uint8_t message[2 * SG_ID_LEN];
    uint8_t signature[SG_SIG_MAX];
    sg_err err = sg_doc_put_hashes(state, &hashes);
    make_message(doc, sg_column_bytes(&hashes), message);
    sg_column_fini(&hashes);
    SG_TRY(err);
    SG_TRY(signer->sign(signer->state, sg_bytes(floor_context, sizeof(floor_context) - 1),
                        sg_bytes(message, sizeof(message)), signature));
    sg_put_vector(out, signer->public_key);
    sg_put_vector(out, sg_bytes(signature, signer->suite->sig_len));
    return out->has_failed ? SG_ERR_NO_MEMORY : SG_OK;
}

static bool is_trusted(const struct sg_doc *doc, struct sg_bytes key)
{
    struct sg_peer_id peer;
    if (sg_peer_id_from_public_key(sg_suite_default(), key, &peer) != SG_OK)
        return false;
    if (memcmp(peer.b, doc->author, SG_ID_LEN) == 0)
        return true;
    for (size_t i = 0; i < doc->trusted_count; i++) {
        if (memcmp(peer.b, doc->trusted[i].b, SG_ID_LEN) == 0)
            return true;
    }
    return false;
}

/* content: hashes of the pieces, or the state, as the context has it. */
static sg_err verify(const struct sg_doc *doc, struct sg_bytes context, struct sg_bytes floor,
                     struct sg_bytes content)
{
    uint8_t message[2 * SG_ID_LEN];
    struct sg_reader in = sg_reader(floor);
    struct sg_bytes key = sg_get_vector(&in, SG_SIG_PUBLIC_MAX);
    struct sg_bytes signature = sg_get_vector(&in, SG_SIG_MAX);
    SG_TRY(sg_reader_done(&in));
    make_message(doc, content, message);
    SG_TRY(sg_suite_default()->verify(key, context, sg_bytes(message, sizeof(message)), signature));
    return is_trusted(doc, key) ? SG_OK : SG_ERR_PERMISSION;
}

sg_err sg_doc_verify_floor(const struct sg_doc *doc, struct sg_bytes floor, struct sg_bytes hashes)
{
    return verify(doc, sg_bytes(floor_context, sizeof(floor_context) - 1), floor, hashes);
}

static sg_err verify_state(const struct sg_doc *doc, struct sg_bytes floor, struct sg_bytes state)
{
    struct sg_column hashes = {.mem = doc->mem};
    sg_err err = sg_doc_put_hashes(state, &hashes);
    if (err == SG_OK)
        err = sg_doc_verify_floor(doc, floor, sg_column_bytes(&hashes));
    sg_column_fini(&hashes);
    if (err == SG_ERR_BAD_SIGNATURE)
        err = verify(doc, sg_bytes(whole_context, sizeof(whole_context) - 1), floor, state);
    return err;
}

/* ---- who has what ---------------------------------------------------------------------------- */

/* Whether a log has all that the floor of another one stands for. */
static bool covers(const struct sg_log *log, const struct sg_log *other)
{
    for (uint32_t i = 0; i < other->floor_count; i++) {
        const struct sg_log_batch *end = &other->batches[i];
        if (sg_log_find(log, end->name) != SG_LOG_NONE)
            continue;
        /* within its own floor it knows no names but those of the ends */
        uint32_t chain = sg_log_chain_like(log, &other->chains[end->chain]);
        if (chain == SG_LOG_NONE || log->chains[chain].floor <= end->counter + end->ops)
            return false;
    }
    return true;
}

static sg_err decode(struct sg_doc *doc, struct sg_bytes state, struct sg_replica **out)
{
    SG_TRY(sg_doc_replica_new(doc, &doc->replica->config.genesis, out));
    sg_err err = sg_state_decode(*out, state, false);
    if (err != SG_OK) {
        sg_doc_replica_free(doc, *out);
        *out = NULL;
    }
    return err;
}

sg_err sg_doc_is_behind(struct sg_doc *doc, struct sg_bytes record, bool *is_behind)
{
    struct sg_reader in = sg_reader(record);
    struct sg_replica *fresh;
    struct sg_bytes floor = sg_get_vector(&in, SG_DOC_FLOOR_MAX);
    struct sg_bytes state = sg_read_bytes(&in, in.left);
    SG_TRY(sg_reader_done(&in));
    /* nothing is decoded that nobody has signed; of what a stranger signed only the log is */
    sg_err verified = verify_state(doc, floor, state);
    if (verified != SG_OK && verified != SG_ERR_PERMISSION)
        return verified;
    SG_TRY(sg_doc_replica_new(doc, &doc->replica->config.genesis, &fresh));
    sg_err err = sg_state_decode_log(fresh, state);
    if (err != SG_OK) {
        sg_doc_replica_free(doc, fresh);
        return err;
    }
    *is_behind = !covers(&doc->replica->log, &fresh->log);
    sg_doc_replica_free(doc, fresh);
    return SG_OK;
}

/* What this replica has and the floor has not. */
static sg_err take_unsynced(struct sg_doc *doc, const struct sg_replica *floor,
                            struct sg_column *bundle)
{
    const struct sg_log *log = &doc->replica->log;
    struct sg_frontier_view view = {.end = log->count, .chains = log->chain_count};
    uint32_t from = 0;
    view.upto = sg_mem_new(doc->mem, log->chain_count + 1u, sizeof(view.upto[0]));
    if (view.upto == NULL)
        return SG_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < log->chain_count; i++) {
        uint32_t like = sg_log_chain_like(&floor->log, &log->chains[i]);
        view.upto[i] = like == SG_LOG_NONE ? 0 : floor->log.chains[like].floor;
    }
    sg_bundle_begin(doc->replica, bundle);
    size_t empty = bundle->len;
    sg_err err = sg_bundle_put_missing(doc->replica, &view, &from, SIZE_MAX, bundle);
    if (bundle->len == empty || err != SG_OK)
        sg_column_fini(bundle);
    sg_mem_free(doc->mem, view.upto);
    return err;
}

/* ---- taking over ----------------------------------------------------------------------------- */

/* The state record of a bundle: its floor and the state itself. */
static sg_err find_state(struct sg_doc *doc, struct sg_bytes plain, struct sg_bytes *floor,
                         struct sg_bytes *state)
{
    struct sg_reader in = sg_reader(plain);
    struct sg_genesis genesis;
    uint8_t id[SG_ID_LEN];
    SG_TRY(sg_bundle_genesis(plain, &genesis));
    sg_genesis_id(sg_suite_default(), &genesis, id);
    if (memcmp(id, doc->replica->document, SG_ID_LEN) != 0)
        return SG_ERR_WRONG_PEER;
    (void)sg_read_bytes(&in, 6 + SG_GENESIS_LEN);
    while (in.left > 0 && in.err == SG_OK) {
        uint8_t kind = sg_read_u8(&in);
        struct sg_reader record = sg_reader(sg_get_vector(&in, UINT32_MAX));
        if (kind != SG_BUNDLE_STATE || in.err != SG_OK)
            continue;
        *floor = sg_get_vector(&record, SG_DOC_FLOOR_MAX);
        *state = sg_read_bytes(&record, record.left);
        SG_TRY(sg_reader_done(&record));
        return verify_state(doc, *floor, *state);
    }
    return in.err != SG_OK ? in.err : SG_ERR_NOT_FOUND;
}

/* Without a store the state is kept here, for others. */
static sg_err keep_state(struct sg_doc *doc, struct sg_bytes floor, struct sg_bytes state)
{
    struct sg_column copy = {.mem = doc->mem};
    sg_put_bytes(&copy, state);
    if (copy.has_failed)
        return SG_ERR_NO_MEMORY;
    sg_err err = sg_doc_keep_floor(doc, floor);
    if (err != SG_OK) {
        sg_column_fini(&copy);
        return err;
    }
    sg_column_fini(&doc->floor_state);
    doc->floor_state = copy;
    return SG_OK;
}

/* What the author has written so far may be gone with the floor, its numbers are not free. */
static sg_err keep_used(struct sg_doc *doc)
{
    uint32_t end_seq;
    (void)sg_log_own(&doc->replica->log, doc->author, &end_seq);
    if (end_seq <= doc->used_seq)
        return SG_OK;
    if (doc->store != NULL)
        SG_TRY(sg_docs_put_used(doc->store, doc->author, end_seq));
    doc->used_seq = end_seq;
    return SG_OK;
}

static sg_err replace(struct sg_doc *doc, struct sg_replica *fresh, struct sg_bytes floor,
                      struct sg_bytes state)
{
    struct sg_column unsynced = {.mem = doc->mem};
    sg_err err = take_unsynced(doc, fresh, &unsynced);
    if (err == SG_OK)
        err = keep_used(doc);
    if (err == SG_OK && doc->store != NULL)
        err = sg_docs_compact(doc->store, state, floor, sg_column_bytes(&unsynced));
    if (err == SG_OK && doc->store == NULL)
        err = keep_state(doc, floor, state);
    if (err != SG_OK) {
        sg_column_fini(&unsynced);
        return err;
    }
    if (doc->store == NULL) {
        sg_column_fini(&doc->unsynced);
        doc->unsynced = unsynced;
    } else {
        sg_column_fini(&unsynced);
    }
    return SG_OK;
}

/* All may be different: a view looks at everything again. */
static void tell_all(struct sg_doc *doc)
{
    const struct sg_cells *cells = &doc->replica->cells;
    for (uint32_t i = 0; doc->on_patch != NULL && i < cells->count; i++) {
        const struct sg_doc_patch patch = {.node = i};
        if (sg_cells_is_used(cells, i) && cells->cells[i].kind != SG_CELL_ELEMENT)
            doc->on_patch(doc->user, &patch);
    }
}

static sg_err adopt_state(struct sg_doc *doc, struct sg_bytes floor, struct sg_bytes state)
{
    struct sg_replica *fresh;
    SG_TRY(decode(doc, state, &fresh));
    if (covers(&doc->replica->log, &fresh->log)) {
        sg_doc_replica_free(doc, fresh);
        return SG_OK;
    }
    sg_err err = covers(&fresh->log, &doc->replica->log) ? SG_OK : SG_ERR_EXPIRED;
    if (err == SG_OK)
        err = replace(doc, fresh, floor, state);
    if (err != SG_OK) {
        sg_doc_replica_free(doc, fresh);
        return err;
    }
    doc->refused_count = 0;
    sg_doc_gather_drop(doc, sg_doc_floor_id(floor)); /* others may bring more */
    sg_doc_undo_clear(doc, 0);
    sg_doc_replace(doc, fresh);
    doc->saved = fresh->log.count;
    if (doc->store != NULL)
        SG_TRY(sg_doc_load(doc, true));
    for (uint32_t i = 0; doc->store == NULL && i < fresh->log.floor_count; i++)
        fresh->log.chains[fresh->log.batches[i].chain].made_seq = fresh->log.batches[i].seq + 1;
    tell_all(doc);
    return SG_OK;
}

/* One that is not taken over will not be the next time, either; but only of one that somebody has
 * signed: else a state that nobody made would keep the real one out. */
static sg_err adopt(struct sg_doc *doc, struct sg_bytes plain)
{
    struct sg_bytes floor = {0};
    struct sg_bytes state;
    sg_err err = find_state(doc, plain, &floor, &state);
    bool is_signed = err == SG_OK || err == SG_ERR_PERMISSION;
    if (err == SG_OK)
        err = adopt_state(doc, floor, state);
    bool is_ours = err == SG_ERR_PERMISSION || err == SG_ERR_EXPIRED;
    if (is_signed && (is_ours || sg_err_class_of(err) == SG_ERR_CLASS_PEER))
        sg_doc_refuse_floor(doc, sg_doc_floor_id(floor));
    return err;
}

sg_err sg_doc_adopt(struct sg_doc *doc, struct sg_bytes bundle, struct sg_doc_bytes *unsynced)
{
    struct sg_doc_import_result result;
    struct sg_doc_bytes kept;
    struct sg_bytes plain;
    uint8_t *unpacked;
    *unsynced = (struct sg_doc_bytes){0};
    if (doc->replica->txn.is_open)
        return SG_ERR_INVALID_STATE;
    SG_TRY(sg_doc_load_history(doc));
    SG_TRY(sg_doc_flush(doc));
    SG_TRY(sg_doc_unpack_bundle(bundle, &plain, &unpacked));
    sg_err err = adopt(doc, plain);
    if (err == SG_OK) /* and what was written on top of it */
        err = sg_doc_import(doc, plain, 0, &result);
    sg_mem_free(doc->mem, unpacked);
    SG_TRY(err);
    err = sg_doc_unsynced(doc, &kept);
    if (err != SG_OK)
        return err == SG_ERR_NOT_FOUND ? SG_OK : err;
    /* of that, too, some may have seen the floor */
    err = sg_doc_import(doc, sg_bytes(kept.data, kept.len), 0, &result);
    bool has_all = result.refused == 0 && result.postponed == 0;
    if (err == SG_OK && has_all && doc->replica->pending.count == 0) {
        sg_doc_bytes_free(&kept);
        return sg_doc_unsynced_done(doc);
    }
    *unsynced = kept;
    return err;
}

/* ---- what the floor did not have ------------------------------------------------------------- */

sg_err sg_doc_unsynced(struct sg_doc *doc, struct sg_doc_bytes *bundle)
{
    struct sg_column copy = {.mem = doc->mem};
    *bundle = (struct sg_doc_bytes){0};
    if (doc->store != NULL)
        return sg_docs_unsynced(doc->store, &bundle->data, &bundle->len);
    if (doc->unsynced.len == 0)
        return SG_ERR_NOT_FOUND;
    sg_put_bytes(&copy, sg_column_bytes(&doc->unsynced));
    if (copy.has_failed)
        return SG_ERR_NO_MEMORY;
    *bundle = (struct sg_doc_bytes){copy.data, copy.len};
    return SG_OK;
}

sg_err sg_doc_unsynced_done(struct sg_doc *doc)
{
    sg_column_fini(&doc->unsynced);
    return doc->store != NULL ? sg_docs_forget_unsynced(doc->store) : SG_OK;
}
