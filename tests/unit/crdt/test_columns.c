/* crdt/columns.c: numbers in their shortest form, nothing else. */
#include "crdt/columns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/base/failing_mem.h"

static void test_numbers(void **state)
{
    (void)state;
    static const uint64_t values[] = {
        0, 1, 127, 128, 16383, 16384, UINT32_MAX, INT64_MAX, UINT64_MAX - 1, UINT64_MAX};
    struct sg_column c = {.mem = sg_mem_default()};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        sg_put_uint(&c, values[i]);
    struct sg_reader r = sg_reader(sg_column_bytes(&c));
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        assert_true(sg_get_uint(&r) == values[i]);
    assert_int_equal(sg_reader_done(&r), SG_OK);
    sg_column_fini(&c);
    static const int64_t signs[] = {0, -1, 1, INT64_MIN, INT64_MAX};
    for (size_t i = 0; i < 5; i++)
        assert_true(sg_unzigzag(sg_zigzag(signs[i])) == signs[i]);
    assert_int_equal(sg_zigzag(-2), 3);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        sg_err err;
    } cases[] = {
        {"\x80\x00", 2, SG_ERR_NOT_CANONICAL},
        {"\xff\xff\x00", 3, SG_ERR_NOT_CANONICAL},
        {"\x80", 1, SG_ERR_TRUNCATED},
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10, SG_ERR_MALFORMED},
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, SG_ERR_MALFORMED},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sg_reader r = sg_reader(sg_bytes(cases[i].bytes, cases[i].len));
        assert_true(sg_get_uint(&r) == 0);
        assert_int_equal(r.err, cases[i].err);
    }
    struct sg_reader r = sg_reader(SG_BYTES_LIT("\x05"
                                                "abcde"));
    assert_int_equal(sg_get_vector(&r, 4).len, 0);
    assert_int_equal(r.err, SG_ERR_OVERSIZED);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    struct failing_mem mem;
    struct sg_column c = {.mem = failing_mem_init(&mem, 2)};
    for (int i = 0; i < 100; i++)
        sg_put_vector(&c, SG_BYTES_LIT("0123456789"));
    assert_true(c.has_failed);
    size_t len = c.len;
    sg_put_u8(&c, 1); /* stays failed, also where there is room */
    assert_int_equal(c.len, len);
    sg_column_fini(&c);
    assert_int_equal(mem.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
