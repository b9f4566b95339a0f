/* os/udp, receiving: splitting, dropping, and errors that must not stop the loop. */
#include "udp_fake.h"

#include <sys/socket.h>
#include <unistd.h>

static void too_long_one(const char *bind, enum sg_udp_path path)
{
    struct sg_udp_options options = {.path = path, .datagram_max = 500};
    struct sg_udp *a = open_path(bind, path);
    struct sg_udp *b = open_with(bind, options);
    struct sg_udp_out out[] = {
        {.remote = *sg_udp_local(b), .data = payload, .len = 500},
        {.remote = *sg_udp_local(b), .data = payload, .len = 501},
        {.remote = *sg_udp_local(b), .data = payload, .len = 2 * 600 + 9, .segment_len = 600},
        {.remote = *sg_udp_local(b), .data = payload, .len = 10}};
    size_t done = 0;
    assert_int_equal(sg_udp_send(a, out, 4, &done), SG_OK);
    assert_true(collect(b, 3));
    assert_int_equal(got->in[0].len, 500);
    assert_int_equal(got->in[1].len, 9);
    assert_int_equal(got->in[2].len, 10);
    assert_int_equal(sg_udp_stats(b)->recv_truncated, 3);
    assert_int_equal(sg_udp_stats(b)->recv_datagrams, 3);
    sg_udp_close(a);
    sg_udp_close(b);
}

static void too_long_datagrams_are_dropped_and_counted(void **state)
{
    (void)state;
    each(too_long_one);
}

