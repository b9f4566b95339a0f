#include "mls/treekem.h"

#include <assert.h>

/* ---- private keys ---- */

const struct sg_mls_private_key *sg_mls_private_find(const struct sg_mls_private *own,
                                                     uint32_t node)
{
    for (uint32_t i = 0; i < own->count; i++)
        if (own->keys[i].node == node)
            return &own->keys[i];
    return NULL;
}

void sg_mls_private_put(struct sg_mls_private *own, uint32_t node, struct sg_bytes key)
{
    uint32_t i = 0;
    while (i < own->count && own->keys[i].node != node)
        i++;
    assert(i < sizeof(own->keys) / sizeof(own->keys[0]));
    if (i == own->count)
        own->count++;
    own->keys[i].node = node;
    memcpy(own->keys[i].key, key.data, key.len);
}

void sg_mls_private_prune(const struct sg_mls_tree *tree, struct sg_mls_private *own)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < own->count; i++) {
        uint32_t node = own->keys[i].node;
        if (node < sg_mls_node_count(tree->leaves) && tree->nodes[node] != NULL)
            own->keys[kept++] = own->keys[i];
    }
    tree->suite->wipe(&own->keys[kept], (own->count - kept) * sizeof(own->keys[0]));
    own->count = kept;
}

bool sg_mls_leaves_has(const struct sg_mls_leaves *leaves, uint32_t leaf)
{
    uint32_t low = 0, high = leaves->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (leaves->at[middle] == leaf)
            return true;
        if (leaves->at[middle] < leaf)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/* RFC9420 s7.5: resolution without the leaves that this commit adds. */
static sg_err receivers(const struct sg_mls_tree *tree, uint32_t copath,
                        const struct sg_mls_leaves *added, struct sg_mls_arena *arena,
                        struct sg_mls_nodes *out)
{
    uint32_t kept = 0;
    SG_TRY(sg_mls_tree_resolution(tree, copath, UINT32_MAX, arena, out));
    for (uint32_t i = 0; i < out->count; i++) {
        uint32_t node = out->at[i];
        if (!sg_mls_is_leaf(node) || !sg_mls_leaves_has(added, node / 2))
            out->at[kept++] = node;
    }
    out->count = kept;
    return SG_OK;
}

/* ---- secrets of a path ---- */

struct node_keys {
    uint8_t private_key[SG_MLS_KEM_PRIVATE_MAX];
    uint8_t public_key[SG_MLS_KEM_PUBLIC_MAX];
};

static sg_err derive_node(const struct sg_mls_suite *suite, const struct sg_mls_secret *path_secret,
                          struct node_keys *out)
{
    struct sg_mls_secret node;
    sg_err err = sg_mls_derive_secret(suite, sg_mls_secret_bytes(suite, path_secret),
                                      SG_BYTES_LIT("node"), &node);
    if (err == SG_OK)
        err = suite->kem_derive(suite, sg_mls_secret_bytes(suite, &node), out->private_key,
                                out->public_key);
    suite->wipe(&node, sizeof(node));
    return err;
}

/* path_secret[i] -> path_secret[i + 1], or commit_secret after the last. */
static sg_err next_secret(const struct sg_mls_suite *suite, struct sg_mls_path_secrets *secrets,
                          uint32_t i)
{
    struct sg_mls_secret *next =
        i + 1 < secrets->path.count ? &secrets->secrets[i + 1] : &secrets->commit;
    return sg_mls_derive_secret(suite, sg_mls_secret_bytes(suite, &secrets->secrets[i]),
                                SG_BYTES_LIT("path"), next);
}

/* ---- putting keys into the tree ---- */

/* Puts the public keys of a path, from the top down, since each node's parent_hash is made of the
 * one above. hash gets the one for the leaf. keys [path->count]. */
static sg_err put_path(struct sg_mls_tree *tree, const struct sg_mls_direct_path *path,
                       const struct sg_mls_path_node *keys, uint8_t *hash, struct sg_bytes *leaf)
{
    struct sg_bytes above = sg_bytes(hash, 0);
    for (uint32_t i = path->count; i > 0; i--) {
        const struct sg_mls_path_step *step = &path->at[i - 1];
        struct sg_mls_node *node;
        SG_TRY(sg_mls_node_new_parent(tree, keys[i - 1].key, above, sg_bytes(NULL, 0), &node));
        SG_TRY(sg_mls_tree_put(tree, step->node, node));
        SG_TRY(sg_mls_tree_parent_hash(tree, step->node, step->copath, hash));
        above = sg_bytes(hash, tree->suite->hash_len);
    }
    *leaf = above;
    return SG_OK;
}

/* ---- the sender ---- */

static sg_err make_keys(const struct sg_mls_path_make *in, struct sg_mls_path_secrets *secrets,
                        struct sg_mls_private *own, struct sg_mls_path *out)
{
    const struct sg_mls_suite *suite = in->tree->suite;
    struct node_keys keys;
    struct sg_mls_secret *first = secrets->path.count > 0 ? &secrets->secrets[0] : &secrets->commit;
    SG_TRY(in->signer->random->fill(in->signer->random->state, first->b, suite->hash_len));
    if (secrets->path.count == 0)
        return sg_mls_derive_secret(suite, sg_mls_secret_bytes(suite, first), SG_BYTES_LIT("path"),
                                    first);
    sg_err err = SG_OK;
    for (uint32_t i = 0; err == SG_OK && i < secrets->path.count; i++) {
        err = derive_node(suite, &secrets->secrets[i], &keys);
        if (err == SG_OK)
            err = sg_mls_arena_copy(in->arena, sg_bytes(keys.public_key, suite->kem_public_len),
                                    &out->nodes[i].key);
        if (err != SG_OK)
            break;
        sg_mls_private_put(own, secrets->path.at[i].node,
                           sg_bytes(keys.private_key, suite->kem_private_len));
        err = next_secret(suite, secrets, i);
    }
    suite->wipe(&keys, sizeof(keys));
    return err;
}

/* RFC9420 s7.5 step 4: a fresh key pair, the parent hash, a new signature. */
static sg_err make_leaf(const struct sg_mls_path_make *in, struct sg_bytes parent_hash,
                        struct sg_mls_private *own, struct sg_mls_path *out)
{
    const struct sg_mls_suite *suite = in->tree->suite;
    struct sg_mls_leaf_place place = {in->group_id, in->leaf};
    struct node_keys *keys = sg_mls_arena_new(in->arena, 1, sizeof(*keys));
    struct sg_mls_node *node;
    if (keys == NULL)
        return SG_ERR_NO_MEMORY;
    SG_TRY(suite->kem_generate(suite, in->signer->random, keys->private_key, keys->public_key));
    sg_mls_private_put(own, sg_mls_leaf_node(in->leaf),
                       sg_bytes(keys->private_key, suite->kem_private_len));
    out->leaf = *in->leaf_template;
    out->leaf.source = SG_MLS_LEAF_COMMIT;
    out->leaf.encryption_key = sg_bytes(keys->public_key, suite->kem_public_len);
    out->leaf.parent_hash = parent_hash;
    SG_TRY(sg_mls_leaf_sign(in->signer, in->arena, &place, &out->leaf));
    SG_TRY(sg_mls_node_new_leaf(in->tree, out->leaf.raw, &node));
    return sg_mls_tree_put(in->tree, sg_mls_leaf_node(in->leaf), node);
}

sg_err sg_mls_path_create(const struct sg_mls_path_make *in, struct sg_mls_path_secrets *secrets,
                          struct sg_mls_private *own, struct sg_mls_path *out)
{
    uint8_t hash[SG_MLS_HASH_MAX];
    struct sg_bytes parent_hash;
    memset(own, 0, sizeof(*own));
    memset(secrets, 0, sizeof(*secrets));
    memset(out, 0, sizeof(*out));
    own->leaf = in->leaf;
    own->count = 1; /* the leaf's comes first, when the others are there */
    own->keys[0].node = sg_mls_leaf_node(in->leaf);
    sg_mls_tree_filtered_path(in->tree, in->leaf, &secrets->path);
    out->count = secrets->path.count;
    out->nodes = sg_mls_arena_new(in->arena, out->count, sizeof(*out->nodes));
    if (out->nodes == NULL)
        return SG_ERR_NO_MEMORY;
    SG_TRY(make_keys(in, secrets, own, out));
    SG_TRY(sg_mls_tree_blank_path(in->tree, in->leaf));
    SG_TRY(put_path(in->tree, &secrets->path, out->nodes, hash, &parent_hash));
    return make_leaf(in, parent_hash, own, out);
}

static sg_err seal(const struct sg_mls_path_make *in, struct sg_mls_hpke_to *to,
                   struct sg_mls_hpke_ciphertext *out)
{
    const struct sg_mls_suite *suite = in->tree->suite;
    size_t sealed_len = to->plain.len + suite->aead_tag_len;
    uint8_t *enc = sg_mls_arena_new(in->arena, suite->kem_enc_len, 1);
    uint8_t *sealed = sg_mls_arena_new(in->arena, sealed_len, 1);
    if (enc == NULL || sealed == NULL)
        return SG_ERR_NO_MEMORY;
    SG_TRY(suite->hpke_seal(suite, in->signer->random, to, enc, sealed));
    out->kem_output = sg_bytes(enc, suite->kem_enc_len);
    out->ciphertext = sg_bytes(sealed, sealed_len);
    return SG_OK;
}

static sg_err encrypt_step(const struct sg_mls_path_make *in, uint32_t copath,
                           const struct sg_mls_leaves *added, struct sg_mls_hpke_to *to,
                           struct sg_mls_path_node *out)
{
    struct sg_mls_nodes to_nodes = {0};
    SG_TRY(receivers(in->tree, copath, added, in->arena, &to_nodes));
    out->count = to_nodes.count;
    out->secrets = sg_mls_arena_new(in->arena, out->count, sizeof(*out->secrets));
    if (out->secrets == NULL)
        return SG_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < to_nodes.count; i++) {
        to->public_key = sg_mls_node_key(in->tree->nodes[to_nodes.at[i]]);
        SG_TRY(seal(in, to, &out->secrets[i]));
    }
    return SG_OK;
}

