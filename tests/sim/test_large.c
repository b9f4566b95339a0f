/* Large payloads in a network with loss and crashes: every survivor gets the whole, and sending is
 * spread. */
#include <string.h>

#include "sim_case.h"

#define PAYLOAD (UINT32_C(8) << 20)

/* The second payload is under way when a fifth of the nodes crash. */
static const char text[] = "nodes 64\n"
                           "seeds 1\n"
                           "link delay 20ms jitter 20% loss 1%\n"
                           "publish rate 0.05 size 8388608 from 5s until 45s\n"
                           "at 25.5s kill 20%\n"
                           "phase safety until 60s\n"
                           "phase converge within 60s\n"
                           "expect missing == 0\n";

static void test_survivors_of_a_crash_get_all(void **state)
{
    struct sg_sim_scenario *scenario;
    struct sg_sim_problem problem;
    struct sim_case c = {.extra = sg_sim_extra_default()};
    (void)state;
    assert_int_equal(
        sg_sim_scenario_new(sg_bytes(text, sizeof(text) - 1), NULL, &scenario, &problem), SG_OK);
    c.config = scenario->config;
    c.config.seed = 1;
    c.config.check = false; /* the small run below has it */
    c.extra.scenario = scenario;
    sim_case_run(&c);
    assert_true(sg_sim_result_is_met(c.extra.result));
    const struct sg_core_stats *stats = &c.extra.stats;
    assert_int_equal(c.report.missing, 0);
    assert_int_equal(stats->published, 2);
    assert_int_equal(stats->large_given_up + stats->large_refused + stats->large_lost, 0);
    assert_int_equal(stats->chunks_wrong + stats->peers_banned, 0);
    /* 63 nodes got the first payload, 51 or 50 the second */
    assert_in_range(c.report.deliveries, 63 + 50, 63 + 63);
    double share = (double)stats->chunk_bytes_out / (2.0 * PAYLOAD * 64);
    print_message(
        "sent per node: %.3f payloads, chunks late %llu twice %llu unasked %llu, "
        "last node after %.2f s\n",
        share, (unsigned long long)stats->chunks_late, (unsigned long long)stats->chunks_twice,
        (unsigned long long)stats->chunks_unasked, (double)c.report.last_node_p50_ns / 1e9);
    assert_true(share <= 1.3);
    assert_true((double)stats->bytes_out / (2.0 * PAYLOAD * 64) <= 1.3);
    sg_sim_result_free(c.extra.result);
    sg_sim_scenario_free(scenario);
}

static void test_every_invariant_holds_all_the_way(void **state)
{
    uint64_t hash = 0;
    (void)state;
    for (int run = 0; run < 2; run++) {
        struct sim_case c = sim_case(3);
        c.config.nodes = 12;
        c.config.messages = 3;
        c.config.warmup = 1;
        c.config.rate = 2;
        c.config.loss = 0.02;
        c.config.payload_len = 300001;
        c.extra.job_ns = 2 * SG_NS_PER_MS;
        sim_case_run(&c);
        sim_case_assert_whole(&c);
        assert_int_equal(c.report.deliveries, 4 * 11);
        assert_int_equal(c.extra.stats.large_completed, 4 * 11);
        assert_true(c.extra.checks > 0);
        assert_true(run == 0 || hash == c.report.trace_hash);
        hash = c.report.trace_hash;
    }
}

/* More payloads of one author at once than a receiver fetches of it at a time. */
static void test_a_burst_of_one_author_arrives(void **state)
{
    (void)state;
    struct sim_case c = sim_case(5);
    c.config.nodes = 8;
    c.config.messages = 35;
    c.config.warmup = 5;
    c.config.rate = 4000;
    c.config.loss = 0.01;
    c.config.payload_len = 100 << 10;
    c.extra.senders = 1;
    sim_case_run(&c);
    sim_case_assert_whole(&c);
    assert_int_equal(c.report.deliveries, 40 * 7);
    assert_int_equal(c.extra.stats.large_completed, 40 * 7);
    assert_int_equal(c.extra.stats.large_given_up + c.extra.stats.large_refused, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_survivors_of_a_crash_get_all),
        cmocka_unit_test(test_every_invariant_holds_all_the_way),
        cmocka_unit_test(test_a_burst_of_one_author_arrives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
