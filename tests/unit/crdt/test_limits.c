/* crdt/limits.h: limits are of batches and of what is made here, never of what happens to be in. */
#include "crdt/bundle.h"
#include "unit/crdt/fixture.h"

static void close_txn(struct sg_replica *r, sg_err want)
{
    uint32_t batch;
    assert_int_equal(sg_replica_commit(r, &batch), want);
}

/* Elements count for nothing, and what others make is taken in however much there is. */
static void test_documents_have_none(void **state)
{
    (void)state;
    struct sg_replica *a = replica_new(SG_SEQ_FUGUE_MAX);
    struct sg_replica *b = replica_new(SG_SEQ_FUGUE_MAX);
    char text[16];
    uint32_t cell;
    b->config.limits.objects = 4;
    begin(a, 1);
    for (int i = 0; i < 100; i++) {
        struct sg_value value = text_value(text);
        (void)snprintf(text, sizeof(text), "%d", i);
        value.bytes = text_bytes(text);
        assert_int_equal(sg_replica_add(a, cell_of(a, SG_CELL_SET, "s"), &value), SG_OK);
    }
    (void)commit(a);
    for (uint32_t i = 0; i < 10; i++) {
        begin(a, 2 + i);
        (void)snprintf(text, sizeof(text), "%u", i);
        assert_int_equal(sg_replica_count(a, cell_of(a, SG_CELL_COUNTER, text), 1), SG_OK);
        (void)commit(a);
    }
    merge(b, a);
    assert_equal_state(a, b);
    struct sg_bytes key = text_bytes("one more");
    assert_int_equal(sg_replica_cell(b, SG_CELL_ROOT, SG_CELL_MAP, key, &cell), SG_ERR_LIMIT);
    b->config.limits.objects = 13; /* the root, the set, ten counters */
    assert_int_equal(sg_replica_cell(b, SG_CELL_ROOT, SG_CELL_MAP, key, &cell), SG_OK);
    replica_free(a);
    replica_free(b);
}

/* What a batch of this replica may not name, for nobody would read it. */
static void delete_of_many(uint32_t refs, sg_err want)
{
    struct sg_replica *r = replica_new(SG_SEQ_FUGUE_MAX);
    struct sg_replica *other = replica_new(SG_SEQ_FUGUE_MAX);
    uint32_t cell = cell_of(r, SG_CELL_TEXT, "t");
    r->config.limits.refs = other->config.limits.refs = refs;
    for (uint32_t i = 0; i < 5; i++) {
        begin(r, 2 + i);
        assert_int_equal(sg_replica_insert(r, cell, 0, text_bytes("x")), SG_OK);
        (void)commit(r);
    }
    begin(r, 1);
    assert_int_equal(sg_replica_delete(r, cell, 0, 5), SG_OK);
    close_txn(r, want); /* 4 chains and the one it depends on */
    if (want == SG_OK) {
        merge(other, r);
        assert_equal_state(r, other);
    }
    replica_free(r);
    replica_free(other);
}

static void test_refs(void **state)
{
    (void)state;
    delete_of_many(3, SG_ERR_OVERSIZED);
    delete_of_many(4, SG_OK);
}

static void count_in_many(uint32_t objects, sg_err want)
{
    struct sg_replica *r = replica_new(SG_SEQ_FUGUE_MAX);
    struct sg_replica *other = replica_new(SG_SEQ_FUGUE_MAX);
    char text[16];
    r->config.limits.objects = other->config.limits.objects = objects;
    begin(r, 1);
    for (uint32_t i = 0; i < 210; i++) {
        (void)snprintf(text, sizeof(text), "%u", i % 70);
        assert_int_equal(sg_replica_count(r, cell_of(r, SG_CELL_COUNTER, text), 1), SG_OK);
    }
    close_txn(r, want);
    if (want == SG_OK) {
        merge(other, r);
        assert_equal_state(r, other);
    }
    replica_free(r);
    replica_free(other);
}

static void test_objects(void **state)
{
    (void)state;
    count_in_many(100, SG_ERR_OVERSIZED);
    count_in_many(210, SG_OK);
}

