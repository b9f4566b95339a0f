/* State of a document.
 *
 *   version u8 = 1, genesis [50]
 *   chain count, chains by author, start, first name:
 *     author [32], first [32], head [32], start seq, end seq - start seq, end - start,
 *     parent + 1 (0: none; then rival [32], start),
 *     is head u8, clock count, clocks (counter, lamport)
 *   cells of the root map
 *
 * cells: count, then each: kind u8, key, and
 *   map        cells
 *   text       the characters, span count, spans
 *   set        element count, each: kind u8, value, additions (dots)
 *   counter    zigzag
 *   register   value count, each: dot, kind u8, value
 *
 * A span: chain << 1 | deleted, counter (difference to where the last one of the chain ended),
 * length, left origin (0 none, 1 the element before it in the text, else 2 + zigzag(difference to
 * the counter) << 1, and the chain), right origin (0 none, 1 that of the span before, else as
 * left). Chains are numbers in the list above. */
#include "crdt/state.h"

#include "base/sort.h"

struct encoder {
    const struct sg_replica *r;
    struct sg_column *out;
    uint32_t *rank;   /* [chain_count] number in the bytes of a chain; SG_LOG_NONE: it is empty */
    uint32_t *order;  /* [count] chains as written */
    uint32_t *last;   /* [count] counters, while spans are written */
    uint8_t *is_head; /* [chain_count] whether no other batch has the chain's last one seen */
    uint32_t count;
};

/* ---- chains ---------------------------------------------------------------------------------- */

static bool is_empty(const struct sg_log_chain *c)
{
    return c->end_seq == c->start_seq;
}

static int compare_chains(const void *log, const void *x, const void *y)
{
    const struct sg_log_chain *chains = ((const struct sg_log *)log)->chains;
    const struct sg_log_chain *a = &chains[*(const uint32_t *)x];
    const struct sg_log_chain *b = &chains[*(const uint32_t *)y];
    int order = memcmp(a->author, b->author, SG_ID_LEN);
    if (order == 0 && a->start != b->start)
        order = a->start < b->start ? -1 : 1;
    return order != 0 ? order : memcmp(a->first, b->first, SG_ID_LEN);
}

static void put_id(struct sg_column *out, const uint8_t id[SG_ID_LEN])
{
    sg_put_bytes(out, sg_bytes(id, SG_ID_LEN));
}

static void put_chain(struct encoder *e, const struct sg_log_chain *c)
{
    struct sg_column *out = e->out;
    put_id(out, c->author);
    put_id(out, c->first);
    put_id(out, c->head);
    sg_put_uint(out, c->start_seq);
    sg_put_uint(out, c->end_seq - c->start_seq);
    sg_put_uint(out, c->end - c->start);
    sg_put_uint(out, c->parent == SG_LOG_NONE ? 0 : e->rank[c->parent] + 1);
    if (c->parent != SG_LOG_NONE) {
        put_id(out, c->rival);
        sg_put_uint(out, c->start);
    }
    sg_put_u8(out, e->is_head[c - e->r->log.chains]);
    sg_put_uint(out, c->clock_count);
    for (uint32_t i = 0; i < c->clock_count; i++) {
        sg_put_uint(out, c->clocks[i].counter);
        sg_put_uint(out, c->clocks[i].lamport);
    }
}

/* ---- cells ----------------------------------------------------------------------------------- */

static void put_element(struct encoder *e, uint32_t form, struct sg_seq_id id, uint32_t near)
{
    uint64_t step = sg_zigzag((int64_t)id.counter - near);
    sg_put_uint(e->out, form + (step << 1 | 1));
    sg_put_uint(e->out, e->rank[id.chain]);
}

