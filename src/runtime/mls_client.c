#include <stdlib.h>

#include "crypto/init.h"
#include "os/clock.h"
#include "runtime/mls_impl.h"

#define DAY_S UINT64_C(86400)

/* ---- blobs ---- */

void sg_mls_blob_free(struct sg_mls_blob *blob)
{
    if (blob == NULL)
        return;
    if (blob->data != NULL)
        sg_mls_suite_find(SG_MLS_SUITE_DEFAULT)->wipe(blob->data, blob->len);
    free(blob->data);
    *blob = (struct sg_mls_blob){NULL, 0};
}

sg_err sg_mls_blob_copy(struct sg_bytes bytes, struct sg_mls_blob *out)
{
    *out = (struct sg_mls_blob){malloc(bytes.len + 1), bytes.len};
    if (out->data == NULL)
        return SG_ERR_NO_MEMORY;
    if (bytes.len > 0)
        memcpy(out->data, bytes.data, bytes.len);
    return SG_OK;
}

/* ---- suites ---- */

sg_err sg_mls_suite_at(size_t index, struct sg_mls_suite_info *out)
{
    size_t count;
    const struct sg_mls_suite *suites = sg_mls_suites(&count);
    if (index >= count)
        return SG_ERR_NOT_FOUND;
    *out = (struct sg_mls_suite_info){suites[index].id, suites[index].name,
                                      suites[index].id >= 0xF600};
    return SG_OK;
}

/* ---- what mls/ asks for ---- */

static sg_err check_credential(void *user, const struct sg_mls_credential_check *check)
{
    const struct sg_mls_client *client = user;
    struct sg_mls_claim claim = {
        .credential_type = check->credential->type,
        .credential = check->credential->body,
        .signature_key = check->signature_key,
        .has_before = check->before != NULL,
    };
    if (claim.has_before) {
        claim.before_type = check->before->type;
        claim.before = check->before->body;
    }
    return client->config.check_credential(client->config.user, &claim);
}

static sg_err find_psk(void *user, const struct sg_mls_psk_id *id, struct sg_mls_psk_out *out)
{
    const struct sg_mls_client *client = user;
    if (id->type != SG_MLS_PSK_EXTERNAL)
        return SG_ERR_MLS_PSK;
    out->len = 0;
    return client->config.find_psk(client->config.user, id->id, out->secret, &out->len);
}

static sg_err update_app_data(void *user, const struct sg_mls_app_data_change *change,
                              struct sg_mls_arena *arena, struct sg_bytes *after)
{
    const struct sg_mls_client *client = user;
    struct sg_mls_blob blob = {NULL, 0};
    SG_TRY(client->config.update_app_data(client->config.user, change->component, change->before,
                                          change->update, &blob));
    sg_err err = sg_mls_arena_copy(arena, sg_bytes(blob.data, blob.len), after);
    sg_mls_blob_free(&blob);
    return err;
}

uint64_t sg_mls_client_now(const struct sg_mls_client *client)
{
    return client->config.now != NULL ? client->config.now(client->config.user)
                                      : sg_clock_wall_ms() / 1000;
}

void sg_mls_client_arena(const struct sg_mls_client *client, struct sg_mls_arena *arena)
{
    sg_mls_arena_init(arena, client->mls.mem, client->suite->wipe);
}

/* ---- clients ---- */

void sg_mls_client_config_init(struct sg_mls_client_config *config)
{
    memset(config, 0, sizeof(*config));
    config->past_epochs = 5;
}

static sg_err fill_client(struct sg_mls_client *client, const struct sg_mls_client_config *config)
{
    client->mls.mem = sg_mem_default();
    client->mls.suites = sg_mls_suites(&client->mls.suite_count);
    client->mls.random = sg_mls_random_default();
    client->mls.user = client;
    client->mls.credential = config->check_credential == NULL ? NULL : check_credential;
    client->mls.psk = config->find_psk == NULL ? NULL : find_psk;
    client->mls.app_data = config->update_app_data == NULL ? NULL : update_app_data;
    client->mls.accepts_expired = config->accepts_expired;
    client->mls.accepts_outsiders = config->accepts_outsiders;
    if (config->message_max != 0)
        client->mls.message_max = config->message_max;
    if (config->proposals_max != 0)
        client->mls.limits.proposals = config->proposals_max;
    if (config->path_secrets_max != 0)
        client->mls.limits.path_secrets = config->path_secrets_max;
    client->mls.past_epochs = config->past_epochs;
    client->mls.undo_epochs = config->undo_epochs;
    SG_TRY(sg_mls_client_identity_init(client, config));
    return sg_mls_storage_init(client, config->storage_secret);
}

