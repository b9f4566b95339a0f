/* What can be seen from outside. */
#include "unit/quic/link.h"

static void conn_info_tells_about_the_path(void **state)
{
    (void)state;
    struct net net;
    struct sg_quic_conn_info info;
    net_init(&net, 30 * MS, 1);
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add_endpoint(&net, NULL);
    sg_quic_conn_id conn = host_dial(a, b);
    const struct sg_peer_id zero = {{0}};
    assert_int_equal(sg_quic_conn_info(a->ep, conn, &info), SG_OK);
    assert_false(info.connected);
    assert_memory_equal(&info.peer, &zero, sizeof(zero));
    assert_true(sg_addr_equal(&info.remote, &b->addr));
    net_run(&net, 500 * MS);
    for (uint32_t i = 0; i < 20; i++) {
        assert_int_equal(host_write(a, conn, SG_LANE_PUBSUB, i, 20000), SG_OK);
        net_run(&net, 100 * MS);
    }
    assert_int_equal(sg_quic_conn_info(a->ep, conn, &info), SG_OK);
    assert_true(info.connected && info.confirmed && !info.closing);
    assert_memory_equal(&info.peer, sg_identity_peer_id(b->identity), sizeof(info.peer));
    assert_in_range(info.srtt_ns, 60 * MS, 70 * MS);
    assert_int_equal(info.min_rtt_ns, 60 * MS);
    assert_true(info.cwnd > 10000);
    assert_int_equal(info.handshake_ns, 60 * MS);
    assert_in_range(info.bytes_out, 400000, 500000);
    assert_true(info.packets_out > 300);
    assert_int_equal(info.bytes_in_flight, 0);
    assert_int_equal(info.stalled_since, SG_TIME_NEVER);
    assert_int_equal(sg_quic_conn_info(a->ep, conn ^ 1, &info), SG_ERR_NOT_FOUND);
    assert_int_equal(sg_quic_conn_info(a->ep, 0, &info), SG_ERR_NOT_FOUND);
    assert_int_equal(sg_quic_conn_info(a->ep, UINT64_MAX, &info), SG_ERR_NOT_FOUND);
    net_fini(&net);
}

static void losses_are_counted(void **state)
{
    (void)state;
    struct net net;
    struct sg_quic_conn_info info;
    net_init(&net, 10 * MS, 2);
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add_endpoint(&net, NULL);
    sg_quic_conn_id conn = net_connect(&net, a, b);
    net.loss = 200;
    for (uint32_t i = 0; i < 20; i++) {
        assert_int_equal(host_write(a, conn, SG_LANE_PUBSUB, i, 20000), SG_OK);
        net_run(&net, 200 * MS);
    }
    assert_int_equal(sg_quic_conn_info(a->ep, conn, &info), SG_OK);
    assert_in_range(info.packets_lost, 30, 300);
    net_fini(&net);
}

static void connections_can_be_listed(void **state)
{
    (void)state;
    struct net net;
    sg_quic_conn_id ids[8] = {0};
    net_init(&net, 10 * MS, 3);
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add_endpoint(&net, NULL);
    assert_int_equal(sg_quic_connections(a->ep, ids, 8), 0);
    sg_quic_conn_id one = net_connect(&net, a, b), two = net_connect(&net, a, b);
    assert_int_equal(sg_quic_connections(a->ep, ids, 8), 2);
    assert_true((ids[0] == one && ids[1] == two) || (ids[0] == two && ids[1] == one));
    ids[1] = 77;
    assert_int_equal(sg_quic_connections(a->ep, ids, 1), 2);
    assert_int_equal(ids[1], 77);
    sg_quic_close(a->ep, net.now, one, SG_CLOSE_LEAVING, false);
    net_run(&net, 100 * MS);
    assert_int_equal(sg_quic_connections(a->ep, ids, 8), 1);
    assert_int_equal(ids[0], two);
    net_fini(&net);
}

static void counters_add_up(void **state)
{
    (void)state;
    struct net net;
    net_init(&net, 10 * MS, 4);
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add_endpoint(&net, NULL);
    for (int i = 0; i < 3; i++)
        net_connect(&net, a, b);
    struct sg_quic_stats sa = host_stats(a), sb = host_stats(b);
    assert_int_equal(sa.dials, 3);
    assert_int_equal(sb.accepts, 3);
    assert_int_equal(sa.handshakes_done, 3);
    assert_int_equal(sb.handshakes_done, 3);
    assert_int_equal(sa.handshakes_failed + sb.handshakes_failed, 0);
    assert_int_equal(sa.datagrams_out, sb.datagrams_in);
    assert_int_equal(sb.datagrams_out, sa.datagrams_in);
    assert_int_equal(sa.bytes_out, sb.bytes_in);
    assert_int_equal(sa.bytes_out, net.bytes_from[0]);
    assert_int_equal(sa.dropped_malformed + sb.dropped_malformed, 0);
    assert_int_equal(sa.connections_live, 3);
    assert_int_equal(sb.connections_live, 3);
    net_fini(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conn_info_tells_about_the_path),
        cmocka_unit_test(losses_are_counted),
        cmocka_unit_test(connections_can_be_listed),
        cmocka_unit_test(counters_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
