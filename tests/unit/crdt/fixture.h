/* Replicas for tests. */
#ifndef TEST_CRDT_FIXTURE_H
#define TEST_CRDT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/prng.h"
#include "crdt/state.h"

struct author {
    uint8_t id[SG_ID_LEN];
};

/* Authors sort by their number. */
static inline struct author author_of(uint32_t number)
{
    struct author a = {{0}};
    a.id[0] = (uint8_t)(number >> 8);
    a.id[1] = (uint8_t)number;
    a.id[31] = 0xaa;
    return a;
}

static inline struct sg_replica_config config_of(enum sg_seq_kind order)
{
    struct sg_replica_config config = {
        .mem = sg_mem_default(),
        .suite = sg_suite_default(),
        .limits = SG_CRDT_LIMITS_DEFAULT,
        .genesis = {.order = order, .creator = {1}, .nonce = {2}},
        .seed = 7,
    };
    return config;
}

static inline struct sg_replica *replica_new(enum sg_seq_kind order)
{
    struct sg_replica *r = malloc(sizeof(*r));
    const struct sg_replica_config config = config_of(order);
    assert_non_null(r);
    assert_int_equal(sg_replica_init(r, &config), SG_OK);
    return r;
}

static inline void replica_free(struct sg_replica *r)
{
    sg_replica_fini(r);
    free(r);
}

static inline struct sg_bytes text_bytes(const char *text)
{
    return sg_bytes(text, strlen(text));
}

static inline struct sg_value text_value(const char *text)
{
    return (struct sg_value){SG_VALUE_TEXT, text_bytes(text)};
}

static inline void begin(struct sg_replica *r, uint32_t author)
{
    assert_int_equal(sg_replica_begin(r, author_of(author).id), SG_OK);
}

static inline uint32_t commit(struct sg_replica *r)
{
    uint32_t batch;
    assert_int_equal(sg_replica_commit(r, &batch), SG_OK);
    return batch;
}

static inline uint32_t cell_in(struct sg_replica *r, uint32_t parent, enum sg_cell_kind kind,
                               const char *key)
{
    uint32_t cell;
    assert_int_equal(sg_replica_cell(r, parent, kind, text_bytes(key), &cell), SG_OK);
    return cell;
}

static inline uint32_t cell_of(struct sg_replica *r, enum sg_cell_kind kind, const char *key)
{
    return cell_in(r, SG_CELL_ROOT, kind, key);
}

static inline struct sg_column batch_bytes(const struct sg_replica *r, uint32_t batch)
{
    struct sg_column out = {.mem = sg_mem_default()};
    assert_int_equal(sg_replica_export(r, batch, &out), SG_OK);
    return out;
}

/* All batches of one replica into another one, in order. */
static inline void merge(struct sg_replica *to, const struct sg_replica *from)
{
    for (uint32_t i = from->log.floor_count; i < from->log.count; i++) {
        struct sg_column bytes = batch_bytes(from, i);
        enum sg_import result;
        assert_int_equal(sg_replica_import(to, sg_column_bytes(&bytes), 0, &result), SG_OK);
        sg_column_fini(&bytes);
    }
}

static inline char *column_text(struct sg_column *c)
{
    sg_put_u8(c, 0);
    assert_false(c->has_failed);
    return (char *)c->data;
}

static inline char *dump(const struct sg_replica *r)
{
    struct sg_column out = {.mem = sg_mem_default()};
    assert_int_equal(sg_state_dump(r, &out), SG_OK);
    return column_text(&out);
}

static inline void assert_dump(const struct sg_replica *r, const char *want)
{
    char *got = dump(r);
    assert_string_equal(got, want);
    free(got);
}

/* All that they will ever do is the same from here on. */
static inline void assert_equal_state(const struct sg_replica *a, const struct sg_replica *b)
{
    struct sg_column x = {.mem = sg_mem_default()};
    struct sg_column y = {.mem = sg_mem_default()};
    char *want = dump(a);
    assert_dump(b, want);
    free(want);
    assert_int_equal(sg_state_encode(a, &x), SG_OK);
    assert_int_equal(sg_state_encode(b, &y), SG_OK);
    assert_int_equal(x.len, y.len);
    assert_memory_equal(x.data, y.data, x.len);
    sg_column_fini(&x);
    sg_column_fini(&y);
}

#endif
