/* runtime/doc_floor.c: taking over floors loses nothing, and is not for everybody. */
#include "base/time.h"
#include "doc_fixture.h"
#include "runtime/doc_impl.h"
#include "store/pack.h"

static sg_err adopt(struct sg_doc *doc, const struct sg_doc_bytes *bundle, size_t *lost)
{
    struct sg_doc_bytes unsynced;
    sg_err err = sg_doc_adopt(doc, view_of(bundle), &unsynced);
    *lost = unsynced.len;
    sg_doc_bytes_free(&unsynced);
    return err;
}

/* An older floor takes nothing away, and one that is known does nothing. */
static void test_older(void **state)
{
    (void)state;
    struct sg_doc *doc = with_identity("older", "id");
    struct sg_doc_import_result result;
    size_t lost;
    type(doc, 0, "one ");
    assert_int_equal(sg_doc_compact(doc), SG_OK);
    struct sg_doc_bytes old = export_for(doc, NULL);
    type(doc, 4, "two ");
    struct sg_doc *friend = follow(doc, "older2", 2);
    assert_int_equal(sg_doc_compact(doc), SG_OK);
    type(doc, 8, "three");
    assert_int_equal(sg_doc_import(doc, view_of(&old), 0, &result), SG_OK);
    assert_false(result.has_floor);
    assert_int_equal(adopt(doc, &old, &lost), SG_OK);
    assert_text(doc, "one two three");
    /* the friend has all of the second floor, and goes on with what it has */
    struct sg_doc_bytes all = export_for(doc, NULL);
    type(friend, 0, "mine ");
    assert_int_equal(sg_doc_import(friend, view_of(&all), 0, &result), SG_OK);
    assert_false(result.has_floor);
    assert_int_equal(result.applied, 1);
    assert_int_equal(adopt(friend, &all, &lost), SG_OK);
    assert_int_equal(lost, 0);
    assert_text(friend, "mine one two three");
    assert_int_equal(send_all(friend, doc).applied, 1);
    assert_text(doc, "mine one two three");
    sg_doc_bytes_free(&all);
    sg_doc_bytes_free(&old);
    assert_int_equal(sg_doc_close(friend), SG_OK);
    assert_int_equal(sg_doc_close(doc), SG_OK);
}

/* Two who compacted without each other's work keep what they have. */
static void test_two_floors(void **state)
{
    (void)state;
    struct sg_doc *a = with_identity("two-a", "id");
    type(a, 0, "both ");
    struct sg_doc_bytes begin = export_for(a, NULL);
    struct sg_doc_options options = options_of("two-b", 0);
    struct sg_doc *b = NULL;
    struct sg_peer_id peers[2];
    options.identity_dir = path_of("id-b");
    assert_int_equal(sg_identity_create(options.identity_dir, NULL, &peers[1]), SG_OK);
    assert_int_equal(sg_identity_show(path_of("id"), NULL, &peers[0]), SG_OK);
    options.trusted = peers;
    options.trusted_count = 2;
    assert_int_equal(sg_doc_join(&options, view_of(&begin), &b), SG_OK);
    type(a, 5, "a");
    type(b, 5, "b");
    assert_int_equal(sg_doc_compact(a), SG_OK);
    assert_int_equal(sg_doc_compact(b), SG_OK);
    struct sg_doc_bytes all = export_for(a, NULL);
    struct sg_doc_import_result result;
    size_t lost;
    assert_int_equal(sg_doc_import(b, view_of(&all), 0, &result), SG_OK);
    assert_true(result.has_floor);
    assert_int_equal(adopt(b, &all, &lost), SG_ERR_EXPIRED);
    assert_text(b, "both b");
    sg_doc_bytes_free(&all);
    sg_doc_bytes_free(&begin);
    assert_int_equal(sg_doc_close(b), SG_OK);
    assert_int_equal(sg_doc_close(a), SG_OK);
}

