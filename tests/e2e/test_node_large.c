/* Payloads above 64 KiB through the public API. */
#include "node_fixture.h"

#define SIZE ((size_t)1 << 20)

static uint8_t payload[SIZE];

static void wait_for_neighbor(struct sg_node *node, const struct sg_topic_id *topic)
{
    struct sg_event event;
    do
        event = wait_event(node, SG_EVENT_PEER_UP);
    while (memcmp(&event.topic, topic, sizeof *topic) != 0);
}

static void expect_whole(const struct sg_message *message, const struct sg_peer_id *author)
{
    assert_int_equal(message->len, SIZE);
    assert_memory_equal(message->payload, payload, SIZE);
    assert_memory_equal(&message->author, author, sizeof *author);
}

static void a_subscriber_gets_it_in_one_message(void **state)
{
    const struct sg_subscribe_options own = {
        .queue_max = 4, .queue_bytes_max = SIZE, .own_messages = true};
    struct sg_topic_id topic = topic_of("large");
    struct sg_node *a = start_node(NULL);
    struct sg_node *b = start_node(place_of(a).text);
    struct sg_peer_id id_a = id_of(a);
    struct sg_subscription *at_a = NULL;
    struct sg_subscription *at_b = NULL;
    struct sg_publish_result result;
    struct sg_message *message;
    struct sg_event event;
    struct sg_stats stats;
    (void)state;
    for (size_t i = 0; i < SIZE; i++)
        payload[i] = (uint8_t)(i * 7 + (i >> 11));
    assert_int_equal(sg_subscribe(a, &topic, &own, &at_a), SG_OK);
    assert_int_equal(sg_subscribe(b, &topic, NULL, &at_b), SG_OK);
    wait_for_neighbor(a, &topic);
    assert_int_equal(sg_publish(a, &topic, (struct sg_bytes){payload, SIZE}, &result), SG_OK);
    assert_int_equal(sg_subscription_next(at_b, PATIENCE_MS, &message), SG_OK);
    expect_whole(message, &id_a);
    assert_memory_equal(&message->id, &result.id, sizeof result.id);
    assert_memory_equal(&message->last_hop, &id_a, sizeof id_a);
    assert_int_equal(message->hops, 1);
    sg_message_free(message);
    assert_int_equal(sg_subscription_next(at_a, PATIENCE_MS, &message), SG_OK);
    expect_whole(message, &id_a);
    assert_int_equal(message->hops, 0);
    sg_message_free(message);
    do {
        event = wait_event(b, SG_EVENT_TRANSFER);
        assert_int_equal(event.err, SG_OK);
        assert_int_equal(event.total, SIZE);
        assert_memory_equal(&event.message, &result.id, sizeof result.id);
        assert_memory_equal(&event.peer, &id_a, sizeof id_a);
    } while (event.done < event.total);
    sg_node_stats(b, &stats);
    assert_int_equal(stats.large_received, 1);
    assert_int_equal(stats.chunks_in, SIZE / 65536);
    assert_int_equal(stats.large_bytes, SIZE);
    assert_int_equal(stats.delivered, 1);
    sg_node_stats(a, &stats);
    assert_int_equal(stats.large_published, 1);
    assert_int_equal(stats.chunks_out, SIZE / 65536);
    assert_true(stats.chunk_bytes_out > SIZE);
    stop_fast(a);
    stop_fast(b);
}

/* A queue that it does not fit into counts it as dropped. */
static void what_no_queue_can_hold_is_dropped(void **state)
{
    const struct sg_subscribe_options small = {.queue_max = 4, .queue_bytes_max = SIZE - 1};
    struct sg_topic_id topic = topic_of("large");
    struct sg_node *a = start_node(NULL);
    struct sg_subscription *sub = NULL;
    struct sg_subscribe_options own = small;
    (void)state;
    own.own_messages = true;
    assert_int_equal(sg_subscribe(a, &topic, &own, &sub), SG_OK);
    assert_int_equal(sg_publish(a, &topic, (struct sg_bytes){payload, SIZE}, NULL), SG_OK);
    assert_int_equal(sg_subscription_dropped(sub), 1);
    stop_fast(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_subscriber_gets_it_in_one_message),
        cmocka_unit_test(what_no_queue_can_hold_is_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
