/* mls/state.c, mls/state_load.c: a group comes back as it was; what is due to go is gone from
 * memory and from the store. */
#include "mls_world.h"

#include <stdlib.h>

#include "mls/state.h"

/* ---- a store in memory ---- */

#define RECORDS 512

struct kept {
    uint32_t kind, index;
    uint8_t *value;
    size_t len;
};

struct memory_store {
    struct kept kept[RECORDS];
    unsigned count;
    unsigned writes;
    size_t bytes; /* of the last write */
    bool fails;
    struct sg_mls_store store;
};

static struct kept *find(struct memory_store *m, uint32_t kind, uint32_t index)
{
    for (unsigned i = 0; i < m->count; i++)
        if (m->kept[i].kind == kind && m->kept[i].index == index)
            return &m->kept[i];
    return NULL;
}

static void put(struct memory_store *m, const struct sg_mls_record *record)
{
    struct kept *at = find(m, record->kind, record->index);
    if (at == NULL) {
        assert_true(m->count < RECORDS);
        at = &m->kept[m->count++];
        *at = (struct kept){record->kind, record->index, NULL, 0};
    }
    free(at->value);
    at->value = NULL;
    at->len = record->value.len;
    if (record->value.data == NULL)
        return;
    at->value = malloc(at->len + 1);
    memcpy(at->value, record->value.data, at->len);
}

static sg_err store_write(void *user, struct sg_bytes group_id, const struct sg_mls_record *records,
                          uint32_t count)
{
    struct memory_store *m = user;
    (void)group_id;
    if (m->fails)
        return SG_ERR_IO;
    m->writes++;
    m->bytes = 0;
    for (uint32_t i = 0; i < count; i++) {
        put(m, &records[i]);
        m->bytes += records[i].value.len;
    }
    return SG_OK;
}

static sg_err store_read(void *user, struct sg_bytes group_id, const struct sg_mls_record *which,
                         struct sg_mls_arena *arena, struct sg_bytes *value)
{
    struct kept *at = find(user, which->kind, which->index);
    (void)group_id;
    if (at == NULL || at->value == NULL)
        return SG_ERR_NOT_FOUND;
    return sg_mls_arena_copy(arena, sg_bytes(at->value, at->len), value);
}

static void store_init(struct memory_store *m)
{
    memset(m, 0, sizeof(*m));
    m->store = (struct sg_mls_store){m, store_write, store_read};
}

static void store_fini(struct memory_store *m)
{
    for (unsigned i = 0; i < m->count; i++)
        free(m->kept[i].value);
}

static bool contains(const uint8_t *data, size_t len, struct sg_bytes what)
{
    return memmem(data, len, what.data, what.len) != NULL;
}

static bool store_contains(const struct memory_store *m, struct sg_bytes what)
{
    for (unsigned i = 0; i < m->count; i++)
        if (m->kept[i].value != NULL && contains(m->kept[i].value, m->kept[i].len, what))
            return true;
    return false;
}

/* ---- an allocator that looks at what is freed ---- */

struct watched {
    uint8_t secret[16][SG_MLS_HASH_MAX];
    unsigned count;
    unsigned found;
};

struct block {
    size_t len;
    _Alignas(16) uint8_t data[];
};

static void *watch_alloc(void *user, size_t size)
{
    struct block *block = calloc(1, sizeof(*block) + size);
    (void)user;
    block->len = size;
    return block->data;
}

static struct block *block_of(void *ptr)
{
    return (struct block *)(void *)((uint8_t *)ptr - offsetof(struct block, data));
}

static void watch_free(void *user, void *ptr)
{
    struct watched *w = user;
    if (ptr == NULL)
        return;
    for (unsigned i = 0; i < w->count; i++)
        w->found += contains(block_of(ptr)->data, block_of(ptr)->len, sg_bytes(w->secret[i], 32));
    free(block_of(ptr));
}

