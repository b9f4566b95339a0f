/* Large payloads that wait: for room, and in line for a place among the transfers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "unit/node/large_case.h"

static void a_transfer_without_room_waits(void **state)
{
    const size_t len = KIB(64) * 144;
    struct sg_core_gauges gauges;
    (void)state;
    setup_with(3, small_memory);
    struct sg_msg_id a = publish(0, len);
    struct sg_msg_id b = publish(1, len);
    struct sg_msg_id c = publish(0, len);
    net_run(&net, 20 * SG_NS_PER_MS);
    sg_core_gauges(net.core[2], &gauges);
    assert_int_equal(gauges.transfers, 3);
    assert_int_equal(gauges.large_bytes, len);
    net_run(&net, 30 * SG_NS_PER_S);
    assert_true(has_whole(2, &a, len));
    assert_true(has_whole(2, &b, len));
    assert_true(has_whole(2, &c, len));
    assert_true(stats_of(2).large_demoted == 0);
    teardown();
}

/* No chunk comes to node 2. */
static bool starve(struct net *n, const struct net_frame *frame)
{
    struct sg_large_msg msg;
    (void)n;
    return frame->to != 2 || !decode(sg_buf_bytes(frame->buf), &msg) || msg.kind != SG_LARGE_CHUNK;
}

/* As though a few more chunks of the first transfer had just come to node 2. */
static void move_on(void)
{
    struct sg_larges *larges = &net.core[2]->large;
    larges->moved_at = larges->slots[0]->moved_at = net.now;
    larges->slots[0]->mark_at = net.now + 15 * SG_NS_PER_S;
}

/* The room is full for longer than a transfer that does not move is kept. */
static void who_waits_while_others_move_is_not_given_up(void **state)
{
    const size_t len = KIB(64) * 144;
    struct sg_core_gauges gauges;
    (void)state;
    setup_with(3, small_memory);
    net.filter = starve;
    struct sg_msg_id a = publish(0, len);
    net_run(&net, 20 * SG_NS_PER_MS);
    struct sg_msg_id b = publish(1, len);
    for (int i = 0; i < 15; i++) {
        net_run(&net, 10 * SG_NS_PER_S);
        move_on();
    }
    sg_core_gauges(net.core[2], &gauges);
    assert_int_equal(gauges.transfers, 2);
    assert_int_equal(gauges.large_bytes, len);
    assert_int_equal(net_delivered(&net, 2, &a) + net_delivered(&net, 2, &b), 0);
    net.filter = watch;
    net_run(&net, 30 * SG_NS_PER_S);
    assert_true(has_whole(2, &a, len));
    assert_true(has_whole(2, &b, len));
    assert_int_equal(stats_of(2).large_given_up, 0);
    teardown();
}

/* Node 2 announces for ever what it does not serve. */
static void roomy_attacker(struct sg_core_config *config)
{
    if (config->seed == 1002)
        config->large_bytes_max = UINT64_C(200) << 20;
}

/* Two transfers wait at the others all the time. */
static void what_nobody_serves_keeps_nobody_from_publishing(void **state)
{
    const size_t len = KIB(70);
    static struct sg_msg_id ids[60];
    struct sg_core_publish result;
    size_t waited = 0;
    (void)state;
    setup_with(3, roomy_attacker);
    seen.drop_of = 2;
    for (size_t i = 0; i < 60; i++) {
        if (i % 5 == 0)
            (void)net_publish(&net, 2, &topic, sg_bytes(payload, SG_LARGE_MAX), &result);
        net_run(&net, 2 * SG_NS_PER_S);
        waited += net.core[0]->large.waiting > 0;
        ids[i] = publish(0, len);
    }
    assert_true(waited > 40); /* otherwise this shows nothing */
    net_run(&net, 60 * SG_NS_PER_S);
    for (size_t i = 0; i < 60; i++)
        assert_true(has_whole(1, &ids[i], len));
    teardown();
}

