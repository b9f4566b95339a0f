/* Reading a document. */
#include "runtime/doc_impl.h"

static const struct sg_seq *text_of(const struct sg_doc *doc, sg_doc_node text)
{
    return sg_doc_is(doc, text, SG_CELL_TEXT) ? doc->replica->cells.cells[text].text : NULL;
}

uint32_t sg_doc_text_len(const struct sg_doc *doc, sg_doc_node text, enum sg_doc_unit unit)
{
    const struct sg_seq *seq = text_of(doc, text);
    return seq == NULL ? 0 : sg_seq_len(seq, (enum sg_seq_unit)unit);
}

struct sg_bytes sg_doc_text_read(const struct sg_doc *doc, sg_doc_node text, uint32_t pos)
{
    const struct sg_seq *seq = text_of(doc, text);
    return seq == NULL ? sg_bytes(NULL, 0) : sg_seq_read(seq, pos);
}

uint32_t sg_doc_text_convert(const struct sg_doc *doc, sg_doc_node text, uint32_t pos,
                             enum sg_doc_unit from, enum sg_doc_unit to)
{
    const struct sg_seq *seq = text_of(doc, text);
    if (seq == NULL)
        return 0;
    uint32_t chars = sg_seq_to_chars(seq, pos, (enum sg_seq_unit)from);
    return sg_seq_from_chars(seq, chars, (enum sg_seq_unit)to);
}

sg_err sg_doc_next(const struct sg_doc *doc, sg_doc_node parent, sg_doc_node after,
                   struct sg_doc_entry *entry)
{
    const struct sg_cells *cells = &doc->replica->cells;
    if (!sg_doc_is(doc, parent, SG_CELL_MAP) && !sg_doc_is(doc, parent, SG_CELL_SET))
        return SG_ERR_INVALID_ARGUMENT;
    if (after != SG_DOC_NONE && (!sg_cells_is_used(cells, after) || after == SG_DOC_ROOT ||
                                 cells->cells[after].owner != parent))
        return SG_ERR_INVALID_ARGUMENT;
    uint32_t at = after;
    do
        at = sg_cells_next(cells, parent, at);
    while (at != SG_CELL_NONE && !sg_cells_is_present(cells, at));
    if (at == SG_CELL_NONE)
        return SG_ERR_NOT_FOUND;
    const struct sg_cell *cell = &cells->cells[at];
    *entry = (struct sg_doc_entry){.node = at, .kind = (enum sg_doc_kind)cell->kind};
    if (cell->kind == SG_CELL_ELEMENT) {
        const struct sg_value value = sg_cell_element_value(cell);
        entry->value = sg_doc_value_out(&value);
    } else {
        entry->key = sg_bytes(cell->key, cell->key_len);
    }
    return SG_OK;
}

sg_err sg_doc_find(const struct sg_doc *doc, sg_doc_node map, enum sg_doc_kind kind,
                   const char *key, sg_doc_node *node)
{
    const struct sg_cells *cells = &doc->replica->cells;
    if (!sg_doc_is(doc, map, SG_CELL_MAP))
        return SG_ERR_NOT_FOUND;
    uint32_t at = sg_cells_find(cells, map, (enum sg_cell_kind)kind, sg_bytes(key, strlen(key)));
    if (at == SG_CELL_NONE || !sg_cells_is_present(cells, at))
        return SG_ERR_NOT_FOUND;
    *node = at;
    return SG_OK;
}

sg_err sg_doc_get(const struct sg_doc *doc, sg_doc_node reg, uint32_t at,
                  struct sg_doc_value *value)
{
    bool is_multi = sg_doc_is(doc, reg, SG_CELL_MULTI);
    if (!is_multi && !sg_doc_is(doc, reg, SG_CELL_REGISTER))
        return SG_ERR_NOT_FOUND;
    const struct sg_cell *cell = &doc->replica->cells.cells[reg];
    if (at >= cell->value_count || (at > 0 && !is_multi))
        return SG_ERR_NOT_FOUND;
    const struct sg_cell_value *v = &cell->values[cell->value_count - 1 - at];
    const struct sg_value in = {v->kind, sg_bytes(v->bytes, v->len)};
    *value = sg_doc_value_out(&in);
    return SG_OK;
}

int64_t sg_doc_counter(const struct sg_doc *doc, sg_doc_node counter)
{
    return sg_doc_is(doc, counter, SG_CELL_COUNTER) ? doc->replica->cells.cells[counter].count : 0;
}

