/* Frames on the two lanes: complete, once, in order, within budgets; and what bad ones lead to. */
#include "unit/quic/raw_client.h"

/* The next frame number that each lane of each host expects. */
struct expect {
    uint32_t next[HOSTS_MAX][SG_FRAME_LANE_COUNT];
};

static void expect_in_order(struct host *host, const struct sg_quic_event *event)
{
    struct expect *x = host->user;
    if (event->type != SG_QUIC_FRAME)
        return;
    size_t i = (size_t)(host - host->net->hosts);
    assert_int_equal(frame_number(event->frame.bytes), x->next[i][event->frame.lane]);
    x->next[i][event->frame.lane]++;
}

static size_t length_of(uint32_t number, enum sg_lane lane)
{
    static const size_t mship[] = {4, 63, 64, 65, 1200, 16383, 16384, 700};
    static const size_t pubsub[] = {4, 63, 64, 1000, 16383, 16384, 65536, 69632, 100};
    return lane == SG_LANE_MSHIP ? mship[number % 8] : pubsub[number % 9];
}

/* Both hosts write one frame on each lane. */
static void write_everywhere(struct host *hosts[2], uint32_t sent[2][2])
{
    for (int i = 0; i < 4; i++) {
        enum sg_lane lane = (enum sg_lane)(i % 2);
        struct host *host = hosts[i / 2];
        uint32_t *n = &sent[i / 2][lane];
        sg_err err = host_write(host, host_conn(host), lane, *n, length_of(*n, lane));
        assert_true(err == SG_OK || err == SG_ERR_WOULD_BLOCK);
        *n += err == SG_OK;
    }
}

static void check_everywhere(struct host *hosts[2], uint32_t sent[2][2], const struct expect *x)
{
    for (int i = 0; i < 4; i++) {
        enum sg_lane lane = (enum sg_lane)(i % 2);
        struct host *host = hosts[i / 2];
        assert_true(sent[i / 2][lane] > 30);
        assert_int_equal(x->next[1 - i / 2][lane], sent[i / 2][lane]);
        assert_int_equal(sg_quic_lane_queued(host->ep, host_conn(host), lane), 0);
        assert_int_equal(host_count(host, SG_QUIC_CLOSED), 0);
        assert_int_equal(host_stats(host).receive_queued, 0);
    }
}

static void frames_arrive_once_and_in_order(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 3; seed++) {
        struct net net;
        struct expect x = {0};
        uint32_t sent[2][2] = {{0}};
        net_init(&net, 15 * MS, seed);
        struct host *hosts[2] = {net_add_endpoint(&net, NULL), net_add_endpoint(&net, NULL)};
        hosts[0]->user = hosts[1]->user = &x;
        hosts[0]->on_event = hosts[1]->on_event = expect_in_order;
        net_connect(&net, hosts[0], hosts[1]);
        net.loss = 100;
        net.duplicate = 50;
        net.jitter_ns = 20 * MS;
        for (int turn = 0; turn < 60; turn++) {
            write_everywhere(hosts, sent);
            net_run(&net, 40 * MS);
        }
        net_run(&net, 20000 * MS);
        check_everywhere(hosts, sent, &x);
        net_fini(&net);
    }
}

static void a_frame_shares_its_buffer_until_acknowledged(void **state)
{
    (void)state;
    struct net net;
    net_init(&net, 20 * MS, 3);
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add_endpoint(&net, NULL);
    sg_quic_conn_id conn = net_connect(&net, a, b);
    struct sg_buf *frame = numbered_frame(1, 5000);
    assert_int_equal(sg_quic_write_frame(a->ep, conn, SG_LANE_PUBSUB, frame), SG_OK);
    assert_int_equal(sg_quic_write_frame(a->ep, conn, SG_LANE_MSHIP, frame), SG_OK);
    assert_int_equal(frame->refs, 3);
    assert_int_equal(sg_quic_lane_queued(a->ep, conn, SG_LANE_PUBSUB), 5002);
    net_run(&net, 25 * MS);
    assert_int_equal(frame->refs, 3);
    assert_int_equal(host_count(b, SG_QUIC_FRAME), 2);
    net_run(&net, 100 * MS);
    assert_int_equal(frame->refs, 1);
    assert_int_equal(sg_quic_lane_queued(a->ep, conn, SG_LANE_PUBSUB), 0);
    assert_int_equal(host_stats(a).frames_out[SG_LANE_PUBSUB], 1);
    assert_int_equal(host_stats(b).frames_in[SG_LANE_MSHIP], 1);
    sg_buf_unref(frame);
    net_fini(&net);
}

