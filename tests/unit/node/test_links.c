#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "node/internal.h"
#include "support/core_net.h"

static const struct sg_topic_id topic = {{7, 7, 7}};
static struct net net;

/* Peers that never answer are found out by SWIM otherwise. */
static void without_probes(struct sg_core_config *config)
{
    config->swim.period_ns = 30 * SG_NS_PER_S;
}

static void an_unneeded_link_is_closed_after_a_while(void **state)
{
    struct sg_core_in up = {.kind = SG_CORE_IN_LINK_UP, .peer = {{5}}, .hints = {.count = 0}};
    struct sg_core_gauges gauges;
    (void)state;
    net_init(&net, 1, without_probes);
    assert_int_equal(net_input(&net, 0, &up), SG_OK);
    net_run(&net, 9 * SG_NS_PER_S);
    sg_core_gauges(net.core[0], &gauges);
    assert_int_equal(gauges.links, 1);
    net_run(&net, 2 * SG_NS_PER_S);
    sg_core_gauges(net.core[0], &gauges);
    assert_int_equal(gauges.links, 0);
    assert_int_equal(net.last_close[0], SG_CLOSE_LEAVING);
    net_fini(&net);
}

static void a_peer_without_address_is_a_failed_candidate(void **state)
{
    struct sg_core_stats stats;
    struct sg_core_in join = {.kind = SG_CORE_IN_SEED, .peer = {{5}}};
    (void)state;
    net_init(&net, 1, NULL);
    assert_int_equal(net_input(&net, 0, &join), SG_OK);
    assert_int_equal(net.core[0]->link_count, 0);
    sg_core_stats(net.core[0], &stats);
    assert_int_equal(stats.dials, 0);
    assert_false(sg_hpv_is_pending(&net.core[0]->scopes[0]->hpv, &join.peer));
    net_fini(&net);
}

static bool drop_replies(struct net *n, const struct net_frame *frame)
{
    (void)n;
    return frame->lane != SG_LANE_MSHIP || frame->from == 0;
}

/* The answer to a NEIGHBOR and a message that follows it travel on different lanes. */
static void messages_that_overtake_the_neighbor_answer_are_kept(void **state)
{
    struct sg_core_publish result;
    (void)state;
    net_init(&net, 2, NULL);
    net_subscribe(&net, 0, &topic);
    net_subscribe(&net, 1, &topic);
    net_join(&net, 1, 0);
    net_run(&net, SG_NS_PER_S);
    /* both are neighbours; node 0 forgets it and asks again, the answer is held back */
    struct sg_hpv_in failed = {.kind = SG_HPV_IN_FAILED, .peer = *net_id(&net, 1)};
    struct sg_scope *scope = sg_scope_find(net.core[0], &topic);
    sg_core_begin(net.core[0], net.now, NET_WALL_MS, &net.out);
    (void)!sg_scope_hpv(net.core[0], scope, &failed);
    struct sg_hpv_in join = {.kind = SG_HPV_IN_JOIN, .peer = *net_id(&net, 1)};
    (void)!sg_scope_hpv(net.core[0], scope, &join);
    sg_core_end(net.core[0]);
    sg_core_outbox_clear(&net.out);
    assert_true(sg_hpv_is_pending(&scope->hpv, net_id(&net, 1)));
    net.filter = drop_replies;
    assert_int_equal(net_publish(&net, 1, &topic, SG_BYTES_LIT("x"), &result), SG_OK);
    net_run(&net, 5 * SG_NS_PER_MS);
    assert_int_equal(net_delivered(&net, 0, &result.id), 0);
    assert_int_equal(sg_link_find(net.core[0], net_id(&net, 1))->early_count, 1);
    net.filter = NULL;
    struct sg_hpv_msg reply = {.kind = SG_HPV_NEIGHBOR_REPLY, .accepted = true};
    sg_core_begin(net.core[1], net.now, NET_WALL_MS, &net.out);
    sg_send_hpv(net.core[1], &topic, net_id(&net, 0), &reply);
    sg_core_end(net.core[1]);
    net_inject(&net, 1, 0, SG_LANE_MSHIP, sg_buf_bytes(net.out.out[0].buf));
    sg_core_outbox_clear(&net.out);
    assert_int_equal(net_delivered(&net, 0, &result.id), 1);
    net_fini(&net);
}

