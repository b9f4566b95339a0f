#include "crdt/batch.h"

static void check_rising(struct sg_reader *r, struct sg_bytes names, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        if (memcmp(names.data + (size_t)(i - 1) * SG_ID_LEN, names.data + (size_t)i * SG_ID_LEN,
                   SG_ID_LEN) >= 0)
            sg_reader_fail(r, SG_ERR_NOT_CANONICAL);
    }
}

sg_err sg_batch_decode_rest(struct sg_bytes rest, const struct sg_crdt_limits *limits,
                            struct sg_batch *out)
{
    struct sg_reader r = sg_reader(rest);
    out->rest = rest;
    if (rest.len > limits->batch_bytes)
        return SG_ERR_OVERSIZED;
    out->lamport = sg_get_u32(&r, limits->ops);
    out->dep_count = sg_get_u32(&r, limits->deps);
    out->deps = sg_read_bytes(&r, (size_t)out->dep_count * SG_ID_LEN);
    if (r.err == SG_OK)
        check_rising(&r, out->deps, out->dep_count);
    out->body = sg_read_bytes(&r, r.left);
    return sg_reader_done(&r);
}

sg_err sg_batch_decode(struct sg_bytes bytes, const struct sg_crdt_limits *limits,
                       struct sg_batch *out)
{
    struct sg_reader r = sg_reader(bytes);
    *out = (struct sg_batch){0};
    uint8_t version = sg_read_u8(&r);
    if (r.err == SG_OK && version != SG_BATCH_VERSION)
        return SG_ERR_VERSION;
    sg_read_copy(&r, out->document, SG_ID_LEN);
    sg_read_copy(&r, out->author, SG_ID_LEN);
    out->seq = sg_get_u32(&r, limits->ops);
    if (out->seq > 0)
        sg_read_copy(&r, out->prev, SG_ID_LEN);
    struct sg_bytes rest = sg_read_bytes(&r, r.left);
    SG_TRY(sg_reader_done(&r));
    return sg_batch_decode_rest(rest, limits, out);
}

size_t sg_batch_prefix(const struct sg_batch *batch, uint8_t out[SG_BATCH_PREFIX_MAX])
{
    size_t len = 0;
    out[len++] = SG_BATCH_VERSION;
    memcpy(out + len, batch->document, SG_ID_LEN);
    memcpy(out + len + SG_ID_LEN, batch->author, SG_ID_LEN);
    len += 2 * SG_ID_LEN;
    uint32_t seq = batch->seq;
    for (; seq >= 0x80; seq >>= 7)
        out[len++] = (uint8_t)(seq | 0x80);
    out[len++] = (uint8_t)seq;
    if (batch->seq > 0) {
        memcpy(out + len, batch->prev, SG_ID_LEN);
        len += SG_ID_LEN;
    }
    return len;
}

void sg_batch_name(const struct sg_suite *suite, const struct sg_batch *batch,
                   uint8_t name[SG_HASH_LEN])
{
    uint8_t prefix[SG_BATCH_PREFIX_MAX];
    size_t len = sg_batch_prefix(batch, prefix);
    const struct sg_bytes parts[] = {SG_BYTES_LIT("saorsa batch v1"), sg_bytes(prefix, len),
                                     batch->rest};
    suite->hash(parts, 3, name);
}
