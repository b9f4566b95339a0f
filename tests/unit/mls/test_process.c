/* mls/process.c, commit_process.c, join.c: paths, commits from outside and welcomes that are
 * refused; a pending commit changes nothing. */
#include "mls_scene.h"

#define NOTHING sg_bytes(NULL, 0)

/* ---- paths ---- */

static struct sg_mls_path good_path(struct scene *s)
{
    struct sg_mls_commit_options options = {.send = {.now = WORLD_NOW}};
    struct sg_mls_commit_result result;
    struct sg_mls_message *message = sg_mls_arena_new(&s->w.arena, 1, sizeof(*message));
    assert_int_equal(sg_mls_group_commit(s->a.group, &s->w.arena, &options, &result), SG_OK);
    sg_mls_group_clear_pending(s->a.group);
    assert_int_equal(sg_mls_decode_message(result.commit, &s->w.arena, message), SG_OK);
    return *message->u.public_message.content.commit.path;
}

static void sign_leaf(struct scene *s, struct sg_mls_leaf *leaf)
{
    struct sg_mls_signer signer = sg_mls_group_signer(s->a.group);
    struct sg_mls_leaf_place place = {SG_BYTES_LIT("group"), 0};
    assert_int_equal(sg_mls_leaf_sign(&signer, &s->w.arena, &place, leaf), SG_OK);
}

static void expect_path(struct scene *s, struct sg_mls_path *path, sg_err wanted)
{
    assert_int_equal(process(&s->b, forge(s, NULL, 0, path)), wanted);
}

/* RFC9420 s7.5, s7.6, s7.9.2, s12.4.2 */
static void paths_that_are_refused(void **state)
{
    struct scene s;
    struct sg_mls_leaf before;
    (void)state;
    set_up(&s);
    struct sg_mls_path good = good_path(&s), bad = good;
    expect_path(&s, &good, SG_ERR_MLS_TAG); /* right but for the tag */
    bad.count--;
    expect_path(&s, &bad, SG_ERR_MLS_COMMIT);
    struct sg_mls_path_node *nodes = sg_mls_arena_new(&s.w.arena, good.count, sizeof(*nodes));
    memcpy(nodes, good.nodes, good.count * sizeof(*nodes));
    nodes[0].count--;
    bad = good;
    bad.nodes = nodes;
    expect_path(&s, &bad, SG_ERR_MLS_COMMIT);
    bad = good;
    bad.leaf.source = SG_MLS_LEAF_UPDATE;
    sign_leaf(&s, &bad.leaf);
    expect_path(&s, &bad, SG_ERR_MLS_LEAF);
    bad = good;
    bad.leaf.parent_hash = SG_BYTES_LIT("0123456789abcdef0123456789abcdef");
    sign_leaf(&s, &bad.leaf);
    expect_path(&s, &bad, SG_ERR_MLS_COMMIT);
    bad = good;
    sg_mls_tree_leaf(&s.b.group->tree, 0, &before);
    bad.leaf.encryption_key = before.encryption_key;
    sign_leaf(&s, &bad.leaf);
    expect_path(&s, &bad, SG_ERR_MLS_COMMIT);
    bad = good;
    bad.leaf.signature = good.leaf.parent_hash;
    expect_path(&s, &bad, SG_ERR_BAD_SIGNATURE);
    tear_down(&s);
}

/* ---- external commits ---- */

/* Dave's commit from outside with other proposals, or without its path, signed by somebody. */
static struct sg_bytes forge_external(struct scene *s, const struct sg_mls_commit *commit,
                                      const struct client *signer_of)
{
    struct sg_mls_authentic *message = sg_mls_arena_new(&s->w.arena, 1, sizeof(*message));
    struct sg_mls_framing framing = sg_mls_epoch_framing(s->a.group->epoch);
    struct sg_mls_signer signer = {s->w.suite, s->w.config.random,
                                   signer_of->identity.signature_private, NULL};
    struct sg_mls_send send = {.now = WORLD_NOW};
    struct sg_bytes out;
    sg_mls_fill_content(s->a.group, &send, SG_MLS_COMMIT, message);
    message->content.sender = (struct sg_mls_sender){SG_MLS_SENDER_NEW_COMMIT, 0};
    message->content.commit = *commit;
    assert_int_equal(
        sg_mls_content_sign(&signer, &s->w.arena, s->a.group->epoch->context.raw, message), SG_OK);
    message->auth.confirmation_tag = SG_BYTES_LIT("0123456789abcdef0123456789abcdef");
    assert_int_equal(sg_mls_protect_public(&framing, &s->w.arena, message, &out), SG_OK);
    return out;
}

