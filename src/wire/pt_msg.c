#include "wire/pt_msg.h"

#define HAVE_LEN (SG_ID_LEN + 1)

void sg_pt_ihave_encode(struct sg_writer *w, const struct sg_pt_have *have, size_t count)
{
    size_t mark = sg_write_vector_begin(w);
    for (size_t i = 0; i < count; i++) {
        sg_write_bytes(w, sg_bytes(have[i].id.b, SG_ID_LEN));
        sg_write_u8(w, have[i].hop);
    }
    sg_write_vector_end(w, mark);
}

sg_err sg_pt_ihave_decode(struct sg_reader *r, struct sg_pt_have *have, size_t *count)
{
    struct sg_bytes list = sg_read_vector(r, SG_PT_IHAVE_MAX * HAVE_LEN);
    struct sg_reader entries = sg_reader(list);
    SG_TRY(sg_reader_done(r));
    if (list.len == 0 || list.len % HAVE_LEN != 0)
        return SG_ERR_MALFORMED;
    *count = list.len / HAVE_LEN;
    for (size_t i = 0; i < *count; i++) {
        sg_read_copy(&entries, have[i].id.b, SG_ID_LEN);
        have[i].hop = sg_read_u8(&entries);
        if (have[i].hop == 0) /* as in GOSSIP: the receiver would be a link away */
            return SG_ERR_MALFORMED;
    }
    return sg_reader_done(&entries);
}

void sg_pt_graft_encode(struct sg_writer *w, const struct sg_pt_graft *msg)
{
    sg_write_u8(w, msg->has_id ? 1 : 0);
    if (msg->has_id)
        sg_write_bytes(w, sg_bytes(msg->id.b, SG_ID_LEN));
}

sg_err sg_pt_graft_decode(struct sg_reader *r, struct sg_pt_graft *msg)
{
    uint8_t has_id = sg_read_u8(r);
    *msg = (struct sg_pt_graft){.has_id = has_id == 1};
    if (r->err == SG_OK && has_id > 1)
        return SG_ERR_MALFORMED;
    if (msg->has_id)
        sg_read_copy(r, msg->id.b, SG_ID_LEN);
    return sg_reader_done(r);
}

void sg_pt_ids_encode(struct sg_writer *w, const struct sg_msg_id *ids, size_t count)
{
    size_t mark = sg_write_vector_begin(w);
    for (size_t i = 0; i < count; i++)
        sg_write_bytes(w, sg_bytes(ids[i].b, SG_ID_LEN));
    sg_write_vector_end(w, mark);
}

sg_err sg_pt_ids_decode(struct sg_reader *r, struct sg_msg_id *ids, size_t *count)
{
    struct sg_bytes list = sg_read_vector(r, SG_PT_IDS_MAX * SG_ID_LEN);
    struct sg_reader entries = sg_reader(list);
    SG_TRY(sg_reader_done(r));
    if (list.len == 0 || list.len % SG_ID_LEN != 0)
        return SG_ERR_MALFORMED;
    *count = list.len / SG_ID_LEN;
    for (size_t i = 0; i < *count; i++)
        sg_read_copy(&entries, ids[i].b, SG_ID_LEN);
    return sg_reader_done(&entries);
}
