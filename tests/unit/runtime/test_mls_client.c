/* runtime/mls_client.c, mls_member.c: what a program may ask for beyond the ordinary. */
#include "mls_fixture.h"

static struct sg_mls_client_config config_of(const char *name)
{
    struct sg_mls_client_config config;
    sg_mls_client_config_init(&config);
    config.suite = 1;
    config.identity = text(name);
    return config;
}

static struct sg_mls_client *client_of(const struct sg_mls_client_config *config)
{
    struct sg_mls_client *client;
    assert_int_equal(sg_mls_client_new(config, &client), SG_OK);
    return client;
}

/* Guest joins by a commit of host's; an error is that of the commit. */
static sg_err add(struct sg_mls_member *host, struct sg_mls_client *guest,
                  struct sg_mls_member **out)
{
    struct sg_mls_blob package, secret;
    struct sg_mls_commit_output output;
    assert_int_equal(sg_mls_client_package(guest, NULL, &package, &secret), SG_OK);
    struct sg_bytes packages[] = {bytes(&package)};
    struct sg_mls_commit_request request = {
        .add = packages, .add_count = 1, .tree_in_welcome = true};
    sg_err err = sg_mls_member_commit(host, &request, &output);
    if (err == SG_OK) {
        struct sg_mls_join_request join = {.welcome = bytes(&output.welcome),
                                           .secret = bytes(&secret)};
        assert_int_equal(sg_mls_member_accept(host), SG_OK);
        assert_int_equal(sg_mls_member_join(guest, &join, out), SG_OK);
        sg_mls_commit_output_free(&output);
    }
    sg_mls_blob_free(&package);
    sg_mls_blob_free(&secret);
    return err;
}

static void receive(struct sg_mls_member *member, const struct sg_mls_blob *message,
                    enum sg_mls_got got)
{
    struct sg_mls_received received;
    assert_int_equal(sg_mls_member_receive(member, bytes(message), &received), SG_OK);
    assert_int_equal(received.got, got);
    sg_mls_received_free(&received);
}

/* Alice and Bob in a group, by the config of each. */
struct scene {
    struct sg_mls_client *alice_client, *bob_client;
    struct sg_mls_member *alice, *bob;
};

static void set_up(struct scene *s, const struct sg_mls_client_config *alice,
                   const struct sg_mls_client_config *bob)
{
    s->alice_client = client_of(alice);
    s->bob_client = client_of(bob);
    assert_int_equal(sg_mls_member_create(s->alice_client, text("g"), &s->alice), SG_OK);
    assert_int_equal(add(s->alice, s->bob_client, &s->bob), SG_OK);
}

static void set_up_plain(struct scene *s)
{
    struct sg_mls_client_config alice = config_of("alice"), bob = config_of("bob");
    set_up(s, &alice, &bob);
}

static void tear_down(struct scene *s)
{
    sg_mls_member_free(s->alice);
    sg_mls_member_free(s->bob);
    sg_mls_client_free(s->alice_client);
    sg_mls_client_free(s->bob_client);
}

static void assert_updated(struct sg_mls_member *member, const struct sg_mls_blob *commit,
                           size_t count)
{
    struct sg_mls_received received;
    assert_int_equal(sg_mls_member_receive(member, bytes(commit), &received), SG_OK);
    assert_int_equal(received.got, SG_MLS_GOT_COMMIT);
    assert_int_equal(received.sender, 0);
    assert_int_equal(received.added_count, 0);
    assert_int_equal(received.removed_count, 0);
    assert_int_equal(received.updated_count, count);
    if (count > 0)
        assert_int_equal(received.updated[0], 1);
    sg_mls_received_free(&received);
    assert_int_equal(received.updated_count, 0);
}

