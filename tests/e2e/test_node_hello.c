/* A node against a peer that speaks QUIC and TLS well, but not our protocol: what comes before,
 * instead of, and as a HELLO. The bad peer is a bare endpoint, driven by hand. */
#include "node_fixture.h"

#include "crypto/identity.h"
#include "node/core.h"
#include "os/clock.h"
#include "os/udp.h"
#include "quic/endpoint.h"
#include "wire/frame.h"

#define FRAMES_MAX 64

struct raw {
    struct sg_udp *udp;
    struct sg_quic_endpoint *quic;
    struct sg_identity *identity;
    struct sg_addr node;
    sg_quic_conn_id conn;
    bool is_connected;
    bool is_closed;
    uint64_t reason; /* of the close */
    bool heard_hello;
    unsigned frames; /* others */
    bool is_stopped; /* the node does not want a bulk stream */
    uint8_t tx[SG_QUIC_TX_MAX];
};

static struct raw raw;
static struct sg_node *node;

static void raw_dial(void)
{
    const struct sg_quic_dial dial = {.remote = raw.node, .initial_rtt_ns = 50 * SG_NS_PER_MS};
    raw.is_connected = false;
    raw.is_closed = false;
    raw.heard_hello = false;
    raw.frames = 0;
    assert_int_equal(sg_quic_dial(raw.quic, sg_clock_now(), &dial, &raw.conn), SG_OK);
}

static int setup(void **state)
{
    (void)state;
    struct sg_udp_options options = {0};
    struct sg_quic_config config;
    node = start_node(NULL);
    memset(&raw, 0, sizeof raw);
    assert_int_equal(sg_addr_parse(place_of(node).text, &raw.node), SG_OK);
    assert_int_equal(sg_addr_parse("127.0.0.1:0", &options.bind), SG_OK);
    assert_int_equal(sg_udp_open(&options, &raw.udp), SG_OK);
    assert_int_equal(sg_identity_new_random(sg_mem_default(), &raw.identity), SG_OK);
    sg_quic_config_default(&config);
    config.identity = raw.identity;
    assert_int_equal(sg_quic_endpoint_new(&config, sg_clock_now(), &raw.quic), SG_OK);
    raw_dial();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sg_quic_endpoint_free(raw.quic);
    sg_udp_close(raw.udp);
    sg_identity_free(raw.identity);
    stop_fast(node);
    return 0;
}

static void raw_event(const struct sg_quic_event *event)
{
    if (event->conn != raw.conn)
        return;
    if (event->type == SG_QUIC_CONNECTED) {
        raw.is_connected = true;
    } else if (event->type == SG_QUIC_CLOSED) {
        raw.is_closed = true;
        raw.reason = event->closed.reason;
    } else if (event->type == SG_QUIC_BULK_STOPPED) {
        raw.is_stopped = true;
    } else if (event->type == SG_QUIC_FRAME) {
        struct sg_hello hello;
        if (!raw.heard_hello && event->frame.lane == SG_LANE_MSHIP &&
            sg_hello_decode(event->frame.bytes, &hello) == SG_OK)
            raw.heard_hello = true;
        else
            raw.frames++;
    }
}

static void raw_send(void)
{
    struct sg_quic_tx tx = {.buf = raw.tx, .cap = sizeof raw.tx};
    while (sg_quic_send(raw.quic, sg_clock_now(), &tx)) {
        struct sg_udp_out out = {tx.local, tx.remote, tx.buf, tx.len, tx.segment_len, tx.ecn};
        size_t done;
        assert_int_equal(sg_udp_send(raw.udp, &out, 1, &done), SG_OK);
    }
}

