#include "arena.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "internal.h"

#define REGION ((size_t)64 << 10)
#define REGIONS 512
#define CHUNK (REGIONS * REGION)
#define SMALL_MIN ((size_t)32)
#define SMALL_MAX SG_SIM_ARENA_SMALL_MAX
#define STEP SG_SIM_ARENA_STEP
/* From here on the steps double with the size. */
#define STEPPED (16 * STEP)
#define LARGE UINT32_MAX

struct block {
    struct block *next;
};

struct sg_sim_region {
    uint32_t class; /* LARGE: one block, in this region and those behind it */
    uint32_t live;  /* blocks in use */
    size_t size;    /* of its blocks */
    struct block *free;
    char *cut_at, *cut_end; /* the rest that was never used */
    struct sg_sim_region *next, *prev;
};

/* The head of a chunk takes the first region; a chunk for one block may be longer than others. */
struct sg_sim_chunk {
    struct sg_sim_chunk *next;
    void *memory; /* of the parent's */
    struct sg_sim_region region[REGIONS];
};
static_assert(sizeof(struct sg_sim_chunk) <= REGION, "the head has room");

static size_t class_size(uint32_t class)
{
    const uint32_t stepped = (STEPPED - SMALL_MIN) / STEP;
    if (class <= stepped)
        return SMALL_MIN + class * STEP;
    uint32_t more = class - stepped;
    return (16 + more % 16) * STEP << more / 16;
}

static uint32_t class_of(const struct sg_sim_arena *arena, size_t size)
{
    return arena->class_of[(size + STEP - 1) / STEP];
}

static struct sg_sim_chunk *chunk_of(const void *block)
{
    return (struct sg_sim_chunk *)(void *)((uintptr_t)block / CHUNK * CHUNK);
}

static struct sg_sim_region *region_of(const void *block)
{
    return &chunk_of(block)->region[(uintptr_t)block % CHUNK / REGION];
}

static char *start_of(struct sg_sim_region *region)
{
    struct sg_sim_chunk *chunk = chunk_of(region);
    return (char *)chunk + (size_t)(region - chunk->region) * REGION;
}

/* ---- regions ---- */

static struct sg_sim_chunk *new_chunk(struct sg_sim_arena *arena, size_t size)
{
    char *memory = arena->parent->alloc(arena->parent->user, size + CHUNK);
    if (memory == NULL)
        return NULL;
    struct sg_sim_chunk *chunk = chunk_of(memory + CHUNK - 1);
    sg_sim_huge_pages(chunk, size);
    chunk->next = arena->chunks;
    chunk->memory = memory;
    arena->chunks = chunk;
    return chunk;
}

/* New memory for count regions, which fit into a chunk. */
static struct sg_sim_region *take_regions(struct sg_sim_arena *arena, uint32_t count)
{
    if (arena->chunks == NULL || arena->used + count > REGIONS) {
        if (new_chunk(arena, CHUNK) == NULL)
            return NULL;
        arena->used = 1;
    }
    arena->used += count;
    return &arena->chunks->region[arena->used - count];
}

/* A chunk for one block. The next small one then takes a new chunk, too: this is rare. */
static struct sg_sim_region *alloc_huge(struct sg_sim_arena *arena, size_t size)
{
    struct sg_sim_chunk *chunk = new_chunk(arena, size + REGION);
    arena->used = REGIONS;
    return chunk == NULL ? NULL : &chunk->region[1];
}

static void link_region(struct sg_sim_region **list, struct sg_sim_region *region)
{
    region->prev = NULL;
    region->next = *list;
    if (*list != NULL)
        (*list)->prev = region;
    *list = region;
}

static void unlink_region(struct sg_sim_region **list, struct sg_sim_region *region)
{
    if (region->prev != NULL)
        region->prev->next = region->next;
    else
        *list = region->next;
    if (region->next != NULL)
        region->next->prev = region->prev;
}

/* The first count regions of a free larger block, whose others stay free; NULL = no block has so
 * many. One that is alone in its chunk has only the first of its regions. */
