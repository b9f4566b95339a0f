/* runtime/doc*.c: documents from the outside: kept across restarts, shared, undone, compacted. */
#include "doc_fixture.h"

/* Of one who takes over the floors of the identity in a folder. */
static struct sg_doc *join_trusting(struct sg_doc *from, const char *name, uint8_t author)
{
    struct sg_doc_options options = options_of(name, author);
    struct sg_peer_id peer;
    struct sg_doc_bytes bundle;
    struct sg_doc *doc = NULL;
    struct sg_bytes all = {NULL, 0};
    assert_int_equal(sg_identity_show(path_of("id"), NULL, &peer), SG_OK);
    options.trusted = &peer;
    options.trusted_count = 1;
    assert_int_equal(sg_doc_export_since(from, all, true, &bundle), SG_OK);
    assert_int_equal(sg_doc_join(&options, (struct sg_bytes){bundle.data, bundle.len}, &doc),
                     SG_OK);
    sg_doc_bytes_free(&bundle);
    return doc;
}

/* ---- tests ---- */

static void test_kept(void **state)
{
    (void)state;
    struct sg_doc *doc = create("kept", 1);
    const struct sg_doc_options again = options_of("kept", 1);
    struct sg_doc *other = NULL;
    for (int i = 0; i < 300; i++)
        type(doc, 0, i % 2 == 0 ? "a" : "b");
    assert_int_equal(sg_doc_open(&again, &other), SG_ERR_LOCKED);
    assert_int_equal(sg_doc_close(doc), SG_OK);
    assert_int_equal(sg_doc_create(&again, SG_DOC_RGA, &other), SG_ERR_EXISTS);
    doc = reopen("kept", 1); /* from the snapshot */
    assert_int_equal(sg_doc_text_len(doc, node(doc, SG_DOC_TEXT, "t"), SG_DOC_CHARS), 300);
    type(doc, 300, "!");
    assert_int_equal(sg_doc_close(doc), SG_OK);
    doc = reopen("kept", 1);
    struct sg_doc_log_entry entry;
    assert_int_equal(sg_doc_log(doc, 300, &entry), SG_OK); /* loads the history */
    assert_int_equal(entry.seq, 300);
    assert_true(entry.is_provisional);
    assert_int_equal(sg_doc_log(doc, 301, &entry), SG_ERR_NOT_FOUND);
    other = join(doc, NULL, 2);
    assert_int_equal(sg_doc_text_len(other, node(other, SG_DOC_TEXT, "t"), SG_DOC_CHARS), 301);
    assert_int_equal(sg_doc_close(other), SG_OK);
    assert_int_equal(sg_doc_close(doc), SG_OK);
}

/* A replica that was opened by its snapshot gets a batch that has not seen the snapshot. */
static void test_snapshot_is_no_floor(void **state)
{
    (void)state;
    struct sg_doc *doc = create("lazy", 1);
    type(doc, 0, "x");
    struct sg_doc *other = join(doc, NULL, 2);
    for (int i = 0; i < 300; i++)
        type(doc, 0, "a");
    assert_int_equal(sg_doc_close(doc), SG_OK);
    doc = reopen("lazy", 1);
    type(other, 1, "y");
    struct sg_doc_import_result result = send_packed(other, doc, false);
    assert_int_equal(result.applied, 1);
    assert_int_equal(result.refused, 0);
    (void)send_packed(doc, other, false);
    assert_int_equal(sg_doc_text_len(other, node(other, SG_DOC_TEXT, "t"), SG_DOC_CHARS), 302);
    assert_int_equal(sg_doc_close(other), SG_OK);
    assert_int_equal(sg_doc_close(doc), SG_OK);
}

static void note_patch(void *user, const struct sg_doc_patch *patch)
{
    char *text = user;
    if (patch->is_text)
        (void)sprintf(text + strlen(text), "%u-%u+%.*s ", patch->pos, patch->deleted,
                      (int)patch->text.len, (const char *)patch->text.data);
    else
        strcat(text, "node ");
}

