/* runtime/doc_state.c and doc_session.c: states in parts, and those that are not wanted. */
#include "doc_states.h"
#include "unit/base/failing_mem.h"

/* A state that is larger than a message may be goes in parts; a link that breaks in between costs
 * one of them. */
static void test_state_in_parts(void **state)
{
    (void)state;
    struct sg_doc *doc = with_identity("parts", "id");
    size_t most;
    type(doc, 0, "begin");
    struct sg_doc *late = follow(doc, "parts2", 2);
    write_much(doc, 12);
    assert_int_equal(sg_doc_compact(doc), SG_OK);
    size_t first = meet(doc, late, 7, &most);
    assert_in_range(first, 3 << 20, 7 << 20);
    assert_text(late, "begin");
    size_t second = meet(doc, late, 7, &most);
    size_t third = meet(doc, late, UINT32_MAX, &most);
    assert_in_range(first + second + third, 12000000, 12000000 * 1.05);
    assert_in_range(most, 1 << 20, (1 << 20) + 20000);
    assert_int_equal(sg_doc_text_len(late, node(late, SG_DOC_TEXT, "t"), SG_DOC_CHARS), 12000005);
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

/* All sessions give from one copy, and it goes with the last of them. */
static void test_one_copy(void **state)
{
    (void)state;
    struct sg_doc *doc = with_identity("copy", "id");
    struct sg_doc_wish wish = {0};
    struct sg_doc_state_out out[3] = {{0}};
    write_much(doc, 2); /* two pieces */
    struct kept kept = keep(doc);
    for (int i = 0; i < 3; i++)
        assert_int_equal(sg_doc_state_begin(doc, &wish, &out[i]), SG_OK);
    assert_ptr_equal(out[0].giving, out[2].giving);
    assert_int_equal(out[0].giving->refs, 3);
    /* another floor takes its place, but not what sessions still have */
    type(doc, 0, "!");
    struct kept next = keep(doc);
    sg_doc_state_end(doc, &out[1]);
    sg_doc_state_end(doc, &out[1]);
    assert_int_equal(sg_doc_state_begin(doc, &wish, &out[1]), SG_OK);
    assert_ptr_not_equal(out[0].giving, out[1].giving);
    sg_doc_state_end(doc, &out[0]);
    sg_doc_state_end(doc, &out[2]);
    assert_ptr_equal(doc->giving, out[1].giving);
    /* from where the other one got to, and not beyond the end */
    wish = (struct sg_doc_wish){.part_count = 2, .parts = {{1, 2}, {next.id, 1}}};
    assert_int_equal(sg_doc_state_begin(doc, &wish, &out[0]), SG_OK);
    assert_int_equal(out[0].piece, 1);
    wish.parts[1].pieces = UINT32_MAX;
    assert_int_equal(sg_doc_state_begin(doc, &wish, &out[2]), SG_ERR_PROTOCOL);
    assert_null(out[2].giving);
    assert_int_equal(out[0].giving->refs, 2);
    for (int i = 0; i < 3; i++)
        sg_doc_state_end(doc, &out[i]);
    assert_null(doc->giving);
    drop(&kept);
    drop(&next);
    assert_int_equal(sg_doc_close(doc), SG_OK);
}

/* Of a bound document it stays for a minute, so that opening sessions costs no more than a look. */
static void test_copy_stays(void **state)
{
    (void)state;
    struct sg_doc *doc = with_identity("stays", "id");
    const struct sg_doc_wish wish = {0};
    struct sg_doc_state_out out = {0};
    type(doc, 0, "begin");
    assert_int_equal(sg_doc_compact(doc), SG_OK);
    doc->is_bound = true;
    assert_int_equal(sg_doc_state_begin(doc, &wish, &out), SG_OK);
    const struct sg_doc_giving *copy = out.giving;
    assert_true(sg_doc_state_expire(doc, UINT64_MAX - 1) == UINT64_MAX); /* it is given */
    sg_doc_state_end(doc, &out);
    assert_ptr_equal(doc->giving, copy);
    sg_time_ns end = copy->idle_at + 60 * SG_NS_PER_S;
    assert_in_range(sg_doc_state_expire(doc, end - SG_NS_PER_MS), 1, 2);
    assert_int_equal(sg_doc_state_begin(doc, &wish, &out), SG_OK);
    assert_ptr_equal(out.giving, copy);
    sg_doc_state_end(doc, &out);
    /* another floor takes its place */
    type(doc, 0, "!");
    assert_int_equal(sg_doc_compact(doc), SG_OK);
    assert_int_equal(sg_doc_state_begin(doc, &wish, &out), SG_OK);
    assert_ptr_equal(doc->giving, out.giving);
    assert_int_equal(out.giving->refs, 1);
    sg_doc_state_end(doc, &out);
    assert_true(sg_doc_state_expire(doc, doc->giving->idle_at + 60 * SG_NS_PER_S) == UINT64_MAX);
    assert_null(doc->giving);
    doc->is_bound = false;
    assert_int_equal(sg_doc_close(doc), SG_OK);
}

/* Who takes no floor over is told of it, and not sent it. */
static void test_told_only(void **state)
{
    (void)state;
    struct sg_doc *doc = with_identity("told", "id");
    struct sg_doc_import_result result[2];
    struct sg_doc_session *s[2];
    struct sg_bytes message;
    size_t bytes = 0;
    type(doc, 0, "begin");
    struct sg_doc *late = follow(doc, "told2", 2);
    write_much(doc, 1);
    assert_int_equal(sg_doc_compact(doc), SG_OK);
    assert_int_equal(sg_doc_session_new(doc, 1, &s[0]), SG_OK);
    assert_int_equal(sg_doc_session_new(late, 2, &s[1]), SG_OK);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(sg_doc_session_next(s[i % 2], &message), SG_OK);
        bytes += message.len;
        if (message.len > 0)
            assert_int_equal(sg_doc_session_input(s[1 - i % 2], message), SG_OK);
    }
    for (int i = 0; i < 2; i++) {
        assert_true(sg_doc_session_is_done(s[i], &result[i]));
        sg_doc_session_free(s[i]);
    }
    assert_false(result[0].has_floor);
    assert_true(result[1].has_floor);
    assert_true(bytes < 400);
    assert_text(late, "begin");
    assert_int_equal(sg_doc_close(late), SG_OK);
    assert_int_equal(sg_doc_close(doc), SG_OK);
}

