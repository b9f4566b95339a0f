#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "node/internal.h"
#include "support/core_net.h"
#include "wire/pt_msg.h"

static const struct sg_topic_id topic = {{7, 7, 7}};
static struct net net;

/* The frames of node 0's first message, and whether node 0 is cut off on the pubsub lane. */
static struct sg_buf *key, *root, *gossip;
static bool is_cut;

static uint8_t kind_of(struct sg_bytes frame)
{
    struct sg_reader r = sg_reader(frame);
    struct sg_frame_head head;
    if (sg_frame_head_decode(&r, &head) != SG_OK || head.family != SG_FAMILY_PLUMTREE)
        return 0;
    return sg_read_u8(&r);
}

static void keep(struct sg_buf **slot, struct sg_buf *frame)
{
    if (*slot == NULL)
        *slot = sg_buf_ref(frame);
}

static bool capture(struct net *n, const struct net_frame *frame)
{
    (void)n;
    if (!is_cut || frame->lane != SG_LANE_PUBSUB || frame->from != 0)
        return true;
    uint8_t kind = kind_of(sg_buf_bytes(frame->buf));
    if (kind == SG_PT_KEY)
        keep(&key, frame->buf);
    else if (kind == SG_PT_ROOT)
        keep(&root, frame->buf);
    else if (kind == SG_PT_GOSSIP)
        keep(&gossip, frame->buf);
    return false;
}

/* Three nodes; node 0 has published one message that reached nobody yet. */
static struct sg_msg_id setup_message_as(void (*tune)(struct sg_core_config *config))
{
    struct sg_core_publish result;
    net_init(&net, 3, tune);
    net_settle(&net, &topic);
    key = root = gossip = NULL;
    is_cut = true;
    net.filter = capture;
    assert_int_equal(net_publish(&net, 0, &topic, SG_BYTES_LIT("sixteen bytes..."), &result),
                     SG_OK);
    net.delivery_count = 0; /* the author's own */
    net_run(&net, 10 * SG_NS_PER_MS);
    assert_non_null(key);
    assert_non_null(root);
    assert_non_null(gossip);
    return result.id;
}

static struct sg_msg_id setup_message(void)
{
    return setup_message_as(NULL);
}

static void teardown_message(void)
{
    is_cut = false;
    sg_buf_unref(key);
    sg_buf_unref(root);
    sg_buf_unref(gossip);
    net_fini(&net);
}

static void relink(void)
{
    if (net.is_linked[1][0])
        return;
    if (net.core[1]->bans != NULL) /* not by time: messages expire */
        memset(net.core[1]->bans, 0, SG_BANS_MAX * sizeof(*net.core[1]->bans));
    net_join(&net, 1, 0);
    net_run(&net, 50 * SG_NS_PER_MS);
}

/* A fresh link: roots and keys that came over the old one are gone. */
static void cut_link(void)
{
    for (size_t i = 0; i < 2; i++) {
        struct sg_core_in in = {
            .kind = SG_CORE_IN_LINK_DOWN, .peer = *net_id(&net, 1 - i), .err = SG_ERR_CLOSED};
        net.is_linked[i][1 - i] = false;
        assert_int_equal(net_input(&net, i, &in), SG_OK);
    }
}

/* The three frames to node 1, with one bit of one of them flipped; bit SIZE_MAX flips none. */
static void inject_flipped(struct sg_buf *victim, size_t bit)
{
    struct sg_buf *frames[] = {key, root, gossip};
    for (size_t i = 0; i < 3; i++) {
        struct sg_buf *copy = sg_buf_copy(sg_mem_default(), sg_buf_bytes(frames[i]));
        assert_non_null(copy);
        if (frames[i] == victim && bit != SIZE_MAX)
            copy->data[bit / 8] ^= (uint8_t)(1 << (bit % 8));
        if (net.is_linked[1][0])
            net_inject(&net, 0, 1, SG_LANE_PUBSUB, sg_buf_bytes(copy));
        sg_buf_unref(copy);
    }
}

static void expect_flips_refused(struct sg_buf *victim, size_t step, size_t skip_byte)
{
    for (size_t bit = 0; bit < (size_t)victim->len * 8; bit += step) {
        if (bit / 8 == skip_byte)
            continue;
        if (net.is_linked[1][0])
            cut_link();
        relink();
        inject_flipped(victim, bit);
        net_run(&net, 3 * SG_NS_PER_MS);
        assert_int_equal(net.delivery_count, 0);
    }
}

