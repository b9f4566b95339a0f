/* Answers without a connection: version negotiation and stateless reset. */
#include "unit/quic/link.h"

static void give(struct net *net, struct host *to, const struct sg_addr *from, const uint8_t *data,
                 size_t len)
{
    struct sg_quic_rx rx = {.local = to->addr, .remote = *from, .data = data, .len = len};
    sg_quic_recv(to->ep, net->now, &rx, 1);
}

static void negotiates_the_version(void **state)
{
    (void)state;
    struct net net;
    uint8_t packet[1200] = {0xc0, 0x1a, 0x2a, 0x3a, 0x4a, 8, 1, 2, 3, 4, 5, 6, 7, 8, 4, 9, 9, 9, 9};
    struct sg_addr stranger = net_addr(7);
    net_init(&net, 10 * MS, 9);
    struct host *b = net_add_endpoint(&net, NULL);
    struct sg_quic_tx tx = {.buf = net.txbuf, .cap = SG_QUIC_TX_MAX};
    give(&net, b, &stranger, packet, 1199); /* too short to deserve an answer */
    assert_false(sg_quic_send(b->ep, net.now, &tx));
    give(&net, b, &stranger, packet, sizeof(packet));
    assert_true(sg_quic_send(b->ep, net.now, &tx));
    assert_int_equal(host_stats(b).version_negotiations_sent, 1);
    /* version 0, the client's source id first, and the only version there is */
    const uint8_t expected[] = {0, 0, 0, 0, 4, 9, 9, 9, 9, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 1};
    assert_int_equal(tx.len, sizeof(expected) + 1);
    assert_memory_equal(tx.buf + 1, expected, sizeof(expected));
    assert_true(sg_addr_equal(&tx.remote, &stranger));
    const uint8_t v2[] = {0x6b, 0x33, 0x43, 0xcf}; /* ngtcp2 knows it, we do not speak it */
    memcpy(packet + 1, v2, sizeof(v2));
    give(&net, b, &stranger, packet, sizeof(packet));
    assert_true(sg_quic_send(b->ep, net.now, &tx));
    assert_memory_equal(tx.buf + 1, expected, sizeof(expected));
    assert_int_equal(host_stats(b).accepts, 0);
    net_fini(&net);
}

static void a_restarted_peer_is_noticed(void **state)
{
    (void)state;
    struct net net;
    struct sg_quic_config config = net_config();
    struct sg_quic_endpoint *fresh;
    memset(config.reset_secret, 7, sizeof(config.reset_secret));
    net_init(&net, 10 * MS, 11);
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add_endpoint(&net, &config);
    sg_quic_conn_id conn = net_connect(&net, a, b);
    sg_quic_endpoint_free(b->ep); /* power cut: no farewell */
    config.identity = b->identity;
    assert_int_equal(sg_quic_endpoint_new(&config, net.now, &fresh), SG_OK);
    b->ep = fresh;
    b->self = fresh;
    assert_int_equal(host_write(a, conn, SG_LANE_MSHIP, 1, 100), SG_OK);
    net_run(&net, 100 * MS);
    const struct logged *closed = host_last(a, SG_QUIC_CLOSED);
    assert_non_null(closed);
    assert_int_equal(closed->event.closed.reason, SG_CLOSE_RESET);
    assert_int_equal(closed->event.closed.err, SG_ERR_CLOSED);
    assert_int_equal(host_stats(b).resets_sent, 1);
    assert_int_equal(host_stats(a).resets_received, 1);
    net_fini(&net);
}

static void resets_never_answer_short_datagrams(void **state)
{
    (void)state;
    struct net net;
    uint8_t packet[64] = {0x40};
    struct sg_addr stranger = net_addr(7);
    net_init(&net, 10 * MS, 12);
    struct host *b = net_add_endpoint(&net, NULL);
    struct sg_quic_tx tx = {.buf = net.txbuf, .cap = SG_QUIC_TX_MAX};
    for (size_t len = 1; len < sizeof(packet); len++) {
        give(&net, b, &stranger, packet, len);
        while (sg_quic_send(b->ep, net.now, &tx))
            assert_true(tx.len < len);
    }
    /* and not faster than the limit */
    for (int i = 0; i < 1000; i++)
        give(&net, b, &stranger, packet, sizeof(packet));
    assert_true(host_stats(b).resets_sent <= 100);
    net_fini(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(negotiates_the_version),
        cmocka_unit_test(a_restarted_peer_is_noticed),
        cmocka_unit_test(resets_never_answer_short_datagrams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
