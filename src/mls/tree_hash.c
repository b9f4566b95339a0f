/* RFC 9420 s7.8. Depth-first without recursion: a stack of one node for each level. */
#include "mls/tree.h"

enum { TYPE_LEAF = 1, TYPE_PARENT = 2 };

static void hash_leaf(const struct sg_mls_tree *tree, uint32_t x, uint8_t *out)
{
    uint32_t leaf = x / 2;
    const struct sg_mls_node *node = tree->nodes[x];
    uint8_t head[6] = {
        TYPE_LEAF,     (uint8_t)(leaf >> 24), (uint8_t)(leaf >> 16), (uint8_t)(leaf >> 8),
        (uint8_t)leaf, node != NULL};
    struct sg_bytes raw = node != NULL ? sg_mls_node_raw(node) : sg_bytes(NULL, 0);
    tree->suite->hash(tree->suite, SG_MLS_PARTS(sg_bytes(head, sizeof(head)), raw), out);
}

/* node NULL: blank. unmerged replaces the node's own. */
static void hash_parent(const struct sg_mls_tree *tree, const struct sg_mls_node *node,
                        struct sg_bytes unmerged, const uint8_t *children[2], uint8_t *out)
{
    uint8_t head[2] = {TYPE_PARENT, node != NULL};
    uint8_t list_len[4];
    uint8_t hash_len = (uint8_t)tree->suite->hash_len;
    struct sg_writer w = sg_writer(list_len, sizeof(list_len));
    struct sg_bytes raw = sg_bytes(NULL, 0);
    uint8_t len_of_hash[2]; /* 64 needs two bytes */
    struct sg_writer len_w = sg_writer(len_of_hash, sizeof(len_of_hash));
    sg_write_varint(&len_w, hash_len);
    struct sg_bytes len = sg_bytes(len_of_hash, len_w.len);
    if (node != NULL) {
        raw = sg_mls_node_raw(node);
        sg_write_varint(&w, unmerged.len);
    }
    tree->suite->hash(tree->suite,
                      SG_MLS_PARTS(sg_bytes(head, sizeof(head)), raw, sg_bytes(list_len, w.len),
                                   unmerged, len, sg_bytes(children[0], hash_len), len,
                                   sg_bytes(children[1], hash_len)),
                      out);
}

static uint8_t *hash_at(const struct sg_mls_tree *tree, uint32_t node)
{
    return tree->hashes + (size_t)node * tree->suite->hash_len;
}

static struct sg_bytes own_unmerged(const struct sg_mls_node *node)
{
    return node == NULL ? sg_bytes(NULL, 0)
                        : sg_bytes(node->data + node->head_len, node->unmerged_len);
}

const uint8_t *sg_mls_tree_hash(struct sg_mls_tree *tree, uint32_t top)
{
    uint32_t stack[SG_MLS_LEVELS_MAX + 2];
    uint32_t depth = 0;
    if (!tree->clean[top])
        stack[depth++] = top;
    while (depth > 0) {
        uint32_t x = stack[depth - 1];
        if (sg_mls_is_leaf(x)) {
            hash_leaf(tree, x, hash_at(tree, x));
        } else if (!tree->clean[sg_mls_left(x)]) {
            stack[depth++] = sg_mls_left(x);
            continue;
        } else if (!tree->clean[sg_mls_right(x)]) {
            stack[depth++] = sg_mls_right(x);
            continue;
        } else {
            const uint8_t *children[2] = {hash_at(tree, sg_mls_left(x)),
                                          hash_at(tree, sg_mls_right(x))};
            hash_parent(tree, tree->nodes[x], own_unmerged(tree->nodes[x]), children,
                        hash_at(tree, x));
        }
        tree->clean[x] = 1;
        depth--;
    }
    return hash_at(tree, top);
}

struct sg_bytes sg_mls_tree_root_hash(struct sg_mls_tree *tree)
{
    return sg_bytes(sg_mls_tree_hash(tree, sg_mls_root(tree->leaves)), tree->suite->hash_len);
}

/* ---- the tree hash without some leaves ---- */

struct frame {
    uint32_t node;
    uint32_t children_done;
    uint8_t child[2][SG_MLS_HASH_MAX];
};

struct without {
    struct sg_mls_tree *tree;
    const struct sg_mls_node *excluded; /* its unmerged leaves are left out */
    struct sg_mls_arena *arena;
};

