/* mls/list.c and mls/process.c: one refusal for each rule (RFC 9420 s12.2, s6, s12.4). Commits that
 * break a rule are made by hand, since ours refuse to. */
#include "mls_scene.h"

static void expect(struct scene *s, const struct sg_mls_proposal *values, uint32_t count,
                   sg_err wanted)
{
    assert_int_equal(process(&s->b, forge(s, values, count, NULL)), wanted);
}

static struct sg_mls_proposal psk_of(struct sg_bytes nonce, uint8_t type, uint8_t usage)
{
    struct sg_mls_proposal proposal = {.type = SG_MLS_PSK};
    proposal.u.psk = (struct sg_mls_psk_id){type, usage, SG_BYTES_LIT("shared"), 0, nonce};
    return proposal;
}

static void lists_that_break_a_rule(void **state)
{
    struct scene s;
    const uint8_t zeros[32] = {0};
    struct sg_bytes nonce = sg_bytes(zeros, 32), short_nonce = sg_bytes(zeros, 31);
    (void)state;
    set_up(&s);
    struct sg_mls_proposal self = remove_of(0), carol = remove_of(2), nobody = remove_of(3);
    expect(&s, &self, 1, SG_ERR_MLS_PROPOSAL); /* removes the committer */
    expect(&s, &nobody, 1, SG_ERR_MLS_PROPOSAL);
    nobody.u.removed = UINT32_MAX;
    expect(&s, &nobody, 1, SG_ERR_MLS_PROPOSAL);
    expect(&s, (struct sg_mls_proposal[]){carol, carol}, 2, SG_ERR_MLS_PROPOSAL);
    expect(&s, &carol, 1, SG_ERR_MLS_COMMIT); /* no path */
    expect(&s, NULL, 0, SG_ERR_MLS_COMMIT);   /* no path */

    struct sg_mls_proposal dave = add_of(&s.w, &s.d), again = add_of(&s.w, &s.d);
    expect(&s, (struct sg_mls_proposal[]){dave, again}, 2, SG_ERR_MLS_PROPOSAL); /* one client */
    struct sg_mls_proposal bob = add_of(&s.w, &s.b);
    expect(&s, &bob, 1, SG_ERR_MLS_PROPOSAL); /* a member already */
    expect(&s, &dave, 1, SG_ERR_MLS_TAG);     /* right but for its tag */

    struct sg_mls_proposal psk = psk_of(nonce, SG_MLS_PSK_EXTERNAL, 0);
    expect(&s, (struct sg_mls_proposal[]){psk, psk}, 2, SG_ERR_MLS_PROPOSAL);
    expect(&s, &psk, 1, SG_ERR_MLS_TAG);
    psk = psk_of(short_nonce, SG_MLS_PSK_EXTERNAL, 0);
    expect(&s, &psk, 1, SG_ERR_MLS_PSK);
    psk = psk_of(nonce, SG_MLS_PSK_RESUMPTION, SG_MLS_USAGE_REINIT);
    expect(&s, &psk, 1, SG_ERR_MLS_PSK);
    psk = psk_of(nonce, SG_MLS_PSK_RESUMPTION, SG_MLS_USAGE_BRANCH);
    expect(&s, &psk, 1, SG_ERR_MLS_PSK);
    psk = psk_of(nonce, SG_MLS_PSK_RESUMPTION, SG_MLS_USAGE_APPLICATION);
    expect(&s, &psk, 1, SG_ERR_MLS_PSK); /* of an unknown group */

    struct sg_mls_proposal gce = {.type = SG_MLS_GROUP_CONTEXT_EXTENSIONS};
    expect(&s, (struct sg_mls_proposal[]){gce, gce}, 2, SG_ERR_MLS_PROPOSAL);
    expect(&s, &gce, 1, SG_ERR_MLS_COMMIT); /* no path */
    struct sg_mls_proposal reinit = {.type = SG_MLS_REINIT};
    reinit.u.reinit = (struct sg_mls_reinit){SG_BYTES_LIT("new"), 1, 1, {NULL, 0}};
    expect(&s, (struct sg_mls_proposal[]){reinit, dave}, 2, SG_ERR_MLS_PROPOSAL);
    reinit.u.reinit.version = 0;
    expect(&s, &reinit, 1, SG_ERR_MLS_PROPOSAL);
    struct sg_mls_proposal init = {.type = SG_MLS_EXTERNAL_INIT, .u.kem_output = nonce};
    expect(&s, &init, 1, SG_ERR_MLS_PROPOSAL);
    struct sg_mls_proposal unknown = {.type = 0xf123, .u.unknown = nonce};
    expect(&s, &unknown, 1, SG_ERR_MLS_CAPABILITY);
    tear_down(&s);
}

