/* riblt.c: the mapping against sync.md's indexes, encoder and decoder against each other. */
#include "unit/reconcile/rec_fixture.h"

#include "reconcile/mapping.h"

/* The first thirteen symbols of an item, by its short id. */
static void assert_indexes(uint64_t id, const uint32_t expected[13])
{
    struct sg_riblt_keys keys = keys_of(1);
    struct sg_riblt_encoder e;
    struct sg_rec_symbol *symbols = calloc(4000, sizeof(*symbols));
    assert_int_equal(sg_riblt_encoder_init(&e, sg_mem_default(), 1), SG_OK);
    sg_riblt_encoder_set(&e, &keys, 0, id);
    assert_int_equal(sg_riblt_encode(&e, 4000, symbols), SG_OK);
    uint32_t found = 0;
    for (uint32_t i = 0; i <= expected[12]; i++) {
        if (symbols[i].count == 0)
            continue;
        assert_int_equal(symbols[i].count, 1);
        assert_int_equal(symbols[i].id, id);
        assert_int_equal(symbols[i].check, sg_siphash_u64(&keys.check, id));
        assert_true(found < 13);
        assert_int_equal(i, expected[found++]);
    }
    assert_int_equal(found, 13);
    sg_riblt_encoder_fini(&e);
    free(symbols);
}

static void test_indexes(void **state)
{
    (void)state;
    assert_indexes(1, (uint32_t[]){0, 1, 2, 3, 6, 11, 19, 44, 116, 122, 341, 972, 3263});
    /* the lowest bit of a state is set, whatever the id's */
    assert_indexes(0, (uint32_t[]){0, 1, 2, 3, 6, 11, 19, 44, 116, 122, 341, 972, 3263});
    assert_indexes(3, (uint32_t[]){0, 1, 2, 6, 13, 45, 135, 170, 253, 299, 479, 787, 1525});
    assert_indexes(UINT64_C(0x0123456789abcdef),
                   (uint32_t[]){0, 1, 2, 4, 6, 8, 20, 24, 34, 36, 126, 153, 155});
    assert_indexes(UINT64_MAX,
                   (uint32_t[]){0, 3, 29, 59, 80, 101, 128, 145, 158, 520, 558, 597, 626});
}

/* The branchless conversion is the compiler's. */
static void test_double(void **state)
{
    (void)state;
    struct sg_prng prng;
    sg_prng_init(&prng, 7);
    for (int i = 0; i < 100000; i++) {
        uint64_t draw = sg_prng_next(&prng);
        uint64_t x = draw >> (i % 64);
        assert_true(sg_riblt_double(x) == (double)x);
    }
    assert_true(sg_riblt_double(UINT64_MAX) == 18446744073709551616.0);
}

/* However symbols are asked for, they are the same. */
static void test_windows(void **state)
{
    (void)state;
    struct pair p;
    struct sg_rec_symbol at_once[1500];
    struct sg_rec_symbol one[1500];
    pair_init(&p, 3, 1000, 0, 0);
    assert_int_equal(sg_riblt_encode(&p.a, 1500, at_once), SG_OK);
    for (uint32_t at = 0, step = 1; at < 1500; at += step) {
        step = at % 37 + 1 < 1500 - at ? at % 37 + 1 : 1500 - at;
        assert_int_equal(sg_riblt_encode(&p.b, step, &one[at]), SG_OK);
    }
    for (uint32_t i = 0; i < 1500; i++) {
        assert_int_equal(at_once[i].id, one[i].id);
        assert_int_equal(at_once[i].check, one[i].check);
        assert_int_equal(at_once[i].count, one[i].count);
    }
    assert_int_equal(p.a.digest.sum[0], p.b.digest.sum[0]);
    assert_int_equal(p.a.digest.sum[1], p.b.digest.sum[1]);
    pair_fini(&p);
}

