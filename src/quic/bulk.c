/* Bulk streams: one unidirectional stream per transfer, first byte SG_LANE_BULK, then raw bytes.
 *
 * Lanes never wait for bulk. On the sending side bulk is written last, in turns, and leaves as much
 * of the connection's window as the lanes could use. On the receiving side the connection's window
 * is that of both lanes plus a share for bulk, and the share grows (as the stream's own window) as
 * long as half of it is pulled within two round trips. */
#include "quic/internal.h"

static struct sg_quic_bulk *new_bulk(struct sg_quic_conn *conn, int64_t stream, bool incoming)
{
    struct sg_quic_bulk *bulk = sg_mem_new(conn->ep->mem, 1, sizeof(*bulk));
    if (bulk == NULL)
        return NULL;
    bulk->node.owner = bulk;
    bulk->stream = stream;
    bulk->incoming = incoming;
    bulk->window = conn->ep->config.limits.lane_window;
    bulk->epoch_at = conn->ep->now;
    sg_quic_list_push(incoming ? &conn->bulk_rx : &conn->bulk_tx, &bulk->node);
    return bulk;
}

/* ngtcp2 may know the stream for longer than we do. */
static void free_bulk(struct sg_quic_conn *conn, struct sg_quic_bulk *bulk)
{
    struct sg_quic_endpoint *ep = conn->ep;
    if (conn->nc != NULL && !bulk->closed)
        (void)ngtcp2_conn_set_stream_user_data(conn->nc, bulk->stream, NULL);
    sg_quic_list_remove(&bulk->node);
    ep->stats.receive_queued -= sg_quic_recvq_len(&bulk->rx);
    sg_quic_event_forget(ep, &bulk->rx);
    conn->bulk_queued -= bulk->tx.len;
    sg_quic_sendq_clear(&bulk->tx, ep->mem);
    sg_mem_free(ep->mem, bulk);
}

static struct sg_quic_bulk *find_in(const struct sg_quic_list *list, sg_quic_stream_id stream)
{
    for (struct sg_quic_node *n = list->head.next; n != &list->head; n = n->next) {
        struct sg_quic_bulk *bulk = n->owner;
        if (bulk->stream == (int64_t)stream)
            return bulk;
    }
    return NULL;
}

/* ---- receiving ---- */

sg_err sg_quic_bulk_incoming(struct sg_quic_conn *conn, int64_t stream, struct sg_quic_bulk **out)
{
    *out = new_bulk(conn, stream, true);
    if (*out == NULL)
        return sg_quic_conn_fault(conn, SG_ERR_NO_MEMORY, SG_CLOSE_OVERLOAD);
    (void)ngtcp2_conn_set_stream_user_data(conn->nc, stream, *out); /* the stream exists */
    return SG_OK;
}

sg_err sg_quic_bulk_received(struct sg_quic_conn *conn, struct sg_quic_bulk *bulk,
                             struct sg_bytes bytes, bool fin)
{
    if (conn->state >= SG_CONN_FLUSHING)
        return SG_OK;
    SG_TRY(sg_quic_conn_account(conn, bytes.len));
    if (sg_quic_recvq_push(&bulk->rx, conn->ep->mem, bytes) != SG_OK) {
        conn->ep->stats.receive_queued -= bytes.len;
        return sg_quic_conn_fault(conn, SG_ERR_NO_MEMORY, SG_CLOSE_OVERLOAD);
    }
    conn->ep->stats.bulk_bytes_in += bytes.len;
    bulk->fin |= fin;
    if (bytes.len > 0 || fin)
        sg_quic_event_mark(conn, SG_EV_BULK);
    return SG_OK;
}

