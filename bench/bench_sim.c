/* The simulator: speed and memory.
 *
 *   bench_sim [nodes [messages [runs]]]      default 1000 100 3, and then scale
 *   bench_sim scale [largest [runs]]         default 10000 3: 1 000, 10 000 .. nodes
 *
 * Scale runs each size in a process of its own, without checkers, with 20 messages and 1 % of the
 * nodes crashing half-way, and compares the CPU time of an event with that at 1 000 nodes. 100 000
 * nodes take long and much memory, so only by name.
 *
 * Events per second are inputs fed to cores, by real time and by CPU time (other load on a machine
 * slows the first more than the second), with the checkers, as in 'saorsa sim', and without.
 * Bytes per node are the most that the cores have allocated at once, by a counting allocator; the
 * share of the simulator itself (links, queue, books) is counted apart. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../sim/counter.h"
#include "../sim/internal.h"

#define RUNS_MAX 15

struct args {
    uint32_t nodes, messages, runs;
};

struct sample {
    double wall, cpu;
};

static double cpu_seconds(void)
{
    struct rusage use;
    (void)getrusage(RUSAGE_SELF, &use);
    return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
           (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) * 1e-6;
}

static struct sg_sim_report run(const struct args *args, bool check, struct sg_sim_extra *extra)
{
    struct sg_sim_config config;
    struct sg_sim_report report;
    sg_sim_config_init(&config);
    config.nodes = args->nodes;
    config.messages = args->messages;
    config.check = check;
    sg_err err = sg_sim_run_with(&config, extra, &report);
    if (err != SG_OK) {
        fprintf(stderr, "bench_sim: %s\n", sg_err_text(err));
        exit(EXIT_FAILURE);
    }
    return report;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void show(const char *what, double *values, size_t count, double events)
{
    qsort(values, count, sizeof(*values), compare);
    double median = values[count / 2];
    printf("  %-10s %7.2f s  (%.2f .. %.2f)  %8.0f events/s\n", what, median, values[0],
           values[count - 1], events / median);
}

static struct sg_sim_report speed(const struct args *args, bool check)
{
    double wall[RUNS_MAX];
    double cpu[RUNS_MAX];
    struct sg_sim_report report = {.events = 0};
    for (uint32_t i = 0; i < args->runs; i++) {
        struct sg_sim_extra extra = sg_sim_extra_default();
        double before = cpu_seconds();
        report = run(args, check, &extra);
        cpu[i] = cpu_seconds() - before;
        wall[i] = report.wall_seconds;
    }
    printf("%s checkers: %" PRIu64 " events, median of %" PRIu32 " runs (min .. max)\n",
           check ? "with" : "without", report.events, args->runs);
    show("real time", wall, args->runs, (double)report.events);
    show("CPU time", cpu, args->runs, (double)report.events);
    return report;
}

static void memory(const struct args *args)
{
    struct sg_sim_counter cores;
    struct sg_sim_counter rest;
    struct sg_sim_extra extra = sg_sim_extra_default();
    sg_sim_counter_init(&cores);
    sg_sim_counter_init(&rest);
    extra.mem = &rest.mem;
    extra.core_mem = &cores.mem;
    (void)run(args, false, &extra);
    printf("memory\n  per node   %.1f KB allocated by its core at most, %.1f KB by the simulator\n",
           (double)cores.peak / args->nodes / 1e3, (double)rest.peak / args->nodes / 1e3);
}

static void show_result(const struct sg_sim_report *report)
{
    printf("result\n  delivered %.6f, missing %" PRIu64 ", RMR %.4f, LDH %.2f (max %" PRIu32
           "), P50 %.1f ms, P99 %.1f ms\n",
           report->delivered, report->missing, report->rmr, report->ldh_mean, report->ldh_max,
           (double)report->latency_p50_ns / 1e6, (double)report->latency_p99_ns / 1e6);
    printf("  trace hash %016" PRIx64 ", %" PRIu32 " component, %" PRIu32 " isolated\n",
           report->trace_hash, report->components, report->isolated);
}

static uint32_t number(int argc, char **argv, int at, uint32_t otherwise)
{
    unsigned long value = argc > at ? strtoul(argv[at], NULL, 10) : otherwise;
    return value > 0 && value < UINT32_MAX ? (uint32_t)value : otherwise;
}

/* ---- scale ---- */

#define SCALE_MESSAGES 20
#define SCALE_FIRST 1000

/* What a child tells of its run. */
struct scale {
    double cpu, wall;
    uint64_t events;
    long resident_kb;
    bool is_delivered;
};

