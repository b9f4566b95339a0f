#include <stdlib.h>

#include "runtime/mls_impl.h"

/* ---- what every call does ---- */

sg_err sg_mls_member_check(const struct sg_mls_member *member)
{
    if (member == NULL)
        return SG_ERR_INVALID_ARGUMENT;
    return member->is_broken ? SG_ERR_IO : SG_OK;
}

struct sg_mls_send sg_mls_member_send(const struct sg_mls_member *member)
{
    return (struct sg_mls_send){.is_private = !member->client->config.public_handshake,
                                .now = sg_mls_client_now(member->client)};
}

/* Back to what storage has. */
static void reload(struct sg_mls_member *member)
{
    struct sg_mls_client *client = member->client;
    struct sg_mls_group *stored;
    sg_err err = sg_mls_state_load(&client->mls, &client->store,
                                   member->group->epoch->context.group_id, &stored);
    if (err != SG_OK) {
        member->is_broken = true;
        return;
    }
    sg_mls_group_free(member->group);
    member->group = stored;
}

sg_err sg_mls_member_save(struct sg_mls_member *member, sg_err err)
{
    struct sg_mls_client *client = member->client;
    if (err != SG_OK || client->config.storage.write == NULL)
        return err;
    err = sg_mls_state_save(member->group, &client->store);
    if (err != SG_OK)
        reload(member);
    return err;
}

/* Copies a message and saves; nothing is given away when that fails. */
static sg_err give(struct sg_mls_member *member, sg_err err, struct sg_bytes bytes,
                   struct sg_mls_blob *out)
{
    *out = (struct sg_mls_blob){NULL, 0};
    if (err == SG_OK)
        err = sg_mls_blob_copy(bytes, out);
    err = sg_mls_member_save(member, err);
    if (err != SG_OK)
        sg_mls_blob_free(out);
    return err;
}

/* ---- proposals ---- */

/* One that was not given away does not wait either. */
static sg_err give_proposal(struct sg_mls_member *member, sg_err err, uint32_t waiting)
{
    if (err != SG_OK)
        sg_mls_cache_shrink(member->group, waiting);
    return err;
}

sg_err sg_mls_member_propose(struct sg_mls_member *member, struct sg_mls_arena *arena,
                             const struct sg_mls_proposal *proposal, struct sg_mls_blob *message)
{
    struct sg_mls_send send = sg_mls_member_send(member);
    /* draft-ietf-mls-extensions-08 s6.3.1: "MUST be sent in an MLS PublicMessage" */
    send.is_private = send.is_private && proposal->type != SG_MLS_SELF_REMOVE;
    struct sg_bytes bytes = sg_bytes(NULL, 0);
    uint32_t waiting = member->group->cache_count;
    sg_err err = sg_mls_group_propose(member->group, arena, proposal, &send, &bytes);
    return give_proposal(member, give(member, err, bytes, message), waiting);
}

static sg_err propose_plain(struct sg_mls_member *member, const struct sg_mls_proposal *proposal,
                            struct sg_mls_blob *message)
{
    struct sg_mls_arena arena;
    SG_TRY(sg_mls_member_check(member));
    sg_mls_client_arena(member->client, &arena);
    sg_err err = sg_mls_member_propose(member, &arena, proposal, message);
    sg_mls_arena_fini(&arena);
    return err;
}

sg_err sg_mls_member_propose_add(struct sg_mls_member *member, struct sg_bytes package,
                                 struct sg_mls_blob *message)
{
    struct sg_mls_arena arena;
    struct sg_mls_proposal proposal;
    SG_TRY(sg_mls_member_check(member));
    sg_mls_client_arena(member->client, &arena);
    sg_err err = sg_mls_make_add(&arena, package, &proposal);
    if (err == SG_OK)
        err = sg_mls_member_propose(member, &arena, &proposal, message);
    sg_mls_arena_fini(&arena);
    return err;
}

sg_err sg_mls_member_propose_remove(struct sg_mls_member *member, uint32_t leaf,
                                    struct sg_mls_blob *message)
{
    struct sg_mls_proposal proposal = {.type = SG_MLS_REMOVE, .u.removed = leaf};
    return propose_plain(member, &proposal, message);
}

sg_err sg_mls_member_propose_leave(struct sg_mls_member *member, struct sg_mls_blob *message)
{
    struct sg_mls_proposal proposal = {.type = SG_MLS_SELF_REMOVE};
    return propose_plain(member, &proposal, message);
}

sg_err sg_mls_member_propose_app_data(struct sg_mls_member *member, uint16_t component,
                                      struct sg_bytes update, struct sg_mls_blob *message)
{
    struct sg_mls_proposal proposal;
    sg_mls_make_app_data(component, update, &proposal);
    return propose_plain(member, &proposal, message);
}

