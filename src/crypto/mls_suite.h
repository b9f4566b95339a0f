/* The crypto below MLS (RFC 9420): one const row of ids, sizes and functions per ciphersuite. The
 * pure set sees this header and no other of crypto/; no OpenSSL type appears here, and a test can
 * pass a row of its own.
 *
 * Keys are raw bytes everywhere: KEM keys as RFC 9180's SerializePublicKey and SerializePrivateKey
 * (for ML-KEM and X-Wing the private key is the seed, draft-ietf-hpke-pq), ECDSA public keys as
 * uncompressed points, ECDSA private keys as big-endian integers of full length, EdDSA as RFC 8032,
 * ML-DSA public keys as FIPS 204 and private keys as the 32-byte seed. Key objects live for one
 * call only.
 *
 * A function takes its own row first. Inputs are borrowed. Outputs have the sizes of the row; where
 * a function fails, they are zeroed. Any function may fail with SG_ERR_NO_MEMORY and SG_ERR_CRYPTO
 * (the crypto library failed). Any thread may call any function. */
#ifndef SG_CRYPTO_MLS_SUITE_H
#define SG_CRYPTO_MLS_SUITE_H

#include "base/bytes.h"

/* The largest sizes over all rows, for fixed buffers. */
#define SG_MLS_HASH_MAX 64         /* SHA-512 */
#define SG_MLS_AEAD_KEY_MAX 32     /* AES-256 */
#define SG_MLS_AEAD_NONCE_MAX 12   /* all */
#define SG_MLS_AEAD_TAG_MAX 16     /* all */
#define SG_MLS_KEM_PRIVATE_MAX 66  /* P-521 */
#define SG_MLS_KEM_PUBLIC_MAX 1216 /* X-Wing */
#define SG_MLS_KEM_ENC_MAX 1120    /* X-Wing */
#define SG_MLS_SIG_PRIVATE_MAX 66  /* P-521 */
#define SG_MLS_SIG_PUBLIC_MAX 1952 /* ML-DSA-65 */
#define SG_MLS_SIG_MAX 3309        /* ML-DSA-65 */

/* Ids of RFC 9420 s17.1, and of draft-ietf-mls-pq-ciphersuites-06, which has none yet: 0xF600 + n
 * (private use) stands for its TBDn. */
enum sg_mls_suite_id {
    SG_MLS_128_DHKEMX25519_AES128GCM_SHA256_ED25519 = 1,
    SG_MLS_128_DHKEMP256_AES128GCM_SHA256_P256 = 2,
    SG_MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_ED25519 = 3,
    SG_MLS_256_DHKEMX448_AES256GCM_SHA512_ED448 = 4,
    SG_MLS_256_DHKEMP521_AES256GCM_SHA512_P521 = 5,
    SG_MLS_256_DHKEMX448_CHACHA20POLY1305_SHA512_ED448 = 6,
    SG_MLS_256_DHKEMP384_AES256GCM_SHA384_P384 = 7,
    SG_MLS_128_MLKEM768X25519_AES256GCM_SHA384_ED25519 = 0xF602,
    SG_MLS_128_MLKEM768_AES256GCM_SHA384_ED25519 = 0xF606,
    SG_MLS_128_MLKEM768X25519_CHACHA20POLY1305_SHA384_MLDSA44 = 0xF609,
    SG_MLS_192_MLKEM768_AES256GCM_SHA384_MLDSA65 = 0xF60A,
};
#define SG_MLS_SUITE_DEFAULT SG_MLS_192_MLKEM768_AES256GCM_SHA384_MLDSA65

/* Where keys, encapsulations and hedged signatures get their randomness. fill: out [len] secret
 * random bytes; an error (SG_ERR_ENTROPY) is passed on by whoever called it. */
struct sg_mls_random {
    void *state;
    sg_err (*fill)(void *state, uint8_t *out, size_t len);
};

/* Byte strings whose concatenation is the input. */
struct sg_mls_parts {
    const struct sg_bytes *at;
    size_t count;
};

/* Parts from sg_bytes expressions: SG_MLS_PARTS(a, b). Lives as long as the enclosing block. */
#define SG_MLS_PARTS(...)                                                                          \
    ((struct sg_mls_parts){(const struct sg_bytes[]){__VA_ARGS__},                                 \
                           sizeof((const struct sg_bytes[]){__VA_ARGS__}) /                        \
                               sizeof(struct sg_bytes)})

/* One use of an AEAD key. A nonce must never come twice under one key. */
struct sg_mls_aead {
    const uint8_t *key;   /* [aead_key_len] */
    const uint8_t *nonce; /* [aead_nonce_len] */
    struct sg_bytes aad;  /* [any] */
};

/* What HPKE makes of an info, for many seals under the same one: without it each would hash all of
 * a group info, with its tree perhaps, for one receiver more. */
struct sg_mls_hpke_info {
    uint8_t b[2 * SG_MLS_HASH_MAX];
};

