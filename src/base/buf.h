/* Reference-counted byte buffer: one payload shared by the message cache, N peers and QUIC until
 * it is acknowledged. Not atomic: all references of a buffer live on one thread (or under one
 * lock). The bytes must not change once the buffer has a second owner. */
#ifndef SG_BASE_BUF_H
#define SG_BASE_BUF_H

#include "base/bytes.h"
#include "base/mem.h"

struct sg_buf {
    const struct sg_mem *mem;
    uint32_t refs;
    uint32_t cap; /* bytes available */
    uint32_t len; /* bytes used */
    uint8_t data[];
};

/* A buffer with one reference, len 0 and room for cap bytes; NULL when out of memory. */
struct sg_buf *sg_buf_new(const struct sg_mem *mem, size_t cap);
/* The same, filled with a copy of bytes. */
struct sg_buf *sg_buf_copy(const struct sg_mem *mem, struct sg_bytes bytes);
/* One more owner; returns buf. */
struct sg_buf *sg_buf_ref(struct sg_buf *buf);
/* One owner less; the last one frees. NULL is allowed. */
void sg_buf_unref(struct sg_buf *buf);

static inline struct sg_bytes sg_buf_bytes(const struct sg_buf *buf)
{
    return sg_bytes(buf->data, buf->len);
}

#endif
