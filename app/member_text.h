/* Members as people read them, out of the objects that a node sends. */
#ifndef SG_APP_MEMBER_TEXT_H
#define SG_APP_MEMBER_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "format.h"

/* "3.1": boot counter, refutations and updates since; text is returned. */
const char *sg_member_incarnation(char text[SG_FMT_CAP], const json_t *member);
/* "neighbour contact", "linked", "-": how the node knows it; static. */
const char *sg_member_flags(const json_t *member);
/* The metadata as text [cap]: as it is when a terminal can show it safely, else "base64:...". Cut
 * to fit, with "..." then. "" for none, and when the node sends nonsense. */
const char *sg_member_meta(char *text, size_t cap, const json_t *member);
/* Whether bytes [len] of UTF-8 text change nothing on a terminal but the cells they stand in: no
 * control characters, neither C0 nor C1, and none that turn the writing direction. */
bool sg_member_is_printable(const char *text, size_t len);

#endif
