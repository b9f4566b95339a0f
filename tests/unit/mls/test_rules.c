/* The rules of RFC 9420 that test_list.c has not: one refusal for each. docs/mls.md names them. */
#include "mls_scene.h"

#include "mls/codec.h"

#define NOTHING sg_bytes(NULL, 0)

/* RFC9420 s2.1.1, s13.4 */
static void encodings_that_are_refused(void **state)
{
    struct sg_reader r = sg_reader(SG_BYTES_LIT("\2"));
    (void)state;
    (void)sg_mls_read_present(&r);
    assert_int_equal(r.err, SG_ERR_MALFORMED);
    r = sg_reader(SG_BYTES_LIT("\6\xf0\1\0\xf0\1\0"));
    (void)sg_mls_read_extensions(&r);
    assert_int_equal(r.err, SG_ERR_MALFORMED);
    r = sg_reader(SG_BYTES_LIT("\6\xf0\1\0\xf0\2\0"));
    (void)sg_mls_read_extensions(&r);
    assert_int_equal(sg_reader_done(&r), SG_OK);
}

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

/* ---- framing ---- */

/* A PublicMessage of any sender, signed by Alice. */
static struct sg_bytes forge_public(struct scene *s, uint8_t sender_type, uint8_t type,
                                    const struct sg_mls_proposal *proposal)
{
    struct sg_mls_authentic *message = sg_mls_arena_new(&s->w.arena, 1, sizeof(*message));
    struct sg_mls_framing framing = sg_mls_epoch_framing(s->a.group->epoch);
    struct sg_mls_signer signer = sg_mls_group_signer(s->a.group);
    struct sg_mls_send send = {.now = WORLD_NOW};
    struct sg_bytes out;
    sg_mls_fill_content(s->a.group, &send, type, message);
    message->content.sender = (struct sg_mls_sender){sender_type, 0};
    if (proposal != NULL)
        message->content.proposal = *proposal;
    assert_int_equal(
        sg_mls_content_sign(&signer, &s->w.arena, s->a.group->epoch->context.raw, message), SG_OK);
    message->auth.confirmation_tag = SG_BYTES_LIT("0123456789abcdef0123456789abcdef");
    assert_int_equal(sg_mls_protect_public(&framing, &s->w.arena, message, &out), SG_OK);
    return out;
}

/* RFC9420 s6.1, s6.3.2, s12.1.8 */
static void senders_that_must_not(void **state)
{
    static const uint16_t never_external[] = {SG_MLS_UPDATE, SG_MLS_EXTERNAL_INIT,
                                              SG_MLS_SELF_REMOVE, 0xf001};
    struct scene s;
    (void)state;
    set_up(&s);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(sg_mls_check_proposal_sender(never_external[i], SG_MLS_SENDER_EXTERNAL),
                         SG_ERR_MLS_SENDER);
    struct sg_mls_proposal carol = remove_of(2);
    const uint8_t proposal = SG_MLS_PROPOSAL, commit = SG_MLS_COMMIT;
    assert_int_equal(process(&s.b, forge_public(&s, SG_MLS_SENDER_NEW_PROPOSAL, proposal, &carol)),
                     SG_ERR_MLS_SENDER);
    assert_int_equal(process(&s.b, forge_public(&s, SG_MLS_SENDER_NEW_PROPOSAL, commit, NULL)),
                     SG_ERR_MLS_SENDER);
    assert_int_equal(process(&s.b, forge_public(&s, SG_MLS_SENDER_NEW_COMMIT, proposal, &carol)),
                     SG_ERR_MLS_SENDER);
    assert_int_equal(process(&s.b, forge_public(&s, SG_MLS_SENDER_EXTERNAL, commit, NULL)),
                     SG_ERR_MLS_SENDER);
    struct sg_mls_framing framing = sg_mls_epoch_framing(s.a.group->epoch);
    struct sg_mls_key_use use;
    struct sg_mls_private_out how = {s.w.config.random, 0, &use};
    struct sg_mls_authentic *message = sg_mls_arena_new(&s.w.arena, 1, sizeof(*message));
    struct sg_bytes out;
    message->content.sender.type = SG_MLS_SENDER_EXTERNAL;
    message->content.type = SG_MLS_PROPOSAL;
    assert_int_equal(sg_mls_protect_private(&framing, &how, &s.w.arena, message, &out),
                     SG_ERR_INVALID_ARGUMENT);
    tear_down(&s);
}