/* Anybody can sign a state; only some are believed. */
static void test_stranger(void **state)
{
    (void)state;
    struct sg_doc *doc = create("stranger", 1);
    type(doc, 0, "true");
    struct sg_doc_bytes begin = export_for(doc, NULL);
    struct sg_doc_options options = options_of("stranger2", 0);
    struct sg_doc *other = NULL;
    struct sg_peer_id peer;
    size_t lost;
    options.identity_dir = path_of("id-s");
    assert_int_equal(sg_identity_create(options.identity_dir, NULL, &peer), SG_OK);
    assert_int_equal(sg_doc_join(&options, view_of(&begin), &other), SG_OK);
    type(other, 0, "un");
    assert_int_equal(sg_doc_compact(other), SG_OK);
    struct sg_doc_bytes all = export_for(other, NULL);
    assert_int_equal(adopt(doc, &all, &lost), SG_ERR_PERMISSION);
    assert_text(doc, "true");
    const struct sg_doc_options new = options_of(NULL, 3);
    struct sg_doc *fresh = NULL;
    assert_int_equal(sg_doc_join(&new, view_of(&all), &fresh), SG_ERR_PERMISSION);
    assert_null(fresh);
    const struct sg_doc_options file = options_of("refused", 3);
    assert_int_equal(sg_doc_join(&file, view_of(&all), &fresh), SG_ERR_PERMISSION);
    assert_int_equal(access(file.path, F_OK), -1); /* and nothing is left of it */
    sg_doc_bytes_free(&all);
    sg_doc_bytes_free(&begin);
    assert_int_equal(sg_doc_close(other), SG_OK);
    assert_int_equal(sg_doc_close(doc), SG_OK);
}

/* What the floor does not have is on the disk until it is said to be elsewhere. */
static void test_unsynced_is_kept(void **state)
{
    (void)state;
    struct sg_doc *doc = with_identity("kept", "id");
    type(doc, 0, "one");
    struct sg_doc *late = follow(doc, "kept2", 2);
    type(late, 3, " lost?");
    type(doc, 0, "new ");
    assert_int_equal(sg_doc_compact(doc), SG_OK);
    type(doc, 0, "more ");
    struct sg_doc_bytes all = export_for(doc, late);
    struct sg_doc_import_result result;
    struct sg_doc_bytes kept;
    size_t lost;
    assert_int_equal(sg_doc_import(late, view_of(&all), 0, &result), SG_OK);
    assert_true(result.has_floor);
    assert_int_equal(sg_doc_unsynced(late, &kept), SG_ERR_NOT_FOUND);
    assert_int_equal(adopt(late, &all, &lost), SG_OK); /* and the bundle is thrown away */
    assert_true(lost > 0);
    assert_text(late, "more new one");
    assert_int_equal(adopt(late, &all, &lost), SG_OK); /* a second time nothing more is lost */
    assert_text(late, "more new one");
    assert_int_equal(sg_doc_close(late), SG_OK);
    late = reopen("kept2", 2);
    assert_int_equal(sg_doc_unsynced(late, &kept), SG_OK);
    struct sg_doc *back = create(NULL, 9);
    assert_int_equal(sg_doc_import(back, view_of(&kept), 0, &result), SG_ERR_WRONG_PEER);
    assert_int_equal(sg_doc_close(back), SG_OK);
    assert_int_equal(sg_doc_import(late, view_of(&kept), 0, &result), SG_OK);
    assert_int_equal(result.refused, 1); /* and does not wait for what nobody has any more */
    assert_int_equal(result.refusal, SG_ERR_EXPIRED);
    sg_doc_bytes_free(&kept);
    assert_int_equal(sg_doc_unsynced_done(late), SG_OK);
    assert_int_equal(sg_doc_unsynced(late, &kept), SG_ERR_NOT_FOUND);
    sg_doc_bytes_free(&all);
    assert_int_equal(sg_doc_close(late), SG_OK);
    assert_int_equal(sg_doc_close(doc), SG_OK);
}

/* Whose work a floor lacks goes on behind it with numbers that he has never used: who has the old
 * ones as well sees no fork of him. By a file, with the document closed in between, or in memory.
 */
