/* Replay windows: of each author on a topic, one per boot. They outlive the seen set, so that a
 * message whose id has been forgotten is still refused when it comes again.
 *
 * Counters restart with each boot (the high half of the sequence number), and which boot that is
 * only the author says. So an author has one place, with windows of its newest two boots: with
 * others it pushes out nobody but itself. What is of an older boot is below the windows.
 *
 * When a place is taken from the author unused for longest, nobody knows any more what it had said.
 * The newest time slot that such an author had reached is kept: up to there a message may be a
 * replay (gossip.c says what follows), unless its author has had a place since before. */
#include "node/internal.h"

#include <assert.h>

#define WORDS_MAX (SG_WINDOW_BITS / 64)

void sg_windows_init(struct sg_windows *w, uint32_t max, const struct sg_index_keys *keys)
{
    *w = (struct sg_windows){.max = max};
    sg_index_init(&w->index, keys, sizeof(*w->slots));
}

static void drop_bits(struct sg_heard *a, const struct sg_mem *mem)
{
    for (size_t i = 0; i < SG_BOOTS_MAX; i++)
        sg_mem_free(mem, a->boots[i].bits);
}

void sg_windows_fini(struct sg_windows *w, const struct sg_mem *mem)
{
    for (uint32_t i = 0; i < w->index.count; i++)
        drop_bits(&w->slots[i], mem);
    sg_mem_free(mem, w->slots);
    sg_index_fini(&w->index, mem);
}

static const struct sg_heard *author_of(const struct sg_windows *w, const struct sg_peer_id *author)
{
    uint32_t at = sg_index_get(&w->index, author->b);
    return at == SG_INDEX_NONE ? NULL : &w->slots[at];
}

/* The place of a boot's window; SG_BOOTS_MAX: it has none. */
static size_t find_boot(const struct sg_heard *a, uint32_t boot)
{
    size_t at = 0;
    while (at < SG_BOOTS_MAX && (a->boots[at].words == 0 || a->boots[at].boot != boot))
        at++;
    return at;
}

/* Where the window of a new boot goes: a free place, else that of the oldest boot. */
static size_t place_for(const struct sg_heard *a)
{
    size_t place = 0;
    for (size_t i = 0; i < SG_BOOTS_MAX; i++) {
        if (a->boots[i].words == 0)
            return i;
        if (a->boots[i].boot < a->boots[place].boot)
            place = i;
    }
    return place;
}

/* Whether newer boots have taken all places. */
static bool is_outdated(const struct sg_heard *a, uint32_t boot)
{
    const struct sg_window *oldest = &a->boots[place_for(a)];
    return oldest->words > 0 && boot < oldest->boot;
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
    const struct sg_heard *a = author_of(w, author);
    const uint32_t boot = (uint32_t)(seq >> 32);
    if (a == NULL)
        return true;
    size_t at = find_boot(a, boot);
    return at == SG_BOOTS_MAX ? !is_outdated(a, boot) : window_is_new(&a->boots[at], (uint32_t)seq);
}

static bool is_below(const struct sg_heard *a, uint32_t boot, uint32_t counter)
{
    size_t at = find_boot(a, boot);
    if (at == SG_BOOTS_MAX)
        return is_outdated(a, boot);
    return counter <= a->boots[at].top && a->boots[at].top - counter >= SG_WINDOW_BITS;
}

bool sg_windows_is_below(const struct sg_windows *w, const struct sg_peer_id *author, uint64_t seq)
{
    const struct sg_heard *a = author_of(w, author);
    return a != NULL && is_below(a, (uint32_t)(seq >> 32), (uint32_t)seq);
}

bool sg_windows_is_lost(const struct sg_windows *w, const struct sg_peer_id *author, uint32_t slot)
{
    const struct sg_heard *a = author_of(w, author);
    return slot < (a == NULL ? w->lost : a->lost);
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

/* A place for a new author; NULL when out of memory. */
static struct sg_heard *author_new(struct sg_windows *w, const struct sg_mem *mem,
                                   const struct sg_peer_id *author)
{
    uint32_t at = w->index.count;
    if (at == w->max) {
        at = unused_longest(w);
        if (w->lost <= w->slots[at].newest)
            w->lost = w->slots[at].newest + 1;
        sg_index_remove(&w->index, at);
        drop_bits(&w->slots[at], mem);
    } else if (grow(w, mem) != SG_OK) {
        return NULL;
    }
    w->slots[at] = (struct sg_heard){.id = *author, .lost = w->lost};
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

static struct sg_window *window_for(struct sg_heard *a, const struct sg_mem *mem, uint32_t boot)
{
    size_t at = find_boot(a, boot);
    if (at < SG_BOOTS_MAX)
        return &a->boots[at];
    struct sg_window *window = &a->boots[place_for(a)];
    sg_mem_free(mem, window->bits);
    *window = (struct sg_window){.boot = boot, .words = 1};
    return window;
}

sg_err sg_windows_accept(struct sg_windows *w, const struct sg_mem *mem,
                         const struct sg_peer_id *author, uint64_t seq, uint32_t slot)
{
    const uint32_t boot = (uint32_t)(seq >> 32);
    const uint32_t counter = (uint32_t)seq;
    uint32_t at = sg_index_get(&w->index, author->b);
    struct sg_heard *a = at == SG_INDEX_NONE ? author_new(w, mem, author) : &w->slots[at];
    if (a == NULL)
        return SG_ERR_NO_MEMORY;
    if (a->newest < slot)
        a->newest = slot;
    if (is_below(a, boot, counter))
        return SG_OK; /* and stays there */
    struct sg_window *window = window_for(a, mem, boot);
    if (counter > window->top) {
        SG_TRY(widen(window, mem, counter));
        clear_bits(window, window->top + 1, counter - window->top);
        window->top = counter;
    }
    *word_of(window, counter) |= UINT64_C(1) << (counter % 64);
    a->used = ++w->tick;
    return SG_OK;
}
