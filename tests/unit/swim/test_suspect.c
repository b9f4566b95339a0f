/* suspect.c: accusations, confirmations, verdicts, signs of life, in both rules of belief. */
#include "unit/swim/fixture.h"

static void open_with(struct bench *b, const char *watched)
{
    struct sg_swim_config config = quiet_config();
    bench_open(b, &config);
    members(b, watched, true);
    forget_rumors(b);
}

static void open_paper(struct bench *b, const char *letters)
{
    struct sg_swim_config config = sg_swim_config_paper(sg_mem_default(), true);
    config.gossip_interval_ns = 0;
    config.push_pull_ns = 0;
    bench_open(b, &config);
    members(b, letters, false);
    forget_rumors(b);
}

static void news_goes_to_all_watched_but_the_teller(void **state)
{
    (void)state;
    struct bench b;
    open_with(&b, "abcd");
    /* asked at once, told to the others, not back to a */
    const char *text = says(&b, "a", SG_SWIM_SUSPECT, "d", BOOT(1), "x");
    const char *first = "suspect d 1.0\n"
                        "send d PING [SUSPECT d 1.0 by self] [SUSPECT d 1.0 by x]\n";
    assert_memory_equal(text, first, strlen(first));
    assert_int_equal(b.out.count, 5);
    for (const char *name = "bcd"; *name != '\0'; name++) {
        char line[64];
        snprintf(line, sizeof(line), "send %c GOSSIP [SUSPECT d 1.0 by x]\n", *name);
        assert_non_null(strstr(text, line));
    }
    assert_string_equal(says(&b, "b", SG_SWIM_SUSPECT, "d", BOOT(1), "x"), ""); /* known */
    bench_close(&b);
}

static uint64_t due_after(const struct bench *b, const char *peer)
{
    struct sg_peer_id id = peer_named(peer);
    uint16_t at = b->m->member[sg_swim_slot(b->m, &id)].suspicion;
    assert_true(at != SG_SWIM_NONE);
    return (b->m->suspicion[at].due - b->m->suspicion[at].start) / MS;
}

static void confirmations_shorten_the_timer(void **state)
{
    (void)state;
    struct bench b;
    open_with(&b, "abcdef");
    says(&b, "a", SG_SWIM_SUSPECT, "f", BOOT(1), "a");
    assert_int_equal(due_after(&b, "f"), 11400); /* 6 * 1.9 s */
    says(&b, "a", SG_SWIM_SUSPECT, "f", BOOT(1), "b");
    assert_int_equal(due_after(&b, "f"), 6650); /* log 2 / log 4 = 1/2 of the way */
    says(&b, "a", SG_SWIM_SUSPECT, "f", BOOT(1), "b");
    assert_int_equal(due_after(&b, "f"), 6650);     /* not independent */
    says(&b, "a", SG_SWIM_DEAD, "f", BOOT(1), "c"); /* one more accusation */
    assert_in_range(due_after(&b, "f"), 3870, 3873);
    says(&b, "a", SG_SWIM_SUSPECT, "f", BOOT(1), "d");
    assert_int_equal(due_after(&b, "f"), 1900);
    /* the fourth confirmation is not passed on */
    assert_string_equal(says(&b, "a", SG_SWIM_SUSPECT, "f", BOOT(1), "e"), "");
    assert_int_equal(sg_swim_stats(b.m)->confirmations, 3);
    bench_close(&b);
}

static void k_is_what_can_confirm(void **state)
{
    (void)state;
    struct bench b;
    open_with(&b, "ab"); /* only b can confirm what a says of b: nobody but self */
    says(&b, "a", SG_SWIM_SUSPECT, "b", BOOT(1), "a");
    assert_int_equal(due_after(&b, "b"), 11400);
    bench_close(&b);
    open_with(&b, "a");
    says(&b, "x", SG_SWIM_SUSPECT, "a", BOOT(1), "x");
    assert_int_equal(due_after(&b, "a"), 1900);
    bench_close(&b);
    open_paper(&b, "abc"); /* memberlist: all k can confirm, or nobody is waited for */
    says(&b, "a", SG_SWIM_SUSPECT, "b", BOOT(1), "a");
    assert_int_equal(due_after(&b, "b"), 5000);
    bench_close(&b);
}

static void a_verdict_takes_our_own_timer(void **state)
{
    (void)state;
    struct bench b;
    open_with(&b, "abcdef");
    for (const char *name = "bcde"; *name != '\0'; name++)
        says(&b, "a", SG_SWIM_DEAD, "f", BOOT(1), (const char[]){*name, '\0'});
    assert_int_equal(state_of(&b, "f"), SG_SWIM_IS_SUSPECT);
    link_down(&b, "f", false);
    assert_null(strstr(live(&b, 1890 * MS), "fail"));
    const char *text = live(&b, 20 * MS);
    assert_string_equal(text, "fail f 1.0\n");
    assert_null(strstr(text, "GOSSIP")); /* all have been told of the suspicion */
    assert_int_equal(state_of(&b, "f"), SG_SWIM_IS_DEAD);
    bench_close(&b);
}

