/* repair.c: requests, candidates, back-off, isolation, rotation. */
#include "unit/hyparview/fixture.h"

/* Milliseconds of the next deadline. */
static uint64_t deadline_ms(const struct bench *b)
{
    return sg_hpv_deadline(&b->m) / SG_NS_PER_MS;
}

/* Only requests, candidates and repair set the deadline. */
static void open_without_timers(struct bench *b, uint16_t target, uint16_t max, uint16_t passive)
{
    bench_open(b, target, max, passive);
    b->m.shuffle_at = SG_TIME_NEVER;
    b->m.rotate_at = SG_TIME_NEVER;
}

static void test_first_neighbors_with_high_priority(void **state)
{
    (void)state;
    struct bench b;
    open_without_timers(&b, 2, 3, 8);
    candidates(&b, "p q r");
    assert_int_equal(b.out.count, 2); /* as many as are missing */
    assert_true(b.out.out[0].msg.high_priority && b.out.out[1].msg.high_priority);
    bench_close(&b);
}

static void test_four_requests_at_once(void **state)
{
    (void)state;
    struct bench b;
    open_without_timers(&b, 16, 20, 16);
    neighbors(&b, "a b c d e f g h");
    candidates(&b, "p q r s t u v");
    assert_int_equal(b.out.count, SG_HPV_PENDING_CALM);
    bench_close(&b);
}

/* With less than half of the neighbours a request counts for half a second; then one more is asked
 * beside it. The names of the dead so cost no time. */
static void test_needy_does_not_wait_for_the_slow(void **state)
{
    (void)state;
    struct bench b;
    open_without_timers(&b, 4, 6, 32);
    candidates(&b, "a b c d e f g h i j k l m n o p q r s t");
    assert_int_equal(b.m.pending_count, 4);
    for (uint8_t asked = 8; asked <= SG_HPV_PENDING_MAX; asked = (uint8_t)(asked + 4)) {
        assert_int_equal(deadline_ms(&b), b.now / SG_NS_PER_MS + 500);
        next_timeout(&b);
        assert_int_equal(b.m.pending_count, asked);
    }
    next_timeout(&b); /* the first four have failed */
    assert_int_equal(b.now, 5 * SG_NS_PER_S);
    assert_int_equal(b.m.pending_count, SG_HPV_PENDING_MAX);
    bench_close(&b);
}

/* Names that failed before are asked again, but leave half of the requests to new ones: else the
 * dead hold all of them for a whole timeout, and nobody calls for more. */
static void test_the_failed_leave_room(void **state)
{
    (void)state;
    struct bench b;
    open_without_timers(&b, 4, 6, 32);
    candidates(&b, "a b c d e f g h i j k l m n o p q r s t");
    for (uint16_t i = 0; i < b.m.passive_count; i++)
        b.m.trial[i].failures = 1;
    uint8_t most = 0;
    while (b.now < 4 * SG_NS_PER_S) {
        next_timeout(&b);
        most = b.m.pending_count > most ? b.m.pending_count : most;
    }
    assert_int_equal(most, SG_HPV_PENDING_MAX / 2);
    candidates(&b, "u v w x"); /* nobody asked is hopeful any more */
    assert_int_equal(b.m.pending_count, SG_HPV_PENDING_MAX / 2 + 4);
    assert_true(is_pending(&b, "u") && is_pending(&b, "x"));
    bench_close(&b);
}

/* Who lost its neighbours but one calls for candidates for two minutes, when none is left. */
static void test_needy_calls_for_candidates(void **state)
{
    (void)state;
    struct bench b;
    open_without_timers(&b, 8, 12, 16);
    neighbors(&b, "a b c d e");
    assert_int_equal(sg_hpv_deadline(&b.m), SG_TIME_NEVER);
    event(&b, SG_HPV_IN_DEAD, "a");
    assert_string_equal(event(&b, SG_HPV_IN_DEAD, "b"), "down b\nisolated\n");
    unsigned calls = 0;
    while (sg_hpv_deadline(&b.m) != SG_TIME_NEVER && calls < 100)
        calls += strcmp(next_timeout(&b), "isolated\n") == 0;
    assert_in_range(calls, 10, 25);
    assert_in_range(b.now, 110 * SG_NS_PER_S, 135 * SG_NS_PER_S);
    bench_close(&b);
}

