/* What ngtcp2 calls while it reads, writes or expires. Nothing here calls back into ngtcp2 except
 * for flow-control credit; everything else is noted and done in sg_quic_conn_settle. */
#include "quic/internal.h"

#include <openssl/err.h>

#include "crypto/random.h"

static int failed(sg_err err)
{
    return err == SG_OK ? 0 : NGTCP2_ERR_CALLBACK_FAILURE;
}

static void on_random(uint8_t *dest, size_t len, const ngtcp2_rand_ctx *ctx)
{
    (void)ctx;
    (void)!sg_random(dest, len); /* not for secrets: packet number gaps, probe timing */
}

/* A server's TLS objects come into being here, when an Initial has decrypted: forged ones cost
 * none. Late CRYPTO data, after the objects were freed, says nothing that we need. */
static int on_crypto_data(ngtcp2_conn *nc, ngtcp2_encryption_level level, uint64_t offset,
                          const uint8_t *data, size_t len, void *user)
{
    struct sg_quic_conn *conn = user;
    if (conn->ssl == NULL && (conn->announced || conn->dialled))
        return 0;
    if (conn->ssl == NULL && sg_quic_tls_attach(conn) != SG_OK)
        return NGTCP2_ERR_CALLBACK_FAILURE;
    ERR_clear_error(); /* SSL_get_error looks at what others left in the queue */
    return ngtcp2_crypto_recv_crypto_data_cb(nc, level, offset, data, len, user);
}

static int on_completed(ngtcp2_conn *nc, void *user)
{
    struct sg_quic_conn *conn = user;
    (void)nc;
    conn->completed = true;
    return 0;
}

static int on_confirmed(ngtcp2_conn *nc, void *user)
{
    struct sg_quic_conn *conn = user;
    (void)nc;
    conn->confirmed = true;
    return 0;
}

static int on_reset_packet(ngtcp2_conn *nc, const ngtcp2_pkt_stateless_reset2 *sr, void *user)
{
    struct sg_quic_conn *conn = user;
    (void)nc;
    (void)sr;
    conn->was_reset = true;
    conn->ep->stats.resets_received++;
    return 0;
}

static int on_retry(ngtcp2_conn *nc, const ngtcp2_pkt_hd *hd, void *user)
{
    struct sg_quic_conn *conn = user;
    conn->ep->stats.retries_received++;
    return ngtcp2_crypto_recv_retry_cb(nc, hd, user);
}

static int on_new_cid(ngtcp2_conn *nc, ngtcp2_cid *cid, ngtcp2_stateless_reset_token *token,
                      size_t len, void *user)
{
    struct sg_quic_conn *conn = user;
    (void)nc;
    sg_err err = sg_quic_conn_random_cid(cid, len);
    if (err == SG_OK)
        err = sg_quic_stateless_token(conn->ep, cid, token->data);
    if (err == SG_OK)
        err = sg_quic_conn_add_cid(conn, cid);
    return failed(err);
}

static int on_remove_cid(ngtcp2_conn *nc, const ngtcp2_cid *cid, void *user)
{
    struct sg_quic_conn *conn = user;
    (void)nc;
    sg_quic_cid_map_remove(&conn->ep->cids, sg_bytes(cid->data, cid->datalen), &conn->cids);
    return 0;
}

/* RFC9000 s10.3.1: a stateless reset is known by the token at its end, not by an id. */
static int on_peer_cid(ngtcp2_conn *nc, ngtcp2_connection_id_status_type type, uint64_t seq,
                       const ngtcp2_cid *cid, const ngtcp2_stateless_reset_token *token, void *user)
{
    struct sg_quic_conn *conn = user;
    struct sg_quic_cid_map *map = &conn->ep->reset_tokens;
    (void)nc;
    (void)seq;
    (void)cid;
    if (token == NULL)
        return 0;
    struct sg_bytes key = sg_bytes(token->data, sizeof(token->data));
    if (type == NGTCP2_CONNECTION_ID_STATUS_TYPE_ACTIVATE)
        (void)!sg_quic_cid_map_put(map, key, conn,
                                   &conn->reset_tokens); /* without: a later timeout */
    else
        sg_quic_cid_map_remove(map, key, &conn->reset_tokens);
    return 0;
}

