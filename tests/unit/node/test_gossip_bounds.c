/* What messages may cost: answers, bytes on links, memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "node/internal.h"
#include "support/core_net.h"
#include "wire/pt_msg.h"

static const struct sg_topic_id topic = {{7, 7, 7}};
static struct net net;

static void ask(size_t from, size_t to, const struct sg_msg_id *id)
{
    const struct sg_frame_head head = {.family = SG_FAMILY_PLUMTREE, .scope = topic};
    const struct sg_pt_graft graft = {.has_id = true, .id = *id};
    uint8_t frame[128];
    struct sg_writer w = sg_writer(frame, sizeof(frame));
    sg_frame_head_encode(&w, &head);
    sg_write_u8(&w, SG_PT_GRAFT);
    sg_pt_graft_encode(&w, &graft);
    if (net.is_linked[from][to])
        net_inject(&net, from, to, SG_LANE_PUBSUB, sg_bytes(frame, w.len));
}

/* A message without any proof, made up by `from`: number i, of that age. */
static struct sg_msg_id make_up(size_t from, size_t to, uint64_t i, uint64_t age_ms)
{
    const uint64_t then = NET_WALL_MS + net.now / SG_NS_PER_MS - age_ms;
    const struct sg_frame_head head = {.family = SG_FAMILY_PLUMTREE, .scope = topic};
    const struct sg_gossip msg = {.hop = 1,
                                  .sequence = i,
                                  .time_ms = then,
                                  .expiry_ms = then,
                                  .batch_count = 1,
                                  .payload = SG_BYTES_LIT("x")};
    struct sg_msg_id id;
    uint8_t frame[256];
    struct sg_writer w = sg_writer(frame, sizeof(frame));
    sg_message_id(net.core[to], &topic, &msg, &id);
    sg_frame_head_encode(&w, &head);
    sg_gossip_encode(&w, &msg);
    if (net.is_linked[from][to])
        net_inject(&net, from, to, SG_LANE_PUBSUB, sg_bytes(frame, w.len));
    return id;
}

static void announce(size_t from, size_t to, const struct sg_msg_id *id)
{
    const struct sg_frame_head head = {.family = SG_FAMILY_PLUMTREE, .scope = topic};
    const struct sg_pt_have have = {.id = *id, .hop = 1};
    uint8_t frame[128];
    struct sg_writer w = sg_writer(frame, sizeof(frame));
    sg_frame_head_encode(&w, &head);
    sg_write_u8(&w, SG_PT_IHAVE);
    sg_pt_ihave_encode(&w, &have, 1);
    net_inject(&net, from, to, SG_LANE_PUBSUB, sg_bytes(frame, w.len));
}

#define MADE_UP 3000
#define OLD_MS UINT64_C(960000) /* an honest relay's clock may be behind */
#define ANCIENT_MS UINT64_C(2400000)

static void count_up(struct sg_core_stats *stats)
{
    sg_core_stats(net.core[0], stats);
}

/* 200 kB of invented old messages once let go of everything that a GRAFT could ask for. */
static void made_up_old_messages_push_nothing_out(void **state)
{
    struct sg_core_publish real;
    struct sg_core_stats before, after;
    (void)state;
    net_init(&net, 3, NULL);
    net_settle(&net, &topic);
    assert_int_equal(net_publish(&net, 0, &topic, SG_BYTES_LIT("real"), &real), SG_OK);
    net_run(&net, SG_NS_PER_S);
    for (uint64_t i = 0; i < MADE_UP; i++) {
        if (i % 2 == 0) { /* it is waited for */
            struct sg_msg_id id = make_up(2, 0, i, OLD_MS);
            announce(2, 0, &id);
        }
        (void)make_up(2, 0, i, OLD_MS);
        if (i % 10 == 0)
            net_run(&net, SG_NS_PER_MS);
    }
    count_up(&before);
    ask(1, 0, &real.id);
    count_up(&after);
    assert_int_equal(after.pt.grafts_served - before.pt.grafts_served, 1);
    assert_true(after.refused_expired >= MADE_UP);
    assert_int_equal(after.charges, 0);
    net_fini(&net);
}

/* Asked for once, whoever announces it then. */
static void what_was_refused_is_not_asked_for_again(void **state)
{
    struct sg_core_stats before, after;
    (void)state;
    net_init(&net, 3, NULL);
    net_settle(&net, &topic);
    struct sg_msg_id id = make_up(2, 0, 1, OLD_MS);
    struct sg_pt *pt = sg_scope_find(net.core[0], &topic)->pt;
    announce(2, 0, &id);
    assert_true(sg_pt_is_missing(pt, &id));
    (void)make_up(2, 0, 1, OLD_MS);
    assert_false(sg_pt_is_missing(pt, &id));
    count_up(&before);
    announce(1, 0, &id);
    net_run(&net, 5 * SG_NS_PER_S);
    count_up(&after);
    assert_int_equal(after.pt.grafts_sent, before.pt.grafts_sent);
    assert_int_equal(sg_pt_known(pt, &id), SG_PT_UNKNOWN);
    net_fini(&net);
}

