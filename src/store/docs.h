/* A document on disk: the batches in the order in which they were applied, checkpoints, and a
 * snapshot. One file per document. See docs.c for the schema. Not thread-safe. */
#ifndef SG_STORE_DOCS_H
#define SG_STORE_DOCS_H

#include "base/mem.h"
#include "os/file.h"

struct sg_docs;

struct sg_docs_options {
    const struct sg_mem *mem;      /* borrowed */
    const struct sg_file_sys *sys; /* borrowed */
    const char *path;              /* of the database; borrowed until open returns */
    struct sg_bytes genesis;       /* of a new document; empty: it must be there already */
};

/* A row. Spans are borrowed: for append from the caller, from next until the following call. */
struct sg_docs_batch {
    uint64_t n; /* number of the row; given by the store */
    uint8_t name[SG_ID_LEN];
    uint8_t author[SG_ID_LEN];
    uint32_t seq, lamport;
    uint8_t prev[SG_ID_LEN]; /* when seq is not 0 */
    struct sg_bytes rest;
    bool is_own; /* written only: it was made here */
};

/* Opens or makes the file and locks the document for this process. A file that is not ours, damaged
 * or newer stays as it is. SG_ERR_CORRUPT, SG_ERR_UNSUPPORTED (newer), SG_ERR_NOT_FOUND (no such
 * document), SG_ERR_EXISTS (a genesis was given and there is a document), SG_ERR_LOCKED,
 * SG_ERR_TOO_LARGE (path), SG_ERR_PERMISSION, SG_ERR_NO_SPACE, SG_ERR_IO, SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_docs_open(struct sg_docs **out, const struct sg_docs_options *options);
void sg_docs_close(struct sg_docs *docs);

/* All of the following: SG_ERR_NO_SPACE, SG_ERR_IO, SG_ERR_CORRUPT, SG_ERR_NO_MEMORY. What is
 * written is durable when the call returns, or not there at all. */

/* Copies the genesis to out [cap]; gives its length. */
SG_MUST_USE sg_err sg_docs_genesis(struct sg_docs *docs, uint8_t *out, size_t cap, size_t *len);
/* Appends batches [count] in one transaction. SG_ERR_EXISTS: one of them is there. */
SG_MUST_USE sg_err sg_docs_append(struct sg_docs *docs, const struct sg_docs_batch *batches,
                                  size_t count);
/* Name of the newest batch of an author that was made here. SG_ERR_NOT_FOUND: none. */
SG_MUST_USE sg_err sg_docs_own(struct sg_docs *docs, const uint8_t author[SG_ID_LEN],
                               uint8_t name[SG_ID_LEN]);
/* Numbers of an author below this are used, even if no row has them any more; a lower one than
 * before changes nothing. sg_docs_used: 0 when nothing was said. */
SG_MUST_USE sg_err sg_docs_put_used(struct sg_docs *docs, const uint8_t author[SG_ID_LEN],
                                    uint32_t seq);
SG_MUST_USE sg_err sg_docs_used(struct sg_docs *docs, const uint8_t author[SG_ID_LEN],
                                uint32_t *seq);
/* Goes through the rows after number n in order; *has_row false at the end. */
SG_MUST_USE sg_err sg_docs_rewind(struct sg_docs *docs, uint64_t after);
/* Ends it before the end. */
void sg_docs_stop(struct sg_docs *docs);
SG_MUST_USE sg_err sg_docs_next(struct sg_docs *docs, struct sg_docs_batch *out, bool *has_row);
struct sg_docs_checkpoint {
    uint8_t chain[SG_ID_LEN]; /* name of its first batch */
    uint8_t author[SG_ID_LEN];
    uint32_t seq;
    struct sg_bytes bytes; /* borrowed */
};
/* The newest checkpoint of a chain replaces older ones. */
SG_MUST_USE sg_err sg_docs_put_checkpoint(struct sg_docs *docs,
                                          const struct sg_docs_checkpoint *checkpoint);
/* The next checkpoint after number *after (0 at first), whose number *after becomes; *has_row false
 * behind the last one. bytes are copied to *out, owned by the caller. */
SG_MUST_USE sg_err sg_docs_checkpoint(struct sg_docs *docs, uint64_t *after, uint8_t **out,
                                      size_t *len, bool *has_row);

/* A snapshot stands for all rows up to number n. Only one is kept. */
struct sg_docs_snapshot {
    uint64_t n;
    struct sg_bytes state; /* packed by the store; owned by the caller when read */
    struct sg_bytes floor; /* its signature when history before it is gone; else empty */
};
SG_MUST_USE sg_err sg_docs_put_snapshot(struct sg_docs *docs, uint64_t n, struct sg_bytes state);
/* SG_ERR_NOT_FOUND: there is none. Free state and floor with sg_docs_free_snapshot. */
SG_MUST_USE sg_err sg_docs_snapshot(struct sg_docs *docs, struct sg_docs_snapshot *out);
void sg_docs_free_snapshot(struct sg_docs *docs, struct sg_docs_snapshot *snapshot);
/* All in one transaction: the state with its signed floor takes the place of all rows; older
 * checkpoints go; what the floor does not have is kept when there is such (unsynced). */
SG_MUST_USE sg_err sg_docs_compact(struct sg_docs *docs, struct sg_bytes state,
                                   struct sg_bytes floor, struct sg_bytes unsynced);
/* The oldest of these; the caller frees *out. SG_ERR_NOT_FOUND. */
SG_MUST_USE sg_err sg_docs_unsynced(struct sg_docs *docs, uint8_t **out, size_t *len);
/* Forgets the oldest one. */
SG_MUST_USE sg_err sg_docs_forget_unsynced(struct sg_docs *docs);

/* Highest number of a row, 0: none. */
uint64_t sg_docs_last(const struct sg_docs *docs);
/* For tests: the file may not grow above so many pages; 0 = no limit. */
SG_MUST_USE sg_err sg_docs_limit_pages(struct sg_docs *docs, uint32_t pages);

#endif
