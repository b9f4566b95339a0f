#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <pthread.h>
#include <string.h>

#include "runtime/subs.h"
#include "unit/base/failing_mem.h"

static const struct sg_topic_id topic = {{1}};
static const struct sg_topic_id other = {{2}};

static struct sg_subscription *make(struct sg_rt_subs *subs,
                                    const struct sg_subscribe_options *options)
{
    struct sg_subscription *sub = NULL;
    assert_int_equal(sg_rt_sub_new(sg_mem_default(), &topic, options, &sub), SG_OK);
    sg_rt_subs_add(subs, sub);
    return sub;
}

static struct sg_subscribe_options defaults(void)
{
    struct sg_subscribe_options options;
    sg_rt_subscribe_options_default(&options);
    return options;
}

static void end(struct sg_rt_subs *subs, struct sg_subscription *sub)
{
    assert_true(sg_rt_subs_remove(subs, sub));
    assert_false(sg_rt_subs_remove(subs, sub));
    sg_rt_sub_free(sub);
}

static void deliver(struct sg_rt_subs *subs, uint64_t sequence, const char *text)
{
    const struct sg_message message = {.topic = topic,
                                       .sequence = sequence,
                                       .len = strlen(text),
                                       .payload = (const uint8_t *)text};
    sg_rt_subs_deliver(subs, &message, false);
}

static void expect(struct sg_subscription *sub, uint64_t sequence)
{
    struct sg_message *message = NULL;
    assert_int_equal(sg_rt_sub_next(sub, 0, &message), SG_OK);
    assert_int_equal(message->sequence, sequence);
    sg_message_free(message);
}

static void expect_none(struct sg_subscription *sub, sg_err err)
{
    struct sg_message *message = NULL;
    assert_int_equal(sg_rt_sub_next(sub, 0, &message), err);
    assert_null(message);
}

static bool is_ready(const struct sg_subscription *sub)
{
    struct pollfd p = {.fd = sub->ready.fd, .events = POLLIN};
    assert_true(p.fd >= 0);
    return poll(&p, 1, 0) == 1;
}

static void copies_to_every_subscription_of_the_topic(void **state)
{
    (void)state;
    struct sg_rt_subs subs = {0};
    struct sg_subscribe_options options = defaults();
    struct sg_subscription *a = make(&subs, &options);
    struct sg_subscription *b = make(&subs, &options);
    char text[] = "payload";
    deliver(&subs, 7, text);
    memset(text, 0, sizeof text);
    struct sg_message *message = NULL;
    assert_int_equal(sg_rt_sub_next(a, 0, &message), SG_OK);
    assert_memory_equal(message->payload, "payload", 7);
    assert_int_equal(message->len, 7);
    sg_message_free(message);
    expect(b, 7);
    const struct sg_message foreign = {.topic = other};
    sg_rt_subs_deliver(&subs, &foreign, false);
    expect_none(a, SG_ERR_WOULD_BLOCK);
    end(&subs, a);
    end(&subs, b);
}

static void own_messages_only_when_asked_for(void **state)
{
    (void)state;
    struct sg_rt_subs subs = {0};
    struct sg_subscribe_options options = defaults();
    struct sg_subscription *without = make(&subs, &options);
    options.own_messages = true;
    struct sg_subscription *with = make(&subs, &options);
    const struct sg_message own = {.topic = topic, .sequence = 3};
    sg_rt_subs_deliver(&subs, &own, true);
    expect_none(without, SG_ERR_WOULD_BLOCK);
    expect(with, 3);
    end(&subs, without);
    end(&subs, with);
}

static void drop_oldest(void **state)
{
    (void)state;
    struct sg_rt_subs subs = {0};
    struct sg_subscribe_options options = defaults();
    options.queue_max = 2;
    struct sg_subscription *sub = make(&subs, &options);
    for (uint64_t i = 1; i <= 5; i++)
        deliver(&subs, i, "x");
    assert_int_equal(sg_rt_sub_dropped(sub), 3);
    assert_int_equal(subs.dropped, 3);
    expect(sub, 4);
    expect(sub, 5);
    expect_none(sub, SG_ERR_WOULD_BLOCK);
    end(&subs, sub);
}

