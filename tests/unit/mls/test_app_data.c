/* mls/app_data.c and the safe exporter: draft-ietf-mls-extensions-08 s4.4, s4.6, s4.7, s6.4. */
#include "mls_world.h"

#include "mls/app_data.h"

#define NOTHING sg_bytes(NULL, 0)

struct pair {
    struct world w;
    struct client a, b;
};

static void set_up(struct pair *p)
{
    memset(p, 0, sizeof(*p));
    world_init(&p->w, SG_MLS_128_DHKEMX25519_AES128GCM_SHA256_ED25519);
    client_init(&p->w, &p->a, "alice");
    client_init(&p->w, &p->b, "bob");
    client_create(&p->w, &p->a, "data");
    struct sg_mls_proposal add = add_of(&p->w, &p->b);
    struct sg_mls_commit_options options = {
        .send = {.now = WORLD_NOW}, .values = &add, .count = 1, .tree_in_welcome = true};
    struct sg_mls_commit_result result;
    assert_int_equal(sg_mls_group_commit(p->a.group, &p->w.arena, &options, &result), SG_OK);
    assert_int_equal(sg_mls_group_merge(p->a.group), SG_OK);
    assert_int_equal(client_join(&p->w, &p->b, result.welcome, NOTHING), SG_OK);
}

static void tear_down(struct pair *p)
{
    client_fini(&p->a);
    client_fini(&p->b);
    world_fini(&p->w);
}

static struct sg_mls_proposal update_of(uint16_t component, const char *data)
{
    struct sg_mls_proposal out = {.type = SG_MLS_APP_DATA_UPDATE};
    out.u.app_data = (struct sg_mls_app_data){
        component, data == NULL, data == NULL ? NOTHING : sg_bytes(data, strlen(data))};
    return out;
}

/* Values committed by a, processed by b. */
static sg_err commit(struct pair *p, struct sg_mls_proposal *values, uint32_t count)
{
    struct sg_mls_commit_options options = {
        .send = {.now = WORLD_NOW}, .values = values, .count = count, .omits_path = true};
    struct sg_mls_commit_result result;
    SG_TRY(sg_mls_group_commit(p->a.group, &p->w.arena, &options, &result));
    struct sg_mls_message message;
    assert_int_equal(sg_mls_decode_message(result.commit, &p->w.arena, &message), SG_OK);
    assert_int_equal(give(&p->b, result.commit, SG_MLS_EVENT_COMMIT), SG_OK);
    assert_int_equal(give(&p->a, result.commit, SG_MLS_EVENT_COMMIT), SG_OK);
    assert_same_epoch(&p->a, &p->b);
    return SG_OK;
}

static void expect(const struct client *c, uint16_t component, const char *data)
{
    struct sg_bytes found;
    bool is_there = sg_mls_app_data_find(c->group->epoch->context.extensions, component, &found);
    assert_int_equal(is_there, data != NULL);
    if (data != NULL)
        assert_true(sg_bytes_equal(found, sg_bytes(data, strlen(data))));
}

static void updates_change_the_dictionary(void **state)
{
    struct pair p;
    struct sg_bytes dictionary;
    (void)state;
    set_up(&p);
    struct sg_mls_proposal first[] = {update_of(7, "seven"), update_of(3, "three"),
                                      update_of(7, "again")};
    assert_int_equal(commit(&p, first, 3), SG_OK);
    expect(&p.b, 3, "three");
    expect(&p.b, 7, "again");
    expect(&p.b, 4, NULL);
    assert_true(sg_mls_extension_find(p.b.group->epoch->context.extensions,
                                      SG_MLS_EXT_APP_DATA_DICTIONARY, &dictionary));
    assert_true(sg_bytes_equal(dictionary, SG_BYTES_LIT("\x10\0\3\5three\0\7\5again")));
    struct sg_mls_proposal second[] = {update_of(3, NULL), update_of(65535, "")};
    assert_int_equal(commit(&p, second, 2), SG_OK);
    expect(&p.a, 3, NULL);
    expect(&p.a, 65535, "");
    tear_down(&p);
}

