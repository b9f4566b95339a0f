#include "mls/welcome.h"

static const struct sg_mls_welcome_secret *find_entry(const struct sg_mls_welcome *welcome,
                                                      struct sg_bytes ref)
{
    for (uint32_t i = 0; i < welcome->count; i++)
        if (sg_bytes_equal(welcome->secrets[i].new_member, ref))
            return &welcome->secrets[i];
    return NULL;
}

sg_err sg_mls_welcome_open_secrets(const struct sg_mls_suite *suite, struct sg_mls_arena *arena,
                                   const struct sg_mls_welcome *welcome,
                                   const struct sg_mls_welcome_key *key,
                                   struct sg_mls_group_secrets *out)
{
    const struct sg_mls_welcome_secret *entry = find_entry(welcome, key->ref);
    if (entry == NULL || welcome->suite != suite->id)
        return SG_ERR_MLS_WELCOME;
    struct sg_mls_hpke_from from = {.private_key = key->init_private,
                                    .public_key = key->init_public,
                                    .enc = entry->encrypted.kem_output,
                                    .sealed = entry->encrypted.ciphertext};
    uint8_t *plain = sg_mls_arena_new(arena, from.sealed.len, 1);
    if (plain == NULL)
        return SG_ERR_NO_MEMORY;
    SG_TRY(sg_mls_encrypt_context(arena, SG_BYTES_LIT("Welcome"), welcome->encrypted_group_info,
                                  &from.info));
    SG_TRY(suite->hpke_open(suite, &from, plain));
    struct sg_reader r = sg_reader(sg_bytes(plain, from.sealed.len - suite->aead_tag_len));
    sg_mls_read_group_secrets(&r, arena, out);
    SG_TRY(sg_reader_done(&r));
    if (out->joiner_secret.len != suite->hash_len ||
        (out->has_path_secret && out->path_secret.len != suite->hash_len))
        return SG_ERR_MALFORMED;
    return SG_OK;
}

struct welcome_aead {
    uint8_t key[SG_MLS_AEAD_KEY_MAX];
    uint8_t nonce[SG_MLS_AEAD_NONCE_MAX];
};

static sg_err derive_aead(const struct sg_mls_suite *suite,
                          const struct sg_mls_secret *welcome_secret, struct welcome_aead *out)
{
    struct sg_mls_expand in = {sg_mls_secret_bytes(suite, welcome_secret), SG_BYTES_LIT("nonce"),
                               sg_bytes(NULL, 0)};
    SG_TRY(sg_mls_expand_label(suite, &in, out->nonce, suite->aead_nonce_len));
    in.label = SG_BYTES_LIT("key");
    return sg_mls_expand_label(suite, &in, out->key, suite->aead_key_len);
}

sg_err sg_mls_welcome_open_info(const struct sg_mls_suite *suite, struct sg_mls_arena *arena,
                                const struct sg_mls_welcome *welcome,
                                const struct sg_mls_secret *welcome_secret,
                                struct sg_mls_group_info *out)
{
    struct welcome_aead keys;
    struct sg_mls_aead aead = {.key = keys.key, .nonce = keys.nonce};
    struct sg_bytes sealed = welcome->encrypted_group_info;
    uint8_t *plain = sg_mls_arena_new(arena, sealed.len, 1);
    if (plain == NULL)
        return SG_ERR_NO_MEMORY;
    sg_err err = derive_aead(suite, welcome_secret, &keys);
    if (err == SG_OK)
        err = suite->aead_open(suite, &aead, sealed, plain);
    suite->wipe(&keys, sizeof(keys));
    SG_TRY(err);
    struct sg_reader r = sg_reader(sg_bytes(plain, sealed.len - suite->aead_tag_len));
    sg_mls_read_group_info(&r, out);
    return sg_reader_done(&r);
}

sg_err sg_mls_welcome_seal_info(const struct sg_mls_suite *suite, struct sg_mls_arena *arena,
                                struct sg_bytes info, const struct sg_mls_secret *welcome_secret,
                                struct sg_bytes *out)
{
    struct welcome_aead keys;
    struct sg_mls_aead aead = {.key = keys.key, .nonce = keys.nonce};
    uint8_t *sealed = sg_mls_arena_new(arena, info.len + suite->aead_tag_len, 1);
    if (sealed == NULL)
        return SG_ERR_NO_MEMORY;
    sg_err err = derive_aead(suite, welcome_secret, &keys);
    if (err == SG_OK)
        err = suite->aead_seal(suite, &aead, info, sealed);
    suite->wipe(&keys, sizeof(keys));
    *out = sg_bytes(sealed, info.len + suite->aead_tag_len);
    return err;
}