static struct sg_mls_commit external_commit(struct scene *s)
{
    struct sg_mls_new_leaf leaf = {.signature_private = s->d.identity.signature_private};
    struct sg_mls_info_options info = {.has_tree = true, .has_external_pub = true};
    struct sg_mls_external in = {.config = &s->w.config, .leaf = &leaf, .now = WORLD_NOW};
    struct sg_mls_message *message = sg_mls_arena_new(&s->w.arena, 1, sizeof(*message));
    struct sg_bytes commit;
    assert_int_equal(sg_mls_group_info(s->a.group, &s->w.arena, &info, &in.group_info), SG_OK);
    assert_int_equal(
        sg_mls_identity_leaf(&s->w.config, &s->d.identity, false, &s->w.arena, &leaf.leaf), SG_OK);
    assert_int_equal(sg_mls_group_external_join(&in, &s->w.arena, &s->d.group, &commit), SG_OK);
    assert_int_equal(sg_mls_decode_message(commit, &s->w.arena, message), SG_OK);
    return message->u.public_message.content.commit;
}

/* RFC9420 s12.2, s12.4.3.2 */
static void external_commits_that_are_refused(void **state)
{
    struct scene s;
    (void)state;
    set_up(&s);
    struct sg_mls_commit good = external_commit(&s), bad = good;
    assert_int_equal(process(&s.b, forge_external(&s, &good, &s.d)), SG_ERR_MLS_TAG);
    assert_int_equal(process(&s.b, forge_external(&s, &good, &s.a)), SG_ERR_BAD_SIGNATURE);
    bad.path = NULL;
    assert_int_equal(process(&s.b, forge_external(&s, &bad, &s.d)), SG_ERR_MLS_COMMIT);
    bad = good;
    bad.count = 0;
    assert_int_equal(process(&s.b, forge_external(&s, &bad, &s.d)), SG_ERR_MLS_PROPOSAL);
    struct sg_mls_proposal_or_ref list[3] = {good.proposals[0]};
    bad = good;
    bad.proposals = list;
    bad.count = 2;
    list[1] = good.proposals[0]; /* two ExternalInit */
    assert_int_equal(process(&s.b, forge_external(&s, &bad, &s.d)), SG_ERR_MLS_PROPOSAL);
    list[1].proposal = add_of(&s.w, &s.d);
    assert_int_equal(process(&s.b, forge_external(&s, &bad, &s.d)), SG_ERR_MLS_PROPOSAL);
    list[1].proposal = remove_of(2); /* Carol is not Dave */
    assert_int_equal(process(&s.b, forge_external(&s, &bad, &s.d)), SG_ERR_MLS_CREDENTIAL);
    list[2].proposal = remove_of(1);
    bad.count = 3;
    assert_int_equal(process(&s.b, forge_external(&s, &bad, &s.d)), SG_ERR_MLS_PROPOSAL);
    /* a proposal that waits, by reference */
    struct sg_mls_proposal carol = remove_of(2);
    struct sg_mls_send send = {.now = WORLD_NOW};
    struct sg_bytes message;
    assert_int_equal(sg_mls_group_propose(s.a.group, &s.w.arena, &carol, &send, &message), SG_OK);
    assert_int_equal(give(&s.b, message, SG_MLS_EVENT_PROPOSAL), SG_OK);
    list[1] = (struct sg_mls_proposal_or_ref){
        .is_ref = true, .ref = sg_bytes(s.b.group->cache[0].ref, s.w.suite->hash_len)};
    bad.count = 2;
    assert_int_equal(process(&s.b, forge_external(&s, &bad, &s.d)), SG_ERR_MLS_PROPOSAL);
    tear_down(&s);
}

/* ---- welcomes and group infos ---- */

