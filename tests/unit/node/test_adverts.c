/* adverts.c: who believes what, for how long, and what it costs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "node/internal.h"
#include "support/core_net.h"

static const struct sg_topic_id topic = {{1, 2, 3}};
static struct net net;

static void narrow(struct sg_core_config *config)
{
    config->hpv.active_target = 2;
    config->hpv.active_max = 3;
}

/* Twelve in a row, each with two or three neighbours. */
static void in_a_row(void)
{
    net_init(&net, NET_NODES_MAX, narrow);
    for (size_t i = 1; i < NET_NODES_MAX; i++) {
        net_join(&net, i, i - 1);
        net_run(&net, SG_NS_PER_S);
    }
}

static bool is_find(const struct net_frame *frame)
{
    struct sg_frame_head head;
    if (frame->buf == NULL)
        return false;
    struct sg_reader r = sg_reader(sg_buf_bytes(frame->buf));
    return sg_frame_head_decode(&r, &head) == SG_OK && head.family == SG_FAMILY_TOPIC &&
           sg_read_u8(&r) == SG_TOPIC_FIND;
}

static bool drop_finds(struct net *n, const struct net_frame *frame)
{
    (void)n;
    return !is_find(frame);
}

static bool drop_finds_but_the_first(struct net *n, const struct net_frame *frame)
{
    (void)n;
    return frame->from == 0 || !is_find(frame);
}

/* Nobody has to be asked: the claim has come to everybody. */
static void a_claim_leads_to_its_subscriber(void **state)
{
    struct sg_core_stats stats;
    (void)state;
    in_a_row();
    net_subscribe(&net, 11, &topic);
    net_run(&net, 30 * SG_NS_PER_S);
    sg_core_stats(net.core[0], &stats);
    assert_int_equal(stats.adverts_received, 1);
    net.filter = drop_finds;
    net_subscribe(&net, 0, &topic);
    net_run(&net, 100 * SG_NS_PER_MS);
    assert_int_equal(sg_core_neighbors(net.core[0], &topic, NULL, 0), 1);
    assert_int_equal(sg_core_neighbors(net.core[11], &topic, NULL, 0), 1);
    net.filter = NULL;
    net_fini(&net);
}

/* Who was not there when it was told asks a neighbour, who is no subscriber. */
static void a_walk_meets_claims(void **state)
{
    struct sg_peer_id peers[NET_NODES_MAX];
    (void)state;
    in_a_row();
    net_subscribe(&net, 11, &topic);
    net_run(&net, 30 * SG_NS_PER_S);
    size_t count = sg_core_neighbors(net.core[0], NULL, peers, NET_NODES_MAX);
    for (size_t i = 0; i < count; i++)
        assert_false(sg_peer_id_equal(&peers[i], net_id(&net, 11)));
    net.core[0]->adverts.count = 0;
    net.filter = drop_finds_but_the_first;
    net_subscribe(&net, 0, &topic);
    net_run(&net, 2 * SG_NS_PER_S);
    assert_int_equal(sg_core_neighbors(net.core[0], &topic, NULL, 0), 1);
    net.filter = NULL;
    net_fini(&net);
}

/* ---- claims by hand ---- */

static void number_at(uint8_t *at, uint64_t number)
{
    for (size_t i = 0; i < 8; i++)
        at[i] = (uint8_t)(number >> (8 * i));
}

static struct sg_peer_id made_up(uint32_t number)
{
    struct sg_peer_id id = {{0xee}};
    number_at(id.b + 8, number + 1);
    return id;
}

static void claim(size_t from, const struct sg_topic_id *what, const struct sg_peer_id *peer)
{
    static const struct sg_frame_head head = {.family = SG_FAMILY_TOPIC};
    struct sg_topic_msg msg = {.kind = SG_TOPIC_ADVERTS, .count = 1, .id = {*peer}};
    uint8_t frame[256];
    uint8_t hash[SG_HASH_LEN];
    const struct sg_bytes parts[] = {SG_BYTES_LIT("saorsa topic advert v1"),
                                     sg_bytes(what->b, SG_ID_LEN)};
    struct sg_writer w = sg_writer(frame, sizeof(frame));
    net.core[0]->config.suite->hash(parts, 2, hash);
    memcpy(msg.tag[0], hash, SG_TOPIC_TAG_LEN);
    sg_frame_head_encode(&w, &head);
    sg_topic_msg_encode(&w, &msg);
    net_inject(&net, from, 0, SG_LANE_MSHIP, sg_bytes(frame, w.len));
}

