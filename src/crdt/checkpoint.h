/* Signatures over chain heads: what makes batches more than what the link they came by says.
 *
 *   version u8 = 1, document [32], author [32], seq, head [32], public key <V>, signature <V>
 *
 * Signed: all before the public key, under the context "saorsa checkpoint v1". The hash chain makes
 * one signature speak for all batches of the chain up to seq. docs/adr/0040 says when to sign. */
#ifndef SG_CRDT_CHECKPOINT_H
#define SG_CRDT_CHECKPOINT_H

#include "crdt/replica.h"

/* Sign when so many batches of one's own are unsigned .. */
#define SG_CHECKPOINT_BATCHES 64
/* .. or the first of them is so old. */
#define SG_CHECKPOINT_SECONDS 30

/* Signs the newest batch of the signer's chain -> out. SG_ERR_NOT_FOUND: there is none.
 * SG_ERR_NO_MEMORY, SG_ERR_CRYPTO. */
SG_MUST_USE sg_err sg_checkpoint_sign(const struct sg_replica *r, const struct sg_signer *signer,
                                      struct sg_column *out);
/* What a checkpoint says; spans are borrowed from it. */
struct sg_checkpoint {
    uint8_t document[SG_ID_LEN], author[SG_ID_LEN], head[SG_ID_LEN];
    uint32_t seq;
    struct sg_bytes message, key, signature;
};
/* Reads and verifies, without a replica. SG_ERR_BAD_SIGNATURE (also when the key is not the
 * author's), SG_ERR_VERSION, SG_ERR_MALFORMED and so on. */
SG_MUST_USE sg_err sg_checkpoint_read(const struct sg_suite *suite, struct sg_bytes bytes,
                                      struct sg_checkpoint *out);
/* Verifies; *chain and *seq: what it speaks for. Nothing is changed. Forged ones: SG_ERR_WRONG_PEER
 * (another document), SG_ERR_BAD_SIGNATURE (also when the key is not the author's),
 * SG_ERR_MALFORMED and so on. SG_ERR_NOT_FOUND: the batch is not in (yet), or below the floor. */
SG_MUST_USE sg_err sg_checkpoint_verify(const struct sg_replica *r, struct sg_bytes bytes,
                                        uint32_t *chain, uint32_t *seq);
/* Verifies and notes: batches of the chain up to seq are no longer provisional. */
SG_MUST_USE sg_err sg_checkpoint_take(struct sg_replica *r, struct sg_bytes bytes);
/* Whether no checkpoint speaks for a batch yet. */
bool sg_checkpoint_is_provisional(const struct sg_replica *r, uint32_t batch);
/* How many batches at the end of an author's chain are provisional. */
uint32_t sg_checkpoint_unsigned(const struct sg_replica *r, const uint8_t author[SG_ID_LEN]);

#endif
