/* The short simulation of './dev check'. */
#include <math.h>

#include "sim_case.h"

static void test_a_small_run_delivers_everything(void **state)
{
    struct sim_case c = sim_case(1);
    (void)state;
    c.config.nodes = 30;
    sim_case_run(&c);
    sim_case_assert_whole(&c);
    uint64_t published = 35; /* five more to warm up */
    assert_int_equal(c.report.deliveries, published * 29);
    assert_int_equal(c.extra.stats.published, published);
    assert_true(c.extra.checks > 0 && c.report.events > 1000);
    assert_true(c.report.latency_p50_ns >= c.config.delay_ns / 2);
    assert_true(c.report.latency_p50_ns <= c.report.latency_p95_ns);
    assert_true(c.report.latency_p99_ns <= c.report.latency_max_ns + c.report.latency_max_ns / 256);
    assert_true(c.report.last_node_p50_ns <= c.report.last_node_p99_ns);
    assert_true(c.report.ldh_mean > 1 && c.report.ldh_mean <= c.report.ldh_max);
    assert_true(c.report.control_share > 0 && c.report.control_share < 1);
    assert_true(c.report.bytes_per_delivery > c.config.payload_len);
    assert_true(c.report.active_mean >= 7);
}

static void test_the_seed_decides_everything(void **state)
{
    struct sim_case a = sim_case(5);
    struct sim_case b = sim_case(5);
    struct sim_case other = sim_case(6);
    (void)state;
    a.config.loss = b.config.loss = other.config.loss = 0.02;
    sim_case_run(&a);
    sim_case_run(&b);
    sim_case_run(&other);
    a.report.wall_seconds = b.report.wall_seconds = 0;
    assert_memory_equal(&a.report, &b.report, sizeof(a.report));
    assert_true(a.report.trace_hash != other.report.trace_hash);
}

static void test_checks_change_nothing(void **state)
{
    struct sim_case a = sim_case(7);
    struct sim_case b = sim_case(7);
    (void)state;
    b.config.check = false;
    sim_case_run(&a);
    sim_case_run(&b);
    assert_int_equal(a.report.trace_hash, b.report.trace_hash);
    assert_int_equal(b.extra.checks, 0);
}

static void count_calls(void *user, double share)
{
    assert_true(share >= 0 && share <= 1);
    (*(unsigned *)user)++;
}

static void test_degenerate_sizes(void **state)
{
    struct sg_sim_config config;
    struct sg_sim_report report;
    unsigned calls = 0;
    (void)state;
    sg_sim_config_init(&config);
    config.progress = count_calls;
    config.user = &calls;
    config.nodes = 1;
    config.messages = 3;
    assert_int_equal(sg_sim_run(&config, &report), SG_OK);
    assert_int_equal(report.deliveries, 0);
    assert_true(report.delivered == 1 && report.isolated == 0 && report.components == 1);
    config.nodes = 2;
    config.payload_len = 0;
    assert_int_equal(sg_sim_run(&config, &report), SG_OK);
    assert_int_equal(report.deliveries, 3 + 5);
    config.messages = 0;
    config.delay_ns = 0;
    assert_int_equal(sg_sim_run(&config, &report), SG_OK);
    assert_int_equal(report.deliveries, 0);
    /* the time limit ends a run in the middle */
    config.messages = 10;
    config.limit_ns = 2 * SG_NS_PER_S;
    assert_int_equal(sg_sim_run(&config, &report), SG_OK);
    assert_true(report.virtual_ns <= config.limit_ns);
}

static void refuse(void (*spoil)(struct sg_sim_config *config))
{
    struct sg_sim_config config;
    struct sg_sim_report report;
    sg_sim_config_init(&config);
    spoil(&config);
    assert_int_equal(sg_sim_run(&config, &report), SG_ERR_INVALID_ARGUMENT);
}

#define SPOIL(name, assignment)                                                                    \
    static void name(struct sg_sim_config *c)                                                      \
    {                                                                                              \
        c->assignment;                                                                             \
    }
SPOIL(no_nodes, nodes = 0)
SPOIL(many_nodes, nodes = 100001)
SPOIL(long_payload, payload_len = SG_LARGE_MAX + 1)
SPOIL(many_messages, messages = UINT32_MAX)
SPOIL(long_warmup, warmup = UINT32_MAX)
SPOIL(no_rate, rate = 0)
SPOIL(negative_rate, rate = -1)
SPOIL(nan_rate, rate = NAN)
SPOIL(endless_rate, rate = INFINITY)
SPOIL(much_jitter, jitter_percent = 101)
SPOIL(total_loss, loss = 1)
SPOIL(nan_loss, loss = NAN)
SPOIL(negative_duplicate, duplicate = -0.1)
SPOIL(much_reorder, reorder = 1.1)
SPOIL(much_kill, kill = 1.5)
SPOIL(nan_partition, partition = NAN)
SPOIL(no_time, limit_ns = 0)
SPOIL(endless_time, limit_ns = UINT64_MAX)
SPOIL(long_delay, delay_ns = UINT64_MAX)
SPOIL(late_partition, partition_at_ns = UINT64_MAX)
SPOIL(long_partition, partition_for_ns = UINT64_MAX)

static void test_invalid_input_is_refused(void **state)
{
    struct sg_sim_config config;
    struct sg_sim_report report;
    void (*const spoils[])(struct sg_sim_config *) = {
        no_nodes,      many_nodes,     long_payload,       many_messages, long_warmup, no_rate,
        negative_rate, nan_rate,       endless_rate,       much_jitter,   total_loss,  nan_loss,
        much_reorder,  much_kill,      negative_duplicate, nan_partition, no_time,     endless_time,
        long_delay,    late_partition, long_partition,
    };
    (void)state;
    for (size_t i = 0; i < sizeof(spoils) / sizeof(spoils[0]); i++)
        refuse(spoils[i]);
    sg_sim_config_init(&config);
    assert_int_equal(sg_sim_run(NULL, &report), SG_ERR_INVALID_ARGUMENT);
    assert_int_equal(sg_sim_run(&config, NULL), SG_ERR_INVALID_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_small_run_delivers_everything),
        cmocka_unit_test(test_the_seed_decides_everything),
        cmocka_unit_test(test_checks_change_nothing),
        cmocka_unit_test(test_degenerate_sizes),
        cmocka_unit_test(test_invalid_input_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
