/* os/udp, sending: what is lost, what is kept, and stepping down when the kernel refuses. */
#include "udp_fake.h"

static void sending_nothing_sends_nothing(void **state)
{
    (void)state;
    struct sg_udp *a = open_path("127.0.0.1:0", SG_UDP_PATH_BEST);
    struct sg_udp_out out[2] = {{.remote = *sg_udp_local(a)}, {.remote = *sg_udp_local(a)}};
    size_t done = 7;
    assert_int_equal(sg_udp_send(a, out, 0, &done), SG_OK);
    assert_int_equal(done, 0);
    assert_int_equal(sg_udp_send(a, out, 2, &done), SG_OK);
    assert_int_equal(done, 2);
    assert_int_equal(sg_udp_stats(a)->sent_calls, 0);
    sg_udp_close(a);
}

static void foreign_family_is_lost_not_fatal(void **state)
{
    (void)state;
    struct sg_udp *a = open_path("127.0.0.1:0", SG_UDP_PATH_BEST);
    struct sg_udp *b = open_path("127.0.0.1:0", SG_UDP_PATH_BEST);
    struct sg_addr nobody = {0};
    struct sg_udp_out out[] = {
        {.remote = addr_of("[::1]:9"), .data = payload, .len = 250, .segment_len = 100},
        {.remote = *sg_udp_local(b), .data = payload, .len = 5},
        {.remote = nobody, .data = payload, .len = 5},
        {.remote = *sg_udp_local(b), .data = payload, .len = 6}};
    size_t done = 0;
    assert_int_equal(sg_udp_send(a, out, 4, &done), SG_OK);
    assert_int_equal(done, 4);
    assert_true(collect(b, 2));
    assert_int_equal(got->in[0].len, 5);
    assert_int_equal(got->in[1].len, 6);
    assert_int_equal(sg_udp_stats(a)->sent_lost, 4);
    assert_int_equal(sg_udp_stats(a)->send_faults[SG_UDP_FAULT_NET_UNREACHABLE], 2);
    sg_udp_close(a);
    sg_udp_close(b);
}

/* Longer than an IP packet can be: the kernel's own EMSGSIZE. */
static void too_long_to_send_is_lost(void **state)
{
    (void)state;
    struct sg_udp *a = open_path("127.0.0.1:0", SG_UDP_PATH_BEST);
    struct sg_udp *b = open_path("127.0.0.1:0", SG_UDP_PATH_BEST);
    send_all(a, (struct sg_udp_out){.remote = *sg_udp_local(b), .data = payload, .len = 70000});
    send_text(a, sg_udp_local(b), "after");
    assert_true(collect(b, 1));
    assert_text(&got->in[0], "after");
    assert_int_equal(sg_udp_stats(a)->send_faults[SG_UDP_FAULT_TOO_LONG], 1);
    assert_int_equal(sg_udp_stats(a)->sent_lost, 1);
    assert_true(sg_udp_features(a)->gso || !sg_udp_features(b)->gro);
    sg_udp_close(a);
    sg_udp_close(b);
}

/* Nobody listens: an unconnected socket hears nothing of it, and goes on working. */
static void nobody_there_is_no_error(void **state)
{
    (void)state;
    struct sg_udp *a = open_path("127.0.0.1:0", SG_UDP_PATH_BEST);
    struct sg_udp *gone = open_path("127.0.0.1:0", SG_UDP_PATH_BEST);
    struct sg_addr addr = *sg_udp_local(gone);
    sg_udp_close(gone);
    for (int i = 0; i < 3; i++)
        send_text(a, &addr, "hello?");
    assert_true(is_silent(a));
    struct sg_udp *b = open_path("127.0.0.1:0", SG_UDP_PATH_BEST);
    send_text(b, sg_udp_local(a), "here");
    assert_true(collect(a, 1));
    sg_udp_close(a);
    sg_udp_close(b);
}

