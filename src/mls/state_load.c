#include "mls/state.h"

#define VERSION 4

struct loading {
    const struct sg_mls_config *config;
    const struct sg_mls_store *store;
    struct sg_bytes group_id;
    struct sg_mls_arena arena;
    struct sg_mls_group *group;
    uint64_t epoch;
    bool has_pending;
    bool drops_psks; /* the record has more than the config keeps */
    uint32_t past_count;
};

static sg_err get(struct loading *l, uint32_t kind, uint32_t index, struct sg_bytes *out)
{
    struct sg_mls_record which = {kind, index, {NULL, 0}};
    return l->store->read(l->store->user, l->group_id, &which, &l->arena, out);
}

/* A record that must be there. */
static sg_err need(struct loading *l, uint32_t kind, uint32_t index, struct sg_reader *out)
{
    struct sg_bytes value;
    sg_err err = get(l, kind, index, &value);
    *out = sg_reader(value);
    return err == SG_ERR_NOT_FOUND ? SG_ERR_CORRUPT : err;
}

static sg_err corrupt(sg_err err)
{
    return err == SG_OK || err == SG_ERR_NO_MEMORY ? err : SG_ERR_CORRUPT;
}

static void read_secret(struct sg_reader *r, const struct sg_mls_suite *suite,
                        struct sg_mls_secret *out)
{
    sg_read_copy(r, out->b, suite->hash_len);
}

static void read_secrets(struct sg_reader *r, const struct sg_mls_suite *suite,
                         struct sg_mls_epoch_secrets *s)
{
    struct sg_mls_secret *all[] = {
        &s->sender_data,      &s->exporter,       &s->authenticator, &s->external,
        &s->confirmation_key, &s->membership_key, &s->resumption,    &s->init};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        read_secret(r, suite, all[i]);
}

static void read_own(struct sg_reader *r, const struct sg_mls_suite *suite,
                     struct sg_mls_private *own)
{
    own->leaf = sg_read_u32(r);
    own->count = sg_read_u32(r);
    if (own->count > sizeof(own->keys) / sizeof(own->keys[0])) {
        sg_reader_fail(r, SG_ERR_CORRUPT);
        own->count = 0;
    }
    for (uint32_t i = 0; i < own->count; i++) {
        own->keys[i].node = sg_read_u32(r);
        sg_read_copy(r, own->keys[i].key, suite->kem_private_len);
    }
}

static sg_err read_ratchet(struct sg_reader *r, const struct sg_mls_secret_tree *tree,
                           struct sg_mls_ratchet *out)
{
    const struct sg_mls_suite *suite = tree->suite;
    out->next = sg_read_u32(r);
    read_secret(r, suite, &out->secret);
    uint32_t count = sg_read_u32(r);
    if (r->err != SG_OK || count > r->left)
        return SG_ERR_CORRUPT;
    if (count == 0)
        return SG_OK;
    out->kept = sg_mem_new(tree->mem, count, sizeof(*out->kept));
    if (out->kept == NULL)
        return SG_ERR_NO_MEMORY;
    out->kept_count = out->kept_cap = count;
    for (uint32_t i = 0; i < count; i++) {
        out->kept[i].generation = sg_read_u32(r);
        sg_read_copy(r, out->kept[i].key, suite->aead_key_len);
        sg_read_copy(r, out->kept[i].nonce, suite->aead_nonce_len);
    }
    return r->err;
}

static sg_err read_sender(struct sg_reader *r, struct sg_mls_secret_tree *tree)
{
    struct sg_mls_sender_ratchets sender = {.leaf = sg_read_u32(r)};
    sender.before = sg_read_u32(r);
    sg_err err = read_ratchet(r, tree, &sender.ratchet[0]);
    if (err == SG_OK)
        err = read_ratchet(r, tree, &sender.ratchet[1]);
    if (err == SG_OK && sender.leaf >= tree->leaves)
        err = SG_ERR_CORRUPT;
    if (err == SG_OK)
        err = sg_mls_secret_tree_put_sender(tree, &sender);
    for (unsigned i = 0; err != SG_OK && i < 2; i++) {
        struct sg_mls_ratchet *ratchet = &sender.ratchet[i];
        tree->suite->wipe(ratchet->kept, ratchet->kept_cap * sizeof(*ratchet->kept));
        sg_mem_free(tree->mem, ratchet->kept);
    }
    tree->suite->wipe(&sender, sizeof(sender));
    return err;
}

