/* stranger.c: accused who are not in a full table. */
#include "unit/swim/fixture.h"

static void open_full(struct bench *b, uint16_t strangers)
{
    struct sg_swim_config config = quiet_config();
    config.members_max = 4;
    config.strangers_max = strangers;
    bench_open(b, &config);
    members(b, "abcd", true);
    forget_rumors(b);
}

static void accuse(struct bench *b, const char *accusers)
{
    for (; *accusers != '\0'; accusers++)
        says(b, "a", SG_SWIM_SUSPECT, "x", BOOT(1), (const char[]){*accusers, '\0'});
}

static void an_accusation_is_passed_on_once(void **state)
{
    (void)state;
    struct bench b;
    open_full(&b, 8);
    const char *text = says(&b, "a", SG_SWIM_SUSPECT, "x", BOOT(1), "p");
    assert_int_equal(b.out.count, 3); /* not back to a */
    assert_non_null(strstr(text, "send b GOSSIP [SUSPECT x 1.0 by p]\n"));
    assert_non_null(strstr(text, "send c GOSSIP [SUSPECT x 1.0 by p]\n"));
    assert_non_null(strstr(text, "send d GOSSIP [SUSPECT x 1.0 by p]\n"));
    assert_string_equal(says(&b, "b", SG_SWIM_SUSPECT, "x", BOOT(1), "p"), "");
    assert_int_equal(state_of(&b, "x"), 0); /* no member for that */
    bench_close(&b);
}

static void the_verdict_needs_all_confirmations(void **state)
{
    (void)state;
    struct bench b;
    open_full(&b, 8);
    accuse(&b, "pqr");
    assert_null(strstr(live(&b, 12 * SEC), "fail x"));
    assert_int_equal(b.m->stranger_count, 0);
    accuse(&b, "pqrs");
    assert_string_equal(says(&b, "b", SG_SWIM_SUSPECT, "x", BOOT(1), "t"), ""); /* enough */
    assert_null(strstr(live(&b, 1800 * MS), "fail x"));
    assert_non_null(strstr(live(&b, 200 * MS), "fail x 1.0"));
    /* once: what comes after the verdict is about the same life */
    assert_string_equal(says(&b, "b", SG_SWIM_DEAD, "x", BOOT(1) + 5, "b"), "");
    assert_null(strstr(live(&b, 61 * SEC), "fail x"));
    assert_int_equal(b.m->stranger_count, 0);
    bench_close(&b);
}

static void its_record_clears_it(void **state)
{
    (void)state;
    struct bench b;
    open_full(&b, 8);
    accuse(&b, "pqrs");
    record(&b, "x", BOOT(1) + 1, false);
    assert_null(strstr(live(&b, 3 * SEC), "fail x"));
    assert_string_equal(says(&b, "a", SG_SWIM_SUSPECT, "x", BOOT(1), "u"), ""); /* stale */
    assert_string_not_equal(says(&b, "a", SG_SWIM_SUSPECT, "x", BOOT(1) + 1, "u"), "");
    bench_close(&b);
}

static void who_comes_back_is_told_of(void **state)
{
    (void)state;
    struct bench b;
    open_full(&b, 8);
    accuse(&b, "pqrs");
    assert_non_null(strstr(live(&b, 2 * SEC), "fail x 1.0"));
    assert_string_equal(record(&b, "x", BOOT(1), false), ""); /* an old record, played again */
    assert_non_null(strstr(record(&b, "x", BOOT(2), false), "refuted x 2.0"));
    bench_close(&b);
}

static void a_table_with_room_listens_to_nobody(void **state)
{
    (void)state;
    struct bench b;
    struct sg_swim_config config = quiet_config();
    bench_open(&b, &config);
    members(&b, "abcd", true);
    forget_rumors(&b);
    assert_string_equal(says(&b, "a", SG_SWIM_SUSPECT, "x", BOOT(1), "p"), "");
    assert_int_equal(b.m->stranger_count, 0);
    bench_close(&b);
}

