/* deserialization.json, tree-math.json, messages.json. */
#include "vectors/mls_json.h"

#include "mls/message.h"
#include "mls/tree.h"
#include "mls/tree_math.h"

static void deserialization(void **state)
{
    (void)state;
    json_t *root = mls_json_load("deserialization");
    struct counts counts = {0};
    size_t i;
    json_t *one;
    json_array_foreach(root, i, one)
    {
        struct sg_bytes header = hex(one, "vlbytes_header");
        struct sg_reader r = sg_reader(header);
        assert_int_equal(sg_read_varint(&r), number(one, "length"));
        assert_int_equal(sg_reader_done(&r), SG_OK);
        uint8_t back[4];
        struct sg_writer w = sg_writer(back, sizeof(back));
        sg_write_varint(&w, number(one, "length"));
        assert_bytes_equal(sg_bytes(back, w.len), header);
        count_case(&counts, NULL);
    }
    print_counts("deserialization", &counts);
    mls_json_free(root);
}

static void expect_node(const json_t *list, uint32_t node, bool exists, uint32_t value)
{
    const json_t *expected = json_array_get(list, node);
    assert_int_equal(json_is_null(expected), !exists);
    if (exists)
        assert_int_equal(json_integer_value(expected), value);
}

static void tree_math(void **state)
{
    (void)state;
    json_t *root = mls_json_load("tree-math");
    struct counts counts = {0};
    size_t i;
    json_t *one;
    json_array_foreach(root, i, one)
    {
        uint32_t leaves = (uint32_t)number(one, "n_leaves");
        uint32_t nodes = (uint32_t)number(one, "n_nodes");
        uint32_t top = (uint32_t)number(one, "root");
        assert_int_equal(sg_mls_node_count(leaves), nodes);
        assert_int_equal(sg_mls_root(leaves), top);
        for (uint32_t x = 0; x < nodes; x++) {
            bool leaf = sg_mls_is_leaf(x);
            expect_node(field(one, "left"), x, !leaf, leaf ? 0 : sg_mls_left(x));
            expect_node(field(one, "right"), x, !leaf, leaf ? 0 : sg_mls_right(x));
            expect_node(field(one, "parent"), x, x != top, x == top ? 0 : sg_mls_parent(x));
            expect_node(field(one, "sibling"), x, x != top, x == top ? 0 : sg_mls_sibling(x));
        }
        count_case(&counts, NULL);
    }
    print_counts("tree-math", &counts);
    mls_json_free(root);
}

static void write_any(struct sg_writer *w, const void *message)
{
    sg_mls_write_message(w, message);
}

static void round_trip(const json_t *one, const char *name, uint16_t format)
{
    struct sg_mls_message message;
    struct sg_bytes in = hex(one, name), out;
    assert_int_equal(sg_mls_decode_message(in, &mls_json_arena, &message), SG_OK);
    assert_int_equal(message.wire_format, format);
    assert_int_equal(sg_mls_encode(&mls_json_arena, write_any, &message, &out), SG_OK);
    assert_bytes_equal(out, in);
    if (format != SG_MLS_WIRE_PUBLIC)
        return;
    /* once more from the fields of the content */
    message.u.public_message.content.body = sg_bytes(NULL, 0);
    assert_int_equal(sg_mls_encode(&mls_json_arena, write_any, &message, &out), SG_OK);
    assert_bytes_equal(out, in);
}

static void round_trip_proposal(const json_t *one, const char *name, uint16_t type)
{
    struct sg_mls_proposal proposal = {.type = type};
    struct sg_bytes in = hex(one, name);
    struct sg_reader r = sg_reader(in);
    sg_mls_read_proposal_body(&r, &mls_json_arena, &proposal);
    assert_int_equal(sg_reader_done(&r), SG_OK);
    uint8_t *back = sg_mls_arena_new(&mls_json_arena, in.len, 1);
    struct sg_writer w = sg_writer(back, in.len);
    sg_mls_write_proposal_body(&w, &proposal);
    assert_int_equal(sg_writer_done(&w), SG_OK);
    assert_bytes_equal(sg_bytes(back, w.len), in);
}

