#include "base/writer.h"

static void writer_fail(struct sg_writer *w, sg_err err)
{
    if (w->err == SG_OK)
        w->err = err;
}

/* Room for len more bytes, or NULL when counting, full or failed. */
static uint8_t *reserve(struct sg_writer *w, size_t len)
{
    if (w->err != SG_OK)
        return NULL;
    if (len > w->cap - w->len) {
        writer_fail(w, SG_ERR_FULL);
        return NULL;
    }
    uint8_t *at = w->data == NULL ? NULL : w->data + w->len;
    w->len += len;
    return at;
}

static void write_uint(struct sg_writer *w, uint64_t value, size_t width)
{
    uint8_t *at = reserve(w, width);
    if (at == NULL)
        return;
    for (size_t i = 0; i < width; i++)
        at[i] = (uint8_t)(value >> (8 * (width - 1 - i)));
}

void sg_write_u8(struct sg_writer *w, uint8_t value)
{
    uint8_t *at = reserve(w, 1);
    if (at != NULL)
        *at = value;
}

void sg_write_u16(struct sg_writer *w, uint16_t value)
{
    write_uint(w, value, 2);
}

void sg_write_u32(struct sg_writer *w, uint32_t value)
{
    write_uint(w, value, 4);
}

void sg_write_u64(struct sg_writer *w, uint64_t value)
{
    write_uint(w, value, 8);
}

size_t sg_varint_len(uint32_t value)
{
    if (value < 64)
        return 1;
    return value < 16384 ? 2 : 4;
}

void sg_write_varint(struct sg_writer *w, uint64_t value)
{
    if (value > SG_VARINT_MAX) {
        writer_fail(w, SG_ERR_TOO_LARGE);
        return;
    }
    size_t width = sg_varint_len((uint32_t)value);
    uint64_t prefix = width == 1 ? 0 : (width == 2 ? 1 : 2);
    write_uint(w, value | (prefix << (8 * width - 2)), width);
}

void sg_write_bytes(struct sg_writer *w, struct sg_bytes bytes)
{
    uint8_t *at = reserve(w, bytes.len);
    if (at != NULL && bytes.len > 0)
        memcpy(at, bytes.data, bytes.len);
}

void sg_write_vector(struct sg_writer *w, struct sg_bytes bytes)
{
    sg_write_varint(w, bytes.len);
    sg_write_bytes(w, bytes);
}

size_t sg_write_vector_begin(struct sg_writer *w)
{
    size_t mark = w->len;
    sg_write_u8(w, 0);
    return mark;
}

void sg_write_vector_end(struct sg_writer *w, size_t mark)
{
    if (w->err != SG_OK)
        return;
    size_t body = w->len - mark - 1;
    if (body > SG_VARINT_MAX) {
        writer_fail(w, SG_ERR_TOO_LARGE);
        return;
    }
    size_t width = sg_varint_len((uint32_t)body);
    (void)reserve(w, width - 1);
    if (w->err != SG_OK || w->data == NULL)
        return;
    memmove(w->data + mark + width, w->data + mark + 1, body);
    struct sg_writer head = sg_writer(w->data + mark, width);
    sg_write_varint(&head, body);
}

sg_err sg_writer_done(const struct sg_writer *w)
{
    return w->err;
}
