#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/reader.h"

static void test_integers_are_big_endian(void **state)
{
    struct sg_reader r =
        sg_reader(SG_BYTES_LIT("\x01\x02\x03\x04\x05\x06\x07\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8"));
    (void)state;
    assert_int_equal(sg_read_u8(&r), 0x01);
    assert_int_equal(sg_read_u16(&r), 0x0203);
    assert_int_equal(sg_read_u32(&r), 0x04050607);
    assert_true(sg_read_u64(&r) == UINT64_C(0xfffefdfcfbfaf9f8));
    assert_int_equal(sg_reader_done(&r), SG_OK);
}

/* After the first error: zeros, empty spans, and the first error stays. */
static void test_the_error_sticks(void **state)
{
    struct sg_reader r = sg_reader(SG_BYTES_LIT("\x01\x02\x03"));
    uint8_t out[2] = {7, 7};
    (void)state;
    assert_int_equal(sg_read_u32(&r), 0);
    assert_int_equal(r.err, SG_ERR_TRUNCATED);
    assert_int_equal(sg_read_u8(&r), 0);
    assert_int_equal(sg_read_u16(&r), 0);
    assert_true(sg_read_u64(&r) == 0);
    assert_int_equal(sg_read_varint(&r), 0);
    assert_null(sg_read_bytes(&r, 0).data);
    assert_int_equal(sg_read_vector(&r, 10).len, 0);
    sg_read_copy(&r, out, 2);
    assert_int_equal(out[0] | out[1], 0);
    sg_reader_fail(&r, SG_ERR_MALFORMED);
    assert_int_equal(sg_reader_done(&r), SG_ERR_TRUNCATED);
}

static void test_done_wants_no_rest(void **state)
{
    struct sg_reader r = sg_reader(SG_BYTES_LIT("\x01\x02"));
    (void)state;
    assert_int_equal(sg_reader_done(&r), SG_ERR_TRAILING);
    (void)sg_read_u8(&r);
    assert_int_equal(sg_reader_done(&r), SG_ERR_TRAILING);
    (void)sg_read_u8(&r);
    assert_int_equal(sg_reader_done(&r), SG_OK);
    r = sg_reader(sg_bytes(NULL, 0));
    assert_int_equal(sg_reader_done(&r), SG_OK);
    assert_int_equal(sg_read_bytes(&r, 0).len, 0);
    assert_int_equal(sg_reader_done(&r), SG_OK);
}

static void test_fail(void **state)
{
    struct sg_reader r = sg_reader(SG_BYTES_LIT("\x01\x02"));
    (void)state;
    sg_reader_fail(&r, SG_ERR_VERSION);
    sg_reader_fail(&r, SG_ERR_MALFORMED);
    assert_int_equal(sg_read_u8(&r), 0);
    assert_int_equal(sg_reader_done(&r), SG_ERR_VERSION);
}

static void test_every_truncation(void **state)
{
    static const uint8_t data[] = {1, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 4, 2, 'h', 'i', 9};
    (void)state;
    for (size_t len = 0; len <= sizeof(data); len++) {
        struct sg_reader r = sg_reader(sg_bytes(data, len));
        uint8_t last;
        (void)sg_read_u8(&r);
        (void)sg_read_u16(&r);
        (void)sg_read_u32(&r);
        (void)sg_read_u64(&r);
        (void)sg_read_vector(&r, 100);
        sg_read_copy(&r, &last, 1);
        assert_int_equal(sg_reader_done(&r), len == sizeof(data) ? SG_OK : SG_ERR_TRUNCATED);
        assert_int_equal(last, len == sizeof(data) ? 9 : 0);
    }
}

static void check_varint(struct sg_bytes bytes, uint32_t want, sg_err err)
{
    struct sg_reader r = sg_reader(bytes);
    assert_int_equal(sg_read_varint(&r), want);
    assert_int_equal(r.err, err);
    if (err == SG_OK)
        assert_int_equal(sg_reader_done(&r), SG_OK);
}

