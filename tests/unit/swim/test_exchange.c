/* exchange.c: links, tables, records, hearsay. */
#include "unit/swim/fixture.h"

static void open_default(struct bench *b)
{
    struct sg_swim_config config = quiet_config();
    bench_open(b, &config);
}

static const char *table_of(struct bench *b, const char *from, bool wants_reply,
                            const struct sg_swim_entry *entries, uint8_t count)
{
    static struct sg_swim_table table;
    struct sg_swim_in in = {.kind = SG_SWIM_IN_TABLE, .peer = peer_named(from), .table = &table};
    table.wants_reply = wants_reply;
    table.count = (uint8_t)(count + 1);
    table.entry[0] = (struct sg_swim_entry){
        .member = in.peer, .incarnation = BOOT(1), .state = SG_SWIM_IS_ALIVE};
    if (count > 0)
        memcpy(table.entry + 1, entries, count * sizeof(entries[0]));
    return feed(b, &in);
}

static struct sg_swim_entry entry(const char *name, sg_incarnation incarnation,
                                  enum sg_swim_state state)
{
    return (struct sg_swim_entry){
        .member = peer_named(name), .incarnation = incarnation, .state = state};
}

static void the_first_links_are_asked_for_tables(void **state)
{
    (void)state;
    struct bench b;
    open_default(&b);
    assert_string_equal(link_up(&b, "a"), "join a 1.0\ntable a wants\n");
    watch(&b, "a", true);
    assert_string_equal(link_up(&b, "b"), "join b 1.0\ntable b wants\n"
                                          "send a GOSSIP [ALIVE b 1.0]\n");
    table_of(&b, "a", false, NULL, 0);
    assert_string_equal(link_up(&b, "c"), "join c 1.0\nsend a GOSSIP [ALIVE c 1.0]\n");
    bench_close(&b);
}

static void a_newcomer_learns_quietly_others_pass_on(void **state)
{
    (void)state;
    struct bench b;
    struct sg_swim_entry e[2] = {entry("m", BOOT(2), SG_SWIM_IS_ALIVE),
                                 entry("n", BOOT(2), SG_SWIM_IS_ALIVE)};
    open_default(&b);
    members(&b, "ab", true);
    forget_rumors(&b);
    assert_string_equal(table_of(&b, "a", false, e, 1), "join m 2.0\n");
    b.now += 5 * SEC; /* all parts have come */
    assert_string_equal(table_of(&b, "a", false, e, 2), "join n 2.0\n"
                                                        "send b GOSSIP [ALIVE n 2.0]\n");
    bench_close(&b);
}

/* Most others have no place for it either. */
static void in_a_full_table_newcomers_are_told_but_not_flooded(void **state)
{
    (void)state;
    struct bench b;
    struct sg_swim_config config = quiet_config();
    config.members_max = 4;
    bench_open(&b, &config);
    members(&b, "ab", true);
    members(&b, "c", false);
    link_down(&b, "c", false);
    forget_rumors(&b);
    assert_non_null(strstr(link_up(&b, "d"), "send a GOSSIP [ALIVE d 1.0]\n"));
    forget_rumors(&b);
    const char *text = link_up(&b, "e"); /* c gives way */
    assert_non_null(strstr(text, "join e 1.0\n"));
    assert_null(strstr(text, "ALIVE e"));
    text = packet(&b, "a", SG_SWIM_PING, 7);
    assert_non_null(strstr(text, "send a ACK [ALIVE e 1.0]\n"));
    bench_close(&b);
}

static void verdicts_in_tables_are_accusations(void **state)
{
    (void)state;
    struct bench b;
    struct sg_swim_entry e[3] = {entry("b", BOOT(1), SG_SWIM_IS_DEAD),
                                 entry("unknown", BOOT(1), SG_SWIM_IS_DEAD),
                                 entry("self", BOOT(1), SG_SWIM_IS_DEAD)};
    open_default(&b);
    members(&b, "abc", true);
    forget_rumors(&b);
    const char *text = table_of(&b, "a", false, e, 3);
    assert_non_null(strstr(text, "suspect b 1.0\n"));
    assert_non_null(strstr(text, "send c GOSSIP [SUSPECT b 1.0 by a]\n"));
    assert_null(strstr(text, "unknown"));
    assert_non_null(strstr(text, "announce self 1.1\n"));
    bench_close(&b);
}

