/* Argon2id (RFC 9106), version 0x13: a key from a passphrase. */
#ifndef SG_CRYPTO_ARGON2ID_H
#define SG_CRYPTO_ARGON2ID_H

#include "base/bytes.h"

/* RFC 9106 s3.1. lanes <= 255, memory_kib >= 8 * lanes, passes >= 1. */
struct sg_argon2id_cost {
    uint32_t memory_kib;
    uint32_t passes;
    uint32_t lanes;
};

/* The limits that sg_argon2id accepts, so that a file with hostile numbers cannot take the machine
 * down: 1 GiB, 16 passes, 16 lanes. */
#define SG_ARGON2ID_MEMORY_KIB_MAX (UINT32_C(1) << 20)
#define SG_ARGON2ID_PASSES_MAX 16
#define SG_ARGON2ID_LANES_MAX 16
/* RFC 9106 s4: 128 bits suffice for all applications. */
#define SG_ARGON2ID_SALT_LEN 16

/* 64 MiB, 3 passes, 4 lanes: RFC 9106 s4, second recommended option. */
struct sg_argon2id_cost sg_argon2id_cost_default(void);

/* Is cost within the limits of the RFC and of this header? */
bool sg_argon2id_cost_is_valid(const struct sg_argon2id_cost *cost);

/* passphrase [any], salt [8 or more], out [4 or more]. On error out is zeroed. Takes
 * cost->memory_kib of memory and runs on the calling thread, whatever the lanes.
 * SG_ERR_INVALID_ARGUMENT: cost or a length out of range. SG_ERR_NO_MEMORY, SG_ERR_CRYPTO. */
SG_MUST_USE sg_err sg_argon2id(const struct sg_argon2id_cost *cost, struct sg_bytes passphrase,
                               struct sg_bytes salt, uint8_t *out, size_t out_len);

#endif
