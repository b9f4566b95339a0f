/* os/udp: opening, and both directions together, against the real kernel on loopback. */
#include "udp_fake.h"

/* Sends bytes of the payload as one aggregate and demands them back, cut as they were. */
static void assert_aggregate(struct sg_udp *from, struct sg_udp *to, size_t len, size_t segment)
{
    size_t count = (len + segment - 1) / segment;
    send_all(from, (struct sg_udp_out){.remote = *sg_udp_local(to),
                                       .data = payload,
                                       .len = len,
                                       .segment_len = segment,
                                       .ecn = SG_ECN_ECT0});
    forget_collected();
    assert_true(collect(to, count));
    assert_int_equal(got->count, count);
    assert_int_equal(got->bytes, len);
    assert_memory_equal(got->data, payload, len);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(got->in[i].len, i + 1 < count ? segment : len - segment * (count - 1));
        assert_int_equal(got->in[i].ecn, SG_ECN_ECT0);
        assert_addr(&got->in[i].remote, sg_udp_local(from));
        assert_addr(&got->in[i].local, sg_udp_local(to));
    }
    assert_true(is_silent(to));
}

static void round_trip(const char *bind, enum sg_udp_path path)
{
    static const size_t shapes[][2] = {{1, 1},
                                       {1200, 1200},
                                       {1201, 1200},
                                       {10 * 1000 + 333, 1000},
                                       {44 * 1200, 1200},
                                       {64 * 100, 100},
                                       {65 * 100, 100},
                                       {129, 1},
                                       {120000, 1200},
                                       {150 * 1452 / 2, 1452}};
    struct sg_udp *a = open_path(bind, path);
    struct sg_udp *b = open_path(bind, path);
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        assert_aggregate(a, b, shapes[i][0], shapes[i][1]);
    sg_udp_close(a);
    sg_udp_close(b);
}

static void every_path_carries_aggregates(void **state)
{
    (void)state;
    each(round_trip);
}

/* Every pair of different paths: an old and a new kernel talk to each other. */
static void paths_mix(void **state)
{
    (void)state;
    for (int from = SG_UDP_PATH_BEST; from <= SG_UDP_PATH_PLAIN; from++) {
        for (int to = SG_UDP_PATH_BEST; to <= SG_UDP_PATH_PLAIN; to++) {
            struct sg_udp *a = open_path("127.0.0.1:0", (enum sg_udp_path)from);
            struct sg_udp *b = open_path("127.0.0.1:0", (enum sg_udp_path)to);
            assert_aggregate(a, b, 100 * 1200 + 7, 1200);
            sg_udp_close(a);
            sg_udp_close(b);
        }
    }
}

static void features_follow_the_path(void **state)
{
    (void)state;
    struct sg_udp *best = open_path("127.0.0.1:0", SG_UDP_PATH_BEST);
    struct sg_udp *mmsg = open_path("127.0.0.1:0", SG_UDP_PATH_MMSG);
    struct sg_udp *plain = open_path("127.0.0.1:0", SG_UDP_PATH_PLAIN);
    const struct sg_udp_features *f = sg_udp_features(best);
    if (!f->gso || !f->gro)
        (void)fprintf(stderr,
                      "\n*** THIS KERNEL HAS GSO %d, GRO %d: the best path is NOT TESTED ***\n",
                      f->gso, f->gro);
    assert_true(f->sendmmsg && f->recvmmsg && f->ecn && f->dont_fragment && !f->pktinfo);
    assert_true(f->recv_bytes > 0 && f->send_bytes > 0);
    f = sg_udp_features(mmsg);
    assert_true(f->sendmmsg && f->recvmmsg && !f->gso && !f->gro);
    f = sg_udp_features(plain);
    assert_true(!f->sendmmsg && !f->recvmmsg && !f->gso && !f->gro);
    sg_udp_close(best);
    sg_udp_close(mmsg);
    sg_udp_close(plain);
}

