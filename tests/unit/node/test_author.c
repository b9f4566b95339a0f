#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "node/internal.h"
#include "support/core_net.h"

static const struct sg_topic_id topic = {{7, 7, 7}};
static struct net net;

static void offload(struct sg_core_config *config)
{
    config->offload = true;
    config->sign_jobs_max = 4;
}

static struct sg_core_stats stats_of(size_t node)
{
    struct sg_core_stats stats;
    sg_core_stats(net.core[node], &stats);
    return stats;
}

static struct sg_core_publish publish(const char *text)
{
    struct sg_core_publish result;
    assert_int_equal(net_publish(&net, 0, &topic, sg_bytes(text, strlen(text)), &result), SG_OK);
    return result;
}

/* Node 1's deliveries came in the order of their numbers. */
static void expect_in_order(size_t count)
{
    uint64_t last = 0;
    size_t found = 0;
    for (size_t i = 0; i < net.delivery_count; i++) {
        const struct net_delivery *delivery = &net.deliveries[i];
        if (delivery->node != 1)
            continue;
        assert_true(delivery->message.sequence > last);
        last = delivery->message.sequence;
        found++;
    }
    assert_int_equal(found, count);
}

static void a_lone_message_goes_at_once(void **state)
{
    (void)state;
    net_init(&net, 2, NULL);
    net_settle(&net, &topic);
    struct sg_core_publish first = publish("1");
    assert_false(first.is_waiting);
    net_run(&net, 6 * SG_NS_PER_MS); /* longer than the linger */
    struct sg_core_publish second = publish("2");
    assert_false(second.is_waiting);
    assert_int_equal(stats_of(0).signatures_made, 2);
    net_run(&net, 5 * SG_NS_PER_MS);
    expect_in_order(2);
    net_fini(&net);
}

static void what_follows_gathers_for_the_linger(void **state)
{
    (void)state;
    net_init(&net, 2, NULL);
    net_settle(&net, &topic);
    (void)publish("1");
    for (int i = 0; i < 20; i++)
        assert_true(publish("more").is_waiting);
    assert_int_equal(stats_of(0).signatures_made, 1);
    net_run(&net, 4 * SG_NS_PER_MS);
    assert_int_equal(stats_of(0).signatures_made, 1);
    net_run(&net, 5 * SG_NS_PER_MS);
    assert_int_equal(stats_of(0).signatures_made, 2);
    assert_int_equal(stats_of(1).signatures_verified, 2);
    expect_in_order(21);
    net_fini(&net);
}

static void a_full_batch_does_not_wait(void **state)
{
    (void)state;
    net_init(&net, 2, NULL);
    net_settle(&net, &topic);
    for (int i = 0; i < 1 + 2 * SG_BATCH_MAX; i++)
        (void)publish("x");
    assert_int_equal(stats_of(0).signatures_made, 3);
    net_run(&net, 2 * SG_NS_PER_MS);
    assert_int_equal(stats_of(1).signatures_verified, 3);
    expect_in_order(1 + 2 * SG_BATCH_MAX);
    /* each root crossed the link once */
    assert_int_equal(stats_of(0).roots_sent, 3);
    assert_int_equal(stats_of(0).keys_sent, 1);
    net_fini(&net);
}

static void topics_share_a_batch(void **state)
{
    static const struct sg_topic_id other = {{8}};
    struct sg_core_publish here;
    struct sg_core_publish there;
    (void)state;
    net_init(&net, 2, NULL);
    net_settle(&net, &topic);
    for (size_t i = 0; i < 2; i++)
        net_subscribe(&net, i, &other);
    net_run(&net, 5 * SG_NS_PER_S);
    (void)publish("1");
    here = publish("2");
    assert_int_equal(net_publish(&net, 0, &other, SG_BYTES_LIT("3"), &there), SG_OK);
    net_run(&net, 10 * SG_NS_PER_MS);
    assert_int_equal(net_delivered(&net, 1, &here.id), 1);
    assert_int_equal(net_delivered(&net, 1, &there.id), 1);
    assert_int_equal(stats_of(0).signatures_made, 2);
    assert_int_equal(stats_of(1).signatures_verified, 2);
    net_fini(&net);
}