static void drop_oldest_by_bytes(void **state)
{
    (void)state;
    struct sg_rt_subs subs = {0};
    struct sg_subscribe_options options = defaults();
    options.queue_bytes_max = 10;
    struct sg_subscription *sub = make(&subs, &options);
    deliver(&subs, 1, "1234");
    deliver(&subs, 2, "1234");
    deliver(&subs, 3, "12345678"); /* both must go for it */
    assert_int_equal(sg_rt_sub_dropped(sub), 2);
    deliver(&subs, 4, "12345678901"); /* never fits: what waits stays */
    assert_int_equal(sg_rt_sub_dropped(sub), 3);
    expect(sub, 3);
    expect_none(sub, SG_ERR_WOULD_BLOCK);
    end(&subs, sub);
}

static void drop_newest(void **state)
{
    (void)state;
    struct sg_rt_subs subs = {0};
    struct sg_subscribe_options options = defaults();
    options.queue_max = 2;
    options.policy = SG_FULL_DROP_NEWEST;
    struct sg_subscription *sub = make(&subs, &options);
    for (uint64_t i = 1; i <= 5; i++)
        deliver(&subs, i, "x");
    assert_int_equal(sg_rt_sub_dropped(sub), 3);
    expect(sub, 1);
    deliver(&subs, 6, "x");
    expect(sub, 2);
    expect(sub, 6);
    end(&subs, sub);
}

static void full_closes(void **state)
{
    (void)state;
    struct sg_rt_subs subs = {0};
    struct sg_subscribe_options options = defaults();
    options.queue_max = 2;
    options.policy = SG_FULL_CLOSE;
    struct sg_subscription *sub = make(&subs, &options);
    for (uint64_t i = 1; i <= 4; i++)
        deliver(&subs, i, "x");
    expect(sub, 1);
    deliver(&subs, 5, "x"); /* room again, but closed is closed */
    expect(sub, 2);
    expect_none(sub, SG_ERR_CLOSED);
    expect_none(sub, SG_ERR_CLOSED);
    end(&subs, sub);
}

static void descriptor_follows_the_queue(void **state)
{
    (void)state;
    struct sg_rt_subs subs = {0};
    struct sg_subscribe_options options = defaults();
    struct sg_subscription *sub = make(&subs, &options);
    deliver(&subs, 1, "x");
    int fd = sg_rt_sub_fd(sub); /* made now: shows what waits already */
    assert_int_equal(fd, sg_rt_sub_fd(sub));
    assert_true(is_ready(sub));
    deliver(&subs, 2, "x");
    expect(sub, 1);
    assert_true(is_ready(sub));
    expect(sub, 2);
    assert_false(is_ready(sub));
    deliver(&subs, 3, "x");
    assert_true(is_ready(sub));
    expect(sub, 3);
    sg_rt_subs_stop(&subs);
    assert_true(is_ready(sub)); /* so that a poll loop learns of the end */
    expect_none(sub, SG_ERR_STOPPED);
    end(&subs, sub);
}

static void times_out(void **state)
{
    (void)state;
    struct sg_rt_subs subs = {0};
    struct sg_subscribe_options options = defaults();
    struct sg_subscription *sub = make(&subs, &options);
    struct sg_message *message = NULL;
    assert_int_equal(sg_rt_sub_next(sub, 5, &message), SG_ERR_TIMEOUT);
    end(&subs, sub);
}

struct reader {
    struct sg_subscription *sub;
    sg_err err;
    uint64_t sequence;
};

static void *read_one(void *arg)
{
    struct reader *reader = arg;
    struct sg_message *message = NULL;
    reader->err = sg_rt_sub_next(reader->sub, -1, &message);
    if (reader->err == SG_OK)
        reader->sequence = message->sequence;
    sg_message_free(message);
    return NULL;
}

static void wait_until_blocked(struct sg_subscription *sub, unsigned readers)
{
    for (;;) {
        sg_rt_wait_lock(&sub->wait);
        bool blocked = sub->wait.waiters == readers;
        sg_rt_wait_unlock(&sub->wait);
        if (blocked)
            return;
    }
}

