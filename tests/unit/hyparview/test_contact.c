/* contact.c: the list, who is asked when, and places that are theirs alone. */
#include "unit/hyparview/fixture.h"

static const char *contact(struct bench *b, const char *peer, bool on)
{
    struct sg_hpv_in in = {.kind = SG_HPV_IN_CONTACT, .peer = peer_named(peer), .on = on};
    return bench_input(b, &in);
}

static void open_with_slots(struct bench *b, uint16_t target, uint16_t max, uint8_t slots)
{
    bench_open(b, target, max, 16);
    b->m.config.contact_slots = slots;
    b->m.shuffle_at = SG_TIME_NEVER;
    b->m.rotate_at = SG_TIME_NEVER;
}

/* ---- the list ---- */

static void test_the_list(void **state)
{
    (void)state;
    struct bench b;
    open_with_slots(&b, 2, 4, 0);
    neighbors(&b, "a b");
    candidates(&b, "p");
    assert_string_equal(contact(&b, "self", true), "SG_ERR_INVALID_ARGUMENT");
    assert_string_equal(contact(&b, "p", true), "");
    assert_false(has_passive(&b, "p")); /* a contact is told to nobody */
    contact(&b, "a", true);
    contact(&b, "a", true);
    assert_int_equal(b.m.contact_count, 2);
    assert_true(b.m.active[0].is_contact && !b.m.active[1].is_contact);
    candidates(&b, "p");
    assert_false(has_passive(&b, "p"));
    contact(&b, "p", false);
    contact(&b, "a", false);
    contact(&b, "x", false);
    assert_int_equal(b.m.contact_count, 0);
    assert_string_equal(views(&b), "active: a b; passive: p; pending:");
    bench_close(&b);
}

static void test_the_list_is_bounded(void **state)
{
    (void)state;
    struct bench b;
    char name[16];
    open_with_slots(&b, 2, 4, 0);
    for (int i = 0; i < SG_HPV_CONTACTS_MAX; i++) {
        snprintf(name, sizeof(name), "c%d", i);
        contact(&b, name, true);
    }
    assert_string_equal(contact(&b, "x", true), "SG_ERR_FULL");
    assert_string_equal(contact(&b, "c0", true), "");
    assert_int_equal(b.m.contact_count, SG_HPV_CONTACTS_MAX);
    contact(&b, "c0", false);
    assert_string_equal(contact(&b, "x", true), "");
    bench_close(&b);
}

/* ---- asking ---- */

/* Who is alone joins through contacts, at once; who is not asks with high priority. */
static void test_asked_first(void **state)
{
    (void)state;
    struct bench b;
    open_with_slots(&b, 4, 8, 2);
    candidates(&b, "p");
    assert_true(is_pending(&b, "p"));
    assert_string_equal(contact(&b, "c", true), "send c JOIN\n");
    assert_string_equal(says(&b, "p", "NEIGHBOR_REPLY accepted"), "up p\n");
    assert_string_equal(contact(&b, "d", true), "send d NEIGHBOR high\n");
    /* two places, two requests; others are for strangers */
    assert_string_equal(contact(&b, "e", true), "send e NEIGHBOR high\n"); /* nobody else to ask */
    bench_close(&b);
}

static void test_not_asked_beyond_the_slots(void **state)
{
    (void)state;
    struct bench b;
    open_with_slots(&b, 2, 8, 2);
    neighbors(&b, "a b");
    contact(&b, "c", true);
    contact(&b, "d", true);
    assert_int_equal(b.m.pending_count, 2);
    assert_string_equal(contact(&b, "e", true), "");
    says(&b, "c", "NEIGHBOR_REPLY accepted");
    says(&b, "d", "NEIGHBOR_REPLY accepted");
    assert_int_equal(b.m.active_count, 4);
    assert_int_equal(b.m.pending_count, 0);
    /* one is lost: the third takes its place */
    assert_string_equal(event(&b, SG_HPV_IN_FAILED, "c"), "down c\nsend e NEIGHBOR high\n");
    bench_close(&b);
}

/* A pause of repair, and requests that strangers do not answer, do not hold contacts up. */
static void test_asked_in_spite_of_pauses(void **state)
{
    (void)state;
    struct bench b;
    open_with_slots(&b, 8, 12, 2);
    neighbors(&b, "a b e f");
    candidates(&b, "p q r s t u");
    while (b.m.pending_count < SG_HPV_PENDING_CALM)
        next_timeout(&b);
    struct sg_peer_id first = b.m.pending[0].id;
    assert_string_equal(contact(&b, "c", true), "send c NEIGHBOR high\n");
    assert_false(is_pending(&b, name_of(&first))); /* the oldest request gave way */
    assert_int_equal(b.m.pending_count, SG_HPV_PENDING_CALM);
    event(&b, SG_HPV_IN_FAILED, name_of(&b.m.pending[0].id));
    assert_true(b.m.repair_at > b.now);
    assert_string_equal(contact(&b, "d", true), "send d NEIGHBOR high\n");
    bench_close(&b);
}

