#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "node/internal.h"
#include "support/core_net.h"

/* Batches made by hand, whose tree is computed as RFC 9162 has it. */

static const struct sg_topic_id topic = {{7, 7, 7}};
static struct net net;

struct batch {
    uint8_t count;
    struct sg_gossip msg[SG_BATCH_MAX];
    struct sg_msg_id id[SG_BATCH_MAX];
    uint8_t root[SG_ID_LEN];
};

static void hash2(const char *label, const uint8_t *a, const uint8_t *b, uint8_t *out)
{
    struct sg_bytes parts[3] = {sg_bytes(label, strlen(label)), sg_bytes(a, SG_ID_LEN)};
    parts[2] = b == NULL ? (struct sg_bytes){NULL, 0} : sg_bytes(b, SG_ID_LEN);
    sg_suite_default()->hash(parts, 3, out);
}

/* RFC 9162 s2.1.1, written as there: MTH by recursion on the split. */
static void tree(const struct batch *batch, uint8_t from, uint8_t count, uint8_t *out)
{
    uint8_t split = 1;
    uint8_t left[SG_ID_LEN];
    uint8_t right[SG_ID_LEN];
    if (count == 1) {
        hash2("saorsa leaf v1", batch->id[from].b, NULL, out);
        return;
    }
    while (split * 2 < count)
        split = (uint8_t)(split * 2);
    tree(batch, from, split, left);
    tree(batch, (uint8_t)(from + split), (uint8_t)(count - split), right);
    hash2("saorsa node v1", left, right, out);
}

static void make_root(struct batch *batch, size_t author)
{
    uint8_t top[SG_ID_LEN];
    tree(batch, 0, batch->count, top);
    const struct sg_bytes parts[] = {SG_BYTES_LIT("saorsa root v1"),
                                     sg_bytes(net.core[0]->network, SG_HASH_LEN),
                                     sg_bytes(net_id(&net, author)->b, SG_ID_LEN),
                                     sg_bytes(&batch->count, 1), sg_bytes(top, SG_ID_LEN)};
    sg_suite_default()->hash(parts, 5, batch->root);
    for (uint8_t i = 0; i < batch->count; i++)
        memcpy(batch->msg[i].root, batch->root, SG_ID_LEN);
}

static void make_batch(struct batch *batch, uint8_t count)
{
    static const uint8_t payload[] = "payload";
    uint64_t wall = NET_WALL_MS + net.now / SG_NS_PER_MS;
    *batch = (struct batch){.count = count};
    for (uint8_t i = 0; i < count; i++) {
        batch->msg[i] = (struct sg_gossip){.hop = 1,
                                           .author = *net_id(&net, 0),
                                           .sequence = (UINT64_C(1) << 32) + 1000 + i,
                                           .time_ms = wall,
                                           .expiry_ms = wall + 1000,
                                           .batch_count = count,
                                           .batch_index = i,
                                           .payload = sg_bytes(payload, sizeof(payload))};
        sg_message_id(net.core[0], &topic, &batch->msg[i], &batch->id[i]);
    }
    make_root(batch, 0);
}

static void inject_frame(struct sg_buf *frame)
{
    assert_non_null(frame);
    net_inject(&net, 0, 1, SG_LANE_PUBSUB, sg_buf_bytes(frame));
    sg_buf_unref(frame);
}

/* KEY and ROOT of author; leaves [count * 32] as the frame has them. */
static void inject_proof_of(const struct batch *batch, size_t author, const uint8_t *leaves)
{
    uint8_t signature[SG_SIG_MAX];
    const struct sg_signer *signer = sg_identity_signer(net.identity[author]);
    struct sg_root root = {.count = batch->count, .ids = leaves};
    memcpy(root.root, batch->root, SG_ID_LEN);
    assert_int_equal(
        signer->sign(signer->state, sg_batch_context, sg_bytes(batch->root, SG_ID_LEN), signature),
        SG_OK);
    root.signature = sg_bytes(signature, signer->suite->sig_len);
    inject_frame(sg_buf_ref(net.core[author]->own_key));
    inject_frame(sg_root_frame(net.core[0], &root));
}

static void inject_proof(const struct batch *batch)
{
    inject_proof_of(batch, 0, batch->id[0].b);
}

static void inject_message(const struct sg_gossip *msg)
{
    inject_frame(sg_gossip_frame(net.core[0], &topic, msg));
}

