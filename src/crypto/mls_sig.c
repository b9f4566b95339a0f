/* EdDSA (RFC 8032), ECDSA (FIPS 186-5, DER) and ML-DSA (FIPS 204, pure, empty context).
 *
 * All signatures are made from the injected randomness or from none: EdDSA is deterministic, ECDSA
 * takes its nonce from the key and the message (RFC 6979), ML-DSA's hedging gets 32 bytes. */
#include "crypto/mls_sig.h"

#include <pthread.h>
#include <stdlib.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/obj_mac.h>

#include "crypto/dh.h"
#include "crypto/ec.h"
#include "crypto/ml_dsa.h"
#include "crypto/wipe.h"

enum kind { KIND_EDDSA, KIND_ECDSA, KIND_ML_DSA };

/* What OpenSSL and we call a scheme. */
struct scheme {
    uint16_t id;
    enum kind kind;
    const char *key_name;
    const char *group_name; /* of ECDSA */
    enum sg_dh_group group; /* of ECDSA: makes its key pairs */
    enum sg_ec_curve curve; /* of ECDSA */
    enum sg_sig_alg ml_dsa; /* of ML-DSA */
};

struct signature_out {
    uint8_t *data; /* [sig_max_len] */
    size_t *len;
};

static const struct scheme schemes[] = {
    {.id = SG_MLS_ED25519, .kind = KIND_EDDSA, .key_name = "ED25519"},
    {.id = SG_MLS_ED448, .kind = KIND_EDDSA, .key_name = "ED448"},
    {.id = SG_MLS_ECDSA_P256,
     .kind = KIND_ECDSA,
     .key_name = "EC",
     .group_name = SN_X9_62_prime256v1,
     .group = SG_DH_P256,
     .curve = SG_EC_P256},
    {.id = SG_MLS_ECDSA_P384,
     .kind = KIND_ECDSA,
     .key_name = "EC",
     .group_name = SN_secp384r1,
     .group = SG_DH_P384,
     .curve = SG_EC_P384},
    {.id = SG_MLS_ECDSA_P521,
     .kind = KIND_ECDSA,
     .key_name = "EC",
     .group_name = SN_secp521r1,
     .group = SG_DH_P521,
     .curve = SG_EC_P521},
    {.id = SG_MLS_ML_DSA_44,
     .kind = KIND_ML_DSA,
     .key_name = "ML-DSA-44",
     .ml_dsa = SG_SIG_ML_DSA_44},
    {.id = SG_MLS_ML_DSA_65,
     .kind = KIND_ML_DSA,
     .key_name = "ML-DSA-65",
     .ml_dsa = SG_SIG_ML_DSA_65},
};

/* Never NULL: every row of the suite table has one. */
static const struct scheme *scheme_of(const struct sg_mls_suite *suite)
{
    size_t i = 0;
    while (schemes[i].id != suite->sig_id)
        i++;
    return &schemes[i];
}

static sg_err algorithm_of(const struct scheme *scheme, EVP_SIGNATURE **out)
{
    const struct sg_evp *evp;
    const struct sg_mls_evp *mls;
    SG_TRY(sg_evp_begin(&evp));
    SG_TRY(sg_mls_evp_begin(&mls));
    switch (scheme->kind) {
    case KIND_EDDSA:
        *out = scheme->id == SG_MLS_ED25519 ? mls->ed25519 : mls->ed448;
        break;
    case KIND_ECDSA:
        *out = mls->ecdsa[scheme->curve];
        break;
    case KIND_ML_DSA:
        *out = evp->sig[scheme->ml_dsa];
        break;
    }
    return SG_OK;
}

/* An ECDSA key of one part, a scalar or a point. NULL: see sg_evp_error. */
static EVP_PKEY *ec_key_new(const struct scheme *scheme, int selection, OSSL_PARAM part)
{
    EVP_PKEY *key = NULL;
    char group[32];
    (void)strcpy(group, scheme->group_name); /* OSSL_PARAM wants it writable */
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
                           part, OSSL_PARAM_construct_end()};
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, scheme->key_name, NULL);
    if (ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1)
        (void)EVP_PKEY_fromdata(ctx, &key, selection, params);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

/* A scalar must be in [1, order), which OpenSSL would not check before it signs. */
static sg_err ec_private_new(const struct scheme *scheme, struct sg_bytes scalar, EVP_PKEY **out)
{
    const struct sg_mls_evp *evp;
    uint8_t native[SG_DH_PRIVATE_MAX];
    SG_TRY(sg_mls_evp_begin(&evp));
    BIGNUM *d = BN_bin2bn(scalar.data, (int)scalar.len, NULL);
    bool is_in_range = d != NULL && !BN_is_zero(d) &&
                       BN_cmp(d, EC_GROUP_get0_order(evp->curve[scheme->curve])) < 0;
    if (is_in_range && BN_bn2nativepad(d, native, (int)scalar.len) == (int)scalar.len)
        *out = ec_key_new(scheme, EVP_PKEY_KEYPAIR,
                          OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, native, scalar.len));
    BN_clear_free(d);
    sg_wipe(native, sizeof(native));
    if (*out != NULL)
        return SG_OK;
    return sg_evp_error(is_in_range || d == NULL ? SG_ERR_CRYPTO : SG_ERR_MALFORMED);
}

