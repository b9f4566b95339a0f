/* Replicated documents: data that works offline and merges without a server.
 *
 * A document is a map of texts, sets, counters, registers and further maps. A thing in it is named
 * by its path and its kind, so nothing has to be created before it is used. Changes are made in
 * transactions; each is one batch of this author, and whoever has the same batches sees the same.
 *
 *     struct sg_doc_options options;
 *     sg_doc_options_init(&options);
 *     options.path = "list.doc";
 *     options.identity_dir = "/var/lib/me";
 *     struct sg_doc *doc;
 *     sg_doc_node text;
 *     if (sg_doc_open(&options, &doc) == SG_OK && sg_doc_begin(doc) == SG_OK &&
 *         sg_doc_node_of(doc, SG_DOC_ROOT, SG_DOC_TEXT, "note", &text) == SG_OK &&
 *         sg_doc_text_insert(doc, text, 0, "hello", 5) == SG_OK) ... sg_doc_commit(doc)
 *
 * Threads: one at a time per document. Borrowed views are valid until the next call that is not a
 * query. All positions are in code points unless a unit is given. docs/crdt.md explains what merges
 * how, and the limits.
 *
 * Errors: <saorsa/err.h>; out parameters are set only on SG_OK. Functions that change something
 * also give SG_ERR_INVALID_STATE (no transaction is open, or memory ran out before: close the
 * document and open it again) and SG_ERR_NO_MEMORY. Sources: FugueMax, arXiv 2305.00583; the log
 * after Kleppmann, PaPoC 2022. */
#ifndef SG_SAORSA_CRDT_H
#define SG_SAORSA_CRDT_H

#include <stdbool.h>

#include <saorsa/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sg_doc;
/* A thing in a document; valid as long as the document is open. The number of an element of a set
 * is for sg_doc_next only, until the set changes or the document is loaded again. */
typedef uint32_t sg_doc_node;
#define SG_DOC_ROOT 0
#define SG_DOC_NONE UINT32_MAX

/* How concurrent writing at one place is put in order; fixed for a document when it is made. */
enum sg_doc_order {
    SG_DOC_FUGUE_MAX = 0, /* never mixes up what two people typed at the same place */
    SG_DOC_RGA = 1        /* the younger one first */
};

enum sg_doc_kind {
    SG_DOC_MAP = 0,
    SG_DOC_TEXT = 1,
    SG_DOC_SET = 2,
    SG_DOC_COUNTER = 3,
    SG_DOC_REGISTER = 4, /* last writer wins: by Lamport time, then author; never by clock */
    SG_DOC_MULTI = 5,    /* all values written at the same time */
    SG_DOC_ELEMENT = 6   /* of a set, in lists only */
};

enum sg_doc_value_kind {
    SG_DOC_NULL = 0,
    SG_DOC_FALSE = 1,
    SG_DOC_TRUE = 2,
    SG_DOC_INT = 3,
    SG_DOC_STRING = 4, /* UTF-8 */
    SG_DOC_BYTES = 5,
    SG_DOC_DOUBLE = 6
};

struct sg_doc_value {
    enum sg_doc_value_kind kind;
    int64_t number;        /* INT */
    double real;           /* DOUBLE */
    struct sg_bytes bytes; /* STRING, BYTES; borrowed; <= 65536 */
};

enum sg_doc_unit { SG_DOC_CHARS = 0, SG_DOC_UTF8 = 1, SG_DOC_UTF16 = 2 };

/* ---- life ---------------------------------------------------------------------------------- */

struct sg_doc_options {
    const char *path; /* [NULL = in memory only] of the file; borrowed until the call returns */
    /* [NULL] state folder of the identity that writes and signs; it must not be used by a running
     * node. Without one, author is who writes, and its batches stay provisional. */
    const char *identity_dir;
    const char *passphrase;   /* [NULL] of the identity; borrowed likewise */
    struct sg_peer_id author; /* [zero] */
    /* [none] peers whose floors are taken over, besides the author's own: see sg_doc_adopt.
     * Borrowed
     * until the call returns. */
    const struct sg_peer_id *trusted;
    size_t trusted_count;
    /* [NULL] create: a document that is the same for all who create one of this name (1 .. 255
     * bytes) and order, so that they can begin without each other. Borrowed likewise. */
    const char *shared_name;
    bool lazy; /* [false] commits become durable 64 at a time or by sg_doc_save, and
                               * not each at once: 10 times faster, and a crash costs the newest */
};