static bool touches(const struct without *in, uint32_t node)
{
    uint32_t at = sg_mls_node_unmerged_from(in->excluded, sg_mls_first_leaf(node));
    return at < sg_mls_node_unmerged_count(in->excluded) &&
           sg_mls_node_unmerged(in->excluded, at) <= sg_mls_last_leaf(node);
}

/* The unmerged leaves of a parent that are not left out. */
static sg_err filter_unmerged(const struct without *in, const struct sg_mls_node *node,
                              struct sg_bytes *out)
{
    uint8_t *list = sg_mls_arena_new(in->arena, node->unmerged_len, 1);
    size_t len = 0;
    if (list == NULL)
        return SG_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < sg_mls_node_unmerged_count(node); i++) {
        if (sg_mls_node_has_unmerged(in->excluded, sg_mls_node_unmerged(node, i)))
            continue;
        memcpy(list + len, node->data + node->head_len + 4 * (size_t)i, 4);
        len += 4;
    }
    *out = sg_bytes(list, len);
    return SG_OK;
}

static void hash_blank_leaf(const struct sg_mls_tree *tree, uint32_t x, uint8_t *out)
{
    uint32_t leaf = x / 2;
    uint8_t head[6] = {TYPE_LEAF,
                       (uint8_t)(leaf >> 24),
                       (uint8_t)(leaf >> 16),
                       (uint8_t)(leaf >> 8),
                       (uint8_t)leaf,
                       0};
    tree->suite->hash(tree->suite, SG_MLS_PARTS(sg_bytes(head, sizeof(head))), out);
}

static sg_err finish_frame(const struct without *in, const struct frame *frame, uint8_t *out)
{
    const struct sg_mls_node *node = in->tree->nodes[frame->node];
    const uint8_t *children[2] = {frame->child[0], frame->child[1]};
    struct sg_bytes unmerged = sg_bytes(NULL, 0);
    if (node != NULL)
        SG_TRY(filter_unmerged(in, node, &unmerged));
    hash_parent(in->tree, node, unmerged, children, out);
    return SG_OK;
}

/* The hash of x if that needs no look at its children. */
static bool hash_at_once(const struct without *in, uint32_t x, uint8_t *out)
{
    if (!touches(in, x)) {
        memcpy(out, sg_mls_tree_hash(in->tree, x), in->tree->suite->hash_len);
        return true;
    }
    if (!sg_mls_is_leaf(x))
        return false;
    hash_blank_leaf(in->tree, x, out);
    return true;
}

static sg_err hash_without(const struct without *in, uint32_t top, uint8_t *out)
{
    struct frame stack[SG_MLS_LEVELS_MAX + 1];
    uint8_t hash[SG_MLS_HASH_MAX];
    uint32_t depth = 0;
    if (hash_at_once(in, top, out))
        return SG_OK;
    stack[depth++] = (struct frame){.node = top};
    while (depth > 0) {
        struct frame *frame = &stack[depth - 1];
        if (frame->children_done < 2) {
            uint32_t child =
                frame->children_done == 0 ? sg_mls_left(frame->node) : sg_mls_right(frame->node);
            if (hash_at_once(in, child, frame->child[frame->children_done]))
                frame->children_done++;
            else
                stack[depth++] = (struct frame){.node = child};
            continue;
        }
        SG_TRY(finish_frame(in, frame, hash));
        depth--;
        if (depth > 0) {
            struct frame *above = &stack[depth - 1];
            memcpy(above->child[above->children_done++], hash, sizeof(hash));
        }
    }
    memcpy(out, hash, in->tree->suite->hash_len);
    return SG_OK;
}

sg_err sg_mls_tree_parent_hash(struct sg_mls_tree *tree, uint32_t p, uint32_t sibling, uint8_t *out)
{
    const struct sg_mls_node *node = tree->nodes[p];
    uint8_t original[SG_MLS_HASH_MAX];
    uint8_t head[2];
    struct sg_mls_arena arena;
    sg_mls_arena_init(&arena, tree->mem, NULL);
    struct without in = {tree, node, &arena};
    sg_err err = hash_without(&in, sibling, original);
    sg_mls_arena_fini(&arena);
    SG_TRY(err);
    struct sg_writer w = sg_writer(head, sizeof(head));
    sg_write_varint(&w, tree->suite->hash_len);
    /* a parent's encoding begins with encryption_key and parent_hash, as ParentHashInput does */
    tree->suite->hash(tree->suite,
                      SG_MLS_PARTS(sg_mls_node_raw(node), sg_bytes(head, w.len),
                                   sg_bytes(original, tree->suite->hash_len)),
                      out);
    return SG_OK;
}
