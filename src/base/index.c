#include "base/index.h"

#include <assert.h>

#include "base/prefetch.h"

#define SLOTS_MIN 8

void sg_index_keys_init(struct sg_index_keys *keys, struct sg_prng *prng)
{
    for (size_t i = 0; i < sizeof(keys->k) / sizeof(keys->k[0]); i++)
        keys->k[i] = sg_prng_next(prng);
}

static uint32_t hash_of(const struct sg_index *ix, const uint8_t *id)
{
    return sg_index_hash(ix->keys, id);
}

static const uint8_t *id_at(const struct sg_index *ix, uint32_t at)
{
    if (ix->stride == 0)
        return ((const uint8_t *const *)ix->pool)[at];
    return (const uint8_t *)ix->pool + at * ix->stride;
}

void sg_index_init(struct sg_index *ix, const struct sg_index_keys *keys, size_t stride)
{
    *ix = (struct sg_index){.keys = keys, .stride = stride};
}

void sg_index_fini(struct sg_index *ix, const struct sg_mem *mem)
{
    sg_mem_free(mem, ix->slots);
    *ix = (struct sg_index){0};
}

/* The first empty slot of a run. */
static void put(struct sg_index *ix, struct sg_index_slot slot)
{
    uint32_t i = slot.hash & ix->mask;
    while (ix->slots[i].at_plus_1 != 0)
        i = (i + 1) & ix->mask;
    ix->slots[i] = slot;
}

sg_err sg_index_reserve(struct sg_index *ix, const struct sg_mem *mem, uint32_t count)
{
    uint32_t old_slots = ix->slots == NULL ? 0 : ix->mask + 1;
    uint32_t slots = old_slots == 0 ? SLOTS_MIN : old_slots;
    while (slots / 4 * 3 < count)
        slots *= 2;
    if (slots == old_slots)
        return SG_OK;
    struct sg_index_slot *fresh = sg_mem_new(mem, slots, sizeof(*fresh));
    if (fresh == NULL)
        return SG_ERR_NO_MEMORY;
    struct sg_index_slot *old = ix->slots;
    ix->slots = fresh;
    ix->mask = slots - 1;
    for (uint32_t i = 0; i < old_slots; i++) {
        if (old[i].at_plus_1 != 0)
            put(ix, old[i]);
    }
    sg_mem_free(mem, old);
    return SG_OK;
}

uint32_t sg_index_get(const struct sg_index *ix, const uint8_t id[SG_ID_LEN])
{
    if (ix->count == 0)
        return SG_INDEX_NONE;
    uint32_t hash = hash_of(ix, id);
    for (uint32_t i = hash & ix->mask; ix->slots[i].at_plus_1 != 0; i = (i + 1) & ix->mask) {
        uint32_t at = ix->slots[i].at_plus_1 - 1;
        if (ix->slots[i].hash == hash && memcmp(id_at(ix, at), id, SG_ID_LEN) == 0)
            return at;
    }
    return SG_INDEX_NONE;
}

void sg_index_prefetch(const struct sg_index *ix, const uint8_t id[SG_ID_LEN])
{
    if (ix->count > 0)
        sg_prefetch(&ix->slots[hash_of(ix, id) & ix->mask], 1);
}

uint32_t sg_index_guess(const struct sg_index *ix, const uint8_t id[SG_ID_LEN])
{
    if (ix->count == 0)
        return SG_INDEX_NONE;
    uint32_t hash = hash_of(ix, id);
    uint32_t i = hash & ix->mask;
    while (ix->slots[i].at_plus_1 != 0 && ix->slots[i].hash != hash)
        i = (i + 1) & ix->mask;
    return ix->slots[i].at_plus_1 - 1;
}

void sg_index_add(struct sg_index *ix, uint32_t at)
{
    assert(ix->slots != NULL && ix->count < (ix->mask + 1) / 4 * 3);
    put(ix, (struct sg_index_slot){hash_of(ix, id_at(ix, at)), at + 1});
    ix->count++;
}

static uint32_t slot_of(const struct sg_index *ix, uint32_t hash, uint32_t at)
{
    uint32_t i = hash & ix->mask;
    while (ix->slots[i].at_plus_1 != at + 1) {
        assert(ix->slots[i].at_plus_1 != 0);
        i = (i + 1) & ix->mask;
    }
    return i;
}

void sg_index_remove(struct sg_index *ix, uint32_t at)
{
    uint32_t hole = slot_of(ix, hash_of(ix, id_at(ix, at)), at);
    for (uint32_t i = (hole + 1) & ix->mask; ix->slots[i].at_plus_1 != 0; i = (i + 1) & ix->mask) {
        uint32_t home = ix->slots[i].hash & ix->mask;
        /* may the slot at i move back to the hole without passing its home? */
        if (((i - home) & ix->mask) >= ((i - hole) & ix->mask)) {
            ix->slots[hole] = ix->slots[i];
            hole = i;
        }
    }
    ix->slots[hole].at_plus_1 = 0;
    ix->count--;
}

void sg_index_moved(struct sg_index *ix, uint32_t from, uint32_t to)
{
    uint32_t i = slot_of(ix, hash_of(ix, id_at(ix, to)), from);
    ix->slots[i].at_plus_1 = to + 1;
}

void sg_index_clear(struct sg_index *ix)
{
    if (ix->count > 0)
        memset(ix->slots, 0, (ix->mask + (size_t)1) * sizeof(*ix->slots));
    ix->count = 0;
}
