#include "crypto/hmac.h"

#include "crypto/mac.h"
#include "crypto/wipe.h"

sg_err sg_hmac(enum sg_hash_alg alg, struct sg_bytes key, const struct sg_bytes *parts,
               size_t count, uint8_t *out)
{
    struct sg_mac mac;
    sg_err err = sg_mac_begin(&mac, alg);
    if (err != SG_OK) {
        sg_wipe(out, sg_hash_alg_len(alg));
        return err;
    }
    err = sg_mac_hmac(&mac, key, (struct sg_mls_parts){parts, count}, out);
    sg_mac_end(&mac);
    return err;
}
