#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "node/internal.h"
#include "support/core_net.h"

#define NODES 8

static const struct sg_topic_id topic = {{7, 7, 7}};
static struct net net;

static size_t alive_at(size_t node)
{
    struct sg_core_gauges gauges;
    sg_core_gauges(net.core[node], &gauges);
    return gauges.members;
}

static void start(size_t count)
{
    net_init(&net, count, NULL);
    net_settle(&net, &topic);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(alive_at(i), count - 1);
}

static bool knows(size_t node, size_t peer, enum sg_swim_state state)
{
    struct sg_core_member member;
    return sg_core_member_find(net.core[node], net_id(&net, peer), &member) == SG_OK &&
           member.view.state == state;
}

static void everybody_learns_of_everybody(void **state)
{
    struct sg_core_member member;
    uint32_t at = 0;
    uint32_t count = 0;
    (void)state;
    start(NODES);
    for (size_t i = 1; i < NODES; i++)
        assert_int_equal(net_told(&net, 0, i, SG_CORE_MEMBER_JOIN), 1);
    while (sg_core_member(net.core[0], &at, &member)) {
        assert_int_equal(member.hints.count, 1);
        assert_int_equal(member.meta.len, 0);
        count++;
    }
    assert_int_equal(count, NODES - 1);
    net_fini(&net);
}

static void with_datagram_acks(struct sg_core_config *config)
{
    config->datagram_acks = true;
}

/* Frames that node 0 sends when node 1 pings it. */
static uint64_t answers_to_ping(uint32_t seq)
{
    const struct sg_swim_packet ping = {.kind = SG_SWIM_PING, .seq = seq};
    uint8_t bytes[64];
    struct sg_writer w = sg_writer(bytes, sizeof bytes);
    const struct sg_frame_head head = {.family = SG_FAMILY_SWIM};
    sg_frame_head_encode(&w, &head);
    sg_swim_packet_encode(&w, &ping, NULL);
    assert_int_equal(w.err, SG_OK);
    uint64_t before = net.core[0]->stats.frames_out;
    net_inject(&net, 1, 0, SG_LANE_DATAGRAM, sg_bytes(bytes, w.len));
    return net.core[0]->stats.frames_out - before;
}

/* Where the transport tells of acknowledgements, an ACK without news is left out. */
static void a_ping_is_answered_below(void **state)
{
    struct sg_core_in in = {.kind = SG_CORE_IN_LINK_ALIVE};
    struct sg_core_member member;
    (void)state;
    for (int acks = 0; acks <= 1; acks++) {
        net_init(&net, 2, acks == 1 ? with_datagram_acks : NULL);
        net_join(&net, 1, 0);
        net_run(&net, 60 * SG_NS_PER_S); /* all rumors are told */
        assert_int_equal(answers_to_ping(7), acks == 1 ? 0 : 1);
        in.peer = *net_id(&net, 1);
        net_run(&net, 100 * SG_NS_PER_MS);
        assert_int_equal(net_input(&net, 0, &in), SG_OK);
        assert_int_equal(sg_core_member_find(net.core[0], &in.peer, &member), SG_OK);
        assert_true(member.view.heard == net.now);
        in.peer.b[0] ^= 1; /* of no link */
        assert_int_equal(net_input(&net, 0, &in), SG_OK);
        net_fini(&net);
    }
}

static void a_crash_is_known_to_all_in_less_than_five_seconds(void **state)
{
    (void)state;
    start(NODES);
    sg_time_ns at = net.now;
    net_crash(&net, 3);
    net_run(&net, 5 * SG_NS_PER_S);
    for (size_t i = 0; i < NODES; i++) {
        if (i == 3)
            continue;
        assert_int_equal(net_told(&net, i, 3, SG_CORE_MEMBER_FAIL), 1);
        assert_in_range(net.failed_at[i][3], at + SG_NS_PER_S, at + 5 * SG_NS_PER_S);
        assert_true(knows(i, 3, SG_SWIM_IS_DEAD));
        for (uint32_t s = 0; s < net.core[i]->scope_count; s++)
            assert_false(sg_hpv_is_active(&net.core[i]->scopes[s]->hpv, net_id(&net, 3)));
        assert_null(sg_link_find(net.core[i], net_id(&net, 3)));
        for (size_t other = 0; other < NODES; other++)
            assert_true(other == 3 || net_told(&net, i, other, SG_CORE_MEMBER_FAIL) == 0);
    }
    net_fini(&net);
}

