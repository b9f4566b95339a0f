/* The hybrid KEMs of HPKE (draft-ietf-hpke-pq, draft-irtf-cfrg-concrete-hybrid-kems): ML-KEM beside
 * a group, safe while either is. X-Wing is the one with X25519.
 *
 * A 32-byte seed is the private key; SHAKE256 stretches it to the ML-KEM seed and a scalar. In keys
 * and ciphertexts the ML-KEM part comes first. The secret is a hash of both secrets, the group's
 * part of key and ciphertext, and a label; ML-KEM's own hash binds its part. */
#include "crypto/hpke_kem_impl.h"
#include "crypto/mls_evp.h"
#include "crypto/wipe.h"

enum {
    WINDOWS = 4, /* candidates for a scalar; the first is out of range once in 2^32 times */
    EXPANDED_LEN = SG_KEM_SEED_LEN + WINDOWS * 48, /* P-384, the largest in use */
};

/* The private key's two halves. */
struct keys {
    uint8_t ml[SG_KEM_SEED_LEN];
    uint8_t scalar[SG_DH_PRIVATE_MAX];
};

/* The two secrets. */
struct secrets {
    uint8_t ml[SG_KEM_SECRET_LEN];
    uint8_t dh[SG_DH_SHARED_MAX];
};

/* ML-KEM's row of the same parameter set. */
static const struct sg_hpke_kem *ml_row(const struct sg_hpke_kem *kem)
{
    return sg_hpke_kem_find(kem->ml == SG_KEM_ML_KEM_1024 ? SG_HPKE_ML_KEM_1024
                                                          : SG_HPKE_ML_KEM_768);
}

static struct sg_bytes ml_part(const struct sg_hpke_kem *kem, struct sg_bytes whole)
{
    return sg_bytes(whole.data, whole.len - sg_dh_sizes(kem->dh)->public_len);
}

static struct sg_bytes dh_part(const struct sg_hpke_kem *kem, struct sg_bytes whole)
{
    size_t len = sg_dh_sizes(kem->dh)->public_len;
    return sg_bytes(whole.data + whole.len - len, len);
}

static sg_err choose_scalar(const struct sg_hpke_kem *kem, const uint8_t *candidates,
                            uint8_t *scalar)
{
    size_t len = sg_dh_sizes(kem->dh)->private_len;
    sg_err err = SG_ERR_MALFORMED;
    for (size_t i = 0; i < WINDOWS && err == SG_ERR_MALFORMED; i++) {
        memcpy(scalar, candidates + i * len, len);
        err = sg_dh_check_private(kem->dh, scalar);
    }
    return err;
}

static sg_err expand(const struct sg_hpke_kem *kem, struct sg_bytes seed, struct keys *keys)
{
    const struct sg_mls_evp *evp;
    uint8_t expanded[EXPANDED_LEN];
    SG_TRY(sg_mls_evp_begin(&evp));
    sg_err err = sg_hpke_sponge(evp->shake256, SG_MLS_PARTS(seed), expanded, sizeof(expanded));
    if (err == SG_OK) {
        memcpy(keys->ml, expanded, sizeof(keys->ml));
        err = choose_scalar(kem, expanded + sizeof(keys->ml), keys->scalar);
    }
    sg_wipe(expanded, sizeof(expanded));
    return err == SG_ERR_MALFORMED ? SG_ERR_CRYPTO : err;
}

static struct sg_bytes scalar_of(const struct sg_hpke_kem *kem, const struct keys *keys)
{
    return sg_bytes(keys->scalar, sg_dh_sizes(kem->dh)->private_len);
}

static sg_err hybrid_public(const struct sg_hpke_kem *kem, struct sg_bytes private_key,
                            uint8_t *public_key)
{
    struct keys keys;
    const struct sg_hpke_kem *ml = ml_row(kem);
    sg_err err = expand(kem, private_key, &keys);
    if (err == SG_OK)
        err = sg_hpke_ml_ops.public_of(ml, sg_bytes(keys.ml, sizeof(keys.ml)), public_key);
    if (err == SG_OK)
        err = sg_dh_public(kem->dh, scalar_of(kem, &keys), public_key + ml->public_len);
    sg_wipe(&keys, sizeof(keys));
    return err;
}

static sg_err hybrid_derive(const struct sg_hpke_kem *kem, struct sg_bytes ikm,
                            uint8_t *private_key, uint8_t *public_key)
{
    SG_TRY(sg_hpke_derive_seed(kem, ikm, private_key));
    return hybrid_public(kem, sg_bytes(private_key, kem->private_len), public_key);
}