static struct sg_sim_region *split_large(struct sg_sim_arena *arena, size_t count)
{
    struct sg_sim_region *region = arena->large;
    while (region != NULL && region->size != count * REGION &&
           (region->size < count * REGION || region->size >= CHUNK))
        region = region->next;
    if (region == NULL)
        return NULL;
    unlink_region(&arena->large, region);
    if (region->size > count * REGION) {
        region[count] = (struct sg_sim_region){.size = region->size - count * REGION};
        link_region(&arena->large, &region[count]);
    }
    return region;
}

static struct sg_sim_region *free_regions(struct sg_sim_arena *arena, size_t count)
{
    struct sg_sim_region *region = arena->empty;
    if (count == 1 && region != NULL) {
        unlink_region(&arena->empty, region);
        return region;
    }
    region = split_large(arena, count);
    if (region != NULL)
        return region;
    return count < REGIONS ? take_regions(arena, (uint32_t)count)
                           : alloc_huge(arena, count * REGION);
}

static struct sg_sim_region *open_region(struct sg_sim_arena *arena, uint32_t class)
{
    struct sg_sim_region *region = free_regions(arena, 1);
    if (region == NULL)
        return NULL;
    char *start = start_of(region);
    *region = (struct sg_sim_region){
        .class = class, .size = class_size(class), .cut_at = start, .cut_end = start + REGION};
    link_region(&arena->open[class], region);
    return region;
}

/* ---- blocks ---- */

static bool is_full(const struct sg_sim_region *region)
{
    return region->free == NULL && (size_t)(region->cut_end - region->cut_at) < region->size;
}

static void *alloc_small(struct sg_sim_arena *arena, size_t size)
{
    uint32_t class = class_of(arena, size);
    struct sg_sim_region *region = arena->open[class];
    if (region == NULL)
        region = open_region(arena, class);
    if (region == NULL)
        return NULL;
    void *block = region->free;
    if (block != NULL) {
        region->free = region->free->next;
    } else {
        block = region->cut_at;
        region->cut_at += region->size;
    }
    region->live++;
    if (is_full(region))
        unlink_region(&arena->open[class], region);
    return block;
}

static void free_small(struct sg_sim_arena *arena, struct sg_sim_region *region,
                       struct block *block)
{
    struct sg_sim_region **open = &arena->open[region->class];
    if (is_full(region))
        link_region(open, region);
    block->next = region->free;
    region->free = block;
    region->live--;
    if (region->live > 0 || (region->next == NULL && region->prev == NULL))
        return; /* the last one of its size stays */
    unlink_region(open, region);
    link_region(&arena->empty, region);
}

static void *alloc_large(struct sg_sim_arena *arena, size_t size)
{
    size_t count = (size + REGION - 1) / REGION;
    struct sg_sim_region *region = free_regions(arena, count);
    if (region == NULL)
        return NULL;
    *region = (struct sg_sim_region){.class = LARGE, .size = count * REGION};
    return start_of(region);
}

static void *arena_alloc(void *user, size_t size)
{
    return size <= SMALL_MAX ? alloc_small(user, size) : alloc_large(user, size);
}

static void arena_free(void *user, void *ptr)
{
    struct sg_sim_arena *arena = user;
    if (ptr == NULL)
        return;
    struct sg_sim_region *region = region_of(ptr);
    if (region->class == LARGE)
        link_region(region->size > REGION ? &arena->large : &arena->empty, region);
    else
        free_small(arena, region, ptr);
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
    static_assert(SG_SIM_ARENA_CLASSES <= UINT8_MAX, "classes are bytes");
    uint8_t class = 0;
    for (size_t i = 0; i < sizeof(arena->class_of); i++) {
        if (class_size(class) < i * STEP)
            class ++;
        arena->class_of[i] = class;
    }
}

void sg_sim_arena_fini(struct sg_sim_arena *arena)
{
    while (arena->chunks != NULL) {
        struct sg_sim_chunk *chunk = arena->chunks;
        arena->chunks = chunk->next;
        sg_mem_free(arena->parent, chunk->memory);
    }
}
