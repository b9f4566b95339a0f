/* A stop takes less than a second whatever the node is doing, wakes whoever waits, and leaks
 * nothing (AddressSanitizer looks). */
#include "node_fixture.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void idle_and_never_started(void **state)
{
    (void)state;
    struct sg_node_config config = local_config();
    struct sg_node *node = make_node(&config);
    sg_node_free(node); /* never started */
    node = make_node(&config);
    sg_node_stop(node);
    sg_node_stop(node); /* does nothing */
    assert_int_equal(sg_node_start(node), SG_ERR_STOPPED);
    assert_int_equal(sg_node_drive(node), SG_ERR_STOPPED);
    assert_int_equal(sg_node_deadline_ms(node), -1);
    sg_node_free(node);
    stop_fast(start_node(NULL));
    sg_node_free(NULL);
}

static void calls_after_the_stop(void **state)
{
    (void)state;
    struct sg_topic_id topic = topic_of("late");
    struct sg_node *node = start_node(NULL);
    struct sg_subscription *sub = subscribe(node, &topic);
    struct sg_subscription *late = NULL;
    struct sg_message *message = NULL;
    struct sg_event event;
    struct sg_stats stats;
    assert_int_equal(sg_node_start(node), SG_ERR_INVALID_STATE);
    assert_int_equal(sg_node_drive(node), SG_ERR_INVALID_STATE);
    sg_node_stop(node);
    assert_int_equal(sg_publish(node, &topic, (struct sg_bytes){NULL, 0}, NULL), SG_ERR_STOPPED);
    assert_int_equal(sg_subscribe(node, &topic, NULL, &late), SG_ERR_STOPPED);
    assert_int_equal(sg_node_join(node, "127.0.0.1:1"), SG_ERR_STOPPED);
    assert_int_equal(sg_node_leave(node), SG_ERR_STOPPED);
    assert_int_equal(sg_subscription_next(sub, -1, &message), SG_ERR_STOPPED);
    assert_int_equal(sg_node_next_event(node, -1, &event), SG_ERR_STOPPED);
    sg_node_stats(node, &stats);
    assert_int_equal(sg_node_peers(node, NULL, 0), 0);
    sg_subscription_free(sub);
    sg_node_free(node);
}

/* A socket that takes datagrams and never answers. */
static int black_hole(struct place *place)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof addr;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&addr, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
    (void)snprintf(place->text, sizeof place->text, "127.0.0.1:%u", ntohs(addr.sin_port));
    return fd;
}

static void wait_readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
}

static void while_dialling_a_black_hole(void **state)
{
    (void)state;
    struct place place;
    int fd = black_hole(&place);
    struct sg_node *node = start_node(place.text);
    wait_readable(fd); /* its first datagram is here */
    stop_fast(node);
    close(fd);
}

struct waiter {
    struct sg_node *node;
    struct sg_subscription *sub;
    sg_err err;
};

static void *wait_for_message(void *arg)
{
    struct waiter *waiter = arg;
    struct sg_message *message = NULL;
    waiter->err = sg_subscription_next(waiter->sub, -1, &message);
    sg_message_free(message);
    return NULL;
}

static void *wait_for_event(void *arg)
{
    struct waiter *waiter = arg;
    struct sg_event event;
    waiter->err = sg_node_next_event(waiter->node, -1, &event);
    return NULL;
}

static void while_others_wait_in_next(void **state)
{
    (void)state;
    struct sg_topic_id topic = topic_of("blocked");
    struct sg_node *node = start_node(NULL);
    struct waiter waiter[4] = {{.node = node}, {.node = node}, {.node = node}, {.node = node}};
    pthread_t thread[4];
    for (int i = 0; i < 4; i++) {
        waiter[i].sub = subscribe(node, &topic);
        pthread_create(&thread[i], NULL, i < 3 ? wait_for_message : wait_for_event, &waiter[i]);
    }
    sg_node_stop(node);
    for (int i = 0; i < 4; i++) {
        pthread_join(thread[i], NULL);
        assert_int_equal(waiter[i].err, SG_ERR_STOPPED);
    }
    stop_fast(node);
}