static void put_span(struct encoder *e, const struct sg_seq_span *span, struct sg_seq_id before,
                     struct sg_seq_id right)
{
    uint32_t chain = e->rank[span->chain];
    sg_put_uint(e->out, (uint64_t)chain << 1 | span->is_deleted);
    sg_put_uint(e->out, sg_zigzag((int64_t)span->counter - e->last[chain]));
    sg_put_uint(e->out, span->len);
    e->last[chain] = span->counter + span->len;
    if (span->left.chain == SG_SEQ_CHAIN_NONE)
        sg_put_u8(e->out, 0);
    else if (sg_seq_id_equal(span->left, before))
        sg_put_u8(e->out, 1);
    else
        put_element(e, 1, span->left, span->counter);
    if (span->right.chain == SG_SEQ_CHAIN_NONE)
        sg_put_u8(e->out, 0);
    else if (sg_seq_id_equal(span->right, right))
        sg_put_u8(e->out, 1);
    else
        put_element(e, 1, span->right, span->counter);
}

static bool joins(const struct sg_seq_span *a, const struct sg_seq_span *b)
{
    return a->is_deleted == b->is_deleted && a->chain == b->chain &&
           a->counter + a->len == b->counter && b->left.chain == a->chain &&
           b->left.counter + 1 == b->counter && sg_seq_id_equal(a->right, b->right);
}

/* Spans as long as they can be; counts only when e is NULL. */
static uint32_t walk_spans(struct encoder *e, const struct sg_seq *text)
{
    struct sg_seq_walk walk = {.leaf = text->first};
    struct sg_seq_span span = {0};
    struct sg_seq_id before = SG_SEQ_NONE;
    struct sg_seq_id right = SG_SEQ_NONE;
    uint32_t count = 0;
    for (;;) {
        struct sg_seq_span next;
        struct sg_bytes bytes;
        bool has_next = sg_seq_next(&walk, &next, &bytes);
        if (has_next && span.len > 0 && joins(&span, &next)) {
            span.len += next.len;
            continue;
        }
        if (span.len > 0) {
            count++;
            if (e != NULL)
                put_span(e, &span, before, right);
            before = (struct sg_seq_id){span.chain, span.counter + span.len - 1};
            right = span.right;
        }
        if (!has_next)
            return count;
        span = next;
    }
}

static void put_text(struct encoder *e, const struct sg_seq *text)
{
    struct sg_seq_walk walk = {.leaf = text->first};
    struct sg_seq_span span;
    struct sg_bytes bytes;
    sg_put_uint(e->out, sg_seq_len(text, SG_SEQ_BYTES));
    while (sg_seq_next(&walk, &span, &bytes))
        sg_put_bytes(e->out, bytes);
    memset(e->last, 0, e->count * sizeof(e->last[0]));
    sg_put_uint(e->out, walk_spans(NULL, text));
    (void)walk_spans(e, text);
}

static void put_values(struct encoder *e, const struct sg_cell *cell)
{
    sg_put_uint(e->out, cell->value_count);
    for (uint32_t i = 0; i < cell->value_count; i++) {
        const struct sg_cell_value *value = &cell->values[i];
        sg_put_uint(e->out, e->rank[value->dot.chain]);
        sg_put_uint(e->out, value->dot.counter);
        if (cell->kind == SG_CELL_ELEMENT)
            continue;
        sg_put_u8(e->out, value->kind);
        sg_put_vector(e->out, sg_bytes(value->bytes, value->len));
    }
}

/* Whether there is anything to be kept. */
static bool has_state(const struct sg_cells *cells, uint32_t at)
{
    const struct sg_cell *cell = &cells->cells[at];
    if (cell->kind == SG_CELL_TEXT)
        return cell->text != NULL && cell->text->sum.total > 0;
    if (cell->kind != SG_CELL_MAP)
        return sg_cells_is_present(cells, at);
    for (uint32_t i = SG_CELL_NONE; (i = sg_cells_next(cells, at, i)) != SG_CELL_NONE;) {
        if (has_state(cells, i))
            return true;
    }
    return false;
}

static uint32_t count_cells(const struct sg_cells *cells, uint32_t owner)
{
    uint32_t count = 0;
    for (uint32_t i = SG_CELL_NONE; (i = sg_cells_next(cells, owner, i)) != SG_CELL_NONE;)
        count += has_state(cells, i);
    return count;
}

