/* Finding the subscribers of a topic over the base scope (docs/protocol.md, "Topics"). */
#ifndef SG_WIRE_TOPIC_MSG_H
#define SG_WIRE_TOPIC_MSG_H

#include "base/reader.h"
#include "base/writer.h"
#include "wire/hpv_msg.h"
#include "wire/limits.h"

#define SG_TOPIC_SALT_LEN 16
#define SG_TOPIC_TAG_LEN 16

/* Values are the wire's. */
enum sg_topic_kind {
    SG_TOPIC_TOPICS = 1, /* salted digests of the sender's topics: replaces what it said before */
    SG_TOPIC_FIND = 2,   /* random walk: who has this topic? */
    SG_TOPIC_FOUND = 3,  /* to the origin of a walk: subscribers */
    SG_TOPIC_ADVERTS = 4 /* who says to subscribe to what */
};

struct sg_topic_msg {
    enum sg_topic_kind kind;
    /* TOPICS: digest = first 8 bytes of hash("saorsa topic digest v1" || salt || topic). The salt
     * makes the digests of two links unlinkable to those who do not know the topic. */
    uint8_t salt[SG_TOPIC_SALT_LEN];
    uint16_t digest_count;
    uint64_t digest[SG_TOPICS_MAX];
    /* FIND, FOUND */
    struct sg_topic_id topic;
    uint8_t ttl;   /* FIND: 0 .. SG_TOPIC_FIND_TTL_MAX */
    uint8_t count; /* FIND: 1, the origin; FOUND, ADVERTS: 1 .. SG_TOPIC_FOUND_MAX subscribers */
    /* ADVERTS: first 16 bytes of hash("saorsa topic advert v1" || topic), of each subscriber */
    uint8_t tag[SG_TOPIC_FOUND_MAX][SG_TOPIC_TAG_LEN];
    struct sg_peer_id id[SG_TOPIC_FOUND_MAX];
    struct sg_hints hints[SG_TOPIC_FOUND_MAX];
};

/* Peer entries with hints, shared with wire/hpv_msg. */
void sg_peer_entry_encode(struct sg_writer *w, const struct sg_peer_id *id,
                          const struct sg_hints *hints);
void sg_peer_entry_decode(struct sg_reader *r, struct sg_peer_id *id, struct sg_hints *hints);

/* Body with its kind byte. */
void sg_topic_msg_encode(struct sg_writer *w, const struct sg_topic_msg *msg);
/* Reads one body to its end. SG_ERR_TRUNCATED, SG_ERR_TRAILING, SG_ERR_MALFORMED, SG_ERR_OVERSIZED,
 * SG_ERR_NOT_CANONICAL. On error msg is unspecified. */
SG_MUST_USE sg_err sg_topic_msg_decode(struct sg_reader *r, struct sg_topic_msg *msg);

#endif
