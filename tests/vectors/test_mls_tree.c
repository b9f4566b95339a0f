/* tree-operations.json, tree-validation.json, treekem.json.
 * TIMEOUT: 300 */
#include "vectors/mls_json.h"

#include "crypto/init.h"
#include "mls/message.h"
#include "mls/treekem.h"

static struct sg_mls_tree tree_of(const struct sg_mls_suite *suite, struct sg_bytes data)
{
    struct sg_mls_tree tree;
    sg_mls_tree_init(&tree, sg_mem_default(), suite);
    assert_int_equal(sg_mls_tree_decode(&tree, data), SG_OK);
    return tree;
}

static void assert_tree_bytes(const struct sg_mls_tree *tree, struct sg_bytes expected)
{
    uint8_t *back = sg_mls_arena_new(&mls_json_arena, expected.len, 1);
    struct sg_writer w = sg_writer(back, expected.len);
    sg_mls_write_tree(&w, tree);
    assert_int_equal(sg_writer_done(&w), SG_OK);
    assert_bytes_equal(sg_bytes(back, w.len), expected);
}

static void apply(struct sg_mls_tree *tree, const struct sg_mls_proposal *proposal, uint32_t sender)
{
    uint32_t leaf;
    if (proposal->type == SG_MLS_ADD) {
        assert_int_equal(sg_mls_tree_add(tree, proposal->u.add->leaf.raw, &leaf), SG_OK);
    } else if (proposal->type == SG_MLS_UPDATE) {
        assert_int_equal(sg_mls_tree_update(tree, sender, proposal->u.update->raw), SG_OK);
    } else {
        assert_int_equal(proposal->type, SG_MLS_REMOVE);
        assert_int_equal(sg_mls_tree_remove(tree, proposal->u.removed), SG_OK);
        assert_int_equal(sg_mls_tree_truncate(tree), SG_OK);
    }
}

static void tree_operations(void **state)
{
    (void)state;
    json_t *root = mls_json_load("tree-operations");
    struct counts counts = {0};
    size_t i;
    json_t *one;
    json_array_foreach(root, i, one)
    {
        const struct sg_mls_suite *suite = suite_of(one);
        struct sg_mls_tree tree = tree_of(suite, hex(one, "tree_before"));
        struct sg_mls_proposal proposal;
        struct sg_mls_tree_log log = {0};
        struct sg_reader r = sg_reader(hex(one, "proposal"));
        sg_mls_read_proposal(&r, &mls_json_arena, &proposal);
        assert_int_equal(sg_reader_done(&r), SG_OK);
        assert_bytes_equal(sg_mls_tree_root_hash(&tree), hex(one, "tree_hash_before"));
        sg_mls_tree_begin(&tree, &log);
        apply(&tree, &proposal, (uint32_t)number(one, "proposal_sender"));
        assert_tree_bytes(&tree, hex(one, "tree_after"));
        assert_bytes_equal(sg_mls_tree_root_hash(&tree), hex(one, "tree_hash_after"));
        /* there and back */
        sg_mls_tree_undo(&tree, &log);
        assert_tree_bytes(&tree, hex(one, "tree_before"));
        assert_bytes_equal(sg_mls_tree_root_hash(&tree), hex(one, "tree_hash_before"));
        sg_mls_tree_redo(&tree, &log);
        assert_tree_bytes(&tree, hex(one, "tree_after"));
        assert_bytes_equal(sg_mls_tree_root_hash(&tree), hex(one, "tree_hash_after"));
        sg_mls_tree_log_fini(&tree, &log);
        sg_mls_tree_fini(&tree);
        count_case(&counts, suite);
    }
    print_counts("tree-operations", &counts);
    mls_json_free(root);
}

static void check_resolution(const struct sg_mls_tree *tree, uint32_t node, const json_t *expected)
{
    struct sg_mls_nodes nodes = {0};
    assert_int_equal(sg_mls_tree_resolution(tree, node, UINT32_MAX, &mls_json_arena, &nodes),
                     SG_OK);
    assert_int_equal(nodes.count, json_array_size(expected));
    for (uint32_t i = 0; i < nodes.count; i++)
        assert_int_equal(nodes.at[i], json_integer_value(json_array_get(expected, i)));
}

static void check_leaves(const struct sg_mls_tree *tree, struct sg_bytes group_id)
{
    for (uint32_t i = 0; i < tree->leaves; i++) {
        struct sg_mls_leaf_place place = {group_id, i};
        struct sg_mls_leaf leaf;
        if (!sg_mls_tree_has_leaf(tree, i))
            continue;
        sg_mls_tree_leaf(tree, i, &leaf);
        assert_int_equal(sg_mls_leaf_verify(tree->suite, sg_mem_default(), &place, &leaf), SG_OK);
    }
}

