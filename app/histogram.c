#include "histogram.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

static unsigned high_bit(uint64_t value)
{
    unsigned bit = 0;
    while (value >>= 1)
        bit++;
    return bit;
}

static size_t bucket_of(uint64_t value)
{
    if (value < SG_APP_HIST_STEPS)
        return (size_t)value;
    unsigned shift = high_bit(value) - SG_APP_HIST_STEP_BITS;
    /* The bits below the highest one that fit choose the step within the group. */
    return (size_t)(shift + 1) * SG_APP_HIST_STEPS + (size_t)((value >> shift) - SG_APP_HIST_STEPS);
}

/* The largest value that falls into a bucket. */
static uint64_t bucket_top(size_t bucket)
{
    if (bucket < SG_APP_HIST_STEPS)
        return bucket;
    size_t shift = bucket / SG_APP_HIST_STEPS - 1;
    uint64_t step = bucket % SG_APP_HIST_STEPS + SG_APP_HIST_STEPS;
    return (step << shift) + ((UINT64_C(1) << shift) - 1);
}

void sg_app_hist_init(struct sg_app_hist *hist)
{
    memset(hist, 0, sizeof(*hist));
    hist->min = UINT64_MAX;
}

void sg_app_hist_add(struct sg_app_hist *hist, uint64_t value)
{
    hist->count++;
    hist->sum += (double)value;
    hist->min = value < hist->min ? value : hist->min;
    hist->max = value > hist->max ? value : hist->max;
    hist->buckets[bucket_of(value)]++;
}

uint64_t sg_app_hist_quantile(const struct sg_app_hist *hist, double share)
{
    uint64_t rank = (uint64_t)ceil(share * (double)hist->count);
    uint64_t below = 0;
    if (hist->count == 0)
        return 0;
    for (size_t i = 0; i < SG_APP_HIST_BUCKETS; i++) {
        below += hist->buckets[i];
        if (below >= rank && hist->buckets[i] > 0) {
            uint64_t top = bucket_top(i);
            return top < hist->max ? top : hist->max;
        }
    }
    return hist->max;
}

double sg_app_hist_mean(const struct sg_app_hist *hist)
{
    return hist->count > 0 ? hist->sum / (double)hist->count : 0;
}
