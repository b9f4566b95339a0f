/* Batches that came before what they depend on, found by the name that they wait for. Bounded in
 * all and per peer: what does not fit is refused, and the next sync brings it again. */
#include "crdt/pending.h"

void sg_pending_init(struct sg_pending_list *list, const struct sg_mem *mem,
                     const struct sg_index_keys *keys, const struct sg_crdt_limits *limits)
{
    *list = (struct sg_pending_list){.mem = mem, .limits = limits, .free = SG_PENDING_NONE};
    sg_index_init(&list->by_missing, keys, sizeof(struct sg_pending));
    sg_index_init(&list->by_name, keys, sizeof(struct sg_pending));
}

void sg_pending_fini(struct sg_pending_list *list)
{
    for (uint32_t i = 0; i < list->used; i++)
        sg_mem_free(list->mem, list->entries[i].bytes);
    sg_mem_free(list->mem, list->entries);
    sg_mem_free(list->mem, list->sources);
    sg_index_fini(&list->by_missing, list->mem);
    sg_index_fini(&list->by_name, list->mem);
}

bool sg_pending_has(const struct sg_pending_list *list, const uint8_t name[SG_ID_LEN])
{
    return sg_index_get(&list->by_name, name) != SG_INDEX_NONE;
}

/* ---- room ------------------------------------------------------------------------------------ */

/* What a peer has waiting; made when there is none. NULL: out of memory. */
static struct sg_pending_source *source_of(struct sg_pending_list *list, uint32_t source)
{
    for (uint32_t i = 0; i < list->source_count; i++) {
        if (list->sources[i].source == source)
            return &list->sources[i];
    }
    if (list->source_count == list->source_cap) {
        void *grown = sg_mem_grow(list->mem, list->sources, &list->source_cap, UINT32_MAX,
                                  sizeof(list->sources[0]));
        if (grown == NULL)
            return NULL;
        list->sources = grown;
    }
    list->sources[list->source_count] = (struct sg_pending_source){source, 0};
    return &list->sources[list->source_count++];
}

static void give_back(struct sg_pending_list *list, uint32_t source, uint32_t len)
{
    list->bytes -= len;
    for (uint32_t i = 0; i < list->source_count; i++) {
        if (list->sources[i].source != source)
            continue;
        list->sources[i].bytes -= len;
        if (list->sources[i].bytes == 0)
            list->sources[i] = list->sources[--list->source_count];
        return;
    }
}

static sg_err make_room(struct sg_pending_list *list)
{
    SG_TRY(sg_index_reserve(&list->by_missing, list->mem, list->count + 1));
    SG_TRY(sg_index_reserve(&list->by_name, list->mem, list->count + 1));
    if (list->free != SG_PENDING_NONE || list->used < list->cap)
        return SG_OK;
    struct sg_pending *grown =
        sg_mem_grow(list->mem, list->entries, &list->cap, UINT32_MAX, sizeof(list->entries[0]));
    if (grown == NULL)
        return SG_ERR_NO_MEMORY;
    list->entries = grown;
    sg_index_pool(&list->by_missing, grown);
    sg_index_pool(&list->by_name, (const uint8_t *)grown + offsetof(struct sg_pending, name));
    return SG_OK;
}

/* ---- in and out ------------------------------------------------------------------------------ */

sg_err sg_pending_add(struct sg_pending_list *list, const struct sg_pending *entry,
                      struct sg_bytes bytes)
{
    struct sg_pending_source *source = source_of(list, entry->source);
    if (source == NULL)
        return SG_ERR_NO_MEMORY;
    uint32_t len = (uint32_t)bytes.len;
    if (list->bytes + len > list->limits->pending_bytes ||
        source->bytes + len > list->limits->pending_peer_bytes) {
        give_back(list, entry->source, 0);
        return SG_ERR_LIMIT;
    }
    uint8_t *copy = sg_mem_new(list->mem, bytes.len, 1);
    sg_err err = copy == NULL ? SG_ERR_NO_MEMORY : make_room(list);
    if (err != SG_OK) {
        sg_mem_free(list->mem, copy);
        give_back(list, entry->source, 0);
        return err;
    }
    memcpy(copy, bytes.data, bytes.len);
    uint32_t at = list->free != SG_PENDING_NONE ? list->free : list->used++;
    if (at == list->free)
        list->free = list->entries[at].next;
    struct sg_pending *made = &list->entries[at];
    *made = *entry;
    made->bytes = copy;
    made->len = len;
    made->next = SG_PENDING_NONE;
    uint32_t first = sg_index_get(&list->by_missing, entry->missing);
    if (first != SG_INDEX_NONE) { /* behind the first one, which the index knows */
        made->next = list->entries[first].next;
        list->entries[first].next = at;
    } else {
        sg_index_add(&list->by_missing, at);
    }
    sg_index_add(&list->by_name, at);
    list->count++;
    list->bytes += len;
    source->bytes += len;
    return SG_OK;
}

bool sg_pending_take(struct sg_pending_list *list, const uint8_t missing[SG_ID_LEN],
                     struct sg_pending *out)
{
    uint32_t first = list->count == 0 ? SG_INDEX_NONE : sg_index_get(&list->by_missing, missing);
    if (first == SG_INDEX_NONE)
        return false;
    *out = list->entries[first];
    sg_index_remove(&list->by_missing, first);
    sg_index_remove(&list->by_name, first);
    if (out->next != SG_PENDING_NONE)
        sg_index_add(&list->by_missing, out->next);
    list->entries[first].bytes = NULL;
    list->entries[first].next = list->free;
    list->free = first;
    list->count--;
    give_back(list, out->source, out->len);
    return true;
}