static void show_share(void *user, double share)
{
    fprintf(stderr, "\r%" PRIu32 " nodes: %3.0f %% ", *(const uint32_t *)user, share * 100);
}

static struct scale scale_run(uint32_t nodes)
{
    struct sg_sim_extra extra = sg_sim_extra_default();
    struct sg_sim_config config;
    struct sg_sim_report report;
    struct rusage use;
    sg_sim_config_init(&config);
    config.nodes = nodes;
    config.messages = SCALE_MESSAGES;
    config.kill = 0.01;
    config.check = false;
    if (isatty(STDERR_FILENO)) {
        config.progress = show_share;
        config.user = &nodes;
    }
    sg_err err = sg_sim_run_with(&config, &extra, &report);
    if (err != SG_OK) {
        fprintf(stderr, "bench_sim: %s\n", sg_err_text(err));
        exit(EXIT_FAILURE);
    }
    if (config.progress != NULL)
        fprintf(stderr, "\r\033[K");
    (void)getrusage(RUSAGE_SELF, &use);
    return (struct scale){cpu_seconds(), report.wall_seconds, report.events, use.ru_maxrss,
                          report.delivered >= 1};
}

/* In a process of its own: the peak of memory is one per process. */
static struct scale scale_apart(uint32_t nodes)
{
    struct scale result = {0};
    int ends[2];
    int status;
    (void)fflush(stdout);
    if (pipe(ends) != 0)
        exit(EXIT_FAILURE);
    pid_t child = fork();
    if (child == 0) {
        result = scale_run(nodes);
        _exit(write(ends[1], &result, sizeof(result)) == sizeof(result) ? 0 : 1);
    }
    close(ends[1]);
    bool is_read = read(ends[0], &result, sizeof(result)) == sizeof(result);
    close(ends[0]);
    if (child < 0 || waitpid(child, &status, 0) < 0 || status != 0 || !is_read) {
        fprintf(stderr, "bench_sim: the run of %" PRIu32 " nodes did not end\n", nodes);
        exit(EXIT_FAILURE);
    }
    return result;
}

/* Microseconds of CPU time per event. */
static double scale_size(uint32_t nodes, uint32_t runs, double first)
{
    double cost[RUNS_MAX];
    struct scale last = {0};
    for (uint32_t i = 0; i < runs; i++) {
        last = scale_apart(nodes);
        cost[i] = last.cpu / (double)last.events * 1e6;
    }
    qsort(cost, runs, sizeof(*cost), compare);
    double median = cost[runs / 2];
    printf("  %6" PRIu32 "  %10" PRIu64 "  %5.2f us (%.2f .. %.2f)  %8.0f  %5.2f  %6.1f KB  %s\n",
           nodes, last.events, median, cost[0], cost[runs - 1], 1e6 / median,
           first > 0 ? median / first : 1, (double)last.resident_kb * 1.024 / nodes,
           last.is_delivered ? "all" : "not all");
    return median;
}

static void scale(uint32_t largest, uint32_t runs)
{
    printf(
        "scale: %d messages, 1 %% of the nodes crash, no checkers, %" PRIu32 " runs\n"
        "   nodes      events  CPU per event (min .. max)  events/s  ratio  per node  delivered\n",
        SCALE_MESSAGES, runs);
    double first = scale_size(SCALE_FIRST, runs, 0);
    for (uint32_t nodes = 10 * SCALE_FIRST; nodes <= largest; nodes *= 10)
        (void)scale_size(nodes, runs, first);
}

static uint32_t at_most_runs(uint32_t runs)
{
    return runs < RUNS_MAX ? runs : RUNS_MAX;
}

int main(int argc, char **argv)
{
    struct args args = {number(argc, argv, 1, 1000), number(argc, argv, 2, 100),
                        number(argc, argv, 3, 3)};
    struct rusage use;
    if (argc > 1 && strcmp(argv[1], "scale") == 0) {
        scale(number(argc, argv, 2, 10000), at_most_runs(number(argc, argv, 3, 3)));
        return EXIT_SUCCESS;
    }
    args.runs = at_most_runs(args.runs);
    printf("%" PRIu32 " nodes, %" PRIu32 " messages of 256 bytes\n", args.nodes, args.messages);
    struct sg_sim_report report = speed(&args, false);
    (void)getrusage(RUSAGE_SELF, &use);
    (void)speed(&args, true);
    memory(&args);
    printf("  resident   %.1f KB per node at the peak of a run\n",
           (double)use.ru_maxrss / args.nodes);
    show_result(&report);
    if (argc == 1)
        scale(10000, args.runs);
    return EXIT_SUCCESS;
}
