/* The table of MLS ciphersuites over OpenSSL. A row is ids and sizes; the functions are the same in
 * every row and read the row that they are given. */
#include "crypto/mls_suite.h"

#include "crypto/hpke.h"
#include "crypto/mac.h"
#include "crypto/mls_sig.h"
#include "crypto/random.h"
#include "crypto/wipe.h"

static enum sg_hash_alg hash_of(const struct sg_mls_suite *suite)
{
    return suite->kdf_id == 1   ? SG_HASH_SHA256
           : suite->kdf_id == 2 ? SG_HASH_SHA384
                                : SG_HASH_SHA512;
}

static void do_hash(const struct sg_mls_suite *suite, struct sg_mls_parts parts, uint8_t *out)
{
    sg_hash(hash_of(suite), parts.at, parts.count, out);
}

static sg_err do_hmac(const struct sg_mls_suite *suite, struct sg_bytes key,
                      struct sg_mls_parts parts, uint8_t *out)
{
    struct sg_mac mac;
    sg_err err = sg_mac_begin(&mac, hash_of(suite));
    if (err != SG_OK) {
        sg_wipe(out, suite->hash_len);
        return err;
    }
    err = sg_mac_hmac(&mac, key, parts, out);
    sg_mac_end(&mac);
    return err;
}

static sg_err do_expand(const struct sg_mls_suite *suite, struct sg_bytes prk,
                        struct sg_mls_parts info, uint8_t *out, size_t out_len)
{
    struct sg_mac mac;
    sg_err err = sg_mac_begin(&mac, hash_of(suite));
    if (err != SG_OK) {
        sg_wipe(out, out_len);
        return err;
    }
    err = sg_mac_expand(&mac, prk, info, out, out_len);
    sg_mac_end(&mac);
    return err;
}

static struct sg_aead aead_of(const struct sg_mls_suite *suite, const struct sg_mls_aead *aead)
{
    enum sg_aead_alg alg = suite->aead_id == 1   ? SG_AEAD_AES_128_GCM
                           : suite->aead_id == 2 ? SG_AEAD_AES_256_GCM
                                                 : SG_AEAD_CHACHA20_POLY1305;
    return (struct sg_aead){alg, aead->key, aead->nonce, aead->aad};
}

static sg_err do_aead_seal(const struct sg_mls_suite *suite, const struct sg_mls_aead *aead,
                           struct sg_bytes plain, uint8_t *out)
{
    struct sg_aead a = aead_of(suite, aead);
    return sg_aead_seal(&a, plain, out);
}

static sg_err do_aead_open(const struct sg_mls_suite *suite, const struct sg_mls_aead *aead,
                           struct sg_bytes sealed, uint8_t *out)
{
    struct sg_aead a = aead_of(suite, aead);
    return sg_aead_open(&a, sealed, out);
}

static sg_err do_kem_derive(const struct sg_mls_suite *suite, struct sg_bytes ikm,
                            uint8_t *private_key, uint8_t *public_key)
{
    return sg_hpke_kem_derive(sg_hpke_kem_find(suite->kem_id), ikm, private_key, public_key);
}

static sg_err do_kem_generate(const struct sg_mls_suite *suite, const struct sg_mls_random *random,
                              uint8_t *private_key, uint8_t *public_key)
{
    return sg_hpke_kem_generate(sg_hpke_kem_find(suite->kem_id), random, private_key, public_key);
}

static sg_err do_kem_public(const struct sg_mls_suite *suite, struct sg_bytes private_key,
                            uint8_t *public_key)
{
    return sg_hpke_kem_public(sg_hpke_kem_find(suite->kem_id), private_key, public_key);
}

static sg_err do_kem_check(const struct sg_mls_suite *suite, struct sg_bytes public_key)
{
    return sg_hpke_kem_check(sg_hpke_kem_find(suite->kem_id), public_key);
}

/* A context of the row's HPKE suite for one use. */
static sg_err start(const struct sg_mls_suite *suite, struct sg_hpke_suite *hpke,
                    enum sg_hpke_use use, struct sg_hpke *h)
{
    *h = (struct sg_hpke){.suite = hpke, .use = use};
    return sg_hpke_suite_init(hpke, suite->kem_id, suite->kdf_id, suite->aead_id);
}

static sg_err do_hpke_prepare(const struct sg_mls_suite *suite, struct sg_bytes info,
                              struct sg_mls_hpke_info *out)
{
    struct sg_hpke_suite hpke;
    sg_err err = sg_hpke_suite_init(&hpke, suite->kem_id, suite->kdf_id, suite->aead_id);
    if (err == SG_OK)
        err = sg_hpke_prepare(&hpke, info, out->b);
    if (err != SG_OK)
        sg_wipe(out, sizeof(*out));
    return err;
}