/* A node's secret, its index read before. */
static sg_err read_node_secret(struct sg_reader *r, struct sg_mls_secret_tree *tree,
                               struct sg_mls_node_secret *node)
{
    read_secret(r, tree->suite, &node->secret);
    sg_err err = r->err;
    if (err == SG_OK && node->node >= sg_mls_node_count(tree->leaves))
        err = SG_ERR_CORRUPT;
    if (err == SG_OK)
        err = sg_mls_secret_tree_put_node(tree, node);
    tree->suite->wipe(node, sizeof(*node));
    return err;
}

static sg_err begin_ratchets(struct sg_reader *r, const struct loading *l,
                             struct sg_mls_secret_tree *tree)
{
    tree->mem = l->config->mem;
    tree->suite = l->group->suite;
    tree->window = (struct sg_mls_window){l->config->forward_max, l->config->skipped_max};
    tree->leaves = sg_read_u32(r);
    tree->newest = sg_read_u32(r);
    return r->err == SG_OK && tree->leaves > SG_MLS_LEAVES_MAX ? SG_ERR_CORRUPT : r->err;
}

/* All of a secret tree; without leaves there is none. */
static sg_err read_ratchets(struct sg_reader *r, struct loading *l, struct sg_mls_secret_tree *tree)
{
    SG_TRY(begin_ratchets(r, l, tree));
    uint32_t nodes = sg_read_u32(r);
    for (uint32_t i = 0; r->err == SG_OK && i < nodes; i++) {
        struct sg_mls_node_secret node = {.node = sg_read_u32(r)};
        node.origin = sg_read_u32(r);
        SG_TRY(read_node_secret(r, tree, &node));
    }
    uint32_t senders = sg_read_u32(r);
    for (uint32_t i = 0; r->err == SG_OK && i < senders; i++)
        SG_TRY(read_sender(r, tree));
    return r->err;
}

static sg_err load_sender(struct loading *l, uint32_t kind, uint32_t leaf,
                          struct sg_mls_secret_tree *tree)
{
    struct sg_reader r;
    SG_TRY(need(l, kind, leaf, &r));
    SG_TRY(read_sender(&r, tree));
    if (tree->senders[tree->sender_count - 1].leaf != leaf)
        return SG_ERR_CORRUPT;
    while (r.err == SG_OK && r.left > 0) {
        struct sg_mls_node_secret node = {.node = sg_read_u32(&r), .origin = leaf};
        SG_TRY(read_node_secret(&r, tree, &node));
    }
    return sg_reader_done(&r);
}

/* A secret tree whose senders have records of their own. None is there twice, so following them
 * ends. */
static sg_err load_ratchets(struct loading *l, uint64_t epoch, struct sg_mls_secret_tree *tree)
{
    struct sg_reader r;
    uint32_t kind = sg_mls_sender_record(epoch);
    SG_TRY(need(l, kind, UINT32_MAX, &r));
    SG_TRY(begin_ratchets(&r, l, tree));
    if (tree->leaves == 0)
        return SG_ERR_CORRUPT;
    if (sg_mls_read_present(&r)) {
        struct sg_mls_node_secret root = {sg_mls_root(tree->leaves), UINT32_MAX, {{0}}};
        SG_TRY(read_node_secret(&r, tree, &root));
    }
    SG_TRY(sg_reader_done(&r));
    for (uint32_t leaf = tree->newest; leaf != UINT32_MAX;) {
        SG_TRY(load_sender(l, kind, leaf, tree));
        leaf = tree->senders[tree->sender_count - 1].before;
    }
    sg_mls_secret_tree_set_stored(tree);
    return SG_OK;
}

static sg_err read_epoch(struct sg_reader *r, struct loading *l, struct sg_mls_epoch **out)
{
    const struct sg_mls_suite *suite = l->group->suite;
    struct sg_mls_group_context context;
    struct sg_reader in = sg_reader(sg_mls_read_vector(r));
    sg_mls_read_group_context(&in, &context);
    if (sg_reader_done(&in) != SG_OK)
        return SG_ERR_CORRUPT;
    SG_TRY(sg_mls_epoch_new(l->config->mem, suite, &context, out));
    sg_read_copy(r, (*out)->interim, suite->hash_len);
    sg_read_copy(r, (*out)->tag, suite->hash_len);
    read_secrets(r, suite, &(*out)->secrets);
    read_own(r, suite, &(*out)->own);
    sg_read_copy(r, (*out)->signature_private, suite->sig_private_len);
    return read_ratchets(r, l, &(*out)->exports);
}

/* One with all its ratchets. */
static sg_err read_whole_epoch(struct sg_reader *r, struct loading *l, struct sg_mls_epoch **out)
{
    SG_TRY(read_epoch(r, l, out));
    SG_TRY(read_ratchets(r, l, &(*out)->ratchets));
    return sg_reader_done(r);
}