static void updates_of_the_committer_and_foreign_refs(void **state)
{
    struct scene s;
    struct sg_mls_leaf leaf;
    (void)state;
    set_up(&s);
    sg_mls_tree_leaf(&s.a.group->tree, 0, &leaf);
    struct sg_mls_proposal update = {.type = SG_MLS_UPDATE, .u.update = &leaf};
    expect(&s, &update, 1, SG_ERR_MLS_PROPOSAL);
    struct sg_mls_send send = {.now = WORLD_NOW};
    struct sg_bytes message;
    /* Bob has not seen Alice's proposal */
    struct sg_mls_proposal dave = add_of(&s.w, &s.d);
    assert_int_equal(sg_mls_group_propose(s.a.group, &s.w.arena, &dave, &send, &message), SG_OK);
    struct sg_mls_commit_options options = {.send = send};
    struct sg_mls_commit_result result;
    assert_int_equal(sg_mls_group_commit(s.a.group, &s.w.arena, &options, &result), SG_OK);
    assert_int_equal(process(&s.b, result.commit), SG_ERR_MLS_PROPOSAL);
    assert_int_equal(process(&s.b, message), SG_OK);
    assert_int_equal(process(&s.b, message), SG_ERR_DUPLICATE);
    /* RFC9420 s12.4: a commit before application data */
    assert_int_equal(
        sg_mls_group_protect(s.b.group, &s.w.arena, SG_BYTES_LIT("x"), sg_bytes(NULL, 0), &message),
        SG_ERR_INVALID_STATE);
    assert_int_equal(process(&s.b, result.commit), SG_OK);
    assert_int_equal(process(&s.b, result.commit), SG_ERR_MLS_EPOCH);
    tear_down(&s);
}

/* Damaged everywhere: never accepted, never a trace. */
static void damaged_messages(void **state)
{
    struct scene s;
    uint8_t bad[8192];
    (void)state;
    set_up(&s);
    for (unsigned private = 0; private < 2; private ++) {
        struct sg_mls_commit_options options = {
            .send = {.is_private = private == 1, .now = WORLD_NOW}};
        struct sg_mls_commit_result result;
        assert_int_equal(sg_mls_group_commit(s.a.group, &s.w.arena, &options, &result), SG_OK);
        assert_true(result.commit.len < sizeof(bad));
        for (size_t i = 0; i < result.commit.len; i++) {
            memcpy(bad, result.commit.data, result.commit.len);
            bad[i] ^= (uint8_t)(1u << (i % 8));
            assert_int_not_equal(process(&s.b, sg_bytes(bad, result.commit.len)), SG_OK);
            assert_int_not_equal(process(&s.b, sg_bytes(result.commit.data, i)), SG_OK);
        }
        memcpy(bad, result.commit.data, result.commit.len);
        assert_int_equal(process(&s.b, sg_bytes(bad, result.commit.len + 1)), SG_ERR_TRAILING);
        sg_mls_group_clear_pending(s.a.group);
        /* the original still works */
        if (private == 1)
            assert_int_equal(process(&s.b, result.commit), SG_OK);
    }
    tear_down(&s);
}