/* Five datagrams of one byte each, the third of which fails. */
static void send_fault_one(enum sg_udp_path path, size_t t)
{
    clear();
    struct sg_udp *a = open_fake(path);
    struct sg_udp *b = open_path("127.0.0.1:0", path);
    struct sg_udp_out out[5];
    size_t done = 0;
    for (size_t i = 0; i < 5; i++)
        out[i] = (struct sg_udp_out){.remote = *sg_udp_local(b), .data = payload + i, .len = 1};
    fake.send = (struct script){transient[t].error, 2, 1};
    assert_int_equal(sg_udp_send(a, out, 5, &done), SG_OK);
    assert_int_equal(done, 5);
    assert_true(collect(b, 4));
    assert_int_equal(got->data[1], payload[1]);
    assert_int_equal(got->data[2], payload[3]);
    assert_true(is_silent(b));
    const struct sg_udp_stats *stats = sg_udp_stats(a);
    assert_int_equal(stats->sent_datagrams, 4);
    assert_int_equal(stats->sent_lost, 1);
    for (size_t kind = 0; kind < SG_UDP_FAULT_COUNT; kind++)
        assert_int_equal(stats->send_faults[kind], kind == transient[t].fault ? 1 : 0);
    sg_udp_close(a);
    sg_udp_close(b);
}

static void transient_send_errors_lose_one_datagram(void **state)
{
    (void)state;
    for (int path = SG_UDP_PATH_BEST; path <= SG_UDP_PATH_PLAIN; path++) {
        for (size_t t = 0; t < TRANSIENT_COUNT; t++)
            send_fault_one((enum sg_udp_path)path, t);
    }
}

/* A network that is down for a while: nothing stops, nothing is forgotten. */
static void endless_send_errors_end(void **state)
{
    (void)state;
    struct sg_udp *a = open_fake(SG_UDP_PATH_BEST);
    struct sg_udp *b = open_path("127.0.0.1:0", SG_UDP_PATH_BEST);
    fake.send = (struct script){ENETDOWN, 0, UINT32_MAX};
    for (int i = 0; i < 100; i++)
        send_all(a,
                 (struct sg_udp_out){
                     .remote = *sg_udp_local(b), .data = payload, .len = 1000, .segment_len = 100});
    assert_int_equal(sg_udp_stats(a)->sent_lost, 1000);
    fake.send.error = 0;
    send_text(a, sg_udp_local(b), "up again");
    assert_true(collect(b, 1));
    assert_text(&got->in[0], "up again");
    sg_udp_close(a);
    sg_udp_close(b);
}

static void interrupted_calls_are_repeated(void **state)
{
    (void)state;
    for (int path = SG_UDP_PATH_BEST; path <= SG_UDP_PATH_PLAIN; path++) {
        clear();
        struct sg_udp *a = open_fake((enum sg_udp_path)path);
        fake.send = (struct script){EINTR, 0, 2};
        fake.recv = (struct script){EINTR, 0, 2};
        send_text(a, sg_udp_local(a), "to myself");
        assert_true(collect(a, 1));
        assert_int_equal(sg_udp_stats(a)->sent_lost, 0);
        assert_int_equal(sg_udp_stats(a)->recv_faults[SG_UDP_FAULT_OTHER], 0);
        sg_udp_close(a);
    }
}

static void a_broken_descriptor_is_an_error(void **state)
{
    (void)state;
    static const int errors[] = {EBADF, ENOTSOCK};
    for (size_t i = 0; i < 2; i++) {
        clear();
        struct sg_udp *a = open_fake(SG_UDP_PATH_BEST);
        struct sg_udp_out out = {.remote = *sg_udp_local(a), .data = payload, .len = 10};
        const struct sg_udp_in *in = NULL;
        size_t count = 0;
        fake.send = (struct script){errors[i], 0, UINT32_MAX};
        fake.recv = fake.send;
        assert_int_equal(sg_udp_send(a, &out, 1, &count), SG_ERR_CLOSED);
        assert_int_equal(count, 0);
        assert_int_equal(out.len, 10);
        assert_int_equal(sg_udp_recv(a, &in, &count), SG_ERR_CLOSED);
        sg_udp_close(a);
    }
}

