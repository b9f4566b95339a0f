/* The Plumtree lab at a small scale; bench_plumtree runs it at the report's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../../sim/lab_plumtree.h"

#define NODES 300

static struct sg_lab_pt *settled(struct sg_lab_pt_config config, uint64_t seed)
{
    struct sg_lab_pt *lab;
    config.hpv.nodes = NODES;
    config.hpv.seed = seed;
    assert_int_equal(sg_lab_pt_new(&lab, &config), SG_OK);
    sg_lab_hpv_run(sg_lab_pt_views(lab), 20 * config.cycle_ns);
    return lab;
}

/* TR-07-14 table: every node receives one copy, and copies end after two cycles. */
static void test_one_sender_makes_a_tree(void **state)
{
    struct sg_lab_pt *lab = settled(sg_lab_pt_paper(sg_mem_default()), 1);
    (void)state;
    for (unsigned cycle = 0; cycle < 30; cycle++) {
        struct sg_lab_pt_broadcast b = sg_lab_pt_cycle(lab, 7);
        assert_int_equal(b.reached, NODES);
        assert_true(b.payloads <= NODES * 5 - (NODES - 1)); /* never more than a flood */
        if (cycle >= 2)
            assert_in_range(b.payloads, NODES - 1, NODES - 1 + 3);
        if (cycle >= 4) /* both ends of every link outside the tree, at most */
            assert_true(b.ihaves + b.grafts + b.prunes <= 2 * (NODES * 5 / 2 - (NODES - 1)) + 6);
    }
    sg_lab_pt_check(lab);
    sg_lab_pt_free(lab);
}

static void test_changing_senders_cost_few_copies(void **state)
{
    double copies = 0, hops[2] = {0};
    (void)state;
    for (int is_many = 0; is_many < 2; is_many++) {
        struct sg_lab_pt *lab = settled(sg_lab_pt_ours(sg_mem_default()), 2);
        for (unsigned cycle = 0; cycle < 60; cycle++) {
            struct sg_lab_pt_broadcast b = sg_lab_pt_cycle(lab, is_many ? SG_LAB_NONE : 7);
            assert_int_equal(b.reached, NODES);
            if (cycle < 20)
                continue;
            hops[is_many] += b.last_hop;
            copies += is_many ? (double)b.payloads / (NODES - 1) - 1 : 0;
        }
        sg_lab_pt_check(lab);
        sg_lab_pt_free(lab);
    }
    assert_true(copies / 40 < 0.05);
    assert_true(hops[1] < 2 * hops[0]);
}

static void test_failures_in_each_cycle_lose_nothing(void **state)
{
    struct sg_lab_pt *lab = settled(sg_lab_pt_paper(sg_mem_default()), 3);
    double copies = 0;
    (void)state;
    for (unsigned cycle = 0; cycle < 5; cycle++)
        (void)sg_lab_pt_cycle(lab, SG_LAB_NONE);
    for (unsigned cycle = 0; cycle < 60; cycle++) {
        sg_lab_pt_kill(lab, 2); /* as many of all as 50 of 10 000 in each of 100 cycles, and more */
        struct sg_lab_pt_broadcast b = sg_lab_pt_cycle(lab, SG_LAB_NONE);
        assert_int_equal(b.reached, b.up);
        copies += (double)b.payloads / (b.up - 1) - 1;
    }
    assert_true(copies / 60 < 0.15);
    sg_lab_pt_check(lab);
    sg_lab_pt_free(lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_sender_makes_a_tree),
        cmocka_unit_test(test_changing_senders_cost_few_copies),
        cmocka_unit_test(test_failures_in_each_cycle_lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
