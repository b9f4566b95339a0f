/* Two sets of random 32-byte ids with a known difference. */
#ifndef SG_TESTS_UNIT_RECONCILE_REC_FIXTURE_H
#define SG_TESTS_UNIT_RECONCILE_REC_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/prng.h"
#include "reconcile/riblt.h"

static inline struct sg_riblt_keys keys_of(uint64_t seed)
{
    uint8_t bytes[SG_RIBLT_KEYS_LEN];
    struct sg_prng prng;
    sg_prng_init(&prng, seed);
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)sg_prng_next(&prng);
    return sg_riblt_keys(bytes);
}

/* Short ids: common ones first, then those of a alone, then those of b alone. */
struct pair {
    struct sg_riblt_keys keys;
    struct sg_riblt_encoder a, b;
    uint32_t common, only_a, only_b;
    uint64_t *ids;
};

static inline void fill(struct sg_riblt_encoder *e, const struct pair *p, uint32_t first,
                        uint32_t count, uint32_t at)
{
    for (uint32_t i = 0; i < count; i++)
        sg_riblt_encoder_set(e, &p->keys, at + i, p->ids[first + i]);
}

static inline void pair_init(struct pair *p, uint64_t seed, uint32_t common, uint32_t only_a,
                             uint32_t only_b)
{
    struct sg_prng prng;
    const struct sg_mem *mem = sg_mem_default();
    *p = (struct pair){.keys = keys_of(seed), .common = common, .only_a = only_a, .only_b = only_b};
    sg_prng_init(&prng, seed ^ 1);
    p->ids = calloc(common + only_a + only_b + 1, sizeof(*p->ids));
    for (uint32_t i = 0; i < common + only_a + only_b; i++)
        p->ids[i] = sg_prng_next(&prng);
    assert_int_equal(sg_riblt_encoder_init(&p->a, mem, common + only_a), SG_OK);
    assert_int_equal(sg_riblt_encoder_init(&p->b, mem, common + only_b), SG_OK);
    fill(&p->a, p, 0, common, 0);
    fill(&p->b, p, 0, common, 0);
    fill(&p->a, p, common, only_a, common);
    fill(&p->b, p, common + only_a, only_b, common);
}

static inline void pair_fini(struct pair *p)
{
    sg_riblt_encoder_fini(&p->a);
    sg_riblt_encoder_fini(&p->b);
    free(p->ids);
}

/* Feeds count more symbols of a to the decoder at b. */
static inline sg_err feed(struct pair *p, struct sg_riblt_decoder *d, uint32_t count)
{
    struct sg_rec_symbol theirs[512];
    struct sg_rec_symbol ours[512];
    assert_true(count <= 512);
    assert_int_equal(sg_riblt_encode(&p->a, count, theirs), SG_OK);
    assert_int_equal(sg_riblt_encode(&p->b, count, ours), SG_OK);
    return sg_riblt_decode(d, count, theirs, ours);
}

static inline int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Every item found is one of its side, each once, and none lacks. */
static inline void assert_found_all(const struct pair *p, const struct sg_riblt_decoder *d)
{
    uint32_t count = p->only_a + p->only_b;
    uint64_t *expected = calloc(count + 1, sizeof(*expected));
    uint64_t *found = calloc(count + 1, sizeof(*found));
    assert_int_equal(d->found_count, count);
    for (int side = 0; side < 2; side++) {
        uint32_t n = side == 0 ? p->only_a : p->only_b;
        uint32_t got = 0;
        for (uint32_t i = 0; i < n; i++)
            expected[i] = p->ids[p->common + (side == 0 ? 0 : p->only_a) + i];
        for (uint32_t i = 0; i < count; i++) {
            if (d->found[i].sign == (side == 0 ? 1 : 255))
                found[got++] = d->found[i].id;
        }
        assert_int_equal(got, n);
        qsort(expected, n, sizeof(*expected), compare_u64);
        qsort(found, n, sizeof(*found), compare_u64);
        assert_memory_equal(found, expected, n * sizeof(*found));
    }
    free(expected);
    free(found);
}

#endif
