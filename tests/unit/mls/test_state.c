/* mls/state.c, mls/state_load.c: a group comes back as it was; what is due to go is gone from
 * memory and from the store. */
#include "mls_store.h"
#include "mls_watch.h"

static void watch_epoch(struct watched *w, const struct sg_mls_epoch *epoch)
{
    w->count = 0;
    watch(w, epoch->secrets.init.b);
    watch(w, epoch->secrets.sender_data.b);
    watch(w, epoch->secrets.exporter.b);
    watch(w, epoch->secrets.external.b);
    watch(w, epoch->secrets.confirmation_key.b);
    watch(w, epoch->secrets.membership_key.b);
    for (uint32_t i = 0; i < epoch->own.count && i < 4; i++)
        memcpy(w->secret[w->count++], epoch->own.keys[i].key, 32);
    for (uint32_t i = 0; i < epoch->ratchets.node_count && i < 4; i++)
        watch(w, epoch->ratchets.nodes[i].secret.b);
}

/* ---- tests ---- */

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

/* The PSKs of epochs that are kept no longer go with the first save, not with the next commit; and
 * a load after which nothing goes has nothing to save. */
static void fewer_resumption_psks_than_before(void **state)
{
    struct pair p;
    (void)state;
    set_up(&p);
    p.w.config.resumption_epochs = 6;
    restart(&p);
    for (unsigned i = 0; i < 8; i++)
        (void)commit_alone(&p);
    uint64_t now = p.a.group->epoch->context.epoch;
    struct sg_mls_secret old = *sg_mls_group_resumption(p.a.group, now - 5);
    struct sg_mls_secret kept = *sg_mls_group_resumption(p.a.group, now - 1);
    restart(&p);
    unsigned writes = p.store.writes;
    save(&p);
    assert_int_equal(p.store.writes, writes);
    assert_true(store_contains(&p.store, sg_bytes(old.b, 32)));
    p.w.config.resumption_epochs = 2;
    restart(&p);
    save(&p);
    assert_int_equal(p.store.writes, writes + 1);
    assert_false(store_contains(&p.store, sg_bytes(old.b, 32)));
    assert_null(sg_mls_group_resumption(p.a.group, now - 2));
    for (unsigned i = 0; i < 7; i++) {
        (void)commit_alone(&p);
        assert_non_null(sg_mls_group_resumption(p.a.group, now + i));
        assert_null(sg_mls_group_resumption(p.a.group, now + i - 1));
        restart(&p);
    }
    assert_false(store_contains(&p.store, sg_bytes(kept.b, 32)));
    tear_down(&p);
}

/* A record that cannot be read is not left in memory half read. */
static void secrets_of_a_damaged_record_are_deleted(void **state)
{
    struct pair p;
    struct watched watched = {.count = 0};
    const struct sg_mem mem = {watch_alloc, watch_realloc, watch_free, &watched};
    struct sg_mls_group *group;
    (void)state;
    set_up(&p);
    for (unsigned i = 0; i < 3; i++)
        (void)say(&p, &p.b);
    assert_int_equal(give(&p.a, say(&p, &p.b), SG_MLS_EVENT_APPLICATION), SG_OK);
    save(&p);
    const struct sg_mls_ratchet *ratchet = &p.a.group->epoch->ratchets.senders[0].ratchet[1];
    assert_int_equal(ratchet->kept_count, 3);
    for (unsigned i = 0; i < 3; i++)
        memcpy(watched.secret[watched.count++], ratchet->kept[i].key, 32); /* 16, then zeros */
    struct kept *record = find(&p.store, sg_mls_sender_record(p.a.group->epoch->context.epoch), 1);
    /* two ratchets, three keys; within the last of them the record ends */
    record->len = 8 + 2 * 40 + 3 * (4 + 16 + 12) - 1;
    p.w.config.mem = &mem;
    assert_int_equal(sg_mls_state_load(&p.w.config, &p.store.store, SG_BYTES_LIT("stored"), &group),
                     SG_ERR_CORRUPT);
    assert_int_equal(watched.found, 0);
    p.w.config.mem = sg_mem_default();
    tear_down(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_group_comes_back_as_it_was),
        cmocka_unit_test(proposals_and_pending_commits_come_back),
        cmocka_unit_test(a_failed_write_leaves_the_old_state),
        cmocka_unit_test(damage_is_noticed),
        cmocka_unit_test(secrets_are_deleted),
        cmocka_unit_test(a_used_ratchet_is_deleted),
        cmocka_unit_test(secrets_of_a_damaged_record_are_deleted),
        cmocka_unit_test(a_first_save_deletes_nothing),
        cmocka_unit_test(a_config_may_keep_less_than_before),
        cmocka_unit_test(fewer_resumption_psks_than_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