static void raw_turn(void)
{
    const struct sg_udp_in *in;
    struct sg_quic_event event;
    size_t count;
    raw_send();
    struct pollfd p = {.fd = sg_udp_fd(raw.udp), .events = POLLIN};
    (void)poll(&p, 1, sg_udp_has_pending(raw.udp) ? 0 : 10);
    while (sg_udp_recv(raw.udp, &in, &count) == SG_OK) {
        for (size_t i = 0; i < count; i++) {
            const struct sg_quic_rx rx = {in[i].local, in[i].remote, in[i].ecn, in[i].data,
                                          in[i].len};
            sg_quic_recv(raw.quic, sg_clock_now(), &rx, 1);
        }
    }
    if (sg_quic_deadline(raw.quic) <= sg_clock_now())
        sg_quic_expire(raw.quic, sg_clock_now());
    while (sg_quic_next_event(raw.quic, &event))
        raw_event(&event);
    raw_send();
}

static void raw_until(const bool *what)
{
    uint64_t end = now_ms() + PATIENCE_MS;
    while (!*what) {
        if (now_ms() >= end)
            fail_msg("nothing happens");
        raw_turn();
    }
}

static void raw_write(enum sg_lane lane, const uint8_t *bytes, size_t len)
{
    struct sg_buf *buf = sg_buf_copy(sg_mem_default(), sg_bytes(bytes, len));
    assert_int_equal(sg_quic_write_frame(raw.quic, raw.conn, lane, buf), SG_OK);
    sg_buf_unref(buf);
}

/* A good HELLO of the network "test" -> its length. */
static size_t good_hello(uint8_t frame[SG_HELLO_MAX])
{
    struct sg_core_config config = sg_core_config_default(sg_mem_default());
    struct sg_core *core = NULL;
    config.suite = sg_suite_default();
    config.signer = *sg_identity_signer(raw.identity);
    config.self = *sg_identity_peer_id(raw.identity);
    config.network = SG_BYTES_LIT("test");
    config.boot = 5;
    assert_int_equal(sg_core_new(&core, &config, 0), SG_OK);
    size_t len = sg_core_hello(core, frame);
    sg_core_free(core);
    return len;
}

static void expect_refused(uint64_t reason, sg_err err)
{
    raw_until(&raw.is_closed);
    assert_int_equal(raw.reason, reason);
    struct sg_event event = wait_event(node, SG_EVENT_REFUSED);
    assert_int_equal(event.err, err);
    assert_true(same_peer(&event.peer, sg_identity_peer_id(raw.identity)));
    assert_int_equal(sg_node_peers(node, NULL, 0), 0);
}

static void good_hello_makes_a_link(void **state)
{
    (void)state;
    uint8_t frame[SG_HELLO_MAX];
    size_t len = good_hello(frame);
    raw_until(&raw.is_connected);
    raw_until(&raw.heard_hello); /* the node says its own unasked */
    assert_int_equal(sg_node_peers(node, NULL, 0), 0);
    raw_write(SG_LANE_MSHIP, frame, len);
    uint64_t end = now_ms() + PATIENCE_MS;
    while (sg_node_peers(node, NULL, 0) == 0 && now_ms() < end)
        raw_turn();
    struct sg_peer_info info;
    assert_int_equal(sg_node_peers(node, &info, 1), 1);
    assert_true(same_peer(&info.id, sg_identity_peer_id(raw.identity)));
    assert_false(info.dialled || info.base_active);
}

