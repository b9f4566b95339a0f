#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "node/internal.h"
#include "support/core_net.h"
#include "wire/pt_msg.h"

#define KIB(n) ((size_t)(n) << 10)

static const struct sg_topic_id topic = {{7, 7, 7}};
static struct net net;
static uint8_t payload[SG_LARGE_MAX + 1];

/* What the filter counts and does. */
static struct {
    size_t chunks, chunks_of[NET_NODES_MAX], asks;
    struct sg_chunks of_source; /* chunks that node 0 has sent .. */
    size_t crash_at;            /* .. it crashes with so many of them; 0 = never */
    struct sg_msg_id id;        /* the whole that those who had it then .. */
    size_t had;                 /* .. are counted of */
    size_t drop_of;             /* node whose chunks do not arrive .. */
    size_t liar;                /* .. or are replaced by wrong ones; SIZE_MAX = nobody */
    struct sg_buf *chunk;       /* one of those */
} seen;

static bool decode(struct sg_bytes frame, struct sg_large_msg *msg)
{
    struct sg_reader r = sg_reader(frame);
    struct sg_frame_head head;
    return sg_frame_head_decode(&r, &head) == SG_OK && head.family == SG_FAMILY_LARGE &&
           sg_large_msg_decode(&r, msg) == SG_OK;
}

static bool watch(struct net *n, const struct net_frame *frame)
{
    struct sg_large_msg msg;
    if (!decode(sg_buf_bytes(frame->buf), &msg))
        return true;
    seen.asks += msg.kind == SG_LARGE_ASK;
    if (msg.kind != SG_LARGE_CHUNK)
        return true;
    assert_int_equal(frame->lane, SG_LANE_BULK);
    seen.chunks++;
    seen.chunks_of[frame->from]++;
    if (seen.chunk == NULL)
        seen.chunk = sg_buf_ref(frame->buf);
    if (frame->from == 0)
        sg_chunks_add(&seen.of_source, msg.index);
    if (seen.crash_at > 0 && sg_chunks_count(&seen.of_source) == seen.crash_at && !n->is_down[0]) {
        for (size_t i = 1; i < n->count; i++)
            seen.had += net_delivered(n, i, &seen.id);
        net_crash(n, 0);
    }
    if (frame->from == seen.liar) {
        struct sg_buf *wrong = sg_buf_copy(sg_mem_default(), sg_buf_bytes(frame->buf));
        assert_non_null(wrong);
        wrong->data[wrong->len - 1] ^= 1;
        if (n->is_linked[frame->to][frame->from])
            net_inject(n, frame->from, frame->to, SG_LANE_BULK, sg_buf_bytes(wrong));
        sg_buf_unref(wrong);
        return false;
    }
    return frame->from != seen.drop_of;
}

/* Of node 2. */
static void small_memory(struct sg_core_config *config)
{
    if (config->seed == 1002)
        config->large_bytes_max = SG_LARGE_MAX;
}

static void quick_news(struct sg_core_config *config)
{
    config->large_have_ns = 2 * SG_NS_PER_MS;
}

static void setup_with(size_t count, void (*tune)(struct sg_core_config *))
{
    for (size_t i = 0; i < sizeof(payload); i++)
        payload[i] = (uint8_t)(i * 7 + (i >> 8) * 13 + (i >> 16));
    memset(&seen, 0, sizeof(seen));
    seen.drop_of = seen.liar = SIZE_MAX;
    net_init(&net, count, tune);
    net.filter = watch;
    net_settle(&net, &topic);
}

static void setup(size_t count)
{
    setup_with(count, NULL);
}

static void teardown(void)
{
    sg_buf_unref(seen.chunk);
    net_fini(&net);
}

static struct sg_msg_id publish(size_t node, size_t len)
{
    struct sg_core_publish result;
    assert_int_equal(net_publish(&net, node, &topic, sg_bytes(payload, len), &result), SG_OK);
    return result.id;
}

/* Whether a node was given the whole of it, once. */
static bool has_whole(size_t node, const struct sg_msg_id *id, size_t len)
{
    uint64_t sum = net_sum(sg_bytes(payload, len));
    bool found = false;
    for (size_t i = 0; i < net.delivery_count; i++) {
        const struct net_delivery *d = &net.deliveries[i];
        if (d->node != node || !sg_msg_id_equal(&d->id, id))
            continue;
        assert_int_equal(d->payload_len, len);
        assert_true(d->sum == sum);
        assert_false(found);
        found = true;
    }
    return found;
}

static struct sg_core_stats stats_of(size_t node)
{
    struct sg_core_stats stats;
    sg_core_stats(net.core[node], &stats);
    return stats;
}

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