static void wrong_group_and_wrong_kind(void **state)
{
    struct scene s;
    struct client e;
    struct sg_bytes message;
    (void)state;
    set_up(&s);
    client_init(&s.w, &e, "eve");
    client_create(&s.w, &e, "other");
    assert_int_equal(
        sg_mls_group_protect(e.group, &s.w.arena, SG_BYTES_LIT("x"), sg_bytes(NULL, 0), &message),
        SG_OK);
    assert_int_equal(process(&s.b, message), SG_ERR_MLS_GROUP);
    struct sg_mls_info_options info = {.has_tree = true};
    assert_int_equal(sg_mls_group_info(s.a.group, &s.w.arena, &info, &message), SG_OK);
    assert_int_equal(process(&s.b, message), SG_ERR_UNSUPPORTED);
    assert_int_equal(process(&s.b, SG_BYTES_LIT("\x00\x02\x00\x01")), SG_ERR_VERSION);
    assert_int_equal(process(&s.b, SG_BYTES_LIT("\x00\x01\x00\x09")), SG_ERR_MALFORMED);
    assert_int_equal(process(&s.b, SG_BYTES_LIT("\x00\x01\x00\x01\x40\x05group")),
                     SG_ERR_NOT_CANONICAL);
    assert_int_equal(process(&s.b, sg_bytes(NULL, 0)), SG_ERR_TRUNCATED);
    client_fini(&e);
    tear_down(&s);
}

static void far_ahead_and_removed(void **state)
{
    struct scene s;
    struct sg_bytes message;
    (void)state;
    set_up(&s);
    s.b.group->epoch->ratchets.window.forward = 3;
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(sg_mls_group_protect(s.a.group, &s.w.arena, SG_BYTES_LIT("x"),
                                              sg_bytes(NULL, 0), &message),
                         SG_OK);
    assert_int_equal(process(&s.b, message), SG_ERR_MLS_TOO_FAR);
    struct sg_mls_proposal carol = remove_of(2);
    struct sg_mls_commit_options options = {
        .send = {.now = WORLD_NOW}, .values = &carol, .count = 1};
    struct sg_mls_commit_result result;
    assert_int_equal(sg_mls_group_commit(s.a.group, &s.w.arena, &options, &result), SG_OK);
    assert_int_equal(give(&s.c, result.commit, SG_MLS_EVENT_REMOVED), SG_OK);
    assert_int_equal(process(&s.c, message), SG_ERR_MLS_REMOVED);
    assert_int_equal(
        sg_mls_group_protect(s.c.group, &s.w.arena, SG_BYTES_LIT("x"), sg_bytes(NULL, 0), &message),
        SG_ERR_MLS_REMOVED);
    tear_down(&s);
}

