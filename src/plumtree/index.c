#include "plumtree/index.h"

#include <assert.h>

/* Multilinear hashing (Lemire, Kaser, "Strongly universal string hashing is fast", 2014): an id in
 * an IHAVE is whatever its sender likes, all 32 bytes of it, and whatever it likes must not make a
 * long chain. The upper half of the sum is pairwise independent for anyone without the keys. */
static uint32_t *head_of(const struct sg_pt_index *ix, const struct sg_msg_id *id)
{
    uint64_t sum = ix->keys[0];
    for (size_t i = 0; i < SG_ID_LEN / 4; i++)
        sum += ix->keys[i + 1] * sg_load32(id->b + 4 * i);
    return &ix->heads[(uint32_t)(sum >> 32) & ix->mask];
}

static struct sg_pt_key *key_at(const struct sg_pt_index *ix, uint32_t at)
{
    return (struct sg_pt_key *)(void *)(ix->pool + (size_t)at * ix->stride);
}

sg_err sg_pt_index_init(struct sg_pt_index *ix, const struct sg_mem *mem, uint32_t max,
                        struct sg_prng *prng)
{
    uint32_t heads = 1;
    while (heads < max / 2)
        heads *= 2;
    for (size_t i = 0; i < sizeof(ix->keys) / sizeof(ix->keys[0]); i++)
        ix->keys[i] = sg_prng_next(prng);
    ix->mask = heads - 1;
    ix->heads = sg_mem_new(mem, heads, sizeof(*ix->heads));
    if (ix->heads == NULL)
        return SG_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < heads; i++)
        ix->heads[i] = SG_PT_NONE;
    return SG_OK;
}

void sg_pt_index_pool(struct sg_pt_index *ix, void *pool, size_t stride)
{
    ix->pool = pool;
    ix->stride = stride;
}

void sg_pt_index_fini(struct sg_pt_index *ix, const struct sg_mem *mem)
{
    sg_mem_free(mem, ix->heads);
    ix->heads = NULL;
}

uint32_t sg_pt_index_get(const struct sg_pt_index *ix, const struct sg_msg_id *id)
{
    uint32_t at = *head_of(ix, id);
    while (at != SG_PT_NONE && !sg_msg_id_equal(&key_at(ix, at)->id, id))
        at = key_at(ix, at)->next;
    return at;
}

void sg_pt_index_add(struct sg_pt_index *ix, uint32_t at)
{
    struct sg_pt_key *key = key_at(ix, at);
    uint32_t *head = head_of(ix, &key->id);
    key->next = *head;
    *head = at;
}

void sg_pt_index_remove(struct sg_pt_index *ix, uint32_t at)
{
    struct sg_pt_key *key = key_at(ix, at);
    uint32_t *link = head_of(ix, &key->id);
    while (*link != at) {
        assert(*link != SG_PT_NONE);
        link = &key_at(ix, *link)->next;
    }
    *link = key->next;
    key->next = SG_PT_NONE;
}
