/* The executable's JSON: what the library's structs look like, and printing. All functions that
 * give a json_t give a new reference, or NULL when out of memory. */
#ifndef SG_APP_JSON_OUT_H
#define SG_APP_JSON_OUT_H

#include <stdbool.h>

#include <jansson.h>
#include <saorsa/gossip.h>

/* Lines are compact; reals keep what a double of milliseconds or shares is worth. */
#define SG_JSON_FLAGS (JSON_COMPACT | JSON_REAL_PRECISION(12))

/* Text that need not be UTF-8, such as a path: bytes that are none become '?'. */
json_t *sg_json_text(const char *text);
json_t *sg_json_id(const uint8_t id[SG_ID_LEN]);
json_t *sg_json_stats(const struct sg_stats *stats);
json_t *sg_json_peer(const struct sg_peer_info *peer);
/* "meta" is an object with "text" or "base64"; heard_ms and address are null when not known. */
json_t *sg_json_member(const struct sg_member *member);
json_t *sg_json_contact(const struct sg_contact *contact);
/* A number that may exceed 2^53, as text. */
json_t *sg_json_large(uint64_t value);
/* A seed: a number, as text only above what an integer of JSON holds here, 2^63 - 1. */
json_t *sg_json_seed(uint64_t seed);
/* All fields of a message, with the payload as sg_json_set_payload puts it. topic: its name. */
json_t *sg_json_message(const struct sg_message *message, const char *topic);
/* Whether bytes are UTF-8 text without control characters other than tab, newline and return. */
bool sg_json_is_text(struct sg_bytes bytes);
/* Sets "text" when the payload is text, else "base64"; false when out of memory. */
bool sg_json_set_payload(json_t *object, struct sg_bytes payload);
/* Prints one line to stdout and drops the reference. False: object is NULL, for want of memory. A
 * stdout that takes nothing shows as ferror and is the business of main. */
bool sg_json_print(json_t *object);
/* The whole number at a key, 0 when there is none. */
uint64_t sg_json_count(const json_t *object, const char *key);
/* The number that is written as text at a key, 0 when there is none. */
uint64_t sg_json_get_large(const json_t *object, const char *key);
/* The text at a key, or what stands for none. */
const char *sg_json_get_text(const json_t *object, const char *key, const char *none);

#endif
