/* Rateless IBLT: encoder and decoder.
 *
 * The method (Yang, Gilad, Alizadeh, SIGCOMM 2024). Each symbol holds the XOR of the items mapped
 * to it, the XOR of their checks and their number. Symbols of two sets are subtracted: what both
 * have cancels. A difference symbol with one item in it shows that item (its check says so); the
 * item is taken out of the other symbols it is in, which may leave one item alone there, and so on.
 * Since symbol i takes a share 1/(1 + i/2) of all items, some symbol has the right density whatever
 * the size of the difference, and nobody has to know it beforehand.
 *
 * What differs from the paper, and why:
 *
 * 1. Items are 64-bit short ids under a key of the session, 13 bytes a symbol and not 41. Who does
 *    not know the key cannot choose items that cancel a victim's.
 * 2. No heap. Symbols are made by windows, each as long as all before it: a pass over the items per
 *    window, log2(m) passes in all, over memory in order. Within a pass a few items at a time take
 *    their steps in rounds, so that the square roots and divisions of different items overlap.
 *    The decoder does the same with a few items that it has found.
 * 3. The decoder trusts nothing. m symbols can show m items at most, more are a lie. The number of
 *    cells an honest difference touches is d times 2 ln(m/2) or so; a bound above that ends a walk
 *    that made-up symbols could keep going for ever. */
#include "reconcile/riblt.h"

#include <assert.h>
#include <string.h>

#include "reconcile/mapping.h"

/* Items that take their steps together: their states stay in the first-level cache. */
#define BLOCK 32
/* The same of the decoder, which finds fewer at a time. */
#define FEW 16
/* Windows are not shorter than this: a pass over the items has its price. */
#define WINDOW_MIN 64
/* Mean touches per item are 2 ln(m/2) + 1: 33 at 2^24 symbols; with d <= m/1.35 that is 25 per
 * symbol. Small differences vary more: one item may be in every cell. */
#define TOUCHES_PER_SYMBOL 32
#define TOUCHES_FREE 1024

static_assert(SG_REC_SYMBOLS_MAX < INT32_MAX, "an index is an exact int32");

struct sg_riblt_keys sg_riblt_keys(const uint8_t bytes[SG_RIBLT_KEYS_LEN])
{
    return (struct sg_riblt_keys){sg_siphash_key(bytes), sg_siphash_key(bytes + 16)};
}

static uint64_t swap_halves(uint64_t x)
{
    return x << 32 | x >> 32;
}

void sg_riblt_digest_add(struct sg_riblt_digest *digest, const struct sg_riblt_item *item,
                         uint32_t sign)
{
    uint64_t a = item->id * (item->check | 1);
    uint64_t b = swap_halves(item->id) * (swap_halves(item->check) | 1);
    digest->sum[0] += sign == 1 ? a : 0 - a;
    digest->sum[1] += sign == 1 ? b : 0 - b;
}

static struct sg_riblt_item make_item(const struct sg_riblt_keys *keys, uint64_t id, uint32_t sign)
{
    return (struct sg_riblt_item){.id = id,
                                  .check = sg_siphash_u64(&keys->check, id),
                                  .state = sg_riblt_state(id),
                                  .sign = sign};
}

static void move(struct sg_riblt_item *item, double stretch)
{
    uint64_t next = sg_riblt_index(item->next, stretch);
    item->next = next < SG_REC_SYMBOLS_MAX ? (uint32_t)next : UINT32_MAX;
}

/* ---- encoder ---- */

sg_err sg_riblt_encoder_init(struct sg_riblt_encoder *e, const struct sg_mem *mem, uint32_t count)
{
    *e = (struct sg_riblt_encoder){.mem = mem, .count = count};
    if (count == 0)
        return SG_OK;
    e->items = sg_mem_new(mem, count, sizeof(*e->items));
    return e->items == NULL ? SG_ERR_NO_MEMORY : SG_OK;
}

void sg_riblt_encoder_set(struct sg_riblt_encoder *e, const struct sg_riblt_keys *keys, uint32_t at,
                          uint64_t id)
{
    assert(at < e->count && e->to == 0);
    e->items[at] = make_item(keys, id, 1);
    sg_riblt_digest_add(&e->digest, &e->items[at], 1);
}

