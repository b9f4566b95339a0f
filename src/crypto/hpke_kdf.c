#include "crypto/hpke_kdf.h"

#include <assert.h>

#include "crypto/wipe.h"

enum { PREFIX_PARTS = 3 };

struct labelled {
    struct sg_bytes at[PREFIX_PARTS + SG_HPKE_PARTS_MAX];
};

sg_err sg_hpke_kdf_begin(struct sg_hpke_kdf *kdf, enum sg_hash_alg alg, struct sg_bytes suite_id)
{
    assert(suite_id.len <= sizeof(kdf->suite_id));
    memcpy(kdf->suite_id, suite_id.data, suite_id.len);
    kdf->suite_id_len = suite_id.len;
    return sg_mac_begin(&kdf->mac, alg);
}

void sg_hpke_kdf_end(struct sg_hpke_kdf *kdf)
{
    sg_mac_end(&kdf->mac);
}

/* head [any] || "HPKE-v1" || suite_id || what */
static struct sg_mls_parts labelled(const struct sg_hpke_kdf *kdf, struct sg_bytes head,
                                    struct sg_mls_parts what, struct labelled *out)
{
    assert(what.count <= SG_HPKE_PARTS_MAX);
    out->at[0] = head;
    out->at[1] = SG_BYTES_LIT("HPKE-v1");
    out->at[2] = sg_bytes(kdf->suite_id, kdf->suite_id_len);
    memcpy(out->at + PREFIX_PARTS, what.at, what.count * sizeof(what.at[0]));
    return (struct sg_mls_parts){out->at, PREFIX_PARTS + what.count};
}

sg_err sg_hpke_extract(const struct sg_hpke_kdf *kdf, struct sg_bytes salt,
                       struct sg_mls_parts what, uint8_t *out)
{
    struct labelled all;
    return sg_mac_hmac(&kdf->mac, salt, labelled(kdf, sg_bytes(NULL, 0), what, &all), out);
}

sg_err sg_hpke_expand(const struct sg_hpke_kdf *kdf, struct sg_bytes prk, struct sg_mls_parts what,
                      uint8_t *out, size_t out_len)
{
    struct labelled all;
    uint8_t len[2] = {(uint8_t)(out_len >> 8), (uint8_t)out_len};
    return sg_mac_expand(&kdf->mac, prk, labelled(kdf, sg_bytes(len, 2), what, &all), out, out_len);
}
