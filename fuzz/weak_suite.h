/* What the core asks of cryptography, cheap: hashes that only differ, and signatures of nothing. A
 * target says itself what it verifies. */
#ifndef SG_FUZZ_WEAK_SUITE_H
#define SG_FUZZ_WEAK_SUITE_H

#include <string.h>

#include "crypto/suite.h"

#define PUBLIC_LEN 32
#define SIG_LEN 4

static inline void weak_hash(const struct sg_bytes *parts, size_t count, uint8_t out[SG_HASH_LEN])
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < count; i++) {
        size_t step = parts[i].len > 1024 ? 509 : 1; /* of chunks some bytes are enough */
        for (size_t k = 0; k < parts[i].len; k += step)
            h = (h ^ parts[i].data[k]) * UINT64_C(0x100000001b3);
        h = (h ^ parts[i].len) * UINT64_C(0x100000001b3);
    }
    for (size_t i = 0; i < SG_HASH_LEN; i++) {
        out[i] = (uint8_t)(h >> 56);
        h = h * UINT64_C(0x5851f42d4c957f2d) + 1;
    }
}

static inline sg_err weak_kdf(struct sg_bytes secret, struct sg_bytes salt, struct sg_bytes info,
                              uint8_t *out, size_t out_len)
{
    (void)secret, (void)salt, (void)info;
    memset(out, 0, out_len);
    return SG_OK;
}

static inline sg_err weak_sign(void *state, struct sg_bytes context, struct sg_bytes message,
                               uint8_t *signature)
{
    (void)state;
    (void)context;
    (void)message;
    memset(signature, 0, SIG_LEN);
    return SG_OK;
}

#endif
