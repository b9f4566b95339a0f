#include "mls/group.h"

sg_err sg_mls_group_new(const struct sg_mls_config *config, const struct sg_mls_suite *suite,
                        struct sg_mls_group **out)
{
    struct sg_mls_group *group = sg_mem_new(config->mem, 1, sizeof(*group));
    if (group == NULL)
        return SG_ERR_NO_MEMORY;
    group->config = config;
    group->suite = suite;
    sg_mls_tree_init(&group->tree, config->mem, suite);
    group->resumption_cap = config->resumption_epochs > 0 ? config->resumption_epochs : 1;
    group->resumption = sg_mem_new(config->mem, group->resumption_cap, sizeof(*group->resumption));
    group->ready = sg_mem_new(config->mem, 1, sizeof(*group->ready));
    sg_err err = group->resumption == NULL || group->ready == NULL ? SG_ERR_NO_MEMORY : SG_OK;
    if (err == SG_OK)
        err = config->random->fill(config->random->state, (uint8_t *)group->tree.keys.seed,
                                   sizeof(group->tree.keys.seed));
    if (err == SG_OK)
        *out = group;
    else
        sg_mls_group_free(group);
    return err;
}

void sg_mls_group_forget_epoch(struct sg_mls_group *group, struct sg_mls_epoch *epoch)
{
    if (epoch == NULL || !epoch->ratchets.is_head_stored) {
        sg_mls_epoch_free(epoch);
        return;
    }
    sg_mls_secret_tree_forget(&epoch->ratchets);
    sg_mls_secret_tree_fini(&epoch->exports);
    group->suite->wipe(&epoch->secrets, sizeof(epoch->secrets));
    group->suite->wipe(&epoch->own, sizeof(epoch->own));
    group->suite->wipe(epoch->signature_private, sizeof(epoch->signature_private));
    epoch->next = group->gone;
    group->gone = epoch;
}

void sg_mls_group_free_gone(struct sg_mls_group *group)
{
    while (group->gone != NULL) {
        struct sg_mls_epoch *epoch = group->gone;
        group->gone = epoch->next;
        sg_mls_epoch_free(epoch);
    }
}

static void past_fini(struct sg_mls_group *group, struct sg_mls_past *past)
{
    sg_mls_group_forget_epoch(group, past->epoch);
    sg_mls_tree_log_fini(&group->tree, &past->log);
    *past = (struct sg_mls_past){0};
}

void sg_mls_closing_fini(const struct sg_mls_config *config, struct sg_mls_closing *closing)
{
    sg_mem_free(config->mem, closing->raw);
    *closing = (struct sg_mls_closing){0};
}

void sg_mls_pending_free(struct sg_mls_group *group, struct sg_mls_pending *pending)
{
    if (pending == NULL)
        return;
    sg_mls_epoch_free(pending->epoch);
    sg_mls_tree_log_fini(&group->tree, &pending->log);
    sg_mls_closing_fini(group->config, &pending->closing);
    sg_mem_free(group->config->mem, pending);
}

void sg_mls_group_free(struct sg_mls_group *group)
{
    if (group == NULL)
        return;
    const struct sg_mem *mem = group->config->mem;
    sg_mls_cache_clear(group);
    sg_mem_free(mem, group->cache);
    sg_mls_pending_free(group, group->pending);
    sg_mls_closing_fini(group->config, &group->closing);
    for (uint32_t i = 0; i < group->past_count; i++)
        past_fini(group, &group->past[i]);
    sg_mls_epoch_free(group->epoch);
    sg_mls_discarded_clear(group);
    sg_mls_group_free_gone(group);
    if (group->ready != NULL)
        group->suite->sign_ready_fini(group->ready);
    sg_mem_free(mem, group->ready);
    if (group->resumption != NULL)
        group->suite->wipe(group->resumption, group->resumption_cap * sizeof(*group->resumption));
    sg_mem_free(mem, group->resumption);
    sg_mls_tree_fini(&group->tree);
    sg_mem_free(mem, group);
}

struct sg_mls_window sg_mls_group_window(const struct sg_mls_config *config)
{
    return (struct sg_mls_window){config->forward_max, config->skipped_max};
}

