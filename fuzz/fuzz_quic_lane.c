/* quic/lane: any bytes of a lane's stream, in pieces of any length, give the frames that a plain
 * parser finds in the whole, and the first bad length is an error exactly there. */
#include <assert.h>

#include "base/reader.h"
#include "quic/internal.h"
#include "unit/quic/link.h"

/* A connected pair, made once: the bytes are given to the receiving lane directly. */
static struct sg_quic_conn *connection(struct net *net)
{
    static struct sg_quic_conn *conn;
    if (conn != NULL)
        return conn;
    net_init(net, 1 * MS, 1);
    struct host *a = net_add_endpoint(net, NULL);
    struct host *b = net_add_endpoint(net, NULL);
    net_connect(net, a, b);
    conn = sg_quic_conn_find(b->ep, host_conn(b));
    assert(conn != NULL);
    return conn;
}

/* The next frame of the whole, or an error; SG_ERR_TRUNCATED: none is complete. */
static sg_err plain_next(struct sg_reader *r, size_t max, struct sg_bytes *frame)
{
    uint32_t len = sg_read_varint(r);
    if (r->err != SG_OK)
        return r->err;
    if (len == 0)
        return SG_ERR_MALFORMED;
    if (len > max)
        return SG_ERR_OVERSIZED;
    *frame = sg_read_bytes(r, len);
    return r->err;
}

static void check_pulled(struct sg_quic_conn *conn, enum sg_lane lane, struct sg_reader *plain)
{
    struct sg_quic_event event;
    struct sg_bytes expected;
    size_t max = conn->ep->config.limits.frame_max[lane];
    while (sg_quic_lane_pull(conn, lane, &event)) {
        sg_err err = plain_next(plain, max, &expected);
        assert(err == SG_OK);
        assert(event.frame.lane == lane && sg_bytes_equal(event.frame.bytes, expected));
        sg_quic_event_release(conn->ep);
    }
}

/* What the plain parser says about the rest, behind all complete frames. */
static sg_err plain_rest(struct sg_reader r, size_t max)
{
    struct sg_bytes frame;
    sg_err err;
    do
        err = plain_next(&r, max, &frame);
    while (err == SG_OK);
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct net net;
    struct sg_quic_conn *conn = connection(&net);
    if (size < 2)
        return 0;
    enum sg_lane lane = (enum sg_lane)(data[0] % SG_FRAME_LANE_COUNT);
    size_t piece = 1 + data[1] * (size_t)(data[0] / 2 + 1);
    struct sg_bytes whole = sg_bytes(data + 2, size - 2);
    struct sg_reader plain = sg_reader(whole);
    sg_err err = SG_OK;
    for (size_t at = 0; at < whole.len && err == SG_OK; at += piece) {
        size_t len = whole.len - at < piece ? whole.len - at : piece;
        err = sg_quic_lane_received(conn, lane, sg_bytes(whole.data + at, len));
        check_pulled(conn, lane, &plain);
    }
    sg_err expected = plain_rest(plain, conn->ep->config.limits.frame_max[lane]);
    assert(err == (expected == SG_ERR_TRUNCATED ? SG_OK : expected) || whole.len == 0);
    assert(conn->fault == err);
    sg_quic_lanes_clear_rx(conn);
    assert(conn->ep->stats.receive_queued == 0);
    conn->fault = SG_OK;
    conn->fault_reason = 0;
    return 0;
}
