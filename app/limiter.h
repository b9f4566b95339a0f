/* Keeps repeating log lines rare: the same line at most so many times per interval, with a count of
 * those left out. Memory is bounded: the line seen longest ago is forgotten. */
#ifndef SG_APP_LIMITER_H
#define SG_APP_LIMITER_H

#include <stdbool.h>
#include <stdint.h>

#define SG_APP_LIMITER_KEYS 64

struct sg_app_limiter_entry {
    uint64_t hash;     /* of the key; 0 = free */
    uint64_t shown_ns; /* the first of this interval */
    uint64_t left_out;
    uint32_t shown; /* in this interval */
};

struct sg_app_limiter {
    uint64_t interval_ns;
    uint32_t burst;
    struct sg_app_limiter_entry entries[SG_APP_LIMITER_KEYS];
};

/* burst: how often the same line may be shown per interval, > 0. */
void sg_app_limiter_init(struct sg_app_limiter *limiter, uint64_t interval_ns, uint32_t burst);
/* Whether a line with this key may be shown now; *left_out is how many of its kind were not shown
 * before it. */
bool sg_app_limiter_pass(struct sg_app_limiter *limiter, uint64_t now_ns, const char *key,
                         uint64_t *left_out);
/* Whether another line with this key would be left out now. */
bool sg_app_limiter_is_spent(const struct sg_app_limiter *limiter, uint64_t now_ns,
                             const char *key);

#endif