static void nobody_fails_while_all_are_well(void **state)
{
    (void)state;
    start(NODES);
    net_run(&net, 120 * SG_NS_PER_S);
    for (size_t i = 0; i < NODES; i++) {
        for (size_t other = 0; other < NODES; other++) {
            assert_int_equal(net_told(&net, i, other, SG_CORE_MEMBER_SUSPECT), 0);
            assert_int_equal(net_told(&net, i, other, SG_CORE_MEMBER_FAIL), 0);
        }
    }
    net_fini(&net);
}

static void who_leaves_has_not_failed(void **state)
{
    struct sg_core_in leave = {.kind = SG_CORE_IN_LEAVE};
    (void)state;
    start(NODES);
    assert_int_equal(net_input(&net, 2, &leave), SG_OK);
    net_crash(&net, 2);
    net_run(&net, 10 * SG_NS_PER_S);
    for (size_t i = 0; i < NODES; i++) {
        if (i == 2)
            continue;
        assert_int_equal(net_told(&net, i, 2, SG_CORE_MEMBER_LEAVE), 1);
        assert_int_equal(net_told(&net, i, 2, SG_CORE_MEMBER_FAIL), 0);
        assert_int_equal(alive_at(i), NODES - 2);
    }
    net_fini(&net);
}

/* With the boot counter it had: all hold its goodbye for newer than what it says of itself. */
static void who_left_and_is_restored_from_a_backup_comes_back(void **state)
{
    struct sg_core_in leave = {.kind = SG_CORE_IN_LEAVE};
    (void)state;
    start(NODES);
    assert_int_equal(net_input(&net, 2, &leave), SG_OK);
    net_run(&net, 5 * SG_NS_PER_S);
    net_restart(&net, 2, 1);
    net_join(&net, 2, 0);
    net_run(&net, 10 * SG_NS_PER_S);
    for (size_t i = 0; i < NODES; i++) {
        assert_true(i == 2 || net_told(&net, i, 2, SG_CORE_MEMBER_LEAVE) == 1);
        assert_true(i == 2 || knows(i, 2, SG_SWIM_IS_ALIVE));
        assert_int_equal(alive_at(i), NODES - 1);
    }
    net_fini(&net);
}

static void who_was_cut_off_comes_back(void **state)
{
    (void)state;
    start(NODES);
    net.is_cut[4] = true;
    net_run(&net, 8 * SG_NS_PER_S);
    for (size_t i = 0; i < NODES; i++)
        assert_true(i == 4 || knows(i, 4, SG_SWIM_IS_DEAD));
    net.is_cut[4] = false;
    net_run(&net, 40 * SG_NS_PER_S);
    for (size_t i = 0; i < NODES; i++) {
        assert_int_equal(alive_at(i), NODES - 1);
        assert_true(i == 4 || net_told(&net, i, 4, SG_CORE_MEMBER_JOIN) == 2);
    }
    assert_true(net.core[4]->scopes[0]->hpv.active_count > 0);
    net_fini(&net);
}

static void a_stall_of_two_seconds_is_not_fatal(void **state)
{
    (void)state;
    start(NODES);
    net.is_cut[5] = true;
    net_run(&net, 2 * SG_NS_PER_S);
    net.is_cut[5] = false;
    net_run(&net, 20 * SG_NS_PER_S);
    for (size_t i = 0; i < NODES; i++)
        assert_int_equal(net_told(&net, i, 5, SG_CORE_MEMBER_FAIL), 0);
    net_fini(&net);
}

static void the_isolated_climb_the_ladder(void **state)
{
    struct sg_peer_id stranger = {{9}};
    struct sg_core_in candidate = {.kind = SG_CORE_IN_CANDIDATE, .peer = stranger};
    (void)state;
    net_init(&net, 1, NULL);
    net_run(&net, 5 * SG_NS_PER_S);
    assert_true(net.need_cache[0] > 0);
    assert_true(net.need_seeds[0] >= net.need_cache[0]);
    candidate.hints.count = 1;
    candidate.hints.hint[0].len = 7;
    assert_int_equal(net_input(&net, 0, &candidate), SG_OK);
    net_run(&net, 5 * SG_NS_PER_S);
    struct sg_core_stats stats;
    sg_core_stats(net.core[0], &stats);
    assert_true(stats.dials > 0);
    candidate.peer = *net_id(&net, 0);
    assert_int_equal(net_input(&net, 0, &candidate), SG_ERR_INVALID_ARGUMENT);
    net_fini(&net);
}

