/* DATAGRAM frames: whole or not at all, first in line, bounded. */
#include "unit/quic/link.h"

static void datagrams_arrive_whole(void **state)
{
    (void)state;
    struct net net;
    uint8_t data[SG_QUIC_DATAGRAM_MAX + 1];
    memset(data, 'd', sizeof(data));
    net_init(&net, 10 * MS, 1);
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add_endpoint(&net, NULL);
    sg_quic_conn_id conn = host_dial(a, b);
    assert_int_equal(sg_quic_write_datagram(a->ep, conn, sg_bytes(data, 10)), SG_ERR_INVALID_STATE);
    net_run(&net, 300 * MS);
    const size_t lens[] = {1, 64, 1000, SG_QUIC_DATAGRAM_MAX};
    for (int i = 0; i < 4; i++) {
        data[0] = (uint8_t)i;
        assert_int_equal(sg_quic_write_datagram(a->ep, conn, sg_bytes(data, lens[i])), SG_OK);
    }
    net_run(&net, 100 * MS);
    assert_int_equal(host_count(b, SG_QUIC_DATAGRAM), 4);
    for (size_t i = 0, k = 0; i < b->logged; i++) {
        if (b->log[i].event.type != SG_QUIC_DATAGRAM)
            continue;
        assert_int_equal(b->log[i].first, k);
        assert_int_equal(b->log[i].len, lens[k]);
        k++;
    }
    assert_int_equal(sg_quic_write_datagram(a->ep, conn, sg_bytes(data, sizeof(data))),
                     SG_ERR_TOO_LARGE);
    assert_int_equal(sg_quic_write_datagram(a->ep, conn, sg_bytes(data, 0)),
                     SG_ERR_INVALID_ARGUMENT);
    assert_int_equal(sg_quic_write_datagram(a->ep, conn + 1, sg_bytes(data, 1)), SG_ERR_NOT_FOUND);
    assert_int_equal(host_stats(a).quic_datagrams_out, 4);
    assert_int_equal(host_stats(b).quic_datagrams_in, 4);
    net_fini(&net);
}

/* Told to who asks for it, not to the other end, and without a timer in between: the
 * acknowledgement leaves at once. */
static void acknowledged_datagrams_are_told(void **state)
{
    (void)state;
    struct net net;
    struct sg_quic_config config;
    const uint8_t data[] = {1, 2, 3};
    net_init(&net, 10 * MS, 5);
    struct host *b = net_add_endpoint(&net, NULL);
    sg_quic_config_default(&config);
    config.datagram_acks = true;
    struct host *a = net_add_endpoint(&net, &config);
    sg_quic_conn_id conn = host_dial(a, b);
    net_run(&net, 300 * MS);
    assert_int_equal(host_count(a, SG_QUIC_DATAGRAM_ACKED), 0);
    assert_int_equal(sg_quic_write_datagram(a->ep, conn, sg_bytes(data, 3)), SG_OK);
    assert_int_equal(sg_quic_write_datagram(b->ep, host_conn(b), sg_bytes(data, 3)), SG_OK);
    net_run(&net, 21 * MS);
    assert_int_equal(host_count(a, SG_QUIC_DATAGRAM_ACKED), 1);
    assert_int_equal(host_count(b, SG_QUIC_DATAGRAM_ACKED), 0);
    net_fini(&net);
}

static void the_largest_fits_small_packets(void **state)
{
    (void)state;
    struct net net;
    uint8_t data[SG_QUIC_DATAGRAM_MAX] = {7};
    struct sg_quic_dial dial;
    sg_quic_conn_id conn;
    net_init(&net, 10 * MS, 2);
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add_endpoint(&net, NULL);
    dial = (struct sg_quic_dial){.remote = b->addr, .small_initial = true};
    assert_int_equal(sg_quic_dial(a->ep, net.now, &dial, &conn), SG_OK);
    net_run(&net, 300 * MS);
    assert_int_equal(sg_quic_write_datagram(a->ep, conn, sg_bytes(data, sizeof(data))), SG_OK);
    assert_int_equal(sg_quic_write_datagram(b->ep, host_conn(b), sg_bytes(data, sizeof(data))),
                     SG_OK);
    net_run(&net, 50 * MS);
    assert_int_equal(host_count(a, SG_QUIC_DATAGRAM), 1);
    assert_int_equal(host_count(b, SG_QUIC_DATAGRAM), 1);
    net_fini(&net);
}

static void queues_are_bounded(void **state)
{
    (void)state;
    struct net net;
    uint8_t data[100] = {0};
    net_init(&net, 10 * MS, 3);
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add_endpoint(&net, NULL);
    sg_quic_conn_id conn = net_connect(&net, a, b);
    b->deaf = true;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 64; i++) {
            data[0] = (uint8_t)(round * 64 + i);
            assert_int_equal(sg_quic_write_datagram(a->ep, conn, sg_bytes(data, 100)), SG_OK);
        }
        assert_int_equal(sg_quic_write_datagram(a->ep, conn, sg_bytes(data, 100)),
                         SG_ERR_WOULD_BLOCK);
        net_run(&net, 200 * MS);
    }
    /* the oldest went, the freshest are there */
    assert_int_equal(host_stats(b).quic_datagrams_dropped, 128);
    assert_int_equal(host_stats(b).receive_queued, 6400);
    b->deaf = false;
    net_run(&net, 1 * MS);
    assert_int_equal(host_count(b, SG_QUIC_DATAGRAM), 64);
    assert_int_equal(host_last(b, SG_QUIC_DATAGRAM)->first, 191);
    net_fini(&net);
}

static void a_lost_datagram_is_lost(void **state)
{
    (void)state;
    struct net net;
    uint8_t data[100] = {0};
    net_init(&net, 10 * MS, 4);
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add_endpoint(&net, NULL);
    sg_quic_conn_id conn = net_connect(&net, a, b);
    net.loss = 300;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(sg_quic_write_datagram(a->ep, conn, sg_bytes(data, 100)), SG_OK);
        net_run(&net, 30 * MS);
    }
    net_run(&net, 5000 * MS);
    assert_in_range(host_count(b, SG_QUIC_DATAGRAM), 50, 90);
    net_fini(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(datagrams_arrive_whole),
        cmocka_unit_test(acknowledged_datagrams_are_told),
        cmocka_unit_test(the_largest_fits_small_packets),
        cmocka_unit_test(queues_are_bounded),
        cmocka_unit_test(a_lost_datagram_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
