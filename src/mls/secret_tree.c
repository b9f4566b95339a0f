#include "mls/secret_tree.h"

#include <assert.h>

#define NONE sg_bytes(NULL, 0)

static const struct sg_mls_window DEFAULT_WINDOW = {.forward = 1000, .kept = 1000};

/* Grows an array of secrets: realloc would leave a copy behind. */
static sg_err grow_secrets(const struct sg_mls_secret_tree *tree, void **array, uint32_t *cap,
                           uint32_t need, size_t size)
{
    if (need <= *cap)
        return SG_OK;
    uint32_t more = *cap + *cap / 2 > need ? *cap + *cap / 2 : need + 4;
    void *grown = sg_mem_new(tree->mem, more, size);
    if (grown == NULL)
        return SG_ERR_NO_MEMORY;
    if (*array != NULL) {
        memcpy(grown, *array, *cap * size);
        tree->suite->wipe(*array, *cap * size);
        sg_mem_free(tree->mem, *array);
    }
    *array = grown;
    *cap = more;
    return SG_OK;
}

static sg_err reserve_nodes(struct sg_mls_secret_tree *tree, uint32_t more)
{
    void *nodes = tree->nodes;
    sg_err err =
        grow_secrets(tree, &nodes, &tree->node_cap, tree->node_count + more, sizeof(*tree->nodes));
    tree->nodes = nodes;
    SG_TRY(err);
    return sg_mls_index32_reserve(&tree->node_index, tree->mem, tree->node_count + more);
}

static void put_node(struct sg_mls_secret_tree *tree, const struct sg_mls_node_secret *node)
{
    tree->nodes[tree->node_count] = *node;
    sg_mls_index32_put(&tree->node_index, node->node, tree->node_count);
    tree->node_count++;
}

static void set_changed(struct sg_mls_secret_tree *tree, uint32_t at)
{
    struct sg_mls_sender_ratchets *sender = &tree->senders[at];
    if (sender->is_changed)
        return;
    sender->is_changed = true;
    sender->next_changed = tree->changed;
    tree->changed = at + 1;
}

/* The record that has a node's secret is that of its origin. */
static void set_origin_changed(struct sg_mls_secret_tree *tree, uint32_t origin)
{
    uint32_t at = sg_mls_index32_get(&tree->sender_index, origin);
    if (origin == UINT32_MAX)
        tree->is_head_changed = true;
    else if (at != SG_MLS_INDEX32_NONE)
        set_changed(tree, at);
}

static void drop_node(struct sg_mls_secret_tree *tree, uint32_t node)
{
    uint32_t at = sg_mls_index32_get(&tree->node_index, node);
    if (at == SG_MLS_INDEX32_NONE)
        return;
    set_origin_changed(tree, tree->nodes[at].origin);
    sg_mls_index32_remove(&tree->node_index, node);
    struct sg_mls_node_secret *last = &tree->nodes[--tree->node_count];
    if (at != tree->node_count) {
        tree->nodes[at] = *last;
        sg_mls_index32_put(&tree->node_index, last->node, at);
    }
    tree->suite->wipe(last, sizeof(*last));
}

sg_err sg_mls_secret_tree_init(struct sg_mls_secret_tree *tree, const struct sg_mem *mem,
                               const struct sg_mls_suite *suite, uint32_t leaves,
                               const struct sg_mls_secret *encryption)
{
    *tree = (struct sg_mls_secret_tree){.mem = mem,
                                        .suite = suite,
                                        .window = DEFAULT_WINDOW,
                                        .leaves = leaves,
                                        .newest = UINT32_MAX};
    sg_err err = reserve_nodes(tree, 1);
    if (err != SG_OK) {
        sg_mls_secret_tree_fini(tree);
        return err;
    }
    struct sg_mls_node_secret root = {sg_mls_root(leaves), UINT32_MAX, *encryption};
    put_node(tree, &root);
    suite->wipe(&root, sizeof(root));
    return SG_OK;
}

