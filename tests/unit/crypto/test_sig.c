#include "unit/crypto/vectors.h"

#include <pthread.h>

#include <openssl/core_names.h>

#include "crypto/evp.h"
#include "crypto/sig.h"
#include "unit/base/failing_mem.h"

enum { PUBLIC_LEN = 1952, SIG_LEN = 3309 };

static const enum sg_sig_alg alg = SG_SIG_ML_DSA_65;

static struct sg_sig_key *key_of(struct sg_bytes seed)
{
    struct sg_sig_seed s;
    struct sg_sig_key *key;
    assert_int_equal(seed.len, sizeof(s.b));
    memcpy(s.b, seed.data, sizeof(s.b));
    assert_int_equal(sg_sig_key_new(sg_mem_default(), alg, &s, &key), SG_OK);
    return key;
}

/* Rule 17 of the traps: the table says what FIPS 204 s4 table 2 says, and so does OpenSSL. */
static void test_sizes(void **state)
{
    const struct sg_sig_sizes *sizes = sg_sig_sizes(alg);
    struct sg_sig_seed seed = {{1}};
    EVP_PKEY *evp;
    size_t len = 0;
    (void)state;
    assert_int_equal(sizes->public_len, 1952);
    assert_int_equal(sizes->private_len, 4032);
    assert_int_equal(sizes->sig_len, 3309);
    assert_int_equal(sg_evp_key_from_seed("ML-DSA-65", sg_bytes(seed.b, 32), &evp), SG_OK);
    assert_int_equal(EVP_PKEY_get_raw_public_key(evp, NULL, &len), 1);
    assert_int_equal(len, sizes->public_len);
    assert_int_equal(EVP_PKEY_get_raw_private_key(evp, NULL, &len), 1);
    assert_int_equal(len, sizes->private_len);
    assert_int_equal(EVP_PKEY_get_size(evp), sizes->sig_len);
    EVP_PKEY_free(evp);
}

static void test_keygen_vectors(void **state)
{
    struct vectors v;
    (void)state;
    vectors_open(&v, "ml_dsa_65_keygen.txt");
    while (vectors_next(&v)) {
        uint8_t public_key[PUBLIC_LEN];
        struct sg_sig_key *key = key_of(vectors_bytes(&v, "seed"));
        assert_int_equal(sg_sig_key_public(key, public_key), SG_OK);
        assert_int_equal(vectors_bytes(&v, "public").len, PUBLIC_LEN);
        assert_memory_equal(public_key, vectors_bytes(&v, "public").data, PUBLIC_LEN);
        sg_sig_key_free(key);
    }
    vectors_close(&v, 8);
}

static void test_sign_vectors(void **state)
{
    struct vectors v;
    (void)state;
    vectors_open(&v, "ml_dsa_65_sign.txt");
    while (vectors_next(&v)) {
        uint8_t signature[SIG_LEN];
        struct sg_sig_key *key;
        struct sg_bytes private_key = vectors_bytes(&v, "private");
        EVP_PKEY *evp = EVP_PKEY_new_raw_private_key_ex(NULL, "ML-DSA-65", NULL, private_key.data,
                                                        private_key.len);
        assert_non_null(evp);
        assert_int_equal(sg_sig_key_from_evp(sg_mem_default(), alg, evp, &key), SG_OK);
        assert_int_equal(sg_sig_sign_deterministic(key, vectors_bytes(&v, "context"),
                                                   vectors_bytes(&v, "message"), signature),
                         SG_OK);
        assert_int_equal(vectors_bytes(&v, "signature").len, SIG_LEN);
        assert_memory_equal(signature, vectors_bytes(&v, "signature").data, SIG_LEN);
        sg_sig_key_free(key);
    }
    vectors_close(&v, 8);
}

static void test_verify_vectors(void **state)
{
    struct vectors v;
    uint8_t public_key[PUBLIC_LEN];
    size_t good = 0;
    (void)state;
    vectors_open(&v, "ml_dsa_65_verify.txt");
    while (vectors_next(&v)) {
        struct sg_bytes context = vectors_bytes(&v, "context");
        sg_err want = context.len > 255 ? SG_ERR_INVALID_ARGUMENT : SG_ERR_BAD_SIGNATURE;
        if (vectors_has(&v, "public")) {
            assert_int_equal(vectors_bytes(&v, "public").len, PUBLIC_LEN);
            memcpy(public_key, vectors_bytes(&v, "public").data, PUBLIC_LEN);
        }
        if (vectors_number(&v, "verifies") == 1) {
            want = SG_OK;
            good++;
        }
        assert_int_equal(sg_sig_verify(alg, sg_bytes(public_key, PUBLIC_LEN), context,
                                       vectors_bytes(&v, "message"),
                                       vectors_bytes(&v, "signature")),
                         want);
    }
    vectors_close(&v, 34);
    assert_true(good >= 8 && good <= 16);
}

