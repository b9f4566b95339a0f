/* Where an insert of somebody else belongs. Both orders are scans from the left origin on, as in
 * the published list forms: FugueMax as YjsMod, RGA by Lamport times. */
#include "crdt/seq_internal.h"

/* Both elements are there. */
static bool is_before(const struct sg_seq_place *a, const struct sg_seq_place *b)
{
    if (a->leaf != b->leaf)
        return sg_seq_leaf_before(a->leaf, b->leaf);
    return a->span != b->span ? a->span < b->span : a->off < b->off;
}

struct scan {
    const struct sg_seq *seq;
    const struct sg_seq_insertion *in;
    struct sg_seq_place left, right; /* leaf NULL: none */
    struct sg_seq_place at;          /* the element looked at */
    struct sg_seq_place to;          /* where the new one belongs, by what was seen */
    bool is_over;                    /* at is behind the last element */
    bool is_kept;                    /* to stays: what was seen belongs to the right of it */
    uint32_t siblings;               /* with the same origins, passed */
};

/* -1, 0, 1: other's left origin is left of ours, ours, right of it. */
static int compare_left(const struct scan *scan, struct sg_seq_id left)
{
    struct sg_seq_place at;
    if (sg_seq_id_equal(left, scan->in->left))
        return 0;
    if (left.chain == SG_SEQ_CHAIN_NONE)
        return -1;
    if (scan->left.leaf == NULL)
        return 1;
    bool has = sg_seq_find(scan->seq, left, &at);
    return has && is_before(&at, &scan->left) ? -1 : 1;
}

/* Whether other's right origin is left of ours. */
static bool is_right_before(const struct scan *scan, struct sg_seq_id right)
{
    struct sg_seq_place at;
    if (right.chain == SG_SEQ_CHAIN_NONE)
        return false;
    if (scan->right.leaf == NULL)
        return true;
    return sg_seq_find(scan->seq, right, &at) && is_before(&at, &scan->right);
}

/* Goes on behind this span, or to our right origin when it is in the rest of it. */
static void step(struct scan *scan)
{
    const struct sg_seq_span *span = &scan->at.leaf->spans[scan->at.span];
    struct sg_seq_id right = scan->in->right;
    if (sg_seq_span_has(span, right) && right.counter - span->counter > scan->at.off) {
        scan->at.off = right.counter - span->counter;
        return;
    }
    scan->at.off = span->len;
    scan->is_over = !sg_seq_normalize(&scan->at);
}

/* FugueMax: looks at one element; true when the place is found. */
static bool fugue_step(struct scan *scan)
{
    if (!scan->is_kept)
        scan->to = scan->at;
    if (scan->is_over)
        return true;
    const struct sg_seq_span *span = &scan->at.leaf->spans[scan->at.span];
    struct sg_seq_id id = sg_seq_span_id(span, scan->at.off);
    if (sg_seq_id_equal(id, scan->in->right))
        return true;
    int order = compare_left(scan, sg_seq_span_left(span, scan->at.off));
    if (order < 0)
        return true;
    if (order == 0 && sg_seq_id_equal(span->right, scan->in->right)) {
        const struct sg_seq_order *by = scan->seq->order;
        if (by->compare(by->user, scan->in->id, id) < 0)
            return true;
        scan->is_kept = false;
        scan->siblings++;
    } else if (order == 0) {
        scan->is_kept = is_right_before(scan, span->right);
    }
    step(scan);
    return false;
}

/* RGA: elements of a span have rising Lamport times, so its first one speaks for all of it, and
 * what follows one with a higher time has a higher one itself. */
static bool rga_step(struct scan *scan)
{
    scan->to = scan->at;
    if (scan->is_over)
        return true;
    const struct sg_seq_span *span = &scan->at.leaf->spans[scan->at.span];
    struct sg_seq_id id = sg_seq_span_id(span, scan->at.off);
    if (!sg_seq_rga_before(scan->seq, id, scan->in->id))
        return true;
    scan->siblings += sg_seq_id_equal(sg_seq_span_left(span, scan->at.off), scan->in->left);
    scan->at.off = span->len;
    scan->is_over = !sg_seq_normalize(&scan->at);
    return false;
}

static void begin_at(struct scan *scan, const struct sg_seq_place *after)
{
    if (after->leaf != NULL) {
        scan->at = *after;
        scan->at.off++;
    } else {
        scan->at = (struct sg_seq_place){scan->seq->first, 0, 0};
    }
    scan->is_over = !sg_seq_normalize(&scan->at);
}

static void find_place(struct scan *scan)
{
    bool is_found = false;
    while (!is_found)
        is_found = scan->seq->kind == SG_SEQ_RGA ? rga_step(scan) : fugue_step(scan);
}

static struct sg_seq_id gap_right(const struct scan *scan)
{
    return scan->seq->kind == SG_SEQ_RGA ? SG_SEQ_NONE : scan->in->right;
}

static bool is_sibling(const struct scan *scan, const struct sg_seq_place *at)
{
    const struct sg_seq_span *span = &at->leaf->spans[at->span];
    return sg_seq_id_equal(sg_seq_span_left(span, at->off), scan->in->left) &&
           (scan->seq->kind == SG_SEQ_RGA || sg_seq_id_equal(span->right, scan->in->right));
}

/* Whether a scan of all siblings goes no further. */
static bool is_beyond(const struct scan *scan)
{
    const struct sg_seq_span *span = &scan->at.leaf->spans[scan->at.span];
    return sg_seq_id_equal(sg_seq_span_id(span, scan->at.off), scan->in->right) ||
           compare_left(scan, sg_seq_span_left(span, scan->at.off)) < 0;
}

