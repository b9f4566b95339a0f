#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/paths.h"

static struct sg_rt_paths paths;
static struct sg_prng prng;
static const struct sg_peer_id alice = {{1}};
static const struct sg_peer_id bob = {{2}};

static int reset(void **state)
{
    (void)state;
    sg_rt_paths_init(&paths);
    sg_rt_paths_set_lonely(&paths, 0, false);
    sg_prng_init(&prng, 1);
    return 0;
}

static struct sg_addr public_addr(unsigned n)
{
    const uint8_t ip[4] = {9, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};
    return sg_addr_v4(ip, 4433);
}

static void dead_address_is_left_alone_for_longer_and_longer(void **state)
{
    (void)state;
    struct sg_addr addr = public_addr(1);
    uint64_t pause = SG_RT_PATH_PAUSE_NS;
    sg_time_ns now = 0;
    for (int i = 0; i < 10; i++) {
        assert_true(sg_rt_paths_may_dial(&paths, now, &addr, &alice));
        sg_rt_paths_failed(&paths, now, &addr, NULL, &prng);
        assert_false(sg_rt_paths_may_dial(&paths, now + pause / 2, &addr, &alice));
        assert_false(sg_rt_paths_may_dial(&paths, now + pause / 2, &addr, &bob));
        now += pause + pause / 4;
        pause = pause * 2 < SG_RT_PATH_PAUSE_MAX_NS ? pause * 2 : SG_RT_PATH_PAUSE_MAX_NS;
    }
    sg_rt_paths_failed(&paths, now, &addr, NULL, &prng);
    sg_rt_paths_alive(&paths, &addr, 0);
    assert_true(sg_rt_paths_may_dial(&paths, now, &addr, &alice));
}

/* Who has no neighbour does not wait a minute for those who are there again. */
static void a_lonely_node_tries_again_soon(void **state)
{
    (void)state;
    struct sg_addr addr = public_addr(2);
    const uint64_t most = SG_RT_PATH_PAUSE_LONELY_NS + SG_RT_PATH_PAUSE_LONELY_NS / 4;
    for (int i = 0; i < 10; i++)
        sg_rt_paths_failed(&paths, 0, &addr, NULL, &prng);
    assert_false(sg_rt_paths_may_dial(&paths, most, &addr, &alice));
    sg_rt_paths_set_lonely(&paths, 0, true);
    assert_true(sg_rt_paths_may_dial(&paths, most, &addr, &alice));
    sg_rt_paths_failed(&paths, most, &addr, NULL, &prng);
    assert_false(sg_rt_paths_may_dial(&paths, most + SG_NS_PER_S, &addr, &alice));
    assert_true(sg_rt_paths_may_dial(&paths, 2 * most, &addr, &alice));
    sg_rt_paths_set_lonely(&paths, 2 * most, false);
    sg_rt_paths_failed(&paths, 2 * most, &addr, NULL, &prng);
    assert_false(sg_rt_paths_may_dial(&paths, 3 * most, &addr, &alice));
}

static void failures_are_forgotten(void **state)
{
    (void)state;
    struct sg_addr addr = public_addr(1);
    for (int i = 0; i < 10; i++)
        sg_rt_paths_failed(&paths, 0, &addr, NULL, &prng);
    sg_time_ns later = 2 * SG_RT_PATH_PAUSE_MAX_NS + SG_RT_PATH_FORGET_NS;
    sg_rt_paths_failed(&paths, later, &addr, NULL, &prng);
    assert_true(sg_rt_paths_may_dial(&paths, later + 2 * SG_RT_PATH_PAUSE_NS, &addr, &alice));
}

static void wrong_peer_concerns_that_peer_only(void **state)
{
    (void)state;
    struct sg_addr addr = public_addr(1);
    sg_rt_paths_failed(&paths, 0, &addr, &alice, &prng);
    assert_false(sg_rt_paths_may_dial(&paths, 1, &addr, &alice));
    assert_true(sg_rt_paths_may_dial(&paths, 1, &addr, &bob));
}

static void a_node_that_stopped_is_left_alone_until_it_is_back(void **state)
{
    (void)state;
    struct sg_addr addr = public_addr(1);
    sg_rt_paths_gone(&paths, 5, &addr);
    assert_false(sg_rt_paths_may_dial(&paths, 4 + SG_RT_PATH_GONE_NS, &addr, &alice));
    assert_true(sg_rt_paths_may_dial(&paths, 5 + SG_RT_PATH_GONE_NS, &addr, &alice));
    sg_rt_paths_gone(&paths, 5, &addr);
    sg_rt_paths_alive(&paths, &addr, 0);
    assert_true(sg_rt_paths_may_dial(&paths, 6, &addr, &alice));
}

static void table_is_bounded(void **state)
{
    (void)state;
    struct sg_addr first = public_addr(0);
    for (unsigned n = 0; n < 1000; n++) {
        struct sg_addr addr = public_addr(n);
        sg_rt_paths_failed(&paths, 0, &addr, NULL, &prng);
    }
    struct sg_addr last = public_addr(999);
    assert_false(sg_rt_paths_may_dial(&paths, 1, &last, &alice));
    assert_true(sg_rt_paths_may_dial(&paths, 1, &first, &alice)); /* forgotten */
}

static void round_trip_times(void **state)
{
    (void)state;
    struct sg_addr far = public_addr(1);
    struct sg_addr near = sg_addr_v4((const uint8_t[4]){127, 0, 0, 1}, 1);
    struct sg_addr lan = sg_addr_v4((const uint8_t[4]){192, 168, 0, 1}, 1);
    assert_int_equal(sg_rt_paths_rtt(&paths, &far), 0);
    assert_true(sg_rt_paths_rtt(&paths, &near) < sg_rt_paths_rtt(&paths, &lan));
    sg_rt_paths_alive(&paths, &far, 100 * SG_NS_PER_MS);
    uint64_t rtt = sg_rt_paths_rtt(&paths, &far);
    assert_true(rtt >= 100 * SG_NS_PER_MS && rtt <= 200 * SG_NS_PER_MS);
    sg_rt_paths_alive(&paths, &far, 0); /* nothing measured: what was known stays */
    assert_int_equal(sg_rt_paths_rtt(&paths, &far), rtt);
}

static void small_datagrams_after_silence_every_other_time(void **state)
{
    (void)state;
    struct sg_addr addr = public_addr(1);
    assert_false(sg_rt_paths_small(&paths, &addr));
    sg_rt_paths_failed(&paths, 0, &addr, NULL, &prng);
    assert_true(sg_rt_paths_small(&paths, &addr));
    sg_rt_paths_failed(&paths, 0, &addr, NULL, &prng);
    assert_false(sg_rt_paths_small(&paths, &addr));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(dead_address_is_left_alone_for_longer_and_longer, reset),
        cmocka_unit_test_setup(a_lonely_node_tries_again_soon, reset),
        cmocka_unit_test_setup(failures_are_forgotten, reset),
        cmocka_unit_test_setup(wrong_peer_concerns_that_peer_only, reset),
        cmocka_unit_test_setup(a_node_that_stopped_is_left_alone_until_it_is_back, reset),
        cmocka_unit_test_setup(table_is_bounded, reset),
        cmocka_unit_test_setup(round_trip_times, reset),
        cmocka_unit_test_setup(small_datagrams_after_silence_every_other_time, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
