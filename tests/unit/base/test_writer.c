#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/reader.h"
#include "base/writer.h"

static void check_bytes(const struct sg_writer *w, struct sg_bytes want)
{
    assert_int_equal(sg_writer_done(w), SG_OK);
    assert_true(sg_bytes_equal(sg_bytes(w->data, w->len), want));
}

static void test_integers_are_big_endian(void **state)
{
    uint8_t data[15];
    struct sg_writer w = sg_writer(data, sizeof(data));
    (void)state;
    sg_write_u8(&w, 0x01);
    sg_write_u16(&w, 0x0203);
    sg_write_u32(&w, 0x04050607);
    sg_write_u64(&w, UINT64_C(0xfffefdfcfbfaf9f8));
    check_bytes(&w, SG_BYTES_LIT("\x01\x02\x03\x04\x05\x06\x07\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8"));
}

static void write_all(struct sg_writer *w)
{
    sg_write_u8(w, 1);
    sg_write_u16(w, 2);
    sg_write_u32(w, 3);
    sg_write_u64(w, 4);
    sg_write_varint(w, 20000);
    sg_write_bytes(w, SG_BYTES_LIT("bytes"));
    sg_write_bytes(w, sg_bytes(NULL, 0));
    sg_write_vector(w, SG_BYTES_LIT("vector"));
    size_t outer = sg_write_vector_begin(w);
    sg_write_u8(w, 5);
    size_t inner = sg_write_vector_begin(w);
    sg_write_bytes(w, SG_BYTES_LIT("inner"));
    sg_write_vector_end(w, inner);
    sg_write_vector_end(w, outer);
}

/* A counting writer tells exactly what is needed; one byte less is SG_ERR_FULL at every length,
 * and nothing behind the capacity is touched. */
static void test_every_capacity(void **state)
{
    uint8_t data[64];
    struct sg_writer count = sg_writer_counting();
    (void)state;
    write_all(&count);
    assert_int_equal(sg_writer_done(&count), SG_OK);
    assert_int_equal(count.len, 15 + 4 + 5 + 7 + 8);
    for (size_t cap = 0; cap <= count.len; cap++) {
        memset(data, 0xee, sizeof(data));
        struct sg_writer w = sg_writer(data, cap);
        write_all(&w);
        assert_int_equal(sg_writer_done(&w), cap == count.len ? SG_OK : SG_ERR_FULL);
        assert_true(w.len <= cap);
        for (size_t i = cap; i < sizeof(data); i++)
            assert_int_equal(data[i], 0xee);
    }
}

static void test_the_error_sticks(void **state)
{
    uint8_t data[4] = {0};
    struct sg_writer w = sg_writer(data, 2);
    (void)state;
    sg_write_u32(&w, 1);
    sg_write_u8(&w, 7); /* would fit, but comes after an error */
    sg_write_varint(&w, UINT64_C(1) << 40);
    assert_int_equal(sg_writer_done(&w), SG_ERR_FULL);
    assert_int_equal(w.len, 0);
    assert_int_equal(data[0], 0);
}

static void check_varint(uint64_t value, struct sg_bytes want)
{
    uint8_t data[4];
    struct sg_writer w = sg_writer(data, sizeof(data));
    sg_write_varint(&w, value);
    check_bytes(&w, want);
    assert_int_equal(sg_varint_len((uint32_t)value), want.len);
}

/* The examples of RFC 9420 s2.1.2, and the edges of each width. */
static void test_varint(void **state)
{
    (void)state;
    check_varint(494878333, SG_BYTES_LIT("\x9d\x7f\x3e\x7d"));
    check_varint(15293, SG_BYTES_LIT("\x7b\xbd"));
    check_varint(37, SG_BYTES_LIT("\x25"));
    check_varint(0, SG_BYTES_LIT("\x00"));
    check_varint(63, SG_BYTES_LIT("\x3f"));
    check_varint(64, SG_BYTES_LIT("\x40\x40"));
    check_varint(16383, SG_BYTES_LIT("\x7f\xff"));
    check_varint(16384, SG_BYTES_LIT("\x80\x00\x40\x00"));
    check_varint(SG_VARINT_MAX, SG_BYTES_LIT("\xbf\xff\xff\xff"));
}

static void test_varint_too_large(void **state)
{
    uint8_t data[8];
    struct sg_writer w = sg_writer(data, sizeof(data));
    (void)state;
    sg_write_varint(&w, (uint64_t)SG_VARINT_MAX + 1);
    assert_int_equal(sg_writer_done(&w), SG_ERR_TOO_LARGE);
    w = sg_writer(data, sizeof(data));
    sg_write_varint(&w, UINT64_MAX);
    assert_int_equal(sg_writer_done(&w), SG_ERR_TOO_LARGE);
    assert_int_equal(w.len, 0);
}

