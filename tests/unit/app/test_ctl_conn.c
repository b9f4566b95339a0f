#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctl_conn.h"

static struct sg_ctl_conn *conn;
static struct sg_app_line in;
static int client;

static int setup(void **state)
{
    int fds[2];
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0)
        return 1;
    fcntl(fds[0], F_SETFL, O_NONBLOCK);
    fcntl(fds[1], F_SETFL, O_NONBLOCK);
    client = fds[1];
    conn = sg_ctl_conn_new(fds[0]);
    sg_app_line_init(&in, SG_CTL_REPLY_MAX);
    return conn != NULL ? 0 : 1;
}

static int teardown(void **state)
{
    (void)state;
    sg_ctl_conn_free(conn);
    sg_app_line_fini(&in);
    close(client);
    return 0;
}

/* An event of about a kilobyte with a number. */
static void send_event(int number)
{
    char text[1000];
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    json_t *event = json_pack("{s:s,s:i,s:s}", "event", "peer_up", "n", number, "text", text);
    assert_non_null(event);
    sg_ctl_conn_event(conn, event);
    json_decref(event);
}

struct heard {
    int events, next; /* how many, and the number that must come next */
    json_int_t dropped;
};

static void hear(struct heard *heard, const json_t *object)
{
    const char *event = json_string_value(json_object_get(object, "event"));
    assert_non_null(event);
    if (strcmp(event, "dropped") == 0) {
        assert_null(json_object_get(object, "topic"));
        json_int_t count = json_integer_value(json_object_get(object, "count"));
        assert_true(count > 0);
        heard->dropped += count;
        heard->next += (int)count;
        return;
    }
    assert_int_equal(json_integer_value(json_object_get(object, "n")), heard->next);
    heard->next++;
    heard->events++;
}

/* Reads all that is there, as the server's loop would send it. */
static void read_all(struct heard *heard)
{
    const char *text;
    size_t len;
    do {
        sg_ctl_conn_tell_left_out(conn);
        sg_ctl_conn_flush(conn);
        while (sg_app_line_next(&in, &text, &len) == SG_APP_LINE_READY) {
            json_t *object = sg_ctl_parse(text, len);
            assert_non_null(object);
            hear(heard, object);
            json_decref(object);
        }
    } while (sg_app_line_fill(&in, client) == SG_APP_LINE_FILLED);
}

static void test_events_only_for_those_who_asked(void **state)
{
    struct heard heard = {0};
    (void)state;
    send_event(0);
    assert_int_equal(sg_outq_len(&conn->out), 0);
    conn->events = true;
    send_event(0);
    read_all(&heard);
    assert_int_equal(heard.events, 1);
    assert_int_equal(heard.dropped, 0);
}

/* A watcher that does not read costs a bounded queue, and is told how many it missed as soon as it
 * reads again, without waiting for the next event. */
static void test_a_slow_watcher(void **state)
{
    struct heard heard = {0};
    (void)state;
    conn->events = true;
    for (int i = 0; i < 5000; i++) {
        send_event(i);
        sg_ctl_conn_flush(conn);
        assert_true(sg_outq_len(&conn->out) < SG_CTL_SERVER_QUEUE_HIGH + 2000);
    }
    assert_true(sg_ctl_conn_is_behind(conn));
    assert_true(conn->events_dropped > 0);
    read_all(&heard);
    assert_true(heard.events > 200);
    assert_true(heard.dropped > 1000);
    assert_int_equal(heard.events + heard.dropped, 5000);
    assert_int_equal(conn->events_dropped, 0);
    send_event(5000);
    read_all(&heard);
    assert_int_equal(heard.next, 5001);
    assert_false(conn->dead);
}

static void test_a_watcher_that_went_away(void **state)
{
    (void)state;
    conn->events = true;
    close(client);
    client = -1;
    send_event(0);
    sg_ctl_conn_flush(conn);
    assert_true(conn->dead);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_events_only_for_those_who_asked, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_slow_watcher, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_watcher_that_went_away, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