static void wipe_secrets(struct sg_mls_secret_tree *tree)
{
    for (uint32_t i = 0; i < 2 * tree->sender_count; i++) {
        struct sg_mls_ratchet *ratchet = &tree->senders[i / 2].ratchet[i % 2];
        tree->suite->wipe(ratchet->kept, ratchet->kept_cap * sizeof(*ratchet->kept));
        sg_mem_free(tree->mem, ratchet->kept);
        tree->suite->wipe(ratchet, sizeof(*ratchet));
    }
    tree->suite->wipe(tree->nodes, tree->node_cap * sizeof(*tree->nodes));
    sg_mem_free(tree->mem, tree->nodes);
    sg_mls_index32_fini(&tree->node_index, tree->mem);
    tree->nodes = NULL;
    tree->node_count = tree->node_cap = 0;
}

void sg_mls_secret_tree_fini(struct sg_mls_secret_tree *tree)
{
    if (tree->mem == NULL)
        return;
    wipe_secrets(tree);
    tree->suite->wipe(tree->senders, tree->sender_cap * sizeof(*tree->senders));
    sg_mem_free(tree->mem, tree->senders);
    sg_mls_index32_fini(&tree->sender_index, tree->mem);
    memset(tree, 0, sizeof(*tree));
}

/* ---- what the store has ---- */

void sg_mls_secret_tree_forget(struct sg_mls_secret_tree *tree)
{
    if (!tree->is_head_stored) {
        sg_mls_secret_tree_fini(tree);
        return;
    }
    wipe_secrets(tree);
    tree->is_gone = true;
}

void sg_mls_secret_tree_set_stored(struct sg_mls_secret_tree *tree)
{
    while (tree->changed != 0) {
        struct sg_mls_sender_ratchets *sender = &tree->senders[tree->changed - 1];
        tree->changed = sender->next_changed;
        sender->is_changed = false;
        sender->is_stored = true;
    }
    tree->is_head_changed = false;
    tree->is_head_stored = true;
}

void sg_mls_secret_tree_set_unstored(struct sg_mls_secret_tree *tree)
{
    for (uint32_t i = 0; i < tree->sender_count; i++) {
        tree->senders[i].is_stored = false;
        set_changed(tree, i);
    }
    tree->is_head_stored = false;
}

bool sg_mls_secret_tree_has_sender(const struct sg_mls_secret_tree *tree, uint32_t leaf)
{
    return sg_mls_index32_get(&tree->sender_index, leaf) != SG_MLS_INDEX32_NONE;
}

const struct sg_mls_node_secret *sg_mls_secret_tree_node(const struct sg_mls_secret_tree *tree,
                                                         uint32_t node)
{
    uint32_t at = sg_mls_index32_get(&tree->node_index, node);
    return at == SG_MLS_INDEX32_NONE ? NULL : &tree->nodes[at];
}

/* ---- looking up ---- */

uint32_t sg_mls_secret_tree_next(const struct sg_mls_secret_tree *tree, uint32_t leaf,
                                 enum sg_mls_ratchet_kind kind)
{
    uint32_t at = sg_mls_index32_get(&tree->sender_index, leaf);
    return at == SG_MLS_INDEX32_NONE ? 0 : tree->senders[at].ratchet[kind].next;
}

/* ---- from the tree to a new sender's ratchets ---- */

static sg_err derive_child(const struct sg_mls_suite *suite, const struct sg_mls_secret *secret,
                           bool is_right, struct sg_mls_secret *out)
{
    struct sg_mls_expand in = {sg_mls_secret_bytes(suite, secret), SG_BYTES_LIT("tree"),
                               is_right ? SG_BYTES_LIT("right") : SG_BYTES_LIT("left")};
    return sg_mls_expand_label(suite, &in, out->b, suite->hash_len);
}

/* The nodes from the leaf up to the nearest one that still has its secret. */
static sg_err find_source(const struct sg_mls_secret_tree *tree, struct sg_mls_key_use *use)
{
    uint32_t node = sg_mls_leaf_node(use->leaf);
    use->path_count = 0;
    for (;;) {
        use->path[use->path_count++] = node;
        if (sg_mls_index32_get(&tree->node_index, node) != SG_MLS_INDEX32_NONE)
            return SG_OK;
        /* the root is always above a sender that has no ratchets yet */
        if (node == sg_mls_root(tree->leaves))
            return SG_ERR_DUPLICATE;
        node = sg_mls_parent(node);
    }
}

