/* plumtree.c: configuration, verification, whole outboxes of each input, time. Behaviour as told
 * by a scenario is in tests/trace/pt_*.txt. */
#include "unit/base/failing_mem.h"
#include "unit/plumtree/fixture.h"

static sg_err new_with(const struct sg_pt_config *config)
{
    struct sg_pt *pt = NULL;
    sg_err err = sg_pt_new(&pt, config, 0, 1);
    sg_pt_free(pt);
    return err;
}

static void test_defaults(void **state)
{
    (void)state;
    struct sg_pt_config c = sg_pt_config_default(sg_mem_default());
    assert_int_equal(c.peers_max, 16);
    assert_int_equal(c.seen_max, 16384);
    assert_int_equal(c.ihave_flush_ns, 10 * SG_NS_PER_MS);
    assert_int_equal(c.ihave_pause_ns, 100 * SG_NS_PER_MS);
    assert_int_equal(new_with(&c), SG_OK);
}

/* One field of the default is spoilt. */
#define REFUSES(field, wrong)                                                                      \
    do {                                                                                           \
        struct sg_pt_config c = sg_pt_config_default(sg_mem_default());                            \
        c.field = wrong;                                                                           \
        assert_int_equal(new_with(&c), SG_ERR_INVALID_ARGUMENT);                                   \
    } while (0)

static void test_bad_configs(void **state)
{
    (void)state;
    REFUSES(mem, NULL);
    REFUSES(peers_max, 0);
    REFUSES(peers_max, SG_PT_PEERS_HARD + 1);
    REFUSES(seen_max, 2047); /* fewer than held */
    REFUSES(seen_max, UINT32_MAX);
    REFUSES(cache_max, 0);
    REFUSES(missing_max, 0);
    REFUSES(missing_max, UINT32_MAX);
    REFUSES(advertisers_max, 0);
    REFUSES(advertisers_max, SG_PT_ADVERTISERS_HARD + 1);
    REFUSES(ihave_queue_max, 0);
    REFUSES(ihave_queue_max, SG_PT_IHAVE_MAX + 1);
    REFUSES(cache_ns, 301 * SG_NS_PER_S); /* held longer than seen */
    REFUSES(graft_min_ns, 0);
    REFUSES(graft_min_ns, 3 * SG_NS_PER_S); /* above graft_max_ns */
    REFUSES(graft_max_ns, 3601 * SG_NS_PER_S);
    REFUSES(graft_tries_max, 0);
}

static void test_largest_and_smallest_configs(void **state)
{
    (void)state;
    struct sg_pt_config c = sg_pt_config_default(sg_mem_default());
    c.peers_max = SG_PT_PEERS_HARD;
    c.advertisers_max = SG_PT_ADVERTISERS_HARD;
    c.ihave_queue_max = SG_PT_IHAVE_MAX;
    assert_int_equal(new_with(&c), SG_OK);
    c.peers_max = c.advertisers_max = c.ihave_queue_max = 1;
    c.seen_max = c.cache_max = c.missing_max = 1;
    assert_int_equal(new_with(&c), SG_OK);
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    struct failing_mem failing;
    struct sg_pt *pt = NULL;
    sg_err err = SG_ERR_NO_MEMORY;
    size_t n = 0;
    while (err != SG_OK) {
        struct sg_pt_config c = sg_pt_config_default(failing_mem_init(&failing, ++n));
        err = sg_pt_new(&pt, &c, 0, 1);
        assert_true(err == SG_OK || (err == SG_ERR_NO_MEMORY && pt == NULL && failing.live == 0));
    }
    assert_int_equal(n, 4);
    sg_pt_free(pt);
    assert_int_equal(failing.live, 0);
}

/* Neighbours, announcements, messages of our own and of others, copies, lost links. */
static void live(struct pt_play *p)
{
    static const char *const script[] = {
        "up a b c",        "a ihave m1 m2 m3 m4 m5 m6 m7 m8 m9 m10 m11 m12",
        "b ihave m3 m20",  "broadcast n",
        "a gossip m3",     "b copy n",
        "b prune",         "c prune",
        "broadcast n2 n3", "a gossip m21",
        "a gossip m22",    "down a",
        "run 1000000",
    };
    for (size_t i = 0; i < sizeof(script) / sizeof(script[0]); i++) {
        (void)pt_line(p, script[i]);
        sg_pt_check(p->pt);
    }
}