SG_API void sg_doc_options_init(struct sg_doc_options *options);

/* A new document. The caller owns *doc and gives it back with sg_doc_close.
 * SG_ERR_EXISTS: there is one at path. SG_ERR_INVALID_ARGUMENT: neither identity nor author.
 * Of the identity: SG_ERR_NOT_FOUND, SG_ERR_LOCKED, SG_ERR_PASSPHRASE, SG_ERR_CORRUPT; of the disk:
 * SG_ERR_NO_SPACE, SG_ERR_PERMISSION, SG_ERR_IO, SG_ERR_TOO_LARGE (path), SG_ERR_LOCKED;
 * SG_ERR_ENTROPY, SG_ERR_CRYPTO, SG_ERR_NO_MEMORY. */
SG_API SG_MUST_USE sg_err sg_doc_create(const struct sg_doc_options *options,
                                        enum sg_doc_order order, struct sg_doc **doc);
/* One that is there. A foreign, damaged or truncated file is SG_ERR_CORRUPT and stays as it is; one
 * of a newer version SG_ERR_UNSUPPORTED; none SG_ERR_NOT_FOUND. Others as above. */
SG_API SG_MUST_USE sg_err sg_doc_open(const struct sg_doc_options *options, struct sg_doc **doc);
/* A replica of somebody else's document, from what sg_doc_export gave. Errors of sg_doc_create,
 * sg_doc_import and sg_doc_adopt: a compacted one needs the one who did so in options.trusted. */
SG_API SG_MUST_USE sg_err sg_doc_join(const struct sg_doc_options *options, struct sg_bytes bundle,
                                      struct sg_doc **doc);
/* Makes durable what is not yet, signs, frees. What an open transaction did is lost. NULL is
 * allowed. The error is that of the disk; the document is closed all the same. */
SG_API sg_err sg_doc_close(struct sg_doc *doc);

/* Hash of what the document is from its first moment: order, creator, nonce. */
SG_API void sg_doc_id(const struct sg_doc *doc, uint8_t id[SG_ID_LEN]);
SG_API enum sg_doc_order sg_doc_order_of(const struct sg_doc *doc);

/* ---- transactions -------------------------------------------------------------------------- */

/* SG_ERR_INVALID_STATE: one is open. */
SG_API SG_MUST_USE sg_err sg_doc_begin(struct sg_doc *doc);
/* Makes a batch of all changes since begin; none when nothing was changed. Durable when it returns,
 * unless the document is lazy. SG_ERR_OVERSIZED: above 1 MiB, 65 536 things, or
 * elements of 4 096 authors; roll back and split it. Of the disk:
 * SG_ERR_NO_SPACE, SG_ERR_IO: the batch is in memory and tried again by sg_doc_save. */
SG_API SG_MUST_USE sg_err sg_doc_commit(struct sg_doc *doc);
/* Takes back what was changed since begin, by loading the document again: O(document). */
SG_API SG_MUST_USE sg_err sg_doc_rollback(struct sg_doc *doc);
/* Makes all batches durable. Errors of the disk. */
SG_API SG_MUST_USE sg_err sg_doc_save(struct sg_doc *doc);
/* Undoes the newest transaction of this session that is not undone, as changes of the open one:
 * what it inserted is deleted, what it deleted is written again, registers get the values they had.
 * What others did since stays. SG_ERR_NOT_FOUND: nothing to undo. */
SG_API SG_MUST_USE sg_err sg_doc_undo(struct sg_doc *doc);

/* ---- changes: only in an open transaction ---------------------------------------------------- */

