/* app/mls_commit.c: numbers as people write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mls_actions.h"

#define NONE UINT64_C(0xdead)

static uint64_t read_number(const char *text, char stop, uint64_t max)
{
    uint64_t number;
    return sg_mls_read_number(text, stop, max, &number) ? number : NONE;
}

static void numbers_are_decimal_or_hexadecimal(void **state)
{
    static const char *const bad[] = {
        "",    "x",     "-1", "+1",    " 1",   "1 ",  "0x",  "0xg",
        "08x", "0x1 2", "1=", "65536", "0x1_", "0b1", "1e3", "99999999999999999999"};
    (void)state;
    assert_int_equal(read_number("0", '\0', UINT16_MAX), 0);
    assert_int_equal(read_number("10", '\0', UINT16_MAX), 10);
    assert_int_equal(read_number("0x10", '\0', UINT16_MAX), 16);
    assert_int_equal(read_number("0XfF", '\0', UINT16_MAX), 255);
    assert_int_equal(read_number("65535=file", '=', UINT16_MAX), 65535);
    assert_int_equal(read_number("18446744073709551615", '\0', UINT64_MAX), UINT64_MAX);
    /* a zero before it makes no octal number of it */
    assert_int_equal(read_number("010", '\0', UINT16_MAX), 10);
    assert_int_equal(read_number("08", '\0', UINT16_MAX), 8);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(read_number(bad[i], '\0', UINT16_MAX), NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_decimal_or_hexadecimal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
