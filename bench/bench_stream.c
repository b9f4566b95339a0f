/* One bulk stream over loopback through quic/ and os/udp, between two processes, without the core.
 *
 *   bench_stream [seconds-per-run]      default 1, at most 1.5 (15 runs, under 30 s in all)
 *
 * For each path of the socket: MB/s of application bytes at the receiver, median and spread of 5
 * runs, and CPU seconds per GB on both sides. The paths take turns, so that other load on the
 * machine hits all of them. Goal: >= 300 MB/s with GSO and GRO. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "crypto/identity.h"
#include "os/clock.h"
#include "os/udp.h"
#include "quic/endpoint.h"

#define RUNS 5
#define PATHS 3
#define CHUNK 65536
#define BATCH 16
#define BATCH_BYTES (2 * SG_QUIC_TX_MAX)
#define ROOM_MIN 16384
/* Nobody waits longer for the other side. */
#define PATIENCE_NS (8 * SG_NS_PER_S)

static const char *const path_names[PATHS] = {"gso+gro", "mmsg", "plain"};

struct side {
    struct sg_udp *udp;
    struct sg_quic_endpoint *quic;
    struct sg_identity *identity;
    uint8_t *tx;
    struct sg_udp_out out[BATCH];
    size_t out_count;
    size_t out_at;
    bool blocked;
    sg_time_ns started;

    sg_quic_conn_id conn;
    sg_quic_stream_id stream;
    struct sg_buf *chunk; /* the sender's: one buffer, written again and again */
    uint64_t bytes;       /* received, or written */
    sg_time_ns first;     /* when the first byte came */
    sg_time_ns last;
    bool is_over;
    bool failed;
};

struct result {
    double mb_per_s;
    double send_cpu; /* seconds per GB */
    double recv_cpu;
};

static void die(const char *what)
{
    (void)fprintf(stderr, "bench_stream: %s\n", what);
    exit(1);
}

static double cpu_s(void)
{
    struct rusage use;
    (void)getrusage(RUSAGE_SELF, &use);
    return (double)use.ru_utime.tv_sec + (double)use.ru_stime.tv_sec +
           ((double)use.ru_utime.tv_usec + (double)use.ru_stime.tv_usec) * 1e-6;
}

static void side_open(struct side *s, enum sg_udp_path path)
{
    struct sg_udp_options options = {.path = path};
    struct sg_quic_config config;
    memset(s, 0, sizeof *s);
    s->started = sg_clock_now();
    if (sg_addr_parse("127.0.0.1:0", &options.bind) != SG_OK ||
        sg_udp_open(&options, &s->udp) != SG_OK)
        die("no socket");
    if (sg_identity_new_random(sg_mem_default(), &s->identity) != SG_OK)
        die("no identity");
    sg_quic_config_default(&config);
    config.identity = s->identity;
    sg_err err = sg_quic_endpoint_new(&config, s->started, &s->quic);
    if (err != SG_OK)
        die(sg_err_text(err));
    s->tx = malloc(BATCH_BYTES);
    s->chunk = sg_buf_new(sg_mem_default(), CHUNK);
    if (s->tx == NULL || s->chunk == NULL)
        die("no memory");
    memset(s->chunk->data, 'x', CHUNK);
    s->chunk->len = CHUNK;
}

static void side_close(struct side *s)
{
    sg_quic_endpoint_free(s->quic);
    sg_udp_close(s->udp);
    sg_identity_free(s->identity);
    sg_buf_unref(s->chunk);
    free(s->tx);
}

static void read_socket(struct side *s, sg_time_ns now)
{
    const struct sg_udp_in *in;
    struct sg_quic_rx rx[64];
    size_t count;
    for (int i = 0; i < 8 && sg_udp_recv(s->udp, &in, &count) == SG_OK; i++) {
        for (size_t at = 0; at < count; at++)
            rx[at] = (struct sg_quic_rx){in[at].local, in[at].remote, in[at].ecn, in[at].data,
                                         in[at].len};
        sg_quic_recv(s->quic, now, rx, count);
    }
}

