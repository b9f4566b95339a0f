#include "base64.h"

static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static char letter(uint32_t bits)
{
    return ALPHABET[bits & 63];
}

void sg_b64_encode(const uint8_t *data, size_t len, char *text)
{
    while (len >= 3) {
        uint32_t bits = (uint32_t)data[0] << 16 | (uint32_t)data[1] << 8 | data[2];
        *text++ = letter(bits >> 18);
        *text++ = letter(bits >> 12);
        *text++ = letter(bits >> 6);
        *text++ = letter(bits);
        data += 3;
        len -= 3;
    }
    if (len > 0) {
        uint32_t bits = (uint32_t)data[0] << 16 | (len == 2 ? (uint32_t)data[1] << 8 : 0);
        *text++ = letter(bits >> 18);
        *text++ = letter(bits >> 12);
        *text++ = '=';
        if (len == 2)
            text[-1] = letter(bits >> 6);
        *text++ = '=';
    }
    *text = '\0';
}

/* The 6 bits of a character, 64 when it has none. */
static uint32_t value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (uint32_t)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (uint32_t)(c - 'a') + 26;
    if (c >= '0' && c <= '9')
        return (uint32_t)(c - '0') + 52;
    return c == '+' ? 62 : c == '/' ? 63 : 64;
}

/* Decodes the last four characters, which may end with padding; gives the number of bytes, 0 when
 * they are wrong. */
static size_t decode_last(const char *text, uint8_t *data)
{
    uint32_t a = value_of(text[0]);
    uint32_t b = value_of(text[1]);
    uint32_t c = value_of(text[2]);
    uint32_t d = value_of(text[3]);
    size_t count = text[3] != '=' ? 3 : text[2] != '=' ? 2 : 1;
    if (a > 63 || b > 63 || (count > 1 && c > 63) || (count > 2 && d > 63))
        return 0;
    uint32_t bits = a << 18 | b << 12 | (count > 1 ? c << 6 : 0) | (count > 2 ? d : 0);
    if ((count == 1 && (bits & 0xffff) != 0) || (count == 2 && (bits & 0xff) != 0))
        return 0;
    for (size_t i = 0; i < count; i++)
        data[i] = (uint8_t)(bits >> (16 - 8 * i));
    return count;
}

bool sg_b64_decode(const char *text, size_t len, uint8_t *data, size_t *data_len)
{
    size_t used = 0;
    if (len % 4 != 0)
        return false;
    for (size_t at = 0; at < len; at += 4) {
        size_t count = decode_last(text + at, data + used);
        if (count == 0 || (count < 3 && at + 4 < len))
            return false;
        used += count;
    }
    *data_len = used;
    return true;
}
