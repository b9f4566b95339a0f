#include "mls/join.h"

#include "mls/successor.h"
#include "mls/welcome.h"

struct joining {
    const struct sg_mls_join *in;
    const struct sg_mls_suite *suite;
    struct sg_mls_arena arena;
    struct sg_mls_key_package package;
    struct sg_mls_message message;
    struct sg_mls_group_secrets secrets;
    struct sg_mls_group_info info;
    struct sg_mls_secret joiner;
    struct sg_mls_secret psk;
    struct sg_mls_group *group;
};

/* ---- from Welcome to GroupInfo ---- */

static sg_err read_inputs(struct joining *j)
{
    struct sg_reader r = sg_reader(j->in->keys.package);
    SG_TRY(sg_mls_config_decode(j->in->config, j->in->welcome, &j->arena, &j->message));
    if (j->message.wire_format != SG_MLS_WIRE_WELCOME)
        return SG_ERR_MLS_WELCOME;
    sg_mls_read_key_package(&r, &j->package);
    SG_TRY(sg_reader_done(&r));
    j->suite = sg_mls_config_suite(j->in->config, j->package.suite);
    if (j->suite == NULL || j->package.version != SG_MLS_VERSION_10)
        return SG_ERR_UNSUPPORTED;
    if (j->in->keys.init_private.len != j->suite->kem_private_len ||
        j->in->keys.encryption_private.len != j->suite->kem_private_len ||
        j->in->keys.signature_private.len != j->suite->sig_private_len)
        return SG_ERR_INVALID_ARGUMENT;
    return SG_OK;
}

/* RFC9420 s12.4.3.1: of the PSKs with usage reinit or branch there is at most one. */
static sg_err check_psks(const struct joining *j, const struct sg_mls_psk_id **special)
{
    *special = NULL;
    if (j->secrets.psk_count > SG_MLS_PSKS_MAX)
        return SG_ERR_LIMIT;
    for (uint32_t i = 0; i < j->secrets.psk_count; i++) {
        const struct sg_mls_psk_id *id = &j->secrets.psks[i];
        if (id->nonce.len != j->suite->hash_len)
            return SG_ERR_MLS_PSK;
        if (id->type != SG_MLS_PSK_RESUMPTION || id->usage == SG_MLS_USAGE_APPLICATION)
            continue;
        if (*special != NULL)
            return SG_ERR_MLS_PSK;
        *special = id;
    }
    return SG_OK;
}

static sg_err psk_secret(struct joining *j)
{
    struct sg_mls_psk_source source = {j->in->config, j->suite, {j->in->old, NULL}};
    const struct sg_mls_psk_id **ids =
        sg_mls_arena_new(&j->arena, j->secrets.psk_count, sizeof(*ids));
    if (ids == NULL)
        return SG_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < j->secrets.psk_count; i++)
        ids[i] = &j->secrets.psks[i];
    return sg_mls_psks_secret(&source, &j->arena, ids, j->secrets.psk_count, &j->psk);
}

static sg_err open_welcome(struct joining *j, const struct sg_mls_psk_id **special)
{
    uint8_t ref[SG_MLS_HASH_MAX];
    struct sg_mls_welcome_key key = {sg_bytes(ref, j->suite->hash_len), j->in->keys.init_private,
                                     j->package.init_key};
    struct sg_mls_secret welcome;
    sg_mls_key_package_ref(j->suite, j->package.raw, ref);
    SG_TRY(
        sg_mls_welcome_open_secrets(j->suite, &j->arena, &j->message.u.welcome, &key, &j->secrets));
    SG_TRY(check_psks(j, special));
    SG_TRY(psk_secret(j));
    memcpy(j->joiner.b, j->secrets.joiner_secret.data, j->secrets.joiner_secret.len);
    SG_TRY(sg_mls_welcome_secret(j->suite, &j->joiner, &j->psk, &welcome));
    sg_err err =
        sg_mls_welcome_open_info(j->suite, &j->arena, &j->message.u.welcome, &welcome, &j->info);
    j->suite->wipe(&welcome, sizeof(welcome));
    SG_TRY(err);
    /* RFC9420 s12.4.3.1: "the cipher_suite in the GroupInfo matches" */
    if (j->info.context.suite != j->suite->id || j->info.context.version != SG_MLS_VERSION_10)
        return SG_ERR_MLS_WELCOME;
    return SG_OK;
}

/* ---- the tree ---- */

