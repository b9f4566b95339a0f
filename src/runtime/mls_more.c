/* Extensions, successors and proposals from outside, in the public API. */
#include <stdlib.h>

#include "mls/successor.h"
#include "runtime/mls_impl.h"

struct items {
    const struct sg_mls_extension_item *at;
    size_t count;
};

static void write_items(struct sg_writer *w, const void *what)
{
    const struct items *items = what;
    for (size_t i = 0; i < items->count; i++)
        sg_mls_write_extension(w, items->at[i].type, items->at[i].data);
}

sg_err sg_mls_encode_items(struct sg_mls_arena *arena, const struct sg_mls_extension_item *items,
                           size_t count, struct sg_bytes *out)
{
    const struct items list = {items, count};
    if (count > 0 && items == NULL)
        return SG_ERR_INVALID_ARGUMENT;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++)
            if (items[i].type == items[j].type)
                return SG_ERR_INVALID_ARGUMENT;
    return sg_mls_encode(arena, write_items, &list, out);
}

sg_err sg_mls_member_propose_extensions(struct sg_mls_member *member,
                                        const struct sg_mls_extension_item *items, size_t count,
                                        struct sg_mls_blob *message)
{
    struct sg_mls_arena arena;
    struct sg_mls_proposal proposal = {.type = SG_MLS_GROUP_CONTEXT_EXTENSIONS};
    SG_TRY(sg_mls_member_check(member));
    sg_mls_client_arena(member->client, &arena);
    sg_err err = sg_mls_encode_items(&arena, items, count, &proposal.u.extensions);
    if (err == SG_OK)
        err = sg_mls_member_propose(member, &arena, &proposal, message);
    sg_mls_arena_fini(&arena);
    return err;
}

sg_err sg_mls_member_propose_reinit(struct sg_mls_member *member,
                                    const struct sg_mls_reinit_request *request,
                                    struct sg_mls_blob *message)
{
    struct sg_mls_arena arena;
    struct sg_mls_proposal proposal;
    SG_TRY(sg_mls_member_check(member));
    sg_mls_client_arena(member->client, &arena);
    sg_err err = sg_mls_make_reinit(member->group->suite, &arena, request, &proposal);
    if (err == SG_OK)
        err = sg_mls_member_propose(member, &arena, &proposal, message);
    sg_mls_arena_fini(&arena);
    return err;
}

/* ---- successors ---- */

static sg_err fill_adds(const struct sg_mls_successor_request *request, struct sg_mls_arena *arena,
                        struct sg_mls_successor *in)
{
    struct sg_mls_proposal *adds = sg_mls_arena_new(arena, request->add_count, sizeof(*adds));
    if (adds == NULL)
        return SG_ERR_NO_MEMORY;
    if (request->add_count > UINT16_MAX)
        return SG_ERR_LIMIT;
    for (size_t i = 0; i < request->add_count; i++)
        SG_TRY(sg_mls_make_add(arena, request->add[i], &adds[i]));
    in->adds = adds;
    in->count = (uint32_t)request->add_count;
    return SG_OK;
}

static sg_err succeed(struct sg_mls_client *client, const struct sg_mls_successor_request *request,
                      struct sg_mls_arena *arena, struct sg_mls_group **group,
                      struct sg_bytes *welcome)
{
    struct sg_mls_package_options options = {.now = sg_mls_client_now(client),
                                             .lifetime = UINT64_C(86400)};
    struct sg_mls_package package;
    struct sg_mls_successor in = {.config = &client->mls,
                                  .old = request->old->group,
                                  .is_branch = request->is_branch,
                                  .group_id = request->group_id,
                                  .tree_in_welcome = request->tree_in_welcome,
                                  .now = options.now};
    SG_TRY(
        sg_mls_encode_items(arena, request->extensions, request->extension_count, &in.extensions));
    SG_TRY(fill_adds(request, arena, &in));
    SG_TRY(sg_mls_package_make(&client->mls, &client->identity, &options, arena, &package));
    in.keys = (struct sg_mls_package_keys){package.package, package.init_private,
                                           package.encryption_private,
                                           client->identity.signature_private};
    return sg_mls_group_succeed(&in, arena, group, welcome);
}

sg_err sg_mls_member_succeed(struct sg_mls_client *client,
                             const struct sg_mls_successor_request *request,
                             struct sg_mls_member **out, struct sg_mls_blob *welcome)
{
    struct sg_mls_arena arena;
    struct sg_mls_group *group = NULL;
    struct sg_bytes bytes;
    *welcome = (struct sg_mls_blob){NULL, 0};
    SG_TRY(sg_mls_member_check(request->old));
    sg_mls_client_arena(client, &arena);
    sg_err err = succeed(client, request, &arena, &group, &bytes);
    if (err == SG_OK) {
        err = sg_mls_blob_copy(bytes, welcome);
        if (err != SG_OK)
            sg_mls_group_free(group);
    }
    if (err == SG_OK)
        err = sg_mls_member_new(client, group, false, out);
    if (err != SG_OK)
        sg_mls_blob_free(welcome);
    sg_mls_arena_fini(&arena);
    return err;
}