static sg_err derive_ratchets(const struct sg_mls_secret_tree *tree,
                              const struct sg_mls_secret *leaf_secret,
                              struct sg_mls_sender_ratchets *out)
{
    static const struct {
        const char *label;
        size_t len;
    } labels[2] = {{"handshake", 9}, {"application", 11}};
    for (unsigned i = 0; i < 2; i++)
        SG_TRY(sg_mls_derive_secret(tree->suite, sg_mls_secret_bytes(tree->suite, leaf_secret),
                                    sg_bytes(labels[i].label, labels[i].len),
                                    &out->ratchet[i].secret));
    return SG_OK;
}

/* The secret of the leaf that use names; the caller wipes it. */
static sg_err derive_leaf(const struct sg_mls_secret_tree *tree, struct sg_mls_key_use *use,
                          struct sg_mls_secret *secret)
{
    const struct sg_mls_suite *suite = tree->suite;
    SG_TRY(find_source(tree, use));
    uint32_t top = use->path[use->path_count - 1];
    *secret = tree->nodes[sg_mls_index32_get(&tree->node_index, top)].secret;
    for (uint32_t i = use->path_count - 1; i > 0; i--) {
        bool is_right = use->path[i - 1] > use->path[i];
        struct sg_mls_node_secret *other = &use->copath[use->copath_count++];
        other->node = sg_mls_sibling(use->path[i - 1]);
        other->origin = use->leaf;
        SG_TRY(derive_child(suite, secret, !is_right, &other->secret));
        SG_TRY(derive_child(suite, secret, is_right, secret));
    }
    return SG_OK;
}

static sg_err derive_sender(const struct sg_mls_secret_tree *tree, struct sg_mls_key_use *use)
{
    struct sg_mls_secret secret = {0};
    sg_err err = derive_leaf(tree, use, &secret);
    if (err == SG_OK)
        err = derive_ratchets(tree, &secret, &use->sender);
    tree->suite->wipe(&secret, sizeof(secret));
    return err;
}

/* ---- along a ratchet ---- */

static sg_err derive_key(const struct sg_mls_suite *suite, const struct sg_mls_ratchet *ratchet,
                         struct sg_mls_message_key *out)
{
    struct sg_mls_expand key = {sg_mls_secret_bytes(suite, &ratchet->secret), SG_BYTES_LIT("key"),
                                NONE};
    struct sg_mls_expand nonce = {key.secret, SG_BYTES_LIT("nonce"), NONE};
    out->generation = ratchet->next;
    SG_TRY(sg_mls_derive_tree_secret(suite, &key, ratchet->next, out->key, suite->aead_key_len));
    return sg_mls_derive_tree_secret(suite, &nonce, ratchet->next, out->nonce,
                                     suite->aead_nonce_len);
}

static sg_err step(const struct sg_mls_suite *suite, struct sg_mls_ratchet *ratchet)
{
    struct sg_mls_expand in = {sg_mls_secret_bytes(suite, &ratchet->secret), SG_BYTES_LIT("secret"),
                               NONE};
    SG_TRY(
        sg_mls_derive_tree_secret(suite, &in, ratchet->next, ratchet->secret.b, suite->hash_len));
    ratchet->next++;
    return SG_OK;
}

static sg_err find_kept(const struct sg_mls_ratchet *ratchet, uint32_t generation,
                        struct sg_mls_key_use *use)
{
    for (uint32_t i = 0; i < ratchet->kept_count; i++) {
        if (ratchet->kept[i].generation == generation) {
            use->found = ratchet->kept[i];
            use->is_kept = true;
            return SG_OK;
        }
    }
    return SG_ERR_DUPLICATE;
}

static sg_err find_ahead(struct sg_mls_secret_tree *tree, struct sg_mls_arena *arena,
                         uint32_t generation, struct sg_mls_key_use *use)
{
    struct sg_mls_ratchet *ratchet = &use->sender.ratchet[use->kind];
    uint32_t skip = generation - ratchet->next;
    /* RFC9420 s15.2, s15.3: a key is for one message, far below what an AEAD bears; a limit on the
     * steps that a message may ask for; the last number has none after it */
    if (skip > tree->window.forward || generation == UINT32_MAX)
        return SG_ERR_MLS_TOO_FAR;
    use->skipped = sg_mls_arena_new(arena, skip, sizeof(*use->skipped));
    if (use->skipped == NULL)
        return SG_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < skip; i++) {
        SG_TRY(derive_key(tree->suite, ratchet, &use->skipped[use->skipped_count++]));
        SG_TRY(step(tree->suite, ratchet));
    }
    SG_TRY(derive_key(tree->suite, ratchet, &use->found));
    return step(tree->suite, ratchet);
}

