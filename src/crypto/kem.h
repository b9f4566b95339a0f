/* ML-KEM key encapsulation (FIPS 203), raw encodings. A private key is kept as its 64-byte seed
 * d || z; the object made from it decapsulates any number of times. */
#ifndef SG_CRYPTO_KEM_H
#define SG_CRYPTO_KEM_H

#include "base/bytes.h"
#include "base/mem.h"

/* FIPS 203 s7.1: d || z, the same for all parameter sets; so is the shared secret. */
#define SG_KEM_SEED_LEN 64
#define SG_KEM_SECRET_LEN 32
/* FIPS 203 algorithm 17: the randomness m of one encapsulation. */
#define SG_KEM_RANDOM_LEN 32

enum sg_kem_alg { SG_KEM_ML_KEM_768, SG_KEM_ML_KEM_512, SG_KEM_ML_KEM_1024 };

/* FIPS 203 s8 table 3, one row per parameter set. */
struct sg_kem_sizes {
    size_t public_len;
    size_t private_len; /* expanded form; we keep seeds only */
    size_t ciphertext_len;
};

/* Secrets: wipe them with sg_wipe(&x, sizeof(x)) on every path. */
struct sg_kem_seed {
    uint8_t b[SG_KEM_SEED_LEN];
};
struct sg_kem_secret {
    uint8_t b[SG_KEM_SECRET_LEN];
};

/* A key pair that decapsulates. */
struct sg_kem_key;

/* Static. */
const struct sg_kem_sizes *sg_kem_sizes(enum sg_kem_alg alg);

/* The key pair of a seed (borrowed; sg_random makes one). The caller owns *out; on error it is
 * NULL. SG_ERR_NO_MEMORY, SG_ERR_CRYPTO. FIPS 203 algorithm 16. */
SG_MUST_USE sg_err sg_kem_key_new(const struct sg_mem *mem, enum sg_kem_alg alg,
                                  const struct sg_kem_seed *seed, struct sg_kem_key **out);
/* Wipes and frees. NULL is allowed. */
void sg_kem_key_free(struct sg_kem_key *key);
/* Copies the raw public key to out [public_len]. SG_ERR_CRYPTO. */
SG_MUST_USE sg_err sg_kem_key_public(const struct sg_kem_key *key, uint8_t *out);

/* A fresh secret for the owner of public_key [public_len], and the ciphertext
 * [ciphertext_len] that carries it there. On error both are zeroed.
 * SG_ERR_MALFORMED: wrong length, or not a public key (FIPS 203 s7.2: modulus check).
 * SG_ERR_NO_MEMORY, SG_ERR_CRYPTO (also when the random source fails). */
SG_MUST_USE sg_err sg_kem_encaps(enum sg_kem_alg alg, struct sg_bytes public_key,
                                 uint8_t *ciphertext, struct sg_kem_secret *secret);
/* With given randomness [SG_KEM_RANDOM_LEN], which must be secret and fresh. Same errors. */
SG_MUST_USE sg_err sg_kem_encaps_deterministic(enum sg_kem_alg alg, struct sg_bytes public_key,
                                               const uint8_t random[SG_KEM_RANDOM_LEN],
                                               uint8_t *ciphertext, struct sg_kem_secret *secret);

/* The secret in ciphertext [ciphertext_len]. A ciphertext for another key is not noticed here:
 * it gives a secret that nobody shares (FIPS 203 s6.3, implicit rejection). On error secret is
 * zeroed. SG_ERR_MALFORMED: wrong length. SG_ERR_NO_MEMORY, SG_ERR_CRYPTO. */
SG_MUST_USE sg_err sg_kem_decaps(const struct sg_kem_key *key, struct sg_bytes ciphertext,
                                 struct sg_kem_secret *secret);

/* The same without a key object, for keys that are used once: the public key [public_len] of a
 * seed, and the secret in ciphertext. On error out or secret is zeroed. Same errors. */
SG_MUST_USE sg_err sg_kem_seed_public(enum sg_kem_alg alg, const struct sg_kem_seed *seed,
                                      uint8_t *out);
SG_MUST_USE sg_err sg_kem_seed_decaps(enum sg_kem_alg alg, const struct sg_kem_seed *seed,
                                      struct sg_bytes ciphertext, struct sg_kem_secret *secret);

/* Is public_key [any] a public key (FIPS 203 s7.2)? SG_ERR_MALFORMED: it is not. */
SG_MUST_USE sg_err sg_kem_check(enum sg_kem_alg alg, struct sg_bytes public_key);

#endif
