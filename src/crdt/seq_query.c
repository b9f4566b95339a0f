#include "crdt/seq_internal.h"

uint32_t sg_seq_len(const struct sg_seq *seq, enum sg_seq_unit unit)
{
    return sg_seq_measure(&seq->sum, unit);
}

uint32_t sg_seq_from_chars(const struct sg_seq *seq, uint32_t pos, enum sg_seq_unit unit)
{
    struct sg_seq_counts before;
    if (unit == SG_SEQ_CHARS || pos >= seq->sum.visible)
        return pos < seq->sum.visible ? pos : sg_seq_len(seq, unit);
    const struct sg_seq_leaf *leaf = sg_seq_descend(seq, &pos, SG_SEQ_CHARS, &before);
    struct sg_bytes text = sg_bytes(leaf->text, leaf->sum.bytes);
    text.len = leaf->sum.bytes == leaf->sum.visible ? pos : sg_utf8_skip(text, pos);
    before.bytes += (uint32_t)text.len;
    before.visible += pos;
    before.wide += leaf->sum.wide == 0 ? 0 : sg_utf8_count(text).wide;
    return sg_seq_measure(&before, unit);
}

/* Characters of text that end at or before pos in a unit. */
static uint32_t chars_until(struct sg_bytes text, uint32_t pos, enum sg_seq_unit unit)
{
    uint32_t chars = 0;
    size_t at = 0;
    while (at < text.len) {
        size_t len = sg_utf8_skip(sg_bytes(text.data + at, text.len - at), 1);
        uint32_t size = unit == SG_SEQ_BYTES ? (uint32_t)len : len == 4 ? 2 : 1;
        if (size > pos)
            break;
        pos -= size;
        at += len;
        chars++;
    }
    return chars;
}

uint32_t sg_seq_to_chars(const struct sg_seq *seq, uint32_t pos, enum sg_seq_unit unit)
{
    struct sg_seq_counts before;
    if (pos >= sg_seq_len(seq, unit))
        return seq->sum.visible;
    const struct sg_seq_leaf *leaf = sg_seq_descend(seq, &pos, unit, &before);
    return before.visible + chars_until(sg_bytes(leaf->text, leaf->sum.bytes), pos, unit);
}

struct sg_bytes sg_seq_read(const struct sg_seq *seq, uint32_t pos)
{
    struct sg_seq_counts before;
    if (pos >= seq->sum.visible)
        return sg_bytes(NULL, 0);
    const struct sg_seq_leaf *leaf = sg_seq_descend(seq, &pos, SG_SEQ_CHARS, &before);
    size_t byte = leaf->sum.bytes == leaf->sum.visible
                      ? pos
                      : sg_utf8_skip(sg_bytes(leaf->text, leaf->sum.bytes), pos);
    return sg_bytes(leaf->text + byte, leaf->sum.bytes - byte);
}

struct sg_seq_id sg_seq_id_at(const struct sg_seq *seq, uint32_t pos)
{
    struct sg_seq_counts before;
    assert(pos < seq->sum.visible);
    const struct sg_seq_leaf *leaf = sg_seq_descend(seq, &pos, SG_SEQ_CHARS, &before);
    const struct sg_seq_span *span = leaf->spans;
    for (;; span++) {
        uint32_t len = span->is_deleted ? 0 : span->len;
        if (pos < len)
            return sg_seq_span_id(span, pos);
        pos -= len;
    }
}

bool sg_seq_pos_of(const struct sg_seq *seq, struct sg_seq_id id, uint32_t *pos, bool *is_visible)
{
    struct sg_seq_place place;
    if (!sg_seq_find(seq, id, &place))
        return false;
    *is_visible = !place.leaf->spans[place.span].is_deleted;
    *pos = sg_seq_place_pos(&place);
    return true;
}