void sg_riblt_encoder_fini(struct sg_riblt_encoder *e)
{
    sg_mem_free(e->mem, e->items);
    sg_mem_free(e->mem, e->window);
    *e = (struct sg_riblt_encoder){.mem = e->mem};
}

static void put(struct sg_rec_symbol *symbol, const struct sg_riblt_item *item)
{
    symbol->id ^= item->id;
    symbol->check ^= item->check;
    symbol->count++;
}

/* Puts all items into the window [from, to). As many as a block has are at work at a time; who is
 * through with the window makes room for the next one, so that no round is for a few alone. */
static void fill_window(const struct sg_riblt_encoder *e)
{
    uint32_t active[BLOCK];
    double draw[BLOCK];
    uint32_t left = 0;
    uint32_t fed = 0;
    for (;;) {
        while (left < BLOCK && fed < e->count) {
            active[left] = fed;
            left += e->items[fed++].next < e->to ? 1 : 0;
        }
        if (left == 0)
            return;
        uint32_t kept = 0;
        for (uint32_t i = 0; i < left; i++) {
            struct sg_riblt_item *item = &e->items[active[i]];
            put(&e->window[item->next - e->from], item);
            draw[i] = sg_riblt_draw(&item->state);
        }
        /* two or four square roots and divisions at once, where the compiler knows how */
        for (uint32_t i = 0; i < left; i++)
            draw[i] = sg_riblt_stretch(draw[i]);
        for (uint32_t i = 0; i < left; i++) {
            struct sg_riblt_item *item = &e->items[active[i]];
            move(item, draw[i]);
            active[kept] = active[i];
            kept += item->next < e->to ? 1 : 0;
        }
        left = kept;
    }
}

/* The window after the one in work, with at least `least` symbols. */
static sg_err next_window(struct sg_riblt_encoder *e, uint32_t least)
{
    uint32_t size = e->to < WINDOW_MIN ? WINDOW_MIN : e->to;
    if (e->to == 0 || size < least)
        size = least; /* the first batch is often all that is wanted */
    if (size > SG_REC_SYMBOLS_MAX - e->to)
        size = SG_REC_SYMBOLS_MAX - e->to;
    struct sg_rec_symbol *window = sg_mem_new(e->mem, size, sizeof(*window));
    if (window == NULL)
        return SG_ERR_NO_MEMORY;
    sg_mem_free(e->mem, e->window);
    e->window = window;
    e->from = e->to;
    e->to += size;
    fill_window(e);
    return SG_OK;
}

sg_err sg_riblt_encode(struct sg_riblt_encoder *e, uint32_t count, struct sg_rec_symbol *out)
{
    uint32_t given = 0;
    if (count > SG_REC_SYMBOLS_MAX - e->at)
        return SG_ERR_LIMIT;
    while (given < count) {
        if (e->at == e->to)
            SG_TRY(next_window(e, count - given));
        uint32_t take = e->to - e->at < count - given ? e->to - e->at : count - given;
        memcpy(&out[given], &e->window[e->at - e->from], take * sizeof(*out));
        e->at += take;
        given += take;
    }
    return SG_OK;
}

/* ---- decoder ---- */

void sg_riblt_decoder_init(struct sg_riblt_decoder *d, const struct sg_mem *mem,
                           const struct sg_riblt_keys *keys)
{
    *d = (struct sg_riblt_decoder){.mem = mem, .keys = keys};
}

void sg_riblt_decoder_fini(struct sg_riblt_decoder *d)
{
    sg_mem_free(d->mem, d->cells);
    sg_mem_free(d->mem, d->queue);
    sg_mem_free(d->mem, d->found);
    *d = (struct sg_riblt_decoder){.mem = d->mem};
}

