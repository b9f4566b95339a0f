#include "mls/state.h"

#define VERSION 4

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

static void write_sender(struct sg_writer *w, const struct sg_mls_suite *suite,
                         const struct sg_mls_sender_ratchets *sender)
{
    sg_write_u32(w, sender->leaf);
    sg_write_u32(w, sender->before);
    write_ratchet(w, suite, &sender->ratchet[0]);
    write_ratchet(w, suite, &sender->ratchet[1]);
}

/* All of a secret tree. */
static void write_ratchets(struct sg_writer *w, const struct sg_mls_secret_tree *tree,
                           const struct sg_mls_suite *suite)
{
    sg_write_u32(w, tree->leaves);
    sg_write_u32(w, tree->newest);
    sg_write_u32(w, tree->node_count);
    for (uint32_t i = 0; i < tree->node_count; i++) {
        sg_write_u32(w, tree->nodes[i].node);
        sg_write_u32(w, tree->nodes[i].origin);
        write_secret(w, suite, &tree->nodes[i].secret);
    }
    sg_write_u32(w, tree->sender_count);
    for (uint32_t i = 0; i < tree->sender_count; i++)
        write_sender(w, suite, &tree->senders[i]);
}

static void write_fixed(struct sg_writer *w, const struct sg_mls_epoch *epoch)
{
    const struct sg_mls_suite *suite = epoch->suite;
    sg_write_vector(w, epoch->context.raw);
    sg_write_bytes(w, sg_bytes(epoch->interim, suite->hash_len));
    sg_write_bytes(w, sg_bytes(epoch->tag, suite->hash_len));
    write_secrets(w, suite, &epoch->secrets);
    write_own(w, suite, &epoch->own);
    sg_write_bytes(w, sg_bytes(epoch->signature_private, suite->sig_private_len));
    write_ratchets(w, &epoch->exports, suite);
}

void sg_mls_write_epoch(struct sg_writer *w, const void *what)
{
    const struct sg_mls_epoch *epoch = what;
    write_fixed(w, epoch);
    write_ratchets(w, &epoch->ratchets, epoch->suite);
}

static bool has_ratchets(const struct sg_mls_epoch *epoch)
{
    return epoch->ratchets.mem != NULL && !epoch->ratchets.is_gone;
}

/* An epoch whose senders have records of their own. */
static void write_epoch_head(struct sg_writer *w, const void *what)
{
    const struct sg_mls_epoch *epoch = what;
    write_fixed(w, epoch);
    sg_write_u8(w, has_ratchets(epoch));
}

/* ---- senders ---- */

static void write_newest(struct sg_writer *w, const void *what)
{
    const struct sg_mls_secret_tree *tree = what;
    const struct sg_mls_node_secret *root =
        sg_mls_secret_tree_node(tree, sg_mls_root(tree->leaves));
    sg_write_u32(w, tree->leaves);
    sg_write_u32(w, tree->newest);
    sg_write_u8(w, root != NULL);
    if (root != NULL)
        write_secret(w, tree->suite, &root->secret);
}

struct sender {
    const struct sg_mls_secret_tree *tree;
    const struct sg_mls_sender_ratchets *ratchets;
};

/* With what is still there of the secrets beside its way down. */
static void write_sender_record(struct sg_writer *w, const void *what)
{
    const struct sender *in = what;
    const struct sg_mls_secret_tree *tree = in->tree;
    uint32_t root = sg_mls_root(tree->leaves);
    write_sender(w, tree->suite, in->ratchets);
    for (uint32_t node = sg_mls_leaf_node(in->ratchets->leaf); node != root;
         node = sg_mls_parent(node)) {
        const struct sg_mls_node_secret *beside =
            sg_mls_secret_tree_node(tree, sg_mls_sibling(node));
        if (beside == NULL || beside->origin != in->ratchets->leaf)
            continue;
        sg_write_u32(w, beside->node);
        write_secret(w, tree->suite, &beside->secret);
    }
}

/* ---- the tree and its logs ---- */

static void write_node(struct sg_writer *w, const void *what)
{
    const struct sg_mls_node *node = what;
    sg_write_vector(w, sg_mls_node_raw(node));
    sg_write_vector(w, sg_bytes(node->data + node->head_len, node->unmerged_len));
}

