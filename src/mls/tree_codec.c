#include "mls/tree.h"

static void check_sorted(struct sg_reader *r, struct sg_bytes unmerged)
{
    struct sg_reader in = sg_reader(unmerged);
    uint64_t least = 0;
    if (unmerged.len % 4 != 0)
        sg_reader_fail(r, SG_ERR_MALFORMED);
    /* RFC9420 s7.1: "MUST be sorted in increasing order" */
    while (r->err == SG_OK && in.left > 0) {
        uint32_t leaf = sg_read_u32(&in);
        if (leaf < least)
            sg_reader_fail(r, SG_ERR_MLS_TREE);
        least = (uint64_t)leaf + 1;
    }
}

/* Reads one Node and makes one of ours; without tree it only checks. */
static sg_err read_node(struct sg_reader *r, struct sg_mls_tree *tree, uint32_t index,
                        struct sg_mls_node **out)
{
    uint8_t type = sg_read_u8(r);
    if (r->err == SG_OK && (type == 1) != sg_mls_is_leaf(index))
        return SG_ERR_MLS_TREE;
    if (type == 1) {
        struct sg_mls_leaf leaf;
        sg_mls_read_leaf(r, &leaf);
        SG_TRY(r->err);
        return out == NULL ? SG_OK : sg_mls_node_new_leaf(tree, leaf.raw, out);
    }
    if (type != 2)
        sg_reader_fail(r, SG_ERR_MALFORMED);
    struct sg_bytes key = sg_mls_read_vector(r);
    struct sg_bytes parent_hash = sg_mls_read_vector(r);
    struct sg_bytes unmerged = sg_mls_read_vector(r);
    check_sorted(r, unmerged);
    SG_TRY(r->err);
    return out == NULL ? SG_OK : sg_mls_node_new_parent(tree, key, parent_hash, unmerged, out);
}

/* Checks all and counts. */
static sg_err measure(struct sg_reader list, uint32_t *count)
{
    bool is_present = false;
    *count = 0;
    while (list.left > 0) {
        if (*count >= sg_mls_node_count(SG_MLS_LEAVES_MAX))
            return SG_ERR_LIMIT;
        is_present = sg_mls_read_present(&list);
        if (is_present)
            SG_TRY(read_node(&list, NULL, *count, NULL));
        SG_TRY(list.err);
        ++*count;
    }
    /* RFC9420 s12.4.3.3: "The receiver MUST check that the last node in ratchet_tree is
     * non-blank" */
    return is_present ? SG_OK : SG_ERR_MLS_TREE;
}

sg_err sg_mls_tree_decode(struct sg_mls_tree *tree, struct sg_bytes data)
{
    uint32_t count;
    struct sg_reader r = sg_reader(data);
    struct sg_reader list = sg_reader(sg_mls_read_vector(&r));
    SG_TRY(sg_reader_done(&r));
    SG_TRY(measure(list, &count));
    SG_TRY(sg_mls_tree_resize(tree, sg_mls_round_leaves(count / 2 + 1)));
    SG_TRY(sg_mls_keys_reserve(tree, count * 3 / 2));
    for (uint32_t i = 0; i < count; i++) {
        struct sg_mls_node *node;
        if (!sg_mls_read_present(&list))
            continue;
        SG_TRY(read_node(&list, tree, i, &node));
        SG_TRY(sg_mls_tree_put(tree, i, node));
        /* RFC9420 s7.3, s12.4.3.1: keys are unique; at the first that is not, not after the last */
        if (tree->keys.duplicates != 0)
            return SG_ERR_MLS_TREE;
    }
    return sg_reader_done(&list);
}

void sg_mls_write_node(struct sg_writer *w, const struct sg_mls_node *node, bool is_leaf)
{
    sg_write_u8(w, node != NULL);
    if (node == NULL)
        return;
    sg_write_u8(w, is_leaf ? 1 : 2);
    sg_write_bytes(w, sg_mls_node_raw(node));
    if (!is_leaf)
        sg_write_vector(w, sg_bytes(node->data + node->head_len, node->unmerged_len));
}

void sg_mls_write_tree(struct sg_writer *w, const struct sg_mls_tree *tree)
{
    uint32_t count = sg_mls_node_count(tree->leaves);
    while (count > 0 && tree->nodes[count - 1] == NULL)
        count--;
    size_t list = sg_write_vector_begin(w);
    for (uint32_t i = 0; i < count; i++)
        sg_mls_write_node(w, tree->nodes[i], sg_mls_is_leaf(i));
    sg_write_vector_end(w, list);
}
