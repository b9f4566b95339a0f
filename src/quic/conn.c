/* Life of a connection: made by dial.c or accept.c, fed with datagrams and timers, and settled
 * after each step. ngtcp2's callbacks only take notes: what must not happen inside ngtcp2 (opening
 * streams, freeing TLS, closing) happens in sg_quic_conn_settle. */
#include "crypto/wipe.h"
#include "quic/internal.h"

#include <string.h>

#include "crypto/random.h"

/* A handle is (serial << SLOT_BITS) | slot: never the same twice, found in O(1). */
#define SLOT_BITS 20
#define SLOT_MASK ((UINT64_C(1) << SLOT_BITS) - 1)
#define NO_SLOT UINT32_MAX

static sg_err grow_slots(struct sg_quic_endpoint *ep)
{
    uint32_t cap = ep->slots_cap == 0 ? 16 : 2 * ep->slots_cap;
    if (cap > SLOT_MASK)
        return SG_ERR_LIMIT;
    struct sg_quic_slot *slots = sg_mem_resize(ep->mem, ep->slots, cap, sizeof(*slots));
    if (slots == NULL)
        return SG_ERR_NO_MEMORY;
    for (uint32_t i = ep->slots_cap; i < cap; i++)
        slots[i] = (struct sg_quic_slot){.next_free = i + 1 < cap ? i + 1 : NO_SLOT};
    ep->free_slot = ep->slots_cap;
    ep->slots = slots;
    ep->slots_cap = cap;
    return SG_OK;
}

static void init_nodes(struct sg_quic_conn *conn)
{
    sg_quic_list_init(&conn->bulk_tx);
    sg_quic_list_init(&conn->bulk_rx);
    conn->timer.owner = conn->send.owner = conn->role.owner = conn;
    for (int i = 0; i < SG_EV_COUNT; i++)
        conn->events[i].owner = conn;
}

sg_err sg_quic_conn_new(struct sg_quic_endpoint *ep, const struct sg_addr *remote,
                        struct sg_quic_conn **out)
{
    if (ep->free_slot == NO_SLOT)
        SG_TRY(grow_slots(ep));
    SG_TRY(sg_quic_timer_reserve(&ep->timers, ep->slots_cap));
    struct sg_quic_conn *conn = sg_mem_new(ep->mem, 1, sizeof(*conn));
    if (conn == NULL)
        return SG_ERR_NO_MEMORY;
    uint32_t slot = ep->free_slot;
    ep->free_slot = ep->slots[slot].next_free;
    ep->slots[slot].conn = conn;
    conn->ep = ep;
    conn->id = (++ep->next_serial << SLOT_BITS) | slot;
    conn->remote = *remote;
    conn->started = conn->last_receive = ep->now;
    conn->stalled_since = conn->own_deadline = SG_TIME_NEVER;
    conn->bulk_window = ep->config.limits.lane_window;
    conn->counted = true;
    for (int i = 0; i < SG_FRAME_LANE_COUNT; i++)
        conn->lanes[i].tx_stream = conn->lanes[i].rx_stream = -1;
    init_nodes(conn);
    ep->live++;
    *out = conn;
    return SG_OK;
}

struct sg_quic_conn *sg_quic_conn_find(const struct sg_quic_endpoint *ep, sg_quic_conn_id id)
{
    uint64_t slot = id & SLOT_MASK;
    if (slot >= ep->slots_cap)
        return NULL;
    struct sg_quic_conn *conn = ep->slots[slot].conn;
    return conn != NULL && conn->id == id && conn->event_life ? conn : NULL;
}

void sg_quic_conn_settings(const struct sg_quic_conn *conn, ngtcp2_settings *settings,
                           ngtcp2_transport_params *params)
{
    const struct sg_quic_config *config = &conn->ep->config;
    ngtcp2_settings_default(settings);
    settings->initial_ts = conn->ep->now;
    settings->initial_rtt = config->initial_rtt_ns;
    settings->handshake_timeout = config->handshake_timeout_ns;
    settings->cc_algo = NGTCP2_CC_ALGO_CUBIC;
    settings->max_tx_udp_payload_size = config->udp_payload_max;
    /* full size from the first Initial on; with a constant size there is nothing to discover */
    settings->no_tx_udp_payload_size_shaping = 1;
    settings->no_pmtud = 1;
    /* What arrived together is acknowledged together, when the turn writes, and with the answer if
     * there is one. Delaying it (by srtt / 8) on a link with little to say makes a wake-up and a
     * datagram of its own of it. */
    settings->ack_thresh = 1;

    const struct sg_quic_limits *limits = &config->limits;
    ngtcp2_transport_params_default(params);
    params->max_udp_payload_size = SG_QUIC_UDP_PAYLOAD_RX;
    params->initial_max_stream_data_uni = limits->lane_window;
    /* room for both lanes and a share for bulk: see bulk.c */
    params->initial_max_data = (uint64_t)limits->lane_window * (SG_FRAME_LANE_COUNT + 1);
    params->initial_max_streams_uni = limits->streams_max;
    params->max_idle_timeout = config->idle_timeout_ns;
    params->active_connection_id_limit = SG_QUIC_ACTIVE_CIDS;
    params->max_datagram_frame_size = SG_QUIC_DATAGRAM_MAX + 16;
}

