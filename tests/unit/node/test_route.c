#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "node/internal.h"
#include "support/core_net.h"

static const struct sg_topic_id topic = {{7, 7, 7}};
static struct net net;

#define SAMPLES_MAX 400
static struct net_frame samples[SAMPLES_MAX];
static size_t sample_count;

static bool sample(struct net *n, const struct net_frame *frame)
{
    (void)n;
    if (sample_count < SAMPLES_MAX && frame->to == 1 && frame->from == 0) {
        samples[sample_count] = *frame;
        samples[sample_count++].buf = sg_buf_ref(frame->buf);
    }
    return true;
}

/* A settled pair of nodes, and every frame that node 0 sent to node 1 on the way. */
static void setup_samples(void)
{
    struct sg_core_publish result;
    sample_count = 0;
    net_init(&net, 3, NULL);
    net.filter = sample;
    net_settle(&net, &topic);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(net_publish(&net, i % 3, &topic, SG_BYTES_LIT("x"), &result), SG_OK);
    net_run(&net, 40 * SG_NS_PER_S); /* a shuffle, too */
    net.filter = NULL;
    assert_true(sample_count > 10);
}

static void teardown_samples(void)
{
    for (size_t i = 0; i < sample_count; i++)
        sg_buf_unref(samples[i].buf);
    net_fini(&net);
}

static uint64_t refused(void)
{
    struct sg_core_stats stats;
    sg_core_stats(net.core[1], &stats);
    return stats.refused_malformed + stats.refused_version + stats.refused_proof +
           stats.refused_signature + stats.refused_overload + stats.refused_expired;
}

static void keep_linked(void)
{
    if (net.is_linked[1][0])
        return;
    net.now += 61 * SG_NS_PER_S;
    net_join(&net, 1, 0);
    net_run(&net, 50 * SG_NS_PER_MS);
}

static void every_truncated_frame_is_refused_and_counted(void **state)
{
    (void)state;
    setup_samples();
    for (size_t i = 0; i < sample_count; i++) {
        struct sg_bytes whole = sg_buf_bytes(samples[i].buf);
        size_t step = whole.len > 200 ? 97 : 1;
        for (size_t cut = 0; cut < whole.len; cut += step) {
            keep_linked();
            uint64_t before = refused();
            net_inject(&net, 0, 1, samples[i].lane, sg_bytes(whole.data, cut));
            assert_int_equal(refused(), before + 1);
        }
    }
    teardown_samples();
}

static void every_trailing_byte_is_refused_and_counted(void **state)
{
    static uint8_t longer[SG_FRAME_PUBSUB_MAX];
    (void)state;
    setup_samples();
    for (size_t i = 0; i < sample_count; i++) {
        struct sg_bytes whole = sg_buf_bytes(samples[i].buf);
        keep_linked();
        memcpy(longer, whole.data, whole.len);
        longer[whole.len] = 0;
        uint64_t before = refused();
        net_inject(&net, 0, 1, samples[i].lane, sg_bytes(longer, whole.len + 1));
        assert_int_equal(refused(), before + 1);
    }
    teardown_samples();
}

static void expect_one(enum sg_lane lane, struct sg_bytes bytes, sg_err err)
{
    struct sg_core_stats before;
    struct sg_core_stats after;
    sg_core_stats(net.core[1], &before);
    net_inject(&net, 0, 1, lane, bytes);
    sg_core_stats(net.core[1], &after);
    assert_int_equal(after.charges, before.charges + 1);
    if (err == SG_ERR_VERSION)
        assert_int_equal(after.refused_version, before.refused_version + 1);
    else
        assert_int_equal(after.refused_malformed, before.refused_malformed + 1);
    assert_true(net.is_linked[1][0]); /* one mistake does not cost the link */
}

