#include "crypto/sig.h"

#include <openssl/core_names.h>

#include "crypto/evp.h"
#include "crypto/ml_dsa.h"
#include "crypto/random.h"
#include "crypto/suite.h"
#include "crypto/wipe.h"

struct sg_sig_key {
    const struct sg_mem *mem;
    enum sg_sig_alg alg;
    EVP_PKEY *evp;
    uint8_t expanded[SG_ML_DSA_PRIVATE_MAX]; /* for sg_ml_dsa_sign, where it is here */
};

const struct sg_sig_sizes *sg_sig_sizes(enum sg_sig_alg alg)
{
    static const struct sg_sig_sizes sizes[SG_SIG_ALG_COUNT] = {
        [SG_SIG_ML_DSA_65] = {.public_len = 1952, .private_len = 4032, .sig_len = 3309},
        [SG_SIG_ML_DSA_44] = {.public_len = 1312, .private_len = 2560, .sig_len = 2420},
    };
    return &sizes[alg];
}

void sg_sig_seed_wipe(struct sg_sig_seed *seed)
{
    sg_wipe(seed, sizeof(*seed));
}

static sg_err expand(struct sg_sig_key *key)
{
    const struct sg_evp *evp;
    size_t want = sg_sig_sizes(key->alg)->private_len;
    size_t len = want;
    SG_TRY(sg_evp_begin(&evp));
    if (EVP_PKEY_get_raw_private_key(key->evp, key->expanded, &len) == 1 && len == want)
        return SG_OK;
    return sg_evp_error(SG_ERR_CRYPTO);
}

sg_err sg_sig_key_from_evp(const struct sg_mem *mem, enum sg_sig_alg alg, EVP_PKEY *evp,
                           struct sg_sig_key **out)
{
    *out = sg_mem_new(mem, 1, sizeof(**out));
    if (*out == NULL) {
        EVP_PKEY_free(evp);
        return SG_ERR_NO_MEMORY;
    }
    (*out)->mem = mem;
    (*out)->alg = alg;
    (*out)->evp = evp;
    sg_err err = expand(*out);
    if (err == SG_OK)
        return SG_OK;
    sg_sig_key_free(*out);
    *out = NULL;
    return err;
}

sg_err sg_sig_key_new(const struct sg_mem *mem, enum sg_sig_alg alg, const struct sg_sig_seed *seed,
                      struct sg_sig_key **out)
{
    EVP_PKEY *evp;
    *out = NULL;
    SG_TRY(sg_evp_key_from_seed(sg_evp_sig_name(alg), sg_bytes(seed->b, sizeof(seed->b)), &evp));
    return sg_sig_key_from_evp(mem, alg, evp, out);
}

void sg_sig_key_free(struct sg_sig_key *key)
{
    if (key == NULL)
        return;
    EVP_PKEY_free(key->evp); /* wipes its secrets */
    sg_wipe(key->expanded, sizeof(key->expanded));
    sg_mem_free(key->mem, key);
}

sg_err sg_sig_key_public(const struct sg_sig_key *key, uint8_t *out)
{
    const struct sg_evp *evp;
    size_t want = sg_sig_sizes(key->alg)->public_len;
    size_t len = want;
    SG_TRY(sg_evp_begin(&evp));
    if (EVP_PKEY_get_raw_public_key(key->evp, out, &len) == 1 && len == want)
        return SG_OK;
    return sg_evp_error(SG_ERR_CRYPTO);
}

EVP_PKEY *sg_sig_key_evp(const struct sg_sig_key *key)
{
    return key->evp;
}

static sg_err sign_expanded(const struct sg_sig_key *key, struct sg_bytes context,
                            struct sg_bytes message, int is_deterministic, uint8_t *signature)
{
    uint8_t random[SG_ML_DSA_RANDOM_LEN] = {0};
    const struct sg_ml_dsa_to_sign in = {
        .private_key = sg_bytes(key->expanded, sg_sig_sizes(key->alg)->private_len),
        .context = context,
        .message = message,
        .random = random};
    sg_err err = is_deterministic ? SG_OK : sg_random(random, sizeof(random));
    if (err == SG_OK)
        err = sg_ml_dsa_sign(key->alg, &in, signature);
    sg_wipe(random, sizeof(random));
    return err == SG_OK ? SG_OK : SG_ERR_CRYPTO;
}

