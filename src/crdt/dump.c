#include "crdt/state.h"

static void put_text(struct sg_column *out, const char *text)
{
    sg_put_bytes(out, sg_bytes(text, strlen(text)));
}

static void put_number(struct sg_column *out, int64_t value)
{
    char digits[24];
    size_t at = sizeof(digits);
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0)
        digits[--at] = '-';
    sg_put_bytes(out, sg_bytes(digits + at, sizeof(digits) - at));
}

static void put_hex(struct sg_column *out, struct sg_bytes bytes)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < bytes.len; i++) {
        sg_put_u8(out, (uint8_t)digits[bytes.data[i] >> 4]);
        sg_put_u8(out, (uint8_t)digits[bytes.data[i] & 15]);
    }
}

static void put_value(struct sg_column *out, const struct sg_value *value)
{
    struct sg_reader r = sg_reader(value->bytes);
    switch ((enum sg_value_kind)value->kind) {
    case SG_VALUE_NULL:
        put_text(out, "null");
        return;
    case SG_VALUE_FALSE:
        put_text(out, "false");
        return;
    case SG_VALUE_TRUE:
        put_text(out, "true");
        return;
    case SG_VALUE_INT:
        put_number(out, sg_unzigzag(sg_get_uint(&r)));
        return;
    case SG_VALUE_TEXT:
        put_text(out, "\"");
        sg_put_bytes(out, value->bytes);
        put_text(out, "\"");
        return;
    case SG_VALUE_BYTES:
    case SG_VALUE_DOUBLE:
        put_text(out, value->kind == SG_VALUE_BYTES ? "x" : "d");
        put_hex(out, value->bytes);
        return;
    }
}

static void put_content(struct sg_column *out, const struct sg_replica *r, uint32_t at)
{
    const struct sg_cell *cell = &r->cells.cells[at];
    if (cell->kind == SG_CELL_COUNTER)
        put_number(out, cell->count);
    if (cell->kind == SG_CELL_TEXT) {
        struct sg_bytes piece;
        for (uint32_t pos = 0; (piece = sg_seq_read(cell->text, pos)).len > 0;) {
            sg_put_bytes(out, piece);
            pos += sg_utf8_count(piece).chars;
        }
    }
    uint32_t first =
        cell->kind == SG_CELL_REGISTER && cell->value_count > 0 ? cell->value_count - 1 : 0;
    for (uint32_t i = first; i < cell->value_count && cell->kind != SG_CELL_ELEMENT; i++) {
        const struct sg_cell_value *v = &cell->values[i];
        const struct sg_value value = {v->kind, sg_bytes(v->bytes, v->len)};
        put_text(out, i > first ? ", " : "");
        put_value(out, &value);
    }
    if (cell->kind == SG_CELL_ELEMENT) {
        const struct sg_value value = sg_cell_element_value(cell);
        put_value(out, &value);
    }
    put_text(out, "\n");
}

static void put_cells(struct sg_column *out, const struct sg_replica *r, uint32_t owner)
{
    static const char *const names[] = {"map ",      "text ",  "set ", "counter ",
                                        "register ", "multi ", "- "};
    for (uint32_t i = SG_CELL_NONE; (i = sg_cells_next(&r->cells, owner, i)) != SG_CELL_NONE;) {
        const struct sg_cell *cell = &r->cells.cells[i];
        if (!sg_cells_is_present(&r->cells, i))
            continue;
        for (uint32_t depth = 1; depth < cell->depth; depth++)
            put_text(out, "  ");
        put_text(out, names[cell->kind]);
        if (cell->kind != SG_CELL_ELEMENT) {
            sg_put_bytes(out, sg_bytes(cell->key, cell->key_len));
            put_text(out, cell->kind == SG_CELL_MAP || cell->kind == SG_CELL_SET ? ":" : ": ");
        }
        put_content(out, r, i);
        if (cell->kind == SG_CELL_MAP || cell->kind == SG_CELL_SET)
            put_cells(out, r, i);
    }
}

sg_err sg_state_dump(const struct sg_replica *r, struct sg_column *out)
{
    put_cells(out, r, SG_CELL_ROOT);
    return out->has_failed ? SG_ERR_NO_MEMORY : SG_OK;
}
