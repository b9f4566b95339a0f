/* Strangers: address validation, limits, and what a flood may cost. */
#include "unit/quic/link.h"

#include <ngtcp2/ngtcp2.h>

static struct sg_quic_config config_with_threshold(uint32_t threshold)
{
    struct sg_quic_config config = net_config();
    config.limits.retry_threshold = threshold;
    return config;
}

static void retry_proves_the_address(void **state)
{
    (void)state;
    struct net net;
    struct sg_quic_config config = config_with_threshold(0);
    net_init(&net, 25 * MS, 1);
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add_endpoint(&net, &config);
    host_dial(a, b);
    net_run(&net, 500 * MS);
    assert_int_equal(host_last(a, SG_QUIC_CONNECTED)->at, 100 * MS); /* one round trip more */
    assert_int_equal(host_last(b, SG_QUIC_CONNECTED)->at, 125 * MS);
    struct sg_quic_stats stats = host_stats(b);
    assert_in_range(stats.retries_sent, 1, 2); /* the ClientHello has two Initials */
    assert_true(stats.tokens_accepted > 0);
    assert_int_equal(stats.tls_created, 1);
    assert_int_equal(host_stats(a).retries_received, 1);
    net_fini(&net);
}

static void a_token_from_before_saves_the_retry(void **state)
{
    (void)state;
    struct net net;
    struct sg_quic_config config = config_with_threshold(0);
    net_init(&net, 25 * MS, 2);
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add_endpoint(&net, &config);
    net_connect(&net, a, b);
    assert_int_equal(host_count(a, SG_QUIC_NEW_TOKEN), 1);
    uint64_t retries = host_stats(b).retries_sent;
    sg_time_ns start = net.now;
    host_dial(a, b); /* the endpoint's own cache has the token */
    net_run(&net, 500 * MS);
    assert_int_equal(host_last(a, SG_QUIC_CONNECTED)->at, start + 50 * MS);
    assert_int_equal(host_stats(b).retries_sent, retries);
    net_fini(&net);
}

static uint8_t kept_token[512];
static size_t kept_token_len;

static void keep_token(struct host *host, const struct sg_quic_event *event)
{
    (void)host;
    if (event->type != SG_QUIC_NEW_TOKEN)
        return;
    kept_token_len = event->new_token.token.len;
    assert_in_range(kept_token_len, 16, sizeof(kept_token));
    memcpy(kept_token, event->new_token.token.data, kept_token_len);
}

/* Dials with the token kept; true when that saved the Retry. */
static bool token_is_worth_something(struct net *net, struct host *a, struct host *b)
{
    sg_quic_conn_id conn;
    struct sg_quic_dial dial = {.remote = b->addr, .token = sg_bytes(kept_token, kept_token_len)};
    uint64_t retries = host_stats(b).retries_sent;
    size_t connected = host_count(a, SG_QUIC_CONNECTED);
    assert_int_equal(sg_quic_dial(a->ep, net->now, &dial, &conn), SG_OK);
    net_run(net, 500 * MS);
    assert_int_equal(host_count(a, SG_QUIC_CONNECTED), connected + 1);
    return host_stats(b).retries_sent == retries;
}

static void tokens_can_be_kept_by_the_caller(void **state)
{
    (void)state;
    struct net net;
    struct sg_quic_config config = config_with_threshold(0);
    struct sg_quic_config forgetful = net_config();
    forgetful.limits.tokens_max = 0;
    net_init(&net, 5 * MS, 3);
    struct host *a = net_add_endpoint(&net, &forgetful);
    struct host *b = net_add_endpoint(&net, &config);
    a->on_event = keep_token;
    kept_token_len = 0;
    net_connect(&net, a, b);
    assert_true(kept_token_len > 0);
    assert_true(token_is_worth_something(&net, a, b));
    /* for another address of ours it is not valid, and a Retry repairs that */
    a->addr = net_addr(9);
    assert_false(token_is_worth_something(&net, a, b));
    assert_true(host_stats(b).tokens_rejected > 0);
    /* nor when it is damaged */
    a->addr = net_addr(0);
    kept_token[kept_token_len - 1] ^= 1;
    assert_false(token_is_worth_something(&net, a, b));
    net_fini(&net);
}

