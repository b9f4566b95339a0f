/* Every id and every message id is a hash, and their users cannot do anything about a failure, so
 * sg_hash has none: each thread reuses a context, and where a thread's first one cannot be
 * allocated, a spare made at initialisation serves under a lock. */
#include "crypto/hash.h"

#include <pthread.h>
#include <stdlib.h>

#include "crypto/evp.h"

struct contexts {
    EVP_MD_CTX *of[SG_HASH_ALG_COUNT];
};

static struct contexts spare;
static pthread_mutex_t spare_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_key_t thread_key;
static bool has_thread_key;

size_t sg_hash_alg_len(enum sg_hash_alg alg)
{
    static const size_t lens[SG_HASH_ALG_COUNT] = {
        [SG_HASH_SHA256] = 32,
        [SG_HASH_SHA384] = 48,
        [SG_HASH_SHA512] = 64,
    };
    return lens[alg];
}

static void contexts_free(void *ptr)
{
    struct contexts *contexts = ptr;
    for (int i = 0; i < SG_HASH_ALG_COUNT; i++)
        EVP_MD_CTX_free(contexts->of[i]);
    free(contexts);
}

/* An initialised context: from here on OpenSSL allocates nothing for it. */
static EVP_MD_CTX *context_new(const EVP_MD *md)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (ctx != NULL && EVP_DigestInit_ex2(ctx, md, NULL) != 1) {
        EVP_MD_CTX_free(ctx);
        return NULL;
    }
    return ctx;
}

bool sg_hash_prepare(const struct sg_evp *evp)
{
    if (!has_thread_key && pthread_key_create(&thread_key, contexts_free) != 0)
        return false;
    has_thread_key = true;
    for (int i = 0; i < SG_HASH_ALG_COUNT; i++) {
        if (spare.of[i] == NULL && (spare.of[i] = context_new(evp->md[i])) == NULL)
            return false;
    }
    return true;
}

/* This thread's context, or NULL when there is no memory for it. */
static EVP_MD_CTX *thread_context(enum sg_hash_alg alg)
{
    struct contexts *own = pthread_getspecific(thread_key);
    if (own == NULL) {
        own = calloc(1, sizeof(*own));
        if (own == NULL)
            return NULL;
        if (pthread_setspecific(thread_key, own) != 0) {
            free(own);
            return NULL;
        }
    }
    if (own->of[alg] == NULL) {
        const struct sg_evp *evp;
        if (sg_evp_begin(&evp) != SG_OK)
            return NULL;
        own->of[alg] = context_new(evp->md[alg]);
    }
    return own->of[alg];
}

static void hash_with(EVP_MD_CTX *ctx, const struct sg_bytes *parts, size_t count, uint8_t *out)
{
    int ok = EVP_DigestInit_ex2(ctx, NULL, NULL);
    for (size_t i = 0; i < count; i++)
        ok &= EVP_DigestUpdate(ctx, parts[i].data, parts[i].len);
    ok &= EVP_DigestFinal_ex(ctx, out, NULL);
    if (ok != 1)
        abort(); /* an initialised SHA-2 context has no way to fail */
}

void sg_hash(enum sg_hash_alg alg, const struct sg_bytes *parts, size_t count, uint8_t *out)
{
    if (sg_evp_ready() != SG_OK)
        abort(); /* documented: initialise first */
    EVP_MD_CTX *ctx = thread_context(alg);
    if (ctx != NULL) {
        hash_with(ctx, parts, count, out);
        return;
    }
    (void)sg_evp_error(SG_ERR_NO_MEMORY);
    pthread_mutex_lock(&spare_lock);
    hash_with(spare.of[alg], parts, count, out);
    pthread_mutex_unlock(&spare_lock);
}