/* RFC9420 s12.1.8: by an external sender, and by a newcomer. */
static void proposals_from_outside(void **state)
{
    struct scene s;
    struct client sender;
    uint8_t list[512], gce[600];
    (void)state;
    set_up(&s);
    client_init(&s.w, &sender, "server");
    struct sg_writer w = sg_writer(list, sizeof(list));
    size_t mark = sg_write_vector_begin(&w);
    sg_write_vector(&w, sender.identity.signature_public);
    sg_mls_write_credential(&w, &sender.identity.credential);
    sg_write_vector_end(&w, mark);
    struct sg_writer e = sg_writer(gce, sizeof(gce));
    sg_mls_write_extension(&e, SG_MLS_EXT_EXTERNAL_SENDERS, sg_bytes(list, w.len));
    struct sg_mls_signer signer = {s.w.suite, s.w.config.random, sender.identity.signature_private,
                                   NULL};
    struct sg_mls_outside in = {.signer = &signer, .group_id = SG_BYTES_LIT("group"), .epoch = 1};
    struct sg_mls_proposal carol = remove_of(2);
    struct sg_bytes message;
    assert_int_equal(sg_mls_propose_from_outside(&in, &s.w.arena, &carol, &message), SG_OK);
    assert_int_equal(process(&s.b, message), SG_ERR_MLS_SENDER); /* no such sender */

    struct sg_mls_proposal extensions = {.type = SG_MLS_GROUP_CONTEXT_EXTENSIONS,
                                         .u.extensions = sg_bytes(gce, e.len)};
    struct sg_mls_commit_options options = {
        .send = {.now = WORLD_NOW}, .values = &extensions, .count = 1};
    struct sg_mls_commit_result result;
    assert_int_equal(sg_mls_group_commit(s.a.group, &s.w.arena, &options, &result), SG_OK);
    assert_int_equal(give(&s.a, result.commit, SG_MLS_EVENT_COMMIT), SG_OK);
    assert_int_equal(give(&s.b, result.commit, SG_MLS_EVENT_COMMIT), SG_OK);
    assert_int_equal(process(&s.b, message), SG_ERR_MLS_EPOCH);
    in.epoch = 2;
    assert_int_equal(sg_mls_propose_from_outside(&in, &s.w.arena, &carol, &message), SG_OK);
    assert_int_equal(give(&s.a, message, SG_MLS_EVENT_PROPOSAL), SG_OK);
    assert_int_equal(give(&s.b, message, SG_MLS_EVENT_PROPOSAL), SG_OK);
    in.sender_index = 1;
    assert_int_equal(sg_mls_propose_from_outside(&in, &s.w.arena, &carol, &message), SG_OK);
    assert_int_equal(process(&s.b, message), SG_ERR_MLS_SENDER);

    /* a newcomer's Add of itself */
    struct sg_mls_proposal dave = add_of(&s.w, &s.d);
    signer.private_key = s.d.identity.signature_private;
    in.sender_index = UINT32_MAX;
    assert_int_equal(sg_mls_propose_from_outside(&in, &s.w.arena, &carol, &message),
                     SG_ERR_MLS_SENDER);
    assert_int_equal(sg_mls_propose_from_outside(&in, &s.w.arena, &dave, &message), SG_OK);
    assert_int_equal(process(&s.a, message), SG_ERR_MLS_SENDER); /* not unless one wants it */
    s.w.config.accepts_outsiders = true;
    assert_int_equal(give(&s.a, message, SG_MLS_EVENT_PROPOSAL), SG_OK);
    assert_int_equal(give(&s.b, message, SG_MLS_EVENT_PROPOSAL), SG_OK);
    options = (struct sg_mls_commit_options){.send = {.now = WORLD_NOW}, .tree_in_welcome = true};
    assert_int_equal(sg_mls_group_commit(s.b.group, &s.w.arena, &options, &result), SG_OK);
    assert_int_equal(give(&s.b, result.commit, SG_MLS_EVENT_COMMIT), SG_OK);
    assert_int_equal(give(&s.a, result.commit, SG_MLS_EVENT_COMMIT), SG_OK);
    assert_int_equal(client_join(&s.w, &s.d, result.welcome, sg_bytes(NULL, 0)), SG_OK);
    assert_same_epoch(&s.a, &s.d);
    assert_int_equal(s.a.group->tree.members, 3); /* Carol is out */
    tear_down(&s);
}

static void propose_to_alice(struct scene *s, struct client *from,
                             const struct sg_mls_proposal *proposal)
{
    struct sg_mls_send send = {.now = WORLD_NOW};
    struct sg_bytes message;
    assert_int_equal(sg_mls_group_propose(from->group, &s->w.arena, proposal, &send, &message),
                     SG_OK);
    assert_int_equal(give(&s->a, message, SG_MLS_EVENT_PROPOSAL), SG_OK);
    assert_int_equal(give(from == &s->b ? &s->c : &s->b, message, SG_MLS_EVENT_PROPOSAL), SG_OK);
}

