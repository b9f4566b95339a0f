/* Sessions of documents between neighbours of a topic, in decoded form, and their codec
 * (docs/protocol.md, "Documents").
 *
 * A session belongs to the peer that opened it, by its first PART. Each side sends messages, one
 * after the other, cut into parts; parts are numbered through all of a side's messages. What a
 * message means is not known here. PART is the only frame of a bulk stream; the others go on the
 * lane pubsub. Family 7, any topic's scope. */
#ifndef SG_WIRE_DOC_MSG_H
#define SG_WIRE_DOC_MSG_H

#include <stdbool.h>

#include "base/reader.h"
#include "base/writer.h"
#include "wire/limits.h"

/* Values are the wire's. */
enum sg_doc_msg_kind {
    SG_DOC_PART = 1,
    SG_DOC_TAKEN = 2, /* parts below `number` are taken, so more may come */
    SG_DOC_CLOSE = 3  /* nothing more will come */
};

/* Why a session ended. Values are the wire's. */
enum sg_doc_close {
    SG_DOC_GAVE_UP = 0,
    SG_DOC_BUSY = 1,   /* no room for a session now */
    SG_DOC_UNBOUND = 2 /* there is no document here */
};

struct sg_doc_msg {
    enum sg_doc_msg_kind kind;
    uint32_t session;
    bool by_opener; /* the sender has opened it */
    uint32_t number;
    bool is_last;             /* PART: of its message */
    enum sg_doc_close reason; /* CLOSE */
    struct sg_bytes bytes;    /* PART [1 .. SG_DOC_PART_MAX] borrowed */
};

/* Body including the kind byte. */
void sg_doc_msg_encode(struct sg_writer *w, const struct sg_doc_msg *msg);
/* Reads kind and body to the end. SG_ERR_TRUNCATED, SG_ERR_TRAILING, SG_ERR_MALFORMED,
 * SG_ERR_OVERSIZED, SG_ERR_NOT_CANONICAL. On an error msg is unspecified. */
SG_MUST_USE sg_err sg_doc_msg_decode(struct sg_reader *r, struct sg_doc_msg *msg);

#endif
