/* runtime/doc_fork.c, crdt/fork.c: who wrote two batches with one number can be shown to have. */
#include "doc_fixture.h"
#include "runtime/doc_impl.h"

/* The same identity on a second machine. */
static struct sg_doc *another_machine(struct sg_doc *from, const char *id, const char *copy)
{
    struct sg_doc_options options = options_of(NULL, 0);
    struct sg_doc_bytes bundle = export_for(from, NULL);
    struct sg_doc *doc = NULL;
    char command[300];
    options.identity_dir = path_of(copy);
    (void)snprintf(command, sizeof(command), "cp -r '%s' '%s'", path_of(id), options.identity_dir);
    assert_int_equal(system(command), 0);
    assert_int_equal(sg_doc_join(&options, view_of(&bundle), &doc), SG_OK);
    sg_doc_bytes_free(&bundle);
    return doc;
}

static struct sg_doc *second_machine(struct sg_doc *from, const char *id)
{
    return another_machine(from, id, "id-copy");
}

static struct sg_doc_fork fork_of(struct sg_doc *doc, struct sg_doc_bytes *proof)
{
    struct sg_doc_fork fork;
    assert_int_equal(sg_doc_fork_proof(doc, 0, proof), SG_OK);
    assert_int_equal(sg_doc_fork_verify(view_of(proof), &fork), SG_OK);
    return fork;
}

/* No byte can be changed. */
static void assert_firm(struct sg_doc_bytes *proof)
{
    struct sg_doc_fork fork;
    for (size_t i = 0; i < proof->len; i += 13) {
        proof->data[i] ^= 1;
        assert_int_not_equal(sg_doc_fork_verify(view_of(proof), &fork), SG_OK);
        proof->data[i] ^= 1;
    }
    for (size_t len = 0; len < proof->len; len += 101)
        assert_int_not_equal(sg_doc_fork_verify((struct sg_bytes){proof->data, len}, &fork), SG_OK);
}

static void test_signed(void **state)
{
    (void)state;
    struct sg_doc *a = with_identity("fork", "id");
    struct sg_peer_id author;
    struct sg_doc_bytes proof;
    uint8_t document[SG_ID_LEN];
    assert_int_equal(sg_identity_show(path_of("id"), NULL, &author), SG_OK);
    type(a, 0, "both");
    assert_int_equal(sg_doc_fork_proof(a, 0, &proof), SG_ERR_NOT_FOUND);
    assert_int_equal(sg_doc_checkpoint(a), SG_OK); /* else the other one begins anew */
    struct sg_doc *b = second_machine(a, "id");
    for (int i = 0; i < 3; i++)
        type(a, 0, "a");
    type(b, 4, "b");
    assert_int_equal(sg_doc_checkpoint(a), SG_OK);
    assert_int_equal(sg_doc_checkpoint(b), SG_OK);
    assert_int_equal(send_all(b, a).applied, 1);
    assert_int_equal(send_all(a, b).applied, 3);
    sg_doc_id(a, document);
    for (int way = 0; way < 2; way++) { /* by a file, and in memory */
        struct sg_doc *doc = way == 0 ? a : b;
        assert_int_equal(sg_doc_forks(doc), 1);
        struct sg_doc_fork fork = fork_of(doc, &proof);
        assert_true(fork.is_signed);
        assert_int_equal(fork.seq, 1);
        assert_memory_equal(fork.author.b, author.b, SG_ID_LEN);
        assert_memory_equal(fork.document, document, SG_ID_LEN);
        assert_firm(&proof);
        sg_doc_bytes_free(&proof);
        assert_int_equal(sg_doc_fork_proof(doc, 1, &proof), SG_ERR_NOT_FOUND);
    }
    assert_int_equal(sg_doc_close(a), SG_OK);
    a = with_identity("fork", "id"); /* and after it was loaded again */
    struct sg_doc_fork fork = fork_of(a, &proof);
    assert_true(fork.is_signed);
    sg_doc_bytes_free(&proof);
    assert_int_equal(sg_doc_close(b), SG_OK);
    assert_int_equal(sg_doc_close(a), SG_OK);
}