static sg_err load_epoch(struct loading *l, uint64_t number, struct sg_mls_epoch **out)
{
    struct sg_reader r;
    SG_TRY(need(l, SG_MLS_RECORD_EPOCH, (uint32_t)number, &r));
    SG_TRY(read_epoch(&r, l, out));
    bool has_ratchets = sg_mls_read_present(&r);
    SG_TRY(sg_reader_done(&r));
    (*out)->is_stored = true;
    return has_ratchets ? load_ratchets(l, number, &(*out)->ratchets) : SG_OK;
}

/* ---- tree and logs ---- */

static sg_err read_node(struct sg_reader *r, const struct sg_mls_tree *tree, uint32_t index,
                        struct sg_mls_node **out)
{
    struct sg_bytes head = sg_mls_read_vector(r);
    struct sg_bytes unmerged = sg_mls_read_vector(r);
    struct sg_reader in = sg_reader(head);
    SG_TRY(r->err);
    if (sg_mls_is_leaf(index)) {
        struct sg_mls_leaf leaf;
        sg_mls_read_leaf(&in, &leaf);
        SG_TRY(sg_reader_done(&in));
        return sg_mls_node_new_leaf(tree, head, out);
    }
    struct sg_bytes key = sg_mls_read_vector(&in);
    struct sg_bytes parent_hash = sg_mls_read_vector(&in);
    SG_TRY(sg_reader_done(&in));
    return unmerged.len % 4 != 0 ? SG_ERR_CORRUPT
                                 : sg_mls_node_new_parent(tree, key, parent_hash, unmerged, out);
}

static sg_err load_nodes(struct loading *l)
{
    struct sg_mls_tree *tree = &l->group->tree;
    for (uint32_t i = 0; i < sg_mls_node_count(tree->leaves); i++) {
        struct sg_mls_node *node;
        struct sg_bytes value;
        sg_err err = get(l, SG_MLS_RECORD_NODE, i, &value);
        if (err == SG_ERR_NOT_FOUND)
            continue;
        SG_TRY(err);
        struct sg_reader r = sg_reader(value);
        SG_TRY(read_node(&r, tree, i, &node));
        SG_TRY(sg_mls_tree_put(tree, i, node));
    }
    sg_mls_tree_set_stored(tree);
    return SG_OK;
}

static sg_err read_log(struct sg_reader *r, struct loading *l, struct sg_mls_tree_log *log)
{
    uint32_t count = sg_read_u32(r);
    if (r->err != SG_OK || count > r->left)
        return SG_ERR_CORRUPT;
    if (count == 0)
        return SG_OK;
    log->entries = sg_mem_new(l->config->mem, count, sizeof(*log->entries));
    if (log->entries == NULL)
        return SG_ERR_NO_MEMORY;
    log->cap = count;
    for (uint32_t i = 0; i < count; i++) {
        struct sg_mls_log_entry *entry = &log->entries[i];
        entry->node = sg_read_u32(r);
        entry->leaves = sg_read_u32(r);
        log->count++;
        if (sg_mls_read_present(r))
            SG_TRY(read_node(r, &l->group->tree, entry->node, &entry->other));
        SG_TRY(r->err);
    }
    return SG_OK;
}

/* ---- the rest ---- */

static sg_err read_cached(struct sg_reader *r, struct loading *l)
{
    struct sg_mls_group *group = l->group;
    uint8_t ref[SG_MLS_HASH_MAX];
    struct sg_mls_authentic *message = sg_mls_arena_new(&l->arena, 1, sizeof(*message));
    if (message == NULL)
        return SG_ERR_NO_MEMORY;
    sg_read_copy(r, ref, group->suite->hash_len);
    struct sg_reader in = sg_reader(sg_mls_read_vector(r));
    sg_mls_read_authentic(&in, &l->arena, message);
    SG_TRY(sg_reader_done(&in));
    bool has_keys = sg_mls_read_present(r);
    struct sg_mls_update_keys keys = {sg_bytes(NULL, 0), sg_bytes(NULL, 0)};
    if (has_keys) {
        keys.encryption = sg_read_bytes(r, group->suite->kem_private_len);
        keys.signature = sg_read_bytes(r, group->suite->sig_private_len);
    }
    SG_TRY(sg_reader_done(r));
    return sg_mls_cache_add(group, &l->arena, message, has_keys ? &keys : NULL);
}

