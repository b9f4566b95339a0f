/* missing.c: advertisers, timers, the observed lead. */
#include "unit/plumtree/fixture.h"

/* The first announcers are kept; one that is gone, or was asked in vain, makes room. */
static void test_advertisers(void **state)
{
    struct pt_play *p = *state;
    DO(p, "new advertisers=2 tries=6 max_ms=50");
    DO(p, "up a b c d");
    DO(p, "a ihave m");
    DO(p, "b ihave m");
    DO(p, "b ihave m");
    DO(p, "c ihave m");
    EXPECT(p, "run 100", "at 50 ms\ngraft a m\nat 100 ms\ngraft b m\n");
    DO(p, "down a");
    DO(p, "d ihave m"); /* in a's place, so it is the first of the next round too */
    EXPECT(p, "run 100", "at 150 ms\ngraft d m\nat 200 ms\ngraft d m\n");
    DO(p, "c ihave m");
    EXPECT(p, "run 50", "at 250 ms\ngraft c m\n");
}

/* Eager neighbours are asked first: that adds no link to the tree. */
static void test_eager_advertisers_first(void **state)
{
    struct pt_play *p = *state;
    DO(p, "new");
    DO(p, "up parent a b c");
    DO(p, "a prune");
    DO(p, "c prune");
    DO(p, "a ihave m");
    DO(p, "b ihave m");
    DO(p, "c ihave m");
    EXPECT(p, "run 160", "at 50 ms\ngraft b m\nat 100 ms\ngraft a m\nat 150 ms\ngraft c m\n");
}

/* An announcer that comes while others are asked is the next one. */
static void test_late_advertiser_is_next(void **state)
{
    struct pt_play *p = *state;
    DO(p, "new");
    DO(p, "up a b");
    DO(p, "a ihave m");
    DO(p, "run 60");
    DO(p, "b ihave m");
    EXPECT(p, "run 50", "at 100 ms\ngraft b m\n");
}

/* Each round through the advertisers waits twice as long, up to the longest timer. */
static void test_back_off(void **state)
{
    struct pt_play *p = *state;
    DO(p, "new max_ms=150 tries=5");
    DO(p, "up a");
    DO(p, "a ihave m");
    EXPECT(p, "run 10000",
           "at 50 ms\ngraft a m\nat 100 ms\ngraft a m\nat 200 ms\ngraft a m\n"
           "at 350 ms\ngraft a m\nat 500 ms\ngraft a m\n");
    assert_int_equal(sg_pt_stats(p->pt)->missing_given_up, 1);
    assert_int_equal(sg_pt_deadline(p->pt), SG_TIME_NEVER);
}

static uint64_t lead_ms(const struct pt_play *p)
{
    return p->pt->lead_ns / SG_NS_PER_MS;
}

static void late_by(struct pt_play *p, const char *id, unsigned ms)
{
    char line[64];
    snprintf(line, sizeof(line), "a ihave %s", id);
    DO(p, line);
    p->now += ms * SG_NS_PER_MS;
    snprintf(line, sizeof(line), "parent gossip %s", id);
    DO(p, line);
}

static void test_lead_rises_fast_and_falls_slowly(void **state)
{
    struct pt_play *p = *state;
    DO(p, "new");
    DO(p, "up parent a");
    DO(p, "a prune");
    late_by(p, "m1", 200);
    assert_int_equal(lead_ms(p), 100);
    late_by(p, "m2", 200);
    assert_int_equal(lead_ms(p), 150);
    DO(p, "wait 299950");
    late_by(p, "m3", 50); /* after five minutes half way down */
    assert_int_equal(lead_ms(p), 100);
    DO(p, "wait 600000");
    late_by(p, "m4", 0);
    assert_int_equal(lead_ms(p), 0);
    late_by(p, "m5", 100000); /* not above the longest timer */
    assert_int_equal(lead_ms(p), 1000);
}