/* Single-shot HPKE in base mode (RFC 9180 s6.1, s6.2), the sender's side. */
struct sg_mls_hpke_to {
    struct sg_bytes public_key;              /* [kem_public_len] the receiver's */
    struct sg_bytes info;                    /* [any] */
    struct sg_bytes aad;                     /* [any] not for export */
    struct sg_bytes plain;                   /* [any] not for export */
    const struct sg_mls_hpke_info *prepared; /* of info, which then is not read; or NULL */
};

/* The receiver's side. */
struct sg_mls_hpke_from {
    struct sg_bytes private_key; /* [kem_private_len] */
    struct sg_bytes public_key;  /* [kem_public_len] of the same pair; or empty: it is computed,
                                  * which nearly doubles the cost in rows 1-7 */
    struct sg_bytes enc;         /* [any] as received */
    struct sg_bytes info;        /* [any] */
    struct sg_bytes aad;         /* [any] not for export */
    struct sg_bytes sealed;      /* [any] as received; not for export */
};

/* What to export: out [len] under context [any]. */
struct sg_mls_hpke_export {
    struct sg_bytes context;
    uint8_t *out;
    size_t len; /* 1 .. 255 * hash_len */
};

/* A private key made ready for signing, kept between signatures by whoever has the key anyway: from
 * its seed OpenSSL expands an ML-DSA key in a sixth of the time of a signature, an Ed25519 key in
 * half. Secret; sign_ready_fini wipes it. Zeroed: none yet. One thread at a time. */
struct sg_mls_ready {
    void *key;
    uint8_t of[SG_MLS_SIG_PRIVATE_MAX]; /* the private key that it was made from */
};

/* What to sign, and by whom. */
struct sg_mls_to_sign {
    struct sg_bytes private_key; /* [sig_private_len] */
    struct sg_bytes content;     /* [any] */
    struct sg_mls_ready *ready;  /* NULL, or of any key: then it is of this one afterwards */
};

struct sg_mls_suite {
    const char *name; /* "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519" */
    uint16_t id;
    uint16_t kem_id; /* the ids of HPKE */
    uint16_t kdf_id;
    uint16_t aead_id;
    uint16_t sig_id;   /* TLS SignatureScheme */
    uint16_t hash_len; /* Nh of the KDF, the hash and the MAC */
    uint16_t aead_key_len;
    uint16_t aead_nonce_len;
    uint16_t aead_tag_len;
    uint16_t kem_secret_len;
    uint16_t kem_enc_len;
    uint16_t kem_public_len;
    uint16_t kem_private_len;
    uint16_t sig_public_len;
    uint16_t sig_private_len;
    uint16_t sig_max_len; /* ECDSA's DER is often shorter; the others have exactly this length */

    /* Hash of the parts -> out [hash_len]. For public data. Never fails after sg_crypto_init;
     * before that a failure aborts. */
    void (*hash)(const struct sg_mls_suite *suite, struct sg_mls_parts parts, uint8_t *out);
    /* HMAC of the parts under key [any] -> out [hash_len]; compare with equal. */
    sg_err (*hmac)(const struct sg_mls_suite *suite, struct sg_bytes key, struct sg_mls_parts parts,
                   uint8_t *out);
    /* RFC5869 s2.2: salt [any], ikm -> prk [hash_len]. prk may be one of the inputs. */
    sg_err (*extract)(const struct sg_mls_suite *suite, struct sg_bytes salt,
                      struct sg_mls_parts ikm, uint8_t *prk);
    /* RFC5869 s2.3: prk [at least hash_len], info -> out [1 .. 255 * hash_len]. out may be prk.
     * SG_ERR_INVALID_ARGUMENT: length of prk or out. */
    sg_err (*expand)(const struct sg_mls_suite *suite, struct sg_bytes prk,
                     struct sg_mls_parts info, uint8_t *out, size_t out_len);

    /* plain [any] -> out [plain.len + aead_tag_len], the tag last; out may be plain.data.
     * SG_ERR_TOO_LARGE: more than INT_MAX bytes. */
    sg_err (*aead_seal)(const struct sg_mls_suite *suite, const struct sg_mls_aead *aead,
                        struct sg_bytes plain, uint8_t *out);
    /* sealed [any] -> out [sealed.len - aead_tag_len]; out may be sealed.data. SG_ERR_AUTH: too
     * short, or key, nonce, aad or a byte of sealed is another than at sealing.
     * SG_ERR_TOO_LARGE. */
    sg_err (*aead_open)(const struct sg_mls_suite *suite, const struct sg_mls_aead *aead,
                        struct sg_bytes sealed, uint8_t *out);

    /* RFC 9180 DeriveKeyPair: ikm [any; its entropy should be kem_private_len bytes] ->
     * private_key [kem_private_len], public_key [kem_public_len]. */
    sg_err (*kem_derive)(const struct sg_mls_suite *suite, struct sg_bytes ikm,
                         uint8_t *private_key, uint8_t *public_key);
    /* A fresh key pair. Errors of random->fill. */
    sg_err (*kem_generate)(const struct sg_mls_suite *suite, const struct sg_mls_random *random,
                           uint8_t *private_key, uint8_t *public_key);
    /* private_key [any] -> public_key [kem_public_len]. SG_ERR_MALFORMED: a wrong length, or a
     * scalar out of range. */
    sg_err (*kem_public)(const struct sg_mls_suite *suite, struct sg_bytes private_key,
                         uint8_t *public_key);
    /* Is public_key [any] a key of this KEM (RFC 9180 s7.1.4, FIPS 203 s7.2)? SG_ERR_MALFORMED: a
     * wrong length, not on the curve, a point of low order, coefficients that are not reduced. */
    sg_err (*kem_check)(const struct sg_mls_suite *suite, struct sg_bytes public_key);

