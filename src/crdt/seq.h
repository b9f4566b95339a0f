/* A replicated sequence of characters. See seq.c for the essay.
 *
 * Positions count visible code points unless said otherwise. Elements (characters, deleted ones
 * included) have ids; chains are numbers that this replica gave to author chains, so comparisons
 * between replicas go through struct sg_seq_order. */
#ifndef SG_CRDT_SEQ_H
#define SG_CRDT_SEQ_H

#include "base/mem.h"
#include "crdt/utf8.h"

#define SG_SEQ_CHAIN_NONE UINT32_MAX

/* Element: number `counter` of a chain. chain SG_SEQ_CHAIN_NONE: none, that is, the start as a left
 * origin and the end as a right origin. */
struct sg_seq_id {
    uint32_t chain;
    uint32_t counter;
};

#define SG_SEQ_NONE ((struct sg_seq_id){SG_SEQ_CHAIN_NONE, 0})

static inline bool sg_seq_id_equal(struct sg_seq_id a, struct sg_seq_id b)
{
    return a.chain == b.chain && a.counter == b.counter;
}

/* Of some elements: none has an earlier Lamport time, none came in by a later batch. */
struct sg_seq_age {
    uint32_t lamport;
    uint32_t batch;
};

/* What all replicas agree on about ids. Both must be total and the same everywhere. */
struct sg_seq_order {
    void *user;
    /* < 0: a's author is the lower one; ties by what names the element. Never 0 for a != b. */
    int (*compare)(void *user, struct sg_seq_id a, struct sg_seq_id b);
    /* Lamport time of the element; only used by RGA. */
    uint64_t (*lamport)(void *user, struct sg_seq_id id);
    /* Whether the author of what is being integrated had seen this element. NULL: right origins are
     * believed. */
    bool (*is_past)(void *user, struct sg_seq_id id);
    /* What is being applied: Lamport time of its first operation, and a number that rises from
     * batch to batch. Elements of others with such a time or a later one are not in its past, so
     * many of them need not be asked for one by one. NULL: they are. */
    struct sg_seq_age (*applying)(void *user);
};

enum sg_seq_kind { SG_SEQ_FUGUE_MAX, SG_SEQ_RGA };

/* len elements that follow each other, by id and in the sequence: each but the first has the one
 * before it as left origin, and all have the same right origin. */
struct sg_seq_span {
    uint32_t chain;
    uint32_t counter;
    uint32_t len;
    uint32_t is_deleted; /* 0, 1 */
    struct sg_seq_id left, right;
};

enum { SG_SEQ_SPANS = 64, SG_SEQ_FAN = 32, SG_SEQ_TEXT = 2048, SG_SEQ_RUNS = 128 };

struct sg_seq_counts {
    uint32_t visible; /* code points */
    uint32_t total;   /* elements, deleted ones included */
    uint32_t bytes;   /* UTF-8 */
    uint32_t wide;    /* visible code points above U+FFFF */
};

struct sg_seq_node; /* inner node */

struct sg_seq_leaf {
    struct sg_seq_node *parent;
    struct sg_seq_leaf *next, *prev;
    uint32_t number; /* in sg_seq.leaves */
    uint16_t count, cap;
    uint32_t text_cap;
    struct sg_seq_counts sum; /* sum.bytes is the length of text */
    struct sg_seq_age age;
    struct sg_seq_span *spans; /* [count] of cap <= SG_SEQ_SPANS */
    uint8_t *text;             /* of the visible spans, in order */
};

struct sg_seq_node {
    struct sg_seq_node *parent;
    uint32_t count;
    bool has_leaves;
    void *child[SG_SEQ_FAN]; /* sg_seq_leaf or sg_seq_node */
    struct sg_seq_counts sum[SG_SEQ_FAN];
    struct sg_seq_age age[SG_SEQ_FAN];
};

/* From counter on the elements of a chain are in this leaf. */
struct sg_seq_run {
    uint32_t counter;
    uint32_t leaf;
};

struct sg_seq_chunk {
    uint32_t count;
    struct sg_seq_run run[SG_SEQ_RUNS];
};

/* All runs of one chain, sorted, in chunks. */
struct sg_seq_runs {
    uint32_t chain;
    uint32_t end; /* no element has this counter or a higher one */
    uint32_t count, cap;
    struct sg_seq_chunk **chunks; /* [count] none is empty */
};

/* Elements with the same origins, once there are many; sorted as in the sequence. */
struct sg_seq_gap {
    struct sg_seq_id left, right; /* right is SG_SEQ_NONE under RGA, which ignores it */
    uint32_t count, cap;
    struct sg_seq_id *ids;
};

/* A place in the sequence: before element off of spans[span]; span == count: at the end of leaf. */
struct sg_seq_place {
    struct sg_seq_leaf *leaf;
    uint32_t span, off;
};

struct sg_seq {
    const struct sg_mem *mem;
    const struct sg_seq_order *order; /* borrowed */
    enum sg_seq_kind kind;
    bool is_broken; /* memory ran out within a change: of no more use */
    struct sg_seq_node *root;
    struct sg_seq_leaf *first;
    struct sg_seq_leaf **leaves; /* [leaf_count] by number */
    uint32_t leaf_count, leaf_cap;
    struct sg_seq_counts sum;
    struct sg_seq_runs *runs; /* [run_count] sorted by chain */
    uint32_t run_count, run_cap;
    struct sg_seq_gap *gaps; /* [gap_count] */
    uint32_t gap_count, gap_cap;
    /* Where the last edit was: spans[at_span] of at_leaf begins at visible position at_start and
     * byte at_byte of the leaf's text; leaf_start: position where the leaf begins. */
    struct sg_seq_leaf *at_leaf;
    uint32_t at_span, at_start, at_byte, leaf_start;
};

