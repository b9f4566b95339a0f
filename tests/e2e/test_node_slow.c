/* Who does not read delays nobody else: a subscriber, a peer, a publisher in a tight loop. */
#include "node_fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define FAST 3

static struct sg_node *drive_until_up(const char *seed, const struct sg_topic_id *topic)
{
    struct sg_node_config config = local_config();
    config.seeds = &seed;
    config.seed_count = 1;
    struct sg_node *node = make_node(&config);
    (void)subscribe(node, topic);
    uint64_t end = now_ms() + PATIENCE_MS;
    for (int up = 0; up < 1;) {
        struct sg_event event;
        struct pollfd p = {.fd = sg_node_fd(node), .events = POLLIN};
        int wait = sg_node_deadline_ms(node);
        if (now_ms() >= end)
            fail_msg("no neighbour");
        (void)poll(&p, 1, wait < 0 || wait > 100 ? 100 : wait);
        assert_int_equal(sg_node_drive(node), SG_OK);
        while (sg_node_next_event(node, 0, &event) == SG_OK)
            up += event.kind == SG_EVENT_PEER_UP && memcmp(event.topic.b, topic->b, SG_ID_LEN) == 0;
    }
    return node;
}

static void subscriber_that_never_reads(void **state)
{
    (void)state;
    struct sg_topic_id topic = topic_of("lazy reader");
    struct sg_subscribe_options options = {
        .queue_max = 5, .queue_bytes_max = 1000, .policy = SG_FULL_DROP_OLDEST};
    struct sg_node *a = start_node(NULL);
    struct sg_node *b = start_node(place_of(a).text);
    struct sg_subscription *lazy = NULL;
    assert_int_equal(sg_subscribe(b, &topic, &options, &lazy), SG_OK);
    struct sg_subscription *eager = subscribe(b, &topic);
    (void)subscribe(a, &topic);
    wait_neighbors(a, &topic, 1);
    for (int i = 0; i < 50; i++) {
        char text[32];
        (void)snprintf(text, sizeof text, "message %d", i);
        publish(a, &topic, text);
        expect_text(eager, text, a);
    }
    struct sg_stats stats;
    sg_node_stats(b, &stats); /* comes behind the delivery to both */
    assert_int_equal(stats.subscriber_dropped, 45);
    assert_int_equal(sg_subscription_dropped(lazy), 45);
    expect_text(lazy, "message 45", a);
    stop_fast(b);
    stop_fast(a);
}

/* A peer that takes nothing any more (a node that nobody drives) has its lane full of pushes and
 * announcements; the others get each message as fast as ever. */
static void peer_that_never_reads(void **state)
{
    (void)state;
    struct sg_topic_id topic = topic_of("stuck peer");
    struct sg_node *a = start_node(NULL);
    (void)subscribe(a, &topic);
    struct sg_node *stuck = drive_until_up(place_of(a).text, &topic);
    struct sg_node *fast[FAST];
    struct sg_subscription *sub[FAST];
    wait_neighbors(a, &topic, 1);
    for (int i = 0; i < FAST; i++) {
        fast[i] = start_node(place_of(a).text);
        sub[i] = subscribe(fast[i], &topic);
        wait_neighbors(fast[i], &topic, 1);
    }
    enum { LEN = 32768, COUNT = 300 };
    uint8_t *bytes = calloc(1, LEN);
    uint64_t worst = 0;
    for (int i = 0; i < COUNT; i++) {
        bytes[0] = (uint8_t)i;
        uint64_t begin = now_ms();
        assert_int_equal(sg_publish(a, &topic, (struct sg_bytes){bytes, LEN}, NULL), SG_OK);
        for (int f = 0; f < FAST; f++) {
            struct sg_message *message = NULL;
            assert_int_equal(sg_subscription_next(sub[f], PATIENCE_MS, &message), SG_OK);
            assert_int_equal(message->payload[0], bytes[0]);
            sg_message_free(message);
        }
        uint64_t took = now_ms() - begin;
        worst = took > worst ? took : worst;
    }
    free(bytes);
    /* 10 MB went past a lane of 4 MiB; a wait for the stuck peer would take its 10 s of grace */
    assert_true(worst < 5000);
    struct sg_stats stats;
    sg_node_stats(a, &stats);
    assert_true(stats.bytes_queued < 8 << 20);
    stop_fast(a);
    for (int i = 0; i < FAST; i++)
        stop_fast(fast[i]);
    stop_fast(stuck);
}

/* A storm of large messages to a peer that does not read: publish says so, memory is bounded. */
static void publish_storm_is_told_to_wait(void **state)
{
    (void)state;
    struct sg_topic_id topic = topic_of("storm");
    struct sg_node *a = start_node(NULL);
    (void)subscribe(a, &topic);
    struct sg_node *stuck = drive_until_up(place_of(a).text, &topic);
    wait_neighbors(a, &topic, 1);
    enum { LEN = 65536 };
    uint8_t *bytes = calloc(1, LEN);
    int accepted = 0;
    sg_err err = SG_OK;
    while (err == SG_OK && accepted < 1000) {
        err = sg_publish(a, &topic, (struct sg_bytes){bytes, LEN}, NULL);
        accepted += err == SG_OK;
    }
    free(bytes);
    assert_int_equal(err, SG_ERR_WOULD_BLOCK);
    struct sg_stats stats;
    sg_node_stats(a, &stats);
    /* 4 MiB wait in front of the lane; it takes one more message, with its proof, while less than
     * 64 KiB are in it */
    assert_in_range(stats.bytes_queued, 0, (4 << 20) + (64 << 10) + LEN + 8192);
    stop_fast(a);
    stop_fast(stuck);
}

struct storm {
    struct sg_node *node;
    struct sg_topic_id topic;
    atomic_bool is_over;
    atomic_uint published;
};

static void *storm(void *arg)
{
    struct storm *s = arg;
    while (!atomic_load(&s->is_over)) {
        sg_err err = sg_publish(s->node, &s->topic, (struct sg_bytes){NULL, 0}, NULL);
        if (err == SG_OK)
            atomic_fetch_add(&s->published, 1);
    }
    return NULL;
}

/* Two threads publish without pause; the loop gets its turns all the same: messages of another
 * node arrive, and a third one joins. */
static void loop_is_not_starved_by_publishers(void **state)
{
    (void)state;
    struct storm s = {.node = start_node(NULL), .topic = topic_of("hog")};
    struct sg_topic_id other = topic_of("other");
    struct sg_topic_id base = {{0}};
    struct sg_subscription *sub = subscribe(s.node, &other);
    pthread_t thread[2];
    for (int i = 0; i < 2; i++)
        pthread_create(&thread[i], NULL, storm, &s);
    struct sg_node *b = start_node(place_of(s.node).text);
    (void)subscribe(b, &other);
    wait_neighbors(b, &base, 1);
    wait_neighbors(b, &other, 1);
    for (int i = 0; i < 20; i++) {
        publish(b, &other, "through");
        expect_text(sub, "through", b);
    }
    atomic_store(&s.is_over, true);
    for (int i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
    assert_true(atomic_load(&s.published) > 0);
    stop_fast(b);
    stop_fast(s.node);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(subscriber_that_never_reads),
        cmocka_unit_test(peer_that_never_reads),
        cmocka_unit_test(publish_storm_is_told_to_wait),
        cmocka_unit_test(loop_is_not_starved_by_publishers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