static void bad_hellos_are_refused_with_a_reason(void **state)
{
    (void)state;
    uint8_t frame[SG_HELLO_MAX + 1];
    size_t len = good_hello(frame);
    struct {
        size_t flip; /* this byte, when below len */
        size_t len;
        uint64_t reason;
        sg_err err;
    } bad[] = {
        {len, len - 1, SG_CLOSE_PROTOCOL, SG_ERR_TRUNCATED},
        {len, 1, SG_CLOSE_PROTOCOL, SG_ERR_TRUNCATED},
        {len, len + 1, SG_CLOSE_PROTOCOL, SG_ERR_TRAILING},
        {1, len, SG_CLOSE_VERSION, SG_ERR_VERSION},
        {4, len, SG_CLOSE_WRONG_PROFILE, SG_ERR_WRONG_PROFILE}, /* suite; see below */
        {20, len, SG_CLOSE_WRONG_NETWORK, SG_ERR_WRONG_NETWORK},
    };
    /* the suite's place, found by looking for what changes only the profile */
    for (size_t at = 2; at < len; at++) {
        struct sg_hello one;
        struct sg_hello two;
        uint8_t changed[SG_HELLO_MAX];
        memcpy(changed, frame, len);
        changed[at] ^= 0x40;
        if (sg_hello_decode(sg_bytes(frame, len), &one) == SG_OK &&
            sg_hello_decode(sg_bytes(changed, len), &two) == SG_OK && one.suite != two.suite)
            bad[4].flip = at;
        if (memcmp(one.network, two.network, SG_ID_LEN) != 0)
            bad[5].flip = at;
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint8_t sent[SG_HELLO_MAX + 1] = {0};
        memcpy(sent, frame, len);
        if (bad[i].flip < len)
            sent[bad[i].flip] ^= 0x40;
        raw_until(&raw.is_connected);
        raw_write(SG_LANE_MSHIP, sent, bad[i].len);
        expect_refused(bad[i].reason, bad[i].err);
        raw_dial();
    }
    struct sg_stats stats;
    sg_node_stats(node, &stats);
    assert_int_equal(stats.refused_network, 1);
    assert_int_equal(stats.refused_version, 1);
}

static void silence_is_closed(void **state)
{
    (void)state;
    raw_until(&raw.is_connected);
    expect_refused(SG_CLOSE_PROTOCOL, SG_ERR_TIMEOUT);
}

/* Frames of another lane may overtake the HELLO: they wait for it, and are not lost. */
static void early_frames_wait_for_the_hello(void **state)
{
    (void)state;
    uint8_t frame[SG_HELLO_MAX];
    size_t len = good_hello(frame);
    static const uint8_t nonsense[] = {SG_FAMILY_PLUMTREE, 99, 0};
    struct sg_stats stats;
    raw_until(&raw.is_connected);
    for (int i = 0; i < 3; i++)
        raw_write(SG_LANE_PUBSUB, nonsense, sizeof nonsense);
    for (int i = 0; i < 10; i++)
        raw_turn();
    sg_node_stats(node, &stats);
    assert_int_equal(stats.refused_version, 0); /* not looked at yet */
    raw_write(SG_LANE_MSHIP, frame, len);
    uint64_t end = now_ms() + PATIENCE_MS;
    while (stats.refused_version < 3 && now_ms() < end) {
        raw_turn();
        sg_node_stats(node, &stats);
    }
    assert_int_equal(stats.refused_version, 3);
}

static void flood_before_the_hello_is_closed(void **state)
{
    (void)state;
    static const uint8_t bytes[8192] = {SG_FAMILY_PLUMTREE, 99};
    raw_until(&raw.is_connected);
    uint64_t end = now_ms() + PATIENCE_MS;
    struct sg_buf *buf = sg_buf_copy(sg_mem_default(), sg_bytes(bytes, sizeof bytes));
    while (!raw.is_closed && now_ms() < end) {
        sg_err err = SG_OK;
        while (err == SG_OK)
            err = sg_quic_write_frame(raw.quic, raw.conn, SG_LANE_PUBSUB, buf);
        raw_turn();
    }
    sg_buf_unref(buf);
    assert_true(raw.is_closed);
    assert_int_equal(sg_node_peers(node, NULL, 0), 0);
}

