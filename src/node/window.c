/* Replay windows: one per author and boot on a topic. They outlive the seen set, so that a message
 * whose id has been forgotten is still refused when it comes again. Counters restart with each
 * boot (the high half of the sequence number), so each boot has a window of its own. */
#include "node/internal.h"

#include <assert.h>

#define WORDS_MAX (SG_WINDOW_BITS / 64)

void sg_windows_init(struct sg_windows *w, uint32_t max, const struct sg_index_keys *keys)
{
    *w = (struct sg_windows){.max = max};
    sg_index_init(&w->index, keys, sizeof(*w->slots));
}

void sg_windows_fini(struct sg_windows *w, const struct sg_mem *mem)
{
    for (uint32_t i = 0; i < w->index.count; i++)
        sg_mem_free(mem, w->slots[i].bits);
    sg_mem_free(mem, w->slots);
    sg_index_fini(&w->index, mem);
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

static const uint64_t *bits_of(const struct sg_window *window)
{
    return window->words == 1 ? &window->first : window->bits;
}

static uint64_t *word_of(struct sg_window *window, uint32_t counter)
{
    uint32_t word = counter / 64 % window->words;
    return window->words == 1 ? &window->first : &window->bits[word];
}

/* Only of counters that are not above the top, which the bits reach. */
static bool bit_of(const struct sg_window *window, uint32_t counter)
{
    return (bits_of(window)[counter / 64 % window->words] >> (counter % 64)) & 1;
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
    uint32_t at = sg_index_get(&w->index, key.b);
    return at == SG_INDEX_NONE || window_is_new(&w->slots[at], (uint32_t)seq);
}

bool sg_windows_is_below(const struct sg_windows *w, const struct sg_peer_id *author, uint64_t seq)
{
    struct sg_peer_id key = key_of(author, seq);
    uint32_t counter = (uint32_t)seq;
    uint32_t at = sg_index_get(&w->index, key.b);
    return at != SG_INDEX_NONE && counter <= w->slots[at].top &&
           w->slots[at].top - counter >= SG_WINDOW_BITS;
}

static uint32_t unused_longest(const struct sg_windows *w)
{
    uint32_t oldest = 0;
    for (uint32_t i = 1; i < w->index.count; i++) {
        if (w->slots[i].used < w->slots[oldest].used)
            oldest = i;
    }
    return oldest;
}

/* Room for one more window. */
static sg_err grow(struct sg_windows *w, const struct sg_mem *mem)
{
    SG_TRY(sg_index_reserve(&w->index, mem, w->index.count + 1));
    if (w->index.count < w->cap)
        return SG_OK;
    void *slots = sg_mem_grow(mem, w->slots, &w->cap, w->max, sizeof(*w->slots));
    if (slots == NULL)
        return SG_ERR_NO_MEMORY;
    w->slots = slots;
    sg_index_pool(&w->index, slots);
    return SG_OK;
}

/* A window for a new author; NULL when out of memory. */
static struct sg_window *window_for(struct sg_windows *w, const struct sg_mem *mem,
                                    const struct sg_peer_id *key)
{
    uint32_t at = w->index.count;
    if (at == w->max) {
        at = unused_longest(w);
        sg_index_remove(&w->index, at);
        sg_mem_free(mem, w->slots[at].bits);
    } else if (grow(w, mem) != SG_OK) {
        return NULL;
    }
    w->slots[at] = (struct sg_window){.key = *key, .words = 1};
    sg_index_add(&w->index, at);
    return &w->slots[at];
}

/* Bits enough for a counter above the top. What is known of the old ones keeps its place, because
 * counters above them have not come yet. */
static sg_err widen(struct sg_window *window, const struct sg_mem *mem, uint32_t counter)
{
    uint32_t words = window->words;
    while (words < WORDS_MAX && words <= counter / 64)
        words *= 2;
    if (words == window->words)
        return SG_OK;
    uint64_t *bits = sg_mem_new(mem, words, sizeof(*bits));
    if (bits == NULL)
        return SG_ERR_NO_MEMORY;
    memcpy(bits, bits_of(window), window->words * sizeof(*bits));
    sg_mem_free(mem, window->bits);
    window->bits = bits;
    window->words = words;
    return SG_OK;
}

static void clear_bits(struct sg_window *window, uint32_t from, uint32_t count)
{
    if (count >= window->words * 64) {
        memset(window->words == 1 ? &window->first : window->bits, 0, window->words * 8);
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        *word_of(window, from + i) &= ~(UINT64_C(1) << ((from + i) % 64));
}

sg_err sg_windows_accept(struct sg_windows *w, const struct sg_mem *mem,
                         const struct sg_peer_id *author, uint64_t seq)
{
    struct sg_peer_id key = key_of(author, seq);
    uint32_t counter = (uint32_t)seq;
    uint32_t at = sg_index_get(&w->index, key.b);
    struct sg_window *window = at == SG_INDEX_NONE ? window_for(w, mem, &key) : &w->slots[at];
    if (window == NULL)
        return SG_ERR_NO_MEMORY;
    if (counter > window->top) {
        SG_TRY(widen(window, mem, counter));
        clear_bits(window, window->top + 1, counter - window->top);
        window->top = counter;
    }
    *word_of(window, counter) |= UINT64_C(1) << (counter % 64);
    window->used = ++w->tick;
    return SG_OK;
}
