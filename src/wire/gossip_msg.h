/* Broadcast payload messages and their proofs (docs/pubsub.md, "The proof").
 *
 * An author signs the root of a Merkle tree over the ids of up to 64 messages. GOSSIP carries one
 * message and names its root; ROOT carries the signature of a root and the leaves below it; KEY
 * carries an author's public key. ROOT and KEY cross each link once, in front of the first GOSSIP
 * that needs them, and always in the base scope because they belong to no topic. PROOF_WANT asks
 * for all three again. */
#ifndef SG_WIRE_GOSSIP_MSG_H
#define SG_WIRE_GOSSIP_MSG_H

#include "base/reader.h"
#include "base/writer.h"
#include "wire/large_msg.h"
#include "wire/limits.h"

struct sg_gossip {
    /* Links that the message will have crossed when it arrives, >= 1; the only field that the
     * signature does not cover. */
    uint8_t hop;
    struct sg_peer_id author;
    uint64_t sequence;
    uint64_t time_ms;    /* author's wall clock, since 1970 */
    uint64_t expiry_ms;  /* the same clock */
    uint8_t batch_count; /* 1 .. SG_BATCH_MAX messages under the root */
    uint8_t batch_index; /* < batch_count */
    /* Written only when batch_count > 1; the root of a lone message follows from its id. */
    uint8_t root[SG_ID_LEN];
    bool is_large;           /* the payload is an announcement, see large_msg.h */
    struct sg_bytes payload; /* borrowed, <= SG_PAYLOAD_MAX */
};

/* The proof of a batch: what the author signed, and what it stands for. */
struct sg_root {
    uint8_t root[SG_ID_LEN];
    struct sg_bytes signature; /* [1 .. 4627] borrowed */
    uint8_t count;             /* 1: a lone message, whose id is not repeated here */
    const uint8_t *ids;        /* [count * 32] borrowed, in the order of the batch; unless lone */
};

/* Bodies including the kind byte (enum sg_pt_kind). Decoders start after the kind byte and read to
 * the end. Errors: SG_ERR_TRUNCATED, SG_ERR_TRAILING, SG_ERR_MALFORMED, SG_ERR_NOT_CANONICAL,
 * SG_ERR_OVERSIZED. */
void sg_gossip_encode(struct sg_writer *w, const struct sg_gossip *msg);
SG_MUST_USE sg_err sg_gossip_decode(struct sg_reader *r, struct sg_gossip *msg);

void sg_root_encode(struct sg_writer *w, const struct sg_root *root);
SG_MUST_USE sg_err sg_root_decode(struct sg_reader *r, struct sg_root *root);
/* KEY: public key [1 .. 2592] borrowed. */
void sg_key_encode(struct sg_writer *w, struct sg_bytes public_key);
SG_MUST_USE sg_err sg_key_decode(struct sg_reader *r, struct sg_bytes *public_key);
/* PROOF_WANT: the message to send again with root and key. */
void sg_proof_want_encode(struct sg_writer *w, const struct sg_msg_id *id);
SG_MUST_USE sg_err sg_proof_want_decode(struct sg_reader *r, struct sg_msg_id *id);

#endif
