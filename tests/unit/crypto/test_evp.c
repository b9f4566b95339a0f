/* OpenSSL's own allocator fails at its n-th call, for every n: each adapter gives SG_ERR_NO_MEMORY
 * or succeeds, never blames the peer, leaks nothing (LeakSanitizer) and works again afterwards. */
#include "unit/crypto/vectors.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

#include "crypto/argon2id.h"
#include "crypto/evp.h"
#include "crypto/hkdf.h"
#include "crypto/hmac.h"
#include "crypto/identity.h"
#include "crypto/random.h"

static size_t calls;
static size_t fail_at; /* 0: none */

static void *count_malloc(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return ++calls == fail_at ? NULL : malloc(size);
}

static void *count_realloc(void *ptr, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return ++calls == fail_at ? NULL : realloc(ptr, size);
}

static void count_free(void *ptr, const char *file, int line)
{
    (void)file;
    (void)line;
    free(ptr);
}

static uint8_t public_key[1952];
static uint8_t signature[3309];
static uint8_t kem_public[1184];
static uint8_t kem_ciphertext[1088];
static const struct sg_bytes text = {(const uint8_t *)"text", 4};

static sg_err try_sign(void)
{
    struct sg_sig_seed seed = {{1}};
    struct sg_identity *identity;
    SG_TRY(sg_identity_new(sg_mem_default(), &seed, &identity));
    const struct sg_signer *signer = sg_identity_signer(identity);
    sg_err err = signer->sign(signer->state, text, text, signature);
    memcpy(public_key, signer->public_key.data, sizeof(public_key));
    sg_identity_free(identity);
    return err;
}

static sg_err try_verify(void)
{
    return sg_sig_verify(SG_SIG_ML_DSA_65, sg_bytes(public_key, sizeof(public_key)), text, text,
                         sg_bytes(signature, sizeof(signature)));
}

static sg_err try_encaps(void)
{
    struct sg_kem_secret secret;
    return sg_kem_encaps(SG_KEM_ML_KEM_768, sg_bytes(kem_public, sizeof(kem_public)),
                         kem_ciphertext, &secret);
}

static sg_err try_decaps(void)
{
    static struct sg_kem_secret first; /* a success is the same one each time */
    static const struct sg_kem_secret none;
    struct sg_kem_seed seed = {{1}};
    struct sg_kem_secret secret;
    struct sg_kem_key *key;
    SG_TRY(sg_kem_key_new(sg_mem_default(), SG_KEM_ML_KEM_768, &seed, &key));
    sg_err err = sg_kem_key_public(key, kem_public);
    if (err == SG_OK)
        err = sg_kem_decaps(key, sg_bytes(kem_ciphertext, sizeof(kem_ciphertext)), &secret);
    if (err == SG_OK && memcmp(&first, &none, sizeof(none)) == 0)
        first = secret;
    if (err == SG_OK)
        assert_memory_equal(&secret, &first, sizeof(secret));
    sg_kem_key_free(key);
    return err;
}

static sg_err try_aead(enum sg_aead_alg alg)
{
    static const uint8_t key[SG_AEAD_KEY_LEN];
    uint8_t box[100 + SG_AEAD_TAG_LEN] = {0};
    struct sg_aead aead = {alg, key, key, text};
    SG_TRY(sg_aead_seal(&aead, sg_bytes(box, 100), box));
    return sg_aead_open(&aead, sg_bytes(box, sizeof(box)), box);
}

static sg_err try_gcm(void)
{
    return try_aead(SG_AEAD_AES_256_GCM);
}

static sg_err try_chacha(void)
{
    return try_aead(SG_AEAD_CHACHA20_POLY1305);
}

static sg_err try_kdf(void)
{
    uint8_t out[48];
    SG_TRY(sg_hkdf_extract(SG_HASH_SHA384, text, text, out));
    return sg_hkdf_expand(SG_HASH_SHA384, sg_bytes(out, 48), text, out, 20);
}

static sg_err try_argon2id(void)
{
    struct sg_argon2id_cost cost = {8, 1, 1};
    uint8_t out[32];
    return sg_argon2id(&cost, text, SG_BYTES_LIT("saltsalt"), out, sizeof(out));
}

static sg_err try_hash(void)
{
    uint8_t out[48];
    sg_hash(SG_HASH_SHA384, &text, 1, out);
    return SG_OK;
}

static void fail_each(sg_err (*op)(void))
{
    size_t failures = 0;
    fail_at = 0;
    assert_int_equal(op(), SG_OK);
    for (size_t n = 1;; n++) {
        calls = 0;
        fail_at = n;
        sg_err err = op();
        bool is_through = calls < n;
        fail_at = 0;
        if (err != SG_OK)
            assert_int_equal(err, SG_ERR_NO_MEMORY);
        if (err != SG_OK)
            assert_int_equal(ERR_peek_error(), 0);
        failures += err != SG_OK;
        if (is_through)
            break;
    }
    assert_int_equal(op(), SG_OK);
    print_message("   %zu of the failures were noticed\n", failures);
}

