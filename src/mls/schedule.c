#include "mls/schedule.h"

#define NONE sg_bytes(NULL, 0)

sg_err sg_mls_joiner_secret(const struct sg_mls_suite *suite, const struct sg_mls_secret *init,
                            const struct sg_mls_secret *commit, struct sg_bytes context,
                            struct sg_mls_secret *joiner)
{
    struct sg_mls_secret prk;
    sg_err err = suite->extract(suite, sg_mls_secret_bytes(suite, init),
                                SG_MLS_PARTS(sg_mls_secret_bytes(suite, commit)), prk.b);
    if (err == SG_OK) {
        struct sg_mls_expand in = {sg_mls_secret_bytes(suite, &prk), SG_BYTES_LIT("joiner"),
                                   context};
        err = sg_mls_expand_label(suite, &in, joiner->b, suite->hash_len);
    }
    suite->wipe(&prk, sizeof(prk));
    return err;
}

/* The secret between joiner_secret and all that comes from it. */
static sg_err member_secret(const struct sg_mls_suite *suite, const struct sg_mls_secret *joiner,
                            const struct sg_mls_secret *psk, struct sg_mls_secret *out)
{
    return suite->extract(suite, sg_mls_secret_bytes(suite, joiner),
                          SG_MLS_PARTS(sg_mls_secret_bytes(suite, psk)), out->b);
}

sg_err sg_mls_welcome_secret(const struct sg_mls_suite *suite, const struct sg_mls_secret *joiner,
                             const struct sg_mls_secret *psk, struct sg_mls_secret *welcome)
{
    struct sg_mls_secret member;
    sg_err err = member_secret(suite, joiner, psk, &member);
    if (err == SG_OK)
        err = sg_mls_derive_secret(suite, sg_mls_secret_bytes(suite, &member),
                                   SG_BYTES_LIT("welcome"), welcome);
    suite->wipe(&member, sizeof(member));
    return err;
}

sg_err sg_mls_epoch_derive(const struct sg_mls_suite *suite, const struct sg_mls_secret *epoch,
                           struct sg_mls_epoch_secrets *out)
{
    struct {
        struct sg_bytes label;
        struct sg_mls_secret *secret;
    } const all[] = {
        {SG_BYTES_LIT("sender data"), &out->sender_data},
        {SG_BYTES_LIT("encryption"), &out->encryption},
        {SG_BYTES_LIT("exporter"), &out->exporter},
        {SG_BYTES_LIT("external"), &out->external},
        {SG_BYTES_LIT("confirm"), &out->confirmation_key},
        {SG_BYTES_LIT("membership"), &out->membership_key},
        {SG_BYTES_LIT("resumption"), &out->resumption},
        {SG_BYTES_LIT("authentication"), &out->authenticator},
        {SG_BYTES_LIT("init"), &out->init},
        {SG_BYTES_LIT("application_export"), &out->application_export},
    };
    sg_err err = SG_OK;
    for (size_t i = 0; err == SG_OK && i < sizeof(all) / sizeof(all[0]); i++)
        err = sg_mls_derive_secret(suite, sg_mls_secret_bytes(suite, epoch), all[i].label,
                                   all[i].secret);
    if (err != SG_OK)
        suite->wipe(out, sizeof(*out));
    return err;
}

sg_err sg_mls_epoch_secrets(const struct sg_mls_suite *suite, const struct sg_mls_secret *joiner,
                            const struct sg_mls_secret *psk, struct sg_bytes context,
                            struct sg_mls_epoch_secrets *out)
{
    struct sg_mls_secret member, epoch;
    struct sg_mls_expand in = {sg_bytes(member.b, suite->hash_len), SG_BYTES_LIT("epoch"), context};
    sg_err err = member_secret(suite, joiner, psk, &member);
    if (err == SG_OK)
        err = sg_mls_expand_label(suite, &in, epoch.b, suite->hash_len);
    if (err == SG_OK)
        err = sg_mls_epoch_derive(suite, &epoch, out);
    else
        suite->wipe(out, sizeof(*out));
    suite->wipe(&member, sizeof(member));
    suite->wipe(&epoch, sizeof(epoch));
    return err;
}

struct psk_label {
    const struct sg_mls_psk_id *id;
    uint16_t index;
    uint16_t count;
};