/* 0.2, 0.4, 0.8 .. 320 s, and on and on. */
static void test_asked_for_ever(void **state)
{
    (void)state;
    struct bench b;
    static const uint64_t pauses_ms[] = {200,   400,   800,    1600,   3200,   6400,   12800,
                                         25600, 51200, 102400, 204800, 320000, 320000, 320000};
    open_with_slots(&b, 1, 8, 1);
    neighbors(&b, "a");
    contact(&b, "c", true);
    for (size_t i = 0; i < sizeof(pauses_ms) / sizeof(pauses_ms[0]); i++) {
        assert_true(is_pending(&b, "c"));
        event(&b, SG_HPV_IN_FAILED, "c");
        assert_false(is_pending(&b, "c"));
        sg_time_ns failed_at = b.now;
        assert_string_equal(next_timeout(&b), "send c NEIGHBOR high\n");
        assert_int_equal((b.now - failed_at) / SG_NS_PER_MS, pauses_ms[i]);
    }
    assert_int_equal(b.m.contact_count, 1);
    bench_close(&b);
}

static void test_back_at_once_when_heard(void **state)
{
    (void)state;
    struct bench b;
    open_with_slots(&b, 1, 8, 1);
    neighbors(&b, "a");
    contact(&b, "c", true);
    for (int i = 0; i < 5; i++) {
        event(&b, SG_HPV_IN_FAILED, "c");
        if (i < 4)
            next_timeout(&b);
    }
    assert_false(is_pending(&b, "c"));
    says(&b, "c", "SHUFFLE_REPLY x");
    assert_true(is_pending(&b, "c"));
    bench_close(&b);
}

static void test_refused_by_a_contact(void **state)
{
    (void)state;
    struct bench b;
    open_with_slots(&b, 1, 8, 1);
    neighbors(&b, "a");
    contact(&b, "c", true);
    assert_string_equal(says(&b, "c", "NEIGHBOR_REPLY refused"), "");
    assert_string_equal(next_timeout(&b), "send c NEIGHBOR high\n");
    assert_int_equal(b.now, 10 * SG_NS_PER_S);
    bench_close(&b);
}

/* All contacts are tried again once a node is alone, whatever is known of them. */
static void test_alone(void **state)
{
    (void)state;
    struct bench b;
    open_with_slots(&b, 1, 8, 1);
    b.now = SG_NS_PER_S;
    contact(&b, "c", true);
    assert_string_equal(event(&b, SG_HPV_IN_FAILED, "c"), "isolated\n");
    assert_string_equal(next_timeout(&b), "send c JOIN\n");
    assert_int_equal(b.now, 1200 * SG_NS_PER_MS);
    bench_close(&b);
}

/* ---- places ---- */

static void test_places_are_kept_free(void **state)
{
    (void)state;
    struct bench b;
    open_with_slots(&b, 4, 5, 2);
    contact(&b, "c", true);
    contact(&b, "d", true);
    neighbors(&b, "p q r");
    assert_int_equal(b.m.active_count, 3);
    says(&b, "s", "NEIGHBOR high");
    assert_true(is_active(&b, "s")); /* in another stranger's place */
    assert_int_equal(b.m.active_count, 3);
    assert_string_equal(says(&b, "t", "NEIGHBOR low"), "send t NEIGHBOR_REPLY refused\n");
    assert_string_equal(says(&b, "c", "NEIGHBOR_REPLY accepted"), "up c\n");
    assert_string_equal(says(&b, "d", "NEIGHBOR_REPLY accepted"), "up d\n");
    assert_int_equal(b.m.active_count, 5);
    bench_close(&b);
}

static void test_place_is_kept_against_strangers(void **state)
{
    (void)state;
    struct bench b;
    char name[16];
    open_with_slots(&b, 2, 3, 2);
    contact(&b, "c", true);
    neighbors(&b, "c a b");
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof(name), "s%d", i);
        says(&b, name, i % 2 == 0 ? "JOIN" : "NEIGHBOR high");
        assert_true(is_active(&b, "c"));
    }
    assert_int_equal(b.m.active_count, 3);
    bench_close(&b);
}

