/* Memory of the simulated nodes: blocks of a few sizes, cut from large chunks. Nodes have many
 * small blocks and are visited in no order: without headers between the blocks, and on huge pages
 * where the system gives them, a visit costs fewer misses. Chunks are given back at the end.
 *
 * A chunk is cut into regions of 64 KiB, each for blocks of one size. What is known of the regions
 * stands at the head of their chunk, which is found by its address: chunks begin at multiples of
 * their size. A region whose blocks are all free is taken for another size: tables grow, those of
 * all nodes at the same time, and what they leave behind would otherwise be as much as they have. A
 * larger block has regions, or a chunk, of its own; free ones are split for what is smaller.
 * Sanitizers see nothing of this: runs with checkers do without. */
#ifndef SG_SIM_ARENA_H
#define SG_SIM_ARENA_H

#include "base/mem.h"

/* Sizes from 32 bytes to 256 by 16, then sixteen to the octave up to 32 KiB: the largest structs of
 * a node are many and alike, and wider steps would leave a twelfth of them empty. */
#define SG_SIM_ARENA_STEP ((size_t)16)
#define SG_SIM_ARENA_SMALL_MAX ((size_t)32 << 10)
#define SG_SIM_ARENA_CLASSES 127

struct sg_sim_chunk;
struct sg_sim_region;

struct sg_sim_arena {
    struct sg_mem mem;           /* allocates from here */
    const struct sg_mem *parent; /* of the chunks */
    struct sg_sim_chunk *chunks;
    uint32_t used;                                    /* regions of the newest chunk, its head */
    struct sg_sim_region *open[SG_SIM_ARENA_CLASSES]; /* with free blocks, by size */
    struct sg_sim_region *empty;
    struct sg_sim_region *large; /* free larger blocks, of two regions or more */
    uint8_t class_of[SG_SIM_ARENA_SMALL_MAX / SG_SIM_ARENA_STEP + 1]; /* by steps */
};

/* Allocates nothing yet. The arena must stay where it is. */
void sg_sim_arena_init(struct sg_sim_arena *arena, const struct sg_mem *parent);
/* Frees every block. */
void sg_sim_arena_fini(struct sg_sim_arena *arena);

#endif
