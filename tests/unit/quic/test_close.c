/* Ends: both sides learn the reason, what was written before is delivered, nothing is left. */
#include "unit/quic/link.h"

static void expect_closed(struct host *host, uint64_t reason, bool by_peer)
{
    const struct logged *closed = host_last(host, SG_QUIC_CLOSED);
    assert_int_equal(host_count(host, SG_QUIC_CLOSED), 1);
    assert_int_equal(closed->event.closed.reason, reason);
    assert_int_equal(closed->event.closed.by_peer, by_peer);
    assert_int_equal(closed->event.closed.err, SG_OK);
    assert_ptr_equal(closed, &host->log[host->logged - 1]); /* the last event */
}

static void the_peer_sees_each_reason_at_once(void **state)
{
    (void)state;
    const uint64_t reasons[] = {SG_CLOSE_NONE,
                                SG_CLOSE_SHUTDOWN,
                                SG_CLOSE_DUPLICATE,
                                SG_CLOSE_LEAVING,
                                SG_CLOSE_BANNED,
                                SG_CLOSE_SELF,
                                1000,
                                UINT64_C(1) << 61};
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        struct net net;
        net_init(&net, 20 * MS, i);
        struct host *a = net_add_endpoint(&net, NULL);
        struct host *b = net_add_endpoint(&net, NULL);
        sg_quic_conn_id conn = net_connect(&net, a, b);
        struct host *closer = i % 2 == 0 ? a : b;
        struct host *other = i % 2 == 0 ? b : a;
        sg_time_ns start = net.now;
        sg_quic_close(closer->ep, net.now, host_conn(closer), reasons[i], false);
        net_run(&net, 20 * MS);
        assert_int_equal(host_last(other, SG_QUIC_CLOSED)->at, start + 20 * MS);
        expect_closed(other, reasons[i], true);
        expect_closed(closer, reasons[i], false);
        assert_int_equal(host_last(closer, SG_QUIC_CLOSED)->at, start);
        struct sg_quic_conn_info info;
        assert_int_equal(sg_quic_conn_info(a->ep, conn, &info), SG_ERR_NOT_FOUND);
        sg_quic_close(closer->ep, net.now, host_conn(closer), 1, false); /* ignored */
        net_run(&net, 5000 * MS);
        assert_int_equal(sg_quic_deadline(a->ep), SG_TIME_NEVER);
        assert_int_equal(sg_quic_deadline(b->ep), SG_TIME_NEVER);
        assert_int_equal(host_stats(closer).closed_local, 1);
        assert_int_equal(host_stats(other).closed_by_peer, 1);
        net_fini(&net);
    }
}

static void a_flushing_close_delivers_first(void **state)
{
    (void)state;
    struct net net;
    net_init(&net, 20 * MS, 1);
    struct sg_quic_config patient = net_config();
    /* 300 KB with a tenth of the packets lost may take longer than the default of 2 s: at its least
     * window of two packets a sender has 60 KB/s here */
    patient.flush_timeout_ns = 20000 * MS;
    struct host *a = net_add_endpoint(&net, &patient);
    struct host *b = net_add_endpoint(&net, NULL);
    sg_quic_conn_id conn = net_connect(&net, a, b);
    struct sg_quic_conn_info info;
    net.loss = 100;
    for (uint32_t i = 0; i < 50; i++)
        assert_int_equal(host_write(a, conn, (enum sg_lane)(i % 2), i, 4000), SG_OK);
    sg_quic_stream_id stream;
    struct sg_buf *chunk = numbered_frame(1, 100000);
    assert_int_equal(sg_quic_bulk_open(a->ep, conn, &stream), SG_OK);
    assert_int_equal(sg_quic_bulk_write(a->ep, conn, stream, chunk), SG_OK);
    assert_int_equal(sg_quic_bulk_fin(a->ep, conn, stream), SG_OK);
    assert_int_equal(sg_quic_write_datagram(a->ep, conn, sg_bytes("x", 1)), SG_OK);
    sg_quic_close(a->ep, net.now, conn, SG_CLOSE_LEAVING, true);
    assert_int_equal(sg_quic_conn_info(a->ep, conn, &info), SG_OK);
    assert_true(info.closing);
    assert_int_equal(host_write(a, conn, SG_LANE_MSHIP, 0, 10), SG_ERR_INVALID_STATE);
    net_run(&net, 21000 * MS);
    assert_int_equal(host_count(b, SG_QUIC_FRAME), 50);
    assert_true(host_last(b, SG_QUIC_BULK)->event.bulk.fin);
    expect_closed(a, SG_CLOSE_LEAVING, false);
    net.loss = 0;
    net_run(&net, 1000 * MS);
    expect_closed(b, SG_CLOSE_LEAVING, true);
    sg_buf_unref(chunk);
    net_fini(&net);
}

static bool drop_all(struct net *net, const struct flight *f)
{
    (void)net;
    (void)f;
    return false;
}

