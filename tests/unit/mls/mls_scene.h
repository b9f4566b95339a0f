/* Alice, Bob and Carol in a group, Dave outside; and commits that are made by hand. */
#ifndef SG_TESTS_UNIT_MLS_MLS_SCENE_H
#define SG_TESTS_UNIT_MLS_MLS_SCENE_H

#include "mls_world.h"

struct scene {
    struct world w;
    struct client a, b, c, d;
};

static inline void set_up(struct scene *s)
{
    memset(s, 0, sizeof(*s));
    world_init(&s->w, SG_MLS_128_DHKEMX25519_AES128GCM_SHA256_ED25519);
    client_init(&s->w, &s->a, "alice");
    client_init(&s->w, &s->b, "bob");
    client_init(&s->w, &s->c, "carol");
    client_init(&s->w, &s->d, "dave");
    client_create(&s->w, &s->a, "group");
    struct sg_mls_proposal adds[2] = {add_of(&s->w, &s->b), add_of(&s->w, &s->c)};
    struct sg_mls_commit_options options = {
        .send = {.now = WORLD_NOW}, .values = adds, .count = 2, .tree_in_welcome = true};
    struct sg_mls_commit_result result;
    assert_int_equal(sg_mls_group_commit(s->a.group, &s->w.arena, &options, &result), SG_OK);
    assert_int_equal(sg_mls_group_merge(s->a.group), SG_OK);
    assert_int_equal(client_join(&s->w, &s->b, result.welcome, sg_bytes(NULL, 0)), SG_OK);
    assert_int_equal(client_join(&s->w, &s->c, result.welcome, sg_bytes(NULL, 0)), SG_OK);
}

static inline void tear_down(struct scene *s)
{
    client_fini(&s->a);
    client_fini(&s->b);
    client_fini(&s->c);
    client_fini(&s->d);
    world_fini(&s->w);
}

/* A commit of Alice's with room for so many proposals. */
static inline struct sg_mls_outgoing *forge_begin(struct scene *s, uint32_t count)
{
    struct sg_mls_outgoing *out = sg_mls_arena_new(&s->w.arena, 1, sizeof(*out));
    struct sg_mls_send send = {.now = WORLD_NOW};
    sg_mls_fill_content(s->a.group, &send, SG_MLS_COMMIT, &out->message);
    struct sg_mls_commit *commit = &out->message.content.commit;
    commit->proposals = sg_mls_arena_new(&s->w.arena, count, sizeof(*commit->proposals));
    commit->count = count;
    return out;
}

/* Signs it; its confirmation tag is wrong, but that is looked at last. */
static inline struct sg_bytes forge_end(struct scene *s, struct sg_mls_outgoing *out)
{
    struct sg_mls_signer signer = sg_mls_group_signer(s->a.group);
    assert_int_equal(
        sg_mls_content_sign(&signer, &s->w.arena, s->a.group->epoch->context.raw, &out->message),
        SG_OK);
    out->message.auth.confirmation_tag = SG_BYTES_LIT("0123456789abcdef0123456789abcdef");
    assert_int_equal(sg_mls_protect(s->a.group, &s->w.arena, out), SG_OK);
    return out->bytes;
}

/* The same with these proposals and any path. */
static inline struct sg_bytes forge(struct scene *s, const struct sg_mls_proposal *values,
                                    uint32_t count, struct sg_mls_path *path)
{
    struct sg_mls_outgoing *out = forge_begin(s, count);
    for (uint32_t i = 0; i < count; i++)
        out->message.content.commit.proposals[i].proposal = values[i];
    out->message.content.commit.path = path;
    return forge_end(s, out);
}

static inline sg_err process(struct client *c, struct sg_bytes message)
{
    struct sg_mls_event event;
    uint8_t before[SG_MLS_HASH_MAX];
    memcpy(before, sg_mls_tree_root_hash(&c->group->tree).data, c->group->suite->hash_len);
    uint64_t epoch = c->group->epoch->context.epoch;
    uint32_t cached = c->group->cache_count;
    sg_err err = sg_mls_group_process(c->group, message, WORLD_NOW, &event);
    if (err == SG_OK) {
        sg_mls_event_fini(&event);
        return err;
    }
    assert_int_equal(c->group->epoch->context.epoch, epoch);
    assert_int_equal(c->group->cache_count, cached);
    assert_memory_equal(before, sg_mls_tree_root_hash(&c->group->tree).data,
                        c->group->suite->hash_len);
    return err;
}

static inline struct sg_mls_proposal remove_of(uint32_t leaf)
{
    return (struct sg_mls_proposal){.type = SG_MLS_REMOVE, .u.removed = leaf};
}

#endif
