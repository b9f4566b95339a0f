/* conduct.c and the back-off: what neighbours may do, and what it costs them. */
#include "unit/plumtree/fixture.h"

static const struct sg_pt_stats *stats(const struct pt_play *p)
{
    return sg_pt_stats(p->pt);
}

static int32_t score(const struct pt_play *p, const char *word)
{
    struct sg_peer_id id = pt_peer(word);
    return sg_pt_score(p->pt, &id);
}

static struct sg_pt_peer *peer(const struct pt_play *p, const char *word)
{
    struct sg_peer_id id = pt_peer(word);
    return sg_pt_peer_find(p->pt, &id);
}

static void number(struct sg_msg_id *id, uint64_t n)
{
    memset(id, 0, sizeof(*id));
    memcpy(id->b, &n, sizeof(n));
    id->b[31] = 1;
}

/* One input by `word`; gives the number of outputs of a kind. */
static size_t feed(struct pt_play *p, const char *word, struct sg_pt_in in,
                   enum sg_pt_out_kind kind)
{
    size_t count = 0;
    in.peer = pt_peer(word);
    assert_int_equal(sg_pt_input(p->pt, p->now, &in, &p->out), SG_OK);
    for (size_t i = 0; i < p->out.count; i++)
        count += p->out.out[i].kind == kind;
    return count;
}

static size_t gossip(struct pt_play *p, const char *word, uint64_t n)
{
    struct sg_pt_in in = {.kind = SG_PT_IN_GOSSIP, .hop = 1};
    number(&in.id, n);
    return feed(p, word, in, SG_PT_OUT_GRAFT);
}

/* IHAVE of count ids from n on; gives how often its sender is put away. */
static size_t ihave(struct pt_play *p, const char *word, uint64_t n, size_t count)
{
    static struct sg_pt_have have[SG_PT_IHAVE_MAX];
    for (size_t i = 0; i < count; i++) {
        number(&have[i].id, n + i);
        have[i].hop = 1;
    }
    struct sg_pt_in in = {.kind = SG_PT_IN_IHAVE, .have = have, .count = count};
    return feed(p, word, in, SG_PT_OUT_PUT_AWAY);
}

/* Timeouts up to a time; gives the GRAFTs. */
static size_t run(struct pt_play *p, uint64_t ns)
{
    sg_time_ns end = p->now + ns;
    size_t grafts = 0;
    while (sg_pt_deadline(p->pt) <= end) {
        if (p->now < sg_pt_deadline(p->pt))
            p->now = sg_pt_deadline(p->pt);
        assert_int_equal(
            sg_pt_input(p->pt, p->now, &(struct sg_pt_in){.kind = SG_PT_IN_TIMEOUT}, &p->out),
            SG_OK);
        for (size_t i = 0; i < p->out.count; i++)
            grafts += p->out.out[i].kind == SG_PT_OUT_GRAFT;
    }
    p->now = end;
    return grafts;
}

/* threats.md 12: 5 000 bogus ids a second. */
static void test_bogus_announcements(void **state)
{
    struct pt_play *p = *state;
    size_t put_away = 0, grafts = 0;
    uint64_t n = 1;
    DO(p, "new");
    DO(p, "up liar honest");
    DO(p, "liar prune");
    for (int tenths = 0; tenths < 100 && put_away == 0; tenths++, n += 500) {
        put_away += ihave(p, "liar", n, 500);
        grafts += run(p, 100 * SG_NS_PER_MS);
    }
    assert_int_equal(put_away, 1);
    assert_true(p->now < 10 * SG_NS_PER_S);
    /* 64 at once, then ten a second */
    assert_in_range(grafts, 64, 64 + 10 * 10);
    assert_true(stats(p)->asks_held > 0);
    assert_int_equal(stats(p)->promises_kept, 0);
    assert_true(score(p, "liar") < -80);
    assert_int_equal(score(p, "honest"), 0);
    assert_int_equal(ihave(p, "liar", n, 1), 0); /* told once; nobody listens any more */
    assert_true(stats(p)->ihaves_refused > 0);
    sg_pt_check(p->pt);
}

