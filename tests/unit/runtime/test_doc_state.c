/* runtime/doc_state.c and doc_session.c: states in parts, and those that are not wanted. */
#include "doc_fixture.h"
#include "runtime/doc_impl.h"

/* A session between two that take floors over: until nobody says anything, or `cut` messages of a
 * have come to b. Gives the bytes that went to b; *most: the longest message. */
static size_t meet(struct sg_doc *a, struct sg_doc *b, uint32_t cut, size_t *most)
{
    struct sg_doc_session *s[2];
    struct sg_bytes message;
    size_t bytes = 0;
    bool is_moving = true;
    assert_int_equal(sg_doc_session_new(a, 1, &s[0]), SG_OK);
    assert_int_equal(sg_doc_session_new(b, 2, &s[1]), SG_OK);
    sg_doc_session_adopts(s[0]);
    sg_doc_session_adopts(s[1]);
    *most = 0;
    while (is_moving && cut > 0) {
        is_moving = false;
        for (int way = 0; way < 2; way++) {
            sg_err err = sg_doc_session_next(s[way], &message);
            if (err == SG_OK && message.len > 0)
                err = sg_doc_session_input(s[1 - way], message);
            else if (err == SG_OK)
                continue;
            if (err == SG_ERR_INVALID_STATE) /* loaded anew */
                cut = 1;
            else
                assert_int_equal(err, SG_OK);
            is_moving = true;
            bytes += way == 0 ? message.len : 0;
            *most = message.len > *most ? message.len : *most;
        }
        cut--;
    }
    sg_doc_session_free(s[0]);
    sg_doc_session_free(s[1]);
    return bytes;
}

/* Text that does not pack well, a million characters at a time. */
static void write_much(struct sg_doc *doc, uint32_t millions)
{
    static char text[1000001];
    uint32_t x = 1;
    for (uint32_t i = 0; i < 1000000; i++) {
        x = x * 1103515245 + 12345;
        text[i] = (char)('a' + (x >> 16) % 26);
    }
    for (uint32_t i = 0; i < millions; i++)
        type(doc, 0, text);
}

/* A state that is larger than a message may be goes in parts; a link that breaks in between costs
 * one of them. */
static void test_state_in_parts(void **state)
{
    (void)state;
    struct sg_doc *doc = with_identity("parts", "id");
    size_t most;
    type(doc, 0, "begin");
    struct sg_doc *late = follow(doc, "parts2", 2);
    write_much(doc, 17);
    assert_int_equal(sg_doc_compact(doc), SG_OK);
    size_t first = meet(doc, late, 9, &most);
    assert_in_range(first, 5 << 20, 9 << 20);
    assert_text(late, "begin");
    size_t second = meet(doc, late, 9, &most);
    size_t third = meet(doc, late, UINT32_MAX, &most);
    assert_in_range(first + second + third, 17000000, 17000000 * 1.05);
    assert_in_range(most, 1 << 20, (1 << 20) + 64);
    assert_int_equal(sg_doc_text_len(late, node(late, SG_DOC_TEXT, "t"), SG_DOC_CHARS), 17000005);
    assert_true(meet(doc, late, UINT32_MAX, &most) < 200);
    assert_int_equal(sg_doc_close(late), SG_OK);
    assert_int_equal(sg_doc_close(doc), SG_OK);
}

/* A floor that is not taken over is sent once, until the document is opened with other friends. */
static void test_refused_once(void **state)
{
    (void)state;
    struct sg_doc *doc = with_identity("refused-a", "id");
    size_t most;
    type(doc, 0, "begin");
    struct sg_doc *late = join(doc, "refused-b", 2);
    write_much(doc, 1);
    assert_int_equal(sg_doc_compact(doc), SG_OK);
    assert_true(meet(doc, late, UINT32_MAX, &most) > 1000000);
    assert_text(late, "begin");
    for (int i = 0; i < 3; i++) {
        type(late, 0, ".");
        assert_true(meet(doc, late, UINT32_MAX, &most) < 300);
    }
    assert_text(late, "...begin");
    /* another floor may be another signer's */
    type(doc, 0, "!");
    assert_int_equal(sg_doc_compact(doc), SG_OK);
    assert_true(meet(doc, late, UINT32_MAX, &most) > 1000000);
    assert_true(meet(doc, late, UINT32_MAX, &most) < 300);
    assert_int_equal(sg_doc_close(late), SG_OK);
    struct sg_doc_options options = options_of("refused-b", 2);
    struct sg_peer_id peer;
    assert_int_equal(sg_identity_show(path_of("id"), NULL, &peer), SG_OK);
    options.trusted = &peer;
    options.trusted_count = 1;
    assert_int_equal(sg_doc_open(&options, &late), SG_OK);
    assert_true(meet(doc, late, UINT32_MAX, &most) > 1000000);
    assert_int_equal(sg_doc_text_len(late, node(late, SG_DOC_TEXT, "t"), SG_DOC_CHARS), 1000006);
    assert_int_equal(sg_doc_close(late), SG_OK);
    assert_int_equal(sg_doc_close(doc), SG_OK);
}

