/* ratchet_tree: what decodes encodes to the same bytes; hashes, paths and parent checks hold on any
 * tree; and a transaction of changes that is undone leaves bytes and hash as they were. */
#include <assert.h>
#include <stdlib.h>

#include "mls/tree.h"
#include "support/mls_clear.h"

enum { RESOLUTION_MAX = 64, CHANGES_MAX = 8 };

static struct sg_mls_arena arena;

static void write_any(struct sg_writer *w, const void *what)
{
    sg_mls_write_tree(w, what);
}

static struct sg_bytes encoded(const struct sg_mls_tree *tree)
{
    struct sg_bytes out;
    assert(sg_mls_encode(&arena, write_any, tree, &out) == SG_OK);
    return out;
}

static struct sg_bytes root_hash(struct sg_mls_tree *tree)
{
    struct sg_bytes out;
    assert(sg_mls_arena_copy(&arena, sg_mls_tree_root_hash(tree), &out) == SG_OK);
    return out;
}

static void look(struct sg_mls_tree *tree)
{
    struct sg_mls_direct_path path;
    struct sg_mls_nodes nodes = {0};
    struct sg_mls_leaf leaf;
    sg_err err =
        sg_mls_tree_resolution(tree, sg_mls_root(tree->leaves), RESOLUTION_MAX, &arena, &nodes);
    assert(err == SG_OK || err == SG_ERR_LIMIT);
    for (uint32_t i = 0; i < tree->leaves && i < RESOLUTION_MAX; i++) {
        sg_mls_tree_filtered_path(tree, i, &path);
        if (sg_mls_tree_has_leaf(tree, i))
            sg_mls_tree_leaf(tree, i, &leaf);
    }
    err = sg_mls_tree_verify_parents(tree);
    assert(err == SG_OK || err == SG_ERR_MLS_TREE);
}

/* One change chosen by op; a tree of one member is not emptied. */
static sg_err change(struct sg_mls_tree *tree, uint8_t op, struct sg_bytes leaf)
{
    uint32_t at = (uint32_t)(op >> 2) % tree->leaves;
    if (op % 4 == 0)
        return sg_mls_tree_add(tree, leaf, &at);
    if (op % 4 == 3)
        return sg_mls_tree_truncate(tree);
    if (!sg_mls_tree_has_leaf(tree, at) || tree->members < 2)
        return SG_OK;
    if (op % 4 == 1)
        return sg_mls_tree_update(tree, at, leaf);
    return sg_mls_tree_remove(tree, at);
}

/* The tree's first leaf, for others to be like. */
static struct sg_bytes any_leaf(const struct sg_mls_tree *tree)
{
    uint32_t i = 0;
    struct sg_bytes out;
    while (!sg_mls_tree_has_leaf(tree, i))
        i++;
    assert(sg_mls_arena_copy(&arena, sg_mls_node_raw(sg_mls_tree_at(tree, 2 * i)), &out) == SG_OK);
    return out;
}

static void change_and_undo(struct sg_mls_tree *tree, struct sg_bytes in)
{
    struct sg_mls_tree_log log = {0};
    struct sg_bytes hash = root_hash(tree);
    struct sg_bytes leaf = any_leaf(tree);
    sg_err err = SG_OK;
    sg_mls_tree_begin(tree, &log);
    for (size_t i = 0; i < CHANGES_MAX && i < in.len && err == SG_OK; i++)
        err = change(tree, in.data[in.len - 1 - i], leaf);
    struct sg_bytes changed = encoded(tree);
    struct sg_bytes changed_hash = root_hash(tree);
    sg_mls_tree_undo(tree, &log);
    assert(sg_bytes_equal(encoded(tree), in));
    assert(sg_bytes_equal(sg_mls_tree_root_hash(tree), hash));
    sg_mls_tree_redo(tree, &log);
    assert(sg_bytes_equal(encoded(tree), changed));
    assert(sg_bytes_equal(sg_mls_tree_root_hash(tree), changed_hash));
    sg_mls_tree_log_fini(tree, &log);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sg_mls_tree tree;
    struct sg_bytes in = sg_bytes(data, size);
    sg_mls_arena_init(&arena, sg_mem_default(), NULL);
    sg_mls_tree_init(&tree, sg_mem_default(), sg_mls_clear_suite());
    sg_err err = sg_mls_tree_decode(&tree, in);
    if (err == SG_OK) {
        assert(sg_bytes_equal(encoded(&tree), in));
        look(&tree);
        change_and_undo(&tree, in);
    } else {
        assert(sg_err_class_of(err) == SG_ERR_CLASS_PEER || err == SG_ERR_LIMIT);
    }
    sg_mls_tree_fini(&tree);
    sg_mls_arena_fini(&arena);
    return 0;
}