static void made_up_accusations_are_ignored(void **state)
{
    (void)state;
    struct bench b;
    open_with(&b, "ab");
    assert_string_equal(says(&b, "a", SG_SWIM_SUSPECT, "stranger", BOOT(1), "a"), "");
    assert_string_equal(says(&b, "a", SG_SWIM_DEAD, "stranger", BOOT(1), "a"), "");
    assert_string_equal(says(&b, "a", SG_SWIM_SUSPECT, "b", BOOT(0), "a"), "");
    assert_string_equal(says(&b, "a", SG_SWIM_SUSPECT, "b", BOOT(1), "self"), "");
    assert_string_equal(says(&b, "a", SG_SWIM_SUSPECT, "b", BOOT(1), "b"), "SG_ERR_PROTOCOL");
    assert_string_equal(says(&b, "a", SG_SWIM_DEAD, "b", BOOT(1), "b"), "SG_ERR_PROTOCOL");
    bench_close(&b);
}

/* A number that nobody reached is brought down to what is known, so that it can go stale. */
static void a_huge_incarnation_is_cut(void **state)
{
    (void)state;
    struct bench b;
    open_with(&b, "ab");
    const char *text = says(&b, "x", SG_SWIM_SUSPECT, "b", UINT64_MAX, "x");
    assert_non_null(strstr(text, "send a GOSSIP [SUSPECT b 1.0 by x]\n"));
    assert_string_equal(record(&b, "b", BOOT(1) + 1, false), "refuted b 1.1\n");
    assert_int_equal(state_of(&b, "b"), SG_SWIM_IS_ALIVE);
    assert_string_equal(says(&b, "x", SG_SWIM_SUSPECT, "b", BOOT(1), "x"), ""); /* stale */
    bench_close(&b);
}

static void a_sign_of_life_clears_and_calms(void **state)
{
    (void)state;
    struct bench b;
    open_with(&b, "ab");
    says(&b, "a", SG_SWIM_SUSPECT, "b", BOOT(1), "x");
    assert_string_equal(heard(&b, "b"), "refuted b 1.0\n"
                                        "send b GOSSIP [SUSPECT b 1.0 by self]\n");
    /* what is still under way starts nothing, for a while */
    assert_string_equal(says(&b, "a", SG_SWIM_SUSPECT, "b", BOOT(1), "y"), "");
    b.now += 3 * SEC;
    assert_non_null(strstr(says(&b, "a", SG_SWIM_SUSPECT, "b", BOOT(1), "y"), "suspect b"));
    bench_close(&b);
}

static void kill_member(struct bench *b, const char *peer)
{
    link_down(b, peer, false);
    says(b, "x", SG_SWIM_SUSPECT, peer, BOOT(1), "x");
    live(b, 11400 * MS);
    forget_rumors(b);
    assert_int_equal(state_of(b, peer), SG_SWIM_IS_DEAD);
}

static void the_dead_come_back_at_first_hand(void **state)
{
    (void)state;
    struct bench b;
    open_with(&b, "abc");
    kill_member(&b, "c");
    assert_string_equal(says(&b, "a", SG_SWIM_ALIVE, "c", BOOT(9), NULL), "");
    assert_int_equal(state_of(&b, "c"), SG_SWIM_IS_DEAD);
    assert_string_equal(link_up(&b, "c"), "join c 1.0\n"
                                          "send c GOSSIP [DEAD c 1.0 by self]\n"
                                          "table c wants\n");
    assert_int_equal(sg_swim_stats(b.m)->deaths_undone, 1);
    kill_member(&b, "b");
    assert_string_equal(record(&b, "b", BOOT(1) + 1, false), "join b 1.1\n");
    bench_close(&b);
}

static void phantoms_are_dropped_without_a_verdict(void **state)
{
    (void)state;
    struct bench b;
    open_with(&b, "ab");
    heard(&b, "a");
    const char *text = says(&b, "a", SG_SWIM_ALIVE, "ghost", BOOT(7), NULL);
    assert_non_null(strstr(text, "join ghost 7.0\n"));
    assert_non_null(strstr(text, "send b GOSSIP [ALIVE ghost 7.0]\n"));
    bool is_dropped = false, is_dialled = false;
    for (int i = 0; i < 200 && !is_dropped; i++) { /* one dial in 80 s */
        text = live(&b, 500 * MS);
        is_dialled = is_dialled || strstr(text, "send ghost PING") != NULL;
        is_dropped = strstr(text, "dropped ghost") != NULL;
        assert_null(strstr(text, "fail"));
        assert_null(strstr(text, "suspect"));
    }
    assert_true(is_dialled && is_dropped);
    assert_int_equal(state_of(&b, "ghost"), 0);
    bench_close(&b);
}

