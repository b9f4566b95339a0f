#include "node/doc_ids.h"

#include "crdt/log.h"

void sg_doc_put_id(struct sg_column *out, uint64_t id)
{
    uint8_t bytes[8];
    for (unsigned i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(id >> 8 * i);
    sg_put_bytes(out, sg_bytes(bytes, 8));
}

void sg_doc_put_bits(struct sg_column *out, const uint32_t *found, uint32_t count)
{
    for (uint32_t at = 0; at < count; at += 8) {
        unsigned bits = 0;
        for (uint32_t i = 0; i < 8 && at + i < count; i++)
            bits |= found[at + i] == SG_LOG_NONE ? 0 : 1u << i;
        sg_put_u8(out, (uint8_t)bits);
    }
}

sg_err sg_doc_get_ids(const struct sg_mem *mem, struct sg_reader *r, uint64_t **ids,
                      uint32_t *count)
{
    *ids = NULL;
    *count = sg_get_u32(r, SG_DOC_ENTRIES_MAX);
    struct sg_bytes bytes = sg_read_bytes(r, (size_t)*count * 8);
    SG_TRY(r->err);
    *ids = sg_mem_new(mem, *count + 1u, sizeof(**ids));
    if (*ids == NULL)
        return SG_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < *count; i++) {
        (*ids)[i] = sg_load64(bytes.data + (size_t)i * 8);
        if (i > 0 && (*ids)[i] <= (*ids)[i - 1])
            return SG_ERR_NOT_CANONICAL;
    }
    return SG_OK;
}

struct sg_bytes sg_doc_get_bits(struct sg_reader *r, uint32_t count)
{
    struct sg_bytes bits = sg_read_bytes(r, (count + 7u) / 8);
    if (r->err == SG_OK && count % 8 > 0 && bits.data[bits.len - 1] >> count % 8 != 0)
        sg_reader_fail(r, SG_ERR_NOT_CANONICAL);
    return bits;
}

bool sg_doc_get_bit(struct sg_bytes bits, uint32_t at)
{
    return (bits.data[at / 8] >> at % 8 & 1) != 0;
}

/* An id that is above the one before it. */
static uint64_t get_rising(struct sg_reader *r, bool is_first, uint64_t before)
{
    struct sg_bytes bytes = sg_read_bytes(r, 8);
    uint64_t id = r->err == SG_OK ? sg_load64(bytes.data) : 0;
    if (r->err == SG_OK && !is_first && id <= before)
        sg_reader_fail(r, SG_ERR_NOT_CANONICAL);
    return id;
}

/* In the place of the number of parts. */
#define WANTS_NONE 0xff

sg_err sg_doc_get_wish(struct sg_reader *r, struct sg_doc_wish *wish)
{
    *wish = (struct sg_doc_wish){.refused_count = sg_get_u32(r, SG_DOC_REFUSED_MAX)};
    for (uint32_t i = 0; i < wish->refused_count && r->err == SG_OK; i++)
        wish->refused[i] = get_rising(r, i == 0, i == 0 ? 0 : wish->refused[i - 1]);
    uint8_t count = sg_read_u8(r);
    SG_TRY(r->err);
    wish->wants_none = count == WANTS_NONE;
    if (wish->wants_none)
        return SG_OK;
    if (count > SG_DOC_PARTS_MAX)
        return SG_ERR_OVERSIZED;
    if (count == 0 && wish->refused_count == 0)
        return SG_ERR_NOT_CANONICAL;
    for (; wish->part_count < count && r->err == SG_OK; wish->part_count++) {
        struct sg_doc_part *part = &wish->parts[wish->part_count];
        bool is_first = wish->part_count == 0;
        part->floor = get_rising(r, is_first, is_first ? 0 : part[-1].floor);
        part->pieces = sg_get_u32(r, SG_DOC_PIECES_MAX - 1);
        if (r->err == SG_OK && part->pieces == 0)
            sg_reader_fail(r, SG_ERR_NOT_CANONICAL);
    }
    return r->err;
}

void sg_doc_put_wish(const struct sg_doc_wish *wish, struct sg_column *out)
{
    if (wish->refused_count == 0 && wish->part_count == 0 && !wish->wants_none)
        return;
    sg_put_uint(out, wish->refused_count);
    for (uint32_t i = 0; i < wish->refused_count; i++)
        sg_doc_put_id(out, wish->refused[i]);
    sg_put_u8(out, wish->wants_none ? WANTS_NONE : (uint8_t)wish->part_count);
    for (uint32_t i = 0; i < wish->part_count; i++) {
        sg_doc_put_id(out, wish->parts[i].floor);
        sg_put_uint(out, wish->parts[i].pieces);
    }
}
