/* An endpoint as a whole: the handshake seen from both ends, and whatever a network or an attacker
 * may do to the datagrams. */
#include "unit/quic/link.h"

/* ---- the handshake ---- */

struct flight_count {
    uint64_t first_at;            /* when the server first sent */
    uint64_t client_bytes_before; /* what it had from the client by then */
    uint64_t first_flight;        /* bytes it sent at that moment */
    uint64_t later;               /* before the client's next datagram arrived */
};

/* Sees every datagram when it is sent. */
static bool count_flights(struct net *net, const struct flight *f)
{
    struct flight_count *c = net->filter_user;
    bool from_server = sg_addr_equal(&f->from, &net->hosts[1].addr);
    if (!from_server) {
        if (c->first_at == 0)
            c->client_bytes_before += f->len;
        return true;
    }
    if (c->first_at == 0)
        c->first_at = net->now;
    if (net->now == c->first_at)
        c->first_flight += f->len;
    else if (net->now < c->first_at + 2 * net->delay_ns)
        c->later += f->len;
    return true;
}

static void one_round_trip(uint16_t payload_max, bool small, uint64_t flight_max)
{
    struct net net;
    struct flight_count c = {0};
    struct sg_quic_config config = net_config();
    struct sg_quic_conn_info info;
    config.udp_payload_max = payload_max;
    net_init(&net, 25 * MS, 1);
    net.filter = count_flights;
    net.filter_user = &c;
    struct host *a = net_add_endpoint(&net, &config);
    struct host *b = net_add_endpoint(&net, &config);
    struct sg_quic_dial dial = {.remote = b->addr, .small_initial = small};
    sg_quic_conn_id conn;
    assert_int_equal(sg_quic_dial(a->ep, net.now, &dial, &conn), SG_OK);
    net_run(&net, 1000 * MS);

    const struct logged *ca = host_last(a, SG_QUIC_CONNECTED);
    const struct logged *cb = host_last(b, SG_QUIC_CONNECTED);
    assert_non_null(ca);
    assert_non_null(cb);
    assert_int_equal(ca->at, 50 * MS);
    assert_int_equal(ca->event.connected.handshake_ns, 50 * MS);
    assert_int_equal(cb->at, 75 * MS);
    assert_true(ca->event.connected.dialled);
    assert_false(cb->event.connected.dialled);
    assert_memory_equal(&ca->event.connected.peer, sg_identity_peer_id(b->identity), SG_ID_LEN);
    assert_memory_equal(&cb->event.connected.peer, sg_identity_peer_id(a->identity), SG_ID_LEN);
    assert_int_equal(ca->event.connected.srtt_ns, 50 * MS);

    /* the whole flight at once, within three times what came; nothing was held back */
    assert_int_equal(c.first_at, 25 * MS);
    assert_true(c.first_flight <= 3 * c.client_bytes_before);
    assert_int_equal(c.later, 0);
    assert_in_range(c.first_flight, 6500, flight_max);
    assert_int_equal(sg_quic_conn_info(a->ep, conn, &info), SG_OK);
    assert_true(info.connected && info.confirmed && info.dialled);
    assert_int_equal(info.packets_lost, 0);
    assert_int_equal(host_stats(b).retries_sent, 0);
    net_fini(&net);
}

static void connects_in_one_round_trip(void **state)
{
    (void)state;
    one_round_trip(1350, false, 8100);
    one_round_trip(1452, false, 8712);
}

static void connects_in_one_round_trip_with_small_datagrams(void **state)
{
    (void)state;
    one_round_trip(1350, true, 7200);
}

static void events_carry_key_and_addresses(void **state)
{
    (void)state;
    struct net net;
    struct sg_quic_event event;
    net_init(&net, 5 * MS, 2);
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add_endpoint(&net, NULL);
    a->deaf = b->deaf = true;
    sg_quic_conn_id conn = host_dial(a, b);
    net_run(&net, 200 * MS);
    assert_true(sg_quic_next_event(a->ep, &event));
    assert_int_equal(event.type, SG_QUIC_CONNECTED);
    assert_int_equal(event.conn, conn);
    assert_int_equal(event.connected.public_key.len, 1952);
    assert_true(sg_bytes_equal(event.connected.public_key, sg_identity_public_key(b->identity)));
    assert_true(sg_addr_equal(&event.connected.remote, &b->addr));
    assert_true(sg_quic_next_event(b->ep, &event));
    assert_int_equal(event.type, SG_QUIC_CONNECTED);
    assert_true(sg_bytes_equal(event.connected.public_key, sg_identity_public_key(a->identity)));
    assert_true(sg_addr_equal(&event.connected.remote, &a->addr));
    net_fini(&net);
}

