/* history.c: what is kept for back-fill, and what goes first. */
#include "unit/node/backfill_case.h"

static void short_retention(struct sg_core_config *config)
{
    config->retention_ns = 60 * SG_NS_PER_S;
    config->retention_max = 40;
}

static void retention_ends_by_time_and_number(void **state)
{
    (void)state;
    struct sg_msg_id id[60];
    net_init(&net, 2, short_retention);
    net_settle(&net, &topic);
    const struct sg_scope *scope = sg_scope_find(net.core[0], &topic);
    for (size_t i = 0; i < 60; i++) {
        publish(0, "x", &id[i]);
        net_run(&net, SG_NS_PER_S);
    }
    assert_in_range(sg_history_count(scope), 34, 40);
    assert_true(stats_of(0).history_dropped >= 20);
    assert_null(sg_history_get(scope, &id[0]));
    assert_non_null(sg_history_get(scope, &id[59]));
    assert_true(sg_history_floor(net.core[0], scope) > sg_slot_of(NET_WALL_MS) + 2);
    net_run(&net, 140 * SG_NS_PER_S);
    assert_int_equal(sg_history_count(scope), 0);
    assert_int_equal(sg_history_bytes(scope), 0);
    net_fini(&net);
}

static void the_heaviest_topic_pays(void **state)
{
    (void)state;
    static const struct sg_topic_id quiet = {{8}};
    static const uint8_t large[60000];
    struct sg_core_publish result;
    struct sg_msg_id first;
    net_init(&net, 1, few_bytes);
    net_subscribe(&net, 0, &topic);
    net_subscribe(&net, 0, &quiet);
    assert_int_equal(net_publish(&net, 0, &quiet, SG_BYTES_LIT("q"), &result), SG_OK);
    first = result.id;
    for (size_t i = 0; i < 40; i++) {
        net_run(&net, SG_NS_PER_S);
        assert_int_equal(net_publish(&net, 0, &topic, sg_bytes(large, sizeof(large)), &result),
                         SG_OK);
    }
    const struct sg_scope *scope = sg_scope_find(net.core[0], &topic);
    assert_in_range(sg_history_bytes(scope), 500000, UINT64_C(1) << 20);
    assert_non_null(sg_history_get(sg_scope_find(net.core[0], &quiet), &first));
    net_fini(&net);
}

/* As if the node's clock was ahead; its neighbours get it at once. */
static struct sg_msg_id publish_ahead(size_t node, uint64_t ahead_ms, struct sg_bytes payload)
{
    struct sg_core_outbox out = {0};
    struct sg_core_publish result;
    struct sg_core_publish_in in = {.wall_ms = NET_WALL_MS + net.now / SG_NS_PER_MS + ahead_ms,
                                    .topic = topic,
                                    .payload = payload};
    assert_int_equal(sg_core_publish(net.core[node], net.now, &in, &result, &out), SG_OK);
    for (size_t i = 0; i < out.count; i++) {
        for (size_t to = 0; to < net.count && out.out[i].kind == SG_CORE_OUT_SEND; to++) {
            if (sg_peer_id_equal(&out.out[i].peer, net_id(&net, to)))
                net_inject(&net, node, to, out.out[i].lane, sg_buf_bytes(out.out[i].buf));
        }
    }
    sg_core_outbox_fini(&out, net.mem);
    return result.id;
}

/* More than is kept, dated ten minutes ahead: the present is kept, and compared, all the same. */
static void what_is_dated_ahead_does_not_lift_the_floor(void **state)
{
    (void)state;
    static const uint8_t large[60000];
    struct sg_msg_id before, after, ahead[30];
    net_init(&net, 2, few_bytes);
    net_settle(&net, &topic);
    publish(0, "before", &before);
    for (size_t i = 0; i < 30; i++) {
        ahead[i] = publish_ahead(0, 590000, sg_bytes(large, sizeof(large)));
        net_run(&net, 10 * SG_NS_PER_MS);
    }
    publish(0, "after", &after);
    net_run(&net, 30 * SG_NS_PER_S);
    const struct sg_scope *scope = sg_scope_find(net.core[1], &topic);
    assert_true(sg_history_floor(net.core[1], scope) < sg_slot_of(NET_WALL_MS));
    assert_true(sg_history_bytes(scope) <= UINT64_C(1) << 20);
    assert_non_null(sg_history_get(scope, &before));
    assert_non_null(sg_history_get(scope, &after));
    uint64_t sessions = stats_of(1).backfill_sessions;
    net_run(&net, 620 * SG_NS_PER_S); /* their time comes, and passes */
    assert_true(stats_of(1).backfill_sessions > sessions + 10);
    for (size_t i = 0; i < 30; i++)
        assert_int_equal(net_delivered(&net, 1, &ahead[i]), 1);
    assert_int_equal(stats_of(1).backfill_lacking, 0);
    net_fini(&net);
}

