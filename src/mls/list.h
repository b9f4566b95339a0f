/* The list of proposals that a commit covers: RFC 9420 s12.2, s12.3. */
#ifndef SG_MLS_LIST_H
#define SG_MLS_LIST_H

#include "mls/group.h"

/* PSKs in one commit: each is compared with each. */
#define SG_MLS_PSKS_MAX 256

struct sg_mls_listed {
    const struct sg_mls_proposal *proposal;
    struct sg_mls_sender sender;
    const struct sg_mls_cached *cached; /* NULL: by value */
};

struct sg_mls_list {
    struct sg_mls_listed *at; /* [count] in the arena */
    uint32_t count;
};

/* How the list is looked at. */
struct sg_mls_list_context {
    struct sg_mls_rules rules; /* of the epoch that the commit ends */
    struct sg_mls_tree *tree;  /* in a transaction */
    struct sg_mls_arena *arena;
    uint32_t committer; /* leaf; UINT32_MAX: an external commit */
    uint32_t own;       /* our leaf; UINT32_MAX: none */
    uint8_t usage;      /* of resumption PSKs: application, or reinit and branch in the first commit
                         * of a new group */
};

/* What the list does. In the arena. */
struct sg_mls_change {
    struct sg_bytes extensions; /* of the new GroupContext */
    bool has_extensions;        /* they are other ones */
    struct sg_mls_leaves added;
    const struct sg_mls_key_package **packages; /* [added.count] */
    uint32_t package_cap;
    struct sg_mls_leaves updated;
    struct sg_mls_leaves removed;
    const struct sg_mls_psk_id **psks; /* [psk_count] in their order */
    uint32_t psk_count;
    uint32_t psk_cap;
    const struct sg_mls_app_data **app_data; /* [app_data_count] in their order */
    uint32_t app_data_count;
    uint32_t app_data_cap;
    const struct sg_bytes *kem_output;      /* of ExternalInit, or NULL */
    const struct sg_mls_reinit *reinit;     /* or NULL */
    const struct sg_mls_cached *own_update; /* ours that is covered, or NULL */
    const struct sg_mls_credential *resync; /* of the leaf that an external commit removes */
    bool removes_own;
    bool needs_path;
    struct sg_mls_types types_before;
};

/* Finds the proposals of a commit. SG_ERR_MLS_PROPOSAL: a reference to one that we do not have. */
SG_MUST_USE sg_err sg_mls_list_resolve(const struct sg_mls_group *group, struct sg_mls_arena *arena,
                                       const struct sg_mls_commit *commit,
                                       const struct sg_mls_sender *sender, struct sg_mls_list *out);
/* May this sender send a proposal of this type at all? SG_ERR_MLS_SENDER. */
SG_MUST_USE sg_err sg_mls_check_proposal_sender(uint16_t type, uint8_t sender_type);
/* Validates the list and applies it to the tree. SG_ERR_MLS_PROPOSAL, SG_ERR_MLS_SENDER,
 * SG_ERR_MLS_PSK, errors of the leaves in it. */
SG_MUST_USE sg_err sg_mls_list_apply(const struct sg_mls_list_context *in,
                                     const struct sg_mls_list *list, struct sg_mls_change *out);
/* What is left to check when the path, if any, is in the tree too: RFC 9420 s7.3, s12.1.7, s12.2.
 * path_leaf: the committer's new leaf, or NULL. */
SG_MUST_USE sg_err sg_mls_list_check_tree(const struct sg_mls_list_context *in,
                                          const struct sg_mls_change *change,
                                          const struct sg_mls_leaf *path_leaf);
/* psk_secret of the PSKs of a commit or welcome. groups: where resumption PSKs of these groups are,
 * each may be NULL. SG_ERR_MLS_PSK: one is not known. */
struct sg_mls_psk_source {
    const struct sg_mls_config *config;
    const struct sg_mls_suite *suite;
    const struct sg_mls_group *groups[2];
};
SG_MUST_USE sg_err sg_mls_psks_secret(const struct sg_mls_psk_source *source,
                                      struct sg_mls_arena *arena,
                                      const struct sg_mls_psk_id *const *ids, uint32_t count,
                                      struct sg_mls_secret *out);

#endif
