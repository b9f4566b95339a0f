/* The B-tree under a sequence: leaves of spans and text, inner nodes of sums. */
#include "crdt/seq_internal.h"

uint32_t sg_seq_slot_of(const struct sg_seq_node *node, const void *child)
{
    uint32_t slot = 0;
    while (node->child[slot] != child)
        slot++;
    return slot;
}

static void sum_add(struct sg_seq_counts *sum, const struct sg_seq_counts *delta)
{
    /* deltas may be negative: all of it is modulo 2^32 */
    sum->visible += delta->visible;
    sum->total += delta->total;
    sum->bytes += delta->bytes;
    sum->wide += delta->wide;
}

void sg_seq_add(struct sg_seq *seq, struct sg_seq_leaf *leaf, const struct sg_seq_counts *delta)
{
    const void *child = leaf;
    sum_add(&leaf->sum, delta);
    sum_add(&seq->sum, delta);
    for (struct sg_seq_node *node = leaf->parent; node != NULL; node = node->parent) {
        sum_add(&node->sum[sg_seq_slot_of(node, child)], delta);
        child = node;
    }
}

uint32_t sg_seq_measure(const struct sg_seq_counts *counts, enum sg_seq_unit unit)
{
    switch (unit) {
    case SG_SEQ_CHARS:
        return counts->visible;
    case SG_SEQ_BYTES:
        return counts->bytes;
    case SG_SEQ_UTF16:
        return counts->visible + counts->wide;
    }
    return 0;
}

/* ---- growing --------------------------------------------------------------------------------- */

static struct sg_seq_node *node_new(struct sg_seq *seq, struct sg_seq_node *parent, bool has_leaves)
{
    struct sg_seq_node *node = sg_mem_new(seq->mem, 1, sizeof(*node));
    if (node != NULL) {
        node->parent = parent;
        node->has_leaves = has_leaves;
    }
    return node;
}

static void set_parent(struct sg_seq_node *node, void *child)
{
    if (node->has_leaves)
        ((struct sg_seq_leaf *)child)->parent = node;
    else
        ((struct sg_seq_node *)child)->parent = node;
}

static void node_insert(struct sg_seq_node *node, uint32_t slot, void *child,
                        const struct sg_seq_counts *sum, struct sg_seq_age age)
{
    size_t after = node->count - slot;
    memmove(node->child + slot + 1, node->child + slot, after * sizeof(node->child[0]));
    memmove(node->sum + slot + 1, node->sum + slot, after * sizeof(node->sum[0]));
    memmove(node->age + slot + 1, node->age + slot, after * sizeof(node->age[0]));
    node->child[slot] = child;
    node->sum[slot] = *sum;
    node->age[slot] = age;
    node->count++;
    set_parent(node, child);
}

static sg_err node_split(struct sg_seq *seq, struct sg_seq_node *node);

/* A full root gets a parent; so every node to be split has one with room. */
static sg_err parent_room(struct sg_seq *seq, struct sg_seq_node *node)
{
    if (node->parent != NULL)
        return node->parent->count < SG_SEQ_FAN ? SG_OK : node_split(seq, node->parent);
    struct sg_seq_node *root = node_new(seq, NULL, false);
    if (root == NULL)
        return SG_ERR_NO_MEMORY;
    node_insert(root, 0, node, &seq->sum, sg_seq_age_of(node));
    seq->root = root;
    return SG_OK;
}

/* Splits a full node in two: deep at most as the tree is high. */
static sg_err node_split(struct sg_seq *seq, struct sg_seq_node *node)
{
    SG_TRY(parent_room(seq, node));
    struct sg_seq_node *right = node_new(seq, NULL, node->has_leaves);
    if (right == NULL)
        return SG_ERR_NO_MEMORY;
    struct sg_seq_counts moved = {0};
    uint32_t slot = sg_seq_slot_of(node->parent, node);
    /* at the end of the sequence, where most is written, the left one stays nearly full */
    uint32_t keep = slot + 1 == node->parent->count ? SG_SEQ_FAN * 3 / 4 : SG_SEQ_FAN / 2;
    for (uint32_t i = keep; i < node->count; i++) {
        node_insert(right, i - keep, node->child[i], &node->sum[i], node->age[i]);
        sum_add(&moved, &node->sum[i]);
    }
    node->count = keep;
    struct sg_seq_counts *left = &node->parent->sum[slot];
    *left = (struct sg_seq_counts){left->visible - moved.visible, left->total - moved.total,
                                   left->bytes - moved.bytes, left->wide - moved.wide};
    node->parent->age[slot] = sg_seq_age_of(node);
    node_insert(node->parent, slot + 1, right, &moved, sg_seq_age_of(right));
    return SG_OK;
}

