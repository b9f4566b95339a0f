#include "unit/crypto/vectors.h"

#include <limits.h>

#include "crypto/aead.h"

static const enum sg_aead_alg algs[] = {SG_AEAD_AES_256_GCM, SG_AEAD_CHACHA20_POLY1305};

static void check_vector(struct vectors *v)
{
    bool is_gcm = strcmp(vectors_text(v, "alg"), "aes-256-gcm") == 0;
    struct sg_aead aead = {is_gcm ? SG_AEAD_AES_256_GCM : SG_AEAD_CHACHA20_POLY1305,
                           vectors_bytes(v, "key").data, vectors_bytes(v, "nonce").data,
                           vectors_bytes(v, "aad")};
    struct sg_bytes plain = vectors_bytes(v, "plain");
    struct sg_bytes sealed = vectors_bytes(v, "sealed");
    uint8_t out[2048];
    assert_int_equal(vectors_bytes(v, "key").len, SG_AEAD_KEY_LEN);
    assert_int_equal(vectors_bytes(v, "nonce").len, SG_AEAD_NONCE_LEN);
    assert_true(sealed.len <= sizeof(out));
    if (vectors_number(v, "opens") == 0) {
        assert_int_equal(sg_aead_open(&aead, sealed, out), SG_ERR_AUTH);
        return;
    }
    assert_int_equal(sealed.len, plain.len + SG_AEAD_TAG_LEN);
    assert_int_equal(sg_aead_seal(&aead, plain, out), SG_OK);
    assert_memory_equal(out, sealed.data, sealed.len);
    memset(out, 0, sizeof(out));
    assert_int_equal(sg_aead_open(&aead, sealed, out), SG_OK);
    assert_memory_equal(out, plain.data, plain.len);
}

static void test_vectors(void **state)
{
    struct vectors v;
    (void)state;
    vectors_open(&v, "aead.txt");
    while (vectors_next(&v))
        check_vector(&v);
    vectors_close(&v, 70);
}

/* key, nonce, aad and sealed in one buffer, so that one loop flips them all. */
struct box {
    uint8_t key[SG_AEAD_KEY_LEN];
    uint8_t nonce[SG_AEAD_NONCE_LEN];
    uint8_t aad[7];
    uint8_t sealed[20 + SG_AEAD_TAG_LEN];
};

static struct sg_aead aead_of(enum sg_aead_alg alg, const struct box *box)
{
    return (struct sg_aead){alg, box->key, box->nonce, sg_bytes(box->aad, sizeof(box->aad))};
}

static void test_every_flipped_bit_is_refused(void **state)
{
    static const uint8_t zeros[20];
    (void)state;
    for (size_t a = 0; a < 2; a++) {
        struct box box = {{1}, {2}, {3}, {4}};
        uint8_t *bytes = (uint8_t *)&box;
        uint8_t out[20];
        struct sg_aead aead = aead_of(algs[a], &box);
        struct sg_bytes sealed = {box.sealed, sizeof(box.sealed)};
        assert_int_equal(sg_aead_seal(&aead, sg_bytes(box.sealed, 20), box.sealed), SG_OK);
        for (size_t bit = 0; bit < 8 * sizeof(box); bit++) {
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            memset(out, 7, sizeof(out));
            assert_int_equal(sg_aead_open(&aead, sealed, out), SG_ERR_AUTH);
            assert_memory_equal(out, zeros, sizeof(out));
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        assert_int_equal(sg_aead_open(&aead, sealed, out), SG_OK);
        assert_int_equal(out[0], 4);
    }
}

static void test_wrong_lengths_are_refused(void **state)
{
    (void)state;
    for (size_t a = 0; a < 2; a++) {
        struct box box = {{1}, {2}, {3}, {4}};
        struct sg_aead aead = aead_of(algs[a], &box);
        uint8_t out[40];
        assert_int_equal(sg_aead_seal(&aead, sg_bytes(box.sealed, 20), box.sealed), SG_OK);
        for (size_t len = 0; len < sizeof(box.sealed); len++)
            assert_int_equal(sg_aead_open(&aead, sg_bytes(box.sealed, len), out), SG_ERR_AUTH);
        aead.aad.len--;
        assert_int_equal(sg_aead_open(&aead, sg_bytes(box.sealed, sizeof(box.sealed)), out),
                         SG_ERR_AUTH);
    }
}

static void test_empty_plain_and_aad(void **state)
{
    (void)state;
    for (size_t a = 0; a < 2; a++) {
        struct box box = {{1}, {2}, {3}, {4}};
        struct sg_aead aead = {algs[a], box.key, box.nonce, {NULL, 0}};
        uint8_t out[1];
        struct sg_bytes none = {NULL, 0};
        assert_int_equal(sg_aead_seal(&aead, none, box.sealed), SG_OK);
        assert_int_equal(sg_aead_open(&aead, sg_bytes(box.sealed, SG_AEAD_TAG_LEN), out), SG_OK);
        box.sealed[0] ^= 1;
        assert_int_equal(sg_aead_open(&aead, sg_bytes(box.sealed, SG_AEAD_TAG_LEN), out),
                         SG_ERR_AUTH);
    }
}

static void test_in_place(void **state)
{
    (void)state;
    for (size_t a = 0; a < 2; a++) {
        struct box box = {{1}, {2}, {3}, {4}};
        struct sg_aead aead = aead_of(algs[a], &box);
        uint8_t data[1000 + SG_AEAD_TAG_LEN];
        uint8_t apart[sizeof(data)];
        memset(data, 5, sizeof(data));
        assert_int_equal(sg_aead_seal(&aead, sg_bytes(data, 1000), apart), SG_OK);
        assert_int_equal(sg_aead_seal(&aead, sg_bytes(data, 1000), data), SG_OK);
        assert_memory_equal(data, apart, sizeof(data));
        assert_int_equal(sg_aead_open(&aead, sg_bytes(data, sizeof(data)), data), SG_OK);
        assert_int_equal(data[0], 5);
        assert_int_equal(data[999], 5);
    }
}

static void test_too_large(void **state)
{
    struct box box = {{1}, {2}, {3}, {4}};
    struct sg_aead aead = aead_of(SG_AEAD_AES_256_GCM, &box);
    struct sg_bytes huge = {box.sealed, (size_t)INT_MAX + 1};
    (void)state;
    assert_int_equal(sg_aead_seal(&aead, huge, box.sealed), SG_ERR_TOO_LARGE);
    assert_int_equal(sg_aead_open(&aead, huge, box.sealed), SG_ERR_TOO_LARGE);
    aead.aad.len = (size_t)INT_MAX + 1;
    assert_int_equal(sg_aead_seal(&aead, sg_bytes(NULL, 0), box.sealed), SG_ERR_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_every_flipped_bit_is_refused),
        cmocka_unit_test(test_wrong_lengths_are_refused),
        cmocka_unit_test(test_empty_plain_and_aad),
        cmocka_unit_test(test_in_place),
        cmocka_unit_test(test_too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
