/* Inside crypto/: Diffie-Hellman groups behind one set of calls: X25519 and X448 (RFC 7748), P-256,
 * P-384 and P-521 (SEC 1). Keys are raw bytes in the encodings of RFC 9180 s7.1. Where a function
 * fails, its outputs are zeroed. */
#ifndef SG_CRYPTO_DH_H
#define SG_CRYPTO_DH_H

#include "crypto/mls_suite.h"

enum sg_dh_group { SG_DH_X25519, SG_DH_X448, SG_DH_P256, SG_DH_P384, SG_DH_P521 };
#define SG_DH_GROUP_COUNT (SG_DH_P521 + 1)

/* The largest sizes over all groups: P-521. */
#define SG_DH_PRIVATE_MAX 66
#define SG_DH_PUBLIC_MAX 133
#define SG_DH_SHARED_MAX 66

struct sg_dh_sizes {
    uint8_t private_len;
    uint8_t public_len;
    uint8_t shared_len; /* the x-coordinate */
};

/* Static. */
const struct sg_dh_sizes *sg_dh_sizes(enum sg_dh_group group);

/* Is private_key [private_len] a scalar in [1, order)? SG_ERR_MALFORMED: it is not (X25519 and X448
 * know none such). SG_ERR_NO_MEMORY, SG_ERR_CRYPTO. */
SG_MUST_USE sg_err sg_dh_check_private(enum sg_dh_group group, const uint8_t *private_key);
/* private_key [any] -> public_key [public_len]. SG_ERR_MALFORMED: a wrong length, or a scalar that
 * is not in [1, order). SG_ERR_NO_MEMORY, SG_ERR_CRYPTO. */
SG_MUST_USE sg_err sg_dh_public(enum sg_dh_group group, struct sg_bytes private_key,
                                uint8_t *public_key);
/* A fresh key pair; asks random until the scalar is in range. Errors of random->fill,
 * SG_ERR_NO_MEMORY, SG_ERR_CRYPTO (also when random gives 64 unusable scalars on end). */
SG_MUST_USE sg_err sg_dh_generate(enum sg_dh_group group, const struct sg_mls_random *random,
                                  uint8_t *private_key, uint8_t *public_key);
/* Clears the bits of a candidate [private_len] that no scalar of the group has (RFC 9180 s7.1.3:
 * bitmask). */
void sg_dh_mask(enum sg_dh_group group, uint8_t *candidate);
/* SG_ERR_MALFORMED: a wrong length, not on the curve, or of low order (RFC 9180 s7.1.4).
 * SG_ERR_NO_MEMORY, SG_ERR_CRYPTO. */
SG_MUST_USE sg_err sg_dh_check(enum sg_dh_group group, struct sg_bytes public_key);

/* A key pair of ours. */
struct sg_dh_pair {
    struct sg_bytes private_key; /* [private_len] */
    struct sg_bytes public_key;  /* [public_len] of the same pair, or empty */
};

/* The secret that own shares with peer [any] -> out [shared_len]. SG_ERR_MALFORMED: own is of a
 * wrong length or out of range, or peer does not pass sg_dh_check. SG_ERR_NO_MEMORY,
 * SG_ERR_CRYPTO. */
SG_MUST_USE sg_err sg_dh_shared(enum sg_dh_group group, const struct sg_dh_pair *own,
                                struct sg_bytes peer, uint8_t *out);

/* A fresh key pair and what it shares with peer [any] -> public_key [public_len], out [shared_len];
 * its private key goes at once. Errors of sg_dh_generate and sg_dh_shared. */
SG_MUST_USE sg_err sg_dh_ephemeral(enum sg_dh_group group, const struct sg_mls_random *random,
                                   struct sg_bytes peer, uint8_t *public_key, uint8_t *out);

#endif
