#include "wire/reconcile_msg.h"

#include <assert.h>

#include "wire/frame.h"

#define SYMBOL_LEN 13
#define LONG_SYMBOL_LEN 17
static_assert(SG_REC_PIECE_MAX < SG_REC_SHORT_CHECKS, "a SKETCH has short checks");
static_assert(SG_FRAME_HEAD_MAX + 64 + SG_REC_IDS_MAX * 8 <= SG_FRAME_PUBSUB_MAX, "fits the lane");

static bool is_long(uint32_t index)
{
    return index >= SG_REC_SHORT_CHECKS;
}

static bool read_flag(struct sg_reader *r)
{
    uint8_t value = sg_read_u8(r);
    if (value > 1)
        sg_reader_fail(r, SG_ERR_MALFORMED);
    return value == 1;
}

/* ---- arrays: to the end of the body ---- */

static void write_symbols(struct sg_writer *w, const struct sg_rec_msg *msg)
{
    assert(msg->symbol_count <= SG_REC_PIECE_MAX);
    for (uint16_t i = 0; i < msg->symbol_count; i++) {
        const struct sg_rec_symbol *symbol = &msg->symbols[i];
        sg_write_u64(w, symbol->id);
        if (is_long(msg->index))
            sg_write_u64(w, symbol->check);
        else
            sg_write_u32(w, (uint32_t)symbol->check);
        sg_write_u8(w, symbol->count);
    }
}

static void read_symbols(struct sg_reader *r, struct sg_rec_msg *msg, struct sg_rec_room *room)
{
    size_t len = is_long(msg->index) ? LONG_SYMBOL_LEN : SYMBOL_LEN;
    size_t count = r->left / len;
    bool straddles = !is_long(msg->index) && msg->index + count > SG_REC_SHORT_CHECKS;
    if (count > SG_REC_PIECE_MAX || straddles || msg->index + count > SG_REC_SYMBOLS_MAX)
        sg_reader_fail(r, SG_ERR_MALFORMED);
    for (size_t i = 0; i < count && r->err == SG_OK; i++) {
        room->symbols[i].id = sg_read_u64(r);
        room->symbols[i].check = is_long(msg->index) ? sg_read_u64(r) : sg_read_u32(r);
        room->symbols[i].count = sg_read_u8(r);
    }
    msg->symbols = room->symbols;
    msg->symbol_count = (uint16_t)count;
}

static void write_ids(struct sg_writer *w, const struct sg_rec_msg *msg)
{
    assert(msg->id_count <= SG_REC_IDS_MAX);
    for (uint16_t i = 0; i < msg->id_count; i++)
        sg_write_u64(w, msg->ids[i]);
}

static void read_ids(struct sg_reader *r, struct sg_rec_msg *msg, struct sg_rec_room *room,
                     size_t least)
{
    size_t count = r->left / 8;
    if (r->err == SG_OK && (count < least || count > SG_REC_IDS_MAX))
        sg_reader_fail(r, SG_ERR_MALFORMED);
    for (size_t i = 0; i < count && r->err == SG_OK; i++)
        room->ids[i] = sg_read_u64(r);
    msg->ids = room->ids;
    msg->id_count = (uint16_t)count;
}

/* ---- messages ---- */

void sg_rec_msg_encode(struct sg_writer *w, const struct sg_rec_msg *msg)
{
    sg_write_u8(w, (uint8_t)msg->kind);
    sg_write_u32(w, msg->session);
    switch (msg->kind) {
    case SG_REC_OPEN:
        sg_write_u32(w, msg->from);
        sg_write_u32(w, msg->to);
        sg_write_u32(w, msg->count);
        sg_write_u32(w, msg->upto);
        return;
    case SG_REC_SKETCH:
        sg_write_u32(w, msg->nonce);
        sg_write_u32(w, msg->from);
        sg_write_u32(w, msg->count);
        sg_write_bytes(w, sg_bytes(msg->digest, SG_REC_DIGEST_LEN));
        write_symbols(w, msg);
        return;
    case SG_REC_SYMBOLS:
        sg_write_u32(w, msg->index);
        write_symbols(w, msg);
        return;
    case SG_REC_MORE:
        sg_write_u32(w, msg->upto);
        return;
    case SG_REC_DONE:
        sg_write_u8(w, msg->by_opener);
        sg_write_u8(w, (uint8_t)msg->reason);
        return;
    case SG_REC_LIST:
        return;
    case SG_REC_IDS:
        sg_write_u8(w, msg->is_last);
        write_ids(w, msg);
        return;
    case SG_REC_WANT:
        sg_write_u8(w, msg->by_opener);
        write_ids(w, msg);
        return;
    case SG_REC_OFFER:
        sg_write_u8(w, msg->is_last);
        write_ids(w, msg);
        return;
    case SG_REC_SENT:
        sg_write_u8(w, msg->by_opener);
        sg_write_u32(w, msg->count);
        return;
    }
}