/* Own payloads may use all the room, but not while those of others wait for it. */
static void own_payloads_leave_room_to_those_that_wait(void **state)
{
    struct sg_core_publish result;
    (void)state;
    setup(2);
    seen.drop_of = 0;
    for (size_t i = 0; i < 4; i++)
        (void)publish(1, SG_LARGE_MAX);
    (void)publish(0, KIB(100));
    net_run(&net, SG_NS_PER_S);
    assert_int_equal(net.core[1]->large.waiting, 1);
    assert_int_equal(net_publish(&net, 1, &topic, sg_bytes(payload, KIB(100)), &result),
                     SG_ERR_WOULD_BLOCK);
    net_run(&net, 40 * SG_NS_PER_S); /* the oldest give way */
    assert_int_equal(net.core[1]->large.waiting, 0);
    (void)publish(1, KIB(100));
    teardown();
}

/* Each of the first authors publishes so many payloads at once, which fill the tables of all. */
static void burst(size_t authors, size_t each, size_t len)
{
    static struct sg_msg_id ids[100];
    size_t count = 0;
    setup(5);
    for (size_t k = 0; k < each; k++) {
        for (size_t i = 0; i < authors; i++) {
            payload[0] = (uint8_t)k;
            ids[count++] = publish(i, len);
        }
    }
    net_run(&net, 120 * SG_NS_PER_S);
    for (size_t i = 0; i < 5; i++) {
        struct sg_core_gauges gauges;
        for (size_t k = 0; k < count; k++)
            assert_int_equal(net_delivered(&net, i, &ids[k]), 1);
        assert_int_equal(stats_of(i).large_refused + stats_of(i).large_given_up, 0);
        assert_int_equal(stats_of(i).charges, 0);
        sg_core_gauges(net.core[i], &gauges);
        assert_int_equal(gauges.large_queued, 0);
    }
    teardown();
}

static void a_burst_of_one_author_arrives_whole(void **state)
{
    (void)state;
    burst(1, 40, KIB(100));
}

static void a_hundred_at_once_arrive_though_the_tables_are_full(void **state)
{
    (void)state;
    burst(4, 25, KIB(66));
}

/* Each one that stood in line is told of when it is given up. */
static void a_burst_that_nobody_serves_is_given_up_one_by_one(void **state)
{
    struct sg_core_gauges gauges;
    (void)state;
    setup(2);
    seen.drop_of = 0;
    for (size_t k = 0; k < 40; k++)
        (void)publish(0, KIB(66));
    net_run(&net, SG_NS_PER_S);
    sg_core_gauges(net.core[1], &gauges);
    assert_int_equal(gauges.transfers, SG_TRANSFERS_AUTHOR_MAX);
    assert_int_equal(gauges.large_queued, 40 - SG_TRANSFERS_AUTHOR_MAX);
    assert_int_equal(net.transfer_events[1], SG_TRANSFERS_AUTHOR_MAX);
    net_crash(&net, 0);
    net_run(&net, 200 * SG_NS_PER_S);
    sg_core_gauges(net.core[1], &gauges);
    assert_int_equal(gauges.transfers + gauges.large_queued, 0);
    assert_int_equal(stats_of(1).large_given_up, 40);
    assert_int_equal(net.transfer_events[1], 2 * 40);
    assert_int_equal(net.transfers[1].err, SG_ERR_TIMEOUT);
    teardown();
}

/* More than an author can hold itself. */
static void a_line_without_end_is_refused(void **state)
{
    struct sg_core_publish result;
    bool was_told = false;
    (void)state;
    setup(2);
    seen.drop_of = 0;
    for (int s = 0; s < 400 && !was_told; s++) {
        while (net_publish(&net, 0, &topic, sg_bytes(payload, KIB(66)), &result) == SG_OK)
            ;
        net_run(&net, SG_NS_PER_S / 4);
        was_told = net.transfers[1].err == SG_ERR_LIMIT;
    }
    assert_true(was_told);
    assert_true(stats_of(1).large_refused > 0);
    assert_int_equal(net.transfers[1].total, KIB(66));
    teardown();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_transfer_without_room_waits),
        cmocka_unit_test(who_waits_while_others_move_is_not_given_up),
        cmocka_unit_test(what_nobody_serves_keeps_nobody_from_publishing),
        cmocka_unit_test(own_payloads_leave_room_to_those_that_wait),
        cmocka_unit_test(a_burst_of_one_author_arrives_whole),
        cmocka_unit_test(a_hundred_at_once_arrive_though_the_tables_are_full),
        cmocka_unit_test(a_burst_that_nobody_serves_is_given_up_one_by_one),
        cmocka_unit_test(a_line_without_end_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
