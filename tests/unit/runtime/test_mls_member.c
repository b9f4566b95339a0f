/* runtime/mls_client.c, mls_member.c, mls_look.c: the public MLS API, with storage. */
#include "mls_disk.h"

static uint64_t fixed_now(void *user)
{
    (void)user;
    return 1800000000;
}

static sg_err find_psk(void *user, struct sg_bytes id, uint8_t *secret, size_t *len)
{
    (void)user;
    if (id.len != 4 || memcmp(id.data, "key1", 4) != 0)
        return SG_ERR_MLS_PSK;
    memset(secret, 7, 32);
    *len = 32;
    return SG_OK;
}

static sg_err check_credential(void *user, const struct sg_mls_claim *claim)
{
    (void)user;
    return claim->credential.len == 7 && memcmp(claim->credential.data, "mallory", 7) == 0
               ? SG_ERR_MLS_CREDENTIAL
               : SG_OK;
}

static struct sg_mls_client_config config_of(const char *name, struct disk *disk)
{
    struct sg_mls_client_config config;
    sg_mls_client_config_init(&config);
    config.suite = 1;
    config.identity = text(name);
    config.now = fixed_now;
    config.find_psk = find_psk;
    config.accepts_outsiders = true;
    config.check_credential = check_credential;
    if (disk != NULL)
        config.storage = (struct sg_mls_storage){disk, disk_write, disk_read};
    return config;
}

struct scene {
    struct disk *disk;
    struct sg_mls_client *alice_client, *bob_client;
    struct sg_mls_member *alice, *bob;
};

static struct sg_mls_client *client_of(const char *name, struct disk *disk)
{
    struct sg_mls_client_config config = config_of(name, disk);
    struct sg_mls_client *client;
    assert_int_equal(sg_mls_client_new(&config, &client), SG_OK);
    return client;
}

static struct sg_mls_member *add(struct sg_mls_member *host, struct sg_mls_client *guest)
{
    struct sg_mls_blob package, secret, tree;
    struct sg_mls_commit_output output;
    struct sg_mls_member *member;
    assert_int_equal(sg_mls_client_package(guest, NULL, &package, &secret), SG_OK);
    struct sg_bytes packages[] = {bytes(&package)};
    struct sg_mls_commit_request request = {.add = packages, .add_count = 1};
    assert_int_equal(sg_mls_member_commit(host, &request, &output), SG_OK);
    assert_int_equal(sg_mls_member_accept(host), SG_OK);
    struct sg_mls_join_request join = {.welcome = bytes(&output.welcome), .secret = bytes(&secret)};
    assert_int_equal(sg_mls_member_join(guest, &join, &member), SG_ERR_MLS_WELCOME);
    assert_int_equal(sg_mls_member_tree(host, &tree), SG_OK);
    join.tree = bytes(&tree);
    assert_int_equal(sg_mls_member_join(guest, &join, &member), SG_OK);
    sg_mls_blob_free(&tree);
    sg_mls_blob_free(&package);
    sg_mls_blob_free(&secret);
    sg_mls_commit_output_free(&output);
    return member;
}

static void set_up(struct scene *s)
{
    s->disk = calloc(1, sizeof(*s->disk));
    s->alice_client = client_of("alice", s->disk);
    s->bob_client = client_of("bob", NULL);
    assert_int_equal(sg_mls_member_create(s->alice_client, text("g"), &s->alice), SG_OK);
    s->bob = add(s->alice, s->bob_client);
}

static void tear_down(struct scene *s)
{
    pair_free(s->alice, s->bob, s->alice_client, s->bob_client);
    disk_free(s->disk);
}

static void restart_alice(struct scene *s)
{
    struct sg_mls_client_config config = config_of("alice", s->disk);
    struct sg_mls_blob secret;
    assert_int_equal(sg_mls_client_secret(s->alice_client, &secret), SG_OK);
    config.secret = bytes(&secret);
    assert_int_equal(come_back(&config, &s->alice_client, &s->alice), SG_OK);
    sg_mls_blob_free(&secret);
}

