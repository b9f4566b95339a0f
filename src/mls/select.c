#include "mls/select.h"

/* A hash set, by the tree's secret seed; len 0: empty. */
struct key_slot {
    uint32_t hash;
    struct sg_bytes key;
};

enum { HAS_UPDATE = 1, HAS_REMOVAL = 2 };

struct choosing {
    const struct sg_mls_selection *in;
    struct sg_mls_listed *cached; /* [count], newest last */
    uint32_t count;
    bool *taken;           /* [count] */
    uint8_t *removed;      /* [leaves] by a value or a cached proposal */
    uint8_t *updated;      /* [leaves] by a later Update */
    struct key_slot *keys; /* [key_mask + 1] signature keys of the Adds that are in, and leaf's */
    uint32_t key_mask;
    uint8_t *app_data; /* [65536] of each component: HAS_UPDATE, HAS_REMOVAL */
    bool has_extensions;
    bool has_reinit; /* a value; then nothing else */
    bool has_other;
};

static sg_err read_cached(struct choosing *c)
{
    const struct sg_mls_group *group = c->in->group;
    c->count = group->cache_count;
    c->cached = sg_mls_arena_new(c->in->arena, c->count, sizeof(*c->cached));
    c->taken = sg_mls_arena_new(c->in->arena, c->count, sizeof(*c->taken));
    c->removed = sg_mls_arena_new(c->in->arena, group->tree.leaves, 1);
    c->updated = sg_mls_arena_new(c->in->arena, group->tree.leaves, 1);
    if (c->cached == NULL || c->taken == NULL || c->removed == NULL || c->updated == NULL)
        return SG_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < c->count; i++) {
        const struct sg_mls_cached *cached = &group->cache[i];
        struct sg_mls_authentic *message = sg_mls_arena_new(c->in->arena, 1, sizeof(*message));
        if (message == NULL)
            return SG_ERR_NO_MEMORY;
        struct sg_reader r = sg_reader(sg_bytes(cached->message, cached->len));
        sg_mls_read_authentic(&r, c->in->arena, message);
        SG_TRY(sg_reader_done(&r));
        c->cached[i] =
            (struct sg_mls_listed){&message->content.proposal, message->content.sender, cached};
    }
    return SG_OK;
}

/* Room for all Adds that there may be, and leaf. */
static sg_err make_sets(struct choosing *c)
{
    uint64_t slots = 16;
    while (slots / 2 < (uint64_t)c->count + c->in->count + 1)
        slots *= 2;
    c->keys = sg_mls_arena_new(c->in->arena, slots, sizeof(*c->keys));
    c->app_data = sg_mls_arena_new(c->in->arena, UINT16_MAX + 1, 1);
    c->key_mask = (uint32_t)(slots - 1);
    return c->keys == NULL || c->app_data == NULL ? SG_ERR_NO_MEMORY : SG_OK;
}

/* RFC9420 s7.3: does it have our new leaf's credential type among its capabilities, and that its
 * own? Else the path could not come after it. */
static bool fits_leaf(const struct choosing *c, const struct sg_mls_leaf *other)
{
    const struct sg_mls_leaf *leaf = c->in->leaf;
    return leaf == NULL ||
           (sg_mls_u16s_has(other->capabilities.credentials, leaf->credential.type) &&
            sg_mls_u16s_has(leaf->capabilities.credentials, other->credential.type));
}

/* RFC9420 s12.2: no two Adds of one client. */
static bool takes_key(struct choosing *c, struct sg_bytes key)
{
    uint32_t hash = sg_mls_keys_hash(&c->in->group->tree, key, true);
    uint32_t at = hash & c->key_mask;
    for (; c->keys[at].key.len > 0; at = (at + 1) & c->key_mask)
        if (c->keys[at].hash == hash && sg_bytes_equal(c->keys[at].key, key))
            return false;
    c->keys[at] = (struct key_slot){hash, key};
    return true;
}

/* draft-ietf-mls-extensions-08 s4.7: of a component either updates or one removal. The newest one
 * says which. */
static bool takes_app_data(struct choosing *c, const struct sg_mls_app_data *one)
{
    uint8_t *has = &c->app_data[one->component];
    if ((*has & HAS_REMOVAL) != 0 || (one->is_remove && *has != 0))
        return false;
    *has = one->is_remove ? HAS_REMOVAL : HAS_UPDATE;
    return true;
}