/* A state that somebody trusted has signed and nobody can read is sent once, too, and nobody who
 * passes it on is to blame. */
static void test_broken_once(void **state)
{
    (void)state;
    struct sg_doc *doc = with_identity("broken", "id");
    size_t most;
    type(doc, 0, "begin");
    struct sg_doc *late = follow(doc, "broken2", 2);
    type(doc, 0, "!");
    assert_int_equal(sg_doc_compact(doc), SG_OK);
    struct sg_doc *giver = follow(doc, NULL, 3);
    struct kept kept = sign(doc, 1, 1);
    struct sg_column junk = {.mem = giver->mem};
    sg_put_bytes(&junk, kept.state);
    sg_column_fini(&giver->floor_state);
    giver->floor_state = junk;
    assert_int_equal(sg_doc_keep_floor(giver, kept.floor), SG_OK);
    assert_true(meet(giver, late, UINT32_MAX, &most) > 1000000);
    assert_int_equal(sg_doc_gather_total(), 0);
    assert_true(meet(giver, late, UINT32_MAX, &most) < 300);
    assert_text(late, "begin");
    drop(&kept);
    assert_int_equal(sg_doc_close(giver), SG_OK);
    assert_int_equal(sg_doc_close(late), SG_OK);
    assert_int_equal(sg_doc_close(doc), SG_OK);
}

/* Where there is no room for a state, the session comes to its end all the same, and the state is
 * put off. */
