/* Strangers. What an unknown source can make us do, in this order:
 *  1. nothing, unless its datagram is an Initial of full size for a version we speak;
 *  2. a Retry (about 10 us, no state), at a limited rate per prefix, when many handshakes are under
 *     way or many from its prefix, or when half of what we may begin in a short time is used up;
 *  3. a handshake (about 1.2 ms, 60 KB) within limits: per prefix, in all, per second; and a place,
 *     of which one prefix gets a quarter of those that strangers may take.
 * A source that proved its address by a token skips 2, and the second half of the budget is for
 * such. Loopback cannot be spoofed from outside, so the limits per prefix do not hold for it: many
 * nodes may live on one machine. */
#include "quic/internal.h"

/* A handshake under way for longer makes room for a new one when all places are taken: an honest
 * one is through in two or three round trips. */
#define EVICT_AFTER_NS (1 * SG_NS_PER_S)
/* A peer that dials again before its old connections are found dead needs some places at least. */
#define PREFIX_PLACES_MIN 8

struct initial {
    const struct sg_quic_rx *rx;
    ngtcp2_pkt_hd hd;
    struct sg_quic_path path;
    enum sg_quic_token_verdict verdict;
    ngtcp2_cid odcid; /* the destination id of the first Initial, before a Retry */
};

static bool proved(const struct initial *in)
{
    return in->verdict == SG_TOKEN_VALID || in->verdict == SG_TOKEN_RETRY;
}

static uint32_t half_open_of_prefix(const struct sg_quic_endpoint *ep, const struct sg_addr *addr)
{
    struct sg_addr prefix = sg_addr_rate_key(addr);
    uint32_t count = 0;
    for (struct sg_quic_node *n = ep->half_open_list.head.next; n != &ep->half_open_list.head;
         n = n->next) {
        const struct sg_quic_conn *conn = n->owner;
        struct sg_addr other = sg_addr_rate_key(&conn->remote);
        count += sg_addr_equal(&other, &prefix);
    }
    return count;
}

/* RFC9000 s8.1.2. The token names the address and both ids, we keep nothing. */
static void send_retry(struct sg_quic_endpoint *ep, const struct initial *in)
{
    uint8_t token[SG_TOKEN_MAX];
    uint8_t out[512];
    ngtcp2_cid scid;
    if (sg_quic_conn_random_cid(&scid, SG_QUIC_CID_LEN) != SG_OK)
        return;
    const struct sg_quic_retry retry = {
        .hd = &in->hd, .remote = &in->path.path.remote, .scid = &scid};
    size_t len = sg_quic_token_retry(&ep->retry_keys, &retry, ep->now, token);
    if (len == 0)
        return;
    ngtcp2_ssize n = ngtcp2_crypto_write_retry(out, sizeof(out), in->hd.version, &in->hd.scid,
                                               &scid, &in->hd.dcid, token, len);
    if (n <= 0)
        return;
    ep->stats.retries_sent++;
    sg_quic_stateless_queue(ep, &in->rx->local, &in->rx->remote, sg_bytes(out, (size_t)n));
}

static void send_refusal(struct sg_quic_endpoint *ep, const struct initial *in, uint64_t code)
{
    uint8_t out[256];
    ngtcp2_ssize n = ngtcp2_crypto_write_connection_close(
        out, sizeof(out), in->hd.version, &in->hd.scid, &in->hd.dcid, code, NULL, 0);
    if (n > 0)
        sg_quic_stateless_queue(ep, &in->rx->local, &in->rx->remote, sg_bytes(out, (size_t)n));
}

/* false: in does not start a connection. */
static bool parse(struct initial *in, const struct sg_quic_rx *rx)
{
    in->rx = rx;
    in->verdict = SG_TOKEN_NONE;
    /* RFC9000 s14.1: a datagram with an Initial has at least 1200 bytes */
    if (rx->len < NGTCP2_MAX_UDP_PAYLOAD_SIZE || ngtcp2_accept(&in->hd, rx->data, rx->len) != 0)
        return false;
    sg_quic_path_set(&in->path, &rx->remote);
    return true;
}