static void the_cache_has_neighbours_first(void **state)
{
    struct sg_peer_id peers[16];
    struct sg_hints hints[16];
    (void)state;
    start(NODES);
    assert_int_equal(sg_core_cache(net.core[0], peers, hints, 16), NODES - 1);
    for (uint16_t i = 0; i < net.core[0]->scopes[0]->hpv.active_count; i++)
        assert_true(sg_hpv_is_active(&net.core[0]->scopes[0]->hpv, &peers[i]));
    assert_int_equal(sg_core_cache(net.core[0], peers, hints, 3), 3);
    net_fini(&net);
}

static void contacts_are_named_and_taken_back(void **state)
{
    struct sg_core_in in = {.kind = SG_CORE_IN_CONTACT, .on = true};
    struct sg_core_member member;
    (void)state;
    start(3);
    in.peer = *net_id(&net, 0);
    assert_int_equal(net_input(&net, 0, &in), SG_ERR_INVALID_ARGUMENT);
    in.peer = *net_id(&net, 1);
    assert_int_equal(net_input(&net, 0, &in), SG_OK);
    assert_int_equal(net_input(&net, 0, &in), SG_OK);
    assert_int_equal(sg_core_member_find(net.core[0], &in.peer, &member), SG_OK);
    assert_true(member.is_contact);
    for (uint8_t i = 1; i < SG_HPV_CONTACTS_MAX; i++) {
        in.peer = (struct sg_peer_id){{i, 1}};
        assert_int_equal(net_input(&net, 0, &in), SG_OK);
    }
    in.peer = (struct sg_peer_id){{77, 1}};
    assert_int_equal(net_input(&net, 0, &in), SG_ERR_LIMIT);
    in.on = false;
    assert_int_equal(net_input(&net, 0, &in), SG_ERR_NOT_FOUND);
    in.peer = *net_id(&net, 1);
    assert_int_equal(net_input(&net, 0, &in), SG_OK);
    assert_int_equal(sg_core_member_find(net.core[0], &in.peer, &member), SG_OK);
    assert_false(member.is_contact);
    net_fini(&net);
}

static void only_the_dead_can_be_given_up(void **state)
{
    struct sg_core_in forget = {.kind = SG_CORE_IN_FORGET};
    struct sg_core_member member;
    (void)state;
    start(NODES);
    forget.peer = *net_id(&net, 6);
    assert_int_equal(net_input(&net, 0, &forget), SG_ERR_NOT_FOUND);
    net_crash(&net, 6);
    net_run(&net, 6 * SG_NS_PER_S);
    assert_int_equal(net_input(&net, 0, &forget), SG_OK);
    net_run(&net, 3 * SG_NS_PER_S);
    for (size_t i = 0; i < NODES; i++) {
        if (i == 6)
            continue;
        /* others keep whom they hold for dead for an hour, whatever is said */
        sg_err err = sg_core_member_find(net.core[i], &forget.peer, &member);
        assert_int_equal(err, i == 0 ? SG_ERR_NOT_FOUND : SG_OK);
        assert_int_equal(net_told(&net, i, 6, SG_CORE_MEMBER_LEAVE), i == 0 ? 1 : 0);
    }
    net_fini(&net);
}

static void with_two_places(struct sg_core_config *config)
{
    config->swim.members_max = 2;
}

/* More links than places: who gets a place later is watched all the same. */
static void a_neighbour_without_a_place_is_watched_when_it_gets_one(void **state)
{
    (void)state;
    net_init(&net, 5, with_two_places);
    for (size_t i = 1; i < 5; i++)
        net_join(&net, i, 0);
    net_run(&net, 5 * SG_NS_PER_S);
    for (size_t i = 1; i < 5; i++) {
        if (knows(0, i, SG_SWIM_IS_ALIVE))
            net_crash(&net, i);
    }
    net_run(&net, 60 * SG_NS_PER_S);
    size_t watched = 0;
    for (size_t i = 1; i < 5; i++) {
        struct sg_core_member found;
        if (!net.is_down[i] && knows(0, i, SG_SWIM_IS_ALIVE) &&
            sg_core_member_find(net.core[0], net_id(&net, i), &found) == SG_OK)
            watched += found.view.is_watched;
    }
    assert_int_equal(watched, 2);
    net_fini(&net);
}

static void with_few_neighbours(struct sg_core_config *config)
{
    config->hpv.active_target = 2;
    config->hpv.active_max = 3;
}