/* RFC9420 s12.4.3, s12.4.3.1, s12.4.3.3 */
static void welcomes_that_are_refused(void **state)
{
    struct scene s;
    (void)state;
    set_up(&s);
    struct sg_bytes old_tree = tree_of(&s.w, s.a.group);
    struct sg_mls_proposal dave = add_of(&s.w, &s.d);
    struct sg_mls_commit_options options = {
        .send = {.now = WORLD_NOW}, .values = &dave, .count = 1};
    struct sg_mls_commit_result result;
    assert_int_equal(sg_mls_group_commit(s.a.group, &s.w.arena, &options, &result), SG_OK);
    assert_int_equal(sg_mls_group_merge(s.a.group), SG_OK);
    assert_int_equal(client_join(&s.w, &s.d, result.welcome, NOTHING), SG_ERR_MLS_WELCOME);
    assert_int_equal(client_join(&s.w, &s.d, result.welcome, old_tree), SG_ERR_MLS_TREE);
    /* a path secret that does not lead to the keys of the tree */
    struct sg_mls_path_secrets secrets = {0};
    struct sg_mls_private own = s.a.group->epoch->own;
    sg_mls_tree_filtered_path(&s.a.group->tree, 0, &secrets.path);
    assert_int_equal(sg_mls_path_follow(&s.a.group->tree, &secrets, &own), SG_ERR_MLS_COMMIT);
    /* a group info that somebody else has signed */
    struct sg_mls_info_options info = {.has_tree = true, .has_external_pub = true};
    struct sg_mls_new_leaf leaf = {.signature_private = s.d.identity.signature_private};
    struct sg_mls_external in = {.config = &s.w.config, .leaf = &leaf, .now = WORLD_NOW};
    struct sg_mls_group *group;
    struct sg_bytes commit;
    assert_int_equal(sg_mls_group_info(s.a.group, &s.w.arena, &info, &in.group_info), SG_OK);
    assert_int_equal(
        sg_mls_identity_leaf(&s.w.config, &s.d.identity, false, &s.w.arena, &leaf.leaf), SG_OK);
    uint8_t *copy = sg_mls_arena_new(&s.w.arena, in.group_info.len, 1);
    memcpy(copy, in.group_info.data, in.group_info.len);
    copy[in.group_info.len - 1] ^= 1;
    in.group_info.data = copy;
    assert_int_equal(sg_mls_group_external_join(&in, &s.w.arena, &group, &commit),
                     SG_ERR_BAD_SIGNATURE);
    assert_int_equal(client_join(&s.w, &s.d, result.welcome, tree_of(&s.w, s.a.group)), SG_OK);
    tear_down(&s);
}

/* RFC9420 s14 */
static void a_pending_commit_changes_nothing(void **state)
{
    struct scene s;
    struct sg_mls_secret before;
    (void)state;
    set_up(&s);
    struct sg_mls_proposal carol = remove_of(2);
    struct sg_mls_commit_options options = {
        .send = {.now = WORLD_NOW}, .values = &carol, .count = 1};
    struct sg_mls_commit_result ours, theirs;
    struct sg_bytes tree = tree_of(&s.w, s.a.group);
    before = s.a.group->epoch->secrets.authenticator;
    assert_int_equal(sg_mls_group_commit(s.a.group, &s.w.arena, &options, &ours), SG_OK);
    assert_memory_equal(before.b, s.a.group->epoch->secrets.authenticator.b, 32);
    assert_true(sg_bytes_equal(tree, tree_of(&s.w, s.a.group)));
    /* another commit wins: ours is forgotten */
    options.count = 0;
    assert_int_equal(sg_mls_group_commit(s.b.group, &s.w.arena, &options, &theirs), SG_OK);
    assert_int_equal(give(&s.b, theirs.commit, SG_MLS_EVENT_COMMIT), SG_OK);
    assert_int_equal(give(&s.a, theirs.commit, SG_MLS_EVENT_COMMIT), SG_OK);
    assert_same_epoch(&s.a, &s.b);
    assert_null(s.a.group->pending);
    assert_int_equal(process(&s.b, ours.commit), SG_ERR_MLS_EPOCH);
    tear_down(&s);
}

/* Our own commit comes back with any byte changed, the tags too: it is not taken for it. */
static void a_pending_commit_that_was_changed(void **state)
{
    struct scene s;
    (void)state;
    set_up(&s);
    for (unsigned is_private = 0; is_private < 2; is_private++) {
        struct sg_mls_commit_options options = {
            .send = {.is_private = is_private == 1, .now = WORLD_NOW}};
        struct sg_mls_commit_result ours;
        assert_int_equal(sg_mls_group_commit(s.a.group, &s.w.arena, &options, &ours), SG_OK);
        uint8_t *data = (uint8_t *)(uintptr_t)ours.commit.data;
        for (size_t i = 0; i < ours.commit.len; i++) {
            data[i] ^= 1;
            assert_int_not_equal(process(&s.a, ours.commit), SG_OK);
            assert_non_null(s.a.group->pending);
            data[i] ^= 1;
        }
        assert_int_equal(give(&s.a, ours.commit, SG_MLS_EVENT_COMMIT), SG_OK);
        assert_int_equal(give(&s.b, ours.commit, SG_MLS_EVENT_COMMIT), SG_OK);
        assert_same_epoch(&s.a, &s.b);
    }
    tear_down(&s);
}

