/* The endpoint: datagrams find their connection by its id, timers theirs by the heap; all else is
 * in the other files of this folder:
 *   accept, dial, conn, close    how connections begin, live and end
 *   tls, callbacks, path         the two libraries underneath
 *   lane, bulk, datagram, stream what they carry
 *   tx, event, stateless         what comes out
 *   token, bucket, cid_map, timer, list   tools */
#include "quic/internal.h"

#include <string.h>

#include "crypto/init.h"
#include "crypto/random.h"
#include "crypto/wipe.h"
#include "wire/limits.h"

#define KIB UINT32_C(1024)
#define MIB (1024 * KIB)
#define HOUR_NS (3600 * SG_NS_PER_S)

void sg_quic_config_default(struct sg_quic_config *config)
{
    *config = (struct sg_quic_config){
        .mem = sg_mem_default(),
        .limits =
            {
                .connections_max = 1024,
                .half_open_max = 64,
                .half_open_prefix_max = 8,
                .retry_threshold = 32,
                .initial_rate = 20,
                .initial_burst = 5,
                .handshake_rate = 200,
                .handshake_burst = 64,
                .reset_rate = 100,
                .frame_max = {SG_FRAME_MSHIP_MAX, SG_FRAME_PUBSUB_MAX},
                .lane_window = 256 * KIB,
                .bulk_window_max = 8 * MIB,
                .streams_max = 16,
                .send_budget = {256 * KIB, 4 * MIB, 4 * MIB},
                .datagrams_max = 64,
                .receive_max = UINT64_C(64) * MIB,
                .tokens_max = 256,
            },
        .idle_timeout_ns = 30 * SG_NS_PER_S,
        .keep_alive_ns = 10 * SG_NS_PER_S,
        .handshake_timeout_ns = 5 * SG_NS_PER_S,
        .flush_timeout_ns = 2 * SG_NS_PER_S,
        .token_secret_ns = 120 * SG_NS_PER_S,
        .new_token_secret_ns = 12 * HOUR_NS,
        .initial_rtt_ns = 333 * SG_NS_PER_MS,
        .udp_payload_max = 1350,
    };
}

static bool config_valid(const struct sg_quic_config *config)
{
    const struct sg_quic_limits *limits = &config->limits;
    for (int i = 0; i < SG_FRAME_LANE_COUNT; i++) {
        if (limits->frame_max[i] == 0 ||
            limits->lane_window < limits->frame_max[i] + SG_CHUNK_HEAD_MAX)
            return false;
    }
    return config->mem != NULL && config->identity != NULL && limits->connections_max > 0 &&
           limits->streams_max > SG_FRAME_LANE_COUNT && limits->datagrams_max > 0 &&
           config->udp_payload_max >= NGTCP2_MAX_UDP_PAYLOAD_SIZE &&
           config->udp_payload_max <= NGTCP2_MAX_PMTUD_UDP_PAYLOAD_SIZE &&
           config->idle_timeout_ns > 0 && config->handshake_timeout_ns > 0 &&
           config->token_secret_ns > 0 && config->new_token_secret_ns > 0 &&
           config->initial_rtt_ns > 0;
}

/* ---- ngtcp2's allocations go through ours ---- */

static void *ng_malloc(size_t size, void *user)
{
    const struct sg_quic_endpoint *ep = user;
    return ep->mem->alloc(ep->mem->user, size);
}

static void ng_free(void *ptr, void *user)
{
    const struct sg_quic_endpoint *ep = user;
    sg_mem_free(ep->mem, ptr);
}

static void *ng_calloc(size_t count, size_t size, void *user)
{
    const struct sg_quic_endpoint *ep = user;
    return sg_mem_new(ep->mem, count, size);
}

static void *ng_realloc(void *ptr, size_t size, void *user)
{
    const struct sg_quic_endpoint *ep = user;
    return ep->mem->realloc(ep->mem->user, ptr, size);
}

