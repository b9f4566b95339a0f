/* view.c: eviction and replacement are random, order is that of insertion. */
#include "unit/hyparview/fixture.h"

static void test_insertion_order(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 1, 8, 8);
    neighbors(&b, "d a c b");
    candidates(&b, "z x y");
    assert_string_equal(views(&b), "active: d a c b; passive: z x y; pending:");
    says(&b, "a", "DISCONNECT leaving");
    says(&b, "x", "DISCONNECT leaving");
    neighbors(&b, "a");
    candidates(&b, "x");
    assert_string_equal(views(&b), "active: d c b a; passive: z y x; pending:");
    bench_close(&b);
}

static void test_candidates_are_a_set(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 1, 8, 8);
    neighbors(&b, "a b");
    candidates(&b, "p a p self q b q");
    assert_string_equal(views(&b), "active: a b; passive: p q; pending:");
    bench_close(&b);
}

static void test_neighbor_leaves_passive_view(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 1, 8, 8);
    neighbors(&b, "a");
    candidates(&b, "p q");
    assert_string_equal(says(&b, "p", "NEIGHBOR low"), "send p NEIGHBOR_REPLY accepted\nup p\n");
    assert_string_equal(views(&b), "active: a p; passive: q; pending:");
    bench_close(&b);
}

static void test_since(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 1, 8, 8);
    b.now = 5;
    neighbors(&b, "a");
    b.now = 7;
    neighbors(&b, "b");
    assert_int_equal(b.m.active[0].since, 5);
    assert_int_equal(b.m.active[1].since, 7);
    bench_close(&b);
}

/* Every neighbour is evicted sometimes, never the one that comes in. */
static void test_eviction_is_random(void **state)
{
    (void)state;
    struct bench b;
    unsigned evicted[4] = {0};
    static const char *const names[] = {"a", "b", "c", "d"};
    bench_open(&b, 4, 4, 8);
    neighbors(&b, "a b c d");
    for (int i = 0; i < 400; i++) {
        says(&b, "x", "NEIGHBOR high");
        assert_true(is_active(&b, "x"));
        says(&b, "x", "DISCONNECT leaving");
        for (int k = 0; k < 4; k++) {
            evicted[k] += !is_active(&b, names[k]);
            if (!is_active(&b, names[k]))
                neighbors(&b, names[k]);
        }
    }
    for (int k = 0; k < 4; k++)
        assert_in_range(evicted[k], 70, 130);
    bench_close(&b);
}

static void test_full_passive_view_replaces_at_random(void **state)
{
    (void)state;
    struct bench b;
    unsigned stayed[8] = {0};
    for (int round = 0; round < 400; round++) {
        bench_open(&b, 1, 1, 8);
        sg_prng_init(&b.m.prng, (uint64_t)round);
        neighbors(&b, "a");
        candidates(&b, "p0 p1 p2 p3 p4 p5 p6 p7");
        candidates(&b, "new");
        assert_int_equal(b.m.passive_count, 8);
        assert_true(has_passive(&b, "new"));
        for (int k = 0; k < 8; k++) {
            char name[16];
            snprintf(name, sizeof(name), "p%d", k);
            stayed[k] += has_passive(&b, name);
        }
        bench_close(&b);
    }
    for (int k = 0; k < 8; k++)
        assert_in_range(400 - stayed[k], 30, 75);
}

static void test_failed_is_replaced_first(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 1, 1, 4);
    neighbors(&b, "a");
    candidates(&b, "p q r s");
    event(&b, SG_HPV_IN_FAILED, "q");
    event(&b, SG_HPV_IN_FAILED, "r");
    event(&b, SG_HPV_IN_FAILED, "r");
    candidates(&b, "t");
    assert_string_equal(views(&b), "active: a; passive: p q s t; pending:");
    candidates(&b, "u");
    assert_string_equal(views(&b), "active: a; passive: p s t u; pending:");
    bench_close(&b);
}

/* What was refused or lost does not push out a candidate that never failed. */
static void test_offer_needs_a_free_or_failed_place(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 1, 1, 2);
    neighbors(&b, "a");
    candidates(&b, "p q");
    assert_string_equal(says(&b, "x", "NEIGHBOR low"), "send x NEIGHBOR_REPLY refused\n");
    assert_string_equal(views(&b), "active: a; passive: p q; pending:");
    event(&b, SG_HPV_IN_FAILED, "p");
    says(&b, "x", "NEIGHBOR low");
    assert_string_equal(views(&b), "active: a; passive: q x; pending:");
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_insertion_order),
        cmocka_unit_test(test_candidates_are_a_set),
        cmocka_unit_test(test_neighbor_leaves_passive_view),
        cmocka_unit_test(test_since),
        cmocka_unit_test(test_eviction_is_random),
        cmocka_unit_test(test_full_passive_view_replaces_at_random),
        cmocka_unit_test(test_failed_is_replaced_first),
        cmocka_unit_test(test_offer_needs_a_free_or_failed_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