/* Alice's application message as a leaf, with anything after its authentication data. */
static struct sg_bytes forge_private(struct scene *s, uint32_t leaf, struct sg_bytes padding)
{
    struct sg_mls_outgoing *out = sg_mls_arena_new(&s->w.arena, 1, sizeof(*out));
    struct sg_mls_framing framing = sg_mls_epoch_framing(s->a.group->epoch);
    struct sg_mls_signer signer = sg_mls_group_signer(s->a.group);
    struct sg_mls_send send = {true, {NULL, 0}, 0};
    struct sg_mls_private_out how = {s->w.config.random, 0, &out->use};
    struct sg_mls_authentic *message = &out->message;
    uint8_t body[256];
    sg_mls_fill_content(s->a.group, &send, SG_MLS_APPLICATION, message);
    message->content.sender.index = leaf;
    message->content.application = SG_BYTES_LIT("hello");
    assert_int_equal(
        sg_mls_content_sign(&signer, &s->w.arena, s->a.group->epoch->context.raw, message), SG_OK);
    if (padding.len > 0) {
        /* the signature and the padding as a part of the body; an empty signature follows */
        struct sg_writer w = sg_writer(body, sizeof(body));
        sg_write_bytes(&w, message->content.body);
        sg_write_vector(&w, message->auth.signature);
        sg_write_bytes(&w, padding);
        message->content.body = sg_bytes(body, w.len);
        message->auth.signature = NOTHING;
    }
    assert_int_equal(sg_mls_protect_private(&framing, &how, &s->w.arena, message, &out->bytes),
                     SG_OK);
    sg_mls_send_off(s->a.group, out);
    sg_mls_key_use_fini(&s->a.group->epoch->ratchets, &out->use);
    return out->bytes;
}

/* RFC9420 s6.3.1 */
static void padding_that_is_not_zero(void **state)
{
    struct scene s;
    (void)state;
    set_up(&s);
    assert_int_equal(process(&s.b, forge_private(&s, 0, SG_BYTES_LIT("\0\1\0"))), SG_ERR_MALFORMED);
    assert_int_equal(process(&s.b, forge_private(&s, 0, SG_BYTES_LIT("\0\0\0"))), SG_OK);
    assert_int_equal(process(&s.b, forge_private(&s, 0, NOTHING)), SG_OK);
    tear_down(&s);
}

/* RFC9420 s6.3.2 */
static void a_blank_leaf_sends_nothing(void **state)
{
    struct scene s;
    (void)state;
    set_up(&s);
    assert_int_equal(process(&s.b, forge_private(&s, 3, NOTHING)), SG_ERR_MLS_SENDER);
    assert_int_equal(process(&s.b, forge_private(&s, 2, NOTHING)), SG_ERR_BAD_SIGNATURE);
    tear_down(&s);
}

