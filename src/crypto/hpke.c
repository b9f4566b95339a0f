/* HPKE (RFC 9180) in base mode. A KEM gives a secret and its ciphertext `enc`; the key schedule
 * mixes the secret with the ids of the algorithms and the caller's info into an AEAD key, a base
 * nonce and an exporter secret.
 *
 * Base mode only: MLS authenticates with signatures. A context knows what it is for, because in
 * MLS's single-shot use a third of the key schedule would be thrown away unseen. */
#include "crypto/hpke.h"

#include "crypto/hpke_kdf.h"
#include "crypto/wipe.h"

enum { MODE_BASE = 0, CONTEXT_MAX = 1 + 2 * SG_HASH_ALG_LEN_MAX };

/* key_schedule_context = mode || psk_id_hash || info_hash */
struct schedule_context {
    uint8_t b[CONTEXT_MAX];
};

/* RFC9180 s7.3: 0: no such id. */
static uint8_t key_len_of(uint16_t aead_id, enum sg_aead_alg *alg)
{
    static const enum sg_aead_alg algs[] = {SG_AEAD_AES_128_GCM, SG_AEAD_AES_256_GCM,
                                            SG_AEAD_CHACHA20_POLY1305};
    if (aead_id < 1 || aead_id > 3)
        return 0;
    *alg = algs[aead_id - 1];
    return aead_id == 1 ? SG_AEAD_KEY_LEN_128 : SG_AEAD_KEY_LEN;
}

sg_err sg_hpke_suite_init(struct sg_hpke_suite *suite, uint16_t kem_id, uint16_t kdf_id,
                          uint16_t aead_id)
{
    static const enum sg_hash_alg hashes[] = {SG_HASH_SHA256, SG_HASH_SHA384, SG_HASH_SHA512};
    *suite = (struct sg_hpke_suite){
        .kem = sg_hpke_kem_find(kem_id), .kdf_id = kdf_id, .aead_id = aead_id};
    suite->key_len = key_len_of(aead_id, &suite->aead);
    if (suite->kem == NULL || kdf_id < 1 || kdf_id > 3 ||
        (suite->key_len == 0 && aead_id != SG_HPKE_EXPORT_ONLY))
        return SG_ERR_UNSUPPORTED;
    suite->hash = hashes[kdf_id - 1];
    suite->hash_len = (uint8_t)sg_hash_alg_len(suite->hash);
    return SG_OK;
}

static void put16(uint8_t *out, uint16_t value)
{
    out[0] = (uint8_t)(value >> 8);
    out[1] = (uint8_t)value;
}

static sg_err kdf_begin(const struct sg_hpke_suite *suite, struct sg_hpke_kdf *kdf)
{
    uint8_t suite_id[10] = {'H', 'P', 'K', 'E'};
    put16(suite_id + 4, suite->kem->id);
    put16(suite_id + 6, suite->kdf_id);
    put16(suite_id + 8, suite->aead_id);
    return sg_hpke_kdf_begin(kdf, suite->hash, sg_bytes(suite_id, sizeof(suite_id)));
}

/* psk_id_hash || info_hash -> out [2 * hash_len] */
static sg_err hash_info(const struct sg_hpke_suite *suite, const struct sg_hpke_kdf *kdf,
                        struct sg_bytes info, uint8_t *out)
{
    const struct sg_bytes none = {NULL, 0};
    SG_TRY(sg_hpke_extract(kdf, none, SG_MLS_PARTS(SG_BYTES_LIT("psk_id_hash")), out));
    return sg_hpke_extract(kdf, none, SG_MLS_PARTS(SG_BYTES_LIT("info_hash"), info),
                           out + suite->hash_len);
}

sg_err sg_hpke_prepare(const struct sg_hpke_suite *suite, struct sg_bytes info, uint8_t *out)
{
    struct sg_hpke_kdf kdf;
    SG_TRY(kdf_begin(suite, &kdf));
    sg_err err = hash_info(suite, &kdf, info, out);
    sg_hpke_kdf_end(&kdf);
    return err;
}

static sg_err make_context(const struct sg_hpke *h, const struct sg_hpke_kdf *kdf,
                           struct sg_bytes info, struct schedule_context *out)
{
    out->b[0] = MODE_BASE;
    if (h->prepared == NULL)
        return hash_info(h->suite, kdf, info, out->b + 1);
    memcpy(out->b + 1, h->prepared, 2 * (size_t)h->suite->hash_len);
    return SG_OK;
}

static sg_err expand_secret(struct sg_hpke *h, const struct sg_hpke_kdf *kdf,
                            struct sg_bytes secret, struct sg_bytes context)
{
    if ((h->use & SG_HPKE_MESSAGES) != 0 && h->suite->key_len != 0) {
        SG_TRY(sg_hpke_expand(kdf, secret, SG_MLS_PARTS(SG_BYTES_LIT("key"), context), h->key,
                              h->suite->key_len));
        SG_TRY(sg_hpke_expand(kdf, secret, SG_MLS_PARTS(SG_BYTES_LIT("base_nonce"), context),
                              h->base_nonce, sizeof(h->base_nonce)));
    }
    if ((h->use & SG_HPKE_EXPORTS) != 0)
        SG_TRY(sg_hpke_expand(kdf, secret, SG_MLS_PARTS(SG_BYTES_LIT("exp"), context),
                              h->exporter_secret, h->suite->hash_len));
    return SG_OK;
}

