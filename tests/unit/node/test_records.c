#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "node/internal.h"
#include "support/core_net.h"
#include "swim/internal.h"

#define NODES 10

static const struct sg_topic_id topic = {{7, 7, 7}};
static struct net net;

static struct sg_bytes meta_at(size_t node, size_t member)
{
    struct sg_core_member found;
    if (sg_core_member_find(net.core[node], net_id(&net, member), &found) != SG_OK)
        return sg_bytes(NULL, 0);
    return found.meta;
}

static bool has_meta(size_t node, size_t member, const char *text)
{
    struct sg_bytes meta = meta_at(node, member);
    return meta.len == strlen(text) && memcmp(meta.data, text, meta.len) == 0;
}

static void set_meta(size_t node, const char *text)
{
    struct sg_core_in in = {.kind = SG_CORE_IN_META,
                            .bytes = sg_bytes((const uint8_t *)text, strlen(text))};
    assert_int_equal(net_input(&net, node, &in), SG_OK);
}

static void born_with_meta(struct sg_core_config *config)
{
    config->meta = SG_BYTES_LIT("born");
}

static void metadata_reaches_all(void **state)
{
    (void)state;
    net_init(&net, NODES, born_with_meta);
    net_settle(&net, &topic);
    for (size_t i = 0; i < NODES; i++) {
        for (size_t other = 0; other < NODES; other++)
            assert_true(i == other || has_meta(i, other, "born"));
    }
    set_meta(2, "new");
    net_run(&net, SG_NS_PER_S);
    for (size_t i = 0; i < NODES; i++) {
        assert_true(i == 2 || has_meta(i, 2, "new"));
        assert_true(i == 2 || net_told(&net, i, 2, SG_CORE_MEMBER_UPDATE) == 2);
    }
    set_meta(2, "");
    net_run(&net, SG_NS_PER_S);
    for (size_t i = 0; i < NODES; i++)
        assert_true(i == 2 || has_meta(i, 2, ""));
    net_fini(&net);
}

/* Bytes that all but this node have sent. */
static uint64_t sent_by_others(size_t node)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < NODES; i++)
        sum += i == node ? 0 : net.core[i]->stats.bytes_out;
    return sum;
}

/* Each record goes over every link: what one member signs costs the others what a few a second
 * cost, however many it signs. The newest is known to all in the end. */
static void a_member_cannot_flood_all_with_its_records(void **state)
{
    (void)state;
    net_init(&net, NODES, born_with_meta);
    net_settle(&net, &topic);
    net_run(&net, 10 * SG_NS_PER_S);
    uint64_t before = sent_by_others(2);
    set_meta(2, "one more");
    net_run(&net, SG_NS_PER_S);
    uint64_t one = sent_by_others(2) - before;
    before = sent_by_others(2);
    for (int i = 0; i < 200; i++) {
        char text[16];
        (void)snprintf(text, sizeof(text), "meta %d", i);
        net.core[2]->swim->announced_at = 0; /* it does not keep to the pause */
        set_meta(2, text);
        net_run(&net, 5 * SG_NS_PER_MS);
    }
    uint64_t many = sent_by_others(2) - before;
    assert_true(many > one && many < 30 * one);
    net_run(&net, 120 * SG_NS_PER_S);
    for (size_t i = 0; i < NODES; i++)
        assert_true(i == 2 || has_meta(i, 2, "meta 199"));
    net_fini(&net);
}

static void a_newcomer_asks_for_what_it_lacks(void **state)
{
    (void)state;
    net_init(&net, NODES, NULL);
    for (size_t i = 1; i + 1 < NODES; i++)
        net_join(&net, i, 0);
    net_run(&net, 5 * SG_NS_PER_S);
    set_meta(1, "one");
    net_run(&net, SG_NS_PER_S);
    net_join(&net, NODES - 1, 0);
    net_run(&net, 5 * SG_NS_PER_S);
    assert_true(has_meta(NODES - 1, 1, "one"));
    net_fini(&net);
}

static void too_much_metadata_is_refused(void **state)
{
    static const uint8_t big[SG_SWIM_META_MAX + 1];
    struct sg_core_in in = {.kind = SG_CORE_IN_META, .bytes = {big, sizeof(big)}};
    (void)state;
    net_init(&net, 1, NULL);
    assert_int_equal(net_input(&net, 0, &in), SG_ERR_TOO_LARGE);
    in.bytes.len = SG_SWIM_META_MAX;
    assert_int_equal(net_input(&net, 0, &in), SG_OK);
    net_fini(&net);
}

