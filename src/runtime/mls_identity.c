/* What a client says of itself in its leaves: signature key, credential, further types, extensions
 * of its own. */
#include <stdlib.h>

#include "runtime/mls_impl.h"

static sg_err take_key(struct sg_mls_client *client, struct sg_bytes secret)
{
    const struct sg_mls_suite *suite = client->suite;
    if (secret.len == 0)
        return suite->sig_generate(suite, client->mls.random, client->signature_private,
                                   client->signature_public);
    if (secret.len != suite->sig_private_len)
        return SG_ERR_MALFORMED;
    memcpy(client->signature_private, secret.data, secret.len);
    return suite->sig_public(suite, secret, client->signature_public);
}

static sg_err copy_types(const uint16_t *types, size_t count, uint16_t **out)
{
    if (count > SG_MLS_MORE_TYPES_MAX)
        return SG_ERR_LIMIT;
    if (count > 0 && types == NULL)
        return SG_ERR_INVALID_ARGUMENT;
    *out = malloc(count * sizeof(**out) + 1);
    if (*out == NULL)
        return SG_ERR_NO_MEMORY;
    if (count > 0)
        memcpy(*out, types, count * sizeof(**out));
    return SG_OK;
}

/* RFC9420 s7.2: types that every client knows are not listed; and once is enough. */
static bool is_good_list(struct sg_bytes types, bool (*is_default)(uint16_t))
{
    for (size_t i = 0; i < sg_mls_u16s_count(types); i++) {
        uint16_t type = sg_mls_u16s_at(types, i);
        struct sg_bytes before = sg_bytes(types.data, 2 * i);
        if (type == 0 || is_default(type) || sg_mls_u16s_has(before, type))
            return false;
    }
    return true;
}

static bool is_default_extension(uint16_t type)
{
    return sg_mls_is_default_extension(type);
}

static bool is_default_proposal(uint16_t type)
{
    return type <= SG_MLS_GROUP_CONTEXT_EXTENSIONS;
}

static void write_credential(struct sg_writer *w, const void *credential)
{
    sg_mls_write_credential(w, credential);
}

/* RFC9420 s5.3, s7.3: of a type that the leaf lists; and others can read it. */
static sg_err check_own_credential(const struct sg_mls_leaf *leaf, struct sg_mls_arena *arena)
{
    struct sg_mls_credential read;
    struct sg_bytes bytes;
    if (!sg_mls_u16s_has(leaf->capabilities.credentials, leaf->credential.type))
        return SG_ERR_INVALID_ARGUMENT;
    SG_TRY(sg_mls_encode(arena, write_credential, &leaf->credential, &bytes));
    struct sg_reader r = sg_reader(bytes);
    sg_mls_read_credential(&r, &read);
    return sg_reader_done(&r) == SG_OK ? SG_OK : SG_ERR_MALFORMED;
}

/* Others would refuse a leaf that breaks these rules, so nobody gets one. */
static sg_err check_identity(const struct sg_mls_client *client, struct sg_mls_arena *arena)
{
    struct sg_mls_leaf leaf;
    struct sg_mls_extension one;
    struct sg_bytes rest = client->identity.extensions;
    SG_TRY(sg_mls_identity_leaf(&client->mls, &client->identity, true, arena, &leaf));
    SG_TRY(check_own_credential(&leaf, arena));
    if (!is_good_list(leaf.capabilities.extensions, is_default_extension) ||
        !is_good_list(leaf.capabilities.proposals, is_default_proposal))
        return SG_ERR_INVALID_ARGUMENT;
    while (sg_mls_extension_next(&rest, &one))
        if (!sg_mls_is_default_extension(one.type) &&
            !sg_mls_u16s_has(leaf.capabilities.extensions, one.type))
            return SG_ERR_INVALID_ARGUMENT;
    return SG_OK;
}

static sg_err copy_leaf_extensions(struct sg_mls_client *client,
                                   const struct sg_mls_client_config *config,
                                   struct sg_mls_arena *arena)
{
    struct sg_bytes list;
    if (config->leaf_extension_count > SG_MLS_MORE_TYPES_MAX)
        return SG_ERR_LIMIT;
    SG_TRY(
        sg_mls_encode_items(arena, config->leaf_extensions, config->leaf_extension_count, &list));
    return sg_mls_blob_copy(list, &client->leaf_extensions);
}

