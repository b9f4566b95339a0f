#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"

static const struct sg_bytes none = {NULL, 0};

static void test_literals(void **state)
{
    struct sg_bytes abc = SG_BYTES_LIT("abc");
    (void)state;
    assert_int_equal(abc.len, 3);
    assert_memory_equal(abc.data, "abc", 3);
    assert_int_equal(SG_BYTES_LIT("").len, 0);
    assert_int_equal(SG_BYTES_LIT("a\0b").len, 3);
}

static void test_equal(void **state)
{
    struct sg_bytes a = SG_BYTES_LIT("ab");
    (void)state;
    assert_true(sg_bytes_equal(a, SG_BYTES_LIT("ab")));
    assert_false(sg_bytes_equal(a, SG_BYTES_LIT("ac")));
    assert_false(sg_bytes_equal(a, SG_BYTES_LIT("abc")));
    assert_false(sg_bytes_equal(a, none));
    assert_true(sg_bytes_equal(none, SG_BYTES_LIT("")));
}

static void check_order(struct sg_bytes a, struct sg_bytes b, int want)
{
    assert_int_equal(sg_bytes_compare(a, b), want);
    assert_int_equal(sg_bytes_compare(b, a), -want);
}

static void test_compare(void **state)
{
    (void)state;
    check_order(none, none, 0);
    check_order(none, SG_BYTES_LIT("\0"), -1);
    check_order(SG_BYTES_LIT("ab"), SG_BYTES_LIT("ab"), 0);
    check_order(SG_BYTES_LIT("ab"), SG_BYTES_LIT("abc"), -1);
    check_order(SG_BYTES_LIT("b"), SG_BYTES_LIT("abc"), 1);
    check_order(SG_BYTES_LIT("\x7f"), SG_BYTES_LIT("\x80"), -1); /* bytes are unsigned */
}

static void test_ids(void **state)
{
    struct sg_peer_id a = {{1}};
    struct sg_peer_id b = {{1}};
    struct sg_topic_id t = {{0}};
    struct sg_topic_id u = {{0}};
    struct sg_msg_id m = {{0}};
    struct sg_msg_id n = {{0}};
    (void)state;
    assert_true(sg_peer_id_equal(&a, &b));
    assert_int_equal(sg_peer_id_compare(&a, &b), 0);
    b.b[31] = 0x80;
    assert_false(sg_peer_id_equal(&a, &b));
    assert_true(sg_peer_id_compare(&a, &b) < 0);
    assert_true(sg_peer_id_compare(&b, &a) > 0);
    assert_true(sg_topic_id_equal(&t, &u));
    u.b[31] = 1;
    assert_false(sg_topic_id_equal(&t, &u));
    assert_true(sg_msg_id_equal(&m, &n));
    n.b[0] = 1;
    assert_false(sg_msg_id_equal(&m, &n));
}

static void test_hex(void **state)
{
    static const uint8_t data[] = {0x00, 0x1f, 0xa0, 0xff};
    char out[9];
    (void)state;
    sg_hex(data, sizeof(data), out);
    assert_string_equal(out, "001fa0ff");
    sg_hex(NULL, 0, out);
    assert_string_equal(out, "");
}

/* Independent: python3 base64.b32encode(bytes).lower().rstrip("=") */
static void test_id_text_known_answers(void **state)
{
    uint8_t id[SG_ID_LEN];
    char text[SG_ID_TEXT_LEN + 1];
    (void)state;
    memset(id, 0, sizeof(id));
    sg_id_to_text(id, text);
    assert_string_equal(text, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    memset(id, 0xff, sizeof(id));
    sg_id_to_text(id, text);
    assert_string_equal(text, "777777777777777777777777777777777777777777777777777q");
    for (size_t i = 0; i < sizeof(id); i++)
        id[i] = (uint8_t)i;
    sg_id_to_text(id, text);
    assert_string_equal(text, "aaaqeayeaudaocajbifqydiob4ibceqtcqkrmfyydenbwha5dypq");
}

static void test_id_text_round_trip(void **state)
{
    uint8_t id[SG_ID_LEN];
    uint8_t back[SG_ID_LEN];
    char text[SG_ID_TEXT_LEN + 1];
    (void)state;
    for (size_t bit = 0; bit < 8 * SG_ID_LEN; bit++) {
        memset(id, 0x5a, sizeof(id));
        id[bit / 8] ^= (uint8_t)(1u << bit % 8);
        sg_id_to_text(id, text);
        assert_int_equal(strlen(text), SG_ID_TEXT_LEN);
        assert_int_equal(sg_id_from_text(text, SG_ID_TEXT_LEN, back), SG_OK);
        assert_memory_equal(id, back, SG_ID_LEN);
    }
}

static void test_id_from_upper_case(void **state)
{
    uint8_t a[SG_ID_LEN];
    uint8_t b[SG_ID_LEN];
    static const char lower[] = "abcdefghijklmnopqrstuvwxyz234567abcdefghijklmnopqrsa";
    static const char upper[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567ABCDEFGHIJKLMNOPQRSA";
    (void)state;
    assert_int_equal(sg_id_from_text(lower, SG_ID_TEXT_LEN, a), SG_OK);
    assert_int_equal(sg_id_from_text(upper, SG_ID_TEXT_LEN, b), SG_OK);
    assert_memory_equal(a, b, SG_ID_LEN);
}

static void test_id_from_bad_text(void **state)
{
    uint8_t id[SG_ID_LEN] = {7};
    char text[SG_ID_TEXT_LEN + 2];
    (void)state;
    memset(text, 'a', sizeof(text));
    assert_int_equal(sg_id_from_text(text, SG_ID_TEXT_LEN - 1, id), SG_ERR_MALFORMED);
    assert_int_equal(sg_id_from_text(text, SG_ID_TEXT_LEN + 1, id), SG_ERR_MALFORMED);
    assert_int_equal(sg_id_from_text(text, 0, id), SG_ERR_MALFORMED);
    for (int c = 0; c < 256; c++) {
        text[10] = (char)c;
        bool is_base32 = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '2' && c <= '7');
        uint8_t out[SG_ID_LEN];
        assert_int_equal(sg_id_from_text(text, SG_ID_TEXT_LEN, out),
                         is_base32 ? SG_OK : SG_ERR_MALFORMED);
    }
    text[10] = 'a';
    /* 52 characters hold 260 bits: the last four must be zero, or ids had several texts */
    for (const char *c = "abcdefghijklmnopqrstuvwxyz234567"; *c != '\0'; c++) {
        uint8_t out[SG_ID_LEN];
        text[SG_ID_TEXT_LEN - 1] = *c;
        assert_int_equal(sg_id_from_text(text, SG_ID_TEXT_LEN, out),
                         *c == 'a' || *c == 'q' ? SG_OK : SG_ERR_MALFORMED);
    }
    assert_int_equal(id[0], 7);
}

static void test_loads(void **state)
{
    const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 0x88, 0xff};
    (void)state;
    assert_int_equal(sg_load32(bytes), 0x04030201);
    assert_int_equal(sg_load32(bytes + 5), 0xff880706);
    assert_true(sg_load64(bytes) == UINT64_C(0x8807060504030201));
    assert_true(sg_load64(bytes + 1) == UINT64_C(0xff88070605040302));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_literals),
        cmocka_unit_test(test_equal),
        cmocka_unit_test(test_compare),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_loads),
        cmocka_unit_test(test_hex),
        cmocka_unit_test(test_id_text_known_answers),
        cmocka_unit_test(test_id_text_round_trip),
        cmocka_unit_test(test_id_from_upper_case),
        cmocka_unit_test(test_id_from_bad_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