static void test_rate_of_announcements(void **state)
{
    struct pt_play *p = *state;
    DO(p, "new promise_ms=3600000");
    DO(p, "up a b");
    for (uint64_t n = 0; n < 410; n++)
        (void)ihave(p, "a", 100 + n, 1);
    assert_int_equal(stats(p)->ihaves_refused, 10); /* twice 200 frames at once */
    assert_int_equal(stats(p)->faults, 0);
    p->now += SG_NS_PER_S;
    for (uint64_t n = 0; n < 10; n++)
        (void)ihave(p, "b", 1000 + 1000 * n, 1000);
    assert_int_equal(stats(p)->ihaves_refused, 10); /* twice 5 000 ids at once */
    (void)ihave(p, "b", 100000, 1);
    assert_int_equal(stats(p)->ihaves_refused, 11);
    assert_int_equal(stats(p)->faults, 1);
}

/* Who tells of each message once is never too fast. */
static void test_honest_announcements(void **state)
{
    struct pt_play *p = *state;
    DO(p, "new");
    DO(p, "up a b");
    DO(p, "b prune");
    for (uint64_t n = 0; n < 20000; n++) {
        (void)gossip(p, "a", n);
        (void)ihave(p, "b", n, 1);
        p->now += 100 * SG_NS_PER_US;
    }
    assert_int_equal(stats(p)->ihaves_refused, 0);
    assert_int_equal(stats(p)->faults, 0);
    assert_int_equal(score(p, "b"), 0);
}

/* Announced and asked for, come by another: no promise is broken. */
static void test_promises_are_kept_by_anybody(void **state)
{
    struct pt_play *p = *state;
    DO(p, "new promise_ms=1000");
    DO(p, "up a b c");
    DO(p, "b prune");
    DO(p, "b ihave m1 m2 m3");
    assert_true(run(p, 500 * SG_NS_PER_MS) > 0);
    DO(p, "a gossip m1");
    DO(p, "a gossip m2");
    DO(p, "a refused m3");
    DO(p, "b ihave m4");
    (void)run(p, 3 * SG_NS_PER_S);
    DO(p, "b ihave m5");
    assert_int_equal(stats(p)->promises_kept, 3);
    assert_int_equal(stats(p)->promises_broken, 1);
    (void)run(p, 500 * SG_NS_PER_MS);
    DO(p, "b copy m5"); /* the node has it by back-fill */
    assert_int_equal(stats(p)->promises_kept, 4);
}

/* What this node never asked for cannot come. */
static void test_only_what_is_asked_for_is_promised(void **state)
{
    struct pt_play *p = *state;
    DO(p, "new promise_ms=1000");
    DO(p, "up a b");
    DO(p, "b prune");
    DO(p, "b ihave m1 m2 m3 m4 m5");
    DO(p, "wait 2000"); /* its timers did not run: it was busy */
    DO(p, "b ihave m6");
    assert_int_equal(stats(p)->promises_broken, 0);
}

/* Who lets go of what it announced says so: the next one is asked at once, and nothing is broken.
 * */
static void test_denied(void **state)
{
    struct pt_play *p = *state;
    DO(p, "new promise_ms=1000");
    DO(p, "up a b c");
    DO(p, "b prune");
    DO(p, "c prune");
    DO(p, "b donthave m1"); /* nobody asked */
    DO(p, "b ihave m1");
    DO(p, "c ihave m1");
    DO(p, "c donthave m1"); /* not yet asked */
    DO(p, "next");
    assert_non_null(strstr(p->text, "graft b m1"));
    DO(p, "b donthave m1");
    assert_int_equal(stats(p)->donthaves_received, 1);
    assert_int_equal(sg_pt_deadline(p->pt), p->now);
    DO(p, "timeout");
    assert_non_null(strstr(p->text, "graft c m1"));
    DO(p, "c donthave m1");
    assert_true(sg_pt_deadline(p->pt) > p->now); /* nobody is left: later */
    DO(p, "b ihave m1");
    DO(p, "next");
    assert_int_equal(stats(p)->missing_given_up, 0);
    DO(p, "b gossip m1");
    (void)run(p, 3 * SG_NS_PER_S);
    DO(p, "b ihave m2");
    assert_int_equal(stats(p)->promises_broken, 0);
    DO(p, "b graft m9"); /* never heard of */
    assert_non_null(strstr(p->text, "donthave b m9"));
    sg_pt_check(p->pt);
}

