/* swim.c: configs, errors, lateness, memory that runs out. */
#include "unit/base/failing_mem.h"
#include "unit/swim/fixture.h"

static sg_err try_config(const struct sg_swim_config *config)
{
    struct sg_swim_start start = {.self = peer_named("self"), .incarnation = 1, .seed = 1};
    struct sg_swim *m;
    sg_err err = sg_swim_new(&m, config, &start);
    assert_true((m != NULL) == (err == SG_OK));
    sg_swim_free(m);
    return err;
}

#define REFUSED(change)                                                                            \
    do {                                                                                           \
        struct sg_swim_config c = sg_swim_config_default(sg_mem_default());                        \
        change;                                                                                    \
        assert_int_equal(try_config(&c), SG_ERR_INVALID_ARGUMENT);                                 \
    } while (0)

static void contradicting_configs_are_refused(void **state)
{
    (void)state;
    struct sg_swim_config good = sg_swim_config_default(sg_mem_default());
    assert_int_equal(try_config(&good), SG_OK);
    good = sg_swim_config_paper(sg_mem_default(), false);
    assert_int_equal(try_config(&good), SG_OK);
    REFUSED(c.mem = NULL);
    REFUSED(c.members_max = 0);
    REFUSED(c.members_max = SG_SWIM_MEMBERS_HARD + 1);
    REFUSED(c.dead_max = 0);
    REFUSED(c.indirect = SG_SWIM_INDIRECT_HARD + 1);
    REFUSED(c.gossip_fanout = SG_SWIM_INDIRECT_HARD + 1);
    REFUSED(c.confirmations = SG_SWIM_CONFIRMATIONS_HARD + 1);
    REFUSED(c.awareness_max = 0);
    REFUSED(c.period_ns = 0);
    REFUSED(c.window_ns = c.period_ns + 1);
    REFUSED(c.timeout_max_ns = c.window_ns + 1);
    REFUSED(c.timeout_min_ns = c.timeout_max_ns + 1);
    REFUSED(c.beta_milli = 999);
    REFUSED(c.alpha_milli = UINT32_MAX);
    REFUSED(c.suspicion_min_ns = c.suspicion_cap_ns + 1);
    REFUSED(c.lambda_milli = UINT32_MAX);
    REFUSED(c.dead_keep_ns = 0);
    REFUSED(c.push_pull_ns = SG_TIME_NEVER);
    REFUSED(c.jitter_percent = 100);
}

static void errors_change_nothing(void **state)
{
    (void)state;
    struct bench b;
    struct sg_swim_config config = quiet_config();
    struct sg_swim_packet p = {.kind = SG_SWIM_TABLE};
    struct sg_swim_table t = {.count = 1};
    struct sg_swim_in in = {.kind = SG_SWIM_IN_PACKET, .packet = &p, .table = &t};
    bench_open(&b, &config);
    members(&b, "ab", true);
    size_t count = b.out.count;
    sg_time_ns deadline = sg_swim_deadline(b.m);
    in.peer = peer_named("a");
    assert_string_equal(feed(&b, &in), "SG_ERR_PROTOCOL"); /* kind */
    p = (struct sg_swim_packet){.kind = SG_SWIM_PING, .count = SG_SWIM_RUMORS_MAX + 1};
    assert_string_equal(feed(&b, &in), "SG_ERR_PROTOCOL");
    p = (struct sg_swim_packet){.kind = SG_SWIM_GOSSIP};
    assert_string_equal(feed(&b, &in), "SG_ERR_PROTOCOL"); /* of nothing */
    p = (struct sg_swim_packet){.kind = SG_SWIM_PING, .count = 1};
    assert_string_equal(feed(&b, &in), "SG_ERR_PROTOCOL"); /* rumor of no kind */
    p = (struct sg_swim_packet){.kind = SG_SWIM_PING_REQ, .target = in.peer};
    assert_string_equal(feed(&b, &in), "SG_ERR_PROTOCOL"); /* to itself */
    in.kind = SG_SWIM_IN_TABLE;
    assert_string_equal(feed(&b, &in), "SG_ERR_PROTOCOL"); /* not by its sender */
    t.entry[0] = (struct sg_swim_entry){.member = in.peer, .state = SG_SWIM_IS_DEAD};
    assert_string_equal(feed(&b, &in), "SG_ERR_PROTOCOL");
    t.entry[0].state = SG_SWIM_IS_ALIVE;
    t.count = 2; /* the second entry has no state */
    assert_string_equal(feed(&b, &in), "SG_ERR_PROTOCOL");
    t.count = 0;
    assert_string_equal(feed(&b, &in), "SG_ERR_PROTOCOL");
    in.kind = SG_SWIM_IN_LINK_UP;
    in.peer = peer_named("self");
    assert_string_equal(feed(&b, &in), "SG_ERR_INVALID_ARGUMENT");
    in.kind = (enum sg_swim_in_kind)99;
    assert_string_equal(feed(&b, &in), "SG_ERR_INVALID_ARGUMENT");
    assert_int_equal(b.out.count, count);
    assert_true(sg_swim_deadline(b.m) == deadline);
    bench_close(&b);
}

