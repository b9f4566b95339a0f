/* Borrowed spans, ids, and comparisons. The types themselves are public: <saorsa/types.h>. */
#ifndef SG_BASE_BYTES_H
#define SG_BASE_BYTES_H

#include <stdbool.h>
#include <string.h>

#include <saorsa/types.h>

#include "base/err.h"

/* A span over len bytes at data; borrowed. */
static inline struct sg_bytes sg_bytes(const void *data, size_t len)
{
    return (struct sg_bytes){(const uint8_t *)data, len};
}

/* A span over a string literal without its NUL. */
#define SG_BYTES_LIT(s) ((struct sg_bytes){(const uint8_t *)("" s), sizeof(s) - 1})

static inline bool sg_bytes_equal(struct sg_bytes a, struct sg_bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* -1, 0, 1 by byte order, the shorter first when one is a prefix. Not for secrets. */
int sg_bytes_compare(struct sg_bytes a, struct sg_bytes b);

static inline bool sg_peer_id_equal(const struct sg_peer_id *a, const struct sg_peer_id *b)
{
    return memcmp(a->b, b->b, SG_ID_LEN) == 0;
}

/* < 0, 0, > 0 by byte order. */
static inline int sg_peer_id_compare(const struct sg_peer_id *a, const struct sg_peer_id *b)
{
    return memcmp(a->b, b->b, SG_ID_LEN);
}

static inline bool sg_topic_id_equal(const struct sg_topic_id *a, const struct sg_topic_id *b)
{
    return memcmp(a->b, b->b, SG_ID_LEN) == 0;
}

static inline bool sg_msg_id_equal(const struct sg_msg_id *a, const struct sg_msg_id *b)
{
    return memcmp(a->b, b->b, SG_ID_LEN) == 0;
}

/* Little-endian words. Written out, because compilers make one load or store of that but not of a
 * loop. */
static inline uint32_t sg_load32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t sg_load64(const uint8_t *p)
{
    return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 |
           (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 |
           (uint64_t)p[7] << 56;
}

/* Lower-case hex of len bytes into out [2 * len + 1]. */
void sg_hex(const uint8_t *data, size_t len, char *out);

#endif