/* ---- with jobs ---- */

/* A message of its own: the next turn has it signed. */
static struct sg_core_publish publish_alone(const char *text)
{
    struct sg_core_publish result = publish(text);
    net_run(&net, 1);
    return result;
}

static void what_is_published_in_one_go_is_one_batch(void **state)
{
    (void)state;
    net_init(&net, 2, offload);
    net_settle(&net, &topic);
    net.jobs_wait = true;
    for (int i = 0; i < 5; i++)
        assert_true(publish("x").is_waiting);
    assert_int_equal(net.job_count, 0);
    net_run(&net, 1);
    assert_int_equal(net.job_count, 1);
    net.jobs_wait = false;
    net_finish_job(&net);
    net_run(&net, 10 * SG_NS_PER_MS);
    assert_int_equal(stats_of(0).signatures_made, 1);
    expect_in_order(5);
    net_fini(&net);
}

static void messages_gather_while_a_signature_is_made(void **state)
{
    (void)state;
    net_init(&net, 2, offload);
    net_settle(&net, &topic);
    net.jobs_wait = true;
    struct sg_core_publish first = publish_alone("1");
    assert_true(first.is_waiting);
    assert_int_equal(first.neighbors, 1);
    assert_int_equal(net.job_count, 1);
    for (int i = 0; i < 10; i++)
        (void)publish("x");
    net_run(&net, 20 * SG_NS_PER_MS); /* the linger is over, the signature is not */
    assert_int_equal(net.job_count, 1);
    assert_int_equal(stats_of(0).payload_bytes_out, 0);
    net_finish_job(&net);
    assert_int_equal(net.job_count, 1); /* the other ten */
    net_finish_job(&net);
    assert_int_equal(stats_of(0).signatures_made, 2);
    net.jobs_wait = false;
    net_run(&net, 10 * SG_NS_PER_MS);
    expect_in_order(11);
    net_fini(&net);
}

static void full_batches_are_signed_side_by_side_and_go_in_order(void **state)
{
    (void)state;
    net_init(&net, 2, offload);
    net_settle(&net, &topic);
    net.jobs_wait = true;
    (void)publish_alone("x");
    for (int i = 0; i < 3 * SG_BATCH_MAX; i++)
        (void)publish("x");
    assert_int_equal(net.job_count, 4);
    struct net_job last = net.jobs[3]; /* is done first */
    net.jobs[3] = net.jobs[0];
    net.jobs[0] = last;
    net_finish_job(&net);
    assert_int_equal(stats_of(0).payload_bytes_out, 0);
    net.jobs_wait = false;
    while (net.job_count > 0)
        net_finish_job(&net);
    net_run(&net, 10 * SG_NS_PER_MS);
    expect_in_order(1 + 3 * SG_BATCH_MAX);
    net_fini(&net);
}

static void a_publisher_ahead_of_its_signatures_has_to_wait(void **state)
{
    struct sg_core_publish result;
    (void)state;
    net_init(&net, 2, offload);
    net_settle(&net, &topic);
    net.jobs_wait = true;
    (void)publish_alone("x");
    for (int i = 0; i < 4 * SG_BATCH_MAX; i++)
        (void)publish("x");
    assert_int_equal(net_publish(&net, 0, &topic, SG_BYTES_LIT("x"), &result), SG_ERR_WOULD_BLOCK);
    net_finish_job(&net);
    assert_int_equal(net_publish(&net, 0, &topic, SG_BYTES_LIT("x"), &result), SG_OK);
    net.jobs_wait = false;
    while (net.job_count > 0)
        net_finish_job(&net);
    net_run(&net, 20 * SG_NS_PER_MS);
    expect_in_order(2 + 4 * SG_BATCH_MAX);
    net_fini(&net);
}