static void a_member_survives_restarts(void **state)
{
    struct scene s;
    struct sg_mls_blob message, update, psk;
    struct sg_mls_commit_output output;
    (void)state;
    set_up(&s);
    restart_alice(&s);
    assert_same_state(s.alice, s.bob);
    assert_int_equal(sg_mls_member_protect(s.bob, text("hi"), text("open"), &message), SG_OK);
    assert_int_equal(take_in(s.alice, &message, SG_MLS_GOT_DATA), SG_OK);
    restart_alice(&s);
    assert_int_equal(take_in(s.alice, &message, SG_MLS_GOT_DATA), SG_ERR_DUPLICATE);
    sg_mls_blob_free(&message);

    assert_int_equal(sg_mls_member_propose_update(s.alice, &update), SG_OK);
    assert_int_equal(sg_mls_member_propose_psk(s.bob, text("none"), &psk), SG_ERR_MLS_PSK);
    assert_int_equal(sg_mls_member_propose_psk(s.bob, text("key1"), &psk), SG_OK);
    assert_int_equal(take_in(s.bob, &update, SG_MLS_GOT_PROPOSAL), SG_OK);
    assert_int_equal(take_in(s.alice, &update, SG_MLS_GOT_OWN), SG_OK);
    struct sg_mls_received received;
    assert_int_equal(sg_mls_member_receive(s.alice, bytes(&psk), &received), SG_OK);
    assert_int_equal(received.proposal_type, 4);
    assert_int_equal(received.proposal_leaf, UINT32_MAX);
    assert_int_equal(sg_mls_member_drop(s.alice, received.proposal), SG_OK);
    assert_int_equal(sg_mls_member_drop(s.alice, received.proposal), SG_ERR_NOT_FOUND);
    assert_int_equal(sg_mls_member_drop(s.bob, received.proposal), SG_OK);
    sg_mls_received_free(&received);
    sg_mls_blob_free(&psk);
    assert_int_equal(sg_mls_member_propose_psk(s.bob, text("key1"), &psk), SG_OK);
    assert_int_equal(take_in(s.alice, &psk, SG_MLS_GOT_PROPOSAL), SG_OK);
    restart_alice(&s);
    assert_int_equal(sg_mls_member_protect(s.alice, text("x"), text(""), &message),
                     SG_ERR_INVALID_STATE);
    assert_int_equal(sg_mls_member_commit(s.bob, NULL, &output), SG_OK);
    assert_int_equal(take_in(s.alice, &output.commit, SG_MLS_GOT_COMMIT), SG_OK);
    assert_int_equal(take_in(s.bob, &output.commit, SG_MLS_GOT_COMMIT), SG_OK);
    restart_alice(&s);
    assert_same_state(s.alice, s.bob);
    sg_mls_commit_output_free(&output);
    sg_mls_blob_free(&update);
    sg_mls_blob_free(&psk);
    tear_down(&s);
}

static void a_failed_write_changes_nothing(void **state)
{
    struct scene s;
    struct sg_mls_blob message = {NULL, 0};
    struct sg_mls_commit_output output;
    struct sg_mls_state_info info;
    (void)state;
    set_up(&s);
    s.disk->fails = true;
    assert_int_equal(sg_mls_member_protect(s.alice, text("hi"), text(""), &message),
                     SG_ERR_NO_SPACE);
    assert_null(message.data);
    assert_int_equal(sg_mls_member_commit(s.alice, NULL, &output), SG_ERR_NO_SPACE);
    assert_null(output.commit.data);
    sg_mls_member_state(s.alice, &info);
    assert_false(info.has_pending);
    assert_int_equal(sg_mls_member_commit(s.bob, NULL, &output), SG_OK);
    assert_int_equal(take_in(s.alice, &output.commit, SG_MLS_GOT_COMMIT), SG_ERR_NO_SPACE);
    sg_mls_member_state(s.alice, &info);
    assert_int_equal(info.epoch, 1);
    s.disk->fails = false;
    assert_int_equal(take_in(s.alice, &output.commit, SG_MLS_GOT_COMMIT), SG_OK);
    assert_int_equal(sg_mls_member_accept(s.bob), SG_OK);
    assert_same_state(s.alice, s.bob);
    sg_mls_commit_output_free(&output);
    tear_down(&s);
}