static void read_open(struct sg_reader *r, struct sg_rec_msg *msg)
{
    msg->from = sg_read_u32(r);
    msg->to = sg_read_u32(r);
    msg->count = sg_read_u32(r);
    msg->upto = sg_read_u32(r);
    if (r->err == SG_OK && (msg->from >= msg->to || msg->upto > SG_REC_SYMBOLS_MAX))
        sg_reader_fail(r, SG_ERR_MALFORMED);
}

static void read_sketch(struct sg_reader *r, struct sg_rec_msg *msg, struct sg_rec_room *room)
{
    msg->nonce = sg_read_u32(r);
    msg->from = sg_read_u32(r);
    msg->count = sg_read_u32(r);
    sg_read_copy(r, msg->digest, SG_REC_DIGEST_LEN);
    read_symbols(r, msg, room);
}

static void read_symbols_msg(struct sg_reader *r, struct sg_rec_msg *msg, struct sg_rec_room *room)
{
    msg->index = sg_read_u32(r);
    if (r->err == SG_OK && (msg->index == 0 || msg->index >= SG_REC_SYMBOLS_MAX || r->left == 0))
        sg_reader_fail(r, SG_ERR_MALFORMED);
    if (r->err == SG_OK)
        read_symbols(r, msg, room);
}

static void read_done(struct sg_reader *r, struct sg_rec_msg *msg)
{
    msg->by_opener = read_flag(r);
    uint8_t reason = sg_read_u8(r);
    if (r->err == SG_OK && reason > SG_REC_GAVE_UP)
        sg_reader_fail(r, SG_ERR_MALFORMED);
    msg->reason = r->err == SG_OK ? (enum sg_rec_reason)reason : SG_REC_GAVE_UP;
}

static void read_body(struct sg_reader *r, struct sg_rec_msg *msg, struct sg_rec_room *room)
{
    switch (msg->kind) {
    case SG_REC_OPEN:
        read_open(r, msg);
        return;
    case SG_REC_SKETCH:
        read_sketch(r, msg, room);
        return;
    case SG_REC_SYMBOLS:
        read_symbols_msg(r, msg, room);
        return;
    case SG_REC_MORE:
        msg->upto = sg_read_u32(r);
        if (r->err == SG_OK && (msg->upto == 0 || msg->upto > SG_REC_SYMBOLS_MAX))
            sg_reader_fail(r, SG_ERR_MALFORMED);
        return;
    case SG_REC_DONE:
        read_done(r, msg);
        return;
    case SG_REC_LIST:
        return;
    case SG_REC_IDS:
        msg->is_last = read_flag(r);
        read_ids(r, msg, room, msg->is_last ? 0 : 1);
        return;
    case SG_REC_WANT:
        msg->by_opener = read_flag(r);
        read_ids(r, msg, room, 1);
        return;
    case SG_REC_OFFER:
        msg->by_opener = true;
        msg->is_last = read_flag(r);
        read_ids(r, msg, room, 1);
        return;
    case SG_REC_SENT:
        msg->by_opener = read_flag(r);
        msg->count = sg_read_u32(r);
        return;
    }
}

sg_err sg_rec_msg_decode(struct sg_reader *r, struct sg_rec_msg *msg, struct sg_rec_room *room)
{
    uint8_t kind = sg_read_u8(r);
    if (r->err == SG_OK && (kind < SG_REC_OPEN || kind > SG_REC_SENT))
        sg_reader_fail(r, SG_ERR_MALFORMED);
    SG_TRY(r->err);
    *msg = (struct sg_rec_msg){.kind = (enum sg_rec_kind)kind};
    msg->session = sg_read_u32(r);
    read_body(r, msg, room);
    return sg_reader_done(r);
}
