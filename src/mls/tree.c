#include "mls/tree.h"

#include <assert.h>

#define RESIZED UINT32_MAX

void sg_mls_tree_init(struct sg_mls_tree *tree, const struct sg_mem *mem,
                      const struct sg_mls_suite *suite)
{
    memset(tree, 0, sizeof(*tree));
    tree->mem = mem;
    tree->suite = suite;
}

void sg_mls_tree_fini(struct sg_mls_tree *tree)
{
    if (tree->mem == NULL)
        return;
    for (uint32_t i = 0; tree->leaves > 0 && i < sg_mls_node_count(tree->leaves); i++)
        sg_mem_free(tree->mem, tree->nodes[i]);
    sg_mem_free(tree->mem, tree->nodes);
    sg_mem_free(tree->mem, tree->hashes);
    sg_mem_free(tree->mem, tree->clean);
    sg_mem_free(tree->mem, tree->stored);
    sg_mem_free(tree->mem, tree->unsaved);
    sg_mem_free(tree->mem, tree->keys.slots);
    memset(tree, 0, sizeof(*tree));
}

/* ---- nodes ---- */

static struct sg_mls_node *node_new(const struct sg_mls_tree *tree, size_t head, size_t unmerged)
{
    if (head > SG_VARINT_MAX || unmerged > SG_VARINT_MAX)
        return NULL;
    struct sg_mls_node *node = tree->mem->alloc(tree->mem->user, sizeof(*node) + head + unmerged);
    if (node != NULL)
        *node = (struct sg_mls_node){tree->serial, (uint32_t)head, 0, (uint32_t)unmerged};
    return node;
}

sg_err sg_mls_node_new_leaf(const struct sg_mls_tree *tree, struct sg_bytes raw,
                            struct sg_mls_node **out)
{
    *out = node_new(tree, raw.len, 0);
    if (*out == NULL)
        return SG_ERR_NO_MEMORY;
    memcpy((*out)->data, raw.data, raw.len);
    return SG_OK;
}

sg_err sg_mls_node_new_parent(const struct sg_mls_tree *tree, struct sg_bytes key,
                              struct sg_bytes parent_hash, struct sg_bytes unmerged,
                              struct sg_mls_node **out)
{
    struct sg_writer w = sg_writer_counting();
    sg_write_vector(&w, key);
    sg_write_vector(&w, parent_hash);
    SG_TRY(sg_writer_done(&w));
    *out = node_new(tree, w.len, unmerged.len);
    if (*out == NULL)
        return SG_ERR_NO_MEMORY;
    w = sg_writer((*out)->data, w.len);
    sg_write_vector(&w, key);
    sg_write_vector(&w, parent_hash);
    if (unmerged.len > 0)
        memcpy((*out)->data + (*out)->head_len, unmerged.data, unmerged.len);
    (*out)->unmerged_len = (uint32_t)unmerged.len;
    return SG_OK;
}

struct sg_bytes sg_mls_node_key(const struct sg_mls_node *node)
{
    struct sg_reader r = sg_reader(sg_bytes(node->data, node->head_len));
    return sg_mls_read_vector(&r);
}

struct sg_bytes sg_mls_node_second(const struct sg_mls_node *node)
{
    struct sg_reader r = sg_reader(sg_bytes(node->data, node->head_len));
    (void)sg_mls_read_vector(&r);
    return sg_mls_read_vector(&r);
}

static uint32_t load_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | (uint32_t)p[3];
}

static void store_be32(uint8_t *p, uint32_t value)
{
    p[0] = (uint8_t)(value >> 24);
    p[1] = (uint8_t)(value >> 16);
    p[2] = (uint8_t)(value >> 8);
    p[3] = (uint8_t)value;
}

uint32_t sg_mls_node_unmerged(const struct sg_mls_node *node, uint32_t i)
{
    return load_be32(node->data + node->head_len + 4 * (size_t)i);
}

