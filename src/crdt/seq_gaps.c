/* Many inserts of different authors in the same gap. A scan passes all siblings, so k of them cost
 * O(k^2). Siblings with the same origins are sorted by author alone (by Lamport and author under
 * RGA), so once there are some they are kept in a table, and a new one finds its place by binary
 * search. Siblings with other right origins are still scanned. */
#include "crdt/seq_internal.h"

bool sg_seq_rga_before(const struct sg_seq *seq, struct sg_seq_id a, struct sg_seq_id b)
{
    uint64_t x = seq->order->lamport(seq->order->user, a);
    uint64_t y = seq->order->lamport(seq->order->user, b);
    if (x != y)
        return x > y;
    return seq->order->compare(seq->order->user, a, b) < 0;
}

static bool is_before(const struct sg_seq *seq, struct sg_seq_id a, struct sg_seq_id b)
{
    if (seq->kind == SG_SEQ_RGA)
        return sg_seq_rga_before(seq, a, b);
    return seq->order->compare(seq->order->user, a, b) < 0;
}

static int compare_ids(struct sg_seq_id a, struct sg_seq_id b)
{
    if (a.chain != b.chain)
        return a.chain < b.chain ? -1 : 1;
    return a.counter < b.counter ? -1 : a.counter > b.counter;
}

/* How many gaps come before these origins in seq->gaps. */
static uint32_t gaps_rank(const struct sg_seq *seq, struct sg_seq_id left, struct sg_seq_id right)
{
    uint32_t low = 0;
    uint32_t high = seq->gap_count;
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        int order = compare_ids(seq->gaps[mid].left, left);
        if (order == 0)
            order = compare_ids(seq->gaps[mid].right, right);
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

struct sg_seq_gap *sg_seq_gap_of(const struct sg_seq *seq, struct sg_seq_id left,
                                 struct sg_seq_id right)
{
    if (seq->gap_count == 0)
        return NULL;
    struct sg_seq_gap *gap = &seq->gaps[gaps_rank(seq, left, right)];
    if (gap == seq->gaps + seq->gap_count || compare_ids(gap->left, left) != 0 ||
        compare_ids(gap->right, right) != 0)
        return NULL;
    return gap;
}

uint32_t sg_seq_gap_rank(const struct sg_seq *seq, const struct sg_seq_gap *gap,
                         struct sg_seq_id id)
{
    uint32_t low = 0;
    uint32_t high = gap->count;
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (is_before(seq, gap->ids[mid], id))
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

sg_err sg_seq_gap_add(struct sg_seq *seq, struct sg_seq_gap *gap, uint32_t rank,
                      struct sg_seq_id id)
{
    if (gap->count == gap->cap) {
        void *grown = sg_mem_grow(seq->mem, gap->ids, &gap->cap, UINT32_MAX, sizeof(gap->ids[0]));
        if (grown == NULL)
            return SG_ERR_NO_MEMORY;
        gap->ids = grown;
    }
    memmove(gap->ids + rank + 1, gap->ids + rank, (gap->count - rank) * sizeof(gap->ids[0]));
    gap->ids[rank] = id;
    gap->count++;
    return SG_OK;
}

sg_err sg_seq_gap_new(struct sg_seq *seq, struct sg_seq_id left, struct sg_seq_id right,
                      struct sg_seq_gap **out)
{
    if (seq->gap_count == seq->gap_cap) {
        void *grown =
            sg_mem_grow(seq->mem, seq->gaps, &seq->gap_cap, UINT32_MAX, sizeof(seq->gaps[0]));
        if (grown == NULL)
            return SG_ERR_NO_MEMORY;
        seq->gaps = grown;
    }
    uint32_t rank = gaps_rank(seq, left, right);
    *out = &seq->gaps[rank];
    memmove(*out + 1, *out, (seq->gap_count - rank) * sizeof(**out));
    seq->gap_count++;
    **out = (struct sg_seq_gap){.left = left, .right = right};
    return SG_OK;
}

void sg_seq_gaps_fini(struct sg_seq *seq)
{
    for (uint32_t i = 0; i < seq->gap_count; i++)
        sg_mem_free(seq->mem, seq->gaps[i].ids);
    sg_mem_free(seq->mem, seq->gaps);
}
