#include "member_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "ctl_codec.h"
#include "json_out.h"

const char *sg_member_incarnation(char text[SG_FMT_CAP], const json_t *member)
{
    uint64_t incarnation = sg_json_get_large(member, "incarnation");
    snprintf(text, SG_FMT_CAP, "%u.%u", (unsigned)(incarnation >> 32),
             (unsigned)(incarnation & UINT32_MAX));
    return text;
}

const char *sg_member_flags(const json_t *member)
{
    bool is_contact = json_is_true(json_object_get(member, "contact"));
    if (json_is_true(json_object_get(member, "neighbor")))
        return is_contact ? "neighbour contact" : "neighbour";
    if (json_is_true(json_object_get(member, "linked")))
        return is_contact ? "linked contact" : "linked";
    return is_contact ? "contact" : "-";
}

/* Whether the two or three bytes at text are a character that a terminal acts on: U+0080..009F,
 * U+061C, U+200E..200F, U+2028..202E, U+2066..2069. */
static bool is_active(const char *text, size_t left)
{
    uint8_t a = (uint8_t)text[0];
    uint8_t b = left > 1 ? (uint8_t)text[1] : 0;
    uint8_t c = left > 2 ? (uint8_t)text[2] : 0;
    if (a == 0xc2)
        return b < 0xa0;
    if (a == 0xd8)
        return b == 0x9c;
    if (a != 0xe2)
        return false;
    return (b == 0x80 && (c == 0x8e || c == 0x8f || (c >= 0xa8 && c <= 0xae))) ||
           (b == 0x81 && c >= 0xa6 && c <= 0xa9);
}

bool sg_member_is_printable(const char *text, size_t len)
{
    if (!sg_json_is_text((struct sg_bytes){(const uint8_t *)text, len}))
        return false;
    for (size_t i = 0; i < len; i++) {
        if ((uint8_t)text[i] < 0x20 || is_active(text + i, len - i))
            return false;
    }
    return true;
}

/* Copies so much as fits, whole characters only. */
static void copy_cut(char *out, size_t cap, const char *text, size_t len)
{
    const size_t mark = sizeof("...") - 1;
    if (len < cap) {
        memcpy(out, text, len);
        out[len] = '\0';
        return;
    }
    len = cap > mark ? cap - 1 - mark : 0;
    while (len > 0 && ((uint8_t)text[len] & 0xc0) == 0x80)
        len--;
    snprintf(out, cap, "%.*s...", (int)len, text);
}

static void encode(char *out, size_t cap, const uint8_t *data, size_t len)
{
    static const char PREFIX[] = "base64:";
    char whole[sizeof(PREFIX) + (SG_CTL_META_MAX + 2) / 3 * 4];
    len = len < SG_CTL_META_MAX ? len : SG_CTL_META_MAX;
    memcpy(whole, PREFIX, sizeof(PREFIX));
    sg_b64_encode(data, len, whole + sizeof(PREFIX) - 1);
    copy_cut(out, cap, whole, strlen(whole));
}

const char *sg_member_meta(char *text, size_t cap, const json_t *member)
{
    uint8_t *data;
    size_t len;
    text[0] = '\0';
    if (sg_ctl_payload(json_object_get(member, "meta"), &data, &len) != SG_OK)
        return text;
    if (sg_member_is_printable((const char *)data, len))
        copy_cut(text, cap, (const char *)data, len);
    else
        encode(text, cap, data, len);
    free(data);
    return text;
}
