#include "crypto/dh.h"

#include <openssl/core_names.h>

#include "crypto/ec.h"
#include "crypto/wipe.h"

/* RFC7748 s6: the x-coordinates, little-endian, of the points whose order divides the cofactor, on
 * the curve and on its twist, and 0 and 1 once more as p and p + 1. With any of them the shared
 * secret is zero, whatever the private key. */
static const uint8_t x25519_low_order[][32] = {
    {0},
    {1},
    {0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3,
     0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32,
     0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00},
    {0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1,
     0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c,
     0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57},
    {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    {0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    {0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
};

const struct sg_dh_sizes *sg_dh_sizes(enum sg_dh_group group)
{
    static const struct sg_dh_sizes sizes[SG_DH_GROUP_COUNT] = {
        [SG_DH_X25519] = {32, 32, 32}, [SG_DH_X448] = {56, 56, 56},  [SG_DH_P256] = {32, 65, 32},
        [SG_DH_P384] = {48, 97, 48},   [SG_DH_P521] = {66, 133, 66},
    };
    return &sizes[group];
}

static bool is_montgomery(enum sg_dh_group group)
{
    return group == SG_DH_X25519 || group == SG_DH_X448;
}

static enum sg_ec_curve curve_of(enum sg_dh_group group)
{
    return group == SG_DH_P256 ? SG_EC_P256 : group == SG_DH_P384 ? SG_EC_P384 : SG_EC_P521;
}

static const char *name_of(enum sg_dh_group group)
{
    return group == SG_DH_X25519 ? "X25519" : "X448";
}

static bool is_low_order_25519(const uint8_t *public_key)
{
    uint8_t masked[32];
    memcpy(masked, public_key, sizeof(masked));
    masked[31] &= 0x7f; /* RFC7748 s5: the top bit is ignored */
    for (size_t i = 0; i < sizeof(x25519_low_order) / sizeof(x25519_low_order[0]); i++) {
        if (memcmp(masked, x25519_low_order[i], sizeof(masked)) == 0)
            return true;
    }
    return false;
}

/* 0, 1, p - 1, p, p + 1, where p = 2^448 - 2^224 - 1. */
static bool is_low_order_448(const uint8_t *public_key)
{
    static const uint8_t zeros[56];
    uint8_t ones[56];
    memset(ones, 0xff, sizeof(ones));
    if (memcmp(public_key + 1, zeros, 55) == 0)
        return public_key[0] <= 1;
    /* p - 1 and p differ from 28 bytes ff, fe, 27 bytes ff in the first byte only */
    if (memcmp(public_key + 1, ones, 27) == 0 && public_key[28] == 0xfe &&
        memcmp(public_key + 29, ones, 27) == 0)
        return public_key[0] >= 0xfe;
    /* p + 1 = 2^448 - 2^224 */
    return memcmp(public_key, zeros, 28) == 0 && memcmp(public_key + 28, ones, 28) == 0;
}

static bool is_low_order(enum sg_dh_group group, const uint8_t *public_key)
{
    return group == SG_DH_X25519 ? is_low_order_25519(public_key) : is_low_order_448(public_key);
}

static sg_err x_public(enum sg_dh_group group, struct sg_bytes private_key, uint8_t *public_key)
{
    const struct sg_mls_evp *evp;
    size_t want = sg_dh_sizes(group)->public_len;
    size_t len = want;
    if (private_key.len != want)
        return SG_ERR_MALFORMED;
    SG_TRY(sg_mls_evp_begin(&evp));
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key_ex(NULL, name_of(group), NULL, private_key.data,
                                                    private_key.len);
    bool ok = key != NULL && EVP_PKEY_get_raw_public_key(key, public_key, &len) == 1 && len == want;
    EVP_PKEY_free(key);
    return ok ? SG_OK : sg_evp_error(SG_ERR_CRYPTO);
}

sg_err sg_dh_public(enum sg_dh_group group, struct sg_bytes private_key, uint8_t *public_key)
{
    sg_err err = is_montgomery(group) ? x_public(group, private_key, public_key)
                                      : sg_ec_public(curve_of(group), private_key, public_key);
    if (err != SG_OK)
        sg_wipe(public_key, sg_dh_sizes(group)->public_len);
    return err;
}

sg_err sg_dh_check_private(enum sg_dh_group group, const uint8_t *private_key)
{
    if (is_montgomery(group))
        return SG_OK;
    return sg_ec_check_scalar(curve_of(group),
                              sg_bytes(private_key, sg_dh_sizes(group)->private_len));
}

void sg_dh_mask(enum sg_dh_group group, uint8_t *candidate)
{
    if (group == SG_DH_P521)
        candidate[0] &= 0x01;
}

/* A candidate is out of range once in 2^32 times or less, but the source may be a test's. */
sg_err sg_dh_generate(enum sg_dh_group group, const struct sg_mls_random *random,
                      uint8_t *private_key, uint8_t *public_key)
{
    size_t len = sg_dh_sizes(group)->private_len;
    sg_err err = SG_ERR_MALFORMED;
    for (int i = 0; i < 64 && err == SG_ERR_MALFORMED; i++) {
        err = random->fill(random->state, private_key, len);
        sg_dh_mask(group, private_key);
        if (err == SG_OK)
            err = sg_dh_public(group, sg_bytes(private_key, len), public_key);
    }
    if (err == SG_OK)
        return SG_OK;
    sg_wipe(private_key, len);
    sg_wipe(public_key, sg_dh_sizes(group)->public_len);
    return err == SG_ERR_MALFORMED ? SG_ERR_CRYPTO : err;
}

sg_err sg_dh_check(enum sg_dh_group group, struct sg_bytes public_key)
{
    if (!is_montgomery(group))
        return sg_ec_check(curve_of(group), public_key);
    if (public_key.len != sg_dh_sizes(group)->public_len || is_low_order(group, public_key.data))
        return SG_ERR_MALFORMED;
    return SG_OK;
}

/* Our key as an object. With the public key given, OpenSSL does not compute it. */
static EVP_PKEY *x_key_new(enum sg_dh_group group, const struct sg_dh_pair *own)
{
    EVP_PKEY *key = NULL;
    if (own->public_key.len == 0)
        return EVP_PKEY_new_raw_private_key_ex(NULL, name_of(group), NULL, own->private_key.data,
                                               own->private_key.len);
    OSSL_PARAM params[] = {sg_evp_octets(OSSL_PKEY_PARAM_PRIV_KEY, own->private_key),
                           sg_evp_octets(OSSL_PKEY_PARAM_PUB_KEY, own->public_key),
                           OSSL_PARAM_construct_end()};
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, name_of(group), NULL);
    if (ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1)
        (void)EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

static bool x_derive(EVP_PKEY *own, EVP_PKEY *peer, uint8_t *out, size_t want)
{
    size_t len = want;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);
    bool ok = ctx != NULL && EVP_PKEY_derive_init(ctx) == 1 &&
              EVP_PKEY_derive_set_peer_ex(ctx, peer, 0) == 1 &&
              EVP_PKEY_derive(ctx, out, &len) == 1 && len == want;
    EVP_PKEY_CTX_free(ctx);
    return ok;
}

static sg_err x_shared(enum sg_dh_group group, const struct sg_dh_pair *own, struct sg_bytes peer,
                       uint8_t *out)
{
    const struct sg_mls_evp *evp;
    size_t len = sg_dh_sizes(group)->shared_len;
    if (own->private_key.len != len || (own->public_key.len != 0 && own->public_key.len != len))
        return SG_ERR_MALFORMED;
    SG_TRY(sg_dh_check(group, peer));
    SG_TRY(sg_mls_evp_begin(&evp));
    EVP_PKEY *own_key = x_key_new(group, own);
    EVP_PKEY *peer_key =
        EVP_PKEY_new_raw_public_key_ex(NULL, name_of(group), NULL, peer.data, peer.len);
    bool ok = own_key != NULL && peer_key != NULL && x_derive(own_key, peer_key, out, len);
    EVP_PKEY_free(own_key);
    EVP_PKEY_free(peer_key);
    return ok ? SG_OK : sg_evp_error(SG_ERR_CRYPTO);
}

sg_err sg_dh_shared(enum sg_dh_group group, const struct sg_dh_pair *own, struct sg_bytes peer,
                    uint8_t *out)
{
    sg_err err = is_montgomery(group) ? x_shared(group, own, peer, out)
                                      : sg_ec_shared(curve_of(group), own->private_key, peer, out);
    if (err != SG_OK)
        sg_wipe(out, sg_dh_sizes(group)->shared_len);
    return err;
}

/* One object for both halves of the work. */
static sg_err x_ephemeral(enum sg_dh_group group, const uint8_t *private_key, struct sg_bytes peer,
                          uint8_t *public_key, uint8_t *out)
{
    const struct sg_mls_evp *evp;
    size_t want = sg_dh_sizes(group)->public_len, len = want;
    SG_TRY(sg_mls_evp_begin(&evp));
    EVP_PKEY *own = EVP_PKEY_new_raw_private_key_ex(NULL, name_of(group), NULL, private_key, want);
    EVP_PKEY *other =
        EVP_PKEY_new_raw_public_key_ex(NULL, name_of(group), NULL, peer.data, peer.len);
    bool ok = own != NULL && other != NULL &&
              EVP_PKEY_get_raw_public_key(own, public_key, &len) == 1 && len == want &&
              x_derive(own, other, out, sg_dh_sizes(group)->shared_len);
    EVP_PKEY_free(own);
    EVP_PKEY_free(other);
    return ok ? SG_OK : sg_evp_error(SG_ERR_CRYPTO);
}

sg_err sg_dh_ephemeral(enum sg_dh_group group, const struct sg_mls_random *random,
                       struct sg_bytes peer, uint8_t *public_key, uint8_t *out)
{
    const struct sg_dh_sizes *sizes = sg_dh_sizes(group);
    uint8_t private_key[SG_DH_PRIVATE_MAX];
    struct sg_dh_pair own = {sg_bytes(private_key, sizes->private_len),
                             sg_bytes(public_key, sizes->public_len)};
    sg_err err = sg_dh_check(group, peer);
    if (err == SG_OK && is_montgomery(group)) {
        err = random->fill(random->state, private_key, sizes->private_len);
        if (err == SG_OK)
            err = x_ephemeral(group, private_key, peer, public_key, out);
    } else if (err == SG_OK) {
        err = sg_dh_generate(group, random, private_key, public_key);
        if (err == SG_OK)
            err = sg_dh_shared(group, &own, peer, out);
    }
    sg_wipe(private_key, sizeof(private_key));
    if (err == SG_OK)
        return SG_OK;
    sg_wipe(public_key, sizes->public_len);
    sg_wipe(out, sizes->shared_len);
    return err;
}
