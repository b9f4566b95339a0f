/* An allocator that fails its n-th call and knows whether all memory came back. */
#ifndef TEST_FAILING_MEM_H
#define TEST_FAILING_MEM_H

#include <stdlib.h>

#include "base/mem.h"

struct failing_mem {
    struct sg_mem mem;
    size_t calls;   /* so far */
    size_t fail_at; /* this call fails; 0: none */
    size_t live;    /* allocations that are not freed */
};

static inline int failing_mem_is_due(struct failing_mem *f)
{
    return ++f->calls == f->fail_at;
}

static inline void *failing_mem_alloc(void *user, size_t size)
{
    struct failing_mem *f = user;
    void *ptr = failing_mem_is_due(f) ? NULL : malloc(size);
    f->live += ptr != NULL;
    return ptr;
}

static inline void *failing_mem_realloc(void *user, void *ptr, size_t size)
{
    struct failing_mem *f = user;
    void *moved = failing_mem_is_due(f) ? NULL : realloc(ptr, size);
    f->live += ptr == NULL && moved != NULL;
    return moved;
}

static inline void failing_mem_free(void *user, void *ptr)
{
    struct failing_mem *f = user;
    f->live -= ptr != NULL;
    free(ptr);
}

/* f must stay where it is while f->mem is used. */
static inline const struct sg_mem *failing_mem_init(struct failing_mem *f, size_t fail_at)
{
    *f = (struct failing_mem){.mem = {failing_mem_alloc, failing_mem_realloc, failing_mem_free, f},
                              .fail_at = fail_at};
    return &f->mem;
}

#endif
