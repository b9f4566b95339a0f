/* How connections end. Every end runs through end_transport, which says so in the statistics, frees
 * what the transport held and lets the last event come.
 *
 * RFC9000 s10.2: whoever closes answers late datagrams with its CONNECTION_CLOSE again for three
 * PTO (here at the 1st, 2nd, 4th, ... datagram), whoever was closed keeps silent; ngtcp2's conn is
 * freed at once, a copy of the packet is all that stays. */
#include "quic/internal.h"

#include <string.h>

/* Closed connections that linger; beyond, the oldest is forgotten early. */
#define LINGER_MAX 256
#define LINGER_LEAST_NS (10 * SG_NS_PER_MS)
#define LINGER_MOST_NS (3 * SG_NS_PER_S)
/* RFC 8446 s6: alerts that tell something to the caller. */
#define ALERT_HANDSHAKE_FAILURE 40
#define ALERT_BAD_CERTIFICATE 42
#define ALERT_UNKNOWN_CA 48
#define ALERT_DECRYPT_ERROR 51
#define ALERT_PROTOCOL_VERSION 70
#define ALERT_INSUFFICIENT_SECURITY 71
#define ALERT_INTERNAL 80
#define ALERT_CERTIFICATE_REQUIRED 116
#define ALERT_NO_APPLICATION_PROTOCOL 120

const char *sg_close_reason_text(uint64_t reason)
{
    static const char *const texts[SG_CLOSE_COUNT] = {
        [SG_CLOSE_NONE] = "no reason given",
        [SG_CLOSE_SHUTDOWN] = "the node stops",
        [SG_CLOSE_DUPLICATE] = "another connection to this peer survives",
        [SG_CLOSE_WRONG_NETWORK] = "another network",
        [SG_CLOSE_PROTOCOL] = "protocol violation",
        [SG_CLOSE_OVERSIZED] = "frame larger than its limit",
        [SG_CLOSE_OVERLOAD] = "overload",
        [SG_CLOSE_LEAVING] = "the link is no longer wanted",
        [SG_CLOSE_BANNED] = "refused after earlier violations",
        [SG_CLOSE_IDLE] = "idle for too long",
        [SG_CLOSE_STALLED] = "half-open: nothing is acknowledged",
        [SG_CLOSE_RESET] = "the peer lost the connection",
        [SG_CLOSE_TRANSPORT] = "transport error",
        [SG_CLOSE_SELF] = "the peer is this node",
        [SG_CLOSE_WRONG_PROFILE] = "another crypto profile",
        [SG_CLOSE_VERSION] = "unknown protocol version",
    };
    return reason < SG_CLOSE_COUNT && texts[reason] != NULL ? texts[reason] : "unknown";
}

/* ---- what an error means ---- */

static sg_err err_of_alert(unsigned alert)
{
    if (alert == ALERT_HANDSHAKE_FAILURE || alert == ALERT_INSUFFICIENT_SECURITY)
        return SG_ERR_WRONG_PROFILE;
    if (alert == ALERT_NO_APPLICATION_PROTOCOL || alert == ALERT_PROTOCOL_VERSION)
        return SG_ERR_VERSION;
    if ((alert >= ALERT_BAD_CERTIFICATE && alert <= ALERT_BAD_CERTIFICATE + 4) ||
        alert == ALERT_UNKNOWN_CA || alert == ALERT_DECRYPT_ERROR ||
        alert == ALERT_CERTIFICATE_REQUIRED)
        return SG_ERR_AUTH;
    return alert == ALERT_INTERNAL ? SG_ERR_CRYPTO : SG_ERR_PROTOCOL;
}

