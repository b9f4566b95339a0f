/* Out of memory at each allocation of each operation leaves the group as it was.
 * TIMEOUT: 300 */
#include "mls_world.h"

#include <stdlib.h>

#include "mls/state.h"

struct failing {
    long left; /* allocations until one fails; < 0: none does */
    bool failed;
};

static bool fails_now(struct failing *f)
{
    if (f->left < 0 || f->left-- > 0)
        return false;
    f->failed = true;
    return true;
}

static void *failing_alloc(void *user, size_t size)
{
    return fails_now(user) ? NULL : malloc(size);
}

static void *failing_realloc(void *user, void *ptr, size_t size)
{
    return fails_now(user) ? NULL : realloc(ptr, size);
}

static void failing_free(void *user, void *ptr)
{
    (void)user;
    free(ptr);
}

struct scene {
    struct world w;
    struct failing failing;
    struct sg_mem mem;
    struct client a, b, c;
};

/* Alice, Bob and Carol, Bob's allocations under control. */
static void set_up(struct scene *s)
{
    memset(s, 0, sizeof(*s));
    world_init(&s->w, SG_MLS_128_DHKEMX25519_AES128GCM_SHA256_ED25519);
    s->failing.left = -1;
    s->mem = (struct sg_mem){failing_alloc, failing_realloc, failing_free, &s->failing};
    s->w.config.mem = &s->mem;
    client_init(&s->w, &s->a, "alice");
    client_init(&s->w, &s->b, "bob");
    client_init(&s->w, &s->c, "carol");
    client_create(&s->w, &s->a, "group");
    struct sg_mls_proposal adds[2] = {add_of(&s->w, &s->b), add_of(&s->w, &s->c)};
    struct sg_mls_commit_options options = {
        .send = {.now = WORLD_NOW}, .values = adds, .count = 2, .tree_in_welcome = true};
    struct sg_mls_commit_result result;
    assert_int_equal(sg_mls_group_commit(s->a.group, &s->w.arena, &options, &result), SG_OK);
    assert_int_equal(sg_mls_group_merge(s->a.group), SG_OK);
    assert_int_equal(client_join(&s->w, &s->b, result.welcome, sg_bytes(NULL, 0)), SG_OK);
    assert_int_equal(client_join(&s->w, &s->c, result.welcome, sg_bytes(NULL, 0)), SG_OK);
}

static void tear_down(struct scene *s)
{
    client_fini(&s->a);
    client_fini(&s->b);
    client_fini(&s->c);
    world_fini(&s->w);
}

struct snapshot {
    struct sg_bytes epoch, tree;
    uint32_t cached, past;
    bool pending;
};

static struct snapshot look(struct scene *s, struct sg_mls_group *group)
{
    struct snapshot now = {
        .cached = group->cache_count, .past = group->past_count, .pending = group->pending != NULL};
    assert_int_equal(sg_mls_encode(&s->w.arena, sg_mls_write_epoch, group->epoch, &now.epoch),
                     SG_OK);
    now.tree = tree_of(&s->w, group);
    /* the hashes are right too */
    assert_true(
        sg_bytes_equal(sg_mls_tree_root_hash(&group->tree), group->epoch->context.tree_hash));
    return now;
}

static void assert_same(const struct snapshot *a, const struct snapshot *b)
{
    assert_true(sg_bytes_equal(a->epoch, b->epoch));
    assert_true(sg_bytes_equal(a->tree, b->tree));
    assert_int_equal(a->cached, b->cached);
    assert_int_equal(a->past, b->past);
    assert_int_equal(a->pending, b->pending);
}

typedef sg_err (*operation)(struct scene *s, struct sg_mls_arena *arena, struct sg_bytes message);

/* Runs op with the first, the second, ... allocation failing, until none does. */
static unsigned exhaust(struct scene *s, operation op, struct sg_bytes message)
{
    for (long n = 0;; n++) {
        struct snapshot before = look(s, s->b.group), after;
        struct sg_mls_arena arena;
        sg_mls_arena_init(&arena, &s->mem, s->w.suite->wipe);
        s->failing = (struct failing){.left = n};
        sg_err err = op(s, &arena, message);
        bool failed = s->failing.failed;
        s->failing.left = -1;
        sg_mls_arena_fini(&arena);
        if (!failed) {
            assert_int_equal(err, SG_OK);
            return (unsigned)n;
        }
        assert_int_equal(err, SG_ERR_NO_MEMORY);
        after = look(s, s->b.group);
        assert_same(&before, &after);
    }
}

