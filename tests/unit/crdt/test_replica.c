/* crdt/replica.c: each type merges in any grouping, forks count twice, what is removed stays so. */
#include "unit/crdt/fixture.h"

/* ---- what a document shows ---- */

static void fill(struct sg_replica *r)
{
    begin(r, 1);
    uint32_t list = cell_of(r, SG_CELL_MAP, "list");
    struct sg_value milk = text_value("milk");
    struct sg_value eggs = text_value("eggs");
    assert_int_equal(sg_replica_insert(r, cell_of(r, SG_CELL_TEXT, "note"), 0, text_bytes("hi")),
                     SG_OK);
    uint32_t things = cell_in(r, list, SG_CELL_SET, "things");
    assert_int_equal(sg_replica_add(r, things, &milk), SG_OK);
    assert_int_equal(sg_replica_add(r, things, &eggs), SG_OK);
    assert_int_equal(sg_replica_remove(r, things, &milk), SG_OK);
    assert_int_equal(sg_replica_count(r, cell_in(r, list, SG_CELL_COUNTER, "n"), -3), SG_OK);
    assert_int_equal(sg_replica_set(r, cell_of(r, SG_CELL_REGISTER, "title"), &eggs), SG_OK);
    (void)commit(r);
}

static void test_all_types(void **state)
{
    (void)state;
    static const char want[] = "map list:\n  counter n: -3\n  set things:\n    - \"eggs\"\n"
                               "text note: hi\nregister title: \"eggs\"\n";
    struct sg_replica *r = replica_new(SG_SEQ_FUGUE_MAX);
    struct sg_replica *copy = replica_new(SG_SEQ_FUGUE_MAX);
    fill(r);
    assert_dump(r, want);
    merge(copy, r);
    merge(copy, r);
    assert_int_equal(copy->log.count, 1);
    assert_equal_state(r, copy);
    begin(copy, 2);
    assert_int_equal(sg_replica_clear(copy, cell_of(copy, SG_CELL_MAP, "list")), SG_OK);
    assert_int_equal(sg_replica_clear(copy, cell_of(copy, SG_CELL_TEXT, "note")), SG_OK);
    (void)commit(copy);
    merge(r, copy);
    assert_dump(r, "register title: \"eggs\"\n");
    assert_equal_state(r, copy);
    replica_free(copy);
    replica_free(r);
}

/* ---- merging: associative, commutative, idempotent ---- */

typedef void (*edit_fn)(struct sg_replica *r, uint32_t author);

static void edit_set(struct sg_replica *r, uint32_t author)
{
    struct sg_value mine = text_value(author == 1 ? "a" : author == 2 ? "b" : "a");
    struct sg_value first = text_value("first");
    uint32_t set = cell_of(r, SG_CELL_SET, "s");
    assert_int_equal(sg_replica_add(r, set, &mine), SG_OK);
    if (author == 2)
        assert_int_equal(sg_replica_remove(r, set, &first), SG_OK);
    if (author == 3)
        assert_int_equal(sg_replica_add(r, set, &first), SG_OK);
}

static void edit_register(struct sg_replica *r, uint32_t author)
{
    struct sg_value value = text_value(author == 1 ? "one" : author == 2 ? "two" : "three");
    assert_int_equal(sg_replica_set(r, cell_of(r, SG_CELL_REGISTER, "r"), &value), SG_OK);
}

static void edit_multi(struct sg_replica *r, uint32_t author)
{
    struct sg_value value = text_value(author == 1 ? "one" : author == 2 ? "two" : "three");
    assert_int_equal(sg_replica_set(r, cell_of(r, SG_CELL_MULTI, "m"), &value), SG_OK);
}

static void edit_counter(struct sg_replica *r, uint32_t author)
{
    int64_t delta = author == 1 ? INT64_MAX : author == 2 ? -5 : 7;
    assert_int_equal(sg_replica_count(r, cell_of(r, SG_CELL_COUNTER, "c"), delta), SG_OK);
}

static void edit_text(struct sg_replica *r, uint32_t author)
{
    uint32_t text = cell_of(r, SG_CELL_TEXT, "t");
    if (author != 2)
        assert_int_equal(sg_replica_insert(r, text, 2, text_bytes(author == 1 ? "xy" : "z")),
                         SG_OK);
    else
        assert_int_equal(sg_replica_delete(r, text, 1, 2), SG_OK);
}

