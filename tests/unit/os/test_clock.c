#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "os/clock.h"

static void test_monotonic_never_goes_back(void **state)
{
    sg_time_ns last = sg_clock_now();
    (void)state;
    assert_true(last > 0 && last < SG_TIME_NEVER);
    for (int i = 0; i < 10000; i++) {
        sg_time_ns now = sg_clock_now();
        assert_true(now >= last);
        last = now;
    }
}

static void test_monotonic_counts_nanoseconds(void **state)
{
    struct timespec ms20 = {.tv_nsec = 20000000};
    sg_time_ns start = sg_clock_now();
    (void)state;
    assert_int_equal(nanosleep(&ms20, NULL), 0);
    sg_time_ns passed = sg_clock_now() - start;
    assert_true(passed >= 19 * SG_NS_PER_MS);
    assert_true(passed < 60 * SG_NS_PER_S);
}

static void test_wall_counts_milliseconds_since_1970(void **state)
{
    uint64_t before = (uint64_t)time(NULL);
    uint64_t ms = sg_clock_wall_ms();
    (void)state;
    assert_true(ms / 1000 >= before - 1);
    assert_true(ms / 1000 <= before + 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_monotonic_never_goes_back),
        cmocka_unit_test(test_monotonic_counts_nanoseconds),
        cmocka_unit_test(test_wall_counts_milliseconds_since_1970),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
