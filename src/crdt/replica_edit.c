/* Edits of this replica's author. They are applied at once and written down as operations; commit
 * makes a batch of them. */
#include "crdt/replica.h"

#include "base/sort.h"

static sg_err fail(struct sg_replica *r, sg_err err)
{
    if (err != SG_OK)
        r->is_broken = true;
    return err;
}

/* ---- begin and commit ------------------------------------------------------------------------ */

static int compare_names(const void *log, const void *a, const void *b)
{
    const struct sg_log_batch *batches = ((const struct sg_log *)log)->batches;
    return memcmp(batches[*(const uint32_t *)a].name, batches[*(const uint32_t *)b].name,
                  SG_ID_LEN);
}

/* A chain that begins with a number that was never used, after all that the log has. */
static sg_err begin_anew(struct sg_replica *r, const uint8_t author[SG_ID_LEN], uint32_t *chain)
{
    *chain = sg_log_root(&r->log, author, r->used_seq);
    if (*chain != SG_LOG_NONE && r->log.chains[*chain].end_seq == r->used_seq)
        return SG_OK;
    return sg_log_chain_new(&r->log, author, SG_LOG_NONE, r->used_seq, chain);
}

static sg_err find_chain(struct sg_replica *r, const uint8_t author[SG_ID_LEN], uint32_t *chain)
{
    uint32_t end_seq = 0;
    uint32_t own = sg_log_longest(&r->log, author);
    if (own != SG_LOG_NONE && r->config.is_wary)
        own = sg_log_own(&r->log, author, &end_seq);
    else if (own != SG_LOG_NONE)
        end_seq = r->log.chains[own].end_seq;
    *chain = own;
    if (r->config.is_wary && end_seq < r->used_seq)
        return begin_anew(r, author, chain);
    if (own != SG_LOG_NONE && r->log.chains[own].end_seq == end_seq)
        return SG_OK;
    for (uint32_t i = 0; i < r->log.chain_count; i++) { /* one that was begun and has nothing yet */
        const struct sg_log_chain *c = &r->log.chains[i];
        *chain = i;
        if (c->parent == own && c->start_seq == end_seq && c->end_seq == end_seq &&
            memcmp(c->author, author, SG_ID_LEN) == 0)
            return SG_OK;
    }
    return sg_log_chain_new(&r->log, author, own, end_seq, chain);
}

/* Names of what is seen: all heads but the author's own, or as many as a batch may name. */
static sg_err take_heads(struct sg_replica *r, struct sg_txn *txn)
{
    struct sg_log *log = &r->log;
    uint32_t most = r->config.limits.deps;
    uint32_t count = log->head_count < most ? log->head_count : most;
    void *grown = sg_mem_resize(r->config.mem, txn->deps, count + 1u, sizeof(txn->deps[0]));
    if (grown == NULL)
        return SG_ERR_NO_MEMORY;
    txn->deps = grown;
    txn->past.dep_count = 0;
    for (uint32_t i = 0; i < log->head_count && txn->past.dep_count < count; i++) {
        if (log->heads[i] != txn->past.prev)
            txn->deps[txn->past.dep_count++] = log->heads[i];
    }
    sg_sort(txn->deps, txn->past.dep_count, sizeof(txn->deps[0]), compare_names, log);
    txn->past.deps = txn->deps;
    return SG_OK;
}

