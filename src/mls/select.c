#include "mls/select.h"

struct choosing {
    const struct sg_mls_selection *in;
    struct sg_mls_listed *cached; /* [count], newest last */
    uint32_t count;
    bool *taken;      /* [count] */
    uint8_t *removed; /* [leaves] by a value or a cached proposal */
    uint8_t *updated; /* [leaves] by a later Update */
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

static void note_values(struct choosing *c)
{
    for (uint32_t i = 0; i < c->in->count; i++) {
        const struct sg_mls_proposal *value = &c->in->values[i];
        c->has_other = true;
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

static bool takes_update(struct choosing *c, uint32_t leaf)
{
    /* RFC9420 s12.2: "SHOULD prefer any Remove received, or the most recent Update" */
    if (leaf == sg_mls_group_leaf(c->in->group) || c->removed[leaf] || c->updated[leaf])
        return false;
    c->updated[leaf] = 1;
    return true;
}

static struct sg_bytes signature_key(const struct sg_mls_proposal *add)
{
    return add->u.add->leaf.signature_key;
}

/* RFC9420 s12.2: no two Adds of one client. */
static bool takes_add(const struct choosing *c, uint32_t i)
{
    struct sg_bytes key = signature_key(c->cached[i].proposal);
    for (uint32_t j = 0; j < c->in->count; j++)
        if (c->in->values[j].type == SG_MLS_ADD &&
            sg_bytes_equal(signature_key(&c->in->values[j]), key))
            return false;
    for (uint32_t j = 0; j < c->count; j++)
        if (c->taken[j] && c->cached[j].proposal->type == SG_MLS_ADD &&
            sg_bytes_equal(signature_key(c->cached[j].proposal), key))
            return false;
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

/* draft-ietf-mls-extensions-08 s4.7: of a component either updates or one removal. The newest one
 * says which. */
static bool takes_app_data(const struct choosing *c, const struct sg_mls_app_data *one)
{
    for (uint32_t i = 0; i < c->in->count + c->count; i++) {
        bool is_value = i < c->in->count;
        const struct sg_mls_proposal *other =
            is_value ? &c->in->values[i] : c->cached[i - c->in->count].proposal;
        if (!is_value && !c->taken[i - c->in->count])
            continue;
        if (other->type == SG_MLS_APP_DATA_UPDATE &&
            other->u.app_data.component == one->component &&
            (one->is_remove || other->u.app_data.is_remove))
            return false;
    }
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
        return takes_update(c, c->cached[i].sender.index);
    case SG_MLS_ADD:
        return takes_add(c, i);
    case SG_MLS_PSK:
        return takes_psk(c, &proposal->u.psk);
    case SG_MLS_APP_DATA_UPDATE:
        return takes_app_data(c, &proposal->u.app_data);
    case SG_MLS_GROUP_CONTEXT_EXTENSIONS:
        if (c->has_extensions)
            return false;
        c->has_extensions = true;
        return true;
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

sg_err sg_mls_select(const struct sg_mls_selection *in, struct sg_mls_commit *out)
{
    struct choosing c = {.in = in};
    SG_TRY(read_cached(&c));
    note_values(&c);
    if (!c.has_reinit) {
        choose(&c);
        choose_reinit(&c);
    }
    return fill(&c, out);
}
