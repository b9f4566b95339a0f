/* The ratchet tree of one epoch (RFC 9420 s4, s7): what everyone may know of it. A node is one
 * block of memory with its encoding; no key objects. Tree hashes are kept for each node and
 * computed anew only along paths that changed. Keys are in a hash set, so that a second one is seen
 * at once.
 *
 * Changes are made in a transaction: a log takes each node that is replaced. Undoing turns the log
 * into one that can redo, so the same log is the way back from a commit that failed, the way
 * forward to a commit that was prepared, and the way back over accepted epochs for the layer that
 * resolves forks. */
#ifndef SG_MLS_TREE_H
#define SG_MLS_TREE_H

#include "mls/label.h"
#include "mls/leaf_node.h"
#include "mls/tree_math.h"

/* Credential types that a group uses at once; each leaf is checked for each. */
#define SG_MLS_CREDENTIAL_TYPES_MAX 64

struct sg_mls_node {
    uint32_t serial;       /* of the transaction that made it */
    uint32_t head_len;     /* leaf: LeafNode; parent: encryption_key<V>, parent_hash<V> */
    uint32_t unmerged_len; /* parent: bytes of unmerged leaves, 4 each, big-endian */
    uint32_t unmerged_cap;
    uint8_t data[]; /* [head_len + unmerged_cap] */
};

struct sg_mls_key_slot {
    uint32_t hash;
    uint32_t ref_plus_1; /* node * 2, + 1 for a signature key; 0 = empty */
};

/* All keys of the tree: encryption keys are one class, signature keys another. */
struct sg_mls_key_set {
    uint64_t seed[2];              /* secret from peers, who choose their keys */
    struct sg_mls_key_slot *slots; /* [mask + 1] */
    uint32_t mask;
    uint32_t count;
    uint32_t duplicates; /* keys that an earlier one equals */
};

struct sg_mls_type_count {
    uint16_t type;
    uint32_t count;
};

struct sg_mls_log_entry {
    uint32_t node;   /* UINT32_MAX: the number of leaves changed */
    uint32_t leaves; /* the other number of leaves */
    struct sg_mls_node *other;
};

struct sg_mls_tree_log {
    struct sg_mls_log_entry *entries; /* [cap] */
    uint32_t count;
    uint32_t cap;
};

struct sg_mls_tree {
    const struct sg_mem *mem;
    const struct sg_mls_suite *suite;
    struct sg_mls_node **nodes; /* [node_count(cap_leaves)], NULL: blank */
    uint8_t *hashes;            /* [the same][hash_len] */
    uint8_t *clean;             /* [the same] the hash is right, and so are those below */
    uint8_t *stored;            /* [the same] the node is in the store as it is here */
    uint32_t *unsaved;          /* [unsaved_count, room for the same] the others */
    uint32_t unsaved_count;
    uint32_t leaves; /* a power of two, or 0 */
    uint32_t cap_leaves;
    uint32_t members;
    uint32_t blank_hint; /* no blank leaf before it */
    uint32_t serial;
    struct sg_mls_key_set keys;
    struct sg_mls_type_count types[SG_MLS_CREDENTIAL_TYPES_MAX]; /* in use */
    uint32_t type_count;
    struct sg_mls_tree_log *log; /* of the running transaction, or NULL */
};

void sg_mls_tree_init(struct sg_mls_tree *tree, const struct sg_mem *mem,
                      const struct sg_mls_suite *suite);
void sg_mls_tree_fini(struct sg_mls_tree *tree);

/* ---- transactions ---- */

/* From now on changes go to log, which is zeroed and outlives the transaction. */
void sg_mls_tree_begin(struct sg_mls_tree *tree, struct sg_mls_tree_log *log);
/* Ends the transaction; the log now undoes it. */
void sg_mls_tree_end(struct sg_mls_tree *tree);
/* Takes back what is in log and ends the transaction; the log now redoes it. Never fails. */
void sg_mls_tree_undo(struct sg_mls_tree *tree, struct sg_mls_tree_log *log);
/* Does again what undo took back, on the same tree in the same state. Never fails. */
void sg_mls_tree_redo(struct sg_mls_tree *tree, struct sg_mls_tree_log *log);
void sg_mls_tree_log_fini(const struct sg_mls_tree *tree, struct sg_mls_tree_log *log);

