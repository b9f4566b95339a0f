/* What a topic's messages were lately: each accepted one with its author's proof, for retention_ns
 * by its signed time, within a number of messages and a budget of bytes. Back-fill compares it with
 * neighbours' and serves from it.
 *
 * Messages go by whole time slots, the oldest first, and the floor rises behind them: from the
 * floor on the history is complete. So it also tells an old message that was missed from one that
 * was had: no memory of ids has to outlive it. Buffers are shared with the store that answers
 * GRAFT.
 *
 * Two things must not throw everything away. What is dated ahead of this clock would lift the floor
 * into the future when its slot goes; and a burst of a few seconds would leave nothing but itself,
 * or not even that. So of messages ahead, and of a slot that takes more than half of the room, the
 * frames go and the ids stay: sessions compare ids, so the history is complete as before, and what
 * was had is known. It is served by others. */
#include "node/internal.h"

#include <assert.h>

/* What a message weighs beside its frames. */
#define ENTRY_BYTES 192
#define CHECKED 64
/* Of the budget: what a slot may take, and what is let go of at once, as it takes a pass. */
#define SLOT_SHARE 2
#define PASS_SHARE 16

struct past {
    struct sg_held held; /* gossip NULL = only its id is kept */
    uint32_t slot;
    uint32_t weight; /* 0 = free */
    uint64_t expiry_ms;
};

struct sg_history {
    struct sg_index index;
    struct past *entries; /* [cap], the first touched were used at least once */
    uint32_t *heap;       /* [index.count] of entries, the lowest slot on top */
    uint32_t cap, heap_cap, touched, free_head, floor;
    uint32_t top; /* no entry is of a later slot */
    /* slots of which not even all ids were kept, because there were too many ahead */
    uint32_t torn_from, torn_to;
    uint64_t bytes;
    uint64_t wall_ms; /* at the last put or trim */
};

/* ---- heap by slot ---- */

static uint32_t slot_at(const struct sg_history *h, uint32_t place)
{
    return h->entries[h->heap[place]].slot;
}

static void swap(struct sg_history *h, uint32_t a, uint32_t b)
{
    uint32_t entry = h->heap[a];
    h->heap[a] = h->heap[b];
    h->heap[b] = entry;
}

static void rise(struct sg_history *h, uint32_t place)
{
    for (; place > 0 && slot_at(h, (place - 1) / 2) > slot_at(h, place); place = (place - 1) / 2)
        swap(h, place, (place - 1) / 2);
}

static void sink(struct sg_history *h, uint32_t count)
{
    uint32_t place = 0;
    for (uint32_t child = 1; child < count; child = 2 * place + 1) {
        if (child + 1 < count && slot_at(h, child + 1) < slot_at(h, child))
            child++;
        if (slot_at(h, place) <= slot_at(h, child))
            return;
        swap(h, place, child);
        place = child;
    }
}

/* ---- entries ---- */

void sg_history_free(struct sg_history *h, const struct sg_mem *mem)
{
    if (h == NULL)
        return;
    for (uint32_t i = 0; i < h->touched; i++)
        sg_held_drop(&h->entries[i].held);
    sg_mem_free(mem, h->entries);
    sg_mem_free(mem, h->heap);
    sg_index_fini(&h->index, mem);
    sg_mem_free(mem, h);
}

static void drop_top(struct sg_history *h)
{
    uint32_t last = h->index.count - 1;
    uint32_t at = h->heap[0];
    struct past *entry = &h->entries[at];
    swap(h, 0, last);
    sg_index_remove(&h->index, at);
    sink(h, last);
    h->bytes -= entry->weight;
    entry->weight = 0;
    sg_held_drop(&entry->held);
    entry->held.next_free = h->free_head;
    h->free_head = at;
}

/* Everything before slot goes. */
static void raise_floor(struct sg_history *h, uint32_t slot)
{
    while (h->index.count > 0 && slot_at(h, 0) < slot)
        drop_top(h);
    if (h->floor < slot)
        h->floor = slot;
}

static uint32_t present(const struct sg_core *core)
{
    return sg_slot_of(core->wall_ms);
}

/* Lets go of frames, not of ids, of slots >= from, until `enough` bytes are free. Returns how many
 * are. */
static uint64_t strip(struct sg_core *core, struct sg_history *h, uint32_t from, uint64_t enough)
{
    uint64_t freed = 0;
    for (uint32_t i = 0; i < h->touched && freed < enough && h->top >= from; i++) {
        struct past *entry = &h->entries[i];
        if (entry->weight == 0 || entry->held.gossip == NULL || entry->slot < from)
            continue;
        const struct sg_held held = entry->held;
        sg_held_drop(&entry->held);
        entry->held = (struct sg_held){.id = held.id, .author = held.author};
        freed += entry->weight - ENTRY_BYTES;
        entry->weight = ENTRY_BYTES;
        core->stats.history_dropped++;
    }
    h->bytes -= freed;
    return freed;
}

static uint64_t weigh(const struct sg_history *h, uint32_t slot)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < h->index.count; i++)
        bytes += slot_at(h, i) == slot ? h->entries[h->heap[i]].weight : 0;
    return bytes;
}