static sg_err begin_some(struct sg_replica *r, const uint8_t author[SG_ID_LEN])
{
    struct sg_txn *txn = &r->txn;
    struct sg_log *log = &r->log;
    if (txn->is_open || r->is_broken)
        return SG_ERR_INVALID_STATE;
    SG_TRY(find_chain(r, author, &txn->past.chain));
    const struct sg_log_chain *chain = &log->chains[txn->past.chain];
    txn->past.prev = SG_LOG_NONE;
    if (chain->end_seq > 0)
        txn->past.prev = sg_log_at(log, txn->past.chain, chain->end_seq - 1);
    SG_TRY(take_heads(r, txn));
    void *grown = sg_mem_resize(r->config.mem, txn->refs, log->chain_count, sizeof(txn->refs[0]));
    if (grown == NULL)
        return SG_ERR_NO_MEMORY;
    txn->refs = grown;
    memset(txn->refs, 0, log->chain_count * sizeof(txn->refs[0]));
    for (uint32_t i = 0; i < txn->past.dep_count; i++)
        txn->refs[log->batches[txn->deps[i]].chain] = i + 2;
    txn->refs[txn->past.chain] = SG_BODY_SELF + 1;
    SG_TRY(sg_replica_see(r, &txn->past));
    sg_body_begin(&txn->body, r->config.mem, chain->end, txn->past.dep_count);
    txn->counter = chain->end;
    txn->cell_count = 0;
    txn->is_open = true;
    return SG_OK;
}

static sg_err build(struct sg_replica *r, struct sg_batch *batch, struct sg_column *rest)
{
    struct sg_txn *txn = &r->txn;
    sg_put_uint(rest, r->log.open_lamport);
    sg_put_uint(rest, txn->past.dep_count);
    for (uint32_t i = 0; i < txn->past.dep_count; i++)
        sg_put_bytes(rest, sg_bytes(r->log.batches[txn->deps[i]].name, SG_ID_LEN));
    SG_TRY(sg_body_end(&txn->body, rest));
    /* nobody could read it */
    if (rest->len > r->config.limits.batch_bytes || txn->body.ref_count > r->config.limits.refs ||
        txn->body.object_count > r->config.limits.objects)
        return SG_ERR_OVERSIZED;
    const struct sg_log_chain *chain = &r->log.chains[txn->past.chain];
    *batch = (struct sg_batch){.seq = chain->end_seq, .rest = sg_column_bytes(rest)};
    memcpy(batch->document, r->document, SG_ID_LEN);
    memcpy(batch->author, chain->author, SG_ID_LEN);
    if (txn->past.prev != SG_LOG_NONE)
        memcpy(batch->prev, r->log.batches[txn->past.prev].name, SG_ID_LEN);
    return SG_OK;
}

sg_err sg_replica_commit(struct sg_replica *r, uint32_t *number)
{
    struct sg_txn *txn = &r->txn;
    struct sg_column rest = {.mem = r->config.mem};
    struct sg_batch batch;
    if (!txn->is_open || r->is_broken)
        return SG_ERR_INVALID_STATE;
    *number = SG_LOG_NONE;
    uint32_t ops = txn->counter - r->log.chains[txn->past.chain].end;
    sg_err err = SG_OK;
    if (ops > 0) {
        err = build(r, &batch, &rest);
        if (err == SG_OK) {
            struct sg_log_batch entry = {.ops = ops, .lamport = r->log.open_lamport};
            sg_batch_name(r->config.suite, &batch, entry.name);
            *number = r->log.count;
            err = sg_log_add(&r->log, &txn->past, &entry, batch.rest);
            r->log.chains[txn->past.chain].made_seq = r->log.chains[txn->past.chain].end_seq;
        }
    }
    sg_column_fini(&rest);
    sg_body_fini(&txn->body);
    txn->is_open = false;
    return fail(r, err);
}

/* More heads than a batch may name: one that does nothing but name some, by a count of 0. */
static sg_err merge_some(struct sg_replica *r)
{
    uint32_t cell;
    uint32_t batch;
    sg_err err = sg_cells_make(&r->cells, SG_CELL_ROOT, SG_CELL_COUNTER, sg_bytes(NULL, 0), &cell);
    if (err == SG_OK)
        err = sg_replica_count(r, cell, 0);
    return err == SG_OK ? sg_replica_commit(r, &batch) : fail(r, err);
}

