/* Flow control between real nodes: slow peers and how they come back, priorities, and subscribers
 * whose queues are full. */
#include "node_fixture.h"

#include <stdlib.h>

#define COUNT 300

/* Drives a node once, waiting a moment at most. */
static void drive(struct sg_node *node)
{
    struct pollfd p = {.fd = sg_node_fd(node), .events = POLLIN};
    int wait = sg_node_deadline_ms(node);
    (void)poll(&p, 1, wait < 0 || wait > 20 ? 20 : wait);
    assert_int_equal(sg_node_drive(node), SG_OK);
}

/* A node that runs only while the test drives it, a neighbour on the topic already. */
static struct sg_node *driven_node(const char *seed, const struct sg_topic_id *topic,
                                   struct sg_subscription **sub)
{
    const struct sg_subscribe_options options = {.queue_max = 10000, .queue_bytes_max = 1 << 28};
    struct sg_node_config config = local_config();
    config.seeds = &seed;
    config.seed_count = 1;
    struct sg_node *node = make_node(&config);
    assert_int_equal(sg_subscribe(node, topic, &options, sub), SG_OK);
    uint64_t end = now_ms() + PATIENCE_MS;
    struct sg_topic_neighbor neighbor;
    while (sg_topic_neighbors(node, topic, &neighbor, 1) == 0) {
        if (now_ms() >= end)
            fail_msg("no neighbour");
        drive(node);
    }
    return node;
}

static struct sg_stats stats_of(struct sg_node *node)
{
    struct sg_stats stats;
    sg_node_stats(node, &stats);
    return stats;
}

static bool is_slow(struct sg_node *node, const struct sg_node *peer)
{
    struct sg_peer_info peers[8];
    struct sg_peer_id id = id_of(peer);
    size_t count = sg_node_peers(node, peers, 8);
    for (size_t i = 0; i < count && i < 8; i++) {
        if (same_peer(&peers[i].id, &id))
            return peers[i].is_slow;
    }
    return false;
}

/* Publishes with pauses while the send queues are full. */
static void publish_all(struct sg_node *node, const struct sg_topic_id *topic,
                        struct sg_bytes payload)
{
    struct sg_event event;
    sg_err err = SG_ERR_WOULD_BLOCK;
    uint64_t end = now_ms() + PATIENCE_MS;
    while (err == SG_ERR_WOULD_BLOCK && now_ms() < end) {
        err = sg_publish(node, topic, payload, NULL);
        if (err == SG_ERR_WOULD_BLOCK)
            (void)!sg_node_next_event(node, 10, &event);
    }
    assert_int_equal(err, SG_OK);
}

/* A peer that takes nothing for a while is told ids only, costs no memory, and gets all that it has
 * missed when it comes back. */
static void slow_peer_comes_back(void **state)
{
    (void)state;
    struct sg_topic_id topic = topic_of("slow");
    struct sg_node *a = start_node(NULL);
    struct sg_subscription *own = subscribe(a, &topic);
    struct sg_subscription *inbox;
    struct sg_event event;
    struct sg_node *slow = driven_node(place_of(a).text, &topic, &inbox);
    wait_neighbors(a, &topic, 1);
    static uint8_t bytes[16384];
    for (int i = 0; i < COUNT; i++) {
        bytes[0] = (uint8_t)i;
        bytes[1] = (uint8_t)(i >> 8);
        publish_all(a, &topic, (struct sg_bytes){bytes, sizeof bytes});
        (void)!sg_node_next_event(a, 5, &event);
    }
    uint64_t end = now_ms() + PATIENCE_MS;
    while (!is_slow(a, slow) && now_ms() < end)
        (void)!sg_node_next_event(a, 20, &event);
    struct sg_stats stats = stats_of(a);
    assert_int_equal(stats.peers_slow, 1);
    assert_int_equal(stats.peers_slowed, 1);
    assert_true(stats.push_dropped > 0);
    assert_true(stats.bytes_queued < 2 << 20); /* of 4.9 MB */
    static bool seen[COUNT];
    int got = 0;
    uint64_t probe_at = 0;
    end = now_ms() + 3 * PATIENCE_MS;
    while ((got < COUNT || is_slow(a, slow)) && now_ms() < end) {
        struct sg_message *message;
        drive(slow);
        /* somebody has to be the probe; not so many that those awaited leave the memory for them */
        bool is_due = now_ms() >= probe_at && (got >= COUNT || stats_of(a).slow_probes > 0);
        if (is_due) {
            publish_all(a, &topic, (struct sg_bytes){(const uint8_t *)"probe", 5});
            probe_at = now_ms() + 100;
        }
        while (sg_subscription_next(inbox, 0, &message) == SG_OK) {
            int i =
                message->len == sizeof bytes ? message->payload[0] | message->payload[1] << 8 : -1;
            if (i >= 0) {
                assert_false(seen[i]);
                seen[i] = true;
                got++;
            }
            sg_message_free(message);
        }
    }
    assert_int_equal(got, COUNT);
    assert_false(is_slow(a, slow));
    stats = stats_of(a);
    assert_int_equal(stats.peers_slow, 0);
    /* by a probe; or its link was given up meanwhile, on a machine with much else to do */
    assert_true(stats.slow_recovered >= 1 || stats.handshakes_done > 1);
    (void)own;
    stop_fast(a);
    stop_fast(slow);
}

