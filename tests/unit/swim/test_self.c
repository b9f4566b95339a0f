/* self.c: refutation, ghosts, the rate limit. */
#include "unit/swim/fixture.h"

static void open_plain(struct bench *b)
{
    struct sg_swim_config config = quiet_config();
    bench_open(b, &config);
    members(b, "ab", false);
    forget_rumors(b);
}

static void an_accusation_is_refuted(void **state)
{
    (void)state;
    struct bench b;
    open_plain(&b);
    assert_string_equal(says(&b, "a", SG_SWIM_SUSPECT, "self", BOOT(1), "a"),
                        "announce self 1.1\n");
    assert_int_equal(sg_swim_health(b.m), 0); /* liars could raise it at will */
    assert_int_equal(sg_swim_stats(b.m)->refutations, 1);
    assert_string_equal(says(&b, "a", SG_SWIM_SUSPECT, "self", BOOT(1), "a"), ""); /* stale */
    assert_string_equal(says(&b, "a", SG_SWIM_ALIVE, "self", BOOT(1) + 1, NULL), "");
    bench_close(&b);
}

/* Two a second, whatever liars say; the highest accusation is answered. */
static void refutations_are_limited(void **state)
{
    (void)state;
    struct bench b;
    open_plain(&b);
    says(&b, "a", SG_SWIM_DEAD, "self", BOOT(1), "a");
    assert_string_equal(says(&b, "a", SG_SWIM_SUSPECT, "self", BOOT(1) + 5, "a"), "");
    assert_string_equal(says(&b, "a", SG_SWIM_SUSPECT, "self", BOOT(1) + 3, "a"), "");
    assert_null(strstr(wait_ns(&b, 499 * MS), "announce"));
    assert_non_null(strstr(wait_ns(&b, 1 * MS), "announce self 1.6\n"));
    assert_int_equal(sg_swim_stats(b.m)->refutations, 2);
    bench_close(&b);
}

/* Somebody has missed our record: an old accusation that does not go away. */
static void a_stale_accusation_is_answered_later(void **state)
{
    (void)state;
    struct bench b;
    open_plain(&b);
    says(&b, "a", SG_SWIM_SUSPECT, "self", BOOT(1), "a");
    b.now += 1999 * MS;
    assert_string_equal(says(&b, "a", SG_SWIM_SUSPECT, "self", BOOT(1), "a"), "");
    b.now += 1 * MS;
    assert_string_equal(says(&b, "a", SG_SWIM_SUSPECT, "self", BOOT(1), "a"),
                        "announce self 1.2\n");
    bench_close(&b);
}

static void a_ghost_is_jumped_past(void **state)
{
    (void)state;
    struct bench b;
    open_plain(&b);
    assert_string_equal(says(&b, "a", SG_SWIM_ALIVE, "self", BOOT(70) + 2, NULL),
                        "announce self 70.3\n");
    b.now += SEC;
    assert_string_equal(record(&b, "self", BOOT(90), false), "announce self 90.1\n");
    b.now += SEC;
    assert_string_equal(record(&b, "self", BOOT(90), false), "");
    bench_close(&b);
}

/* What a liar makes up moves us no further than 65 536 boots, once and for all. */
static void a_made_up_ghost_has_a_limit(void **state)
{
    (void)state;
    struct bench b;
    open_plain(&b);
    assert_string_equal(says(&b, "a", SG_SWIM_ALIVE, "self", UINT64_MAX, NULL),
                        "announce self 65537.1\n");
    for (int i = 0; i < 10; i++) {
        b.now += SEC;
        assert_string_equal(says(&b, "a", SG_SWIM_ALIVE, "self", UINT64_MAX, NULL), "");
    }
    assert_string_equal(says(&b, "a", SG_SWIM_SUSPECT, "self", UINT64_MAX, "a"),
                        "announce self 65537.2\n");
    bench_close(&b);
}

static void numbers_run_over_and_end(void **state)
{
    (void)state;
    struct sg_swim_config config = quiet_config();
    struct bench b = {.now = SEC};
    bench_open_at(&b, &config, BOOT(1) + UINT32_MAX, 1);
    assert_string_equal(simple(&b, SG_SWIM_IN_ANNOUNCE), "announce self 2.0\n");
    bench_close(&b);
    bench_open_at(&b, &config, UINT64_MAX, 1);
    simple(&b, SG_SWIM_IN_ANNOUNCE);
    assert_true(sg_swim_incarnation(b.m) == UINT64_MAX);
    bench_close(&b);
}

static void own_news_is_announced_but_no_refutation(void **state)
{
    (void)state;
    struct bench b;
    open_plain(&b);
    assert_string_equal(simple(&b, SG_SWIM_IN_ANNOUNCE), "announce self 1.1\n");
    assert_string_equal(simple(&b, SG_SWIM_IN_ANNOUNCE), ""); /* both in one, later */
    assert_string_equal(simple(&b, SG_SWIM_IN_ANNOUNCE), "");
    assert_non_null(strstr(wait_ns(&b, 500 * MS), "announce self 1.2\n"));
    assert_int_equal(sg_swim_health(b.m), 0);
    assert_int_equal(sg_swim_stats(b.m)->refutations, 0);
    bench_close(&b);
}

static void paper_mode_gossips_its_refutation(void **state)
{
    (void)state;
    struct bench b;
    struct sg_swim_config config = sg_swim_config_paper(sg_mem_default(), true);
    bench_open(&b, &config);
    members(&b, "abc", false);
    forget_rumors(&b);
    assert_string_equal(says(&b, "a", SG_SWIM_SUSPECT, "self", BOOT(1), "a"),
                        "announce self 1.1\n");
    assert_string_equal(packet(&b, "b", SG_SWIM_PING, 1), "send b ACK [ALIVE self 1.1]\n");
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_accusation_is_refuted),
        cmocka_unit_test(refutations_are_limited),
        cmocka_unit_test(a_stale_accusation_is_answered_later),
        cmocka_unit_test(a_ghost_is_jumped_past),
        cmocka_unit_test(a_made_up_ghost_has_a_limit),
        cmocka_unit_test(numbers_run_over_and_end),
        cmocka_unit_test(own_news_is_announced_but_no_refutation),
        cmocka_unit_test(paper_mode_gossips_its_refutation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
