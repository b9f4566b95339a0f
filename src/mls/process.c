#include "mls/process.h"

struct intake {
    struct sg_mls_group *group;
    struct sg_mls_event *event;
    struct sg_bytes bytes;
    uint64_t now;
    struct sg_mls_authentic message;
};

/* ---- who signed ---- */

static sg_err external_key(const struct sg_mls_group *group, uint32_t index, struct sg_bytes *out)
{
    struct sg_mls_external_sender sender;
    struct sg_bytes data;
    if (!sg_mls_extension_find(group->epoch->context.extensions, SG_MLS_EXT_EXTERNAL_SENDERS,
                               &data))
        return SG_ERR_MLS_SENDER;
    sg_err err = sg_mls_decode_external_sender(data, index, &sender);
    if (err == SG_ERR_NOT_FOUND)
        return SG_ERR_MLS_SENDER;
    *out = sender.signature_key;
    return err;
}

/* RFC9420 s6.1: the key that a sender of each type signs with. */
static sg_err signature_key(const struct sg_mls_group *group,
                            const struct sg_mls_authentic *message, struct sg_bytes *out)
{
    const struct sg_mls_content *content = &message->content;
    switch (content->sender.type) {
    case SG_MLS_SENDER_MEMBER:
        if (!sg_mls_tree_has_leaf(&group->tree, content->sender.index))
            return SG_ERR_MLS_SENDER;
        *out = sg_mls_node_second(group->tree.nodes[2 * content->sender.index]);
        return SG_OK;
    case SG_MLS_SENDER_EXTERNAL:
        return external_key(group, content->sender.index, out);
    case SG_MLS_SENDER_NEW_PROPOSAL:
        *out = content->proposal.u.add->leaf.signature_key;
        return SG_OK;
    default:
        /* RFC9420 s12.4.3.2: "External Commits MUST contain a path field" */
        if (content->commit.path == NULL)
            return SG_ERR_MLS_COMMIT;
        *out = content->commit.path->leaf.signature_key;
        return SG_OK;
    }
}

/* ---- what it says ---- */

#define NOBODY (UINT32_MAX - 1)

sg_err sg_mls_try_proposal(struct sg_mls_group *group, struct sg_mls_arena *arena,
                           const struct sg_mls_content *content, uint64_t now)
{
    struct sg_mls_listed one = {&content->proposal, content->sender, NULL};
    struct sg_mls_list list = {&one, 1};
    struct sg_mls_tree_log log = {0};
    struct sg_mls_change change;
    struct sg_mls_list_context context = {.rules = sg_mls_group_rules(group, now),
                                          .tree = &group->tree,
                                          .arena = arena,
                                          .committer = NOBODY,
                                          .own = NOBODY,
                                          .usage = SG_MLS_USAGE_APPLICATION};
    context.rules.is_sending = content->sender.type == SG_MLS_SENDER_MEMBER &&
                               content->sender.index == sg_mls_group_leaf(group);
    sg_mls_tree_begin(&group->tree, &log);
    sg_err err = sg_mls_list_apply(&context, &list, &change);
    if (err == SG_OK)
        err = sg_mls_list_check_tree(&context, &change, NULL);
    sg_mls_tree_undo(&group->tree, &log);
    sg_mls_tree_log_fini(&group->tree, &log);
    return err;
}

/* Whom a proposal is about. */
static void tell_subject(struct sg_mls_event *event, const struct sg_mls_content *content)
{
    const struct sg_mls_proposal *proposal = &content->proposal;
    bool is_member = content->sender.type == SG_MLS_SENDER_MEMBER;
    event->proposal_type = proposal->type;
    event->subject = UINT32_MAX;
    if (proposal->type == SG_MLS_ADD)
        event->subject_credential = proposal->u.add->leaf.credential;
    else if (proposal->type == SG_MLS_REMOVE)
        event->subject = proposal->u.removed;
    else if (is_member && (proposal->type == SG_MLS_UPDATE || proposal->type == SG_MLS_SELF_REMOVE))
        event->subject = content->sender.index;
}