static void ecn_one(const char *bind, enum sg_udp_path path)
{
    struct sg_udp *a = open_path(bind, path);
    struct sg_udp *b = open_path(bind, path);
    struct sg_udp_out out[4];
    size_t done = 0;
    for (uint8_t ecn = 0; ecn < 4; ecn++)
        out[ecn] = (struct sg_udp_out){.remote = *sg_udp_local(b),
                                       .data = payload,
                                       .len = 250,
                                       .segment_len = 100,
                                       .ecn = ecn};
    assert_int_equal(sg_udp_send(a, out, 4, &done), SG_OK);
    assert_int_equal(done, 4);
    assert_true(collect(b, 12));
    for (size_t i = 0; i < 12; i++) {
        assert_int_equal(got->in[i].ecn, i / 3);
        assert_int_equal(got->in[i].len, i % 3 < 2 ? 100 : 50);
    }
    sg_udp_close(a);
    sg_udp_close(b);
}

static void ecn_bits_arrive(void **state)
{
    (void)state;
    each(ecn_one);
}

/* Trap 23: system calls per packet are few and counted. */
static void system_calls_are_few(void **state)
{
    (void)state;
    static const uint64_t tx_calls[] = {1, 1, 44};
    static const uint64_t rx_calls[] = {1, 1, 45};
    for (int p = SG_UDP_PATH_BEST; p <= SG_UDP_PATH_PLAIN; p++) {
        struct sg_udp *a = open_path("127.0.0.1:0", (enum sg_udp_path)p);
        struct sg_udp *b = open_path("127.0.0.1:0", (enum sg_udp_path)p);
        send_all(a, (struct sg_udp_out){.remote = *sg_udp_local(b),
                                        .data = payload,
                                        .len = 44 * 1200,
                                        .segment_len = 1200});
        const struct sg_udp_in *in = NULL;
        size_t count = 0;
        size_t total = 0;
        while (sg_udp_recv(b, &in, &count) == SG_OK)
            total += count;
        assert_int_equal(total, 44);
        assert_int_equal(sg_udp_stats(a)->sent_calls, tx_calls[p]);
        assert_int_equal(sg_udp_stats(b)->recv_calls, rx_calls[p]);
        assert_int_equal(sg_udp_stats(a)->sent_datagrams, 44);
        assert_int_equal(sg_udp_stats(a)->sent_bytes, 44 * 1200);
        assert_int_equal(sg_udp_stats(b)->recv_datagrams, 44);
        assert_int_equal(sg_udp_stats(b)->recv_bytes, 44 * 1200);
        sg_udp_close(a);
        sg_udp_close(b);
    }
}

static void one_call_serves_many_peers(void **state)
{
    (void)state;
    struct sg_udp *a = open_path("127.0.0.1:0", SG_UDP_PATH_BEST);
    struct sg_udp *peers[10];
    struct sg_udp_out out[10];
    size_t done = 0;
    for (size_t i = 0; i < 10; i++) {
        peers[i] = open_path("127.0.0.1:0", SG_UDP_PATH_BEST);
        out[i] = (struct sg_udp_out){
            .remote = *sg_udp_local(peers[i]), .data = payload + i, .len = 300, .segment_len = 100};
    }
    assert_int_equal(sg_udp_send(a, out, 10, &done), SG_OK);
    if (sg_udp_features(a)->gso)
        assert_int_equal(sg_udp_stats(a)->sent_calls, 1);
    for (size_t i = 0; i < 10; i++) {
        forget_collected();
        assert_true(collect(peers[i], 3));
        assert_memory_equal(got->data, payload + i, 300);
        sg_udp_close(peers[i]);
    }
    sg_udp_close(a);
}

