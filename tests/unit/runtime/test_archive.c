/* What a node keeps of durable topics: what waits for the disk, and what goes from it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sched.h>

#include "e2e/state_fixture.h"
#include "runtime/node_impl.h"
#include "wire/pt_msg.h"

static const struct sg_subscribe_options durable = {.queue_max = 1, .durable = true};

/* A ROOT frame of nothing. */
static struct sg_buf *root_frame(const struct sg_topic_id *topic)
{
    const struct sg_frame_head head = {.family = SG_FAMILY_PLUMTREE, .scope = *topic};
    static const uint8_t root[SG_ID_LEN];
    struct sg_buf *frame = sg_buf_new(sg_mem_default(), 128);
    assert_non_null(frame);
    struct sg_writer w = sg_writer(frame->data, frame->cap);
    sg_frame_head_encode(&w, &head);
    sg_write_u8(&w, SG_PT_ROOT);
    sg_write_bytes(&w, sg_bytes(root, sizeof root));
    frame->len = (uint32_t)w.len;
    return frame;
}

static struct sg_buf *payload_of(size_t len)
{
    struct sg_buf *buf = sg_buf_new(sg_mem_default(), len);
    assert_non_null(buf);
    memset(buf->data, 7, len);
    buf->len = (uint32_t)len;
    return buf;
}

static size_t rows_in(struct sg_node *node, const struct sg_topic_id *topic)
{
    const struct sg_messages_query query = {.topic = *topic, .upto_number = UINT64_MAX};
    struct sg_messages_row row;
    size_t count = 0;
    uv_mutex_lock(&node->archive.mutex);
    sg_err err = sg_messages_read(atomic_load(&node->archive.db), &query, &row, 1, &count);
    uv_mutex_unlock(&node->archive.mutex);
    assert_int_equal(err, SG_OK);
    if (count > 0)
        sg_messages_row_fini(&row);
    return count;
}

/* Waits until what the job is doing looks so. */
static void wait_until(struct sg_node *node, bool (*is_so)(const struct sg_node *node))
{
    uint64_t end = now_ms() + PATIENCE_MS;
    for (bool is_over = false; !is_over; (void)sched_yield()) {
        sg_rt_enter_any(node);
        is_over = is_so(node);
        sg_rt_leave_quiet(node);
        if (now_ms() >= end)
            fail_msg("waited too long");
    }
}

/* Nor is the next one due at once. */
static bool is_trimmed(const struct sg_node *node)
{
    return node->archive.job == NULL && node->archive.trim_at > node->now;
}

static bool is_writing(const struct sg_node *node)
{
    return node->archive.job != NULL && node->archive.job->count > 0;
}

/* A message of 1970 that nobody writes after. */
static void what_is_too_old_goes_though_nothing_comes(void **state)
{
    struct sg_topic_id topic = topic_of("quiet");
    struct sg_node *node = start_with_state(*state, NULL);
    struct sg_subscription *sub = NULL;
    struct sg_messages_row row = {.topic = topic, .time_ms = 1, .gossip = payload_of(10)};
    row.root_frame = root_frame(&topic);
    row.key_frame = payload_of(20);
    assert_int_equal(sg_subscribe(node, &topic, &durable, &sub), SG_OK);
    wait_until(node, is_trimmed); /* the file as it was found */
    uv_mutex_lock(&node->archive.mutex);
    sg_err err = sg_messages_put(atomic_load(&node->archive.db), &row, 1);
    uv_mutex_unlock(&node->archive.mutex);
    assert_int_equal(err, SG_OK);
    sg_rt_enter_any(node);
    node->archive.trim_at = node->now;
    sg_rt_leave(node);
    wait_until(node, is_trimmed);
    assert_int_equal(rows_in(node, &topic), 0);
    sg_messages_row_fini(&row);
    sg_subscription_free(sub);
    stop_fast(node);
}

/* Gives the same message to be stored so many times; how many found room. */
static size_t store(struct sg_node *node, const struct sg_core_out *out, size_t count)
{
    sg_rt_enter_any(node);
    uint64_t lost = node->archive.lost;
    for (size_t i = 0; i < count; i++)
        sg_rt_archive_store(node, out);
    lost = node->archive.lost - lost;
    sg_rt_leave(node);
    return count - (size_t)lost;
}

/* The disk stands still: its mutex is held. */
static void what_is_being_written_counts_as_waiting(void **state)
{
    const size_t len = (size_t)64 << 10;
    const size_t fit = SG_RT_UNWRITTEN_MAX / len;
    struct sg_topic_id topic = topic_of("busy");
    struct sg_node *node = start_with_state(*state, NULL);
    struct sg_subscription *sub = NULL;
    struct sg_core_out out = {.kind = SG_CORE_OUT_STORE, .topic = topic, .buf = payload_of(len)};
    struct sg_stats stats;
    out.store.root = root_frame(&topic);
    out.store.key = payload_of(20);
    assert_int_equal(sg_subscribe(node, &topic, &durable, &sub), SG_OK);
    wait_until(node, is_trimmed);
    uv_mutex_lock(&node->archive.mutex);
    size_t stored = store(node, &out, fit / 2);
    assert_int_equal(stored, fit / 2);
    wait_until(node, is_writing);
    stored += store(node, &out, fit);
    uv_mutex_unlock(&node->archive.mutex);
    assert_in_range(stored, fit * 9 / 10, fit);
    do {
        sg_node_stats(node, &stats);
        (void)sched_yield();
    } while (stats.stored < stored);
    sg_buf_unref(out.buf);
    sg_buf_unref(out.store.root);
    sg_buf_unref(out.store.key);
    sg_subscription_free(sub);
    stop_fast(node);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_too_old_goes_though_nothing_comes, state_setup,
                                        state_teardown),
        cmocka_unit_test_setup_teardown(what_is_being_written_counts_as_waiting, state_setup,
                                        state_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