static void *watch_realloc(void *user, void *ptr, size_t size)
{
    void *grown = watch_alloc(user, size);
    if (ptr != NULL) {
        size_t len = block_of(ptr)->len < size ? block_of(ptr)->len : size;
        memcpy(grown, ptr, len);
    }
    watch_free(user, ptr);
    return grown;
}

static void watch(struct watched *w, const struct sg_mls_secret *secret)
{
    assert_true(w->count < 16);
    memcpy(w->secret[w->count++], secret->b, 32);
}

static void watch_epoch(struct watched *w, const struct sg_mls_epoch *epoch)
{
    w->count = 0;
    watch(w, &epoch->secrets.init);
    watch(w, &epoch->secrets.sender_data);
    watch(w, &epoch->secrets.exporter);
    watch(w, &epoch->secrets.external);
    watch(w, &epoch->secrets.confirmation_key);
    watch(w, &epoch->secrets.membership_key);
    for (uint32_t i = 0; i < epoch->own.count && i < 4; i++)
        memcpy(w->secret[w->count++], epoch->own.keys[i].key, 32);
    for (uint32_t i = 0; i < epoch->ratchets.node_count && i < 4; i++)
        watch(w, &epoch->ratchets.nodes[i].secret);
}

/* ---- tests ---- */

struct pair {
    struct world w;
    struct client a, b;
    struct memory_store store; /* of a */
};

static void set_up(struct pair *p)
{
    memset(p, 0, sizeof(*p));
    world_init(&p->w, SG_MLS_128_DHKEMX25519_AES128GCM_SHA256_ED25519);
    store_init(&p->store);
    client_init(&p->w, &p->a, "alice");
    client_init(&p->w, &p->b, "bob");
    client_create(&p->w, &p->a, "stored");
    struct sg_mls_proposal add = add_of(&p->w, &p->b);
    struct sg_mls_commit_options options = {
        .send = {.now = WORLD_NOW}, .values = &add, .count = 1, .tree_in_welcome = true};
    struct sg_mls_commit_result result;
    assert_int_equal(sg_mls_group_commit(p->a.group, &p->w.arena, &options, &result), SG_OK);
    assert_int_equal(sg_mls_group_merge(p->a.group), SG_OK);
    assert_int_equal(client_join(&p->w, &p->b, result.welcome, sg_bytes(NULL, 0)), SG_OK);
}

static void tear_down(struct pair *p)
{
    client_fini(&p->a);
    client_fini(&p->b);
    store_fini(&p->store);
    world_fini(&p->w);
}

/* a is saved, forgotten and loaded. */
static void restart(struct pair *p)
{
    assert_int_equal(sg_mls_state_save(p->a.group, &p->store.store), SG_OK);
    client_fini(&p->a);
    assert_int_equal(
        sg_mls_state_load(&p->w.config, &p->store.store, SG_BYTES_LIT("stored"), &p->a.group),
        SG_OK);
}

static struct sg_bytes say(struct pair *p, struct client *from)
{
    struct sg_bytes message;
    assert_int_equal(sg_mls_group_protect(from->group, &p->w.arena, SG_BYTES_LIT("hello"),
                                          sg_bytes(NULL, 0), &message),
                     SG_OK);
    return message;
}

static struct sg_bytes commit_as(struct pair *p, struct client *from, bool is_private)
{
    struct sg_mls_commit_options options = {.send = {.is_private = is_private, .now = WORLD_NOW}};
    struct sg_mls_commit_result result;
    assert_int_equal(sg_mls_group_commit(from->group, &p->w.arena, &options, &result), SG_OK);
    return result.commit;
}

static struct sg_bytes commit_by(struct pair *p, struct client *from)
{
    return commit_as(p, from, true);
}

