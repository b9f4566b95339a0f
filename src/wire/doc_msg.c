#include "wire/doc_msg.h"

#include <assert.h>

#include "wire/frame.h"

static_assert(SG_FRAME_HEAD_MAX + 16 + SG_DOC_PART_MAX <= SG_FRAME_BULK_MAX, "fits the lane");

void sg_doc_msg_encode(struct sg_writer *w, const struct sg_doc_msg *msg)
{
    sg_write_u8(w, (uint8_t)msg->kind);
    sg_write_u32(w, msg->session);
    sg_write_u8(w, msg->by_opener);
    switch (msg->kind) {
    case SG_DOC_PART:
        sg_write_u32(w, msg->number);
        sg_write_u8(w, msg->is_last);
        sg_write_vector(w, msg->bytes);
        return;
    case SG_DOC_TAKEN:
        sg_write_u32(w, msg->number);
        return;
    case SG_DOC_CLOSE:
        sg_write_u8(w, (uint8_t)msg->reason);
        return;
    }
}

static uint8_t read_small(struct sg_reader *r, uint8_t most)
{
    uint8_t value = sg_read_u8(r);
    if (r->err == SG_OK && value > most)
        sg_reader_fail(r, SG_ERR_MALFORMED);
    return r->err == SG_OK ? value : 0;
}

sg_err sg_doc_msg_decode(struct sg_reader *r, struct sg_doc_msg *msg)
{
    uint8_t kind = sg_read_u8(r);
    if (r->err == SG_OK && (kind < SG_DOC_PART || kind > SG_DOC_CLOSE))
        sg_reader_fail(r, SG_ERR_MALFORMED);
    SG_TRY(r->err);
    *msg = (struct sg_doc_msg){.kind = (enum sg_doc_msg_kind)kind};
    msg->session = sg_read_u32(r);
    msg->by_opener = read_small(r, 1) == 1;
    switch (msg->kind) {
    case SG_DOC_PART:
        msg->number = sg_read_u32(r);
        msg->is_last = read_small(r, 1) == 1;
        msg->bytes = sg_read_vector(r, SG_DOC_PART_MAX);
        if (r->err == SG_OK && msg->bytes.len == 0)
            sg_reader_fail(r, SG_ERR_MALFORMED);
        break;
    case SG_DOC_TAKEN:
        msg->number = sg_read_u32(r);
        break;
    case SG_DOC_CLOSE:
        msg->reason = (enum sg_doc_close)read_small(r, SG_DOC_UNBOUND);
        break;
    }
    return sg_reader_done(r);
}