static sg_err err_of_transport(uint64_t code)
{
    if (code >= NGTCP2_CRYPTO_ERROR && code < NGTCP2_CRYPTO_ERROR + 256)
        return err_of_alert((unsigned)(code - NGTCP2_CRYPTO_ERROR));
    switch (code) {
    case NGTCP2_NO_ERROR:
        return SG_OK;
    case NGTCP2_CONNECTION_REFUSED:
        return SG_ERR_REFUSED;
    case NGTCP2_APPLICATION_ERROR:
        return SG_ERR_CLOSED;
    default:
        return SG_ERR_PROTOCOL;
    }
}

static void take_peers_words(struct sg_quic_conn *conn)
{
    const ngtcp2_ccerr *said = ngtcp2_conn_get_ccerr2(conn->nc);
    conn->closed_by_peer = true;
    if (conn->was_reset) {
        conn->err = SG_ERR_CLOSED;
        conn->reason = SG_CLOSE_RESET;
    } else if (said->type == NGTCP2_CCERR_TYPE_APPLICATION) {
        conn->err = SG_OK;
        conn->reason = said->error_code;
    } else {
        conn->err = err_of_transport(said->error_code);
        conn->reason = conn->err == SG_OK ? SG_CLOSE_NONE : SG_CLOSE_TRANSPORT;
    }
}

/* ---- the end ---- */

static void count_failure(struct sg_quic_stats *stats, sg_err err)
{
    stats->handshakes_failed++;
    switch (err) {
    case SG_ERR_TIMEOUT:
        stats->failed_timeout++;
        break;
    case SG_ERR_WRONG_PEER:
        stats->failed_wrong_peer++;
        break;
    case SG_ERR_AUTH:
        stats->failed_auth++;
        break;
    case SG_ERR_WRONG_PROFILE:
        stats->failed_profile++;
        break;
    case SG_ERR_VERSION:
        stats->failed_version++;
        break;
    case SG_ERR_REFUSED:
        stats->failed_refused++;
        break;
    default:
        break;
    }
}

static void count_end(const struct sg_quic_conn *conn)
{
    struct sg_quic_stats *stats = &conn->ep->stats;
    if (!conn->announced && conn->err != SG_OK)
        count_failure(stats, conn->err);
    else if (!conn->announced)
        return; /* cancelled, or sent through a Retry */
    else if (conn->closed_by_peer)
        stats->closed_by_peer++;
    else if (conn->reason == SG_CLOSE_IDLE)
        stats->closed_idle++;
    else if (conn->err != SG_OK)
        stats->closed_error++;
    else
        stats->closed_local++;
}

/* Leaves nothing of ngtcp2 and TLS. The state is the caller's to set. */
static void end_transport(struct sg_quic_conn *conn)
{
    count_end(conn);
    sg_quic_accept_done(conn);
    sg_quic_tls_detach(conn);
    ngtcp2_conn_del(conn->nc);
    conn->nc = NULL;
    sg_quic_list_remove(&conn->send);
    sg_quic_cid_map_remove_all(&conn->ep->reset_tokens, &conn->reset_tokens);
    sg_quic_conn_clear_tx(conn);
    if (!conn->closed_by_peer)
        sg_quic_conn_clear_rx(conn);
    if (conn->announced || conn->dialled)
        sg_quic_event_final(conn);
}

static void forget(struct sg_quic_conn *conn)
{
    struct sg_quic_endpoint *ep = conn->ep;
    if (conn->state == SG_CONN_LINGER)
        ep->linger_count--;
    conn->state = SG_CONN_GONE;
    sg_quic_list_remove(&conn->role);
    sg_quic_cid_map_remove_all(&ep->cids, &conn->cids);
    sg_quic_timer_set(&ep->timers, &conn->timer, SG_TIME_NEVER);
    sg_mem_free(ep->mem, conn->farewell);
    conn->farewell = NULL;
    sg_quic_conn_reap(conn);
}

void sg_quic_close_silent(struct sg_quic_conn *conn)
{
    if (conn->nc != NULL)
        end_transport(conn);
    forget(conn);
}

