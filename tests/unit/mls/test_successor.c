/* mls/successor.c: reinit and branch.
 *
 * LINK: --wrap=sg_mls_tree_leaf */
#include "mls_world.h"

#include "mls/successor.h"

struct trio {
    struct world w;
    struct client a, b, c;
};

static void set_up(struct trio *t)
{
    memset(t, 0, sizeof(*t));
    world_init(&t->w, SG_MLS_128_DHKEMX25519_AES128GCM_SHA256_ED25519);
    client_init(&t->w, &t->a, "alice");
    client_init(&t->w, &t->b, "bob");
    client_init(&t->w, &t->c, "carol");
    client_create(&t->w, &t->a, "old");
    struct sg_mls_proposal adds[2] = {add_of(&t->w, &t->b), add_of(&t->w, &t->c)};
    struct sg_mls_commit_options options = {
        .send = {.now = WORLD_NOW}, .values = adds, .count = 2, .tree_in_welcome = true};
    struct sg_mls_commit_result result;
    assert_int_equal(sg_mls_group_commit(t->a.group, &t->w.arena, &options, &result), SG_OK);
    assert_int_equal(sg_mls_group_merge(t->a.group), SG_OK);
    assert_int_equal(client_join(&t->w, &t->b, result.welcome, sg_bytes(NULL, 0)), SG_OK);
    assert_int_equal(client_join(&t->w, &t->c, result.welcome, sg_bytes(NULL, 0)), SG_OK);
}

static void tear_down(struct trio *t)
{
    client_fini(&t->a);
    client_fini(&t->b);
    client_fini(&t->c);
    world_fini(&t->w);
}

static sg_err join_new(struct trio *t, struct client *c, struct sg_bytes welcome,
                       struct sg_mls_group **out)
{
    struct sg_mls_join in = {.config = &t->w.config,
                             .welcome = welcome,
                             .keys = client_keys(c),
                             .old = c->group,
                             .now = WORLD_NOW};
    return sg_mls_group_join(&in, out);
}

static void close_group(struct trio *t, uint16_t suite)
{
    struct sg_mls_proposal reinit = {.type = SG_MLS_REINIT};
    reinit.u.reinit =
        (struct sg_mls_reinit){SG_BYTES_LIT("new"), SG_MLS_VERSION_10, suite, {NULL, 0}};
    struct sg_mls_commit_options options = {
        .send = {.now = WORLD_NOW}, .values = &reinit, .count = 1};
    struct sg_mls_commit_result result;
    struct sg_bytes out;
    assert_int_equal(sg_mls_group_commit(t->b.group, &t->w.arena, &options, &result), SG_OK);
    assert_int_equal(give(&t->a, result.commit, SG_MLS_EVENT_COMMIT), SG_OK);
    assert_int_equal(give(&t->b, result.commit, SG_MLS_EVENT_COMMIT), SG_OK);
    assert_int_equal(give(&t->c, result.commit, SG_MLS_EVENT_COMMIT), SG_OK);
    assert_same_epoch(&t->a, &t->b);
    assert_same_epoch(&t->a, &t->c);
    /* RFC9420 s12.4.2: nothing is sent any more */
    assert_int_equal(
        sg_mls_group_protect(t->a.group, &t->w.arena, SG_BYTES_LIT("x"), sg_bytes(NULL, 0), &out),
        SG_ERR_INVALID_STATE);
}

static void new_suite(struct trio *t, struct client *c, uint16_t suite)
{
    struct sg_mls_group *group = c->group;
    char name[16];
    memcpy(name, c->name, sizeof(name));
    t->w.suite = sg_mls_suite_find(suite);
    client_init(&t->w, c, name);
    c->group = group;
}

