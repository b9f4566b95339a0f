#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "unit/base/failing_mem.h"

static void test_new(void **state)
{
    struct failing_mem f;
    struct sg_buf *buf = sg_buf_new(failing_mem_init(&f, 0), 100);
    (void)state;
    assert_non_null(buf);
    assert_int_equal(buf->cap, 100);
    assert_int_equal(buf->len, 0);
    assert_int_equal(buf->refs, 1);
    assert_int_equal(sg_buf_bytes(buf).len, 0);
    memset(buf->data, 1, 100);
    buf->len = 3;
    assert_true(sg_bytes_equal(sg_buf_bytes(buf), SG_BYTES_LIT("\1\1\1")));
    sg_buf_unref(buf);
    assert_int_equal(f.live, 0);
}

static void test_copy(void **state)
{
    struct failing_mem f;
    const struct sg_mem *mem = failing_mem_init(&f, 0);
    char text[] = "text";
    (void)state;
    struct sg_buf *buf = sg_buf_copy(mem, sg_bytes(text, 4));
    text[0] = 'n';
    assert_true(sg_bytes_equal(sg_buf_bytes(buf), SG_BYTES_LIT("text")));
    assert_int_equal(buf->cap, 4);
    sg_buf_unref(buf);
    buf = sg_buf_copy(mem, sg_bytes(NULL, 0));
    assert_non_null(buf);
    assert_int_equal(buf->len, 0);
    sg_buf_unref(buf);
    assert_int_equal(f.live, 0);
}

static void test_last_owner_frees(void **state)
{
    struct failing_mem f;
    struct sg_buf *buf = sg_buf_copy(failing_mem_init(&f, 0), SG_BYTES_LIT("x"));
    (void)state;
    assert_ptr_equal(sg_buf_ref(buf), buf);
    assert_ptr_equal(sg_buf_ref(buf), buf);
    sg_buf_unref(buf);
    sg_buf_unref(buf);
    assert_int_equal(f.live, 1);
    assert_int_equal(buf->data[0], 'x');
    sg_buf_unref(buf);
    assert_int_equal(f.live, 0);
    sg_buf_unref(NULL);
}

static void test_out_of_memory_and_too_large(void **state)
{
    struct failing_mem f;
    (void)state;
    assert_null(sg_buf_new(failing_mem_init(&f, 1), 1));
    assert_null(sg_buf_copy(failing_mem_init(&f, 1), SG_BYTES_LIT("x")));
    assert_null(sg_buf_new(failing_mem_init(&f, 0), UINT32_MAX));
    assert_null(sg_buf_new(&f.mem, SIZE_MAX));
    assert_int_equal(f.calls, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new),
        cmocka_unit_test(test_copy),
        cmocka_unit_test(test_last_owner_frees),
        cmocka_unit_test(test_out_of_memory_and_too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
