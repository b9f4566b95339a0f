/* Looking at an endpoint and its connections. */
#include "quic/internal.h"

#include <string.h>

static void fill_transport(const struct sg_quic_conn *conn, struct sg_quic_conn_info *info)
{
    ngtcp2_conn_info ng;
    if (conn->nc == NULL)
        return;
    ngtcp2_conn_get_conn_info2(conn->nc, &ng);
    info->srtt_ns = ng.smoothed_rtt;
    info->rttvar_ns = ng.rttvar;
    info->min_rtt_ns = ng.min_rtt;
    info->cwnd = ng.cwnd;
    info->bytes_in_flight = ng.bytes_in_flight;
    info->bytes_in = ng.bytes_recv;
    info->bytes_out = ng.bytes_sent;
    info->packets_in = ng.pkt_recv;
    info->packets_out = ng.pkt_sent;
    info->packets_lost = ng.pkt_lost;
}

sg_err sg_quic_conn_info(const struct sg_quic_endpoint *ep, sg_quic_conn_id id,
                         struct sg_quic_conn_info *info)
{
    const struct sg_quic_conn *conn = sg_quic_conn_find(ep, id);
    *info = (struct sg_quic_conn_info){.stalled_since = SG_TIME_NEVER};
    if (conn == NULL)
        return SG_ERR_NOT_FOUND;
    if (conn->announced)
        info->peer = conn->peer;
    info->remote = conn->remote;
    info->connected = conn->announced;
    info->confirmed = conn->announced && conn->ssl == NULL;
    info->dialled = conn->dialled;
    info->closing = conn->state >= SG_CONN_FLUSHING;
    info->handshake_ns = conn->handshake_ns;
    for (int i = 0; i < SG_LANE_COUNT; i++)
        info->queued[i] = sg_quic_conn_queued(conn, (enum sg_lane)i);
    info->stalled_since = conn->stalled_since;
    info->last_receive = conn->last_receive;
    fill_transport(conn, info);
    return SG_OK;
}

sg_err sg_quic_exporter(const struct sg_quic_endpoint *ep, sg_quic_conn_id id,
                        uint8_t out[SG_QUIC_EXPORTER_LEN])
{
    const struct sg_quic_conn *conn = sg_quic_conn_find(ep, id);
    if (conn == NULL)
        return SG_ERR_NOT_FOUND;
    if (!conn->announced)
        return SG_ERR_INVALID_STATE;
    memcpy(out, conn->exporter, SG_QUIC_EXPORTER_LEN);
    return SG_OK;
}

size_t sg_quic_connections(const struct sg_quic_endpoint *ep, sg_quic_conn_id *ids, size_t cap)
{
    size_t count = 0;
    for (uint32_t i = 0; i < ep->slots_cap; i++) {
        const struct sg_quic_conn *conn = ep->slots[i].conn;
        if (conn == NULL || !conn->event_life)
            continue;
        if (count < cap)
            ids[count] = conn->id;
        count++;
    }
    return count;
}

void sg_quic_stats(const struct sg_quic_endpoint *ep, struct sg_quic_stats *stats)
{
    *stats = ep->stats;
    stats->connections_live = ep->live;
    stats->half_open = ep->half_open_count;
}
