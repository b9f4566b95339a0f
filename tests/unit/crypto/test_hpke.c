/* HPKE against OpenSSL's own, where OpenSSL has the KEM; the official vectors are in
 * tests/vectors/test_hpke.c. */
#include "unit/crypto/mls_fixture.h"

#include <openssl/evp.h>
#include <openssl/hpke.h>

#include "crypto/hpke.h"
#include "crypto/init.h"

static struct sg_prng prng;
static const struct sg_mls_random source = {&prng, fixture_fill};
enum { KEY_MAX = 1700, MESSAGES = 3 };

struct conversation {
    struct sg_hpke_suite suite;
    OSSL_HPKE_SUITE ossl;
    uint8_t private_key[KEY_MAX];
    uint8_t public_key[KEY_MAX];
    struct sg_hpke_pair own;
};

static void conversation_init(struct conversation *c, uint16_t kem, uint16_t kdf, uint16_t aead)
{
    assert_int_equal(sg_hpke_suite_init(&c->suite, kem, kdf, aead), SG_OK);
    c->ossl = (OSSL_HPKE_SUITE){kem, kdf, aead};
    assert_int_equal(sg_hpke_kem_generate(c->suite.kem, &source, c->private_key, c->public_key),
                     SG_OK);
    c->own = (struct sg_hpke_pair){sg_bytes(c->private_key, c->suite.kem->private_len),
                                   sg_bytes(c->public_key, c->suite.kem->public_len)};
}

/* We send, OpenSSL receives. It makes its key from our ikm, as its HPKE takes key objects only. */
static void send_to_ossl(struct conversation *c)
{
    static const uint8_t ikm[66] = {5};
    uint8_t enc[KEY_MAX];
    uint8_t sealed[TEXT_MAX];
    uint8_t out[TEXT_MAX];
    uint8_t public_key[KEY_MAX];
    size_t public_len = sizeof(public_key);
    EVP_PKEY *key = NULL;
    struct sg_hpke h = {.suite = &c->suite, .use = SG_HPKE_BOTH};
    assert_int_equal(OSSL_HPKE_keygen(c->ossl, public_key, &public_len, &key, ikm,
                                      c->suite.kem->private_len, NULL, NULL),
                     1);
    assert_int_equal(sg_hpke_kem_derive(c->suite.kem, sg_bytes(ikm, c->suite.kem->private_len),
                                        c->private_key, c->public_key),
                     SG_OK);
    assert_int_equal(public_len, c->suite.kem->public_len);
    assert_memory_equal(public_key, c->public_key, public_len);
    assert_int_equal(sg_hpke_setup_send(&h, &source, c->own.public_key, fixture_info, enc), SG_OK);
    OSSL_HPKE_CTX *ctx =
        OSSL_HPKE_CTX_new(OSSL_HPKE_MODE_BASE, c->ossl, OSSL_HPKE_ROLE_RECEIVER, NULL, NULL);
    assert_int_equal(
        OSSL_HPKE_decap(ctx, enc, c->suite.kem->enc_len, key, fixture_info.data, fixture_info.len),
        1);
    for (int i = 0; i < MESSAGES; i++) {
        size_t len = sizeof(out);
        assert_int_equal(sg_hpke_seal(&h, fixture_aad, fixture_plain, sealed), SG_OK);
        assert_int_equal(OSSL_HPKE_open(ctx, out, &len, fixture_aad.data, fixture_aad.len, sealed,
                                        fixture_plain.len + SG_AEAD_TAG_LEN),
                         1);
        assert_int_equal(len, fixture_plain.len);
        assert_memory_equal(out, fixture_plain.data, len);
    }
    assert_int_equal(sg_hpke_export(&h, fixture_aad, out, 50), SG_OK);
    assert_int_equal(OSSL_HPKE_export(ctx, sealed, 50, fixture_aad.data, fixture_aad.len), 1);
    assert_memory_equal(out, sealed, 50);
    OSSL_HPKE_CTX_free(ctx);
    EVP_PKEY_free(key);
    sg_hpke_wipe(&h);
}