static void write_psk_label(struct sg_writer *w, const void *what)
{
    const struct psk_label *in = what;
    sg_mls_write_psk_id(w, in->id);
    sg_write_u16(w, in->index);
    sg_write_u16(w, in->count);
}

/* RFC9420 s8.4: psk_input_[i]. */
static sg_err psk_input(const struct sg_mls_suite *suite, const struct sg_mls_psk *psk,
                        struct sg_bytes label, struct sg_mls_secret *out)
{
    static const uint8_t zero[SG_MLS_HASH_MAX] = {0};
    struct sg_mls_secret extracted;
    struct sg_mls_expand in = {sg_bytes(extracted.b, suite->hash_len), SG_BYTES_LIT("derived psk"),
                               label};
    sg_err err = suite->extract(suite, sg_bytes(zero, suite->hash_len), SG_MLS_PARTS(psk->secret),
                                extracted.b);
    if (err == SG_OK)
        err = sg_mls_expand_label(suite, &in, out->b, suite->hash_len);
    suite->wipe(&extracted, sizeof(extracted));
    return err;
}

sg_err sg_mls_psk_secret(const struct sg_mls_suite *suite, struct sg_mls_arena *arena,
                         const struct sg_mls_psk *psks, uint32_t count, struct sg_mls_secret *out)
{
    memset(out, 0, sizeof(*out));
    if (count > UINT16_MAX)
        return SG_ERR_LIMIT;
    sg_err err = SG_OK;
    struct sg_mls_secret input;
    for (uint32_t i = 0; err == SG_OK && i < count; i++) {
        struct psk_label label = {&psks[i].id, (uint16_t)i, (uint16_t)count};
        struct sg_bytes encoded;
        err = sg_mls_encode(arena, write_psk_label, &label, &encoded);
        if (err == SG_OK)
            err = psk_input(suite, &psks[i], encoded, &input);
        if (err == SG_OK)
            err = suite->extract(suite, sg_mls_secret_bytes(suite, &input),
                                 SG_MLS_PARTS(sg_mls_secret_bytes(suite, out)), out->b);
    }
    suite->wipe(&input, sizeof(input));
    if (err != SG_OK)
        suite->wipe(out, sizeof(*out));
    return err;
}

sg_err sg_mls_exporter(const struct sg_mls_suite *suite, const struct sg_mls_expand *in,
                       uint8_t *out, size_t len)
{
    struct sg_mls_secret derived;
    uint8_t context[SG_MLS_HASH_MAX];
    struct sg_mls_expand exported = {sg_bytes(derived.b, suite->hash_len), SG_BYTES_LIT("exported"),
                                     sg_bytes(context, suite->hash_len)};
    suite->hash(suite, SG_MLS_PARTS(in->context), context);
    sg_err err = sg_mls_derive_secret(suite, in->secret, in->label, &derived);
    if (err == SG_OK)
        err = sg_mls_expand_label(suite, &exported, out, len);
    suite->wipe(&derived, sizeof(derived));
    return err;
}

void sg_mls_confirmed_hash(const struct sg_mls_suite *suite,
                           const struct sg_mls_confirmed_input *in, uint8_t *out)
{
    uint8_t format[2] = {(uint8_t)(in->wire_format >> 8), (uint8_t)in->wire_format};
    uint8_t head[4];
    struct sg_writer w = sg_writer(head, sizeof(head));
    sg_write_varint(&w, in->signature.len);
    suite->hash(suite,
                SG_MLS_PARTS(in->interim_before, sg_bytes(format, 2), in->content,
                             sg_bytes(head, w.len), in->signature),
                out);
}

void sg_mls_interim_hash(const struct sg_mls_suite *suite, struct sg_bytes confirmed,
                         struct sg_bytes tag, uint8_t *out)
{
    uint8_t head[4];
    struct sg_writer w = sg_writer(head, sizeof(head));
    sg_write_varint(&w, tag.len);
    suite->hash(suite, SG_MLS_PARTS(confirmed, sg_bytes(head, w.len), tag), out);
}

sg_err sg_mls_confirmation_tag(const struct sg_mls_suite *suite, const struct sg_mls_secret *key,
                               struct sg_bytes confirmed, uint8_t *out)
{
    return suite->hmac(suite, sg_mls_secret_bytes(suite, key), SG_MLS_PARTS(confirmed), out);
}
