/* neighbor.c: NEIGHBOR, NEIGHBOR_REPLY, DISCONNECT, failures, and how they cross. */
#include "unit/hyparview/fixture.h"

/* 8 of 12: low priority is accepted up to 9, high priority always. */
static void test_priorities(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 8, 12, 16);
    neighbors(&b, "a b c d e f g h");
    assert_string_equal(says(&b, "i", "NEIGHBOR low"), "send i NEIGHBOR_REPLY accepted\nup i\n");
    assert_string_equal(says(&b, "j", "NEIGHBOR low"), "send j NEIGHBOR_REPLY refused\n");
    assert_true(has_passive(&b, "j"));
    neighbors(&b, "j k l");
    assert_int_equal(b.m.active_count, 12);
    says(&b, "m", "NEIGHBOR high");
    assert_int_equal(b.out.count, 4); /* DISCONNECT, down, answer, up */
    assert_int_equal(b.m.active_count, 12);
    assert_true(is_active(&b, "m"));
    bench_close(&b);
}

static void test_low_priority_up_to_target(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 5, 5, 16);
    neighbors(&b, "a b c d");
    assert_string_equal(says(&b, "e", "NEIGHBOR low"), "send e NEIGHBOR_REPLY accepted\nup e\n");
    assert_string_equal(says(&b, "f", "NEIGHBOR low"), "send f NEIGHBOR_REPLY refused\n");
    bench_close(&b);
}

/* It lost its state or its end of the link. What runs over the link starts anew. */
static void test_neighbor_asks_again(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 2, 2, 4);
    neighbors(&b, "a b");
    assert_string_equal(says(&b, "a", "NEIGHBOR low"),
                        "down a\nsend a NEIGHBOR_REPLY accepted\nup a\n");
    assert_string_equal(says(&b, "b", "JOIN"), "down b\nsend b NEIGHBOR_REPLY accepted\nup b\n"
                                               "send a FORWARD_JOIN ttl=6 b\n");
    assert_string_equal(views(&b), "active: a b; passive:; pending:");
    bench_close(&b);
}

/* ---- answers ---- */

static void test_accepted(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 2, 3, 4);
    neighbors(&b, "a");
    assert_string_equal(candidates(&b, "p"), "send p NEIGHBOR low\n");
    assert_string_equal(says(&b, "p", "NEIGHBOR_REPLY accepted"), "up p\n");
    assert_string_equal(views(&b), "active: a p; passive:; pending:");
    assert_string_equal(says(&b, "p", "NEIGHBOR_REPLY accepted"), "");
    bench_close(&b);
}

static void test_refused(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 2, 3, 4);
    neighbors(&b, "a");
    candidates(&b, "p");
    assert_string_equal(says(&b, "p", "NEIGHBOR_REPLY refused"), "");
    assert_string_equal(views(&b), "active: a; passive: p; pending:");
    assert_string_equal(candidates(&b, "q"), ""); /* a pause first */
    assert_string_equal(next_timeout(&b), "send q NEIGHBOR low\n");
    assert_int_equal(b.now, 200 * SG_NS_PER_MS);
    bench_close(&b);
}

/* Accepted when the place is taken: told by DISCONNECT, so that both ends agree. */
static void test_accepted_too_late_for_a_place(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 2, 2, 4);
    neighbors(&b, "a");
    candidates(&b, "p");
    neighbors(&b, "b");
    assert_string_equal(says(&b, "p", "NEIGHBOR_REPLY accepted"), "send p DISCONNECT\n");
    assert_string_equal(views(&b), "active: a b; passive: p; pending:");
    bench_close(&b);
}

