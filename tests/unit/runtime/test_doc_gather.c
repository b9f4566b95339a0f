/* runtime/doc_gather.c: pieces of states from several neighbours. */
#include "doc_states.h"

/* Pieces that are made up, of strangers, or larger than anything. */
static void test_bad_pieces(void **state)
{
    (void)state;
    static uint8_t zeros[SG_DOC_STATE_PIECE + 1];
    struct sg_doc *doc = with_identity("bad-parts", "id");
    struct sg_doc *other = create(NULL, 1);
    struct sg_doc *late = follow(doc, "bad-parts2", 2);
    struct sg_doc_got got;
    struct kept kept = sign(doc, 2, 1);
    assert_int_equal(kept.hashes.len, 2 * SG_HASH_LEN);
    struct piece p = piece_of(&kept, 0);
    p.id++;
    assert_int_equal(give(late, sessions, &p, &got), SG_ERR_MALFORMED);
    p = piece_of(&kept, 0);
    p.hashes.len--;
    assert_int_equal(give(late, sessions, &p, &got), SG_ERR_MALFORMED);
    p.hashes = (struct sg_bytes){zeros, 2 * SG_HASH_LEN};
    assert_int_equal(give(late, sessions, &p, &got), SG_ERR_BAD_SIGNATURE);
    p.hashes.len = 257 * SG_HASH_LEN;
    assert_int_equal(give(late, sessions, &p, &got), SG_ERR_OVERSIZED);
    p = piece_of(&kept, 0);
    p.bytes.len = 0;
    assert_int_equal(give(late, sessions, &p, &got), SG_ERR_MALFORMED);
    assert_int_equal(sg_doc_gather_total(), 0);
    p = piece_of(&kept, 0);
    p.bytes.data = zeros;
    assert_int_equal(give(late, sessions, &p, &got), SG_ERR_BAD_SIGNATURE);
    p.bytes.len--;
    assert_int_equal(give(late, sessions, &p, &got), SG_ERR_MALFORMED);
    p.bytes.len += 2;
    assert_int_equal(give(late, sessions, &p, &got), SG_ERR_MALFORMED);
    assert_int_equal(sg_doc_gather_total(), 0);
    p = piece_of(&kept, 1); /* of what has not begun */
    p.number = 256;
    assert_int_equal(give(late, sessions, &p, &got), SG_ERR_OVERSIZED);
    p.number = 1;
    assert_int_equal(give(late, sessions, &p, &got), SG_ERR_NOT_FOUND);
    assert_int_equal(sg_doc_gather_total(), 0);
    /* nothing is gathered for somebody who is not trusted */
    p = piece_of(&kept, 0);
    assert_int_equal(give(other, sessions, &p, &got), SG_ERR_BAD_SIGNATURE); /* another document */
    struct sg_doc *strange = join(late, NULL, 3);
    assert_int_equal(give(strange, sessions, &p, &got), SG_OK);
    assert_int_equal(got.what, SG_DOC_STATE_UNWANTED);
    assert_int_equal(sg_doc_gather_total(), 0);
    assert_int_equal(sg_doc_state_wish(strange, 1).refused_count, 1);
    drop(&kept);
    assert_int_equal(sg_doc_close(strange), SG_OK);
    assert_int_equal(sg_doc_close(other), SG_OK);
    assert_int_equal(sg_doc_close(late), SG_OK);
    assert_int_equal(sg_doc_close(doc), SG_OK);
}

/* While one neighbour sends a state, others send all that they may have: the first pieces of older
 * floors, of floors that nobody has signed, and pieces of the same one that are not its. */
