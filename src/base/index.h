/* Finds the elements of an array by their ids. A slot holds a hash and a number, eight bytes, and
 * not the id, which the element has anyway: a look-up touches one line of slots and the element
 * that it finds. Open addressing, linear probing, deletion by backward shift; nothing is allocated
 * before the first element, and the slots double as elements come. There is no iteration: hash
 * order must never decide anything (machine contract, rule 5).
 *
 * Multilinear hashing (Lemire, Kaser, "Strongly universal string hashing is fast", 2014): ids are
 * often whatever a peer likes, all 32 bytes of them, and whatever it likes must not make a long
 * run. The upper half of the sum is pairwise independent for anyone without the keys. */
#ifndef SG_BASE_INDEX_H
#define SG_BASE_INDEX_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "base/prng.h"

#define SG_INDEX_NONE UINT32_MAX

/* Secret from peers; may be shared by many indexes. */
struct sg_index_keys {
    uint64_t k[1 + SG_ID_LEN / 4];
};

struct sg_index_slot {
    uint32_t hash;
    uint32_t at_plus_1; /* 0 = empty */
};

struct sg_index {
    const struct sg_index_keys *keys; /* borrowed */
    const void *pool;                 /* borrowed: the elements, each begins with its id */
    size_t stride;                    /* bytes per element; 0: pool is an array of pointers */
    struct sg_index_slot *slots;      /* [mask + 1], NULL at first */
    uint32_t mask;
    uint32_t count;
};

void sg_index_keys_init(struct sg_index_keys *keys, struct sg_prng *prng);
/* For tables of their own making. */
static inline uint32_t sg_index_hash(const struct sg_index_keys *keys, const uint8_t id[SG_ID_LEN])
{
    uint64_t sum = keys->k[0];
    for (size_t i = 0; i < SG_ID_LEN / 4; i++)
        sum += keys->k[i + 1] * sg_load32(id + 4 * i);
    return (uint32_t)(sum >> 32);
}

/* An empty index; never fails. keys must outlive it. */
void sg_index_init(struct sg_index *ix, const struct sg_index_keys *keys, size_t stride);
void sg_index_fini(struct sg_index *ix, const struct sg_mem *mem);
/* Makes room for count elements in all, which are at pool from now on. SG_ERR_NO_MEMORY: nothing
 * has changed. O(1) on average when count grows by one. */
SG_MUST_USE sg_err sg_index_reserve(struct sg_index *ix, const struct sg_mem *mem, uint32_t count);
/* The elements have moved. */
static inline void sg_index_pool(struct sg_index *ix, const void *pool)
{
    ix->pool = pool;
}
/* Number of the element with this id, or SG_INDEX_NONE. */
uint32_t sg_index_get(const struct sg_index *ix, const uint8_t id[SG_ID_LEN]);
/* Fetches the slots where id would be. */
void sg_index_prefetch(const struct sg_index *ix, const uint8_t id[SG_ID_LEN]);
/* As sg_index_get, but without a look at the element: it is very likely the right one. */
uint32_t sg_index_guess(const struct sg_index *ix, const uint8_t id[SG_ID_LEN]);
/* Adds element number at, whose id is set and not yet there; there is room for it. */
void sg_index_add(struct sg_index *ix, uint32_t at);
/* Takes out element number at, which is there and still has its id. */
void sg_index_remove(struct sg_index *ix, uint32_t at);
/* Element number from, with the id that is at `to` by now, has got the number to. */
void sg_index_moved(struct sg_index *ix, uint32_t from, uint32_t to);
/* Takes all elements out, keeps the room. */
void sg_index_clear(struct sg_index *ix);

#endif