static void test_accepted_without_request(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 2, 3, 4);
    neighbors(&b, "a");
    assert_string_equal(says(&b, "x", "NEIGHBOR_REPLY accepted"), "up x\n");
    assert_string_equal(says(&b, "y", "NEIGHBOR_REPLY accepted"), "send y DISCONNECT\n");
    assert_string_equal(views(&b), "active: a x; passive: y; pending:");
    assert_string_equal(says(&b, "a", "NEIGHBOR_REPLY accepted"), "");
    assert_string_equal(says(&b, "a", "NEIGHBOR_REPLY refused"), "");
    assert_string_equal(says(&b, "z", "NEIGHBOR_REPLY refused"), "");
    assert_string_equal(views(&b), "active: a x; passive: y; pending:");
    bench_close(&b);
}

static void test_requests_cross(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 4, 6, 8);
    neighbors(&b, "a b c");
    candidates(&b, "p");
    neighbors(&b, "d");
    /* 4 of 5 places for low priority; one more by consent although that is one too many */
    neighbors(&b, "e");
    assert_string_equal(says(&b, "x", "NEIGHBOR low"), "send x NEIGHBOR_REPLY refused\n");
    assert_string_equal(says(&b, "p", "NEIGHBOR low"), "send p NEIGHBOR_REPLY accepted\nup p\n");
    assert_string_equal(says(&b, "p", "NEIGHBOR_REPLY accepted"), "");
    assert_string_equal(views(&b), "active: a b c d e p; passive: x; pending:");
    bench_close(&b);
}

static void test_requests_cross_when_full(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 2, 2, 8);
    neighbors(&b, "a");
    candidates(&b, "p");
    neighbors(&b, "b");
    assert_string_equal(says(&b, "p", "NEIGHBOR low"), "send p NEIGHBOR_REPLY refused\n");
    assert_string_equal(views(&b), "active: a b; passive: p; pending:");
    assert_string_equal(says(&b, "p", "NEIGHBOR_REPLY accepted"), "send p DISCONNECT\n");
    bench_close(&b);
}

/* ---- DISCONNECT ---- */

static void test_disconnect(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 2, 3, 8);
    neighbors(&b, "a b");
    assert_string_equal(says(&b, "a", "DISCONNECT"), "down a\n");
    assert_string_equal(views(&b), "active: b; passive: a; pending:");
    /* not asked again for about 10 s */
    b.now = 9 * SG_NS_PER_S;
    assert_string_equal(candidates(&b, ""), "");
    b.now = 10 * SG_NS_PER_S;
    assert_string_equal(candidates(&b, ""), "send a NEIGHBOR low\n");
    bench_close(&b);
}

static void test_disconnect_leaving(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 2, 3, 8);
    neighbors(&b, "a");
    candidates(&b, "p q");
    assert_int_equal(b.m.pending_count, 1);
    const char *asked = is_pending(&b, "p") ? "p" : "q";
    const char *other = is_pending(&b, "p") ? "q" : "p";
    says(&b, asked, "DISCONNECT leaving");
    assert_false(is_pending(&b, asked) || has_passive(&b, asked));
    assert_true(is_pending(&b, other)); /* asked instead, at once */
    says(&b, other, "DISCONNECT leaving");
    assert_string_equal(says(&b, "a", "DISCONNECT leaving"), "down a\nisolated\n");
    assert_string_equal(views(&b), "active:; passive:; pending:");
    bench_close(&b);
}

static void test_disconnect_of_others_is_stale(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 2, 3, 8);
    neighbors(&b, "a");
    candidates(&b, "p");
    assert_string_equal(says(&b, "p", "DISCONNECT"), "");
    assert_string_equal(says(&b, "x", "DISCONNECT"), "");
    assert_string_equal(says(&b, "x", "DISCONNECT leaving"), "");
    assert_string_equal(views(&b), "active: a; passive: p; pending: p");
    bench_close(&b);
}

/* ---- failures ---- */

static void test_neighbor_fails(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 2, 3, 8);
    neighbors(&b, "a b");
    candidates(&b, "p");
    assert_string_equal(event(&b, SG_HPV_IN_FAILED, "a"), "down a\nsend p NEIGHBOR low\n");
    assert_string_equal(views(&b), "active: b; passive: p a; pending: p");
    assert_int_equal(b.m.trial[1].failures, 1);
    /* said again, by another scope: one more failure, no second NEIGHBOR_DOWN */
    assert_string_equal(event(&b, SG_HPV_IN_FAILED, "a"), "");
    bench_close(&b);
}

