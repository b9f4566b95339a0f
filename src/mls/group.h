/* The state of one member in one group. An operation builds what comes next beside what is, and
 * only then swaps; the tree is changed in a transaction that an error undoes. So after an error the
 * group is what it was. */
#ifndef SG_MLS_GROUP_H
#define SG_MLS_GROUP_H

#include "mls/config.h"
#include "mls/epoch.h"
#include "mls/validate.h"

/* Past epochs kept at most, whatever the config says: each costs a commit's nodes. */
#define SG_MLS_PAST_MAX 32
/* Epochs kept of which a rollback came back and that were used. */
#define SG_MLS_DISCARDED_MAX 32
/* Proposals waiting for a commit. */
#define SG_MLS_CACHE_MAX 4096

/* An epoch before the current one, the newest first. */
struct sg_mls_past {
    struct sg_mls_epoch *epoch;
    struct sg_mls_tree_log log; /* undoes the commit that ended it */
    bool is_log_stored;
};

/* A proposal of this epoch that came, or that we sent. */
struct sg_mls_cached {
    uint8_t ref[SG_MLS_HASH_MAX];
    uint8_t *message; /* [len] owned: encoded AuthenticatedContent */
    size_t len;
    uint32_t serial; /* of those of this epoch; rising along the cache */
    bool is_stored;
    bool has_keys; /* our own Update: */
    uint8_t encryption_private[SG_MLS_KEM_PRIVATE_MAX];
    uint8_t signature_private[SG_MLS_SIG_PRIVATE_MAX];
};

struct sg_mls_resumption {
    uint64_t epoch;
    struct sg_mls_secret secret;
};

/* A ReInit that was committed: the group is closed, its successor looks so. */
struct sg_mls_closing {
    uint8_t *raw; /* [len] owned: encoded ReInit; NULL: none */
    size_t len;
};

/* A commit of our own that the group has not accepted yet. */
struct sg_mls_pending {
    struct sg_mls_epoch *epoch; /* the state after it */
    struct sg_mls_tree_log log; /* redoes it */
    struct sg_mls_closing closing;
    bool has_hash; /* a private one, which we cannot open; of a public one epoch tells enough */
    uint8_t hash[SG_MLS_HASH_MAX]; /* of the message */
    bool is_stored;
};

struct sg_mls_group {
    const struct sg_mls_config *config;
    const struct sg_mls_suite *suite;
    struct sg_mls_tree tree;
    struct sg_mls_epoch *epoch;
    struct sg_mls_ready *ready; /* of the signature key of the epoch, or of none */
    struct sg_mls_past past[SG_MLS_PAST_MAX];
    uint32_t past_count;
    struct sg_mls_epoch *discarded[SG_MLS_DISCARDED_MAX]; /* their ratchets; NULL: free */
    uint32_t discarded_stored;                            /* bits of the slots in the store */
    struct sg_mls_resumption *resumption;                 /* [resumption_cap] a ring */
    uint32_t resumption_count;
    uint32_t resumption_cap;
    struct sg_mls_cached *cache; /* [cache_cap] */
    uint32_t cache_count;
    uint32_t cache_cap;
    size_t cache_bytes;             /* of its messages */
    struct sg_mls_pending *pending; /* NULL: none */
    struct sg_mls_closing closing;
    uint32_t cache_next;    /* serial of the next proposal */
    uint32_t cache_stored;  /* serials of those in the store are below it */
    bool is_cache_stored;   /* the cache is in the store as it is here */
    bool is_state_stored;   /* and so is what belongs to no epoch */
    bool is_pending_stored; /* there is a pending commit in the store */
    bool is_stored;         /* there is this group in the store */
    uint64_t stored_from;   /* the oldest epoch in the store */
    uint64_t stored_to;     /* the newest one: a rollback leaves it above the current one */
    struct sg_mls_epoch
        *gone;       /* epochs whose records are due to go; nothing else is left of them */
    bool is_removed; /* by a commit that we saw; without undo nothing is left to decrypt with */
};

/* A group without epoch or tree. SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_mls_group_new(const struct sg_mls_config *config,
                                    const struct sg_mls_suite *suite, struct sg_mls_group **out);
/* Wipes and frees; NULL is allowed. */
void sg_mls_group_free(struct sg_mls_group *group);

static inline uint32_t sg_mls_group_leaf(const struct sg_mls_group *group)
{
    return group->epoch->own.leaf;
}
struct sg_mls_window sg_mls_group_window(const struct sg_mls_config *config);
/* The rules of the current epoch. */
struct sg_mls_rules sg_mls_group_rules(const struct sg_mls_group *group, uint64_t now);
/* Who signs for us. */
struct sg_mls_signer sg_mls_group_signer(const struct sg_mls_group *group);
/* SG_ERR_MLS_REMOVED when we are no member, SG_ERR_INVALID_STATE when the group is closed. */
SG_MUST_USE sg_err sg_mls_group_check_open(const struct sg_mls_group *group);
/* Adopts the next epoch: never fails. Takes epoch and what is in log and closing. Proposals and a
 * pending commit of the old epoch are dropped. */
