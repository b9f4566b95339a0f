/* base/map.c: every error, and random operations against a plain array. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/map.h"
#include "base/prng.h"
#include "unit/base/failing_mem.h"

struct key {
    uint8_t b[SG_ID_LEN];
};

/* Key of a number. Few different words, so that many keys share a home slot. */
static struct key key_of(uint32_t number)
{
    struct key key = {{0}};
    key.b[0] = (uint8_t)(number & 3);
    key.b[31] = (uint8_t)number;
    key.b[30] = (uint8_t)(number >> 8);
    return key;
}

static void test_empty(void **state)
{
    (void)state;
    struct sg_map map;
    struct key key = key_of(1);
    assert_int_equal(sg_map_init(&map, sg_mem_default(), 10, 1), SG_OK);
    assert_int_equal(map.count, 0);
    assert_int_equal(sg_map_get(&map, key.b), SG_MAP_NONE);
    assert_false(sg_map_remove(&map, key.b));
    sg_map_fini(&map);
}

static void test_put_get_replace_remove(void **state)
{
    (void)state;
    struct sg_map map;
    struct key a = key_of(1);
    struct key b = key_of(2);
    assert_int_equal(sg_map_init(&map, sg_mem_default(), 10, 1), SG_OK);
    assert_int_equal(sg_map_put(&map, a.b, 0), SG_OK);
    assert_int_equal(sg_map_put(&map, b.b, SG_MAP_NONE - 1), SG_OK);
    assert_int_equal(sg_map_get(&map, a.b), 0);
    assert_int_equal(sg_map_get(&map, b.b), SG_MAP_NONE - 1);
    assert_int_equal(sg_map_put(&map, a.b, 7), SG_OK);
    assert_int_equal(sg_map_get(&map, a.b), 7);
    assert_int_equal(map.count, 2);
    assert_true(sg_map_remove(&map, a.b));
    assert_false(sg_map_remove(&map, a.b));
    assert_int_equal(sg_map_get(&map, a.b), SG_MAP_NONE);
    assert_int_equal(sg_map_get(&map, b.b), SG_MAP_NONE - 1);
    assert_int_equal(map.count, 1);
    sg_map_fini(&map);
}

static void test_full(void **state)
{
    (void)state;
    for (uint32_t max = 1; max < 70; max++) {
        struct sg_map map;
        struct key key;
        assert_int_equal(sg_map_init(&map, sg_mem_default(), max, 1), SG_OK);
        for (uint32_t i = 0; i < max; i++) {
            key = key_of(i);
            assert_int_equal(sg_map_put(&map, key.b, i), SG_OK);
        }
        key = key_of(max);
        assert_int_equal(sg_map_put(&map, key.b, max), SG_ERR_FULL);
        assert_int_equal(sg_map_get(&map, key.b), SG_MAP_NONE);
        key = key_of(0);
        assert_int_equal(sg_map_put(&map, key.b, 99), SG_OK); /* replacing needs no room */
        assert_true(sg_map_remove(&map, key.b));
        key = key_of(max);
        assert_int_equal(sg_map_put(&map, key.b, max), SG_OK);
        for (uint32_t i = 1; i <= max; i++) {
            key = key_of(i);
            assert_int_equal(sg_map_get(&map, key.b), i);
        }
        sg_map_fini(&map);
    }
}

static void test_refuses_sizes(void **state)
{
    (void)state;
    struct sg_map map;
    assert_int_equal(sg_map_init(&map, sg_mem_default(), 0, 1), SG_ERR_INVALID_ARGUMENT);
    assert_int_equal(sg_map_init(&map, sg_mem_default(), (UINT32_C(1) << 26) + 1, 1),
                     SG_ERR_INVALID_ARGUMENT);
    sg_map_fini(&map); /* nothing to free, no harm */
}