/* Makes room among the handshakes under way; false when all of them are young. */
static bool evict(struct sg_quic_endpoint *ep)
{
    struct sg_quic_conn *oldest = sg_quic_list_first(&ep->half_open_list);
    if (oldest == NULL || sg_time_since(ep->now, oldest->started) < EVICT_AFTER_NS)
        return false;
    ep->stats.half_open_evicted++;
    oldest->err = SG_ERR_TIMEOUT;
    sg_quic_close_silent(oldest);
    return true;
}

/* More than half of the burst is used up. */
static bool is_short_of_handshakes(struct sg_quic_endpoint *ep)
{
    const struct sg_quic_limits *limits = &ep->config.limits;
    uint64_t half = (uint64_t)limits->handshake_burst * 500;
    return limits->handshake_rate != 0 &&
           sg_bucket_level(&ep->handshakes, ep->now, limits->handshake_rate,
                           limits->handshake_burst) < half;
}

static bool take_handshake(struct sg_quic_endpoint *ep)
{
    const struct sg_quic_limits *limits = &ep->config.limits;
    return limits->handshake_rate == 0 ||
           sg_bucket_take(&ep->handshakes, ep->now, limits->handshake_rate,
                          limits->handshake_burst);
}

/* An eighth of the places is for our own dials, or strangers could isolate us. */
static uint32_t places(const struct sg_quic_limits *limits)
{
    return limits->connections_max - limits->connections_max / 8;
}

/* Whether one prefix has its share of them: with names it has no need to be sparing, so whoever
 * has one address could keep all others out. */
static bool has_its_share(const struct sg_quic_endpoint *ep, const struct sg_addr *addr)
{
    struct sg_addr prefix = sg_addr_rate_key(addr);
    uint32_t share = places(&ep->config.limits) / 4;
    uint32_t count = 0;
    for (uint32_t i = 0; i < ep->slots_cap; i++) {
        const struct sg_quic_conn *conn = ep->slots[i].conn;
        if (conn == NULL || conn->dialled || !conn->counted)
            continue;
        struct sg_addr other = sg_addr_rate_key(&conn->remote);
        count += sg_addr_equal(&other, &prefix);
    }
    return count >= (share > PREFIX_PLACES_MIN ? share : PREFIX_PLACES_MIN);
}

/* Everything that may stand in the way of a handshake, cheapest first. */
static bool admit(struct sg_quic_endpoint *ep, const struct initial *in)
{
    const struct sg_quic_limits *limits = &ep->config.limits;
    const struct sg_addr *remote = &in->rx->remote;
    bool local = sg_addr_is_loopback(remote);
    uint32_t prefix_max = local ? 0 : limits->half_open_prefix_max;
    uint32_t from_prefix = prefix_max == 0 ? 0 : half_open_of_prefix(ep, remote);
    bool prefix_full = prefix_max != 0 && from_prefix >= prefix_max;
    bool pressed = ep->half_open_count >= limits->retry_threshold || is_short_of_handshakes(ep);

    if (!proved(in) && (pressed || prefix_full)) {
        if (sg_quic_bucket_table_take(&ep->initials, remote, ep->now))
            send_retry(ep, in);
        else
            ep->stats.refused_bucket++;
        return false;
    }
    if (prefix_full && from_prefix >= 2 * prefix_max) {
        ep->stats.refused_prefix++;
        return false;
    }
    if (ep->live >= places(limits)) {
        ep->stats.refused_full++;
        send_refusal(ep, in, NGTCP2_CONNECTION_REFUSED);
        return false;
    }
    if (!local && has_its_share(ep, remote)) {
        ep->stats.refused_prefix++;
        send_refusal(ep, in, NGTCP2_CONNECTION_REFUSED);
        return false;
    }
    if (ep->half_open_count >= limits->half_open_max && !evict(ep)) {
        ep->stats.refused_half_open++;
        return false;
    }
    if (!take_handshake(ep)) {
        ep->stats.refused_rate++;
        return false;
    }
    return true;
}

