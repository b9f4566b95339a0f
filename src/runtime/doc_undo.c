/* Undo: the inverse of an author's newest transaction, as new changes. What is undone is named by
 * element ids, so it does not matter what others did meanwhile. */
#include "runtime/doc_impl.h"

void sg_doc_undo_clear(struct sg_doc *doc, uint32_t from)
{
    for (uint32_t i = from; i < doc->undo_count; i++)
        sg_column_fini(&doc->undo[i].bytes);
    doc->undo_count = from;
}

/* The chain of another log that is this one; none: there is no such element, and nothing to be
 * undone. */
static uint32_t moved(const struct sg_log *from, const struct sg_log *to, uint32_t chain)
{
    return chain >= from->chain_count ? SG_LOG_NONE : sg_log_chain_like(to, &from->chains[chain]);
}

void sg_doc_undo_move(struct sg_doc *doc, const struct sg_log *from, const struct sg_log *to)
{
    uint32_t old = SG_LOG_NONE; /* the chain looked up last */
    uint32_t found = SG_LOG_NONE;
    for (uint32_t i = 0; i < doc->undo_count; i++) {
        struct sg_doc_undo *undo = &doc->undo[i];
        bool has_before = undo->kind == SG_UNDO_SET || undo->kind == SG_UNDO_REMOVED;
        if (has_before && undo->before.chain != SG_SEQ_CHAIN_NONE)
            undo->before.chain = moved(from, to, undo->before.chain);
        if (undo->kind == SG_UNDO_COUNTED || undo->kind == SG_UNDO_REMOVED)
            continue;
        if (undo->id.chain != old) {
            old = undo->id.chain;
            found = moved(from, to, old);
        }
        undo->id.chain = found;
    }
}

void sg_doc_undo_note(struct sg_doc *doc, struct sg_doc_undo *undo)
{
    undo->txn = doc->txn;
    if (undo->bytes.mem == NULL)
        undo->bytes.mem = doc->mem;
    bool is_kept = !doc->is_undoing && !undo->bytes.has_failed;
    if (is_kept && doc->undo_count == doc->undo_cap) {
        void *grown =
            sg_mem_grow(doc->mem, doc->undo, &doc->undo_cap, UINT32_MAX, sizeof(doc->undo[0]));
        if (grown != NULL)
            doc->undo = grown;
        is_kept = grown != NULL;
    }
    /* typing on is one change */
    struct sg_doc_undo *last = doc->undo_count == 0 ? NULL : &doc->undo[doc->undo_count - 1];
    if (is_kept && last != NULL && undo->kind == SG_UNDO_INSERTED && last->kind == undo->kind &&
        last->txn == undo->txn && last->node == undo->node && last->id.chain == undo->id.chain &&
        last->id.counter + last->count == undo->id.counter) {
        last->count += undo->count;
        return;
    }
    if (is_kept)
        doc->undo[doc->undo_count++] = *undo;
    else
        sg_column_fini(&undo->bytes);
}

/* The text of a note, when it still has the element. */
static const struct sg_seq *text_of(const struct sg_doc *doc, const struct sg_doc_undo *undo)
{
    bool is_text = sg_doc_is(doc, undo->node, SG_CELL_TEXT);
    return is_text && undo->id.chain < doc->replica->log.chain_count
               ? doc->replica->cells.cells[undo->node].text
               : NULL;
}

static sg_err undo_inserted(struct sg_doc *doc, const struct sg_doc_undo *undo)
{
    const struct sg_seq *text = text_of(doc, undo);
    struct sg_seq_id id = undo->id;
    for (uint32_t i = 0; text != NULL && i < undo->count; i++, id.counter++) {
        uint32_t pos;
        bool is_visible;
        if (sg_seq_pos_of(text, id, &pos, &is_visible) && is_visible)
            SG_TRY(sg_replica_delete(doc->replica, undo->node, pos, 1));
    }
    return SG_OK;
}

static sg_err undo_deleted(struct sg_doc *doc, const struct sg_doc_undo *undo)
{
    const struct sg_seq *text = text_of(doc, undo);
    uint32_t pos;
    bool is_visible;
    if (text == NULL || !sg_seq_pos_of(text, undo->id, &pos, &is_visible))
        return SG_OK;
    return sg_replica_insert(doc->replica, undo->node, pos, sg_column_bytes(&undo->bytes));
}