static int on_path(ngtcp2_conn *nc, uint32_t flags, const ngtcp2_path *path,
                   const ngtcp2_path *fallback, ngtcp2_path_validation_result result, void *user)
{
    struct sg_quic_conn *conn = user;
    (void)nc;
    (void)flags;
    (void)path;
    (void)fallback;
    (void)result;
    conn->path_changed = true;
    return 0;
}

static int on_new_token(ngtcp2_conn *nc, const uint8_t *token, size_t len, void *user)
{
    struct sg_quic_conn *conn = user;
    struct sg_quic_endpoint *ep = conn->ep;
    (void)nc;
    if (len == 0 || len > SG_TOKEN_MAX)
        return 0;
    sg_quic_token_cache_put(&ep->tokens, &conn->remote, sg_bytes(token, len));
    sg_mem_free(ep->mem, conn->token);
    conn->token = sg_quic_dgram_new(ep->mem, sg_bytes(token, len));
    if (conn->token != NULL)
        sg_quic_event_mark(conn, SG_EV_CONTROL);
    return 0;
}

static int on_datagram(ngtcp2_conn *nc, uint32_t flags, const uint8_t *data, size_t len, void *user)
{
    struct sg_quic_conn *conn = user;
    (void)nc;
    (void)flags;
    return failed(sg_quic_dgram_received(conn, sg_bytes(data, len)));
}

static int on_datagram_acked(ngtcp2_conn *nc, uint64_t id, void *user)
{
    struct sg_quic_conn *conn = user;
    (void)nc;
    (void)id;
    if (!conn->ep->config.datagram_acks || !conn->event_life)
        return 0;
    conn->acked_event = true;
    sg_quic_event_mark(conn, SG_EV_CONTROL);
    return 0;
}

/* The first byte of a stream says what it carries. */
static sg_err first_bytes(struct sg_quic_conn *conn, int64_t stream, struct sg_bytes bytes,
                          bool fin)
{
    if (bytes.len == 0)
        return sg_quic_conn_fault(conn, SG_ERR_PROTOCOL, SG_CLOSE_PROTOCOL);
    struct sg_bytes rest = sg_bytes(bytes.data + 1, bytes.len - 1);
    uint8_t kind = bytes.data[0];
    sg_quic_conn_credit(conn, stream, 1);
    if (kind == SG_LANE_BULK) {
        struct sg_quic_bulk *bulk = NULL;
        SG_TRY(sg_quic_bulk_incoming(conn, stream, &bulk));
        return sg_quic_bulk_received(conn, bulk, rest, fin);
    }
    if (kind >= SG_FRAME_LANE_COUNT || conn->lanes[kind].rx_stream >= 0 || fin) {
        conn->ep->stats.closed_bad_stream++;
        return sg_quic_conn_fault(conn, SG_ERR_PROTOCOL, SG_CLOSE_PROTOCOL);
    }
    conn->lanes[kind].rx_stream = stream;
    return sg_quic_lane_received(conn, (enum sg_lane)kind, rest);
}

/* A lane must not end while the connection lives. */
static sg_err lane_ended(struct sg_quic_conn *conn)
{
    conn->ep->stats.closed_bad_stream++;
    return sg_quic_conn_fault(conn, SG_ERR_PROTOCOL, SG_CLOSE_PROTOCOL);
}

static int on_stream_data(ngtcp2_conn *nc, uint32_t flags, int64_t stream, uint64_t offset,
                          const uint8_t *data, size_t len, void *user, void *stream_user)
{
    struct sg_quic_conn *conn = user;
    struct sg_bytes bytes = sg_bytes(data, len);
    bool fin = (flags & NGTCP2_STREAM_DATA_FLAG_FIN) != 0;
    enum sg_lane lane = sg_quic_lane_of_rx(conn, stream);
    (void)nc;
    if (conn->fault != SG_OK)
        return NGTCP2_ERR_CALLBACK_FAILURE;
    if (lane != SG_LANE_BULK)
        return failed(fin ? lane_ended(conn) : sg_quic_lane_received(conn, lane, bytes));
    if (stream_user != NULL)
        return failed(sg_quic_bulk_received(conn, stream_user, bytes, fin));
    if (offset > 0)
        return 0;
    return failed(first_bytes(conn, stream, bytes, fin));
}

