/* Batches that wait for what they depend on. */
#ifndef SG_CRDT_PENDING_H
#define SG_CRDT_PENDING_H

#include "base/index.h"
#include "crdt/limits.h"

#define SG_PENDING_NONE UINT32_MAX

struct sg_pending {
    uint8_t missing[SG_ID_LEN]; /* first: for the index */
    uint8_t name[SG_ID_LEN];
    uint32_t source, len;
    uint32_t next;  /* that waits for the same, or the next free one */
    uint8_t *bytes; /* owned */
};

/* What came from one peer. */
struct sg_pending_source {
    uint32_t source, bytes;
};

struct sg_pending_list {
    const struct sg_mem *mem;
    const struct sg_crdt_limits *limits; /* borrowed */
    struct sg_pending *entries;          /* [used] of cap, some of them free */
    uint32_t count, used, cap, free;
    struct sg_index by_missing; /* the first one that waits for a name */
    struct sg_index by_name;
    uint64_t bytes;
    struct sg_pending_source *sources; /* [source_count] */
    uint32_t source_count, source_cap;
};

/* keys and limits must outlive it. */
void sg_pending_init(struct sg_pending_list *list, const struct sg_mem *mem,
                     const struct sg_index_keys *keys, const struct sg_crdt_limits *limits);
void sg_pending_fini(struct sg_pending_list *list);
bool sg_pending_has(const struct sg_pending_list *list, const uint8_t name[SG_ID_LEN]);
/* entry: missing, name (not yet there) and source; bytes are copied. SG_ERR_LIMIT,
 * SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_pending_add(struct sg_pending_list *list, const struct sg_pending *entry,
                                  struct sg_bytes bytes);
/* Takes one out that waits for this name; the caller frees its bytes. False: none. */
bool sg_pending_take(struct sg_pending_list *list, const uint8_t missing[SG_ID_LEN],
                     struct sg_pending *out);

#endif
