#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "histogram.h"

static void test_empty(void **state)
{
    static struct sg_app_hist hist;
    (void)state;
    sg_app_hist_init(&hist);
    assert_int_equal(sg_app_hist_quantile(&hist, 0.5), 0);
    assert_true(sg_app_hist_mean(&hist) == 0);
}

static void test_small_values_are_exact(void **state)
{
    static struct sg_app_hist hist;
    (void)state;
    sg_app_hist_init(&hist);
    for (uint64_t i = 1; i <= 100; i++)
        sg_app_hist_add(&hist, i);
    assert_int_equal(sg_app_hist_quantile(&hist, 0), 1);
    assert_int_equal(sg_app_hist_quantile(&hist, 0.5), 50);
    assert_int_equal(sg_app_hist_quantile(&hist, 0.95), 95);
    assert_int_equal(sg_app_hist_quantile(&hist, 0.951), 96);
    assert_int_equal(sg_app_hist_quantile(&hist, 1), 100);
    assert_true(sg_app_hist_mean(&hist) == 50.5);
}

static void test_error_is_bounded(void **state)
{
    (void)state;
    for (uint64_t value = 1; value < UINT64_MAX / 3; value = value * 3 + 1) {
        static struct sg_app_hist hist;
        sg_app_hist_init(&hist);
        sg_app_hist_add(&hist, value);
        sg_app_hist_add(&hist, UINT64_MAX); /* so that the maximum does not help */
        uint64_t median = sg_app_hist_quantile(&hist, 0.5);
        assert_true(median >= value);
        assert_true(median - value <= value / 128);
    }
}

static void test_extremes(void **state)
{
    static struct sg_app_hist hist;
    (void)state;
    sg_app_hist_init(&hist);
    sg_app_hist_add(&hist, 0);
    sg_app_hist_add(&hist, UINT64_MAX);
    assert_int_equal(hist.min, 0);
    assert_true(hist.max == UINT64_MAX);
    assert_int_equal(sg_app_hist_quantile(&hist, 0.5), 0);
    assert_true(sg_app_hist_quantile(&hist, 1) == UINT64_MAX);
}

static void test_quantile_never_exceeds_the_maximum(void **state)
{
    static struct sg_app_hist hist;
    (void)state;
    sg_app_hist_init(&hist);
    for (int i = 0; i < 1000; i++)
        sg_app_hist_add(&hist, 1000001);
    assert_int_equal(sg_app_hist_quantile(&hist, 0.99), 1000001);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_small_values_are_exact),
        cmocka_unit_test(test_error_is_bounded),
        cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_quantile_never_exceeds_the_maximum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