bool sg_seq_has(const struct sg_seq *seq, struct sg_seq_id id, uint32_t count)
{
    while (count > 0) {
        struct sg_seq_place place;
        if (!sg_seq_find(seq, id, &place))
            return false;
        uint32_t rest = place.leaf->spans[place.span].len - place.off;
        if (rest >= count)
            return true;
        id.counter += rest;
        count -= rest;
    }
    return true;
}

bool sg_seq_next(struct sg_seq_walk *walk, struct sg_seq_span *span, struct sg_bytes *text)
{
    while (walk->leaf != NULL && walk->span == walk->leaf->count)
        *walk = (struct sg_seq_walk){.leaf = walk->leaf->next};
    if (walk->leaf == NULL)
        return false;
    const struct sg_seq_leaf *leaf = walk->leaf;
    *span = leaf->spans[walk->span++];
    *text = sg_bytes(leaf->text + walk->byte, 0);
    if (span->is_deleted)
        return true;
    struct sg_bytes rest = sg_bytes(leaf->text + walk->byte, leaf->sum.bytes - walk->byte);
    text->len = leaf->sum.bytes == leaf->sum.visible ? span->len : sg_utf8_skip(rest, span->len);
    walk->byte += (uint32_t)text->len;
    return true;
}

/* ---- invariants ------------------------------------------------------------------------------ */

static bool sums_equal(const struct sg_seq_counts *a, const struct sg_seq_counts *b)
{
    return a->visible == b->visible && a->total == b->total && a->bytes == b->bytes &&
           a->wide == b->wide;
}

/* What is said of a node is what is said of its children. */
static void check_ages(const struct sg_seq_leaf *leaf)
{
    const void *child = leaf;
    struct sg_seq_age age = leaf->age;
    for (const struct sg_seq_node *node = leaf->parent; node != NULL; node = node->parent) {
        uint32_t slot = sg_seq_slot_of(node, child);
        assert(node->age[slot].lamport == age.lamport && node->age[slot].batch == age.batch);
        (void)slot;
        age = sg_seq_age_of(node);
        child = node;
    }
}

static void check_leaf(const struct sg_seq *seq, const struct sg_seq_leaf *leaf)
{
    struct sg_seq_counts sum = {.bytes = leaf->sum.bytes};
    struct sg_utf8_counts counts = sg_utf8_count(sg_bytes(leaf->text, leaf->sum.bytes));
    for (uint32_t i = 0; i < leaf->count; i++) {
        const struct sg_seq_span *span = &leaf->spans[i];
        struct sg_seq_place place;
        assert(span->len > 0);
        sum.total += span->len;
        sum.visible += span->is_deleted ? 0 : span->len;
        for (uint32_t off = 0; off<span->len; off += span->len> 1 ? span->len - 1 : 1) {
            bool has = sg_seq_find(seq, sg_seq_span_id(span, off), &place);
            assert(has && place.leaf == leaf && place.span == i && place.off == off);
            (void)has;
        }
    }
    sum.wide = counts.wide;
    assert(counts.chars == sum.visible && sums_equal(&sum, &leaf->sum));
    assert(leaf->count <= leaf->cap && leaf->sum.bytes <= leaf->text_cap);
    check_ages(leaf);
}

void sg_seq_check(const struct sg_seq *seq)
{
    struct sg_seq_counts sum = {0};
    uint32_t leaves = 0;
    const struct sg_seq_leaf *prev = NULL;
    for (const struct sg_seq_leaf *leaf = seq->first; leaf != NULL; leaf = leaf->next) {
        struct sg_seq_counts start = sg_seq_leaf_start(leaf);
        assert(sums_equal(&start, &sum) && leaf->prev == prev);
        check_leaf(seq, leaf);
        sum = (struct sg_seq_counts){sum.visible + leaf->sum.visible, sum.total + leaf->sum.total,
                                     sum.bytes + leaf->sum.bytes, sum.wide + leaf->sum.wide};
        leaves++;
        prev = leaf;
    }
    assert(leaves == seq->leaf_count && sums_equal(&sum, &seq->sum));
}
