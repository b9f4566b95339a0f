/* runtime/mls_tree_parts.c, mls/tree_chunks.c: a tree in chunks comes together in any order, forged
 * ones are refused, and a commit changes few of them. */
#include "runtime/mls_impl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "mls_fixture.h"

#include "mls/tree_chunks.h"

#define MEMBERS 600

/* A tree of plain leaves in place of the member's: what is in them does not matter here. */
static struct sg_mls_member *member_with_tree(struct sg_mls_client **client)
{
    struct sg_mls_client_config config;
    struct sg_mls_member *member;
    struct sg_mls_leaf leaf;
    sg_mls_client_config_init(&config);
    config.suite = 1;
    config.identity = SG_BYTES_LIT("alice");
    assert_int_equal(sg_mls_client_new(&config, client), SG_OK);
    assert_int_equal(sg_mls_member_create(*client, SG_BYTES_LIT("g"), &member), SG_OK);
    struct sg_mls_tree *tree = &member->group->tree;
    sg_mls_tree_leaf(tree, 0, &leaf);
    uint8_t *raw = malloc(leaf.raw.len);
    assert_non_null(raw);
    memcpy(raw, leaf.raw.data, leaf.raw.len);
    for (uint32_t i = 1; i < MEMBERS; i++) {
        uint32_t at;
        raw[1] = (uint8_t)i;
        raw[2] = (uint8_t)(i >> 8);
        assert_int_equal(sg_mls_tree_add(tree, sg_bytes(raw, leaf.raw.len), &at), SG_OK);
    }
    free(raw);
    return member;
}

static void chunks_make_the_tree_again(void **state)
{
    struct sg_mls_client *client;
    struct sg_mls_member *member = member_with_tree(&client);
    struct sg_mls_blob manifest, tree, again, chunk;
    struct sg_mls_tree_parts *parts;
    struct sg_bytes hash;
    uint32_t index, count = sg_mls_chunk_count(&member->group->tree);
    (void)state;
    assert_int_equal(count, 5); /* 1199 nodes */
    assert_int_equal(sg_mls_member_tree_manifest(member, &manifest), SG_OK);
    assert_int_equal(sg_mls_tree_parts_new(bytes(&manifest), &parts), SG_OK);
    for (uint32_t i = count; i > 0; i--) {
        assert_int_equal(sg_mls_tree_parts_missing(parts, i - 1, &index, &hash), SG_OK);
        assert_int_equal(index, i - 1);
        assert_int_equal(sg_mls_tree_parts_tree(parts, &again), SG_ERR_INVALID_STATE);
        assert_int_equal(sg_mls_member_tree_chunk(member, i - 1, &chunk), SG_OK);
        chunk.data[5] ^= 1;
        assert_int_equal(sg_mls_tree_parts_put(parts, bytes(&chunk)), SG_ERR_NOT_FOUND);
        chunk.data[5] ^= 1;
        assert_int_equal(sg_mls_tree_parts_put(parts, bytes(&chunk)), SG_OK);
        assert_int_equal(sg_mls_tree_parts_put(parts, bytes(&chunk)), SG_ERR_DUPLICATE);
        sg_mls_blob_free(&chunk);
    }
    assert_int_equal(sg_mls_tree_parts_missing(parts, 0, &index, &hash), SG_ERR_NOT_FOUND);
    assert_int_equal(sg_mls_member_tree_chunk(member, count, &chunk), SG_ERR_NOT_FOUND);
    assert_int_equal(sg_mls_tree_parts_tree(parts, &again), SG_OK);
    assert_int_equal(sg_mls_member_tree(member, &tree), SG_OK);
    assert_int_equal(tree.len, again.len);
    assert_memory_equal(tree.data, again.data, tree.len);
    sg_mls_blob_free(&tree);
    sg_mls_blob_free(&again);
    sg_mls_blob_free(&manifest);
    sg_mls_tree_parts_free(parts);
    sg_mls_member_free(member);
    sg_mls_client_free(client);
}

