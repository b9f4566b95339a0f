/* mls/state.c, mls/discard.c: a rollback over a restart repeats no key and leaves no secret in the
 * store. */
#include "mls_store.h"

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
        cmocka_unit_test(a_rollback_works_after_a_restart),
        cmocka_unit_test(a_commit_that_returns_repeats_no_key),
        cmocka_unit_test(discarded_epochs_are_bounded),
        cmocka_unit_test(a_rollback_drops_resumption_psks),
        cmocka_unit_test(a_removal_leaves_nothing_or_can_be_undone),
        cmocka_unit_test(a_log_that_leads_astray),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
