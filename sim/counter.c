#include "counter.h"

#include <stdint.h>
#include <stdlib.h>

/* Each block begins with its size. */
#define HEAD 16

static void *counter_realloc(void *user, void *ptr, size_t size)
{
    struct sg_sim_counter *counter = user;
    size_t *old = ptr == NULL ? NULL : (size_t *)(void *)((char *)ptr - HEAD);
    size_t before = old == NULL ? 0 : *old;
    size_t *block = size > SIZE_MAX - HEAD ? NULL : realloc(old, size + HEAD);
    if (block == NULL)
        return NULL;
    *block = size;
    counter->live += size - before;
    if (counter->peak < counter->live)
        counter->peak = counter->live;
    return (char *)block + HEAD;
}

static void *counter_alloc(void *user, size_t size)
{
    return counter_realloc(user, NULL, size);
}

static void counter_free(void *user, void *ptr)
{
    struct sg_sim_counter *counter = user;
    if (ptr == NULL)
        return;
    size_t *block = (size_t *)(void *)((char *)ptr - HEAD);
    counter->live -= *block;
    free(block);
}

void sg_sim_counter_init(struct sg_sim_counter *counter)
{
    *counter =
        (struct sg_sim_counter){.mem = {counter_alloc, counter_realloc, counter_free, counter}};
}
