#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "node/flow.h"
#include "unit/base/failing_mem.h"

#define S SG_NS_PER_S
static const struct sg_topic_id TOPIC = {{1}};

static struct sg_flow make(void)
{
    struct sg_flow_config config = sg_flow_config_default();
    struct sg_flow f;
    config.push_bytes_max = 1000;
    config.push_count_max = 20;
    config.control_bytes_max = 500;
    config.control_count_max = 10;
    config.announce_bytes_max = 300;
    sg_flow_init(&f, &config, 0);
    return f;
}

static sg_err push_at(struct sg_flow *f, sg_time_ns now, enum sg_flow_class klass, uint8_t name,
                      size_t len)
{
    struct sg_buf *buf = sg_buf_new(sg_mem_default(), len);
    struct sg_flow_frame frame = {.buf = buf, .topic = TOPIC, .id = {{name}}, .klass = klass};
    memset(buf->data, name, len);
    buf->len = (uint32_t)len;
    sg_err err = sg_flow_push(f, sg_mem_default(), now, &frame);
    if (err != SG_OK)
        sg_buf_unref(buf);
    sg_flow_check(f);
    return err;
}

static void push(struct sg_flow *f, enum sg_flow_class klass, uint8_t name, size_t len)
{
    assert_int_equal(push_at(f, 0, klass, name, len), SG_OK);
}

/* Writes the next frame; its name, 0 when there is none. */
static uint8_t next(struct sg_flow *f)
{
    const struct sg_flow_frame *frame = sg_flow_next(f);
    if (frame == NULL)
        return 0;
    uint8_t name = frame->id.b[0];
    sg_flow_pop(f, sg_mem_default());
    sg_flow_check(f);
    return name;
}

static uint8_t shed(struct sg_flow *f)
{
    struct sg_flow_frame frame;
    if (!sg_flow_shed(f, sg_mem_default(), &frame))
        return 0;
    sg_buf_unref(frame.buf);
    sg_flow_check(f);
    return frame.id.b[0];
}

static void control_goes_before_everything(void **state)
{
    (void)state;
    struct sg_flow f = make();
    assert_true(sg_flow_is_idle(&f));
    push(&f, SG_FLOW_BULK, 1, 10);
    push(&f, SG_FLOW_NORMAL, 2, 10);
    push(&f, SG_FLOW_ANNOUNCE, 3, 10);
    push(&f, SG_FLOW_CRITICAL, 4, 10);
    push(&f, SG_FLOW_CONTROL, 5, 10);
    assert_int_equal(sg_flow_bytes(&f), 50);
    assert_false(sg_flow_is_idle(&f));
    assert_int_equal(next(&f), 5);
    assert_int_equal(next(&f), 3);
    /* nobody has had a turn yet: the higher class first */
    assert_int_equal(next(&f), 4);
    assert_int_equal(next(&f), 2);
    assert_int_equal(next(&f), 1);
    assert_int_equal(next(&f), 0);
    assert_true(sg_flow_is_idle(&f));
}

/* While all have something to send, bytes go 16 : 4 : 1. */
static void classes_share_by_weight(void **state)
{
    (void)state;
    struct sg_flow_config config = sg_flow_config_default();
    struct sg_flow f;
    size_t sent[4] = {0};
    sg_flow_init(&f, &config, 0);
    for (int i = 0; i < 2100; i++) {
        push(&f, SG_FLOW_BULK, 3, 100);
        push(&f, SG_FLOW_NORMAL, 2, 200);
        push(&f, SG_FLOW_CRITICAL, 1, 50);
    }
    for (size_t bytes = 0; bytes < 105000;) {
        uint8_t name = sg_flow_next(&f)->id.b[0];
        size_t len = sg_flow_next(&f)->buf->len;
        sg_flow_pop(&f, sg_mem_default());
        sent[name] += len;
        bytes += len;
    }
    assert_in_range(sent[1], 79500, 80500);
    assert_in_range(sent[2], 19500, 20500);
    assert_in_range(sent[3], 4700, 5300);
    sg_flow_clear(&f, sg_mem_default());
    assert_true(sg_flow_is_idle(&f));
}