static void test_pending_fails(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 2, 3, 8);
    neighbors(&b, "a");
    candidates(&b, "p");
    assert_string_equal(event(&b, SG_HPV_IN_FAILED, "p"), "");
    assert_string_equal(views(&b), "active: a; passive: p; pending:");
    candidates(&b, "q");
    assert_string_equal(next_timeout(&b), "send q NEIGHBOR low\n");
    bench_close(&b);
}

static void test_unknown_fails(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 1, 3, 8);
    neighbors(&b, "a");
    assert_string_equal(event(&b, SG_HPV_IN_FAILED, "x"), "");
    assert_string_equal(event(&b, SG_HPV_IN_FAILED, "self"), "");
    assert_string_equal(views(&b), "active: a; passive:; pending:");
    bench_close(&b);
}

static void test_last_neighbor_fails(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 2, 3, 8);
    neighbors(&b, "a");
    assert_string_equal(event(&b, SG_HPV_IN_FAILED, "a"), "down a\nisolated\n");
    assert_string_equal(views(&b), "active:; passive: a; pending:");
    bench_close(&b);
}

/* The verdict of the failure detector: out of all views, no candidate. */
static void test_dead(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 2, 3, 8);
    neighbors(&b, "a b");
    candidates(&b, "p q");
    assert_string_equal(event(&b, SG_HPV_IN_DEAD, "p"), "");
    assert_string_equal(event(&b, SG_HPV_IN_DEAD, "a"), "down a\nsend q NEIGHBOR low\n");
    assert_string_equal(views(&b), "active: b; passive: q; pending: q");
    assert_string_equal(event(&b, SG_HPV_IN_DEAD, "q"), "");
    assert_string_equal(views(&b), "active: b; passive:; pending:");
    assert_string_equal(event(&b, SG_HPV_IN_DEAD, "x"), "");
    assert_string_equal(event(&b, SG_HPV_IN_DEAD, "self"), "");
    assert_string_equal(event(&b, SG_HPV_IN_DEAD, "b"), "down b\nisolated\n");
    assert_string_equal(views(&b), "active:; passive:; pending:");
    /* wrong, as its own word shows */
    assert_string_equal(says(&b, "b", "NEIGHBOR low"), "send b NEIGHBOR_REPLY accepted\nup b\n");
    bench_close(&b);
}

/* ---- peers that wrongly believe in a link ---- */

static void test_stranger_is_told(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 3, 3, 8);
    neighbors(&b, "a b");
    candidates(&b, "p");
    assert_string_equal(says(&b, "x", "SHUFFLE a ttl=5"),
                        "send x DISCONNECT\nsend b SHUFFLE ttl=4 a\n");
    assert_true(has_passive(&b, "x"));
    /* not while an answer is awaited: it may be accepting right now */
    assert_string_equal(says(&b, "p", "SHUFFLE a ttl=5"), "send b SHUFFLE ttl=4 a\n");
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_priorities),
        cmocka_unit_test(test_low_priority_up_to_target),
        cmocka_unit_test(test_neighbor_asks_again),
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_accepted_too_late_for_a_place),
        cmocka_unit_test(test_accepted_without_request),
        cmocka_unit_test(test_requests_cross),
        cmocka_unit_test(test_requests_cross_when_full),
        cmocka_unit_test(test_disconnect),
        cmocka_unit_test(test_disconnect_leaving),
        cmocka_unit_test(test_disconnect_of_others_is_stale),
        cmocka_unit_test(test_neighbor_fails),
        cmocka_unit_test(test_pending_fails),
        cmocka_unit_test(test_unknown_fails),
        cmocka_unit_test(test_last_neighbor_fails),
        cmocka_unit_test(test_dead),
        cmocka_unit_test(test_stranger_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