/* What was asked for does not tell when the tree would have brought it. */
static void test_lead_is_not_learned_from_answers(void **state)
{
    struct pt_play *p = *state;
    DO(p, "new");
    DO(p, "up parent a");
    DO(p, "a prune");
    DO(p, "a ihave m");
    DO(p, "run 60");
    DO(p, "a gossip m");
    assert_int_equal(lead_ms(p), 0);
    assert_int_equal(sg_pt_stats(p->pt)->missing_recovered, 1);
    assert_int_equal(sg_pt_stats(p->pt)->grafts_early, 0);
    DO(p, "a ihave n");
    DO(p, "run 60");
    DO(p, "parent gossip n");
    assert_int_equal(lead_ms(p), 30);
    assert_int_equal(sg_pt_stats(p->pt)->grafts_early, 1);
}

/* More than half of the neighbours have it: one round trip more is waited, not the lead. */
static void test_what_is_all_around_is_asked_for_soon(void **state)
{
    struct pt_play *p = *state;
    DO(p, "new");
    DO(p, "up parent a b c");
    DO(p, "a prune");
    DO(p, "b prune");
    DO(p, "c prune");
    late_by(p, "m1", 400);
    assert_int_equal(lead_ms(p), 200);
    DO(p, "run 1000");
    DO(p, "a ihave m2");
    DO(p, "a ihave m2"); /* counts once */
    DO(p, "a ihave m2");
    DO(p, "wait 20");
    DO(p, "b ihave m2"); /* two of four */
    DO(p, "wait 20");
    assert_in_range(sg_pt_deadline(p->pt) - p->now, 359 * SG_NS_PER_MS, 361 * SG_NS_PER_MS);
    DO(p, "c ihave m2");
    assert_int_equal(sg_pt_deadline(p->pt) - p->now, 50 * SG_NS_PER_MS);
    EXPECT(p, "run 50", "at 1490 ms\ngraft a m2\n");
}

static uint32_t blame_of(struct pt_play *p, const char *word)
{
    struct sg_peer_id id = pt_peer(word);
    return sg_pt_peer_find(p->pt, &id)->score.missing;
}

/* m went by before c was in the tree. */
static void test_a_new_parent_answers_for_itself_only(void **state)
{
    struct pt_play *p = *state;
    DO(p, "new");
    DO(p, "up a b c");
    DO(p, "b prune");
    DO(p, "c prune");
    DO(p, "b ihave m");
    DO(p, "wait 10");
    DO(p, "c gossip n"); /* it is in the tree from now on */
    EXPECT(p, "run 50", "at 20 ms\nihave b n/2\nat 50 ms\ngraft b m\n");
    DO(p, "b gossip m");
    assert_int_equal(blame_of(p, "a"), SG_SCORE_ONE);
    assert_int_equal(blame_of(p, "c"), 0);
    DO(p, "b prune");
    DO(p, "b ihave o");
    DO(p, "run 60");
    DO(p, "b gossip o");
    assert_int_equal(blame_of(p, "c"), SG_SCORE_ONE);
}

/* Many at once, filled and emptied several times: the pool is used again. */
static void test_pool(void **state)
{
    struct pt_play *p = *state;
    char line[96];
    DO(p, "new missing=8 tries=1");
    DO(p, "up a b");
    for (int i = 0; i < 100; i++) {
        snprintf(line, sizeof(line), "%c ihave m%d n%d o%d", "ab"[i % 2], i, i, i / 2);
        DO(p, line);
        if (i % 3 == 0)
            DO(p, "run 55");
        if (i % 7 != 0)
            continue;
        snprintf(line, sizeof(line), "a gossip n%d", i);
        DO(p, line);
    }
    DO(p, "run 1000");
    assert_int_equal(p->pt->missing.count, 0);
    assert_int_equal(p->pt->missing.used, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PT_TEST(test_advertisers),
        PT_TEST(test_eager_advertisers_first),
        PT_TEST(test_late_advertiser_is_next),
        PT_TEST(test_back_off),
        PT_TEST(test_lead_rises_fast_and_falls_slowly),
        PT_TEST(test_lead_is_not_learned_from_answers),
        PT_TEST(test_what_is_all_around_is_asked_for_soon),
        PT_TEST(test_a_new_parent_answers_for_itself_only),
        PT_TEST(test_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
