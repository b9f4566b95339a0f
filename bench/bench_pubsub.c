/* Publish and subscribe: what signed broadcast costs.
 *
 *   bench_pubsub [core|mesh]      default both; about 40 s
 *
 * core: one author, one receiver, 64-byte messages, two cores without sockets. Goals: >= 100 000
 * verified messages per second and core with batches; a lone message costs both sides together
 * <= 1.1 x (sign + verify).
 * mesh: nodes over QUIC on loopback in one process, processor time of all of them. Goals: <= 400
 * bytes beyond the payload at batches of 16 and <= 3 600 at batches of one on a settled tree; >= 20
 * 000 deliveries per second and core at 1 KiB with 8 links. */
#include "pubsub.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

_Noreturn void pubsub_die(const char *what)
{
    (void)fprintf(stderr, "bench_pubsub: %s\n", what);
    exit(1);
}

static double clock_s(clockid_t clock)
{
    struct timespec t;
    (void)clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

double pubsub_thread_cpu(void)
{
    return clock_s(CLOCK_THREAD_CPUTIME_ID);
}

double pubsub_process_cpu(void)
{
    return clock_s(CLOCK_PROCESS_CPUTIME_ID);
}

double pubsub_now(void)
{
    return clock_s(CLOCK_MONOTONIC);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

double pubsub_median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare);
    return values[count / 2];
}

static void print_core(uint8_t batch)
{
    double author[PUBSUB_RUNS], receiver[PUBSUB_RUNS], ratio[PUBSUB_RUNS];
    struct pubsub_pair last = {0};
    for (int i = 0; i < PUBSUB_RUNS; i++) {
        double sign, verify;
        pubsub_signature_costs(&sign, &verify);
        last = pubsub_core_pair(batch, 64, batch == 1 ? 512 : 16384);
        author[i] = last.author_us;
        receiver[i] = last.receiver_us;
        ratio[i] = (author[i] + receiver[i]) / (sign + verify);
    }
    double us = pubsub_median(receiver, PUBSUB_RUNS);
    double r = pubsub_median(ratio, PUBSUB_RUNS);
    printf("%5u %10.2f %10.2f %12.0f [%.0f..%.0f] %8.3f [%.3f..%.3f] %8.0f %8.4f\n", batch,
           pubsub_median(author, PUBSUB_RUNS), us, 1e6 / us, 1e6 / receiver[PUBSUB_RUNS - 1],
           1e6 / receiver[0], r, ratio[0], ratio[PUBSUB_RUNS - 1], last.wire_bytes, last.verified);
}

static void run_core(void)
{
    static const uint8_t batches[] = {1, 4, 16, 64};
    puts("One author, one receiver, 64-byte messages, without sockets (median of 5 [spread]):");
    puts("batch  author us receiver us  verified/s/core        both / (sign + verify)   bytes  "
         "verifications");
    for (size_t i = 0; i < sizeof batches; i++)
        print_core(batches[i]);
}

static void print_mesh(const char *name, const struct pubsub_load *load)
{
    double rate[PUBSUB_RUNS], overhead[PUBSUB_RUNS];
    struct pubsub_mesh last = {0};
    for (int i = 0; i < PUBSUB_RUNS; i++) {
        last = pubsub_mesh_run(load);
        rate[i] = last.delivered_per_cpu_s;
        overhead[i] = last.overhead;
    }
    double median = pubsub_median(rate, PUBSUB_RUNS);
    printf("%-28s %7.0f [%.0f..%.0f] %9.0f %7.0f [%.0f..%.0f] %6.0f %6.1f %7.3f %6.4f\n", name,
           median, rate[0], rate[PUBSUB_RUNS - 1], last.delivered_per_s,
           pubsub_median(overhead, PUBSUB_RUNS), overhead[0], overhead[PUBSUB_RUNS - 1],
           last.control, last.batch, last.copies, last.lost);
}

static void run_mesh(void)
{
    static const struct pubsub_load lone = {2, 64, 600, 1, 6000};
    static const struct pubsub_load sixteen = {2, 64, 16 * 300, 16, 4500};
    static const struct pubsub_load fast = {2, 64, 100000, 1, 0};
    static const struct pubsub_load lone9 = {9, 64, 300, 1, 7000};
    static const struct pubsub_load sixteen9 = {9, 64, 16 * 200, 16, 4500};
    static const struct pubsub_load kib9 = {9, 1024, 8000, 1, 0};
    puts("Nodes over QUIC on loopback, processor time of all (median of 5 [spread]):");
    puts("                             deliveries/s/core    per s   bytes beyond payload  IHAVE  "
         "batch  copies   lost");
    print_mesh("2 nodes, 64 B, lone", &lone);
    print_mesh("2 nodes, 64 B, by 16", &sixteen);
    print_mesh("2 nodes, 64 B, full speed", &fast);
    print_mesh("9 nodes, 64 B, lone", &lone9);
    print_mesh("9 nodes, 64 B, by 16", &sixteen9);
    print_mesh("9 nodes, 1 KiB, full speed", &kib9);
}

int main(int argc, char **argv)
{
    const char *part = argc > 1 ? argv[1] : "";
    if (strcmp(part, "mesh") != 0)
        run_core();
    if (strcmp(part, "core") != 0)
        run_mesh();
    return 0;
}
