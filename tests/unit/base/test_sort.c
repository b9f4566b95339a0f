/* base/sort.h: any input comes out in order, whatever the size of its elements. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"
#include "base/sort.h"

struct wide {
    uint32_t key;
    uint8_t fill[SG_SORT_SIZE_MAX - 4]; /* the low byte of key, to see that all of it moves */
};

/* Bits of the context turn the order round. */
static int compare_u32(const void *context, const void *a, const void *b)
{
    uint32_t x, y, mask = 0;
    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    if (context != NULL)
        memcpy(&mask, context, sizeof(mask));
    x ^= mask;
    y ^= mask;
    return x < y ? -1 : x > y;
}

static void assert_sorts(struct sg_prng *prng, size_t count, uint64_t keys)
{
    uint32_t small[300];
    uint64_t sum = 0, sorted = 0;
    for (size_t i = 0; i < count; i++) {
        small[i] = (uint32_t)sg_prng_below(prng, keys);
        sum += small[i];
    }
    sg_sort(small, count, sizeof(small[0]), compare_u32, NULL);
    for (size_t i = 0; i < count; i++) {
        assert_true(i == 0 || small[i - 1] <= small[i]);
        sorted += small[i];
    }
    assert_int_equal(sum, sorted);
}

static void random_arrays(void **state)
{
    struct sg_prng prng;
    (void)state;
    sg_prng_init(&prng, 1);
    for (size_t count = 0; count <= 300; count++) {
        assert_sorts(&prng, count, 3);
        assert_sorts(&prng, count, UINT32_MAX);
    }
}

static void the_context_is_passed_on(void **state)
{
    uint32_t items[100];
    const uint32_t mask = UINT32_MAX;
    (void)state;
    for (uint32_t i = 0; i < 100; i++)
        items[i] = i * 7 % 100;
    sg_sort(items, 100, sizeof(items[0]), compare_u32, &mask);
    for (uint32_t i = 0; i < 100; i++)
        assert_int_equal(items[i], 99 - i);
}

static void wide_elements_move_whole(void **state)
{
    static struct wide items[200];
    struct sg_prng prng;
    (void)state;
    sg_prng_init(&prng, 2);
    for (size_t i = 0; i < 200; i++) {
        items[i].key = (uint32_t)sg_prng_below(&prng, 1000);
        memset(items[i].fill, (uint8_t)items[i].key, sizeof(items[i].fill));
    }
    sg_sort(items, 200, sizeof(items[0]), compare_u32, NULL);
    for (size_t i = 0; i < 200; i++) {
        assert_true(i == 0 || items[i - 1].key <= items[i].key);
        assert_int_equal(items[i].fill[0], (uint8_t)items[i].key);
        assert_int_equal(items[i].fill[sizeof(items[i].fill) - 1], (uint8_t)items[i].key);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_arrays),
        cmocka_unit_test(the_context_is_passed_on),
        cmocka_unit_test(wide_elements_move_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