static void a_commit_tells_whose_leaves_it_updates(void **state)
{
    struct scene s;
    struct sg_mls_blob update;
    struct sg_mls_commit_output output;
    (void)state;
    set_up_plain(&s);
    assert_int_equal(sg_mls_member_propose_update(s.bob, &update), SG_OK);
    receive(s.alice, &update, SG_MLS_GOT_PROPOSAL);
    for (unsigned i = 0; i < 2; i++) {
        size_t count = i == 0 ? 1 : 0;
        /* the second commit covers nothing: the committer's own leaf is not told */
        assert_int_equal(sg_mls_member_commit(s.alice, NULL, &output), SG_OK);
        assert_updated(s.bob, &output.commit, count);
        assert_updated(s.alice, &output.commit, count);
        sg_mls_commit_output_free(&output);
    }
    assert_same_state(s.alice, s.bob);
    sg_mls_blob_free(&update);
    tear_down(&s);
}

/* ---- further types ---- */

#define OWN_TYPE 0xf0a1

static const uint16_t own_types[] = {0xf0a0, OWN_TYPE};
static const struct sg_mls_extension_item own_leaf[] = {{OWN_TYPE, {(const uint8_t *)"phone", 5}}};

/* A config whose lists are gone when the client is there. */
static struct sg_mls_client *client_with_types(const char *name)
{
    struct sg_mls_client_config config = config_of(name);
    uint16_t types[2], proposals[] = {0xf0b0};
    struct sg_mls_extension_item leaf[] = {own_leaf[0]};
    memcpy(types, own_types, sizeof(types));
    config.more_extensions = types;
    config.more_extension_count = 2;
    config.more_proposals = proposals;
    config.more_proposal_count = 1;
    config.leaf_extensions = leaf;
    config.leaf_extension_count = 1;
    struct sg_mls_client *client = client_of(&config);
    memset(types, 0xff, sizeof(types));
    memset(proposals, 0xff, sizeof(proposals));
    memset(leaf, 0, sizeof(leaf));
    return client;
}

static void assert_extension(const struct sg_mls_member *member, uint16_t type, const char *value)
{
    struct sg_bytes data;
    assert_int_equal(sg_mls_member_extension(member, type, &data), SG_OK);
    assert_int_equal(data.len, strlen(value));
    assert_memory_equal(data.data, value, data.len);
}

/* Alice and Bob list the types, Carol does not. */
static void set_up_types(struct scene *s)
{
    s->alice_client = client_with_types("alice");
    s->bob_client = client_with_types("bob");
    assert_int_equal(sg_mls_member_create(s->alice_client, text("g"), &s->alice), SG_OK);
    assert_int_equal(add(s->alice, s->bob_client, &s->bob), SG_OK);
}

static void a_group_has_an_extension_of_the_program(void **state)
{
    struct scene s;
    struct sg_mls_client_config plain = config_of("carol");
    struct sg_mls_client *carol_client = client_of(&plain);
    struct sg_mls_member *carol;
    const struct sg_mls_extension_item items[] = {{OWN_TYPE, text("rules")}};
    struct sg_mls_blob message;
    struct sg_mls_commit_output output;
    struct sg_bytes data;
    (void)state;
    set_up_types(&s);
    assert_int_equal(sg_mls_member_extension(s.bob, OWN_TYPE, &data), SG_ERR_NOT_FOUND);
    assert_int_equal(sg_mls_member_propose_extensions(s.alice, items, 1, &message), SG_OK);
    receive(s.bob, &message, SG_MLS_GOT_PROPOSAL);
    assert_int_equal(sg_mls_member_commit(s.bob, NULL, &output), SG_OK);
    receive(s.alice, &output.commit, SG_MLS_GOT_COMMIT);
    receive(s.bob, &output.commit, SG_MLS_GOT_COMMIT);
    assert_same_state(s.alice, s.bob);
    assert_extension(s.alice, OWN_TYPE, "rules");
    assert_extension(s.bob, OWN_TYPE, "rules");
    assert_int_equal(add(s.alice, carol_client, &carol), SG_ERR_MLS_CAPABILITY);
    sg_mls_blob_free(&message);
    sg_mls_commit_output_free(&output);
    sg_mls_client_free(carol_client);
    tear_down(&s);
}

