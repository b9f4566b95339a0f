/* Joining by a commit of one's own: RFC 9420 s8.3, s12.4.3.2. */
#include "mls/create.h"
#include "mls/join.h"

struct arriving {
    const struct sg_mls_external *in;
    struct sg_mls_arena *arena;
    struct sg_mls_message *message;
    struct sg_mls_group *group;
    struct sg_mls_secret init;
    struct sg_mls_proposal *values;
    uint32_t count;
};

static sg_err read_info(struct arriving *a)
{
    const struct sg_mls_group *old = a->in->old;
    a->message = sg_mls_arena_new(a->arena, 1, sizeof(*a->message));
    if (a->message == NULL)
        return SG_ERR_NO_MEMORY;
    SG_TRY(sg_mls_config_decode(a->in->config, a->in->group_info, a->arena, a->message));
    if (a->message->wire_format != SG_MLS_WIRE_GROUP_INFO ||
        a->message->u.group_info.context.version != SG_MLS_VERSION_10)
        return SG_ERR_MLS_WELCOME;
    /* others look a resumption secret of another group up somewhere else, or nowhere */
    if (old != NULL && old->epoch != NULL &&
        !sg_bytes_equal(old->epoch->context.group_id, a->message->u.group_info.context.group_id))
        return SG_ERR_MLS_GROUP;
    return SG_OK;
}

/* A group in the epoch of the group info, of which it knows no secret. */
static sg_err build_group(struct arriving *a)
{
    const struct sg_mls_group_info *info = &a->message->u.group_info;
    const struct sg_mls_config *config = a->in->config;
    const struct sg_mls_suite *suite = sg_mls_config_suite(config, info->context.suite);
    struct sg_mls_rules rules = {.config = config,
                                 .suite = suite,
                                 .group_id = info->context.group_id,
                                 .extensions = info->context.extensions,
                                 .now = a->in->now};
    if (suite == NULL)
        return SG_ERR_UNSUPPORTED;
    if (a->in->leaf->signature_private.len != suite->sig_private_len)
        return SG_ERR_INVALID_ARGUMENT;
    SG_TRY(sg_mls_group_new(config, suite, &a->group));
    SG_TRY(sg_mls_group_take_tree(a->group, &rules, info, a->in->tree));
    SG_TRY(sg_mls_epoch_new(config->mem, suite, &info->context, &a->group->epoch));
    struct sg_mls_epoch *epoch = a->group->epoch;
    epoch->own.leaf = UINT32_MAX;
    sg_mls_interim_hash(suite, epoch->context.confirmed_hash, info->confirmation_tag,
                        epoch->interim);
    return SG_OK;
}

static sg_err make_init(struct arriving *a)
{
    const struct sg_mls_suite *suite = a->group->suite;
    struct sg_mls_hpke_to to = {0};
    struct sg_mls_hpke_export export = {SG_BYTES_LIT("MLS 1.0 external init secret"), a->init.b,
                                        suite->hash_len};
    struct sg_bytes data;
    uint8_t *enc = sg_mls_arena_new(a->arena, suite->kem_enc_len, 1);
    if (enc == NULL)
        return SG_ERR_NO_MEMORY;
    if (!sg_mls_extension_find(a->message->u.group_info.extensions, SG_MLS_EXT_EXTERNAL_PUB, &data))
        return SG_ERR_MLS_WELCOME;
    SG_TRY(sg_mls_decode_external_pub(data, &to.public_key));
    SG_TRY(suite->hpke_send_export(suite, a->in->config->random, &to, enc, &export));
    a->values[a->count].type = SG_MLS_EXTERNAL_INIT;
    a->values[a->count++].u.kem_output = sg_bytes(enc, suite->kem_enc_len);
    return SG_OK;
}

/* The leaf with our signature key; without one the leaf with our credential, if it is the only such
 * (a client can have several devices of one credential). SG_ERR_NOT_FOUND. */
static sg_err find_leaf(const struct sg_mls_tree *tree, const struct sg_mls_leaf *own,
                        uint32_t *out)
{
    uint32_t equal = 0;
    for (uint32_t i = 0; i < tree->leaves; i++) {
        struct sg_mls_leaf leaf;
        if (!sg_mls_tree_has_leaf(tree, i))
            continue;
        sg_mls_tree_leaf(tree, i, &leaf);
        bool is_equal = sg_mls_credential_equal(&leaf.credential, &own->credential);
        bool is_same = sg_bytes_equal(leaf.signature_key, own->signature_key);
        equal += is_equal;
        if (is_equal || is_same)
            *out = i;
        if (is_same)
            return SG_OK;
    }
    return equal == 1 ? SG_OK : SG_ERR_NOT_FOUND;
}

static sg_err find_prior(struct arriving *a)
{
    uint32_t leaf;
    SG_TRY(find_leaf(&a->group->tree, &a->in->leaf->leaf, &leaf));
    a->values[a->count].type = SG_MLS_REMOVE;
    a->values[a->count++].u.removed = leaf;
    return SG_OK;
}

/* RFC9420 s8.4: psk_nonce has KDF.Nh bytes, of the group's suite. */
static sg_err push_psk(struct arriving *a, const struct sg_mls_psk_id *id)
{
    const struct sg_mls_random *random = a->in->config->random;
    struct sg_mls_proposal *psk = &a->values[a->count++];
    size_t len = a->group->suite->hash_len;
    psk->type = SG_MLS_PSK;
    psk->u.psk = *id;
    if (id->nonce.len > 0)
        return SG_OK;
    uint8_t *nonce = sg_mls_arena_new(a->arena, len, 1);
    if (nonce == NULL)
        return SG_ERR_NO_MEMORY;
    psk->u.psk.nonce = sg_bytes(nonce, len);
    return random->fill(random->state, nonce, len);
}

static sg_err arrive(struct arriving *a, struct sg_bytes *out)
{
    struct sg_mls_commit_result result;
    SG_TRY(read_info(a));
    SG_TRY(build_group(a));
    a->values = sg_mls_arena_new(a->arena, (size_t)a->in->psk_count + 2, sizeof(*a->values));
    if (a->values == NULL)
        return SG_ERR_NO_MEMORY;
    SG_TRY(make_init(a));
    if (a->in->removes_prior)
        SG_TRY(find_prior(a));
    for (uint32_t i = 0; i < a->in->psk_count; i++)
        SG_TRY(push_psk(a, &a->in->psks[i]));
    struct sg_mls_commit_options options = {.send = {false, a->in->authenticated_data, a->in->now},
                                            .values = a->values,
                                            .count = a->count,
                                            .new_leaf = a->in->leaf,
                                            .old = a->in->old};
    SG_TRY(sg_mls_commit_external(a->group, a->arena, &options, &a->init, &result));
    *out = result.commit;
    return SG_OK;
}

sg_err sg_mls_group_external_join(const struct sg_mls_external *in, struct sg_mls_arena *arena,
                                  struct sg_mls_group **group, struct sg_bytes *commit)
{
    struct arriving a = {.in = in, .arena = arena};
    if (in->config->suite_count == 0)
        return SG_ERR_UNSUPPORTED;
    sg_err err = arrive(&a, commit);
    in->config->suites[0].wipe(&a.init, sizeof(a.init));
    if (err == SG_OK)
        *group = a.group;
    else
        sg_mls_group_free(a.group);
    return err;
}