/* The examples of RFC 9420 s2.1.2, and the edges of each width. */
static void test_varint(void **state)
{
    (void)state;
    check_varint(SG_BYTES_LIT("\x9d\x7f\x3e\x7d"), 494878333, SG_OK);
    check_varint(SG_BYTES_LIT("\x7b\xbd"), 15293, SG_OK);
    check_varint(SG_BYTES_LIT("\x25"), 37, SG_OK);
    check_varint(SG_BYTES_LIT("\x00"), 0, SG_OK);
    check_varint(SG_BYTES_LIT("\x3f"), 63, SG_OK);
    check_varint(SG_BYTES_LIT("\x40\x40"), 64, SG_OK);
    check_varint(SG_BYTES_LIT("\x7f\xff"), 16383, SG_OK);
    check_varint(SG_BYTES_LIT("\x80\x00\x40\x00"), 16384, SG_OK);
    check_varint(SG_BYTES_LIT("\xbf\xff\xff\xff"), 0x3fffffff, SG_OK);
}

static void test_varint_refused(void **state)
{
    (void)state;
    check_varint(SG_BYTES_LIT("\x40\x3f"), 0, SG_ERR_NOT_CANONICAL);
    check_varint(SG_BYTES_LIT("\x40\x00"), 0, SG_ERR_NOT_CANONICAL);
    check_varint(SG_BYTES_LIT("\x80\x00\x3f\xff"), 0, SG_ERR_NOT_CANONICAL);
    check_varint(SG_BYTES_LIT("\x80\x00\x00\x00"), 0, SG_ERR_NOT_CANONICAL);
    check_varint(SG_BYTES_LIT("\xc0\x00\x00\x00\x00\x00\x00\x00"), 0, SG_ERR_MALFORMED);
    check_varint(SG_BYTES_LIT("\xff"), 0, SG_ERR_MALFORMED);
    check_varint(SG_BYTES_LIT(""), 0, SG_ERR_TRUNCATED);
}

static void test_truncated_varint(void **state)
{
    (void)state;
    check_varint(SG_BYTES_LIT("\x40"), 0, SG_ERR_TRUNCATED);
    check_varint(SG_BYTES_LIT("\x7b"), 0, SG_ERR_TRUNCATED);
    check_varint(SG_BYTES_LIT("\x9d\x7f\x3e"), 0, SG_ERR_TRUNCATED);
}

static void test_vector(void **state)
{
    struct sg_bytes bytes = SG_BYTES_LIT("\x03"
                                         "abc"
                                         "\x00"
                                         "\x02"
                                         "de");
    struct sg_reader r = sg_reader(bytes);
    (void)state;
    struct sg_bytes abc = sg_read_vector(&r, 3);
    assert_true(sg_bytes_equal(abc, SG_BYTES_LIT("abc")));
    assert_ptr_equal(abc.data, bytes.data + 1); /* borrowed */
    assert_int_equal(sg_read_vector(&r, 0).len, 0);
    assert_int_equal(r.err, SG_OK);
    assert_int_equal(sg_read_vector(&r, 1).len, 0);
    assert_int_equal(sg_reader_done(&r), SG_ERR_OVERSIZED);
}

static void test_vector_longer_than_the_rest(void **state)
{
    struct sg_reader r = sg_reader(SG_BYTES_LIT("\x03"
                                                "ab"));
    (void)state;
    assert_null(sg_read_vector(&r, 100).data);
    assert_int_equal(sg_reader_done(&r), SG_ERR_TRUNCATED);
    r = sg_reader(SG_BYTES_LIT("\xbf\xff\xff\xff"
                               "ab"));
    assert_null(sg_read_vector(&r, SIZE_MAX).data);
    assert_int_equal(sg_reader_done(&r), SG_ERR_TRUNCATED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers_are_big_endian),
        cmocka_unit_test(test_the_error_sticks),
        cmocka_unit_test(test_done_wants_no_rest),
        cmocka_unit_test(test_fail),
        cmocka_unit_test(test_every_truncation),
        cmocka_unit_test(test_varint),
        cmocka_unit_test(test_varint_refused),
        cmocka_unit_test(test_truncated_varint),
        cmocka_unit_test(test_vector),
        cmocka_unit_test(test_vector_longer_than_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
