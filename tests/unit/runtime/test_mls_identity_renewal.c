/* runtime/mls_identity.c: what waits or happened before does not keep a client from being another
 * one, and where it does, the client is told before anything is sent. */
#include "mls_disk.h"

#include "runtime/mls_impl.h"

#define OWN_TYPE 0xf0a1

static struct sg_mls_client_config config_of(const char *name, struct disk *disk)
{
    struct sg_mls_client_config config;
    sg_mls_client_config_init(&config);
    config.suite = 1;
    config.identity = text(name);
    if (disk != NULL)
        config.storage = (struct sg_mls_storage){disk, disk_write, disk_read};
    return config;
}

static struct sg_mls_client *client_of(const struct sg_mls_client_config *config)
{
    struct sg_mls_client *client;
    assert_int_equal(sg_mls_client_new(config, &client), SG_OK);
    return client;
}

/* Alice, in memory, and Bob, whose members are stored; nobody asks what credentials are good. */
struct scene {
    struct disk *disk;
    struct sg_mls_client *alice_client, *bob_client;
    struct sg_mls_member *alice, *bob;
};

static void set_up_with(struct scene *s, const struct sg_mls_client_config *alice,
                        struct sg_mls_client_config *bob)
{
    memset(s, 0, sizeof(*s));
    s->disk = calloc(1, sizeof(*s->disk));
    bob->storage = (struct sg_mls_storage){s->disk, disk_write, disk_read};
    s->alice_client = client_of(alice);
    s->bob_client = client_of(bob);
    assert_int_equal(sg_mls_member_create(s->alice_client, text("g"), &s->alice), SG_OK);
    s->bob = admit(s->alice, s->bob_client);
}

static void set_up(struct scene *s)
{
    const struct sg_mls_client_config alice = config_of("alice", NULL);
    struct sg_mls_client_config bob = config_of("bob", NULL);
    set_up_with(s, &alice, &bob);
}

static void tear_down(struct scene *s)
{
    sg_mls_member_free(s->alice);
    sg_mls_member_free(s->bob);
    sg_mls_client_free(s->alice_client);
    sg_mls_client_free(s->bob_client);
    disk_fini(s->disk);
    free(s->disk);
}

/* Keeps the key, or takes a new one; forgets further types. */
static void renew(struct sg_mls_client *client, const char *name, uint16_t type, bool keeps_key)
{
    struct sg_mls_client_config config;
    struct sg_mls_blob secret;
    sg_mls_client_config_init(&config);
    assert_int_equal(sg_mls_client_secret(client, &secret), SG_OK);
    config.identity = text(name);
    config.credential_type = type;
    if (keeps_key)
        config.secret = bytes(&secret);
    assert_int_equal(sg_mls_client_renew(client, &config), SG_OK);
    sg_mls_blob_free(&secret);
}

/* Takes the message, and frees it. */
static void receive(struct sg_mls_member *member, struct sg_mls_blob *message, enum sg_mls_got got)
{
    struct sg_mls_received received;
    assert_int_equal(sg_mls_member_receive(member, bytes(message), &received), SG_OK);
    assert_int_equal(received.got, got);
    sg_mls_received_free(&received);
    sg_mls_blob_free(message);
}

/* ---- what waits ---- */

/* Bob's renewal is committed, without so many of the proposals that wait. */
static void assert_renews(struct scene *s, uint32_t members)
{
    static const struct sg_mls_commit_request request = {.renews_leaf = true};
    struct sg_mls_commit_output output;
    struct sg_mls_state_info info;
    assert_int_equal(sg_mls_member_commit(s->bob, &request, &output), SG_OK);
    receive(s->alice, &output.commit, SG_MLS_GOT_COMMIT);
    assert_int_equal(sg_mls_member_accept(s->bob), SG_OK);
    assert_same_state(s->alice, s->bob);
    sg_mls_member_state(s->bob, &info);
    assert_int_equal(info.members, members);
    sg_mls_commit_output_free(&output);
}

static void propose_add(struct scene *s, struct sg_bytes package)
{
    struct sg_mls_blob message;
    assert_int_equal(sg_mls_member_propose_add(s->alice, package, &message), SG_OK);
    receive(s->bob, &message, SG_MLS_GOT_PROPOSAL);
}

