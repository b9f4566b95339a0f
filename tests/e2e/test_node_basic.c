/* Nodes of one process over real sockets: joining, messages, restart, numbers. */
#include "state_fixture.h"

#include <stdlib.h>

static void two_nodes_talk_both_ways(void **state)
{
    (void)state;
    struct sg_topic_id topic = topic_of("both ways");
    struct sg_node *a = start_node(NULL);
    struct sg_node *b = start_node(place_of(a).text);
    struct sg_subscription *at_a = subscribe(a, &topic);
    struct sg_subscription *at_b = subscribe(b, &topic);
    wait_neighbors(a, &topic, 1);
    wait_neighbors(b, &topic, 1);
    publish(a, &topic, "from a");
    publish(b, &topic, "from b");
    expect_text(at_b, "from a", a);
    expect_text(at_a, "from b", b);
    sg_subscription_free(at_a);
    sg_subscription_free(at_b);
    stop_fast(a);
    stop_fast(b);
}

#define FEW 5

static void five_nodes_through_one_seed(void **state)
{
    (void)state;
    struct sg_topic_id topic = topic_of("five");
    struct sg_node *node[FEW] = {start_node(NULL)};
    struct sg_subscription *sub[FEW];
    for (int i = 1; i < FEW; i++)
        node[i] = start_node(place_of(node[0]).text);
    for (int i = 0; i < FEW; i++)
        sub[i] = subscribe(node[i], &topic);
    for (int i = 0; i < FEW; i++)
        wait_neighbors(node[i], &topic, 1);
    for (int from = 0; from < FEW; from++) {
        char text[32];
        (void)snprintf(text, sizeof text, "message %d", from);
        publish(node[from], &topic, text);
        for (int i = 0; i < FEW; i++) {
            if (i != from)
                expect_text(sub[i], text, node[from]);
        }
    }
    for (int i = 0; i < FEW; i++)
        stop_fast(node[i]); /* frees the subscription */
}

static void own_messages_when_asked_for(void **state)
{
    (void)state;
    struct sg_topic_id topic = topic_of("own");
    struct sg_node *node = start_node(NULL);
    struct sg_subscribe_options options = {
        .queue_max = 10, .queue_bytes_max = 1000, .own_messages = true};
    struct sg_subscription *with = NULL;
    struct sg_subscription *without = subscribe(node, &topic);
    struct sg_message *message = NULL;
    assert_int_equal(sg_subscribe(node, &topic, &options, &with), SG_OK);
    publish(node, &topic, "mine");
    expect_text(with, "mine", node);
    assert_int_equal(sg_subscription_next(without, 0, &message), SG_ERR_WOULD_BLOCK);
    stop_fast(node);
}

/* What is published before anybody is there reaches those who come later. */
static void message_waits_for_the_first_neighbour(void **state)
{
    (void)state;
    struct sg_topic_id topic = topic_of("early");
    struct sg_publish_result result;
    struct sg_node *a = start_node(NULL);
    struct sg_bytes payload = {(const uint8_t *)"early", 5};
    assert_int_equal(sg_publish(a, &topic, payload, &result), SG_OK);
    assert_int_equal(result.neighbors, 0);
    assert_int_equal(result.outcome, SG_PUBLISH_NO_PEERS);
    struct sg_node *b = start_node(place_of(a).text);
    struct sg_subscription *at_b = subscribe(b, &topic);
    expect_text(at_b, "early", a);
    stop_fast(a);
    stop_fast(b);
}

static void limits_of_publish_and_subscribe(void **state)
{
    (void)state;
    struct sg_topic_id topic = topic_of("limits");
    struct sg_topic_id base = {{0}};
    struct sg_node *node = start_node(NULL);
    struct sg_subscription *sub = NULL;
    uint8_t *big = calloc(1, 16777217);
    struct sg_bytes most = {big, 16777216};
    struct sg_bytes more = {big, 16777217};
    struct sg_bytes none = {NULL, 0};
    assert_int_equal(sg_publish(node, &topic, most, NULL), SG_OK);
    assert_int_equal(sg_publish(node, &topic, none, NULL), SG_OK);
    assert_int_equal(sg_publish(node, &topic, more, NULL), SG_ERR_TOO_LARGE);
    assert_int_equal(sg_subscribe(node, &base, NULL, &sub), SG_ERR_INVALID_ARGUMENT);
    assert_null(sub);
    free(big);
    stop_fast(node);
}

