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
    sg_app_limiter_init(&limiter, 100, 1);
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
    sg_app_limiter_init(&limiter, 1000000, 1);
    for (uint64_t i = 0; i < 10 * SG_APP_LIMITER_KEYS; i++) {
        snprintf(key, sizeof(key), "key %u", (unsigned)i);
        assert_true(sg_app_limiter_pass(&limiter, i, key, &left_out));
    }
    /* The newest are still known, the oldest are forgotten. */
    assert_false(sg_app_limiter_pass(&limiter, 1000, key, &left_out));
    assert_true(sg_app_limiter_pass(&limiter, 1000, "key 0", &left_out));
}

static void test_a_burst_is_let_through(void **state)
{
    struct sg_app_limiter limiter;
    uint64_t left_out;
    (void)state;
    sg_app_limiter_init(&limiter, 100, 3);
    assert_false(sg_app_limiter_is_spent(&limiter, 0, "a"));
    for (uint64_t i = 0; i < 3; i++) {
        assert_false(sg_app_limiter_is_spent(&limiter, i, "a"));
        assert_true(sg_app_limiter_pass(&limiter, i, "a", &left_out));
    }
    assert_true(sg_app_limiter_is_spent(&limiter, 3, "a"));
    assert_false(sg_app_limiter_is_spent(&limiter, 3, "b"));
    for (uint64_t i = 0; i < 1000; i++)
        assert_false(sg_app_limiter_pass(&limiter, 50, "a", &left_out));
    assert_false(sg_app_limiter_is_spent(&limiter, 100, "a"));
    assert_true(sg_app_limiter_pass(&limiter, 100, "a", &left_out));
    assert_int_equal(left_out, 1000);
    /* The interval begins with the first line in it. */
    assert_true(sg_app_limiter_pass(&limiter, 199, "a", &left_out));
    assert_int_equal(left_out, 0);
    assert_true(sg_app_limiter_pass(&limiter, 199, "a", &left_out));
    assert_false(sg_app_limiter_pass(&limiter, 199, "a", &left_out));
    assert_true(sg_app_limiter_pass(&limiter, 200, "a", &left_out));
    assert_int_equal(left_out, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_repeats_are_left_out_and_counted),
        cmocka_unit_test(test_a_burst_is_let_through),
        cmocka_unit_test(test_memory_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
