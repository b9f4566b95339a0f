/* The heap of deadlines, beside a plain list. */
#include "quic/timer.h"

#include "unit/base/failing_mem.h"
#include "unit/quic/link.h"

#define COUNT 200

static void agrees_with_a_plain_list(void **state)
{
    (void)state;
    struct sg_quic_timer_heap heap;
    struct sg_quic_timer timers[COUNT] = {0};
    struct sg_prng prng;
    sg_prng_init(&prng, 1);
    sg_quic_timer_heap_init(&heap, sg_mem_default());
    assert_int_equal(sg_quic_timer_next(&heap), SG_TIME_NEVER);
    assert_null(sg_quic_timer_pop(&heap, SG_TIME_NEVER));
    assert_int_equal(sg_quic_timer_reserve(&heap, COUNT), SG_OK);
    for (int i = 0; i < COUNT; i++) {
        timers[i].owner = &timers[i];
        timers[i].at = SG_TIME_NEVER;
    }
    for (int step = 0; step < 20000; step++) {
        struct sg_quic_timer *t = &timers[sg_prng_below(&prng, COUNT)];
        uint64_t what = sg_prng_below(&prng, 10);
        if (what < 7) {
            sg_quic_timer_set(&heap, t, sg_prng_below(&prng, 1000));
        } else if (what < 8) {
            sg_quic_timer_set(&heap, t, SG_TIME_NEVER);
        } else {
            sg_time_ns now = sg_prng_below(&prng, 1000);
            struct sg_quic_timer *due = sg_quic_timer_pop(&heap, now);
            if (due != NULL) {
                assert_true(due->at <= now);
                assert_int_equal(due->place, 0);
                due->at = SG_TIME_NEVER;
            }
        }
        sg_time_ns least = SG_TIME_NEVER;
        size_t in = 0;
        for (int i = 0; i < COUNT; i++) {
            least = sg_time_min(least, timers[i].at);
            in += timers[i].place != 0;
        }
        assert_int_equal(sg_quic_timer_next(&heap), least);
        assert_int_equal(heap.count, in);
    }
    sg_quic_timer_heap_fini(&heap);
}

static void pops_in_order(void **state)
{
    (void)state;
    struct sg_quic_timer_heap heap;
    struct sg_quic_timer timers[COUNT] = {0};
    sg_quic_timer_heap_init(&heap, sg_mem_default());
    assert_int_equal(sg_quic_timer_reserve(&heap, COUNT), SG_OK);
    for (uint64_t i = 0; i < COUNT; i++) {
        timers[i].owner = &timers[i];
        sg_quic_timer_set(&heap, &timers[i], (i * 7919) % 1009);
    }
    sg_time_ns last = 0;
    for (int i = 0; i < COUNT; i++) {
        struct sg_quic_timer *t = sg_quic_timer_pop(&heap, 1009);
        assert_non_null(t);
        assert_true(t->at >= last);
        last = t->at;
    }
    assert_null(sg_quic_timer_pop(&heap, SG_TIME_NEVER));
    sg_quic_timer_heap_fini(&heap);
}

static void reserving_can_fail(void **state)
{
    (void)state;
    struct sg_quic_timer_heap heap;
    struct failing_mem failing;
    sg_quic_timer_heap_init(&heap, failing_mem_init(&failing, 2));
    assert_int_equal(sg_quic_timer_reserve(&heap, 10), SG_OK);
    assert_int_equal(sg_quic_timer_reserve(&heap, 16), SG_OK);
    assert_int_equal(sg_quic_timer_reserve(&heap, 17), SG_ERR_NO_MEMORY);
    assert_int_equal(sg_quic_timer_reserve(&heap, 17), SG_OK);
    sg_quic_timer_heap_fini(&heap);
    assert_int_equal(failing.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_a_plain_list),
        cmocka_unit_test(pops_in_order),
        cmocka_unit_test(reserving_can_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