static void tear(struct sg_history *h, uint32_t slot)
{
    if (h->torn_to <= h->floor) /* what was torn is gone */
        h->torn_from = slot;
    h->torn_from = slot < h->torn_from ? slot : h->torn_from;
    h->torn_to = slot >= h->torn_to ? slot + 1 : h->torn_to;
}

/* Too many entries: those ahead go, ids and all. False: there are none. */
static bool drop_ahead(struct sg_core *core, struct sg_history *h)
{
    uint32_t count = h->index.count;
    uint32_t kept = 0;
    if (h->top <= present(core))
        return false;
    h->top = present(core);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t at = h->heap[i];
        struct past *entry = &h->entries[at];
        h->heap[kept] = at;
        if (entry->slot <= h->top) {
            rise(h, kept++);
            continue;
        }
        tear(h, entry->slot);
        sg_index_remove(&h->index, at);
        h->bytes -= entry->weight;
        entry->weight = 0;
        sg_held_drop(&entry->held);
        entry->held.next_free = h->free_head;
        h->free_head = at;
    }
    core->stats.history_dropped += count - kept;
    return kept < count;
}

static void drop_oldest_slot(struct sg_core *core, struct sg_history *h)
{
    uint32_t before = h->index.count;
    raise_floor(h, slot_at(h, 0) + 1);
    core->stats.history_dropped += before - h->index.count;
}

/* Room for one more entry. */
static sg_err reserve(struct sg_history *h, const struct sg_core_config *config)
{
    const struct sg_mem *mem = config->mem;
    uint32_t count = h->index.count;
    SG_TRY(sg_index_reserve(&h->index, mem, count + 1));
    if (count == h->heap_cap) {
        void *heap =
            sg_mem_grow(mem, h->heap, &h->heap_cap, config->retention_max, sizeof(*h->heap));
        if (heap == NULL)
            return SG_ERR_NO_MEMORY;
        h->heap = heap;
    }
    if (h->free_head != SG_INDEX_NONE || h->touched < h->cap)
        return SG_OK;
    void *entries =
        sg_mem_grow(mem, h->entries, &h->cap, config->retention_max, sizeof(*h->entries));
    if (entries == NULL)
        return SG_ERR_NO_MEMORY;
    h->entries = entries;
    sg_index_pool(&h->index, entries);
    return SG_OK;
}

static void add(struct sg_history *h, const struct sg_held *held, const struct sg_gossip *msg)
{
    uint32_t at = h->free_head;
    if (at == SG_INDEX_NONE)
        at = h->touched++;
    else
        h->free_head = h->entries[at].held.next_free;
    /* a root's share of its batch */
    uint32_t root = held->root->len / msg->batch_count;
    struct past *entry = &h->entries[at];
    *entry =
        (struct past){.held = *held, .slot = sg_slot_of(msg->time_ms), .expiry_ms = msg->expiry_ms};
    h->top = h->top < entry->slot ? entry->slot : h->top;
    (void)sg_buf_ref(held->gossip);
    (void)sg_buf_ref(held->root);
    (void)sg_buf_ref(held->key);
    entry->weight = held->gossip->len + root + ENTRY_BYTES;
    h->bytes += entry->weight;
    h->heap[h->index.count] = at;
    sg_index_add(&h->index, at);
    rise(h, h->index.count - 1);
}

static struct sg_history *heaviest(const struct sg_core *core, uint64_t *sum)
{
    struct sg_history *most = NULL;
    *sum = 0;
    for (uint32_t i = 1; i < core->scope_count; i++) {
        struct sg_history *h = core->scopes[i]->history;
        if (h == NULL)
            continue;
        *sum += h->bytes;
        if (most == NULL || h->bytes > most->bytes)
            most = h;
    }
    return most;
}

/* slot: of the message that has just come. */
static void make_room(struct sg_core *core, struct sg_history *h, uint32_t slot)
{
    const uint64_t max = core->config.retention_bytes_max;
    const uint32_t now = present(core);
    const uint32_t burst = slot < now ? slot : now;
    if (strip(core, h, now + 1, max / PASS_SHARE) > 0)
        return;
    bool is_burst = slot_at(h, 0) >= now || weigh(h, burst) > max / SLOT_SHARE;
    if (is_burst && strip(core, h, burst, max / PASS_SHARE) > 0)
        return;
    if (slot_at(h, 0) < now || !drop_ahead(core, h))
        drop_oldest_slot(core, h);
}

static void keep_budget(struct sg_core *core, uint32_t slot)
{
    uint64_t sum;
    struct sg_history *h = heaviest(core, &sum);
    for (; h != NULL && sum > core->config.retention_bytes_max; h = heaviest(core, &sum))
        make_room(core, h, slot);
}

static bool open_history(struct sg_core *core, struct sg_scope *scope)
{
    struct sg_history *h = scope->history;
    if (h == NULL)
        h = sg_mem_new(core->config.mem, 1, sizeof(*h));
    if (h == NULL)
        return false;
    if (scope->history == NULL) {
        h->free_head = SG_INDEX_NONE;
        sg_index_init(&h->index, &core->index_keys, sizeof(*h->entries));
    }
    scope->history = h;
    return true;
}

