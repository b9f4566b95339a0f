#include "report.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "format.h"
#include "json_out.h"
#include "table.h"

typedef unsigned long long ull;

/* name, value, note: the three columns. */
static void row(struct sg_app_table *table, const char *name, const char *value, const char *note)
{
    sg_app_table_add(table, "%s", name);
    sg_app_table_add(table, "%s", value);
    sg_app_table_add(table, "%s", note);
}

static void row_time(struct sg_app_table *table, const char *name, double ns, const char *note)
{
    char text[SG_FMT_CAP];
    row(table, name, sg_fmt_ns(text, ns), note);
}

static void add_delivery(struct sg_app_table *table, const struct sg_app_report *report)
{
    char value[SG_FMT_CAP];
    char note[96];
    snprintf(note, sizeof(note), "%llu payloads arrived%s%s", (ull)report->deliveries,
             report->simulation == NULL ? " and were compared" : "",
             report->missing > 0 ? ", see above for what is missing" : "");
    if (report->simulation != NULL && report->missing > 0)
        snprintf(note, sizeof(note), "%llu payloads arrived, %llu are missing",
                 (ull)report->deliveries, (ull)report->missing);
    row(table, "delivered", sg_fmt_share(value, report->delivered), note);
    row_time(table, "latency P50", report->p50_ns,
             report->simulation == NULL ? "from publish to the subscriber's process"
                                        : "from publish to delivery, in virtual time");
    row_time(table, "latency P95", report->p95_ns, "");
    row_time(table, "latency P99", report->p99_ns, "");
    row_time(table, "latency max", report->max_ns, "");
    row_time(table, "last node P50", report->last_p50_ns, "until the last node had a message");
    row_time(table, "last node P99", report->last_p99_ns, "");
    snprintf(value, sizeof(value), "%.2f", report->hop_mean);
    snprintf(note, sizeof(note), "links to the last node on average, at most %llu",
             (ull)report->hop_max);
    row(table, "last delivery hop", value, note);
}

static void add_redundancy(struct sg_app_table *table, const struct sg_app_report *report)
{
    char value[SG_FMT_CAP];
    char note[96];
    snprintf(value, sizeof(value), "%.3f", report->rmr);
    snprintf(note, sizeof(note), "payload copies per delivery - 1, after %llu messages",
             (ull)report->warmup);
    row(table, "redundancy (RMR)", value, note);
}

static void add_costs(struct sg_app_table *table, const struct sg_app_report *report)
{
    const struct sg_app_report_costs *costs = report->costs;
    char value[SG_FMT_CAP];
    char other[SG_FMT_CAP];
    char note[96];
    snprintf(note, sizeof(note), "UDP bytes; %s of them flow on idle links, too",
             sg_fmt_share(other, costs->idle_share));
    row(table, "bytes per delivery", sg_fmt_size(value, report->bytes_per_delivery), note);
    snprintf(note, sizeof(note), "mean of %llu post-quantum handshakes", (ull)costs->handshakes);
    row_time(table, "handshake", costs->handshake_ns, note);
    snprintf(note, sizeof(note), "resident, at most %s", sg_fmt_size(other, costs->rss_max));
    row(table, "memory per node", sg_fmt_size(value, costs->rss_mean), note);
    snprintf(value, sizeof(value), "%.0f ms", costs->cpu_mean_ms);
    snprintf(note, sizeof(note), "at most %.0f ms; %.1f %% of a core while publishing",
             costs->cpu_max_ms, costs->core_mean * 100);
    row(table, "CPU per node", value, note);
}

static void add_detection(struct sg_app_table *table, const struct sg_app_report *report)
{
    const struct sg_app_report_detection *detection = report->detection;
    char other[SG_FMT_CAP];
    char note[96];
    snprintf(note, sizeof(note), "from the kill until a survivor declared it, the first after %s",
             sg_fmt_ns(other, detection->first_ns));
    row_time(table, "detection P50", detection->p50_ns, note);
    snprintf(note, sizeof(note), "until all knew: %llu of %llu verdicts, %llu false alarms",
             (ull)detection->seen, (ull)detection->expected, (ull)detection->false_alarms);
    row_time(table, "detection max", detection->max_ns, note);
}

static void add_simulation(struct sg_app_table *table, const struct sg_app_report *report)
{
    const struct sg_app_report_simulation *sim = report->simulation;
    char value[SG_FMT_CAP];
    char other[SG_FMT_CAP];
    char note[96];
    snprintf(note, sizeof(note), "frames without QUIC and UDP; %s of them control",
             sg_fmt_share(other, sim->control_share));
    row(table, "bytes per delivery", sg_fmt_size(value, report->bytes_per_delivery), note);
    snprintf(value, sizeof(value), "%.1f", sim->active_mean);
    snprintf(note, sizeof(note), "active peers of a node; %u parts, %u isolated nodes at the end",
             sim->components, sim->isolated);
    row(table, "overlay", value, note);
    double speed = sim->wall_s > 0 ? (double)sim->events / sim->wall_s : 0;
    snprintf(value, sizeof(value), "%.0f k/s", speed / 1e3);
    snprintf(note, sizeof(note), "%llu events: %.1f s of virtual time in %.2f s", (ull)sim->events,
             sim->virtual_s, sim->wall_s);
    row(table, "events", value, note);
    snprintf(value, sizeof(value), "%016llx", (ull)sim->trace_hash);
    snprintf(note, sizeof(note), "the same for seed %llu on every machine", (ull)sim->seed);
    row(table, "trace hash", value, note);
}

