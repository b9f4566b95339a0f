/* The labelled forms of hash, KDF, signature and HPKE: RFC 9420 s5.1.2, s5.1.3, s5.2, s8. Labels
 * come without "MLS 1.0 ". */
#ifndef SG_MLS_LABEL_H
#define SG_MLS_LABEL_H

#include "crypto/mls_suite.h"
#include "mls/arena.h"

struct sg_mls_expand {
    struct sg_bytes secret; /* [at least hash_len] */
    struct sg_bytes label;
    struct sg_bytes context;
};

/* A hash-long secret that lives on the stack or in a struct of secrets. */
struct sg_mls_secret {
    uint8_t b[SG_MLS_HASH_MAX];
};

static inline struct sg_bytes sg_mls_secret_bytes(const struct sg_mls_suite *suite,
                                                  const struct sg_mls_secret *secret)
{
    return sg_bytes(secret->b, suite->hash_len);
}

/* ExpandWithLabel -> out [len, 1 .. 255 * hash_len]. Errors of suite->expand. */
SG_MUST_USE sg_err sg_mls_expand_label(const struct sg_mls_suite *suite,
                                       const struct sg_mls_expand *in, uint8_t *out, size_t len);
/* DeriveSecret. out may be the secret itself. Errors of suite->expand. */
SG_MUST_USE sg_err sg_mls_derive_secret(const struct sg_mls_suite *suite, struct sg_bytes secret,
                                        struct sg_bytes label, struct sg_mls_secret *out);
/* DeriveTreeSecret -> out [len]. */
SG_MUST_USE sg_err sg_mls_derive_tree_secret(const struct sg_mls_suite *suite,
                                             const struct sg_mls_expand *in, uint32_t generation,
                                             uint8_t *out, size_t len);
/* RefHash -> out [hash_len]. label is the whole one. */
void sg_mls_ref_hash(const struct sg_mls_suite *suite, struct sg_bytes label,
                     struct sg_mls_parts value, uint8_t *out);
/* KeyPackageRef and ProposalRef (value: the parts of the AuthenticatedContent). */
void sg_mls_key_package_ref(const struct sg_mls_suite *suite, struct sg_bytes key_package,
                            uint8_t *out);

struct sg_mls_signing {
    struct sg_bytes key;        /* signing: private key; verifying: public key */
    struct sg_mls_ready *ready; /* signing: see sg_mls_to_sign; or NULL */
    struct sg_bytes label;
    struct sg_mls_parts content;
};

/* What stands before len bytes of content in a SignContent. */
void sg_mls_write_label_head(struct sg_writer *w, struct sg_bytes label, size_t len);
/* SignWithLabel; the signature is in the arena. Errors of suite->sign, SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_mls_sign_label(const struct sg_mls_suite *suite,
                                     const struct sg_mls_random *random, struct sg_mls_arena *arena,
                                     const struct sg_mls_signing *in, struct sg_bytes *signature);
/* The same of a whole SignContent. */
SG_MUST_USE sg_err sg_mls_sign_encoded(const struct sg_mls_suite *suite,
                                       const struct sg_mls_random *random,
                                       struct sg_mls_arena *arena, const struct sg_mls_to_sign *in,
                                       struct sg_bytes *signature);
/* VerifyWithLabel. mem is for the time of the call. SG_ERR_BAD_SIGNATURE, SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_mls_verify_label(const struct sg_mls_suite *suite, const struct sg_mem *mem,
                                       const struct sg_mls_signing *in, struct sg_bytes signature);

/* EncryptContext, which is the info of HPKE, in the arena. SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_mls_encrypt_context(struct sg_mls_arena *arena, struct sg_bytes label,
                                          struct sg_bytes context, struct sg_bytes *info);

#endif