static void test_no_room(void **state)
{
    (void)state;
    struct sg_doc *doc = with_identity("room", "id");
    size_t most;
    type(doc, 0, "begin");
    struct sg_doc *late = follow(doc, "room2", 2);
    write_much(doc, 2); /* two pieces */
    assert_int_equal(sg_doc_compact(doc), SG_OK);
    late->gather_own_max = 0;
    assert_true(meet(doc, late, UINT32_MAX, &most) > 1000000);
    assert_int_equal(sg_doc_gather_total(), 0);
    assert_true(meet(doc, late, UINT32_MAX, &most) < 300);
    late->gather_own_max = SG_DOC_GATHER_OWN_MAX;
    late->put_off_until = 0; /* a minute goes by */
    assert_true(meet(doc, late, UINT32_MAX, &most) > 1000000);
    assert_int_equal(sg_doc_text_len(late, node(late, SG_DOC_TEXT, "t"), SG_DOC_CHARS), 2000005);
    assert_int_equal(sg_doc_close(late), SG_OK);
    assert_int_equal(sg_doc_close(doc), SG_OK);
}

/* ---- out of memory --------------------------------------------------------------------------- */

/* Gathers a state of two pieces and makes a bundle of it, or ends with the first error. */
static sg_err gather_all(struct sg_doc *doc, const struct kept *kept)
{
    struct sg_column bundle = {.mem = doc->mem};
    sg_err err = give_next(doc, 0, kept, 0);
    if (err == SG_OK)
        err = give_next(doc, 0, kept, 1);
    if (err == SG_OK)
        err = sg_doc_gather_bundle(doc, kept->id, &bundle);
    sg_column_fini(&bundle);
    return err;
}

static sg_err give_all(struct sg_doc *doc)
{
    struct sg_doc_wish wish = {0};
    struct sg_doc_state_out out = {0};
    struct sg_column column = {.mem = doc->mem};
    sg_err err = sg_doc_state_begin(doc, &wish, &out);
    for (int i = 0; err == SG_OK && i < 3; i++)
        sg_doc_state_put(&out, &column);
    sg_doc_state_end(doc, &out);
    err = column.has_failed ? SG_ERR_NO_MEMORY : err;
    sg_column_fini(&column);
    return err;
}

static void test_out_of_memory(void **state)
{
    (void)state;
    struct sg_doc *doc = with_identity("memory", "id");
    struct sg_doc *late = follow(doc, "memory2", 2);
    struct failing_mem failing;
    struct kept kept = sign(doc, 2, 1);
    sg_err err[2] = {SG_ERR_NO_MEMORY, SG_ERR_NO_MEMORY};
    type(doc, 0, "x");
    assert_int_equal(sg_doc_compact(doc), SG_OK);
    for (size_t at = 1; err[0] != SG_OK || err[1] != SG_OK; at++) {
        assert_true(at < 50);
        for (int i = 0; i < 2; i++) {
            struct sg_doc *d = i == 0 ? late : doc;
            d->mem = failing_mem_init(&failing, at);
            err[i] = i == 0 ? gather_all(d, &kept) : give_all(d);
            assert_true(err[i] == SG_OK || err[i] == SG_ERR_NO_MEMORY);
            assert_int_equal(err[i] == SG_OK, failing.calls < at);
            sg_doc_gather_forget(d);
            d->mem = sg_mem_default();
            assert_int_equal(failing.live, 0);
            assert_null(d->giving);
            assert_int_equal(sg_doc_gather_total(), 0);
        }
    }
    drop(&kept);
    assert_int_equal(sg_doc_close(late), SG_OK);
    assert_int_equal(sg_doc_close(doc), SG_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_state_in_parts), cmocka_unit_test(test_refused_once),
        cmocka_unit_test(test_known_once),     cmocka_unit_test(test_one_copy),
        cmocka_unit_test(test_told_only),      cmocka_unit_test(test_copy_stays),
        cmocka_unit_test(test_broken_once),    cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
