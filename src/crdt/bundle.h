/* Batches of a document in one piece: files, and what sync sends.
 *
 *   "SGDOC" 1, genesis [50], records to the end: kind u8, length, bytes
 *
 * A batch that goes on where the record before it ended is only its rest; others are whole. */
#ifndef SG_CRDT_BUNDLE_H
#define SG_CRDT_BUNDLE_H

#include "crdt/checkpoint.h"
#include "crdt/state.h"

enum sg_bundle_kind {
    SG_BUNDLE_BATCH = 1,      /* whole */
    SG_BUNDLE_NEXT = 2,       /* rest of the author's next one */
    SG_BUNDLE_CHECKPOINT = 3, /* crdt/checkpoint.h */
    SG_BUNDLE_STATE = 4       /* for those behind the floor: crdt/state.h */
};

void sg_bundle_begin(const struct sg_replica *r, struct sg_column *out);
void sg_bundle_put(struct sg_column *out, enum sg_bundle_kind kind, struct sg_bytes bytes);

/* ---- what somebody lacks ---- */

/* A frontier as bytes: count, entries (author [32], seq, head [32]) as sg_frontier sorts them. */
SG_MUST_USE sg_err sg_frontier_encode(const struct sg_replica *r, struct sg_column *out);

struct sg_frontier_view {
    uint32_t *upto;   /* [chains] operations that the other one has; owned */
    uint32_t chains;  /* of the log when it was made */
    uint32_t unknown; /* heads that are not in this log */
    uint32_t end;     /* the first batch that is not to be sent: log.count when it was made */
    uint32_t behind;  /* known heads below the floor, or none of the floor's */
};
/* What a replica with this frontier has of r. SG_ERR_TRUNCATED, .. , SG_ERR_NOT_CANONICAL (also:
 * entries do not rise), SG_ERR_NO_MEMORY. O(entries + what chains have seen of others). */
SG_MUST_USE sg_err sg_frontier_view(const struct sg_replica *r, struct sg_bytes frontier,
                                    struct sg_frontier_view *out);
/* The other one has this batch, so all of its chain before it, too. O(1) amortised over a view. */
void sg_frontier_see(const struct sg_replica *r, struct sg_frontier_view *view, uint32_t batch);
/* Whether the other one has a batch. */
bool sg_frontier_has(const struct sg_replica *r, const struct sg_frontier_view *view,
                     uint32_t batch);

/* Appends batches that are not in the view, from number *from on, until out has `most` bytes or
 * there is no more; *from is where to go on. SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_bundle_put_missing(const struct sg_replica *r,
                                         const struct sg_frontier_view *view, uint32_t *from,
                                         size_t most, struct sg_column *out);

/* ---- taking in ---- */

/* on_checkpoint is the caller's, may be NULL: each that was verified. Init the rest with zeros. */
struct sg_bundle_result {
    void (*on_checkpoint)(void *user, struct sg_bytes bytes);
    void *user;
    uint32_t applied, known, pending, checkpoints;
    uint32_t refused;      /* batches and checkpoints that are wrong, here as everywhere */
    uint32_t postponed;    /* not judged: there is no room for them in memory now */
    sg_err refusal;        /* the first one */
    struct sg_bytes state; /* a state that came with it, borrowed from the bundle */
};
/* Records after the head. Wrong batches are counted and passed over; only a form that is wrong, or
 * this replica's own trouble, is an error. SG_ERR_WRONG_PEER: another document. */
SG_MUST_USE sg_err sg_bundle_import(struct sg_replica *r, struct sg_bytes bytes, uint32_t source,
                                    struct sg_bundle_result *result);
/* Genesis of a bundle. SG_ERR_MALFORMED, SG_ERR_VERSION, SG_ERR_TRUNCATED. */
SG_MUST_USE sg_err sg_bundle_genesis(struct sg_bytes bytes, struct sg_genesis *genesis);

#endif