/* The caller owns *out; on error it is NULL. */
static sg_err private_new(const struct sg_mls_suite *suite, struct sg_bytes private_key,
                          EVP_PKEY **out)
{
    const struct scheme *scheme = scheme_of(suite);
    const struct sg_mls_evp *evp;
    *out = NULL;
    if (private_key.len != suite->sig_private_len)
        return SG_ERR_MALFORMED;
    if (scheme->kind == KIND_ECDSA)
        return ec_private_new(scheme, private_key, out);
    if (scheme->kind == KIND_ML_DSA)
        return sg_evp_key_from_seed(scheme->key_name, private_key, out);
    SG_TRY(sg_mls_evp_begin(&evp));
    *out = EVP_PKEY_new_raw_private_key_ex(NULL, scheme->key_name, NULL, private_key.data,
                                           private_key.len);
    return *out != NULL ? SG_OK : sg_evp_error(SG_ERR_CRYPTO);
}

/* SG_ERR_MALFORMED: not a public key. */
static sg_err public_new(const struct sg_mls_suite *suite, struct sg_bytes public_key,
                         EVP_PKEY **out)
{
    const struct scheme *scheme = scheme_of(suite);
    const struct sg_mls_evp *evp;
    *out = NULL;
    if (public_key.len != suite->sig_public_len)
        return SG_ERR_MALFORMED;
    SG_TRY(sg_mls_evp_begin(&evp));
    if (scheme->kind != KIND_ECDSA)
        *out = EVP_PKEY_new_raw_public_key_ex(NULL, scheme->key_name, NULL, public_key.data,
                                              public_key.len);
    else if (public_key.data[0] == POINT_CONVERSION_UNCOMPRESSED)
        *out = ec_key_new(scheme, EVP_PKEY_PUBLIC_KEY,
                          sg_evp_octets(OSSL_PKEY_PARAM_PUB_KEY, public_key));
    return *out != NULL ? SG_OK : sg_evp_error(SG_ERR_MALFORMED);
}

sg_err sg_mls_sig_public(const struct sg_mls_suite *suite, struct sg_bytes private_key,
                         uint8_t *public_key)
{
    const struct scheme *scheme = scheme_of(suite);
    size_t len = suite->sig_public_len;
    EVP_PKEY *key;
    if (scheme->kind == KIND_ECDSA)
        return sg_dh_public(scheme->group, private_key, public_key);
    sg_err err = private_new(suite, private_key, &key);
    if (err == SG_OK &&
        (EVP_PKEY_get_raw_public_key(key, public_key, &len) != 1 || len != suite->sig_public_len))
        err = sg_evp_error(SG_ERR_CRYPTO);
    EVP_PKEY_free(key);
    if (err != SG_OK)
        sg_wipe(public_key, suite->sig_public_len);
    return err;
}

sg_err sg_mls_sig_generate(const struct sg_mls_suite *suite, const struct sg_mls_random *random,
                           uint8_t *private_key, uint8_t *public_key)
{
    const struct scheme *scheme = scheme_of(suite);
    if (scheme->kind == KIND_ECDSA)
        return sg_dh_generate(scheme->group, random, private_key, public_key);
    sg_err err = random->fill(random->state, private_key, suite->sig_private_len);
    if (err == SG_OK)
        err = sg_mls_sig_public(suite, sg_bytes(private_key, suite->sig_private_len), public_key);
    if (err == SG_OK)
        return SG_OK;
    sg_wipe(private_key, suite->sig_private_len);
    sg_wipe(public_key, suite->sig_public_len);
    return err;
}

sg_err sg_mls_sig_check(const struct sg_mls_suite *suite, struct sg_bytes public_key)
{
    EVP_PKEY *key;
    SG_TRY(public_new(suite, public_key, &key));
    EVP_PKEY_free(key);
    return SG_OK;
}

static sg_err sign_ml_dsa(const struct sg_mls_suite *suite, EVP_PKEY *key, struct sg_bytes content,
                          struct sg_bytes random_bytes, struct signature_out out)
{
    uint8_t expanded[SG_ML_DSA_PRIVATE_MAX];
    size_t len = sizeof(expanded);
    sg_err err;
    if (EVP_PKEY_get_raw_private_key(key, expanded, &len) == 1)
        err = sg_ml_dsa_sign(scheme_of(suite)->ml_dsa,
                             &(struct sg_ml_dsa_to_sign){.private_key = sg_bytes(expanded, len),
                                                         .message = content,
                                                         .random = random_bytes.data},
                             out.data);
    else
        err = sg_evp_error(SG_ERR_CRYPTO);
    sg_wipe(expanded, sizeof(expanded));
    *out.len = suite->sig_max_len;
    return err;
}

