#include "wire/topic_msg.h"

void sg_peer_entry_encode(struct sg_writer *w, const struct sg_peer_id *id,
                          const struct sg_hints *hints)
{
    sg_write_bytes(w, sg_bytes(id->b, SG_ID_LEN));
    sg_write_u8(w, hints->count);
    for (uint8_t i = 0; i < hints->count; i++)
        sg_write_vector(w, sg_bytes(hints->hint[i].b, hints->hint[i].len));
}

void sg_peer_entry_decode(struct sg_reader *r, struct sg_peer_id *id, struct sg_hints *hints)
{
    *hints = (struct sg_hints){0};
    sg_read_copy(r, id->b, SG_ID_LEN);
    uint8_t count = sg_read_u8(r);
    if (r->err == SG_OK && count > SG_HINTS_MAX)
        sg_reader_fail(r, SG_ERR_MALFORMED);
    for (uint8_t i = 0; i < count && r->err == SG_OK; i++) {
        struct sg_bytes hint = sg_read_vector(r, SG_HINT_LEN_MAX);
        if (r->err == SG_OK && hint.len == 0)
            sg_reader_fail(r, SG_ERR_MALFORMED);
        if (r->err != SG_OK)
            return;
        memcpy(hints->hint[i].b, hint.data, hint.len);
        hints->hint[i].len = (uint8_t)hint.len;
        hints->count++;
    }
}

static void encode_topics(struct sg_writer *w, const struct sg_topic_msg *msg)
{
    sg_write_bytes(w, sg_bytes(msg->salt, SG_TOPIC_SALT_LEN));
    size_t mark = sg_write_vector_begin(w);
    for (uint16_t i = 0; i < msg->digest_count; i++)
        sg_write_u64(w, msg->digest[i]);
    sg_write_vector_end(w, mark);
}

static void encode_entries(struct sg_writer *w, const struct sg_topic_msg *msg)
{
    for (uint8_t i = 0; i < msg->count; i++)
        sg_peer_entry_encode(w, &msg->id[i], &msg->hints[i]);
}

void sg_topic_msg_encode(struct sg_writer *w, const struct sg_topic_msg *msg)
{
    sg_write_u8(w, (uint8_t)msg->kind);
    switch (msg->kind) {
    case SG_TOPIC_TOPICS:
        encode_topics(w, msg);
        return;
    case SG_TOPIC_FIND:
        sg_write_bytes(w, sg_bytes(msg->topic.b, SG_ID_LEN));
        sg_write_u8(w, msg->ttl);
        encode_entries(w, msg);
        return;
    case SG_TOPIC_FOUND:
        sg_write_bytes(w, sg_bytes(msg->topic.b, SG_ID_LEN));
        sg_write_u8(w, msg->count);
        encode_entries(w, msg);
        return;
    case SG_TOPIC_ADVERTS:
        sg_write_u8(w, msg->count);
        for (uint8_t i = 0; i < msg->count; i++) {
            sg_write_bytes(w, sg_bytes(msg->tag[i], SG_TOPIC_TAG_LEN));
            sg_peer_entry_encode(w, &msg->id[i], &msg->hints[i]);
        }
        return;
    }
}

static void decode_topics(struct sg_reader *r, struct sg_topic_msg *msg)
{
    sg_read_copy(r, msg->salt, SG_TOPIC_SALT_LEN);
    struct sg_bytes digests = sg_read_vector(r, SG_TOPICS_MAX * 8);
    if (r->err == SG_OK && digests.len % 8 != 0)
        sg_reader_fail(r, SG_ERR_MALFORMED);
    if (r->err != SG_OK)
        return;
    struct sg_reader list = sg_reader(digests);
    msg->digest_count = (uint16_t)(digests.len / 8);
    for (uint16_t i = 0; i < msg->digest_count; i++)
        msg->digest[i] = sg_read_u64(&list);
}

static void decode_entries(struct sg_reader *r, struct sg_topic_msg *msg, uint8_t count)
{
    if (r->err == SG_OK && (count == 0 || count > SG_TOPIC_FOUND_MAX))
        sg_reader_fail(r, SG_ERR_MALFORMED);
    for (uint8_t i = 0; i < count && r->err == SG_OK; i++)
        sg_peer_entry_decode(r, &msg->id[i], &msg->hints[i]);
    msg->count = count;
}

static void decode_find(struct sg_reader *r, struct sg_topic_msg *msg)
{
    sg_read_copy(r, msg->topic.b, SG_ID_LEN);
    msg->ttl = sg_read_u8(r);
    if (r->err == SG_OK && msg->ttl > SG_TOPIC_FIND_TTL_MAX)
        sg_reader_fail(r, SG_ERR_MALFORMED);
    decode_entries(r, msg, 1);
}

static void decode_found(struct sg_reader *r, struct sg_topic_msg *msg)
{
    sg_read_copy(r, msg->topic.b, SG_ID_LEN);
    uint8_t count = sg_read_u8(r);
    decode_entries(r, msg, count);
}

static void decode_adverts(struct sg_reader *r, struct sg_topic_msg *msg)
{
    uint8_t count = sg_read_u8(r);
    if (r->err == SG_OK && (count == 0 || count > SG_TOPIC_FOUND_MAX))
        sg_reader_fail(r, SG_ERR_MALFORMED);
    for (uint8_t i = 0; i < count && r->err == SG_OK; i++) {
        sg_read_copy(r, msg->tag[i], SG_TOPIC_TAG_LEN);
        sg_peer_entry_decode(r, &msg->id[i], &msg->hints[i]);
    }
    msg->count = count;
}

sg_err sg_topic_msg_decode(struct sg_reader *r, struct sg_topic_msg *msg)
{
    uint8_t kind = sg_read_u8(r);
    SG_TRY(r->err);
    if (kind < SG_TOPIC_TOPICS || kind > SG_TOPIC_ADVERTS)
        return SG_ERR_MALFORMED;
    msg->kind = (enum sg_topic_kind)kind;
    msg->digest_count = 0;
    msg->count = 0;
    msg->ttl = 0;
    switch (msg->kind) {
    case SG_TOPIC_TOPICS:
        decode_topics(r, msg);
        break;
    case SG_TOPIC_FIND:
        decode_find(r, msg);
        break;
    case SG_TOPIC_FOUND:
        decode_found(r, msg);
        break;
    case SG_TOPIC_ADVERTS:
        decode_adverts(r, msg);
        break;
    }
    return sg_reader_done(r);
}