static void test_hostile_neighbours(void **state)
{
    (void)state;
    static uint8_t junk[SG_DOC_STATE_PIECE];
    struct sg_doc *doc = with_identity("hostile", "id");
    struct sg_doc *late = follow(doc, "hostile2", 2);
    struct sg_doc_got got;
    struct kept old[3];
    for (uint8_t i = 0; i < 3; i++)
        old[i] = sign(doc, 2, i);
    write_much(doc, 4);
    struct kept kept = keep(doc);
    uint32_t count = (uint32_t)(kept.hashes.len / SG_HASH_LEN);
    assert_true(count >= 4);
    for (uint32_t i = 0; i < count; i++) {
        struct piece p = piece_of(&kept, i);
        if (i == 2) { /* the first neighbour has gone, and another one goes on */
            sg_doc_gather_leave(late, &sessions[0]);
            assert_int_equal(pieces_of(late, &kept), 2);
        }
        assert_int_equal(give(late, &sessions[i / 2], &p, &got), SG_OK);
        assert_int_equal(got.what, i + 1 < count ? SG_DOC_STATE_MORE : SG_DOC_STATE_WHOLE);
        for (int k = 0; k < 3 && i + 1 < count; k++) {
            const void *by = &sessions[5 + k];
            p = piece_of(&old[k], 0);
            assert_int_equal(give(late, by, &p, &got), SG_OK);
            p.hashes = sg_column_bytes(&kept.hashes);
            p.id++;
            assert_int_equal(give(late, by, &p, &got), SG_ERR_MALFORMED);
            p = piece_of(&kept, i + 1);
            p.bytes.data = junk;
            assert_int_equal(give(late, by, &p, &got), SG_ERR_BAD_SIGNATURE);
            p = piece_of(&kept, 0); /* again */
            assert_int_equal(give(late, by, &p, &got), SG_OK);
        }
        if (i + 1 < count)
            assert_int_equal(pieces_of(late, &kept), i + 1);
    }
    struct sg_column bundle = {.mem = sg_mem_default()};
    struct sg_doc_bytes unsynced;
    assert_int_equal(sg_doc_gather_bundle(late, old[0].id, &bundle), SG_ERR_NOT_FOUND);
    assert_int_equal(sg_doc_gather_bundle(late, kept.id, &bundle), SG_OK);
    assert_int_equal(sg_doc_adopt(late, sg_column_bytes(&bundle), &unsynced), SG_OK);
    sg_doc_bytes_free(&unsynced);
    sg_column_fini(&bundle);
    assert_int_equal(sg_doc_text_len(late, node(late, SG_DOC_TEXT, "t"), SG_DOC_CHARS), 4000000);
    /* the others may bring something more */
    assert_int_equal(sg_doc_gather_total(), 3);
    sg_doc_gather_forget(late);
    drop(&kept);
    for (int i = 0; i < 3; i++)
        drop(&old[i]);
    assert_int_equal(sg_doc_close(late), SG_OK);
    assert_int_equal(sg_doc_close(doc), SG_OK);
}

/* A neighbour has a real floor, an older one, and never gives the last piece of it: more than an
 * honest session brings. The newer one goes on where it was all the same. */
static void test_withheld(void **state)
{
    (void)state;
    struct sg_doc *doc = with_identity("withheld", "id");
    struct sg_doc *late = follow(doc, "withheld2", 2);
    struct kept old = sign(doc, 4, 1);
    write_much(doc, 2); /* two pieces */
    struct kept kept = keep(doc);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(give_next(late, 0, &old, i), SG_OK);
    for (uint32_t i = 0; i < 2; i++) { /* sessions that bring a piece each */
        struct sg_doc_wish wish = sg_doc_state_wish(late, 1);
        struct sg_doc_state_out out = {0};
        struct sg_column message = {.mem = sg_mem_default()};
        struct sg_doc_got got;
        assert_int_equal(sg_doc_state_begin(doc, &wish, &out), SG_OK);
        sg_doc_state_put(&out, &message);
        assert_int_equal(sg_doc_gather(late, &sessions[1], seconds * SG_NS_PER_S,
                                       sg_column_bytes(&message), &got),
                         SG_OK);
        assert_int_equal(got.what, i == 0 ? SG_DOC_STATE_MORE : SG_DOC_STATE_WHOLE);
        sg_doc_gather_leave(late, &sessions[1]);
        sg_doc_state_end(doc, &out);
        sg_column_fini(&message);
    }
    drop(&kept);
    drop(&old);
    assert_int_equal(sg_doc_close(late), SG_OK);
    assert_int_equal(sg_doc_close(doc), SG_OK);
}