static bool fill(struct side *s)
{
    size_t used = 0;
    s->out_count = 0;
    s->out_at = 0;
    sg_time_ns now = sg_clock_now();
    while (s->out_count < BATCH && BATCH_BYTES - used >= ROOM_MIN) {
        struct sg_quic_tx tx = {.buf = s->tx + used, .cap = BATCH_BYTES - used};
        if (tx.cap > SG_QUIC_TX_MAX)
            tx.cap = SG_QUIC_TX_MAX;
        if (!sg_quic_send(s->quic, now, &tx))
            break;
        s->out[s->out_count++] =
            (struct sg_udp_out){tx.local, tx.remote, tx.buf, tx.len, tx.segment_len, tx.ecn};
        used += tx.len;
    }
    return s->out_count > 0;
}

static void write_socket(struct side *s)
{
    for (int i = 0; i < 8 && !s->blocked; i++) {
        if (s->out_at == s->out_count && !fill(s))
            return;
        size_t done = 0;
        sg_err err = sg_udp_send(s->udp, s->out + s->out_at, s->out_count - s->out_at, &done);
        s->out_at += done;
        s->blocked = err == SG_ERR_WOULD_BLOCK;
    }
}

static void on_event(struct side *s, const struct sg_quic_event *event)
{
    switch (event->type) {
    case SG_QUIC_CONNECTED:
        s->conn = event->conn;
        break;
    case SG_QUIC_BULK:
        if (s->bytes == 0)
            s->first = sg_clock_now();
        s->bytes += event->bulk.bytes.len;
        if (!event->bulk.fin)
            break;
        s->last = sg_clock_now();
        sg_quic_close(s->quic, s->last, event->conn, SG_CLOSE_SHUTDOWN, true);
        break;
    case SG_QUIC_DIAL_FAILED:
        s->failed = true;
        break;
    case SG_QUIC_CLOSED:
        s->is_over = true;
        break;
    case SG_QUIC_FRAME:
    case SG_QUIC_DATAGRAM:
    case SG_QUIC_BULK_RESET:
    case SG_QUIC_BULK_STOPPED:
    case SG_QUIC_WRITABLE:
    case SG_QUIC_NEW_TOKEN:
    case SG_QUIC_DATAGRAM_ACKED:
        break;
    }
}

static void wait_for_work(struct side *s)
{
    struct pollfd p = {.fd = sg_udp_fd(s->udp), .events = POLLIN};
    sg_time_ns now = sg_clock_now();
    sg_time_ns at = sg_quic_deadline(s->quic);
    uint64_t left = at > now ? at - now : 0;
    if (left > SG_NS_PER_S)
        left = SG_NS_PER_S;
    struct timespec ts = {(time_t)(left / SG_NS_PER_S), (long)(left % SG_NS_PER_S)};
    if (s->blocked)
        p.events |= POLLOUT;
    if (sg_udp_has_pending(s->udp))
        ts = (struct timespec){0, 0};
    (void)ppoll(&p, 1, &ts, NULL);
    s->blocked = false;
}

/* One turn; false when the run is over or has failed. */
static bool turn(struct side *s)
{
    struct sg_quic_event event;
    wait_for_work(s);
    sg_time_ns now = sg_clock_now();
    read_socket(s, now);
    if (sg_quic_deadline(s->quic) <= now)
        sg_quic_expire(s->quic, now);
    while (sg_quic_next_event(s->quic, &event))
        on_event(s, &event);
    return !s->is_over && !s->failed && now - s->started < PATIENCE_NS;
}

static void serve(enum sg_udp_path path, int address_fd, int result_fd)
{
    struct side s;
    double report[2] = {0};
    side_open(&s, path);
    if (write(address_fd, sg_udp_local(s.udp), sizeof(struct sg_addr)) < 0)
        die("pipe");
    double cpu = cpu_s();
    while (turn(&s))
        write_socket(&s);
    if (s.last > s.first) {
        report[0] = (double)s.bytes / 1e6 / ((double)(s.last - s.first) * 1e-9);
        report[1] = (cpu_s() - cpu) / ((double)s.bytes / 1e9);
    }
    write_socket(&s);
    if (write(result_fd, report, sizeof report) < 0)
        die("pipe");
    side_close(&s);
}

