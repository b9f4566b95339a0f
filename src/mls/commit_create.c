/* A commit of ours: RFC 9420 s12.4.1, step by step. */
#include "mls/create.h"
#include "mls/select.h"

struct making {
    struct sg_mls_group *group;
    struct sg_mls_arena *arena;
    const struct sg_mls_commit_options *options;
    const struct sg_mls_secret *init; /* external: the init secret; else NULL */
    struct sg_mls_signer signer;      /* of the content: the leaf as it is */
    struct sg_mls_signer new_signer;  /* of the new leaf and the group info */
    struct sg_mls_list_context context;
    struct sg_mls_change change;
    struct sg_mls_tree_log log;
    uint32_t leaf;
    struct sg_mls_credential before; /* ours; in the log's node */
    struct sg_mls_private own;
    struct sg_mls_path path;
    struct sg_mls_path_secrets secrets;
    struct sg_mls_secret psk;
    struct sg_mls_secret joiner;
    struct sg_mls_epoch *epoch;
    struct sg_mls_closing closing;
    struct sg_mls_outgoing out;
};

static bool is_external(const struct making *m)
{
    return m->init != NULL;
}

static struct sg_mls_commit *commit_of(struct making *m)
{
    return &m->out.message.content.commit;
}

static bool uses_cached(const struct making *m)
{
    return !m->options->skips_cached && !is_external(m) && m->group->cache_count > 0;
}

static sg_err apply(struct making *m)
{
    struct sg_mls_list list;
    SG_TRY(sg_mls_list_resolve(m->group, m->arena, commit_of(m), &m->out.message.content.sender,
                               &list));
    SG_TRY(sg_mls_list_apply(&m->context, &list, &m->change));
    return uses_cached(m) ? sg_mls_list_check_tree(&m->context, &m->change, NULL) : SG_OK;
}

static sg_err choose(struct making *m, const struct sg_mls_list_context *checked)
{
    const struct sg_mls_new_leaf *leaf = m->options->new_leaf;
    struct sg_mls_selection selection = {m->group,
                                         m->arena,
                                         m->options->values,
                                         m->options->count,
                                         leaf == NULL ? NULL : &leaf->leaf,
                                         checked};
    struct sg_mls_commit *commit = commit_of(m);
    if (uses_cached(m))
        return sg_mls_select(&selection, commit);
    commit->count = m->options->count;
    commit->proposals = sg_mls_arena_new(m->arena, commit->count, sizeof(*commit->proposals));
    if (commit->proposals == NULL)
        return SG_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < commit->count; i++)
        commit->proposals[i].proposal = m->options->values[i];
    return SG_OK;
}

static sg_err apply_list(struct making *m)
{
    struct sg_mls_tree *tree = &m->group->tree;
    SG_TRY(choose(m, NULL));
    sg_err err = apply(m);
    if (!uses_cached(m) || !sg_mls_is_verdict(err))
        return err;
    /* nobody's proposal may keep us from committing: each is looked at */
    sg_mls_tree_undo(tree, &m->log);
    sg_mls_tree_log_fini(tree, &m->log);
    err = choose(m, &m->context);
    sg_mls_tree_begin(tree, &m->log);
    SG_TRY(err);
    return apply(m);
}

/* RFC9420 s7.3: a leaf of our own has to be as valid as anybody's. */
static sg_err check_own_leaf(const struct making *m)
{
    struct sg_mls_rules rules = m->context.rules;
    struct sg_mls_leaf_check check = {.leaf = &m->path.leaf,
                                      .index = m->leaf,
                                      .source = SG_MLS_LEAF_COMMIT,
                                      .before = is_external(m) ? m->change.resync : &m->before};
    rules.extensions = m->change.extensions;
    /* what we just signed is right if the key is; a new leaf's is one that the program gave */
    rules.is_verified = m->options->new_leaf == NULL;
    if (is_external(m) && m->change.resync != NULL)
        SG_TRY(sg_mls_check_resync(rules.config, m->change.resync, &m->path.leaf.credential));
    return sg_mls_check_leaf(&rules, &check);
}

static sg_err make_path(struct making *m)
{
    struct sg_mls_leaf leaf;
    struct sg_bytes context;
    if (is_external(m)) {
        SG_TRY(sg_mls_tree_free_leaf(&m->group->tree, &m->leaf));
    } else {
        sg_mls_tree_leaf(&m->group->tree, m->leaf, &leaf);
        m->before = leaf.credential;
    }
    if (m->options->new_leaf != NULL)
        leaf = m->options->new_leaf->leaf;
    struct sg_mls_path_make make = {.tree = &m->group->tree,
                                    .arena = m->arena,
                                    .signer = &m->new_signer,
                                    .group_id = m->group->epoch->context.group_id,
                                    .leaf = m->leaf,
                                    .leaf_template = &leaf};
    SG_TRY(sg_mls_path_create(&make, &m->secrets, &m->own, &m->path));
    SG_TRY(sg_mls_provisional_context(m->group->epoch, &m->group->tree, m->change.extensions,
                                      m->arena, &context));
    SG_TRY(sg_mls_path_encrypt(&make, &m->secrets, context, &m->change.added, &m->path));
    commit_of(m)->path = &m->path;
    return check_own_leaf(m);
}

