/* Reading what was kept, while other threads do something about it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>

#include "e2e/state_fixture.h"
#include "runtime/node_impl.h"

static void *read_one(void *arg)
{
    struct sg_message *message = NULL;
    sg_err err = sg_subscription_next(arg, 0, &message);
    sg_message_free(message);
    return (void *)(intptr_t)err;
}

static void *end(void *arg)
{
    sg_subscription_free(arg);
    return NULL;
}

/* The mutex that a reader holds while it reads a page. */
static void wait_for_reader(struct sg_rt_past *past)
{
    while (uv_mutex_trylock(&past->mutex) == 0) {
        uv_mutex_unlock(&past->mutex);
        (void)sched_yield();
    }
}

static void wait_for_end(struct sg_subscription *sub)
{
    for (bool has_come = false; !has_come; (void)sched_yield()) {
        sg_rt_wait_lock(&sub->wait);
        has_come = sub->wait.stopped;
        sg_rt_wait_unlock(&sub->wait);
    }
}

static void wait_until_stored(struct sg_node *node, uint64_t count)
{
    struct sg_stats stats = {0};
    for (; stats.stored < count; (void)sched_yield())
        sg_node_stats(node, &stats);
}

/* The reader stands before the database that another thread has. */
static void a_subscription_ends_after_its_reader(void **state)
{
    const struct sg_subscribe_options options = {
        .queue_max = 1, .own_messages = true, .durable = true, .since_ms = 3600000};
    struct sg_topic_id topic = topic_of("past");
    struct sg_node *node = start_with_state(*state, NULL);
    struct sg_subscription *first = NULL;
    struct sg_subscription *sub = NULL;
    pthread_t reader, ender;
    void *err;
    assert_int_equal(sg_subscribe(node, &topic, &options, &first), SG_OK);
    publish(node, &topic, "kept");
    wait_until_stored(node, 1);
    assert_int_equal(sg_subscribe(node, &topic, &options, &sub), SG_OK);
    uv_mutex_lock(&node->archive.mutex);
    assert_int_equal(pthread_create(&reader, NULL, read_one, sub), 0);
    wait_for_reader(sub->past);
    assert_int_equal(pthread_create(&ender, NULL, end, sub), 0);
    wait_for_end(sub);
    uv_mutex_unlock(&node->archive.mutex);
    assert_int_equal(pthread_join(reader, &err), 0);
    assert_int_equal(pthread_join(ender, NULL), 0);
    assert_int_equal((intptr_t)err, SG_OK);
    sg_subscription_free(first);
    stop_fast(node);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_subscription_ends_after_its_reader, state_setup,
                                        state_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
