#include "mls/list.h"
#include "mls/app_data.h"

/* ---- finding ---- */

/* covered [cache_count]: which of the cached proposals the list has already. */
static sg_err resolve_ref(const struct sg_mls_group *group, struct sg_mls_arena *arena,
                          struct sg_bytes ref, bool *covered, struct sg_mls_listed *out)
{
    const struct sg_mls_cached *cached = sg_mls_cache_find(group, ref);
    struct sg_mls_authentic *message = sg_mls_arena_new(arena, 1, sizeof(*message));
    if (message == NULL)
        return SG_ERR_NO_MEMORY;
    /* one that comes twice: then a list is no longer than what waits */
    if (cached == NULL || covered[cached - group->cache])
        return SG_ERR_MLS_PROPOSAL;
    covered[cached - group->cache] = true;
    struct sg_reader r = sg_reader(sg_bytes(cached->message, cached->len));
    sg_mls_read_authentic(&r, arena, message);
    SG_TRY(sg_reader_done(&r));
    *out = (struct sg_mls_listed){&message->content.proposal, message->content.sender, cached};
    return SG_OK;
}

sg_err sg_mls_list_resolve(const struct sg_mls_group *group, struct sg_mls_arena *arena,
                           const struct sg_mls_commit *commit, const struct sg_mls_sender *sender,
                           struct sg_mls_list *out)
{
    bool *covered = sg_mls_arena_new(arena, group->cache_count, sizeof(*covered));
    out->count = commit->count;
    out->at = sg_mls_arena_new(arena, commit->count, sizeof(*out->at));
    if (out->at == NULL || covered == NULL)
        return SG_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < commit->count; i++) {
        const struct sg_mls_proposal_or_ref *one = &commit->proposals[i];
        if (one->is_ref)
            SG_TRY(resolve_ref(group, arena, one->ref, covered, &out->at[i]));
        else
            out->at[i] = (struct sg_mls_listed){&one->proposal, *sender, NULL};
    }
    return SG_OK;
}

/* RFC9420 s12.1.8: types that an external sender may send. */
sg_err sg_mls_check_proposal_sender(uint16_t type, uint8_t sender_type)
{
    if (sender_type == SG_MLS_SENDER_EXTERNAL)
        return type == SG_MLS_ADD || type == SG_MLS_REMOVE || type == SG_MLS_PSK ||
                       type == SG_MLS_REINIT || type == SG_MLS_GROUP_CONTEXT_EXTENSIONS ||
                       type == SG_MLS_APP_DATA_UPDATE
                   ? SG_OK
                   : SG_ERR_MLS_SENDER;
    if (sender_type == SG_MLS_SENDER_NEW_PROPOSAL)
        return type == SG_MLS_ADD ? SG_OK : SG_ERR_MLS_SENDER;
    return SG_OK;
}

/* ---- applying ---- */

static sg_err push_leaf(const struct sg_mls_list_context *in, struct sg_mls_leaves *leaves,
                        uint32_t leaf)
{
    void *grown =
        sg_mls_arena_push(in->arena, leaves->at, &leaves->count, &leaves->cap, sizeof(*leaves->at));
    if (grown == NULL)
        return SG_ERR_NO_MEMORY;
    leaves->at = grown;
    leaves->at[leaves->count - 1] = leaf;
    return SG_OK;
}

/* RFC9420 s12.2: no two Updates or Removes of one leaf. */
static sg_err touch(uint8_t *touched, uint32_t leaf)
{
    if (touched[leaf])
        return SG_ERR_MLS_PROPOSAL;
    touched[leaf] = 1;
    return SG_OK;
}

/* RFC9420 s12.1.2, s7.3: what an Update brings. */
static sg_err check_update(const struct sg_mls_list_context *in, const struct sg_mls_rules *rules,
                           const struct sg_mls_listed *listed)
{
    struct sg_mls_leaf before;
    uint32_t leaf = listed->sender.index;
    /* RFC9420 s12.2: not one of the committer's own */
    if (listed->sender.type != SG_MLS_SENDER_MEMBER || leaf == in->committer ||
        !sg_mls_tree_has_leaf(in->tree, leaf))
        return SG_ERR_MLS_PROPOSAL;
    sg_mls_tree_leaf(in->tree, leaf, &before);
    if (sg_bytes_equal(before.encryption_key, listed->proposal->u.update->encryption_key))
        return SG_ERR_MLS_PROPOSAL;
    struct sg_mls_leaf_check check = {.leaf = listed->proposal->u.update,
                                      .index = leaf,
                                      .source = SG_MLS_LEAF_UPDATE,
                                      .before = &before.credential};
    return sg_mls_check_leaf(rules, &check);
}

