/* A group's state as records, and back. A step of the group changes few of them: those of one or
 * two senders after a message, one of a proposal, a path of nodes after a commit. All records of a
 * step belong into one atomic, durable write, which comes before what the step wants to send.
 *
 * A sender's record has its ratchets, the secrets that its first message left beside its way down
 * the secret tree, and the name of the sender before it: so the records of an epoch are found
 * without a list, from the newest one on, which a record of its own names. */
#ifndef SG_MLS_STATE_H
#define SG_MLS_STATE_H

#include <assert.h>

#include "mls/group.h"

enum sg_mls_record_kind {
    SG_MLS_RECORD_STATE = 1,     /* index 0 */
    SG_MLS_RECORD_NODE = 2,      /* by node index */
    SG_MLS_RECORD_EPOCH = 3,     /* by epoch modulo 2^32 */
    SG_MLS_RECORD_LOG = 4,       /* by the epoch that the commit ended, modulo 2^32 */
    SG_MLS_RECORD_PENDING = 5,   /* index 0 */
    SG_MLS_RECORD_DISCARDED = 6, /* by slot */
    SG_MLS_RECORD_SENDER = 7, /* sg_mls_sender_record; by leaf, UINT32_MAX: which is the newest */
    SG_MLS_RECORD_CACHED = 8, /* a proposal, by its number in the epoch */
    SG_MLS_RECORD_CACHE = 9,  /* index 0: the next number */
};

/* Senders are told apart by leaf, so their kind tells the epoch: of the epochs whose records are
 * there at one time, no two are equal in it. */
#define SG_MLS_EPOCH_TAGS UINT64_C(64)
static_assert(SG_MLS_PAST_MAX + 1 < SG_MLS_EPOCH_TAGS, "the epochs that are kept have tags");
static inline uint32_t sg_mls_sender_record(uint64_t epoch)
{
    return SG_MLS_RECORD_SENDER | (uint32_t)(epoch % SG_MLS_EPOCH_TAGS) << 4;
}

struct sg_mls_record {
    uint32_t kind; /* enum sg_mls_record_kind, or sg_mls_sender_record: below 1024 */
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
SG_MUST_USE sg_err sg_mls_state_replace(struct sg_mls_group *group, struct sg_mls_group *old,
                                        const struct sg_mls_store *store);
/* SG_ERR_NOT_FOUND: no such group; SG_ERR_CORRUPT: not what save wrote; SG_ERR_UNSUPPORTED: its
 * suite; SG_ERR_NO_MEMORY; errors of read. */
SG_MUST_USE sg_err sg_mls_state_load(const struct sg_mls_config *config,
                                     const struct sg_mls_store *store, struct sg_bytes group_id,
                                     struct sg_mls_group **out);

/* An epoch with all its ratchets. */
void sg_mls_write_epoch(struct sg_writer *w, const void *epoch);

#endif