static sg_err set_ids(struct sg_quic_conn *conn, const struct initial *in, ngtcp2_cid *scid,
                      ngtcp2_transport_params *params)
{
    SG_TRY(sg_quic_conn_random_cid(scid, SG_QUIC_CID_LEN));
    SG_TRY(sg_quic_conn_add_cid(conn, scid));
    SG_TRY(sg_quic_conn_add_cid(conn, &in->hd.dcid));
    params->original_dcid = in->hd.dcid;
    params->original_dcid_present = 1;
    if (in->verdict == SG_TOKEN_RETRY) {
        params->original_dcid = in->odcid;
        params->retry_scid = in->hd.dcid;
        params->retry_scid_present = 1;
    }
    params->stateless_reset_token_present = 1;
    return sg_quic_stateless_token(conn->ep, scid, params->stateless_reset_token);
}

static sg_err start(struct sg_quic_conn *conn, const struct initial *in)
{
    ngtcp2_settings settings;
    ngtcp2_transport_params params;
    ngtcp2_cid scid;
    struct sg_quic_endpoint *ep = conn->ep;
    sg_quic_conn_settings(conn, &settings, &params);
    /* a client that sends small datagrams may be on a path that takes no larger ones */
    if (in->rx->len < settings.max_tx_udp_payload_size)
        settings.max_tx_udp_payload_size = in->rx->len;
    if (proved(in)) {
        settings.token = in->hd.token;
        settings.tokenlen = in->hd.tokenlen;
        settings.token_type =
            in->verdict == SG_TOKEN_RETRY ? NGTCP2_TOKEN_TYPE_RETRY : NGTCP2_TOKEN_TYPE_NEW_TOKEN;
    }
    SG_TRY(set_ids(conn, in, &scid, &params));
    if (ngtcp2_conn_server_new(&conn->nc, &in->hd.scid, &scid, &in->path.path, in->hd.version,
                               &sg_quic_callbacks, &settings, &params, &ep->ngmem, conn) != 0)
        return SG_ERR_NO_MEMORY;
    return SG_OK;
}

static void begin(struct sg_quic_endpoint *ep, const struct initial *in)
{
    struct sg_quic_conn *conn;
    if (sg_quic_conn_new(ep, &in->rx->remote, &conn) != SG_OK)
        return;
    conn->local = in->rx->local;
    if (start(conn, in) != SG_OK) {
        sg_quic_conn_free(conn);
        return;
    }
    ep->stats.accepts++;
    conn->half_open = true;
    ep->half_open_count++;
    sg_quic_list_push(&ep->half_open_list, &conn->role);
    sg_quic_conn_read(conn, in->rx);
}

static void judge_token(struct sg_quic_endpoint *ep, struct initial *in)
{
    in->verdict =
        sg_quic_token_verify(&ep->retry_keys, &in->hd, &in->path.path.remote, ep->now, &in->odcid);
    if (in->verdict == SG_TOKEN_NONE)
        in->verdict = sg_quic_token_verify(&ep->token_keys, &in->hd, &in->path.path.remote, ep->now,
                                           &in->odcid);
    if (proved(in))
        ep->stats.tokens_accepted++;
    else if (in->hd.tokenlen > 0)
        ep->stats.tokens_rejected++;
}

void sg_quic_accept(struct sg_quic_endpoint *ep, const struct sg_quic_rx *rx)
{
    struct initial in;
    if (ep->stopped || !parse(&in, rx)) {
        ep->stats.dropped_malformed++;
        return;
    }
    judge_token(ep, &in);
    if (in.verdict == SG_TOKEN_BAD) { /* RFC9000 s8.1.3: it would not take a second Retry */
        if (sg_quic_bucket_table_take(&ep->initials, &rx->remote, ep->now))
            send_refusal(ep, &in, NGTCP2_INVALID_TOKEN);
        return;
    }
    if (admit(ep, &in))
        begin(ep, &in);
}

void sg_quic_accept_retry(struct sg_quic_endpoint *ep, const struct sg_quic_rx *rx)
{
    struct initial in;
    if (parse(&in, rx) && sg_quic_bucket_table_take(&ep->initials, &rx->remote, ep->now))
        send_retry(ep, &in);
}

void sg_quic_accept_done(struct sg_quic_conn *conn)
{
    if (!conn->half_open)
        return;
    conn->half_open = false;
    conn->ep->half_open_count--;
    sg_quic_list_remove(&conn->role);
}
