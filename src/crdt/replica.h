/* One replica of a document: log, cells and texts, edits of its own and of others. Pure: bytes in,
 * bytes out. See replica.c for the essay. */
#ifndef SG_CRDT_REPLICA_H
#define SG_CRDT_REPLICA_H

#include "crdt/batch.h"
#include "crdt/cells.h"
#include "crdt/pending.h"

/* What a document is from its first moment on; the document id is the hash of it:
 * version u8 = 1, order u8, creator [32], nonce [16]. */
#define SG_GENESIS_LEN 50
struct sg_genesis {
    enum sg_seq_kind order;
    uint8_t creator[SG_ID_LEN];
    uint8_t nonce[16];
};
void sg_genesis_encode(const struct sg_genesis *genesis, uint8_t out[SG_GENESIS_LEN]);
/* SG_ERR_TRUNCATED, SG_ERR_TRAILING, SG_ERR_VERSION, SG_ERR_MALFORMED. */
SG_MUST_USE sg_err sg_genesis_decode(struct sg_bytes bytes, struct sg_genesis *out);
void sg_genesis_id(const struct sg_suite *suite, const struct sg_genesis *genesis,
                   uint8_t id[SG_ID_LEN]);

/* What has changed, for the program that shows it. Valid during the call. */
struct sg_change {
    uint32_t cell; /* text: characters; others: contents */
    bool is_text;
    uint32_t pos, deleted; /* text: in code points, in this order of events */
    struct sg_bytes inserted;
    uint32_t inserted_chars;
};

struct sg_replica_config {
    const struct sg_mem *mem;
    const struct sg_suite *suite;
    struct sg_crdt_limits limits;
    struct sg_genesis genesis;
    /* Writes and signs go on only from batches that were made here or are signed, never from what
     * somebody else may have put at the end of the author's chain: then they fork. */
    bool is_wary;
    uint64_t seed; /* of hash tables and trees; secret from peers, decides nothing that is seen */
    /* Called for each change by import, may be NULL. */
    void (*on_change)(void *user, const struct sg_change *change);
    void *user;
};

/* Two batches of one author with the same number: the chains' firsts. */
struct sg_fork {
    uint32_t chain; /* the younger one, as this replica sees it .. */
    uint32_t seq;   /* .. and the number that both have */
};

/* An edit under way. */
struct sg_txn {
    struct sg_log_past past;
    uint32_t *deps; /* owned */
    uint32_t *refs; /* [chain_count] of the log: how a chain is called in the body + 1; owned */
    struct sg_body_writer body;
    uint32_t cell_of[64];   /* [cell_count] newest cells used, and .. */
    uint32_t object_of[64]; /* .. their objects in the body */
    uint32_t cell_count;
    uint32_t counter; /* of the next operation */
    bool is_open;
};

struct sg_replica {
    struct sg_replica_config config;
    uint8_t document[SG_ID_LEN];
    struct sg_log log;
    struct sg_cells cells;
    struct sg_seq_order order;
    struct sg_txn txn;
    struct sg_cells_view view;  /* of the batch that is being applied */
    struct sg_cells_memo *memo; /* [memo_cap] */
    uint32_t *most;             /* [memo_cap] for sg_log_is_minimal */
    uint32_t memo_cap, turn;
    struct sg_pending_list pending;
    struct sg_fork *forks; /* [fork_count] */
    uint32_t fork_count, fork_cap;
    /* Numbers that this replica's author has used, whatever is left of it in the log: the next one
     * of a wary replica is not below. What he wrote before a floor that lacks it is gone here, but
     * others may have it, and two batches with one number would be a fork of his. */
    uint32_t used_seq;
    bool is_loading; /* from this machine's own disk: limits of memory do not count */
    bool is_broken;  /* memory ran out within a change: read on, then load again */
};

/* SG_ERR_NO_MEMORY: nothing to be freed. r must stay where it is. */
SG_MUST_USE sg_err sg_replica_init(struct sg_replica *r, const struct sg_replica_config *config);
void sg_replica_fini(struct sg_replica *r);

/* ---- edits of its own: replica_edit.c ---- */

/* Begins a batch of this author. SG_ERR_INVALID_STATE: one is open, or broken. Where there are
 * more heads than a batch may name, batches come before it that merge them. SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_replica_begin(struct sg_replica *r, const uint8_t author[SG_ID_LEN]);
/* Ends it: the batch is in the log, its number in *batch; SG_LOG_NONE when nothing was edited.
 * SG_ERR_OVERSIZED: larger than a batch may be, or with more things or chains of others;
 * SG_ERR_NO_MEMORY. After an error r is broken: the
 * edits are shown but not in the log. */