/* A clock that knows better than its neighbours' charges nobody. */
static void what_no_honest_relay_sends_is_charged(void **state)
{
    struct sg_core_publish real;
    struct sg_core_stats stats;
    (void)state;
    net_init(&net, 3, NULL);
    net_settle(&net, &topic);
    for (uint64_t i = 0; i < 200; i++)
        (void)make_up(2, 0, i, ANCIENT_MS);
    count_up(&stats);
    assert_int_equal(stats.charges, 0);
    assert_int_equal(net_publish(&net, 1, &topic, SG_BYTES_LIT("in time"), &real), SG_OK);
    net_run(&net, SG_NS_PER_S);
    for (uint64_t i = 0; i < 200; i++)
        (void)make_up(2, 0, i, ANCIENT_MS);
    count_up(&stats);
    assert_int_equal(stats.charges, 100);
    assert_int_equal(stats.peers_banned, 1);
    net_fini(&net);
}

#define ASKED 100

static void want_proof(size_t from, size_t to, const struct sg_msg_id *id)
{
    struct sg_frame_head head = {.family = SG_FAMILY_PLUMTREE, .scope = topic};
    uint8_t frame[128];
    struct sg_writer w = sg_writer(frame, sizeof(frame));
    sg_frame_head_encode(&w, &head);
    sg_proof_want_encode(&w, id);
    net_inject(&net, from, to, SG_LANE_PUBSUB, sg_bytes(frame, w.len));
}

static void expect_budget(void (*ask_for)(size_t from, size_t to, const struct sg_msg_id *id))
{
    static uint8_t big[SG_PAYLOAD_MAX];
    static struct sg_msg_id ids[ASKED];
    struct sg_core_publish result;
    struct sg_core_stats stats;
    net_init(&net, 2, NULL);
    net_settle(&net, &topic);
    for (size_t i = 0; i < ASKED; i++) {
        assert_int_equal(net_publish(&net, 0, &topic, sg_bytes(big, sizeof(big)), &result), SG_OK);
        ids[i] = result.id;
        net_run(&net, 10 * SG_NS_PER_MS);
    }
    sg_core_stats(net.core[0], &stats);
    uint64_t pushed = stats.payload_bytes_out;
    for (size_t i = 0; i < 10 * ASKED; i++) {
        ask_for(1, 0, &ids[i % ASKED]);
        if (i % 10 == 0)
            net_run(&net, SG_NS_PER_MS);
    }
    sg_core_stats(net.core[0], &stats);
    /* of 64 MiB that were asked for */
    assert_in_range(stats.payload_bytes_out - pushed, 3 << 20, 5 << 20);
    assert_true(stats.repairs_refused > 900);
    net_fini(&net);
}

static void grafts_are_answered_within_a_budget(void **state)
{
    (void)state;
    expect_budget(ask);
}

static void wanted_proofs_are_answered_within_a_budget(void **state)
{
    (void)state;
    expect_budget(want_proof);
}

/* threats.md 13: ten thousand a second for one message. */
static void a_message_is_served_three_times(void **state)
{
    static uint8_t big[SG_PAYLOAD_MAX];
    struct sg_core_publish result;
    struct sg_core_stats stats;
    (void)state;
    net_init(&net, 2, NULL);
    net_settle(&net, &topic);
    assert_int_equal(net_publish(&net, 0, &topic, sg_bytes(big, sizeof(big)), &result), SG_OK);
    net_run(&net, 10 * SG_NS_PER_MS);
    for (int i = 0; i < 10000; i++) {
        ask(1, 0, &result.id);
        if (i % 10 == 0)
            net_run(&net, SG_NS_PER_MS);
    }
    sg_core_stats(net.core[0], &stats);
    /* its sender is put away each time; this network lets it come back at once */
    assert_true(stats.pt.put_away >= 1 && stats.peers_banned == stats.pt.put_away);
    assert_true(stats.pt.payloads_sent <= 3 * (stats.pt.put_away + 1));
    assert_true(stats.pt.grafts_refused > 0);
    net_fini(&net);
}

#define KEPT_MAX 400
static struct sg_buf *kept[KEPT_MAX];
static size_t kept_count;

/* What node 2 sends to node 1 on the pubsub lane is kept for later; nothing else of its passes. */
static bool keep_of_2(struct net *n, const struct net_frame *frame)
{
    (void)n;
    if (frame->buf == NULL || frame->from != 2 || frame->lane != SG_LANE_PUBSUB)
        return true;
    if (frame->to == 1 && kept_count < KEPT_MAX)
        kept[kept_count++] = sg_buf_ref(frame->buf);
    return false;
}