static void edit_map(struct sg_replica *r, uint32_t author)
{
    struct sg_value value = text_value("v");
    uint32_t map = cell_of(r, SG_CELL_MAP, "o");
    if (author == 2)
        assert_int_equal(sg_replica_clear(r, map), SG_OK);
    else
        assert_int_equal(sg_replica_set(r, cell_in(r, map, SG_CELL_REGISTER, "k"), &value), SG_OK);
}

/* What all have seen before they part. */
static void edit_before(struct sg_replica *r)
{
    struct sg_value first = text_value("first");
    uint32_t map = cell_of(r, SG_CELL_MAP, "o");
    assert_int_equal(sg_replica_add(r, cell_of(r, SG_CELL_SET, "s"), &first), SG_OK);
    assert_int_equal(sg_replica_set(r, cell_in(r, map, SG_CELL_REGISTER, "old"), &first), SG_OK);
    assert_int_equal(sg_replica_insert(r, cell_of(r, SG_CELL_TEXT, "t"), 0, text_bytes("abcd")),
                     SG_OK);
}

static void merge_type(edit_fn edit, enum sg_seq_kind order)
{
    enum { A, B, C, LEFT, RIGHT, COUNT };
    struct sg_replica *r[COUNT];
    for (int i = 0; i < COUNT; i++)
        r[i] = replica_new(order);
    begin(r[A], 1);
    edit_before(r[A]);
    (void)commit(r[A]);
    merge(r[B], r[A]);
    merge(r[C], r[A]);
    for (uint32_t i = A; i <= C; i++) {
        begin(r[i], i + 1);
        edit(r[i], i + 1);
        (void)commit(r[i]);
    }
    /* (A + B) + C, and C + (B + A), which is put together first; each part twice */
    merge(r[LEFT], r[A]);
    merge(r[LEFT], r[B]);
    merge(r[LEFT], r[C]);
    merge(r[LEFT], r[A]);
    merge(r[B], r[A]);
    merge(r[RIGHT], r[C]);
    merge(r[RIGHT], r[B]);
    merge(r[RIGHT], r[RIGHT]);
    assert_equal_state(r[LEFT], r[RIGHT]);
    for (int i = 0; i < COUNT; i++)
        replica_free(r[i]);
}

static void test_merges(void **state)
{
    (void)state;
    static const edit_fn edits[] = {edit_set,     edit_register, edit_multi,
                                    edit_counter, edit_text,     edit_map};
    for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
        merge_type(edits[i], SG_SEQ_FUGUE_MAX);
        merge_type(edits[i], SG_SEQ_RGA);
    }
}

static void test_concurrent_meaning(void **state)
{
    (void)state;
    struct sg_replica *a = replica_new(SG_SEQ_FUGUE_MAX);
    struct sg_replica *b = replica_new(SG_SEQ_FUGUE_MAX);
    static const edit_fn edits[] = {edit_set, edit_register, edit_multi, edit_counter, edit_map};
    begin(a, 3);
    edit_before(a);
    (void)commit(a);
    merge(b, a);
    begin(a, 3);
    begin(b, 2);
    for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
        edits[i](a, 3);
        edits[i](b, 2);
    }
    (void)commit(a);
    (void)commit(b);
    merge(a, b);
    merge(b, a);
    /* add wins, also in maps; both values of the multi-value register; at equal Lamport times the
     * higher author wins a register */
    assert_dump(
        a, "counter c: 2\nmulti m: \"two\", \"three\"\nmap o:\n  register k: \"v\"\n"
           "register r: \"three\"\nset s:\n  - \"a\"\n  - \"b\"\n  - \"first\"\ntext t: abcd\n");
    assert_equal_state(a, b);
    replica_free(a);
    replica_free(b);
}