SG_MUST_USE sg_err sg_replica_commit(struct sg_replica *r, uint32_t *batch);

/* All of these: SG_ERR_INVALID_STATE without an open batch or broken; SG_ERR_NO_MEMORY (broken);
 * SG_ERR_LIMIT (operations of the document are used up). */

/* Finds or makes a cell, whose kind is not ELEMENT, in a map. Needs no open batch.
 * SG_ERR_INVALID_ARGUMENT: parent is no map, key too long or no UTF-8; SG_ERR_LIMIT: depth, or too
 * many. */
SG_MUST_USE sg_err sg_replica_cell(struct sg_replica *r, uint32_t parent, enum sg_cell_kind kind,
                                   struct sg_bytes key, uint32_t *cell);
/* SG_ERR_INVALID_ARGUMENT: no text, pos beyond the end, SG_ERR_MALFORMED: text is no UTF-8. */
SG_MUST_USE sg_err sg_replica_insert(struct sg_replica *r, uint32_t cell, uint32_t pos,
                                     struct sg_bytes text);
SG_MUST_USE sg_err sg_replica_delete(struct sg_replica *r, uint32_t cell, uint32_t pos,
                                     uint32_t count);
/* Of a register. Errors of sg_value_check. */
SG_MUST_USE sg_err sg_replica_set(struct sg_replica *r, uint32_t cell,
                                  const struct sg_value *value);
/* Empties a cell and what is in it: of a counter the value as seen is taken off. */
SG_MUST_USE sg_err sg_replica_clear(struct sg_replica *r, uint32_t cell);
SG_MUST_USE sg_err sg_replica_count(struct sg_replica *r, uint32_t cell, int64_t delta);
/* Adds an element to a set, or removes it; removing what is not there does nothing. */
SG_MUST_USE sg_err sg_replica_add(struct sg_replica *r, uint32_t cell,
                                  const struct sg_value *value);
SG_MUST_USE sg_err sg_replica_remove(struct sg_replica *r, uint32_t cell,
                                     const struct sg_value *value);

/* ---- edits of others: replica_import.c ---- */

enum sg_import {
    SG_IMPORT_APPLIED,
    SG_IMPORT_KNOWN,  /* it was in */
    SG_IMPORT_PENDING /* it waits for what it depends on, from now on or already */
};

/* Takes in a batch of anybody, from a peer with this number (for limits); what waited for it comes
 * in too. On an error nothing has changed. The peer's fault: errors of sg_batch_decode,
 * SG_ERR_WRONG_PEER (another document), SG_ERR_PROTOCOL (wrong Lamport time, number or predecessor;
 * an element that is not in its past), SG_ERR_EXPIRED (it does not know the floor),
 * SG_ERR_MALFORMED and so on (operations). SG_ERR_LIMIT: too much waits, or too many authors have
 * seen too many others (limits.seen_bytes).
 * SG_ERR_INVALID_STATE: a batch is open, or broken. SG_ERR_NO_MEMORY: may be broken. */
SG_MUST_USE sg_err sg_replica_import(struct sg_replica *r, struct sg_bytes bytes, uint32_t source,
                                     enum sg_import *result);
/* A batch as it travels: appended to out. SG_ERR_NOT_FOUND: not kept. */
SG_MUST_USE sg_err sg_replica_export(const struct sg_replica *r, uint32_t batch,
                                     struct sg_column *out);
/* Header of batch number `batch`, spans borrowed from the log. SG_ERR_NOT_FOUND. */
SG_MUST_USE sg_err sg_replica_batch(const struct sg_replica *r, uint32_t batch,
                                    struct sg_batch *out);

/* ---- shared by the files of the replica ---- */

struct sg_batch_plan; /* replica_import.c */
/* Sequence of a text cell, made when there is none. */
SG_MUST_USE sg_err sg_replica_text(struct sg_replica *r, uint32_t cell, struct sg_seq **out);
/* What the order of sequences asks for while a batch with this past is applied. */
SG_MUST_USE sg_err sg_replica_see(struct sg_replica *r, const struct sg_log_past *past);
/* What the view remembers counts no more. */
void sg_replica_forget(struct sg_replica *r);

#endif