/* Keeps the stream's budget full until the time is over. */
static void pump(struct side *s, sg_time_ns end)
{
    if (s->conn == 0)
        return;
    if (s->stream == 0 && sg_quic_bulk_open(s->quic, s->conn, &s->stream) != SG_OK)
        return;
    while (sg_clock_now() < end) {
        if (sg_quic_bulk_write(s->quic, s->conn, s->stream, s->chunk) != SG_OK)
            return;
        s->bytes += CHUNK;
    }
}

static double stream_to(const struct sg_addr *remote, enum sg_udp_path path, double seconds)
{
    struct side s;
    struct sg_quic_dial dial = {.remote = *remote, .initial_rtt_ns = 20 * SG_NS_PER_MS};
    sg_quic_conn_id conn;
    bool is_finished = false;
    side_open(&s, path);
    double cpu = cpu_s();
    if (sg_quic_dial(s.quic, sg_clock_now(), &dial, &conn) != SG_OK)
        die("no dial");
    write_socket(&s);
    sg_time_ns end = SG_TIME_NEVER;
    while (turn(&s)) {
        if (s.conn != 0 && end == SG_TIME_NEVER)
            end = sg_clock_now() + (uint64_t)(seconds * 1e9);
        if (!is_finished)
            pump(&s, end);
        if (!is_finished && sg_clock_now() >= end)
            is_finished = sg_quic_bulk_fin(s.quic, s.conn, s.stream) == SG_OK;
        write_socket(&s);
    }
    double per_gb = s.bytes > 0 ? (cpu_s() - cpu) / ((double)s.bytes / 1e9) : 0;
    side_close(&s);
    return per_gb;
}

static struct result run(enum sg_udp_path path, double seconds)
{
    int address[2];
    int result[2];
    struct sg_addr remote;
    double report[2];
    if (pipe(address) != 0 || pipe(result) != 0)
        die("pipe");
    pid_t child = fork();
    if (child < 0)
        die("fork");
    if (child == 0) {
        serve(path, address[1], result[1]);
        _exit(0);
    }
    if (read(address[0], &remote, sizeof remote) != sizeof remote)
        die("no receiver");
    (void)close(address[1]);
    (void)close(result[1]);
    struct result r = {.send_cpu = stream_to(&remote, path, seconds)};
    if (read(result[0], report, sizeof report) != sizeof report)
        die("no result");
    (void)waitpid(child, NULL, 0);
    (void)close(address[0]);
    (void)close(result[0]);
    r.mb_per_s = report[0];
    r.recv_cpu = report[1];
    return r;
}

static int compare(const void *a, const void *b)
{
    const struct result *x = a;
    const struct result *y = b;
    return (x->mb_per_s > y->mb_per_s) - (x->mb_per_s < y->mb_per_s);
}

int main(int argc, char **argv)
{
    static struct result results[PATHS][RUNS];
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 1;
    if (!(seconds >= 0.1 && seconds <= 1.5))
        die("usage: bench_stream [seconds-per-run], 0.1 to 1.5");
    for (int i = 0; i < RUNS; i++) {
        for (int path = 0; path < PATHS; path++)
            results[path][i] = run((enum sg_udp_path)path, seconds);
    }
    printf("path      MB/s: median (min .. max)    CPU s/GB: send, receive\n");
    for (int path = 0; path < PATHS; path++) {
        struct result *r = results[path];
        qsort(r, RUNS, sizeof *r, compare);
        const struct result *m = &r[RUNS / 2];
        printf("%-8s  %7.0f (%4.0f .. %4.0f)          %.2f, %.2f%s\n", path_names[path],
               m->mb_per_s, r[0].mb_per_s, r[RUNS - 1].mb_per_s, m->send_cpu, m->recv_cpu,
               path == 0 ? "   goal >= 300 MB/s" : "");
    }
    return 0;
}