static void somebody_joins_from_outside_and_leaves(void **state)
{
    struct scene s;
    struct sg_mls_client *carol_client = client_of("carol", NULL);
    struct sg_mls_member *carol;
    struct sg_mls_blob info, commit, leave;
    struct sg_mls_commit_output output;
    struct sg_mls_received received;
    struct sg_mls_state_info look;
    (void)state;
    set_up(&s);
    assert_int_equal(sg_mls_member_info(s.alice, true, true, &info), SG_OK);
    struct sg_mls_external_request request = {.group_info = bytes(&info), .removes_prior = true};
    assert_int_equal(sg_mls_member_join_external(carol_client, &request, &carol, &commit),
                     SG_ERR_NOT_FOUND);
    request.removes_prior = false;
    assert_int_equal(sg_mls_member_join_external(carol_client, &request, &carol, &commit), SG_OK);
    uint8_t out[32];
    assert_int_equal(sg_mls_member_export(carol, text("l"), text("c"), out, 32),
                     SG_ERR_INVALID_STATE);
    assert_int_equal(sg_mls_member_receive(s.alice, bytes(&commit), &received), SG_OK);
    assert_int_equal(received.got, SG_MLS_GOT_COMMIT);
    assert_int_equal(received.sender, 2);
    sg_mls_received_free(&received);
    assert_int_equal(take_in(s.bob, &commit, SG_MLS_GOT_COMMIT), SG_OK);
    assert_int_equal(sg_mls_member_accept(carol), SG_OK);
    assert_same_state(s.alice, carol);
    sg_mls_blob_free(&info);
    sg_mls_blob_free(&commit);
    assert_int_equal(sg_mls_member_propose_leave(carol, &leave), SG_OK);
    assert_int_equal(take_in(s.alice, &leave, SG_MLS_GOT_PROPOSAL), SG_OK);
    assert_int_equal(take_in(s.bob, &leave, SG_MLS_GOT_PROPOSAL), SG_OK);
    assert_int_equal(sg_mls_member_commit(s.alice, NULL, &output), SG_OK);
    struct sg_mls_commit_output second;
    assert_int_equal(sg_mls_member_commit(s.alice, NULL, &second), SG_ERR_INVALID_STATE);
    sg_mls_commit_output_free(&output);
    assert_int_equal(sg_mls_member_discard(s.alice), SG_OK);
    assert_int_equal(sg_mls_member_commit(s.alice, NULL, &output), SG_OK);
    assert_int_equal(take_in(carol, &output.commit, SG_MLS_GOT_REMOVED), SG_OK);
    assert_int_equal(take_in(s.bob, &output.commit, SG_MLS_GOT_COMMIT), SG_OK);
    assert_int_equal(sg_mls_member_accept(s.alice), SG_OK);
    assert_same_state(s.alice, s.bob);
    sg_mls_member_state(s.alice, &look);
    assert_int_equal(look.members, 2);
    sg_mls_commit_output_free(&output);
    sg_mls_blob_free(&leave);
    sg_mls_member_free(carol);
    sg_mls_client_free(carol_client);
    tear_down(&s);
}

