/* A commit from the wire: RFC 9420 s12.4.2, step by step. */
#include "mls/process.h"

struct work {
    struct sg_mls_group *group;
    struct sg_mls_arena *arena;
    const struct sg_mls_authentic *message;
    const struct sg_mls_commit *commit;
    struct sg_mls_list_context context;
    struct sg_mls_prepared *out;
    struct sg_mls_private own;
    struct sg_mls_secret commit_secret;
    struct sg_mls_secret init;
    struct sg_mls_secret psk;
};

static bool is_external(const struct work *work)
{
    return work->message->content.sender.type == SG_MLS_SENDER_NEW_COMMIT;
}

/* RFC9420 s7.3, s12.4.2: the committer's new leaf. */
static sg_err check_path_leaf(const struct work *work)
{
    const struct sg_mls_leaf *leaf = &work->commit->path->leaf;
    const struct sg_mls_change *change = &work->out->change;
    struct sg_mls_rules rules = work->context.rules;
    struct sg_mls_leaf before;
    struct sg_mls_leaf_check check = {.leaf = leaf,
                                      .index = work->out->committer,
                                      .source = SG_MLS_LEAF_COMMIT,
                                      .before = change->resync};
    rules.extensions = change->extensions;
    if (!is_external(work)) {
        sg_mls_tree_leaf(&work->group->tree, work->out->committer, &before);
        check.before = &before.credential;
        /* RFC9420 s12.4.2: "the encryption_key value in the LeafNode is different from the
         * committer's current leaf node" */
        if (sg_bytes_equal(before.encryption_key, leaf->encryption_key))
            return SG_ERR_MLS_COMMIT;
    } else if (change->resync != NULL) {
        SG_TRY(sg_mls_check_resync(rules.config, change->resync, &leaf->credential));
    }
    return sg_mls_check_leaf(&rules, &check);
}

static sg_err follow_path(struct work *work)
{
    struct sg_mls_group *group = work->group;
    struct sg_mls_path_secrets secrets = {0};
    struct sg_mls_path_open open = {
        &group->tree, work->arena, work->commit->path, &work->out->change.added, {NULL, 0}};
    SG_TRY(sg_mls_path_merge(&group->tree, work->out->committer, work->commit->path,
                             &work->out->change.added, &secrets.path));
    if (work->out->change.removes_own)
        return SG_OK;
    SG_TRY(sg_mls_provisional_context(group->epoch, &group->tree, work->out->change.extensions,
                                      work->arena, &open.context));
    sg_err err = sg_mls_path_decrypt(&open, &secrets, &work->own);
    work->commit_secret = secrets.commit;
    group->suite->wipe(&secrets, sizeof(secrets));
    sg_mls_private_prune(&group->tree, &work->own); /* of nodes that the path blanks */
    return err;
}

/* Our private keys after the proposals, before the path. */
static sg_err start_own(struct work *work)
{
    const struct sg_mls_cached *update = work->out->change.own_update;
    work->own = work->group->epoch->own;
    if (update != NULL && !update->has_keys)
        return SG_ERR_INVALID_STATE; /* made by another state of ours */
    if (update != NULL)
        sg_mls_private_put(
            &work->own, sg_mls_leaf_node(work->own.leaf),
            sg_bytes(update->encryption_private, work->group->suite->kem_private_len));
    sg_mls_private_prune(&work->group->tree, &work->own);
    return SG_OK;
}

static sg_err apply_path(struct work *work)
{
    /* RFC9420 s12.4: "the path field of a Commit MUST be populated" unless no proposal needs it */
    if (work->commit->path == NULL)
        return work->out->change.needs_path ? SG_ERR_MLS_COMMIT : SG_OK;
    /* RFC9420 s12.4.2: the sender of an external commit gets the leftmost blank leaf */
    if (is_external(work))
        SG_TRY(sg_mls_tree_free_leaf(&work->group->tree, &work->out->committer));
    SG_TRY(check_path_leaf(work));
    return follow_path(work);
}

/* RFC9420 s8.3: the init secret that the joiner encapsulated to external_pub. */
static sg_err external_init(struct work *work)
{
    const struct sg_mls_suite *suite = work->group->suite;
    uint8_t private_key[SG_MLS_KEM_PRIVATE_MAX], public_key[SG_MLS_KEM_PUBLIC_MAX];
    struct sg_mls_hpke_from from = {
        .private_key = sg_bytes(private_key, suite->kem_private_len),
        .public_key = sg_bytes(public_key, suite->kem_public_len),
        .enc = *work->out->change.kem_output,
    };
    struct sg_mls_hpke_export export = {SG_BYTES_LIT("MLS 1.0 external init secret"), work->init.b,
                                        suite->hash_len};
    sg_err err =
        suite->kem_derive(suite, sg_mls_secret_bytes(suite, &work->group->epoch->secrets.external),
                          private_key, public_key);
    if (err == SG_OK)
        err = suite->hpke_receive_export(suite, &from, &export);
    suite->wipe(private_key, sizeof(private_key));
    return err;
}