static void no_flipped_bit_is_delivered_or_forwarded(void **state)
{
    (void)state;
    struct sg_msg_id id = setup_message();
    size_t hop_at = 2 + 1 + 32 + 1; /* head with its scope, kind */
    assert_int_equal(gossip->data[hop_at], 1);
    expect_flips_refused(gossip, 1, hop_at); /* every bit but those of the unsigned hop */
    expect_flips_refused(root, 61, SIZE_MAX);
    expect_flips_refused(key, 61, SIZE_MAX);
    relink();
    inject_flipped(NULL, SIZE_MAX);
    net_run(&net, 500 * SG_NS_PER_MS);
    assert_int_equal(net_delivered(&net, 1, &id), 1);
    assert_int_equal(net_delivered(&net, 2, &id), 1);
    teardown_message();
}

static void a_forged_signature_bans_the_link(void **state)
{
    struct sg_core_stats stats;
    uint8_t hello[SG_HELLO_MAX];
    uint64_t boot;
    (void)state;
    (void)setup_message();
    inject_flipped(root, (size_t)root->len * 8 - 9); /* before the empty list of leaves */
    sg_core_stats(net.core[1], &stats);
    assert_int_equal(stats.refused_signature, 1);
    assert_int_equal(stats.peers_banned, 1);
    assert_int_equal(net.last_close[1], SG_CLOSE_BANNED);
    assert_false(net.is_linked[1][0]);
    size_t len = sg_core_hello(net.core[0], hello);
    assert_int_equal(sg_core_hello_check(net.core[1], net_id(&net, 0), sg_bytes(hello, len), &boot),
                     SG_ERR_BANNED);
    teardown_message();
}

static void a_message_is_verified_once_whatever_copies_come(void **state)
{
    struct sg_core_stats stats;
    (void)state;
    struct sg_msg_id id = setup_message();
    for (int i = 0; i < 5; i++)
        inject_flipped(NULL, SIZE_MAX);
    sg_core_stats(net.core[1], &stats);
    assert_int_equal(stats.signatures_verified, 1);
    assert_int_equal(stats.pt.payloads_duplicate, 4);
    assert_int_equal(net_delivered(&net, 1, &id), 1);
    teardown_message();
}

static void a_missing_proof_is_asked_for(void **state)
{
    struct sg_core_stats stats;
    (void)state;
    struct sg_msg_id id = setup_message();
    is_cut = false;
    net_inject(&net, 0, 1, SG_LANE_PUBSUB, sg_buf_bytes(gossip)); /* without key and root */
    sg_core_stats(net.core[1], &stats);
    assert_int_equal(stats.proofs_wanted, 1);
    assert_int_equal(net_delivered(&net, 1, &id), 0);
    net_run(&net, 10 * SG_NS_PER_MS);
    assert_int_equal(net_delivered(&net, 1, &id), 1);
    teardown_message();
}

static void cut_off_messages_come_by_graft(void **state)
{
    struct sg_core_stats stats;
    (void)state;
    struct sg_msg_id id = setup_message();
    inject_flipped(NULL, SIZE_MAX); /* node 1 has it, node 2 hears of it from node 1 */
    net_run(&net, 5 * SG_NS_PER_S);
    assert_int_equal(net_delivered(&net, 2, &id), 1);
    sg_core_stats(net.core[2], &stats);
    assert_int_equal(stats.refused_signature + stats.refused_malformed, 0);
    teardown_message();
}

static void (*tune)(struct sg_core_config *config);

