/* Replay windows: one per author and boot on a topic. They outlive the seen set, so that a message
 * whose id has been forgotten is still refused when it comes again. Counters restart with each
 * boot (the high half of the sequence number), so each boot has a window of its own. */
#include "node/internal.h"

#include <assert.h>

sg_err sg_windows_init(struct sg_windows *w, const struct sg_mem *mem, uint32_t max, uint64_t seed)
{
    *w = (struct sg_windows){0};
    SG_TRY(sg_map_init(&w->index, mem, max, seed));
    w->slots = sg_mem_new(mem, max, sizeof(struct sg_window *));
    if (w->slots != NULL)
        return SG_OK;
    sg_map_fini(&w->index);
    return SG_ERR_NO_MEMORY;
}

void sg_windows_fini(struct sg_windows *w, const struct sg_mem *mem)
{
    for (uint32_t i = 0; w->slots != NULL && i < w->index.count; i++)
        sg_mem_free(mem, w->slots[i]);
    sg_mem_free(mem, w->slots);
    sg_map_fini(&w->index);
}

/* The boot goes over the last bytes: two authors that differ only there would need a second
 * preimage of 28 bytes. */
static struct sg_peer_id key_of(const struct sg_peer_id *author, uint64_t seq)
{
    struct sg_peer_id key = *author;
    uint32_t boot = (uint32_t)(seq >> 32);
    for (unsigned i = 0; i < 4; i++)
        key.b[SG_ID_LEN - 1 - i] ^= (uint8_t)(boot >> (8 * i));
    return key;
}

static bool bit_of(const struct sg_window *window, uint32_t counter)
{
    uint32_t bit = counter % SG_WINDOW_BITS;
    return (window->bits[bit / 64] >> (bit % 64)) & 1;
}

static bool window_is_new(const struct sg_window *window, uint32_t counter)
{
    if (counter > window->top)
        return true;
    return window->top - counter < SG_WINDOW_BITS && !bit_of(window, counter);
}

bool sg_windows_is_new(const struct sg_windows *w, const struct sg_peer_id *author, uint64_t seq)
{
    struct sg_peer_id key = key_of(author, seq);
    uint32_t at = sg_map_get(&w->index, key.b);
    return at == SG_MAP_NONE || window_is_new(w->slots[at], (uint32_t)seq);
}

static uint32_t unused_longest(const struct sg_windows *w)
{
    uint32_t oldest = 0;
    for (uint32_t i = 1; i < w->index.count; i++) {
        if (w->slots[i]->used < w->slots[oldest]->used)
            oldest = i;
    }
    return oldest;
}

/* A slot for a new author; SG_MAP_NONE when out of memory. */
static uint32_t slot_for(struct sg_windows *w, const struct sg_mem *mem,
                         const struct sg_peer_id *key)
{
    uint32_t at = w->index.count;
    if (at == w->index.max) {
        at = unused_longest(w);
        (void)sg_map_remove(&w->index, w->slots[at]->key.b);
    } else if (w->slots[at] == NULL) {
        w->slots[at] = sg_mem_new(mem, 1, sizeof(struct sg_window));
        if (w->slots[at] == NULL)
            return SG_MAP_NONE;
    }
    memset(w->slots[at], 0, sizeof(struct sg_window));
    w->slots[at]->key = *key;
    sg_err err = sg_map_put(&w->index, key->b, at);
    assert(err == SG_OK); /* there was room */
    (void)err;
    return at;
}

static void clear_bits(struct sg_window *window, uint32_t from, uint32_t count)
{
    if (count >= SG_WINDOW_BITS) {
        memset(window->bits, 0, sizeof(window->bits));
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t bit = (from + i) % SG_WINDOW_BITS;
        window->bits[bit / 64] &= ~(UINT64_C(1) << (bit % 64));
    }
}

sg_err sg_windows_accept(struct sg_windows *w, const struct sg_mem *mem,
                         const struct sg_peer_id *author, uint64_t seq)
{
    struct sg_peer_id key = key_of(author, seq);
    uint32_t counter = (uint32_t)seq;
    uint32_t at = sg_map_get(&w->index, key.b);
    if (at == SG_MAP_NONE)
        at = slot_for(w, mem, &key);
    if (at == SG_MAP_NONE)
        return SG_ERR_NO_MEMORY;
    struct sg_window *window = w->slots[at];
    if (counter > window->top) {
        clear_bits(window, window->top + 1, counter - window->top);
        window->top = counter;
    }
    uint32_t bit = counter % SG_WINDOW_BITS;
    window->bits[bit / 64] |= UINT64_C(1) << (bit % 64);
    window->used = ++w->tick;
    return SG_OK;
}
