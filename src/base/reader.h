/* Bounds-checked reader with a sticky error, for TLS presentation syntax (RFC 8446 s3) with the
 * variable-size vectors of RFC 9420 s2.1.2. After the first error every read gives zeros and empty
 * spans, so a decoder reads all fields and checks once, with sg_reader_done. */
#ifndef SG_BASE_READER_H
#define SG_BASE_READER_H

#include "base/bytes.h"

struct sg_reader {
    const uint8_t *at;
    size_t left;
    sg_err err;
};

/* Reads from bytes, which stay borrowed: spans read point into them. */
static inline struct sg_reader sg_reader(struct sg_bytes bytes)
{
    return (struct sg_reader){bytes.data, bytes.len, SG_OK};
}

uint8_t sg_read_u8(struct sg_reader *r);
uint16_t sg_read_u16(struct sg_reader *r);
uint32_t sg_read_u32(struct sg_reader *r);
uint64_t sg_read_u64(struct sg_reader *r);
/* RFC 9420 s2.1.2 variable-size length: 1, 2 or 4 bytes, minimal form only
 * (SG_ERR_NOT_CANONICAL), prefix 3 refused (SG_ERR_MALFORMED). */
uint32_t sg_read_varint(struct sg_reader *r);
/* len bytes, borrowed. */
struct sg_bytes sg_read_bytes(struct sg_reader *r, size_t len);
/* opaque field<V>: a varint length and its bytes, borrowed; longer than max is
 * SG_ERR_OVERSIZED. */
struct sg_bytes sg_read_vector(struct sg_reader *r, size_t max);
/* Copies len bytes to out; on error out is zeroed. */
void sg_read_copy(struct sg_reader *r, uint8_t *out, size_t len);
/* Makes the reader fail with err, unless it has failed already. */
void sg_reader_fail(struct sg_reader *r, sg_err err);
/* SG_OK when all bytes were read without an error, SG_ERR_TRAILING when some are left. */
SG_MUST_USE sg_err sg_reader_done(const struct sg_reader *r);

#endif