/* Who denies and announces again, over and over, does not keep the others from being asked. */
static void test_a_liar_that_denies(void **state)
{
    struct pt_play *p = *state;
    bool is_asked = false;
    DO(p, "new");
    DO(p, "up liar honest other");
    DO(p, "liar prune");
    DO(p, "honest prune");
    DO(p, "liar ihave m1");
    DO(p, "honest ihave m1");
    for (int i = 0; i < 4 && !is_asked; i++) {
        DO(p, "next");
        is_asked = strstr(p->text, "graft honest m1") != NULL;
        DO(p, "liar donthave m1");
        DO(p, "liar ihave m1");
    }
    assert_true(is_asked);
}

/* It brings them, but faster than they can be verified: here is the fault, not there. */
static void test_no_time_to_verify(void **state)
{
    struct pt_play *p = *state;
    DO(p, "new promise_ms=1000");
    DO(p, "up a b");
    DO(p, "b prune");
    DO(p, "b ihave m1 m2 m3 m4 m5");
    for (int i = 0; i < 20; i++) {
        (void)run(p, 500 * SG_NS_PER_MS);
        DO(p, "b postponed m1");
    }
    DO(p, "b ihave m6");
    assert_int_equal(stats(p)->promises_broken, 0);
    (void)run(p, 2 * SG_NS_PER_S);
    DO(p, "b ihave m7");
    assert_true(stats(p)->promises_broken > 0);
}

/* A neighbour that answers is asked as fast as it does. */
static void test_answers_pay_for_questions(void **state)
{
    struct pt_play *p = *state;
    DO(p, "new min_ms=50");
    DO(p, "up a b");
    DO(p, "b prune");
    (void)ihave(p, "b", 1, 256);
    assert_int_equal(run(p, 60 * SG_NS_PER_MS), 64);
    for (uint64_t n = 1; n <= 256; n++)
        (void)gossip(p, "b", n);
    (void)ihave(p, "b", 1001, 256);
    run(p, 60 * SG_NS_PER_MS);
    assert_in_range(run(p, 200 * SG_NS_PER_MS) + stats(p)->grafts_sent, 190, 400);
    assert_int_equal(stats(p)->missing_given_up, 0);
}

/* Twenty GRAFTs a second in the back-off: the link stays as it is, its sender goes. */
static void test_graft_flood(void **state)
{
    struct pt_play *p = *state;
    size_t put_away = 0, prunes = 0;
    DO(p, "new");
    DO(p, "up a flooder");
    DO(p, "a gossip m");
    DO(p, "flooder copy m");
    DO(p, "wait 1000");
    for (int i = 0; i < 40; i++) {
        struct sg_pt_in prune = {.kind = SG_PT_IN_PRUNE};
        struct sg_pt_in graft = {.kind = SG_PT_IN_GRAFT};
        (void)feed(p, "flooder", prune, SG_PT_OUT_GRAFT);
        prunes += feed(p, "flooder", graft, SG_PT_OUT_PRUNE);
        for (size_t k = 0; k < p->out.count; k++)
            put_away += p->out.out[k].kind == SG_PT_OUT_PUT_AWAY;
        p->now += 50 * SG_NS_PER_MS;
    }
    assert_int_equal(put_away, 1);
    assert_true(stats(p)->grafts_in_backoff >= 20);
    assert_true(prunes >= 17); /* three returns are free */
    EXPECT(p, "show", "eager: a\nlazy: flooder\n");
}

/* threats.md 14: ten times a second it becomes a neighbour in the tree and stops being one. What it
 * can change in a minute is its own link, and that once. */