static uint32_t decode_all(struct pair *p, uint32_t step)
{
    struct sg_riblt_decoder d;
    sg_riblt_decoder_init(&d, sg_mem_default(), &p->keys);
    while (!sg_riblt_is_done(&d)) {
        assert_int_equal(feed(p, &d, step), SG_OK);
        assert_true(d.count < 4 * (p->only_a + p->only_b) + 256);
    }
    assert_found_all(p, &d);
    uint32_t used = d.count;
    /* the digest of the one set and the difference give the other one's */
    struct sg_riblt_digest digest = p->b.digest;
    for (uint32_t i = 0; i < d.found_count; i++)
        sg_riblt_digest_add(&digest, &d.found[i], d.found[i].sign);
    assert_int_equal(digest.sum[0], p->a.digest.sum[0]);
    assert_int_equal(digest.sum[1], p->a.digest.sum[1]);
    sg_riblt_decoder_fini(&d);
    return used;
}

static void test_differences(void **state)
{
    (void)state;
    static const uint32_t sizes[][2] = {{0, 0}, {1, 0}, {0, 1},   {1, 1},    {3, 0},
                                        {0, 9}, {5, 5}, {40, 60}, {0, 1000}, {700, 300}};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (uint64_t seed = 1; seed <= 5; seed++) {
            struct pair p;
            pair_init(&p, 100 * i + seed, 200, sizes[i][0], sizes[i][1]);
            uint32_t used = decode_all(&p, 1);
            assert_true(i > 0 || used == 1);
            pair_fini(&p);
        }
    }
}

/* Symbols with the long checks, too. */
static void test_large_difference(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p, 5, 1000, 6000, 5000);
    uint32_t used = decode_all(&p, 500);
    assert_in_range(used, SG_REC_SHORT_CHECKS + 1, 16500);
    pair_fini(&p);
}

/* sync.md 2.3: 1.72 symbols per difference at 10, 1.45 at 100 (3 standard errors of these runs). */
static void test_symbols_per_difference(void **state)
{
    (void)state;
    uint32_t used[2] = {0, 0};
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct pair p;
        pair_init(&p, seed, 10, 5, 5);
        used[0] += decode_all(&p, 1);
        pair_fini(&p);
        if (seed > 100)
            continue;
        pair_init(&p, seed, 10, 50, 50);
        used[1] += decode_all(&p, 1);
        pair_fini(&p);
    }
    assert_in_range(used[0], 4800, 5600);   /* 5 160 */
    assert_in_range(used[1], 14000, 15000); /* 14 500 */
}

static void test_estimate(void **state)
{
    (void)state;
    static const uint32_t sizes[][2] = {
        {100, 100}, {1000, 1000}, {5000, 5000}, {0, 3000}, {2500, 9}};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        uint32_t wanted = sizes[i][0] + sizes[i][1];
        double sum = 0;
        for (uint64_t seed = 1; seed <= 20; seed++) {
            struct pair p;
            struct sg_riblt_decoder d;
            pair_init(&p, seed, 50, sizes[i][0], sizes[i][1]);
            sg_riblt_decoder_init(&d, sg_mem_default(), &p.keys);
            assert_int_equal(feed(&p, &d, 48), SG_OK);
            uint32_t estimate = sg_riblt_estimate(&d, (int64_t)sizes[i][0] - (int64_t)sizes[i][1]);
            assert_true(estimate > wanted / 3 && estimate < wanted * 3);
            sum += estimate;
            sg_riblt_decoder_fini(&d);
            pair_fini(&p);
        }
        assert_true(sum / 20 > 0.75 * wanted && sum / 20 < 1.25 * wanted);
    }
}

