/* Inside crypto/: the KEMs of HPKE: DHKEM over five groups (RFC 9180 s4.1), ML-KEM, and its hybrids
 * with a group, among them X-Wing (draft-ietf-hpke-pq). One const row each. Where a function fails,
 * its outputs are zeroed; all may give SG_ERR_NO_MEMORY and SG_ERR_CRYPTO. */
#ifndef SG_CRYPTO_HPKE_KEM_H
#define SG_CRYPTO_HPKE_KEM_H

#include "crypto/dh.h"
#include "crypto/hash.h"
#include "crypto/kem.h"

#define SG_HPKE_SECRET_MAX 64 /* DHKEM with HKDF-SHA512 */

enum sg_hpke_kem_id {
    SG_HPKE_DHKEM_P256 = 0x0010,
    SG_HPKE_DHKEM_P384 = 0x0011,
    SG_HPKE_DHKEM_P521 = 0x0012,
    SG_HPKE_DHKEM_X25519 = 0x0020,
    SG_HPKE_DHKEM_X448 = 0x0021,
    SG_HPKE_ML_KEM_512 = 0x0040,
    SG_HPKE_ML_KEM_768 = 0x0041,
    SG_HPKE_ML_KEM_1024 = 0x0042,
    SG_HPKE_ML_KEM_768_P256 = 0x0050,
    SG_HPKE_ML_KEM_1024_P384 = 0x0051,
    SG_HPKE_X_WING = 0x647a,
};

enum sg_hpke_kem_kind { SG_HPKE_KIND_DH, SG_HPKE_KIND_ML, SG_HPKE_KIND_HYBRID };

struct sg_hpke_kem {
    uint16_t id;
    uint8_t kind;       /* enum sg_hpke_kem_kind */
    uint8_t dh;         /* enum sg_dh_group, of DHKEM and hybrids */
    uint8_t ml;         /* enum sg_kem_alg, of ML-KEM and hybrids */
    uint8_t hash;       /* enum sg_hash_alg, of DHKEM's own HKDF */
    uint8_t secret_len; /* Nsecret */
    uint16_t enc_len;
    uint16_t public_len;
    uint16_t private_len;
    const char *label; /* of hybrids, mixed into the secret */
};

/* A key pair of ours. */
struct sg_hpke_pair {
    struct sg_bytes private_key; /* [private_len] */
    struct sg_bytes public_key; /* [public_len] of the same pair, or empty: computed where needed */
};

/* The row of an id, or NULL. Static. */
const struct sg_hpke_kem *sg_hpke_kem_find(uint16_t id);

/* DeriveKeyPair: ikm [any] -> private_key [private_len], public_key [public_len]. */
SG_MUST_USE sg_err sg_hpke_kem_derive(const struct sg_hpke_kem *kem, struct sg_bytes ikm,
                                      uint8_t *private_key, uint8_t *public_key);
/* GenerateKeyPair. Errors of random->fill. */
SG_MUST_USE sg_err sg_hpke_kem_generate(const struct sg_hpke_kem *kem,
                                        const struct sg_mls_random *random, uint8_t *private_key,
                                        uint8_t *public_key);
/* private_key [any] -> public_key. SG_ERR_MALFORMED: length or range of private_key. */
SG_MUST_USE sg_err sg_hpke_kem_public(const struct sg_hpke_kem *kem, struct sg_bytes private_key,
                                      uint8_t *public_key);
/* SG_ERR_MALFORMED: public_key [any] is not of this KEM. */
SG_MUST_USE sg_err sg_hpke_kem_check(const struct sg_hpke_kem *kem, struct sg_bytes public_key);
/* Encap to public_key [any] -> enc [enc_len], secret [secret_len]. SG_ERR_MALFORMED: public_key
 * does not pass the check. Errors of random->fill. */
SG_MUST_USE sg_err sg_hpke_kem_encaps(const struct sg_hpke_kem *kem,
                                      const struct sg_mls_random *random,
                                      struct sg_bytes public_key, uint8_t *enc, uint8_t *secret);
/* Decap of enc [any] -> secret. SG_ERR_MALFORMED: a length, or a DH key that is none. A wrong key
 * or a changed enc otherwise gives a secret that nobody shares. */
SG_MUST_USE sg_err sg_hpke_kem_decaps(const struct sg_hpke_kem *kem, const struct sg_hpke_pair *own,
                                      struct sg_bytes enc, uint8_t *secret);

#endif