static void wildcard_answers_from_where_it_was_asked(void **state)
{
    (void)state;
    for (int p = SG_UDP_PATH_BEST; p <= SG_UDP_PATH_PLAIN; p++) {
        struct sg_udp *server = open_path("0.0.0.0:0", (enum sg_udp_path)p);
        struct sg_udp *client = open_path("127.0.0.1:0", (enum sg_udp_path)p);
        struct sg_addr asked = addr_of("127.0.0.2:0");
        asked.port = sg_udp_local(server)->port;
        assert_true(sg_udp_features(server)->pktinfo);
        forget_collected();
        send_text(client, &asked, "ask");
        assert_true(collect(server, 1));
        assert_addr(&got->in[0].local, &asked);
        assert_addr(&got->in[0].remote, sg_udp_local(client));
        send_all(server, (struct sg_udp_out){.local = got->in[0].local,
                                             .remote = got->in[0].remote,
                                             .data = payload,
                                             .len = 250,
                                             .segment_len = 100,
                                             .ecn = SG_ECN_CE});
        forget_collected();
        assert_true(collect(client, 3));
        assert_addr(&got->in[0].remote, &asked);
        assert_addr(&got->in[2].remote, &asked);
        assert_int_equal(got->in[2].ecn, SG_ECN_CE);
        sg_udp_close(server);
        sg_udp_close(client);
    }
}

static void a_wildcard_source_means_any(void **state)
{
    (void)state;
    struct sg_udp *server = open_path("0.0.0.0:0", SG_UDP_PATH_BEST);
    struct sg_udp *client = open_path("127.0.0.1:0", SG_UDP_PATH_BEST);
    send_all(server, (struct sg_udp_out){.local = *sg_udp_local(server),
                                         .remote = *sg_udp_local(client),
                                         .data = payload,
                                         .len = 1});
    assert_true(collect(client, 1));
    assert_true(sg_addr_is_loopback(&got->in[0].remote));
    sg_udp_close(server);
    sg_udp_close(client);
}

/* Asks server at an address, and demands that the answer comes from there. */
static void assert_served(struct sg_udp *server, const char *client_bind, const char *asked_text)
{
    struct sg_udp *client = open_path(client_bind, SG_UDP_PATH_BEST);
    struct sg_addr asked = addr_of(asked_text);
    asked.port = sg_udp_local(server)->port;
    forget_collected();
    send_all(
        client,
        (struct sg_udp_out){
            .remote = asked, .data = payload, .len = 250, .segment_len = 100, .ecn = SG_ECN_ECT1});
    assert_true(collect(server, 3));
    assert_addr(&got->in[2].local, &asked);
    assert_addr(&got->in[2].remote, sg_udp_local(client));
    assert_int_equal(got->in[2].ecn, SG_ECN_ECT1);
    send_all(server, (struct sg_udp_out){.local = got->in[0].local,
                                         .remote = got->in[0].remote,
                                         .data = payload,
                                         .len = 250,
                                         .segment_len = 100,
                                         .ecn = SG_ECN_ECT0});
    forget_collected();
    assert_true(collect(client, 3));
    assert_addr(&got->in[2].remote, &asked);
    assert_int_equal(got->in[2].ecn, SG_ECN_ECT0);
    sg_udp_close(client);
}

static void dual_stack_serves_both_families(void **state)
{
    (void)state;
    if (!has_ipv6())
        skip();
    for (int p = SG_UDP_PATH_BEST; p <= SG_UDP_PATH_PLAIN; p++) {
        struct sg_udp_options options = {.dual_stack = true, .path = (enum sg_udp_path)p};
        struct sg_udp *server = open_with("[::]:0", options);
        assert_true(sg_udp_features(server)->dual_stack);
        assert_served(server, "127.0.0.1:0", "127.0.0.2:0");
        assert_served(server, "[::1]:0", "[::1]:0");
        assert_true(is_silent(server));
        sg_udp_close(server);
    }
}

static void single_stack_leaves_ipv4_alone(void **state)
{
    (void)state;
    if (!has_ipv6())
        skip();
    struct sg_udp *v6 = open_path("[::]:0", SG_UDP_PATH_BEST);
    char text[SG_ADDR_TEXT_CAP];
    struct sg_addr same = addr_of("0.0.0.0:0");
    same.port = sg_udp_local(v6)->port;
    struct sg_udp *v4 = open_path(sg_addr_format(&same, text), SG_UDP_PATH_BEST);
    assert_served(v4, "127.0.0.1:0", "127.0.0.1:0");
    assert_served(v6, "[::1]:0", "[::1]:0");
    sg_udp_close(v4);
    sg_udp_close(v6);
}