static void works_over_ipv6(void **state)
{
    (void)state;
    const uint8_t ip[16] = {0xfe, 0x80, [15] = 1};
    struct net net;
    net_init(&net, 5 * MS, 4);
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add_endpoint(&net, NULL);
    a->addr = sg_addr_v6(ip, 4000, 3);
    b->addr = sg_addr_v6(ip, 4001, 3);
    net_connect(&net, a, b);
    assert_int_equal(host_last(a, SG_QUIC_CONNECTED)->event.connected.remote.scope, 3);
    net_fini(&net);
}

/* ---- datagrams get lost ---- */

static bool drop_nth(struct net *net, const struct flight *f)
{
    uint64_t *left = net->filter_user;
    (void)f;
    return (*left)-- != 0;
}

static bool all_connected(struct net *net)
{
    return host_count(&net->hosts[0], SG_QUIC_CONNECTED) == 1 &&
           host_count(&net->hosts[1], SG_QUIC_CONNECTED) == 1;
}

static void survives_the_loss_of_each_datagram(void **state)
{
    (void)state;
    for (uint64_t n = 0; n < 18; n++) {
        struct net net;
        uint64_t left = n;
        net_init(&net, 25 * MS, 100 + n);
        struct host *a = net_add_endpoint(&net, NULL);
        struct host *b = net_add_endpoint(&net, NULL);
        struct sg_quic_dial dial = {.remote = b->addr, .initial_rtt_ns = 60 * MS};
        sg_quic_conn_id conn;
        net.filter = drop_nth;
        net.filter_user = &left;
        assert_int_equal(sg_quic_dial(a->ep, net.now, &dial, &conn), SG_OK);
        assert_true(net_run_until(&net, 3000 * MS, all_connected));
        assert_true(net.now <= 1500 * MS);
        net_run(&net, 1000 * MS);
        assert_int_equal(host_stats(a).tls_live, 0);
        assert_int_equal(host_stats(b).tls_live, 0);
        net_fini(&net);
    }
}

static void survives_heavy_loss_and_damage(void **state)
{
    (void)state;
    unsigned connected = 0;
    for (uint64_t seed = 0; seed < 12; seed++) {
        struct net net;
        net_init(&net, 20 * MS, seed);
        net.loss = 150;
        net.duplicate = 100;
        net.corrupt = 20;
        net.jitter_ns = 30 * MS;
        struct host *a = net_add_endpoint(&net, NULL);
        struct host *b = net_add_endpoint(&net, NULL);
        host_dial(a, b);
        connected += net_run_until(&net, 5000 * MS, all_connected);
        net_fini(&net);
    }
    assert_true(connected >= 10);
}

/* ---- time ---- */

static void takes_time_that_goes_back(void **state)
{
    (void)state;
    struct net net;
    net_init(&net, 10 * MS, 6);
    net.now = 5000 * MS;
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add_endpoint(&net, NULL);
    host_dial(a, b);
    for (int i = 0; i < 400; i++) {
        net_turn(&net);
        net.now += 10 * MS;
        net_turn(&net);
        struct sg_quic_tx tx = {.buf = net.txbuf, .cap = SG_QUIC_TX_MAX};
        sg_quic_recv(b->ep, 0, NULL, 0);
        sg_quic_expire(b->ep, net.now - 9 * MS);
        assert_false(sg_quic_send(b->ep, 1, &tx));
        sg_quic_expire(a->ep, SG_TIME_NEVER);
    }
    assert_true(all_connected(&net));
    net_fini(&net);
}

/* ---- changing addresses ---- */