/* Proposals that are each valid, or were, and together are not: a commit leaves some out. */
static void proposals_that_cannot_be_committed(void **state)
{
    struct scene s;
    struct sg_mls_proposal psk = {
        .type = SG_MLS_PSK,
        .u.psk = {.type = SG_MLS_PSK_EXTERNAL,
                  .id = SG_BYTES_LIT("shared"),
                  .nonce = SG_BYTES_LIT("0123456789abcdef0123456789abcdef")}};
    (void)state;
    set_up(&s);
    struct sg_mls_proposal dave = add_of(&s.w, &s.d), carol = remove_of(2);
    propose_to_alice(&s, &s.b, &psk);
    propose_to_alice(&s, &s.b, &dave); /* expires before the commit */
    propose_to_alice(&s, &s.c, &psk);  /* the same once more */
    propose_to_alice(&s, &s.b, &carol);
    struct sg_mls_commit_options options = {.send = {.now = WORLD_NOW + 60 * WORLD_DAY}};
    struct sg_mls_commit_result result;
    assert_int_equal(sg_mls_group_commit(s.a.group, &s.w.arena, &options, &result), SG_OK);
    assert_int_equal(result.welcome.len, 0);
    assert_int_equal(give(&s.b, result.commit, SG_MLS_EVENT_COMMIT), SG_OK);
    assert_int_equal(give(&s.a, result.commit, SG_MLS_EVENT_COMMIT), SG_OK);
    assert_same_epoch(&s.a, &s.b);
    assert_int_equal(s.a.group->tree.members, 2);
    /* what is asked for by value is not left out */
    options.values = &carol;
    options.count = 1;
    struct sg_bytes message;
    assert_int_equal(sg_mls_group_propose(s.b.group, &s.w.arena, &psk, &options.send, &message),
                     SG_OK);
    assert_int_equal(give(&s.a, message, SG_MLS_EVENT_PROPOSAL), SG_OK);
    assert_int_equal(sg_mls_group_commit(s.a.group, &s.w.arena, &options, &result),
                     SG_ERR_MLS_PROPOSAL);
    tear_down(&s);
}

static void what_waits_is_bounded_and_can_be_dropped(void **state)
{
    struct scene s;
    struct sg_mls_send send = {.now = WORLD_NOW};
    struct sg_bytes update, message;
    struct sg_mls_event event;
    (void)state;
    set_up(&s);
    assert_int_equal(sg_mls_group_propose_update(s.b.group, &s.w.arena, NULL, &send, &update),
                     SG_OK);
    s.w.config.cache_bytes = s.b.group->cache[0].len + 10;
    assert_int_equal(sg_mls_group_process(s.a.group, update, WORLD_NOW, &event), SG_OK);
    assert_int_equal(event.proposal_type, SG_MLS_UPDATE);
    assert_int_equal(event.subject, 1);
    struct sg_mls_proposal carol = remove_of(2);
    assert_int_equal(
        sg_mls_group_propose(s.c.group, &s.w.arena,
                             &(struct sg_mls_proposal){.type = SG_MLS_REMOVE, .u.removed = 0},
                             &send, &message),
        SG_OK);
    assert_int_equal(process(&s.a, message), SG_ERR_LIMIT);
    assert_int_equal(sg_mls_group_propose(s.a.group, &s.w.arena, &carol, &send, &message),
                     SG_ERR_LIMIT);
    assert_int_equal(
        sg_mls_group_protect(s.a.group, &s.w.arena, SG_BYTES_LIT("x"), sg_bytes(NULL, 0), &message),
        SG_ERR_INVALID_STATE);
    assert_int_equal(sg_mls_cache_drop(s.a.group, event.proposal_ref), SG_OK);
    assert_int_equal(sg_mls_cache_drop(s.a.group, event.proposal_ref), SG_ERR_NOT_FOUND);
    assert_int_equal(s.a.group->cache_bytes, 0);
    assert_int_equal(
        sg_mls_group_protect(s.a.group, &s.w.arena, SG_BYTES_LIT("x"), sg_bytes(NULL, 0), &message),
        SG_OK);
    sg_mls_event_fini(&event);
    tear_down(&s);
}