static void numbers_are_not_used_again(const char *name, const char *second)
{
    struct sg_doc *doc = with_identity(name, "id");
    type(doc, 0, "one");
    struct sg_doc *witness = follow(doc, NULL, 7); /* never hears of the floor */
    struct sg_doc *late = follow(doc, second, 2);
    type(late, 3, "A");
    type(late, 4, "B");
    assert_int_equal(send_all(late, doc).applied, 2);
    type(late, 5, "C");
    type(late, 6, "D");
    assert_int_equal(send_all(late, witness).applied, 4);
    type(doc, 0, "new ");
    assert_int_equal(send_all(doc, witness).applied, 1);
    assert_int_equal(sg_doc_compact(doc), SG_OK);
    struct sg_doc_bytes all = export_for(doc, late);
    size_t lost;
    assert_int_equal(adopt(late, &all, &lost), SG_OK);
    assert_true(lost > 0);
    assert_text(late, "new oneAB");
    if (second != NULL) {
        assert_int_equal(sg_doc_close(late), SG_OK);
        late = reopen(second, 2);
    }
    type(late, 9, "E");
    type(late, 10, "F");
    struct sg_doc_log_entry entry;
    assert_int_equal(sg_doc_log(late, 0, &entry), SG_OK);
    assert_int_equal(entry.seq, 4);
    if (second != NULL) { /* and goes on there */
        assert_int_equal(sg_doc_close(late), SG_OK);
        late = reopen(second, 2);
    }
    type(late, 11, "G");
    assert_int_equal(sg_doc_log(late, 2, &entry), SG_OK);
    assert_int_equal(entry.seq, 6);
    assert_int_equal(send_all(late, doc).applied, 3);
    assert_text(doc, "new oneABEFG");
    assert_int_equal(sg_doc_forks(doc), 0);
    /* it has all that the floor stands for */
    assert_int_equal(send_all(late, witness).applied, 3);
    assert_text(witness, "new oneABEFGCD");
    assert_int_equal(sg_doc_forks(witness), 0);
    assert_int_equal(sg_doc_compact(doc), SG_OK); /* a floor with a chain that begins so */
    struct sg_doc *newcomer = follow(doc, NULL, 8);
    assert_text(newcomer, "new oneABEFG");
    type(late, 12, "H");
    assert_int_equal(send_all(late, newcomer).refused, 0);
    sg_doc_bytes_free(&all);
    assert_int_equal(sg_doc_close(newcomer), SG_OK);
    assert_int_equal(sg_doc_close(witness), SG_OK);
    assert_int_equal(sg_doc_close(late), SG_OK);
    assert_int_equal(sg_doc_close(doc), SG_OK);
}

static void test_numbers(void **state)
{
    (void)state;
    numbers_are_not_used_again("numbers", "numbers2");
    numbers_are_not_used_again("numbers-b", NULL);
}

/* A replica that knows one end of the floor and not the other one gets the state, and a replica in
 * memory hands it on. */
static void test_partly_behind(void **state)
{
    (void)state;
    struct sg_doc *doc = with_identity("partly", "id");
    type(doc, 0, "x");
    struct sg_doc *late = follow(doc, NULL, 2);
    struct sg_doc *friend = follow(doc, NULL, 3);
    struct sg_doc *memory = follow(doc, NULL, 4);
    type(doc, 0, "a");
    type(friend, 1, "b");
    (void)send_all(doc, late);
    (void)send_all(friend, doc);
    assert_int_equal(sg_doc_compact(doc), SG_OK);
    type(doc, 0, "c");
    for (int i = 0; i < 2; i++) {
        struct sg_doc *to = i == 0 ? memory : late;
        struct sg_doc_bytes all = export_for(i == 0 ? doc : memory, to);
        struct sg_doc_import_result result;
        size_t lost;
        assert_int_equal(sg_doc_import(to, view_of(&all), 0, &result), SG_OK);
        assert_true(result.has_floor);
        assert_int_equal(adopt(to, &all, &lost), SG_OK);
        assert_int_equal(lost, 0);
        assert_text(to, "caxb");
        sg_doc_bytes_free(&all);
    }
    assert_int_equal(sg_doc_close(memory), SG_OK);
    assert_int_equal(sg_doc_close(friend), SG_OK);
    assert_int_equal(sg_doc_close(late), SG_OK);
    assert_int_equal(sg_doc_close(doc), SG_OK);
}

/* What others were told of is on the disk, also of a lazy document: a copy of its files made then
 * has it. */