/* What the program lends for the call only; client->identity has the copies. */
static void forget_borrowed(struct sg_mls_client_config *config)
{
    config->identity = config->secret = config->storage_secret = sg_bytes(NULL, 0);
    config->more_extensions = config->more_proposals = NULL;
    config->leaf_extensions = NULL;
}

sg_err sg_mls_client_new(const struct sg_mls_client_config *config, struct sg_mls_client **out)
{
    if (config == NULL || out == NULL ||
        (config->storage.write == NULL) != (config->storage.read == NULL))
        return SG_ERR_INVALID_ARGUMENT;
    SG_TRY(sg_crypto_init());
    const struct sg_mls_suite *suite =
        sg_mls_suite_find(config->suite == 0 ? SG_MLS_SUITE_DEFAULT : config->suite);
    if (suite == NULL)
        return SG_ERR_UNSUPPORTED;
    struct sg_mls_client *client = calloc(1, sizeof(*client));
    if (client == NULL)
        return SG_ERR_NO_MEMORY;
    client->config = *config;
    forget_borrowed(&client->config);
    client->suite = suite;
    sg_mls_config_init(&client->mls);
    sg_err err = fill_client(client, config);
    if (err == SG_OK)
        *out = client;
    else
        sg_mls_client_free(client);
    return err;
}

void sg_mls_client_free(struct sg_mls_client *client)
{
    if (client == NULL)
        return;
    sg_mls_client_identity_fini(client);
    client->suite->wipe(client->storage_key, sizeof(client->storage_key));
    free(client);
}

sg_err sg_mls_client_secret(const struct sg_mls_client *client, struct sg_mls_blob *out)
{
    return sg_mls_blob_copy(client->identity.signature_private, out);
}

sg_err sg_mls_client_storage_secret(const struct sg_mls_client *client, struct sg_mls_blob *out)
{
    return sg_mls_blob_copy(sg_bytes(client->storage_key, client->suite->aead_key_len), out);
}

/* ---- key packages ---- */

#define SECRET_VERSION 1

struct package_secret {
    const struct sg_mls_package *package;
    uint16_t suite;
};

static void write_secret(struct sg_writer *w, const void *what)
{
    const struct package_secret *in = what;
    sg_write_u8(w, SECRET_VERSION);
    sg_write_u16(w, in->suite);
    sg_write_vector(w, in->package->package);
    sg_write_vector(w, in->package->init_private);
    sg_write_vector(w, in->package->encryption_private);
}

static void write_message(struct sg_writer *w, const void *package)
{
    sg_mls_write_message_head(w, SG_MLS_WIRE_KEY_PACKAGE);
    sg_write_bytes(w, *(const struct sg_bytes *)package);
}

static sg_err make_package(struct sg_mls_client *client,
                           const struct sg_mls_package_request *request, struct sg_mls_arena *arena,
                           struct sg_bytes *package, struct sg_bytes *secret)
{
    struct sg_mls_package_options options = {.now = sg_mls_client_now(client),
                                             .lifetime = 30 * DAY_S};
    struct sg_mls_package made;
    if (request != NULL && request->lifetime_s != 0)
        options.lifetime = request->lifetime_s;
    options.is_last_resort = request != NULL && request->is_last_resort;
    SG_TRY(sg_mls_package_make(&client->mls, &client->identity, &options, arena, &made));
    struct package_secret in = {&made, client->suite->id};
    SG_TRY(sg_mls_encode(arena, write_message, &made.package, package));
    return sg_mls_encode(arena, write_secret, &in, secret);
}

sg_err sg_mls_client_package(struct sg_mls_client *client,
                             const struct sg_mls_package_request *request,
                             struct sg_mls_blob *package, struct sg_mls_blob *secret)
{
    struct sg_mls_arena arena;
    struct sg_bytes open, closed;
    *package = *secret = (struct sg_mls_blob){NULL, 0};
    sg_mls_client_arena(client, &arena);
    sg_err err = make_package(client, request, &arena, &open, &closed);
    if (err == SG_OK)
        err = sg_mls_blob_copy(open, package);
    if (err == SG_OK)
        err = sg_mls_blob_copy(closed, secret);
    if (err != SG_OK)
        sg_mls_blob_free(package);
    sg_mls_arena_fini(&arena);
    return err;
}

