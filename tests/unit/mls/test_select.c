/* mls/select.c: proposals that are valid one by one and not together. */
#include "mls_scene.h"

/* A key package of c with another leaf than its own, signed. */
static struct sg_mls_proposal add_with(struct scene *s, struct client *c,
                                       const struct sg_mls_leaf *leaf)
{
    struct sg_mls_proposal add = add_of(&s->w, c);
    struct sg_mls_signer signer = {s->w.suite, s->w.config.random, c->identity.signature_private,
                                   NULL};
    struct sg_mls_key_package *package = add.u.add;
    package->leaf.encryption_key = leaf->encryption_key;
    package->leaf.credential = leaf->credential;
    package->leaf.capabilities.credentials = leaf->capabilities.credentials;
    assert_int_equal(sg_mls_leaf_sign(&signer, &s->w.arena, NULL, &package->leaf), SG_OK);
    assert_int_equal(sg_mls_key_package_sign(&signer, &s->w.arena, package), SG_OK);
    return add;
}

static void propose_to_all(struct scene *s, struct client *from,
                           const struct sg_mls_proposal *proposal)
{
    struct sg_mls_send send = {.now = WORLD_NOW};
    struct client *all[] = {&s->a, &s->b, &s->c};
    struct sg_bytes message;
    assert_int_equal(sg_mls_group_propose(from->group, &s->w.arena, proposal, &send, &message),
                     SG_OK);
    for (unsigned i = 0; i < 3; i++)
        if (all[i] != from)
            assert_int_equal(give(all[i], message, SG_MLS_EVENT_PROPOSAL), SG_OK);
}

/* Alice commits what waits: one more member comes, not two, and all follow. */
static void assert_one_of_two(struct scene *s)
{
    struct sg_mls_commit_options options = {.send = {.now = WORLD_NOW}};
    struct sg_mls_commit_result result;
    assert_int_equal(s->a.group->cache_count, 2);
    assert_int_equal(sg_mls_group_commit(s->a.group, &s->w.arena, &options, &result), SG_OK);
    assert_int_equal(give(&s->a, result.commit, SG_MLS_EVENT_COMMIT), SG_OK);
    assert_int_equal(give(&s->b, result.commit, SG_MLS_EVENT_COMMIT), SG_OK);
    assert_int_equal(give(&s->c, result.commit, SG_MLS_EVENT_COMMIT), SG_OK);
    assert_same_epoch(&s->a, &s->b);
    assert_same_epoch(&s->a, &s->c);
    assert_int_equal(s->a.group->tree.members, 4);
}

static void newcomers_with_one_encryption_key(void **state)
{
    struct scene s;
    struct client erin;
    (void)state;
    set_up(&s);
    client_init(&s.w, &erin, "erin");
    struct sg_mls_proposal dave = add_of(&s.w, &s.d), own = add_of(&s.w, &erin);
    struct sg_mls_leaf stolen = own.u.add->leaf;
    stolen.encryption_key = dave.u.add->leaf.encryption_key;
    struct sg_mls_proposal thief = add_with(&s, &erin, &stolen);
    propose_to_all(&s, &s.b, &dave);
    propose_to_all(&s, &s.c, &thief);
    assert_one_of_two(&s);
    tear_down(&s);
}

/* Dave has an X.509 credential, and Erin does not support those. */
static void newcomers_who_do_not_bear_each_other(void **state)
{
    struct scene s;
    struct client erin;
    (void)state;
    set_up(&s);
    client_init(&s.w, &erin, "erin");
    struct sg_mls_proposal plain = add_of(&s.w, &s.d), own = add_of(&s.w, &erin);
    struct sg_mls_leaf x509 = plain.u.add->leaf, basic = own.u.add->leaf;
    x509.credential = (struct sg_mls_credential){SG_MLS_CREDENTIAL_X509, SG_BYTES_LIT("\4cert")};
    basic.capabilities.credentials = SG_BYTES_LIT("\0\1");
    struct sg_mls_proposal dave = add_with(&s, &s.d, &x509), other = add_with(&s, &erin, &basic);
    propose_to_all(&s, &s.b, &dave);
    propose_to_all(&s, &s.c, &other);
    assert_one_of_two(&s);
    tear_down(&s);
}

/* ---- what is worked out twice ---- */

static unsigned verified, prepared;
static const struct sg_mls_suite *real;

static sg_err count_verify(const struct sg_mls_suite *suite, struct sg_bytes public_key,
                           struct sg_bytes content, struct sg_bytes signature)
{
    verified++;
    return real->verify(suite, public_key, content, signature);
}

static sg_err count_prepare(const struct sg_mls_suite *suite, struct sg_bytes info,
                            struct sg_mls_hpke_info *out)
{
    prepared++;
    return real->hpke_prepare(suite, info, out);
}

/* Signatures of what waits were verified when it came; of a commit that covers it the receiver
 * verifies two, and who makes it none. The info of a welcome is hashed once for all newcomers. */