static void a_member_without_the_type_keeps_it_out(void **state)
{
    struct scene s;
    struct sg_mls_client_config plain = config_of("carol");
    struct sg_mls_client *carol_client = client_of(&plain);
    struct sg_mls_member *carol;
    const struct sg_mls_extension_item items[] = {{OWN_TYPE, text("rules")}};
    struct sg_mls_blob message;
    (void)state;
    set_up_types(&s);
    assert_int_equal(add(s.alice, carol_client, &carol), SG_OK);
    assert_int_equal(sg_mls_member_propose_extensions(s.alice, items, 1, &message),
                     SG_ERR_MLS_CAPABILITY);
    assert_null(message.data);
    sg_mls_member_free(carol);
    sg_mls_client_free(carol_client);
    tear_down(&s);
}

/* required_capabilities of one extension type and one proposal type */
static void a_group_can_require_types(void **state)
{
    static const uint8_t required[] = {2, 0xf0, 0xa0, 2, 0xf0, 0xb0, 0};
    static const uint8_t unlisted[] = {0, 2, 0xf0, 0xb1, 0};
    struct scene s;
    struct sg_mls_extension_item items[] = {{3, {unlisted, sizeof(unlisted)}}};
    struct sg_mls_blob message;
    struct sg_mls_commit_output output;
    (void)state;
    set_up_types(&s);
    assert_int_equal(sg_mls_member_propose_extensions(s.alice, items, 1, &message),
                     SG_ERR_MLS_CAPABILITY);
    items[0].data = (struct sg_bytes){required, sizeof(required)};
    assert_int_equal(sg_mls_member_propose_extensions(s.alice, items, 1, &message), SG_OK);
    receive(s.bob, &message, SG_MLS_GOT_PROPOSAL);
    assert_int_equal(sg_mls_member_commit(s.bob, NULL, &output), SG_OK);
    receive(s.alice, &output.commit, SG_MLS_GOT_COMMIT);
    sg_mls_blob_free(&message);
    sg_mls_commit_output_free(&output);
    tear_down(&s);
}

static void a_group_begins_with_extensions(void **state)
{
    static const uint8_t required[] = {2, 0xf0, 0xa0, 0, 0};
    struct scene s;
    struct sg_mls_client_config plain = config_of("carol");
    struct sg_mls_client *carol_client = client_of(&plain);
    struct sg_mls_member *carol;
    struct sg_mls_extension_item items[] = {{3, {required, sizeof(required)}},
                                            {OWN_TYPE, text("rules")}};
    struct sg_mls_create_request request = {text("g"), items, 2};
    (void)state;
    s.alice_client = client_with_types("alice");
    s.bob_client = client_with_types("bob");
    assert_int_equal(sg_mls_member_create_with(carol_client, &request, &carol),
                     SG_ERR_MLS_CAPABILITY);
    items[1].type = 3;
    assert_int_equal(sg_mls_member_create_with(s.alice_client, &request, &s.alice),
                     SG_ERR_INVALID_ARGUMENT);
    items[1].type = OWN_TYPE;
    items[0].data.len--;
    assert_int_equal(sg_mls_member_create_with(s.alice_client, &request, &s.alice),
                     SG_ERR_TRUNCATED);
    items[0].data.len++;
    assert_int_equal(sg_mls_member_create_with(s.alice_client, &request, &s.alice), SG_OK);
    memset(items, 0, sizeof(items));
    assert_extension(s.alice, OWN_TYPE, "rules");
    assert_int_equal(add(s.alice, carol_client, &carol), SG_ERR_MLS_CAPABILITY);
    assert_int_equal(add(s.alice, s.bob_client, &s.bob), SG_OK);
    assert_extension(s.bob, OWN_TYPE, "rules");
    assert_same_state(s.alice, s.bob);
    sg_mls_client_free(carol_client);
    tear_down(&s);
}

