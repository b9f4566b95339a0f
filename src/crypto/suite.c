#include "crypto/suite.h"

#include "crypto/hash.h"
#include "crypto/hkdf.h"
#include "crypto/sig.h"
#include "crypto/wipe.h"

static void default_hash(const struct sg_bytes *parts, size_t count, uint8_t out[SG_HASH_LEN])
{
    sg_hash(SG_HASH_SHA256, parts, count, out);
}

static sg_err default_verify(struct sg_bytes public_key, struct sg_bytes context,
                             struct sg_bytes message, struct sg_bytes signature)
{
    return sg_sig_verify(SG_SIG_ML_DSA_65, public_key, context, message, signature);
}

static sg_err default_kdf(struct sg_bytes secret, struct sg_bytes salt, struct sg_bytes info,
                          uint8_t *out, size_t out_len)
{
    uint8_t prk[SG_HASH_LEN];
    sg_err err = sg_hkdf_extract(SG_HASH_SHA256, salt, secret, prk);
    if (err == SG_OK)
        err = sg_hkdf_expand(SG_HASH_SHA256, sg_bytes(prk, sizeof(prk)), info, out, out_len);
    sg_wipe(prk, sizeof(prk));
    return err;
}

const struct sg_suite *sg_suite_default(void)
{
    static const struct sg_suite suite = {
        .name = "default",
        .id = 1,
        .sig_public_len = 1952, /* FIPS 204 s4 table 2; a test compares with sg_sig_sizes */
        .sig_len = 3309,
        .hash = default_hash,
        .verify = default_verify,
        .kdf = default_kdf,
    };
    return &suite;
}
