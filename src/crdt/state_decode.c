/* Reading a state, from anybody: the inverse of state.c. */
#include "crdt/state.h"

#include "base/sort.h"

struct decoder {
    struct sg_replica *r;
    struct sg_reader in;
    uint32_t *last; /* [chain_count] */
    uint32_t count;
    bool is_own;
};

/* ---- chains ---------------------------------------------------------------------------------- */

static sg_err get_clocks(struct decoder *d, uint32_t chain)
{
    struct sg_log *log = &d->r->log;
    uint32_t end = log->chains[chain].end;
    uint32_t counter = log->chains[chain].start;
    uint32_t lamport = 0;
    uint32_t count = sg_get_u32(&d->in, end - counter);
    if (d->in.err == SG_OK && count == 0)
        return SG_ERR_MALFORMED;
    for (uint32_t i = 0; i < count && d->in.err == SG_OK; i++) {
        uint32_t at = sg_get_u32(&d->in, d->r->config.limits.ops);
        uint32_t time = sg_get_u32(&d->in, d->r->config.limits.ops);
        if ((i == 0 ? at != counter : at <= counter) || at >= end || time <= lamport)
            return SG_ERR_MALFORMED;
        /* both rise, and time does so faster */
        if (i > 0 && time - lamport <= at - counter)
            return SG_ERR_MALFORMED;
        counter = at;
        lamport = time;
        SG_TRY(sg_log_clock_add(log, chain, at, time));
    }
    SG_TRY(d->in.err);
    uint32_t last = lamport + (end - 1 - counter);
    log->chains[chain].end_lamport = last;
    log->lamport = last > log->lamport ? last : log->lamport;
    return last <= d->r->config.limits.ops ? SG_OK : SG_ERR_OVERSIZED;
}

/* A batch that stands for the whole chain. */
static sg_err add_head(struct decoder *d, uint32_t chain, bool is_head)
{
    struct sg_log *log = &d->r->log;
    struct sg_log_chain *c = &log->chains[chain];
    uint32_t ops = c->end - c->start;
    struct sg_log_past past = {.chain = chain, .prev = SG_LOG_NONE};
    struct sg_log_batch batch = {.ops = ops, .is_floor_head = is_head};
    batch.lamport = c->end_lamport + 1 - ops;
    memcpy(batch.name, c->head, SG_ID_LEN);
    if (sg_log_find(log, batch.name) != SG_LOG_NONE)
        return SG_ERR_MALFORMED;
    c->end = c->start;
    c->end_seq--;
    uint32_t end_lamport = c->end_lamport;
    uint8_t first[SG_ID_LEN];
    memcpy(first, c->first, SG_ID_LEN);
    uint32_t clocks = c->clock_count;
    SG_TRY(sg_log_add(log, &past, &batch, sg_bytes(NULL, 0)));
    c = &log->chains[chain];
    c->clock_count = clocks;
    c->floor = c->end;
    c->end_lamport = end_lamport;
    memcpy(c->first, first, SG_ID_LEN);
    log->floor_count = log->count;
    log->floor_heads += is_head;
    if (!is_head)
        sg_log_head_drop(log, log->count - 1);
    return SG_OK;
}

static sg_err get_chain(struct decoder *d)
{
    struct sg_log *log = &d->r->log;
    uint32_t max = d->r->config.limits.ops;
    uint8_t author[SG_ID_LEN];
    uint32_t chain;
    sg_read_copy(&d->in, author, SG_ID_LEN);
    SG_TRY(d->in.err);
    SG_TRY(sg_log_chain_new(log, author, SG_LOG_NONE, 0, &chain));
    struct sg_log_chain *c = &log->chains[chain];
    sg_read_copy(&d->in, c->first, SG_ID_LEN);
    sg_read_copy(&d->in, c->head, SG_ID_LEN);
    c->start_seq = sg_get_u32(&d->in, max);
    uint32_t batches = sg_get_u32(&d->in, max);
    uint32_t ops = sg_get_u32(&d->in, max);
    uint32_t parent = sg_get_u32(&d->in, chain); /* only ones before it */
    if (parent > 0) {
        sg_log_chain_fork(log, chain, parent - 1);
        sg_read_copy(&d->in, c->rival, SG_ID_LEN);
        c->start = sg_get_u32(&d->in, max);
    }
    SG_TRY(d->in.err);
    if (batches == 0 || ops < batches || c->start + (uint64_t)ops > max ||
        c->start_seq + (uint64_t)batches > max || (parent > 0 && c->start_seq == 0))
        return SG_ERR_MALFORMED;
    c->end_seq = c->start_seq + batches;
    c->end = c->start + ops;
    if (parent > 0) {
        const struct sg_log_chain *p = &log->chains[parent - 1];
        if (memcmp(p->author, author, SG_ID_LEN) != 0 || c->start <= p->start ||
            c->start_seq <= p->start_seq || c->start >= p->end)
            return SG_ERR_MALFORMED;
    }
    uint8_t is_head = sg_read_u8(&d->in);
    if (is_head > 1)
        return SG_ERR_MALFORMED;
    SG_TRY(get_clocks(d, chain));
    return add_head(d, chain, is_head);
}