sg_err sg_mls_path_encrypt(const struct sg_mls_path_make *in,
                           const struct sg_mls_path_secrets *secrets, struct sg_bytes context,
                           const struct sg_mls_leaves *added, struct sg_mls_path *out)
{
    const struct sg_mls_suite *suite = in->tree->suite;
    struct sg_mls_hpke_info prepared;
    struct sg_mls_hpke_to to = {.prepared = &prepared};
    SG_TRY(sg_mls_encrypt_context(in->arena, SG_BYTES_LIT("UpdatePathNode"), context, &to.info));
    SG_TRY(suite->hpke_prepare(suite, to.info, &prepared));
    for (uint32_t i = 0; i < secrets->path.count; i++) {
        to.plain = sg_mls_secret_bytes(suite, &secrets->secrets[i]);
        SG_TRY(encrypt_step(in, secrets->path.at[i].copath, added, &to, &out->nodes[i]));
    }
    return SG_OK;
}

/* ---- the receivers ---- */

/* RFC9420 s12.4.2: "none of the public keys in the UpdatePath appear in any node of the new ratchet
 * tree". */
static sg_err check_keys(const struct sg_mls_tree *tree, const struct sg_mls_path *path)
{
    const struct sg_mls_suite *suite = tree->suite;
    if (sg_mls_tree_has_key(tree, path->leaf.encryption_key))
        return SG_ERR_MLS_COMMIT;
    SG_TRY(suite->kem_check(suite, path->leaf.encryption_key));
    for (uint32_t i = 0; i < path->count; i++) {
        if (sg_mls_tree_has_key(tree, path->nodes[i].key))
            return SG_ERR_MLS_COMMIT;
        /* a key that is none would break each later commit */
        SG_TRY(suite->kem_check(suite, path->nodes[i].key));
    }
    return SG_OK;
}