static void test_flapper_shakes_nobody(void **state)
{
    struct pt_play *p = *state;
    DO(p, "new");
    DO(p, "up a b flapper");
    DO(p, "a gossip m");
    DO(p, "flapper copy m");
    DO(p, "wait 1000");
    struct sg_score_weights kind = {.accept_min = INT32_MIN}; /* it is never put away */
    p->pt->config.weights = kind;
    unsigned changes = 0, own = 0;
    bool was = false;
    for (uint64_t tenths = 0; tenths < 6000; tenths++) {
        struct sg_pt_in in = {.kind = tenths % 2 == 0 ? SG_PT_IN_GRAFT : SG_PT_IN_PRUNE};
        (void)feed(p, "flapper", in, SG_PT_OUT_GRAFT);
        if (tenths % 10 == 0)
            (void)gossip(p, "a", 1000 + tenths);
        changes += !peer(p, "a")->is_eager || !sg_pt_peer_is_linked(peer(p, "b"));
        own += sg_pt_peer_is_linked(peer(p, "flapper")) != was;
        was = sg_pt_peer_is_linked(peer(p, "flapper"));
        (void)run(p, 100 * SG_NS_PER_MS);
    }
    assert_int_equal(changes, 0);
    assert_true(own <= 2 * (3 + 10)); /* on and off again: three at once, one a minute */
    sg_pt_check(p->pt);
}

/* threats.md 13: each message goes to one neighbour three times, to others all the same. */
static void test_served_three_times(void **state)
{
    struct pt_play *p = *state;
    DO(p, "new");
    DO(p, "up a b");
    DO(p, "b prune");
    DO(p, "broadcast m");
    for (int i = 0; i < 3; i++)
        EXPECT(p, "b graft m", "push b m/1\n");
    EXPECT(p, "b graft m", "");
    EXPECT(p, "a graft m", "push a m/1\n");
    assert_int_equal(stats(p)->grafts_refused, 1);
    assert_int_equal(stats(p)->grafts_served, 4);
    DO(p, "b dropped m"); /* it was not sent after all */
    EXPECT(p, "b graft m", "push b m/1\n");
    DO(p, "down b");
    DO(p, "up c"); /* in its place, with a count of its own */
    EXPECT(p, "c graft m", "push c m/1\n");
}

/* Over a full link an honest neighbour asks eight times for each message before the first copy of
 * it is there; nobody asks ten thousand times. */
static void test_asking_again_is_no_fault(void **state)
{
    struct pt_play *p = *state;
    char line[64];
    DO(p, "new");
    DO(p, "up a b");
    for (int i = 0; i < 200; i++) {
        snprintf(line, sizeof(line), "broadcast m%d", i);
        DO(p, line);
        snprintf(line, sizeof(line), "b graft m%d", i);
        for (int k = 0; k < 8; k++)
            DO(p, line);
        DO(p, "wait 50");
    }
    assert_int_equal(stats(p)->grafts_refused, 1200);
    assert_int_equal(stats(p)->faults, 0);
    EXPECT(p, "score b", "b 0\n");
    for (int i = 0; i < 10000; i++)
        DO(p, line);
    assert_true(stats(p)->faults > 1000);
    assert_int_equal(stats(p)->put_away, 1);
}

/* threats.md 11, over random weights: who brings nothing for five minutes is not eager, whatever
 * it says; and nothing that is not a verified message makes its score better. */