static void empty_one(const char *bind, enum sg_udp_path path)
{
    struct sg_udp *b = open_path(bind, path);
    struct sockaddr_storage name;
    int domain = sg_udp_local(b)->family == 4 ? AF_INET : AF_INET6;
    socklen_t len = sg_addr_to_sockaddr(sg_udp_local(b), domain, &name);
    int fd = socket(domain, SOCK_DGRAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(sendto(fd, "", 0, 0, (const struct sockaddr *)&name, len), 0);
    assert_int_equal(sendto(fd, "x", 1, 0, (const struct sockaddr *)&name, len), 1);
    assert_true(collect(b, 2));
    assert_int_equal(got->in[0].len, 0);
    assert_int_equal(got->in[1].len, 1);
    (void)close(fd);
    sg_udp_close(b);
}

static void empty_datagrams_do_no_harm(void **state)
{
    (void)state;
    each(empty_one);
}

static void results_come_in_batches(void **state)
{
    (void)state;
    struct sg_udp *a = open_path("127.0.0.1:0", SG_UDP_PATH_BEST);
    struct sg_udp *b = open_path("127.0.0.1:0", SG_UDP_PATH_BEST);
    const struct sg_udp_in *in = NULL;
    size_t count = 0;
    size_t total = 0;
    if (sg_udp_features(b)->gro && sg_udp_features(a)->gso) {
        for (int i = 0; i < 3; i++)
            send_all(a, (struct sg_udp_out){.remote = *sg_udp_local(b),
                                            .data = payload,
                                            .len = 3000,
                                            .segment_len = 50});
        assert_int_equal(sg_udp_recv(b, &in, &count), SG_OK);
        assert_int_equal(count, 64);
        assert_int_equal(sg_udp_stats(b)->recv_calls, 1);
        for (total = count; total < 180; total += count) {
            assert_true(sg_udp_has_pending(b));
            assert_int_equal(sg_udp_recv(b, &in, &count), SG_OK);
            assert_true(count <= 64);
        }
        assert_int_equal(total, 180);
        assert_false(sg_udp_has_pending(b));
        assert_int_equal(sg_udp_stats(b)->recv_calls, 1);
    }
    sg_udp_close(a);
    sg_udp_close(b);
}

static void kernel_drops_are_counted(void **state)
{
    (void)state;
    struct sg_udp_options options = {.buffer_len = 20000};
    struct sg_udp *a = open_path("127.0.0.1:0", SG_UDP_PATH_MMSG);
    struct sg_udp *b = open_with("127.0.0.1:0", options);
    send_all(a, (struct sg_udp_out){.remote = *sg_udp_local(b),
                                    .data = payload,
                                    .len = 100 * 1000,
                                    .segment_len = 1000});
    const struct sg_udp_in *in = NULL;
    size_t count = 0;
    while (sg_udp_recv(b, &in, &count) == SG_OK)
        continue;
    /* The kernel tells with the next datagram that it delivers. */
    send_text(a, sg_udp_local(b), "after");
    assert_true(collect(b, 1));
    const struct sg_udp_stats *stats = sg_udp_stats(b);
    assert_true(stats->recv_overflow > 0);
    assert_int_equal(stats->recv_overflow + stats->recv_datagrams, 101);
    sg_udp_close(a);
    sg_udp_close(b);
}

static void recv_fault_one(enum sg_udp_path path, size_t t)
{
    clear();
    struct sg_udp *a = open_path("127.0.0.1:0", path);
    struct sg_udp *b = open_fake(path);
    fake.recv = (struct script){transient[t].error, 0, 3};
    send_text(a, sg_udp_local(b), "one");
    send_text(a, sg_udp_local(b), "two");
    assert_true(collect(b, 2));
    assert_text(&got->in[0], "one");
    assert_text(&got->in[1], "two");
    for (size_t kind = 0; kind < SG_UDP_FAULT_COUNT; kind++)
        assert_int_equal(sg_udp_stats(b)->recv_faults[kind], kind == transient[t].fault ? 3 : 0);
    sg_udp_close(a);
    sg_udp_close(b);
}

static void transient_recv_errors_are_passed_over(void **state)
{
    (void)state;
    for (int path = SG_UDP_PATH_BEST; path <= SG_UDP_PATH_PLAIN; path++) {
        for (size_t t = 0; t < TRANSIENT_COUNT; t++)
            recv_fault_one((enum sg_udp_path)path, t);
    }
}

/* Errors without end must neither hang the call nor close the socket. */
static void endless_recv_errors_return_to_the_loop(void **state)
{
    (void)state;
    struct sg_udp *a = open_path("127.0.0.1:0", SG_UDP_PATH_BEST);
    struct sg_udp *b = open_fake(SG_UDP_PATH_BEST);
    const struct sg_udp_in *in = NULL;
    size_t count = 9;
    fake.recv = (struct script){ECONNREFUSED, 0, UINT32_MAX};
    assert_int_equal(sg_udp_recv(b, &in, &count), SG_ERR_WOULD_BLOCK);
    assert_int_equal(count, 0);
    assert_in_range(sg_udp_stats(b)->recv_calls, 1, 16);
    fake.recv.error = 0;
    send_text(a, sg_udp_local(b), "x");
    assert_true(collect(b, 1));
    sg_udp_close(a);
    sg_udp_close(b);
}

static void spoiled_messages_are_dropped_and_counted(void **state)
{
    (void)state;
    for (int path = SG_UDP_PATH_BEST; path <= SG_UDP_PATH_PLAIN; path++) {
        clear();
        struct sg_udp *a = open_fake((enum sg_udp_path)path);
        send_text(a, sg_udp_local(a), "no control messages");
        fake.flags = MSG_CTRUNC;
        assert_true(is_silent(a));
        send_text(a, sg_udp_local(a), "no source port");
        fake.source_port_0 = true;
        assert_true(is_silent(a));
        send_text(a, sg_udp_local(a), "fine");
        assert_true(collect(a, 1));
        assert_text(&got->in[0], "fine");
        assert_int_equal(sg_udp_stats(a)->recv_truncated, 1);
        assert_int_equal(sg_udp_stats(a)->recv_invalid, 1);
        assert_int_equal(sg_udp_stats(a)->recv_datagrams, 1);
        sg_udp_close(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(too_long_datagrams_are_dropped_and_counted, reset),
        cmocka_unit_test_setup(empty_datagrams_do_no_harm, reset),
        cmocka_unit_test_setup(results_come_in_batches, reset),
        cmocka_unit_test_setup(kernel_drops_are_counted, reset),
        cmocka_unit_test_setup(transient_recv_errors_are_passed_over, reset),
        cmocka_unit_test_setup(endless_recv_errors_return_to_the_loop, reset),
        cmocka_unit_test_setup(spoiled_messages_are_dropped_and_counted, reset),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