/* Symbols without a set behind them end in an error or in nothing, within the bounds. */
static void test_hostile(void **state)
{
    (void)state;
    struct sg_riblt_keys keys = keys_of(9);
    static const struct sg_rec_symbol none[64];
    struct sg_prng prng;
    sg_prng_init(&prng, 11);
    uint32_t refused = 0;
    for (int run = 0; run < 300; run++) {
        struct sg_riblt_decoder d;
        sg_err err = SG_OK;
        sg_riblt_decoder_init(&d, sg_mem_default(), &keys);
        for (int batch = 0; batch < 10 && err == SG_OK; batch++) {
            struct sg_rec_symbol lies[64];
            for (int i = 0; i < 64; i++) {
                uint64_t id = sg_prng_below(&prng, 1 + (uint64_t)run);
                uint64_t sign = sg_prng_below(&prng, 2);
                /* single items everywhere: each is found and put into all others */
                lies[i] = (struct sg_rec_symbol){id, sg_siphash_u64(&keys.check, id),
                                                 sign == 0 ? 1 : 255};
            }
            err = sg_riblt_decode(&d, 64, lies, none);
            assert_true(d.found_count <= d.count);
            assert_true(d.touches <= 33 * d.count + 1024);
        }
        assert_true(err == SG_OK || err == SG_ERR_PROTOCOL);
        refused += err == SG_ERR_PROTOCOL ? 1 : 0;
        sg_riblt_decoder_fini(&d);
    }
    assert_true(refused > 0);
}

static void test_hard_limit(void **state)
{
    (void)state;
    struct sg_riblt_encoder e = {.mem = sg_mem_default(), .at = SG_REC_SYMBOLS_MAX - 1};
    struct sg_riblt_decoder d = {.mem = sg_mem_default(), .count = SG_REC_SYMBOLS_MAX - 1};
    assert_int_equal(sg_riblt_encode(&e, 2, NULL), SG_ERR_LIMIT);
    assert_int_equal(sg_riblt_decode(&d, 2, NULL, NULL), SG_ERR_LIMIT);
}

/* ---- want of memory ---- */

struct failing {
    struct sg_mem mem;
    int left; /* allocations that succeed */
};

static void *fail_alloc(void *user, size_t size)
{
    struct failing *f = user;
    return f->left-- > 0 ? malloc(size) : NULL;
}

static void *fail_realloc(void *user, void *ptr, size_t size)
{
    struct failing *f = user;
    return f->left-- > 0 ? realloc(ptr, size) : NULL;
}

static void fail_free(void *user, void *ptr)
{
    (void)user;
    free(ptr);
}

static sg_err run_in(const struct sg_mem *mem)
{
    struct sg_riblt_keys keys = keys_of(2);
    struct sg_riblt_encoder e;
    struct sg_riblt_decoder d;
    struct sg_rec_symbol symbols[200];
    static const struct sg_rec_symbol none[200];
    SG_TRY(sg_riblt_encoder_init(&e, mem, 20));
    sg_riblt_decoder_init(&d, mem, &keys);
    for (uint32_t i = 0; i < 20; i++)
        sg_riblt_encoder_set(&e, &keys, i, i * UINT64_C(0x9e3779b97f4a7c15));
    sg_err err = sg_riblt_encode(&e, 200, symbols);
    for (uint32_t i = 0; i < 2 && err == SG_OK; i++)
        err = sg_riblt_decode(&d, 100, &symbols[100 * i], none);
    assert_true(err != SG_OK || (sg_riblt_is_done(&d) && d.found_count == 20));
    sg_riblt_encoder_fini(&e);
    sg_riblt_decoder_fini(&d);
    return err;
}

static void test_out_of_memory(void **state)
{
    (void)state;
    sg_err err = SG_ERR_NO_MEMORY;
    int n = 0;
    for (; err != SG_OK; n++) {
        struct failing f = {{fail_alloc, fail_realloc, fail_free, NULL}, n};
        f.mem.user = &f;
        err = run_in(&f.mem);
        assert_true(err == SG_OK || err == SG_ERR_NO_MEMORY);
        assert_true(n < 100);
    }
    assert_true(n > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_indexes),          cmocka_unit_test(test_double),
        cmocka_unit_test(test_windows),          cmocka_unit_test(test_differences),
        cmocka_unit_test(test_large_difference), cmocka_unit_test(test_symbols_per_difference),
        cmocka_unit_test(test_estimate),         cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_hard_limit),       cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
