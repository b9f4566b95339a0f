/* Changes at a known place, and local edits. */
#include "crdt/seq_internal.h"

#define SPAN_UNKNOWN UINT32_MAX

/* ---- places ---------------------------------------------------------------------------------- */

bool sg_seq_normalize(struct sg_seq_place *place)
{
    if (place->span < place->leaf->count && place->off == place->leaf->spans[place->span].len) {
        place->span++;
        place->off = 0;
    }
    while (place->span >= place->leaf->count) {
        if (place->leaf->next == NULL)
            return false;
        *place = (struct sg_seq_place){place->leaf->next, 0, 0};
    }
    return true;
}

uint32_t sg_seq_place_pos(const struct sg_seq_place *place)
{
    const struct sg_seq_leaf *leaf = place->leaf;
    uint32_t pos = sg_seq_leaf_start(leaf).visible;
    for (uint32_t i = 0; i < place->span; i++)
        pos += leaf->spans[i].is_deleted ? 0 : leaf->spans[i].len;
    if (place->span < leaf->count && !leaf->spans[place->span].is_deleted)
        pos += place->off;
    return pos;
}

/* The place of visible element e of the leaf at_leaf, which has it; remembers the span. */
static struct sg_seq_place scan(struct sg_seq *seq, uint32_t e)
{
    struct sg_seq_leaf *leaf = seq->at_leaf;
    uint32_t rel = e - seq->leaf_start;
    uint32_t chars = 0;
    uint32_t i = 0;
    for (;; i++) {
        uint32_t len = leaf->spans[i].is_deleted ? 0 : leaf->spans[i].len;
        if (rel - chars < len)
            break;
        chars += len;
    }
    seq->at_span = i;
    seq->at_start = seq->leaf_start + chars;
    seq->at_byte = leaf->sum.bytes == leaf->sum.visible
                       ? chars
                       : (uint32_t)sg_utf8_skip(sg_bytes(leaf->text, leaf->sum.bytes), chars);
    return (struct sg_seq_place){leaf, i, rel - chars};
}

/* The place of visible element e, which is there. */
static struct sg_seq_place locate(struct sg_seq *seq, uint32_t e)
{
    struct sg_seq_leaf *leaf = seq->at_leaf;
    if (leaf != NULL && seq->at_span != SPAN_UNKNOWN &&
        e - seq->at_start < leaf->spans[seq->at_span].len)
        return (struct sg_seq_place){leaf, seq->at_span, e - seq->at_start};
    if (leaf == NULL || e - seq->leaf_start >= leaf->sum.visible) {
        struct sg_seq_counts before;
        seq->at_leaf = sg_seq_descend(seq, &e, SG_SEQ_CHARS, &before);
        seq->leaf_start = before.visible;
        e += before.visible;
    }
    return scan(seq, e);
}

/* Bytes of the leaf's text before a place. */
static uint32_t byte_at(const struct sg_seq *seq, const struct sg_seq_place *place)
{
    const struct sg_seq_leaf *leaf = place->leaf;
    if (leaf != seq->at_leaf || place->span != seq->at_span)
        return sg_seq_byte_of(leaf, place->span, place->off);
    if (leaf->sum.bytes == leaf->sum.visible)
        return seq->at_byte + place->off;
    struct sg_bytes rest = sg_bytes(leaf->text + seq->at_byte, leaf->sum.bytes - seq->at_byte);
    return seq->at_byte + (uint32_t)sg_utf8_skip(rest, place->off);
}

/* ---- inserting ------------------------------------------------------------------------------- */

/* Makes count free spans at index `at`; there is room. */
static struct sg_seq_span *open_spans(struct sg_seq_leaf *leaf, uint32_t at, uint32_t count)
{
    struct sg_seq_span *span = &leaf->spans[at];
    memmove(span + count, span, (leaf->count - at) * sizeof(*span));
    leaf->count = (uint16_t)(leaf->count + count);
    return span;
}