/* While a peer takes nothing, a message of a critical topic finds room, and is there before those
 * of a bulk topic that were published earlier. */
static void critical_topic_goes_first(void **state)
{
    (void)state;
    struct sg_topic_id bulk = topic_of("bulk");
    struct sg_topic_id critical = topic_of("critical");
    struct sg_node *a = start_node(NULL);
    struct sg_subscription *bulk_inbox, *critical_inbox;
    struct sg_topic_neighbor neighbor;
    (void)subscribe(a, &bulk);
    (void)subscribe(a, &critical);
    assert_int_equal(sg_topic_set_priority(a, &bulk, SG_PRIORITY_BULK), SG_OK);
    assert_int_equal(sg_topic_set_priority(a, &critical, SG_PRIORITY_CRITICAL), SG_OK);
    struct sg_node *slow = driven_node(place_of(a).text, &bulk, &bulk_inbox);
    assert_int_equal(sg_subscribe(slow, &critical, NULL, &critical_inbox), SG_OK);
    while (sg_topic_neighbors(slow, &critical, &neighbor, 1) == 0)
        drive(slow);
    while (sg_topic_neighbors(a, &critical, &neighbor, 1) == 0)
        drive(slow);
    static uint8_t bytes[65536];
    sg_err err = SG_OK;
    int accepted = 0;
    for (; accepted < 100 && err == SG_OK; accepted += err == SG_OK)
        err = sg_publish(a, &bulk, (struct sg_bytes){bytes, sizeof bytes}, NULL);
    assert_int_equal(err, SG_ERR_WOULD_BLOCK); /* half of 4 MiB */
    assert_in_range(accepted, 20, 70);
    publish(a, &critical, "first");
    int before = 0;
    struct sg_message *message = NULL;
    uint64_t end = now_ms() + PATIENCE_MS;
    while (sg_subscription_next(critical_inbox, 0, &message) != SG_OK && now_ms() < end) {
        struct sg_message *other;
        drive(slow);
        while (sg_subscription_next(bulk_inbox, 0, &other) == SG_OK) {
            before++;
            sg_message_free(other);
        }
    }
    assert_non_null(message);
    sg_message_free(message);
    assert_true(before < accepted - 5); /* what was in the lane already, not what waited */
    stop_fast(a);
    stop_fast(slow);
}

