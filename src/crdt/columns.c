#include "crdt/columns.h"

void sg_column_fini(struct sg_column *c)
{
    sg_mem_free(c->mem, c->data);
    *c = (struct sg_column){.mem = c->mem};
}

static bool reserve(struct sg_column *c, size_t more)
{
    if (more <= c->cap - c->len)
        return !c->has_failed;
    size_t cap = c->cap + c->cap / 2 + more + 16;
    uint8_t *grown = cap < more ? NULL : sg_mem_resize(c->mem, c->data, cap, 1);
    if (grown == NULL) {
        c->has_failed = true;
        return false;
    }
    c->data = grown;
    c->cap = cap;
    return !c->has_failed;
}

void sg_put_u8(struct sg_column *c, uint8_t value)
{
    if (reserve(c, 1))
        c->data[c->len++] = value;
}

void sg_put_bytes(struct sg_column *c, struct sg_bytes bytes)
{
    if (bytes.len > 0 && reserve(c, bytes.len)) {
        memcpy(c->data + c->len, bytes.data, bytes.len);
        c->len += bytes.len;
    }
}

void sg_put_uint(struct sg_column *c, uint64_t value)
{
    if (!reserve(c, 10))
        return;
    for (; value >= 0x80; value >>= 7)
        c->data[c->len++] = (uint8_t)(value | 0x80);
    c->data[c->len++] = (uint8_t)value;
}

void sg_put_vector(struct sg_column *c, struct sg_bytes bytes)
{
    sg_put_uint(c, bytes.len);
    sg_put_bytes(c, bytes);
}

uint64_t sg_get_uint(struct sg_reader *r)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte = sg_read_u8(r);
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte >= 0x80)
            continue;
        if (shift > 0 && byte == 0)
            sg_reader_fail(r, SG_ERR_NOT_CANONICAL);
        if (shift == 63 && byte > 1)
            sg_reader_fail(r, SG_ERR_MALFORMED);
        return r->err == SG_OK ? value : 0;
    }
    sg_reader_fail(r, SG_ERR_MALFORMED);
    return 0;
}

uint32_t sg_get_u32(struct sg_reader *r, uint32_t max)
{
    uint64_t value = sg_get_uint(r);
    if (value <= max)
        return (uint32_t)value;
    sg_reader_fail(r, SG_ERR_OVERSIZED);
    return 0;
}

struct sg_bytes sg_get_vector(struct sg_reader *r, uint32_t max)
{
    uint32_t len = sg_get_u32(r, max);
    return sg_read_bytes(r, len);
}