static void expect_refused_at(uint64_t shift_ms, bool later, sg_err err)
{
    struct sg_core_outbox out = {0};
    struct sg_core_stats stats;
    (void)setup_message_as(tune);
    struct sg_buf *frames[] = {key, root, gossip};
    uint64_t wall = NET_WALL_MS + net.now / SG_NS_PER_MS;
    for (size_t i = 0; i < 3; i++) {
        struct sg_core_in in = {.kind = SG_CORE_IN_FRAME,
                                .peer = *net_id(&net, 0),
                                .lane = SG_LANE_PUBSUB,
                                .bytes = sg_buf_bytes(frames[i])};
        assert_int_equal(sg_core_input(net.core[1], net.now,
                                       later ? wall + shift_ms : wall - shift_ms, &in, &out),
                         SG_OK);
    }
    sg_core_stats(net.core[1], &stats);
    assert_int_equal(stats.delivered, err == SG_OK ? 1 : 0);
    assert_int_equal(stats.refused_expired, err == SG_ERR_EXPIRED ? 1 : 0);
    assert_int_equal(stats.refused_future, err == SG_ERR_FUTURE ? 1 : 0);
    assert_int_equal(stats.signatures_verified, err == SG_OK ? 1 : 0);
    assert_int_equal(stats.charges, 0);
    sg_core_outbox_fini(&out, net.mem);
    teardown_message();
}

static void dates_are_checked_before_the_signature(void **state)
{
    (void)state;
    expect_refused_at(0, true, SG_OK);
    expect_refused_at(590000, true, SG_OK); /* it takes its time */
    expect_refused_at(670000, true, SG_OK); /* and neighbours keep it for 15 minutes */
    expect_refused_at(910000, true, SG_ERR_EXPIRED);
    expect_refused_at(590000, false, SG_OK); /* a clock that is ahead */
    expect_refused_at(610000, false, SG_ERR_FUTURE);
}

static void short_lived(struct sg_core_config *config)
{
    config->message_ttl_ms = 20000;
}

static void what_has_expired_is_refused_and_costs_nobody(void **state)
{
    (void)state;
    tune = short_lived;
    expect_refused_at(24000, true, SG_OK); /* clocks may differ by seconds */
    expect_refused_at(26000, true, SG_ERR_EXPIRED);
    expect_refused_at(590000, false, SG_OK); /* a clock that is behind */
    tune = NULL;
}

static void a_replay_after_the_seen_set_forgot_is_refused(void **state)
{
    uint64_t copies;
    struct sg_core_stats stats;
    (void)state;
    struct sg_msg_id id = setup_message();
    inject_flipped(NULL, SIZE_MAX);
    net_run(&net, 400 * SG_NS_PER_S); /* beyond seen_ns [300 s], within expiry and skew */
    assert_int_equal(sg_pt_known(sg_scope_find(net.core[1], &topic)->pt, &id), SG_PT_UNKNOWN);
    sg_core_stats(net.core[1], &stats);
    copies = stats.pt.payloads_duplicate;
    inject_flipped(NULL, SIZE_MAX);
    sg_core_stats(net.core[1], &stats);
    assert_int_equal(stats.pt.payloads_duplicate, copies + 1); /* its history knows */
    net_run(&net, 550 * SG_NS_PER_S);                          /* beyond that as well */
    assert_null(sg_history_get(sg_scope_find(net.core[1], &topic), &id));
    inject_flipped(NULL, SIZE_MAX);
    sg_core_stats(net.core[1], &stats);
    assert_int_equal(stats.refused_expired, 1);
    assert_int_equal(stats.signatures_verified, 1);
    assert_int_equal(net_delivered(&net, 1, &id), 1);
    teardown_message();
}

#define AUTHORS 8

static void few_windows(struct sg_core_config *config)
{
    config->authors_max = AUTHORS;
    config->retention_max = 4;
    config->message_ttl_ms = config->ttl_max_ms;
}

/* So many strangers say something to node 1 that nobody else has a window any more. */
static void push_windows_out(void)
{
    struct sg_windows *windows = &sg_scope_find(net.core[1], &topic)->windows;
    const uint32_t slot = sg_slot_of(NET_WALL_MS + net.now / SG_NS_PER_MS);
    for (uint8_t i = 0; i < AUTHORS; i++) {
        const struct sg_peer_id stranger = {{0xee, i}};
        assert_int_equal(sg_windows_accept(windows, net.mem, &stranger, 1, slot), SG_OK);
    }
}

/* Node 2 says so much that node 1's history is full of it. */
static void fill_history(void)
{
    struct sg_core_publish result;
    for (int i = 0; i < 6; i++) {
        assert_int_equal(net_publish(&net, 2, &topic, SG_BYTES_LIT("x"), &result), SG_OK);
        net_run(&net, 6 * SG_NS_PER_S);
    }
}

