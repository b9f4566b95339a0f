/* runtime/mls_proposal.c: what a proposal takes from a suite it takes from the group's, where the
 * client has become one of another suite since. */
#include "mls_disk.h"

#include "mls/successor.h"
#include "runtime/mls_impl.h"

/* Ed25519 all; AES-256, SHA-384 the first two, SHA-256 the third. */
enum { X_WING = 0xf602, ML_KEM = 0xf606, X25519 = 3 };

static sg_err find_psk(void *user, struct sg_bytes id, uint8_t *secret, size_t *len)
{
    (void)user;
    (void)id;
    memset(secret, 7, 32);
    *len = 32;
    return SG_OK;
}

static struct sg_mls_client *client_of(uint16_t suite, struct sg_bytes secret, struct disk *disk)
{
    struct sg_mls_client_config config;
    struct sg_mls_client *client;
    sg_mls_client_config_init(&config);
    config.suite = suite;
    config.identity = text("alice");
    config.secret = secret;
    config.find_psk = find_psk;
    if (disk != NULL)
        config.storage = (struct sg_mls_storage){disk, disk_write, disk_read};
    assert_int_equal(sg_mls_client_new(&config, &client), SG_OK);
    return client;
}

static void a_reinit_keeps_the_suite_of_the_group(void **state)
{
    const struct sg_mls_reinit_request next = {.group_id = text("next")};
    const struct sg_mls_commit_request request = {.reinit = &next};
    struct disk *disk = calloc(1, sizeof(*disk));
    struct sg_mls_client *client = client_of(X_WING, sg_bytes(NULL, 0), disk);
    struct sg_mls_commit_output output;
    struct sg_mls_member *member;
    struct sg_mls_reinit reinit;
    struct sg_mls_blob secret;
    (void)state;
    assert_int_equal(sg_mls_member_create(client, text("g"), &member), SG_OK);
    assert_int_equal(sg_mls_client_secret(client, &secret), SG_OK);
    sg_mls_member_free(member);
    sg_mls_client_free(client);
    client = client_of(ML_KEM, bytes(&secret), disk);
    assert_int_equal(sg_mls_member_load(client, text("g"), &member), SG_OK);
    assert_int_equal(sg_mls_member_commit(member, &request, &output), SG_OK);
    assert_int_equal(sg_mls_member_accept(member), SG_OK);
    assert_int_equal(sg_mls_group_reinit(member->group, &reinit), SG_OK);
    assert_int_equal(reinit.suite, X_WING);
    sg_mls_commit_output_free(&output);
    sg_mls_blob_free(&secret);
    sg_mls_member_free(member);
    sg_mls_client_free(client);
    disk_fini(disk);
    free(disk);
}

/* RFC9420 s8.4: psk_nonce has KDF.Nh bytes, 48 there. */
static void a_join_from_outside_has_nonces_of_the_group(void **state)
{
    const struct sg_bytes psks[] = {text("key1")};
    struct sg_mls_client *alice_client = client_of(X_WING, sg_bytes(NULL, 0), NULL);
    struct sg_mls_client *bob_client = client_of(X25519, sg_bytes(NULL, 0), NULL);
    struct sg_mls_member *alice, *bob;
    struct sg_mls_received received;
    struct sg_mls_blob info, commit;
    (void)state;
    assert_int_equal(sg_mls_member_create(alice_client, text("g"), &alice), SG_OK);
    assert_int_equal(sg_mls_member_info(alice, true, true, &info), SG_OK);
    const struct sg_mls_external_request request = {
        .group_info = bytes(&info), .psks = psks, .psk_count = 1};
    assert_int_equal(sg_mls_member_join_external(bob_client, &request, &bob, &commit), SG_OK);
    assert_int_equal(sg_mls_member_receive(alice, bytes(&commit), &received), SG_OK);
    assert_int_equal(sg_mls_member_accept(bob), SG_OK);
    assert_same_state(alice, bob);
    sg_mls_received_free(&received);
    sg_mls_blob_free(&info);
    sg_mls_blob_free(&commit);
    sg_mls_member_free(alice);
    sg_mls_member_free(bob);
    sg_mls_client_free(alice_client);
    sg_mls_client_free(bob_client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reinit_keeps_the_suite_of_the_group),
        cmocka_unit_test(a_join_from_outside_has_nonces_of_the_group),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
