/* The ratchet tree in chunks, in the public API. */
#include <stdlib.h>
#include <string.h>

#include "mls/tree_chunks.h"
#include "runtime/mls_impl.h"

sg_err sg_mls_member_tree_manifest(const struct sg_mls_member *member, struct sg_mls_blob *out)
{
    struct sg_mls_arena arena;
    struct sg_bytes bytes;
    SG_TRY(sg_mls_member_check(member));
    sg_mls_client_arena(member->client, &arena);
    sg_err err = sg_mls_manifest_write(&member->group->tree, &arena, &bytes);
    if (err == SG_OK)
        err = sg_mls_blob_copy(bytes, out);
    sg_mls_arena_fini(&arena);
    return err;
}

sg_err sg_mls_member_tree_chunk(const struct sg_mls_member *member, uint32_t index,
                                struct sg_mls_blob *out)
{
    struct sg_mls_arena arena;
    struct sg_bytes bytes;
    SG_TRY(sg_mls_member_check(member));
    sg_mls_client_arena(member->client, &arena);
    sg_err err = sg_mls_chunk_write(&member->group->tree, &arena, index, &bytes);
    if (err == SG_OK)
        err = sg_mls_blob_copy(bytes, out);
    sg_mls_arena_fini(&arena);
    return err;
}

/* ---- collecting ---- */

struct sg_mls_tree_parts {
    struct sg_mls_blob data; /* of the manifest, which points into it */
    struct sg_mls_manifest manifest;
    struct sg_mls_blob *chunks; /* [manifest.count] data NULL: missing */
    uint32_t missing;
};

void sg_mls_tree_parts_free(struct sg_mls_tree_parts *parts)
{
    if (parts == NULL)
        return;
    for (uint32_t i = 0; parts->chunks != NULL && i < parts->manifest.count; i++)
        sg_mls_blob_free(&parts->chunks[i]);
    free(parts->chunks);
    sg_mls_blob_free(&parts->data);
    free(parts);
}

sg_err sg_mls_tree_parts_new(struct sg_bytes manifest, struct sg_mls_tree_parts **out)
{
    struct sg_mls_tree_parts *parts = calloc(1, sizeof(*parts));
    size_t count;
    const struct sg_mls_suite *suites = sg_mls_suites(&count);
    if (parts == NULL)
        return SG_ERR_NO_MEMORY;
    sg_err err = sg_mls_blob_copy(manifest, &parts->data);
    if (err == SG_OK)
        err = sg_mls_manifest_read(suites, count, sg_bytes(parts->data.data, parts->data.len),
                                   &parts->manifest);
    if (err == SG_OK) {
        parts->chunks = calloc(parts->manifest.count, sizeof(*parts->chunks));
        parts->missing = parts->manifest.count;
        err = parts->chunks == NULL ? SG_ERR_NO_MEMORY : SG_OK;
    }
    if (err == SG_OK)
        *out = parts;
    else
        sg_mls_tree_parts_free(parts);
    return err;
}

sg_err sg_mls_tree_parts_missing(const struct sg_mls_tree_parts *parts, uint32_t from,
                                 uint32_t *index, struct sg_bytes *hash)
{
    size_t len = parts->manifest.suite->hash_len;
    for (uint32_t i = from; i < parts->manifest.count; i++) {
        if (parts->chunks[i].data != NULL)
            continue;
        *index = i;
        *hash = sg_bytes(parts->manifest.hashes.data + i * len, len);
        return SG_OK;
    }
    return SG_ERR_NOT_FOUND;
}

static const uint8_t *hash_at(const struct sg_mls_manifest *manifest, uint32_t index)
{
    return manifest->hashes.data + (size_t)index * manifest->suite->hash_len;
}

static bool is_like(const struct sg_mls_manifest *manifest, uint32_t a, uint32_t b)
{
    return memcmp(hash_at(manifest, a), hash_at(manifest, b), manifest->suite->hash_len) == 0;
}

sg_err sg_mls_tree_parts_put(struct sg_mls_tree_parts *parts, struct sg_bytes chunk)
{
    const struct sg_mls_manifest *manifest = &parts->manifest;
    uint32_t first, alike = 0, taken = 0;
    SG_TRY(sg_mls_manifest_find(manifest, 0, chunk, &first));
    /* Blank stretches are alike: one chunk may be needed in several places. Others are not, since
     * no key is there twice: a manifest that says so would have one chunk fill all memory. */
    for (uint32_t i = first; i < manifest->count; i++)
        alike += is_like(manifest, first, i) ? 1 : 0;
    if (alike > 1 && chunk.len > SG_MLS_CHUNK_SPAN)
        return SG_ERR_MALFORMED;
    for (uint32_t i = first; i < manifest->count; i++) {
        if (parts->chunks[i].data != NULL || !is_like(manifest, first, i))
            continue;
        SG_TRY(sg_mls_blob_copy(chunk, &parts->chunks[i]));
        parts->missing--;
        taken++;
    }
    return taken > 0 ? SG_OK : SG_ERR_DUPLICATE;
}

static void write_tree(struct sg_writer *w, const void *what)
{
    const struct sg_mls_tree_parts *parts = what;
    size_t list = sg_write_vector_begin(w);
    for (uint32_t i = 0; i < parts->manifest.count; i++)
        sg_write_bytes(w, sg_bytes(parts->chunks[i].data, parts->chunks[i].len));
    sg_write_vector_end(w, list);
}

sg_err sg_mls_tree_parts_tree(const struct sg_mls_tree_parts *parts, struct sg_mls_blob *out)
{
    struct sg_writer w = sg_writer_counting();
    if (parts->missing > 0)
        return SG_ERR_INVALID_STATE;
    write_tree(&w, parts);
    SG_TRY(sg_writer_done(&w));
    *out = (struct sg_mls_blob){malloc(w.len + 1), w.len};
    if (out->data == NULL)
        return SG_ERR_NO_MEMORY;
    w = sg_writer(out->data, out->len);
    write_tree(&w, parts);
    return sg_writer_done(&w);
}
