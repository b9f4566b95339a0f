/* runtime/mls_identity.c: members that change their signature key, credential,
 * capabilities and leaf extensions (RFC 9420 s5.3.1, s7.2, s7.3, s12.1.2). */
#include "mls_disk.h"
#include "mls_needles.h"

#include "runtime/mls_impl.h"

#define OWN_TYPE 0xf0a1

/* What check_credential was asked last with a credential before; and whom it refuses. */
struct judge {
    char before[16], after[16];
    uint16_t type_before, type_after;
    const char *refuses;
};

static sg_err check_credential(void *user, const struct sg_mls_claim *claim)
{
    struct judge *judge = user;
    struct sg_bytes name = claim->credential;
    if (judge->refuses != NULL && name.len == strlen(judge->refuses) &&
        memcmp(name.data, judge->refuses, name.len) == 0)
        return SG_ERR_MLS_CREDENTIAL;
    if (!claim->has_before)
        return SG_OK;
    judge->type_before = claim->before_type;
    judge->type_after = claim->credential_type;
    (void)snprintf(judge->before, sizeof(judge->before), "%.*s", (int)claim->before.len,
                   (const char *)claim->before.data);
    (void)snprintf(judge->after, sizeof(judge->after), "%.*s", (int)name.len,
                   (const char *)name.data);
    return SG_OK;
}

struct scene {
    struct disk *disk; /* Alice's */
    const char *name;  /* hers, after a restart */
    struct judge alice_judge, bob_judge;
    struct sg_mls_client *alice_client, *bob_client;
    struct sg_mls_member *alice, *bob;
};

static struct sg_mls_client_config config_of(const char *name, struct judge *judge,
                                             struct disk *disk)
{
    struct sg_mls_client_config config;
    sg_mls_client_config_init(&config);
    config.suite = 1;
    config.identity = text(name);
    config.user = judge;
    config.check_credential = check_credential;
    config.undo_epochs = disk != NULL ? 2 : 0;
    if (disk != NULL)
        config.storage = (struct sg_mls_storage){disk, disk_write, disk_read};
    return config;
}

/* Alice, whose commits can be undone, is stored; Bob is in memory. */
static void set_up(struct scene *s)
{
    memset(s, 0, sizeof(*s));
    s->name = "alice";
    s->disk = calloc(1, sizeof(*s->disk));
    struct sg_mls_client_config alice = config_of("alice", &s->alice_judge, s->disk);
    struct sg_mls_client_config bob = config_of("bob", &s->bob_judge, NULL);
    assert_int_equal(sg_mls_client_new(&alice, &s->alice_client), SG_OK);
    assert_int_equal(sg_mls_client_new(&bob, &s->bob_client), SG_OK);
    assert_int_equal(sg_mls_member_create(s->alice_client, text("g"), &s->alice), SG_OK);
    s->bob = admit(s->alice, s->bob_client);
}

static void tear_down(struct scene *s)
{
    pair_free(s->alice, s->bob, s->alice_client, s->bob_client);
    disk_free(s->disk);
}

/* Alice's client is loaded with these secrets, and her member if they are right. */
static sg_err restart_alice(struct scene *s, struct sg_bytes secret, struct sg_bytes storage)
{
    struct sg_mls_client_config config = config_of(s->name, &s->alice_judge, s->disk);
    config.secret = secret;
    config.storage_secret = storage;
    return come_back(&config, &s->alice_client, &s->alice);
}

static void renew(struct sg_mls_client *client, const char *name, struct sg_bytes secret)
{
    struct sg_mls_client_config config;
    sg_mls_client_config_init(&config);
    config.identity = text(name);
    config.secret = secret;
    assert_int_equal(sg_mls_client_renew(client, &config), SG_OK);
}

static void say(struct sg_mls_member *from, struct sg_mls_member *to)
{
    struct sg_mls_blob message;
    assert_int_equal(sg_mls_member_protect(from, text("hi"), text(""), &message), SG_OK);
    assert_int_equal(take_in(to, &message, SG_MLS_GOT_DATA), SG_OK);
    sg_mls_blob_free(&message);
}

static void say_both(const struct scene *s)
{
    assert_same_state(s->alice, s->bob);
    say(s->alice, s->bob);
    say(s->bob, s->alice);
}

/* The signature key that a member signs with, and the leaf that others see. */
static void note_key(struct needles *n, const struct sg_mls_member *member)
{
    n->count = 0;
    note(n, member->group->epoch->signature_private);
}