static sg_err op_process(struct scene *s, struct sg_mls_arena *arena, struct sg_bytes message)
{
    struct sg_mls_event event;
    (void)arena;
    SG_TRY(sg_mls_group_process(s->b.group, message, WORLD_NOW, &event));
    sg_mls_event_fini(&event);
    return SG_OK;
}

static sg_err op_protect(struct scene *s, struct sg_mls_arena *arena, struct sg_bytes message)
{
    struct sg_bytes out;
    return sg_mls_group_protect(s->b.group, arena, message, sg_bytes(NULL, 0), &out);
}

static sg_err op_update(struct scene *s, struct sg_mls_arena *arena, struct sg_bytes message)
{
    struct sg_mls_send send = {.is_private = true, .now = WORLD_NOW};
    struct sg_bytes out;
    (void)message;
    return sg_mls_group_propose_update(s->b.group, arena, NULL, &send, &out);
}

static sg_err op_commit(struct scene *s, struct sg_mls_arena *arena, struct sg_bytes message)
{
    static struct client dave;
    struct sg_mls_commit_result result;
    struct sg_mls_proposal add = {.type = SG_MLS_ADD};
    (void)message;
    long left = s->failing.left;
    s->failing.left = -1;
    client_init(&s->w, &dave, "dave");
    add = add_of(&s->w, &dave);
    s->failing.left = left;
    struct sg_mls_commit_options options = {.send = {.is_private = true, .now = WORLD_NOW},
                                            .values = &add,
                                            .count = 1,
                                            .tree_in_welcome = true,
                                            .with_group_info = true};
    return sg_mls_group_commit(s->b.group, arena, &options, &result);
}

static struct sg_bytes commit_of(struct scene *s, struct client *from,
                                 const struct sg_mls_proposal *values, uint32_t count,
                                 bool is_private)
{
    struct sg_mls_commit_options options = {
        .send = {.is_private = is_private, .now = WORLD_NOW}, .values = values, .count = count};
    struct sg_mls_commit_result result;
    assert_int_equal(sg_mls_group_commit(from->group, &s->w.arena, &options, &result), SG_OK);
    return result.commit;
}

static void messages_are_lost_whole(void **state)
{
    struct scene s;
    struct sg_bytes messages[3];
    (void)state;
    set_up(&s);
    for (int i = 0; i < 3; i++)
        assert_int_equal(sg_mls_group_protect(s.a.group, &s.w.arena, SG_BYTES_LIT("hello"),
                                              sg_bytes(NULL, 0), &messages[i]),
                         SG_OK);
    assert_true(exhaust(&s, op_process, messages[2]) > 3); /* skips two */
    assert_true(exhaust(&s, op_process, messages[0]) > 0);
    assert_true(exhaust(&s, op_protect, SG_BYTES_LIT("mine")) > 0);
    tear_down(&s);
}

static void handshakes_are_lost_whole(void **state)
{
    struct scene s;
    struct sg_mls_send send = {.is_private = true, .now = WORLD_NOW};
    struct sg_bytes update;
    (void)state;
    set_up(&s);
    assert_int_equal(sg_mls_group_propose_update(s.c.group, &s.w.arena, NULL, &send, &update),
                     SG_OK);
    assert_true(exhaust(&s, op_process, update) > 5);
    assert_int_equal(give(&s.a, update, SG_MLS_EVENT_PROPOSAL), SG_OK);
    assert_true(exhaust(&s, op_update, sg_bytes(NULL, 0)) > 5);
    /* a commit with a path that covers an update of a third */
    struct sg_bytes commit = commit_of(&s, &s.a, NULL, 0, true);
    assert_true(exhaust(&s, op_process, commit) > 10);
    assert_int_equal(give(&s.a, commit, SG_MLS_EVENT_COMMIT), SG_OK);
    assert_int_equal(give(&s.c, commit, SG_MLS_EVENT_COMMIT), SG_OK);
    assert_same_epoch(&s.a, &s.b);
    /* one of our own, with a newcomer */
    assert_true(exhaust(&s, op_commit, sg_bytes(NULL, 0)) > 5);
    sg_mls_group_clear_pending(s.b.group);
    /* one that removes: the tree is truncated or blanked */
    struct sg_mls_proposal remove = {.type = SG_MLS_REMOVE,
                                     .u.removed = sg_mls_group_leaf(s.c.group)};
    commit = commit_of(&s, &s.a, &remove, 1, false);
    assert_true(exhaust(&s, op_process, commit) > 10);
    assert_int_equal(give(&s.a, commit, SG_MLS_EVENT_COMMIT), SG_OK);
    assert_same_epoch(&s.a, &s.b);
    tear_down(&s);
}

