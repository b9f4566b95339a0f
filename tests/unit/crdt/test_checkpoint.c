/* crdt/checkpoint.c: who signs what; each forgery with its error. */
#include "crdt/checkpoint.h"

#include "crypto/identity.h"
#include "unit/crdt/fixture.h"

static void write_more(struct sg_replica *r, const struct sg_identity *who, const char *text)
{
    uint32_t cell = cell_of(r, SG_CELL_TEXT, "t");
    uint32_t batch;
    assert_int_equal(sg_replica_begin(r, sg_identity_peer_id(who)->b), SG_OK);
    assert_int_equal(sg_replica_insert(r, cell, 0, text_bytes(text)), SG_OK);
    assert_int_equal(sg_replica_commit(r, &batch), SG_OK);
}

static void test_checkpoints(void **state)
{
    (void)state;
    struct sg_identity *alice;
    struct sg_identity *mallory;
    struct sg_replica *r = replica_new(SG_SEQ_FUGUE_MAX);
    struct sg_replica *late = replica_new(SG_SEQ_FUGUE_MAX);
    struct sg_column bytes = {.mem = sg_mem_default()};
    struct sg_column forged = {.mem = sg_mem_default()};
    assert_int_equal(sg_identity_new_random(sg_mem_default(), &alice), SG_OK);
    assert_int_equal(sg_identity_new_random(sg_mem_default(), &mallory), SG_OK);
    const uint8_t *author = sg_identity_peer_id(alice)->b;
    assert_int_equal(sg_checkpoint_sign(r, sg_identity_signer(alice), &bytes), SG_ERR_NOT_FOUND);
    write_more(r, alice, "a");
    write_more(r, alice, "b");
    assert_int_equal(sg_checkpoint_unsigned(r, author), 2);
    assert_int_equal(sg_checkpoint_sign(r, sg_identity_signer(alice), &bytes), SG_OK);
    assert_int_equal(sg_checkpoint_take(late, sg_column_bytes(&bytes)), SG_ERR_NOT_FOUND);
    assert_int_equal(sg_checkpoint_take(r, sg_column_bytes(&bytes)), SG_OK);
    write_more(r, alice, "c");
    assert_false(sg_checkpoint_is_provisional(r, 0));
    assert_false(sg_checkpoint_is_provisional(r, 1));
    assert_true(sg_checkpoint_is_provisional(r, 2));
    assert_int_equal(sg_checkpoint_unsigned(r, author), 1);
    merge(late, r);
    assert_int_equal(sg_checkpoint_take(late, sg_column_bytes(&bytes)), SG_OK);
    assert_int_equal(sg_checkpoint_unsigned(late, author), 1);
    /* any byte changed, and any end */
    for (size_t i = 0; i < bytes.len; i += i < 120 ? 1 : 97) {
        bytes.data[i] ^= 1;
        sg_err err = sg_checkpoint_take(late, sg_column_bytes(&bytes));
        assert_true(err == SG_ERR_NOT_FOUND || sg_err_class_of(err) == SG_ERR_CLASS_PEER);
        assert_int_not_equal(sg_checkpoint_take(late, sg_bytes(bytes.data, i)), SG_OK);
        bytes.data[i] ^= 1;
    }
    /* the right form under another key */
    write_more(late, mallory, "x");
    assert_int_equal(sg_checkpoint_sign(late, sg_identity_signer(mallory), &forged), SG_OK);
    memcpy(forged.data, bytes.data, 1 + 2 * SG_ID_LEN + 1 + SG_ID_LEN);
    assert_int_equal(sg_checkpoint_take(late, sg_column_bytes(&forged)), SG_ERR_BAD_SIGNATURE);
    assert_int_equal(sg_checkpoint_unsigned(late, author), 1);
    sg_column_fini(&bytes);
    sg_column_fini(&forged);
    sg_identity_free(alice);
    sg_identity_free(mallory);
    replica_free(r);
    replica_free(late);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_checkpoints)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
