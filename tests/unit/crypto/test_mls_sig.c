#include "unit/crypto/mls_fixture.h"

#include "crypto/init.h"
#include "crypto/mls_sig.h"
#include "crypto/sig.h"

/* Hex -> out; its length. */
static size_t from_hex(const char *hex, uint8_t *out)
{
    size_t len = strlen(hex) / 2;
    for (size_t i = 0; i < len; i++) {
        unsigned value;
        assert_int_equal(sscanf(hex + 2 * i, "%2x", &value), 1);
        out[i] = (uint8_t)value;
    }
    return len;
}

struct known {
    uint16_t suite;
    const char *private_key;
    const char *public_key;
    const char *content;
    const char *signature;
};

static void check_known(const struct known *k)
{
    static struct fixture f;
    uint8_t want[SG_MLS_SIG_MAX];
    fixture_init(&f, sg_mls_suite_find(k->suite));
    assert_int_equal(from_hex(k->private_key, f.sig_private), f.s->sig_private_len);
    struct sg_mls_to_sign in = {sg_bytes(f.sig_private, f.s->sig_private_len),
                                sg_bytes(k->content, strlen(k->content)), NULL};
    assert_int_equal(f.s->sig_public(f.s, in.private_key, f.sig_public), SG_OK);
    assert_int_equal(from_hex(k->public_key, want), f.s->sig_public_len);
    assert_memory_equal(f.sig_public, want, f.s->sig_public_len);
    assert_int_equal(f.s->sign(f.s, &f.random, &in, f.signature, &f.signature_len), SG_OK);
    assert_int_equal(from_hex(k->signature, want), f.signature_len);
    assert_memory_equal(f.signature, want, f.signature_len);
    assert_int_equal(f.s->verify(f.s, fixture_sig_public(&f), in.content,
                                 sg_bytes(f.signature, f.signature_len)),
                     SG_OK);
}

/* RFC8032 s7.1 test 1, RFC6979 sA.2.5 with SHA-256 and "sample". */
static void test_known_answers(void **state)
{
    static const struct known known[] = {
        {1, "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
         "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
         "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
         "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
        {2, "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721",
         "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
         "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
         "sample",
         "3046022100efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
         "022100f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"},
    };
    (void)state;
    check_known(&known[0]);
    check_known(&known[1]);
}

/* The private key of ECDSA must be a scalar of the curve. */
static void test_scalars(void **state)
{
    static const uint16_t suites[] = {2, 5, 7};
    static struct fixture f;
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        fixture_init(&f, sg_mls_suite_find(suites[i]));
        assert_int_equal(fixture_sign(&f), SG_ERR_MALFORMED); /* zero */
        assert_int_equal(f.signature_len, 0);
        memset(f.sig_private, 0xff, sizeof(f.sig_private));
        assert_int_equal(fixture_sign(&f), SG_ERR_MALFORMED);
        assert_zero(f.signature, f.s->sig_max_len);
        assert_int_equal(f.s->sig_public(f.s, fixture_to_sign(&f).private_key, f.sig_public),
                         SG_ERR_MALFORMED);
        memset(f.sig_private, 0, sizeof(f.sig_private));
        f.sig_private[f.s->sig_private_len - 1] = 1;
        assert_int_equal(fixture_sign(&f), SG_OK);
        assert_int_equal(f.s->sig_public(f.s, fixture_to_sign(&f).private_key, f.sig_public),
                         SG_OK);
        assert_int_equal(fixture_verify(&f), SG_OK);
    }
}

/* Points that are none do not verify, and sig_check says so. */
static void test_points(void **state)
{
    static struct fixture f;
    (void)state;
    fixture_init(&f, sg_mls_suite_find(7));
    assert_int_equal(fixture_keys(&f), SG_OK);
    assert_int_equal(fixture_sign(&f), SG_OK);
    for (int form = 0; form < 8; form++) {
        f.sig_public[0] = (uint8_t)form;
        assert_int_equal(f.s->sig_check(f.s, fixture_sig_public(&f)),
                         form == 4 ? SG_OK : SG_ERR_MALFORMED);
        assert_int_equal(fixture_verify(&f), form == 4 ? SG_OK : SG_ERR_BAD_SIGNATURE);
    }
    f.sig_public[0] = 4;
    f.sig_public[1] ^= 1;
    assert_int_equal(f.s->sig_check(f.s, fixture_sig_public(&f)), SG_ERR_MALFORMED);
    assert_int_equal(fixture_verify(&f), SG_ERR_BAD_SIGNATURE);
}

