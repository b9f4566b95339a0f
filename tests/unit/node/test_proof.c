#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "node/internal.h"
#include "support/core_net.h"

/* Batches made by hand: the node publishes batches of one, but must take any. */

static const struct sg_topic_id topic = {{7, 7, 7}};
static struct net net;

struct batch {
    uint8_t count;
    struct sg_gossip msg[SG_BATCH_MAX];
    struct sg_msg_id id[SG_BATCH_MAX];
    uint8_t path[SG_BATCH_MAX][SG_BATCH_PATH_MAX * SG_ID_LEN];
    uint8_t root[SG_ID_LEN];
};

static void hash2(const char *label, const uint8_t *a, const uint8_t *b, uint8_t *out)
{
    struct sg_bytes parts[3] = {sg_bytes(label, strlen(label)), sg_bytes(a, SG_ID_LEN)};
    parts[2] = b == NULL ? (struct sg_bytes){NULL, 0} : sg_bytes(b, SG_ID_LEN);
    sg_suite_default()->hash(parts, 3, out);
}

/* RFC 9162 s2.1.1 and s2.1.3.1, written as there: MTH and PATH by recursion on the split. */
static void tree(struct batch *batch, uint8_t from, uint8_t count, uint8_t *out)
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
    for (uint8_t i = 0; i < count; i++) {
        uint8_t leaf = (uint8_t)(from + i);
        uint8_t *end = batch->path[leaf] + (size_t)batch->msg[leaf].path_len * SG_ID_LEN;
        memcpy(end, i < split ? right : left, SG_ID_LEN);
        batch->msg[leaf].path_len++;
    }
    hash2("saorsa node v1", left, right, out);
}

static void make_batch(struct batch *batch, uint8_t count)
{
    static const uint8_t payload[] = "payload";
    uint64_t wall = NET_WALL_MS + net.now / SG_NS_PER_MS;
    *batch = (struct batch){.count = count};
    for (uint8_t i = 0; i < count; i++) {
        batch->msg[i] = (struct sg_gossip){.hop = 1,
                                           .author = *net_id(&net, 0),
                                           .sequence = (UINT64_C(1) << 32) + 1 + i,
                                           .time_ms = wall,
                                           .expiry_ms = wall + 1000,
                                           .batch_count = count,
                                           .batch_index = i,
                                           .payload = sg_bytes(payload, sizeof(payload))};
        sg_message_id(net.core[0], &topic, &batch->msg[i], &batch->id[i]);
    }
    uint8_t top[SG_ID_LEN];
    tree(batch, 0, count, top);
    const struct sg_bytes parts[] = {
        SG_BYTES_LIT("saorsa root v1"), sg_bytes(net.core[0]->network, SG_HASH_LEN),
        sg_bytes(net_id(&net, 0)->b, SG_ID_LEN), sg_bytes(&count, 1), sg_bytes(top, SG_ID_LEN)};
    sg_suite_default()->hash(parts, 5, batch->root);
    for (uint8_t i = 0; i < count; i++) {
        batch->msg[i].path = batch->path[i];
        memcpy(batch->msg[i].root, batch->root, SG_ID_LEN);
    }
}

static void inject_frame(struct sg_buf *frame)
{
    assert_non_null(frame);
    net_inject(&net, 0, 1, SG_LANE_PUBSUB, sg_buf_bytes(frame));
    sg_buf_unref(frame);
}

static void inject_proof(const struct batch *batch)
{
    uint8_t signature[SG_SIG_MAX];
    const struct sg_signer *signer = sg_identity_signer(net.identity[0]);
    assert_int_equal(
        signer->sign(signer->state, sg_batch_context, sg_bytes(batch->root, SG_ID_LEN), signature),
        SG_OK);
    inject_frame(sg_buf_ref(net.core[0]->own_key));
    inject_frame(
        sg_root_frame(net.core[0], batch->root, sg_bytes(signature, signer->suite->sig_len)));
}

static void inject_message(const struct sg_gossip *msg)
{
    inject_frame(sg_gossip_frame(net.core[0], sg_scope_find(net.core[0], &topic), msg));
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
            assert_int_equal(batch.msg[i].path_len, sg_batch_path_len(batch.count, i));
            inject_message(&batch.msg[i]);
            assert_int_equal(net_delivered(&net, 1, &batch.id[i]), 1);
        }
        sg_core_stats(net.core[1], &stats);
        assert_int_equal(stats.signatures_verified, 1);
        net_fini(&net);
    }
}

static void a_wrong_path_node_is_a_bad_proof(void **state)
{
    static struct batch batch;
    struct sg_core_stats stats;
    (void)state;
    for (size_t bit = 0; bit < 3 * 256; bit += 37) {
        net_init(&net, 2, NULL);
        net_settle(&net, &topic);
        make_batch(&batch, 5);
        inject_proof(&batch);
        batch.path[1][bit / 8] ^= (uint8_t)(1 << (bit % 8));
        inject_message(&batch.msg[1]);
        assert_int_equal(net_delivered(&net, 1, &batch.id[1]), 0);
        sg_core_stats(net.core[1], &stats);
        assert_int_equal(stats.refused_proof, 1);
        assert_int_equal(net.last_close[1], SG_CLOSE_BANNED);
        net_fini(&net);
    }
}

static void a_position_in_the_tree_cannot_be_changed(void **state)
{
    static struct batch batch;
    struct sg_core_stats stats;
    (void)state;
    net_init(&net, 2, NULL);
    net_settle(&net, &topic);
    make_batch(&batch, 4);
    inject_proof(&batch);
    batch.msg[2].batch_index = 3; /* the same depth, another side */
    inject_message(&batch.msg[2]);
    sg_core_stats(net.core[1], &stats);
    assert_int_equal(stats.refused_proof, 1);
    assert_int_equal(stats.delivered, 0);
    net_fini(&net);
}

static void a_root_of_another_author_does_not_serve(void **state)
{
    static struct batch batch;
    struct sg_core_stats stats;
    (void)state;
    net_init(&net, 2, NULL);
    net_settle(&net, &topic);
    make_batch(&batch, 2);
    inject_proof(&batch);
    batch.msg[0].author.b[0] ^= 1; /* a name that has signed nothing */
    inject_message(&batch.msg[0]);
    sg_core_stats(net.core[1], &stats);
    assert_int_equal(stats.delivered, 0);
    assert_int_equal(stats.refused_proof, 1);
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
    inject_frame(sg_root_frame(net.core[0], junk, sg_bytes(junk, sizeof(junk))));
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
        cmocka_unit_test(a_wrong_path_node_is_a_bad_proof),
        cmocka_unit_test(a_position_in_the_tree_cannot_be_changed),
        cmocka_unit_test(a_root_of_another_author_does_not_serve),
        cmocka_unit_test(keys_and_roots_of_wrong_size_are_malformed),
        cmocka_unit_test(full_key_caches_forget_the_one_unused_for_longest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
