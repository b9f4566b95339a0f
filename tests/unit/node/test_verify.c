#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "node/internal.h"
#include "support/core_net.h"

/* Node 0 publishes, nodes 1 and 2 have its frames, node 3 is given them by hand. */

static const struct sg_topic_id topic = {{7, 7, 7}};
static struct net net;
#define FRAMES_MAX 64
static struct sg_buf *frames[FRAMES_MAX]; /* KEY, then ROOT and GOSSIP as node 0 sent them */
static size_t frame_count;
static bool is_cut;

static bool capture(struct net *n, const struct net_frame *frame)
{
    (void)n;
    if (!is_cut || frame->lane != SG_LANE_PUBSUB)
        return true;
    if (frame->from == 0 && frame->to == 1 && frame_count < FRAMES_MAX)
        frames[frame_count++] = sg_buf_ref(frame->buf);
    return false;
}

static void offload(struct sg_core_config *config)
{
    config->offload = true;
}

static uint8_t kind_of(const struct sg_buf *frame)
{
    struct sg_reader r = sg_reader(sg_buf_bytes(frame));
    struct sg_frame_head head;
    assert_int_equal(sg_frame_head_decode(&r, &head), SG_OK);
    return sg_read_u8(&r);
}

/* count messages of node 0 below one root, in frames; ids [count]. */
static void setup(void (*tune)(struct sg_core_config *), size_t count, struct sg_msg_id *ids)
{
    net_init(&net, 4, tune);
    net_settle(&net, &topic);
    is_cut = true;
    net.filter = capture;
    struct sg_core_publish result;
    if (count > 1) { /* what follows a message gathers */
        assert_int_equal(net_publish(&net, 0, &topic, SG_BYTES_LIT("first"), &result), SG_OK);
        net_run(&net, 2 * SG_NS_PER_MS);
        for (size_t i = 0; i < frame_count; i++)
            sg_buf_unref(frames[i]);
        frame_count = 0;
        frames[frame_count++] = sg_buf_ref(net.core[0]->own_key);
    }
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(net_publish(&net, 0, &topic, SG_BYTES_LIT("payload"), &result), SG_OK);
        ids[i] = result.id;
    }
    net_run(&net, 10 * SG_NS_PER_MS);
    net.delivery_count = 0;
    net.jobs_wait = true;
    assert_int_equal(frame_count, 2 + count);
    assert_int_equal(kind_of(frames[0]), SG_PT_KEY);
    assert_int_equal(kind_of(frames[1]), SG_PT_ROOT);
}

static void teardown(void)
{
    is_cut = false;
    for (size_t i = 0; i < frame_count; i++)
        sg_buf_unref(frames[i]);
    frame_count = 0;
    net_fini(&net);
}

static void give(size_t from, size_t frame)
{
    net_inject(&net, from, 3, SG_LANE_PUBSUB, sg_buf_bytes(frames[frame]));
}

static void give_all(size_t from)
{
    for (size_t i = 0; i < frame_count; i++)
        give(from, i);
}

static void give_bad_root(size_t from)
{
    struct sg_buf *bad = sg_buf_copy(sg_mem_default(), sg_buf_bytes(frames[1]));
    assert_non_null(bad);
    bad->data[200] ^= 1; /* in the signature */
    net_inject(&net, from, 3, SG_LANE_PUBSUB, sg_buf_bytes(bad));
    sg_buf_unref(bad);
}

static struct sg_core_stats stats_of_3(void)
{
    struct sg_core_stats stats;
    sg_core_stats(net.core[3], &stats);
    return stats;
}

static void one_verification_serves_all_messages_and_copies(void **state)
{
    struct sg_msg_id ids[16];
    (void)state;
    setup(offload, 16, ids);
    for (size_t from = 0; from < 3; from++)
        give_all(from);
    assert_int_equal(net.job_count, 1);
    assert_int_equal(stats_of_3().delivered, 0);
    assert_int_equal(stats_of_3().verify_waited, 16);
    net_finish_job(&net);
    assert_int_equal(stats_of_3().delivered, 16);
    assert_int_equal(stats_of_3().signatures_verified, 1);
    assert_int_equal(stats_of_3().pt.payloads_new, 16);
    assert_int_equal(stats_of_3().pt.payloads_duplicate, 32);
    for (size_t i = 0; i < 16; i++) {
        assert_true(sg_msg_id_equal(&net.deliveries[i].id, &ids[i]));
        assert_true(sg_peer_id_equal(&net.deliveries[i].message.last_hop, net_id(&net, 0)));
    }
    give_all(1); /* later: the root is known */
    assert_int_equal(net.job_count, 0);
    assert_int_equal(net.core[3]->checks.bytes, 0);
    teardown();
}

static void a_lone_message_waits_likewise(void **state)
{
    struct sg_msg_id id;
    (void)state;
    setup(offload, 1, &id);
    give_all(0);
    give_all(2);
    assert_int_equal(net.job_count, 1);
    net_finish_job(&net);
    assert_int_equal(net_delivered(&net, 3, &id), 1);
    assert_int_equal(stats_of_3().pt.payloads_duplicate, 1);
    teardown();
}