static sg_err get_chains(struct decoder *d)
{
    d->count = sg_get_u32(&d->in, d->r->config.limits.ops);
    for (uint32_t i = 0; i < d->count && d->in.err == SG_OK; i++)
        SG_TRY(get_chain(d));
    SG_TRY(d->in.err);
    d->r->log.floor_lamport = d->r->log.lamport;
    return d->count > 0 && d->r->log.floor_heads == 0 ? SG_ERR_MALFORMED : SG_OK;
}

/* ---- texts ----------------------------------------------------------------------------------- */

/* An element of the document; whether it is in this text is seen later. */
static struct sg_seq_id get_element(struct decoder *d, uint64_t form, uint32_t near)
{
    if ((form & 1) == 0)
        sg_reader_fail(&d->in, SG_ERR_MALFORMED);
    int64_t step = sg_unzigzag(form >> 1);
    uint32_t chain = sg_get_u32(&d->in, d->count - 1);
    if (step > UINT32_MAX || step < -(int64_t)UINT32_MAX || d->in.err != SG_OK)
        step = -(int64_t)UINT32_MAX;
    int64_t counter = step + near;
    if (counter < d->r->log.chains[chain].start || counter >= d->r->log.chains[chain].end)
        sg_reader_fail(&d->in, SG_ERR_MALFORMED);
    return (struct sg_seq_id){chain, (uint32_t)counter};
}

static struct sg_seq_id get_origin(struct decoder *d, struct sg_seq_id near, uint32_t counter)
{
    uint64_t form = sg_get_uint(&d->in);
    if (form == 0)
        return SG_SEQ_NONE;
    if (form == 1) {
        if (near.chain == SG_SEQ_CHAIN_NONE)
            sg_reader_fail(&d->in, SG_ERR_NOT_CANONICAL);
        return near;
    }
    return get_element(d, form - 1, counter);
}

static sg_err get_span(struct decoder *d, struct sg_seq_span *span, struct sg_seq_id before,
                       struct sg_seq_id right)
{
    uint32_t head = sg_get_u32(&d->in, 2 * d->count - 1);
    int64_t step = sg_unzigzag(sg_get_uint(&d->in));
    SG_TRY(d->in.err);
    const struct sg_log_chain *c = &d->r->log.chains[head >> 1];
    if (step > UINT32_MAX || step < -(int64_t)UINT32_MAX)
        return SG_ERR_MALFORMED;
    int64_t counter = step + d->last[head >> 1];
    if (counter < c->start || counter >= c->end)
        return SG_ERR_MALFORMED;
    span->chain = head >> 1;
    span->is_deleted = head & 1;
    span->counter = (uint32_t)counter;
    span->len = sg_get_u32(&d->in, c->end - span->counter);
    span->left = get_origin(d, before, span->counter);
    span->right = get_origin(d, right, span->counter);
    d->last[span->chain] = span->counter + span->len;
    return d->in.err == SG_OK && span->len == 0 ? SG_ERR_MALFORMED : d->in.err;
}

/* Spans by id, to find out whether elements come twice and whether origins are there. */
struct spans {
    const struct sg_mem *mem;
    struct sg_seq_span *at; /* [count] owned */
    uint32_t count, cap;
};

static int compare_spans(const void *context, const void *x, const void *y)
{
    const struct sg_seq_span *a = x;
    const struct sg_seq_span *b = y;
    (void)context;
    if (a->chain != b->chain)
        return a->chain < b->chain ? -1 : 1;
    return a->counter < b->counter ? -1 : a->counter > b->counter;
}

static bool has_element(const struct spans *spans, struct sg_seq_id id)
{
    uint32_t low = 0;
    uint32_t high = spans->count;
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        const struct sg_seq_span *span = &spans->at[mid];
        if (span->chain < id.chain || (span->chain == id.chain && span->counter <= id.counter))
            low = mid + 1;
        else
            high = mid;
    }
    const struct sg_seq_span *span = low == 0 ? NULL : &spans->at[low - 1];
    return span != NULL && span->chain == id.chain && id.counter - span->counter < span->len;
}