static void write_log(struct sg_writer *w, const void *what)
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
    size_t hash_len = pending->has_hash ? pending->epoch->suite->hash_len : 0;
    sg_write_vector(w, sg_bytes(pending->hash, hash_len));
    sg_write_vector(w, sg_bytes(pending->closing.raw, pending->closing.len));
    sg_mls_write_epoch(w, pending->epoch);
    write_log(w, &pending->log);
}

static void write_cached(struct sg_writer *w, const struct sg_mls_suite *suite,
                         const struct sg_mls_cached *cached)
{
    sg_write_bytes(w, sg_bytes(cached->ref, suite->hash_len));
    sg_write_vector(w, sg_bytes(cached->message, cached->len));
    sg_write_u8(w, cached->has_keys);
    if (!cached->has_keys)
        return;
    sg_write_bytes(w, sg_bytes(cached->encryption_private, suite->kem_private_len));
    sg_write_bytes(w, sg_bytes(cached->signature_private, suite->sig_private_len));
}

struct cached {
    const struct sg_mls_suite *suite;
    const struct sg_mls_cached *cached;
};

static void write_cached_record(struct sg_writer *w, const void *what)
{
    const struct cached *in = what;
    write_cached(w, in->suite, in->cached);
}

static void write_cache(struct sg_writer *w, const void *what)
{
    const struct sg_mls_group *group = what;
    sg_write_u32(w, group->cache_next);
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
    for (uint32_t i = 0; i < tree->unsaved_count; i++) {
        uint32_t node = tree->unsaved[i];
        SG_TRY(push(batch, SG_MLS_RECORD_NODE, node, write_node, tree->nodes[node]));
    }
    return SG_OK;
}

/* ---- senders ---- */

/* The epoch of the group that has the records of a kind. */
static const struct sg_mls_epoch *owner_of(const struct sg_mls_group *group, uint32_t kind)
{
    if (sg_mls_sender_record(group->epoch->context.epoch) == kind)
        return group->epoch;
    for (uint32_t i = 0; i < group->past_count; i++)
        if (sg_mls_sender_record(group->past[i].epoch->context.epoch) == kind)
            return group->past[i].epoch;
    return NULL;
}

/* The records of a secret tree that the group has no longer, or no longer there, but those that
 * another epoch writes anew. */
static sg_err push_gone(const struct sg_mls_group *group, struct batch *batch,
                        const struct sg_mls_epoch *gone)
{
    const struct sg_mls_secret_tree *tree = &gone->ratchets;
    uint32_t kind = sg_mls_sender_record(gone->context.epoch);
    const struct sg_mls_epoch *owner = owner_of(group, kind);
    const struct sg_mls_secret_tree *now =
        owner == NULL || !has_ratchets(owner) ? NULL : &owner->ratchets;
    if (tree->is_head_stored && now == NULL)
        SG_TRY(push(batch, kind, UINT32_MAX, NULL, NULL));
    for (uint32_t i = 0; i < tree->sender_count; i++) {
        const struct sg_mls_sender_ratchets *sender = &tree->senders[i];
        if (sender->is_stored && (now == NULL || !sg_mls_secret_tree_has_sender(now, sender->leaf)))
            SG_TRY(push(batch, kind, sender->leaf, NULL, NULL));
    }
    return SG_OK;
}

static sg_err push_senders(const struct sg_mls_group *group, struct batch *batch,
                           const struct sg_mls_epoch *epoch)
{
    const struct sg_mls_secret_tree *tree = &epoch->ratchets;
    uint32_t kind = sg_mls_sender_record(epoch->context.epoch);
    if (tree->is_gone)
        return push_gone(group, batch, epoch);
    if (tree->mem == NULL)
        return SG_OK;
    if (!tree->is_head_stored || tree->is_head_changed)
        SG_TRY(push(batch, kind, UINT32_MAX, write_newest, tree));
    for (uint32_t at = tree->changed; at != 0; at = tree->senders[at - 1].next_changed) {
        struct sender in = {tree, &tree->senders[at - 1]};
        SG_TRY(push(batch, kind, in.ratchets->leaf, write_sender_record, &in));
    }
    return SG_OK;
}

/* ---- epochs ---- */

