#include "mls/state.h"

#define VERSION 3

static void write_secret(struct sg_writer *w, const struct sg_mls_suite *suite,
                         const struct sg_mls_secret *secret)
{
    sg_write_bytes(w, sg_mls_secret_bytes(suite, secret));
}

static void write_secrets(struct sg_writer *w, const struct sg_mls_suite *suite,
                          const struct sg_mls_epoch_secrets *s)
{
    const struct sg_mls_secret *all[] = {
        &s->sender_data,      &s->exporter,       &s->authenticator, &s->external,
        &s->confirmation_key, &s->membership_key, &s->resumption,    &s->init};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        write_secret(w, suite, all[i]);
}

static void write_own(struct sg_writer *w, const struct sg_mls_suite *suite,
                      const struct sg_mls_private *own)
{
    sg_write_u32(w, own->leaf);
    sg_write_u32(w, own->count);
    for (uint32_t i = 0; i < own->count; i++) {
        sg_write_u32(w, own->keys[i].node);
        sg_write_bytes(w, sg_bytes(own->keys[i].key, suite->kem_private_len));
    }
}

static void write_ratchet(struct sg_writer *w, const struct sg_mls_suite *suite,
                          const struct sg_mls_ratchet *ratchet)
{
    sg_write_u32(w, ratchet->next);
    write_secret(w, suite, &ratchet->secret);
    sg_write_u32(w, ratchet->kept_count);
    for (uint32_t i = 0; i < ratchet->kept_count; i++) {
        sg_write_u32(w, ratchet->kept[i].generation);
        sg_write_bytes(w, sg_bytes(ratchet->kept[i].key, suite->aead_key_len));
        sg_write_bytes(w, sg_bytes(ratchet->kept[i].nonce, suite->aead_nonce_len));
    }
}

static void write_ratchets(struct sg_writer *w, const struct sg_mls_secret_tree *tree,
                           const struct sg_mls_suite *suite)
{
    sg_write_u32(w, tree->leaves);
    sg_write_u32(w, tree->node_count);
    for (uint32_t i = 0; i < tree->node_count; i++) {
        sg_write_u32(w, tree->nodes[i].node);
        write_secret(w, suite, &tree->nodes[i].secret);
    }
    sg_write_u32(w, tree->sender_count);
    for (uint32_t i = 0; i < tree->sender_count; i++) {
        sg_write_u32(w, tree->senders[i].leaf);
        write_ratchet(w, suite, &tree->senders[i].ratchet[0]);
        write_ratchet(w, suite, &tree->senders[i].ratchet[1]);
    }
}

void sg_mls_write_epoch(struct sg_writer *w, const void *what)
{
    const struct sg_mls_epoch *epoch = what;
    const struct sg_mls_suite *suite = epoch->suite;
    sg_write_vector(w, epoch->context.raw);
    sg_write_bytes(w, sg_bytes(epoch->interim, suite->hash_len));
    sg_write_bytes(w, sg_bytes(epoch->tag, suite->hash_len));
    write_secrets(w, suite, &epoch->secrets);
    write_own(w, suite, &epoch->own);
    sg_write_bytes(w, sg_bytes(epoch->signature_private, suite->sig_private_len));
    write_ratchets(w, &epoch->ratchets, suite);
    write_ratchets(w, &epoch->exports, suite);
}

static void write_node(struct sg_writer *w, const void *what)
{
    const struct sg_mls_node *node = what;
    sg_write_vector(w, sg_mls_node_raw(node));
    sg_write_vector(w, sg_bytes(node->data + node->head_len, node->unmerged_len));
}

void sg_mls_write_log(struct sg_writer *w, const void *what)
{
    const struct sg_mls_tree_log *log = what;
    sg_write_u32(w, log->count);
    for (uint32_t i = 0; i < log->count; i++) {
        const struct sg_mls_log_entry *entry = &log->entries[i];
        sg_write_u32(w, entry->node);
        sg_write_u32(w, entry->leaves);
        sg_write_u8(w, entry->other != NULL);
        if (entry->other != NULL)
            write_node(w, entry->other);
    }
}

static void write_pending(struct sg_writer *w, const void *what)
{
    const struct sg_mls_pending *pending = what;
    sg_write_vector(w, sg_bytes(pending->hash, pending->epoch->suite->hash_len));
    sg_write_vector(w, sg_bytes(pending->closing.raw, pending->closing.len));
    sg_mls_write_epoch(w, pending->epoch);
    sg_mls_write_log(w, &pending->log);
}