/* ---- looking ---- */

static inline const struct sg_mls_node *sg_mls_tree_at(const struct sg_mls_tree *tree,
                                                       uint32_t node)
{
    return tree->nodes[node];
}
/* Is there a member at this leaf? False for indices beyond the tree. */
static inline bool sg_mls_tree_has_leaf(const struct sg_mls_tree *tree, uint32_t leaf)
{
    return leaf < tree->leaves && tree->nodes[2 * leaf] != NULL;
}
struct sg_bytes sg_mls_node_key(const struct sg_mls_node *node);
/* Second vector: a leaf's signature_key, a parent's parent_hash. */
struct sg_bytes sg_mls_node_second(const struct sg_mls_node *node);
/* Encoding of a leaf. */
static inline struct sg_bytes sg_mls_node_raw(const struct sg_mls_node *node)
{
    return sg_bytes(node->data, node->head_len);
}
static inline uint32_t sg_mls_node_unmerged_count(const struct sg_mls_node *node)
{
    return node->unmerged_len / 4;
}
uint32_t sg_mls_node_unmerged(const struct sg_mls_node *node, uint32_t i);
/* Index of the first unmerged leaf of a parent that is not below leaf. */
uint32_t sg_mls_node_unmerged_from(const struct sg_mls_node *node, uint32_t leaf);
bool sg_mls_node_has_unmerged(const struct sg_mls_node *node, uint32_t leaf);
/* The fields of the leaf of a member; spans live as long as the leaf. */
void sg_mls_tree_leaf(const struct sg_mls_tree *tree, uint32_t leaf, struct sg_mls_leaf *out);
/* Is there no node at or below node? */
bool sg_mls_tree_is_empty(const struct sg_mls_tree *tree, uint32_t node);
/* Does some node have this encryption key? */
bool sg_mls_tree_has_key(const struct sg_mls_tree *tree, struct sg_bytes key);

struct sg_mls_nodes {
    uint32_t *at; /* [count] in the arena */
    uint32_t count;
    uint32_t cap;
};
/* Resolution (RFC 9420 s4.1.1) of node, appended to out; stops with SG_ERR_LIMIT after max.
 * SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_mls_tree_resolution(const struct sg_mls_tree *tree, uint32_t node,
                                          uint32_t max, struct sg_mls_arena *arena,
                                          struct sg_mls_nodes *out);
/* A node of a filtered direct path, and the copath child below it. */
struct sg_mls_path_step {
    uint32_t node;
    uint32_t copath;
};
struct sg_mls_direct_path {
    struct sg_mls_path_step at[SG_MLS_LEVELS_MAX];
    uint32_t count;
};
/* Filtered direct path (RFC 9420 s4.1.2) of a leaf, upwards. */
void sg_mls_tree_filtered_path(const struct sg_mls_tree *tree, uint32_t leaf,
                               struct sg_mls_direct_path *out);

/* ---- changing ---- */

/* A node for put. SG_ERR_NO_MEMORY, or SG_ERR_TOO_LARGE. */
SG_MUST_USE sg_err sg_mls_node_new_leaf(const struct sg_mls_tree *tree, struct sg_bytes raw,
                                        struct sg_mls_node **out);
SG_MUST_USE sg_err sg_mls_node_new_parent(const struct sg_mls_tree *tree, struct sg_bytes key,
                                          struct sg_bytes parent_hash, struct sg_bytes unmerged,
                                          struct sg_mls_node **out);
/* Replaces a node; owns value from now on, also when it fails. NULL: blank. SG_ERR_NO_MEMORY:
 * nothing has changed. SG_ERR_LIMIT: too many credential types. */
SG_MUST_USE sg_err sg_mls_tree_put(struct sg_mls_tree *tree, uint32_t node,
                                   struct sg_mls_node *value);
