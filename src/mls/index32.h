/* From a 32-bit number (a node or leaf index) to another: open addressing, linear probing, deletion
 * by backward shift. Nothing is allocated before the first reserve. There is no iteration by hash
 * order. */
#ifndef SG_MLS_INDEX32_H
#define SG_MLS_INDEX32_H

#include <stdbool.h>

#include "base/mem.h"

#define SG_MLS_INDEX32_NONE UINT32_MAX

struct sg_mls_index32_slot {
    uint32_t key;
    uint32_t value_plus_1; /* 0 = empty */
};

struct sg_mls_index32 {
    struct sg_mls_index32_slot *slots; /* [mask + 1] */
    uint32_t mask;
    uint32_t count;
};

/* Room for count keys in all. SG_ERR_NO_MEMORY: nothing has changed. */
SG_MUST_USE sg_err sg_mls_index32_reserve(struct sg_mls_index32 *ix, const struct sg_mem *mem,
                                          uint32_t count);
void sg_mls_index32_fini(struct sg_mls_index32 *ix, const struct sg_mem *mem);
/* The value of key, or SG_MLS_INDEX32_NONE. */
uint32_t sg_mls_index32_get(const struct sg_mls_index32 *ix, uint32_t key);
/* Adds or replaces; there is room for it. */
void sg_mls_index32_put(struct sg_mls_index32 *ix, uint32_t key, uint32_t value);
void sg_mls_index32_remove(struct sg_mls_index32 *ix, uint32_t key);

#endif
