/* Broadcast payload messages and their proofs (docs/protocol.md, "Broadcast").
 *
 * An author signs the root of a Merkle tree over the ids of up to 64 messages. GOSSIP carries one
 * message and its path to the root; ROOT carries the signature of a root; KEY carries an author's
 * public key. ROOT and KEY cross each link once, in front of the first GOSSIP that needs them, and
 * always in the base scope because they belong to no topic. PROOF_WANT asks for all three again. */
#ifndef SG_WIRE_GOSSIP_MSG_H
#define SG_WIRE_GOSSIP_MSG_H

#include "base/reader.h"
#include "base/writer.h"
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
    uint8_t path_len;    /* nodes of the path: sg_batch_path_len(batch_count, batch_index) */
    const uint8_t *path; /* [path_len * 32] borrowed, leaf to root; the root is what it leads to */
    uint8_t root[SG_ID_LEN]; /* written only when batch_count > 1, else the reader's to compute */
    struct sg_bytes payload; /* borrowed, <= SG_PAYLOAD_MAX */
};

/* Nodes on the path of leaf index in a tree of count leaves (RFC 9162 s2.1.3). */
uint8_t sg_batch_path_len(uint8_t count, uint8_t index);

/* Bodies including the kind byte (enum sg_pt_kind). Decoders start after the kind byte and read to
 * the end. Errors: SG_ERR_TRUNCATED, SG_ERR_TRAILING, SG_ERR_MALFORMED, SG_ERR_NOT_CANONICAL,
 * SG_ERR_OVERSIZED. */
void sg_gossip_encode(struct sg_writer *w, const struct sg_gossip *msg);
SG_MUST_USE sg_err sg_gossip_decode(struct sg_reader *r, struct sg_gossip *msg);

/* ROOT: root [32], signature [1 .. 4627] borrowed. */
void sg_root_encode(struct sg_writer *w, const uint8_t root[SG_ID_LEN], struct sg_bytes signature);
SG_MUST_USE sg_err sg_root_decode(struct sg_reader *r, uint8_t root[SG_ID_LEN],
                                  struct sg_bytes *signature);
/* KEY: public key [1 .. 2592] borrowed. */
void sg_key_encode(struct sg_writer *w, struct sg_bytes public_key);
SG_MUST_USE sg_err sg_key_decode(struct sg_reader *r, struct sg_bytes *public_key);
/* PROOF_WANT: the message to send again with root and key. */
void sg_proof_want_encode(struct sg_writer *w, const struct sg_msg_id *id);
SG_MUST_USE sg_err sg_proof_want_decode(struct sg_reader *r, struct sg_msg_id *id);

#endif