static void a_flush_is_bounded_in_time(void **state)
{
    (void)state;
    struct net net;
    net_init(&net, 20 * MS, 2);
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add_endpoint(&net, NULL);
    sg_quic_conn_id conn = net_connect(&net, a, b);
    net.filter = drop_all;
    assert_int_equal(host_write(a, conn, SG_LANE_MSHIP, 0, 1000), SG_OK);
    sg_time_ns start = net.now;
    sg_quic_close(a->ep, net.now, conn, SG_CLOSE_LEAVING, true);
    net_run(&net, 5000 * MS);
    assert_int_equal(host_last(a, SG_QUIC_CLOSED)->at, start + 2000 * MS);
    net_fini(&net);
}

static void a_second_close_cuts_a_flush_short(void **state)
{
    (void)state;
    struct net net;
    net_init(&net, 20 * MS, 3);
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add_endpoint(&net, NULL);
    sg_quic_conn_id conn = net_connect(&net, a, b);
    assert_int_equal(host_write(a, conn, SG_LANE_MSHIP, 0, 1000), SG_OK);
    sg_quic_close(a->ep, net.now, conn, SG_CLOSE_LEAVING, true);
    sg_quic_close(a->ep, net.now, conn, SG_CLOSE_SHUTDOWN, true); /* ignored */
    net_turn(&net);
    assert_int_equal(host_count(a, SG_QUIC_CLOSED), 0);
    sg_quic_close(a->ep, net.now, conn, SG_CLOSE_BANNED, false);
    net_turn(&net);
    net_turn(&net);
    expect_closed(a, SG_CLOSE_BANNED, false);
    net_run(&net, 100 * MS);
    expect_closed(b, SG_CLOSE_BANNED, true);
    net_fini(&net);
}

static void frames_before_the_peers_close_are_delivered(void **state)
{
    (void)state;
    struct net net;
    net_init(&net, 20 * MS, 4);
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add_endpoint(&net, NULL);
    sg_quic_conn_id conn = net_connect(&net, a, b);
    b->deaf = true;
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(host_write(a, conn, SG_LANE_PUBSUB, i, 4000), SG_OK);
    sg_quic_close(a->ep, net.now, conn, SG_CLOSE_LEAVING, true);
    net_run(&net, 3000 * MS);
    assert_int_equal(b->logged, 1);
    b->deaf = false;
    net_run(&net, 1 * MS);
    assert_int_equal(host_count(b, SG_QUIC_FRAME), 5);
    expect_closed(b, SG_CLOSE_LEAVING, true);
    assert_int_equal(host_stats(b).connections_live, 0);
    net_fini(&net);
}

/* Closes from inside the handling of a frame; its bytes must stay valid. */
static void close_on_frame(struct host *host, const struct sg_quic_event *event)
{
    if (event->type != SG_QUIC_FRAME)
        return;
    uint32_t before = frame_number(event->frame.bytes);
    sg_quic_close(host->ep, host->net->now, event->conn, SG_CLOSE_PROTOCOL, false);
    assert_int_equal(frame_number(event->frame.bytes), before);
}

static void a_local_close_drops_the_rest(void **state)
{
    (void)state;
    for (int together = 0; together < 2; together++) {
        struct net net;
        net_init(&net, 20 * MS, 5);
        struct host *a = net_add_endpoint(&net, NULL);
        struct host *b = net_add_endpoint(&net, NULL);
        sg_quic_conn_id conn = net_connect(&net, a, b);
        b->on_event = close_on_frame;
        for (uint32_t i = 0; i < (together ? 5u : 1u); i++)
            assert_int_equal(host_write(a, conn, SG_LANE_PUBSUB, i, 1000), SG_OK);
        net_run(&net, 200 * MS);
        assert_int_equal(host_count(b, SG_QUIC_FRAME), 1);
        expect_closed(b, SG_CLOSE_PROTOCOL, false);
        expect_closed(a, SG_CLOSE_PROTOCOL, true);
        assert_int_equal(host_stats(b).receive_queued, 0);
        net_fini(&net);
    }
}

static bool drop_first_close(struct net *net, const struct flight *f)
{
    int *left = net->filter_user;
    if (!sg_addr_equal(&f->from, &net->hosts[0].addr))
        return true;
    return (*left)-- <= 0;
}

static void a_lost_close_is_repeated(void **state)
{
    (void)state;
    struct net net;
    int left = 1;
    net_init(&net, 20 * MS, 6);
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add_endpoint(&net, NULL);
    sg_quic_conn_id conn = net_connect(&net, a, b);
    net.filter = drop_first_close;
    net.filter_user = &left;
    sg_quic_close(a->ep, net.now, conn, SG_CLOSE_LEAVING, false);
    net_turn(&net);
    assert_int_equal(host_write(b, host_conn(b), SG_LANE_MSHIP, 0, 100), SG_OK);
    net_run(&net, 100 * MS);
    expect_closed(b, SG_CLOSE_LEAVING, true);
    net_fini(&net);
}

