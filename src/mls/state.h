/* A group's state as records, and back. A step of the group changes few of them: its ratchets after
 * a message, a path of nodes after a commit. All records of a step belong into one atomic, durable
 * write, which comes before what the step wants to send. */
#ifndef SG_MLS_STATE_H
#define SG_MLS_STATE_H

#include "mls/group.h"

enum sg_mls_record_kind {
    SG_MLS_RECORD_STATE = 1,     /* index 0 */
    SG_MLS_RECORD_NODE = 2,      /* by node index */
    SG_MLS_RECORD_EPOCH = 3,     /* by epoch modulo 2^32 */
    SG_MLS_RECORD_LOG = 4,       /* by the epoch that the commit ended, modulo 2^32 */
    SG_MLS_RECORD_PENDING = 5,   /* index 0 */
    SG_MLS_RECORD_DISCARDED = 6, /* by slot */
};

struct sg_mls_record {
    uint32_t kind; /* enum sg_mls_record_kind */
    uint32_t index;
    struct sg_bytes value; /* data NULL: the record goes */
};

struct sg_mls_store {
    void *user;
    /* All or nothing, and durable on return. Errors go to the caller of the operation. */
    sg_err (*write)(void *user, struct sg_bytes group_id, const struct sg_mls_record *records,
                    uint32_t count);
    /* The value in the arena; SG_ERR_NOT_FOUND. */
    sg_err (*read)(void *user, struct sg_bytes group_id, const struct sg_mls_record *which,
                   struct sg_mls_arena *arena, struct sg_bytes *value);
};

/* Writes what has changed since the last save that succeeded. Errors of write,
 * SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_mls_state_save(struct sg_mls_group *group, const struct sg_mls_store *store);
/* The first save of group, in whose place old is in the store: one write replaces all of it. */
SG_MUST_USE sg_err sg_mls_state_replace(struct sg_mls_group *group, const struct sg_mls_group *old,
                                        const struct sg_mls_store *store);
/* SG_ERR_NOT_FOUND: no such group; SG_ERR_CORRUPT: not what save wrote; SG_ERR_UNSUPPORTED: its
 * suite; SG_ERR_NO_MEMORY; errors of read. */
SG_MUST_USE sg_err sg_mls_state_load(const struct sg_mls_config *config,
                                     const struct sg_mls_store *store, struct sg_bytes group_id,
                                     struct sg_mls_group **out);

/* The parts, for both directions. */
void sg_mls_write_epoch(struct sg_writer *w, const void *epoch);
void sg_mls_write_log(struct sg_writer *w, const void *log);

#endif