static bool has_key(const struct sg_mls_member *member, const struct needles *n)
{
    return is_needle(member->group->epoch->signature_private, n->at[0]);
}

static void assert_leaf(const struct sg_mls_member *member, uint32_t leaf, const char *name,
                        const struct sg_mls_client *client)
{
    struct sg_mls_leaf_info info;
    assert_int_equal(sg_mls_member_leaf(member, leaf, &info), SG_OK);
    assert_int_equal(info.credential.len, strlen(name));
    assert_memory_equal(info.credential.data, name, info.credential.len);
    assert_int_equal(info.signature_key.len, 32);
    assert_memory_equal(info.signature_key.data, client->signature_public, 32);
}

/* Alice gets another key and name in her client; the secrets to load it with again. */
static void rename_alice(struct scene *s, struct sg_mls_blob *secret, struct sg_mls_blob *storage)
{
    s->name = "alicia";
    renew(s->alice_client, s->name, sg_bytes(NULL, 0));
    assert_int_equal(sg_mls_client_secret(s->alice_client, secret), SG_OK);
    assert_int_equal(sg_mls_client_storage_secret(s->alice_client, storage), SG_OK);
}

static const struct sg_mls_commit_request renewing = {.renews_leaf = true};

/* ---- commits ---- */

static void a_commit_changes_key_and_credential(void **state)
{
    struct scene s;
    struct needles old;
    struct sg_mls_commit_output output;
    (void)state;
    set_up(&s);
    note_key(&old, s.bob);
    renew(s.bob_client, "robert", sg_bytes(NULL, 0));
    /* only in the group, where it still counts */
    assert_true(has_key(s.bob, &old));
    assert_true(count_in_memory(&old) > 0);
    say_both(&s);
    assert_int_equal(sg_mls_member_commit(s.bob, &renewing, &output), SG_OK);
    assert_true(has_key(s.bob, &old));
    say_both(&s); /* it is pending: all is as before */
    assert_int_equal(take_in(s.alice, &output.commit, SG_MLS_GOT_COMMIT), SG_OK);
    assert_string_equal(s.alice_judge.before, "bob");
    assert_string_equal(s.alice_judge.after, "robert");
    assert_string_equal(s.bob_judge.after, "robert"); /* his own callback, before he sent it */
    assert_int_equal(take_in(s.bob, &output.commit, SG_MLS_GOT_COMMIT), SG_OK);
    assert_int_equal(count_in_memory(&old), 0);
    assert_leaf(s.alice, 1, "robert", s.bob_client);
    assert_leaf(s.bob, 1, "robert", s.bob_client);
    say_both(&s);
    sg_mls_commit_output_free(&output);
    /* what he does next is signed with it, too */
    assert_int_equal(sg_mls_member_commit(s.bob, NULL, &output), SG_OK);
    assert_int_equal(take_in(s.alice, &output.commit, SG_MLS_GOT_COMMIT), SG_OK);
    assert_int_equal(sg_mls_member_accept(s.bob), SG_OK);
    say_both(&s);
    sg_mls_commit_output_free(&output);
    tear_down(&s);
}

/* RFC9420 s5.3: from a name to a certificate, which is opaque here; other types nobody supports. */
static void a_credential_becomes_one_of_another_type(void **state)
{
    struct scene s;
    struct sg_mls_client_config config;
    struct sg_mls_commit_output output;
    struct sg_mls_leaf_info info;
    (void)state;
    set_up(&s);
    sg_mls_client_config_init(&config);
    config.identity = text("\4cert");
    config.credential_type = 3;
    assert_int_equal(sg_mls_client_renew(s.bob_client, &config), SG_ERR_INVALID_ARGUMENT);
    config.credential_type = 2;
    assert_int_equal(sg_mls_client_renew(s.bob_client, &config), SG_OK);
    assert_int_equal(sg_mls_member_commit(s.bob, &renewing, &output), SG_OK);
    assert_int_equal(take_in(s.alice, &output.commit, SG_MLS_GOT_COMMIT), SG_OK);
    assert_int_equal(sg_mls_member_accept(s.bob), SG_OK);
    assert_int_equal(s.alice_judge.type_before, 1);
    assert_int_equal(s.alice_judge.type_after, 2);
    assert_int_equal(sg_mls_member_leaf(s.alice, 1, &info), SG_OK);
    assert_int_equal(info.credential_type, 2);
    say_both(&s);
    sg_mls_commit_output_free(&output);
    tear_down(&s);
}

