#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "neighbors.h"

static struct sg_event event(enum sg_event_kind kind, uint8_t peer, uint8_t topic)
{
    struct sg_event e = {.kind = kind};
    e.peer.b[0] = peer;
    e.topic.b[0] = topic;
    return e;
}

static void follow(struct sg_app_neighbors *n, enum sg_event_kind kind, uint8_t peer, uint8_t topic)
{
    struct sg_event e = event(kind, peer, topic);
    sg_app_neighbors_follow(n, &e);
}

static void test_follow(void **state)
{
    struct sg_app_neighbors n = {0};
    const struct sg_topic_id base = {{0}};
    const struct sg_topic_id topic = {{7}};
    (void)state;
    follow(&n, SG_EVENT_PEER_UP, 1, 0);
    follow(&n, SG_EVENT_PEER_UP, 1, 7);
    follow(&n, SG_EVENT_PEER_UP, 2, 7);
    follow(&n, SG_EVENT_PEER_UP, 2, 7); /* once is enough */
    follow(&n, SG_EVENT_JOINED, 9, 7);  /* no neighbour by itself */
    assert_int_equal(sg_app_neighbors_count(&n, &base), 1);
    assert_int_equal(sg_app_neighbors_count(&n, &topic), 2);
    json_t *ids = sg_app_neighbors_json(&n, &topic);
    assert_int_equal(json_array_size(ids), 2);
    assert_int_equal(json_string_length(json_array_get(ids, 0)), SG_ID_TEXT_LEN);
    json_decref(ids);
    follow(&n, SG_EVENT_PEER_DOWN, 1, 7);
    follow(&n, SG_EVENT_PEER_DOWN, 5, 7);
    assert_int_equal(sg_app_neighbors_count(&n, &topic), 1);
    assert_int_equal(sg_app_neighbors_count(&n, &base), 1);
    sg_app_neighbors_fini(&n);
}

static void test_bound(void **state)
{
    struct sg_app_neighbors n = {0};
    struct sg_event e = {.kind = SG_EVENT_PEER_UP};
    (void)state;
    for (uint32_t i = 0; i < SG_APP_NEIGHBORS_MAX + 10; i++) {
        memcpy(e.peer.b, &i, sizeof(i));
        sg_app_neighbors_follow(&n, &e);
    }
    assert_int_equal(n.count, SG_APP_NEIGHBORS_MAX);
    sg_app_neighbors_fini(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_follow),
        cmocka_unit_test(test_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
