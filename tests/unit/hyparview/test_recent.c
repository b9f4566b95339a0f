/* recent.c: peers that come and go again and again. */
#include "hyparview/internal.h"
#include "unit/hyparview/fixture.h"

static void open_guarded(struct bench *b)
{
    bench_open(b, 4, 8, 16);
    b->m.config.evict_interval_ns = 5 * SG_NS_PER_S;
    b->m.shuffle_at = SG_TIME_NEVER;
    b->m.rotate_at = SG_TIME_NEVER;
}

static void test_bucket(void **state)
{
    (void)state;
    sg_time_ns full_at = 0;
    for (int i = 0; i < 3; i++)
        assert_true(sg_hpv_bucket_take(&full_at, 100, 3, 10));
    assert_false(sg_hpv_bucket_take(&full_at, 100, 3, 10));
    assert_false(sg_hpv_bucket_take(&full_at, 109, 3, 10));
    assert_true(sg_hpv_bucket_take(&full_at, 110, 3, 10));
    assert_false(sg_hpv_bucket_take(&full_at, 111, 3, 10));
    for (int i = 0; i < 3; i++)
        assert_true(sg_hpv_bucket_take(&full_at, 1000, 3, 10));
    assert_false(sg_hpv_bucket_take(&full_at, 1000, 3, 10));
}

/* Ten times a second for ten minutes, in every way of coming and going. */
static void flap(struct bench *b, const char *ask, const char *leave, unsigned *ups)
{
    *ups = 0;
    for (int i = 0; i < 6000; i++) {
        b->now += SG_NS_PER_S / 10;
        says(b, "flapper", ask);
        *ups += strstr(b->text, "up flapper") != NULL;
        if (leave != NULL)
            says(b, "flapper", leave);
        else
            event(b, SG_HPV_IN_FAILED, "flapper");
    }
}

static void test_flapper(void **state)
{
    (void)state;
    static const char *const asks[] = {"JOIN", "NEIGHBOR high", "NEIGHBOR low", "JOIN"};
    static const char *const leaves[] = {"DISCONNECT", "DISCONNECT leaving", NULL,
                                         "NEIGHBOR_REPLY refused"};
    for (int i = 0; i < 4; i++) {
        struct bench b;
        unsigned ups;
        open_guarded(&b);
        neighbors(&b, "a b c d");
        flap(&b, asks[i], leaves[i], &ups);
        assert_in_range(ups, 10, 13); /* 3 at once, then once a minute */
        assert_true(is_active(&b, "a") && is_active(&b, "d"));
        bench_close(&b);
    }
}

/* Who has few neighbours cannot be choosy: two nodes are a network as well. */
static void test_flapper_is_welcome_where_few_are(void **state)
{
    (void)state;
    struct bench b;
    unsigned ups;
    open_guarded(&b);
    neighbors(&b, "a");
    flap(&b, "JOIN", "DISCONNECT", &ups);
    assert_int_equal(ups, 6000);
    bench_close(&b);
}

/* Nor is it asked, brought by walks, or let in by an answer that nobody waits for. */
static void test_flapper_is_not_asked(void **state)
{
    (void)state;
    struct bench b;
    open_guarded(&b);
    neighbors(&b, "a b c");
    for (int i = 0; i < 3; i++) {
        says(&b, "x", "NEIGHBOR high");
        says(&b, "x", "DISCONNECT leaving");
    }
    assert_string_equal(candidates(&b, "x"), "");
    assert_string_equal(says(&b, "a", "FORWARD_JOIN x ttl=0"), "");
    assert_string_equal(says(&b, "x", "NEIGHBOR_REPLY accepted"), "send x DISCONNECT\n");
    assert_string_equal(says(&b, "x", "JOIN"), "send x NEIGHBOR_REPLY refused\n");
    b.now = 60 * SG_NS_PER_S + 1;
    assert_string_equal(candidates(&b, ""), "send x NEIGHBOR low\n");
    bench_close(&b);
}

/* Who has ended a link within the last minute takes free places only. */
static void test_flapper_evicts_nobody(void **state)
{
    (void)state;
    struct bench b;
    open_guarded(&b);
    neighbors(&b, "a b c d e f g x");
    b.now = 10 * SG_NS_PER_S;
    says(&b, "x", "DISCONNECT");
    neighbors(&b, "h");
    assert_string_equal(says(&b, "x", "NEIGHBOR high"), "send x NEIGHBOR_REPLY refused\n");
    b.now = 71 * SG_NS_PER_S;
    says(&b, "x", "NEIGHBOR high");
    assert_true(is_active(&b, "x"));
    bench_close(&b);
}

static void test_contacts_may_flap(void **state)
{
    (void)state;
    struct bench b;
    unsigned ups;
    open_guarded(&b);
    struct sg_hpv_in in = {.kind = SG_HPV_IN_CONTACT, .peer = peer_named("flapper"), .on = true};
    neighbors(&b, "a b c d");
    bench_input(&b, &in);
    flap(&b, "NEIGHBOR low", "DISCONNECT", &ups);
    assert_int_equal(ups, 6000);
    bench_close(&b);
}

static void test_the_list_is_bounded(void **state)
{
    (void)state;
    struct bench b;
    char name[16];
    open_guarded(&b);
    neighbors(&b, "a b c d");
    for (int i = 0; i < 3 * SG_HPV_RECENT_MAX; i++) {
        snprintf(name, sizeof(name), "x%d", i);
        says(&b, name, "NEIGHBOR high");
        says(&b, name, "DISCONNECT leaving");
    }
    assert_int_equal(b.m.recent_count, SG_HPV_RECENT_MAX);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bucket),
        cmocka_unit_test(test_flapper),
        cmocka_unit_test(test_flapper_is_welcome_where_few_are),
        cmocka_unit_test(test_flapper_is_not_asked),
        cmocka_unit_test(test_flapper_evicts_nobody),
        cmocka_unit_test(test_contacts_may_flap),
        cmocka_unit_test(test_the_list_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
