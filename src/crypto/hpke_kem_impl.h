/* Inside crypto/: how crypto/hpke_kem.c reaches each kind of KEM. Contracts as in
 * crypto/hpke_kem.h, but outputs of a failure are not zeroed. */
#ifndef SG_CRYPTO_HPKE_KEM_IMPL_H
#define SG_CRYPTO_HPKE_KEM_IMPL_H

#include <openssl/evp.h>

#include "crypto/hpke_kem.h"

struct sg_hpke_kem_ops {
    sg_err (*derive)(const struct sg_hpke_kem *kem, struct sg_bytes ikm, uint8_t *private_key,
                     uint8_t *public_key);
    sg_err (*generate)(const struct sg_hpke_kem *kem, const struct sg_mls_random *random,
                       uint8_t *private_key, uint8_t *public_key);
    sg_err (*public_of)(const struct sg_hpke_kem *kem, struct sg_bytes private_key,
                        uint8_t *public_key);
    sg_err (*check)(const struct sg_hpke_kem *kem, struct sg_bytes public_key);
    sg_err (*encaps)(const struct sg_hpke_kem *kem, const struct sg_mls_random *random,
                     struct sg_bytes public_key, uint8_t *enc, uint8_t *secret);
    sg_err (*decaps)(const struct sg_hpke_kem *kem, const struct sg_hpke_pair *own,
                     struct sg_bytes enc, uint8_t *secret);
};

/* Static. */
extern const struct sg_hpke_kem_ops sg_hpke_dh_ops;
extern const struct sg_hpke_kem_ops sg_hpke_ml_ops;
extern const struct sg_hpke_kem_ops sg_hpke_hybrid_ops;

/* draft-ietf-hpke-pq: DeriveKeyPair of the seed KEMs: ikm [any] -> seed [kem->private_len]. */
SG_MUST_USE sg_err sg_hpke_derive_seed(const struct sg_hpke_kem *kem, struct sg_bytes ikm,
                                       uint8_t *seed);

/* A hash of SHA-3's family over the parts -> out [out_len]; SHAKE256 gives any length. */
SG_MUST_USE sg_err sg_hpke_sponge(const EVP_MD *md, struct sg_mls_parts parts, uint8_t *out,
                                  size_t out_len);

#endif
