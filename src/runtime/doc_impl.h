/* Inside of struct sg_doc; shared by the files of documents. */
#ifndef SG_RUNTIME_DOC_IMPL_H
#define SG_RUNTIME_DOC_IMPL_H

#include <saorsa/crdt.h>

#include "crdt/bundle.h"
#include "node/doc_compare.h"
#include "runtime/keystore.h"
#include "store/docs.h"

/* What undo has to do, for one change. */
enum sg_doc_undo_kind {
    SG_UNDO_INSERTED, /* id, count: delete what is left of it */
    SG_UNDO_DELETED,  /* id, text: write it again where that element was */
    SG_UNDO_SET,      /* id: what set it; value, or none: clear */
    SG_UNDO_COUNTED,  /* delta */
    SG_UNDO_ADDED,    /* id: the addition; value */
    SG_UNDO_REMOVED   /* value */
};

struct sg_doc_undo {
    enum sg_doc_undo_kind kind;
    sg_doc_node node;
    struct sg_seq_id id;
    struct sg_seq_id before; /* SET: what had set the value before; REMOVED: the addition */
    uint32_t count;
    int64_t delta;
    bool has_value;
    uint8_t value_kind;
    struct sg_column bytes; /* text or value, owned */
    uint32_t txn;
};

/* Sessions of a document at a time, of those that take floors over. */
#define SG_DOC_PLACES_MAX 4

struct sg_doc {
    const struct sg_mem *mem;
    struct sg_replica *replica; /* owned; does not move */
    struct sg_docs *store;      /* NULL: in memory */
    struct sg_keystore keystore;
    bool has_keystore;
    struct sg_identity *identity; /* NULL: nothing is signed */
    uint8_t author[SG_ID_LEN];
    bool is_lazy;
    uint32_t loaded;   /* counts up when chains may have got other numbers */
    uint32_t used_seq; /* own numbers below this were used before a floor was taken over */
    uint64_t base;     /* rows that the replica's floor stands for */
    uint32_t saved;    /* batches of the log that are in the store */
    uint64_t snapshot; /* rows that the stored snapshot stands for */
    bool is_partial;   /* the replica's floor is a snapshot; history below it is in the store */
    uint8_t *floor;    /* [floor_len] signature of the real floor, owned; NULL: none */
    size_t floor_len;
    struct sg_column floor_state;         /* what it signs, when there is no store */
    struct sg_column unsynced;            /* what it did not have, when there is no store */
    uint64_t refused[SG_DOC_REFUSED_MAX]; /* [refused_count] floors that were not taken over */
    uint32_t refused_count;
    struct sg_doc_gathered *gathered[SG_DOC_PLACES_MAX]; /* states that come in pieces */
    uint32_t gather_max;      /* pieces that all documents may have for one to be added here .. */
    uint32_t gather_own_max;  /* .. and this one */
    uint64_t put_off;         /* id of a floor for which there was no room .. */
    sg_time_ns put_off_until; /* .. not wanted before this */
    struct sg_doc_giving *giving; /* one that is given to somebody */
    uint64_t not_given;           /* id of an own floor whose state goes as a file only */
    struct sg_peer_id *trusted;   /* [trusted_count] owned: whose floors are taken, too */
    size_t trusted_count;
    uint32_t unsigned_count;      /* own batches since the last checkpoint of this session .. */
    uint64_t unsigned_since;      /* .. the first of them, sg_clock_now */
    bool is_bound;                /* to a topic .. */
    struct sg_column fresh;       /* .. checkpoints that are to be told there, as records */
    struct sg_column checkpoints; /* records of those that are known, when there is no store */
    struct sg_doc_undo *undo;     /* [undo_count] */
    uint32_t undo_count, undo_cap, txn;
    bool is_undoing;
    void (*on_patch)(void *user, const struct sg_doc_patch *patch);
    void *user;
};

/* doc_load.c */
SG_MUST_USE sg_err sg_doc_replica_new(struct sg_doc *doc, const struct sg_genesis *genesis,
                                      struct sg_replica **out);
void sg_doc_replica_free(struct sg_doc *doc, struct sg_replica *r);
/* Puts a replica that was loaded again in the place of the old one. Nodes keep their numbers, and
 * what is noted for undo goes on. */
void sg_doc_replace(struct sg_doc *doc, struct sg_replica *fresh);
/* Loads what the store has, from its snapshot when that is enough and `whole` is not asked for. The
 * replica is replaced only when all went well. */
