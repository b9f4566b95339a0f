/* Inside crypto/: what only MLS needs of OpenSSL, fetched once at its first use, so that programs
 * without groups do not pay for it. */
#ifndef SG_CRYPTO_MLS_EVP_H
#define SG_CRYPTO_MLS_EVP_H

#include <openssl/ec.h>

#include "crypto/evp.h"

enum sg_ec_curve { SG_EC_P256, SG_EC_P384, SG_EC_P521 };
#define SG_EC_CURVE_COUNT (SG_EC_P521 + 1)

/* Complete once sg_mls_evp_begin succeeded, and never freed. */
struct sg_mls_evp {
    EVP_MD *shake256;
    EVP_MD *sha3_256;
    EVP_KEYMGMT *x25519_keys; /* these and ec_keys only to know that they are there */
    EVP_KEYMGMT *x448_keys;
    EVP_KEYMGMT *ec_keys;
    EVP_KEYEXCH *x25519;
    EVP_KEYEXCH *x448;
    EVP_KEYMGMT *ed25519_keys;
    EVP_KEYMGMT *ed448_keys;
    EVP_SIGNATURE *ed25519;
    EVP_SIGNATURE *ed448;
    EVP_SIGNATURE *ecdsa[SG_EC_CURVE_COUNT]; /* with the curve's hash */
    EC_GROUP *curve[SG_EC_CURVE_COUNT];
};

/* Like sg_evp_begin. SG_ERR_NO_MEMORY, SG_ERR_CRYPTO. */
SG_MUST_USE sg_err sg_mls_evp_begin(const struct sg_mls_evp **evp);

#endif