static uint32_t age_floor(const struct sg_core *core)
{
    uint64_t kept_ms = core->config.retention_ns / SG_NS_PER_MS;
    /* no slot that begins before */
    return core->wall_ms > kept_ms ? sg_slot_of(core->wall_ms - kept_ms) + 1 : 0;
}

void sg_history_raise(struct sg_core *core, struct sg_scope *scope, uint32_t slot)
{
    if (open_history(core, scope))
        raise_floor(scope->history, slot);
}

void sg_history_trim(struct sg_core *core, struct sg_scope *scope)
{
    if (scope->history == NULL)
        return;
    scope->history->wall_ms = core->wall_ms;
    raise_floor(scope->history, age_floor(core));
}

void sg_history_put(struct sg_core *core, struct sg_scope *scope, const struct sg_held *held)
{
    struct sg_reader r = sg_frame_body(held->gossip);
    struct sg_gossip msg;
    if (core->config.retention_ns == 0 || sg_gossip_decode(&r, &msg) != SG_OK)
        return;
    uint32_t slot = sg_slot_of(msg.time_ms);
    if (!open_history(core, scope))
        return;
    struct sg_history *h = scope->history;
    h->wall_ms = core->wall_ms;
    raise_floor(h, age_floor(core));
    if (h->index.count == core->config.retention_max && slot > present(core)) {
        tear(h, slot);
        return;
    }
    while (h->index.count == core->config.retention_max && slot >= h->floor) {
        if (!drop_ahead(core, h))
            drop_oldest_slot(core, h);
    }
    if (slot < h->floor || sg_index_get(&h->index, held->id.b) != SG_INDEX_NONE)
        return;
    if (reserve(h, &core->config) != SG_OK) {
        if (slot > present(core)) /* it would not be complete any more */
            tear(h, slot);
        else
            raise_floor(h, slot + 1);
        return;
    }
    add(h, held, &msg);
    keep_budget(core, slot);
}

bool sg_history_knows(const struct sg_scope *scope, const struct sg_msg_id *id)
{
    const struct sg_history *h = scope->history;
    return h != NULL && sg_index_get(&h->index, id->b) != SG_INDEX_NONE;
}

struct sg_held *sg_history_get(const struct sg_scope *scope, const struct sg_msg_id *id)
{
    const struct sg_history *h = scope->history;
    uint32_t at = h == NULL ? SG_INDEX_NONE : sg_index_get(&h->index, id->b);
    bool is_whole = at != SG_INDEX_NONE && h->entries[at].held.gossip != NULL;
    return is_whole ? &h->entries[at].held : NULL;
}

bool sg_history_is_torn(const struct sg_scope *scope, uint32_t slot)
{
    const struct sg_history *h = scope->history;
    return h != NULL && slot >= h->torn_from && slot < h->torn_to;
}

uint32_t sg_history_floor(const struct sg_core *core, const struct sg_scope *scope)
{
    uint32_t by_age = age_floor(core);
    const struct sg_history *h = scope->history;
    return h != NULL && h->floor > by_age ? h->floor : by_age;
}

struct sg_held *sg_history_next(const struct sg_scope *scope, uint32_t from, uint32_t to,
                                uint32_t *at)
{
    const struct sg_history *h = scope->history;
    while (h != NULL && *at < h->touched) {
        struct past *entry = &h->entries[(*at)++];
        if (entry->held.gossip != NULL && entry->slot >= from && entry->slot < to)
            return &entry->held;
    }
    return NULL;
}

const struct sg_msg_id *sg_history_next_id(const struct sg_scope *scope, uint32_t from, uint32_t to,
                                           uint32_t *at)
{
    const struct sg_history *h = scope->history;
    while (h != NULL && *at < h->touched) {
        const struct past *entry = &h->entries[(*at)++];
        bool is_in = entry->weight > 0 && entry->slot >= from && entry->slot < to;
        if (is_in && !sg_is_over(h->wall_ms, entry->expiry_ms))
            return &entry->held.id;
    }
    return NULL;
}

uint32_t sg_history_count(const struct sg_scope *scope)
{
    return scope->history == NULL ? 0 : scope->history->index.count;
}

uint64_t sg_history_bytes(const struct sg_scope *scope)
{
    return scope->history == NULL ? 0 : scope->history->bytes;
}

/* The top of the heap, and the sum while it is short: this runs after every step of a test. */
void sg_history_check(const struct sg_scope *scope)
{
    const struct sg_history *h = scope->history;
    uint64_t bytes = 0;
    if (h == NULL)
        return;
    for (uint32_t i = 0; i < h->index.count && i < CHECKED; i++) {
        assert(h->entries[h->heap[i]].weight > 0 && slot_at(h, i) >= h->floor);
        assert(slot_at(h, i) <= h->top);
        assert(i == 0 || slot_at(h, (i - 1) / 2) <= slot_at(h, i));
        bytes += h->entries[h->heap[i]].weight;
    }
    assert(h->index.count <= CHECKED ? bytes == h->bytes : bytes < h->bytes);
}