static void test_told_is_durable(void **state)
{
    (void)state;
    char command[512];
    for (int way = 0; way < 2; way++) {
        const char *name = way == 0 ? "lazy0" : "lazy1";
        struct sg_doc_options options = options_of(name, 1);
        struct sg_doc *doc = NULL;
        struct sg_doc_bytes told;
        options.lazy = true;
        assert_int_equal(sg_doc_create(&options, SG_DOC_FUGUE_MAX, &doc), SG_OK);
        type(doc, 0, "told");
        if (way == 0)
            told = export_for(doc, NULL);
        else
            assert_int_equal(sg_doc_frontier_encode(doc, &told), SG_OK);
        sg_doc_bytes_free(&told);
        (void)snprintf(command, sizeof(command),
                       "cd '%s' && cp %s copy%d && { cp %s-wal copy%d-wal || true; }", dir, name,
                       way, name, way);
        assert_int_equal(system(command), 0);
        struct sg_doc *copy = reopen(way == 0 ? "copy0" : "copy1", 1);
        assert_text(copy, "told");
        assert_int_equal(sg_doc_close(copy), SG_OK);
        assert_int_equal(sg_doc_close(doc), SG_OK);
    }
}

/* What waits for somebody's batches does not keep one from compacting. */
static void test_waiting(void **state)
{
    (void)state;
    struct sg_doc *doc = with_identity("waiting", "id");
    type(doc, 0, "x");
    struct sg_doc *friend = follow(doc, NULL, 2);
    type(friend, 0, "1");
    struct sg_doc *middle = follow(friend, NULL, 3);
    type(friend, 0, "2");
    struct sg_doc_bytes second = export_for(friend, middle);
    struct sg_doc_import_result result;
    assert_int_equal(sg_doc_import(doc, view_of(&second), 0, &result), SG_OK);
    assert_int_equal(result.pending, 1);
    assert_int_equal(sg_doc_compact(doc), SG_OK);
    assert_text(doc, "x");
    assert_true(send_all(friend, doc).applied == 2); /* they have seen all of the floor */
    assert_text(doc, "21x");
    sg_doc_bytes_free(&second);
    assert_int_equal(sg_doc_close(middle), SG_OK);
    assert_int_equal(sg_doc_close(friend), SG_OK);
    assert_int_equal(sg_doc_close(doc), SG_OK);
}

/* ---- what strangers send ---- */

/* A page of zeros that would become gigabytes. */
static void test_bomb(void **state)
{
    (void)state;
    enum { ZEROS = 80 << 20 };
    struct sg_doc *doc = create(NULL, 1);
    struct sg_doc_import_result result;
    uint8_t *zeros = calloc(ZEROS, 1);
    struct sg_column bomb = {.mem = sg_mem_default()};
    uint8_t *packed;
    size_t len;
    assert_non_null(zeros);
    assert_int_equal(sg_pack(sg_mem_default(), sg_bytes(zeros, ZEROS), 6, &packed, &len), SG_OK);
    free(zeros);
    sg_put_u8(&bomb, 'Z');
    sg_put_bytes(&bomb, sg_bytes(packed, len));
    assert_true(bomb.len < 200000);
    assert_int_equal(sg_doc_import(doc, sg_column_bytes(&bomb), 0, &result), SG_ERR_OVERSIZED);
    assert_int_equal(sg_unpacked_max(100, 1 << 30), 64 << 20);
    assert_int_equal(sg_unpacked_max(2 << 20, 1 << 30), 128 << 20);
    assert_int_equal(sg_unpacked_max(1 << 30, 1 << 30), 1 << 30);
    sg_mem_free(sg_mem_default(), packed);
    sg_column_fini(&bomb);
    assert_int_equal(sg_doc_close(doc), SG_OK);
}

/* A state that is not what was signed is not even read: neither to see whether it brings anything,
 * nor to be taken over. Where its contents are broken, too, it is the signature that is told. */
