/* past.c: what durable topics give out to be stored, and what comes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "node/internal.h"
#include "support/core_net.h"

static struct net net;
static const struct sg_topic_id topic = {{7}};
/* After family, version, topic and kind. */
#define HOP_AT (3 + SG_ID_LEN + 1)

static void subscribe_durably(size_t node)
{
    const struct sg_core_in in = {.kind = SG_CORE_IN_SUBSCRIBE, .topic = topic, .on = true};
    assert_int_equal(net_input(&net, node, &in), SG_OK);
}

static struct sg_msg_id publish(size_t node)
{
    struct sg_core_publish result;
    assert_int_equal(net_publish(&net, node, &topic, SG_BYTES_LIT("x"), &result), SG_OK);
    return result.id;
}

static size_t stored_of(size_t node)
{
    size_t count = 0;
    for (size_t i = 0; i < net.stored_count; i++)
        count += net.stored[i].node == node ? 1 : 0;
    return count;
}

static void slow_signatures(struct sg_core_config *config)
{
    config->offload = true;
}

/* Node 1 keeps what node 0 says and what it says itself; node 0 keeps nothing. */
static void setup_stored(size_t messages)
{
    net_init(&net, 2, slow_signatures);
    net_settle(&net, &topic);
    subscribe_durably(1);
    for (size_t i = 0; i < messages; i++)
        (void)publish(i % 2);
    net_run(&net, SG_NS_PER_S);
}

static void accepted_and_own_messages_are_given_out_once(void **state)
{
    (void)state;
    setup_stored(10);
    assert_int_equal(stored_of(1), 10);
    assert_int_equal(stored_of(0), 0);
    struct sg_core_message message;
    assert_true(sg_core_open_past(net.stored[0].gossip, &message));
    assert_int_equal(message.payload.len, 1);
    net_run(&net, 60 * SG_NS_PER_S);
    assert_int_equal(stored_of(1), 10);
    net_fini(&net);
}

static void unsubscribe(size_t node, bool is_durable, sg_err want)
{
    const struct sg_core_in in = {.kind = SG_CORE_IN_UNSUBSCRIBE, .topic = topic, .on = is_durable};
    assert_int_equal(net_input(&net, node, &in), want);
}

/* Node 1 has three subscriptions, two of them durable. */
static void a_topic_is_durable_while_a_subscription_says_so(void **state)
{
    (void)state;
    setup_stored(2);
    subscribe_durably(1);
    unsubscribe(1, true, SG_OK);
    (void)publish(0);
    net_run(&net, SG_NS_PER_S);
    assert_int_equal(stored_of(1), 3);
    unsubscribe(1, true, SG_OK);
    unsubscribe(1, true, SG_ERR_NOT_FOUND);
    struct sg_msg_id id = publish(0);
    net_run(&net, SG_NS_PER_S);
    assert_int_equal(net_delivered(&net, 1, &id), 1);
    assert_int_equal(stored_of(1), 3);
    subscribe_durably(1);
    unsubscribe(1, false, SG_OK);
    unsubscribe(1, false, SG_ERR_NOT_FOUND);
    (void)publish(0);
    net_run(&net, SG_NS_PER_S);
    assert_int_equal(stored_of(1), 4);
    net_fini(&net);
}

static sg_err take(struct sg_core *core, const struct net_stored *stored)
{
    const struct sg_core_past past = {stored->gossip, stored->root, stored->key};
    const struct sg_core_in in = {
        .kind = SG_CORE_IN_PAST, .topic = stored->topic, .id = stored->id, .past = &past};
    struct sg_core_outbox out = {0};
    sg_err err = sg_core_input(core, net.now, NET_WALL_MS + net.now / SG_NS_PER_MS, &in, &out);
    assert_int_equal(out.count, 0); /* neither delivered nor given out again */
    sg_core_outbox_fini(&out, net.mem);
    return err;
}

