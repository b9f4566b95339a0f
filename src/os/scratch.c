#include "os/scratch.h"

#include <pthread.h>
#include <stdbool.h>

/* As many as threads that drive nodes at the same time, times two kinds; what is more is freed. */
#define KEPT_MAX 8

static struct {
    pthread_mutex_t mutex;
    struct {
        void *block;
        size_t len;
    } kept[KEPT_MAX];
    size_t count;
} pool = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* The latest one of this length: it is warm. */
static void *pop(size_t len)
{
    for (size_t i = pool.count; i-- > 0;) {
        if (pool.kept[i].len != len)
            continue;
        void *block = pool.kept[i].block;
        pool.kept[i] = pool.kept[--pool.count];
        return block;
    }
    return NULL;
}

void *sg_scratch_take(const struct sg_mem *mem, size_t len)
{
    void *block = NULL;
    if (mem == sg_mem_default()) {
        (void)pthread_mutex_lock(&pool.mutex);
        block = pop(len);
        (void)pthread_mutex_unlock(&pool.mutex);
    }
    /* Not sg_mem_new: zeroing would touch every page. */
    return block != NULL ? block : mem->alloc(mem->user, len);
}

void sg_scratch_put(const struct sg_mem *mem, void *block, size_t len)
{
    bool is_kept = false;
    if (block != NULL && mem == sg_mem_default()) {
        (void)pthread_mutex_lock(&pool.mutex);
        is_kept = pool.count < KEPT_MAX;
        if (is_kept) {
            pool.kept[pool.count].block = block;
            pool.kept[pool.count++].len = len;
        }
        (void)pthread_mutex_unlock(&pool.mutex);
    }
    if (!is_kept)
        sg_mem_free(mem, block);
}