/* More than is kept, within one slot: what was kept before stays, and nothing is fetched twice. */
static void a_burst_leaves_what_was_before(void **state)
{
    (void)state;
    static const uint8_t large[60000];
    struct sg_core_publish result;
    struct sg_msg_id before, burst[40];
    net_init(&net, 2, few_bytes);
    net_settle(&net, &topic);
    publish(0, "before", &before);
    net_run(&net, 15 * SG_NS_PER_S);
    for (size_t i = 0; i < 40; i++) {
        assert_int_equal(net_publish(&net, 0, &topic, sg_bytes(large, sizeof(large)), &result),
                         SG_OK);
        burst[i] = result.id;
        net_run(&net, 5 * SG_NS_PER_MS);
    }
    const struct sg_scope *scope = sg_scope_find(net.core[1], &topic);
    for (size_t i = 0; i < 40; i++)
        assert_true(sg_history_knows(scope, &burst[i]));
    assert_in_range(sg_history_bytes(scope), 500000, UINT64_C(1) << 20);
    net_run(&net, 60 * SG_NS_PER_S);
    assert_non_null(sg_history_get(scope, &before));
    assert_int_equal(stats_of(1).backfill_lacking, 0);
    assert_int_equal(stats_of(1).backfill_failed, 0);
    net_fini(&net);
}

static void gone_at_once(struct sg_core_config *config)
{
    config->message_ttl_ms = 1;
}

/* Who has missed it does not want it any more: sessions leave it out. */
static void what_has_expired_is_not_fetched(void **state)
{
    (void)state;
    struct sg_msg_id id[5];
    net_init(&net, 2, gone_at_once);
    net_settle(&net, &topic);
    net_run(&net, 2 * SG_NS_PER_S);
    is_wanted = false;
    net.filter = without_trees;
    for (size_t i = 0; i < 5; i++)
        publish(0, "for now", &id[i]);
    net_run(&net, 120 * SG_NS_PER_S);
    assert_true(stats_of(1).backfill_sessions > 2);
    assert_int_equal(stats_of(1).backfill_lacking + stats_of(0).backfill_offered, 0);
    assert_int_equal(stats_of(1).refused_expired, 0);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(net_delivered(&net, 1, &id[i]), 0);
    net_fini(&net);
}

static void few_entries(struct sg_core_config *config)
{
    config->retention_max = 20;
}

/* The same with their number. */
static void many_that_are_dated_ahead_make_room(void **state)
{
    (void)state;
    struct sg_msg_id id[10], after;
    net_init(&net, 2, few_entries);
    net_settle(&net, &topic);
    for (size_t i = 0; i < 10; i++)
        publish(0, "before", &id[i]);
    for (size_t i = 0; i < 30; i++)
        (void)publish_ahead(0, 590000, SG_BYTES_LIT("ahead"));
    publish(0, "after", &after);
    net_run(&net, SG_NS_PER_S);
    const struct sg_scope *scope = sg_scope_find(net.core[1], &topic);
    assert_int_equal(sg_history_count(scope), 11);
    for (size_t i = 0; i < 10; i++)
        assert_non_null(sg_history_get(scope, &id[i]));
    assert_non_null(sg_history_get(scope, &after));
    assert_true(sg_history_floor(net.core[1], scope) < sg_slot_of(NET_WALL_MS));
    net_fini(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(retention_ends_by_time_and_number),
        cmocka_unit_test(the_heaviest_topic_pays),
        cmocka_unit_test(what_is_dated_ahead_does_not_lift_the_floor),
        cmocka_unit_test(a_burst_leaves_what_was_before),
        cmocka_unit_test(many_that_are_dated_ahead_make_room),
        cmocka_unit_test(what_has_expired_is_not_fetched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
