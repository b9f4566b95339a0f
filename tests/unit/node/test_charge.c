#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "node/internal.h"

static void a_bucket_gives_its_burst_and_then_its_rate(void **state)
{
    struct sg_bucket bucket = {.milli = 3000, .at = 0};
    (void)state;
    for (int i = 0; i < 3; i++)
        assert_true(sg_bucket_take(&bucket, 0, 10, 3));
    assert_false(sg_bucket_take(&bucket, 0, 10, 3));
    assert_false(sg_bucket_take(&bucket, 99 * SG_NS_PER_MS, 10, 3));
    assert_true(sg_bucket_take(&bucket, 101 * SG_NS_PER_MS, 10, 3));
    assert_false(sg_bucket_take(&bucket, 102 * SG_NS_PER_MS, 10, 3));
}

static void a_bucket_never_holds_more_than_its_burst(void **state)
{
    struct sg_bucket bucket = {0};
    int taken = 0;
    (void)state;
    sg_time_ns late = UINT64_C(1) << 62;
    while (sg_bucket_take(&bucket, late, 1000000, 5))
        taken++;
    assert_int_equal(taken, 5);
    assert_false(sg_bucket_take(&bucket, 0, 1000000, 5)); /* a clock that goes back gives nothing */
}

/* Asked often, a slow bucket must still fill: fractions of a token may not get lost. */
static void slow_rates_do_not_round_away(void **state)
{
    struct sg_bucket bucket = {0};
    int taken = 0;
    (void)state;
    for (sg_time_ns t = 0; t <= 10 * SG_NS_PER_S; t += 100 * SG_NS_PER_US)
        taken += sg_bucket_take(&bucket, t, 2, 1) ? 1 : 0;
    assert_in_range(taken, 19, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bucket_gives_its_burst_and_then_its_rate),
        cmocka_unit_test(a_bucket_never_holds_more_than_its_burst),
        cmocka_unit_test(slow_rates_do_not_round_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
