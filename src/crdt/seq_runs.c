/* From ids to leaves: per chain a sorted list of runs in chunks, so that neither a change in the
 * middle nor a long list costs much. */
#include "crdt/seq_internal.h"

/* Number of chains of seq->runs that are below this one. */
static uint32_t runs_rank(const struct sg_seq *seq, uint32_t chain)
{
    uint32_t low = 0;
    uint32_t high = seq->run_count;
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (seq->runs[mid].chain < chain)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

struct sg_seq_runs *sg_seq_runs_of(const struct sg_seq *seq, uint32_t chain)
{
    uint32_t rank = runs_rank(seq, chain);
    if (rank == seq->run_count || seq->runs[rank].chain != chain)
        return NULL;
    return &seq->runs[rank];
}

static struct sg_seq_runs *runs_make(struct sg_seq *seq, uint32_t chain)
{
    uint32_t rank = runs_rank(seq, chain);
    if (rank < seq->run_count && seq->runs[rank].chain == chain)
        return &seq->runs[rank];
    if (seq->run_count == seq->run_cap) {
        void *grown =
            sg_mem_grow(seq->mem, seq->runs, &seq->run_cap, UINT32_MAX, sizeof(seq->runs[0]));
        if (grown == NULL)
            return NULL;
        seq->runs = grown;
    }
    memmove(seq->runs + rank + 1, seq->runs + rank, (seq->run_count - rank) * sizeof(seq->runs[0]));
    seq->runs[rank] = (struct sg_seq_runs){.chain = chain};
    seq->run_count++;
    return &seq->runs[rank];
}

void sg_seq_runs_fini(struct sg_seq *seq)
{
    for (uint32_t i = 0; i < seq->run_count; i++) {
        for (uint32_t k = 0; k < seq->runs[i].count; k++)
            sg_mem_free(seq->mem, seq->runs[i].chunks[k]);
        sg_mem_free(seq->mem, seq->runs[i].chunks);
    }
    sg_mem_free(seq->mem, seq->runs);
}

/* ---- one chain ------------------------------------------------------------------------------- */

/* Where a run is: chunks[chunk]->run[at]. */
struct spot {
    uint32_t chunk, at;
};

/* The last run that begins at or before counter; false: none. */
static bool find_run(const struct sg_seq_runs *runs, uint32_t counter, struct spot *spot)
{
    uint32_t low = 0;
    uint32_t high = runs->count;
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (runs->chunks[mid]->run[0].counter <= counter)
            low = mid + 1;
        else
            high = mid;
    }
    if (low == 0)
        return false;
    const struct sg_seq_chunk *chunk = runs->chunks[low - 1];
    spot->chunk = low - 1;
    low = 0;
    high = chunk->count;
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (chunk->run[mid].counter <= counter)
            low = mid + 1;
        else
            high = mid;
    }
    spot->at = low - 1;
    return true;
}

static sg_err chunk_new(struct sg_seq *seq, struct sg_seq_runs *runs, uint32_t at)
{
    if (runs->count == runs->cap) {
        void *grown =
            sg_mem_grow(seq->mem, runs->chunks, &runs->cap, UINT32_MAX, sizeof(runs->chunks[0]));
        if (grown == NULL)
            return SG_ERR_NO_MEMORY;
        runs->chunks = grown;
    }
    struct sg_seq_chunk *chunk = sg_mem_new(seq->mem, 1, sizeof(*chunk));
    if (chunk == NULL)
        return SG_ERR_NO_MEMORY;
    memmove(runs->chunks + at + 1, runs->chunks + at, (runs->count - at) * sizeof(runs->chunks[0]));
    runs->chunks[at] = chunk;
    runs->count++;
    return SG_OK;
}

/* Makes room for one more run in a chunk; spot is adjusted. */
static sg_err chunk_room(struct sg_seq *seq, struct sg_seq_runs *runs, struct spot *spot)
{
    if (runs->count == 0)
        return chunk_new(seq, runs, 0);
    if (runs->chunks[spot->chunk]->count < SG_SEQ_RUNS)
        return SG_OK;
    bool is_last = spot->chunk + 1 == runs->count && spot->at == SG_SEQ_RUNS;
    SG_TRY(chunk_new(seq, runs, spot->chunk + 1));
    struct sg_seq_chunk *left = runs->chunks[spot->chunk];
    struct sg_seq_chunk *right = runs->chunks[spot->chunk + 1];
    uint32_t keep = is_last ? SG_SEQ_RUNS : SG_SEQ_RUNS / 2;
    right->count = SG_SEQ_RUNS - keep;
    memcpy(right->run, left->run + keep, right->count * sizeof(right->run[0]));
    left->count = keep;
    if (spot->at > keep || is_last) {
        spot->chunk++;
        spot->at -= keep;
    }
    return SG_OK;
}

static sg_err insert_run(struct sg_seq *seq, struct sg_seq_runs *runs, struct spot *spot,
                         struct sg_seq_run run)
{
    SG_TRY(chunk_room(seq, runs, spot));
    struct sg_seq_chunk *chunk = runs->chunks[spot->chunk];
    memmove(chunk->run + spot->at + 1, chunk->run + spot->at,
            (chunk->count - spot->at) * sizeof(run));
    chunk->run[spot->at] = run;
    chunk->count++;
    return SG_OK;
}

