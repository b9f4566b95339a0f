/* Is a leaf, a key package, a list of extensions, a tree valid in a group? RFC 9420 s7.3, s10.1,
 * s12.4.3.1, s13.4. */
#ifndef SG_MLS_VALIDATE_H
#define SG_MLS_VALIDATE_H

#include "mls/config.h"
#include "mls/signed.h"
#include "mls/tree.h"

/* Of a group: who wants more, names a service for them. */
#define SG_MLS_EXTERNAL_SENDERS_MAX 256

struct sg_mls_rules {
    const struct sg_mls_config *config;
    const struct sg_mls_suite *suite;
    struct sg_bytes group_id;
    struct sg_bytes extensions; /* of the GroupContext in force */
    uint64_t now;
    bool is_sending;   /* RFC 9420 s7.3: then lifetimes are always checked */
    bool is_committed; /* by somebody, at another time: then whether they are over is not */
    bool is_verified;  /* the signatures were found right before, in this group and epoch */
};

struct sg_mls_leaf_check {
    const struct sg_mls_leaf *leaf;
    uint32_t index;
    uint8_t source;                         /* the one wanted; 0: any */
    const struct sg_mls_credential *before; /* of the member until now, or NULL */
    bool is_in_tree; /* of a tree that we join: nothing is said of its key, expiry is not checked */
};

/* All that can be said of a leaf by itself, its signature included. SG_ERR_MLS_LEAF: wrong source,
 * inconsistent capabilities; SG_ERR_MLS_CAPABILITY: does not support what the group wants;
 * SG_ERR_EXPIRED, SG_ERR_FUTURE: lifetime; SG_ERR_BAD_SIGNATURE; SG_ERR_MALFORMED: its key;
 * SG_ERR_MLS_CREDENTIAL or what config->credential says. */
SG_MUST_USE sg_err sg_mls_check_leaf(const struct sg_mls_rules *rules,
                                     const struct sg_mls_leaf_check *check);
/* RFC9420 s12.2: may who joins from outside take out the member that had the credential before? An
 * equal one is the same client's; of others config->credential decides, at sg_mls_check_leaf, and
 * nobody does without it. SG_ERR_MLS_CREDENTIAL. */
SG_MUST_USE sg_err sg_mls_check_resync(const struct sg_mls_config *config,
                                       const struct sg_mls_credential *before,
                                       const struct sg_mls_credential *credential);
/* Does a leaf support the group's extensions and required_capabilities? SG_ERR_MLS_CAPABILITY,
 * SG_ERR_MALFORMED. */
SG_MUST_USE sg_err sg_mls_check_support(struct sg_bytes extensions,
                                        const struct sg_mls_capabilities *capabilities);
/* A key package, and the leaf in it. Errors of sg_mls_check_leaf. */
SG_MUST_USE sg_err sg_mls_check_key_package(const struct sg_mls_rules *rules,
                                            const struct sg_mls_key_package *key_package);
/* The known payloads in the extensions of a GroupContext, and the credentials of its external
 * senders. Errors of reading, SG_ERR_MLS_CREDENTIAL, SG_ERR_LIMIT: too many of them. */
SG_MUST_USE sg_err sg_mls_check_group_extensions(const struct sg_mls_rules *rules,
                                                 struct sg_bytes extensions);
/* Do all members support the extensions in force? */
SG_MUST_USE sg_err sg_mls_check_members_support(const struct sg_mls_tree *tree,
                                                struct sg_bytes extensions);
/* Do all members list a proposal type, but those that are leaving [leaves]? */
SG_MUST_USE sg_err sg_mls_check_proposal_type(const struct sg_mls_tree *tree, uint16_t type,
                                              const uint8_t *leaving);
/* RFC9420 s7.3: does each member support each credential type in use? Only what is new is looked
 * at: the leaves, and the types that `before` does not have. SG_ERR_MLS_CAPABILITY. */
struct sg_mls_types {
    struct sg_mls_type_count at[SG_MLS_CREDENTIAL_TYPES_MAX];
    uint32_t count;
};
void sg_mls_types_of(const struct sg_mls_tree *tree, struct sg_mls_types *out);
SG_MUST_USE sg_err sg_mls_check_leaf_types(const struct sg_mls_tree *tree,
                                           const struct sg_mls_capabilities *capabilities);
SG_MUST_USE sg_err sg_mls_check_new_types(const struct sg_mls_tree *tree,
                                          const struct sg_mls_types *before);
/* A whole tree at a join, in one pass over its leaves. Errors of the above, SG_ERR_MLS_TREE,
 * SG_ERR_MALFORMED: a key of another length than the suite's. */
SG_MUST_USE sg_err sg_mls_check_tree(const struct sg_mls_rules *rules, struct sg_mls_tree *tree);

#endif
