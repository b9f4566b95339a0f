#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "demo.h"

#define NODES 4

static struct sg_demo demo;
static struct sg_demo_node nodes[NODES];

static int setup(void **state)
{
    (void)state;
    memset(&demo, 0, sizeof(demo));
    memset(nodes, 0, sizeof(nodes));
    demo.nodes = nodes;
    demo.started = NODES;
    demo.detected_ns = calloc(NODES * NODES, sizeof(*demo.detected_ns));
    for (size_t i = 0; i < NODES; i++) {
        uint8_t id[SG_ID_LEN] = {0};
        nodes[i].index = i;
        id[0] = (uint8_t)i;
        sg_id_to_text(id, nodes[i].id);
    }
    return demo.detected_ns != NULL ? 0 : 1;
}

static int teardown(void **state)
{
    (void)state;
    free(demo.detected_ns);
    return 0;
}

static void mark_killed(size_t node, uint64_t at)
{
    nodes[node].killed = true;
    nodes[node].killed_ns = at;
}

static void say(size_t survivor, const char *victim, int at)
{
    json_t *event = json_pack("{s:s,s:s,s:i}", "event", "member_fail", "peer", victim, "at_ns", at);
    sg_demo_on_fail_event(&demo, &nodes[survivor], event);
    json_decref(event);
}

static void test_times_of_all_pairs(void **state)
{
    struct sg_app_report_detection detection;
    (void)state;
    mark_killed(3, 1000);
    sg_demo_figure_detection(&demo, &detection);
    assert_int_equal(detection.expected, 3);
    assert_int_equal(detection.seen, 0);
    say(0, nodes[3].id, 1500);
    say(1, nodes[3].id, 3000);
    say(1, nodes[3].id, 9000); /* again after it was taken back: the first counts */
    sg_demo_figure_detection(&demo, &detection);
    assert_int_equal(detection.seen, 2);
    say(2, nodes[3].id, 1200);
    sg_demo_figure_detection(&demo, &detection);
    assert_int_equal(detection.seen, detection.expected);
    assert_true(detection.first_ns == 200);
    assert_true(detection.p50_ns == 500);
    assert_true(detection.max_ns == 2000);
    assert_int_equal(detection.false_alarms, 0);
}

static void test_the_dead_are_not_waited_for(void **state)
{
    struct sg_app_report_detection detection;
    (void)state;
    mark_killed(2, 1000);
    mark_killed(3, 1000);
    say(2, nodes[3].id, 1001); /* said with its last breath */
    sg_demo_figure_detection(&demo, &detection);
    assert_int_equal(detection.expected, 4);
    assert_int_equal(detection.seen, 0);
}

static void test_false_alarms(void **state)
{
    struct sg_app_report_detection detection;
    (void)state;
    mark_killed(3, 1000);
    say(0, nodes[1].id, 2000); /* lives */
    say(0, nodes[3].id, 999);  /* lived */
    say(0, "somebody else", 2000);
    sg_demo_figure_detection(&demo, &detection);
    assert_int_equal(detection.seen, 0);
    assert_int_equal(detection.false_alarms, 2);
    say(0, nodes[3].id, 1001);
    sg_demo_figure_detection(&demo, &detection);
    assert_int_equal(detection.seen, 1);
}

static void test_nobody_was_killed(void **state)
{
    struct sg_app_report_detection detection;
    (void)state;
    sg_demo_figure_detection(&demo, &detection);
    assert_int_equal(detection.expected, 0);
    free(demo.detected_ns);
    demo.detected_ns = NULL;
    say(0, nodes[1].id, 5);
    assert_true(sg_demo_await_detection(&demo));
    sg_demo_figure_detection(&demo, &detection);
    assert_int_equal(detection.expected, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_times_of_all_pairs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_dead_are_not_waited_for, setup, teardown),
        cmocka_unit_test_setup_teardown(test_false_alarms, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nobody_was_killed, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