/* Who wants to keep Bob from it proposes to add the key package that he has published since. */
static void an_add_of_the_new_key_waits(void **state)
{
    struct scene s;
    struct sg_mls_client_config config = config_of("carol", NULL);
    struct sg_mls_client *carol = client_of(&config);
    struct sg_mls_blob package, secret, other, other_secret;
    (void)state;
    set_up(&s);
    renew(s.bob_client, "bob", 1, false);
    assert_int_equal(sg_mls_client_package(s.bob_client, NULL, &package, &secret), SG_OK);
    assert_int_equal(sg_mls_client_package(carol, NULL, &other, &other_secret), SG_OK);
    propose_add(&s, bytes(&package));
    propose_add(&s, bytes(&other));
    assert_renews(&s, 3); /* Carol is in */
    sg_mls_blob_free(&package);
    sg_mls_blob_free(&secret);
    sg_mls_blob_free(&other);
    sg_mls_blob_free(&other_secret);
    sg_mls_client_free(carol);
    tear_down(&s);
}

static void extensions_that_the_new_leaf_lacks_wait(void **state)
{
    static const uint16_t types[] = {OWN_TYPE};
    const struct sg_mls_extension_item items[] = {{OWN_TYPE, text("rules")}};
    struct scene s;
    struct sg_mls_blob message;
    struct sg_mls_client_config alice = config_of("alice", NULL), bob = config_of("bob", NULL);
    struct sg_bytes data;
    (void)state;
    alice.more_extensions = bob.more_extensions = types;
    alice.more_extension_count = bob.more_extension_count = 1;
    set_up_with(&s, &alice, &bob);
    assert_int_equal(sg_mls_member_propose_extensions(s.alice, items, 1, &message), SG_OK);
    receive(s.bob, &message, SG_MLS_GOT_PROPOSAL);
    renew(s.bob_client, "bob", 1, true);
    assert_renews(&s, 2);
    assert_int_equal(sg_mls_member_extension(s.bob, OWN_TYPE, &data), SG_ERR_NOT_FOUND);
    tear_down(&s);
}

static void write_message(struct sg_writer *w, const void *package)
{
    sg_mls_write_message_head(w, SG_MLS_WIRE_KEY_PACKAGE);
    sg_write_bytes(w, ((const struct sg_mls_key_package *)package)->raw);
}

/* A client's package, but of one that knows basic credentials only. */
static void make_narrow(struct sg_mls_client *client, struct sg_mls_blob *out)
{
    static const uint8_t basic[] = {0, 1};
    struct sg_mls_signer signer = {client->suite, client->mls.random,
                                   client->identity.signature_private, NULL};
    struct sg_mls_blob message, secret;
    struct sg_mls_arena arena;
    struct sg_mls_key_package package;
    struct sg_bytes encoded;
    sg_mls_client_arena(client, &arena);
    assert_int_equal(sg_mls_client_package(client, NULL, &message, &secret), SG_OK);
    assert_int_equal(sg_mls_decode_package(bytes(&message), &arena, &package), SG_OK);
    package.leaf.capabilities.credentials = sg_bytes(basic, sizeof(basic));
    assert_int_equal(sg_mls_leaf_sign(&signer, &arena, NULL, &package.leaf), SG_OK);
    assert_int_equal(sg_mls_key_package_sign(&signer, &arena, &package), SG_OK);
    assert_int_equal(sg_mls_encode(&arena, write_message, &package, &encoded), SG_OK);
    assert_int_equal(sg_mls_blob_copy(encoded, out), SG_OK);
    sg_mls_arena_fini(&arena);
    sg_mls_blob_free(&message);
    sg_mls_blob_free(&secret);
}

static void an_add_that_does_not_know_the_credential_waits(void **state)
{
    struct scene s;
    struct sg_mls_client_config config = config_of("carol", NULL);
    struct sg_mls_client *carol = client_of(&config);
    struct sg_mls_blob package;
    (void)state;
    set_up(&s);
    make_narrow(carol, &package);
    propose_add(&s, bytes(&package));
    renew(s.bob_client, "\1c", 2, true); /* a certificate of one byte */
    assert_renews(&s, 2);
    sg_mls_blob_free(&package);
    sg_mls_client_free(carol);
    tear_down(&s);
}

