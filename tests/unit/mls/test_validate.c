/* mls/validate.c, mls/parent_hash.c, mls/tree_codec.c: credentials, trees, leaves and key packages
 * that are refused, and unknown values that are not. */
#include "mls_scene.h"

#define NOTHING sg_bytes(NULL, 0)

/* ---- credentials ---- */

struct shown {
    unsigned new, successors;
    const char *refused;
};

static sg_err see_credential(void *user, const struct sg_mls_credential_check *check)
{
    struct shown *shown = user;
    struct sg_bytes name = check->credential->body;
    assert_int_equal(check->signature_key.len, 32);
    if (check->before != NULL)
        shown->successors++;
    else
        shown->new ++;
    return shown->refused != NULL &&
                   sg_bytes_equal(name, sg_bytes(shown->refused, strlen(shown->refused)))
               ? SG_ERR_MLS_CREDENTIAL
               : SG_OK;
}

/* RFC9420 s5.3.1 */
static void every_new_credential_is_shown(void **state)
{
    struct scene s;
    struct shown shown = {0};
    struct sg_bytes message;
    struct sg_mls_send send = {.now = WORLD_NOW};
    (void)state;
    set_up(&s);
    struct sg_mls_proposal dave = add_of(&s.w, &s.d);
    struct sg_mls_commit_options options = {
        .send = send, .values = &dave, .count = 1, .tree_in_welcome = true};
    struct sg_mls_commit_result result;
    assert_int_equal(sg_mls_group_propose_update(s.c.group, &s.w.arena, NULL, &send, &message),
                     SG_OK);
    assert_int_equal(give(&s.a, message, SG_MLS_EVENT_PROPOSAL), SG_OK);
    assert_int_equal(give(&s.b, message, SG_MLS_EVENT_PROPOSAL), SG_OK);
    assert_int_equal(sg_mls_group_commit(s.a.group, &s.w.arena, &options, &result), SG_OK);
    s.w.config.credential = see_credential;
    s.w.config.user = &shown;
    shown.refused = "dave";
    assert_int_equal(process(&s.b, result.commit), SG_ERR_MLS_CREDENTIAL);
    shown = (struct shown){0};
    assert_int_equal(give(&s.b, result.commit, SG_MLS_EVENT_COMMIT), SG_OK);
    assert_int_equal(shown.new, 1);        /* Dave's */
    assert_int_equal(shown.successors, 2); /* Carol's Update, Alice's path */
    shown = (struct shown){0};
    assert_int_equal(client_join(&s.w, &s.d, result.welcome, NOTHING), SG_OK);
    assert_int_equal(shown.new, 4);
    client_fini(&s.d);
    shown.refused = "bob";
    assert_int_equal(client_join(&s.w, &s.d, result.welcome, NOTHING), SG_ERR_MLS_CREDENTIAL);
    tear_down(&s);
}

/* ---- trees ---- */

static sg_err decode(struct scene *s, struct sg_bytes bytes, bool verifies)
{
    struct sg_mls_tree tree;
    sg_mls_tree_init(&tree, sg_mem_default(), s->w.suite);
    sg_err err = sg_mls_tree_decode(&tree, bytes);
    if (err == SG_OK && verifies)
        err = sg_mls_tree_verify_parents(&tree);
    sg_mls_tree_fini(&tree);
    return err;
}

/* leaf 0, a parent with these unmerged leaves, leaf 1, and blanks */
static sg_err decode_small(struct scene *s, struct sg_bytes unmerged, unsigned blanks)
{
    static uint8_t data[4096];
    struct sg_mls_leaf leaf;
    struct sg_writer w = sg_writer(data, sizeof(data));
    size_t list = sg_write_vector_begin(&w);
    for (uint32_t i = 0; i < 2; i++) {
        sg_mls_tree_leaf(&s->a.group->tree, i, &leaf);
        sg_write_u16(&w, 0x0101);
        sg_write_bytes(&w, leaf.raw);
        if (i > 0)
            continue;
        sg_write_u16(&w, 0x0102);
        sg_write_vector(&w, SG_BYTES_LIT("0123456789abcdef0123456789abcdef"));
        sg_write_vector(&w, NOTHING);
        sg_write_vector(&w, unmerged);
    }
    for (unsigned i = 0; i < blanks; i++)
        sg_write_u8(&w, 0);
    sg_write_vector_end(&w, list);
    assert_int_equal(sg_writer_done(&w), SG_OK);
    return decode(s, sg_bytes(data, w.len), false);
}

