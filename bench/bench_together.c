/* Many nodes in one process, a loop thread each: what memberlist's figures are taken from, so that
 * the same can be compared with the same. Convergence, idle CPU and memory of all together; one
 * JSON object on stdout. For crashes and for the memory of one node see bench_cluster.
 *
 *   bench_together [nodes [settle_s [idle_s]]]      default 32 5 20 */
#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "cluster.h"

#define NODES_MAX 320
#define PATIENCE_MS 120000

static struct sg_node *nodes[NODES_MAX];

static _Noreturn void die(const char *what)
{
    (void)fprintf(stderr, "bench_together: %s\n", what);
    exit(1);
}

static double now_ms(void)
{
    return (double)cluster_now_ns() / 1e6;
}

static double cpu_s(void)
{
    struct rusage r;
    (void)getrusage(RUSAGE_SELF, &r);
    return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
           (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) * 1e-6;
}

static long rss_kb(void)
{
    char line[128];
    long kb = -1;
    FILE *file = fopen("/proc/self/status", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "VmRSS:", 6) == 0)
            kb = strtol(line + 6, NULL, 10);
    }
    if (file != NULL)
        (void)fclose(file);
    return kb;
}

static void make_all(unsigned count)
{
    struct sg_node_config config;
    char detail[256] = "";
    sg_node_config_init(&config);
    config.listen = "127.0.0.1:0";
    config.network = "bench";
    for (unsigned i = 0; i < count; i++) {
        if (sg_node_new(&config, &nodes[i], detail, sizeof detail) != SG_OK)
            die(detail);
        if (sg_node_start(nodes[i]) != SG_OK)
            die("a node does not start");
    }
}

/* Until every node has told of all others. */
static void wait_for_all(unsigned count)
{
    double end = now_ms() + PATIENCE_MS;
    struct sg_event event;
    for (unsigned i = 0; i < count; i++) {
        for (unsigned known = 0; known < count - 1;) {
            if (now_ms() > end)
                die("no convergence");
            if (sg_node_next_event(nodes[i], 100, &event) == SG_OK)
                known += event.kind == SG_EVENT_MEMBER_JOIN;
        }
    }
}

static unsigned long long datagrams(unsigned count)
{
    struct sg_stats stats;
    unsigned long long sum = 0;
    for (unsigned i = 0; i < count; i++) {
        sg_node_stats(nodes[i], &stats);
        sum += stats.datagrams_out;
    }
    return sum;
}

static void measure(unsigned count, unsigned settle_s, unsigned idle_s)
{
    char seed[CLUSTER_ADDRESS_CAP];
    double begin = now_ms();
    sg_node_address(nodes[0], seed, sizeof seed);
    for (unsigned i = 1; i < count; i++) {
        if (sg_node_join(nodes[i], seed) != SG_OK)
            die("join");
    }
    wait_for_all(count);
    double converge_ms = now_ms() - begin;
    double join_cpu_s = cpu_s();
    cluster_sleep_ms((uint64_t)settle_s * 1000);
    unsigned long long sent = datagrams(count);
    double cpu = cpu_s();
    begin = now_ms();
    cluster_sleep_ms((uint64_t)idle_s * 1000);
    double took_s = (now_ms() - begin) / 1000;
    cpu = 100 * (cpu_s() - cpu) / took_s;
    double rate = (double)(datagrams(count) - sent) / took_s / count;
    struct mallinfo2 heap = mallinfo2();
    printf("{\"peer\": \"saorsa together\", \"nodes\": %u, \"converge_ms\": %.1f, "
           "\"join_cpu_s\": %.3f, \"idle_s\": %.1f, \"idle_cpu_percent\": %.3f, "
           "\"node_datagrams\": %.2f, \"rss_kb\": %ld, \"heap_kb\": %zu}\n",
           count, converge_ms, join_cpu_s, took_s, cpu, rate, rss_kb(),
           (heap.uordblks + heap.hblkhd) / 1024);
}

static unsigned number(int argc, char **argv, int at, unsigned otherwise)
{
    return at < argc ? (unsigned)strtoul(argv[at], NULL, 10) : otherwise;
}

int main(int argc, char **argv)
{
    unsigned count = number(argc, argv, 1, 32);
    unsigned settle_s = number(argc, argv, 2, 5);
    unsigned idle_s = number(argc, argv, 3, 20);
    if (argc > 4 || count < 2 || count > NODES_MAX || idle_s < 1 || settle_s > 600 || idle_s > 3600)
        die("usage: bench_together [nodes [settle_s [idle_s]]]");
    make_all(count);
    measure(count, settle_s, idle_s);
    for (unsigned i = 0; i < count; i++)
        sg_node_free(nodes[i]);
    return 0;
}
