#include "store/pack.h"

#include <zlib.h>

sg_err sg_pack(const struct sg_mem *mem, struct sg_bytes bytes, int level, uint8_t **out,
               size_t *len)
{
    *out = NULL;
    if (bytes.len > UINT32_MAX)
        return SG_ERR_TOO_LARGE;
    uLongf cap = compressBound((uLong)bytes.len);
    uint8_t *packed = sg_mem_new(mem, cap, 1);
    if (packed == NULL)
        return SG_ERR_NO_MEMORY;
    if (compress2(packed, &cap, bytes.data, (uLong)bytes.len, level) != Z_OK) {
        sg_mem_free(mem, packed);
        return SG_ERR_NO_MEMORY;
    }
    *out = packed;
    *len = cap;
    return SG_OK;
}

/* Grows *out until all has come out. */
static sg_err inflate_all(const struct sg_mem *mem, z_stream *z, size_t max, uint8_t **out)
{
    size_t cap = 4096;
    for (;;) {
        uint8_t *grown = sg_mem_resize(mem, *out, cap, 1);
        if (grown == NULL)
            return SG_ERR_NO_MEMORY;
        *out = grown;
        z->next_out = grown + z->total_out;
        z->avail_out = (uInt)(cap - z->total_out);
        int rc = inflate(z, Z_NO_FLUSH);
        if (rc == Z_STREAM_END)
            return z->avail_in == 0 ? (z->total_out <= max ? SG_OK : SG_ERR_OVERSIZED)
                                    : SG_ERR_CORRUPT;
        if (rc == Z_MEM_ERROR)
            return SG_ERR_NO_MEMORY;
        if (rc != Z_OK || z->avail_out > 0)
            return SG_ERR_CORRUPT;
        if (cap > max)
            return SG_ERR_OVERSIZED;
        cap = cap * 2 < max + 1 ? cap * 2 : max + 1;
    }
}

/* What is packed may be a thousand times as long: that is fine for a page of blanks, and an attack
 * on memory with gigabytes. */
#define FREE_LEN ((size_t)64 << 20)
#define RATIO_MAX 64

size_t sg_unpacked_max(size_t packed_len, size_t max)
{
    size_t most = packed_len > max / RATIO_MAX ? max : packed_len * RATIO_MAX;
    most = most < FREE_LEN ? FREE_LEN : most;
    return most < max ? most : max;
}

sg_err sg_unpack(const struct sg_mem *mem, struct sg_bytes packed, size_t max, uint8_t **out,
                 size_t *len)
{
    z_stream z = {0};
    *out = NULL;
    if (packed.len > UINT32_MAX || packed.len == 0 || max >= UINT32_MAX)
        return SG_ERR_CORRUPT;
    if (inflateInit(&z) != Z_OK)
        return SG_ERR_NO_MEMORY;
    z.next_in = (z_const Bytef *)packed.data;
    z.avail_in = (uInt)packed.len;
    sg_err err = inflate_all(mem, &z, max, out);
    *len = z.total_out;
    (void)inflateEnd(&z);
    if (err != SG_OK) {
        sg_mem_free(mem, *out);
        *out = NULL;
    }
    return err;
}