/* Puts all siblings in a new table: the first scan that passed many pays for it. */
static sg_err tabulate(struct sg_seq *seq, struct scan *scan, struct sg_seq_gap **out)
{
    SG_TRY(sg_seq_gap_new(seq, scan->in->left, gap_right(scan), out));
    begin_at(scan, &scan->left);
    while (!scan->is_over && !is_beyond(scan)) {
        struct sg_seq_span *span = &scan->at.leaf->spans[scan->at.span];
        if (is_sibling(scan, &scan->at))
            SG_TRY(sg_seq_gap_add(seq, *out, (*out)->count, sg_seq_span_id(span, scan->at.off)));
        step(scan);
    }
    return SG_OK;
}

/* Who writes backwards, as at the top of a list, leaves what he wrote last as the right origin of
 * the next one, with the left origin that it had itself: the new one is then a left child of it in
 * Fugue's tree. Nothing is left of such a child's parent but its own other left children and what
 * belongs to them, and those end with something that has the parent as its right origin, or are
 * children themselves, by author. So mostly one look at the element before it is enough, and what
 * others have at the same place is not scanned. */
static bool is_just_before(struct scan *scan)
{
    const struct sg_seq_order *by = scan->seq->order;
    struct sg_seq_place at = scan->right;
    if (scan->seq->kind != SG_SEQ_FUGUE_MAX || at.leaf == NULL)
        return false;
    const struct sg_seq_span *span = &at.leaf->spans[at.span];
    if (!sg_seq_id_equal(sg_seq_span_left(span, at.off), scan->in->left))
        return false;
    if (at.off > 0) /* the left origin itself is before it */
        return true;
    if (at.span == 0 && (at.leaf = at.leaf->prev) == NULL)
        return true;
    at.span = at.span == 0 ? at.leaf->count : at.span;
    const struct sg_seq_span *before = &at.leaf->spans[--at.span];
    if (!sg_seq_id_equal(before->right, scan->in->right))
        return true;
    at.off = before->len - 1;
    return is_sibling(scan, &at) &&
           by->compare(by->user, sg_seq_span_id(before, at.off), scan->in->id) < 0;
}

/* The place in the sequence, by the table where there is one. */
static sg_err search(struct sg_seq *seq, struct scan *scan)
{
    struct sg_seq_gap *gap = sg_seq_gap_of(seq, scan->in->left, gap_right(scan));
    if (gap == NULL && is_just_before(scan)) {
        scan->to = scan->right;
        return SG_OK;
    }
    if (gap == NULL) {
        begin_at(scan, &scan->left);
        find_place(scan);
        if (scan->siblings < SG_SEQ_GAP_MIN)
            return SG_OK;
        SG_TRY(tabulate(seq, scan, &gap));
    }
    /* From the last sibling before it on: nothing before that one could have ended the scan. */
    uint32_t rank = sg_seq_gap_rank(seq, gap, scan->in->id);
    struct sg_seq_place from = scan->left;
    if (rank > 0 && !sg_seq_find(seq, gap->ids[rank - 1], &from))
        return SG_ERR_MALFORMED;
    scan->is_kept = false;
    begin_at(scan, &from);
    find_place(scan);
    return sg_seq_gap_add(seq, gap, rank, scan->in->id);
}

/* Goes on to the next leaf with something old in it, if this one has nothing. False: there is no
 * such. */
static bool skip_new(struct scan *scan, struct sg_seq_age applying)
{
    struct sg_seq_leaf *leaf = sg_seq_age_skip(scan->at.leaf, applying);
    if (leaf == NULL)
        return false;
    if (leaf != scan->at.leaf)
        scan->at = (struct sg_seq_place){leaf, 0, 0};
    return true;
}

/* The element that followed the left origin in the author's past. Elements of a span come one after
 * the other, so its first one tells whether there are any of the past in it. */
static struct sg_seq_id true_right(struct scan *scan)
{
    const struct sg_seq_order *by = scan->seq->order;
    const struct sg_seq_age none = {0, 0}; /* nothing is newer */
    struct sg_seq_age applying = by->applying == NULL ? none : by->applying(by->user);
    begin_at(scan, &scan->left);
    while (!scan->is_over && skip_new(scan, applying)) {
        const struct sg_seq_span *span = &scan->at.leaf->spans[scan->at.span];
        struct sg_seq_id id = sg_seq_span_id(span, scan->at.off);
        if (sg_seq_id_equal(id, scan->in->right) || by->is_past(by->user, id))
            return id;
        step(scan);
    }
    return SG_SEQ_NONE;
}

sg_err sg_seq_integrate(struct sg_seq *seq, const struct sg_seq_insertion *in, uint32_t *pos)
{
    struct sg_seq_insertion by = *in;
    struct scan scan = {.seq = seq, .in = &by};
    bool has_left = in->left.chain != SG_SEQ_CHAIN_NONE;
    if (has_left && !sg_seq_find(seq, in->left, &scan.left))
        return SG_ERR_MALFORMED;
    if (seq->kind == SG_SEQ_RGA)
        by.right = SG_SEQ_NONE; /* ignored by the order, kept in the span */
    else if (seq->order->is_past != NULL)
        by.right = true_right(&scan);
    struct sg_seq_insertion kept = *in;
    kept.right = seq->kind == SG_SEQ_RGA ? in->right : by.right;
    if (kept.right.chain != SG_SEQ_CHAIN_NONE && !sg_seq_find(seq, kept.right, &scan.right))
        return SG_ERR_MALFORMED;
    sg_err err = search(seq, &scan);
    if (err == SG_OK) {
        *pos = sg_seq_place_pos(&scan.to);
        err = sg_seq_put(seq, scan.to, &kept);
    }
    if (err != SG_OK)
        seq->is_broken = true;
    return err;
}