static void survives_rebinding(void **state)
{
    (void)state;
    struct net net;
    struct sg_quic_conn_info info;
    net_init(&net, 10 * MS, 7);
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add_endpoint(&net, NULL);
    sg_quic_conn_id conn = net_connect(&net, a, b);
    for (uint16_t i = 1; i <= 5; i++) {
        a->addr.port = (uint16_t)(5000 + i); /* what a NAT does */
        assert_int_equal(host_write(a, conn, SG_LANE_MSHIP, i, 1000), SG_OK);
        net_run(&net, 5000 * MS);
        assert_int_equal(host_count(b, SG_QUIC_FRAME), i);
        assert_int_equal(host_write(b, host_conn(b), SG_LANE_PUBSUB, i, 5000), SG_OK);
        net_run(&net, 500 * MS);
        assert_int_equal(host_count(a, SG_QUIC_FRAME), i);
        assert_int_equal(sg_quic_conn_info(b->ep, host_conn(b), &info), SG_OK);
        assert_int_equal(info.remote.port, a->addr.port);
    }
    assert_int_equal(host_count(a, SG_QUIC_CLOSED), 0);
    assert_int_equal(host_stats(b).migrations, 5);
    net_fini(&net);
}

/* ---- strangers ---- */

static void give(struct net *net, struct host *to, const struct sg_addr *from, const uint8_t *data,
                 size_t len)
{
    struct sg_quic_rx rx = {.local = to->addr, .remote = *from, .data = data, .len = len};
    sg_quic_recv(to->ep, net->now, &rx, 1);
}

static void ignores_noise(void **state)
{
    (void)state;
    struct net net;
    uint8_t noise[1500];
    net_init(&net, 10 * MS, 8);
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add_endpoint(&net, NULL);
    sg_quic_conn_id conn = net_connect(&net, a, b);
    struct sg_addr stranger = net_addr(77);
    for (int i = 0; i < 30000; i++) {
        size_t len = sg_prng_below(&net.prng, sizeof(noise));
        for (size_t k = 0; k < len; k += 8) {
            uint64_t v = sg_prng_next(&net.prng);
            memcpy(noise + k, &v, len - k < 8 ? len - k : 8);
        }
        if (len > 8 && i % 3 == 0) { /* looks like a long header of version 1 */
            const uint8_t head[6] = {0xc0, 0, 0, 0, 1, 8};
            memcpy(noise, head, sizeof(head));
        }
        give(&net, b, i % 2 == 0 ? &stranger : &a->addr, noise, len);
        if (i % 1000 == 0)
            net_turn(&net);
    }
    net_run(&net, 1000 * MS);
    assert_int_equal(host_write(a, conn, SG_LANE_MSHIP, 1, 100), SG_OK);
    net_run(&net, 100 * MS);
    assert_int_equal(host_count(b, SG_QUIC_FRAME), 1);
    assert_int_equal(host_stats(b).connections_live, 1 + host_stats(b).half_open);
    net_fini(&net);
}

/* Every datagram of a real exchange comes again with some bytes changed. */
static bool also_mangled(struct net *net, const struct flight *f)
{
    struct host *to = sg_addr_equal(&f->to, &net->hosts[0].addr) ? &net->hosts[0] : &net->hosts[1];
    uint8_t copy[2048];
    if (f->len == 0 || f->len > sizeof(copy) || net->filter_user != NULL)
        return true;
    net->filter_user = net; /* not for what this provokes */
    for (int i = 0; i < 20; i++) {
        memcpy(copy, f->data, f->len);
        size_t len = f->len;
        uint64_t changes = 1 + sg_prng_below(&net->prng, 3);
        while (changes-- > 0) {
            uint64_t at = sg_prng_below(&net->prng, i % 2 == 0 ? (len < 40 ? len : 40) : len);
            copy[at] = (uint8_t)sg_prng_next(&net->prng);
        }
        if (i % 5 == 4)
            len = 1 + sg_prng_below(&net->prng, len);
        give(net, to, &f->from, copy, len);
    }
    net->filter_user = NULL;
    return true;
}

static void survives_mangled_copies(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 3; seed++) {
        struct net net;
        net_init(&net, 10 * MS, seed);
        net.filter = also_mangled;
        struct host *a = net_add_endpoint(&net, NULL);
        struct host *b = net_add_endpoint(&net, NULL);
        sg_quic_conn_id conn = host_dial(a, b);
        net_run(&net, 4000 * MS);
        if (host_count(a, SG_QUIC_CONNECTED) == 1) {
            for (uint32_t i = 0; i < 20; i++)
                (void)!host_write(a, conn, (enum sg_lane)(i % 2), i, 3000);
            net_run(&net, 2000 * MS);
        }
        net_fini(&net);
    }
}

/* ---- limits and life ---- */