static void note_values(struct choosing *c)
{
    if (c->in->leaf != NULL)
        (void)takes_key(c, c->in->leaf->signature_key);
    for (uint32_t i = 0; i < c->in->count; i++) {
        const struct sg_mls_proposal *value = &c->in->values[i];
        c->has_other = true;
        if (value->type == SG_MLS_ADD)
            (void)takes_key(c, value->u.add->leaf.signature_key);
        if (value->type == SG_MLS_APP_DATA_UPDATE)
            (void)takes_app_data(c, &value->u.app_data);
        if (value->type == SG_MLS_REMOVE && value->u.removed < c->in->group->tree.leaves)
            c->removed[value->u.removed] = 1;
        if (value->type == SG_MLS_GROUP_CONTEXT_EXTENSIONS)
            c->has_extensions = true;
        if (value->type == SG_MLS_REINIT)
            c->has_reinit = true;
    }
}

static bool takes_remove(struct choosing *c, uint32_t leaf)
{
    /* RFC9420 s12.2: not the committer, and nobody twice */
    if (leaf == sg_mls_group_leaf(c->in->group) || c->removed[leaf])
        return false;
    c->removed[leaf] = 1;
    return true;
}

static bool takes_update(struct choosing *c, const struct sg_mls_listed *listed)
{
    uint32_t leaf = listed->sender.index;
    /* RFC9420 s12.2: "SHOULD prefer any Remove received, or the most recent Update" */
    if (leaf == sg_mls_group_leaf(c->in->group) || c->removed[leaf] || c->updated[leaf] ||
        !fits_leaf(c, listed->proposal->u.update))
        return false;
    c->updated[leaf] = 1;
    return true;
}

static bool takes_psk(const struct choosing *c, const struct sg_mls_psk_id *id)
{
    struct sg_mls_psk_source source = {
        c->in->group->config, c->in->group->suite, {c->in->group, NULL}};
    struct sg_mls_secret secret;
    sg_err err = sg_mls_psks_secret(&source, c->in->arena, &id, 1, &secret);
    source.suite->wipe(&secret, sizeof(secret));
    return err == SG_OK;
}

static bool takes_extensions(struct choosing *c, struct sg_bytes extensions)
{
    const struct sg_mls_leaf *leaf = c->in->leaf;
    if (c->has_extensions ||
        (leaf != NULL && sg_mls_check_support(extensions, &leaf->capabilities) != SG_OK))
        return false;
    c->has_extensions = true;
    return true;
}

static bool takes(struct choosing *c, uint32_t i)
{
    const struct sg_mls_proposal *proposal = c->cached[i].proposal;
    switch (proposal->type) {
    case SG_MLS_REMOVE:
        return takes_remove(c, proposal->u.removed);
    case SG_MLS_SELF_REMOVE:
        return takes_remove(c, c->cached[i].sender.index);
    case SG_MLS_UPDATE:
        return takes_update(c, &c->cached[i]);
    case SG_MLS_ADD:
        return fits_leaf(c, &proposal->u.add->leaf) &&
               takes_key(c, proposal->u.add->leaf.signature_key);
    case SG_MLS_PSK:
        return takes_psk(c, &proposal->u.psk);
    case SG_MLS_APP_DATA_UPDATE:
        return takes_app_data(c, &proposal->u.app_data);
    case SG_MLS_GROUP_CONTEXT_EXTENSIONS:
        return takes_extensions(c, proposal->u.extensions);
    default:
        return proposal->type != SG_MLS_REINIT;
    }
}

/* Removes first, since they rule out Updates; then the newest of each kind first. */
static void choose(struct choosing *c)
{
    for (unsigned pass = 0; pass < 2; pass++) {
        for (uint32_t i = c->count; i > 0; i--) {
            uint16_t type = c->cached[i - 1].proposal->type;
            bool is_remove = type == SG_MLS_REMOVE || type == SG_MLS_SELF_REMOVE;
            if (is_remove == (pass == 0))
                c->taken[i - 1] = takes(c, i - 1);
            c->has_other = c->has_other || c->taken[i - 1];
        }
    }
}

/* RFC9420 s12.2: a ReInit goes alone; other proposals are preferred to it. */
static void choose_reinit(struct choosing *c)
{
    for (uint32_t i = c->count; i > 0 && !c->has_other; i--) {
        c->taken[i - 1] = c->cached[i - 1].proposal->type == SG_MLS_REINIT;
        c->has_other = c->taken[i - 1];
    }
}