sg_err sg_mls_group_check_info(const struct sg_mls_group *group,
                               const struct sg_mls_group_info *info)
{
    /* RFC9420 s12.4.3.1: the signer's leaf must not be blank */
    if (!sg_mls_tree_has_leaf(&group->tree, info->signer))
        return SG_ERR_MLS_TREE;
    struct sg_bytes key = sg_mls_node_second(group->tree.nodes[2 * info->signer]);
    return sg_mls_group_info_verify(group->suite, group->config->mem, key, info);
}

sg_err sg_mls_group_take_tree(struct sg_mls_group *group, const struct sg_mls_rules *rules,
                              const struct sg_mls_group_info *info, struct sg_bytes given)
{
    struct sg_bytes data = given;
    if (data.len == 0 && !sg_mls_extension_find(info->extensions, SG_MLS_EXT_RATCHET_TREE, &data))
        return SG_ERR_MLS_WELCOME;
    SG_TRY(sg_mls_tree_decode(&group->tree, data));
    /* RFC9420 s12.4.3.3: "the client MUST verify that the root hash of the ratchet tree matches the
     * tree_hash of the GroupContext" */
    if (!sg_bytes_equal(sg_mls_tree_root_hash(&group->tree), info->context.tree_hash))
        return SG_ERR_MLS_TREE;
    SG_TRY(sg_mls_group_check_info(group, info));
    SG_TRY(sg_mls_check_group_extensions(rules, info->context.extensions));
    return sg_mls_check_tree(rules, &group->tree);
}

static struct sg_mls_rules join_rules(const struct joining *j)
{
    return (struct sg_mls_rules){.config = j->in->config,
                                 .suite = j->suite,
                                 .group_id = j->info.context.group_id,
                                 .extensions = j->info.context.extensions,
                                 .now = j->in->now};
}

/* RFC9420 s12.4.3.1: a leaf whose LeafNode is identical to the one in the KeyPackage. */
static sg_err find_own_leaf(const struct joining *j, uint32_t *leaf)
{
    const struct sg_mls_tree *tree = &j->group->tree;
    for (*leaf = 0; *leaf < tree->leaves; ++*leaf) {
        const struct sg_mls_node *node = tree->nodes[2 * *leaf];
        if (node != NULL && sg_bytes_equal(sg_mls_node_raw(node), j->package.leaf.raw))
            return SG_OK;
    }
    return SG_ERR_MLS_TREE;
}

/* ---- the state ---- */

/* The private keys that path_secret gives: from the common ancestor with the signer upwards. */
static sg_err take_path_secret(struct joining *j, struct sg_mls_private *own)
{
    struct sg_mls_path_secrets secrets = {0};
    const struct sg_mls_tree *tree = &j->group->tree;
    uint32_t ancestor =
        sg_mls_common_ancestor(sg_mls_leaf_node(own->leaf), sg_mls_leaf_node(j->info.signer));
    if (!j->secrets.has_path_secret)
        return SG_OK;
    if (own->leaf == j->info.signer)
        return SG_ERR_MLS_TREE;
    sg_mls_tree_filtered_path(tree, j->info.signer, &secrets.path);
    while (secrets.from < secrets.path.count && secrets.path.at[secrets.from].node != ancestor)
        secrets.from++;
    for (uint32_t i = secrets.from; i < secrets.path.count; i++)
        if (tree->nodes[secrets.path.at[i].node] == NULL)
            return SG_ERR_MLS_TREE;
    if (secrets.from == secrets.path.count)
        return SG_ERR_MLS_TREE;
    memcpy(secrets.secrets[secrets.from].b, j->secrets.path_secret.data,
           j->secrets.path_secret.len);
    sg_err err = sg_mls_path_follow(tree, &secrets, own);
    j->suite->wipe(&secrets, sizeof(secrets));
    return err;
}

/* Are the private keys the ones of a KeyPackage's leaf? */
static sg_err check_keys(const struct sg_mls_suite *suite, const struct sg_mls_package_keys *keys,
                         const struct sg_mls_leaf *leaf)
{
    uint8_t encryption[SG_MLS_KEM_PUBLIC_MAX], signature[SG_MLS_SIG_PUBLIC_MAX];
    SG_TRY(suite->kem_public(suite, keys->encryption_private, encryption));
    SG_TRY(suite->sig_public(suite, keys->signature_private, signature));
    return sg_bytes_equal(sg_bytes(encryption, suite->kem_public_len), leaf->encryption_key) &&
                   sg_bytes_equal(sg_bytes(signature, suite->sig_public_len), leaf->signature_key)
               ? SG_OK
               : SG_ERR_INVALID_ARGUMENT;
}