static void replies_are_limited(void **state)
{
    (void)state;
    struct bench b;
    open_default(&b);
    members(&b, "ab", false);
    assert_string_equal(table_of(&b, "a", true, NULL, 0), "table a\n");
    assert_string_equal(table_of(&b, "a", true, NULL, 0), "");
    assert_string_equal(table_of(&b, "b", true, NULL, 0), "table b\n");
    b.now += SEC;
    assert_string_equal(table_of(&b, "a", true, NULL, 0), "table a\n");
    bench_close(&b);
}

static void a_table_is_complete_in_parts(void **state)
{
    (void)state;
    struct bench b;
    struct sg_swim_table table;
    unsigned entries = 0;
    open_default(&b);
    assert_true(sg_swim_table(b.m, 0, &table)); /* alone: self */
    assert_int_equal(table.count, 1);
    assert_false(sg_swim_table(b.m, 1, &table));
    for (unsigned i = 0; i < 200; i++) {
        char name[8];
        snprintf(name, sizeof(name), "m%u", i);
        record(&b, name, BOOT(1), false);
    }
    for (uint32_t part = 0; sg_swim_table(b.m, part, &table); part++) {
        assert_string_equal(name_of(&table.entry[0].member), "self");
        entries += table.count - 1U;
    }
    assert_int_equal(entries, 200);
    bench_close(&b);
}

static void records_rule_incarnations(void **state)
{
    (void)state;
    struct bench b;
    struct sg_peer_id id = peer_named("a");
    struct sg_swim_view view;
    open_default(&b);
    members(&b, "a", false);
    assert_string_equal(record(&b, "a", BOOT(1) + 4, false), "update a 1.4\n");
    assert_string_equal(record(&b, "a", BOOT(1) + 3, false), ""); /* replayed */
    assert_string_equal(says(&b, "x", SG_SWIM_ALIVE, "a", BOOT(5), NULL), "");
    assert_int_equal(sg_swim_find(b.m, &id, &view), SG_OK);
    assert_true(view.incarnation == BOOT(1) + 4);
    assert_string_equal(record(&b, "new", BOOT(3), false), "join new 3.0\n");
    id = peer_named("nobody");
    assert_int_equal(sg_swim_find(b.m, &id, &view), SG_ERR_NOT_FOUND);
    bench_close(&b);
}

/* What hearsay said of a number is no obstacle to what the member says itself. */
static void a_forged_number_gives_way(void **state)
{
    (void)state;
    struct bench b;
    open_default(&b);
    members(&b, "a", false);
    says(&b, "a", SG_SWIM_ALIVE, "v", UINT64_MAX, NULL);
    assert_string_equal(record(&b, "v", BOOT(2), false), "update v 2.0\n");
    says(&b, "a", SG_SWIM_ALIVE, "w", UINT64_MAX, NULL);
    assert_non_null(strstr(link_up(&b, "w"), "update w 1.0\n"));
    bench_close(&b);
}

static void a_goodbye_lasts(void **state)
{
    (void)state;
    struct bench b;
    open_default(&b);
    members(&b, "ab", false);
    assert_string_equal(record(&b, "b", BOOT(1) - 1, true), ""); /* of an earlier life */
    assert_string_equal(record(&b, "b", BOOT(1) + 1, true), "left b 1.1\n");
    assert_string_equal(says(&b, "a", SG_SWIM_ALIVE, "b", BOOT(1), NULL), "");
    assert_string_equal(says(&b, "a", SG_SWIM_ALIVE, "b", BOOT(1) + 9, NULL), "");
    assert_string_equal(record(&b, "b", BOOT(1), false), "send b GOSSIP [ALIVE b 1.1]\n");
    assert_null(strstr(link_up(&b, "b"), "join"));
    struct sg_swim_in in = {
        .kind = SG_SWIM_IN_LINK_UP, .peer = peer_named("b"), .incarnation = BOOT(2)};
    assert_non_null(strstr(feed(&b, &in), "join b 2.0\n")); /* a new life */
    assert_non_null(strstr(record(&b, "a", BOOT(1) + 1, true), "left a 1.1\n"));
    assert_non_null(strstr(says(&b, "b", SG_SWIM_ALIVE, "a", BOOT(2), NULL), "join a 2.0\n"));
    bench_close(&b);
}

