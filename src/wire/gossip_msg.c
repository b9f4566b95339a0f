#include "wire/gossip_msg.h"

#include "wire/pt_msg.h"

/* The largest public key and signature over all crypto profiles (ML-DSA-87, FIPS 204 table 2). */
#define PUBLIC_MAX 2592
#define SIGNATURE_MAX 4627

void sg_gossip_encode(struct sg_writer *w, const struct sg_gossip *msg)
{
    sg_write_u8(w, SG_PT_GOSSIP);
    sg_write_u8(w, msg->hop);
    sg_write_bytes(w, sg_bytes(msg->author.b, SG_ID_LEN));
    sg_write_u64(w, msg->sequence);
    sg_write_u64(w, msg->time_ms);
    sg_write_u64(w, msg->expiry_ms);
    sg_write_u8(w, msg->batch_count);
    if (msg->batch_count > 1) {
        sg_write_u8(w, msg->batch_index);
        sg_write_bytes(w, sg_bytes(msg->root, SG_ID_LEN));
    }
    sg_write_u8(w, msg->is_large ? 1 : 0);
    sg_write_vector(w, msg->payload);
}

static void decode_batch(struct sg_reader *r, struct sg_gossip *msg)
{
    msg->batch_count = sg_read_u8(r);
    if (r->err == SG_OK && (msg->batch_count == 0 || msg->batch_count > SG_BATCH_MAX))
        sg_reader_fail(r, SG_ERR_MALFORMED);
    if (r->err != SG_OK || msg->batch_count == 1)
        return;
    msg->batch_index = sg_read_u8(r);
    if (r->err == SG_OK && msg->batch_index >= msg->batch_count)
        sg_reader_fail(r, SG_ERR_MALFORMED);
    sg_read_copy(r, msg->root, SG_ID_LEN);
}

/* What the payload is. An announcement is checked right here, so that nobody ever holds a bad
 * one. */
static void decode_payload(struct sg_reader *r, struct sg_gossip *msg)
{
    struct sg_announcement announcement;
    uint8_t form = sg_read_u8(r);
    if (r->err == SG_OK && form > 1)
        sg_reader_fail(r, SG_ERR_MALFORMED);
    msg->is_large = form == 1;
    msg->payload = sg_read_vector(r, SG_PAYLOAD_MAX);
    if (r->err != SG_OK || !msg->is_large)
        return;
    sg_err err = sg_announcement_decode(msg->payload, &announcement);
    if (err != SG_OK)
        sg_reader_fail(r, err);
}

sg_err sg_gossip_decode(struct sg_reader *r, struct sg_gossip *msg)
{
    *msg = (struct sg_gossip){.hop = sg_read_u8(r)};
    if (r->err == SG_OK && msg->hop == 0)
        sg_reader_fail(r, SG_ERR_MALFORMED);
    sg_read_copy(r, msg->author.b, SG_ID_LEN);
    msg->sequence = sg_read_u64(r);
    msg->time_ms = sg_read_u64(r);
    msg->expiry_ms = sg_read_u64(r);
    decode_batch(r, msg);
    decode_payload(r, msg);
    return sg_reader_done(r);
}

void sg_root_encode(struct sg_writer *w, const struct sg_root *root)
{
    size_t ids = root->count > 1 ? (size_t)root->count * SG_ID_LEN : 0;
    sg_write_u8(w, SG_PT_ROOT);
    sg_write_bytes(w, sg_bytes(root->root, SG_ID_LEN));
    sg_write_vector(w, root->signature);
    sg_write_vector(w, sg_bytes(root->ids, ids));
}

sg_err sg_root_decode(struct sg_reader *r, struct sg_root *root)
{
    *root = (struct sg_root){.count = 1};
    sg_read_copy(r, root->root, SG_ID_LEN);
    root->signature = sg_read_vector(r, SIGNATURE_MAX);
    struct sg_bytes ids = sg_read_vector(r, SG_BATCH_MAX * SG_ID_LEN);
    bool is_bad = root->signature.len == 0 || ids.len % SG_ID_LEN != 0 || ids.len == SG_ID_LEN;
    if (r->err == SG_OK && is_bad)
        return SG_ERR_MALFORMED;
    SG_TRY(sg_reader_done(r));
    if (ids.len > 0) {
        root->count = (uint8_t)(ids.len / SG_ID_LEN);
        root->ids = ids.data;
    }
    return SG_OK;
}

void sg_key_encode(struct sg_writer *w, struct sg_bytes public_key)
{
    sg_write_u8(w, SG_PT_KEY);
    sg_write_vector(w, public_key);
}

sg_err sg_key_decode(struct sg_reader *r, struct sg_bytes *public_key)
{
    *public_key = sg_read_vector(r, PUBLIC_MAX);
    if (r->err == SG_OK && public_key->len == 0)
        return SG_ERR_MALFORMED;
    return sg_reader_done(r);
}

void sg_proof_want_encode(struct sg_writer *w, const struct sg_msg_id *id)
{
    sg_write_u8(w, SG_PT_PROOF_WANT);
    sg_write_bytes(w, sg_bytes(id->b, SG_ID_LEN));
}

sg_err sg_proof_want_decode(struct sg_reader *r, struct sg_msg_id *id)
{
    sg_read_copy(r, id->b, SG_ID_LEN);
    return sg_reader_done(r);
}