static void a_group_comes_back_as_it_was(void **state)
{
    struct pair p;
    (void)state;
    set_up(&p);
    restart(&p);
    assert_same_epoch(&p.a, &p.b);
    struct sg_bytes first = say(&p, &p.b), second = say(&p, &p.b), third = say(&p, &p.b);
    assert_int_equal(give(&p.a, third, SG_MLS_EVENT_APPLICATION), SG_OK);
    restart(&p);
    assert_int_equal(give(&p.a, first, SG_MLS_EVENT_APPLICATION), SG_OK);
    restart(&p);
    assert_int_equal(give(&p.a, first, SG_MLS_EVENT_APPLICATION), SG_ERR_DUPLICATE);
    assert_int_equal(give(&p.a, third, SG_MLS_EVENT_APPLICATION), SG_ERR_DUPLICATE);
    /* the next generation of ours is not used twice */
    assert_int_equal(give(&p.b, say(&p, &p.a), SG_MLS_EVENT_APPLICATION), SG_OK);
    restart(&p);
    assert_int_equal(give(&p.b, say(&p, &p.a), SG_MLS_EVENT_APPLICATION), SG_OK);
    /* a late message of an epoch before */
    struct sg_bytes commit = commit_by(&p, &p.b);
    assert_int_equal(give(&p.b, commit, SG_MLS_EVENT_COMMIT), SG_OK);
    assert_int_equal(give(&p.a, commit, SG_MLS_EVENT_COMMIT), SG_OK);
    restart(&p);
    assert_same_epoch(&p.a, &p.b);
    assert_int_equal(give(&p.a, second, SG_MLS_EVENT_APPLICATION), SG_OK);
    tear_down(&p);
}

static void proposals_and_pending_commits_come_back(void **state)
{
    struct pair p;
    struct sg_mls_send send = {.now = WORLD_NOW};
    struct sg_bytes update;
    (void)state;
    set_up(&p);
    assert_int_equal(sg_mls_group_propose_update(p.a.group, &p.w.arena, NULL, &send, &update),
                     SG_OK);
    assert_int_equal(give(&p.b, update, SG_MLS_EVENT_PROPOSAL), SG_OK);
    restart(&p);
    struct sg_bytes commit = commit_by(&p, &p.b);
    assert_int_equal(give(&p.b, commit, SG_MLS_EVENT_COMMIT), SG_OK);
    /* needs the private key of the update */
    assert_int_equal(give(&p.a, commit, SG_MLS_EVENT_COMMIT), SG_OK);
    assert_same_epoch(&p.a, &p.b);
    commit = commit_by(&p, &p.a);
    restart(&p);
    assert_int_equal(give(&p.b, commit, SG_MLS_EVENT_COMMIT), SG_OK);
    assert_int_equal(give(&p.a, commit, SG_MLS_EVENT_COMMIT), SG_OK);
    assert_same_epoch(&p.a, &p.b);
    restart(&p);
    assert_same_epoch(&p.a, &p.b);
    tear_down(&p);
}

static void a_rollback_works_after_a_restart(void **state)
{
    struct pair p;
    (void)state;
    set_up(&p);
    p.w.config.undo_epochs = 3;
    struct sg_bytes ours = commit_by(&p, &p.a);
    assert_int_equal(give(&p.a, ours, SG_MLS_EVENT_COMMIT), SG_OK);
    assert_int_equal(give(&p.a, commit_by(&p, &p.a), SG_MLS_EVENT_COMMIT), SG_OK);
    restart(&p);
    struct sg_mls_secret gone = p.a.group->epoch->secrets.exporter;
    assert_true(store_contains(&p.store, sg_bytes(gone.b, 32)));
    assert_int_equal(sg_mls_group_rollback(p.a.group), SG_OK);
    assert_int_equal(sg_mls_group_rollback(p.a.group), SG_OK);
    assert_same_epoch(&p.a, &p.b);
    restart(&p);
    assert_same_epoch(&p.a, &p.b);
    assert_false(store_contains(&p.store, sg_bytes(gone.b, 32)));
    struct sg_bytes theirs = commit_by(&p, &p.b);
    assert_int_equal(give(&p.b, theirs, SG_MLS_EVENT_COMMIT), SG_OK);
    assert_int_equal(give(&p.a, theirs, SG_MLS_EVENT_COMMIT), SG_OK);
    assert_same_epoch(&p.a, &p.b);
    restart(&p);
    assert_same_epoch(&p.a, &p.b);
    tear_down(&p);
}