struct apply {
    const struct sg_mls_list_context *in;
    struct sg_mls_rules rules; /* with the new extensions */
    uint8_t *touched;          /* [leaves before] */
    struct sg_mls_change *out;
};

static sg_err apply_update(struct apply *a, const struct sg_mls_listed *listed)
{
    uint32_t leaf = listed->sender.index;
    SG_TRY(check_update(a->in, &a->rules, listed));
    SG_TRY(touch(a->touched, leaf));
    if (leaf == a->in->own)
        a->out->own_update = listed->cached;
    SG_TRY(push_leaf(a->in, &a->out->updated, leaf));
    return sg_mls_tree_update(a->in->tree, leaf, listed->proposal->u.update->raw);
}

static sg_err apply_remove(struct apply *a, uint32_t leaf)
{
    /* RFC9420 s12.1.3: "does not identify a non-blank leaf node"; s12.2: not the committer */
    if (!sg_mls_tree_has_leaf(a->in->tree, leaf) || leaf == a->in->committer)
        return SG_ERR_MLS_PROPOSAL;
    SG_TRY(touch(a->touched, leaf));
    a->out->removes_own = a->out->removes_own || leaf == a->in->own;
    SG_TRY(push_leaf(a->in, &a->out->removed, leaf));
    return sg_mls_tree_remove(a->in->tree, leaf);
}

/* RFC9420 s12.2: the joiner of an external commit removes an old version of itself; whether it is
 * one, the credentials tell. */
static sg_err note_resync(struct apply *a, uint32_t leaf)
{
    struct sg_mls_leaf before;
    struct sg_mls_credential *copy = sg_mls_arena_new(a->in->arena, 1, sizeof(*copy));
    if (copy == NULL)
        return SG_ERR_NO_MEMORY;
    if (!sg_mls_tree_has_leaf(a->in->tree, leaf))
        return SG_ERR_MLS_PROPOSAL;
    sg_mls_tree_leaf(a->in->tree, leaf, &before);
    copy->type = before.credential.type;
    a->out->resync = copy;
    return sg_mls_arena_copy(a->in->arena, before.credential.body, &copy->body);
}

static sg_err apply_add(struct apply *a, const struct sg_mls_proposal *proposal)
{
    uint32_t leaf, count = a->out->added.count;
    SG_TRY(sg_mls_check_key_package(&a->rules, proposal->u.add));
    SG_TRY(sg_mls_tree_add(a->in->tree, proposal->u.add->leaf.raw, &leaf));
    /* a path takes the place of so many keys at most; equal ones are slow to store */
    if (a->in->tree->keys.duplicates > SG_MLS_LEVELS_MAX + 2)
        return SG_ERR_MLS_PROPOSAL;
    SG_TRY(push_leaf(a->in, &a->out->added, leaf));
    void *grown = sg_mls_arena_push(a->in->arena, a->out->packages, &count, &a->out->package_cap,
                                    sizeof(*a->out->packages));
    if (grown == NULL)
        return SG_ERR_NO_MEMORY;
    a->out->packages = grown;
    a->out->packages[count - 1] = proposal->u.add;
    return SG_OK;
}

static sg_err note_psk(struct apply *a, const struct sg_mls_psk_id *id)
{
    /* RFC9420 s12.1.4: reinit and branch only there; psk_nonce of KDF.Nh bytes */
    if (id->type == SG_MLS_PSK_RESUMPTION && id->usage != SG_MLS_USAGE_APPLICATION &&
        id->usage != a->in->usage)
        return SG_ERR_MLS_PSK;
    if (id->nonce.len != a->rules.suite->hash_len)
        return SG_ERR_MLS_PSK;
    /* RFC9420 s12.2: "multiple PreSharedKey proposals that reference the same PreSharedKeyID" */
    for (uint32_t i = 0; i < a->out->psk_count; i++)
        if (sg_mls_psk_id_equal(a->out->psks[i], id))
            return SG_ERR_MLS_PROPOSAL;
    if (a->out->psk_count == SG_MLS_PSKS_MAX)
        return SG_ERR_LIMIT;
    void *grown = sg_mls_arena_push(a->in->arena, a->out->psks, &a->out->psk_count,
                                    &a->out->psk_cap, sizeof(*a->out->psks));
    if (grown == NULL)
        return SG_ERR_NO_MEMORY;
    a->out->psks = grown;
    a->out->psks[a->out->psk_count - 1] = id;
    return SG_OK;
}

