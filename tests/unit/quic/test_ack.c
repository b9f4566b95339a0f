/* When acknowledgements go: alone at once, with what follows on a busy link, and never late. */
#include "unit/quic/link.h"

#define DELAY (2 * MS)
/* The default of max_ack_delay, which the peer's probe timeout allows for. */
#define ACK_DELAY_MAX (25 * MS)

struct pair {
    struct net net;
    struct host *a, *b;
    sg_quic_conn_id ab;
    uint32_t number;
};

static int setup(void **state)
{
    struct pair *p = calloc(1, sizeof *p);
    assert_non_null(p);
    net_init(&p->net, DELAY, 1);
    p->a = net_add_endpoint(&p->net, NULL);
    p->b = net_add_endpoint(&p->net, NULL);
    p->ab = net_connect(&p->net, p->a, p->b);
    net_run(&p->net, 1000 * MS);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct pair *p = *state;
    net_fini(&p->net);
    free(p);
    return 0;
}

static void write_to_b(struct pair *p, size_t len)
{
    assert_int_equal(host_write(p->a, p->ab, SG_LANE_PUBSUB, p->number++, len), SG_OK);
}

static void write_to_a(struct pair *p, size_t len)
{
    sg_quic_conn_id ba = host_conn(p->b);
    assert_int_equal(host_write(p->b, ba, SG_LANE_PUBSUB, p->number++, len), SG_OK);
}

static size_t queued_at_a(const struct pair *p)
{
    struct sg_quic_conn_info info;
    assert_int_equal(sg_quic_conn_info(p->a->ep, p->ab, &info), SG_OK);
    return info.queued[SG_LANE_PUBSUB];
}

static uint64_t from_b(const struct pair *p)
{
    return p->net.datagrams_from[1];
}

/* Frames between the two just now: more are to be expected. */
static void make_busy(struct pair *p)
{
    write_to_b(p, 100);
    net_run(&p->net, 2 * DELAY + MS);
}

static void a_rare_frame_is_acknowledged_at_once(void **state)
{
    struct pair *p = *state;
    uint64_t before = from_b(p);
    write_to_b(p, 100);
    net_run(&p->net, 2 * DELAY);
    assert_int_equal(from_b(p), before + 1);
    assert_int_equal(queued_at_a(p), 0);
}

static void on_a_busy_link_it_rides_with_what_follows(void **state)
{
    struct pair *p = *state;
    make_busy(p);
    uint64_t before = from_b(p);
    write_to_b(p, 100);
    net_run(&p->net, 3 * DELAY);
    assert_int_equal(from_b(p), before);
    assert_int_not_equal(queued_at_a(p), 0);
    write_to_a(p, 100);
    net_run(&p->net, DELAY);
    assert_int_equal(from_b(p), before + 1);
    assert_int_equal(queued_at_a(p), 0);
}

static void it_goes_alone_in_time(void **state)
{
    struct pair *p = *state;
    make_busy(p);
    uint64_t before = from_b(p), sent = p->net.datagrams_from[0];
    write_to_b(p, 100);
    net_run(&p->net, 2 * DELAY + ACK_DELAY_MAX);
    assert_int_equal(from_b(p), before + 1);
    assert_int_equal(queued_at_a(p), 0);
    assert_int_equal(p->net.datagrams_from[0], sent + 1); /* no probe of a */
}

/* Two messages of four datagrams: the eighth does not wait for more. */
static void many_datagrams_do_not_wait(void **state)
{
    struct pair *p = *state;
    make_busy(p);
    uint64_t before = from_b(p);
    write_to_b(p, 4400);
    net_run(&p->net, 2 * DELAY);
    assert_int_equal(from_b(p), before);
    write_to_b(p, 4400);
    net_run(&p->net, 2 * DELAY);
    assert_int_equal(from_b(p), before + 1);
    assert_int_equal(queued_at_a(p), 0);
}

static void a_datagram_is_acknowledged_at_once(void **state)
{
    struct pair *p = *state;
    make_busy(p);
    uint64_t before = from_b(p);
    assert_int_equal(sg_quic_write_datagram(p->a->ep, p->ab, sg_bytes((const uint8_t *)"ping", 4)),
                     SG_OK);
    net_run(&p->net, 2 * DELAY);
    assert_int_equal(from_b(p), before + 1);
}

static bool lose_first(struct net *net, const struct flight *f)
{
    unsigned *left = net->filter_user;
    bool is_lost = *left > 0 && sg_addr_equal(&f->from, &net->hosts[0].addr);
    *left -= is_lost;
    return !is_lost;
}

/* The peer hears of a gap at once. */
static void a_gap_does_not_wait(void **state)
{
    struct pair *p = *state;
    unsigned lost = 1;
    make_busy(p);
    uint64_t before = from_b(p);
    p->net.filter = lose_first;
    p->net.filter_user = &lost;
    write_to_b(p, 4400);
    net_run(&p->net, 2 * DELAY);
    assert_int_equal(from_b(p), before + 1);
    net_run(&p->net, 4 * DELAY + ACK_DELAY_MAX);
    assert_int_equal(queued_at_a(p), 0);
}

/* A frame each way now and then: no probes, no PINGs that are answered by more. */
static void a_chat_costs_a_datagram_a_frame(void **state)
{
    struct pair *p = *state;
    make_busy(p);
    net_run(&p->net, ACK_DELAY_MAX);
    uint64_t before = from_b(p) + p->net.datagrams_from[0];
    for (int i = 0; i < 100; i++) {
        write_to_b(p, 200);
        net_run(&p->net, 10 * MS);
        write_to_a(p, 200);
        net_run(&p->net, 10 * MS);
    }
    assert_in_range(from_b(p) + p->net.datagrams_from[0] - before, 200, 210);
}

/* All windows' worth and more passes, though nobody writes for each frame that is read. */
static void credit_flows(void **state)
{
    struct pair *p = *state;
    const size_t len = 60000;
    for (int i = 0; i < 50; i++) {
        write_to_b(p, len);
        net_run(&p->net, 100 * MS);
    }
    net_run(&p->net, 1000 * MS);
    assert_int_equal(queued_at_a(p), 0);
    assert_int_equal(host_count(p->b, SG_QUIC_FRAME), 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_rare_frame_is_acknowledged_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(on_a_busy_link_it_rides_with_what_follows, setup, teardown),
        cmocka_unit_test_setup_teardown(it_goes_alone_in_time, setup, teardown),
        cmocka_unit_test_setup_teardown(many_datagrams_do_not_wait, setup, teardown),
        cmocka_unit_test_setup_teardown(a_datagram_is_acknowledged_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_gap_does_not_wait, setup, teardown),
        cmocka_unit_test_setup_teardown(a_chat_costs_a_datagram_a_frame, setup, teardown),
        cmocka_unit_test_setup_teardown(credit_flows, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
