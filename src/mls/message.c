#include "mls/message.h"

static void read_sender(struct sg_reader *r, struct sg_mls_sender *out)
{
    out->type = sg_read_u8(r);
    out->index = 0;
    if (out->type == SG_MLS_SENDER_MEMBER || out->type == SG_MLS_SENDER_EXTERNAL)
        out->index = sg_read_u32(r);
    else if (out->type != SG_MLS_SENDER_NEW_PROPOSAL && out->type != SG_MLS_SENDER_NEW_COMMIT)
        sg_reader_fail(r, SG_ERR_MALFORMED);
}

void sg_mls_write_sender(struct sg_writer *w, const struct sg_mls_sender *in)
{
    sg_write_u8(w, in->type);
    if (in->type == SG_MLS_SENDER_MEMBER || in->type == SG_MLS_SENDER_EXTERNAL)
        sg_write_u32(w, in->index);
}

void sg_mls_read_content_body(struct sg_reader *r, struct sg_mls_arena *arena,
                              struct sg_mls_content *out)
{
    const uint8_t *start = r->at;
    if (out->type == SG_MLS_APPLICATION)
        out->application = sg_mls_read_vector(r);
    else if (out->type == SG_MLS_PROPOSAL)
        sg_mls_read_proposal(r, arena, &out->proposal);
    else if (out->type == SG_MLS_COMMIT)
        sg_mls_read_commit(r, arena, &out->commit);
    else
        sg_reader_fail(r, SG_ERR_MALFORMED);
    out->body = sg_mls_since(r, start);
}

static void read_content(struct sg_reader *r, struct sg_mls_arena *arena,
                         struct sg_mls_content *out)
{
    const uint8_t *start = r->at;
    memset(out, 0, sizeof(*out));
    out->group_id = sg_mls_read_vector(r);
    out->epoch = sg_read_u64(r);
    read_sender(r, &out->sender);
    out->authenticated_data = sg_mls_read_vector(r);
    out->type = sg_read_u8(r);
    sg_mls_read_content_body(r, arena, out);
    out->raw = sg_mls_since(r, start);
}

void sg_mls_write_content_head(struct sg_writer *w, const struct sg_mls_content *in)
{
    sg_write_vector(w, in->group_id);
    sg_write_u64(w, in->epoch);
    sg_mls_write_sender(w, &in->sender);
    sg_write_vector(w, in->authenticated_data);
    sg_write_u8(w, in->type);
}

void sg_mls_write_content_body(struct sg_writer *w, const struct sg_mls_content *in)
{
    if (in->type == SG_MLS_APPLICATION)
        sg_write_vector(w, in->application);
    else if (in->type == SG_MLS_PROPOSAL)
        sg_mls_write_proposal(w, &in->proposal);
    else
        sg_mls_write_commit(w, &in->commit);
}

void sg_mls_write_content(struct sg_writer *w, const struct sg_mls_content *in)
{
    sg_mls_write_content_head(w, in);
    if (in->body.data != NULL)
        sg_write_bytes(w, in->body);
    else
        sg_mls_write_content_body(w, in);
}

void sg_mls_read_auth(struct sg_reader *r, uint8_t content_type, struct sg_mls_auth *out)
{
    memset(out, 0, sizeof(*out));
    out->signature = sg_mls_read_vector(r);
    if (content_type == SG_MLS_COMMIT)
        out->confirmation_tag = sg_mls_read_vector(r);
}

void sg_mls_write_auth(struct sg_writer *w, uint8_t content_type, const struct sg_mls_auth *in)
{
    sg_write_vector(w, in->signature);
    if (content_type == SG_MLS_COMMIT)
        sg_write_vector(w, in->confirmation_tag);
}

void sg_mls_read_authentic(struct sg_reader *r, struct sg_mls_arena *arena,
                           struct sg_mls_authentic *out)
{
    out->wire_format = sg_read_u16(r);
    read_content(r, arena, &out->content);
    sg_mls_read_auth(r, out->content.type, &out->auth);
}

void sg_mls_write_authentic(struct sg_writer *w, const struct sg_mls_authentic *in)
{
    sg_write_u16(w, in->wire_format);
    sg_mls_write_content(w, &in->content);
    sg_mls_write_auth(w, in->content.type, &in->auth);
}

static void read_public(struct sg_reader *r, struct sg_mls_arena *arena,
                        struct sg_mls_public_message *out)
{
    read_content(r, arena, &out->content);
    sg_mls_read_auth(r, out->content.type, &out->auth);
    out->membership_tag = sg_bytes(NULL, 0);
    if (out->content.sender.type == SG_MLS_SENDER_MEMBER)
        out->membership_tag = sg_mls_read_vector(r);
}

static void write_public(struct sg_writer *w, const struct sg_mls_public_message *in)
{
    sg_mls_write_content(w, &in->content);
    sg_mls_write_auth(w, in->content.type, &in->auth);
    if (in->content.sender.type == SG_MLS_SENDER_MEMBER)
        sg_write_vector(w, in->membership_tag);
}

