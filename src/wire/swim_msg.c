#include "wire/swim_msg.h"

#include <assert.h>

#include "wire/topic_msg.h"

/* The largest public key and signature over all crypto profiles (ML-DSA-87, FIPS 204 table 2). */
#define PUBLIC_MAX 2592
#define SIGNATURE_MAX 4627

#define ENTRY_MAX (SG_ID_LEN + 1 + SG_HINTS_MAX * (1 + SG_HINT_LEN_MAX))
/* kind, seq, target, count */
#define PACKET_HEAD_MAX (1 + 4 + SG_ID_LEN + 1)
static_assert(SG_SWIM_RUMORS_MAX <= UINT8_MAX && SG_SWIM_TABLE_MAX <= UINT8_MAX, "one byte each");
static_assert(SG_SWIM_WANT_MAX <= UINT8_MAX, "one byte");
static_assert(3 + PACKET_HEAD_MAX + SG_SWIM_RUMORS_MAX * (9 + 2 * SG_ID_LEN) <= SG_SWIM_PACKET_MAX,
              "a packet full of accusations, with the frame's head, fits a datagram");
static_assert(3 + 3 + SG_SWIM_TABLE_MAX * (10 + ENTRY_MAX) <= SG_FRAME_MSHIP_MAX,
              "a TABLE fits its lane");
static_assert(3 + PUBLIC_MAX + SG_SWIM_META_MAX + SIGNATURE_MAX + 32 <= SG_FRAME_MSHIP_MAX,
              "a RECORD fits its lane");

static const struct sg_hints no_hints;

static bool read_flag(struct sg_reader *r)
{
    uint8_t value = sg_read_u8(r);
    if (value > 1)
        sg_reader_fail(r, SG_ERR_MALFORMED);
    return value == 1;
}

/* A byte of first .. last. */
static uint8_t read_choice(struct sg_reader *r, uint8_t first, uint8_t last)
{
    uint8_t value = sg_read_u8(r);
    if (value < first || value > last)
        sg_reader_fail(r, SG_ERR_MALFORMED);
    return value;
}

/* ---- packets ---- */

static void write_rumor(struct sg_writer *w, const struct sg_swim_rumor *rumor,
                        const struct sg_hints *hints)
{
    sg_write_u8(w, (uint8_t)rumor->kind);
    sg_write_u64(w, rumor->incarnation);
    if (rumor->kind == SG_SWIM_ALIVE) {
        sg_peer_entry_encode(w, &rumor->member, hints == NULL ? &no_hints : hints);
        return;
    }
    sg_write_bytes(w, sg_bytes(rumor->member.b, SG_ID_LEN));
    sg_write_bytes(w, sg_bytes(rumor->accuser.b, SG_ID_LEN));
}

size_t sg_swim_rumor_len(const struct sg_swim_rumor *rumor, const struct sg_hints *hints)
{
    size_t len = 1 + 8 + SG_ID_LEN;
    if (rumor->kind != SG_SWIM_ALIVE)
        return len + SG_ID_LEN;
    len++;
    for (uint8_t i = 0; hints != NULL && i < hints->count; i++)
        len += sg_varint_len(hints->hint[i].len) + (size_t)hints->hint[i].len;
    return len;
}

void sg_swim_packet_encode(struct sg_writer *w, const struct sg_swim_packet *packet,
                           const struct sg_hints *hints)
{
    assert(packet->kind >= SG_SWIM_PING && packet->kind <= SG_SWIM_GOSSIP);
    assert(packet->count <= SG_SWIM_RUMORS_MAX);
    sg_write_u8(w, (uint8_t)packet->kind);
    if (packet->kind != SG_SWIM_GOSSIP)
        sg_write_u32(w, packet->seq);
    if (packet->kind == SG_SWIM_PING_REQ)
        sg_write_bytes(w, sg_bytes(packet->target.b, SG_ID_LEN));
    sg_write_u8(w, packet->count);
    for (uint8_t i = 0; i < packet->count; i++)
        write_rumor(w, &packet->rumor[i], hints == NULL ? NULL : &hints[i]);
}

static void read_rumor(struct sg_reader *r, struct sg_swim_rumor *rumor, struct sg_hints *hints)
{
    *rumor = (struct sg_swim_rumor){.kind = SG_SWIM_ALIVE};
    *hints = no_hints;
    uint8_t kind = read_choice(r, SG_SWIM_ALIVE, SG_SWIM_FORGET);
    rumor->incarnation = sg_read_u64(r);
    if (r->err != SG_OK)
        return;
    rumor->kind = (enum sg_swim_rumor_kind)kind;
    if (rumor->kind == SG_SWIM_ALIVE) {
        sg_peer_entry_decode(r, &rumor->member, hints);
        return;
    }
    sg_read_copy(r, rumor->member.b, SG_ID_LEN);
    sg_read_copy(r, rumor->accuser.b, SG_ID_LEN);
}

