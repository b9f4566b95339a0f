/* base/index.c against a plain array, with runs that are long and short, and every error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/index.h"
#include "unit/base/failing_mem.h"

#define ELEMENTS 200

struct element {
    uint8_t id[SG_ID_LEN];
    bool is_in;
};

static struct sg_index_keys keys_of(uint64_t seed)
{
    struct sg_index_keys keys;
    struct sg_prng prng;
    sg_prng_init(&prng, seed);
    sg_index_keys_init(&keys, &prng);
    return keys;
}

static void set_id(uint8_t id[SG_ID_LEN], uint32_t n)
{
    memset(id, 0, SG_ID_LEN);
    id[n % SG_ID_LEN] = (uint8_t)(n + 1); /* differ anywhere in the id */
}

static void expect_all(const struct sg_index *ix, const struct element *elements)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < ELEMENTS; i++) {
        uint8_t id[SG_ID_LEN];
        set_id(id, i);
        assert_int_equal(sg_index_get(ix, id), elements[i].is_in ? i : SG_INDEX_NONE);
        count += elements[i].is_in;
    }
    assert_int_equal(ix->count, count);
}

static void test_like_an_array(void **state)
{
    static const struct element none[ELEMENTS];
    (void)state;
    for (uint64_t seed = 0; seed < 8; seed++) {
        struct element elements[ELEMENTS];
        struct sg_index_keys keys = keys_of(seed);
        struct sg_index ix;
        struct sg_prng prng;
        memcpy(elements, none, sizeof(none));
        sg_prng_init(&prng, seed);
        sg_index_init(&ix, &keys, sizeof(elements[0]));
        sg_index_pool(&ix, elements);
        for (int step = 0; step < 2000; step++) {
            uint32_t at = (uint32_t)sg_prng_below(&prng, ELEMENTS);
            set_id(elements[at].id, at);
            assert_int_equal(sg_index_reserve(&ix, sg_mem_default(), ix.count + 1), SG_OK);
            if (elements[at].is_in)
                sg_index_remove(&ix, at);
            else
                sg_index_add(&ix, at);
            elements[at].is_in = !elements[at].is_in;
            if (step % 50 == 0)
                expect_all(&ix, elements);
        }
        expect_all(&ix, elements);
        sg_index_clear(&ix);
        memcpy(elements, none, sizeof(none));
        expect_all(&ix, elements);
        sg_index_fini(&ix, sg_mem_default());
    }
}

/* An array of pointers that closes its gap: the later elements get new numbers. */
static void test_pointers_that_move(void **state)
{
    struct element elements[20];
    struct element *list[20];
    struct sg_index_keys keys = keys_of(7);
    struct sg_index ix;
    (void)state;
    sg_index_init(&ix, &keys, 0);
    sg_index_pool(&ix, list);
    assert_int_equal(sg_index_reserve(&ix, sg_mem_default(), 20), SG_OK);
    for (uint32_t i = 0; i < 20; i++) {
        set_id(elements[i].id, i);
        list[i] = &elements[i];
        sg_index_add(&ix, i);
    }
    sg_index_remove(&ix, 4);
    for (uint32_t i = 4; i < 19; i++) {
        list[i] = list[i + 1];
        sg_index_moved(&ix, i + 1, i);
    }
    assert_int_equal(sg_index_get(&ix, elements[4].id), SG_INDEX_NONE);
    for (uint32_t i = 0; i < 20; i++) {
        if (i != 4)
            assert_int_equal(sg_index_get(&ix, elements[i].id), i < 4 ? i : i - 1);
    }
    sg_index_fini(&ix, sg_mem_default());
}

static uint32_t longest_run(const struct sg_index *ix)
{
    uint32_t longest = 0;
    uint32_t run = 0;
    for (uint32_t i = 0; i <= ix->mask; i++) {
        run = ix->slots[i].at_plus_1 == 0 ? 0 : run + 1;
        longest = run > longest ? run : longest;
    }
    return longest;
}

/* Ids that agree in all but one byte do not crowd, whichever byte it is. */
static void test_ids_ground_to_collide(void **state)
{
    (void)state;
    for (size_t byte = 0; byte < SG_ID_LEN; byte++) {
        struct element elements[ELEMENTS] = {0};
        struct sg_index_keys keys = keys_of(byte);
        struct sg_index ix;
        sg_index_init(&ix, &keys, sizeof(elements[0]));
        sg_index_pool(&ix, elements);
        assert_int_equal(sg_index_reserve(&ix, sg_mem_default(), 384), SG_OK);
        for (uint32_t i = 0; i < ELEMENTS; i++) {
            elements[i].id[byte] = (uint8_t)i;
            sg_index_add(&ix, i);
        }
        assert_in_range(longest_run(&ix), 1, 40);
        sg_index_fini(&ix, sg_mem_default());
    }
}

static void test_out_of_memory(void **state)
{
    struct element element = {.is_in = true};
    struct sg_index_keys keys = keys_of(1);
    struct failing_mem f;
    struct sg_index ix;
    (void)state;
    set_id(element.id, 3);
    sg_index_init(&ix, &keys, sizeof(element));
    sg_index_pool(&ix, &element);
    assert_int_equal(sg_index_get(&ix, element.id), SG_INDEX_NONE);
    assert_int_equal(sg_index_reserve(&ix, failing_mem_init(&f, 1), 1), SG_ERR_NO_MEMORY);
    assert_int_equal(sg_index_get(&ix, element.id), SG_INDEX_NONE);
    assert_int_equal(sg_index_reserve(&ix, &f.mem, 1), SG_OK);
    sg_index_add(&ix, 0);
    f.fail_at = f.calls + 1;
    assert_int_equal(sg_index_reserve(&ix, &f.mem, 100), SG_ERR_NO_MEMORY);
    assert_int_equal(sg_index_get(&ix, element.id), 0); /* as it was */
    assert_int_equal(sg_index_reserve(&ix, &f.mem, 6), SG_OK);
    sg_index_fini(&ix, &f.mem);
    assert_int_equal(f.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_like_an_array),
        cmocka_unit_test(test_pointers_that_move),
        cmocka_unit_test(test_ids_ground_to_collide),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
