/* HPKE (RFC 9180) in base mode: encrypt to a public key. KEMs of crypto/hpke_kem.h with
 * HKDF-SHA256/384/512 and AES-128-GCM, AES-256-GCM, ChaCha20-Poly1305 or export only. MLS reaches
 * it through crypto/mls_suite.h. */
#ifndef SG_CRYPTO_HPKE_H
#define SG_CRYPTO_HPKE_H

#include "crypto/aead.h"
#include "crypto/hpke_kem.h"

#define SG_HPKE_EXPORT_ONLY 0xffff /* as aead_id */

struct sg_hpke_suite {
    const struct sg_hpke_kem *kem;
    uint16_t kdf_id;
    uint16_t aead_id;
    enum sg_hash_alg hash;
    enum sg_aead_alg aead; /* unless export only */
    uint8_t hash_len;
    uint8_t key_len; /* 0: export only */
};

/* The suite of three ids. SG_ERR_UNSUPPORTED. */
SG_MUST_USE sg_err sg_hpke_suite_init(struct sg_hpke_suite *suite, uint16_t kem_id, uint16_t kdf_id,
                                      uint16_t aead_id);

/* What the key schedule makes of info [any] -> out [2 * hash_len], for many setups under the same
 * one: a long info is hashed once. SG_ERR_NO_MEMORY, SG_ERR_CRYPTO. */
SG_MUST_USE sg_err sg_hpke_prepare(const struct sg_hpke_suite *suite, struct sg_bytes info,
                                   uint8_t *out);

/* What a context is for; the key schedule leaves the rest out. */
enum sg_hpke_use { SG_HPKE_MESSAGES = 1, SG_HPKE_EXPORTS = 2, SG_HPKE_BOTH = 3 };

/* One side of a conversation. Suite, use and prepared are set by the caller, the rest by a
 * setup; where prepared is set, that setup does not read its info. Secret:
 * sg_hpke_wipe it when it is no longer needed. */
struct sg_hpke {
    const struct sg_hpke_suite *suite; /* borrowed */
    enum sg_hpke_use use;
    const uint8_t *prepared; /* of the info, by sg_hpke_prepare; borrowed. NULL: none */
    uint64_t seq;            /* of the next message */
    uint8_t key[SG_AEAD_KEY_LEN];
    uint8_t base_nonce[SG_AEAD_NONCE_LEN];
    uint8_t exporter_secret[SG_HASH_ALG_LEN_MAX];
};

/* SetupBaseS to public_key [any] under info [any] -> enc [kem->enc_len]. On error h's secrets and
 * enc are zeroed. Errors of sg_hpke_kem_encaps. RFC9180 s5.1.1 */
SG_MUST_USE sg_err sg_hpke_setup_send(struct sg_hpke *h, const struct sg_mls_random *random,
                                      struct sg_bytes public_key, struct sg_bytes info,
                                      uint8_t *enc);
/* SetupBaseR of enc [any]. On error h's secrets are zeroed. Errors of sg_hpke_kem_decaps. */
SG_MUST_USE sg_err sg_hpke_setup_receive(struct sg_hpke *h, const struct sg_hpke_pair *own,
                                         struct sg_bytes enc, struct sg_bytes info);
void sg_hpke_wipe(struct sg_hpke *h);

/* The next message: plain [any] under aad [any] -> out [plain.len + SG_AEAD_TAG_LEN]. On error out
 * is zeroed and the message is still the next one. SG_ERR_INVALID_STATE: not for messages.
 * SG_ERR_LIMIT: 2^64 - 1 messages were sealed. Errors of sg_aead_seal. RFC9180 s5.2 */
SG_MUST_USE sg_err sg_hpke_seal(struct sg_hpke *h, struct sg_bytes aad, struct sg_bytes plain,
                                uint8_t *out);
/* sealed [any] -> out [sealed.len - SG_AEAD_TAG_LEN], nothing where sealed is shorter than a tag.
 * Errors as of sealing and of sg_aead_open. */
SG_MUST_USE sg_err sg_hpke_open(struct sg_hpke *h, struct sg_bytes aad, struct sg_bytes sealed,
                                uint8_t *out);
/* out [1 .. 255 * hash_len] under context [any]. On error out is zeroed. SG_ERR_INVALID_STATE: not
 * for exports. SG_ERR_INVALID_ARGUMENT: out_len. SG_ERR_NO_MEMORY, SG_ERR_CRYPTO. RFC9180 s5.3 */
SG_MUST_USE sg_err sg_hpke_export(const struct sg_hpke *h, struct sg_bytes context, uint8_t *out,
                                  size_t out_len);

#endif
