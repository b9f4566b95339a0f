/* Injected allocator. Everything that allocates takes one, so that a test can fail the n-th
 * allocation and a program can count or limit memory. */
#ifndef SG_BASE_MEM_H
#define SG_BASE_MEM_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct sg_mem {
    void *(*alloc)(void *user, size_t size);              /* NULL when out of memory */
    void *(*realloc)(void *user, void *ptr, size_t size); /* NULL leaves ptr as it was */
    void (*free)(void *user, void *ptr);                  /* ptr may be NULL */
    void *user;
};

/* malloc, realloc and free of the C library. Static, never freed. */
const struct sg_mem *sg_mem_default(void);

/* Zeroed memory for count elements of size bytes; NULL when out of memory or when count * size
 * overflows. The caller owns it and gives it back with sg_mem_free. */
void *sg_mem_new(const struct sg_mem *mem, size_t count, size_t size);
/* Like sg_mem_new but grows or shrinks ptr; new bytes are not zeroed. NULL leaves ptr as it was. */
void *sg_mem_resize(const struct sg_mem *mem, void *ptr, size_t count, size_t size);
/* Grows an array of *cap elements by a half (from none: to 8), up to max, which is more than *cap.
 * New bytes are not zeroed. NULL leaves array and *cap as they were. */
void *sg_mem_grow(const struct sg_mem *mem, void *array, uint32_t *cap, uint32_t max, size_t size);
void sg_mem_free(const struct sg_mem *mem, void *ptr);

#endif
