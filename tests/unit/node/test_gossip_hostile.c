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

/* ---- wrong proofs ---- */

static bool is_refused(size_t node, size_t peer)
{
    uint8_t hello[SG_HELLO_MAX];
    uint64_t boot;
    const size_t len = sg_core_hello(net.core[peer], hello);
    const sg_err err =
        sg_core_hello_check(net.core[node], net_id(&net, peer), sg_bytes(hello, len), &boot);
    return !net.is_linked[node][peer] && err == SG_ERR_BANNED;
}

/* Roots that look well, a thousand before the first verdict: they get their link's share of the
 * jobs, which costs 64 verifications [10 ms], and the first verdict ends it. */
static void a_flood_of_roots_gets_its_share_of_jobs(void **state)
{
    struct sg_core_publish honest;
    (void)state;
    net_init(&net, 3, with_jobs);
    net_settle(&net, &topic);
    net.jobs_wait = true;
    for (uint64_t i = 0; i < 1000; i++) {
        struct made m = make(0, 100 + i, "forged", true);
        give(0, 1, &m);
        drop(&m);
    }
    const struct sg_core_config *config = &net.core[1]->config;
    assert_int_equal(net.job_count, config->verify_jobs_max / 4);
    assert_int_equal(stats_of(1).signatures_verified, net.job_count);
    assert_int_equal(stats_of(1).refused_overload, 1000 - net.job_count);
    assert_true(net.core[1]->checks.bytes <= config->waiting_bytes_max / 4);
    /* others have theirs */
    struct made m = make(2, 100, "honest", false);
    give(2, 1, &m);
    assert_int_equal(net.job_count, config->verify_jobs_max / 4 + 1);
    net_finish_job(&net);
    assert_true(is_refused(1, 0));
    while (net.job_count > 0)
        net_finish_job(&net);
    assert_int_equal(net_delivered(&net, 1, &m.id), 1);
    assert_int_equal(stats_of(1).delivered, 1);
    assert_int_equal(stats_of(1).signatures_verified, config->verify_jobs_max / 4 + 1);
    assert_int_equal(net.core[1]->checks.bytes, 0);
    drop(&m);
    net.jobs_wait = false;
    assert_int_equal(net_publish(&net, 2, &topic, SG_BYTES_LIT("on"), &honest), SG_OK);
    net_run(&net, SG_NS_PER_S);
    assert_int_equal(net_delivered(&net, 1, &honest.id), 1);
    net_fini(&net);
}

/* Without messages below them roots wait in a few places, and nothing is verified. */
static void roots_alone_cost_nothing(void **state)
{
    uint8_t ids[SG_BATCH_MAX * SG_ID_LEN] = {0};
    uint8_t signature[SG_SIG_MAX] = {0};
    (void)state;
    net_init(&net, 2, NULL);
    net_settle(&net, &topic);
    for (uint32_t i = 0; i < 1000; i++) {
        struct sg_root root = {.count = SG_BATCH_MAX, .ids = ids};
        memcpy(root.root, &i, sizeof(i));
        memcpy(ids, &i, sizeof(i));
        root.signature = sg_bytes(signature, net.core[1]->config.suite->sig_len);
        struct sg_buf *frame = sg_root_frame(net.core[0], &root);
        assert_non_null(frame);
        give_frame(0, 1, frame);
        sg_buf_unref(frame);
    }
    const struct sg_link *link = sg_link_find(net.core[1], net_id(&net, 0));
    assert_non_null(link);
    assert_int_equal(link->proofs->roots_cap, SG_LINK_ROOTS_MAX);
    assert_int_equal(stats_of(1).signatures_verified, 0);
    net_fini(&net);
}

#define HONEST 4
#define FORGER HONEST
/* What a core can verify in a second. */
#define PER_CORE 5760

enum forgery { BAD_SIGNATURE, BAD_TREE, NO_PROOF };

/* The forger answers nothing that it is asked for. */
static bool without_questions(struct net *n, const struct net_frame *frame)
{
    struct sg_reader r = sg_frame_body(frame->buf);
    (void)n;
    const bool is_tree = frame->buf->data[0] == SG_FAMILY_PLUMTREE;
    return frame->to != FORGER || !is_tree ||
           (r.at[-1] != SG_PT_GRAFT && r.at[-1] != SG_PT_PROOF_WANT);
}