static void both_may_close_at_once(void **state)
{
    (void)state;
    struct net net;
    net_init(&net, 20 * MS, 7);
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add_endpoint(&net, NULL);
    sg_quic_conn_id conn = net_connect(&net, a, b);
    sg_quic_close(a->ep, net.now, conn, SG_CLOSE_LEAVING, false);
    sg_quic_close(b->ep, net.now, host_conn(b), SG_CLOSE_DUPLICATE, false);
    net_run(&net, 3000 * MS);
    expect_closed(a, SG_CLOSE_LEAVING, false);
    expect_closed(b, SG_CLOSE_DUPLICATE, false);
    net_fini(&net);
}

static void cancelling_a_dial(void **state)
{
    (void)state;
    struct net net;
    net_init(&net, 20 * MS, 8);
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add_endpoint(&net, NULL);
    sg_quic_conn_id early = host_dial(a, b);
    sg_quic_close(a->ep, net.now, early, SG_CLOSE_NONE, false); /* nothing was sent yet */
    net_turn(&net);
    sg_quic_conn_id late = host_dial(a, b);
    net_run(&net, 10 * MS);
    sg_quic_close(a->ep, net.now, late, SG_CLOSE_SHUTDOWN, true);
    net_run(&net, 8000 * MS);
    assert_int_equal(host_count(a, SG_QUIC_DIAL_FAILED), 2);
    assert_int_equal(host_last(a, SG_QUIC_DIAL_FAILED)->event.dial_failed.err, SG_ERR_CLOSED);
    assert_int_equal(host_count(b, SG_QUIC_CONNECTED), 0);
    assert_int_equal(b->logged, 0);
    assert_int_equal(host_stats(b).half_open, 0);
    assert_int_equal(host_stats(a).handshakes_failed, 0);
    assert_int_equal(host_stats(a).connections_live, 0);
    net_fini(&net);
}

static void closing_all_tells_everybody(void **state)
{
    (void)state;
    struct net net;
    net_init(&net, 20 * MS, 9);
    struct host *hub = net_add_endpoint(&net, NULL);
    struct host *others[5];
    for (int i = 0; i < 5; i++) {
        others[i] = net_add_endpoint(&net, NULL);
        net_connect(&net, others[i], hub);
        assert_int_equal(host_write(hub, host_conn(hub), SG_LANE_PUBSUB, 1, 50000), SG_OK);
    }
    sg_quic_close_all(hub->ep, net.now, SG_CLOSE_SHUTDOWN, true);
    net_run(&net, 1000 * MS);
    assert_int_equal(host_count(hub, SG_QUIC_CLOSED), 5);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(host_count(others[i], SG_QUIC_FRAME), 1);
        expect_closed(others[i], SG_CLOSE_SHUTDOWN, true);
    }
    /* and nobody gets in any more */
    host_dial(others[0], hub);
    net_run(&net, 6000 * MS);
    assert_int_equal(host_count(others[0], SG_QUIC_DIAL_FAILED), 1);
    assert_int_equal(host_stats(hub).connections_live, 0);
    net_fini(&net);
}

static void lingering_is_bounded(void **state)
{
    (void)state;
    struct net net;
    struct sg_quic_config config = net_config();
    config.limits.retry_threshold = config.limits.half_open_max = 400;
    config.limits.half_open_prefix_max = 0;
    net_init(&net, 1 * MS, 10);
    struct host *a = net_add_endpoint(&net, &config);
    struct host *b = net_add_endpoint(&net, &config);
    for (int i = 0; i < 60; i++)
        host_dial(a, b);
    net_run(&net, 100 * MS);
    assert_int_equal(host_count(a, SG_QUIC_CONNECTED), 60);
    sg_quic_close_all(a->ep, net.now, SG_CLOSE_SHUTDOWN, false);
    net_turn(&net);
    net_run(&net, 5000 * MS);
    assert_int_equal(host_count(b, SG_QUIC_CLOSED), 60);
    assert_int_equal(sg_quic_deadline(a->ep), SG_TIME_NEVER);
    assert_int_equal(sg_quic_connections(b->ep, NULL, 0), 0);
    net_fini(&net);
}

static void reasons_have_texts(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < SG_CLOSE_COUNT; i++) {
        assert_string_not_equal(sg_close_reason_text(i), "unknown");
        for (uint64_t k = 0; k < i; k++)
            assert_string_not_equal(sg_close_reason_text(i), sg_close_reason_text(k));
    }
    assert_string_equal(sg_close_reason_text(SG_CLOSE_COUNT), "unknown");
    assert_string_equal(sg_close_reason_text(UINT64_MAX), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_peer_sees_each_reason_at_once),
        cmocka_unit_test(a_flushing_close_delivers_first),
        cmocka_unit_test(a_flush_is_bounded_in_time),
        cmocka_unit_test(a_second_close_cuts_a_flush_short),
        cmocka_unit_test(frames_before_the_peers_close_are_delivered),
        cmocka_unit_test(a_local_close_drops_the_rest),
        cmocka_unit_test(a_lost_close_is_repeated),
        cmocka_unit_test(both_may_close_at_once),
        cmocka_unit_test(cancelling_a_dial),
        cmocka_unit_test(closing_all_tells_everybody),
        cmocka_unit_test(lingering_is_bounded),
        cmocka_unit_test(reasons_have_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
