/* Coming into a group: by creating it, or by a Welcome (RFC 9420 s11, s12.4.3.1). */
#ifndef SG_MLS_JOIN_H
#define SG_MLS_JOIN_H

#include "mls/list.h"

/* The private halves of a key package. */
struct sg_mls_package_keys {
    struct sg_bytes package; /* encoded KeyPackage */
    struct sg_bytes init_private;
    struct sg_bytes encryption_private;
    struct sg_bytes signature_private;
};

struct sg_mls_join {
    const struct sg_mls_config *config;
    struct sg_bytes welcome; /* MLSMessage */
    struct sg_mls_package_keys keys;
    struct sg_bytes tree;           /* ratchet_tree, when it is not in the Welcome; else empty */
    const struct sg_mls_group *old; /* reinit, branch: the group that this one comes from */
    uint64_t now;
};

/* SG_ERR_MLS_WELCOME: not for this key package, another suite or version, or no tree;
 * SG_ERR_MLS_TREE: not the tree of the group info, our leaf is not in it, or it is not valid;
 * SG_ERR_MLS_TAG, SG_ERR_BAD_SIGNATURE, SG_ERR_MLS_PSK, SG_ERR_MLS_GROUP: not what reinit or branch
 * must give; errors of sg_mls_check_tree. */
SG_MUST_USE sg_err sg_mls_group_join(const struct sg_mls_join *in, struct sg_mls_group **out);
/* The KeyPackageRefs that a Welcome is for: is this one among them? SG_ERR_MLS_WELCOME. */
SG_MUST_USE sg_err sg_mls_welcome_is_for(const struct sg_mls_config *config,
                                         struct sg_bytes welcome, struct sg_bytes key_package);

struct sg_mls_create {
    const struct sg_mls_config *config;
    struct sg_bytes group_id;
    struct sg_bytes extensions; /* body of the GroupContext's list */
    struct sg_mls_package_keys keys;
    uint64_t now;
};
/* A group of one, in epoch 0. The leaf of the key package is the creator's. */
SG_MUST_USE sg_err sg_mls_group_create(const struct sg_mls_create *in, struct sg_mls_group **out);

/* Reads the tree for a group info: from its ratchet_tree extension, or given. Checks the hash and,
 * as rules say, all of it. SG_ERR_MLS_WELCOME: there is none. */
SG_MUST_USE sg_err sg_mls_group_take_tree(struct sg_mls_group *group,
                                          const struct sg_mls_rules *rules,
                                          const struct sg_mls_group_info *info,
                                          struct sg_bytes given);
/* Checks the signature of a group info by its signer in the tree. */
SG_MUST_USE sg_err sg_mls_group_check_info(const struct sg_mls_group *group,
                                           const struct sg_mls_group_info *info);

#endif