static void write_cache(struct sg_writer *w, const struct sg_mls_group *group)
{
    const struct sg_mls_suite *suite = group->suite;
    sg_write_u32(w, group->cache_count);
    for (uint32_t i = 0; i < group->cache_count; i++) {
        const struct sg_mls_cached *cached = &group->cache[i];
        sg_write_bytes(w, sg_bytes(cached->ref, suite->hash_len));
        sg_write_vector(w, sg_bytes(cached->message, cached->len));
        sg_write_u8(w, cached->has_keys);
        if (!cached->has_keys)
            continue;
        sg_write_bytes(w, sg_bytes(cached->encryption_private, suite->kem_private_len));
        sg_write_bytes(w, sg_bytes(cached->signature_private, suite->sig_private_len));
    }
}

static uint32_t discarded_bits(const struct sg_mls_group *group)
{
    uint32_t bits = 0;
    for (uint32_t i = 0; i < SG_MLS_DISCARDED_MAX; i++)
        bits |= (uint32_t)(group->discarded[i] != NULL) << i;
    return bits;
}

static void write_state(struct sg_writer *w, const void *what)
{
    const struct sg_mls_group *group = what;
    uint32_t psks = group->resumption_count < group->resumption_cap ? group->resumption_count
                                                                    : group->resumption_cap;
    sg_write_u8(w, VERSION);
    sg_write_u16(w, group->suite->id);
    sg_write_u64(w, group->epoch->context.epoch);
    sg_write_u8(w, group->is_removed);
    sg_write_u8(w, group->pending != NULL);
    sg_write_u32(w, group->tree.leaves);
    sg_write_u32(w, group->past_count);
    sg_write_u32(w, discarded_bits(group));
    sg_write_vector(w, sg_bytes(group->closing.raw, group->closing.len));
    /* the oldest first, so that reading them one after the other fills the ring again */
    sg_write_u32(w, psks);
    for (uint32_t i = group->resumption_count - psks; i < group->resumption_count; i++) {
        const struct sg_mls_resumption *psk = &group->resumption[i % group->resumption_cap];
        sg_write_u64(w, psk->epoch);
        write_secret(w, group->suite, &psk->secret);
    }
    write_cache(w, group);
}

/* ---- what has changed ---- */

struct batch {
    struct sg_mls_arena arena;
    struct sg_mls_record *records;
    uint32_t count;
    uint32_t cap;
};

static sg_err push(struct batch *batch, uint32_t kind, uint32_t index, sg_mls_write_fn write,
                   const void *what)
{
    struct sg_bytes value = sg_bytes(NULL, 0);
    if (what != NULL)
        SG_TRY(sg_mls_encode(&batch->arena, write, what, &value));
    void *grown = sg_mls_arena_push(&batch->arena, batch->records, &batch->count, &batch->cap,
                                    sizeof(*batch->records));
    if (grown == NULL)
        return SG_ERR_NO_MEMORY;
    batch->records = grown;
    batch->records[batch->count - 1] = (struct sg_mls_record){kind, index, value};
    return SG_OK;
}

static sg_err push_nodes(const struct sg_mls_group *group, struct batch *batch)
{
    const struct sg_mls_tree *tree = &group->tree;
    uint32_t all = tree->cap_leaves == 0 ? 0 : sg_mls_node_count(tree->cap_leaves);
    for (uint32_t i = 0; i < all; i++)
        if (!tree->stored[i])
            SG_TRY(push(batch, SG_MLS_RECORD_NODE, i, write_node, tree->nodes[i]));
    return SG_OK;
}

static uint64_t oldest_epoch(const struct sg_mls_group *group)
{
    return group->past_count == 0 ? group->epoch->context.epoch
                                  : group->past[group->past_count - 1].epoch->context.epoch;
}

