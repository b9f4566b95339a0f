/* runtime/mls_storage.c, mls_client.c: what storage is given is sealed, and what a program is asked
 * about credentials. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mls_fixture.h"

#include "runtime/mls_impl.h"

/* ---- storage in memory, and the claims that were shown ---- */

#define ENTRIES 128

struct entry {
    struct sg_mls_item item;
    uint8_t *value;
};

struct claim {
    struct sg_mls_claim claim;
    uint8_t before[16], credential[16];
};

struct scene {
    struct entry entries[ENTRIES];
    unsigned count;
    struct claim shown[16];
    unsigned shown_count;
    struct sg_mls_client *alice_client, *bob_client;
    struct sg_mls_member *alice, *bob;
    uint16_t bob_type; /* of his credential */
    bool fails;        /* writing */
    bool keeps_less;   /* Alice's config: no past epochs */
};

static struct entry *find(struct scene *s, const struct sg_mls_item *item)
{
    for (unsigned i = 0; i < s->count; i++)
        if (s->entries[i].item.kind == item->kind && s->entries[i].item.index == item->index)
            return &s->entries[i];
    return NULL;
}

static sg_err disk_write(void *user, struct sg_bytes group, const struct sg_mls_item *items,
                         size_t count)
{
    struct scene *s = user;
    (void)group;
    if (s->fails)
        return SG_ERR_NO_SPACE;
    for (size_t i = 0; i < count; i++) {
        struct entry *at = find(s, &items[i]);
        if (at == NULL) {
            assert_true(s->count < ENTRIES);
            at = &s->entries[s->count++];
        }
        free(at->value);
        *at = (struct entry){items[i], NULL};
        if (items[i].value.data == NULL)
            continue;
        at->value = malloc(items[i].value.len + 1);
        memcpy(at->value, items[i].value.data, items[i].value.len);
    }
    return SG_OK;
}

static sg_err disk_read(void *user, struct sg_bytes group, const struct sg_mls_item *item,
                        struct sg_mls_blob *value)
{
    struct entry *at = find(user, item);
    (void)group;
    if (at == NULL || at->value == NULL)
        return SG_ERR_NOT_FOUND;
    *value = (struct sg_mls_blob){malloc(at->item.value.len + 1), at->item.value.len};
    memcpy(value->data, at->value, value->len);
    return SG_OK;
}

static sg_err check_credential(void *user, const struct sg_mls_claim *claim)
{
    struct scene *s = user;
    if (s->shown_count == 16)
        return SG_OK;
    struct claim *copy = &s->shown[s->shown_count++];
    *copy = (struct claim){.claim = *claim};
    if (claim->has_before)
        memcpy(copy->before, claim->before.data, claim->before.len);
    memcpy(copy->credential, claim->credential.data, claim->credential.len);
    return SG_OK;
}

static void make_alice(struct scene *s)
{
    struct sg_mls_client_config config;
    struct sg_mls_blob secret = {NULL, 0};
    sg_mls_client_config_init(&config);
    if (s->alice_client != NULL)
        assert_int_equal(sg_mls_client_secret(s->alice_client, &secret), SG_OK);
    sg_mls_client_free(s->alice_client);
    config.suite = 1;
    config.identity = SG_BYTES_LIT("alice");
    config.secret = bytes(&secret);
    config.undo_epochs = s->keeps_less ? 0 : 2;
    config.past_epochs = s->keeps_less ? 0 : config.past_epochs;
    config.user = s;
    config.check_credential = check_credential;
    config.storage = (struct sg_mls_storage){s, disk_write, disk_read};
    assert_int_equal(sg_mls_client_new(&config, &s->alice_client), SG_OK);
    sg_mls_blob_free(&secret);
}

static void set_up(struct scene *s, uint16_t bob_type)
{
    struct sg_mls_client_config config;
    struct sg_mls_blob package, secret;
    struct sg_mls_commit_output output;
    memset(s, 0, sizeof(*s));
    s->bob_type = bob_type;
    make_alice(s);
    sg_mls_client_config_init(&config);
    config.suite = 1;
    config.credential_type = bob_type;
    config.identity =
        bob_type == SG_MLS_CREDENTIAL_X509 ? SG_BYTES_LIT("\4cert") : SG_BYTES_LIT("bob");
    assert_int_equal(sg_mls_client_new(&config, &s->bob_client), SG_OK);
    assert_int_equal(sg_mls_member_create(s->alice_client, SG_BYTES_LIT("g"), &s->alice), SG_OK);
    assert_int_equal(sg_mls_client_package(s->bob_client, NULL, &package, &secret), SG_OK);
    struct sg_bytes packages[] = {bytes(&package)};
    struct sg_mls_commit_request request = {
        .add = packages, .add_count = 1, .tree_in_welcome = true};
    assert_int_equal(sg_mls_member_commit(s->alice, &request, &output), SG_OK);
    assert_int_equal(sg_mls_member_accept(s->alice), SG_OK);
    struct sg_mls_join_request join = {.welcome = bytes(&output.welcome), .secret = bytes(&secret)};
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
    for (unsigned i = 0; i < s->count; i++)
        free(s->entries[i].value);
}

/* ---- tests ---- */

/* Every entry but the nodes of the tree: a changed byte anywhere is noticed when it is loaded, and
 * so is an entry in another's place. */
