#include "support/mls_clear.h"

enum { HASH_LEN = 32, TAG_LEN = 16, SIG_LEN = 8, KEY_LEN = SG_MLS_CLEAR_KEY_LEN };

/* Four lanes of FNV-1a with a finish: it spreads well and withstands nobody. */
struct mix {
    uint64_t lane[4];
};

static void mix_start(struct mix *m)
{
    for (size_t i = 0; i < 4; i++)
        m->lane[i] = UINT64_C(0xcbf29ce484222325) + i * UINT64_C(0x9e3779b97f4a7c15);
}

static void mix_bytes(struct mix *m, struct sg_bytes bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        uint64_t *lane = &m->lane[i % 4];
        *lane = (*lane ^ bytes.data[i]) * UINT64_C(0x100000001b3);
    }
    m->lane[3] = (m->lane[3] ^ bytes.len) * UINT64_C(0x100000001b3);
}

static void mix_finish(struct mix *m, uint8_t out[HASH_LEN])
{
    for (int round = 0; round < 8; round++) {
        uint64_t x = m->lane[round % 4] ^ (m->lane[(round + 1) % 4] >> 29);
        x *= UINT64_C(0xbf58476d1ce4e5b9);
        m->lane[round % 4] = x ^ (x >> 31);
        m->lane[(round + 1) % 4] += m->lane[round % 4];
    }
    for (size_t i = 0; i < HASH_LEN; i++)
        out[i] = (uint8_t)(m->lane[i / 8] >> (8 * (i % 8)));
}

static void do_hash(const struct sg_mls_suite *suite, struct sg_mls_parts parts, uint8_t *out)
{
    struct mix m;
    uint8_t joined = 0;
    (void)suite;
    mix_start(&m);
    /* byte by byte over all parts, so that only their concatenation counts */
    for (size_t i = 0; i < parts.count; i++) {
        for (size_t k = 0; k < parts.at[i].len; k++) {
            m.lane[joined % 4] =
                (m.lane[joined % 4] ^ parts.at[i].data[k]) * UINT64_C(0x100000001b3);
            joined++;
        }
    }
    mix_finish(&m, out);
}

static sg_err do_hmac(const struct sg_mls_suite *suite, struct sg_bytes key,
                      struct sg_mls_parts parts, uint8_t *out)
{
    struct mix m;
    uint8_t inner[HASH_LEN];
    do_hash(suite, parts, inner);
    mix_start(&m);
    mix_bytes(&m, key);
    mix_bytes(&m, sg_bytes(inner, HASH_LEN));
    mix_finish(&m, out);
    return SG_OK;
}

static sg_err do_expand(const struct sg_mls_suite *suite, struct sg_bytes prk,
                        struct sg_mls_parts info, uint8_t *out, size_t out_len)
{
    uint8_t block[HASH_LEN];
    if (prk.len < HASH_LEN || out_len == 0 || out_len > 255 * HASH_LEN)
        return SG_ERR_INVALID_ARGUMENT;
    SG_TRY(do_hmac(suite, prk, info, block));
    for (size_t i = 0; i < out_len; i++) {
        if (i > 0 && i % HASH_LEN == 0)
            do_hash(suite, SG_MLS_PARTS(sg_bytes(block, HASH_LEN)), block);
        out[i] = block[i % HASH_LEN];
    }
    return SG_OK;
}

static void copy(uint8_t *out, const uint8_t *in, size_t len)
{
    if (len > 0)
        memmove(out, in, len);
}

static sg_err do_aead_seal(const struct sg_mls_suite *suite, const struct sg_mls_aead *aead,
                           struct sg_bytes plain, uint8_t *out)
{
    (void)suite;
    (void)aead;
    copy(out, plain.data, plain.len);
    memset(out + plain.len, 0, TAG_LEN);
    return SG_OK;
}

static sg_err do_aead_open(const struct sg_mls_suite *suite, const struct sg_mls_aead *aead,
                           struct sg_bytes sealed, uint8_t *out)
{
    (void)suite;
    (void)aead;
    if (sealed.len < TAG_LEN)
        return SG_ERR_AUTH;
    copy(out, sealed.data, sealed.len - TAG_LEN);
    return SG_OK;
}

/* A public key is its private key with the bits turned over. */
static sg_err do_public(const struct sg_mls_suite *suite, struct sg_bytes private_key,
                        uint8_t *public_key)
{
    (void)suite;
    if (private_key.len != KEY_LEN)
        return SG_ERR_MALFORMED;
    for (size_t i = 0; i < KEY_LEN; i++)
        public_key[i] = private_key.data[i] ^ 0xff;
    return SG_OK;
}

static sg_err do_derive(const struct sg_mls_suite *suite, struct sg_bytes ikm, uint8_t *private_key,
                        uint8_t *public_key)
{
    uint8_t hash[HASH_LEN];
    do_hash(suite, SG_MLS_PARTS(ikm), hash);
    memcpy(private_key, hash, KEY_LEN);
    return do_public(suite, sg_bytes(private_key, KEY_LEN), public_key);
}

static sg_err do_generate(const struct sg_mls_suite *suite, const struct sg_mls_random *random,
                          uint8_t *private_key, uint8_t *public_key)
{
    SG_TRY(random->fill(random->state, private_key, KEY_LEN));
    return do_public(suite, sg_bytes(private_key, KEY_LEN), public_key);
}

