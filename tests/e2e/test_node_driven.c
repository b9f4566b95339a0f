/* Caller-driven mode: two nodes and one thread. */
#include "node_fixture.h"

#define NODES 3

static struct sg_node *node[NODES];

/* Waits until a descriptor is readable or a deadline has come, and drives those. */
static void turn(void)
{
    struct pollfd p[NODES];
    int wait = 1000;
    for (int i = 0; i < NODES; i++) {
        int ms = sg_node_deadline_ms(node[i]);
        if (ms >= 0 && ms < wait)
            wait = ms;
        p[i] = (struct pollfd){.fd = sg_node_fd(node[i]), .events = POLLIN};
        assert_true(p[i].fd >= 0);
    }
    (void)poll(p, NODES, wait);
    for (int i = 0; i < NODES; i++) {
        if (p[i].revents != 0 || sg_node_deadline_ms(node[i]) == 0)
            assert_int_equal(sg_node_drive(node[i]), SG_OK);
    }
}

static struct sg_message *next_message(struct sg_subscription *sub)
{
    uint64_t end = now_ms() + PATIENCE_MS;
    struct sg_message *message = NULL;
    while (sg_subscription_next(sub, 0, &message) == SG_ERR_WOULD_BLOCK) {
        if (now_ms() >= end)
            fail_msg("no message");
        turn();
    }
    return message;
}

static void nodes_in_one_thread(void **state)
{
    (void)state;
    struct sg_topic_id topic = topic_of("driven");
    struct sg_subscription *sub[NODES];
    struct sg_node_config config = local_config();
    struct place place;
    const char *seed = place.text;
    for (int i = 0; i < NODES; i++) {
        config.seeds = &seed;
        config.seed_count = i > 0;
        node[i] = make_node(&config);
        place = place_of(node[0]);
        sub[i] = subscribe(node[i], &topic);
        assert_int_equal(sg_node_deadline_ms(node[i]), 0);
    }
    for (int round = 0; round < 10; round++) {
        int from = round % NODES;
        char text[32];
        (void)snprintf(text, sizeof text, "round %d", round);
        publish(node[from], &topic, text);
        for (int i = 0; i < NODES; i++) {
            if (i == from)
                continue;
            struct sg_message *message = next_message(sub[i]);
            assert_int_equal(message->len, strlen(text));
            assert_memory_equal(message->payload, text, message->len);
            sg_message_free(message);
        }
    }
    /* waiting would wait for ever: only driving brings messages */
    struct sg_message *message = NULL;
    struct sg_event event;
    assert_int_equal(sg_subscription_next(sub[0], 10, &message), SG_ERR_INVALID_STATE);
    while (sg_node_next_event(node[0], 0, &event) == SG_OK)
        continue;
    assert_int_equal(sg_node_next_event(node[0], -1, &event), SG_ERR_INVALID_STATE);
    assert_int_equal(sg_node_start(node[0]), SG_ERR_INVALID_STATE);
    for (int i = 0; i < NODES; i++)
        stop_fast(node[i]);
}

/* With nothing to do there is nothing to be woken for. */
static void idle_node_sleeps(void **state)
{
    (void)state;
    struct sg_node_config config = local_config();
    struct sg_node *idle = make_node(&config);
    int longest = 0;
    for (int i = 0; i < 20; i++) {
        assert_int_equal(sg_node_drive(idle), SG_OK);
        int ms = sg_node_deadline_ms(idle);
        longest = ms > longest ? ms : longest;
        if (ms > 1000)
            break;
        struct pollfd p = {.fd = sg_node_fd(idle), .events = POLLIN};
        (void)poll(&p, 1, ms < 0 ? 0 : ms);
    }
    assert_true(longest > 1000);
    stop_fast(idle);
}

/* Seeds that wait for their next try are nobody's business after a leave. */
static void a_node_that_has_left_sleeps(void **state)
{
    (void)state;
    const char *seeds[] = {"nobody.invalid:1"};
    struct sg_node_config config;
    struct sg_event event = {0};
    sg_node_config_init(&config);
    config.listen = "127.0.0.1:0";
    config.seeds = seeds;
    config.seed_count = 1;
    struct sg_node *lone = NULL;
    assert_int_equal(sg_node_new(&config, &lone, NULL, 0), SG_OK);
    struct pollfd p = {.fd = sg_node_fd(lone), .events = POLLIN};
    uint64_t end = now_ms() + PATIENCE_MS;
    while (event.kind != SG_EVENT_SEED_FAILED) {
        assert_true(now_ms() < end);
        assert_int_equal(sg_node_drive(lone), SG_OK);
        (void)poll(&p, 1, 10);
        if (sg_node_next_event(lone, 0, &event) != SG_OK)
            event.kind = SG_EVENT_JOINED;
    }
    assert_int_equal(sg_node_leave(lone), SG_OK);
    int turns = 0;
    for (end = now_ms() + 1000; now_ms() < end; turns++) {
        int wait = sg_node_deadline_ms(lone);
        (void)poll(&p, 1, wait < 0 || wait > 100 ? 100 : wait);
        assert_int_equal(sg_node_drive(lone), SG_OK);
    }
    assert_in_range(turns, 1, 100);
    sg_node_free(lone);
}

/* Drives one node for so long. */
static void drive_for(struct sg_node *one, uint64_t ms)
{
    struct pollfd p = {.fd = sg_node_fd(one), .events = POLLIN};
    uint64_t end = now_ms() + ms;
    while (now_ms() < end) {
        assert_int_equal(sg_node_drive(one), SG_OK);
        int wait = sg_node_deadline_ms(one);
        (void)poll(&p, 1, wait < 0 || wait > 20 ? 20 : wait);
    }
}

/* A program that does not drive its node for a while: answers that came meanwhile lie in the socket
 * and are heard before anybody is accused, wherever the pause falls between a probe and its end. */
static void pauses_accuse_nobody(void **state)
{
    (void)state;
    enum { PAUSES = 12, PAUSE_MS = 900 };
    struct sg_node *other = start_node(NULL);
    struct place place = place_of(other);
    const char *seed = place.text;
    struct sg_node_config config = local_config();
    struct sg_stats stats = {0};
    config.seeds = &seed;
    config.seed_count = 1;
    struct sg_node *paused = make_node(&config);
    uint64_t end = now_ms() + PATIENCE_MS;
    while (stats.probes < 3) {
        assert_true(now_ms() < end);
        drive_for(paused, 50);
        sg_node_stats(paused, &stats);
    }
    uint64_t probes = stats.probes;
    for (unsigned i = 0; i < PAUSES; i++) {
        drive_for(paused, 400 + i * 90);
        (void)poll(NULL, 0, PAUSE_MS); /* the pause itself */
    }
    drive_for(paused, 200);
    sg_node_stats(paused, &stats);
    assert_true(stats.probes > probes);
    assert_int_equal(stats.suspicions, 0);
    stop_fast(paused);
    stop_fast(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_in_one_thread),
        cmocka_unit_test(idle_node_sleeps),
        cmocka_unit_test(a_node_that_has_left_sleeps),
        cmocka_unit_test(pauses_accuse_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
