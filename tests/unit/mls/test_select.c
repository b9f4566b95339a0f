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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(newcomers_with_one_encryption_key),
        cmocka_unit_test(newcomers_who_do_not_bear_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
