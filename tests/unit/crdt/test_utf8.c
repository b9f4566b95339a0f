/* crdt/utf8.c: what is text and what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "crdt/utf8.h"

static sg_err check(const char *text, struct sg_utf8_counts *counts)
{
    return sg_utf8_check(sg_bytes(text, strlen(text)), counts);
}

static void test_good(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t chars, wide;
    } cases[] = {
        {"", 0, 0},
        {"plain text, longer than a word", 30, 0},
        {"\xc2\x80\xdf\xbf", 2, 0},                     /* U+0080, U+07FF */
        {"\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80", 3, 0}, /* around the surrogates */
        {"\xef\xbf\xbf\xf0\x90\x80\x80", 2, 1},         /* U+FFFF, U+10000 */
        {"12345678\xf4\x8f\xbf\xbf", 9, 1},             /* U+10FFFF */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sg_utf8_counts counts;
        struct sg_bytes text = sg_bytes(cases[i].text, strlen(cases[i].text));
        assert_int_equal(check(cases[i].text, &counts), SG_OK);
        assert_int_equal(counts.chars, cases[i].chars);
        assert_int_equal(counts.wide, cases[i].wide);
        counts = sg_utf8_count(text);
        assert_int_equal(counts.chars, cases[i].chars);
        assert_int_equal(counts.wide, cases[i].wide);
        assert_int_equal(sg_utf8_skip(text, cases[i].chars), text.len);
        assert_int_equal(sg_utf8_skip(text, cases[i].chars + 1), text.len);
    }
}

static void test_bad(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "\x80",     /* a continuation alone */
        "\xc3",     /* cut */
        "\xc3(",    /* no continuation */
        "\xc0\x80", /* longer than needed */
        "\xc1\xbf",
        "\xe0\x9f\xbf",
        "\xf0\x8f\xbf\xbf",
        "\xed\xa0\x80", /* a surrogate */
        "\xed\xbf\xbf",
        "\xf4\x90\x80\x80", /* above U+10FFFF */
        "\xf5\x80\x80\x80",
        "\xff",
        "\xe2\x82",
        "\xf0\x9f\x98",
        "12345678\xe2\x82(",
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sg_utf8_counts counts;
        assert_int_equal(check(cases[i], &counts), SG_ERR_MALFORMED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