static sg_err take_proposal(struct intake *in)
{
    struct sg_mls_event *event = in->event;
    uint8_t *ref = sg_mls_arena_new(&event->arena, SG_MLS_HASH_MAX, 1);
    if (ref == NULL)
        return SG_ERR_NO_MEMORY;
    SG_TRY(sg_mls_proposal_ref(in->group->suite, &event->arena, &in->message, ref));
    event->kind = SG_MLS_EVENT_PROPOSAL;
    tell_subject(event, &in->message.content);
    event->proposal_ref = sg_bytes(ref, in->group->suite->hash_len);
    bool is_own = event->sender.type == SG_MLS_SENDER_MEMBER &&
                  event->sender.index == sg_mls_group_leaf(in->group);
    if (sg_mls_cache_find(in->group, event->proposal_ref) != NULL) {
        event->kind = SG_MLS_EVENT_OWN;
        return is_own ? SG_OK : SG_ERR_DUPLICATE;
    }
    /* an Update of another state of ours: its private key is not here */
    if (is_own && event->proposal_type == SG_MLS_UPDATE)
        return SG_ERR_INVALID_STATE;
    SG_TRY(sg_mls_try_proposal(in->group, &event->arena, &in->message.content, in->now));
    return sg_mls_cache_add(in->group, &event->arena, &in->message, NULL);
}

static void tell_commit(struct sg_mls_event *event, const struct sg_mls_prepared *prepared)
{
    const struct sg_mls_change *change = &prepared->change;
    event->kind = prepared->epoch == NULL ? SG_MLS_EVENT_REMOVED : SG_MLS_EVENT_COMMIT;
    event->added = change->added;
    event->removed = change->removed;
    event->updated = change->updated;
    event->committer = prepared->committer;
    event->is_reinit = change->reinit != NULL;
    event->has_extensions = change->has_extensions;
}

/* ---- our own messages ---- */

/* Of a public commit the new epoch's transcript hash covers all but the tags. */
static sg_err is_pending_public(const struct intake *in,
                                const struct sg_mls_public_message *message, bool *is)
{
    struct sg_mls_group *group = in->group;
    const struct sg_mls_suite *suite = group->suite;
    const struct sg_mls_epoch *next = group->pending->epoch;
    struct sg_mls_confirmed_input input = {sg_bytes(group->epoch->interim, suite->hash_len),
                                           SG_MLS_WIRE_PUBLIC, message->content.raw,
                                           message->auth.signature};
    struct sg_mls_framing framing = sg_mls_epoch_framing(group->epoch);
    struct sg_mls_authentic authentic;
    uint8_t hash[SG_MLS_HASH_MAX];
    if (message->content.type != SG_MLS_COMMIT ||
        !suite->equal(message->auth.confirmation_tag, sg_bytes(next->tag, suite->hash_len)))
        return SG_OK;
    sg_mls_confirmed_hash(suite, &input, hash);
    if (!sg_bytes_equal(sg_bytes(hash, suite->hash_len), next->context.confirmed_hash))
        return SG_OK;
    sg_err err = sg_mls_unprotect_public(&framing, message, &authentic);
    *is = err == SG_OK;
    return err == SG_ERR_NO_MEMORY || err == SG_ERR_CRYPTO ? err : SG_OK;
}

static sg_err is_pending(const struct intake *in, const struct sg_mls_message *message, bool *is)
{
    uint8_t hash[SG_MLS_HASH_MAX];
    const struct sg_mls_suite *suite = in->group->suite;
    const struct sg_mls_pending *pending = in->group->pending;
    *is = false;
    if (pending == NULL)
        return SG_OK;
    if (!pending->has_hash)
        return message->wire_format == SG_MLS_WIRE_PUBLIC
                   ? is_pending_public(in, &message->u.public_message, is)
                   : SG_OK;
    suite->hash(suite, SG_MLS_PARTS(in->bytes), hash);
    *is = memcmp(hash, pending->hash, suite->hash_len) == 0;
    return SG_OK;
}