static void test_each_operation(void **state)
{
    (void)state;
    fail_each(try_sign);
    fail_each(try_verify);
    fail_each(try_decaps);
    fail_each(try_encaps);
    fail_each(try_gcm);
    fail_each(try_chacha);
    fail_each(try_kdf);
    fail_each(try_argon2id);
    fail_each(try_hash);
}

/* A new thread allocates its hash contexts: when it cannot, the spare serves. */
struct thread_hash {
    size_t fail_at;
    uint8_t out[32];
};

static void *hash_with_failure(void *arg)
{
    struct thread_hash *t = arg;
    calls = 0;
    fail_at = t->fail_at;
    sg_hash(SG_HASH_SHA256, &text, 1, t->out);
    fail_at = 0;
    return NULL;
}

static void test_hash_never_fails(void **state)
{
    uint8_t want[32];
    (void)state;
    sg_hash(SG_HASH_SHA256, &text, 1, want);
    for (size_t n = 1; n < 10; n++) {
        pthread_t id;
        struct thread_hash t = {.fail_at = n};
        assert_int_equal(pthread_create(&id, NULL, hash_with_failure, &t), 0);
        assert_int_equal(pthread_join(id, NULL), 0);
        assert_memory_equal(t.out, want, 32);
    }
}

enum { INIT_FAILED = 40, INIT_LOST, INIT_ABSORBED, INIT_THROUGH, INIT_WRONG };

/* In a process of its own, because what was fetched stays. */
static int init_child(size_t n)
{
    calls = 0;
    fail_at = n;
    sg_err err = sg_crypto_init();
    bool is_through = calls < n;
    fail_at = 0;
    if (err != SG_OK && err != SG_ERR_NO_MEMORY && err != SG_ERR_CRYPTO && err != SG_ERR_ENTROPY)
        return INIT_WRONG;
    sg_err again = sg_crypto_init();
    if (again != SG_OK) /* OpenSSL lost an algorithm for ever, and we said so */
        return err == SG_OK ? INIT_WRONG : INIT_LOST;
    if (try_hash() != SG_OK || try_sign() != SG_OK || try_decaps() != SG_OK ||
        try_encaps() != SG_OK || try_gcm() != SG_OK || try_chacha() != SG_OK ||
        try_kdf() != SG_OK || try_argon2id() != SG_OK)
        return INIT_WRONG;
    if (is_through)
        return INIT_THROUGH;
    return err == SG_OK ? INIT_ABSORBED : INIT_FAILED;
}

/* What initialised works; what failed may work the next time. */
static void test_init_with_failures(void **state)
{
    size_t failures = 0;
    int result = INIT_FAILED;
    (void)state;
    /* some 2400 allocations at 20 ms each: not every one, but over the others in a prime stride */
    for (size_t n = 1; result != INIT_THROUGH; n += n < 20 ? 1 : 17) {
        int status = -1;
        pid_t child = fork();
        if (child == 0)
            _exit(init_child(n));
        assert_true(child > 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        result = WEXITSTATUS(status);
        assert_in_range(result, INIT_FAILED, INIT_THROUGH);
        failures += result == INIT_FAILED;
    }
    print_message("   %zu of the failures were noticed\n", failures);
    assert_true(failures > 0);
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(sg_evp_hash_name(SG_HASH_SHA384), "SHA2-384");
    assert_string_equal(sg_evp_sig_name(SG_SIG_ML_DSA_65), "ML-DSA-65");
    assert_string_equal(sg_evp_kem_name(SG_KEM_ML_KEM_768), "ML-KEM-768");
}

static void test_key_from_a_bad_seed(void **state)
{
    EVP_PKEY *evp;
    (void)state;
    assert_int_equal(sg_evp_key_from_seed("ML-DSA-65", text, &evp), SG_ERR_CRYPTO);
    assert_null(evp);
    assert_int_equal(sg_evp_key_from_seed("NO-SUCH-KEY", text, &evp), SG_ERR_CRYPTO);
    assert_null(evp);
    assert_int_equal(ERR_peek_error(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_init_with_failures), /* first: nothing is fetched yet */
        cmocka_unit_test(test_each_operation),
        cmocka_unit_test(test_hash_never_fails),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_key_from_a_bad_seed),
    };
    /* OpenSSL 3.5's own start cannot stand it: when its first allocation fails, it waits for itself
     * for ever (ERR_new within ossl_init_base), and when one of its default provider fails, it
     * never tries again. So the failures begin after that. */
    if (CRYPTO_set_mem_functions(count_malloc, count_realloc, count_free) != 1)
        return 1;
    EVP_MD_free(EVP_MD_fetch(NULL, "SHA2-512", NULL));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