/* A tree of that many leaves (a power of two); what falls off must be blank. SG_ERR_NO_MEMORY,
 * SG_ERR_LIMIT: more than SG_MLS_LEAVES_MAX. */
SG_MUST_USE sg_err sg_mls_tree_resize(struct sg_mls_tree *tree, uint32_t leaves);
/* RFC9420 s12.1.1: the leftmost blank leaf, the tree is extended for it if need be. */
SG_MUST_USE sg_err sg_mls_tree_free_leaf(struct sg_mls_tree *tree, uint32_t *leaf);
/* RFC9420 s12.1.1: puts a new member at the leftmost blank leaf. */
SG_MUST_USE sg_err sg_mls_tree_add(struct sg_mls_tree *tree, struct sg_bytes raw, uint32_t *leaf);
/* RFC9420 s12.1.2: replaces a leaf and blanks its direct path. */
SG_MUST_USE sg_err sg_mls_tree_update(struct sg_mls_tree *tree, uint32_t leaf, struct sg_bytes raw);
/* RFC9420 s12.1.3: blanks a leaf and its direct path; the caller truncates at last. */
SG_MUST_USE sg_err sg_mls_tree_remove(struct sg_mls_tree *tree, uint32_t leaf);
/* RFC9420 s7.7: halves the tree while its right half is blank. */
SG_MUST_USE sg_err sg_mls_tree_truncate(struct sg_mls_tree *tree);
SG_MUST_USE sg_err sg_mls_tree_blank_path(struct sg_mls_tree *tree, uint32_t leaf);

/* Each node is in the store as it is here; or none is, of those there is room for. */
void sg_mls_tree_set_stored(struct sg_mls_tree *tree);
void sg_mls_tree_set_unstored(struct sg_mls_tree *tree);

/* ---- key set (key_set.c) ---- */

/* Of any bytes that members choose, with the secret seed of the tree. */
uint32_t sg_mls_keys_hash(const struct sg_mls_tree *tree, struct sg_bytes key, bool is_signature);
SG_MUST_USE sg_err sg_mls_keys_reserve(struct sg_mls_tree *tree, uint32_t more);
/* The key of a node that is in its place; is_signature: a leaf's signature key. */
void sg_mls_keys_add(struct sg_mls_tree *tree, uint32_t node, bool is_signature);
void sg_mls_keys_remove(struct sg_mls_tree *tree, uint32_t node, bool is_signature);

/* ---- hashes (tree_hash.c, parent_hash.c) ---- */

/* RFC9420 s7.8: tree hash of a node [hash_len]; borrowed until the next change. */
const uint8_t *sg_mls_tree_hash(struct sg_mls_tree *tree, uint32_t node);
/* Tree hash of the root. */
struct sg_bytes sg_mls_tree_root_hash(struct sg_mls_tree *tree);
/* RFC9420 s7.9: parent hash of the parent node p with the given copath child -> out [hash_len].
 * SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_mls_tree_parent_hash(struct sg_mls_tree *tree, uint32_t p, uint32_t sibling,
                                           uint8_t *out);
/* RFC9420 s7.9.2: are all parent nodes parent-hash valid, and (s12.4.3.1) all unmerged leaves where
 * they must be? SG_ERR_MLS_TREE, SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_mls_tree_verify_parents(struct sg_mls_tree *tree);

/* ---- codec (tree_codec.c) ---- */

/* RFC9420 s12.4.3.3: a ratchet_tree vector, all of data, into a tree without nodes.
 * SG_ERR_MLS_TREE: a leaf in a parent's place, the last node blank, unmerged leaves not sorted, a
 * key that comes twice; SG_ERR_LIMIT; SG_ERR_NO_MEMORY; errors of reading. The tree is to be
 * finished in any case. */
SG_MUST_USE sg_err sg_mls_tree_decode(struct sg_mls_tree *tree, struct sg_bytes data);
/* optional<Node> of ratchet_tree; NULL: blank. */
void sg_mls_write_node(struct sg_writer *w, const struct sg_mls_node *node, bool is_leaf);
void sg_mls_write_tree(struct sg_writer *w, const struct sg_mls_tree *tree);

#endif
