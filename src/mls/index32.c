#include "mls/index32.h"

#include <assert.h>

static uint32_t home_of(const struct sg_mls_index32 *ix, uint32_t key)
{
    /* Fibonacci hashing: neighbouring indices go far apart */
    return (uint32_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & ix->mask;
}

/* The slot of key, or the empty one where it would go. */
static uint32_t find(const struct sg_mls_index32 *ix, uint32_t key)
{
    uint32_t at = home_of(ix, key);
    while (ix->slots[at].value_plus_1 != 0 && ix->slots[at].key != key)
        at = (at + 1) & ix->mask;
    return at;
}

sg_err sg_mls_index32_reserve(struct sg_mls_index32 *ix, const struct sg_mem *mem, uint32_t count)
{
    uint32_t slots = ix->slots == NULL ? 8 : ix->mask + 1;
    while (slots / 4 * 3 < count)
        slots *= 2;
    if (ix->slots != NULL && slots == ix->mask + 1)
        return SG_OK;
    struct sg_mls_index32 grown = {sg_mem_new(mem, slots, sizeof(*ix->slots)), slots - 1, 0};
    if (grown.slots == NULL)
        return SG_ERR_NO_MEMORY;
    for (uint32_t i = 0; ix->slots != NULL && i <= ix->mask; i++)
        if (ix->slots[i].value_plus_1 != 0)
            sg_mls_index32_put(&grown, ix->slots[i].key, ix->slots[i].value_plus_1 - 1);
    sg_mem_free(mem, ix->slots);
    *ix = grown;
    return SG_OK;
}

void sg_mls_index32_fini(struct sg_mls_index32 *ix, const struct sg_mem *mem)
{
    sg_mem_free(mem, ix->slots);
    *ix = (struct sg_mls_index32){0};
}

uint32_t sg_mls_index32_get(const struct sg_mls_index32 *ix, uint32_t key)
{
    return ix->slots == NULL ? SG_MLS_INDEX32_NONE : ix->slots[find(ix, key)].value_plus_1 - 1;
}

void sg_mls_index32_put(struct sg_mls_index32 *ix, uint32_t key, uint32_t value)
{
    uint32_t at = find(ix, key);
    if (ix->slots[at].value_plus_1 == 0)
        ix->count++;
    assert(ix->count <= ix->mask);
    ix->slots[at] = (struct sg_mls_index32_slot){key, value + 1};
}

void sg_mls_index32_remove(struct sg_mls_index32 *ix, uint32_t key)
{
    if (ix->slots == NULL)
        return;
    uint32_t hole = find(ix, key);
    if (ix->slots[hole].value_plus_1 == 0)
        return;
    for (uint32_t at = (hole + 1) & ix->mask; ix->slots[at].value_plus_1 != 0;
         at = (at + 1) & ix->mask) {
        uint32_t home = home_of(ix, ix->slots[at].key);
        /* may it move back to the hole without passing its home? */
        if (((at - home) & ix->mask) >= ((at - hole) & ix->mask)) {
            ix->slots[hole] = ix->slots[at];
            hole = at;
        }
    }
    ix->slots[hole].value_plus_1 = 0;
    ix->count--;
}