static int on_acked(ngtcp2_conn *nc, int64_t stream, uint64_t offset, uint64_t len, void *user,
                    void *stream_user)
{
    struct sg_quic_conn *conn = user;
    enum sg_lane lane = sg_quic_lane_of_tx(conn, stream);
    (void)nc;
    (void)offset;
    if (lane != SG_LANE_BULK)
        sg_quic_lane_acked(conn, lane, (size_t)len);
    else if (stream_user != NULL)
        sg_quic_bulk_acked(conn, stream_user, (size_t)len);
    return 0;
}

static int on_stream_close(ngtcp2_conn *nc, uint32_t flags, int64_t stream, uint64_t code,
                           void *user, void *stream_user)
{
    struct sg_quic_conn *conn = user;
    (void)flags;
    (void)code;
    if (sg_quic_lane_of_rx(conn, stream) != SG_LANE_BULK ||
        sg_quic_lane_of_tx(conn, stream) != SG_LANE_BULK)
        return failed(lane_ended(conn));
    if (stream_user != NULL)
        sg_quic_bulk_closed(conn, stream_user);
    else if (!ngtcp2_conn_is_local_stream2(nc, stream))
        ngtcp2_conn_extend_max_streams_uni(nc, 1); /* gone before it said what it is */
    return 0;
}

static int on_stream_reset(ngtcp2_conn *nc, int64_t stream, uint64_t final_size, uint64_t code,
                           void *user, void *stream_user)
{
    struct sg_quic_conn *conn = user;
    (void)nc;
    (void)final_size;
    if (sg_quic_lane_of_rx(conn, stream) != SG_LANE_BULK)
        return failed(lane_ended(conn));
    if (stream_user != NULL)
        sg_quic_bulk_ended(conn, stream_user, code);
    return 0;
}

static int on_stop_sending(ngtcp2_conn *nc, int64_t stream, uint64_t code, void *user,
                           void *stream_user)
{
    struct sg_quic_conn *conn = user;
    (void)nc;
    if (sg_quic_lane_of_tx(conn, stream) != SG_LANE_BULK)
        return failed(lane_ended(conn));
    if (stream_user != NULL)
        sg_quic_bulk_ended(conn, stream_user, code);
    return 0;
}

/* The peer allows more streams. */
static int on_more_streams(ngtcp2_conn *nc, uint64_t max, void *user)
{
    struct sg_quic_conn *conn = user;
    (void)nc;
    (void)max;
    sg_quic_lane_progress(conn, SG_LANE_BULK);
    return 0;
}

const ngtcp2_callbacks sg_quic_callbacks = {
    .client_initial = ngtcp2_crypto_client_initial_cb,
    .recv_client_initial = ngtcp2_crypto_recv_client_initial_cb,
    .recv_crypto_data = on_crypto_data,
    .handshake_completed = on_completed,
    .encrypt = ngtcp2_crypto_encrypt_cb,
    .decrypt = ngtcp2_crypto_decrypt_cb,
    .hp_mask = ngtcp2_crypto_hp_mask_cb,
    .recv_stream_data = on_stream_data,
    .acked_stream_data_offset = on_acked,
    .stream_close = on_stream_close,
    .recv_retry = on_retry,
    .extend_max_local_streams_uni = on_more_streams,
    .rand = on_random,
    .remove_connection_id = on_remove_cid,
    .update_key = ngtcp2_crypto_update_key_cb,
    .path_validation = on_path,
    .stream_reset = on_stream_reset,
    .handshake_confirmed = on_confirmed,
    .recv_new_token = on_new_token,
    .delete_crypto_aead_ctx = ngtcp2_crypto_delete_crypto_aead_ctx_cb,
    .delete_crypto_cipher_ctx = ngtcp2_crypto_delete_crypto_cipher_ctx_cb,
    .recv_datagram = on_datagram,
    .ack_datagram = on_datagram_acked,
    .version_negotiation = ngtcp2_crypto_version_negotiation_cb,
    .recv_stateless_reset2 = on_reset_packet,
    .get_new_connection_id2 = on_new_cid,
    .dcid_status2 = on_peer_cid,
    .get_path_challenge_data2 = ngtcp2_crypto_get_path_challenge_data2_cb,
    .recv_stop_sending = on_stop_sending,
};