static void test_shared(void **state)
{
    (void)state;
    char patches[256] = "";
    struct sg_doc *a = create(NULL, 1);
    type(a, 0, "hello");
    struct sg_doc *b = join(a, "b", 2);
    struct sg_doc_bytes frontier;
    bool has_news;
    bool lacks;
    struct sg_doc_cursor cursor;
    uint32_t pos;
    sg_doc_on_patch(b, note_patch, patches);
    assert_int_equal(sg_doc_cursor_at(b, node(b, SG_DOC_TEXT, "t"), 4, &cursor), SG_OK);
    type(a, 0, "oh, ");
    type(b, 5, "!");
    assert_int_equal(sg_doc_frontier_encode(a, &frontier), SG_OK);
    assert_int_equal(sg_doc_frontier_compare(b, (struct sg_bytes){frontier.data, frontier.len},
                                             &has_news, &lacks),
                     SG_OK);
    assert_true(has_news && lacks);
    sg_doc_bytes_free(&frontier);
    assert_int_equal(send_packed(a, b, true).applied, 1);
    assert_int_equal(send_packed(a, b, true).applied, 0);
    assert_int_equal(send_packed(b, a, false).applied, 1);
    assert_text(a, "oh, hello!");
    assert_text(b, "oh, hello!");
    assert_string_equal(patches, "0-0+oh,  ");
    assert_int_equal(sg_doc_cursor_pos(b, node(b, SG_DOC_TEXT, "t"), &cursor, &pos), SG_OK);
    assert_int_equal(pos, 8);
    assert_int_equal(sg_doc_cursor_pos(a, node(a, SG_DOC_TEXT, "t"), &cursor, &pos), SG_OK);
    assert_int_equal(pos, 8);
    assert_int_equal(sg_doc_frontier_encode(a, &frontier), SG_OK);
    assert_int_equal(sg_doc_frontier_compare(b, (struct sg_bytes){frontier.data, frontier.len},
                                             &has_news, &lacks),
                     SG_OK);
    assert_false(has_news || lacks);
    sg_doc_bytes_free(&frontier);
    assert_int_equal(sg_doc_close(a), SG_OK);
    assert_int_equal(sg_doc_close(b), SG_OK);
}

static struct sg_doc_value string(const char *text)
{
    return (struct sg_doc_value){.kind = SG_DOC_STRING,
                                 .bytes = {(const uint8_t *)text, strlen(text)}};
}

static void test_undo_and_rollback(void **state)
{
    (void)state;
    struct sg_doc *doc = create("undo", 1);
    struct sg_doc_value one = string("one");
    struct sg_doc_value two = string("two");
    struct sg_doc_value got;
    sg_doc_node reg = node(doc, SG_DOC_REGISTER, "r");
    sg_doc_node set = node(doc, SG_DOC_SET, "s");
    sg_doc_node count = node(doc, SG_DOC_COUNTER, "c");
    type(doc, 0, "hello");
    assert_int_equal(sg_doc_begin(doc), SG_OK);
    assert_int_equal(sg_doc_set(doc, reg, &one), SG_OK);
    assert_int_equal(sg_doc_add(doc, set, &one), SG_OK);
    assert_int_equal(sg_doc_commit(doc), SG_OK);
    struct sg_doc *other = join(doc, NULL, 2);
    assert_int_equal(sg_doc_begin(doc), SG_OK);
    assert_int_equal(sg_doc_text_delete(doc, node(doc, SG_DOC_TEXT, "t"), 1, 3), SG_OK);
    assert_int_equal(sg_doc_text_insert(doc, node(doc, SG_DOC_TEXT, "t"), 1, "ipp", 3), SG_OK);
    assert_int_equal(sg_doc_set(doc, reg, &two), SG_OK);
    assert_int_equal(sg_doc_count(doc, count, 5), SG_OK);
    assert_int_equal(sg_doc_clear(doc, set), SG_OK);
    assert_int_equal(sg_doc_add(doc, set, &two), SG_OK);
    assert_int_equal(sg_doc_commit(doc), SG_OK);
    assert_text(doc, "hippo");
    type(other, 5, " there");
    (void)send_packed(other, doc, false);
    assert_int_equal(sg_doc_begin(doc), SG_OK);
    assert_int_equal(sg_doc_undo(doc), SG_OK);
    assert_int_equal(sg_doc_commit(doc), SG_OK);
    assert_text(doc, "hello there");
    assert_int_equal(sg_doc_get(doc, reg, 0, &got), SG_OK);
    assert_int_equal(got.bytes.len, 3);
    assert_memory_equal(got.bytes.data, "one", 3);
    assert_int_equal(sg_doc_counter(doc, count), 0);
    assert_true(sg_doc_has(doc, set, &one));
    assert_false(sg_doc_has(doc, set, &two));
    (void)send_packed(doc, other, false);
    assert_text(other, "hello there");
    /* rollback */
    assert_int_equal(sg_doc_rollback(doc), SG_ERR_INVALID_STATE);
    for (int i = 0; i < 2; i++) {
        struct sg_doc *d = i == 0 ? doc : other;
        assert_int_equal(sg_doc_begin(d), SG_OK);
        assert_int_equal(sg_doc_clear(d, node(d, SG_DOC_TEXT, "t")), SG_OK);
        assert_text(d, "");
        assert_int_equal(sg_doc_rollback(d), SG_OK);
        assert_text(d, "hello there");
    }
    assert_int_equal(sg_doc_close(other), SG_OK);
    assert_int_equal(sg_doc_close(doc), SG_OK);
}

