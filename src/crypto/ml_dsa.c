#include "crypto/ml_dsa.h"

#include <string.h>

#include "crypto/suite.h"

#ifdef SG_AWS_LC

/* AWS-LC has no header for these, which tools/deps.sh takes out of it under these names: the
 * declarations are those of its crypto/fipsmodule/ml_dsa/ml_dsa.h. 1 is success. */
typedef int sign_fn(const uint8_t *private_key, uint8_t *sig, size_t *sig_len,
                    const uint8_t *message, size_t message_len, const uint8_t *pre, size_t pre_len,
                    const uint8_t *rnd);
typedef int verify_fn(const uint8_t *public_key, const uint8_t *sig, size_t sig_len,
                      const uint8_t *message, size_t message_len, const uint8_t *ctx_string,
                      size_t ctx_string_len);
extern sign_fn aws_lc_ml_dsa_44_sign_internal, aws_lc_ml_dsa_65_sign_internal;
extern verify_fn aws_lc_ml_dsa_44_verify, aws_lc_ml_dsa_65_verify;

static const struct {
    sign_fn *sign;
    verify_fn *verify;
} algs[] = {
    [SG_SIG_ML_DSA_65] = {aws_lc_ml_dsa_65_sign_internal, aws_lc_ml_dsa_65_verify},
    [SG_SIG_ML_DSA_44] = {aws_lc_ml_dsa_44_sign_internal, aws_lc_ml_dsa_44_verify},
};

bool sg_ml_dsa_is_here(void)
{
    return true;
}

sg_err sg_ml_dsa_sign(enum sg_sig_alg alg, const struct sg_ml_dsa_to_sign *in, uint8_t *signature)
{
    uint8_t prefix[2 + SG_SIG_CONTEXT_MAX];
    size_t len = sg_sig_sizes(alg)->sig_len;
    prefix[0] = 0; /* not pre-hashed */
    prefix[1] = (uint8_t)in->context.len;
    if (in->context.len > 0)
        memcpy(prefix + 2, in->context.data, in->context.len);
    if (algs[alg].sign(in->private_key.data, signature, &len, in->message.data, in->message.len,
                       prefix, 2 + in->context.len, in->random) != 1)
        return SG_ERR_CRYPTO;
    return len == sg_sig_sizes(alg)->sig_len ? SG_OK : SG_ERR_CRYPTO;
}

sg_err sg_ml_dsa_verify(enum sg_sig_alg alg, struct sg_bytes public_key, struct sg_bytes context,
                        struct sg_bytes message, struct sg_bytes signature)
{
    int ok = algs[alg].verify(public_key.data, signature.data, signature.len, message.data,
                              message.len, context.data, context.len);
    return ok == 1 ? SG_OK : SG_ERR_BAD_SIGNATURE;
}

#else

bool sg_ml_dsa_is_here(void)
{
    return false;
}

sg_err sg_ml_dsa_sign(enum sg_sig_alg alg, const struct sg_ml_dsa_to_sign *in, uint8_t *signature)
{
    (void)alg;
    (void)in;
    (void)signature;
    return SG_ERR_CRYPTO;
}

sg_err sg_ml_dsa_verify(enum sg_sig_alg alg, struct sg_bytes public_key, struct sg_bytes context,
                        struct sg_bytes message, struct sg_bytes signature)
{
    (void)alg;
    (void)public_key;
    (void)context;
    (void)message;
    (void)signature;
    return SG_ERR_CRYPTO;
}

#endif
