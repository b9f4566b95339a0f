/* CPU per end of a mutually authenticated handshake, beside the post-quantum operations that it
 * cannot do without, measured in turns in the same run:
 *     client: ML-KEM keygen + decaps, ML-DSA sign + verify
 *     server: ML-KEM encaps,          ML-DSA sign + verify
 * Everything runs in one thread without sockets; the clock of the links is virtual. Yardstick: a
 * whole handshake costs at most 1.3 times its operations.
 *
 * usage: bench_handshake [ROUNDS [HANDSHAKES]] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "crypto/identity.h"
#include "crypto/kem.h"
#include "crypto/random.h"
#include "quic/endpoint.h"

#define ROUNDS_MAX 200
#define FLIGHTS_MAX 64

struct end {
    struct sg_quic_endpoint *ep;
    struct sg_identity *identity;
    struct sg_addr addr;
    uint64_t cpu_ns;
    unsigned connected;
    sg_quic_conn_id conn;
};

struct flight {
    size_t len;
    uint8_t data[1500];
};

struct bench {
    struct end client;
    struct end server;
    sg_time_ns now;
    uint8_t tx[SG_QUIC_TX_MAX];
};

struct row {
    double client_us, server_us; /* a handshake */
    double sign_us, verify_us, keygen_us, encaps_us, decaps_us;
};

static void die(const char *what)
{
    fprintf(stderr, "bench_handshake: %s\n", what);
    exit(1);
}

static uint64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * SG_NS_PER_S + (uint64_t)t.tv_nsec;
}

static void open_end(struct end *end, uint8_t last)
{
    struct sg_quic_config config;
    const uint8_t ip[4] = {127, 0, 0, last};
    sg_quic_config_default(&config);
    config.limits.handshake_rate = 0;
    if (sg_identity_new_random(sg_mem_default(), &end->identity) != SG_OK)
        die("no identity");
    config.identity = end->identity;
    end->addr = sg_addr_v4(ip, 4000);
    if (sg_quic_endpoint_new(&config, 0, &end->ep) != SG_OK)
        die("no endpoint");
}

static void pull(struct end *end)
{
    struct sg_quic_event event;
    while (sg_quic_next_event(end->ep, &event)) {
        if (event.type == SG_QUIC_DIAL_FAILED)
            die(sg_err_text(event.dial_failed.err));
        if (event.type == SG_QUIC_CONNECTED) {
            end->connected++;
            end->conn = event.conn;
        }
    }
}

/* What `from` has to send reaches `to`; only the work of the two is timed, each for itself. */
static size_t carry(struct bench *b, struct end *from, struct end *to)
{
    static struct flight flights[FLIGHTS_MAX];
    struct sg_quic_rx rx[FLIGHTS_MAX];
    struct sg_quic_tx tx = {.buf = b->tx, .cap = sizeof(b->tx)};
    size_t count = 0;
    uint64_t start = cpu_ns();
    while (sg_quic_send(from->ep, b->now, &tx)) {
        for (size_t at = 0; at < tx.len; at += tx.segment_len) {
            struct flight *f = &flights[count];
            f->len = tx.len - at < tx.segment_len ? tx.len - at : tx.segment_len;
            memcpy(f->data, tx.buf + at, f->len);
            rx[count] = (struct sg_quic_rx){
                .local = to->addr, .remote = from->addr, .data = f->data, .len = f->len};
            if (++count == FLIGHTS_MAX)
                die("a flight is too long");
        }
    }
    uint64_t middle = cpu_ns();
    sg_quic_recv(to->ep, b->now, rx, count);
    pull(to);
    uint64_t end = cpu_ns();
    from->cpu_ns += middle - start;
    to->cpu_ns += end - middle;
    return count;
}

static void exchange(struct bench *b)
{
    size_t moved;
    do {
        b->now += SG_NS_PER_MS;
        moved = carry(b, &b->client, &b->server);
        b->now += SG_NS_PER_MS;
        moved += carry(b, &b->server, &b->client);
    } while (moved > 0);
}