static sg_err note_extensions(struct apply *a, const struct sg_mls_proposal *proposal)
{
    /* RFC9420 s12.2: "It contains multiple GroupContextExtensions proposals" */
    if (a->out->has_extensions)
        return SG_ERR_MLS_PROPOSAL;
    SG_TRY(sg_mls_app_data_check_extensions(a->in->rules.extensions, proposal->u.extensions));
    a->out->has_extensions = true;
    a->out->extensions = proposal->u.extensions;
    a->rules.extensions = proposal->u.extensions;
    return sg_mls_check_group_extensions(&a->rules, proposal->u.extensions);
}

static sg_err note_app_data(struct apply *a, const struct sg_mls_app_data *update)
{
    if (a->out->app_data_count == SG_MLS_APP_DATA_MAX)
        return SG_ERR_LIMIT;
    void *grown = sg_mls_arena_push(a->in->arena, a->out->app_data, &a->out->app_data_count,
                                    &a->out->app_data_cap, sizeof(*a->out->app_data));
    if (grown == NULL)
        return SG_ERR_NO_MEMORY;
    a->out->app_data = grown;
    a->out->app_data[a->out->app_data_count - 1] = update;
    return SG_OK;
}

/* draft-ietf-mls-extensions-08 s4.7: after all other proposals. */
static sg_err apply_app_data(struct apply *a)
{
    if (a->out->app_data_count == 0)
        return SG_OK;
    a->out->has_extensions = true;
    return sg_mls_app_data_apply(a->in->rules.config, a->in->arena, a->out->app_data,
                                 a->out->app_data_count, &a->out->extensions);
}

static sg_err note_reinit(struct apply *a, const struct sg_mls_list *list,
                          const struct sg_mls_proposal *proposal)
{
    /* RFC9420 s12.1.5, s12.2: alone, and not "less than the version" in use */
    if (list->count != 1 || proposal->u.reinit.version < SG_MLS_VERSION_10)
        return SG_ERR_MLS_PROPOSAL;
    a->out->reinit = &proposal->u.reinit;
    return SG_OK;
}

static sg_err note_external_init(struct apply *a, const struct sg_mls_proposal *proposal)
{
    /* RFC9420 s12.2: exactly one in an external commit, none elsewhere */
    if (a->in->committer != UINT32_MAX || a->out->kem_output != NULL)
        return SG_ERR_MLS_PROPOSAL;
    a->out->kem_output = &proposal->u.kem_output;
    return SG_OK;
}

/* RFC9420 s12.4: types that do not need a path. */
static bool needs_path(uint16_t type)
{
    return type != SG_MLS_ADD && type != SG_MLS_PSK && type != SG_MLS_REINIT &&
           type != SG_MLS_APP_DATA_UPDATE;
}

/* RFC9420 s12.2: an external commit covers ExternalInit, one Remove and PSKs by value, and
 * (draft-ietf-mls-extensions) AppDataUpdates by value and SelfRemoves by reference. */
static bool is_external_value(uint16_t type)
{
    return type == SG_MLS_REMOVE || type == SG_MLS_EXTERNAL_INIT || type == SG_MLS_PSK ||
           type == SG_MLS_APP_DATA_UPDATE;
}

static sg_err check_external(const struct sg_mls_list *list)
{
    uint32_t removes = 0, inits = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        uint16_t type = list->at[i].proposal->type;
        bool is_ref = list->at[i].cached != NULL;
        removes += type == SG_MLS_REMOVE;
        inits += type == SG_MLS_EXTERNAL_INIT;
        if (type == SG_MLS_SELF_REMOVE && is_ref)
            continue;
        if (is_ref || !is_external_value(type))
            return SG_ERR_MLS_PROPOSAL;
    }
    return inits == 1 && removes <= 1 ? SG_OK : SG_ERR_MLS_PROPOSAL;
}

/* RFC9420 s12.3: one pass for each kind, in the order in which they are applied. */
enum pass { PASS_EXTENSIONS, PASS_UPDATE, PASS_REMOVE, PASS_ADD, PASS_REST, PASS_COUNT };

static enum pass pass_of(uint16_t type)
{
    switch (type) {
    case SG_MLS_GROUP_CONTEXT_EXTENSIONS:
        return PASS_EXTENSIONS;
    case SG_MLS_UPDATE:
        return PASS_UPDATE;
    case SG_MLS_REMOVE:
    case SG_MLS_SELF_REMOVE:
        return PASS_REMOVE;
    case SG_MLS_ADD:
        return PASS_ADD;
    default:
        return PASS_REST;
    }
}

