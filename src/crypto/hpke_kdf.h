/* Inside crypto/: the labelled KDF of HPKE (RFC 9180 s4): HKDF whose every input carries the
 * version, the ids of the algorithms and a label. */
#ifndef SG_CRYPTO_HPKE_KDF_H
#define SG_CRYPTO_HPKE_KDF_H

#include "crypto/mac.h"

#define SG_HPKE_SUITE_ID_MAX 10
#define SG_HPKE_PARTS_MAX 4

struct sg_hpke_kdf {
    struct sg_mac mac;
    uint8_t suite_id[SG_HPKE_SUITE_ID_MAX];
    size_t suite_id_len;
};

/* suite_id: RFC 9180 s4.1 or s5.1 [at most SG_HPKE_SUITE_ID_MAX]. SG_ERR_NO_MEMORY, SG_ERR_CRYPTO:
 * nothing is to be ended then. */
SG_MUST_USE sg_err sg_hpke_kdf_begin(struct sg_hpke_kdf *kdf, enum sg_hash_alg alg,
                                     struct sg_bytes suite_id);
void sg_hpke_kdf_end(struct sg_hpke_kdf *kdf);

/* LabeledExtract: what = label, then the parts of ikm, SG_HPKE_PARTS_MAX together -> out
 * [hash_len], which may be salt. On error out is zeroed. */
SG_MUST_USE sg_err sg_hpke_extract(const struct sg_hpke_kdf *kdf, struct sg_bytes salt,
                                   struct sg_mls_parts what, uint8_t *out);
/* LabeledExpand: what = label, then the parts of info -> out [1 .. 255 * hash_len]. On error out is
 * zeroed. SG_ERR_INVALID_ARGUMENT: out_len. */
SG_MUST_USE sg_err sg_hpke_expand(const struct sg_hpke_kdf *kdf, struct sg_bytes prk,
                                  struct sg_mls_parts what, uint8_t *out, size_t out_len);

#endif