static void priorities_are_checked(void **state)
{
    (void)state;
    struct sg_topic_id topic = topic_of("checked");
    struct sg_topic_info info;
    struct sg_node *a = start_node(NULL);
    const struct sg_topic_id base = {{0}};
    assert_int_equal(sg_topic_set_priority(a, &base, SG_PRIORITY_BULK), SG_ERR_INVALID_ARGUMENT);
    assert_int_equal(sg_topic_set_priority(a, &topic, (enum sg_priority)7),
                     SG_ERR_INVALID_ARGUMENT);
    assert_int_equal(sg_topic_set_priority(a, &topic, SG_PRIORITY_BULK), SG_OK);
    (void)subscribe(a, &topic);
    assert_int_equal(sg_node_topics(a, &info, 1), 1);
    assert_int_equal(info.priority, SG_PRIORITY_BULK);
    assert_int_equal(sg_topic_set_priority(a, &topic, SG_PRIORITY_CRITICAL), SG_OK);
    assert_int_equal(sg_node_topics(a, &info, 1), 1);
    assert_int_equal(info.priority, SG_PRIORITY_CRITICAL);
    assert_int_equal(sg_topic_set_priority(a, &topic, SG_PRIORITY_NORMAL), SG_OK);
    assert_int_equal(sg_node_topics(a, &info, 1), 1);
    assert_int_equal(info.priority, SG_PRIORITY_NORMAL);
    struct sg_topic_id many = {{1}};
    for (int i = 0; i < 257; i++) {
        many.b[1] = (uint8_t)i;
        many.b[2] = (uint8_t)(i >> 8);
        assert_int_equal(sg_topic_set_priority(a, &many, SG_PRIORITY_BULK), SG_OK);
    }
    assert_int_equal(sg_topic_set_priority(a, &topic, SG_PRIORITY_BULK), SG_ERR_LIMIT);
    assert_int_equal(sg_topic_set_priority(a, &many, SG_PRIORITY_NORMAL), SG_OK);
    assert_int_equal(sg_topic_set_priority(a, &topic, SG_PRIORITY_BULK), SG_OK);
    sg_node_stop(a);
    assert_int_equal(sg_topic_set_priority(a, &topic, SG_PRIORITY_BULK), SG_ERR_STOPPED);
    sg_node_free(a);
}

/* ---- subscribers that do not read --------------------------------------------------------- */

static struct sg_subscription *subscribe_with(struct sg_node *node, const struct sg_topic_id *topic,
                                              enum sg_full_policy policy)
{
    const struct sg_subscribe_options options = {
        .queue_max = 5, .queue_bytes_max = 1000, .policy = policy, .own_messages = true};
    struct sg_subscription *sub = NULL;
    assert_int_equal(sg_subscribe(node, topic, &options, &sub), SG_OK);
    return sub;
}

/* One that never reads, of each policy, beside one that reads: all as promised, nobody delayed. */
static void each_policy_does_what_it_says(void **state)
{
    (void)state;
    struct sg_topic_id topic = topic_of("policies");
    struct sg_node *a = start_node(NULL);
    struct sg_node *b = start_node(place_of(a).text);
    struct sg_subscription *oldest = subscribe_with(b, &topic, SG_FULL_DROP_OLDEST);
    struct sg_subscription *newest = subscribe_with(b, &topic, SG_FULL_DROP_NEWEST);
    struct sg_subscription *closing = subscribe_with(b, &topic, SG_FULL_CLOSE);
    struct sg_subscription *blocked = subscribe_with(b, &topic, SG_FULL_BLOCK);
    struct sg_subscription *eager = subscribe(b, &topic);
    struct sg_message *message;
    char text[32];
    (void)subscribe(a, &topic);
    wait_neighbors(a, &topic, 1);
    for (int i = 0; i < 200; i++) {
        (void)snprintf(text, sizeof text, "message %d", i);
        publish(a, &topic, text);
        expect_text(eager, text, a);
    }
    struct sg_stats stats = stats_of(b); /* comes behind the delivery to all */
    assert_int_equal(stats.subscriber_dropped, 195 + 195 + 1);
    assert_int_equal(stats.subscriber_closed, 1);
    assert_int_equal(stats.subscriber_held, 195);
    assert_int_equal(sg_subscription_dropped(oldest), 195);
    assert_int_equal(sg_subscription_dropped(newest), 195);
    assert_int_equal(sg_subscription_held(blocked), 195);
    expect_text(oldest, "message 195", a);
    for (int i = 0; i < 5; i++) {
        (void)snprintf(text, sizeof text, "message %d", i);
        expect_text(newest, text, a);
        expect_text(closing, text, a);
    }
    assert_int_equal(sg_subscription_next(newest, 0, &message), SG_ERR_WOULD_BLOCK);
    assert_int_equal(sg_subscription_next(closing, 0, &message), SG_ERR_CLOSED);
    struct pollfd p = {.fd = sg_subscription_fd(blocked), .events = POLLIN};
    for (int i = 0; i < 200; i++) {
        (void)snprintf(text, sizeof text, "message %d", i);
        assert_int_equal(poll(&p, 1, 0), 1);
        expect_text(blocked, text, a);
    }
    assert_int_equal(poll(&p, 1, 0), 0);
    assert_int_equal(sg_subscription_next(blocked, 0, &message), SG_ERR_WOULD_BLOCK);
    assert_int_equal(sg_subscription_dropped(blocked), 0);
    publish(a, &topic, "again");
    expect_text(blocked, "again", a);
    /* a publisher of the same node waits for the reader */
    const struct sg_bytes own = {(const uint8_t *)"own", 3};
    for (int i = 0; i < 5; i++)
        assert_int_equal(sg_publish(b, &topic, own, NULL), SG_OK);
    assert_int_equal(sg_publish(b, &topic, own, NULL), SG_ERR_WOULD_BLOCK);
    expect_text(blocked, "own", b);
    assert_int_equal(sg_publish(b, &topic, own, NULL), SG_OK);
    for (int i = 0; i < 5; i++)
        expect_text(blocked, "own", b);
    stop_fast(a);
    sg_node_stop(b);
    assert_int_equal(sg_subscription_next(blocked, 0, &message), SG_ERR_STOPPED);
    sg_node_free(b);
}

