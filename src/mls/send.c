/* Proposals and application messages of ours. */
#include "mls/create.h"

void sg_mls_fill_content(const struct sg_mls_group *group, const struct sg_mls_send *send,
                         uint8_t type, struct sg_mls_authentic *out)
{
    memset(out, 0, sizeof(*out));
    out->wire_format = send->is_private ? SG_MLS_WIRE_PRIVATE : SG_MLS_WIRE_PUBLIC;
    out->content.group_id = group->epoch->context.group_id;
    out->content.epoch = group->epoch->context.epoch;
    out->content.sender = (struct sg_mls_sender){SG_MLS_SENDER_MEMBER, sg_mls_group_leaf(group)};
    out->content.authenticated_data = send->authenticated_data;
    out->content.type = type;
}

/* RFC9420 s15.1: zero bytes up to a multiple of config->padding. */
static size_t padding_for(const struct sg_mls_config *config,
                          const struct sg_mls_authentic *message)
{
    struct sg_writer w = sg_writer_counting();
    sg_write_bytes(&w, message->content.body);
    sg_mls_write_auth(&w, message->content.type, &message->auth);
    if (config->padding == 0)
        return 0;
    return (config->padding - w.len % config->padding) % config->padding;
}

sg_err sg_mls_protect(struct sg_mls_group *group, struct sg_mls_arena *arena,
                      struct sg_mls_outgoing *out)
{
    struct sg_mls_framing framing = sg_mls_epoch_framing(group->epoch);
    memset(&out->use, 0, sizeof(out->use));
    if (out->message.wire_format == SG_MLS_WIRE_PUBLIC) {
        SG_TRY(sg_mls_protect_public(&framing, arena, &out->message, &out->bytes));
    } else {
        struct sg_mls_private_out how = {group->config->random,
                                         padding_for(group->config, &out->message), &out->use};
        SG_TRY(sg_mls_protect_private(&framing, &how, arena, &out->message, &out->bytes));
    }
    /* others have our limits, or are likely to */
    return out->bytes.len > group->config->message_max ? SG_ERR_TOO_LARGE : SG_OK;
}

void sg_mls_send_off(struct sg_mls_group *group, struct sg_mls_outgoing *out)
{
    if (out->message.wire_format == SG_MLS_WIRE_PRIVATE)
        sg_mls_secret_tree_take(&group->epoch->ratchets, &out->use);
}

/* ---- proposals ---- */

struct proposing {
    const struct sg_mls_proposal *proposal;
    const struct sg_mls_send *send;
    const struct sg_mls_update_keys *keys; /* of an Update; else NULL */
};

static sg_err propose(struct sg_mls_group *group, struct sg_mls_arena *arena,
                      struct sg_mls_outgoing *out, const struct sg_mls_update_keys *keys)
{
    struct sg_mls_signer signer = sg_mls_group_signer(group);
    SG_TRY(sg_mls_content_sign(&signer, arena, group->epoch->context.raw, &out->message));
    SG_TRY(sg_mls_protect(group, arena, out));
    return sg_mls_cache_add(group, arena, &out->message, keys);
}

static sg_err send_proposal(struct sg_mls_group *group, struct sg_mls_arena *arena,
                            const struct proposing *in, struct sg_bytes *out)
{
    const struct sg_mls_send *send = in->send;
    struct sg_mls_outgoing *outgoing = sg_mls_arena_new(arena, 1, sizeof(*outgoing));
    if (outgoing == NULL)
        return SG_ERR_NO_MEMORY;
    SG_TRY(sg_mls_group_check_open(group));
    sg_mls_fill_content(group, send, SG_MLS_PROPOSAL, &outgoing->message);
    outgoing->message.content.proposal = *in->proposal;
    SG_TRY(sg_mls_try_proposal(group, arena, &outgoing->message.content, send->now));
    sg_err err = propose(group, arena, outgoing, in->keys);
    if (err == SG_OK) {
        sg_mls_send_off(group, outgoing);
        *out = outgoing->bytes;
    }
    sg_mls_key_use_fini(&group->epoch->ratchets, &outgoing->use);
    return err;
}

sg_err sg_mls_group_propose(struct sg_mls_group *group, struct sg_mls_arena *arena,
                            const struct sg_mls_proposal *proposal, const struct sg_mls_send *send,
                            struct sg_bytes *out)
{
    struct proposing in = {proposal, send, NULL};
    return send_proposal(group, arena, &in, out);
}

struct update_keys {
    uint8_t private_key[SG_MLS_KEM_PRIVATE_MAX];
    uint8_t public_key[SG_MLS_KEM_PUBLIC_MAX];
    uint8_t signature[SG_MLS_SIG_PRIVATE_MAX];
};