/* Puts elements in a leaf with room; place becomes their end. */
static void put_span(struct sg_seq_place *place, const struct sg_seq_span *fresh)
{
    struct sg_seq_leaf *leaf = place->leaf;
    if (place->off == 0 && place->span > 0) {
        place->span--;
        place->off = leaf->spans[place->span].len;
    }
    struct sg_seq_span *span = leaf->count == 0 ? NULL : &leaf->spans[place->span];
    if (span != NULL && place->off == span->len && !span->is_deleted &&
        sg_seq_span_joins(span, fresh)) {
        span->len += fresh->len;
        place->off = span->len;
        return;
    }
    bool is_inside = span != NULL && place->off > 0 && place->off < span->len;
    uint32_t at = place->off > 0 ? place->span + 1 : place->span;
    struct sg_seq_span *gap = open_spans(leaf, at, is_inside ? 2 : 1);
    if (is_inside) {
        span = &leaf->spans[place->span];
        gap[1] = *span;
        gap[1].counter += place->off;
        gap[1].len -= place->off;
        gap[1].left = sg_seq_span_id(span, place->off - 1);
        span->len = place->off;
    }
    gap[0] = *fresh;
    place->span = at;
    place->off = fresh->len;
}

static sg_err put_piece(struct sg_seq *seq, struct sg_seq_place *place,
                        const struct sg_seq_insertion *in)
{
    uint32_t bytes = (uint32_t)in->text.len;
    SG_TRY(sg_seq_make_room(seq, place, bytes));
    struct sg_seq_leaf *leaf = place->leaf;
    uint32_t byte = byte_at(seq, place);
    const struct sg_seq_span fresh = {.chain = in->id.chain,
                                      .counter = in->id.counter,
                                      .len = in->counts.chars,
                                      .left = in->left,
                                      .right = in->right};
    const struct sg_seq_counts delta = {in->counts.chars, in->counts.chars, bytes, in->counts.wide};
    memmove(leaf->text + byte + bytes, leaf->text + byte, leaf->sum.bytes - byte);
    memcpy(leaf->text + byte, in->text.data, bytes);
    put_span(place, &fresh);
    sg_seq_add(seq, leaf, &delta);
    sg_seq_age_add(seq, leaf, in->id);
    if (seq->at_leaf != NULL)
        seq->at_byte = byte;
    return sg_seq_runs_set(seq, in->id, in->counts.chars, leaf->number);
}

/* The first part of an insertion, as much as a leaf likes; the rest is left in it. */
static struct sg_seq_insertion cut(struct sg_seq_insertion *rest)
{
    struct sg_seq_insertion piece = *rest;
    if (rest->text.len <= SG_SEQ_TEXT / 2) {
        rest->text.len = 0;
        return piece;
    }
    size_t len = SG_SEQ_TEXT / 2;
    while ((rest->text.data[len] & 0xc0) == 0x80)
        len--;
    piece.text.len = len;
    piece.counts = sg_utf8_count(piece.text);
    rest->text = sg_bytes(rest->text.data + len, rest->text.len - len);
    rest->counts.chars -= piece.counts.chars;
    rest->counts.wide -= piece.counts.wide;
    rest->id.counter += piece.counts.chars;
    rest->left = (struct sg_seq_id){rest->id.chain, rest->id.counter - 1};
    return piece;
}

static sg_err put_all(struct sg_seq *seq, struct sg_seq_place *place,
                      const struct sg_seq_insertion *in)
{
    struct sg_seq_insertion rest = *in;
    while (rest.text.len > 0) {
        struct sg_seq_insertion piece = cut(&rest);
        sg_err err = put_piece(seq, place, &piece);
        if (err != SG_OK) {
            seq->is_broken = true;
            return err;
        }
        if (rest.text.len > 0)
            seq->at_leaf = NULL;
    }
    return SG_OK;
}

sg_err sg_seq_put(struct sg_seq *seq, struct sg_seq_place place, const struct sg_seq_insertion *in)
{
    seq->at_leaf = NULL;
    return put_all(seq, &place, in);
}