/* Others would refuse it before they look at it. */
static sg_err check_limits(const struct making *m, const struct sg_mls_commit *commit)
{
    const struct sg_mls_limits *limits = &m->group->config->limits;
    uint64_t secrets = 0;
    for (uint32_t i = 0; commit->path != NULL && i < commit->path->count; i++)
        secrets += commit->path->nodes[i].count;
    return commit->count > limits->proposals || secrets > limits->path_secrets ? SG_ERR_LIMIT
                                                                               : SG_OK;
}

static sg_err make_tree(struct making *m)
{
    SG_TRY(apply_list(m));
    /* RFC9420 s12.4.1: "If the path field is required ... it MUST be populated" */
    bool has_path = m->change.needs_path || !m->options->omits_path || m->options->new_leaf != NULL;
    if (has_path) {
        SG_TRY(make_path(m));
    } else {
        m->own = m->group->epoch->own;
        sg_mls_private_prune(&m->group->tree, &m->own);
    }
    SG_TRY(check_limits(m, commit_of(m)));
    return sg_mls_list_check_tree(&m->context, &m->change, has_path ? &m->path.leaf : NULL);
}

static sg_err enter_epoch(struct making *m)
{
    const struct sg_mls_config *config = m->group->config;
    struct sg_mls_psk_source source = {config, m->group->suite, {m->group, m->options->old}};
    struct sg_mls_advance in = {.from = m->group->epoch,
                                .tree = &m->group->tree,
                                .extensions = m->change.extensions,
                                .init = m->init,
                                .commit = &m->secrets.commit,
                                .psk = &m->psk,
                                .message = &m->out.message,
                                .window = sg_mls_group_window(config)};
    SG_TRY(sg_mls_psks_secret(&source, m->arena, m->change.psks, m->change.psk_count, &m->psk));
    SG_TRY(sg_mls_epoch_advance(&in, &m->joiner, &m->epoch));
    m->epoch->own = m->own;
    memcpy(m->epoch->signature_private, m->new_signer.private_key.data,
           m->new_signer.private_key.len);
    m->new_signer.private_key =
        sg_bytes(m->epoch->signature_private, m->group->suite->sig_private_len);
    return SG_OK;
}

static sg_err make_message(struct making *m)
{
    struct sg_mls_authentic *message = &m->out.message;
    SG_TRY(sg_mls_content_sign(&m->signer, m->arena, m->group->epoch->context.raw, message));
    SG_TRY(enter_epoch(m));
    message->auth.confirmation_tag = sg_bytes(m->epoch->tag, m->group->suite->hash_len);
    if (m->change.reinit != NULL)
        SG_TRY(sg_mls_closing_copy(m->group->config, m->arena, m->change.reinit, &m->closing));
    return sg_mls_protect(m->group, m->arena, &m->out);
}

static void write_message(struct sg_writer *w, const void *message)
{
    sg_mls_write_message(w, message);
}

static sg_err make_info(struct making *m, bool has_tree, bool has_external_pub,
                        struct sg_mls_group_info *out)
{
    struct sg_mls_info_options options = {has_tree, has_external_pub, m->options->info_extensions};
    struct sg_mls_info_source source = {m->epoch, &m->group->tree, &m->new_signer};
    return sg_mls_make_info(&source, m->arena, &options, out);
}

/* While the tree is the new one. */
static sg_err make_results(struct making *m, struct sg_mls_commit_result *out)
{
    struct sg_mls_message *info = sg_mls_arena_new(m->arena, 1, sizeof(*info));
    const struct sg_mls_welcoming welcoming = {.epoch = m->epoch,
                                               .change = &m->change,
                                               .path =
                                                   commit_of(m)->path == NULL ? NULL : &m->secrets,
                                               .joiner = &m->joiner,
                                               .psk = &m->psk,
                                               .random = m->group->config->random,
                                               .arena = m->arena};
    if (info == NULL)
        return SG_ERR_NO_MEMORY;
    memset(out, 0, sizeof(*out));
    out->commit = m->out.bytes;
    info->wire_format = SG_MLS_WIRE_GROUP_INFO;
    if (m->change.added.count > 0) {
        SG_TRY(make_info(m, m->options->tree_in_welcome, false, &info->u.group_info));
        SG_TRY(sg_mls_make_welcome(&welcoming, &info->u.group_info, &out->welcome));
    }
    if (!m->options->with_group_info)
        return SG_OK;
    SG_TRY(make_info(m, m->options->tree_in_welcome, true, &info->u.group_info));
    return sg_mls_encode(m->arena, write_message, info, &out->group_info);
}

