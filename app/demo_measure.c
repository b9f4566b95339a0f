/* The demo's figures: what the nodes count, what the kernel says about their processes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "demo.h"
#include "json_out.h"

/* ---- one node at one moment ---------------------------------------------------------------- */

/* Reads a small file of /proc into text [cap]; "" when the process is gone. */
static void read_proc(pid_t pid, const char *name, char *text, size_t cap)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    FILE *file = fopen(path, "re");
    size_t got = file != NULL ? fread(text, 1, cap - 1, file) : 0;
    text[got] = '\0';
    if (file != NULL)
        fclose(file);
}

static uint64_t read_rss(pid_t pid)
{
    char text[4096];
    read_proc(pid, "status", text, sizeof(text));
    const char *at = strstr(text, "VmRSS:");
    return at != NULL ? strtoull(at + strlen("VmRSS:"), NULL, 10) * 1024 : 0;
}

/* User and system time of a process in milliseconds. */
static double read_cpu_ms(pid_t pid)
{
    char text[1024];
    read_proc(pid, "stat", text, sizeof(text));
    /* Fields 14 and 15; field 2 is in parentheses and may hold spaces. */
    char *at = strrchr(text, ')');
    for (int field = 2; at != NULL && field < 14; field++)
        at = strchr(at + 1, ' ');
    if (at == NULL)
        return 0;
    char *next;
    double ticks = (double)strtoull(at, &next, 10);
    ticks += (double)strtoull(next, NULL, 10);
    return ticks * 1000 / (double)sysconf(_SC_CLK_TCK);
}

static void take_counts(const struct sg_demo_node *node, struct sg_demo_counts *counts)
{
    const json_t *stats = json_object_get(node->status, "stats");
    counts->received = sg_json_count(stats, "payloads_received");
    counts->duplicate = sg_json_count(stats, "payloads_duplicate");
    counts->bytes_out = sg_json_count(stats, "bytes_out");
    counts->handshakes = sg_json_count(stats, "handshakes_done");
    counts->handshake_ns = 1e3 * (double)sg_json_count(stats, "handshake_mean_us");
    counts->cpu_ms = read_cpu_ms(node->pid);
    counts->rss = read_rss(node->pid);
}

static struct sg_demo_counts *counts_at(struct sg_demo_node *node, enum sg_demo_moment moment)
{
    switch (moment) {
    case SG_DEMO_BEGIN:
        return &node->begin;
    case SG_DEMO_WARM:
        return &node->warm;
    case SG_DEMO_END:
        return &node->end;
    case SG_DEMO_IDLE:
        return &node->idle;
    }
    return &node->idle;
}

bool sg_demo_snapshot(struct sg_demo *demo, enum sg_demo_moment moment)
{
    if (!sg_demo_ask_status(demo))
        return false;
    for (size_t i = 0; i < demo->started; i++) {
        struct sg_demo_node *node = &demo->nodes[i];
        if (node->pid != 0)
            take_counts(node, counts_at(node, moment));
    }
    return true;
}

/* ---- figures ------------------------------------------------------------------------------- */

/* Sums over the survivors. */
struct sums {
    double nodes;
    double fresh, duplicate; /* payloads after warm-up */
    double bytes;            /* while publishing */
    double idle_bytes;
    double handshakes, handshake_ns;
    double rss, cpu_ms, run_cpu_ms;
};

static double max_of(double a, double b)
{
    return a > b ? a : b;
}

static void add_node(struct sums *sums, const struct sg_demo_node *node,
                     struct sg_app_report_costs *costs, double run_ms)
{
    double received = (double)(node->end.received - node->warm.received);
    double duplicate = (double)(node->end.duplicate - node->warm.duplicate);
    double run_cpu = node->end.cpu_ms - node->begin.cpu_ms;
    sums->nodes += 1;
    sums->duplicate += duplicate;
    sums->fresh += received - duplicate;
    sums->bytes += (double)(node->end.bytes_out - node->begin.bytes_out);
    sums->idle_bytes += (double)(node->idle.bytes_out - node->end.bytes_out);
    sums->handshakes += (double)node->end.handshakes;
    sums->handshake_ns += (double)node->end.handshakes * node->end.handshake_ns;
    sums->rss += (double)node->end.rss;
    sums->cpu_ms += node->end.cpu_ms;
    sums->run_cpu_ms += run_cpu;
    costs->rss_max = max_of(costs->rss_max, (double)node->end.rss);
    costs->cpu_max_ms = max_of(costs->cpu_max_ms, node->end.cpu_ms);
    costs->core_max = max_of(costs->core_max, run_ms > 0 ? run_cpu / run_ms : 0);
}

