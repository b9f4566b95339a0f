/* Inside crypto/: the NIST curves, for key agreement (crypto/dh.h) and ECDSA. Points are
 * uncompressed (SEC 1 s2.3.3), scalars big-endian and of full length. OpenSSL's curve objects are
 * made once; its key objects would be made anew, with the curve's parameters parsed, per call. */
#ifndef SG_CRYPTO_EC_H
#define SG_CRYPTO_EC_H

#include "crypto/mls_evp.h"
#include "crypto/mls_suite.h"

/* 32, 48, 66: of a scalar and of a coordinate. */
size_t sg_ec_len(enum sg_ec_curve curve);

/* scalar [any] -> point [1 + 2 * len]. On error point is zeroed. SG_ERR_MALFORMED: length, or not
 * in [1, order). SG_ERR_NO_MEMORY, SG_ERR_CRYPTO. */
SG_MUST_USE sg_err sg_ec_public(enum sg_ec_curve curve, struct sg_bytes scalar, uint8_t *point);
/* The x-coordinate [len] of scalar [any] times point [any]. On error out is zeroed.
 * SG_ERR_MALFORMED: scalar as above, or point not on the curve or not uncompressed. */
SG_MUST_USE sg_err sg_ec_shared(enum sg_ec_curve curve, struct sg_bytes scalar,
                                struct sg_bytes point, uint8_t *out);
/* SG_ERR_MALFORMED: scalar [any] as above. */
SG_MUST_USE sg_err sg_ec_check_scalar(enum sg_ec_curve curve, struct sg_bytes scalar);
/* SG_ERR_MALFORMED: point [any] is not on the curve or not uncompressed. */
SG_MUST_USE sg_err sg_ec_check(enum sg_ec_curve curve, struct sg_bytes point);

#endif