/* Stopped for 5 minutes with a probe and a suspicion under way: both get their time again. */
static void lateness_is_not_held_against_others(void **state)
{
    (void)state;
    struct bench b;
    struct sg_swim_config config = quiet_config();
    bench_open(&b, &config);
    members(&b, "abce", true);
    link_down(&b, "c", false);
    b.m->dial_at = SG_TIME_NEVER; /* no probe of our own, accusations or not */
    b.m->dial_pause_ns = config.dial_interval_ns;
    says(&b, "x", SG_SWIM_SUSPECT, "c", BOOT(1), "x");
    wait_ns(&b, 1100 * MS); /* the others have been pinged */
    b.now += 300 * SEC;
    const char *text = simple(&b, SG_SWIM_IN_TIMEOUT);
    assert_null(strstr(text, "fail"));
    assert_null(strstr(text, "suspect"));
    assert_int_equal(sg_swim_health(b.m), 1);
    heard(&b, "a");
    heard(&b, "b");
    heard(&b, "e");
    /* 11.4 s, half of it because a probe of our own fails too, less what was over */
    assert_null(strstr(live(&b, 5200 * MS), "fail c"));
    assert_non_null(strstr(live(&b, SEC), "fail c"));
    bench_close(&b);
}

/* The paper's experiment stalls I/O alone: there clocks run on. */
static void lateness_counts_in_paper_mode(void **state)
{
    (void)state;
    struct bench b;
    struct sg_swim_config config = sg_swim_config_paper(sg_mem_default(), true);
    bench_open(&b, &config);
    members(&b, "abc", false);
    says(&b, "x", SG_SWIM_SUSPECT, "c", BOOT(1), "x");
    b.now += 300 * SEC;
    assert_non_null(strstr(simple(&b, SG_SWIM_IN_TIMEOUT), "fail c"));
    bench_close(&b);
}

static void a_clock_may_start_at_zero_and_jump(void **state)
{
    (void)state;
    struct sg_swim_config config = sg_swim_config_default(sg_mem_default());
    struct bench b = {.now = 0};
    bench_open_at(&b, &config, 1, 1);
    members(&b, "ab", true);
    heard(&b, "a");
    assert_true(sg_swim_deadline(b.m) < 2 * SEC);
    b.now = SG_TIME_NEVER / 2;
    for (int i = 0; i < 50; i++)
        simple(&b, SG_SWIM_IN_TIMEOUT);
    bench_close(&b);
}

