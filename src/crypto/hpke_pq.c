/* ML-KEM in HPKE (draft-ietf-hpke-pq): the private key is the seed d || z of FIPS 203. */
#include "crypto/hpke_kem_impl.h"
#include "crypto/mls_evp.h"
#include "crypto/wipe.h"

sg_err sg_hpke_sponge(const EVP_MD *md, struct sg_mls_parts parts, uint8_t *out, size_t out_len)
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
    return sg_hpke_sponge(evp->shake256,
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