static sg_err tell_leaf(struct sg_mls_event *event, struct sg_mls_leaves *leaves, uint32_t leaf)
{
    void *grown = sg_mls_arena_push(&event->arena, leaves->at, &leaves->count, &leaves->cap,
                                    sizeof(*leaves->at));
    if (grown == NULL)
        return SG_ERR_NO_MEMORY;
    leaves->at = grown;
    leaves->at[leaves->count - 1] = leaf;
    return SG_OK;
}

/* Which entry of a log is the last one of a leaf: [leaves] its index + 1; 0: there is none. */
static sg_err find_last(struct sg_mls_arena *arena, const struct sg_mls_tree_log *log,
                        uint32_t **last)
{
    uint32_t leaves = 0;
    for (uint32_t i = 0; i < log->count; i++) {
        uint32_t node = log->entries[i].node;
        if (node != UINT32_MAX && sg_mls_is_leaf(node) && node / 2 >= leaves)
            leaves = node / 2 + 1;
    }
    *last = sg_mls_arena_new(arena, leaves, sizeof(**last));
    if (*last == NULL)
        return SG_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < log->count; i++) {
        uint32_t node = log->entries[i].node;
        if (node != UINT32_MAX && sg_mls_is_leaf(node))
            (*last)[node / 2] = i + 1;
    }
    return SG_OK;
}

/* What our pending commit does to a leaf: where the new node comes from tells. */
static sg_err tell_change(struct intake *in, const struct sg_mls_log_entry *entry)
{
    struct sg_mls_event *event = in->event;
    uint32_t leaf = entry->node / 2;
    uint8_t source = 0;
    if (entry->other != NULL) {
        struct sg_mls_leaf now;
        struct sg_reader r = sg_reader(sg_mls_node_raw(entry->other));
        sg_mls_read_leaf(&r, &now);
        source = now.source;
    }
    bool is_added = source == SG_MLS_LEAF_KEY_PACKAGE;
    if (sg_mls_tree_has_leaf(&in->group->tree, leaf) && (source == 0 || is_added))
        SG_TRY(tell_leaf(event, &event->removed, leaf));
    if (is_added)
        SG_TRY(tell_leaf(event, &event->added, leaf));
    return source == SG_MLS_LEAF_UPDATE ? tell_leaf(event, &event->updated, leaf) : SG_OK;
}

static sg_err take_own_commit(struct intake *in)
{
    struct sg_mls_event *event = in->event;
    struct sg_mls_group *group = in->group;
    const struct sg_mls_pending *pending = group->pending;
    bool is_external = sg_mls_group_leaf(group) == UINT32_MAX;
    uint32_t *last;
    SG_TRY(find_last(&event->arena, &pending->log, &last));
    for (uint32_t i = 0; i < pending->log.count; i++) {
        const struct sg_mls_log_entry *entry = &pending->log.entries[i];
        if (entry->node != UINT32_MAX && sg_mls_is_leaf(entry->node) &&
            last[entry->node / 2] == i + 1)
            SG_TRY(tell_change(in, entry));
    }
    event->kind = SG_MLS_EVENT_COMMIT;
    event->epoch = group->epoch->context.epoch;
    event->sender =
        (struct sg_mls_sender){is_external ? SG_MLS_SENDER_NEW_COMMIT : SG_MLS_SENDER_MEMBER,
                               is_external ? 0 : sg_mls_group_leaf(group)};
    event->is_own = true;
    event->is_reinit = pending->closing.raw != NULL;
    event->has_extensions =
        !sg_bytes_equal(group->epoch->context.extensions, pending->epoch->context.extensions);
    event->committer = pending->epoch->own.leaf;
    return sg_mls_group_merge(group);
}

/* ---- public ---- */

