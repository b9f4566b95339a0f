/* Maps, sets, counters and registers.
 *
 * A thing in a document is named by its path: the map it is in, its key, and what kind of thing it
 * is. So two people who make the same list at the same time have made one list, and nothing has to
 * be created before it is used. A key may hold things of several kinds; they do not touch each
 * other.
 *
 * Batches are applied once each and after all that their authors had seen. So no removal needs to
 * say what it removes, and nothing has to be remembered of what is gone:
 *
 *   register   a new value takes the place of all values that its author had seen. Values set at
 *              the same time stay side by side; a multi-value register shows all, a
 *              last-writer-wins register the last one by Lamport time, then author
 *   set        an element is there as long as one addition of it is that no remover had seen
 *              (observed-remove, add wins; no tombstones)
 *   counter    a sum of deltas; addition commutes, also modulo 2^64
 *   map        an entry is there as long as there is something in it
 *
 * All cells are in one treap (Seidel, Aragon 1996), ordered by owner, key, kind: a balanced tree
 * whose order is that of queries and which no choice of keys can make deep. */
#include "crdt/cells.h"

#include <assert.h>

#define FREE 255

sg_err sg_cells_init(struct sg_cells *cells, const struct sg_mem *mem, const struct sg_log *log,
                     uint64_t seed)
{
    *cells = (struct sg_cells){.mem = mem, .log = log, .root = SG_CELL_NONE, .free = SG_CELL_NONE};
    sg_prng_init(&cells->prng, seed);
    cells->cells = sg_mem_grow(mem, NULL, &cells->cap, UINT32_MAX, sizeof(cells->cells[0]));
    if (cells->cells == NULL)
        return SG_ERR_NO_MEMORY;
    cells->cells[SG_CELL_ROOT] = (struct sg_cell){.owner = SG_CELL_NONE, .kind = SG_CELL_MAP};
    cells->count = 1;
    cells->named = 1;
    return SG_OK;
}

static void free_values(struct sg_cells *cells, struct sg_cell *cell)
{
    for (uint32_t i = 0; i < cell->value_count; i++)
        sg_mem_free(cells->mem, cell->values[i].bytes);
    sg_mem_free(cells->mem, cell->values);
    cell->values = NULL;
    cell->value_count = cell->value_cap = 0;
}

static void free_cell(struct sg_cells *cells, struct sg_cell *cell)
{
    free_values(cells, cell);
    sg_mem_free(cells->mem, cell->key);
    if (cell->text != NULL)
        sg_seq_fini(cell->text);
    sg_mem_free(cells->mem, cell->text);
}

void sg_cells_fini(struct sg_cells *cells)
{
    for (uint32_t i = 0; i < cells->count; i++) {
        if (cells->cells[i].kind != FREE)
            free_cell(cells, &cells->cells[i]);
    }
    sg_mem_free(cells->mem, cells->cells);
    *cells = (struct sg_cells){0};
}

/* ---- the tree -------------------------------------------------------------------------------- */

struct cell_key {
    uint32_t owner;
    uint8_t kind;
    struct sg_bytes key;
};

static struct sg_bytes key_of(const struct sg_cell *cell)
{
    return sg_bytes(cell->key, cell->key_len);
}

static int compare(const struct cell_key *a, const struct sg_cell *b)
{
    if (a->owner != b->owner)
        return a->owner < b->owner ? -1 : 1;
    int order = sg_bytes_compare(a->key, key_of(b));
    return order != 0 ? order : (int)a->kind - (int)b->kind;
}

static uint32_t find(const struct sg_cells *cells, const struct cell_key *key)
{
    uint32_t at = cells->root;
    while (at != SG_CELL_NONE) {
        int order = compare(key, &cells->cells[at]);
        if (order == 0)
            return at;
        at = order < 0 ? cells->cells[at].left : cells->cells[at].right;
    }
    return SG_CELL_NONE;
}

uint32_t sg_cells_find(const struct sg_cells *cells, uint32_t owner, enum sg_cell_kind kind,
                       struct sg_bytes key)
{
    const struct cell_key wanted = {owner, (uint8_t)kind, key};
    return find(cells, &wanted);
}

/* Splits a subtree into what is below and what is above a key. */
static void split(struct sg_cells *cells, uint32_t at, const struct cell_key *key, uint32_t *below,
                  uint32_t *above)
{
    while (at != SG_CELL_NONE) {
        struct sg_cell *cell = &cells->cells[at];
        if (compare(key, cell) < 0) {
            *above = at;
            above = &cell->left;
            at = cell->left;
        } else {
            *below = at;
            below = &cell->right;
            at = cell->right;
        }
    }
    *below = SG_CELL_NONE;
    *above = SG_CELL_NONE;
}