static void test_promotion_is_random(void **state)
{
    (void)state;
    unsigned asked[4] = {0};
    static const char *const names[] = {"p", "q", "r", "s"};
    for (uint64_t seed = 0; seed < 400; seed++) {
        struct bench b;
        bench_open(&b, 1, 2, 8);
        sg_prng_init(&b.m.prng, seed);
        candidates(&b, "p q r s");
        for (int i = 0; i < 4; i++)
            asked[i] += is_pending(&b, names[i]);
        bench_close(&b);
    }
    for (int i = 0; i < 4; i++)
        assert_in_range(asked[i], 70, 130);
}

static void test_timeout_of_a_request(void **state)
{
    (void)state;
    struct bench b;
    open_without_timers(&b, 2, 3, 8);
    neighbors(&b, "a");
    candidates(&b, "p");
    assert_int_equal(deadline_ms(&b), 5000);
    assert_string_equal(next_timeout(&b), "");
    assert_string_equal(views(&b), "active: a; passive: p; pending:");
    assert_int_equal(deadline_ms(&b), 15000); /* p may be asked again */
    assert_string_equal(next_timeout(&b), "send p NEIGHBOR low\n");
    bench_close(&b);
}

static void refuse_pending(struct bench *b)
{
    while (b->m.pending_count > 0) {
        struct sg_peer_id id = b->m.pending[0].id;
        says(b, name_of(&id), "NEIGHBOR_REPLY refused");
    }
}

/* 200 ms doubling to 10 s while each candidate refuses. */
static void test_backoff_doubles(void **state)
{
    (void)state;
    struct bench b;
    static const uint64_t pauses_ms[] = {200, 400, 800, 1600, 3200, 6400, 10000, 10000};
    open_without_timers(&b, 2, 3, 16);
    neighbors(&b, "a");
    candidates(&b, "p q r s t u v w x y z");
    for (size_t i = 0; i < sizeof(pauses_ms) / sizeof(pauses_ms[0]); i++) {
        assert_int_equal(b.m.pending_count, 1);
        refuse_pending(&b);
        assert_int_equal(deadline_ms(&b), b.now / SG_NS_PER_MS + pauses_ms[i]);
        next_timeout(&b);
    }
    /* a new neighbour, or a lost one, makes pauses short again */
    refuse_pending(&b);
    assert_string_equal(says(&b, "o", "NEIGHBOR high"), "send o NEIGHBOR_REPLY accepted\nup o\n");
    says(&b, "o", "DISCONNECT leaving");
    assert_int_equal(b.m.pending_count, 1);
    refuse_pending(&b);
    assert_int_equal(deadline_ms(&b), b.now / SG_NS_PER_MS + 200);
    bench_close(&b);
}

/* All that it knows are full, so it asks with high priority in the end. */
static void test_urgent_after_many_refusals(void **state)
{
    (void)state;
    struct bench b;
    open_without_timers(&b, 2, 3, 16);
    neighbors(&b, "a");
    candidates(&b, "p q r s t u v w");
    for (int i = 0; i < 6; i++) {
        assert_false(b.m.pending[0].high_priority);
        refuse_pending(&b);
        next_timeout(&b);
    }
    assert_true(b.m.pending[0].high_priority);
    assert_true(b.out.out[0].msg.high_priority);
    bench_close(&b);
}

