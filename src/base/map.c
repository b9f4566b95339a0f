#include "base/map.h"

#include <assert.h>

/* all words of the key count: not every id is a hash value, some are what a peer made up */
static uint32_t home_of(const struct sg_map *map, const uint8_t *key)
{
    uint64_t h = map->seed;
    for (size_t i = 0; i < SG_ID_LEN; i += 8) {
        h = (h ^ sg_load64(key + i)) * UINT64_C(0xd6e8feb86659fd93);
        h ^= h >> 32;
    }
    return (uint32_t)(h >> 16) & map->mask;
}

sg_err sg_map_init(struct sg_map *map, const struct sg_mem *mem, uint32_t max, uint64_t seed)
{
    uint32_t slots = 4;
    *map = (struct sg_map){.mem = mem, .max = max, .seed = seed};
    if (max == 0 || max > (UINT32_C(1) << 26))
        return SG_ERR_INVALID_ARGUMENT;
    while (slots / 4 * 3 < max)
        slots *= 2;
    map->slots = sg_mem_new(mem, slots, sizeof(*map->slots));
    if (map->slots == NULL)
        return SG_ERR_NO_MEMORY;
    map->mask = slots - 1;
    return SG_OK;
}

void sg_map_fini(struct sg_map *map)
{
    if (map->mem != NULL)
        sg_mem_free(map->mem, map->slots);
    *map = (struct sg_map){0};
}

/* The slot of key, or the empty slot where it would go. */
static uint32_t find(const struct sg_map *map, const uint8_t *key)
{
    uint32_t at = home_of(map, key);
    while (map->slots[at].value_plus_1 != 0 && memcmp(map->slots[at].key, key, SG_ID_LEN) != 0)
        at = (at + 1) & map->mask;
    return at;
}

uint32_t sg_map_get(const struct sg_map *map, const uint8_t key[SG_ID_LEN])
{
    /* an empty slot gives 0 - 1 = SG_MAP_NONE */
    return map->slots[find(map, key)].value_plus_1 - 1;
}

sg_err sg_map_put(struct sg_map *map, const uint8_t key[SG_ID_LEN], uint32_t value)
{
    assert(value != SG_MAP_NONE);
    uint32_t at = find(map, key);
    if (map->slots[at].value_plus_1 == 0) {
        if (map->count == map->max)
            return SG_ERR_FULL;
        memcpy(map->slots[at].key, key, SG_ID_LEN);
        map->count++;
    }
    map->slots[at].value_plus_1 = value + 1;
    return SG_OK;
}

bool sg_map_remove(struct sg_map *map, const uint8_t key[SG_ID_LEN])
{
    uint32_t hole = find(map, key);
    if (map->slots[hole].value_plus_1 == 0)
        return false;
    uint32_t at = hole;
    for (;;) {
        at = (at + 1) & map->mask;
        if (map->slots[at].value_plus_1 == 0)
            break;
        uint32_t home = home_of(map, map->slots[at].key);
        /* may the element at `at` move back to the hole without passing its home? */
        if (((at - home) & map->mask) >= ((at - hole) & map->mask)) {
            map->slots[hole] = map->slots[at];
            hole = at;
        }
    }
    map->slots[hole].value_plus_1 = 0;
    map->count--;
    return true;
}