static sg_err do_hpke_seal(const struct sg_mls_suite *suite, const struct sg_mls_random *random,
                           const struct sg_mls_hpke_to *to, uint8_t *enc, uint8_t *out)
{
    struct sg_hpke_suite hpke;
    struct sg_hpke h;
    SG_TRY(start(suite, &hpke, SG_HPKE_MESSAGES, &h));
    h.prepared = to->prepared == NULL ? NULL : to->prepared->b;
    sg_err err = sg_hpke_setup_send(&h, random, to->public_key, to->info, enc);
    if (err == SG_OK)
        err = sg_hpke_seal(&h, to->aad, to->plain, out);
    sg_hpke_wipe(&h);
    if (err == SG_OK)
        return SG_OK;
    sg_wipe(enc, suite->kem_enc_len);
    sg_wipe(out, to->plain.len + suite->aead_tag_len);
    return err;
}

static sg_err do_hpke_open(const struct sg_mls_suite *suite, const struct sg_mls_hpke_from *from,
                           uint8_t *out)
{
    struct sg_hpke_suite hpke;
    struct sg_hpke h;
    struct sg_hpke_pair own = {from->private_key, from->public_key};
    SG_TRY(start(suite, &hpke, SG_HPKE_MESSAGES, &h));
    sg_err err = sg_hpke_setup_receive(&h, &own, from->enc, from->info);
    if (err == SG_OK)
        err = sg_hpke_open(&h, from->aad, from->sealed, out);
    else if (from->sealed.len > suite->aead_tag_len)
        sg_wipe(out, from->sealed.len - suite->aead_tag_len);
    sg_hpke_wipe(&h);
    return err;
}

static sg_err do_hpke_send_export(const struct sg_mls_suite *suite,
                                  const struct sg_mls_random *random,
                                  const struct sg_mls_hpke_to *to, uint8_t *enc,
                                  const struct sg_mls_hpke_export *export)
{
    struct sg_hpke_suite hpke;
    struct sg_hpke h;
    SG_TRY(start(suite, &hpke, SG_HPKE_EXPORTS, &h));
    h.prepared = to->prepared == NULL ? NULL : to->prepared->b;
    sg_err err = sg_hpke_setup_send(&h, random, to->public_key, to->info, enc);
    if (err == SG_OK)
        err = sg_hpke_export(&h, export->context, export->out, export->len);
    sg_hpke_wipe(&h);
    if (err == SG_OK)
        return SG_OK;
    sg_wipe(enc, suite->kem_enc_len);
    sg_wipe(export->out, export->len);
    return err;
}

static sg_err do_hpke_receive_export(const struct sg_mls_suite *suite,
                                     const struct sg_mls_hpke_from *from,
                                     const struct sg_mls_hpke_export *export)
{
    struct sg_hpke_suite hpke;
    struct sg_hpke h;
    struct sg_hpke_pair own = {from->private_key, from->public_key};
    SG_TRY(start(suite, &hpke, SG_HPKE_EXPORTS, &h));
    sg_err err = sg_hpke_setup_receive(&h, &own, from->enc, from->info);
    if (err == SG_OK)
        err = sg_hpke_export(&h, export->context, export->out, export->len);
    else
        sg_wipe(export->out, export->len);
    sg_hpke_wipe(&h);
    return err;
}

static bool do_equal(struct sg_bytes a, struct sg_bytes b)
{
    return a.len == b.len && (a.len == 0 || sg_secret_equal(a.data, b.data, a.len));
}

/* The columns of a row by what it is made of. */
#define KEM(id_, secret, enc, pub, priv)                                                           \
    .kem_id = (id_), .kem_secret_len = (secret), .kem_enc_len = (enc), .kem_public_len = (pub),    \
    .kem_private_len = (priv)
#define KEM_X25519 KEM(SG_HPKE_DHKEM_X25519, 32, 32, 32, 32)
#define KEM_X448 KEM(SG_HPKE_DHKEM_X448, 64, 56, 56, 56)
#define KEM_P256 KEM(SG_HPKE_DHKEM_P256, 32, 65, 65, 32)
#define KEM_P384 KEM(SG_HPKE_DHKEM_P384, 48, 97, 97, 48)
#define KEM_P521 KEM(SG_HPKE_DHKEM_P521, 64, 133, 133, 66)
#define KEM_ML768 KEM(SG_HPKE_ML_KEM_768, 32, 1088, 1184, 64)
#define KEM_X_WING KEM(SG_HPKE_X_WING, 32, 1120, 1216, 32)
#define SHA256 .kdf_id = 1, .hash_len = 32
#define SHA384 .kdf_id = 2, .hash_len = 48
#define SHA512 .kdf_id = 3, .hash_len = 64
#define AEAD(id_, key)                                                                             \
    .aead_id = (id_), .aead_key_len = (key), .aead_nonce_len = SG_AEAD_NONCE_LEN,                  \
    .aead_tag_len = SG_AEAD_TAG_LEN
