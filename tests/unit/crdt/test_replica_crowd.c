/* crdt/replica*.c, seq*.c: a crowd at few spots, in two orders. */
#include "unit/crdt/fixture.h"

/* Many who write forwards, backwards and in the middle of each other's words, at few spots, some
 * with longer histories than others; leaves are split meanwhile. */
static void edit_somewhere(struct sg_prng *prng, struct sg_replica *r)
{
    uint32_t cell = cell_of(r, SG_CELL_TEXT, "t");
    for (uint32_t edits = 1 + (uint32_t)sg_prng_below(prng, 5); edits > 0; edits--) {
        uint32_t spot = (uint32_t)sg_prng_below(prng, 4);
        uint32_t len = sg_seq_len(r->cells.cells[cell].text, SG_SEQ_CHARS);
        assert_int_equal(sg_replica_insert(r, cell, spot < len ? spot : len, text_bytes("xy")),
                         SG_OK);
        if (sg_prng_below(prng, 4) == 0)
            assert_int_equal(sg_replica_delete(r, cell, spot < len ? spot : len, 1), SG_OK);
    }
}

static void test_crowd(void **state)
{
    (void)state;
    enum { AUTHORS = 150, TURNS = 2, ALL = AUTHORS * TURNS };
    struct sg_replica *to[2];
    static struct sg_column batches[ALL];
    struct sg_prng prng;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct sg_replica *first = replica_new(SG_SEQ_FUGUE_MAX);
        sg_prng_init(&prng, seed);
        begin(first, 1);
        uint32_t text = cell_of(first, SG_CELL_TEXT, "t");
        assert_int_equal(sg_replica_insert(first, text, 0, text_bytes("abc")), SG_OK);
        (void)commit(first);
        for (uint32_t i = 0; i < 2; i++) {
            to[i] = replica_new(SG_SEQ_FUGUE_MAX);
            merge(to[i], first);
        }
        for (uint32_t i = 0; i < AUTHORS; i++) {
            struct sg_replica *r = replica_new(SG_SEQ_FUGUE_MAX);
            merge(r, first);
            if (i > 0 && sg_prng_below(&prng, 3) == 0) { /* who has seen one of the others */
                enum sg_import result;
                struct sg_column *seen = &batches[sg_prng_below(&prng, i) * TURNS];
                assert_int_equal(sg_replica_import(r, sg_column_bytes(seen), 0, &result), SG_OK);
            }
            for (uint32_t turn = 0; turn < TURNS; turn++) {
                begin(r, 2 + i);
                edit_somewhere(&prng, r);
                batches[i * TURNS + turn] = batch_bytes(r, commit(r));
            }
            replica_free(r);
        }
        for (uint32_t i = 0; i < ALL; i++) {
            enum sg_import result;
            struct sg_bytes there = sg_column_bytes(&batches[i]);
            struct sg_bytes back = sg_column_bytes(&batches[ALL - 1 - i]);
            assert_int_equal(sg_replica_import(to[0], there, 0, &result), SG_OK);
            assert_int_equal(sg_replica_import(to[1], back, 0, &result), SG_OK);
        }
        sg_seq_check(to[0]->cells.cells[cell_of(to[0], SG_CELL_TEXT, "t")].text);
        sg_seq_check(to[1]->cells.cells[cell_of(to[1], SG_CELL_TEXT, "t")].text);
        assert_equal_state(to[0], to[1]);
        for (uint32_t i = 0; i < ALL; i++)
            sg_column_fini(&batches[i]);
        replica_free(to[0]);
        replica_free(to[1]);
        replica_free(first);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crowd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