/* A late delta must not bring back what was removed by somebody who had seen it. */
static void test_removed_stays_removed(void **state)
{
    (void)state;
    struct sg_replica *a = replica_new(SG_SEQ_FUGUE_MAX);
    struct sg_replica *b = replica_new(SG_SEQ_FUGUE_MAX);
    struct sg_value x = text_value("x");
    enum sg_import result;
    begin(a, 1);
    assert_int_equal(sg_replica_add(a, cell_of(a, SG_CELL_SET, "s"), &x), SG_OK);
    (void)commit(a);
    begin(a, 1);
    assert_int_equal(sg_replica_remove(a, cell_of(a, SG_CELL_SET, "s"), &x), SG_OK);
    (void)commit(a);
    struct sg_column add = batch_bytes(a, 0);
    struct sg_column remove = batch_bytes(a, 1);
    assert_int_equal(sg_replica_import(b, sg_column_bytes(&remove), 1, &result), SG_OK);
    assert_int_equal(result, SG_IMPORT_PENDING);
    assert_int_equal(sg_replica_import(b, sg_column_bytes(&remove), 2, &result), SG_OK);
    assert_int_equal(result, SG_IMPORT_PENDING);
    assert_int_equal(sg_replica_import(b, sg_column_bytes(&add), 1, &result), SG_OK);
    assert_int_equal(result, SG_IMPORT_APPLIED);
    assert_int_equal(sg_replica_import(b, sg_column_bytes(&add), 1, &result), SG_OK);
    assert_int_equal(result, SG_IMPORT_KNOWN);
    assert_dump(b, "");
    assert_int_equal(b->pending.count, 0);
    assert_int_equal(b->pending.bytes, 0);
    assert_equal_state(a, b);
    sg_column_fini(&add);
    sg_column_fini(&remove);
    replica_free(a);
    replica_free(b);
}

/* ---- forks ---- */

/* One author, two devices that do not know of each other: batches with the same numbers. */
static void test_fork(void **state)
{
    (void)state;
    struct sg_replica *a = replica_new(SG_SEQ_FUGUE_MAX);
    struct sg_replica *b = replica_new(SG_SEQ_FUGUE_MAX);
    struct sg_replica *c = replica_new(SG_SEQ_FUGUE_MAX);
    uint32_t depth = 0;
    for (uint32_t round = 0; round < 3; round++) {
        uint32_t ta = cell_of(a, SG_CELL_TEXT, "t");
        uint32_t tb = cell_of(b, SG_CELL_TEXT, "t");
        begin(a, 1);
        assert_int_equal(sg_replica_insert(a, ta, 0, text_bytes("aa")), SG_OK);
        (void)commit(a);
        if (round == 0)
            merge(b, a);
        begin(b, 1);
        assert_int_equal(sg_replica_insert(b, tb, depth, text_bytes("bb")), SG_OK);
        (void)commit(b);
        begin(a, 1);
        assert_int_equal(sg_replica_insert(a, ta, depth, text_bytes("cc")), SG_OK);
        assert_int_equal(sg_replica_delete(a, ta, 0, 1), SG_OK);
        (void)commit(a);
        depth = 1;
    }
    merge(c, b);
    merge(c, a);
    merge(a, b);
    merge(b, a);
    assert_true(a->fork_count > 0 && b->fork_count > 0 && c->fork_count > 0);
    char *text = dump(a);
    assert_dump(b, text);
    assert_dump(c, text);
    free(text);
    struct sg_frontier_entry x[8];
    struct sg_frontier_entry y[8];
    uint32_t count = sg_frontier(a, x);
    assert_int_equal(count, 2);
    assert_int_equal(sg_frontier(c, y), count);
    for (uint32_t i = 0; i < count; i++)
        assert_memory_equal(x[i].head, y[i].head, SG_ID_LEN);
    /* writing goes on, by another author and by the forked one */
    for (uint32_t author = 1; author <= 2; author++) {
        begin(c, author);
        uint32_t cell = cell_of(c, SG_CELL_TEXT, "t");
        assert_int_equal(sg_replica_insert(c, cell, 3, text_bytes("new")), SG_OK);
        assert_int_equal(sg_replica_delete(c, cell, 0, 5), SG_OK);
        (void)commit(c);
    }
    merge(a, c);
    text = dump(c);
    assert_dump(a, text);
    free(text);
    replica_free(a);
    replica_free(b);
    replica_free(c);
}

/* ---- state ---- */