static sg_err reserve_sender(struct sg_mls_secret_tree *tree)
{
    void *senders = tree->senders;
    sg_err err = grow_secrets(tree, &senders, &tree->sender_cap, tree->sender_count + 1,
                              sizeof(*tree->senders));
    tree->senders = senders;
    SG_TRY(err);
    return sg_mls_index32_reserve(&tree->sender_index, tree->mem, tree->sender_count + 1);
}

/* Room for what taking will keep: at most window.kept keys of this ratchet. */
static sg_err reserve_kept(const struct sg_mls_secret_tree *tree, struct sg_mls_key_use *use)
{
    const struct sg_mls_ratchet *ratchet = &use->sender.ratchet[use->kind];
    uint32_t need = ratchet->kept_count + use->skipped_count;
    if (need > tree->window.kept)
        need = tree->window.kept;
    if (need <= ratchet->kept_cap)
        return SG_OK;
    uint32_t cap = need + need / 2 < tree->window.kept ? need + need / 2 : tree->window.kept;
    use->kept = sg_mem_new(tree->mem, cap, sizeof(*use->kept));
    use->kept_cap = cap;
    return use->kept == NULL ? SG_ERR_NO_MEMORY : SG_OK;
}

sg_err sg_mls_secret_tree_find(struct sg_mls_secret_tree *tree, struct sg_mls_arena *arena,
                               const struct sg_mls_key_want *want, struct sg_mls_key_use *use)
{
    memset(use, 0, sizeof(*use));
    use->leaf = want->leaf;
    use->kind = want->kind;
    assert(want->leaf < tree->leaves);
    uint32_t at = sg_mls_index32_get(&tree->sender_index, want->leaf);
    if (at == SG_MLS_INDEX32_NONE) {
        SG_TRY(reserve_sender(tree));
        SG_TRY(reserve_nodes(tree, SG_MLS_LEVELS_MAX + 1));
        use->sender.leaf = want->leaf;
        SG_TRY(derive_sender(tree, use));
    } else {
        use->sender = tree->senders[at];
    }
    struct sg_mls_ratchet *ratchet = &use->sender.ratchet[use->kind];
    if (want->generation < ratchet->next)
        return find_kept(ratchet, want->generation, use);
    SG_TRY(find_ahead(tree, arena, want->generation, use));
    return reserve_kept(tree, use);
}

void sg_mls_key_use_fini(const struct sg_mls_secret_tree *tree, struct sg_mls_key_use *use)
{
    if (tree->suite == NULL)
        return; /* nothing was ever found in such a tree */
    sg_mem_free(tree->mem, use->kept);
    tree->suite->wipe(use->skipped, use->skipped_count * sizeof(*use->skipped));
    tree->suite->wipe(use, sizeof(*use));
}

sg_err sg_mls_secret_tree_put_node(struct sg_mls_secret_tree *tree,
                                   const struct sg_mls_node_secret *node)
{
    if (sg_mls_secret_tree_node(tree, node->node) != NULL)
        return SG_ERR_DUPLICATE;
    SG_TRY(reserve_nodes(tree, 1));
    put_node(tree, node);
    return SG_OK;
}

sg_err sg_mls_secret_tree_put_sender(struct sg_mls_secret_tree *tree,
                                     const struct sg_mls_sender_ratchets *sender)
{
    if (sg_mls_secret_tree_has_sender(tree, sender->leaf))
        return SG_ERR_DUPLICATE;
    SG_TRY(reserve_sender(tree));
    sg_mls_index32_put(&tree->sender_index, sender->leaf, tree->sender_count);
    tree->senders[tree->sender_count++] = *sender;
    set_changed(tree, tree->sender_count - 1);
    return SG_OK;
}

/* ---- taking ---- */