/* Where target and maximum are one, as in the paper, that would only move the gap. */
static void test_never_urgent_without_room(void **state)
{
    (void)state;
    struct bench b;
    open_without_timers(&b, 2, 2, 16);
    neighbors(&b, "a");
    candidates(&b, "p q r s t u v w");
    for (int i = 0; i < 7; i++) {
        assert_false(b.m.pending[0].high_priority);
        refuse_pending(&b);
        next_timeout(&b);
    }
    neighbors(&b, "b");
    b.m.rotate_at = b.now + SG_NS_PER_S;
    next_timeout(&b);
    assert_int_equal(b.out.count, 1);
    assert_false(b.out.out[0].msg.high_priority);
    bench_close(&b);
}

static void test_refused_is_not_asked_at_once(void **state)
{
    (void)state;
    struct bench b;
    open_without_timers(&b, 2, 3, 16);
    neighbors(&b, "a");
    candidates(&b, "p");
    refuse_pending(&b);
    assert_int_equal(deadline_ms(&b), 10000);
    assert_string_equal(next_timeout(&b), "send p NEIGHBOR low\n");
    bench_close(&b);
}

static void test_failed_is_asked_last(void **state)
{
    (void)state;
    struct bench b;
    open_without_timers(&b, 1, 3, 16);
    neighbors(&b, "a");
    candidates(&b, "p q");
    event(&b, SG_HPV_IN_FAILED, "p");
    b.now = 60 * SG_NS_PER_S;
    assert_string_equal(event(&b, SG_HPV_IN_FAILED, "a"), "down a\nsend q NEIGHBOR high\n");
    assert_string_equal(says(&b, "q", "NEIGHBOR_REPLY refused"), "send p NEIGHBOR high\n");
    bench_close(&b);
}

static void test_sign_of_life_forgives(void **state)
{
    (void)state;
    struct bench b;
    open_without_timers(&b, 1, 3, 16);
    neighbors(&b, "a");
    candidates(&b, "p");
    event(&b, SG_HPV_IN_FAILED, "p");
    assert_int_equal(b.m.trial[0].failures, 1);
    candidates(&b, "p"); /* hearsay does not count */
    assert_int_equal(b.m.trial[0].failures, 1);
    says(&b, "p", "DISCONNECT");
    assert_int_equal(b.m.trial[0].failures, 0);
    bench_close(&b);
}

static void fail_often(struct bench *b, const char *peer, int times)
{
    for (int i = 0; i < times; i++)
        event(b, SG_HPV_IN_FAILED, peer);
}

static void test_forgotten_after_eight_failures(void **state)
{
    (void)state;
    struct bench b;
    open_without_timers(&b, 1, 3, 16);
    neighbors(&b, "a");
    candidates(&b, "p q");
    fail_often(&b, "p", 7);
    assert_true(has_passive(&b, "p"));
    fail_often(&b, "p", 1);
    assert_false(has_passive(&b, "p"));
    fail_often(&b, "q", 100); /* the last one stays */
    assert_true(has_passive(&b, "q"));
    bench_close(&b);
}

/* Its cable is pulled: everything fails, nothing is forgotten. */
static void test_isolated_forgets_nobody(void **state)
{
    (void)state;
    struct bench b;
    open_without_timers(&b, 4, 6, 16);
    neighbors(&b, "a b");
    candidates(&b, "p q r s");
    event(&b, SG_HPV_IN_FAILED, "a");
    event(&b, SG_HPV_IN_FAILED, "b");
    while (b.now < 3600 * SG_NS_PER_S)
        next_timeout(&b);
    assert_int_equal(b.m.active_count, 0);
    assert_int_equal(b.m.passive_count, 6);
    bench_close(&b);
}