/* A leaf that goes takes its direct path along: one chunk for the leaf and those below the middle,
 * others for the nodes above. */
static void a_change_is_in_few_chunks(void **state)
{
    struct sg_mls_client *client;
    struct sg_mls_member *member = member_with_tree(&client);
    struct sg_mls_blob before, after;
    struct sg_mls_manifest a, b;
    size_t suites;
    uint32_t changed = 0;
    (void)state;
    assert_int_equal(sg_mls_member_tree_manifest(member, &before), SG_OK);
    assert_int_equal(sg_mls_tree_remove(&member->group->tree, 7), SG_OK);
    assert_int_equal(sg_mls_member_tree_manifest(member, &after), SG_OK);
    const struct sg_mls_suite *table = sg_mls_suites(&suites);
    assert_int_equal(sg_mls_manifest_read(table, suites, bytes(&before), &a), SG_OK);
    assert_int_equal(sg_mls_manifest_read(table, suites, bytes(&after), &b), SG_OK);
    assert_int_equal(a.count, b.count);
    for (uint32_t i = 0; i < a.count; i++)
        changed += memcmp(a.hashes.data + 32 * i, b.hashes.data + 32 * i, 32) != 0;
    assert_int_equal(changed, 1);
    sg_mls_blob_free(&before);
    sg_mls_blob_free(&after);
    sg_mls_member_free(member);
    sg_mls_client_free(client);
}

static void manifests_are_checked(void **state)
{
    const struct {
        struct sg_bytes data;
        sg_err err;
    } cases[] = {
        {SG_BYTES_LIT(""), SG_ERR_TRUNCATED},
        {SG_BYTES_LIT("\1\0\1\0\0\0\0\0"), SG_ERR_MALFORMED},
        {SG_BYTES_LIT("\2\0\1\0\0\0\0\0"), SG_ERR_UNSUPPORTED},
        {SG_BYTES_LIT("\1\0\x63\0\0\0\0\0"), SG_ERR_UNSUPPORTED},
        {SG_BYTES_LIT("\1\0\1\xff\0\0\0\0"), SG_ERR_LIMIT},
        {SG_BYTES_LIT("\1\0\1\0\0\0\1\1x"), SG_ERR_MALFORMED},
        {SG_BYTES_LIT("\1\0\1\0\0\0\1\0x"), SG_ERR_TRAILING},
    };
    struct sg_mls_tree_parts *parts;
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(sg_mls_tree_parts_new(cases[i].data, &parts), cases[i].err);
}

/* Keys are unique in a tree, so only blank stretches can be alike. */
static void one_chunk_does_not_fill_all_places(void **state)
{
    struct sg_mls_client *client;
    struct sg_mls_member *member = member_with_tree(&client);
    struct sg_mls_blob manifest, chunk;
    struct sg_mls_tree_parts *parts;
    struct sg_mls_manifest names;
    size_t suites;
    (void)state;
    assert_int_equal(sg_mls_member_tree_manifest(member, &manifest), SG_OK);
    const struct sg_mls_suite *table = sg_mls_suites(&suites);
    assert_int_equal(sg_mls_manifest_read(table, suites, bytes(&manifest), &names), SG_OK);
    memcpy(manifest.data + manifest.len - 32, names.hashes.data, 32);
    assert_int_equal(sg_mls_tree_parts_new(bytes(&manifest), &parts), SG_OK);
    assert_int_equal(sg_mls_member_tree_chunk(member, 0, &chunk), SG_OK);
    assert_int_equal(sg_mls_tree_parts_put(parts, bytes(&chunk)), SG_ERR_MALFORMED);
    sg_mls_blob_free(&chunk);
    sg_mls_tree_parts_free(parts);
    sg_mls_blob_free(&manifest);
    sg_mls_member_free(member);
    sg_mls_client_free(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks_make_the_tree_again),
        cmocka_unit_test(a_change_is_in_few_chunks),
        cmocka_unit_test(manifests_are_checked),
        cmocka_unit_test(one_chunk_does_not_fill_all_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