static void tree_insert(struct sg_cells *cells, uint32_t fresh, const struct cell_key *key)
{
    struct sg_cell *cell = &cells->cells[fresh];
    uint32_t *link = &cells->root;
    while (*link != SG_CELL_NONE && cells->cells[*link].priority >= cell->priority) {
        struct sg_cell *at = &cells->cells[*link];
        link = compare(key, at) < 0 ? &at->left : &at->right;
    }
    split(cells, *link, key, &cell->left, &cell->right);
    *link = fresh;
}

static void tree_remove(struct sg_cells *cells, uint32_t gone)
{
    struct sg_cell *cell = &cells->cells[gone];
    const struct cell_key key = {cell->owner, cell->kind, key_of(cell)};
    uint32_t *link = &cells->root;
    while (*link != gone)
        link = compare(&key, &cells->cells[*link]) < 0 ? &cells->cells[*link].left
                                                       : &cells->cells[*link].right;
    uint32_t a = cell->left;
    uint32_t b = cell->right;
    while (a != SG_CELL_NONE && b != SG_CELL_NONE) {
        if (cells->cells[a].priority >= cells->cells[b].priority) {
            *link = a;
            link = &cells->cells[a].right;
            a = *link;
        } else {
            *link = b;
            link = &cells->cells[b].left;
            b = *link;
        }
    }
    *link = a != SG_CELL_NONE ? a : b;
}

/* A free cell's number, linked nowhere. */
static uint32_t take(struct sg_cells *cells)
{
    uint32_t at = cells->free;
    if (at != SG_CELL_NONE) {
        cells->free = cells->cells[at].left;
        return at;
    }
    if (cells->count == cells->cap) {
        void *grown = sg_mem_grow(cells->mem, cells->cells, &cells->cap, SG_CELL_NONE,
                                  sizeof(cells->cells[0]));
        if (grown == NULL)
            return SG_CELL_NONE;
        cells->cells = grown;
    }
    cells->cells[cells->count].kind = FREE;
    return cells->count++;
}

static void give_back(struct sg_cells *cells, uint32_t at)
{
    cells->cells[at] = (struct sg_cell){.kind = FREE, .left = cells->free};
    cells->free = at;
}

/* Puts a cell that is linked nowhere in the tree, by a copy of its key. */
static sg_err place(struct sg_cells *cells, uint32_t at, const struct cell_key *key, uint8_t depth)
{
    uint8_t *copy = sg_mem_new(cells->mem, key->key.len + 1, 1);
    if (copy == NULL)
        return SG_ERR_NO_MEMORY;
    if (key->key.len > 0)
        memcpy(copy, key->key.data, key->key.len);
    cells->cells[at] = (struct sg_cell){
        .owner = key->owner,
        .kind = key->kind,
        .depth = depth,
        .priority = (uint32_t)sg_prng_next(&cells->prng),
        .key = copy,
        .key_len = (uint32_t)key->key.len,
    };
    tree_insert(cells, at, key);
    cells->named += key->kind != SG_CELL_ELEMENT;
    return SG_OK;
}

sg_err sg_cells_make(struct sg_cells *cells, uint32_t owner, enum sg_cell_kind kind,
                     struct sg_bytes key, uint32_t *out)
{
    const struct cell_key wanted = {owner, (uint8_t)kind, key};
    *out = find(cells, &wanted);
    if (*out != SG_CELL_NONE)
        return SG_OK;
    uint32_t fresh = take(cells);
    if (fresh == SG_CELL_NONE)
        return SG_ERR_NO_MEMORY;
    sg_err err = place(cells, fresh, &wanted, (uint8_t)(cells->cells[owner].depth + 1));
    if (err != SG_OK)
        give_back(cells, fresh);
    else
        *out = fresh;
    return err;
}

sg_err sg_cells_keep_numbers(struct sg_cells *cells, const struct sg_cells *old)
{
    assert(cells->count == 1 && cells->free == SG_CELL_NONE);
    for (uint32_t i = 1; i < old->count; i++) {
        if (take(cells) == SG_CELL_NONE)
            return SG_ERR_NO_MEMORY;
    }
    for (uint32_t i = old->count; i > 1; i--) { /* the lowest free one is to be taken first */
        const struct sg_cell *cell = &old->cells[i - 1];
        const struct cell_key key = {cell->owner, cell->kind, key_of(cell)};
        if (cell->kind == FREE || cell->kind == SG_CELL_ELEMENT)
            give_back(cells, i - 1);
        else
            SG_TRY(place(cells, i - 1, &key, cell->depth));
    }
    return SG_OK;
}

bool sg_cells_is_used(const struct sg_cells *cells, uint32_t at)
{
    return at < cells->count && cells->cells[at].kind != FREE;
}

void sg_cells_tidy(struct sg_cells *cells, uint32_t at)
{
    struct sg_cell *cell = &cells->cells[at];
    if (cell->kind != SG_CELL_ELEMENT || cell->value_count > 0)
        return;
    tree_remove(cells, at);
    free_cell(cells, cell);
    give_back(cells, at);
}