SG_MUST_USE sg_err sg_doc_load(struct sg_doc *doc, bool whole);
/* Keeps a copy of the signature of the floor; empty: there is none. */
SG_MUST_USE sg_err sg_doc_keep_floor(struct sg_doc *doc, struct sg_bytes floor);
/* Writes batches that are not in the store yet. */
SG_MUST_USE sg_err sg_doc_flush(struct sg_doc *doc);

/* doc.c */
/* Signs when the first unsigned batch is SG_CHECKPOINT_SECONDS old; *due_ms: when to look again,
 * UINT64_MAX: not before the next commit. */
SG_MUST_USE sg_err sg_doc_sign_due(struct sg_doc *doc, uint64_t *due_ms);

/* doc_session.c */
/* A state that the peer brings is taken over, if its signer is trusted. Before the first message.
 */
void sg_doc_session_adopts(struct sg_doc_session *session);

/* doc_sync.c */
/* A bundle, packed or not: *plain; *unpacked is the callers memory to free, or NULL. */
SG_MUST_USE sg_err sg_doc_unpack_bundle(struct sg_bytes bundle, struct sg_bytes *plain,
                                        uint8_t **unpacked);
/* Whether it is. Nodes send plain ones: a packed one from the network could unpack to gigabytes. */
bool sg_doc_is_packed(struct sg_bytes bundle);
/* A checkpoint was verified: it is kept. */
SG_MUST_USE sg_err sg_doc_keep_checkpoint(struct sg_doc *doc, struct sg_bytes bytes);
/* Appends floor and state, for somebody who is behind the floor. */
SG_MUST_USE sg_err sg_doc_put_record(struct sg_doc *doc, struct sg_column *out);
/* The nearest checkpoint that speaks for a batch -> out, empty before; it is about batch number
 * *last, which has the batch in its chain or in one that this forked from. SG_ERR_NOT_FOUND. */
SG_MUST_USE sg_err sg_doc_find_checkpoint(struct sg_doc *doc, uint32_t batch, struct sg_column *out,
                                          uint32_t *last);
/* Appends checkpoints that say something about what a view lacks, and the own author's, from number
 * *after on (0 at first) until out has `most` bytes; *after: UINT64_MAX when that was all. */
SG_MUST_USE sg_err sg_doc_put_checkpoints(struct sg_doc *doc, const struct sg_frontier_view *view,
                                          uint64_t *after, size_t most, struct sg_column *out);
/* A document that was opened by its snapshot loads the rest. */
SG_MUST_USE sg_err sg_doc_load_history(struct sg_doc *doc);

/* doc_floor.c */
/* Appends the signature of a state by the document's identity. */
SG_MUST_USE sg_err sg_doc_sign_floor(const struct sg_doc *doc, struct sg_bytes state,
                                     struct sg_column *out);
/* Key and signature. */
#define SG_DOC_FLOOR_MAX (SG_SIG_PUBLIC_MAX + SG_SIG_MAX + 16)
/* A state travels and is signed by pieces of this length; the last one may be shorter. */
#define SG_DOC_STATE_PIECE (UINT32_C(1) << 20)
/* Appends the hash of each piece. SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_doc_put_hashes(struct sg_bytes state, struct sg_column *out);
/* Whether a floor is the signature, by a trusted author, of a state whose pieces have these hashes.
 * SG_ERR_BAD_SIGNATURE; SG_ERR_PERMISSION: somebody else's; errors of the reader. */
SG_MUST_USE sg_err sg_doc_verify_floor(const struct sg_doc *doc, struct sg_bytes floor,
                                       struct sg_bytes hashes);
/* Whether a state record has something that this replica lacks. All history must be loaded. Its
 * signature is verified before anything of the state is decoded: SG_ERR_BAD_SIGNATURE. */
SG_MUST_USE sg_err sg_doc_is_behind(struct sg_doc *doc, struct sg_bytes record, bool *is_behind);