static void test_isolated_repeats(void **state)
{
    (void)state;
    struct bench b;
    static const uint64_t pauses_ms[] = {200, 400, 800, 1600, 3200, 6400, 10000, 10000, 10000};
    open_without_timers(&b, 2, 3, 8);
    assert_true(sg_hpv_deadline(&b.m) < 200 * SG_NS_PER_MS);
    for (size_t i = 0; i < sizeof(pauses_ms) / sizeof(pauses_ms[0]); i++) {
        assert_string_equal(next_timeout(&b), "isolated\n");
        assert_int_equal(deadline_ms(&b), b.now / SG_NS_PER_MS + pauses_ms[i]);
    }
    assert_string_equal(candidates(&b, "p"), "send p NEIGHBOR high\n"); /* at once */
    bench_close(&b);
}

/* Without neighbours one candidate follows the other, then ISOLATED. */
static void test_alone_does_not_pause(void **state)
{
    (void)state;
    struct bench b;
    open_without_timers(&b, 1, 3, 8);
    b.now = SG_NS_PER_S;
    candidates(&b, "p q r");
    for (int i = 0; i < 2; i++) {
        struct sg_peer_id id = b.m.pending[0].id;
        event(&b, SG_HPV_IN_FAILED, name_of(&id));
        assert_int_equal(b.out.count, 1);
        assert_int_equal(b.out.out[0].msg.kind, SG_HPV_NEIGHBOR);
    }
    struct sg_peer_id id = b.m.pending[0].id;
    assert_string_equal(event(&b, SG_HPV_IN_FAILED, name_of(&id)), "isolated\n");
    bench_close(&b);
}

/* Long pauses from better times do not bind who is alone. */
static void test_alone_shortens_pauses(void **state)
{
    (void)state;
    struct bench b;
    open_without_timers(&b, 1, 3, 8);
    neighbors(&b, "a");
    candidates(&b, "p q");
    fail_often(&b, "p", 7);
    assert_true(b.m.trial[0].retry_at >= 300 * SG_NS_PER_S);
    says(&b, "q", "DISCONNECT leaving");
    assert_string_equal(says(&b, "a", "DISCONNECT leaving"), "down a\nisolated\n");
    assert_int_equal(deadline_ms(&b), 200);
    next_timeout(&b);
    assert_true(is_pending(&b, "p"));
    bench_close(&b);
}

/* A link that breaks and comes back: two nodes that know nobody else. */
static void test_last_neighbor_is_asked_again_soon(void **state)
{
    (void)state;
    struct bench b;
    open_without_timers(&b, 2, 3, 8);
    neighbors(&b, "a");
    assert_string_equal(event(&b, SG_HPV_IN_FAILED, "a"), "down a\nisolated\n");
    assert_string_equal(next_timeout(&b), "send a NEIGHBOR high\n");
    assert_int_equal(b.now, 200 * SG_NS_PER_MS);
    assert_string_equal(event(&b, SG_HPV_IN_FAILED, "a"), "isolated\n");
    assert_int_equal(deadline_ms(&b), 600);
    bench_close(&b);
}

static void test_no_candidates_no_timer(void **state)
{
    (void)state;
    struct bench b;
    open_without_timers(&b, 8, 12, 8);
    neighbors(&b, "a b");
    assert_int_equal(sg_hpv_deadline(&b.m), SG_TIME_NEVER);
    bench_close(&b);
}

/* ---- rotation ---- */

static void test_rotation(void **state)
{
    (void)state;
    struct bench b;
    open_without_timers(&b, 2, 3, 8);
    neighbors(&b, "a b");
    candidates(&b, "p");
    b.m.rotate_at = 300 * SG_NS_PER_S;
    b.m.rotate_pause_ns = 200 * SG_NS_PER_S;
    assert_string_equal(next_timeout(&b), "send p NEIGHBOR high\n");
    assert_in_range(b.m.rotate_at, 300 * SG_NS_PER_S, 700 * SG_NS_PER_S);
    assert_int_equal(b.m.rotate_pause_ns, 300 * SG_NS_PER_S);
    says(&b, "p", "NEIGHBOR_REPLY accepted");
    assert_int_equal(b.out.count, 3); /* DISCONNECT and down of one, up */
    assert_true(is_active(&b, "p"));
    assert_int_equal(b.m.active_count, 2);
    assert_int_equal(b.m.passive_count, 1);
    bench_close(&b);
}

