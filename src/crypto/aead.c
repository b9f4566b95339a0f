#include "crypto/aead.h"

#include <limits.h>

#include "crypto/evp.h"
#include "crypto/wipe.h"

/* A context ready for data: key and nonce set, aad fed. NULL on failure. */
static EVP_CIPHER_CTX *aead_start(const struct sg_evp *evp, const struct sg_aead *a, int is_seal)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int len = 0;
    if (ctx != NULL &&
        EVP_CipherInit_ex2(ctx, evp->aead[a->alg], a->key, a->nonce, is_seal, NULL) == 1 &&
        (a->aad.len == 0 || EVP_CipherUpdate(ctx, NULL, &len, a->aad.data, (int)a->aad.len) == 1))
        return ctx;
    EVP_CIPHER_CTX_free(ctx);
    return NULL;
}

/* All data in one go; an empty span is no update at all, because NULL has a meaning there. */
static bool aead_update(EVP_CIPHER_CTX *ctx, struct sg_bytes in, uint8_t *out)
{
    int len = 0;
    return in.len == 0 ||
           (EVP_CipherUpdate(ctx, out, &len, in.data, (int)in.len) == 1 && (size_t)len == in.len);
}

sg_err sg_aead_seal(const struct sg_aead *aead, struct sg_bytes plain, uint8_t *out)
{
    const struct sg_evp *evp;
    uint8_t none[SG_AEAD_TAG_LEN];
    int len = 0;
    if (plain.len > INT_MAX - SG_AEAD_TAG_LEN || aead->aad.len > INT_MAX)
        return SG_ERR_TOO_LARGE;
    SG_TRY(sg_evp_begin(&evp));
    EVP_CIPHER_CTX *ctx = aead_start(evp, aead, 1);
    bool ok =
        ctx != NULL && aead_update(ctx, plain, out) && EVP_CipherFinal_ex(ctx, none, &len) == 1 &&
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, SG_AEAD_TAG_LEN, out + plain.len) == 1;
    EVP_CIPHER_CTX_free(ctx);
    if (ok)
        return SG_OK;
    sg_wipe(out, plain.len + SG_AEAD_TAG_LEN);
    return sg_evp_error(SG_ERR_CRYPTO);
}

sg_err sg_aead_open(const struct sg_aead *aead, struct sg_bytes sealed, uint8_t *out)
{
    const struct sg_evp *evp;
    uint8_t tag[SG_AEAD_TAG_LEN];
    uint8_t none[SG_AEAD_TAG_LEN];
    int len = 0;
    if (sealed.len < SG_AEAD_TAG_LEN)
        return SG_ERR_AUTH;
    if (sealed.len > INT_MAX || aead->aad.len > INT_MAX)
        return SG_ERR_TOO_LARGE;
    SG_TRY(sg_evp_begin(&evp));
    struct sg_bytes body = {sealed.data, sealed.len - SG_AEAD_TAG_LEN};
    memcpy(tag, sealed.data + body.len, sizeof(tag));
    EVP_CIPHER_CTX *ctx = aead_start(evp, aead, 0);
    bool is_fed = ctx != NULL && aead_update(ctx, body, out) &&
                  EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, SG_AEAD_TAG_LEN, tag) == 1;
    bool ok = is_fed && EVP_CipherFinal_ex(ctx, none, &len) == 1;
    EVP_CIPHER_CTX_free(ctx);
    if (ok)
        return SG_OK;
    sg_wipe(out, body.len);
    return sg_evp_error(is_fed ? SG_ERR_AUTH : SG_ERR_CRYPTO);
}
