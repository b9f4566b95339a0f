#include "os/clock.h"

#include <stdlib.h>
#include <time.h>

sg_time_ns sg_clock_now(void)
{
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0)
        abort(); /* POSIX has it since 2008; without it nothing here can run */
    return (uint64_t)now.tv_sec * SG_NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t sg_clock_wall_ms(void)
{
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0 || now.tv_sec < 0)
        return 0;
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / SG_NS_PER_MS;
}
