/* Epochs that were rolled back. Who comes back to one of them would derive its secret tree anew,
 * from generation 0: keys and nonces used twice, messages accepted twice, safe exports given twice.
 * So what was used of it is kept, until no rollback reaches the epoch before it any more, and is
 * put into the epoch that is the same: its confirmation tag says so. */
#include "mls/group.h"

static bool is_used(const struct sg_mls_secret_tree *tree)
{
    return tree->sender_count > 0 || tree->node_count != 1 ||
           tree->nodes[0].node != sg_mls_root(tree->leaves);
}

static void forget(struct sg_mls_group *group, uint32_t slot)
{
    sg_mls_group_forget_epoch(group, group->discarded[slot]);
    group->discarded[slot] = NULL;
}

/* Room for one more; SG_MLS_DISCARDED_MAX: none. */
static uint32_t free_slot(const struct sg_mls_group *group)
{
    uint32_t slot = 0;
    while (slot < SG_MLS_DISCARDED_MAX && group->discarded[slot] != NULL)
        slot++;
    return slot;
}

sg_err sg_mls_discard_epoch(struct sg_mls_group *group, struct sg_mls_epoch *epoch)
{
    uint32_t slot = free_slot(group);
    if (!is_used(&epoch->ratchets) && !is_used(&epoch->exports)) {
        sg_mls_group_forget_epoch(group, epoch);
        return SG_OK;
    }
    if (slot == SG_MLS_DISCARDED_MAX)
        return SG_ERR_LIMIT;
    epoch->suite->wipe(&epoch->secrets, sizeof(epoch->secrets));
    epoch->suite->wipe(&epoch->own, sizeof(epoch->own));
    epoch->suite->wipe(epoch->signature_private, sizeof(epoch->signature_private));
    epoch->is_stored = false;
    group->discarded[slot] = epoch;
    return SG_OK;
}

static bool is_same(const struct sg_mls_epoch *a, const struct sg_mls_epoch *b)
{
    return a->context.epoch == b->context.epoch && memcmp(a->tag, b->tag, a->suite->hash_len) == 0;
}

static void take_over(struct sg_mls_secret_tree *to, struct sg_mls_secret_tree *from)
{
    sg_mls_secret_tree_fini(to);
    *to = *from;
    *from = (struct sg_mls_secret_tree){0};
}

void sg_mls_recall_epoch(struct sg_mls_group *group, struct sg_mls_epoch *epoch)
{
    for (uint32_t i = 0; i < SG_MLS_DISCARDED_MAX; i++) {
        struct sg_mls_epoch *discarded = group->discarded[i];
        if (discarded == NULL)
            continue;
        if (is_same(discarded, epoch)) {
            take_over(&epoch->ratchets, &discarded->ratchets);
            take_over(&epoch->exports, &discarded->exports);
            forget(group, i);
        } else if (discarded->context.epoch + group->config->undo_epochs <= epoch->context.epoch) {
            forget(group, i); /* a rollback no longer comes before it */
        }
    }
}

void sg_mls_discarded_clear(struct sg_mls_group *group)
{
    for (uint32_t i = 0; i < SG_MLS_DISCARDED_MAX; i++)
        forget(group, i);
}
