/* Seeded generator for the choices of protocol machines (which peer, which jitter): xoshiro256**
 * (Blackman & Vigna 2018), seeded by splitmix64. Never for keys or nonces: crypto/random.h.
 * One draw per statement: argument order is unspecified in C. */
#ifndef SG_BASE_PRNG_H
#define SG_BASE_PRNG_H

#include <stdint.h>

struct sg_prng {
    uint64_t s[4];
};

void sg_prng_init(struct sg_prng *p, uint64_t seed);
uint64_t sg_prng_next(struct sg_prng *p);
/* Uniform in [0, n); n = 0 gives 0. Unbiased by rejection. */
uint64_t sg_prng_below(struct sg_prng *p, uint64_t n);
/* value +- share percent, uniform; e.g. jitter of a timer. percent <= 100. */
uint64_t sg_prng_jitter(struct sg_prng *p, uint64_t value, unsigned percent);

#endif