static void port_in_use(void **state)
{
    (void)state;
    struct sg_udp *first = open_path("127.0.0.1:0", SG_UDP_PATH_BEST);
    struct sg_udp_options options = {.bind = *sg_udp_local(first)};
    struct sg_udp *second = first;
    assert_int_equal(sg_udp_open(&options, &second), SG_ERR_ADDRESS_IN_USE);
    assert_null(second);
    sg_udp_close(first);
    assert_int_equal(sg_udp_open(&options, &second), SG_OK);
    assert_addr(sg_udp_local(second), &options.bind);
    sg_udp_close(second);
}

static void not_our_address(void **state)
{
    (void)state;
    struct sg_udp_options options = {.bind = addr_of("203.0.113.7:0")}; /* RFC 5737: never ours */
    struct sg_udp *udp = NULL;
    assert_int_equal(sg_udp_open(&options, &udp), SG_ERR_UNREACHABLE);
    assert_null(udp);
}

static void bad_options(void **state)
{
    (void)state;
    struct sg_udp_options options = {0};
    struct sg_udp *udp = NULL;
    assert_int_equal(sg_udp_open(&options, &udp), SG_ERR_INVALID_ARGUMENT);
    options.bind = addr_of("127.0.0.1:0");
    options.datagram_max = 65536;
    assert_int_equal(sg_udp_open(&options, &udp), SG_ERR_INVALID_ARGUMENT);
    sg_udp_close(NULL);
}

static void fault_names(void **state)
{
    (void)state;
    for (int i = 0; i < SG_UDP_FAULT_COUNT; i++)
        assert_true(strlen(sg_udp_fault_name((enum sg_udp_fault)i)) > 0);
    assert_string_equal(sg_udp_fault_name(SG_UDP_FAULT_REFUSED), "refused");
    assert_string_equal(sg_udp_fault_name(SG_UDP_FAULT_COUNT), "unknown");
}

/* No option at all: every feature is best effort, the bytes still flow. */
static void kernel_without_options(void **state)
{
    (void)state;
    fake.option_name = -1;
    fake.option_error = ENOPROTOOPT;
    struct sg_udp_options options = {.ops = &fake_ops};
    struct sg_udp *a = open_with("0.0.0.0:0", options);
    const struct sg_udp_features *f = sg_udp_features(a);
    assert_true(!f->gso && !f->gro && !f->ecn && !f->pktinfo && !f->dont_fragment);
    struct sg_udp *b = open_path("127.0.0.1:0", SG_UDP_PATH_BEST);
    struct sg_addr to = addr_of("127.0.0.1:0");
    to.port = sg_udp_local(a)->port;
    send_text(b, &to, "hello");
    assert_true(collect(a, 1));
    assert_addr(&got->in[0].local, sg_udp_local(a));
    send_all(
        a, (struct sg_udp_out){
               .local = got->in[0].local, .remote = got->in[0].remote, .data = payload, .len = 3});
    forget_collected();
    assert_true(collect(b, 1));
    sg_udp_close(a);
    sg_udp_close(b);
}

static void assert_open_fails(const char *bind, sg_err expected)
{
    struct sg_udp_options options = {.bind = addr_of(bind), .ops = &fake_ops};
    struct sg_udp *udp = NULL;
    assert_int_equal(sg_udp_open(&options, &udp), expected);
    assert_null(udp);
    assert_int_equal(fake.opened, fake.closed);
    clear();
}