/* doc_state.c */
/* One copy of a state for all sessions that give it. */
struct sg_doc_giving {
    uint32_t refs;
    sg_time_ns idle_at; /* its last session ended; where there is none */
    uint32_t loaded;    /* of the document when it was made */
    uint64_t floor;
    struct sg_column record;          /* floor and state */
    struct sg_bytes signature, state; /* of it */
    struct sg_column hashes;
};
/* What one session does with it. */
struct sg_doc_state_out {
    struct sg_doc_giving *giving; /* NULL: nothing, or told only */
    bool is_told;                 /* it is to be told that there is a floor .. */
    uint64_t floor;               /* .. this one */
    uint32_t piece;               /* pieces before this are sent */
};
uint64_t sg_doc_floor_id(struct sg_bytes floor);
/* Is not to be sent any more. */
void sg_doc_refuse_floor(struct sg_doc *doc, uint64_t id);
bool sg_doc_is_refused(const struct sg_doc *doc, uint64_t id);
/* There is no room for its state: nothing of it is wanted for a minute. */
void sg_doc_put_off(struct sg_doc *doc, uint64_t id, sg_time_ns now);
bool sg_doc_is_put_off(const struct sg_doc *doc, uint64_t id, sg_time_ns now);
struct sg_doc_wish sg_doc_state_wish(const struct sg_doc *doc, sg_time_ns now);
/* Begins to give the state under the document's floor, as far as the other one wishes to have it.
 * SG_ERR_PROTOCOL: it has more of it than there is; SG_ERR_NO_MEMORY; of the disk. */
SG_MUST_USE sg_err sg_doc_state_begin(struct sg_doc *doc, const struct sg_doc_wish *wish,
                                      struct sg_doc_state_out *out);
/* Appends the next message; nothing when there is no more. */
void sg_doc_state_put(struct sg_doc_state_out *state, struct sg_column *out);
void sg_doc_state_end(struct sg_doc *doc, struct sg_doc_state_out *state);
/* Forgets the copy when nobody has been given it for a minute; gives after how many ms to look
 * again, UINT64_MAX: there is none that could go. */
uint64_t sg_doc_state_expire(struct sg_doc *doc, sg_time_ns now);
/* Forgets it when nobody is given it. */
void sg_doc_state_forget(struct sg_doc *doc);

/* doc_gather.c */
enum sg_doc_gathering {
    SG_DOC_STATE_MORE,
    SG_DOC_STATE_WHOLE,   /* it can be taken over */
    SG_DOC_STATE_UNWANTED /* it will not be taken over */
};
struct sg_doc_got {
    enum sg_doc_gathering what;
    uint64_t floor;
};
/* A message about a state, from a session (only its address counts): that there is one, or a piece.
 * SG_ERR_BAD_SIGNATURE: of a floor or a piece; SG_ERR_LIMIT: no room for it now; SG_ERR_NOT_FOUND:
 * the pieces before it are not here any more, so what comes of this transfer is of no use;
 * SG_ERR_MALFORMED, .. , SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_doc_gather(struct sg_doc *doc, const void *session, sg_time_ns now,
                                 struct sg_bytes body, struct sg_doc_got *got);
/* Makes a bundle, empty before, of a whole one, which is forgotten. SG_ERR_NOT_FOUND: it is not
 * whole. SG_ERR_NO_MEMORY: it stays, and any piece of it gives SG_DOC_STATE_WHOLE again. */
SG_MUST_USE sg_err sg_doc_gather_bundle(struct sg_doc *doc, uint64_t floor,
                                        struct sg_column *bundle);
/* What is there of states that are not whole, for the wish. */
void sg_doc_gather_wish(const struct sg_doc *doc, struct sg_doc_wish *wish);
/* A session has ended; what it brought stays for a while. */
void sg_doc_gather_leave(struct sg_doc *doc, const void *session);
/* Forgets what nobody has added to for long. */
void sg_doc_gather_expire(struct sg_doc *doc, sg_time_ns now);
/* Forgets what is there of one. */
void sg_doc_gather_drop(struct sg_doc *doc, uint64_t floor);
/* Forgets all. */
void sg_doc_gather_forget(struct sg_doc *doc);
/* Pieces that are kept in all documents of the process, and in one of them: a state of the largest
 * kind, and some of others. */
#define SG_DOC_GATHER_MAX 512
#define SG_DOC_GATHER_OWN_MAX (SG_DOC_PIECES_MAX + 64)
uint32_t sg_doc_gather_total(void);

/* doc_undo.c */
void sg_doc_undo_clear(struct sg_doc *doc, uint32_t from);
/* Names the elements of notes by the chains of another log of the document. */
void sg_doc_undo_move(struct sg_doc *doc, const struct sg_log *from, const struct sg_log *to);
/* Notes a change; its bytes are taken over. Out of memory: it just cannot be undone. */
void sg_doc_undo_note(struct sg_doc *doc, struct sg_doc_undo *undo);

/* Values as the core has them; buffer [10] for numbers. */
struct sg_value sg_doc_value_in(const struct sg_doc_value *value, uint8_t buffer[10]);
struct sg_doc_value sg_doc_value_out(const struct sg_value *value);
bool sg_doc_is(const struct sg_doc *doc, sg_doc_node node, enum sg_cell_kind kind);

#endif
