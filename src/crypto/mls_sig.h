/* Inside crypto/: the signature schemes of MLS behind one set of calls; keys and contracts are
 * those of crypto/mls_suite.h. */
#ifndef SG_CRYPTO_MLS_SIG_H
#define SG_CRYPTO_MLS_SIG_H

#include "crypto/mls_suite.h"

/* TLS SignatureScheme. */
enum sg_mls_sig_id {
    SG_MLS_ECDSA_P256 = 0x0403,
    SG_MLS_ECDSA_P384 = 0x0503,
    SG_MLS_ECDSA_P521 = 0x0603,
    SG_MLS_ED25519 = 0x0807,
    SG_MLS_ED448 = 0x0808,
    SG_MLS_ML_DSA_44 = 0x0904,
    SG_MLS_ML_DSA_65 = 0x0905,
};

SG_MUST_USE sg_err sg_mls_sig_generate(const struct sg_mls_suite *suite,
                                       const struct sg_mls_random *random, uint8_t *private_key,
                                       uint8_t *public_key);
SG_MUST_USE sg_err sg_mls_sig_public(const struct sg_mls_suite *suite, struct sg_bytes private_key,
                                     uint8_t *public_key);
SG_MUST_USE sg_err sg_mls_sig_check(const struct sg_mls_suite *suite, struct sg_bytes public_key);
void sg_mls_sig_ready_fini(struct sg_mls_ready *ready);
SG_MUST_USE sg_err sg_mls_sig_sign(const struct sg_mls_suite *suite,
                                   const struct sg_mls_random *random,
                                   const struct sg_mls_to_sign *in, uint8_t *signature,
                                   size_t *len);
SG_MUST_USE sg_err sg_mls_sig_verify(const struct sg_mls_suite *suite, struct sg_bytes public_key,
                                     struct sg_bytes content, struct sg_bytes signature);

#endif
