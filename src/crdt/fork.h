/* Evidence that an author has written two batches with one number: for somebody who has neither
 * document nor log.
 *
 *   twice: count, batches <V> from the number on that the two share, each the successor of the one
 *          before it; checkpoint <V> (checkpoint.h) of the last one, or nothing
 *
 * The chain of hashes leads from the batch to the one that is signed. */
#ifndef SG_CRDT_FORK_H
#define SG_CRDT_FORK_H

#include "crdt/checkpoint.h"

/* As many as an author may leave unsigned, and more. */
#define SG_FORK_BATCHES_MAX 4096

/* The two batches of fork number `at` of a replica. SG_ERR_NOT_FOUND: there is no such fork, or one
 * of them is in the floor. O(chains). */
SG_MUST_USE sg_err sg_fork_batches(const struct sg_replica *r, uint32_t at, uint32_t batches[2]);
/* Appends one side: from a batch up to `last`, itself or one that goes on from it, also in a chain
 * that forked later. SG_ERR_NOT_FOUND: not kept; SG_ERR_LIMIT: too many; SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_fork_put_side(const struct sg_replica *r, uint32_t batch, uint32_t last,
                                    struct sg_bytes checkpoint, struct sg_column *out);

struct sg_fork_proof {
    uint8_t document[SG_ID_LEN];
    uint8_t author[SG_ID_LEN];
    uint32_t seq;
    uint8_t names[2][SG_ID_LEN];
    bool is_signed[2]; /* by the author */
};
/* What a proof proves. SG_ERR_PROTOCOL: it proves nothing (other authors, other numbers, the same
 * batch, a gap); SG_ERR_BAD_SIGNATURE, SG_ERR_MALFORMED and so on. */
SG_MUST_USE sg_err sg_fork_read(const struct sg_suite *suite, struct sg_bytes proof,
                                struct sg_fork_proof *out);

#endif
