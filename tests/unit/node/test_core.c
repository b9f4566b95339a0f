#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/reader.h"
#include "support/core_net.h"
#include "wire/frame.h"
#include "wire/hpv_msg.h"

static const struct sg_topic_id topic = {{7, 7, 7}};
static struct net net;

static void one_node_asks_for_seeds(void **state)
{
    (void)state;
    net_init(&net, 1, NULL);
    net_run(&net, 3 * SG_NS_PER_S);
    assert_true(net.need_seeds[0] >= 1);
    net_fini(&net);
}

static void two_nodes_become_neighbors_on_both_scopes(void **state)
{
    struct sg_peer_id peer;
    (void)state;
    net_init(&net, 2, NULL);
    net_settle(&net, &topic);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(sg_core_neighbors(net.core[i], NULL, &peer, 1), 1);
        assert_memory_equal(&peer, net_id(&net, 1 - i), sizeof(peer));
        assert_int_equal(sg_core_neighbors(net.core[i], &topic, &peer, 1), 1);
        assert_memory_equal(&peer, net_id(&net, 1 - i), sizeof(peer));
    }
    net_fini(&net);
}

static struct sg_buf *join_frame;

static bool keep_join(struct net *n, const struct net_frame *frame)
{
    struct sg_frame_head head;
    struct sg_reader r;
    (void)n;
    if (join_frame != NULL || frame->from != 1 || frame->lane != SG_LANE_MSHIP ||
        frame->buf == NULL)
        return true;
    r = sg_reader(sg_buf_bytes(frame->buf));
    if (sg_frame_head_decode(&r, &head) == SG_OK && head.family == SG_FAMILY_HYPARVIEW &&
        sg_read_u8(&r) == SG_HPV_JOIN)
        join_frame = sg_buf_ref(frame->buf);
    return true;
}

/* Its first request was answered late, so a neighbour asks again: what runs over the link starts
 * anew, and the program sees no change. */
static void a_neighbor_that_asks_again_is_not_reported(void **state)
{
    struct sg_core_publish result;
    struct sg_peer_id peer;
    (void)state;
    net_init(&net, 2, NULL);
    net.filter = keep_join;
    net_settle(&net, &topic);
    net.filter = NULL;
    assert_non_null(join_frame);
    size_t events = net.neighbor_events[0];
    assert_true(events > 0);
    net_inject(&net, 1, 0, SG_LANE_MSHIP, sg_buf_bytes(join_frame));
    net_run(&net, SG_NS_PER_S);
    assert_int_equal(net.neighbor_events[0], events);
    assert_int_equal(sg_core_neighbors(net.core[0], NULL, &peer, 1), 1);
    assert_int_equal(net_publish(&net, 0, &topic, SG_BYTES_LIT("x"), &result), SG_OK);
    net_run(&net, SG_NS_PER_S);
    assert_int_equal(net_delivered(&net, 1, &result.id), 1);
    sg_buf_unref(join_frame);
    join_frame = NULL;
    net_fini(&net);
}

static void every_node_gets_every_message_once(void **state)
{
    struct sg_core_publish result;
    uint8_t payload = 0;
    (void)state;
    net_init(&net, 8, NULL);
    net_settle(&net, &topic);
    for (size_t round = 0; round < 24; round++) {
        payload = (uint8_t)round;
        assert_int_equal(net_publish(&net, round % 8, &topic, sg_bytes(&payload, 1), &result),
                         SG_OK);
        assert_true(result.neighbors > 0);
        net_run(&net, 200 * SG_NS_PER_MS);
        for (size_t i = 0; i < 8; i++)
            assert_int_equal(net_delivered(&net, i, &result.id), 1);
    }
    net_fini(&net);
}

static void messages_name_author_hops_and_last_hop(void **state)
{
    struct sg_core_publish result;
    (void)state;
    net_init(&net, 2, NULL);
    net_settle(&net, &topic);
    assert_int_equal(net_publish(&net, 0, &topic, SG_BYTES_LIT("x"), &result), SG_OK);
    net_run(&net, SG_NS_PER_S);
    assert_int_equal(net.delivery_count, 2);
    assert_int_equal(net.deliveries[0].message.hops, 0);
    assert_memory_equal(&net.deliveries[0].message.last_hop, net_id(&net, 0), SG_ID_LEN);
    assert_int_equal(net.deliveries[1].node, 1);
    assert_int_equal(net.deliveries[1].message.hops, 1);
    assert_memory_equal(&net.deliveries[1].message.last_hop, net_id(&net, 0), SG_ID_LEN);
    assert_memory_equal(&net.deliveries[1].message.author, net_id(&net, 0), SG_ID_LEN);
    assert_int_equal(net.deliveries[1].message.sequence, (UINT64_C(1) << 32) | 1);
    assert_int_equal(net.deliveries[1].first, 'x');
    net_fini(&net);
}

