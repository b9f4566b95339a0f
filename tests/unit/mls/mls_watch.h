/* An allocator that looks for secrets in all that is freed. */
#ifndef MLS_WATCH_H
#define MLS_WATCH_H

#include <stdlib.h>

#include "base/mem.h"

#define SECRETS 24

struct watched {
    uint8_t secret[SECRETS][32];
    unsigned count;
    unsigned found;
    unsigned freed;
};

struct block {
    size_t len;
    _Alignas(16) uint8_t data[];
};

static inline struct block *block_of(void *ptr)
{
    return (struct block *)(void *)((uint8_t *)ptr - offsetof(struct block, data));
}

static inline void *watch_alloc(void *user, size_t size)
{
    struct block *block = calloc(1, sizeof(*block) + size);
    (void)user;
    block->len = size;
    return block->data;
}

static inline void watch_free(void *user, void *ptr)
{
    struct watched *w = user;
    if (ptr == NULL)
        return;
    for (unsigned i = 0; i < w->count; i++)
        w->found += memmem(block_of(ptr)->data, block_of(ptr)->len, w->secret[i], 32) != NULL;
    w->freed++;
    free(block_of(ptr));
}

static inline void *watch_realloc(void *user, void *ptr, size_t size)
{
    void *grown = watch_alloc(user, size);
    if (ptr != NULL)
        memcpy(grown, ptr, block_of(ptr)->len < size ? block_of(ptr)->len : size);
    watch_free(user, ptr);
    return grown;
}

static inline void watch(struct watched *w, const uint8_t *secret)
{
    assert_true(w->count < SECRETS);
    memcpy(w->secret[w->count++], secret, 32);
}

#endif