void sg_quic_bulk_ended(struct sg_quic_conn *conn, struct sg_quic_bulk *bulk, uint64_t code)
{
    if (bulk->ended || (bulk->incoming && bulk->fin))
        return; /* told already, or all bytes are there */
    bulk->ended = true;
    bulk->code = code;
    if (!bulk->incoming) { /* it has something to tell now, and nothing to send */
        conn->bulk_queued -= bulk->tx.len;
        sg_quic_sendq_clear(&bulk->tx, conn->ep->mem);
        sg_quic_list_remove(&bulk->node);
        sg_quic_list_push(&conn->bulk_rx, &bulk->node);
    }
    sg_quic_event_mark(conn, SG_EV_BULK);
}

void sg_quic_bulk_closed(struct sg_quic_conn *conn, struct sg_quic_bulk *bulk)
{
    bulk->closed = true;
    if (!bulk->incoming && !bulk->ended)
        free_bulk(conn, bulk);
}

/* The peer may open another stream when this one is through. */
static void finish_incoming(struct sg_quic_conn *conn, struct sg_quic_bulk *bulk)
{
    bool allow = conn->nc != NULL && bulk->closed;
    free_bulk(conn, bulk);
    if (allow) /* otherwise when QUIC forgets it: on_stream_close */
        ngtcp2_conn_extend_max_streams_uni(conn->nc, 1);
}

/* Doubles the window when half of it went by within two round trips. */
static void tune_window(struct sg_quic_conn *conn, struct sg_quic_bulk *bulk, size_t pulled)
{
    uint64_t max = conn->ep->config.limits.bulk_window_max;
    sg_time_ns now = conn->ep->now;
    bulk->epoch_bytes += pulled;
    if (conn->nc == NULL || conn->state >= SG_CONN_CLOSE || bulk->epoch_bytes < bulk->window / 2)
        return;
    ngtcp2_conn_info info;
    ngtcp2_conn_get_conn_info2(conn->nc, &info);
    bool fast = sg_time_since(now, bulk->epoch_at) < 2 * info.smoothed_rtt;
    bulk->epoch_at = now;
    bulk->epoch_bytes = 0;
    if (!fast || bulk->window >= max)
        return;
    uint64_t window = 2 * bulk->window < max ? 2 * bulk->window : max;
    (void)ngtcp2_conn_extend_max_stream_offset(conn->nc, bulk->stream, window - bulk->window);
    bulk->window = window;
    if (window > conn->bulk_window) {
        ngtcp2_conn_extend_max_offset(conn->nc, window - conn->bulk_window);
        conn->bulk_window = window;
    }
}

static void pull_data(struct sg_quic_conn *conn, struct sg_quic_bulk *bulk,
                      struct sg_quic_event *event)
{
    size_t len = sg_quic_recvq_len(&bulk->rx);
    event->type = SG_QUIC_BULK;
    if (len > 0)
        event->bulk.bytes = sg_bytes(bulk->rx.data + bulk->rx.head, len);
    event->bulk.fin = bulk->fin;
    bulk->rx.head += len;
    conn->ep->stats.receive_queued -= len;
    sg_quic_event_keep(conn->ep, &bulk->rx);
    sg_quic_conn_credit(conn, bulk->stream, len);
    tune_window(conn, bulk, len);
}

static bool has_event(const struct sg_quic_bulk *bulk)
{
    return bulk->ended || bulk->fin || sg_quic_recvq_len(&bulk->rx) > 0;
}

static void pull_one(struct sg_quic_conn *conn, struct sg_quic_bulk *bulk,
                     struct sg_quic_event *event)
{
    event->bulk.stream = (sg_quic_stream_id)bulk->stream;
    event->bulk.code = bulk->code;
    sg_quic_list_remove(&bulk->node);
    sg_quic_list_push(&conn->bulk_rx, &bulk->node);
    if (!bulk->incoming) {
        event->type = SG_QUIC_BULK_STOPPED;
        free_bulk(conn, bulk);
    } else if (bulk->ended) {
        event->type = SG_QUIC_BULK_RESET;
        sg_quic_conn_credit(conn, bulk->stream, sg_quic_recvq_len(&bulk->rx));
        finish_incoming(conn, bulk);
    } else {
        pull_data(conn, bulk, event);
        if (bulk->fin)
            finish_incoming(conn, bulk);
    }
}