static void blocked_reader_wakes_for_a_message(void **state)
{
    (void)state;
    struct sg_rt_subs subs = {0};
    struct sg_subscribe_options options = defaults();
    struct sg_subscription *sub = make(&subs, &options);
    struct reader reader = {.sub = sub};
    pthread_t thread;
    pthread_create(&thread, NULL, read_one, &reader);
    wait_until_blocked(sub, 1);
    deliver(&subs, 9, "x");
    pthread_join(thread, NULL);
    assert_int_equal(reader.err, SG_OK);
    assert_int_equal(reader.sequence, 9);
    end(&subs, sub);
}

static void blocked_readers_wake_at_the_end(void **state)
{
    (void)state;
    for (int closes = 0; closes < 3; closes++) {
        struct sg_rt_subs subs = {0};
        struct sg_subscribe_options options = defaults();
        options.queue_bytes_max = 0;
        options.policy = SG_FULL_CLOSE;
        struct sg_subscription *sub = make(&subs, &options);
        struct reader reader[3] = {{.sub = sub}, {.sub = sub}, {.sub = sub}};
        pthread_t thread[3];
        for (int i = 0; i < 3; i++)
            pthread_create(&thread[i], NULL, read_one, &reader[i]);
        wait_until_blocked(sub, 3);
        if (closes == 0)
            sg_rt_subs_stop(&subs);
        else if (closes == 1)
            deliver(&subs, 1, "too long");
        else
            end(&subs, sub); /* frees while they wait: it waits for them */
        for (int i = 0; i < 3; i++) {
            pthread_join(thread[i], NULL);
            assert_int_equal(reader[i].err, closes == 1 ? SG_ERR_CLOSED : SG_ERR_STOPPED);
        }
        if (closes < 2)
            end(&subs, sub);
    }
}

static void no_memory_is_a_drop(void **state)
{
    (void)state;
    struct failing_mem failing;
    struct sg_rt_subs subs = {0};
    struct sg_subscribe_options options = defaults();
    struct sg_subscription *sub = NULL;
    const struct sg_mem *mem = failing_mem_init(&failing, 1);
    assert_int_equal(sg_rt_sub_new(mem, &topic, &options, &sub), SG_ERR_NO_MEMORY);
    failing.fail_at = 3;
    assert_int_equal(sg_rt_sub_new(mem, &topic, &options, &sub), SG_OK);
    sg_rt_subs_add(&subs, sub);
    deliver(&subs, 1, "x"); /* the third call */
    deliver(&subs, 2, "x");
    assert_int_equal(sg_rt_sub_dropped(sub), 1);
    expect(sub, 2);
    end(&subs, sub);
    assert_int_equal(failing.live, 0);
}

static void deliver_large(struct sg_rt_subs *subs, uint64_t number, const uint8_t *bytes,
                          size_t len)
{
    struct sg_message message = {.topic = topic, .sequence = number, .len = len, .payload = bytes};
    message.id.b[0] = (uint8_t)number;
    sg_rt_subs_deliver(subs, &message, false);
}

/* As sg_rt_sub_catch_up; of a node that has none of the messages any more. */
static size_t catch_up(struct sg_rt_subs *subs, struct sg_subscription *sub)
{
    struct sg_msg_id id;
    size_t gone = 0;
    while (sg_rt_sub_is_behind(sub) && sg_rt_sub_behind(sub, &id)) {
        sg_rt_sub_caught_up(subs, sub, NULL);
        gone++;
    }
    return gone;
}

/* Nobody reads while five of the largest payloads and a small one come: the small one is the node's
 * to keep, the large ones are not. */