static void token_secrets_rotate(void **state)
{
    (void)state;
    struct net net;
    struct sg_quic_config config = config_with_threshold(0);
    struct sg_quic_config forgetful = net_config();
    config.new_token_secret_ns = 100 * SG_NS_PER_S;
    forgetful.limits.tokens_max = 0;
    net_init(&net, 5 * MS, 4);
    struct host *a = net_add_endpoint(&net, &forgetful);
    struct host *b = net_add_endpoint(&net, &config);
    a->on_event = keep_token;
    net_connect(&net, a, b);
    a->on_event = NULL;
    net_run(&net, 110 * SG_NS_PER_S);
    assert_true(token_is_worth_something(&net, a, b)); /* the generation before */
    net_run(&net, 100 * SG_NS_PER_S);
    assert_false(token_is_worth_something(&net, a, b));
    net_fini(&net);
}

/* ---- floods ---- */

struct flood {
    uint8_t data[1350];
    size_t len;
};

/* The first datagram of a real handshake: a stranger's Initial, to be sent by many. */
static void catch_initial(struct flood *flood, const struct host *to)
{
    struct net net;
    struct sg_quic_tx tx;
    net_init(&net, 0, 5);
    struct host *a = net_add_endpoint(&net, NULL);
    sg_quic_conn_id conn;
    struct sg_quic_dial dial = {.remote = to->addr};
    assert_int_equal(sg_quic_dial(a->ep, 0, &dial, &conn), SG_OK);
    tx = (struct sg_quic_tx){.buf = net.txbuf, .cap = SG_QUIC_TX_MAX};
    assert_true(sg_quic_send(a->ep, 0, &tx));
    flood->len = tx.segment_len;
    assert_true(flood->len <= sizeof(flood->data));
    memcpy(flood->data, tx.buf, flood->len);
    net_fini(&net);
}

static void give(struct net *net, struct host *to, struct sg_addr from, const struct flood *flood)
{
    struct sg_quic_rx rx = {
        .local = to->addr, .remote = from, .data = flood->data, .len = flood->len};
    sg_quic_recv(to->ep, net->now, &rx, 1);
}

/* A different connection each time: the destination id is not protected. */
static void renumber(struct flood *flood, uint32_t n)
{
    memcpy(flood->data + 6, &n, sizeof(n));
}

static struct sg_addr spoofed(uint32_t n)
{
    uint8_t ip[4] = {20, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};
    return sg_addr_v4(ip, 1234);
}

static void spoofed_initials_create_nothing(void **state)
{
    (void)state;
    struct net net;
    struct flood flood;
    net_init(&net, 25 * MS, 6);
    struct sg_quic_config config = config_with_threshold(0);
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add_endpoint(&net, &config);
    catch_initial(&flood, b);
    sg_time_ns start = net.now;
    host_dial(a, b);
    /* 5 s of 4 000 Initials per second from 1 000 sources, beside one honest dial */
    for (uint32_t i = 0; i < 20000; i++) {
        renumber(&flood, i);
        give(&net, b, spoofed(i % 1000), &flood);
        if (i % 20 == 0) {
            net_turn(&net);
            net.now += 5 * MS;
        }
    }
    struct sg_quic_stats stats = host_stats(b);
    assert_int_equal(stats.tls_created, 1); /* the honest one */
    assert_int_equal(host_last(a, SG_QUIC_CONNECTED)->at - start, 100 * MS);
    assert_true(stats.bytes_out <= 3 * stats.bytes_in / 10);
    assert_true(stats.retries_sent > 15000); /* 4 per s and source is within the rate */
    net_fini(&net);
}

static void one_source_is_limited(void **state)
{
    (void)state;
    struct net net;
    struct flood flood;
    net_init(&net, 25 * MS, 7);
    struct sg_quic_config config = config_with_threshold(0);
    struct host *b = net_add_endpoint(&net, &config);
    catch_initial(&flood, b);
    for (uint32_t i = 0; i < 1000; i++) { /* 500 per s */
        renumber(&flood, i);
        give(&net, b, spoofed(1), &flood);
        net.now += 2 * MS;
        net_turn(&net);
    }
    struct sg_quic_stats stats = host_stats(b);
    assert_in_range(stats.retries_sent, 40, 46); /* 20 per s and a burst of 5 */
    assert_int_equal(stats.refused_bucket, 1000 - stats.retries_sent);
    assert_int_equal(stats.tls_created, 0);
    net_fini(&net);
}

