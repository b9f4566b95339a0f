/* Sending. Connections take turns, an aggregate of up to 64 KiB each. Within a packet: datagrams,
 * mship, pubsub, then one bulk stream; what is left of a packet goes to the next in line. While our
 * pacer holds streams back, datagrams, acknowledgements and what was lost still go out. ngtcp2's
 * own pacer, which would hold back datagrams too, is never told the time and so does nothing. */
#include "quic/internal.h"

/* Vectors given to ngtcp2 at once; more frames than that rarely fit a packet. */
#define VEC_MAX 32
/* UDP_MAX_SEGMENTS of Linux before 6.? is 64 */
#define SEGMENTS_MAX 64

/* A packet in the making. */
struct packet {
    ngtcp2_conn *nc;
    ngtcp2_path *path;
    ngtcp2_pkt_info *pi;
    uint8_t *dest;
    size_t cap;
    ngtcp2_tstamp now;
    unsigned skip; /* bit per lane: tried and found blocked */
    bool no_dgram;
};

/* ngtcp2 returned something else than "write more": the packet is done (> 0), or nothing can be
 * sent (0), or the connection failed. */
static bool is_done(ngtcp2_ssize n)
{
    return n != NGTCP2_ERR_WRITE_MORE && n != NGTCP2_ERR_STREAM_DATA_BLOCKED &&
           n != NGTCP2_ERR_STREAM_SHUT_WR && n != NGTCP2_ERR_STREAM_NOT_FOUND &&
           n != NGTCP2_ERR_INVALID_ARGUMENT && n != NGTCP2_ERR_INVALID_STATE;
}

static ngtcp2_ssize put_dgram(struct sg_quic_conn *conn, struct packet *p)
{
    struct sg_quic_dgram *d = conn->dgram_tx.first;
    int accepted = 0;
    ngtcp2_vec vec = {d->data, d->len};
    ngtcp2_ssize n =
        ngtcp2_conn_writev_datagram(p->nc, p->path, p->pi, p->dest, p->cap, &accepted,
                                    NGTCP2_WRITE_DATAGRAM_FLAG_MORE, 0, &vec, 1, p->now);
    if (accepted)
        sg_mem_free(conn->ep->mem, sg_quic_dgram_pop(&conn->dgram_tx));
    else if (n == NGTCP2_ERR_INVALID_STATE || n == NGTCP2_ERR_INVALID_ARGUMENT)
        sg_quic_dgram_clear(conn, &conn->dgram_tx); /* the peer takes none, or none of this size */
    p->no_dgram = !accepted;
    return n;
}

/* What one stream may put into the packet. */
struct offer {
    int64_t stream;
    struct sg_quic_sendq *q;
    size_t max; /* bytes */
    bool fin;   /* the stream ends behind q; out: that was sent */
};

static ngtcp2_ssize put_stream(struct packet *p, struct offer *offer)
{
    ngtcp2_vec vec[VEC_MAX];
    ngtcp2_ssize taken = -1;
    size_t count = sg_quic_sendq_peek(offer->q, vec, VEC_MAX, offer->max);
    size_t offered = 0;
    for (size_t i = 0; i < count; i++)
        offered += vec[i].len;
    bool fin = offer->fin && offered == offer->q->unsent_len;
    uint32_t flags = NGTCP2_WRITE_STREAM_FLAG_MORE | (fin ? NGTCP2_WRITE_STREAM_FLAG_FIN : 0u);
    ngtcp2_ssize n = ngtcp2_conn_writev_stream(p->nc, p->path, p->pi, p->dest, p->cap, &taken,
                                               flags, offer->stream, vec, count, p->now);
    if (taken > 0)
        sg_quic_sendq_sent(offer->q, (size_t)taken);
    offer->fin = fin && taken >= 0 && (size_t)taken == offered;
    return n;
}

static ngtcp2_ssize put_lane(struct sg_quic_conn *conn, struct packet *p, int lane)
{
    struct sg_quic_lane_io *io = &conn->lanes[lane];
    struct offer offer = {.stream = io->tx_stream, .q = &io->tx, .max = SIZE_MAX};
    size_t before = io->tx.unsent_len;
    ngtcp2_ssize n = put_stream(p, &offer);
    if (io->tx.unsent_len == before)
        p->skip |= 1u << lane;
    return n;
}

static ngtcp2_ssize put_bulk(struct sg_quic_conn *conn, struct packet *p, struct sg_quic_bulk *bulk,
                             size_t max)
{
    struct offer offer = {.stream = bulk->stream, .q = &bulk->tx, .max = max, .fin = bulk->fin};
    size_t before = bulk->tx.unsent_len;
    ngtcp2_ssize n = put_stream(p, &offer);
    bulk->fin_sent |= offer.fin;
    if (bulk->tx.unsent_len == before && !offer.fin)
        p->skip |= 1u << SG_LANE_BULK;
    sg_quic_bulk_rotate(conn, bulk);
    return n;
}

static ngtcp2_ssize put_nothing(struct packet *p)
{
    return ngtcp2_conn_writev_stream(p->nc, p->path, p->pi, p->dest, p->cap, NULL,
                                     NGTCP2_WRITE_STREAM_FLAG_NONE, -1, NULL, 0, p->now);
}

static bool has_more(struct sg_quic_conn *conn)
{
    size_t max;
    bool has_frames = false;
    for (int lane = 0; lane < SG_FRAME_LANE_COUNT; lane++)
        has_frames = has_frames || conn->lanes[lane].tx.unsent_len > 0;
    return has_frames || sg_quic_bulk_next(conn, &max) != NULL;
}

