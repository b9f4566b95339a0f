/* A token bucket: how often something may happen, with bursts. Rate and burst are the caller's and
 * given with each call, so that many buckets of a kind cost 16 bytes each. */
#ifndef SG_BASE_BUCKET_H
#define SG_BASE_BUCKET_H

#include <stdbool.h>

#include "base/time.h"

struct sg_bucket {
    uint64_t milli; /* thousandths of tokens */
    sg_time_ns at;  /* when they were counted */
};

/* Full: burst tokens at now. A zeroed bucket is empty at time 0 and fills from there. */
void sg_bucket_init(struct sg_bucket *bucket, sg_time_ns now, uint32_t burst);
/* Takes one token; false when there is none. rate: tokens per second, at most burst are kept; rate
 * 0 gives nothing back. A clock that goes back counts as standing still. */
bool sg_bucket_take(struct sg_bucket *bucket, sg_time_ns now, uint32_t rate, uint32_t burst);
/* Takes none: thousandths of tokens that are there. */
uint64_t sg_bucket_level(struct sg_bucket *bucket, sg_time_ns now, uint32_t rate, uint32_t burst);

#endif