static void what_is_refused(void **state)
{
    struct scene s;
    struct sg_mls_client *mallory = client_of("mallory", NULL);
    struct sg_mls_blob package, secret, message, words;
    struct sg_mls_commit_output output;
    struct sg_mls_member *other;
    struct sg_mls_leaf_info leaf;
    struct sg_mls_client_config config = config_of("x", NULL);
    struct sg_mls_client *client;
    (void)state;
    set_up(&s);
    assert_int_equal(sg_mls_client_package(mallory, NULL, &package, &secret), SG_OK);
    assert_int_equal(sg_mls_member_propose_add(s.alice, bytes(&package), &message),
                     SG_ERR_MLS_CREDENTIAL);
    struct sg_bytes packages[] = {bytes(&package)};
    struct sg_mls_commit_request request = {.add = packages, .add_count = 1};
    assert_int_equal(sg_mls_member_commit(s.alice, &request, &output), SG_ERR_MLS_CREDENTIAL);
    assert_int_equal(sg_mls_member_receive(s.alice, bytes(&package), &(struct sg_mls_received){0}),
                     SG_ERR_UNSUPPORTED);
    assert_int_equal(sg_mls_member_propose_remove(s.alice, 9, &message), SG_ERR_MLS_PROPOSAL);
    assert_int_equal(sg_mls_member_leaf(s.alice, 9, &leaf), SG_ERR_NOT_FOUND);
    assert_int_equal(sg_mls_member_leaf(s.alice, 1, &leaf), SG_OK);
    assert_memory_equal(leaf.credential.data, "bob", 3);
    assert_int_equal(sg_mls_member_create(s.alice_client, text("g"), &other), SG_ERR_EXISTS);
    s.disk->fails_to_read = true; /* it may be there: nothing is written over it */
    assert_int_equal(sg_mls_member_create(s.alice_client, text("g"), &other), SG_ERR_IO);
    s.disk->fails_to_read = false;
    assert_int_equal(sg_mls_member_load(s.alice_client, text("h"), &other), SG_ERR_NOT_FOUND);
    assert_int_equal(sg_mls_member_load(s.bob_client, text("g"), &other), SG_ERR_INVALID_STATE);
    assert_int_equal(sg_mls_member_accept(s.alice), SG_ERR_INVALID_STATE);
    assert_int_equal(sg_mls_member_rollback(s.alice), SG_ERR_NOT_FOUND);
    config.suite = 99;
    assert_int_equal(sg_mls_client_new(&config, &client), SG_ERR_UNSUPPORTED);
    config.suite = 1;
    config.secret = text("short");
    assert_int_equal(sg_mls_client_new(&config, &client), SG_ERR_MALFORMED);
    assert_int_equal(sg_mls_describe(bytes(&package), &words), SG_OK);
    assert_true(words.len > 60);
    assert_memory_equal(words.data, "message: key package\nsuite: 0x0001 MLS_128_DHKEMX25519", 53);
    sg_mls_blob_free(&words);
    assert_int_equal(sg_mls_describe(text("nonsense"), &words), SG_ERR_VERSION);
    sg_mls_blob_free(&package);
    sg_mls_blob_free(&secret);
    sg_mls_client_free(mallory);
    tear_down(&s);
}

/* Alice, whose group is stored, comes back by a commit of her own; then the store has only that. */
static void a_resync_replaces_what_is_stored(void **state)
{
    struct scene s;
    struct sg_mls_blob info, commit;
    struct sg_mls_commit_output output;
    struct sg_mls_member *alice;
    (void)state;
    set_up(&s);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(sg_mls_member_commit(s.bob, NULL, &output), SG_OK);
        assert_int_equal(sg_mls_member_accept(s.bob), SG_OK);
        if (i < 1)
            assert_int_equal(take_in(s.alice, &output.commit, SG_MLS_GOT_COMMIT), SG_OK);
        sg_mls_commit_output_free(&output);
    }
    assert_int_equal(sg_mls_member_info(s.bob, true, true, &info), SG_OK);
    struct sg_mls_external_request request = {.group_info = bytes(&info)};
    assert_int_equal(sg_mls_member_join_external(s.alice_client, &request, &alice, &commit),
                     SG_ERR_MLS_PROPOSAL); /* her key is in the group */
    request.removes_prior = true;
    sg_mls_member_free(s.alice);
    assert_int_equal(sg_mls_member_join_external(s.alice_client, &request, &s.alice, &commit),
                     SG_OK);
    assert_int_equal(take_in(s.bob, &commit, SG_MLS_GOT_COMMIT), SG_OK);
    assert_int_equal(sg_mls_member_accept(s.alice), SG_OK);
    restart_alice(&s);
    assert_same_state(s.alice, s.bob);
    size_t epochs = 0;
    for (size_t i = 0; i < s.disk->count; i++)
        epochs += s.disk->entries[i].kind == 3 && s.disk->entries[i].value != NULL;
    assert_int_equal(epochs, 1);
    sg_mls_blob_free(&info);
    sg_mls_blob_free(&commit);
    tear_down(&s);
}

static struct sg_mls_blob package_of(struct sg_mls_client *client, struct sg_mls_blob *secret)
{
    struct sg_mls_blob package;
    assert_int_equal(sg_mls_client_package(client, NULL, &package, secret), SG_OK);
    return package;
}