static void expire(struct end *end, sg_time_ns now)
{
    uint64_t start = cpu_ns();
    sg_quic_expire(end->ep, now);
    end->cpu_ns += cpu_ns() - start;
}

/* One connection from dial to confirmation; closing it is not part of the figure. */
static void handshake(struct bench *b)
{
    struct sg_quic_dial dial = {.remote = b->server.addr,
                                .expected = sg_identity_peer_id(b->server.identity)};
    unsigned before = b->client.connected;
    uint64_t start = cpu_ns();
    if (sg_quic_dial(b->client.ep, b->now, &dial, &b->client.conn) != SG_OK)
        die("cannot dial");
    b->client.cpu_ns += cpu_ns() - start;
    exchange(b);
    if (b->client.connected != before + 1 || b->server.connected != before + 1)
        die("not connected");
    uint64_t client = b->client.cpu_ns, server = b->server.cpu_ns;
    sg_quic_close(b->client.ep, b->now, b->client.conn, SG_CLOSE_SHUTDOWN, false);
    exchange(b);
    b->now += 10 * SG_NS_PER_S;
    expire(&b->client, b->now);
    expire(&b->server, b->now);
    b->client.cpu_ns = client;
    b->server.cpu_ns = server;
}

static double per_call(uint64_t start, unsigned n)
{
    return (double)(cpu_ns() - start) / 1000.0 / n;
}

static void measure_signatures(const struct bench *b, unsigned n, struct row *row)
{
    const struct sg_signer *signer = sg_identity_signer(b->client.identity);
    uint8_t signature[SG_SIG_MAX];
    uint8_t content[130] = {0}; /* RFC 8446 s4.4.3: 64 spaces, label, transcript hash */
    struct sg_bytes message = sg_bytes(content, sizeof(content));
    uint64_t start = cpu_ns();
    for (unsigned i = 0; i < n; i++) {
        content[129] = (uint8_t)i;
        if (signer->sign(signer->state, SG_BYTES_LIT(""), message, signature) != SG_OK)
            die("sign");
    }
    row->sign_us = per_call(start, n);
    struct sg_bytes s = sg_bytes(signature, signer->suite->sig_len);
    start = cpu_ns();
    for (unsigned i = 0; i < n; i++) {
        if (signer->suite->verify(signer->public_key, SG_BYTES_LIT(""), message, s) != SG_OK)
            die("verify");
    }
    row->verify_us = per_call(start, n);
}

static void measure_kem(unsigned n, struct row *row)
{
    const struct sg_kem_sizes *sizes = sg_kem_sizes(SG_KEM_ML_KEM_768);
    struct sg_kem_seed seed;
    struct sg_kem_secret secret;
    struct sg_kem_key *key = NULL;
    uint8_t public_key[2048], ciphertext[2048];
    uint64_t start = cpu_ns();
    for (unsigned i = 0; i < n; i++) {
        sg_kem_key_free(key);
        if (sg_random(&seed, sizeof(seed)) != SG_OK ||
            sg_kem_key_new(sg_mem_default(), SG_KEM_ML_KEM_768, &seed, &key) != SG_OK)
            die("kem keygen");
    }
    row->keygen_us = per_call(start, n);
    if (sg_kem_key_public(key, public_key) != SG_OK)
        die("kem public key");
    start = cpu_ns();
    for (unsigned i = 0; i < n; i++) {
        if (sg_kem_encaps(SG_KEM_ML_KEM_768, sg_bytes(public_key, sizes->public_len), ciphertext,
                          &secret) != SG_OK)
            die("encaps");
    }
    row->encaps_us = per_call(start, n);
    start = cpu_ns();
    for (unsigned i = 0; i < n; i++) {
        if (sg_kem_decaps(key, sg_bytes(ciphertext, sizes->ciphertext_len), &secret) != SG_OK)
            die("decaps");
    }
    row->decaps_us = per_call(start, n);
    sg_kem_key_free(key);
}

