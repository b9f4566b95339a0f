/* The head of every frame on a lane:
 *
 *     struct {
 *         uint8 family;
 *         uint8 version;          of the family
 *         opaque scope<0..32>;    empty = base scope, else a TopicId
 *         opaque body[...];       to the end of the frame
 *     } Frame;
 *
 * The lane's stream puts a varint length before it. */
#ifndef SG_WIRE_FRAME_H
#define SG_WIRE_FRAME_H

#include <stdbool.h>

#include "base/reader.h"
#include "base/writer.h"
#include "wire/limits.h"

/* Message families; values are the wire's. */
enum sg_family {
    SG_FAMILY_LINK = 0,
    SG_FAMILY_HYPARVIEW = 1,
    SG_FAMILY_PLUMTREE = 2,
    SG_FAMILY_TOPIC = 3,
    SG_FAMILY_SWIM = 4,
    SG_FAMILY_RECONCILE = 5,
    SG_FAMILY_LARGE = 6,
    SG_FAMILY_DOC = 7
};

/* The longest head: 2 bytes, a length and a TopicId. */
#define SG_FRAME_HEAD_MAX 35

struct sg_frame_head {
    enum sg_family family;
    struct sg_topic_id scope; /* all zero = base scope */
};

/* Whether a scope is the base scope: the zero id. */
bool sg_scope_is_base(const struct sg_topic_id *scope);
void sg_frame_head_encode(struct sg_writer *w, const struct sg_frame_head *head);
/* SG_ERR_VERSION: unknown family or version; SG_ERR_TRUNCATED, SG_ERR_OVERSIZED, SG_ERR_MALFORMED
 * (scope length), SG_ERR_NOT_CANONICAL (a zero id written out). */
SG_MUST_USE sg_err sg_frame_head_decode(struct sg_reader *r, struct sg_frame_head *head);

/* HELLO, the only frame of the link family: the first frame on the mship lane of a connection, in
 * both directions. */
struct sg_hello {
    uint8_t suite;              /* struct sg_suite.id */
    uint8_t network[SG_ID_LEN]; /* hash of the network's name */
    uint64_t boot;              /* boot counter: a restarted node outranks its ghost */
};
#define SG_HELLO_MAX 64
/* Writes the whole frame, head included. */
void sg_hello_encode(struct sg_writer *w, const struct sg_hello *hello);
/* Reads a whole frame. As sg_frame_head_decode, and SG_ERR_MALFORMED for another family. */
SG_MUST_USE sg_err sg_hello_decode(struct sg_bytes frame, struct sg_hello *hello);

#endif