/* ---- a store that keeps the newest of each record ---- */

#define RECORDS 64

struct store {
    struct sg_mls_record kept[RECORDS];
    unsigned count;
    struct scene *scene;
};

static struct sg_mls_record *find_record(struct store *store, const struct sg_mls_record *which)
{
    for (unsigned i = 0; i < store->count; i++)
        if (store->kept[i].kind == which->kind && store->kept[i].index == which->index)
            return &store->kept[i];
    return NULL;
}

/* Copies live in the scene's arena, whose memory does not fail. */
static sg_err store_write(void *user, struct sg_bytes group_id, const struct sg_mls_record *records,
                          uint32_t count)
{
    struct store *store = user;
    (void)group_id;
    for (uint32_t i = 0; i < count; i++) {
        struct sg_mls_record *at = find_record(store, &records[i]);
        if (at == NULL) {
            assert_true(store->count < RECORDS);
            at = &store->kept[store->count++];
        }
        *at = records[i];
        if (records[i].value.data != NULL)
            SG_TRY(sg_mls_arena_copy(&store->scene->w.arena, records[i].value, &at->value));
    }
    return SG_OK;
}

static sg_err store_read(void *user, struct sg_bytes group_id, const struct sg_mls_record *which,
                         struct sg_mls_arena *arena, struct sg_bytes *value)
{
    const struct sg_mls_record *at = find_record(user, which);
    (void)group_id;
    if (at == NULL || at->value.data == NULL)
        return SG_ERR_NOT_FOUND;
    return sg_mls_arena_copy(arena, at->value, value);
}

static void assert_same_records(struct store *a, struct store *b)
{
    assert_int_equal(a->count, b->count);
    for (unsigned i = 0; i < a->count; i++) {
        const struct sg_mls_record *other = find_record(b, &a->kept[i]);
        assert_non_null(other);
        assert_true(sg_bytes_equal(a->kept[i].value, other->value));
    }
}

static struct sg_mls_store store_of(struct store *store)
{
    return (struct sg_mls_store){store, store_write, store_read};
}

static sg_err op_save(struct scene *s, struct sg_mls_arena *arena, struct sg_bytes message)
{
    static struct store store;
    (void)arena;
    (void)message;
    store = (struct store){.scene = s};
    const struct sg_mls_store given = store_of(&store);
    return sg_mls_state_save(s->b.group, &given);
}

static sg_err op_export(struct scene *s, struct sg_mls_arena *arena, struct sg_bytes message)
{
    struct sg_mls_secret out;
    (void)arena;
    (void)message;
    return sg_mls_group_safe_export(s->b.group, 7, &out);
}

static sg_err op_app_data(struct scene *s, struct sg_mls_arena *arena, struct sg_bytes message)
{
    struct sg_mls_send send = {.is_private = true, .now = WORLD_NOW};
    struct sg_mls_proposal proposal = {.type = SG_MLS_APP_DATA_UPDATE};
    struct sg_bytes out;
    proposal.u.app_data = (struct sg_mls_app_data){3, false, message};
    return sg_mls_group_propose(s->b.group, arena, &proposal, &send, &out);
}

