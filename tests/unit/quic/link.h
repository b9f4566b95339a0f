/* A network in memory, in virtual time: a few hosts that exchange datagrams over links with delay,
 * loss, duplication, reordering and corruption. A host is an endpoint, or hand-made (struct host's
 * function pointers) for peers that do not keep to the rules. Deterministic but for the keys. */
#ifndef TEST_QUIC_LINK_H
#define TEST_QUIC_LINK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"
#include "crypto/identity.h"
#include "quic/endpoint.h"

#define MS SG_NS_PER_MS
#define HOSTS_MAX 8
#define BATCH_MAX 256

struct net;
struct host;

/* What happened on a host, with the bytes left out but for their length and first byte. */
struct logged {
    sg_time_ns at;
    struct sg_quic_event event; /* spans are not valid any more */
    size_t len;
    uint8_t first;
};

struct host {
    struct net *net;
    void *self; /* struct sg_quic_endpoint, or the hand-made peer */
    void (*recv)(void *self, sg_time_ns now, const struct sg_quic_rx *rx, size_t count);
    bool (*send)(void *self, sg_time_ns now, struct sg_quic_tx *tx);
    sg_time_ns (*deadline)(void *self);
    void (*expire)(void *self, sg_time_ns now);
    struct sg_quic_endpoint *ep; /* NULL for a hand-made peer */
    struct sg_identity *identity;
    struct sg_addr addr;
    /* called for each event while its spans are valid; may be NULL */
    void (*on_event)(struct host *host, const struct sg_quic_event *event);
    void *user;
    bool deaf;          /* events are not pulled */
    struct logged *log; /* [logged] */
    size_t logged;
    size_t log_cap;
};

struct flight {
    struct flight *next;
    sg_time_ns at;
    struct sg_addr from;
    struct sg_addr to;
    uint8_t ecn;
    size_t len;
    uint8_t data[];
};

struct net {
    sg_time_ns now;
    struct host hosts[HOSTS_MAX];
    size_t count;
    struct flight *flights; /* in order of arrival */
    struct sg_prng prng;
    /* impairments */
    uint64_t delay_ns;
    uint64_t jitter_ns;                /* up to this much more: reorders */
    unsigned loss, duplicate, corrupt; /* per mille */
    /* false drops the datagram; may be NULL */
    bool (*filter)(struct net *net, const struct flight *f);
    void *filter_user;
    uint64_t sent, lost;
    uint64_t bytes_from[HOSTS_MAX];
    uint64_t datagrams_from[HOSTS_MAX];
    uint8_t *txbuf;
};

static inline void host_ep_recv(void *self, sg_time_ns now, const struct sg_quic_rx *rx,
                                size_t count)
{
    sg_quic_recv(self, now, rx, count);
}

static inline bool host_ep_send(void *self, sg_time_ns now, struct sg_quic_tx *tx)
{
    return sg_quic_send(self, now, tx);
}

static inline sg_time_ns host_ep_deadline(void *self)
{
    return sg_quic_deadline(self);
}

static inline void host_ep_expire(void *self, sg_time_ns now)
{
    sg_quic_expire(self, now);
}

static inline void net_init(struct net *net, uint64_t delay_ns, uint64_t seed)
{
    memset(net, 0, sizeof(*net));
    net->delay_ns = delay_ns;
    sg_prng_init(&net->prng, seed);
    net->txbuf = malloc(SG_QUIC_TX_MAX);
    assert_non_null(net->txbuf);
}

/* 10.0.0.1, 10.0.0.2 ... port 4000 */
static inline struct sg_addr net_addr(size_t i)
{
    uint8_t ip[4] = {10, 0, (uint8_t)(i >> 8), (uint8_t)(i + 1)};
    return sg_addr_v4(ip, 4000);
}

static inline struct host *net_add(struct net *net)
{
    struct host *host = &net->hosts[net->count];
    assert_true(net->count < HOSTS_MAX);
    host->net = net;
    host->addr = net_addr(net->count++);
    return host;
}

/* The defaults, without the limits that only slow tests down. */
static inline struct sg_quic_config net_config(void)
{
    struct sg_quic_config config;
    sg_quic_config_default(&config);
    config.limits.handshake_rate = 0;
    return config;
}

/* A host with an endpoint and a new identity; config may be NULL. */
static inline struct host *net_add_endpoint(struct net *net, const struct sg_quic_config *config)
{
    struct host *host = net_add(net);
    struct sg_quic_config c = config != NULL ? *config : net_config();
    assert_int_equal(sg_identity_new_random(sg_mem_default(), &host->identity), SG_OK);
    c.identity = host->identity;
    assert_int_equal(sg_quic_endpoint_new(&c, net->now, &host->ep), SG_OK);
    host->self = host->ep;
    host->recv = host_ep_recv;
    host->send = host_ep_send;
    host->deadline = host_ep_deadline;
    host->expire = host_ep_expire;
    return host;
}