static void with_full_queues(void **state)
{
    (void)state;
    struct sg_topic_id topic = topic_of("full");
    struct sg_subscribe_options options = {.queue_max = 4, .queue_bytes_max = 1 << 20};
    struct sg_node *a = start_node(NULL);
    struct sg_node *b = start_node(place_of(a).text);
    struct sg_subscription *at_a = NULL;
    struct sg_subscription *at_b = subscribe(b, &topic);
    assert_int_equal(sg_subscribe(a, &topic, &options, &at_a), SG_OK);
    wait_neighbors(b, &topic, 1);
    for (int i = 0; i < 20; i++)
        publish(b, &topic, "nobody reads this");
    (void)at_b;
    stop_fast(b);
    stop_fast(a);
}

/* A peer that was alive and then neither answers nor says goodbye: a driven node that nobody
 * drives any more. Its neighbour has data in flight to it, and every timer armed. */
static void with_a_dead_peer(void **state)
{
    (void)state;
    struct sg_topic_id topic = topic_of("dead");
    struct sg_node *a = start_node(NULL);
    struct sg_node_config config = local_config();
    struct place place = place_of(a);
    const char *seed = place.text;
    config.seeds = &seed;
    config.seed_count = 1;
    struct sg_node *b = make_node(&config);
    struct sg_subscription *at_a = subscribe(a, &topic);
    struct sg_subscription *at_b = subscribe(b, &topic);
    struct sg_event event = {.kind = SG_EVENT_ISOLATED};
    uint64_t end = now_ms() + PATIENCE_MS;
    bool has_neighbor = false;
    while (!has_neighbor && now_ms() < end) {
        struct pollfd p = {.fd = sg_node_fd(b), .events = POLLIN};
        int wait = sg_node_deadline_ms(b);
        (void)poll(&p, 1, wait < 0 || wait > 100 ? 100 : wait);
        assert_int_equal(sg_node_drive(b), SG_OK);
        while (sg_node_next_event(b, 0, &event) == SG_OK)
            has_neighbor = has_neighbor || (event.kind == SG_EVENT_PEER_UP &&
                                            memcmp(event.topic.b, topic.b, SG_ID_LEN) == 0);
    }
    assert_true(has_neighbor);
    wait_neighbors(a, &topic, 1);
    for (int i = 0; i < 50; i++)
        publish(a, &topic, "is anybody there?");
    (void)at_a;
    (void)at_b;
    stop_fast(a);
    stop_fast(b);
}

/* Peers come, talk and stop: the node that stays knows at once, and dials none of them again. */
static void goodbyes_are_heard(void **state)
{
    (void)state;
    struct sg_topic_id topic = topic_of("goodbye");
    struct sg_node *hub = start_node(NULL);
    struct sg_subscription *sub = subscribe(hub, &topic);
    struct sg_stats stats = {0};
    for (int i = 0; i < 30; i++) {
        struct sg_node *peer = start_node(place_of(hub).text);
        (void)subscribe(peer, &topic);
        wait_neighbors(peer, &topic, 1);
        publish(peer, &topic, "bye");
        expect_text(sub, "bye", peer);
        stop_fast(peer);
        (void)wait_event(hub, SG_EVENT_ISOLATED);
    }
    sg_node_stats(hub, &stats);
    assert_int_equal(stats.dials, 0);
    stop_fast(hub);
}

#define MANY 8

static void many_at_once(void **state)
{
    (void)state;
    struct sg_topic_id topic = topic_of("many");
    struct sg_node *node[MANY] = {start_node(NULL)};
    for (int i = 1; i < MANY; i++)
        node[i] = start_node(place_of(node[0]).text);
    for (int i = 0; i < MANY; i++)
        (void)subscribe(node[i], &topic);
    for (int i = 0; i < MANY; i++)
        wait_neighbors(node[i], &topic, 1);
    for (int i = 0; i < MANY; i++)
        stop_fast(node[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idle_and_never_started),
        cmocka_unit_test(calls_after_the_stop),
        cmocka_unit_test(while_dialling_a_black_hole),
        cmocka_unit_test(while_others_wait_in_next),
        cmocka_unit_test(with_full_queues),
        cmocka_unit_test(with_a_dead_peer),
        cmocka_unit_test(goodbyes_are_heard),
        cmocka_unit_test(many_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
