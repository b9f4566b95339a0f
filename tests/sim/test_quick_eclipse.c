/* threats.md 8, 9, 14 at machine level, small: few honest nodes, few seeds. The whole experiment is
 * bench/bench_eclipse.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../sim/lab_eclipse.h"
#include "base/prng.h"

#define SEEDS 2

/* Sixty honest nodes, that share of attackers among all, ten rounds. */
static struct sg_lab_config small(unsigned sybil_percent)
{
    struct sg_lab_config config = sg_lab_config_default(sg_mem_default());
    config.honest = 60;
    config.sybils = (uint16_t)(config.honest * sybil_percent / (100 - sybil_percent));
    config.rounds = 10;
    config.churn_percent = 2;
    return config;
}

static struct sg_lab_result run(const struct sg_lab_config *config, uint64_t seed)
{
    struct sg_lab_result result;
    assert_int_equal(sg_lab_run(config, seed, &result), SG_OK);
    return result;
}

static void assert_held(const struct sg_lab_result *result)
{
    assert_int_equal(result->eclipsed_worst, 0);
    assert_int_equal(result->outside_worst, 0);
    assert_int_equal(result->eclipsed_end, 0);
    assert_int_equal(result->outside_end, 0);
}

static void test_two_slots_hold(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        for (unsigned percent = 20; percent <= 50; percent += 30) {
            struct sg_lab_config config = small(percent);
            struct sg_lab_result result = run(&config, seed);
            assert_held(&result);
            assert_true(result.sybil_permille > 300); /* there was an attack */
        }
}

static void test_three_slots_hold_against_four_fifths(void **state)
{
    (void)state;
    struct sg_lab_config config = small(80);
    config.hpv.contact_slots = 3;
    config.rounds = 6;
    struct sg_lab_result result = run(&config, 1);
    assert_held(&result);
    assert_true(result.sybil_permille > 300);
}

/* The experiment can fail: the paper's rules do not hold. */
static void test_without_slots_nodes_are_eclipsed(void **state)
{
    (void)state;
    struct sg_lab_config config = small(50);
    config.hpv.contact_slots = 0;
    config.hpv.chosen_min = 0;
    config.hpv.evict_interval_ns = 0;
    config.hpv.evict_youngest = false;
    struct sg_lab_result result = run(&config, 1);
    assert_true(result.eclipsed_end > 10);
    assert_true(result.outside_end >= result.eclipsed_end - 1);
}

static void test_attack_at_dawn(void **state)
{
    (void)state;
    struct sg_lab_config config = small(0);
    config.attack = SG_LAB_DAWN;
    config.sybils = (uint16_t)(10 * config.honest);
    config.churn_percent = 0;
    config.rounds = 2;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct sg_lab_result result = run(&config, seed);
        assert_in_range(result.connected_s, 0, 60);
        assert_held(&result);
    }
    config.hpv.contact_slots = 0;
    struct sg_lab_result result = run(&config, 1);
    assert_int_equal(result.connected_s, UINT16_MAX);
}

/* The worst minute of any node of any seed: in one seed chance alone makes the difference. */
static uint16_t worst_honest_changes(const struct sg_lab_config *config)
{
    uint16_t worst = 0;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct sg_lab_result result = run(config, seed);
        worst = result.honest_changes > worst ? result.honest_changes : worst;
    }
    return worst;
}

/* Its own link comes up three times at once, then once a minute; honest links do not suffer. */
static void test_flapper(void **state)
{
    (void)state;
    struct sg_lab_config config = small(0);
    config.churn_percent = 0;
    config.rounds = 5;
    uint16_t calm = worst_honest_changes(&config);
    config.sybils = 1;
    config.attack = SG_LAB_FLAPPER;
    struct sg_lab_result result = run(&config, 1);
    assert_held(&result);
    assert_in_range(result.flapper_changes, 1, 3);
    assert_in_range(worst_honest_changes(&config), 0, calm + 1u);
    config.hpv.evict_interval_ns = 0; /* the limit off */
    result = run(&config, 1);
    assert_true(result.flapper_changes > 60);
}

static void test_storm_of_forged_frames(void **state)
{
    (void)state;
    struct sg_lab_config config = small(10);
    config.attack = SG_LAB_STORM;
    config.churn_percent = 0;
    config.rounds = 4;
    struct sg_lab_result result = run(&config, 1);
    assert_held(&result);
    assert_true(result.inputs > 20000);
}

static void test_same_seed_same_run(void **state)
{
    (void)state;
    struct sg_lab_config config = small(50);
    config.rounds = 3;
    struct sg_lab_result first = run(&config, 7);
    struct sg_lab_result again = run(&config, 7);
    struct sg_lab_result other = run(&config, 8);
    assert_int_equal(first.inputs, again.inputs);
    assert_int_equal(first.sybil_permille, again.sybil_permille);
    assert_int_not_equal(first.inputs, other.inputs);
}

static void test_bad_configs(void **state)
{
    (void)state;
    struct sg_lab_result result;
    struct sg_lab_config config = small(0);
    config.attack = SG_LAB_DAWN; /* by nobody */
    assert_int_equal(sg_lab_run(&config, 1, &result), SG_ERR_INVALID_ARGUMENT);
    config = small(0);
    config.honest = SG_LAB_HONEST_MAX + 1;
    assert_int_equal(sg_lab_run(&config, 1, &result), SG_ERR_INVALID_ARGUMENT);
    config = small(0);
    config.contacts = SG_HPV_CONTACTS_MAX;
    assert_int_equal(sg_lab_run(&config, 1, &result), SG_ERR_INVALID_ARGUMENT);
    config = small(0);
    config.hpv.active_max = 0;
    assert_int_equal(sg_lab_run(&config, 1, &result), SG_ERR_INVALID_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_slots_hold),
        cmocka_unit_test(test_three_slots_hold_against_four_fifths),
        cmocka_unit_test(test_without_slots_nodes_are_eclipsed),
        cmocka_unit_test(test_attack_at_dawn),
        cmocka_unit_test(test_flapper),
        cmocka_unit_test(test_storm_of_forged_frames),
        cmocka_unit_test(test_same_seed_same_run),
        cmocka_unit_test(test_bad_configs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