/* RFC9420 s7.6: as many ciphertexts as the resolution has nodes. */
static sg_err check_counts(const struct sg_mls_tree *tree,
                           const struct sg_mls_direct_path *filtered,
                           const struct sg_mls_path *path, const struct sg_mls_leaves *added)
{
    struct sg_mls_arena arena;
    sg_err err = filtered->count == path->count ? SG_OK : SG_ERR_MLS_COMMIT;
    sg_mls_arena_init(&arena, tree->mem, NULL);
    for (uint32_t i = 0; err == SG_OK && i < filtered->count; i++) {
        struct sg_mls_nodes nodes = {0};
        err = receivers(tree, filtered->at[i].copath, added, &arena, &nodes);
        if (err == SG_OK && nodes.count != path->nodes[i].count)
            err = SG_ERR_MLS_COMMIT;
    }
    sg_mls_arena_fini(&arena);
    return err;
}

sg_err sg_mls_path_merge(struct sg_mls_tree *tree, uint32_t sender, const struct sg_mls_path *path,
                         const struct sg_mls_leaves *added, struct sg_mls_direct_path *filtered)
{
    uint8_t hash[SG_MLS_HASH_MAX];
    struct sg_bytes expected;
    struct sg_mls_node *node;
    sg_mls_tree_filtered_path(tree, sender, filtered);
    SG_TRY(check_counts(tree, filtered, path, added));
    SG_TRY(check_keys(tree, path));
    SG_TRY(sg_mls_tree_blank_path(tree, sender));
    SG_TRY(put_path(tree, filtered, path->nodes, hash, &expected));
    /* RFC9420 s7.9.2: recompute the committer's parent_hash and verify that it matches */
    if (!sg_bytes_equal(path->leaf.parent_hash, expected))
        return SG_ERR_MLS_COMMIT;
    SG_TRY(sg_mls_node_new_leaf(tree, path->leaf.raw, &node));
    SG_TRY(sg_mls_tree_put(tree, sg_mls_leaf_node(sender), node));
    return tree->keys.duplicates == 0 ? SG_OK : SG_ERR_MLS_COMMIT;
}