sg_err sg_seq_insert(struct sg_seq *seq, uint32_t pos, struct sg_seq_insertion *in)
{
    struct sg_seq_place place = {seq->first, 0, 0};
    assert(pos <= seq->sum.visible && in->counts.chars > 0);
    in->left = SG_SEQ_NONE;
    if (pos > 0) {
        place = locate(seq, pos - 1);
        in->left = sg_seq_span_id(&place.leaf->spans[place.span], place.off);
        place.off++;
    } else {
        seq->at_leaf = NULL;
    }
    struct sg_seq_place next = place;
    in->right = SG_SEQ_NONE;
    if (sg_seq_normalize(&next))
        in->right = sg_seq_span_id(&next.leaf->spans[next.span], next.off);
    uint32_t span = seq->at_span;
    uint32_t byte = seq->at_byte;
    SG_TRY(put_all(seq, &place, in));
    if (seq->at_leaf == NULL)
        return SG_OK;
    /* The end of what was put is where the next edit is likely to be. */
    seq->at_span = place.span;
    seq->at_start = pos + in->counts.chars - place.off;
    if (place.off > in->counts.chars)
        seq->at_byte = place.span == span ? byte : sg_seq_byte_of(place.leaf, place.span, 0);
    return SG_OK;
}

/* ---- deleting -------------------------------------------------------------------------------- */

static void remove_text(struct sg_seq *seq, const struct sg_seq_place *place, uint32_t count)
{
    struct sg_seq_leaf *leaf = place->leaf;
    uint32_t byte = byte_at(seq, place);
    uint32_t bytes = count;
    uint32_t wide = 0;
    if (leaf->sum.bytes != leaf->sum.visible) {
        struct sg_bytes rest = sg_bytes(leaf->text + byte, leaf->sum.bytes - byte);
        bytes = (uint32_t)sg_utf8_skip(rest, count);
        wide = sg_utf8_count(sg_bytes(rest.data, bytes)).wide;
    }
    memmove(leaf->text + byte, leaf->text + byte + bytes, leaf->sum.bytes - byte - bytes);
    const struct sg_seq_counts delta = {0 - count, 0, 0 - bytes, 0 - wide};
    sg_seq_add(seq, leaf, &delta);
}

/* Joins spans[at + 1] to spans[at] when both are deleted and fit. */
static void join(struct sg_seq_leaf *leaf, uint32_t at)
{
    if (at + 1 >= leaf->count)
        return;
    struct sg_seq_span *span = &leaf->spans[at];
    if (!span[0].is_deleted || !span[1].is_deleted || !sg_seq_span_joins(span, span + 1))
        return;
    span->len += span[1].len;
    leaf->count--;
    memmove(span + 1, span + 2, (leaf->count - at - 1) * sizeof(*span));
}

/* The end of a span goes over to the deleted one behind it, if that fits. */
static bool give_tail(struct sg_seq_leaf *leaf, uint32_t at, uint32_t count)
{
    struct sg_seq_span *span = &leaf->spans[at];
    if (at + 1u >= leaf->count || !span[1].is_deleted || !sg_seq_span_joins(span, span + 1))
        return false;
    span->len -= count;
    span[1].counter -= count;
    span[1].len += count;
    span[1].left = sg_seq_span_id(span, span->len - 1);
    return true;
}

/* The begin of a span goes over to the deleted one before it. */
static bool give_head(struct sg_seq_leaf *leaf, uint32_t at, uint32_t count)
{
    struct sg_seq_span *span = &leaf->spans[at];
    if (at == 0 || !span[-1].is_deleted || !sg_seq_span_joins(span - 1, span))
        return false;
    span[-1].len += count;
    span->left = sg_seq_span_id(span, count - 1);
    span->counter += count;
    span->len -= count;
    return true;
}

/* Cuts a span so that off .. off + count - 1 is one of its own; gives its index. */
static uint32_t isolate(struct sg_seq_leaf *leaf, const struct sg_seq_place *place, uint32_t count)
{
    uint32_t at = place->span;
    uint32_t off = place->off;
    const struct sg_seq_span whole = leaf->spans[at];
    uint32_t before = off > 0;
    uint32_t after = off + count < whole.len;
    struct sg_seq_span *span = open_spans(leaf, at + 1, before + after) - 1;
    span[0].len = before ? off : count;
    for (uint32_t i = 1; i <= before + after; i++) {
        uint32_t begin = i == 2 || !before ? off + count : off;
        uint32_t end = i == before + after && after ? whole.len : off + count;
        span[i] = whole;
        span[i].counter += begin;
        span[i].len = end - begin;
        span[i].left = sg_seq_span_id(&whole, begin - 1);
    }
    return at + before;
}