/* Room for count more cells, and the queue for as many as there are and one. */
static sg_err reserve(struct sg_riblt_decoder *d, uint32_t count)
{
    uint32_t cap = d->cap;
    while (cap - d->count < count) {
        uint32_t more = cap / 2 < WINDOW_MIN ? WINDOW_MIN : cap / 2;
        cap = more > SG_REC_SYMBOLS_MAX - cap ? SG_REC_SYMBOLS_MAX : cap + more;
    }
    if (cap == d->cap)
        return SG_OK;
    void *cells = sg_mem_resize(d->mem, d->cells, cap, sizeof(*d->cells));
    if (cells == NULL)
        return SG_ERR_NO_MEMORY;
    d->cells = cells;
    void *queue = sg_mem_resize(d->mem, d->queue, (size_t)cap + 1, sizeof(*d->queue));
    if (queue == NULL)
        return SG_ERR_NO_MEMORY;
    d->queue = queue;
    d->cap = cap;
    return SG_OK;
}

static bool is_single(const struct sg_riblt_cell *cell)
{
    return cell->count == 1 || cell->count == 255;
}

/* Without a branch, which nothing could foretell: the queue has room for one more that does not
 * count. */
static inline void consider(struct sg_riblt_decoder *d, uint32_t at)
{
    struct sg_riblt_cell *cell = &d->cells[at];
    unsigned is_one = ((cell->count + 1u) & 0xfd) == 0; /* 255 or 1, of a byte */
    unsigned is_new = is_one & (cell->is_queued ^ 1u);
    d->queue[d->queue_count] = at;
    d->queue_count += is_new;
    cell->is_queued = (uint8_t)(cell->is_queued | is_new);
}

/* Takes an item out of the cell that it enters next, and lets its state move on. */
static double take_out(struct sg_riblt_decoder *d, struct sg_riblt_item *item)
{
    uint32_t at = item->next;
    struct sg_riblt_cell *cell = &d->cells[at];
    cell->id ^= item->id;
    cell->check ^= item->check;
    cell->count = (uint8_t)(cell->count - item->sign);
    consider(d, at);
    return sg_riblt_draw(&item->state);
}

/* Takes a few found items out of the cells from their next ones on, as far as there are any. They
 * take their steps in rounds, as in fill_window: one alone would wait for each square root. */
static void take_out_few(struct sg_riblt_decoder *d, struct sg_riblt_item *items, uint32_t count)
{
    uint32_t active[FEW];
    double draw[FEW];
    uint32_t left = 0;
    for (uint32_t i = 0; i < count; i++) {
        active[left] = i;
        left += items[i].next < d->count ? 1 : 0;
    }
    while (left > 0) {
        uint32_t kept = 0;
        for (uint32_t i = 0; i < left; i++)
            draw[i] = take_out(d, &items[active[i]]);
        d->touches += left;
        for (uint32_t i = 0; i < left; i++)
            draw[i] = sg_riblt_stretch(draw[i]);
        for (uint32_t i = 0; i < left; i++) {
            struct sg_riblt_item *item = &items[active[i]];
            move(item, draw[i]);
            active[kept] = active[i];
            kept += item->next < d->count ? 1 : 0;
            if (item->next < d->count) /* far away when there are many */
                __builtin_prefetch(&d->cells[item->next], 1);
        }
        left = kept;
    }
}

/* Whether a cell holds one item alone: then *item is that. */
static bool shows_item(const struct sg_riblt_decoder *d, uint32_t at, struct sg_riblt_item *item)
{
    const struct sg_riblt_cell *cell = &d->cells[at];
    if (!is_single(cell))
        return false; /* something was taken out since it was queued */
    *item = make_item(d->keys, cell->id, cell->count);
    return ((item->check ^ cell->check) & sg_riblt_check_mask(at)) == 0;
}

/* Room for one more item. d unknowns take d symbols at least, more are a lie. */
static sg_err reserve_found(struct sg_riblt_decoder *d)
{
    if (d->found_count == d->count)
        return SG_ERR_PROTOCOL;
    if (d->found_count < d->found_cap)
        return SG_OK;
    void *found = sg_mem_grow(d->mem, d->found, &d->found_cap, d->cap, sizeof(*d->found));
    if (found == NULL)
        return SG_ERR_NO_MEMORY;
    d->found = found;
    return SG_OK;
}