static void one_each(struct sg_core_config *config)
{
    config->linger_ns = 0;
}

static void end_neighborhood(size_t from, size_t to)
{
    const struct sg_frame_head head = {.family = SG_FAMILY_HYPARVIEW, .scope = topic};
    const struct sg_hpv_msg bye = {.kind = SG_HPV_DISCONNECT, .leaving = true};
    uint8_t frame[128];
    struct sg_writer w = sg_writer(frame, sizeof(frame));
    sg_frame_head_encode(&w, &head);
    sg_hpv_msg_encode(&w, &bye, NULL);
    net_inject(&net, from, to, SG_LANE_MSHIP, sg_bytes(frame, w.len));
}

static uint64_t verified_of_kept(bool is_neighbor)
{
    struct sg_core_publish result;
    struct sg_core_stats before, after;
    net_init(&net, 3, one_each);
    net_settle(&net, &topic);
    kept_count = 0;
    net.filter = keep_of_2;
    for (int i = 0; i < 150; i++)
        assert_int_equal(net_publish(&net, 2, &topic, SG_BYTES_LIT("x"), &result), SG_OK);
    net_run(&net, 20 * SG_NS_PER_MS);
    assert_true(kept_count > 300);
    if (!is_neighbor)
        end_neighborhood(2, 1);
    assert_int_equal(sg_hpv_is_active(&sg_scope_find(net.core[1], &topic)->hpv, net_id(&net, 2)),
                     is_neighbor);
    sg_core_stats(net.core[1], &before);
    for (size_t i = 0; i < kept_count; i++) {
        net_inject(&net, 2, 1, SG_LANE_PUBSUB, sg_buf_bytes(kept[i]));
        sg_buf_unref(kept[i]);
    }
    sg_core_stats(net.core[1], &after);
    assert_int_equal(after.charges, before.charges);
    net.filter = NULL;
    net_fini(&net);
    return after.signatures_verified - before.signatures_verified;
}

/* Who is linked and knows the topic has not the budget of a neighbour. */
static void strangers_share_a_small_budget_of_verifications(void **state)
{
    (void)state;
    assert_true(verified_of_kept(true) >= 130);
    assert_in_range(verified_of_kept(false), 10, 65);
}

/* A message of author number i, as if it had been verified, goes to node 1. */
static void push_of(uint16_t i)
{
    struct sg_core *core = net.core[0];
    struct sg_core_outbox out = {0};
    const struct sg_gossip msg = {.hop = 1, .batch_count = 1, .payload = SG_BYTES_LIT("x")};
    const struct sg_root root = {.signature = SG_BYTES_LIT("s"), .count = 1};
    struct sg_held held = {.hop = 1, .id = {{1}}};
    memcpy(held.author.b, &i, sizeof(i));
    held.gossip = sg_gossip_frame(core, &topic, &msg);
    held.root = sg_root_frame(core, &root);
    held.key = sg_key_frame(core, SG_BYTES_LIT("key"));
    sg_core_begin(core, net.now, NET_WALL_MS, &out);
    sg_push_past(core, sg_scope_find(core, &topic), net_id(&net, 1), &held);
    sg_core_end(core);
    sg_core_outbox_fini(&out, net.mem);
    sg_held_drop(&held);
}

/* As many authors in turn as a peer keeps the keys of. */
static void a_key_crosses_a_link_once(void **state)
{
    struct sg_core_stats before, after;
    (void)state;
    net_init(&net, 2, NULL);
    net_settle(&net, &topic);
    count_up(&before);
    for (int round = 0; round < 3; round++) {
        for (uint16_t i = 1; i <= 500; i++)
            push_of(i);
    }
    count_up(&after);
    assert_int_equal(after.keys_sent - before.keys_sent, 500);
    for (uint16_t i = 501; i <= 2000; i++)
        push_of(i);
    const struct sg_link *link = sg_link_find(net.core[0], net_id(&net, 1));
    assert_int_equal(link->proofs->keys_sent.cap, net.core[0]->config.keys_max);
    net_fini(&net);
}

static size_t dontwants;

static bool count_dontwants(struct net *n, const struct net_frame *frame)
{
    (void)n;
    if (frame->buf == NULL)
        return true;
    struct sg_reader r = sg_reader(sg_buf_bytes(frame->buf));
    struct sg_frame_head head;
    if (frame->lane == SG_LANE_PUBSUB && sg_frame_head_decode(&r, &head) == SG_OK &&
        head.family == SG_FAMILY_PLUMTREE && sg_read_u8(&r) == SG_PT_DONTWANT)
        dontwants++;
    return true;
}

