#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "unit/node/large_case.h"

static void a_large_payload_comes_whole_and_once(void **state)
{
    const size_t len = KIB(320) + 17;
    (void)state;
    setup(5);
    struct sg_msg_id id = publish(0, len);
    net_run(&net, 2 * SG_NS_PER_S);
    for (size_t i = 0; i < 5; i++)
        assert_true(has_whole(i, &id, len));
    for (size_t i = 1; i < 5; i++) {
        struct sg_core_stats stats = stats_of(i);
        assert_int_equal(stats.chunks_in, 6);
        assert_int_equal(stats.large_completed, 1);
        assert_int_equal(stats.delivered, 1);
        assert_int_equal(stats.charges, 0);
        /* beginning and end at least; both ends are told */
        assert_true(net.transfer_events[i] >= 2);
        assert_true(net.transfers[i].done == len && net.transfers[i].total == len);
    }
    assert_int_equal(seen.chunks, 4 * 6);
    teardown();
}

static void messages_up_to_64_kib_are_pushed(void **state)
{
    (void)state;
    setup(2);
    struct sg_msg_id id = publish(0, SG_PAYLOAD_MAX);
    net_run(&net, SG_NS_PER_S);
    assert_true(has_whole(1, &id, SG_PAYLOAD_MAX));
    assert_int_equal(seen.chunks, 0);
    id = publish(0, SG_PAYLOAD_MAX + 1);
    net_run(&net, SG_NS_PER_S);
    assert_true(has_whole(1, &id, SG_PAYLOAD_MAX + 1));
    assert_int_equal(seen.chunks, 2);
    teardown();
}

/* The announcement published as a plain payload, and as one with the label before it. */
static void an_announcement_passes_for_nothing_else(void **state)
{
    static uint8_t labelled[15 + SG_ANNOUNCEMENT_MAX];
    struct sg_gossip msg = {.hop = 1, .batch_count = 1, .is_large = true};
    struct sg_msg_id large, plain, other;
    (void)state;
    setup(1);
    struct sg_buf *text = sg_large_announce(net.core[0], sg_bytes(payload, KIB(100)));
    assert_non_null(text);
    msg.payload = sg_buf_bytes(text);
    sg_message_id(net.core[0], &topic, &msg, &large);
    msg.is_large = false;
    sg_message_id(net.core[0], &topic, &msg, &plain);
    memcpy(labelled, "saorsa large v1", 15);
    memcpy(labelled + 15, text->data, text->len);
    msg.payload = sg_bytes(labelled, 15 + text->len);
    sg_message_id(net.core[0], &topic, &msg, &other);
    assert_false(sg_msg_id_equal(&large, &plain));
    assert_false(sg_msg_id_equal(&large, &other));
    sg_buf_unref(text);
    teardown();
}

static void chunks_spread_before_anybody_has_all(void **state)
{
    const size_t len = KIB(64) * 64;
    (void)state;
    setup(6);
    struct sg_msg_id id = publish(0, len);
    net_run(&net, 5 * SG_NS_PER_S);
    for (size_t i = 1; i < 6; i++)
        assert_true(has_whole(i, &id, len));
    /* everybody has served others, and nothing was sent in vain */
    for (size_t i = 0; i < 6; i++)
        assert_true(seen.chunks_of[i] > 0);
    assert_int_equal(seen.chunks, 5 * 64);
    teardown();
}

/* The source is killed as soon as each chunk was sent once: the holders have all of it between
 * them. */
static void holders_finish_without_the_source(void **state)
{
    const size_t len = KIB(64) * 64;
    (void)state;
    setup_with(4, quick_news);
    seen.crash_at = 64;
    struct sg_msg_id id = publish(0, len);
    seen.id = id;
    while (!net.is_down[0])
        net_run(&net, SG_NS_PER_MS);
    assert_true(seen.had < 3); /* otherwise this shows nothing */
    net_run(&net, 30 * SG_NS_PER_S);
    for (size_t i = 1; i < 4; i++)
        assert_true(has_whole(i, &id, len));
    teardown();
}

static void cut_links_of(size_t node)
{
    for (size_t i = 0; i < net.count; i++) {
        struct sg_core_in in = {
            .kind = SG_CORE_IN_LINK_DOWN, .peer = *net_id(&net, i), .err = SG_ERR_CLOSED};
        if (i == node || !net.is_linked[node][i])
            continue;
        net.is_linked[node][i] = net.is_linked[i][node] = false;
        assert_int_equal(net_input(&net, node, &in), SG_OK);
        in.peer = *net_id(&net, node);
        assert_int_equal(net_input(&net, i, &in), SG_OK);
    }
}