/* Bad frames on a link that is up are counted, and the link bears some of them. */
static void bad_frames_are_counted_and_charged(void **state)
{
    (void)state;
    uint8_t frame[SG_HELLO_MAX];
    size_t len = good_hello(frame);
    static const uint8_t truncated[] = {SG_FAMILY_HYPARVIEW, SG_WIRE_HYPARVIEW_VERSION, 0};
    static const uint8_t unknown[] = {99, 1, 0};
    struct sg_stats stats = {0};
    raw_until(&raw.is_connected);
    raw_write(SG_LANE_MSHIP, frame, len);
    raw_write(SG_LANE_MSHIP, truncated, sizeof truncated);
    raw_write(SG_LANE_MSHIP, unknown, sizeof unknown);
    uint64_t end = now_ms() + PATIENCE_MS;
    while (stats.refused_malformed + stats.refused_version < 2 && now_ms() < end) {
        raw_turn();
        sg_node_stats(node, &stats);
    }
    assert_int_equal(stats.refused_malformed, 1);
    assert_int_equal(stats.refused_version, 1);
    assert_false(raw.is_closed);
    /* but not for ever */
    while (!raw.is_closed && now_ms() < end) {
        struct sg_buf *buf = sg_buf_copy(sg_mem_default(), sg_bytes(truncated, sizeof truncated));
        sg_err err = sg_quic_write_frame(raw.quic, raw.conn, SG_LANE_MSHIP, buf);
        (void)err;
        sg_buf_unref(buf);
        raw_turn();
    }
    assert_true(raw.is_closed);
    assert_int_equal(raw.reason, SG_CLOSE_BANNED);
    struct sg_event event = wait_event(node, SG_EVENT_REFUSED);
    assert_int_equal(event.err, SG_ERR_BANNED);
    /* and it stays outside for a while */
    raw_dial();
    raw_until(&raw.is_connected);
    raw_write(SG_LANE_MSHIP, frame, len);
    expect_refused(SG_CLOSE_BANNED, SG_ERR_BANNED);
}

static sg_quic_stream_id raw_bulk(size_t len, bool ends)
{
    static uint8_t bytes[SG_FRAME_BULK_MAX + 1] = {SG_FAMILY_LARGE, SG_WIRE_LARGE_VERSION};
    struct sg_buf *buf = sg_buf_copy(sg_mem_default(), sg_bytes(bytes, len));
    sg_quic_stream_id stream = 0;
    assert_int_equal(sg_quic_bulk_open(raw.quic, raw.conn, &stream), SG_OK);
    assert_int_equal(sg_quic_bulk_write(raw.quic, raw.conn, stream, buf), SG_OK);
    if (ends)
        assert_int_equal(sg_quic_bulk_fin(raw.quic, raw.conn, stream), SG_OK);
    sg_buf_unref(buf);
    return stream;
}

static void bulk_streams_have_an_end(void **state)
{
    uint8_t frame[SG_HELLO_MAX];
    struct sg_stats stats = {0};
    uint64_t end = now_ms() + PATIENCE_MS;
    (void)state;
    raw_until(&raw.is_connected);
    (void)raw_bulk(100, false); /* nobody asked for anything before HELLO */
    raw_until(&raw.is_stopped);
    raw_write(SG_LANE_MSHIP, frame, good_hello(frame));
    while (sg_node_peers(node, NULL, 0) == 0 && now_ms() < end)
        raw_turn();
    (void)raw_bulk(100, true); /* no frame: charged, the link lives */
    while (stats.refused_malformed == 0 && now_ms() < end) {
        raw_turn();
        sg_node_stats(node, &stats);
    }
    assert_int_equal(stats.refused_malformed, 1);
    assert_false(raw.is_closed);
    (void)raw_bulk(SG_FRAME_BULK_MAX + 1, false); /* goes on and on */
    raw_until(&raw.is_closed);
    assert_int_equal(raw.reason, SG_CLOSE_OVERSIZED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(good_hello_makes_a_link, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_hellos_are_refused_with_a_reason, setup, teardown),
        cmocka_unit_test_setup_teardown(silence_is_closed, setup, teardown),
        cmocka_unit_test_setup_teardown(early_frames_wait_for_the_hello, setup, teardown),
        cmocka_unit_test_setup_teardown(flood_before_the_hello_is_closed, setup, teardown),
        cmocka_unit_test_setup_teardown(bulk_streams_have_an_end, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_frames_are_counted_and_charged, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