static void with_jobs(struct sg_core_config *config)
{
    config->offload = true;
}

/* While a large message is being verified nobody need send another one. */
static void large_messages_are_wanted_once(void **state)
{
    static const uint8_t big[2048] = {1};
    struct sg_core_publish result;
    struct sg_core_stats stats;
    (void)state;
    dontwants = 0;
    net_init(&net, 4, with_jobs);
    net_settle(&net, &topic);
    net.filter = count_dontwants;
    assert_int_equal(net_publish(&net, 0, &topic, sg_bytes(big, sizeof(big)), &result), SG_OK);
    net_run(&net, SG_NS_PER_S);
    assert_true(dontwants > 0);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(net_delivered(&net, i, &result.id), 1);
        sg_core_stats(net.core[i], &stats);
        assert_int_equal(stats.refused_malformed, 0);
    }
    net.filter = NULL;
    net_fini(&net);
}

static void slow_link(struct sg_core_config *config)
{
    config->byte_rate = 64;
}

/* Bytes have a bucket of their own: 64 KiB/s here, twice that at once. */
static void bytes_are_bounded_per_link(void **state)
{
    static uint8_t junk[60000];
    struct sg_core_stats before, after;
    (void)state;
    net_init(&net, 2, slow_link);
    net_settle(&net, &topic);
    sg_core_stats(net.core[1], &before);
    for (int i = 0; i < 10; i++)
        net_inject(&net, 0, 1, SG_LANE_PUBSUB, sg_bytes(junk, sizeof(junk)));
    sg_core_stats(net.core[1], &after);
    assert_in_range(after.refused_overload - before.refused_overload, 7, 10);
    net_fini(&net);
}

static void little_memory(struct sg_core_config *config)
{
    config->held_bytes_max = UINT64_C(1) << 20;
}

static void held_messages_are_bounded_in_bytes(void **state)
{
    static uint8_t big[SG_PAYLOAD_MAX];
    struct sg_core_publish result;
    (void)state;
    net_init(&net, 2, little_memory);
    net_settle(&net, &topic);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(net_publish(&net, 0, &topic, sg_bytes(big, sizeof(big)), &result), SG_OK);
        net_run(&net, 10 * SG_NS_PER_MS);
        assert_int_equal(net_delivered(&net, 1, &result.id), 1);
    }
    for (size_t i = 0; i < 2; i++) {
        struct sg_scope *scope = sg_scope_find(net.core[i], &topic);
        assert_true(scope->store.bytes <= UINT64_C(1) << 20);
        assert_in_range(scope->store.index.count, 10, 16);
    }
    net_fini(&net);
}

/* The history keeps more than the store: a GRAFT is answered from there. */
static void what_the_store_let_go_is_served_from_the_history(void **state)
{
    static uint8_t big[SG_PAYLOAD_MAX];
    struct sg_core_publish first, result;
    struct sg_core_stats before, after;
    (void)state;
    net_init(&net, 2, little_memory);
    net_settle(&net, &topic);
    assert_int_equal(net_publish(&net, 0, &topic, sg_bytes(big, sizeof(big)), &first), SG_OK);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(net_publish(&net, 0, &topic, sg_bytes(big, sizeof(big)), &result), SG_OK);
        net_run(&net, 10 * SG_NS_PER_MS);
    }
    struct sg_scope *scope = sg_scope_find(net.core[0], &topic);
    assert_null(sg_store_get(&scope->store, &first.id));
    assert_int_equal(sg_pt_known(scope->pt, &first.id), SG_PT_SEEN); /* announced no more */
    sg_core_stats(net.core[0], &before);
    ask(1, 0, &first.id);
    net_run(&net, 10 * SG_NS_PER_MS);
    sg_core_stats(net.core[0], &after);
    assert_int_equal(after.pt.grafts_served - before.pt.grafts_served, 1);
    assert_true(after.payload_bytes_out - before.payload_bytes_out > SG_PAYLOAD_MAX);
    net_fini(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(made_up_old_messages_push_nothing_out),
        cmocka_unit_test(what_was_refused_is_not_asked_for_again),
        cmocka_unit_test(what_no_honest_relay_sends_is_charged),
        cmocka_unit_test(grafts_are_answered_within_a_budget),
        cmocka_unit_test(wanted_proofs_are_answered_within_a_budget),
        cmocka_unit_test(a_message_is_served_three_times),
        cmocka_unit_test(strangers_share_a_small_budget_of_verifications),
        cmocka_unit_test(a_key_crosses_a_link_once),
        cmocka_unit_test(large_messages_are_wanted_once),
        cmocka_unit_test(bytes_are_bounded_per_link),
        cmocka_unit_test(held_messages_are_bounded_in_bytes),
        cmocka_unit_test(what_the_store_let_go_is_served_from_the_history),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
