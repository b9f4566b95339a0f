#include "unit/crypto/vectors.h"

#include "crypto/evp.h"
#include "crypto/kem.h"
#include "unit/base/failing_mem.h"

enum { PUBLIC_LEN = 1184, CIPHERTEXT_LEN = 1088 };

static const enum sg_kem_alg alg = SG_KEM_ML_KEM_768;

static struct sg_kem_key *key_of(struct sg_bytes seed)
{
    struct sg_kem_seed s;
    struct sg_kem_key *key;
    assert_int_equal(seed.len, sizeof(s.b));
    memcpy(s.b, seed.data, sizeof(s.b));
    assert_int_equal(sg_kem_key_new(sg_mem_default(), alg, &s, &key), SG_OK);
    return key;
}

/* Rule 17 of the traps: the table says what FIPS 203 s8 table 3 says, and so does OpenSSL. */
static void test_sizes(void **state)
{
    const struct sg_kem_sizes *sizes = sg_kem_sizes(alg);
    struct sg_kem_seed seed = {{1}};
    EVP_PKEY *evp;
    size_t len = 0;
    (void)state;
    assert_int_equal(sizes->public_len, 1184);
    assert_int_equal(sizes->private_len, 2400);
    assert_int_equal(sizes->ciphertext_len, 1088);
    assert_int_equal(sg_evp_key_from_seed("ML-KEM-768", sg_bytes(seed.b, 64), &evp), SG_OK);
    assert_int_equal(EVP_PKEY_get_raw_public_key(evp, NULL, &len), 1);
    assert_int_equal(len, sizes->public_len);
    assert_int_equal(EVP_PKEY_get_raw_private_key(evp, NULL, &len), 1);
    assert_int_equal(len, sizes->private_len);
    EVP_PKEY_free(evp);
}

static void test_keygen_vectors(void **state)
{
    struct vectors v;
    (void)state;
    vectors_open(&v, "ml_kem_768_keygen.txt");
    while (vectors_next(&v)) {
        uint8_t public_key[PUBLIC_LEN];
        struct sg_kem_key *key = key_of(vectors_bytes(&v, "seed"));
        assert_int_equal(sg_kem_key_public(key, public_key), SG_OK);
        assert_int_equal(vectors_bytes(&v, "public").len, PUBLIC_LEN);
        assert_memory_equal(public_key, vectors_bytes(&v, "public").data, PUBLIC_LEN);
        sg_kem_key_free(key);
    }
    vectors_close(&v, 8);
}

static void check_encaps(struct vectors *v)
{
    uint8_t ciphertext[CIPHERTEXT_LEN];
    struct sg_kem_secret secret;
    struct sg_bytes random = vectors_bytes(v, "random");
    assert_int_equal(random.len, SG_KEM_RANDOM_LEN);
    sg_err err = sg_kem_encaps_deterministic(alg, vectors_bytes(v, "public"), random.data,
                                             ciphertext, &secret);
    if (vectors_number(v, "valid") == 0) {
        assert_int_equal(err, SG_ERR_MALFORMED);
        assert_int_equal(sg_kem_encaps(alg, vectors_bytes(v, "public"), ciphertext, &secret),
                         SG_ERR_MALFORMED);
        return;
    }
    assert_int_equal(err, SG_OK);
    assert_memory_equal(ciphertext, vectors_bytes(v, "ciphertext").data, CIPHERTEXT_LEN);
    assert_memory_equal(secret.b, vectors_bytes(v, "secret").data, SG_KEM_SECRET_LEN);
}

static void test_encaps_vectors(void **state)
{
    struct vectors v;
    (void)state;
    vectors_open(&v, "ml_kem_768_encaps.txt");
    while (vectors_next(&v))
        check_encaps(&v);
    vectors_close(&v, 16);
}

static struct sg_kem_key *expanded_key(struct sg_bytes private_key)
{
    struct sg_kem_key *key;
    EVP_PKEY *evp = EVP_PKEY_new_raw_private_key_ex(NULL, "ML-KEM-768", NULL, private_key.data,
                                                    private_key.len);
    assert_non_null(evp);
    assert_int_equal(sg_kem_key_from_evp(sg_mem_default(), alg, evp, &key), SG_OK);
    return key;
}

/* With ciphertexts that were tampered with: implicit rejection gives the standard's secret too. */
static void test_decaps_vectors(void **state)
{
    struct vectors v;
    struct sg_kem_key *key = NULL;
    (void)state;
    vectors_open(&v, "ml_kem_768_decaps.txt");
    while (vectors_next(&v)) {
        struct sg_kem_secret secret;
        if (vectors_has(&v, "seed") || vectors_has(&v, "private")) {
            sg_kem_key_free(key);
            key = vectors_has(&v, "seed") ? key_of(vectors_bytes(&v, "seed"))
                                          : expanded_key(vectors_bytes(&v, "private"));
        }
        assert_int_equal(sg_kem_decaps(key, vectors_bytes(&v, "ciphertext"), &secret), SG_OK);
        assert_memory_equal(secret.b, vectors_bytes(&v, "secret").data, SG_KEM_SECRET_LEN);
    }
    sg_kem_key_free(key);
    vectors_close(&v, 16);
}