static bool is_in_table(const struct bench *b, const char *name)
{
    struct sg_swim_table table;
    const struct sg_peer_id id = peer_named(name);
    bool is_in = false;
    assert_true(sg_swim_table(b->m, 0, &table));
    for (uint8_t i = 0; i < table.count; i++)
        is_in = is_in || sg_peer_id_equal(&table.entry[i].member, &id);
    return is_in;
}

/* Until it is dropped; whether it was asked meanwhile. */
static bool ask_in_vain(struct bench *b, const char *name)
{
    char ping[32], dropped[32];
    bool is_asked = false;
    (void)snprintf(ping, sizeof(ping), "send %s PING", name);
    (void)snprintf(dropped, sizeof(dropped), "dropped %s", name);
    for (int i = 0; i < 400 && state_of(b, name) != 0; i++) {
        const char *text = live(b, 500 * MS);
        is_asked = is_asked || strstr(text, ping) != NULL;
        assert_null(strstr(text, "fail"));
    }
    assert_int_equal(state_of(b, name), 0);
    return is_asked;
}

/* Those who have not asked a silent one yet go on to tell of it: it is asked again, and told to
 * nobody before it answers. */
static void who_was_silent_is_doubted(void **state)
{
    (void)state;
    struct bench b;
    open_with(&b, "ab");
    heard(&b, "a");
    says(&b, "a", SG_SWIM_ALIVE, "ghost", BOOT(7), NULL);
    assert_true(is_in_table(&b, "ghost"));
    assert_true(ask_in_vain(&b, "ghost"));
    for (int again = 0; again < 2; again++) {
        assert_string_equal(says(&b, "a", SG_SWIM_ALIVE, "ghost", BOOT(7) + 3, NULL), "");
        assert_string_equal(says(&b, "b", SG_SWIM_ALIVE, "ghost", BOOT(7), NULL), "");
        assert_string_equal(says(&b, "b", SG_SWIM_SUSPECT, "ghost", BOOT(7), "b"), "");
        assert_int_not_equal(state_of(&b, "ghost"), 0);
        assert_false(is_in_table(&b, "ghost"));
        assert_true(ask_in_vain(&b, "ghost"));
    }
    says(&b, "a", SG_SWIM_ALIVE, "ghost", BOOT(7), NULL);
    assert_non_null(strstr(heard(&b, "ghost"), "join ghost 7.0\n"));
    assert_true(is_in_table(&b, "ghost"));
    bench_close(&b);
}

/* A network that was cut has come together: the silent were on the other side. */
static void the_return_of_one_lets_all_be_believed(void **state)
{
    (void)state;
    struct bench b;
    open_with(&b, "ab");
    heard(&b, "a");
    says(&b, "a", SG_SWIM_ALIVE, "far", BOOT(7), NULL);
    assert_true(ask_in_vain(&b, "far"));
    assert_string_equal(says(&b, "a", SG_SWIM_ALIVE, "far", BOOT(7), NULL), "");
    kill_member(&b, "b");
    assert_string_equal(says(&b, "a", SG_SWIM_ALIVE, "far", BOOT(7), NULL), "");
    assert_non_null(strstr(heard(&b, "b"), "join b"));
    assert_non_null(strstr(says(&b, "a", SG_SWIM_ALIVE, "far", BOOT(7), NULL), "join far 7.0\n"));
    assert_true(is_in_table(&b, "far"));
    bench_close(&b);
}

/* What somebody signed in an earlier life, while a later one is known by hearsay alone. */
static void an_earlier_life_says_nothing_of_this_one(void **state)
{
    (void)state;
    struct bench b;
    open_with(&b, "ab");
    heard(&b, "a");
    says(&b, "a", SG_SWIM_ALIVE, "x", BOOT(7), NULL);
    const char *text = record(&b, "x", BOOT(1), true);
    assert_null(strstr(text, "left"));
    assert_non_null(strstr(text, "send x PING"));
    assert_int_not_equal(state_of(&b, "x"), 0);
    assert_non_null(strstr(record(&b, "x", BOOT(7) + 1, true), "left x"));
    assert_int_equal(state_of(&b, "x"), 0);
    bench_close(&b);
}

/* ---- as memberlist ---- */

