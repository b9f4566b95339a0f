#include "unit/crypto/mls_fixture.h"

#include <openssl/evp.h>

#include "crypto/dh.h"
#include "crypto/init.h"

static struct sg_prng prng;
static const struct sg_mls_random source = {&prng, fixture_fill};

static void test_agreement(void **state)
{
    (void)state;
    for (int g = 0; g < SG_DH_GROUP_COUNT; g++) {
        const struct sg_dh_sizes *sizes = sg_dh_sizes((enum sg_dh_group)g);
        uint8_t a[SG_DH_PRIVATE_MAX];
        uint8_t b[SG_DH_PRIVATE_MAX];
        uint8_t a_public[SG_DH_PUBLIC_MAX];
        uint8_t b_public[SG_DH_PUBLIC_MAX];
        uint8_t ab[SG_DH_SHARED_MAX];
        uint8_t ba[SG_DH_SHARED_MAX];
        assert_int_equal(sg_dh_generate((enum sg_dh_group)g, &source, a, a_public), SG_OK);
        assert_int_equal(sg_dh_generate((enum sg_dh_group)g, &source, b, b_public), SG_OK);
        struct sg_dh_pair own_a = {sg_bytes(a, sizes->private_len),
                                   sg_bytes(a_public, sizes->public_len)};
        struct sg_dh_pair own_b = {sg_bytes(b, sizes->private_len), {NULL, 0}};
        struct sg_bytes peer_b = sg_bytes(b_public, sizes->public_len);
        assert_int_equal(sg_dh_shared((enum sg_dh_group)g, &own_a, peer_b, ab), SG_OK);
        assert_int_equal(sg_dh_shared((enum sg_dh_group)g, &own_b, own_a.public_key, ba), SG_OK);
        assert_memory_equal(ab, ba, sizes->shared_len);
        own_a.private_key.len--;
        assert_int_equal(sg_dh_shared((enum sg_dh_group)g, &own_a, peer_b, ab), SG_ERR_MALFORMED);
        assert_zero(ab, sizes->shared_len);
        own_a.private_key.len++;
        peer_b.len--;
        assert_int_equal(sg_dh_shared((enum sg_dh_group)g, &own_a, peer_b, ab), SG_ERR_MALFORMED);
    }
}

/* The peer comes to the same secret by the public key; nothing is left where something fails. */
static void test_ephemeral(void **state)
{
    (void)state;
    for (int g = 0; g < SG_DH_GROUP_COUNT; g++) {
        const struct sg_dh_sizes *sizes = sg_dh_sizes((enum sg_dh_group)g);
        uint8_t own[SG_DH_PRIVATE_MAX], own_public[SG_DH_PUBLIC_MAX];
        uint8_t sent[2][SG_DH_PUBLIC_MAX], secret[SG_DH_SHARED_MAX], same[SG_DH_SHARED_MAX];
        assert_int_equal(sg_dh_generate((enum sg_dh_group)g, &source, own, own_public), SG_OK);
        struct sg_dh_pair pair = {sg_bytes(own, sizes->private_len), {NULL, 0}};
        struct sg_bytes peer = sg_bytes(own_public, sizes->public_len);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(sg_dh_ephemeral((enum sg_dh_group)g, &source, peer, sent[i], secret),
                             SG_OK);
            assert_int_equal(sg_dh_shared((enum sg_dh_group)g, &pair,
                                          sg_bytes(sent[i], sizes->public_len), same),
                             SG_OK);
            assert_memory_equal(secret, same, sizes->shared_len);
        }
        assert_memory_not_equal(sent[0], sent[1], sizes->public_len);
        peer.len--;
        assert_int_equal(sg_dh_ephemeral((enum sg_dh_group)g, &source, peer, sent[0], secret),
                         SG_ERR_MALFORMED);
        assert_zero(sent[0], sizes->public_len);
        assert_zero(secret, sizes->shared_len);
        memset(own_public, 0, sizeof(own_public));
        peer.len++;
        assert_int_equal(sg_dh_ephemeral((enum sg_dh_group)g, &source, peer, sent[0], secret),
                         SG_ERR_MALFORMED);
    }
}