/* What one sees who lists a document; all value kinds come back as they went in. */
static void test_values(void **state)
{
    (void)state;
    struct sg_doc *doc = create(NULL, 1);
    const struct sg_doc_value values[] = {
        {.kind = SG_DOC_NULL},
        {.kind = SG_DOC_TRUE},
        {.kind = SG_DOC_INT, .number = INT64_MIN},
        {.kind = SG_DOC_DOUBLE, .real = -0.1},
        string("x"),
        {.kind = SG_DOC_BYTES, .bytes = {(const uint8_t *)"\xff", 1}},
    };
    sg_doc_node multi = node(doc, SG_DOC_MULTI, "m");
    struct sg_doc_value got;
    struct sg_doc_entry entry;
    assert_int_equal(sg_doc_next(doc, SG_DOC_ROOT, SG_DOC_NONE, &entry), SG_ERR_NOT_FOUND);
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        assert_int_equal(sg_doc_begin(doc), SG_OK);
        assert_int_equal(sg_doc_set(doc, multi, &values[i]), SG_OK);
        assert_int_equal(sg_doc_add(doc, node(doc, SG_DOC_SET, "s"), &values[i]), SG_OK);
        assert_int_equal(sg_doc_commit(doc), SG_OK);
        assert_int_equal(sg_doc_get(doc, multi, 0, &got), SG_OK);
        assert_int_equal(got.kind, values[i].kind);
        assert_true(got.number == values[i].number && got.real == values[i].real);
        assert_int_equal(got.bytes.len, values[i].bytes.len);
        assert_int_equal(sg_doc_get(doc, multi, 1, &got), SG_ERR_NOT_FOUND);
    }
    assert_int_equal(sg_doc_next(doc, SG_DOC_ROOT, SG_DOC_NONE, &entry), SG_OK);
    assert_int_equal(entry.kind, SG_DOC_MULTI);
    assert_int_equal(sg_doc_next(doc, SG_DOC_ROOT, entry.node, &entry), SG_OK);
    assert_int_equal(entry.kind, SG_DOC_SET);
    uint32_t count = 0;
    sg_doc_node set = entry.node;
    for (sg_doc_node at = SG_DOC_NONE; sg_doc_next(doc, set, at, &entry) == SG_OK; at = entry.node)
        count++;
    assert_int_equal(count, 6);
    assert_int_equal(sg_doc_close(doc), SG_OK);
}

/* ---- sessions ---- */

/* Carries messages both ways until nobody has one; gives the bytes of one direction. At most `cut`
 * messages: the link breaks then. */
static size_t carry(struct sg_doc_session *a, struct sg_doc_session *b, uint32_t cut)
{
    size_t bytes = 0;
    bool is_moving = true;
    while (is_moving && cut > 0) {
        struct sg_bytes message;
        is_moving = false;
        for (int way = 0; way < 2; way++) {
            struct sg_doc_session *from = way == 0 ? a : b;
            assert_int_equal(sg_doc_session_next(from, &message), SG_OK);
            if (message.len == 0)
                continue;
            is_moving = true;
            bytes += way == 0 ? message.len : 0;
            assert_int_equal(sg_doc_session_input(way == 0 ? b : a, message), SG_OK);
        }
        cut--;
    }
    return bytes;
}

static size_t sync_session(struct sg_doc *a, struct sg_doc *b, uint32_t cut, uint32_t *applied)
{
    struct sg_doc_session *x;
    struct sg_doc_session *y;
    struct sg_doc_import_result result;
    assert_int_equal(sg_doc_session_new(a, 1, &x), SG_OK);
    assert_int_equal(sg_doc_session_new(b, 2, &y), SG_OK);
    size_t bytes = carry(x, y, cut);
    bool is_done = sg_doc_session_is_done(y, &result) && sg_doc_session_is_done(x, &result);
    assert_true(is_done == (cut > 100));
    (void)sg_doc_session_is_done(y, &result);
    *applied = result.applied;
    sg_doc_session_free(x);
    sg_doc_session_free(y);
    return bytes;
}

