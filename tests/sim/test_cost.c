/* What a broadcast costs: copies, signatures, memory. */
#include <stdlib.h>

#include "sim_case.h"

static void test_redundancy_of_many_senders(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct sim_case c = sim_case(seed);
        sim_case_run(&c);
        sim_case_assert_whole(&c);
        assert_true(c.report.rmr < 0.1);
    }
}

static void test_redundancy_of_one_sender(void **state)
{
    struct sim_case c = sim_case(4);
    (void)state;
    c.extra.senders = 1;
    sim_case_run(&c);
    sim_case_assert_whole(&c);
    assert_true(c.report.rmr < 0.02);
    assert_true(c.report.ldh_mean < 5);
}

static uint64_t verified;

static sg_err counting_verify(struct sg_bytes public_key, struct sg_bytes context,
                              struct sg_bytes message, struct sg_bytes signature)
{
    verified++;
    return sg_sim_suite()->verify(public_key, context, message, signature);
}

/* Never for a duplicate, never by the author: exactly once per delivery. */
static void test_each_node_verifies_a_root_once(void **state)
{
    struct sg_suite suite = *sg_sim_suite();
    struct sim_case c = sim_case(5);
    (void)state;
    suite.verify = counting_verify;
    verified = 0;
    c.config.loss = 0.05;
    c.config.duplicate = 0.1;
    c.extra.suite = &suite;
    sim_case_run(&c);
    sim_case_assert_whole(&c);
    assert_true(c.extra.stats.pt.payloads_duplicate > 0);
    assert_int_equal(c.extra.stats.signatures_verified, c.report.deliveries);
    assert_int_equal(verified, c.extra.stats.signatures_verified + c.extra.stats.records_verified);
    assert_int_equal(c.extra.stats.signatures_made, c.extra.stats.published);
}

/* Signatures that take their time, and messages that come meanwhile: the same deliveries, in fewer
 * signatures; and the same trace when run again. */
static void test_slow_signatures_lose_nothing(void **state)
{
    uint64_t hash = 0;
    (void)state;
    for (int run = 0; run < 2; run++) {
        struct sim_case c = sim_case(6);
        c.config.loss = 0.05;
        c.config.rate = 2000;
        c.config.messages = 400;
        c.extra.senders = 3;
        c.extra.job_ns = 2 * SG_NS_PER_MS;
        sim_case_run(&c);
        sim_case_assert_whole(&c);
        assert_int_equal(c.extra.stats.publish_lost, 0);
        assert_true(c.extra.stats.verify_waited > 0);
        assert_true(c.extra.stats.signatures_made < c.extra.stats.published);
        assert_true(c.extra.stats.signatures_verified < c.report.deliveries);
        assert_true(run == 0 || hash == c.report.trace_hash);
        hash = c.report.trace_hash;
    }
}

/* An allocator that counts, and fails once after so many calls. */
struct counter {
    size_t live, calls, fail_at;
};

static void *count_alloc(void *user, size_t size)
{
    struct counter *counter = user;
    if (++counter->calls == counter->fail_at)
        return NULL;
    void *ptr = malloc(size);
    counter->live += ptr != NULL ? 1 : 0;
    return ptr;
}

static void *count_realloc(void *user, void *ptr, size_t size)
{
    struct counter *counter = user;
    if (++counter->calls == counter->fail_at)
        return NULL;
    counter->live += ptr == NULL ? 1 : 0;
    return realloc(ptr, size);
}

static void count_free(void *user, void *ptr)
{
    struct counter *counter = user;
    counter->live -= ptr != NULL ? 1 : 0;
    free(ptr);
}

/* Every allocation of the simulator itself, one after the other. */
static void test_out_of_memory(void **state)
{
    (void)state;
    for (size_t n = 1; n < 1000; n++) {
        struct counter counter = {.fail_at = n};
        const struct sg_mem mem = {count_alloc, count_realloc, count_free, &counter};
        struct sim_case c = sim_case(6);
        c.config.nodes = 4;
        c.config.messages = 2;
        c.config.kill = 0.5;
        c.config.restart = true;
        c.config.check = false;
        c.extra.mem = &mem;
        c.extra.core_mem = sg_mem_default();
        sg_err err = sg_sim_run_with(&c.config, &c.extra, &c.report);
        assert_int_equal(counter.live, 0);
        if (err == SG_OK) {
            assert_true(counter.calls < n);
            return;
        }
        assert_int_equal(err, SG_ERR_NO_MEMORY);
    }
    fail_msg("the run allocates without end");
}

static void test_nothing_leaks(void **state)
{
    struct counter counter = {0};
    const struct sg_mem mem = {count_alloc, count_realloc, count_free, &counter};
    struct sim_case c = sim_case(7);
    (void)state;
    c.config.kill = 0.3;
    c.extra.mem = &mem;
    sim_case_run(&c);
    assert_int_equal(counter.live, 0);
    /* in the middle of everything */
    c.config.limit_ns = 9 * SG_NS_PER_S;
    sim_case_run(&c);
    assert_int_equal(counter.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_redundancy_of_many_senders),
        cmocka_unit_test(test_redundancy_of_one_sender),
        cmocka_unit_test(test_each_node_verifies_a_root_once),
        cmocka_unit_test(test_slow_signatures_lose_nothing),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_nothing_leaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