static bool is_among(const struct sg_riblt_item *items, uint32_t count, uint64_t id)
{
    for (uint32_t i = 0; i < count; i++) {
        if (items[i].id == id)
            return true;
    }
    return false;
}

/* Finds a few items that cells hold alone; none twice, though two cells may hold the same one. */
static sg_err find_few(struct sg_riblt_decoder *d, uint32_t *count)
{
    struct sg_riblt_item item;
    *count = 0;
    while (d->queue_count > 0 && *count < FEW) {
        uint32_t at = d->queue[--d->queue_count];
        d->cells[at].is_queued = 0;
        uint32_t first = d->found_count - *count;
        if (!shows_item(d, at, &item) ||
            (*count > 0 && is_among(&d->found[first], *count, item.id)))
            continue;
        SG_TRY(reserve_found(d));
        d->found[d->found_count++] = item;
        ++*count;
    }
    return SG_OK;
}

static sg_err peel(struct sg_riblt_decoder *d)
{
    uint64_t limit = (uint64_t)d->count * TOUCHES_PER_SYMBOL + TOUCHES_FREE;
    uint32_t count;
    while (d->queue_count > 0) {
        SG_TRY(find_few(d, &count));
        if (d->touches > limit)
            return SG_ERR_PROTOCOL;
        if (count > 0)
            take_out_few(d, &d->found[d->found_count - count], count);
    }
    return SG_OK;
}

sg_err sg_riblt_decode(struct sg_riblt_decoder *d, uint32_t count,
                       const struct sg_rec_symbol *theirs, const struct sg_rec_symbol *ours)
{
    uint32_t first = d->count;
    if (count > SG_REC_SYMBOLS_MAX - first)
        return SG_ERR_LIMIT;
    SG_TRY(reserve(d, count));
    for (uint32_t i = 0; i < count; i++) {
        d->cells[first + i] = (struct sg_riblt_cell){
            .id = theirs[i].id ^ ours[i].id,
            .check = theirs[i].check ^ ours[i].check,
            .count = (uint8_t)(theirs[i].count - ours[i].count),
        };
    }
    d->count += count;
    for (uint32_t i = 0; i < d->found_count; i += FEW)
        take_out_few(d, &d->found[i], d->found_count - i < FEW ? d->found_count - i : FEW);
    for (uint32_t i = first; i < d->count; i++)
        consider(d, i);
    return peel(d);
}

bool sg_riblt_is_done(const struct sg_riblt_decoder *d)
{
    if (d->count == 0)
        return false;
    const struct sg_riblt_cell *all = &d->cells[0];
    return all->id == 0 && (all->check & sg_riblt_check_mask(0)) == 0 && all->count == 0;
}

/* The count of a symbol with share p is a sum of signs over the items that differ: its mean is p
 * times the excess, its variance p (1 - p) times their number. One estimate per symbol, weighted by
 * that variance; the first symbols share too many items to tell much. Counts are known mod 256, so
 * what is measured is the distance from the mean. */
uint32_t sg_riblt_estimate(const struct sg_riblt_decoder *d, int64_t excess)
{
    double squares = 0;
    double weight = 0;
    for (uint32_t i = 0; i < d->found_count; i++)
        excess -= d->found[i].sign == 1 ? 1 : -1;
    for (uint32_t i = d->count / 8; i < d->count; i++) {
        double share = 2.0 / ((double)i + 2.0);
        double mean = share * (double)excess;
        int64_t nearest = (int64_t)(mean < 0 ? mean - 0.5 : mean + 0.5);
        int8_t off = (int8_t)(uint8_t)(d->cells[i].count - (uint64_t)nearest);
        double distance = (double)off + ((double)nearest - mean);
        squares += distance * distance;
        weight += share * (1.0 - share);
    }
    if (weight <= 0)
        return UINT32_MAX;
    double left = squares / weight;
    double least = excess < 0 ? -(double)excess : (double)excess;
    double all = (left < least ? least : left) + (double)d->found_count;
    return all < 4e9 ? (uint32_t)all : UINT32_MAX;
}