static void open_errors(void **state)
{
    (void)state;
    static const struct {
        int error;
        sg_err expected;
    } cases[] = {
        {EADDRINUSE, SG_ERR_ADDRESS_IN_USE},
        {EACCES, SG_ERR_PERMISSION},
        {EPERM, SG_ERR_PERMISSION},
        {EADDRNOTAVAIL, SG_ERR_UNREACHABLE},
        {ENODEV, SG_ERR_UNREACHABLE},
        {EAFNOSUPPORT, SG_ERR_UNSUPPORTED},
        {EMFILE, SG_ERR_LIMIT},
        {ENFILE, SG_ERR_LIMIT},
        {ENOMEM, SG_ERR_NO_MEMORY},
        {ENOBUFS, SG_ERR_NO_MEMORY},
        {EINVAL, SG_ERR_INVALID_ARGUMENT},
        {EFAULT, SG_ERR_IO},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fake.socket_error = cases[i].error;
        assert_open_fails("127.0.0.1:0", cases[i].expected);
        fake.bind_error = cases[i].error;
        assert_open_fails("127.0.0.1:0", cases[i].expected);
        fake.getsockname_error = cases[i].error;
        assert_open_fails("127.0.0.1:0", cases[i].expected);
    }
    if (!has_ipv6())
        return;
    fake.option_level = IPPROTO_IPV6;
    fake.option_name = IPV6_V6ONLY;
    fake.option_error = EINVAL;
    assert_open_fails("[::1]:0", SG_ERR_INVALID_ARGUMENT);
}

/* An allocator whose n-th call fails. */
static unsigned allocs_left;

static void *failing_alloc(void *user, size_t size)
{
    (void)user;
    return allocs_left-- == 0 ? NULL : malloc(size);
}

static void failing_free(void *user, void *ptr)
{
    (void)user;
    free(ptr);
}

static void out_of_memory(void **state)
{
    (void)state;
    static const struct sg_mem mem = {failing_alloc, NULL, failing_free, NULL};
    struct sg_udp_options options = {.bind = addr_of("127.0.0.1:0"), .ops = &fake_ops, .mem = &mem};
    struct sg_udp *udp = NULL;
    unsigned n = 0;
    for (; n < 10 && udp == NULL; n++) {
        allocs_left = n;
        sg_err err = sg_udp_open(&options, &udp);
        assert_int_equal(err, udp == NULL ? SG_ERR_NO_MEMORY : SG_OK);
        assert_int_equal(fake.opened - fake.closed, udp == NULL ? 0 : 1);
    }
    assert_int_equal(n, 2); /* its one allocation failed once */
    const struct sg_udp_in *in = NULL;
    size_t count = 1;
    allocs_left = 0;
    assert_int_equal(sg_udp_recv(udp, &in, &count), SG_ERR_NO_MEMORY);
    assert_int_equal(count, 0);
    assert_int_equal(sg_udp_recv(udp, &in, &count), SG_ERR_WOULD_BLOCK);
    sg_udp_close(udp);
    assert_int_equal(fake.opened, fake.closed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_path_carries_aggregates, reset),
        cmocka_unit_test_setup(paths_mix, reset),
        cmocka_unit_test_setup(features_follow_the_path, reset),
        cmocka_unit_test_setup(ecn_bits_arrive, reset),
        cmocka_unit_test_setup(system_calls_are_few, reset),
        cmocka_unit_test_setup(one_call_serves_many_peers, reset),
        cmocka_unit_test_setup(wildcard_answers_from_where_it_was_asked, reset),
        cmocka_unit_test_setup(a_wildcard_source_means_any, reset),
        cmocka_unit_test_setup(dual_stack_serves_both_families, reset),
        cmocka_unit_test_setup(single_stack_leaves_ipv4_alone, reset),
        cmocka_unit_test_setup(port_in_use, reset),
        cmocka_unit_test_setup(not_our_address, reset),
        cmocka_unit_test_setup(bad_options, reset),
        cmocka_unit_test_setup(fault_names, reset),
        cmocka_unit_test_setup(kernel_without_options, reset),
        cmocka_unit_test_setup(open_errors, reset),
        cmocka_unit_test_setup(out_of_memory, reset),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
