/* The SWIM lab at a small scale; bench_lab runs it at the paper's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../../sim/lab_swim.h"

#define NODES 32

/* Lifeguard, or SWIM as the paper's baseline. */
static struct sg_lab_swim_config small_paper(bool lifeguard)
{
    struct sg_lab_swim_config config = sg_lab_swim_paper(sg_mem_default(), lifeguard);
    config.nodes = NODES;
    return config;
}

static struct sg_lab_stall stall_of(uint32_t members, unsigned ms, unsigned interval_ms)
{
    return (struct sg_lab_stall){.members = members,
                                 .duration_ns = ms * SG_NS_PER_MS,
                                 .interval_ns = interval_ms * SG_NS_PER_MS,
                                 .quiesce_ns = 15 * SG_NS_PER_S,
                                 .run_ns = 60 * SG_NS_PER_S};
}

static struct sg_lab_swim_result stall(const struct sg_lab_swim_config *config,
                                       struct sg_lab_stall stall)
{
    struct sg_lab_swim_result r;
    sg_lab_swim_result_init(&r, sg_mem_default());
    assert_int_equal(sg_lab_swim_stall(config, &stall, &r), SG_OK);
    sg_lab_values_sort(&r.first);
    sg_lab_values_sort(&r.full);
    return r;
}

/* The least suspicion time is 5 log10(32) = 7.53 s; a probe comes and fails in about 2 s. */
static void test_long_stalls_are_detected(void **state)
{
    (void)state;
    for (int lifeguard = 0; lifeguard < 2; lifeguard++) {
        struct sg_lab_swim_config config = small_paper(lifeguard != 0);
        struct sg_lab_swim_result r = stall(&config, stall_of(4, 32768, 0));
        assert_int_equal(r.detected, 4);
        assert_int_equal(r.full.count, 4);
        assert_int_equal(r.fp, 0);
        assert_true(sg_lab_values_at(&r.first, 0) > 8500 * SG_NS_PER_MS);
        assert_true(sg_lab_values_at(&r.first, 1000) < 16 * SG_NS_PER_S);
        assert_true(sg_lab_values_at(&r.full, 1000) >= sg_lab_values_at(&r.first, 1000));
        sg_lab_swim_result_fini(&r);
    }
}

static void test_short_stalls_are_not(void **state)
{
    struct sg_lab_swim_config config = small_paper(true);
    (void)state;
    struct sg_lab_swim_result r = stall(&config, stall_of(4, 2048, 0));
    assert_int_equal(r.detected, 0);
    assert_int_equal(r.fp, 0);
    assert_true(r.suspicions > 0);
    sg_lab_swim_result_fini(&r);
}

/* Blocked members do not hear refutations: SWIM's error, and what Lifeguard is for. */
static void test_lifeguard_errs_less_than_swim(void **state)
{
    struct sg_lab_swim_config swim = small_paper(false);
    struct sg_lab_swim_config lifeguard = small_paper(true);
    (void)state;
    struct sg_lab_swim_result a = stall(&swim, stall_of(8, 16384, 64));
    struct sg_lab_swim_result b = stall(&lifeguard, stall_of(8, 16384, 64));
    assert_true(a.fp >= 8);
    assert_true(b.fp * 10 <= a.fp);
    assert_true(a.fp_healthy <= a.fp && b.fp_healthy <= b.fp);
    sg_lab_swim_result_fini(&a);
    sg_lab_swim_result_fini(&b);
}

static void test_ours_is_quicker_and_does_not_err(void **state)
{
    struct sg_lab_swim_config config = sg_lab_swim_ours(sg_mem_default());
    (void)state;
    config.nodes = NODES;
    struct sg_lab_swim_result r = stall(&config, stall_of(2, 16384, 0));
    assert_int_equal(r.detected, 2);
    assert_int_equal(r.fp, 0);
    assert_true(sg_lab_values_at(&r.first, 1000) < 5 * SG_NS_PER_S);
    sg_lab_swim_result_fini(&r);
}

/* e/(e-1) = 1.58 periods; 100 crashes have a standard error of 0.1. */
static void test_first_detection_does_not_wait(void **state)
{
    struct sg_lab_swim_config config = small_paper(false);
    struct sg_lab_values periods = {.mem = sg_mem_default()};
    struct sg_lab_values suspected = {.mem = sg_mem_default()};
    (void)state;
    assert_int_equal(sg_lab_swim_crashes(&config, 100, &periods, &suspected), SG_OK);
    assert_true(periods.count >= 98);
    double mean = sg_lab_values_mean(&periods);
    assert_true(mean > 1.3 && mean < 1.9);
    sg_lab_values_sort(&periods);
    assert_true(sg_lab_values_at(&periods, 1000) <= 2 * NODES - 1);
    sg_lab_values_fini(&periods);
    sg_lab_values_fini(&suspected);
}

static void test_the_seed_decides(void **state)
{
    uint64_t seen[3];
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct sg_lab_swim_config config = small_paper(true);
        config.seed = i == 2 ? 2 : 1;
        struct sg_lab_swim_result r = stall(&config, stall_of(4, 8192, 256));
        seen[i] = r.events * 1000003 + r.bytes;
        sg_lab_swim_result_fini(&r);
    }
    assert_true(seen[0] == seen[1]);
    assert_true(seen[0] != seen[2]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_long_stalls_are_detected),
        cmocka_unit_test(test_short_stalls_are_not),
        cmocka_unit_test(test_lifeguard_errs_less_than_swim),
        cmocka_unit_test(test_ours_is_quicker_and_does_not_err),
        cmocka_unit_test(test_first_detection_does_not_wait),
        cmocka_unit_test(test_the_seed_decides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
