/* A cluster of real processes for bench_cluster: what a node's process tells its parent, and what
 * the parent reads about it from the kernel. Each process is started anew (fork and exec) so that
 * its memory and its death are those of a daemon. It takes commands on stdin, one a line, and
 * ends when stdin closes, so nothing is left behind when the parent dies. */
#ifndef SG_BENCH_CLUSTER_H
#define SG_BENCH_CLUSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <saorsa/gossip.h>

#define CLUSTER_EVENTS_FD 3 /* of a node's process: all write whole records to one pipe */
#define CLUSTER_ADDRESS_CAP 64

enum cluster_record_type {
    CLUSTER_READY = 1, /* peer, address */
    CLUSTER_EVENT,     /* kind and peer of an event */
    CLUSTER_TABLE      /* counts, in answer to the command "table" */
};

/* What a node does while nothing happens, as its statistics count it. */
enum cluster_count {
    CLUSTER_BYTES, /* sent */
    CLUSTER_DATAGRAMS,
    CLUSTER_PROBE_PACKETS,
    CLUSTER_PROBES,
    CLUSTER_DIALS,
    CLUSTER_HANDSHAKES,
    CLUSTER_SIGNATURES, /* made and verified, those of handshakes not included */
    CLUSTER_COUNTS
};

/* Below PIPE_BUF, so a write is never mixed with another. */
struct cluster_record {
    uint32_t node; /* number of the node, as given by the parent */
    uint32_t type;
    uint64_t time_ns; /* CLOCK_MONOTONIC, the same for all processes */
    uint32_t kind;
    uint32_t alive, suspect, failed; /* entries of the member table */
    uint32_t connections, neighbors;
    uint64_t counts[CLUSTER_COUNTS]; /* since the start */
    struct sg_peer_id peer;
    char address[CLUSTER_ADDRESS_CAP];
};

struct cluster_options {
    unsigned nodes, kills, settle_s, idle_s, burners, burn_s, seed;
    bool respawn; /* replace each killed node by a new one */
};

/* False when the options make no sense. */
bool cluster_parse(int argc, char **argv, struct cluster_options *options);

/* The process of one node; dir is its state folder. Returns the exit code. */
int cluster_node_main(uint32_t number, const char *dir, const char *network);

uint64_t cluster_now_ns(void);
void cluster_sleep_ms(uint64_t ms);

/* Nanoseconds of processor time of all threads of a process; 0 when it is gone. */
uint64_t cluster_cpu_ns(pid_t pid);

enum cluster_memory_kind {
    CLUSTER_PROGRAM,   /* pages of the executable, OpenSSL included: shared by all nodes */
    CLUSTER_DATA,      /* its variables and relocated tables: written, so private */
    CLUSTER_LIBRARIES, /* shared objects */
    CLUSTER_HEAP,      /* malloc, and other memory without a name */
    CLUSTER_STACK,
    CLUSTER_OTHER,
    CLUSTER_MEMORY_KINDS
};

/* Kilobytes; pss counts a page that n processes share as 1/n. */
struct cluster_memory {
    double rss[CLUSTER_MEMORY_KINDS];
    double pss[CLUSTER_MEMORY_KINDS];
};

const char *cluster_memory_name(enum cluster_memory_kind kind);
/* Members of a JSON object, a line each; memory is divided by the number of nodes. */
void cluster_print_memory(const char *name, const double kb[CLUSTER_MEMORY_KINDS], unsigned nodes);
void cluster_print_counts(const char *name, const double counts[CLUSTER_COUNTS]);

/* Adds the memory of a process to *sum; false when it is gone. */
bool cluster_memory_add(pid_t pid, struct cluster_memory *sum);

#endif