static sg_err fill_epoch(struct joining *j)
{
    struct sg_mls_epoch *epoch = j->group->epoch;
    SG_TRY(find_own_leaf(j, &epoch->own.leaf));
    SG_TRY(check_keys(j->suite, &j->in->keys, &j->package.leaf));
    sg_mls_private_put(&epoch->own, sg_mls_leaf_node(epoch->own.leaf),
                       j->in->keys.encryption_private);
    SG_TRY(take_path_secret(j, &epoch->own));
    memcpy(epoch->signature_private, j->in->keys.signature_private.data,
           j->in->keys.signature_private.len);
    SG_TRY(
        sg_mls_epoch_secrets(j->suite, &j->joiner, &j->psk, epoch->context.raw, &epoch->secrets));
    SG_TRY(sg_mls_epoch_start(epoch, j->group->tree.leaves, sg_mls_group_window(j->in->config)));
    /* RFC9420 s12.4.3.1: "Verify the confirmation tag in the GroupInfo" */
    return j->suite->equal(sg_bytes(epoch->tag, j->suite->hash_len), j->info.confirmation_tag)
               ? SG_OK
               : SG_ERR_MLS_TAG;
}

/* ---- successors of other groups ---- */

static sg_err check_reinit(const struct joining *j, const struct sg_mls_group *old,
                           const struct sg_mls_psk_id *id)
{
    const struct sg_mls_group_context *context = &j->info.context;
    struct sg_mls_reinit reinit;
    if (sg_mls_group_reinit(old, &reinit) != SG_OK)
        return SG_ERR_MLS_GROUP;
    /* RFC9420 s11.2: the epoch after the Commit covering the ReInit */
    if (id->epoch != old->epoch->context.epoch)
        return SG_ERR_MLS_GROUP;
    if (!sg_bytes_equal(reinit.group_id, context->group_id) || reinit.version != context->version ||
        reinit.suite != context->suite || !sg_bytes_equal(reinit.extensions, context->extensions))
        return SG_ERR_MLS_GROUP;
    return sg_mls_check_members(&old->tree, &j->group->tree, false);
}

/* RFC9420 s11.2, s11.3, s12.4.3.1: what a group with a reinit or branch PSK must be. */
static sg_err check_successor(const struct joining *j, const struct sg_mls_psk_id *id)
{
    const struct sg_mls_group *old = j->in->old;
    if (id == NULL)
        return SG_OK;
    if (old == NULL || old->epoch == NULL ||
        !sg_bytes_equal(id->id, old->epoch->context.group_id) || j->info.context.epoch != 1)
        return SG_ERR_MLS_GROUP;
    if (id->usage == SG_MLS_USAGE_REINIT)
        return check_reinit(j, old, id);
    if (j->suite != old->suite || j->info.context.version != old->epoch->context.version)
        return SG_ERR_MLS_GROUP;
    return sg_mls_check_members(&old->tree, &j->group->tree, true);
}

static sg_err join(struct joining *j)
{
    const struct sg_mls_psk_id *special;
    SG_TRY(read_inputs(j));
    SG_TRY(open_welcome(j, &special));
    struct sg_mls_rules rules = join_rules(j);
    SG_TRY(sg_mls_group_new(j->in->config, j->suite, &j->group));
    SG_TRY(sg_mls_group_take_tree(j->group, &rules, &j->info, j->in->tree));
    SG_TRY(sg_mls_epoch_new(j->in->config->mem, j->suite, &j->info.context, &j->group->epoch));
    SG_TRY(fill_epoch(j));
    SG_TRY(check_successor(j, special));
    sg_mls_group_keep_resumption(j->group);
    return SG_OK;
}

sg_err sg_mls_group_join(const struct sg_mls_join *in, struct sg_mls_group **out)
{
    const struct sg_mls_config *config = in->config;
    struct joining j = {.in = in};
    if (config->suite_count == 0)
        return SG_ERR_UNSUPPORTED;
    sg_mls_arena_init(&j.arena, config->mem, config->suites[0].wipe);
    sg_err err = join(&j);
    sg_mls_arena_fini(&j.arena);
    config->suites[0].wipe(&j.joiner, sizeof(j.joiner));
    config->suites[0].wipe(&j.psk, sizeof(j.psk));
    if (err == SG_OK)
        *out = j.group;
    else
        sg_mls_group_free(j.group);
    return err;
}