/* Does OpenSSL's agreement give zero with this key, which it refuses? */
static bool gives_zero(const char *name, const uint8_t *public_key, size_t len)
{
    uint8_t own_key[56] = {1, 2, 3};
    uint8_t out[56];
    EVP_PKEY *own = EVP_PKEY_new_raw_private_key_ex(NULL, name, NULL, own_key, len);
    EVP_PKEY *peer = EVP_PKEY_new_raw_public_key_ex(NULL, name, NULL, public_key, len);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);
    assert_non_null(peer);
    assert_int_equal(EVP_PKEY_derive_init(ctx), 1);
    assert_int_equal(EVP_PKEY_derive_set_peer_ex(ctx, peer, 0), 1);
    bool is_zero = EVP_PKEY_derive(ctx, out, &len) != 1;
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(own);
    EVP_PKEY_free(peer);
    return is_zero;
}

static void expect_x(enum sg_dh_group group, const uint8_t *public_key, bool is_low)
{
    const char *name = group == SG_DH_X25519 ? "X25519" : "X448";
    size_t len = sg_dh_sizes(group)->public_len;
    uint8_t own_key[56] = {1, 2, 3};
    uint8_t out[56];
    struct sg_dh_pair own = {sg_bytes(own_key, len), {NULL, 0}};
    sg_err want = is_low ? SG_ERR_MALFORMED : SG_OK;
    assert_int_equal(sg_dh_check(group, sg_bytes(public_key, len)), want);
    assert_int_equal(sg_dh_shared(group, &own, sg_bytes(public_key, len), out), want);
    assert_int_equal(gives_zero(name, public_key, len), is_low);
}

/* Little-endian hex -> out [len]. */
static void from_hex(const char *hex, uint8_t *out, size_t len)
{
    assert_int_equal(strlen(hex), 2 * len);
    for (size_t i = 0; i < len; i++) {
        unsigned value;
        assert_int_equal(sscanf(hex + 2 * i, "%2x", &value), 1);
        out[i] = (uint8_t)value;
    }
}

/* The points of low order of X25519 (RFC7748 s6.1), with the ignored top bit clear and set. */
static void test_x25519_low_order(void **state)
{
    static const char *const low[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(low) / sizeof(low[0]); i++) {
        uint8_t key[32];
        from_hex(low[i], key, sizeof(key));
        expect_x(SG_DH_X25519, key, true);
        key[31] |= 0x80;
        expect_x(SG_DH_X25519, key, true);
        key[31] &= 0x7f;
        key[0] ^= 0x10;
        expect_x(SG_DH_X25519, key, false);
    }
    uint8_t two[32] = {2};
    expect_x(SG_DH_X25519, two, false);
}

/* 0, 1, p - 1, p, p + 1, and their neighbours. */
static void test_x448_low_order(void **state)
{
    uint8_t key[56] = {0};
    (void)state;
    for (int value = 0; value < 4; value++) {
        key[0] = (uint8_t)value;
        expect_x(SG_DH_X448, key, value < 2);
    }
    memset(key, 0xff, sizeof(key));
    key[28] = 0xfe;
    for (int low = 0xfc; low <= 0xff; low++) {
        key[0] = (uint8_t)low;
        expect_x(SG_DH_X448, key, low >= 0xfe);
    }
    memset(key, 0, 28);
    memset(key + 28, 0xff, 28);
    expect_x(SG_DH_X448, key, true);
    key[0] = 1;
    expect_x(SG_DH_X448, key, false);
}

