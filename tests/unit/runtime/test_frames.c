#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/frames.h"
#include "unit/base/failing_mem.h"

static sg_err push(struct sg_rt_frames *q, const struct sg_mem *mem, uint8_t byte, size_t len)
{
    uint8_t bytes[64] = {byte};
    struct sg_buf *buf = sg_buf_copy(sg_mem_default(), sg_bytes(bytes, len));
    sg_err err = sg_rt_frames_push(q, mem, SG_LANE_PUBSUB, buf);
    if (err != SG_OK)
        sg_buf_unref(buf);
    return err;
}

static void order_survives_growth(void **state)
{
    (void)state;
    struct sg_rt_frames q;
    uint8_t next = 0;
    uint8_t read = 0;
    sg_rt_frames_init(&q, 100, 10000);
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 5; i++)
            assert_int_equal(push(&q, sg_mem_default(), next++, 10), SG_OK);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(sg_rt_frames_first(&q)->buf->data[0], read++);
            sg_rt_frames_pop(&q, sg_mem_default());
        }
        assert_int_equal(q.bytes, q.count * 10);
    }
    while (sg_rt_frames_first(&q) != NULL) {
        assert_int_equal(sg_rt_frames_first(&q)->buf->data[0], read++);
        sg_rt_frames_pop(&q, sg_mem_default());
    }
    assert_int_equal(read, next);
    assert_null(q.items); /* empty costs nothing */
    sg_rt_frames_clear(&q, sg_mem_default());
}

static void both_bounds_hold(void **state)
{
    (void)state;
    struct sg_rt_frames q;
    sg_rt_frames_init(&q, 3, 100);
    assert_int_equal(push(&q, sg_mem_default(), 1, 60), SG_OK);
    assert_int_equal(push(&q, sg_mem_default(), 2, 41), SG_ERR_FULL);
    assert_int_equal(push(&q, sg_mem_default(), 3, 20), SG_OK);
    assert_int_equal(push(&q, sg_mem_default(), 4, 20), SG_OK);
    assert_int_equal(push(&q, sg_mem_default(), 5, 0), SG_ERR_FULL);
    sg_rt_frames_clear(&q, sg_mem_default());
    assert_int_equal(q.bytes, 0);
    assert_int_equal(push(&q, sg_mem_default(), 6, 60), SG_OK);
    sg_rt_frames_clear(&q, sg_mem_default());
}

static void no_memory_changes_nothing(void **state)
{
    (void)state;
    struct failing_mem failing;
    struct sg_rt_frames q;
    const struct sg_mem *mem = failing_mem_init(&failing, 2);
    sg_rt_frames_init(&q, 100, 10000);
    for (uint8_t i = 0; i < 8; i++)
        assert_int_equal(push(&q, mem, i, 10), SG_OK);
    assert_int_equal(push(&q, mem, 8, 10), SG_ERR_NO_MEMORY);
    assert_int_equal(q.count, 8);
    assert_int_equal(push(&q, mem, 8, 10), SG_OK);
    sg_rt_frames_clear(&q, mem);
    assert_int_equal(failing.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_survives_growth),
        cmocka_unit_test(both_bounds_hold),
        cmocka_unit_test(no_memory_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
