/* mls/config.c: limits on what is read before anything shows who sent it. */
#include "mls_scene.h"

static void messages_that_are_too_large(void **state)
{
    struct scene s;
    struct sg_mls_info_options info = {.has_tree = true, .has_external_pub = true};
    struct sg_mls_external in = {.config = &s.w.config, .now = WORLD_NOW};
    struct sg_mls_commit_result result;
    struct sg_bytes message;
    static const uint8_t data[1000];
    (void)state;
    set_up(&s);
    assert_int_equal(sg_mls_group_protect(s.b.group, &s.w.arena, sg_bytes(data, sizeof(data)),
                                          sg_bytes(NULL, 0), &message),
                     SG_OK);
    /* it is not looked at, so that it is damaged does not matter */
    uint8_t *last = (uint8_t *)(uintptr_t)message.data + message.len - 1;
    *last ^= 1;
    s.w.config.message_max = message.len - 1;
    assert_int_equal(process(&s.a, message), SG_ERR_OVERSIZED);
    s.w.config.message_max = message.len;
    assert_int_equal(process(&s.a, message), SG_ERR_AUTH);
    *last ^= 1;
    assert_int_equal(give(&s.a, message, SG_MLS_EVENT_APPLICATION), SG_OK);
    /* nor is one sent */
    s.w.config.message_max = message.len - 1;
    assert_int_equal(sg_mls_group_protect(s.b.group, &s.w.arena, sg_bytes(data, sizeof(data)),
                                          sg_bytes(NULL, 0), &message),
                     SG_ERR_TOO_LARGE);
    assert_int_equal(sg_mls_group_protect(s.b.group, &s.w.arena, sg_bytes(data, 10),
                                          sg_bytes(NULL, 0), &message),
                     SG_OK);
    assert_int_equal(give(&s.a, message, SG_MLS_EVENT_APPLICATION), SG_OK);
    s.w.config.message_max = 1 << 20;
    struct sg_mls_proposal dave = add_of(&s.w, &s.d);
    struct sg_mls_commit_options options = {
        .send = {.now = WORLD_NOW}, .values = &dave, .count = 1, .tree_in_welcome = true};
    assert_int_equal(sg_mls_group_commit(s.a.group, &s.w.arena, &options, &result), SG_OK);
    s.w.config.message_max = result.welcome.len - 1;
    assert_int_equal(client_join(&s.w, &s.d, result.welcome, sg_bytes(NULL, 0)), SG_ERR_OVERSIZED);
    assert_int_equal(sg_mls_group_info(s.a.group, &s.w.arena, &info, &in.group_info), SG_OK);
    s.w.config.message_max = in.group_info.len - 1;
    assert_int_equal(sg_mls_group_external_join(&in, &s.w.arena, &s.d.group, &message),
                     SG_ERR_OVERSIZED);
    tear_down(&s);
}

/* A commit, not signed by anybody, with that many references and ciphertexts at two nodes. */
static struct sg_bytes lists_of(struct scene *s, uint32_t references, uint32_t secrets)
{
    static uint8_t data[4096];
    struct sg_writer w = sg_writer(data, sizeof(data));
    struct sg_mls_leaf leaf;
    sg_mls_tree_leaf(&s->a.group->tree, 0, &leaf);
    leaf.source = SG_MLS_LEAF_COMMIT;
    leaf.parent_hash = sg_bytes(NULL, 0);
    sg_mls_write_message_head(&w, SG_MLS_WIRE_PUBLIC);
    sg_write_vector(&w, SG_BYTES_LIT("group"));
    sg_write_u64(&w, s->a.group->epoch->context.epoch);
    sg_mls_write_sender(&w, &(struct sg_mls_sender){SG_MLS_SENDER_MEMBER, 0});
    sg_write_vector(&w, sg_bytes(NULL, 0));
    sg_write_u8(&w, SG_MLS_COMMIT);
    size_t list = sg_write_vector_begin(&w);
    for (uint32_t i = 0; i < references; i++)
        sg_write_u16(&w, 0x0200);
    sg_write_vector_end(&w, list);
    sg_write_u8(&w, 1);
    sg_mls_write_leaf(&w, &leaf);
    size_t nodes = sg_write_vector_begin(&w);
    for (uint32_t node = 0; node < 2; node++) {
        sg_write_vector(&w, SG_BYTES_LIT("key"));
        size_t at = sg_write_vector_begin(&w);
        for (uint32_t i = node; i < secrets; i += 2)
            sg_write_u16(&w, 0);
        sg_write_vector_end(&w, at);
    }
    sg_write_vector_end(&w, nodes);
    sg_write_vector(&w, SG_BYTES_LIT("signature"));
    sg_write_vector(&w, SG_BYTES_LIT("tag"));
    sg_write_vector(&w, SG_BYTES_LIT("membership"));
    assert_int_equal(sg_writer_done(&w), SG_OK);
    return sg_bytes(data, w.len);
}