static void a_reinit_moves_all_members(void **state)
{
    struct trio t;
    const uint16_t suite = SG_MLS_128_DHKEMP256_AES128GCM_SHA256_P256;
    struct sg_mls_group *a, *b, *c;
    struct sg_bytes welcome, message;
    struct sg_mls_event event;
    (void)state;
    set_up(&t);
    close_group(&t, suite);
    new_suite(&t, &t.a, suite);
    new_suite(&t, &t.b, suite);
    new_suite(&t, &t.c, suite);
    client_package(&t.w, &t.a);
    struct sg_mls_proposal adds[2] = {add_of(&t.w, &t.b), add_of(&t.w, &t.c)};
    struct sg_mls_successor in = {.config = &t.w.config,
                                  .old = t.a.group,
                                  .keys = client_keys(&t.a),
                                  .adds = adds,
                                  .count = 1,
                                  .tree_in_welcome = true,
                                  .now = WORLD_NOW};
    /* RFC9420 s11.2: all members */
    assert_int_equal(sg_mls_group_succeed(&in, &t.w.arena, &a, &welcome), SG_ERR_MLS_GROUP);
    in.count = 2;
    assert_int_equal(sg_mls_group_succeed(&in, &t.w.arena, &a, &welcome), SG_OK);
    assert_int_equal(join_new(&t, &t.b, welcome, &b), SG_OK);
    assert_int_equal(join_new(&t, &t.c, welcome, &c), SG_OK);
    assert_int_equal(a->epoch->context.epoch, 1);
    assert_memory_equal(a->epoch->secrets.authenticator.b, b->epoch->secrets.authenticator.b, 32);
    assert_memory_equal(a->epoch->secrets.authenticator.b, c->epoch->secrets.authenticator.b, 32);
    assert_int_equal(
        sg_mls_group_protect(a, &t.w.arena, SG_BYTES_LIT("hi"), sg_bytes(NULL, 0), &message),
        SG_OK);
    assert_int_equal(sg_mls_group_process(c, message, WORLD_NOW, &event), SG_OK);
    sg_mls_event_fini(&event);
    sg_mls_group_free(a);
    sg_mls_group_free(b);
    sg_mls_group_free(c);
    tear_down(&t);
}

static void a_branch_takes_some_members(void **state)
{
    struct trio t;
    struct sg_mls_group *a, *b;
    struct client stranger;
    struct sg_bytes welcome;
    (void)state;
    set_up(&t);
    client_init(&t.w, &stranger, "mallory");
    client_package(&t.w, &t.a);
    struct sg_mls_proposal adds[2] = {add_of(&t.w, &t.b), add_of(&t.w, &stranger)};
    struct sg_mls_successor in = {.config = &t.w.config,
                                  .old = t.a.group,
                                  .is_branch = true,
                                  .group_id = SG_BYTES_LIT("side"),
                                  .keys = client_keys(&t.a),
                                  .adds = adds,
                                  .count = 2,
                                  .tree_in_welcome = true,
                                  .now = WORLD_NOW};
    /* RFC9420 s11.3: only members of the old group */
    assert_int_equal(sg_mls_group_succeed(&in, &t.w.arena, &a, &welcome), SG_ERR_MLS_GROUP);
    in.count = 1;
    assert_int_equal(sg_mls_group_succeed(&in, &t.w.arena, &a, &welcome), SG_OK);
    assert_int_equal(join_new(&t, &t.b, welcome, &b), SG_OK);
    assert_memory_equal(a->epoch->secrets.authenticator.b, b->epoch->secrets.authenticator.b, 32);
    sg_mls_group_free(b);
    /* without the old group the PSK is not known */
    struct sg_mls_group *old = t.b.group;
    t.b.group = NULL;
    assert_int_equal(join_new(&t, &t.b, welcome, &b), SG_ERR_MLS_PSK);
    t.b.group = old;
    sg_mls_group_free(a);
    tear_down(&t);
}

static void a_reinit_needs_a_closed_group(void **state)
{
    struct trio t;
    struct sg_mls_group *a;
    struct sg_bytes welcome;
    (void)state;
    set_up(&t);
    client_package(&t.w, &t.a);
    struct sg_mls_successor in = {
        .config = &t.w.config, .old = t.a.group, .keys = client_keys(&t.a), .now = WORLD_NOW};
    assert_int_equal(sg_mls_group_succeed(&in, &t.w.arena, &a, &welcome), SG_ERR_INVALID_STATE);
    tear_down(&t);
}

