/* HKDF (RFC 5869). */
#ifndef SG_CRYPTO_HKDF_H
#define SG_CRYPTO_HKDF_H

#include "crypto/hash.h"

/* RFC5869 s2.2: PRK = HMAC(salt, ikm) -> prk [sg_hash_alg_len(alg)]. salt [any]: empty stands for
 * zeros. On error prk is zeroed. SG_ERR_NO_MEMORY, SG_ERR_CRYPTO. */
SG_MUST_USE sg_err sg_hkdf_extract(enum sg_hash_alg alg, struct sg_bytes salt, struct sg_bytes ikm,
                                   uint8_t *prk);
/* RFC5869 s2.3: prk [at least sg_hash_alg_len(alg)], info [any], out [1 .. 255 * hash length]. On
 * error out is zeroed.
 * SG_ERR_INVALID_ARGUMENT: length of prk or out. SG_ERR_NO_MEMORY, SG_ERR_CRYPTO. */
SG_MUST_USE sg_err sg_hkdf_expand(enum sg_hash_alg alg, struct sg_bytes prk, struct sg_bytes info,
                                  uint8_t *out, size_t out_len);

#endif