static double ratio(double part, double whole)
{
    return whole > 0 ? part / whole : 0;
}

static void figure_messages(const struct sg_demo *demo, struct sg_app_report *report)
{
    struct sg_app_hist *last = malloc(sizeof(*last));
    double hops = 0;
    double bytes = 0;
    double counted = 0;
    if (last == NULL)
        return;
    sg_app_hist_init(last);
    for (size_t i = 0; i < demo->sent; i++) {
        const struct sg_demo_message *message = &demo->messages[i];
        bytes += demo->options.size > 0 ? (double)demo->options.size
                                        : (double)demo->lines[i % demo->line_count].len;
        if (message->last_ns <= message->published_ns)
            continue;
        sg_app_hist_add(last, message->last_ns - message->published_ns);
        hops += message->hop_max;
        counted += 1;
        report->hop_max = message->hop_max > report->hop_max ? message->hop_max : report->hop_max;
    }
    report->last_p50_ns = (double)sg_app_hist_quantile(last, 0.50);
    report->last_p99_ns = (double)sg_app_hist_quantile(last, 0.99);
    report->hop_mean = ratio(hops, counted);
    report->size_mean = ratio(bytes, (double)demo->sent);
    free(last);
}

static void figure_costs(const struct sg_demo *demo, struct sg_app_report *report,
                         struct sg_app_report_costs *costs)
{
    struct sums sums = {0};
    double run_ns = (double)(demo->end_ns - demo->begin_ns);
    double idle_ns = (double)(demo->idle_end_ns - demo->idle_begin_ns);
    for (size_t i = 0; i < demo->started; i++) {
        if (!demo->nodes[i].killed)
            add_node(&sums, &demo->nodes[i], costs, run_ns / 1e6);
    }
    report->rmr = ratio(sums.duplicate, sums.fresh);
    report->bytes_per_delivery = ratio(sums.bytes, (double)report->deliveries);
    double idle = ratio(sums.idle_bytes, idle_ns) * run_ns;
    costs->idle_share = idle < sums.bytes ? ratio(idle, sums.bytes) : 1;
    costs->handshakes = (uint64_t)sums.handshakes;
    costs->handshake_ns = ratio(sums.handshake_ns, sums.handshakes);
    costs->rss_mean = ratio(sums.rss, sums.nodes);
    costs->cpu_mean_ms = ratio(sums.cpu_ms, sums.nodes);
    costs->core_mean = ratio(sums.run_cpu_ms, sums.nodes * run_ns / 1e6);
    costs->join_s = (double)demo->joined_ns / 1e9;
}

void sg_demo_figures(struct sg_demo *demo, struct sg_app_report *report,
                     struct sg_demo_figures *figures)
{
    struct sg_demo_tally tally = sg_demo_tally(demo, demo->sent);
    uint64_t unsent = demo->options.messages - demo->accepted;
    figures->costs = (struct sg_app_report_costs){0};
    sg_demo_figure_detection(demo, &figures->detection);
    *report = (struct sg_app_report){
        .nodes = demo->options.nodes,
        .messages = demo->options.messages,
        .warmup = demo->warmup,
        .rate = demo->options.rate,
        .deliveries = tally.arrived,
        .missing = tally.expected - tally.arrived,
        .delivered = ratio((double)tally.arrived, (double)tally.expected),
        .p50_ns = (double)sg_app_hist_quantile(demo->latency, 0.50),
        .p95_ns = (double)sg_app_hist_quantile(demo->latency, 0.95),
        .p99_ns = (double)sg_app_hist_quantile(demo->latency, 0.99),
        .max_ns = (double)demo->latency->max,
        .detection = figures->detection.expected > 0 ? &figures->detection : NULL,
        .costs = demo->idle_end_ns != 0 ? &figures->costs : NULL, /* NULL: it ended too early */
    };
    for (size_t i = 0; i < demo->started; i++)
        report->killed += demo->nodes[i].killed;
    figure_messages(demo, report);
    if (report->costs != NULL)
        figure_costs(demo, report, &figures->costs);
    report->ok = report->missing == 0 && unsent == 0 && demo->failure[0] == '\0' &&
                 demo->corrupt == 0 && demo->repeated == 0 && demo->unknown == 0;
}