/* Leaves, those after the first one with other keys. */
static sg_err decode_keys(struct scene *s, uint32_t leaves, struct sg_bytes key,
                          struct sg_bytes signature_key)
{
    struct sg_mls_leaf leaf;
    uint8_t data[4096];
    struct sg_writer w = sg_writer(data, sizeof(data));
    size_t list = sg_write_vector_begin(&w);
    for (uint32_t i = 0; i < leaves; i++) {
        sg_mls_tree_leaf(&s->a.group->tree, 0, &leaf);
        leaf.encryption_key = i == 0 ? leaf.encryption_key : key;
        leaf.signature_key = i == 0 ? leaf.signature_key : signature_key;
        sg_write_u16(&w, 0x0101);
        sg_mls_write_leaf(&w, &leaf);
        if (i + 1 < leaves)
            sg_write_u8(&w, 0);
    }
    sg_write_vector_end(&w, list);
    assert_int_equal(sg_writer_done(&w), SG_OK);
    struct sg_mls_rules rules = sg_mls_group_rules(s->a.group, WORLD_NOW);
    struct sg_mls_tree tree;
    sg_mls_tree_init(&tree, sg_mem_default(), s->w.suite);
    sg_err err = sg_mls_tree_decode(&tree, sg_bytes(data, w.len));
    if (err == SG_ERR_MLS_TREE)
        assert_int_equal(tree.members, 2); /* at the first duplicate */
    if (err == SG_OK)
        err = sg_mls_check_tree(&rules, &tree);
    sg_mls_tree_fini(&tree);
    return err;
}

/* RFC9420 s7.3, s12.4.3.1: while it is read, before a tree of one key can take long. */
static void keys_of_trees_that_are_refused(void **state)
{
    struct scene s;
    struct sg_mls_leaf leaf;
    const struct sg_bytes other = SG_BYTES_LIT("0123456789abcdef0123456789abcdef");
    (void)state;
    set_up(&s);
    sg_mls_tree_leaf(&s.a.group->tree, 0, &leaf);
    assert_int_equal(decode_keys(&s, 2, other, other), SG_ERR_BAD_SIGNATURE);
    assert_int_equal(decode_keys(&s, 4, leaf.encryption_key, other), SG_ERR_MLS_TREE);
    assert_int_equal(decode_keys(&s, 4, other, leaf.signature_key), SG_ERR_MLS_TREE);
    assert_int_equal(decode_keys(&s, 2, sg_bytes(other.data, 31), other), SG_ERR_MALFORMED);
    assert_int_equal(decode_keys(&s, 2, other, sg_bytes(other.data, 31)), SG_ERR_MALFORMED);
    tear_down(&s);
}

/* Keys that a multiplicative hash sends to one place under each seed. */
static void no_collisions_can_be_made(void **state)
{
    struct scene s;
    struct sg_mls_tree tree;
    struct sg_mls_node *node;
    uint8_t key[32] = {1, 2, 3};
    (void)state;
    set_up(&s);
    sg_mls_tree_init(&tree, sg_mem_default(), s.w.suite);
    tree.keys.seed[0] = 12345;
    assert_int_equal(sg_mls_tree_resize(&tree, 4), SG_OK);
    for (uint32_t i = 1; i <= 5; i += 4) {
        assert_int_equal(sg_mls_node_new_parent(&tree, sg_bytes(key, 32), NOTHING, NOTHING, &node),
                         SG_OK);
        assert_int_equal(sg_mls_tree_put(&tree, i, node), SG_OK);
        key[7] ^= 0x80;
        key[15] ^= 0x80;
        key[11] ^= 0x80;
    }
    uint32_t hashes[2], count = 0;
    for (uint32_t i = 0; i <= tree.keys.mask; i++)
        if (tree.keys.slots[i].ref_plus_1 != 0)
            hashes[count++] = tree.keys.slots[i].hash;
    assert_int_equal(count, 2);
    assert_int_not_equal(hashes[0], hashes[1]);
    sg_mls_tree_fini(&tree);
    tear_down(&s);
}