static void a_blocking_queue_keeps_large_payloads(void **state)
{
    (void)state;
    const size_t len = (size_t)16 << 20;
    struct sg_rt_subs subs = {0};
    struct sg_subscribe_options options = defaults();
    options.policy = SG_FULL_BLOCK;
    struct sg_subscription *sub = make(&subs, &options);
    uint8_t *bytes = sg_mem_new(sg_mem_default(), len, 1);
    assert_non_null(bytes);
    for (uint64_t i = 1; i <= 3; i++)
        deliver_large(&subs, i, bytes, len);
    deliver_large(&subs, 4, bytes, 5);
    deliver_large(&subs, 5, bytes, len);
    deliver_large(&subs, 6, bytes, len);
    assert_int_equal(sg_rt_sub_dropped(sub), 0);
    assert_int_equal(sg_rt_sub_held(sub), 5);
    expect(sub, 1);
    expect_none(sub, SG_ERR_NOT_FOUND);
    size_t gone = 0;
    for (uint64_t i = 2; i <= 6; i++) {
        gone += catch_up(&subs, sub);
        if (i != 4)
            expect(sub, i);
    }
    assert_int_equal(gone, 1);
    expect_none(sub, SG_ERR_WOULD_BLOCK);
    for (uint64_t i = 1; i <= 6; i++) /* one in the queue, four beside it */
        deliver_large(&subs, i, bytes, len);
    assert_int_equal(sg_rt_sub_dropped(sub), 1 + 1);
    end(&subs, sub); /* with all that waits */
    sg_mem_free(sg_mem_default(), bytes);
}

static void tell(struct sg_rt_subs *subs, uint64_t session, const char *text, bool is_end)
{
    const struct sg_message event = {
        .sequence = session, .len = strlen(text), .payload = (const uint8_t *)text};
    sg_rt_subs_tell_doc(subs, &topic, &event, is_end);
}

/* A storm of broadcasts takes no event of a session away, and neither keeps the other waiting. */
static void events_outlast_a_storm(void **state)
{
    (void)state;
    struct sg_rt_subs subs = {0};
    struct sg_subscribe_options options = defaults();
    options.queue_max = 8;
    options.queue_bytes_max = 64;
    struct sg_subscription *sub = make(&subs, &options);
    sub->takes_docs = true;
    tell(&subs, 1001, "opened", false);
    for (uint64_t i = 1; i <= 1000; i++)
        deliver(&subs, i, "storm");
    tell(&subs, 1002, "a message that is longer than all that may wait of broadcasts, by far",
         false);
    expect(sub, 1001);
    expect(sub, 993);
    expect(sub, 1002);
    for (uint64_t i = 994; i <= 1000; i++)
        expect(sub, i);
    expect_none(sub, SG_ERR_WOULD_BLOCK);
    assert_int_equal(sg_rt_sub_dropped(sub), 992);
    end(&subs, sub);
}

static void events_of_an_ended_session_go(void **state)
{
    (void)state;
    struct sg_rt_subs subs = {0};
    struct sg_subscribe_options options = defaults();
    struct sg_subscription *sub = make(&subs, &options);
    struct pollfd fd = {.events = POLLIN};
    sub->takes_docs = true;
    fd.fd = sg_rt_sub_fd(sub);
    assert_int_equal(poll(&fd, 1, 0), 0);
    tell(&subs, 1, "opened", false);
    assert_int_equal(poll(&fd, 1, 0), 1);
    tell(&subs, 2, "opened", false);
    tell(&subs, 1, "message", false);
    tell(&subs, 1, "", true);
    expect(sub, 2);
    expect(sub, 1);
    assert_int_equal(poll(&fd, 1, 0), 0);
    expect_none(sub, SG_ERR_WOULD_BLOCK);
    for (uint64_t i = 1; i <= 1000; i++) /* nobody reads: few are kept */
        tell(&subs, i, "", true);
    for (uint64_t i = 1001 - SG_RT_EVENTS_MAX; i <= 1000; i++)
        expect(sub, i);
    expect_none(sub, SG_ERR_WOULD_BLOCK);
    assert_int_equal(sg_rt_sub_dropped(sub), 0);
    end(&subs, sub);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_to_every_subscription_of_the_topic),
        cmocka_unit_test(own_messages_only_when_asked_for),
        cmocka_unit_test(drop_oldest),
        cmocka_unit_test(drop_oldest_by_bytes),
        cmocka_unit_test(drop_newest),
        cmocka_unit_test(full_closes),
        cmocka_unit_test(descriptor_follows_the_queue),
        cmocka_unit_test(times_out),
        cmocka_unit_test(blocked_reader_wakes_for_a_message),
        cmocka_unit_test(blocked_readers_wake_at_the_end),
        cmocka_unit_test(no_memory_is_a_drop),
        cmocka_unit_test(a_blocking_queue_keeps_large_payloads),
        cmocka_unit_test(events_outlast_a_storm),
        cmocka_unit_test(events_of_an_ended_session_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
