/* ML-DSA signatures (FIPS 204), pure (not pre-hashed), with context strings, raw encodings. Keys
 * are OpenSSL's; signing and verifying is AWS-LC's where the build has it (ml_dsa.h).
 *
 * Public keys are raw bytes and are imported for each verify: an OpenSSL key object per known peer
 * would cost 8.4 KB (transport.md s5). */
#ifndef SG_CRYPTO_SIG_H
#define SG_CRYPTO_SIG_H

#include "base/bytes.h"
#include "base/mem.h"

/* FIPS 204 s5.1: every parameter set generates its key pair from 32 bytes. */
#define SG_SIG_SEED_LEN 32

enum sg_sig_alg { SG_SIG_ML_DSA_65, SG_SIG_ML_DSA_44 };

/* FIPS 204 s4 table 2, one row per parameter set. */
struct sg_sig_sizes {
    size_t public_len;
    size_t private_len; /* expanded form; we store seeds only */
    size_t sig_len;
};

/* Secret: wipe it with sg_sig_seed_wipe on every path. */
struct sg_sig_seed {
    uint8_t b[SG_SIG_SEED_LEN];
};

/* A key pair; the secret half never leaves it. */
struct sg_sig_key;

/* Static. */
const struct sg_sig_sizes *sg_sig_sizes(enum sg_sig_alg alg);

void sg_sig_seed_wipe(struct sg_sig_seed *seed);

/* The key pair of a seed (borrowed). The caller owns *out; on error it is NULL.
 * SG_ERR_NO_MEMORY, SG_ERR_CRYPTO. FIPS 204 algorithm 6. */
SG_MUST_USE sg_err sg_sig_key_new(const struct sg_mem *mem, enum sg_sig_alg alg,
                                  const struct sg_sig_seed *seed, struct sg_sig_key **out);
/* Wipes and frees. NULL is allowed. */
void sg_sig_key_free(struct sg_sig_key *key);

/* Copies the raw public key to out [public_len]. SG_ERR_CRYPTO. */
SG_MUST_USE sg_err sg_sig_key_public(const struct sg_sig_key *key, uint8_t *out);

/* Hedged signature of message under context into signature [sig_len]; on error it is zeroed.
 * May be called by several threads at once. FIPS 204 algorithm 2.
 * SG_ERR_INVALID_ARGUMENT: context longer than SG_SIG_CONTEXT_MAX. SG_ERR_NO_MEMORY, SG_ERR_CRYPTO
 * (also when the random source fails: hedging never falls back). */
SG_MUST_USE sg_err sg_sig_sign(const struct sg_sig_key *key, struct sg_bytes context,
                               struct sg_bytes message, uint8_t *signature);
/* For test vectors only: the deterministic variant (FIPS 204 s3.4). Same errors. */
SG_MUST_USE sg_err sg_sig_sign_deterministic(const struct sg_sig_key *key, struct sg_bytes context,
                                             struct sg_bytes message, uint8_t *signature);

/* public_key [public_len], signature [sig_len]; other lengths do not verify.
 * SG_ERR_BAD_SIGNATURE, SG_ERR_INVALID_ARGUMENT: context longer than SG_SIG_CONTEXT_MAX,
 * SG_ERR_NO_MEMORY, SG_ERR_CRYPTO. FIPS 204 algorithm 3. */
SG_MUST_USE sg_err sg_sig_verify(enum sg_sig_alg alg, struct sg_bytes public_key,
                                 struct sg_bytes context, struct sg_bytes message,
                                 struct sg_bytes signature);

#endif