/* ---- comparing members ---- */

static unsigned looked;

void __real_sg_mls_tree_leaf(const struct sg_mls_tree *tree, uint32_t leaf,
                             struct sg_mls_leaf *out);
void __wrap_sg_mls_tree_leaf(const struct sg_mls_tree *tree, uint32_t leaf,
                             struct sg_mls_leaf *out);

void __wrap_sg_mls_tree_leaf(const struct sg_mls_tree *tree, uint32_t leaf, struct sg_mls_leaf *out)
{
    looked++;
    __real_sg_mls_tree_leaf(tree, leaf, out);
}

/* Members first, first + step, .... */
static void fill_tree(struct trio *t, struct sg_mls_tree *tree, uint32_t first, uint32_t step)
{
    struct sg_mls_leaf leaf;
    sg_mls_tree_init(tree, sg_mem_default(), t->w.suite);
    tree->keys.seed[0] = 7;
    assert_int_equal(sg_mls_tree_resize(tree, 1024), SG_OK);
    __real_sg_mls_tree_leaf(&t->a.group->tree, 0, &leaf);
    for (uint32_t i = 0; i < 1000; i++) {
        uint32_t number = first + i * step;
        uint8_t name[4], key[32] = {(uint8_t)i, (uint8_t)(i >> 8)}, raw[1024];
        struct sg_mls_node *node;
        struct sg_writer w = sg_writer(raw, sizeof(raw));
        memcpy(name, &number, 4);
        leaf.credential.body = sg_bytes(name, 4);
        leaf.encryption_key = leaf.signature_key = sg_bytes(key, 32);
        sg_mls_write_leaf(&w, &leaf);
        assert_int_equal(sg_writer_done(&w), SG_OK);
        assert_int_equal(sg_mls_node_new_leaf(tree, sg_bytes(raw, w.len), &node), SG_OK);
        assert_int_equal(sg_mls_tree_put(tree, sg_mls_leaf_node(i), node), SG_OK);
    }
}

/* In whatever order the members stand, comparing costs a few looks for each. */
static void members_are_compared_in_one_pass(void **state)
{
    struct trio t;
    struct sg_mls_tree old, back, other, same;
    (void)state;
    set_up(&t);
    fill_tree(&t, &old, 1000, 1);
    fill_tree(&t, &back, 1999, UINT32_MAX); /* the same ones backwards */
    fill_tree(&t, &other, 1001, 1);         /* another one at the end */
    fill_tree(&t, &same, 1000, 0);          /* one member many times */
    looked = 0;
    assert_int_equal(sg_mls_check_members(&old, &back, false), SG_OK);
    assert_int_equal(sg_mls_check_members(&old, &back, true), SG_OK);
    assert_true(looked < 2 * 8 * 1000);
    looked = 0;
    assert_int_equal(sg_mls_check_members(&old, &other, false), SG_ERR_MLS_GROUP);
    assert_int_equal(sg_mls_check_members(&old, &other, true), SG_ERR_MLS_GROUP);
    assert_int_equal(sg_mls_check_members(&old, &same, true), SG_OK);
    assert_int_equal(sg_mls_check_members(&old, &same, false), SG_ERR_MLS_GROUP);
    assert_int_equal(sg_mls_check_members(&same, &old, false), SG_OK);
    assert_true(looked < 5 * 8 * 1000);
    sg_mls_tree_fini(&old);
    sg_mls_tree_fini(&back);
    sg_mls_tree_fini(&other);
    sg_mls_tree_fini(&same);
    tear_down(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reinit_moves_all_members),
        cmocka_unit_test(a_branch_takes_some_members),
        cmocka_unit_test(a_reinit_needs_a_closed_group),
        cmocka_unit_test(members_are_compared_in_one_pass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