static uint64_t expired_at(size_t node)
{
    struct sg_core_stats stats;
    sg_core_stats(net.core[node], &stats);
    return stats.refused_expired;
}

/* However long its author lets it live: nobody who had it need know. */
static void what_is_older_than_the_history_is_refused(void **state)
{
    (void)state;
    struct sg_msg_id id = setup_message_as(few_windows);
    net_run(&net, 910 * SG_NS_PER_S);
    inject_flipped(NULL, SIZE_MAX);
    net_run(&net, SG_NS_PER_S);
    assert_int_equal(net_delivered(&net, 1, &id), 0);
    assert_int_equal(expired_at(1), 1);
    teardown_message();
}

static void a_replay_that_only_its_window_knew_is_refused(void **state)
{
    struct sg_core_publish fresh;
    (void)state;
    struct sg_msg_id id = setup_message_as(few_windows);
    inject_flipped(NULL, SIZE_MAX);
    fill_history();
    net_run(&net, 310 * SG_NS_PER_S); /* the seen set forgets */
    struct sg_scope *scope = sg_scope_find(net.core[1], &topic);
    assert_false(sg_gossip_is_known(scope, &id));
    push_windows_out();
    is_cut = false;
    relink();
    /* its author gets a new window, which does not know either */
    assert_int_equal(net_publish(&net, 0, &topic, SG_BYTES_LIT("y"), &fresh), SG_OK);
    net_run(&net, SG_NS_PER_S);
    assert_int_equal(net_delivered(&net, 1, &fresh.id), 1);
    inject_flipped(NULL, SIZE_MAX);
    net_run(&net, SG_NS_PER_S);
    assert_int_equal(net_delivered(&net, 1, &id), 1);
    assert_int_equal(expired_at(1), 1);
    teardown_message();
}

/* A slot of five seconds that is more than the history keeps lifts its floor above the present,
 * and windows come and go: what is new is told from what is old all the same. */
static void a_busy_topic_with_many_authors_loses_nothing(void **state)
{
    struct sg_core_publish result;
    (void)state;
    net_init(&net, 3, few_windows);
    net_settle(&net, &topic);
    for (size_t i = 0; i < 60; i++) {
        push_windows_out();
        assert_int_equal(net_publish(&net, 2 * (i % 2), &topic, SG_BYTES_LIT("x"), &result), SG_OK);
        net_run(&net, 10 * SG_NS_PER_MS);
        assert_int_equal(net_delivered(&net, 1, &result.id), 1);
    }
    const uint32_t present = sg_slot_of(NET_WALL_MS + net.now / SG_NS_PER_MS);
    assert_true(sg_history_floor(net.core[1], sg_scope_find(net.core[1], &topic)) > present);
    assert_int_equal(expired_at(1), 0);
    net_fini(&net);
}

static void slow_verification(struct sg_core_config *config)
{
    config->verify_rate = 1;
    config->verify_burst = 2;
    config->linger_ns = 0;
}

static void verifications_are_bounded_per_link(void **state)
{
    struct sg_core_stats stats;
    struct sg_core_publish result;
    (void)state;
    net_init(&net, 2, slow_verification);
    net_settle(&net, &topic);
    for (int i = 0; i < 5; i++)
        assert_int_equal(net_publish(&net, 0, &topic, SG_BYTES_LIT("x"), &result), SG_OK);
    net_run(&net, 10 * SG_NS_PER_MS);
    sg_core_stats(net.core[1], &stats);
    assert_int_equal(stats.signatures_verified, 2);
    assert_int_equal(stats.refused_overload, 3);
    net_fini(&net);
}

/* ---- what a review found ---- */

static void a_publisher_that_forgot_its_topic_goes_on_counting(void **state)
{
    struct sg_core_publish first;
    struct sg_core_publish second;
    (void)state;
    net_init(&net, 2, NULL);
    net_subscribe(&net, 1, &topic);
    net_join(&net, 1, 0);
    net_run(&net, SG_NS_PER_S);
    assert_int_equal(net_publish(&net, 0, &topic, SG_BYTES_LIT("1"), &first), SG_OK);
    net_run(&net, 100 * SG_NS_PER_S); /* the scope of a mere publisher closes after 60 s */
    assert_null(sg_scope_find(net.core[0], &topic));
    assert_int_equal(net_publish(&net, 0, &topic, SG_BYTES_LIT("2"), &second), SG_OK);
    net_run(&net, 10 * SG_NS_PER_S);
    assert_true(second.sequence > first.sequence);
    assert_int_equal(net_delivered(&net, 1, &first.id), 1);
    assert_int_equal(net_delivered(&net, 1, &second.id), 1);
    net_fini(&net);
}

