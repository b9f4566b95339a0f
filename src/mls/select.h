/* Which cached proposals fit together in a commit of ours: RFC 9420 s12.2. */
#ifndef SG_MLS_SELECT_H
#define SG_MLS_SELECT_H

#include "mls/list.h"

struct sg_mls_selection {
    const struct sg_mls_group *group;
    struct sg_mls_arena *arena;
    const struct sg_mls_proposal *values; /* [count] come first: what they rule out is left out */
    uint32_t count;
    const struct sg_mls_leaf *leaf; /* ours from this commit on, or NULL: it stays */
    /* Not NULL: they are worked out too, and those that cannot be committed (an Add that has
     * expired since, a key that comes twice) are left out. The tree is in no transaction. */
    const struct sg_mls_list_context *checked;
};

/* References and values of a Commit, in the arena: all cached proposals that are valid together
 * with values and leaf, as far as their kinds tell. SG_ERR_NO_MEMORY, SG_ERR_CRYPTO. */
SG_MUST_USE sg_err sg_mls_select(const struct sg_mls_selection *in, struct sg_mls_commit *out);

/* Does an error say that a list is not valid, and not that this could not be found out? */
bool sg_mls_is_verdict(sg_err err);

#endif
