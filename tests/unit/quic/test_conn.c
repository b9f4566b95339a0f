/* Life of a connection: how long it lives without traffic, what it costs, and what happens when
 * memory is short. */
#include <openssl/crypto.h>

#include "unit/base/failing_mem.h"
#include "unit/quic/link.h"

static void an_idle_connection_is_kept_alive(void **state)
{
    (void)state;
    struct net net;
    net_init(&net, 20 * MS, 1);
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add_endpoint(&net, NULL);
    sg_quic_conn_id conn = net_connect(&net, a, b);
    uint64_t before = net.sent;
    net_run(&net, 300 * SG_NS_PER_S);
    assert_int_equal(host_count(a, SG_QUIC_CLOSED), 0);
    assert_in_range(net.sent - before, 30, 200); /* a PING and its answer every 10 s or so */
    assert_int_equal(host_write(a, conn, SG_LANE_MSHIP, 0, 100), SG_OK);
    net_run(&net, 100 * MS);
    assert_int_equal(host_count(b, SG_QUIC_FRAME), 1);
    net_fini(&net);
}

static void without_keep_alive_it_ends_after_the_idle_timeout(void **state)
{
    (void)state;
    struct net net;
    struct sg_quic_config config = net_config();
    config.keep_alive_ns = 0;
    net_init(&net, 20 * MS, 2);
    struct host *a = net_add_endpoint(&net, &config);
    struct host *b = net_add_endpoint(&net, &config);
    net_connect(&net, a, b);
    sg_time_ns start = net.now;
    net_run(&net, 60 * SG_NS_PER_S);
    for (int i = 0; i < 2; i++) {
        const struct logged *closed = host_last(&net.hosts[i], SG_QUIC_CLOSED);
        assert_non_null(closed);
        assert_int_equal(closed->event.closed.reason, SG_CLOSE_IDLE);
        assert_int_equal(closed->event.closed.err, SG_ERR_TIMEOUT);
        assert_false(closed->event.closed.by_peer);
        assert_in_range(closed->at, start + 29 * SG_NS_PER_S, start + 31 * SG_NS_PER_S);
        assert_int_equal(host_stats(&net.hosts[i]).closed_idle, 1);
        assert_int_equal(host_stats(&net.hosts[i]).connections_live, 0);
    }
    net_fini(&net);
}

static bool drop_all(struct net *net, const struct flight *f)
{
    (void)net;
    (void)f;
    return false;
}

static void a_dead_peer_is_noticed_in_spite_of_keep_alive(void **state)
{
    (void)state;
    struct net net;
    net_init(&net, 20 * MS, 3);
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add_endpoint(&net, NULL);
    net_connect(&net, a, b);
    net.filter = drop_all;
    sg_time_ns start = net.now;
    net_run(&net, 60 * SG_NS_PER_S);
    const struct logged *closed = host_last(a, SG_QUIC_CLOSED);
    assert_non_null(closed);
    assert_int_equal(closed->event.closed.reason, SG_CLOSE_IDLE);
    assert_true(closed->at <= start + 41 * SG_NS_PER_S);
    net_fini(&net);
}

/* ---- what it costs ---- */

/* Bytes that OpenSSL holds; set up in main, before it allocates. */
static size_t ssl_bytes;

struct block {
    size_t len;
    max_align_t data[];
};

static void *ssl_alloc(size_t len, const char *file, int line)
{
    (void)file;
    (void)line;
    struct block *b = malloc(sizeof(*b) + len);
    if (b == NULL)
        return NULL;
    b->len = len;
    ssl_bytes += len;
    return b->data;
}

static void ssl_free(void *ptr, const char *file, int line)
{
    (void)file;
    (void)line;
    if (ptr == NULL)
        return;
    struct block *b = (struct block *)((char *)ptr - sizeof(*b));
    ssl_bytes -= b->len;
    free(b);
}

static void *ssl_realloc(void *ptr, size_t len, const char *file, int line)
{
    if (ptr == NULL)
        return ssl_alloc(len, file, line);
    struct block *b = (struct block *)((char *)ptr - sizeof(*b));
    size_t old = b->len;
    b = realloc(b, sizeof(*b) + len);
    if (b == NULL)
        return NULL;
    b->len = len;
    ssl_bytes += len - old;
    return b->data;
}

/* The same for our allocator, which ngtcp2 uses too. */
static size_t our_bytes;

static void *our_alloc(void *user, size_t len)
{
    (void)user;
    struct block *b = malloc(sizeof(*b) + len);
    if (b == NULL)
        return NULL;
    b->len = len;
    our_bytes += len;
    return b->data;
}

static void our_free(void *user, void *ptr)
{
    (void)user;
    if (ptr == NULL)
        return;
    struct block *b = (struct block *)((char *)ptr - sizeof(*b));
    our_bytes -= b->len;
    free(b);
}

static void *our_realloc(void *user, void *ptr, size_t len)
{
    if (ptr == NULL)
        return our_alloc(user, len);
    struct block *b = (struct block *)((char *)ptr - sizeof(*b));
    size_t old = b->len;
    b = realloc(b, sizeof(*b) + len);
    if (b == NULL)
        return NULL;
    b->len = len;
    our_bytes += len - old;
    return b->data;
}

