/* Shared by the files of the sequence. */
#ifndef SG_CRDT_SEQ_INTERNAL_H
#define SG_CRDT_SEQ_INTERNAL_H

#include <assert.h>

#include "crdt/seq.h"

static inline struct sg_seq_id sg_seq_span_id(const struct sg_seq_span *span, uint32_t off)
{
    return (struct sg_seq_id){span->chain, span->counter + off};
}

static inline struct sg_seq_id sg_seq_span_left(const struct sg_seq_span *span, uint32_t off)
{
    return off == 0 ? span->left : sg_seq_span_id(span, off - 1);
}

static inline bool sg_seq_span_has(const struct sg_seq_span *span, struct sg_seq_id id)
{
    return span->chain == id.chain && id.counter - span->counter < span->len;
}

/* Whether b goes on where a ends, but for being deleted. */
static inline bool sg_seq_span_joins(const struct sg_seq_span *a, const struct sg_seq_span *b)
{
    return a->chain == b->chain && a->counter + a->len == b->counter &&
           sg_seq_id_equal(b->left, sg_seq_span_id(a, a->len - 1)) &&
           sg_seq_id_equal(a->right, b->right);
}

/* ---- seq_tree.c: nodes and leaves ---- */

uint32_t sg_seq_slot_of(const struct sg_seq_node *node, const void *child);
void sg_seq_add(struct sg_seq *seq, struct sg_seq_leaf *leaf, const struct sg_seq_counts *delta);
/* A new empty leaf after leaf (NULL: the first one of all). */
SG_MUST_USE sg_err sg_seq_leaf_after(struct sg_seq *seq, struct sg_seq_leaf *leaf,
                                     struct sg_seq_leaf **out);
SG_MUST_USE sg_err sg_seq_leaf_reserve(struct sg_seq *seq, struct sg_seq_leaf *leaf, uint32_t spans,
                                       uint32_t bytes);
/* Makes room at a place for two more spans and so many bytes (<= SG_SEQ_TEXT): the place may be in
 * another leaf afterwards. */
SG_MUST_USE sg_err sg_seq_make_room(struct sg_seq *seq, struct sg_seq_place *place, uint32_t bytes);
/* Whether leaf a is before b; a != b. */
bool sg_seq_leaf_before(const struct sg_seq_leaf *a, const struct sg_seq_leaf *b);
/* Where the leaf begins. */
struct sg_seq_counts sg_seq_leaf_start(const struct sg_seq_leaf *leaf);
/* The leaf with position pos, which becomes relative to it; sums: what stands before it. */
struct sg_seq_leaf *sg_seq_descend(const struct sg_seq *seq, uint32_t *pos, enum sg_seq_unit unit,
                                   struct sg_seq_counts *before);
uint32_t sg_seq_measure(const struct sg_seq_counts *counts, enum sg_seq_unit unit);
/* Bytes of text before spans[span] + off. */
uint32_t sg_seq_byte_of(const struct sg_seq_leaf *leaf, uint32_t span, uint32_t off);

/* ---- seq_age.c: how old what is ---- */

#define SG_SEQ_AGE_NONE ((struct sg_seq_age){UINT32_MAX, 0})

void sg_seq_age_join(struct sg_seq_age *age, struct sg_seq_age other);
/* Of all that is below a node. */
struct sg_seq_age sg_seq_age_of(const struct sg_seq_node *node);
/* Elements from id on came into a leaf. */
void sg_seq_age_add(const struct sg_seq *seq, struct sg_seq_leaf *leaf, struct sg_seq_id id);
/* Spans of a leaf have gone over to the one behind it. */
void sg_seq_age_split(const struct sg_seq *seq, struct sg_seq_leaf *leaf,
                      struct sg_seq_leaf *right);
/* This leaf or the next one that may have something in it from before what is being applied, or of
 * it. NULL: there is none. O(log n). */
struct sg_seq_leaf *sg_seq_age_skip(struct sg_seq_leaf *leaf, struct sg_seq_age applying);

/* ---- seq_runs.c: from ids to leaves ---- */

/* NULL: the chain is not there. */
struct sg_seq_runs *sg_seq_runs_of(const struct sg_seq *seq, uint32_t chain);
/* Elements id .. id + count - 1 are in this leaf now. */
SG_MUST_USE sg_err sg_seq_runs_set(struct sg_seq *seq, struct sg_seq_id id, uint32_t count,
                                   uint32_t leaf);
/* Finds an element: place is where it is. */
bool sg_seq_find(const struct sg_seq *seq, struct sg_seq_id id, struct sg_seq_place *place);
void sg_seq_runs_fini(struct sg_seq *seq);

/* ---- seq_edit.c ---- */

/* Inserts at a place, whatever the origins say. */
SG_MUST_USE sg_err sg_seq_put(struct sg_seq *seq, struct sg_seq_place place,
                              const struct sg_seq_insertion *in);
/* Marks elements off .. off + count - 1 of a span as deleted. */
SG_MUST_USE sg_err sg_seq_hide(struct sg_seq *seq, struct sg_seq_place place, uint32_t count);
/* Moves a place at the end of a span or leaf to the next element; false at the end of all. */
bool sg_seq_normalize(struct sg_seq_place *place);
/* Visible position of a place. */
uint32_t sg_seq_place_pos(const struct sg_seq_place *place);

/* ---- seq_gaps.c: many siblings in one place ---- */

/* How many siblings a scan may pass before they are put in a table. */
#define SG_SEQ_GAP_MIN 16

struct sg_seq_gap *sg_seq_gap_of(const struct sg_seq *seq, struct sg_seq_id left,
                                 struct sg_seq_id right);
/* Number of siblings in the gap that come before the new one. */
uint32_t sg_seq_gap_rank(const struct sg_seq *seq, const struct sg_seq_gap *gap,
                         struct sg_seq_id id);
SG_MUST_USE sg_err sg_seq_gap_add(struct sg_seq *seq, struct sg_seq_gap *gap, uint32_t rank,
                                  struct sg_seq_id id);
/* A new, empty gap. */
SG_MUST_USE sg_err sg_seq_gap_new(struct sg_seq *seq, struct sg_seq_id left, struct sg_seq_id right,
                                  struct sg_seq_gap **out);
/* Whether under RGA a comes before b: later Lamport first, then the lower author. */
bool sg_seq_rga_before(const struct sg_seq *seq, struct sg_seq_id a, struct sg_seq_id b);
void sg_seq_gaps_fini(struct sg_seq *seq);

#endif