/* A handshake that goes no further than its first flight, with the keys of a stranger. */
static void half_open(struct net *net, struct host *to, struct sg_addr from,
                      struct sg_quic_endpoint *stranger)
{
    sg_quic_conn_id conn;
    struct sg_quic_dial dial = {.remote = to->addr};
    struct sg_quic_tx tx = {.buf = net->txbuf, .cap = SG_QUIC_TX_MAX};
    assert_int_equal(sg_quic_dial(stranger, net->now, &dial, &conn), SG_OK);
    while (sg_quic_send(stranger, net->now, &tx)) {
        for (size_t at = 0; at < tx.len; at += tx.segment_len) {
            size_t len = tx.len - at < tx.segment_len ? tx.len - at : tx.segment_len;
            struct sg_quic_rx rx = {
                .local = to->addr, .remote = from, .data = tx.buf + at, .len = len};
            sg_quic_recv(to->ep, net->now, &rx, 1);
        }
    }
    sg_quic_close(stranger, net->now, conn, SG_CLOSE_NONE, false);
    while (sg_quic_send(stranger, net->now, &tx)) {
    } /* the farewell is not delivered */
}

/* An endpoint that is on no network. */
static struct host *add_stranger(struct net *net)
{
    struct host *host = net_add_endpoint(net, NULL);
    host->send = NULL;
    host->recv = NULL;
    host->deadline = NULL;
    return host;
}

static void half_open_handshakes_are_bounded(void **state)
{
    (void)state;
    struct net net;
    net_init(&net, 25 * MS, 8);
    struct sg_quic_config config = net_config(); /* the defaults: 32, 8 per prefix */
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add_endpoint(&net, &config);
    struct host *stranger = add_stranger(&net);
    for (uint32_t i = 0; i < 30; i++)
        half_open(&net, b, spoofed(7), stranger->ep);
    assert_int_equal(host_stats(b).half_open, 8);
    for (uint32_t i = 0; i < 60; i++)
        half_open(&net, b, spoofed(1000 + i), stranger->ep);
    assert_int_equal(host_stats(b).half_open, 32);
    assert_int_equal(host_stats(b).tls_live, 32);
    /* somebody with a real address still gets in, through a Retry */
    net_connect(&net, a, b);
    assert_true(host_stats(a).retries_received == 1);
    net_run(&net, 6000 * MS); /* the rest times out */
    assert_int_equal(host_stats(b).half_open, 0);
    assert_int_equal(host_stats(b).failed_timeout, 32);
    assert_int_equal(host_stats(b).tls_live, 0);
    net_fini(&net);
}

static void old_half_open_ones_make_room(void **state)
{
    (void)state;
    struct net net;
    net_init(&net, 25 * MS, 9);
    struct sg_quic_config config = net_config();
    config.limits.half_open_max = 4;
    config.limits.retry_threshold = 100;
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add_endpoint(&net, &config);
    struct host *stranger = add_stranger(&net);
    for (uint32_t i = 0; i < 10; i++)
        half_open(&net, b, spoofed(i), stranger->ep);
    assert_int_equal(host_stats(b).half_open, 4);
    assert_true(host_stats(b).refused_half_open >= 6);
    net_run(&net, 1100 * MS);
    net_connect(&net, a, b);
    assert_int_equal(host_stats(b).half_open_evicted, 1);
    net_fini(&net);
}

/* Their keys depend on the destination id, so they do not decrypt. */
static void forged_initials_make_no_tls_objects(void **state)
{
    (void)state;
    struct net net;
    struct flood flood;
    struct sg_quic_config config = net_config();
    config.limits.handshake_rate = 200;
    net_init(&net, 25 * MS, 13);
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add_endpoint(&net, &config);
    catch_initial(&flood, b);
    for (uint32_t i = 0; i < 4000; i++) {
        renumber(&flood, i);
        give(&net, b, spoofed(i), &flood);
        if (i % 4 == 0)
            net.now += 1 * MS;
        if (i == 2000)
            host_dial(a, b);
        if (i % 40 == 0)
            net_turn(&net);
    }
    net_run(&net, 1000 * MS);
    struct sg_quic_stats stats = host_stats(b);
    assert_int_equal(host_count(a, SG_QUIC_CONNECTED), 1);
    assert_int_equal(stats.tls_created, 1);
    assert_true(stats.accepts < 300); /* 200 per s, for 1 s */
    assert_true(stats.retries_sent > 3000);
    net_fini(&net);
}