/* RFC9420 s7.1, s7.9.2, s12.4.3.3 */
static void trees_that_are_refused(void **state)
{
    struct scene s;
    (void)state;
    set_up(&s);
    struct sg_bytes good = tree_of(&s.w, s.a.group);
    assert_int_equal(decode(&s, good, true), SG_OK);
    assert_int_equal(decode_small(&s, NOTHING, 0), SG_OK);
    assert_int_equal(decode_small(&s, NOTHING, 1), SG_ERR_MLS_TREE);
    assert_int_equal(decode_small(&s, SG_BYTES_LIT("\0\0\0\1\0\0\0\0"), 0), SG_ERR_MLS_TREE);
    assert_int_equal(decode_small(&s, SG_BYTES_LIT("\0\0\0\1\0\0\0\1"), 0), SG_ERR_MLS_TREE);
    assert_int_equal(decode_small(&s, SG_BYTES_LIT("\0\0\0"), 0), SG_ERR_MALFORMED);
    /* another key in the root: its child's parent hash no longer fits */
    struct sg_bytes root = sg_mls_node_key(s.a.group->tree.nodes[3]);
    uint8_t *copy = sg_mls_arena_new(&s.w.arena, good.len, 1);
    memcpy(copy, good.data, good.len);
    uint8_t *at = memmem(copy, good.len, root.data, root.len);
    assert_non_null(at);
    at[0] ^= 1;
    assert_int_equal(decode(&s, sg_bytes(copy, good.len), false), SG_OK);
    assert_int_equal(decode(&s, sg_bytes(copy, good.len), true), SG_ERR_MLS_TREE);
    tear_down(&s);
}

/* ---- leaves and key packages ---- */

static unsigned grease_in(struct sg_bytes list)
{
    unsigned count = 0;
    for (size_t i = 0; i < sg_mls_u16s_count(list); i++) {
        uint16_t value = sg_mls_u16s_at(list, i);
        count += (value & 0x0f0f) == 0x0a0a && value >> 12 == (value >> 4 & 15) && value < 0xf000;
    }
    return count;
}

/* RFC9420 s7.2, s13.5 */
static void what_our_leaves_say(void **state)
{
    struct scene s;
    struct sg_mls_leaf leaf;
    (void)state;
    set_up(&s);
    sg_mls_tree_leaf(&s.a.group->tree, 1, &leaf);
    const struct sg_mls_capabilities *c = &leaf.capabilities;
    for (uint16_t type = 1; type <= 7; type++) {
        assert_true(type == 6 || !sg_mls_u16s_has(c->extensions, type));
        assert_false(sg_mls_u16s_has(c->proposals, type));
    }
    assert_true(sg_mls_u16s_has(c->extensions, SG_MLS_EXT_APP_DATA_DICTIONARY));
    assert_true(sg_mls_u16s_has(c->extensions, SG_MLS_EXT_LAST_RESORT));
    assert_true(sg_mls_u16s_has(c->proposals, SG_MLS_APP_DATA_UPDATE));
    assert_true(sg_mls_u16s_has(c->proposals, SG_MLS_SELF_REMOVE));
    for (size_t i = 0; i < s.w.config.suite_count; i++)
        assert_true(sg_mls_u16s_has(c->suites, s.w.config.suites[i].id));
    assert_int_equal(grease_in(c->extensions), 1);
    assert_int_equal(grease_in(c->proposals), 1);
    assert_int_equal(grease_in(c->credentials), 1);
    assert_int_equal(grease_in(c->suites), 1);
    assert_int_equal(leaf.extensions.len, 0);
    tear_down(&s);
}

/* Dave's key package with these extensions, signed again. */
static struct sg_mls_proposal package_with(struct scene *s, struct sg_bytes extensions)
{
    struct sg_mls_proposal dave = add_of(&s->w, &s->d);
    struct sg_mls_signer signer = {s->w.suite, s->w.config.random, s->d.identity.signature_private,
                                   NULL};
    dave.u.add->extensions = extensions;
    assert_int_equal(sg_mls_key_package_sign(&signer, &s->w.arena, dave.u.add), SG_OK);
    s->d.package.package = dave.u.add->raw;
    return dave;
}

