/* probe.c: order, timeouts, indirect probes, local health, the watch. */
#include "unit/swim/fixture.h"

static void open_quiet(struct bench *b, const char *watched, const char *linked)
{
    struct sg_swim_config config = quiet_config();
    bench_open(b, &config);
    members(b, watched, true);
    members(b, linked, false);
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

/* SWIM s4.3: each once per round, each round in another order. */
static void round_robin_in_random_order(void **state)
{
    (void)state;
    struct bench b;
    char order[3][8] = {"", "", ""};
    open_paper(&b, "abcdefg");
    for (int i = 0; i < 21;) {
        simple(&b, SG_SWIM_IN_TIMEOUT);
        if (b.out.count > 0) {
            const char *peer = name_of(&b.out.out[0].peer);
            assert_null(strchr(order[i / 7], peer[0]));
            order[i / 7][i % 7] = peer[0];
            packet(&b, peer, SG_SWIM_ACK, b.out.out[0].seq);
            i++;
        }
        b.now = sg_swim_deadline(b.m);
    }
    assert_true(memcmp(order[1], order[0], 7) != 0 || memcmp(order[2], order[0], 7) != 0);
    assert_int_equal(sg_swim_stats(b.m)->pings, 21);
    bench_close(&b);
}

static void a_newcomer_comes_at_a_random_place(void **state)
{
    (void)state;
    unsigned place[9] = {0};
    for (uint64_t seed = 0; seed < 450; seed++) {
        struct sg_swim_config config = quiet_config();
        struct sg_peer_id x = peer_named("x");
        struct bench b = {.now = 0};
        bench_open_at(&b, &config, 1, seed);
        members(&b, "abcdefgh", false);
        link_up(&b, "x");
        place[b.m->member[sg_swim_slot(b.m, &x)].place]++;
        bench_close(&b);
    }
    for (int i = 0; i < 9; i++)
        assert_in_range(place[i], 25, 80);
}

/* Paper: direct ping, 500 ms, three PING_REQs, the rest of the period, suspicion. */
static void indirect_probes_come_before_suspicion(void **state)
{
    (void)state;
    struct bench b;
    open_paper(&b, "abcde");
    b.now = sg_swim_deadline(b.m);
    simple(&b, SG_SWIM_IN_TIMEOUT);
    char victim[2] = {name_of(&b.out.out[0].peer)[0], '\0'};
    assert_string_equal(wait_ns(&b, 499 * MS), "");
    const char *text = wait_ns(&b, 1 * MS);
    assert_int_equal(b.out.count, 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(b.out.out[i].packet, SG_SWIM_PING_REQ);
        assert_string_equal(name_of(&b.out.out[i].target), victim);
        assert_string_not_equal(name_of(&b.out.out[i].peer), victim);
    }
    assert_string_equal(wait_ns(&b, 499 * MS), "");
    text = wait_ns(&b, 1 * MS);
    assert_true(strncmp(text, "suspect ", 8) == 0 && text[8] == victim[0]);
    assert_int_equal(sg_swim_health(b.m), 3); /* none of three NACKs has come */
    bench_close(&b);
}

/* Which relays were asked, and with what number. */
struct asked {
    char relay[3][2];
    char victim[2];
    uint32_t seq;
};

static struct asked ask_relays(struct bench *b)
{
    struct asked a = {.victim = {0}};
    while (b->out.count == 0 || b->out.out[0].packet != SG_SWIM_PING_REQ) {
        b->now = sg_swim_deadline(b->m);
        simple(b, SG_SWIM_IN_TIMEOUT);
    }
    for (int i = 0; i < 3; i++)
        a.relay[i][0] = name_of(&b->out.out[i].peer)[0];
    a.victim[0] = name_of(&b->out.out[0].target)[0];
    a.seq = b->out.out[0].seq;
    return a;
}

static void nacks_excuse_us(void **state)
{
    (void)state;
    struct bench b;
    open_paper(&b, "abcde");
    struct asked a = ask_relays(&b);
    packet(&b, a.relay[0], SG_SWIM_NACK, a.seq);
    packet(&b, a.relay[0], SG_SWIM_NACK, a.seq); /* counts once */
    packet(&b, a.relay[1], SG_SWIM_NACK, a.seq);
    packet(&b, "z", SG_SWIM_NACK, a.seq); /* was not asked */
    wait_ns(&b, 500 * MS);
    assert_int_equal(state_of(&b, a.victim), SG_SWIM_IS_SUSPECT);
    assert_int_equal(sg_swim_health(b.m), 1); /* one is missing */
    bench_close(&b);
}

static void an_indirect_ack_is_enough(void **state)
{
    (void)state;
    struct bench b;
    open_paper(&b, "abcde");
    struct asked a = ask_relays(&b);
    packet(&b, "z", SG_SWIM_ACK, a.seq); /* was not asked: does not count */
    assert_true(b.m->has_ring_probe);
    packet(&b, a.relay[2], SG_SWIM_ACK, a.seq);
    assert_false(b.m->has_ring_probe);
    wait_ns(&b, 500 * MS);
    assert_int_equal(state_of(&b, a.victim), SG_SWIM_IS_ALIVE);
    bench_close(&b);
}

/* Lifeguard: an unhealthy member gives others more time; success heals. */
static void local_health_stretches_times(void **state)
{
    (void)state;
    struct bench b;
    open_paper(&b, "abcde");
    b.m->health = 1;
    b.now = sg_swim_deadline(b.m);
    simple(&b, SG_SWIM_IN_TIMEOUT);
    uint32_t seq = last_seq(&b);
    const char *victim = name_of(&b.out.out[0].peer);
    char name[2] = {victim[0], '\0'};
    /* as by memberlist not the direct timeout, but the time until the probe has failed */
    assert_string_equal(wait_ns(&b, 499 * MS), "");
    assert_non_null(strstr(wait_ns(&b, 1 * MS), "PING_REQ"));
    wait_ns(&b, 1400 * MS); /* a new period has begun: it waits for the end of the probe */
    assert_true(b.m->has_ring_probe && b.m->is_late_tick);
    packet(&b, name, SG_SWIM_ACK, seq);
    assert_int_equal(sg_swim_health(b.m), 0);
    assert_int_equal(b.out.count, 1); /* and then comes at once */
    assert_int_equal(b.out.out[0].packet, SG_SWIM_PING);
    bench_close(&b);
}

static void a_suspect_is_pinged_with_its_suspicion(void **state)
{
    (void)state;
    for (int lifeguard = 0; lifeguard < 2; lifeguard++) {
        struct bench b;
        struct sg_swim_config config = sg_swim_config_paper(sg_mem_default(), lifeguard == 1);
        config.gossip_interval_ns = 0;
        bench_open(&b, &config);
        members(&b, "a", false);
        says(&b, "x", SG_SWIM_SUSPECT, "a", BOOT(1), "x");
        forget_rumors(&b);
        b.now = sg_swim_timer_get(b.m, SG_SWIM_T_PERIOD);
        assert_string_equal(simple(&b, SG_SWIM_IN_TIMEOUT),
                            lifeguard ? "send a PING [SUSPECT a 1.0 by self]\n" : "send a PING\n");
        bench_close(&b);
    }
}

/* ---- default mode ---- */

static void the_silent_are_pinged(void **state)
{
    (void)state;
    struct bench b;
    open_quiet(&b, "abcd", "");
    b.now += 500 * MS;
    heard(&b, "a");
    heard(&b, "b");
    assert_string_equal(wait_ns(&b, 499 * MS), "");
    wait_ns(&b, 1 * MS);
    assert_int_equal(sg_swim_stats(b.m)->pings, 2); /* c and d: silent for 1 s */
    wait_ns(&b, 400 * MS);
    heard(&b, "c");
    heard(&b, "d"); /* anything is an answer */
    wait_ns(&b, 100 * MS);
    assert_int_equal(sg_swim_stats(b.m)->pings, 4); /* a and b 1 s after they were heard */
    bench_close(&b);
}

static void a_silent_neighbour_is_suspected_after_its_window(void **state)
{
    (void)state;
    struct bench b;
    open_quiet(&b, "abcd", "");
    struct sg_swim_in in = {
        .kind = SG_SWIM_IN_RTT, .peer = peer_named("d"), .srtt_ns = 5 * MS, .rttvar_ns = 2 * MS};
    feed(&b, &in);
    for (int i = 0; i < 3; i++) {
        assert_string_equal(wait_ns(&b, 300 * MS), "");
        for (const char *name = "abc"; *name != '\0'; name++)
            heard(&b, (const char[]){*name, '\0'});
    }
    assert_string_equal(wait_ns(&b, 100 * MS), "send d PING\n");
    assert_string_equal(wait_ns(&b, 199 * MS), "");
    wait_ns(&b, 1 * MS); /* 2 SRTT + 4 var is below the floor of 200 ms */
    assert_int_equal(sg_swim_stats(b.m)->ping_reqs, 3);
    assert_string_equal(wait_ns(&b, 399 * MS), "");
    const char *text = wait_ns(&b, 1 * MS);
    assert_non_null(strstr(text, "suspect d 1.0\n"));
    assert_non_null(strstr(text, "send a GOSSIP [SUSPECT d 1.0 by self]\n"));
    bench_close(&b);
}

static void a_slow_path_gets_more_time(void **state)
{
    (void)state;
    struct bench b;
    open_quiet(&b, "a", "");
    struct sg_swim_in in = {
        .kind = SG_SWIM_IN_RTT, .peer = peer_named("a"), .srtt_ns = 600 * MS, .rttvar_ns = 50 * MS};
    feed(&b, &in);
    assert_string_equal(wait_ns(&b, SEC), "send a PING\n");
    assert_string_equal(wait_ns(&b, 1399 * MS), ""); /* nobody to ask; 2 SRTT + 4 var */
    assert_non_null(strstr(wait_ns(&b, 1 * MS), "suspect a"));
    bench_close(&b);
}

static void a_lost_link_is_probed_by_others_at_once(void **state)
{
    (void)state;
    struct bench b;
    open_quiet(&b, "abcd", "");
    assert_string_equal(link_down(&b, "d", false), ""); /* agreed */
    link_up(&b, "d");
    forget_rumors(&b);
    const char *text = link_down(&b, "d", true);
    assert_int_equal(b.out.count, 3);
    assert_non_null(strstr(text, "PING_REQ d"));
    assert_non_null(strstr(live(&b, 600 * MS), "suspect d"));
    bench_close(&b);
}

static void whoever_is_alone_judges_nobody(void **state)
{
    (void)state;
    struct bench b;
    open_quiet(&b, "abcd", "");
    for (const char *name = "abcd"; *name != '\0'; name++)
        link_down(&b, (const char[]){*name, '\0'}, true);
    const char *text = wait_ns(&b, 600 * SEC);
    assert_null(strstr(text, "fail"));
    assert_int_equal(sg_swim_count(b.m), 4);
    bench_close(&b);
}

struct tally {
    uint64_t dials, linked; /* pings to a .. v, and to w .. z */
};

/* Lives on for a while; members without a link answer and their links are closed again. */
static struct tally live_and_count(struct bench *b, uint64_t seconds)
{
    struct tally t = {0};
    for (uint64_t i = 0; i < 10 * seconds; i++) {
        live(b, 100 * MS);
        for (size_t k = 0, count = b->out.count; k < count; k++) {
            if (b->out.out[k].kind != SG_SWIM_OUT_SEND || b->out.out[k].packet != SG_SWIM_PING)
                continue;
            const char name[] = {name_of(&b->out.out[k].peer)[0], '\0'};
            t.dials += name[0] < 'w';
            t.linked += name[0] > 'w';
            if (name[0] >= 'w')
                continue;
            struct sg_swim_outbox kept = b->out;
            link_up(b, name);
            link_down(b, name, false);
            b->out = kept;
        }
    }
    return t;
}

/* Ten members without a link: one dial in 80 s while nobody is accused, then 10, 20, 40, 80 s
 * apart. The two linked but not watched are heard all the time. */
static void dials_are_few(void **state)
{
    (void)state;
    struct bench b;
    open_quiet(&b, "w", "xy");
    for (const char *name = "abcdefghij"; *name != '\0'; name++)
        record(&b, (const char[]){*name, '\0'}, BOOT(1), false);
    forget_rumors(&b);
    struct tally t = live_and_count(&b, 400);
    assert_in_range(t.dials, 4, 5);
    assert_int_equal(t.linked, 0);
    says(&b, "w", SG_SWIM_SUSPECT, "x", BOOT(1), "w");
    heard(&b, "x"); /* it lives, the alarm stays */
    t = live_and_count(&b, 160);
    assert_in_range(t.dials, 4, 5);
    bench_close(&b);
}

/* Linked, but in no view: pinged when silent for 3 s and its turn has come. */
static void the_unwatched_are_probed_when_silent(void **state)
{
    (void)state;
    struct bench b;
    open_quiet(&b, "w", "x");
    for (int i = 0; i < 28; i++) {
        wait_ns(&b, 100 * MS);
        heard(&b, "w");
    }
    assert_int_equal(sg_swim_stats(b.m)->pings, 0);
    for (int i = 0; i < 22 && sg_swim_stats(b.m)->pings == 0; i++) {
        wait_ns(&b, 100 * MS);
        heard(&b, "w");
    }
    assert_int_equal(sg_swim_stats(b.m)->pings, 1);
    bench_close(&b);
}

/* Where one member is not there, the next is tried at the usual pace. */
static void a_failed_dial_is_an_alarm(void **state)
{
    (void)state;
    struct bench b;
    open_quiet(&b, "w", "");
    for (const char *name = "abc"; *name != '\0'; name++)
        record(&b, (const char[]){*name, '\0'}, BOOT(1), false);
    assert_true(b.m->dial_pause_ns == SG_SWIM_CALM_FACTOR * b.m->config.dial_interval_ns);
    for (int i = 0; i < 900 && sg_swim_stats(b.m)->probes_failed == 0; i++) {
        live(&b, 100 * MS);
        heard(&b, "w");
    }
    assert_int_equal(sg_swim_stats(b.m)->probes_failed, 1);
    assert_true(b.m->dial_pause_ns == b.m->config.dial_interval_ns);
    assert_true(sg_time_since(b.m->dial_at, b.now) <= b.m->config.dial_interval_ns);
    bench_close(&b);
}

static const char *untried(struct bench *b, const char *peer, uint32_t seq, bool is_lasting)
{
    struct sg_swim_in in = {
        .kind = SG_SWIM_IN_UNTRIED, .peer = peer_named(peer), .seq = seq, .is_lasting = is_lasting};
    return feed(b, &in);
}

/* A neighbour, and a member whose link was given up; until the member is pinged. */
static uint32_t until_dialled(struct bench *b)
{
    open_quiet(b, "wx", "a");
    link_down(b, "a", false);
    for (int i = 0; i < 900; i++) {
        live(b, 100 * MS);
        if (b->m->member[sg_swim_slot(b->m, &(struct sg_peer_id){{'a'}})].probe != 0)
            return b->m->seq - 1;
    }
    fail();
    return 0;
}

/* Who has no room to dial is no witness. */
static void whom_we_could_not_ask_we_do_not_accuse(void **state)
{
    (void)state;
    struct bench b;
    uint32_t seq = until_dialled(&b);
    assert_string_equal(untried(&b, "a", seq + 1, false), ""); /* of another probe */
    assert_string_equal(untried(&b, "nobody", seq, false), "");
    assert_true(b.m->has_ring_probe);
    assert_string_equal(untried(&b, "a", seq, false), "");
    assert_false(b.m->has_ring_probe);
    assert_null(strstr(live(&b, 20 * SEC), "suspect"));
    assert_int_equal(state_of(&b, "a"), SG_SWIM_IS_ALIVE);
    assert_int_equal(sg_swim_stats(b.m)->probes_failed, 0);
    assert_int_equal(sg_swim_health(b.m), 0);
    bench_close(&b);
}

/* Others ask in our place, and nobody is told of what they did not find. */
static void whom_we_can_never_ask_is_dropped_when_others_fail(void **state)
{
    (void)state;
    for (int is_answered = 0; is_answered < 2; is_answered++) {
        struct bench b;
        uint32_t seq = until_dialled(&b);
        const char *text = untried(&b, "a", seq, true);
        assert_non_null(strstr(text, "send w PING_REQ a\n"));
        assert_non_null(strstr(text, "send x PING_REQ a\n"));
        if (is_answered)
            packet(&b, "w", SG_SWIM_ACK, seq);
        text = live(&b, 6 * SEC);
        assert_null(strstr(text, "suspect"));
        assert_null(strstr(text, "SUSPECT"));
        assert_int_equal(strstr(text, "dropped a") == NULL, is_answered);
        assert_int_equal(sg_swim_health(b.m), 0);
        bench_close(&b);
    }
}

/* Of whom others accuse we say nothing that we have not seen. */
static void a_suspect_that_we_can_never_ask_is_judged_by_others(void **state)
{
    (void)state;
    struct bench b;
    uint32_t seq = until_dialled(&b);
    says(&b, "w", SG_SWIM_SUSPECT, "a", BOOT(1), "w");
    assert_int_equal(state_of(&b, "a"), SG_SWIM_IS_SUSPECT);
    untried(&b, "a", seq, true);
    assert_non_null(strstr(live(&b, 20 * SEC), "fail a"));
    assert_int_equal(sg_swim_stats(b.m)->confirmations, 0);
    bench_close(&b);
}

/* A sign of life moves the timer of the watch: two who watch each other ping in one direction, and
 * the other one is not woken in between. */
static void the_watched_are_not_pinged_by_both(void **state)
{
    (void)state;
    struct bench b;
    open_quiet(&b, "a", "");
    for (int i = 0; i < 20; i++) {
        wait_ns(&b, 700 * MS);
        heard(&b, "a");
        assert_true(sg_time_since(sg_swim_deadline(b.m), b.now) >= SEC);
    }
    assert_int_equal(sg_swim_stats(b.m)->pings, 0);
    bench_close(&b);
}

static void loss_on_most_links_is_our_own(void **state)
{
    (void)state;
    struct bench b;
    open_quiet(&b, "abcde", "");
    struct sg_swim_in in = {.kind = SG_SWIM_IN_RTT, .srtt_ns = MS, .lost_permille = 300};
    for (const char *name = "ab"; *name != '\0'; name++) {
        in.peer = peer_named((const char[]){*name, '\0'});
        feed(&b, &in);
    }
    assert_int_equal(sg_swim_health(b.m), 0);
    in.peer = peer_named("c");
    feed(&b, &in);
    assert_int_equal(sg_swim_health(b.m), 1);
    in.peer = peer_named("d");
    feed(&b, &in); /* once per period */
    assert_int_equal(sg_swim_health(b.m), 1);
    bench_close(&b);
}

static void idle_wakes_are_few(void **state)
{
    (void)state;
    struct bench b;
    open_quiet(&b, "abcdefghijkl", "");
    for (int i = 0; i < 244; i++) {
        struct sg_swim_in in = {.kind = SG_SWIM_IN_RECORD, .incarnation = BOOT(1)};
        in.peer = peer_named("m000");
        in.peer.b[1] = (uint8_t)('0' + i / 26);
        in.peer.b[2] = (uint8_t)('a' + i % 26);
        feed(&b, &in);
    }
    uint64_t wakes = 0;
    sg_time_ns end = b.now + 60 * SEC;
    while (b.now < end) {
        b.now = sg_swim_deadline(b.m);
        simple(&b, SG_SWIM_IN_TIMEOUT);
        wakes++;
        for (size_t i = 0, count = b.out.count; i < count; i++) {
            if (b.out.out[i].kind != SG_SWIM_OUT_SEND || b.out.out[i].packet != SG_SWIM_PING)
                continue;
            struct sg_swim_packet ack = {.kind = SG_SWIM_ACK, .seq = b.out.out[i].seq};
            struct sg_swim_in in = {
                .kind = SG_SWIM_IN_PACKET, .peer = b.out.out[i].peer, .packet = &ack};
            struct sg_swim_outbox ignored;
            assert_int_equal(sg_swim_input(b.m, b.now, &in, &ignored), SG_OK);
        }
    }
    uint64_t pings = sg_swim_stats(b.m)->pings;
    /* twelve watched: each every 1.67 s, see watch_interval */
    assert_in_range(pings, 12 * 35, 12 * 37 + 8);
    assert_true(wakes <= pings + 20);
    bench_close(&b);
}

/* Traps 35: machines that start together do not probe together. */
static void first_periods_are_spread(void **state)
{
    (void)state;
    for (int mode = 0; mode < 2; mode++) {
        struct sg_swim_config config = mode == 0 ? sg_swim_config_default(sg_mem_default())
                                                 : sg_swim_config_paper(sg_mem_default(), true);
        unsigned tenth[10] = {0};
        for (uint64_t seed = 0; seed < 300; seed++) {
            struct bench b = {.now = SEC};
            bench_open_at(&b, &config, 1, seed);
            members(&b, "abc", false);
            sg_time_ns at = sg_swim_timer_get(b.m, SG_SWIM_T_PERIOD);
            assert_in_range(at, SEC + 1, 2 * SEC);
            tenth[(at - SEC - 1) / (100 * MS)]++;
            bench_close(&b);
        }
        for (int i = 0; i < 10; i++)
            assert_in_range(tenth[i], 12, 52);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_robin_in_random_order),
        cmocka_unit_test(a_newcomer_comes_at_a_random_place),
        cmocka_unit_test(indirect_probes_come_before_suspicion),
        cmocka_unit_test(nacks_excuse_us),
        cmocka_unit_test(an_indirect_ack_is_enough),
        cmocka_unit_test(local_health_stretches_times),
        cmocka_unit_test(a_suspect_is_pinged_with_its_suspicion),
        cmocka_unit_test(the_silent_are_pinged),
        cmocka_unit_test(a_silent_neighbour_is_suspected_after_its_window),
        cmocka_unit_test(a_slow_path_gets_more_time),
        cmocka_unit_test(a_lost_link_is_probed_by_others_at_once),
        cmocka_unit_test(whoever_is_alone_judges_nobody),
        cmocka_unit_test(dials_are_few),
        cmocka_unit_test(the_unwatched_are_probed_when_silent),
        cmocka_unit_test(a_failed_dial_is_an_alarm),
        cmocka_unit_test(whom_we_could_not_ask_we_do_not_accuse),
        cmocka_unit_test(whom_we_can_never_ask_is_dropped_when_others_fail),
        cmocka_unit_test(a_suspect_that_we_can_never_ask_is_judged_by_others),
        cmocka_unit_test(the_watched_are_not_pinged_by_both),
        cmocka_unit_test(loss_on_most_links_is_our_own),
        cmocka_unit_test(idle_wakes_are_few),
        cmocka_unit_test(first_periods_are_spread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