sg_err sg_replica_begin(struct sg_replica *r, const uint8_t author[SG_ID_LEN])
{
    SG_TRY(begin_some(r, author));
    while (!r->view.sees_all) {
        SG_TRY(merge_some(r));
        SG_TRY(begin_some(r, author));
    }
    return SG_OK;
}

/* ---- cells ----------------------------------------------------------------------------------- */

sg_err sg_replica_cell(struct sg_replica *r, uint32_t parent, enum sg_cell_kind kind,
                       struct sg_bytes key, uint32_t *cell)
{
    struct sg_utf8_counts counts;
    const struct sg_cells *cells = &r->cells;
    if (r->is_broken)
        return SG_ERR_INVALID_STATE;
    if (parent >= cells->count || cells->cells[parent].kind != SG_CELL_MAP ||
        kind >= SG_CELL_ELEMENT || key.len > SG_CRDT_KEY_MAX ||
        sg_utf8_check(key, &counts) != SG_OK)
        return SG_ERR_INVALID_ARGUMENT;
    *cell = sg_cells_find(cells, parent, kind, key);
    if (*cell != SG_CELL_NONE)
        return SG_OK;
    if (cells->cells[parent].depth >= SG_CRDT_DEPTH_MAX || cells->named >= r->config.limits.objects)
        return SG_ERR_LIMIT;
    return sg_cells_make(&r->cells, parent, kind, key, cell);
}

/* Object of a cell in the open batch; its maps come before it. */
static uint32_t object_of(struct sg_replica *r, uint32_t cell)
{
    struct sg_txn *txn = &r->txn;
    for (uint32_t i = txn->cell_count; i > 0; i--) {
        if (txn->cell_of[i - 1] == cell)
            return txn->object_of[i - 1];
    }
    const struct sg_cell *c = &r->cells.cells[cell];
    uint32_t parent = c->owner == SG_CELL_ROOT ? 0 : object_of(r, c->owner) + 1;
    c = &r->cells.cells[cell];
    const struct sg_body_object object = {parent, c->kind, sg_bytes(c->key, c->key_len)};
    uint32_t made = sg_body_object(&txn->body, &object);
    if (txn->cell_count == sizeof(txn->cell_of) / sizeof(txn->cell_of[0]))
        txn->cell_count = 0; /* forgotten ones are named a second time */
    txn->cell_of[txn->cell_count] = cell;
    txn->object_of[txn->cell_count++] = made;
    return made;
}

/* Whether edits of so many operations can be made in a cell of a kind. */
static sg_err may_edit(const struct sg_replica *r, uint32_t cell, unsigned kinds, uint32_t ops)
{
    if (!r->txn.is_open || r->is_broken)
        return SG_ERR_INVALID_STATE;
    if (cell >= r->cells.count || cell == SG_CELL_ROOT || r->cells.cells[cell].kind > 31 ||
        (kinds >> r->cells.cells[cell].kind & 1) == 0)
        return SG_ERR_INVALID_ARGUMENT;
    uint32_t used = r->txn.counter - r->log.chains[r->txn.past.chain].end;
    uint64_t last = (uint64_t)r->log.open_lamport + used + ops;
    uint64_t counter = (uint64_t)r->txn.counter + ops;
    return last > r->config.limits.ops || counter > r->config.limits.ops ? SG_ERR_LIMIT : SG_OK;
}

static struct sg_seq_id next_id(const struct sg_replica *r)
{
    return (struct sg_seq_id){r->txn.past.chain, r->txn.counter};
}

static void put(struct sg_replica *r, uint32_t cell, struct sg_op *op)
{
    op->object = object_of(r, cell);
    sg_body_put(&r->txn.body, op);
    r->txn.counter = r->txn.body.counter;
}

/* ---- texts ----------------------------------------------------------------------------------- */

