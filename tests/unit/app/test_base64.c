#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base64.h"

static void test_rfc_vectors(void **state)
{
    /* RFC4648 s10 */
    static const char *const PAIRS[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(PAIRS) / sizeof(PAIRS[0]); i++) {
        char text[16];
        uint8_t data[16];
        size_t len;
        size_t plain = strlen(PAIRS[i][0]);
        sg_b64_encode((const uint8_t *)PAIRS[i][0], plain, text);
        assert_string_equal(text, PAIRS[i][1]);
        assert_int_equal(strlen(text), sg_b64_len(plain));
        assert_true(sg_b64_decode(text, strlen(text), data, &len));
        assert_int_equal(len, plain);
        assert_memory_equal(data, PAIRS[i][0], plain);
    }
}

static void test_every_byte(void **state)
{
    uint8_t data[256];
    uint8_t back[256];
    char text[345];
    size_t len;
    (void)state;
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 167);
    for (size_t cut = 250; cut <= sizeof(data); cut++) {
        sg_b64_encode(data, cut, text);
        assert_true(sg_b64_decode(text, strlen(text), back, &len));
        assert_int_equal(len, cut);
        assert_memory_equal(back, data, cut);
    }
}

static void test_strict(void **state)
{
    static const char *const WRONG[] = {
        "Z",    "Zg",   "Zg=",    "Zg==Zg==", "Zh==", "Zm9=",    "Z===", "====",
        "Zg=a", "Zm8*", "Zm9v\n", " Zm9",     "Zm-_", "Zm9vZg=", "=m9v", "Z\xc3\xa9v",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++) {
        uint8_t data[16];
        size_t len;
        assert_false(sg_b64_decode(WRONG[i], strlen(WRONG[i]), data, &len));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc_vectors),
        cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_strict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