static void leaves_have_extensions_of_the_program(void **state)
{
    struct scene s;
    struct sg_bytes data;
    struct sg_mls_commit_output output;
    (void)state;
    set_up_types(&s);
    /* a path makes Alice's leaf anew */
    assert_int_equal(sg_mls_member_commit(s.alice, NULL, &output), SG_OK);
    receive(s.bob, &output.commit, SG_MLS_GOT_COMMIT);
    for (uint32_t leaf = 0; leaf < 2; leaf++) {
        assert_int_equal(sg_mls_member_leaf_extension(s.bob, leaf, OWN_TYPE, &data), SG_OK);
        assert_int_equal(data.len, 5);
        assert_memory_equal(data.data, "phone", 5);
    }
    assert_int_equal(sg_mls_member_leaf_extension(s.bob, 0, 0xf0a0, &data), SG_ERR_NOT_FOUND);
    assert_int_equal(sg_mls_member_leaf_extension(s.bob, 2, OWN_TYPE, &data), SG_ERR_NOT_FOUND);
    sg_mls_commit_output_free(&output);
    tear_down(&s);
}

static sg_err new_with_types(const uint16_t *extensions, const uint16_t *proposals, size_t count)
{
    struct sg_mls_client_config config = config_of("alice");
    struct sg_mls_client *client;
    config.more_extensions = extensions;
    config.more_extension_count = extensions == NULL ? 0 : count;
    config.more_proposals = proposals;
    config.more_proposal_count = proposals == NULL ? 0 : count;
    sg_err err = sg_mls_client_new(&config, &client);
    if (err == SG_OK)
        sg_mls_client_free(client);
    return err;
}

static void lists_of_types_that_are_refused(void **state)
{
    static uint16_t many[257];
    static const uint16_t bad[][2] = {{0xf0a0, 0xf0a0}, {0xf0a0, 3}, {0xf0a0, 0}, {10, 0xf0a0}};
    struct sg_mls_client_config config = config_of("alice");
    struct sg_mls_client *client;
    (void)state;
    for (unsigned i = 0; i < 257; i++)
        many[i] = (uint16_t)(0xf000 + i);
    assert_int_equal(new_with_types(many, NULL, 257), SG_ERR_LIMIT);
    assert_int_equal(new_with_types(NULL, many, 257), SG_ERR_LIMIT);
    assert_int_equal(new_with_types(many, NULL, 256), SG_OK);
    assert_int_equal(new_with_types(NULL, many, 256), SG_OK);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(new_with_types(bad[i], NULL, 2), SG_ERR_INVALID_ARGUMENT);
        assert_int_equal(new_with_types(NULL, bad[i], 2), SG_ERR_INVALID_ARGUMENT);
    }
    config.more_extension_count = 1;
    assert_int_equal(sg_mls_client_new(&config, &client), SG_ERR_INVALID_ARGUMENT);
    config.more_extension_count = 0;
    config.leaf_extensions = own_leaf;
    config.leaf_extension_count = 1;
    assert_int_equal(sg_mls_client_new(&config, &client), SG_ERR_INVALID_ARGUMENT);
    config.leaf_extension_count = 257;
    assert_int_equal(sg_mls_client_new(&config, &client), SG_ERR_LIMIT);
}

/* ---- joins from outside ---- */

/* One byte says the key; 'x' nobody knows. */
static sg_err find_psk(void *user, struct sg_bytes id, uint8_t *secret, size_t *len)
{
    (void)user;
    if (id.len != 1 || id.data[0] == 'x')
        return SG_ERR_MLS_PSK;
    memset(secret, id.data[0], 32);
    *len = 32;
    return SG_OK;
}