static void a_late_subscriber_gets_what_was_published_before(void **state)
{
    struct sg_core_publish result;
    (void)state;
    net_init(&net, 3, NULL);
    net_subscribe(&net, 0, &topic);
    net_join(&net, 1, 0);
    net_join(&net, 2, 0);
    net_run(&net, SG_NS_PER_S);
    assert_int_equal(net_publish(&net, 0, &topic, SG_BYTES_LIT("early"), &result), SG_OK);
    assert_int_equal(result.neighbors, 0);
    net_run(&net, SG_NS_PER_S);
    net_subscribe(&net, 2, &topic);
    net_run(&net, 5 * SG_NS_PER_S);
    assert_int_equal(net_delivered(&net, 2, &result.id), 1);
    assert_int_equal(net_delivered(&net, 1, &result.id), 0);
    net_fini(&net);
}

static void a_dead_neighbor_is_replaced_and_messages_still_arrive(void **state)
{
    struct sg_core_publish result;
    (void)state;
    net_init(&net, 6, NULL);
    net_settle(&net, &topic);
    net.is_down[3] = true;
    for (size_t i = 0; i < 6; i++) {
        struct sg_core_in in = {
            .kind = SG_CORE_IN_LINK_DOWN, .peer = *net_id(&net, 3), .err = SG_ERR_TIMEOUT};
        net.is_linked[i][3] = false;
        if (i != 3)
            assert_int_equal(net_input(&net, i, &in), SG_OK);
    }
    assert_int_equal(net_publish(&net, 5, &topic, SG_BYTES_LIT("x"), &result), SG_OK);
    net_run(&net, 5 * SG_NS_PER_S);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(net_delivered(&net, i, &result.id), i == 3 ? 0 : 1);
    net_fini(&net);
}

static void leaving_says_goodbye_and_stops(void **state)
{
    struct sg_core_in leave = {.kind = SG_CORE_IN_LEAVE};
    struct sg_core_gauges gauges;
    struct sg_core_publish result;
    (void)state;
    net_init(&net, 3, NULL);
    net_settle(&net, &topic);
    assert_int_equal(net_input(&net, 1, &leave), SG_OK);
    assert_int_equal(net.last_close[1], SG_CLOSE_SHUTDOWN);
    net_run(&net, SG_NS_PER_S);
    sg_core_gauges(net.core[0], &gauges);
    assert_int_equal(gauges.base_active, 1);
    assert_int_equal(net_input(&net, 1, &leave), SG_ERR_STOPPED);
    assert_int_equal(net_publish(&net, 1, &topic, SG_BYTES_LIT("x"), &result), SG_ERR_STOPPED);
    assert_true(sg_core_deadline(net.core[1]) == SG_TIME_NEVER);
    net_fini(&net);
}

static void unsubscribing_leaves_the_topic_only(void **state)
{
    struct sg_core_in in = {.kind = SG_CORE_IN_UNSUBSCRIBE, .topic = topic};
    struct sg_core_gauges gauges;
    (void)state;
    net_init(&net, 2, NULL);
    net_settle(&net, &topic);
    assert_int_equal(net_input(&net, 0, &in), SG_OK);
    assert_int_equal(net_input(&net, 0, &in), SG_ERR_NOT_FOUND);
    net_run(&net, SG_NS_PER_S);
    assert_int_equal(sg_core_neighbors(net.core[1], &topic, NULL, 0), 0);
    sg_core_gauges(net.core[0], &gauges);
    assert_int_equal(gauges.topics, 0);
    assert_int_equal(gauges.base_active, 1);
    net_fini(&net);
}

static void a_topic_without_subscription_is_let_go(void **state)
{
    struct sg_core_publish result;
    struct sg_core_gauges gauges;
    (void)state;
    net_init(&net, 1, NULL);
    assert_int_equal(net_publish(&net, 0, &topic, SG_BYTES_LIT("x"), &result), SG_OK);
    sg_core_gauges(net.core[0], &gauges);
    assert_int_equal(gauges.topics, 1);
    net_run(&net, 61 * SG_NS_PER_S);
    sg_core_gauges(net.core[0], &gauges);
    assert_int_equal(gauges.topics, 0);
    net_fini(&net);
}