static void the_tree_has_the_shape_of_rfc_9162(void **state)
{
    static struct batch batch;
    (void)state;
    net_init(&net, 1, NULL);
    for (uint8_t count = 1; count <= SG_BATCH_MAX; count++) {
        uint8_t root[SG_ID_LEN];
        make_batch(&batch, count);
        sg_batch_root(net.core[0], net_id(&net, 0), &(struct sg_leaves){batch.id[0].b, count},
                      root);
        assert_memory_equal(root, batch.root, SG_ID_LEN);
    }
    net_fini(&net);
}

static void expect_hex(const uint8_t *bytes, const char *hex)
{
    char text[2 * SG_ID_LEN + 1];
    for (size_t i = 0; i < SG_ID_LEN; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    assert_string_equal(text, hex);
}

/* The samples of docs/pubsub.md, computed there by another program. */
static void ids_and_roots_are_those_of_the_samples(void **state)
{
    struct sg_topic_id news;
    struct sg_peer_id author;
    uint8_t ids[3 * SG_ID_LEN];
    uint8_t root[SG_ID_LEN];
    const struct sg_bytes key[] = {SG_BYTES_LIT("saorsa peer v1"), SG_BYTES_LIT("key")};
    const struct sg_bytes name[] = {SG_BYTES_LIT("saorsa topic v1"), SG_BYTES_LIT("news")};
    (void)state;
    net_init(&net, 1, NULL); /* of the network "test" */
    sg_suite_default()->hash(key, 2, author.b);
    sg_suite_default()->hash(name, 2, news.b);
    for (size_t i = 0; i < 3; i++) {
        const struct sg_gossip msg = {.author = author,
                                      .sequence = (UINT64_C(1) << 32) + 1 + i,
                                      .time_ms = UINT64_C(1700000000000),
                                      .expiry_ms = UINT64_C(1700000060000),
                                      .payload = SG_BYTES_LIT("hello")};
        struct sg_msg_id id;
        sg_message_id(net.core[0], &news, &msg, &id);
        memcpy(ids + i * SG_ID_LEN, id.b, SG_ID_LEN);
    }
    expect_hex(ids, "8d6472414ce8f83850de49f4af8383d8c387c8e8cf78dbf81825e8334d3e940a");
    expect_hex(ids + 64, "2f7d46cd2a94f250fde43d0d5d6646054749844a4583432e8138d9fdce99b23d");
    sg_batch_root(net.core[0], &author, &(struct sg_leaves){ids, 1}, root);
    expect_hex(root, "72a4631342a2de749a1c4e9b6a24964fab3fe1aa5df174a072a8f2d012aeb4cc");
    sg_batch_root(net.core[0], &author, &(struct sg_leaves){ids, 3}, root);
    expect_hex(root, "c20c8d42fba56092ce41b253d48a84fb7afbf91c3b88d0938201eca6ee0e15a9");
    net_fini(&net);
}

static void ids_of_large_payloads_are_those_of_the_samples(void **state)
{
    static uint8_t payload[SG_PAYLOAD_MAX + 1];
    struct sg_gossip msg = {.sequence = (UINT64_C(1) << 32) + 1,
                            .time_ms = UINT64_C(1700000000000),
                            .expiry_ms = UINT64_C(1700000060000),
                            .is_large = true};
    struct sg_topic_id news;
    struct sg_msg_id id;
    const struct sg_bytes key[] = {SG_BYTES_LIT("saorsa peer v1"), SG_BYTES_LIT("key")};
    const struct sg_bytes name[] = {SG_BYTES_LIT("saorsa topic v1"), SG_BYTES_LIT("news")};
    (void)state;
    net_init(&net, 1, NULL);
    sg_suite_default()->hash(key, 2, msg.author.b);
    sg_suite_default()->hash(name, 2, news.b);
    memset(payload, 'x', sizeof(payload));
    struct sg_buf *text = sg_large_announce(net.core[0], sg_bytes(payload, sizeof(payload)));
    assert_non_null(text);
    msg.payload = sg_buf_bytes(text);
    sg_message_id(net.core[0], &news, &msg, &id);
    expect_hex(id.b, "e358e6cc8398b01ed593a2e549b14688d00c3be9b86027de11f4eb0006ea860e");
    sg_buf_unref(text);
    net_fini(&net);
}

static void a_batch_of_any_size_needs_one_verification(void **state)
{
    static const uint8_t counts[] = {2, 3, 4, 5, 7, 8, 13, 63, 64};
    static struct batch batch;
    struct sg_core_stats stats;
    (void)state;
    for (size_t c = 0; c < sizeof(counts); c++) {
        net_init(&net, 2, NULL);
        net_settle(&net, &topic);
        make_batch(&batch, counts[c]);
        inject_proof(&batch);
        for (uint8_t i = 0; i < batch.count; i++) {
            inject_message(&batch.msg[i]);
            assert_int_equal(net_delivered(&net, 1, &batch.id[i]), 1);
        }
        sg_core_stats(net.core[1], &stats);
        assert_int_equal(stats.signatures_verified, 1);
        net_fini(&net);
    }
}

static void expect_bad_proof(void)
{
    struct sg_core_stats stats;
    sg_core_stats(net.core[1], &stats);
    assert_int_equal(stats.refused_proof, 1);
    assert_int_equal(stats.delivered, 0);
    assert_int_equal(net.last_close[1], SG_CLOSE_BANNED);
    net_fini(&net);
}

static void begin(struct batch *batch, uint8_t count)
{
    net_init(&net, 2, NULL);
    net_settle(&net, &topic);
    make_batch(batch, count);
}

static void leaves_that_the_root_does_not_stand_for_are_a_bad_proof(void **state)
{
    static struct batch batch;
    (void)state;
    for (size_t bit = 0; bit < 5 * 256; bit += 37) {
        begin(&batch, 5);
        uint8_t leaves[5 * SG_ID_LEN];
        memcpy(leaves, batch.id, sizeof(leaves));
        leaves[bit / 8] ^= (uint8_t)(1 << (bit % 8));
        inject_proof_of(&batch, 0, leaves);
        inject_message(&batch.msg[1]);
        expect_bad_proof();
    }
}

static void a_position_in_the_tree_cannot_be_changed(void **state)
{
    static struct batch batch;
    (void)state;
    begin(&batch, 4);
    inject_proof(&batch);
    batch.msg[2].batch_index = 3;
    inject_message(&batch.msg[2]);
    expect_bad_proof();
    begin(&batch, 4);
    inject_proof(&batch);
    batch.msg[2].batch_count = 5;
    inject_message(&batch.msg[2]);
    expect_bad_proof();
}

static void nothing_is_below_a_verified_root_but_its_leaves(void **state)
{
    static struct batch batch;
    (void)state;
    begin(&batch, 4);
    inject_proof(&batch);
    inject_message(&batch.msg[0]);
    assert_int_equal(net_delivered(&net, 1, &batch.id[0]), 1);
    batch.msg[1].payload.len--;
    inject_message(&batch.msg[1]);
    struct sg_core_stats stats;
    sg_core_stats(net.core[1], &stats);
    assert_int_equal(stats.refused_proof, 1);
    assert_int_equal(stats.delivered, 1);
    net_fini(&net);
}

static void a_root_of_another_author_does_not_serve(void **state)
{
    static struct batch batch;
    (void)state;
    begin(&batch, 2);
    inject_proof(&batch);
    batch.msg[0].author.b[0] ^= 1; /* a name that has signed nothing */
    inject_message(&batch.msg[0]);
    struct sg_core_stats stats;
    sg_core_stats(net.core[1], &stats);
    assert_int_equal(stats.delivered, 0);
    assert_int_equal(stats.proofs_wanted, 1);
    net_fini(&net);
}

/* Node 1 signs a tree over ids that name node 0 as their author. */
static void an_author_cannot_sign_for_another(void **state)
{
    static struct batch batch;
    struct sg_core_publish result;
    (void)state;
    for (int is_cached = 0; is_cached < 2; is_cached++) {
        net_init(&net, 2, NULL);
        net_settle(&net, &topic);
        make_batch(&batch, 2);
        if (is_cached) { /* node 1 knows the key of node 0, and the root by a message of its own */
            assert_int_equal(net_publish(&net, 0, &topic, SG_BYTES_LIT("x"), &result), SG_OK);
            net_run(&net, 10 * SG_NS_PER_MS);
            batch.msg[1].author = *net_id(&net, 1);
            sg_message_id(net.core[0], &topic, &batch.msg[1], &batch.id[1]);
        }
        make_root(&batch, 1);
        inject_proof_of(&batch, 1, batch.id[0].b);
        if (is_cached)
            inject_message(&batch.msg[1]);
        net.delivery_count = 0;
        inject_message(&batch.msg[0]);
        assert_int_equal(net_delivered(&net, 1, &batch.id[0]), 0);
        struct sg_core_stats stats;
        sg_core_stats(net.core[1], &stats);
        assert_int_equal(stats.refused_proof + stats.proofs_wanted, 1);
        net_fini(&net);
    }
}

static void a_missing_root_is_asked_for_once(void **state)
{
    static struct batch batch;
    struct sg_core_stats stats;
    (void)state;
    begin(&batch, 16);
    for (uint8_t i = 0; i < batch.count; i++)
        inject_message(&batch.msg[i]);
    sg_core_stats(net.core[1], &stats);
    assert_int_equal(stats.proofs_wanted, 1);
    inject_proof(&batch);
    for (uint8_t i = 0; i < batch.count; i++)
        inject_message(&batch.msg[i]);
    sg_core_stats(net.core[1], &stats);
    assert_int_equal(stats.signatures_verified, 1);
    assert_int_equal(stats.delivered, 16);
    net_fini(&net);
}

/* Who sends what it cannot prove owes the proof: it gets no time for what else it has promised. */
static void messages_without_root_are_no_overload(void **state)
{
    static struct batch batch[2];
    struct sg_core_stats stats;
    (void)state;
    begin(&batch[0], 8);
    for (uint8_t i = 0; i < batch[0].count; i++)
        batch[0].msg[i].sequence += 100;
    for (uint8_t i = 0; i < batch[0].count; i++)
        sg_message_id(net.core[0], &topic, &batch[0].msg[i], &batch[0].id[i]);
    make_root(&batch[0], 0);
    make_batch(&batch[1], 8);
    for (uint8_t i = 0; i < 8; i++) { /* in turn: each root is asked for once all the same */
        inject_message(&batch[0].msg[i]);
        inject_message(&batch[1].msg[i]);
    }
    sg_core_stats(net.core[1], &stats);
    assert_int_equal(stats.proofs_wanted, 2);
    assert_int_equal(stats.refused_overload, 0);
    net_fini(&net);
}

static void keys_and_roots_of_wrong_size_are_malformed(void **state)
{
    uint8_t junk[100] = {1};
    struct sg_core_stats stats;
    (void)state;
    net_init(&net, 2, NULL);
    net_settle(&net, &topic);
    inject_frame(sg_key_frame(net.core[0], sg_bytes(junk, sizeof(junk))));
    struct sg_root root = {.signature = sg_bytes(junk, sizeof(junk)), .count = 1};
    inject_frame(sg_root_frame(net.core[0], &root));
    sg_core_stats(net.core[1], &stats);
    assert_int_equal(stats.refused_malformed, 2);
    net_fini(&net);
}

static void few_keys(struct sg_core_config *config)
{
    config->keys_max = 2;
    config->roots_max = 1;
}

static void full_key_caches_forget_the_one_unused_for_longest(void **state)
{
    struct sg_core_publish result;
    (void)state;
    net_init(&net, 5, few_keys);
    net_settle(&net, &topic);
    for (int round = 0; round < 3; round++) {
        for (size_t author = 0; author < 5; author++) {
            assert_int_equal(net_publish(&net, author, &topic, SG_BYTES_LIT("x"), &result), SG_OK);
            net_run(&net, SG_NS_PER_S);
            for (size_t i = 0; i < 5; i++)
                assert_int_equal(net_delivered(&net, i, &result.id), 1);
        }
    }
    assert_int_equal(net.core[0]->keys.index.count, 2);
    net_fini(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_of_any_size_needs_one_verification),
        cmocka_unit_test(ids_and_roots_are_those_of_the_samples),
        cmocka_unit_test(ids_of_large_payloads_are_those_of_the_samples),
        cmocka_unit_test(the_tree_has_the_shape_of_rfc_9162),
        cmocka_unit_test(leaves_that_the_root_does_not_stand_for_are_a_bad_proof),
        cmocka_unit_test(nothing_is_below_a_verified_root_but_its_leaves),
        cmocka_unit_test(an_author_cannot_sign_for_another),
        cmocka_unit_test(a_missing_root_is_asked_for_once),
        cmocka_unit_test(messages_without_root_are_no_overload),
        cmocka_unit_test(a_position_in_the_tree_cannot_be_changed),
        cmocka_unit_test(a_root_of_another_author_does_not_serve),
        cmocka_unit_test(keys_and_roots_of_wrong_size_are_malformed),
        cmocka_unit_test(full_key_caches_forget_the_one_unused_for_longest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
