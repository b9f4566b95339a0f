/* GroupInfo and Welcome of ours: RFC 9420 s12.4.1, s12.4.3. */
#include "mls/create.h"
#include "mls/welcome.h"

struct extensions {
    const struct sg_mls_tree *tree;
    struct sg_bytes external_pub;
    struct sg_bytes more;
};

static void write_tree_vector(struct sg_writer *w, const void *what)
{
    const struct extensions *in = what;
    if (in->tree != NULL) {
        sg_write_u16(w, SG_MLS_EXT_RATCHET_TREE);
        size_t mark = sg_write_vector_begin(w);
        sg_mls_write_tree(w, in->tree);
        sg_write_vector_end(w, mark);
    }
    if (in->external_pub.len > 0) {
        sg_write_u16(w, SG_MLS_EXT_EXTERNAL_PUB);
        size_t mark = sg_write_vector_begin(w);
        sg_write_vector(w, in->external_pub);
        sg_write_vector_end(w, mark);
    }
    sg_write_bytes(w, in->more);
}

static sg_err external_pub(const struct sg_mls_epoch *epoch, struct sg_mls_arena *arena,
                           struct sg_bytes *out)
{
    const struct sg_mls_suite *suite = epoch->suite;
    uint8_t private_key[SG_MLS_KEM_PRIVATE_MAX];
    uint8_t *public_key = sg_mls_arena_new(arena, suite->kem_public_len, 1);
    if (public_key == NULL)
        return SG_ERR_NO_MEMORY;
    sg_err err = suite->kem_derive(suite, sg_mls_secret_bytes(suite, &epoch->secrets.external),
                                   private_key, public_key);
    suite->wipe(private_key, sizeof(private_key));
    *out = sg_bytes(public_key, suite->kem_public_len);
    return err;
}

sg_err sg_mls_make_info(const struct sg_mls_info_source *source, struct sg_mls_arena *arena,
                        const struct sg_mls_info_options *options, struct sg_mls_group_info *out)
{
    const struct sg_mls_epoch *epoch = source->epoch;
    struct extensions extensions = {
        options->has_tree ? source->tree : NULL, {NULL, 0}, options->extensions};
    memset(out, 0, sizeof(*out));
    if (options->has_external_pub)
        SG_TRY(external_pub(epoch, arena, &extensions.external_pub));
    SG_TRY(sg_mls_encode(arena, write_tree_vector, &extensions, &out->extensions));
    out->context = epoch->context;
    out->confirmation_tag = sg_bytes(epoch->tag, epoch->suite->hash_len);
    out->signer = epoch->own.leaf;
    return sg_mls_group_info_sign(source->signer, arena, out);
}

static void write_info(struct sg_writer *w, const void *info)
{
    sg_mls_write_group_info(w, info);
}

static void write_message(struct sg_writer *w, const void *message)
{
    sg_mls_write_message(w, message);
}

sg_err sg_mls_group_info(const struct sg_mls_group *group, struct sg_mls_arena *arena,
                         const struct sg_mls_info_options *options, struct sg_bytes *out)
{
    struct sg_mls_message *message = sg_mls_arena_new(arena, 1, sizeof(*message));
    struct sg_mls_signer signer = sg_mls_group_signer(group);
    struct sg_mls_info_source source = {group->epoch, &group->tree, &signer};
    if (message == NULL)
        return SG_ERR_NO_MEMORY;
    if (group->is_removed)
        return SG_ERR_MLS_REMOVED;
    message->wire_format = SG_MLS_WIRE_GROUP_INFO;
    SG_TRY(sg_mls_make_info(&source, arena, options, &message->u.group_info));
    return sg_mls_encode(arena, write_message, message, out);
}

/* ---- secrets for each new member ---- */

static void write_secrets(struct sg_writer *w, const void *secrets)
{
    sg_mls_write_group_secrets(w, secrets);
}

/* RFC9420 s12.4.1: the path secret of the common ancestor of committer and new member. */
static void find_path_secret(const struct sg_mls_welcoming *in, uint32_t leaf,
                             struct sg_mls_group_secrets *secrets)
{
    secrets->has_path_secret = false;
    if (in->path == NULL)
        return;
    uint32_t ancestor =
        sg_mls_common_ancestor(sg_mls_leaf_node(leaf), sg_mls_leaf_node(in->epoch->own.leaf));
    for (uint32_t i = 0; i < in->path->path.count; i++) {
        if (in->path->path.at[i].node != ancestor)
            continue;
        secrets->has_path_secret = true;
        secrets->path_secret = sg_mls_secret_bytes(in->epoch->suite, &in->path->secrets[i]);
    }
}