/* Tables grow; each growth may fail, and the machine goes on with what it has. */
static void test_every_growth_may_fail(void **state)
{
    struct pt_play *p = *state;
    struct failing_mem failing;
    DO(p, "new missing=8");
    for (size_t n = 0;; n++) {
        p->config.mem = failing_mem_init(&failing, 0);
        sg_pt_free(p->pt);
        assert_int_equal(sg_pt_new(&p->pt, &p->config, 0, 1), SG_OK);
        size_t made = failing.calls;
        failing.fail_at = made + n;
        live(p);
        bool all = failing.calls < failing.fail_at;
        sg_pt_free(p->pt);
        p->pt = NULL;
        assert_int_equal(failing.live, 0);
        if (all) {
            assert_in_range(n, 8, 40);
            break;
        }
    }
}

/* Each error, and that nothing has changed then. */
static void refuses(struct pt_play *p, struct sg_pt_in in, sg_err err)
{
    struct sg_pt_outbox before = p->out;
    struct sg_pt_stats stats = *sg_pt_stats(p->pt);
    assert_int_equal(sg_pt_input(p->pt, p->now + SG_NS_PER_S, &in, &p->out), err);
    sg_pt_check(p->pt);
    assert_memory_equal(&before, &p->out, sizeof(before));
    assert_memory_equal(&stats, sg_pt_stats(p->pt), sizeof(stats));
}

static void test_errors_change_nothing(void **state)
{
    static struct sg_pt_have have[SG_PT_IHAVE_MAX + 1];
    struct pt_play *p = *state;
    const enum sg_pt_in_kind of_peers[] = {
        SG_PT_IN_NEIGHBOR_DOWN, SG_PT_IN_GOSSIP,   SG_PT_IN_DUPLICATE, SG_PT_IN_REFUSED,
        SG_PT_IN_IHAVE,         SG_PT_IN_GRAFT,    SG_PT_IN_PRUNE,     SG_PT_IN_RTT,
        SG_PT_IN_PUSH_DROPPED,  SG_PT_IN_ARRIVING, SG_PT_IN_DONTWANT,  SG_PT_IN_CONDUCT,
        SG_PT_IN_ABOUT,         SG_PT_IN_DONTHAVE,
    };
    DO(p, "new peers=2");
    DO(p, "up a b");
    DO(p, "a gossip m");
    struct sg_pt_in in = {.peer = pt_peer("stranger"), .id = pt_msg("m"), .have = have, .count = 1};
    for (size_t i = 0; i < sizeof(of_peers) / sizeof(of_peers[0]); i++) {
        in.kind = of_peers[i];
        refuses(p, in, SG_ERR_PROTOCOL);
    }
    in.kind = SG_PT_IN_NEIGHBOR_UP;
    refuses(p, in, SG_ERR_FULL);
    in.peer = pt_peer("a");
    refuses(p, in, SG_ERR_EXISTS);
    in.kind = SG_PT_IN_GOSSIP;
    refuses(p, in, SG_ERR_DUPLICATE);
    in.kind = SG_PT_IN_REFUSED;
    refuses(p, in, SG_ERR_DUPLICATE);
    in.kind = SG_PT_IN_BROADCAST;
    refuses(p, in, SG_ERR_DUPLICATE);
    in.kind = SG_PT_IN_IHAVE;
    in.count = 0;
    refuses(p, in, SG_ERR_INVALID_ARGUMENT);
    in.count = SG_PT_IHAVE_MAX + 1;
    refuses(p, in, SG_ERR_INVALID_ARGUMENT);
}