sg_err sg_mls_group_propose_update(struct sg_mls_group *group, struct sg_mls_arena *arena,
                                   const struct sg_mls_new_leaf *new_leaf,
                                   const struct sg_mls_send *send, struct sg_bytes *out)
{
    const struct sg_mls_suite *suite = group->suite;
    struct sg_mls_signer signer = sg_mls_group_signer(group);
    struct sg_mls_leaf_place place = {group->epoch->context.group_id, sg_mls_group_leaf(group)};
    struct update_keys *keys = sg_mls_arena_new(arena, 1, sizeof(*keys));
    struct sg_mls_proposal proposal = {.type = SG_MLS_UPDATE};
    struct sg_mls_leaf leaf;
    if (keys == NULL)
        return SG_ERR_NO_MEMORY;
    SG_TRY(sg_mls_group_check_open(group));
    if (new_leaf != NULL && new_leaf->signature_private.len != suite->sig_private_len)
        return SG_ERR_INVALID_ARGUMENT;
    SG_TRY(suite->kem_generate(suite, signer.random, keys->private_key, keys->public_key));
    if (new_leaf != NULL) {
        leaf = new_leaf->leaf;
        signer.private_key = new_leaf->signature_private;
        signer.ready = NULL;
    } else {
        sg_mls_tree_leaf(&group->tree, place.leaf, &leaf);
    }
    memcpy(keys->signature, signer.private_key.data, suite->sig_private_len);
    leaf.source = SG_MLS_LEAF_UPDATE;
    leaf.encryption_key = sg_bytes(keys->public_key, suite->kem_public_len);
    SG_TRY(sg_mls_leaf_sign(&signer, arena, &place, &leaf));
    proposal.u.update = &leaf;
    struct sg_mls_update_keys kept = {sg_bytes(keys->private_key, suite->kem_private_len),
                                      sg_bytes(keys->signature, suite->sig_private_len)};
    struct proposing in = {&proposal, send, &kept};
    return send_proposal(group, arena, &in, out);
}

/* ---- application messages ---- */

static sg_err protect(struct sg_mls_group *group, struct sg_mls_arena *arena,
                      struct sg_mls_outgoing *out)
{
    struct sg_mls_signer signer = sg_mls_group_signer(group);
    SG_TRY(sg_mls_content_sign(&signer, arena, group->epoch->context.raw, &out->message));
    return sg_mls_protect(group, arena, out);
}

sg_err sg_mls_group_protect(struct sg_mls_group *group, struct sg_mls_arena *arena,
                            struct sg_bytes data, struct sg_bytes authenticated_data,
                            struct sg_bytes *out)
{
    struct sg_mls_send send = {true, authenticated_data, 0};
    struct sg_mls_outgoing *outgoing = sg_mls_arena_new(arena, 1, sizeof(*outgoing));
    if (outgoing == NULL)
        return SG_ERR_NO_MEMORY;
    SG_TRY(sg_mls_group_check_open(group));
    /* RFC9420 s12.4: who has seen a valid proposal "MUST send a Commit message before sending
     * application data" */
    if (group->cache_count > 0)
        return SG_ERR_INVALID_STATE;
    sg_mls_fill_content(group, &send, SG_MLS_APPLICATION, &outgoing->message);
    outgoing->message.content.application = data;
    sg_err err = protect(group, arena, outgoing);
    if (err == SG_OK) {
        sg_mls_send_off(group, outgoing);
        *out = outgoing->bytes;
    }
    sg_mls_key_use_fini(&group->epoch->ratchets, &outgoing->use);
    return err;
}

/* ---- from outside ---- */

sg_err sg_mls_propose_from_outside(const struct sg_mls_outside *in, struct sg_mls_arena *arena,
                                   const struct sg_mls_proposal *proposal, struct sg_bytes *out)
{
    struct sg_mls_authentic *message = sg_mls_arena_new(arena, 1, sizeof(*message));
    struct sg_mls_framing framing = {.suite = in->signer->suite, .mem = arena->mem};
    bool is_new = in->sender_index == UINT32_MAX;
    uint8_t sender = is_new ? SG_MLS_SENDER_NEW_PROPOSAL : SG_MLS_SENDER_EXTERNAL;
    if (message == NULL)
        return SG_ERR_NO_MEMORY;
    SG_TRY(sg_mls_check_proposal_sender(proposal->type, sender));
    message->wire_format = SG_MLS_WIRE_PUBLIC;
    message->content.group_id = in->group_id;
    message->content.epoch = in->epoch;
    message->content.sender = (struct sg_mls_sender){sender, is_new ? 0 : in->sender_index};
    message->content.authenticated_data = in->authenticated_data;
    message->content.type = SG_MLS_PROPOSAL;
    message->content.proposal = *proposal;
    SG_TRY(sg_mls_content_sign(in->signer, arena, sg_bytes(NULL, 0), message));
    /* RFC9420 s12.1.8: "An external proposal MUST be sent as a PublicMessage" */
    return sg_mls_protect_public(&framing, arena, message, out);
}
