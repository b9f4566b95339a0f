/* evict.c: whom a stranger may push out, and how often. */
#include "unit/hyparview/fixture.h"

static void open_guarded(struct bench *b, uint16_t target, uint16_t max, bool youngest)
{
    bench_open(b, target, max, 64);
    b->m.config.evict_interval_ns = 5 * SG_NS_PER_S;
    b->m.config.evict_youngest = youngest;
    b->m.shuffle_at = SG_TIME_NEVER;
    b->m.rotate_at = SG_TIME_NEVER;
}

static void test_the_youngest_goes(void **state)
{
    (void)state;
    struct bench b;
    open_guarded(&b, 3, 3, true);
    neighbors(&b, "a b c");
    b.now = 5 * SG_NS_PER_S;
    assert_string_equal(says(&b, "x", "NEIGHBOR high"),
                        "send c DISCONNECT\ndown c\nsend x NEIGHBOR_REPLY accepted\nup x\n");
    b.now = 10 * SG_NS_PER_S;
    assert_string_equal(says(&b, "y", "JOIN"),
                        "send x DISCONNECT\ndown x\nsend y NEIGHBOR_REPLY accepted\nup y\n"
                        "send a FORWARD_JOIN ttl=6 y\nsend b FORWARD_JOIN ttl=6 y\n");
    assert_true(is_active(&b, "a") && is_active(&b, "b"));
    bench_close(&b);
}

/* The youngest that had its five seconds. */
static void test_newcomers_are_spared(void **state)
{
    (void)state;
    struct bench b;
    open_guarded(&b, 3, 3, true);
    neighbors(&b, "a b");
    b.now = 4 * SG_NS_PER_S;
    neighbors(&b, "c");
    b.now = 5 * SG_NS_PER_S;
    says(&b, "x", "NEIGHBOR high");
    assert_string_equal(views(&b), "active: a c x; passive: b; pending:");
    says(&b, "y", "NEIGHBOR high");
    assert_string_equal(views(&b), "active: c x y; passive: b a; pending:");
    assert_string_equal(says(&b, "z", "NEIGHBOR high"), "send z NEIGHBOR_REPLY refused\n");
    bench_close(&b);
}

/* Three at once, then one each five seconds, whoever asks and how often. */
static void storm(bool youngest, unsigned *evictions)
{
    struct bench b;
    char name[16];
    unsigned asked = 0;
    open_guarded(&b, 8, 12, youngest);
    neighbors(&b, "a b c d e f g h i j k l");
    *evictions = 0;
    for (uint64_t ms = 10000; ms < 70000; ms += 10) {
        b.now = ms * SG_NS_PER_MS;
        snprintf(name, sizeof(name), "s%u", asked++);
        says(&b, name, asked % 2 == 0 ? "JOIN" : "NEIGHBOR high");
        *evictions += is_active(&b, name);
    }
    assert_int_equal(b.m.active_count, 12);
    if (youngest) /* what was there before stays but for the last places */
        assert_true(is_active(&b, "a") && is_active(&b, "i"));
    bench_close(&b);
}

static void test_storm(void **state)
{
    (void)state;
    unsigned evictions;
    storm(true, &evictions);
    assert_in_range(evictions, 14, 15); /* 3 + 60 s / 5 s */
    storm(false, &evictions);
    assert_in_range(evictions, 14, 15);
}

/* Walks are no way around. */
static void test_storm_of_walks(void **state)
{
    (void)state;
    struct bench b;
    char name[16];
    char text[64];
    unsigned evictions = 0;
    open_guarded(&b, 8, 12, true);
    neighbors(&b, "a b c d e f g h i j k l");
    for (uint64_t ms = 10000; ms < 70000; ms += 10) {
        b.now = ms * SG_NS_PER_MS;
        snprintf(name, sizeof(name), "s%u", (unsigned)ms);
        snprintf(text, sizeof(text), "FORWARD_JOIN %s ttl=0", name);
        says(&b, "a", text);
        if (is_pending(&b, name))
            says(&b, name, "NEIGHBOR_REPLY accepted");
        evictions += is_active(&b, name);
    }
    assert_in_range(evictions, 14, 15);
    bench_close(&b);
}