sg_err sg_swim_packet_decode(struct sg_reader *r, struct sg_swim_packet *packet,
                             struct sg_hints *hints)
{
    uint8_t kind = read_choice(r, SG_SWIM_PING, SG_SWIM_GOSSIP);
    SG_TRY(r->err);
    packet->kind = (enum sg_swim_kind)kind;
    packet->seq = packet->kind == SG_SWIM_GOSSIP ? 0 : sg_read_u32(r);
    packet->target = (struct sg_peer_id){{0}};
    if (packet->kind == SG_SWIM_PING_REQ)
        sg_read_copy(r, packet->target.b, SG_ID_LEN);
    /* rumors are all that GOSSIP has */
    packet->count = read_choice(r, packet->kind == SG_SWIM_GOSSIP, SG_SWIM_RUMORS_MAX);
    for (uint8_t i = 0; i < packet->count && r->err == SG_OK; i++)
        read_rumor(r, &packet->rumor[i], &hints[i]);
    return sg_reader_done(r);
}

/* ---- frames ---- */

void sg_swim_table_encode(struct sg_writer *w, const struct sg_swim_table *table,
                          const struct sg_hints *hints)
{
    assert(table->count >= 1 && table->count <= SG_SWIM_TABLE_MAX);
    sg_write_u8(w, SG_SWIM_TABLE);
    sg_write_u8(w, table->wants_reply);
    sg_write_u8(w, table->count);
    for (uint8_t i = 0; i < table->count; i++) {
        const struct sg_swim_entry *entry = &table->entry[i];
        sg_write_u8(w, (uint8_t)entry->state);
        sg_write_u8(w, entry->has_record);
        sg_write_u64(w, entry->incarnation);
        sg_peer_entry_encode(w, &entry->member, hints == NULL ? &no_hints : &hints[i]);
    }
}

sg_err sg_swim_table_decode(struct sg_reader *r, struct sg_swim_table *table,
                            struct sg_hints *hints)
{
    table->wants_reply = read_flag(r);
    table->count = read_choice(r, 1, SG_SWIM_TABLE_MAX);
    for (uint8_t i = 0; i < table->count && r->err == SG_OK; i++) {
        struct sg_swim_entry *entry = &table->entry[i];
        uint8_t state = read_choice(r, SG_SWIM_IS_ALIVE, SG_SWIM_IS_DEAD);
        entry->has_record = read_flag(r);
        entry->incarnation = sg_read_u64(r);
        sg_peer_entry_decode(r, &entry->member, &hints[i]);
        entry->state = r->err == SG_OK ? (enum sg_swim_state)state : SG_SWIM_IS_ALIVE;
    }
    /* the sender speaks of itself first, and while it speaks it lives */
    if (r->err == SG_OK && table->entry[0].state != SG_SWIM_IS_ALIVE)
        sg_reader_fail(r, SG_ERR_MALFORMED);
    return sg_reader_done(r);
}

void sg_swim_record_encode(struct sg_writer *w, const struct sg_swim_record *record)
{
    assert(record->meta.len <= SG_SWIM_META_MAX);
    sg_write_u8(w, SG_SWIM_RECORD);
    sg_write_vector(w, record->public_key);
    sg_write_u64(w, record->incarnation);
    sg_write_u8(w, record->leaves);
    sg_write_vector(w, record->meta);
    sg_write_vector(w, record->signature);
}

sg_err sg_swim_record_decode(struct sg_reader *r, struct sg_swim_record *record)
{
    record->public_key = sg_read_vector(r, PUBLIC_MAX);
    record->incarnation = sg_read_u64(r);
    record->leaves = read_flag(r);
    record->meta = sg_read_vector(r, SG_SWIM_META_MAX);
    record->signature = sg_read_vector(r, SIGNATURE_MAX);
    if (r->err == SG_OK && (record->public_key.len == 0 || record->signature.len == 0))
        sg_reader_fail(r, SG_ERR_MALFORMED);
    return sg_reader_done(r);
}

void sg_swim_want_encode(struct sg_writer *w, const struct sg_peer_id *members, size_t count)
{
    assert(count >= 1 && count <= SG_SWIM_WANT_MAX);
    sg_write_u8(w, SG_SWIM_WANT);
    sg_write_u8(w, (uint8_t)count);
    for (size_t i = 0; i < count; i++)
        sg_write_bytes(w, sg_bytes(members[i].b, SG_ID_LEN));
}

sg_err sg_swim_want_decode(struct sg_reader *r, struct sg_peer_id *members, size_t *count)
{
    *count = read_choice(r, 1, SG_SWIM_WANT_MAX);
    for (size_t i = 0; i < *count && r->err == SG_OK; i++)
        sg_read_copy(r, members[i].b, SG_ID_LEN);
    return sg_reader_done(r);
}