sg_err sg_mls_decode_package(struct sg_bytes message, struct sg_mls_arena *arena,
                             struct sg_mls_key_package *out)
{
    struct sg_mls_message *decoded = sg_mls_arena_new(arena, 1, sizeof(*decoded));
    if (decoded == NULL)
        return SG_ERR_NO_MEMORY;
    SG_TRY(sg_mls_decode_message(message, arena, decoded));
    if (decoded->wire_format != SG_MLS_WIRE_KEY_PACKAGE)
        return SG_ERR_UNSUPPORTED;
    *out = decoded->u.key_package;
    return SG_OK;
}

/* ---- becoming a member ---- */

/* Saves group for the first time; replaces: over the one of the same id, if there is one. */
static sg_err save_new(struct sg_mls_client *client, struct sg_mls_group *group, bool replaces)
{
    struct sg_bytes id = group->epoch->context.group_id;
    struct sg_mls_group *old;
    if (client->config.storage.write == NULL)
        return SG_OK;
    sg_err err = sg_mls_storage_check_new(client, id);
    if (err == SG_OK)
        return sg_mls_state_save(group, &client->store);
    if (err != SG_ERR_EXISTS || !replaces)
        return err;
    SG_TRY(sg_mls_state_load(&client->mls, &client->store, id, &old));
    err = sg_mls_state_replace(group, old, &client->store);
    sg_mls_group_free(old);
    return err;
}

sg_err sg_mls_member_new(struct sg_mls_client *client, struct sg_mls_group *group, bool replaces,
                         struct sg_mls_member **out)
{
    struct sg_mls_member *member = calloc(1, sizeof(*member));
    /* RFC9420 s12.4.3: "New members MUST verify that group_id is unique among the groups they are
     * currently participating in" */
    sg_err err = member == NULL ? SG_ERR_NO_MEMORY : SG_OK;
    if (err == SG_OK)
        err = save_new(client, group, replaces);
    if (err != SG_OK) {
        sg_mls_group_free(group);
        free(member);
        return err;
    }
    *member = (struct sg_mls_member){client, group, false};
    *out = member;
    return SG_OK;
}

void sg_mls_member_free(struct sg_mls_member *member)
{
    if (member == NULL)
        return;
    sg_mls_group_free(member->group);
    free(member);
}

static sg_err create(struct sg_mls_client *client, const struct sg_mls_create_request *request,
                     struct sg_mls_arena *arena, struct sg_mls_group **out)
{
    struct sg_mls_package_options options = {.now = sg_mls_client_now(client),
                                             .lifetime = 30 * DAY_S};
    struct sg_mls_package package;
    SG_TRY(sg_mls_package_make(&client->mls, &client->identity, &options, arena, &package));
    struct sg_mls_create in = {.config = &client->mls,
                               .group_id = request->group_id,
                               .keys = {package.package, package.init_private,
                                        package.encryption_private,
                                        client->identity.signature_private},
                               .now = options.now};
    SG_TRY(
        sg_mls_encode_items(arena, request->extensions, request->extension_count, &in.extensions));
    return sg_mls_group_create(&in, out);
}

sg_err sg_mls_member_create_with(struct sg_mls_client *client,
                                 const struct sg_mls_create_request *request,
                                 struct sg_mls_member **out)
{
    struct sg_mls_arena arena;
    struct sg_mls_group *group;
    sg_mls_client_arena(client, &arena);
    sg_err err = create(client, request, &arena, &group);
    if (err == SG_OK)
        err = sg_mls_member_new(client, group, false, out);
    sg_mls_arena_fini(&arena);
    return err;
}

sg_err sg_mls_member_create(struct sg_mls_client *client, struct sg_bytes group_id,
                            struct sg_mls_member **out)
{
    const struct sg_mls_create_request request = {.group_id = group_id};
    return sg_mls_member_create_with(client, &request, out);
}

/* Is the key package one of the client with its signature key of today? The join would say so,
 * too, but after a look at the whole tree. */
static bool is_ours(const struct sg_mls_client *client, struct sg_bytes package)
{
    struct sg_mls_key_package decoded;
    struct sg_reader r = sg_reader(package);
    sg_mls_read_key_package(&r, &decoded);
    return sg_reader_done(&r) == SG_OK &&
           sg_bytes_equal(decoded.leaf.signature_key, client->identity.signature_public);
}