static sg_err enter_epoch(struct work *work)
{
    struct sg_mls_group *group = work->group;
    const struct sg_mls_change *change = &work->out->change;
    struct sg_mls_psk_source source = {group->config, group->suite, {group, NULL}};
    struct sg_mls_secret joiner;
    struct sg_mls_advance in = {
        .from = group->epoch,
        .tree = &group->tree,
        .extensions = change->extensions,
        .init = change->kem_output != NULL ? &work->init : NULL,
        .commit = &work->commit_secret,
        .psk = &work->psk,
        .message = work->message,
        .window = sg_mls_group_window(group->config),
    };
    SG_TRY(sg_mls_psks_secret(&source, work->arena, change->psks, change->psk_count, &work->psk));
    if (change->kem_output != NULL)
        SG_TRY(external_init(work));
    sg_err err = sg_mls_epoch_advance(&in, &joiner, &work->out->epoch);
    group->suite->wipe(&joiner, sizeof(joiner));
    return err;
}

/* RFC9420 s12.4.2: the confirmation tag shows that we came to the same epoch. */
static sg_err check_tag(const struct work *work)
{
    const struct sg_mls_suite *suite = work->group->suite;
    return suite->equal(sg_bytes(work->out->epoch->tag, suite->hash_len),
                        work->message->auth.confirmation_tag)
               ? SG_OK
               : SG_ERR_MLS_TAG;
}

static void finish_epoch(struct work *work)
{
    struct sg_mls_epoch *epoch = work->out->epoch;
    const struct sg_mls_cached *update = work->out->change.own_update;
    epoch->own = work->own;
    memcpy(epoch->signature_private,
           update != NULL ? update->signature_private : work->group->epoch->signature_private,
           sizeof(epoch->signature_private));
}

static void write_reinit(struct sg_writer *w, const void *reinit)
{
    struct sg_mls_proposal proposal = {.type = SG_MLS_REINIT};
    proposal.u.reinit = *(const struct sg_mls_reinit *)reinit;
    sg_mls_write_proposal_body(w, &proposal);
}

sg_err sg_mls_closing_copy(const struct sg_mls_config *config, struct sg_mls_arena *arena,
                           const struct sg_mls_reinit *reinit, struct sg_mls_closing *out)
{
    struct sg_bytes encoded;
    SG_TRY(sg_mls_encode(arena, write_reinit, reinit, &encoded));
    out->raw = sg_mem_new(config->mem, encoded.len, 1);
    if (out->raw == NULL)
        return SG_ERR_NO_MEMORY;
    memcpy(out->raw, encoded.data, encoded.len);
    out->len = encoded.len;
    return SG_OK;
}

static sg_err prepare(struct work *work)
{
    struct sg_mls_group *group = work->group;
    struct sg_mls_change *change = &work->out->change;
    struct sg_mls_list list;
    SG_TRY(sg_mls_list_resolve(group, work->arena, work->commit, &work->message->content.sender,
                               &list));
    SG_TRY(sg_mls_list_apply(&work->context, &list, change));
    if (!change->removes_own)
        SG_TRY(start_own(work));
    SG_TRY(apply_path(work));
    SG_TRY(sg_mls_list_check_tree(&work->context, change,
                                  work->commit->path == NULL ? NULL : &work->commit->path->leaf));
    if (change->removes_own)
        return SG_OK;
    if (change->reinit != NULL)
        SG_TRY(
            sg_mls_closing_copy(group->config, work->arena, change->reinit, &work->out->closing));
    SG_TRY(enter_epoch(work));
    SG_TRY(check_tag(work));
    finish_epoch(work);
    return SG_OK;
}

sg_err sg_mls_prepare_commit(struct sg_mls_group *group, struct sg_mls_arena *arena,
                             const struct sg_mls_authentic *message, uint64_t now,
                             struct sg_mls_prepared *out)
{
    bool external = message->content.sender.type == SG_MLS_SENDER_NEW_COMMIT;
    struct work work = {
        .group = group,
        .arena = arena,
        .message = message,
        .commit = &message->content.commit,
        .context = {.rules = sg_mls_group_rules(group, now),
                    .tree = &group->tree,
                    .arena = arena,
                    .committer = external ? UINT32_MAX : message->content.sender.index,
                    .own = sg_mls_group_leaf(group),
                    .usage = SG_MLS_USAGE_APPLICATION},
        .out = out,
    };
    work.context.rules.is_committed = true;
    memset(out, 0, sizeof(*out));
    out->committer = work.context.committer;
    sg_mls_tree_begin(&group->tree, &out->log);
    sg_err err = prepare(&work);
    sg_mls_tree_end(&group->tree);
    group->suite->wipe(&work.own, sizeof(work.own));
    group->suite->wipe(&work.commit_secret, sizeof(work.commit_secret));
    group->suite->wipe(&work.init, sizeof(work.init));
    group->suite->wipe(&work.psk, sizeof(work.psk));
    if (err == SG_OK && out->epoch != NULL)
        return SG_OK;
    /* it failed, or it removes us: then the tree goes on without us */
    sg_mls_tree_undo(&group->tree, &out->log);
    sg_mls_tree_log_fini(&group->tree, &out->log);
    sg_mls_closing_fini(group->config, &out->closing);
    sg_mls_epoch_free(out->epoch);
    out->epoch = NULL;
    return err;
}

void sg_mls_adopt(struct sg_mls_group *group, struct sg_mls_prepared *prepared)
{
    if (prepared->epoch != NULL) {
        sg_mls_group_step(group, prepared->epoch, &prepared->log, &prepared->closing);
        return;
    }
    sg_mls_group_remove_own(group);
}
