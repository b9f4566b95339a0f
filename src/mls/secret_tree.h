/* Secret tree and sender ratchets: RFC 9420 s9. Nothing is derived before it is needed, and what
 * was used to derive something is gone afterwards. A key is first looked up, which changes nothing
 * that one can see, and taken when the message has proved good. */
#ifndef SG_MLS_SECRET_TREE_H
#define SG_MLS_SECRET_TREE_H

#include "mls/index32.h"
#include "mls/label.h"
#include "mls/tree_math.h"

enum sg_mls_ratchet_kind {
    SG_MLS_RATCHET_HANDSHAKE,
    SG_MLS_RATCHET_APPLICATION,
};

/* How far a sender may be ahead of us or behind itself. */
struct sg_mls_window {
    uint32_t forward; /* generations that one message may skip */
    uint32_t kept;    /* keys of skipped messages kept for each ratchet */
};

struct sg_mls_message_key {
    uint32_t generation;
    uint8_t key[SG_MLS_AEAD_KEY_MAX];
    uint8_t nonce[SG_MLS_AEAD_NONCE_MAX];
};

struct sg_mls_ratchet {
    uint32_t next; /* the generation that secret belongs to */
    struct sg_mls_secret secret;
    struct sg_mls_message_key *kept; /* [kept_cap], by generation */
    uint32_t kept_count;
    uint32_t kept_cap;
};

struct sg_mls_sender_ratchets {
    uint32_t leaf;
    uint32_t before;       /* leaf of the sender that came before this one; UINT32_MAX: none */
    uint32_t next_changed; /* in the list of the tree */
    bool is_changed;       /* in that list */
    bool is_stored;        /* the store has a record of it */
    struct sg_mls_ratchet ratchet[2]; /* by enum sg_mls_ratchet_kind */
};

struct sg_mls_node_secret {
    uint32_t node;
    uint32_t origin; /* leaf of the sender whose ratchets left it; UINT32_MAX: the root */
    struct sg_mls_secret secret;
};

struct sg_mls_secret_tree {
    const struct sg_mem *mem;
    const struct sg_mls_suite *suite;
    struct sg_mls_window window;
    uint32_t leaves;
    bool is_head_stored; /* the store has a record of newest and the root */
    bool is_head_changed;
    bool is_gone;     /* nothing is left but which records are due to go */
    uint32_t newest;  /* leaf of the sender that came last; UINT32_MAX: none */
    uint32_t changed; /* first of the senders that were used since the last save: its number + 1;
                       * 0: none */
    struct sg_mls_index32 node_index;
    struct sg_mls_node_secret *nodes; /* [node_cap] */
    uint32_t node_count;
    uint32_t node_cap;
    struct sg_mls_index32 sender_index;
    struct sg_mls_sender_ratchets *senders; /* [sender_cap] */
    uint32_t sender_count;
    uint32_t sender_cap;
};

/* What a look-up found, and what taking it does. */
struct sg_mls_key_use {
    struct sg_mls_message_key found;
    uint32_t leaf;
    enum sg_mls_ratchet_kind kind;
    bool is_kept;                                            /* found among the kept ones */
    struct sg_mls_sender_ratchets sender;                    /* as it will be */
    uint32_t path_count;                                     /* > 0: the sender is new */
    struct sg_mls_node_secret copath[SG_MLS_LEVELS_MAX + 1]; /* secrets that come up */
    uint32_t copath_count;
    uint32_t path[SG_MLS_LEVELS_MAX + 1]; /* nodes whose secrets go */
    struct sg_mls_message_key *skipped;   /* [skipped_count] in the arena */
    uint32_t skipped_count;
    struct sg_mls_message_key *kept; /* [kept_cap] a larger array for the ratchet, or NULL */
    uint32_t kept_cap;
    uint8_t guard[4]; /* sending: the reuse guard */
};

/* A tree of leaves (a power of two) with encryption_secret at its root; the caller wipes its copy.
 * SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_mls_secret_tree_init(struct sg_mls_secret_tree *tree,
                                           const struct sg_mem *mem,
                                           const struct sg_mls_suite *suite, uint32_t leaves,
                                           const struct sg_mls_secret *encryption);
/* Wipes all. A zeroed tree is fine. */
void sg_mls_secret_tree_fini(struct sg_mls_secret_tree *tree);
/* Wipes all but the names of the senders whose records are due to go (is_gone). A tree that the
 * store knows nothing of is finished. */
void sg_mls_secret_tree_forget(struct sg_mls_secret_tree *tree);
/* The store has all of it, each sender in a record of its own; or none of it. */
void sg_mls_secret_tree_set_stored(struct sg_mls_secret_tree *tree);
void sg_mls_secret_tree_set_unstored(struct sg_mls_secret_tree *tree);
bool sg_mls_secret_tree_has_sender(const struct sg_mls_secret_tree *tree, uint32_t leaf);
/* The secret of a node, or NULL. */
const struct sg_mls_node_secret *sg_mls_secret_tree_node(const struct sg_mls_secret_tree *tree,
                                                         uint32_t node);
/* Restoring, into a tree that has what init sets: each adds one; a sender's kept keys are the
 * tree's from then on. SG_ERR_DUPLICATE: it is there; SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_mls_secret_tree_put_node(struct sg_mls_secret_tree *tree,
                                               const struct sg_mls_node_secret *node);
SG_MUST_USE sg_err sg_mls_secret_tree_put_sender(struct sg_mls_secret_tree *tree,
                                                 const struct sg_mls_sender_ratchets *sender);
/* The first generation of a ratchet that was not used yet. */
uint32_t sg_mls_secret_tree_next(const struct sg_mls_secret_tree *tree, uint32_t leaf,
                                 enum sg_mls_ratchet_kind kind);
struct sg_mls_key_want {
    uint32_t leaf; /* < leaves */
    enum sg_mls_ratchet_kind kind;
    uint32_t generation;
};
/* Key and nonce of one message. SG_ERR_DUPLICATE: the key was used already, or is no longer kept;
 * SG_ERR_MLS_TOO_FAR: more than window.forward generations ahead; SG_ERR_NO_MEMORY; errors of the
 * KDF. sg_mls_key_use_fini is due in any case. */
SG_MUST_USE sg_err sg_mls_secret_tree_find(struct sg_mls_secret_tree *tree,
                                           struct sg_mls_arena *arena,
                                           const struct sg_mls_key_want *want,
                                           struct sg_mls_key_use *use);
/* RFC9420 s9.2: deletes the key and all that it came from, keeps what was skipped. To be called
 * once, directly after a find that succeeded. Never fails. */
void sg_mls_secret_tree_take(struct sg_mls_secret_tree *tree, struct sg_mls_key_use *use);
/* The secret of a leaf itself, once (draft-ietf-mls-extensions-08 s4.4, leaves are components).
 * It and what it came from are deleted. SG_ERR_DUPLICATE: it was given before; SG_ERR_NO_MEMORY;
 * errors of the KDF. out is zeroed on error. */
SG_MUST_USE sg_err sg_mls_secret_tree_consume(struct sg_mls_secret_tree *tree, uint32_t leaf,
                                              struct sg_mls_secret *out);
/* Wipes and frees what a look-up left, taken or not. */
void sg_mls_key_use_fini(const struct sg_mls_secret_tree *tree, struct sg_mls_key_use *use);

#endif
