#include "crypto/argon2id.h"

#include <openssl/core_names.h>

#include "crypto/evp.h"
#include "crypto/wipe.h"

struct sg_argon2id_cost sg_argon2id_cost_default(void)
{
    return (struct sg_argon2id_cost){.memory_kib = 64 * 1024, .passes = 3, .lanes = 4};
}

bool sg_argon2id_cost_is_valid(const struct sg_argon2id_cost *cost)
{
    return cost->lanes >= 1 && cost->lanes <= SG_ARGON2ID_LANES_MAX &&
           cost->memory_kib >= 8 * cost->lanes && cost->memory_kib <= SG_ARGON2ID_MEMORY_KIB_MAX &&
           cost->passes >= 1 && cost->passes <= SG_ARGON2ID_PASSES_MAX;
}

sg_err sg_argon2id(const struct sg_argon2id_cost *cost, struct sg_bytes passphrase,
                   struct sg_bytes salt, uint8_t *out, size_t out_len)
{
    const struct sg_evp *evp;
    struct sg_argon2id_cost c = *cost;
    uint32_t threads = 1;
    sg_wipe(out, out_len);
    if (!sg_argon2id_cost_is_valid(cost) || salt.len < 8 || out_len < 4 || out_len > 1024)
        return SG_ERR_INVALID_ARGUMENT;
    SG_TRY(sg_evp_begin(&evp));
    OSSL_PARAM params[] = {
        sg_evp_octets(OSSL_KDF_PARAM_PASSWORD, passphrase),
        sg_evp_octets(OSSL_KDF_PARAM_SALT, salt),
        OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_ARGON2_MEMCOST, &c.memory_kib),
        OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_ITER, &c.passes),
        OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_ARGON2_LANES, &c.lanes),
        OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_THREADS, &threads),
        OSSL_PARAM_construct_end()};
    EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(evp->argon2id);
    bool ok = ctx != NULL && EVP_KDF_derive(ctx, out, out_len, params) == 1;
    EVP_KDF_CTX_free(ctx);
    if (ok)
        return SG_OK;
    sg_wipe(out, out_len);
    return sg_evp_error(SG_ERR_CRYPTO);
}
