/* Address tokens. Server side: secrets that seal Retry and NEW_TOKEN tokens, in two generations.
 * Client side: a bounded cache of tokens that servers gave us. */
#ifndef SG_QUIC_TOKEN_H
#define SG_QUIC_TOKEN_H

#include <stdbool.h>

#include <ngtcp2/ngtcp2.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "base/time.h"
#include "os/addr.h"
#include "quic/list.h"

#define SG_TOKEN_SECRET_LEN 32
/* The longest token that we keep for a later dial. Ours have 41 bytes. */
#define SG_TOKEN_MAX 256
/* A Retry token is answered at once: round trip and a PTO. */
#define SG_TOKEN_RETRY_LIFE_NS (10 * SG_NS_PER_S)

struct sg_quic_token_keys {
    uint8_t current[SG_TOKEN_SECRET_LEN];
    uint8_t previous[SG_TOKEN_SECRET_LEN];
    sg_time_ns rotate_at;
    uint64_t period_ns;
};

/* SG_ERR_ENTROPY. */
SG_MUST_USE sg_err sg_quic_token_keys_init(struct sg_quic_token_keys *keys, uint64_t period_ns,
                                           sg_time_ns now);
void sg_quic_token_keys_wipe(struct sg_quic_token_keys *keys);

/* What a token in a client's Initial says. */
enum sg_quic_token_verdict {
    SG_TOKEN_NONE,  /* none, unknown kind, or too old: the address is not proved */
    SG_TOKEN_VALID, /* NEW_TOKEN of ours for this address */
    SG_TOKEN_RETRY, /* Retry token of ours for this address and destination id */
    SG_TOKEN_BAD    /* a Retry token that is not ours: the handshake cannot succeed any more */
};

/* Judges the token of hd from remote; odcid is set for SG_TOKEN_RETRY: the destination id of the
 * first Initial. */
enum sg_quic_token_verdict sg_quic_token_verify(struct sg_quic_token_keys *keys,
                                                const ngtcp2_pkt_hd *hd, const ngtcp2_addr *remote,
                                                sg_time_ns now, ngtcp2_cid *odcid);
/* What a Retry token vouches for. */
struct sg_quic_retry {
    const ngtcp2_pkt_hd *hd; /* of the Initial that it answers */
    const ngtcp2_addr *remote;
    const ngtcp2_cid *scid; /* of the Retry: the client's next destination id */
};

/* A Retry token into out [SG_TOKEN_MAX]; gives its length, 0 when it failed. */
size_t sg_quic_token_retry(struct sg_quic_token_keys *keys, const struct sg_quic_retry *retry,
                           sg_time_ns now, uint8_t *out);
/* A NEW_TOKEN token likewise. */
size_t sg_quic_token_new(struct sg_quic_token_keys *keys, const ngtcp2_addr *remote, sg_time_ns now,
                         uint8_t *out);

/* Least recently stored first out; one token per address; a token is used once (RFC9000 s8.1.3). */
struct sg_quic_token_cache {
    const struct sg_mem *mem;
    struct sg_quic_list items;
    size_t count;
    size_t max;
};

void sg_quic_token_cache_init(struct sg_quic_token_cache *cache, const struct sg_mem *mem,
                              size_t max);
void sg_quic_token_cache_fini(struct sg_quic_token_cache *cache);
/* Keeps a copy; silently not, when there is no memory or the token is longer than SG_TOKEN_MAX. */
void sg_quic_token_cache_put(struct sg_quic_token_cache *cache, const struct sg_addr *addr,
                             struct sg_bytes token);
/* Moves the token for addr to out [SG_TOKEN_MAX]; gives its length, 0 when there is none.
 * O(tokens). */
size_t sg_quic_token_cache_take(struct sg_quic_token_cache *cache, const struct sg_addr *addr,
                                uint8_t *out);

#endif
