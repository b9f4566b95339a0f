#include "crypto/hkdf.h"

#include "crypto/hmac.h"
#include "crypto/mac.h"
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
    struct sg_mac mac;
    sg_err err = sg_mac_begin(&mac, alg);
    if (err != SG_OK) {
        sg_wipe(out, out_len);
        return err;
    }
    err = sg_mac_expand(&mac, prk, (struct sg_mls_parts){&info, 1}, out, out_len);
    sg_mac_end(&mac);
    return err;
}
