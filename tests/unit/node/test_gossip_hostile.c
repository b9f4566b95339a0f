/* What liars send as messages: numbers used twice, any order, flipped bits, wrong proofs and none,
 * ids of nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "node/internal.h"
#include "support/core_net.h"
#include "wire/pt_msg.h"

static const struct sg_topic_id topic = {{7, 7, 7}};
static struct net net;

/* A lone message made by hand, with its three frames. */
struct made {
    struct sg_gossip msg;
    struct sg_msg_id id;
    struct sg_buf *key, *root, *gossip;
};

static void sign(struct sg_root *root, size_t author, uint8_t signature[SG_SIG_MAX])
{
    const struct sg_signer *signer = sg_identity_signer(net.identity[author]);
    const struct sg_bytes what = sg_bytes(root->root, SG_ID_LEN);
    assert_int_equal(signer->sign(signer->state, sg_batch_context, what, signature), SG_OK);
    root->signature = sg_bytes(signature, signer->suite->sig_len);
}

static struct made make(size_t author, uint64_t number, const char *text, bool is_forged)
{
    uint8_t signature[SG_SIG_MAX] = {0};
    const uint64_t wall = NET_WALL_MS + net.now / SG_NS_PER_MS;
    struct made m = {.msg = {.hop = 1,
                             .author = *net_id(&net, author),
                             .sequence = (UINT64_C(1) << 32) + number,
                             .time_ms = wall,
                             .expiry_ms = wall + 60000,
                             .batch_count = 1,
                             .payload = sg_bytes(text, strlen(text))}};
    sg_message_id(net.core[0], &topic, &m.msg, &m.id);
    const struct sg_leaves leaf = {.ids = m.id.b, .count = 1};
    struct sg_root root = {.count = 1};
    sg_batch_root(net.core[0], &m.msg.author, &leaf, root.root);
    if (is_forged)
        root.signature = sg_bytes(signature, sg_identity_suite(net.identity[author])->sig_len);
    else
        sign(&root, author, signature);
    m.key = sg_buf_ref(net.core[author]->own_key);
    m.root = sg_root_frame(net.core[0], &root);
    m.gossip = sg_gossip_frame(net.core[0], &topic, &m.msg);
    assert_true(m.root != NULL && m.gossip != NULL);
    return m;
}

static void drop(struct made *m)
{
    sg_buf_unref(m->key);
    sg_buf_unref(m->root);
    sg_buf_unref(m->gossip);
}

static void give_frame(size_t from, size_t to, const struct sg_buf *frame)
{
    if (net.is_linked[to][from])
        net_inject(&net, from, to, SG_LANE_PUBSUB, sg_buf_bytes(frame));
}

static void give(size_t from, size_t to, const struct made *m)
{
    give_frame(from, to, m->key);
    give_frame(from, to, m->root);
    give_frame(from, to, m->gossip);
}

static struct sg_core_stats stats_of(size_t node)
{
    struct sg_core_stats stats;
    sg_core_stats(net.core[node], &stats);
    return stats;
}

static void with_jobs(struct sg_core_config *config)
{
    config->offload = true;
}

/* ---- numbers ---- */

static void a_number_serves_once(void **state)
{
    (void)state;
    net_init(&net, 3, NULL);
    net_settle(&net, &topic);
    struct made yes = make(0, 100, "yes", false);
    struct made no = make(0, 100, "no", false);
    give(0, 1, &yes);
    give(0, 1, &no);
    assert_int_equal(net_delivered(&net, 1, &yes.id), 1);
    assert_int_equal(stats_of(1).refused_expired, 1);
    give(0, 1, &no);
    assert_int_equal(stats_of(1).refused_expired, 2);
    assert_int_equal(stats_of(1).signatures_verified, 1); /* seen before its signature */
    net_run(&net, 3 * SG_NS_PER_S);
    assert_int_equal(net_delivered(&net, 2, &yes.id), 1);
    for (size_t node = 0; node < 3; node++) {
        assert_int_equal(net_delivered(&net, node, &no.id), 0);
        assert_int_equal(stats_of(node).charges, 0); /* who passed one on did not know the other */
    }
    drop(&yes);
    drop(&no);
    net_fini(&net);
}

/* Both are under verification before either has its place. */
static void nor_while_signatures_are_checked(void **state)
{
    (void)state;
    net_init(&net, 3, with_jobs);
    net_settle(&net, &topic);
    net.jobs_wait = true;
    struct made yes = make(0, 100, "yes", false);
    struct made no = make(0, 100, "no", false);
    give(0, 1, &yes);
    give(2, 1, &no);
    assert_int_equal(net.job_count, 2);
    net_finish_job(&net);
    net_finish_job(&net);
    assert_int_equal(net_delivered(&net, 1, &yes.id), 1);
    assert_int_equal(net_delivered(&net, 1, &no.id), 0);
    assert_int_equal(stats_of(1).refused_expired, 1);
    assert_int_equal(stats_of(1).charges, 0);
    drop(&yes);
    drop(&no);
    net_fini(&net);
}

#define SHUFFLED 120

static void order_does_not_matter(void **state)
{
    struct made m[SHUFFLED];
    (void)state;
    net_init(&net, 3, NULL);
    net_settle(&net, &topic);
    for (size_t i = 0; i < SHUFFLED; i++)
        m[i] = make(0, 100 + 7 * i, "x", false);
    for (size_t round = 0; round < 3; round++) {
        for (size_t i = 0; i < SHUFFLED; i++) /* 77 and 120 have no common factor */
            give(0, 1, &m[(i * 77 + 119) % SHUFFLED]);
    }
    net_run(&net, 5 * SG_NS_PER_S);
    for (size_t i = 0; i < SHUFFLED; i++) {
        assert_int_equal(net_delivered(&net, 1, &m[i].id), 1);
        assert_int_equal(net_delivered(&net, 2, &m[i].id), 1);
        drop(&m[i]);
    }
    assert_int_equal(stats_of(1).signatures_verified, SHUFFLED);
    assert_int_equal(stats_of(1).charges + stats_of(2).charges, 0);
    net_fini(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_serves_once),
        cmocka_unit_test(nor_while_signatures_are_checked),
        cmocka_unit_test(order_does_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