/* RFC9420 s5.1.2 wants DER: what BER would let pass is refused, and every other form. */
static void test_der(void **state)
{
    static const char *const forms[] = {
        "30060201010201",
        "3006020101020101ff",
        "310602010102010a",
        "3081060201010201",
        "3005020101020101",
        "3007020101020101",
        "300602000203010a",
        "300602018102010a",
        "30080203000001020101",
        "300703010102010101",
        "3000",
        "30",
        "300602010102020a",
        "30030201010",
        "30070202000102010a",
    };
    static struct fixture f;
    uint8_t bytes[SG_MLS_SIG_MAX];
    (void)state;
    fixture_init(&f, sg_mls_suite_find(2));
    assert_int_equal(fixture_keys(&f), SG_OK);
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct sg_bytes signature = sg_bytes(bytes, from_hex(forms[i], bytes));
        assert_int_equal(f.s->verify(f.s, fixture_sig_public(&f), fixture_plain, signature),
                         SG_ERR_BAD_SIGNATURE);
    }
    assert_int_equal(fixture_sign(&f), SG_OK);
    bytes[0] = 0x30;
    bytes[1] = 0x81; /* the length in two bytes */
    memcpy(bytes + 2, f.signature + 1, f.signature_len - 1);
    assert_int_equal(f.s->verify(f.s, fixture_sig_public(&f), fixture_plain,
                                 sg_bytes(bytes, f.signature_len + 1)),
                     SG_ERR_BAD_SIGNATURE);
    memcpy(bytes, f.signature, f.signature_len); /* a byte behind it */
    assert_int_equal(f.s->verify(f.s, fixture_sig_public(&f), fixture_plain,
                                 sg_bytes(bytes, f.signature_len + 1)),
                     SG_ERR_BAD_SIGNATURE);
}

/* P-521's signatures may be longer than 127 bytes, and any may be short: many of them verify. */
static void test_der_of_many(void **state)
{
    static const uint16_t suites[] = {2, 5};
    static struct fixture f;
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        fixture_init(&f, sg_mls_suite_find(suites[i]));
        for (int k = 0; k < 30; k++) {
            assert_int_equal(f.s->sig_generate(f.s, &f.random, f.sig_private, f.sig_public), SG_OK);
            assert_int_equal(fixture_sign(&f), SG_OK);
            assert_int_equal(fixture_verify(&f), SG_OK);
        }
    }
}

/* ML-DSA is hedged by the source, and is what crypto/sig.h verifies with an empty context. */
static void test_ml_dsa(void **state)
{
    static struct fixture f;
    uint8_t first[SG_MLS_SIG_MAX];
    struct sg_prng before;
    (void)state;
    fixture_init(&f, sg_mls_suite_find(0xf60a));
    assert_int_equal(fixture_keys(&f), SG_OK);
    before = f.prng;
    assert_int_equal(fixture_sign(&f), SG_OK);
    memcpy(first, f.signature, sizeof(first));
    assert_int_equal(sg_sig_verify(SG_SIG_ML_DSA_65, fixture_sig_public(&f), sg_bytes(NULL, 0),
                                   fixture_plain, sg_bytes(f.signature, f.signature_len)),
                     SG_OK);
    assert_int_equal(fixture_sign(&f), SG_OK);
    assert_memory_not_equal(first, f.signature, f.signature_len);
    assert_int_equal(fixture_verify(&f), SG_OK);
    f.prng = before;
    assert_int_equal(fixture_sign(&f), SG_OK);
    assert_memory_equal(first, f.signature, f.signature_len);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers), cmocka_unit_test(test_scalars),
        cmocka_unit_test(test_points),        cmocka_unit_test(test_der),
        cmocka_unit_test(test_der_of_many),   cmocka_unit_test(test_ml_dsa),
    };
    return sg_crypto_init() != SG_OK || cmocka_run_group_tests(tests, NULL, NULL);
}