static void a_bad_signature_costs_its_bringer_alone(void **state)
{
    struct sg_msg_id ids[4];
    (void)state;
    setup(offload, 4, ids);
    give(1, 0);
    give_bad_root(1);
    for (size_t i = 0; i < 4; i++)
        give(1, 2 + i);
    give_all(2); /* the same messages with the author's signature */
    assert_int_equal(net.job_count, 1);
    net_finish_job(&net);
    assert_int_equal(stats_of_3().refused_signature, 1);
    assert_int_equal(net.last_close[3], SG_CLOSE_BANNED);
    assert_false(net.is_linked[3][1]);
    assert_int_equal(net.job_count, 1); /* now with what node 2 brought */
    net_finish_job(&net);
    assert_int_equal(stats_of_3().delivered, 4);
    assert_true(net.is_linked[3][2]);
    assert_true(sg_peer_id_equal(&net.deliveries[0].message.last_hop, net_id(&net, 2)));
    assert_int_equal(net.core[3]->checks.bytes, 0);
    teardown();
}

static void copies_without_a_root_of_their_own_ask_for_it(void **state)
{
    struct sg_msg_id ids[2];
    (void)state;
    setup(offload, 2, ids);
    give(1, 0);
    give_bad_root(1);
    give(1, 2);
    give(2, 2);
    net_finish_job(&net);
    assert_int_equal(net.job_count, 0);
    assert_int_equal(stats_of_3().proofs_wanted, 1);
    assert_int_equal(stats_of_3().delivered, 0);
    teardown();
}

static void a_verdict_that_cannot_be_had_charges_nobody(void **state)
{
    struct sg_msg_id ids[3];
    (void)state;
    setup(offload, 3, ids);
    give_all(0);
    struct sg_core_in in = {
        .kind = SG_CORE_IN_VERIFIED, .job = net.jobs[0].number, .err = SG_ERR_NO_MEMORY};
    assert_int_equal(net_input(&net, 3, &in), SG_OK);
    assert_int_equal(stats_of_3().charges, 0);
    assert_int_equal(stats_of_3().delivered, 0);
    assert_int_equal(stats_of_3().refused_overload, 3);
    assert_int_equal(net.core[3]->checks.bytes, 0);
    assert_int_equal(net_input(&net, 3, &in), SG_ERR_NOT_FOUND);
    teardown();
}

static void links_may_go_while_messages_wait(void **state)
{
    struct sg_msg_id ids[3];
    struct sg_core_in down = {.kind = SG_CORE_IN_LINK_DOWN, .err = SG_ERR_CLOSED};
    struct sg_core_in leave = {.kind = SG_CORE_IN_UNSUBSCRIBE, .topic = topic};
    (void)state;
    setup(offload, 3, ids);
    give_all(0);
    down.peer = *net_id(&net, 0);
    net.is_linked[3][0] = false;
    assert_int_equal(net_input(&net, 3, &down), SG_OK);
    net_finish_job(&net);
    assert_int_equal(stats_of_3().delivered, 3);
    assert_int_equal(net.core[3]->checks.bytes, 0);
    teardown();
    setup(offload, 3, ids);
    give_all(0);
    assert_int_equal(net_input(&net, 3, &leave), SG_OK);
    net_finish_job(&net);
    assert_int_equal(stats_of_3().delivered, 0);
    teardown();
}

static void little(struct sg_core_config *config)
{
    config->offload = true;
    config->waiting_bytes_max = 8 * (sizeof(struct sg_waiting) + 200);
    config->verify_jobs_max = 4;
}

static void waiting_messages_are_bounded_per_link(void **state)
{
    struct sg_msg_id ids[16];
    (void)state;
    setup(little, 16, ids);
    give_all(0);
    assert_int_equal(stats_of_3().verify_waited, 2);
    assert_int_equal(stats_of_3().refused_overload, 14);
    give_all(1);
    assert_int_equal(stats_of_3().verify_waited, 4);
    net_finish_job(&net);
    assert_int_equal(stats_of_3().delivered, 4);
    assert_int_equal(stats_of_3().charges, 0);
    give_all(2); /* the root is known now: nothing has to wait */
    assert_int_equal(stats_of_3().delivered, 16);
    teardown();
}

static void jobs_are_bounded_per_link(void **state)
{
    struct sg_msg_id id;
    struct sg_core_publish result;
    (void)state;
    setup(little, 1, &id);
    give_all(0);
    net.jobs_wait = false;
    struct net_job job = net.jobs[0];
    net.job_count = 0;
    frame_count = 1;
    for (size_t i = 1; i < 3; i++)
        sg_buf_unref(frames[i]);
    net_run(&net, 10 * SG_NS_PER_MS);
    assert_int_equal(net_publish(&net, 0, &topic, SG_BYTES_LIT("2"), &result), SG_OK);
    net_run(&net, 10 * SG_NS_PER_MS);
    assert_int_equal(frame_count, 3);
    net.jobs_wait = true;
    give_all(0); /* a second job of this link */
    assert_int_equal(net.job_count, 0);
    assert_int_equal(stats_of_3().refused_overload, 1);
    give_all(1); /* another link has a share of its own */
    assert_int_equal(net.job_count, 1);
    net.jobs[net.job_count++] = job;
    net_finish_job(&net);
    net_finish_job(&net);
    assert_int_equal(stats_of_3().delivered, 2);
    teardown();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_verification_serves_all_messages_and_copies),
        cmocka_unit_test(a_lone_message_waits_likewise),
        cmocka_unit_test(a_bad_signature_costs_its_bringer_alone),
        cmocka_unit_test(copies_without_a_root_of_their_own_ask_for_it),
        cmocka_unit_test(a_verdict_that_cannot_be_had_charges_nobody),
        cmocka_unit_test(links_may_go_while_messages_wait),
        cmocka_unit_test(waiting_messages_are_bounded_per_link),
        cmocka_unit_test(jobs_are_bounded_per_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
