/* Networks of machines: what the whole does.
 * TIMEOUT: 300 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/swim/net.h"

#define NODES 16
#define MS SG_NS_PER_MS
#define SEC SG_NS_PER_S

static struct net *open_default(uint64_t seed)
{
    struct sg_swim_config config = sg_swim_config_default(sg_mem_default());
    struct net *n = net_open(NODES, 8, &config, seed);
    net_run(n, 20 * SEC);
    return n;
}

static void all_know_all_and_nobody_is_suspected(void **state)
{
    (void)state;
    struct net *n = open_default(1);
    for (uint16_t i = 0; i < NODES; i++)
        assert_int_equal(sg_swim_count(n->node[i].m), NODES - 1);
    assert_int_equal(NET_TOTAL(n, joins), NODES * (NODES - 1));
    uint32_t wakes = NET_TOTAL(n, wakes), sends = NET_TOTAL(n, sends);
    net_run(n, 120 * SEC);
    assert_int_equal(NET_TOTAL(n, suspects), 0);
    assert_int_equal(NET_TOTAL(n, fails), 0);
    wakes = NET_TOTAL(n, wakes) - wakes;
    sends = NET_TOTAL(n, sends) - sends;
    print_message("idle, per node and second: %.2f wakes, %.2f packets\n", wakes / 120.0 / NODES,
                  sends / 120.0 / NODES);
    assert_true(wakes < 2 * sends);
    net_close(n);
}

static void a_crash_is_known_to_all(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct net *n = open_default(seed);
        uint16_t victim = (uint16_t)(seed % NODES);
        net_kill(n, victim);
        sg_time_ns killed_at = n->now;
        net_run(n, 6 * SEC);
        sg_time_ns last = 0;
        for (uint16_t i = 0; i < NODES; i++) {
            if (i == victim)
                continue;
            assert_true(n->node[i].failed_at[victim] > killed_at);
            if (n->node[i].failed_at[victim] > last)
                last = n->node[i].failed_at[victim];
        }
        print_message("seed %d: last verdict after %d ms\n", (int)seed,
                      (int)((last - killed_at) / MS));
        assert_true(last - killed_at < 5 * SEC);
        assert_int_equal(NET_TOTAL(n, fails), NODES - 1);
        net_close(n);
    }
}

/* SIGSTOP for 2 s: nobody may declare the sleeper dead, and it nobody. */
static void a_stall_of_two_seconds_is_not_fatal(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct net *n = open_default(seed);
        n->node[3].stalled_until = n->now + 2 * SEC;
        n->node[9].stalled_until = n->now + 2 * SEC;
        net_run(n, 30 * SEC);
        assert_int_equal(NET_TOTAL(n, fails), 0);
        assert_int_equal(NET_TOTAL(n, suspects), NET_TOTAL(n, refuted));
        net_close(n);
    }
}

/* A suspended laptop: its own clocks find it late, and it judges nobody for that. */
static void a_late_machine_kills_nobody(void **state)
{
    (void)state;
    struct net *n = open_default(7);
    n->node[5].stalled_until = n->now + 300 * SEC;
    net_run(n, 360 * SEC);
    assert_int_equal(n->node[5].fails, 0);
    for (uint16_t i = 0; i < NODES; i++) /* it is back for all */
        assert_int_equal(sg_swim_count(n->node[i].m), NODES - 1);
    net_close(n);
}

static void lie(struct net *n, uint16_t liar, enum sg_swim_rumor_kind kind)
{
    struct sg_swim_in in = {.kind = SG_SWIM_IN_PACKET, .peer = net_id(liar)};
    struct sg_swim_packet packet = {.kind = SG_SWIM_GOSSIP};
    in.packet = &packet;
    for (uint16_t victim = 0; victim < 3; victim++)
        for (uint16_t name = 3; name < 8; name++) /* in the name of five others */
            packet.rumor[packet.count++] = (struct sg_swim_rumor){.kind = kind,
                                                                  .member = net_id(victim),
                                                                  .incarnation = UINT64_MAX,
                                                                  .accuser = net_id(name)};
    for (uint16_t i = 0; i < NODES; i++)
        if (i != liar && n->node[i].is_linked[liar])
            net_input(n, i, &in);
}

/* Once: the lie dies out. Each 200 ms: nobody is killed either. */
static void a_liar_cannot_kill(void **state)
{
    (void)state;
    struct net *n = open_default(11);
    lie(n, 15, SG_SWIM_DEAD);
    net_run(n, 5 * SEC);
    uint32_t announced = NET_TOTAL(n, announces);
    uint32_t suspected = NET_TOTAL(n, suspects);
    assert_true(announced >= 3);
    net_run(n, 60 * SEC);
    assert_int_equal(NET_TOTAL(n, announces), announced);
    assert_int_equal(NET_TOTAL(n, suspects), suspected);
    for (int i = 0; i < 100; i++) {
        lie(n, 15, i % 2 == 0 ? SG_SWIM_DEAD : SG_SWIM_SUSPECT);
        net_run(n, 200 * MS);
    }
    net_run(n, 5 * SEC);
    assert_int_equal(NET_TOTAL(n, fails), 0);
    /* no more than the rate limit allows */
    assert_true(NET_TOTAL(n, announces) - announced <= 3 * (2 * 25 + 1));
    for (uint16_t i = 0; i < NODES; i++)
        assert_int_equal(sg_swim_count(n->node[i].m), NODES - 1);
    net_close(n);
}

