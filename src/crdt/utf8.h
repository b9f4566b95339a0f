/* Text is UTF-8 (RFC 3629), positions are counted in code points, and in UTF-8 bytes and UTF-16
 * units for those who think in them. */
#ifndef SG_CRDT_UTF8_H
#define SG_CRDT_UTF8_H

#include "base/bytes.h"

/* What a piece of text counts in each unit; its UTF-8 bytes are its length. */
struct sg_utf8_counts {
    uint32_t chars; /* code points */
    uint32_t wide;  /* code points above U+FFFF: two UTF-16 units each */
};

/* RFC 3629 s4: no surrogates, nothing longer than needed, nothing above U+10FFFF.
 * SG_ERR_MALFORMED. O(len). */
SG_MUST_USE sg_err sg_utf8_check(struct sg_bytes text, struct sg_utf8_counts *counts);
/* The same of text that has been checked before. */
struct sg_utf8_counts sg_utf8_count(struct sg_bytes text);
/* Bytes of the first `chars` code points of checked text, which has so many. */
size_t sg_utf8_skip(struct sg_bytes text, uint32_t chars);

#endif