static void a_broken_link_costs_only_what_was_under_way(void **state)
{
    const size_t len = KIB(64) * 64;
    (void)state;
    setup(2);
    struct sg_msg_id id = publish(0, len);
    for (int cuts = 0; cuts < 3; cuts++) {
        net_run(&net, 12 * SG_NS_PER_MS);
        cut_links_of(1);
        net_join(&net, 1, 0);
        net_run(&net, SG_NS_PER_MS);
    }
    assert_false(has_whole(1, &id, len));
    assert_true(seen.chunks > 8);
    net_run(&net, 60 * SG_NS_PER_S);
    assert_true(has_whole(1, &id, len));
    assert_in_range(seen.chunks, 64, 64 + 4 * SG_LARGE_WINDOW);
    teardown();
}

static void who_sends_a_wrong_chunk_is_banned(void **state)
{
    const size_t len = KIB(64) * 64;
    (void)state;
    setup_with(4, quick_news);
    seen.liar = 3;
    struct sg_msg_id id = publish(0, len);
    net_run(&net, 10 * SG_NS_PER_S);
    uint64_t wrong = 0;
    for (size_t i = 1; i < 3; i++) {
        assert_true(has_whole(i, &id, len));
        wrong += stats_of(i).chunks_wrong;
        if (stats_of(i).chunks_wrong > 0)
            assert_int_equal(net.last_close[i], SG_CLOSE_BANNED);
    }
    assert_true(wrong > 0);
    teardown();
}

static void what_does_not_come_is_asked_of_others(void **state)
{
    const size_t len = KIB(64) * 64;
    (void)state;
    setup_with(4, quick_news);
    seen.drop_of = 2;
    struct sg_msg_id id = publish(0, len);
    net_run(&net, 20 * SG_NS_PER_S);
    for (size_t i = 1; i < 4; i++)
        assert_true(has_whole(i, &id, len));
    assert_true(stats_of(1).chunks_late + stats_of(3).chunks_late > 0);
    assert_int_equal(stats_of(1).peers_banned + stats_of(3).peers_banned, 0);
    teardown();
}

static void a_late_joiner_fetches_too(void **state)
{
    const size_t len = KIB(64) * 8;
    (void)state;
    setup(3);
    net.is_cut[2] = true;
    cut_links_of(2);
    struct sg_msg_id id = publish(0, len);
    net_run(&net, 20 * SG_NS_PER_S);
    assert_true(has_whole(1, &id, len));
    net.is_cut[2] = false;
    net_join(&net, 2, 1);
    net_run(&net, 60 * SG_NS_PER_S);
    assert_true(has_whole(2, &id, len));
    teardown();
}

static void payloads_have_an_upper_end(void **state)
{
    struct sg_core_publish result;
    (void)state;
    setup(2);
    assert_int_equal(net_publish(&net, 0, &topic, sg_bytes(payload, SG_LARGE_MAX + 1), &result),
                     SG_ERR_TOO_LARGE);
    for (int i = 0; i < 4; i++)
        (void)publish(0, SG_LARGE_MAX);
    assert_int_equal(net_publish(&net, 0, &topic, sg_bytes(payload, KIB(65)), &result),
                     SG_ERR_WOULD_BLOCK);
    net_run(&net, 10 * SG_NS_PER_S); /* the oldest gives way */
    struct sg_msg_id id = publish(0, KIB(65));
    net_run(&net, 5 * SG_NS_PER_S);
    assert_true(has_whole(1, &id, KIB(65)));
    teardown();
}

static void what_nobody_serves_is_given_up(void **state)
{
    struct sg_core_gauges gauges;
    (void)state;
    setup(2);
    seen.crash_at = 5;
    struct sg_msg_id id = publish(0, KIB(64) * 16);
    net_run(&net, 59 * SG_NS_PER_S);
    sg_core_gauges(net.core[1], &gauges);
    assert_int_equal(gauges.transfers, 1);
    net_run(&net, 10 * SG_NS_PER_S);
    sg_core_gauges(net.core[1], &gauges);
    assert_int_equal(gauges.transfers, 0);
    assert_int_equal(gauges.large_bytes, 0);
    assert_int_equal(net.transfers[1].err, SG_ERR_TIMEOUT);
    assert_true(net.transfers[1].done > 0 && net.transfers[1].done < net.transfers[1].total);
    assert_int_equal(net_delivered(&net, 1, &id), 0);
    teardown();
}