static void a_full_budget_blocks_and_tells_when_there_is_room(void **state)
{
    (void)state;
    struct net net;
    struct sg_quic_conn_info info;
    net_init(&net, 20 * MS, 4);
    struct sg_quic_config config = net_config();
    config.limits.send_budget[SG_LANE_MSHIP] = 40000;
    struct host *a = net_add_endpoint(&net, &config);
    struct host *b = net_add_endpoint(&net, NULL);
    sg_quic_conn_id conn = net_connect(&net, a, b);
    unsigned written = 0;
    while (host_write(a, conn, SG_LANE_MSHIP, written, 1000) == SG_OK)
        written++;
    assert_int_equal(written, 39);
    assert_int_equal(host_write(a, conn, SG_LANE_MSHIP, 0, 1000), SG_ERR_WOULD_BLOCK);
    assert_int_equal(host_write(a, conn, SG_LANE_MSHIP, 0, 40000), SG_ERR_TOO_LARGE);
    assert_int_equal(host_write(a, conn, SG_LANE_PUBSUB, 0, 1000), SG_OK); /* its own budget */
    net_turn(&net);
    assert_int_equal(sg_quic_conn_info(a->ep, conn, &info), SG_OK);
    assert_int_equal(info.queued[SG_LANE_MSHIP], 39 * 1002);
    assert_int_equal(info.stalled_since, net.now);
    net_run(&net, 500 * MS);
    assert_int_equal(host_count(a, SG_QUIC_WRITABLE), 1);
    assert_int_equal(host_last(a, SG_QUIC_WRITABLE)->event.writable.lane, SG_LANE_MSHIP);
    assert_int_equal(host_count(b, SG_QUIC_FRAME), 40);
    assert_int_equal(sg_quic_conn_info(a->ep, conn, &info), SG_OK);
    assert_int_equal(info.stalled_since, SG_TIME_NEVER);
    net_fini(&net);
}

static void refuses_bad_writes(void **state)
{
    (void)state;
    struct net net;
    net_init(&net, 20 * MS, 5);
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add_endpoint(&net, NULL);
    struct sg_buf *empty = sg_buf_new(sg_mem_default(), 4);
    sg_quic_conn_id conn = host_dial(a, b);
    assert_int_equal(host_write(a, conn, SG_LANE_MSHIP, 0, 10), SG_ERR_INVALID_STATE);
    net_run(&net, 300 * MS);
    assert_int_equal(host_write(a, conn + 1, SG_LANE_MSHIP, 0, 10), SG_ERR_NOT_FOUND);
    assert_int_equal(host_write(a, conn, SG_LANE_BULK, 0, 10), SG_ERR_INVALID_ARGUMENT);
    assert_int_equal(sg_quic_write_frame(a->ep, conn, SG_LANE_MSHIP, empty),
                     SG_ERR_INVALID_ARGUMENT);
    assert_int_equal(sg_quic_lane_queued(a->ep, conn + 1, SG_LANE_MSHIP), 0);
    sg_quic_close(a->ep, net.now, conn, SG_CLOSE_LEAVING, true);
    assert_int_equal(host_write(a, conn, SG_LANE_MSHIP, 0, 10), SG_ERR_INVALID_STATE);
    sg_buf_unref(empty);
    net_fini(&net);
}

static bool to_a_only(struct net *net, const struct flight *f)
{
    return sg_addr_equal(&f->to, &net->hosts[0].addr);
}

static void a_half_open_link_shows(void **state)
{
    (void)state;
    struct net net;
    struct sg_quic_conn_info info;
    net_init(&net, 20 * MS, 6);
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add_endpoint(&net, NULL);
    sg_quic_conn_id conn = net_connect(&net, a, b);
    net.filter = to_a_only; /* what a sends is lost, what b sends arrives */
    sg_time_ns start = net.now;
    assert_int_equal(host_write(a, conn, SG_LANE_MSHIP, 0, 1000), SG_OK);
    for (uint32_t i = 0; i < 8; i++) {
        (void)!host_write(b, host_conn(b), SG_LANE_MSHIP, i, 100);
        net_run(&net, 1000 * MS);
    }
    assert_int_equal(sg_quic_conn_info(a->ep, conn, &info), SG_OK);
    assert_int_equal(info.stalled_since, start);
    assert_true(info.last_receive > start);
    net_fini(&net);
}

/* ---- frames that nobody of ours would send ---- */

/* Connects a hand-made client that sends data on one stream, and another on a second; gives what
 * the server says when it closes. */
