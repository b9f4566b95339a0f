#include "crypto/kem.h"

#include <openssl/core_names.h>
#include <openssl/err.h>

#include "crypto/evp.h"
#include "crypto/wipe.h"

struct sg_kem_key {
    const struct sg_mem *mem;
    enum sg_kem_alg alg;
    EVP_PKEY *evp;
};

const struct sg_kem_sizes *sg_kem_sizes(enum sg_kem_alg alg)
{
    static const struct sg_kem_sizes sizes[] = {
        [SG_KEM_ML_KEM_768] = {.public_len = 1184, .private_len = 2400, .ciphertext_len = 1088},
        [SG_KEM_ML_KEM_512] = {.public_len = 800, .private_len = 1632, .ciphertext_len = 768},
        [SG_KEM_ML_KEM_1024] = {.public_len = 1568, .private_len = 3168, .ciphertext_len = 1568},
    };
    return &sizes[alg];
}

sg_err sg_kem_key_from_evp(const struct sg_mem *mem, enum sg_kem_alg alg, EVP_PKEY *evp,
                           struct sg_kem_key **out)
{
    *out = sg_mem_new(mem, 1, sizeof(**out));
    if (*out == NULL) {
        EVP_PKEY_free(evp);
        return SG_ERR_NO_MEMORY;
    }
    (*out)->mem = mem;
    (*out)->alg = alg;
    (*out)->evp = evp;
    return SG_OK;
}

sg_err sg_kem_key_new(const struct sg_mem *mem, enum sg_kem_alg alg, const struct sg_kem_seed *seed,
                      struct sg_kem_key **out)
{
    EVP_PKEY *evp;
    *out = NULL;
    SG_TRY(sg_evp_key_from_seed(sg_evp_kem_name(alg), sg_bytes(seed->b, sizeof(seed->b)), &evp));
    return sg_kem_key_from_evp(mem, alg, evp, out);
}

void sg_kem_key_free(struct sg_kem_key *key)
{
    if (key == NULL)
        return;
    EVP_PKEY_free(key->evp); /* wipes its secrets */
    sg_mem_free(key->mem, key);
}

sg_err sg_kem_key_public(const struct sg_kem_key *key, uint8_t *out)
{
    const struct sg_evp *evp;
    size_t want = sg_kem_sizes(key->alg)->public_len;
    size_t len = want;
    SG_TRY(sg_evp_begin(&evp));
    if (EVP_PKEY_get_raw_public_key(key->evp, out, &len) == 1 && len == want)
        return SG_OK;
    return sg_evp_error(SG_ERR_CRYPTO);
}

/* params: NULL, or the randomness to use. */
static sg_err encaps(enum sg_kem_alg alg, struct sg_bytes public_key, const OSSL_PARAM *params,
                     uint8_t *ciphertext, struct sg_kem_secret *secret)
{
    const struct sg_evp *evp;
    const struct sg_kem_sizes *sizes = sg_kem_sizes(alg);
    size_t ciphertext_len = sizes->ciphertext_len;
    size_t secret_len = sizeof(secret->b);
    sg_wipe(ciphertext, ciphertext_len);
    sg_wipe(secret, sizeof(*secret));
    if (public_key.len != sizes->public_len)
        return SG_ERR_MALFORMED;
    SG_TRY(sg_evp_begin(&evp));
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key_ex(NULL, sg_evp_kem_name(alg), NULL,
                                                   public_key.data, public_key.len);
    if (key == NULL)
        return sg_evp_error(SG_ERR_MALFORMED);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    bool ok = ctx != NULL && EVP_PKEY_encapsulate_init(ctx, params) == 1 &&
              EVP_PKEY_encapsulate(ctx, ciphertext, &ciphertext_len, secret->b, &secret_len) == 1 &&
              ciphertext_len == sizes->ciphertext_len && secret_len == sizeof(secret->b);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
    if (ok)
        return SG_OK;
    sg_wipe(ciphertext, sizes->ciphertext_len);
    sg_wipe(secret, sizeof(*secret));
    return sg_evp_error(SG_ERR_CRYPTO);
}

sg_err sg_kem_encaps(enum sg_kem_alg alg, struct sg_bytes public_key, uint8_t *ciphertext,
                     struct sg_kem_secret *secret)
{
    return encaps(alg, public_key, NULL, ciphertext, secret);
}