struct sg_mls_rules sg_mls_group_rules(const struct sg_mls_group *group, uint64_t now)
{
    const struct sg_mls_group_context *context = &group->epoch->context;
    return (struct sg_mls_rules){.config = group->config,
                                 .suite = group->suite,
                                 .group_id = context->group_id,
                                 .extensions = context->extensions,
                                 .now = now};
}

struct sg_mls_signer sg_mls_group_signer(const struct sg_mls_group *group)
{
    return (struct sg_mls_signer){
        group->suite, group->config->random,
        sg_bytes(group->epoch->signature_private, group->suite->sig_private_len), group->ready};
}

sg_err sg_mls_group_check_open(const struct sg_mls_group *group)
{
    if (group->is_removed)
        return SG_ERR_MLS_REMOVED;
    if (sg_mls_group_leaf(group) == UINT32_MAX)
        return SG_ERR_INVALID_STATE; /* an external commit that is not accepted yet */
    /* RFC9420 s12.4.2: after a ReInit "the client MUST NOT use the group to send messages
     * anymore" */
    return group->closing.raw != NULL ? SG_ERR_INVALID_STATE : SG_OK;
}

sg_err sg_mls_group_safe_export(struct sg_mls_group *group, uint16_t component,
                                struct sg_mls_secret *out)
{
    if (group->is_removed)
        return SG_ERR_MLS_REMOVED;
    if (sg_mls_group_leaf(group) == UINT32_MAX)
        return SG_ERR_INVALID_STATE;
    SG_TRY(sg_mls_secret_tree_consume(&group->epoch->exports, component, out));
    group->epoch->is_stored = false;
    return SG_OK;
}

/* ---- epochs ---- */

/* RFC9420 s9.2: what a past epoch no longer needs. Its ratchets and the way to its keys stay, for
 * messages that come late. */
static void wipe_past(struct sg_mls_epoch *epoch)
{
    struct sg_mls_secret sender_data = epoch->secrets.sender_data;
    struct sg_mls_secret membership = epoch->secrets.membership_key;
    uint32_t leaf = epoch->own.leaf;
    epoch->suite->wipe(&epoch->secrets, sizeof(epoch->secrets));
    epoch->suite->wipe(&epoch->own, sizeof(epoch->own));
    epoch->suite->wipe(epoch->signature_private, sizeof(epoch->signature_private));
    sg_mls_secret_tree_fini(&epoch->exports);
    epoch->own.leaf = leaf;
    epoch->is_stored = false;
    epoch->secrets.sender_data = sender_data;
    epoch->secrets.membership_key = membership;
    epoch->suite->wipe(&sender_data, sizeof(sender_data));
    epoch->suite->wipe(&membership, sizeof(membership));
}

static bool is_wiped(const struct sg_mls_epoch *epoch)
{
    return epoch->own.count == 0;
}

static uint32_t past_max(const struct sg_mls_config *config)
{
    return config->past_epochs < SG_MLS_PAST_MAX ? config->past_epochs : SG_MLS_PAST_MAX;
}

/* RFC9420 s12.4.2: who is removed "SHOULD promptly delete its group state and secret tree". */
static void wipe_removed(struct sg_mls_group *group)
{
    struct sg_mls_epoch *epoch = group->epoch;
    uint32_t leaf = epoch->own.leaf;
    while (group->past_count > 0)
        past_fini(group, &group->past[--group->past_count]);
    group->suite->wipe(&epoch->secrets, sizeof(epoch->secrets));
    group->suite->wipe(&epoch->own, sizeof(epoch->own));
    epoch->own.leaf = leaf;
    group->suite->wipe(epoch->signature_private, sizeof(epoch->signature_private));
    group->suite->sign_ready_fini(group->ready);
    sg_mls_secret_tree_forget(&epoch->ratchets);
    sg_mls_secret_tree_fini(&epoch->exports);
    epoch->is_stored = false;
    group->is_state_stored = false;
    group->suite->wipe(group->resumption, group->resumption_cap * sizeof(*group->resumption));
    group->resumption_count = 0;
}