/* A class that had nothing to send for long does not get all of the link afterwards. */
static void nobody_saves_up_turns(void **state)
{
    (void)state;
    struct sg_flow_config config = sg_flow_config_default();
    struct sg_flow f;
    sg_flow_init(&f, &config, 0);
    for (int i = 0; i < 100; i++) {
        push(&f, SG_FLOW_NORMAL, 2, 100);
        assert_int_equal(next(&f), 2);
    }
    for (int i = 0; i < 30; i++)
        push(&f, SG_FLOW_NORMAL, 2, 100);
    for (int i = 0; i < 30; i++)
        push(&f, SG_FLOW_BULK, 3, 100);
    int bulk = 0;
    for (int i = 0; i < 10; i++)
        bulk += next(&f) == 3;
    assert_in_range(bulk, 1, 3);
    sg_flow_clear(&f, sg_mem_default());
}

/* What does not fit: the newest of the lowest class. Control is never shed. */
static void lowest_class_gives_way(void **state)
{
    (void)state;
    struct sg_flow f = make();
    push(&f, SG_FLOW_BULK, 1, 400);
    push(&f, SG_FLOW_BULK, 2, 400);
    push(&f, SG_FLOW_CONTROL, 9, 400);
    assert_int_equal(shed(&f), 0);
    push(&f, SG_FLOW_CRITICAL, 3, 400);
    assert_int_equal(shed(&f), 2);
    assert_int_equal(shed(&f), 0);
    push(&f, SG_FLOW_NORMAL, 4, 600);
    assert_int_equal(shed(&f), 1);
    assert_int_equal(shed(&f), 0);
    push(&f, SG_FLOW_NORMAL, 5, 1); /* the newest goes when its class is the lowest */
    assert_int_equal(shed(&f), 5);
    assert_int_equal(shed(&f), 0);
    assert_int_equal(f.stats.dropped, 3);
    assert_int_equal(next(&f), 9);
    assert_int_equal(next(&f), 3);
    assert_int_equal(next(&f), 4);
    for (uint8_t i = 0; i < 20; i++)
        push(&f, SG_FLOW_NORMAL, 10, 1);
    assert_int_equal(shed(&f), 0);
    push(&f, SG_FLOW_NORMAL, 11, 1); /* by number */
    assert_int_equal(shed(&f), 11);
    sg_flow_clear(&f, sg_mem_default());
}

static void control_that_does_not_fit_is_told(void **state)
{
    (void)state;
    struct sg_flow f = make();
    assert_int_equal(push_at(&f, 0, SG_FLOW_CONTROL, 1, 501), SG_ERR_FULL);
    push(&f, SG_FLOW_CONTROL, 1, 300);
    assert_int_equal(push_at(&f, 0, SG_FLOW_CONTROL, 2, 201), SG_ERR_FULL);
    push(&f, SG_FLOW_CONTROL, 2, 191);
    for (uint8_t i = 2; i < 10; i++)
        push(&f, SG_FLOW_CONTROL, 3, 1);
    assert_int_equal(push_at(&f, 0, SG_FLOW_CONTROL, 2, 1), SG_ERR_FULL);
    assert_int_equal(shed(&f), 0);
    sg_flow_clear(&f, sg_mem_default());
}

static void old_announcements_give_way(void **state)
{
    (void)state;
    struct sg_flow f = make();
    push(&f, SG_FLOW_ANNOUNCE, 1, 150);
    push(&f, SG_FLOW_ANNOUNCE, 2, 150);
    assert_int_equal(shed(&f), 0);
    push(&f, SG_FLOW_ANNOUNCE, 3, 150);
    assert_int_equal(shed(&f), 1);
    assert_int_equal(shed(&f), 0);
    assert_int_equal(f.stats.announces_dropped, 1);
    assert_int_equal(f.stats.dropped, 0);
    sg_flow_clear(&f, sg_mem_default());
}

/* Pushes a message at time 0 and lets it wait until the peer counts as slow. */
static void slow_down(struct sg_flow *f)
{
    push(f, SG_FLOW_NORMAL, 1, 100);
    assert_int_equal(next(f), 1); /* in the lane: 102 bytes with its length */
    push(f, SG_FLOW_NORMAL, 2, 100);
    push(f, SG_FLOW_CRITICAL, 3, 100);
    assert_int_equal(sg_flow_deadline(f), 1 * S);
    sg_flow_tick(f, 1 * S - 1, 102);
    assert_int_equal(f->state, SG_FLOW_OPEN);
    sg_flow_tick(f, 1 * S, 102);
    assert_int_equal(f->state, SG_FLOW_SLOW);
    assert_int_equal(shed(f), 2);
    assert_int_equal(shed(f), 3);
    assert_int_equal(shed(f), 0);
    assert_int_equal(f->stats.slow, 1);
}