bool sg_quic_bulk_pull(struct sg_quic_conn *conn, struct sg_quic_event *event)
{
    for (struct sg_quic_node *n = conn->bulk_rx.head.next; n != &conn->bulk_rx.head; n = n->next) {
        struct sg_quic_bulk *bulk = n->owner;
        if (has_event(bulk)) {
            event->bulk.bytes = sg_bytes(NULL, 0);
            event->bulk.fin = false;
            pull_one(conn, bulk, event);
            return true;
        }
    }
    return false;
}

bool sg_quic_bulk_has_event(const struct sg_quic_conn *conn)
{
    for (struct sg_quic_node *n = conn->bulk_rx.head.next; n != &conn->bulk_rx.head; n = n->next) {
        if (has_event(n->owner))
            return true;
    }
    return false;
}

void sg_quic_bulks_clear_rx(struct sg_quic_conn *conn)
{
    for (struct sg_quic_bulk *bulk; (bulk = sg_quic_list_first(&conn->bulk_rx)) != NULL;)
        free_bulk(conn, bulk);
}

/* ---- sending ---- */

void sg_quic_bulk_acked(struct sg_quic_conn *conn, struct sg_quic_bulk *bulk, size_t len)
{
    if (bulk->ended)
        return;
    conn->bulk_queued -= len;
    sg_quic_sendq_acked(&bulk->tx, conn->ep->mem, len);
    sg_quic_lane_progress(conn, SG_LANE_BULK);
}

/* What the lanes may still send by their own windows stays theirs. */
static uint64_t connection_room(const struct sg_quic_conn *conn)
{
    uint64_t left = ngtcp2_conn_get_max_data_left2(conn->nc);
    for (int i = 0; i < SG_FRAME_LANE_COUNT; i++) {
        uint64_t lane = ngtcp2_conn_get_max_stream_data_left2(conn->nc, conn->lanes[i].tx_stream);
        left -= lane < left ? lane : left;
    }
    return left;
}

struct sg_quic_bulk *sg_quic_bulk_next(struct sg_quic_conn *conn, size_t *max)
{
    if (sg_quic_list_first(&conn->bulk_tx) == NULL)
        return NULL;
    uint64_t room = connection_room(conn);
    for (struct sg_quic_node *n = conn->bulk_tx.head.next; n != &conn->bulk_tx.head; n = n->next) {
        struct sg_quic_bulk *bulk = n->owner;
        *max = (size_t)(room < SIZE_MAX ? room : SIZE_MAX);
        if (bulk->tx.unsent_len == 0 && bulk->fin && !bulk->fin_sent)
            return bulk;
        if (bulk->tx.unsent_len > 0 && room > 0 &&
            ngtcp2_conn_get_max_stream_data_left2(conn->nc, bulk->stream) > 0)
            return bulk;
    }
    return NULL;
}

void sg_quic_bulk_rotate(struct sg_quic_conn *conn, struct sg_quic_bulk *bulk)
{
    sg_quic_list_remove(&bulk->node);
    sg_quic_list_push(&conn->bulk_tx, &bulk->node);
}

void sg_quic_bulks_clear_tx(struct sg_quic_conn *conn)
{
    for (struct sg_quic_bulk *bulk; (bulk = sg_quic_list_first(&conn->bulk_tx)) != NULL;)
        free_bulk(conn, bulk);
}

