#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "node/internal.h"
#include "support/core_net.h"

static struct net net;

static void narrow(struct sg_core_config *config)
{
    config->hpv.active_target = 2;
    config->hpv.active_max = 3;
}

/* Two subscribers that are no neighbours on a sparse base overlay of twelve. */
static void a_walk_finds_subscribers_beyond_the_neighbors(void **state)
{
    static const struct sg_topic_id topic = {{1, 2, 3}};
    struct sg_core_publish result;
    (void)state;
    net_init(&net, NET_NODES_MAX, narrow);
    for (size_t i = 1; i < NET_NODES_MAX; i++) {
        net_join(&net, i, i - 1);
        net_run(&net, SG_NS_PER_S);
    }
    net_subscribe(&net, 0, &topic);
    net_subscribe(&net, 6, &topic);
    net_subscribe(&net, 11, &topic);
    net_run(&net, 20 * SG_NS_PER_S);
    assert_int_equal(net_publish(&net, 11, &topic, SG_BYTES_LIT("x"), &result), SG_OK);
    net_run(&net, 5 * SG_NS_PER_S);
    for (size_t i = 0; i < NET_NODES_MAX; i++)
        assert_int_equal(net_delivered(&net, i, &result.id), i == 0 || i == 6 || i == 11);
    net_fini(&net);
}

static void traffic_of_a_topic_touches_its_subscribers_only(void **state)
{
    static const struct sg_topic_id red = {{1}};
    static const struct sg_topic_id blue = {{2}};
    struct sg_core_publish result;
    struct sg_core_stats stats;
    (void)state;
    net_init(&net, 6, NULL);
    for (size_t i = 0; i < 6; i++) {
        net_subscribe(&net, i, i < 3 ? &red : &blue);
        if (i > 0)
            net_join(&net, i, 0);
    }
    net_run(&net, 5 * SG_NS_PER_S);
    assert_int_equal(net_publish(&net, 1, &red, SG_BYTES_LIT("x"), &result), SG_OK);
    net_run(&net, 2 * SG_NS_PER_S);
    for (size_t i = 0; i < 6; i++) {
        sg_core_stats(net.core[i], &stats);
        assert_int_equal(net_delivered(&net, i, &result.id), i < 3);
        assert_int_equal(stats.payload_bytes_in, i < 3 && i != 1 ? 1 : 0);
    }
    net_fini(&net);
}

static void sixty_topics_share_one_link(void **state)
{
    struct sg_core_gauges gauges;
    bool base_active;
    uint16_t topics;
    (void)state;
    net_init(&net, 2, NULL);
    for (uint8_t i = 1; i <= 60; i++) {
        struct sg_topic_id topic = {{i}};
        net_subscribe(&net, 0, &topic);
        net_subscribe(&net, 1, &topic);
    }
    net_join(&net, 1, 0);
    net_run(&net, 5 * SG_NS_PER_S);
    sg_core_gauges(net.core[0], &gauges);
    assert_int_equal(gauges.links, 1);
    assert_int_equal(gauges.topics, 60);
    assert_int_equal(gauges.eager + gauges.lazy, 60);
    sg_core_peer_use(net.core[0], net_id(&net, 1), &base_active, &topics);
    assert_true(base_active);
    assert_int_equal(topics, 60);
    net_fini(&net);
}

/* The neighbour that is gone stays a candidate, and must not keep the topic from searching. */
static void an_isolated_topic_goes_on_searching(void **state)
{
    static const struct sg_topic_id topic = {{1, 2, 3}};
    struct sg_core_publish result;
    (void)state;
    net_init(&net, NET_NODES_MAX, narrow);
    for (size_t i = 1; i < NET_NODES_MAX; i++) {
        net_join(&net, i, i - 1);
        net_run(&net, SG_NS_PER_S);
    }
    net_subscribe(&net, 0, &topic);
    net_subscribe(&net, 1, &topic);
    net_run(&net, 5 * SG_NS_PER_S);
    assert_int_equal(sg_core_neighbors(net.core[0], &topic, NULL, 0), 1);
    net.is_down[1] = true;
    for (size_t i = 0; i < NET_NODES_MAX; i++) {
        struct sg_core_in in = {
            .kind = SG_CORE_IN_LINK_DOWN, .peer = *net_id(&net, 1), .err = SG_ERR_TIMEOUT};
        net.is_linked[i][1] = false;
        if (i != 1)
            assert_int_equal(net_input(&net, i, &in), SG_OK);
    }
    net_run(&net, 10 * 60 * SG_NS_PER_S);
    net_subscribe(&net, 11, &topic);
    net_run(&net, 60 * SG_NS_PER_S);
    assert_int_equal(net_publish(&net, 0, &topic, SG_BYTES_LIT("x"), &result), SG_OK);
    net_run(&net, 5 * SG_NS_PER_S);
    assert_int_equal(net_delivered(&net, 11, &result.id), 1);
    net_fini(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_walk_finds_subscribers_beyond_the_neighbors),
        cmocka_unit_test(traffic_of_a_topic_touches_its_subscribers_only),
        cmocka_unit_test(sixty_topics_share_one_link),
        cmocka_unit_test(an_isolated_topic_goes_on_searching),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
