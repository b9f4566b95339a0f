/* Connections that we open. */
#include "quic/internal.h"

static size_t pick_token(struct sg_quic_endpoint *ep, const struct sg_quic_dial *dial, uint8_t *out)
{
    size_t cached = sg_quic_token_cache_take(&ep->tokens, &dial->remote, out);
    if (cached > 0 || dial->token.len == 0 || dial->token.len > SG_TOKEN_MAX)
        return cached;
    memcpy(out, dial->token.data, dial->token.len);
    return dial->token.len;
}

static sg_err start(struct sg_quic_conn *conn, const struct sg_quic_dial *dial)
{
    struct sg_quic_endpoint *ep = conn->ep;
    ngtcp2_settings settings;
    ngtcp2_transport_params params;
    ngtcp2_cid dcid, scid;
    struct sg_quic_path path;
    uint8_t token[SG_TOKEN_MAX];
    sg_quic_conn_settings(conn, &settings, &params);
    if (dial->initial_rtt_ns > 0)
        settings.initial_rtt = dial->initial_rtt_ns;
    if (dial->small_initial)
        settings.max_tx_udp_payload_size = NGTCP2_MAX_UDP_PAYLOAD_SIZE;
    settings.tokenlen = pick_token(ep, dial, token);
    settings.token = settings.tokenlen > 0 ? token : NULL;
    settings.token_type = NGTCP2_TOKEN_TYPE_NEW_TOKEN;
    SG_TRY(sg_quic_conn_random_cid(&dcid, SG_QUIC_FIRST_CID_LEN));
    SG_TRY(sg_quic_conn_random_cid(&scid, SG_QUIC_CID_LEN));
    SG_TRY(sg_quic_conn_add_cid(conn, &scid));
    sg_quic_path_set(&path, &dial->remote);
    if (ngtcp2_conn_client_new(&conn->nc, &dcid, &scid, &path.path, NGTCP2_PROTO_VER_V1,
                               &sg_quic_callbacks, &settings, &params, &ep->ngmem, conn) != 0)
        return SG_ERR_NO_MEMORY;
    return sg_quic_tls_attach(conn);
}

static bool can_dial(const struct sg_addr *remote)
{
    return (remote->family == 4 || remote->family == 6) && remote->port != 0 &&
           !sg_addr_is_any(remote) && !sg_addr_is_multicast(remote);
}

sg_err sg_quic_dial(struct sg_quic_endpoint *ep, sg_time_ns now, const struct sg_quic_dial *dial,
                    sg_quic_conn_id *out)
{
    struct sg_quic_conn *conn;
    (void)sg_quic_ep_time(ep, now);
    *out = 0;
    if (ep->stopped)
        return SG_ERR_STOPPED;
    if (!can_dial(&dial->remote))
        return SG_ERR_INVALID_ARGUMENT;
    if (ep->live >= ep->config.limits.connections_max)
        return SG_ERR_LIMIT;
    SG_TRY(sg_quic_conn_new(ep, &dial->remote, &conn));
    conn->dialled = true;
    if (dial->expected != NULL) {
        conn->has_expected = true;
        conn->expected = *dial->expected;
    }
    sg_err err = start(conn, dial);
    if (err != SG_OK) {
        sg_quic_conn_free(conn);
        return err;
    }
    conn->event_life = true;
    ep->stats.dials++;
    *out = conn->id;
    sg_quic_conn_wake(conn);
    return SG_OK;
}