static void waiting_payloads_are_bounded_in_bytes(void **state)
{
    static uint8_t big[SG_PAYLOAD_MAX];
    struct sg_core_publish result;
    sg_err err = SG_OK;
    int count = 0;
    (void)state;
    net_init(&net, 1, offload);
    net_subscribe(&net, 0, &topic);
    net.jobs_wait = true;
    for (; err == SG_OK; count++)
        err = net_publish(&net, 0, &topic, sg_bytes(big, sizeof(big)), &result);
    assert_int_equal(err, SG_ERR_WOULD_BLOCK);
    assert_int_equal(count, 1 + (4 << 20) / SG_PAYLOAD_MAX);
    net_fini(&net);
}

static void a_signature_that_cannot_be_made_loses_its_batch_alone(void **state)
{
    (void)state;
    net_init(&net, 2, offload);
    net_settle(&net, &topic);
    net.jobs_wait = true;
    (void)publish_alone("1");
    for (int i = 0; i < SG_BATCH_MAX; i++)
        (void)publish("x");
    struct sg_core_in failed = {
        .kind = SG_CORE_IN_SIGNED, .job = net.jobs[0].number, .err = SG_ERR_CRYPTO};
    assert_int_equal(net_input(&net, 0, &failed), SG_OK);
    assert_int_equal(stats_of(0).publish_lost, 1);
    assert_int_equal(net_input(&net, 0, &failed), SG_ERR_NOT_FOUND);
    net.jobs[0] = net.jobs[1];
    net.job_count = 1;
    net.jobs_wait = false;
    net_finish_job(&net);
    net_run(&net, 10 * SG_NS_PER_MS);
    expect_in_order(SG_BATCH_MAX);
    net_fini(&net);
}

static void a_flush_signs_what_gathers(void **state)
{
    struct sg_core_in flush = {.kind = SG_CORE_IN_FLUSH};
    (void)state;
    for (int jobs = 0; jobs < 2; jobs++) {
        net_init(&net, 2, jobs ? offload : NULL);
        net_settle(&net, &topic);
        (void)publish("1");
        (void)publish("2");
        /* made at once, or both together */
        assert_int_equal(stats_of(0).signatures_made, jobs ? 0 : 1);
        assert_int_equal(net_input(&net, 0, &flush), SG_OK);
        assert_int_equal(stats_of(0).signatures_made, jobs ? 1 : 2);
        net_fini(&net);
    }
}

/* The number after the last one would be the first again, and a replay to all who heard it. */
static void numbers_do_not_begin_again(void **state)
{
    struct sg_core_publish result;
    (void)state;
    net_init(&net, 2, NULL);
    net_settle(&net, &topic);
    net.core[0]->sequence = UINT32_MAX - 2;
    for (int i = 0; i < 2; i++) {
        result = publish("one of the last");
        net_run(&net, SG_NS_PER_S);
        assert_int_equal(net_delivered(&net, 1, &result.id), 1);
    }
    assert_int_equal((uint32_t)result.sequence, UINT32_MAX);
    assert_int_equal(net_publish(&net, 0, &topic, SG_BYTES_LIT("x"), &result), SG_ERR_LIMIT);
    assert_int_equal(net_publish(&net, 0, &topic, SG_BYTES_LIT("x"), &result), SG_ERR_LIMIT);
    assert_int_equal(stats_of(0).published, 2);
    net_fini(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lone_message_goes_at_once),
        cmocka_unit_test(what_follows_gathers_for_the_linger),
        cmocka_unit_test(a_full_batch_does_not_wait),
        cmocka_unit_test(topics_share_a_batch),
        cmocka_unit_test(what_is_published_in_one_go_is_one_batch),
        cmocka_unit_test(messages_gather_while_a_signature_is_made),
        cmocka_unit_test(full_batches_are_signed_side_by_side_and_go_in_order),
        cmocka_unit_test(a_publisher_ahead_of_its_signatures_has_to_wait),
        cmocka_unit_test(waiting_payloads_are_bounded_in_bytes),
        cmocka_unit_test(a_signature_that_cannot_be_made_loses_its_batch_alone),
        cmocka_unit_test(a_flush_signs_what_gathers),
        cmocka_unit_test(numbers_do_not_begin_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
