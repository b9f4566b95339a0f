/* SipHash-2-4 (Aumasson, Bernstein, "SipHash: a fast short-input PRF", 2012) of the two lengths we
 * need. Words are little-endian, as in the paper. A keyed short id, never an identity: 64 bits can
 * be ground by whoever has the key. */
#ifndef SG_BASE_SIPHASH_H
#define SG_BASE_SIPHASH_H

#include "base/bytes.h"

struct sg_siphash_key {
    uint64_t k[2];
};

/* key bytes [16] as they stand in the paper's test vectors. */
static inline struct sg_siphash_key sg_siphash_key(const uint8_t key[16])
{
    return (struct sg_siphash_key){{sg_load64(key), sg_load64(key + 8)}};
}

/* Of a 32-byte id. */
uint64_t sg_siphash_id(const struct sg_siphash_key *key, const uint8_t id[SG_ID_LEN]);
/* Of the 8 bytes of a word. */
uint64_t sg_siphash_u64(const struct sg_siphash_key *key, uint64_t word);

#endif
