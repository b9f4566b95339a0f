/* The load generator of 'saorsa bench': one publisher and up to SG_BENCH_SUBS_MAX subscribers, each
 * a running node asked over its control socket, or a subscriber node of this process. One thread,
 * one poll. Each payload carries its number and the time (CLOCK_MONOTONIC) before it was handed to
 * the publisher's node, so delays are exact on one machine. */
#ifndef SG_APP_BENCH_LOAD_H
#define SG_APP_BENCH_LOAD_H

#include <saorsa/gossip.h>

#include "ctl_client.h"
#include "histogram.h"
#include "progress.h"

#define SG_BENCH_SUBS_MAX 64
#define SG_BENCH_SIZE_MIN 64 /* tag, number and time take up to 60 */

struct sg_bench_sub {
    char name[SG_SOCKET_PATH_MAX]; /* for people: its socket, or "own node 1" */
    struct sg_ctl_client client;   /* fd -1: of this process */
    struct sg_node *node;          /* of this process, or NULL */
    struct sg_subscription *inbox; /* of node */
    bool is_warm;                  /* a first message has come */
    uint64_t delivered, dropped;
    struct sg_app_hist delay; /* ns */
};

struct sg_bench {
    /* what is wanted */
    char topic[SG_CTL_TOPIC_MAX + 1];
    uint64_t count, rate, size; /* rate 0: as fast as possible */
    uint64_t patience_ns;       /* without any progress; twice as long at the start */
    bool quiet;
    /* who */
    struct sg_ctl_client publisher;
    struct sg_bench_sub *subs[SG_BENCH_SUBS_MAX]; /* [sub_count], owned */
    size_t sub_count;
    /* how it goes */
    uint64_t tag; /* of this run: payloads of others are not counted */
    bool is_warming;
    uint64_t sent;    /* requests .. */
    uint64_t answers; /* .. of which so many are answered .. */
    uint64_t accepted;
    uint64_t refused;          /* .. by "would block": sent again */
    uint64_t begin_ns, end_ns; /* first request, last answer .. */
    uint64_t last_ns;          /* .. and last delivery */
    uint64_t pause_until_ns;   /* after a refusal */
    char *payload;             /* [size + 1] */
    struct sg_progress progress;
    int code; /* other than SG_EXIT_OK: it is over */
};

/* Adds a subscriber over a control socket. Complains and gives an exit code. */
int sg_bench_add_socket(struct sg_bench *bench, const struct sg_app_path_options *paths);
/* Adds count nodes of this process, which join through the publisher's node. */
int sg_bench_add_own(struct sg_bench *bench, size_t count);
/* Runs it all: waits until each subscriber has got a message, publishes, waits for the deliveries.
 * SG_EXIT_TIMEOUT, after a complaint: some did not come; when any were accepted, the figures are
 * good all the same. */
int sg_bench_run(struct sg_bench *bench);
/* Ends all, whatever was made; the caller's struct stays. */
void sg_bench_fini(struct sg_bench *bench);

uint64_t sg_bench_delivered(const struct sg_bench *bench);
uint64_t sg_bench_dropped(const struct sg_bench *bench);
/* Prints what was measured on stdout; false when out of memory. */
bool sg_bench_print(const struct sg_bench *bench, bool json);

#endif
