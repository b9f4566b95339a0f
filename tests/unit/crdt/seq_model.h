/* A sequence as a plain array of elements, and both orders as their papers' list forms say, to
 * compare the real one with. Authors are chain numbers; lower is lower. */
#ifndef TEST_CRDT_SEQ_MODEL_H
#define TEST_CRDT_SEQ_MODEL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/prng.h"
#include "crdt/seq.h"

struct element {
    struct sg_seq_id id, left, right;
    uint64_t lamport;
    char text[5];
    bool is_deleted;
};

struct model {
    struct element *at; /* [count] */
    size_t count, cap;
    enum sg_seq_kind kind;
};

static inline void model_fini(struct model *m)
{
    free(m->at);
}

static inline long model_find(const struct model *m, struct sg_seq_id id)
{
    for (size_t i = 0; i < m->count; i++) {
        if (sg_seq_id_equal(m->at[i].id, id))
            return (long)i;
    }
    return -1;
}

static inline long model_right(const struct model *m, struct sg_seq_id id)
{
    return id.chain == SG_SEQ_CHAIN_NONE ? (long)m->count : model_find(m, id);
}

static inline void model_put(struct model *m, size_t at, const struct element *e)
{
    if (m->count == m->cap) {
        m->cap = m->cap == 0 ? 64 : m->cap * 2;
        m->at = realloc(m->at, m->cap * sizeof(*m->at));
        assert_non_null(m->at);
    }
    memmove(m->at + at + 1, m->at + at, (m->count - at) * sizeof(*m->at));
    m->at[at] = *e;
    m->count++;
}

static inline int id_compare(struct sg_seq_id a, struct sg_seq_id b)
{
    if (a.chain != b.chain)
        return a.chain < b.chain ? -1 : 1;
    return a.counter < b.counter ? -1 : a.counter > b.counter;
}

static inline size_t model_place_fugue(const struct model *m, const struct element *e)
{
    long left = model_find(m, e->left);
    long right = model_right(m, e->right);
    size_t to = (size_t)(left + 1);
    bool is_kept = false;
    for (size_t i = to;; i++) {
        if (!is_kept)
            to = i;
        if (i == m->count || (long)i == right)
            return to;
        const struct element *o = &m->at[i];
        long o_left = model_find(m, o->left);
        long o_right = model_right(m, o->right);
        if (o_left < left || (o_left == left && o_right == right && id_compare(e->id, o->id) < 0))
            return to;
        if (o_left == left)
            is_kept = o_right < right;
    }
}

static inline size_t model_place_rga(const struct model *m, const struct element *e)
{
    size_t i = (size_t)(model_find(m, e->left) + 1);
    while (i < m->count && (m->at[i].lamport > e->lamport ||
                            (m->at[i].lamport == e->lamport && id_compare(m->at[i].id, e->id) < 0)))
        i++;
    return i;
}

static inline void model_integrate(struct model *m, const struct element *e)
{
    size_t to = m->kind == SG_SEQ_RGA ? model_place_rga(m, e) : model_place_fugue(m, e);
    model_put(m, to, e);
}

/* Index of visible character pos; count when there is none. */
static inline size_t model_visible(const struct model *m, uint32_t pos)
{
    for (size_t i = 0; i < m->count; i++) {
        if (!m->at[i].is_deleted && pos-- == 0)
            return i;
    }
    return m->count;
}

static inline char *model_text(const struct model *m)
{
    char *text = calloc(m->count + 1, 4);
    size_t len = 0;
    assert_non_null(text);
    for (size_t i = 0; i < m->count; i++) {
        if (!m->at[i].is_deleted) {
            size_t n = strlen(m->at[i].text);
            memcpy(text + len, m->at[i].text, n);
            len += n;
        }
    }
    return text;
}

static inline char *seq_text(const struct sg_seq *seq)
{
    char *text = calloc(sg_seq_len(seq, SG_SEQ_BYTES) + 1, 1);
    size_t len = 0;
    struct sg_bytes piece;
    assert_non_null(text);
    for (uint32_t pos = 0; (piece = sg_seq_read(seq, pos)).len > 0;) {
        memcpy(text + len, piece.data, piece.len);
        len += piece.len;
        pos += sg_utf8_count(piece).chars;
    }
    return text;
}

static inline void assert_same(const struct sg_seq *seq, const struct model *m)
{
    char *want = model_text(m);
    char *got = seq_text(seq);
    assert_string_equal(got, want);
    free(want);
    free(got);
}

#endif
