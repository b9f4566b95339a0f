/* The one door to an identity's OpenSSL key, for quic/ only: TLS signs its CertificateVerify with
 * it (RFC 7250 raw public keys). Apart from crypto/identity.h so that header stays free of
 * OpenSSL. */
#ifndef SG_CRYPTO_IDENTITY_EVP_H
#define SG_CRYPTO_IDENTITY_EVP_H

#include <openssl/evp.h>

#include "crypto/identity.h"

/* The key pair, borrowed: valid while the identity lives. SSL_CTX_use_PrivateKey takes a reference
 * of its own; others call EVP_PKEY_up_ref. Never NULL. Do not modify the key. */
EVP_PKEY *sg_identity_evp(const struct sg_identity *identity);

#endif
