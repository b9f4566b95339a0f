/* mls/group.c and what is above it. What a receiver says of bad input: one error for each kind of
 * it, nothing has changed, and no secret is left in what was freed on the way out. */
#include <stdlib.h>

#include "mls_scene.h"
#include "mls_watch.h"

/* ---- one error for each ---- */

static struct sg_bytes copy_of(struct scene *s, struct sg_bytes message, size_t more)
{
    uint8_t *data = sg_mls_arena_new(&s->w.arena, message.len + more, 1);
    memcpy(data, message.data, message.len);
    return sg_bytes(data, message.len + more);
}

static uint8_t *writable(struct sg_bytes bytes)
{
    return (uint8_t *)(uintptr_t)bytes.data;
}

static struct sg_bytes commit_of(struct scene *s, struct client *from, bool is_private)
{
    struct sg_mls_commit_options options = {.send = {.is_private = is_private, .now = WORLD_NOW}};
    struct sg_mls_commit_result result;
    assert_int_equal(sg_mls_group_commit(from->group, &s->w.arena, &options, &result), SG_OK);
    return result.commit;
}

static struct sg_bytes say(struct scene *s, struct client *from)
{
    struct sg_bytes message;
    assert_int_equal(sg_mls_group_protect(from->group, &s->w.arena, SG_BYTES_LIT("hello"),
                                          sg_bytes(NULL, 0), &message),
                     SG_OK);
    return message;
}

/* version, wire format, then group_id<V>: its length in two bytes where one does */
static struct sg_bytes longer_varint(struct scene *s, struct sg_bytes message)
{
    struct sg_bytes out = copy_of(s, message, 1);
    memmove(writable(out) + 5, message.data + 4, message.len - 4);
    writable(out)[4] = 0x40;
    return out;
}

static void encodings(void **state)
{
    struct scene s;
    (void)state;
    set_up(&s);
    const size_t most = s.w.config.message_max;
    for (unsigned private = 0; private < 2; private ++) {
        struct sg_bytes commit = commit_of(&s, &s.a, private == 1);
        for (size_t len = 0; len < commit.len; len++)
            assert_int_equal(process(&s.b, sg_bytes(commit.data, len)), SG_ERR_TRUNCATED);
        assert_int_equal(process(&s.b, copy_of(&s, commit, 1)), SG_ERR_TRAILING);
        assert_int_equal(process(&s.b, longer_varint(&s, commit)), SG_ERR_NOT_CANONICAL);
        struct sg_bytes other = copy_of(&s, commit, 0);
        writable(other)[1] = 2;
        assert_int_equal(process(&s.b, other), SG_ERR_VERSION);
        writable(other)[1] = 1;
        writable(other)[3] = 99; /* no such wire format */
        assert_int_equal(process(&s.b, other), SG_ERR_MALFORMED);
        s.w.config.message_max = commit.len - 1;
        assert_int_equal(process(&s.b, commit), SG_ERR_OVERSIZED);
        s.w.config.message_max = commit.len;
        assert_int_equal(process(&s.b, commit), SG_OK);
        assert_int_equal(process(&s.a, commit), SG_OK);
        assert_int_equal(process(&s.c, commit), SG_OK);
        s.w.config.message_max = most;
    }
    tear_down(&s);
}

static void other_times_and_groups(void **state)
{
    struct scene s;
    struct client eve;
    (void)state;
    set_up(&s);
    client_init(&s.w, &eve, "eve");
    client_create(&s.w, &eve, "other");
    for (unsigned private = 0; private < 2; private ++) {
        assert_int_equal(process(&s.b, commit_of(&s, &eve, private == 1)), SG_ERR_MLS_GROUP);
        sg_mls_group_clear_pending(eve.group);
        struct sg_bytes first = commit_of(&s, &s.a, private == 1);
        assert_int_equal(process(&s.a, first), SG_OK);
        struct sg_bytes second = commit_of(&s, &s.a, private == 1);
        assert_int_equal(process(&s.a, second), SG_OK);
        /* reordered, replayed, of an epoch before */
        assert_int_equal(process(&s.b, second), SG_ERR_MLS_EPOCH);
        assert_int_equal(process(&s.b, first), SG_OK);
        assert_int_equal(process(&s.b, first), SG_ERR_MLS_EPOCH);
        assert_int_equal(process(&s.b, second), SG_OK);
        assert_int_equal(process(&s.b, second), SG_ERR_MLS_EPOCH);
        assert_int_equal(process(&s.c, first), SG_OK);
        assert_int_equal(process(&s.c, second), SG_OK);
    }
    struct sg_bytes one = say(&s, &s.a), two = say(&s, &s.a);
    assert_int_equal(process(&s.b, two), SG_OK);
    assert_int_equal(process(&s.b, one), SG_OK);
    assert_int_equal(process(&s.b, one), SG_ERR_DUPLICATE);
    assert_int_equal(process(&s.b, two), SG_ERR_DUPLICATE);
    client_fini(&eve);
    tear_down(&s);
}