/* What somebody else wrote under an author's name is no evidence against him. */
static void test_unsigned(void **state)
{
    (void)state;
    struct sg_doc *a = with_identity("unsigned", "id");
    struct sg_doc_options options = options_of(NULL, 0);
    struct sg_doc *forger = NULL;
    struct sg_doc_bytes proof;
    assert_int_equal(sg_identity_show(path_of("id"), NULL, &options.author), SG_OK);
    type(a, 0, "both");
    struct sg_doc_bytes bundle = export_for(a, NULL);
    assert_int_equal(sg_doc_join(&options, view_of(&bundle), &forger), SG_OK);
    sg_doc_bytes_free(&bundle);
    type(forger, 0, "forged");
    type(a, 0, "mine");
    assert_int_equal(sg_doc_checkpoint(a), SG_OK);
    assert_int_equal(send_all(forger, a).applied, 1);
    struct sg_doc_fork fork = fork_of(a, &proof);
    assert_false(fork.is_signed);
    /* twice the same is no fork */
    const struct sg_bytes half = {proof.data, 0};
    assert_int_not_equal(sg_doc_fork_verify(half, &fork), SG_OK);
    sg_doc_bytes_free(&proof);
    assert_int_equal(sg_doc_close(forger), SG_OK);
    assert_int_equal(sg_doc_close(a), SG_OK);
}

/* One side goes on in a chain that forked from it later, and only that one is signed: its signature
 * speaks for what it goes on from, too. a: 0 1a 2a; b: 0 1b; c goes on from 1a: 0 1a 2c. */
static void test_descendant(void **state)
{
    (void)state;
    struct sg_doc *a = with_identity("descent", "id");
    struct sg_doc_bytes proof;
    type(a, 0, "0");
    assert_int_equal(sg_doc_checkpoint(a), SG_OK);
    struct sg_doc *b = another_machine(a, "id", "id-b");
    type(b, 0, "b");
    assert_int_equal(sg_doc_checkpoint(b), SG_OK);
    type(a, 0, "a");
    struct sg_doc *c = another_machine(a, "id", "id-c");
    struct sg_log *log = &c->replica->log; /* it knows that 1a is its own */
    log->chains[log->batches[1].chain].made_seq = 2;
    type(a, 0, "a");
    type(c, 0, "c");
    assert_int_equal(sg_doc_checkpoint(c), SG_OK);
    struct sg_doc *reader = join(a, "descent-r", 9);
    assert_int_equal(send_all(b, reader).applied, 1);
    assert_int_equal(send_all(c, reader).applied, 1);
    assert_int_equal(sg_doc_forks(reader), 2);
    for (int way = 0; way < 2; way++) {
        for (uint32_t at = 0; at < 2; at++) {
            struct sg_doc_fork fork;
            assert_int_equal(sg_doc_fork_proof(reader, at, &proof), SG_OK);
            assert_int_equal(sg_doc_fork_verify(view_of(&proof), &fork), SG_OK);
            /* of 2a and 2c, 2a is not signed by anything */
            assert_int_equal(fork.is_signed, fork.seq == 1);
            sg_doc_bytes_free(&proof);
        }
        assert_int_equal(sg_doc_close(reader), SG_OK);
        reader = reopen("descent-r", 9);
    }
    assert_int_equal(sg_doc_close(reader), SG_OK);
    assert_int_equal(sg_doc_close(c), SG_OK);
    assert_int_equal(sg_doc_close(b), SG_OK);
    assert_int_equal(sg_doc_close(a), SG_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signed),
        cmocka_unit_test(test_unsigned),
        cmocka_unit_test(test_descendant),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
