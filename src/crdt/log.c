/* The log of a document.
 *
 * Each author writes a chain of batches, linked by hashes; a batch also names the heads of other
 * chains that its author had seen. So its past is a fact that all replicas agree on, and Byzantine
 * authors can do no worse than write two batches with one number: then there are two chains of one
 * author, and both count (Kleppmann, "Making CRDTs Byzantine fault tolerant", PaPoC 2022).
 *
 * Version vectors of every batch would cost batches times chains. Instead a chain has for every
 * other chain the list of steps at which it saw more of it; the entry of any batch is found by
 * binary search, and all lists together are as long as there were news to write down.
 *
 * Operations are counted per chain, through all of its batches; a fork counts on where it leaves
 * its parent. Lamport times run with counters except where an author had seen something later, so
 * they are kept as the points where the difference changes. */
#include "crdt/log.h"

#include <assert.h>

void sg_log_init(struct sg_log *log, const struct sg_mem *mem, uint64_t seed)
{
    struct sg_prng prng;
    *log = (struct sg_log){.mem = mem};
    sg_prng_init(&prng, seed);
    sg_index_keys_init(&log->keys, &prng);
    sg_index_init(&log->index, &log->keys, sizeof(struct sg_log_batch));
    sg_index_init(&log->authors, &log->keys, sizeof(struct sg_log_chain));
}

void sg_log_fini(struct sg_log *log)
{
    for (uint32_t i = 0; i < log->chain_count; i++) {
        struct sg_log_chain *chain = &log->chains[i];
        for (uint32_t k = 0; k < chain->track_count; k++)
            sg_mem_free(log->mem, chain->tracks[k].steps);
        sg_mem_free(log->mem, chain->tracks);
        sg_mem_free(log->mem, chain->batches);
        sg_mem_free(log->mem, chain->clocks);
    }
    sg_mem_free(log->mem, log->chains);
    sg_mem_free(log->mem, log->heads);
    sg_mem_free(log->mem, log->bytes);
    sg_mem_free(log->mem, log->batches);
    sg_index_fini(&log->index, log->mem);
    sg_index_fini(&log->authors, log->mem);
}

/* Makes room for one more element; gives the array, or NULL when out of memory. */
static void *room(struct sg_log *log, void *array, uint32_t count, uint32_t *cap, size_t size)
{
    if (count < *cap)
        return array;
    return sg_mem_grow(log->mem, array, cap, UINT32_MAX, size);
}

#define ROOM(log, array, count, cap)                                                               \
    do {                                                                                           \
        void *room_ = room(log, array, count, &(cap), sizeof((array)[0]));                         \
        if (room_ == NULL)                                                                         \
            return SG_ERR_NO_MEMORY;                                                               \
        (array) = room_;                                                                           \
    } while (0)

/* ---- look-ups -------------------------------------------------------------------------------- */

uint32_t sg_log_find(const struct sg_log *log, const uint8_t name[SG_ID_LEN])
{
    return log->count == 0 ? SG_LOG_NONE : sg_index_get(&log->index, name);
}

static uint32_t at_seq(const struct sg_log_chain *c, uint32_t seq)
{
    uint32_t back = c->end_seq - seq; /* from the last one */
    return seq < c->end_seq && back <= c->count ? c->batches[c->count - back] : SG_LOG_NONE;
}

/* The highest of a chain and those it goes on from that begins behind counter, which is below
 * chain's own start. */
static uint32_t top_above(const struct sg_log *log, uint32_t chain, uint32_t counter)
{
    const struct sg_log_chain *c = &log->chains[chain];
    while (c->parent != SG_LOG_NONE && log->chains[c->parent].start > counter) {
        chain = log->chains[c->jump].start > counter ? c->jump : c->parent;
        c = &log->chains[chain];
    }
    return chain;
}

uint32_t sg_log_at(const struct sg_log *log, uint32_t chain, uint32_t seq)
{
    const struct sg_log_chain *c = &log->chains[chain];
    while (seq < c->start_seq) {
        if (c->parent == SG_LOG_NONE)
            return SG_LOG_NONE;
        c = &log->chains[log->chains[c->jump].start_seq > seq ? c->jump : c->parent];
    }
    return at_seq(c, seq);
}
/* The first chain of an author, from which next_same leads to all of them. */
static uint32_t first_of(const struct sg_log *log, const uint8_t author[SG_ID_LEN])
{
    return log->chain_count == 0 ? SG_LOG_NONE : sg_index_get(&log->authors, author);
}

