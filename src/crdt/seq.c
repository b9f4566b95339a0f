/* A replicated sequence.
 *
 * Each character is an element with an id, the two neighbours it was written between (origins), and
 * a Lamport time that follows from its id. Replicas that have the same elements order them the same
 * way, in whatever order they came:
 *
 *   FugueMax (Weidner, Kleppmann, "The Art of the Fugue", arXiv 2305.00583) never mixes up
 *   what two people typed at the same place, forwards or backwards. We scan the list instead of
 *   building its tree; the rule is the one known as YjsMod.
 *   RGA (Roh et al. 2011, in the form of Attiya et al. 2016) ignores right origins: the younger
 *   of two siblings comes first.
 *
 * Deleted elements stay as ids without content. Elements that were typed in a row and still stand
 * in a row share one span of 32 bytes; spans are in the leaves of a B-tree whose inner nodes count
 * code points, UTF-8 bytes and UTF-16 units, and each leaf has the text of its visible spans. From
 * ids to leaves leads a sorted list per author chain (seq_runs.c). The place of the newest local
 * edit is remembered, so that typing does not descend the tree.
 *
 * What differs from the papers: right origins are kept per span, not per element; ties go to the
 * lower 32-byte author id, and between the chains of a forked author by batch hash, both behind
 * struct sg_seq_order; many siblings in one gap are found by binary search (seq_gaps.c). */
#include "crdt/seq_internal.h"

sg_err sg_seq_init(struct sg_seq *seq, const struct sg_mem *mem, const struct sg_seq_order *order,
                   enum sg_seq_kind kind)
{
    struct sg_seq_leaf *leaf;
    *seq = (struct sg_seq){.mem = mem, .order = order, .kind = kind};
    seq->root = sg_mem_new(mem, 1, sizeof(*seq->root));
    if (seq->root == NULL)
        return SG_ERR_NO_MEMORY;
    seq->root->has_leaves = true;
    sg_err err = sg_seq_leaf_after(seq, NULL, &leaf);
    if (err != SG_OK)
        sg_seq_fini(seq);
    return err;
}

/* Frees inner nodes from below: one that has lost its last child gives way to its parent. */
static void free_nodes(struct sg_seq *seq)
{
    struct sg_seq_node *node = seq->root;
    while (node != NULL) {
        if (!node->has_leaves && node->count > 0) {
            node = node->child[--node->count];
            continue;
        }
        struct sg_seq_node *parent = node->parent;
        sg_mem_free(seq->mem, node);
        node = parent;
    }
}

void sg_seq_fini(struct sg_seq *seq)
{
    for (uint32_t i = 0; i < seq->leaf_count; i++) {
        sg_mem_free(seq->mem, seq->leaves[i]->spans);
        sg_mem_free(seq->mem, seq->leaves[i]->text);
        sg_mem_free(seq->mem, seq->leaves[i]);
    }
    sg_mem_free(seq->mem, seq->leaves);
    free_nodes(seq);
    sg_seq_runs_fini(seq);
    sg_seq_gaps_fini(seq);
    *seq = (struct sg_seq){0};
}