static void messages_that_list_too_much(void **state)
{
    struct scene s;
    (void)state;
    set_up(&s);
    s.w.config.limits = (struct sg_mls_limits){.proposals = 10, .path_secrets = 20};
    /* within the limits the forgery is noticed only by its tag */
    assert_int_equal(process(&s.b, lists_of(&s, 10, 20)), SG_ERR_MLS_TAG);
    assert_int_equal(process(&s.b, lists_of(&s, 11, 20)), SG_ERR_OVERSIZED);
    assert_int_equal(process(&s.b, lists_of(&s, 10, 21)), SG_ERR_OVERSIZED);
    sg_mls_config_init(&s.w.config);
    assert_int_equal(s.w.config.limits.proposals, 65536);
    assert_int_equal(s.w.config.limits.path_secrets, 131072);
    assert_int_equal(s.w.config.message_max, 128 << 20);
    s.w.config.mem = sg_mem_default();
    tear_down(&s);
}

static void commits_that_list_too_much_are_not_made(void **state)
{
    struct scene s;
    struct sg_mls_commit_result result;
    (void)state;
    set_up(&s);
    struct sg_mls_proposal values[2] = {add_of(&s.w, &s.d), remove_of(1)};
    struct sg_mls_commit_options options = {
        .send = {.now = WORLD_NOW}, .values = values, .count = 2};
    s.w.config.limits.proposals = 1;
    assert_int_equal(sg_mls_group_commit(s.a.group, &s.w.arena, &options, &result), SG_ERR_LIMIT);
    s.w.config.limits = (struct sg_mls_limits){.proposals = 2, .path_secrets = 0};
    assert_int_equal(sg_mls_group_commit(s.a.group, &s.w.arena, &options, &result), SG_ERR_LIMIT);
    assert_null(s.a.group->pending);
    s.w.config.limits.path_secrets = 1; /* Carol's; Dave comes with the commit */
    assert_int_equal(sg_mls_group_commit(s.a.group, &s.w.arena, &options, &result), SG_OK);
    assert_int_equal(give(&s.c, result.commit, SG_MLS_EVENT_COMMIT), SG_OK);
    tear_down(&s);
}

/* Newcomers of a Welcome count as proposals do, and so do the PSKs in it. */
static void welcomes_that_list_too_much(void **state)
{
    struct scene s;
    struct client erin;
    struct sg_mls_commit_result result;
    (void)state;
    set_up(&s);
    client_init(&s.w, &erin, "erin");
    struct sg_mls_proposal adds[2] = {add_of(&s.w, &s.d), add_of(&s.w, &erin)};
    struct sg_mls_commit_options options = {
        .send = {.now = WORLD_NOW}, .values = adds, .count = 2, .tree_in_welcome = true};
    assert_int_equal(sg_mls_group_commit(s.a.group, &s.w.arena, &options, &result), SG_OK);
    s.w.config.limits.proposals = 1;
    assert_int_equal(client_join(&s.w, &s.d, result.welcome, sg_bytes(NULL, 0)), SG_ERR_OVERSIZED);
    s.w.config.limits.proposals = 2;
    assert_int_equal(client_join(&s.w, &s.d, result.welcome, sg_bytes(NULL, 0)), SG_OK);
    struct sg_mls_group_secrets secrets;
    struct sg_reader r = sg_reader(SG_BYTES_LIT("\0\0\x0c\1\0\0\1\0\0\1\0\0\1\0\0"));
    s.w.arena.limits.proposals = 3;
    sg_mls_read_group_secrets(&r, &s.w.arena, &secrets);
    assert_int_equal(sg_reader_done(&r), SG_ERR_OVERSIZED);
    s.w.arena.limits.proposals = 4;
    r = sg_reader(SG_BYTES_LIT("\0\0\x0c\1\0\0\1\0\0\1\0\0\1\0\0"));
    sg_mls_read_group_secrets(&r, &s.w.arena, &secrets);
    assert_int_equal(sg_reader_done(&r), SG_OK);
    assert_int_equal(secrets.psk_count, 4);
    tear_down(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_that_are_too_large),
        cmocka_unit_test(messages_that_list_too_much),
        cmocka_unit_test(commits_that_list_too_much_are_not_made),
        cmocka_unit_test(welcomes_that_list_too_much),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
