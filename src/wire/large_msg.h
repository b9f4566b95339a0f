/* Payloads above SG_PAYLOAD_MAX: what is pushed in their place, and the frames that fetch them
 * (docs/pubsub.md, "Large payloads").
 *
 * The announcement is the payload of a GOSSIP: the size and the hash of each chunk of SG_CHUNK_LEN
 * bytes, the last one possibly shorter. HAVE tells a neighbour of the topic which chunks one has,
 * ASK asks it for some, NONE says that nothing will come. They go on the lane pubsub. CHUNK is the
 * only frame of a bulk stream. */
#ifndef SG_WIRE_LARGE_MSG_H
#define SG_WIRE_LARGE_MSG_H

#include <stdbool.h>

#include "base/reader.h"
#include "base/writer.h"
#include "wire/limits.h"

struct sg_announcement {
    uint64_t size;         /* SG_PAYLOAD_MAX + 1 .. SG_LARGE_MAX */
    uint16_t count;        /* chunks: follows from the size */
    const uint8_t *hashes; /* [count * 32] borrowed */
};

#define SG_ANNOUNCEMENT_MAX (8 + SG_CHUNKS_MAX * SG_ID_LEN)

void sg_announcement_encode(struct sg_writer *w, const struct sg_announcement *announcement);
/* SG_ERR_TRUNCATED, SG_ERR_TRAILING; SG_ERR_MALFORMED: the size of a payload that is not large;
 * SG_ERR_OVERSIZED. */
SG_MUST_USE sg_err sg_announcement_decode(struct sg_bytes bytes,
                                          struct sg_announcement *announcement);
/* Bytes of the chunk at index, which is below the count. */
size_t sg_chunk_len(const struct sg_announcement *announcement, uint16_t index);

/* A set of chunks: chunk i is bit i % 8 (the lowest is 0) of byte i / 8. */
struct sg_chunks {
    uint8_t b[SG_CHUNKS_MAX / 8];
};

static inline bool sg_chunks_has(const struct sg_chunks *chunks, uint16_t index)
{
    return (chunks->b[index / 8] >> (index % 8) & 1) != 0;
}

static inline void sg_chunks_add(struct sg_chunks *chunks, uint16_t index)
{
    chunks->b[index / 8] = (uint8_t)(chunks->b[index / 8] | 1u << (index % 8));
}

static inline void sg_chunks_remove(struct sg_chunks *chunks, uint16_t index)
{
    chunks->b[index / 8] = (uint8_t)(chunks->b[index / 8] & ~(1u << (index % 8)));
}

uint16_t sg_chunks_count(const struct sg_chunks *chunks);

/* Values are the wire's. */
enum sg_large_kind { SG_LARGE_HAVE = 1, SG_LARGE_ASK = 2, SG_LARGE_CHUNK = 3, SG_LARGE_NONE = 4 };

struct sg_large_msg {
    enum sg_large_kind kind;
    struct sg_msg_id id;
    bool wants_reply;        /* HAVE: the receiver is to answer with a HAVE or NONE */
    uint8_t len;             /* HAVE, ASK: bytes of chunks, 1 .. 32 */
    struct sg_chunks chunks; /* HAVE, ASK; bits behind len are 0 */
    uint16_t index;          /* CHUNK */
    struct sg_bytes bytes;   /* CHUNK [1 .. SG_CHUNK_LEN] borrowed */
};

/* Body including the kind byte. */
void sg_large_msg_encode(struct sg_writer *w, const struct sg_large_msg *msg);
/* Reads kind and body to the end. An ASK names 1 .. SG_LARGE_ASK_MAX chunks.
 * SG_ERR_TRUNCATED, SG_ERR_TRAILING, SG_ERR_MALFORMED, SG_ERR_NOT_CANONICAL, SG_ERR_OVERSIZED. */
SG_MUST_USE sg_err sg_large_msg_decode(struct sg_reader *r, struct sg_large_msg *msg);

#endif
