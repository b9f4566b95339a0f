/* Networks of machines: what the whole does. */
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
    net_run(n, 600 * SEC);
    assert_int_equal(NET_TOTAL(n, suspects), 0);
    assert_int_equal(NET_TOTAL(n, fails), 0);
    wakes = NET_TOTAL(n, wakes) - wakes;
    sends = NET_TOTAL(n, sends) - sends;
    print_message("idle, per node and second: %.2f wakes, %.2f packets\n", wakes / 600.0 / NODES,
                  sends / 600.0 / NODES);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_know_all_and_nobody_is_suspected),
        cmocka_unit_test(a_crash_is_known_to_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