static void what_waits_is_verified_once(void **state)
{
    struct scene s;
    struct client erin;
    struct sg_mls_suite counting = *sg_mls_suite_find(1);
    struct sg_mls_commit_options options = {.send = {.now = WORLD_NOW}};
    struct sg_mls_commit_result result;
    struct sg_mls_send send = {.now = WORLD_NOW};
    struct sg_bytes update;
    (void)state;
    set_up(&s);
    real = sg_mls_suite_find(1);
    counting.verify = count_verify;
    counting.hpke_prepare = count_prepare;
    client_init(&s.w, &erin, "erin");
    struct sg_mls_proposal adds[2] = {add_of(&s.w, &s.d), add_of(&s.w, &erin)};
    propose_to_all(&s, &s.b, &adds[0]);
    propose_to_all(&s, &s.b, &adds[1]);
    assert_int_equal(sg_mls_group_propose_update(s.c.group, &s.w.arena, NULL, &send, &update),
                     SG_OK);
    assert_int_equal(give(&s.a, update, SG_MLS_EVENT_PROPOSAL), SG_OK);
    assert_int_equal(give(&s.b, update, SG_MLS_EVENT_PROPOSAL), SG_OK);
    s.a.group->suite = s.a.group->tree.suite = s.a.group->epoch->suite = &counting;
    s.b.group->suite = s.b.group->tree.suite = s.b.group->epoch->suite = &counting;
    verified = prepared = 0;
    assert_int_equal(sg_mls_group_commit(s.a.group, &s.w.arena, &options, &result), SG_OK);
    assert_int_equal(verified, 0);
    assert_int_equal(prepared, 2); /* of the path, and of the welcome for two */
    assert_int_equal(sg_mls_group_merge(s.a.group), SG_OK);
    assert_int_equal(give(&s.b, result.commit, SG_MLS_EVENT_COMMIT), SG_OK);
    assert_int_equal(verified, 2); /* the commit and the leaf in its path */
    assert_same_epoch(&s.a, &s.b);
    assert_int_equal(client_join(&s.w, &s.d, result.welcome, tree_of(&s.w, s.a.group)), SG_OK);
    assert_same_epoch(&s.a, &s.d);
    /* by value, all of it is new */
    struct sg_mls_proposal last = add_of(&s.w, &erin), removal = remove_of(4);
    struct sg_mls_proposal values[2] = {last, removal};
    options.values = values;
    options.count = 2;
    verified = 0;
    assert_int_equal(sg_mls_group_commit(s.a.group, &s.w.arena, &options, &result), SG_OK);
    assert_int_equal(verified, 2);
    assert_int_equal(give(&s.b, result.commit, SG_MLS_EVENT_COMMIT), SG_OK);
    assert_int_equal(verified, 6);
    tear_down(&s);
}

/* What was verified by value before it was verified by reference is not taken for the same. */
static void a_bad_signature_by_value_is_seen(void **state)
{
    struct scene s;
    (void)state;
    set_up(&s);
    struct sg_mls_proposal add = add_of(&s.w, &s.d), bad = add_of(&s.w, &s.d);
    propose_to_all(&s, &s.b, &add);
    uint8_t *last = (uint8_t *)(uintptr_t)(bad.u.add->raw.data + bad.u.add->raw.len - 1);
    *last ^= 1;
    assert_int_equal(process(&s.b, forge(&s, &bad, 1, NULL)), SG_ERR_BAD_SIGNATURE);
    tear_down(&s);
}

static struct sg_bytes forge_refs(struct scene *s, uint32_t times)
{
    struct sg_mls_outgoing *out = forge_begin(s, times);
    for (uint32_t i = 0; i < times; i++) {
        struct sg_mls_commit *commit = &out->message.content.commit;
        commit->proposals[i].is_ref = true;
        commit->proposals[i].ref = sg_bytes(s->a.group->cache[0].ref, s->w.suite->hash_len);
    }
    return forge_end(s, out);
}

/* Of an update of application data there may be several, but not one and the same. */
static void a_reference_that_comes_twice(void **state)
{
    struct scene s;
    struct sg_mls_proposal psk = {.type = SG_MLS_PSK};
    (void)state;
    set_up(&s);
    psk.u.psk = (struct sg_mls_psk_id){.type = SG_MLS_PSK_EXTERNAL,
                                       .id = SG_BYTES_LIT("shared"),
                                       .nonce = SG_BYTES_LIT("0123456789abcdef0123456789abcdef")};
    propose_to_all(&s, &s.b, &psk);
    /* once: all is right but the tag */
    assert_int_equal(process(&s.b, forge_refs(&s, 1)), SG_ERR_MLS_TAG);
    assert_int_equal(process(&s.b, forge_refs(&s, 2)), SG_ERR_MLS_PROPOSAL);
    assert_int_equal(process(&s.b, forge_refs(&s, 60000)), SG_ERR_MLS_PROPOSAL);
    tear_down(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(newcomers_with_one_encryption_key),
        cmocka_unit_test(newcomers_who_do_not_bear_each_other),
        cmocka_unit_test(what_waits_is_verified_once),
        cmocka_unit_test(a_bad_signature_by_value_is_seen),
        cmocka_unit_test(a_reference_that_comes_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
