#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "outq.h"

static void test_a_full_socket_keeps_the_rest(void **state)
{
    struct sg_outq q = {0};
    int fds[2];
    char block[1000];
    size_t pushed = 0;
    size_t got = 0;
    (void)state;
    memset(block, 'x', sizeof(block));
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    while (sg_outq_len(&q) < 5000) {
        assert_true(sg_outq_push(&q, block, sizeof(block)));
        assert_true(sg_outq_flush(&q, fds[0]));
        pushed += sizeof(block);
    }
    while (got < pushed) {
        char in[4096];
        ssize_t part = read(fds[1], in, sizeof(in));
        if (part < 0) {
            assert_true(sg_outq_flush(&q, fds[0]));
            continue;
        }
        got += (size_t)part;
    }
    assert_true(sg_outq_flush(&q, fds[0]));
    assert_int_equal(sg_outq_len(&q), 0);
    sg_outq_fini(&q);
    close(fds[0]);
    close(fds[1]);
}

static void test_lines(void **state)
{
    struct sg_outq q = {0};
    (void)state;
    assert_true(sg_outq_push(&q, NULL, 0));
    assert_true(sg_outq_push_line(&q, "one"));
    assert_true(sg_outq_push_line(&q, ""));
    assert_int_equal(sg_outq_len(&q), 5);
    assert_memory_equal(q.data, "one\n\n", 5);
    sg_outq_fini(&q);
}

static void test_the_other_side_is_gone(void **state)
{
    struct sg_outq q = {0};
    int fds[2];
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    close(fds[1]);
    assert_true(sg_outq_push_line(&q, "hello"));
    assert_false(sg_outq_flush(&q, fds[0]));
    sg_outq_fini(&q);
    close(fds[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_full_socket_keeps_the_rest),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_the_other_side_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