static void memory_is_given_back(void **state)
{
    struct sg_core_gauges gauges;
    (void)state;
    setup(2);
    (void)publish(0, KIB(200));
    net_run(&net, 200 * SG_NS_PER_S);
    for (size_t i = 0; i < 2; i++) {
        sg_core_gauges(net.core[i], &gauges);
        assert_int_equal(gauges.transfers, 0);
        assert_int_equal(gauges.large_bytes, 0);
    }
    teardown();
}

static void inject(size_t from, size_t to, const struct sg_large_msg *msg, enum sg_lane lane)
{
    struct sg_buf *frame = sg_large_chunk_frame(net.core[from], &topic, msg);
    assert_non_null(frame);
    net_inject(&net, from, to, lane, sg_buf_bytes(frame));
    sg_buf_unref(frame);
}

/* What node 1 was charged for this, from node 0. */
static uint32_t charged_for(const struct sg_large_msg *msg, enum sg_lane lane)
{
    struct sg_link *link = sg_link_find(net.core[1], net_id(&net, 0));
    assert_non_null(link);
    link->points = 0;
    inject(0, 1, msg, lane);
    link = sg_link_find(net.core[1], net_id(&net, 0));
    return link == NULL ? 100 : link->points;
}

static void hostile_frames_are_charged(void **state)
{
    const size_t len = KIB(64) * 12;
    (void)state;
    setup(2);
    struct sg_msg_id id = publish(0, len);
    net_run(&net, 5 * SG_NS_PER_S);
    assert_true(has_whole(1, &id, len));
    struct sg_large_msg msg = {.kind = SG_LARGE_HAVE, .id = id, .len = 2};
    assert_int_equal(charged_for(&msg, SG_LANE_PUBSUB), 0);
    assert_int_equal(charged_for(&msg, SG_LANE_BULK), SG_CHARGE_PROTOCOL);
    assert_int_equal(charged_for(&msg, SG_LANE_MSHIP), SG_CHARGE_PROTOCOL);
    msg.len = 3; /* a chunk more than there are */
    assert_int_equal(charged_for(&msg, SG_LANE_PUBSUB), SG_CHARGE_MALFORMED);
    msg.len = 2;
    sg_chunks_add(&msg.chunks, 12);
    assert_int_equal(charged_for(&msg, SG_LANE_PUBSUB), SG_CHARGE_MALFORMED);
    msg.kind = SG_LARGE_ASK;
    assert_int_equal(charged_for(&msg, SG_LANE_PUBSUB), SG_CHARGE_MALFORMED);
    /* nobody asked for these */
    struct sg_large_msg chunk = {
        .kind = SG_LARGE_CHUNK, .id = id, .bytes = sg_bytes(payload, SG_CHUNK_LEN)};
    assert_int_equal(charged_for(&chunk, SG_LANE_BULK), SG_CHARGE_FLOOD);
    assert_int_equal(charged_for(&chunk, SG_LANE_PUBSUB), SG_CHARGE_PROTOCOL);
    chunk.id.b[0] ^= 1;
    assert_int_equal(charged_for(&chunk, SG_LANE_BULK), SG_CHARGE_FLOOD);
    assert_int_equal(stats_of(1).chunks_unasked, 2);
    teardown();
}

static void a_neighbour_is_served_twice_at_most(void **state)
{
    const size_t len = KIB(64) * 8;
    (void)state;
    setup(2);
    struct sg_msg_id id = publish(0, len);
    net_run(&net, 5 * SG_NS_PER_S);
    struct sg_large_msg ask = {.kind = SG_LARGE_ASK, .id = id, .len = 1, .chunks = {{0xff}}};
    seen.chunks = 0;
    for (int i = 0; i < 10; i++)
        inject(1, 0, &ask, SG_LANE_PUBSUB);
    assert_true(stats_of(0).chunks_out == 2 * 8 + 16);
    assert_true(stats_of(0).charges > 0);
    teardown();
}

/* threats.md 13: ten thousand times the whole of 1 MiB. */
static void a_flood_of_asks_is_served_three_mebibytes(void **state)
{
    const size_t len = KIB(1024);
    (void)state;
    setup(2);
    struct sg_msg_id id = publish(0, len);
    net_run(&net, 5 * SG_NS_PER_S);
    assert_true(has_whole(1, &id, len));
    struct sg_large_msg ask = {.kind = SG_LARGE_ASK, .id = id, .len = 2};
    int asked = 0;
    for (; asked < 10000 && net.is_linked[0][1]; asked++) {
        ask.chunks = (struct sg_chunks){{0}};
        ask.chunks.b[asked % 2] = 0xff; /* no ask may name more */
        inject(1, 0, &ask, SG_LANE_PUBSUB);
    }
    assert_int_equal(stats_of(0).chunks_out, 3 * 16); /* the first was no flood */
    assert_in_range(asked, 2, 200);                   /* and then it is put away */
    assert_int_equal(stats_of(0).refused_malformed, 0);
    assert_int_equal(net.last_close[0], SG_CLOSE_BANNED);
    teardown();
}

