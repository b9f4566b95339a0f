/* Inside crypto/: HMAC (RFC 2104) and HKDF (RFC 5869) many times over with one digest context. An
 * HPKE message takes eight MACs of a hundred bytes, where OpenSSL's objects for MACs and KDFs would
 * cost more than the hashing. */
#ifndef SG_CRYPTO_MAC_H
#define SG_CRYPTO_MAC_H

#include "crypto/evp.h"
#include "crypto/mls_suite.h"

/* Holds secrets: sg_mac_end wipes them. */
struct sg_mac {
    EVP_MD_CTX *ctx;
    size_t hash_len;
    size_t block_len;
};

/* SG_ERR_NO_MEMORY, SG_ERR_CRYPTO: nothing is to be ended then. */
SG_MUST_USE sg_err sg_mac_begin(struct sg_mac *mac, enum sg_hash_alg alg);
void sg_mac_end(struct sg_mac *mac);

/* MAC of the parts under key [any] into out [hash_len], which may be one of the inputs. On error
 * out is zeroed. SG_ERR_NO_MEMORY, SG_ERR_CRYPTO. HKDF-Extract is this with the salt as key. */
SG_MUST_USE sg_err sg_mac_hmac(const struct sg_mac *mac, struct sg_bytes key,
                               struct sg_mls_parts parts, uint8_t *out);
/* HKDF-Expand: prk [at least hash_len] -> out [1 .. 255 * hash_len], which may be prk. On error out
 * is zeroed. SG_ERR_INVALID_ARGUMENT: length of prk or out. SG_ERR_NO_MEMORY, SG_ERR_CRYPTO. */
SG_MUST_USE sg_err sg_mac_expand(const struct sg_mac *mac, struct sg_bytes prk,
                                 struct sg_mls_parts info, uint8_t *out, size_t out_len);

#endif
