#include "crdt/utf8.h"

/* Bytes of a sequence by its first byte; 0 = none begins so. */
static size_t length_of(uint8_t first)
{
    if (first < 0x80)
        return 1;
    if (first < 0xc2)
        return 0;
    if (first < 0xe0)
        return 2;
    if (first < 0xf0)
        return 3;
    return first < 0xf5 ? 4 : 0;
}

/* The range of the second byte keeps out surrogates, long forms and what is above U+10FFFF. */
static bool is_second(uint8_t first, uint8_t second)
{
    uint8_t low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    uint8_t high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    return second >= low && second <= high;
}

static bool is_sequence(const uint8_t *p, size_t len)
{
    if (len == 1)
        return true;
    if (!is_second(p[0], p[1]))
        return false;
    for (size_t i = 2; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return false;
    }
    return true;
}

static bool is_ascii8(const uint8_t *p)
{
    return (sg_load64(p) & UINT64_C(0x8080808080808080)) == 0;
}

sg_err sg_utf8_check(struct sg_bytes text, struct sg_utf8_counts *counts)
{
    size_t at = 0;
    *counts = (struct sg_utf8_counts){0};
    while (at < text.len) {
        if (text.len - at >= 8 && is_ascii8(text.data + at)) {
            at += 8;
            counts->chars += 8;
            continue;
        }
        size_t len = length_of(text.data[at]);
        if (len == 0 || len > text.len - at || !is_sequence(text.data + at, len))
            return SG_ERR_MALFORMED;
        at += len;
        counts->chars++;
        counts->wide += len == 4;
    }
    return SG_OK;
}

struct sg_utf8_counts sg_utf8_count(struct sg_bytes text)
{
    struct sg_utf8_counts counts = {0};
    for (size_t i = 0; i < text.len; i++) {
        counts.chars += (text.data[i] & 0xc0) != 0x80;
        counts.wide += text.data[i] >= 0xf0;
    }
    return counts;
}

size_t sg_utf8_skip(struct sg_bytes text, uint32_t chars)
{
    size_t at = 0;
    for (; chars > 0; chars--) {
        if (at >= text.len)
            return text.len;
        size_t len = length_of(text.data[at]);
        at += len == 0 ? 1 : len;
    }
    return at < text.len ? at : text.len;
}
