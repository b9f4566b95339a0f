/* HMAC (RFC 2104, FIPS 198-1). */
#ifndef SG_CRYPTO_HMAC_H
#define SG_CRYPTO_HMAC_H

#include "crypto/hash.h"

/* MAC of the concatenation of parts [count] under key [any, also empty] into out
 * [sg_hash_alg_len(alg)]; compare with sg_secret_equal. On error out is zeroed. Any thread.
 * SG_ERR_NO_MEMORY, SG_ERR_CRYPTO. */
SG_MUST_USE sg_err sg_hmac(enum sg_hash_alg alg, struct sg_bytes key, const struct sg_bytes *parts,
                           size_t count, uint8_t *out);

#endif
