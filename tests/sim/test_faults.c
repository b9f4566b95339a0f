/* Faults, then heal and demand convergence: everything that is still held reaches everybody who
 * lives, overlays are whole, neighbours know of each other. */
#include "sim_case.h"

static void test_loss(void **state)
{
    struct sim_case c = sim_case(11);
    (void)state;
    c.config.loss = 0.05;
    sim_case_run(&c);
    sim_case_assert_whole(&c);
}

static void test_duplicates_and_reordering(void **state)
{
    struct sim_case c = sim_case(12);
    (void)state;
    c.config.duplicate = 0.1;
    c.config.reorder = 0.2;
    sim_case_run(&c);
    sim_case_assert_whole(&c);
    assert_true(c.extra.stats.pt.payloads_duplicate > 0);
}

/* Harsher than QUIC: a GOSSIP overtakes its key and root, answers overtake requests. */
static void test_lanes_without_order(void **state)
{
    struct sim_case c = sim_case(13);
    (void)state;
    c.config.duplicate = 0.05;
    c.config.reorder = 0.2;
    c.config.reorder_within = true;
    sim_case_run(&c);
    sim_case_assert_whole(&c);
    assert_true(c.extra.stats.proofs_wanted > 0);
}

static void test_a_third_crashes(void **state)
{
    (void)state;
    for (uint64_t seed = 21; seed < 24; seed++) {
        struct sim_case c = sim_case(seed);
        c.config.kill = 0.3;
        sim_case_run(&c);
        sim_case_assert_whole(&c);
        assert_int_equal(c.extra.stats.published, 35);
    }
}

static void test_most_crash(void **state)
{
    struct sim_case c = sim_case(24);
    (void)state;
    c.config.kill = 0.8;
    sim_case_run(&c);
    sim_case_assert_whole(&c);
    assert_true(c.report.active_mean > 0);
}

static void test_restart_with_the_same_identity(void **state)
{
    struct sim_case c = sim_case(25);
    (void)state;
    c.config.kill = 0.3;
    c.config.restart = true;
    c.config.messages = 300; /* until after the restart */
    c.config.rate = 15;
    c.config.check = false;
    sim_case_run(&c);
    sim_case_assert_whole(&c);
    assert_true(c.extra.resets > 0); /* frames for the ghost told its neighbours */
}

/* Shorter than what links bear: nothing but a delay. */
static void test_short_partition(void **state)
{
    struct sim_case c = sim_case(31);
    (void)state;
    c.config.partition = 0.4;
    c.config.partition_at_ns = SG_NS_PER_S / 2;
    c.config.partition_for_ns = 4 * SG_NS_PER_S;
    sim_case_run(&c);
    sim_case_assert_whole(&c);
    assert_true(c.report.latency_max_ns > 2 * SG_NS_PER_S);
    assert_true(c.report.latency_max_ns < 6 * SG_NS_PER_S);
}

/* Every link across breaks; after healing the halves find each other and what they missed. */
static void test_long_partition(void **state)
{
    (void)state;
    for (uint64_t seed = 32; seed < 35; seed++) {
        struct sim_case c = sim_case(seed);
        c.config.partition = 0.5;
        c.config.partition_at_ns = SG_NS_PER_S / 2;
        c.config.partition_for_ns = 45 * SG_NS_PER_S;
        sim_case_run(&c);
        sim_case_assert_whole(&c);
        assert_true(c.report.latency_max_ns > 40 * SG_NS_PER_S);
    }
}

static void test_everything_at_once(void **state)
{
    struct sim_case c = sim_case(41);
    (void)state;
    c.config.loss = 0.03;
    c.config.duplicate = 0.03;
    c.config.reorder = 0.1;
    c.config.kill = 0.2;
    c.config.restart = true;
    c.config.partition = 0.3;
    c.config.partition_at_ns = SG_NS_PER_S;
    c.config.partition_for_ns = 15 * SG_NS_PER_S;
    sim_case_run(&c);
    sim_case_assert_whole(&c);
}

/* A push that finds its lane full leaves an IHAVE, so nothing is lost. */
static void test_full_lanes_drop_pushes_only(void **state)
{
    struct sim_case c = sim_case(42);
    (void)state;
    c.config.payload_len = 4096;
    c.config.rate = 200;
    c.extra.lane_budget = 6000;
    sim_case_run(&c);
    sim_case_assert_whole(&c);
    assert_true(c.extra.stats.push_dropped > 0);
}

static void few_links(struct sg_core_config *config)
{
    config->hpv.active_target = 4;
    config->hpv.active_max = 6;
    config->links_max = 14;
}

/* Cores refuse links while others linger: both ends agree on what is left. */
static void test_cores_may_refuse_links(void **state)
{
    struct sim_case c = sim_case(43);
    (void)state;
    c.extra.tune = few_links;
    sim_case_run(&c);
    sim_case_assert_whole(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loss),
        cmocka_unit_test(test_duplicates_and_reordering),
        cmocka_unit_test(test_lanes_without_order),
        cmocka_unit_test(test_a_third_crashes),
        cmocka_unit_test(test_most_crash),
        cmocka_unit_test(test_restart_with_the_same_identity),
        cmocka_unit_test(test_short_partition),
        cmocka_unit_test(test_long_partition),
        cmocka_unit_test(test_everything_at_once),
        cmocka_unit_test(test_full_lanes_drop_pushes_only),
        cmocka_unit_test(test_cores_may_refuse_links),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
