/* queue.c: which rumors a packet takes, how often, and the flood. */
#include "unit/swim/fixture.h"

static void tell(struct bench *b, const char *name)
{
    struct sg_swim_rumor rumor = {
        .kind = SG_SWIM_ALIVE, .member = peer_named(name), .incarnation = BOOT(1)};
    sg_swim_tell(b->m, &rumor, SG_SWIM_NONE, false);
}

static void open_paper(struct bench *b, const char *letters)
{
    struct sg_swim_config config = sg_swim_config_paper(sg_mem_default(), true);
    bench_open(b, &config);
    members(b, letters, false);
    forget_rumors(b);
}

/* Those sent least, of these the newest; each four times among fewer than ten. */
static void packets_take_the_least_told(void **state)
{
    (void)state;
    struct bench b;
    open_paper(&b, "abc");
    tell(&b, "x");
    tell(&b, "y");
    assert_string_equal(packet(&b, "a", SG_SWIM_PING, 1),
                        "send a ACK [ALIVE y 1.0] [ALIVE x 1.0]\n");
    tell(&b, "z");
    assert_string_equal(packet(&b, "a", SG_SWIM_PING, 1),
                        "send a ACK [ALIVE z 1.0] [ALIVE y 1.0] [ALIVE x 1.0]\n");
    packet(&b, "a", SG_SWIM_PING, 1);
    packet(&b, "a", SG_SWIM_PING, 1);
    assert_string_equal(packet(&b, "a", SG_SWIM_PING, 1), "send a ACK [ALIVE z 1.0]\n");
    assert_string_equal(packet(&b, "a", SG_SWIM_PING, 1), "send a ACK\n");
    bench_close(&b);
}

static void a_newer_rumor_replaces_an_older(void **state)
{
    (void)state;
    struct bench b;
    open_paper(&b, "abcde");
    says(&b, "a", SG_SWIM_SUSPECT, "b", BOOT(1), "a");
    says(&b, "a", SG_SWIM_ALIVE, "b", BOOT(1) + 1, NULL);
    assert_string_equal(packet(&b, "a", SG_SWIM_PING, 1), "send a ACK [ALIVE b 1.1]\n");
    bench_close(&b);
}

/* With the longest hints they still fit a datagram: the caller adds hints that we do not see. */
static void packets_fit_a_datagram(void **state)
{
    (void)state;
    struct bench b;
    open_paper(&b, "abc");
    for (char name = 'd'; name <= 'z'; name++)
        tell(&b, (const char[]){name, '\0'});
    packet(&b, "a", SG_SWIM_PING, 1);
    size_t len = 3 + 6;
    for (size_t i = 0; i < b.out.rumor_count; i++)
        len += sg_swim_rumor_len(&b.out.rumor[i], NULL) + 40;
    assert_int_equal(b.out.rumor_count, 13);
    assert_true(len <= SG_SWIM_PACKET_MAX);
    bench_close(&b);
}

/* Gossip to three others every 200 ms, also to the dead, for 30 s. */
static void gossip_rounds(void **state)
{
    (void)state;
    struct bench b;
    open_paper(&b, "abcd");
    b.m->config.period_ns = 600 * SEC;
    sg_swim_timer_set(b.m, SG_SWIM_T_PERIOD, b.now + 600 * SEC);
    sg_swim_timer_set(b.m, SG_SWIM_T_PUSH_PULL, b.now + 600 * SEC);
    says(&b, "a", SG_SWIM_DEAD, "d", BOOT(1), "a");
    bool was_told = false;
    unsigned packets = 0;
    for (int i = 0; i < 20; i++) {
        const char *text = wait_ns(&b, 200 * MS);
        was_told = was_told || strstr(text, "send d GOSSIP [DEAD d 1.0 by a]") != NULL;
        packets += (unsigned)b.out.count;
        b.out.count = 0;
    }
    assert_int_equal(packets, 4); /* lambda 4, fewer than 10 nodes */
    b.now += 31 * SEC;
    for (int i = 0; i < 40; i++) { /* of other things nothing is told to d any more */
        tell(&b, "x");
        assert_null(strstr(wait_ns(&b, 200 * MS), "send d "));
    }
    bench_close(&b);
}

/* A hundred news at once: at most 30 in one outbox, the rest at once after. */
static void a_flood_goes_on_in_the_next_input(void **state)
{
    (void)state;
    struct bench b;
    struct sg_swim_config config = quiet_config();
    bench_open(&b, &config);
    members(&b, "abc", true);
    forget_rumors(&b);
    for (unsigned i = 0; i < 100; i++) {
        char name[8];
        snprintf(name, sizeof(name), "m%u", i);
        struct sg_swim_rumor rumor = {
            .kind = SG_SWIM_DEAD, .member = peer_named(name), .incarnation = BOOT(1)};
        sg_swim_tell(b.m, &rumor, SG_SWIM_NONE, true);
    }
    size_t rounds = 0, rumors = 0;
    do {
        simple(&b, SG_SWIM_IN_TIMEOUT);
        rumors += b.out.rumor_count;
        rounds++;
        assert_true(b.out.rumor_count <= 30 && b.out.count <= 6);
    } while (sg_swim_deadline(b.m) <= b.now);
    assert_int_equal(rumors, 100);
    assert_int_equal(rounds, 4);
    bench_close(&b);
}

static void a_full_queue_drops_the_most_told(void **state)
{
    (void)state;
    struct bench b;
    struct sg_swim_config config = sg_swim_config_paper(sg_mem_default(), true);
    config.members_max = 4; /* 20 rumors */
    bench_open(&b, &config);
    members(&b, "abc", false);
    forget_rumors(&b);
    for (unsigned i = 0; i < 40; i++) {
        char name[8];
        snprintf(name, sizeof(name), "m%u", i);
        tell(&b, name);
        sg_swim_check(b.m);
    }
    assert_int_equal(b.m->queued_count, 20);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_take_the_least_told),
        cmocka_unit_test(a_newer_rumor_replaces_an_older),
        cmocka_unit_test(packets_fit_a_datagram),
        cmocka_unit_test(gossip_rounds),
        cmocka_unit_test(a_flood_goes_on_in_the_next_input),
        cmocka_unit_test(a_full_queue_drops_the_most_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