static uint64_t close_code_for(struct sg_bytes one, struct sg_bytes two, sg_err *err)
{
    struct net net;
    struct raw_client client;
    struct raw_options options = {.key = RAW_KEY_RPK};
    net_init(&net, 10 * MS, 7);
    struct host *b = net_add_endpoint(&net, NULL);
    raw_add(&net, &client, b, &options, sg_identity_evp(b->identity));
    net_run(&net, 300 * MS);
    assert_true(client.completed);
    raw_write(&client, one.data, one.len, false);
    if (two.len > 0)
        raw_write(&client, two.data, two.len, false);
    net_run(&net, 300 * MS);
    uint64_t code = raw_close_code(&client, true);
    *err = SG_OK;
    if (code != UINT64_MAX) {
        const struct logged *closed = host_last(b, SG_QUIC_CLOSED);
        assert_non_null(closed);
        assert_false(closed->event.closed.by_peer);
        assert_int_equal(closed->event.closed.reason, code);
        *err = closed->event.closed.err;
        assert_int_equal(host_stats(b).closed_error, 1);
    }
    assert_int_equal(host_stats(b).receive_queued > 0, code == UINT64_MAX && one.len > 5);
    raw_free(&client);
    net_fini(&net);
    return code;
}

#define EMPTY sg_bytes(NULL, 0)

static void bad_frames_close_with_a_reason(void **state)
{
    (void)state;
    sg_err err;
    static const uint8_t zero[] = {0, 3, 'a', 'b', 'c', 0};
    static const uint8_t long_form[] = {1, 0x40, 3, 'a'};
    static const uint8_t longer_form[] = {1, 0x80, 0, 0x10, 0};
    static const uint8_t prefix_3[] = {0, 0xc0};
    static const uint8_t oversized[] = {0, 0x80, 0x00, 0x40, 0x01};        /* 16385 on mship */
    static const uint8_t oversized_2[] = {1, 0xbf, 0xff, 0xff, 0xff, 'x'}; /* 1 GiB on pubsub */
    assert_int_equal(close_code_for(sg_bytes(zero, sizeof(zero)), EMPTY, &err), SG_CLOSE_PROTOCOL);
    assert_int_equal(err, SG_ERR_MALFORMED);
    assert_int_equal(close_code_for(sg_bytes(long_form, sizeof(long_form)), EMPTY, &err),
                     SG_CLOSE_PROTOCOL);
    assert_int_equal(err, SG_ERR_NOT_CANONICAL);
    assert_int_equal(close_code_for(sg_bytes(longer_form, sizeof(longer_form)), EMPTY, &err),
                     SG_CLOSE_PROTOCOL);
    assert_int_equal(close_code_for(sg_bytes(prefix_3, sizeof(prefix_3)), EMPTY, &err),
                     SG_CLOSE_PROTOCOL);
    assert_int_equal(err, SG_ERR_MALFORMED);
    assert_int_equal(close_code_for(sg_bytes(oversized, sizeof(oversized)), EMPTY, &err),
                     SG_CLOSE_OVERSIZED);
    assert_int_equal(err, SG_ERR_OVERSIZED);
    assert_int_equal(close_code_for(sg_bytes(oversized_2, sizeof(oversized_2)), EMPTY, &err),
                     SG_CLOSE_OVERSIZED);
}

static void bad_lanes_close_with_a_reason(void **state)
{
    (void)state;
    sg_err err;
    static const uint8_t mship[] = {0, 3, 'a', 'b', 'c'};
    static const uint8_t pubsub[] = {1};
    static const uint8_t unknown[] = {3, 1, 2, 3};
    assert_int_equal(close_code_for(sg_bytes(unknown, sizeof(unknown)), EMPTY, &err),
                     SG_CLOSE_PROTOCOL);
    assert_int_equal(err, SG_ERR_PROTOCOL);
    assert_int_equal(close_code_for(sg_bytes(mship, sizeof(mship)), sg_bytes(mship, 1), &err),
                     SG_CLOSE_PROTOCOL); /* the same lane twice */
    assert_int_equal(close_code_for(sg_bytes(mship, sizeof(mship)), sg_bytes(pubsub, 1), &err),
                     UINT64_MAX); /* nothing wrong */
}