void sg_mls_group_step(struct sg_mls_group *group, struct sg_mls_epoch *epoch,
                       struct sg_mls_tree_log *log, struct sg_mls_closing *closing);
/* A commit removed us: never fails. A rollback takes it back while the config has undo_epochs. */
void sg_mls_group_remove_own(struct sg_mls_group *group);
/* Past epochs that the config no longer keeps go; those it can no longer undo are wiped, and so is
 * all of a group that removed us. */
void sg_mls_group_trim(struct sg_mls_group *group);
/* Wipes and frees an epoch, now, or when its records have gone from the store. NULL is allowed. */
void sg_mls_group_forget_epoch(struct sg_mls_group *group, struct sg_mls_epoch *epoch);
/* Frees the epochs whose records have gone. */
void sg_mls_group_free_gone(struct sg_mls_group *group);
/* Where the next resumption PSK goes: in the place of the oldest, when the ring is full. */
struct sg_mls_resumption *sg_mls_group_next_resumption(struct sg_mls_group *group);
/* Notes the resumption PSK of the current epoch. */
void sg_mls_group_keep_resumption(struct sg_mls_group *group);
/* The resumption PSK of an epoch of this group, or NULL. */
const struct sg_mls_secret *sg_mls_group_resumption(const struct sg_mls_group *group,
                                                    uint64_t epoch);
/* Adopts our pending commit: never fails when there is one. SG_ERR_INVALID_STATE: there is none. */
SG_MUST_USE sg_err sg_mls_group_merge(struct sg_mls_group *group);
void sg_mls_pending_free(struct sg_mls_group *group, struct sg_mls_pending *pending);
void sg_mls_closing_fini(const struct sg_mls_config *config, struct sg_mls_closing *closing);
/* The leaf node of a member as it was in the epoch of past[depth - 1], or now (depth 0); NULL:
 * there was none. Linear in what the logs of that many commits have, at most SG_MLS_PAST_MAX: only
 * late messages ask for a depth, and each of them costs a signature's verification besides. */
const struct sg_mls_node *sg_mls_group_node_then(const struct sg_mls_group *group, uint32_t depth,
                                                 uint32_t leaf);

/* draft-ietf-mls-extensions-08 s4.4: SafeExportSecret, once for each component and epoch, then it
 * is deleted. out [hash_len]. SG_ERR_DUPLICATE: given before; SG_ERR_MLS_REMOVED,
 * SG_ERR_INVALID_STATE. */
SG_MUST_USE sg_err sg_mls_group_safe_export(struct sg_mls_group *group, uint16_t component,
                                            struct sg_mls_secret *out);
/* Caches a proposal; keys may be NULL. SG_ERR_LIMIT, SG_ERR_NO_MEMORY, SG_ERR_DUPLICATE: there
 * already. */
struct sg_mls_update_keys {
    struct sg_bytes encryption;
    struct sg_bytes signature;
};
SG_MUST_USE sg_err sg_mls_cache_add(struct sg_mls_group *group, struct sg_mls_arena *arena,
                                    const struct sg_mls_authentic *message,
                                    const struct sg_mls_update_keys *keys);
const struct sg_mls_cached *sg_mls_cache_find(const struct sg_mls_group *group,
                                              struct sg_bytes ref);
void sg_mls_cache_clear(struct sg_mls_group *group);
/* Forgets one. SG_ERR_NOT_FOUND. */
SG_MUST_USE sg_err sg_mls_cache_drop(struct sg_mls_group *group, struct sg_bytes ref);
/* Forgets the newest, all but count. */
void sg_mls_cache_shrink(struct sg_mls_group *group, uint32_t count);
/* Takes back the last commit (config->undo_epochs), also one that removed us: the group is in the
 * epoch before, without proposals. Who processes that commit once more goes on where it was. That
 * can be done with one in the clear (an encrypted one's key is used), unless it covers an Update of
 * ours: its keys went with the proposals.
 * SG_ERR_NOT_FOUND: too far back; SG_ERR_CORRUPT: what was loaded does not lead there;
 * SG_ERR_LIMIT: SG_MLS_DISCARDED_MAX others wait for that. */
SG_MUST_USE sg_err sg_mls_group_rollback(struct sg_mls_group *group);

/* ---- epochs that were rolled back (discard.c) ---- */

/* Keeps what was used of an epoch, which is the group's from then on. SG_ERR_LIMIT: no room; the
 * epoch stays the caller's. */
SG_MUST_USE sg_err sg_mls_discard_epoch(struct sg_mls_group *group, struct sg_mls_epoch *epoch);
/* Puts it into the next epoch of the group if that is the same one, and forgets what no rollback
 * can come back to. */
void sg_mls_recall_epoch(struct sg_mls_group *group, struct sg_mls_epoch *epoch);
void sg_mls_discarded_clear(struct sg_mls_group *group);

#endif
