/* Writer with a fixed capacity and a sticky error, the counterpart of base/reader.h. A writer
 * with data NULL only counts: sg_writer_len then tells how much room an encoding needs. */
#ifndef SG_BASE_WRITER_H
#define SG_BASE_WRITER_H

#include "base/bytes.h"

/* The largest length an RFC 9420 s2.1.2 varint can carry. */
#define SG_VARINT_MAX UINT32_C(0x3fffffff)

struct sg_writer {
    uint8_t *data; /* borrowed; NULL = count only */
    size_t len;
    size_t cap;
    sg_err err;
};

static inline struct sg_writer sg_writer(uint8_t *data, size_t cap)
{
    return (struct sg_writer){data, 0, cap, SG_OK};
}

static inline struct sg_writer sg_writer_counting(void)
{
    return (struct sg_writer){NULL, 0, SIZE_MAX, SG_OK};
}

void sg_write_u8(struct sg_writer *w, uint8_t value);
void sg_write_u16(struct sg_writer *w, uint16_t value);
void sg_write_u32(struct sg_writer *w, uint32_t value);
void sg_write_u64(struct sg_writer *w, uint64_t value);
/* Minimal form; above SG_VARINT_MAX fails with SG_ERR_TOO_LARGE. */
void sg_write_varint(struct sg_writer *w, uint64_t value);
void sg_write_bytes(struct sg_writer *w, struct sg_bytes bytes);
/* opaque field<V>: varint length and bytes. */
void sg_write_vector(struct sg_writer *w, struct sg_bytes bytes);

/* Back-patched vector: begin returns a mark, end writes the length before what came since. The
 * bytes move by up to 3 when the length needs more than one. Vectors nest. */
size_t sg_write_vector_begin(struct sg_writer *w);
void sg_write_vector_end(struct sg_writer *w, size_t mark);

/* SG_ERR_FULL when the capacity was too small, or the first error. */
SG_MUST_USE sg_err sg_writer_done(const struct sg_writer *w);
/* Bytes that an RFC 9420 s2.1.2 varint of value takes: 1, 2 or 4. */
size_t sg_varint_len(uint32_t value);

#endif