/* A peer that takes something now and then gets more time, but not for ever. */
static void peer_that_drains_gets_patience(void **state)
{
    (void)state;
    struct sg_flow f = make();
    for (uint8_t i = 1; i <= 9; i++)
        push(&f, SG_FLOW_NORMAL, i, 100);
    assert_int_equal(next(&f), 1);
    for (uint64_t i = 0; i < 9; i++) { /* a byte in 0.9 s, while message 2 waits */
        sg_flow_tick(&f, i * 9 * S / 10, 102 - i);
        assert_int_equal(f.state, i * 9 < 50 ? SG_FLOW_OPEN : SG_FLOW_SLOW);
        if (f.state == SG_FLOW_SLOW)
            break;
        assert_true(sg_flow_deadline(&f) <= 5 * S);
    }
    assert_int_equal(f.state, SG_FLOW_SLOW);
    sg_flow_clear(&f, sg_mem_default());
    f = make();
    push(&f, SG_FLOW_NORMAL, 1, 100);
    push(&f, SG_FLOW_NORMAL, 2, 100);
    assert_int_equal(next(&f), 1);
    sg_flow_tick(&f, 9 * S / 10, 50);
    assert_int_equal(sg_flow_deadline(&f), 19 * S / 10);
    sg_flow_tick(&f, 19 * S / 10 - 1, 50);
    assert_int_equal(f.state, SG_FLOW_OPEN);
    sg_flow_tick(&f, 19 * S / 10, 50);
    assert_int_equal(f.state, SG_FLOW_SLOW);
    sg_flow_clear(&f, sg_mem_default());
}

/* Nothing is pushed, control and ids still go; what was written has to be acknowledged before the
 * probe, however long that takes. */
static void slow_peer_is_told_ids_only(void **state)
{
    (void)state;
    struct sg_flow f = make();
    slow_down(&f);
    assert_int_equal(push_at(&f, 1 * S, SG_FLOW_CRITICAL, 4, 100), SG_ERR_WOULD_BLOCK);
    assert_int_equal(push_at(&f, 1 * S, SG_FLOW_ANNOUNCE, 5, 100), SG_OK);
    assert_int_equal(push_at(&f, 1 * S, SG_FLOW_CONTROL, 6, 100), SG_OK);
    assert_int_equal(next(&f), 6);
    assert_int_equal(next(&f), 5);
    sg_flow_tick(&f, 9 * S, 102 + 204);
    assert_int_equal(push_at(&f, 9 * S, SG_FLOW_NORMAL, 7, 100), SG_ERR_WOULD_BLOCK);
    assert_int_equal(f.state, SG_FLOW_SLOW);
    assert_int_equal(f.stats.dropped, 4);
}

static void probe_opens_the_link(void **state)
{
    (void)state;
    struct sg_flow f = make();
    slow_down(&f);
    sg_flow_tick(&f, 1 * S + 1, 0); /* all acknowledged, but the pause is not over */
    assert_int_equal(push_at(&f, 2 * S - 1, SG_FLOW_NORMAL, 4, 100), SG_ERR_WOULD_BLOCK);
    assert_int_equal(push_at(&f, 2 * S, SG_FLOW_NORMAL, 5, 100), SG_OK);
    assert_int_equal(f.state, SG_FLOW_PROBE);
    assert_int_equal(f.stats.probes, 1);
    assert_int_equal(push_at(&f, 2 * S, SG_FLOW_NORMAL, 6, 100), SG_ERR_WOULD_BLOCK);
    assert_int_equal(shed(&f), 0);
    sg_flow_tick(&f, 2 * S, 0); /* it is not even written */
    assert_int_equal(f.state, SG_FLOW_PROBE);
    assert_int_equal(next(&f), 5);
    sg_flow_tick(&f, 2 * S + 1, 1);
    assert_int_equal(f.state, SG_FLOW_PROBE);
    sg_flow_tick(&f, 2 * S + 2, 0);
    assert_int_equal(f.state, SG_FLOW_OPEN);
    assert_int_equal(f.stats.recovered, 1);
    assert_int_equal(push_at(&f, 2 * S + 2, SG_FLOW_NORMAL, 7, 100), SG_OK);
    sg_flow_clear(&f, sg_mem_default());
}

