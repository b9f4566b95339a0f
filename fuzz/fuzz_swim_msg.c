/* What decodes is encoded to the same bytes: packets, tables, records, wants. */
#include <stdlib.h>
#include <string.h>

#include "wire/swim_msg.h"

static uint8_t again[SG_FRAME_MSHIP_MAX];

static void compare(const struct sg_writer *w, const uint8_t *data, size_t size)
{
    if (sg_writer_done(w) != SG_OK || w->len != size || memcmp(again, data, size) != 0)
        abort();
}

static void packet(const uint8_t *data, size_t size)
{
    struct sg_swim_packet msg;
    struct sg_hints hints[SG_SWIM_RUMORS_MAX];
    struct sg_reader r = sg_reader(sg_bytes(data, size));
    struct sg_writer w = sg_writer(again, sizeof(again));
    size_t len = 0;
    if (sg_swim_packet_decode(&r, &msg, hints) != SG_OK)
        return;
    sg_swim_packet_encode(&w, &msg, hints);
    compare(&w, data, size);
    for (uint8_t i = 0; i < msg.count; i++)
        len += sg_swim_rumor_len(&msg.rumor[i], &hints[i]);
    if (len >= size)
        abort();
}

static void table(struct sg_reader r, const uint8_t *data, size_t size)
{
    static struct sg_swim_table msg;
    static struct sg_hints hints[SG_SWIM_TABLE_MAX];
    struct sg_writer w = sg_writer(again, sizeof(again));
    if (sg_swim_table_decode(&r, &msg, hints) != SG_OK)
        return;
    sg_swim_table_encode(&w, &msg, hints);
    compare(&w, data, size);
}

static void record(struct sg_reader r, const uint8_t *data, size_t size)
{
    struct sg_swim_record msg;
    struct sg_writer w = sg_writer(again, sizeof(again));
    if (sg_swim_record_decode(&r, &msg) != SG_OK)
        return;
    sg_swim_record_encode(&w, &msg);
    compare(&w, data, size);
}

static void want(struct sg_reader r, const uint8_t *data, size_t size)
{
    struct sg_peer_id members[SG_SWIM_WANT_MAX];
    size_t count;
    struct sg_writer w = sg_writer(again, sizeof(again));
    if (sg_swim_want_decode(&r, members, &count) != SG_OK)
        return;
    sg_swim_want_encode(&w, members, count);
    compare(&w, data, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sg_reader r = sg_reader(sg_bytes(data, size));
    if (size == 0 || size > sizeof(again))
        return 0;
    packet(data, size);
    uint8_t kind = sg_read_u8(&r);
    if (kind == SG_SWIM_TABLE)
        table(r, data, size);
    if (kind == SG_SWIM_RECORD)
        record(r, data, size);
    if (kind == SG_SWIM_WANT)
        want(r, data, size);
    return 0;
}