static sg_err fill(const struct choosing *c, struct sg_mls_commit *out)
{
    out->proposals =
        sg_mls_arena_new(c->in->arena, (size_t)c->count + c->in->count, sizeof(*out->proposals));
    out->count = 0;
    if (out->proposals == NULL)
        return SG_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < c->count; i++) {
        if (!c->taken[i])
            continue;
        struct sg_mls_proposal_or_ref *one = &out->proposals[out->count++];
        one->is_ref = true;
        one->ref = sg_bytes(c->cached[i].cached->ref, c->in->group->suite->hash_len);
    }
    for (uint32_t i = 0; i < c->in->count; i++)
        out->proposals[out->count++].proposal = c->in->values[i];
    return SG_OK;
}

/* ---- what cannot be committed after all ---- */

/* Each trial works the whole list out. */
#define TRIALS_MAX 64

struct settling {
    struct choosing *c;
    const bool *chosen; /* [c->count] */
    const struct sg_mls_list_context *context;
    unsigned trials;
};

/* The list of values and what is taken. */
static sg_err list_taken(const struct choosing *c, uint32_t committer, struct sg_mls_arena *arena,
                         struct sg_mls_list *out)
{
    out->at = sg_mls_arena_new(arena, (size_t)c->count + c->in->count, sizeof(*out->at));
    out->count = 0;
    if (out->at == NULL)
        return SG_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < c->count; i++)
        if (c->taken[i])
            out->at[out->count++] = c->cached[i];
    for (uint32_t i = 0; i < c->in->count; i++)
        out->at[out->count++] =
            (struct sg_mls_listed){&c->in->values[i], {SG_MLS_SENDER_MEMBER, committer}, NULL};
    return SG_OK;
}

static sg_err try_taken(const struct settling *s)
{
    struct sg_mls_list_context context = *s->context;
    struct sg_mls_arena arena;
    struct sg_mls_tree_log log = {0};
    struct sg_mls_change change;
    struct sg_mls_list list;
    sg_mls_arena_init(&arena, s->c->in->arena->mem, s->c->in->arena->wipe);
    context.arena = &arena;
    sg_mls_tree_begin(context.tree, &log);
    sg_err err = list_taken(s->c, context.committer, &arena, &list);
    if (err == SG_OK)
        err = sg_mls_list_apply(&context, &list, &change);
    if (err == SG_OK)
        err = sg_mls_list_check_tree(&context, &change, NULL);
    sg_mls_tree_undo(context.tree, &log);
    sg_mls_tree_log_fini(context.tree, &log);
    sg_mls_arena_fini(&arena);
    return err;
}

bool sg_mls_is_verdict(sg_err err)
{
    return err != SG_OK && err != SG_ERR_NO_MEMORY && err != SG_ERR_CRYPTO;
}

/* Takes those of [from, to) that were chosen and go with what is taken already; halves what does
 * not. What no trial is left for is not taken. */
static sg_err settle(struct settling *s, uint32_t from, uint32_t to)
{
    bool is_empty = true;
    for (uint32_t i = from; i < to; i++)
        is_empty = is_empty && !s->chosen[i];
    if (is_empty || s->trials == 0)
        return SG_OK;
    s->trials--;
    memcpy(s->c->taken + from, s->chosen + from, (to - from) * sizeof(bool));
    sg_err err = try_taken(s);
    if (!sg_mls_is_verdict(err))
        return err;
    memset(s->c->taken + from, 0, (to - from) * sizeof(bool));
    if (to - from == 1)
        return SG_OK;
    uint32_t middle = from + (to - from) / 2;
    SG_TRY(settle(s, from, middle));
    return settle(s, middle, to);
}

static sg_err keep_valid(struct choosing *c, const struct sg_mls_list_context *context)
{
    bool *chosen = sg_mls_arena_new(c->in->arena, c->count, sizeof(*chosen));
    struct settling s = {c, chosen, context, TRIALS_MAX};
    if (chosen == NULL)
        return SG_ERR_NO_MEMORY;
    memcpy(chosen, c->taken, c->count * sizeof(*chosen));
    memset(c->taken, 0, c->count * sizeof(*chosen));
    return settle(&s, 0, c->count);
}

sg_err sg_mls_select(const struct sg_mls_selection *in, struct sg_mls_commit *out)
{
    struct choosing c = {.in = in};
    SG_TRY(read_cached(&c));
    SG_TRY(make_sets(&c));
    note_values(&c);
    if (!c.has_reinit) {
        choose(&c);
        choose_reinit(&c);
    }
    if (in->checked != NULL)
        SG_TRY(keep_valid(&c, in->checked));
    return fill(&c, out);
}