/* RFC9420 s11.1: required capabilities, at GroupContextExtensions and at Adds. */
static void required_capabilities(void **state)
{
    struct scene s;
    const uint8_t needs_f001[] = {0, 3, 5, 2, 0xf0, 0x01, 0, 0};
    const uint8_t needs_self_remove[] = {0, 3, 5, 0, 2, 0, SG_MLS_SELF_REMOVE, 0};
    (void)state;
    set_up(&s);
    struct sg_mls_proposal gce = {.type = SG_MLS_GROUP_CONTEXT_EXTENSIONS,
                                  .u.extensions = sg_bytes(needs_f001, sizeof(needs_f001))};
    struct sg_mls_commit_options options = {.send = {.now = WORLD_NOW}, .values = &gce, .count = 1};
    struct sg_mls_commit_result result;
    assert_int_equal(sg_mls_group_commit(s.a.group, &s.w.arena, &options, &result),
                     SG_ERR_MLS_CAPABILITY);
    assert_null(s.a.group->pending);
    gce.u.extensions = sg_bytes(needs_self_remove, sizeof(needs_self_remove));
    assert_int_equal(sg_mls_group_commit(s.a.group, &s.w.arena, &options, &result), SG_OK);
    assert_int_equal(give(&s.b, result.commit, SG_MLS_EVENT_COMMIT), SG_OK);
    tear_down(&s);
}

/* RFC9420 s7.3, s10.1: what is wrong with a key package. */
static void key_packages_that_break_a_rule(void **state)
{
    struct scene s;
    struct sg_mls_config *config;
    (void)state;
    set_up(&s);
    config = &s.w.config;
    struct sg_mls_proposal dave = add_of(&s.w, &s.d);
    struct sg_mls_rules rules = sg_mls_group_rules(s.b.group, WORLD_NOW);
    struct sg_mls_key_package good = *dave.u.add, bad = good;
    assert_int_equal(sg_mls_check_key_package(&rules, &good), SG_OK);
    bad.suite = 2;
    assert_int_equal(sg_mls_check_key_package(&rules, &bad), SG_ERR_MLS_LEAF);
    bad = good;
    bad.init_key = bad.leaf.encryption_key;
    assert_int_equal(sg_mls_check_key_package(&rules, &bad), SG_ERR_MLS_LEAF);
    bad = good;
    bad.leaf.source = SG_MLS_LEAF_UPDATE;
    assert_int_equal(sg_mls_check_key_package(&rules, &bad), SG_ERR_MLS_LEAF);
    bad = good;
    bad.signature = bad.leaf.signature;
    assert_int_equal(sg_mls_check_key_package(&rules, &bad), SG_ERR_BAD_SIGNATURE);
    bad = good;
    bad.leaf.signature = bad.signature;
    assert_int_equal(sg_mls_check_key_package(&rules, &bad), SG_ERR_BAD_SIGNATURE);
    bad = good;
    bad.leaf.capabilities.credentials = sg_bytes(NULL, 0);
    assert_int_equal(sg_mls_check_key_package(&rules, &bad), SG_ERR_MLS_LEAF);
    bad = good;
    bad.leaf.capabilities.suites = sg_bytes(NULL, 0);
    assert_int_equal(sg_mls_check_key_package(&rules, &bad), SG_ERR_MLS_CAPABILITY);
    rules.now = good.leaf.not_after + 1;
    assert_int_equal(sg_mls_check_key_package(&rules, &good), SG_ERR_EXPIRED);
    rules.now = good.leaf.not_before - 1;
    assert_int_equal(sg_mls_check_key_package(&rules, &good), SG_ERR_FUTURE);
    config->accepts_expired = true;
    assert_int_equal(sg_mls_check_key_package(&rules, &good), SG_OK);
    rules.is_sending = true;
    assert_int_equal(sg_mls_check_key_package(&rules, &good), SG_ERR_FUTURE);
    rules.now = WORLD_NOW;
    config->lifetime_max = 86400;
    assert_int_equal(sg_mls_check_key_package(&rules, &good), SG_ERR_MLS_LEAF);
    tear_down(&s);
}

/* A key package of Dave's whose leaf lists no proposal types. */
static struct sg_mls_proposal add_of_a_plain_client(struct scene *s)
{
    struct sg_mls_signer signer = {s->w.suite, s->w.config.random, s->d.identity.signature_private,
                                   NULL};
    struct sg_mls_proposal add = add_of(&s->w, &s->d);
    add.u.add->leaf.capabilities.proposals = sg_bytes(NULL, 0);
    assert_int_equal(sg_mls_leaf_sign(&signer, &s->w.arena, NULL, &add.u.add->leaf), SG_OK);
    assert_int_equal(sg_mls_key_package_sign(&signer, &s->w.arena, add.u.add), SG_OK);
    return add;
}

