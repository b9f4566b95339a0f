/* Classes of topics, and what becomes of messages that find no room in a lane. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "node/internal.h"
#include "support/core_net.h"
#include "wire/pt_msg.h"

static const struct sg_topic_id topic = {{7, 7, 7}};
static struct net net;
static bool is_full;
static size_t ihaves, dropped;

static uint8_t kind_of(struct sg_bytes frame)
{
    struct sg_reader r = sg_reader(frame);
    struct sg_frame_head head;
    if (sg_frame_head_decode(&r, &head) != SG_OK || head.family != SG_FAMILY_PLUMTREE)
        return 0;
    return sg_read_u8(&r);
}

/* While the lane of node 0 is full, pushes are dropped. */
static bool full_lane(struct net *n, const struct net_frame *frame)
{
    (void)n;
    if (frame->lane != SG_LANE_PUBSUB || frame->from != 0 || frame->buf == NULL)
        return true;
    uint8_t kind = kind_of(sg_buf_bytes(frame->buf));
    ihaves += kind == SG_PT_IHAVE;
    bool is_push = kind == SG_PT_GOSSIP || kind == SG_PT_ROOT || kind == SG_PT_KEY;
    dropped += is_full && is_push;
    return !is_full || !is_push;
}

static void tell_dropped(const struct sg_topic_id *of, const uint8_t id[SG_ID_LEN])
{
    struct sg_core_in in = {.kind = SG_CORE_IN_PUSH_DROPPED,
                            .peer = *net_id(&net, 1),
                            .topic = *of,
                            .lane = SG_LANE_PUBSUB};
    memcpy(in.id.b, id, SG_ID_LEN);
    assert_int_equal(net_input(&net, 0, &in), SG_OK);
}

/* Message, ROOT and KEY are dropped: the peer is told the id, asks, and gets all three. */
static void a_dropped_push_leaves_an_ihave(void **state)
{
    (void)state;
    const struct sg_topic_id base = {{0}};
    struct sg_core_publish result;
    net_init(&net, 2, NULL);
    net_settle(&net, &topic);
    net.filter = full_lane;
    is_full = true;
    ihaves = dropped = 0;
    assert_int_equal(net_publish(&net, 0, &topic, SG_BYTES_LIT("hello"), &result), SG_OK);
    assert_int_equal(result.pushed, 1);
    net_run(&net, SG_NS_PER_MS * 5);
    assert_int_equal(dropped, 3);
    assert_int_equal(ihaves, 0);
    const struct sg_held *held =
        sg_store_get(&sg_scope_find(net.core[0], &topic)->store, &result.id);
    struct sg_reader r = sg_frame_body(held->root);
    struct sg_bytes root = sg_read_bytes(&r, SG_ID_LEN);
    is_full = false;
    tell_dropped(&base, net_id(&net, 0)->b);
    tell_dropped(&base, root.data);
    tell_dropped(&topic, result.id.b);
    net_run(&net, 2 * SG_NS_PER_S);
    assert_int_equal(ihaves, 1);
    assert_int_equal(net_delivered(&net, 1, &result.id), 1);
    struct sg_core_stats stats;
    sg_core_stats(net.core[0], &stats);
    assert_int_equal(stats.push_dropped, 1);
    assert_int_equal(stats.keys_sent, 2);
    assert_int_equal(stats.roots_sent, 2);
    assert_int_equal(stats.pt.pushes_dropped, 1);
    net_fini(&net);
}

/* The classes of all frames of the pubsub lane that publishing gives out, as bits. */
static unsigned classes_of_publishing(void)
{
    struct sg_core_outbox box = {0};
    struct sg_core_publish result;
    const struct sg_core_publish_in in = {
        .wall_ms = NET_WALL_MS, .topic = topic, .payload = SG_BYTES_LIT("x")};
    unsigned classes = 0;
    net.now += SG_NS_PER_S; /* no linger: it is signed and sent at once */
    assert_int_equal(sg_core_publish(net.core[0], net.now, &in, &result, &box), SG_OK);
    for (size_t i = 0; i < box.count; i++) {
        if (box.out[i].kind == SG_CORE_OUT_SEND && box.out[i].lane == SG_LANE_PUBSUB) {
            assert_true(box.out[i].droppable);
            classes |= 1u << box.out[i].klass;
        }
    }
    sg_core_outbox_fini(&box, net.mem);
    return classes;
}

static void set(enum sg_flow_class klass)
{
    const struct sg_core_in in = {.kind = SG_CORE_IN_PRIORITY, .topic = topic, .klass = klass};
    assert_int_equal(net_input(&net, 0, &in), SG_OK);
    assert_int_equal(sg_core_topic_class(net.core[0], &topic), klass);
}

static void messages_go_in_the_class_of_their_topic(void **state)
{
    (void)state;
    net_init(&net, 2, NULL);
    net_settle(&net, &topic);
    assert_int_equal(classes_of_publishing(), 1u << SG_FLOW_NORMAL);
    set(SG_FLOW_CRITICAL);
    assert_int_equal(classes_of_publishing(), 1u << SG_FLOW_CRITICAL);
    set(SG_FLOW_BULK);
    assert_int_equal(classes_of_publishing(), 1u << SG_FLOW_BULK);
    set(SG_FLOW_NORMAL);
    assert_int_equal(classes_of_publishing(), 1u << SG_FLOW_NORMAL);
    assert_int_equal(net.core[0]->priority_count, 0);
    struct sg_core_stats stats;
    sg_core_stats(net.core[0], &stats);
    assert_int_equal(stats.keys_sent, 3); /* once in each class: classes overtake each other */
    net_fini(&net);
}

static void few_scopes(struct sg_core_config *config)
{
    config->scopes_max = 3;
}

/* A priority may be set before the topic is there, and outlives it. */
static void priorities_are_remembered_and_bounded(void **state)
{
    (void)state;
    struct sg_core_in in = {.kind = SG_CORE_IN_PRIORITY, .klass = SG_FLOW_BULK};
    net_init(&net, 1, few_scopes);
    set(SG_FLOW_CRITICAL);
    net_subscribe(&net, 0, &topic);
    assert_int_equal(sg_scope_find(net.core[0], &topic)->klass, SG_FLOW_CRITICAL);
    for (uint8_t i = 1; i <= 3; i++) {
        in.topic.b[0] = i;
        assert_int_equal(net_input(&net, 0, &in), i < 3 ? SG_OK : SG_ERR_LIMIT);
    }
    set(SG_FLOW_NORMAL);
    assert_int_equal(net_input(&net, 0, &in), SG_OK);
    net_fini(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dropped_push_leaves_an_ihave),
        cmocka_unit_test(messages_go_in_the_class_of_their_topic),
        cmocka_unit_test(priorities_are_remembered_and_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
