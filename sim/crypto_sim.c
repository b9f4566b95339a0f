/* The hash: four lanes of 64 bits, each takes every fourth word by xor, multiply, xor-shift; at the
 * end two rounds in which each lane mixes in the one before, so that every bit of the input reaches
 * every bit of the output. All steps are permutations of the state. */
#include "crypto_sim.h"

#include "base/bytes.h"

#define BLOCK_LEN 32

struct sponge {
    uint64_t lane[4];
    uint64_t len;
    size_t fill;
    uint8_t block[BLOCK_LEN];
};

static void store64(uint8_t *p, uint64_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
    p[2] = (uint8_t)(v >> 16);
    p[3] = (uint8_t)(v >> 24);
    p[4] = (uint8_t)(v >> 32);
    p[5] = (uint8_t)(v >> 40);
    p[6] = (uint8_t)(v >> 48);
    p[7] = (uint8_t)(v >> 56);
}

static uint64_t mix64(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static void begin(struct sponge *s)
{
    s->lane[0] = UINT64_C(0x243f6a8885a308d3);
    s->lane[1] = UINT64_C(0x13198a2e03707344);
    s->lane[2] = UINT64_C(0xa4093822299f31d0);
    s->lane[3] = UINT64_C(0x082efa98ec4e6c89);
    s->len = 0;
    s->fill = 0;
}

static uint64_t lane_step(uint64_t lane, uint64_t word)
{
    lane = (lane ^ word) * UINT64_C(0x9fb21c651e98df25);
    return lane ^ (lane >> 32);
}

static void take_block(struct sponge *s, const uint8_t *p)
{
    s->lane[0] = lane_step(s->lane[0], sg_load64(p));
    s->lane[1] = lane_step(s->lane[1], sg_load64(p + 8));
    s->lane[2] = lane_step(s->lane[2], sg_load64(p + 16));
    s->lane[3] = lane_step(s->lane[3], sg_load64(p + 24));
}

static void take(struct sponge *s, struct sg_bytes part)
{
    const uint8_t *at = part.data;
    size_t left = part.len;
    s->len += left;
    while (left > 0) {
        if (s->fill == 0 && left >= BLOCK_LEN) {
            take_block(s, at);
            at += BLOCK_LEN;
            left -= BLOCK_LEN;
            continue;
        }
        size_t step = left < BLOCK_LEN - s->fill ? left : BLOCK_LEN - s->fill;
        memcpy(s->block + s->fill, at, step);
        s->fill += step;
        at += step;
        left -= step;
        if (s->fill == BLOCK_LEN) {
            take_block(s, s->block);
            s->fill = 0;
        }
    }
}

static void take_rest(struct sponge *s)
{
    if (s->fill > 0) {
        memset(s->block + s->fill, 0, BLOCK_LEN - s->fill);
        take_block(s, s->block);
    }
    s->lane[0] ^= s->len; /* so that zeros at the end count */
}

static void finish(struct sponge *s, uint8_t out[SG_HASH_LEN])
{
    take_rest(s);
    for (int i = 0; i < 8; i++)
        s->lane[i & 3] = mix64(s->lane[i & 3] + s->lane[(i + 3) & 3]);
    for (size_t i = 0; i < 4; i++)
        store64(out + 8 * i, s->lane[i]);
}

static void hash(const struct sg_bytes *parts, size_t count, uint8_t out[SG_HASH_LEN])
{
    struct sponge s;
    begin(&s);
    for (size_t i = 0; i < count; i++)
        take(&s, parts[i]);
    finish(&s, out);
}

static void signature_of(struct sg_bytes public_key, struct sg_bytes context,
                         struct sg_bytes message, uint8_t *signature)
{
    uint8_t len[8];
    store64(len, context.len);
    const struct sg_bytes parts[] = {SG_BYTES_LIT("sim signature v1"), public_key,
                                     sg_bytes(len, sizeof(len)), context, message};
    hash(parts, sizeof(parts) / sizeof(parts[0]), signature);
}

static sg_err sim_verify(struct sg_bytes public_key, struct sg_bytes context,
                         struct sg_bytes message, struct sg_bytes signature)
{
    uint8_t expected[SG_SIM_SIG_LEN];
    if (public_key.len != SG_SIM_PUBLIC_LEN)
        return SG_ERR_BAD_SIGNATURE;
    signature_of(public_key, context, message, expected);
    bool same = sg_bytes_equal(signature, sg_bytes(expected, sizeof(expected)));
    return same ? SG_OK : SG_ERR_BAD_SIGNATURE;
}

static sg_err sim_sign(void *state, struct sg_bytes context, struct sg_bytes message,
                       uint8_t *signature)
{
    signature_of(sg_bytes(state, SG_SIM_PUBLIC_LEN), context, message, signature);
    return SG_OK;
}

static sg_err sim_kdf(struct sg_bytes secret, struct sg_bytes salt, struct sg_bytes info,
                      uint8_t *out, size_t out_len)
{
    uint8_t block[SG_HASH_LEN];
    const struct sg_bytes parts[] = {SG_BYTES_LIT("sim kdf v1"), secret, salt, info};
    hash(parts, sizeof(parts) / sizeof(parts[0]), block);
    for (size_t i = 0; i < out_len; i++)
        out[i] = block[i % sizeof(block)];
    return SG_OK;
}

const struct sg_suite *sg_sim_suite(void)
{
    static const struct sg_suite suite = {.name = "sim",
                                          .id = 255,
                                          .sig_public_len = SG_SIM_PUBLIC_LEN,
                                          .sig_len = SG_SIM_SIG_LEN,
                                          .hash = hash,
                                          .verify = sim_verify,
                                          .kdf = sim_kdf};
    return &suite;
}

struct sg_signer sg_sim_signer(const struct sg_suite *suite, uint8_t *public_key)
{
    return (struct sg_signer){.suite = suite,
                              .public_key = sg_bytes(public_key, SG_SIM_PUBLIC_LEN),
                              .state = public_key,
                              .sign = sim_sign};
}

void sg_sim_public_key(uint64_t seed, uint32_t number, uint8_t *public_key)
{
    uint8_t numbers[16];
    store64(numbers, seed);
    store64(numbers + 8, number);
    const struct sg_bytes parts[] = {SG_BYTES_LIT("sim key v1"), sg_bytes(numbers, 16)};
    hash(parts, 2, public_key);
}

uint64_t sg_sim_digest(struct sg_bytes bytes)
{
    struct sponge s;
    begin(&s);
    take(&s, bytes);
    take_rest(&s);
    uint64_t h = sg_sim_mix(s.lane[0], s.lane[1]);
    h = sg_sim_mix(h, s.lane[2]);
    return sg_sim_mix(h, s.lane[3]);
}