sg_err sg_quic_bulk_open(struct sg_quic_endpoint *ep, sg_quic_conn_id id, sg_quic_stream_id *out)
{
    const uint8_t kind = SG_LANE_BULK;
    int64_t stream;
    struct sg_quic_conn *conn = sg_quic_conn_find(ep, id);
    if (conn == NULL)
        return SG_ERR_NOT_FOUND;
    if (conn->state != SG_CONN_OPEN)
        return SG_ERR_INVALID_STATE;
    int err = ngtcp2_conn_open_uni_stream(conn->nc, &stream, NULL);
    if (err == NGTCP2_ERR_STREAM_ID_BLOCKED) {
        conn->want_write |= 1u << SG_LANE_BULK;
        return SG_ERR_WOULD_BLOCK;
    }
    if (err != 0)
        return SG_ERR_NO_MEMORY;
    struct sg_quic_bulk *bulk = new_bulk(conn, stream, false);
    if (bulk == NULL || sg_quic_sendq_push(&bulk->tx, ep->mem, sg_bytes(&kind, 1), NULL) != SG_OK) {
        (void)ngtcp2_conn_shutdown_stream_write(conn->nc, 0, stream, SG_CLOSE_OVERLOAD);
        if (bulk != NULL)
            free_bulk(conn, bulk);
        return SG_ERR_NO_MEMORY;
    }
    conn->bulk_queued += bulk->tx.len;
    (void)ngtcp2_conn_set_stream_user_data(conn->nc, stream, bulk);
    *out = (sg_quic_stream_id)stream;
    sg_quic_conn_wake(conn);
    return SG_OK;
}

sg_err sg_quic_bulk_write(struct sg_quic_endpoint *ep, sg_quic_conn_id id, sg_quic_stream_id stream,
                          struct sg_buf *chunk)
{
    struct sg_quic_conn *conn = sg_quic_conn_find(ep, id);
    struct sg_quic_bulk *bulk = conn == NULL ? NULL : find_in(&conn->bulk_tx, stream);
    if (bulk == NULL || bulk->fin)
        return SG_ERR_NOT_FOUND;
    if (chunk->len == 0)
        return SG_ERR_INVALID_ARGUMENT;
    SG_TRY(sg_quic_lane_admit(conn, SG_LANE_BULK, chunk->len));
    SG_TRY(sg_quic_sendq_push(&bulk->tx, ep->mem, sg_bytes(NULL, 0), chunk));
    conn->bulk_queued += chunk->len;
    ep->stats.bulk_bytes_out += chunk->len;
    sg_quic_conn_wake(conn);
    return SG_OK;
}

sg_err sg_quic_bulk_fin(struct sg_quic_endpoint *ep, sg_quic_conn_id id, sg_quic_stream_id stream)
{
    struct sg_quic_conn *conn = sg_quic_conn_find(ep, id);
    struct sg_quic_bulk *bulk = conn == NULL ? NULL : find_in(&conn->bulk_tx, stream);
    if (bulk == NULL || bulk->fin)
        return SG_ERR_NOT_FOUND;
    bulk->fin = true;
    sg_quic_conn_wake(conn);
    return SG_OK;
}

sg_err sg_quic_bulk_reset(struct sg_quic_endpoint *ep, sg_quic_conn_id id, sg_quic_stream_id stream,
                          uint64_t code)
{
    struct sg_quic_conn *conn = sg_quic_conn_find(ep, id);
    struct sg_quic_bulk *bulk = conn == NULL ? NULL : find_in(&conn->bulk_tx, stream);
    if (bulk == NULL && conn != NULL)
        bulk = find_in(&conn->bulk_rx, stream);
    if (bulk == NULL)
        return SG_ERR_NOT_FOUND;
    if (code > NGTCP2_MAX_VARINT)
        return SG_ERR_INVALID_ARGUMENT;
    if (bulk->incoming) {
        sg_quic_conn_credit(conn, bulk->stream, sg_quic_recvq_len(&bulk->rx));
        if (conn->nc != NULL && !bulk->closed)
            (void)ngtcp2_conn_shutdown_stream_read(conn->nc, 0, bulk->stream, code);
        finish_incoming(conn, bulk);
    } else {
        if (conn->nc != NULL && !bulk->closed)
            (void)ngtcp2_conn_shutdown_stream_write(conn->nc, 0, bulk->stream, code);
        free_bulk(conn, bulk);
        sg_quic_lane_progress(conn, SG_LANE_BULK);
    }
    sg_quic_conn_wake(conn);
    return SG_OK;
}