static sg_err propose_update(struct sg_mls_member *member, bool renews_leaf,
                             struct sg_mls_blob *message)
{
    struct sg_mls_arena arena;
    struct sg_mls_new_leaf leaf;
    struct sg_bytes bytes = sg_bytes(NULL, 0);
    SG_TRY(sg_mls_member_check(member));
    struct sg_mls_send send = sg_mls_member_send(member);
    sg_mls_client_arena(member->client, &arena);
    uint32_t waiting = member->group->cache_count;
    sg_err err = renews_leaf ? sg_mls_client_leaf(member->client, &arena, &leaf) : SG_OK;
    if (err == SG_OK)
        err = sg_mls_group_propose_update(member->group, &arena, renews_leaf ? &leaf : NULL, &send,
                                          &bytes);
    err = give_proposal(member, give(member, err, bytes, message), waiting);
    sg_mls_arena_fini(&arena);
    return err;
}

sg_err sg_mls_member_propose_update(struct sg_mls_member *member, struct sg_mls_blob *message)
{
    return propose_update(member, false, message);
}

sg_err sg_mls_member_propose_renewal(struct sg_mls_member *member, struct sg_mls_blob *message)
{
    return propose_update(member, true, message);
}

static sg_err check_psk(const struct sg_mls_config *config, const struct sg_mls_psk_id *id)
{
    struct sg_mls_psk_out found = {.len = 0};
    if (config->psk == NULL)
        return SG_ERR_MLS_PSK;
    sg_err err = config->psk(config->user, id, &found);
    config->suites[0].wipe(&found, sizeof(found));
    return err;
}

sg_err sg_mls_member_propose_psk(struct sg_mls_member *member, struct sg_bytes psk_id,
                                 struct sg_mls_blob *message)
{
    struct sg_mls_arena arena;
    struct sg_mls_proposal proposal = {.type = SG_MLS_PSK};
    SG_TRY(sg_mls_member_check(member));
    sg_mls_client_arena(member->client, &arena);
    sg_err err = sg_mls_make_psk(member->group->suite, &arena, psk_id, &proposal.u.psk);
    if (err == SG_OK)
        err = check_psk(&member->client->mls, &proposal.u.psk);
    if (err == SG_OK)
        err = sg_mls_member_propose(member, &arena, &proposal, message);
    sg_mls_arena_fini(&arena);
    return err;
}

sg_err sg_mls_member_propose_resumption(struct sg_mls_member *member, uint64_t epoch,
                                        struct sg_mls_blob *message)
{
    struct sg_mls_arena arena;
    struct sg_mls_proposal proposal = {.type = SG_MLS_PSK};
    SG_TRY(sg_mls_member_check(member));
    const struct sg_mls_resumed of = {member->group->epoch->context.group_id, epoch};
    if (sg_mls_group_resumption(member->group, epoch) == NULL)
        return SG_ERR_MLS_PSK;
    sg_mls_client_arena(member->client, &arena);
    sg_err err = sg_mls_make_resumption(member->group->suite, &arena, &of, &proposal.u.psk);
    if (err == SG_OK)
        err = sg_mls_member_propose(member, &arena, &proposal, message);
    sg_mls_arena_fini(&arena);
    return err;
}

/* ---- commits ---- */

void sg_mls_commit_output_free(struct sg_mls_commit_output *output)
{
    sg_mls_blob_free(&output->commit);
    sg_mls_blob_free(&output->welcome);
    sg_mls_blob_free(&output->group_info);
}

static sg_err commit(struct sg_mls_member *member, const struct sg_mls_commit_request *request,
                     struct sg_mls_arena *arena, struct sg_mls_commit_result *out)
{
    static const struct sg_mls_commit_request nothing = {.add = NULL};
    const struct sg_mls_commit_request *in = request == NULL ? &nothing : request;
    struct sg_mls_new_leaf leaf;
    struct sg_mls_commit_options options = {.send = sg_mls_member_send(member),
                                            .skips_cached = in->without_waiting,
                                            .omits_path = in->without_path,
                                            .tree_in_welcome = in->tree_in_welcome,
                                            .with_group_info = in->with_group_info,
                                            .new_leaf = in->renews_leaf ? &leaf : NULL};
    SG_TRY(sg_mls_make_values(member, in, arena, &options));
    if (in->renews_leaf)
        SG_TRY(sg_mls_client_leaf(member->client, arena, &leaf));
    return sg_mls_group_commit(member->group, arena, &options, out);
}