sg_err sg_mls_welcome_is_for(const struct sg_mls_config *config, struct sg_bytes welcome,
                             struct sg_bytes key_package)
{
    struct sg_mls_message message;
    struct sg_mls_key_package package;
    uint8_t ref[SG_MLS_HASH_MAX];
    struct sg_mls_arena arena;
    struct sg_reader r = sg_reader(key_package);
    sg_mls_arena_init(&arena, config->mem, NULL);
    sg_mls_read_key_package(&r, &package);
    sg_err err = sg_reader_done(&r);
    if (err == SG_OK)
        err = sg_mls_config_decode(config, welcome, &arena, &message);
    const struct sg_mls_suite *suite =
        err == SG_OK ? sg_mls_config_suite(config, package.suite) : NULL;
    if (err == SG_OK)
        err = SG_ERR_MLS_WELCOME;
    if (suite != NULL && message.wire_format == SG_MLS_WIRE_WELCOME &&
        message.u.welcome.suite == suite->id) {
        sg_mls_key_package_ref(suite, package.raw, ref);
        for (uint32_t i = 0; i < message.u.welcome.count && err != SG_OK; i++)
            if (sg_bytes_equal(message.u.welcome.secrets[i].new_member,
                               sg_bytes(ref, suite->hash_len)))
                err = SG_OK;
    }
    sg_mls_arena_fini(&arena);
    return err;
}

/* ---- creating ---- */

static sg_err first_epoch(const struct sg_mls_create *in, struct sg_mls_group *group,
                          const struct sg_mls_group_context *context)
{
    const struct sg_mls_suite *suite = group->suite;
    struct sg_mls_secret secret;
    SG_TRY(sg_mls_epoch_new(in->config->mem, suite, context, &group->epoch));
    sg_mls_private_put(&group->epoch->own, 0, in->keys.encryption_private);
    memcpy(group->epoch->signature_private, in->keys.signature_private.data,
           in->keys.signature_private.len);
    /* RFC9420 s11: "Epoch secret: A fresh random value of size KDF.Nh" */
    sg_err err = in->config->random->fill(in->config->random->state, secret.b, suite->hash_len);
    if (err == SG_OK)
        err = sg_mls_epoch_derive(suite, &secret, &group->epoch->secrets);
    suite->wipe(&secret, sizeof(secret));
    SG_TRY(err);
    return sg_mls_epoch_start(group->epoch, group->tree.leaves, sg_mls_group_window(in->config));
}

static sg_err create(const struct sg_mls_create *in, const struct sg_mls_key_package *package,
                     struct sg_mls_group *group)
{
    uint32_t leaf;
    struct sg_mls_rules rules = {.config = in->config,
                                 .suite = group->suite,
                                 .group_id = in->group_id,
                                 .extensions = in->extensions,
                                 .now = in->now,
                                 .is_sending = true};
    SG_TRY(sg_mls_check_key_package(&rules, package));
    SG_TRY(check_keys(group->suite, &in->keys, &package->leaf));
    SG_TRY(sg_mls_check_group_extensions(&rules, in->extensions));
    SG_TRY(sg_mls_tree_add(&group->tree, package->leaf.raw, &leaf));
    struct sg_mls_group_context context = {.version = SG_MLS_VERSION_10,
                                           .suite = group->suite->id,
                                           .group_id = in->group_id,
                                           .epoch = 0,
                                           .tree_hash = sg_mls_tree_root_hash(&group->tree),
                                           .extensions = in->extensions};
    SG_TRY(first_epoch(in, group, &context));
    sg_mls_group_keep_resumption(group);
    return SG_OK;
}

sg_err sg_mls_group_create(const struct sg_mls_create *in, struct sg_mls_group **out)
{
    struct sg_mls_key_package package;
    struct sg_mls_group *group;
    struct sg_reader r = sg_reader(in->keys.package);
    sg_mls_read_key_package(&r, &package);
    SG_TRY(sg_reader_done(&r));
    const struct sg_mls_suite *suite = sg_mls_config_suite(in->config, package.suite);
    if (suite == NULL)
        return SG_ERR_UNSUPPORTED;
    if (in->keys.encryption_private.len != suite->kem_private_len ||
        in->keys.signature_private.len != suite->sig_private_len)
        return SG_ERR_INVALID_ARGUMENT;
    SG_TRY(sg_mls_group_new(in->config, suite, &group));
    sg_err err = create(in, &package, group);
    if (err == SG_OK)
        *out = group;
    else
        sg_mls_group_free(group);
    return err;
}
