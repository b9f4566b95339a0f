#include "base/bytes.h"

int sg_bytes_compare(struct sg_bytes a, struct sg_bytes b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int order = n == 0 ? 0 : memcmp(a.data, b.data, n);
    if (order != 0)
        return order < 0 ? -1 : 1;
    return a.len == b.len ? 0 : (a.len < b.len ? -1 : 1);
}

void sg_hex(const uint8_t *data, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[data[i] >> 4];
        out[2 * i + 1] = digits[data[i] & 15];
    }
    out[2 * len] = '\0';
}

void sg_id_to_text(const uint8_t id[SG_ID_LEN], char text[SG_ID_TEXT_LEN + 1])
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
    uint32_t bits = 0;
    unsigned held = 0;
    size_t out = 0;
    for (size_t i = 0; i < SG_ID_LEN; i++) {
        bits = (bits << 8) | id[i];
        held += 8;
        while (held >= 5) {
            held -= 5;
            text[out++] = alphabet[(bits >> held) & 31];
        }
    }
    text[out++] = alphabet[(bits << (5 - held)) & 31];
    text[out] = '\0';
}

static int base32_value(char c)
{
    if (c >= 'a' && c <= 'z')
        return c - 'a';
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= '2' && c <= '7')
        return c - '2' + 26;
    return -1;
}

sg_err sg_id_from_text(const char *text, size_t len, uint8_t id[SG_ID_LEN])
{
    uint8_t decoded[SG_ID_LEN];
    uint32_t bits = 0;
    unsigned held = 0;
    size_t out = 0;
    if (len != SG_ID_TEXT_LEN)
        return SG_ERR_MALFORMED;
    for (size_t i = 0; i < len; i++) {
        int value = base32_value(text[i]);
        if (value < 0)
            return SG_ERR_MALFORMED;
        bits = (bits << 5) | (uint32_t)value;
        held += 5;
        if (held >= 8) {
            held -= 8;
            decoded[out++] = (uint8_t)(bits >> held);
        }
    }
    if ((bits & ((1u << held) - 1)) != 0)
        return SG_ERR_MALFORMED;
    memcpy(id, decoded, SG_ID_LEN);
    return SG_OK;
}