/* A replica made from a state goes on as one made from the batches. */
static void test_state(void **state)
{
    (void)state;
    struct sg_replica *a = replica_new(SG_SEQ_RGA);
    struct sg_replica *b = replica_new(SG_SEQ_RGA);
    struct sg_replica *fresh = replica_new(SG_SEQ_RGA);
    struct sg_column bytes = {.mem = sg_mem_default()};
    begin(a, 1);
    edit_before(a);
    (void)commit(a);
    merge(b, a);
    for (uint32_t i = 1; i <= 2; i++) {
        struct sg_replica *r = i == 1 ? a : b;
        begin(r, i);
        edit_text(r, i);
        edit_set(r, i);
        edit_register(r, i);
        edit_map(r, i);
        (void)commit(r);
    }
    merge(a, b);
    assert_int_equal(sg_state_encode(a, &bytes), SG_OK);
    assert_int_equal(sg_state_decode(fresh, sg_column_bytes(&bytes), false), SG_OK);
    assert_equal_state(a, fresh);
    assert_int_equal(fresh->log.floor_count, 2);
    assert_int_equal(fresh->log.floor_heads, 2);
    /* what was written without the floor is refused, what was written on top of it is not */
    enum sg_import result;
    begin(b, 2);
    edit_text(b, 3);
    struct sg_column behind = batch_bytes(b, commit(b));
    assert_int_equal(sg_replica_import(fresh, sg_column_bytes(&behind), 0, &result),
                     SG_ERR_EXPIRED);
    begin(a, 1);
    edit_text(a, 1);
    edit_register(a, 1);
    struct sg_column above = batch_bytes(a, commit(a));
    assert_int_equal(sg_replica_import(fresh, sg_column_bytes(&above), 0, &result), SG_OK);
    assert_int_equal(result, SG_IMPORT_APPLIED);
    assert_equal_state(a, fresh);
    begin(fresh, 5);
    edit_text(fresh, 3);
    (void)commit(fresh);
    merge(a, fresh);
    assert_equal_state(a, fresh);
    sg_column_fini(&bytes);
    sg_column_fini(&behind);
    sg_column_fini(&above);
    replica_free(a);
    replica_free(b);
    replica_free(fresh);
}

/* Author 1 begins anew with number `used`, knowing only his first batch. */
static struct sg_column begun_anew(const struct sg_column *first, uint32_t used)
{
    struct sg_replica *r = replica_new(SG_SEQ_FUGUE_MAX);
    enum sg_import result;
    r->config.is_wary = true;
    r->used_seq = used;
    assert_int_equal(sg_replica_import(r, sg_column_bytes(first), 0, &result), SG_OK);
    begin(r, 1);
    uint32_t text = cell_of(r, SG_CELL_TEXT, "t");
    assert_int_equal(sg_replica_insert(r, text, 0, text_bytes("anew")), SG_OK);
    uint32_t batch = commit(r);
    assert_int_equal(r->log.batches[batch].seq, used);
    struct sg_column bytes = batch_bytes(r, batch);
    replica_free(r);
    return bytes;
}

/* Numbers that were never used make no fork, whatever comes first; one that comes twice does, also
 * when the older chain gets there later. */
static void test_begun_anew(void **state)
{
    (void)state;
    struct sg_replica *author = replica_new(SG_SEQ_FUGUE_MAX);
    struct sg_column batches[4];
    for (uint32_t i = 0; i < 4; i++) {
        begin(author, 1);
        uint32_t text = cell_of(author, SG_CELL_TEXT, "t");
        assert_int_equal(sg_replica_insert(author, text, 0, text_bytes("x")), SG_OK);
        batches[i] = batch_bytes(author, commit(author));
    }
    for (uint32_t used = 1; used <= 5; used++) {
        struct sg_column anew = begun_anew(&batches[0], used);
        struct sg_replica *to[2] = {replica_new(SG_SEQ_FUGUE_MAX), replica_new(SG_SEQ_FUGUE_MAX)};
        for (uint32_t k = 0; k < 2; k++) {
            enum sg_import result;
            for (uint32_t i = 0; i < 5; i++) {
                const struct sg_column *next = i == 4 ? &anew : &batches[i];
                if (k == 1 && i > 0) /* the new chain second */
                    next = i == 1 ? &anew : &batches[i - 1];
                assert_int_equal(sg_replica_import(to[k], sg_column_bytes(next), 0, &result),
                                 SG_OK);
                assert_int_equal(result, SG_IMPORT_APPLIED);
            }
            assert_int_equal(to[k]->fork_count, used < 4 ? 1 : 0);
        }
        char *text = dump(to[0]);
        assert_dump(to[1], text);
        free(text);
        replica_free(to[0]);
        replica_free(to[1]);
        sg_column_fini(&anew);
    }
    for (uint32_t i = 0; i < 4; i++)
        sg_column_fini(&batches[i]);
    replica_free(author);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_types),
        cmocka_unit_test(test_merges),
        cmocka_unit_test(test_concurrent_meaning),
        cmocka_unit_test(test_removed_stays_removed),
        cmocka_unit_test(test_fork),
        cmocka_unit_test(test_state),
        cmocka_unit_test(test_begun_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