static void test_points(void **state)
{
    static const enum sg_dh_group groups[] = {SG_DH_P256, SG_DH_P384, SG_DH_P521};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        enum sg_dh_group g = groups[i];
        const struct sg_dh_sizes *sizes = sg_dh_sizes(g);
        uint8_t private_key[SG_DH_PRIVATE_MAX];
        uint8_t point[SG_DH_PUBLIC_MAX];
        uint8_t out[SG_DH_SHARED_MAX];
        struct sg_bytes public_key = sg_bytes(point, sizes->public_len);
        struct sg_dh_pair own = {sg_bytes(private_key, sizes->private_len), {NULL, 0}};
        assert_int_equal(sg_dh_generate(g, &source, private_key, point), SG_OK);
        assert_int_equal(sg_dh_check(g, public_key), SG_OK);
        for (int form = 0; form < 256; form++) { /* 2, 3: compressed; 6, 7: hybrid */
            point[0] = (uint8_t)form;
            assert_int_equal(sg_dh_check(g, public_key), form == 4 ? SG_OK : SG_ERR_MALFORMED);
        }
        point[0] = 0; /* the point at infinity is this one byte */
        assert_int_equal(sg_dh_check(g, sg_bytes(point, 1)), SG_ERR_MALFORMED);
        point[0] = 2;
        assert_int_equal(sg_dh_check(g, sg_bytes(point, 1 + (size_t)sizes->shared_len)),
                         SG_ERR_MALFORMED);
        point[0] = 4;
        point[sizes->public_len - 1] ^= 1; /* not on the curve */
        assert_int_equal(sg_dh_check(g, public_key), SG_ERR_MALFORMED);
        assert_int_equal(sg_dh_shared(g, &own, public_key, out), SG_ERR_MALFORMED);
        assert_zero(out, sizes->shared_len);
        memset(point + 1, 0xff, sizes->shared_len); /* x is not reduced */
        assert_int_equal(sg_dh_check(g, public_key), SG_ERR_MALFORMED);
        memset(point + 1, 0, public_key.len - 1);
        assert_int_equal(sg_dh_check(g, public_key), SG_ERR_MALFORMED);
    }
}

/* Zero and the order are no scalars, the order minus one is one. */
static void test_scalars(void **state)
{
    uint8_t order[32];
    uint8_t point[65];
    struct sg_bytes scalar = sg_bytes(order, 32);
    (void)state;
    from_hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", order, 32);
    assert_int_equal(sg_dh_public(SG_DH_P256, scalar, point), SG_ERR_MALFORMED);
    assert_zero(point, sizeof(point));
    assert_int_equal(sg_dh_check_private(SG_DH_P256, order), SG_ERR_MALFORMED);
    order[31]--;
    assert_int_equal(sg_dh_public(SG_DH_P256, scalar, point), SG_OK);
    assert_int_equal(sg_dh_check_private(SG_DH_P256, order), SG_OK);
    memset(order, 0, sizeof(order));
    assert_int_equal(sg_dh_public(SG_DH_P256, scalar, point), SG_ERR_MALFORMED);
    assert_int_equal(sg_dh_check_private(SG_DH_P256, order), SG_ERR_MALFORMED);
    assert_int_equal(sg_dh_check_private(SG_DH_X25519, order), SG_OK);
    uint8_t candidate[66] = {0xff, 0xff};
    sg_dh_mask(SG_DH_P521, candidate);
    assert_int_equal(candidate[0], 1);
    sg_dh_mask(SG_DH_P256, candidate + 1);
    assert_int_equal(candidate[1], 0xff);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_agreement),        cmocka_unit_test(test_ephemeral),
        cmocka_unit_test(test_x25519_low_order), cmocka_unit_test(test_x448_low_order),
        cmocka_unit_test(test_points),           cmocka_unit_test(test_scalars),
    };
    sg_prng_init(&prng, 1);
    return sg_crypto_init() != SG_OK || cmocka_run_group_tests(tests, NULL, NULL);
}