static void a_failed_write_leaves_the_old_state(void **state)
{
    struct pair p;
    (void)state;
    set_up(&p);
    restart(&p);
    struct sg_bytes commit = commit_by(&p, &p.b);
    assert_int_equal(give(&p.b, commit, SG_MLS_EVENT_COMMIT), SG_OK);
    assert_int_equal(give(&p.a, commit, SG_MLS_EVENT_COMMIT), SG_OK);
    p.store.fails = true;
    assert_int_equal(sg_mls_state_save(p.a.group, &p.store.store), SG_ERR_IO);
    client_fini(&p.a);
    assert_int_equal(
        sg_mls_state_load(&p.w.config, &p.store.store, SG_BYTES_LIT("stored"), &p.a.group), SG_OK);
    assert_int_equal(p.a.group->epoch->context.epoch + 1, p.b.group->epoch->context.epoch);
    p.store.fails = false;
    assert_int_equal(give(&p.a, commit, SG_MLS_EVENT_COMMIT), SG_OK);
    restart(&p);
    assert_same_epoch(&p.a, &p.b);
    tear_down(&p);
}

static void damage_is_noticed(void **state)
{
    struct pair p;
    struct sg_mls_group *group;
    (void)state;
    set_up(&p);
    restart(&p);
    for (unsigned i = 0; i < p.store.count; i++) {
        struct kept *kept = &p.store.kept[i];
        if (kept->value == NULL || kept->kind == SG_MLS_RECORD_LOG)
            continue;
        kept->len--;
        assert_int_not_equal(
            sg_mls_state_load(&p.w.config, &p.store.store, SG_BYTES_LIT("stored"), &group), SG_OK);
        kept->len++;
    }
    tear_down(&p);
}

/* RFC9420 s9.2: from the blocks that are freed, and from the store. */
static void secrets_are_deleted(void **state)
{
    struct pair p;
    struct watched watched = {.count = 0};
    const struct sg_mem mem = {watch_alloc, watch_realloc, watch_free, &watched};
    struct world *w = &p.w;
    (void)state;
    memset(&p, 0, sizeof(p));
    world_init(w, SG_MLS_128_DHKEMX25519_AES128GCM_SHA256_ED25519);
    w->config.mem = &mem;
    w->config.past_epochs = 1;
    store_init(&p.store);
    client_init(w, &p.a, "alice");
    client_create(w, &p.a, "stored");
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(sg_mls_state_save(p.a.group, &p.store.store), SG_OK);
        watch_epoch(&watched, p.a.group->epoch);
        assert_true(store_contains(&p.store, sg_bytes(watched.secret[0], 32)));
        struct sg_bytes commit = commit_by(&p, &p.a);
        assert_int_equal(give(&p.a, commit, SG_MLS_EVENT_COMMIT), SG_OK);
        assert_int_equal(sg_mls_state_save(p.a.group, &p.store.store), SG_OK);
        /* init_secret, and all but what late messages need */
        assert_false(store_contains(&p.store, sg_bytes(watched.secret[0], 32)));
        assert_false(store_contains(&p.store, sg_bytes(watched.secret[2], 32)));
        assert_false(store_contains(&p.store, sg_bytes(watched.secret[6], 32)));
        assert_int_equal(watched.found, 0);
    }
    client_fini(&p.a);
    assert_int_equal(watched.found, 0);
    store_fini(&p.store);
    world_fini(w);
}