static void few_scopes(struct sg_core_config *config)
{
    config->scopes_max = 2;
    config->links_max = 1;
}

static void limits_are_errors_without_effect(void **state)
{
    struct sg_core_in in = {.kind = SG_CORE_IN_SUBSCRIBE, .topic = {{9}}};
    struct sg_core_in up = {.kind = SG_CORE_IN_LINK_UP, .peer = {{1}}};
    struct sg_core_publish result;
    static uint8_t big[SG_LARGE_MAX + 1];
    (void)state;
    net_init(&net, 1, few_scopes);
    assert_int_equal(net_publish(&net, 0, &topic, sg_bytes(big, sizeof(big)), &result),
                     SG_ERR_TOO_LARGE);
    assert_int_equal(net_publish(&net, 0, &topic, sg_bytes(big, sizeof(big) - 1), &result), SG_OK);
    assert_int_equal(net_input(&net, 0, &in), SG_ERR_LIMIT);
    assert_int_equal(net_input(&net, 0, &up), SG_OK);
    up.peer.b[0] = 2; /* takes the place of the first, which nobody needs */
    assert_int_equal(net_input(&net, 0, &up), SG_OK);
    assert_int_equal(net.last_close[0], SG_CLOSE_OVERLOAD);
    struct sg_core_in join = {.kind = SG_CORE_IN_SEED, .peer = up.peer};
    assert_int_equal(net_input(&net, 0, &join), SG_OK);
    up.peer.b[0] = 3; /* the second is waited for */
    assert_int_equal(net_input(&net, 0, &up), SG_ERR_LIMIT);
    in.topic = (struct sg_topic_id){{0}};
    assert_int_equal(net_input(&net, 0, &in), SG_ERR_INVALID_ARGUMENT);
    net_fini(&net);
}

/* ---- HELLO ---- */

static void hello_is_checked_for_network_profile_and_version(void **state)
{
    uint8_t frame[SG_HELLO_MAX];
    uint64_t boot = 0;
    (void)state;
    net_init(&net, 2, NULL);
    size_t len = sg_core_hello(net.core[0], frame);
    const struct sg_peer_id *peer = net_id(&net, 0);
    struct sg_bytes hello = sg_bytes(frame, len);
    assert_int_equal(sg_core_hello_check(net.core[1], peer, hello, &boot), SG_OK);
    assert_int_equal(boot, 1);
    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(sg_core_hello_check(net.core[1], peer, sg_bytes(frame, cut), &boot),
                         SG_ERR_TRUNCATED);
    frame[len] = 0;
    assert_int_equal(sg_core_hello_check(net.core[1], peer, sg_bytes(frame, len + 1), &boot),
                     SG_ERR_TRAILING);
    frame[4] ^= 1; /* head is 3 bytes, then suite, then network */
    assert_int_equal(sg_core_hello_check(net.core[1], peer, hello, &boot), SG_ERR_WRONG_NETWORK);
    frame[4] ^= 1;
    frame[3] ^= 1;
    assert_int_equal(sg_core_hello_check(net.core[1], peer, hello, &boot), SG_ERR_WRONG_PROFILE);
    frame[3] ^= 1;
    frame[1] ^= 2;
    assert_int_equal(sg_core_hello_check(net.core[1], peer, hello, &boot), SG_ERR_VERSION);
    net_fini(&net);
}

static void hello_errors_have_reasons(void **state)
{
    (void)state;
    assert_int_equal(sg_core_hello_reason(SG_ERR_WRONG_NETWORK), SG_CLOSE_WRONG_NETWORK);
    assert_int_equal(sg_core_hello_reason(SG_ERR_WRONG_PROFILE), SG_CLOSE_WRONG_PROFILE);
    assert_int_equal(sg_core_hello_reason(SG_ERR_VERSION), SG_CLOSE_VERSION);
    assert_int_equal(sg_core_hello_reason(SG_ERR_BANNED), SG_CLOSE_BANNED);
    assert_int_equal(sg_core_hello_reason(SG_ERR_TRUNCATED), SG_CLOSE_PROTOCOL);
}

/* ---- memory ---- */

struct failing {
    size_t left; /* allocations until one fails */
    size_t live;
};

static bool fails(struct failing *f)
{
    if (f->left == 0)
        return true;
    f->left--;
    return false;
}