static void measure_round(struct bench *b, unsigned n, struct row *row)
{
    b->client.cpu_ns = b->server.cpu_ns = 0;
    for (unsigned i = 0; i < n; i++)
        handshake(b);
    row->client_us = (double)b->client.cpu_ns / 1000.0 / n;
    row->server_us = (double)b->server.cpu_ns / 1000.0 / n;
    measure_signatures(b, n, row);
    measure_kem(n, row);
}

static double operations(const struct row *row, int end)
{
    double kem = end == 0 ? row->keygen_us + row->decaps_us : row->encaps_us;
    return row->sign_us + row->verify_us + kem;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Median and the middle half. */
static void print_figure(const char *name, double *values, size_t n, const char *unit)
{
    qsort(values, n, sizeof(*values), compare);
    printf("  %-34s %9.2f %s   (%.2f .. %.2f)\n", name, values[n / 2], unit, values[n / 4],
           values[(3 * n) / 4]);
}

/* Signing takes about five attempts and sometimes 20, so a round is a small sample: the ratio of
 * the sums of all rounds is the steadier figure. */
static void report_end(const char *name, const struct row *rows, size_t n, int end)
{
    double cost[ROUNDS_MAX], least[ROUNDS_MAX], ratio[ROUNDS_MAX];
    double cost_sum = 0, least_sum = 0;
    for (size_t i = 0; i < n; i++) {
        cost_sum += cost[i] = end == 0 ? rows[i].client_us : rows[i].server_us;
        least_sum += least[i] = operations(&rows[i], end);
        ratio[i] = cost[i] / least[i];
    }
    printf("%s\n", name);
    print_figure("handshake", cost, n, "us");
    print_figure("its post-quantum operations", least, n, "us");
    print_figure("ratio, round by round", ratio, n, "x ");
    printf("  %-34s %9.2f x\n", "ratio of all rounds", cost_sum / least_sum);
}

static void report(const struct row *rows, size_t n)
{
    double v[ROUNDS_MAX], cost = 0, least = 0;
    report_end("client", rows, n, 0);
    report_end("server", rows, n, 1);
    for (size_t i = 0; i < n; i++) {
        v[i] = 2e6 / (rows[i].client_us + rows[i].server_us);
        cost += rows[i].client_us + rows[i].server_us;
        least += operations(&rows[i], 0) + operations(&rows[i], 1);
    }
    printf("both ends\n");
    printf("  %-34s %9.2f x\n", "ratio of all rounds", cost / least);
    print_figure("handshakes per core and second", v, n, "  ");
    printf("operations, us: sign %.0f, verify %.0f, keygen %.0f, encaps %.0f, decaps %.0f\n",
           rows[0].sign_us, rows[0].verify_us, rows[0].keygen_us, rows[0].encaps_us,
           rows[0].decaps_us);
}

int main(int argc, char **argv)
{
    static struct bench b;
    static struct row rows[ROUNDS_MAX];
    unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 25;
    unsigned long n = argc > 2 ? strtoul(argv[2], NULL, 10) : 100;
    if (rounds == 0 || rounds > ROUNDS_MAX || n == 0 || n > 100000)
        die("usage: bench_handshake [ROUNDS [HANDSHAKES]]");
    open_end(&b.client, 1);
    open_end(&b.server, 2);
    measure_round(&b, (unsigned)n, &rows[0]); /* warm up */
    for (unsigned long i = 0; i < rounds; i++)
        measure_round(&b, (unsigned)n, &rows[i]);
    printf("%lu rounds of %lu handshakes; median (middle half)\n", rounds, n);
    report(rows, rounds);
    sg_quic_endpoint_free(b.client.ep);
    sg_quic_endpoint_free(b.server.ep);
    sg_identity_free(b.client.identity);
    sg_identity_free(b.server.identity);
    return 0;
}
