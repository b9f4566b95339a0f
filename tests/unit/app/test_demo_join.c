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
    sg_progress_init(&demo.progress, true);
    for (size_t i = 0; i < NODES; i++) {
        nodes[i].index = i;
        snprintf(nodes[i].id, sizeof(nodes[i].id), "%zu", i);
        nodes[i].wants_status = true; /* so that no question is sent */
    }
    return 0;
}

/* Gives a node a status: these are its neighbours in the demo's topic. */
static void link_to(size_t node, const char *ids)
{
    json_t *list = json_loads(ids, 0, NULL);
    json_decref(nodes[node].status);
    nodes[node].status = json_pack("{s:[{s:s,s:[s]},{s:s,s:o}]}", "topics", "name", "other",
                                   "neighbors", "0", "name", SG_DEMO_TOPIC, "neighbors", list);
    assert_non_null(nodes[node].status);
}

static int teardown(void **state)
{
    (void)state;
    for (size_t i = 0; i < NODES; i++)
        json_decref(nodes[i].status);
    return 0;
}

static void test_nobody_has_answered(void **state)
{
    (void)state;
    assert_false(sg_demo_is_joined(&demo));
}

static void test_two_islands(void **state)
{
    (void)state;
    link_to(0, "[\"1\"]");
    link_to(1, "[\"0\"]");
    link_to(2, "[\"3\"]");
    link_to(3, "[\"2\"]");
    assert_false(sg_demo_is_joined(&demo));
}

static void test_one_node_is_alone(void **state)
{
    (void)state;
    link_to(0, "[\"1\",\"2\",\"3\"]");
    link_to(1, "[\"0\"]");
    link_to(2, "[\"0\"]");
    link_to(3, "[]"); /* it does not know of its neighbour yet */
    assert_false(sg_demo_is_joined(&demo));
}

static void test_a_chain_is_one_piece(void **state)
{
    (void)state;
    link_to(0, "[\"1\"]");
    link_to(1, "[\"0\",\"2\"]");
    link_to(2, "[\"3\",\"of another network\"]");
    link_to(3, "[\"2\"]");
    assert_true(sg_demo_is_joined(&demo));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nobody_has_answered, setup, teardown),
        cmocka_unit_test_setup_teardown(test_two_islands, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_node_is_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_chain_is_one_piece, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
