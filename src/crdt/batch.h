/* A batch on the wire and in the log: header and name. Its operations: crdt/body.h.
 *
 *   version u8 = 1, document [32], author [32], seq, prev [32] unless seq is 0 (zero: the author
 *   begins anew, behind a floor that lacks what he wrote before),
 *   and the rest: lamport, dep count, deps [32 each], body to the end
 *
 * Numbers without a width are LEB128. Where document, author, seq and prev are known, only the
 * rest travels. The name is hash("saorsa batch v1" || all of it). */
#ifndef SG_CRDT_BATCH_H
#define SG_CRDT_BATCH_H

#include "crdt/columns.h"
#include "crdt/limits.h"
#include "crypto/suite.h"

#define SG_BATCH_VERSION 1
/* version, document, author, seq, prev */
#define SG_BATCH_PREFIX_MAX (1 + 32 + 32 + 5 + 32)

struct sg_batch {
    uint8_t document[SG_ID_LEN];
    uint8_t author[SG_ID_LEN];
    uint32_t seq;
    uint8_t prev[SG_ID_LEN]; /* zero: there is none */
    uint32_t lamport;        /* of its first operation */
    uint32_t dep_count;
    struct sg_bytes deps; /* [32 * dep_count] names, rising */
    struct sg_bytes body;
    struct sg_bytes rest; /* lamport, deps and body as they travel */
};

/* Splits bytes; spans stay borrowed from them. Checks form, not contents.
 * SG_ERR_OVERSIZED, SG_ERR_VERSION, SG_ERR_TRUNCATED, SG_ERR_MALFORMED, SG_ERR_NOT_CANONICAL. */
SG_MUST_USE sg_err sg_batch_decode(struct sg_bytes bytes, const struct sg_crdt_limits *limits,
                                   struct sg_batch *out);
/* The same when only the rest travelled: the other fields of out are set. */
SG_MUST_USE sg_err sg_batch_decode_rest(struct sg_bytes rest, const struct sg_crdt_limits *limits,
                                        struct sg_batch *out);
/* What stands before the rest; gives its length. */
size_t sg_batch_prefix(const struct sg_batch *batch, uint8_t out[SG_BATCH_PREFIX_MAX]);
/* Name of a batch whose document, author, seq, prev and rest are set. */
void sg_batch_name(const struct sg_suite *suite, const struct sg_batch *batch,
                   uint8_t name[SG_HASH_LEN]);

#endif