/* A tree of another client can have a node that no path would make: with nobody on one side. The
 * next path blanks it, and with it goes what Alice has of its private key. */
static void keys_of_nodes_that_a_path_blanks(void **state)
{
    struct scene s;
    struct client erin;
    struct sg_mls_commit_result result;
    struct sg_mls_node *node;
    uint8_t private_key[SG_MLS_KEM_PRIVATE_MAX], public_key[SG_MLS_KEM_PUBLIC_MAX];
    (void)state;
    set_up(&s);
    client_init(&s.w, &erin, "erin");
    struct sg_mls_proposal adds[2] = {add_of(&s.w, &s.d), add_of(&s.w, &erin)};
    struct sg_mls_proposal removes[2] = {remove_of(2), remove_of(3)};
    struct sg_mls_commit_options options = {.send = {.now = WORLD_NOW}, .values = adds, .count = 2};
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(sg_mls_group_commit(s.a.group, &s.w.arena, &options, &result), SG_OK);
        assert_int_equal(sg_mls_group_merge(s.a.group), SG_OK);
        assert_int_equal(give(&s.b, result.commit, SG_MLS_EVENT_COMMIT), SG_OK);
        options.values = removes;
    }
    /* leaves 0, 1 and 4: above 0 and 1 node 3 has an empty right side */
    assert_int_equal(s.w.suite->kem_generate(s.w.suite, s.w.config.random, private_key, public_key),
                     SG_OK);
    struct client *both[2] = {&s.a, &s.b};
    for (unsigned i = 0; i < 2; i++) {
        struct sg_mls_group *group = both[i]->group;
        assert_null(group->tree.nodes[3]);
        assert_int_equal(sg_mls_node_new_parent(&group->tree, sg_bytes(public_key, 32),
                                                sg_bytes(NULL, 0), sg_bytes(NULL, 0), &node),
                         SG_OK);
        assert_int_equal(sg_mls_tree_put(&group->tree, 3, node), SG_OK);
        sg_mls_private_put(&group->epoch->own, 3, sg_bytes(private_key, 32));
    }
    options.count = 0;
    assert_int_equal(sg_mls_group_commit(s.b.group, &s.w.arena, &options, &result), SG_OK);
    assert_int_equal(give(&s.a, result.commit, SG_MLS_EVENT_COMMIT), SG_OK);
    assert_null(s.a.group->tree.nodes[3]);
    assert_null(sg_mls_private_find(&s.a.group->epoch->own, 3));
    const uint8_t *own = (const uint8_t *)&s.a.group->epoch->own;
    assert_null(memmem(own, sizeof(s.a.group->epoch->own), private_key, 32));
    tear_down(&s);
}

/* ---- what another state of ours has made, or another time ---- */

static void our_own_that_are_unknown(void **state)
{
    struct scene s;
    struct sg_mls_commit_options options = {.send = {.is_private = true, .now = WORLD_NOW}};
    struct sg_mls_send send = {.now = WORLD_NOW};
    struct sg_mls_commit_result result;
    struct sg_bytes update;
    (void)state;
    set_up(&s);
    assert_int_equal(sg_mls_group_commit(s.a.group, &s.w.arena, &options, &result), SG_OK);
    sg_mls_group_clear_pending(s.a.group);
    assert_int_equal(process(&s.a, result.commit), SG_ERR_INVALID_STATE);
    assert_int_equal(sg_mls_group_propose_update(s.a.group, &s.w.arena, NULL, &send, &update),
                     SG_OK);
    assert_int_equal(give(&s.a, update, SG_MLS_EVENT_OWN), SG_OK);
    assert_true(s.a.group->cache[0].has_keys);
    /* a commit that covers it, at one that has lost the private key */
    assert_int_equal(give(&s.b, update, SG_MLS_EVENT_PROPOSAL), SG_OK);
    assert_int_equal(sg_mls_group_commit(s.b.group, &s.w.arena, &options, &result), SG_OK);
    s.a.group->cache[0].has_keys = false;
    assert_int_equal(process(&s.a, result.commit), SG_ERR_INVALID_STATE);
    sg_mls_cache_clear(s.a.group);
    assert_int_equal(process(&s.a, update), SG_ERR_INVALID_STATE);
    tear_down(&s);
}

