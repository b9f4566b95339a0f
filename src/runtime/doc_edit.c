/* Changes of a document by its own author, each with a note for undo. */
#include "runtime/doc_impl.h"

bool sg_doc_is(const struct sg_doc *doc, sg_doc_node node, enum sg_cell_kind kind)
{
    const struct sg_cells *cells = &doc->replica->cells;
    return node < cells->count && cells->cells[node].kind == kind;
}

sg_err sg_doc_node_of(struct sg_doc *doc, sg_doc_node map, enum sg_doc_kind kind, const char *key,
                      sg_doc_node *node)
{
    if (key == NULL || (unsigned)kind >= SG_CELL_ELEMENT)
        return SG_ERR_INVALID_ARGUMENT;
    return sg_replica_cell(doc->replica, map, (enum sg_cell_kind)kind, sg_bytes(key, strlen(key)),
                           node);
}

/* ---- texts ----------------------------------------------------------------------------------- */

sg_err sg_doc_text_insert(struct sg_doc *doc, sg_doc_node text, uint32_t pos, const char *utf8,
                          size_t len)
{
    struct sg_replica *r = doc->replica;
    struct sg_doc_undo undo = {.kind = SG_UNDO_INSERTED, .node = text};
    undo.id = (struct sg_seq_id){r->txn.past.chain, r->txn.counter};
    SG_TRY(sg_replica_insert(r, text, pos, sg_bytes(utf8, len)));
    undo.count = r->txn.counter - undo.id.counter;
    if (undo.count > 0)
        sg_doc_undo_note(doc, &undo);
    return SG_OK;
}

static void copy_text(const struct sg_seq *text, uint32_t pos, uint32_t count,
                      struct sg_column *out)
{
    while (count > 0) {
        struct sg_bytes piece = sg_seq_read(text, pos);
        uint32_t chars = sg_utf8_count(piece).chars;
        if (chars > count) {
            piece.len = sg_utf8_skip(piece, count);
            chars = count;
        }
        sg_put_bytes(out, piece);
        pos += chars;
        count -= chars;
    }
}

sg_err sg_doc_text_delete(struct sg_doc *doc, sg_doc_node text, uint32_t pos, uint32_t count)
{
    struct sg_doc_undo undo = {.kind = SG_UNDO_DELETED, .node = text};
    undo.bytes.mem = doc->mem;
    uint32_t len = sg_doc_text_len(doc, text, SG_DOC_CHARS);
    bool is_in = pos < len && count <= len - pos;
    if (is_in && count > 0) {
        const struct sg_seq *seq = doc->replica->cells.cells[text].text;
        undo.id = sg_seq_id_at(seq, pos);
        copy_text(seq, pos, count, &undo.bytes);
    }
    sg_err err = sg_replica_delete(doc->replica, text, pos, count);
    if (err == SG_OK && count > 0)
        sg_doc_undo_note(doc, &undo);
    else
        sg_column_fini(&undo.bytes);
    return err;
}

/* ---- values ---------------------------------------------------------------------------------- */

struct sg_value sg_doc_value_in(const struct sg_doc_value *value, uint8_t buffer[10])
{
    struct sg_value out = {(uint8_t)value->kind, {buffer, 0}};
    uint64_t bits;
    switch (value->kind) {
    case SG_DOC_NULL:
    case SG_DOC_FALSE:
    case SG_DOC_TRUE:
        break;
    case SG_DOC_INT:
        for (bits = sg_zigzag(value->number); bits >= 0x80; bits >>= 7)
            buffer[out.bytes.len++] = (uint8_t)(bits | 0x80);
        buffer[out.bytes.len++] = (uint8_t)bits;
        break;
    case SG_DOC_STRING:
    case SG_DOC_BYTES:
        out.bytes = value->bytes;
        break;
    case SG_DOC_DOUBLE:
        memcpy(&bits, &value->real, sizeof(bits));
        for (; out.bytes.len < 8; bits >>= 8)
            buffer[out.bytes.len++] = (uint8_t)bits;
        break;
    }
    return out;
}

struct sg_doc_value sg_doc_value_out(const struct sg_value *value)
{
    struct sg_doc_value out = {.kind = (enum sg_doc_value_kind)value->kind};
    struct sg_reader r = sg_reader(value->bytes);
    uint64_t bits = 0;
    if (value->kind == SG_VALUE_INT) {
        out.number = sg_unzigzag(sg_get_uint(&r));
    } else if (value->kind == SG_VALUE_DOUBLE) {
        bits = sg_load64(value->bytes.data);
        memcpy(&out.real, &bits, sizeof(bits));
    } else {
        out.bytes = value->bytes;
    }
    return out;
}

/* The value that a register has, for undo. */
static void note_register(struct sg_doc *doc, sg_doc_node reg, struct sg_doc_undo *undo)
{
    *undo = (struct sg_doc_undo){.kind = SG_UNDO_SET, .node = reg, .before = SG_SEQ_NONE};
    undo->bytes.mem = doc->mem;
    undo->id = (struct sg_seq_id){doc->replica->txn.past.chain, doc->replica->txn.counter};
    if (!sg_doc_is(doc, reg, SG_CELL_REGISTER) && !sg_doc_is(doc, reg, SG_CELL_MULTI))
        return;
    const struct sg_cell *cell = &doc->replica->cells.cells[reg];
    undo->has_value = cell->value_count > 0;
    if (undo->has_value) {
        const struct sg_cell_value *value = &cell->values[cell->value_count - 1];
        undo->value_kind = value->kind;
        undo->before = value->dot;
        sg_put_bytes(&undo->bytes, sg_bytes(value->bytes, value->len));
    }
}