static void tree_validation(void **state)
{
    (void)state;
    json_t *root = mls_json_load("tree-validation");
    struct counts counts = {0};
    size_t i;
    json_t *one;
    json_array_foreach(root, i, one)
    {
        const struct sg_mls_suite *suite = suite_of(one);
        struct sg_mls_tree tree = tree_of(suite, hex(one, "tree"));
        const json_t *hashes = field(one, "tree_hashes");
        const json_t *resolutions = field(one, "resolutions");
        uint32_t nodes = sg_mls_node_count(tree.leaves);
        assert_int_equal(nodes, json_array_size(hashes));
        for (uint32_t x = 0; x < nodes; x++) {
            assert_bytes_equal(sg_bytes(sg_mls_tree_hash(&tree, x), suite->hash_len),
                               hex_of(json_array_get(hashes, x)));
            check_resolution(&tree, x, json_array_get(resolutions, x));
        }
        assert_int_equal(sg_mls_tree_verify_parents(&tree), SG_OK);
        check_leaves(&tree, hex(one, "group_id"));
        assert_int_equal(tree.keys.duplicates, 0);
        sg_mls_tree_fini(&tree);
        count_case(&counts, suite);
    }
    print_counts("tree-validation", &counts);
    mls_json_free(root);
}

/* ---- treekem ---- */

static void write_context(struct sg_writer *w, const void *context)
{
    sg_mls_write_group_context(w, context);
}

static struct sg_bytes context_of(const json_t *one, struct sg_mls_tree *tree)
{
    struct sg_mls_group_context context = {.version = SG_MLS_VERSION_10,
                                           .suite = tree->suite->id,
                                           .group_id = hex(one, "group_id"),
                                           .epoch = number(one, "epoch"),
                                           .tree_hash = sg_mls_tree_root_hash(tree),
                                           .confirmed_hash = hex(one, "confirmed_transcript_hash")};
    struct sg_bytes encoded;
    assert_int_equal(sg_mls_encode(&mls_json_arena, write_context, &context, &encoded), SG_OK);
    return encoded;
}

static void put_derived(struct sg_mls_private *own, const struct sg_mls_tree *tree,
                        const json_t *path)
{
    const struct sg_mls_suite *suite = tree->suite;
    uint8_t private_bytes[SG_MLS_KEM_PRIVATE_MAX], public_bytes[SG_MLS_KEM_PUBLIC_MAX];
    struct sg_mls_secret node_secret;
    uint32_t node = (uint32_t)number(path, "node");
    assert_int_equal(
        sg_mls_derive_secret(suite, hex(path, "path_secret"), SG_BYTES_LIT("node"), &node_secret),
        SG_OK);
    assert_int_equal(suite->kem_derive(suite, sg_mls_secret_bytes(suite, &node_secret),
                                       private_bytes, public_bytes),
                     SG_OK);
    assert_bytes_equal(sg_mls_node_key(tree->nodes[node]),
                       sg_bytes(public_bytes, suite->kem_public_len));
    sg_mls_private_put(own, node, sg_bytes(private_bytes, suite->kem_private_len));
}

static struct sg_mls_private private_of(const struct sg_mls_tree *tree, const json_t *given)
{
    const struct sg_mls_suite *suite = tree->suite;
    struct sg_mls_private own = {.leaf = (uint32_t)number(given, "index")};
    struct sg_bytes key = private_key(hex(given, "encryption_priv"), suite->kem_private_len);
    uint8_t public_bytes[SG_MLS_SIG_PUBLIC_MAX];
    const struct sg_mls_node *leaf = tree->nodes[2 * own.leaf];
    size_t i;
    json_t *path;
    sg_mls_private_put(&own, 2 * own.leaf, key);
    assert_int_equal(suite->kem_public(suite, key, public_bytes), SG_OK);
    assert_bytes_equal(sg_mls_node_key(leaf), sg_bytes(public_bytes, suite->kem_public_len));
    key = private_key(hex(given, "signature_priv"), suite->sig_private_len);
    assert_int_equal(suite->sig_public(suite, key, public_bytes), SG_OK);
    assert_bytes_equal(sg_mls_node_second(leaf), sg_bytes(public_bytes, suite->sig_public_len));
    json_array_foreach(field(given, "path_secrets"), i, path) put_derived(&own, tree, path);
    return own;
}

/* Member number `given` follows the path; the commit secret must be the expected one. */
static void follow(struct sg_mls_tree *tree, const struct sg_mls_direct_path *filtered,
                   const struct sg_mls_path_open *open, struct sg_mls_private *own,
                   struct sg_mls_path_secrets *secrets)
{
    memset(secrets, 0, sizeof(*secrets));
    secrets->path = *filtered;
    assert_int_equal(sg_mls_path_decrypt(open, secrets, own), SG_OK);
    sg_mls_private_prune(tree, own);
}

