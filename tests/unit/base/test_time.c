#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/time.h"

static void test_add_saturates(void **state)
{
    (void)state;
    assert_true(sg_time_add(0, 0) == 0);
    assert_true(sg_time_add(5, 7) == 12);
    assert_true(sg_time_add(SG_TIME_NEVER - 1, 1) == SG_TIME_NEVER);
    assert_true(sg_time_add(SG_TIME_NEVER - 1, 2) == SG_TIME_NEVER);
    assert_true(sg_time_add(SG_TIME_NEVER, 0) == SG_TIME_NEVER);
    assert_true(sg_time_add(SG_TIME_NEVER, UINT64_MAX) == SG_TIME_NEVER);
    assert_true(sg_time_add(0, UINT64_MAX) == SG_TIME_NEVER);
}

static void test_since_stops_at_zero(void **state)
{
    (void)state;
    assert_true(sg_time_since(7, 5) == 2);
    assert_true(sg_time_since(5, 5) == 0);
    assert_true(sg_time_since(5, 7) == 0);
    assert_true(sg_time_since(SG_TIME_NEVER, 0) == UINT64_MAX);
}

static void test_min(void **state)
{
    (void)state;
    assert_true(sg_time_min(3, 4) == 3);
    assert_true(sg_time_min(4, 3) == 3);
    assert_true(sg_time_min(4, SG_TIME_NEVER) == 4);
}

static void test_units(void **state)
{
    (void)state;
    assert_true(SG_NS_PER_S == 1000 * SG_NS_PER_MS);
    assert_true(SG_NS_PER_MS == 1000 * SG_NS_PER_US);
    assert_true(SG_NS_PER_US == 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add_saturates),
        cmocka_unit_test(test_since_stops_at_zero),
        cmocka_unit_test(test_min),
        cmocka_unit_test(test_units),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