/* The socket buffer is full after n messages: what is left is exactly the rest. */
static void would_block_after(enum sg_udp_path path, unsigned n)
{
    clear();
    struct sg_udp *a = open_fake(path);
    struct sg_udp *b = open_path("127.0.0.1:0", path);
    struct sg_udp_out out[3];
    size_t done = 9;
    for (size_t i = 0; i < 3; i++)
        out[i] = (struct sg_udp_out){.remote = *sg_udp_local(b),
                                     .data = payload + i * 1050,
                                     .len = 1050,
                                     .segment_len = 100};
    fake.send = (struct script){EAGAIN, n, 1};
    assert_int_equal(sg_udp_send(a, out, 3, &done), SG_ERR_WOULD_BLOCK);
    assert_int_equal(sg_udp_stats(a)->sent_blocked, 1);
    size_t per_message = sg_udp_features(a)->gso ? 11 : 1;
    size_t sent = n * per_message;
    assert_int_equal(done, sent / 11);
    assert_int_equal(out[done].len, 1050 - sent % 11 * 100);
    assert_ptr_equal(out[done].data, payload + done * 1050 + sent % 11 * 100);
    assert_int_equal(sg_udp_stats(a)->sent_datagrams, sent);
    assert_int_equal(sg_udp_send(a, out + done, 3 - done, &done), SG_OK);
    assert_true(collect(b, 33));
    assert_int_equal(got->bytes, 3150);
    assert_memory_equal(got->data, payload, 3150);
    assert_int_equal(sg_udp_stats(a)->sent_lost, 0);
    sg_udp_close(a);
    sg_udp_close(b);
}

static void would_block_keeps_the_rest(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 3; n++)
        would_block_after(SG_UDP_PATH_BEST, n);
    for (unsigned n = 0; n < 33; n++) {
        would_block_after(SG_UDP_PATH_MMSG, n);
        would_block_after(SG_UDP_PATH_PLAIN, n);
    }
}

static void partial_sendmmsg_goes_on(void **state)
{
    (void)state;
    for (unsigned max = 1; max < 8; max++) {
        clear();
        struct sg_udp *a = open_fake(SG_UDP_PATH_MMSG);
        struct sg_udp *b = open_path("127.0.0.1:0", SG_UDP_PATH_MMSG);
        fake.batch_max = max;
        send_all(a, (struct sg_udp_out){.remote = *sg_udp_local(b),
                                        .data = payload,
                                        .len = 100 * 90 + 5,
                                        .segment_len = 90});
        assert_true(collect(b, 101));
        assert_memory_equal(got->data, payload, 100 * 90 + 5);
        assert_int_equal(sg_udp_stats(a)->sent_datagrams, 101);
        sg_udp_close(a);
        sg_udp_close(b);
    }
}

static void kernel_without_mmsg(void **state)
{
    (void)state;
    for (int path = SG_UDP_PATH_BEST; path <= SG_UDP_PATH_MMSG; path++) {
        clear();
        fake.no_mmsg = true;
        struct sg_udp *a = open_fake((enum sg_udp_path)path);
        struct sg_udp_out out[2] = {
            {.remote = *sg_udp_local(a), .data = payload, .len = 1000, .segment_len = 90},
            {.remote = *sg_udp_local(a), .data = payload + 1000, .len = 1000, .segment_len = 90}};
        size_t done = 0;
        assert_int_equal(sg_udp_send(a, out, 2, &done), SG_OK);
        assert_true(collect(a, 24));
        assert_memory_equal(got->data, payload, 2000);
        assert_false(sg_udp_features(a)->sendmmsg);
        assert_false(sg_udp_features(a)->recvmmsg);
        sg_udp_close(a);
    }
}

static void kernel_without_segmentation(void **state)
{
    (void)state;
    static const int names[] = {UDP_SEGMENT, UDP_GRO};
    for (size_t i = 0; i < 2; i++) {
        clear();
        fake.option_level = IPPROTO_UDP;
        fake.option_name = names[i];
        fake.option_error = ENOPROTOOPT;
        struct sg_udp *a = open_fake(SG_UDP_PATH_BEST);
        if (names[i] == UDP_SEGMENT)
            assert_false(sg_udp_features(a)->gso);
        else
            assert_false(sg_udp_features(a)->gro);
        send_all(a, (struct sg_udp_out){.remote = *sg_udp_local(a),
                                        .data = payload,
                                        .len = 70 * 1200 + 1,
                                        .segment_len = 1200});
        assert_true(collect(a, 71));
        assert_memory_equal(got->data, payload, 70 * 1200 + 1);
        sg_udp_close(a);
    }
}