static struct sg_body_element element_of(struct sg_replica *r, struct sg_seq_id id)
{
    struct sg_txn *txn = &r->txn;
    if (id.chain == SG_SEQ_CHAIN_NONE)
        return (struct sg_body_element){SG_SEQ_CHAIN_NONE, 0};
    uint32_t *ref = &txn->refs[id.chain];
    if (*ref == 0) {
        /* the own past before a fork goes by the own chain's name */
        bool is_own = sg_log_resolve(&r->log, txn->past.chain, id.counter).chain == id.chain;
        if (is_own)
            return (struct sg_body_element){SG_BODY_SELF, id.counter};
        *ref = sg_body_ref(&txn->body, r->log.chains[id.chain].head) + 1;
    }
    return (struct sg_body_element){*ref - 1, id.counter};
}

sg_err sg_replica_insert(struct sg_replica *r, uint32_t cell, uint32_t pos, struct sg_bytes text)
{
    struct sg_seq_insertion in = {.text = text};
    struct sg_seq *seq;
    SG_TRY(sg_utf8_check(text, &in.counts));
    SG_TRY(may_edit(r, cell, 1u << SG_CELL_TEXT, in.counts.chars));
    SG_TRY(fail(r, sg_replica_text(r, cell, &seq)));
    if (pos > sg_seq_len(seq, SG_SEQ_CHARS))
        return SG_ERR_INVALID_ARGUMENT;
    if (text.len == 0)
        return SG_OK;
    in.id = next_id(r);
    SG_TRY(fail(r, sg_seq_insert(seq, pos, &in)));
    struct sg_op op = {.kind = SG_OP_INSERT, .count = in.counts.chars, .text = text};
    op.left = element_of(r, in.left);
    op.right = element_of(r, in.right);
    put(r, cell, &op);
    return SG_OK;
}

sg_err sg_replica_delete(struct sg_replica *r, uint32_t cell, uint32_t pos, uint32_t count)
{
    struct sg_seq *seq;
    SG_TRY(may_edit(r, cell, 1u << SG_CELL_TEXT, count));
    SG_TRY(fail(r, sg_replica_text(r, cell, &seq)));
    uint32_t len = sg_seq_len(seq, SG_SEQ_CHARS);
    if (pos > len || count > len - pos)
        return SG_ERR_INVALID_ARGUMENT;
    while (count > 0) {
        struct sg_op op = {.kind = SG_OP_DELETE, .count = count};
        struct sg_seq_id id;
        SG_TRY(fail(r, sg_seq_delete(seq, pos, &op.count, &id)));
        op.target = element_of(r, id);
        put(r, cell, &op);
        count -= op.count;
    }
    return SG_OK;
}

/* ---- the other kinds ------------------------------------------------------------------------- */

sg_err sg_replica_set(struct sg_replica *r, uint32_t cell, const struct sg_value *value)
{
    SG_TRY(may_edit(r, cell, 1u << SG_CELL_REGISTER | 1u << SG_CELL_MULTI, 1));
    SG_TRY(sg_value_check(value, &r->config.limits));
    struct sg_op op = {.kind = SG_OP_SET, .count = 1, .value = *value};
    struct sg_seq_id dot = next_id(r);
    put(r, cell, &op);
    /* first in, then out: the value may be one of those that go */
    SG_TRY(fail(r, sg_cell_put(&r->cells, cell, dot, value)));
    sg_cell_clear(&r->cells, cell, &r->view, dot);
    return SG_OK;
}

sg_err sg_replica_count(struct sg_replica *r, uint32_t cell, int64_t delta)
{
    SG_TRY(may_edit(r, cell, 1u << SG_CELL_COUNTER, 1));
    struct sg_op op = {.kind = SG_OP_COUNT, .count = 1, .delta = delta};
    int64_t *count = &r->cells.cells[cell].count;
    *count = (int64_t)((uint64_t)*count + (uint64_t)delta);
    put(r, cell, &op);
    return SG_OK;
}