/* The thing of a kind at a key (UTF-8, <= 255 bytes) of a map; needs no transaction.
 * SG_ERR_INVALID_ARGUMENT, SG_ERR_LIMIT (16 maps deep, 65 536 things). O(log n). */
SG_API SG_MUST_USE sg_err sg_doc_node_of(struct sg_doc *doc, sg_doc_node map, enum sg_doc_kind kind,
                                         const char *key, sg_doc_node *node);
/* text [len]: UTF-8, SG_ERR_MALFORMED otherwise. SG_ERR_INVALID_ARGUMENT: no text, or pos beyond
 * its end. O(log n). */
SG_API SG_MUST_USE sg_err sg_doc_text_insert(struct sg_doc *doc, sg_doc_node text, uint32_t pos,
                                             const char *utf8, size_t len);
/* SG_ERR_INVALID_ARGUMENT: no text, or the range is not in it. */
SG_API SG_MUST_USE sg_err sg_doc_text_delete(struct sg_doc *doc, sg_doc_node text, uint32_t pos,
                                             uint32_t count);
/* Of a register. SG_ERR_INVALID_ARGUMENT (node), SG_ERR_MALFORMED (no UTF-8), SG_ERR_OVERSIZED. */
SG_API SG_MUST_USE sg_err sg_doc_set(struct sg_doc *doc, sg_doc_node reg,
                                     const struct sg_doc_value *value);
/* Adds to a counter, modulo 2^64. SG_ERR_INVALID_ARGUMENT. */
SG_API SG_MUST_USE sg_err sg_doc_count(struct sg_doc *doc, sg_doc_node counter, int64_t delta);
/* Elements of a set; a removal takes back the additions that this replica has seen. Errors of
 * sg_doc_set. */
SG_API SG_MUST_USE sg_err sg_doc_add(struct sg_doc *doc, sg_doc_node set,
                                     const struct sg_doc_value *value);
SG_API SG_MUST_USE sg_err sg_doc_remove(struct sg_doc *doc, sg_doc_node set,
                                        const struct sg_doc_value *value);
/* Empties a thing and all that is in it; what others add at the same time stays. */
SG_API SG_MUST_USE sg_err sg_doc_clear(struct sg_doc *doc, sg_doc_node node);

/* ---- queries ------------------------------------------------------------------------------- */

struct sg_doc_entry {
    sg_doc_node node;
    enum sg_doc_kind kind;
    struct sg_bytes key;       /* of a map's entry; borrowed */
    struct sg_doc_value value; /* of a set's element; borrowed */
};
/* The entry of a map or the element of a set that comes after a node (SG_DOC_NONE: the first one),
 * by key, then kind. Empty things are passed over. SG_ERR_NOT_FOUND: no more. O(log n) each.
 * SG_ERR_INVALID_ARGUMENT: parent is no map or set, or after is not in it (any more). */
SG_API SG_MUST_USE sg_err sg_doc_next(const struct sg_doc *doc, sg_doc_node parent,
                                      sg_doc_node after, struct sg_doc_entry *entry);
/* The thing at a key, when there is something in it. SG_ERR_NOT_FOUND. */
SG_API SG_MUST_USE sg_err sg_doc_find(const struct sg_doc *doc, sg_doc_node map,
                                      enum sg_doc_kind kind, const char *key, sg_doc_node *node);
/* 0 for what is no text. */
SG_API uint32_t sg_doc_text_len(const struct sg_doc *doc, sg_doc_node text, enum sg_doc_unit unit);
/* Text from pos on as far as it lies in one piece, borrowed: go on behind it until it is empty. */
SG_API struct sg_bytes sg_doc_text_read(const struct sg_doc *doc, sg_doc_node text, uint32_t pos);
/* A position of one unit in another one; within a character: its start. O(log n). */
SG_API uint32_t sg_doc_text_convert(const struct sg_doc *doc, sg_doc_node text, uint32_t pos,
                                    enum sg_doc_unit from, enum sg_doc_unit to);
/* Value number `at` of a register, the winner first; a last-writer-wins one has only that.
 * SG_ERR_NOT_FOUND. */