static void push_past(struct sg_mls_group *group, struct sg_mls_epoch *epoch,
                      struct sg_mls_tree_log *log)
{
    uint32_t max = past_max(group->config);
    struct sg_mls_past fresh = {epoch, *log, false};
    *log = (struct sg_mls_tree_log){0};
    if (max == 0) {
        past_fini(group, &fresh);
        return;
    }
    while (group->past_count >= max)
        past_fini(group, &group->past[--group->past_count]);
    memmove(&group->past[1], &group->past[0], group->past_count * sizeof(group->past[0]));
    group->past[0] = fresh;
    group->past_count++;
    sg_mls_group_trim(group);
}

void sg_mls_group_trim(struct sg_mls_group *group)
{
    while (group->past_count > past_max(group->config)) {
        past_fini(group, &group->past[--group->past_count]);
        group->is_state_stored = false;
    }
    for (uint32_t i = group->config->undo_epochs; i < group->past_count; i++)
        if (!is_wiped(group->past[i].epoch))
            wipe_past(group->past[i].epoch);
    if (group->config->undo_epochs == 0)
        sg_mls_discarded_clear(group);
    if (group->is_removed && group->config->undo_epochs == 0 && !is_wiped(group->epoch))
        wipe_removed(group);
}

/* A key that the epoch has no longer is not kept either. */
static void drop_ready(struct sg_mls_group *group)
{
    size_t len = group->suite->sig_private_len;
    if (!group->suite->equal(sg_bytes(group->ready->of, len),
                             sg_bytes(group->epoch->signature_private, len)))
        group->suite->sign_ready_fini(group->ready);
}

static void reverse(struct sg_mls_resumption *at, uint32_t count)
{
    for (uint32_t i = 0; i < count / 2; i++) {
        struct sg_mls_resumption other = at[i];
        at[i] = at[count - 1 - i];
        at[count - 1 - i] = other;
    }
}

/* The PSKs of epochs above one that a rollback came back to. The ring then starts at its oldest
 * entry again. */
static void drop_resumption(struct sg_mls_group *group, uint64_t above)
{
    struct sg_mls_resumption *at = group->resumption;
    uint32_t cap = group->resumption_cap;
    if (group->resumption_count >= cap) {
        uint32_t oldest = group->resumption_count % cap;
        reverse(at, oldest);
        reverse(at + oldest, cap - oldest);
        reverse(at, cap);
        group->resumption_count = cap;
    }
    while (group->resumption_count > 0 && at[group->resumption_count - 1].epoch > above)
        group->suite->wipe(&at[--group->resumption_count], sizeof(*at));
}

struct sg_mls_resumption *sg_mls_group_next_resumption(struct sg_mls_group *group)
{
    struct sg_mls_resumption *at =
        &group->resumption[group->resumption_count % group->resumption_cap];
    group->resumption_count++;
    if (group->resumption_count == 2 * group->resumption_cap)
        group->resumption_count = group->resumption_cap;
    return at;
}

void sg_mls_group_keep_resumption(struct sg_mls_group *group)
{
    struct sg_mls_resumption *at = sg_mls_group_next_resumption(group);
    at->epoch = group->epoch->context.epoch;
    at->secret = group->epoch->secrets.resumption;
}

const struct sg_mls_secret *sg_mls_group_resumption(const struct sg_mls_group *group,
                                                    uint64_t epoch)
{
    uint32_t count = group->resumption_count < group->resumption_cap ? group->resumption_count
                                                                     : group->resumption_cap;
    for (uint32_t i = 0; i < count; i++)
        if (group->resumption[i].epoch == epoch)
            return &group->resumption[i].secret;
    return NULL;
}

/* What belongs to the epoch that ends. */
static void clear_waiting(struct sg_mls_group *group)
{
    sg_mls_pending_free(group, group->pending);
    group->pending = NULL;
    sg_mls_cache_clear(group);
}

void sg_mls_group_remove_own(struct sg_mls_group *group)
{
    group->is_removed = true;
    group->is_state_stored = false;
    clear_waiting(group);
    sg_mls_group_trim(group);
}

