#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>

#include "daemon.h"
#include "json_out.h"

static struct sg_daemon node;
static FILE *log_file; /* what stands for stderr */
static int stderr_fd;

static int setup(void **state)
{
    (void)state;
    memset(&node, 0, sizeof(node));
    sg_app_limiter_init(&node.limiter, UINT64_C(3600000000000), 1);
    sg_app_limiter_init(&node.member_limiter, UINT64_C(3600000000000), 32);
    log_file = tmpfile();
    stderr_fd = dup(STDERR_FILENO);
    return log_file != NULL && stderr_fd >= 0 ? 0 : 1;
}

static int teardown(void **state)
{
    (void)state;
    close(stderr_fd);
    fclose(log_file);
    return 0;
}

/* Logs so many events of a kind, each about another peer. */
static void log_events(enum sg_event_kind kind, uint32_t count)
{
    fflush(stderr);
    dup2(fileno(log_file), STDERR_FILENO);
    for (uint32_t i = 0; i < count; i++) {
        struct sg_event event = {.kind = kind};
        memcpy(event.peer.b, &i, sizeof(i));
        event.peer.b[SG_ID_LEN - 1] = 1;
        sg_daemon_log_event(&node, &event);
    }
    fflush(stderr);
    dup2(stderr_fd, STDERR_FILENO);
}

/* Lines of the log so far with this text in them. */
static size_t lines_with(const char *text)
{
    char line[512];
    size_t count = 0;
    rewind(log_file);
    while (fgets(line, sizeof(line), log_file) != NULL)
        count += strstr(line, text) != NULL;
    return count;
}

static void test_a_small_network(void **state)
{
    (void)state;
    log_events(SG_EVENT_MEMBER_JOIN, 20);
    log_events(SG_EVENT_MEMBER_FAIL, 3);
    log_events(SG_EVENT_MEMBER_LEAVE, 2);
    assert_int_equal(lines_with(" joined\n"), 20);
    assert_int_equal(lines_with(" FAILED\n"), 3);
    assert_int_equal(lines_with(" left\n"), 2);
}

static void test_mass_failure_does_not_fill_the_log(void **state)
{
    (void)state;
    log_events(SG_EVENT_MEMBER_FAIL, 5000);
    assert_int_equal(lines_with("FAILED"), 32);
    assert_int_equal(lines_with("only counted"), 1);
    /* Other kinds are not lost with them. */
    log_events(SG_EVENT_MEMBER_LEAVE, 1);
    assert_int_equal(lines_with(" left\n"), 1);
}

static void test_suspicions_are_for_the_verbose(void **state)
{
    (void)state;
    log_events(SG_EVENT_MEMBER_SUSPECT, 1);
    log_events(SG_EVENT_MEMBER_REFUTED, 1);
    log_events(SG_EVENT_MEMBER_UPDATE, 1);
    assert_int_equal(lines_with("member"), 0);
    node.verbose = true;
    log_events(SG_EVENT_MEMBER_SUSPECT, 1);
    log_events(SG_EVENT_MEMBER_REFUTED, 1);
    log_events(SG_EVENT_MEMBER_UPDATE, 1);
    assert_int_equal(lines_with("does not answer"), 1);
    assert_int_equal(lines_with("alive after all"), 1);
    assert_int_equal(lines_with("new metadata"), 1);
    log_events(SG_EVENT_MEMBER_FAIL, 100);
    assert_int_equal(lines_with("FAILED\n"), 100);
}

static void test_who_leaves_is_alone_on_purpose(void **state)
{
    (void)state;
    log_events(SG_EVENT_ISOLATED, 1);
    node.leave_by_ns = 1;
    log_events(SG_EVENT_ISOLATED, 1);
    assert_int_equal(lines_with("no neighbour left"), 1);
}

static void test_the_object_of_an_event(void **state)
{
    struct sg_event event = {.kind = SG_EVENT_MEMBER_FAIL};
    (void)state;
    event.peer.b[0] = 0xff;
    json_t *object = sg_daemon_event_json(&event);
    assert_non_null(object);
    assert_string_equal(sg_json_get_text(object, "event", ""), "member_fail");
    assert_string_equal(sg_json_get_text(object, "peer", ""),
                        "74aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    assert_true(sg_json_count(object, "time_ms") > UINT64_C(1500000000000));
    assert_true(sg_json_count(object, "at_ns") > 0);
    assert_int_equal(json_object_size(object), 4);
    json_decref(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_small_network, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mass_failure_does_not_fill_the_log, setup, teardown),
        cmocka_unit_test_setup_teardown(test_suspicions_are_for_the_verbose, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_leaves_is_alone_on_purpose, setup, teardown),
        cmocka_unit_test(test_the_object_of_an_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
