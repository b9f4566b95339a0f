#include "mls/codec.h"

struct sg_bytes sg_mls_read_vector(struct sg_reader *r)
{
    return sg_read_vector(r, SG_VARINT_MAX);
}

struct sg_bytes sg_mls_read_u16s(struct sg_reader *r)
{
    struct sg_bytes list = sg_mls_read_vector(r);
    if (list.len % 2 != 0)
        sg_reader_fail(r, SG_ERR_MALFORMED);
    return r->err == SG_OK ? list : sg_bytes(NULL, 0);
}

bool sg_mls_u16s_has(struct sg_bytes list, uint16_t value)
{
    for (size_t i = 0; i < sg_mls_u16s_count(list); i++)
        if (sg_mls_u16s_at(list, i) == value)
            return true;
    return false;
}

/* RFC9420 s2.1.1: "a presence octet with a value other than 0 or 1 MUST be rejected" */
bool sg_mls_read_present(struct sg_reader *r)
{
    uint8_t present = sg_read_u8(r);
    if (present > 1)
        sg_reader_fail(r, SG_ERR_MALFORMED);
    return r->err == SG_OK && present == 1;
}

bool sg_mls_extension_next(struct sg_bytes *rest, struct sg_mls_extension *out)
{
    if (rest->len == 0)
        return false;
    struct sg_reader r = sg_reader(*rest);
    out->type = sg_read_u16(&r);
    out->data = sg_mls_read_vector(&r);
    *rest = sg_bytes(r.at, r.left);
    return r.err == SG_OK;
}

/* RFC9420 s13.4: "Any field containing a list of extensions MUST NOT have more than one extension
 * of any given type." One bit for each type, so that a long list costs no more than a short one. */
struct seen {
    uint8_t bits[65536 / 8];
};

static bool sees_twice(struct seen *seen, uint16_t type)
{
    uint8_t bit = (uint8_t)(1u << (type % 8));
    bool twice = (seen->bits[type / 8] & bit) != 0;
    seen->bits[type / 8] |= bit;
    return twice;
}

static bool has_repeated(struct sg_bytes body)
{
    struct seen seen;
    struct sg_mls_extension one;
    memset(&seen, 0, sizeof(seen));
    while (sg_mls_extension_next(&body, &one))
        if (sees_twice(&seen, one.type))
            return true;
    return false;
}

struct sg_bytes sg_mls_read_extensions(struct sg_reader *r)
{
    struct sg_bytes body = sg_mls_read_vector(r);
    struct sg_reader in = sg_reader(body);
    size_t count = 0;
    while (in.err == SG_OK && in.left > 0) {
        (void)sg_read_u16(&in);
        (void)sg_mls_read_vector(&in);
        count++;
    }
    if (in.err != SG_OK)
        sg_reader_fail(r, in.err);
    else if (count > 1 && has_repeated(body))
        sg_reader_fail(r, SG_ERR_MALFORMED);
    return r->err == SG_OK ? body : sg_bytes(NULL, 0);
}

bool sg_mls_extension_find(struct sg_bytes extensions, uint16_t type, struct sg_bytes *data)
{
    struct sg_mls_extension one;
    while (sg_mls_extension_next(&extensions, &one)) {
        if (one.type == type) {
            *data = one.data;
            return true;
        }
    }
    return false;
}

void sg_mls_write_extension(struct sg_writer *w, uint16_t type, struct sg_bytes data)
{
    sg_write_u16(w, type);
    sg_write_vector(w, data);
}