SG_API SG_MUST_USE sg_err sg_doc_get(const struct sg_doc *doc, sg_doc_node reg, uint32_t at,
                                     struct sg_doc_value *value);
/* 0 for what is no counter. */
SG_API int64_t sg_doc_counter(const struct sg_doc *doc, sg_doc_node counter);
SG_API bool sg_doc_has(const struct sg_doc *doc, sg_doc_node set, const struct sg_doc_value *value);

/* A place in a text that stays with its character while others write; the same on all replicas. */
struct sg_doc_cursor {
    uint8_t b[40];
};
/* The place before the character at pos, or the end. SG_ERR_INVALID_ARGUMENT. */
SG_API SG_MUST_USE sg_err sg_doc_cursor_at(const struct sg_doc *doc, sg_doc_node text, uint32_t pos,
                                           struct sg_doc_cursor *cursor);
/* Where it is now; where its character was, when that is deleted. SG_ERR_NOT_FOUND: the character
 * has not come here yet. */
SG_API SG_MUST_USE sg_err sg_doc_cursor_pos(const struct sg_doc *doc, sg_doc_node text,
                                            const struct sg_doc_cursor *cursor, uint32_t *pos);

/* A change made by others, for a view that follows: valid during the call. */
struct sg_doc_patch {
    sg_doc_node node;
    bool is_text;          /* false: look at the node again */
    uint32_t pos, deleted; /* in code points, patches apply one after the other */
    struct sg_bytes text;  /* inserted at pos after the deletion */
};
/* Called within sg_doc_import, sg_doc_adopt (then with is_text false for everything) and
 * sg_doc_binding_run; NULL ends it. The function must not change the document. */
SG_API void sg_doc_on_patch(struct sg_doc *doc,
                            void (*on_patch)(void *user, const struct sg_doc_patch *patch),
                            void *user);

/* ---- history and others -------------------------------------------------------------------- */

/* Bytes that the library made; given back with sg_doc_bytes_free. */
struct sg_doc_bytes {
    uint8_t *data;
    size_t len;
};
SG_API void sg_doc_bytes_free(struct sg_doc_bytes *bytes);

/* What this replica has, as bytes: equal bytes, equal documents. It is made durable first, as with
 * an export: errors of the disk. */
SG_API SG_MUST_USE sg_err sg_doc_frontier_encode(struct sg_doc *doc, struct sg_doc_bytes *frontier);
/* How another replica's frontier compares: *has_news, it has batches that we lack; *lacks, we have
 * some that it lacks. Errors of a decoder; SG_ERR_INVALID_STATE: history has to be loaded for this,
 * and a transaction is open. */
SG_API SG_MUST_USE sg_err sg_doc_frontier_compare(struct sg_doc *doc, struct sg_bytes frontier,
                                                  bool *has_news, bool *lacks);
/* Batches and checkpoints that are not in a frontier (empty: all), compressed when `pack`. For one
 * that lies below the floor it holds the whole state. */
SG_API SG_MUST_USE sg_err sg_doc_export_since(struct sg_doc *doc, struct sg_bytes frontier,
                                              bool pack, struct sg_doc_bytes *bundle);

struct sg_doc_import_result {
    uint32_t applied, known;
    uint32_t pending;   /* wait for batches that are not here */
    uint32_t refused;   /* batches and checkpoints that are wrong; refusal is the first error */
    uint32_t postponed; /* there is no room for them now: they come again with the next sync */
    sg_err refusal;
    bool
        has_floor; /* the other side has compacted, with something that we lack: see sg_doc_adopt */
};
/* Takes in a bundle. Wrong batches are passed over and counted. SG_ERR_WRONG_PEER (another
 * document), SG_ERR_MALFORMED, .. (the form), SG_ERR_BAD_SIGNATURE (of a state that came with
 * batches, which are taken in); SG_ERR_INVALID_STATE: a transaction is open; of the disk as
 * sg_doc_commit. */
SG_API SG_MUST_USE sg_err sg_doc_import(struct sg_doc *doc, struct sg_bytes bundle, uint32_t source,
                                        struct sg_doc_import_result *result);

