/* The array form of a full binary tree (RFC 9420 appendix C): leaf i is node 2i, a node's level is
 * the number of its trailing one bits. Leaf counts are powers of two. All functions are O(1). */
#ifndef SG_MLS_TREE_MATH_H
#define SG_MLS_TREE_MATH_H

#include <stdbool.h>
#include <stdint.h>

/* Leaves of the largest tree that we hold: 2^20 leaves need gigabytes in every suite. */
#define SG_MLS_LEAVES_MAX (UINT32_C(1) << 20)
/* Levels above the leaves of the largest tree that an index can name. */
#define SG_MLS_LEVELS_MAX 31

/* Nodes of a tree of leaves (a power of two, at most 2^31). */
static inline uint32_t sg_mls_node_count(uint32_t leaves)
{
    return 2 * (leaves - 1) + 1;
}

static inline uint32_t sg_mls_root(uint32_t leaves)
{
    return leaves - 1;
}

static inline bool sg_mls_is_leaf(uint32_t node)
{
    return (node & 1) == 0;
}

static inline uint32_t sg_mls_leaf_node(uint32_t leaf)
{
    return 2 * leaf;
}

/* Level of a node: 0 for leaves. */
uint32_t sg_mls_level(uint32_t node);
/* Children of a node that is no leaf. */
uint32_t sg_mls_left(uint32_t node);
uint32_t sg_mls_right(uint32_t node);
/* Parent of a node that is not the root. */
uint32_t sg_mls_parent(uint32_t node);
/* The other child of the parent of a node that is not the root. */
uint32_t sg_mls_sibling(uint32_t node);
/* Is node below or equal to top? */
bool sg_mls_is_in_subtree(uint32_t node, uint32_t top);
/* The lowest node that has both below it or is one of them. */
uint32_t sg_mls_common_ancestor(uint32_t a, uint32_t b);
/* First and last leaf index below a node. */
uint32_t sg_mls_first_leaf(uint32_t node);
uint32_t sg_mls_last_leaf(uint32_t node);
/* The smallest power of two that is at least leaves, which is 1 .. 2^31. */
uint32_t sg_mls_round_leaves(uint32_t leaves);

#endif
