/* Two nodes dial each other at the same moment, again and again, over real sockets: one connection
 * is left, at both ends the same, and nobody ever sees the link down. */
#include "node_fixture.h"

#include <stdlib.h>

#define PAIRS 10
#define ROUNDS 5

struct pair {
    struct sg_node *a;
    struct sg_node *b;
};

static struct pair cross(void)
{
    struct sg_node_config config = local_config();
    struct pair pair = {make_node(&config), make_node(&config)};
    assert_int_equal(sg_node_join(pair.a, place_of(pair.b).text), SG_OK);
    assert_int_equal(sg_node_join(pair.b, place_of(pair.a).text), SG_OK);
    assert_int_equal(sg_node_start(pair.a), SG_OK);
    assert_int_equal(sg_node_start(pair.b), SG_OK);
    return pair;
}

/* Waits until the loser is closed; events are looked at meanwhile, and a DOWN would be one. */
static void wait_single(struct sg_node *node)
{
    uint64_t end = now_ms() + PATIENCE_MS;
    struct sg_event event;
    struct sg_stats stats = {0};
    while (stats.connections != 1 || stats.base_active != 1) {
        if (now_ms() >= end)
            fail_msg("%u connections, %u neighbours", stats.connections, stats.base_active);
        if (sg_node_next_event(node, 20, &event) == SG_OK && event.kind == SG_EVENT_PEER_DOWN)
            fail_msg("the link went down: %s", sg_err_name(event.err));
        sg_node_stats(node, &stats);
    }
}

static bool dialled_by(struct sg_node *node)
{
    struct sg_peer_info info;
    assert_int_equal(sg_node_peers(node, &info, 1), 1);
    return info.dialled;
}

static void one_connection_survives(void **state)
{
    (void)state;
    unsigned crossed = 0;
    for (int round = 0; round < ROUNDS; round++) {
        struct pair pair[PAIRS];
        for (int i = 0; i < PAIRS; i++)
            pair[i] = cross();
        for (int i = 0; i < PAIRS; i++) {
            struct sg_node *a = pair[i].a;
            struct sg_node *b = pair[i].b;
            struct sg_stats stats;
            wait_single(a);
            wait_single(b);
            assert_int_not_equal(dialled_by(a), dialled_by(b));
            sg_node_stats(a, &stats);
            if (stats.handshakes_done < 2)
                continue;
            /* both dials came through: the one of the smaller id is left */
            struct sg_peer_id id_a = id_of(a);
            struct sg_peer_id id_b = id_of(b);
            bool a_is_smaller = memcmp(id_a.b, id_b.b, SG_ID_LEN) < 0;
            assert_int_equal(dialled_by(a), a_is_smaller);
            crossed++;
        }
        for (int i = 0; i < PAIRS; i++) {
            stop_fast(pair[i].a);
            stop_fast(pair[i].b);
        }
    }
    /* the test is about those that did cross */
    assert_true(crossed > PAIRS * ROUNDS / 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_connection_survives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
