/* The only place of the simulator that looks at the real machine: at its clock, for the report's
 * wall_seconds and for the pace of progress call-backs, and at its pages. Nothing that is simulated
 * may depend on it. */
#define _DEFAULT_SOURCE /* madvise */
#include <sys/mman.h>
#include <time.h>

#include "internal.h"

void sg_sim_huge_pages(void *at, size_t size)
{
#ifdef MADV_HUGEPAGE
    (void)madvise(at, size, MADV_HUGEPAGE);
#else
    (void)at;
    (void)size;
#endif
}

double sg_sim_wall_seconds(void)
{
    struct timespec ts;
    if (timespec_get(&ts, TIME_UTC) == 0)
        return 0;
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}