/* More heads than a batch may name stop nobody. */
static void test_surplus_heads(void **state)
{
    (void)state;
    struct sg_replica *a = replica_new(SG_SEQ_FUGUE_MAX);
    struct sg_replica *b = replica_new(SG_SEQ_FUGUE_MAX);
    for (uint32_t i = 0; i < 10; i++) {
        struct sg_replica *r = replica_new(SG_SEQ_FUGUE_MAX);
        begin(r, 2 + i);
        uint32_t cell = cell_of(r, SG_CELL_TEXT, "t");
        assert_int_equal(sg_replica_insert(r, cell, 0, text_bytes("x")), SG_OK);
        (void)commit(r);
        merge(a, r);
        replica_free(r);
    }
    a->config.limits.deps = b->config.limits.deps = 3;
    assert_int_equal(a->log.head_count, 10);
    begin(a, 1);
    uint32_t cell = cell_of(a, SG_CELL_TEXT, "t");
    assert_int_equal(sg_replica_insert(a, cell, 5, text_bytes("!")), SG_OK);
    (void)commit(a);
    assert_int_equal(a->log.head_count, 1);
    assert_dump(a, "text t: xxxxx!xxxxx\n");
    merge(b, a);
    assert_equal_state(a, b);
    replica_free(a);
    replica_free(b);
}

/* Each author has seen all before him: what that takes is bounded, nothing is lost, and what is
 * there already is loaded again. */
static void test_seen(void **state)
{
    (void)state;
    enum { AUTHORS = 120 };
    struct sg_replica *all = replica_new(SG_SEQ_FUGUE_MAX);
    struct sg_replica *small = replica_new(SG_SEQ_FUGUE_MAX);
    struct sg_column batches[AUTHORS];
    enum sg_import result;
    small->config.limits.seen_bytes = 100000;
    uint32_t refused = 0;
    for (uint32_t i = 0; i < AUTHORS; i++) {
        begin(all, i);
        assert_int_equal(sg_replica_count(all, cell_of(all, SG_CELL_COUNTER, "n"), 1), SG_OK);
        batches[i] = batch_bytes(all, commit(all));
        sg_err err = sg_replica_import(small, sg_column_bytes(&batches[i]), 1, &result);
        refused += err == SG_ERR_LIMIT;
        assert_true(err == SG_OK || err == SG_ERR_LIMIT);
        assert_false(small->is_broken);
    }
    assert_true(small->log.seen <= 100000 && small->log.count > 60);
    /* 32 + 8 bytes a pair at most */
    assert_in_range(all->log.seen, AUTHORS * (AUTHORS - 1) / 2 * 30, AUTHORS * AUTHORS / 2 * 40);
    assert_int_equal(refused, 1); /* the others wait for it */
    small->is_loading = true;
    for (uint32_t i = 0; i < AUTHORS; i++)
        assert_int_equal(sg_replica_import(small, sg_column_bytes(&batches[i]), 1, &result), SG_OK);
    assert_equal_state(all, small);
    for (uint32_t i = 0; i < AUTHORS; i++)
        sg_column_fini(&batches[i]);
    replica_free(small);
    replica_free(all);
}

/* Little comes in: little is remembered, until more comes. */
static void test_seen_of_little(void **state)
{
    (void)state;
    enum { AUTHORS = 120 };
    struct sg_replica *all = replica_new(SG_SEQ_FUGUE_MAX);
    struct sg_replica *wary = replica_new(SG_SEQ_FUGUE_MAX);
    enum sg_import result;
    struct sg_column refused = {0};
    wary->config.limits.seen_free = 20000;
    wary->config.limits.seen_ratio = 2;
    for (uint32_t i = 0; i < AUTHORS && refused.len == 0; i++) {
        begin(all, i);
        assert_int_equal(sg_replica_count(all, cell_of(all, SG_CELL_COUNTER, "n"), 1), SG_OK);
        struct sg_column bytes = batch_bytes(all, commit(all));
        if (sg_replica_import(wary, sg_column_bytes(&bytes), 1, &result) == SG_ERR_LIMIT)
            refused = bytes;
        else
            sg_column_fini(&bytes);
    }
    assert_true(refused.len > 0);
    assert_in_range(wary->log.seen, 20000, 20000 + 2 * wary->log.bytes_len);
    /* somebody writes something long */
    static char text[40001];
    memset(text, 'x', sizeof(text) - 1);
    struct sg_replica *friend = replica_new(SG_SEQ_FUGUE_MAX);
    begin(friend, 200);
    assert_int_equal(
        sg_replica_insert(friend, cell_of(friend, SG_CELL_TEXT, "t"), 0, text_bytes(text)), SG_OK);
    struct sg_column bytes = batch_bytes(friend, commit(friend));
    assert_int_equal(sg_replica_import(wary, sg_column_bytes(&bytes), 1, &result), SG_OK);
    assert_int_equal(sg_replica_import(wary, sg_column_bytes(&refused), 1, &result), SG_OK);
    assert_int_equal(result, SG_IMPORT_APPLIED);
    sg_column_fini(&bytes);
    sg_column_fini(&refused);
    replica_free(friend);
    replica_free(wary);
    replica_free(all);
}

