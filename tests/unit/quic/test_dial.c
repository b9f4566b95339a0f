/* Connections that we open, and how that can fail. */
#include <ngtcp2/ngtcp2.h>

#include "unit/quic/link.h"

static void give(struct net *net, struct host *to, const struct sg_addr *from, const uint8_t *data,
                 size_t len)
{
    struct sg_quic_rx rx = {.local = to->addr, .remote = *from, .data = data, .len = len};
    sg_quic_recv(to->ep, net->now, &rx, 1);
}

static void learns_an_unknown_peer(void **state)
{
    (void)state;
    struct net net;
    net_init(&net, 5 * MS, 3);
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add_endpoint(&net, NULL);
    struct sg_quic_dial dial = {.remote = b->addr};
    sg_quic_conn_id conn;
    assert_int_equal(sg_quic_dial(a->ep, net.now, &dial, &conn), SG_OK);
    net_run(&net, 200 * MS);
    assert_memory_equal(&host_last(a, SG_QUIC_CONNECTED)->event.connected.peer,
                        sg_identity_peer_id(b->identity), SG_ID_LEN);
    net_fini(&net);
}

static void refuses_bad_dials(void **state)
{
    (void)state;
    struct net net;
    struct sg_quic_config config = net_config();
    sg_quic_conn_id conn = 5;
    config.limits.connections_max = 1;
    net_init(&net, 10 * MS, 13);
    struct host *a = net_add_endpoint(&net, &config);
    struct sg_quic_dial dial = {.remote = {0}};
    assert_int_equal(sg_quic_dial(a->ep, 0, &dial, &conn), SG_ERR_INVALID_ARGUMENT);
    assert_int_equal(conn, 0);
    dial.remote = net_addr(3);
    dial.remote.port = 0;
    assert_int_equal(sg_quic_dial(a->ep, 0, &dial, &conn), SG_ERR_INVALID_ARGUMENT);
    dial.remote.port = 1;
    assert_int_equal(sg_quic_dial(a->ep, 0, &dial, &conn), SG_OK);
    assert_int_equal(sg_quic_dial(a->ep, 0, &dial, &conn), SG_ERR_LIMIT);
    sg_quic_close_all(a->ep, 0, SG_CLOSE_SHUTDOWN, false);
    assert_int_equal(sg_quic_dial(a->ep, 0, &dial, &conn), SG_ERR_STOPPED);
    net_fini(&net);
}

static void a_dead_address_times_out(void **state)
{
    (void)state;
    struct net net;
    net_init(&net, 10 * MS, 14);
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add(&net);
    sg_quic_conn_id conn = host_dial(a, b);
    net_run(&net, 6000 * MS);
    const struct logged *failed = host_last(a, SG_QUIC_DIAL_FAILED);
    assert_non_null(failed);
    assert_int_equal(failed->event.conn, conn);
    assert_int_equal(failed->event.dial_failed.err, SG_ERR_TIMEOUT);
    assert_false(failed->event.dial_failed.answered);
    assert_int_equal(failed->at, 5000 * MS);
    assert_int_equal(host_stats(a).connections_live, 0);
    assert_int_equal(host_stats(a).tls_live, 0);
    assert_int_equal(sg_quic_deadline(a->ep), SG_TIME_NEVER);
    net_fini(&net);
}

static void version_negotiation_ends_a_dial(void **state)
{
    (void)state;
    struct net net;
    net_init(&net, 10 * MS, 10);
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add(&net); /* deaf and mute */
    struct sg_quic_tx tx = {.buf = net.txbuf, .cap = SG_QUIC_TX_MAX};
    uint8_t answer[100];
    ngtcp2_version_cid vc;
    const uint32_t versions[] = {0x6b3343cf};
    host_dial(a, b);
    assert_true(sg_quic_send(a->ep, net.now, &tx));
    assert_int_equal(ngtcp2_pkt_decode_version_cid(&vc, tx.buf, tx.segment_len, 0), 0);
    ngtcp2_ssize n = ngtcp2_pkt_write_version_negotiation(
        answer, sizeof(answer), 0, vc.scid, vc.scidlen, vc.dcid, vc.dcidlen, versions, 1);
    assert_true(n > 0);
    give(&net, a, &b->addr, answer, (size_t)n);
    net_run(&net, 10 * MS);
    assert_int_equal(host_last(a, SG_QUIC_DIAL_FAILED)->event.dial_failed.err, SG_ERR_VERSION);
    assert_true(host_last(a, SG_QUIC_DIAL_FAILED)->event.dial_failed.answered);
    assert_int_equal(host_stats(a).failed_version, 1);
    net_fini(&net);
}

static void both_dial_at_once(void **state)
{
    (void)state;
    struct net net;
    net_init(&net, 10 * MS, 5);
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add_endpoint(&net, NULL);
    host_dial(a, b);
    host_dial(b, a);
    net_run(&net, 300 * MS);
    assert_int_equal(host_count(a, SG_QUIC_CONNECTED), 2);
    assert_int_equal(host_count(b, SG_QUIC_CONNECTED), 2);
    net_fini(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learns_an_unknown_peer),
        cmocka_unit_test(refuses_bad_dials),
        cmocka_unit_test(a_dead_address_times_out),
        cmocka_unit_test(version_negotiation_ends_a_dial),
        cmocka_unit_test(both_dial_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
