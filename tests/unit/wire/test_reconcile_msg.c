#include "wire/reconcile_msg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/bytes.h"

static struct sg_rec_room room;

static const struct sg_rec_symbol symbols[2] = {
    {UINT64_C(0x0102030405060708), UINT64_C(0xaabbccdd11223344), 255}, {1, 2, 3}};
static const uint64_t ids[2] = {UINT64_C(0x1112131415161718), 5};

/* The encoding is these bytes, and they decode to what encodes to them. */
static void assert_bytes(const struct sg_rec_msg *msg, const char *hex)
{
    uint8_t bytes[256];
    uint8_t again[256];
    char text[513];
    struct sg_rec_msg back;
    struct sg_writer w = sg_writer(bytes, sizeof(bytes));
    sg_rec_msg_encode(&w, msg);
    assert_int_equal(sg_writer_done(&w), SG_OK);
    sg_hex(bytes, w.len, text);
    assert_string_equal(text, hex);
    for (size_t len = 0; len <= w.len; len++) {
        struct sg_reader r = sg_reader(sg_bytes(bytes, len));
        sg_err err = sg_rec_msg_decode(&r, &back, &room);
        if (len == w.len)
            assert_int_equal(err, SG_OK);
    }
    struct sg_writer v = sg_writer(again, sizeof(again));
    sg_rec_msg_encode(&v, &back);
    assert_int_equal(v.len, w.len);
    assert_memory_equal(again, bytes, w.len);
    /* one byte more is one too many, unless it is a whole element */
    bytes[w.len] = 0;
    struct sg_reader r = sg_reader(sg_bytes(bytes, w.len + 1));
    assert_int_not_equal(sg_rec_msg_decode(&r, &back, &room), SG_OK);
}

static void messages_have_these_bytes(void **state)
{
    (void)state;
    struct sg_rec_msg msg = {.session = 0x01020304, .from = 5, .to = 6, .count = 7, .upto = 48};
    msg.kind = SG_REC_OPEN;
    assert_bytes(&msg, "010102030400000005000000060000000700000030");
    msg.kind = SG_REC_SKETCH;
    msg.nonce = 9;
    for (uint8_t i = 0; i < SG_REC_DIGEST_LEN; i++)
        msg.digest[i] = (uint8_t)(0xa0 + i);
    assert_bytes(&msg, "0201020304000000090000000500000007a0a1a2a3a4a5a6a7a8a9aaabacadaeaf");
    msg.symbols = symbols;
    msg.symbol_count = 2;
    assert_bytes(&msg, "0201020304000000090000000500000007a0a1a2a3a4a5a6a7a8a9aaabacadaeaf"
                       "010203040506070811223344ff00000000000000010000000203");
    msg.kind = SG_REC_SYMBOLS;
    msg.index = 84;
    assert_bytes(&msg, "030102030400000054010203040506070811223344ff0000000000000001"
                       "0000000203");
    msg.index = 10000; /* all of the check */
    assert_bytes(&msg, "0301020304000027100102030405060708aabbccdd11223344ff"
                       "0000000000000001000000000000000203");
    msg.kind = SG_REC_MORE;
    assert_bytes(&msg, "040102030400000030");
    msg.kind = SG_REC_DONE;
    msg.by_opener = true;
    msg.reason = SG_REC_GAVE_UP;
    assert_bytes(&msg, "05010203040102");
    msg.kind = SG_REC_LIST;
    assert_bytes(&msg, "0601020304");
    msg.kind = SG_REC_IDS;
    msg.is_last = true;
    assert_bytes(&msg, "070102030401");
    msg.ids = ids;
    msg.id_count = 2;
    assert_bytes(&msg, "07010203040111121314151617180000000000000005");
    msg.kind = SG_REC_WANT;
    assert_bytes(&msg, "08010203040111121314151617180000000000000005");
    msg.kind = SG_REC_OFFER;
    assert_bytes(&msg, "09010203040111121314151617180000000000000005");
    msg.kind = SG_REC_SENT;
    msg.by_opener = false;
    assert_bytes(&msg, "0a010203040000000007");
}