/* RFC9420 s7.2, s10, s12.4.3, s13.4, s13.5 */
static void grease_changes_nothing(void **state)
{
    static const uint16_t grease[] = {0x5a5a};
    struct scene s;
    struct sg_bytes extension = SG_BYTES_LIT("\x5a\x5a\3abc");
    (void)state;
    set_up(&s);
    s.d.identity.more_extensions = grease;
    s.d.identity.extension_count = 1;
    s.d.identity.extensions = extension;
    struct sg_mls_proposal dave = package_with(&s, extension);
    struct sg_mls_commit_options options = {.send = {.now = WORLD_NOW},
                                            .values = &dave,
                                            .count = 1,
                                            .tree_in_welcome = true,
                                            .info_extensions = extension};
    struct sg_mls_commit_result result;
    assert_int_equal(sg_mls_group_commit(s.a.group, &s.w.arena, &options, &result), SG_OK);
    assert_int_equal(give(&s.b, result.commit, SG_MLS_EVENT_COMMIT), SG_OK);
    assert_int_equal(client_join(&s.w, &s.d, result.welcome, NOTHING), SG_OK);
    assert_same_epoch(&s.b, &s.d);
    tear_down(&s);
}

/* RFC9420 s10 */
static void key_packages_with_bad_keys(void **state)
{
    struct scene s;
    (void)state;
    set_up(&s);
    struct sg_mls_rules rules = sg_mls_group_rules(s.b.group, WORLD_NOW);
    struct sg_mls_key_package good = *package_with(&s, NOTHING).u.add, bad = good;
    assert_int_equal(sg_mls_check_key_package(&rules, &good), SG_OK);
    bad.init_key.len--;
    assert_int_equal(sg_mls_check_key_package(&rules, &bad), SG_ERR_MALFORMED);
    bad = good;
    bad.leaf.encryption_key.len--;
    assert_int_equal(sg_mls_check_key_package(&rules, &bad), SG_ERR_MALFORMED);
    bad = good;
    bad.leaf.signature_key.len--;
    assert_int_equal(sg_mls_check_key_package(&rules, &bad), SG_ERR_BAD_SIGNATURE);
    bad = good;
    bad.version = 2;
    assert_int_equal(sg_mls_check_key_package(&rules, &bad), SG_ERR_MLS_LEAF);
    bad = good;
    bad.leaf.extensions = SG_BYTES_LIT("\xf0\1\0");
    assert_int_equal(sg_mls_check_key_package(&rules, &bad), SG_ERR_MLS_LEAF);
    /* RFC9420 s13.4: unknown extensions of the package itself are ignored */
    good = *package_with(&s, SG_BYTES_LIT("\xf0\1\0")).u.add;
    assert_int_equal(sg_mls_check_key_package(&rules, &good), SG_OK);
    tear_down(&s);
}

/* RFC9420 s13.4 */
static void newcomers_support_the_group(void **state)
{
    static const uint16_t more[] = {0xf001};
    struct world w;
    struct client a, d;
    (void)state;
    world_init(&w, SG_MLS_128_DHKEMX25519_AES128GCM_SHA256_ED25519);
    client_init(&w, &a, "alice");
    client_init(&w, &d, "dave");
    a.identity.more_extensions = more;
    a.identity.extension_count = 1;
    client_create(&w, &a, "group");
    struct sg_mls_proposal gce = {.type = SG_MLS_GROUP_CONTEXT_EXTENSIONS,
                                  .u.extensions = SG_BYTES_LIT("\xf0\1\1x")};
    struct sg_mls_commit_options options = {.send = {.now = WORLD_NOW}, .values = &gce, .count = 1};
    struct sg_mls_commit_result result;
    assert_int_equal(sg_mls_group_commit(a.group, &w.arena, &options, &result), SG_OK);
    assert_int_equal(sg_mls_group_merge(a.group), SG_OK);
    struct sg_mls_proposal dave = add_of(&w, &d);
    options.values = &dave;
    assert_int_equal(sg_mls_group_commit(a.group, &w.arena, &options, &result),
                     SG_ERR_MLS_CAPABILITY);
    d.identity.more_extensions = more;
    d.identity.extension_count = 1;
    dave = add_of(&w, &d);
    options.tree_in_welcome = true;
    assert_int_equal(sg_mls_group_commit(a.group, &w.arena, &options, &result), SG_OK);
    assert_int_equal(client_join(&w, &d, result.welcome, NOTHING), SG_OK);
    client_fini(&a);
    client_fini(&d);
    world_fini(&w);
}

/* ---- long lists ---- */

static void write_types(struct sg_writer *w, uint32_t count)
{
    size_t mark = sg_write_vector_begin(w);
    for (uint32_t i = 0; i < count; i++)
        sg_write_u16(w, (uint16_t)(0xf000 + i));
    sg_write_vector_end(w, mark);
}