static void refuses_bad_configs(void **state)
{
    (void)state;
    struct sg_quic_endpoint *ep;
    struct sg_identity *identity;
    struct sg_quic_config good;
    assert_int_equal(sg_identity_new_random(sg_mem_default(), &identity), SG_OK);
    sg_quic_config_default(&good);
    good.identity = identity;
    struct sg_quic_config c[6];
    for (int i = 0; i < 6; i++)
        c[i] = good;
    c[0].identity = NULL;
    c[1].mem = NULL;
    c[2].udp_payload_max = 1199;
    c[3].limits.lane_window = good.limits.frame_max[1];
    c[4].limits.streams_max = 2;
    c[5].udp_payload_max = 1500;
    for (int i = 0; i < 6; i++) {
        assert_int_equal(sg_quic_endpoint_new(&c[i], 0, &ep), SG_ERR_INVALID_ARGUMENT);
        assert_null(ep);
    }
    assert_int_equal(sg_quic_endpoint_new(&good, 0, &ep), SG_OK);
    sg_quic_endpoint_free(ep);
    sg_quic_endpoint_free(NULL);
    sg_identity_free(identity);
}

static void refuses_connections_beyond_the_limit(void **state)
{
    (void)state;
    struct net net;
    struct sg_quic_config config = net_config();
    config.limits.connections_max = 2;
    net_init(&net, 10 * MS, 15);
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add_endpoint(&net, &config);
    net_connect(&net, a, b);
    sg_quic_conn_id second = net_connect(&net, a, b);
    host_dial(a, b);
    net_run(&net, 100 * MS);
    const struct logged *failed = host_last(a, SG_QUIC_DIAL_FAILED);
    assert_non_null(failed);
    assert_int_equal(failed->event.dial_failed.err, SG_ERR_REFUSED);
    assert_true(host_stats(b).refused_full > 0);
    /* there is room again after one is closed */
    sg_quic_close(a->ep, net.now, second, SG_CLOSE_LEAVING, false);
    net_run(&net, 2000 * MS);
    net_connect(&net, a, b);
    net_fini(&net);
}

static void many_connections_come_and_go(void **state)
{
    (void)state;
    struct net net;
    sg_quic_conn_id last = 0;
    net_init(&net, 1 * MS, 16);
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add_endpoint(&net, NULL);
    for (int i = 0; i < 300; i++) {
        struct host *from = i % 2 == 0 ? a : b;
        struct host *to = i % 2 == 0 ? b : a;
        from->logged = to->logged = 0;
        sg_quic_conn_id conn = host_dial(from, to);
        net_run(&net, 30 * MS);
        assert_int_equal(host_count(to, SG_QUIC_CONNECTED), 1);
        assert_true(conn > last || from == b);
        last = from == a ? conn : last;
        sg_quic_close(to->ep, net.now, host_conn(to), SG_CLOSE_LEAVING, i % 3 == 0);
        net_run(&net, 100 * MS);
        assert_int_equal(host_count(from, SG_QUIC_CLOSED), 1);
        assert_int_equal(host_count(to, SG_QUIC_CLOSED), 1);
        struct sg_quic_conn_info info;
        assert_int_equal(sg_quic_conn_info(from->ep, conn, &info), SG_ERR_NOT_FOUND);
    }
    net_run(&net, 5000 * MS);
    for (size_t i = 0; i < 2; i++) {
        struct sg_quic_stats stats = host_stats(&net.hosts[i]);
        assert_int_equal(stats.connections_live, 0);
        assert_int_equal(stats.tls_live, 0);
        assert_int_equal(stats.half_open, 0);
        assert_int_equal(stats.receive_queued, 0);
        assert_int_equal(stats.tls_created, 300);
        assert_int_equal(stats.handshakes_done, 300);
    }
    net_fini(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connects_in_one_round_trip),
        cmocka_unit_test(connects_in_one_round_trip_with_small_datagrams),
        cmocka_unit_test(events_carry_key_and_addresses),
        cmocka_unit_test(works_over_ipv6),
        cmocka_unit_test(survives_the_loss_of_each_datagram),
        cmocka_unit_test(survives_heavy_loss_and_damage),
        cmocka_unit_test(takes_time_that_goes_back),
        cmocka_unit_test(survives_rebinding),
        cmocka_unit_test(ignores_noise),
        cmocka_unit_test(survives_mangled_copies),
        cmocka_unit_test(refuses_bad_configs),
        cmocka_unit_test(refuses_connections_beyond_the_limit),
        cmocka_unit_test(many_connections_come_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