/* In their order; between their numbers are those of proposals that were dropped. */
static sg_err load_cache(struct loading *l)
{
    struct sg_mls_group *group = l->group;
    struct sg_reader r;
    SG_TRY(need(l, SG_MLS_RECORD_CACHE, 0, &r));
    uint32_t next = sg_read_u32(&r);
    SG_TRY(sg_reader_done(&r));
    for (uint32_t serial = 0; serial < next; serial++) {
        struct sg_bytes value;
        sg_err err = get(l, SG_MLS_RECORD_CACHED, serial, &value);
        if (err == SG_ERR_NOT_FOUND)
            continue;
        SG_TRY(err);
        r = sg_reader(value);
        group->cache_next = serial;
        SG_TRY(read_cached(&r, l));
        group->cache[group->cache_count - 1].is_stored = true;
    }
    group->cache_stored = next;
    group->is_cache_stored = group->cache_next == next;
    return SG_OK;
}

static sg_err read_closing(struct sg_reader *r, struct loading *l, struct sg_mls_closing *out)
{
    struct sg_bytes raw = sg_mls_read_vector(r);
    if (raw.len == 0)
        return r->err;
    out->raw = sg_mem_new(l->config->mem, raw.len, 1);
    if (out->raw == NULL)
        return SG_ERR_NO_MEMORY;
    memcpy(out->raw, raw.data, raw.len);
    out->len = raw.len;
    return SG_OK;
}

/* The newest of them, when the config keeps fewer than were stored. */
static void read_resumption(struct sg_reader *r, struct loading *l)
{
    struct sg_mls_group *group = l->group;
    uint32_t count = sg_read_u32(r);
    l->drops_psks = count > group->resumption_cap;
    for (uint32_t i = 0; r->err == SG_OK && i < count; i++) {
        struct sg_mls_resumption *at = sg_mls_group_next_resumption(group);
        at->epoch = sg_read_u64(r);
        read_secret(r, group->suite, &at->secret);
    }
}

static sg_err load_state(struct loading *l)
{
    struct sg_bytes value;
    SG_TRY(get(l, SG_MLS_RECORD_STATE, 0, &value));
    struct sg_reader r = sg_reader(value);
    if (sg_read_u8(&r) != VERSION)
        return SG_ERR_UNSUPPORTED;
    const struct sg_mls_suite *suite = sg_mls_config_suite(l->config, sg_read_u16(&r));
    if (suite == NULL)
        return SG_ERR_UNSUPPORTED;
    SG_TRY(sg_mls_group_new(l->config, suite, &l->group));
    l->epoch = sg_read_u64(&r);
    l->group->is_removed = sg_mls_read_present(&r);
    l->has_pending = sg_mls_read_present(&r);
    uint32_t leaves = sg_read_u32(&r);
    l->past_count = sg_read_u32(&r);
    l->group->discarded_stored = sg_read_u32(&r);
    SG_TRY(corrupt(read_closing(&r, l, &l->group->closing)));
    read_resumption(&r, l);
    if (sg_reader_done(&r) != SG_OK || l->past_count > SG_MLS_PAST_MAX || leaves == 0 ||
        sg_mls_round_leaves(leaves) != leaves)
        return SG_ERR_CORRUPT;
    return corrupt(sg_mls_tree_resize(&l->group->tree, leaves));
}

static sg_err load_past(struct loading *l)
{
    for (uint32_t i = 0; i < l->past_count; i++) {
        struct sg_mls_past *past = &l->group->past[i];
        uint64_t number = l->epoch - 1 - i;
        struct sg_reader r;
        l->group->past_count++; /* from here on it is freed with the group */
        SG_TRY(load_epoch(l, number, &past->epoch));
        past->is_log_stored = true;
        SG_TRY(need(l, SG_MLS_RECORD_LOG, (uint32_t)number, &r));
        SG_TRY(read_log(&r, l, &past->log));
    }
    l->group->is_stored = true;
    l->group->stored_from = l->epoch - l->past_count;
    l->group->stored_to = l->epoch;
    return SG_OK;
}

static sg_err load_discarded(struct loading *l)
{
    for (uint32_t i = 0; i < SG_MLS_DISCARDED_MAX; i++) {
        struct sg_reader r;
        if ((l->group->discarded_stored >> i & 1) == 0)
            continue;
        SG_TRY(need(l, SG_MLS_RECORD_DISCARDED, i, &r));
        SG_TRY(read_whole_epoch(&r, l, &l->group->discarded[i]));
        l->group->discarded[i]->is_stored = true;
    }
    return SG_OK;
}