static void receive_from_ossl(struct conversation *c)
{
    uint8_t enc[KEY_MAX];
    uint8_t sealed[TEXT_MAX];
    uint8_t out[TEXT_MAX];
    size_t enc_len = sizeof(enc);
    struct sg_hpke h = {.suite = &c->suite, .use = SG_HPKE_MESSAGES};
    OSSL_HPKE_CTX *ctx =
        OSSL_HPKE_CTX_new(OSSL_HPKE_MODE_BASE, c->ossl, OSSL_HPKE_ROLE_SENDER, NULL, NULL);
    assert_int_equal(OSSL_HPKE_encap(ctx, enc, &enc_len, c->own.public_key.data,
                                     c->own.public_key.len, fixture_info.data, fixture_info.len),
                     1);
    assert_int_equal(sg_hpke_setup_receive(&h, &c->own, sg_bytes(enc, enc_len), fixture_info),
                     SG_OK);
    for (int i = 0; i < MESSAGES; i++) {
        size_t len = sizeof(sealed);
        assert_int_equal(OSSL_HPKE_seal(ctx, sealed, &len, fixture_aad.data, fixture_aad.len,
                                        fixture_plain.data, fixture_plain.len),
                         1);
        assert_int_equal(sg_hpke_open(&h, fixture_aad, sg_bytes(sealed, len), out), SG_OK);
        assert_memory_equal(out, fixture_plain.data, fixture_plain.len);
    }
    OSSL_HPKE_CTX_free(ctx);
}

static void test_against_openssl(void **state)
{
    static const uint16_t kems[] = {SG_HPKE_DHKEM_P256, SG_HPKE_DHKEM_P384, SG_HPKE_DHKEM_P521,
                                    SG_HPKE_DHKEM_X25519, SG_HPKE_DHKEM_X448};
    struct conversation c;
    size_t count = 0;
    (void)state;
    for (size_t k = 0; k < sizeof(kems) / sizeof(kems[0]); k++) {
        for (uint16_t i = 0; i < 3; i++) { /* every KDF and AEAD with every KEM */
            conversation_init(&c, kems[k], (uint16_t)(1 + (k + i) % 3), (uint16_t)(1 + i));
            send_to_ossl(&c);
            receive_from_ossl(&c);
            count++;
        }
    }
    print_message("   %zu suites against OSSL_HPKE, both ways\n", count);
    assert_int_equal(count, 15);
}

static void test_unsupported(void **state)
{
    struct sg_hpke_suite suite;
    (void)state;
    assert_int_equal(sg_hpke_suite_init(&suite, 0x20, 1, 1), SG_OK);
    assert_int_equal(sg_hpke_suite_init(&suite, 0x20, 1, SG_HPKE_EXPORT_ONLY), SG_OK);
    assert_int_equal(sg_hpke_suite_init(&suite, 0x30, 1, 1), SG_ERR_UNSUPPORTED);
    assert_int_equal(sg_hpke_suite_init(&suite, 0x20, 0, 1), SG_ERR_UNSUPPORTED);
    assert_int_equal(sg_hpke_suite_init(&suite, 0x20, 4, 1), SG_ERR_UNSUPPORTED);
    assert_int_equal(sg_hpke_suite_init(&suite, 0x20, 1, 0), SG_ERR_UNSUPPORTED);
    assert_int_equal(sg_hpke_suite_init(&suite, 0x20, 1, 4), SG_ERR_UNSUPPORTED);
}

/* A failed message is still the next one; the last sequence number is not used. */
static void test_sequence(void **state)
{
    struct conversation c;
    uint8_t enc[KEY_MAX];
    uint8_t sealed[2][TEXT_MAX];
    uint8_t out[TEXT_MAX];
    size_t len = fixture_plain.len + SG_AEAD_TAG_LEN;
    (void)state;
    conversation_init(&c, SG_HPKE_X_WING, 2, 3);
    struct sg_hpke send = {.suite = &c.suite, .use = SG_HPKE_MESSAGES};
    struct sg_hpke receive = send;
    assert_int_equal(sg_hpke_setup_send(&send, &source, c.own.public_key, fixture_info, enc),
                     SG_OK);
    assert_int_equal(
        sg_hpke_setup_receive(&receive, &c.own, sg_bytes(enc, c.suite.kem->enc_len), fixture_info),
        SG_OK);
    for (int i = 0; i < 2; i++)
        assert_int_equal(sg_hpke_seal(&send, fixture_aad, fixture_plain, sealed[i]), SG_OK);
    assert_memory_not_equal(sealed[0], sealed[1], len);
    assert_int_equal(sg_hpke_open(&receive, fixture_aad, sg_bytes(sealed[1], len), out),
                     SG_ERR_AUTH);
    assert_zero(out, fixture_plain.len);
    for (int i = 0; i < 2; i++)
        assert_int_equal(sg_hpke_open(&receive, fixture_aad, sg_bytes(sealed[i], len), out), SG_OK);
    send.seq = UINT64_MAX - 1;
    assert_int_equal(sg_hpke_seal(&send, fixture_aad, fixture_plain, sealed[0]), SG_OK);
    assert_int_equal(sg_hpke_seal(&send, fixture_aad, fixture_plain, sealed[0]), SG_ERR_LIMIT);
    assert_zero(sealed[0], len);
    receive.seq = UINT64_MAX;
    assert_int_equal(sg_hpke_open(&receive, fixture_aad, sg_bytes(sealed[1], len), out),
                     SG_ERR_LIMIT);
}