static void test_out_of_memory(void **state)
{
    (void)state;
    struct failing_mem f;
    struct sg_map map;
    assert_int_equal(sg_map_init(&map, failing_mem_init(&f, 1), 10, 1), SG_ERR_NO_MEMORY);
    sg_map_fini(&map);
    assert_int_equal(sg_map_init(&map, failing_mem_init(&f, 0), 10, 1), SG_OK);
    struct key key = key_of(1);
    assert_int_equal(sg_map_put(&map, key.b, 1), SG_OK);
    assert_int_equal(f.calls, 1); /* only init allocates */
    sg_map_fini(&map);
    sg_map_fini(&map);
    assert_int_equal(f.live, 0);
}

/* ---- model ---- */

#define MODEL_KEYS 300

struct model {
    uint32_t value[MODEL_KEYS]; /* SG_MAP_NONE = absent */
    uint32_t count;
};

static void model_put(struct sg_map *map, struct model *model, uint32_t number, uint32_t value)
{
    struct key key = key_of(number);
    bool is_new = model->value[number] == SG_MAP_NONE;
    bool is_full = is_new && model->count == map->max;
    assert_int_equal(sg_map_put(map, key.b, value), is_full ? SG_ERR_FULL : SG_OK);
    if (is_full)
        return;
    model->count += is_new;
    model->value[number] = value;
}

static void model_remove(struct sg_map *map, struct model *model, uint32_t number)
{
    struct key key = key_of(number);
    bool is_there = model->value[number] != SG_MAP_NONE;
    assert_int_equal(sg_map_remove(map, key.b), is_there);
    model->count -= is_there;
    model->value[number] = SG_MAP_NONE;
}

static void assert_same(const struct sg_map *map, const struct model *model)
{
    assert_int_equal(map->count, model->count);
    for (uint32_t i = 0; i < MODEL_KEYS; i++) {
        struct key key = key_of(i);
        assert_int_equal(sg_map_get(map, key.b), model->value[i]);
    }
}

static void run_model(uint32_t max, uint64_t seed)
{
    struct sg_map map;
    struct sg_prng prng;
    static const struct model none;
    struct model model = none;
    memset(model.value, 0xff, sizeof(model.value));
    sg_prng_init(&prng, seed);
    assert_int_equal(sg_map_init(&map, sg_mem_default(), max, seed), SG_OK);
    for (int step = 0; step < 4000; step++) {
        uint32_t number = (uint32_t)sg_prng_below(&prng, MODEL_KEYS);
        uint32_t value = (uint32_t)sg_prng_below(&prng, SG_MAP_NONE);
        uint64_t dice = sg_prng_below(&prng, 10);
        /* waves: filling up and emptying */
        if (dice < (step / 500 % 2 == 0 ? 7u : 3u))
            model_put(&map, &model, number, value);
        else
            model_remove(&map, &model, number);
        if (step % 16 == 0)
            assert_same(&map, &model);
    }
    assert_same(&map, &model);
    sg_map_fini(&map);
}

static void test_random_model(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {1, 2, 3, 5, 24, 48, 49, 96, 200, 1000};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        for (uint64_t seed = 0; seed < 3; seed++)
            run_model(sizes[i], seed);
}

/* Another seed puts the same keys elsewhere, with the same answers. */
static void test_seed_moves_keys(void **state)
{
    (void)state;
    struct sg_map a;
    struct sg_map b;
    unsigned same = 0;
    assert_int_equal(sg_map_init(&a, sg_mem_default(), 96, 1), SG_OK);
    assert_int_equal(sg_map_init(&b, sg_mem_default(), 96, 2), SG_OK);
    for (uint32_t i = 0; i < 96; i++) {
        struct key key = key_of(i);
        assert_int_equal(sg_map_put(&a, key.b, i), SG_OK);
        assert_int_equal(sg_map_put(&b, key.b, i), SG_OK);
    }
    for (uint32_t slot = 0; slot <= a.mask; slot++)
        same += memcmp(a.slots[slot].key, b.slots[slot].key, SG_ID_LEN) == 0;
    assert_true(same < a.mask / 2);
    sg_map_fini(&a);
    sg_map_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_put_get_replace_remove),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_refuses_sizes),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_random_model),
        cmocka_unit_test(test_seed_moves_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
