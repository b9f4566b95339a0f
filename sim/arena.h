/* Memory of the simulated nodes: blocks of a few sizes, cut from large chunks. Nodes have many
 * small blocks and are visited in no order: without headers between the blocks, and on huge pages
 * where the system gives them, a visit costs fewer misses. Nothing is given back before the end.
 *
 * A chunk is cut into regions of 64 KiB at addresses that are multiples of that, each for blocks of
 * one size, so that the size of a block is found by its address. A larger block has regions of its
 * own. Sanitizers see nothing of this: runs with checkers do without. */
#ifndef SG_SIM_ARENA_H
#define SG_SIM_ARENA_H

#include "base/mem.h"

/* Four to the octave: 32 bytes .. 16 KiB. */
#define SG_SIM_ARENA_CLASSES 37

struct sg_sim_block; /* a free one */
struct sg_sim_chunk;

struct sg_sim_arena {
    struct sg_mem mem;           /* allocates from here */
    const struct sg_mem *parent; /* of the chunks */
    struct sg_sim_chunk *chunks;
    char *at, *end;                                  /* the rest of the newest chunk */
    struct sg_sim_block *free[SG_SIM_ARENA_CLASSES]; /* free blocks by size */
    struct sg_sim_block *large;                      /* free larger blocks */
    char *cut_at[SG_SIM_ARENA_CLASSES];              /* the rest of the newest region .. */
    char *cut_end[SG_SIM_ARENA_CLASSES];             /* .. of each size */
};

/* Allocates nothing yet. The arena must stay where it is. */
void sg_sim_arena_init(struct sg_sim_arena *arena, const struct sg_mem *parent);
/* Frees every block. */
void sg_sim_arena_fini(struct sg_sim_arena *arena);

#endif
