#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "runtime/seeds.h"
#include "unit/base/failing_mem.h"

#define ID "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void parse_good(void **state)
{
    (void)state;
    struct sg_rt_seed seed;
    assert_int_equal(sg_rt_seed_parse("example.org:4433", &seed), SG_OK);
    assert_string_equal(seed.host, "example.org");
    assert_int_equal(seed.port, 4433);
    assert_false(seed.has_id);
    assert_int_equal(sg_rt_seed_parse("[::1]:1", &seed), SG_OK);
    assert_string_equal(seed.host, "::1");
    assert_int_equal(sg_rt_seed_parse(ID "@127.0.0.1:65535", &seed), SG_OK);
    assert_true(seed.has_id);
    assert_int_equal(seed.id.b[0], 0);
    assert_string_equal(seed.host, "127.0.0.1");
    assert_string_equal(seed.text, ID "@127.0.0.1:65535");
    assert_int_equal(seed.state, SG_RT_SEED_IDLE);
}

static void parse_bad(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",           "host",         ":1",      "host:",          "host:0",
        "host:65536", "host:x",       "::1:5",   "[::1]",          "[::1:5",
        "@host:1",    "short@host:1", ID "@",    ID "@host",       ID "x@host:1",
        "a b:1",      "host:1 ",      "host:-1", ID "@" ID "@h:1",
    };
    struct sg_rt_seed seed;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (sg_rt_seed_parse(bad[i], &seed) == SG_OK)
            fail_msg("accepted \"%s\"", bad[i]);
    }
    char longest[SG_RT_SEED_TEXT_CAP + 10];
    memset(longest, 'h', sizeof longest);
    memcpy(longest + sizeof longest - 3, ":1", 3);
    assert_int_equal(sg_rt_seed_parse(longest, &seed), SG_ERR_INVALID_ARGUMENT);
}

static void list_is_bounded_and_knows_its_texts(void **state)
{
    (void)state;
    struct sg_rt_seeds seeds;
    struct sg_rt_seed *seed = NULL;
    struct sg_rt_seed *again = NULL;
    char text[32];
    sg_rt_seeds_init(&seeds);
    for (unsigned i = 0; i < SG_RT_SEEDS_MAX; i++) {
        (void)snprintf(text, sizeof text, "h%u:1", i);
        assert_int_equal(sg_rt_seeds_add(&seeds, sg_mem_default(), text, &seed), SG_OK);
    }
    assert_int_equal(sg_rt_seeds_add(&seeds, sg_mem_default(), text, &again), SG_OK);
    assert_ptr_equal(seed, again);
    assert_int_equal(sg_rt_seeds_add(&seeds, sg_mem_default(), "more:1", &seed), SG_ERR_LIMIT);
    assert_int_equal(sg_rt_seeds_add(&seeds, sg_mem_default(), "more", &seed),
                     SG_ERR_INVALID_ARGUMENT);
    sg_rt_seeds_fini(&seeds, sg_mem_default());

    struct failing_mem failing;
    const struct sg_mem *mem = failing_mem_init(&failing, 1);
    assert_int_equal(sg_rt_seeds_add(&seeds, mem, "a:1", &seed), SG_ERR_NO_MEMORY);
    assert_int_equal(failing.live, 0);
}

static void pauses_double_with_jitter_up_to_a_bound(void **state)
{
    (void)state;
    struct sg_rt_seed seed;
    struct sg_prng prng;
    sg_prng_init(&prng, 1);
    assert_int_equal(sg_rt_seed_parse("a:1", &seed), SG_OK);
    sg_rt_seed_want(&seed, 0);
    assert_int_equal(seed.state, SG_RT_SEED_WAITING);
    assert_int_equal(seed.at, 0);
    uint64_t pause = SG_RT_SEED_PAUSE_NS;
    for (int i = 0; i < 12; i++) {
        sg_time_ns now = 1000 * SG_NS_PER_S;
        sg_rt_seed_failed(&seed, now, true, &prng);
        assert_int_equal(seed.state, SG_RT_SEED_WAITING);
        assert_true(seed.at - now >= pause / 4 * 3 && seed.at - now <= pause / 4 * 5);
        pause = pause * 2 < SG_RT_SEED_PAUSE_MAX_NS ? pause * 2 : SG_RT_SEED_PAUSE_MAX_NS;
    }
}

static void wanted_until_reached(void **state)
{
    (void)state;
    struct sg_rt_seeds seeds;
    struct sg_rt_seed *config = NULL;
    struct sg_rt_seed *joined = NULL;
    struct sg_prng prng;
    sg_prng_init(&prng, 1);
    sg_rt_seeds_init(&seeds);
    assert_int_equal(sg_rt_seeds_add(&seeds, sg_mem_default(), "a:1", &config), SG_OK);
    assert_int_equal(sg_rt_seeds_add(&seeds, sg_mem_default(), "b:1", &joined), SG_OK);
    assert_int_equal(sg_rt_seeds_deadline(&seeds), SG_TIME_NEVER);
    joined->insists = true;
    sg_rt_seed_want(config, 5);
    sg_rt_seed_want(joined, 6);
    assert_int_equal(sg_rt_seeds_deadline(&seeds), 5);
    /* with neighbours only the one that was asked for by name goes on */
    sg_rt_seeds_joined(&seeds);
    assert_int_equal(config->state, SG_RT_SEED_IDLE);
    assert_int_equal(joined->state, SG_RT_SEED_WAITING);
    sg_rt_seed_failed(config, 7, false, &prng);
    assert_int_equal(config->state, SG_RT_SEED_IDLE);
    sg_rt_seed_failed(joined, 7, false, &prng);
    assert_int_equal(joined->state, SG_RT_SEED_WAITING);
    sg_rt_seed_reached(joined, 8, &prng);
    assert_int_equal(joined->state, SG_RT_SEED_IDLE);
    /* wanted again right after it was reached: not at once */
    sg_rt_seed_want(joined, 9);
    assert_true(joined->at > 9);
    config->is_self = true;
    sg_rt_seed_want(config, 10);
    assert_int_equal(config->state, SG_RT_SEED_IDLE);
    sg_rt_seeds_fini(&seeds, sg_mem_default());
}

static void found_by_connection(void **state)
{
    (void)state;
    struct sg_rt_seeds seeds;
    struct sg_rt_seed *seed = NULL;
    sg_rt_seeds_init(&seeds);
    assert_int_equal(sg_rt_seeds_add(&seeds, sg_mem_default(), "a:1", &seed), SG_OK);
    assert_null(sg_rt_seeds_of_conn(&seeds, 0));
    seed->state = SG_RT_SEED_DIALLING;
    seed->conn = 77;
    assert_ptr_equal(sg_rt_seeds_of_conn(&seeds, 77), seed);
    assert_int_equal(sg_rt_seeds_flying(&seeds), 1);
    seed->state = SG_RT_SEED_GREETING;
    assert_ptr_equal(sg_rt_seeds_of_conn(&seeds, 77), seed);
    assert_int_equal(sg_rt_seeds_flying(&seeds), 0);
    seed->state = SG_RT_SEED_IDLE;
    assert_null(sg_rt_seeds_of_conn(&seeds, 77));
    sg_rt_seeds_fini(&seeds, sg_mem_default());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse_good),
        cmocka_unit_test(parse_bad),
        cmocka_unit_test(list_is_bounded_and_knows_its_texts),
        cmocka_unit_test(pauses_double_with_jitter_up_to_a_bound),
        cmocka_unit_test(wanted_until_reached),
        cmocka_unit_test(found_by_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
