/* A node's identity: one ML-DSA-65 key pair, the peer id made from it, and a signer for the pure
 * set. The same key authenticates the QUIC link (crypto/identity_evp.h) and signs messages.
 *
 * The 32-byte seed of FIPS 204 s5.1 is the whole secret; runtime/keystore.h keeps it on disk. An
 * identity does not give it back. No OpenSSL type appears here. */
#ifndef SG_CRYPTO_IDENTITY_H
#define SG_CRYPTO_IDENTITY_H

#include "base/mem.h"
#include "crypto/sig.h"
#include "crypto/suite.h"

struct sg_identity;

/* The identity of a seed (borrowed; the caller wipes it). Suite: sg_suite_default(). The caller
 * owns *out; on error it is NULL. About 170 us.
 * SG_ERR_NO_MEMORY, SG_ERR_CRYPTO. */
SG_MUST_USE sg_err sg_identity_new(const struct sg_mem *mem, const struct sg_sig_seed *seed,
                                   struct sg_identity **out);
/* A new random identity that no file knows: for tests and for nodes that keep no state.
 * SG_ERR_ENTROPY, SG_ERR_NO_MEMORY, SG_ERR_CRYPTO. */
SG_MUST_USE sg_err sg_identity_new_random(const struct sg_mem *mem, struct sg_identity **out);
/* Wipes the secret and frees. NULL is allowed. */
void sg_identity_free(struct sg_identity *identity);

/* All borrowed from the identity, and constant while it lives: any thread may call them. */
const struct sg_suite *sg_identity_suite(const struct sg_identity *identity);
/* [suite->sig_public_len] raw FIPS 204 encoding. */
struct sg_bytes sg_identity_public_key(const struct sg_identity *identity);
const struct sg_peer_id *sg_identity_peer_id(const struct sg_identity *identity);
/* Signs with this identity, hedged (FIPS 204 s3.4), about 900 us; sign() may be called by several
 * threads at once. */
const struct sg_signer *sg_identity_signer(const struct sg_identity *identity);

#endif
