/* Shared by benchmarks that run in one process: time, order, and an end on errors. */
#ifndef SG_BENCH_TIMING_H
#define SG_BENCH_TIMING_H

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <saorsa/err.h>

static inline void demand(sg_err err, const char *what)
{
    if (err == SG_OK)
        return;
    (void)fprintf(stderr, "%s: %s\n", what, sg_err_text(err));
    exit(1);
}

static inline double clock_s(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* CPU time of this process; and what a clock on the wall says. */
static inline double cpu_s(void)
{
    return clock_s(CLOCK_PROCESS_CPUTIME_ID);
}

static inline double wall_s(void)
{
    return clock_s(CLOCK_MONOTONIC);
}

/* For qsort. */
static inline int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

#endif
