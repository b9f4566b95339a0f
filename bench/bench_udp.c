/* os/udp over loopback: one process sends, another receives and acknowledges, as QUIC would.
 *
 *   bench_udp [seconds-per-run]      default 0.15, at most 0.3 (30 runs, under 10 s in all)
 *
 * For each path and datagram size: datagrams/s and MB/s that arrived, as the median and the spread
 * of 5 runs, system calls per 1 000 datagrams and CPU time per GB on both sides. The paths take
 * turns, so that other load on the machine hits all of them. A window of 512 KiB in flight keeps
 * the receive buffer from overflowing: this measures the cost of moving bytes, not of losing
 * them. */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "os/udp.h"

#define RUNS 5
#define PATHS 3
#define SIZES 2
#define SEGMENTS 44
#define AGGREGATES 4
#define WINDOW_BYTES (512U * 1024U)
#define STALL_MS 2000

static const char *const path_names[PATHS] = {"gso+gro", "mmsg", "plain"};
static const size_t sizes[SIZES] = {1200, 64};

struct result {
    double seconds;
    uint64_t datagrams;
    double send_cpu;
    double recv_cpu;
    uint64_t send_calls;
    uint64_t recv_calls;
    uint64_t lost;
};

/* What the receiver tells when it is done. */
struct report {
    uint64_t calls;
    uint64_t overflow;
    double cpu;
};

