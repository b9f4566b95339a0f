/* Pulling events: urgent ones first, everybody in turn, spans valid for as long as promised. */
#include "unit/quic/link.h"

/* Fills b's queues from a without b pulling: n of each kind. */
static void fill(struct net *net, struct host *a, sg_quic_conn_id conn, uint32_t n)
{
    sg_quic_stream_id stream;
    struct sg_buf *chunk = numbered_frame(9, 1000);
    for (uint32_t i = 0; i < n; i++) {
        assert_int_equal(sg_quic_bulk_open(a->ep, conn, &stream), SG_OK);
        assert_int_equal(sg_quic_bulk_write(a->ep, conn, stream, chunk), SG_OK);
        assert_int_equal(host_write(a, conn, SG_LANE_PUBSUB, i, 500), SG_OK);
        assert_int_equal(host_write(a, conn, SG_LANE_MSHIP, i, 500), SG_OK);
        assert_int_equal(sg_quic_write_datagram(a->ep, conn, sg_bytes("d", 1)), SG_OK);
    }
    net_run(net, 300 * MS);
    sg_buf_unref(chunk);
}

/* D datagram, M mship, P pubsub, B bulk, c anything else */
static char letter(const struct sg_quic_event *event)
{
    if (event->type == SG_QUIC_DATAGRAM)
        return 'D';
    if (event->type == SG_QUIC_BULK)
        return 'B';
    if (event->type == SG_QUIC_FRAME)
        return event->frame.lane == SG_LANE_MSHIP ? 'M' : 'P';
    return 'c';
}

static void urgent_events_come_first(void **state)
{
    (void)state;
    struct net net;
    struct sg_quic_event event;
    char order[32] = {0};
    net_init(&net, 10 * MS, 1);
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add_endpoint(&net, NULL);
    b->deaf = true;
    sg_quic_conn_id conn = host_dial(a, b);
    net_run(&net, 200 * MS);
    fill(&net, a, conn, 3);
    for (size_t i = 0; i < sizeof(order) - 1 && sg_quic_next_event(b->ep, &event); i++)
        order[i] = letter(&event);
    assert_string_equal(order, "cDDDMMMPPPBBB");
    net_fini(&net);
}

static void nobody_starves(void **state)
{
    (void)state;
    struct net net;
    struct sg_quic_event event;
    net_init(&net, 10 * MS, 2);
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add_endpoint(&net, NULL);
    sg_quic_conn_id conn = net_connect(&net, a, b);
    b->deaf = true;
    for (uint32_t i = 0; i < 200; i++)
        assert_int_equal(host_write(a, conn, SG_LANE_MSHIP, i, 500), SG_OK);
    fill(&net, a, conn, 10);
    unsigned seen[128] = {0};
    for (int i = 0; i < 64; i++) {
        assert_true(sg_quic_next_event(b->ep, &event));
        seen[(unsigned)letter(&event)]++;
    }
    assert_int_equal(seen['D'], 10);
    assert_in_range(seen['P'], 2, 5);
    assert_in_range(seen['B'], 2, 5);
    assert_true(seen['M'] > 40);
    net_fini(&net);
}

static void connections_take_turns(void **state)
{
    (void)state;
    struct net net;
    struct sg_quic_event event;
    net_init(&net, 10 * MS, 3);
    struct host *b = net_add_endpoint(&net, NULL);
    struct host *others[3];
    for (int i = 0; i < 3; i++) {
        others[i] = net_add_endpoint(&net, NULL);
        net_connect(&net, others[i], b);
    }
    b->deaf = true;
    for (uint32_t n = 0; n < 90; n++) /* one floods, two have a little to say */
        assert_int_equal(host_write(others[0], host_conn(others[0]), SG_LANE_MSHIP, n, 100), SG_OK);
    net_run(&net, 100 * MS);
    for (uint32_t n = 0; n < 2; n++) {
        for (int i = 1; i < 3; i++)
            assert_int_equal(host_write(others[i], host_conn(others[i]), SG_LANE_MSHIP, n, 100),
                             SG_OK);
    }
    net_run(&net, 100 * MS);
    sg_quic_conn_id order[6];
    for (int i = 0; i < 6; i++) {
        assert_true(sg_quic_next_event(b->ep, &event));
        assert_int_equal(event.type, SG_QUIC_FRAME);
        order[i] = event.conn;
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(order[i], order[i + 3]);
        assert_int_not_equal(order[i], order[(i + 1) % 3]);
    }
    net_fini(&net);
}

/* Writes an answer while the frame is at hand, as every user does. */
static void answer(struct host *host, const struct sg_quic_event *event)
{
    if (event->type != SG_QUIC_FRAME)
        return;
    uint32_t number = frame_number(event->frame.bytes);
    (void)!host_write(host, event->conn, event->frame.lane, number, event->frame.bytes.len);
    (void)!sg_quic_write_datagram(host->ep, event->conn, sg_bytes(event->frame.bytes.data, 8));
    assert_int_equal(frame_number(event->frame.bytes), number);
}

static void spans_stay_valid_while_answers_are_written(void **state)
{
    (void)state;
    struct net net;
    net_init(&net, 10 * MS, 4);
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add_endpoint(&net, NULL);
    sg_quic_conn_id conn = net_connect(&net, a, b);
    b->on_event = answer;
    for (uint32_t i = 0; i < 40; i++)
        assert_int_equal(host_write(a, conn, (enum sg_lane)(i % 2), i, 8 + 300 * i), SG_OK);
    net_run(&net, 1000 * MS);
    assert_int_equal(host_count(a, SG_QUIC_FRAME), 40);
    assert_int_equal(host_count(a, SG_QUIC_DATAGRAM), 40);
    net_fini(&net);
}

static void handles_die_with_the_last_event(void **state)
{
    (void)state;
    struct net net;
    struct sg_quic_event event;
    struct sg_quic_conn_info info;
    net_init(&net, 10 * MS, 5);
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add_endpoint(&net, NULL);
    sg_quic_conn_id conn = net_connect(&net, a, b);
    a->deaf = true;
    sg_quic_close(b->ep, net.now, host_conn(b), SG_CLOSE_LEAVING, false);
    net_run(&net, 5000 * MS); /* the transport is long gone */
    assert_int_equal(sg_quic_conn_info(a->ep, conn, &info), SG_OK);
    assert_true(info.closing);
    assert_int_equal(host_write(a, conn, SG_LANE_MSHIP, 0, 10), SG_ERR_INVALID_STATE);
    assert_true(sg_quic_next_event(a->ep, &event));
    assert_int_equal(event.type, SG_QUIC_CLOSED);
    assert_int_equal(sg_quic_conn_info(a->ep, conn, &info), SG_ERR_NOT_FOUND);
    assert_int_equal(host_write(a, conn, SG_LANE_MSHIP, 0, 10), SG_ERR_NOT_FOUND);
    assert_false(sg_quic_next_event(a->ep, &event));
    assert_int_equal(host_stats(a).connections_live, 0);
    net_fini(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urgent_events_come_first),
        cmocka_unit_test(nobody_starves),
        cmocka_unit_test(connections_take_turns),
        cmocka_unit_test(spans_stay_valid_while_answers_are_written),
        cmocka_unit_test(handles_die_with_the_last_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
