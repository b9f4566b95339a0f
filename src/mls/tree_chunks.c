#include "mls/tree_chunks.h"

#define VERSION 1

/* Nodes up to the last that is not blank, as ratchet_tree has them. */
static uint32_t nodes_of(const struct sg_mls_tree *tree)
{
    uint32_t count = sg_mls_node_count(tree->leaves);
    while (count > 0 && tree->nodes[count - 1] == NULL)
        count--;
    return count;
}

static uint32_t chunks_of(uint32_t nodes)
{
    return nodes / SG_MLS_CHUNK_SPAN + (nodes % SG_MLS_CHUNK_SPAN != 0);
}

uint32_t sg_mls_chunk_count(const struct sg_mls_tree *tree)
{
    return chunks_of(nodes_of(tree));
}

struct span {
    const struct sg_mls_tree *tree;
    uint32_t from;
    uint32_t to;
};

static void write_span(struct sg_writer *w, const void *what)
{
    const struct span *span = what;
    for (uint32_t i = span->from; i < span->to; i++)
        sg_mls_write_node(w, span->tree->nodes[i], sg_mls_is_leaf(i));
}

sg_err sg_mls_chunk_write(const struct sg_mls_tree *tree, struct sg_mls_arena *arena,
                          uint32_t index, struct sg_bytes *out)
{
    uint32_t nodes = nodes_of(tree);
    struct span span = {tree, index * SG_MLS_CHUNK_SPAN, (index + 1) * SG_MLS_CHUNK_SPAN};
    if (index >= chunks_of(nodes))
        return SG_ERR_NOT_FOUND;
    if (span.to > nodes)
        span.to = nodes;
    return sg_mls_encode(arena, write_span, &span, out);
}

struct names {
    const struct sg_mls_tree *tree;
    struct sg_bytes hashes;
};

static void write_manifest(struct sg_writer *w, const void *what)
{
    const struct names *names = what;
    sg_write_u8(w, VERSION);
    sg_write_u16(w, names->tree->suite->id);
    sg_write_u32(w, nodes_of(names->tree));
    sg_write_vector(w, names->hashes);
}

sg_err sg_mls_manifest_write(const struct sg_mls_tree *tree, struct sg_mls_arena *arena,
                             struct sg_bytes *out)
{
    const struct sg_mls_suite *suite = tree->suite;
    uint32_t count = sg_mls_chunk_count(tree);
    uint8_t *hashes = sg_mls_arena_new(arena, count, suite->hash_len);
    struct names names = {tree, sg_bytes(hashes, (size_t)count * suite->hash_len)};
    struct sg_mls_arena scratch;
    sg_err err = hashes == NULL ? SG_ERR_NO_MEMORY : SG_OK;
    for (uint32_t i = 0; err == SG_OK && i < count; i++) {
        struct sg_bytes chunk;
        sg_mls_arena_init(&scratch, arena->mem, NULL);
        err = sg_mls_chunk_write(tree, &scratch, i, &chunk);
        if (err == SG_OK)
            suite->hash(suite, SG_MLS_PARTS(chunk), hashes + (size_t)i * suite->hash_len);
        sg_mls_arena_fini(&scratch);
    }
    return err != SG_OK ? err : sg_mls_encode(arena, write_manifest, &names, out);
}

/* ---- coming in ---- */

sg_err sg_mls_manifest_read(const struct sg_mls_suite *suites, size_t suite_count,
                            struct sg_bytes data, struct sg_mls_manifest *out)
{
    struct sg_reader r = sg_reader(data);
    uint8_t version = sg_read_u8(&r);
    uint16_t id = sg_read_u16(&r);
    uint32_t nodes = sg_read_u32(&r);
    *out = (struct sg_mls_manifest){.hashes = sg_mls_read_vector(&r)};
    SG_TRY(sg_reader_done(&r));
    for (size_t i = 0; i < suite_count; i++)
        if (suites[i].id == id)
            out->suite = &suites[i];
    if (version != VERSION || out->suite == NULL)
        return SG_ERR_UNSUPPORTED;
    if (nodes > sg_mls_node_count(SG_MLS_LEAVES_MAX))
        return SG_ERR_LIMIT;
    out->count = chunks_of(nodes);
    return nodes > 0 && out->hashes.len == (size_t)out->count * out->suite->hash_len
               ? SG_OK
               : SG_ERR_MALFORMED;
}

sg_err sg_mls_manifest_find(const struct sg_mls_manifest *manifest, uint32_t from,
                            struct sg_bytes chunk, uint32_t *index)
{
    const struct sg_mls_suite *suite = manifest->suite;
    uint8_t hash[SG_MLS_HASH_MAX];
    if (chunk.len > SG_MLS_CHUNK_MAX)
        return SG_ERR_OVERSIZED;
    suite->hash(suite, SG_MLS_PARTS(chunk), hash);
    for (uint32_t i = from; i < manifest->count; i++) {
        if (memcmp(manifest->hashes.data + (size_t)i * suite->hash_len, hash, suite->hash_len) != 0)
            continue;
        *index = i;
        return SG_OK;
    }
    return SG_ERR_NOT_FOUND;
}