static void lazy_life(struct pt_play *p, struct sg_prng *prng)
{
    uint64_t n = 1;
    DO(p, "new");
    int32_t *w = &p->pt->config.weights.time;
    for (size_t i = 0; i < 11; i++)
        w[i] = (int32_t)(sg_prng_next(prng) >> (33 + sg_prng_below(prng, 31)));
    p->pt->config.weights.accept_min = INT32_MIN; /* no weights may get rid of it either */
    DO(p, "up giver taker other");
    for (int s = 0; s < 320; s += 2) {
        (void)gossip(p, "giver", n++);
        int32_t before = score(p, "taker");
        const enum sg_pt_in_kind kinds[] = {SG_PT_IN_DUPLICATE, SG_PT_IN_GRAFT,    SG_PT_IN_PRUNE,
                                            SG_PT_IN_ARRIVING,  SG_PT_IN_DONTWANT, SG_PT_IN_RTT,
                                            SG_PT_IN_REFUSED,   SG_PT_IN_DONTHAVE};
        struct sg_pt_in in = {.kind = kinds[sg_prng_below(prng, 8)], .hop = 1, .has_id = true};
        number(&in.id, in.kind == SG_PT_IN_REFUSED ? 1000000 + n : sg_prng_below(prng, n));
        (void)feed(p, "taker", in, SG_PT_OUT_GRAFT);
        (void)ihave(p, "taker", 5000 + n, 1);
        assert_true(score(p, "taker") <= before);
        (void)run(p, 2 * SG_NS_PER_S);
    }
    (void)gossip(p, "giver", n++);
    assert_false(peer(p, "taker")->is_eager &&
                 p->now - peer(p, "taker")->score.since >= 300 * SG_NS_PER_S);
    assert_true(peer(p, "giver")->is_eager);
    sg_pt_check(p->pt);
}

static void test_no_weight_buys_a_place(void **state)
{
    struct pt_play *p = *state;
    struct sg_prng prng;
    sg_prng_init(&prng, 7);
    for (int i = 0; i < 60; i++)
        lazy_life(p, &prng);
}

/* Without a word, five minutes: it is pushed to as it asked, and no more expected to bring any. */
static void test_silent_neighbours_are_fed(void **state)
{
    struct pt_play *p = *state;
    DO(p, "new");
    DO(p, "up giver taker");
    for (uint64_t n = 0; n < 16; n++) {
        (void)gossip(p, "giver", n);
        DO(p, "wait 20000");
    }
    EXPECT(p, "show", "eager: giver\nlazy:\nfed: taker\n");
    assert_int_equal(stats(p)->sources_lost, 1);
    EXPECT(p, "giver gossip m", "push taker m/2\n");
    EXPECT(p, "taker gossip k", "push giver k/2\n"); /* it does bring something */
    EXPECT(p, "show", "eager: giver taker\nlazy:\n");
}

/* Attackers that behaved until now stop: within a minute nothing is expected of them. */
static void test_covert_flash(void **state)
{
    struct pt_play *p = *state;
    DO(p, "new");
    DO(p, "up traitor honest");
    DO(p, "honest prune");
    for (uint64_t n = 0; n < 100; n++) {
        (void)gossip(p, "traitor", n);
        (void)run(p, SG_NS_PER_S);
    }
    sg_time_ns begin = p->now;
    uint64_t n = 1000;
    while (peer(p, "traitor")->is_eager) {
        (void)ihave(p, "honest", n, 1);
        (void)run(p, 500 * SG_NS_PER_MS);
        (void)gossip(p, "honest", n++);
        (void)run(p, 500 * SG_NS_PER_MS);
    }
    assert_true(p->now - begin <= 60 * SG_NS_PER_S);
    assert_true(peer(p, "honest")->is_eager);
    assert_true(score(p, "traitor") < 0);
}

/* Who withholds most and is first now and then does not get rid of others. */
static void test_cycles_are_cut_at_the_worse_link(void **state)
{
    struct pt_play *p = *state;
    DO(p, "new");
    DO(p, "up miser honest other");
    peer(p, "miser")->score.missing = 15000;
    EXPECT(p, "miser gossip m", "push honest m/2\npush other m/2\n");
    EXPECT(p, "honest copy m", "prune miser\n");
    assert_int_equal(stats(p)->cut_by_score, 1);
    EXPECT(p, "show", "eager: honest other\nlazy: miser\n");
}

static void test_opportunistic_graft(void **state)
{
    struct pt_play *p = *state;
    DO(p, "new backoff_ms=0");
    DO(p, "up a b c");
    DO(p, "c prune");
    peer(p, "a")->score.missing = 15000;
    peer(p, "b")->score.missing = 15000;
    EXPECT(p, "a gossip m", "push b m/2\ngraft c\n");
    assert_int_equal(stats(p)->median_grafts, 1);
    DO(p, "c prune");
    DO(p, "wait 30000");
    EXPECT(p, "a gossip n", "push b n/2\n"); /* once a minute */
}

