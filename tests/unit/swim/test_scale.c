/* scale.c against tables: no floating point in the machine, none needed here. */
#include "unit/swim/fixture.h"

static void log10_is_right_to_four_digits(void **state)
{
    (void)state;
    /* log10 * 65536 */
    static const struct {
        uint32_t n, expected;
    } cases[] = {{1, 0},        {2, 19728},    {10, 65536},    {32, 98640},
                 {100, 131072}, {128, 138097}, {1000, 196608}, {4097, 236744}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint32_t got = sg_swim_log10_q16(cases[i].n);
        assert_in_range(got + 4, cases[i].expected, cases[i].expected + 8);
    }
}

static void minimum_as_published(void **state)
{
    (void)state;
    struct sg_swim_config c = sg_swim_config_paper(sg_mem_default(), true);
    /* yardsticks 9: alpha 5, n 128: 10.5 s; alpha 4: 32 6.0, 128 8.4; alpha 2: 32 3.0, 128 4.2 */
    assert_in_range(sg_swim_suspicion_min(&c, 128) / MS, 10534, 10538);
    c.alpha_milli = 4000;
    assert_in_range(sg_swim_suspicion_min(&c, 32) / MS, 6019, 6022);
    assert_in_range(sg_swim_suspicion_min(&c, 128) / MS, 8427, 8430);
    c.alpha_milli = 2000;
    assert_in_range(sg_swim_suspicion_min(&c, 128) / MS, 4213, 4216);
    assert_int_equal(sg_swim_suspicion_min(&c, 3) / MS, 2000); /* log10 at least 1 */
    c = sg_swim_config_default(sg_mem_default());
    assert_int_equal(sg_swim_suspicion_min(&c, 2) / MS, 1900);
    assert_int_equal(sg_swim_suspicion_min(&c, 4000) / MS, 1900);
}

static void timeout_falls_with_confirmations(void **state)
{
    (void)state;
    uint64_t min = 2 * SEC, max = 30 * SEC;
    /* memberlist's own test of remainingSuspicionTime: k 3 */
    assert_int_equal(sg_swim_suspicion_timeout(min, max, 0, 3), max);
    assert_in_range(sg_swim_suspicion_timeout(min, max, 1, 3) / MS, 15999, 16001);
    assert_in_range(sg_swim_suspicion_timeout(min, max, 2, 3) / MS, 7809, 7811);
    assert_int_equal(sg_swim_suspicion_timeout(min, max, 3, 3), min);
    assert_int_equal(sg_swim_suspicion_timeout(min, max, 4, 3), min);
    assert_int_equal(sg_swim_suspicion_timeout(min, max, 0, 0), min);
    for (uint8_t k = 1; k <= SG_SWIM_CONFIRMATIONS_HARD; k++)
        for (uint8_t c = 0; c < k; c++)
            assert_true(sg_swim_suspicion_timeout(min, UINT64_MAX / 4, c, k) >
                        sg_swim_suspicion_timeout(min, UINT64_MAX / 4, (uint8_t)(c + 1), k));
}

static void transmits_grow_with_the_digits(void **state)
{
    (void)state;
    struct sg_swim_config c = sg_swim_config_paper(sg_mem_default(), true);
    assert_int_equal(sg_swim_transmits(&c, 1), 4);
    assert_int_equal(sg_swim_transmits(&c, 9), 4);
    assert_int_equal(sg_swim_transmits(&c, 10), 8);
    assert_int_equal(sg_swim_transmits(&c, 99), 8);
    assert_int_equal(sg_swim_transmits(&c, 128), 12);
    c.lambda_milli = 0;
    assert_int_equal(sg_swim_transmits(&c, 128), 1);
    c.lambda_milli = 100000;
    assert_int_equal(sg_swim_transmits(&c, 4096), 255);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log10_is_right_to_four_digits),
        cmocka_unit_test(minimum_as_published),
        cmocka_unit_test(timeout_falls_with_confirmations),
        cmocka_unit_test(transmits_grow_with_the_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
