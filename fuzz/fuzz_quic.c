/* quic: two endpoints, a network and two applications that do whatever the input says: datagrams
 * are lost, delayed, repeated, damaged or invented; connections are opened, used and closed at any
 * moment. Nothing may crash, leak or get stuck, and the accounts must be even at the end.
 *
 * Keys and connection ids are random, so the same input does not take exactly the same way twice;
 * what it finds, it finds by sanitizers and asserts. */
#include <assert.h>

#include "unit/quic/link.h"

struct script {
    const uint8_t *at;
    const uint8_t *end;
};

static uint8_t next(struct script *s)
{
    return s->at < s->end ? *s->at++ : 0;
}

static const uint8_t *take(struct script *s, size_t *len)
{
    const uint8_t *at = s->at;
    size_t left = (size_t)(s->end - s->at);
    *len = *len < left ? *len : left;
    s->at += *len;
    return at;
}

/* One of the connections that the host has heard of, or nonsense. */
static sg_quic_conn_id some_conn(const struct host *host, uint8_t which)
{
    sg_quic_conn_id ids[8];
    size_t count = sg_quic_connections(host->ep, ids, 8);
    count = count < 8 ? count : 8;
    return count == 0 || which >= 250 ? which : ids[which % count];
}

static void dial(struct host *from, const struct host *to, bool right_peer)
{
    sg_quic_conn_id conn;
    struct sg_quic_dial d = {.remote = to->addr};
    if (right_peer)
        d.expected = sg_identity_peer_id(to->identity);
    sg_err err = sg_quic_dial(from->ep, from->net->now, &d, &conn);
    assert(err == SG_OK || err == SG_ERR_LIMIT);
}

static void use(struct host *host, struct script *s)
{
    uint8_t what = next(s);
    sg_quic_conn_id conn = some_conn(host, next(s));
    size_t len = (size_t)next(s) * 40 + 1;
    sg_quic_stream_id stream = 2u + (size_t)(host - host->net->hosts) + 4u * (next(s) % 20);
    struct sg_buf *buf = numbered_frame(7, len);
    switch (what % 8) {
    case 0:
    case 1:
    case 2:
        (void)!sg_quic_write_frame(host->ep, conn, (enum sg_lane)(what % 3), buf);
        break;
    case 3:
        (void)!sg_quic_write_datagram(host->ep, conn, sg_bytes(buf->data, len));
        break;
    case 4:
        (void)!sg_quic_bulk_open(host->ep, conn, &stream);
        break;
    case 5:
        (void)!sg_quic_bulk_write(host->ep, conn, stream, buf);
        break;
    case 6:
        (void)!sg_quic_bulk_fin(host->ep, conn, stream);
        break;
    default:
        (void)!sg_quic_bulk_reset(host->ep, conn, stream, what);
        break;
    }
    sg_buf_unref(buf);
}

static void invent(struct net *net, struct host *to, struct script *s)
{
    size_t len = (size_t)next(s) * 6;
    uint8_t kind = next(s);
    const uint8_t *bytes = take(s, &len);
    uint8_t datagram[1600] = {0};
    size_t total = kind % 3 == 0 ? 1200 : len;
    memcpy(datagram, bytes, len);
    struct sg_quic_rx rx = {.local = to->addr,
                            .remote = kind % 2 == 0 ? net->hosts[0].addr : net_addr(40),
                            .data = datagram,
                            .len = total};
    sg_quic_recv(to->ep, net->now, &rx, 1);
}

static void impair(struct net *net, struct script *s)
{
    net->loss = next(s);
    net->duplicate = next(s);
    net->corrupt = next(s);
    net->jitter_ns = (uint64_t)next(s) * MS / 4;
}

static void step(struct net *net, struct script *s)
{
    uint8_t what = next(s);
    struct host *host = &net->hosts[(what >> 7) & 1];
    switch (what % 11) {
    case 0:
        dial(host, &net->hosts[(what >> 6) & 1], (what & 32) != 0);
        break;
    case 1:
        sg_quic_close(host->ep, net->now, some_conn(host, next(s)), next(s), (what & 64) != 0);
        break;
    case 2:
        impair(net, s);
        break;
    case 3:
        invent(net, host, s);
        break;
    case 4:
        host->addr.port = (uint16_t)(1000 + next(s));
        break;
    case 5:
        host->deaf = !host->deaf;
        break;
    case 6:
        net_run(net, (uint64_t)next(s) * next(s) * MS);
        break;
    case 7:
        net_run(net, (uint64_t)next(s) * MS / 8);
        break;
    default:
        use(host, s);
        break;
    }
}

static void settle(struct net *net)
{
    net->loss = net->duplicate = net->corrupt = 0;
    net->jitter_ns = 0;
    for (int i = 0; i < 2; i++) {
        net->hosts[i].deaf = false;
        sg_quic_close_all(net->hosts[i].ep, net->now, SG_CLOSE_SHUTDOWN, i == 0);
    }
    net_run(net, 40 * SG_NS_PER_S);
    for (int i = 0; i < 2; i++) {
        struct sg_quic_stats stats = host_stats(&net->hosts[i]);
        assert(stats.connections_live == 0 && stats.half_open == 0 && stats.tls_live == 0);
        assert(stats.receive_queued == 0);
        assert(sg_quic_deadline(net->hosts[i].ep) == SG_TIME_NEVER);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct net net;
    struct script s = {data, data + size};
    struct sg_quic_config config = net_config();
    config.limits.connections_max = 12;
    config.limits.half_open_max = 6;
    config.limits.retry_threshold = next(&s) % 8;
    config.limits.send_budget[SG_LANE_MSHIP] = 30000;
    config.limits.receive_max = 600000;
    config.flush_timeout_ns = 500 * MS;
    net_init(&net, 5 * MS, 1);
    struct host *a = net_add_endpoint(&net, &config);
    struct host *b = net_add_endpoint(&net, &config);
    (void)host_dial(a, b);
    net_run(&net, 60 * MS);
    for (int i = 0; i < 300 && s.at < s.end; i++) {
        step(&net, &s);
        net_turn(&net);
    }
    settle(&net);
    net_fini(&net);
    return 0;
}