static double now_s(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static double cpu_s(void)
{
    struct rusage use;
    (void)getrusage(RUSAGE_SELF, &use);
    return (double)use.ru_utime.tv_sec + (double)use.ru_stime.tv_sec +
           ((double)use.ru_utime.tv_usec + (double)use.ru_stime.tv_usec) * 1e-6;
}

static void die(const char *what)
{
    (void)fprintf(stderr, "bench_udp: %s\n", what);
    exit(1);
}

static struct sg_udp *open_loopback(enum sg_udp_path path)
{
    struct sg_udp_options options = {.path = path};
    struct sg_udp *udp = NULL;
    if (sg_addr_parse("127.0.0.1:0", &options.bind) != SG_OK ||
        sg_udp_open(&options, &udp) != SG_OK)
        die("no socket");
    return udp;
}

static bool wait_for(const struct sg_udp *udp, short events)
{
    struct pollfd item = {.fd = sg_udp_fd(udp), .events = events};
    return poll(&item, 1, STALL_MS) > 0;
}

static void send_one(struct sg_udp *udp, const struct sg_addr *to, const void *data, size_t len)
{
    struct sg_udp_out out = {.remote = *to, .data = data, .len = len};
    size_t done = 0;
    if (sg_udp_send(udp, &out, 1, &done) != SG_OK)
        die("cannot send");
}

/* Counts datagrams and acknowledges the running count; a datagram of one byte ends it. */
static void receive_all(struct sg_udp *udp)
{
    uint64_t total = 0;
    uint64_t acked = 0;
    for (;;) {
        const struct sg_udp_in *in = NULL;
        size_t count = 0;
        sg_err err = sg_udp_recv(udp, &in, &count);
        if (err == SG_ERR_WOULD_BLOCK && !wait_for(udp, POLLIN))
            return;
        if (err != SG_OK)
            continue;
        if (in[count - 1].len == 1)
            return;
        total += count;
        if (total - acked >= SEGMENTS) {
            send_one(udp, &in[0].remote, &total, sizeof total);
            acked = total;
        }
    }
}

static void receiver(enum sg_udp_path path, int port_fd)
{
    struct sg_udp *udp = open_loopback(path);
    uint16_t port = sg_udp_local(udp)->port;
    if (write(port_fd, &port, sizeof port) != sizeof port)
        die("pipe");
    receive_all(udp);
    const struct sg_udp_stats *stats = sg_udp_stats(udp);
    struct report report = {stats->recv_calls, stats->recv_overflow, cpu_s()};
    if (write(port_fd, &report, sizeof report) != sizeof report)
        die("pipe");
    sg_udp_close(udp);
}

/* The newest acknowledgement, or what was known before. */
static uint64_t read_acks(struct sg_udp *udp, uint64_t acked)
{
    const struct sg_udp_in *in = NULL;
    size_t count = 0;
    while (sg_udp_recv(udp, &in, &count) == SG_OK) {
        for (size_t i = 0; i < count; i++) {
            if (in[i].len == sizeof acked)
                memcpy(&acked, in[i].data, sizeof acked);
        }
    }
    return acked;
}

/* Sends one burst; gives how many datagrams went to the kernel. */
static uint64_t send_burst(struct sg_udp *udp, const struct sg_addr *to, size_t size)
{
    static uint8_t payload[SEGMENTS * 1500];
    struct sg_udp_out out[AGGREGATES];
    uint64_t before = sg_udp_stats(udp)->sent_datagrams;
    size_t done = 0;
    for (size_t i = 0; i < AGGREGATES; i++)
        out[i] = (struct sg_udp_out){
            .remote = *to, .data = payload, .len = SEGMENTS * size, .segment_len = size};
    /* A rest that would block is not sent again: the count says what went out. */
    if (sg_udp_send(udp, out, AGGREGATES, &done) == SG_ERR_WOULD_BLOCK && !wait_for(udp, POLLOUT))
        die("stalled");
    return sg_udp_stats(udp)->sent_datagrams - before;
}

static struct result sender(struct sg_udp *udp, const struct sg_addr *to, size_t size, double limit)
{
    struct result result = {0};
    uint64_t sent = 0;
    uint64_t acked = 0;
    double start = now_s();
    double cpu = cpu_s();
    while (now_s() - start < limit) {
        acked = read_acks(udp, acked);
        if ((sent - acked) * size < WINDOW_BYTES && sent - acked < 2048)
            sent += send_burst(udp, to, size);
        else if (!wait_for(udp, POLLIN))
            break;
    }
    result.seconds = now_s() - start;
    result.send_cpu = cpu_s() - cpu;
    result.datagrams = acked;
    result.send_calls = sg_udp_stats(udp)->sent_calls;
    return result;
}

static struct result run(enum sg_udp_path path, size_t size, double limit)
{
    int fds[2];
    if (pipe(fds) != 0)
        die("pipe");
    pid_t child = fork();
    if (child < 0)
        die("fork");
    if (child == 0) {
        receiver(path, fds[1]);
        _exit(0);
    }
    uint16_t port = 0;
    if (read(fds[0], &port, sizeof port) != sizeof port)
        die("pipe");
    struct sg_udp *udp = open_loopback(path);
    struct sg_addr to = *sg_udp_local(udp);
    to.port = port;
    struct result result = sender(udp, &to, size, limit);
    struct report report = {0};
    send_one(udp, &to, "x", 1);
    if (read(fds[0], &report, sizeof report) != sizeof report)
        die("pipe");
    result.recv_cpu = report.cpu;
    result.recv_calls = report.calls;
    result.lost = report.overflow;
    sg_udp_close(udp);
    (void)close(fds[0]);
    (void)close(fds[1]);
    (void)waitpid(child, NULL, 0);
    return result;
}

static int by_rate(const void *a, const void *b)
{
    const struct result *x = a;
    const struct result *y = b;
    double rate_x = (double)x->datagrams / x->seconds;
    double rate_y = (double)y->datagrams / y->seconds;
    return (rate_x > rate_y) - (rate_x < rate_y);
}

static double megabytes(const struct result *r, size_t size)
{
    return (double)r->datagrams * (double)size / r->seconds * 1e-6;
}

static void print_row(const char *name, size_t size, struct result results[RUNS])
{
    qsort(results, RUNS, sizeof results[0], by_rate);
    const struct result *mid = &results[RUNS / 2];
    double count = (double)(mid->datagrams > 0 ? mid->datagrams : 1);
    double gigabytes = count * (double)size * 1e-9;
    (void)printf("%-8s %5zu %10.0f %8.0f %8.0f-%-6.0f %7.1f %7.1f %7.2f %7.2f %6" PRIu64 "\n", name,
                 size, (double)mid->datagrams / mid->seconds, megabytes(mid, size),
                 megabytes(&results[0], size), megabytes(&results[RUNS - 1], size),
                 1000.0 * (double)mid->send_calls / count, 1000.0 * (double)mid->recv_calls / count,
                 mid->send_cpu / gigabytes, mid->recv_cpu / gigabytes, mid->lost);
}

int main(int argc, char **argv)
{
    static struct result results[SIZES][PATHS][RUNS];
    double limit = argc > 1 ? strtod(argv[1], NULL) : 0.15;
    if (!(limit > 0 && limit <= 0.3))
        die("seconds per run: more than 0, at most 0.3");
    for (size_t round = 0; round < RUNS; round++) {
        for (size_t s = 0; s < SIZES; s++) {
            for (int p = 0; p < PATHS; p++)
                results[s][p][round] = run((enum sg_udp_path)p, sizes[s], limit);
        }
    }
    (void)printf(
        "path      size datagrams/s     MB/s      min-max calls/1000 tx rx   CPU s/GB tx rx"
        "   lost\n");
    for (size_t s = 0; s < SIZES; s++) {
        for (int p = 0; p < PATHS; p++)
            print_row(path_names[p], sizes[s], results[s][p]);
    }
    return 0;
}