bool sg_doc_has(const struct sg_doc *doc, sg_doc_node set, const struct sg_doc_value *value)
{
    struct sg_column key = {.mem = doc->mem};
    uint8_t buffer[10];
    if (!sg_doc_is(doc, set, SG_CELL_SET))
        return false;
    const struct sg_value in = sg_doc_value_in(value, buffer);
    sg_cell_element_key(&key, &in);
    uint32_t cell =
        sg_cells_find(&doc->replica->cells, set, SG_CELL_ELEMENT, sg_column_bytes(&key));
    sg_column_fini(&key);
    return cell != SG_CELL_NONE && sg_cells_is_present(&doc->replica->cells, cell);
}

/* ---- cursors --------------------------------------------------------------------------------- */

/* author [32], counter (4 bytes, little-endian), kind u8: 0 = the end, then the first 3 bytes of
 * the name of the batch with the character, by which it is found where an author has forked (zero
 * where that is below a floor: there the chain with such a character is found by trying). */
#define CURSOR_NAME (SG_ID_LEN + 5)
#define CURSOR_NAME_LEN 3

/* The batch of a chain above the floor that has an operation, or SG_LOG_NONE. */
static uint32_t batch_with(const struct sg_log *log, struct sg_seq_id id)
{
    const struct sg_log_chain *c = &log->chains[id.chain];
    uint32_t low = 0;
    uint32_t high = c->count;
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (log->batches[c->batches[mid]].counter <= id.counter)
            low = mid + 1;
        else
            high = mid;
    }
    uint32_t batch = low == 0 ? SG_LOG_NONE : c->batches[low - 1];
    return batch != SG_LOG_NONE && batch >= log->floor_count ? batch : SG_LOG_NONE;
}

sg_err sg_doc_cursor_at(const struct sg_doc *doc, sg_doc_node text, uint32_t pos,
                        struct sg_doc_cursor *cursor)
{
    const struct sg_seq *seq = text_of(doc, text);
    uint32_t len = sg_doc_text_len(doc, text, SG_DOC_CHARS);
    if (!sg_doc_is(doc, text, SG_CELL_TEXT) || pos > len)
        return SG_ERR_INVALID_ARGUMENT;
    *cursor = (struct sg_doc_cursor){{0}};
    if (pos == len)
        return SG_OK;
    struct sg_seq_id id = sg_seq_id_at(seq, pos);
    memcpy(cursor->b, doc->replica->log.chains[id.chain].author, SG_ID_LEN);
    for (unsigned i = 0; i < 4; i++)
        cursor->b[SG_ID_LEN + i] = (uint8_t)(id.counter >> 8 * i);
    cursor->b[SG_ID_LEN + 4] = 1;
    uint32_t batch = batch_with(&doc->replica->log, id);
    if (batch != SG_LOG_NONE)
        memcpy(cursor->b + CURSOR_NAME, doc->replica->log.batches[batch].name, CURSOR_NAME_LEN);
    return SG_OK;
}

sg_err sg_doc_cursor_pos(const struct sg_doc *doc, sg_doc_node text,
                         const struct sg_doc_cursor *cursor, uint32_t *pos)
{
    const struct sg_seq *seq = text_of(doc, text);
    const struct sg_log *log = &doc->replica->log;
    bool is_visible;
    if (cursor->b[SG_ID_LEN + 4] == 0) {
        *pos = sg_doc_text_len(doc, text, SG_DOC_CHARS);
        return SG_OK;
    }
    bool is_found = false;
    for (uint32_t i = 0; seq != NULL && i < log->chain_count; i++) {
        struct sg_seq_id id = {i, sg_load32(cursor->b + SG_ID_LEN)};
        uint32_t at;
        if (memcmp(log->chains[i].author, cursor->b, SG_ID_LEN) != 0 ||
            !sg_seq_pos_of(seq, id, &at, &is_visible))
            continue;
        uint32_t batch = batch_with(log, id);
        bool is_it = batch != SG_LOG_NONE && memcmp(log->batches[batch].name,
                                                    cursor->b + CURSOR_NAME, CURSOR_NAME_LEN) == 0;
        if (!is_found || is_it)
            *pos = at;
        is_found = true;
        if (is_it)
            break;
    }
    if (is_found)
        return SG_OK;
    return SG_ERR_NOT_FOUND;
}

void sg_doc_on_patch(struct sg_doc *doc,
                     void (*on_patch)(void *user, const struct sg_doc_patch *patch), void *user)
{
    doc->on_patch = on_patch;
    doc->user = user;
}
