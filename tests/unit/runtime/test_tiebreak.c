#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/tiebreak.h"

static const struct sg_peer_id small = {{1}};
static const struct sg_peer_id large = {{2}};

#define MINUTE (60 * SG_NS_PER_S)

static void smaller_id_decides(void **state)
{
    (void)state;
    assert_true(sg_rt_is_decider(&small, &large));
    assert_false(sg_rt_is_decider(&large, &small));
}

static void crossing_dials_keep_the_one_of_the_smaller_id(void **state)
{
    (void)state;
    const struct sg_rt_claim ours = {.dialled = true, .boot = 7, .since = MINUTE};
    const struct sg_rt_claim theirs = {.dialled = false, .boot = 7, .since = MINUTE + 5};
    /* at the smaller end, in both orders of arrival */
    assert_false(sg_rt_newer_wins(&small, &large, &ours, &theirs, MINUTE + 5));
    assert_true(sg_rt_newer_wins(&small, &large, &theirs, &ours, MINUTE + 5));
    /* at the larger end */
    assert_true(sg_rt_newer_wins(&large, &small, &ours, &theirs, MINUTE + 5));
    assert_false(sg_rt_newer_wins(&large, &small, &theirs, &ours, MINUTE + 5));
}

static void higher_boot_wins_whatever_else(void **state)
{
    (void)state;
    const struct sg_rt_claim ghost = {.dialled = true, .boot = 7, .since = MINUTE};
    const struct sg_rt_claim reborn = {.dialled = false, .boot = 8, .since = MINUTE};
    assert_true(sg_rt_newer_wins(&small, &large, &ghost, &reborn, MINUTE));
    assert_false(sg_rt_newer_wins(&small, &large, &reborn, &ghost, MINUTE));
    assert_false(sg_rt_newer_wins(&large, &small, &reborn, &ghost, 10 * MINUTE));
}

static void same_direction_takes_the_newer(void **state)
{
    (void)state;
    const struct sg_rt_claim first = {.dialled = true, .boot = 7, .since = MINUTE};
    const struct sg_rt_claim second = {.dialled = true, .boot = 7, .since = MINUTE + 1};
    assert_true(sg_rt_newer_wins(&small, &large, &first, &second, MINUTE + 1));
    assert_true(sg_rt_newer_wins(&large, &small, &first, &second, MINUTE + 1));
}

static void an_old_one_gives_way_to_the_other_direction(void **state)
{
    (void)state;
    const struct sg_rt_claim older = {.dialled = true, .boot = 7, .since = MINUTE};
    struct sg_rt_claim newer = {.dialled = false, .boot = 7};
    newer.since = older.since + SG_RT_CROSSING_NS;
    assert_true(sg_rt_newer_wins(&small, &large, &older, &newer, newer.since));
    assert_false(sg_rt_newer_wins(&small, &large, &older, &newer, newer.since - 1));
    /* a clock that stands at 0 does not make anything old */
    const struct sg_rt_claim at_zero = {.dialled = true, .boot = 7, .since = 0};
    assert_false(sg_rt_newer_wins(&small, &large, &at_zero, &newer, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(smaller_id_decides),
        cmocka_unit_test(crossing_dials_keep_the_one_of_the_smaller_id),
        cmocka_unit_test(higher_boot_wins_whatever_else),
        cmocka_unit_test(same_direction_takes_the_newer),
        cmocka_unit_test(an_old_one_gives_way_to_the_other_direction),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
