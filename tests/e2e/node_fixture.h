/* What the tests over the public API share: nodes on loopback, and waiting for things without
 * sleeping: each wait blocks in the API itself, until a deadline that only a failure reaches. */
#ifndef SG_TESTS_E2E_NODE_FIXTURE_H
#define SG_TESTS_E2E_NODE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <saorsa/gossip.h>

/* Sanitizers on two busy cores are slow; a correct run needs a fraction of it. */
#define PATIENCE_MS 30000
#define DETAIL_CAP 256

static inline uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static inline struct sg_node_config local_config(void)
{
    struct sg_node_config config;
    sg_node_config_init(&config);
    config.listen = "127.0.0.1:0";
    config.network = "test";
    return config;
}

static inline struct sg_node *make_node(const struct sg_node_config *config)
{
    struct sg_node *node = NULL;
    char detail[DETAIL_CAP];
    sg_err err = sg_node_new(config, &node, detail, sizeof detail);
    if (err != SG_OK)
        fail_msg("sg_node_new: %s: %s", sg_err_name(err), detail);
    return node;
}

/* A running node; seed may be NULL. */
static inline struct sg_node *start_node(const char *seed)
{
    struct sg_node_config config = local_config();
    config.seeds = &seed;
    config.seed_count = seed != NULL;
    struct sg_node *node = make_node(&config);
    assert_int_equal(sg_node_start(node), SG_OK);
    return node;
}

struct place {
    char text[64];
};

static inline struct place place_of(const struct sg_node *node)
{
    struct place place;
    sg_node_address(node, place.text, sizeof place.text);
    return place;
}

static inline struct sg_topic_id topic_of(const char *name)
{
    struct sg_topic_id topic;
    assert_int_equal(sg_topic_from_name(name, &topic), SG_OK);
    return topic;
}

static inline struct sg_peer_id id_of(const struct sg_node *node)
{
    struct sg_peer_id id;
    sg_node_id(node, &id);
    return id;
}

static inline bool same_peer(const struct sg_peer_id *a, const struct sg_peer_id *b)
{
    return memcmp(a->b, b->b, SG_ID_LEN) == 0;
}

/* The next event of that kind, others are passed over; fails after PATIENCE_MS. */
static inline struct sg_event wait_event(struct sg_node *node, enum sg_event_kind kind)
{
    uint64_t end = now_ms() + PATIENCE_MS;
    struct sg_event event;
    for (uint64_t now = now_ms(); now < end; now = now_ms()) {
        sg_err err = sg_node_next_event(node, (int)(end - now), &event);
        if (err != SG_OK)
            break;
        if (event.kind == kind)
            return event;
    }
    fail_msg("no event %d", (int)kind);
    return event;
}

/* Waits until `node` has `count` neighbours on topic (zero id: base), counting events. */
static inline void wait_neighbors(struct sg_node *node, const struct sg_topic_id *topic, int count)
{
    uint64_t end = now_ms() + PATIENCE_MS;
    int have = 0;
    while (have < count) {
        struct sg_event event;
        uint64_t now = now_ms();
        if (now >= end || sg_node_next_event(node, (int)(end - now), &event) != SG_OK)
            fail_msg("%d of %d neighbours", have, count);
        if (memcmp(event.topic.b, topic->b, SG_ID_LEN) != 0)
            continue;
        have += event.kind == SG_EVENT_PEER_UP;
        have -= event.kind == SG_EVENT_PEER_DOWN;
    }
}

static inline struct sg_subscription *subscribe(struct sg_node *node,
                                                const struct sg_topic_id *topic)
{
    struct sg_subscription *sub = NULL;
    assert_int_equal(sg_subscribe(node, topic, NULL, &sub), SG_OK);
    return sub;
}

static inline void publish(struct sg_node *node, const struct sg_topic_id *topic, const char *text)
{
    struct sg_bytes payload = {(const uint8_t *)text, strlen(text)};
    assert_int_equal(sg_publish(node, topic, payload, NULL), SG_OK);
}

/* The next message is this text by this author. */
static inline void expect_text(struct sg_subscription *sub, const char *text,
                               const struct sg_node *author)
{
    struct sg_message *message = NULL;
    struct sg_peer_id id = id_of(author);
    sg_err err = sg_subscription_next(sub, PATIENCE_MS, &message);
    if (err != SG_OK)
        fail_msg("no message \"%s\": %s", text, sg_err_name(err));
    assert_int_equal(message->len, strlen(text));
    assert_memory_equal(message->payload, text, message->len);
    assert_true(same_peer(&message->author, &id));
    sg_message_free(message);
}

/* Stops in less than a second, and frees. */
static inline void stop_fast(struct sg_node *node)
{
    uint64_t begin = now_ms();
    sg_node_stop(node);
    uint64_t took = now_ms() - begin;
    if (took >= 1000)
        fail_msg("the stop took %llu ms", (unsigned long long)took);
    sg_node_free(node);
}

#endif