/* A sync session with one peer: bytes in, bytes out, no sockets. Both sides make one, and carry
 * what next gives to the other's input, in order, until both are done; it does not matter who is
 * faster. A session that breaks off loses nothing: the next one goes on where it ended. What came
 * from the peer is not sent back to it. The document must not be in a transaction during these
 * calls; edits made meanwhile go with the next session. */
struct sg_doc_session;
/* source: a number of the peer, for limits. The session borrows the document. */
SG_API SG_MUST_USE sg_err sg_doc_session_new(struct sg_doc *doc, uint32_t source,
                                             struct sg_doc_session **session);
SG_API void sg_doc_session_free(struct sg_doc_session *session);
/* The next message [<= 64 KiB and one batch, or 1 MiB of a state and 16 KiB], borrowed until the
 * next call; len 0: nothing to be sent now. */
SG_API SG_MUST_USE sg_err sg_doc_session_next(struct sg_doc_session *session,
                                              struct sg_bytes *message);
/* A message of the peer. SG_ERR_WRONG_PEER (another document), SG_ERR_PROTOCOL (out of order),
 * SG_ERR_MALFORMED and so on: end the session. */
SG_API SG_MUST_USE sg_err sg_doc_session_input(struct sg_doc_session *session,
                                               struct sg_bytes message);
/* Both sides have all; result: what came in. has_floor: the peer has a floor that this replica is
 * behind, and is told of, for a session does not take it over: take its export over with
 * sg_doc_adopt, if its signer is to be believed. */
SG_API bool sg_doc_session_is_done(const struct sg_doc_session *session,
                                   struct sg_doc_import_result *result);

struct sg_doc_log_entry {
    uint8_t name[SG_ID_LEN];
    struct sg_peer_id author;
    uint32_t seq, ops;
    bool is_provisional; /* no checkpoint speaks for it yet: see docs/adr/0040 */
};
/* Batch number `at` in the order in which they came, above the floor. SG_ERR_NOT_FOUND.
 * SG_ERR_INVALID_STATE: it has to be loaded first, and a transaction is open. */
SG_API SG_MUST_USE sg_err sg_doc_log(struct sg_doc *doc, uint32_t at,
                                     struct sg_doc_log_entry *entry);
/* How often an author was caught writing two batches with one number. */
SG_API uint32_t sg_doc_forks(const struct sg_doc *doc);
/* Evidence of fork number `at`, for somebody who knows nothing of the document: both batches, what
 * leads from each to the newest checkpoint of its chain, and that. SG_ERR_NOT_FOUND: there is no
 * such fork, or compaction has taken a side of it; SG_ERR_LIMIT: too long; SG_ERR_INVALID_STATE as
 * sg_doc_log; SG_ERR_NO_MEMORY; of the disk. Free it with sg_doc_bytes_free. */
SG_API SG_MUST_USE sg_err sg_doc_fork_proof(struct sg_doc *doc, uint32_t at,
                                            struct sg_doc_bytes *proof);
struct sg_doc_fork {
    uint8_t document[SG_ID_LEN];
    struct sg_peer_id author;
    uint32_t seq;
    bool is_signed; /* both, by the author: nobody else can have made this up */
};
/* What evidence shows. SG_ERR_PROTOCOL: no two batches of one author with one number;
 * SG_ERR_BAD_SIGNATURE, SG_ERR_MALFORMED and so on. */
SG_API SG_MUST_USE sg_err sg_doc_fork_verify(struct sg_bytes proof, struct sg_doc_fork *fork);
/* Signs this author's chain now. SG_ERR_INVALID_STATE: no identity; SG_ERR_NOT_FOUND: no batch. */
SG_API SG_MUST_USE sg_err sg_doc_checkpoint(struct sg_doc *doc);

/* Forgets history: the state stays, batches and who wrote them go. Batches of others that had not
 * come yet will be refused, so do this when all have synced. What waits for
 * others goes, too. SG_ERR_INVALID_STATE: no identity to sign the floor, nothing in it, or a
 * transaction is open. */