static void a_transfer_without_room_waits(void **state)
{
    const size_t len = KIB(64) * 144;
    struct sg_core_gauges gauges;
    (void)state;
    setup_with(3, small_memory);
    struct sg_msg_id a = publish(0, len);
    struct sg_msg_id b = publish(1, len);
    struct sg_msg_id c = publish(0, len);
    net_run(&net, 20 * SG_NS_PER_MS);
    sg_core_gauges(net.core[2], &gauges);
    assert_int_equal(gauges.transfers, 3);
    assert_int_equal(gauges.large_bytes, len);
    net_run(&net, 30 * SG_NS_PER_S);
    assert_true(has_whole(2, &a, len));
    assert_true(has_whole(2, &b, len));
    assert_true(has_whole(2, &c, len));
    assert_true(stats_of(2).large_demoted == 0);
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

/* Each of the first authors publishes so many payloads at once, which fill the tables of all. */
static void burst(size_t authors, size_t each, size_t len)
{
    static struct sg_msg_id ids[100];
    size_t count = 0;
    setup(5);
    for (size_t k = 0; k < each; k++) {
        for (size_t i = 0; i < authors; i++) {
            payload[0] = (uint8_t)k;
            ids[count++] = publish(i, len);
        }
    }
    net_run(&net, 120 * SG_NS_PER_S);
    for (size_t i = 0; i < 5; i++) {
        struct sg_core_gauges gauges;
        for (size_t k = 0; k < count; k++)
            assert_int_equal(net_delivered(&net, i, &ids[k]), 1);
        assert_int_equal(stats_of(i).large_refused + stats_of(i).large_given_up, 0);
        assert_int_equal(stats_of(i).charges, 0);
        sg_core_gauges(net.core[i], &gauges);
        assert_int_equal(gauges.large_queued, 0);
    }
    teardown();
}

static void a_burst_of_one_author_arrives_whole(void **state)
{
    (void)state;
    burst(1, 40, KIB(100));
}

static void a_hundred_at_once_arrive_though_the_tables_are_full(void **state)
{
    (void)state;
    burst(4, 25, KIB(66));
}

/* Each one that stood in line is told of when it is given up. */
static void a_burst_that_nobody_serves_is_given_up_one_by_one(void **state)
{
    struct sg_core_gauges gauges;
    (void)state;
    setup(2);
    seen.drop_of = 0;
    for (size_t k = 0; k < 40; k++)
        (void)publish(0, KIB(66));
    net_run(&net, SG_NS_PER_S);
    sg_core_gauges(net.core[1], &gauges);
    assert_int_equal(gauges.transfers, SG_TRANSFERS_AUTHOR_MAX);
    assert_int_equal(gauges.large_queued, 40 - SG_TRANSFERS_AUTHOR_MAX);
    assert_int_equal(net.transfer_events[1], SG_TRANSFERS_AUTHOR_MAX);
    net_crash(&net, 0);
    net_run(&net, 200 * SG_NS_PER_S);
    sg_core_gauges(net.core[1], &gauges);
    assert_int_equal(gauges.transfers + gauges.large_queued, 0);
    assert_int_equal(stats_of(1).large_given_up, 40);
    assert_int_equal(net.transfer_events[1], 2 * 40);
    assert_int_equal(net.transfers[1].err, SG_ERR_TIMEOUT);
    teardown();
}

/* More than an author can hold itself. */
static void a_line_without_end_is_refused(void **state)
{
    struct sg_core_publish result;
    bool was_told = false;
    (void)state;
    setup(2);
    seen.drop_of = 0;
    for (int s = 0; s < 400 && !was_told; s++) {
        while (net_publish(&net, 0, &topic, sg_bytes(payload, KIB(66)), &result) == SG_OK)
            ;
        net_run(&net, SG_NS_PER_S / 4);
        was_told = net.transfers[1].err == SG_ERR_LIMIT;
    }
    assert_true(was_told);
    assert_true(stats_of(1).large_refused > 0);
    assert_int_equal(net.transfers[1].total, KIB(66));
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
        cmocka_unit_test(a_transfer_without_room_waits),
        cmocka_unit_test(payloads_have_an_upper_end),
        cmocka_unit_test(what_nobody_serves_is_given_up),
        cmocka_unit_test(memory_is_given_back),
        cmocka_unit_test(hostile_frames_are_charged),
        cmocka_unit_test(a_neighbour_is_served_twice_at_most),
        cmocka_unit_test(asks_for_what_is_not_here_are_answered),
        cmocka_unit_test(a_full_link_is_tried_again),
        cmocka_unit_test(a_burst_of_one_author_arrives_whole),
        cmocka_unit_test(a_hundred_at_once_arrive_though_the_tables_are_full),
        cmocka_unit_test(a_burst_that_nobody_serves_is_given_up_one_by_one),
        cmocka_unit_test(a_line_without_end_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