/* One expected outbox per kind of input. */
static void test_outbox_of_each_input(void **state)
{
    struct pt_play *p = *state;
    DO(p, "new onup=2 cache=2 queue=2 threshold=2 backoff_ms=0");
    EXPECT(p, "up a b c", "");
    EXPECT(p, "broadcast m1", "push a m1/1\npush b m1/1\npush c m1/1\n");
    EXPECT(p, "a gossip m2 4", "push b m2/5\npush c m2/5\n");
    EXPECT(p, "b copy m1", "prune b\n");
    EXPECT(p, "c prune", "");
    EXPECT(p, "a gossip m3 2", "forget m1\n");
    EXPECT(p, "up d", "ihave d m2/5 m3/3\n");
    EXPECT(p, "a rtt 20 5", "");
    EXPECT(p, "a dropped m3", "");
    EXPECT(p, "timeout", "");
    EXPECT(p, "run 10", "at 10 ms\nihave a m3/3\nihave b m3/3\nihave c m3/3\n"); /* d is lazy */
    EXPECT(p, "wait 1000", ""); /* what was under way is there */
    EXPECT(p, "c ihave k4/1", "");
    EXPECT(p, "a gossip k4 3", "forget m2\ngraft c\nprune a\n");
    EXPECT(p, "b graft m3", "push b m3/3\n");
    EXPECT(p, "b graft m2", "donthave b m2\n");
    EXPECT(p, "d refused m5", "");
    EXPECT(p, "show", "eager: c\nlazy: a d\nfed: b\n");
    EXPECT(p, "down b c", "graft a\n");
    EXPECT(p, "down d", "");
}

static void test_stats(void **state)
{
    struct pt_play *p = *state;
    DO(p, "new missing=1 seen=3 cache=3 tries=1");
    DO(p, "up a b c");
    DO(p, "a gossip m1");
    DO(p, "b copy m1");
    DO(p, "c prune");
    DO(p, "c ihave m2 m3");
    DO(p, "run 60");
    DO(p, "c gossip m3");
    for (int i = 0; i < 4; i++)
        DO(p, "b graft m1");
    DO(p, "b graft m9");
    DO(p, "b dropped m1");
    DO(p, "b ihave m4");
    DO(p, "run 1000");
    DO(p, "broadcast m5");
    DO(p, "broadcast m6");
    const struct sg_pt_stats expected = {.payloads_new = 2,
                                         .payloads_duplicate = 1,
                                         .payloads_sent = 11,
                                         .ihaves_sent = 2,
                                         .ihaves_received = 3,
                                         .grafts_sent = 2,
                                         .grafts_received = 5,
                                         .grafts_unanswerable = 1,
                                         .prunes_sent = 1,
                                         .prunes_received = 1,
                                         .grafts_served = 2,
                                         .grafts_refused = 2,
                                         .grafts_in_backoff = 1,
                                         .missing_recovered = 1,
                                         .promises_kept = 1,
                                         .missing_given_up = 1,
                                         .missing_overflow = 1,
                                         .pushes_dropped = 1,
                                         .seen_overflow = 1};
    assert_memory_equal(sg_pt_stats(p->pt), &expected, sizeof(expected));
}

/* ---- time ---- */

static size_t count_of(const struct pt_play *p, enum sg_pt_out_kind kind)
{
    size_t count = 0;
    for (size_t i = 0; i < p->out.count; i++)
        count += p->out.out[i].kind == kind;
    return count;
}

static void feed_numbered(struct pt_play *p, const char *format, int count)
{
    char line[64];
    for (int i = 0; i < count; i++) {
        snprintf(line, sizeof(line), format, i, i, i, i);
        DO(p, line);
    }
}

/* More than fits one outbox: called again at once until nothing is due. */
static void test_timeouts_come_in_slices(void **state)
{
    struct pt_play *p = *state;
    DO(p, "new peers=32 flush_ms=100000 min_ms=100000 max_ms=100000 cache_ms=100000 tries=1");
    feed_numbered(p, "up peer%02d", 32);
    feed_numbered(p, "peer%02d prune", 31);
    feed_numbered(p, "peer31 gossip n%02d", 70);
    feed_numbered(p, "peer00 ihave ma%02d mb%02d mc%02d md%02d", 10);
    p->now = 200 * SG_NS_PER_S;
    DO(p, "timeout");
    assert_int_equal(count_of(p, SG_PT_OUT_IHAVE), 31);
    assert_int_equal(count_of(p, SG_PT_OUT_GRAFT), 32);
    assert_int_equal(count_of(p, SG_PT_OUT_FORGET), 64);
    assert_true(sg_pt_deadline(p->pt) <= p->now);
    DO(p, "timeout");
    assert_int_equal(count_of(p, SG_PT_OUT_IHAVE), 0);
    assert_int_equal(count_of(p, SG_PT_OUT_GRAFT), 8);
    assert_int_equal(count_of(p, SG_PT_OUT_FORGET), 6);
    assert_true(sg_pt_deadline(p->pt) > p->now);
}