static sg_err hybrid_generate(const struct sg_hpke_kem *kem, const struct sg_mls_random *random,
                              uint8_t *private_key, uint8_t *public_key)
{
    SG_TRY(random->fill(random->state, private_key, kem->private_len));
    return hybrid_public(kem, sg_bytes(private_key, kem->private_len), public_key);
}

static sg_err hybrid_check(const struct sg_hpke_kem *kem, struct sg_bytes public_key)
{
    SG_TRY(sg_dh_check(kem->dh, dh_part(kem, public_key)));
    return sg_kem_check(kem->ml, ml_part(kem, public_key));
}

/* enc_part and public_part: the group's. */
static sg_err combine(const struct sg_hpke_kem *kem, const struct secrets *secrets,
                      struct sg_bytes enc_part, struct sg_bytes public_part, uint8_t *secret)
{
    const struct sg_mls_evp *evp;
    SG_TRY(sg_mls_evp_begin(&evp));
    return sg_hpke_sponge(evp->sha3_256,
                          SG_MLS_PARTS(sg_bytes(secrets->ml, sizeof(secrets->ml)),
                                       sg_bytes(secrets->dh, sg_dh_sizes(kem->dh)->shared_len),
                                       enc_part, public_part,
                                       sg_bytes(kem->label, strlen(kem->label))),
                          secret, kem->secret_len);
}

static sg_err hybrid_encaps(const struct sg_hpke_kem *kem, const struct sg_mls_random *random,
                            struct sg_bytes public_key, uint8_t *enc, uint8_t *secret)
{
    struct secrets secrets;
    struct sg_bytes peer = dh_part(kem, public_key);
    struct sg_bytes enc_part = dh_part(kem, sg_bytes(enc, kem->enc_len));
    uint8_t *enc_dh = enc + ml_row(kem)->enc_len;
    sg_err err =
        sg_hpke_ml_ops.encaps(ml_row(kem), random, ml_part(kem, public_key), enc, secrets.ml);
    if (err == SG_OK)
        err = sg_dh_ephemeral(kem->dh, random, peer, enc_dh, secrets.dh);
    if (err == SG_OK)
        err = combine(kem, &secrets, enc_part, peer, secret);
    sg_wipe(&secrets, sizeof(secrets));
    return err;
}

/* dh: our half of the group, its public key computed where the caller had none. */
static sg_err open_both(const struct sg_hpke_kem *kem, const struct keys *keys,
                        const struct sg_dh_pair *dh, struct sg_bytes enc, struct secrets *secrets)
{
    struct sg_hpke_pair ml = {.private_key = sg_bytes(keys->ml, sizeof(keys->ml))};
    SG_TRY(sg_hpke_ml_ops.decaps(ml_row(kem), &ml, ml_part(kem, enc), secrets->ml));
    return sg_dh_shared(kem->dh, dh, dh_part(kem, enc), secrets->dh);
}

static sg_err hybrid_decaps(const struct sg_hpke_kem *kem, const struct sg_hpke_pair *own,
                            struct sg_bytes enc, uint8_t *secret)
{
    struct keys keys;
    struct secrets secrets;
    uint8_t computed[SG_DH_PUBLIC_MAX];
    struct sg_dh_pair dh = {scalar_of(kem, &keys),
                            sg_bytes(computed, sg_dh_sizes(kem->dh)->public_len)};
    sg_err err = expand(kem, own->private_key, &keys);
    if (own->public_key.len != 0)
        dh.public_key = dh_part(kem, own->public_key);
    else if (err == SG_OK)
        err = sg_dh_public(kem->dh, dh.private_key, computed);
    if (err == SG_OK)
        err = open_both(kem, &keys, &dh, enc, &secrets);
    if (err == SG_OK)
        err = combine(kem, &secrets, dh_part(kem, enc), dh.public_key, secret);
    sg_wipe(&keys, sizeof(keys));
    sg_wipe(&secrets, sizeof(secrets));
    return err;
}

const struct sg_hpke_kem_ops sg_hpke_hybrid_ops = {
    .derive = hybrid_derive,
    .generate = hybrid_generate,
    .public_of = hybrid_public,
    .check = hybrid_check,
    .encaps = hybrid_encaps,
    .decaps = hybrid_decaps,
};
