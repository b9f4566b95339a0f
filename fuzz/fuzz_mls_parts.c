/* A ratchet tree that comes in chunks: manifests and chunks of anybody's.
 *
 * The first byte says what the rest is:
 *   0  a manifest, two bytes of length before it, then chunks, the same before each, as they come;
 *   1  chunks, of which the manifest is made here, so that they fit: they are put in an order that
 *      the next byte chooses, some twice, some damaged; the tree is then theirs, end to end;
 *   2  a ratchet_tree: what decodes is split by us, and the pieces are found and make it up again.
 *
 * Whatever comes, an error changes nothing, a chunk is taken where its hash is wanted and nowhere
 * else, and the tree is there exactly when nothing is missing. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <saorsa/mls.h>

#include "base/writer.h"
#include "crypto/init.h"
#include "mls/tree_chunks.h"
#include "support/mls_clear.h"

#define CHUNKS_MAX 16

static struct sg_bytes take(struct sg_bytes *in, size_t len)
{
    size_t n = len < in->len ? len : in->len;
    struct sg_bytes out = sg_bytes(in->data, n);
    *in = sg_bytes(in->data + n, in->len - n);
    return out;
}

static uint8_t take_byte(struct sg_bytes *in)
{
    struct sg_bytes one = take(in, 1);
    return one.len == 1 ? one.data[0] : 0;
}

static struct sg_bytes take_piece(struct sg_bytes *in)
{
    size_t high = take_byte(in);
    return take(in, high << 8 | take_byte(in));
}

static uint32_t count_missing(const struct sg_mls_tree_parts *parts)
{
    struct sg_bytes hash;
    uint32_t count = 0, index = 0, from = 0;
    while (sg_mls_tree_parts_missing(parts, from, &index, &hash) == SG_OK) {
        assert(index >= from && hash.len > 0);
        from = index + 1;
        count++;
    }
    return count;
}

static void put(struct sg_mls_tree_parts *parts, struct sg_bytes chunk)
{
    uint32_t before = count_missing(parts);
    sg_err err = sg_mls_tree_parts_put(parts, chunk);
    assert(err == SG_OK || err == SG_ERR_NOT_FOUND || err == SG_ERR_DUPLICATE ||
           err == SG_ERR_MALFORMED || err == SG_ERR_OVERSIZED);
    assert((count_missing(parts) < before) == (err == SG_OK));
    /* now it is there */
    if (err == SG_OK)
        assert(sg_mls_tree_parts_put(parts, chunk) == SG_ERR_DUPLICATE);
}

/* Whether all of it is there; then in *out. */
static bool get_tree(const struct sg_mls_tree_parts *parts, struct sg_mls_blob *out)
{
    sg_err err = sg_mls_tree_parts_tree(parts, out);
    assert(err == SG_OK || err == SG_ERR_INVALID_STATE);
    assert((err == SG_OK) == (count_missing(parts) == 0));
    return err == SG_OK;
}

/* As a newcomer does with it. */
static void decode(struct sg_bytes bytes)
{
    struct sg_mls_tree tree;
    sg_mls_tree_init(&tree, sg_mem_default(),
                     sg_mls_suite_find(SG_MLS_128_DHKEMX25519_AES128GCM_SHA256_ED25519));
    sg_err err = sg_mls_tree_decode(&tree, bytes);
    assert(err == SG_OK || sg_err_class_of(err) == SG_ERR_CLASS_PEER || err == SG_ERR_LIMIT);
    sg_mls_tree_fini(&tree);
}

static void as_it_comes(struct sg_bytes in)
{
    struct sg_mls_tree_parts *parts;
    struct sg_mls_blob tree;
    sg_err err = sg_mls_tree_parts_new(take_piece(&in), &parts);
    if (err != SG_OK) {
        assert(sg_err_class_of(err) == SG_ERR_CLASS_PEER || err == SG_ERR_UNSUPPORTED ||
               err == SG_ERR_LIMIT);
        return;
    }
    while (in.len > 0)
        put(parts, take_piece(&in));
    if (get_tree(parts, &tree)) {
        decode(sg_bytes(tree.data, tree.len));
        sg_mls_blob_free(&tree);
    }
    sg_mls_tree_parts_free(parts);
}

/* ---- an honest manifest ---- */

struct pieces {
    struct sg_bytes at[CHUNKS_MAX];
    uint32_t count;
};

