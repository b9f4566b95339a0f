/* Messages held to answer GRAFT: as long as the Plumtree machine of the scope caches the id. */
#include "node/internal.h"

#include <assert.h>

sg_err sg_store_init(struct sg_store *s, const struct sg_mem *mem, uint32_t max, uint64_t seed)
{
    *s = (struct sg_store){.free_head = SG_MAP_NONE};
    SG_TRY(sg_map_init(&s->index, mem, max, seed));
    s->slots = sg_mem_new(mem, max, sizeof(*s->slots));
    if (s->slots != NULL)
        return SG_OK;
    sg_map_fini(&s->index);
    return SG_ERR_NO_MEMORY;
}

static void drop(struct sg_held *held)
{
    sg_buf_unref(held->gossip);
    sg_buf_unref(held->root);
    sg_buf_unref(held->key);
    *held = (struct sg_held){0};
}

void sg_store_fini(struct sg_store *s, const struct sg_mem *mem)
{
    for (uint32_t i = 0; i < s->touched; i++)
        drop(&s->slots[i]);
    sg_mem_free(mem, s->slots);
    sg_map_fini(&s->index);
}

sg_err sg_store_put(struct sg_store *s, const struct sg_held *held)
{
    bool reuse = s->free_head != SG_MAP_NONE;
    uint32_t at = reuse ? s->free_head : s->touched;
    if (at >= s->index.max)
        return SG_ERR_FULL;
    if (sg_map_get(&s->index, held->id.b) != SG_MAP_NONE)
        return SG_ERR_EXISTS;
    SG_TRY(sg_map_put(&s->index, held->id.b, at));
    if (reuse)
        s->free_head = s->slots[at].next_free;
    else
        s->touched++;
    s->slots[at] = *held;
    return SG_OK;
}

struct sg_held *sg_store_get(const struct sg_store *s, const struct sg_msg_id *id)
{
    uint32_t at = sg_map_get(&s->index, id->b);
    return at == SG_MAP_NONE ? NULL : &s->slots[at];
}

void sg_store_forget(struct sg_store *s, const struct sg_msg_id *id)
{
    uint32_t at = sg_map_get(&s->index, id->b);
    if (at == SG_MAP_NONE)
        return;
    drop(&s->slots[at]);
    s->slots[at].next_free = s->free_head;
    s->free_head = at;
    (void)sg_map_remove(&s->index, id->b);
}