void sg_mls_group_step(struct sg_mls_group *group, struct sg_mls_epoch *epoch,
                       struct sg_mls_tree_log *log, struct sg_mls_closing *closing)
{
    struct sg_mls_epoch *before = group->epoch;
    clear_waiting(group);
    group->is_state_stored = false;
    sg_mls_recall_epoch(group, epoch);
    group->epoch = epoch;
    drop_ready(group);
    sg_mls_group_keep_resumption(group);
    if (closing != NULL && closing->raw != NULL) {
        sg_mls_closing_fini(group->config, &group->closing);
        group->closing = *closing;
        *closing = (struct sg_mls_closing){0};
    }
    push_past(group, before, log);
}

sg_err sg_mls_group_merge(struct sg_mls_group *group)
{
    struct sg_mls_pending *pending = group->pending;
    if (pending == NULL)
        return SG_ERR_INVALID_STATE;
    group->pending = NULL;
    sg_mls_tree_redo(&group->tree, &pending->log);
    if (group->epoch->own.leaf == UINT32_MAX) {
        /* an external commit: what was before it was never an epoch of ours */
        sg_mls_group_forget_epoch(group, group->epoch);
        group->epoch = pending->epoch;
        group->is_state_stored = false;
        drop_ready(group);
        sg_mls_group_keep_resumption(group);
    } else {
        sg_mls_group_step(group, pending->epoch, &pending->log, &pending->closing);
    }
    pending->epoch = NULL;
    sg_mls_pending_free(group, pending);
    return SG_OK;
}

/* The last commit was one that removed us, and which changed nothing else here. */
static sg_err rollback_removal(struct sg_mls_group *group)
{
    if (is_wiped(group->epoch))
        return SG_ERR_NOT_FOUND;
    group->is_removed = false;
    group->is_state_stored = false;
    return SG_OK;
}

sg_err sg_mls_group_rollback(struct sg_mls_group *group)
{
    if (group->config->undo_epochs == 0)
        return SG_ERR_NOT_FOUND;
    if (group->is_removed)
        return rollback_removal(group);
    if (group->past_count == 0 || is_wiped(group->past[0].epoch))
        return SG_ERR_NOT_FOUND; /* further back than undo_epochs */
    struct sg_mls_past past = group->past[0];
    sg_mls_tree_undo(&group->tree, &group->past[0].log);
    bool is_right =
        sg_bytes_equal(sg_mls_tree_root_hash(&group->tree), past.epoch->context.tree_hash);
    sg_err err = is_right ? sg_mls_discard_epoch(group, group->epoch) : SG_ERR_CORRUPT;
    if (err != SG_OK) {
        sg_mls_tree_redo(&group->tree, &group->past[0].log);
        return err;
    }
    clear_waiting(group);
    group->is_state_stored = false;
    sg_mls_closing_fini(group->config, &group->closing);
    sg_mls_tree_log_fini(&group->tree, &group->past[0].log);
    group->epoch = past.epoch;
    drop_ready(group);
    group->past_count--;
    memmove(&group->past[0], &group->past[1], group->past_count * sizeof(group->past[0]));
    drop_resumption(group, group->epoch->context.epoch);
    return SG_OK;
}

const struct sg_mls_node *sg_mls_group_node_then(const struct sg_mls_group *group, uint32_t depth,
                                                 uint32_t leaf)
{
    uint32_t node = sg_mls_leaf_node(leaf);
    /* the first change after that epoch took the node that was there */
    for (uint32_t i = depth; i > 0; i--) {
        const struct sg_mls_tree_log *log = &group->past[i - 1].log;
        for (uint32_t j = 0; j < log->count; j++)
            if (log->entries[j].node == node)
                return log->entries[j].other;
    }
    return sg_mls_tree_has_leaf(&group->tree, leaf) ? group->tree.nodes[node] : NULL;
}

/* ---- cached proposals ---- */

static void cached_fini(struct sg_mls_group *group, struct sg_mls_cached *cached)
{
    group->cache_bytes -= cached->len;
    group->is_cache_stored = false;
    sg_mem_free(group->config->mem, cached->message);
    group->suite->wipe(cached, sizeof(*cached));
}

/* A store looks for all serials up to the next one, so it is no larger than it must be. */
static void set_next(struct sg_mls_group *group)
{
    group->cache_next =
        group->cache_count == 0 ? 0 : group->cache[group->cache_count - 1].serial + 1;
}

