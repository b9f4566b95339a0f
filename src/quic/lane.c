/* The two lanes: each side sends both on a unidirectional stream of its own, a lane byte followed
 * by frames, opaque frame<V> (RFC 9420 s2.1.2). Nothing is shared between the lanes but the
 * congestion window: each has its queue, its budget, its receive window.
 *
 * The length of a frame is checked as soon as it is there: zero, too large or not minimal closes
 * the connection before a byte of the frame is waited for. */
#include "quic/internal.h"

#include "base/reader.h"
#include "base/writer.h"

static struct sg_quic_lane_io *io_of(struct sg_quic_conn *conn, enum sg_lane lane)
{
    return &conn->lanes[lane];
}

enum sg_lane sg_quic_lane_of_rx(const struct sg_quic_conn *conn, int64_t stream)
{
    int i = 0;
    while (i < SG_FRAME_LANE_COUNT && conn->lanes[i].rx_stream != stream)
        i++;
    return (enum sg_lane)i;
}

enum sg_lane sg_quic_lane_of_tx(const struct sg_quic_conn *conn, int64_t stream)
{
    int i = 0;
    while (i < SG_FRAME_LANE_COUNT && conn->lanes[i].tx_stream != stream)
        i++;
    return (enum sg_lane)i;
}

sg_err sg_quic_lanes_open(struct sg_quic_conn *conn)
{
    for (uint8_t i = 0; i < SG_FRAME_LANE_COUNT; i++) {
        struct sg_quic_lane_io *io = &conn->lanes[i];
        int err = ngtcp2_conn_open_uni_stream(conn->nc, &io->tx_stream, NULL);
        if (err != 0) {
            io->tx_stream = -1;
            return err == NGTCP2_ERR_NOMEM ? SG_ERR_NO_MEMORY : SG_ERR_PROTOCOL;
        }
        SG_TRY(sg_quic_sendq_push(&io->tx, conn->ep->mem, sg_bytes(&i, 1), NULL));
    }
    return SG_OK;
}

/* ---- receiving ---- */

/* The frame at the head of the queue: its header's and its own length. false: it is not complete,
 * or never will be: bad lengths were noticed by check_lengths. */
static bool head_frame(const struct sg_quic_conn *conn, enum sg_lane lane, size_t *header,
                       size_t *len)
{
    const struct sg_quic_lane_io *io = &conn->lanes[lane];
    size_t have = sg_quic_recvq_len(&io->rx);
    if (have == 0)
        return false;
    struct sg_reader r = sg_reader(sg_bytes(io->rx.data + io->rx.head, have));
    *len = sg_read_varint(&r);
    *header = have - r.left;
    return r.err == SG_OK && *len > 0 && *len <= conn->ep->config.limits.frame_max[lane] &&
           *len <= r.left;
}

bool sg_quic_lane_has_frame(const struct sg_quic_conn *conn, enum sg_lane lane)
{
    size_t header, len;
    return head_frame(conn, lane, &header, &len);
}

static sg_err bad_frame(struct sg_quic_conn *conn, sg_err err, enum sg_close_reason reason)
{
    conn->ep->stats.closed_bad_frame++;
    return sg_quic_conn_fault(conn, err, reason);
}

/* Looks at every length that has arrived and was not looked at. */
static sg_err check_lengths(struct sg_quic_conn *conn, enum sg_lane lane)
{
    struct sg_quic_lane_io *io = io_of(conn, lane);
    size_t have = sg_quic_recvq_len(&io->rx);
    while (io->checked < have) {
        size_t left = have - io->checked;
        struct sg_reader r = sg_reader(sg_bytes(io->rx.data + io->rx.head + io->checked, left));
        uint32_t len = sg_read_varint(&r);
        if (r.err == SG_ERR_TRUNCATED)
            break;
        if (r.err != SG_OK)
            return bad_frame(conn, r.err, SG_CLOSE_PROTOCOL);
        if (len == 0)
            return bad_frame(conn, SG_ERR_MALFORMED, SG_CLOSE_PROTOCOL);
        if (len > conn->ep->config.limits.frame_max[lane])
            return bad_frame(conn, SG_ERR_OVERSIZED, SG_CLOSE_OVERSIZED);
        io->checked += left - r.left + len;
    }
    return SG_OK;
}

sg_err sg_quic_lane_received(struct sg_quic_conn *conn, enum sg_lane lane, struct sg_bytes bytes)
{
    struct sg_quic_lane_io *io = io_of(conn, lane);
    if (conn->state >= SG_CONN_FLUSHING)
        return SG_OK;
    SG_TRY(sg_quic_conn_account(conn, bytes.len));
    if (sg_quic_recvq_push(&io->rx, conn->ep->mem, bytes) != SG_OK) {
        conn->ep->stats.receive_queued -= bytes.len;
        return sg_quic_conn_fault(conn, SG_ERR_NO_MEMORY, SG_CLOSE_OVERLOAD);
    }
    SG_TRY(check_lengths(conn, lane));
    if (sg_quic_lane_has_frame(conn, lane))
        sg_quic_event_mark(conn, lane == SG_LANE_MSHIP ? SG_EV_MSHIP : SG_EV_PUBSUB);
    return SG_OK;
}