static void test_use(void **state)
{
    struct conversation c;
    uint8_t enc[KEY_MAX];
    uint8_t out[TEXT_MAX];
    (void)state;
    conversation_init(&c, SG_HPKE_DHKEM_X25519, 1, SG_HPKE_EXPORT_ONLY);
    struct sg_hpke h = {.suite = &c.suite, .use = SG_HPKE_BOTH};
    assert_int_equal(sg_hpke_setup_send(&h, &source, c.own.public_key, fixture_info, enc), SG_OK);
    assert_int_equal(sg_hpke_seal(&h, fixture_aad, fixture_plain, out), SG_ERR_INVALID_STATE);
    assert_int_equal(sg_hpke_export(&h, fixture_aad, out, 32), SG_OK);
    assert_int_equal(sg_hpke_export(&h, fixture_aad, out, 0), SG_ERR_INVALID_ARGUMENT);
    conversation_init(&c, SG_HPKE_DHKEM_X25519, 1, 1);
    h.use = SG_HPKE_MESSAGES;
    assert_int_equal(sg_hpke_setup_send(&h, &source, c.own.public_key, fixture_info, enc), SG_OK);
    assert_zero(h.exporter_secret, sizeof(h.exporter_secret));
    assert_int_equal(sg_hpke_export(&h, fixture_aad, out, 32), SG_ERR_INVALID_STATE);
    assert_zero(out, 32);
    h.use = SG_HPKE_EXPORTS;
    assert_int_equal(sg_hpke_setup_send(&h, &source, c.own.public_key, fixture_info, enc), SG_OK);
    assert_zero(h.key, sizeof(h.key));
    assert_int_equal(sg_hpke_open(&h, fixture_aad, fixture_plain, out), SG_ERR_INVALID_STATE);
    sg_hpke_wipe(&h);
    assert_zero(h.exporter_secret, sizeof(h.exporter_secret));
}

/* A setup that fails leaves neither secrets nor an enc. */
static void test_setup_fails(void **state)
{
    struct conversation c;
    uint8_t enc[KEY_MAX] = {1};
    (void)state;
    conversation_init(&c, SG_HPKE_ML_KEM_768, 2, 2);
    struct sg_hpke h = {.suite = &c.suite, .use = SG_HPKE_BOTH, .key = {1}};
    /* FIPS203 s7.2: the first coefficient, 12 bits little-endian, is q = 3329 */
    c.public_key[0] = 0x01;
    c.public_key[1] = (uint8_t)((c.public_key[1] & 0xf0) | 0x0d);
    assert_int_equal(sg_hpke_kem_check(c.suite.kem, c.own.public_key), SG_ERR_MALFORMED);
    assert_int_equal(sg_hpke_setup_send(&h, &source, c.own.public_key, fixture_info, enc),
                     SG_ERR_MALFORMED);
    assert_zero(enc, c.suite.kem->enc_len);
    assert_zero(h.key, sizeof(h.key));
    c.public_key[0] = 0x00; /* 3328 */
    assert_int_equal(sg_hpke_kem_check(c.suite.kem, c.own.public_key), SG_OK);
    h.key[0] = 1;
    assert_int_equal(sg_hpke_setup_receive(&h, &c.own, sg_bytes(enc, 5), fixture_info),
                     SG_ERR_MALFORMED);
    assert_zero(h.key, sizeof(h.key));
}