static sg_err take_public(struct intake *in, const struct sg_mls_public_message *public_message)
{
    struct sg_mls_group *group = in->group;
    struct sg_mls_framing framing = sg_mls_epoch_framing(group->epoch);
    struct sg_mls_prepared prepared;
    struct sg_bytes key;
    if (public_message->content.epoch != group->epoch->context.epoch)
        return SG_ERR_MLS_EPOCH;
    if (group->closing.raw != NULL)
        return SG_ERR_INVALID_STATE;
    /* anybody can sign such a one: it would stand in the way of application data (RFC9420 s12.4) */
    if (public_message->content.sender.type == SG_MLS_SENDER_NEW_PROPOSAL &&
        !group->config->accepts_outsiders)
        return SG_ERR_MLS_SENDER;
    SG_TRY(sg_mls_unprotect_public(&framing, public_message, &in->message));
    SG_TRY(signature_key(group, &in->message, &key));
    SG_TRY(sg_mls_content_verify(&framing, key, &in->message));
    in->event->sender = in->message.content.sender;
    in->event->authenticated_data = in->message.content.authenticated_data;
    if (in->message.content.type == SG_MLS_PROPOSAL)
        return take_proposal(in);
    /* a commit of our own that we do not have: it came from another state of ours */
    if (in->event->sender.type == SG_MLS_SENDER_MEMBER &&
        in->event->sender.index == sg_mls_group_leaf(group))
        return SG_ERR_INVALID_STATE;
    SG_TRY(sg_mls_prepare_commit(group, &in->event->arena, &in->message, in->now, &prepared));
    tell_commit(in->event, &prepared);
    sg_mls_adopt(group, &prepared);
    return SG_OK;
}

/* ---- private ---- */

/* The epoch of a message, 0: the current one; SG_ERR_MLS_EPOCH. */
static sg_err find_depth(const struct sg_mls_group *group, uint64_t epoch, uint32_t *depth)
{
    if (epoch == group->epoch->context.epoch) {
        *depth = 0;
        return SG_OK;
    }
    for (uint32_t i = 0; i < group->past_count; i++) {
        if (group->past[i].epoch->context.epoch == epoch) {
            *depth = i + 1;
            return SG_OK;
        }
    }
    return SG_ERR_MLS_EPOCH;
}

static sg_err take_content(struct intake *in, struct sg_mls_epoch *epoch,
                           struct sg_mls_key_use *use)
{
    struct sg_mls_prepared prepared;
    const struct sg_mls_content *content = &in->message.content;
    in->event->sender = content->sender;
    in->event->authenticated_data = content->authenticated_data;
    if (content->type == SG_MLS_APPLICATION) {
        in->event->kind = SG_MLS_EVENT_APPLICATION;
        in->event->data = content->application;
        sg_mls_secret_tree_take(&epoch->ratchets, use);
        return SG_OK;
    }
    if (content->type == SG_MLS_PROPOSAL) {
        SG_TRY(take_proposal(in));
        sg_mls_secret_tree_take(&epoch->ratchets, use);
        return SG_OK;
    }
    SG_TRY(sg_mls_prepare_commit(in->group, &in->event->arena, &in->message, in->now, &prepared));
    tell_commit(in->event, &prepared);
    sg_mls_secret_tree_take(&epoch->ratchets, use);
    sg_mls_key_use_fini(&epoch->ratchets, use);
    sg_mls_adopt(in->group, &prepared);
    return SG_OK;
}

