/* join.c: JOIN and FORWARD_JOIN. */
#include "unit/hyparview/fixture.h"

static void test_join_sends_and_waits(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 2, 3, 4);
    assert_string_equal(event(&b, SG_HPV_IN_JOIN, "c"), "send c JOIN\n");
    assert_int_equal(b.m.pending[0].deadline, 5 * SG_NS_PER_S);
    assert_string_equal(event(&b, SG_HPV_IN_JOIN, "c"), ""); /* is asked already */
    assert_string_equal(says(&b, "c", "NEIGHBOR_REPLY accepted"), "up c\n");
    assert_string_equal(event(&b, SG_HPV_IN_JOIN, "c"), ""); /* is a neighbour already */
    assert_string_equal(views(&b), "active: c; passive:; pending:");
    bench_close(&b);
}

static void test_join_without_answer(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 2, 3, 4);
    event(&b, SG_HPV_IN_JOIN, "c");
    assert_string_equal(next_timeout(&b), "isolated\n"); /* alone for a second */
    assert_int_equal(b.now, SG_NS_PER_S);
    while (b.m.pending_count > 0)
        next_timeout(&b);
    assert_int_equal(b.now, 5 * SG_NS_PER_S);
    assert_string_equal(views(&b), "active:; passive: c; pending:");
    bench_close(&b);
}

static void test_join_refused(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 2, 3, 4);
    event(&b, SG_HPV_IN_JOIN, "c");
    b.now = 900 * SG_NS_PER_MS;
    assert_string_equal(says(&b, "c", "NEIGHBOR_REPLY refused"), "isolated\n");
    assert_string_equal(views(&b), "active:; passive: c; pending:");
    bench_close(&b);
}

/* A JOIN takes the place of a request for repair; behind four JOINs it waits as a candidate. Who is
 * in need has more places. */
static void test_join_when_requests_are_out(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 8, 12, 8);
    neighbors(&b, "w x y z");
    candidates(&b, "p q r s");
    assert_int_equal(b.m.pending_count, 4);
    for (int i = 0; i < 4; i++) {
        char name[2] = {(char)('a' + i), '\0'};
        char expected[16];
        snprintf(expected, sizeof(expected), "send %s JOIN\n", name);
        assert_string_equal(event(&b, SG_HPV_IN_JOIN, name), expected);
    }
    assert_string_equal(event(&b, SG_HPV_IN_JOIN, "e"), "");
    assert_string_equal(views(&b), "active: w x y z; passive: p q r s e; pending: a b c d");
    event(&b, SG_HPV_IN_FAILED, "w");
    assert_string_equal(event(&b, SG_HPV_IN_JOIN, "e"), "send e JOIN\n");
    bench_close(&b);
}

static void test_contact_announces(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 2, 5, 4);
    neighbors(&b, "a b c");
    assert_string_equal(says(&b, "j", "JOIN"), "send j NEIGHBOR_REPLY accepted\nup j\n"
                                               "send a FORWARD_JOIN ttl=6 j\n"
                                               "send b FORWARD_JOIN ttl=6 j\n"
                                               "send c FORWARD_JOIN ttl=6 j\n");
    bench_close(&b);
}

static void test_contact_evicts_when_full(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 1, 1, 4);
    neighbors(&b, "a");
    assert_string_equal(says(&b, "j", "JOIN"),
                        "send a DISCONNECT\ndown a\nsend j NEIGHBOR_REPLY accepted\nup j\n");
    assert_string_equal(views(&b), "active: j; passive: a; pending:");
    bench_close(&b);
}

/* The contact asks the joiner at the same time. */
static void test_join_crosses_request(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 2, 3, 4);
    neighbors(&b, "a");
    assert_string_equal(candidates(&b, "j"), "send j NEIGHBOR low\n");
    assert_string_equal(says(&b, "j", "JOIN"), "send j NEIGHBOR_REPLY accepted\nup j\n"
                                               "send a FORWARD_JOIN ttl=6 j\n");
    assert_string_equal(says(&b, "j", "NEIGHBOR_REPLY accepted"), "");
    assert_string_equal(views(&b), "active: a j; passive:; pending:");
    bench_close(&b);
}

/* It comes (back); whether that was announced. */
static bool is_announced(struct bench *b, const char *joiner)
{
    says(b, joiner, "DISCONNECT leaving");
    return strstr(says(b, joiner, "JOIN"), "FORWARD_JOIN") != NULL;
}

/* threats.md 14: ten times a second for a minute. */
static void test_flapper_is_announced_rarely(void **state)
{
    (void)state;
    struct bench b;
    unsigned count = 0;
    bench_open(&b, 2, 4, 4);
    neighbors(&b, "a");
    for (int i = 0; i < 600; i++) {
        count += is_announced(&b, "flapper");
        b.now += SG_NS_PER_S / 10;
    }
    assert_int_equal(count, 3 + 5);
    assert_true(is_announced(&b, "other"));
    bench_close(&b);
}

/* Walks in made-up names: 32 are asked at once, then two a second, and the rest are candidates. */
static void test_walks_make_few_requests(void **state)
{
    (void)state;
    struct bench b;
    unsigned asked = 0;
    bench_open(&b, 8, 12, 64);
    b.m.config.evict_interval_ns = 5 * SG_NS_PER_S;
    neighbors(&b, "a b c d e f g h");
    for (int i = 0; i < 600; i++) { /* ten a second for a minute */
        char text[40];
        char name[8];
        snprintf(name, sizeof(name), "n%d", i);
        snprintf(text, sizeof(text), "FORWARD_JOIN ttl=0 %s", name);
        says(&b, "a", text);
        asked += is_pending(&b, name);
        event(&b, SG_HPV_IN_FAILED, name);
        b.now += SG_NS_PER_S / 10;
    }
    assert_in_range(asked, 150, 153);
    bench_close(&b);
}