uint32_t sg_mls_node_unmerged_from(const struct sg_mls_node *node, uint32_t leaf)
{
    uint32_t low = 0, high = sg_mls_node_unmerged_count(node);
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (sg_mls_node_unmerged(node, middle) < leaf)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool sg_mls_node_has_unmerged(const struct sg_mls_node *node, uint32_t leaf)
{
    uint32_t at = sg_mls_node_unmerged_from(node, leaf);
    return at < sg_mls_node_unmerged_count(node) && sg_mls_node_unmerged(node, at) == leaf;
}

void sg_mls_tree_leaf(const struct sg_mls_tree *tree, uint32_t leaf, struct sg_mls_leaf *out)
{
    struct sg_reader r = sg_reader(sg_mls_node_raw(tree->nodes[2 * leaf]));
    sg_mls_read_leaf(&r, out);
    assert(r.err == SG_OK);
}

/* ---- the log ---- */

static void set_dirty(struct sg_mls_tree *tree, uint32_t node)
{
    uint32_t root = sg_mls_root(tree->leaves);
    while (tree->clean[node]) {
        tree->clean[node] = 0;
        if (node == root)
            return;
        node = sg_mls_parent(node);
    }
}

/* Each node is listed once, so there is room for it. */
static void set_unsaved(struct sg_mls_tree *tree, uint32_t node)
{
    if (tree->stored[node] != 0)
        tree->unsaved[tree->unsaved_count++] = node;
    tree->stored[node] = 0;
}

void sg_mls_tree_set_stored(struct sg_mls_tree *tree)
{
    for (uint32_t i = 0; i < tree->unsaved_count; i++)
        tree->stored[tree->unsaved[i]] = 1;
    tree->unsaved_count = 0;
}

void sg_mls_tree_set_unstored(struct sg_mls_tree *tree)
{
    uint32_t all = tree->cap_leaves == 0 ? 0 : sg_mls_node_count(tree->cap_leaves);
    for (uint32_t i = 0; i < all; i++)
        set_unsaved(tree, i);
}

static void count_type(struct sg_mls_tree *tree, uint16_t type, bool is_more)
{
    uint32_t i = 0;
    while (i < tree->type_count && tree->types[i].type != type)
        i++;
    if (is_more) {
        assert(i < SG_MLS_CREDENTIAL_TYPES_MAX);
        if (i == tree->type_count)
            tree->types[tree->type_count++] = (struct sg_mls_type_count){type, 0};
        tree->types[i].count++;
    } else if (--tree->types[i].count == 0) {
        tree->types[i] = tree->types[--tree->type_count];
    }
}

static uint16_t credential_type(const struct sg_mls_node *leaf)
{
    struct sg_reader r = sg_reader(sg_mls_node_raw(leaf));
    (void)sg_mls_read_vector(&r);
    (void)sg_mls_read_vector(&r);
    return sg_read_u16(&r);
}

/* Counts what is at node in (is_more) or out. */
static void count_node(struct sg_mls_tree *tree, uint32_t node, bool is_more)
{
    if (tree->nodes[node] == NULL)
        return;
    bool is_leaf = sg_mls_is_leaf(node);
    void (*keys)(struct sg_mls_tree *, uint32_t, bool) =
        is_more ? sg_mls_keys_add : sg_mls_keys_remove;
    keys(tree, node, false);
    if (!is_leaf)
        return;
    keys(tree, node, true);
    count_type(tree, credential_type(tree->nodes[node]), is_more);
    tree->members = is_more ? tree->members + 1 : tree->members - 1;
}

/* Puts value in its place and gives what was there. There is room for it everywhere. */
static struct sg_mls_node *swap(struct sg_mls_tree *tree, uint32_t node, struct sg_mls_node *value)
{
    struct sg_mls_node *before = tree->nodes[node];
    count_node(tree, node, false);
    tree->nodes[node] = value;
    count_node(tree, node, true);
    set_dirty(tree, node);
    set_unsaved(tree, node);
    if (sg_mls_is_leaf(node) && value == NULL && node / 2 < tree->blank_hint)
        tree->blank_hint = node / 2;
    return before;
}

static void set_leaves(struct sg_mls_tree *tree, uint32_t leaves)
{
    uint32_t before = tree->leaves == 0 ? 0 : sg_mls_node_count(tree->leaves);
    uint32_t after = leaves == 0 ? 0 : sg_mls_node_count(leaves);
    if (after > before)
        memset(tree->clean + before, 0, after - before);
    tree->leaves = leaves;
    if (tree->blank_hint > leaves)
        tree->blank_hint = leaves;
}

static sg_err log_reserve(struct sg_mls_tree *tree)
{
    struct sg_mls_tree_log *log = tree->log;
    if (log == NULL || log->count < log->cap)
        return SG_OK;
    void *grown =
        sg_mem_grow(tree->mem, log->entries, &log->cap, UINT32_MAX, sizeof(*log->entries));
    if (grown == NULL)
        return SG_ERR_NO_MEMORY;
    log->entries = grown;
    return SG_OK;
}

static void log_push(struct sg_mls_tree *tree, uint32_t node, uint32_t leaves,
                     struct sg_mls_node *other)
{
    if (tree->log != NULL)
        tree->log->entries[tree->log->count++] = (struct sg_mls_log_entry){node, leaves, other};
    else
        sg_mem_free(tree->mem, other);
}

void sg_mls_tree_begin(struct sg_mls_tree *tree, struct sg_mls_tree_log *log)
{
    assert(tree->log == NULL);
    tree->log = log;
    tree->serial++;
}

void sg_mls_tree_end(struct sg_mls_tree *tree)
{
    tree->log = NULL;
    tree->serial++;
}

static void swap_entry(struct sg_mls_tree *tree, struct sg_mls_log_entry *entry)
{
    if (entry->node == RESIZED) {
        uint32_t leaves = tree->leaves;
        set_leaves(tree, entry->leaves);
        entry->leaves = leaves;
    } else {
        entry->other = swap(tree, entry->node, entry->other);
    }
}

void sg_mls_tree_undo(struct sg_mls_tree *tree, struct sg_mls_tree_log *log)
{
    sg_mls_tree_end(tree);
    for (uint32_t i = log->count; i > 0; i--)
        swap_entry(tree, &log->entries[i - 1]);
}

void sg_mls_tree_redo(struct sg_mls_tree *tree, struct sg_mls_tree_log *log)
{
    for (uint32_t i = 0; i < log->count; i++)
        swap_entry(tree, &log->entries[i]);
}

void sg_mls_tree_log_fini(const struct sg_mls_tree *tree, struct sg_mls_tree_log *log)
{
    for (uint32_t i = 0; i < log->count; i++)
        sg_mem_free(tree->mem, log->entries[i].other);
    sg_mem_free(tree->mem, log->entries);
    *log = (struct sg_mls_tree_log){0};
}

/* ---- changes ---- */

static sg_err reserve_capacity(struct sg_mls_tree *tree, uint32_t leaves)
{
    if (leaves <= tree->cap_leaves)
        return SG_OK;
    size_t count = sg_mls_node_count(leaves);
    size_t before = tree->cap_leaves == 0 ? 0 : sg_mls_node_count(tree->cap_leaves);
    void *nodes = sg_mem_resize(tree->mem, tree->nodes, count, sizeof(struct sg_mls_node *));
    if (nodes == NULL)
        return SG_ERR_NO_MEMORY;
    tree->nodes = nodes;
    for (size_t i = before; i < count; i++)
        tree->nodes[i] = NULL;
    void *hashes = sg_mem_resize(tree->mem, tree->hashes, count, tree->suite->hash_len);
    if (hashes == NULL)
        return SG_ERR_NO_MEMORY;
    tree->hashes = hashes;
    void *clean = sg_mem_resize(tree->mem, tree->clean, count, 1);
    if (clean == NULL)
        return SG_ERR_NO_MEMORY;
    tree->clean = clean;
    uint8_t *stored = sg_mem_resize(tree->mem, tree->stored, count, 1);
    if (stored == NULL)
        return SG_ERR_NO_MEMORY;
    memset(stored + before, 1, count - before); /* blank here, absent there */
    tree->stored = stored;
    void *unsaved = sg_mem_resize(tree->mem, tree->unsaved, count, sizeof(*tree->unsaved));
    if (unsaved == NULL)
        return SG_ERR_NO_MEMORY;
    tree->unsaved = unsaved;
    tree->cap_leaves = leaves;
    return SG_OK;
}

sg_err sg_mls_tree_resize(struct sg_mls_tree *tree, uint32_t leaves)
{
    if (leaves > SG_MLS_LEAVES_MAX)
        return SG_ERR_LIMIT;
    SG_TRY(reserve_capacity(tree, leaves));
    SG_TRY(log_reserve(tree));
    uint32_t before = tree->leaves;
    set_leaves(tree, leaves);
    log_push(tree, RESIZED, before, NULL);
    return SG_OK;
}

static bool has_type_room(const struct sg_mls_tree *tree, uint32_t node,
                          const struct sg_mls_node *value)
{
    if (value == NULL || !sg_mls_is_leaf(node) || tree->type_count < SG_MLS_CREDENTIAL_TYPES_MAX)
        return true;
    uint16_t type = credential_type(value);
    for (uint32_t i = 0; i < tree->type_count; i++)
        if (tree->types[i].type == type)
            return true;
    return false;
}

sg_err sg_mls_tree_put(struct sg_mls_tree *tree, uint32_t node, struct sg_mls_node *value)
{
    assert(node < sg_mls_node_count(tree->leaves));
    sg_err err = has_type_room(tree, node, value) ? SG_OK : SG_ERR_LIMIT;
    if (err == SG_OK)
        err = log_reserve(tree);
    if (err == SG_OK)
        err = sg_mls_keys_reserve(tree, 2);
    if (err != SG_OK) {
        sg_mem_free(tree->mem, value);
        return err;
    }
    log_push(tree, node, 0, swap(tree, node, value));
    return SG_OK;
}

sg_err sg_mls_tree_free_leaf(struct sg_mls_tree *tree, uint32_t *leaf)
{
    while (tree->blank_hint < tree->leaves && tree->nodes[2 * tree->blank_hint] != NULL)
        tree->blank_hint++;
    *leaf = tree->blank_hint;
    if (*leaf < tree->leaves)
        return SG_OK;
    return sg_mls_tree_resize(tree, tree->leaves == 0 ? 1 : tree->leaves * 2);
}

static void insert_unmerged(struct sg_mls_node *node, uint32_t leaf)
{
    uint32_t at = sg_mls_node_unmerged_from(node, leaf);
    uint8_t *place = node->data + node->head_len + 4 * (size_t)at;
    memmove(place + 4, place, node->unmerged_len - 4 * (size_t)at);
    store_be32(place, leaf);
    node->unmerged_len += 4;
}

static sg_err add_unmerged(struct sg_mls_tree *tree, uint32_t parent, uint32_t leaf)
{
    struct sg_mls_node *node = tree->nodes[parent];
    bool is_ours = tree->log != NULL && node->serial == tree->serial;
    if (is_ours && node->unmerged_len + 4 <= node->unmerged_cap) {
        insert_unmerged(node, leaf);
        set_dirty(tree, parent);
        set_unsaved(tree, parent);
        return SG_OK;
    }
    struct sg_mls_node *grown =
        node_new(tree, node->head_len, node->unmerged_len + node->unmerged_len / 2 / 4 * 4 + 16);
    if (grown == NULL)
        return SG_ERR_NO_MEMORY;
    memcpy(grown->data, node->data, node->head_len + node->unmerged_len);
    grown->unmerged_len = node->unmerged_len;
    insert_unmerged(grown, leaf);
    return sg_mls_tree_put(tree, parent, grown);
}

sg_err sg_mls_tree_add(struct sg_mls_tree *tree, struct sg_bytes raw, uint32_t *leaf)
{
    struct sg_mls_node *value;
    SG_TRY(sg_mls_tree_free_leaf(tree, leaf));
    uint32_t root = sg_mls_root(tree->leaves);
    for (uint32_t node = sg_mls_leaf_node(*leaf); node != root;) {
        node = sg_mls_parent(node);
        if (tree->nodes[node] != NULL)
            SG_TRY(add_unmerged(tree, node, *leaf));
    }
    SG_TRY(sg_mls_node_new_leaf(tree, raw, &value));
    return sg_mls_tree_put(tree, sg_mls_leaf_node(*leaf), value);
}

sg_err sg_mls_tree_blank_path(struct sg_mls_tree *tree, uint32_t leaf)
{
    uint32_t root = sg_mls_root(tree->leaves);
    for (uint32_t node = sg_mls_leaf_node(leaf); node != root;) {
        node = sg_mls_parent(node);
        if (tree->nodes[node] != NULL)
            SG_TRY(sg_mls_tree_put(tree, node, NULL));
    }
    return SG_OK;
}

sg_err sg_mls_tree_update(struct sg_mls_tree *tree, uint32_t leaf, struct sg_bytes raw)
{
    struct sg_mls_node *value;
    SG_TRY(sg_mls_node_new_leaf(tree, raw, &value));
    SG_TRY(sg_mls_tree_put(tree, sg_mls_leaf_node(leaf), value));
    return sg_mls_tree_blank_path(tree, leaf);
}

sg_err sg_mls_tree_remove(struct sg_mls_tree *tree, uint32_t leaf)
{
    SG_TRY(sg_mls_tree_put(tree, sg_mls_leaf_node(leaf), NULL));
    return sg_mls_tree_blank_path(tree, leaf);
}

sg_err sg_mls_tree_truncate(struct sg_mls_tree *tree)
{
    while (tree->leaves > 1) {
        uint32_t root = sg_mls_root(tree->leaves);
        for (uint32_t leaf = tree->leaves / 2; leaf < tree->leaves; leaf++)
            if (tree->nodes[2 * leaf] != NULL)
                return SG_OK;
        if (tree->nodes[root] != NULL)
            SG_TRY(sg_mls_tree_put(tree, root, NULL));
        SG_TRY(sg_mls_tree_resize(tree, tree->leaves / 2));
    }
    return SG_OK;
}

/* ---- looking ---- */

bool sg_mls_tree_is_empty(const struct sg_mls_tree *tree, uint32_t node)
{
    /* the nodes of a subtree stand next to each other */
    uint32_t half = (UINT32_C(1) << sg_mls_level(node)) - 1;
    for (uint32_t i = node - half; i <= node + half; i++)
        if (tree->nodes[i] != NULL)
            return false;
    return true;
}

static sg_err push_node(struct sg_mls_arena *arena, struct sg_mls_nodes *out, uint32_t max,
                        uint32_t node)
{
    if (out->count >= max)
        return SG_ERR_LIMIT;
    void *grown = sg_mls_arena_push(arena, out->at, &out->count, &out->cap, sizeof(*out->at));
    if (grown == NULL)
        return SG_ERR_NO_MEMORY;
    out->at = grown;
    out->at[out->count - 1] = node;
    return SG_OK;
}

static sg_err push_with_unmerged(const struct sg_mls_tree *tree, uint32_t node, uint32_t max,
                                 struct sg_mls_arena *arena, struct sg_mls_nodes *out)
{
    const struct sg_mls_node *at = tree->nodes[node];
    SG_TRY(push_node(arena, out, max, node));
    for (uint32_t i = 0; !sg_mls_is_leaf(node) && i < sg_mls_node_unmerged_count(at); i++)
        SG_TRY(push_node(arena, out, max, sg_mls_leaf_node(sg_mls_node_unmerged(at, i))));
    return SG_OK;
}

sg_err sg_mls_tree_resolution(const struct sg_mls_tree *tree, uint32_t node, uint32_t max,
                              struct sg_mls_arena *arena, struct sg_mls_nodes *out)
{
    uint32_t stack[SG_MLS_LEVELS_MAX + 2];
    uint32_t depth = 0;
    stack[depth++] = node;
    while (depth > 0) {
        uint32_t x = stack[--depth];
        if (tree->nodes[x] != NULL) {
            SG_TRY(push_with_unmerged(tree, x, max, arena, out));
        } else if (!sg_mls_is_leaf(x)) {
            stack[depth++] = sg_mls_right(x);
            stack[depth++] = sg_mls_left(x);
        }
    }
    return SG_OK;
}

void sg_mls_tree_filtered_path(const struct sg_mls_tree *tree, uint32_t leaf,
                               struct sg_mls_direct_path *out)
{
    uint32_t root = sg_mls_root(tree->leaves);
    out->count = 0;
    for (uint32_t node = sg_mls_leaf_node(leaf); node != root; node = sg_mls_parent(node)) {
        uint32_t copath = sg_mls_sibling(node);
        if (!sg_mls_tree_is_empty(tree, copath))
            out->at[out->count++] = (struct sg_mls_path_step){sg_mls_parent(node), copath};
    }
}
