/* view.c: eviction and replacement are random, order is that of insertion. */
#include "hyparview/internal.h"
#include "unit/hyparview/fixture.h"

static void test_insertion_order(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 1, 8, 8);
    neighbors(&b, "d a c b");
    candidates(&b, "z x y");
    assert_string_equal(views(&b), "active: d a c b; passive: z x y; pending:");
    says(&b, "a", "DISCONNECT leaving");
    says(&b, "x", "DISCONNECT leaving");
    neighbors(&b, "a");
    candidates(&b, "x");
    assert_string_equal(views(&b), "active: d c b a; passive: z y x; pending:");
    bench_close(&b);
}

static void test_candidates_are_a_set(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 1, 8, 8);
    neighbors(&b, "a b");
    candidates(&b, "p a p self q b q");
    assert_string_equal(views(&b), "active: a b; passive: p q; pending:");
    bench_close(&b);
}

static void test_neighbor_leaves_passive_view(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 1, 8, 8);
    neighbors(&b, "a");
    candidates(&b, "p q");
    assert_string_equal(says(&b, "p", "NEIGHBOR low"), "send p NEIGHBOR_REPLY accepted\nup p\n");
    assert_string_equal(views(&b), "active: a p; passive: q; pending:");
    bench_close(&b);
}

static void test_since(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 1, 8, 8);
    b.now = 5;
    neighbors(&b, "a");
    b.now = 7;
    neighbors(&b, "b");
    assert_int_equal(b.m.active[0].since, 5);
    assert_int_equal(b.m.active[1].since, 7);
    bench_close(&b);
}

/* Every neighbour is evicted sometimes, never the one that comes in. */
static void test_eviction_is_random(void **state)
{
    (void)state;
    struct bench b;
    unsigned evicted[4] = {0};
    static const char *const names[] = {"a", "b", "c", "d"};
    bench_open(&b, 4, 4, 8);
    neighbors(&b, "a b c d");
    for (int i = 0; i < 400; i++) {
        says(&b, "x", "NEIGHBOR high");
        assert_true(is_active(&b, "x"));
        says(&b, "x", "DISCONNECT leaving");
        for (int k = 0; k < 4; k++) {
            evicted[k] += !is_active(&b, names[k]);
            if (!is_active(&b, names[k]))
                neighbors(&b, names[k]);
        }
    }
    for (int k = 0; k < 4; k++)
        assert_in_range(evicted[k], 70, 130);
    bench_close(&b);
}

static void test_full_passive_view_replaces_at_random(void **state)
{
    (void)state;
    struct bench b;
    unsigned stayed[8] = {0};
    for (int round = 0; round < 400; round++) {
        bench_open(&b, 1, 1, 8);
        sg_prng_init(&b.m.prng, (uint64_t)round);
        neighbors(&b, "a");
        candidates(&b, "p0 p1 p2 p3 p4 p5 p6 p7");
        candidates(&b, "new");
        assert_int_equal(b.m.passive_count, 8);
        assert_true(has_passive(&b, "new"));
        for (int k = 0; k < 8; k++) {
            char name[16];
            snprintf(name, sizeof(name), "p%d", k);
            stayed[k] += has_passive(&b, name);
        }
        bench_close(&b);
    }
    for (int k = 0; k < 8; k++)
        assert_in_range(400 - stayed[k], 30, 75);
}

static void test_failed_is_replaced_first(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 1, 1, 4);
    neighbors(&b, "a");
    candidates(&b, "p q r s");
    event(&b, SG_HPV_IN_FAILED, "q");
    event(&b, SG_HPV_IN_FAILED, "r");
    event(&b, SG_HPV_IN_FAILED, "r");
    candidates(&b, "t");
    assert_string_equal(views(&b), "active: a; passive: p q s t; pending:");
    candidates(&b, "u");
    assert_string_equal(views(&b), "active: a; passive: p s t u; pending:");
    bench_close(&b);
}

/* What was refused or lost does not push out a candidate that never failed. */
static void test_offer_needs_a_free_or_failed_place(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 1, 1, 2);
    neighbors(&b, "a");
    candidates(&b, "p q");
    assert_string_equal(says(&b, "x", "NEIGHBOR low"), "send x NEIGHBOR_REPLY refused\n");
    assert_string_equal(views(&b), "active: a; passive: p q; pending:");
    event(&b, SG_HPV_IN_FAILED, "p");
    says(&b, "x", "NEIGHBOR low");
    assert_string_equal(views(&b), "active: a; passive: q x; pending:");
    bench_close(&b);
}

