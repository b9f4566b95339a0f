#include "limiter.h"

#include <stddef.h>
#include <string.h>

void sg_app_limiter_init(struct sg_app_limiter *limiter, uint64_t interval_ns, uint32_t burst)
{
    memset(limiter, 0, sizeof(*limiter));
    limiter->interval_ns = interval_ns;
    limiter->burst = burst;
}

/* FNV-1a, never 0. */
static uint64_t hash_of(const char *key)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *key != '\0'; key++)
        hash = (hash ^ (uint8_t)*key) * UINT64_C(0x100000001b3);
    return hash != 0 ? hash : 1;
}

/* The entry of a key, or the one to give up for it. */
static struct sg_app_limiter_entry *find(struct sg_app_limiter *limiter, uint64_t hash)
{
    struct sg_app_limiter_entry *oldest = &limiter->entries[0];
    for (size_t i = 0; i < SG_APP_LIMITER_KEYS; i++) {
        struct sg_app_limiter_entry *entry = &limiter->entries[i];
        if (entry->hash == hash)
            return entry;
        if (oldest->hash != 0 && (entry->hash == 0 || entry->shown_ns < oldest->shown_ns))
            oldest = entry;
    }
    return oldest;
}

bool sg_app_limiter_pass(struct sg_app_limiter *limiter, uint64_t now_ns, const char *key,
                         uint64_t *left_out)
{
    uint64_t hash = hash_of(key);
    struct sg_app_limiter_entry *entry = find(limiter, hash);
    *left_out = 0;
    if (entry->hash != hash)
        *entry = (struct sg_app_limiter_entry){.hash = hash, .shown_ns = now_ns};
    if (now_ns - entry->shown_ns >= limiter->interval_ns) {
        *left_out = entry->left_out;
        *entry = (struct sg_app_limiter_entry){.hash = hash, .shown_ns = now_ns};
    }
    if (entry->shown == limiter->burst) {
        entry->left_out++;
        return false;
    }
    entry->shown++;
    return true;
}

bool sg_app_limiter_is_spent(const struct sg_app_limiter *limiter, uint64_t now_ns, const char *key)
{
    uint64_t hash = hash_of(key);
    for (size_t i = 0; i < SG_APP_LIMITER_KEYS; i++) {
        const struct sg_app_limiter_entry *entry = &limiter->entries[i];
        if (entry->hash == hash)
            return entry->shown == limiter->burst &&
                   now_ns - entry->shown_ns < limiter->interval_ns;
    }
    return false;
}