static void what_an_update_must_not_do(void **state)
{
    struct pair p;
    (void)state;
    set_up(&p);
    struct sg_mls_proposal absent[] = {update_of(3, NULL)};
    assert_int_equal(commit(&p, absent, 1), SG_ERR_MLS_PROPOSAL);
    struct sg_mls_proposal put[] = {update_of(3, "three")};
    assert_int_equal(commit(&p, put, 1), SG_OK);
    struct sg_mls_proposal mixed[] = {update_of(3, NULL), update_of(3, "x")};
    assert_int_equal(commit(&p, mixed, 2), SG_ERR_MLS_PROPOSAL);
    struct sg_mls_proposal mixed_too[] = {update_of(3, "x"), update_of(3, NULL)};
    assert_int_equal(commit(&p, mixed_too, 2), SG_ERR_MLS_PROPOSAL);
    struct sg_mls_proposal twice[] = {update_of(3, NULL), update_of(3, NULL)};
    assert_int_equal(commit(&p, twice, 2), SG_ERR_MLS_PROPOSAL);
    expect(&p.a, 3, "three");
    tear_down(&p);
}

static sg_err append_only(void *user, const struct sg_mls_app_data_change *change,
                          struct sg_mls_arena *arena, struct sg_bytes *after)
{
    (void)user;
    if (change->component != 1)
        return SG_ERR_MLS_PROPOSAL; /* "not known to the application" */
    uint8_t *out = sg_mls_arena_new(arena, change->before.len + change->update.len, 1);
    assert_non_null(out);
    if (change->before.len > 0)
        memcpy(out, change->before.data, change->before.len);
    memcpy(out + change->before.len, change->update.data, change->update.len);
    *after = sg_bytes(out, change->before.len + change->update.len);
    return SG_OK;
}

static void the_program_says_what_an_update_means(void **state)
{
    struct pair p;
    struct sg_bytes message;
    struct sg_mls_send send = {.now = WORLD_NOW};
    (void)state;
    set_up(&p);
    p.w.config.app_data = append_only;
    struct sg_mls_proposal updates[] = {update_of(1, "ab"), update_of(1, "cd")};
    assert_int_equal(commit(&p, updates, 2), SG_OK);
    struct sg_mls_proposal more = update_of(1, "ef");
    assert_int_equal(sg_mls_group_propose(p.b.group, &p.w.arena, &more, &send, &message), SG_OK);
    assert_int_equal(give(&p.a, message, SG_MLS_EVENT_PROPOSAL), SG_OK);
    assert_int_equal(commit(&p, NULL, 0), SG_OK);
    expect(&p.b, 1, "abcdef");
    struct sg_mls_proposal unknown = update_of(2, "x");
    assert_int_equal(sg_mls_group_propose(p.b.group, &p.w.arena, &unknown, &send, &message),
                     SG_ERR_MLS_PROPOSAL);
    tear_down(&p);
}

/* Of those that wait for one component the newest decides: it must not block commits. */
static void waiting_updates_and_removals_do_not_meet(void **state)
{
    struct pair p;
    struct sg_bytes message;
    struct sg_mls_send send = {.now = WORLD_NOW};
    (void)state;
    set_up(&p);
    struct sg_mls_proposal put[] = {update_of(3, "three")};
    assert_int_equal(commit(&p, put, 1), SG_OK);
    const char *const wanted[] = {"old", NULL, "new"};
    for (unsigned i = 0; i < 3; i++) {
        struct sg_mls_proposal one = update_of(3, wanted[i]);
        assert_int_equal(sg_mls_group_propose(p.b.group, &p.w.arena, &one, &send, &message), SG_OK);
        assert_int_equal(give(&p.a, message, SG_MLS_EVENT_PROPOSAL), SG_OK);
    }
    assert_int_equal(commit(&p, NULL, 0), SG_OK);
    expect(&p.b, 3, "new");
    tear_down(&p);
}