static inline void net_fini(struct net *net)
{
    for (size_t i = 0; i < net->count; i++) {
        sg_quic_endpoint_free(net->hosts[i].ep);
        sg_identity_free(net->hosts[i].identity);
        free(net->hosts[i].log);
    }
    while (net->flights != NULL) {
        struct flight *f = net->flights;
        net->flights = f->next;
        free(f);
    }
    free(net->txbuf);
}

static inline bool net_chance(struct net *net, unsigned per_mille)
{
    return per_mille > 0 && sg_prng_below(&net->prng, 1000) < per_mille;
}

static inline void net_insert(struct net *net, struct flight *f)
{
    struct flight **at = &net->flights;
    while (*at != NULL && (*at)->at <= f->at)
        at = &(*at)->next;
    f->next = *at;
    *at = f;
}

/* Puts one datagram of tx on its way, through the impairments. */
static inline void net_post(struct net *net, struct sg_addr from, const struct sg_quic_tx *tx,
                            const uint8_t *data, size_t len)
{
    unsigned copies = 1 + net_chance(net, net->duplicate);
    net->sent++;
    for (unsigned i = 0; i < copies; i++) {
        struct flight *f = malloc(sizeof(*f) + len);
        assert_non_null(f);
        *f = (struct flight){.from = from, .to = tx->remote, .ecn = tx->ecn, .len = len};
        memcpy(f->data, data, len);
        f->at = net->now + net->delay_ns;
        if (net->jitter_ns > 0)
            f->at += sg_prng_below(&net->prng, net->jitter_ns);
        if ((net->filter != NULL && !net->filter(net, f)) || net_chance(net, net->loss)) {
            net->lost++;
            free(f);
            continue;
        }
        if (len > 0 && net_chance(net, net->corrupt)) {
            uint64_t byte = sg_prng_below(&net->prng, len);
            f->data[byte] ^= (uint8_t)(1 + sg_prng_below(&net->prng, 255));
        }
        net_insert(net, f);
    }
}

static inline void net_log(struct host *host, const struct sg_quic_event *event)
{
    struct logged entry = {.at = host->net->now, .event = *event};
    struct sg_bytes bytes = {NULL, 0};
    if (event->type == SG_QUIC_FRAME)
        bytes = event->frame.bytes;
    else if (event->type == SG_QUIC_DATAGRAM)
        bytes = event->datagram.bytes;
    else if (event->type == SG_QUIC_BULK)
        bytes = event->bulk.bytes;
    entry.len = bytes.len;
    entry.first = bytes.len > 0 ? bytes.data[0] : 0;
    if (host->logged == host->log_cap) {
        host->log_cap = host->log_cap == 0 ? 16 : 2 * host->log_cap;
        host->log = realloc(host->log, host->log_cap * sizeof(*host->log));
        assert_non_null(host->log);
    }
    host->log[host->logged++] = entry;
}

static inline void net_pull(struct host *host)
{
    struct sg_quic_event event;
    while (host->ep != NULL && !host->deaf && sg_quic_next_event(host->ep, &event)) {
        net_log(host, &event);
        if (host->on_event != NULL)
            host->on_event(host, &event);
    }
}

static inline void net_flush_host(struct net *net, size_t i)
{
    struct host *host = &net->hosts[i];
    struct sg_quic_tx tx = {.buf = net->txbuf, .cap = SG_QUIC_TX_MAX};
    unsigned turns = 0;
    while (host->send != NULL && host->send(host->self, net->now, &tx)) {
        assert_true(tx.len > 0 && tx.segment_len > 0 && tx.segment_len <= tx.len);
        assert_true(turns++ < 100000);
        for (size_t at = 0; at < tx.len; at += tx.segment_len) {
            size_t n = tx.len - at < tx.segment_len ? tx.len - at : tx.segment_len;
            net->bytes_from[i] += n;
            net->datagrams_from[i]++;
            net_post(net, host->addr, &tx, tx.buf + at, n);
        }
    }
}

/* Gives a host everything that has arrived by now, in batches. */
static inline void net_deliver(struct net *net, struct host *host)
{
    struct sg_quic_rx batch[BATCH_MAX];
    struct flight *taken[BATCH_MAX];
    size_t count;
    do {
        count = 0;
        for (struct flight **at = &net->flights; *at != NULL && count < BATCH_MAX;) {
            struct flight *f = *at;
            if (f->at > net->now)
                break;
            if (!sg_addr_equal(&f->to, &host->addr)) {
                at = &f->next;
                continue;
            }
            *at = f->next;
            taken[count] = f;
            batch[count++] = (struct sg_quic_rx){
                .local = f->to, .remote = f->from, .ecn = f->ecn, .data = f->data, .len = f->len};
        }
        if (count > 0 && host->recv != NULL)
            host->recv(host->self, net->now, batch, count);
        for (size_t i = 0; i < count; i++)
            free(taken[i]);
    } while (count == BATCH_MAX);
}

static inline void net_drop_strays(struct net *net)
{
    while (net->flights != NULL && net->flights->at <= net->now) {
        struct flight *f = net->flights;
        net->flights = f->next;
        free(f);
    }
}