static void *failing_alloc(void *user, size_t size)
{
    struct failing *f = user;
    void *ptr = fails(f) ? NULL : malloc(size);
    f->live += ptr != NULL ? 1 : 0;
    return ptr;
}

static void *failing_realloc(void *user, void *ptr, size_t size)
{
    struct failing *f = user;
    void *grown = fails(f) ? NULL : realloc(ptr, size);
    f->live += grown != NULL && ptr == NULL ? 1 : 0;
    return grown;
}

static void failing_free(void *user, void *ptr)
{
    struct failing *f = user;
    f->live--;
    free(ptr);
}

static struct failing failing;
static const struct sg_mem failing_mem = {failing_alloc, failing_realloc, failing_free, &failing};

static void small(struct sg_core_config *config)
{
    config->pt.seen_max = 64;
    config->pt.cache_max = 16;
    config->pt.missing_max = 16;
    config->book_max = 48;
    config->keys_max = 4;
    config->roots_max = 4;
    config->authors_max = 4;
    config->links_max = 8;
    config->scopes_max = 4;
}

/* One node on failing memory, created, linked, subscribed and publishing. */
static bool live_with(size_t allocations)
{
    struct sg_core_config config = sg_core_config_default(&failing_mem);
    struct sg_core *core = NULL;
    struct sg_core_outbox out = {0};
    struct sg_core_publish result;
    struct sg_core_publish_in in = {
        .wall_ms = NET_WALL_MS, .topic = topic, .payload = SG_BYTES_LIT("x")};
    struct sg_core_in subscribe = {.kind = SG_CORE_IN_SUBSCRIBE, .topic = topic};
    struct sg_core_in up = {.kind = SG_CORE_IN_LINK_UP, .peer = {{1}}};
    struct sg_core_in join = {.kind = SG_CORE_IN_SEED, .peer = {{1}}};
    small(&config);
    config.suite = sg_identity_suite(net.identity[0]);
    config.signer = *sg_identity_signer(net.identity[0]);
    config.self = *net_id(&net, 0);
    config.network = SG_BYTES_LIT("test");
    failing = (struct failing){.left = allocations};
    sg_err err = sg_core_new(&core, &config, 0);
    bool ok = err == SG_OK;
    if (!ok) {
        assert_int_equal(err, SG_ERR_NO_MEMORY);
        assert_null(core);
        assert_int_equal(failing.live, 0);
        return false;
    }
    const struct sg_core_in *inputs[] = {&up, &join, &subscribe};
    for (size_t i = 0; i < 3; i++) {
        err = sg_core_input(core, 1, NET_WALL_MS, inputs[i], &out);
        assert_true(err == SG_OK || err == SG_ERR_NO_MEMORY);
        ok = ok && err == SG_OK;
        sg_core_check(core);
    }
    err = sg_core_publish(core, 1, &in, &result, &out);
    assert_true(err == SG_OK || err == SG_ERR_NO_MEMORY);
    sg_core_check(core);
    sg_core_outbox_fini(&out, &failing_mem);
    struct sg_core_stats stats;
    sg_core_stats(core, &stats);
    ok = ok && err == SG_OK && stats.outbox_lost == 0 && failing.left > 0;
    sg_core_free(core);
    assert_int_equal(failing.live, 0);
    return ok;
}

static void every_failed_allocation_is_survived(void **state)
{
    size_t allocations = 0;
    (void)state;
    net_init(&net, 1, NULL);
    while (!live_with(allocations)) {
        allocations++;
        assert_true(allocations < 1000);
    }
    assert_true(allocations > 20);
    net_fini(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_node_asks_for_seeds),
        cmocka_unit_test(two_nodes_become_neighbors_on_both_scopes),
        cmocka_unit_test(a_neighbor_that_asks_again_is_not_reported),
        cmocka_unit_test(every_node_gets_every_message_once),
        cmocka_unit_test(messages_name_author_hops_and_last_hop),
        cmocka_unit_test(a_late_subscriber_gets_what_was_published_before),
        cmocka_unit_test(a_dead_neighbor_is_replaced_and_messages_still_arrive),
        cmocka_unit_test(leaving_says_goodbye_and_stops),
        cmocka_unit_test(unsubscribing_leaves_the_topic_only),
        cmocka_unit_test(a_topic_without_subscription_is_let_go),
        cmocka_unit_test(limits_are_errors_without_effect),
        cmocka_unit_test(hello_is_checked_for_network_profile_and_version),
        cmocka_unit_test(hello_errors_have_reasons),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
