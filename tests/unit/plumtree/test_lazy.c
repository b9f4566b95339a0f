/* lazy.c: nothing that waits is lost, and what an outbox points at stays until the next input. */
#include "unit/plumtree/fixture.h"

static void test_full_queues_go_at_once(void **state)
{
    struct pt_play *p = *state;
    DO(p, "new queue=2");
    DO(p, "up parent a b");
    DO(p, "a prune");
    DO(p, "b prune");
    EXPECT(p, "parent gossip m1", "");
    EXPECT(p, "parent gossip m2", "ihave a m1/2 m2/2\nihave b m1/2 m2/2\n");
    EXPECT(p, "parent gossip m3", "");
    EXPECT(p, "a dropped m1", "ihave a m3/2 m1/2\n");
    EXPECT(p, "run 20", "at 10 ms\nihave b m3/2\n");
}

/* Two ids fit, three are held: the newest two, oldest first; refused ones are none. */
static void test_new_neighbour_fills_its_queue_at_most(void **state)
{
    struct pt_play *p = *state;
    DO(p, "new queue=2");
    DO(p, "broadcast m1");
    DO(p, "broadcast m2");
    DO(p, "broadcast m3");
    EXPECT(p, "up a", "graft a\nihave a m2/1 m3/1\n");
    DO(p, "a refused m4");
    EXPECT(p, "up b", "graft b\nihave b m2/1 m3/1\n");
    DO(p, "new onup=0");
    DO(p, "broadcast m1");
    DO(p, "up a");
    EXPECT(p, "run 10", "");
}

static void test_outbox_points_at_what_was_queued(void **state)
{
    struct pt_play *p = *state;
    DO(p, "new queue=1");
    DO(p, "up parent a b");
    DO(p, "a prune");
    DO(p, "b prune");
    DO(p, "parent gossip m1");
    assert_int_equal(p->out.count, 2);
    assert_true(p->out.out[0].have != p->out.out[1].have);
    for (size_t i = 0; i < 2; i++)
        assert_string_equal((const char *)p->out.out[i].have[0].id.b, "m1");
    /* a hop that cannot grow */
    EXPECT(p, "parent gossip m2 255", "ihave a m2/255\nihave b m2/255\n");
}

static void test_flush_at_once(void **state)
{
    struct pt_play *p = *state;
    DO(p, "new flush_ms=0");
    DO(p, "up parent a");
    DO(p, "a prune");
    EXPECT(p, "parent gossip m", "");
    assert_true(sg_pt_deadline(p->pt) <= p->now);
    EXPECT(p, "timeout", "at 0 ms\nihave a m/2\n");
}

/* Both ends of a lazy link have the message soon after each other: one of them says so. */
static void test_what_a_neighbour_has_is_not_announced_to_it(void **state)
{
    struct pt_play *p = *state;
    DO(p, "new threshold=3");
    DO(p, "up parent a b c");
    DO(p, "a prune");
    DO(p, "b prune");
    DO(p, "c prune");
    DO(p, "a ihave m1/2");
    EXPECT(p, "parent gossip m1 1", ""); /* a was first: its id is not queued */
    DO(p, "b ihave m1/5");               /* b is second: its id is taken out again */
    EXPECT(p, "run 20", "at 10 ms\nihave c m1/2\n");
    DO(p, "parent gossip m2 1");
    DO(p, "parent gossip m3 1");
    DO(p, "parent gossip m4 1");
    DO(p, "a ihave m3/2 m5/2");
    DO(p, "b ihave m2/2 m3/2 m4/2");
    assert_true(sg_pt_deadline(p->pt) != SG_TIME_NEVER);
    DO(p, "c ihave m4/2 m2/2");
    EXPECT(p, "parent gossip m5 1", "");
    EXPECT(p, "run 20", "at 30 ms\nihave a m2/2 m4/2\nihave b m5/2\nihave c m3/2 m5/2\n");
}

/* A neighbour that has it over so many more hops than it would have from here is told: it may want
 * another parent. */
