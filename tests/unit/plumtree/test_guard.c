/* guard.c: contacts beside the tree while messages have to be pulled. */
#include "unit/plumtree/fixture.h"

/* c1 and c2 are contacts outside the tree, and parent brings nothing more. */
static void begin(struct pt_play *p)
{
    DO(p, "new");
    DO(p, "up parent c1 c2 a");
    DO(p, "c1 about 0 1");
    DO(p, "c2 about 0 1");
    DO(p, "c1 prune");
    DO(p, "c2 prune");
    DO(p, "a prune");
    DO(p, "parent gossip z");
    DO(p, "run 20");
}

static void pull(struct pt_play *p, const char *id)
{
    char line[64];
    snprintf(line, sizeof(line), "a ihave %s", id);
    DO(p, line);
    DO(p, "run 60");
    snprintf(line, sizeof(line), "a gossip %s", id);
    DO(p, line);
}

static bool is_linked(struct pt_play *p, const char *word)
{
    struct sg_peer_id id = pt_peer(word);
    return sg_pt_peer_is_linked(sg_pt_peer_find(p->pt, &id));
}

/* One gap is an accident. */
static void test_gaps_bring_the_contacts_in(void **state)
{
    struct pt_play *p = *state;
    begin(p);
    pull(p, "m2");
    assert_false(sg_pt_guard_is_on(p->pt));
    pull(p, "m1");
    assert_true(sg_pt_guard_is_on(p->pt));
    assert_true(is_linked(p, "c1") && is_linked(p, "c2"));
    assert_int_equal(sg_pt_stats(p->pt)->guards, 1);
    EXPECT(p, "c1 copy m1", ""); /* no PRUNE */
    EXPECT(p, "parent copy m1", "prune parent\n");
    DO(p, "up c3");
    EXPECT(p, "c3 about 0 1", "graft c3\n");
    EXPECT(p, "c3 copy m1", "");
}

/* What comes by itself is no gap, however late; gaps far apart are none either. */
static void test_a_tree_without_gaps_pays_nothing(void **state)
{
    struct pt_play *p = *state;
    char line[64];
    begin(p);
    for (int i = 0; i < 100; i++) {
        snprintf(line, sizeof(line), "a ihave m%d", i);
        DO(p, line);
        snprintf(line, sizeof(line), "parent gossip m%d", i);
        DO(p, line);
        if (i % 30 == 29) {
            snprintf(line, sizeof(line), "g%d", i);
            pull(p, line);
        }
    }
    assert_false(sg_pt_guard_is_on(p->pt));
    assert_false(is_linked(p, "c1"));
}

/* After five minutes copies cut links again. */
static void test_it_comes_to_an_end(void **state)
{
    struct pt_play *p = *state;
    begin(p);
    pull(p, "m1");
    pull(p, "m2");
    DO(p, "wait 299000");
    DO(p, "a gossip n1");
    EXPECT(p, "c1 copy n1", "");
    DO(p, "wait 2000");
    DO(p, "a gossip n2");
    assert_false(sg_pt_guard_is_on(p->pt));
    EXPECT(p, "c1 copy n2", "prune c1\n");
}

/* However many contacts there are, four are kept: the oldest neighbours. */
static void test_what_it_costs_is_bounded(void **state)
{
    struct pt_play *p = *state;
    static const char *const more[] = {"c3", "c4", "c5", "c6"};
    char line[64];
    begin(p);
    for (size_t i = 0; i < 4; i++) {
        snprintf(line, sizeof(line), "up %s", more[i]);
        DO(p, line);
        snprintf(line, sizeof(line), "%s about 0 1", more[i]);
        DO(p, line);
    }
    pull(p, "m1");
    pull(p, "m2");
    assert_true(is_linked(p, "c3") && is_linked(p, "c4"));
    assert_false(is_linked(p, "c5") || is_linked(p, "c6"));
    EXPECT(p, "c4 copy m2", "");
    EXPECT(p, "c5 copy m2", "prune c5\n");
}

/* Its announcements do not pause: others have gaps as well. */
static void test_it_announces_at_once(void **state)
{
    struct pt_play *p = *state;
    DO(p, "new pause_ms=100");
    DO(p, "up parent a");
    DO(p, "a prune");
    pull(p, "m1");
    pull(p, "m2");
    assert_true(sg_pt_guard_is_on(p->pt));
    DO(p, "run 200");
    DO(p, "parent prune");
    DO(p, "a gossip m3");
    DO(p, "run 10");
    DO(p, "a gossip m4");
    EXPECT(p, "run 10", "at 340 ms\nihave parent m4/2\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PT_TEST(test_gaps_bring_the_contacts_in), PT_TEST(test_a_tree_without_gaps_pays_nothing),
        PT_TEST(test_it_comes_to_an_end),         PT_TEST(test_what_it_costs_is_bounded),
        PT_TEST(test_it_announces_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