static void claim_made_up(size_t from, uint32_t number)
{
    const struct sg_peer_id id = made_up(number);
    claim(from, &topic, &id);
}

static size_t known(void)
{
    struct sg_peer_id peers[SG_TOPIC_FOUND_MAX];
    return sg_adverts_find(net.core[0], &topic, peers);
}

static void all_joined(size_t count)
{
    net_init(&net, count, NULL);
    for (size_t i = 1; i < count; i++)
        net_join(&net, i, 0);
    net_run(&net, 2 * SG_NS_PER_S);
}

static void places_of_a_topic_are_few_and_shared_by_links(void **state)
{
    (void)state;
    all_joined(4);
    claim_made_up(1, 0);
    claim_made_up(1, 0); /* no news */
    claim_made_up(1, 1);
    claim_made_up(1, 2); /* a link has two places .. */
    assert_int_equal(known(), 2);
    claim(1, &topic, net_id(&net, 1)); /* .. beside itself */
    assert_int_equal(known(), 3);
    claim_made_up(2, 3);
    claim_made_up(2, 4);
    claim_made_up(3, 5);
    assert_int_equal(known(), 4);
    net_run(&net, 160 * SG_NS_PER_S); /* half an interval: whoever comes gets a place */
    claim_made_up(3, 6);
    claim_made_up(3, 7);
    assert_int_equal(known(), 4);
    struct sg_peer_id peers[SG_TOPIC_FOUND_MAX];
    struct sg_peer_id last = made_up(7);
    (void)sg_adverts_find(net.core[0], &topic, peers);
    bool has_last = false;
    for (size_t i = 0; i < 4; i++)
        has_last = has_last || sg_peer_id_equal(&peers[i], &last);
    assert_true(has_last);
    net_run(&net, 760 * SG_NS_PER_S); /* nobody said it again */
    assert_int_equal(known(), 0);
    net_fini(&net);
}

static void a_flood_is_bounded_in_rate_and_memory(void **state)
{
    struct sg_core_stats before, after;
    struct sg_topic_id other = {{9}};
    struct sg_peer_id id = made_up(0);
    (void)state;
    all_joined(NET_NODES_MAX);
    sg_core_stats(net.core[0], &before);
    for (uint32_t i = 0; i < 10000; i++) {
        number_at(other.b + 8, i);
        claim(1, &other, &id);
    }
    sg_core_stats(net.core[0], &after);
    assert_int_equal(after.adverts_received - before.adverts_received, 64);
    assert_int_equal(net.core[0]->adverts.count, 64);
    assert_int_equal(after.adverts_sent, before.adverts_sent);
    net_run(&net, 3 * SG_NS_PER_S); /* 32 a second are told to the eleven others, or fewer */
    sg_core_stats(net.core[0], &after);
    assert_in_range(after.adverts_sent - before.adverts_sent, 64, 3 * 32 * (NET_NODES_MAX - 1));
    assert_int_equal(after.peers_banned, 0);
    for (uint32_t round = 0; round < 3; round++) {
        net_run(&net, 17 * SG_NS_PER_S);
        for (uint32_t i = 0; i < 64 * (NET_NODES_MAX - 1); i++) {
            number_at(other.b + 8, UINT64_C(1000000) * (round + 1) + i);
            claim(1 + i % (NET_NODES_MAX - 1), &other, &id);
        }
    }
    assert_int_equal(net.core[0]->adverts.count, 1024);
    net_fini(&net);
}