static void test_fullest_gossip(void **state)
{
    struct pt_play *p = *state;
    DO(p, "new peers=32 queue=1 cache=1 threshold=1 backoff_ms=0");
    feed_numbered(p, "up peer%02d", 32);
    feed_numbered(p, "peer%02d prune", 16);
    DO(p, "broadcast m1");
    DO(p, "wait 1000"); /* m1 is under way no more */
    DO(p, "peer00 ihave k2/1");
    DO(p, "peer31 gossip k2 9");
    assert_int_equal(count_of(p, SG_PT_OUT_FORGET), 1);
    assert_int_equal(count_of(p, SG_PT_OUT_GOSSIP), 15);
    assert_int_equal(count_of(p, SG_PT_OUT_IHAVE), 15); /* not to the one that has it */
    assert_int_equal(count_of(p, SG_PT_OUT_GRAFT), 1);  /* the shorter path */
    assert_int_equal(count_of(p, SG_PT_OUT_PRUNE), 1);
}

static void test_deadlines(void **state)
{
    struct pt_play *p = *state;
    DO(p, "new flush_ms=30 min_ms=50 cache_ms=6400 seen_ms=12800");
    assert_int_equal(sg_pt_deadline(p->pt), SG_TIME_NEVER);
    DO(p, "up a b");
    assert_int_equal(sg_pt_deadline(p->pt), SG_TIME_NEVER);
    DO(p, "a gossip m");
    assert_int_equal(sg_pt_deadline(p->pt), 6500 * SG_NS_PER_MS);
    DO(p, "b ihave n");
    assert_int_equal(sg_pt_deadline(p->pt), 50 * SG_NS_PER_MS);
    DO(p, "b dropped m");
    assert_int_equal(sg_pt_deadline(p->pt), 30 * SG_NS_PER_MS);
    EXPECT(p, "next", "at 30 ms\nihave b m/2\n");
    EXPECT(p, "next", "at 50 ms\ngraft b n\n");
    DO(p, "b refused n");
    EXPECT(p, "next", "at 6500 ms\nforget m\n");
    assert_int_equal(sg_pt_deadline(p->pt), 13000 * SG_NS_PER_MS);
    EXPECT(p, "known m n", "m seen\nn unknown\n");
    EXPECT(p, "next", "");
    EXPECT(p, "known m n", "m unknown\nn unknown\n");
    EXPECT(p, "next", "never\n");
}

/* The contract says that time only grows; a clock that does not is taken as standing still. */
static void test_clock_that_stands(void **state)
{
    struct pt_play *p = *state;
    DO(p, "new");
    DO(p, "up a b");
    DO(p, "wait 1000");
    DO(p, "a gossip m");
    p->now = 0;
    DO(p, "a gossip n");
    EXPECT(p, "b ihave o", "");
    assert_int_equal(sg_pt_deadline(p->pt), 1050 * SG_NS_PER_MS);
    p->now = SG_TIME_NEVER - 1;
    DO(p, "timeout");
    DO(p, "b ihave q");
    DO(p, "timeout");
}

static void test_degrees(void **state)
{
    struct pt_play *p = *state;
    size_t eager = 9;
    size_t lazy = 9;
    DO(p, "new");
    DO(p, "up a b c");
    DO(p, "b prune");
    sg_pt_degrees(p->pt, &eager, &lazy);
    assert_int_equal(eager, 2);
    assert_int_equal(lazy, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_bad_configs),
        cmocka_unit_test(test_largest_and_smallest_configs),
        cmocka_unit_test(test_every_allocation_may_fail),
        PT_TEST(test_every_growth_may_fail),
        PT_TEST(test_errors_change_nothing),
        PT_TEST(test_outbox_of_each_input),
        PT_TEST(test_stats),
        PT_TEST(test_timeouts_come_in_slices),
        PT_TEST(test_fullest_gossip),
        PT_TEST(test_deadlines),
        PT_TEST(test_clock_that_stands),
        PT_TEST(test_degrees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