    /* For sg_mls_hpke_to: info [any] -> out. */
    sg_err (*hpke_prepare)(const struct sg_mls_suite *suite, struct sg_bytes info,
                           struct sg_mls_hpke_info *out);
    /* SealBase -> enc [kem_enc_len], out [to->plain.len + aead_tag_len]; out may be to->plain.data.
     * SG_ERR_MALFORMED: to->public_key does not pass kem_check. SG_ERR_TOO_LARGE.
     * Errors of random->fill. */
    sg_err (*hpke_seal)(const struct sg_mls_suite *suite, const struct sg_mls_random *random,
                        const struct sg_mls_hpke_to *to, uint8_t *enc, uint8_t *out);
    /* OpenBase -> out [from->sealed.len - aead_tag_len]; out may be from->sealed.data. SG_ERR_AUTH:
     * key, info, aad or ciphertext is another than at sealing, or too short. SG_ERR_MALFORMED: enc
     * or a key of ours has a wrong length or cannot be one. SG_ERR_TOO_LARGE. */
    sg_err (*hpke_open)(const struct sg_mls_suite *suite, const struct sg_mls_hpke_from *from,
                        uint8_t *out);
    /* SendExportBase -> enc [kem_enc_len] and what export asks for. Errors of hpke_seal, and
     * SG_ERR_INVALID_ARGUMENT: export->len. RFC9420 s8.3. */
    sg_err (*hpke_send_export)(const struct sg_mls_suite *suite, const struct sg_mls_random *random,
                               const struct sg_mls_hpke_to *to, uint8_t *enc,
                               const struct sg_mls_hpke_export *export);
    /* ReceiveExportBase. SG_ERR_MALFORMED as in hpke_open, SG_ERR_INVALID_ARGUMENT: export->len. An
     * enc that was made for another key is not noticed here: it gives a secret that nobody
     * shares. */
    sg_err (*hpke_receive_export)(const struct sg_mls_suite *suite,
                                  const struct sg_mls_hpke_from *from,
                                  const struct sg_mls_hpke_export *export);

    /* A fresh signature key pair -> private_key [sig_private_len], public_key [sig_public_len].
     * Errors of random->fill. */
    sg_err (*sig_generate)(const struct sg_mls_suite *suite, const struct sg_mls_random *random,
                           uint8_t *private_key, uint8_t *public_key);
    /* private_key [any] -> public_key [sig_public_len]. SG_ERR_MALFORMED: a wrong length, or a
     * scalar out of range. */
    sg_err (*sig_public)(const struct sg_mls_suite *suite, struct sg_bytes private_key,
                         uint8_t *public_key);
    /* Is public_key [any] a key of this scheme? Signatures by one that is not never verify; this
     * tells earlier. SG_ERR_MALFORMED. */
    sg_err (*sig_check)(const struct sg_mls_suite *suite, struct sg_bytes public_key);
    /* Signature of content by private_key [sig_private_len] -> signature [room for sig_max_len] and
     * *len. The public key is not an input: an Ed25519 signature under a wrong one gives the
     * private key away. random is asked by ML-DSA only (hedged, FIPS 204 s3.4); the others are
     * deterministic (RFC 8032, RFC 6979). SG_ERR_MALFORMED: the private key. Errors of
     * random->fill. */
    sg_err (*sign)(const struct sg_mls_suite *suite, const struct sg_mls_random *random,
                   const struct sg_mls_to_sign *in, uint8_t *signature, size_t *len);
    void (*sign_ready_fini)(struct sg_mls_ready *ready);
    /* SG_ERR_BAD_SIGNATURE: also for keys and signatures of wrong lengths or forms. */
    sg_err (*verify)(const struct sg_mls_suite *suite, struct sg_bytes public_key,
                     struct sg_bytes content, struct sg_bytes signature);

    /* Zeroes len bytes in a way that no compiler removes. data may be NULL when len is 0. */
    void (*wipe)(void *data, size_t len);
    /* Are the lengths equal, and the bytes? Takes the same time wherever the bytes differ. */
    bool (*equal)(struct sg_bytes a, struct sg_bytes b);
};

/* All rows over OpenSSL, by id; *count of them. Static. The pure set does not call this: it is
 * given a row or the table. */
const struct sg_mls_suite *sg_mls_suites(size_t *count);
/* The row of an id, or NULL. */
const struct sg_mls_suite *sg_mls_suite_find(uint16_t id);

/* The operating system's randomness (crypto/random.h) in the shape that the table takes. Static. */
const struct sg_mls_random *sg_mls_random_default(void);

#endif