static void long_lists_of_types(void **state)
{
    static uint8_t data[4096], extensions[4096], listed[2048];
    struct sg_mls_capabilities capabilities = {.extensions = NOTHING};
    (void)state;
    struct sg_writer w = sg_writer(data, sizeof(data));
    write_types(&w, 300);
    write_types(&w, 300);
    write_types(&w, 300);
    struct sg_writer e = sg_writer(extensions, sizeof(extensions));
    sg_mls_write_extension(&e, SG_MLS_EXT_REQUIRED_CAPABILITIES, sg_bytes(data, w.len));
    assert_int_equal(sg_writer_done(&e), SG_OK);
    for (uint32_t i = 0; i < 300; i++) {
        listed[2 * i] = (uint8_t)((0xf000 + i) >> 8);
        listed[2 * i + 1] = (uint8_t)i;
    }
    const struct sg_bytes all = sg_bytes(listed, 600), fewer = sg_bytes(listed, 598);
    capabilities.extensions = capabilities.proposals = capabilities.credentials = all;
    assert_int_equal(sg_mls_check_support(sg_bytes(extensions, e.len), &capabilities), SG_OK);
    capabilities.credentials = fewer;
    assert_int_equal(sg_mls_check_support(sg_bytes(extensions, e.len), &capabilities),
                     SG_ERR_MLS_CAPABILITY);
    capabilities.credentials = all;
    capabilities.extensions = sg_bytes(listed, 20);
    assert_int_equal(sg_mls_check_support(sg_bytes(extensions, e.len), &capabilities),
                     SG_ERR_MLS_CAPABILITY);
}

static void lists_that_are_too_long(void **state)
{
    struct scene s;
    struct shown shown = {0};
    (void)state;
    set_up(&s);
    s.w.config.credential = see_credential;
    s.w.config.user = &shown;
    struct sg_mls_rules rules = sg_mls_group_rules(s.a.group, WORLD_NOW);
    for (uint32_t count = 256; count <= 257; count++) {
        static uint8_t data[16384], extensions[16400];
        struct sg_writer w = sg_writer(data, sizeof(data));
        size_t mark = sg_write_vector_begin(&w);
        for (uint32_t i = 0; i < count; i++) {
            sg_write_vector(&w, s.a.identity.signature_public);
            sg_mls_write_credential(&w, &s.a.identity.credential);
        }
        sg_write_vector_end(&w, mark);
        struct sg_writer e = sg_writer(extensions, sizeof(extensions));
        sg_mls_write_extension(&e, SG_MLS_EXT_EXTERNAL_SENDERS, sg_bytes(data, w.len));
        assert_int_equal(sg_writer_done(&e), SG_OK);
        assert_int_equal(sg_mls_check_group_extensions(&rules, sg_bytes(extensions, e.len)),
                         count == 256 ? SG_OK : SG_ERR_LIMIT);
    }
    /* references of no length, as many as fit and one more */
    for (uint32_t count = SG_MLS_PROPOSALS_MAX; count <= SG_MLS_PROPOSALS_MAX + 1; count++) {
        struct sg_mls_commit commit;
        uint8_t *data = sg_mls_arena_new(&s.w.arena, 2 * (size_t)count + 8, 1);
        struct sg_writer w = sg_writer(data, 2 * (size_t)count + 8);
        size_t mark = sg_write_vector_begin(&w);
        for (uint32_t i = 0; i < count; i++)
            sg_write_u16(&w, 0x0200);
        sg_write_vector_end(&w, mark);
        sg_write_u8(&w, 0);
        assert_int_equal(sg_writer_done(&w), SG_OK);
        struct sg_reader r = sg_reader(sg_bytes(data, w.len));
        sg_mls_read_commit(&r, &s.w.arena, &commit);
        assert_int_equal(sg_reader_done(&r),
                         count == SG_MLS_PROPOSALS_MAX ? SG_OK : SG_ERR_OVERSIZED);
    }
    tear_down(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_new_credential_is_shown),
        cmocka_unit_test(trees_that_are_refused),
        cmocka_unit_test(keys_of_trees_that_are_refused),
        cmocka_unit_test(no_collisions_can_be_made),
        cmocka_unit_test(what_our_leaves_say),
        cmocka_unit_test(grease_changes_nothing),
        cmocka_unit_test(key_packages_with_bad_keys),
        cmocka_unit_test(newcomers_support_the_group),
        cmocka_unit_test(long_lists_of_types),
        cmocka_unit_test(lists_that_are_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