static sg_err make(struct making *m, struct sg_mls_commit_result *out)
{
    SG_TRY(make_tree(m));
    SG_TRY(make_message(m));
    return make_results(m, out);
}

/* Last, when nothing can fail any more: the commit waits, the tree goes back. RFC9420 s14: "The
 * generation of Commit messages MUST NOT modify a client's state" */
static void set_pending(struct making *m, struct sg_mls_pending *pending)
{
    struct sg_mls_group *group = m->group;
    pending->has_hash = m->out.message.wire_format == SG_MLS_WIRE_PRIVATE;
    if (pending->has_hash)
        group->suite->hash(group->suite, SG_MLS_PARTS(m->out.bytes), pending->hash);
    pending->epoch = m->epoch;
    pending->log = m->log;
    pending->closing = m->closing;
    group->pending = pending;
    sg_mls_send_off(group, &m->out);
    sg_mls_tree_undo(&group->tree, &pending->log);
}

static void give_up(struct making *m, struct sg_mls_pending *pending)
{
    sg_mls_tree_undo(&m->group->tree, &m->log);
    sg_mls_tree_log_fini(&m->group->tree, &m->log);
    sg_mls_closing_fini(m->group->config, &m->closing);
    sg_mls_epoch_free(m->epoch);
    sg_mem_free(m->group->config->mem, pending);
}

static void fill(struct making *m)
{
    struct sg_mls_group *group = m->group;
    const struct sg_mls_commit_options *options = m->options;
    m->signer = sg_mls_group_signer(group);
    m->new_signer = m->signer;
    if (options->new_leaf != NULL)
        m->new_signer = (struct sg_mls_signer){group->suite, group->config->random,
                                               options->new_leaf->signature_private, NULL};
    m->leaf = sg_mls_group_leaf(group);
    m->context = (struct sg_mls_list_context){
        .rules = sg_mls_group_rules(group, options->send.now),
        .tree = &group->tree,
        .arena = m->arena,
        .committer = m->leaf,
        .own = UINT32_MAX - 1, /* what is of ours, the path replaces */
        .usage = options->usage == 0 ? SG_MLS_USAGE_APPLICATION : options->usage};
    m->context.rules.is_sending = true;
    sg_mls_fill_content(group, &options->send, SG_MLS_COMMIT, &m->out.message);
    if (is_external(m)) {
        m->signer = m->new_signer;
        m->context.committer = UINT32_MAX;
        m->out.message.content.sender = (struct sg_mls_sender){SG_MLS_SENDER_NEW_COMMIT, 0};
    }
}

static sg_err commit(struct sg_mls_group *group, struct sg_mls_arena *arena,
                     const struct sg_mls_commit_options *options, const struct sg_mls_secret *init,
                     struct sg_mls_commit_result *out)
{
    struct making *m = sg_mls_arena_new(arena, 1, sizeof(*m));
    struct sg_mls_pending *pending = sg_mem_new(group->config->mem, 1, sizeof(*pending));
    if (m == NULL || pending == NULL) {
        sg_mem_free(group->config->mem, pending);
        return SG_ERR_NO_MEMORY;
    }
    m->group = group;
    m->arena = arena;
    m->options = options;
    m->init = init;
    fill(m);
    sg_mls_tree_begin(&group->tree, &m->log);
    sg_err err = make(m, out);
    sg_mls_tree_end(&group->tree);
    if (err == SG_OK)
        set_pending(m, pending);
    else
        give_up(m, pending);
    sg_mls_key_use_fini(&group->epoch->ratchets, &m->out.use);
    group->suite->wipe(&m->secrets, sizeof(m->secrets));
    group->suite->wipe(&m->own, sizeof(m->own));
    return err;
}

sg_err sg_mls_group_commit(struct sg_mls_group *group, struct sg_mls_arena *arena,
                           const struct sg_mls_commit_options *options,
                           struct sg_mls_commit_result *out)
{
    SG_TRY(sg_mls_group_check_open(group));
    if (group->pending != NULL)
        return SG_ERR_INVALID_STATE;
    if (options->new_leaf != NULL &&
        options->new_leaf->signature_private.len != group->suite->sig_private_len)
        return SG_ERR_INVALID_ARGUMENT;
    return commit(group, arena, options, NULL, out);
}

sg_err sg_mls_commit_external(struct sg_mls_group *group, struct sg_mls_arena *arena,
                              const struct sg_mls_commit_options *options,
                              const struct sg_mls_secret *init, struct sg_mls_commit_result *out)
{
    return commit(group, arena, options, init, out);
}

void sg_mls_group_clear_pending(struct sg_mls_group *group)
{
    sg_mls_pending_free(group, group->pending);
    group->pending = NULL;
}
