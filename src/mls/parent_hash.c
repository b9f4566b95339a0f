/* RFC 9420 s7.9.2, top down: each parent node has exactly one descendant whose parent hash is
 * valid for it. Below a child C of P only one node can be that descendant: all others in the
 * resolution of C must be unmerged leaves of P, so a look at a few nodes settles it. */
#include "mls/tree.h"

static bool has_unmerged_node(const struct sg_mls_node *parent, uint32_t node)
{
    return sg_mls_is_leaf(node) && sg_mls_node_has_unmerged(parent, node / 2);
}

/* The one node in the resolution of child that is no unmerged leaf of p; UINT32_MAX: there is
 * none, or more. */
static sg_err find_descendant(const struct sg_mls_tree *tree, uint32_t p, uint32_t child,
                              struct sg_mls_arena *arena, uint32_t *out)
{
    const struct sg_mls_node *parent = tree->nodes[p];
    uint32_t first = sg_mls_node_unmerged_from(parent, sg_mls_first_leaf(child));
    uint32_t end = sg_mls_node_unmerged_from(parent, sg_mls_last_leaf(child) + 1);
    struct sg_mls_nodes resolution = {0};
    *out = UINT32_MAX;
    sg_err err = sg_mls_tree_resolution(tree, child, end - first + 1, arena, &resolution);
    if (err == SG_ERR_LIMIT || (err == SG_OK && resolution.count != end - first + 1))
        return SG_OK;
    SG_TRY(err);
    for (uint32_t i = 0; i < resolution.count; i++) {
        if (has_unmerged_node(parent, resolution.at[i]))
            continue;
        if (*out != UINT32_MAX) {
            *out = UINT32_MAX;
            return SG_OK;
        }
        *out = resolution.at[i];
    }
    return SG_OK;
}

/* The parent_hash field of a node; empty: it has none. */
static struct sg_bytes parent_hash_of(const struct sg_mls_tree *tree, uint32_t node)
{
    if (!sg_mls_is_leaf(node))
        return sg_mls_node_second(tree->nodes[node]);
    struct sg_mls_leaf leaf;
    sg_mls_tree_leaf(tree, node / 2, &leaf);
    return leaf.source == SG_MLS_LEAF_COMMIT ? leaf.parent_hash : sg_bytes(NULL, 0);
}

static sg_err is_chained(struct sg_mls_tree *tree, uint32_t p, uint32_t child,
                         struct sg_mls_arena *arena, bool *out)
{
    uint8_t hash[SG_MLS_HASH_MAX];
    uint32_t node;
    *out = false;
    SG_TRY(find_descendant(tree, p, child, arena, &node));
    if (node == UINT32_MAX)
        return SG_OK;
    SG_TRY(sg_mls_tree_parent_hash(tree, p, sg_mls_sibling(child), hash));
    *out = sg_bytes_equal(parent_hash_of(tree, node), sg_bytes(hash, tree->suite->hash_len));
    return SG_OK;
}

/* RFC9420 s12.4.3.1: an unmerged leaf is a member below the node, and each node between has it
 * too. */
static bool is_unmerged_right(const struct sg_mls_tree *tree, uint32_t p)
{
    const struct sg_mls_node *parent = tree->nodes[p];
    for (uint32_t i = 0; i < sg_mls_node_unmerged_count(parent); i++) {
        uint32_t leaf = sg_mls_node_unmerged(parent, i);
        if (!sg_mls_tree_has_leaf(tree, leaf) || !sg_mls_is_in_subtree(sg_mls_leaf_node(leaf), p))
            return false;
        for (uint32_t x = sg_mls_parent(sg_mls_leaf_node(leaf)); x != p; x = sg_mls_parent(x))
            if (tree->nodes[x] != NULL && !sg_mls_node_has_unmerged(tree->nodes[x], leaf))
                return false;
    }
    return true;
}

static sg_err verify_parent(struct sg_mls_tree *tree, uint32_t p)
{
    bool left = false, right = false;
    struct sg_mls_arena arena;
    if (!is_unmerged_right(tree, p))
        return SG_ERR_MLS_TREE;
    sg_mls_arena_init(&arena, tree->mem, NULL);
    sg_err err = is_chained(tree, p, sg_mls_left(p), &arena, &left);
    if (err == SG_OK)
        err = is_chained(tree, p, sg_mls_right(p), &arena, &right);
    sg_mls_arena_fini(&arena);
    SG_TRY(err);
    return left != right ? SG_OK : SG_ERR_MLS_TREE;
}

sg_err sg_mls_tree_verify_parents(struct sg_mls_tree *tree)
{
    for (uint32_t p = 1; p < sg_mls_node_count(tree->leaves); p += 2)
        if (tree->nodes[p] != NULL)
            SG_TRY(verify_parent(tree, p));
    return SG_OK;
}