sg_err sg_quic_conn_random_cid(ngtcp2_cid *cid, size_t len)
{
    cid->datalen = len;
    return sg_random(cid->data, len);
}

sg_err sg_quic_conn_add_cid(struct sg_quic_conn *conn, const ngtcp2_cid *cid)
{
    return sg_quic_cid_map_put(&conn->ep->cids, sg_bytes(cid->data, cid->datalen), conn,
                               &conn->cids);
}

void sg_quic_conn_wake(struct sg_quic_conn *conn)
{
    if (conn->nc != NULL)
        sg_quic_list_push(&conn->ep->to_send, &conn->send);
    sg_quic_conn_update_timer(conn);
}

/* While a connection waits for its turn to send, ngtcp2's deadlines are not looked at: sending
 * sets them anew, and a socket that does not accept must not make the caller spin. */
void sg_quic_conn_update_timer(struct sg_quic_conn *conn)
{
    sg_time_ns at = conn->own_deadline;
    if (conn->nc != NULL && !sg_quic_list_has(&conn->send)) {
        at = sg_time_min(at, ngtcp2_conn_get_expiry2(conn->nc));
        at = sg_time_min(at, sg_quic_tx_due(conn));
    }
    sg_quic_timer_set(&conn->ep->timers, &conn->timer, at);
}

static void new_token(struct sg_quic_conn *conn)
{
    uint8_t token[SG_TOKEN_MAX];
    struct sg_quic_path path;
    sg_quic_path_set(&path, &conn->remote);
    size_t len = sg_quic_token_new(&conn->ep->token_keys, &path.path.remote, conn->ep->now, token);
    if (len > 0)
        (void)ngtcp2_conn_submit_new_token(conn->nc, token, len);
}

/* The handshake is complete and the peer has proved its key. */
static sg_err announce(struct sg_quic_conn *conn)
{
    struct sg_quic_endpoint *ep = conn->ep;
    SG_TRY(sg_quic_tls_export(conn));
    SG_TRY(sg_quic_lanes_open(conn));
    conn->announced = true;
    conn->state = SG_CONN_OPEN;
    conn->handshake_ns = sg_time_since(ep->now, conn->started);
    ngtcp2_conn_set_keep_alive_timeout(
        conn->nc, ep->config.keep_alive_ns == 0 ? UINT64_MAX : ep->config.keep_alive_ns);
    if (!conn->dialled) {
        sg_quic_accept_done(conn);
        new_token(conn);
    }
    ep->stats.handshakes_done++;
    conn->event_life = true;
    conn->connected_event = true;
    sg_quic_event_mark(conn, SG_EV_CONTROL);
    return SG_OK;
}

static void refresh_remote(struct sg_quic_conn *conn)
{
    conn->path_changed = false;
    struct sg_addr remote = sg_quic_path_remote(ngtcp2_conn_get_path2(conn->nc));
    if (remote.family == 0 || sg_addr_equal(&remote, &conn->remote))
        return;
    conn->remote = remote;
    conn->ep->stats.migrations++;
}

void sg_quic_conn_settle(struct sg_quic_conn *conn)
{
    if (conn->nc == NULL || conn->state == SG_CONN_CLOSE)
        return;
    if (conn->completed && !conn->announced && conn->fault == SG_OK) {
        sg_err err = announce(conn);
        if (err != SG_OK)
            (void)sg_quic_conn_fault(conn, err, SG_CLOSE_TRANSPORT);
    }
    if (conn->fault != SG_OK) {
        sg_quic_close_local(conn, conn->fault, conn->fault_reason);
        return;
    }
    if (conn->announced && (conn->confirmed || !conn->dialled))
        sg_quic_tls_detach(conn);
    if (conn->path_changed)
        refresh_remote(conn);
    sg_quic_close_check_flushed(conn);
}

/* Only packets that decrypt count as signs of life. */
static void note_receive(struct sg_quic_conn *conn)
{
    ngtcp2_conn_info info;
    ngtcp2_conn_get_conn_info2(conn->nc, &info);
    if (info.pkt_recv != conn->packets_in)
        conn->last_receive = conn->ep->now;
    conn->packets_in = info.pkt_recv;
}

