/* relay.c: probes for others. */
#include "unit/swim/fixture.h"

static void open_plain(struct bench *b)
{
    struct sg_swim_config config = quiet_config();
    bench_open(b, &config);
    members(b, "ab", false);
    record(b, "far", BOOT(1), false);
    record(b, "off", BOOT(1), false);
    forget_rumors(b);
}

static void an_answer_is_passed_on(void **state)
{
    (void)state;
    struct bench b;
    open_plain(&b);
    assert_string_equal(ping_req(&b, "a", "b", 77), "send b PING\n");
    uint32_t seq = last_seq(&b);
    assert_string_equal(packet(&b, "a", SG_SWIM_ACK, seq), ""); /* not from b */
    assert_string_equal(packet(&b, "b", SG_SWIM_ACK, seq), "send a ACK\n");
    assert_int_equal(b.out.out[0].seq, 77);
    assert_string_equal(packet(&b, "b", SG_SWIM_ACK, seq), "");
    bench_close(&b);
}

/* Where QUIC's acknowledgement is the answer. */
static void a_sign_of_life_is_an_answer(void **state)
{
    (void)state;
    struct bench b;
    open_plain(&b);
    ping_req(&b, "a", "b", 77);
    uint32_t seq = last_seq(&b);
    heard(&b, "a"); /* not of b */
    assert_int_equal(b.out.count, 0);
    heard(&b, "b");
    assert_int_equal(b.out.count, 1);
    assert_int_equal(b.out.out[0].packet, SG_SWIM_ACK);
    assert_int_equal(b.out.out[0].seq, 77);
    assert_string_equal(packet(&b, "b", SG_SWIM_ACK, seq), "");
    bench_close(&b);
}

static void no_answer_is_told_in_time(void **state)
{
    (void)state;
    struct bench b;
    open_plain(&b);
    b.m->dial_at = SG_TIME_NEVER;
    sg_swim_timer_set(b.m, SG_SWIM_T_PERIOD, b.now + 10 * SEC);
    ping_req(&b, "a", "b", 77);
    uint32_t seq = last_seq(&b);
    assert_string_equal(wait_ns(&b, 319 * MS), ""); /* 80 % of what the other still has */
    assert_string_equal(wait_ns(&b, 1 * MS), "send a NACK\n");
    assert_int_equal(b.out.out[0].seq, 77);
    assert_string_equal(packet(&b, "b", SG_SWIM_ACK, seq), "send a ACK\n"); /* late */
    bench_close(&b);
}

static void strangers_are_not_pinged_for_anybody(void **state)
{
    (void)state;
    struct bench b;
    open_plain(&b);
    assert_string_equal(ping_req(&b, "a", "victim", 1), "send a NACK\n");
    assert_string_equal(ping_req(&b, "a", "self", 1), "send a ACK\n");
    assert_string_equal(ping_req(&b, "a", "a", 1), "SG_ERR_PROTOCOL");
    bench_close(&b);
}

static void dials_for_others_are_few(void **state)
{
    (void)state;
    struct bench b;
    open_plain(&b);
    assert_string_equal(ping_req(&b, "a", "far", 1), "send far PING\n");
    assert_string_equal(ping_req(&b, "a", "off", 2), "send a NACK\n");
    b.now += 10 * SEC;
    assert_string_equal(ping_req(&b, "a", "off", 3), "send off PING\n");
    bench_close(&b);
}

static void a_peer_has_its_share(void **state)
{
    (void)state;
    struct bench b;
    open_plain(&b);
    for (uint32_t i = 0; i < SG_SWIM_RELAYS_PER_PEER; i++)
        assert_string_equal(ping_req(&b, "a", "b", i), "send b PING\n");
    assert_string_equal(ping_req(&b, "a", "b", 9), "send a NACK\n");
    assert_string_equal(ping_req(&b, "x", "b", 9), "send b PING\n");
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_passed_on),
        cmocka_unit_test(a_sign_of_life_is_an_answer),
        cmocka_unit_test(no_answer_is_told_in_time),
        cmocka_unit_test(strangers_are_not_pinged_for_anybody),
        cmocka_unit_test(dials_for_others_are_few),
        cmocka_unit_test(a_peer_has_its_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