static void test_contacts_stay(void **state)
{
    struct pt_play *p = *state;
    DO(p, "new");
    DO(p, "up contact stranger");
    DO(p, "contact about 0 1");
    for (int i = 0; i < 16; i++) {
        EXPECT(p, "contact fault", "");
        EXPECT(p, "stranger fault", "");
    }
    EXPECT(p, "contact fault", "");
    EXPECT(p, "stranger fault", "put_away stranger\n");
    EXPECT(p, "contact invalid", "");
    EXPECT(p, "contact invalid", "put_away contact\n");
    EXPECT(p, "score contact stranger", "contact -241\nstranger -81\n");
}

static void test_crowds(void **state)
{
    struct pt_play *p = *state;
    DO(p, "new");
    DO(p, "up a b c d e");
    DO(p, "a about 7");
    DO(p, "b about 7");
    DO(p, "c about 7");
    DO(p, "d about 0");
    DO(p, "e about 0");
    EXPECT(p, "score a b c d e", "a -5\nb -5\nc -5\nd 0\ne 0\n");
    DO(p, "down b");
    DO(p, "a about 7");
    EXPECT(p, "score a", "a 0\n");
}

/* Below the thresholds: no ids are told, nothing of one's own is pushed. */
static void test_thresholds(void **state)
{
    struct pt_play *p = *state;
    DO(p, "new flush_ms=10");
    DO(p, "up good bad worse");
    DO(p, "worse prune");
    peer(p, "bad")->score.fault = 16000;   /* -64 */
    peer(p, "worse")->score.fault = 14000; /* -36 */
    EXPECT(p, "broadcast m", "push good m/1\n");
    EXPECT(p, "run 20", "");
    EXPECT(p, "good gossip n", "push bad n/2\n"); /* others' messages are */
    EXPECT(p, "worse ihave k", "");
    assert_int_equal(stats(p)->ihaves_refused, 1);
    assert_false(sg_pt_is_missing(p->pt, &(struct sg_msg_id){{'k'}}));
}

/* A neighbour that goes and comes back has the score it would have had. */
static void test_leaving_mends_no_score(void **state)
{
    struct pt_play *p = *state;
    DO(p, "new");
    DO(p, "up a b c");
    DO(p, "b invalid");
    DO(p, "b invalid");
    DO(p, "c gossip m1");
    assert_int_equal(score(p, "b"), -160);
    for (int i = 0; i < 100; i++) { /* those with nothing against them push nobody out */
        DO(p, "down b c");
        DO(p, "wait 1000");
        DO(p, "up b c");
    }
    assert_in_range(-score(p, "b"), 110, 159);
    assert_true(score(p, "c") >= 0);
    DO(p, "down b");
    DO(p, "wait 7200000");
    DO(p, "up b");
    assert_int_equal(score(p, "b"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PT_TEST(test_bogus_announcements),
        PT_TEST(test_rate_of_announcements),
        PT_TEST(test_honest_announcements),
        PT_TEST(test_promises_are_kept_by_anybody),
        PT_TEST(test_only_what_is_asked_for_is_promised),
        PT_TEST(test_denied),
        PT_TEST(test_a_liar_that_denies),
        PT_TEST(test_no_time_to_verify),
        PT_TEST(test_answers_pay_for_questions),
        PT_TEST(test_graft_flood),
        PT_TEST(test_flapper_shakes_nobody),
        PT_TEST(test_served_three_times),
        PT_TEST(test_asking_again_is_no_fault),
        PT_TEST(test_no_weight_buys_a_place),
        PT_TEST(test_silent_neighbours_are_fed),
        PT_TEST(test_covert_flash),
        PT_TEST(test_cycles_are_cut_at_the_worse_link),
        PT_TEST(test_opportunistic_graft),
        PT_TEST(test_contacts_stay),
        PT_TEST(test_crowds),
        PT_TEST(test_thresholds),
        PT_TEST(test_leaving_mends_no_score),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
