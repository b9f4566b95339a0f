/* The only place of the simulator that looks at a real clock, for the report's wall_seconds and for
 * the pace of progress call-backs. Nothing that is simulated may depend on it. */
#include <time.h>

#include "internal.h"

double sg_sim_wall_seconds(void)
{
    struct timespec ts;
    if (timespec_get(&ts, TIME_UTC) == 0)
        return 0;
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}
