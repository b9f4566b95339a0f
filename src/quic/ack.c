/* When to acknowledge. RFC9000 s13.2.1: an acknowledgement may wait for max_ack_delay (25 ms, which
 * the peer's probe timeout allows for), and what waits rides with the next packet. ngtcp2 waits for
 * srtt / 8, on a fast link next to nothing. So it is told to acknowledge whenever it is asked to
 * write (ack_thresh 1), and here is decided when to ask.
 *
 * Over a link of a tree messages come and go every few milliseconds, and an acknowledgement of its
 * own for each is a datagram, two system calls and a wake-up at the other end. Moreover, of bare
 * acknowledgements that are a round trip apart every second one gets a PING from ngtcp2, which is
 * acknowledged in turn. So an acknowledgement of a few frames waits while the link is busy: when
 * frames went in or out within BUSY_NS, the next ones are likely to follow soon.
 *
 * It does not wait when that could cost anything: during the handshake, for bulk streams and large
 * frames (the peer's window and its congestion window depend on it), for DATAGRAMs (the failure
 * detector listens to acknowledgements), while something of ours is under way (ngtcp2's timers rest
 * meanwhile), nor when nothing of a stream could be read, which is a gap or a repetition:
 * RFC9000 s13.2.1 wants the sender to know of it at once. */
#include "quic/internal.h"

#define WAIT_NS (16 * SG_NS_PER_MS)
/* The ends of waiting are rounded up to it, so that one wake-up does for several links. */
#define GRID_NS (4 * SG_NS_PER_MS)
#define BUSY_NS (60 * SG_NS_PER_MS)
/* Longer datagrams carry more than an acknowledgement or a PING. */
#define BARE_MAX 64
/* Datagrams that may wait: a lone message of 1 KiB with its signature is four. */
#define DATAGRAMS_MAX 8
/* Credit goes at the latest when this part of a lane's window waits; ngtcp2 wants a quarter. */
#define CREDIT_SHARE 8

static bool is_idle(const struct sg_quic_conn *conn)
{
    for (int lane = 0; lane < SG_LANE_COUNT; lane++)
        if (sg_quic_conn_queued(conn, (enum sg_lane)lane) > 0)
            return false;
    return conn->dgram_tx.first == NULL && !sg_quic_list_has(&conn->send);
}

static bool has_finished_handshake(const struct sg_quic_conn *conn)
{
    return conn->state == SG_CONN_OPEN && conn->announced && (conn->confirmed || !conn->dialled);
}

bool sg_quic_ack_waits(struct sg_quic_conn *conn, size_t len)
{
    struct sg_quic_ack *ack = &conn->ack;
    sg_time_ns now = conn->ep->now;
    bool is_busy = sg_time_since(now, ack->busy_at) <= BUSY_NS;
    if (ack->has_frames)
        ack->busy_at = now;
    ack->count++;
    if (!has_finished_handshake(conn) || ack->has_other || !is_idle(conn) ||
        ack->count >= DATAGRAMS_MAX)
        return false;
    if (!ack->has_frames && !ack->has_ping)
        return ack->at != SG_TIME_NEVER && len <= BARE_MAX;
    if (ack->at == SG_TIME_NEVER && is_busy)
        ack->at = (now + WAIT_NS + GRID_NS - 1) / GRID_NS * GRID_NS;
    return ack->at != SG_TIME_NEVER;
}

void sg_quic_ack_sending(struct sg_quic_conn *conn, bool has_frames)
{
    conn->ack.at = SG_TIME_NEVER;
    conn->ack.count = 0;
    conn->ack.credit = 0;
    if (has_frames)
        conn->ack.busy_at = conn->ep->now;
}

bool sg_quic_ack_is_credit_due(const struct sg_quic_conn *conn)
{
    return conn->ack.credit >= conn->ep->config.limits.lane_window / CREDIT_SHARE;
}
