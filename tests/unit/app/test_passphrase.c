#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>

#include "passphrase.h"

static char path[] = "sg-passphrase-test.tmp";

static bool read_file(const char *content, size_t len, char out[SG_PASSPHRASE_CAP])
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(content, 1, len, file), len);
    fclose(file);
    bool ok = sg_passphrase_read(path, out);
    unlink(path);
    return ok;
}

static void expect(const char *content, const char *expected)
{
    char out[SG_PASSPHRASE_CAP];
    assert_true(read_file(content, strlen(content), out));
    assert_string_equal(out, expected);
    sg_passphrase_wipe(out);
    for (size_t i = 0; i < sizeof(out); i++)
        assert_int_equal(out[i], 0);
}

static void test_first_line(void **state)
{
    (void)state;
    expect("secret", "secret");
    expect("secret\n", "secret");
    expect("secret\r\n", "secret");
    expect(" spaces count \nsecond line\n", " spaces count ");
}

static void test_none_is_empty(void **state)
{
    char out[SG_PASSPHRASE_CAP] = "x";
    (void)state;
    assert_true(sg_passphrase_read(NULL, out));
    assert_string_equal(out, "");
}

static void test_what_is_no_passphrase(void **state)
{
    char out[SG_PASSPHRASE_CAP];
    char text[1030];
    (void)state;
    memset(text, 'x', sizeof(text));
    assert_false(sg_passphrase_read("no/such/file", out));
    assert_false(read_file("", 0, out));
    assert_false(read_file("\nsecond\n", 8, out));
    assert_false(read_file("nul\0inside\n", 11, out));
    assert_true(read_file(text, 1024, out));
    assert_int_equal(strlen(out), 1024);
    assert_false(read_file(text, 1025, out));
    assert_false(read_file(text, 1030, out));
    text[1024] = '\n';
    assert_true(read_file(text, 1030, out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_line),
        cmocka_unit_test(test_none_is_empty),
        cmocka_unit_test(test_what_is_no_passphrase),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