static sg_err seal_secrets(const struct sg_mls_welcoming *in, struct sg_mls_hpke_to *to, uint32_t i,
                           struct sg_mls_group_secrets *secrets, struct sg_mls_welcome_secret *out)
{
    const struct sg_mls_suite *suite = in->epoch->suite;
    const struct sg_mls_key_package *package = in->change->packages[i];
    uint8_t *ref = sg_mls_arena_new(in->arena, suite->hash_len, 1);
    uint8_t *enc = sg_mls_arena_new(in->arena, suite->kem_enc_len, 1);
    if (ref == NULL || enc == NULL)
        return SG_ERR_NO_MEMORY;
    sg_mls_key_package_ref(suite, package->raw, ref);
    find_path_secret(in, in->change->added.at[i], secrets);
    SG_TRY(sg_mls_encode(in->arena, write_secrets, secrets, &to->plain));
    to->public_key = package->init_key;
    uint8_t *sealed = sg_mls_arena_new(in->arena, to->plain.len + suite->aead_tag_len, 1);
    if (sealed == NULL)
        return SG_ERR_NO_MEMORY;
    SG_TRY(suite->hpke_seal(suite, in->random, to, enc, sealed));
    out->new_member = sg_bytes(ref, suite->hash_len);
    out->encrypted.kem_output = sg_bytes(enc, suite->kem_enc_len);
    out->encrypted.ciphertext = sg_bytes(sealed, to->plain.len + suite->aead_tag_len);
    return SG_OK;
}

static sg_err seal_all(const struct sg_mls_welcoming *in, struct sg_mls_welcome *welcome)
{
    const struct sg_mls_change *change = in->change;
    struct sg_mls_hpke_info prepared;
    struct sg_mls_hpke_to to = {.prepared = &prepared};
    struct sg_mls_group_secrets secrets = {
        .joiner_secret = sg_mls_secret_bytes(in->epoch->suite, in->joiner),
        .psks = sg_mls_arena_new(in->arena, change->psk_count, sizeof(*secrets.psks)),
        .psk_count = change->psk_count};
    if (secrets.psks == NULL)
        return SG_ERR_NO_MEMORY;
    /* RFC9420 s12.4.1: the order of the psks is that of the proposals */
    for (uint32_t i = 0; i < change->psk_count; i++)
        secrets.psks[i] = *change->psks[i];
    SG_TRY(sg_mls_encrypt_context(in->arena, SG_BYTES_LIT("Welcome"), welcome->encrypted_group_info,
                                  &to.info));
    SG_TRY(in->epoch->suite->hpke_prepare(in->epoch->suite, to.info, &prepared));
    for (uint32_t i = 0; i < change->added.count; i++)
        SG_TRY(seal_secrets(in, &to, i, &secrets, &welcome->secrets[i]));
    return SG_OK;
}

sg_err sg_mls_make_welcome(const struct sg_mls_welcoming *in, const struct sg_mls_group_info *info,
                           struct sg_bytes *out)
{
    const struct sg_mls_suite *suite = in->epoch->suite;
    struct sg_mls_message *message = sg_mls_arena_new(in->arena, 1, sizeof(*message));
    struct sg_mls_secret key;
    struct sg_bytes encoded;
    if (message == NULL)
        return SG_ERR_NO_MEMORY;
    struct sg_mls_welcome *welcome = &message->u.welcome;
    message->wire_format = SG_MLS_WIRE_WELCOME;
    welcome->suite = suite->id;
    welcome->count = in->change->added.count;
    welcome->secrets = sg_mls_arena_new(in->arena, welcome->count, sizeof(*welcome->secrets));
    if (welcome->secrets == NULL)
        return SG_ERR_NO_MEMORY;
    SG_TRY(sg_mls_encode(in->arena, write_info, info, &encoded));
    sg_err err = sg_mls_welcome_secret(suite, in->joiner, in->psk, &key);
    if (err == SG_OK)
        err = sg_mls_welcome_seal_info(suite, in->arena, encoded, &key,
                                       &welcome->encrypted_group_info);
    suite->wipe(&key, sizeof(key));
    SG_TRY(err);
    SG_TRY(seal_all(in, welcome));
    return sg_mls_encode(in->arena, write_message, message, out);
}
