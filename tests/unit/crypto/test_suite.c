#include "unit/crypto/vectors.h"

#include "crypto/sig.h"
#include "crypto/suite.h"

/* Rule 17 of the traps: sizes come from the standard through the suite table. */
static void test_table(void **state)
{
    const struct sg_suite *suite = sg_suite_default();
    const struct sg_sig_sizes *sizes = sg_sig_sizes(SG_SIG_ML_DSA_65);
    (void)state;
    assert_string_equal(suite->name, "default");
    assert_int_equal(suite->id, 1);
    assert_int_equal(suite->sig_public_len, 1952);
    assert_int_equal(suite->sig_len, 3309);
    assert_int_equal(suite->sig_public_len, sizes->public_len);
    assert_int_equal(suite->sig_len, sizes->sig_len);
    assert_true(suite->sig_public_len <= SG_SIG_PUBLIC_MAX);
    assert_true(suite->sig_len <= SG_SIG_MAX);
    assert_ptr_equal(suite, sg_suite_default());
}

static void test_hash_is_sha256(void **state)
{
    struct vectors v;
    (void)state;
    vectors_open(&v, "sha.txt");
    assert_true(vectors_next(&v));
    assert_string_equal(vectors_text(&v, "alg"), "sha256");
    struct sg_bytes input = vectors_bytes(&v, "input");
    uint8_t out[SG_HASH_LEN];
    sg_suite_default()->hash(&input, 1, out);
    assert_memory_equal(out, vectors_bytes(&v, "output").data, SG_HASH_LEN);
    vectors_close(&v, 1);
}

static void test_verify_is_ml_dsa_65(void **state)
{
    struct vectors v;
    size_t good = 0;
    uint8_t public_key[1952];
    (void)state;
    vectors_open(&v, "ml_dsa_65_verify.txt");
    while (v.cases < 9 && vectors_next(&v)) {
        if (vectors_has(&v, "public"))
            memcpy(public_key, vectors_bytes(&v, "public").data, sizeof(public_key));
        bool is_good = vectors_number(&v, "verifies") == 1;
        assert_int_equal(sg_suite_default()->verify(
                             sg_bytes(public_key, sizeof(public_key)), vectors_bytes(&v, "context"),
                             vectors_bytes(&v, "message"), vectors_bytes(&v, "signature")),
                         is_good ? SG_OK : SG_ERR_BAD_SIGNATURE);
        good += is_good;
    }
    vectors_close(&v, 9);
    assert_true(good > 0 && good < 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_hash_is_sha256),
        cmocka_unit_test(test_verify_is_ml_dsa_65),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