/* Without room a batch is put off, not judged: which ones those are depends on the order in which
 * they come, what becomes of them does not. Two replicas that got all in opposite orders have the
 * same once there is room, nothing was refused, and what is really wrong was refused by both. */
static void test_two_orders(void **state)
{
    (void)state;
    enum { AUTHORS = 40, LATE = 6 };
    struct sg_replica *all = replica_new(SG_SEQ_FUGUE_MAX);
    struct sg_replica *to[2];
    struct sg_column bundles[LATE + 1];
    struct sg_bundle_result got[2] = {{0}};
    for (uint32_t i = 0; i < AUTHORS; i++) {
        struct sg_replica *r = replica_new(SG_SEQ_FUGUE_MAX);
        begin(r, 10 + i);
        assert_int_equal(sg_replica_count(r, cell_of(r, SG_CELL_COUNTER, "n"), 1), SG_OK);
        (void)commit(r);
        merge(all, r);
        replica_free(r);
    }
    for (uint32_t i = 0; i < 2; i++) {
        to[i] = replica_new(SG_SEQ_FUGUE_MAX);
        merge(to[i], all);
        to[i]->config.limits.seen_bytes = 3 * AUTHORS * sizeof(struct sg_log_track);
    }
    /* each of these has seen all of those, and none of the others */
    for (uint32_t i = 0; i <= LATE; i++) {
        struct sg_replica *r = replica_new(SG_SEQ_FUGUE_MAX);
        bundles[i] = (struct sg_column){.mem = sg_mem_default()};
        merge(r, all);
        begin(r, 1 + i);
        assert_int_equal(sg_replica_count(r, cell_of(r, SG_CELL_COUNTER, "n"), 1), SG_OK);
        uint32_t batch = commit(r);
        sg_bundle_begin(r, &bundles[i]);
        struct sg_column bytes = batch_bytes(r, batch);
        if (i == LATE) /* its Lamport time is not that of its past */
            bytes.data[bytes.len - r->log.batches[batch].len] ^= 1;
        sg_bundle_put(&bundles[i], SG_BUNDLE_BATCH, sg_column_bytes(&bytes));
        sg_column_fini(&bytes);
        replica_free(r);
    }
    for (uint32_t round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < 2; i++) {
            got[i] = (struct sg_bundle_result){0};
            for (uint32_t k = 0; k <= LATE; k++) {
                struct sg_bytes bundle = sg_column_bytes(&bundles[i == 0 ? k : LATE - k]);
                assert_int_equal(sg_bundle_import(to[i], bundle, 1, &got[i]), SG_OK);
            }
            assert_int_equal(got[i].refused, 1);
            assert_int_equal(got[i].refusal, SG_ERR_PROTOCOL);
            assert_int_equal(got[i].postponed > 0, round == 0);
            assert_int_equal(got[i].applied + got[i].known + got[i].postponed, LATE);
            to[i]->config.limits.seen_bytes = UINT64_C(1) << 30;
        }
        assert_int_equal(got[0].postponed, got[1].postponed);
    }
    assert_int_equal(to[0]->log.count, AUTHORS + LATE);
    assert_equal_state(to[0], to[1]);
    for (uint32_t i = 0; i <= LATE; i++)
        sg_column_fini(&bundles[i]);
    replica_free(to[0]);
    replica_free(to[1]);
    replica_free(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_documents_have_none),
        cmocka_unit_test(test_refs),
        cmocka_unit_test(test_objects),
        cmocka_unit_test(test_surplus_heads),
        cmocka_unit_test(test_seen),
        cmocka_unit_test(test_two_orders),
        cmocka_unit_test(test_seen_of_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
