/* A store in memory, and Alice, who is kept in it, with Bob. */
#ifndef SG_TESTS_UNIT_MLS_MLS_STORE_H
#define SG_TESTS_UNIT_MLS_MLS_STORE_H

#include <stdlib.h>

#include "mls/state.h"
#include "mls_world.h"

#define RECORDS 512

struct kept {
    uint32_t kind, index;
    uint8_t *value;
    size_t len;
};

struct memory_store {
    struct kept kept[RECORDS];
    unsigned count;
    unsigned writes;
    size_t bytes; /* of the last write */
    unsigned records;
    bool fails;
    struct sg_mls_store store;
};

static inline struct kept *find(struct memory_store *m, uint32_t kind, uint32_t index)
{
    for (unsigned i = 0; i < m->count; i++)
        if (m->kept[i].kind == kind && m->kept[i].index == index)
            return &m->kept[i];
    return NULL;
}

static inline void put(struct memory_store *m, const struct sg_mls_record *record)
{
    struct kept *at = find(m, record->kind, record->index);
    if (at == NULL) {
        assert_true(m->count < RECORDS);
        at = &m->kept[m->count++];
        *at = (struct kept){record->kind, record->index, NULL, 0};
    }
    free(at->value);
    at->value = NULL;
    at->len = record->value.len;
    if (record->value.data == NULL)
        return;
    at->value = malloc(at->len + 1);
    memcpy(at->value, record->value.data, at->len);
}

static inline sg_err store_write(void *user, struct sg_bytes group_id,
                                 const struct sg_mls_record *records, uint32_t count)
{
    struct memory_store *m = user;
    (void)group_id;
    if (m->fails)
        return SG_ERR_IO;
    m->writes++;
    m->bytes = 0;
    m->records = count;
    for (uint32_t i = 0; i < count; i++) {
        put(m, &records[i]);
        m->bytes += records[i].value.len;
    }
    return SG_OK;
}

static inline sg_err store_read(void *user, struct sg_bytes group_id,
                                const struct sg_mls_record *which, struct sg_mls_arena *arena,
                                struct sg_bytes *value)
{
    struct kept *at = find(user, which->kind, which->index);
    (void)group_id;
    if (at == NULL || at->value == NULL)
        return SG_ERR_NOT_FOUND;
    return sg_mls_arena_copy(arena, sg_bytes(at->value, at->len), value);
}

static inline void store_init(struct memory_store *m)
{
    memset(m, 0, sizeof(*m));
    m->store = (struct sg_mls_store){m, store_write, store_read};
}

static inline void store_fini(struct memory_store *m)
{
    for (unsigned i = 0; i < m->count; i++)
        free(m->kept[i].value);
}

static inline bool contains(const uint8_t *data, size_t len, struct sg_bytes what)
{
    return memmem(data, len, what.data, what.len) != NULL;
}

static inline bool store_contains(const struct memory_store *m, struct sg_bytes what)
{
    for (unsigned i = 0; i < m->count; i++)
        if (m->kept[i].value != NULL && contains(m->kept[i].value, m->kept[i].len, what))
            return true;
    return false;
}

/* A sender's record is there exactly when the group has such a sender in such an epoch. */
static inline const struct sg_mls_epoch *epoch_of_kind(const struct sg_mls_group *group,
                                                       uint32_t kind)
{
    if (sg_mls_sender_record(group->epoch->context.epoch) == kind)
        return group->epoch;
    for (uint32_t i = 0; i < group->past_count; i++)
        if (sg_mls_sender_record(group->past[i].epoch->context.epoch) == kind)
            return group->past[i].epoch;
    return NULL;
}

static inline uint32_t senders_of(const struct sg_mls_group *group)
{
    uint32_t count = group->epoch->ratchets.sender_count;
    for (uint32_t i = 0; i < group->past_count; i++)
        count += group->past[i].epoch->ratchets.sender_count;
    return count;
}

static inline void assert_no_strays(const struct memory_store *m, const struct sg_mls_group *group)
{
    uint32_t found = 0;
    for (unsigned i = 0; i < m->count; i++) {
        const struct kept *kept = &m->kept[i];
        if (kept->value == NULL || (kept->kind & 15) != SG_MLS_RECORD_SENDER)
            continue;
        const struct sg_mls_epoch *epoch = epoch_of_kind(group, kept->kind);
        assert_non_null(epoch);
        if (kept->index == UINT32_MAX)
            continue;
        assert_true(sg_mls_secret_tree_has_sender(&epoch->ratchets, kept->index));
        found++;
    }
    assert_int_equal(found, senders_of(group));
}

struct pair {
    struct world w;
    struct client a, b;
    struct memory_store store; /* of a */
};

static inline void set_up(struct pair *p)
{
    memset(p, 0, sizeof(*p));
    world_init(&p->w, SG_MLS_128_DHKEMX25519_AES128GCM_SHA256_ED25519);
    store_init(&p->store);
    client_init(&p->w, &p->a, "alice");
    client_init(&p->w, &p->b, "bob");
    client_create(&p->w, &p->a, "stored");
    struct sg_mls_proposal add = add_of(&p->w, &p->b);
    struct sg_mls_commit_options options = {
        .send = {.now = WORLD_NOW}, .values = &add, .count = 1, .tree_in_welcome = true};
    struct sg_mls_commit_result result;
    assert_int_equal(sg_mls_group_commit(p->a.group, &p->w.arena, &options, &result), SG_OK);
    assert_int_equal(sg_mls_group_merge(p->a.group), SG_OK);
    assert_int_equal(client_join(&p->w, &p->b, result.welcome, sg_bytes(NULL, 0)), SG_OK);
}

static inline void tear_down(struct pair *p)
{
    client_fini(&p->a);
    client_fini(&p->b);
    store_fini(&p->store);
    world_fini(&p->w);
}

static inline void save(struct pair *p)
{
    p->store.bytes = p->store.records = 0;
    assert_int_equal(sg_mls_state_save(p->a.group, &p->store.store), SG_OK);
    assert_no_strays(&p->store, p->a.group);
}

/* a is saved, forgotten and loaded. */
static inline void restart(struct pair *p)
{
    save(p);
    client_fini(&p->a);
    assert_int_equal(
        sg_mls_state_load(&p->w.config, &p->store.store, SG_BYTES_LIT("stored"), &p->a.group),
        SG_OK);
}

static inline struct sg_bytes say(struct pair *p, struct client *from)
{
    struct sg_bytes message;
    assert_int_equal(sg_mls_group_protect(from->group, &p->w.arena, SG_BYTES_LIT("hello"),
                                          sg_bytes(NULL, 0), &message),
                     SG_OK);
    return message;
}

static inline struct sg_bytes commit_as(struct pair *p, struct client *from, bool is_private)
{
    struct sg_mls_commit_options options = {.send = {.is_private = is_private, .now = WORLD_NOW}};
    struct sg_mls_commit_result result;
    assert_int_equal(sg_mls_group_commit(from->group, &p->w.arena, &options, &result), SG_OK);
    return result.commit;
}

static inline struct sg_bytes commit_by(struct pair *p, struct client *from)
{
    return commit_as(p, from, true);
}

static inline struct sg_bytes commit_alone(struct pair *p)
{
    struct sg_bytes commit = commit_by(p, &p->a);
    assert_int_equal(give(&p->a, commit, SG_MLS_EVENT_COMMIT), SG_OK);
    return commit;
}

#endif