/* A ROOT and a KEY are of the base scope: with them the probe is whole. */
static void proofs_go_with_the_probe(void **state)
{
    (void)state;
    struct sg_flow f = make();
    slow_down(&f);
    sg_flow_tick(&f, 2 * S, 0);
    struct sg_buf *buf = sg_buf_copy(sg_mem_default(), sg_bytes("root", 4));
    const struct sg_flow_frame root = {.buf = buf, .id = {{8}}, .klass = SG_FLOW_NORMAL};
    assert_int_equal(sg_flow_push(&f, sg_mem_default(), 2 * S, &root), SG_OK);
    assert_int_equal(push_at(&f, 2 * S, SG_FLOW_NORMAL, 9, 100), SG_OK);
    assert_int_equal(push_at(&f, 2 * S, SG_FLOW_NORMAL, 10, 100), SG_ERR_WOULD_BLOCK);
    assert_int_equal(next(&f), 8);
    sg_flow_tick(&f, 2 * S, 0);
    assert_int_equal(f.state, SG_FLOW_OPEN);
    sg_flow_clear(&f, sg_mem_default());
}

/* Each failed probe doubles the pause, up to a bound; a long good time makes good. */
static void failed_probe_doubles_the_pause(void **state)
{
    (void)state;
    struct sg_flow f = make();
    sg_time_ns now = 2 * S;
    uint64_t pause = 1;
    slow_down(&f);
    sg_flow_tick(&f, now, 0);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(push_at(&f, now, SG_FLOW_NORMAL, 5, 100), SG_OK);
        assert_int_equal(next(&f), 5);
        assert_int_equal(sg_flow_deadline(&f), now + 1 * S);
        now += 1 * S;
        sg_flow_tick(&f, now, 102);
        assert_int_equal(f.state, SG_FLOW_SLOW);
        pause = 2 * pause < 30 ? 2 * pause : 30;
        now += pause * S;
        sg_flow_tick(&f, now - 1, 0);
        assert_int_equal(push_at(&f, now - 1, SG_FLOW_NORMAL, 6, 100), SG_ERR_WOULD_BLOCK);
    }
    assert_int_equal(f.stats.probes, 8);
    assert_int_equal(f.stats.slow, 1);
    assert_int_equal(push_at(&f, now, SG_FLOW_NORMAL, 5, 100), SG_OK);
    assert_int_equal(next(&f), 5);
    sg_flow_tick(&f, now, 0);
    assert_int_equal(f.state, SG_FLOW_OPEN);
    assert_int_equal(f.pause_ns, 30 * S);
    sg_flow_tick(&f, now + 299 * S, 0);
    assert_int_equal(f.pause_ns, 30 * S);
    sg_flow_tick(&f, now + 300 * S, 0);
    assert_int_equal(f.pause_ns, 1 * S);
}

static void no_memory(void **state)
{
    (void)state;
    struct failing_mem failing;
    const struct sg_mem *mem = failing_mem_init(&failing, 1);
    struct sg_flow f = make();
    struct sg_buf *buf = sg_buf_copy(sg_mem_default(), sg_bytes("x", 1));
    const struct sg_flow_frame frame = {.buf = buf, .topic = TOPIC, .klass = SG_FLOW_NORMAL};
    assert_int_equal(sg_flow_push(&f, mem, 0, &frame), SG_ERR_NO_MEMORY);
    sg_flow_check(&f);
    assert_true(sg_flow_is_idle(&f));
    sg_buf_unref(buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(control_goes_before_everything),
        cmocka_unit_test(classes_share_by_weight),
        cmocka_unit_test(nobody_saves_up_turns),
        cmocka_unit_test(lowest_class_gives_way),
        cmocka_unit_test(control_that_does_not_fit_is_told),
        cmocka_unit_test(old_announcements_give_way),
        cmocka_unit_test(peer_that_drains_gets_patience),
        cmocka_unit_test(slow_peer_is_told_ids_only),
        cmocka_unit_test(probe_opens_the_link),
        cmocka_unit_test(proofs_go_with_the_probe),
        cmocka_unit_test(failed_probe_doubles_the_pause),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