static sg_err fill_identity(struct sg_mls_client *client, const struct sg_mls_client_config *config,
                            struct sg_mls_arena *arena)
{
    uint16_t type = config->credential_type;
    SG_TRY(take_key(client, config->secret));
    SG_TRY(sg_mls_blob_copy(config->identity, &client->credential));
    SG_TRY(copy_types(config->more_extensions, config->more_extension_count,
                      &client->more_extensions));
    SG_TRY(
        copy_types(config->more_proposals, config->more_proposal_count, &client->more_proposals));
    SG_TRY(copy_leaf_extensions(client, config, arena));
    client->identity = (struct sg_mls_identity){
        .suite = client->suite,
        .credential = {type == 0 ? SG_MLS_CREDENTIAL_BASIC : type,
                       sg_bytes(client->credential.data, client->credential.len)},
        .signature_public = sg_bytes(client->signature_public, client->suite->sig_public_len),
        .signature_private = sg_bytes(client->signature_private, client->suite->sig_private_len),
        .extensions = sg_bytes(client->leaf_extensions.data, client->leaf_extensions.len),
        .more_extensions = client->more_extensions,
        .extension_count = config->more_extension_count,
        .more_proposals = client->more_proposals,
        .proposal_count = config->more_proposal_count};
    return check_identity(client, arena);
}

sg_err sg_mls_client_identity_init(struct sg_mls_client *client,
                                   const struct sg_mls_client_config *config)
{
    struct sg_mls_arena arena;
    sg_mls_client_arena(client, &arena);
    sg_err err = fill_identity(client, config, &arena);
    sg_mls_arena_fini(&arena);
    return err;
}

void sg_mls_client_identity_fini(struct sg_mls_client *client)
{
    sg_mls_blob_free(&client->credential);
    sg_mls_blob_free(&client->leaf_extensions);
    free(client->more_extensions);
    free(client->more_proposals);
    client->suite->wipe(client->signature_private, sizeof(client->signature_private));
}

/* ---- becoming another one ---- */

/* Fresh's becomes the client's own. */
static void take_identity(struct sg_mls_client *client, struct sg_mls_client *fresh)
{
    sg_mls_client_identity_fini(client);
    client->identity = fresh->identity;
    client->credential = fresh->credential;
    client->leaf_extensions = fresh->leaf_extensions;
    client->more_extensions = fresh->more_extensions;
    client->more_proposals = fresh->more_proposals;
    memcpy(client->signature_private, fresh->signature_private, sizeof(fresh->signature_private));
    memcpy(client->signature_public, fresh->signature_public, sizeof(fresh->signature_public));
    client->identity.signature_private =
        sg_bytes(client->signature_private, client->suite->sig_private_len);
    client->identity.signature_public =
        sg_bytes(client->signature_public, client->suite->sig_public_len);
}

sg_err sg_mls_client_renew(struct sg_mls_client *client, const struct sg_mls_client_config *config)
{
    if (client == NULL || config == NULL ||
        (config->suite != 0 && config->suite != client->suite->id))
        return SG_ERR_INVALID_ARGUMENT;
    struct sg_mls_client *fresh = calloc(1, sizeof(*fresh));
    if (fresh == NULL)
        return SG_ERR_NO_MEMORY;
    fresh->mls = client->mls;
    fresh->suite = client->suite;
    sg_err err = sg_mls_client_identity_init(fresh, config);
    if (err == SG_OK)
        take_identity(client, fresh);
    else
        sg_mls_client_identity_fini(fresh);
    client->suite->wipe(fresh, sizeof(*fresh));
    free(fresh);
    return err;
}

sg_err sg_mls_client_leaf(const struct sg_mls_client *client, struct sg_mls_arena *arena,
                          struct sg_mls_new_leaf *out)
{
    out->signature_private = client->identity.signature_private;
    return sg_mls_identity_leaf(&client->mls, &client->identity, false, arena, &out->leaf);
}