static void a_used_ratchet_is_deleted(void **state)
{
    struct pair p;
    (void)state;
    set_up(&p);
    restart(&p);
    /* the root of the secret tree stands in the store until somebody's key is derived */
    struct sg_mls_secret root = p.a.group->epoch->ratchets.nodes[0].secret;
    assert_true(store_contains(&p.store, sg_bytes(root.b, 32)));
    assert_int_equal(give(&p.a, say(&p, &p.b), SG_MLS_EVENT_APPLICATION), SG_OK);
    struct sg_mls_secret ratchet = p.a.group->epoch->ratchets.senders[0].ratchet[1].secret;
    assert_int_equal(sg_mls_state_save(p.a.group, &p.store.store), SG_OK);
    assert_false(store_contains(&p.store, sg_bytes(root.b, 32)));
    assert_true(store_contains(&p.store, sg_bytes(ratchet.b, 32)));
    assert_int_equal(give(&p.a, say(&p, &p.b), SG_MLS_EVENT_APPLICATION), SG_OK);
    assert_int_equal(sg_mls_state_save(p.a.group, &p.store.store), SG_OK);
    assert_false(store_contains(&p.store, sg_bytes(ratchet.b, 32)));
    tear_down(&p);
}

static struct sg_bytes commit_alone(struct pair *p)
{
    struct sg_bytes commit = commit_by(p, &p->a);
    assert_int_equal(give(&p->a, commit, SG_MLS_EVENT_COMMIT), SG_OK);
    return commit;
}

/* Who joins at a late epoch has nothing in the store that would have to go. */
static void a_first_save_deletes_nothing(void **state)
{
    struct pair p;
    (void)state;
    set_up(&p);
    for (unsigned i = 0; i < 8; i++)
        (void)commit_alone(&p);
    assert_int_equal(sg_mls_state_save(p.a.group, &p.store.store), SG_OK);
    for (unsigned i = 0; i < p.store.count; i++)
        assert_non_null(p.store.kept[i].value);
    (void)commit_alone(&p);
    assert_int_equal(sg_mls_state_save(p.a.group, &p.store.store), SG_OK);
    assert_null(find(&p.store, SG_MLS_RECORD_EPOCH, 4)->value);
    tear_down(&p);
}

static void a_config_may_keep_less_than_before(void **state)
{
    struct pair p;
    (void)state;
    set_up(&p);
    p.w.config.past_epochs = 5;
    p.w.config.undo_epochs = 3;
    for (unsigned i = 0; i < 8; i++)
        (void)commit_alone(&p);
    assert_int_equal(p.a.group->past_count, 5);
    struct sg_mls_secret second = p.a.group->past[1].epoch->secrets.init;
    assert_int_equal(sg_mls_state_save(p.a.group, &p.store.store), SG_OK);
    assert_true(store_contains(&p.store, sg_bytes(second.b, 32)));
    p.w.config.undo_epochs = 1;
    restart(&p);
    restart(&p);
    assert_false(store_contains(&p.store, sg_bytes(second.b, 32)));
    assert_int_equal(p.a.group->past_count, 5);
    p.w.config.past_epochs = 2; /* while it runs */
    (void)commit_alone(&p);
    assert_int_equal(p.a.group->past_count, 2);
    restart(&p);
    p.w.config.past_epochs = 1; /* between two runs */
    restart(&p);
    restart(&p);
    assert_int_equal(p.a.group->past_count, 1);
    assert_int_equal(sg_mls_group_rollback(p.a.group), SG_OK);
    assert_int_equal(sg_mls_group_rollback(p.a.group), SG_ERR_NOT_FOUND);
    restart(&p);
    tear_down(&p);
}

