/* Compressed bytes: for what is kept whole, never for single batches. */
#ifndef SG_STORE_PACK_H
#define SG_STORE_PACK_H

#include "base/bytes.h"
#include "base/mem.h"

/* zlib (RFC 1950) of bytes -> *out [*len], owned by the caller. level 1 .. 9. SG_ERR_NO_MEMORY,
 * SG_ERR_TOO_LARGE: above 4 GiB. */
SG_MUST_USE sg_err sg_pack(const struct sg_mem *mem, struct sg_bytes bytes, int level,
                           uint8_t **out, size_t *len);
/* The inverse. SG_ERR_CORRUPT: no zlib data, cut, or something behind it; SG_ERR_OVERSIZED: more
 * than max bytes come out of it, SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_unpack(const struct sg_mem *mem, struct sg_bytes packed, size_t max,
                             uint8_t **out, size_t *len);

/* How long what a stranger has packed to packed_len bytes may become, at most max. */
size_t sg_unpacked_max(size_t packed_len, size_t max);

#endif