uint32_t sg_log_root(const struct sg_log *log, const uint8_t author[SG_ID_LEN], uint32_t start_seq)
{
    uint32_t i = first_of(log, author);
    while (i != SG_LOG_NONE &&
           (log->chains[i].parent != SG_LOG_NONE || log->chains[i].start_seq != start_seq))
        i = log->chains[i].next_same;
    return i;
}

bool sg_log_is_used(const struct sg_log *log, const uint8_t author[SG_ID_LEN], uint32_t seq)
{
    uint32_t i = first_of(log, author);
    while (i != SG_LOG_NONE && (log->chains[i].end_seq <= seq || log->chains[i].start_seq > seq))
        i = log->chains[i].next_same;
    return i != SG_LOG_NONE;
}

uint32_t sg_log_longest(const struct sg_log *log, const uint8_t author[SG_ID_LEN])
{
    uint32_t best = SG_LOG_NONE;
    for (uint32_t i = first_of(log, author); i != SG_LOG_NONE; i = log->chains[i].next_same) {
        if (best == SG_LOG_NONE || log->chains[i].end > log->chains[best].end)
            best = i;
    }
    return best;
}

uint32_t sg_log_own(const struct sg_log *log, const uint8_t author[SG_ID_LEN], uint32_t *end_seq)
{
    uint32_t best = SG_LOG_NONE;
    *end_seq = 0;
    for (uint32_t i = first_of(log, author); i != SG_LOG_NONE; i = log->chains[i].next_same) {
        const struct sg_log_chain *c = &log->chains[i];
        uint32_t end = c->made_seq > c->signed_seq ? c->made_seq : c->signed_seq;
        end = end < c->end_seq ? end : c->end_seq;
        if (end <= c->start_seq || end <= *end_seq)
            continue;
        best = i;
        *end_seq = end;
    }
    return best;
}

uint32_t sg_log_chain_like(const struct sg_log *log, const struct sg_log_chain *chain)
{
    for (uint32_t i = first_of(log, chain->author); i != SG_LOG_NONE;
         i = log->chains[i].next_same) {
        const struct sg_log_chain *c = &log->chains[i];
        if (c->start_seq == chain->start_seq && memcmp(c->first, chain->first, SG_ID_LEN) == 0)
            return i;
    }
    return SG_LOG_NONE;
}

struct sg_bytes sg_log_rest(const struct sg_log *log, const struct sg_log_batch *batch)
{
    return sg_bytes(log->bytes + batch->offset, batch->len);
}

struct sg_seq_id sg_log_resolve(const struct sg_log *log, uint32_t chain, uint32_t counter)
{
    uint32_t count = 0;
    return sg_log_resolve_range(log, chain, counter, &count);
}

struct sg_seq_id sg_log_resolve_range(const struct sg_log *log, uint32_t chain, uint32_t counter,
                                      uint32_t *count)
{
    if (counter >= log->chains[chain].start || log->chains[chain].parent == SG_LOG_NONE)
        return (struct sg_seq_id){chain, counter};
    uint32_t top = top_above(log, chain, counter);
    const struct sg_log_chain *above = &log->chains[top];
    uint32_t most = above->start - counter; /* there the chain that forked from it begins */
    *count = *count < most ? *count : most;
    return (struct sg_seq_id){above->parent == SG_LOG_NONE ? top : above->parent, counter};
}

uint32_t sg_log_lamport(const struct sg_log *log, struct sg_seq_id id)
{
    const struct sg_log_chain *chain = &log->chains[id.chain];
    uint32_t low = 0;
    uint32_t high = chain->clock_count;
    if (id.counter >= chain->end)
        return log->open_lamport + (id.counter - chain->end);
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (chain->clocks[mid].counter <= id.counter)
            low = mid + 1;
        else
            high = mid;
    }
    assert(low > 0);
    const struct sg_log_clock *clock = &chain->clocks[low - 1];
    return clock->lamport + (id.counter - clock->counter);
}