/* RFC9420 s12.4.3.1: the welcome of such a commit is signed by the new key, which the tree has. */
static void a_commit_that_renews_also_adds(void **state)
{
    struct scene s;
    struct judge judge = {.refuses = NULL};
    struct sg_mls_client_config config = config_of("carol", &judge, NULL);
    struct sg_mls_client *carol_client;
    struct sg_mls_member *carol;
    struct sg_mls_blob package, secret;
    struct sg_mls_commit_output output;
    (void)state;
    set_up(&s);
    assert_int_equal(sg_mls_client_new(&config, &carol_client), SG_OK);
    assert_int_equal(sg_mls_client_package(carol_client, NULL, &package, &secret), SG_OK);
    renew(s.bob_client, "robert", sg_bytes(NULL, 0));
    struct sg_bytes packages[] = {bytes(&package)};
    struct sg_mls_commit_request request = {.add = packages,
                                            .add_count = 1,
                                            .renews_leaf = true,
                                            .without_path = true, /* it needs one all the same */
                                            .tree_in_welcome = true};
    assert_int_equal(sg_mls_member_commit(s.bob, &request, &output), SG_OK);
    assert_int_equal(take_in(s.alice, &output.commit, SG_MLS_GOT_COMMIT), SG_OK);
    assert_int_equal(sg_mls_member_accept(s.bob), SG_OK);
    struct sg_mls_join_request join = {.welcome = bytes(&output.welcome), .secret = bytes(&secret)};
    assert_int_equal(sg_mls_member_join(carol_client, &join, &carol), SG_OK);
    assert_same_state(s.alice, carol);
    assert_leaf(carol, 1, "robert", s.bob_client);
    say_both(&s);
    sg_mls_member_free(carol);
    sg_mls_client_free(carol_client);
    sg_mls_blob_free(&package);
    sg_mls_blob_free(&secret);
    sg_mls_commit_output_free(&output);
    tear_down(&s);
}

/* The renewed one is dropped with a commit that somebody else's overtakes. */
static void a_commit_that_is_not_accepted_changes_nothing(void **state)
{
    struct scene s;
    struct needles old;
    struct sg_mls_commit_output output, theirs;
    (void)state;
    set_up(&s);
    note_key(&old, s.bob);
    renew(s.bob_client, "robert", sg_bytes(NULL, 0));
    assert_int_equal(sg_mls_member_commit(s.bob, &renewing, &output), SG_OK);
    assert_int_equal(sg_mls_member_discard(s.bob), SG_OK);
    assert_true(has_key(s.bob, &old));
    sg_mls_commit_output_free(&output);
    assert_int_equal(sg_mls_member_commit(s.bob, &renewing, &output), SG_OK);
    assert_int_equal(sg_mls_member_commit(s.alice, NULL, &theirs), SG_OK);
    assert_int_equal(take_in(s.bob, &theirs.commit, SG_MLS_GOT_COMMIT), SG_OK);
    assert_int_equal(sg_mls_member_accept(s.alice), SG_OK);
    assert_true(has_key(s.bob, &old));
    say_both(&s);
    assert_int_equal(take_in(s.alice, &output.commit, SG_MLS_GOT_COMMIT), SG_ERR_MLS_EPOCH);
    sg_mls_commit_output_free(&output);
    sg_mls_commit_output_free(&theirs);
    tear_down(&s);
}

/* ---- updates ---- */

static void an_update_changes_key_and_credential(void **state)
{
    struct scene s;
    struct needles old;
    struct sg_mls_blob update;
    struct sg_mls_commit_output output;
    (void)state;
    set_up(&s);
    note_key(&old, s.bob);
    renew(s.bob_client, "robert", sg_bytes(NULL, 0));
    assert_int_equal(sg_mls_member_propose_renewal(s.bob, &update), SG_OK);
    assert_int_equal(take_in(s.alice, &update, SG_MLS_GOT_PROPOSAL), SG_OK);
    assert_string_equal(s.alice_judge.before, "bob");
    assert_string_equal(s.alice_judge.after, "robert");
    assert_true(has_key(s.bob, &old)); /* what he sends until then is his earlier leaf's */
    assert_int_equal(sg_mls_member_commit(s.alice, NULL, &output), SG_OK);
    assert_int_equal(take_in(s.bob, &output.commit, SG_MLS_GOT_COMMIT), SG_OK);
    assert_int_equal(sg_mls_member_accept(s.alice), SG_OK);
    assert_int_equal(count_in_memory(&old), 0);
    assert_leaf(s.alice, 1, "robert", s.bob_client);
    say_both(&s);
    sg_mls_commit_output_free(&output);
    sg_mls_blob_free(&update);
    tear_down(&s);
}

