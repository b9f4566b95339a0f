#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/journal.h"
#include "unit/base/failing_mem.h"

static struct sg_trace_step step_of(uint8_t id, enum sg_step_kind kind)
{
    return (struct sg_trace_step){.message = {{id}}, .peer = {{9}}, .kind = kind};
}

static void steps_come_oldest_first(void **state)
{
    (void)state;
    struct sg_rt_journal j = {0};
    struct sg_trace_step out[8];
    const struct sg_msg_id two = {{2}};
    assert_int_equal(sg_rt_journal_copy(&j, NULL, out, 8), 0);
    for (uint8_t i = 0; i < 6; i++) {
        struct sg_trace_step step = step_of((uint8_t)(1 + i % 2), SG_STEP_PUSHED);
        step.hops = i;
        sg_rt_journal_add(&j, sg_mem_default(), i, &step);
    }
    assert_int_equal(sg_rt_journal_copy(&j, NULL, out, 8), 6);
    for (uint8_t i = 0; i < 6; i++)
        assert_int_equal(out[i].hops, i);
    assert_int_equal(sg_rt_journal_copy(&j, &two, out, 2), 3); /* more than fit: the oldest */
    assert_int_equal(out[0].hops, 1);
    assert_int_equal(out[1].hops, 3);
    assert_int_equal(sg_rt_journal_copy(&j, &two, NULL, 0), 3);
    sg_rt_journal_fini(&j, sg_mem_default());
}

static void ring_forgets_the_oldest(void **state)
{
    (void)state;
    static struct sg_trace_step out[SG_RT_JOURNAL_MAX];
    struct sg_rt_journal j = {0};
    for (uint32_t i = 0; i < 3 * SG_RT_JOURNAL_MAX + 7; i++) {
        struct sg_trace_step step = step_of(1, SG_STEP_PUSHED);
        step.eager = (uint16_t)i;
        sg_rt_journal_add(&j, sg_mem_default(), i, &step);
        assert_true(j.count <= SG_RT_JOURNAL_MAX);
    }
    assert_int_equal(sg_rt_journal_copy(&j, NULL, out, SG_RT_JOURNAL_MAX), SG_RT_JOURNAL_MAX);
    for (uint32_t i = 0; i < SG_RT_JOURNAL_MAX; i++)
        assert_int_equal(out[i].eager, 2 * SG_RT_JOURNAL_MAX + 7 + i);
    sg_rt_journal_fini(&j, sg_mem_default());
}

static void first_step_is_completed(void **state)
{
    (void)state;
    struct sg_rt_journal j = {0};
    struct sg_trace_step out[4];
    struct sg_trace_step first = step_of(3, SG_STEP_FIRST);
    struct sg_trace_step pushed = step_of(3, SG_STEP_PUSHED);
    sg_rt_journal_add(&j, sg_mem_default(), 1000, &first);
    sg_rt_journal_add(&j, sg_mem_default(), 1000, &pushed);
    first.topic.b[0] = 7;
    first.eager = 2;
    first.lazy = 5;
    sg_rt_journal_first(&j, &first);
    first.message.b[0] = 4; /* nobody knows it */
    sg_rt_journal_first(&j, &first);
    assert_int_equal(sg_rt_journal_copy(&j, NULL, out, 4), 2);
    assert_int_equal(out[0].topic.b[0], 7);
    assert_int_equal(out[0].eager, 2);
    assert_int_equal(out[0].lazy, 5);
    assert_int_equal(out[1].topic.b[0], 0);
    assert_int_equal(sg_rt_journal_wall_us(&out[0], 5001000, 1000000), 1000000 - 5000);
    assert_int_equal(sg_rt_journal_wall_us(&out[0], 5001000, 10), 0);
    sg_rt_journal_fini(&j, sg_mem_default());
}

static void no_memory(void **state)
{
    (void)state;
    struct failing_mem failing;
    const struct sg_mem *mem = failing_mem_init(&failing, 1);
    struct sg_rt_journal j = {0};
    const struct sg_trace_step step = step_of(1, SG_STEP_COPY);
    sg_rt_journal_add(&j, mem, 0, &step);
    assert_int_equal(sg_rt_journal_copy(&j, NULL, NULL, 0), 0);
    sg_rt_journal_fini(&j, mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_come_oldest_first),
        cmocka_unit_test(ring_forgets_the_oldest),
        cmocka_unit_test(first_step_is_completed),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