#define AES128 AEAD(1, SG_AEAD_KEY_LEN_128)
#define AES256 AEAD(2, SG_AEAD_KEY_LEN)
#define CHACHA AEAD(3, SG_AEAD_KEY_LEN)
#define SIG(id_, pub, priv, max)                                                                   \
    .sig_id = (id_), .sig_public_len = (pub), .sig_private_len = (priv), .sig_max_len = (max)
#define ED25519 SIG(SG_MLS_ED25519, 32, 32, 64)
#define ED448 SIG(SG_MLS_ED448, 57, 57, 114)
/* DER: SEQUENCE of two INTEGERs that may need a leading zero */
#define ECDSA_P256 SIG(SG_MLS_ECDSA_P256, 65, 32, 72)
#define ECDSA_P384 SIG(SG_MLS_ECDSA_P384, 97, 48, 104)
#define ECDSA_P521 SIG(SG_MLS_ECDSA_P521, 133, 66, 139)
#define ML_DSA_44 SIG(SG_MLS_ML_DSA_44, 1312, 32, 2420)
#define ML_DSA_65 SIG(SG_MLS_ML_DSA_65, 1952, 32, 3309)
#define ROW(id_, name_)                                                                            \
    .id = (id_), .name = (name_), .hash = do_hash, .hmac = do_hmac, .extract = do_hmac,            \
    .expand = do_expand, .aead_seal = do_aead_seal, .aead_open = do_aead_open,                     \
    .kem_derive = do_kem_derive, .kem_generate = do_kem_generate, .kem_public = do_kem_public,     \
    .kem_check = do_kem_check, .hpke_prepare = do_hpke_prepare, .hpke_seal = do_hpke_seal,         \
    .hpke_open = do_hpke_open, .hpke_send_export = do_hpke_send_export,                            \
    .hpke_receive_export = do_hpke_receive_export, .sig_generate = sg_mls_sig_generate,            \
    .sig_public = sg_mls_sig_public, .sig_check = sg_mls_sig_check, .sign = sg_mls_sig_sign,       \
    .sign_ready_fini = sg_mls_sig_ready_fini, .verify = sg_mls_sig_verify, .wipe = sg_wipe,        \
    .equal = do_equal

static const struct sg_mls_suite suites[] = {
    {ROW(1, "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519"), KEM_X25519, SHA256, AES128, ED25519},
    {ROW(2, "MLS_128_DHKEMP256_AES128GCM_SHA256_P256"), KEM_P256, SHA256, AES128, ECDSA_P256},
    {ROW(3, "MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519"), KEM_X25519, SHA256, CHACHA,
     ED25519},
    {ROW(4, "MLS_256_DHKEMX448_AES256GCM_SHA512_Ed448"), KEM_X448, SHA512, AES256, ED448},
    {ROW(5, "MLS_256_DHKEMP521_AES256GCM_SHA512_P521"), KEM_P521, SHA512, AES256, ECDSA_P521},
    {ROW(6, "MLS_256_DHKEMX448_CHACHA20POLY1305_SHA512_Ed448"), KEM_X448, SHA512, CHACHA, ED448},
    {ROW(7, "MLS_256_DHKEMP384_AES256GCM_SHA384_P384"), KEM_P384, SHA384, AES256, ECDSA_P384},
    {ROW(0xf602, "MLS_128_MLKEM768X25519_AES256GCM_SHA384_Ed25519"), KEM_X_WING, SHA384, AES256,
     ED25519},
    {ROW(0xf606, "MLS_128_MLKEM768_AES256GCM_SHA384_Ed25519"), KEM_ML768, SHA384, AES256, ED25519},
    {ROW(0xf609, "MLS_128_MLKEM768X25519_CHACHA20POLY1305_SHA384_MLDSA44"), KEM_X_WING, SHA384,
     CHACHA, ML_DSA_44},
    {ROW(0xf60a, "MLS_192_MLKEM768_AES256GCM_SHA384_MLDSA65"), KEM_ML768, SHA384, AES256,
     ML_DSA_65},
};

const struct sg_mls_suite *sg_mls_suites(size_t *count)
{
    *count = sizeof(suites) / sizeof(suites[0]);
    return suites;
}

const struct sg_mls_suite *sg_mls_suite_find(uint16_t id)
{
    for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
        if (suites[i].id == id)
            return &suites[i];
    }
    return NULL;
}

static sg_err fill(void *state, uint8_t *out, size_t len)
{
    (void)state;
    return sg_random(out, len);
}

const struct sg_mls_random *sg_mls_random_default(void)
{
    static const struct sg_mls_random source = {NULL, fill};
    return &source;
}
