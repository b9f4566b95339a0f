/* Blocks are handed on with the default allocator, and belong to whoever has another one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "os/scratch.h"

#define LEN 100000

static void blocks_are_handed_on(void **state)
{
    (void)state;
    const struct sg_mem *mem = sg_mem_default();
    void *a = sg_scratch_take(mem, LEN);
    void *b = sg_scratch_take(mem, LEN);
    assert_non_null(a);
    assert_non_null(b);
    assert_ptr_not_equal(a, b);
    sg_scratch_put(mem, a, LEN);
    void *other = sg_scratch_take(mem, LEN + 1);
    assert_ptr_not_equal(other, a);
    assert_ptr_equal(sg_scratch_take(mem, LEN), a);
    sg_scratch_put(mem, a, LEN);
    sg_scratch_put(mem, b, LEN);
    assert_ptr_equal(sg_scratch_take(mem, LEN), b); /* the last one is warm */
    sg_scratch_put(mem, b, LEN);
    sg_scratch_put(mem, other, LEN + 1);
    sg_scratch_put(mem, NULL, LEN);
}

/* More than are kept: under the sanitizer a lost one would be noticed, and so would one freed
 * twice. */
static void what_is_too_much_is_freed(void **state)
{
    void *blocks[40];
    (void)state;
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < 40; i++) {
            blocks[i] = sg_scratch_take(sg_mem_default(), LEN);
            assert_non_null(blocks[i]);
            ((uint8_t *)blocks[i])[LEN - 1] = 1;
        }
        for (size_t i = 0; i < 40; i++)
            sg_scratch_put(sg_mem_default(), blocks[i], LEN);
    }
}

static size_t balance;
static bool is_empty;

static void *count_alloc(void *user, size_t size)
{
    (void)user;
    if (is_empty)
        return NULL;
    balance++;
    return malloc(size);
}

static void count_free(void *user, void *ptr)
{
    (void)user;
    balance--;
    free(ptr);
}

static void another_allocator_gets_its_own_back(void **state)
{
    static const struct sg_mem mem = {count_alloc, NULL, count_free, NULL};
    (void)state;
    void *block = sg_scratch_take(&mem, LEN);
    assert_int_equal(balance, 1);
    sg_scratch_put(&mem, block, LEN);
    assert_int_equal(balance, 0);
    is_empty = true;
    assert_null(sg_scratch_take(&mem, LEN));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_handed_on),
        cmocka_unit_test(what_is_too_much_is_freed),
        cmocka_unit_test(another_allocator_gets_its_own_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