static void paper_believes_what_it_hears(void **state)
{
    (void)state;
    struct bench b;
    open_paper(&b, "abcde");
    assert_string_equal(says(&b, "a", SG_SWIM_SUSPECT, "b", BOOT(1) + 3, "x"), "suspect b 1.3\n");
    heard(&b, "b"); /* no refutation */
    assert_int_equal(state_of(&b, "b"), SG_SWIM_IS_SUSPECT);
    assert_string_equal(says(&b, "a", SG_SWIM_ALIVE, "b", BOOT(1) + 3, NULL), "");
    assert_string_equal(says(&b, "a", SG_SWIM_ALIVE, "b", BOOT(1) + 4, NULL), "refuted b 1.4\n");
    assert_string_equal(says(&b, "a", SG_SWIM_DEAD, "b", BOOT(1) + 3, "x"), "");
    assert_string_equal(says(&b, "a", SG_SWIM_DEAD, "b", BOOT(1) + 4, "x"), "fail b 1.4\n");
    assert_string_equal(says(&b, "a", SG_SWIM_DEAD, "b", BOOT(1) + 5, "x"), "");
    assert_string_equal(says(&b, "a", SG_SWIM_ALIVE, "b", BOOT(1) + 5, NULL), "join b 1.5\n");
    assert_string_equal(says(&b, "a", SG_SWIM_ALIVE, "b", BOOT(1) + 6, NULL), "update b 1.6\n");
    /* a death told by its subject is a goodbye */
    assert_string_equal(says(&b, "a", SG_SWIM_DEAD, "b", BOOT(1) + 7, "b"), "left b 1.7\n");
    assert_string_equal(says(&b, "a", SG_SWIM_ALIVE, "b", BOOT(1) + 7, NULL), "");
    bench_close(&b);
}

static void forgetting_the_dead_spreads(void **state)
{
    (void)state;
    struct bench b;
    open_with(&b, "abc");
    struct sg_swim_in in = {.kind = SG_SWIM_IN_FORGET, .peer = peer_named("c")};
    assert_string_equal(feed(&b, &in), "SG_ERR_NOT_FOUND"); /* it lives */
    in.peer = peer_named("nobody");
    assert_string_equal(feed(&b, &in), "SG_ERR_NOT_FOUND");
    assert_string_equal(says(&b, "a", SG_SWIM_FORGET, "c", BOOT(1), "a"), "");
    kill_member(&b, "c");
    in.peer = peer_named("c");
    const char *text = feed(&b, &in);
    assert_int_equal(b.out.count, 3);
    assert_non_null(strstr(text, "left c 1.0\n"));
    assert_non_null(strstr(text, "send a GOSSIP [FORGET c 1.0 by self]\n"));
    assert_non_null(strstr(text, "send b GOSSIP [FORGET c 1.0 by self]\n"));
    assert_string_equal(says(&b, "a", SG_SWIM_ALIVE, "c", BOOT(1), NULL), "");
    assert_non_null(strstr(link_up(&b, "c"), "join c 1.0\n")); /* at first hand it counts */
    kill_member(&b, "b");
    /* others are believed about those only who have been dead for longer than partitions last */
    assert_null(strstr(says(&b, "a", SG_SWIM_FORGET, "b", BOOT(1), "a"), "left b"));
    b.now += 3600 * SEC;
    assert_non_null(strstr(says(&b, "a", SG_SWIM_FORGET, "b", BOOT(1), "a"), "left b 1.0\n"));
    bench_close(&b);
}

static void the_dead_are_forgotten_in_time(void **state)
{
    (void)state;
    struct bench b;
    struct sg_swim_config config = quiet_config();
    config.dead_keep_ns = 60 * SEC;
    config.dead_max = 2;
    bench_open(&b, &config);
    members(&b, "abcd", true);
    kill_member(&b, "b");
    kill_member(&b, "c");
    kill_member(&b, "d"); /* b is forgotten for it */
    assert_int_equal(state_of(&b, "b"), 0);
    assert_int_equal(state_of(&b, "c"), SG_SWIM_IS_DEAD);
    live(&b, 65 * SEC);
    assert_int_equal(state_of(&b, "c"), 0);
    assert_int_equal(state_of(&b, "d"), 0);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(news_goes_to_all_watched_but_the_teller),
        cmocka_unit_test(confirmations_shorten_the_timer),
        cmocka_unit_test(k_is_what_can_confirm),
        cmocka_unit_test(a_verdict_takes_our_own_timer),
        cmocka_unit_test(made_up_accusations_are_ignored),
        cmocka_unit_test(a_huge_incarnation_is_cut),
        cmocka_unit_test(a_sign_of_life_clears_and_calms),
        cmocka_unit_test(the_dead_come_back_at_first_hand),
        cmocka_unit_test(phantoms_are_dropped_without_a_verdict),
        cmocka_unit_test(who_was_silent_is_doubted),
        cmocka_unit_test(the_return_of_one_lets_all_be_believed),
        cmocka_unit_test(an_earlier_life_says_nothing_of_this_one),
        cmocka_unit_test(paper_believes_what_it_hears),
        cmocka_unit_test(forgetting_the_dead_spreads),
        cmocka_unit_test(the_dead_are_forgotten_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