SG_API SG_MUST_USE sg_err sg_doc_compact(struct sg_doc *doc);
/* Takes over the floor of a bundle with has_floor, and what was written on top of it. Whoever
 * signed
 * it is believed for all that it says, so it must be this document's author or one of
 * sg_doc_options.trusted: SG_ERR_PERMISSION otherwise. Nothing happens when the replica has all
 * of it
 * already. Batches here that the floor does not know and that cannot go on top of it are given back
 * in *unsynced as a bundle, never dropped silently; it is empty when there are none. The store
 * keeps
 * them, too, until sg_doc_unsynced_done. SG_ERR_EXPIRED: it lacks something that this replica's own
 * floor stands for. SG_ERR_NOT_FOUND: the bundle has none. SG_ERR_BAD_SIGNATURE. */
SG_API SG_MUST_USE sg_err sg_doc_adopt(struct sg_doc *doc, struct sg_bytes bundle,
                                       struct sg_doc_bytes *unsynced);
/* What sg_doc_adopt gave back, the oldest bundle that is kept, also after a crash.
 * SG_ERR_NOT_FOUND:
 * there is none. */
SG_API SG_MUST_USE sg_err sg_doc_unsynced(struct sg_doc *doc, struct sg_doc_bytes *bundle);
/* The application has it: that bundle is forgotten. Errors of the disk. */
SG_API SG_MUST_USE sg_err sg_doc_unsynced_done(struct sg_doc *doc);

/* ---- over a node --------------------------------------------------------------------------- */

struct sg_node; /* <saorsa/gossip.h> */
struct sg_doc_binding;

/* Binds an open document to a topic of a node: own changes are broadcast, those of others are taken
 * in, and sessions with a random neighbour every 30 s, and with each new one at once, bring the
 * rest. Nothing happens behind the caller's back: the node only carries messages, and all work on
 * the document is done by sg_doc_binding_run, in the caller's thread.
 * A document without identity whose author is the node's signs with the node's identity meanwhile.
 * doc and node are borrowed. One document per topic and node.
 * SG_ERR_EXISTS: one is bound there. SG_ERR_INVALID_STATE: the document is bound already. Errors of
 * sg_subscribe. */
SG_API SG_MUST_USE sg_err sg_doc_bind(struct sg_doc *doc, struct sg_node *node,
                                      const struct sg_topic_id *topic,
                                      struct sg_doc_binding **binding);
/* Ends it; before the document is closed and the node freed. NULL is allowed. */
SG_API void sg_doc_unbind(struct sg_doc_binding *binding);

/* What one run brought. */
struct sg_doc_news {
    uint32_t applied; /* batches of others */
    uint32_t refused; /* were wrong; refusal is the first error */
    sg_err refusal;
    uint32_t postponed; /* found no room, and come again */
    uint32_t pending;   /* now: wait for batches that are not here */
    uint32_t published; /* own messages */
    uint32_t sessions;  /* that came to their end */
    bool has_floor;     /* somebody has compacted whom this document does not trust */
    bool has_adopted;   /* a floor was taken over; what it did not have: sg_doc_unsynced */
};
/* Broadcasts what was committed, then waits up to timeout_ms for something to do (-1 = for ever, 0
 * = not at all; with a node that the caller drives only 0) and does what there is. Call it again
 * and again, after each commit at once, and when sg_doc_binding_fd is readable; at least every
 * second while sessions matter. Signs a checkpoint when one is due.
 * SG_ERR_INVALID_STATE: a transaction is open; SG_ERR_STOPPED (the node); of the disk as
 * sg_doc_commit. news is set in any case. Patches are told as by sg_doc_import. */
SG_API SG_MUST_USE sg_err sg_doc_binding_run(struct sg_doc_binding *binding, int timeout_ms,
                                             struct sg_doc_news *news);
/* Readable when run has something to do; owned by the binding. */
SG_API int sg_doc_binding_fd(const struct sg_doc_binding *binding);

#ifdef __cplusplus
}
#endif
#endif