/* The RECORD frame of node 1, as node 0 keeps it. */
static size_t record_of_1(uint8_t *out, size_t cap)
{
    struct sg_buf *frame = net.core[1]->own_record;
    assert_non_null(frame);
    assert_true(frame->len <= cap);
    memcpy(out, frame->data, frame->len);
    return frame->len;
}

static void start_with_record(void)
{
    net_init(&net, 3, NULL);
    net_settle(&net, &topic);
    set_meta(1, "true");
}

static void a_flipped_bit_is_refused(void **state)
{
    static uint8_t good[16384];
    static uint8_t bad[16384];
    struct sg_core_stats stats;
    (void)state;
    start_with_record();
    size_t len = record_of_1(good, sizeof(good));
    net_run(&net, SG_NS_PER_S);
    /* every part of it, as a newer one: the incarnation is behind the key of 1952 bytes */
    for (size_t at = 4; at < len; at += 97) {
        memcpy(bad, good, len);
        bad[at] ^= 0x10;
        net_inject(&net, 2, 0, SG_LANE_MSHIP, sg_bytes(bad, len));
        assert_true(has_meta(0, 1, "true"));
        assert_int_equal(net_told(&net, 0, 1, SG_CORE_MEMBER_LEAVE), 0);
        if (sg_link_find(net.core[0], net_id(&net, 2)) == NULL)
            break; /* banned for it */
    }
    sg_core_stats(net.core[0], &stats);
    assert_true(stats.records_refused > 0);
    assert_int_equal(stats.peers_banned, 1);
    net_fini(&net);
}

static void an_old_record_says_nothing(void **state)
{
    static uint8_t old[16384];
    struct sg_core_stats before;
    struct sg_core_stats after;
    (void)state;
    start_with_record();
    size_t len = record_of_1(old, sizeof(old));
    net_run(&net, SG_NS_PER_S);
    set_meta(1, "newer");
    net_run(&net, SG_NS_PER_S);
    assert_true(has_meta(0, 1, "newer"));
    sg_core_stats(net.core[0], &before);
    net_inject(&net, 2, 0, SG_LANE_MSHIP, sg_bytes(old, len));
    sg_core_stats(net.core[0], &after);
    assert_true(has_meta(0, 1, "newer"));
    assert_int_equal(after.records_verified, before.records_verified);
    assert_int_equal(after.records_refused, before.records_refused);
    net_fini(&net);
}

static void a_record_of_another_network_is_refused(void **state)
{
    static uint8_t frame[16384];
    struct sg_core_stats stats;
    (void)state;
    start_with_record();
    size_t len = record_of_1(frame, sizeof(frame));
    net.core[0]->network[0] ^= 1; /* as if it had been signed elsewhere */
    net_inject(&net, 2, 0, SG_LANE_MSHIP, sg_bytes(frame, len));
    sg_core_stats(net.core[0], &stats);
    assert_int_equal(stats.records_refused, 1);
    net_fini(&net);
}

/* Of a life whose boot counter is lost. */
static void a_record_of_our_own_is_outranked(void **state)
{
    static uint8_t old[16384];
    (void)state;
    start_with_record();
    size_t len = record_of_1(old, sizeof(old));
    sg_incarnation before = sg_swim_incarnation(net.core[1]->swim);
    net_restart(&net, 1, 0);
    net_join(&net, 1, 2);
    net_join(&net, 1, 0);
    old[len - 1] ^= 1; /* nobody else can say it */
    net_inject(&net, 0, 1, SG_LANE_MSHIP, sg_bytes(old, len));
    assert_true(sg_swim_incarnation(net.core[1]->swim) < before);
    assert_int_equal(net.core[1]->stats.records_refused, 1);
    old[len - 1] ^= 1;
    net_inject(&net, 2, 1, SG_LANE_MSHIP, sg_bytes(old, len));
    assert_true(sg_swim_incarnation(net.core[1]->swim) > before);
    assert_int_equal(net.core[1]->stats.records_made, 1);
    uint64_t verified = net.core[1]->stats.records_verified;
    net_inject(&net, 2, 1, SG_LANE_MSHIP, sg_bytes(old, len));
    assert_int_equal(net.core[1]->stats.records_verified, verified);
    net_fini(&net);
}

/* ---- numbers that nobody reached ---- */

