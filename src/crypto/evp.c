/* Fetching once, thread-safe, and repeatable after a failure (pthread_once would remember it for
 * ever). All that OpenSSL would look up later by name is looked up here as well: when memory runs
 * out while its provider registers an algorithm, OpenSSL 3.5 says nothing and never finds it. */
#include "crypto/evp.h"

#include <pthread.h>
#include <stdatomic.h>

#include <openssl/core_names.h>
#include <openssl/err.h>

#include "crypto/random.h"

static const char *const hash_names[SG_HASH_ALG_COUNT] = {
    [SG_HASH_SHA256] = "SHA2-256",
    [SG_HASH_SHA384] = "SHA2-384",
    [SG_HASH_SHA512] = "SHA2-512",
};
static const char *const aead_names[SG_AEAD_ALG_COUNT] = {
    [SG_AEAD_AES_256_GCM] = "AES-256-GCM",
    [SG_AEAD_CHACHA20_POLY1305] = "ChaCha20-Poly1305",
    [SG_AEAD_AES_128_GCM] = "AES-128-GCM",
};
static const char *const sig_names[SG_SIG_ALG_COUNT] = {
    [SG_SIG_ML_DSA_65] = "ML-DSA-65",
    [SG_SIG_ML_DSA_44] = "ML-DSA-44",
};
static const char *const kem_names[SG_KEM_ALG_COUNT] = {
    [SG_KEM_ML_KEM_768] = "ML-KEM-768",
    [SG_KEM_ML_KEM_512] = "ML-KEM-512",
    [SG_KEM_ML_KEM_1024] = "ML-KEM-1024",
};

static struct sg_evp fetched;
static atomic_bool is_ready;
static pthread_mutex_t fetch_lock = PTHREAD_MUTEX_INITIALIZER;

const char *sg_evp_hash_name(enum sg_hash_alg alg)
{
    return hash_names[alg];
}

const char *sg_evp_sig_name(enum sg_sig_alg alg)
{
    return sig_names[alg];
}

const char *sg_evp_kem_name(enum sg_kem_alg alg)
{
    return kem_names[alg];
}

/* target = fetch(name), unless an earlier attempt got it already. */
#define FETCH(target, fetch, name)                                                                 \
    ((target) != NULL || ((target) = fetch(NULL, (name), NULL)) != NULL)

static bool fetch_signatures(struct sg_evp *e)
{
    bool ok = true;
    for (int i = 0; i < SG_SIG_ALG_COUNT; i++)
        ok = ok && FETCH(e->sig[i], EVP_SIGNATURE_fetch, sig_names[i]) &&
             FETCH(e->sig_keys[i], EVP_KEYMGMT_fetch, sig_names[i]);
    return ok;
}

static bool fetch_kems(struct sg_evp *e)
{
    bool ok = true;
    for (int i = 0; i < SG_KEM_ALG_COUNT; i++)
        ok = ok && FETCH(e->kem[i], EVP_KEM_fetch, kem_names[i]) &&
             FETCH(e->kem_keys[i], EVP_KEYMGMT_fetch, kem_names[i]);
    return ok;
}

static bool fetch_all(struct sg_evp *e)
{
    bool ok = FETCH(e->argon2id, EVP_KDF_fetch, "ARGON2ID") &&
              FETCH(e->argon2id_mac, EVP_MAC_fetch, "BLAKE2BMAC") &&
              FETCH(e->argon2id_md, EVP_MD_fetch, "BLAKE2B-512");
    for (int i = 0; i < SG_HASH_ALG_COUNT; i++)
        ok = ok && FETCH(e->md[i], EVP_MD_fetch, hash_names[i]);
    for (int i = 0; i < SG_AEAD_ALG_COUNT; i++)
        ok = ok && FETCH(e->aead[i], EVP_CIPHER_fetch, aead_names[i]);
    return ok && fetch_signatures(e) && fetch_kems(e) && sg_hash_prepare(e);
}

static sg_err fetch_once(void)
{
    sg_err err = SG_OK;
    pthread_mutex_lock(&fetch_lock);
    if (!atomic_load_explicit(&is_ready, memory_order_relaxed)) {
        ERR_clear_error();
        if (fetch_all(&fetched))
            atomic_store_explicit(&is_ready, true, memory_order_release);
        else
            err = sg_evp_error(SG_ERR_CRYPTO);
    }
    pthread_mutex_unlock(&fetch_lock);
    return err;
}

sg_err sg_evp_ready(void)
{
    if (atomic_load_explicit(&is_ready, memory_order_acquire))
        return SG_OK;
    return fetch_once();
}

sg_err sg_crypto_init(void)
{
    uint8_t byte;
    SG_TRY(sg_evp_ready());
    return sg_random(&byte, sizeof(byte));
}

sg_err sg_evp_begin(const struct sg_evp **evp)
{
    SG_TRY(sg_evp_ready());
    ERR_clear_error();
    *evp = &fetched;
    return SG_OK;
}

sg_err sg_evp_error(sg_err err)
{
    unsigned long code;
    while ((code = ERR_get_error()) != 0) {
        if (ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE)
            err = SG_ERR_NO_MEMORY;
    }
    return err;
}

OSSL_PARAM sg_evp_octets(const char *name, struct sg_bytes bytes)
{
    /* OSSL_PARAM is not const-correct; a parameter that is only read stays unchanged */
    union {
        const void *in;
        void *out;
    } data = {.in = bytes.len == 0 ? "" : (const void *)bytes.data};
    return OSSL_PARAM_construct_octet_string(name, data.out, bytes.len);
}

sg_err sg_evp_key_from_seed(const char *name, struct sg_bytes seed, EVP_PKEY **out)
{
    const struct sg_evp *evp;
    *out = NULL;
    SG_TRY(sg_evp_begin(&evp));
    OSSL_PARAM params[] = {sg_evp_octets(OSSL_PKEY_PARAM_ML_DSA_SEED, seed),
                           OSSL_PARAM_construct_end()};
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, name, NULL);
    bool ok = ctx != NULL && EVP_PKEY_keygen_init(ctx) == 1 &&
              EVP_PKEY_CTX_set_params(ctx, params) == 1 && EVP_PKEY_generate(ctx, out) == 1;
    EVP_PKEY_CTX_free(ctx);
    if (ok)
        return SG_OK;
    EVP_PKEY_free(*out);
    *out = NULL;
    return sg_evp_error(SG_ERR_CRYPTO);
}