void sg_quic_conn_read(struct sg_quic_conn *conn, const struct sg_quic_rx *rx)
{
    struct sg_quic_endpoint *ep = conn->ep;
    if (conn->nc == NULL) {
        sg_quic_close_late(conn, rx);
        return;
    }
    if (conn->state == SG_CONN_CLOSE)
        return;
    struct sg_quic_path path;
    sg_quic_path_set(&path, &rx->remote);
    ngtcp2_pkt_info pi = {.ecn = rx->ecn};
    conn->answered = true;
    int err = ngtcp2_conn_read_pkt(conn->nc, &path.path, &pi, rx->data, rx->len, ep->now);
    conn->local = rx->local;
    if (err == NGTCP2_ERR_RETRY) {
        sg_quic_accept_retry(ep, rx);
        sg_quic_close_silent(conn);
        return;
    }
    if (err != 0) {
        sg_quic_close_liberr(conn, err);
    } else {
        note_receive(conn);
        sg_quic_conn_settle(conn);
    }
    sg_quic_conn_wake(conn);
}

void sg_quic_conn_expire(struct sg_quic_conn *conn)
{
    struct sg_quic_endpoint *ep = conn->ep;
    if (conn->nc == NULL) { /* lingered long enough */
        sg_quic_close_silent(conn);
        return;
    }
    if (conn->own_deadline <= ep->now) { /* flushed long enough */
        conn->own_deadline = SG_TIME_NEVER;
        if (conn->state == SG_CONN_FLUSHING)
            conn->state = SG_CONN_CLOSE;
    }
    if (conn->state != SG_CONN_CLOSE && ngtcp2_conn_get_expiry2(conn->nc) <= ep->now) {
        int err = ngtcp2_conn_handle_expiry(conn->nc, ep->now);
        if (err != 0)
            sg_quic_close_liberr(conn, err);
        else
            sg_quic_conn_settle(conn);
    }
    sg_quic_conn_wake(conn);
}

/* Transport before lingering, or an event still to come. */
static bool is_live(const struct sg_quic_conn *conn)
{
    return conn->event_life || conn->state < SG_CONN_LINGER;
}

void sg_quic_conn_reap(struct sg_quic_conn *conn)
{
    if (conn->counted && !is_live(conn)) {
        conn->counted = false;
        conn->ep->live--;
    }
    if (!conn->event_life && conn->state == SG_CONN_GONE)
        sg_quic_list_push(&conn->ep->dying, &conn->role);
}

void sg_quic_conn_sweep(struct sg_quic_endpoint *ep)
{
    for (struct sg_quic_conn *conn; (conn = sg_quic_list_first(&ep->dying)) != NULL;)
        sg_quic_conn_free(conn);
}

void sg_quic_conn_clear_tx(struct sg_quic_conn *conn)
{
    sg_quic_lanes_clear_tx(conn);
    sg_quic_bulks_clear_tx(conn);
    sg_quic_dgram_clear(conn, &conn->dgram_tx);
}

void sg_quic_conn_clear_rx(struct sg_quic_conn *conn)
{
    sg_quic_lanes_clear_rx(conn);
    sg_quic_bulks_clear_rx(conn);
    conn->ep->stats.receive_queued -= conn->dgram_rx.bytes;
    sg_quic_dgram_clear(conn, &conn->dgram_rx);
}

void sg_quic_conn_free(struct sg_quic_conn *conn)
{
    struct sg_quic_endpoint *ep = conn->ep;
    uint32_t slot = (uint32_t)(conn->id & SLOT_MASK);
    sg_quic_accept_done(conn);
    ep->live -= conn->counted;
    sg_quic_tls_detach(conn);
    if (conn->nc != NULL)
        ngtcp2_conn_del(conn->nc);
    conn->nc = NULL;
    sg_wipe(conn->exporter, sizeof(conn->exporter));
    sg_quic_conn_clear_tx(conn);
    sg_quic_conn_clear_rx(conn);
    sg_quic_cid_map_remove_all(&ep->cids, &conn->cids);
    sg_quic_cid_map_remove_all(&ep->reset_tokens, &conn->reset_tokens);
    sg_quic_timer_set(&ep->timers, &conn->timer, SG_TIME_NEVER);
    sg_quic_list_remove(&conn->send);
    sg_quic_list_remove(&conn->role);
    for (int i = 0; i < SG_EV_COUNT; i++)
        sg_quic_list_remove(&conn->events[i]);
    sg_mem_free(ep->mem, conn->public_key);
    sg_mem_free(ep->mem, conn->farewell);
    sg_mem_free(ep->mem, conn->token);
    ep->slots[slot] = (struct sg_quic_slot){.next_free = ep->free_slot};
    ep->free_slot = slot;
    sg_mem_free(ep->mem, conn);
}
