/* A ratchet tree in pieces for a network that fetches content by its hash: newcomers of a large
 * group get the tree from whoever has a piece, and members of a later epoch share the pieces in
 * which nothing has changed.
 *
 * A chunk is the encoding of SPAN nodes in a row (optional<Node>, as in ratchet_tree), so a commit
 * changes the few chunks that its path goes through. The manifest names all by the suite's hash:
 *   uint8 version = 1; uint16 suite; uint32 nodes; opaque hashes<V> (each hash_len, in order)
 * Neither is signed: the tree that comes out is checked against the GroupInfo at the join, so a
 * wrong manifest costs a download and no more. */
#ifndef SG_MLS_TREE_CHUNKS_H
#define SG_MLS_TREE_CHUNKS_H

#include "mls/arena.h"
#include "mls/tree.h"

/* Nodes of a chunk: 128 leaves, 290 KB in the post-quantum default when full. */
#define SG_MLS_CHUNK_SPAN 256
/* Bytes of a chunk that comes: a node has at most two keys, a signature and its extensions. */
#define SG_MLS_CHUNK_MAX (SG_MLS_CHUNK_SPAN * 64 * 1024)

/* How many chunks a tree has. */
uint32_t sg_mls_chunk_count(const struct sg_mls_tree *tree);
/* In the arena. SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_mls_chunk_write(const struct sg_mls_tree *tree, struct sg_mls_arena *arena,
                                      uint32_t index, struct sg_bytes *out);
SG_MUST_USE sg_err sg_mls_manifest_write(const struct sg_mls_tree *tree, struct sg_mls_arena *arena,
                                         struct sg_bytes *out);

/* What a manifest says; spans into it. */
struct sg_mls_manifest {
    const struct sg_mls_suite *suite;
    uint32_t count;         /* chunks */
    struct sg_bytes hashes; /* [count * suite->hash_len] */
};
/* SG_ERR_UNSUPPORTED: version or suite; SG_ERR_MALFORMED: another number of hashes than nodes need;
 * SG_ERR_LIMIT: more nodes than any tree has; errors of reading. */
SG_MUST_USE sg_err sg_mls_manifest_read(const struct sg_mls_suite *suites, size_t suite_count,
                                        struct sg_bytes data, struct sg_mls_manifest *out);
/* The number of the first chunk at or after from with this content. SG_ERR_NOT_FOUND: none has it;
 * SG_ERR_OVERSIZED. */
SG_MUST_USE sg_err sg_mls_manifest_find(const struct sg_mls_manifest *manifest, uint32_t from,
                                        struct sg_bytes chunk, uint32_t *index);

#endif
