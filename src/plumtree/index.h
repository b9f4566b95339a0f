/* Finds the element of an array by its message id: chains through the elements themselves, so an
 * element costs four bytes for the link and two for its share of the chain heads. base/map.h keeps
 * a copy of each key in slots that all have to be written at the start; a node with 256 topics
 * would pay megabytes for machines that are idle. */
#ifndef SG_PLUMTREE_INDEX_H
#define SG_PLUMTREE_INDEX_H

#include "base/bytes.h"
#include "base/mem.h"
#include "base/prng.h"

#define SG_PT_NONE UINT32_MAX

/* First member of every element that an index can find. */
struct sg_pt_key {
    struct sg_msg_id id;
    uint32_t next; /* in its chain, or SG_PT_NONE */
};

struct sg_pt_index {
    uint32_t *heads; /* [mask + 1] first of each chain, or SG_PT_NONE */
    uint32_t mask;
    size_t stride;
    uint8_t *pool; /* borrowed: the elements, stride bytes each */
    uint64_t keys[1 + SG_ID_LEN / 4];
};

/* Chains for about max elements of stride bytes at pool, hashed with keys drawn from prng.
 * SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_pt_index_init(struct sg_pt_index *ix, const struct sg_mem *mem, uint32_t max,
                                    struct sg_prng *prng);
/* Tells where the elements are. */
void sg_pt_index_pool(struct sg_pt_index *ix, void *pool, size_t stride);
void sg_pt_index_fini(struct sg_pt_index *ix, const struct sg_mem *mem);
/* Number of the element with id, or SG_PT_NONE. */
uint32_t sg_pt_index_get(const struct sg_pt_index *ix, const struct sg_msg_id *id);
/* Adds element number at, whose id is set and not yet there. */
void sg_pt_index_add(struct sg_pt_index *ix, uint32_t at);
/* Takes out element number at, which is there. */
void sg_pt_index_remove(struct sg_pt_index *ix, uint32_t at);

#endif
