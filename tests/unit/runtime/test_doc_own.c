/* runtime/doc*.c: nobody signs what somebody else wrote under his name. */
#include "doc_fixture.h"

static void assert_provisional(struct sg_doc *doc, uint32_t at, bool want)
{
    struct sg_doc_log_entry entry;
    assert_int_equal(sg_doc_log(doc, at, &entry), SG_OK);
    assert_int_equal(entry.is_provisional, want);
}

/* A replica of somebody who writes as `author` and has no key. */
static struct sg_doc *forger(struct sg_doc *from, const struct sg_peer_id *author)
{
    struct sg_doc_options options = options_of(NULL, 0);
    struct sg_doc_bytes bundle = export_for(from, NULL);
    struct sg_doc *doc = NULL;
    options.author = *author;
    assert_int_equal(sg_doc_join(&options, view_of(&bundle), &doc), SG_OK);
    sg_doc_bytes_free(&bundle);
    return doc;
}

static void test_forged_end(void **state)
{
    (void)state;
    struct sg_doc *doc = with_identity("own", "id");
    struct sg_peer_id author;
    assert_int_equal(sg_identity_show(path_of("id"), NULL, &author), SG_OK);
    type(doc, 0, "mine");
    assert_int_equal(sg_doc_checkpoint(doc), SG_OK);
    struct sg_doc *other = forger(doc, &author);
    type(other, 4, " forged");
    type(other, 11, "!");
    assert_int_equal(send_all(other, doc).applied, 2);
    assert_text(doc, "mine forged!");
    type(doc, 0, "I: ");
    assert_int_equal(sg_doc_checkpoint(doc), SG_OK);
    for (int i = 0; i < 2; i++) {
        assert_provisional(doc, 0, false);
        assert_provisional(doc, 1, true);
        assert_provisional(doc, 2, true);
        assert_provisional(doc, 3, false);
        type(doc, 0, "x");
        assert_int_equal(sg_doc_close(doc), SG_OK);
        doc = with_identity("own", "id");
        assert_provisional(doc, 4, false);
    }
    assert_int_equal(sg_doc_forks(doc), 1);
    assert_int_equal(send_all(doc, other).applied, 3);
    assert_text(other, "xxI: mine forged!");
    assert_int_equal(sg_doc_close(other), SG_OK);
    assert_int_equal(sg_doc_close(doc), SG_OK);
}

/* Batches that were made here and not signed are gone on from after a reload. */
static void test_unsigned(void **state)
{
    (void)state;
    struct sg_doc *doc = create("unsigned", 1);
    for (int i = 0; i < 3; i++) {
        type(doc, 0, "a");
        assert_int_equal(sg_doc_close(doc), SG_OK);
        doc = reopen("unsigned", 1);
    }
    struct sg_doc_log_entry entry;
    assert_int_equal(sg_doc_log(doc, 2, &entry), SG_OK);
    assert_int_equal(entry.seq, 2);
    assert_int_equal(sg_doc_forks(doc), 0);
    assert_int_equal(sg_doc_close(doc), SG_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forged_end),
        cmocka_unit_test(test_unsigned),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
