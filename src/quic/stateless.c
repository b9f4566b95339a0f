/* Answers that need no connection: version negotiation, stateless reset, Retry and refusals (made
 * in accept.c), and the repeated farewell of a closed connection. They wait in a bounded queue for
 * sg_quic_send. None is longer than the datagram that caused it times three (RFC9000 s8.1). */
#include "quic/internal.h"

#include <string.h>

#include "crypto/random.h"

/* Bounds what one read of all pending datagrams may cause, about 200 bytes each. */
#define REPLIES_MAX 1024
/* RFC9000 s10.3: at least 5 random bytes and the token; a reset looks like a short packet. */
#define RESET_MIN (NGTCP2_MIN_STATELESS_RESET_RANDLEN + NGTCP2_STATELESS_RESET_TOKENLEN)
#define RESET_MAX 43

void sg_quic_stateless_queue(struct sg_quic_endpoint *ep, const struct sg_addr *local,
                             const struct sg_addr *remote, struct sg_bytes data)
{
    struct sg_quic_reply *r = NULL;
    if (ep->reply_count < REPLIES_MAX)
        r = sg_mem_new(ep->mem, 1, sizeof(*r) + data.len);
    if (r == NULL) {
        ep->stats.dropped_stateless++;
        return;
    }
    r->local = *local;
    r->remote = *remote;
    r->len = data.len;
    memcpy(r->data, data.data, data.len);
    if (ep->replies_last != NULL)
        ep->replies_last->next = r;
    else
        ep->replies = r;
    ep->replies_last = r;
    ep->reply_count++;
}

static void pop(struct sg_quic_endpoint *ep)
{
    struct sg_quic_reply *r = ep->replies;
    ep->replies = r->next;
    if (ep->replies == NULL)
        ep->replies_last = NULL;
    ep->reply_count--;
    sg_mem_free(ep->mem, r);
}

bool sg_quic_stateless_send(struct sg_quic_endpoint *ep, struct sg_quic_tx *tx)
{
    struct sg_quic_reply *r = ep->replies;
    if (r == NULL)
        return false;
    memcpy(tx->buf, r->data, r->len); /* replies are shorter than SG_QUIC_TX_MIN */
    tx->len = tx->segment_len = r->len;
    tx->local = r->local;
    tx->remote = r->remote;
    tx->ecn = 0;
    pop(ep);
    return true;
}

void sg_quic_stateless_clear(struct sg_quic_endpoint *ep)
{
    while (ep->replies != NULL)
        pop(ep);
}

/* Rate 0: as many as are asked for. */
static bool take_reset(struct sg_quic_endpoint *ep)
{
    uint32_t rate = ep->config.limits.reset_rate;
    return rate == 0 || sg_bucket_take(&ep->resets, ep->now, rate, rate);
}

void sg_quic_stateless_version(struct sg_quic_endpoint *ep, const struct sg_quic_rx *rx,
                               const ngtcp2_version_cid *vc)
{
    static const uint32_t versions[] = {NGTCP2_PROTO_VER_V1};
    uint8_t out[600]; /* two ids of up to 255 bytes */
    uint8_t random;
    /* RFC9000 s6.1: only in answer to a datagram that could start a connection */
    if (rx->len < NGTCP2_MAX_UDP_PAYLOAD_SIZE || !take_reset(ep))
        return;
    if (sg_random(&random, 1) != SG_OK)
        return;
    ngtcp2_ssize n = ngtcp2_pkt_write_version_negotiation(
        out, sizeof(out), random, vc->scid, vc->scidlen, vc->dcid, vc->dcidlen, versions, 1);
    if (n <= 0)
        return;
    ep->stats.version_negotiations_sent++;
    sg_quic_stateless_queue(ep, &rx->local, &rx->remote, sg_bytes(out, (size_t)n));
}

sg_err sg_quic_stateless_token(const struct sg_quic_endpoint *ep, const ngtcp2_cid *cid,
                               uint8_t token[NGTCP2_STATELESS_RESET_TOKENLEN])
{
    const uint8_t *secret = ep->config.reset_secret;
    int failed = ngtcp2_crypto_generate_stateless_reset_token(token, secret,
                                                              sizeof(ep->config.reset_secret), cid);
    return failed == 0 ? SG_OK : SG_ERR_CRYPTO;
}

void sg_quic_stateless_reset(struct sg_quic_endpoint *ep, const struct sg_quic_rx *rx,
                             struct sg_bytes dcid)
{
    uint8_t out[RESET_MAX];
    uint8_t random[RESET_MAX];
    ngtcp2_stateless_reset_token token;
    ngtcp2_cid cid;
    /* RFC9000 s10.3.3: shorter than what caused it, so that two ends cannot reset each other for
     * ever */
    if (rx->len <= RESET_MIN || !take_reset(ep))
        return;
    size_t len = rx->len - 1 < RESET_MAX ? rx->len - 1 : RESET_MAX;
    size_t random_len = len - NGTCP2_STATELESS_RESET_TOKENLEN;
    ngtcp2_cid_init(&cid, dcid.data, dcid.len);
    if (sg_random(random, random_len) != SG_OK ||
        sg_quic_stateless_token(ep, &cid, token.data) != SG_OK)
        return;
    ngtcp2_ssize n = ngtcp2_pkt_write_stateless_reset2(out, len, &token, random, random_len);
    if (n <= 0)
        return;
    ep->stats.resets_sent++;
    sg_quic_stateless_queue(ep, &rx->local, &rx->remote, sg_bytes(out, (size_t)n));
}