static void an_author_refuses_a_replay_of_its_own_message(void **state)
{
    (void)state;
    struct sg_msg_id id = setup_message();
    is_cut = false;
    net_run(&net, 400 * SG_NS_PER_S); /* beyond seen_ns */
    struct sg_buf *frames[] = {key, root, gossip};
    size_t before = net_delivered(&net, 0, &id);
    for (size_t i = 0; i < 3; i++)
        net_inject(&net, 1, 0, SG_LANE_PUBSUB, sg_buf_bytes(frames[i]));
    assert_int_equal(net_delivered(&net, 0, &id), before);
    teardown_message();
}

static void late_and_early_messages_cost_an_honest_relay_nothing(void **state)
{
    struct sg_core_stats stats;
    (void)state;
    expect_refused_at(910000, true, SG_ERR_EXPIRED);
    (void)setup_message();
    struct sg_buf *frames[] = {key, root, gossip};
    uint64_t wall = NET_WALL_MS + net.now / SG_NS_PER_MS;
    for (int round = 0; round < 200; round++) {
        for (size_t i = 0; i < 3; i++) {
            struct sg_core_outbox out = {0};
            struct sg_core_in in = {.kind = SG_CORE_IN_FRAME,
                                    .peer = *net_id(&net, 0),
                                    .lane = SG_LANE_PUBSUB,
                                    .bytes = sg_buf_bytes(frames[i])};
            assert_int_equal(sg_core_input(net.core[1], net.now, wall - 610000, &in, &out), SG_OK);
            sg_core_outbox_fini(&out, net.mem);
        }
    }
    sg_core_stats(net.core[1], &stats);
    assert_int_equal(stats.refused_future, 200);
    assert_int_equal(stats.charges, 0);
    teardown_message();
}

static void the_base_scope_carries_no_payload(void **state)
{
    struct sg_core_stats stats;
    uint8_t frame[128];
    struct sg_writer w = sg_writer(frame, sizeof(frame));
    struct sg_frame_head head = {.family = SG_FAMILY_PLUMTREE};
    struct sg_gossip msg = {.hop = 1, .batch_count = 1, .payload = SG_BYTES_LIT("x")};
    (void)state;
    net_init(&net, 2, NULL);
    net_settle(&net, &topic);
    sg_frame_head_encode(&w, &head);
    sg_gossip_encode(&w, &msg);
    net_inject(&net, 0, 1, SG_LANE_PUBSUB, sg_bytes(frame, w.len));
    sg_core_stats(net.core[1], &stats);
    assert_int_equal(stats.refused_malformed, 1);
    assert_int_equal(stats.proofs_wanted, 0);
    net_fini(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_flipped_bit_is_delivered_or_forwarded),
        cmocka_unit_test(a_forged_signature_bans_the_link),
        cmocka_unit_test(a_message_is_verified_once_whatever_copies_come),
        cmocka_unit_test(a_missing_proof_is_asked_for),
        cmocka_unit_test(cut_off_messages_come_by_graft),
        cmocka_unit_test(dates_are_checked_before_the_signature),
        cmocka_unit_test(what_has_expired_is_refused_and_costs_nobody),
        cmocka_unit_test(a_replay_after_the_seen_set_forgot_is_refused),
        cmocka_unit_test(what_is_older_than_the_history_is_refused),
        cmocka_unit_test(a_replay_that_only_its_window_knew_is_refused),
        cmocka_unit_test(a_busy_topic_with_many_authors_loses_nothing),
        cmocka_unit_test(verifications_are_bounded_per_link),
        cmocka_unit_test(a_publisher_that_forgot_its_topic_goes_on_counting),
        cmocka_unit_test(an_author_refuses_a_replay_of_its_own_message),
        cmocka_unit_test(late_and_early_messages_cost_an_honest_relay_nothing),
        cmocka_unit_test(the_base_scope_carries_no_payload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