static sg_err sign_evp(const struct sg_sig_key *key, struct sg_bytes context,
                       struct sg_bytes message, int is_deterministic, uint8_t *signature)
{
    const struct sg_evp *evp;
    size_t want = sg_sig_sizes(key->alg)->sig_len;
    size_t len = want;
    SG_TRY(sg_evp_begin(&evp));
    OSSL_PARAM params[] = {
        sg_evp_octets(OSSL_SIGNATURE_PARAM_CONTEXT_STRING, context),
        OSSL_PARAM_construct_int(OSSL_SIGNATURE_PARAM_DETERMINISTIC, &is_deterministic),
        OSSL_PARAM_construct_end()};
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key->evp, NULL);
    bool ok = ctx != NULL && EVP_PKEY_sign_message_init(ctx, evp->sig[key->alg], params) == 1 &&
              EVP_PKEY_sign(ctx, signature, &len, message.data, message.len) == 1 && len == want;
    EVP_PKEY_CTX_free(ctx);
    return ok ? SG_OK : sg_evp_error(SG_ERR_CRYPTO);
}

static sg_err sign(const struct sg_sig_key *key, struct sg_bytes context, struct sg_bytes message,
                   int is_deterministic, uint8_t *signature)
{
    size_t len = sg_sig_sizes(key->alg)->sig_len;
    sg_wipe(signature, len);
    if (context.len > SG_SIG_CONTEXT_MAX)
        return SG_ERR_INVALID_ARGUMENT;
    sg_err err = (sg_ml_dsa_is_here() ? sign_expanded : sign_evp)(key, context, message,
                                                                  is_deterministic, signature);
    if (err != SG_OK)
        sg_wipe(signature, len);
    return err;
}

sg_err sg_sig_sign(const struct sg_sig_key *key, struct sg_bytes context, struct sg_bytes message,
                   uint8_t *signature)
{
    return sign(key, context, message, 0, signature);
}

sg_err sg_sig_sign_deterministic(const struct sg_sig_key *key, struct sg_bytes context,
                                 struct sg_bytes message, uint8_t *signature)
{
    return sign(key, context, message, 1, signature);
}

/* With lengths checked, a failure of the set-up is OpenSSL's, a failure of the last call is the
 * signature's; unless memory ran out, which must not be charged to a peer. */
static sg_err verify_evp(enum sg_sig_alg alg, struct sg_bytes public_key, struct sg_bytes context,
                         struct sg_bytes message, struct sg_bytes signature)
{
    const struct sg_evp *evp;
    SG_TRY(sg_evp_begin(&evp));
    OSSL_PARAM params[] = {sg_evp_octets(OSSL_SIGNATURE_PARAM_CONTEXT_STRING, context),
                           OSSL_PARAM_construct_end()};
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key_ex(NULL, sg_evp_sig_name(alg), NULL,
                                                   public_key.data, public_key.len);
    EVP_PKEY_CTX *ctx = key == NULL ? NULL : EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    bool is_ready = ctx != NULL && EVP_PKEY_verify_message_init(ctx, evp->sig[alg], params) == 1;
    bool ok = is_ready &&
              EVP_PKEY_verify(ctx, signature.data, signature.len, message.data, message.len) == 1;
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
    if (ok)
        return SG_OK;
    return sg_evp_error(is_ready ? SG_ERR_BAD_SIGNATURE : SG_ERR_CRYPTO);
}

sg_err sg_sig_verify(enum sg_sig_alg alg, struct sg_bytes public_key, struct sg_bytes context,
                     struct sg_bytes message, struct sg_bytes signature)
{
    const struct sg_sig_sizes *sizes = sg_sig_sizes(alg);
    if (context.len > SG_SIG_CONTEXT_MAX)
        return SG_ERR_INVALID_ARGUMENT;
    if (public_key.len != sizes->public_len || signature.len != sizes->sig_len)
        return SG_ERR_BAD_SIGNATURE;
    return (sg_ml_dsa_is_here() ? sg_ml_dsa_verify : verify_evp)(alg, public_key, context, message,
                                                                 signature);
}
