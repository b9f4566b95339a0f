#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static void *default_alloc(void *user, size_t size)
{
    (void)user;
    return malloc(size);
}

static void *default_realloc(void *user, void *ptr, size_t size)
{
    (void)user;
    return realloc(ptr, size);
}

static void default_free(void *user, void *ptr)
{
    (void)user;
    free(ptr);
}

const struct sg_mem *sg_mem_default(void)
{
    static const struct sg_mem mem = {default_alloc, default_realloc, default_free, NULL};
    return &mem;
}

void *sg_mem_new(const struct sg_mem *mem, size_t count, size_t size)
{
    if (count == 0 || size == 0 || count > SIZE_MAX / size)
        return NULL;
    /* the C library gives big zeroed blocks without touching them: a table that is sized for the
     * worst case then costs only the pages in use */
    if (mem->alloc == default_alloc)
        return calloc(count, size);
    void *ptr = mem->alloc(mem->user, count * size);
    if (ptr != NULL)
        memset(ptr, 0, count * size);
    return ptr;
}

void *sg_mem_resize(const struct sg_mem *mem, void *ptr, size_t count, size_t size)
{
    if (count == 0 || size == 0 || count > SIZE_MAX / size)
        return NULL;
    return mem->realloc(mem->user, ptr, count * size);
}

void *sg_mem_grow(const struct sg_mem *mem, void *array, uint32_t *cap, uint32_t max, size_t size)
{
    uint32_t more = *cap < 8 ? 8 : *cap + *cap / 2;
    if (more > max)
        more = max;
    void *grown = sg_mem_resize(mem, array, more, size);
    if (grown != NULL)
        *cap = more;
    return grown;
}

void sg_mem_free(const struct sg_mem *mem, void *ptr)
{
    if (ptr != NULL)
        mem->free(mem->user, ptr);
}
