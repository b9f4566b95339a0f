/* Stand-in crypto of the simulator: the shape of a suite without its cost or its security. Hashes
 * differ for different inputs in practice, signatures fail when any bit is flipped; anybody could
 * forge both. */
#ifndef SG_SIM_CRYPTO_SIM_H
#define SG_SIM_CRYPTO_SIM_H

#include "crypto/suite.h"

#define SG_SIM_PUBLIC_LEN 32
#define SG_SIM_SIG_LEN 32

/* Suite "sim", id 255. Static, without state: to count calls, copy it and wrap its functions. */
const struct sg_suite *sg_sim_suite(void);

/* The signer of a public key [SG_SIM_PUBLIC_LEN], which is borrowed: "private" is not its word. */
struct sg_signer sg_sim_signer(const struct sg_suite *suite, uint8_t *public_key);

/* A public key [SG_SIM_PUBLIC_LEN], different for each pair of seed and number. */
void sg_sim_public_key(uint64_t seed, uint32_t number, uint8_t *public_key);

/* 64-bit hash of bytes, for the trace hash. The same on every machine. */
uint64_t sg_sim_digest(struct sg_bytes bytes);
/* Mixes one word into a running hash; order matters. */
static inline uint64_t sg_sim_mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ (hash >> 29);
}

#endif