sg_err sg_mls_member_join(struct sg_mls_client *client, const struct sg_mls_join_request *request,
                          struct sg_mls_member **out)
{
    struct sg_mls_group *group;
    struct sg_mls_join in = {.config = &client->mls,
                             .welcome = request->welcome,
                             .tree = request->tree,
                             .old = request->old == NULL ? NULL : request->old->group,
                             .now = sg_mls_client_now(client)};
    struct sg_reader r = sg_reader(request->secret);
    uint8_t version = sg_read_u8(&r);
    uint16_t suite = sg_read_u16(&r);
    in.keys.package = sg_mls_read_vector(&r);
    in.keys.init_private = sg_mls_read_vector(&r);
    in.keys.encryption_private = sg_mls_read_vector(&r);
    in.keys.signature_private = client->identity.signature_private;
    if (sg_reader_done(&r) != SG_OK || version != SECRET_VERSION || suite != client->suite->id)
        return SG_ERR_INVALID_ARGUMENT;
    if (!is_ours(client, in.keys.package))
        return SG_ERR_MLS_WELCOME;
    SG_TRY(sg_mls_group_join(&in, &group));
    return sg_mls_member_new(client, group, false, out);
}

static sg_err fill_psks(const struct sg_mls_external_request *request, struct sg_mls_arena *arena,
                        struct sg_mls_external *in)
{
    size_t count = request->psk_count;
    if (count > SG_MLS_PSKS_MAX || request->resume_count > SG_MLS_PSKS_MAX - count)
        return SG_ERR_LIMIT;
    if (request->resume_count > 0)
        SG_TRY(sg_mls_member_check(request->old));
    struct sg_mls_psk_id *psks =
        sg_mls_arena_new(arena, count + request->resume_count, sizeof(*psks));
    if (psks == NULL)
        return SG_ERR_NO_MEMORY;
    /* nonces come later, when the group info says how long they are */
    for (size_t i = 0; i < count; i++)
        psks[i] = (struct sg_mls_psk_id){.type = SG_MLS_PSK_EXTERNAL, .id = request->psks[i]};
    for (size_t i = 0; i < request->resume_count; i++)
        psks[count + i] = (struct sg_mls_psk_id){.type = SG_MLS_PSK_RESUMPTION,
                                                 .usage = SG_MLS_USAGE_APPLICATION,
                                                 .id = request->old->group->epoch->context.group_id,
                                                 .epoch = request->resume[i]};
    in->psks = psks;
    in->psk_count = (uint32_t)(count + request->resume_count);
    in->old = request->old == NULL ? NULL : request->old->group;
    return SG_OK;
}

static sg_err join_external(struct sg_mls_client *client,
                            const struct sg_mls_external_request *request,
                            struct sg_mls_arena *arena, struct sg_mls_group **group,
                            struct sg_bytes *commit)
{
    struct sg_mls_new_leaf leaf;
    struct sg_mls_external in = {.config = &client->mls,
                                 .group_info = request->group_info,
                                 .tree = request->tree,
                                 .leaf = &leaf,
                                 .removes_prior = request->removes_prior,
                                 .now = sg_mls_client_now(client)};
    SG_TRY(fill_psks(request, arena, &in));
    SG_TRY(sg_mls_client_leaf(client, arena, &leaf));
    return sg_mls_group_external_join(&in, arena, group, commit);
}

sg_err sg_mls_member_join_external(struct sg_mls_client *client,
                                   const struct sg_mls_external_request *request,
                                   struct sg_mls_member **out, struct sg_mls_blob *commit)
{
    struct sg_mls_arena arena;
    struct sg_mls_group *group = NULL;
    struct sg_bytes bytes;
    *commit = (struct sg_mls_blob){NULL, 0};
    sg_mls_client_arena(client, &arena);
    sg_err err = join_external(client, request, &arena, &group, &bytes);
    if (err == SG_OK) {
        err = sg_mls_blob_copy(bytes, commit);
        if (err != SG_OK)
            sg_mls_group_free(group);
    }
    if (err == SG_OK)
        err = sg_mls_member_new(client, group, request->removes_prior, out);
    if (err != SG_OK)
        sg_mls_blob_free(commit);
    sg_mls_arena_fini(&arena);
    return err;
}

sg_err sg_mls_member_load(struct sg_mls_client *client, struct sg_bytes group_id,
                          struct sg_mls_member **out)
{
    struct sg_mls_member *member;
    if (client->config.storage.read == NULL)
        return SG_ERR_INVALID_STATE;
    member = calloc(1, sizeof(*member));
    if (member == NULL)
        return SG_ERR_NO_MEMORY;
    member->client = client;
    sg_err err = sg_mls_state_load(&client->mls, &client->store, group_id, &member->group);
    if (err != SG_OK) {
        free(member);
        return err;
    }
    /* What is kept no longer goes from the storage now. When that fails, it is tried again with the
     * next step, which fails too if there is no writing at all. */
    sg_err saved = sg_mls_state_save(member->group, &client->store);
    (void)saved;
    *out = member;
    return SG_OK;
}
