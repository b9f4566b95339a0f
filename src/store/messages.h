/* Messages of durable topics with their authors' proofs, in a node's state directory:
 *
 *   messages.db   SQLite, mode 0600, with messages.db-wal and messages.db-shm while it is open
 *
 * Frames are kept as they went over the wire, so whoever gets one later can verify it as on the
 * first day. Schema and reasons: top of messages.c.
 *
 * Every call is at most one transaction, and what has returned is on the disk: a process that is
 * killed, or a machine that loses power, keeps all messages put before. Calls block on the disk.
 * One thread at a time. After an error other than of open nothing has changed, and the object can
 * be used on.
 *
 * Errors of all calls, besides those named: as in peers.h. */
#ifndef SG_STORE_MESSAGES_H
#define SG_STORE_MESSAGES_H

#include "base/buf.h"
#include "os/file.h"
#include "wire/limits.h"

#define SG_MESSAGES_FILE "messages.db"
#define SG_MESSAGES_BUSY_MS 500

struct sg_messages;

struct sg_messages_options {
    const char *dir;               /* there already; borrowed for the call */
    const struct sg_mem *mem;      /* of rows as well; SQLite has its own memory */
    const struct sg_file_sys *sys; /* makes the file; SQLite has its own calls */
};

/* Opens the database, or makes an empty one. The caller owns *out; NULL on an error, and a file
 * that was there is as it was. Does not read it through: it may be large.
 * SG_ERR_CORRUPT, SG_ERR_UNSUPPORTED (newer), SG_ERR_TOO_LARGE (the path). */
SG_MUST_USE sg_err sg_messages_open(struct sg_messages **out,
                                    const struct sg_messages_options *options);
/* NULL is allowed. */
void sg_messages_close(struct sg_messages *messages);

/* One message. Putting: bytes are borrowed, number is not used. Reading: one reference each. */
struct sg_messages_row {
    struct sg_topic_id topic;
    struct sg_msg_id id;
    struct sg_peer_id author;
    uint64_t time_ms; /* signed */
    uint64_t number;  /* grows with each message put */
    uint8_t root[SG_ID_LEN];
    struct sg_buf *gossip, *root_frame, *key_frame; /* whole frames */
};

/* Adds rows [count]; those that are there stay as they are. One transaction. */
SG_MUST_USE sg_err sg_messages_put(struct sg_messages *messages, const struct sg_messages_row *rows,
                                   size_t count);

struct sg_messages_query {
    struct sg_topic_id topic;
    uint64_t since_ms,
        after_number;     /* behind this place in the order of (time_ms, number): the last
                                      * row's; at first the earliest time wanted and 0 */
    uint64_t upto_number; /* no later ones */
    bool has_proofs;      /* root_frame and key_frame are wanted, too */
};
/* The next messages in order of (time_ms, number) into rows [cap], *count of them, 0 at the end.
 * The caller gives each row to sg_messages_row_fini. Rows whose proof is gone are passed over when
 * it is wanted. */
SG_MUST_USE sg_err sg_messages_read(struct sg_messages *messages,
                                    const struct sg_messages_query *query,
                                    struct sg_messages_row *rows, size_t cap, size_t *count);
void sg_messages_row_fini(struct sg_messages_row *row);

/* How far back the newest messages of a query reach, with proofs, that are count_max and bytes_max
 * of frames at most, a root's counted once a batch: *from_ms is the earliest time of which all are
 * among them, query's since_ms when all fit. */
SG_MUST_USE sg_err sg_messages_reach(struct sg_messages *messages,
                                     const struct sg_messages_query *query, uint64_t count_max,
                                     uint64_t bytes_max, uint64_t *from_ms);

/* The number given last, 0 when nothing was ever put. */
SG_MUST_USE sg_err sg_messages_last(struct sg_messages *messages, uint64_t *number);

/* Drops what is signed before min_time_ms, then the oldest until the file's used pages are within
 * bytes_max. *dropped: how many went for want of room. */
SG_MUST_USE sg_err sg_messages_trim(struct sg_messages *messages, uint64_t min_time_ms,
                                    uint64_t bytes_max, uint64_t *dropped);

#endif