/* One signature with all that it depends on. */
struct signed_text {
    struct sg_sig_key *key;
    uint8_t public_key[PUBLIC_LEN];
    uint8_t context[5];
    uint8_t message[40];
    uint8_t signature[SIG_LEN];
};

static void signed_init(struct signed_text *s)
{
    struct sg_sig_seed seed = {{9}};
    memset(s->context, 'c', sizeof(s->context));
    memset(s->message, 'm', sizeof(s->message));
    assert_int_equal(sg_sig_key_new(sg_mem_default(), alg, &seed, &s->key), SG_OK);
    assert_int_equal(sg_sig_key_public(s->key, s->public_key), SG_OK);
    assert_int_equal(sg_sig_sign(s->key, sg_bytes(s->context, sizeof(s->context)),
                                 sg_bytes(s->message, sizeof(s->message)), s->signature),
                     SG_OK);
}

static sg_err verify(const struct signed_text *s)
{
    return sg_sig_verify(alg, sg_bytes(s->public_key, PUBLIC_LEN),
                         sg_bytes(s->context, sizeof(s->context)),
                         sg_bytes(s->message, sizeof(s->message)), sg_bytes(s->signature, SIG_LEN));
}

/* Flips every step-th bit of data [len] and demands that the signature falls. */
static void flip(const struct signed_text *s, uint8_t *data, size_t len, size_t step)
{
    assert_int_equal(verify(s), SG_OK);
    for (size_t bit = 0; bit < 8 * len; bit += step) {
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(verify(s), SG_ERR_BAD_SIGNATURE);
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_int_equal(verify(s), SG_OK);
}

static void test_every_flipped_field_is_refused(void **state)
{
    struct signed_text s;
    (void)state;
    signed_init(&s);
    flip(&s, s.context, sizeof(s.context), 1);
    flip(&s, s.message, sizeof(s.message), 1);
    flip(&s, s.public_key, sizeof(s.public_key), 29);
    flip(&s, s.signature, sizeof(s.signature), 17);
    sg_sig_key_free(s.key);
}

static void test_contexts_separate(void **state)
{
    struct signed_text s;
    struct sg_bytes pk = {s.public_key, PUBLIC_LEN};
    struct sg_bytes message = {s.message, sizeof(s.message)};
    struct sg_bytes signature = {s.signature, SIG_LEN};
    (void)state;
    signed_init(&s);
    assert_int_equal(sg_sig_verify(alg, pk, sg_bytes(NULL, 0), message, signature),
                     SG_ERR_BAD_SIGNATURE);
    assert_int_equal(sg_sig_verify(alg, pk, sg_bytes(s.context, 4), message, signature),
                     SG_ERR_BAD_SIGNATURE);
    sg_sig_key_free(s.key);
}

static void test_limits_of_lengths(void **state)
{
    static const uint8_t zeros[SIG_LEN + 1];
    struct signed_text s;
    struct sg_bytes none = {NULL, 0};
    struct sg_bytes longest = {zeros, 255};
    struct sg_bytes too_long = {zeros, 256};
    (void)state;
    signed_init(&s);
    struct sg_bytes pk = {s.public_key, PUBLIC_LEN};
    struct sg_bytes sig = {s.signature, SIG_LEN};
    assert_int_equal(sg_sig_sign(s.key, longest, none, s.signature), SG_OK);
    assert_int_equal(sg_sig_verify(alg, pk, longest, none, sig), SG_OK);
    assert_int_equal(sg_sig_verify(alg, pk, too_long, none, sig), SG_ERR_INVALID_ARGUMENT);
    assert_int_equal(sg_sig_verify(alg, sg_bytes(s.public_key, PUBLIC_LEN - 1), longest, none, sig),
                     SG_ERR_BAD_SIGNATURE);
    assert_int_equal(sg_sig_verify(alg, pk, longest, none, sg_bytes(s.signature, SIG_LEN - 1)),
                     SG_ERR_BAD_SIGNATURE);
    assert_int_equal(sg_sig_verify(alg, pk, longest, none, sg_bytes(zeros, SIG_LEN + 1)),
                     SG_ERR_BAD_SIGNATURE);
    assert_int_equal(sg_sig_verify(alg, none, none, none, none), SG_ERR_BAD_SIGNATURE);
    assert_int_equal(sg_sig_sign(s.key, too_long, none, s.signature), SG_ERR_INVALID_ARGUMENT);
    assert_memory_equal(s.signature, zeros, SIG_LEN);
    sg_sig_key_free(s.key);
}

static void test_signing_is_hedged(void **state)
{
    struct signed_text s;
    uint8_t again[SIG_LEN];
    uint8_t fixed[2][SIG_LEN];
    struct sg_bytes none = {NULL, 0};
    (void)state;
    signed_init(&s);
    assert_int_equal(sg_sig_sign(s.key, sg_bytes(s.context, 5), sg_bytes(s.message, 40), again),
                     SG_OK);
    assert_memory_not_equal(again, s.signature, SIG_LEN);
    assert_int_equal(sg_sig_sign_deterministic(s.key, none, none, fixed[0]), SG_OK);
    assert_int_equal(sg_sig_sign_deterministic(s.key, none, none, fixed[1]), SG_OK);
    assert_memory_equal(fixed[0], fixed[1], SIG_LEN);
    sg_sig_key_free(s.key);
}

static void *sign_and_verify(void *arg)
{
    struct signed_text *s = arg;
    struct signed_text own = *s;
    for (int i = 0; i < 5; i++) {
        if (sg_sig_sign(s->key, sg_bytes(own.context, 5), sg_bytes(own.message, 40),
                        own.signature) != SG_OK ||
            verify(&own) != SG_OK)
            return arg;
    }
    return NULL;
}

static void test_one_key_in_many_threads(void **state)
{
    struct signed_text s;
    pthread_t ids[4];
    void *failed;
    (void)state;
    signed_init(&s);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&ids[i], NULL, sign_and_verify, &s), 0);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(ids[i], &failed), 0);
        assert_null(failed);
    }
    sg_sig_key_free(s.key);
}