/* A seed that is asked again: known as a candidate or not, by others first or not. */
static void test_exchange_at_once(void **state)
{
    (void)state;
    struct bench b;
    const struct sg_peer_id seed = peer_named("q");
    const struct sg_hpv_in in = {
        .kind = SG_HPV_IN_CANDIDATES, .peers = &seed, .count = 1, .on = true, .is_soon = true};
    for (int is_known = 0; is_known < 2; is_known++) {
        open_without_timers(&b, 2, 3, 8);
        neighbors(&b, "a b");
        candidates(&b, is_known ? "p q r" : "p r");
        b.now += b.config.rotate_first_ns; /* younger links are spared */
        assert_string_equal(bench_input(&b, &in), "send q NEIGHBOR high\n");
        assert_string_equal(bench_input(&b, &in), ""); /* asked already */
        says(&b, "q", "NEIGHBOR_REPLY accepted");
        assert_true(is_active(&b, "q"));
        assert_int_equal(b.m.active_count, 2);
        bench_close(&b);
    }
}

static void test_rotation_refused(void **state)
{
    (void)state;
    struct bench b;
    open_without_timers(&b, 2, 3, 8);
    neighbors(&b, "a b");
    candidates(&b, "p");
    b.m.rotate_at = SG_NS_PER_S;
    next_timeout(&b);
    assert_string_equal(says(&b, "p", "NEIGHBOR_REPLY refused"), "");
    assert_string_equal(views(&b), "active: a b; passive: p; pending:");
    bench_close(&b);
}

/* Below the target repair has the word. */
static void test_no_rotation_below_target(void **state)
{
    (void)state;
    struct bench b;
    open_without_timers(&b, 3, 3, 8);
    neighbors(&b, "a b");
    candidates(&b, "p");
    refuse_pending(&b);
    candidates(&b, "q");
    b.m.rotate_at = 100 * SG_NS_PER_MS;
    assert_string_equal(next_timeout(&b), "");
    bench_close(&b);
}

static void test_rotation_can_be_off(void **state)
{
    (void)state;
    struct bench b;
    struct sg_peer_id self = peer_named("self");
    bench_open(&b, 2, 3, 8);
    bench_close(&b);
    b.config.rotate_interval_ns = 0;
    assert_int_equal(sg_hpv_init(&b.m, &b.config, &self, 0, 1), SG_OK);
    assert_int_equal(b.m.rotate_at, SG_TIME_NEVER);
    bench_close(&b);
}

/* After a partition: who failed is asked again when a shuffle is due. */
static void test_probe_of_failed(void **state)
{
    (void)state;
    struct bench b;
    open_without_timers(&b, 1, 3, 8);
    neighbors(&b, "a");
    candidates(&b, "p q");
    event(&b, SG_HPV_IN_FAILED, "q");
    b.m.shuffle_at = 9 * SG_NS_PER_S; /* its pause is not over */
    assert_string_equal(next_timeout(&b), "send a SHUFFLE ttl=6 self p\n");
    assert_string_equal(next_timeout(&b), "send a SHUFFLE ttl=6 self p\nsend q NEIGHBOR high\n");
    assert_string_equal(says(&b, "q", "NEIGHBOR_REPLY accepted"),
                        "send a DISCONNECT\ndown a\nup q\n");
    assert_string_equal(views(&b), "active: q; passive: p a; pending:");
    bench_close(&b);
}

/* ---- links that we choose ---- */

