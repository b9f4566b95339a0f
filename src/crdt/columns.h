/* The bytes of batches and snapshots: growing buffers, and numbers of 7 bits a byte, low ones
 * first, in the shortest form (LEB128). */
#ifndef SG_CRDT_COLUMNS_H
#define SG_CRDT_COLUMNS_H

#include "base/bytes.h"
#include "base/mem.h"
#include "base/reader.h"

/* A growing buffer; owned. After an allocation has failed it stays failed. */
struct sg_column {
    const struct sg_mem *mem;
    uint8_t *data;
    size_t len, cap;
    bool has_failed;
};

static inline struct sg_bytes sg_column_bytes(const struct sg_column *c)
{
    return sg_bytes(c->data, c->len);
}

void sg_column_fini(struct sg_column *c);
void sg_put_u8(struct sg_column *c, uint8_t value);
void sg_put_bytes(struct sg_column *c, struct sg_bytes bytes);
void sg_put_uint(struct sg_column *c, uint64_t value);
/* Length and bytes. */
void sg_put_vector(struct sg_column *c, struct sg_bytes bytes);

/* Zigzag: small numbers of both signs are small. */
static inline uint64_t sg_zigzag(int64_t value)
{
    return ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0);
}

static inline int64_t sg_unzigzag(uint64_t value)
{
    return (int64_t)((value >> 1) ^ (0 - (value & 1)));
}

/* SG_ERR_NOT_CANONICAL: longer than needed; SG_ERR_MALFORMED: above 2^64. Errors stick, as with
 * base/reader.h. */
uint64_t sg_get_uint(struct sg_reader *r);
/* At most max, otherwise SG_ERR_OVERSIZED. */
uint32_t sg_get_u32(struct sg_reader *r, uint32_t max);
struct sg_bytes sg_get_vector(struct sg_reader *r, uint32_t max);

#endif