static void take_kept(const struct sg_mls_secret_tree *tree, struct sg_mls_ratchet *ratchet,
                      uint32_t generation)
{
    for (uint32_t i = 0; i < ratchet->kept_count; i++) {
        if (ratchet->kept[i].generation != generation)
            continue;
        ratchet->kept_count--;
        memmove(&ratchet->kept[i], &ratchet->kept[i + 1],
                (ratchet->kept_count - i) * sizeof(*ratchet->kept));
        tree->suite->wipe(&ratchet->kept[ratchet->kept_count], sizeof(*ratchet->kept));
        return;
    }
}

/* Appends the skipped keys; the oldest go when there are too many. */
static void keep_skipped(const struct sg_mls_secret_tree *tree, struct sg_mls_ratchet *ratchet,
                         const struct sg_mls_key_use *use)
{
    uint32_t fresh = use->skipped_count;
    const struct sg_mls_message_key *from = use->skipped;
    if (fresh > tree->window.kept) {
        from += fresh - tree->window.kept;
        fresh = tree->window.kept;
    }
    uint32_t room = tree->window.kept - fresh;
    if (ratchet->kept_count > room) {
        uint32_t gone = ratchet->kept_count - room;
        memmove(ratchet->kept, ratchet->kept + gone, room * sizeof(*ratchet->kept));
        tree->suite->wipe(ratchet->kept + room, gone * sizeof(*ratchet->kept));
        ratchet->kept_count = room;
    }
    if (fresh > 0)
        memcpy(ratchet->kept + ratchet->kept_count, from, fresh * sizeof(*from));
    ratchet->kept_count += fresh;
}

static void adopt_kept(const struct sg_mls_secret_tree *tree, struct sg_mls_ratchet *ratchet,
                       struct sg_mls_key_use *use)
{
    if (use->kept == NULL)
        return;
    if (ratchet->kept_count > 0)
        memcpy(use->kept, ratchet->kept, ratchet->kept_count * sizeof(*ratchet->kept));
    tree->suite->wipe(ratchet->kept, ratchet->kept_cap * sizeof(*ratchet->kept));
    sg_mem_free(tree->mem, ratchet->kept);
    ratchet->kept = use->kept;
    ratchet->kept_cap = use->kept_cap;
    use->kept = NULL;
}

/* What led to the leaf goes, what leads to the others comes. */
static void drop_path(struct sg_mls_secret_tree *tree, const struct sg_mls_key_use *use)
{
    for (uint32_t i = 0; i < use->path_count; i++)
        drop_node(tree, use->path[i]);
    for (uint32_t i = 0; i < use->copath_count; i++)
        put_node(tree, &use->copath[i]);
}

sg_err sg_mls_secret_tree_consume(struct sg_mls_secret_tree *tree, uint32_t leaf,
                                  struct sg_mls_secret *out)
{
    struct sg_mls_key_use use = {.leaf = leaf};
    assert(leaf < tree->leaves);
    SG_TRY(reserve_nodes(tree, SG_MLS_LEVELS_MAX + 1));
    sg_err err = derive_leaf(tree, &use, out);
    if (err == SG_OK) {
        drop_path(tree, &use);
    } else {
        tree->suite->wipe(out, sizeof(*out));
    }
    tree->suite->wipe(&use, sizeof(use));
    return err;
}

static void add_sender(struct sg_mls_secret_tree *tree, const struct sg_mls_key_use *use)
{
    drop_path(tree, use);
    sg_mls_index32_put(&tree->sender_index, use->leaf, tree->sender_count);
    struct sg_mls_sender_ratchets *sender = &tree->senders[tree->sender_count++];
    *sender = use->sender;
    sender->before = tree->newest;
    tree->newest = use->leaf;
    tree->is_head_changed = true;
}

void sg_mls_secret_tree_take(struct sg_mls_secret_tree *tree, struct sg_mls_key_use *use)
{
    if (use->path_count > 0)
        add_sender(tree, use);
    uint32_t at = sg_mls_index32_get(&tree->sender_index, use->leaf);
    struct sg_mls_ratchet *ratchet = &tree->senders[at].ratchet[use->kind];
    set_changed(tree, at);
    if (use->is_kept) {
        take_kept(tree, ratchet, use->found.generation);
        return;
    }
    ratchet->next = use->sender.ratchet[use->kind].next;
    ratchet->secret = use->sender.ratchet[use->kind].secret;
    adopt_kept(tree, ratchet, use);
    keep_skipped(tree, ratchet, use);
}