static void check_update_path(const json_t *one, const json_t *update)
{
    const struct sg_mls_suite *suite = suite_of(one);
    struct sg_mls_tree tree = tree_of(suite, hex(one, "ratchet_tree"));
    struct sg_mls_tree before = tree_of(suite, hex(one, "ratchet_tree"));
    uint32_t sender = (uint32_t)number(update, "sender");
    struct sg_mls_path path;
    struct sg_mls_leaves none = {0};
    struct sg_mls_direct_path filtered;
    struct sg_reader r = sg_reader(hex(update, "update_path"));
    sg_mls_read_path(&r, &mls_json_arena, &path);
    assert_int_equal(sg_reader_done(&r), SG_OK);
    struct sg_mls_leaf_place place = {hex(one, "group_id"), sender};
    assert_int_equal(sg_mls_leaf_verify(suite, sg_mem_default(), &place, &path.leaf), SG_OK);
    assert_int_equal(sg_mls_path_merge(&tree, sender, &path, &none, &filtered), SG_OK);
    assert_bytes_equal(sg_mls_tree_root_hash(&tree), hex(update, "tree_hash_after"));
    assert_int_equal(sg_mls_tree_verify_parents(&tree), SG_OK);
    struct sg_mls_path_open open = {&tree, &mls_json_arena, &path, &none, context_of(one, &tree)};
    size_t i;
    json_t *given;
    json_array_foreach(field(one, "leaves_private"), i, given)
    {
        struct sg_mls_private own = private_of(&before, given);
        struct sg_mls_path_secrets secrets;
        const json_t *expected = json_array_get(field(update, "path_secrets"), own.leaf);
        if (own.leaf == sender) {
            assert_true(json_is_null(expected));
            continue;
        }
        follow(&tree, &filtered, &open, &own, &secrets);
        assert_bytes_equal(sg_mls_secret_bytes(suite, &secrets.secrets[secrets.from]),
                           hex_of(expected));
        assert_bytes_equal(sg_mls_secret_bytes(suite, &secrets.commit),
                           hex(update, "commit_secret"));
    }
    sg_mls_tree_fini(&before);
    sg_mls_tree_fini(&tree);
}

/* A path of our own by each member, followed by all others. */
static void check_own_path(const json_t *one, const json_t *sender)
{
    const struct sg_mls_suite *suite = suite_of(one);
    struct sg_mls_tree tree = tree_of(suite, hex(one, "ratchet_tree"));
    struct sg_mls_tree before = tree_of(suite, hex(one, "ratchet_tree"));
    struct sg_mls_tree other = tree_of(suite, hex(one, "ratchet_tree"));
    struct sg_mls_private own;
    struct sg_mls_path_secrets made, secrets;
    struct sg_mls_path path;
    struct sg_mls_leaf leaf;
    struct sg_mls_leaves none = {0};
    struct sg_mls_direct_path filtered;
    uint32_t index = (uint32_t)number(sender, "index");
    struct sg_mls_signer signer = {
        suite, sg_mls_random_default(),
        private_key(hex(sender, "signature_priv"), suite->sig_private_len), NULL};
    sg_mls_tree_leaf(&before, index, &leaf);
    struct sg_mls_path_make make = {&tree, &mls_json_arena, &signer, hex(one, "group_id"), index,
                                    &leaf};
    assert_int_equal(sg_mls_path_create(&make, &made, &own, &path), SG_OK);
    struct sg_bytes context = context_of(one, &tree);
    assert_int_equal(sg_mls_path_encrypt(&make, &made, context, &none, &path), SG_OK);
    assert_int_equal(sg_mls_tree_verify_parents(&tree), SG_OK);
    assert_int_equal(sg_mls_path_merge(&other, index, &path, &none, &filtered), SG_OK);
    assert_bytes_equal(sg_mls_tree_root_hash(&other), sg_mls_tree_root_hash(&tree));
    struct sg_mls_path_open open = {&other, &mls_json_arena, &path, &none, context};
    size_t i;
    json_t *given;
    json_array_foreach(field(one, "leaves_private"), i, given)
    {
        struct sg_mls_private reader = private_of(&before, given);
        if (reader.leaf == index)
            continue;
        follow(&other, &filtered, &open, &reader, &secrets);
        assert_memory_equal(secrets.commit.b, made.commit.b, suite->hash_len);
    }
    sg_mls_tree_fini(&other);
    sg_mls_tree_fini(&before);
    sg_mls_tree_fini(&tree);
}

static void treekem(void **state)
{
    (void)state;
    json_t *root = mls_json_load("treekem");
    struct counts counts = {0};
    unsigned paths = 0, own = 0;
    size_t i, j;
    json_t *one, *part;
    json_array_foreach(root, i, one)
    {
        json_array_foreach(field(one, "update_paths"), j, part)
        {
            check_update_path(one, part);
            paths++;
        }
        /* one path of our own for each case, by another member each time */
        const json_t *members = field(one, "leaves_private");
        check_own_path(one, json_array_get(members, i % json_array_size(members)));
        own++;
        count_case(&counts, suite_of(one));
    }
    print_counts("treekem", &counts);
    printf("treekem: %u update paths followed, %u of our own\n", paths, own);
    mls_json_free(root);
}

static int setup(void **state)
{
    (void)state;
    return sg_crypto_init();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tree_operations),
        cmocka_unit_test(tree_validation),
        cmocka_unit_test(treekem),
    };
    return vectors_result(cmocka_run_group_tests(tests, setup, NULL));
}
