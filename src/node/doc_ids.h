/* Short ids and sets of them in the messages of node/doc_compare. */
#ifndef SG_NODE_DOC_IDS_H
#define SG_NODE_DOC_IDS_H

#include <stdbool.h>

#include "crdt/columns.h"

/* Ids that one message may name: chain ends of a document, 8 MiB. */
#define SG_DOC_ENTRIES_MAX (UINT32_C(1) << 20)

/* 8 bytes, the lowest first. */
void sg_doc_put_id(struct sg_column *out, uint64_t id);
/* Count and ids, rising -> *ids [*count], owned by the caller also after an error; NULL is allowed.
 * SG_ERR_NOT_CANONICAL, SG_ERR_TRUNCATED, SG_ERR_OVERSIZED, SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_doc_get_ids(const struct sg_mem *mem, struct sg_reader *r, uint64_t **ids,
                                  uint32_t *count);
/* A bit for each of found [count] that is not SG_LOG_NONE: bit i % 8 of byte i / 8. */
void sg_doc_put_bits(struct sg_column *out, const uint32_t *found, uint32_t count);
/* The same as bytes, borrowed; bits behind the last are zero, or SG_ERR_NOT_CANONICAL. */
struct sg_bytes sg_doc_get_bits(struct sg_reader *r, uint32_t count);
bool sg_doc_get_bit(struct sg_bytes bits, uint32_t at);

/* Floors that one side will not take over, and what it has of states that were cut off: so that the
 * other one need not send it again. What is there of all of them is said, for it is not known which
 * floor the other one has. */
#define SG_DOC_REFUSED_MAX 8
#define SG_DOC_PARTS_MAX 4
/* Pieces of a state at most. */
#define SG_DOC_PIECES_MAX 256
struct sg_doc_wish {
    uint64_t refused[SG_DOC_REFUSED_MAX]; /* [refused_count] rising, ids of floors */
    uint32_t refused_count;
    bool wants_none; /* of any floor: it is to be told that there is one, and no more */
    struct sg_doc_part {
        uint64_t floor;
        uint32_t pieces; /* the first ones of its state are there; 1 .. SG_DOC_PIECES_MAX - 1 */
    } parts[SG_DOC_PARTS_MAX]; /* [part_count] rising; none with wants_none */
    uint32_t part_count;
};

/* The end of OPEN, which is left out when nothing is in it.
 * SG_ERR_NOT_CANONICAL, SG_ERR_TRUNCATED, SG_ERR_OVERSIZED. */
SG_MUST_USE sg_err sg_doc_get_wish(struct sg_reader *r, struct sg_doc_wish *wish);
void sg_doc_put_wish(const struct sg_doc_wish *wish, struct sg_column *out);

#endif