static void numbers_and_peers_tell_the_truth(void **state)
{
    (void)state;
    struct sg_topic_id topic = topic_of("numbers");
    struct sg_node *a = start_node(NULL);
    struct sg_node *b = start_node(place_of(a).text);
    struct sg_peer_id id_a = id_of(a);
    struct sg_subscription *at_a = subscribe(a, &topic);
    struct sg_subscription *at_b = subscribe(b, &topic);
    struct sg_stats stats;
    struct sg_peer_info peers[4];
    wait_neighbors(b, &topic, 1);
    publish(b, &topic, "count me");
    expect_text(at_a, "count me", b);
    sg_node_stats(b, &stats);
    assert_int_equal(stats.published, 1);
    assert_int_equal(stats.base_active, 1);
    assert_int_equal(stats.topics, 1);
    assert_int_equal(stats.signatures_made, 1);
    assert_true(stats.connections >= 1);
    assert_true(stats.handshakes_done >= 1 && stats.handshake_mean_us > 0);
    assert_true(stats.bytes_out > 8000 && stats.datagrams_out > 4 && stats.syscalls > 0);
    sg_node_stats(a, &stats);
    assert_int_equal(stats.delivered, 1);
    assert_int_equal(stats.signatures_verified, 1);
    assert_int_equal(sg_node_peers(b, peers, 4), 1);
    assert_true(same_peer(&peers[0].id, &id_a));
    assert_string_equal(peers[0].address, place_of(a).text);
    assert_true(peers[0].dialled && peers[0].base_active && peers[0].topics == 1);
    assert_true(peers[0].rtt_us > 0);
    assert_int_equal(sg_node_peers(b, NULL, 0), 1);
    (void)at_b;
    stop_fast(a);
    stop_fast(b);
}

/* The same identity comes back at once, with a higher boot counter, and its messages are new. */
static void restarted_node_rejoins(void **state)
{
    const char *dir = *state;
    struct sg_topic_id topic = topic_of("again");
    struct sg_node *a = start_node(NULL);
    struct sg_subscription *at_a = subscribe(a, &topic);
    struct sg_peer_id first;
    uint64_t incarnation = 0;
    for (int run = 0; run < 3; run++) {
        struct sg_node *b = start_with_state(dir, place_of(a).text);
        struct sg_subscription *at_b = subscribe(b, &topic);
        struct sg_peer_id id = id_of(b);
        struct sg_stats stats;
        sg_node_stats(b, &stats);
        assert_true(stats.incarnation > incarnation);
        incarnation = stats.incarnation;
        if (run == 0)
            first = id;
        assert_true(same_peer(&id, &first));
        wait_neighbors(b, &topic, 1);
        publish(b, &topic, "here I am");
        expect_text(at_a, "here I am", b);
        publish(a, &topic, "welcome");
        expect_text(at_b, "welcome", a);
        stop_fast(b);
    }
    stop_fast(a);
}

static void one_identity_runs_once(void **state)
{
    const char *dir = *state;
    struct sg_node_config config = local_config();
    config.state_dir = dir;
    struct sg_node *first = make_node(&config);
    struct sg_node *second = NULL;
    char detail[DETAIL_CAP];
    assert_int_equal(sg_node_new(&config, &second, detail, sizeof detail), SG_ERR_LOCKED);
    assert_non_null(strstr(detail, "another process"));
    assert_null(second);
    sg_node_free(first);
    second = make_node(&config);
    sg_node_free(second);
}

static void leaving_is_told_to_the_neighbours(void **state)
{
    (void)state;
    struct sg_topic_id base = {{0}};
    struct sg_topic_id topic = topic_of("after");
    struct sg_node *a = start_node(NULL);
    struct sg_node *b = start_node(place_of(a).text);
    wait_neighbors(a, &base, 1);
    wait_neighbors(b, &base, 1);
    assert_int_equal(sg_node_leave(b), SG_OK);
    struct sg_event down = wait_event(a, SG_EVENT_PEER_DOWN);
    struct sg_peer_id id = id_of(b);
    assert_true(same_peer(&down.peer, &id));
    (void)wait_event(a, SG_EVENT_ISOLATED);
    assert_int_equal(sg_publish(b, &topic, (struct sg_bytes){NULL, 0}, NULL), SG_ERR_STOPPED);
    assert_int_equal(sg_node_leave(b), SG_ERR_STOPPED);
    stop_fast(a);
    stop_fast(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_nodes_talk_both_ways),
        cmocka_unit_test(five_nodes_through_one_seed),
        cmocka_unit_test(own_messages_when_asked_for),
        cmocka_unit_test(message_waits_for_the_first_neighbour),
        cmocka_unit_test(limits_of_publish_and_subscribe),
        cmocka_unit_test(numbers_and_peers_tell_the_truth),
        cmocka_unit_test_setup_teardown(restarted_node_rejoins, state_setup, state_teardown),
        cmocka_unit_test_setup_teardown(one_identity_runs_once, state_setup, state_teardown),
        cmocka_unit_test(leaving_is_told_to_the_neighbours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
