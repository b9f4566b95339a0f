/* SHA-256, SHA-384 and SHA-512 (FIPS 180-4). For public data: each thread keeps one context per
 * function, which makes a hash of 64 bytes twice as fast, but remembers the last block. Use
 * crypto/hmac.h where secrets go in. */
#ifndef SG_CRYPTO_HASH_H
#define SG_CRYPTO_HASH_H

#include "base/bytes.h"

enum sg_hash_alg { SG_HASH_SHA256, SG_HASH_SHA384, SG_HASH_SHA512 };

/* The largest of all rows. */
#define SG_HASH_ALG_LEN_MAX 64

/* Bytes of a digest: 32, 48, 64. */
size_t sg_hash_alg_len(enum sg_hash_alg alg);

/* Hash of the concatenation of parts [count], each borrowed, into out [sg_hash_alg_len(alg)]. Any
 * thread. Never fails once sg_crypto_init succeeded; before that a failing one aborts. */
void sg_hash(enum sg_hash_alg alg, const struct sg_bytes *parts, size_t count, uint8_t *out);

#endif