static sg_err apply_one(struct apply *a, const struct sg_mls_list *list,
                        const struct sg_mls_listed *listed)
{
    const struct sg_mls_proposal *proposal = listed->proposal;
    a->rules.is_verified = listed->cached != NULL;
    switch (proposal->type) {
    case SG_MLS_GROUP_CONTEXT_EXTENSIONS:
        return note_extensions(a, proposal);
    case SG_MLS_UPDATE:
        return apply_update(a, listed);
    case SG_MLS_REMOVE:
        if (a->in->committer == UINT32_MAX)
            SG_TRY(note_resync(a, proposal->u.removed));
        return apply_remove(a, proposal->u.removed);
    case SG_MLS_SELF_REMOVE:
        if (listed->sender.type != SG_MLS_SENDER_MEMBER)
            return SG_ERR_MLS_SENDER;
        return apply_remove(a, listed->sender.index);
    case SG_MLS_ADD:
        return apply_add(a, proposal);
    case SG_MLS_PSK:
        return note_psk(a, &proposal->u.psk);
    case SG_MLS_REINIT:
        return note_reinit(a, list, proposal);
    case SG_MLS_EXTERNAL_INIT:
        return note_external_init(a, proposal);
    case SG_MLS_APP_DATA_UPDATE:
        return note_app_data(a, &proposal->u.app_data);
    default:
        return SG_ERR_UNSUPPORTED;
    }
}

/* Types that all members were found to support. */
struct checked_types {
    uint16_t at[64];
    uint32_t count;
};

/* Whom the list takes out: RFC9420 s12.2 asks of them no more what they support. */
static const uint8_t *find_leaving(const struct sg_mls_list_context *in,
                                   const struct sg_mls_list *list)
{
    uint8_t *leaving = sg_mls_arena_new(in->arena, in->tree->leaves, 1);
    for (uint32_t i = 0; leaving != NULL && i < list->count; i++) {
        const struct sg_mls_listed *one = &list->at[i];
        uint32_t leaf = UINT32_MAX;
        if (one->proposal->type == SG_MLS_REMOVE)
            leaf = one->proposal->u.removed;
        else if (one->proposal->type == SG_MLS_SELF_REMOVE &&
                 one->sender.type == SG_MLS_SENDER_MEMBER)
            leaf = one->sender.index;
        if (leaf < in->tree->leaves)
            leaving[leaf] = 1;
    }
    return leaving;
}

/* RFC9420 s12.2: a type that is not default is one that all members support; asked once a type. */
static sg_err check_type(const struct sg_mls_tree *tree, const uint8_t *leaving,
                         struct checked_types *checked, uint16_t type)
{
    for (uint32_t i = 0; i < checked->count; i++)
        if (checked->at[i] == type)
            return SG_OK;
    if (checked->count == sizeof(checked->at) / sizeof(checked->at[0]))
        return SG_ERR_LIMIT;
    checked->at[checked->count++] = type;
    return sg_mls_check_proposal_type(tree, type, leaving);
}

static sg_err check_types(const struct sg_mls_list_context *in, const struct sg_mls_list *list,
                          struct sg_mls_change *out)
{
    struct checked_types checked = {.count = 0};
    const uint8_t *leaving = find_leaving(in, list);
    if (leaving == NULL)
        return SG_ERR_NO_MEMORY;
    out->needs_path = list->count == 0;
    for (uint32_t i = 0; i < list->count; i++) {
        uint16_t type = list->at[i].proposal->type;
        SG_TRY(sg_mls_check_proposal_sender(type, list->at[i].sender.type));
        out->needs_path = out->needs_path || needs_path(type);
        SG_TRY(check_type(in->tree, leaving, &checked, type));
    }
    return SG_OK;
}

sg_err sg_mls_list_apply(const struct sg_mls_list_context *in, const struct sg_mls_list *list,
                         struct sg_mls_change *out)
{
    struct apply a = {in, in->rules, sg_mls_arena_new(in->arena, in->tree->leaves, 1), out};
    memset(out, 0, sizeof(*out));
    if (a.touched == NULL)
        return SG_ERR_NO_MEMORY;
    out->extensions = in->rules.extensions;
    sg_mls_types_of(in->tree, &out->types_before);
    if (in->committer == UINT32_MAX)
        SG_TRY(check_external(list));
    SG_TRY(check_types(in, list, out));
    for (unsigned pass = PASS_EXTENSIONS; pass < PASS_COUNT; pass++) {
        for (uint32_t i = 0; i < list->count; i++)
            if (pass_of(list->at[i].proposal->type) == pass)
                SG_TRY(apply_one(&a, list, &list->at[i]));
        if (pass == PASS_REMOVE)
            SG_TRY(sg_mls_tree_truncate(in->tree));
    }
    return apply_app_data(&a);
}

