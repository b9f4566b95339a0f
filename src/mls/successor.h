/* A group that comes from another: by ReInit with all members and other parameters, or as a branch
 * with some of them (RFC 9420 s11.2, s11.3). The others come in by sg_mls_group_join with old. */
#ifndef SG_MLS_SUCCESSOR_H
#define SG_MLS_SUCCESSOR_H

#include "mls/create.h"
#include "mls/join.h"

struct sg_mls_successor {
    const struct sg_mls_config *config;
    const struct sg_mls_group *old;
    bool is_branch;
    struct sg_bytes group_id;           /* branch; a reinit has it in the proposal */
    struct sg_bytes extensions;         /* branch: the body of the GroupContext's list */
    struct sg_mls_package_keys keys;    /* of our key package in the new group's suite */
    const struct sg_mls_proposal *adds; /* [count] Adds for the others */
    uint32_t count;
    bool tree_in_welcome;
    uint64_t now;
};

/* The new group in epoch 1, and the Welcome in the arena. SG_ERR_INVALID_STATE: old has not
 * committed a ReInit; SG_ERR_INVALID_ARGUMENT: our key package is of another suite than it must be;
 * SG_ERR_MLS_GROUP: not all members of old are there (reinit), or others too (branch); errors of
 * creating and committing. */
SG_MUST_USE sg_err sg_mls_group_succeed(const struct sg_mls_successor *in,
                                        struct sg_mls_arena *arena, struct sg_mls_group **group,
                                        struct sg_bytes *welcome);
/* The ReInit that closed a group; spans point into it. SG_ERR_INVALID_STATE: there was none. */
SG_MUST_USE sg_err sg_mls_group_reinit(const struct sg_mls_group *group, struct sg_mls_reinit *out);
/* RFC9420 s12.4.3.1: do the members of the new group fit the old one? By equal credentials.
 * SG_ERR_MLS_GROUP, SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_mls_check_members(const struct sg_mls_tree *old,
                                        const struct sg_mls_tree *fresh, bool is_branch);

#endif
