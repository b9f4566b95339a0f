/* Durable topics of a running node: what the core gives out goes to messages.db, and comes back
 * for new subscriptions and after a restart.
 *
 * The loop never waits for the disk: accepted messages gather for SG_RT_FLUSH_NS, then a job with a
 * thread of its own writes them in one transaction, one job at a time (as cache.h). So a crash of
 * the process costs the last tenth of a second of messages, which neighbours still have. Once a
 * minute a job drops what is too old or too much, whether or not anything is written. What waits,
 * and is being written, is bounded in bytes; a disk that does not keep up, or is full, costs
 * messages, counted, and the program is told. Only `mutex` holder may use the database. Lock order:
 * mutex, then the node's lock. */
#ifndef SG_RUNTIME_ARCHIVE_H
#define SG_RUNTIME_ARCHIVE_H

#include <saorsa/gossip.h>
#include <stdatomic.h>

#include <uv.h>

#include "node/core.h"
#include "store/messages.h"

struct sg_node;
struct sg_subscription;

#define SG_RT_FLUSH_NS (100 * SG_NS_PER_MS)
/* After an error. */
#define SG_RT_FLUSH_AGAIN_NS SG_NS_PER_S
#define SG_RT_TRIM_NS (60 * SG_NS_PER_S)
/* With what is being written. */
#define SG_RT_UNWRITTEN_MAX (UINT64_C(16) << 20)
#define SG_RT_PAST_PAGE 64

/* One write: rows, if there are any, then, if wanted, a trim. */
struct sg_rt_write {
    struct sg_messages *db;
    uv_mutex_t *mutex;
    uv_async_t *wake;
    uv_thread_t thread;
    atomic_bool is_done;
    struct sg_messages_row *rows; /* [count] */
    size_t count;
    uint64_t bytes;
    bool trims;
    uint64_t min_time_ms, bytes_max;
    uint64_t dropped;
    sg_err err;
};

struct sg_rt_archive {
    char *dir; /* NULL: nothing can be kept */
    const struct sg_file_sys *sys;
    uint64_t age_ms, bytes_max;
    uv_mutex_t mutex; /* of db */
    bool has_mutex;
    _Atomic(struct sg_messages *) db; /* NULL until the first durable subscription; set once */
    /* under the node's lock */
    struct sg_messages_row *rows; /* [count] to be written */
    size_t count, cap;
    uint64_t bytes;
    struct sg_rt_write *job; /* under way, or NULL */
    sg_time_ns flush_at, trim_at;
    bool has_failed; /* the last write; told once */
    uint64_t stored, lost;
};

SG_MUST_USE sg_err sg_rt_archive_init(struct sg_node *node, const struct sg_node_config *config,
                                      const struct sg_file_sys *sys);
void sg_rt_archive_fini(struct sg_node *node);

/* Opens the database. Waits for the disk; not under the lock. SG_ERR_INVALID_ARGUMENT: no
 * state_dir. Errors of sg_messages_open. */
SG_MUST_USE sg_err sg_rt_archive_open(struct sg_node *node);
/* Keeps a sentence on why it, or reading it, failed; not under the lock. */
void sg_rt_archive_refused(struct sg_node *node, sg_err err);
/* Not under the lock, the loop has ended: writes what waits. */
void sg_rt_archive_finish(struct sg_node *node);

/* Below: under the node's lock. */

/* STORE. */
void sg_rt_archive_store(struct sg_node *node, const struct sg_core_out *out);
/* Takes what a job brought, and starts what is due. */
void sg_rt_run_archive(struct sg_node *node);
sg_time_ns sg_rt_archive_deadline(const struct sg_node *node);

/* ---- past.c: reading ---- */

/* What a new durable subscription needs of the disk. */
struct sg_rt_recall {
    struct sg_messages_row *rows; /* [count] of the retention, for the core */
    size_t count, cap;
    bool is_whole;    /* rows has all that is wanted */
    uint64_t from_ms; /* of the retention only what is signed from then on; 0: all of it */
    uint64_t last;    /* number */
};
/* Reads it, the newest where the core has no room for more; not under the lock. Errors of
 * sg_messages_read. */
SG_MUST_USE sg_err sg_rt_recall(struct sg_node *node, const struct sg_topic_id *topic,
                                struct sg_rt_recall *recall);
/* Only the place: another subscription may have made the topic durable. */
SG_MUST_USE sg_err sg_rt_recall_place(struct sg_node *node, struct sg_rt_recall *recall);
void sg_rt_recall_fini(struct sg_node *node, struct sg_rt_recall *recall);
/* Gives the core what was kept, and lets go of it; under the lock. */
void sg_rt_recall_feed(struct sg_node *node, const struct sg_topic_id *topic,
                       struct sg_rt_recall *recall);

/* Where a subscription is in what was kept before it began: first the database, then what was in
 * memory, which is newer. */
struct sg_rt_past {
    uv_mutex_t mutex; /* of all below: readers come from any thread */
    struct sg_messages_query query;
    bool reads_db;
    struct sg_messages_row rows[SG_RT_PAST_PAGE]; /* the page read last, from at on */
    size_t at, count;
    struct sg_message **recent; /* [recent_count] in order of time, from recent_at on */
    uint32_t recent_at, recent_count, recent_cap;
};

/* Under the lock, once the topic is subscribed. last: of the recall, 0 = the database is not
 * wanted. SG_ERR_NO_MEMORY, SG_ERR_LIMIT. */
SG_MUST_USE sg_err sg_rt_past_new(struct sg_node *node, const struct sg_subscription *sub,
                                  uint64_t last, struct sg_rt_past **out);
/* Nobody reads any more. NULL is allowed. */
void sg_rt_past_free(const struct sg_mem *mem, struct sg_rt_past *past);
/* The next message; not under the lock. SG_ERR_NOT_FOUND at the end, SG_ERR_NO_MEMORY. A database
 * that cannot be read ends it, and is reported. */
SG_MUST_USE sg_err sg_rt_past_next(struct sg_node *node, const struct sg_subscription *sub,
                                   struct sg_rt_past *past, struct sg_message **message);

#endif
