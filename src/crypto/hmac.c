#include "crypto/hmac.h"

#include <openssl/core_names.h>

#include "crypto/evp.h"
#include "crypto/wipe.h"

static bool hmac_run(EVP_MAC_CTX *ctx, const struct sg_bytes *parts, size_t count, uint8_t *out,
                     size_t out_len)
{
    for (size_t i = 0; i < count; i++) {
        if (EVP_MAC_update(ctx, parts[i].data, parts[i].len) != 1)
            return false;
    }
    size_t len = 0;
    return EVP_MAC_final(ctx, out, &len, out_len) == 1 && len == out_len;
}

sg_err sg_hmac(enum sg_hash_alg alg, struct sg_bytes key, const struct sg_bytes *parts,
               size_t count, uint8_t *out)
{
    const struct sg_evp *evp;
    size_t len = sg_hash_alg_len(alg);
    char name[16];
    sg_wipe(out, len);
    SG_TRY(sg_evp_begin(&evp));
    (void)strcpy(name, sg_evp_hash_name(alg)); /* OSSL_PARAM wants it writable */
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
                           OSSL_PARAM_construct_end()};
    /* NULL would mean "keep the old key" */
    const uint8_t *key_data = key.len == 0 ? (const uint8_t *)"" : key.data;
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(evp->hmac);
    bool ok = ctx != NULL && EVP_MAC_init(ctx, key_data, key.len, params) == 1 &&
              hmac_run(ctx, parts, count, out, len);
    EVP_MAC_CTX_free(ctx);
    if (ok)
        return SG_OK;
    sg_wipe(out, len);
    return sg_evp_error(SG_ERR_CRYPTO);
}
