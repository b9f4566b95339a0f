/* What a connection costs and how its misbehaviour is noted. */
#include "quic/internal.h"

sg_err sg_quic_conn_fault(struct sg_quic_conn *conn, sg_err err, enum sg_close_reason reason)
{
    if (conn->fault == SG_OK) {
        conn->fault = err;
        conn->fault_reason = reason;
    }
    return err;
}

sg_err sg_quic_conn_account(struct sg_quic_conn *conn, size_t n)
{
    struct sg_quic_endpoint *ep = conn->ep;
    if (n > ep->config.limits.receive_max ||
        ep->stats.receive_queued > ep->config.limits.receive_max - n) {
        ep->stats.closed_overload++;
        return sg_quic_conn_fault(conn, SG_ERR_LIMIT, SG_CLOSE_OVERLOAD);
    }
    ep->stats.receive_queued += n;
    return SG_OK;
}

void sg_quic_conn_credit(struct sg_quic_conn *conn, int64_t stream, size_t n)
{
    if (conn->nc == NULL || conn->state >= SG_CONN_CLOSE)
        return;
    /* fails only for want of memory; then the peer waits, and the connection is not lost */
    (void)ngtcp2_conn_extend_max_stream_offset(conn->nc, stream, n);
    ngtcp2_conn_extend_max_offset(conn->nc, n);
}
