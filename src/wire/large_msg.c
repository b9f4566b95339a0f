#include "wire/large_msg.h"

#include <assert.h>

static uint16_t count_of(uint64_t size)
{
    return (uint16_t)((size + SG_CHUNK_LEN - 1) / SG_CHUNK_LEN);
}

void sg_announcement_encode(struct sg_writer *w, const struct sg_announcement *announcement)
{
    assert(announcement->count == count_of(announcement->size));
    sg_write_u64(w, announcement->size);
    sg_write_bytes(w, sg_bytes(announcement->hashes, (size_t)announcement->count * SG_ID_LEN));
}

sg_err sg_announcement_decode(struct sg_bytes bytes, struct sg_announcement *announcement)
{
    struct sg_reader r = sg_reader(bytes);
    uint64_t size = sg_read_u64(&r);
    *announcement = (struct sg_announcement){0};
    if (r.err == SG_OK && size <= SG_PAYLOAD_MAX)
        sg_reader_fail(&r, SG_ERR_MALFORMED);
    if (r.err == SG_OK && size > SG_LARGE_MAX)
        sg_reader_fail(&r, SG_ERR_OVERSIZED);
    if (r.err != SG_OK)
        return r.err;
    uint16_t count = count_of(size);
    struct sg_bytes hashes = sg_read_bytes(&r, (size_t)count * SG_ID_LEN);
    SG_TRY(sg_reader_done(&r));
    *announcement = (struct sg_announcement){.size = size, .count = count, .hashes = hashes.data};
    return SG_OK;
}

size_t sg_chunk_len(const struct sg_announcement *announcement, uint16_t index)
{
    uint64_t at = (uint64_t)index * SG_CHUNK_LEN;
    uint64_t left = announcement->size - at;
    return left < SG_CHUNK_LEN ? (size_t)left : SG_CHUNK_LEN;
}

uint16_t sg_chunks_count(const struct sg_chunks *chunks)
{
    uint16_t count = 0;
    for (size_t i = 0; i < sizeof(chunks->b); i++) {
        for (unsigned rest = chunks->b[i]; rest != 0; rest &= rest - 1)
            count++;
    }
    return count;
}

void sg_large_msg_encode(struct sg_writer *w, const struct sg_large_msg *msg)
{
    sg_write_u8(w, (uint8_t)msg->kind);
    sg_write_bytes(w, sg_bytes(msg->id.b, SG_ID_LEN));
    switch (msg->kind) {
    case SG_LARGE_HAVE:
        sg_write_u8(w, msg->wants_reply ? 1 : 0);
        sg_write_vector(w, sg_bytes(msg->chunks.b, msg->len));
        return;
    case SG_LARGE_ASK:
        sg_write_vector(w, sg_bytes(msg->chunks.b, msg->len));
        return;
    case SG_LARGE_CHUNK:
        sg_write_u16(w, msg->index);
        sg_write_vector(w, msg->bytes);
        return;
    case SG_LARGE_NONE:
        return;
    }
}

static void decode_chunks(struct sg_reader *r, struct sg_large_msg *msg)
{
    struct sg_bytes bits = sg_read_vector(r, sizeof(msg->chunks.b));
    if (r->err == SG_OK && bits.len == 0)
        sg_reader_fail(r, SG_ERR_MALFORMED);
    if (r->err != SG_OK)
        return;
    msg->len = (uint8_t)bits.len;
    memcpy(msg->chunks.b, bits.data, bits.len);
}

static void decode_have(struct sg_reader *r, struct sg_large_msg *msg)
{
    uint8_t wants = sg_read_u8(r);
    if (r->err == SG_OK && wants > 1)
        sg_reader_fail(r, SG_ERR_MALFORMED);
    msg->wants_reply = wants == 1;
    decode_chunks(r, msg);
}

static void decode_ask(struct sg_reader *r, struct sg_large_msg *msg)
{
    decode_chunks(r, msg);
    uint16_t count = sg_chunks_count(&msg->chunks);
    if (r->err == SG_OK && (count == 0 || count > SG_LARGE_ASK_MAX))
        sg_reader_fail(r, SG_ERR_MALFORMED);
}

static void decode_chunk(struct sg_reader *r, struct sg_large_msg *msg)
{
    msg->index = sg_read_u16(r);
    msg->bytes = sg_read_vector(r, SG_CHUNK_LEN);
    if (r->err == SG_OK && (msg->index >= SG_CHUNKS_MAX || msg->bytes.len == 0))
        sg_reader_fail(r, SG_ERR_MALFORMED);
}

sg_err sg_large_msg_decode(struct sg_reader *r, struct sg_large_msg *msg)
{
    uint8_t kind = sg_read_u8(r);
    *msg = (struct sg_large_msg){.kind = SG_LARGE_NONE};
    sg_read_copy(r, msg->id.b, SG_ID_LEN);
    if (kind == SG_LARGE_HAVE)
        decode_have(r, msg);
    else if (kind == SG_LARGE_ASK)
        decode_ask(r, msg);
    else if (kind == SG_LARGE_CHUNK)
        decode_chunk(r, msg);
    else if (r->err == SG_OK && kind != SG_LARGE_NONE)
        sg_reader_fail(r, SG_ERR_MALFORMED);
    SG_TRY(sg_reader_done(r));
    msg->kind = (enum sg_large_kind)kind;
    return SG_OK;
}
