/* Arithmetic on sg_time_ns that neither wraps nor underflows (a clock may start at 0). */
#ifndef SG_BASE_TIME_H
#define SG_BASE_TIME_H

#include <saorsa/types.h>

/* t + d, saturating at SG_TIME_NEVER. */
static inline sg_time_ns sg_time_add(sg_time_ns t, uint64_t d)
{
    return d > SG_TIME_NEVER - t ? SG_TIME_NEVER : t + d;
}

/* later - earlier, 0 when later is not later. */
static inline uint64_t sg_time_since(sg_time_ns later, sg_time_ns earlier)
{
    return later > earlier ? later - earlier : 0;
}

static inline sg_time_ns sg_time_min(sg_time_ns a, sg_time_ns b)
{
    return a < b ? a : b;
}

#endif