static uint64_t oldest_epoch(const struct sg_mls_group *group)
{
    return group->past_count == 0 ? group->epoch->context.epoch
                                  : group->past[group->past_count - 1].epoch->context.epoch;
}

static sg_err push_old_epochs(const struct sg_mls_group *group, struct batch *batch)
{
    uint64_t now = group->epoch->context.epoch;
    if (!group->is_stored)
        return SG_OK; /* one who joins at epoch 2^40 has nothing older to delete */
    for (uint64_t old = group->stored_from; old < oldest_epoch(group) && old <= group->stored_to;
         old++) {
        SG_TRY(push(batch, SG_MLS_RECORD_EPOCH, (uint32_t)old, NULL, NULL));
        SG_TRY(push(batch, SG_MLS_RECORD_LOG, (uint32_t)old, NULL, NULL));
    }
    for (uint64_t gone = now; gone < group->stored_to; gone++) {
        SG_TRY(push(batch, SG_MLS_RECORD_EPOCH, (uint32_t)(gone + 1), NULL, NULL));
        SG_TRY(push(batch, SG_MLS_RECORD_LOG, (uint32_t)gone, NULL, NULL));
    }
    return SG_OK;
}

static sg_err push_epoch(const struct sg_mls_group *group, struct batch *batch,
                         const struct sg_mls_epoch *epoch)
{
    if (!epoch->is_stored)
        SG_TRY(push(batch, SG_MLS_RECORD_EPOCH, (uint32_t)epoch->context.epoch, write_epoch_head,
                    epoch));
    return push_senders(group, batch, epoch);
}

static sg_err push_epochs(const struct sg_mls_group *group, struct batch *batch)
{
    SG_TRY(push_epoch(group, batch, group->epoch));
    for (uint32_t i = 0; i < group->past_count; i++) {
        const struct sg_mls_past *past = &group->past[i];
        SG_TRY(push_epoch(group, batch, past->epoch));
        if (!past->is_log_stored)
            SG_TRY(push(batch, SG_MLS_RECORD_LOG, (uint32_t)past->epoch->context.epoch, write_log,
                        &past->log));
    }
    for (const struct sg_mls_epoch *gone = group->gone; gone != NULL; gone = gone->next)
        SG_TRY(push_gone(group, batch, gone));
    return push_old_epochs(group, batch);
}

static sg_err push_discarded(const struct sg_mls_group *group, struct batch *batch)
{
    for (uint32_t i = 0; i < SG_MLS_DISCARDED_MAX; i++) {
        const struct sg_mls_epoch *epoch = group->discarded[i];
        bool is_gone = epoch == NULL && (group->discarded_stored >> i & 1) != 0;
        if (is_gone || (epoch != NULL && !epoch->is_stored))
            SG_TRY(push(batch, SG_MLS_RECORD_DISCARDED, i, sg_mls_write_epoch, epoch));
        if (epoch != NULL && !epoch->is_stored)
            SG_TRY(push_gone(group, batch, epoch));
    }
    return SG_OK;
}

/* ---- proposals ---- */

static sg_err push_cache(const struct sg_mls_group *group, struct batch *batch)
{
    uint32_t at = 0;
    if (group->is_cache_stored)
        return SG_OK;
    for (uint32_t serial = 0; serial < group->cache_stored || serial < group->cache_next;
         serial++) {
        bool is_there = at < group->cache_count && group->cache[at].serial == serial;
        struct cached in = {group->suite, &group->cache[at]};
        if (is_there && !in.cached->is_stored)
            SG_TRY(push(batch, SG_MLS_RECORD_CACHED, serial, write_cached_record, &in));
        else if (!is_there && serial < group->cache_stored)
            SG_TRY(push(batch, SG_MLS_RECORD_CACHED, serial, NULL, NULL));
        at += is_there;
    }
    return push(batch, SG_MLS_RECORD_CACHE, 0, write_cache, group);
}

static sg_err push_pending(const struct sg_mls_group *group, struct batch *batch)
{
    const struct sg_mls_pending *pending = group->pending;
    if (pending != NULL)
        return pending->is_stored ? SG_OK
                                  : push(batch, SG_MLS_RECORD_PENDING, 0, write_pending, pending);
    return group->is_pending_stored ? push(batch, SG_MLS_RECORD_PENDING, 0, NULL, NULL) : SG_OK;
}