void sg_mls_cache_shrink(struct sg_mls_group *group, uint32_t count)
{
    while (group->cache_count > count)
        cached_fini(group, &group->cache[--group->cache_count]);
    set_next(group);
}

void sg_mls_cache_clear(struct sg_mls_group *group)
{
    sg_mls_cache_shrink(group, 0);
}

sg_err sg_mls_cache_drop(struct sg_mls_group *group, struct sg_bytes ref)
{
    const struct sg_mls_cached *found = sg_mls_cache_find(group, ref);
    if (found == NULL)
        return SG_ERR_NOT_FOUND;
    uint32_t at = (uint32_t)(found - group->cache);
    struct sg_mls_cached *last = &group->cache[group->cache_count - 1];
    cached_fini(group, &group->cache[at]);
    memmove(&group->cache[at], &group->cache[at + 1],
            (group->cache_count - at - 1) * sizeof(*group->cache));
    group->suite->wipe(last, sizeof(*last));
    group->cache_count--;
    set_next(group);
    return SG_OK;
}

const struct sg_mls_cached *sg_mls_cache_find(const struct sg_mls_group *group, struct sg_bytes ref)
{
    for (uint32_t i = 0; i < group->cache_count; i++)
        if (sg_bytes_equal(sg_bytes(group->cache[i].ref, group->suite->hash_len), ref))
            return &group->cache[i];
    return NULL;
}

/* A larger array; realloc would leave keys behind. */
static sg_err cache_grow(struct sg_mls_group *group)
{
    if (group->cache_count < group->cache_cap)
        return SG_OK;
    if (group->cache_cap >= SG_MLS_CACHE_MAX)
        return SG_ERR_LIMIT;
    uint32_t cap = group->cache_cap == 0 ? 8 : group->cache_cap * 2;
    struct sg_mls_cached *grown = sg_mem_new(group->config->mem, cap, sizeof(*grown));
    if (grown == NULL)
        return SG_ERR_NO_MEMORY;
    if (group->cache_count > 0) {
        memcpy(grown, group->cache, group->cache_count * sizeof(*grown));
        group->suite->wipe(group->cache, group->cache_cap * sizeof(*grown));
    }
    sg_mem_free(group->config->mem, group->cache);
    group->cache = grown;
    group->cache_cap = cap;
    return SG_OK;
}

static void write_authentic(struct sg_writer *w, const void *message)
{
    sg_mls_write_authentic(w, message);
}

sg_err sg_mls_cache_add(struct sg_mls_group *group, struct sg_mls_arena *arena,
                        const struct sg_mls_authentic *message,
                        const struct sg_mls_update_keys *keys)
{
    struct sg_bytes encoded;
    uint8_t ref[SG_MLS_HASH_MAX];
    SG_TRY(sg_mls_encode(arena, write_authentic, message, &encoded));
    SG_TRY(sg_mls_proposal_ref(group->suite, arena, message, ref));
    if (sg_mls_cache_find(group, sg_bytes(ref, group->suite->hash_len)) != NULL)
        return SG_ERR_DUPLICATE;
    /* what is loaded, before the epoch, was within the limit of its time */
    if (group->epoch != NULL && (encoded.len > group->config->cache_bytes ||
                                 group->cache_bytes > group->config->cache_bytes - encoded.len))
        return SG_ERR_LIMIT;
    SG_TRY(cache_grow(group));
    uint8_t *copy = sg_mem_new(group->config->mem, encoded.len, 1);
    if (copy == NULL)
        return SG_ERR_NO_MEMORY;
    memcpy(copy, encoded.data, encoded.len);
    struct sg_mls_cached *cached = &group->cache[group->cache_count++];
    memset(cached, 0, sizeof(*cached));
    memcpy(cached->ref, ref, group->suite->hash_len);
    cached->message = copy;
    cached->len = encoded.len;
    cached->serial = group->cache_next++;
    group->is_cache_stored = false;
    group->cache_bytes += cached->len;
    if (keys != NULL) {
        cached->has_keys = true;
        memcpy(cached->encryption_private, keys->encryption.data, keys->encryption.len);
        memcpy(cached->signature_private, keys->signature.data, keys->signature.len);
    }
    return SG_OK;
}