/* The chain at this depth that one goes on from. */
static uint32_t up_to_depth(const struct sg_log *log, uint32_t chain, uint32_t depth)
{
    while (log->chains[chain].depth > depth) {
        const struct sg_log_chain *c = &log->chains[chain];
        chain = log->chains[c->jump].depth >= depth ? c->jump : c->parent;
    }
    return chain;
}

/* Names of the batches in which two chains of one author part. */
static int compare_forks(const struct sg_log *log, uint32_t a, uint32_t b)
{
    uint32_t below_a = SG_LOG_NONE; /* children on the way up */
    uint32_t below_b = SG_LOG_NONE;
    uint32_t depth_a = log->chains[a].depth;
    uint32_t depth_b = log->chains[b].depth;
    if (depth_a > depth_b) {
        below_a = up_to_depth(log, a, depth_b + 1);
        a = log->chains[below_a].parent;
    } else if (depth_b > depth_a) {
        below_b = up_to_depth(log, b, depth_a + 1);
        b = log->chains[below_b].parent;
    }
    while (a != b && log->chains[a].depth > 0) { /* equally deep: their jumps are as long */
        bool is_far = log->chains[a].jump != log->chains[b].jump;
        below_a = a;
        below_b = b;
        a = is_far ? log->chains[a].jump : log->chains[a].parent;
        b = is_far ? log->chains[b].jump : log->chains[b].parent;
    }
    const struct sg_log_chain *chains = log->chains;
    if (a != b)
        return memcmp(chains[a].first, chains[b].first, SG_ID_LEN);
    if (below_a == SG_LOG_NONE)
        return memcmp(chains[below_b].rival, chains[below_b].first, SG_ID_LEN);
    if (below_b == SG_LOG_NONE)
        return memcmp(chains[below_a].first, chains[below_a].rival, SG_ID_LEN);
    /* both left the same chain: the one that left first parts from all that came later */
    const struct sg_log_chain *x = &chains[below_a];
    const struct sg_log_chain *y = &chains[below_b];
    if (x->start_seq == y->start_seq)
        return memcmp(x->first, y->first, SG_ID_LEN);
    return x->start_seq < y->start_seq ? memcmp(x->first, x->rival, SG_ID_LEN)
                                       : memcmp(y->rival, y->first, SG_ID_LEN);
}

int sg_log_compare(const struct sg_log *log, struct sg_seq_id a, struct sg_seq_id b)
{
    if (a.chain != b.chain) {
        int order = memcmp(log->chains[a.chain].author, log->chains[b.chain].author, SG_ID_LEN);
        if (order != 0)
            return order;
    }
    if (a.counter != b.counter)
        return a.counter < b.counter ? -1 : 1;
    return a.chain == b.chain ? 0 : compare_forks(log, a.chain, b.chain);
}

/* ---- adding ---------------------------------------------------------------------------------- */

/* Jumps as in skew-binary lists (Myers 1983): each is as long as the two before it together where
 * those are equally long, so a way up takes O(log depth). */
static void set_parent(struct sg_log *log, uint32_t chain, uint32_t parent)
{
    struct sg_log_chain *c = &log->chains[chain];
    c->parent = parent;
    c->depth = 0;
    c->jump = chain;
    c->next_child = SG_LOG_NONE;
    if (parent == SG_LOG_NONE)
        return;
    struct sg_log_chain *p = &log->chains[parent];
    c->next_child = p->first_child;
    p->first_child = chain;
    log->branches++;
    const struct sg_log_chain *far = &log->chains[p->jump];
    bool is_equal = p->depth - far->depth == far->depth - log->chains[far->jump].depth;
    c->depth = p->depth + 1;
    c->jump = is_equal ? far->jump : parent;
}

static void add_same(struct sg_log *log, uint32_t chain)
{
    struct sg_log_chain *c = &log->chains[chain];
    uint32_t first = chain == 0 ? SG_LOG_NONE : sg_index_get(&log->authors, c->author);
    c->next_same = SG_LOG_NONE;
    c->last_same = chain;
    if (first == SG_LOG_NONE) {
        sg_index_add(&log->authors, chain);
        return;
    }
    log->chains[log->chains[first].last_same].next_same = chain;
    log->chains[first].last_same = chain;
}

