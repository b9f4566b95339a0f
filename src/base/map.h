/* Fixed-capacity hash map from a 32-byte id to a 32-bit index: open addressing, linear probing,
 * deletion by backward shift. Seeded, because ids can be ground by an attacker. It has no
 * iteration: hash order must never decide anything (machine contract, rule 5). */
#ifndef SG_BASE_MAP_H
#define SG_BASE_MAP_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/mem.h"

#define SG_MAP_NONE UINT32_MAX

struct sg_map_slot {
    uint8_t key[SG_ID_LEN];
    uint32_t value_plus_1; /* 0 = empty, so that fresh zeroed memory is an empty map */
};

struct sg_map {
    const struct sg_mem *mem;
    struct sg_map_slot *slots; /* [mask + 1] */
    uint32_t mask;
    uint32_t count;
    uint32_t max; /* elements, at most 3/4 of the slots */
    uint64_t seed;
};

/* Room for max elements (1 .. 2^26). SG_ERR_NO_MEMORY, SG_ERR_INVALID_ARGUMENT. */
SG_MUST_USE sg_err sg_map_init(struct sg_map *map, const struct sg_mem *mem, uint32_t max,
                               uint64_t seed);
void sg_map_fini(struct sg_map *map);
/* The value of key, or SG_MAP_NONE. */
uint32_t sg_map_get(const struct sg_map *map, const uint8_t key[SG_ID_LEN]);
/* Adds or replaces; value < SG_MAP_NONE. SG_ERR_FULL when max elements are in. */
SG_MUST_USE sg_err sg_map_put(struct sg_map *map, const uint8_t key[SG_ID_LEN], uint32_t value);
/* Whether the key was there. */
bool sg_map_remove(struct sg_map *map, const uint8_t key[SG_ID_LEN]);

#endif