/* Kernel has the option, but the device or route refuses: found out by the first send. */
static void segmentation_refused_at_send(void **state)
{
    (void)state;
    static const int errors[] = {EIO, EINVAL};
    for (size_t i = 0; i < 2; i++) {
        clear();
        struct sg_udp *a = open_fake(SG_UDP_PATH_BEST);
        struct sg_udp *b = open_path("127.0.0.1:0", SG_UDP_PATH_BEST);
        struct sg_udp_out out[2] = {
            {.remote = *sg_udp_local(b), .data = payload, .len = 100 * 300 + 7, .segment_len = 300},
            {.remote = *sg_udp_local(b),
             .data = payload + 100 * 300 + 7,
             .len = 1000,
             .segment_len = 300}};
        size_t done = 0;
        bool had_gso = sg_udp_features(a)->gso;
        fake.gso_error = errors[i];
        assert_int_equal(sg_udp_send(a, out, 2, &done), SG_OK);
        assert_int_equal(done, 2);
        assert_true(collect(b, 105));
        assert_int_equal(got->bytes, 100 * 300 + 7 + 1000);
        assert_memory_equal(got->data, payload, got->bytes);
        assert_false(sg_udp_features(a)->gso);
        assert_int_equal(sg_udp_stats(a)->gso_fallbacks, had_gso ? 1 : 0);
        assert_int_equal(sg_udp_stats(a)->sent_lost, 0);
        sg_udp_close(a);
        sg_udp_close(b);
    }
}

/* EINVAL for another reason (our source address is gone): segmentation is not to blame. */
static void segmentation_survives_other_errors(void **state)
{
    (void)state;
    struct sg_udp *a = open_fake(SG_UDP_PATH_BEST);
    bool had_gso = sg_udp_features(a)->gso;
    fake.send = (struct script){EINVAL, 0, UINT32_MAX};
    send_all(a, (struct sg_udp_out){
                    .remote = *sg_udp_local(a), .data = payload, .len = 1000, .segment_len = 300});
    assert_int_equal(sg_udp_features(a)->gso, had_gso);
    assert_int_equal(sg_udp_stats(a)->sent_lost, 4);
    assert_int_equal(sg_udp_stats(a)->send_faults[SG_UDP_FAULT_ADDRESS], 4);
    assert_int_equal(sg_udp_stats(a)->gso_fallbacks, 0);
    sg_udp_close(a);
}

static void blocked_while_resending_unsegmented(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 4; n++) {
        clear();
        struct sg_udp *a = open_fake(SG_UDP_PATH_BEST);
        struct sg_udp *b = open_path("127.0.0.1:0", SG_UDP_PATH_BEST);
        struct sg_udp_out out = {
            .remote = *sg_udp_local(b), .data = payload, .len = 1000, .segment_len = 300};
        size_t done = 9;
        bool had_gso = sg_udp_features(a)->gso;
        fake.gso_error = EIO;
        fake.send = (struct script){EAGAIN, n + (had_gso ? 1 : 0), 1};
        assert_int_equal(sg_udp_send(a, &out, 1, &done), SG_ERR_WOULD_BLOCK);
        assert_int_equal(done, 0);
        assert_int_equal(out.len, 1000 - n * 300);
        assert_int_equal(sg_udp_send(a, &out, 1, &done), SG_OK);
        assert_int_equal(done, 1);
        assert_true(collect(b, 4));
        assert_memory_equal(got->data, payload, 1000);
        assert_false(sg_udp_features(a)->gso);
        sg_udp_close(a);
        sg_udp_close(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(sending_nothing_sends_nothing, reset),
        cmocka_unit_test_setup(foreign_family_is_lost_not_fatal, reset),
        cmocka_unit_test_setup(too_long_to_send_is_lost, reset),
        cmocka_unit_test_setup(nobody_there_is_no_error, reset),
        cmocka_unit_test_setup(transient_send_errors_lose_one_datagram, reset),
        cmocka_unit_test_setup(endless_send_errors_end, reset),
        cmocka_unit_test_setup(interrupted_calls_are_repeated, reset),
        cmocka_unit_test_setup(a_broken_descriptor_is_an_error, reset),
        cmocka_unit_test_setup(would_block_keeps_the_rest, reset),
        cmocka_unit_test_setup(partial_sendmmsg_goes_on, reset),
        cmocka_unit_test_setup(kernel_without_mmsg, reset),
        cmocka_unit_test_setup(kernel_without_segmentation, reset),
        cmocka_unit_test_setup(segmentation_refused_at_send, reset),
        cmocka_unit_test_setup(segmentation_survives_other_errors, reset),
        cmocka_unit_test_setup(blocked_while_resending_unsegmented, reset),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
