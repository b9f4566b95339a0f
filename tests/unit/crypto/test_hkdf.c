#include "unit/crypto/vectors.h"

#include "crypto/hkdf.h"
#include "crypto/hmac.h"

static void check_extract(struct vectors *v, struct sg_bytes want)
{
    uint8_t prk[32];
    assert_int_equal(want.len, 32);
    assert_int_equal(
        sg_hkdf_extract(SG_HASH_SHA256, vectors_bytes(v, "salt"), vectors_bytes(v, "key"), prk),
        SG_OK);
    assert_memory_equal(prk, want.data, 32);
}

static void check_expand(struct vectors *v, struct sg_bytes prk, struct sg_bytes want)
{
    uint8_t out[256];
    assert_true(want.len <= sizeof(out));
    assert_int_equal(sg_hkdf_expand(SG_HASH_SHA256, prk, vectors_bytes(v, "info"), out, want.len),
                     SG_OK);
    assert_memory_equal(out, want.data, want.len);
}

static void test_vectors(void **state)
{
    struct vectors v;
    (void)state;
    vectors_open(&v, "hkdf.txt");
    while (vectors_next(&v)) {
        uint8_t prk[32];
        const char *mode = vectors_text(&v, "mode");
        struct sg_bytes want = vectors_bytes(&v, "output");
        if (strcmp(mode, "extract_only") == 0) {
            check_extract(&v, want);
        } else if (strcmp(mode, "expand_only") == 0) {
            check_expand(&v, vectors_bytes(&v, "key"), want);
        } else {
            assert_int_equal(sg_hkdf_extract(SG_HASH_SHA256, vectors_bytes(&v, "salt"),
                                             vectors_bytes(&v, "key"), prk),
                             SG_OK);
            check_expand(&v, sg_bytes(prk, 32), want);
        }
    }
    vectors_close(&v, 9);
}

/* SHA-384 has no vectors in the RFC: T(1) = HMAC(PRK, info || 1), by hand. */
static void test_sha384(void **state)
{
    uint8_t prk[48];
    uint8_t mac[48];
    uint8_t out[48];
    uint8_t one = 1;
    struct sg_bytes parts[] = {SG_BYTES_LIT("info"), {&one, 1}};
    (void)state;
    assert_int_equal(
        sg_hkdf_extract(SG_HASH_SHA384, SG_BYTES_LIT("salt"), SG_BYTES_LIT("ikm"), prk), SG_OK);
    assert_int_equal(sg_hkdf_expand(SG_HASH_SHA384, sg_bytes(prk, 48), parts[0], out, 48), SG_OK);
    assert_int_equal(sg_hmac(SG_HASH_SHA384, sg_bytes(prk, 48), parts, 2, mac), SG_OK);
    assert_memory_equal(out, mac, 48);
}

static void test_lengths(void **state)
{
    static const uint8_t zeros[16];
    static uint8_t out[255 * 32 + 1];
    uint8_t prk[32] = {1};
    struct sg_bytes key = {prk, 32};
    struct sg_bytes shorter = {prk, 31};
    struct sg_bytes none = {NULL, 0};
    (void)state;
    assert_int_equal(sg_hkdf_expand(SG_HASH_SHA256, key, none, out, 255 * 32), SG_OK);
    assert_int_equal(sg_hkdf_expand(SG_HASH_SHA256, key, none, out, 1), SG_OK);
    assert_int_equal(sg_hkdf_expand(SG_HASH_SHA256, key, none, out, 0), SG_ERR_INVALID_ARGUMENT);
    assert_int_equal(sg_hkdf_expand(SG_HASH_SHA256, key, none, out, 255 * 32 + 1),
                     SG_ERR_INVALID_ARGUMENT);
    memset(out, 7, 16);
    assert_int_equal(sg_hkdf_expand(SG_HASH_SHA256, shorter, none, out, 16),
                     SG_ERR_INVALID_ARGUMENT);
    assert_memory_equal(out, zeros, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_sha384),
        cmocka_unit_test(test_lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