uint32_t sg_cells_next(const struct sg_cells *cells, uint32_t owner, uint32_t after)
{
    const struct sg_cell *from = after == SG_CELL_NONE ? NULL : &cells->cells[after];
    const struct cell_key key = {owner, from == NULL ? 0 : from->kind,
                                 from == NULL ? sg_bytes(NULL, 0) : key_of(from)};
    uint32_t best = SG_CELL_NONE;
    for (uint32_t at = cells->root; at != SG_CELL_NONE;) {
        int order = compare(&key, &cells->cells[at]);
        if (order < 0 || (order == 0 && from == NULL)) {
            best = at;
            at = cells->cells[at].left;
        } else {
            at = cells->cells[at].right;
        }
    }
    return best != SG_CELL_NONE && cells->cells[best].owner == owner ? best : SG_CELL_NONE;
}

/* ---- contents -------------------------------------------------------------------------------- */

bool sg_cells_is_present(const struct sg_cells *cells, uint32_t at)
{
    const struct sg_cell *cell = &cells->cells[at];
    switch ((enum sg_cell_kind)cell->kind) {
    case SG_CELL_TEXT:
        return cell->text != NULL && sg_seq_len(cell->text, SG_SEQ_CHARS) > 0;
    case SG_CELL_COUNTER:
        return cell->count != 0;
    case SG_CELL_REGISTER:
    case SG_CELL_MULTI:
    case SG_CELL_ELEMENT:
        return cell->value_count > 0;
    case SG_CELL_SET:
        return sg_cells_next(cells, at, SG_CELL_NONE) != SG_CELL_NONE;
    case SG_CELL_MAP:
        break;
    }
    for (uint32_t i = SG_CELL_NONE; (i = sg_cells_next(cells, at, i)) != SG_CELL_NONE;) {
        if (sg_cells_is_present(cells, i)) /* as deep as SG_CRDT_DEPTH_MAX */
            return true;
    }
    return false;
}

bool sg_cells_has_seen(const struct sg_cells_view *view, struct sg_seq_id dot)
{
    if (view->sees_all || dot.chain == view->past->chain)
        return true;
    struct sg_cells_memo *memo = &view->memo[dot.chain];
    if (memo->turn != view->turn)
        *memo = (struct sg_cells_memo){view->turn, sg_log_upto(view->log, view->past, dot.chain)};
    return dot.counter < memo->upto;
}

void sg_cell_clear(struct sg_cells *cells, uint32_t at, const struct sg_cells_view *view,
                   struct sg_seq_id keep)
{
    struct sg_cell *cell = &cells->cells[at];
    uint32_t kept = 0;
    for (uint32_t i = 0; i < cell->value_count; i++) {
        struct sg_seq_id dot = cell->values[i].dot;
        if (!sg_seq_id_equal(dot, keep) && sg_cells_has_seen(view, dot))
            sg_mem_free(cells->mem, cell->values[i].bytes);
        else
            cell->values[kept++] = cell->values[i];
    }
    cell->value_count = kept;
}

/* Whether a comes before b: what counts last wins. */
static bool is_below(const struct sg_log *log, struct sg_seq_id a, struct sg_seq_id b)
{
    uint32_t x = sg_log_lamport(log, a);
    uint32_t y = sg_log_lamport(log, b);
    return x != y ? x < y : sg_log_compare(log, a, b) < 0;
}

sg_err sg_cell_put(struct sg_cells *cells, uint32_t at, struct sg_seq_id dot,
                   const struct sg_value *value)
{
    struct sg_cell *cell = &cells->cells[at];
    if (cell->value_count == cell->value_cap) {
        uint32_t cap = cell->value_cap == 0 ? 1 : cell->value_cap * 2;
        void *grown = sg_mem_resize(cells->mem, cell->values, cap, sizeof(cell->values[0]));
        if (grown == NULL)
            return SG_ERR_NO_MEMORY;
        cell->values = grown;
        cell->value_cap = cap;
    }
    uint8_t *copy = NULL;
    if (value->bytes.len > 0) {
        copy = sg_mem_new(cells->mem, value->bytes.len, 1);
        if (copy == NULL)
            return SG_ERR_NO_MEMORY;
        memcpy(copy, value->bytes.data, value->bytes.len);
    }
    uint32_t i = cell->value_count++;
    for (; i > 0 && is_below(cells->log, dot, cell->values[i - 1].dot); i--)
        cell->values[i] = cell->values[i - 1];
    cell->values[i] = (struct sg_cell_value){dot, value->kind, (uint32_t)value->bytes.len, copy};
    return SG_OK;
}

void sg_cell_element_key(struct sg_column *out, const struct sg_value *value)
{
    sg_put_u8(out, value->kind);
    sg_put_bytes(out, value->bytes);
}

struct sg_value sg_cell_element_value(const struct sg_cell *cell)
{
    return (struct sg_value){cell->key[0], sg_bytes(cell->key + 1, cell->key_len - 1)};
}