static sg_err noted(struct sg_doc *doc, struct sg_doc_undo *undo, sg_err err)
{
    if (err == SG_OK)
        sg_doc_undo_note(doc, undo);
    else
        sg_column_fini(&undo->bytes);
    return err;
}

sg_err sg_doc_set(struct sg_doc *doc, sg_doc_node reg, const struct sg_doc_value *value)
{
    uint8_t buffer[10];
    struct sg_doc_undo undo;
    const struct sg_value in = sg_doc_value_in(value, buffer);
    note_register(doc, reg, &undo);
    return noted(doc, &undo, sg_replica_set(doc->replica, reg, &in));
}

sg_err sg_doc_count(struct sg_doc *doc, sg_doc_node counter, int64_t delta)
{
    struct sg_doc_undo undo = {.kind = SG_UNDO_COUNTED, .node = counter, .delta = delta};
    undo.bytes.mem = doc->mem;
    return noted(doc, &undo, sg_replica_count(doc->replica, counter, delta));
}

/* The addition of an element that is in a set. */
static struct sg_seq_id addition_of(const struct sg_doc *doc, sg_doc_node set,
                                    const struct sg_value *value)
{
    const struct sg_cells *cells = &doc->replica->cells;
    struct sg_column key = {.mem = doc->mem};
    sg_cell_element_key(&key, value);
    uint32_t at = sg_cells_find(cells, set, SG_CELL_ELEMENT, sg_column_bytes(&key));
    sg_column_fini(&key);
    if (at == SG_CELL_NONE || cells->cells[at].value_count == 0)
        return SG_SEQ_NONE;
    return cells->cells[at].values[cells->cells[at].value_count - 1].dot;
}

static sg_err change_set(struct sg_doc *doc, sg_doc_node set, const struct sg_doc_value *value,
                         bool is_add)
{
    uint8_t buffer[10];
    struct sg_doc_undo undo = {.kind = is_add ? SG_UNDO_ADDED : SG_UNDO_REMOVED, .node = set};
    const struct sg_value in = sg_doc_value_in(value, buffer);
    bool had = sg_doc_has(doc, set, value);
    undo.id = (struct sg_seq_id){doc->replica->txn.past.chain, doc->replica->txn.counter};
    undo.before = had ? addition_of(doc, set, &in) : SG_SEQ_NONE;
    undo.bytes.mem = doc->mem;
    undo.value_kind = in.kind;
    sg_put_bytes(&undo.bytes, in.bytes); /* before the element goes, whose value it may be */
    sg_err err =
        is_add ? sg_replica_add(doc->replica, set, &in) : sg_replica_remove(doc->replica, set, &in);
    if (had != is_add)
        return noted(doc, &undo, err);
    sg_column_fini(&undo.bytes); /* nothing to be taken back */
    return err;
}

sg_err sg_doc_add(struct sg_doc *doc, sg_doc_node set, const struct sg_doc_value *value)
{
    return change_set(doc, set, value, true);
}

sg_err sg_doc_remove(struct sg_doc *doc, sg_doc_node set, const struct sg_doc_value *value)
{
    return change_set(doc, set, value, false);
}

/* Of maps and sets: each entry by itself, so that each can be undone. */
static sg_err clear_entries(struct sg_doc *doc, sg_doc_node node)
{
    struct sg_doc_entry entry = {.node = SG_DOC_NONE};
    sg_err err = sg_doc_next(doc, node, SG_DOC_NONE, &entry);
    while (err == SG_OK) {
        struct sg_doc_entry next;
        sg_err more = sg_doc_next(doc, node, entry.node, &next);
        SG_TRY(entry.kind == SG_DOC_ELEMENT ? sg_doc_remove(doc, node, &entry.value)
                                            : sg_doc_clear(doc, entry.node));
        entry = next;
        err = more;
    }
    return err == SG_ERR_NOT_FOUND ? SG_OK : err;
}

sg_err sg_doc_clear(struct sg_doc *doc, sg_doc_node node)
{
    struct sg_doc_undo undo;
    if (!doc->replica->txn.is_open)
        return SG_ERR_INVALID_STATE;
    if (sg_doc_is(doc, node, SG_CELL_MAP) || sg_doc_is(doc, node, SG_CELL_SET))
        return clear_entries(doc, node); /* as deep as maps can be */
    if (sg_doc_is(doc, node, SG_CELL_TEXT))
        return sg_doc_text_delete(doc, node, 0, sg_doc_text_len(doc, node, SG_DOC_CHARS));
    if (sg_doc_is(doc, node, SG_CELL_COUNTER))
        return sg_doc_count(doc, node, (int64_t)(0 - (uint64_t)sg_doc_counter(doc, node)));
    note_register(doc, node, &undo);
    return noted(doc, &undo, sg_replica_clear(doc->replica, node));
}