static void unknown_families_versions_kinds_and_lanes_are_refused(void **state)
{
    (void)state;
    net_init(&net, 2, NULL);
    net_settle(&net, &topic);
    expect_one(SG_LANE_MSHIP, sg_bytes("\x09\x01\x00", 3), SG_ERR_VERSION);
    expect_one(SG_LANE_MSHIP, sg_bytes("\x01\x02\x00\x05\x00", 5), SG_ERR_VERSION);
    expect_one(SG_LANE_MSHIP, sg_bytes("\x02\x01\x00\x03", 4), SG_ERR_PROTOCOL); /* wrong lane */
    net.now += 100 * SG_NS_PER_S;
    expect_one(SG_LANE_PUBSUB, sg_bytes("\x01\x01\x00\x05\x00", 5), SG_ERR_PROTOCOL);
    expect_one(SG_LANE_PUBSUB, sg_bytes("\x02\x01\x00\x63", 4), SG_ERR_MALFORMED);
    expect_one(SG_LANE_MSHIP, sg_bytes("\x01\x01\x01\x07\x05\x00", 6), SG_ERR_MALFORMED);
    net.now += 100 * SG_NS_PER_S;
    expect_one(SG_LANE_MSHIP, sg_bytes("\x03\x01\x00\x09", 4), SG_ERR_MALFORMED);
    uint8_t zero_scope[37] = {1, 1, 32};
    expect_one(SG_LANE_MSHIP, sg_bytes(zero_scope, sizeof(zero_scope)), SG_ERR_NOT_CANONICAL);
    uint8_t hello[SG_HELLO_MAX];
    size_t len = sg_core_hello(net.core[0], hello);
    expect_one(SG_LANE_MSHIP, sg_bytes(hello, len), SG_ERR_PROTOCOL); /* a second HELLO */
    net_fini(&net);
}

static void five_malformed_frames_ban_the_peer(void **state)
{
    struct sg_core_stats stats;
    (void)state;
    net_init(&net, 2, NULL);
    net_settle(&net, &topic);
    for (int i = 0; i < 5; i++) {
        assert_true(net.is_linked[1][0]);
        net_inject(&net, 0, 1, SG_LANE_MSHIP, sg_bytes("\x01\x01", 2));
    }
    assert_false(net.is_linked[1][0]);
    assert_int_equal(net.last_close[1], SG_CLOSE_BANNED);
    sg_core_stats(net.core[1], &stats);
    assert_int_equal(stats.peers_banned, 1);
    net_fini(&net);
}

static void frames_for_unknown_scopes_cost_nothing(void **state)
{
    struct sg_core_stats stats;
    static const struct sg_topic_id other = {{9}};
    struct sg_hpv_msg join = {.kind = SG_HPV_JOIN};
    (void)state;
    net_init(&net, 2, NULL);
    net_settle(&net, &topic);
    sg_core_begin(net.core[0], net.now, NET_WALL_MS, &net.out);
    sg_send_hpv(net.core[0], &other, net_id(&net, 1), &join);
    sg_core_end(net.core[0]);
    assert_int_equal(net.out.count, 1);
    net_inject(&net, 0, 1, SG_LANE_MSHIP, sg_buf_bytes(net.out.out[0].buf));
    sg_core_outbox_clear(&net.out);
    sg_core_stats(net.core[1], &stats);
    assert_int_equal(stats.refused_unknown_scope, 1);
    assert_int_equal(stats.charges, 0);
    net_fini(&net);
}

static void a_flood_of_frames_is_cut_off(void **state)
{
    struct sg_core_stats stats;
    (void)state;
    net_init(&net, 2, NULL);
    net_settle(&net, &topic);
    struct sg_buf *tells[1];
    sg_core_begin(net.core[0], net.now, NET_WALL_MS, &net.out);
    sg_topics_tell(net.core[0], net_id(&net, 1));
    sg_core_end(net.core[0]);
    tells[0] = sg_buf_ref(net.out.out[0].buf);
    sg_core_outbox_clear(&net.out);
    for (int i = 0; i < 50000 && net.is_linked[1][0]; i++)
        net_inject(&net, 0, 1, SG_LANE_MSHIP, sg_buf_bytes(tells[0]));
    sg_core_stats(net.core[1], &stats);
    assert_true(stats.refused_overload >= 100);
    assert_false(net.is_linked[1][0]);
    sg_buf_unref(tells[0]);
    net_fini(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_truncated_frame_is_refused_and_counted),
        cmocka_unit_test(every_trailing_byte_is_refused_and_counted),
        cmocka_unit_test(unknown_families_versions_kinds_and_lanes_are_refused),
        cmocka_unit_test(five_malformed_frames_ban_the_peer),
        cmocka_unit_test(frames_for_unknown_scopes_cost_nothing),
        cmocka_unit_test(a_flood_of_frames_is_cut_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
