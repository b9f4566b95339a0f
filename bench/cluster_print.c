/* Pieces of the JSON object that bench_cluster prints. */
#include "cluster.h"

#include <stdio.h>

void cluster_print_memory(const char *name, const double kb[CLUSTER_MEMORY_KINDS], unsigned nodes)
{
    double sum = 0;
    printf("  \"%s\": {", name);
    for (unsigned i = 0; i < CLUSTER_MEMORY_KINDS; i++) {
        sum += kb[i] / nodes;
        printf("\"%s\": %.0f, ", cluster_memory_name((enum cluster_memory_kind)i), kb[i] / nodes);
    }
    printf("\"sum\": %.0f},\n", sum);
}

void cluster_print_counts(const char *name, const double counts[CLUSTER_COUNTS])
{
    static const char *const names[CLUSTER_COUNTS] = {
        "bytes", "datagrams", "probe_packets", "probes", "dials", "handshakes", "signatures"};
    printf("  \"%s\": {", name);
    for (unsigned k = 0; k < CLUSTER_COUNTS; k++)
        printf("%s\"%s\": %.2f", k > 0 ? ", " : "", names[k], counts[k]);
    puts("},");
}