static void frames_wait_for_the_dial_in_order(void **state)
{
    struct sg_core_outbox out = {0};
    struct sg_core_in up = {.kind = SG_CORE_IN_LINK_UP, .peer = {{5}}};
    struct sg_hints hints = {.count = 1};
    (void)state;
    net_init(&net, 1, NULL);
    hints.hint[0].len = 1;
    sg_book_learn(&net.core[0]->book, &up.peer, &hints, false);
    sg_core_begin(net.core[0], net.now, NET_WALL_MS, &out);
    for (uint8_t i = 0; i < SG_LINK_QUEUE_MAX + 5; i++) {
        struct sg_frame_wait wait = {.buf = sg_buf_copy(sg_mem_default(), sg_bytes(&i, 1))};
        sg_link_send(net.core[0], &up.peer, &wait);
    }
    sg_core_end(net.core[0]);
    assert_int_equal(out.count, 1);
    assert_int_equal(out.out[0].kind, SG_CORE_OUT_DIAL);
    sg_core_outbox_clear(&out);
    assert_int_equal(sg_core_input(net.core[0], net.now, NET_WALL_MS, &up, &out), SG_OK);
    /* what did not fit was dropped; behind come SWIM's event and table */
    assert_int_equal(out.count, SG_LINK_QUEUE_MAX + 2);
    for (uint8_t i = 0; i < SG_LINK_QUEUE_MAX; i++) {
        assert_int_equal(out.out[i].kind, SG_CORE_OUT_SEND);
        assert_int_equal(out.out[i].buf->data[0], i);
    }
    sg_core_outbox_fini(&out, sg_mem_default());
    net_fini(&net);
}

static void made_up_origins_do_not_fill_the_link_table(void **state)
{
    struct sg_core_in up = {.kind = SG_CORE_IN_LINK_UP, .peer = {{0xee}}};
    struct sg_hpv_msg msg = {.kind = SG_HPV_SHUFFLE, .ttl = 0, .count = 2};
    struct sg_core_outbox out = {0};
    uint8_t frame[512];
    (void)state;
    net_init(&net, 2, NULL);
    net_settle(&net, &topic);
    for (uint16_t i = 0; i < 400; i++) {
        struct sg_frame_head head = {.family = SG_FAMILY_HYPARVIEW};
        struct sg_hints hints[2] = {{.count = 1}, {.count = 1}};
        struct sg_writer w = sg_writer(frame, sizeof(frame));
        hints[0].hint[0].len = hints[1].hint[0].len = 1;
        msg.id[0] = (struct sg_peer_id){{1, (uint8_t)i, (uint8_t)(i >> 8)}};
        msg.id[1] = (struct sg_peer_id){{2, (uint8_t)i, (uint8_t)(i >> 8)}};
        sg_frame_head_encode(&w, &head);
        sg_hpv_msg_encode(&w, &msg, hints);
        struct sg_core_in in = {.kind = SG_CORE_IN_FRAME,
                                .peer = *net_id(&net, 0),
                                .lane = SG_LANE_MSHIP,
                                .bytes = sg_bytes(frame, w.len)};
        assert_int_equal(sg_core_input(net.core[1], net.now, NET_WALL_MS, &in, &out), SG_OK);
    }
    assert_true(net.core[1]->link_count <= 1 + 256 / 4);
    assert_int_equal(sg_core_input(net.core[1], net.now, NET_WALL_MS, &up, &out), SG_OK);
    sg_core_outbox_fini(&out, net.mem);
    net_fini(&net);
}

