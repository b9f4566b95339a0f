/* Base64 (RFC 4648 section 4) with padding, strict in both directions. */
#ifndef SG_APP_BASE64_H
#define SG_APP_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Characters that len bytes become, without the NUL. */
static inline size_t sg_b64_len(size_t len)
{
    return (len + 2) / 3 * 4;
}

/* text [sg_b64_len(len) + 1], with a final NUL. */
void sg_b64_encode(const uint8_t *data, size_t len, char *text);
/* Writes at most len / 4 * 3 bytes to data. False: a wrong length, a character outside the
 * alphabet, padding in the wrong place, unused bits that are not zero. */
bool sg_b64_decode(const char *text, size_t len, uint8_t *data, size_t *data_len);

#endif