static void read_private(struct sg_reader *r, struct sg_mls_private_message *out)
{
    out->group_id = sg_mls_read_vector(r);
    out->epoch = sg_read_u64(r);
    out->type = sg_read_u8(r);
    if (out->type < SG_MLS_APPLICATION || out->type > SG_MLS_COMMIT)
        sg_reader_fail(r, SG_ERR_MALFORMED);
    out->authenticated_data = sg_mls_read_vector(r);
    out->sender_data = sg_mls_read_vector(r);
    out->ciphertext = sg_mls_read_vector(r);
}

void sg_mls_write_private_message(struct sg_writer *w, const struct sg_mls_private_message *in)
{
    sg_write_vector(w, in->group_id);
    sg_write_u64(w, in->epoch);
    sg_write_u8(w, in->type);
    sg_write_vector(w, in->authenticated_data);
    sg_write_vector(w, in->sender_data);
    sg_write_vector(w, in->ciphertext);
}

static void read_welcome(struct sg_reader *r, struct sg_mls_arena *arena,
                         struct sg_mls_welcome *out)
{
    uint32_t cap = 0;
    memset(out, 0, sizeof(*out));
    out->suite = sg_read_u16(r);
    struct sg_reader list = sg_reader(sg_mls_read_vector(r));
    while (list.err == SG_OK && list.left > 0) {
        if (out->count >= arena->limits.proposals) {
            sg_reader_fail(r, SG_ERR_OVERSIZED);
            return;
        }
        void *grown =
            sg_mls_arena_push(arena, out->secrets, &out->count, &cap, sizeof(*out->secrets));
        if (grown == NULL) {
            sg_reader_fail(r, SG_ERR_NO_MEMORY);
            return;
        }
        out->secrets = grown;
        out->secrets[out->count - 1].new_member = sg_mls_read_vector(&list);
        sg_mls_read_hpke_ciphertext(&list, &out->secrets[out->count - 1].encrypted);
    }
    if (list.err != SG_OK)
        sg_reader_fail(r, list.err);
    out->encrypted_group_info = sg_mls_read_vector(r);
}

void sg_mls_write_welcome(struct sg_writer *w, const struct sg_mls_welcome *in)
{
    sg_write_u16(w, in->suite);
    size_t list = sg_write_vector_begin(w);
    for (uint32_t i = 0; i < in->count; i++) {
        sg_write_vector(w, in->secrets[i].new_member);
        sg_mls_write_hpke_ciphertext(w, &in->secrets[i].encrypted);
    }
    sg_write_vector_end(w, list);
    sg_write_vector(w, in->encrypted_group_info);
}

void sg_mls_write_message_head(struct sg_writer *w, uint16_t wire_format)
{
    sg_write_u16(w, SG_MLS_VERSION_10);
    sg_write_u16(w, wire_format);
}

sg_err sg_mls_decode_message(struct sg_bytes bytes, struct sg_mls_arena *arena,
                             struct sg_mls_message *out)
{
    struct sg_reader r = sg_reader(bytes);
    memset(out, 0, sizeof(*out));
    out->version = sg_read_u16(&r);
    if (r.err == SG_OK && out->version != SG_MLS_VERSION_10)
        return SG_ERR_VERSION;
    out->wire_format = sg_read_u16(&r);
    if (r.err != SG_OK)
        return r.err;
    switch (out->wire_format) {
    case SG_MLS_WIRE_PUBLIC:
        read_public(&r, arena, &out->u.public_message);
        break;
    case SG_MLS_WIRE_PRIVATE:
        read_private(&r, &out->u.private_message);
        break;
    case SG_MLS_WIRE_WELCOME:
        read_welcome(&r, arena, &out->u.welcome);
        break;
    case SG_MLS_WIRE_GROUP_INFO:
        sg_mls_read_group_info(&r, &out->u.group_info);
        break;
    case SG_MLS_WIRE_KEY_PACKAGE:
        sg_mls_read_key_package(&r, &out->u.key_package);
        break;
    default:
        return SG_ERR_MALFORMED;
    }
    return sg_reader_done(&r);
}

void sg_mls_write_message(struct sg_writer *w, const struct sg_mls_message *in)
{
    sg_mls_write_message_head(w, in->wire_format);
    if (in->wire_format == SG_MLS_WIRE_PUBLIC)
        write_public(w, &in->u.public_message);
    else if (in->wire_format == SG_MLS_WIRE_PRIVATE)
        sg_mls_write_private_message(w, &in->u.private_message);
    else if (in->wire_format == SG_MLS_WIRE_WELCOME)
        sg_mls_write_welcome(w, &in->u.welcome);
    else if (in->wire_format == SG_MLS_WIRE_GROUP_INFO)
        sg_mls_write_group_info(w, &in->u.group_info);
    else
        sg_mls_write_key_package(w, &in->u.key_package);
}