/* Who has all that a floor stands for, and has not gone on from it, needs it once, too. */
static void test_known_once(void **state)
{
    (void)state;
    struct sg_doc *doc = with_identity("known-a", "id");
    size_t most;
    write_much(doc, 1);
    struct sg_doc *late = follow(doc, "known-b", 2);
    type(late, 0, "mine");
    assert_int_equal(sg_doc_compact(doc), SG_OK);
    (void)meet(doc, late, UINT32_MAX, &most);
    assert_true(meet(doc, late, UINT32_MAX, &most) < 300);
    assert_int_equal(sg_doc_text_len(late, node(late, SG_DOC_TEXT, "t"), SG_DOC_CHARS), 1000004);
    assert_int_equal(sg_doc_close(late), SG_OK);
    assert_int_equal(sg_doc_close(doc), SG_OK);
}

static struct sg_bytes part_of(uint8_t *out, uint64_t floor, uint32_t len, uint32_t at,
                               struct sg_bytes bytes)
{
    struct sg_column column = {.mem = sg_mem_default()};
    sg_doc_put_id(&column, floor);
    sg_put_uint(&column, len);
    sg_put_uint(&column, at);
    sg_put_bytes(&column, bytes);
    memcpy(out, column.data, column.len);
    struct sg_bytes part = {out, column.len};
    sg_column_fini(&column);
    return part;
}

/* Parts in the wrong order, of strangers, or larger than anything. */
static void test_bad_parts(void **state)
{
    (void)state;
    static uint8_t out[20000];
    struct sg_doc *doc = with_identity("bad-parts", "id");
    enum sg_doc_gathering got;
    type(doc, 0, "x");
    assert_int_equal(sg_doc_compact(doc), SG_OK);
    struct sg_column record = {.mem = sg_mem_default()};
    assert_int_equal(sg_doc_put_record(doc, &record), SG_OK);
    const struct sg_bytes all = sg_column_bytes(&record);
    const struct sg_bytes half = {all.data, all.len - 100};
    uint32_t len = (uint32_t)all.len;
    uint64_t id = sg_doc_floor_id((struct sg_bytes){doc->floor, doc->floor_len});
    assert_int_equal(sg_doc_state_take(doc, part_of(out, id, len, 9, half), &got), SG_ERR_PROTOCOL);
    assert_int_equal(sg_doc_state_take(doc, part_of(out, id + 1, len, 0, half), &got),
                     SG_ERR_MALFORMED);
    assert_int_equal(sg_doc_state_take(doc, part_of(out, id, len - 1, 0, all), &got),
                     SG_ERR_MALFORMED);
    assert_int_equal(sg_doc_state_take(doc, part_of(out, id, UINT32_MAX, 0, half), &got),
                     SG_ERR_OVERSIZED);
    assert_int_equal(sg_doc_state_take(doc, part_of(out, id, len, 0, half), &got), SG_OK);
    assert_int_equal(got, SG_DOC_STATE_MORE);
    assert_int_equal(sg_doc_state_take(doc, part_of(out, id, len, 1, half), &got), SG_ERR_PROTOCOL);
    assert_int_equal(doc->gathered.len, half.len);
    assert_true(sg_doc_state_wish(doc).has_part);
    assert_int_equal(sg_doc_state_take(doc, part_of(out, id, len, 0, all), &got), SG_OK);
    assert_int_equal(got, SG_DOC_STATE_WHOLE);
    /* nothing is gathered for somebody who is not trusted */
    struct sg_doc *other = create(NULL, 1);
    assert_int_equal(sg_doc_state_take(other, part_of(out, id, len, 0, half), &got), SG_OK);
    assert_int_equal(got, SG_DOC_STATE_UNWANTED);
    assert_int_equal(other->gathered.len, 0);
    assert_int_equal(sg_doc_state_wish(other).refused_count, 1);
    sg_column_fini(&record);
    assert_int_equal(sg_doc_close(other), SG_OK);
    assert_int_equal(sg_doc_close(doc), SG_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_state_in_parts),
        cmocka_unit_test(test_refused_once),
        cmocka_unit_test(test_known_once),
        cmocka_unit_test(test_bad_parts),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