static sg_err init_secrets(struct sg_quic_endpoint *ep)
{
    uint8_t key[16];
    const uint8_t zero[sizeof(ep->config.reset_secret)] = {0};
    const struct sg_quic_limits *limits = &ep->config.limits;
    SG_TRY(sg_random(key, sizeof(key)));
    SG_TRY(sg_quic_cid_map_init(&ep->cids, ep->mem, key));
    SG_TRY(sg_quic_cid_map_init(&ep->reset_tokens, ep->mem, key));
    sg_quic_bucket_table_init(&ep->initials, ep->mem, ep->cids.key, limits->initial_rate,
                              limits->initial_burst);
    if (memcmp(ep->config.reset_secret, zero, sizeof(zero)) == 0)
        SG_TRY(sg_random(ep->config.reset_secret, sizeof(ep->config.reset_secret)));
    SG_TRY(sg_quic_token_keys_init(&ep->retry_keys, ep->config.token_secret_ns, ep->now));
    return sg_quic_token_keys_init(&ep->token_keys, ep->config.new_token_secret_ns, ep->now);
}

static void init_plain(struct sg_quic_endpoint *ep)
{
    struct sg_quic_limits *limits = &ep->config.limits;
    ep->ngmem = (ngtcp2_mem){.user_data = ep,
                             .malloc = ng_malloc,
                             .free = ng_free,
                             .calloc = ng_calloc,
                             .realloc = ng_realloc};
    ep->free_slot = UINT32_MAX;
    sg_quic_timer_heap_init(&ep->timers, ep->mem);
    sg_quic_token_cache_init(&ep->tokens, ep->mem, limits->tokens_max);
    if (limits->handshake_burst == 0)
        limits->handshake_burst = 1;
    sg_bucket_init(&ep->handshakes, ep->now, limits->handshake_burst);
    sg_bucket_init(&ep->resets, ep->now, limits->reset_rate);
    sg_quic_list_init(&ep->half_open_list);
    sg_quic_list_init(&ep->lingering);
    sg_quic_list_init(&ep->dying);
    sg_quic_list_init(&ep->to_send);
    for (int i = 0; i < SG_EV_COUNT; i++)
        sg_quic_list_init(&ep->events[i]);
}

sg_err sg_quic_endpoint_new(const struct sg_quic_config *config, sg_time_ns now,
                            struct sg_quic_endpoint **out)
{
    *out = NULL;
    if (!config_valid(config))
        return SG_ERR_INVALID_ARGUMENT;
    SG_TRY(sg_crypto_init());
    struct sg_quic_endpoint *ep = sg_mem_new(config->mem, 1, sizeof(*ep));
    if (ep == NULL)
        return SG_ERR_NO_MEMORY;
    ep->mem = config->mem;
    ep->config = *config;
    ep->now = now;
    init_plain(ep);
    sg_err err = init_secrets(ep);
    if (err == SG_OK)
        err = sg_quic_tls_init(ep);
    if (err != SG_OK) {
        sg_quic_endpoint_free(ep);
        return err;
    }
    *out = ep;
    return SG_OK;
}

void sg_quic_endpoint_free(struct sg_quic_endpoint *ep)
{
    if (ep == NULL)
        return;
    sg_quic_event_release(ep);
    for (uint32_t i = 0; i < ep->slots_cap; i++) {
        if (ep->slots[i].conn != NULL)
            sg_quic_conn_free(ep->slots[i].conn);
    }
    sg_quic_event_release(ep);
    sg_quic_stateless_clear(ep);
    sg_quic_tls_fini(ep);
    sg_quic_token_cache_fini(&ep->tokens);
    sg_quic_bucket_table_fini(&ep->initials);
    sg_quic_timer_heap_fini(&ep->timers);
    sg_quic_cid_map_fini(&ep->cids);
    sg_quic_cid_map_fini(&ep->reset_tokens);
    sg_quic_token_keys_wipe(&ep->retry_keys);
    sg_quic_token_keys_wipe(&ep->token_keys);
    sg_wipe(ep->config.reset_secret, sizeof(ep->config.reset_secret));
    sg_mem_free(ep->mem, ep->slots);
    sg_mem_free(ep->mem, ep);
}