static inline void net_turn(struct net *net)
{
    for (size_t i = 0; i < net->count; i++)
        net_deliver(net, &net->hosts[i]);
    net_drop_strays(net);
    for (size_t i = 0; i < net->count; i++) {
        struct host *host = &net->hosts[i];
        if (host->deadline != NULL && host->deadline(host->self) <= net->now)
            host->expire(host->self, net->now);
        net_pull(host);
        net_flush_host(net, i);
        net_pull(host); /* sending may end a connection */
        net_flush_host(net, i);
    }
}

static inline sg_time_ns net_next(const struct net *net)
{
    sg_time_ns next = net->flights == NULL ? SG_TIME_NEVER : net->flights->at;
    for (size_t i = 0; i < net->count; i++) {
        const struct host *host = &net->hosts[i];
        if (host->deadline != NULL)
            next = sg_time_min(next, host->deadline(host->self));
    }
    return next;
}

/* Runs until done(net) or until the time given; true when done. */
static inline bool net_run_until(struct net *net, sg_time_ns until, bool (*done)(struct net *net))
{
    unsigned still = 0;
    for (;;) {
        net_turn(net);
        if (done != NULL && done(net))
            return true;
        sg_time_ns next = net_next(net);
        if (next > until) {
            net->now = until > net->now ? until : net->now;
            return false;
        }
        still = next > net->now ? 0 : still + 1;
        assert_true(still < 1000); /* a timer that is always due: a busy loop */
        if (next > net->now)
            net->now = next;
    }
}

static inline void net_run(struct net *net, uint64_t duration)
{
    (void)net_run_until(net, net->now + duration, NULL);
}

static inline size_t host_count(const struct host *host, enum sg_quic_event_type type)
{
    size_t n = 0;
    for (size_t i = 0; i < host->logged; i++)
        n += host->log[i].event.type == type;
    return n;
}

/* The last event of a type, NULL when there was none. */
static inline const struct logged *host_last(const struct host *host, enum sg_quic_event_type type)
{
    for (size_t i = host->logged; i > 0; i--) {
        if (host->log[i - 1].event.type == type)
            return &host->log[i - 1];
    }
    return NULL;
}

static inline sg_quic_conn_id host_conn(const struct host *host)
{
    const struct logged *l = host_last(host, SG_QUIC_CONNECTED);
    return l == NULL ? 0 : l->event.conn;
}

static inline struct sg_quic_stats host_stats(const struct host *host)
{
    struct sg_quic_stats stats;
    sg_quic_stats(host->ep, &stats);
    return stats;
}

static inline sg_quic_conn_id host_dial(struct host *host, const struct host *to)
{
    sg_quic_conn_id conn = 0;
    struct sg_quic_dial dial = {.remote = to->addr};
    if (to->identity != NULL)
        dial.expected = sg_identity_peer_id(to->identity);
    assert_int_equal(sg_quic_dial(host->ep, host->net->now, &dial, &conn), SG_OK);
    return conn;
}

/* Dials and runs until both are connected and the handshake is confirmed. */
static inline sg_quic_conn_id net_connect(struct net *net, struct host *a, struct host *b)
{
    size_t before_a = host_count(a, SG_QUIC_CONNECTED);
    size_t before_b = host_count(b, SG_QUIC_CONNECTED);
    sg_quic_conn_id conn = host_dial(a, b);
    net_run(net, 8 * net->delay_ns + 100 * MS);
    assert_int_equal(host_count(a, SG_QUIC_CONNECTED), before_a + 1);
    assert_int_equal(host_count(b, SG_QUIC_CONNECTED), before_b + 1);
    return conn;
}

/* A frame of len bytes: its number in the first four, then bytes that depend on the number. */
static inline struct sg_buf *numbered_frame(uint32_t number, size_t len)
{
    struct sg_buf *buf = sg_buf_new(sg_mem_default(), len);
    assert_non_null(buf);
    for (size_t i = 0; i < len; i++)
        buf->data[i] = (uint8_t)(i < 4 ? number >> (8 * i) : number * 31 + i);
    buf->len = (uint32_t)len;
    return buf;
}

/* The number of such a frame; fails the test when it is damaged. */
static inline uint32_t frame_number(struct sg_bytes bytes)
{
    uint32_t number = 0;
    assert_true(bytes.len >= 4);
    for (size_t i = 0; i < 4; i++)
        number |= (uint32_t)bytes.data[i] << (8 * i);
    for (size_t i = 4; i < bytes.len; i++)
        assert_int_equal(bytes.data[i], (uint8_t)(number * 31 + i));
    return number;
}

static inline sg_err host_write(struct host *host, sg_quic_conn_id conn, enum sg_lane lane,
                                uint32_t number, size_t len)
{
    struct sg_buf *frame = numbered_frame(number, len);
    sg_err err = sg_quic_write_frame(host->ep, conn, lane, frame);
    sg_buf_unref(frame);
    return err;
}

#endif
