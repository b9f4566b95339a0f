#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/events.h"
#include "unit/base/failing_mem.h"

static void push(struct sg_rt_events *q, sg_err err)
{
    const struct sg_event event = {.kind = SG_EVENT_REFUSED, .err = err};
    sg_rt_events_push(q, &event);
}

static void expect(struct sg_rt_events *q, sg_err err)
{
    struct sg_event event;
    assert_int_equal(sg_rt_events_next(q, 0, &event), SG_OK);
    assert_int_equal(event.err, err);
}

static void oldest_goes_when_full(void **state)
{
    (void)state;
    struct sg_rt_events q;
    struct sg_event event;
    assert_int_equal(sg_rt_events_init(&q, sg_mem_default(), 20), SG_OK);
    for (sg_err i = 1; i <= 50; i++)
        push(&q, i);
    assert_int_equal(q.dropped, 30);
    for (sg_err i = 31; i <= 50; i++)
        expect(&q, i);
    assert_int_equal(sg_rt_events_next(&q, 0, &event), SG_ERR_WOULD_BLOCK);
    assert_int_equal(sg_rt_events_next(&q, 3, &event), SG_ERR_TIMEOUT);
    sg_rt_events_fini(&q);
}

static void order_survives_growth(void **state)
{
    (void)state;
    struct sg_rt_events q;
    sg_err next = 1;
    sg_err read = 1;
    assert_int_equal(sg_rt_events_init(&q, sg_mem_default(), 1000), SG_OK);
    for (int round = 0; round < 40; round++) {
        for (int i = 0; i < 7; i++)
            push(&q, next++);
        for (int i = 0; i < 4; i++)
            expect(&q, read++);
    }
    while (read < next)
        expect(&q, read++);
    sg_rt_events_fini(&q);
}

static void stop_gives_what_waits_first(void **state)
{
    (void)state;
    struct sg_rt_events q;
    struct sg_event event;
    assert_int_equal(sg_rt_events_init(&q, sg_mem_default(), 4), SG_OK);
    push(&q, 1);
    sg_rt_events_stop(&q);
    expect(&q, 1);
    assert_int_equal(sg_rt_events_next(&q, -1, &event), SG_ERR_STOPPED);
    sg_rt_events_fini(&q);
}

static void no_memory_loses_events_only(void **state)
{
    (void)state;
    struct failing_mem failing;
    struct sg_rt_events q;
    struct sg_event event;
    assert_int_equal(sg_rt_events_init(&q, failing_mem_init(&failing, 1), 4), SG_OK);
    push(&q, 1);
    assert_int_equal(q.dropped, 1);
    assert_int_equal(sg_rt_events_next(&q, 0, &event), SG_ERR_WOULD_BLOCK);
    push(&q, 2);
    expect(&q, 2);
    sg_rt_events_fini(&q);
    assert_int_equal(failing.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(oldest_goes_when_full),
        cmocka_unit_test(order_survives_growth),
        cmocka_unit_test(stop_gives_what_waits_first),
        cmocka_unit_test(no_memory_loses_events_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
