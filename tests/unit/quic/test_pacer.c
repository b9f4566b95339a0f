/* The pacer: rate, burst, quantum. */
#include "quic/pacer.h"

#include "unit/quic/link.h"

/* Sends whenever it may, timers being `tick` apart; the bytes that left within `span`. */
static uint64_t greedy(const struct sg_quic_pace *pace, sg_time_ns span, sg_time_ns tick)
{
    struct sg_quic_pacer pacer = {0};
    uint64_t sent = 0;
    for (sg_time_ns now = 1000 * MS; now < 1000 * MS + span; now += tick) {
        while (sg_quic_pacer_next(&pacer, pace) <= now) {
            size_t bytes = sg_quic_pacer_quantum(pace);
            sg_quic_pacer_sent(&pacer, pace, now, bytes);
            sent += bytes;
        }
    }
    return sent;
}

static void the_rate_is_that_of_the_window(void **state)
{
    (void)state;
    static const struct sg_quic_pace paces[] = {
        {13500, 100 * MS, 1350}, {1350000, 100 * MS, 1350}, {2700, 10 * MS, 1350},
        {40000, MS, 1200},       {1000000, 200 * MS, 1452},
    };
    for (size_t i = 0; i < sizeof paces / sizeof paces[0]; i++) {
        const struct sg_quic_pace *p = &paces[i];
        sg_time_ns span = 10000 * MS;
        uint64_t fair = p->window * 5 / 4 * (span / MS) / (p->rtt_ns / MS);
        uint64_t sent = greedy(p, span, MS);
        uint64_t burst = 10 * p->packet > fair / 5000 ? 10 * p->packet : fair / 5000;
        assert_true(sent <= fair + 2 * burst + 65536);
        assert_true(sent >= fair * 98 / 100);
    }
}

static void a_burst_of_the_initial_window_is_free(void **state)
{
    (void)state;
    const struct sg_quic_pace pace = {13500, 100 * MS, 1350};
    struct sg_quic_pacer pacer = {0};
    sg_time_ns now = 5000 * MS;
    sg_quic_pacer_sent(&pacer, &pace, now, 13500);
    assert_true(sg_quic_pacer_next(&pacer, &pace) <= now);
    sg_quic_pacer_sent(&pacer, &pace, now, 1350);
    assert_int_equal(sg_quic_pacer_next(&pacer, &pace), now + 8 * MS); /* 0.8 RTT a window */
    sg_quic_pacer_sent(&pacer, &pace, now, 12150);
    assert_int_equal(sg_quic_pacer_next(&pacer, &pace), now + 80 * MS);
    /* rest does not add up to more than one burst */
    now += 100000 * MS;
    sg_quic_pacer_sent(&pacer, &pace, now, 14850);
    assert_int_equal(sg_quic_pacer_next(&pacer, &pace), now + 8 * MS);
}

static void what_leaves_in_two_milliseconds_is_free(void **state)
{
    (void)state;
    const struct sg_quic_pace pace = {200000, MS, 1350}; /* 250 000 bytes a ms */
    struct sg_quic_pacer pacer = {0};
    assert_int_equal(sg_quic_pacer_quantum(&pace), 65536);
    sg_quic_pacer_sent(&pacer, &pace, 7 * MS, 500000);
    assert_true(sg_quic_pacer_next(&pacer, &pace) <= 7 * MS);
    sg_quic_pacer_sent(&pacer, &pace, 7 * MS, 10000);
    assert_true(sg_quic_pacer_next(&pacer, &pace) > 7 * MS);
}

static void nothing_overflows(void **state)
{
    (void)state;
    const struct sg_quic_pace pace = {1, UINT64_MAX, 1452};
    struct sg_quic_pacer pacer = {0};
    assert_int_equal(sg_quic_pacer_quantum(&pace), 14520);
    for (int i = 0; i < 100000; i++)
        sg_quic_pacer_sent(&pacer, &pace, SG_TIME_NEVER - 1, 65536);
    assert_true(sg_quic_pacer_next(&pacer, &pace) <= SG_TIME_NEVER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rate_is_that_of_the_window),
        cmocka_unit_test(a_burst_of_the_initial_window_is_free),
        cmocka_unit_test(what_leaves_in_two_milliseconds_is_free),
        cmocka_unit_test(nothing_overflows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