sg_err sg_mls_path_follow(const struct sg_mls_tree *tree, struct sg_mls_path_secrets *secrets,
                          struct sg_mls_private *own)
{
    const struct sg_mls_suite *suite = tree->suite;
    struct node_keys keys;
    sg_err err = SG_OK;
    for (uint32_t i = secrets->from; err == SG_OK && i < secrets->path.count; i++) {
        uint32_t node = secrets->path.at[i].node;
        err = derive_node(suite, &secrets->secrets[i], &keys);
        if (err == SG_OK && !sg_bytes_equal(sg_bytes(keys.public_key, suite->kem_public_len),
                                            sg_mls_node_key(tree->nodes[node])))
            err = SG_ERR_MLS_COMMIT;
        if (err != SG_OK)
            break;
        sg_mls_private_put(own, node, sg_bytes(keys.private_key, suite->kem_private_len));
        err = next_secret(suite, secrets, i);
    }
    suite->wipe(&keys, sizeof(keys));
    return err;
}

static sg_err open_secret(const struct sg_mls_path_open *in, const struct sg_mls_private_key *key,
                          const struct sg_mls_hpke_ciphertext *sealed, struct sg_mls_secret *out)
{
    const struct sg_mls_suite *suite = in->tree->suite;
    struct sg_mls_hpke_from from = {
        .private_key = sg_bytes(key->key, suite->kem_private_len),
        .public_key = sg_mls_node_key(in->tree->nodes[key->node]),
        .enc = sealed->kem_output,
        .sealed = sealed->ciphertext,
    };
    if (sealed->ciphertext.len != (size_t)suite->hash_len + suite->aead_tag_len)
        return SG_ERR_MLS_COMMIT;
    SG_TRY(
        sg_mls_encrypt_context(in->arena, SG_BYTES_LIT("UpdatePathNode"), in->context, &from.info));
    return suite->hpke_open(suite, &from, out->b);
}

sg_err sg_mls_path_decrypt(const struct sg_mls_path_open *in, struct sg_mls_path_secrets *secrets,
                           struct sg_mls_private *own)
{
    uint32_t own_node = sg_mls_leaf_node(own->leaf), i = 0;
    struct sg_mls_nodes nodes = {0};
    while (i < secrets->path.count && !sg_mls_is_in_subtree(own_node, secrets->path.at[i].copath))
        i++;
    if (i == secrets->path.count)
        return SG_ERR_MLS_COMMIT;
    SG_TRY(receivers(in->tree, secrets->path.at[i].copath, in->added, in->arena, &nodes));
    for (uint32_t j = 0; j < nodes.count; j++) {
        const struct sg_mls_private_key *key = sg_mls_private_find(own, nodes.at[j]);
        if (key == NULL)
            continue;
        secrets->from = i;
        SG_TRY(open_secret(in, key, &in->path->nodes[i].secrets[j], &secrets->secrets[i]));
        return sg_mls_path_follow(in->tree, secrets, own);
    }
    return SG_ERR_MLS_COMMIT;
}
