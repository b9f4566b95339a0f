/* An allocator that counts bytes and can be empty. */
#ifndef SG_TESTS_SWIM_METER_H
#define SG_TESTS_SWIM_METER_H

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct meter {
    size_t now, most;
    bool is_empty; /* gives nothing */
};

static inline void *meter_alloc(void *user, size_t size)
{
    struct meter *meter = user;
    size_t *at = meter->is_empty ? NULL : malloc(sizeof(max_align_t) + size);
    if (at == NULL)
        return NULL;
    *at = size;
    meter->now += size;
    if (meter->now > meter->most)
        meter->most = meter->now;
    return (char *)at + sizeof(max_align_t);
}

static inline void meter_free(void *user, void *ptr)
{
    struct meter *meter = user;
    if (ptr == NULL)
        return;
    size_t *at = (size_t *)(void *)((char *)ptr - sizeof(max_align_t));
    meter->now -= *at;
    free(at);
}

static inline void *meter_realloc(void *user, void *ptr, size_t size)
{
    void *grown = meter_alloc(user, size);
    if (grown == NULL || ptr == NULL)
        return grown;
    size_t old = *(size_t *)(void *)((char *)ptr - sizeof(max_align_t));
    memcpy(grown, ptr, old < size ? old : size);
    meter_free(user, ptr);
    return grown;
}

static inline struct sg_mem meter_mem(struct meter *meter)
{
    return (struct sg_mem){meter_alloc, meter_realloc, meter_free, meter};
}

#endif