/* Finds the cell of an element; make: makes it. */
static sg_err element_cell(struct sg_replica *r, uint32_t set, const struct sg_value *value,
                           bool make, uint32_t *cell)
{
    struct sg_column key = {.mem = r->config.mem};
    sg_cell_element_key(&key, value);
    sg_err err = key.has_failed ? SG_ERR_NO_MEMORY : SG_OK;
    if (err == SG_OK && make)
        err = sg_cells_make(&r->cells, set, SG_CELL_ELEMENT, sg_column_bytes(&key), cell);
    else if (err == SG_OK)
        *cell = sg_cells_find(&r->cells, set, SG_CELL_ELEMENT, sg_column_bytes(&key));
    sg_column_fini(&key);
    return err;
}

sg_err sg_replica_add(struct sg_replica *r, uint32_t set, const struct sg_value *value)
{
    static const struct sg_value none = {0};
    uint32_t cell;
    SG_TRY(may_edit(r, set, 1u << SG_CELL_SET, 1));
    SG_TRY(sg_value_check(value, &r->config.limits));
    SG_TRY(fail(r, element_cell(r, set, value, true, &cell)));
    sg_cell_clear(&r->cells, cell, &r->view, SG_SEQ_NONE);
    SG_TRY(fail(r, sg_cell_put(&r->cells, cell, next_id(r), &none)));
    struct sg_op op = {.kind = SG_OP_ADD, .count = 1, .value = *value};
    put(r, set, &op);
    return SG_OK;
}

sg_err sg_replica_remove(struct sg_replica *r, uint32_t set, const struct sg_value *value)
{
    uint32_t cell;
    SG_TRY(may_edit(r, set, 1u << SG_CELL_SET, 1));
    SG_TRY(sg_value_check(value, &r->config.limits));
    SG_TRY(fail(r, element_cell(r, set, value, false, &cell)));
    if (cell == SG_CELL_NONE)
        return SG_OK;
    struct sg_op op = {.kind = SG_OP_REMOVE, .count = 1, .value = *value};
    put(r, set, &op); /* first: the value may be the element's own */
    sg_cell_clear(&r->cells, cell, &r->view, SG_SEQ_NONE);
    sg_cells_tidy(&r->cells, cell);
    return SG_OK;
}

static sg_err clear_one(struct sg_replica *r, uint32_t cell)
{
    struct sg_cell *c = &r->cells.cells[cell];
    struct sg_op op = {.kind = SG_OP_CLEAR, .count = 1};
    if (c->kind == SG_CELL_TEXT)
        return sg_replica_delete(r, cell, 0, c->text == NULL ? 0 : sg_seq_len(c->text, 0));
    if (c->kind == SG_CELL_COUNTER)
        return sg_replica_count(r, cell, (int64_t)(0 - (uint64_t)c->count));
    if (c->kind == SG_CELL_SET) {
        uint32_t next = sg_cells_next(&r->cells, cell, SG_CELL_NONE);
        while (next != SG_CELL_NONE) {
            uint32_t element = next;
            next = sg_cells_next(&r->cells, cell, element);
            sg_cell_clear(&r->cells, element, &r->view, SG_SEQ_NONE);
            sg_cells_tidy(&r->cells, element);
        }
    } else {
        sg_cell_clear(&r->cells, cell, &r->view, SG_SEQ_NONE);
    }
    put(r, cell, &op);
    return SG_OK;
}

sg_err sg_replica_clear(struct sg_replica *r, uint32_t cell)
{
    SG_TRY(may_edit(r, cell, (1u << SG_CELL_ELEMENT) - 1, 1));
    if (!sg_cells_is_present(&r->cells, cell))
        return SG_OK;
    if (r->cells.cells[cell].kind != SG_CELL_MAP)
        return clear_one(r, cell);
    for (uint32_t i = SG_CELL_NONE; (i = sg_cells_next(&r->cells, cell, i)) != SG_CELL_NONE;)
        SG_TRY(sg_replica_clear(r, i)); /* as deep as SG_CRDT_DEPTH_MAX */
    return SG_OK;
}