static struct sg_mls_proposal extensions_of(struct sg_bytes body)
{
    struct sg_mls_proposal out = {.type = SG_MLS_GROUP_CONTEXT_EXTENSIONS};
    out.u.extensions = body;
    return out;
}

static void a_required_update_guards_the_dictionary(void **state)
{
    struct pair p;
    (void)state;
    set_up(&p);
    /* required_capabilities with proposal type 8 */
    struct sg_mls_proposal require =
        extensions_of(SG_BYTES_LIT("\0\3\5\0\2\0\x08\0\0\6\5\4\0\1\1x"));
    assert_int_equal(commit(&p, &require, 1), SG_OK);
    struct sg_mls_proposal change =
        extensions_of(SG_BYTES_LIT("\0\3\5\0\2\0\x08\0\0\6\5\4\0\1\1y"));
    assert_int_equal(commit(&p, &change, 1), SG_ERR_MLS_PROPOSAL);
    struct sg_mls_proposal drop = extensions_of(SG_BYTES_LIT("\0\3\5\0\2\0\x08\0"));
    assert_int_equal(commit(&p, &drop, 1), SG_ERR_MLS_PROPOSAL);
    struct sg_mls_proposal both[] = {extensions_of(SG_BYTES_LIT("\0\6\5\4\0\1\1x\0\3\3\0\0\0")),
                                     update_of(1, "z")};
    assert_int_equal(commit(&p, both, 2), SG_OK);
    expect(&p.b, 1, "z");
    tear_down(&p);
}

static void dictionaries_are_sorted(void **state)
{
    (void)state;
    assert_int_equal(sg_mls_dictionary_check(SG_BYTES_LIT("\0")), SG_OK);
    assert_int_equal(sg_mls_dictionary_check(SG_BYTES_LIT("\6\0\1\0\0\2\0")), SG_OK);
    assert_int_equal(sg_mls_dictionary_check(SG_BYTES_LIT("\6\0\2\0\0\1\0")), SG_ERR_MALFORMED);
    assert_int_equal(sg_mls_dictionary_check(SG_BYTES_LIT("\6\0\2\0\0\2\0")), SG_ERR_MALFORMED);
    assert_int_equal(sg_mls_dictionary_check(SG_BYTES_LIT("\6\0\1\0\0\2\1")), SG_ERR_TRUNCATED);
    assert_int_equal(sg_mls_dictionary_check(SG_BYTES_LIT("\3\0\1\0x")), SG_ERR_TRAILING);
    assert_int_equal(sg_mls_dictionary_check(NOTHING), SG_ERR_TRUNCATED);
}

/* ---- the safe exporter ---- */

static void the_exporter_gives_each_secret_once(void **state)
{
    struct pair p;
    struct sg_mls_secret a, b, other;
    static const uint16_t components[] = {0, 1, 2, 40000, 65535};
    (void)state;
    set_up(&p);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(sg_mls_group_safe_export(p.a.group, components[i], &a), SG_OK);
        assert_int_equal(sg_mls_group_safe_export(p.b.group, components[4 - i], &other), SG_OK);
        if (i == 2)
            assert_memory_equal(a.b, other.b, 32);
        assert_int_equal(sg_mls_group_safe_export(p.a.group, components[i], &a), SG_ERR_DUPLICATE);
    }
    assert_int_equal(commit(&p, NULL, 0), SG_OK);
    assert_int_equal(sg_mls_group_safe_export(p.a.group, 7, &a), SG_OK);
    assert_int_equal(sg_mls_group_safe_export(p.b.group, 7, &b), SG_OK);
    assert_memory_equal(a.b, b.b, 32);
    assert_int_equal(sg_mls_group_safe_export(p.b.group, 6, &other), SG_OK);
    assert_memory_not_equal(other.b, b.b, 32);
    tear_down(&p);
}