sg_err sg_log_chain_new(struct sg_log *log, const uint8_t author[SG_ID_LEN], uint32_t parent,
                        uint32_t start_seq, uint32_t *out)
{
    ROOM(log, log->chains, log->chain_count, log->chain_cap);
    sg_index_pool(&log->authors, log->chains);
    SG_TRY(sg_index_reserve(&log->authors, log->mem, log->chain_count + 1));
    struct sg_log_chain *chain = &log->chains[log->chain_count];
    *chain = (struct sg_log_chain){
        .start_seq = start_seq, .end_seq = start_seq, .first_child = SG_LOG_NONE};
    memcpy(chain->author, author, SG_ID_LEN);
    set_parent(log, log->chain_count, parent);
    if (parent != SG_LOG_NONE) {
        uint32_t rival = sg_log_at(log, parent, start_seq);
        assert(rival != SG_LOG_NONE);
        chain->start = log->batches[rival].counter;
        chain->end = chain->start;
        memcpy(chain->rival, log->batches[rival].name, SG_ID_LEN);
    }
    add_same(log, log->chain_count);
    *out = log->chain_count++;
    return SG_OK;
}

void sg_log_chain_drop(struct sg_log *log)
{
    uint32_t chain = log->chain_count - 1;
    uint32_t first = sg_index_get(&log->authors, log->chains[chain].author);
    assert(log->chains[chain].count == 0);
    if (first == chain)
        sg_index_remove(&log->authors, chain);
    for (uint32_t i = first; i != chain; i = log->chains[i].next_same) {
        if (log->chains[i].next_same != chain)
            continue;
        log->chains[i].next_same = SG_LOG_NONE;
        log->chains[first].last_same = i;
        break;
    }
    uint32_t parent = log->chains[chain].parent;
    if (parent != SG_LOG_NONE) { /* the newest chain is the first in its list */
        assert(log->chains[parent].first_child == chain);
        log->chains[parent].first_child = log->chains[chain].next_child;
        log->branches--;
    }
    log->chain_count--;
}

void sg_log_chain_fork(struct sg_log *log, uint32_t chain, uint32_t parent)
{
    set_parent(log, chain, parent);
}

sg_err sg_log_clock_add(struct sg_log *log, uint32_t chain, uint32_t counter, uint32_t lamport)
{
    struct sg_log_chain *c = &log->chains[chain];
    if (c->clock_count > 0) {
        const struct sg_log_clock *last = &c->clocks[c->clock_count - 1];
        if (lamport - last->lamport == counter - last->counter)
            return SG_OK;
    }
    ROOM(log, c->clocks, c->clock_count, c->clock_cap);
    c->clocks[c->clock_count++] = (struct sg_log_clock){counter, lamport};
    return SG_OK;
}

/* Chain has seen, by batch seq, the operations of other below upto. */
static sg_err see(struct sg_log *log, uint32_t chain, uint32_t other, struct sg_log_step step)
{
    struct sg_log_chain *c = &log->chains[chain];
    uint32_t rank = sg_log_track_rank(c, other);
    if (other == chain)
        return SG_OK;
    if (rank == c->track_count || c->tracks[rank].chain != other) {
        ROOM(log, c->tracks, c->track_count, c->track_cap);
        memmove(c->tracks + rank + 1, c->tracks + rank,
                (c->track_count - rank) * sizeof(c->tracks[0]));
        c->tracks[rank] = (struct sg_log_track){.chain = other};
        c->track_count++;
        log->seen += sizeof(c->tracks[0]);
    }
    struct sg_log_track *track = &c->tracks[rank];
    struct sg_log_step *last = track->count == 0 ? NULL : &track->steps[track->count - 1];
    if (last != NULL && last->upto >= step.upto)
        return SG_OK;
    if (last != NULL && last->seq == step.seq) {
        last->upto = step.upto;
        return SG_OK;
    }
    ROOM(log, track->steps, track->count, track->cap);
    log->seen += sizeof(track->steps[0]);
    track->steps[track->count++] = step;
    return SG_OK;
}