static void test_a_far_neighbour_is_told_all_the_same(void **state)
{
    struct pt_play *p = *state;
    DO(p, "new threshold=3");
    DO(p, "up parent a b");
    DO(p, "a prune");
    DO(p, "b prune");
    DO(p, "a ihave m1/6");
    DO(p, "b ihave m1/5");
    DO(p, "parent gossip m1 1"); /* from here they would have it at 2; a has it at 5 */
    EXPECT(p, "run 20", "at 10 ms\nihave a m1/2\n");
    DO(p, "parent gossip m2 1");
    DO(p, "a ihave m2/6");
    DO(p, "b ihave m2/5");
    EXPECT(p, "run 20", "at 30 ms\nihave a m2/2\n");
}

/* What the node had to let go is not announced, and not sent unless it is kept elsewhere. */
static void test_what_is_gone_is_not_announced(void **state)
{
    struct pt_play *p = *state;
    DO(p, "new");
    DO(p, "up a b");
    DO(p, "b prune");
    DO(p, "broadcast m1");
    DO(p, "broadcast m2");
    DO(p, "gone m1");
    DO(p, "gone unheard");
    EXPECT(p, "run 20", "at 10 ms\nihave b m2/1\n");
    DO(p, "broadcast m3");
    DO(p, "gone m3");
    EXPECT(p, "run 20", "");
    assert_false(p->pt->has_gone); /* nobody looks for it any more */
    DO(p, "up c");
    EXPECT(p, "run 20", "at 50 ms\nihave c m2/1\n");
    EXPECT(p, "b graft m1", "donthave b m1\n");
    assert_int_equal(sg_pt_stats(p->pt)->grafts_unanswerable, 1);
    EXPECT(p, "b graft m1 kept", "push b m1/1\n");
    EXPECT(p, "known m1 m2", "m1 seen\nm2 cached\n");
    EXPECT(p, "run 62000", "at 60937 ms\nforget m1\nforget m2\nforget m3\n");
}

/* The first id after a rest goes after 10 ms, to all; what comes then waits for the end of the
 * pause, half of it more or less. A full queue does not wait. */
static void test_a_pause_between_announcements(void **state)
{
    struct pt_play *p = *state;
    DO(p, "new pause_ms=100 queue=4");
    DO(p, "up parent a b");
    DO(p, "a prune");
    DO(p, "b prune");
    DO(p, "parent gossip m1");
    EXPECT(p, "run 10", "at 10 ms\nihave a m1/2\nihave b m1/2\n");
    DO(p, "parent gossip m2");
    EXPECT(p, "run 49", "");
    DO(p, "b ihave m2/2");
    DO(p, "parent gossip m3");
    EXPECT(p, "run 101", "at 63 ms\nihave a m2/2 m3/2\nihave b m3/2\n");
    DO(p, "wait 200");
    DO(p, "parent gossip m4");
    EXPECT(p, "run 10", "at 370 ms\nihave a m4/2\nihave b m4/2\n");
    DO(p, "parent gossip m5");
    DO(p, "parent gossip m6");
    DO(p, "parent gossip m7");
    EXPECT(p, "parent gossip m8", "ihave a m5/2 m6/2 m7/2 m8/2\nihave b m5/2 m6/2 m7/2 m8/2\n");
}

static void test_a_new_neighbour_waits_for_no_pause(void **state)
{
    struct pt_play *p = *state;
    DO(p, "new pause_ms=100");
    DO(p, "up parent a");
    DO(p, "a prune");
    DO(p, "parent gossip m1");
    EXPECT(p, "run 10", "at 10 ms\nihave a m1/2\n");
    DO(p, "up b");
    EXPECT(p, "run 10", "at 20 ms\nihave b m1/2\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PT_TEST(test_full_queues_go_at_once),
        PT_TEST(test_new_neighbour_fills_its_queue_at_most),
        PT_TEST(test_outbox_points_at_what_was_queued),
        PT_TEST(test_flush_at_once),
        PT_TEST(test_a_pause_between_announcements),
        PT_TEST(test_a_new_neighbour_waits_for_no_pause),
        PT_TEST(test_what_a_neighbour_has_is_not_announced_to_it),
        PT_TEST(test_a_far_neighbour_is_told_all_the_same),
        PT_TEST(test_what_is_gone_is_not_announced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