sg_err sg_seq_hide(struct sg_seq *seq, struct sg_seq_place place, uint32_t count)
{
    sg_err err = sg_seq_make_room(seq, &place, 0);
    if (err != SG_OK) {
        seq->is_broken = true;
        return err;
    }
    struct sg_seq_leaf *leaf = place.leaf;
    remove_text(seq, &place, count);
    uint32_t at = place.span;
    uint32_t len = leaf->spans[at].len;
    if (count < len && place.off + count == len && give_tail(leaf, at, count))
        return SG_OK;
    if (count < len && place.off == 0 && give_head(leaf, at, count))
        return SG_OK;
    bool keeps_begin = place.off > 0;
    at = isolate(leaf, &place, count);
    leaf->spans[at].is_deleted = 1;
    join(leaf, at);
    if (!keeps_begin) {
        if (at > 0)
            join(leaf, at - 1);
        seq->at_span = SPAN_UNKNOWN;
    } else if (leaf == seq->at_leaf && seq->at_span != place.span) {
        seq->at_span = SPAN_UNKNOWN;
    }
    return SG_OK;
}

sg_err sg_seq_delete(struct sg_seq *seq, uint32_t pos, uint32_t *count, struct sg_seq_id *id)
{
    assert(pos<seq->sum.visible && * count> 0);
    struct sg_seq_place place = locate(seq, pos);
    const struct sg_seq_span *span = &place.leaf->spans[place.span];
    uint32_t rest = span->len - place.off;
    if (*count > rest)
        *count = rest;
    *id = sg_seq_span_id(span, place.off);
    return sg_seq_hide(seq, place, *count);
}

sg_err sg_seq_remove(struct sg_seq *seq, struct sg_seq_id id, uint32_t count,
                     struct sg_seq_removal *out)
{
    struct sg_seq_place place;
    bool has = sg_seq_find(seq, id, &place);
    assert(has);
    (void)has;
    const struct sg_seq_span *span = &place.leaf->spans[place.span];
    uint32_t rest = span->len - place.off;
    if (rest > count)
        rest = count;
    *out = (struct sg_seq_removal){id, 0, rest, 0};
    if (span->is_deleted)
        return SG_OK;
    out->count = rest;
    out->pos = sg_seq_place_pos(&place);
    seq->at_leaf = NULL;
    return sg_seq_hide(seq, place, rest);
}

/* ---- snapshots ------------------------------------------------------------------------------- */

static sg_err append_hidden(struct sg_seq *seq, struct sg_seq_place *place,
                            const struct sg_seq_span *span)
{
    const struct sg_seq_counts delta = {.total = span->len};
    SG_TRY(sg_seq_make_room(seq, place, 0));
    *open_spans(place->leaf, place->leaf->count, 1) = *span;
    sg_seq_add(seq, place->leaf, &delta);
    sg_seq_age_add(seq, place->leaf, sg_seq_span_id(span, 0));
    return sg_seq_runs_set(seq, sg_seq_span_id(span, 0), span->len, place->leaf->number);
}

sg_err sg_seq_append(struct sg_seq *seq, const struct sg_seq_span *span, struct sg_bytes text)
{
    struct sg_seq_leaf *last = seq->leaves[seq->leaf_count - 1];
    struct sg_seq_insertion in = {sg_seq_span_id(span, 0), span->left, span->right, text, {0}};
    struct sg_seq_place place = {last, last->count, 0};
    while (last->next != NULL)
        last = place.leaf = last->next;
    place.span = last->count;
    SG_TRY(sg_utf8_check(text, &in.counts));
    if (in.counts.chars != (span->is_deleted ? 0 : span->len))
        return SG_ERR_MALFORMED;
    seq->at_leaf = NULL;
    if (!span->is_deleted)
        return put_all(seq, &place, &in);
    sg_err err = append_hidden(seq, &place, span);
    if (err != SG_OK)
        seq->is_broken = true;
    return err;
}
