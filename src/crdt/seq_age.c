/* How old the elements of a leaf are, and of a part of the tree: the earliest Lamport time, which
 * only falls, and the latest batch that wrote there, which only rises. So what is all newer than
 * the past of a batch is passed over as a whole, when the element is looked for that its author saw
 * behind his left origin: without this each of k authors at one spot would walk over all others. */
#include "crdt/seq_internal.h"

void sg_seq_age_join(struct sg_seq_age *age, struct sg_seq_age other)
{
    age->lamport = other.lamport < age->lamport ? other.lamport : age->lamport;
    age->batch = other.batch > age->batch ? other.batch : age->batch;
}

static bool has_age(const struct sg_seq_age *age, struct sg_seq_age other)
{
    return age->lamport <= other.lamport && age->batch >= other.batch;
}

struct sg_seq_age sg_seq_age_of(const struct sg_seq_node *node)
{
    struct sg_seq_age age = SG_SEQ_AGE_NONE;
    for (uint32_t i = 0; i < node->count; i++)
        sg_seq_age_join(&age, node->age[i]);
    return age;
}

void sg_seq_age_add(const struct sg_seq *seq, struct sg_seq_leaf *leaf, struct sg_seq_id id)
{
    const struct sg_seq_order *by = seq->order;
    if (by->applying == NULL)
        return;
    struct sg_seq_age age = by->applying(by->user);
    age.lamport = (uint32_t)by->lamport(by->user, id);
    if (has_age(&leaf->age, age))
        return;
    sg_seq_age_join(&leaf->age, age);
    const void *child = leaf;
    for (struct sg_seq_node *node = leaf->parent; node != NULL; node = node->parent) {
        struct sg_seq_age *sum = &node->age[sg_seq_slot_of(node, child)];
        if (has_age(sum, age))
            return;
        sg_seq_age_join(sum, age);
        child = node;
    }
}

/* Lamport times rise within a span. */
static void measure(const struct sg_seq *seq, struct sg_seq_leaf *leaf)
{
    const struct sg_seq_order *by = seq->order;
    leaf->age.lamport = UINT32_MAX;
    for (uint32_t i = 0; i < leaf->count; i++) {
        uint64_t lamport = by->lamport(by->user, sg_seq_span_id(&leaf->spans[i], 0));
        leaf->age.lamport = lamport < leaf->age.lamport ? (uint32_t)lamport : leaf->age.lamport;
    }
    const void *child = leaf;
    struct sg_seq_age age = leaf->age;
    for (struct sg_seq_node *node = leaf->parent; node != NULL; node = node->parent) {
        node->age[sg_seq_slot_of(node, child)] = age;
        age = sg_seq_age_of(node);
        child = node;
    }
}

void sg_seq_age_split(const struct sg_seq *seq, struct sg_seq_leaf *leaf, struct sg_seq_leaf *right)
{
    if (seq->order->applying == NULL)
        return;
    right->age = leaf->age;
    measure(seq, right);
    measure(seq, leaf);
}

static bool is_new(const struct sg_seq_age *age, struct sg_seq_age applying)
{
    return age->lamport >= applying.lamport && age->batch < applying.batch;
}

/* The first old leaf below a child of node from slot `from` on. */
static struct sg_seq_leaf *first_old(const struct sg_seq_node *node, uint32_t from,
                                     struct sg_seq_age applying)
{
    uint32_t slot = from;
    while (slot < node->count) {
        if (is_new(&node->age[slot], applying)) {
            slot++;
        } else if (node->has_leaves) {
            return node->child[slot];
        } else { /* one of its children is as old, for only ages of whole nodes are joined */
            node = node->child[slot];
            slot = 0;
        }
    }
    return NULL;
}

struct sg_seq_leaf *sg_seq_age_skip(struct sg_seq_leaf *leaf, struct sg_seq_age applying)
{
    const void *child = leaf;
    if (!is_new(&leaf->age, applying))
        return leaf;
    for (const struct sg_seq_node *node = leaf->parent; node != NULL; node = node->parent) {
        struct sg_seq_leaf *found = first_old(node, sg_seq_slot_of(node, child) + 1, applying);
        if (found != NULL)
            return found;
        child = node;
    }
    return NULL;
}