/* ---- what happened before ---- */

/* Nobody says that the other name is the same client's, so all would refuse to follow it. */
static void a_resync_by_another_name_is_not_sent(void **state)
{
    struct scene s;
    struct sg_mls_blob info, commit;
    struct sg_mls_member *member = NULL;
    (void)state;
    set_up(&s);
    renew(s.bob_client, "robert", 1, true);
    assert_int_equal(sg_mls_member_info(s.alice, true, true, &info), SG_OK);
    const struct sg_mls_external_request request = {.group_info = bytes(&info),
                                                    .removes_prior = true};
    assert_int_equal(sg_mls_member_join_external(s.bob_client, &request, &member, &commit),
                     SG_ERR_MLS_CREDENTIAL);
    /* and storage has what it had */
    sg_mls_member_free(s.bob);
    assert_int_equal(sg_mls_member_load(s.bob_client, text("g"), &s.bob), SG_OK);
    assert_same_state(s.alice, s.bob);
    sg_mls_blob_free(&info);
    tear_down(&s);
}

/* A welcome for a key package of the earlier signature key is for nobody; that is found out before
 * the tree is asked for. */
static void a_welcome_for_the_earlier_key_is_for_nobody(void **state)
{
    struct scene s;
    struct sg_mls_client_config config = config_of("carol", NULL);
    struct sg_mls_client *carol = client_of(&config);
    struct sg_mls_blob package, secret;
    struct sg_mls_commit_output output;
    struct sg_mls_member *member;
    (void)state;
    set_up(&s);
    assert_int_equal(sg_mls_client_package(carol, NULL, &package, &secret), SG_OK);
    struct sg_bytes packages[] = {bytes(&package)};
    const struct sg_mls_commit_request request = {
        .add = packages, .add_count = 1, .tree_in_welcome = true};
    assert_int_equal(sg_mls_member_commit(s.alice, &request, &output), SG_OK);
    renew(carol, "carol", 1, false);
    const struct sg_mls_join_request join = {.welcome = bytes(&output.welcome),
                                             .secret = bytes(&secret)};
    assert_int_equal(sg_mls_member_join(carol, &join, &member), SG_ERR_MLS_WELCOME);
    sg_mls_commit_output_free(&output);
    sg_mls_blob_free(&package);
    sg_mls_blob_free(&secret);
    sg_mls_client_free(carol);
    tear_down(&s);
}

/* A credential that no leaf may have does not take the place of a good one. */
static void credentials_that_are_refused(void **state)
{
    struct scene s;
    struct sg_mls_client *client;
    struct sg_mls_client_config config = config_of("bob", NULL);
    struct sg_mls_blob before, after;
    static const struct {
        uint16_t type;
        const char *body;
        sg_err err;
    } cases[] = {
        {3, "bob", SG_ERR_INVALID_ARGUMENT},
        {0x0a0a, "bob", SG_ERR_INVALID_ARGUMENT},
        {2, "\7cert", SG_ERR_MALFORMED}, /* a certificate of 7 bytes that has 4 */
        {2, "\4certx", SG_ERR_MALFORMED},
    };
    (void)state;
    set_up(&s);
    assert_int_equal(sg_mls_client_secret(s.bob_client, &before), SG_OK);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        config.credential_type = cases[i].type;
        config.identity = text(cases[i].body);
        assert_int_equal(sg_mls_client_renew(s.bob_client, &config), cases[i].err);
        assert_int_equal(sg_mls_client_new(&config, &client), cases[i].err);
    }
    assert_int_equal(sg_mls_client_secret(s.bob_client, &after), SG_OK);
    assert_memory_equal(before.data, after.data, before.len);
    assert_renews(&s, 2); /* as he was */
    sg_mls_blob_free(&before);
    sg_mls_blob_free(&after);
    tear_down(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_add_of_the_new_key_waits),
        cmocka_unit_test(extensions_that_the_new_leaf_lacks_wait),
        cmocka_unit_test(an_add_that_does_not_know_the_credential_waits),
        cmocka_unit_test(a_resync_by_another_name_is_not_sent),
        cmocka_unit_test(a_welcome_for_the_earlier_key_is_for_nobody),
        cmocka_unit_test(credentials_that_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
