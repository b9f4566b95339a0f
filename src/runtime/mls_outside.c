/* Proposals of clients that are no members (RFC 9420 s12.1.8), in the public API. */
#include "runtime/mls_impl.h"

struct outside {
    const struct sg_mls_client *client;
    const struct sg_mls_outside_request *request;
    struct sg_mls_arena arena;
    struct sg_mls_proposal proposal;
};

static void begin(struct outside *o, const struct sg_mls_client *client,
                  const struct sg_mls_outside_request *request, uint16_t type)
{
    *o = (struct outside){.client = client, .request = request, .proposal = {.type = type}};
    sg_mls_client_arena(client, &o->arena);
}

static sg_err sign(struct outside *o, struct sg_mls_blob *message)
{
    const struct sg_mls_client *client = o->client;
    struct sg_mls_signer signer = {client->suite, client->mls.random,
                                   client->identity.signature_private, NULL};
    const struct sg_mls_outside in = {.signer = &signer,
                                      .group_id = o->request->group_id,
                                      .epoch = o->request->epoch,
                                      .sender_index = o->request->sender_index};
    struct sg_bytes bytes;
    SG_TRY(sg_mls_propose_from_outside(&in, &o->arena, &o->proposal, &bytes));
    return sg_mls_blob_copy(bytes, message);
}

/* Signs what was made, when err says that it was. */
static sg_err end(struct outside *o, sg_err err, struct sg_mls_blob *message)
{
    *message = (struct sg_mls_blob){NULL, 0};
    if (err == SG_OK)
        err = sign(o, message);
    sg_mls_arena_fini(&o->arena);
    return err;
}

sg_err sg_mls_client_propose_add(const struct sg_mls_client *client,
                                 const struct sg_mls_outside_request *request,
                                 struct sg_bytes package, struct sg_mls_blob *message)
{
    struct outside o;
    begin(&o, client, request, SG_MLS_ADD);
    return end(&o, sg_mls_make_add(&o.arena, package, &o.proposal), message);
}

sg_err sg_mls_client_propose_remove(const struct sg_mls_client *client,
                                    const struct sg_mls_outside_request *request, uint32_t leaf,
                                    struct sg_mls_blob *message)
{
    struct outside o;
    begin(&o, client, request, SG_MLS_REMOVE);
    o.proposal.u.removed = leaf;
    return end(&o, SG_OK, message);
}

sg_err sg_mls_client_propose_psk(const struct sg_mls_client *client,
                                 const struct sg_mls_outside_request *request,
                                 struct sg_bytes psk_id, struct sg_mls_blob *message)
{
    struct outside o;
    begin(&o, client, request, SG_MLS_PSK);
    return end(&o, sg_mls_make_psk(client->suite, &o.arena, psk_id, &o.proposal.u.psk), message);
}

sg_err sg_mls_client_propose_resumption(const struct sg_mls_client *client,
                                        const struct sg_mls_outside_request *request,
                                        uint64_t epoch, struct sg_mls_blob *message)
{
    const struct sg_mls_resumed of = {request->group_id, epoch};
    struct outside o;
    begin(&o, client, request, SG_MLS_PSK);
    return end(&o, sg_mls_make_resumption(client->suite, &o.arena, &of, &o.proposal.u.psk),
               message);
}

sg_err sg_mls_client_propose_extensions(const struct sg_mls_client *client,
                                        const struct sg_mls_outside_request *request,
                                        const struct sg_mls_extension_item *items, size_t count,
                                        struct sg_mls_blob *message)
{
    struct outside o;
    begin(&o, client, request, SG_MLS_GROUP_CONTEXT_EXTENSIONS);
    return end(&o, sg_mls_encode_items(&o.arena, items, count, &o.proposal.u.extensions), message);
}

sg_err sg_mls_client_propose_reinit(const struct sg_mls_client *client,
                                    const struct sg_mls_outside_request *request,
                                    const struct sg_mls_reinit_request *reinit,
                                    struct sg_mls_blob *message)
{
    struct outside o;
    begin(&o, client, request, SG_MLS_REINIT);
    return end(&o, sg_mls_make_reinit(client->suite, &o.arena, reinit, &o.proposal), message);
}

sg_err sg_mls_client_propose_app_data(const struct sg_mls_client *client,
                                      const struct sg_mls_outside_request *request,
                                      const struct sg_mls_app_data_item *item,
                                      struct sg_mls_blob *message)
{
    struct outside o;
    begin(&o, client, request, SG_MLS_APP_DATA_UPDATE);
    sg_mls_make_app_data(item->component, item->update, &o.proposal);
    return end(&o, SG_OK, message);
}