/* Twelve that know each other and have links with few. */
static void start_sparse(void)
{
    net_init(&net, NET_NODES_MAX, with_few_neighbours);
    for (size_t i = 1; i < NET_NODES_MAX; i++)
        net_join(&net, i, 0);
    net_run(&net, 120 * SG_NS_PER_S);
    assert_int_equal(alive_at(0), NET_NODES_MAX - 1);
    assert_true(net.core[0]->link_count < NET_NODES_MAX - 1);
}

static void nobody_is_accused_for(uint64_t ns)
{
    memset(net.member_events, 0, sizeof(net.member_events));
    net_run(&net, ns);
    for (size_t i = 0; i < NET_NODES_MAX; i++) {
        for (size_t other = 0; other < NET_NODES_MAX; other++) {
            assert_int_equal(net_told(&net, i, other, SG_CORE_MEMBER_SUSPECT), 0);
            assert_int_equal(net_told(&net, i, other, SG_CORE_MEMBER_FAIL), 0);
        }
    }
}

/* A probe for which there was no link to spare accuses nobody, and nobody is given up for it. */
static void who_has_no_room_to_dial_accuses_nobody(void **state)
{
    (void)state;
    start_sparse();
    for (size_t i = 0; i < NET_NODES_MAX; i++)
        net.core[i]->config.links_max = net.core[i]->link_count;
    nobody_is_accused_for(600 * SG_NS_PER_S);
    for (size_t i = 0; i < NET_NODES_MAX; i++)
        assert_int_equal(alive_at(i), NET_NODES_MAX - 1);
    net_fini(&net);
}

/* Members whose addresses are forgotten are probed by others; who answers nobody is dropped. */
static void who_has_no_address_to_dial_accuses_nobody(void **state)
{
    (void)state;
    start_sparse();
    for (size_t i = 0; i < NET_NODES_MAX; i++) {
        struct sg_book *book = &net.core[i]->book;
        for (uint32_t k = 0; k < book->count; k++)
            book->entries[k].len = 0;
    }
    nobody_is_accused_for(600 * SG_NS_PER_S);
    net_fini(&net);
}

static void frames_of_swim_have_their_lanes(void **state)
{
    /* PING on mship, TABLE as a datagram, GOSSIP in a topic's scope */
    static const uint8_t ping[] = {4, 1, 0, SG_SWIM_PING, 0, 0, 0, 1, 0};
    static const uint8_t table[] = {4, 1, 0, SG_SWIM_TABLE, 0, 0};
    struct sg_core_stats before;
    struct sg_core_stats after;
    (void)state;
    start(2);
    sg_core_stats(net.core[0], &before);
    net_inject(&net, 1, 0, SG_LANE_MSHIP, sg_bytes(ping, sizeof(ping)));
    net_inject(&net, 1, 0, SG_LANE_DATAGRAM, sg_bytes(table, sizeof(table)));
    net_inject(&net, 1, 0, SG_LANE_PUBSUB, sg_bytes(ping, sizeof(ping)));
    sg_core_stats(net.core[0], &after);
    assert_int_equal(after.refused_malformed, before.refused_malformed + 3);
    net_fini(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everybody_learns_of_everybody),
        cmocka_unit_test(a_ping_is_answered_below),
        cmocka_unit_test(a_crash_is_known_to_all_in_less_than_five_seconds),
        cmocka_unit_test(nobody_fails_while_all_are_well),
        cmocka_unit_test(who_leaves_has_not_failed),
        cmocka_unit_test(who_left_and_is_restored_from_a_backup_comes_back),
        cmocka_unit_test(who_was_cut_off_comes_back),
        cmocka_unit_test(a_stall_of_two_seconds_is_not_fatal),
        cmocka_unit_test(the_isolated_climb_the_ladder),
        cmocka_unit_test(the_cache_has_neighbours_first),
        cmocka_unit_test(contacts_are_named_and_taken_back),
        cmocka_unit_test(only_the_dead_can_be_given_up),
        cmocka_unit_test(a_neighbour_without_a_place_is_watched_when_it_gets_one),
        cmocka_unit_test(who_has_no_room_to_dial_accuses_nobody),
        cmocka_unit_test(who_has_no_address_to_dial_accuses_nobody),
        cmocka_unit_test(frames_of_swim_have_their_lanes),
    };
    return cmocka_run_group_tests_name("node/members", tests, NULL, NULL);
}
