#include "mls/arena.h"

#include <stdalign.h>

#define CHUNK_MIN 4096

struct sg_mls_chunk {
    struct sg_mls_chunk *before;
    size_t used;
    size_t cap;
    alignas(max_align_t) uint8_t data[];
};

void sg_mls_arena_init(struct sg_mls_arena *arena, const struct sg_mem *mem,
                       void (*wipe)(void *data, size_t len))
{
    *arena =
        (struct sg_mls_arena){mem, wipe, NULL, {SG_MLS_PROPOSALS_MAX, SG_MLS_PATH_SECRETS_MAX}};
}

void sg_mls_arena_fini(struct sg_mls_arena *arena)
{
    while (arena->last != NULL) {
        struct sg_mls_chunk *chunk = arena->last;
        arena->last = chunk->before;
        if (arena->wipe != NULL)
            arena->wipe(chunk->data, chunk->used);
        sg_mem_free(arena->mem, chunk);
    }
}

static struct sg_mls_chunk *chunk_new(struct sg_mls_arena *arena, size_t need)
{
    size_t cap = arena->last == NULL ? CHUNK_MIN : arena->last->cap * 2;
    if (cap > ((size_t)1 << 20))
        cap = (size_t)1 << 20;
    if (cap < need)
        cap = need;
    if (cap > SIZE_MAX - sizeof(struct sg_mls_chunk))
        return NULL;
    struct sg_mls_chunk *chunk =
        arena->mem->alloc(arena->mem->user, sizeof(struct sg_mls_chunk) + cap);
    if (chunk == NULL)
        return NULL;
    chunk->used = 0;
    chunk->cap = cap;
    chunk->before = arena->last;
    arena->last = chunk;
    return chunk;
}

/* Not zeroed. *out gets the bytes that it takes. */
static void *take(struct sg_mls_arena *arena, size_t count, size_t size, size_t *out)
{
    const size_t align = alignof(max_align_t);
    if (size != 0 && count > (SIZE_MAX - align) / size)
        return NULL;
    size_t need = (count * size + align - 1) / align * align;
    struct sg_mls_chunk *chunk = arena->last;
    if (chunk == NULL || chunk->cap - chunk->used < need)
        chunk = chunk_new(arena, need);
    if (chunk == NULL)
        return NULL;
    void *at = chunk->data + chunk->used;
    chunk->used += need;
    *out = need;
    return at;
}

void *sg_mls_arena_new(struct sg_mls_arena *arena, size_t count, size_t size)
{
    size_t len;
    void *at = take(arena, count, size, &len);
    return at == NULL ? NULL : memset(at, 0, len);
}

/* For what is written at once. */
static uint8_t *take_bytes(struct sg_mls_arena *arena, size_t len)
{
    size_t ignored;
    return take(arena, len, 1, &ignored);
}

sg_err sg_mls_arena_copy(struct sg_mls_arena *arena, struct sg_bytes bytes, struct sg_bytes *out)
{
    uint8_t *data = take_bytes(arena, bytes.len);
    if (data == NULL)
        return SG_ERR_NO_MEMORY;
    if (bytes.len > 0)
        memcpy(data, bytes.data, bytes.len);
    *out = sg_bytes(data, bytes.len);
    return SG_OK;
}

void *sg_mls_arena_push(struct sg_mls_arena *arena, void *array, uint32_t *count, uint32_t *cap,
                        size_t size)
{
    if (*count < *cap) {
        ++*count;
        return array;
    }
    uint32_t more = *cap == 0 ? 4 : *cap * 2;
    uint8_t *grown = more < *cap ? NULL : sg_mls_arena_new(arena, more, size);
    if (grown == NULL)
        return NULL;
    if (*count > 0)
        memcpy(grown, array, *count * size);
    *cap = more;
    ++*count;
    return grown;
}

sg_err sg_mls_encode(struct sg_mls_arena *arena, sg_mls_write_fn write, const void *what,
                     struct sg_bytes *out)
{
    struct sg_writer w = sg_writer_counting();
    write(&w, what);
    SG_TRY(sg_writer_done(&w));
    size_t len = w.len;
    uint8_t *data = take_bytes(arena, len);
    if (data == NULL)
        return SG_ERR_NO_MEMORY;
    w = sg_writer(data, len);
    write(&w, what);
    SG_TRY(sg_writer_done(&w));
    *out = sg_bytes(data, len);
    return SG_OK;
}