/* Signs with the parameters of the scheme's kind; random_bytes [SG_ML_DSA_RANDOM_LEN]. */
static sg_err sign_with(const struct sg_mls_suite *suite, EVP_PKEY *key, struct sg_bytes content,
                        struct sg_bytes random_bytes, struct signature_out out)
{
    EVP_SIGNATURE *algorithm;
    unsigned int nonce_type = 1; /* RFC 6979 */
    OSSL_PARAM params[2] = {OSSL_PARAM_construct_end(), OSSL_PARAM_construct_end()};
    SG_TRY(algorithm_of(scheme_of(suite), &algorithm));
    if (scheme_of(suite)->kind == KIND_ML_DSA && sg_ml_dsa_is_here())
        return sign_ml_dsa(suite, key, content, random_bytes, out);
    if (scheme_of(suite)->kind == KIND_ECDSA)
        params[0] = OSSL_PARAM_construct_uint(OSSL_SIGNATURE_PARAM_NONCE_TYPE, &nonce_type);
    if (scheme_of(suite)->kind == KIND_ML_DSA)
        params[0] = sg_evp_octets(OSSL_SIGNATURE_PARAM_TEST_ENTROPY, random_bytes);
    *out.len = suite->sig_max_len;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    bool ok = ctx != NULL && EVP_PKEY_sign_message_init(ctx, algorithm, params) == 1 &&
              EVP_PKEY_sign(ctx, out.data, out.len, content.data, content.len) == 1 &&
              *out.len <= suite->sig_max_len;
    EVP_PKEY_CTX_free(ctx);
    return ok ? SG_OK : sg_evp_error(SG_ERR_CRYPTO);
}

void sg_mls_sig_ready_fini(struct sg_mls_ready *ready)
{
    EVP_PKEY_free(ready->key); /* wipes what is secret of it */
    sg_wipe(ready, sizeof(*ready));
}

/* The key to sign with, which the caller frees: the one that is ready, or a new one, which is ready
 * from then on. */
static sg_err signing_key(const struct sg_mls_suite *suite, const struct sg_mls_to_sign *in,
                          EVP_PKEY **out)
{
    struct sg_mls_ready *ready = in->ready;
    if (ready == NULL || in->private_key.len != suite->sig_private_len)
        return private_new(suite, in->private_key, out);
    if (ready->key == NULL ||
        !suite->equal(in->private_key, sg_bytes(ready->of, suite->sig_private_len))) {
        SG_TRY(private_new(suite, in->private_key, out));
        sg_mls_sig_ready_fini(ready);
        ready->key = *out;
        memcpy(ready->of, in->private_key.data, in->private_key.len);
    }
    *out = ready->key;
    return EVP_PKEY_up_ref(*out) == 1 ? SG_OK : sg_evp_error(SG_ERR_CRYPTO);
}

sg_err sg_mls_sig_sign(const struct sg_mls_suite *suite, const struct sg_mls_random *random,
                       const struct sg_mls_to_sign *in, uint8_t *signature, size_t *len)
{
    uint8_t bytes[SG_ML_DSA_RANDOM_LEN];
    EVP_PKEY *key = NULL;
    sg_err err = SG_OK;
    if (scheme_of(suite)->kind == KIND_ML_DSA)
        err = random->fill(random->state, bytes, sizeof(bytes));
    if (err == SG_OK)
        err = signing_key(suite, in, &key);
    if (err == SG_OK)
        err = sign_with(suite, key, in->content, sg_bytes(bytes, sizeof(bytes)),
                        (struct signature_out){signature, len});
    EVP_PKEY_free(key);
    sg_wipe(bytes, sizeof(bytes));
    if (err == SG_OK)
        return SG_OK;
    sg_wipe(signature, suite->sig_max_len);
    *len = 0;
    return err;
}

/* One DER INTEGER at the front of *in, positive and minimal, at most len bytes and a sign; takes it
 * off. */
static bool take_integer(struct sg_bytes *in, size_t len)
{
    const uint8_t *p = in->data;
    if (in->len < 3 || p[0] != 0x02 || p[1] == 0 || p[1] > in->len - 2 || p[1] > len + 1)
        return false;
    bool is_negative = p[2] >= 0x80;
    bool is_padded = p[2] == 0 && p[1] > 1 && p[3] < 0x80;
    in->data += 2 + (size_t)p[1];
    in->len -= 2 + (size_t)p[1];
    return !is_negative && !is_padded;
}