/* The group closes, and its members meet in the next one; some of them in a branch. */
static void groups_have_successors(void **state)
{
    struct scene s;
    struct sg_mls_blob message, package, secret, welcome;
    struct sg_mls_commit_output output;
    struct sg_mls_member *alice, *bob;
    const struct sg_mls_reinit_request reinit = {.group_id = text("next")};
    (void)state;
    set_up(&s);
    package = package_of(s.bob_client, &secret);
    struct sg_bytes packages[] = {bytes(&package)};
    struct sg_mls_successor_request request = {
        .old = s.alice, .add = packages, .add_count = 1, .tree_in_welcome = true};
    assert_int_equal(sg_mls_member_succeed(s.alice_client, &request, &alice, &welcome),
                     SG_ERR_INVALID_STATE);
    request.is_branch = true;
    request.group_id = text("branch");
    assert_int_equal(sg_mls_member_succeed(s.alice_client, &request, &alice, &welcome), SG_OK);
    struct sg_mls_join_request join = {.welcome = bytes(&welcome), .secret = bytes(&secret)};
    assert_int_equal(sg_mls_member_join(s.bob_client, &join, &bob), SG_ERR_MLS_PSK);
    join.old = s.bob;
    assert_int_equal(sg_mls_member_join(s.bob_client, &join, &bob), SG_OK);
    assert_same_state(alice, bob);
    sg_mls_member_free(alice);
    sg_mls_member_free(bob);
    sg_mls_blob_free(&welcome);

    assert_int_equal(sg_mls_member_propose_reinit(s.bob, &reinit, &message), SG_OK);
    assert_int_equal(take_in(s.alice, &message, SG_MLS_GOT_PROPOSAL), SG_OK);
    sg_mls_blob_free(&message);
    assert_int_equal(sg_mls_member_commit(s.alice, NULL, &output), SG_OK);
    assert_int_equal(take_in(s.bob, &output.commit, SG_MLS_GOT_COMMIT), SG_OK);
    assert_int_equal(sg_mls_member_accept(s.alice), SG_OK);
    assert_int_equal(sg_mls_member_protect(s.bob, text("x"), text(""), &message),
                     SG_ERR_INVALID_STATE);
    request.is_branch = false;
    assert_int_equal(sg_mls_member_succeed(s.alice_client, &request, &alice, &welcome), SG_OK);
    join.welcome = bytes(&welcome);
    assert_int_equal(sg_mls_member_join(s.bob_client, &join, &bob), SG_OK);
    assert_same_state(alice, bob);
    struct sg_mls_state_info info;
    sg_mls_member_state(bob, &info);
    assert_int_equal(info.group_id.len, 4);
    assert_memory_equal(info.group_id.data, "next", 4);
    sg_mls_member_free(alice);
    sg_mls_member_free(bob);
    sg_mls_blob_free(&welcome);
    sg_mls_blob_free(&package);
    sg_mls_blob_free(&secret);
    sg_mls_commit_output_free(&output);
    tear_down(&s);
}

static void commit_both(struct scene *s, struct sg_mls_commit_output *output)
{
    const struct sg_mls_commit_request request = {.tree_in_welcome = true};
    assert_int_equal(sg_mls_member_commit(s->alice, &request, output), SG_OK);
    assert_int_equal(take_in(s->bob, &output->commit, SG_MLS_GOT_COMMIT), SG_OK);
    assert_int_equal(sg_mls_member_accept(s->alice), SG_OK);
    assert_same_state(s->alice, s->bob);
}

/* external_senders with one entry: the server's key, taken from a key package, and its name. */
static void name_sender(struct sg_mls_client *server, uint8_t senders[43])
{
    struct sg_mls_blob secret, package = package_of(server, &secret);
    /* MLSMessage, version, suite, init key, encryption key: then the signature key */
    const uint8_t *key = package.data + 8 + 2 * 33 + 1;
    senders[0] = 42;
    senders[1] = 32;
    memcpy(senders + 2, key, 32);
    memcpy(senders + 34, "\0\1\6server", 9);
    sg_mls_blob_free(&package);
    sg_mls_blob_free(&secret);
}

/* A server that the group names removes a member, a newcomer asks to come in; and data of the
 * program travel with the group. */
