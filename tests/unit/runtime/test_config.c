#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "runtime/config.h"

static struct sg_node_config config;
static struct sg_rt_settings settings;
static char text[256];

static int reset(void **state)
{
    (void)state;
    sg_node_config_init(&config);
    text[0] = 0;
    return 0;
}

static sg_err check(void)
{
    const struct sg_rt_detail detail = {text, sizeof text};
    return sg_rt_settings_of(&config, &settings, &detail);
}

/* Refused with a sentence that names the matter. */
static void expect_refused(const char *word)
{
    assert_int_equal(check(), SG_ERR_INVALID_ARGUMENT);
    if (strstr(text, word) == NULL)
        fail_msg("\"%s\" does not speak of %s", text, word);
    sg_node_config_init(&config);
}

static void defaults_are_good(void **state)
{
    (void)state;
    assert_int_equal(check(), SG_OK);
    assert_int_equal(settings.listen.family, 4);
    assert_false(settings.dual_stack);
    config.listen = "[::]:4433";
    assert_int_equal(check(), SG_OK);
    assert_true(settings.dual_stack);
    config.listen = "[::1]:4433";
    assert_int_equal(check(), SG_OK);
    assert_false(settings.dual_stack);
}

static void mistakes_are_named(void **state)
{
    (void)state;
    config.listen = "localhost:1";
    expect_refused("listen");
    config.listen = NULL;
    expect_refused("listen");
    config.network = "";
    expect_refused("network");
    config.network = NULL;
    expect_refused("network");
    char longest[300];
    memset(longest, 'n', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    config.network = longest;
    expect_refused("network");
    config.state_dir = "";
    expect_refused("state folder");
    const char *seeds[] = {"a:1", "nonsense", NULL};
    config.seeds = seeds;
    config.seed_count = 2;
    expect_refused("nonsense");
    config.seeds = seeds + 2;
    config.seed_count = 1;
    expect_refused("seed");
    config.seed_count = 65;
    expect_refused("65 seeds");
}

static void numbers_have_ranges(void **state)
{
    (void)state;
    config.max_connections = 0;
    expect_refused("max_connections");
    config.max_connections = 1000000;
    expect_refused("max_connections");
    config.event_queue_max = 0;
    expect_refused("event_queue_max");
    config.idle_timeout_ms = 0;
    expect_refused("idle_timeout_ms");
    config.keep_alive_ms = config.idle_timeout_ms + 1;
    expect_refused("keep_alive_ms");
    config.message_ttl_ms = 0;
    expect_refused("message_ttl_ms");
    config.durable_age_ms = 999;
    expect_refused("durable_age_ms");
    config.durable_bytes_max = 1000;
    expect_refused("durable_bytes_max");
    config.shuffle_interval_ms = 0;
    expect_refused("shuffle_interval_ms");
}

static void detail_is_optional_and_never_overflows(void **state)
{
    (void)state;
    const struct sg_rt_detail none = {NULL, 0};
    const struct sg_rt_detail tiny = {text, 4};
    config.listen = "x";
    assert_int_equal(sg_rt_settings_of(&config, &settings, NULL), SG_ERR_INVALID_ARGUMENT);
    assert_int_equal(sg_rt_settings_of(&config, &settings, &none), SG_ERR_INVALID_ARGUMENT);
    memset(text, 'z', sizeof text);
    assert_int_equal(sg_rt_settings_of(&config, &settings, &tiny), SG_ERR_INVALID_ARGUMENT);
    assert_int_equal(strlen(text), 3);
    assert_int_equal(text[4], 'z');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(defaults_are_good, reset),
        cmocka_unit_test_setup(mistakes_are_named, reset),
        cmocka_unit_test_setup(numbers_have_ranges, reset),
        cmocka_unit_test_setup(detail_is_optional_and_never_overflows, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
