#include "crypto/ec.h"

#include <openssl/bn.h>

#include "crypto/wipe.h"

/* What one computation needs. */
struct work {
    const EC_GROUP *group;
    size_t len;
    BN_CTX *ctx;
    BIGNUM *scalar; /* secret */
    BIGNUM *x;      /* secret */
    EC_POINT *in;
    EC_POINT *out; /* secret in sg_ec_shared */
};

size_t sg_ec_len(enum sg_ec_curve curve)
{
    static const uint8_t lens[SG_EC_CURVE_COUNT] = {
        [SG_EC_P256] = 32, [SG_EC_P384] = 48, [SG_EC_P521] = 66};
    return lens[curve];
}

static sg_err work_begin(struct work *w, enum sg_ec_curve curve)
{
    const struct sg_mls_evp *evp;
    *w = (struct work){.len = sg_ec_len(curve)};
    SG_TRY(sg_mls_evp_begin(&evp));
    w->group = evp->curve[curve];
    w->ctx = BN_CTX_new();
    w->scalar = BN_new();
    w->x = BN_new();
    w->in = EC_POINT_new(w->group);
    w->out = EC_POINT_new(w->group);
    if (w->ctx == NULL || w->scalar == NULL || w->x == NULL || w->in == NULL || w->out == NULL)
        return sg_evp_error(SG_ERR_NO_MEMORY);
    return SG_OK;
}

/* Also after a failed work_begin. */
static void work_end(struct work *w)
{
    EC_POINT_clear_free(w->out);
    EC_POINT_free(w->in);
    BN_clear_free(w->x);
    BN_clear_free(w->scalar);
    BN_CTX_free(w->ctx); /* wipes what it lent */
}

static sg_err load_scalar(struct work *w, struct sg_bytes scalar)
{
    if (scalar.len != w->len)
        return SG_ERR_MALFORMED;
    if (BN_bin2bn(scalar.data, (int)scalar.len, w->scalar) == NULL)
        return sg_evp_error(SG_ERR_CRYPTO);
    BN_set_flags(w->scalar, BN_FLG_CONSTTIME);
    if (BN_is_zero(w->scalar) || BN_cmp(w->scalar, EC_GROUP_get0_order(w->group)) >= 0)
        return SG_ERR_MALFORMED;
    return SG_OK;
}

/* SEC 1 s2.3.4; OpenSSL checks the curve's equation. The order of these curves is prime, so that is
 * all there is to check (SP 800-56A s5.6.2.3.4). */
static sg_err load_point(struct work *w, struct sg_bytes point)
{
    if (point.len != 1 + 2 * w->len || point.data[0] != POINT_CONVERSION_UNCOMPRESSED)
        return SG_ERR_MALFORMED;
    if (EC_POINT_oct2point(w->group, w->in, point.data, point.len, w->ctx) != 1)
        return sg_evp_error(SG_ERR_MALFORMED);
    return SG_OK;
}

static sg_err multiply_base(struct work *w, struct sg_bytes scalar, uint8_t *point)
{
    SG_TRY(load_scalar(w, scalar));
    if (EC_POINT_mul(w->group, w->out, w->scalar, NULL, NULL, w->ctx) == 1 &&
        EC_POINT_point2oct(w->group, w->out, POINT_CONVERSION_UNCOMPRESSED, point, 1 + 2 * w->len,
                           w->ctx) == 1 + 2 * w->len)
        return SG_OK;
    return sg_evp_error(SG_ERR_CRYPTO);
}

sg_err sg_ec_public(enum sg_ec_curve curve, struct sg_bytes scalar, uint8_t *point)
{
    struct work w;
    sg_err err = work_begin(&w, curve);
    if (err == SG_OK)
        err = multiply_base(&w, scalar, point);
    if (err != SG_OK)
        sg_wipe(point, 1 + 2 * w.len);
    work_end(&w);
    return err;
}

static sg_err multiply(struct work *w, struct sg_bytes scalar, struct sg_bytes point, uint8_t *out)
{
    SG_TRY(load_scalar(w, scalar));
    SG_TRY(load_point(w, point));
    if (EC_POINT_mul(w->group, w->out, NULL, w->in, w->scalar, w->ctx) == 1 &&
        EC_POINT_get_affine_coordinates(w->group, w->out, w->x, NULL, w->ctx) == 1 &&
        BN_bn2binpad(w->x, out, (int)w->len) == (int)w->len)
        return SG_OK;
    return sg_evp_error(SG_ERR_CRYPTO);
}

sg_err sg_ec_shared(enum sg_ec_curve curve, struct sg_bytes scalar, struct sg_bytes point,
                    uint8_t *out)
{
    struct work w;
    sg_err err = work_begin(&w, curve);
    if (err == SG_OK)
        err = multiply(&w, scalar, point, out);
    if (err != SG_OK)
        sg_wipe(out, w.len);
    work_end(&w);
    return err;
}

sg_err sg_ec_check_scalar(enum sg_ec_curve curve, struct sg_bytes scalar)
{
    struct work w;
    sg_err err = work_begin(&w, curve);
    if (err == SG_OK)
        err = load_scalar(&w, scalar);
    work_end(&w);
    return err;
}

sg_err sg_ec_check(enum sg_ec_curve curve, struct sg_bytes point)
{
    struct work w;
    sg_err err = work_begin(&w, curve);
    if (err == SG_OK)
        err = load_point(&w, point);
    work_end(&w);
    return err;
}