/* ---- all of it ---- */

static void set_epoch_stored(struct sg_mls_epoch *epoch)
{
    epoch->is_stored = true;
    if (epoch->ratchets.is_gone)
        sg_mls_secret_tree_fini(&epoch->ratchets);
    else if (epoch->ratchets.mem != NULL)
        sg_mls_secret_tree_set_stored(&epoch->ratchets);
}

static void set_stored(struct sg_mls_group *group)
{
    sg_mls_tree_set_stored(&group->tree);
    set_epoch_stored(group->epoch);
    for (uint32_t i = 0; i < group->past_count; i++) {
        set_epoch_stored(group->past[i].epoch);
        group->past[i].is_log_stored = true;
    }
    sg_mls_group_free_gone(group);
    for (uint32_t i = 0; i < SG_MLS_DISCARDED_MAX; i++) {
        struct sg_mls_epoch *epoch = group->discarded[i];
        if (epoch == NULL || epoch->is_stored)
            continue;
        epoch->is_stored = true;
        sg_mls_secret_tree_set_unstored(&epoch->ratchets);
    }
    for (uint32_t i = 0; i < group->cache_count; i++)
        group->cache[i].is_stored = true;
    if (group->pending != NULL)
        group->pending->is_stored = true;
    group->is_stored = true;
    group->is_state_stored = true;
    group->is_cache_stored = true;
    group->cache_stored = group->cache_next;
    group->discarded_stored = discarded_bits(group);
    group->stored_from = oldest_epoch(group);
    group->stored_to = group->epoch->context.epoch;
    group->is_pending_stored = group->pending != NULL;
}

static sg_err collect(const struct sg_mls_group *group, struct batch *batch)
{
    if (!group->is_state_stored || group->is_pending_stored != (group->pending != NULL) ||
        group->discarded_stored != discarded_bits(group))
        SG_TRY(push(batch, SG_MLS_RECORD_STATE, 0, write_state, group));
    SG_TRY(push_nodes(group, batch));
    SG_TRY(push_epochs(group, batch));
    SG_TRY(push_discarded(group, batch));
    SG_TRY(push_cache(group, batch));
    return push_pending(group, batch);
}

sg_err sg_mls_state_save(struct sg_mls_group *group, const struct sg_mls_store *store)
{
    struct batch batch = {0};
    sg_mls_arena_init(&batch.arena, group->config->mem, group->suite->wipe);
    sg_err err = collect(group, &batch);
    if (err == SG_OK && batch.count > 0)
        err = store->write(store->user, group->epoch->context.group_id, batch.records, batch.count);
    if (err == SG_OK)
        set_stored(group);
    sg_mls_arena_fini(&batch.arena);
    return err;
}

sg_err sg_mls_state_replace(struct sg_mls_group *group, struct sg_mls_group *old,
                            const struct sg_mls_store *store)
{
    struct sg_mls_tree *tree = &group->tree;
    uint32_t leaves = tree->leaves;
    if (old->tree.cap_leaves > leaves) {
        SG_TRY(sg_mls_tree_resize(tree, old->tree.cap_leaves));
        SG_TRY(sg_mls_tree_resize(tree, leaves));
    }
    /* all that is there is another's: written anew, or deleted */
    sg_mls_tree_set_unstored(tree);
    group->is_stored = true;
    group->is_cache_stored = false;
    group->stored_from = old->stored_from;
    group->stored_to = old->stored_to;
    group->discarded_stored = old->discarded_stored;
    group->cache_stored = old->cache_stored;
    group->is_pending_stored = old->is_pending_stored;
    while (old->past_count > 0) {
        struct sg_mls_past *past = &old->past[--old->past_count];
        sg_mls_group_forget_epoch(group, past->epoch);
        sg_mls_tree_log_fini(tree, &past->log);
    }
    sg_mls_group_forget_epoch(group, old->epoch);
    old->epoch = NULL;
    while (old->gone != NULL) { /* what the config keeps no longer */
        struct sg_mls_epoch *epoch = old->gone;
        old->gone = epoch->next;
        epoch->next = group->gone;
        group->gone = epoch;
    }
    return sg_mls_state_save(group, store);
}