/* RFC9180 s5.1 KeySchedule, with an empty psk. */
static sg_err schedule(struct sg_hpke *h, struct sg_bytes shared_secret, struct sg_bytes info)
{
    struct sg_hpke_kdf kdf;
    struct schedule_context context;
    uint8_t secret[SG_HASH_ALG_LEN_MAX];
    SG_TRY(kdf_begin(h->suite, &kdf));
    sg_err err = make_context(h, &kdf, info, &context);
    if (err == SG_OK)
        err = sg_hpke_extract(&kdf, shared_secret, SG_MLS_PARTS(SG_BYTES_LIT("secret")), secret);
    if (err == SG_OK)
        err = expand_secret(h, &kdf, sg_bytes(secret, h->suite->hash_len),
                            sg_bytes(context.b, 1 + 2 * (size_t)h->suite->hash_len));
    sg_hpke_kdf_end(&kdf);
    sg_wipe(secret, sizeof(secret));
    return err;
}

void sg_hpke_wipe(struct sg_hpke *h)
{
    h->seq = 0;
    sg_wipe(h->key, sizeof(h->key));
    sg_wipe(h->base_nonce, sizeof(h->base_nonce));
    sg_wipe(h->exporter_secret, sizeof(h->exporter_secret));
}

sg_err sg_hpke_setup_send(struct sg_hpke *h, const struct sg_mls_random *random,
                          struct sg_bytes public_key, struct sg_bytes info, uint8_t *enc)
{
    uint8_t shared[SG_HPKE_SECRET_MAX];
    sg_hpke_wipe(h);
    sg_err err = sg_hpke_kem_encaps(h->suite->kem, random, public_key, enc, shared);
    if (err == SG_OK)
        err = schedule(h, sg_bytes(shared, h->suite->kem->secret_len), info);
    sg_wipe(shared, sizeof(shared));
    if (err == SG_OK)
        return SG_OK;
    sg_hpke_wipe(h);
    sg_wipe(enc, h->suite->kem->enc_len);
    return err;
}

sg_err sg_hpke_setup_receive(struct sg_hpke *h, const struct sg_hpke_pair *own, struct sg_bytes enc,
                             struct sg_bytes info)
{
    uint8_t shared[SG_HPKE_SECRET_MAX];
    sg_hpke_wipe(h);
    sg_err err = sg_hpke_kem_decaps(h->suite->kem, own, enc, shared);
    if (err == SG_OK)
        err = schedule(h, sg_bytes(shared, h->suite->kem->secret_len), info);
    sg_wipe(shared, sizeof(shared));
    if (err != SG_OK)
        sg_hpke_wipe(h);
    return err;
}

/* RFC9180 s5.2 ComputeNonce: base_nonce xor seq -> nonce [SG_AEAD_NONCE_LEN]. */
static sg_err next_message(const struct sg_hpke *h, uint8_t *nonce)
{
    if ((h->use & SG_HPKE_MESSAGES) == 0 || h->suite->key_len == 0)
        return SG_ERR_INVALID_STATE;
    if (h->seq == UINT64_MAX)
        return SG_ERR_LIMIT;
    memcpy(nonce, h->base_nonce, SG_AEAD_NONCE_LEN);
    for (size_t i = 0; i < 8; i++)
        nonce[SG_AEAD_NONCE_LEN - 1 - i] ^= (uint8_t)(h->seq >> (8 * i));
    return SG_OK;
}

sg_err sg_hpke_seal(struct sg_hpke *h, struct sg_bytes aad, struct sg_bytes plain, uint8_t *out)
{
    uint8_t nonce[SG_AEAD_NONCE_LEN];
    struct sg_aead aead = {h->suite->aead, h->key, nonce, aad};
    sg_err err = next_message(h, nonce);
    if (err == SG_OK)
        err = sg_aead_seal(&aead, plain, out);
    if (err == SG_OK)
        h->seq++;
    else
        sg_wipe(out, plain.len + SG_AEAD_TAG_LEN);
    sg_wipe(nonce, sizeof(nonce));
    return err;
}

sg_err sg_hpke_open(struct sg_hpke *h, struct sg_bytes aad, struct sg_bytes sealed, uint8_t *out)
{
    uint8_t nonce[SG_AEAD_NONCE_LEN];
    struct sg_aead aead = {h->suite->aead, h->key, nonce, aad};
    sg_err err = next_message(h, nonce);
    if (err == SG_OK)
        err = sg_aead_open(&aead, sealed, out);
    if (err == SG_OK)
        h->seq++;
    else if (sealed.len > SG_AEAD_TAG_LEN)
        sg_wipe(out, sealed.len - SG_AEAD_TAG_LEN);
    sg_wipe(nonce, sizeof(nonce));
    return err;
}

sg_err sg_hpke_export(const struct sg_hpke *h, struct sg_bytes context, uint8_t *out,
                      size_t out_len)
{
    struct sg_hpke_kdf kdf;
    sg_err err = (h->use & SG_HPKE_EXPORTS) != 0 ? kdf_begin(h->suite, &kdf) : SG_ERR_INVALID_STATE;
    if (err != SG_OK) {
        sg_wipe(out, out_len);
        return err;
    }
    err = sg_hpke_expand(&kdf, sg_bytes(h->exporter_secret, h->suite->hash_len),
                         SG_MLS_PARTS(SG_BYTES_LIT("sec"), context), out, out_len);
    sg_hpke_kdf_end(&kdf);
    return err;
}
