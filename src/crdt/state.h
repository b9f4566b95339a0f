/* The whole state of a document as bytes, without its history: what compaction keeps and what a
 * peer gets that is behind the floor. See state.c for the form. */
#ifndef SG_CRDT_STATE_H
#define SG_CRDT_STATE_H

#include "crdt/replica.h"

/* Appends the state of a replica that has no open batch. Replicas with the same batches give the
 * same bytes, unless an author has forked. SG_ERR_INVALID_STATE, SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_state_encode(const struct sg_replica *r, struct sg_column *out);
/* Fills a fresh replica of the same document: all of the state becomes its floor. Whatever the
 * error, r is of no more use then. SG_ERR_WRONG_PEER: another document; SG_ERR_TRUNCATED,
 * SG_ERR_MALFORMED, ... as for batches; SG_ERR_NO_MEMORY. is_own: it comes from this replica's own
 * store, so that elements need not be looked for that come twice or are missing. */
SG_MUST_USE sg_err sg_state_decode(struct sg_replica *r, struct sg_bytes bytes, bool is_own);

/* Only what batches it stands for, into the log of a fresh replica: cheap, whatever the rest says,
 * which is not looked at. */
SG_MUST_USE sg_err sg_state_decode_log(struct sg_replica *r, struct sg_bytes bytes);

/* ---- frontiers ---- */

/* One end of a chain: the newest batch of an author. */
struct sg_frontier_entry {
    uint8_t author[SG_ID_LEN];
    uint32_t seq;
    uint8_t head[SG_ID_LEN];
};
/* The ends of all chains, by author, then head -> out [as many as there are, at most
 * log.chain_count]; gives the count. */
uint32_t sg_frontier(const struct sg_replica *r, struct sg_frontier_entry *out);

/* What people see, as text: one line per thing, in order. For tests and tools.
 * SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_state_dump(const struct sg_replica *r, struct sg_column *out);

#endif