static struct made forge(size_t forger, uint64_t number, enum forgery kind)
{
    struct made m = make(forger, number, "forged", true);
    if (kind == BAD_SIGNATURE)
        return m;
    struct sg_gossip msg = m.msg; /* the first of two whose root stands for something else */
    uint8_t ids[2 * SG_ID_LEN] = {0};
    uint8_t signature[SG_SIG_MAX] = {0};
    struct sg_root root = {.count = 2, .ids = ids};
    msg.batch_count = 2;
    memcpy(msg.root, &number, sizeof(number));
    memcpy(root.root, msg.root, SG_ID_LEN);
    memcpy(ids, m.id.b, SG_ID_LEN);
    sign(&root, forger, signature);
    sg_buf_unref(m.root);
    sg_buf_unref(m.gossip);
    m.root = sg_root_frame(net.core[0], &root);
    m.gossip = sg_gossip_frame(net.core[0], &topic, &msg);
    return m;
}

static size_t links_of_forger(void)
{
    size_t count = 0;
    for (size_t i = 0; i < HONEST; i++)
        count += net.is_linked[i][FORGER];
    return count;
}

/* A thousand a second, to all whom it is linked with; of those without proof two hundred, because
 * the invariants are checked at each and they go on for seconds. */
static void forge_for_10_ms(uint64_t turn, enum forgery kind)
{
    const uint64_t count = kind == NO_PROOF ? 2 : 10;
    for (uint64_t k = 0; k < count; k++) {
        struct made m = forge(FORGER, 100 + 10 * turn + k, kind);
        for (size_t i = 0; i < HONEST; i++) {
            if (turn + k == 0)
                give_frame(FORGER, i, m.key);
            if (kind != NO_PROOF)
                give_frame(FORGER, i, m.root);
            give_frame(FORGER, i, m.gossip);
        }
        drop(&m);
    }
}

/* threats.md 16: a fifth of all are forgers, a thousand messages a second. */
static void expect_forger_put_away(enum forgery kind, uint64_t seconds)
{
    struct sg_core_publish said[2 * 10];
    size_t count = 0;
    net_init(&net, HONEST + 1, NULL);
    net_settle(&net, &topic);
    net.filter = without_questions;
    net.has_hellos = true;
    assert_int_equal(links_of_forger(), HONEST);
    for (uint64_t turn = 0; turn < 100 * seconds; turn++) {
        if (links_of_forger() > 0)
            forge_for_10_ms(turn, kind);
        if (turn % 50 == 0) {
            const size_t who = count % HONEST;
            assert_int_equal(net_publish(&net, who, &topic, SG_BYTES_LIT("x"), &said[count++]),
                             SG_OK);
        }
        net_run(&net, 10 * SG_NS_PER_MS);
    }
    assert_int_equal(links_of_forger(), 0);
    for (size_t i = 0; i < HONEST; i++) {
        for (size_t k = 0; k < count; k++)
            assert_int_equal(net_delivered(&net, i, &said[k].id), 1);
        assert_int_equal(stats_of(i).delivered, count - (count + HONEST - 1 - i) / HONEST);
        assert_true(is_refused(i, FORGER));
        assert_true(stats_of(i).signatures_verified <= PER_CORE * 3 / 10 * seconds);
        /* 64 at once and ten a second, by either way of asking */
        assert_true(stats_of(i).proofs_wanted <= 2 * (64 + 10 * seconds));
    }
    net_fini(&net);
}

static void forgers_are_put_away(void **state)
{
    (void)state;
    expect_forger_put_away(BAD_SIGNATURE, 5);
    expect_forger_put_away(BAD_TREE, 5);
}

static void who_proves_nothing_is_put_away(void **state)
{
    (void)state;
    expect_forger_put_away(NO_PROOF, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_serves_once),
        cmocka_unit_test(nor_while_signatures_are_checked),
        cmocka_unit_test(order_does_not_matter),
        cmocka_unit_test(a_flood_of_roots_gets_its_share_of_jobs),
        cmocka_unit_test(roots_alone_cost_nothing),
        cmocka_unit_test(forgers_are_put_away),
        cmocka_unit_test(who_proves_nothing_is_put_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