/* A hundred topics at once: none of the claims is refused. */
static void what_is_told_is_taken(void **state)
{
    struct sg_core_stats stats;
    struct sg_topic_id other = {{5}};
    (void)state;
    all_joined(2);
    for (uint32_t i = 0; i < 100; i++) {
        number_at(other.b + 8, i);
        net_subscribe(&net, 1, &other);
    }
    net_run(&net, 40 * SG_NS_PER_S);
    sg_core_stats(net.core[0], &stats);
    assert_int_equal(stats.adverts_refused, 0);
    assert_int_equal(stats.adverts_received, 100);
    net_fini(&net);
}

static size_t candidates(const struct sg_topic_id *what)
{
    return sg_scope_find(net.core[0], what)->hpv.passive_count;
}

/* With enough neighbours nobody's claims are acted upon; without, they are what there is. */
static void claims_do_not_fill_the_passive_view(void **state)
{
    (void)state;
    net_init(&net, 5, narrow);
    for (size_t i = 1; i < 5; i++) {
        net_join(&net, i, 0);
        net_run(&net, SG_NS_PER_S);
    }
    for (size_t i = 0; i < 5; i++)
        net_subscribe(&net, i, &topic);
    net_run(&net, 30 * SG_NS_PER_S);
    const struct sg_scope *scope = sg_scope_find(net.core[0], &topic);
    assert_false(sg_scope_is_short(scope));
    size_t before = candidates(&topic);
    net.core[0]->adverts.count = 0;
    size_t from = 1;
    while (!sg_peer_id_equal(&net.core[0]->scopes[0]->hpv.active[0].id, net_id(&net, from)))
        from++;
    claim_made_up(from, 0);
    claim_made_up(from, 1);
    assert_int_equal(known(), 2);
    assert_int_equal(candidates(&topic), before);
    net_fini(&net);
}

/* A peer that has not the topic says so, one that is not there does not answer. */
static void false_claims_go_when_they_are_tried(void **state)
{
    const struct sg_topic_id others = {{7}};
    (void)state;
    all_joined(3);
    claim(1, &topic, net_id(&net, 2));
    claim_made_up(1, 0);
    claim(1, &others, net_id(&net, 2));
    assert_int_equal(known(), 2);
    net_subscribe(&net, 0, &topic);
    net_run(&net, 5 * SG_NS_PER_S);
    struct sg_peer_id peers[SG_TOPIC_FOUND_MAX];
    struct sg_peer_id fake = made_up(0);
    size_t count = sg_adverts_find(net.core[0], &topic, peers);
    for (size_t i = 0; i < count; i++)
        assert_true(sg_peer_id_equal(&peers[i], &fake));
    assert_int_equal(sg_adverts_find(net.core[0], &others, peers), 1);
    assert_int_equal(sg_core_neighbors(net.core[0], &topic, NULL, 0), 0);
    net_fini(&net);
}

static void silent(struct sg_core_config *config)
{
    config->advert_interval_ns = 0;
}

static void adverts_can_be_off(void **state)
{
    struct sg_core_stats stats;
    (void)state;
    net_init(&net, 3, silent);
    for (size_t i = 1; i < 3; i++)
        net_join(&net, i, 0);
    net_subscribe(&net, 0, &topic);
    net_subscribe(&net, 1, &topic);
    net_run(&net, 10 * SG_NS_PER_S);
    claim_made_up(1, 0);
    sg_core_stats(net.core[0], &stats);
    assert_int_equal(stats.adverts_sent, 0);
    assert_int_equal(stats.adverts_received, 0);
    assert_int_equal(stats.adverts_refused, 1);
    assert_int_equal(known(), 0);
    net_fini(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_claim_leads_to_its_subscriber),
        cmocka_unit_test(a_walk_meets_claims),
        cmocka_unit_test(places_of_a_topic_are_few_and_shared_by_links),
        cmocka_unit_test(a_flood_is_bounded_in_rate_and_memory),
        cmocka_unit_test(what_is_told_is_taken),
        cmocka_unit_test(claims_do_not_fill_the_passive_view),
        cmocka_unit_test(false_claims_go_when_they_are_tried),
        cmocka_unit_test(adverts_can_be_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