/* RFC9420 s6.3.1 */
static void reuse_guards_are_fresh(void **state)
{
    struct scene s;
    struct sg_mls_sender_data sender[2];
    (void)state;
    set_up(&s);
    struct sg_mls_framing framing = sg_mls_epoch_framing(s.b.group->epoch);
    for (unsigned i = 0; i < 2; i++) {
        struct sg_mls_message message;
        struct sg_bytes bytes = forge_private(&s, 0, NOTHING);
        assert_int_equal(sg_mls_decode_message(bytes, &s.w.arena, &message), SG_OK);
        assert_int_equal(sg_mls_open_sender(&framing, &message.u.private_message, &sender[i]),
                         SG_OK);
        assert_int_equal(sender[i].generation, i);
        assert_int_equal(process(&s.b, bytes), SG_OK);
    }
    assert_memory_not_equal(sender[0].reuse_guard, sender[1].reuse_guard, 4);
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
    struct sg_mls_signer signer = {s->w.suite, s->w.config.random, s->d.identity.signature_private};
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
    bad = *package_with(&s, SG_BYTES_LIT("\xf0\1\0")).u.add;
    assert_int_equal(sg_mls_check_key_package(&rules, &bad), SG_ERR_MLS_LEAF);
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

/* ---- paths ---- */

static struct sg_mls_path good_path(struct scene *s)
{
    struct sg_mls_commit_options options = {.send = {.now = WORLD_NOW}};
    struct sg_mls_commit_result result;
    struct sg_mls_message *message = sg_mls_arena_new(&s->w.arena, 1, sizeof(*message));
    assert_int_equal(sg_mls_group_commit(s->a.group, &s->w.arena, &options, &result), SG_OK);
    sg_mls_group_clear_pending(s->a.group);
    assert_int_equal(sg_mls_decode_message(result.commit, &s->w.arena, message), SG_OK);
    return *message->u.public_message.content.commit.path;
}

static void sign_leaf(struct scene *s, struct sg_mls_leaf *leaf)
{
    struct sg_mls_signer signer = sg_mls_group_signer(s->a.group);
    struct sg_mls_leaf_place place = {SG_BYTES_LIT("group"), 0};
    assert_int_equal(sg_mls_leaf_sign(&signer, &s->w.arena, &place, leaf), SG_OK);
}

static void expect_path(struct scene *s, struct sg_mls_path *path, sg_err wanted)
{
    assert_int_equal(process(&s->b, forge(s, NULL, 0, path)), wanted);
}

/* RFC9420 s7.5, s7.6, s7.9.2, s12.4.2 */
static void paths_that_are_refused(void **state)
{
    struct scene s;
    struct sg_mls_leaf before;
    (void)state;
    set_up(&s);
    struct sg_mls_path good = good_path(&s), bad = good;
    expect_path(&s, &good, SG_ERR_MLS_TAG); /* right but for the tag */
    bad.count--;
    expect_path(&s, &bad, SG_ERR_MLS_COMMIT);
    struct sg_mls_path_node *nodes = sg_mls_arena_new(&s.w.arena, good.count, sizeof(*nodes));
    memcpy(nodes, good.nodes, good.count * sizeof(*nodes));
    nodes[0].count--;
    bad = good;
    bad.nodes = nodes;
    expect_path(&s, &bad, SG_ERR_MLS_COMMIT);
    bad = good;
    bad.leaf.source = SG_MLS_LEAF_UPDATE;
    sign_leaf(&s, &bad.leaf);
    expect_path(&s, &bad, SG_ERR_MLS_LEAF);
    bad = good;
    bad.leaf.parent_hash = SG_BYTES_LIT("0123456789abcdef0123456789abcdef");
    sign_leaf(&s, &bad.leaf);
    expect_path(&s, &bad, SG_ERR_MLS_COMMIT);
    bad = good;
    sg_mls_tree_leaf(&s.b.group->tree, 0, &before);
    bad.leaf.encryption_key = before.encryption_key;
    sign_leaf(&s, &bad.leaf);
    expect_path(&s, &bad, SG_ERR_MLS_COMMIT);
    bad = good;
    bad.leaf.signature = good.leaf.parent_hash;
    expect_path(&s, &bad, SG_ERR_BAD_SIGNATURE);
    tear_down(&s);
}

/* ---- external commits ---- */

/* Dave's commit from outside with other proposals, or without its path, signed by somebody. */
static struct sg_bytes forge_external(struct scene *s, const struct sg_mls_commit *commit,
                                      const struct client *signer_of)
{
    struct sg_mls_authentic *message = sg_mls_arena_new(&s->w.arena, 1, sizeof(*message));
    struct sg_mls_framing framing = sg_mls_epoch_framing(s->a.group->epoch);
    struct sg_mls_signer signer = {s->w.suite, s->w.config.random,
                                   signer_of->identity.signature_private};
    struct sg_mls_send send = {.now = WORLD_NOW};
    struct sg_bytes out;
    sg_mls_fill_content(s->a.group, &send, SG_MLS_COMMIT, message);
    message->content.sender = (struct sg_mls_sender){SG_MLS_SENDER_NEW_COMMIT, 0};
    message->content.commit = *commit;
    assert_int_equal(
        sg_mls_content_sign(&signer, &s->w.arena, s->a.group->epoch->context.raw, message), SG_OK);
    message->auth.confirmation_tag = SG_BYTES_LIT("0123456789abcdef0123456789abcdef");
    assert_int_equal(sg_mls_protect_public(&framing, &s->w.arena, message, &out), SG_OK);
    return out;
}

static struct sg_mls_commit external_commit(struct scene *s)
{
    struct sg_mls_new_leaf leaf = {.signature_private = s->d.identity.signature_private};
    struct sg_mls_info_options info = {.has_tree = true, .has_external_pub = true};
    struct sg_mls_external in = {.config = &s->w.config, .leaf = &leaf, .now = WORLD_NOW};
    struct sg_mls_message *message = sg_mls_arena_new(&s->w.arena, 1, sizeof(*message));
    struct sg_bytes commit;
    assert_int_equal(sg_mls_group_info(s->a.group, &s->w.arena, &info, &in.group_info), SG_OK);
    assert_int_equal(
        sg_mls_identity_leaf(&s->w.config, &s->d.identity, false, &s->w.arena, &leaf.leaf), SG_OK);
    assert_int_equal(sg_mls_group_external_join(&in, &s->w.arena, &s->d.group, &commit), SG_OK);
    assert_int_equal(sg_mls_decode_message(commit, &s->w.arena, message), SG_OK);
    return message->u.public_message.content.commit;
}

/* RFC9420 s12.2, s12.4.3.2 */
static void external_commits_that_are_refused(void **state)
{
    struct scene s;
    (void)state;
    set_up(&s);
    struct sg_mls_commit good = external_commit(&s), bad = good;
    assert_int_equal(process(&s.b, forge_external(&s, &good, &s.d)), SG_ERR_MLS_TAG);
    assert_int_equal(process(&s.b, forge_external(&s, &good, &s.a)), SG_ERR_BAD_SIGNATURE);
    bad.path = NULL;
    assert_int_equal(process(&s.b, forge_external(&s, &bad, &s.d)), SG_ERR_MLS_COMMIT);
    bad = good;
    bad.count = 0;
    assert_int_equal(process(&s.b, forge_external(&s, &bad, &s.d)), SG_ERR_MLS_PROPOSAL);
    struct sg_mls_proposal_or_ref list[3] = {good.proposals[0]};
    bad = good;
    bad.proposals = list;
    bad.count = 2;
    list[1] = good.proposals[0]; /* two ExternalInit */
    assert_int_equal(process(&s.b, forge_external(&s, &bad, &s.d)), SG_ERR_MLS_PROPOSAL);
    list[1].proposal = add_of(&s.w, &s.d);
    assert_int_equal(process(&s.b, forge_external(&s, &bad, &s.d)), SG_ERR_MLS_PROPOSAL);
    list[1].proposal = remove_of(2); /* Carol is not Dave */
    assert_int_equal(process(&s.b, forge_external(&s, &bad, &s.d)), SG_ERR_MLS_CREDENTIAL);
    list[2].proposal = remove_of(1);
    bad.count = 3;
    assert_int_equal(process(&s.b, forge_external(&s, &bad, &s.d)), SG_ERR_MLS_PROPOSAL);
    /* a proposal that waits, by reference */
    struct sg_mls_proposal carol = remove_of(2);
    struct sg_mls_send send = {.now = WORLD_NOW};
    struct sg_bytes message;
    assert_int_equal(sg_mls_group_propose(s.a.group, &s.w.arena, &carol, &send, &message), SG_OK);
    assert_int_equal(give(&s.b, message, SG_MLS_EVENT_PROPOSAL), SG_OK);
    list[1] = (struct sg_mls_proposal_or_ref){
        .is_ref = true, .ref = sg_bytes(s.b.group->cache[0].ref, s.w.suite->hash_len)};
    bad.count = 2;
    assert_int_equal(process(&s.b, forge_external(&s, &bad, &s.d)), SG_ERR_MLS_PROPOSAL);
    tear_down(&s);
}

/* ---- welcomes and group infos ---- */

/* RFC9420 s12.4.3, s12.4.3.1, s12.4.3.3 */
static void welcomes_that_are_refused(void **state)
{
    struct scene s;
    (void)state;
    set_up(&s);
    struct sg_bytes old_tree = tree_of(&s.w, s.a.group);
    struct sg_mls_proposal dave = add_of(&s.w, &s.d);
    struct sg_mls_commit_options options = {
        .send = {.now = WORLD_NOW}, .values = &dave, .count = 1};
    struct sg_mls_commit_result result;
    assert_int_equal(sg_mls_group_commit(s.a.group, &s.w.arena, &options, &result), SG_OK);
    assert_int_equal(sg_mls_group_merge(s.a.group), SG_OK);
    assert_int_equal(client_join(&s.w, &s.d, result.welcome, NOTHING), SG_ERR_MLS_WELCOME);
    assert_int_equal(client_join(&s.w, &s.d, result.welcome, old_tree), SG_ERR_MLS_TREE);
    /* a path secret that does not lead to the keys of the tree */
    struct sg_mls_path_secrets secrets = {0};
    struct sg_mls_private own = s.a.group->epoch->own;
    sg_mls_tree_filtered_path(&s.a.group->tree, 0, &secrets.path);
    assert_int_equal(sg_mls_path_follow(&s.a.group->tree, &secrets, &own), SG_ERR_MLS_COMMIT);
    /* a group info that somebody else has signed */
    struct sg_mls_info_options info = {.has_tree = true, .has_external_pub = true};
    struct sg_mls_new_leaf leaf = {.signature_private = s.d.identity.signature_private};
    struct sg_mls_external in = {.config = &s.w.config, .leaf = &leaf, .now = WORLD_NOW};
    struct sg_mls_group *group;
    struct sg_bytes commit;
    assert_int_equal(sg_mls_group_info(s.a.group, &s.w.arena, &info, &in.group_info), SG_OK);
    assert_int_equal(
        sg_mls_identity_leaf(&s.w.config, &s.d.identity, false, &s.w.arena, &leaf.leaf), SG_OK);
    uint8_t *copy = sg_mls_arena_new(&s.w.arena, in.group_info.len, 1);
    memcpy(copy, in.group_info.data, in.group_info.len);
    copy[in.group_info.len - 1] ^= 1;
    in.group_info.data = copy;
    assert_int_equal(sg_mls_group_external_join(&in, &s.w.arena, &group, &commit),
                     SG_ERR_BAD_SIGNATURE);
    assert_int_equal(client_join(&s.w, &s.d, result.welcome, tree_of(&s.w, s.a.group)), SG_OK);
    tear_down(&s);
}

/* RFC9420 s14 */
static void a_pending_commit_changes_nothing(void **state)
{
    struct scene s;
    struct sg_mls_secret before;
    (void)state;
    set_up(&s);
    struct sg_mls_proposal carol = remove_of(2);
    struct sg_mls_commit_options options = {
        .send = {.now = WORLD_NOW}, .values = &carol, .count = 1};
    struct sg_mls_commit_result ours, theirs;
    struct sg_bytes tree = tree_of(&s.w, s.a.group);
    before = s.a.group->epoch->secrets.authenticator;
    assert_int_equal(sg_mls_group_commit(s.a.group, &s.w.arena, &options, &ours), SG_OK);
    assert_memory_equal(before.b, s.a.group->epoch->secrets.authenticator.b, 32);
    assert_true(sg_bytes_equal(tree, tree_of(&s.w, s.a.group)));
    /* another commit wins: ours is forgotten */
    options.count = 0;
    assert_int_equal(sg_mls_group_commit(s.b.group, &s.w.arena, &options, &theirs), SG_OK);
    assert_int_equal(give(&s.b, theirs.commit, SG_MLS_EVENT_COMMIT), SG_OK);
    assert_int_equal(give(&s.a, theirs.commit, SG_MLS_EVENT_COMMIT), SG_OK);
    assert_same_epoch(&s.a, &s.b);
    assert_null(s.a.group->pending);
    assert_int_equal(process(&s.b, ours.commit), SG_ERR_MLS_EPOCH);
    tear_down(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encodings_that_are_refused),
        cmocka_unit_test(every_new_credential_is_shown),
        cmocka_unit_test(senders_that_must_not),
        cmocka_unit_test(padding_that_is_not_zero),
        cmocka_unit_test(a_blank_leaf_sends_nothing),
        cmocka_unit_test(reuse_guards_are_fresh),
        cmocka_unit_test(trees_that_are_refused),
        cmocka_unit_test(what_our_leaves_say),
        cmocka_unit_test(grease_changes_nothing),
        cmocka_unit_test(key_packages_with_bad_keys),
        cmocka_unit_test(newcomers_support_the_group),
        cmocka_unit_test(paths_that_are_refused),
        cmocka_unit_test(external_commits_that_are_refused),
        cmocka_unit_test(welcomes_that_are_refused),
        cmocka_unit_test(a_pending_commit_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
