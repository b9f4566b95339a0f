#include "arena.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "internal.h"

#define REGION ((size_t)64 << 10)
#define CHUNK ((size_t)32 << 20)
/* A huge page; regions begin at multiples of REGION because chunks do. */
#define CHUNK_ALIGN ((size_t)2 << 20)
#define SMALL_MIN 32
#define SMALL_MAX ((size_t)16 << 10)
#define LARGE UINT32_MAX
/* Keeps blocks of a region away from its head and on cache lines of their own where they fit. */
#define HEAD 64

struct sg_sim_block {
    struct sg_sim_block *next;
};

struct sg_sim_chunk {
    struct sg_sim_chunk *next;
};

struct region {
    uint32_t class; /* LARGE: one block */
    size_t size;    /* of its blocks */
};

static_assert(sizeof(struct region) <= HEAD, "the head has room");

/* 32, 40, 48, 56, 64, 80, .. in steps of a quarter octave. */
static size_t class_size(uint32_t class)
{
    return (size_t)(4 + class % 4) * SMALL_MIN / 4 << class / 4;
}

static uint32_t class_of(size_t size)
{
    uint32_t octave = 0;
    uint32_t class;
    while ((size_t)2 * SMALL_MIN << octave < size)
        octave++;
    class = 4 * octave;
    while (class_size(class) < size)
        class ++;
    return class;
}

static struct region *region_of(void *block)
{
    return (struct region *)(void *)((uintptr_t)block / REGION * REGION);
}

static char *aligned(char *at)
{
    size_t over = (uintptr_t)at % CHUNK_ALIGN;
    return over == 0 ? at : at + (CHUNK_ALIGN - over);
}

/* New memory for count regions. */
static char *take_regions(struct sg_sim_arena *arena, size_t count)
{
    size_t size = count * REGION;
    if ((size_t)(arena->end - arena->at) < size) {
        size_t chunk_size = size > CHUNK ? size : CHUNK;
        size_t room = chunk_size + CHUNK_ALIGN + sizeof(struct sg_sim_chunk);
        struct sg_sim_chunk *chunk = arena->parent->alloc(arena->parent->user, room);
        if (chunk == NULL)
            return NULL;
        chunk->next = arena->chunks;
        arena->chunks = chunk;
        arena->at = aligned((char *)(chunk + 1));
        arena->end = arena->at + chunk_size;
        sg_sim_huge_pages(arena->at, chunk_size);
    }
    char *at = arena->at;
    arena->at += size;
    return at;
}

static void *alloc_large(struct sg_sim_arena *arena, size_t size)
{
    size_t count = (size + HEAD + REGION - 1) / REGION;
    struct sg_sim_block **link = &arena->large;
    for (; *link != NULL; link = &(*link)->next) {
        struct sg_sim_block *block = *link;
        if (region_of(block)->size != count * REGION - HEAD)
            continue;
        *link = block->next;
        return block;
    }
    char *at = take_regions(arena, count);
    if (at == NULL)
        return NULL;
    *(struct region *)(void *)at = (struct region){LARGE, count * REGION - HEAD};
    return at + HEAD;
}

static void *alloc_small(struct sg_sim_arena *arena, size_t size)
{
    uint32_t class = class_of(size);
    struct sg_sim_block *block = arena->free[class];
    size = class_size(class);
    if (block != NULL) {
        arena->free[class] = block->next;
        return block;
    }
    if ((size_t)(arena->cut_end[class] - arena->cut_at[class]) < size) {
        char *at = take_regions(arena, 1);
        if (at == NULL)
            return NULL;
        *(struct region *)(void *)at = (struct region){class, size};
        arena->cut_at[class] = at + HEAD;
        arena->cut_end[class] = at + REGION;
    }
    arena->cut_at[class] += size;
    return arena->cut_at[class] - size;
}

static void *arena_alloc(void *user, size_t size)
{
    return size <= SMALL_MAX ? alloc_small(user, size) : alloc_large(user, size);
}

static void arena_free(void *user, void *ptr)
{
    struct sg_sim_arena *arena = user;
    struct sg_sim_block *block = ptr;
    if (ptr == NULL)
        return;
    uint32_t class = region_of(ptr)->class;
    struct sg_sim_block **list = class == LARGE ? &arena->large : &arena->free[class];
    block->next = *list;
    *list = block;
}

static void *arena_realloc(void *user, void *ptr, size_t size)
{
    size_t old = ptr == NULL ? 0 : region_of(ptr)->size;
    if (ptr != NULL && size <= old)
        return ptr;
    void *grown = arena_alloc(user, size);
    if (grown == NULL || ptr == NULL)
        return grown;
    memcpy(grown, ptr, old);
    arena_free(user, ptr);
    return grown;
}

void sg_sim_arena_init(struct sg_sim_arena *arena, const struct sg_mem *parent)
{
    *arena = (struct sg_sim_arena){.parent = parent,
                                   .mem = {arena_alloc, arena_realloc, arena_free, arena}};
}

void sg_sim_arena_fini(struct sg_sim_arena *arena)
{
    while (arena->chunks != NULL) {
        struct sg_sim_chunk *chunk = arena->chunks;
        arena->chunks = chunk->next;
        sg_mem_free(arena->parent, chunk);
    }
}