static sg_err check_spans(struct spans *spans)
{
    sg_sort(spans->at, spans->count, sizeof(spans->at[0]), compare_spans, NULL);
    for (uint32_t i = 0; i < spans->count; i++) {
        const struct sg_seq_span *span = &spans->at[i];
        if (i > 0 && span[-1].chain == span->chain &&
            span->counter - span[-1].counter < span[-1].len)
            return SG_ERR_MALFORMED;
        if ((span->left.chain != SG_SEQ_CHAIN_NONE && !has_element(spans, span->left)) ||
            (span->right.chain != SG_SEQ_CHAIN_NONE && !has_element(spans, span->right)))
            return SG_ERR_MALFORMED;
    }
    return SG_OK;
}

static sg_err keep_span(struct spans *spans, const struct sg_seq_span *span)
{
    if (spans->count == spans->cap) {
        void *grown = sg_mem_grow(spans->mem, spans->at, &spans->cap, UINT32_MAX, sizeof(*span));
        if (grown == NULL)
            return SG_ERR_NO_MEMORY;
        spans->at = grown;
    }
    spans->at[spans->count++] = *span;
    return SG_OK;
}

static sg_err get_spans(struct decoder *d, struct sg_seq *text, struct sg_bytes chars,
                        struct spans *spans)
{
    struct sg_seq_id before = SG_SEQ_NONE;
    struct sg_seq_id right = SG_SEQ_NONE;
    uint32_t count = sg_get_u32(&d->in, d->r->config.limits.ops);
    uint64_t total = 0;
    SG_TRY(d->in.err);
    for (; count > 0; count--) {
        struct sg_seq_span span;
        SG_TRY(d->count == 0 ? SG_ERR_MALFORMED : get_span(d, &span, before, right));
        total += span.len; /* deleted ones cost no bytes */
        if (total > d->r->config.limits.ops)
            return SG_ERR_OVERSIZED;
        struct sg_bytes piece = sg_bytes(chars.data, 0);
        if (!span.is_deleted)
            piece.len = span.len > chars.len ? chars.len : sg_utf8_skip(chars, span.len);
        if (!d->is_own)
            SG_TRY(keep_span(spans, &span));
        SG_TRY(sg_seq_append(text, &span, piece));
        chars = sg_bytes(chars.data + piece.len, chars.len - piece.len);
        before = (struct sg_seq_id){span.chain, span.counter + span.len - 1};
        right = span.right;
    }
    return chars.len > 0 ? SG_ERR_MALFORMED : check_spans(spans);
}

static sg_err get_text(struct decoder *d, uint32_t cell)
{
    struct spans spans = {.mem = d->r->config.mem};
    struct sg_seq *text;
    struct sg_bytes chars = sg_get_vector(&d->in, UINT32_MAX);
    SG_TRY(d->in.err);
    SG_TRY(sg_replica_text(d->r, cell, &text));
    memset(d->last, 0, d->count * sizeof(d->last[0]));
    sg_err err = get_spans(d, text, chars, &spans);
    sg_mem_free(spans.mem, spans.at);
    return err;
}

/* ---- cells ----------------------------------------------------------------------------------- */

static sg_err get_values(struct decoder *d, uint32_t cell)
{
    bool is_element = d->r->cells.cells[cell].kind == SG_CELL_ELEMENT;
    uint32_t count = sg_get_u32(&d->in, d->r->config.limits.ops);
    if (d->in.err == SG_OK && count == 0)
        return SG_ERR_MALFORMED;
    for (; count > 0 && d->in.err == SG_OK; count--) {
        struct sg_value value = {0};
        struct sg_seq_id dot = {sg_get_u32(&d->in, d->count == 0 ? 0 : d->count - 1), 0};
        dot.counter = sg_get_u32(&d->in, d->r->config.limits.ops);
        if (!is_element) {
            value.kind = sg_read_u8(&d->in);
            value.bytes = sg_get_vector(&d->in, d->r->config.limits.value_bytes);
        }
        SG_TRY(d->in.err);
        if (d->count == 0 || dot.counter < d->r->log.chains[dot.chain].start ||
            dot.counter >= d->r->log.chains[dot.chain].end)
            return SG_ERR_MALFORMED;
        SG_TRY(sg_value_check(&value, &d->r->config.limits));
        SG_TRY(sg_cell_put(&d->r->cells, cell, dot, &value));
    }
    return d->in.err;
}