/* RFC9420 s12.4.2: a group that a ReInit has closed takes no handshake messages. */
static void a_closed_group_takes_no_commits(void **state)
{
    struct scene s;
    struct sg_mls_proposal reinit = {
        .type = SG_MLS_REINIT, .u.reinit = {SG_BYTES_LIT("next"), SG_MLS_VERSION_10, 1, NOTHING}};
    struct sg_mls_commit_options options = {
        .send = {.now = WORLD_NOW}, .values = &reinit, .count = 1};
    struct sg_mls_commit_result result;
    (void)state;
    set_up(&s);
    assert_int_equal(sg_mls_group_commit(s.a.group, &s.w.arena, &options, &result), SG_OK);
    assert_int_equal(give(&s.b, result.commit, SG_MLS_EVENT_COMMIT), SG_OK);
    assert_int_equal(give(&s.c, result.commit, SG_MLS_EVENT_COMMIT), SG_OK);
    sg_mls_closing_fini(&s.w.config, &s.c.group->closing); /* Carol does not care */
    options.count = 0;
    for (unsigned i = 0; i < 2; i++) {
        options.send.is_private = i == 1;
        assert_int_equal(sg_mls_group_commit(s.c.group, &s.w.arena, &options, &result), SG_OK);
        sg_mls_group_clear_pending(s.c.group);
        assert_int_equal(process(&s.b, result.commit), SG_ERR_INVALID_STATE);
    }
    tear_down(&s);
}

/* RFC9420 s7.3: who comes back after a long time follows what others accepted in theirs. */
static void a_commit_of_long_ago_is_followed(void **state)
{
    struct scene s;
    struct sg_mls_event event;
    struct sg_mls_send send = {.now = WORLD_NOW};
    struct sg_bytes message;
    uint64_t later = WORLD_NOW + 60 * WORLD_DAY;
    (void)state;
    set_up(&s);
    struct sg_mls_proposal dave = add_of(&s.w, &s.d);
    struct sg_mls_commit_options options = {.send = send, .values = &dave, .count = 1};
    struct sg_mls_commit_result result;
    assert_int_equal(sg_mls_group_commit(s.a.group, &s.w.arena, &options, &result), SG_OK);
    assert_int_equal(sg_mls_group_process(s.b.group, result.commit, later, &event), SG_OK);
    sg_mls_event_fini(&event);
    /* but nobody commits, or waits with, what is over */
    sg_mls_group_clear_pending(s.a.group);
    assert_int_equal(sg_mls_group_propose(s.a.group, &s.w.arena, &dave, &send, &message), SG_OK);
    assert_int_equal(sg_mls_group_process(s.c.group, message, later, &event), SG_ERR_EXPIRED);
    options.send.now = later;
    sg_mls_cache_clear(s.a.group);
    assert_int_equal(sg_mls_group_commit(s.a.group, &s.w.arena, &options, &result), SG_ERR_EXPIRED);
    tear_down(&s);
}

/* The echo of our own commit says what it does, as it says to others. */
static void our_own_commit_says_what_it_does(void **state)
{
    struct scene s;
    struct sg_mls_send send = {.now = WORLD_NOW};
    struct sg_mls_event ours, theirs;
    struct sg_bytes update;
    (void)state;
    set_up(&s);
    struct sg_mls_proposal values[2] = {remove_of(1), add_of(&s.w, &s.d)};
    struct sg_mls_commit_options options = {.send = send, .values = values, .count = 2};
    struct sg_mls_commit_result result;
    assert_int_equal(sg_mls_group_propose_update(s.c.group, &s.w.arena, NULL, &send, &update),
                     SG_OK);
    assert_int_equal(give(&s.a, update, SG_MLS_EVENT_PROPOSAL), SG_OK);
    assert_int_equal(sg_mls_group_commit(s.a.group, &s.w.arena, &options, &result), SG_OK);
    assert_int_equal(sg_mls_group_process(s.a.group, result.commit, WORLD_NOW, &ours), SG_OK);
    assert_int_equal(sg_mls_group_process(s.c.group, result.commit, WORLD_NOW, &theirs), SG_OK);
    assert_true(ours.is_own && !theirs.is_own);
    assert_int_equal(ours.epoch, theirs.epoch);
    assert_int_equal(ours.committer, theirs.committer);
    assert_int_equal(ours.added.count, 1); /* at the leaf that became free */
    assert_int_equal(ours.added.at[0], 1);
    assert_int_equal(theirs.added.at[0], 1);
    assert_int_equal(ours.removed.count, 1);
    assert_int_equal(ours.removed.at[0], 1);
    assert_int_equal(ours.updated.count, 1);
    assert_int_equal(ours.updated.at[0], 2);
    sg_mls_event_fini(&ours);
    sg_mls_event_fini(&theirs);
    tear_down(&s);
}