/* Places: each session has one, what nobody adds to makes room, and nothing stays for ever. */
static void test_places(void **state)
{
    (void)state;
    struct sg_doc *doc = with_identity("places", "id");
    struct sg_doc *late = follow(doc, "places2", 2);
    struct kept kept[5];
    seconds = 1;
    for (uint8_t i = 0; i < 5; i++) {
        kept[i] = sign(doc, 3, (uint8_t)(i + 1));
        assert_int_equal(give_next(late, i, &kept[i], 0), i < 4 ? SG_OK : SG_ERR_LIMIT);
    }
    assert_int_equal(sg_doc_gather_total(), 4);
    seconds = 50;
    assert_int_equal(give_next(late, 0, &kept[0], 1), SG_OK);
    assert_int_equal(give_next(late, 3, &kept[3], 1), SG_OK);
    assert_int_equal(give_next(late, 4, &kept[4], 0), SG_ERR_LIMIT);
    /* two of them have been silent for a minute, but nothing goes for what is no piece */
    seconds = 62;
    static uint8_t junk[SG_DOC_STATE_PIECE];
    struct piece p = piece_of(&kept[4], 0);
    struct sg_doc_got got;
    p.bytes.data = junk;
    assert_int_equal(sg_doc_gather(late, &sessions[4], seconds * SG_NS_PER_S, message_of(&p), &got),
                     SG_ERR_BAD_SIGNATURE);
    assert_int_equal(sg_doc_gather_total(), 6);
    assert_int_equal(give_next(late, 4, &kept[4], 0), SG_OK);
    assert_int_equal(sg_doc_gather_total(), 6);
    seconds = 63;
    assert_int_equal(give_next(late, 4, &kept[4], 1), SG_OK);
    /* who turns to another one has its old place no more */
    seconds = 64;
    assert_int_equal(give_next(late, 4, &kept[1], 0), SG_OK);
    assert_int_equal(sg_doc_gather_total(), 7);
    assert_int_equal(pieces_of(late, &kept[4]), 2);
    sg_doc_gather_expire(late, 649 * SG_NS_PER_S);
    assert_int_equal(sg_doc_gather_total(), 7);
    sg_doc_gather_expire(late, 650 * SG_NS_PER_S);
    assert_int_equal(sg_doc_gather_total(), 3);
    sg_doc_gather_expire(late, 664 * SG_NS_PER_S);
    assert_int_equal(sg_doc_gather_total(), 0);
    for (int i = 0; i < 5; i++)
        drop(&kept[i]);
    assert_int_equal(sg_doc_close(late), SG_OK);
    assert_int_equal(sg_doc_close(doc), SG_OK);
}

/* One budget for all documents. */
static void test_budget(void **state)
{
    (void)state;
    struct sg_doc *late[2];
    struct kept kept[2];
    struct kept old;
    for (int i = 0; i < 2; i++) {
        struct sg_doc *doc = with_identity(i == 0 ? "budget-a" : "budget-b", "id");
        late[i] = follow(doc, i == 0 ? "budget-c" : "budget-d", 2);
        late[i]->gather_max = 3;
        if (i == 0)
            old = sign(doc, 2, 1);
        kept[i] = sign(doc, 3, 2);
        assert_int_equal(sg_doc_close(doc), SG_OK);
    }
    assert_int_equal(give_next(late[0], 0, &old, 0), SG_OK);
    assert_int_equal(give_next(late[0], 1, &kept[0], 0), SG_OK);
    assert_int_equal(give_next(late[1], 2, &kept[1], 0), SG_OK);
    assert_int_equal(give_next(late[1], 2, &kept[1], 1), SG_ERR_LIMIT);
    assert_int_equal(give_next(late[0], 1, &kept[0], 1), SG_ERR_LIMIT);
    sg_doc_gather_leave(late[0], &sessions[0]); /* that one makes room */
    assert_int_equal(give_next(late[0], 1, &kept[0], 1), SG_OK);
    assert_int_equal(sg_doc_gather_total(), 3);
    assert_int_equal(sg_doc_close(late[0]), SG_OK);
    assert_int_equal(sg_doc_gather_total(), 1);
    assert_int_equal(give_next(late[1], 2, &kept[1], 1), SG_OK);
    assert_int_equal(sg_doc_close(late[1]), SG_OK);
    assert_int_equal(sg_doc_gather_total(), 0);
    drop(&old);
    drop(&kept[0]);
    drop(&kept[1]);
}