/* Who comes back to an epoch goes on where it was: nothing is used, accepted or given twice. */
static void a_commit_that_returns_repeats_no_key(void **state)
{
    struct pair p;
    struct sg_mls_secret given;
    (void)state;
    set_up(&p);
    p.w.config.undo_epochs = 3;
    struct sg_bytes commit = commit_as(&p, &p.b, false);
    assert_int_equal(give(&p.b, commit, SG_MLS_EVENT_COMMIT), SG_OK);
    struct sg_bytes theirs = say(&p, &p.b);
    assert_int_equal(give(&p.a, commit, SG_MLS_EVENT_COMMIT), SG_OK);
    assert_int_equal(give(&p.a, theirs, SG_MLS_EVENT_APPLICATION), SG_OK);
    assert_int_equal(give(&p.b, say(&p, &p.a), SG_MLS_EVENT_APPLICATION), SG_OK);
    assert_int_equal(sg_mls_group_safe_export(p.a.group, 7, &given), SG_OK);
    struct sg_mls_secret init = p.a.group->epoch->secrets.init;
    restart(&p);
    assert_int_equal(sg_mls_group_rollback(p.a.group), SG_OK);
    (void)commit_alone(&p); /* another branch, for a while */
    restart(&p);
    assert_false(store_contains(&p.store, sg_bytes(init.b, 32)));
    assert_int_equal(sg_mls_group_rollback(p.a.group), SG_OK);
    restart(&p);
    assert_int_equal(give(&p.a, commit, SG_MLS_EVENT_COMMIT), SG_OK);
    assert_same_epoch(&p.a, &p.b);
    assert_int_equal(give(&p.a, theirs, SG_MLS_EVENT_APPLICATION), SG_ERR_DUPLICATE);
    assert_int_equal(give(&p.b, say(&p, &p.a), SG_MLS_EVENT_APPLICATION), SG_OK);
    assert_int_equal(sg_mls_group_safe_export(p.a.group, 7, &given), SG_ERR_DUPLICATE);
    restart(&p);
    assert_int_equal(give(&p.b, say(&p, &p.a), SG_MLS_EVENT_APPLICATION), SG_OK);
    tear_down(&p);
}

/* What a rollback has to keep is bounded, in number and in time. */
static void discarded_epochs_are_bounded(void **state)
{
    struct pair p;
    (void)state;
    set_up(&p);
    p.w.config.undo_epochs = 1;
    for (unsigned i = 0; i < SG_MLS_DISCARDED_MAX; i++) {
        (void)commit_alone(&p);
        (void)say(&p, &p.a);
        assert_int_equal(sg_mls_group_rollback(p.a.group), SG_OK);
    }
    (void)commit_alone(&p);
    assert_int_equal(sg_mls_group_rollback(p.a.group), SG_OK); /* nothing was used */
    (void)commit_alone(&p);
    (void)say(&p, &p.a);
    assert_int_equal(sg_mls_group_rollback(p.a.group), SG_ERR_LIMIT);
    restart(&p);
    assert_non_null(find(&p.store, SG_MLS_RECORD_DISCARDED, 0)->value);
    (void)commit_alone(&p);
    restart(&p);
    assert_null(find(&p.store, SG_MLS_RECORD_DISCARDED, 0)->value);
    assert_int_equal(sg_mls_group_rollback(p.a.group), SG_OK);
    tear_down(&p);
}

static void a_rollback_drops_resumption_psks(void **state)
{
    struct pair p;
    (void)state;
    set_up(&p);
    p.w.config.undo_epochs = 3;
    p.w.config.resumption_epochs = 3;
    restart(&p);
    for (unsigned i = 0; i < 5; i++)
        (void)commit_alone(&p);
    struct sg_mls_secret gone = *sg_mls_group_resumption(p.a.group, 6);
    assert_int_equal(sg_mls_group_rollback(p.a.group), SG_OK);
    assert_null(sg_mls_group_resumption(p.a.group, 6));
    assert_non_null(sg_mls_group_resumption(p.a.group, 5));
    assert_non_null(sg_mls_group_resumption(p.a.group, 4));
    (void)commit_alone(&p);
    assert_memory_not_equal(sg_mls_group_resumption(p.a.group, 6)->b, gone.b, 32);
    assert_memory_equal(sg_mls_group_resumption(p.a.group, 6)->b,
                        p.a.group->epoch->secrets.resumption.b, 32);
    assert_non_null(sg_mls_group_resumption(p.a.group, 4));
    (void)commit_alone(&p);
    assert_non_null(sg_mls_group_resumption(p.a.group, 5));
    assert_null(sg_mls_group_resumption(p.a.group, 4));
    tear_down(&p);
}