static void early_frames_do_not_outlive_the_request(void **state)
{
    struct sg_hpv_in failed = {.kind = SG_HPV_IN_FAILED};
    (void)state;
    net_init(&net, 2, NULL);
    net_settle(&net, &topic);
    struct sg_link *link = sg_link_find(net.core[0], net_id(&net, 1));
    struct sg_scope *scope = sg_scope_find(net.core[0], &topic);
    failed.peer = *net_id(&net, 1);
    sg_core_begin(net.core[0], net.now, NET_WALL_MS, &net.out);
    (void)!sg_scope_hpv(net.core[0], scope, &failed);
    struct sg_hpv_in join = {.kind = SG_HPV_IN_JOIN, .peer = failed.peer};
    (void)!sg_scope_hpv(net.core[0], scope, &join);
    sg_link_hold_early(net.core[0], link, &topic, SG_BYTES_LIT("x"));
    assert_int_equal(link->early_count, 1);
    (void)!sg_scope_hpv(net.core[0], scope, &failed);
    sg_core_end(net.core[0]);
    sg_core_outbox_clear(&net.out);
    net_run(&net, 30 * SG_NS_PER_S);
    assert_int_equal(link->early_count, 0);
    net_fini(&net);
}

/* Node 1 leaves node 0 and comes back. */
static void reconnect(void)
{
    for (size_t i = 0; i < 2; i++) {
        struct sg_core_in in = {
            .kind = SG_CORE_IN_LINK_DOWN, .peer = *net_id(&net, 1 - i), .err = SG_ERR_CLOSED};
        net.is_linked[i][1 - i] = false;
        (void)!net_input(&net, i, &in);
    }
    net_join(&net, 1, 0);
    net_run(&net, 50 * SG_NS_PER_MS);
}

/* Neither points nor what was used up of an allowance are gone with a link. */
static void a_new_link_is_no_fresh_start(void **state)
{
    struct sg_core_stats stats;
    (void)state;
    net_init(&net, 2, NULL);
    net_settle(&net, &topic);
    for (int i = 0; i < 5; i++) {
        net_inject(&net, 1, 0, SG_LANE_MSHIP, sg_bytes("\x01\x01", 2));
        if (i == 4)
            break;
        sg_link_find(net.core[0], net_id(&net, 1))->verify = (struct sg_bucket){0, net.now};
        reconnect();
        struct sg_link *link = sg_link_find(net.core[0], net_id(&net, 1));
        assert_int_equal(link->points, 20 * (i + 1));
        assert_in_range(sg_bucket_level(&link->verify, net.now, 1000, 2000), 0, 100 * 1000);
    }
    sg_core_stats(net.core[0], &stats);
    assert_int_equal(stats.peers_banned, 1);
    net_fini(&net);
}

/* Of those with nothing to hide nothing is kept, and of the others no more than so many. */
static void few_standings_are_kept(void **state)
{
    struct sg_core_in in = {.kind = SG_CORE_IN_LINK_UP};
    (void)state;
    net_init(&net, 1, without_probes);
    for (uint32_t i = 1; i < 600; i++) {
        in.kind = SG_CORE_IN_LINK_UP;
        memcpy(in.peer.b, &i, sizeof(i));
        assert_int_equal(net_input(&net, 0, &in), SG_OK);
        if (i >= 100)
            sg_link_find(net.core[0], &in.peer)->verify.milli = 0;
        in.kind = SG_CORE_IN_LINK_DOWN;
        assert_int_equal(net_input(&net, 0, &in), SG_OK);
        if (i < 100)
            assert_int_equal(net.core[0]->standing_count, 0);
    }
    assert_int_equal(net.core[0]->standing_count, 256);
    in.kind = SG_CORE_IN_LINK_UP;
    assert_int_equal(net_input(&net, 0, &in), SG_OK); /* the last one is among them */
    assert_int_equal(sg_link_find(net.core[0], &in.peer)->verify.milli, 0);
    net_fini(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unneeded_link_is_closed_after_a_while),
        cmocka_unit_test(a_peer_without_address_is_a_failed_candidate),
        cmocka_unit_test(messages_that_overtake_the_neighbor_answer_are_kept),
        cmocka_unit_test(frames_wait_for_the_dial_in_order),
        cmocka_unit_test(made_up_origins_do_not_fill_the_link_table),
        cmocka_unit_test(early_frames_do_not_outlive_the_request),
        cmocka_unit_test(a_new_link_is_no_fresh_start),
        cmocka_unit_test(few_standings_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