/* The connection that a stateless reset would end, NULL when rx is none. */
static struct sg_quic_conn *reset_of(const struct sg_quic_endpoint *ep, const struct sg_quic_rx *rx)
{
    const size_t len = NGTCP2_STATELESS_RESET_TOKENLEN;
    if (rx->len < NGTCP2_MIN_STATELESS_RESET_RANDLEN + len)
        return NULL;
    return sg_quic_cid_map_get(&ep->reset_tokens, sg_bytes(rx->data + rx->len - len, len));
}

/* A short header for nobody: a stateless reset, or perhaps of a connection that we lost. */
static void unknown_short(struct sg_quic_endpoint *ep, const struct sg_quic_rx *rx,
                          const ngtcp2_version_cid *vc)
{
    struct sg_quic_conn *conn = reset_of(ep, rx);
    if (conn != NULL && sg_addr_equal(&conn->remote, &rx->remote))
        sg_quic_conn_read(conn, rx);
    else
        sg_quic_stateless_reset(ep, rx, sg_bytes(vc->dcid, vc->dcidlen));
}

static void recv_one(struct sg_quic_endpoint *ep, const struct sg_quic_rx *rx)
{
    ngtcp2_version_cid vc;
    ep->stats.datagrams_in++;
    ep->stats.bytes_in += rx->len;
    if (rx->len == 0 || (rx->remote.family != 4 && rx->remote.family != 6)) {
        ep->stats.dropped_malformed++;
        return;
    }
    int err = ngtcp2_pkt_decode_version_cid(&vc, rx->data, rx->len, SG_QUIC_CID_LEN);
    if (err == NGTCP2_ERR_VERSION_NEGOTIATION && !ep->stopped) {
        sg_quic_stateless_version(ep, rx, &vc);
    } else if (err != 0) {
        ep->stats.dropped_malformed++;
    } else {
        struct sg_quic_conn *conn = sg_quic_cid_map_get(&ep->cids, sg_bytes(vc.dcid, vc.dcidlen));
        if (conn != NULL)
            sg_quic_conn_read(conn, rx);
        else if (vc.version == NGTCP2_PROTO_VER_V1)
            sg_quic_accept(ep, rx);
        else if (vc.version != 0 && !ep->stopped) /* ngtcp2 knows more versions than we speak */
            sg_quic_stateless_version(ep, rx, &vc);
        else if ((rx->data[0] & 0x80) == 0)
            unknown_short(ep, rx, &vc);
        else
            ep->stats.dropped_malformed++; /* version negotiation for nobody */
    }
}

void sg_quic_recv(struct sg_quic_endpoint *ep, sg_time_ns now, const struct sg_quic_rx *datagrams,
                  size_t count)
{
    (void)sg_quic_ep_time(ep, now);
    sg_quic_event_release(ep);
    for (size_t i = 0; i < count; i++)
        recv_one(ep, &datagrams[i]);
    sg_quic_conn_sweep(ep);
}

sg_time_ns sg_quic_deadline(const struct sg_quic_endpoint *ep)
{
    return sg_quic_timer_next(&ep->timers);
}

void sg_quic_expire(struct sg_quic_endpoint *ep, sg_time_ns now)
{
    (void)sg_quic_ep_time(ep, now);
    sg_quic_event_release(ep);
    for (struct sg_quic_conn *conn; (conn = sg_quic_timer_pop(&ep->timers, ep->now)) != NULL;)
        sg_quic_conn_expire(conn);
    sg_quic_conn_sweep(ep);
}
