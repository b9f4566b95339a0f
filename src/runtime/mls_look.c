#include "mls/app_data.h"
#include "runtime/mls_impl.h"

void sg_mls_member_state(const struct sg_mls_member *member, struct sg_mls_state_info *out)
{
    const struct sg_mls_group *group = member->group;
    *out = (struct sg_mls_state_info){
        .suite = group->suite->id,
        .epoch = group->epoch->context.epoch,
        .own_leaf = sg_mls_group_leaf(group),
        .members = group->tree.members,
        .leaves = group->tree.leaves,
        .waiting = group->cache_count,
        .has_pending = group->pending != NULL,
        .is_closed = group->closing.raw != NULL,
        .group_id = group->epoch->context.group_id,
    };
    for (uint32_t i = 1; i < sg_mls_node_count(group->tree.leaves); i += 2)
        out->blank_parents += group->tree.nodes[i] == NULL;
}

sg_err sg_mls_member_leaf(const struct sg_mls_member *member, uint32_t leaf,
                          struct sg_mls_leaf_info *out)
{
    struct sg_mls_leaf decoded;
    if (!sg_mls_tree_has_leaf(&member->group->tree, leaf))
        return SG_ERR_NOT_FOUND;
    sg_mls_tree_leaf(&member->group->tree, leaf, &decoded);
    *out = (struct sg_mls_leaf_info){decoded.credential.type, decoded.credential.body,
                                     decoded.signature_key};
    return SG_OK;
}

sg_err sg_mls_member_extension(const struct sg_mls_member *member, uint16_t type,
                               struct sg_bytes *out)
{
    return sg_mls_extension_find(member->group->epoch->context.extensions, type, out)
               ? SG_OK
               : SG_ERR_NOT_FOUND;
}

sg_err sg_mls_member_leaf_extension(const struct sg_mls_member *member, uint32_t leaf,
                                    uint16_t type, struct sg_bytes *out)
{
    struct sg_mls_leaf decoded;
    if (!sg_mls_tree_has_leaf(&member->group->tree, leaf))
        return SG_ERR_NOT_FOUND;
    sg_mls_tree_leaf(&member->group->tree, leaf, &decoded);
    return sg_mls_extension_find(decoded.extensions, type, out) ? SG_OK : SG_ERR_NOT_FOUND;
}

sg_err sg_mls_member_app_data(const struct sg_mls_member *member, uint16_t component,
                              struct sg_bytes *out)
{
    const struct sg_mls_group *group = member->group;
    return sg_mls_app_data_find(group->epoch->context.extensions, component, out)
               ? SG_OK
               : SG_ERR_NOT_FOUND;
}

/* Has the member an epoch with secrets? */
static sg_err check_epoch(const struct sg_mls_member *member)
{
    SG_TRY(sg_mls_member_check(member));
    if (member->group->is_removed)
        return SG_ERR_MLS_REMOVED;
    return sg_mls_group_leaf(member->group) == UINT32_MAX ? SG_ERR_INVALID_STATE : SG_OK;
}

sg_err sg_mls_member_export(const struct sg_mls_member *member, struct sg_bytes label,
                            struct sg_bytes context, uint8_t *out, size_t len)
{
    SG_TRY(check_epoch(member));
    const struct sg_mls_suite *suite = member->group->suite;
    struct sg_mls_expand in = {sg_mls_secret_bytes(suite, &member->group->epoch->secrets.exporter),
                               label, context};
    return sg_mls_exporter(suite, &in, out, len);
}

/* Deleted durably before it is given away. */
sg_err sg_mls_member_safe_export(struct sg_mls_member *member, uint16_t component, uint8_t *out,
                                 size_t *len)
{
    struct sg_mls_secret secret;
    SG_TRY(check_epoch(member));
    const struct sg_mls_suite *suite = member->group->suite;
    sg_err err = sg_mls_group_safe_export(member->group, component, &secret);
    err = sg_mls_member_save(member, err);
    if (err == SG_OK) {
        *len = suite->hash_len;
        memcpy(out, secret.b, *len);
    }
    suite->wipe(&secret, sizeof(secret));
    return err;
}

sg_err sg_mls_member_authenticator(const struct sg_mls_member *member, uint8_t *out, size_t *len)
{
    SG_TRY(check_epoch(member));
    *len = member->group->suite->hash_len;
    memcpy(out, member->group->epoch->secrets.authenticator.b, *len);
    return SG_OK;
}

sg_err sg_mls_member_info(const struct sg_mls_member *member, bool with_tree, bool for_external,
                          struct sg_mls_blob *out)
{
    struct sg_mls_info_options options = {.has_tree = with_tree, .has_external_pub = for_external};
    struct sg_mls_arena arena;
    struct sg_bytes bytes;
    SG_TRY(check_epoch(member));
    sg_mls_client_arena(member->client, &arena);
    sg_err err = sg_mls_group_info(member->group, &arena, &options, &bytes);
    if (err == SG_OK)
        err = sg_mls_blob_copy(bytes, out);
    sg_mls_arena_fini(&arena);
    return err;
}

static void write_tree(struct sg_writer *w, const void *tree)
{
    sg_mls_write_tree(w, tree);
}

sg_err sg_mls_member_tree(const struct sg_mls_member *member, struct sg_mls_blob *out)
{
    struct sg_mls_arena arena;
    struct sg_bytes bytes;
    SG_TRY(check_epoch(member));
    sg_mls_client_arena(member->client, &arena);
    sg_err err = sg_mls_encode(&arena, write_tree, &member->group->tree, &bytes);
    if (err == SG_OK)
        err = sg_mls_blob_copy(bytes, out);
    sg_mls_arena_fini(&arena);
    return err;
}
