/* The post-quantum KEMs of HPKE (draft-ietf-hpke-pq): ML-KEM, whose private key is the seed d || z
 * of FIPS 203, and X-Wing, whose 32-byte seed SHAKE256 stretches to an ML-KEM-768 seed and an X25519
 * scalar. In X-Wing's keys and ciphertexts the ML-KEM part comes first. */
#include "crypto/hpke_kem_impl.h"
#include "crypto/mls_evp.h"
#include "crypto/wipe.h"

enum { X_LEN = 32 }; /* X25519 */

/* The hash of parts -> out [out_len]; SHAKE256 gives any length, SHA3-256 its own. */
static sg_err sponge(const EVP_MD *md, struct sg_mls_parts parts, uint8_t *out, size_t out_len)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool is_xof = EVP_MD_xof(md);
    bool ok = ctx != NULL && EVP_DigestInit_ex2(ctx, md, NULL) == 1;
    for (size_t i = 0; i < parts.count; i++)
        ok = ok && EVP_DigestUpdate(ctx, parts.at[i].data, parts.at[i].len) == 1;
    ok = ok &&
         (is_xof ? EVP_DigestFinalXOF(ctx, out, out_len) : EVP_DigestFinal_ex(ctx, out, NULL)) == 1;
    EVP_MD_CTX_free(ctx); /* wipes its state */
    return ok ? SG_OK : sg_evp_error(SG_ERR_CRYPTO);
}

sg_err sg_hpke_derive_seed(const struct sg_hpke_kem *kem, struct sg_bytes ikm, uint8_t *seed)
{
    const struct sg_mls_evp *evp;
    uint8_t id[2] = {(uint8_t)(kem->id >> 8), (uint8_t)kem->id};
    uint8_t len[2] = {(uint8_t)(kem->private_len >> 8), (uint8_t)kem->private_len};
    SG_TRY(sg_mls_evp_begin(&evp));
    return sponge(evp->shake256,
                  SG_MLS_PARTS(ikm, SG_BYTES_LIT("HPKE-v1KEM"), sg_bytes(id, 2),
                               SG_BYTES_LIT("\x00\x0d"
                                            "DeriveKeyPair"),
                               sg_bytes(len, 2)),
                  seed, kem->private_len);
}

static sg_err ml_public(const struct sg_hpke_kem *kem, struct sg_bytes private_key,
                        uint8_t *public_key)
{
    struct sg_kem_seed seed;
    memcpy(seed.b, private_key.data, sizeof(seed.b));
    sg_err err = sg_kem_seed_public(kem->ml, &seed, public_key);
    sg_wipe(&seed, sizeof(seed));
    return err;
}

static sg_err ml_derive(const struct sg_hpke_kem *kem, struct sg_bytes ikm, uint8_t *private_key,
                        uint8_t *public_key)
{
    SG_TRY(sg_hpke_derive_seed(kem, ikm, private_key));
    return ml_public(kem, sg_bytes(private_key, kem->private_len), public_key);
}

static sg_err ml_generate(const struct sg_hpke_kem *kem, const struct sg_mls_random *random,
                          uint8_t *private_key, uint8_t *public_key)
{
    SG_TRY(random->fill(random->state, private_key, kem->private_len));
    return ml_public(kem, sg_bytes(private_key, kem->private_len), public_key);
}

static sg_err ml_check(const struct sg_hpke_kem *kem, struct sg_bytes public_key)
{
    return sg_kem_check(kem->ml, public_key);
}

/* Encapsulation by ML-KEM alone, for both kinds: secret [SG_KEM_SECRET_LEN]. */
static sg_err ml_encaps(const struct sg_hpke_kem *kem, const struct sg_mls_random *random,
                        struct sg_bytes public_key, uint8_t *enc, uint8_t *secret)
{
    uint8_t m[SG_KEM_RANDOM_LEN];
    struct sg_kem_secret shared;
    sg_err err = random->fill(random->state, m, sizeof(m));
    if (err == SG_OK)
        err = sg_kem_encaps_deterministic(kem->ml, public_key, m, enc, &shared);
    if (err == SG_OK)
        memcpy(secret, shared.b, sizeof(shared.b));
    sg_wipe(m, sizeof(m));
    sg_wipe(&shared, sizeof(shared));
    return err;
}

static sg_err ml_decaps(const struct sg_hpke_kem *kem, const struct sg_hpke_pair *own,
                        struct sg_bytes enc, uint8_t *secret)
{
    struct sg_kem_seed seed;
    struct sg_kem_secret shared;
    memcpy(seed.b, own->private_key.data, sizeof(seed.b));
    sg_err err = sg_kem_seed_decaps(kem->ml, &seed, enc, &shared);
    if (err == SG_OK)
        memcpy(secret, shared.b, sizeof(shared.b));
    sg_wipe(&seed, sizeof(seed));
    sg_wipe(&shared, sizeof(shared));
    return err;
}

const struct sg_hpke_kem_ops sg_hpke_ml_ops = {
    .derive = ml_derive,
    .generate = ml_generate,
    .public_of = ml_public,
    .check = ml_check,
    .encaps = ml_encaps,
    .decaps = ml_decaps,
};

/* What X-Wing's seed is stretched to. */
struct x_wing_keys {
    uint8_t ml[SG_KEM_SEED_LEN];
    uint8_t x[X_LEN];
};

static sg_err x_wing_expand(struct sg_bytes seed, struct x_wing_keys *keys)
{
    const struct sg_mls_evp *evp;
    SG_TRY(sg_mls_evp_begin(&evp));
    return sponge(evp->shake256, SG_MLS_PARTS(seed), (uint8_t *)keys, sizeof(*keys));
}

