/* Messages held to answer GRAFT: as long as the Plumtree machine of the scope caches the id. */
#include "node/internal.h"

#include <assert.h>

void sg_store_init(struct sg_store *s, uint32_t max, const struct sg_index_keys *keys)
{
    *s = (struct sg_store){.max = max, .free_head = SG_INDEX_NONE};
    sg_index_init(&s->index, keys, sizeof(*s->slots));
}

/* Keys are shared by all messages of an author, so they do not count. */
static uint64_t weight_of(const struct sg_held *held)
{
    return held->gossip->len + held->root->len;
}

void sg_held_drop(struct sg_held *held)
{
    sg_buf_unref(held->gossip);
    sg_buf_unref(held->root);
    sg_buf_unref(held->key);
    *held = (struct sg_held){0};
}

void sg_store_fini(struct sg_store *s, const struct sg_mem *mem)
{
    for (uint32_t i = 0; i < s->touched; i++)
        sg_held_drop(&s->slots[i]);
    sg_mem_free(mem, s->slots);
    sg_index_fini(&s->index, mem);
}

/* A free slot; SG_INDEX_NONE when out of memory. */
static uint32_t take_slot(struct sg_store *s, const struct sg_mem *mem)
{
    uint32_t at = s->free_head;
    if (sg_index_reserve(&s->index, mem, s->index.count + 1) != SG_OK)
        return SG_INDEX_NONE;
    if (at != SG_INDEX_NONE) {
        s->free_head = s->slots[at].next_free;
        return at;
    }
    if (s->touched == s->cap) {
        void *slots = sg_mem_grow(mem, s->slots, &s->cap, s->max, sizeof(*s->slots));
        if (slots == NULL)
            return SG_INDEX_NONE;
        s->slots = slots;
        sg_index_pool(&s->index, slots);
    }
    return s->touched++;
}

sg_err sg_store_put(struct sg_store *s, const struct sg_mem *mem, const struct sg_held *held)
{
    if (s->index.count == s->max)
        return SG_ERR_FULL;
    if (sg_index_get(&s->index, held->id.b) != SG_INDEX_NONE)
        return SG_ERR_EXISTS;
    uint32_t at = take_slot(s, mem);
    if (at == SG_INDEX_NONE)
        return SG_ERR_NO_MEMORY;
    s->slots[at] = *held;
    s->slots[at].serial = ++s->serial;
    sg_index_add(&s->index, at);
    s->bytes += weight_of(held);
    return SG_OK;
}

struct sg_held *sg_store_get(const struct sg_store *s, const struct sg_msg_id *id)
{
    uint32_t at = sg_index_get(&s->index, id->b);
    return at == SG_INDEX_NONE ? NULL : &s->slots[at];
}

void sg_store_forget(struct sg_store *s, const struct sg_msg_id *id)
{
    uint32_t at = sg_index_get(&s->index, id->b);
    if (at == SG_INDEX_NONE)
        return;
    s->bytes -= weight_of(&s->slots[at]);
    sg_index_remove(&s->index, at);
    sg_held_drop(&s->slots[at]);
    s->slots[at].next_free = s->free_head;
    s->free_head = at;
}

static struct sg_scope *heaviest(const struct sg_core *core)
{
    struct sg_scope *scope = core->scopes[0];
    for (uint32_t i = 1; i < core->scope_count; i++) {
        if (core->scopes[i]->store.bytes > scope->store.bytes)
            scope = core->scopes[i];
    }
    return scope;
}

static uint64_t held_bytes(const struct sg_core *core)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < core->scope_count; i++)
        bytes += core->scopes[i]->store.bytes;
    return bytes;
}

sg_err sg_hold(struct sg_core *core, struct sg_scope *scope, const struct sg_held *held)
{
    SG_TRY(sg_store_put(&scope->store, core->config.mem, held));
    sg_history_put(core, scope, held);
    sg_past_store(core, scope, held);
    while (held_bytes(core) > core->config.held_bytes_max) {
        struct sg_scope *most = heaviest(core);
        struct sg_pt_in gone = {.kind = SG_PT_IN_GONE};
        if (most->store.index.count < 2)
            break; /* it may be the newest, which is yet to be delivered; one each is little */
        gone.id = sg_store_forget_oldest(&most->store);
        (void)sg_scope_pt(core, most, &gone); /* announced no more */
    }
    return SG_OK;
}

struct sg_held *sg_held_find(const struct sg_scope *scope, const struct sg_msg_id *id)
{
    struct sg_held *held = sg_store_get(&scope->store, id);
    return held == NULL ? sg_history_get(scope, id) : held;
}

struct sg_msg_id sg_store_forget_oldest(struct sg_store *s)
{
    struct sg_msg_id id = {{0}};
    const struct sg_held *oldest = NULL;
    for (uint32_t i = 0; i < s->touched; i++) {
        const struct sg_held *held = &s->slots[i];
        if (held->gossip != NULL && (oldest == NULL || held->serial < oldest->serial))
            oldest = held;
    }
    if (oldest == NULL)
        return id;
    id = oldest->id;
    sg_store_forget(s, &id);
    return id;
}