/* Is signature the DER of ECDSA-Sig-Value (RFC 3279 s2.2.3), with integers of at most len bytes?
 * OpenSSL checks that too, but then says the same as when it runs out of memory. */
static bool is_der(struct sg_bytes signature, size_t len)
{
    size_t head = signature.len > 2 && signature.data[1] == 0x81 ? 3 : 2;
    if (signature.len <= head || signature.data[0] != 0x30 ||
        signature.data[head - 1] != signature.len - head ||
        (signature.len - head >= 0x80) != (head == 3))
        return false;
    struct sg_bytes rest = sg_bytes(signature.data + head, signature.len - head);
    return take_integer(&rest, len) && take_integer(&rest, len) && rest.len == 0;
}

/* ---- verifying ---- */

/* The public key that a thread verified with last. A key package is signed twice with one key, the
 * members of a group sign many messages in a row, and to read an ML-DSA key takes a twentieth of
 * the time of a verification by OpenSSL. */
struct verifier {
    EVP_PKEY *key;
    uint16_t sig_id;
    uint8_t of[SG_MLS_SIG_PUBLIC_MAX];
};

static pthread_key_t verifier_key;
static pthread_once_t verifier_once = PTHREAD_ONCE_INIT;
static bool has_verifier_key;

static void verifier_free(void *ptr)
{
    struct verifier *v = ptr;
    EVP_PKEY_free(v->key);
    free(v);
}

static void make_verifier_key(void)
{
    has_verifier_key = pthread_key_create(&verifier_key, verifier_free) == 0;
}

/* This thread's, or NULL: then nothing is kept. */
static struct verifier *thread_verifier(void)
{
    if (pthread_once(&verifier_once, make_verifier_key) != 0 || !has_verifier_key)
        return NULL;
    struct verifier *v = pthread_getspecific(verifier_key);
    if (v != NULL)
        return v;
    v = calloc(1, sizeof(*v));
    if (v != NULL && pthread_setspecific(verifier_key, v) != 0) {
        free(v);
        return NULL;
    }
    return v;
}

/* The key object of public_key, which the caller frees. */
static sg_err verifying_key(const struct sg_mls_suite *suite, struct sg_bytes public_key,
                            EVP_PKEY **out)
{
    struct verifier *v = thread_verifier();
    bool is_last = v != NULL && v->key != NULL && v->sig_id == suite->sig_id &&
                   sg_bytes_equal(public_key, sg_bytes(v->of, suite->sig_public_len));
    if (!is_last) {
        SG_TRY(public_new(suite, public_key, out));
        if (v == NULL)
            return SG_OK;
        EVP_PKEY_free(v->key);
        v->key = *out;
        v->sig_id = suite->sig_id;
        memcpy(v->of, public_key.data, public_key.len);
    }
    *out = v->key;
    return EVP_PKEY_up_ref(v->key) == 1 ? SG_OK : sg_evp_error(SG_ERR_CRYPTO);
}

/* What EVP_PKEY_verify said of a signature of the right form: 1, 0, or less when it could not tell.
 * That is for want of memory, about which it may be silent. */
static sg_err verdict(int result)
{
    if (result == 1)
        return SG_OK;
    return sg_evp_error(result == 0 ? SG_ERR_BAD_SIGNATURE : SG_ERR_NO_MEMORY);
}

sg_err sg_mls_sig_verify(const struct sg_mls_suite *suite, struct sg_bytes public_key,
                         struct sg_bytes content, struct sg_bytes signature)
{
    EVP_SIGNATURE *algorithm;
    EVP_PKEY *key;
    bool has_form = scheme_of(suite)->kind == KIND_ECDSA ? is_der(signature, suite->sig_private_len)
                                                         : signature.len == suite->sig_max_len;
    if (!has_form)
        return SG_ERR_BAD_SIGNATURE;
    if (scheme_of(suite)->kind == KIND_ML_DSA && sg_ml_dsa_is_here())
        return public_key.len == suite->sig_public_len
                   ? sg_ml_dsa_verify(scheme_of(suite)->ml_dsa, public_key, SG_BYTES_LIT(""),
                                      content, signature)
                   : SG_ERR_BAD_SIGNATURE;
    SG_TRY(algorithm_of(scheme_of(suite), &algorithm));
    sg_err err = verifying_key(suite, public_key, &key);
    if (err != SG_OK)
        return err == SG_ERR_MALFORMED ? SG_ERR_BAD_SIGNATURE : err;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    if (ctx != NULL && EVP_PKEY_verify_message_init(ctx, algorithm, NULL) == 1)
        err =
            verdict(EVP_PKEY_verify(ctx, signature.data, signature.len, content.data, content.len));
    else
        err = sg_evp_error(SG_ERR_CRYPTO);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
    return err;
}
