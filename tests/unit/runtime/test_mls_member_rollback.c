/* runtime/mls_member.c: what of the messages before a rollback can be taken once more. */
#include "mls_fixture.h"

struct scene {
    struct sg_mls_client *alice_client, *bob_client;
    struct sg_mls_member *alice, *bob;
};

static struct sg_mls_client *client_of(const char *name, bool is_public)
{
    struct sg_mls_client_config config;
    struct sg_mls_client *client;
    sg_mls_client_config_init(&config);
    config.suite = 1;
    config.identity = text(name);
    config.undo_epochs = 1;
    config.public_handshake = is_public;
    assert_int_equal(sg_mls_client_new(&config, &client), SG_OK);
    return client;
}

static void set_up(struct scene *s, bool is_public)
{
    struct sg_mls_blob package, secret;
    struct sg_mls_commit_output output;
    s->alice_client = client_of("alice", is_public);
    s->bob_client = client_of("bob", is_public);
    assert_int_equal(sg_mls_member_create(s->alice_client, text("g"), &s->alice), SG_OK);
    assert_int_equal(sg_mls_client_package(s->bob_client, NULL, &package, &secret), SG_OK);
    struct sg_bytes packages[] = {bytes(&package)};
    const struct sg_mls_commit_request request = {
        .add = packages, .add_count = 1, .tree_in_welcome = true};
    assert_int_equal(sg_mls_member_commit(s->alice, &request, &output), SG_OK);
    assert_int_equal(sg_mls_member_accept(s->alice), SG_OK);
    const struct sg_mls_join_request join = {.welcome = bytes(&output.welcome),
                                             .secret = bytes(&secret)};
    assert_int_equal(sg_mls_member_join(s->bob_client, &join, &s->bob), SG_OK);
    sg_mls_commit_output_free(&output);
    sg_mls_blob_free(&package);
    sg_mls_blob_free(&secret);
}

static void tear_down(struct scene *s)
{
    sg_mls_member_free(s->alice);
    sg_mls_member_free(s->bob);
    sg_mls_client_free(s->alice_client);
    sg_mls_client_free(s->bob_client);
}

static sg_err receive(struct sg_mls_member *member, const struct sg_mls_blob *message)
{
    struct sg_mls_received received;
    sg_err err = sg_mls_member_receive(member, bytes(message), &received);
    if (err == SG_OK)
        sg_mls_received_free(&received);
    return err;
}

/* Alice commits, Bob follows, and takes it back. */
static void commit_and_back(struct scene *s, struct sg_mls_commit_output *output)
{
    assert_int_equal(sg_mls_member_commit(s->alice, NULL, output), SG_OK);
    assert_int_equal(receive(s->bob, &output->commit), SG_OK);
    assert_int_equal(sg_mls_member_accept(s->alice), SG_OK);
    assert_int_equal(sg_mls_member_rollback(s->bob), SG_OK);
}

static void a_commit_in_the_clear_is_followed_again(void **state)
{
    struct scene s;
    struct sg_mls_commit_output output;
    (void)state;
    set_up(&s, true);
    commit_and_back(&s, &output);
    assert_int_equal(receive(s.bob, &output.commit), SG_OK);
    assert_same_state(s.alice, s.bob);
    sg_mls_commit_output_free(&output);
    tear_down(&s);
}

/* RFC9420 s9.2: its key is used once. */
static void an_encrypted_commit_is_not(void **state)
{
    struct scene s;
    struct sg_mls_commit_output output;
    (void)state;
    set_up(&s, false);
    commit_and_back(&s, &output);
    assert_int_equal(receive(s.bob, &output.commit), SG_ERR_DUPLICATE);
    sg_mls_commit_output_free(&output);
    tear_down(&s);
}

/* The keys of the Update went with the proposals that waited. */
static void a_commit_of_ones_own_update_is_not(void **state)
{
    struct scene s;
    struct sg_mls_blob update;
    struct sg_mls_commit_output output;
    (void)state;
    set_up(&s, true);
    assert_int_equal(sg_mls_member_propose_update(s.bob, &update), SG_OK);
    assert_int_equal(receive(s.alice, &update), SG_OK);
    commit_and_back(&s, &output);
    assert_int_equal(receive(s.bob, &update), SG_ERR_INVALID_STATE);
    assert_int_equal(receive(s.bob, &output.commit), SG_ERR_MLS_PROPOSAL);
    sg_mls_commit_output_free(&output);
    sg_mls_blob_free(&update);
    tear_down(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_commit_in_the_clear_is_followed_again),
        cmocka_unit_test(an_encrypted_commit_is_not),
        cmocka_unit_test(a_commit_of_ones_own_update_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