/* What node 2, a liar, says of node 1 to node 0, in the name of as many as asked for. */
static void lie(enum sg_swim_rumor_kind kind, uint8_t accusers)
{
    static const struct sg_frame_head head = {.family = SG_FAMILY_SWIM};
    struct sg_swim_packet packet = {.kind = SG_SWIM_GOSSIP};
    uint8_t bytes[SG_SWIM_PACKET_MAX];
    struct sg_writer w = sg_writer(bytes, sizeof(bytes));
    for (; packet.count < accusers; packet.count++) {
        packet.rumor[packet.count] = (struct sg_swim_rumor){
            .kind = kind, .member = *net_id(&net, 1), .incarnation = UINT64_MAX};
        packet.rumor[packet.count].accuser.b[0] = (uint8_t)(packet.count + 1);
    }
    sg_frame_head_encode(&w, &head);
    sg_swim_packet_encode(&w, &packet, NULL);
    net_inject(&net, 2, 0, SG_LANE_DATAGRAM, sg_bytes(bytes, w.len));
}

static void relay_record_of_1(size_t from, size_t to)
{
    static uint8_t frame[16384];
    size_t len = record_of_1(frame, sizeof(frame));
    net_inject(&net, from, to, SG_LANE_MSHIP, sg_bytes(frame, len));
}

/* Node 0 knows only the liar 2, who has told it of node 1 with the highest number there is. */
static void start_with_a_lie(void)
{
    net_init(&net, 3, NULL);
    net_join(&net, 0, 2);
    net_run(&net, SG_NS_PER_S);
    lie(SG_SWIM_ALIVE, 1);
    set_meta(1, "true");
}

static enum sg_swim_state state_of_1(void)
{
    struct sg_core_member found;
    assert_int_equal(sg_core_member_find(net.core[0], net_id(&net, 1), &found), SG_OK);
    return found.view.state;
}

static void a_record_is_read_whatever_was_said_before(void **state)
{
    (void)state;
    start_with_a_lie();
    relay_record_of_1(2, 0);
    assert_true(has_meta(0, 1, "true"));
    net_fini(&net);
}

static void a_newcomer_that_was_lied_to_hears_refutations(void **state)
{
    (void)state;
    start_with_a_lie();
    lie(SG_SWIM_SUSPECT, 4);
    assert_int_equal(state_of_1(), SG_SWIM_IS_SUSPECT);
    relay_record_of_1(2, 0);
    assert_int_equal(state_of_1(), SG_SWIM_IS_ALIVE);
    /* from now on its number is known: it stays within reach of its own next one */
    lie(SG_SWIM_SUSPECT, 4);
    assert_int_equal(state_of_1(), SG_SWIM_IS_SUSPECT);
    set_meta(1, "newer");
    net_run(&net, SG_NS_PER_S); /* it announces no more often */
    relay_record_of_1(2, 0);
    assert_int_equal(state_of_1(), SG_SWIM_IS_ALIVE);
    net_run(&net, 5 * SG_NS_PER_S);
    assert_int_equal(net_told(&net, 0, 1, SG_CORE_MEMBER_FAIL), 0);
    net_fini(&net);
}

static void a_newcomer_that_was_lied_to_asks_for_the_record(void **state)
{
    (void)state;
    start_with_a_lie();
    relay_record_of_1(0, 2); /* who came with it does not get it back */
    assert_false(has_meta(0, 1, "true"));
    net_run(&net, 5 * SG_NS_PER_S); /* tables are exchanged */
    assert_true(has_meta(0, 1, "true"));
    net_fini(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metadata_reaches_all),
        cmocka_unit_test(a_member_cannot_flood_all_with_its_records),
        cmocka_unit_test(a_newcomer_asks_for_what_it_lacks),
        cmocka_unit_test(too_much_metadata_is_refused),
        cmocka_unit_test(a_flipped_bit_is_refused),
        cmocka_unit_test(an_old_record_says_nothing),
        cmocka_unit_test(a_record_of_another_network_is_refused),
        cmocka_unit_test(a_record_of_our_own_is_outranked),
        cmocka_unit_test(a_record_is_read_whatever_was_said_before),
        cmocka_unit_test(a_newcomer_that_was_lied_to_hears_refutations),
        cmocka_unit_test(a_newcomer_that_was_lied_to_asks_for_the_record),
    };
    return cmocka_run_group_tests_name("node/records", tests, NULL, NULL);
}