static void print_title(const struct sg_app_report *report)
{
    char size[SG_FMT_CAP];
    printf("%llu %snodes, %llu messages of %s", (ull)report->nodes,
           report->simulation != NULL ? "simulated " : "", (ull)report->messages,
           sg_fmt_size(size, report->size_mean));
    if (report->rate > 0)
        printf(" at %g/s", report->rate);
    if (report->costs != NULL)
        printf(", joined in %.2f s", report->costs->join_s);
    if (report->killed > 0)
        printf(", %llu killed half-way", (ull)report->killed);
    fputs("\n\n", stdout);
}

void sg_app_report_print(const struct sg_app_report *report)
{
    struct sg_app_table table;
    print_title(report);
    sg_app_table_init(&table, 3);
    table.right[1] = true;
    add_delivery(&table, report);
    if (report->costs != NULL || report->simulation != NULL)
        add_redundancy(&table, report);
    if (report->costs != NULL)
        add_costs(&table, report);
    if (report->detection != NULL)
        add_detection(&table, report);
    if (report->simulation != NULL)
        add_simulation(&table, report);
    sg_app_table_print(&table, "  ", stdout);
    sg_app_table_fini(&table);
}

/* ---- JSON ---------------------------------------------------------------------------------- */

static void put_real(json_t *object, const char *key, double value)
{
    (void)json_object_set_new(object, key, json_real(value));
}

static void put_count(json_t *object, const char *key, uint64_t value)
{
    (void)json_object_set_new(object, key, json_integer((json_int_t)value));
}

static void put_delivery(json_t *object, const struct sg_app_report *report)
{
    put_real(object, "delivered", report->delivered);
    put_count(object, "deliveries", report->deliveries);
    put_count(object, "missing", report->missing);
    put_real(object, "latency_p50_ms", report->p50_ns / 1e6);
    put_real(object, "latency_p95_ms", report->p95_ns / 1e6);
    put_real(object, "latency_p99_ms", report->p99_ns / 1e6);
    put_real(object, "latency_max_ms", report->max_ns / 1e6);
    put_real(object, "last_node_p50_ms", report->last_p50_ns / 1e6);
    put_real(object, "last_node_p99_ms", report->last_p99_ns / 1e6);
    put_real(object, "rmr", report->rmr);
    put_real(object, "last_delivery_hop_mean", report->hop_mean);
    put_count(object, "last_delivery_hop_max", report->hop_max);
    put_real(object, "bytes_per_delivery", report->bytes_per_delivery);
}

static void put_costs(json_t *object, const struct sg_app_report_costs *costs)
{
    put_real(object, "join_s", costs->join_s);
    put_real(object, "idle_share", costs->idle_share);
    put_real(object, "handshake_ms", costs->handshake_ns / 1e6);
    put_count(object, "handshakes", costs->handshakes);
    put_real(object, "rss_mean_bytes", costs->rss_mean);
    put_real(object, "rss_max_bytes", costs->rss_max);
    put_real(object, "cpu_mean_ms", costs->cpu_mean_ms);
    put_real(object, "cpu_max_ms", costs->cpu_max_ms);
    put_real(object, "core_share_mean", costs->core_mean);
    put_real(object, "core_share_max", costs->core_max);
}

static void put_detection(json_t *object, const struct sg_app_report_detection *detection)
{
    put_count(object, "detections_expected", detection->expected);
    put_count(object, "detections", detection->seen);
    put_count(object, "false_alarms", detection->false_alarms);
    put_real(object, "detection_first_ms", detection->first_ns / 1e6);
    put_real(object, "detection_p50_ms", detection->p50_ns / 1e6);
    put_real(object, "detection_max_ms", detection->max_ns / 1e6);
}

static void put_simulation(json_t *object, const struct sg_app_report_simulation *sim)
{
    char hash[SG_FMT_CAP];
    snprintf(hash, sizeof(hash), "%016llx", (ull)sim->trace_hash);
    (void)json_object_set_new(object, "trace_hash", json_string(hash));
    (void)json_object_set_new(object, "seed", sg_json_seed(sim->seed));
    put_count(object, "events", sim->events);
    put_real(object, "virtual_s", sim->virtual_s);
    put_real(object, "wall_s", sim->wall_s);
    put_real(object, "control_share", sim->control_share);
    put_count(object, "components", sim->components);
    put_count(object, "isolated", sim->isolated);
    put_real(object, "active_mean", sim->active_mean);
}

bool sg_app_report_print_json(const struct sg_app_report *report)
{
    json_t *object = json_object();
    (void)json_object_set_new(object, "ok", json_boolean(report->ok));
    put_count(object, "nodes", report->nodes);
    put_count(object, "killed", report->killed);
    put_count(object, "messages", report->messages);
    put_count(object, "warmup", report->warmup);
    put_real(object, "size_mean", report->size_mean);
    put_real(object, "rate", report->rate);
    put_delivery(object, report);
    if (report->costs != NULL)
        put_costs(object, report->costs);
    if (report->detection != NULL)
        put_detection(object, report->detection);
    if (report->simulation != NULL)
        put_simulation(object, report->simulation);
    return sg_json_print(object);
}
