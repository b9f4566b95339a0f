/* Bump allocator for what one operation needs: decoded messages, encodings, secrets in between.
 * Everything goes at once, and is wiped first. */
#ifndef SG_MLS_ARENA_H
#define SG_MLS_ARENA_H

#include "base/bytes.h"
#include "base/mem.h"
#include "base/writer.h"

struct sg_mls_chunk;

/* What one message that is read into an arena may list: it is read before anything shows who sent
 * it, and a few bytes of it become a whole structure. */
struct sg_mls_limits {
    uint32_t proposals;    /* of a commit; newcomers of a Welcome, and its PSKs */
    uint32_t path_secrets; /* ciphertexts of an UpdatePath, all its nodes together */
};
#define SG_MLS_PROPOSALS_MAX UINT32_C(65536)
#define SG_MLS_PATH_SECRETS_MAX UINT32_C(131072)

struct sg_mls_arena {
    const struct sg_mem *mem;
    void (*wipe)(void *data, size_t len); /* NULL: what is in here is public */
    struct sg_mls_chunk *last;
    struct sg_mls_limits limits;
};

/* An empty arena with the usual limits; never fails. wipe is the suite's, or NULL. */
void sg_mls_arena_init(struct sg_mls_arena *arena, const struct sg_mem *mem,
                       void (*wipe)(void *data, size_t len));
/* Wipes and frees all. The arena is empty then and can be used again. */
void sg_mls_arena_fini(struct sg_mls_arena *arena);
/* Zeroed and aligned memory for count elements of size bytes, until fini; NULL when out of memory.
 * For count 0: some pointer that is not NULL. */
void *sg_mls_arena_new(struct sg_mls_arena *arena, size_t count, size_t size);
/* A copy of bytes in the arena. SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_mls_arena_copy(struct sg_mls_arena *arena, struct sg_bytes bytes,
                                     struct sg_bytes *out);
/* Room for one more zeroed element at the end of an array in the arena: gives where the array is
 * from now on, and counts the element; NULL when out of memory. *cap counts elements. */
void *sg_mls_arena_push(struct sg_mls_arena *arena, void *array, uint32_t *count, uint32_t *cap,
                        size_t size);

typedef void (*sg_mls_write_fn)(struct sg_writer *w, const void *what);
/* The encoding that write makes of what, in the arena. SG_ERR_NO_MEMORY, SG_ERR_TOO_LARGE. */
SG_MUST_USE sg_err sg_mls_encode(struct sg_mls_arena *arena, sg_mls_write_fn write,
                                 const void *what, struct sg_bytes *out);

#endif