/* What is brought back is a new change: notes about the old one go by that from now on. */
static void relink(struct sg_doc *doc, const struct sg_doc_undo *undo, enum sg_doc_undo_kind kind,
                   struct sg_seq_id made)
{
    for (uint32_t i = 0; i < doc->undo_count; i++) {
        struct sg_doc_undo *other = &doc->undo[i];
        if (other->kind == kind && other->node == undo->node &&
            sg_seq_id_equal(other->id, undo->before))
            other->id = made;
    }
}

/* What was set since by somebody else stays. */
static sg_err undo_set(struct sg_doc *doc, const struct sg_doc_undo *undo)
{
    const struct sg_value value = {undo->value_kind, sg_column_bytes(&undo->bytes)};
    const struct sg_txn *txn = &doc->replica->txn;
    const struct sg_seq_id made = {txn->past.chain, txn->counter};
    const struct sg_cell *cell = &doc->replica->cells.cells[undo->node];
    bool is_ours = true;
    for (uint32_t i = 0; i < cell->value_count; i++)
        is_ours = is_ours && sg_seq_id_equal(cell->values[i].dot, undo->id);
    if (!is_ours)
        return SG_OK;
    if (!undo->has_value)
        return sg_replica_clear(doc->replica, undo->node);
    SG_TRY(sg_replica_set(doc->replica, undo->node, &value));
    relink(doc, undo, SG_UNDO_SET, made);
    return SG_OK;
}

static sg_err undo_removed(struct sg_doc *doc, const struct sg_doc_undo *undo)
{
    const struct sg_value value = {undo->value_kind, sg_column_bytes(&undo->bytes)};
    const struct sg_txn *txn = &doc->replica->txn;
    const struct sg_seq_id made = {txn->past.chain, txn->counter};
    SG_TRY(sg_replica_add(doc->replica, undo->node, &value));
    relink(doc, undo, SG_UNDO_ADDED, made);
    return SG_OK;
}

/* An element that somebody else has added, too, stays. */
static sg_err undo_added(struct sg_doc *doc, const struct sg_doc_undo *undo)
{
    const struct sg_value value = {undo->value_kind, sg_column_bytes(&undo->bytes)};
    const struct sg_cells *cells = &doc->replica->cells;
    struct sg_column key = {.mem = doc->mem};
    sg_cell_element_key(&key, &value);
    if (key.has_failed)
        return SG_ERR_NO_MEMORY;
    uint32_t at = sg_cells_find(cells, undo->node, SG_CELL_ELEMENT, sg_column_bytes(&key));
    sg_column_fini(&key);
    bool is_ours = at != SG_CELL_NONE;
    for (uint32_t i = 0; is_ours && i < cells->cells[at].value_count; i++)
        is_ours = sg_seq_id_equal(cells->cells[at].values[i].dot, undo->id);
    return is_ours ? sg_replica_remove(doc->replica, undo->node, &value) : SG_OK;
}

static sg_err undo_one(struct sg_doc *doc, const struct sg_doc_undo *undo)
{
    switch (undo->kind) {
    case SG_UNDO_INSERTED:
        return undo_inserted(doc, undo);
    case SG_UNDO_DELETED:
        return undo_deleted(doc, undo);
    case SG_UNDO_SET:
        return undo_set(doc, undo);
    case SG_UNDO_COUNTED:
        return sg_replica_count(doc->replica, undo->node, (int64_t)(0 - (uint64_t)undo->delta));
    case SG_UNDO_ADDED:
        return undo_added(doc, undo);
    case SG_UNDO_REMOVED:
        return undo_removed(doc, undo);
    }
    return SG_OK;
}

sg_err sg_doc_undo(struct sg_doc *doc)
{
    if (!doc->replica->txn.is_open)
        return SG_ERR_INVALID_STATE;
    uint32_t count = doc->undo_count;
    if (count == 0)
        return SG_ERR_NOT_FOUND;
    uint32_t txn = doc->undo[count - 1].txn;
    sg_err err = SG_OK;
    while (count > 0 && doc->undo[count - 1].txn == txn && err == SG_OK)
        err = undo_one(doc, &doc->undo[--count]);
    sg_doc_undo_clear(doc, count);
    return err;
}