static void linger(struct sg_quic_conn *conn)
{
    struct sg_quic_endpoint *ep = conn->ep;
    uint64_t time = 3 * ngtcp2_conn_get_pto2(conn->nc);
    time = time < LINGER_LEAST_NS ? LINGER_LEAST_NS : time;
    time = time > LINGER_MOST_NS ? LINGER_MOST_NS : time;
    end_transport(conn);
    conn->state = SG_CONN_LINGER;
    conn->own_deadline = sg_time_add(ep->now, time);
    sg_quic_list_push(&ep->lingering, &conn->role);
    ep->linger_count++;
    sg_quic_conn_update_timer(conn);
    sg_quic_conn_reap(conn);
    if (ep->linger_count > LINGER_MAX)
        forget(sg_quic_list_first(&ep->lingering));
}

void sg_quic_close_late(struct sg_quic_conn *conn, const struct sg_quic_rx *rx)
{
    conn->late++;
    bool power_of_two = (conn->late & (conn->late - 1)) == 0;
    if (conn->farewell != NULL && power_of_two && conn->farewell_len <= 3 * rx->len)
        sg_quic_stateless_queue(conn->ep, &conn->local, &conn->remote,
                                sg_bytes(conn->farewell, conn->farewell_len));
}

/* ---- the beginning of the end ---- */

static void close_with(struct sg_quic_conn *conn, sg_err err, uint64_t reason)
{
    if (conn->state >= SG_CONN_CLOSE)
        return;
    conn->err = err;
    conn->reason = reason;
    conn->state = SG_CONN_CLOSE;
    conn->own_deadline = SG_TIME_NEVER;
    sg_quic_conn_wake(conn);
}

void sg_quic_close_local(struct sg_quic_conn *conn, sg_err err, uint64_t reason)
{
    if (reason == SG_CLOSE_TRANSPORT)
        ngtcp2_ccerr_set_transport_error(&conn->ccerr, NGTCP2_INTERNAL_ERROR, NULL, 0);
    else
        ngtcp2_ccerr_set_application_error(&conn->ccerr, reason, NULL, 0);
    close_with(conn, err, reason);
}

static void close_crypto(struct sg_quic_conn *conn)
{
    uint8_t alert = ngtcp2_conn_get_tls_alert2(conn->nc);
    sg_err err = conn->verify_err != SG_OK ? conn->verify_err : err_of_alert(alert);
    if (alert == 0)
        alert = ALERT_INTERNAL;
    ngtcp2_ccerr_set_tls_alert(&conn->ccerr, alert, NULL, 0);
    close_with(conn, err, SG_CLOSE_TRANSPORT);
}

/* No answer is worth sending: the peer never spoke, or we never knew it. */
static void close_timeout(struct sg_quic_conn *conn)
{
    conn->err = SG_ERR_TIMEOUT;
    conn->reason = SG_CLOSE_IDLE;
    sg_quic_close_silent(conn);
}

void sg_quic_close_liberr(struct sg_quic_conn *conn, int liberr)
{
    switch (liberr) {
    case NGTCP2_ERR_DRAINING:
        if (conn->state < SG_CONN_CLOSE)
            take_peers_words(conn);
        linger(conn);
        return;
    case NGTCP2_ERR_IDLE_CLOSE:
    case NGTCP2_ERR_HANDSHAKE_TIMEOUT:
        close_timeout(conn);
        return;
    case NGTCP2_ERR_RECV_VERSION_NEGOTIATION:
        conn->err = SG_ERR_VERSION;
        sg_quic_close_silent(conn);
        return;
    case NGTCP2_ERR_DROP_CONN:
        conn->err = SG_ERR_PROTOCOL;
        sg_quic_close_silent(conn);
        return;
    case NGTCP2_ERR_CRYPTO:
        close_crypto(conn);
        return;
    case NGTCP2_ERR_NOMEM:
    case NGTCP2_ERR_CALLBACK_FAILURE:
        if (conn->fault == SG_OK) /* our callbacks fail only for want of memory or entropy */
            (void)sg_quic_conn_fault(conn, SG_ERR_NO_MEMORY, SG_CLOSE_TRANSPORT);
        sg_quic_close_local(conn, conn->fault, conn->fault_reason);
        return;
    default:
        ngtcp2_ccerr_set_liberr(&conn->ccerr, liberr, NULL, 0);
        close_with(conn, SG_ERR_PROTOCOL, SG_CLOSE_TRANSPORT);
    }
}