static void places_are_few_and_the_settled_give_way(void **state)
{
    (void)state;
    struct bench b;
    open_full(&b, 2);
    accuse(&b, "p");
    says(&b, "a", SG_SWIM_SUSPECT, "y", BOOT(1), "p");
    assert_string_equal(says(&b, "a", SG_SWIM_SUSPECT, "z", BOOT(1), "p"), "");
    record(&b, "y", BOOT(1) + 1, false);
    assert_string_not_equal(says(&b, "a", SG_SWIM_SUSPECT, "z", BOOT(1), "p"), "");
    assert_int_equal(b.m->stranger_count, 2);
    bench_close(&b);
}

/* More crashes than places: what is still under way about the first ones must not start them again,
 * or the news would go round for ever. */
static void who_gave_way_is_not_news_again(void **state)
{
    (void)state;
    static const char names[] = "uvwxyz";
    struct bench b;
    open_full(&b, 2);
    for (size_t i = 0; i + 1 < sizeof(names); i += 2) {
        for (const char *by = "pqrs"; *by != '\0'; by++) {
            says(&b, "a", SG_SWIM_SUSPECT, (const char[]){names[i], '\0'}, BOOT(1),
                 (const char[]){*by, '\0'});
            says(&b, "a", SG_SWIM_SUSPECT, (const char[]){names[i + 1], '\0'}, BOOT(1),
                 (const char[]){*by, '\0'});
        }
        live(&b, 2 * SEC);
    }
    assert_int_equal(b.m->stats.deaths, 6);
    for (const char *name = names; *name != '\0'; name++) {
        assert_string_equal(says(&b, "b", SG_SWIM_DEAD, (const char[]){*name, '\0'}, BOOT(1), "t"),
                            "");
        assert_string_equal(says(&b, "b", SG_SWIM_ALIVE, (const char[]){*name, '\0'}, BOOT(1), "b"),
                            "");
    }
    assert_int_equal(b.m->stranger_count, 0);
    live(&b, 62 * SEC);
    assert_null(b.m->settled);
    bench_close(&b);
}

/* Of made-up names, each with four accusers: no more than are remembered. */
static void settled_strangers_are_bounded(void **state)
{
    (void)state;
    struct bench b;
    open_full(&b, 1);
    for (char name = 'A'; name <= 'Z'; name++) {
        for (const char *by = "pqrs"; *by != '\0'; by++)
            says(&b, "a", SG_SWIM_SUSPECT, (const char[]){name, '\0'}, BOOT(1),
                 (const char[]){*by, '\0'});
        live(&b, 2 * SEC);
    }
    assert_int_equal(b.m->stats.deaths, SG_SWIM_SETTLED_PER_PLACE);
    live(&b, 62 * SEC);
    accuse(&b, "pqrs");
    assert_non_null(strstr(live(&b, 2 * SEC), "fail x 1.0"));
    bench_close(&b);
}

static void a_link_tells_it_what_is_said(void **state)
{
    (void)state;
    struct bench b;
    struct sg_swim_config config = quiet_config();
    config.members_max = 5;
    bench_open(&b, &config);
    members(&b, "abcde", false);
    link_down(&b, "e", false);
    forget_rumors(&b);
    accuse(&b, "p");
    assert_int_equal(b.m->stranger_count, 1);
    assert_non_null(strstr(link_up(&b, "x"), "send x GOSSIP [SUSPECT x 1.0 by self]"));
    assert_int_equal(b.m->stranger_count, 0); /* a member now, in the place of e */
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_accusation_is_passed_on_once),
        cmocka_unit_test(the_verdict_needs_all_confirmations),
        cmocka_unit_test(its_record_clears_it),
        cmocka_unit_test(who_comes_back_is_told_of),
        cmocka_unit_test(a_table_with_room_listens_to_nobody),
        cmocka_unit_test(places_are_few_and_the_settled_give_way),
        cmocka_unit_test(who_gave_way_is_not_news_again),
        cmocka_unit_test(settled_strangers_are_bounded),
        cmocka_unit_test(a_link_tells_it_what_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