static void a_stored_update_comes_back_with_its_key(void **state)
{
    struct scene s;
    struct needles old;
    struct sg_mls_blob update, secret, storage;
    struct sg_mls_commit_output output;
    (void)state;
    set_up(&s);
    note_key(&old, s.alice);
    rename_alice(&s, &secret, &storage);
    assert_int_equal(sg_mls_member_propose_renewal(s.alice, &update), SG_OK);
    assert_int_equal(take_in(s.bob, &update, SG_MLS_GOT_PROPOSAL), SG_OK);
    assert_int_equal(restart_alice(&s, bytes(&secret), bytes(&storage)), SG_OK);
    assert_true(has_key(s.alice, &old));
    assert_int_equal(sg_mls_member_commit(s.bob, NULL, &output), SG_OK);
    assert_int_equal(take_in(s.alice, &output.commit, SG_MLS_GOT_COMMIT), SG_OK);
    assert_int_equal(sg_mls_member_accept(s.bob), SG_OK);
    assert_false(has_key(s.alice, &old));
    assert_int_equal(restart_alice(&s, bytes(&secret), bytes(&storage)), SG_OK);
    assert_leaf(s.bob, 0, "alicia", s.alice_client);
    say_both(&s);
    sg_mls_commit_output_free(&output);
    sg_mls_blob_free(&update);
    sg_mls_blob_free(&secret);
    sg_mls_blob_free(&storage);
    tear_down(&s);
}

/* ---- what is refused ---- */

static void successors_that_are_refused(void **state)
{
    struct scene s;
    struct sg_mls_blob update, secret;
    struct sg_mls_commit_output output;
    struct sg_mls_state_info info;
    (void)state;
    set_up(&s);
    renew(s.bob_client, "mallory", sg_bytes(NULL, 0));
    /* by his own callback: others would say the same */
    s.bob_judge.refuses = "mallory";
    assert_int_equal(sg_mls_member_propose_renewal(s.bob, &update), SG_ERR_MLS_CREDENTIAL);
    assert_int_equal(sg_mls_member_commit(s.bob, &renewing, &output), SG_ERR_MLS_CREDENTIAL);
    sg_mls_member_state(s.bob, &info);
    assert_false(info.has_pending);
    assert_int_equal(info.waiting, 0);
    /* by Alice's */
    s.bob_judge.refuses = NULL;
    s.alice_judge.refuses = "mallory";
    assert_int_equal(sg_mls_member_propose_renewal(s.bob, &update), SG_OK);
    assert_int_equal(take_in(s.alice, &update, SG_MLS_GOT_PROPOSAL), SG_ERR_MLS_CREDENTIAL);
    struct sg_mls_commit_request request = {.renews_leaf = true, .without_waiting = true};
    assert_int_equal(sg_mls_member_commit(s.bob, &request, &output), SG_OK);
    assert_int_equal(take_in(s.alice, &output.commit, SG_MLS_GOT_COMMIT), SG_ERR_MLS_CREDENTIAL);
    sg_mls_commit_output_free(&output);
    sg_mls_blob_free(&update);
    assert_int_equal(sg_mls_member_discard(s.bob), SG_OK);
    /* RFC9420 s7.3: the signature key of somebody else in the group */
    assert_int_equal(sg_mls_client_secret(s.alice_client, &secret), SG_OK);
    renew(s.bob_client, "bob", bytes(&secret));
    assert_int_equal(sg_mls_member_propose_renewal(s.bob, &update), SG_ERR_MLS_PROPOSAL);
    assert_int_equal(sg_mls_member_commit(s.bob, &request, &output), SG_ERR_MLS_PROPOSAL);
    assert_same_state(s.alice, s.bob);
    sg_mls_blob_free(&secret);
    tear_down(&s);
}