/* By its definition: 16 times ExpandWithLabel "tree" from DeriveSecret(epoch_secret,
 * "application_export"), the highest bit first. */
static void the_exporter_is_what_the_draft_defines(void **state)
{
    struct world w;
    struct sg_mls_epoch_secrets secrets;
    struct sg_mls_secret epoch = {{1, 2, 3}}, node, got;
    struct sg_mls_secret_tree tree;
    (void)state;
    world_init(&w, SG_MLS_128_DHKEMX25519_AES128GCM_SHA256_ED25519);
    assert_int_equal(sg_mls_epoch_derive(w.suite, &epoch, &secrets), SG_OK);
    assert_int_equal(sg_mls_derive_secret(w.suite, sg_bytes(epoch.b, 32),
                                          SG_BYTES_LIT("application_export"), &node),
                     SG_OK);
    assert_memory_equal(node.b, secrets.application_export.b, 32);
    for (int bit = 15; bit >= 0; bit--) {
        bool is_right = 0xf60a >> bit & 1;
        struct sg_mls_expand in = {sg_bytes(node.b, 32), SG_BYTES_LIT("tree"),
                                   is_right ? SG_BYTES_LIT("right") : SG_BYTES_LIT("left")};
        assert_int_equal(sg_mls_expand_label(w.suite, &in, node.b, 32), SG_OK);
    }
    assert_int_equal(sg_mls_secret_tree_init(&tree, sg_mem_default(), w.suite, SG_MLS_COMPONENTS,
                                             &secrets.application_export),
                     SG_OK);
    assert_int_equal(sg_mls_secret_tree_consume(&tree, 0xf60a, &got), SG_OK);
    assert_memory_equal(got.b, node.b, 32);
    sg_mls_secret_tree_fini(&tree);
    world_fini(&w);
}

/* ---- last resorts ---- */

static void a_last_resort_is_marked_in_both_ways(void **state)
{
    struct world w;
    struct client c;
    struct sg_mls_key_package package;
    struct sg_bytes data;
    (void)state;
    world_init(&w, SG_MLS_128_DHKEMX25519_AES128GCM_SHA256_ED25519);
    client_init(&w, &c, "alice");
    struct sg_mls_package_options options = {
        .now = WORLD_NOW, .lifetime = WORLD_DAY, .is_last_resort = true};
    assert_int_equal(sg_mls_package_make(&w.config, &c.identity, &options, &w.arena, &c.package),
                     SG_OK);
    struct sg_reader r = sg_reader(c.package.package);
    sg_mls_read_key_package(&r, &package);
    assert_int_equal(sg_reader_done(&r), SG_OK);
    assert_true(sg_mls_package_is_last_resort(&package));
    assert_true(sg_mls_app_data_find(package.extensions, SG_MLS_COMPONENT_LAST_RESORT, &data));
    assert_int_equal(data.len, 0);
    package.extensions = SG_BYTES_LIT("\0\6\4\3\0\4\0");
    assert_true(sg_mls_package_is_last_resort(&package));
    package.extensions = SG_BYTES_LIT("\0\6\4\3\0\5\0");
    assert_false(sg_mls_package_is_last_resort(&package));
    world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(updates_change_the_dictionary),
        cmocka_unit_test(what_an_update_must_not_do),
        cmocka_unit_test(the_program_says_what_an_update_means),
        cmocka_unit_test(waiting_updates_and_removals_do_not_meet),
        cmocka_unit_test(a_required_update_guards_the_dictionary),
        cmocka_unit_test(dictionaries_are_sorted),
        cmocka_unit_test(the_exporter_gives_each_secret_once),
        cmocka_unit_test(the_exporter_is_what_the_draft_defines),
        cmocka_unit_test(a_last_resort_is_marked_in_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