/* RFC9420 s12.2: of whom a commit takes out nobody asks whether it supports the proposals in it. */
static void who_leaves_need_not_support_a_type(void **state)
{
    struct scene s;
    struct sg_mls_commit_result result;
    (void)state;
    set_up(&s);
    struct sg_mls_proposal values[] = {{.type = SG_MLS_APP_DATA_UPDATE}, remove_of(3)};
    values[0].u.app_data = (struct sg_mls_app_data){7, false, SG_BYTES_LIT("data")};
    struct sg_mls_proposal add = add_of_a_plain_client(&s);
    struct sg_mls_commit_options options = {.send = {.now = WORLD_NOW}, .values = &add, .count = 1};
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(sg_mls_group_commit(s.a.group, &s.w.arena, &options, &result), SG_OK);
        assert_int_equal(give(&s.b, result.commit, SG_MLS_EVENT_COMMIT), SG_OK);
        assert_int_equal(give(&s.c, result.commit, SG_MLS_EVENT_COMMIT), SG_OK);
        assert_int_equal(sg_mls_group_merge(s.a.group), SG_OK);
        options.values = values;
        options.count = 1;
        /* as long as Dave is there, and stays */
        assert_int_equal(sg_mls_group_commit(s.a.group, &s.w.arena, &options, &result),
                         i == 0 ? SG_ERR_MLS_CAPABILITY : SG_OK);
        options.count = 2;
    }
    assert_same_epoch(&s.b, &s.c);
    assert_int_equal(s.b.group->tree.members, 3);
    tear_down(&s);
}

/* Of each type that is not a default one all members are asked once, however the list mixes them,
 * and of no more types than can be noted. */
static void many_types_in_a_list(void **state)
{
    struct world w;
    struct client alice;
    uint16_t types[65];
    struct sg_mls_commit_result result;
    (void)state;
    world_init(&w, 1);
    client_init(&w, &alice, "alice");
    for (unsigned i = 0; i < 65; i++)
        types[i] = (uint16_t)(0xf100 + i);
    alice.identity.more_proposals = types;
    alice.identity.proposal_count = 65;
    client_create(&w, &alice, "group");
    static struct sg_mls_proposal values[SG_MLS_PROPOSALS_MAX];
    for (unsigned different = 2; different <= 66; different++) {
        struct sg_mls_commit_options options = {.send = {.now = WORLD_NOW},
                                                .values = values,
                                                .count = different == 2 ? SG_MLS_PROPOSALS_MAX
                                                                        : different};
        for (unsigned i = 0; i < options.count; i++)
            values[i] = (struct sg_mls_proposal){.type = (uint16_t)(0xf100 + i % different)};
        /* nobody knows what they mean, but that is found out later */
        assert_int_equal(sg_mls_group_commit(alice.group, &w.arena, &options, &result),
                         different <= 64 ? SG_ERR_UNSUPPORTED : SG_ERR_LIMIT);
    }
    values[0].type = 0xf200;
    struct sg_mls_commit_options options = {
        .send = {.now = WORLD_NOW}, .values = values, .count = 1};
    assert_int_equal(sg_mls_group_commit(alice.group, &w.arena, &options, &result),
                     SG_ERR_MLS_CAPABILITY);
    client_fini(&alice);
    world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_that_break_a_rule),
        cmocka_unit_test(updates_of_the_committer_and_foreign_refs),
        cmocka_unit_test(damaged_messages),
        cmocka_unit_test(wrong_group_and_wrong_kind),
        cmocka_unit_test(far_ahead_and_removed),
        cmocka_unit_test(proposals_from_outside),
        cmocka_unit_test(proposals_that_cannot_be_committed),
        cmocka_unit_test(what_waits_is_bounded_and_can_be_dropped),
        cmocka_unit_test(required_capabilities),
        cmocka_unit_test(who_leaves_need_not_support_a_type),
        cmocka_unit_test(key_packages_that_break_a_rule),
        cmocka_unit_test(many_types_in_a_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
