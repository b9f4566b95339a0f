/* The crypto that the pure set sees: a const table of function pointers, one per crypto profile.
 * Sizes come from the table, never from constants in code. The product's table is
 * sg_suite_default() (ML-KEM-768, ML-DSA-65, SHA-256) over OpenSSL; the simulator passes a fast
 * stand-in with the same shape. No OpenSSL type appears here. */
#ifndef SG_CRYPTO_SUITE_H
#define SG_CRYPTO_SUITE_H

#include "base/bytes.h"

/* The largest sizes over all profiles (ML-DSA-87), for fixed buffers and wire limits. */
#define SG_SIG_PUBLIC_MAX 2592
#define SG_SIG_MAX 4627
#define SG_HASH_LEN 32
/* FIPS 204 s5.2: a context string has at most 255 bytes. */
#define SG_SIG_CONTEXT_MAX 255

struct sg_suite {
    const char *name; /* "default", "cnsa", "sim" */
    uint8_t id;       /* on the wire, in HELLO */
    size_t sig_public_len;
    size_t sig_len;
    /* Hash of the concatenation of parts [count] -> out [32]. Never fails. */
    void (*hash)(const struct sg_bytes *parts, size_t count, uint8_t out[SG_HASH_LEN]);
    /* public_key [sig_public_len], signature [any]; SG_ERR_BAD_SIGNATURE, SG_ERR_NO_MEMORY,
     * SG_ERR_CRYPTO. */
    sg_err (*verify)(struct sg_bytes public_key, struct sg_bytes context, struct sg_bytes message,
                     struct sg_bytes signature);
    /* A key from a secret: HKDF (RFC 5869) with the profile's hash; salt and info [any] -> out [1
     * .. 255 * 32]. SG_ERR_NO_MEMORY, SG_ERR_CRYPTO; then out is zeroed. */
    sg_err (*kdf)(struct sg_bytes secret, struct sg_bytes salt, struct sg_bytes info, uint8_t *out,
                  size_t out_len);
};

/* A signing key behind one call; state is borrowed from the key's owner. */
struct sg_signer {
    const struct sg_suite *suite;
    struct sg_bytes public_key; /* [suite->sig_public_len] borrowed from the key's owner */
    void *state;
    /* signature [suite->sig_len]; SG_ERR_CRYPTO, SG_ERR_NO_MEMORY. */
    sg_err (*sign)(void *state, struct sg_bytes context, struct sg_bytes message,
                   uint8_t *signature);
};

/* ML-KEM-768, ML-DSA-65, SHA-256 over OpenSSL. Static. */
const struct sg_suite *sg_suite_default(void);

#endif
