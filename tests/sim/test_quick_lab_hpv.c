/* The HyParView lab at a small scale; bench_lab runs it at the paper's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../../sim/lab_hpv.h"

static struct sg_lab_hpv *settled(struct sg_lab_hpv_config config, unsigned rounds)
{
    struct sg_lab_hpv *lab;
    assert_int_equal(sg_lab_hpv_new(&lab, &config), SG_OK);
    sg_lab_hpv_join(lab);
    sg_lab_hpv_run(lab, rounds * config.hpv.shuffle_interval_ns);
    assert_int_equal(lab->net.err, SG_OK);
    for (uint32_t i = 0; i < config.nodes; i++)
        sg_hpv_check(&lab->node[i].m);
    return lab;
}

static struct sg_lab_hpv_config small_paper(uint64_t seed)
{
    struct sg_lab_hpv_config config = sg_lab_hpv_paper(sg_mem_default());
    config.nodes = 300;
    config.seed = seed;
    return config;
}

static struct sg_lab_hpv_graph graph_of(struct sg_lab_hpv *lab)
{
    struct sg_lab_hpv_graph graph;
    assert_int_equal(sg_lab_hpv_graph(lab, UINT32_MAX, &graph), SG_OK);
    return graph;
}

/* A random graph of 300 nodes with 5 links each: path ln 300 / ln 4 = 4.11, clustering 5 / 300. */
static void test_views_make_a_random_graph(void **state)
{
    struct sg_lab_hpv *lab = settled(small_paper(1), 20);
    struct sg_lab_hpv_graph g = graph_of(lab);
    (void)state;
    assert_int_equal(g.nodes, 300);
    assert_int_equal(g.components, 1);
    assert_int_equal(g.isolated, 0);
    assert_int_equal(g.one_way, 0);
    assert_true(g.reach == 1);
    assert_true(g.full >= 0.95);
    assert_true(g.in_max <= 5 && g.in_min >= 3);
    assert_true(g.path > 3.7 && g.path < 4.3);
    assert_true(g.clustering < 2 * 5.0 / 300);
    sg_lab_hpv_free(lab);
}

static void test_a_flood_survives_half_of_all_failing(void **state)
{
    struct sg_lab_hpv *lab = settled(small_paper(2), 20);
    (void)state;
    assert_true(sg_lab_hpv_flood(lab, false, SG_NS_PER_S) == 1);
    sg_lab_hpv_kill(lab, 500);
    struct sg_lab_hpv_graph g = graph_of(lab);
    assert_int_equal(g.nodes, 150);
    assert_true(g.reach > 0.7 && g.reach < 1); /* 0.91 by percolation: the kill has cut links */
    sg_lab_hpv_notice(lab, 0, 4 * lab->config.delay_ns);
    assert_true(sg_lab_hpv_flood(lab, true, SG_NS_PER_S) == 1);
    assert_true(sg_lab_hpv_flood(lab, false, SG_NS_PER_S) == 1);
    sg_lab_hpv_free(lab);
}

static void test_shuffles_alone_find_what_is_broken(void **state)
{
    struct sg_lab_hpv *lab = settled(small_paper(3), 20);
    (void)state;
    sg_lab_hpv_kill(lab, 500);
    assert_true(graph_of(lab).components > 1);
    sg_lab_hpv_run(lab, 3 * lab->config.hpv.shuffle_interval_ns);
    struct sg_lab_hpv_graph g = graph_of(lab);
    assert_int_equal(g.components, 1);
    assert_int_equal(g.isolated, 0);
    sg_lab_hpv_free(lab);
}

/* Nobody is told, no message finds the dead: most survivors have none but dead neighbours, and
 * refuse each other as long as they believe in those. */
static void test_a_shuffle_round_heals_where_most_have_failed(void **state)
{
    static const unsigned failed[] = {600, 700, 790};
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct sg_lab_hpv_config config = small_paper(seed);
        config.nodes = 600;
        struct sg_lab_hpv *lab = settled(config, 20);
        sg_lab_hpv_kill(lab, failed[seed - 1]);
        assert_true(graph_of(lab).components > 1);
        sg_lab_hpv_run(lab, lab->config.hpv.shuffle_interval_ns * 6 / 5); /* with its jitter */
        assert_int_equal(graph_of(lab).components, 1);
        sg_lab_hpv_free(lab);
    }
}

static void test_ours_leaves_nobody_alone(void **state)
{
    struct sg_lab_hpv_config config = sg_lab_hpv_ours(sg_mem_default());
    (void)state;
    config.nodes = 200;
    config.broken_ns = SG_NS_PER_S;
    struct sg_lab_hpv *lab = settled(config, 5);
    sg_lab_hpv_kill(lab, 800);
    sg_lab_hpv_notice(lab, 700 * SG_NS_PER_MS, 3 * SG_NS_PER_S);
    sg_lab_hpv_run(lab, 60 * SG_NS_PER_S);
    struct sg_lab_hpv_graph g = graph_of(lab);
    assert_int_equal(g.nodes, 40);
    assert_int_equal(g.isolated, 0);
    assert_int_equal(g.components, 1);
    sg_lab_hpv_free(lab);
}

static void test_the_seed_decides(void **state)
{
    uint64_t events[3];
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct sg_lab_hpv_config config = small_paper(i == 2 ? 6 : 5);
        config.nodes = 50;
        struct sg_lab_hpv *lab = settled(config, 3);
        events[i] = lab->net.events * 1000003 + lab->sent;
        sg_lab_hpv_free(lab);
    }
    assert_true(events[0] == events[1]);
    assert_true(events[0] != events[2]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_views_make_a_random_graph),
        cmocka_unit_test(test_a_flood_survives_half_of_all_failing),
        cmocka_unit_test(test_shuffles_alone_find_what_is_broken),
        cmocka_unit_test(test_a_shuffle_round_heals_where_most_have_failed),
        cmocka_unit_test(test_ours_leaves_nobody_alone),
        cmocka_unit_test(test_the_seed_decides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