static struct sg_mls_tree_parts *make_parts(const struct pieces *pieces)
{
    const struct sg_mls_suite *suite =
        sg_mls_suite_find(SG_MLS_128_DHKEMX25519_AES128GCM_SHA256_ED25519);
    uint8_t manifest[CHUNKS_MAX * 32 + 16], hash[SG_MLS_HASH_MAX];
    struct sg_writer w = sg_writer(manifest, sizeof(manifest));
    struct sg_mls_tree_parts *parts;
    sg_write_u8(&w, 1);
    sg_write_u16(&w, suite->id);
    sg_write_u32(&w, pieces->count * SG_MLS_CHUNK_SPAN);
    size_t list = sg_write_vector_begin(&w);
    for (uint32_t i = 0; i < pieces->count; i++) {
        suite->hash(suite, SG_MLS_PARTS(pieces->at[i]), hash);
        sg_write_bytes(&w, sg_bytes(hash, suite->hash_len));
    }
    sg_write_vector_end(&w, list);
    assert(sg_writer_done(&w) == SG_OK);
    assert(sg_mls_tree_parts_new(sg_bytes(manifest, w.len), &parts) == SG_OK);
    return parts;
}

/* One bit of it is another: then it is none of this tree. */
static void put_damaged(struct sg_mls_tree_parts *parts, const struct pieces *pieces,
                        struct sg_bytes chunk)
{
    uint8_t *copy = malloc(chunk.len + 1);
    assert(copy != NULL);
    memcpy(copy, chunk.data, chunk.len);
    copy[chunk.len / 2] ^= 1;
    bool is_another = false; /* or by chance one that is wanted, too */
    for (uint32_t i = 0; i < pieces->count; i++)
        is_another = is_another || sg_bytes_equal(pieces->at[i], sg_bytes(copy, chunk.len));
    sg_err err = sg_mls_tree_parts_put(parts, sg_bytes(copy, chunk.len));
    assert(is_another || err == SG_ERR_NOT_FOUND);
    free(copy);
}

static void check_whole(const struct pieces *pieces, struct sg_bytes whole)
{
    struct sg_reader r = sg_reader(whole);
    struct sg_bytes rest = sg_read_bytes(&r, sg_read_varint(&r));
    assert(sg_reader_done(&r) == SG_OK);
    for (uint32_t i = 0; i < pieces->count; i++)
        assert(sg_bytes_equal(take(&rest, pieces->at[i].len), pieces->at[i]));
    assert(rest.len == 0);
}

static void honest(struct sg_bytes in)
{
    struct pieces pieces = {.count = 0};
    struct sg_mls_blob tree;
    uint8_t order = take_byte(&in);
    while (in.len > 0 && pieces.count < CHUNKS_MAX)
        pieces.at[pieces.count++] = take_piece(&in);
    if (pieces.count == 0)
        return;
    struct sg_mls_tree_parts *parts = make_parts(&pieces);
    for (uint32_t i = 0; i < pieces.count; i++) {
        struct sg_bytes chunk = pieces.at[(i * (2U * (order & 7) + 1) + order) % pieces.count];
        if ((order & 0x40) != 0 && chunk.len > 0)
            put_damaged(parts, &pieces, chunk);
        put(parts, chunk);
    }
    for (uint32_t i = 0; i < pieces.count; i++)
        put(parts, pieces.at[i]);
    if (get_tree(parts, &tree)) {
        check_whole(&pieces, sg_bytes(tree.data, tree.len));
        decode(sg_bytes(tree.data, tree.len));
        sg_mls_blob_free(&tree);
    }
    sg_mls_tree_parts_free(parts);
}

/* ---- a tree of ours ---- */

static void split(struct sg_bytes in)
{
    struct sg_mls_arena arena;
    struct sg_mls_tree tree;
    struct sg_mls_manifest manifest;
    struct sg_bytes bytes, chunk, rest;
    uint32_t index;
    sg_mls_arena_init(&arena, sg_mem_default(), NULL);
    sg_mls_tree_init(&tree, sg_mem_default(), sg_mls_clear_suite());
    if (sg_mls_tree_decode(&tree, in) == SG_OK) {
        assert(sg_mls_manifest_write(&tree, &arena, &bytes) == SG_OK);
        assert(sg_mls_manifest_read(sg_mls_clear_suite(), 1, bytes, &manifest) == SG_OK);
        assert(manifest.count == sg_mls_chunk_count(&tree));
        struct sg_reader r = sg_reader(in);
        rest = sg_read_bytes(&r, sg_read_varint(&r));
        for (uint32_t i = 0; i < manifest.count; i++) {
            assert(sg_mls_chunk_write(&tree, &arena, i, &chunk) == SG_OK);
            assert(sg_mls_manifest_find(&manifest, i, chunk, &index) == SG_OK && index == i);
            assert(sg_bytes_equal(take(&rest, chunk.len), chunk));
        }
        assert(rest.len == 0);
        assert(sg_mls_chunk_write(&tree, &arena, manifest.count, &chunk) == SG_ERR_NOT_FOUND);
    }
    sg_mls_tree_fini(&tree);
    sg_mls_arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sg_bytes in = sg_bytes(data, size);
    assert(sg_crypto_init() == SG_OK);
    switch (take_byte(&in) % 3) {
    case 0:
        as_it_comes(in);
        break;
    case 1:
        honest(in);
        break;
    default:
        split(in);
    }
    return 0;
}