static sg_err open_private(struct intake *in, const struct sg_mls_private_message *message,
                           uint32_t depth, struct sg_mls_epoch *epoch)
{
    struct sg_mls_framing framing = sg_mls_epoch_framing(epoch);
    struct sg_mls_key_use use;
    struct sg_mls_private_in private_in = {.message = message, .use = &use};
    struct sg_mls_sender_data sender;
    SG_TRY(sg_mls_open_sender(&framing, message, &sender));
    private_in.sender = sender;
    if (sender.leaf == epoch->own.leaf) {
        if (message->type == SG_MLS_COMMIT)
            return SG_ERR_INVALID_STATE; /* as a public one that is not pending */
        in->event->kind = SG_MLS_EVENT_OWN;
        in->event->sender = (struct sg_mls_sender){SG_MLS_SENDER_MEMBER, sender.leaf};
        return SG_OK;
    }
    /* RFC9420 s6.3.2: "the recipient MUST verify that the leaf index ... identifies a non-blank
     * node" */
    const struct sg_mls_node *node = sg_mls_group_node_then(in->group, depth, sender.leaf);
    if (node == NULL)
        return SG_ERR_MLS_SENDER;
    sg_err err = sg_mls_open_content(&framing, &in->event->arena, &private_in, &in->message);
    if (err == SG_OK)
        err = sg_mls_content_verify(&framing, sg_mls_node_second(node), &in->message);
    if (err == SG_OK)
        err = take_content(in, epoch, &use);
    in->group->suite->wipe(use.skipped, use.skipped_count * sizeof(*use.skipped));
    sg_mem_free(in->group->config->mem, use.kept);
    in->group->suite->wipe(&use, sizeof(use));
    return err;
}

static sg_err take_private(struct intake *in, const struct sg_mls_private_message *message)
{
    uint32_t depth;
    SG_TRY(find_depth(in->group, message->epoch, &depth));
    /* RFC9420 s12.1, s12.4.2: handshake messages are of the current epoch */
    if (depth > 0 && message->type != SG_MLS_APPLICATION)
        return SG_ERR_MLS_EPOCH;
    if (in->group->closing.raw != NULL && message->type != SG_MLS_APPLICATION)
        return SG_ERR_INVALID_STATE;
    return open_private(in, message, depth,
                        depth == 0 ? in->group->epoch : in->group->past[depth - 1].epoch);
}

/* ---- both ---- */

static sg_err take(struct intake *in)
{
    struct sg_mls_group *group = in->group;
    struct sg_mls_message *message = sg_mls_arena_new(&in->event->arena, 1, sizeof(*message));
    struct sg_bytes group_id;
    bool is_own;
    if (message == NULL)
        return SG_ERR_NO_MEMORY;
    if (group->is_removed)
        return SG_ERR_MLS_REMOVED;
    if (in->bytes.len > group->config->message_max)
        return SG_ERR_OVERSIZED; /* before anything is done with all of it */
    SG_TRY(sg_mls_config_decode(group->config, in->bytes, &in->event->arena, message));
    SG_TRY(is_pending(in, message, &is_own));
    if (is_own)
        return take_own_commit(in);
    if (sg_mls_group_leaf(group) == UINT32_MAX)
        return SG_ERR_INVALID_STATE; /* our external commit is not accepted yet */
    bool is_public = message->wire_format == SG_MLS_WIRE_PUBLIC;
    if (!is_public && message->wire_format != SG_MLS_WIRE_PRIVATE)
        return SG_ERR_UNSUPPORTED;
    in->event->epoch =
        is_public ? message->u.public_message.content.epoch : message->u.private_message.epoch;
    group_id = is_public ? message->u.public_message.content.group_id
                         : message->u.private_message.group_id;
    if (!sg_bytes_equal(group_id, group->epoch->context.group_id))
        return SG_ERR_MLS_GROUP;
    return is_public ? take_public(in, &message->u.public_message)
                     : take_private(in, &message->u.private_message);
}

sg_err sg_mls_group_process(struct sg_mls_group *group, struct sg_bytes message, uint64_t now,
                            struct sg_mls_event *event)
{
    struct intake in = {.group = group, .event = event, .bytes = message, .now = now};
    memset(event, 0, sizeof(*event));
    sg_mls_arena_init(&event->arena, group->config->mem, group->suite->wipe);
    sg_err err = take(&in);
    if (err != SG_OK)
        sg_mls_event_fini(event);
    return err;
}

void sg_mls_event_fini(struct sg_mls_event *event)
{
    sg_mls_arena_fini(&event->arena);
    memset(event, 0, sizeof(*event));
}