static void an_old_goodbye_takes_nothing_back(void **state)
{
    (void)state;
    struct bench b;
    open_default(&b);
    record(&b, "b", BOOT(2) + 1, true);
    record(&b, "b", BOOT(1) + 1, true); /* played again */
    assert_null(strstr(link_up(&b, "b"), "join"));
    assert_string_equal(record(&b, "b", BOOT(2), false), "send b GOSSIP [ALIVE b 2.1]\n");
    assert_int_equal(sg_swim_count(b.m), 0);
    bench_close(&b);
}

static void a_leaver_with_a_lost_boot_counter_is_told(void **state)
{
    (void)state;
    struct bench b;
    open_default(&b);
    members(&b, "w", false);
    record(&b, "a", BOOT(50) + 2, true);
    const char *text = link_up(&b, "a");
    assert_non_null(strstr(text, "send a GOSSIP [ALIVE a 50.2]\n"));
    assert_null(strstr(text, "join"));
    assert_string_equal(record(&b, "a", BOOT(1) + 1, false), "send a GOSSIP [ALIVE a 50.2]\n");
    assert_string_equal(record(&b, "a", BOOT(50) + 3, false), "join a 50.3\n");
    /* and what others say of this life counts again */
    struct sg_peer_id id = peer_named("a");
    sg_swim_remove(b.m, sg_swim_slot(b.m, &id));
    assert_non_null(strstr(says(&b, "w", SG_SWIM_ALIVE, "a", BOOT(50) + 3, NULL), "join a 50.3\n"));
    bench_close(&b);
}

static void a_peer_with_a_lost_boot_counter_is_told(void **state)
{
    (void)state;
    struct bench b;
    open_default(&b);
    record(&b, "a", BOOT(50), false);
    const char *text = link_up(&b, "a");
    assert_non_null(strstr(text, "send a GOSSIP [ALIVE a 50.0]\n"));
    assert_null(strstr(text, "update"));
    bench_close(&b);
}

static void hearsay_joins_when_confirmed(void **state)
{
    (void)state;
    struct bench b;
    struct sg_peer_id peers[3] = {peer_named("p"), peer_named("q"), peer_named("self")};
    struct sg_swim_in in = {.kind = SG_SWIM_IN_HEARSAY, .peers = peers, .count = 3};
    open_default(&b);
    assert_string_equal(feed(&b, &in), "");
    assert_int_equal(sg_swim_count(b.m), 2);
    assert_string_equal(says(&b, "x", SG_SWIM_ALIVE, "p", BOOT(1), NULL), "join p 0.0\n");
    assert_non_null(strstr(link_up(&b, "q"), "join q 1.0\n"));
    bench_close(&b);
}

static void tables_are_exchanged_now_and_then(void **state)
{
    (void)state;
    struct bench b;
    struct sg_swim_config config = quiet_config();
    config.push_pull_ns = 30 * SEC;
    bench_open(&b, &config);
    members(&b, "ab", true);
    unsigned tables = 0;
    for (int i = 0; i < 300; i++) {
        const char *text = live(&b, SEC);
        tables += strstr(text, "table ") != NULL;
    }
    assert_in_range(tables, 9, 11);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_links_are_asked_for_tables),
        cmocka_unit_test(a_newcomer_learns_quietly_others_pass_on),
        cmocka_unit_test(in_a_full_table_newcomers_are_told_but_not_flooded),
        cmocka_unit_test(verdicts_in_tables_are_accusations),
        cmocka_unit_test(replies_are_limited),
        cmocka_unit_test(a_table_is_complete_in_parts),
        cmocka_unit_test(records_rule_incarnations),
        cmocka_unit_test(a_forged_number_gives_way),
        cmocka_unit_test(a_goodbye_lasts),
        cmocka_unit_test(an_old_goodbye_takes_nothing_back),
        cmocka_unit_test(a_leaver_with_a_lost_boot_counter_is_told),
        cmocka_unit_test(a_peer_with_a_lost_boot_counter_is_told),
        cmocka_unit_test(hearsay_joins_when_confirmed),
        cmocka_unit_test(tables_are_exchanged_now_and_then),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