static sg_err check_leaves(const struct sg_mls_tree *tree, const struct sg_mls_leaves *leaves)
{
    for (uint32_t i = 0; i < leaves->count; i++) {
        struct sg_mls_leaf leaf;
        sg_mls_tree_leaf(tree, leaves->at[i], &leaf);
        SG_TRY(sg_mls_check_leaf_types(tree, &leaf.capabilities));
    }
    return SG_OK;
}

sg_err sg_mls_list_check_tree(const struct sg_mls_list_context *in,
                              const struct sg_mls_change *change,
                              const struct sg_mls_leaf *path_leaf)
{
    /* RFC9420 s7.3, s12.2, s16.7: keys are unique among the members, so is a client */
    if (in->tree->keys.duplicates != 0)
        return SG_ERR_MLS_PROPOSAL;
    SG_TRY(check_leaves(in->tree, &change->added));
    SG_TRY(check_leaves(in->tree, &change->updated));
    if (path_leaf != NULL)
        SG_TRY(sg_mls_check_leaf_types(in->tree, &path_leaf->capabilities));
    SG_TRY(sg_mls_check_new_types(in->tree, &change->types_before));
    /* RFC9420 s12.1.7: all members, those added too and those removed not, support the new ones */
    if (change->has_extensions)
        SG_TRY(sg_mls_check_members_support(in->tree, change->extensions));
    return SG_OK;
}

/* ---- PSKs ---- */

/* The secret that a resumption id names among the groups at hand. A reinit may keep the group id;
 * its PSK is the old group's, which comes last. Of a join from outside it is the old one's too,
 * since the group that is joined has no epoch yet. SG_ERR_NOT_FOUND: the id is of none of them. */
static sg_err find_resumption(const struct sg_mls_psk_source *source,
                              const struct sg_mls_psk_id *id, struct sg_mls_psk_out *out)
{
    bool is_last_only = id->usage != SG_MLS_USAGE_APPLICATION && source->groups[1] != NULL;
    sg_err err = SG_ERR_NOT_FOUND;
    for (size_t i = is_last_only ? 1 : 0; i < 2; i++) {
        const struct sg_mls_group *group = source->groups[i];
        if (group == NULL || group->epoch == NULL ||
            !sg_bytes_equal(id->id, group->epoch->context.group_id))
            continue;
        const struct sg_mls_secret *secret = sg_mls_group_resumption(group, id->epoch);
        err = SG_ERR_MLS_PSK;
        if (secret == NULL)
            continue;
        out->len = group->suite->hash_len;
        memcpy(out->secret, secret->b, out->len);
        return SG_OK;
    }
    return err;
}

static sg_err find_psk(const struct sg_mls_psk_source *source, const struct sg_mls_psk_id *id,
                       struct sg_mls_psk_out *out)
{
    sg_err err =
        id->type == SG_MLS_PSK_RESUMPTION ? find_resumption(source, id, out) : SG_ERR_NOT_FOUND;
    if (err != SG_ERR_NOT_FOUND)
        return err;
    if (source->config->psk == NULL)
        return SG_ERR_MLS_PSK;
    SG_TRY(source->config->psk(source->config->user, id, out));
    return out->len <= SG_MLS_PSK_MAX ? SG_OK : SG_ERR_TOO_LARGE;
}

sg_err sg_mls_psks_secret(const struct sg_mls_psk_source *source, struct sg_mls_arena *arena,
                          const struct sg_mls_psk_id *const *ids, uint32_t count,
                          struct sg_mls_secret *out)
{
    struct sg_mls_psk *psks = sg_mls_arena_new(arena, count, sizeof(*psks));
    struct sg_mls_psk_out *found = sg_mls_arena_new(arena, count, sizeof(*found));
    if (psks == NULL || found == NULL)
        return SG_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < count; i++) {
        SG_TRY(find_psk(source, ids[i], &found[i]));
        psks[i] = (struct sg_mls_psk){*ids[i], sg_bytes(found[i].secret, found[i].len)};
    }
    return sg_mls_psk_secret(source->suite, arena, psks, count, out);
}
