#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "limiter.h"

static void test_repeats_are_left_out_and_counted(void **state)
{
    struct sg_app_limiter limiter;
    uint64_t left_out;
    (void)state;
    sg_app_limiter_init(&limiter, 100);
    assert_true(sg_app_limiter_pass(&limiter, 0, "a", &left_out));
    assert_int_equal(left_out, 0);
    assert_false(sg_app_limiter_pass(&limiter, 50, "a", &left_out));
    assert_false(sg_app_limiter_pass(&limiter, 99, "a", &left_out));
    assert_true(sg_app_limiter_pass(&limiter, 99, "b", &left_out));
    assert_true(sg_app_limiter_pass(&limiter, 100, "a", &left_out));
    assert_int_equal(left_out, 2);
    assert_false(sg_app_limiter_pass(&limiter, 101, "a", &left_out));
}

static void test_memory_is_bounded(void **state)
{
    struct sg_app_limiter limiter;
    uint64_t left_out;
    char key[16];
    (void)state;
    sg_app_limiter_init(&limiter, 1000000);
    for (uint64_t i = 0; i < 10 * SG_APP_LIMITER_KEYS; i++) {
        snprintf(key, sizeof(key), "key %u", (unsigned)i);
        assert_true(sg_app_limiter_pass(&limiter, i, key, &left_out));
    }
    /* The newest are still known, the oldest are forgotten. */
    assert_false(sg_app_limiter_pass(&limiter, 1000, key, &left_out));
    assert_true(sg_app_limiter_pass(&limiter, 1000, "key 0", &left_out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_repeats_are_left_out_and_counted),
        cmocka_unit_test(test_memory_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
