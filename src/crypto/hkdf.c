#include "crypto/hkdf.h"

#include <openssl/core_names.h>

#include "crypto/evp.h"
#include "crypto/hmac.h"
#include "crypto/wipe.h"

sg_err sg_hkdf_extract(enum sg_hash_alg alg, struct sg_bytes salt, struct sg_bytes ikm,
                       uint8_t *prk)
{
    /* RFC5869 s2.2: an absent salt is HashLen zeros, which HMAC's padding makes of an empty key */
    return sg_hmac(alg, salt, &ikm, 1, prk);
}

sg_err sg_hkdf_expand(enum sg_hash_alg alg, struct sg_bytes prk, struct sg_bytes info, uint8_t *out,
                      size_t out_len)
{
    const struct sg_evp *evp;
    size_t hash_len = sg_hash_alg_len(alg);
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    char name[16];
    sg_wipe(out, out_len);
    if (prk.len < hash_len || out_len == 0 || out_len > 255 * hash_len)
        return SG_ERR_INVALID_ARGUMENT;
    SG_TRY(sg_evp_begin(&evp));
    (void)strcpy(name, sg_evp_hash_name(alg)); /* OSSL_PARAM wants it writable */
    OSSL_PARAM params[] = {OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
                           OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, name, 0),
                           sg_evp_octets(OSSL_KDF_PARAM_KEY, prk),
                           sg_evp_octets(OSSL_KDF_PARAM_INFO, info), OSSL_PARAM_construct_end()};
    EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(evp->hkdf);
    bool ok = ctx != NULL && EVP_KDF_derive(ctx, out, out_len, params) == 1;
    EVP_KDF_CTX_free(ctx);
    if (ok)
        return SG_OK;
    sg_wipe(out, out_len);
    return sg_evp_error(SG_ERR_CRYPTO);
}