static void remove_run(struct sg_seq *seq, struct sg_seq_runs *runs, struct spot spot)
{
    struct sg_seq_chunk *chunk = runs->chunks[spot.chunk];
    chunk->count--;
    memmove(chunk->run + spot.at, chunk->run + spot.at + 1,
            (chunk->count - spot.at) * sizeof(chunk->run[0]));
    if (chunk->count > 0)
        return;
    sg_mem_free(seq->mem, chunk);
    runs->count--;
    memmove(runs->chunks + spot.chunk, runs->chunks + spot.chunk + 1,
            (runs->count - spot.chunk) * sizeof(runs->chunks[0]));
}

/* The run at a spot, or NULL behind the last one; moves a spot at the end of a chunk on. */
static struct sg_seq_run *run_at(const struct sg_seq_runs *runs, struct spot *spot)
{
    if (spot->chunk < runs->count && spot->at == runs->chunks[spot->chunk]->count) {
        spot->chunk++;
        spot->at = 0;
    }
    return spot->chunk < runs->count ? &runs->chunks[spot->chunk]->run[spot->at] : NULL;
}

/* Makes a run begin at its counter. spot: the first run behind it afterwards. */
static sg_err begin_run(struct sg_seq *seq, struct sg_seq_runs *runs, struct sg_seq_run run,
                        struct spot *spot)
{
    bool has = find_run(runs, run.counter, spot);
    struct sg_seq_run *at = has ? run_at(runs, spot) : NULL;
    spot->at = has ? spot->at + 1 : 0;
    spot->chunk = has ? spot->chunk : 0;
    if (at != NULL && at->counter == run.counter) {
        at->leaf = run.leaf;
        return SG_OK;
    }
    SG_TRY(insert_run(seq, runs, spot, run));
    spot->at++;
    return SG_OK;
}

/* Whether what is before counter is in this leaf, so that no new run has to begin there. */
static bool goes_on(const struct sg_seq_runs *runs, uint32_t counter, uint32_t leaf,
                    struct spot *spot)
{
    if (counter == 0 || !find_run(runs, counter - 1, spot) || run_at(runs, spot)->leaf != leaf)
        return false;
    spot->at++;
    return true;
}

/* The common case: all of counter .. end - 1 is in one run so far, which is found once. *is_done
 * false: it is another case. */
static sg_err set_within(struct sg_seq *seq, struct sg_seq_runs *runs, struct sg_seq_run run,
                         uint32_t end, bool *is_done)
{
    struct spot spot;
    struct spot behind;
    *is_done = false;
    if (!find_run(runs, run.counter, &spot))
        return SG_OK;
    struct sg_seq_run *at = run_at(runs, &spot);
    behind = (struct spot){spot.chunk, spot.at + 1};
    const struct sg_seq_run *next = run_at(runs, &behind);
    if (next != NULL && next->counter < end)
        return SG_OK;
    *is_done = true;
    bool has_rest = end < runs->end && (next == NULL || next->counter > end);
    struct sg_seq_run rest = {end, at->leaf};
    runs->end = end > runs->end ? end : runs->end;
    if (at->leaf == run.leaf)
        return SG_OK;
    spot.at++;
    if (at->counter == run.counter) {
        at->leaf = run.leaf;
    } else {
        SG_TRY(insert_run(seq, runs, &spot, run));
        spot.at++;
    }
    return has_rest ? insert_run(seq, runs, &spot, rest) : SG_OK;
}

sg_err sg_seq_runs_set(struct sg_seq *seq, struct sg_seq_id id, uint32_t count, uint32_t leaf)
{
    struct sg_seq_runs *runs = runs_make(seq, id.chain);
    struct spot spot = {0, 0};
    uint32_t end = id.counter + count;
    bool is_done = false;
    if (runs == NULL)
        return SG_ERR_NO_MEMORY;
    SG_TRY(set_within(seq, runs, (struct sg_seq_run){id.counter, leaf}, end, &is_done));
    if (is_done)
        return SG_OK;
    /* What follows stays where it is. */
    if (end >= runs->end) {
        runs->end = end;
    } else if (find_run(runs, end, &spot)) {
        struct sg_seq_run rest = {end, run_at(runs, &spot)->leaf};
        if (rest.leaf != leaf)
            SG_TRY(begin_run(seq, runs, rest, &spot));
    }
    if (!goes_on(runs, id.counter, leaf, &spot))
        SG_TRY(begin_run(seq, runs, (struct sg_seq_run){id.counter, leaf}, &spot));
    for (struct sg_seq_run *run = run_at(runs, &spot); run != NULL && run->counter < end;
         run = run_at(runs, &spot))
        remove_run(seq, runs, spot);
    return SG_OK;
}

bool sg_seq_find(const struct sg_seq *seq, struct sg_seq_id id, struct sg_seq_place *place)
{
    const struct sg_seq_runs *runs = sg_seq_runs_of(seq, id.chain);
    struct spot spot;
    if (runs == NULL || !find_run(runs, id.counter, &spot))
        return false;
    struct sg_seq_leaf *leaf = seq->leaves[runs->chunks[spot.chunk]->run[spot.at].leaf];
    for (uint32_t i = 0; i < leaf->count; i++) {
        if (sg_seq_span_has(&leaf->spans[i], id)) {
            *place = (struct sg_seq_place){leaf, i, id.counter - leaf->spans[i].counter};
            return true;
        }
    }
    return false;
}