static sg_err check_key(const struct decoder *d, enum sg_cell_kind kind, struct sg_bytes key)
{
    struct sg_utf8_counts counts;
    if (kind != SG_CELL_ELEMENT)
        return key.len > SG_CRDT_KEY_MAX ? SG_ERR_OVERSIZED : sg_utf8_check(key, &counts);
    if (key.len == 0)
        return SG_ERR_MALFORMED;
    const struct sg_value value = {key.data[0], sg_bytes(key.data + 1, key.len - 1)};
    return sg_value_check(&value, &d->r->config.limits);
}

static sg_err get_cells(struct decoder *d, uint32_t owner);

/* The name of the cell before, in the same map or set: names rise, so none comes twice. */
struct name {
    struct sg_bytes key;
    uint8_t kind;
    bool is_set;
};

static sg_err check_order(struct name *before, uint8_t kind, struct sg_bytes key)
{
    int order = before->is_set ? sg_bytes_compare(before->key, key) : -1;
    if (order > 0 || (order == 0 && before->kind >= kind))
        return SG_ERR_MALFORMED;
    *before = (struct name){key, kind, true};
    return SG_OK;
}

static sg_err get_cell(struct decoder *d, uint32_t owner, struct name *before)
{
    struct sg_cells *cells = &d->r->cells;
    bool is_set = cells->cells[owner].kind == SG_CELL_SET;
    uint32_t cell;
    uint8_t kind = is_set ? (uint8_t)SG_CELL_ELEMENT : sg_read_u8(&d->in);
    struct sg_bytes key = sg_get_vector(&d->in, d->r->config.limits.value_bytes + 1);
    SG_TRY(d->in.err);
    if (!is_set && (kind >= SG_CELL_ELEMENT || cells->cells[owner].depth >= SG_CRDT_DEPTH_MAX))
        return SG_ERR_MALFORMED;
    SG_TRY(check_key(d, (enum sg_cell_kind)kind, key));
    SG_TRY(check_order(before, kind, key));
    SG_TRY(sg_cells_make(cells, owner, (enum sg_cell_kind)kind, key, &cell));
    if (kind == SG_CELL_MAP || kind == SG_CELL_SET)
        return get_cells(d, cell);
    if (kind == SG_CELL_TEXT)
        return get_text(d, cell);
    if (kind != SG_CELL_COUNTER)
        return get_values(d, cell);
    cells->cells[cell].count = sg_unzigzag(sg_get_uint(&d->in));
    return d->in.err;
}

/* As deep as SG_CRDT_DEPTH_MAX. */
static sg_err get_cells(struct decoder *d, uint32_t owner)
{
    uint32_t count = sg_get_u32(&d->in, d->r->config.limits.ops);
    struct name before = {.is_set = false};
    for (; count > 0; count--) {
        SG_TRY(d->in.err);
        SG_TRY(get_cell(d, owner, &before));
    }
    return d->in.err;
}

static sg_err open_state(struct decoder *d)
{
    struct sg_replica *r = d->r;
    struct sg_genesis genesis;
    uint8_t id[SG_ID_LEN];
    uint8_t version = sg_read_u8(&d->in);
    struct sg_bytes head = sg_read_bytes(&d->in, SG_GENESIS_LEN);
    SG_TRY(d->in.err);
    if (version != SG_BATCH_VERSION)
        return SG_ERR_VERSION;
    SG_TRY(sg_genesis_decode(head, &genesis));
    sg_genesis_id(r->config.suite, &genesis, id);
    if (memcmp(id, r->document, SG_ID_LEN) != 0)
        return SG_ERR_WRONG_PEER;
    return get_chains(d);
}

sg_err sg_state_decode_log(struct sg_replica *r, struct sg_bytes bytes)
{
    struct decoder d = {.r = r, .in = sg_reader(bytes)};
    return open_state(&d);
}

sg_err sg_state_decode(struct sg_replica *r, struct sg_bytes bytes, bool is_own)
{
    struct decoder d = {.r = r, .in = sg_reader(bytes), .is_own = is_own};
    SG_TRY(open_state(&d));
    d.last = sg_mem_new(r->config.mem, d.count + 1u, sizeof(d.last[0]));
    sg_err err = d.last == NULL ? SG_ERR_NO_MEMORY : get_cells(&d, SG_CELL_ROOT);
    sg_mem_free(r->config.mem, d.last);
    return err != SG_OK ? err : sg_reader_done(&d.in);
}