/* A third node that has just started with the disk of node 1. */
static void what_comes_back_is_known_and_served(void **state)
{
    (void)state;
    setup_stored(10);
    struct net_stored first = net.stored[0];
    size_t count = net.stored_count;
    struct net before = net;
    net.stored_count = 0;
    net_init(&net, 3, slow_signatures);
    assert_int_equal(take(net.core[2], &first), SG_ERR_NOT_FOUND);
    subscribe_durably(2);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(take(net.core[2], &before.stored[i]), SG_OK);
    assert_int_equal(take(net.core[2], &first), SG_OK); /* twice is once */
    const struct sg_scope *scope = sg_scope_find(net.core[2], &topic);
    assert_int_equal(sg_history_count(scope), 10);
    uint32_t at = 0;
    struct sg_core_kept kept;
    size_t seen = 0;
    while (sg_core_past(net.core[2], &topic, &at, &kept))
        seen += kept.message.payload.len;
    assert_int_equal(seen, 10);
    /* others get it from there */
    net_run(&net, 20 * SG_NS_PER_S);
    net_subscribe(&net, 0, &topic);
    net_join(&net, 0, 2);
    net_run(&net, 60 * SG_NS_PER_S);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(net_delivered(&net, 0, &before.stored[i].id), 1);
        assert_int_equal(net_delivered(&net, 2, &before.stored[i].id), 0);
    }
    net_fini(&net);
    net_fini(&before);
}

/* The disk had more than there is room for: of what is older than the part that is given back,
 * nothing is taken, neither from back-fill nor from somebody who says it again. */
static void what_is_not_given_back_is_refused(void **state)
{
    (void)state;
    setup_stored(4);
    net_run(&net, 20 * SG_NS_PER_S);
    uint64_t from_ms = NET_WALL_MS + net.now / SG_NS_PER_MS;
    (void)publish(0);
    net_run(&net, 20 * SG_NS_PER_S);
    (void)publish(0);
    net_run(&net, SG_NS_PER_S);
    assert_int_equal(net.stored_count, 6);
    net_restart(&net, 1, 2);
    const struct net_stored *old = net.stored;
    subscribe_durably(1);
    const struct sg_core_in floor = {
        .kind = SG_CORE_IN_PAST_FLOOR, .topic = topic, .wall_ms = from_ms};
    assert_int_equal(net_input(&net, 1, &floor), SG_OK);
    for (size_t i = 4; i < 6; i++)
        assert_int_equal(take(net.core[1], &old[i]), SG_OK);
    net_join(&net, 1, 0);
    net_run(&net, 60 * SG_NS_PER_S);
    net_inject(&net, 0, 1, SG_LANE_PUBSUB, sg_buf_bytes(old[2].key));
    net_inject(&net, 0, 1, SG_LANE_PUBSUB, sg_buf_bytes(old[2].root));
    net_inject(&net, 0, 1, SG_LANE_PUBSUB, sg_buf_bytes(old[2].gossip));
    net_run(&net, SG_NS_PER_S);
    assert_int_equal(net.stored_count, 6);
    for (size_t i = 0; i < net.delivery_count; i++)
        assert_int_equal(net_delivered(&net, 1, &net.deliveries[i].id), 1);
    net_fini(&net);
}

static struct sg_buf *spoilt(const struct sg_buf *buf, size_t at)
{
    struct sg_buf *copy = sg_buf_copy(sg_mem_default(), sg_buf_bytes(buf));
    assert_non_null(copy);
    copy->data[at] ^= 1;
    return copy;
}

/* One bit anywhere: in the heads, numbers, payload, leaves or key. */
static void a_damaged_store_is_noticed(void **state)
{
    (void)state;
    setup_stored(6);
    struct net before = net;
    const struct net_stored good = net.stored[net.stored_count - 1];
    net.stored_count = 0;
    net_init(&net, 1, slow_signatures);
    subscribe_durably(0);
    for (size_t at = 0; at < good.gossip->len; at++) {
        struct net_stored bad = good;
        if (at == HOP_AT) /* no part of the message */
            continue;
        bad.gossip = spoilt(good.gossip, at);
        assert_int_equal(take(net.core[0], &bad), SG_ERR_CORRUPT);
        sg_buf_unref(bad.gossip);
    }
    for (size_t at = 4; at < 36; at++) {
        struct net_stored bad = good;
        bad.root = spoilt(good.root, at);
        assert_int_equal(take(net.core[0], &bad), SG_ERR_CORRUPT);
        sg_buf_unref(bad.root);
        bad.root = good.root;
        bad.key = spoilt(good.key, 100 + at);
        assert_int_equal(take(net.core[0], &bad), SG_ERR_CORRUPT);
        sg_buf_unref(bad.key);
    }
    assert_int_equal(take(net.core[0], &good), SG_OK);
    net_fini(&net);
    net_fini(&before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepted_and_own_messages_are_given_out_once),
        cmocka_unit_test(a_topic_is_durable_while_a_subscription_says_so),
        cmocka_unit_test(what_comes_back_is_known_and_served),
        cmocka_unit_test(what_is_not_given_back_is_refused),
        cmocka_unit_test(a_damaged_store_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