static void test_forged_state(void **state)
{
    (void)state;
    struct sg_doc *doc = with_identity("forged", "id");
    struct sg_doc_import_result result;
    size_t lost;
    type(doc, 0, "one ");
    struct sg_doc *friend = follow(doc, "forged2", 2);
    type(doc, 4, "two");
    assert_int_equal(sg_doc_compact(doc), SG_OK);
    struct sg_doc_bytes bundle = export_for(doc, friend);
    bundle.data[bundle.len - 1] ^= 0x40; /* of the last span */
    assert_int_equal(sg_doc_import(friend, view_of(&bundle), 0, &result), SG_ERR_BAD_SIGNATURE);
    assert_false(result.has_floor);
    assert_int_equal(adopt(friend, &bundle, &lost), SG_ERR_BAD_SIGNATURE);
    assert_text(friend, "one ");
    memset(bundle.data + bundle.len - 20, 0xff, 20);
    assert_int_equal(sg_doc_import(friend, view_of(&bundle), 0, &result), SG_ERR_BAD_SIGNATURE);
    assert_int_equal(adopt(friend, &bundle, &lost), SG_ERR_BAD_SIGNATURE);
    sg_doc_bytes_free(&bundle);
    assert_int_equal(sg_doc_close(friend), SG_OK);
    assert_int_equal(sg_doc_close(doc), SG_OK);
}

/* A bundle of the state that a document has compacted to, signed as it was before there were
 * pieces. */
static struct sg_column whole_of(struct sg_doc *doc)
{
    static const char context[] = "saorsa floor v1";
    const struct sg_signer *signer = sg_identity_signer(doc->identity);
    struct sg_column record = {.mem = sg_mem_default()};
    struct sg_column floor = {.mem = sg_mem_default()};
    struct sg_column bundle = {.mem = sg_mem_default()};
    uint8_t message[2 * SG_ID_LEN];
    uint8_t signature[SG_SIG_MAX];
    assert_int_equal(sg_doc_put_record(doc, &record), SG_OK);
    struct sg_reader in = sg_reader(sg_column_bytes(&record));
    (void)sg_get_vector(&in, SG_DOC_FLOOR_MAX);
    const struct sg_bytes bytes = sg_read_bytes(&in, in.left);
    memcpy(message, doc->replica->document, SG_ID_LEN);
    sg_suite_default()->hash(&bytes, 1, message + SG_ID_LEN);
    assert_int_equal(signer->sign(signer->state, (struct sg_bytes){(const uint8_t *)context, 15},
                                  (struct sg_bytes){message, sizeof(message)}, signature),
                     SG_OK);
    sg_put_vector(&floor, signer->public_key);
    sg_put_vector(&floor, (struct sg_bytes){signature, signer->suite->sig_len});
    sg_bundle_begin(doc->replica, &bundle);
    sg_put_u8(&bundle, SG_BUNDLE_STATE);
    struct sg_column whole = {.mem = sg_mem_default()};
    sg_put_vector(&whole, sg_column_bytes(&floor));
    sg_put_bytes(&whole, bytes);
    sg_put_vector(&bundle, sg_column_bytes(&whole));
    sg_column_fini(&whole);
    sg_column_fini(&floor);
    sg_column_fini(&record);
    return bundle;
}

/* A floor of an older program is taken over as it was then, and from the same people only. */
static void test_signed_as_a_whole(void **state)
{
    (void)state;
    struct sg_doc *doc = with_identity("whole", "id");
    struct sg_doc_import_result result;
    size_t lost;
    type(doc, 0, "one ");
    struct sg_doc *friend = follow(doc, "whole2", 2);
    struct sg_doc *other = join(doc, NULL, 3);
    type(doc, 4, "two");
    assert_int_equal(sg_doc_compact(doc), SG_OK);
    struct sg_column bundle = whole_of(doc);
    const struct sg_doc_bytes all = {bundle.data, bundle.len};
    assert_int_equal(sg_doc_import(friend, view_of(&all), 0, &result), SG_OK);
    assert_true(result.has_floor);
    assert_int_equal(adopt(friend, &all, &lost), SG_OK);
    assert_text(friend, "one two");
    /* others are told of it, but no piece of it could be judged */
    const struct sg_doc_wish wish = {0};
    struct sg_doc_state_out out = {0};
    assert_int_equal(sg_doc_state_begin(friend, &wish, &out), SG_OK);
    assert_true(out.is_told && out.giving == NULL);
    assert_int_equal(adopt(other, &all, &lost), SG_ERR_PERMISSION);
    assert_text(other, "one ");
    struct sg_doc *newcomer = joined(view_of(&all), "whole3", 4);
    assert_text(newcomer, "one two");
    assert_int_equal(sg_doc_close(newcomer), SG_OK);
    bundle.data[bundle.len - 1] ^= 0x40;
    assert_int_equal(adopt(other, &all, &lost), SG_ERR_BAD_SIGNATURE);
    sg_column_fini(&bundle);
    assert_int_equal(sg_doc_close(other), SG_OK);
    assert_int_equal(sg_doc_close(friend), SG_OK);
    assert_int_equal(sg_doc_close(doc), SG_OK);
}