sg_err sg_mls_member_commit(struct sg_mls_member *member,
                            const struct sg_mls_commit_request *request,
                            struct sg_mls_commit_output *out)
{
    struct sg_mls_arena arena;
    struct sg_mls_commit_result result;
    SG_TRY(sg_mls_member_check(member));
    memset(out, 0, sizeof(*out));
    sg_mls_client_arena(member->client, &arena);
    sg_err err = commit(member, request, &arena, &result);
    bool is_pending = err == SG_OK;
    if (err == SG_OK)
        err = sg_mls_blob_copy(result.commit, &out->commit);
    if (err == SG_OK && result.welcome.len > 0)
        err = sg_mls_blob_copy(result.welcome, &out->welcome);
    if (err == SG_OK && result.group_info.len > 0)
        err = sg_mls_blob_copy(result.group_info, &out->group_info);
    if (err != SG_OK && is_pending)
        sg_mls_group_clear_pending(member->group);
    err = sg_mls_member_save(member, err);
    if (err != SG_OK)
        sg_mls_commit_output_free(out);
    sg_mls_arena_fini(&arena);
    return err;
}

sg_err sg_mls_member_accept(struct sg_mls_member *member)
{
    SG_TRY(sg_mls_member_check(member));
    return sg_mls_member_save(member, sg_mls_group_merge(member->group));
}

sg_err sg_mls_member_discard(struct sg_mls_member *member)
{
    SG_TRY(sg_mls_member_check(member));
    sg_mls_group_clear_pending(member->group);
    return sg_mls_member_save(member, SG_OK);
}

sg_err sg_mls_member_rollback(struct sg_mls_member *member)
{
    SG_TRY(sg_mls_member_check(member));
    return sg_mls_member_save(member, sg_mls_group_rollback(member->group));
}

/* ---- messages ---- */

sg_err sg_mls_member_protect(struct sg_mls_member *member, struct sg_bytes data,
                             struct sg_bytes authenticated_data, struct sg_mls_blob *message)
{
    struct sg_mls_arena arena;
    struct sg_bytes bytes = sg_bytes(NULL, 0);
    SG_TRY(sg_mls_member_check(member));
    sg_mls_client_arena(member->client, &arena);
    sg_err err = sg_mls_group_protect(member->group, &arena, data, authenticated_data, &bytes);
    err = give(member, err, bytes, message);
    sg_mls_arena_fini(&arena);
    return err;
}

static enum sg_mls_got got_of(enum sg_mls_event_kind kind)
{
    switch (kind) {
    case SG_MLS_EVENT_APPLICATION:
        return SG_MLS_GOT_DATA;
    case SG_MLS_EVENT_PROPOSAL:
        return SG_MLS_GOT_PROPOSAL;
    case SG_MLS_EVENT_COMMIT:
        return SG_MLS_GOT_COMMIT;
    case SG_MLS_EVENT_REMOVED:
        return SG_MLS_GOT_REMOVED;
    case SG_MLS_EVENT_OWN:
        return SG_MLS_GOT_OWN;
    }
    return SG_MLS_GOT_OWN;
}

static void fill_received(const struct sg_mls_event *event, struct sg_mls_received *out)
{
    bool is_member = event->sender.type == SG_MLS_SENDER_MEMBER;
    bool is_commit = event->kind == SG_MLS_EVENT_COMMIT || event->kind == SG_MLS_EVENT_REMOVED;
    *out = (struct sg_mls_received){
        .got = got_of(event->kind),
        .epoch = event->epoch,
        .sender = is_member ? event->sender.index : UINT32_MAX,
        .data = event->data,
        .authenticated_data = event->authenticated_data,
        .added = event->added.at,
        .added_count = event->added.count,
        .removed = event->removed.at,
        .removed_count = event->removed.count,
        .updated = event->updated.at,
        .updated_count = event->updated.count,
        .proposal_type = event->proposal_type,
        .proposal_leaf = event->subject,
        .proposal_credential = event->subject_credential.body,
        .proposal = event->proposal_ref,
        .is_closed = event->is_reinit,
    };
    if (is_commit)
        out->sender = event->committer;
}

sg_err sg_mls_member_receive(struct sg_mls_member *member, struct sg_bytes message,
                             struct sg_mls_received *out)
{
    SG_TRY(sg_mls_member_check(member));
    struct sg_mls_event *event = calloc(1, sizeof(*event));
    if (event == NULL)
        return SG_ERR_NO_MEMORY;
    sg_err err =
        sg_mls_group_process(member->group, message, sg_mls_client_now(member->client), event);
    if (err != SG_OK) {
        free(event);
        return err;
    }
    err = event->kind == SG_MLS_EVENT_OWN ? SG_OK : sg_mls_member_save(member, SG_OK);
    fill_received(event, out);
    out->owner = event;
    if (err != SG_OK)
        sg_mls_received_free(out);
    return err;
}

sg_err sg_mls_member_drop(struct sg_mls_member *member, struct sg_bytes proposal)
{
    SG_TRY(sg_mls_member_check(member));
    return sg_mls_member_save(member, sg_mls_cache_drop(member->group, proposal));
}

void sg_mls_received_free(struct sg_mls_received *received)
{
    if (received == NULL)
        return;
    if (received->owner != NULL)
        sg_mls_event_fini(received->owner);
    free(received->owner);
    memset(received, 0, sizeof(*received));
}