static void outsiders_propose(void **state)
{
    struct scene s;
    struct sg_mls_client *server = client_of("server", NULL), *carol = client_of("carol", NULL);
    struct sg_mls_blob message, package, secret;
    struct sg_mls_commit_output output;
    struct sg_mls_member *joined;
    struct sg_bytes data;
    uint8_t senders[43], exported[64];
    size_t len;
    (void)state;
    set_up(&s);
    name_sender(server, senders);
    const struct sg_mls_extension_item items[] = {{5, {senders, 43}}};
    const struct sg_mls_extension_item twice[] = {items[0], items[0]};
    assert_int_equal(sg_mls_member_propose_extensions(s.alice, twice, 2, &message),
                     SG_ERR_INVALID_ARGUMENT);
    assert_int_equal(sg_mls_member_propose_extensions(s.alice, items, 1, &message), SG_OK);
    assert_int_equal(take_in(s.bob, &message, SG_MLS_GOT_PROPOSAL), SG_OK);
    sg_mls_blob_free(&message);
    assert_int_equal(sg_mls_member_propose_app_data(s.bob, 9, text("rules"), &message), SG_OK);
    assert_int_equal(take_in(s.alice, &message, SG_MLS_GOT_PROPOSAL), SG_OK);
    sg_mls_blob_free(&message);
    commit_both(&s, &output);
    sg_mls_commit_output_free(&output);
    assert_int_equal(sg_mls_member_app_data(s.bob, 9, &data), SG_OK);
    assert_memory_equal(data.data, "rules", 5);
    assert_int_equal(sg_mls_member_app_data(s.bob, 8, &data), SG_ERR_NOT_FOUND);
    assert_int_equal(sg_mls_member_safe_export(s.alice, 9, exported, &len), SG_OK);
    assert_int_equal(sg_mls_member_safe_export(s.alice, 9, exported, &len), SG_ERR_DUPLICATE);
    restart_alice(&s);
    assert_int_equal(sg_mls_member_safe_export(s.alice, 9, exported, &len), SG_ERR_DUPLICATE);

    struct sg_mls_outside_request outside = {text("g"), 2, UINT32_MAX};
    package = package_of(carol, &secret);
    assert_int_equal(sg_mls_client_propose_remove(carol, &outside, 1, &message), SG_ERR_MLS_SENDER);
    assert_int_equal(sg_mls_client_propose_add(carol, &outside, bytes(&package), &message), SG_OK);
    assert_int_equal(take_in(s.alice, &message, SG_MLS_GOT_PROPOSAL), SG_OK);
    assert_int_equal(take_in(s.bob, &message, SG_MLS_GOT_PROPOSAL), SG_OK);
    sg_mls_blob_free(&message);
    commit_both(&s, &output);
    struct sg_mls_join_request join = {.welcome = bytes(&output.welcome), .secret = bytes(&secret)};
    assert_int_equal(sg_mls_member_join(carol, &join, &joined), SG_OK);
    assert_same_state(s.alice, joined);
    assert_int_equal(sg_mls_member_app_data(joined, 9, &data), SG_OK);
    sg_mls_commit_output_free(&output);

    outside = (struct sg_mls_outside_request){text("g"), 3, 0};
    assert_int_equal(sg_mls_client_propose_remove(server, &outside, 2, &message), SG_OK);
    assert_int_equal(take_in(s.alice, &message, SG_MLS_GOT_PROPOSAL), SG_OK);
    assert_int_equal(take_in(s.bob, &message, SG_MLS_GOT_PROPOSAL), SG_OK);
    sg_mls_blob_free(&message);
    commit_both(&s, &output);
    assert_int_equal(take_in(joined, &output.commit, SG_MLS_GOT_REMOVED), SG_ERR_MLS_PROPOSAL);
    sg_mls_commit_output_free(&output);
    sg_mls_member_free(joined);
    sg_mls_blob_free(&package);
    sg_mls_blob_free(&secret);
    sg_mls_client_free(server);
    sg_mls_client_free(carol);
    tear_down(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_member_survives_restarts),
        cmocka_unit_test(a_failed_write_changes_nothing),
        cmocka_unit_test(somebody_joins_from_outside_and_leaves),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(a_resync_replaces_what_is_stored),
        cmocka_unit_test(groups_have_successors),
        cmocka_unit_test(outsiders_propose),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