/* A view is told to look at everything again. */
static uint32_t looks;

static void on_patch(void *user, const struct sg_doc_patch *patch)
{
    (void)user;
    looks += !patch->is_text;
}

static void test_adopt_tells(void **state)
{
    (void)state;
    struct sg_doc *doc = with_identity("tells", "id");
    size_t lost;
    type(doc, 0, "one ");
    struct sg_doc *friend = follow(doc, "tells2", 2);
    type(doc, 4, "two");
    assert_int_equal(sg_doc_compact(doc), SG_OK);
    struct sg_doc_bytes bundle = export_for(doc, friend);
    sg_doc_on_patch(friend, on_patch, NULL);
    looks = 0;
    assert_int_equal(adopt(friend, &bundle, &lost), SG_OK);
    assert_int_equal(looks, 2); /* the root and the text */
    assert_text(friend, "one two");
    sg_doc_bytes_free(&bundle);
    assert_int_equal(sg_doc_close(friend), SG_OK);
    assert_int_equal(sg_doc_close(doc), SG_OK);
}

/* ---- checkpoints by time ---- */

static void test_sign_due(void **state)
{
    (void)state;
    struct sg_doc *doc = with_identity("due", "id");
    struct sg_doc_log_entry entry;
    uint64_t due_ms;
    assert_int_equal(sg_doc_sign_due(doc, &due_ms), SG_OK);
    assert_true(due_ms == UINT64_MAX);
    type(doc, 0, "a");
    type(doc, 1, "b");
    assert_int_equal(sg_doc_sign_due(doc, &due_ms), SG_OK);
    assert_in_range(due_ms, 20000, 30001);
    assert_int_equal(sg_doc_log(doc, 1, &entry), SG_OK);
    assert_true(entry.is_provisional);
    doc->unsigned_since -= 31 * SG_NS_PER_S; /* time goes by */
    type(doc, 2, "c");
    assert_int_equal(sg_doc_log(doc, 2, &entry), SG_OK);
    assert_false(entry.is_provisional);
    assert_int_equal(sg_doc_sign_due(doc, &due_ms), SG_OK);
    assert_true(due_ms == UINT64_MAX);
    assert_int_equal(sg_doc_close(doc), SG_OK);
}

/* What a snapshot stands for is no news. */
static void test_compare_partial(void **state)
{
    (void)state;
    struct sg_doc *doc = create("partial", 1);
    struct sg_doc_bytes early;
    bool has_news;
    bool lacks;
    type(doc, 0, "a");
    assert_int_equal(sg_doc_frontier_encode(doc, &early), SG_OK);
    for (int i = 0; i < 300; i++)
        type(doc, 0, "b");
    assert_int_equal(sg_doc_close(doc), SG_OK);
    doc = reopen("partial", 1);
    assert_true(doc->is_partial);
    assert_int_equal(sg_doc_frontier_compare(doc, view_of(&early), &has_news, &lacks), SG_OK);
    assert_false(has_news);
    assert_true(lacks);
    sg_doc_bytes_free(&early);
    assert_int_equal(sg_doc_close(doc), SG_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_older),
        cmocka_unit_test(test_two_floors),
        cmocka_unit_test(test_stranger),
        cmocka_unit_test(test_unsynced_is_kept),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_waiting),
        cmocka_unit_test(test_partly_behind),
        cmocka_unit_test(test_told_is_durable),
        cmocka_unit_test(test_bomb),
        cmocka_unit_test(test_forged_state),
        cmocka_unit_test(test_signed_as_a_whole),
        cmocka_unit_test(test_adopt_tells),
        cmocka_unit_test(test_sign_due),
        cmocka_unit_test(test_compare_partial),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
