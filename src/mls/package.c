#include "mls/package.h"

#include "mls/app_data.h"

/* An hour of clock skew, as others allow. */
#define BEFORE_S UINT64_C(3600)

struct u16_list {
    const uint16_t *first;
    size_t first_count;
    const uint16_t *more;
    size_t more_count;
    uint16_t grease; /* 0: none */
};

static void write_u16s(struct sg_writer *w, const void *what)
{
    const struct u16_list *in = what;
    for (size_t i = 0; i < in->first_count; i++)
        sg_write_u16(w, in->first[i]);
    for (size_t i = 0; i < in->more_count; i++)
        sg_write_u16(w, in->more[i]);
    if (in->grease != 0)
        sg_write_u16(w, in->grease);
}

static void write_suites(struct sg_writer *w, const void *what)
{
    const struct sg_mls_config *config = what;
    for (size_t i = 0; i < config->suite_count; i++)
        sg_write_u16(w, config->suites[i].id);
}

struct suites {
    const struct sg_mls_config *config;
    uint16_t grease;
};

static void write_suites_greased(struct sg_writer *w, const void *what)
{
    const struct suites *in = what;
    write_suites(w, in->config);
    if (in->grease != 0)
        sg_write_u16(w, in->grease);
}

/* RFC9420 s13.5: one of the fifteen reserved values. */
static uint16_t grease_value(uint8_t random)
{
    unsigned nibble = random % 15;
    return (uint16_t)(nibble << 12 | 0x0a00 | nibble << 4 | 0x0a);
}

sg_err sg_mls_identity_leaf(const struct sg_mls_config *config,
                            const struct sg_mls_identity *identity, bool has_no_grease,
                            struct sg_mls_arena *arena, struct sg_mls_leaf *out)
{
    static const uint16_t versions[] = {SG_MLS_VERSION_10};
    static const uint16_t extensions[] = {SG_MLS_EXT_APP_DATA_DICTIONARY, SG_MLS_EXT_LAST_RESORT};
    static const uint16_t proposals[] = {SG_MLS_APP_DATA_UPDATE, SG_MLS_SELF_REMOVE};
    static const uint16_t credentials[] = {SG_MLS_CREDENTIAL_BASIC, SG_MLS_CREDENTIAL_X509};
    uint8_t random[4] = {0};
    if (!has_no_grease)
        SG_TRY(config->random->fill(config->random->state, random, sizeof(random)));
    uint16_t grease[4];
    for (size_t i = 0; i < 4; i++)
        grease[i] = has_no_grease ? 0 : grease_value(random[i]);
    struct u16_list version_list = {versions, 1, NULL, 0, 0};
    struct suites suite_list = {config, grease[0]};
    struct u16_list extension_list = {extensions, 2, identity->more_extensions,
                                      identity->extension_count, grease[1]};
    struct u16_list proposal_list = {proposals, 2, identity->more_proposals,
                                     identity->proposal_count, grease[2]};
    struct u16_list credential_list = {credentials, 2, NULL, 0, grease[3]};
    memset(out, 0, sizeof(*out));
    out->signature_key = identity->signature_public;
    out->credential = identity->credential;
    out->extensions = identity->extensions;
    struct sg_mls_capabilities *capabilities = &out->capabilities;
    SG_TRY(sg_mls_encode(arena, write_u16s, &version_list, &capabilities->versions));
    SG_TRY(sg_mls_encode(arena, write_suites_greased, &suite_list, &capabilities->suites));
    SG_TRY(sg_mls_encode(arena, write_u16s, &extension_list, &capabilities->extensions));
    SG_TRY(sg_mls_encode(arena, write_u16s, &proposal_list, &capabilities->proposals));
    return sg_mls_encode(arena, write_u16s, &credential_list, &capabilities->credentials);
}

static sg_err make_pair(const struct sg_mls_config *config, const struct sg_mls_suite *suite,
                        struct sg_mls_arena *arena, struct sg_bytes *private_key,
                        struct sg_bytes *public_key)
{
    uint8_t *secret = sg_mls_arena_new(arena, suite->kem_private_len, 1);
    uint8_t *open = sg_mls_arena_new(arena, suite->kem_public_len, 1);
    if (secret == NULL || open == NULL)
        return SG_ERR_NO_MEMORY;
    SG_TRY(suite->kem_generate(suite, config->random, secret, open));
    *private_key = sg_bytes(secret, suite->kem_private_len);
    *public_key = sg_bytes(open, suite->kem_public_len);
    return SG_OK;
}

static void write_last_resort(struct sg_writer *w, const void *what)
{
    static const uint8_t dictionary[] = {3, 0, SG_MLS_COMPONENT_LAST_RESORT, 0};
    (void)what;
    sg_mls_write_extension(w, SG_MLS_EXT_APP_DATA_DICTIONARY,
                           sg_bytes(dictionary, sizeof(dictionary)));
    sg_mls_write_extension(w, SG_MLS_EXT_LAST_RESORT, sg_bytes(NULL, 0));
}

sg_err sg_mls_package_make(const struct sg_mls_config *config,
                           const struct sg_mls_identity *identity,
                           const struct sg_mls_package_options *options, struct sg_mls_arena *arena,
                           struct sg_mls_package *out)
{
    const struct sg_mls_suite *suite = identity->suite;
    struct sg_mls_signer signer = {suite, config->random, identity->signature_private, NULL};
    struct sg_mls_key_package *package = sg_mls_arena_new(arena, 1, sizeof(*package));
    uint8_t *ref = sg_mls_arena_new(arena, suite->hash_len, 1);
    if (package == NULL || ref == NULL)
        return SG_ERR_NO_MEMORY;
    package->version = SG_MLS_VERSION_10;
    package->suite = suite->id;
    SG_TRY(make_pair(config, suite, arena, &out->init_private, &package->init_key));
    SG_TRY(sg_mls_identity_leaf(config, identity, options->has_no_grease, arena, &package->leaf));
    SG_TRY(
        make_pair(config, suite, arena, &out->encryption_private, &package->leaf.encryption_key));
    package->leaf.source = SG_MLS_LEAF_KEY_PACKAGE;
    package->leaf.not_before = options->now > BEFORE_S ? options->now - BEFORE_S : 0;
    package->leaf.not_after = package->leaf.not_before + options->lifetime;
    SG_TRY(sg_mls_leaf_sign(&signer, arena, NULL, &package->leaf));
    if (options->is_last_resort)
        SG_TRY(sg_mls_encode(arena, write_last_resort, NULL, &package->extensions));
    SG_TRY(sg_mls_key_package_sign(&signer, arena, package));
    sg_mls_key_package_ref(suite, package->raw, ref);
    out->package = package->raw;
    out->ref = sg_bytes(ref, suite->hash_len);
    return SG_OK;
}

bool sg_mls_package_is_last_resort(const struct sg_mls_key_package *package)
{
    struct sg_bytes data;
    return sg_mls_extension_find(package->extensions, SG_MLS_EXT_LAST_RESORT, &data) ||
           sg_mls_app_data_find(package->extensions, SG_MLS_COMPONENT_LAST_RESORT, &data);
}