/* Coefficients of q - 1 and q in each place: what we say of a key, OpenSSL says by its import. */
static void test_kem_check(void **state)
{
    static const uint16_t ids[] = {SG_HPKE_ML_KEM_512, SG_HPKE_ML_KEM_768, SG_HPKE_ML_KEM_1024};
    static const uint16_t values[] = {0, 3328, 3329, 4095};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct conversation c;
        conversation_init(&c, ids[i], 1, 1);
        size_t len = c.suite.kem->public_len, count = (len - 32) / 3 * 2;
        for (size_t k = 0; k < count; k += k < 4 || k + 5 > count ? 1 : 37) {
            uint8_t *at = c.public_key + k / 2 * 3 + k % 2, before[2] = {at[0], at[1]};
            for (size_t v = 0; v < 4; v++) {
                at[0] = (uint8_t)(k % 2 == 0 ? values[v]
                                             : (before[0] & 0x0f) | (values[v] & 0x0f) << 4);
                at[1] =
                    (uint8_t)(k % 2 == 0 ? (before[1] & 0xf0) | values[v] >> 8 : values[v] >> 4);
                const char *name = i == 0 ? "ML-KEM-512" : i == 1 ? "ML-KEM-768" : "ML-KEM-1024";
                EVP_PKEY *key = EVP_PKEY_new_raw_public_key_ex(NULL, name, NULL, c.public_key, len);
                assert_int_equal(key != NULL, values[v] < 3329);
                assert_int_equal(sg_hpke_kem_check(c.suite.kem, c.own.public_key),
                                 key != NULL ? SG_OK : SG_ERR_MALFORMED);
                EVP_PKEY_free(key);
            }
            memcpy(at, before, 2);
        }
        c.own.public_key.len--;
        assert_int_equal(sg_hpke_kem_check(c.suite.kem, c.own.public_key), SG_ERR_MALFORMED);
    }
}

/* Every KEM, also those that no suite of MLS has: the parts of a hybrid key are checked. */
static void test_kems(void **state)
{
    static const uint16_t ids[] = {SG_HPKE_ML_KEM_512, SG_HPKE_ML_KEM_1024, SG_HPKE_ML_KEM_768_P256,
                                   SG_HPKE_ML_KEM_1024_P384, SG_HPKE_X_WING};
    struct conversation c;
    uint8_t enc[KEY_MAX];
    uint8_t sent[SG_HPKE_SECRET_MAX];
    uint8_t received[SG_HPKE_SECRET_MAX];
    (void)state;
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        conversation_init(&c, ids[i], 1, 1);
        const struct sg_hpke_kem *kem = c.suite.kem;
        assert_int_equal(sg_hpke_kem_encaps(kem, &source, c.own.public_key, enc, sent), SG_OK);
        assert_int_equal(sg_hpke_kem_decaps(kem, &c.own, sg_bytes(enc, kem->enc_len), received),
                         SG_OK);
        assert_memory_equal(sent, received, kem->secret_len);
        enc[0] ^= 1; /* implicit rejection */
        assert_int_equal(sg_hpke_kem_decaps(kem, &c.own, sg_bytes(enc, kem->enc_len), received),
                         SG_OK);
        assert_memory_not_equal(sent, received, kem->secret_len);
        c.public_key[1] |= 0x0f; /* a coefficient of 3840 or more */
        assert_int_equal(sg_hpke_kem_check(kem, c.own.public_key), SG_ERR_MALFORMED);
        if (kem->label == NULL)
            continue;
        memset(c.public_key + kem->public_len - 32, 0, 32); /* no point, or of low order */
        c.public_key[1] &= 0xf0;
        assert_int_equal(sg_hpke_kem_check(kem, c.own.public_key), SG_ERR_MALFORMED);
        assert_int_equal(sg_hpke_kem_encaps(kem, &source, c.own.public_key, enc, sent),
                         SG_ERR_MALFORMED);
        assert_zero(enc, kem->enc_len);
        assert_zero(sent, kem->secret_len);
    }
    assert_null(sg_hpke_kem_find(0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_openssl), cmocka_unit_test(test_unsupported),
        cmocka_unit_test(test_sequence),        cmocka_unit_test(test_use),
        cmocka_unit_test(test_setup_fails),     cmocka_unit_test(test_kems),
        cmocka_unit_test(test_kem_check),
    };
    sg_prng_init(&prng, 2);
    return sg_crypto_init() != SG_OK || cmocka_run_group_tests(tests, NULL, NULL);
}
