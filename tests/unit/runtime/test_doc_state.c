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

/* ---- pieces from several neighbours ---------------------------------------------------------- */

/* A message about a state; number 0 with the floor and the hashes of its pieces. */
struct piece {
    uint64_t id;
    uint32_t number;
    struct sg_bytes floor, hashes, bytes;
};

static struct sg_bytes message_of(const struct piece *p)
{
    static uint8_t out[8][SG_DOC_STATE_PIECE + 20000];
    static unsigned next;
    struct sg_column column = {.mem = sg_mem_default()};
    sg_doc_put_id(&column, p->id);
    sg_put_uint(&column, p->number);
    if (p->number == 0) {
        sg_put_vector(&column, p->floor);
        sg_put_vector(&column, p->hashes);
    }
    sg_put_bytes(&column, p->bytes);
    assert_true(column.len <= sizeof(out[0]));
    struct sg_bytes message = {out[next++ % 8], column.len};
    memcpy((uint8_t *)message.data, column.data, column.len);
    sg_column_fini(&column);
    return message;
}

/* What a document has compacted to. */
struct kept {
    struct sg_column record, hashes;
    struct sg_bytes floor, state;
    uint64_t id;
};

static struct kept keep(struct sg_doc *doc)
{
    struct kept kept = {.record.mem = sg_mem_default(), .hashes.mem = sg_mem_default()};
    assert_int_equal(sg_doc_compact(doc), SG_OK);
    assert_int_equal(sg_doc_put_record(doc, &kept.record), SG_OK);
    struct sg_reader in = sg_reader(sg_column_bytes(&kept.record));
    kept.floor = sg_get_vector(&in, SG_DOC_FLOOR_MAX);
    kept.state = sg_read_bytes(&in, in.left);
    assert_int_equal(sg_doc_put_hashes(kept.state, &kept.hashes), SG_OK);
    kept.id = sg_doc_floor_id(kept.floor);
    return kept;
}

/* A floor that the author has signed, whatever it stands for: pieces, the last one short. */
static struct kept sign(struct sg_doc *doc, uint32_t pieces, uint8_t what)
{
    static uint8_t bytes[4 * SG_DOC_STATE_PIECE];
    size_t len = (size_t)pieces * SG_DOC_STATE_PIECE - 1000;
    struct kept kept = {.record.mem = sg_mem_default(), .hashes.mem = sg_mem_default()};
    assert_true(len <= sizeof(bytes));
    memset(bytes, what, len);
    assert_int_equal(sg_doc_sign_floor(doc, (struct sg_bytes){bytes, len}, &kept.record), SG_OK);
    size_t floor_len = kept.record.len;
    sg_put_bytes(&kept.record, (struct sg_bytes){bytes, len});
    kept.floor = (struct sg_bytes){kept.record.data, floor_len};
    kept.state = (struct sg_bytes){kept.record.data + floor_len, len};
    assert_int_equal(sg_doc_put_hashes(kept.state, &kept.hashes), SG_OK);
    kept.id = sg_doc_floor_id(kept.floor);
    return kept;
}

static void drop(struct kept *kept)
{
    sg_column_fini(&kept->record);
    sg_column_fini(&kept->hashes);
}

static struct piece piece_of(const struct kept *kept, uint32_t number)
{
    size_t at = (size_t)number * SG_DOC_STATE_PIECE;
    size_t left = kept->state.len - at;
    struct piece p = {.id = kept->id,
                      .number = number,
                      .floor = kept->floor,
                      .hashes = sg_column_bytes(&kept->hashes)};
    p.bytes.data = kept->state.data + at;
    p.bytes.len = left < SG_DOC_STATE_PIECE ? left : SG_DOC_STATE_PIECE;
    return p;
}

static sg_err give(struct sg_doc *doc, const void *session, const struct piece *p,
                   struct sg_doc_got *got)
{
    return sg_doc_gather(doc, session, 1, message_of(p), got);
}

static const char sessions[8];
static uint64_t seconds = 1;

/* A piece by session number `by`, now. */
static sg_err give_next(struct sg_doc *doc, unsigned by, const struct kept *kept, uint32_t number)
{
    struct sg_doc_got got;
    const struct piece p = piece_of(kept, number);
    return sg_doc_gather(doc, &sessions[by], seconds * SG_NS_PER_S, message_of(&p), &got);
}

/* How much is there of one. */
static uint32_t pieces_of(const struct sg_doc *doc, const struct kept *kept)
{
    struct sg_doc_wish wish = sg_doc_state_wish(doc);
    for (uint32_t i = 0; i < wish.part_count; i++) {
        if (wish.parts[i].floor == kept->id)
            return wish.parts[i].pieces;
    }
    return 0;
}

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
    assert_int_equal(sg_doc_state_wish(strange).refused_count, 1);
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
        struct sg_doc_wish wish = sg_doc_state_wish(late);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_state_in_parts),
        cmocka_unit_test(test_refused_once),
        cmocka_unit_test(test_known_once),
        cmocka_unit_test(test_bad_pieces),
        cmocka_unit_test(test_hostile_neighbours),
        cmocka_unit_test(test_withheld),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_budget),
        cmocka_unit_test(test_one_copy),
        cmocka_unit_test(test_told_only),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
