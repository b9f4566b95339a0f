/* runtime/doc_undo.c: undo takes back what its author did, and nothing of others; cursors of an
 * author who forked. */
#include "doc_fixture.h"

static struct sg_doc_value text_value(const char *text)
{
    return (struct sg_doc_value){.kind = SG_DOC_STRING,
                                 .bytes = {(const uint8_t *)text, strlen(text)}};
}

static void set(struct sg_doc *doc, const char *text)
{
    const struct sg_doc_value value = text_value(text);
    assert_int_equal(sg_doc_begin(doc), SG_OK);
    assert_int_equal(sg_doc_set(doc, node(doc, SG_DOC_REGISTER, "r"), &value), SG_OK);
    assert_int_equal(sg_doc_commit(doc), SG_OK);
}

static void assert_value(struct sg_doc *doc, const char *want)
{
    struct sg_doc_value value;
    sg_err err = sg_doc_get(doc, node(doc, SG_DOC_REGISTER, "r"), 0, &value);
    assert_int_equal(err, want == NULL ? SG_ERR_NOT_FOUND : SG_OK);
    if (want == NULL)
        return;
    assert_int_equal(value.bytes.len, strlen(want));
    assert_memory_equal(value.bytes.data, want, strlen(want));
}

static void change(struct sg_doc *doc, const char *text, bool is_add)
{
    const struct sg_doc_value value = text_value(text);
    sg_doc_node s = node(doc, SG_DOC_SET, "s");
    assert_int_equal(sg_doc_begin(doc), SG_OK);
    assert_int_equal(is_add ? sg_doc_add(doc, s, &value) : sg_doc_remove(doc, s, &value), SG_OK);
    assert_int_equal(sg_doc_commit(doc), SG_OK);
}

static bool has(struct sg_doc *doc, const char *text)
{
    const struct sg_doc_value value = text_value(text);
    return sg_doc_has(doc, node(doc, SG_DOC_SET, "s"), &value);
}

static sg_err undo(struct sg_doc *doc)
{
    assert_int_equal(sg_doc_begin(doc), SG_OK);
    sg_err err = sg_doc_undo(doc);
    assert_int_equal(sg_doc_commit(doc), SG_OK);
    return err;
}

static void test_registers(void **state)
{
    (void)state;
    struct sg_doc *a = create("undo-a", 1);
    set(a, "one");
    set(a, "two");
    set(a, "three");
    struct sg_doc *b = join(a, "undo-b", 2);
    set(b, "theirs");
    (void)send_all(b, a);
    assert_value(a, "theirs");
    assert_int_equal(undo(a), SG_OK); /* of "three": it is not there any more */
    assert_value(a, "theirs");
    set(a, "four");
    assert_int_equal(undo(a), SG_OK);
    assert_value(a, "theirs");
    assert_int_equal(sg_doc_close(b), SG_OK);
    assert_int_equal(sg_doc_close(a), SG_OK);
}

/* One after the other, across a reload. */
static void test_chain_of_undo(void **state)
{
    (void)state;
    struct sg_doc *doc = create("undo-chain", 1);
    set(doc, "one");
    set(doc, "two");
    set(doc, "three");
    change(doc, "x", true);
    change(doc, "x", false);
    assert_int_equal(undo(doc), SG_OK);
    assert_true(has(doc, "x"));
    assert_int_equal(sg_doc_begin(doc), SG_OK);
    assert_int_equal(sg_doc_rollback(doc), SG_OK);
    assert_int_equal(undo(doc), SG_OK); /* of the undo: the element is taken out again .. */
    assert_false(has(doc, "x"));
    assert_int_equal(sg_doc_close(doc), SG_OK);
}

/* What both have added stays when one of them takes his back. */
static void test_sets(void **state)
{
    (void)state;
    struct sg_doc *a = create("undo-sa", 1);
    type(a, 0, "begin");
    struct sg_doc *b = join(a, "undo-sb", 2);
    change(a, "both", true);
    change(b, "both", true);
    (void)send_all(b, a);
    assert_int_equal(undo(a), SG_OK);
    assert_true(has(a, "both"));
    change(a, "mine", true);
    assert_int_equal(undo(a), SG_OK);
    assert_false(has(a, "mine"));
    assert_int_equal(sg_doc_close(b), SG_OK);
    assert_int_equal(sg_doc_close(a), SG_OK);
}

/* One author id in two places: both have a character with the same number. */
static void test_forked_cursor(void **state)
{
    (void)state;
    struct sg_doc *a = create("fork-a", 1);
    type(a, 0, "begin ");
    struct sg_doc *b = join(a, "fork-b", 1);
    struct sg_doc_cursor first;
    struct sg_doc_cursor second;
    uint32_t pos;
    type(a, 6, "AAAA");
    type(b, 6, "BBBB");
    assert_int_equal(sg_doc_cursor_at(a, node(a, SG_DOC_TEXT, "t"), 8, &first), SG_OK);
    assert_int_equal(sg_doc_cursor_at(b, node(b, SG_DOC_TEXT, "t"), 8, &second), SG_OK);
    (void)send_all(b, a);
    (void)send_all(a, b);
    assert_int_equal(sg_doc_forks(a), 1);
    for (int i = 0; i < 2; i++) {
        struct sg_doc *doc = i == 0 ? a : b;
        sg_doc_node t = node(doc, SG_DOC_TEXT, "t");
        assert_int_equal(sg_doc_cursor_pos(doc, t, &first, &pos), SG_OK);
        assert_int_equal(sg_doc_text_read(doc, t, pos).data[0], 'A');
        assert_int_equal(sg_doc_cursor_pos(doc, t, &second, &pos), SG_OK);
        assert_int_equal(sg_doc_text_read(doc, t, pos).data[0], 'B');
    }
    assert_int_equal(sg_doc_close(b), SG_OK);
    assert_int_equal(sg_doc_close(a), SG_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registers),
        cmocka_unit_test(test_chain_of_undo),
        cmocka_unit_test(test_sets),
        cmocka_unit_test(test_forked_cursor),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