static sg_err do_check(const struct sg_mls_suite *suite, struct sg_bytes public_key)
{
    (void)suite;
    return public_key.len == KEY_LEN ? SG_OK : SG_ERR_MALFORMED;
}

static sg_err do_hpke_prepare(const struct sg_mls_suite *suite, struct sg_bytes info,
                              struct sg_mls_hpke_info *out)
{
    (void)suite;
    (void)info;
    memset(out, 0, sizeof(*out));
    return SG_OK;
}

static sg_err do_hpke_seal(const struct sg_mls_suite *suite, const struct sg_mls_random *random,
                           const struct sg_mls_hpke_to *to, uint8_t *enc, uint8_t *out)
{
    SG_TRY(do_check(suite, to->public_key));
    SG_TRY(random->fill(random->state, enc, KEY_LEN));
    return do_aead_seal(suite, NULL, to->plain, out);
}

static sg_err do_hpke_open(const struct sg_mls_suite *suite, const struct sg_mls_hpke_from *from,
                           uint8_t *out)
{
    if (from->enc.len != KEY_LEN || from->private_key.len != KEY_LEN)
        return SG_ERR_MALFORMED;
    return do_aead_open(suite, NULL, from->sealed, out);
}

static sg_err export_of(const struct sg_mls_suite *suite, struct sg_bytes enc,
                        const struct sg_mls_hpke_export *export)
{
    uint8_t prk[HASH_LEN];
    do_hash(suite, SG_MLS_PARTS(enc), prk);
    return do_expand(suite, sg_bytes(prk, HASH_LEN), SG_MLS_PARTS(export->context), export->out,
                     export->len);
}

static sg_err do_send_export(const struct sg_mls_suite *suite, const struct sg_mls_random *random,
                             const struct sg_mls_hpke_to *to, uint8_t *enc,
                             const struct sg_mls_hpke_export *export)
{
    SG_TRY(do_check(suite, to->public_key));
    SG_TRY(random->fill(random->state, enc, KEY_LEN));
    return export_of(suite, sg_bytes(enc, KEY_LEN), export);
}

static sg_err do_receive_export(const struct sg_mls_suite *suite,
                                const struct sg_mls_hpke_from *from,
                                const struct sg_mls_hpke_export *export)
{
    if (from->enc.len != KEY_LEN)
        return SG_ERR_MALFORMED;
    return export_of(suite, from->enc, export);
}

static void do_ready_fini(struct sg_mls_ready *ready)
{
    memset(ready, 0, sizeof(*ready));
}

static sg_err do_sign(const struct sg_mls_suite *suite, const struct sg_mls_random *random,
                      const struct sg_mls_to_sign *in, uint8_t *signature, size_t *len)
{
    uint8_t hash[HASH_LEN];
    (void)random;
    if (in->private_key.len != KEY_LEN)
        return SG_ERR_MALFORMED;
    do_hash(suite, SG_MLS_PARTS(in->content), hash);
    memcpy(signature, hash, SIG_LEN);
    *len = SIG_LEN;
    return SG_OK;
}

static sg_err do_verify(const struct sg_mls_suite *suite, struct sg_bytes public_key,
                        struct sg_bytes content, struct sg_bytes signature)
{
    (void)suite;
    (void)content;
    return public_key.len == KEY_LEN && signature.len == SIG_LEN ? SG_OK : SG_ERR_BAD_SIGNATURE;
}

static void do_wipe(void *data, size_t len)
{
    if (len > 0)
        memset(data, 0, len);
}

/* Tags are equal whenever their lengths are. */
static bool do_equal(struct sg_bytes a, struct sg_bytes b)
{
    return a.len == b.len;
}

const struct sg_mls_suite *sg_mls_clear_suite(void)
{
    static const struct sg_mls_suite suite = {
        .name = "clear",
        .id = SG_MLS_CLEAR_ID,
        .hash_len = HASH_LEN,
        .aead_key_len = 16,
        .aead_nonce_len = 12,
        .aead_tag_len = TAG_LEN,
        .kem_secret_len = HASH_LEN,
        .kem_enc_len = KEY_LEN,
        .kem_public_len = KEY_LEN,
        .kem_private_len = KEY_LEN,
        .sig_public_len = KEY_LEN,
        .sig_private_len = KEY_LEN,
        .sig_max_len = SIG_LEN,
        .hash = do_hash,
        .hmac = do_hmac,
        .extract = do_hmac,
        .expand = do_expand,
        .aead_seal = do_aead_seal,
        .aead_open = do_aead_open,
        .kem_derive = do_derive,
        .kem_generate = do_generate,
        .kem_public = do_public,
        .kem_check = do_check,
        .hpke_prepare = do_hpke_prepare,
        .hpke_seal = do_hpke_seal,
        .hpke_open = do_hpke_open,
        .hpke_send_export = do_send_export,
        .hpke_receive_export = do_receive_export,
        .sig_generate = do_generate,
        .sig_public = do_public,
        .sig_check = do_check,
        .sign = do_sign,
        .sign_ready_fini = do_ready_fini,
        .verify = do_verify,
        .wipe = do_wipe,
        .equal = do_equal,
    };
    return &suite;
}

static sg_err fill(void *state, uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)sg_prng_next(state);
    return SG_OK;
}

struct sg_mls_random sg_mls_clear_random(struct sg_prng *prng)
{
    return (struct sg_mls_random){prng, fill};
}