/* Chain sees by batch seq all that batch number dep has in its past. */
static sg_err see_past(struct sg_log *log, uint32_t chain, uint32_t seq, uint32_t dep)
{
    uint32_t from = log->batches[dep].chain;
    uint32_t from_seq = log->batches[dep].seq;
    uint32_t upto = log->batches[dep].counter + log->batches[dep].ops;
    while (from != SG_LOG_NONE) {
        SG_TRY(see(log, chain, from, (struct sg_log_step){seq, upto}));
        for (uint32_t i = 0; i < log->chains[from].track_count; i++) {
            const struct sg_log_track *track = &log->chains[from].tracks[i];
            uint32_t seen = sg_log_track_upto(track, from_seq);
            if (seen > 0)
                SG_TRY(see(log, chain, track->chain, (struct sg_log_step){seq, seen}));
        }
        upto = log->chains[from].start;
        from_seq = log->chains[from].start_seq - 1;
        from = log->chains[from].parent;
    }
    return SG_OK;
}

sg_err sg_log_head_add(struct sg_log *log, uint32_t batch)
{
    ROOM(log, log->heads, log->head_count, log->head_cap);
    log->heads[log->head_count++] = batch;
    log->batches[batch].head_at = log->head_count & INT32_MAX;
    return SG_OK;
}

void sg_log_head_drop(struct sg_log *log, uint32_t batch)
{
    uint32_t at = log->batches[batch].head_at;
    if (at == 0)
        return;
    uint32_t last = log->heads[--log->head_count];
    log->heads[at - 1] = last;
    log->batches[last].head_at = at & INT32_MAX;
    log->batches[batch].head_at = 0;
}

static sg_err keep_bytes(struct sg_log *log, struct sg_bytes rest)
{
    if (rest.len > log->bytes_cap - log->bytes_len) {
        size_t cap = (size_t)log->bytes_cap + log->bytes_cap / 4 + rest.len;
        void *grown = cap > UINT32_MAX ? NULL : sg_mem_resize(log->mem, log->bytes, cap, 1);
        if (grown == NULL)
            return SG_ERR_NO_MEMORY;
        log->bytes = grown;
        log->bytes_cap = (uint32_t)cap;
    }
    if (rest.len > 0)
        memcpy(log->bytes + log->bytes_len, rest.data, rest.len);
    log->bytes_len += (uint32_t)rest.len;
    return SG_OK;
}

static sg_err make_room(struct sg_log *log, struct sg_log_chain *chain, struct sg_bytes rest)
{
    ROOM(log, log->batches, log->count, log->cap);
    sg_index_pool(&log->index, log->batches);
    SG_TRY(sg_index_reserve(&log->index, log->mem, log->count + 1));
    ROOM(log, chain->batches, chain->count, chain->cap);
    ROOM(log, log->heads, log->head_count, log->head_cap);
    return keep_bytes(log, rest);
}

sg_err sg_log_add(struct sg_log *log, const struct sg_log_past *past,
                  const struct sg_log_batch *batch, struct sg_bytes rest)
{
    struct sg_log_chain *chain = &log->chains[past->chain];
    uint32_t seq = chain->end_seq;
    for (uint32_t i = 0; i < past->dep_count; i++)
        SG_TRY(see_past(log, past->chain, seq, past->deps[i]));
    SG_TRY(sg_log_clock_add(log, past->chain, chain->end, batch->lamport));
    SG_TRY(make_room(log, chain, rest));
    uint32_t number = log->count++;
    struct sg_log_batch *made = &log->batches[number];
    *made = *batch;
    made->head_at = 0;
    made->chain = past->chain;
    made->seq = seq;
    made->counter = chain->end;
    made->offset = log->bytes_len - (uint32_t)rest.len;
    made->len = (uint32_t)rest.len;
    sg_index_add(&log->index, number);
    chain->batches[chain->count++] = number;
    if (seq == chain->start_seq)
        memcpy(chain->first, batch->name, SG_ID_LEN);
    memcpy(chain->head, batch->name, SG_ID_LEN);
    chain->end += batch->ops;
    chain->end_seq++;
    chain->end_lamport = batch->lamport + batch->ops - 1;
    log->lamport = chain->end_lamport > log->lamport ? chain->end_lamport : log->lamport;
    if (past->prev != SG_LOG_NONE)
        sg_log_head_drop(log, past->prev);
    for (uint32_t i = 0; i < past->dep_count; i++)
        sg_log_head_drop(log, past->deps[i]);
    return sg_log_head_add(log, number);
}