static void loopback_is_exempt_from_prefix_limits(void **state)
{
    (void)state;
    const uint8_t ip[4] = {127, 0, 0, 1};
    struct net net;
    net_init(&net, 25 * MS, 10);
    struct host *b = net_add_endpoint(&net, NULL);
    struct host *stranger = add_stranger(&net);
    for (uint16_t i = 0; i < 30; i++)
        half_open(&net, b, sg_addr_v4(ip, (uint16_t)(2000 + i)), stranger->ep);
    assert_int_equal(host_stats(b).half_open, 30);
    assert_int_equal(host_stats(b).retries_sent, 0);
    net_fini(&net);
}

static void handshakes_have_a_budget(void **state)
{
    (void)state;
    struct net net;
    struct sg_quic_config config = net_config();
    config.limits.handshake_rate = 10;
    config.limits.handshake_burst = 4;
    net_init(&net, 25 * MS, 11);
    struct host *b = net_add_endpoint(&net, &config);
    struct host *stranger = add_stranger(&net);
    for (uint32_t i = 0; i < 40; i++) { /* 100 per s for 0.4 s */
        half_open(&net, b, spoofed(i), stranger->ep);
        net.now += 10 * MS;
    }
    /* strangers get half of the burst, and what comes in */
    assert_in_range(host_stats(b).accepts, 6, 7);
    assert_true(host_stats(b).retries_sent >= 33);
    net_fini(&net);
}

/* ---- one prefix and the places for strangers ---- */

static void refused_dial(struct net *net, struct host *from, struct host *to)
{
    size_t failed = host_count(from, SG_QUIC_DIAL_FAILED);
    uint64_t refused = host_stats(to).refused_prefix;
    host_dial(from, to);
    net_run(net, 100 * MS);
    assert_int_equal(host_count(from, SG_QUIC_DIAL_FAILED), failed + 1);
    assert_int_equal(host_last(from, SG_QUIC_DIAL_FAILED)->event.dial_failed.err, SG_ERR_REFUSED);
    assert_true(host_stats(to).refused_prefix > refused);
}

static void fill_share(struct net *net, struct host *const *from, struct host *to, unsigned share)
{
    for (unsigned i = 0; i < share; i++)
        net_connect(net, from[i % 2], to);
}

/* However many names it has; and it does not matter from which port. */
static void a_prefix_gets_a_quarter_of_the_places(void **state)
{
    (void)state;
    static const struct {
        struct sg_addr own[2]; /* of one prefix */
        struct sg_addr other;
        uint32_t connections_max;
        unsigned share;
    } cases[] = {
        {{{.family = 4, .ip = {20, 1, 1, 1}, .port = 1000},
          {.family = 4, .ip = {20, 1, 1, 1}, .port = 1001}},
         {.family = 4, .ip = {20, 1, 1, 2}, .port = 1000},
         64,
         14},
        {{{.family = 6, .ip = {0x20, 1, 9, 9, 9, 9, 0, 1, 5}, .port = 1000},
          {.family = 6, .ip = {0x20, 1, 9, 9, 9, 9, 0, 1, 6}, .port = 1000}},
         {.family = 6, .ip = {0x20, 1, 9, 9, 9, 9, 0, 2, 5}, .port = 1000},
         44,
         9},
        {{{.family = 4, .ip = {20, 1, 1, 1}, .port = 1000},
          {.family = 4, .ip = {20, 1, 1, 1}, .port = 1001}},
         {.family = 4, .ip = {20, 1, 2, 1}, .port = 1000},
         16,
         8}, /* at least */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct net net;
        struct sg_quic_config config = net_config();
        config.limits.connections_max = cases[i].connections_max;
        net_init(&net, 1 * MS, 20 + i);
        struct host *b = net_add_endpoint(&net, &config);
        struct host *own[2] = {net_add_endpoint(&net, NULL), net_add_endpoint(&net, NULL)};
        struct host *other = net_add_endpoint(&net, NULL);
        own[0]->addr = cases[i].own[0];
        own[1]->addr = cases[i].own[1];
        other->addr = cases[i].other;
        net_connect(&net, b, own[0]); /* our own dials do not count */
        fill_share(&net, own, b, cases[i].share);
        refused_dial(&net, own[0], b);
        refused_dial(&net, own[1], b);
        net_connect(&net, other, b);
        /* when one has ended there is a place again at once */
        sg_quic_close(own[0]->ep, net.now, host_conn(own[0]), SG_CLOSE_LEAVING, false);
        net_run(&net, 3 * MS);
        net_connect(&net, own[1], b);
        refused_dial(&net, own[1], b);
        net_fini(&net);
    }
}