/* As if nothing of it were in the store. */
static void set_unstored(struct sg_mls_group *group)
{
    sg_mls_tree_set_unstored(&group->tree);
    struct sg_mls_epoch *epochs[] = {group->epoch, group->past[0].epoch};
    for (unsigned i = 0; i < 2; i++) {
        epochs[i]->is_stored = false;
        sg_mls_secret_tree_set_unstored(&epochs[i]->ratchets);
    }
    for (uint32_t i = 0; i < group->cache_count; i++)
        group->cache[i].is_stored = false;
    group->is_cache_stored = group->is_state_stored = false;
    group->past[0].is_log_stored = false;
    group->pending->is_stored = false;
}

/* Saving, with a pending commit, a past epoch and proposals; and loading that. */
static void storage_is_lost_whole(void **state)
{
    struct scene s;
    struct store store = {.scene = &s};
    (void)state;
    set_up(&s);
    struct sg_bytes commit = commit_of(&s, &s.a, NULL, 0, true);
    assert_int_equal(give(&s.b, commit, SG_MLS_EVENT_COMMIT), SG_OK);
    assert_int_equal(give(&s.a, commit, SG_MLS_EVENT_COMMIT), SG_OK);
    assert_true(exhaust(&s, op_export, sg_bytes(NULL, 0)) > 0);
    assert_true(exhaust(&s, op_app_data, SG_BYTES_LIT("data")) > 2);
    (void)commit_of(&s, &s.b, NULL, 0, true);
    assert_true(exhaust(&s, op_save, sg_bytes(NULL, 0)) > 0);
    /* all of it, since only what has changed is saved */
    set_unstored(s.b.group);
    const struct sg_mls_store given = store_of(&store);
    assert_int_equal(sg_mls_state_save(s.b.group, &given), SG_OK);
    for (long n = 0;; n++) {
        struct sg_mls_group *loaded;
        s.failing = (struct failing){.left = n};
        sg_err err = sg_mls_state_load(&s.w.config, &given, SG_BYTES_LIT("group"), &loaded);
        bool failed = s.failing.failed;
        s.failing.left = -1;
        if (!failed) {
            assert_int_equal(err, SG_OK);
            assert_true(n > 20);
            struct store again = {.scene = &s};
            const struct sg_mls_store given_again = store_of(&again);
            set_unstored(loaded);
            assert_int_equal(sg_mls_state_save(loaded, &given_again), SG_OK);
            assert_same_records(&store, &again);
            sg_mls_group_free(loaded);
            break;
        }
        assert_int_equal(err, SG_ERR_NO_MEMORY);
    }
    tear_down(&s);
}

/* Joining leaves nothing behind. */
static void joins_are_lost_whole(void **state)
{
    struct scene s;
    struct client dave;
    struct sg_mls_commit_result result;
    (void)state;
    set_up(&s);
    client_init(&s.w, &dave, "dave");
    struct sg_mls_proposal add = add_of(&s.w, &dave);
    struct sg_mls_commit_options options = {
        .send = {.now = WORLD_NOW}, .values = &add, .count = 1, .tree_in_welcome = true};
    assert_int_equal(sg_mls_group_commit(s.a.group, &s.w.arena, &options, &result), SG_OK);
    for (long n = 0;; n++) {
        s.failing = (struct failing){.left = n};
        sg_err err = client_join(&s.w, &dave, result.welcome, sg_bytes(NULL, 0));
        bool failed = s.failing.failed;
        s.failing.left = -1;
        if (!failed) {
            assert_int_equal(err, SG_OK);
            assert_true(n > 20);
            break;
        }
        assert_int_equal(err, SG_ERR_NO_MEMORY);
    }
    client_fini(&dave);
    tear_down(&s);
}

/* ---- becoming a member in other ways, and what is left ---- */

typedef sg_err (*making)(struct scene *s, struct sg_mls_arena *arena, struct sg_mls_group **out);

/* As exhaust, of what makes a group. */
static unsigned exhaust_making(struct scene *s, making make)
{
    for (long n = 0;; n++) {
        struct sg_mls_group *group = NULL;
        struct sg_mls_arena arena;
        sg_mls_arena_init(&arena, &s->mem, s->w.suite->wipe);
        s->failing = (struct failing){.left = n};
        sg_err err = make(s, &arena, &group);
        bool failed = s->failing.failed;
        s->failing.left = -1;
        sg_mls_arena_fini(&arena);
        assert_int_equal(err, failed ? SG_ERR_NO_MEMORY : SG_OK);
        sg_mls_group_free(group);
        if (!failed)
            return (unsigned)n;
    }
}

