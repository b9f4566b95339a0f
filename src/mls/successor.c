#include "mls/successor.h"

/* The credentials of a tree's members, each once: open addressing. Their hash has the tree's secret
 * seed, since members choose them. */
struct credentials {
    const struct sg_mls_tree *tree;
    uint32_t *leaf_plus_1; /* [mask + 1] 0: empty */
    uint32_t mask;
};

static uint32_t *slot_of(const struct credentials *set, const struct sg_mls_credential *credential)
{
    const struct sg_mls_tree *tree = set->tree;
    for (uint32_t at = sg_mls_keys_hash(tree, credential->body, false);; at++) {
        struct sg_mls_leaf leaf;
        uint32_t *slot = &set->leaf_plus_1[at & set->mask];
        if (*slot == 0)
            return slot;
        sg_mls_tree_leaf(tree, *slot - 1, &leaf);
        if (sg_mls_credential_equal(&leaf.credential, credential))
            return slot;
    }
}

static sg_err collect(const struct sg_mls_tree *tree, struct credentials *out)
{
    *out = (struct credentials){.tree = tree, .mask = 2 * tree->leaves - 1};
    out->leaf_plus_1 = sg_mem_new(tree->mem, (size_t)out->mask + 1, sizeof(*out->leaf_plus_1));
    if (out->leaf_plus_1 == NULL)
        return SG_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < tree->leaves; i++) {
        struct sg_mls_leaf leaf;
        if (!sg_mls_tree_has_leaf(tree, i))
            continue;
        sg_mls_tree_leaf(tree, i, &leaf);
        *slot_of(out, &leaf.credential) = i + 1;
    }
    return SG_OK;
}

/* Does each member of a have an equal credential in b? SG_ERR_MLS_GROUP. */
static sg_err check_subset(const struct sg_mls_tree *a, const struct sg_mls_tree *b)
{
    struct credentials set;
    SG_TRY(collect(b, &set));
    sg_err err = SG_OK;
    for (uint32_t i = 0; err == SG_OK && i < a->leaves; i++) {
        struct sg_mls_leaf leaf;
        if (!sg_mls_tree_has_leaf(a, i))
            continue;
        sg_mls_tree_leaf(a, i, &leaf);
        if (*slot_of(&set, &leaf.credential) == 0)
            err = SG_ERR_MLS_GROUP;
    }
    sg_mem_free(b->mem, set.leaf_plus_1);
    return err;
}

sg_err sg_mls_check_members(const struct sg_mls_tree *old, const struct sg_mls_tree *fresh,
                            bool is_branch)
{
    return is_branch ? check_subset(fresh, old) : check_subset(old, fresh);
}

sg_err sg_mls_group_reinit(const struct sg_mls_group *group, struct sg_mls_reinit *out)
{
    struct sg_mls_proposal proposal = {.type = SG_MLS_REINIT};
    struct sg_reader r = sg_reader(sg_bytes(group->closing.raw, group->closing.len));
    if (group->closing.raw == NULL)
        return SG_ERR_INVALID_STATE;
    sg_mls_read_proposal_body(&r, NULL, &proposal); /* a ReInit needs no arena */
    *out = proposal.u.reinit;
    return sg_reader_done(&r);
}

static sg_err suite_of(struct sg_bytes package, uint16_t *suite)
{
    struct sg_mls_key_package decoded;
    struct sg_reader r = sg_reader(package);
    sg_mls_read_key_package(&r, &decoded);
    *suite = decoded.suite;
    return sg_reader_done(&r);
}

/* RFC9420 s11.2: the parameters of the ReInit; s11.3: version and suite of the old group. */
static sg_err fill(const struct sg_mls_successor *in, struct sg_mls_create *out)
{
    struct sg_mls_reinit reinit;
    uint16_t suite, wanted = in->old->suite->id;
    *out = (struct sg_mls_create){.config = in->config,
                                  .group_id = in->group_id,
                                  .extensions = in->extensions,
                                  .keys = in->keys,
                                  .now = in->now};
    SG_TRY(suite_of(in->keys.package, &suite));
    if (!in->is_branch) {
        SG_TRY(sg_mls_group_reinit(in->old, &reinit));
        out->group_id = reinit.group_id;
        out->extensions = reinit.extensions;
        wanted = reinit.suite;
    }
    return suite == wanted ? SG_OK : SG_ERR_INVALID_ARGUMENT;
}

static sg_err commit(const struct sg_mls_successor *in, struct sg_mls_arena *arena,
                     struct sg_mls_group *group, struct sg_bytes *welcome)
{
    const struct sg_mls_group_context *old = &in->old->epoch->context;
    struct sg_mls_commit_options options = {.send = {.now = in->now},
                                            .count = in->count + 1,
                                            .tree_in_welcome = in->tree_in_welcome,
                                            .usage = in->is_branch ? SG_MLS_USAGE_BRANCH
                                                                   : SG_MLS_USAGE_REINIT,
                                            .old = in->old};
    struct sg_mls_commit_result result;
    size_t nonce_len = group->suite->hash_len;
    struct sg_mls_proposal *values = sg_mls_arena_new(arena, options.count, sizeof(*values));
    uint8_t *nonce = sg_mls_arena_new(arena, nonce_len, 1);
    if (values == NULL || nonce == NULL)
        return SG_ERR_NO_MEMORY;
    SG_TRY(in->config->random->fill(in->config->random->state, nonce, nonce_len));
    if (in->count > 0)
        memcpy(values, in->adds, in->count * sizeof(*values));
    values[in->count].type = SG_MLS_PSK;
    values[in->count].u.psk = (struct sg_mls_psk_id){.type = SG_MLS_PSK_RESUMPTION,
                                                     .usage = options.usage,
                                                     .id = old->group_id,
                                                     .epoch = old->epoch,
                                                     .nonce = sg_bytes(nonce, nonce_len)};
    options.values = values;
    SG_TRY(sg_mls_group_commit(group, arena, &options, &result));
    SG_TRY(sg_mls_group_merge(group));
    *welcome = result.welcome;
    return sg_mls_check_members(&in->old->tree, &group->tree, in->is_branch);
}

sg_err sg_mls_group_succeed(const struct sg_mls_successor *in, struct sg_mls_arena *arena,
                            struct sg_mls_group **group, struct sg_bytes *welcome)
{
    struct sg_mls_create create;
    struct sg_mls_group *fresh;
    SG_TRY(fill(in, &create));
    SG_TRY(sg_mls_group_create(&create, &fresh));
    sg_err err = commit(in, arena, fresh, welcome);
    if (err == SG_OK)
        *group = fresh;
    else
        sg_mls_group_free(fresh);
    return err;
}