bool sg_quic_close_write(struct sg_quic_conn *conn, struct sg_quic_tx *tx)
{
    struct sg_quic_endpoint *ep = conn->ep;
    struct sg_quic_path path;
    ngtcp2_pkt_info pi;
    sg_quic_path_out(&path);
    ngtcp2_ssize n = ngtcp2_conn_write_connection_close(
        conn->nc, &path.path, &pi, tx->buf, ep->config.udp_payload_max, &conn->ccerr, ep->now);
    if (n <= 0) { /* nothing was ever sent to the peer, or the peer's address is not proved */
        sg_quic_close_silent(conn);
        return false;
    }
    conn->farewell = sg_mem_new(ep->mem, (size_t)n, 1);
    if (conn->farewell != NULL) {
        memcpy(conn->farewell, tx->buf, (size_t)n);
        conn->farewell_len = (size_t)n;
    }
    tx->len = tx->segment_len = (size_t)n;
    tx->local = conn->local;
    tx->remote = sg_quic_path_remote(&path.path);
    tx->ecn = 0;
    linger(conn);
    return true;
}

static bool is_flushed(const struct sg_quic_conn *conn)
{
    return conn->lanes[0].tx.len == 0 && conn->lanes[1].tx.len == 0 &&
           sg_quic_list_first(&conn->bulk_tx) == NULL && conn->dgram_tx.first == NULL;
}

void sg_quic_close_check_flushed(struct sg_quic_conn *conn)
{
    if (conn->state != SG_CONN_FLUSHING || !is_flushed(conn))
        return;
    conn->state = SG_CONN_CLOSE;
    conn->own_deadline = SG_TIME_NEVER;
    sg_quic_conn_wake(conn);
}

static void close_conn(struct sg_quic_conn *conn, uint64_t reason, bool flush)
{
    struct sg_quic_endpoint *ep = conn->ep;
    if (conn->state >= SG_CONN_CLOSE)
        return;
    if (flush && conn->state == SG_CONN_FLUSHING)
        return;
    sg_quic_conn_clear_rx(conn);
    if (!flush || conn->state != SG_CONN_OPEN || is_flushed(conn)) {
        sg_quic_close_local(conn, SG_OK, reason);
        return;
    }
    conn->reason = reason;
    ngtcp2_ccerr_set_application_error(&conn->ccerr, reason, NULL, 0);
    conn->state = SG_CONN_FLUSHING;
    conn->own_deadline = sg_time_add(ep->now, ep->config.flush_timeout_ns);
    sg_quic_conn_wake(conn);
}

void sg_quic_close(struct sg_quic_endpoint *ep, sg_time_ns now, sg_quic_conn_id id, uint64_t reason,
                   bool flush)
{
    struct sg_quic_conn *conn = sg_quic_conn_find(ep, id);
    (void)sg_quic_ep_time(ep, now);
    if (conn != NULL)
        close_conn(conn, reason > NGTCP2_MAX_VARINT ? SG_CLOSE_NONE : reason, flush);
}

void sg_quic_close_all(struct sg_quic_endpoint *ep, sg_time_ns now, uint64_t reason, bool flush)
{
    (void)sg_quic_ep_time(ep, now);
    ep->stopped = true;
    for (uint32_t i = 0; i < ep->slots_cap; i++) {
        if (ep->slots[i].conn != NULL && ep->slots[i].conn->state < SG_CONN_CLOSE)
            close_conn(ep->slots[i].conn, reason, flush);
    }
}
