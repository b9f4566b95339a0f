/* TreeKEM: making and following an UpdatePath (RFC 9420 s7.4 to s7.6). The tree is in a transaction
 * and has the proposals of the commit applied. After an error the transaction is to be undone. */
#ifndef SG_MLS_TREEKEM_H
#define SG_MLS_TREEKEM_H

#include "mls/signed.h"
#include "mls/tree.h"

/* A private key of ours at one node. */
struct sg_mls_private_key {
    uint32_t node;
    uint8_t key[SG_MLS_KEM_PRIVATE_MAX];
};

/* Our leaf and the keys that we hold: [0] is the leaf's, the others are on its direct path. */
struct sg_mls_private {
    uint32_t leaf;
    uint32_t count;
    struct sg_mls_private_key keys[SG_MLS_LEVELS_MAX + 1];
};

/* The private key of a node, or NULL. */
const struct sg_mls_private_key *sg_mls_private_find(const struct sg_mls_private *own,
                                                     uint32_t node);
/* Adds or replaces. */
void sg_mls_private_put(struct sg_mls_private *own, uint32_t node, struct sg_bytes key);
/* RFC9420 s7.5: wipes the keys of nodes that are blank, or that are not in the tree. */
void sg_mls_private_prune(const struct sg_mls_tree *tree, struct sg_mls_private *own);

/* Leaves that the commit adds, in increasing order. */
struct sg_mls_leaves {
    uint32_t *at; /* [count] */
    uint32_t count;
    uint32_t cap;
};
bool sg_mls_leaves_has(const struct sg_mls_leaves *leaves, uint32_t leaf);

struct sg_mls_path_secrets {
    struct sg_mls_direct_path path;
    struct sg_mls_secret secrets[SG_MLS_LEVELS_MAX]; /* [path.count]; receiver: from `from` on */
    uint32_t from;                                   /* first one known */
    struct sg_mls_secret commit;
};

struct sg_mls_path_make {
    struct sg_mls_tree *tree;
    struct sg_mls_arena *arena;
    const struct sg_mls_signer *signer;
    struct sg_bytes group_id;
    uint32_t leaf;
    const struct sg_mls_leaf *leaf_template; /* signature_key, credential, capabilities,
                                              * extensions */
};

/* Draws new secrets, puts their public keys and a new leaf into the tree, gives the private keys
 * and, in the arena, the path without its ciphertexts. Errors of the suite, SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_mls_path_create(const struct sg_mls_path_make *in,
                                      struct sg_mls_path_secrets *secrets,
                                      struct sg_mls_private *own, struct sg_mls_path *out);
/* Encrypts the path secrets; context is the provisional GroupContext. SG_ERR_MALFORMED: a key in
 * the tree is none. */
SG_MUST_USE sg_err sg_mls_path_encrypt(const struct sg_mls_path_make *in,
                                       const struct sg_mls_path_secrets *secrets,
                                       struct sg_bytes context, const struct sg_mls_leaves *added,
                                       struct sg_mls_path *out);

/* RFC9420 s12.4.2: puts a received path into the tree. What was said of its leaf (s7.3) is checked
 * by the caller, parent hash and keys are checked here. SG_ERR_MLS_COMMIT: wrong number of nodes or
 * ciphertexts, wrong parent hash, a key that the tree has already. */
SG_MUST_USE sg_err sg_mls_path_merge(struct sg_mls_tree *tree, uint32_t sender,
                                     const struct sg_mls_path *path,
                                     const struct sg_mls_leaves *added,
                                     struct sg_mls_direct_path *filtered);

struct sg_mls_path_open {
    const struct sg_mls_tree *tree;
    struct sg_mls_arena *arena;
    const struct sg_mls_path *path;
    const struct sg_mls_leaves *added;
    struct sg_bytes context; /* provisional GroupContext */
};
/* Decrypts our path secret and derives those above it; own gets the new keys. secrets->path is
 * what merge gave. SG_ERR_AUTH: it does not decrypt; SG_ERR_MLS_COMMIT: a derived key is not the
 * one in the path, or nothing is for us. */
SG_MUST_USE sg_err sg_mls_path_decrypt(const struct sg_mls_path_open *in,
                                       struct sg_mls_path_secrets *secrets,
                                       struct sg_mls_private *own);
/* Derives from secrets->secrets[from] on, checks the public keys in the tree, sets the private keys
 * and commit. SG_ERR_MLS_COMMIT. */
SG_MUST_USE sg_err sg_mls_path_follow(const struct sg_mls_tree *tree,
                                      struct sg_mls_path_secrets *secrets,
                                      struct sg_mls_private *own);

#endif
