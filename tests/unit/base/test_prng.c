#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"

/* Outputs of Blackman and Vigna's reference code from the state 1, 2, 3, 4, as published with
 * rand_xoshiro (rust-random/rngs, test "reference" of xoshiro256starstar.rs). */
static void test_xoshiro_reference(void **state)
{
    static const uint64_t want[] = {UINT64_C(11520),
                                    UINT64_C(0),
                                    UINT64_C(1509978240),
                                    UINT64_C(1215971899390074240),
                                    UINT64_C(1216172134540287360),
                                    UINT64_C(607988272756665600),
                                    UINT64_C(16172922978634559625),
                                    UINT64_C(8476171486693032832),
                                    UINT64_C(10595114339597558777),
                                    UINT64_C(2904607092377533576)};
    struct sg_prng p = {{1, 2, 3, 4}};
    (void)state;
    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
        assert_true(sg_prng_next(&p) == want[i]);
}

/* Outputs of the reference splitmix64.c for seed 1234567, as published on Rosetta Code. */
static void test_seeding_is_splitmix64(void **state)
{
    struct sg_prng p;
    (void)state;
    sg_prng_init(&p, 1234567);
    assert_true(p.s[0] == UINT64_C(6457827717110365317));
    assert_true(p.s[1] == UINT64_C(3203168211198807973));
    assert_true(p.s[2] == UINT64_C(9817491932198370423));
    assert_true(p.s[3] == UINT64_C(4593380528125082431));
    sg_prng_init(&p, 0);
    assert_true(p.s[0] == UINT64_C(0xe220a8397b1dcdaf));
    assert_true(p.s[1] == UINT64_C(0x6e789e6aa1b965f4));
}

static void test_same_seed_same_choices(void **state)
{
    struct sg_prng a;
    struct sg_prng b;
    (void)state;
    sg_prng_init(&a, 99);
    sg_prng_init(&b, 99);
    for (int i = 0; i < 100; i++) {
        uint64_t x = sg_prng_below(&a, 1000);
        uint64_t y = sg_prng_below(&b, 1000);
        assert_true(x == y);
    }
    sg_prng_init(&b, 100);
    assert_true(sg_prng_next(&a) != sg_prng_next(&b));
}

/* 0 and 1 leave no choice, and draw nothing. */
static void test_below_without_choice(void **state)
{
    struct sg_prng p;
    struct sg_prng before;
    (void)state;
    sg_prng_init(&p, 1);
    before = p;
    assert_true(sg_prng_below(&p, 0) == 0);
    assert_true(sg_prng_below(&p, 1) == 0);
    assert_memory_equal(&p, &before, sizeof(p));
}

static void test_below_is_in_range_and_even(void **state)
{
    enum { sides = 6, throws = 60000 };
    size_t seen[sides] = {0};
    struct sg_prng p;
    (void)state;
    sg_prng_init(&p, 1);
    for (int i = 0; i < throws; i++) {
        uint64_t side = sg_prng_below(&p, sides);
        assert_true(side < sides);
        seen[side]++;
    }
    for (size_t i = 0; i < sides; i++) /* 10000 each, standard deviation 91 */
        assert_in_range(seen[i], 10000 - 500, 10000 + 500);
}

/* n just above 2^63: without rejection every second value would come twice as often. */
static void test_below_is_unbiased_for_large_n(void **state)
{
    const uint64_t n = (UINT64_C(1) << 63) + (UINT64_C(1) << 62);
    struct sg_prng p;
    size_t low = 0;
    (void)state;
    sg_prng_init(&p, 7);
    for (int i = 0; i < 30000; i++) {
        uint64_t draw = sg_prng_below(&p, n);
        assert_true(draw < n);
        low += draw < n / 3;
    }
    assert_in_range(low, 10000 - 500, 10000 + 500); /* biased: 15000 */
    assert_true(sg_prng_below(&p, UINT64_MAX) < UINT64_MAX);
}

static void check_jitter(uint64_t value, unsigned percent)
{
    struct sg_prng p;
    uint64_t span = value / 100 * percent;
    uint64_t lowest = UINT64_MAX;
    uint64_t highest = 0;
    sg_prng_init(&p, 3);
    for (int i = 0; i < 2000; i++) {
        uint64_t out = sg_prng_jitter(&p, value, percent);
        assert_true(out >= value - span && out <= value + span);
        lowest = out < lowest ? out : lowest;
        highest = out > highest ? out : highest;
    }
    assert_true(lowest <= value - span + span / 50);
    assert_true(highest >= value + span - span / 50);
}

static void test_jitter(void **state)
{
    (void)state;
    check_jitter(UINT64_C(1000000000), 20);
    check_jitter(UINT64_C(1000000000), 100);
    check_jitter(UINT64_C(1000000000), 0);
    check_jitter(10000, 1);
    check_jitter(0, 50);
    check_jitter(UINT64_C(1) << 62, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_xoshiro_reference),
        cmocka_unit_test(test_seeding_is_splitmix64),
        cmocka_unit_test(test_same_seed_same_choices),
        cmocka_unit_test(test_below_without_choice),
        cmocka_unit_test(test_below_is_in_range_and_even),
        cmocka_unit_test(test_below_is_unbiased_for_large_n),
        cmocka_unit_test(test_jitter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
