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
#define MESSAGES 3

static struct sg_demo demo;
static struct sg_demo_node nodes[NODES];
static struct sg_bytes lines[] = {{(const uint8_t *)"one", 3}, {(const uint8_t *)"two", 3}};

static int setup(void **state)
{
    (void)state;
    memset(&demo, 0, sizeof(demo));
    memset(nodes, 0, sizeof(nodes));
    demo.options.nodes = NODES;
    demo.options.messages = MESSAGES;
    demo.nodes = nodes;
    demo.started = NODES;
    demo.lines = lines;
    demo.line_count = 2;
    for (size_t i = 0; i < NODES; i++)
        nodes[i].index = i;
    return sg_demo_track_init(&demo) ? 0 : 1;
}

static int teardown(void **state)
{
    (void)state;
    sg_demo_track_fini(&demo);
    return 0;
}

/* The id of message number n as text. */
static const char *id_text(uint8_t n, char text[SG_ID_TEXT_LEN + 1])
{
    uint8_t id[SG_ID_LEN] = {0};
    id[5] = n;
    sg_id_to_text(id, text);
    return text;
}

static void accept(uint32_t message, uint32_t publisher, int published_ns)
{
    char id[SG_ID_TEXT_LEN + 1];
    demo.messages[message].publisher = publisher;
    json_t *answer =
        json_pack("{s:s,s:i}", "id", id_text((uint8_t)message, id), "published_ns", published_ns);
    sg_demo_on_accepted(&demo, message, answer);
    json_decref(answer);
    demo.sent++;
}

static void deliver(size_t node, uint8_t message, const char *payload)
{
    char id[SG_ID_TEXT_LEN + 1];
    json_t *object = json_pack("{s:s,s:i,s:i,s:s}", "id", id_text(message, id), "received_ns", 150,
                               "hops", 2, "text", payload);
    sg_demo_on_message(&demo, &nodes[node], object);
    json_decref(object);
}

static void test_deliveries(void **state)
{
    (void)state;
    accept(0, 0, 100);
    deliver(1, 0, "one");
    deliver(2, 0, "one");
    struct sg_demo_tally tally = sg_demo_tally(&demo, demo.sent);
    assert_int_equal(tally.expected, 3);
    assert_int_equal(tally.arrived, 2);
    deliver(3, 0, "one");
    tally = sg_demo_tally(&demo, demo.sent);
    assert_int_equal(tally.arrived, 3);
    assert_int_equal(demo.latency->count, 3);
    assert_int_equal(demo.latency->max, 50);
    assert_int_equal(demo.messages[0].last_ns, 150);
    assert_int_equal(demo.messages[0].hop_max, 2);
    assert_string_equal(demo.failure, "");
}

static void test_a_delivery_before_the_publishers_answer(void **state)
{
    (void)state;
    deliver(1, 1, "two");
    deliver(2, 2, "one");
    assert_int_equal(demo.early_count, 2);
    assert_int_equal(demo.deliveries, 0);
    accept(0, 0, 100);
    assert_int_equal(demo.early_count, 2);
    accept(1, 0, 100);
    assert_int_equal(demo.early_count, 1);
    assert_int_equal(demo.deliveries, 1);
    assert_true(sg_demo_has(&demo, 1, 1));
    accept(2, 0, 100);
    assert_int_equal(demo.early_count, 0);
    assert_int_equal(demo.deliveries, 2);
}

static void test_what_must_not_be(void **state)
{
    (void)state;
    accept(0, 0, 100);
    deliver(1, 0, "other");
    assert_int_equal(demo.corrupt, 1);
    assert_false(sg_demo_has(&demo, 0, 1));
    deliver(1, 0, "one");
    deliver(1, 0, "one");
    assert_int_equal(demo.repeated, 1);
    deliver(0, 0, "one"); /* to its own publisher */
    assert_int_equal(demo.repeated, 2);
    assert_int_equal(demo.deliveries, 1);
    deliver(1, 77, "one"); /* nobody published that */
    assert_int_equal(demo.early_count, 1);
}

static void test_victims_reach_all_or_none(void **state)
{
    (void)state;
    accept(0, 3, 100);
    accept(1, 3, 100);
    accept(2, 0, 100);
    deliver(0, 0, "one");
    nodes[3].killed = true;
    struct sg_demo_tally tally = sg_demo_tally(&demo, demo.sent);
    assert_int_equal(tally.victim_some, 1);
    assert_int_equal(tally.victim_none, 1);
    assert_int_equal(tally.expected, 2 + 3); /* nodes 1 and 2 of message 2, all of message 0 */
    assert_int_equal(tally.arrived, 1);
    deliver(1, 0, "one");
    deliver(2, 0, "one");
    tally = sg_demo_tally(&demo, demo.sent);
    assert_int_equal(tally.victim_all, 1);
    assert_int_equal(tally.victim_some, 0);
}

static void test_equal_ids_are_an_error(void **state)
{
    char id[SG_ID_TEXT_LEN + 1];
    (void)state;
    accept(0, 0, 100);
    json_t *answer = json_pack("{s:s}", "id", id_text(0, id));
    sg_demo_on_accepted(&demo, 1, answer);
    json_decref(answer);
    assert_non_null(strstr(demo.failure, "two messages have one id"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_deliveries, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_delivery_before_the_publishers_answer, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_what_must_not_be, setup, teardown),
        cmocka_unit_test_setup_teardown(test_victims_reach_all_or_none, setup, teardown),
        cmocka_unit_test_setup_teardown(test_equal_ids_are_an_error, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