static void test_sessions(void **state)
{
    (void)state;
    struct sg_doc *a = create(NULL, 1);
    uint32_t applied;
    char text[2000];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = 0;
    type(a, 0, "begin");
    struct sg_doc *b = join(a, "session", 2);
    assert_true(sync_session(a, b, 1000, &applied) <= 90);
    assert_int_equal(applied, 0);
    for (int i = 0; i < 100; i++)
        type(a, 0, text);
    for (int i = 0; i < 10; i++)
        type(b, 5, "y");
    /* the link breaks after the first piece; the next session brings the rest, and nothing twice */
    size_t first = sync_session(a, b, 5, &applied);
    assert_true(applied > 0 && applied < 100);
    uint32_t before = applied;
    size_t second = sync_session(a, b, 1000, &applied);
    assert_int_equal(before + applied, 100);
    assert_in_range(first + second, 200000, 200000 * 105 / 100);
    sg_doc_node t = node(a, SG_DOC_TEXT, "t");
    assert_int_equal(sg_doc_text_len(a, t, SG_DOC_CHARS), 5 + 100 * 1999 + 10);
    assert_true(sync_session(a, b, 1000, &applied) <= 90);
    assert_int_equal(sg_doc_close(a), SG_OK);
    assert_int_equal(sg_doc_close(b), SG_OK);
}

static void test_bad_messages(void **state)
{
    (void)state;
    struct sg_doc *doc = create(NULL, 1);
    struct sg_doc *other = create(NULL, 1);
    struct sg_doc_session *s;
    struct sg_doc_session *wrong;
    struct sg_bytes open;
    static const uint8_t unknown[] = {9};
    static const uint8_t done[] = {7};
    static const uint8_t data[] = {6, 'S', 'G'};
    static const uint8_t symbols[] = {2, 0};
    assert_int_equal(sg_doc_session_new(doc, 1, &s), SG_OK);
    assert_int_equal(sg_doc_session_new(other, 1, &wrong), SG_OK);
    assert_int_equal(sg_doc_session_input(s, (struct sg_bytes){NULL, 0}), SG_ERR_TRUNCATED);
    assert_int_equal(sg_doc_session_input(s, (struct sg_bytes){unknown, 1}), SG_ERR_MALFORMED);
    assert_int_equal(sg_doc_session_input(s, (struct sg_bytes){done, 1}), SG_ERR_PROTOCOL);
    assert_int_equal(sg_doc_session_input(s, (struct sg_bytes){data, 3}), SG_ERR_PROTOCOL);
    assert_int_equal(sg_doc_session_input(s, (struct sg_bytes){symbols, 2}), SG_ERR_PROTOCOL);
    assert_int_equal(sg_doc_session_next(wrong, &open), SG_OK);
    assert_int_equal(sg_doc_session_input(s, open), SG_ERR_WRONG_PEER);
    assert_int_equal(sg_doc_begin(doc), SG_OK);
    assert_int_equal(sg_doc_session_next(s, &open), SG_ERR_INVALID_STATE);
    assert_int_equal(sg_doc_commit(doc), SG_OK);
    sg_doc_session_free(wrong);
    sg_doc_session_free(s);
    assert_int_equal(sg_doc_close(doc), SG_OK);
    assert_int_equal(sg_doc_close(other), SG_OK);
}

/* ---- checkpoints and floors ---- */