static void an_idle_connection_costs_less_than_36_kb(void **state)
{
    (void)state;
    const size_t count = 100;
    struct sg_mem mem = {our_alloc, our_realloc, our_free, NULL};
    struct net net;
    struct sg_quic_config config = net_config();
    config.mem = &mem;
    net_init(&net, 1 * MS, 4);
    struct host *a = net_add_endpoint(&net, &config);
    struct host *b = net_add_endpoint(&net, &config);
    net_connect(&net, a, b); /* what is allocated once */
    net_run(&net, 1000 * MS);
    size_t ours = our_bytes, ssl = ssl_bytes;
    for (size_t i = 0; i < count; i++) {
        net_connect(&net, a, b);
        for (int lane = 0; lane < 2; lane++) { /* it has been used */
            assert_int_equal(host_write(a, host_conn(a), (enum sg_lane)lane, 1, 5000), SG_OK);
            assert_int_equal(host_write(b, host_conn(b), (enum sg_lane)lane, 1, 5000), SG_OK);
        }
    }
    net_run(&net, 1000 * MS);
    assert_int_equal(host_stats(a).connections_live, count + 1);
    assert_int_equal(host_stats(a).tls_live, 0);
    size_t per_end = (our_bytes - ours + ssl_bytes - ssl) / count / 2;
    print_message("heap per idle connection and end: %zu bytes, of which OpenSSL %zu\n", per_end,
                  (ssl_bytes - ssl) / count / 2);
    assert_in_range(per_end, 20000, 36 * 1024);
    for (size_t i = 0; i < count; i++) /* and it all comes back */
        sg_quic_close_all(a->ep, net.now, SG_CLOSE_SHUTDOWN, false);
    net_run(&net, 5000 * MS);
    assert_int_equal(sg_quic_connections(a->ep, NULL, 0), 0);
    assert_true(our_bytes <= ours + 64 * 1024); /* tables that have grown */
    net_fini(&net);
    assert_int_equal(our_bytes, 0);
}

/* ---- when memory is short ---- */

/* Connects, exchanges and closes while the n-th allocation of one side fails. Gives the number of
 * allocations of that side. */
static size_t run_with_failure(size_t fail_at, bool server)
{
    struct net net;
    struct failing_mem failing;
    struct sg_quic_config config = net_config();
    struct sg_quic_endpoint *ep = NULL;
    config.mem = failing_mem_init(&failing, 0);
    net_init(&net, 5 * MS, 5);
    struct host *a = net_add_endpoint(&net, server ? NULL : &config);
    struct host *b = net_add_endpoint(&net, server ? &config : NULL);
    failing.calls = 0;
    failing.fail_at = fail_at;
    sg_quic_conn_id conn;
    struct sg_quic_dial dial = {.remote = b->addr};
    if (sg_quic_dial(a->ep, net.now, &dial, &conn) == SG_OK) {
        net_run(&net, 60 * MS);
        (void)!host_write(a, conn, SG_LANE_MSHIP, 1, 3000);
        (void)!host_write(b, host_conn(b), SG_LANE_PUBSUB, 1, 30000);
        (void)!sg_quic_write_datagram(a->ep, conn, sg_bytes("abc", 3));
        sg_quic_stream_id stream;
        struct sg_buf *chunk = numbered_frame(1, 20000);
        if (sg_quic_bulk_open(a->ep, conn, &stream) == SG_OK) {
            (void)!sg_quic_bulk_write(a->ep, conn, stream, chunk);
            (void)!sg_quic_bulk_fin(a->ep, conn, stream);
        }
        sg_buf_unref(chunk);
        net_run(&net, 100 * MS);
        sg_quic_close(a->ep, net.now, conn, SG_CLOSE_LEAVING, true);
        net_run(&net, 40 * SG_NS_PER_S);
    }
    assert_int_equal(host_stats(a).connections_live, 0);
    assert_int_equal(host_stats(b).connections_live, 0);
    assert_int_equal(host_stats(a).receive_queued, 0);
    assert_int_equal(host_stats(b).receive_queued, 0);
    failing.fail_at = 0; /* it recovers */
    net_connect(&net, a, b);
    (void)ep;
    net_fini(&net);
    assert_int_equal(failing.live, 0);
    return failing.calls;
}

static void the_nth_allocation_fails(void **state)
{
    (void)state;
    for (int server = 0; server < 2; server++) {
        size_t calls = run_with_failure(SIZE_MAX, server);
        assert_in_range(calls, 50, 1000);
        for (size_t n = 1; n <= calls / 2 + 20; n++)
            (void)run_with_failure(n, server);
    }
}

static void a_new_endpoint_without_memory(void **state)
{
    (void)state;
    struct failing_mem failing;
    struct sg_quic_config config = net_config();
    struct sg_quic_endpoint *ep;
    struct sg_identity *identity;
    assert_int_equal(sg_identity_new_random(sg_mem_default(), &identity), SG_OK);
    config.identity = identity;
    for (size_t n = 1;; n++) {
        config.mem = failing_mem_init(&failing, n);
        sg_err err = sg_quic_endpoint_new(&config, 0, &ep);
        assert_true(err == SG_OK || err == SG_ERR_NO_MEMORY);
        sg_quic_endpoint_free(ep);
        assert_int_equal(failing.live, 0);
        if (err == SG_OK)
            break;
    }
    sg_identity_free(identity);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_idle_connection_is_kept_alive),
        cmocka_unit_test(without_keep_alive_it_ends_after_the_idle_timeout),
        cmocka_unit_test(a_dead_peer_is_noticed_in_spite_of_keep_alive),
        cmocka_unit_test(an_idle_connection_costs_less_than_36_kb),
        cmocka_unit_test(the_nth_allocation_fails),
        cmocka_unit_test(a_new_endpoint_without_memory),
    };
    if (CRYPTO_set_mem_functions(ssl_alloc, ssl_realloc, ssl_free) != 1)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