static void a_lane_must_not_end(void **state)
{
    (void)state;
    static const uint8_t mship[] = {0, 3, 'a', 'b', 'c'};
    for (int how = 0; how < 3; how++) {
        struct net net;
        struct raw_client client;
        struct raw_options options = {.key = RAW_KEY_RPK};
        net_init(&net, 10 * MS, 8);
        struct host *b = net_add_endpoint(&net, NULL);
        raw_add(&net, &client, b, &options, sg_identity_evp(b->identity));
        net_run(&net, 300 * MS);
        raw_write(&client, mship, sizeof(mship), how == 0);
        client.streams[0].reset = how == 1;
        if (how == 2) /* STOP_SENDING for the server's first lane, stream 3 */
            assert_int_equal(ngtcp2_conn_shutdown_stream_read(client.nc, 0, 3, 9), 0);
        net_run(&net, 300 * MS);
        assert_int_equal(raw_close_code(&client, true), SG_CLOSE_PROTOCOL);
        assert_int_equal(host_stats(b).closed_bad_stream, 1);
        raw_free(&client);
        net_fini(&net);
    }
}

/* A frame that never ends holds no more than its lane's window. */
static void an_incomplete_frame_is_bounded(void **state)
{
    (void)state;
    static uint8_t data[300 * 1024] = {1, 0x80, 0x01, 0x00, 0x00}; /* a frame of 64 KiB */
    struct net net;
    struct raw_client client;
    struct raw_options options = {.key = RAW_KEY_RPK};
    net_init(&net, 1 * MS, 9);
    struct host *b = net_add_endpoint(&net, NULL);
    raw_add(&net, &client, b, &options, sg_identity_evp(b->identity));
    net_run(&net, 300 * MS);
    raw_write(&client, data, 60000, false);
    net_run(&net, 2000 * MS);
    assert_int_equal(host_count(b, SG_QUIC_FRAME), 0);
    assert_int_equal(host_stats(b).receive_queued, 60000 - 1);
    assert_int_equal(host_count(b, SG_QUIC_CLOSED), 0);
    raw_free(&client);
    net_fini(&net);
}

/* A node whose application does not pull: the peer stops at the window, and nothing is lost. */
static void a_slow_reader_stops_the_sender(void **state)
{
    (void)state;
    struct net net;
    struct expect x = {0};
    net_init(&net, 5 * MS, 10);
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add_endpoint(&net, NULL);
    sg_quic_conn_id conn = net_connect(&net, a, b);
    b->deaf = true;
    uint32_t sent = 0;
    while (host_write(a, conn, SG_LANE_PUBSUB, sent, 10000) == SG_OK)
        sent++;
    assert_true(sent > 400);
    net_run(&net, 5000 * MS);
    assert_in_range(host_stats(b).receive_queued, 200 * 1024, 256 * 1024);
    assert_int_equal(host_write(a, conn, SG_LANE_MSHIP, 0, 1000), SG_OK); /* not held up */
    net_run(&net, 100 * MS);
    assert_int_equal(sg_quic_lane_queued(a->ep, conn, SG_LANE_MSHIP), 0);
    b->deaf = false;
    b->user = &x;
    b->on_event = expect_in_order;
    net_run(&net, 10000 * MS);
    assert_int_equal(x.next[1][SG_LANE_PUBSUB], sent);
    assert_int_equal(x.next[1][SG_LANE_MSHIP], 1);
    net_fini(&net);
}

static void too_much_for_the_node_is_overload(void **state)
{
    (void)state;
    struct net net;
    struct sg_quic_config config = net_config();
    config.limits.receive_max = 100000;
    net_init(&net, 5 * MS, 11);
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add_endpoint(&net, &config);
    sg_quic_conn_id conn = net_connect(&net, a, b);
    b->deaf = true;
    for (uint32_t i = 0; i < 20; i++)
        assert_int_equal(host_write(a, conn, SG_LANE_PUBSUB, i, 10000), SG_OK);
    net_run(&net, 1000 * MS);
    const struct logged *closed = host_last(a, SG_QUIC_CLOSED);
    assert_non_null(closed);
    assert_int_equal(closed->event.closed.reason, SG_CLOSE_OVERLOAD);
    assert_true(closed->event.closed.by_peer);
    assert_int_equal(host_stats(b).closed_overload, 1);
    assert_int_equal(host_stats(b).receive_queued, 0);
    net_fini(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_arrive_once_and_in_order),
        cmocka_unit_test(a_frame_shares_its_buffer_until_acknowledged),
        cmocka_unit_test(a_full_budget_blocks_and_tells_when_there_is_room),
        cmocka_unit_test(refuses_bad_writes),
        cmocka_unit_test(a_half_open_link_shows),
        cmocka_unit_test(bad_frames_close_with_a_reason),
        cmocka_unit_test(bad_lanes_close_with_a_reason),
        cmocka_unit_test(a_lane_must_not_end),
        cmocka_unit_test(an_incomplete_frame_is_bounded),
        cmocka_unit_test(a_slow_reader_stops_the_sender),
        cmocka_unit_test(too_much_for_the_node_is_overload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
