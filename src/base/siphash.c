#include "base/siphash.h"

struct state {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotl(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static inline void sip_round(struct state *s)
{
    s->v0 += s->v1;
    s->v1 = rotl(s->v1, 13) ^ s->v0;
    s->v0 = rotl(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = rotl(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = rotl(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = rotl(s->v1, 17) ^ s->v2;
    s->v2 = rotl(s->v2, 32);
}

static inline struct state begin(const struct sg_siphash_key *key)
{
    return (struct state){
        key->k[0] ^ UINT64_C(0x736f6d6570736575), key->k[1] ^ UINT64_C(0x646f72616e646f6d),
        key->k[0] ^ UINT64_C(0x6c7967656e657261), key->k[1] ^ UINT64_C(0x7465646279746573)};
}

static inline void take(struct state *s, uint64_t word)
{
    s->v3 ^= word;
    sip_round(s);
    sip_round(s);
    s->v0 ^= word;
}

/* The last word carries the length alone: ours are multiples of eight bytes. */
static inline uint64_t finish(struct state *s, uint64_t len)
{
    take(s, len << 56);
    s->v2 ^= 0xff;
    for (int i = 0; i < 4; i++)
        sip_round(s);
    return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

uint64_t sg_siphash_id(const struct sg_siphash_key *key, const uint8_t id[SG_ID_LEN])
{
    struct state s = begin(key);
    for (size_t i = 0; i < SG_ID_LEN; i += 8)
        take(&s, sg_load64(id + i));
    return finish(&s, SG_ID_LEN);
}

uint64_t sg_siphash_u64(const struct sg_siphash_key *key, uint64_t word)
{
    struct state s = begin(key);
    take(&s, word);
    return finish(&s, 8);
}