static void put_cells(struct encoder *e, uint32_t owner)
{
    const struct sg_cells *cells = &e->r->cells;
    sg_put_uint(e->out, count_cells(cells, owner));
    for (uint32_t i = SG_CELL_NONE; (i = sg_cells_next(cells, owner, i)) != SG_CELL_NONE;) {
        const struct sg_cell *cell = &cells->cells[i];
        if (!has_state(cells, i))
            continue;
        if (cell->kind != SG_CELL_ELEMENT)
            sg_put_u8(e->out, cell->kind);
        sg_put_vector(e->out, sg_bytes(cell->key, cell->key_len));
        if (cell->kind == SG_CELL_MAP || cell->kind == SG_CELL_SET)
            put_cells(e, i);
        else if (cell->kind == SG_CELL_TEXT)
            put_text(e, cell->text);
        else if (cell->kind == SG_CELL_COUNTER)
            sg_put_uint(e->out, sg_zigzag(cell->count));
        else
            put_values(e, cell);
    }
}

static void encode(struct encoder *e)
{
    const struct sg_replica *r = e->r;
    uint8_t genesis[SG_GENESIS_LEN];
    sg_genesis_encode(&r->config.genesis, genesis);
    sg_put_u8(e->out, SG_BATCH_VERSION);
    sg_put_bytes(e->out, sg_bytes(genesis, sizeof(genesis)));
    for (uint32_t i = 0; i < r->log.chain_count; i++) {
        e->rank[i] = SG_LOG_NONE;
        if (!is_empty(&r->log.chains[i]))
            e->order[e->count++] = i;
    }
    for (uint32_t i = 0; i < r->log.head_count; i++) {
        const struct sg_log_batch *head = &r->log.batches[r->log.heads[i]];
        e->is_head[head->chain] = head->seq + 1 == r->log.chains[head->chain].end_seq;
    }
    sg_sort(e->order, e->count, sizeof(e->order[0]), compare_chains, &r->log);
    for (uint32_t i = 0; i < e->count; i++)
        e->rank[e->order[i]] = i;
    sg_put_uint(e->out, e->count);
    for (uint32_t i = 0; i < e->count; i++)
        put_chain(e, &r->log.chains[e->order[i]]);
    put_cells(e, SG_CELL_ROOT);
}

sg_err sg_state_encode(const struct sg_replica *r, struct sg_column *out)
{
    uint32_t chains = r->log.chain_count;
    uint32_t *numbers;
    if (r->txn.is_open || r->is_broken)
        return SG_ERR_INVALID_STATE;
    numbers = sg_mem_new(r->config.mem, (size_t)4 * (chains + 1u), sizeof(uint32_t));
    if (numbers == NULL)
        return SG_ERR_NO_MEMORY;
    struct encoder e = {.r = r,
                        .out = out,
                        .rank = numbers,
                        .order = numbers + chains + 1,
                        .last = numbers + 2 * (chains + 1),
                        .is_head = (uint8_t *)(numbers + 3 * (chains + 1))};
    encode(&e);
    sg_mem_free(r->config.mem, numbers);
    return out->has_failed ? SG_ERR_NO_MEMORY : SG_OK;
}

/* ---- frontiers ------------------------------------------------------------------------------- */

static int compare_entries(const void *context, const void *x, const void *y)
{
    const struct sg_frontier_entry *a = x;
    const struct sg_frontier_entry *b = y;
    (void)context;
    int order = memcmp(a->author, b->author, SG_ID_LEN);
    return order != 0 ? order : memcmp(a->head, b->head, SG_ID_LEN);
}

/* A chain whose next batch is somebody else's fork is no less an end. */
uint32_t sg_frontier(const struct sg_replica *r, struct sg_frontier_entry *out)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < r->log.chain_count; i++) {
        const struct sg_log_chain *c = &r->log.chains[i];
        if (is_empty(c))
            continue;
        struct sg_frontier_entry *entry = &out[count++];
        entry->seq = c->end_seq - 1;
        memcpy(entry->author, c->author, SG_ID_LEN);
        memcpy(entry->head, c->head, SG_ID_LEN);
    }
    sg_sort(out, count, sizeof(out[0]), compare_entries, NULL);
    return count;
}