static void a_join_from_outside_uses_keys(void **state)
{
    static struct sg_bytes many[257];
    struct scene s;
    struct sg_mls_client_config alice = config_of("alice"), bob = config_of("bob");
    struct sg_mls_client_config carol_config = config_of("carol");
    struct sg_mls_blob info, commit;
    struct sg_mls_received received;
    struct sg_mls_member *carol;
    (void)state;
    alice.find_psk = carol_config.find_psk = find_psk;
    set_up(&s, &alice, &bob);
    struct sg_mls_client *carol_client = client_of(&carol_config);
    assert_int_equal(sg_mls_member_info(s.alice, true, true, &info), SG_OK);
    struct sg_bytes keys[] = {text("a"), text("x")};
    struct sg_mls_external_request request = {
        .group_info = bytes(&info), .psks = keys, .psk_count = 2};
    assert_int_equal(sg_mls_member_join_external(carol_client, &request, &carol, &commit),
                     SG_ERR_MLS_PSK);
    assert_null(commit.data);
    request.psks = many;
    request.psk_count = 257;
    assert_int_equal(sg_mls_member_join_external(carol_client, &request, &carol, &commit),
                     SG_ERR_LIMIT);
    keys[1] = text("b");
    request.psks = keys;
    request.psk_count = 2;
    assert_int_equal(sg_mls_member_join_external(carol_client, &request, &carol, &commit), SG_OK);
    /* Bob has no keys; Alice has the same */
    assert_int_equal(sg_mls_member_receive(s.bob, bytes(&commit), &received), SG_ERR_MLS_PSK);
    receive(s.alice, &commit, SG_MLS_GOT_COMMIT);
    assert_int_equal(sg_mls_member_accept(carol), SG_OK);
    assert_same_state(s.alice, carol);
    sg_mls_blob_free(&info);
    sg_mls_blob_free(&commit);
    sg_mls_member_free(carol);
    sg_mls_client_free(carol_client);
    tear_down(&s);
}

static void a_commit_brings_the_next_group_info(void **state)
{
    struct scene s;
    struct sg_mls_client_config carol_config = config_of("carol");
    struct sg_mls_commit_request request = {.tree_in_welcome = true};
    struct sg_mls_commit_output output;
    struct sg_mls_member *carol;
    struct sg_mls_blob commit;
    (void)state;
    set_up_plain(&s);
    struct sg_mls_client *carol_client = client_of(&carol_config);
    assert_int_equal(sg_mls_member_commit(s.alice, &request, &output), SG_OK);
    assert_null(output.group_info.data);
    sg_mls_commit_output_free(&output);
    assert_int_equal(sg_mls_member_discard(s.alice), SG_OK);
    request.with_group_info = true;
    assert_int_equal(sg_mls_member_commit(s.alice, &request, &output), SG_OK);
    struct sg_mls_external_request join = {.group_info = bytes(&output.group_info)};
    assert_int_equal(sg_mls_member_join_external(carol_client, &join, &carol, &commit), SG_OK);
    receive(s.bob, &output.commit, SG_MLS_GOT_COMMIT);
    receive(s.alice, &output.commit, SG_MLS_GOT_COMMIT);
    receive(s.bob, &commit, SG_MLS_GOT_COMMIT);
    receive(s.alice, &commit, SG_MLS_GOT_COMMIT);
    assert_int_equal(sg_mls_member_accept(carol), SG_OK);
    assert_same_state(s.alice, carol);
    assert_same_state(s.bob, carol);
    sg_mls_commit_output_free(&output);
    assert_null(output.group_info.data);
    sg_mls_blob_free(&commit);
    sg_mls_member_free(carol);
    sg_mls_client_free(carol_client);
    tear_down(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_commit_tells_whose_leaves_it_updates),
        cmocka_unit_test(a_group_has_an_extension_of_the_program),
        cmocka_unit_test(a_member_without_the_type_keeps_it_out),
        cmocka_unit_test(a_group_can_require_types),
        cmocka_unit_test(a_group_begins_with_extensions),
        cmocka_unit_test(leaves_have_extensions_of_the_program),
        cmocka_unit_test(lists_of_types_that_are_refused),
        cmocka_unit_test(a_join_from_outside_uses_keys),
        cmocka_unit_test(a_commit_brings_the_next_group_info),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
