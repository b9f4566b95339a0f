/* runtime/doc*.c: what an application holds stays good when the document is loaded again. */
#include "doc_fixture.h"

/* A document of 303 batches that is opened by its snapshot, and one that has not seen it. Things
 * and
 * authors come in another order in the snapshot than they did. */
static struct sg_doc *open_partial(const char *name, struct sg_doc **behind)
{
    struct sg_doc_options options = options_of(name, 2);
    struct sg_doc *doc = NULL;
    options.lazy = true; /* quicker, and the same when it is closed */
    assert_int_equal(sg_doc_create(&options, SG_DOC_FUGUE_MAX, &doc), SG_OK);
    type_in(doc, node(doc, SG_DOC_TEXT, "z"), 0, "zz");
    *behind = join(doc, NULL, 0x80);
    struct sg_doc *low = join(doc, NULL, 1);
    type_in(low, node(low, SG_DOC_TEXT, "n"), 0, "n");
    assert_int_equal(send_all(low, doc).applied, 1);
    assert_int_equal(sg_doc_close(low), SG_OK);
    type_in(doc, node(doc, SG_DOC_TEXT, "a"), 0, "aa");
    for (int i = 0; i < 300; i++)
        type_in(doc, node(doc, SG_DOC_TEXT, "m"), 0, "m");
    assert_int_equal(sg_doc_close(doc), SG_OK);
    return reopen(name, 2);
}

static void test_nodes_stay(void **state)
{
    (void)state;
    struct sg_doc *behind;
    struct sg_doc *doc = open_partial("nodes", &behind);
    struct sg_doc_log_entry entry;
    sg_doc_node empty = node(doc, SG_DOC_TEXT, "b");
    sg_doc_node a = node(doc, SG_DOC_TEXT, "a");
    sg_doc_node z = node(doc, SG_DOC_TEXT, "z");
    sg_doc_node last = node(doc, SG_DOC_TEXT, "last");
    type_in(behind, node(behind, SG_DOC_TEXT, "y"), 0, "yy");
    assert_int_equal(send_all(behind, doc).applied, 1); /* loads the history */
    assert_int_equal(sg_doc_log(doc, 1, &entry), SG_OK);
    type_in(doc, z, 2, "!");
    type_in(doc, a, 2, "?");
    type_in(doc, empty, 0, "b");
    type_in(doc, last, 0, "last");
    assert_text_of(doc, "z", "zz!");
    assert_text_of(doc, "a", "aa?");
    assert_text_of(doc, "b", "b");
    assert_text_of(doc, "last", "last");
    assert_text_of(doc, "y", "yy");
    assert_int_equal(sg_doc_begin(doc), SG_OK);
    sg_doc_node more = node(doc, SG_DOC_TEXT, "more");
    assert_int_equal(sg_doc_clear(doc, z), SG_OK);
    assert_int_equal(sg_doc_rollback(doc), SG_OK);
    type_in(doc, more, 0, "more");
    assert_text_of(doc, "more", "more");
    assert_text_of(doc, "z", "zz!");
    assert_int_equal(sg_doc_close(doc), SG_OK);
    assert_int_equal(sg_doc_close(behind), SG_OK);
}

static void test_undo_goes_on(void **state)
{
    (void)state;
    struct sg_doc *behind;
    struct sg_doc_log_entry entry;
    struct sg_doc *doc = open_partial("undo", &behind);
    type_in(behind, node(behind, SG_DOC_TEXT, "z"), 1, "behind");
    sg_doc_node z = node(doc, SG_DOC_TEXT, "z");
    type_in(doc, z, 2, "ab");
    assert_int_equal(sg_doc_begin(doc), SG_OK);
    assert_int_equal(sg_doc_text_delete(doc, z, 1, 2), SG_OK);
    assert_int_equal(sg_doc_log(doc, 0, &entry), SG_ERR_INVALID_STATE); /* it would be lost */
    assert_int_equal(sg_doc_commit(doc), SG_OK);
    assert_int_equal(send_all(behind, doc).applied,
                     1); /* loads the history, in which chains come in another order */
    assert_text_of(doc, "z", "zbehindb");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(sg_doc_begin(doc), SG_OK);
        assert_int_equal(sg_doc_undo(doc), SG_OK);
        assert_int_equal(sg_doc_commit(doc), SG_OK);
    }
    assert_text_of(doc, "z", "zbehindza"); /* the second a is of the first undo */
    assert_int_equal(sg_doc_close(behind), SG_OK);
    assert_int_equal(sg_doc_close(doc), SG_OK);
}

/* A batch that depends on one below the snapshot does not wait for it: the history is there. */
static void test_below_the_snapshot(void **state)
{
    (void)state;
    struct sg_doc *behind;
    struct sg_doc *doc = open_partial("below", &behind);
    struct sg_doc *same = join(behind, NULL, 5);
    type_in(behind, node(behind, SG_DOC_TEXT, "z"), 1, "new");
    struct sg_doc_bytes only = export_for(behind, same);
    struct sg_doc_import_result result;
    assert_int_equal(sg_doc_import(doc, view_of(&only), 0, &result), SG_OK);
    assert_int_equal(result.applied, 1);
    assert_text_of(doc, "z", "znewz");
    sg_doc_bytes_free(&only);
    assert_int_equal(sg_doc_close(same), SG_OK);
    assert_int_equal(sg_doc_close(behind), SG_OK);
    assert_int_equal(sg_doc_close(doc), SG_OK);
}

/* An element's number is good until the set changes; then it is refused. */
static void test_gone_elements(void **state)
{
    (void)state;
    struct sg_doc *doc = create("gone", 1);
    struct sg_doc_entry entry = {.node = SG_DOC_NONE};
    sg_doc_node set = node(doc, SG_DOC_SET, "s");
    struct sg_doc_value value = {.kind = SG_DOC_INT};
    assert_int_equal(sg_doc_begin(doc), SG_OK);
    for (value.number = 0; value.number < 1000; value.number++)
        assert_int_equal(sg_doc_add(doc, set, &value), SG_OK);
    while (sg_doc_next(doc, set, entry.node, &entry) == SG_OK)
        ;
    sg_doc_node after = entry.node;
    assert_int_equal(sg_doc_next(doc, SG_DOC_ROOT, after, &entry), SG_ERR_INVALID_ARGUMENT);
    assert_int_equal(sg_doc_next(doc, set, SG_DOC_ROOT, &entry), SG_ERR_INVALID_ARGUMENT);
    assert_int_equal(sg_doc_rollback(doc), SG_OK);
    assert_int_equal(sg_doc_next(doc, set, after, &entry), SG_ERR_INVALID_ARGUMENT);
    assert_int_equal(sg_doc_next(doc, set, 1000000, &entry), SG_ERR_INVALID_ARGUMENT);
    assert_int_equal(sg_doc_next(doc, set, SG_DOC_NONE, &entry), SG_ERR_NOT_FOUND);
    assert_int_equal(sg_doc_close(doc), SG_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nodes_stay),
        cmocka_unit_test(test_undo_goes_on),
        cmocka_unit_test(test_gone_elements),
        cmocka_unit_test(test_below_the_snapshot),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
