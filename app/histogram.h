/* Durations in constant memory: 128 linear steps per power of two, so a quantile is at most 0.8 %
 * above the exact one; least, largest and mean are exact. */
#ifndef SG_APP_HISTOGRAM_H
#define SG_APP_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#define SG_APP_HIST_STEP_BITS 7
#define SG_APP_HIST_STEPS (1 << SG_APP_HIST_STEP_BITS)
/* Values below SG_APP_HIST_STEPS have a bucket each, then one group for every higher bit. */
#define SG_APP_HIST_BUCKETS ((size_t)(64 - SG_APP_HIST_STEP_BITS + 1) * SG_APP_HIST_STEPS)

struct sg_app_hist {
    uint64_t count;
    uint64_t min, max;
    double sum;
    uint64_t buckets[SG_APP_HIST_BUCKETS];
};

void sg_app_hist_init(struct sg_app_hist *hist);
void sg_app_hist_add(struct sg_app_hist *hist, uint64_t value);
/* The value that a share 0..1 of all values does not exceed (nearest rank), 0 when empty. */
uint64_t sg_app_hist_quantile(const struct sg_app_hist *hist, double share);
double sg_app_hist_mean(const struct sg_app_hist *hist);

#endif
