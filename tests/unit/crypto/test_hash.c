#include "unit/crypto/vectors.h"

#include <pthread.h>

#include "crypto/hash.h"
#include "crypto/init.h"

static enum sg_hash_alg alg_of(struct vectors *v)
{
    return strcmp(vectors_text(v, "alg"), "sha256") == 0 ? SG_HASH_SHA256 : SG_HASH_SHA384;
}

static void test_lengths(void **state)
{
    (void)state;
    assert_int_equal(sg_hash_alg_len(SG_HASH_SHA256), 32);
    assert_int_equal(sg_hash_alg_len(SG_HASH_SHA384), 48);
}

static void test_vectors(void **state)
{
    struct vectors v;
    (void)state;
    vectors_open(&v, "sha.txt");
    while (vectors_next(&v)) {
        uint8_t out[SG_HASH_ALG_LEN_MAX];
        struct sg_bytes input = vectors_bytes(&v, "input");
        struct sg_bytes want = vectors_bytes(&v, "output");
        assert_int_equal(sg_hash_alg_len(alg_of(&v)), want.len);
        sg_hash(alg_of(&v), &input, 1, out);
        assert_memory_equal(out, want.data, want.len);
    }
    vectors_close(&v, 5);
}

/* FIPS 180-2 B.3: a million times "a". */
static void test_a_million_a(void **state)
{
    static const uint8_t want[32] = {0xcd, 0xc7, 0x6e, 0x5c, 0x99, 0x14, 0xfb, 0x92,
                                     0x81, 0xa1, 0xc7, 0xe2, 0x84, 0xd7, 0x3e, 0x67,
                                     0xf1, 0x80, 0x9a, 0x48, 0xa4, 0x97, 0x20, 0x0e,
                                     0x04, 0x6d, 0x39, 0xcc, 0xc7, 0x11, 0x2c, 0xd0};
    static uint8_t data[1000000];
    uint8_t out[32];
    struct sg_bytes input = {data, sizeof(data)};
    (void)state;
    memset(data, 'a', sizeof(data));
    sg_hash(SG_HASH_SHA256, &input, 1, out);
    assert_memory_equal(out, want, 32);
}

static void test_parts_are_concatenated(void **state)
{
    struct sg_bytes whole = SG_BYTES_LIT("abcdef");
    struct sg_bytes parts[] = {
        SG_BYTES_LIT("ab"), {NULL, 0}, SG_BYTES_LIT("cde"), SG_BYTES_LIT("f")};
    uint8_t a[48];
    uint8_t b[48];
    (void)state;
    sg_hash(SG_HASH_SHA384, &whole, 1, a);
    sg_hash(SG_HASH_SHA384, parts, 4, b);
    assert_memory_equal(a, b, 48);
    whole.len = 0;
    sg_hash(SG_HASH_SHA256, &whole, 1, a);
    sg_hash(SG_HASH_SHA256, NULL, 0, b);
    assert_memory_equal(a, b, 32);
}

static void test_every_bit_counts(void **state)
{
    uint8_t data[65] = {0};
    uint8_t base[32];
    uint8_t out[32];
    struct sg_bytes input = {data, sizeof(data)};
    (void)state;
    sg_hash(SG_HASH_SHA256, &input, 1, base);
    for (size_t bit = 0; bit < 8 * sizeof(data); bit++) {
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        sg_hash(SG_HASH_SHA256, &input, 1, out);
        assert_memory_not_equal(out, base, 32);
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

/* Each thread has contexts of its own, which its end frees (LeakSanitizer looks). */
static void *hash_many(void *result)
{
    struct sg_bytes input = SG_BYTES_LIT("abc");
    uint8_t *out = result;
    for (int i = 0; i < 2000; i++)
        sg_hash(i % 2 == 0 ? SG_HASH_SHA384 : SG_HASH_SHA256, &input, 1, out);
    return NULL;
}

static void test_threads(void **state)
{
    enum { threads = 4 };
    pthread_t ids[threads];
    uint8_t out[threads][48];
    uint8_t want[48];
    (void)state;
    (void)hash_many(want);
    for (int i = 0; i < threads; i++)
        assert_int_equal(pthread_create(&ids[i], NULL, hash_many, out[i]), 0);
    for (int i = 0; i < threads; i++) {
        assert_int_equal(pthread_join(ids[i], NULL), 0);
        assert_memory_equal(out[i], want, 32);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lengths),          cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_a_million_a),      cmocka_unit_test(test_parts_are_concatenated),
        cmocka_unit_test(test_every_bit_counts), cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