static void renewals_that_fail_change_nothing(void **state)
{
    struct scene s;
    struct sg_mls_client_config config;
    struct sg_mls_blob before, after;
    static const uint16_t twice[] = {OWN_TYPE, OWN_TYPE};
    (void)state;
    set_up(&s);
    assert_int_equal(sg_mls_client_secret(s.bob_client, &before), SG_OK);
    sg_mls_client_config_init(&config);
    config.identity = text("robert");
    config.suite = 2;
    assert_int_equal(sg_mls_client_renew(s.bob_client, &config), SG_ERR_INVALID_ARGUMENT);
    config.suite = 1;
    assert_int_equal(sg_mls_client_renew(NULL, &config), SG_ERR_INVALID_ARGUMENT);
    config.secret = text("short");
    assert_int_equal(sg_mls_client_renew(s.bob_client, &config), SG_ERR_MALFORMED);
    config.secret = sg_bytes(NULL, 0);
    config.more_extensions = twice;
    config.more_extension_count = 2;
    assert_int_equal(sg_mls_client_renew(s.bob_client, &config), SG_ERR_INVALID_ARGUMENT);
    assert_int_equal(sg_mls_client_secret(s.bob_client, &after), SG_OK);
    assert_memory_equal(before.data, after.data, before.len);
    assert_memory_equal(s.bob_client->identity.credential.body.data, "bob", 3);
    sg_mls_blob_free(&before);
    sg_mls_blob_free(&after);
    tear_down(&s);
}

/* ---- rollback and restart ---- */

static void a_rollback_restores_the_earlier_key(void **state)
{
    struct scene s;
    struct needles old;
    struct sg_mls_blob secret, storage;
    struct sg_mls_commit_output output;
    (void)state;
    set_up(&s);
    note_key(&old, s.alice);
    rename_alice(&s, &secret, &storage);
    for (unsigned restarts = 0; restarts < 2; restarts++) {
        assert_int_equal(sg_mls_member_commit(s.alice, &renewing, &output), SG_OK);
        assert_int_equal(sg_mls_member_accept(s.alice), SG_OK);
        assert_false(has_key(s.alice, &old));
        if (restarts > 0)
            assert_int_equal(restart_alice(&s, bytes(&secret), bytes(&storage)), SG_OK);
        assert_int_equal(sg_mls_member_rollback(s.alice), SG_OK);
        assert_true(has_key(s.alice, &old));
        say_both(&s);
        sg_mls_commit_output_free(&output);
    }
    /* and away for good, when no rollback comes there any more */
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(sg_mls_member_commit(s.alice, &renewing, &output), SG_OK);
        assert_int_equal(take_in(s.bob, &output.commit, SG_MLS_GOT_COMMIT), SG_OK);
        assert_int_equal(sg_mls_member_accept(s.alice), SG_OK);
        assert_true((count_in_memory(&old) == 0) == (i == 2));
        sg_mls_commit_output_free(&output);
    }
    assert_leaf(s.bob, 0, "alicia", s.alice_client);
    sg_mls_blob_free(&secret);
    sg_mls_blob_free(&storage);
    tear_down(&s);
}

static void storage_stays_sealed_as_it_was(void **state)
{
    struct scene s;
    struct sg_mls_blob first, secret, storage;
    struct sg_mls_client_config config;
    struct sg_mls_client *client;
    (void)state;
    set_up(&s);
    assert_int_equal(sg_mls_client_secret(s.alice_client, &first), SG_OK);
    s.name = "alicia";
    renew(s.alice_client, s.name, sg_bytes(NULL, 0));
    assert_int_equal(sg_mls_client_secret(s.alice_client, &secret), SG_OK);
    assert_int_equal(sg_mls_client_storage_secret(s.alice_client, &storage), SG_OK);
    assert_int_equal(restart_alice(&s, bytes(&secret), sg_bytes(NULL, 0)), SG_ERR_CORRUPT);
    assert_int_equal(restart_alice(&s, bytes(&secret), bytes(&storage)), SG_OK);
    say_both(&s);
    /* who lost the new key has the earlier one, and the member still is what it was */
    assert_int_equal(restart_alice(&s, bytes(&first), sg_bytes(NULL, 0)), SG_OK);
    say_both(&s);
    config = config_of("alice", &s.alice_judge, s.disk);
    config.storage_secret = text("short");
    assert_int_equal(sg_mls_client_new(&config, &client), SG_ERR_MALFORMED);
    sg_mls_blob_free(&first);
    sg_mls_blob_free(&secret);
    sg_mls_blob_free(&storage);
    tear_down(&s);
}

/* ---- capabilities and extensions ---- */