bool sg_quic_lane_pull(struct sg_quic_conn *conn, enum sg_lane lane, struct sg_quic_event *event)
{
    struct sg_quic_lane_io *io = io_of(conn, lane);
    size_t header, len;
    if (!head_frame(conn, lane, &header, &len))
        return false;
    event->type = SG_QUIC_FRAME;
    event->frame.lane = lane;
    event->frame.bytes = sg_bytes(io->rx.data + io->rx.head + header, len);
    io->rx.head += header + len;
    io->checked -= header + len;
    conn->ep->stats.receive_queued -= header + len;
    conn->ep->stats.frames_in[lane]++;
    sg_quic_event_keep(conn->ep, &io->rx);
    sg_quic_conn_credit(conn, io->rx_stream, header + len);
    return true;
}

void sg_quic_lanes_clear_rx(struct sg_quic_conn *conn)
{
    for (int i = 0; i < SG_FRAME_LANE_COUNT; i++) {
        struct sg_quic_lane_io *io = &conn->lanes[i];
        conn->ep->stats.receive_queued -= sg_quic_recvq_len(&io->rx);
        sg_quic_event_forget(conn->ep, &io->rx);
        io->checked = 0;
    }
}

/* ---- sending ---- */

size_t sg_quic_conn_queued(const struct sg_quic_conn *conn, enum sg_lane lane)
{
    return lane < SG_FRAME_LANE_COUNT ? conn->lanes[lane].tx.len : conn->bulk_queued;
}

sg_err sg_quic_lane_admit(struct sg_quic_conn *conn, enum sg_lane lane, size_t len)
{
    size_t budget = conn->ep->config.limits.send_budget[lane];
    if (conn->state != SG_CONN_OPEN)
        return SG_ERR_INVALID_STATE;
    if (len > budget)
        return SG_ERR_TOO_LARGE;
    if (sg_quic_conn_queued(conn, lane) > budget - len) {
        conn->want_write |= 1u << lane;
        return SG_ERR_WOULD_BLOCK;
    }
    return SG_OK;
}

static size_t queued_in_all(const struct sg_quic_conn *conn)
{
    size_t sum = conn->bulk_queued;
    for (int i = 0; i < SG_FRAME_LANE_COUNT; i++)
        sum += conn->lanes[i].tx.len;
    return sum;
}

/* Writing knows no time, so the stall clock starts with the first attempt to send. */
void sg_quic_lane_sending(struct sg_quic_conn *conn)
{
    if (conn->stalled_since == SG_TIME_NEVER && queued_in_all(conn) > 0)
        conn->stalled_since = conn->ep->now;
}

void sg_quic_lane_progress(struct sg_quic_conn *conn, enum sg_lane lane)
{
    unsigned bit = 1u << lane;
    conn->stalled_since = queued_in_all(conn) > 0 ? conn->ep->now : SG_TIME_NEVER;
    if ((conn->want_write & bit) == 0 || conn->state != SG_CONN_OPEN)
        return;
    /* not before half of the budget is free, lest each acknowledged packet makes an event */
    if (sg_quic_conn_queued(conn, lane) > conn->ep->config.limits.send_budget[lane] / 2)
        return;
    conn->want_write &= ~bit;
    conn->writable |= bit;
    sg_quic_event_mark(conn, SG_EV_WRITABLE);
}

void sg_quic_lane_acked(struct sg_quic_conn *conn, enum sg_lane lane, size_t len)
{
    sg_quic_sendq_acked(&conn->lanes[lane].tx, conn->ep->mem, len);
    sg_quic_lane_progress(conn, lane);
}

void sg_quic_lanes_clear_tx(struct sg_quic_conn *conn)
{
    for (int i = 0; i < SG_FRAME_LANE_COUNT; i++)
        sg_quic_sendq_clear(&conn->lanes[i].tx, conn->ep->mem);
}

sg_err sg_quic_write_frame(struct sg_quic_endpoint *ep, sg_quic_conn_id id, enum sg_lane lane,
                           struct sg_buf *frame)
{
    uint8_t header[SG_CHUNK_HEAD_MAX];
    struct sg_writer w = sg_writer(header, sizeof(header));
    struct sg_quic_conn *conn = sg_quic_conn_find(ep, id);
    if (conn == NULL)
        return SG_ERR_NOT_FOUND;
    if ((unsigned)lane >= SG_FRAME_LANE_COUNT || frame->len == 0)
        return SG_ERR_INVALID_ARGUMENT;
    sg_write_varint(&w, frame->len);
    if (sg_writer_done(&w) != SG_OK)
        return SG_ERR_TOO_LARGE;
    SG_TRY(sg_quic_lane_admit(conn, lane, w.len + frame->len));
    SG_TRY(sg_quic_sendq_push(&conn->lanes[lane].tx, ep->mem, sg_bytes(header, w.len), frame));
    ep->stats.frames_out[lane]++;
    sg_quic_conn_wake(conn);
    return SG_OK;
}

size_t sg_quic_lane_queued(const struct sg_quic_endpoint *ep, sg_quic_conn_id id, enum sg_lane lane)
{
    const struct sg_quic_conn *conn = sg_quic_conn_find(ep, id);
    return conn == NULL || (unsigned)lane >= SG_LANE_COUNT ? 0 : sg_quic_conn_queued(conn, lane);
}

size_t sg_quic_lane_unsent(const struct sg_quic_endpoint *ep, sg_quic_conn_id id, enum sg_lane lane)
{
    const struct sg_quic_conn *conn = sg_quic_conn_find(ep, id);
    return conn == NULL || (unsigned)lane >= SG_FRAME_LANE_COUNT ? 0
                                                                 : conn->lanes[lane].tx.unsent_len;
}
