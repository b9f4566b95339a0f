#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "format.h"

static void test_ns(void **state)
{
    char text[SG_FMT_CAP];
    (void)state;
    assert_string_equal(sg_fmt_ns(text, 0), "0 ns");
    assert_string_equal(sg_fmt_ns(text, 999), "999 ns");
    assert_string_equal(sg_fmt_ns(text, 1000), "1.00 us");
    assert_string_equal(sg_fmt_ns(text, 12345), "12.3 us");
    assert_string_equal(sg_fmt_ns(text, 999499), "999 us");
    assert_string_equal(sg_fmt_ns(text, 999600), "1.00 ms");
    assert_string_equal(sg_fmt_ns(text, 4567890), "4.57 ms");
    assert_string_equal(sg_fmt_ns(text, 9996000), "10.0 ms");
    assert_string_equal(sg_fmt_ns(text, 61e9), "61.0 s");
    assert_string_equal(sg_fmt_ns(text, 1e12), "1000 s");
}

static void test_age(void **state)
{
    char text[SG_FMT_CAP];
    (void)state;
    assert_string_equal(sg_fmt_age_ms(text, 999), "0 s");
    assert_string_equal(sg_fmt_age_ms(text, 59999), "59 s");
    assert_string_equal(sg_fmt_age_ms(text, 61000), "1 min 1 s");
    assert_string_equal(sg_fmt_age_ms(text, 3600000), "1 h 0 min");
    assert_string_equal(sg_fmt_age_ms(text, 90000000), "1 d 1 h");
}

static void test_size(void **state)
{
    char text[SG_FMT_CAP];
    (void)state;
    assert_string_equal(sg_fmt_size(text, 0), "0 B");
    assert_string_equal(sg_fmt_size(text, 1023), "1023 B");
    assert_string_equal(sg_fmt_size(text, 1024), "1.00 KiB");
    assert_string_equal(sg_fmt_size(text, 1536 * 1024.0), "1.50 MiB");
    assert_string_equal(sg_fmt_size(text, 5e15), "4547 TiB");
}

static void test_share_is_whole_only_when_all(void **state)
{
    char text[SG_FMT_CAP];
    (void)state;
    assert_string_equal(sg_fmt_share(text, 1), "100 %");
    assert_string_equal(sg_fmt_share(text, 0.9999999), "99.99 %");
    assert_string_equal(sg_fmt_share(text, 0.5), "50.00 %");
    assert_string_equal(sg_fmt_share(text, 0), "0.00 %");
}

static void test_short_id(void **state)
{
    char text[SG_FMT_CAP];
    uint8_t id[SG_ID_LEN] = {0};
    (void)state;
    assert_string_equal(sg_fmt_short_id(text, id), "aaaaaaaaaa");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ns),       cmocka_unit_test(test_age),
        cmocka_unit_test(test_size),     cmocka_unit_test(test_share_is_whole_only_when_all),
        cmocka_unit_test(test_short_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