static void test_joiners_are_bounded(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 2, 4, 4);
    neighbors(&b, "a");
    for (int i = 0; i < 3; i++)
        assert_true(is_announced(&b, "x"));
    assert_false(is_announced(&b, "x"));
    for (int i = 0; i < SG_HPV_RECENT_MAX; i++) {
        char name[16];
        snprintf(name, sizeof(name), "j%d", i);
        assert_true(is_announced(&b, name));
    }
    assert_int_equal(b.m.recent_count, SG_HPV_RECENT_MAX);
    assert_false(is_announced(&b, "x")); /* those with less in them were forgotten before it */
    assert_true(is_announced(&b, "j0"));
    bench_close(&b);
}

/* ---- walks ---- */

static void test_walk_goes_on_at_random(void **state)
{
    (void)state;
    struct bench b;
    unsigned to_b = 0;
    bench_open(&b, 1, 5, 4);
    neighbors(&b, "a b c j");
    for (int i = 0; i < 200; i++) {
        const char *out = says(&b, "a", "FORWARD_JOIN j ttl=2");
        bool is_b = strcmp(out, "send b FORWARD_JOIN ttl=1 j\n") == 0;
        assert_true(is_b || strcmp(out, "send c FORWARD_JOIN ttl=1 j\n") == 0);
        to_b += is_b;
    }
    assert_in_range(to_b, 70, 130);
    bench_close(&b);
}

static void test_walk_passes_prwl(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 1, 5, 4);
    neighbors(&b, "a b");
    assert_string_equal(says(&b, "a", "FORWARD_JOIN j ttl=4"), "send b FORWARD_JOIN ttl=3 j\n");
    assert_false(has_passive(&b, "j"));
    assert_string_equal(says(&b, "a", "FORWARD_JOIN j ttl=3"), "send b FORWARD_JOIN ttl=2 j\n");
    assert_true(has_passive(&b, "j"));
    bench_close(&b);
}

static void test_walk_ends(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 1, 5, 4);
    neighbors(&b, "a b");
    assert_string_equal(says(&b, "a", "FORWARD_JOIN j ttl=0"), "send j NEIGHBOR high\n");
    assert_string_equal(views(&b), "active: a b; passive:; pending: j");
    assert_string_equal(says(&b, "a", "FORWARD_JOIN j ttl=0"), "");
    assert_string_equal(says(&b, "j", "NEIGHBOR_REPLY accepted"), "up j\n");
    assert_string_equal(says(&b, "a", "FORWARD_JOIN j ttl=0"), "");
    bench_close(&b);
}

static void test_walk_ends_early(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 1, 5, 4);
    neighbors(&b, "a");
    assert_string_equal(says(&b, "a", "FORWARD_JOIN j ttl=6"), "send j NEIGHBOR high\n");
    assert_string_equal(says(&b, "j", "NEIGHBOR_REPLY accepted"), "up j\n");
    /* only the sender and the joiner are left */
    assert_string_equal(says(&b, "a", "FORWARD_JOIN j ttl=6"), "");
    bench_close(&b);
}

static void test_walk_end_with_full_view(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 1, 1, 4);
    neighbors(&b, "a");
    assert_string_equal(says(&b, "a", "FORWARD_JOIN j ttl=0"), "send j NEIGHBOR high\n");
    assert_string_equal(views(&b), "active: a; passive:; pending: j"); /* nobody evicted yet */
    assert_string_equal(says(&b, "j", "NEIGHBOR_REPLY accepted"),
                        "send a DISCONNECT\ndown a\nup j\n");
    bench_close(&b);
}

static void test_third_newcomer_waits(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 1, 8, 8);
    neighbors(&b, "a b");
    for (int i = 0; i < 3; i++) {
        char text[32];
        snprintf(text, sizeof(text), "FORWARD_JOIN j%d ttl=0", i);
        says(&b, "a", text);
    }
    assert_string_equal(views(&b), "active: a b; passive: j2; pending: j0 j1");
    bench_close(&b);
}

static void test_long_walk_is_cut(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 1, 8, 8);
    neighbors(&b, "a b");
    assert_string_equal(says(&b, "a", "FORWARD_JOIN j ttl=16"), "send b FORWARD_JOIN ttl=5 j\n");
    bench_close(&b);
}

static void test_walk_from_stranger(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 1, 8, 8);
    neighbors(&b, "a");
    assert_string_equal(says(&b, "x", "FORWARD_JOIN j ttl=0"),
                        "send x DISCONNECT\nsend j NEIGHBOR high\n");
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_join_sends_and_waits),
        cmocka_unit_test(test_join_without_answer),
        cmocka_unit_test(test_join_refused),
        cmocka_unit_test(test_join_when_requests_are_out),
        cmocka_unit_test(test_contact_announces),
        cmocka_unit_test(test_contact_evicts_when_full),
        cmocka_unit_test(test_join_crosses_request),
        cmocka_unit_test(test_flapper_is_announced_rarely),
        cmocka_unit_test(test_walks_make_few_requests),
        cmocka_unit_test(test_joiners_are_bounded),
        cmocka_unit_test(test_walk_goes_on_at_random),
        cmocka_unit_test(test_walk_passes_prwl),
        cmocka_unit_test(test_walk_ends),
        cmocka_unit_test(test_walk_ends_early),
        cmocka_unit_test(test_walk_end_with_full_view),
        cmocka_unit_test(test_third_newcomer_waits),
        cmocka_unit_test(test_long_walk_is_cut),
        cmocka_unit_test(test_walk_from_stranger),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