/* The steps of a message at its author and at a receiver. */
static void steps_tell_the_way(void **state)
{
    (void)state;
    struct sg_topic_id topic = topic_of("steps");
    struct sg_node *a = start_node(NULL);
    struct sg_node *b = start_node(place_of(a).text);
    struct sg_subscription *inbox = subscribe(b, &topic);
    struct sg_publish_result result;
    struct sg_trace_step steps[16];
    struct sg_peer_id a_id = id_of(a);
    struct sg_peer_id b_id = id_of(b);
    (void)subscribe(a, &topic);
    wait_neighbors(a, &topic, 1);
    wait_neighbors(b, &topic, 1);
    assert_int_equal(sg_publish(a, &topic, (struct sg_bytes){(const uint8_t *)"way", 3}, &result),
                     SG_OK);
    expect_text(inbox, "way", a);
    assert_int_equal(sg_node_trace(a, &result.id, steps, 16), 2);
    assert_int_equal(steps[0].kind, SG_STEP_PUBLISHED);
    assert_true(same_peer(&steps[0].peer, &a_id));
    assert_memory_equal(&steps[0].topic, &topic, sizeof topic);
    assert_int_equal(steps[0].eager, 1);
    assert_int_equal(steps[0].lazy, 0);
    assert_int_equal(steps[1].kind, SG_STEP_PUSHED);
    assert_true(same_peer(&steps[1].peer, &b_id));
    assert_int_equal(sg_node_trace(b, &result.id, steps, 16), 1);
    assert_int_equal(steps[0].kind, SG_STEP_FIRST);
    assert_true(same_peer(&steps[0].peer, &a_id));
    assert_memory_equal(&steps[0].topic, &topic, sizeof topic);
    assert_int_equal(steps[0].hops, 1);
    assert_int_equal(steps[0].eager, 1);
    assert_int_equal(sg_node_trace(b, NULL, NULL, 0), 1);
    const struct sg_msg_id unknown = {{1}};
    assert_int_equal(sg_node_trace(b, &unknown, steps, 16), 0);
    stop_fast(a);
    stop_fast(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slow_peer_comes_back),   cmocka_unit_test(critical_topic_goes_first),
        cmocka_unit_test(priorities_are_checked), cmocka_unit_test(each_policy_does_what_it_says),
        cmocka_unit_test(steps_tell_the_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
