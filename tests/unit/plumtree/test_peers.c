/* peers.c: the two sets, names of neighbours, round trips, the rescue. */
#include "unit/plumtree/fixture.h"

static struct sg_pt_peer *peer(const struct pt_play *p, const char *word)
{
    struct sg_peer_id id = pt_peer(word);
    return sg_pt_peer_find(p->pt, &id);
}

static void test_patience(void **state)
{
    struct pt_play *p = *state;
    DO(p, "new min_ms=50 max_ms=2000");
    DO(p, "up a b");
    assert_int_equal(sg_pt_peer_patience(p->pt, peer(p, "a")), 50 * SG_NS_PER_MS);
    assert_int_equal(sg_pt_peer_window(p->pt), 100 * SG_NS_PER_MS);
    DO(p, "a rtt 100 25");
    assert_int_equal(sg_pt_peer_patience(p->pt, peer(p, "a")), 300 * SG_NS_PER_MS);
    assert_int_equal(sg_pt_peer_window(p->pt), 600 * SG_NS_PER_MS);
    struct sg_pt_in in = {.kind = SG_PT_IN_RTT, .peer = pt_peer("b")};
    in.srtt_ns = in.rttvar_ns = UINT64_MAX;
    assert_int_equal(sg_pt_input(p->pt, 0, &in, &p->out), SG_OK);
    sg_pt_check(p->pt);
    assert_int_equal(sg_pt_peer_patience(p->pt, peer(p, "b")), 2000 * SG_NS_PER_MS);
}

/* A neighbour that comes back has another tag, and the queue of one that went. */
static void test_tags_are_not_used_again(void **state)
{
    struct pt_play *p = *state;
    DO(p, "new peers=3");
    DO(p, "up a b c");
    uint32_t tag = peer(p, "b")->tag;
    const struct sg_pt_have *queue = peer(p, "b")->queue;
    DO(p, "down b");
    assert_null(sg_pt_peer_by_tag(p->pt, tag));
    DO(p, "up b");
    assert_int_not_equal(peer(p, "b")->tag, tag);
    assert_ptr_equal(peer(p, "b")->queue, queue);
    EXPECT(p, "show", "eager: a c b\nlazy:\n");
    p->pt->last_tag = UINT32_MAX; /* four billion neighbours later */
    DO(p, "down a");
    DO(p, "up d");
    assert_int_equal(peer(p, "d")->tag, 1);
}

static int rescued(const struct pt_play *p)
{
    return p->pt->peers[0].is_eager ? 0 : p->pt->peers[1].is_eager ? 1 : 2;
}

/* Each lazy neighbour but the one that pruned us has the same chance. */
static void test_rescue_draws_evenly(void **state)
{
    struct pt_play *p = *state;
    int drawn[3] = {0};
    char line[96];
    for (int seed = 0; seed < 3000; seed++) {
        snprintf(line, sizeof(line), "new seed=%d", seed);
        DO(p, line);
        DO(p, "up a pruner b c");
        DO(p, "a prune");
        DO(p, "b prune");
        DO(p, "c prune");
        DO(p, "pruner prune");
        assert_int_equal(p->out.count, 1);
        assert_int_equal(p->out.out[0].kind, SG_PT_OUT_GRAFT);
        DO(p, "down pruner");
        drawn[rescued(p)]++;
    }
    for (int i = 0; i < 3; i++)
        assert_in_range(drawn[i], 900, 1100);
}

static void test_nobody_to_rescue(void **state)
{
    struct pt_play *p = *state;
    DO(p, "new");
    DO(p, "up only");
    EXPECT(p, "only prune", "");
    EXPECT(p, "show", "eager:\nlazy: only\n");
    EXPECT(p, "down only", "");
    EXPECT(p, "broadcast m", "");
}

/* Two neighbours that prune us in turn: each may be asked back three times, then once a minute;
 * more would be a fault at its end. */
static void test_rescues_are_returns(void **state)
{
    struct pt_play *p = *state;
    size_t rescues = 0;
    DO(p, "new");
    DO(p, "up a b");
    for (int i = 0; i < 60; i++) {
        DO(p, "a prune");
        rescues += p->out.count;
        DO(p, "wait 2001");
        DO(p, "b prune");
        rescues += p->out.count;
        DO(p, "wait 2001");
    }
    assert_in_range(rescues, 6, 2 * (3 + 4));
    assert_int_equal(sg_pt_stats(p->pt)->rescues, rescues);
}

/* Who is only pushed to brings nothing: with nobody else left the node is alone. For its own
 * message somebody to push to is enough. */
static void test_who_only_takes_does_not_count(void **state)
{
    struct pt_play *p = *state;
    DO(p, "new");
    DO(p, "up a b c");
    DO(p, "b prune");
    DO(p, "c prune");
    DO(p, "b graft");
    EXPECT(p, "show", "eager: a\nlazy: c\nfed: b\n");
    EXPECT(p, "a prune", "graft c\n");
    EXPECT(p, "down c", "graft a\n");
    DO(p, "wait 2001");
    EXPECT(p, "a prune", "");
    EXPECT(p, "broadcast m", "push b m/1\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PT_TEST(test_patience),
        PT_TEST(test_tags_are_not_used_again),
        PT_TEST(test_rescue_draws_evenly),
        PT_TEST(test_nobody_to_rescue),
        PT_TEST(test_rescues_are_returns),
        PT_TEST(test_who_only_takes_does_not_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
