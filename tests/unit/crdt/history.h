/* Random histories: replicas edit, lose touch, hear batches late, twice and in any order. All of it
 * follows from a seed. */
#ifndef TEST_CRDT_HISTORY_H
#define TEST_CRDT_HISTORY_H

#include "unit/crdt/fixture.h"

enum { HISTORY_REPLICAS = 8, HISTORY_BATCHES = 64 };

struct history {
    struct sg_prng prng;
    uint32_t count;   /* of replicas */
    uint32_t present; /* the others have not joined yet */
    struct sg_replica *replicas[HISTORY_REPLICAS];
    struct sg_column batches[HISTORY_BATCHES];
    uint32_t batch_count;
    uint32_t author_of[HISTORY_BATCHES]; /* replica */
    uint32_t cut;                        /* bit set: replicas on one side of a partition */
};

static inline uint32_t draw(struct history *h, uint32_t n)
{
    return (uint32_t)sg_prng_below(&h->prng, n);
}

static inline void edit_text(struct history *h, struct sg_replica *r, uint32_t cell)
{
    static const char *const words[] = {"a", "bc", "\xc3\xa9", "\xf0\x9f\x98\x80z", "hello "};
    const struct sg_seq *text = r->cells.cells[cell].text;
    uint32_t len = text == NULL ? 0 : sg_seq_len(text, SG_SEQ_CHARS);
    uint32_t pos = draw(h, len + 1);
    if (pos < len && draw(h, 3) == 0) {
        uint32_t most = len - pos < 6 ? len - pos : 6;
        uint32_t count = 1 + draw(h, most);
        assert_int_equal(sg_replica_delete(r, cell, pos, count), SG_OK);
    } else {
        const char *word = words[draw(h, 5)];
        assert_int_equal(sg_replica_insert(r, cell, pos, text_bytes(word)), SG_OK);
    }
}

static inline void edit_cell(struct history *h, struct sg_replica *r, uint32_t parent)
{
    static const char *const values[] = {"x", "y", "z"};
    static const char *const keys[] = {"k", "l"};
    enum sg_cell_kind kind = (enum sg_cell_kind)draw(h, SG_CELL_ELEMENT);
    uint32_t cell = cell_in(r, parent, kind, keys[draw(h, 2)]);
    struct sg_value value = text_value(values[draw(h, 3)]);
    sg_err err = SG_OK;
    if (draw(h, 8) == 0) {
        assert_int_equal(sg_replica_clear(r, cell), SG_OK);
        return;
    }
    switch (kind) {
    case SG_CELL_MAP:
        if (r->cells.cells[cell].depth < 3)
            edit_cell(h, r, cell);
        return;
    case SG_CELL_TEXT:
        edit_text(h, r, cell);
        return;
    case SG_CELL_SET:
        err =
            draw(h, 3) == 0 ? sg_replica_remove(r, cell, &value) : sg_replica_add(r, cell, &value);
        break;
    case SG_CELL_COUNTER:
        err = sg_replica_count(r, cell, (int64_t)draw(h, 9) - 4);
        break;
    case SG_CELL_REGISTER:
    case SG_CELL_MULTI:
        err = sg_replica_set(r, cell, &value);
        break;
    case SG_CELL_ELEMENT:
        break;
    }
    assert_int_equal(err, SG_OK);
}

static inline void edit_batch(struct history *h, uint32_t replica)
{
    struct sg_replica *r = h->replicas[replica];
    begin(r, replica);
    for (uint32_t edits = 1 + draw(h, 4); edits > 0; edits--)
        edit_cell(h, r, SG_CELL_ROOT);
    uint32_t batch = commit(r);
    if (batch == SG_LOG_NONE)
        return;
    h->author_of[h->batch_count] = replica;
    h->batches[h->batch_count++] = batch_bytes(r, batch);
}

static inline bool is_cut(const struct history *h, uint32_t a, uint32_t b)
{
    return ((h->cut >> a ^ h->cut >> b) & 1) != 0;
}

/* A replica hears of any batch of its side of the partition: for the first time, again, or before
 * it can be applied. */
static inline void hear(struct history *h, uint32_t replica)
{
    enum sg_import result;
    if (h->batch_count == 0)
        return;
    uint32_t batch = draw(h, h->batch_count);
    if (is_cut(h, replica, h->author_of[batch]))
        return;
    sg_err err = sg_replica_import(h->replicas[replica], sg_column_bytes(&h->batches[batch]),
                                   h->author_of[batch], &result);
    assert_int_equal(err, SG_OK);
}

/* A replica forgets its history: what it has becomes its floor. */
static inline void compact(struct history *h, uint32_t replica)
{
    struct sg_replica *old = h->replicas[replica];
    struct sg_replica *fresh = replica_new(old->config.genesis.order);
    struct sg_column state = {.mem = sg_mem_default()};
    assert_int_equal(sg_state_encode(old, &state), SG_OK);
    assert_int_equal(sg_state_decode(fresh, sg_column_bytes(&state), false), SG_OK);
    sg_column_fini(&state);
    replica_free(old);
    h->replicas[replica] = fresh;
}

/* All get all of batches from .. on, and are the same then. */
static inline void converge(struct history *h, uint32_t from)
{
    for (uint32_t i = 0; i < h->count; i++) {
        for (uint32_t turn = 0; turn < 2; turn++) {
            uint32_t count = h->batch_count - from;
            uint32_t first = draw(h, count + 1);
            for (uint32_t k = 0; k < count; k++) {
                enum sg_import result;
                struct sg_bytes bytes = sg_column_bytes(&h->batches[from + (first + k) % count]);
                assert_int_equal(sg_replica_import(h->replicas[i], bytes, 0, &result), SG_OK);
            }
        }
        assert_int_equal(h->replicas[i]->pending.count, 0);
        assert_equal_state(h->replicas[i], h->replicas[0]);
    }
}

static inline void history_run(struct history *h, uint64_t seed)
{
    *h = (struct history){0};
    sg_prng_init(&h->prng, seed);
    h->count = 3 + draw(h, HISTORY_REPLICAS - 2);
    h->present = h->count - draw(h, 2);
    enum sg_seq_kind order = draw(h, 3) == 0 ? SG_SEQ_RGA : SG_SEQ_FUGUE_MAX;
    for (uint32_t i = 0; i < h->count; i++)
        h->replicas[i] = replica_new(order);
    uint32_t steps = 20 + draw(h, 60);
    uint32_t calm = 1 + draw(h, 4);
    for (uint32_t step = 0; step < steps && h->batch_count < HISTORY_BATCHES; step++) {
        if (draw(h, 10) == 0)
            h->cut = draw(h, 2) == 0 ? 0 : draw(h, 1u << h->count);
        uint32_t replica = draw(h, h->present);
        if (draw(h, 1 + calm) == 0)
            edit_batch(h, replica);
        else
            hear(h, replica);
    }
    converge(h, 0);
    /* some compact, all go on */
    uint32_t from = h->batch_count;
    for (uint32_t i = 0; i < h->count; i++) {
        if (h->batch_count > 0 && draw(h, 2) == 0)
            compact(h, i);
    }
    for (uint32_t edits = draw(h, 8); edits > 0 && h->batch_count < HISTORY_BATCHES; edits--)
        edit_batch(h, draw(h, h->count));
    converge(h, from);
}

static inline void history_fini(struct history *h)
{
    for (uint32_t i = 0; i < h->count; i++)
        replica_free(h->replicas[i]);
    for (uint32_t i = 0; i < h->batch_count; i++)
        sg_column_fini(&h->batches[i]);
}

#endif
