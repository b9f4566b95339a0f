#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "unit/base/failing_mem.h"

static void test_new_is_zeroed(void **state)
{
    const struct sg_mem *mem = sg_mem_default();
    (void)state;
    for (int round = 0; round < 3; round++) {
        uint8_t *ptr = sg_mem_new(mem, 10, 100);
        assert_non_null(ptr);
        for (size_t i = 0; i < 1000; i++)
            assert_int_equal(ptr[i], 0);
        memset(ptr, 0xff, 1000);
        sg_mem_free(mem, ptr);
    }
}

static void test_nothing_and_too_much(void **state)
{
    struct failing_mem f;
    const struct sg_mem *mem = failing_mem_init(&f, 0);
    (void)state;
    assert_null(sg_mem_new(mem, 0, 8));
    assert_null(sg_mem_new(mem, 8, 0));
    assert_null(sg_mem_new(mem, SIZE_MAX / 2 + 1, 2));
    assert_null(sg_mem_new(mem, SIZE_MAX, SIZE_MAX));
    void *ptr = sg_mem_new(mem, 1, 8);
    assert_null(sg_mem_resize(mem, ptr, 0, 8));
    assert_null(sg_mem_resize(mem, ptr, SIZE_MAX / 2 + 1, 2));
    sg_mem_free(mem, ptr);
    assert_int_equal(f.calls, 1); /* refused before the allocator saw them */
    assert_int_equal(f.live, 0);
}

static void test_resize_keeps_the_content(void **state)
{
    struct failing_mem f;
    const struct sg_mem *mem = failing_mem_init(&f, 3);
    (void)state;
    uint8_t *ptr = sg_mem_new(mem, 4, 1);
    memcpy(ptr, "abcd", 4);
    ptr = sg_mem_resize(mem, ptr, 100, 8);
    assert_non_null(ptr);
    assert_memory_equal(ptr, "abcd", 4);
    assert_null(sg_mem_resize(mem, ptr, 200, 8)); /* the third call fails */
    assert_memory_equal(ptr, "abcd", 4);
    ptr = sg_mem_resize(mem, ptr, 2, 1);
    assert_memory_equal(ptr, "ab", 2);
    sg_mem_free(mem, ptr);
    ptr = sg_mem_resize(mem, NULL, 2, 1); /* NULL: a first allocation */
    assert_non_null(ptr);
    sg_mem_free(mem, ptr);
    assert_int_equal(f.live, 0);
}

static void test_out_of_memory(void **state)
{
    struct failing_mem f;
    const struct sg_mem *mem = failing_mem_init(&f, 1);
    (void)state;
    assert_null(sg_mem_new(mem, 1, 1));
    sg_mem_free(mem, NULL);
    assert_int_equal(f.live, 0);
}

static void test_default_resizes_and_frees(void **state)
{
    const struct sg_mem *mem = sg_mem_default();
    (void)state;
    assert_ptr_equal(mem, sg_mem_default());
    void *ptr = sg_mem_resize(mem, sg_mem_new(mem, 1, 1), 1000, 1);
    assert_non_null(ptr);
    sg_mem_free(mem, ptr);
    sg_mem_free(mem, NULL);
}

static void test_grow(void **state)
{
    struct failing_mem f;
    const struct sg_mem *mem = failing_mem_init(&f, 0);
    uint32_t cap = 0;
    uint32_t *array = NULL;
    static const uint32_t caps[] = {8, 12, 18, 27, 40, 50};
    (void)state;
    for (size_t i = 0; i < sizeof(caps) / sizeof(caps[0]); i++) {
        f.fail_at = f.calls + 1;
        uint32_t before = cap;
        assert_null(sg_mem_grow(mem, array, &cap, 50, sizeof(*array)));
        assert_int_equal(cap, before);
        array = sg_mem_grow(mem, array, &cap, 50, sizeof(*array));
        assert_non_null(array);
        assert_int_equal(cap, caps[i]);
        array[cap - 1] = cap;
    }
    assert_int_equal(array[7], 8);
    sg_mem_free(mem, array);
    cap = 0;
    array = sg_mem_grow(mem, NULL, &cap, 3, sizeof(*array));
    assert_int_equal(cap, 3);
    sg_mem_free(mem, array);
    assert_int_equal(f.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new_is_zeroed),
        cmocka_unit_test(test_nothing_and_too_much),
        cmocka_unit_test(test_resize_keeps_the_content),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_grow),
        cmocka_unit_test(test_default_resizes_and_frees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