static struct sg_quic_pace pace_of(const struct sg_quic_conn *conn)
{
    ngtcp2_conn_info info;
    ngtcp2_conn_get_conn_info2(conn->nc, &info);
    return (struct sg_quic_pace){
        .window = info.cwnd > 0 ? info.cwnd : 1,
        .rtt_ns = info.latest_rtt > 0 ? info.smoothed_rtt : SG_QUIC_PACE_RTT,
        .packet = conn->ep->config.udp_payload_max,
    };
}

sg_time_ns sg_quic_tx_due(struct sg_quic_conn *conn)
{
    if (conn->pacer.done <= conn->ep->now || !has_more(conn))
        return SG_TIME_NEVER;
    struct sg_quic_pace pace = pace_of(conn);
    sg_time_ns next = sg_quic_pacer_next(&conn->pacer, &pace);
    return next > conn->ep->now ? next : SG_TIME_NEVER;
}

/* Adds what comes next in line; put_nothing closes the packet. */
static ngtcp2_ssize put_next(struct sg_quic_conn *conn, struct packet *p)
{
    size_t max;
    struct sg_quic_bulk *bulk;
    if (conn->dgram_tx.first != NULL && !p->no_dgram)
        return put_dgram(conn, p);
    if (conn->is_paced)
        return put_nothing(p);
    for (int lane = 0; lane < SG_FRAME_LANE_COUNT; lane++) {
        if (conn->lanes[lane].tx.unsent_len > 0 && (p->skip & (1u << lane)) == 0)
            return put_lane(conn, p, lane);
    }
    if ((p->skip & (1u << SG_LANE_BULK)) == 0 && (bulk = sg_quic_bulk_next(conn, &max)) != NULL)
        return put_bulk(conn, p, bulk, max);
    return put_nothing(p);
}

static ngtcp2_ssize write_packet(ngtcp2_conn *nc, ngtcp2_path *path, ngtcp2_pkt_info *pi,
                                 uint8_t *dest, size_t cap, ngtcp2_tstamp now, void *user)
{
    struct sg_quic_conn *conn = user;
    struct packet p = {.nc = nc, .path = path, .pi = pi, .dest = dest, .cap = cap, .now = now};
    if (!conn->announced) /* handshake: no streams yet */
        return put_nothing(&p);
    for (;;) {
        ngtcp2_ssize n = put_next(conn, &p);
        if (is_done(n))
            return n;
    }
}

static bool write_aggregate(struct sg_quic_conn *conn, struct sg_quic_tx *tx)
{
    struct sg_quic_endpoint *ep = conn->ep;
    struct sg_quic_path path;
    ngtcp2_pkt_info pi = {0};
    size_t segment = 0;
    size_t cap = tx->cap < SG_QUIC_TX_MAX ? tx->cap : SG_QUIC_TX_MAX;
    struct sg_quic_pace pace = pace_of(conn);
    size_t quantum = sg_quic_pacer_quantum(&pace);
    conn->is_paced = sg_quic_pacer_next(&conn->pacer, &pace) > ep->now;
    sg_quic_path_out(&path);
    ngtcp2_ssize n = ngtcp2_conn_write_aggregate_pkt2(conn->nc, &path.path, &pi, tx->buf,
                                                      quantum < cap ? quantum : cap, &segment,
                                                      write_packet, SEGMENTS_MAX, ep->now);
    if (n < 0) {
        sg_quic_close_liberr(conn, (int)n);
        return false;
    }
    if (n == 0)
        return false;
    sg_quic_pacer_sent(&conn->pacer, &pace, ep->now, (size_t)n);
    tx->len = (size_t)n;
    tx->segment_len = segment < tx->len ? segment : tx->len;
    tx->remote = sg_quic_path_remote(&path.path);
    tx->local = conn->local;
    tx->ecn = (uint8_t)pi.ecn;
    return true;
}

/* One turn of a connection. It stays in line as long as it has something to send. */
static bool send_conn(struct sg_quic_conn *conn, struct sg_quic_tx *tx)
{
    sg_quic_list_remove(&conn->send);
    bool sent = false;
    if (conn->state < SG_CONN_CLOSE) {
        sg_quic_lane_sending(conn);
        sent = write_aggregate(conn, tx);
        if (conn->nc != NULL)
            sg_quic_conn_settle(conn);
    }
    if (!sent && conn->state == SG_CONN_CLOSE)
        return sg_quic_close_write(conn, tx);
    if (sent)
        sg_quic_conn_wake(conn);
    else if (conn->nc != NULL)
        sg_quic_conn_update_timer(conn);
    return sent;
}

static void count(struct sg_quic_stats *stats, const struct sg_quic_tx *tx)
{
    stats->aggregates_out++;
    stats->bytes_out += tx->len;
    stats->datagrams_out += (tx->len + tx->segment_len - 1) / tx->segment_len;
}

bool sg_quic_send(struct sg_quic_endpoint *ep, sg_time_ns now, struct sg_quic_tx *tx)
{
    (void)sg_quic_ep_time(ep, now);
    sg_quic_event_release(ep);
    if (tx->buf == NULL || tx->cap < SG_QUIC_TX_MIN)
        return false;
    bool sent = sg_quic_stateless_send(ep, tx);
    for (struct sg_quic_conn *conn; !sent && (conn = sg_quic_list_first(&ep->to_send)) != NULL;)
        sent = send_conn(conn, tx);
    sg_quic_conn_sweep(ep);
    if (sent)
        count(&ep->stats, tx);
    return sent;
}
