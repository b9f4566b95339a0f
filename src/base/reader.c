#include "base/reader.h"

void sg_reader_fail(struct sg_reader *r, sg_err err)
{
    if (r->err == SG_OK)
        r->err = err;
    r->left = 0;
}

struct sg_bytes sg_read_bytes(struct sg_reader *r, size_t len)
{
    struct sg_bytes none = {NULL, 0};
    if (r->err != SG_OK)
        return none;
    if (len > r->left) {
        sg_reader_fail(r, SG_ERR_TRUNCATED);
        return none;
    }
    struct sg_bytes out = {r->at, len};
    if (len > 0)
        r->at += len;
    r->left -= len;
    return out;
}

static uint64_t read_uint(struct sg_reader *r, size_t width)
{
    struct sg_bytes bytes = sg_read_bytes(r, width);
    uint64_t value = 0;
    for (size_t i = 0; i < bytes.len; i++)
        value = (value << 8) | bytes.data[i];
    return value;
}

uint8_t sg_read_u8(struct sg_reader *r)
{
    if (r->err != SG_OK || r->left == 0) {
        sg_reader_fail(r, SG_ERR_TRUNCATED);
        return 0;
    }
    r->left--;
    return *r->at++;
}

uint16_t sg_read_u16(struct sg_reader *r)
{
    return (uint16_t)read_uint(r, 2);
}

uint32_t sg_read_u32(struct sg_reader *r)
{
    return (uint32_t)read_uint(r, 4);
}

uint64_t sg_read_u64(struct sg_reader *r)
{
    return read_uint(r, 8);
}

uint32_t sg_read_varint(struct sg_reader *r)
{
    uint8_t first = sg_read_u8(r);
    unsigned prefix = first >> 6;
    uint32_t value = first & 0x3f;
    if (prefix == 3) {
        sg_reader_fail(r, SG_ERR_MALFORMED);
        return 0;
    }
    size_t more = ((size_t)1 << prefix) - 1;
    for (size_t i = 0; i < more; i++)
        value = (value << 8) | sg_read_u8(r);
    /* RFC9420 s2.1.2: "the value MUST be encoded with the smallest number of bits required" */
    if ((prefix == 1 && value < 64) || (prefix == 2 && value < 16384)) {
        sg_reader_fail(r, SG_ERR_NOT_CANONICAL);
        return 0;
    }
    return r->err == SG_OK ? value : 0;
}

struct sg_bytes sg_read_vector(struct sg_reader *r, size_t max)
{
    uint32_t len = sg_read_varint(r);
    if (r->err == SG_OK && len > max)
        sg_reader_fail(r, SG_ERR_OVERSIZED);
    return sg_read_bytes(r, len);
}

void sg_read_copy(struct sg_reader *r, uint8_t *out, size_t len)
{
    struct sg_bytes bytes = sg_read_bytes(r, len);
    if (bytes.len == len && len > 0)
        memcpy(out, bytes.data, len);
    else if (len > 0)
        memset(out, 0, len);
}

sg_err sg_reader_done(const struct sg_reader *r)
{
    if (r->err != SG_OK)
        return r->err;
    return r->left == 0 ? SG_OK : SG_ERR_TRAILING;
}
