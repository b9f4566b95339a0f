#include "wire/hpv_msg.h"

#include <assert.h>

#include "wire/topic_msg.h"

static_assert(SG_HPV_MSG_LEN_MAX <= SG_FRAME_MSHIP_MAX, "a SHUFFLE fits its lane");
static_assert(SG_HPV_SHUFFLE_MAX <= UINT8_MAX && SG_HPV_TTL_MAX <= UINT8_MAX, "one byte each");

static void write_entries(struct sg_writer *w, const struct sg_hpv_msg *msg,
                          const struct sg_hints *hints)
{
    static const struct sg_hints none;
    for (uint8_t i = 0; i < msg->count; i++)
        sg_peer_entry_encode(w, &msg->id[i], hints == NULL ? &none : &hints[i]);
}

static void write_ttl(struct sg_writer *w, const struct sg_hpv_msg *msg)
{
    assert(msg->ttl <= SG_HPV_TTL_MAX);
    sg_write_u8(w, msg->ttl);
}

static void write_sample(struct sg_writer *w, const struct sg_hpv_msg *msg,
                         const struct sg_hints *hints)
{
    assert(msg->count >= 1 && msg->count <= SG_HPV_SHUFFLE_MAX);
    sg_write_u8(w, msg->count);
    write_entries(w, msg, hints);
}

void sg_hpv_msg_encode(struct sg_writer *w, const struct sg_hpv_msg *msg,
                       const struct sg_hints *hints)
{
    sg_write_u8(w, (uint8_t)msg->kind);
    switch (msg->kind) {
    case SG_HPV_JOIN:
        break;
    case SG_HPV_FORWARD_JOIN:
        assert(msg->count == 1);
        write_ttl(w, msg);
        write_entries(w, msg, hints);
        break;
    case SG_HPV_NEIGHBOR:
        sg_write_u8(w, msg->high_priority);
        break;
    case SG_HPV_NEIGHBOR_REPLY:
        sg_write_u8(w, msg->accepted);
        break;
    case SG_HPV_DISCONNECT:
        sg_write_u8(w, msg->leaving);
        break;
    case SG_HPV_SHUFFLE:
        write_ttl(w, msg);
        write_sample(w, msg, hints);
        break;
    case SG_HPV_SHUFFLE_REPLY:
        write_sample(w, msg, hints);
        break;
    }
}

static bool read_flag(struct sg_reader *r)
{
    uint8_t value = sg_read_u8(r);
    if (value > 1)
        sg_reader_fail(r, SG_ERR_MALFORMED);
    return value == 1;
}

static uint8_t read_ttl(struct sg_reader *r)
{
    uint8_t ttl = sg_read_u8(r);
    if (ttl > SG_HPV_TTL_MAX)
        sg_reader_fail(r, SG_ERR_MALFORMED);
    return ttl;
}

static bool is_repeated(const struct sg_hpv_msg *msg, const struct sg_peer_id *id)
{
    for (uint8_t i = 0; i < msg->count; i++)
        if (sg_peer_id_equal(&msg->id[i], id))
            return true;
    return false;
}

static void read_entries(struct sg_reader *r, uint8_t count, struct sg_hpv_msg *msg,
                         struct sg_hints *hints)
{
    while (r->err == SG_OK && msg->count < count) {
        struct sg_peer_id *id = &msg->id[msg->count];
        sg_peer_entry_decode(r, id, &hints[msg->count]);
        if (r->err == SG_OK && is_repeated(msg, id))
            sg_reader_fail(r, SG_ERR_MALFORMED);
        msg->count++;
    }
}

static void read_sample(struct sg_reader *r, struct sg_hpv_msg *msg, struct sg_hints *hints)
{
    uint8_t count = sg_read_u8(r);
    if (r->err == SG_OK && (count == 0 || count > SG_HPV_SHUFFLE_MAX))
        sg_reader_fail(r, SG_ERR_MALFORMED);
    read_entries(r, count, msg, hints);
}

sg_err sg_hpv_msg_decode(struct sg_reader *r, struct sg_hpv_msg *msg, struct sg_hints *hints)
{
    uint8_t kind = sg_read_u8(r);
    if (r->err == SG_OK && (kind < SG_HPV_JOIN || kind > SG_HPV_SHUFFLE_REPLY))
        sg_reader_fail(r, SG_ERR_MALFORMED);
    if (r->err != SG_OK)
        return r->err;
    *msg = (struct sg_hpv_msg){.kind = (enum sg_hpv_kind)kind};
    switch (msg->kind) {
    case SG_HPV_JOIN:
        break;
    case SG_HPV_FORWARD_JOIN:
        msg->ttl = read_ttl(r);
        read_entries(r, 1, msg, hints);
        break;
    case SG_HPV_NEIGHBOR:
        msg->high_priority = read_flag(r);
        break;
    case SG_HPV_NEIGHBOR_REPLY:
        msg->accepted = read_flag(r);
        break;
    case SG_HPV_DISCONNECT:
        msg->leaving = read_flag(r);
        break;
    case SG_HPV_SHUFFLE:
        msg->ttl = read_ttl(r);
        read_sample(r, msg, hints);
        break;
    case SG_HPV_SHUFFLE_REPLY:
        read_sample(r, msg, hints);
        break;
    }
    return sg_reader_done(r);
}
