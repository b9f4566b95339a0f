/* DHKEM (RFC 9180 s4.1): an ephemeral Diffie-Hellman key as ciphertext. */
#include "crypto/hpke_kdf.h"
#include "crypto/hpke_kem_impl.h"
#include "crypto/wipe.h"

static sg_err kdf_begin(const struct sg_hpke_kem *kem, struct sg_hpke_kdf *kdf)
{
    uint8_t suite_id[5] = {'K', 'E', 'M', (uint8_t)(kem->id >> 8), (uint8_t)kem->id};
    return sg_hpke_kdf_begin(kdf, kem->hash, sg_bytes(suite_id, sizeof(suite_id)));
}

/* RFC9180 s7.1.3: the candidates of a NIST curve until one is in range. */
static sg_err derive_scalar(const struct sg_hpke_kem *kem, const struct sg_hpke_kdf *kdf,
                            struct sg_bytes prk, uint8_t *private_key, uint8_t *public_key)
{
    for (unsigned i = 0; i < 256; i++) {
        uint8_t counter = (uint8_t)i;
        SG_TRY(sg_hpke_expand(kdf, prk,
                              SG_MLS_PARTS(SG_BYTES_LIT("candidate"), sg_bytes(&counter, 1)),
                              private_key, kem->private_len));
        sg_dh_mask(kem->dh, private_key);
        sg_err err = sg_dh_public(kem->dh, sg_bytes(private_key, kem->private_len), public_key);
        if (err != SG_ERR_MALFORMED)
            return err;
    }
    return SG_ERR_CRYPTO;
}

static sg_err derive_with(const struct sg_hpke_kem *kem, const struct sg_hpke_kdf *kdf,
                          struct sg_bytes ikm, uint8_t *private_key, uint8_t *public_key)
{
    uint8_t prk[SG_HASH_ALG_LEN_MAX];
    struct sg_bytes prk_bytes = sg_bytes(prk, kdf->mac.hash_len);
    sg_err err =
        sg_hpke_extract(kdf, sg_bytes(NULL, 0), SG_MLS_PARTS(SG_BYTES_LIT("dkp_prk"), ikm), prk);
    if (err == SG_OK && kem->dh != SG_DH_X25519 && kem->dh != SG_DH_X448) {
        err = derive_scalar(kem, kdf, prk_bytes, private_key, public_key);
    } else if (err == SG_OK) {
        err = sg_hpke_expand(kdf, prk_bytes, SG_MLS_PARTS(SG_BYTES_LIT("sk")), private_key,
                             kem->private_len);
        if (err == SG_OK)
            err = sg_dh_public(kem->dh, sg_bytes(private_key, kem->private_len), public_key);
    }
    sg_wipe(prk, sizeof(prk));
    return err;
}

static sg_err dh_derive(const struct sg_hpke_kem *kem, struct sg_bytes ikm, uint8_t *private_key,
                        uint8_t *public_key)
{
    struct sg_hpke_kdf kdf;
    SG_TRY(kdf_begin(kem, &kdf));
    sg_err err = derive_with(kem, &kdf, ikm, private_key, public_key);
    sg_hpke_kdf_end(&kdf);
    return err;
}

static sg_err dh_generate(const struct sg_hpke_kem *kem, const struct sg_mls_random *random,
                          uint8_t *private_key, uint8_t *public_key)
{
    return sg_dh_generate(kem->dh, random, private_key, public_key);
}

static sg_err dh_public(const struct sg_hpke_kem *kem, struct sg_bytes private_key,
                        uint8_t *public_key)
{
    return sg_dh_public(kem->dh, private_key, public_key);
}

static sg_err dh_check(const struct sg_hpke_kem *kem, struct sg_bytes public_key)
{
    return sg_dh_check(kem->dh, public_key);
}

/* ExtractAndExpand(dh, enc || pkR). */
static sg_err shared_secret(const struct sg_hpke_kem *kem, struct sg_bytes dh, struct sg_bytes enc,
                            struct sg_bytes public_key, uint8_t *secret)
{
    struct sg_hpke_kdf kdf;
    uint8_t prk[SG_HASH_ALG_LEN_MAX];
    SG_TRY(kdf_begin(kem, &kdf));
    sg_err err =
        sg_hpke_extract(&kdf, sg_bytes(NULL, 0), SG_MLS_PARTS(SG_BYTES_LIT("eae_prk"), dh), prk);
    if (err == SG_OK)
        err = sg_hpke_expand(&kdf, sg_bytes(prk, kdf.mac.hash_len),
                             SG_MLS_PARTS(SG_BYTES_LIT("shared_secret"), enc, public_key), secret,
                             kem->secret_len);
    sg_hpke_kdf_end(&kdf);
    sg_wipe(prk, sizeof(prk));
    return err;
}

static sg_err dh_encaps(const struct sg_hpke_kem *kem, const struct sg_mls_random *random,
                        struct sg_bytes public_key, uint8_t *enc, uint8_t *secret)
{
    uint8_t dh[SG_DH_SHARED_MAX];
    sg_err err = sg_dh_ephemeral(kem->dh, random, public_key, enc, dh);
    if (err == SG_OK)
        err = shared_secret(kem, sg_bytes(dh, sg_dh_sizes(kem->dh)->shared_len),
                            sg_bytes(enc, kem->enc_len), public_key, secret);
    sg_wipe(dh, sizeof(dh));
    return err;
}

static sg_err dh_decaps(const struct sg_hpke_kem *kem, const struct sg_hpke_pair *own,
                        struct sg_bytes enc, uint8_t *secret)
{
    uint8_t computed[SG_DH_PUBLIC_MAX];
    uint8_t dh[SG_DH_SHARED_MAX];
    struct sg_dh_pair pair = {own->private_key, own->public_key};
    if (pair.public_key.len == 0) {
        SG_TRY(sg_dh_public(kem->dh, pair.private_key, computed));
        pair.public_key = sg_bytes(computed, kem->public_len);
    }
    sg_err err = sg_dh_shared(kem->dh, &pair, enc, dh);
    if (err == SG_OK)
        err = shared_secret(kem, sg_bytes(dh, sg_dh_sizes(kem->dh)->shared_len), enc,
                            pair.public_key, secret);
    sg_wipe(dh, sizeof(dh));
    return err;
}

const struct sg_hpke_kem_ops sg_hpke_dh_ops = {
    .derive = dh_derive,
    .generate = dh_generate,
    .public_of = dh_public,
    .check = dh_check,
    .encaps = dh_encaps,
    .decaps = dh_decaps,
};