/* RFC9420 s12.4.2: all goes with undo_epochs 0; else the commit can be taken back. */
static void a_removal_leaves_nothing_or_can_be_undone(void **state)
{
    struct pair p;
    struct sg_mls_proposal remove = {.type = SG_MLS_REMOVE, .u.removed = 0};
    struct sg_mls_commit_options options = {
        .send = {.now = WORLD_NOW}, .values = &remove, .count = 1};
    struct sg_mls_commit_result result;
    (void)state;
    for (unsigned undo = 0; undo < 2; undo++) {
        set_up(&p);
        p.w.config.undo_epochs = undo;
        struct sg_bytes commit = commit_alone(&p);
        assert_int_equal(give(&p.b, commit, SG_MLS_EVENT_COMMIT), SG_OK);
        restart(&p);
        struct sg_mls_secret late = p.a.group->past[0].epoch->secrets.sender_data;
        assert_true(store_contains(&p.store, sg_bytes(late.b, 32)));
        assert_int_equal(sg_mls_group_commit(p.b.group, &p.w.arena, &options, &result), SG_OK);
        assert_int_equal(give(&p.a, result.commit, SG_MLS_EVENT_REMOVED), SG_OK);
        restart(&p);
        assert_int_equal(give(&p.a, result.commit, SG_MLS_EVENT_REMOVED), SG_ERR_MLS_REMOVED);
        assert_int_equal(store_contains(&p.store, sg_bytes(late.b, 32)), undo == 1);
        assert_int_equal(sg_mls_group_rollback(p.a.group), undo == 1 ? SG_OK : SG_ERR_NOT_FOUND);
        if (undo == 1)
            assert_same_epoch(&p.a, &p.b);
        tear_down(&p);
    }
}

/* A log that was changed in the store: names a node that the tree then has not, or leads to another
 * tree than the epoch's. */
static void a_log_that_leads_astray(void **state)
{
    struct pair p;
    struct sg_mls_group *group;
    (void)state;
    set_up(&p);
    p.w.config.undo_epochs = 3;
    (void)commit_alone(&p);
    restart(&p);
    struct kept *log = find(&p.store, SG_MLS_RECORD_LOG, 1);
    assert_true(log->len > 16);
    uint8_t node = log->value[7];
    log->value[7] = 5; /* inside what a tree of four leaves has, and not in this one of two */
    assert_int_equal(sg_mls_state_load(&p.w.config, &p.store.store, SG_BYTES_LIT("stored"), &group),
                     SG_ERR_CORRUPT);
    log->value[7] = node;
    log->value[log->len - 3] ^= 1;
    assert_int_equal(sg_mls_state_load(&p.w.config, &p.store.store, SG_BYTES_LIT("stored"), &group),
                     SG_OK);
    assert_int_equal(sg_mls_group_rollback(group), SG_ERR_CORRUPT);
    assert_int_equal(group->epoch->context.epoch, 2);
    assert_memory_equal(sg_mls_tree_root_hash(&group->tree).data,
                        group->epoch->context.tree_hash.data, 32);
    sg_mls_group_free(group);
    tear_down(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_group_comes_back_as_it_was),
        cmocka_unit_test(proposals_and_pending_commits_come_back),
        cmocka_unit_test(a_rollback_works_after_a_restart),
        cmocka_unit_test(a_failed_write_leaves_the_old_state),
        cmocka_unit_test(damage_is_noticed),
        cmocka_unit_test(secrets_are_deleted),
        cmocka_unit_test(a_used_ratchet_is_deleted),
        cmocka_unit_test(a_first_save_deletes_nothing),
        cmocka_unit_test(a_config_may_keep_less_than_before),
        cmocka_unit_test(a_commit_that_returns_repeats_no_key),
        cmocka_unit_test(discarded_epochs_are_bounded),
        cmocka_unit_test(a_log_that_leads_astray),
        cmocka_unit_test(a_rollback_drops_resumption_psks),
        cmocka_unit_test(a_removal_leaves_nothing_or_can_be_undone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
