/* States of documents and their pieces, for tests. */
#ifndef TEST_RUNTIME_DOC_STATES_H
#define TEST_RUNTIME_DOC_STATES_H

#include "base/time.h"
#include "doc_fixture.h"
#include "runtime/doc_impl.h"

/* A session between two that take floors over: until nobody says anything, or `cut` messages of a
 * have come to b. Gives the bytes that went to b; *most: the longest message. */
static inline size_t meet(struct sg_doc *a, struct sg_doc *b, uint32_t cut, size_t *most)
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
static inline void write_much(struct sg_doc *doc, uint32_t millions)
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

/* ---- pieces ---------------------------------------------------------------------------------- */

/* A message about a state; number 0 with the floor and the hashes of its pieces. */
struct piece {
    uint64_t id;
    uint32_t number;
    struct sg_bytes floor, hashes, bytes;
};

static inline struct sg_bytes message_of(const struct piece *p)
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

static inline struct kept keep(struct sg_doc *doc)
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
static inline struct kept sign(struct sg_doc *doc, uint32_t pieces, uint8_t what)
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

static inline void drop(struct kept *kept)
{
    sg_column_fini(&kept->record);
    sg_column_fini(&kept->hashes);
}

static inline struct piece piece_of(const struct kept *kept, uint32_t number)
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

static inline sg_err give(struct sg_doc *doc, const void *session, const struct piece *p,
                          struct sg_doc_got *got)
{
    return sg_doc_gather(doc, session, 1, message_of(p), got);
}

static const char sessions[8];
static uint64_t seconds = 1;

/* A piece by session number `by`, now. */
static inline sg_err give_next(struct sg_doc *doc, unsigned by, const struct kept *kept,
                               uint32_t number)
{
    struct sg_doc_got got;
    const struct piece p = piece_of(kept, number);
    return sg_doc_gather(doc, &sessions[by], seconds * SG_NS_PER_S, message_of(&p), &got);
}

/* How much is there of one. */
static inline uint32_t pieces_of(const struct sg_doc *doc, const struct kept *kept)
{
    struct sg_doc_wish wish = sg_doc_state_wish(doc, seconds * SG_NS_PER_S);
    for (uint32_t i = 0; i < wish.part_count; i++) {
        if (wish.parts[i].floor == kept->id)
            return wish.parts[i].pieces;
    }
    return 0;
}

#endif
