#include "unit/crypto/vectors.h"

#include "crypto/hmac.h"

static void test_vectors(void **state)
{
    struct vectors v;
    (void)state;
    vectors_open(&v, "hmac.txt");
    while (vectors_next(&v)) {
        bool is_256 = strcmp(vectors_text(&v, "alg"), "sha256") == 0;
        uint8_t out[SG_HASH_ALG_LEN_MAX];
        struct sg_bytes input = vectors_bytes(&v, "input");
        struct sg_bytes want = vectors_bytes(&v, "output");
        assert_int_equal(sg_hmac(is_256 ? SG_HASH_SHA256 : SG_HASH_SHA384, vectors_bytes(&v, "key"),
                                 &input, 1, out),
                         SG_OK);
        assert_memory_equal(out, want.data, want.len);
    }
    vectors_close(&v, 19);
}

static void test_parts_are_concatenated(void **state)
{
    struct sg_bytes key = SG_BYTES_LIT("key");
    struct sg_bytes whole = SG_BYTES_LIT("abcdef");
    struct sg_bytes parts[] = {SG_BYTES_LIT("ab"), {NULL, 0}, SG_BYTES_LIT("cdef")};
    uint8_t a[32];
    uint8_t b[32];
    (void)state;
    assert_int_equal(sg_hmac(SG_HASH_SHA256, key, &whole, 1, a), SG_OK);
    assert_int_equal(sg_hmac(SG_HASH_SHA256, key, parts, 3, b), SG_OK);
    assert_memory_equal(a, b, 32);
}

/* HMAC-SHA-256 of nothing under nothing, from FIPS 198-1's definition. */
static void test_empty_key_and_message(void **state)
{
    static const uint8_t want[] = {0xb6, 0x13, 0x67, 0x9a, 0x08, 0x14, 0xd9, 0xec, 0x77, 0x2f, 0x95,
                                   0xd7, 0x78, 0xc3, 0x5f, 0xc5, 0xff, 0x16, 0x97, 0xc4, 0x93, 0x71,
                                   0x56, 0x53, 0xc6, 0xc7, 0x12, 0x14, 0x42, 0x92, 0xc5, 0xad};
    uint8_t out[32];
    (void)state;
    assert_int_equal(sg_hmac(SG_HASH_SHA256, sg_bytes(NULL, 0), NULL, 0, out), SG_OK);
    assert_memory_equal(out, want, 32);
}

static void test_every_bit_counts(void **state)
{
    uint8_t data[40] = {0}; /* key [32], message [8] */
    uint8_t base[32];
    uint8_t out[32];
    struct sg_bytes key = {data, 32};
    struct sg_bytes message = {data + 32, 8};
    (void)state;
    assert_int_equal(sg_hmac(SG_HASH_SHA256, key, &message, 1, base), SG_OK);
    for (size_t bit = 0; bit < 8 * sizeof(data); bit++) {
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(sg_hmac(SG_HASH_SHA256, key, &message, 1, out), SG_OK);
        assert_memory_not_equal(out, base, 32);
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_parts_are_concatenated),
        cmocka_unit_test(test_empty_key_and_message),
        cmocka_unit_test(test_every_bit_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