/* One document does not take the budget of all. */
static void test_own_budget(void **state)
{
    (void)state;
    struct sg_doc *doc = with_identity("own", "id");
    struct sg_doc *late = follow(doc, "own2", 2);
    struct kept old = sign(doc, 2, 1);
    struct kept kept = sign(doc, 3, 2);
    late->gather_own_max = 2;
    assert_int_equal(give_next(late, 0, &old, 0), SG_OK);
    assert_int_equal(give_next(late, 1, &kept, 0), SG_OK);
    assert_int_equal(give_next(late, 1, &kept, 1), SG_ERR_LIMIT);
    assert_int_equal(give_next(late, 0, &old, 1), SG_ERR_LIMIT);
    assert_int_equal(sg_doc_gather_total(), 2);
    sg_doc_gather_leave(late, &sessions[0]); /* that one makes room */
    assert_int_equal(give_next(late, 1, &kept, 1), SG_OK);
    assert_int_equal(sg_doc_gather_total(), 2);
    assert_int_equal(give_next(late, 1, &kept, 2), SG_ERR_LIMIT);
    assert_int_equal(give_next(late, 2, &old, 0), SG_ERR_LIMIT);
    assert_int_equal(pieces_of(late, &old), 0);
    assert_int_equal(sg_doc_state_wish(late, 1).part_count, 1); /* and not one of no pieces */
    drop(&kept);
    drop(&old);
    assert_int_equal(sg_doc_close(late), SG_OK);
    assert_int_equal(sg_doc_gather_total(), 0);
    assert_int_equal(sg_doc_close(doc), SG_OK);
}

/* No block of two pieces is to be had. */
static void *small_alloc(void *user, size_t size)
{
    (void)user;
    return size > 3 * SG_DOC_STATE_PIECE / 2 ? NULL : malloc(size);
}

static void *small_realloc(void *user, void *ptr, size_t size)
{
    (void)user;
    return size > 3 * SG_DOC_STATE_PIECE / 2 ? NULL : realloc(ptr, size);
}

static void small_free(void *user, void *ptr)
{
    (void)user;
    free(ptr);
}

/* What was gathered is not lost for want of memory, nor asked for again. */
static void test_out_of_memory(void **state)
{
    (void)state;
    static const struct sg_mem small = {small_alloc, small_realloc, small_free, NULL};
    struct sg_doc *doc = with_identity("memory", "id");
    struct sg_doc *late = follow(doc, "memory2", 2);
    struct kept kept = sign(doc, 2, 1);
    struct sg_column bundle = {.mem = &small};
    struct sg_doc_got got;
    assert_int_equal(give_next(late, 0, &kept, 0), SG_OK);
    assert_int_equal(give_next(late, 0, &kept, 1), SG_OK);
    assert_int_equal(sg_doc_gather_bundle(late, kept.id, &bundle), SG_ERR_NO_MEMORY);
    sg_column_fini(&bundle);
    assert_int_equal(sg_doc_gather_total(), 2);
    assert_int_equal(sg_doc_state_wish(late, 1).part_count, 0);
    const struct piece p = piece_of(&kept, 0);
    assert_int_equal(give(late, sessions, &p, &got), SG_OK);
    assert_int_equal(got.what, SG_DOC_STATE_WHOLE);
    bundle.mem = sg_mem_default();
    assert_int_equal(sg_doc_gather_bundle(late, kept.id, &bundle), SG_OK);
    assert_memory_equal(bundle.data + bundle.len - kept.state.len, kept.state.data, kept.state.len);
    assert_int_equal(sg_doc_gather_total(), 0);
    sg_column_fini(&bundle);
    drop(&kept);
    assert_int_equal(sg_doc_close(late), SG_OK);
    assert_int_equal(sg_doc_close(doc), SG_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_pieces),    cmocka_unit_test(test_hostile_neighbours),
        cmocka_unit_test(test_withheld),      cmocka_unit_test(test_places),
        cmocka_unit_test(test_budget),        cmocka_unit_test(test_own_budget),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
