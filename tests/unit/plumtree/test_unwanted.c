/* unwanted.c: the ids that a neighbour does not want to be sent. */
#include "unit/plumtree/fixture.h"

static bool is_unwanted(const struct pt_play *p, const char *peer, const char *word)
{
    struct sg_peer_id id = pt_peer(peer);
    struct sg_msg_id msg = pt_msg(word);
    return sg_pt_unwanted_has(p->pt, sg_pt_peer_find(p->pt, &id), &msg);
}

/* Any number of them takes the same room: the oldest are forgotten. */
static void test_bounded(void **state)
{
    struct pt_play *p = *state;
    char line[32];
    DO(p, "new");
    DO(p, "up a b c");
    for (int i = 0; i < 10000; i++) {
        snprintf(line, sizeof(line), "a dontwant %07d", i);
        EXPECT(p, line, "");
    }
    assert_false(is_unwanted(p, "a", "0009967"));
    assert_true(is_unwanted(p, "a", "0009968"));
    assert_true(is_unwanted(p, "a", "0009999"));
    assert_false(is_unwanted(p, "b", "0009999"));
    assert_int_equal(sg_pt_stats(p->pt)->dontwants_received, 10000);
    DO(p, "run 10000");
    DO(p, "timeout");
    assert_false(is_unwanted(p, "a", "0009999"));
}

/* What a node asks for it gets, whatever it said before. */
static void test_graft_overrides(void **state)
{
    struct pt_play *p = *state;
    DO(p, "new");
    DO(p, "up a b c");
    DO(p, "b dontwant m");
    EXPECT(p, "a gossip m", "prune b\npush c m/2\n");
    assert_int_equal(sg_pt_stats(p->pt)->pushes_spared, 1);
    EXPECT(p, "b graft m", "push b m/2\n");
}

static void test_without_memory(void **state)
{
    struct pt_play *p = *state;
    DO(p, "new");
    DO(p, "up a");
    assert_false(is_unwanted(p, "a", "m"));
    DO(p, "a dontwant m");
    assert_true(is_unwanted(p, "a", "m"));
    DO(p, "a gossip k");
    DO(p, "a dontwant k"); /* it is here already */
    assert_false(is_unwanted(p, "a", "k"));
}

/* Said of 32 messages after the last copy: in a tree without cycles it would be said in vain. */
static void test_silent_without_copies(void **state)
{
    struct pt_play *p = *state;
    char line[64];
    DO(p, "new");
    DO(p, "up a b c");
    for (int i = 0; i < 40; i++) {
        snprintf(line, sizeof(line), "a arriving %07d", i);
        DO(p, line);
        assert_int_equal(sg_pt_stats(p->pt)->dontwants_sent, i < 32 ? 2 * (i + 1) : 64);
    }
    DO(p, "a gossip m");
    DO(p, "b copy m");
    DO(p, "a arriving n");
    assert_int_equal(sg_pt_stats(p->pt)->dontwants_sent, 65); /* c */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PT_TEST(test_bounded),
        PT_TEST(test_graft_overrides),
        PT_TEST(test_without_memory),
        PT_TEST(test_silent_without_copies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
