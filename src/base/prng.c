#include "base/prng.h"

static uint64_t splitmix64(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void sg_prng_init(struct sg_prng *p, uint64_t seed)
{
    for (int i = 0; i < 4; i++)
        p->s[i] = splitmix64(&seed);
}

static uint64_t rotl(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

uint64_t sg_prng_next(struct sg_prng *p)
{
    uint64_t result = rotl(p->s[1] * 5, 7) * 9;
    uint64_t t = p->s[1] << 17;
    p->s[2] ^= p->s[0];
    p->s[3] ^= p->s[1];
    p->s[1] ^= p->s[2];
    p->s[0] ^= p->s[3];
    p->s[2] ^= t;
    p->s[3] = rotl(p->s[3], 45);
    return result;
}

uint64_t sg_prng_below(struct sg_prng *p, uint64_t n)
{
    if (n < 2)
        return 0;
    /* rejection keeps it unbiased: the first (2^64 mod n) values are redrawn */
    uint64_t reject = (0 - n) % n;
    for (;;) {
        uint64_t draw = sg_prng_next(p);
        if (draw >= reject)
            return draw % n;
    }
}

uint64_t sg_prng_jitter(struct sg_prng *p, uint64_t value, unsigned percent)
{
    uint64_t span = value / 100 * percent;
    uint64_t draw = sg_prng_below(p, 2 * span + 1);
    return value - span + draw;
}