static sg_err leaf_new(struct sg_seq *seq, struct sg_seq_leaf **out)
{
    if (seq->leaf_count == seq->leaf_cap) {
        void *grown =
            sg_mem_grow(seq->mem, seq->leaves, &seq->leaf_cap, UINT32_MAX, sizeof(seq->leaves[0]));
        if (grown == NULL)
            return SG_ERR_NO_MEMORY;
        seq->leaves = grown;
    }
    struct sg_seq_leaf *leaf = sg_mem_new(seq->mem, 1, sizeof(*leaf));
    if (leaf == NULL)
        return SG_ERR_NO_MEMORY;
    leaf->number = seq->leaf_count;
    leaf->age = SG_SEQ_AGE_NONE;
    seq->leaves[seq->leaf_count++] = leaf;
    *out = leaf;
    return SG_OK;
}

sg_err sg_seq_leaf_after(struct sg_seq *seq, struct sg_seq_leaf *leaf, struct sg_seq_leaf **out)
{
    static const struct sg_seq_counts none = {0};
    if (leaf != NULL && leaf->parent->count == SG_SEQ_FAN)
        SG_TRY(node_split(seq, leaf->parent));
    SG_TRY(leaf_new(seq, out));
    struct sg_seq_leaf *fresh = *out;
    if (leaf == NULL) {
        node_insert(seq->root, 0, fresh, &none, fresh->age);
        seq->first = fresh;
        return SG_OK;
    }
    node_insert(leaf->parent, sg_seq_slot_of(leaf->parent, leaf) + 1, fresh, &none, fresh->age);
    fresh->prev = leaf;
    fresh->next = leaf->next;
    if (leaf->next != NULL)
        leaf->next->prev = fresh;
    leaf->next = fresh;
    return SG_OK;
}

sg_err sg_seq_leaf_reserve(struct sg_seq *seq, struct sg_seq_leaf *leaf, uint32_t spans,
                           uint32_t bytes)
{
    assert(spans <= SG_SEQ_SPANS && bytes <= SG_SEQ_TEXT);
    if (spans > leaf->cap) {
        uint32_t cap = spans < 4 ? 4 : spans + spans / 4;
        cap = cap < SG_SEQ_SPANS ? cap : SG_SEQ_SPANS;
        void *grown = sg_mem_resize(seq->mem, leaf->spans, cap, sizeof(leaf->spans[0]));
        if (grown == NULL)
            return SG_ERR_NO_MEMORY;
        leaf->spans = grown;
        leaf->cap = (uint16_t)cap;
    }
    if (bytes > leaf->text_cap) {
        uint32_t cap = bytes < 32 ? 32 : bytes + bytes / 4;
        cap = cap < SG_SEQ_TEXT ? cap : SG_SEQ_TEXT;
        uint8_t *grown = sg_mem_resize(seq->mem, leaf->text, cap, 1);
        if (grown == NULL)
            return SG_ERR_NO_MEMORY;
        leaf->text = grown;
        leaf->text_cap = cap;
    }
    return SG_OK;
}

/* ---- splitting leaves ------------------------------------------------------------------------ */

uint32_t sg_seq_byte_of(const struct sg_seq_leaf *leaf, uint32_t span, uint32_t off)
{
    uint32_t chars = 0;
    if (span >= leaf->count)
        return leaf->sum.bytes;
    for (uint32_t i = 0; i < span; i++)
        chars += leaf->spans[i].is_deleted ? 0 : leaf->spans[i].len;
    if (!leaf->spans[span].is_deleted)
        chars += off;
    if (leaf->sum.bytes == leaf->sum.visible)
        return chars;
    return (uint32_t)sg_utf8_skip(sg_bytes(leaf->text, leaf->sum.bytes), chars);
}

/* Cuts a span in two; there is room for one more. */
static void cut_span(struct sg_seq_leaf *leaf, uint32_t at, uint32_t off)
{
    struct sg_seq_span *span = &leaf->spans[at];
    memmove(span + 1, span, (size_t)(leaf->count - at) * sizeof(*span));
    leaf->count++;
    span[1].left = sg_seq_span_id(span, off - 1);
    span[1].counter += off;
    span[1].len -= off;
    span[0].len = off;
}

/* Moves spans from `at` on to a new leaf. */
static sg_err split_at(struct sg_seq *seq, struct sg_seq_leaf *leaf, uint32_t at)
{
    struct sg_seq_leaf *right;
    uint32_t byte = sg_seq_byte_of(leaf, at, 0);
    uint32_t count = leaf->count - at;
    SG_TRY(sg_seq_leaf_after(seq, leaf, &right));
    SG_TRY(sg_seq_leaf_reserve(seq, right, count, leaf->sum.bytes - byte));
    struct sg_seq_counts moved = {.bytes = leaf->sum.bytes - byte};
    for (uint32_t i = 0; i < count; i++) {
        right->spans[i] = leaf->spans[at + i];
        moved.total += right->spans[i].len;
        moved.visible += right->spans[i].is_deleted ? 0 : right->spans[i].len;
    }
    if (moved.bytes > 0)
        memcpy(right->text, leaf->text + byte, moved.bytes);
    moved.wide = leaf->sum.wide == 0 ? 0 : sg_utf8_count(sg_bytes(right->text, moved.bytes)).wide;
    right->count = (uint16_t)count;
    leaf->count = (uint16_t)at;
    sg_seq_add(seq, right, &moved);
    sg_seq_age_split(seq, leaf, right);
    struct sg_seq_counts gone = {0 - moved.visible, 0 - moved.total, 0 - moved.bytes,
                                 0 - moved.wide};
    sg_seq_add(seq, leaf, &gone);
    for (uint32_t i = 0; i < count; i++)
        SG_TRY(sg_seq_runs_set(seq, sg_seq_span_id(&right->spans[i], 0), right->spans[i].len,
                               right->number));
    return SG_OK;
}

