#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "runtime/bulk.h"

static struct sg_rt_bulk bulk;
static struct sg_buf *frame;
static struct sg_rt_stream victim;
static uint8_t bytes[SG_FRAME_BULK_MAX + 1];

static sg_err take(uint64_t conn, uint64_t stream, size_t len, bool is_last)
{
    const struct sg_rt_piece piece = {conn, stream, sg_bytes(bytes, len), is_last};
    return sg_rt_bulk_take(&bulk, &piece, &frame, &victim);
}

static void setup(void)
{
    sg_rt_bulk_init(&bulk, sg_mem_default());
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i % 251);
}

static void pieces_make_a_frame(void **state)
{
    (void)state;
    setup();
    assert_int_equal(take(1, 4, 10, false), SG_OK);
    assert_null(frame);
    assert_int_equal(take(1, 8, 5000, false), SG_OK); /* another one at the same time */
    assert_int_equal(take(1, 4, 60000, false), SG_OK);
    assert_int_equal(take(1, 4, 0, true), SG_OK);
    assert_non_null(frame);
    assert_int_equal(frame->len, 60010);
    assert_memory_equal(frame->data, bytes, 10);
    assert_memory_equal(frame->data + 10, bytes, 60000);
    sg_buf_unref(frame);
    assert_int_equal(bulk.count, 1);
    assert_int_equal(take(2, 4, 7, true), SG_OK); /* in one piece */
    assert_int_equal(frame->len, 7);
    sg_buf_unref(frame);
    sg_rt_bulk_fini(&bulk);
}

static void an_endless_stream_is_refused(void **state)
{
    (void)state;
    setup();
    assert_int_equal(take(1, 4, SG_FRAME_BULK_MAX, false), SG_OK);
    assert_int_equal(take(1, 4, 1, false), SG_ERR_OVERSIZED);
    assert_int_equal(bulk.count, 0);
    assert_int_equal(take(1, 8, SG_FRAME_BULK_MAX + 1, true), SG_ERR_OVERSIZED);
    assert_null(frame);
    assert_int_equal(take(1, 12, SG_FRAME_BULK_MAX, true), SG_OK);
    sg_buf_unref(frame);
    sg_rt_bulk_fini(&bulk);
}

static void a_connection_has_few_streams(void **state)
{
    (void)state;
    setup();
    for (uint64_t i = 0; i < SG_RT_BULK_PER_CONN_MAX; i++)
        assert_int_equal(take(1, i, 1, false), SG_OK);
    assert_int_equal(take(1, 99, 1, false), SG_ERR_LIMIT);
    assert_int_equal(take(2, 99, 1, false), SG_OK);
    sg_rt_bulk_forget(&bulk, 1, 3);
    assert_int_equal(take(1, 99, 1, false), SG_OK);
    sg_rt_bulk_forget_conn(&bulk, 1);
    assert_int_equal(bulk.count, 1);
    sg_rt_bulk_fini(&bulk);
}

static void the_oldest_stream_gives_way(void **state)
{
    (void)state;
    setup();
    for (uint64_t i = 0; i < SG_RT_BULK_STREAMS_MAX; i++) {
        assert_int_equal(take(1 + i / SG_RT_BULK_PER_CONN_MAX, i, 1, false), SG_OK);
        assert_int_equal(victim.conn, 0);
    }
    assert_int_equal(take(1000, 5, 1, false), SG_OK);
    assert_int_equal(victim.conn, 1);
    assert_int_equal(victim.stream, 0);
    assert_int_equal(bulk.count, SG_RT_BULK_STREAMS_MAX);
    sg_rt_bulk_fini(&bulk);
}

static void *fail_alloc(void *user, size_t size)
{
    (void)user;
    (void)size;
    return NULL;
}

static void *fail_realloc(void *user, void *ptr, size_t size)
{
    (void)user;
    (void)ptr;
    (void)size;
    return NULL;
}

static void no_free(void *user, void *ptr)
{
    (void)user;
    (void)ptr;
}

static void without_memory_the_stream_is_refused(void **state)
{
    static const struct sg_mem none = {fail_alloc, fail_realloc, no_free, NULL};
    (void)state;
    setup();
    bulk.mem = &none;
    assert_int_equal(take(1, 4, 1, false), SG_ERR_NO_MEMORY);
    assert_int_equal(bulk.count, 0);
    bulk.mem = sg_mem_default();
    assert_int_equal(take(1, 4, 1, false), SG_OK);
    bulk.mem = &none;
    assert_int_equal(take(1, 4, 60000, false), SG_ERR_NO_MEMORY);
    assert_int_equal(bulk.count, 0);
    bulk.mem = sg_mem_default();
    sg_rt_bulk_fini(&bulk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_make_a_frame),
        cmocka_unit_test(an_endless_stream_is_refused),
        cmocka_unit_test(a_connection_has_few_streams),
        cmocka_unit_test(the_oldest_stream_gives_way),
        cmocka_unit_test(without_memory_the_stream_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