/* All places that we seek are taken by those who asked us: we choose two more ourselves. */
static void test_chosen_beyond_the_target(void **state)
{
    (void)state;
    struct bench b;
    open_without_timers(&b, 8, 12, 16);
    b.m.config.chosen_min = 2;
    neighbors(&b, "a b c d e f g h i j k l");
    candidates(&b, "p q r");
    assert_int_equal(b.m.pending_count, 2);
    struct sg_peer_id first = b.m.pending[0].id;
    struct sg_peer_id second = b.m.pending[1].id;
    assert_false(b.m.pending[0].high_priority);
    says(&b, name_of(&first), "NEIGHBOR_REPLY accepted");
    assert_true(is_active(&b, name_of(&first)));
    assert_int_equal(b.m.active_count, 12); /* for one that we did not choose */
    says(&b, name_of(&second), "NEIGHBOR_REPLY accepted");
    assert_int_equal(b.m.pending_count, 0);
    assert_true(sg_hpv_deadline(&b.m) == SG_TIME_NEVER); /* content */
    /* one is lost: another is asked */
    says(&b, name_of(&first), "DISCONNECT leaving");
    assert_int_equal(b.m.pending_count, 1);
    bench_close(&b);
}

static void test_chosen_with_nobody_to_ask(void **state)
{
    (void)state;
    struct bench b;
    open_without_timers(&b, 8, 12, 16);
    b.m.config.chosen_min = 2;
    neighbors(&b, "a b c d e f g h");
    assert_int_equal(b.m.pending_count, 0);
    assert_true(sg_hpv_deadline(&b.m) == SG_TIME_NEVER);
    bench_close(&b);
}

/* Small views: the least is cut to what they can bear, and a stranger's place is left. */
static void test_small_views_cut_the_limits(void **state)
{
    (void)state;
    struct sg_hpv m;
    struct sg_hpv_config c = sg_hpv_config_default(sg_mem_default());
    struct sg_peer_id self = peer_named("self");
    assert_true(c.contact_slots == 2 && c.chosen_min == 2);
    c.active_target = c.active_max = 2;
    assert_int_equal(sg_hpv_init(&m, &c, &self, 0, 1), SG_OK);
    assert_int_equal(m.config.contact_slots, 1);
    assert_int_equal(m.config.chosen_min, 0);
    sg_hpv_fini(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_neighbors_with_high_priority),
        cmocka_unit_test(test_four_requests_at_once),
        cmocka_unit_test(test_needy_does_not_wait_for_the_slow),
        cmocka_unit_test(test_needy_calls_for_candidates),
        cmocka_unit_test(test_the_failed_leave_room),
        cmocka_unit_test(test_promotion_is_random),
        cmocka_unit_test(test_timeout_of_a_request),
        cmocka_unit_test(test_backoff_doubles),
        cmocka_unit_test(test_urgent_after_many_refusals),
        cmocka_unit_test(test_never_urgent_without_room),
        cmocka_unit_test(test_refused_is_not_asked_at_once),
        cmocka_unit_test(test_failed_is_asked_last),
        cmocka_unit_test(test_sign_of_life_forgives),
        cmocka_unit_test(test_forgotten_after_eight_failures),
        cmocka_unit_test(test_isolated_forgets_nobody),
        cmocka_unit_test(test_isolated_repeats),
        cmocka_unit_test(test_alone_does_not_pause),
        cmocka_unit_test(test_alone_shortens_pauses),
        cmocka_unit_test(test_last_neighbor_is_asked_again_soon),
        cmocka_unit_test(test_no_candidates_no_timer),
        cmocka_unit_test(test_rotation),
        cmocka_unit_test(test_exchange_at_once),
        cmocka_unit_test(test_rotation_refused),
        cmocka_unit_test(test_no_rotation_below_target),
        cmocka_unit_test(test_rotation_can_be_off),
        cmocka_unit_test(test_probe_of_failed),
        cmocka_unit_test(test_chosen_beyond_the_target),
        cmocka_unit_test(test_chosen_with_nobody_to_ask),
        cmocka_unit_test(test_small_views_cut_the_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