sg_err sg_kem_encaps_deterministic(enum sg_kem_alg alg, struct sg_bytes public_key,
                                   const uint8_t random[SG_KEM_RANDOM_LEN], uint8_t *ciphertext,
                                   struct sg_kem_secret *secret)
{
    OSSL_PARAM params[] = {sg_evp_octets(OSSL_KEM_PARAM_IKME, sg_bytes(random, SG_KEM_RANDOM_LEN)),
                           OSSL_PARAM_construct_end()};
    return encaps(alg, public_key, params, ciphertext, secret);
}

static sg_err decaps(enum sg_kem_alg alg, EVP_PKEY *key, struct sg_bytes ciphertext,
                     struct sg_kem_secret *secret)
{
    const struct sg_evp *evp;
    size_t len = sizeof(secret->b);
    sg_wipe(secret, sizeof(*secret));
    if (ciphertext.len != sg_kem_sizes(alg)->ciphertext_len)
        return SG_ERR_MALFORMED;
    SG_TRY(sg_evp_begin(&evp));
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    /* Where memory runs out within decapsulation, OpenSSL 3.5 gives the secret of a rejected
     * ciphertext and success; only its error queue tells. */
    bool ok = ctx != NULL && EVP_PKEY_decapsulate_init(ctx, NULL) == 1 &&
              EVP_PKEY_decapsulate(ctx, secret->b, &len, ciphertext.data, ciphertext.len) == 1 &&
              len == sizeof(secret->b) && ERR_peek_error() == 0;
    EVP_PKEY_CTX_free(ctx);
    if (ok)
        return SG_OK;
    sg_wipe(secret, sizeof(*secret));
    return sg_evp_error(SG_ERR_CRYPTO);
}

sg_err sg_kem_decaps(const struct sg_kem_key *key, struct sg_bytes ciphertext,
                     struct sg_kem_secret *secret)
{
    return decaps(key->alg, key->evp, ciphertext, secret);
}

sg_err sg_kem_seed_decaps(enum sg_kem_alg alg, const struct sg_kem_seed *seed,
                          struct sg_bytes ciphertext, struct sg_kem_secret *secret)
{
    EVP_PKEY *key;
    sg_wipe(secret, sizeof(*secret));
    if (ciphertext.len != sg_kem_sizes(alg)->ciphertext_len)
        return SG_ERR_MALFORMED;
    SG_TRY(sg_evp_key_from_seed(sg_evp_kem_name(alg), sg_bytes(seed->b, sizeof(seed->b)), &key));
    sg_err err = decaps(alg, key, ciphertext, secret);
    EVP_PKEY_free(key);
    return err;
}

sg_err sg_kem_seed_public(enum sg_kem_alg alg, const struct sg_kem_seed *seed, uint8_t *out)
{
    size_t want = sg_kem_sizes(alg)->public_len;
    size_t len = want;
    EVP_PKEY *key;
    sg_wipe(out, want);
    SG_TRY(sg_evp_key_from_seed(sg_evp_kem_name(alg), sg_bytes(seed->b, sizeof(seed->b)), &key));
    bool ok = EVP_PKEY_get_raw_public_key(key, out, &len) == 1 && len == want;
    EVP_PKEY_free(key);
    if (ok)
        return SG_OK;
    sg_wipe(out, want);
    return sg_evp_error(SG_ERR_CRYPTO);
}

/* FIPS203 s7.2, the modulus check: every coefficient is below q, and so encodes to the bytes that
 * came. OpenSSL's import, which does the same, also hashes the key and expands its matrix: it takes
 * fifteen times as long. */
sg_err sg_kem_check(enum sg_kem_alg alg, struct sg_bytes public_key)
{
    enum { Q = 3329, SEED_LEN = 32 };
    unsigned too_large = 0;
    if (public_key.len != sg_kem_sizes(alg)->public_len)
        return SG_ERR_MALFORMED;
    for (size_t i = 0; i + 3 <= public_key.len - SEED_LEN; i += 3) {
        const uint8_t *b = public_key.data + i;
        unsigned low = b[0] | (b[1] & 0x0fU) << 8, high = b[1] >> 4 | (unsigned)b[2] << 4;
        too_large |= (unsigned)(low >= Q) | (unsigned)(high >= Q);
    }
    return too_large == 0 ? SG_OK : SG_ERR_MALFORMED;
}