/* The span in which half of the text is reached, and how many of its characters are before. */
static uint32_t middle(const struct sg_seq_leaf *leaf, uint32_t *off)
{
    uint32_t chars = 0;
    for (uint32_t i = 0; i < leaf->count; i++) {
        uint32_t len = leaf->spans[i].is_deleted ? 0 : leaf->spans[i].len;
        if (chars + len > leaf->sum.visible / 2) {
            *off = leaf->sum.visible / 2 - chars;
            return i;
        }
        chars += len;
    }
    *off = 0;
    return leaf->count / 2u;
}

static void moved_place(struct sg_seq_place *place, uint32_t at)
{
    if (place->span < at)
        return;
    place->leaf = place->leaf->next;
    place->span -= at;
}

static sg_err split_text(struct sg_seq *seq, struct sg_seq_place *place)
{
    struct sg_seq_leaf *leaf = place->leaf;
    uint32_t off;
    uint32_t at = middle(leaf, &off);
    if (at == 0 || (off > 0 && leaf->count < SG_SEQ_SPANS)) {
        off = off == 0 ? 1 : off;
        if (off < leaf->spans[at].len) {
            SG_TRY(sg_seq_leaf_reserve(seq, leaf, leaf->count + 1u, 0));
            cut_span(leaf, at, off);
            if (place->span > at || (place->span == at && place->off > off)) {
                place->off -= place->span == at ? off : 0;
                place->span++;
            }
        }
        at++;
    }
    SG_TRY(split_at(seq, leaf, at));
    moved_place(place, at);
    return SG_OK;
}

static bool is_at_end(const struct sg_seq_place *place)
{
    const struct sg_seq_leaf *leaf = place->leaf;
    return place->span >= leaf->count ||
           (place->span + 1u == leaf->count && place->off == leaf->spans[place->span].len);
}

sg_err sg_seq_make_room(struct sg_seq *seq, struct sg_seq_place *place, uint32_t bytes)
{
    for (;;) {
        struct sg_seq_leaf *leaf = place->leaf;
        bool has_spans = leaf->count + 2 <= SG_SEQ_SPANS;
        if (has_spans && leaf->sum.bytes + bytes <= SG_SEQ_TEXT)
            return sg_seq_leaf_reserve(seq, leaf, leaf->count + 2u, leaf->sum.bytes + bytes);
        seq->at_leaf = NULL;
        if (is_at_end(place)) {
            SG_TRY(sg_seq_leaf_after(seq, leaf, &place->leaf));
            place->span = 0;
            place->off = 0;
        } else if (has_spans) {
            SG_TRY(split_text(seq, place));
        } else {
            uint32_t at = leaf->count / 2u;
            SG_TRY(split_at(seq, leaf, at));
            moved_place(place, at);
        }
    }
}

/* ---- finding --------------------------------------------------------------------------------- */

bool sg_seq_leaf_before(const struct sg_seq_leaf *a, const struct sg_seq_leaf *b)
{
    const void *x = a;
    const void *y = b;
    const struct sg_seq_node *p = a->parent;
    const struct sg_seq_node *q = b->parent;
    while (p != q) { /* all leaves are equally deep */
        x = p;
        y = q;
        p = p->parent;
        q = q->parent;
    }
    return sg_seq_slot_of(p, x) < sg_seq_slot_of(p, y);
}

struct sg_seq_counts sg_seq_leaf_start(const struct sg_seq_leaf *leaf)
{
    struct sg_seq_counts sum = {0};
    const void *child = leaf;
    for (const struct sg_seq_node *node = leaf->parent; node != NULL; node = node->parent) {
        for (uint32_t i = 0; node->child[i] != child; i++)
            sum_add(&sum, &node->sum[i]);
        child = node;
    }
    return sum;
}

struct sg_seq_leaf *sg_seq_descend(const struct sg_seq *seq, uint32_t *pos, enum sg_seq_unit unit,
                                   struct sg_seq_counts *before)
{
    const struct sg_seq_node *node = seq->root;
    *before = (struct sg_seq_counts){0};
    for (;;) {
        uint32_t slot = 0;
        for (; slot + 1 < node->count; slot++) {
            uint32_t size = sg_seq_measure(&node->sum[slot], unit);
            if (*pos < size)
                break;
            *pos -= size;
            sum_add(before, &node->sum[slot]);
        }
        if (node->has_leaves)
            return node->child[slot];
        node = node->child[slot];
    }
}