static sg_err push_epochs(const struct sg_mls_group *group, struct batch *batch)
{
    const struct sg_mls_epoch *epoch = group->epoch;
    if (!epoch->ratchets.is_stored || !epoch->exports.is_stored)
        SG_TRY(push(batch, SG_MLS_RECORD_EPOCH, (uint32_t)epoch->context.epoch, sg_mls_write_epoch,
                    epoch));
    for (uint32_t i = 0; i < group->past_count; i++) {
        const struct sg_mls_past *past = &group->past[i];
        uint32_t number = (uint32_t)past->epoch->context.epoch;
        if (!past->epoch->ratchets.is_stored)
            SG_TRY(push(batch, SG_MLS_RECORD_EPOCH, number, sg_mls_write_epoch, past->epoch));
        if (!past->is_log_stored)
            SG_TRY(push(batch, SG_MLS_RECORD_LOG, number, sg_mls_write_log, &past->log));
    }
    if (!group->is_stored)
        return SG_OK; /* one who joins at epoch 2^40 has nothing older to delete */
    for (uint64_t old = group->stored_from; old < oldest_epoch(group) && old <= group->stored_to;
         old++) {
        SG_TRY(push(batch, SG_MLS_RECORD_EPOCH, (uint32_t)old, NULL, NULL));
        SG_TRY(push(batch, SG_MLS_RECORD_LOG, (uint32_t)old, NULL, NULL));
    }
    for (uint64_t gone = epoch->context.epoch; gone < group->stored_to; gone++) {
        SG_TRY(push(batch, SG_MLS_RECORD_EPOCH, (uint32_t)(gone + 1), NULL, NULL));
        SG_TRY(push(batch, SG_MLS_RECORD_LOG, (uint32_t)gone, NULL, NULL));
    }
    return SG_OK;
}

static sg_err push_discarded(const struct sg_mls_group *group, struct batch *batch)
{
    for (uint32_t i = 0; i < SG_MLS_DISCARDED_MAX; i++) {
        const struct sg_mls_epoch *epoch = group->discarded[i];
        bool is_gone = epoch == NULL && (group->discarded_stored >> i & 1) != 0;
        if (is_gone || (epoch != NULL && !epoch->ratchets.is_stored))
            SG_TRY(push(batch, SG_MLS_RECORD_DISCARDED, i, sg_mls_write_epoch, epoch));
    }
    return SG_OK;
}

static void set_stored(struct sg_mls_group *group)
{
    struct sg_mls_tree *tree = &group->tree;
    if (tree->cap_leaves > 0)
        memset(tree->stored, 1, sg_mls_node_count(tree->cap_leaves));
    group->epoch->ratchets.is_stored = true;
    group->epoch->exports.is_stored = true;
    for (uint32_t i = 0; i < group->past_count; i++) {
        group->past[i].epoch->ratchets.is_stored = true;
        group->past[i].is_log_stored = true;
    }
    group->is_stored = true;
    group->discarded_stored = discarded_bits(group);
    for (uint32_t i = 0; i < SG_MLS_DISCARDED_MAX; i++)
        if (group->discarded[i] != NULL)
            group->discarded[i]->ratchets.is_stored = true;
    group->stored_from = oldest_epoch(group);
    group->stored_to = group->epoch->context.epoch;
    group->is_pending_stored = group->pending != NULL;
}

static sg_err collect(const struct sg_mls_group *group, struct batch *batch)
{
    SG_TRY(push(batch, SG_MLS_RECORD_STATE, 0, write_state, group));
    SG_TRY(push_nodes(group, batch));
    SG_TRY(push_epochs(group, batch));
    SG_TRY(push_discarded(group, batch));
    if (group->pending != NULL)
        return push(batch, SG_MLS_RECORD_PENDING, 0, write_pending, group->pending);
    return group->is_pending_stored ? push(batch, SG_MLS_RECORD_PENDING, 0, NULL, NULL) : SG_OK;
}

sg_err sg_mls_state_save(struct sg_mls_group *group, const struct sg_mls_store *store)
{
    struct batch batch = {0};
    sg_mls_arena_init(&batch.arena, group->config->mem, group->suite->wipe);
    sg_err err = collect(group, &batch);
    if (err == SG_OK)
        err = store->write(store->user, group->epoch->context.group_id, batch.records, batch.count);
    if (err == SG_OK)
        set_stored(group);
    sg_mls_arena_fini(&batch.arena);
    return err;
}

sg_err sg_mls_state_replace(struct sg_mls_group *group, const struct sg_mls_group *old,
                            const struct sg_mls_store *store)
{
    struct sg_mls_tree *tree = &group->tree;
    uint32_t leaves = tree->leaves;
    if (old->tree.cap_leaves > leaves) {
        SG_TRY(sg_mls_tree_resize(tree, old->tree.cap_leaves));
        SG_TRY(sg_mls_tree_resize(tree, leaves));
    }
    /* all that is there is another's: written anew, or deleted */
    memset(tree->stored, 0, sg_mls_node_count(tree->cap_leaves));
    group->is_stored = true;
    group->stored_from = old->stored_from;
    group->stored_to = old->stored_to;
    group->discarded_stored = old->discarded_stored;
    group->is_pending_stored = old->is_pending_stored;
    return sg_mls_state_save(group, store);
}