/* A resync takes the leaf of our key out, and never another device's. */
static void a_resync_finds_the_right_leaf(void **state)
{
    struct scene s;
    struct client devices[2];
    struct sg_mls_info_options info = {.has_tree = true, .has_external_pub = true};
    struct sg_mls_new_leaf leaf;
    struct sg_mls_external in = {
        .config = &s.w.config, .leaf = &leaf, .removes_prior = true, .now = WORLD_NOW};
    struct sg_mls_commit_result result;
    struct sg_mls_event event;
    struct sg_bytes commit;
    (void)state;
    set_up(&s);
    struct sg_mls_proposal adds[2];
    for (unsigned i = 0; i < 2; i++) {
        client_init(&s.w, &devices[i], "erin");
        adds[i] = add_of(&s.w, &devices[i]);
    }
    struct sg_mls_commit_options options = {.send = {.now = WORLD_NOW}, .values = adds, .count = 2};
    assert_int_equal(sg_mls_group_commit(s.a.group, &s.w.arena, &options, &result), SG_OK);
    assert_int_equal(give(&s.a, result.commit, SG_MLS_EVENT_COMMIT), SG_OK);
    assert_int_equal(sg_mls_group_info(s.a.group, &s.w.arena, &info, &in.group_info), SG_OK);
    leaf.signature_private = devices[1].identity.signature_private;
    assert_int_equal(
        sg_mls_identity_leaf(&s.w.config, &devices[1].identity, false, &s.w.arena, &leaf.leaf),
        SG_OK);
    assert_int_equal(sg_mls_group_external_join(&in, &s.w.arena, &s.d.group, &commit), SG_OK);
    assert_int_equal(sg_mls_group_process(s.a.group, commit, WORLD_NOW, &event), SG_OK);
    assert_int_equal(event.removed.count, 1);
    assert_int_equal(event.removed.at[0], 4);
    sg_mls_event_fini(&event);
    client_fini(&s.d);
    /* a third device, with another key: which of the two it was, nobody can say */
    client_init(&s.w, &devices[0], "erin");
    assert_int_equal(sg_mls_group_info(s.a.group, &s.w.arena, &info, &in.group_info), SG_OK);
    leaf.signature_private = devices[0].identity.signature_private;
    assert_int_equal(
        sg_mls_identity_leaf(&s.w.config, &devices[0].identity, false, &s.w.arena, &leaf.leaf),
        SG_OK);
    assert_int_equal(sg_mls_group_external_join(&in, &s.w.arena, &s.d.group, &commit),
                     SG_ERR_NOT_FOUND);
    tear_down(&s);
}

/* ---- keys ---- */

/* A new leaf is in the tree only by a path: one is made although none is due. */
static void a_new_leaf_needs_a_path(void **state)
{
    struct scene s;
    struct client other;
    struct sg_mls_new_leaf leaf;
    (void)state;
    set_up(&s);
    client_init(&s.w, &other, "alice");
    struct sg_mls_proposal dave = add_of(&s.w, &s.d);
    struct sg_mls_commit_options options = {.send = {.now = WORLD_NOW},
                                            .values = &dave,
                                            .count = 1,
                                            .omits_path = true,
                                            .new_leaf = &leaf};
    struct sg_mls_commit_result result;
    assert_int_equal(
        sg_mls_identity_leaf(&s.w.config, &other.identity, false, &s.w.arena, &leaf.leaf), SG_OK);
    leaf.signature_private = sg_bytes(other.signature_private, 31);
    assert_int_equal(sg_mls_group_commit(s.a.group, &s.w.arena, &options, &result),
                     SG_ERR_INVALID_ARGUMENT);
    assert_int_equal(
        sg_mls_group_propose_update(s.a.group, &s.w.arena, &leaf, &options.send, &result.commit),
        SG_ERR_INVALID_ARGUMENT);
    leaf.signature_private = other.identity.signature_private;
    assert_int_equal(sg_mls_group_commit(s.a.group, &s.w.arena, &options, &result), SG_OK);
    assert_int_equal(give(&s.a, result.commit, SG_MLS_EVENT_COMMIT), SG_OK);
    assert_int_equal(give(&s.b, result.commit, SG_MLS_EVENT_COMMIT), SG_OK);
    assert_same_epoch(&s.a, &s.b);
    assert_true(sg_bytes_equal(sg_mls_node_second(s.b.group->tree.nodes[0]),
                               other.identity.signature_public));
    tear_down(&s);
}