/* An empty sequence; order must outlive it. SG_ERR_NO_MEMORY: nothing to be freed. */
SG_MUST_USE sg_err sg_seq_init(struct sg_seq *seq, const struct sg_mem *mem,
                               const struct sg_seq_order *order, enum sg_seq_kind kind);
void sg_seq_fini(struct sg_seq *seq);

/* Characters to be inserted: elements id, id + 1, .. */
struct sg_seq_insertion {
    struct sg_seq_id id;
    struct sg_seq_id left, right; /* origins: input of integrate, output of insert */
    struct sg_bytes text;         /* checked UTF-8, not empty; borrowed */
    struct sg_utf8_counts counts; /* of text */
};

/* ---- local edits ---- */

/* Inserts at a position <= length; sets the origins by the rule of sync.md 4.1: left is the visible
 * element before the position, right the element after it, visible or not. O(log n).
 * SG_ERR_NO_MEMORY: broken. */
SG_MUST_USE sg_err sg_seq_insert(struct sg_seq *seq, uint32_t pos, struct sg_seq_insertion *in);
/* Deletes the elements id .. that are at pos and follow each other by id, at most *count: *count
 * becomes how many. pos < length. SG_ERR_NO_MEMORY: broken. */
SG_MUST_USE sg_err sg_seq_delete(struct sg_seq *seq, uint32_t pos, uint32_t *count,
                                 struct sg_seq_id *id);

/* ---- edits of others ---- */

/* Whether elements id .. id + count - 1 are all there, deleted or not. O(spans among them). */
bool sg_seq_has(const struct sg_seq *seq, struct sg_seq_id id, uint32_t count);
/* Inserts by origins, which are there, or none; *pos becomes the position. The elements are not yet
 * there. O(log n + what is concurrent there and either older by
 * Lamport time or has another right origin). SG_ERR_NO_MEMORY: broken. SG_ERR_MALFORMED: the
 * origins are not there; nothing has changed.
 *
 * The right origin is what followed the left one in the author's past. One that says otherwise is
 * corrected: all replicas find the same element, so a liar gains nothing. */
SG_MUST_USE sg_err sg_seq_integrate(struct sg_seq *seq, const struct sg_seq_insertion *in,
                                    uint32_t *pos);
/* A part of a deletion: what has become invisible. */
struct sg_seq_removal {
    struct sg_seq_id id;
    uint32_t count; /* elements, 0: those were deleted before */
    uint32_t step;  /* elements looked at: go on at id + step */
    uint32_t pos;   /* where they were */
};
/* Deletes some of id .. id + count - 1, which are there: repeat until all are done.
 * SG_ERR_NO_MEMORY: broken. */
SG_MUST_USE sg_err sg_seq_remove(struct sg_seq *seq, struct sg_seq_id id, uint32_t count,
                                 struct sg_seq_removal *out);

/* Appends a span of a snapshot; that no element comes twice is for the caller to check.
 * SG_ERR_NO_MEMORY: broken. SG_ERR_MALFORMED: text does not have its length; nothing has
 * changed. */
SG_MUST_USE sg_err sg_seq_append(struct sg_seq *seq, const struct sg_seq_span *span,
                                 struct sg_bytes text);

/* ---- queries ---- */

enum sg_seq_unit { SG_SEQ_CHARS, SG_SEQ_BYTES, SG_SEQ_UTF16 };

uint32_t sg_seq_len(const struct sg_seq *seq, enum sg_seq_unit unit);
/* Position in code points -> in unit, and back; a position within a character is moved to its
 * start, one beyond the end to the end. O(log n). */
uint32_t sg_seq_from_chars(const struct sg_seq *seq, uint32_t pos, enum sg_seq_unit unit);
uint32_t sg_seq_to_chars(const struct sg_seq *seq, uint32_t pos, enum sg_seq_unit unit);
/* Text from a position on, as long as it lies in one piece; borrowed until the next edit. Empty
 * only at the end. O(log n). */
struct sg_bytes sg_seq_read(const struct sg_seq *seq, uint32_t pos);
/* The element at pos < length. */
struct sg_seq_id sg_seq_id_at(const struct sg_seq *seq, uint32_t pos);
/* Position of an element: *is_visible, or of what follows it. False: it is not there. */
bool sg_seq_pos_of(const struct sg_seq *seq, struct sg_seq_id id, uint32_t *pos, bool *is_visible);

/* Walks over all spans as they are stored; replicas in the same state see the same once spans that
 * go on where the last one ended are taken together. Start with {.leaf = seq->first}; false at the
 * end. text: of the span, borrowed, empty when it is deleted. */
struct sg_seq_walk {
    const struct sg_seq_leaf *leaf;
    uint32_t span, byte;
};
bool sg_seq_next(struct sg_seq_walk *walk, struct sg_seq_span *span, struct sg_bytes *text);

/* Asserts every invariant. O(n log n). */
void sg_seq_check(const struct sg_seq *seq);

#endif