static struct client newcomer;

static sg_err make_alone(struct scene *s, struct sg_mls_arena *arena, struct sg_mls_group **out)
{
    struct sg_mls_create in = {.config = &s->w.config,
                               .group_id = SG_BYTES_LIT("new"),
                               .keys = client_keys(&newcomer),
                               .now = WORLD_NOW};
    (void)arena;
    return sg_mls_group_create(&in, out);
}

static struct sg_bytes group_info;

static sg_err make_external(struct scene *s, struct sg_mls_arena *arena, struct sg_mls_group **out)
{
    struct sg_mls_new_leaf leaf = {.signature_private = newcomer.identity.signature_private};
    struct sg_mls_external in = {
        .config = &s->w.config, .group_info = group_info, .leaf = &leaf, .now = WORLD_NOW};
    struct sg_bytes commit;
    SG_TRY(sg_mls_identity_leaf(&s->w.config, &newcomer.identity, false, arena, &leaf.leaf));
    return sg_mls_group_external_join(&in, arena, out, &commit);
}

static void groups_are_not_made_by_halves(void **state)
{
    struct scene s;
    const struct sg_mls_info_options options = {.has_tree = true, .has_external_pub = true};
    (void)state;
    set_up(&s);
    client_init(&s.w, &newcomer, "dave");
    client_package(&s.w, &newcomer);
    assert_int_equal(sg_mls_group_info(s.a.group, &s.w.arena, &options, &group_info), SG_OK);
    assert_true(exhaust_making(&s, make_alone) > 5);
    assert_true(exhaust_making(&s, make_external) > 20);
    tear_down(&s);
}

static sg_err op_info(struct scene *s, struct sg_mls_arena *arena, struct sg_bytes message)
{
    const struct sg_mls_info_options options = {.has_tree = true, .has_external_pub = true};
    struct sg_bytes out;
    (void)message;
    return sg_mls_group_info(s->b.group, arena, &options, &out);
}

/* With proposals of which one is no longer valid: each of the others is tried. */
static sg_err op_settle(struct scene *s, struct sg_mls_arena *arena, struct sg_bytes message)
{
    struct sg_mls_commit_options options = {.send = {.now = WORLD_NOW + 60 * WORLD_DAY}};
    struct sg_mls_commit_result result;
    (void)message;
    return sg_mls_group_commit(s->b.group, arena, &options, &result);
}

static void what_is_left_is_lost_whole(void **state)
{
    struct scene s;
    struct sg_mls_send send = {.now = WORLD_NOW};
    struct sg_mls_proposal remove = {.type = SG_MLS_REMOVE, .u.removed = 2};
    struct sg_bytes message;
    (void)state;
    set_up(&s);
    client_init(&s.w, &newcomer, "dave");
    assert_true(exhaust(&s, op_info, sg_bytes(NULL, 0)) > 0);
    struct sg_mls_proposal add = add_of(&s.w, &newcomer);
    const struct sg_mls_proposal *all[] = {&add, &remove};
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(sg_mls_group_propose(s.b.group, &s.w.arena, all[i], &send, &message),
                         SG_OK);
    assert_true(exhaust(&s, op_settle, sg_bytes(NULL, 0)) > 8);
    sg_mls_group_clear_pending(s.b.group);
    /* our own commit comes back */
    sg_mls_cache_clear(s.b.group);
    for (unsigned i = 0; i < 2; i++)
        assert_true(
            exhaust(&s, op_process, commit_of(&s, &s.b, i == 0 ? NULL : &remove, i, i == 0)) > 0);
    tear_down(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_are_lost_whole),
        cmocka_unit_test(handshakes_are_lost_whole),
        cmocka_unit_test(joins_are_lost_whole),
        cmocka_unit_test(storage_is_lost_whole),
        cmocka_unit_test(groups_are_not_made_by_halves),
        cmocka_unit_test(what_is_left_is_lost_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