/* A key that is ready for signing goes with the epoch that had it. */
static void a_signature_key_goes_when_it_is_replaced(void **state)
{
    struct scene s;
    struct client other;
    struct sg_mls_new_leaf leaf;
    struct sg_bytes message;
    (void)state;
    set_up(&s);
    client_init(&s.w, &other, "alice");
    struct sg_mls_commit_options options = {.send = {.now = WORLD_NOW}, .new_leaf = &leaf};
    struct sg_mls_commit_result result;
    assert_int_equal(
        sg_mls_identity_leaf(&s.w.config, &other.identity, false, &s.w.arena, &leaf.leaf), SG_OK);
    leaf.signature_private = other.identity.signature_private;
    assert_int_equal(sg_mls_group_commit(s.a.group, &s.w.arena, &options, &result), SG_OK);
    assert_non_null(s.a.group->ready->key);
    assert_memory_equal(s.a.group->ready->of, s.a.signature_private, 32);
    assert_int_equal(give(&s.a, result.commit, SG_MLS_EVENT_COMMIT), SG_OK);
    assert_int_equal(give(&s.b, result.commit, SG_MLS_EVENT_COMMIT), SG_OK);
    assert_null(s.a.group->ready->key);
    assert_memory_not_equal(s.a.group->ready->of, s.a.signature_private, 32);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(
            sg_mls_group_protect(s.a.group, &s.w.arena, SG_BYTES_LIT("hi"), NOTHING, &message),
            SG_OK);
        assert_int_equal(give(&s.b, message, SG_MLS_EVENT_APPLICATION), SG_OK);
        assert_memory_equal(s.a.group->ready->of, other.signature_private, 32);
    }
    tear_down(&s);
}

static void a_join_with_another_signature_key(void **state)
{
    struct scene s;
    (void)state;
    set_up(&s);
    struct sg_mls_proposal dave = add_of(&s.w, &s.d);
    struct sg_mls_commit_options options = {
        .send = {.now = WORLD_NOW}, .values = &dave, .count = 1, .tree_in_welcome = true};
    struct sg_mls_commit_result result;
    struct sg_bytes right = s.d.identity.signature_private;
    assert_int_equal(sg_mls_group_commit(s.a.group, &s.w.arena, &options, &result), SG_OK);
    s.d.identity.signature_private = s.c.identity.signature_private;
    assert_int_equal(client_join(&s.w, &s.d, result.welcome, NOTHING), SG_ERR_INVALID_ARGUMENT);
    s.d.identity.signature_private = right;
    assert_int_equal(client_join(&s.w, &s.d, result.welcome, NOTHING), SG_OK);
    tear_down(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_that_are_refused),
        cmocka_unit_test(external_commits_that_are_refused),
        cmocka_unit_test(welcomes_that_are_refused),
        cmocka_unit_test(a_pending_commit_changes_nothing),
        cmocka_unit_test(a_pending_commit_that_was_changed),
        cmocka_unit_test(keys_of_nodes_that_a_path_blanks),
        cmocka_unit_test(our_own_that_are_unknown),
        cmocka_unit_test(a_closed_group_takes_no_commits),
        cmocka_unit_test(a_commit_of_long_ago_is_followed),
        cmocka_unit_test(our_own_commit_says_what_it_does),
        cmocka_unit_test(a_resync_finds_the_right_leaf),
        cmocka_unit_test(a_new_leaf_needs_a_path),
        cmocka_unit_test(a_signature_key_goes_when_it_is_replaced),
        cmocka_unit_test(a_join_with_another_signature_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
