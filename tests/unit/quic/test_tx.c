/* What sg_quic_send hands out. */
#include "unit/quic/link.h"

static void aggregates_are_whole_segments(void **state)
{
    (void)state;
    struct net net;
    net_init(&net, 1 * MS, 1);
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add_endpoint(&net, NULL);
    sg_quic_conn_id conn = net_connect(&net, a, b);
    for (uint32_t i = 0; i < 60; i++) /* opens the congestion window */
        assert_int_equal(host_write(a, conn, SG_LANE_PUBSUB, i, 60000), SG_OK);
    for (int i = 0; i < 40; i++) {
        struct sg_quic_tx tx = {.buf = net.txbuf, .cap = SG_QUIC_TX_MAX};
        net_run(&net, 1 * MS);
        while (sg_quic_send(a->ep, net.now, &tx)) {
            assert_true(tx.len <= SG_QUIC_TX_MAX);
            assert_true(tx.segment_len <= 1350);
            assert_true((tx.len + tx.segment_len - 1) / tx.segment_len <= 64);
            for (size_t at = 0; at < tx.len; at += tx.segment_len)
                net_post(&net, a->addr, &tx, tx.buf + at,
                         tx.len - at < tx.segment_len ? tx.len - at : tx.segment_len);
        }
    }
    struct sg_quic_stats stats = host_stats(a);
    assert_true(stats.datagrams_out > 5 * stats.aggregates_out);
    net_run(&net, 3000 * MS);
    assert_int_equal(host_count(b, SG_QUIC_FRAME), 60);
    net_fini(&net);
}

static void connections_take_turns(void **state)
{
    (void)state;
    struct net net;
    net_init(&net, 10 * MS, 2);
    struct host *hub = net_add_endpoint(&net, NULL);
    struct host *others[3];
    sg_quic_conn_id conns[3];
    for (int i = 0; i < 3; i++) {
        others[i] = net_add_endpoint(&net, NULL);
        net_connect(&net, others[i], hub);
        conns[i] = host_conn(hub);
    }
    for (uint32_t n = 0; n < 30; n++) {
        for (int i = 0; i < 3; i++)
            assert_int_equal(host_write(hub, conns[i], SG_LANE_PUBSUB, n, 60000), SG_OK);
    }
    struct sg_quic_tx tx = {.buf = net.txbuf, .cap = SG_QUIC_TX_MAX};
    uint8_t order[3];
    for (int i = 0; i < 3; i++) {
        assert_true(sg_quic_send(hub->ep, net.now, &tx));
        order[i] = tx.remote.ip[3];
    }
    assert_true(order[0] != order[1] && order[1] != order[2] && order[0] != order[2]);
    net_fini(&net);
}

static void a_small_buffer_gets_less_and_a_tiny_one_nothing(void **state)
{
    (void)state;
    struct net net;
    net_init(&net, 10 * MS, 3);
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add_endpoint(&net, NULL);
    sg_quic_conn_id conn = net_connect(&net, a, b);
    assert_int_equal(host_write(a, conn, SG_LANE_MSHIP, 0, 10000), SG_OK);
    struct sg_quic_tx tx = {.buf = net.txbuf, .cap = SG_QUIC_TX_MIN - 1};
    assert_false(sg_quic_send(a->ep, net.now, &tx));
    tx.buf = NULL;
    tx.cap = SG_QUIC_TX_MAX;
    assert_false(sg_quic_send(a->ep, net.now, &tx));
    tx.buf = net.txbuf;
    tx.cap = SG_QUIC_TX_MIN;
    assert_true(sg_quic_send(a->ep, net.now, &tx));
    assert_true(tx.len <= SG_QUIC_TX_MIN);
    net_post(&net, a->addr, &tx, tx.buf, tx.len);
    net_run(&net, 200 * MS);
    assert_int_equal(host_count(b, SG_QUIC_FRAME), 1);
    net_fini(&net);
}

