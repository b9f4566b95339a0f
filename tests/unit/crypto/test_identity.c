#include "unit/crypto/vectors.h"

#include "crypto/identity.h"
#include "crypto/identity_evp.h"
#include "crypto/ids.h"
#include "unit/base/failing_mem.h"

static struct sg_identity *identity_of(uint8_t first)
{
    struct sg_sig_seed seed = {{first}};
    struct sg_identity *identity;
    assert_int_equal(sg_identity_new(sg_mem_default(), &seed, &identity), SG_OK);
    return identity;
}

static void test_key_and_id_come_from_the_seed(void **state)
{
    struct vectors v;
    (void)state;
    vectors_open(&v, "ml_dsa_65_keygen.txt");
    while (vectors_next(&v)) {
        struct sg_sig_seed seed;
        struct sg_identity *identity;
        struct sg_peer_id id;
        struct sg_bytes want = vectors_bytes(&v, "public");
        memcpy(seed.b, vectors_bytes(&v, "seed").data, sizeof(seed.b));
        assert_int_equal(sg_identity_new(sg_mem_default(), &seed, &identity), SG_OK);
        assert_true(sg_bytes_equal(sg_identity_public_key(identity), want));
        assert_int_equal(sg_peer_id_from_public_key(sg_suite_default(), want, &id), SG_OK);
        assert_true(sg_peer_id_equal(sg_identity_peer_id(identity), &id));
        assert_ptr_equal(sg_identity_suite(identity), sg_suite_default());
        sg_identity_free(identity);
    }
    vectors_close(&v, 8);
}

static void test_signer(void **state)
{
    struct sg_identity *identity = identity_of(1);
    const struct sg_signer *signer = sg_identity_signer(identity);
    struct sg_bytes context = SG_BYTES_LIT("context");
    struct sg_bytes message = SG_BYTES_LIT("message");
    uint8_t signature[SG_SIG_MAX];
    (void)state;
    assert_ptr_equal(signer->suite, sg_suite_default());
    assert_true(sg_bytes_equal(signer->public_key, sg_identity_public_key(identity)));
    assert_int_equal(signer->sign(signer->state, context, message, signature), SG_OK);
    struct sg_bytes sig = {signature, signer->suite->sig_len};
    assert_int_equal(signer->suite->verify(signer->public_key, context, message, sig), SG_OK);
    assert_int_equal(signer->suite->verify(signer->public_key, message, context, sig),
                     SG_ERR_BAD_SIGNATURE);
    struct sg_bytes too_long = {signature, SG_SIG_CONTEXT_MAX + 1};
    assert_int_equal(signer->sign(signer->state, too_long, message, signature),
                     SG_ERR_INVALID_ARGUMENT);
    sg_identity_free(identity);
}

static void test_random_identities_differ(void **state)
{
    struct sg_identity *a;
    struct sg_identity *b;
    (void)state;
    assert_int_equal(sg_identity_new_random(sg_mem_default(), &a), SG_OK);
    assert_int_equal(sg_identity_new_random(sg_mem_default(), &b), SG_OK);
    assert_false(sg_peer_id_equal(sg_identity_peer_id(a), sg_identity_peer_id(b)));
    sg_identity_free(a);
    sg_identity_free(b);
}

static void test_evp_is_the_same_key(void **state)
{
    struct sg_identity *identity = identity_of(2);
    uint8_t raw[1952];
    size_t len = sizeof(raw);
    (void)state;
    EVP_PKEY *evp = sg_identity_evp(identity);
    assert_non_null(evp);
    assert_true(EVP_PKEY_is_a(evp, "ML-DSA-65"));
    assert_int_equal(EVP_PKEY_get_raw_public_key(evp, raw, &len), 1);
    assert_true(sg_bytes_equal(sg_bytes(raw, len), sg_identity_public_key(identity)));
    /* a reference of its own outlives the identity, as in an SSL_CTX */
    assert_int_equal(EVP_PKEY_up_ref(evp), 1);
    sg_identity_free(identity);
    assert_int_equal(EVP_PKEY_get_raw_private_key(evp, NULL, &len), 1);
    EVP_PKEY_free(evp);
}

static void test_free_null(void **state)
{
    (void)state;
    sg_identity_free(NULL);
}

static void test_out_of_memory(void **state)
{
    struct failing_mem f;
    struct sg_sig_seed seed = {{1}};
    struct sg_identity *identity;
    size_t n = 0;
    sg_err err;
    (void)state;
    do {
        err = sg_identity_new(failing_mem_init(&f, ++n), &seed, &identity);
        if (err != SG_OK) {
            assert_int_equal(err, SG_ERR_NO_MEMORY);
            assert_null(identity);
        }
        sg_identity_free(identity);
        assert_int_equal(f.live, 0);
    } while (err != SG_OK);
    assert_int_equal(n, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_key_and_id_come_from_the_seed),
        cmocka_unit_test(test_signer),
        cmocka_unit_test(test_random_identities_differ),
        cmocka_unit_test(test_evp_is_the_same_key),
        cmocka_unit_test(test_free_null),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
