/* Inside crypto/ and for quic/: the fetched OpenSSL algorithms, and OpenSSL's errors as ours.
 * Fetching costs more than hashing a small message, so it happens once per process. */
#ifndef SG_CRYPTO_EVP_H
#define SG_CRYPTO_EVP_H

#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "crypto/aead.h"
#include "crypto/hash.h"
#include "crypto/init.h"
#include "crypto/kem.h"
#include "crypto/sig.h"

#define SG_HASH_ALG_COUNT (SG_HASH_SHA512 + 1)
#define SG_AEAD_ALG_COUNT (SG_AEAD_AES_128_GCM + 1)
#define SG_SIG_ALG_COUNT (SG_SIG_ML_DSA_44 + 1)
#define SG_KEM_ALG_COUNT (SG_KEM_ML_KEM_1024 + 1)

/* Indexed by our enums; complete once sg_evp_ready succeeded, and never freed. */
struct sg_evp {
    EVP_MD *md[SG_HASH_ALG_COUNT];
    EVP_CIPHER *aead[SG_AEAD_ALG_COUNT];
    EVP_SIGNATURE *sig[SG_SIG_ALG_COUNT];
    EVP_KDF *argon2id;
    /* These are fetched only to know that they are there: OpenSSL looks them up by itself. */
    EVP_KEYMGMT *sig_keys[SG_SIG_ALG_COUNT];
    EVP_KEYMGMT *kem_keys[SG_KEM_ALG_COUNT];
    EVP_KEM *kem[SG_KEM_ALG_COUNT];
    EVP_MAC *argon2id_mac;
    EVP_MD *argon2id_md;
};

/* Fetches everything, once per process; later calls cost one atomic load. Any thread.
 * SG_ERR_NO_MEMORY, SG_ERR_CRYPTO. */
SG_MUST_USE sg_err sg_evp_ready(void);

/* Starts an operation: sg_evp_ready, and empties this thread's OpenSSL error queue, so that
 * sg_evp_error sees only this operation's errors. Errors of sg_evp_ready. */
SG_MUST_USE sg_err sg_evp_begin(const struct sg_evp **evp);

/* The error of a failed operation: SG_ERR_NO_MEMORY when OpenSSL ran out of memory, otherwise err.
 * Empties the error queue. */
sg_err sg_evp_error(sg_err err);

/* Part of sg_evp_ready: what sg_hash needs so that it cannot fail. false: see sg_evp_error. */
bool sg_hash_prepare(const struct sg_evp *evp);

/* OpenSSL's name of an algorithm. Static. */
const char *sg_evp_hash_name(enum sg_hash_alg alg);
const char *sg_evp_sig_name(enum sg_sig_alg alg);
const char *sg_evp_kem_name(enum sg_kem_alg alg);

/* A key pair of type name from its FIPS 203 / 204 seed (borrowed). The caller owns *out; on error
 * it is NULL. SG_ERR_NO_MEMORY, SG_ERR_CRYPTO. */
SG_MUST_USE sg_err sg_evp_key_from_seed(const char *name, struct sg_bytes seed, EVP_PKEY **out);

/* Our key object around an EVP key pair, which it takes over, also on error. Test vectors with
 * expanded private keys come in here. SG_ERR_NO_MEMORY: *out is NULL. */
SG_MUST_USE sg_err sg_sig_key_from_evp(const struct sg_mem *mem, enum sg_sig_alg alg, EVP_PKEY *evp,
                                       struct sg_sig_key **out);
SG_MUST_USE sg_err sg_kem_key_from_evp(const struct sg_mem *mem, enum sg_kem_alg alg, EVP_PKEY *evp,
                                       struct sg_kem_key **out);

/* A signing key's EVP key, borrowed. */
EVP_PKEY *sg_sig_key_evp(const struct sg_sig_key *key);

/* A span as an octet string parameter; OpenSSL wants a pointer also for an empty one. */
OSSL_PARAM sg_evp_octets(const char *name, struct sg_bytes bytes);

#endif
