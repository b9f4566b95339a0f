/* Authenticated encryption: AES-GCM (NIST SP 800-38D) and ChaCha20-Poly1305 (RFC 8439). */
#ifndef SG_CRYPTO_AEAD_H
#define SG_CRYPTO_AEAD_H

#include "base/bytes.h"

enum sg_aead_alg { SG_AEAD_AES_256_GCM, SG_AEAD_CHACHA20_POLY1305, SG_AEAD_AES_128_GCM };

/* Sizes of all rows, but that the key of AES-128-GCM is SG_AEAD_KEY_LEN_128. */
#define SG_AEAD_KEY_LEN 32
#define SG_AEAD_KEY_LEN_128 16
#define SG_AEAD_NONCE_LEN 12
#define SG_AEAD_TAG_LEN 16

/* One use of a key. All borrowed. A nonce must never come twice under one key. */
struct sg_aead {
    enum sg_aead_alg alg;
    const uint8_t *key;   /* [SG_AEAD_KEY_LEN], or what alg has */
    const uint8_t *nonce; /* [SG_AEAD_NONCE_LEN] */
    struct sg_bytes aad;  /* [any] authenticated, not encrypted */
};

/* plain [any] -> out [plain.len + SG_AEAD_TAG_LEN], the tag last. out may be plain.data, but not
 * overlap it otherwise. On error out is zeroed.
 * SG_ERR_TOO_LARGE: more than INT_MAX bytes. SG_ERR_NO_MEMORY, SG_ERR_CRYPTO. */
SG_MUST_USE sg_err sg_aead_seal(const struct sg_aead *aead, struct sg_bytes plain, uint8_t *out);
/* sealed [any] -> out [sealed.len - SG_AEAD_TAG_LEN]; out may be sealed.data. On error out is
 * zeroed.
 * SG_ERR_AUTH: too short, or key, nonce, aad or a byte of sealed is another than at sealing.
 * SG_ERR_TOO_LARGE, SG_ERR_NO_MEMORY, SG_ERR_CRYPTO. */
SG_MUST_USE sg_err sg_aead_open(const struct sg_aead *aead, struct sg_bytes sealed, uint8_t *out);

#endif
