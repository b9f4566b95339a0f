#include "crypto/hpke_kem_impl.h"

#include "crypto/wipe.h"

#define DHKEM(name, group, hash_alg, secret, pub, priv)                                            \
    {                                                                                              \
        .id = (name), .kind = SG_HPKE_KIND_DH, .dh = (group), .hash = (hash_alg),                  \
        .secret_len = (secret), .enc_len = (pub), .public_len = (pub), .private_len = (priv)       \
    }
#define ML_KEM(name, alg, ciphertext, pub)                                                         \
    {                                                                                              \
        .id = (name), .kind = SG_HPKE_KIND_ML, .ml = (alg), .secret_len = SG_KEM_SECRET_LEN,       \
        .enc_len = (ciphertext), .public_len = (pub), .private_len = SG_KEM_SEED_LEN               \
    }
#define HYBRID(name, alg, group, ciphertext, pub, label_)                                          \
    {                                                                                              \
        .id = (name), .kind = SG_HPKE_KIND_HYBRID, .dh = (group), .ml = (alg), .secret_len = 32,   \
        .enc_len = (ciphertext), .public_len = (pub), .private_len = 32, .label = (label_)         \
    }

static const struct sg_hpke_kem kems[] = {
    DHKEM(SG_HPKE_DHKEM_P256, SG_DH_P256, SG_HASH_SHA256, 32, 65, 32),
    DHKEM(SG_HPKE_DHKEM_P384, SG_DH_P384, SG_HASH_SHA384, 48, 97, 48),
    DHKEM(SG_HPKE_DHKEM_P521, SG_DH_P521, SG_HASH_SHA512, 64, 133, 66),
    DHKEM(SG_HPKE_DHKEM_X25519, SG_DH_X25519, SG_HASH_SHA256, 32, 32, 32),
    DHKEM(SG_HPKE_DHKEM_X448, SG_DH_X448, SG_HASH_SHA512, 64, 56, 56),
    ML_KEM(SG_HPKE_ML_KEM_512, SG_KEM_ML_KEM_512, 768, 800),
    ML_KEM(SG_HPKE_ML_KEM_768, SG_KEM_ML_KEM_768, 1088, 1184),
    ML_KEM(SG_HPKE_ML_KEM_1024, SG_KEM_ML_KEM_1024, 1568, 1568),
    HYBRID(SG_HPKE_ML_KEM_768_P256, SG_KEM_ML_KEM_768, SG_DH_P256, 1088 + 65, 1184 + 65,
           "MLKEM768-P256"),
    HYBRID(SG_HPKE_ML_KEM_1024_P384, SG_KEM_ML_KEM_1024, SG_DH_P384, 1568 + 97, 1568 + 97,
           "MLKEM1024-P384"),
    HYBRID(SG_HPKE_X_WING, SG_KEM_ML_KEM_768, SG_DH_X25519, 1088 + 32, 1184 + 32, "\\.//^\\"),
};

const struct sg_hpke_kem *sg_hpke_kem_find(uint16_t id)
{
    for (size_t i = 0; i < sizeof(kems) / sizeof(kems[0]); i++) {
        if (kems[i].id == id)
            return &kems[i];
    }
    return NULL;
}

static const struct sg_hpke_kem_ops *ops_of(const struct sg_hpke_kem *kem)
{
    static const struct sg_hpke_kem_ops *const ops[] = {
        [SG_HPKE_KIND_DH] = &sg_hpke_dh_ops,
        [SG_HPKE_KIND_ML] = &sg_hpke_ml_ops,
        [SG_HPKE_KIND_HYBRID] = &sg_hpke_hybrid_ops,
    };
    return ops[kem->kind];
}

/* err, with the two outputs zeroed unless it is SG_OK. */
static sg_err settle(sg_err err, uint8_t *a, size_t a_len, uint8_t *b, size_t b_len)
{
    if (err == SG_OK)
        return SG_OK;
    sg_wipe(a, a_len);
    sg_wipe(b, b_len);
    return err;
}

sg_err sg_hpke_kem_derive(const struct sg_hpke_kem *kem, struct sg_bytes ikm, uint8_t *private_key,
                          uint8_t *public_key)
{
    sg_err err = ops_of(kem)->derive(kem, ikm, private_key, public_key);
    return settle(err, private_key, kem->private_len, public_key, kem->public_len);
}

sg_err sg_hpke_kem_generate(const struct sg_hpke_kem *kem, const struct sg_mls_random *random,
                            uint8_t *private_key, uint8_t *public_key)
{
    sg_err err = ops_of(kem)->generate(kem, random, private_key, public_key);
    return settle(err, private_key, kem->private_len, public_key, kem->public_len);
}

sg_err sg_hpke_kem_public(const struct sg_hpke_kem *kem, struct sg_bytes private_key,
                          uint8_t *public_key)
{
    sg_err err = private_key.len == kem->private_len
                     ? ops_of(kem)->public_of(kem, private_key, public_key)
                     : SG_ERR_MALFORMED;
    return settle(err, public_key, kem->public_len, NULL, 0);
}

sg_err sg_hpke_kem_check(const struct sg_hpke_kem *kem, struct sg_bytes public_key)
{
    return public_key.len == kem->public_len ? ops_of(kem)->check(kem, public_key)
                                             : SG_ERR_MALFORMED;
}

sg_err sg_hpke_kem_encaps(const struct sg_hpke_kem *kem, const struct sg_mls_random *random,
                          struct sg_bytes public_key, uint8_t *enc, uint8_t *secret)
{
    sg_err err = public_key.len == kem->public_len
                     ? ops_of(kem)->encaps(kem, random, public_key, enc, secret)
                     : SG_ERR_MALFORMED;
    return settle(err, enc, kem->enc_len, secret, kem->secret_len);
}

sg_err sg_hpke_kem_decaps(const struct sg_hpke_kem *kem, const struct sg_hpke_pair *own,
                          struct sg_bytes enc, uint8_t *secret)
{
    bool has_lengths = own->private_key.len == kem->private_len && enc.len == kem->enc_len &&
                       (own->public_key.len == 0 || own->public_key.len == kem->public_len);
    sg_err err = has_lengths ? ops_of(kem)->decaps(kem, own, enc, secret) : SG_ERR_MALFORMED;
    return settle(err, secret, kem->secret_len, NULL, 0);
}