static void loopback_may_take_all_places(void **state)
{
    (void)state;
    struct net net;
    struct sg_quic_config config = net_config();
    config.limits.connections_max = 40;
    net_init(&net, 1 * MS, 23);
    struct host *b = net_add_endpoint(&net, &config);
    struct host *own[2] = {net_add_endpoint(&net, NULL), net_add_endpoint(&net, NULL)};
    own[0]->addr = (struct sg_addr){.family = 4, .ip = {127, 0, 0, 1}, .port = 1000};
    own[1]->addr = (struct sg_addr){.family = 4, .ip = {127, 0, 0, 1}, .port = 1001};
    fill_share(&net, own, b, 30);
    assert_int_equal(host_stats(b).refused_prefix, 0);
    net_fini(&net);
}

/* Retries get through, and no flight of the server's. */
static bool only_retries(struct net *net, const struct flight *f)
{
    return !sg_addr_equal(&f->from, &net->hosts[0].addr) ||
           !sg_addr_equal(&f->to, &net->hosts[1].addr) || f->len < 600;
}

/* Of handshakes under way, too: with an address of its own it gets 16 of 64. */
static void a_proved_prefix_gets_a_quarter_of_the_handshakes(void **state)
{
    (void)state;
    struct net net;
    struct sg_quic_config config = config_with_threshold(0);
    struct sg_quic_config forgetful = net_config();
    forgetful.limits.tokens_max = 0;
    net_init(&net, 1 * MS, 24);
    struct host *b = net_add_endpoint(&net, &config);
    struct host *a = net_add_endpoint(&net, &forgetful);
    struct host *other = net_add_endpoint(&net, NULL);
    net.filter = only_retries;
    for (unsigned i = 0; i < 40; i++) {
        host_dial(a, b);
        net_run(&net, 110 * MS); /* two Initials each, 20 answers a second */
    }
    assert_int_equal(config.limits.half_open_max, 64);
    assert_int_equal(host_stats(b).half_open, 16);
    assert_true(host_stats(b).refused_prefix > 0);
    assert_int_equal(host_stats(b).refused_half_open, 0);
    net_connect(&net, other, b);
    net_fini(&net);
}

/* ---- loss and order of the two Initials ---- */

static bool hold_first(struct net *net, const struct flight *f)
{
    bool *held = net->filter_user;
    if (*held || sg_addr_equal(&f->from, &net->hosts[1].addr))
        return true;
    *held = true;
    return false;
}

/* The server then has the end of a ClientHello only and asks for the address: transport.md s7.2. */
static void a_lost_first_initial_leads_to_a_retry(void **state)
{
    (void)state;
    struct net net;
    bool held = false;
    net_init(&net, 25 * MS, 12);
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add_endpoint(&net, NULL);
    net.filter = hold_first;
    net.filter_user = &held;
    host_dial(a, b);
    net_run(&net, 2000 * MS);
    assert_int_equal(host_last(a, SG_QUIC_CONNECTED)->at, 100 * MS);
    assert_int_equal(host_stats(b).retries_sent, 1);
    assert_int_equal(host_stats(b).handshakes_failed, 0);
    assert_int_equal(host_stats(b).half_open, 0);
    net_fini(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(retry_proves_the_address),
        cmocka_unit_test(a_token_from_before_saves_the_retry),
        cmocka_unit_test(tokens_can_be_kept_by_the_caller),
        cmocka_unit_test(token_secrets_rotate),
        cmocka_unit_test(spoofed_initials_create_nothing),
        cmocka_unit_test(one_source_is_limited),
        cmocka_unit_test(half_open_handshakes_are_bounded),
        cmocka_unit_test(old_half_open_ones_make_room),
        cmocka_unit_test(forged_initials_make_no_tls_objects),
        cmocka_unit_test(loopback_is_exempt_from_prefix_limits),
        cmocka_unit_test(handshakes_have_a_budget),
        cmocka_unit_test(a_prefix_gets_a_quarter_of_the_places),
        cmocka_unit_test(loopback_may_take_all_places),
        cmocka_unit_test(a_proved_prefix_gets_a_quarter_of_the_handshakes),
        cmocka_unit_test(a_lost_first_initial_leads_to_a_retry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