static void halves_merge_after_ten_minutes(void **state)
{
    (void)state;
    struct net *n = open_default(13);
    for (uint16_t i = 0; i < NODES; i++)
        n->node[i].side = i % 2;
    net_run(n, 600 * SEC);
    for (uint16_t i = 0; i < NODES; i++)
        assert_int_equal(sg_swim_count(n->node[i].m), NODES / 2 - 1);
    for (uint16_t i = 0; i < NODES; i++)
        n->node[i].side = 0;
    sg_time_ns healed_at = n->now;
    bool is_whole = false;
    for (int s = 0; s < 60 && !is_whole; s++) {
        net_run(n, SEC);
        is_whole = true;
        for (uint16_t i = 0; i < NODES; i++)
            is_whole = is_whole && sg_swim_count(n->node[i].m) == NODES - 1;
    }
    assert_true(is_whole);
    print_message("whole again after %d s\n", (int)((n->now - healed_at) / SEC));
    net_close(n);
}

/* Restarted with the boot counter lost: what is known of its earlier life outranks it. */
static void a_ghost_is_overtaken(void **state)
{
    (void)state;
    struct sg_swim_config config = sg_swim_config_default(sg_mem_default());
    struct net *n = net_open(NODES, 8, &config, 17);
    n->node[4].boot = 100;
    sg_swim_free(n->node[4].m);
    net_start(n, 4, &config); /* boot 101 */
    net_run(n, 20 * SEC);
    net_kill(n, 4);
    net_run(n, 10 * SEC);
    assert_int_equal(net_dead_count(n, 4), NODES - 1);
    sg_swim_free(n->node[4].m);
    n->node[4].boot = 0;
    net_start(n, 4, &config); /* boot 1 */
    for (uint16_t i = 0; i < NODES; i++)
        n->node[i].is_linked[4] = n->node[4].is_linked[i] = false;
    net_set_link(n, 4, 0, true, false);
    net_run(n, 10 * SEC);
    assert_int_equal(net_dead_count(n, 4), 0);
    assert_true(sg_swim_incarnation(n->node[4].m) > UINT64_C(101) << 32);
    net_close(n);
}

static void who_leaves_is_gone_and_stays_gone(void **state)
{
    (void)state;
    struct net *n = open_default(19);
    struct sg_swim_in in = {.kind = SG_SWIM_IN_LEAVE};
    net_input(n, 6, &in);
    assert_true(sg_swim_deadline(n->node[6].m) == SG_TIME_NEVER);
    net_run(n, 60 * SEC);
    assert_int_equal(NET_TOTAL(n, lefts), NODES - 1);
    assert_int_equal(NET_TOTAL(n, fails), 0);
    for (uint16_t i = 0; i < NODES; i++)
        assert_int_equal(sg_swim_count(n->node[i].m), i == 6 ? NODES - 1 : NODES - 2);
    net_close(n);
}

static void loss_kills_nobody(void **state)
{
    (void)state;
    struct net *n = open_default(23);
    n->loss_percent = 20;
    net_run(n, 60 * SEC);
    assert_int_equal(NET_TOTAL(n, fails), 0);
    net_close(n);
}

/* ---- as in the papers ---- */

static void paper_mode_detects_as_memberlist_does(void **state)
{
    (void)state;
    for (int lifeguard = 0; lifeguard < 2; lifeguard++) {
        struct sg_swim_config config = sg_swim_config_paper(sg_mem_default(), lifeguard == 1);
        struct net *n = net_open(32, 0, &config, 29);
        net_run(n, 20 * SEC);
        assert_int_equal(NET_TOTAL(n, suspects), 0);
        net_kill(n, 8);
        sg_time_ns killed_at = n->now;
        net_run(n, 60 * SEC);
        sg_time_ns first = SG_TIME_NEVER;
        for (uint16_t i = 0; i < 32; i++)
            if (i != 8 && n->node[i].failed_at[8] < first)
                first = n->node[i].failed_at[8];
        print_message("lifeguard %d: first after %d ms\n", lifeguard,
                      (int)((first - killed_at) / MS));
        assert_int_equal(net_dead_count(n, 8), 31);
        /* alpha log10(32) = 7.5 s after a probe that failed */
        assert_in_range((first - killed_at) / MS, 7500, 13000);
        net_close(n);
    }
}

static void paper_mode_refutes(void **state)
{
    (void)state;
    struct sg_swim_config config = sg_swim_config_paper(sg_mem_default(), true);
    struct net *n = net_open(32, 0, &config, 31);
    net_run(n, 10 * SEC);
    n->node[8].side = 1; /* nobody reaches it for a while */
    net_run(n, 4 * SEC);
    n->node[8].side = 0;
    net_run(n, 30 * SEC);
    assert_true(NET_TOTAL(n, suspects) > 0);
    assert_true(n->node[8].announces > 0);
    for (uint16_t i = 0; i < 32; i++)
        assert_int_equal(sg_swim_count(n->node[i].m), 31);
    net_close(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_know_all_and_nobody_is_suspected),
        cmocka_unit_test(a_crash_is_known_to_all),
        cmocka_unit_test(a_stall_of_two_seconds_is_not_fatal),
        cmocka_unit_test(a_late_machine_kills_nobody),
        cmocka_unit_test(a_liar_cannot_kill),
        cmocka_unit_test(halves_merge_after_ten_minutes),
        cmocka_unit_test(a_ghost_is_overtaken),
        cmocka_unit_test(who_leaves_is_gone_and_stays_gone),
        cmocka_unit_test(loss_kills_nobody),
        cmocka_unit_test(paper_mode_detects_as_memberlist_does),
        cmocka_unit_test(paper_mode_refutes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