/* Carol knows all keys of the group, but not Alice's own one. */
static struct sg_bytes forge_as_alice(struct scene *s, bool is_private)
{
    struct sg_mls_outgoing *out = sg_mls_arena_new(&s->w.arena, 1, sizeof(*out));
    struct sg_mls_signer signer = sg_mls_group_signer(s->c.group);
    struct sg_mls_send send = {.is_private = is_private, .now = WORLD_NOW};
    sg_mls_fill_content(s->c.group, &send, SG_MLS_PROPOSAL, &out->message);
    out->message.content.sender.index = 0;
    out->message.content.proposal = remove_of(1);
    assert_int_equal(
        sg_mls_content_sign(&signer, &s->w.arena, s->c.group->epoch->context.raw, &out->message),
        SG_OK);
    assert_int_equal(sg_mls_protect(s->c.group, &s->w.arena, out), SG_OK);
    sg_mls_key_use_fini(&s->c.group->epoch->ratchets, &out->use);
    return out->bytes;
}

static void forgeries(void **state)
{
    struct scene s;
    (void)state;
    set_up(&s);
    for (unsigned private = 0; private < 2; private ++) {
        assert_int_equal(process(&s.b, forge_as_alice(&s, private == 1)), SG_ERR_BAD_SIGNATURE);
        /* by who knows nothing: the last byte is of the membership tag, or of the ciphertext */
        struct sg_bytes commit = commit_of(&s, &s.a, private == 1);
        struct sg_bytes other = copy_of(&s, commit, 0);
        writable(other)[commit.len - 1] ^= 1;
        assert_int_equal(process(&s.b, other), private == 1 ? SG_ERR_AUTH : SG_ERR_MLS_TAG);
        sg_mls_group_clear_pending(s.a.group);
    }
    /* a commit to another epoch than the one it leads to */
    assert_int_equal(process(&s.b, forge(&s, NULL, 0, NULL)), SG_ERR_MLS_COMMIT);
    struct sg_mls_proposal add = add_of(&s.w, &s.d);
    assert_int_equal(process(&s.b, forge(&s, &add, 1, NULL)), SG_ERR_MLS_TAG);
    tear_down(&s);
}

/* ---- secrets on the way out ---- */

static void watch_epoch(struct watched *w, const struct sg_mls_epoch *epoch)
{
    watch(w, epoch->secrets.init.b);
    watch(w, epoch->secrets.exporter.b);
    watch(w, epoch->secrets.sender_data.b);
    watch(w, epoch->secrets.membership_key.b);
    watch(w, epoch->secrets.confirmation_key.b);
    watch(w, epoch->secrets.resumption.b);
    for (uint32_t i = 0; i < epoch->own.count && i < 4; i++)
        watch(w, epoch->own.keys[i].key);
}

/* A commit whose tag is wrong is refused when all of the next epoch is worked out. */
static void no_secret_is_left(void **state)
{
    struct scene s;
    struct watched watched = {.count = 0};
    const struct sg_mem mem = {watch_alloc, watch_realloc, watch_free, &watched};
    (void)state;
    set_up(&s);
    for (unsigned private = 0; private < 2; private ++) {
        client_fini(&s.b);
        struct sg_mls_proposal again[2] = {remove_of(1), add_of(&s.w, &s.b)};
        struct sg_mls_commit_options options = {
            .send = {.now = WORLD_NOW}, .values = again, .count = 2, .tree_in_welcome = true};
        struct sg_mls_commit_result result;
        assert_int_equal(sg_mls_group_commit(s.a.group, &s.w.arena, &options, &result), SG_OK);
        assert_int_equal(sg_mls_group_merge(s.a.group), SG_OK);
        struct sg_mls_config watching = s.w.config;
        watching.mem = &mem;
        struct sg_mls_join in = {.config = &watching,
                                 .welcome = result.welcome,
                                 .keys = client_keys(&s.b),
                                 .now = WORLD_NOW};
        assert_int_equal(sg_mls_group_join(&in, &s.b.group), SG_OK);
        struct sg_bytes commit = commit_of(&s, &s.a, private == 1);
        watched = (struct watched){.count = 0};
        watch_epoch(&watched, s.b.group->epoch);
        watch_epoch(&watched, s.a.group->pending->epoch);
        struct sg_mls_secret tag = s.b.group->epoch->secrets.init;
        s.b.group->epoch->secrets.init.b[0] ^= 1; /* she comes to another epoch than Alice */
        assert_int_equal(process(&s.b, commit), SG_ERR_MLS_TAG);
        s.b.group->epoch->secrets.init = tag;
        assert_true(watched.freed > 10);
        assert_int_equal(watched.found, 0);
        for (size_t at = 0; at < commit.len; at += 7) {
            struct sg_bytes other = copy_of(&s, commit, 0);
            writable(other)[at] ^= 1;
            assert_int_not_equal(process(&s.b, other), SG_OK);
        }
        assert_int_equal(watched.found, 0);
        assert_int_equal(process(&s.b, commit), SG_OK);
        assert_int_equal(watched.found, 0);
        assert_int_equal(process(&s.a, commit), SG_OK);
        client_fini(&s.b);
        assert_int_equal(watched.found, 0);
    }
    tear_down(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encodings),
        cmocka_unit_test(other_times_and_groups),
        cmocka_unit_test(forgeries),
        cmocka_unit_test(no_secret_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