/* ---- introducers ---- */

static uint16_t introduced_by(const struct bench *b, const char *peer)
{
    struct sg_peer_id id = peer_named(peer);
    uint16_t tag = sg_hpv_tag(&b->m, &id);
    uint16_t count = 0;
    for (uint16_t i = 0; i < b->m.passive_count; i++)
        count = (uint16_t)(count + (b->m.trial[i].introducer == tag));
    return count;
}

/* A sample of six new names, from the neighbour's hand. */
static void pour(struct bench *b, const char *peer, int *next)
{
    char text[256] = "SHUFFLE";
    for (int i = 0; i < 6; i++) {
        char name[16];
        snprintf(name, sizeof(name), " n%d", (*next)++);
        text_add(text, sizeof(text), name);
    }
    text_add(text, sizeof(text), " ttl=1");
    says(b, peer, text);
}

/* Who pours in names fills what is free, and a quarter of the view once others name some. */
static void test_share_of_an_introducer(void **state)
{
    (void)state;
    struct bench b;
    int next = 0;
    static const char *const honest[] = {"a", "b", "c", "d"};
    bench_open(&b, 1, 8, 64);
    neighbors(&b, "a b c d e");
    for (int i = 0; i < 20; i++)
        pour(&b, "e", &next);
    assert_int_equal(b.m.passive_count, 64);
    assert_int_equal(introduced_by(&b, "e"), 64);
    for (int i = 0; i < 40; i++)
        pour(&b, honest[i % 4], &next);
    for (int i = 0; i < 100; i++)
        pour(&b, "e", &next);
    assert_in_range(introduced_by(&b, "e"), 10, 16);
    for (int i = 0; i < 4; i++)
        assert_in_range(introduced_by(&b, honest[i]), 1, 16);
    bench_close(&b);
}

/* Walks count as well. */
static void test_share_of_walks(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 1, 8, 64);
    neighbors(&b, "a b");
    for (int i = 0; i < 64; i++) {
        char name[16];
        snprintf(name, sizeof(name), "p%d", i);
        candidates(&b, name);
    }
    for (int i = 0; i < 200; i++) {
        char text[64];
        snprintf(text, sizeof(text), "FORWARD_JOIN j%d ttl=3", i);
        says(&b, "b", text);
    }
    assert_int_equal(introduced_by(&b, "b"), 16);
    assert_int_equal(b.m.passive_count, 64);
    bench_close(&b);
}

/* What the owner of the node or a peer's own word brings is nobody's share. */
static void test_tags(void **state)
{
    (void)state;
    struct bench b;
    struct sg_hpv other;
    struct sg_peer_id a = peer_named("a");
    struct sg_peer_id self = peer_named("self");
    bench_open(&b, 1, 8, 64);
    assert_int_equal(sg_hpv_init(&other, &b.config, &self, 0, 2), SG_OK);
    assert_int_not_equal(sg_hpv_tag(&b.m, &a), 0);
    assert_int_not_equal(sg_hpv_tag(&b.m, &a), sg_hpv_tag(&other, &a)); /* unknown to others */
    sg_hpv_fini(&other);
    neighbors(&b, "a b");
    candidates(&b, "p");
    says(&b, "b", "DISCONNECT");
    for (uint16_t i = 0; i < b.m.passive_count; i++)
        assert_int_equal(b.m.trial[i].introducer, 0);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_insertion_order),
        cmocka_unit_test(test_candidates_are_a_set),
        cmocka_unit_test(test_neighbor_leaves_passive_view),
        cmocka_unit_test(test_since),
        cmocka_unit_test(test_eviction_is_random),
        cmocka_unit_test(test_full_passive_view_replaces_at_random),
        cmocka_unit_test(test_failed_is_replaced_first),
        cmocka_unit_test(test_offer_needs_a_free_or_failed_place),
        cmocka_unit_test(test_share_of_an_introducer),
        cmocka_unit_test(test_share_of_walks),
        cmocka_unit_test(test_tags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