/* A quarter of the places is not for low priority, and high priority does not fill it for good. */
static void test_an_isolated_node_finds_a_place_after_a_storm(void **state)
{
    (void)state;
    struct bench b;
    char name[16];
    open_guarded(&b, 8, 12, true);
    for (int i = 0; i < 40; i++) {
        snprintf(name, sizeof(name), "s%d", i);
        says(&b, name, "NEIGHBOR high");
    }
    assert_int_equal(b.m.active_count, 12);
    b.now = 20 * SG_NS_PER_S;
    says(&b, "isolated", "NEIGHBOR high");
    assert_true(is_active(&b, "isolated"));
    bench_close(&b);
}

/* ---- links that we chose ---- */

/* Strangers never push out the last two that we asked for; their walks do not count as asking. */
static void test_chosen_links_stay(void **state)
{
    (void)state;
    struct bench b;
    char name[16];
    open_guarded(&b, 8, 8, false);
    b.m.config.chosen_min = 2;
    candidates(&b, "p q");
    says(&b, "p", "NEIGHBOR_REPLY accepted");
    says(&b, "q", "NEIGHBOR_REPLY accepted");
    says(&b, "p", "FORWARD_JOIN j ttl=0");
    says(&b, "j", "NEIGHBOR_REPLY accepted");
    assert_true(b.m.active[0].is_chosen && b.m.active[1].is_chosen && !b.m.active[2].is_chosen);
    for (int i = 0; i < 100; i++) {
        b.now += 6 * SG_NS_PER_S;
        snprintf(name, sizeof(name), "s%d", i);
        says(&b, name, "NEIGHBOR high");
        assert_true(is_active(&b, name) && is_active(&b, "p") && is_active(&b, "q"));
    }
    assert_false(is_active(&b, "j"));
    bench_close(&b);
}

/* A third chosen one may go. */
static void test_chosen_beyond_the_least_may_go(void **state)
{
    (void)state;
    struct bench b;
    open_guarded(&b, 3, 3, true);
    b.m.config.chosen_min = 2;
    candidates(&b, "p q r");
    says(&b, "p", "NEIGHBOR_REPLY accepted");
    says(&b, "q", "NEIGHBOR_REPLY accepted");
    says(&b, "r", "NEIGHBOR_REPLY accepted");
    b.now = 5 * SG_NS_PER_S;
    says(&b, "x", "NEIGHBOR high");
    assert_string_equal(views(&b), "active: p q x; passive: r; pending:");
    b.m.config.chosen_min = 3;
    b.now = 15 * SG_NS_PER_S;
    b.m.active[2].is_chosen = true;
    assert_string_equal(says(&b, "y", "NEIGHBOR high"), "send y NEIGHBOR_REPLY refused\n");
    bench_close(&b);
}

/* Both asked at once: the link counts as ours, too. A link that is asked for anew stays ours. */
static void test_crossing_is_chosen(void **state)
{
    (void)state;
    struct bench b;
    open_guarded(&b, 3, 3, true);
    candidates(&b, "p");
    says(&b, "p", "NEIGHBOR low");
    assert_true(b.m.active[0].is_chosen);
    says(&b, "p", "NEIGHBOR low");
    assert_true(b.m.active[0].is_chosen);
    says(&b, "x", "NEIGHBOR_REPLY accepted"); /* to no request of ours */
    assert_true(is_active(&b, "x") && !b.m.active[1].is_chosen);
    bench_close(&b);
}

/* ---- the limits off, as in the paper ---- */

static void test_no_limit(void **state)
{
    (void)state;
    struct bench b;
    char name[16];
    bench_open(&b, 4, 4, 64);
    neighbors(&b, "a b c d");
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof(name), "s%d", i);
        says(&b, name, "NEIGHBOR high");
        assert_true(is_active(&b, name));
    }
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_youngest_goes),
        cmocka_unit_test(test_newcomers_are_spared),
        cmocka_unit_test(test_storm),
        cmocka_unit_test(test_storm_of_walks),
        cmocka_unit_test(test_an_isolated_node_finds_a_place_after_a_storm),
        cmocka_unit_test(test_chosen_links_stay),
        cmocka_unit_test(test_chosen_beyond_the_least_may_go),
        cmocka_unit_test(test_crossing_is_chosen),
        cmocka_unit_test(test_no_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