/* Keeps name and key; understands OWN_TYPE, and its leaf has it. */
static void learn_type(struct sg_mls_client *client, const char *name, const char *value)
{
    static const uint16_t types[] = {OWN_TYPE};
    struct sg_mls_client_config config;
    struct sg_mls_blob secret;
    const struct sg_mls_extension_item leaf[] = {{OWN_TYPE, text(value)}};
    assert_int_equal(sg_mls_client_secret(client, &secret), SG_OK);
    sg_mls_client_config_init(&config);
    config.identity = text(name);
    config.secret = bytes(&secret);
    config.more_extensions = types;
    config.more_extension_count = 1;
    config.leaf_extensions = leaf;
    config.leaf_extension_count = 1;
    assert_int_equal(sg_mls_client_renew(client, &config), SG_OK);
    sg_mls_blob_free(&secret);
}

static sg_err propose_type(const struct scene *s)
{
    const struct sg_mls_extension_item items[] = {{OWN_TYPE, text("rules")}};
    struct sg_mls_blob message = {NULL, 0};
    sg_err err = sg_mls_member_propose_extensions(s->alice, items, 1, &message);
    if (err == SG_OK)
        assert_int_equal(take_in(s->bob, &message, SG_MLS_GOT_PROPOSAL), SG_OK);
    sg_mls_blob_free(&message);
    return err;
}

static void members_announce_new_capabilities(void **state)
{
    struct scene s;
    struct needles key;
    struct sg_mls_blob update;
    struct sg_mls_commit_output output;
    struct sg_bytes data;
    (void)state;
    set_up(&s);
    note_key(&key, s.bob);
    assert_int_equal(propose_type(&s), SG_ERR_MLS_CAPABILITY);
    learn_type(s.bob_client, "bob", "phone");
    assert_int_equal(sg_mls_member_propose_renewal(s.bob, &update), SG_OK);
    assert_int_equal(take_in(s.alice, &update, SG_MLS_GOT_PROPOSAL), SG_OK);
    learn_type(s.alice_client, "alice", "laptop");
    assert_int_equal(sg_mls_member_commit(s.alice, &renewing, &output), SG_OK);
    assert_int_equal(take_in(s.bob, &output.commit, SG_MLS_GOT_COMMIT), SG_OK);
    assert_int_equal(sg_mls_member_accept(s.alice), SG_OK);
    assert_true(has_key(s.bob, &key));
    sg_mls_commit_output_free(&output);
    sg_mls_blob_free(&update);
    assert_int_equal(sg_mls_member_leaf_extension(s.alice, 1, OWN_TYPE, &data), SG_OK);
    assert_memory_equal(data.data, "phone", 5);
    assert_int_equal(sg_mls_member_leaf_extension(s.bob, 0, OWN_TYPE, &data), SG_OK);
    assert_memory_equal(data.data, "laptop", 6);
    /* now all understand it */
    assert_int_equal(propose_type(&s), SG_OK);
    assert_int_equal(sg_mls_member_commit(s.bob, NULL, &output), SG_OK);
    assert_int_equal(take_in(s.alice, &output.commit, SG_MLS_GOT_COMMIT), SG_OK);
    assert_int_equal(sg_mls_member_accept(s.bob), SG_OK);
    say_both(&s);
    sg_mls_commit_output_free(&output);
    /* RFC9420 s7.3: and nobody may forget it again */
    struct sg_mls_blob secret;
    assert_int_equal(sg_mls_client_secret(s.bob_client, &secret), SG_OK);
    renew(s.bob_client, "bob", bytes(&secret));
    assert_int_equal(sg_mls_member_propose_renewal(s.bob, &update), SG_ERR_MLS_CAPABILITY);
    assert_int_equal(sg_mls_member_commit(s.bob, &renewing, &output), SG_ERR_MLS_CAPABILITY);
    sg_mls_blob_free(&secret);
    say_both(&s);
    tear_down(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_commit_changes_key_and_credential),
        cmocka_unit_test(a_credential_becomes_one_of_another_type),
        cmocka_unit_test(a_commit_that_renews_also_adds),
        cmocka_unit_test(a_commit_that_is_not_accepted_changes_nothing),
        cmocka_unit_test(an_update_changes_key_and_credential),
        cmocka_unit_test(a_stored_update_comes_back_with_its_key),
        cmocka_unit_test(successors_that_are_refused),
        cmocka_unit_test(renewals_that_fail_change_nothing),
        cmocka_unit_test(a_rollback_restores_the_earlier_key),
        cmocka_unit_test(storage_stays_sealed_as_it_was),
        cmocka_unit_test(members_announce_new_capabilities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
