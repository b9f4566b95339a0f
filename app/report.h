/* The result of a demo or a simulation: one table, or one JSON object. */
#ifndef SG_APP_REPORT_H
#define SG_APP_REPORT_H

#include <stdbool.h>
#include <stdint.h>

/* What processes cost; demo only. */
struct sg_app_report_costs {
    double idle_share; /* of the wire bytes, 0..1 */
    double handshake_ns;
    uint64_t handshakes;
    double rss_mean, rss_max;       /* bytes */
    double cpu_mean_ms, cpu_max_ms; /* since the process started */
    double core_mean, core_max;     /* share of a core while messages were sent */
    double join_s;
};

/* How the survivors noticed that nodes were killed; demo only. Times from the kill until a survivor
 * declared the failure, over all pairs of a killed node and a survivor. */
struct sg_app_report_detection {
    uint64_t expected, seen; /* pairs */
    uint64_t false_alarms;   /* living nodes that some node declared failed */
    double first_ns, p50_ns, max_ns;
};

/* What only the simulator knows. */
struct sg_app_report_simulation {
    uint64_t seed;
    uint64_t trace_hash;
    uint64_t events;
    double virtual_s;
    double wall_s;
    double control_share; /* of the bytes, 0..1 */
    uint32_t components;
    uint32_t isolated;
    double active_mean;
};

struct sg_app_report {
    uint64_t nodes;
    uint64_t killed;
    uint64_t messages;
    uint64_t warmup;
    double size_mean; /* bytes of payload */
    double rate;      /* per second, 0 = as fast as possible */
    double delivered; /* 0..1 */
    uint64_t deliveries;
    uint64_t missing;
    double p50_ns, p95_ns, p99_ns, max_ns;
    double last_p50_ns, last_p99_ns;
    double rmr;
    double hop_mean;
    uint64_t hop_max;
    double bytes_per_delivery;
    bool ok;
    const struct sg_app_report_costs *costs;         /* NULL: a simulation, or it ended too early */
    const struct sg_app_report_detection *detection; /* NULL: nobody was killed */
    const struct sg_app_report_simulation *simulation; /* NULL for a demo */
};

void sg_app_report_print(const struct sg_app_report *report);
/* False when out of memory. */
bool sg_app_report_print_json(const struct sg_app_report *report);

#endif
