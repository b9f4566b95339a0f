/* What the structs of RFC 9420 share: lists that stay as the bytes that came. A list is checked
 * once, when it is read, and walked in place afterwards, so unknown values survive as they are and
 * cost nothing. */
#ifndef SG_MLS_CODEC_H
#define SG_MLS_CODEC_H

#include "base/reader.h"
#include "base/writer.h"

/* A vector of any size that the reader's input allows. Borrowed. */
struct sg_bytes sg_mls_read_vector(struct sg_reader *r);

/* uint16 list<V>: the body, borrowed. An odd length fails with SG_ERR_MALFORMED. */
struct sg_bytes sg_mls_read_u16s(struct sg_reader *r);
/* Is value in the list? */
bool sg_mls_u16s_has(struct sg_bytes list, uint16_t value);
/* Number of values, and the i-th. */
static inline size_t sg_mls_u16s_count(struct sg_bytes list)
{
    return list.len / 2;
}
static inline uint16_t sg_mls_u16s_at(struct sg_bytes list, size_t i)
{
    return (uint16_t)(list.data[2 * i] << 8 | list.data[2 * i + 1]);
}

struct sg_mls_extension {
    uint16_t type;
    struct sg_bytes data; /* borrowed */
};

/* Extension extensions<V>: the body, borrowed. SG_ERR_MALFORMED: a type comes twice. */
struct sg_bytes sg_mls_read_extensions(struct sg_reader *r);
/* Takes the next extension off the front of a body that was read with sg_mls_read_extensions;
 * false at its end. */
bool sg_mls_extension_next(struct sg_bytes *rest, struct sg_mls_extension *out);
/* Finds an extension. */
bool sg_mls_extension_find(struct sg_bytes extensions, uint16_t type, struct sg_bytes *data);
void sg_mls_write_extension(struct sg_writer *w, uint16_t type, struct sg_bytes data);

/* optional<T>: 0 or 1; anything else fails with SG_ERR_MALFORMED. */
bool sg_mls_read_present(struct sg_reader *r);

/* What r has read since start. */
static inline struct sg_bytes sg_mls_since(const struct sg_reader *r, const uint8_t *start)
{
    return r->err != SG_OK || start == NULL ? sg_bytes(NULL, 0)
                                            : sg_bytes(start, (size_t)(r->at - start));
}

#endif