struct pair {
    struct sg_kem_key *key;
    uint8_t public_key[PUBLIC_LEN];
    uint8_t ciphertext[CIPHERTEXT_LEN];
    struct sg_kem_secret secret;
};

static void pair_init(struct pair *p)
{
    struct sg_kem_seed seed = {{42}};
    assert_int_equal(sg_kem_key_new(sg_mem_default(), alg, &seed, &p->key), SG_OK);
    assert_int_equal(sg_kem_key_public(p->key, p->public_key), SG_OK);
    assert_int_equal(
        sg_kem_encaps(alg, sg_bytes(p->public_key, PUBLIC_LEN), p->ciphertext, &p->secret), SG_OK);
}

static void test_both_sides_agree_each_time_on_another_secret(void **state)
{
    struct pair p;
    struct sg_kem_secret secret;
    struct sg_kem_secret before = {{0}};
    (void)state;
    pair_init(&p);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(
            sg_kem_encaps(alg, sg_bytes(p.public_key, PUBLIC_LEN), p.ciphertext, &p.secret), SG_OK);
        assert_int_equal(sg_kem_decaps(p.key, sg_bytes(p.ciphertext, CIPHERTEXT_LEN), &secret),
                         SG_OK);
        assert_memory_equal(secret.b, p.secret.b, sizeof(secret.b));
        assert_memory_not_equal(secret.b, before.b, sizeof(secret.b));
        before = secret;
    }
    sg_kem_key_free(p.key);
}

static void test_flipped_ciphertext_gives_another_secret(void **state)
{
    struct pair p;
    struct sg_kem_secret secret;
    (void)state;
    pair_init(&p);
    for (size_t bit = 0; bit < 8 * CIPHERTEXT_LEN; bit += 7) {
        p.ciphertext[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(sg_kem_decaps(p.key, sg_bytes(p.ciphertext, CIPHERTEXT_LEN), &secret),
                         SG_OK);
        assert_memory_not_equal(secret.b, p.secret.b, sizeof(secret.b));
        p.ciphertext[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    sg_kem_key_free(p.key);
}

static void test_flipped_key_gives_another_secret_or_none(void **state)
{
    struct pair p;
    struct sg_kem_secret secret;
    struct sg_kem_secret theirs;
    (void)state;
    pair_init(&p);
    for (size_t bit = 0; bit < 8 * PUBLIC_LEN; bit += 13) {
        p.public_key[bit / 8] ^= (uint8_t)(1u << bit % 8);
        sg_err err = sg_kem_encaps(alg, sg_bytes(p.public_key, PUBLIC_LEN), p.ciphertext, &theirs);
        assert_true(err == SG_OK || err == SG_ERR_MALFORMED);
        if (err == SG_OK) {
            assert_int_equal(sg_kem_decaps(p.key, sg_bytes(p.ciphertext, CIPHERTEXT_LEN), &secret),
                             SG_OK);
            assert_memory_not_equal(secret.b, theirs.b, sizeof(secret.b));
        }
        p.public_key[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    sg_kem_key_free(p.key);
}

static void test_wrong_lengths(void **state)
{
    static const uint8_t zeros[CIPHERTEXT_LEN + 1];
    struct pair p;
    struct sg_kem_secret secret;
    uint8_t ciphertext[CIPHERTEXT_LEN];
    (void)state;
    pair_init(&p);
    memset(&secret, 7, sizeof(secret));
    memset(ciphertext, 7, sizeof(ciphertext));
    assert_int_equal(
        sg_kem_encaps(alg, sg_bytes(p.public_key, PUBLIC_LEN - 1), ciphertext, &secret),
        SG_ERR_MALFORMED);
    assert_memory_equal(ciphertext, zeros, sizeof(ciphertext));
    assert_memory_equal(secret.b, zeros, sizeof(secret.b));
    memset(&secret, 7, sizeof(secret));
    assert_int_equal(sg_kem_decaps(p.key, sg_bytes(p.ciphertext, CIPHERTEXT_LEN - 1), &secret),
                     SG_ERR_MALFORMED);
    assert_memory_equal(secret.b, zeros, sizeof(secret.b));
    assert_int_equal(sg_kem_decaps(p.key, sg_bytes(zeros, CIPHERTEXT_LEN + 1), &secret),
                     SG_ERR_MALFORMED);
    sg_kem_key_free(p.key);
}

static void test_out_of_memory(void **state)
{
    struct failing_mem f;
    struct sg_kem_seed seed = {{1}};
    struct sg_kem_key *key;
    size_t n = 0;
    sg_err err;
    (void)state;
    do {
        err = sg_kem_key_new(failing_mem_init(&f, ++n), alg, &seed, &key);
        if (err != SG_OK) {
            assert_int_equal(err, SG_ERR_NO_MEMORY);
            assert_null(key);
        }
        sg_kem_key_free(key);
        assert_int_equal(f.live, 0);
    } while (err != SG_OK);
    assert_int_equal(n, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_keygen_vectors),
        cmocka_unit_test(test_encaps_vectors),
        cmocka_unit_test(test_decaps_vectors),
        cmocka_unit_test(test_both_sides_agree_each_time_on_another_secret),
        cmocka_unit_test(test_flipped_ciphertext_gives_another_secret),
        cmocka_unit_test(test_flipped_key_gives_another_secret_or_none),
        cmocka_unit_test(test_wrong_lengths),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
