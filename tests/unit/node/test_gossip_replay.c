/* threats.md 15: a hundred thousand recorded messages, played again. One core fed by hand, because
 * checking all invariants at each of so many inputs would take minutes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "node/internal.h"
#include "support/core_net.h"

#define AUTHORS 4
#define RECORDED 100000
/* A batch of each author in turn, so many a second: a quarter of an hour in all. */
#define BATCHES ((RECORDED + SG_BATCH_MAX - 1) / SG_BATCH_MAX)
#define PAUSE_NS (900 * SG_NS_PER_S / BATCHES)

static const struct sg_topic_id topic = {{7, 7, 7}};
static struct net net;
static struct sg_buf *root[BATCHES], *gossip[BATCHES * SG_BATCH_MAX];
static uint8_t delivered[BATCHES * SG_BATCH_MAX];
static size_t forwarded;

static void sign(struct sg_root *r, size_t author, uint8_t signature[SG_SIG_MAX])
{
    const struct sg_signer *signer = sg_identity_signer(net.identity[author]);
    const struct sg_bytes what = sg_bytes(r->root, SG_ID_LEN);
    assert_int_equal(signer->sign(signer->state, sg_batch_context, what, signature), SG_OK);
    r->signature = sg_bytes(signature, signer->suite->sig_len);
}

/* The frames of a batch that is said now. Each payload is the message's own number here. */
static void record(uint32_t batch)
{
    struct sg_gossip msg[SG_BATCH_MAX];
    uint32_t number[SG_BATCH_MAX];
    uint8_t ids[SG_BATCH_MAX * SG_ID_LEN], signature[SG_SIG_MAX];
    const size_t author = 2 + batch % AUTHORS;
    const uint64_t wall = NET_WALL_MS + net.now / SG_NS_PER_MS;
    struct sg_root r = {.count = SG_BATCH_MAX, .ids = ids};
    for (uint32_t i = 0; i < SG_BATCH_MAX; i++) {
        struct sg_msg_id id;
        number[i] = batch * SG_BATCH_MAX + i;
        msg[i] = (struct sg_gossip){.hop = 1,
                                    .author = *net_id(&net, author),
                                    .sequence = (UINT64_C(1) << 32) + number[i],
                                    .time_ms = wall,
                                    .expiry_ms = wall + 600000,
                                    .batch_count = SG_BATCH_MAX,
                                    .batch_index = (uint8_t)i,
                                    .payload = sg_bytes(&number[i], sizeof(number[i]))};
        sg_message_id(net.core[0], &topic, &msg[i], &id);
        memcpy(ids + i * SG_ID_LEN, id.b, SG_ID_LEN);
    }
    const struct sg_leaves leaves = {.ids = ids, .count = SG_BATCH_MAX};
    sg_batch_root(net.core[0], &msg[0].author, &leaves, r.root);
    sign(&r, author, signature);
    root[batch] = sg_root_frame(net.core[0], &r);
    assert_non_null(root[batch]);
    for (uint32_t i = 0; i < SG_BATCH_MAX; i++) {
        memcpy(msg[i].root, r.root, SG_ID_LEN);
        gossip[number[i]] = sg_gossip_frame(net.core[0], &topic, &msg[i]);
        assert_non_null(gossip[number[i]]);
    }
}

static void look_at(const struct sg_core_out *out)
{
    uint32_t number;
    if (out->kind == SG_CORE_OUT_CLOSE && sg_peer_id_equal(&out->peer, net_id(&net, 0)))
        net.is_linked[1][0] = false;
    forwarded += out->kind == SG_CORE_OUT_SEND && out->droppable;
    if (out->kind != SG_CORE_OUT_DELIVER)
        return;
    assert_int_equal(out->message.payload.len, sizeof(number));
    memcpy(&number, out->message.payload.data, sizeof(number));
    delivered[number]++;
}

static void feed(const struct sg_core_in *in)
{
    struct sg_core_outbox out = {0};
    const uint64_t wall = NET_WALL_MS + net.now / SG_NS_PER_MS;
    assert_int_equal(sg_core_input(net.core[1], net.now, wall, in, &out), SG_OK);
    for (size_t i = 0; i < out.count; i++)
        look_at(&out.out[i]);
    sg_core_outbox_fini(&out, net.mem);
}

/* From node 0, which is there again when it was given up: it answers nothing. */
static void give(const struct sg_buf *frame)
{
    struct sg_core_in up = {.kind = SG_CORE_IN_LINK_UP, .peer = *net_id(&net, 0), .boot = 1};
    struct sg_core_in in = {.kind = SG_CORE_IN_FRAME,
                            .peer = *net_id(&net, 0),
                            .lane = SG_LANE_PUBSUB,
                            .bytes = sg_buf_bytes(frame)};
    if (!net.is_linked[1][0]) {
        net.is_linked[1][0] = true;
        feed(&up);
    }
    feed(&in);
}

static void wait_for(uint64_t ns)
{
    const struct sg_core_in timeout = {.kind = SG_CORE_IN_TIMEOUT};
    net.now += ns;
    for (int i = 0; i < 100 && sg_core_deadline(net.core[1]) <= net.now; i++)
        feed(&timeout);
}

static void give_batch(uint32_t batch)
{
    give(net.core[2 + batch % AUTHORS]->own_key);
    give(root[batch]);
    for (uint32_t i = 0; i < SG_BATCH_MAX; i++)
        give(gossip[batch * SG_BATCH_MAX + i]);
}

static void play_again(void)
{
    for (uint32_t batch = BATCHES; batch-- > 0;) {
        give_batch(batch);
        wait_for(SG_NS_PER_MS);
    }
}

static void expect_once(void)
{
    for (size_t i = 0; i < BATCHES * SG_BATCH_MAX; i++)
        assert_int_equal(delivered[i], 1);
}

static void what_was_recorded_is_delivered_once(void **state)
{
    struct sg_core_stats stats;
    struct sg_core_gauges gauges;
    (void)state;
    net_init(&net, 2 + AUTHORS, NULL);
    net_settle(&net, &topic);
    for (uint32_t batch = 0; batch < BATCHES; batch++) {
        record(batch);
        give_batch(batch);
        wait_for(PAUSE_NS);
    }
    expect_once();
    sg_core_stats(net.core[1], &stats);
    const uint64_t verified = stats.signatures_verified;
    const size_t sent = forwarded;
    play_again(); /* backwards: seen ids, history and windows know of it */
    wait_for(310 * SG_NS_PER_S);
    play_again(); /* no seen id is left */
    expect_once();
    assert_int_equal(forwarded, sent);
    sg_core_stats(net.core[1], &stats);
    assert_int_equal(stats.signatures_verified, verified);
    assert_int_equal(stats.refused_signature + stats.refused_proof + stats.refused_malformed, 0);
    sg_core_gauges(net.core[1], &gauges);
    assert_true(gauges.history_bytes <= UINT64_C(16) << 20);
    sg_core_check(net.core[1]);
    for (size_t i = 0; i < BATCHES; i++)
        sg_buf_unref(root[i]);
    for (size_t i = 0; i < BATCHES * SG_BATCH_MAX; i++)
        sg_buf_unref(gossip[i]);
    net_fini(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_recorded_is_delivered_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
