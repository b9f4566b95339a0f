/* Signatures of leaf nodes, key packages and group infos: RFC 9420 s7.2, s10, s12.4.3. */
#ifndef SG_MLS_SIGNED_H
#define SG_MLS_SIGNED_H

#include "mls/label.h"
#include "mls/message.h"

/* Whoever signs: the suite, where randomness comes from, the private key. */
struct sg_mls_signer {
    const struct sg_mls_suite *suite;
    const struct sg_mls_random *random;
    struct sg_bytes private_key;
    struct sg_mls_ready *ready; /* of the group, or NULL */
};

/* Where a leaf stands: part of its signature unless its source is key_package. */
struct sg_mls_leaf_place {
    struct sg_bytes group_id;
    uint32_t leaf;
};

/* Signs all fields but signature, raw and signed_at, which are set; in the arena.
 * Errors of suite->sign, SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_mls_leaf_sign(const struct sg_mls_signer *signer, struct sg_mls_arena *arena,
                                    const struct sg_mls_leaf_place *place,
                                    struct sg_mls_leaf *leaf);
/* SG_ERR_BAD_SIGNATURE, SG_ERR_NO_MEMORY. place is not looked at when the source is key_package. */
SG_MUST_USE sg_err sg_mls_leaf_verify(const struct sg_mls_suite *suite, const struct sg_mem *mem,
                                      const struct sg_mls_leaf_place *place,
                                      const struct sg_mls_leaf *leaf);
/* As for leaves; raw and signed_at are set. */
SG_MUST_USE sg_err sg_mls_key_package_sign(const struct sg_mls_signer *signer,
                                           struct sg_mls_arena *arena,
                                           struct sg_mls_key_package *key_package);
/* The signature of the key package, not that of its leaf. */
SG_MUST_USE sg_err sg_mls_key_package_verify(const struct sg_mls_suite *suite,
                                             const struct sg_mem *mem,
                                             const struct sg_mls_key_package *key_package);
SG_MUST_USE sg_err sg_mls_group_info_sign(const struct sg_mls_signer *signer,
                                          struct sg_mls_arena *arena,
                                          struct sg_mls_group_info *info);
SG_MUST_USE sg_err sg_mls_group_info_verify(const struct sg_mls_suite *suite,
                                            const struct sg_mem *mem, struct sg_bytes public_key,
                                            const struct sg_mls_group_info *info);

#endif
