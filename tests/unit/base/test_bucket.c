#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bucket.h"

#define MS SG_NS_PER_MS

static void burst_then_rate(void **state)
{
    (void)state;
    struct sg_bucket b;
    sg_bucket_init(&b, 1000, 5);
    for (int i = 0; i < 5; i++)
        assert_true(sg_bucket_take(&b, 1000, 10, 5));
    assert_false(sg_bucket_take(&b, 1000, 10, 5));
    assert_false(sg_bucket_take(&b, 1000 + 99 * MS, 10, 5));
    assert_true(sg_bucket_take(&b, 1000 + 100 * MS, 10, 5));
    assert_false(sg_bucket_take(&b, 1000 + 100 * MS, 10, 5));
    unsigned got = 0;
    for (int i = 0; i < 1000; i++) /* 10 s, 100 questions per s */
        got += sg_bucket_take(&b, 1000 + 100 * MS + (sg_time_ns)i * 10 * MS, 10, 5);
    assert_in_range(got, 98, 101);
}

static void level_is_bounded_and_taken_from(void **state)
{
    (void)state;
    struct sg_bucket b;
    sg_bucket_init(&b, 0, 4);
    assert_int_equal(sg_bucket_level(&b, 0, 1, 4), 4000);
    assert_int_equal(sg_bucket_level(&b, 3600 * 1000 * MS, 1, 4), 4000);
    assert_true(sg_bucket_take(&b, 3600 * 1000 * MS, 1, 4));
    assert_int_equal(sg_bucket_level(&b, 3600 * 1000 * MS + 500 * MS, 1, 4), 3500);
}

static void strange_clocks(void **state)
{
    (void)state;
    struct sg_bucket b = {0, 0};
    assert_false(sg_bucket_take(&b, 0, 1000, 10)); /* zeroed: empty at 0 .. */
    assert_true(sg_bucket_take(&b, MS, 1000, 10)); /* .. and fills from there */
    assert_true(sg_bucket_take(&b, SG_TIME_NEVER - 1, UINT32_MAX, UINT32_MAX)); /* no overflow */
    sg_bucket_init(&b, 100, 1);
    assert_true(sg_bucket_take(&b, 50, 1, 1)); /* nor when time goes back */
    assert_false(sg_bucket_take(&b, 0, 1, 1));
}

static void rate_zero_gives_nothing_back(void **state)
{
    (void)state;
    struct sg_bucket b;
    sg_bucket_init(&b, 0, 2);
    assert_true(sg_bucket_take(&b, 0, 0, 2));
    assert_true(sg_bucket_take(&b, SG_NS_PER_S, 0, 2));
    assert_false(sg_bucket_take(&b, 3600 * SG_NS_PER_S, 0, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(burst_then_rate),
        cmocka_unit_test(level_is_bounded_and_taken_from),
        cmocka_unit_test(strange_clocks),
        cmocka_unit_test(rate_zero_gives_nothing_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
