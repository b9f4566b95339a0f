#include "base/bucket.h"

/* An hour fills any bucket that is worth having, and keeps the product below 64 bits. */
#define PASSED_MAX_US UINT64_C(3600000000)

void sg_bucket_init(struct sg_bucket *bucket, sg_time_ns now, uint32_t burst)
{
    *bucket = (struct sg_bucket){.milli = (uint64_t)burst * 1000, .at = now};
}

uint64_t sg_bucket_level(struct sg_bucket *bucket, sg_time_ns now, uint32_t rate, uint32_t burst)
{
    uint64_t full = (uint64_t)burst * 1000;
    uint64_t passed_us = sg_time_since(now, bucket->at) / SG_NS_PER_US;
    if (passed_us > PASSED_MAX_US)
        passed_us = PASSED_MAX_US;
    uint64_t earned = passed_us * rate / 1000;
    if (earned > 0) {
        bucket->milli = bucket->milli + earned > full ? full : bucket->milli + earned;
        bucket->at = now;
    }
    return bucket->milli;
}

bool sg_bucket_take(struct sg_bucket *bucket, sg_time_ns now, uint32_t rate, uint32_t burst)
{
    if (sg_bucket_level(bucket, now, rate, burst) < 1000)
        return false;
    bucket->milli -= 1000;
    return true;
}