/* Chunks that nobody asked for, without end: of what is here and of what is not. */
static void an_endless_stream_of_chunks_is_cut_off(void **state)
{
    (void)state;
    setup(2);
    struct sg_msg_id id = publish(0, KIB(128));
    net_run(&net, 5 * SG_NS_PER_S);
    assert_true(has_whole(1, &id, KIB(128)));
    struct sg_core_gauges before, after;
    struct sg_large_msg chunk = {
        .kind = SG_LARGE_CHUNK, .id = id, .bytes = sg_bytes(payload, SG_CHUNK_LEN)};
    sg_core_gauges(net.core[1], &before);
    uint32_t sent = 0;
    for (; sent < 1000 && net.is_linked[1][0]; sent++) {
        chunk.id.b[0] = (uint8_t)(id.b[0] ^ (sent % 2));
        chunk.index = (uint8_t)(sent % 4);
        inject(0, 1, &chunk, SG_LANE_BULK);
    }
    sg_core_gauges(net.core[1], &after);
    assert_int_equal(sent, 100);
    assert_int_equal(stats_of(1).chunks_unasked, sent);
    assert_int_equal(net.last_close[1], SG_CLOSE_BANNED);
    assert_int_equal(after.large_bytes, before.large_bytes);
    assert_int_equal(after.transfers, before.transfers);
    teardown();
}

static void asks_for_what_is_not_here_are_answered(void **state)
{
    struct sg_large_msg ask = {.kind = SG_LARGE_ASK, .id = {{9}}, .len = 1, .chunks = {{0x01}}};
    (void)state;
    setup(2);
    uint64_t before = stats_of(0).frames_out;
    inject(1, 0, &ask, SG_LANE_PUBSUB);
    assert_int_equal(stats_of(0).frames_out, before + 1);
    ask.kind = SG_LARGE_HAVE;
    inject(1, 0, &ask, SG_LANE_PUBSUB);
    assert_int_equal(stats_of(0).frames_out, before + 1); /* no answer was wanted */
    ask.wants_reply = true;
    inject(1, 0, &ask, SG_LANE_PUBSUB);
    assert_int_equal(stats_of(0).frames_out, before + 2);
    assert_int_equal(stats_of(0).charges, 0);
    teardown();
}

/* The link has no room for chunks for a while. */
static void a_full_link_is_tried_again(void **state)
{
    const size_t len = KIB(64) * 4;
    (void)state;
    setup(2);
    seen.drop_of = 0;
    struct sg_msg_id id = publish(0, len);
    net_run(&net, 20 * SG_NS_PER_MS);
    struct sg_core_in dropped = {.kind = SG_CORE_IN_PUSH_DROPPED,
                                 .peer = *net_id(&net, 1),
                                 .topic = topic,
                                 .id = id,
                                 .lane = SG_LANE_BULK};
    for (int i = 0; i < 4; i++)
        assert_int_equal(net_input(&net, 0, &dropped), SG_OK);
    seen.drop_of = SIZE_MAX;
    net_run(&net, 1500 * SG_NS_PER_MS);
    assert_true(has_whole(1, &id, len));
    assert_int_equal(stats_of(1).chunks_late, 0);
    teardown();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_large_payload_comes_whole_and_once),
        cmocka_unit_test(messages_up_to_64_kib_are_pushed),
        cmocka_unit_test(an_announcement_passes_for_nothing_else),
        cmocka_unit_test(chunks_spread_before_anybody_has_all),
        cmocka_unit_test(holders_finish_without_the_source),
        cmocka_unit_test(a_broken_link_costs_only_what_was_under_way),
        cmocka_unit_test(who_sends_a_wrong_chunk_is_banned),
        cmocka_unit_test(what_does_not_come_is_asked_of_others),
        cmocka_unit_test(a_late_joiner_fetches_too),
        cmocka_unit_test(payloads_have_an_upper_end),
        cmocka_unit_test(what_nobody_serves_is_given_up),
        cmocka_unit_test(memory_is_given_back),
        cmocka_unit_test(hostile_frames_are_charged),
        cmocka_unit_test(a_neighbour_is_served_twice_at_most),
        cmocka_unit_test(a_flood_of_asks_is_served_three_mebibytes),
        cmocka_unit_test(an_endless_stream_of_chunks_is_cut_off),
        cmocka_unit_test(asks_for_what_is_not_here_are_answered),
        cmocka_unit_test(a_full_link_is_tried_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