static void entries_are_sealed(void **state)
{
    struct scene s;
    struct sg_mls_commit_output output;
    struct sg_mls_blob message;
    unsigned logs = 0;
    (void)state;
    set_up(&s, SG_MLS_CREDENTIAL_BASIC);
    assert_int_equal(sg_mls_member_commit(s.alice, NULL, &output), SG_OK);
    assert_int_equal(sg_mls_member_accept(s.alice), SG_OK);
    sg_mls_commit_output_free(&output);
    assert_int_equal(
        sg_mls_member_protect(s.alice, SG_BYTES_LIT("hi"), sg_bytes(NULL, 0), &message), SG_OK);
    sg_mls_blob_free(&message);
    assert_int_equal(sg_mls_member_propose_update(s.alice, &message), SG_OK);
    sg_mls_blob_free(&message);
    sg_mls_member_free(s.alice);
    make_alice(&s);
    for (unsigned i = 0; i < s.count; i++) {
        struct entry *entry = &s.entries[i];
        if (entry->value == NULL || entry->item.kind == SG_MLS_RECORD_NODE)
            continue;
        logs += entry->item.kind == SG_MLS_RECORD_LOG;
        for (unsigned part = 0; part < 3; part++) {
            uint8_t *byte = entry->value + part * (entry->item.value.len - 1) / 2;
            *byte ^= 1;
            assert_int_equal(sg_mls_member_load(s.alice_client, SG_BYTES_LIT("g"), &s.alice),
                             SG_ERR_CORRUPT);
            *byte ^= 1;
        }
    }
    assert_int_equal(logs, 2);
    struct sg_mls_item first = {SG_MLS_RECORD_LOG, 0, {NULL, 0}}, second = first;
    second.index = 1;
    struct entry *a = find(&s, &first), *b = find(&s, &second), c = *a;
    a->value = b->value;
    a->item.value = b->item.value;
    assert_int_equal(sg_mls_member_load(s.alice_client, SG_BYTES_LIT("g"), &s.alice),
                     SG_ERR_CORRUPT);
    *a = c;
    assert_int_equal(sg_mls_member_load(s.alice_client, SG_BYTES_LIT("g"), &s.alice), SG_OK);
    tear_down(&s);
}

static unsigned epochs_kept(const struct scene *s)
{
    unsigned count = 0;
    for (unsigned i = 0; i < s->count; i++)
        count += s->entries[i].item.kind == SG_MLS_RECORD_EPOCH && s->entries[i].value != NULL;
    return count;
}

/* Secrets that the config keeps no longer go when the group is loaded; where nothing can be
 * written, with the first step that can. */
static void less_is_kept_than_before(void **state)
{
    struct scene s;
    struct sg_mls_commit_output output;
    (void)state;
    set_up(&s, SG_MLS_CREDENTIAL_BASIC);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(sg_mls_member_commit(s.alice, NULL, &output), SG_OK);
        assert_int_equal(sg_mls_member_accept(s.alice), SG_OK);
        sg_mls_commit_output_free(&output);
    }
    assert_int_equal(epochs_kept(&s), 4);
    for (unsigned i = 0; i < 2; i++) {
        s.keeps_less = true;
        s.fails = i == 0;
        sg_mls_member_free(s.alice);
        make_alice(&s);
        assert_int_equal(sg_mls_member_load(s.alice_client, SG_BYTES_LIT("g"), &s.alice), SG_OK);
        assert_int_equal(epochs_kept(&s), i == 0 ? 4 : 1);
    }
    tear_down(&s);
}

/* The last claim about Bob. */
static const struct claim *shown_of(const struct scene *s, uint16_t type)
{
    const char *name = type == SG_MLS_CREDENTIAL_X509 ? "\4cert" : "bob";
    for (unsigned i = s->shown_count; i > 0; i--) {
        const struct claim *shown = &s->shown[i - 1];
        if (shown->claim.credential_type == type &&
            memcmp(shown->credential, name, strlen(name)) == 0)
            return shown;
    }
    assert_true(false);
    return NULL;
}

/* RFC9420 s5.3.1: at an Add there was nothing before; at an Update it is shown, with its type. */
static void claims_say_what_was_before(void **state)
{
    struct scene s;
    struct sg_mls_received received;
    struct sg_mls_blob message;
    const uint16_t types[] = {SG_MLS_CREDENTIAL_BASIC, SG_MLS_CREDENTIAL_X509};
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        set_up(&s, types[i]);
        const struct claim *added = shown_of(&s, types[i]);
        assert_false(added->claim.has_before);
        s.shown_count = 0;
        assert_int_equal(sg_mls_member_propose_update(s.bob, &message), SG_OK);
        assert_int_equal(sg_mls_member_receive(s.alice, bytes(&message), &received), SG_OK);
        sg_mls_received_free(&received);
        sg_mls_blob_free(&message);
        const struct claim *updated = shown_of(&s, types[i]);
        assert_true(updated->claim.has_before);
        assert_int_equal(updated->claim.before_type, types[i]);
        assert_int_equal(updated->claim.before.len, updated->claim.credential.len);
        assert_memory_equal(updated->before, updated->credential, sizeof(updated->before));
        tear_down(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_are_sealed),
        cmocka_unit_test(less_is_kept_than_before),
        cmocka_unit_test(claims_say_what_was_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