static sg_err decode(const uint8_t *bytes, size_t len)
{
    struct sg_rec_msg msg;
    struct sg_reader r = sg_reader(sg_bytes(bytes, len));
    return sg_rec_msg_decode(&r, &msg, &room);
}
#define DECODE(...) decode((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void what_is_out_of_range_is_refused(void **state)
{
    (void)state;
    static uint8_t many[2 + 4 + 8 * (SG_REC_IDS_MAX + 1)] = {SG_REC_WANT};
    static uint8_t straddling[9 + 13 * 2] = {SG_REC_SYMBOLS, 0, 0, 0, 1, 0, 0, 0x27, 0x0f};
    static uint8_t piece[9 + 13 * (SG_REC_PIECE_MAX + 1)] = {
        SG_REC_SYMBOLS, 0, 0, 0, 1, 0, 0, 0, 1};
    assert_int_equal(decode(NULL, 0), SG_ERR_TRUNCATED);
    assert_int_equal(DECODE(0, 0, 0, 0, 1), SG_ERR_MALFORMED);
    assert_int_equal(DECODE(11, 0, 0, 0, 1), SG_ERR_MALFORMED);
    assert_int_equal(DECODE(SG_REC_LIST, 0, 0, 0), SG_ERR_TRUNCATED);
    assert_int_equal(DECODE(SG_REC_LIST, 0, 0, 0, 1, 0), SG_ERR_TRAILING);
    /* slots out of order; more symbols than there can be */
    assert_int_equal(
        DECODE(SG_REC_OPEN, 0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0),
        SG_ERR_MALFORMED);
    assert_int_equal(
        DECODE(SG_REC_OPEN, 0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0, 6, 0, 0, 0, 0, 1, 0, 0, 1),
        SG_ERR_MALFORMED);
    assert_int_equal(DECODE(SG_REC_MORE, 0, 0, 0, 1, 0, 0, 0, 0), SG_ERR_MALFORMED);
    assert_int_equal(DECODE(SG_REC_DONE, 0, 0, 0, 1, 2, 0), SG_ERR_MALFORMED);
    assert_int_equal(DECODE(SG_REC_DONE, 0, 0, 0, 1, 1, 3), SG_ERR_MALFORMED);
    /* empty lists, but for the last of an empty set */
    assert_int_equal(DECODE(SG_REC_IDS, 0, 0, 0, 1, 0), SG_ERR_MALFORMED);
    assert_int_equal(DECODE(SG_REC_IDS, 0, 0, 0, 1, 1), SG_OK);
    assert_int_equal(DECODE(SG_REC_WANT, 0, 0, 0, 1, 0), SG_ERR_MALFORMED);
    assert_int_equal(DECODE(SG_REC_OFFER, 0, 0, 0, 1, 1), SG_ERR_MALFORMED);
    assert_int_equal(decode(many, sizeof(many)), SG_ERR_MALFORMED);
    assert_int_equal(decode(many, sizeof(many) - 8), SG_OK);
    assert_int_equal(decode(straddling, sizeof(straddling)), SG_ERR_MALFORMED);
    assert_int_equal(decode(straddling, sizeof(straddling) - 13), SG_OK);
    assert_int_equal(decode(piece, sizeof(piece)), SG_ERR_MALFORMED);
    assert_int_equal(decode(piece, sizeof(piece) - 13), SG_OK);
    piece[8] = 0; /* index 0 is SKETCH's */
    assert_int_equal(decode(piece, sizeof(piece) - 13), SG_ERR_MALFORMED);
    assert_int_equal(decode(piece, 9), SG_ERR_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_have_these_bytes),
        cmocka_unit_test(what_is_out_of_range_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