static void who_has_left_is_quiet(void **state)
{
    (void)state;
    struct bench b;
    struct sg_swim_config config = quiet_config();
    bench_open(&b, &config);
    members(&b, "ab", true);
    assert_string_equal(simple(&b, SG_SWIM_IN_LEAVE), "announce self 1.1 leaves\n");
    assert_string_equal(packet(&b, "a", SG_SWIM_PING, 1), "");
    assert_true(sg_swim_deadline(b.m) == SG_TIME_NEVER);
    bench_close(&b);
    config = sg_swim_config_paper(sg_mem_default(), true);
    bench_open(&b, &config);
    members(&b, "ab", false);
    simple(&b, SG_SWIM_IN_LEAVE);
    assert_int_equal(b.out.count, 3); /* and a goodbye to both */
    assert_int_equal(b.out.rumor[0].kind, SG_SWIM_DEAD);
    assert_string_equal(name_of(&b.out.rumor[0].accuser), "self");
    bench_close(&b);
}

/* A life with the n-th allocation failing: always consistent, never a leak, errors only where they
 * are announced. True when all went well. */
static bool live_with(struct failing_mem *f)
{
    static struct sg_swim_outbox out;
    struct sg_swim_config config = sg_swim_config_default(&f->mem);
    struct sg_swim_start start = {.self = peer_named("self"), .incarnation = 1, .seed = 1};
    struct sg_swim *m;
    bool is_fine = true;
    sg_err err = sg_swim_new(&m, &config, &start);
    if (err != SG_OK) {
        assert_int_equal(err, SG_ERR_NO_MEMORY);
        return false;
    }
    for (char i = 0; i < 40; i++) {
        const char name[] = {(char)('A' + i), '\0'};
        struct sg_swim_in in = {.kind = SG_SWIM_IN_LINK_UP, .peer = peer_named(name)};
        uint32_t count = sg_swim_count(m);
        err = sg_swim_input(m, SG_NS_PER_S, &in, &out);
        sg_swim_check(m);
        assert_true(err == SG_OK || err == SG_ERR_NO_MEMORY);
        assert_int_equal(sg_swim_count(m), count + (err == SG_OK));
        is_fine = is_fine && err == SG_OK;
    }
    for (char i = 0; i < 40; i++) {
        const char name[] = {(char)('A' + i), '\0'};
        struct sg_swim_packet p = {.kind = SG_SWIM_GOSSIP, .count = 1};
        struct sg_swim_in in = {.kind = SG_SWIM_IN_PACKET, .peer = peer_named("x"), .packet = &p};
        p.rumor[0] = (struct sg_swim_rumor){.kind = SG_SWIM_SUSPECT,
                                            .member = peer_named(name),
                                            .incarnation = 9,
                                            .accuser = peer_named("x")};
        assert_int_equal(sg_swim_input(m, SG_NS_PER_S, &in, &out), SG_OK);
        sg_swim_check(m);
    }
    sg_swim_free(m);
    return is_fine;
}

static void memory_may_run_out_anywhere(void **state)
{
    (void)state;
    struct failing_mem f;
    size_t n = 1;
    for (;; n++) {
        failing_mem_init(&f, n);
        (void)live_with(&f);
        assert_int_equal(f.live, 0);
        if (f.calls < n)
            break;
    }
    assert_true(n > 20);
}

static void hundred_bytes_for_a_member(void **state)
{
    (void)state;
    /* slot, ring, list of the dead, two heap places, index at most 1/3 full */
    assert_true(sizeof(struct sg_swim_member) + 2 + 2 + 2 + 4 <= 100);
    print_message("machine %zu bytes, member %zu, suspicion %zu, rumor %zu\n",
                  sizeof(struct sg_swim), sizeof(struct sg_swim_member),
                  sizeof(struct sg_swim_suspicion),
                  sizeof(struct sg_swim_queued) + sizeof(struct sg_swim_rumor));
    assert_true(sizeof(struct sg_swim) <= 4608);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contradicting_configs_are_refused),
        cmocka_unit_test(errors_change_nothing),
        cmocka_unit_test(lateness_is_not_held_against_others),
        cmocka_unit_test(lateness_counts_in_paper_mode),
        cmocka_unit_test(a_clock_may_start_at_zero_and_jump),
        cmocka_unit_test(who_has_left_is_quiet),
        cmocka_unit_test(memory_may_run_out_anywhere),
        cmocka_unit_test(hundred_bytes_for_a_member),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