static sg_err load_pending(struct loading *l)
{
    struct sg_mls_group *group = l->group;
    struct sg_reader r;
    if (!l->has_pending)
        return SG_OK;
    SG_TRY(need(l, SG_MLS_RECORD_PENDING, 0, &r));
    group->pending = sg_mem_new(l->config->mem, 1, sizeof(*group->pending));
    if (group->pending == NULL)
        return SG_ERR_NO_MEMORY;
    group->is_pending_stored = true;
    struct sg_bytes hash = sg_mls_read_vector(&r);
    group->pending->has_hash = hash.len > 0;
    if (group->pending->has_hash && hash.len != group->suite->hash_len)
        return SG_ERR_CORRUPT;
    if (group->pending->has_hash)
        memcpy(group->pending->hash, hash.data, hash.len);
    SG_TRY(read_closing(&r, l, &group->pending->closing));
    SG_TRY(read_epoch(&r, l, &group->pending->epoch));
    SG_TRY(read_ratchets(&r, l, &group->pending->epoch->ratchets));
    SG_TRY(read_log(&r, l, &group->pending->log));
    group->pending->is_stored = true;
    return sg_reader_done(&r);
}

/* One entry, when the tree has *leaves. SG_ERR_CORRUPT: a node that the tree then has not. */
static sg_err measure_entry(const struct sg_mls_log_entry *entry, uint32_t *leaves, uint32_t *most)
{
    if (entry->node != UINT32_MAX)
        return entry->node < sg_mls_node_count(*leaves) ? SG_OK : SG_ERR_CORRUPT;
    if (entry->leaves == 0 || entry->leaves > SG_MLS_LEAVES_MAX ||
        sg_mls_round_leaves(entry->leaves) != entry->leaves)
        return SG_ERR_CORRUPT;
    *leaves = entry->leaves;
    *most = *most < *leaves ? *leaves : *most;
    return SG_OK;
}

/* Follows a log, backwards when it undoes: how large does the tree get on the way? */
static sg_err measure_log(const struct sg_mls_tree_log *log, bool undoes, uint32_t *leaves,
                          uint32_t *most)
{
    for (uint32_t i = 0; i < log->count; i++)
        SG_TRY(measure_entry(&log->entries[undoes ? log->count - 1 - i : i], leaves, most));
    return SG_OK;
}

/* Undo and redo must not need memory: the tree was as large before it was saved. */
static sg_err reserve_for_logs(struct sg_mls_group *group)
{
    uint32_t leaves = group->tree.leaves, most = leaves, then = leaves;
    for (uint32_t i = 0; i < group->past_count; i++) {
        SG_TRY(measure_log(&group->past[i].log, true, &then, &most));
        SG_TRY(sg_mls_keys_reserve(&group->tree, 2 * group->past[i].log.count));
    }
    then = leaves;
    if (group->pending != NULL) {
        SG_TRY(measure_log(&group->pending->log, false, &then, &most));
        SG_TRY(sg_mls_keys_reserve(&group->tree, 2 * group->pending->log.count));
    }
    SG_TRY(sg_mls_tree_resize(&group->tree, most));
    return sg_mls_tree_resize(&group->tree, leaves);
}

static sg_err load(struct loading *l)
{
    SG_TRY(load_state(l));
    SG_TRY(corrupt(load_cache(l)));
    SG_TRY(corrupt(load_nodes(l)));
    SG_TRY(corrupt(load_epoch(l, l->epoch, &l->group->epoch)));
    SG_TRY(corrupt(load_past(l)));
    SG_TRY(corrupt(load_discarded(l)));
    SG_TRY(corrupt(load_pending(l)));
    SG_TRY(corrupt(reserve_for_logs(l->group)));
    l->group->is_state_stored = !l->drops_psks;
    sg_mls_group_trim(l->group); /* the config may keep less than when this was saved */
    /* a tree that is not the one of the epoch cannot be used for anything */
    return sg_bytes_equal(sg_mls_tree_root_hash(&l->group->tree),
                          l->group->epoch->context.tree_hash)
               ? SG_OK
               : SG_ERR_CORRUPT;
}

sg_err sg_mls_state_load(const struct sg_mls_config *config, const struct sg_mls_store *store,
                         struct sg_bytes group_id, struct sg_mls_group **out)
{
    struct loading l = {.config = config, .store = store, .group_id = group_id};
    if (config->suite_count == 0)
        return SG_ERR_UNSUPPORTED;
    sg_mls_arena_init(&l.arena, config->mem, config->suites[0].wipe);
    sg_err err = load(&l);
    sg_mls_arena_fini(&l.arena);
    if (err == SG_OK)
        *out = l.group;
    else
        sg_mls_group_free(l.group);
    return err;
}
