/* Inside crypto/: ML-DSA (FIPS 204) of AWS-LC on raw keys, where the build has it (SG_AWS_LC).
 *
 * OpenSSL 3.5 has it in portable C. AWS-LC's (mldsa-native, its assembler proven against its
 * specification) makes the same signatures of the same keys in a fifth, and verifies them in a
 * third of the time: docs/adr/0060. Needs 82 KB of stack, keeps nothing, takes no memory. */
#ifndef SG_CRYPTO_ML_DSA_H
#define SG_CRYPTO_ML_DSA_H

#include "crypto/sig.h"

#define SG_ML_DSA_RANDOM_LEN 32
#define SG_ML_DSA_PRIVATE_MAX 4032 /* expanded */

/* Whether the two below may be called. */
bool sg_ml_dsa_is_here(void);

/* What is signed, and with what: private_key [private_len], expanded; random bytes
 * [SG_ML_DSA_RANDOM_LEN], zero for the deterministic variant. Borrowed. */
struct sg_ml_dsa_to_sign {
    struct sg_bytes private_key, context, message;
    const uint8_t *random;
};

/* Signs into signature [sig_len]. context <= SG_SIG_CONTEXT_MAX. FIPS 204 algorithm 7, with the
 * prefix of algorithm 2. SG_ERR_CRYPTO: no signature was found, or it is not here. */
SG_MUST_USE sg_err sg_ml_dsa_sign(enum sg_sig_alg alg, const struct sg_ml_dsa_to_sign *in,
                                  uint8_t *signature);

/* public_key [public_len], signature [sig_len], context <= SG_SIG_CONTEXT_MAX. FIPS 204
 * algorithm 3. SG_ERR_BAD_SIGNATURE, SG_ERR_CRYPTO: it is not here. */
SG_MUST_USE sg_err sg_ml_dsa_verify(enum sg_sig_alg alg, struct sg_bytes public_key,
                                    struct sg_bytes context, struct sg_bytes message,
                                    struct sg_bytes signature);

#endif