static void test_compact(void **state)
{
    (void)state;
    struct sg_doc *doc = with_identity_of("floor", "id", SG_DOC_RGA);
    struct sg_doc_log_entry entry;
    for (int i = 0; i < 65; i++)
        type(doc, 0, "a");
    assert_int_equal(sg_doc_log(doc, 63, &entry), SG_OK);
    assert_false(entry.is_provisional);
    assert_int_equal(sg_doc_log(doc, 64, &entry), SG_OK);
    assert_true(entry.is_provisional);
    struct sg_doc *friend = join(doc, "friend", 2);
    struct sg_doc *late = join_trusting(doc, NULL, 3);
    assert_int_equal(sg_doc_log(friend, 63, &entry), SG_OK);
    assert_false(entry.is_provisional);
    type(friend, 65, "!");
    (void)send_packed(friend, doc, true);
    type(late, 0, "late ");
    assert_int_equal(sg_doc_compact(doc), SG_OK);
    assert_int_equal(sg_doc_compact(friend), SG_ERR_INVALID_STATE); /* no identity */
    assert_int_equal(sg_doc_log(doc, 0, &entry), SG_ERR_NOT_FOUND);
    type(doc, 0, "b");
    /* one that had all of the floor goes on as if nothing had been */
    struct sg_doc_import_result result = send_packed(doc, friend, false);
    assert_false(result.has_floor);
    assert_int_equal(result.applied, 1);
    /* one that had not gets the state, and its own work back */
    assert_int_equal(send_packed(late, doc, false).refusal, SG_ERR_EXPIRED);
    struct sg_doc_bytes frontier;
    struct sg_doc_bytes bundle;
    struct sg_doc_bytes unsynced;
    assert_int_equal(sg_doc_frontier_encode(late, &frontier), SG_OK);
    struct sg_bytes view = {frontier.data, frontier.len};
    assert_int_equal(sg_doc_export_since(doc, view, true, &bundle), SG_OK);
    view = (struct sg_bytes){bundle.data, bundle.len};
    assert_int_equal(sg_doc_import(late, view, 0, &result), SG_OK);
    assert_true(result.has_floor);
    assert_int_equal(sg_doc_adopt(late, view, &unsynced), SG_OK);
    assert_true(unsynced.len > 0);
    sg_doc_bytes_free(&unsynced);
    assert_int_equal(sg_doc_text_len(late, node(late, SG_DOC_TEXT, "t"), SG_DOC_CHARS), 67);
    type(late, 0, "again ");
    assert_int_equal(send_packed(late, doc, false).applied, 1);
    bundle.data[bundle.len / 2] ^= 1;
    assert_int_not_equal(sg_doc_adopt(late, view, &unsynced), SG_OK);
    assert_int_equal(sg_doc_close(late), SG_OK);
    assert_int_equal(sg_doc_close(friend), SG_OK);
    assert_int_equal(sg_doc_close(doc), SG_OK);
    doc = with_identity("floor", "id");
    assert_int_equal(sg_doc_text_len(doc, node(doc, SG_DOC_TEXT, "t"), SG_DOC_CHARS), 73);
    assert_int_equal(sg_doc_order_of(doc), SG_DOC_RGA);
    /* a newcomer gets floor and all */
    late = join_trusting(doc, "late", 4);
    assert_int_equal(sg_doc_text_len(late, node(late, SG_DOC_TEXT, "t"), SG_DOC_CHARS), 73);
    assert_int_equal(sg_doc_close(late), SG_OK);
    assert_int_equal(sg_doc_close(doc), SG_OK);
    sg_doc_bytes_free(&frontier);
    sg_doc_bytes_free(&bundle);
}

static void test_bad_files(void **state)
{
    (void)state;
    const struct sg_doc_options none = options_of("nothing", 1);
    struct sg_doc_options options = options_of("foreign", 1);
    struct sg_doc *doc;
    static const char text[] = "This is somebody's letter, and longer than a page header.......";
    char back[sizeof(text)];
    FILE *file = fopen(options.path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, sizeof(text), 1, file), 1);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(sg_doc_open(&none, &doc), SG_ERR_NOT_FOUND);
    assert_int_equal(sg_doc_open(&options, &doc), SG_ERR_CORRUPT);
    assert_int_equal(sg_doc_create(&options, SG_DOC_RGA, &doc), SG_ERR_CORRUPT);
    file = fopen(options.path, "r");
    assert_non_null(file);
    assert_int_equal(fread(back, sizeof(back), 1, file), 1);
    assert_memory_equal(back, text, sizeof(text));
    assert_int_equal(fclose(file), 0);
    options.author.b[0] = 0;
    assert_int_equal(sg_doc_open(&options, &doc), SG_ERR_INVALID_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kept),         cmocka_unit_test(test_snapshot_is_no_floor),
        cmocka_unit_test(test_shared),       cmocka_unit_test(test_undo_and_rollback),
        cmocka_unit_test(test_values),       cmocka_unit_test(test_sessions),
        cmocka_unit_test(test_bad_messages), cmocka_unit_test(test_compact),
        cmocka_unit_test(test_bad_files),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
