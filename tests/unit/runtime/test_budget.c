#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/budget.h"
#include "runtime/dials.h"
#include "runtime/paths.h"

static struct sg_rt_budget budget;

static int reset(void **state)
{
    (void)state;
    sg_rt_budget_init(&budget, 0);
    return 0;
}

static struct sg_addr addr_in(unsigned net, unsigned host)
{
    const uint8_t ip[4] = {9, (uint8_t)(net >> 8), (uint8_t)net, (uint8_t)host};
    return sg_addr_v4(ip, 4433);
}

/* Tries each 10 ms for that long: how many dials the budget gives. */
static unsigned count_dials(const struct sg_addr *addr, sg_time_ns from, uint64_t seconds)
{
    unsigned got = 0;
    for (uint64_t i = 0; i < seconds * 100; i++)
        got += sg_rt_budget_take(&budget, from + i * 10 * SG_NS_PER_MS, addr);
    return got;
}

static void one_network_gets_little(void **state)
{
    (void)state;
    struct sg_addr a = addr_in(1, 1);
    struct sg_addr b = addr_in(1, 200);
    struct sg_addr c = addr_in(2, 1);
    unsigned got = count_dials(&a, 0, 60);
    assert_in_range(got, SG_RT_BUDGET_NET_BURST + 60 * SG_RT_BUDGET_NET_RATE - 2,
                    SG_RT_BUDGET_NET_BURST + 60 * SG_RT_BUDGET_NET_RATE);
    assert_false(sg_rt_budget_take(&budget, 59990 * SG_NS_PER_MS, &b)); /* the same /24 */
    assert_true(sg_rt_budget_take(&budget, 60 * SG_NS_PER_S, &c));
}

static void an_ipv6_network_is_64_bits(void **state)
{
    (void)state;
    const uint8_t v6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};
    const uint8_t same[16] = {0x20, 0x01, 0x0d, 0xb8, [8] = 9};
    const uint8_t other[16] = {0x20, 0x01, 0x0d, 0xb8, [7] = 1};
    struct sg_addr a = sg_addr_v6(v6, 1, 0);
    struct sg_addr b = sg_addr_v6(same, 1, 0);
    struct sg_addr c = sg_addr_v6(other, 1, 0);
    for (int i = 0; i < SG_RT_BUDGET_NET_BURST; i++)
        assert_true(sg_rt_budget_take(&budget, 0, &a));
    assert_false(sg_rt_budget_take(&budget, 0, &b));
    assert_true(sg_rt_budget_take(&budget, 0, &c));
}

static void all_together_are_bounded(void **state)
{
    (void)state;
    unsigned got = 0;
    for (unsigned ms = 0; ms < 60000; ms++) {
        struct sg_addr addr = addr_in(ms, 1); /* a new network each time: none is ever short */
        got += sg_rt_budget_take(&budget, ms * SG_NS_PER_MS, &addr);
    }
    assert_in_range(got, SG_RT_BUDGET_BURST + 60 * SG_RT_BUDGET_RATE - 2,
                    SG_RT_BUDGET_BURST + 60 * SG_RT_BUDGET_RATE);
}

static void loopback_counts_for_all_only(void **state)
{
    (void)state;
    struct sg_addr local = sg_addr_v4((const uint8_t[4]){127, 0, 0, 1}, 1);
    for (int i = 0; i < SG_RT_BUDGET_BURST; i++)
        assert_true(sg_rt_budget_take(&budget, 0, &local));
    assert_false(sg_rt_budget_take(&budget, 0, &local));
}

/* traps.md 19: a thousand dead addresses, each announced again and again. What is remembered has a
 * fixed size, and the rate of dials is capped although each is refused at once. */
static void a_thousand_dead_addresses(void **state)
{
    (void)state;
    static struct sg_rt_paths paths;
    static const struct sg_peer_id peer = {{1}};
    struct sg_prng prng;
    unsigned dials = 0;
    sg_rt_paths_init(&paths);
    sg_rt_paths_set_lonely(&paths, 0, false);
    sg_prng_init(&prng, 1);
    for (unsigned ms = 0; ms < 600000; ms += 5) {
        struct sg_addr addr = addr_in((ms / 5) % 1000, 1);
        sg_time_ns now = ms * SG_NS_PER_MS;
        if (!sg_rt_paths_may_dial(&paths, now, &addr, &peer) ||
            !sg_rt_budget_take(&budget, now, &addr))
            continue;
        dials++;
        sg_rt_paths_failed(&paths, now, &addr, NULL, &prng);
    }
    assert_true(dials <= SG_RT_BUDGET_BURST + 600 * SG_RT_BUDGET_RATE);
    assert_true(dials > 600); /* nor does it stop */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(one_network_gets_little, reset),
        cmocka_unit_test_setup(an_ipv6_network_is_64_bits, reset),
        cmocka_unit_test_setup(all_together_are_bounded, reset),
        cmocka_unit_test_setup(loopback_counts_for_all_only, reset),
        cmocka_unit_test_setup(a_thousand_dead_addresses, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