/* Ours may be another implementation than the one of the TLS handshake: each takes what the other
 * has signed. */
static void test_openssl_agrees(void **state)
{
    struct sg_sig_seed seed = {{5}};
    struct sg_sig_key *key;
    uint8_t public_key[PUBLIC_LEN];
    uint8_t signature[SIG_LEN];
    size_t len = SIG_LEN;
    EVP_SIGNATURE *ml_dsa = EVP_SIGNATURE_fetch(NULL, "ML-DSA-65", NULL);
    const struct sg_bytes message = SG_BYTES_LIT("message");
    const struct sg_bytes context = SG_BYTES_LIT("context");
    OSSL_PARAM params[] = {sg_evp_octets(OSSL_SIGNATURE_PARAM_CONTEXT_STRING, context),
                           OSSL_PARAM_construct_end()};
    (void)state;
    assert_int_equal(sg_sig_key_new(sg_mem_default(), alg, &seed, &key), SG_OK);
    assert_int_equal(sg_sig_key_public(key, public_key), SG_OK);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, sg_sig_key_evp(key), NULL);
    assert_int_equal(sg_sig_sign(key, context, message, signature), SG_OK);
    assert_int_equal(EVP_PKEY_verify_message_init(ctx, ml_dsa, params), 1);
    assert_int_equal(EVP_PKEY_verify(ctx, signature, SIG_LEN, message.data, message.len), 1);
    assert_int_equal(EVP_PKEY_sign_message_init(ctx, ml_dsa, params), 1);
    assert_int_equal(EVP_PKEY_sign(ctx, signature, &len, message.data, message.len), 1);
    assert_int_equal(sg_sig_verify(alg, sg_bytes(public_key, PUBLIC_LEN), context, message,
                                   sg_bytes(signature, SIG_LEN)),
                     SG_OK);
    EVP_PKEY_CTX_free(ctx);
    EVP_SIGNATURE_free(ml_dsa);
    sg_sig_key_free(key);
}

static void test_seed_wipe(void **state)
{
    struct sg_sig_seed seed = {{1, 2, 3}};
    static const struct sg_sig_seed zeros;
    (void)state;
    sg_sig_seed_wipe(&seed);
    assert_memory_equal(seed.b, zeros.b, sizeof(seed.b));
}

static void test_out_of_memory(void **state)
{
    struct failing_mem f;
    struct sg_sig_seed seed = {{1}};
    struct sg_sig_key *key;
    size_t n = 0;
    sg_err err;
    (void)state;
    do {
        err = sg_sig_key_new(failing_mem_init(&f, ++n), alg, &seed, &key);
        if (err != SG_OK) {
            assert_int_equal(err, SG_ERR_NO_MEMORY);
            assert_null(key);
        }
        sg_sig_key_free(key);
        assert_int_equal(f.live, 0);
    } while (err != SG_OK);
    assert_int_equal(n, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_keygen_vectors),
        cmocka_unit_test(test_sign_vectors),
        cmocka_unit_test(test_verify_vectors),
        cmocka_unit_test(test_every_flipped_field_is_refused),
        cmocka_unit_test(test_contexts_separate),
        cmocka_unit_test(test_limits_of_lengths),
        cmocka_unit_test(test_signing_is_hedged),
        cmocka_unit_test(test_one_key_in_many_threads),
        cmocka_unit_test(test_openssl_agrees),
        cmocka_unit_test(test_seed_wipe),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