static void round_trip_bodies(const json_t *one)
{
    struct sg_mls_group_secrets secrets;
    struct sg_mls_commit commit;
    struct sg_bytes in = hex(one, "group_secrets");
    struct sg_reader r = sg_reader(in);
    uint8_t *back = sg_mls_arena_new(&mls_json_arena, in.len, 1);
    struct sg_writer w = sg_writer(back, in.len);
    sg_mls_read_group_secrets(&r, &mls_json_arena, &secrets);
    assert_int_equal(sg_reader_done(&r), SG_OK);
    sg_mls_write_group_secrets(&w, &secrets);
    assert_bytes_equal(sg_bytes(back, w.len), in);
    in = hex(one, "commit");
    r = sg_reader(in);
    sg_mls_read_commit(&r, &mls_json_arena, &commit);
    assert_int_equal(sg_reader_done(&r), SG_OK);
    back = sg_mls_arena_new(&mls_json_arena, in.len, 1);
    w = sg_writer(back, in.len);
    sg_mls_write_commit(&w, &commit);
    assert_bytes_equal(sg_bytes(back, w.len), in);
}

/* The vector's trees were made by hand: their keys fit no suite, so only the codec looks at
 * them. */
static void round_trip_tree(const json_t *one)
{
    struct sg_mls_tree tree;
    struct sg_bytes in = hex(one, "ratchet_tree");
    sg_mls_tree_init(&tree, sg_mem_default(), sg_mls_suite_find(1));
    assert_int_equal(sg_mls_tree_decode(&tree, in), SG_OK);
    uint8_t *back = sg_mls_arena_new(&mls_json_arena, in.len, 1);
    struct sg_writer w = sg_writer(back, in.len);
    sg_mls_write_tree(&w, &tree);
    assert_int_equal(sg_writer_done(&w), SG_OK);
    assert_bytes_equal(sg_bytes(back, w.len), in);
    sg_mls_tree_fini(&tree);
}

static void messages(void **state)
{
    (void)state;
    json_t *root = mls_json_load("messages");
    struct counts counts = {0};
    size_t i;
    json_t *one;
    json_array_foreach(root, i, one)
    {
        round_trip(one, "mls_welcome", SG_MLS_WIRE_WELCOME);
        round_trip(one, "mls_group_info", SG_MLS_WIRE_GROUP_INFO);
        round_trip(one, "mls_key_package", SG_MLS_WIRE_KEY_PACKAGE);
        round_trip(one, "public_message_application", SG_MLS_WIRE_PUBLIC);
        round_trip(one, "public_message_proposal", SG_MLS_WIRE_PUBLIC);
        round_trip(one, "public_message_commit", SG_MLS_WIRE_PUBLIC);
        round_trip(one, "private_message", SG_MLS_WIRE_PRIVATE);
        round_trip_proposal(one, "add_proposal", SG_MLS_ADD);
        round_trip_proposal(one, "update_proposal", SG_MLS_UPDATE);
        round_trip_proposal(one, "remove_proposal", SG_MLS_REMOVE);
        round_trip_proposal(one, "pre_shared_key_proposal", SG_MLS_PSK);
        round_trip_proposal(one, "re_init_proposal", SG_MLS_REINIT);
        round_trip_proposal(one, "external_init_proposal", SG_MLS_EXTERNAL_INIT);
        round_trip_proposal(one, "group_context_extensions_proposal",
                            SG_MLS_GROUP_CONTEXT_EXTENSIONS);
        round_trip_bodies(one);
        round_trip_tree(one);
        count_case(&counts, NULL);
    }
    print_counts("messages", &counts);
    mls_json_free(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deserialization),
        cmocka_unit_test(tree_math),
        cmocka_unit_test(messages),
    };
    return vectors_result(cmocka_run_group_tests(tests, NULL, NULL));
}