/* A socket that blocks: the caller keeps the aggregate, the endpoint goes on with its life. */
static void a_held_aggregate_can_be_sent_later(void **state)
{
    (void)state;
    struct net net;
    static uint8_t held[SG_QUIC_TX_MAX];
    net_init(&net, 10 * MS, 4);
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add_endpoint(&net, NULL);
    sg_quic_conn_id conn = net_connect(&net, a, b);
    assert_int_equal(host_write(a, conn, SG_LANE_MSHIP, 0, 3000), SG_OK);
    struct sg_quic_tx tx = {.buf = held, .cap = sizeof(held)};
    assert_true(sg_quic_send(a->ep, net.now, &tx));
    for (int i = 0; i < 100; i++) { /* 1 s without a word from a */
        net.now += 10 * MS;
        (void)!host_write(b, host_conn(b), SG_LANE_MSHIP, (uint32_t)i, 100);
        net_flush_host(&net, 1);
        net_deliver(&net, a);
        if (sg_quic_deadline(a->ep) <= net.now)
            sg_quic_expire(a->ep, net.now);
        assert_true(sg_quic_deadline(a->ep) > net.now); /* the loop may sleep */
        net_pull(a);
    }
    for (size_t at = 0; at < tx.len; at += tx.segment_len)
        net_post(&net, a->addr, &tx, tx.buf + at,
                 tx.len - at < tx.segment_len ? tx.len - at : tx.segment_len);
    net_run(&net, 500 * MS);
    assert_int_equal(host_count(b, SG_QUIC_FRAME), 1);
    assert_int_equal(host_count(a, SG_QUIC_CLOSED) + host_count(b, SG_QUIC_CLOSED), 0);
    net_fini(&net);
}

static void answers_leave_from_where_datagrams_came_in(void **state)
{
    (void)state;
    const uint8_t ip[4] = {10, 9, 9, 9};
    struct net net;
    net_init(&net, 10 * MS, 5);
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add_endpoint(&net, NULL);
    net_connect(&net, a, b);
    struct sg_quic_tx tx = {.buf = net.txbuf, .cap = SG_QUIC_TX_MAX};
    assert_int_equal(host_write(b, host_conn(b), SG_LANE_MSHIP, 0, 100), SG_OK);
    assert_true(sg_quic_send(b->ep, net.now, &tx));
    assert_true(sg_addr_equal(&tx.local, &b->addr)); /* rx.local of what came before */
    struct sg_quic_rx rx = {
        .local = sg_addr_v4(ip, 4000), .remote = b->addr, .data = tx.buf, .len = tx.len};
    sg_quic_recv(a->ep, net.now, &rx, 1);
    assert_int_equal(host_write(a, host_conn(a), SG_LANE_MSHIP, 0, 100), SG_OK);
    assert_true(sg_quic_send(a->ep, net.now, &tx));
    assert_true(sg_addr_equal(&tx.local, &rx.local));
    net_fini(&net);
}

/* A handshake on a busy machine takes long, the link is fast afterwards: two windows of messages
 * take two round trips, and not what the handshake would make of them. */
static void a_slow_handshake_is_forgotten(void **state)
{
    (void)state;
    struct net net;
    net_init(&net, 250 * MS, 6);
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add_endpoint(&net, NULL);
    sg_quic_conn_id conn = net_connect(&net, a, b);
    net_run(&net, 1000 * MS);
    net.delay_ns = MS;
    for (uint32_t i = 0; i < 60; i++) {
        assert_int_equal(host_write(a, conn, SG_LANE_PUBSUB, i, 100), SG_OK);
        net_run(&net, 20 * MS);
    }
    assert_int_equal(host_count(b, SG_QUIC_FRAME), 60);
    for (uint32_t i = 0; i < 23; i++)
        assert_int_equal(host_write(a, conn, SG_LANE_PUBSUB, 60 + i, 1024), SG_OK);
    net_run(&net, 8 * MS);
    assert_int_equal(host_count(b, SG_QUIC_FRAME), 83);
    net_fini(&net);
}

/* What the pacer holds back leaves by the timer, without a word from the peer. */
static void held_back_frames_leave_by_the_timer(void **state)
{
    (void)state;
    struct net net;
    net_init(&net, 100 * MS, 7);
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add_endpoint(&net, NULL);
    sg_quic_conn_id conn = net_connect(&net, a, b);
    net_run(&net, 1000 * MS);
    for (uint32_t i = 0; i < 100; i++)
        assert_int_equal(host_write(a, conn, SG_LANE_PUBSUB, i, 1024), SG_OK);
    net_run(&net, 5000 * MS);
    assert_int_equal(host_count(b, SG_QUIC_FRAME), 100);
    assert_int_equal(host_count(a, SG_QUIC_CLOSED) + host_count(b, SG_QUIC_CLOSED), 0);
    /* and with nothing held back there is no timer of its own: both ends may sleep */
    assert_true(sg_quic_deadline(a->ep) > net.now + 1000 * MS);
    net_fini(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aggregates_are_whole_segments),
        cmocka_unit_test(a_slow_handshake_is_forgotten),
        cmocka_unit_test(held_back_frames_leave_by_the_timer),
        cmocka_unit_test(connections_take_turns),
        cmocka_unit_test(a_small_buffer_gets_less_and_a_tiny_one_nothing),
        cmocka_unit_test(a_held_aggregate_can_be_sent_later),
        cmocka_unit_test(answers_leave_from_where_datagrams_came_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