/* A contact finds a place in a full view, also with low priority. */
static void test_contact_is_always_accepted(void **state)
{
    (void)state;
    struct bench b;
    open_with_slots(&b, 3, 3, 1);
    neighbors(&b, "a b c");
    contact(&b, "f", true);
    contact(&b, "g", true);
    says(&b, "f", "NEIGHBOR low");
    assert_true(is_active(&b, "f"));
    says(&b, "g", "JOIN");
    assert_true(is_active(&b, "f") && is_active(&b, "g"));
    assert_int_equal(b.m.active_count, 3);
    contact(&b, "h", true);
    says(&b, "h", "NEIGHBOR high");
    /* only contacts are left: the fourth and strangers are refused */
    contact(&b, "i", true);
    assert_string_equal(says(&b, "i", "NEIGHBOR high"), "send i NEIGHBOR_REPLY refused\n");
    assert_string_equal(says(&b, "x", "NEIGHBOR high"), "send x NEIGHBOR_REPLY refused\n");
    bench_close(&b);
}

/* Strangers came first; our own request to a contact takes a place all the same. */
static void test_contact_takes_a_strangers_place(void **state)
{
    (void)state;
    struct bench b;
    open_with_slots(&b, 3, 3, 2);
    neighbors(&b, "a b d");
    assert_string_equal(contact(&b, "c", true), "send c NEIGHBOR high\n");
    says(&b, "c", "NEIGHBOR_REPLY accepted");
    assert_true(is_active(&b, "c"));
    assert_int_equal(b.m.active_count, 3);
    bench_close(&b);
}

static void test_rotation_leaves_the_slots(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct bench b;
        open_with_slots(&b, 3, 4, 2);
        sg_prng_init(&b.m.prng, seed);
        neighbors(&b, "c d x");
        contact(&b, "c", true);
        contact(&b, "d", true);
        candidates(&b, "p");
        b.now += b.m.config.rotate_first_ns; /* links younger than that are spared */
        b.m.rotate_at = b.now + 1;
        assert_string_equal(next_timeout(&b), "send p NEIGHBOR high\n");
        says(&b, "p", "NEIGHBOR_REPLY accepted");
        assert_string_equal(views(&b), "active: c d p; passive: x; pending:");
        bench_close(&b);
    }
}

/* ---- verdicts ---- */

static void test_dead_contact_stays_known(void **state)
{
    (void)state;
    struct bench b;
    open_with_slots(&b, 1, 8, 1);
    neighbors(&b, "a c");
    contact(&b, "c", true);
    assert_string_equal(event(&b, SG_HPV_IN_DEAD, "c"), "down c\n");
    assert_string_equal(views(&b), "active: a; passive:; pending:");
    assert_int_equal(b.m.contact_count, 1);
    assert_string_equal(next_timeout(&b), "send c NEIGHBOR high\n");
    assert_int_equal(b.now, b.m.config.repair_backoff_ns);
    assert_string_equal(says(&b, "c", "DISCONNECT leaving"), "");
    assert_string_equal(next_timeout(&b), "send c NEIGHBOR high\n");
    assert_int_equal(b.now,
                     2 * b.m.config.repair_backoff_ns); /* it spoke: pauses are short again */
    bench_close(&b);
}

/* Contacts that failed are not asked while half of the requests are under way, and so they are no
 * reason to be called at once: a node that lost most neighbours would do nothing else. */
static void test_failed_contacts_wait_for_requests(void **state)
{
    (void)state;
    struct bench b;
    open_with_slots(&b, 8, 12, 2);
    neighbors(&b, "a b");
    contact(&b, "x", true);
    contact(&b, "y", true);
    contact(&b, "z", true);
    event(&b, SG_HPV_IN_FAILED, "x");
    event(&b, SG_HPV_IN_FAILED, "y");
    event(&b, SG_HPV_IN_FAILED, "z");
    candidates(&b, "d e f g h i j k l m n o");
    uint8_t most = 0;
    while (b.now < 10 * SG_NS_PER_S) {
        next_timeout(&b); /* each leaves a deadline in the future */
        most = b.m.pending_count > most ? b.m.pending_count : most;
    }
    assert_true(most >= SG_HPV_PENDING_MAX / 2);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_list),
        cmocka_unit_test(test_the_list_is_bounded),
        cmocka_unit_test(test_failed_contacts_wait_for_requests),
        cmocka_unit_test(test_asked_first),
        cmocka_unit_test(test_not_asked_beyond_the_slots),
        cmocka_unit_test(test_asked_in_spite_of_pauses),
        cmocka_unit_test(test_asked_for_ever),
        cmocka_unit_test(test_back_at_once_when_heard),
        cmocka_unit_test(test_refused_by_a_contact),
        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_places_are_kept_free),
        cmocka_unit_test(test_place_is_kept_against_strangers),
        cmocka_unit_test(test_contact_is_always_accepted),
        cmocka_unit_test(test_contact_takes_a_strangers_place),
        cmocka_unit_test(test_rotation_leaves_the_slots),
        cmocka_unit_test(test_dead_contact_stays_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