static sg_err x_wing_public(const struct sg_hpke_kem *kem, struct sg_bytes private_key,
                            uint8_t *public_key)
{
    struct x_wing_keys keys;
    sg_err err = x_wing_expand(private_key, &keys);
    if (err == SG_OK)
        err = ml_public(kem, sg_bytes(keys.ml, sizeof(keys.ml)), public_key);
    if (err == SG_OK)
        err = sg_dh_public(kem->dh, sg_bytes(keys.x, X_LEN), public_key + kem->public_len - X_LEN);
    sg_wipe(&keys, sizeof(keys));
    return err;
}

static sg_err x_wing_derive(const struct sg_hpke_kem *kem, struct sg_bytes ikm,
                            uint8_t *private_key, uint8_t *public_key)
{
    SG_TRY(sg_hpke_derive_seed(kem, ikm, private_key));
    return x_wing_public(kem, sg_bytes(private_key, kem->private_len), public_key);
}

static sg_err x_wing_generate(const struct sg_hpke_kem *kem, const struct sg_mls_random *random,
                              uint8_t *private_key, uint8_t *public_key)
{
    SG_TRY(random->fill(random->state, private_key, kem->private_len));
    return x_wing_public(kem, sg_bytes(private_key, kem->private_len), public_key);
}

/* The first part of a key or ciphertext, and its last 32 bytes. */
static struct sg_bytes ml_part(struct sg_bytes whole)
{
    return sg_bytes(whole.data, whole.len - X_LEN);
}

static struct sg_bytes x_part(struct sg_bytes whole)
{
    return sg_bytes(whole.data + whole.len - X_LEN, X_LEN);
}

static sg_err x_wing_check(const struct sg_hpke_kem *kem, struct sg_bytes public_key)
{
    SG_TRY(sg_dh_check(kem->dh, x_part(public_key)));
    return sg_kem_check(kem->ml, ml_part(public_key));
}

/* ml [SG_KEM_SECRET_LEN] and x [X_LEN]: the two secrets. */
struct x_wing_secrets {
    uint8_t ml[SG_KEM_SECRET_LEN];
    uint8_t x[X_LEN];
};

static sg_err combine(const struct x_wing_secrets *secrets, struct sg_bytes enc,
                      struct sg_bytes public_key, uint8_t *secret)
{
    const struct sg_mls_evp *evp;
    SG_TRY(sg_mls_evp_begin(&evp));
    return sponge(evp->sha3_256,
                  SG_MLS_PARTS(sg_bytes(secrets->ml, sizeof(secrets->ml)),
                               sg_bytes(secrets->x, X_LEN), x_part(enc), x_part(public_key),
                               SG_BYTES_LIT("\\.//^\\")),
                  secret, SG_KEM_SECRET_LEN);
}

static sg_err x_wing_encaps(const struct sg_hpke_kem *kem, const struct sg_mls_random *random,
                            struct sg_bytes public_key, uint8_t *enc, uint8_t *secret)
{
    uint8_t ephemeral[X_LEN];
    struct x_wing_secrets secrets;
    uint8_t *enc_x = enc + kem->enc_len - X_LEN;
    sg_err err = ml_encaps(kem, random, ml_part(public_key), enc, secrets.ml);
    if (err == SG_OK)
        err = sg_dh_generate(kem->dh, random, ephemeral, enc_x);
    if (err == SG_OK) {
        struct sg_dh_pair own = {sg_bytes(ephemeral, X_LEN), sg_bytes(enc_x, X_LEN)};
        err = sg_dh_shared(kem->dh, &own, x_part(public_key), secrets.x);
    }
    if (err == SG_OK)
        err = combine(&secrets, sg_bytes(enc, kem->enc_len), public_key, secret);
    sg_wipe(ephemeral, sizeof(ephemeral));
    sg_wipe(&secrets, sizeof(secrets));
    return err;
}

/* x_public [X_LEN]: our X25519 public key, computed unless the caller had it. */
static sg_err x_wing_open(const struct sg_hpke_kem *kem, const struct x_wing_keys *keys,
                          struct sg_bytes enc, struct sg_bytes x_public,
                          struct x_wing_secrets *secrets)
{
    struct sg_hpke_pair ml = {.private_key = sg_bytes(keys->ml, sizeof(keys->ml))};
    struct sg_dh_pair x = {sg_bytes(keys->x, X_LEN), x_public};
    SG_TRY(ml_decaps(kem, &ml, ml_part(enc), secrets->ml));
    return sg_dh_shared(kem->dh, &x, x_part(enc), secrets->x);
}

static sg_err x_wing_decaps(const struct sg_hpke_kem *kem, const struct sg_hpke_pair *own,
                            struct sg_bytes enc, uint8_t *secret)
{
    struct x_wing_keys keys;
    struct x_wing_secrets secrets;
    uint8_t computed[X_LEN];
    struct sg_bytes x_public = sg_bytes(computed, X_LEN);
    sg_err err = x_wing_expand(own->private_key, &keys);
    if (own->public_key.len != 0)
        x_public = x_part(own->public_key);
    else if (err == SG_OK)
        err = sg_dh_public(kem->dh, sg_bytes(keys.x, X_LEN), computed);
    if (err == SG_OK)
        err = x_wing_open(kem, &keys, enc, x_public, &secrets);
    if (err == SG_OK)
        err = combine(&secrets, enc, x_public, secret);
    sg_wipe(&keys, sizeof(keys));
    sg_wipe(&secrets, sizeof(secrets));
    return err;
}

const struct sg_hpke_kem_ops sg_hpke_x_wing_ops = {
    .derive = x_wing_derive,
    .generate = x_wing_generate,
    .public_of = x_wing_public,
    .check = x_wing_check,
    .encaps = x_wing_encaps,
    .decaps = x_wing_decaps,
};