static void test_vector(void **state)
{
    uint8_t data[8];
    struct sg_writer w = sg_writer(data, sizeof(data));
    (void)state;
    sg_write_vector(&w, SG_BYTES_LIT("abc"));
    sg_write_vector(&w, sg_bytes(NULL, 0));
    check_bytes(&w, SG_BYTES_LIT("\x03"
                                 "abc"
                                 "\x00"));
}

/* The length takes 1, 2 or 4 bytes once the body is known; the body moves. */
static void test_back_patched_vector_at_each_width(void **state)
{
    static const size_t lens[] = {0, 1, 63, 64, 100, 16383, 16384, 20000};
    static uint8_t data[21000];
    static uint8_t body[20000];
    (void)state;
    for (size_t i = 0; i < sizeof(body); i++)
        body[i] = (uint8_t)(i * 7);
    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        struct sg_writer w = sg_writer(data, sizeof(data));
        sg_write_u8(&w, 0xaa);
        size_t mark = sg_write_vector_begin(&w);
        sg_write_bytes(&w, sg_bytes(body, lens[i]));
        sg_write_vector_end(&w, mark);
        sg_write_u8(&w, 0xbb);
        assert_int_equal(sg_writer_done(&w), SG_OK);
        assert_int_equal(w.len, 2 + sg_varint_len((uint32_t)lens[i]) + lens[i]);
        struct sg_reader r = sg_reader(sg_bytes(data, w.len));
        assert_int_equal(sg_read_u8(&r), 0xaa);
        assert_true(sg_bytes_equal(sg_read_vector(&r, SIZE_MAX), sg_bytes(body, lens[i])));
        assert_int_equal(sg_read_u8(&r), 0xbb);
        assert_int_equal(sg_reader_done(&r), SG_OK);
    }
}

/* The inner length grows inside the outer vector, whose own length grows with it. */
static void test_nested_vectors(void **state)
{
    static uint8_t data[300];
    static const uint8_t body[62];
    struct sg_writer w = sg_writer(data, sizeof(data));
    (void)state;
    size_t outer = sg_write_vector_begin(&w);
    size_t a = sg_write_vector_begin(&w);
    sg_write_bytes(&w, sg_bytes(body, sizeof(body)));
    sg_write_bytes(&w, sg_bytes(body, sizeof(body)));
    sg_write_vector_end(&w, a);
    size_t b = sg_write_vector_begin(&w);
    sg_write_vector_end(&w, b);
    sg_write_vector_end(&w, outer);
    assert_int_equal(sg_writer_done(&w), SG_OK);
    assert_int_equal(w.len, 2 + 2 + 124 + 1);
    struct sg_reader r = sg_reader(sg_bytes(data, w.len));
    struct sg_reader inner = sg_reader(sg_read_vector(&r, SIZE_MAX));
    assert_int_equal(sg_reader_done(&r), SG_OK);
    assert_int_equal(sg_read_vector(&inner, SIZE_MAX).len, 124);
    assert_int_equal(sg_read_vector(&inner, SIZE_MAX).len, 0);
    assert_int_equal(sg_reader_done(&inner), SG_OK);
}

/* The body fits, its longer length does not. */
static void test_no_room_for_the_length(void **state)
{
    static uint8_t data[66];
    static const uint8_t body[64];
    (void)state;
    for (size_t cap = 65; cap <= 66; cap++) {
        struct sg_writer w = sg_writer(data, cap);
        size_t mark = sg_write_vector_begin(&w);
        sg_write_bytes(&w, sg_bytes(body, sizeof(body)));
        sg_write_vector_end(&w, mark);
        assert_int_equal(sg_writer_done(&w), cap == 66 ? SG_OK : SG_ERR_FULL);
    }
}

static void test_counting_finds_a_vector_too_large(void **state)
{
    struct sg_writer w = sg_writer_counting();
    struct sg_bytes huge = {(const uint8_t *)"", (size_t)SG_VARINT_MAX + 1}; /* never read */
    (void)state;
    size_t mark = sg_write_vector_begin(&w);
    sg_write_bytes(&w, huge);
    sg_write_vector_end(&w, mark);
    assert_int_equal(sg_writer_done(&w), SG_ERR_TOO_LARGE);
    w = sg_writer_counting();
    sg_write_vector(&w, huge);
    assert_int_equal(sg_writer_done(&w), SG_ERR_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers_are_big_endian),
        cmocka_unit_test(test_every_capacity),
        cmocka_unit_test(test_the_error_sticks),
        cmocka_unit_test(test_varint),
        cmocka_unit_test(test_varint_too_large),
        cmocka_unit_test(test_vector),
        cmocka_unit_test(test_back_patched_vector_at_each_width),
        cmocka_unit_test(test_nested_vectors),
        cmocka_unit_test(test_no_room_for_the_length),
        cmocka_unit_test(test_counting_finds_a_vector_too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
