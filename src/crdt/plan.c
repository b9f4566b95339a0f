/* Checking the operations of a batch against its past. */
#include "crdt/plan.h"

#include "base/sort.h"

static void free_plan(struct sg_replica *r, struct sg_plan *plan)
{
    const struct sg_mem *mem = r->config.mem;
    sg_mem_free(mem, plan->last);
    sg_mem_free(mem, plan->refs);
    sg_mem_free(mem, plan->objects);
    sg_mem_free(mem, plan->runs);
    sg_mem_free(mem, plan->targets);
    plan->last = NULL;
    plan->refs = NULL;
    plan->objects = NULL;
    plan->runs = NULL;
    plan->targets = NULL;
}

/* Look-ups in the past, one by one; above it is gathered as a whole. */
#define MANY_REFS 64

/* ---- what a body refers to ------------------------------------------------------------------- */

/* Batches that the body names must be the last ones of their author in the past, each named once:
 * those are what a replica knows that has only the floor. Which of two that follow the same one
 * came first here, and goes on in its chain, must not matter, so forks are looked at as well. */
static sg_err check_refs(struct sg_replica *r, const struct sg_plan *plan)
{
    sg_err err = SG_OK;
    uint32_t *upto = sg_mem_new(r->config.mem, r->log.chain_count, sizeof(upto[0]));
    if (upto == NULL)
        return SG_ERR_NO_MEMORY;
    sg_log_upto_all(&r->log, &plan->past, upto);
    for (uint32_t i = 1 + plan->past.dep_count; i < plan->ref_count && err == SG_OK; i++) {
        const struct sg_plan_ref *ref = &plan->refs[i];
        if (!sg_log_is_last(&r->log, upto, ref->chain, ref->limit))
            err = SG_ERR_PROTOCOL;
        upto[ref->chain] = UINT32_MAX;
    }
    sg_mem_free(r->config.mem, upto);
    return err;
}

/* The same for few of them, when nobody has forked. */
static sg_err check_few_refs(const struct sg_log *log, const struct sg_plan *plan)
{
    for (uint32_t i = 1 + plan->past.dep_count; i < plan->ref_count; i++) {
        const struct sg_plan_ref *ref = &plan->refs[i];
        for (uint32_t k = 1 + plan->past.dep_count; k < i; k++) {
            if (plan->refs[k].chain == ref->chain)
                return SG_ERR_PROTOCOL;
        }
        if (sg_log_upto(log, &plan->past, ref->chain) != ref->limit)
            return SG_ERR_PROTOCOL;
    }
    return SG_OK;
}

static sg_err resolve_refs(struct sg_replica *r, struct sg_plan *plan, struct sg_bytes names)
{
    const struct sg_log *log = &r->log;
    uint32_t deps = plan->past.dep_count;
    plan->refs[SG_BODY_SELF] = (struct sg_plan_ref){plan->past.chain, UINT32_MAX};
    for (uint32_t i = 1; i < plan->ref_count; i++) {
        uint32_t number = i <= deps
                              ? plan->deps[i - 1]
                              : sg_log_find(log, names.data + (size_t)(i - 1 - deps) * SG_ID_LEN);
        if (number == SG_LOG_NONE)
            return SG_ERR_PROTOCOL;
        const struct sg_log_batch *batch = &log->batches[number];
        plan->refs[i] = (struct sg_plan_ref){batch->chain, batch->counter + batch->ops};
    }
    uint64_t named = plan->ref_count - 1 - deps;
    bool are_few = log->branches == 0 && named * (deps + 1u) <= MANY_REFS;
    return are_few || named == 0 ? check_few_refs(log, plan) : check_refs(r, plan);
}

static sg_err resolve_object(const struct sg_replica *r, struct sg_plan *plan, uint32_t at,
                             const struct sg_body_object *object)
{
    const struct sg_cells *cells = &r->cells;
    struct sg_plan_object *out = &plan->objects[at];
    if (object->parent > at)
        return SG_ERR_MALFORMED;
    const struct sg_plan_object *parent =
        object->parent == 0 ? NULL : &plan->objects[object->parent - 1];
    if (parent != NULL && parent->kind != SG_CELL_MAP)
        return SG_ERR_MALFORMED;
    uint32_t owner = parent == NULL ? SG_CELL_ROOT : parent->cell;
    *out = (struct sg_plan_object){SG_CELL_NONE, object->parent, object->kind,
                                   (uint8_t)(parent == NULL ? 1 : parent->depth + 1), object->key};
    if (owner != SG_CELL_NONE)
        out->cell = sg_cells_find(cells, owner, (enum sg_cell_kind)object->kind, object->key);
    return out->depth > SG_CRDT_DEPTH_MAX ? SG_ERR_MALFORMED : SG_OK;
}

static sg_err resolve_objects(const struct sg_replica *r, struct sg_plan *plan,
                              struct sg_body_reader *body)
{
    for (uint32_t i = 0; i < plan->object_count; i++) {
        struct sg_body_object object;
        SG_TRY(sg_body_next_object(body, &object));
        SG_TRY(resolve_object(r, plan, i, &object));
    }
    return SG_OK;
}

/* Opens the body and finds all that it refers to. */
static sg_err open_body(struct sg_replica *r, struct sg_plan *plan, struct sg_body_reader *body)
{
    const struct sg_mem *mem = r->config.mem;
    SG_TRY(sg_body_open(body, plan->batch.body, &r->config.limits));
    plan->ref_count = 1 + plan->past.dep_count + body->ref_count;
    plan->object_count = body->object_count;
    plan->last = sg_mem_new(mem, plan->ref_count, sizeof(plan->last[0]));
    plan->refs = sg_mem_new(mem, plan->ref_count, sizeof(plan->refs[0]));
    plan->objects = sg_mem_new(mem, plan->object_count + 1u, sizeof(plan->objects[0]));
    if (plan->last == NULL || plan->refs == NULL || plan->objects == NULL)
        return SG_ERR_NO_MEMORY;
    SG_TRY(resolve_refs(r, plan, body->refs));
    SG_TRY(resolve_objects(r, plan, body));
    sg_body_start(body, r->log.chains[plan->past.chain].end, plan->last, plan->ref_count);
    return SG_OK;
}

/* ---- operations ------------------------------------------------------------------------------ */

/* The id of an element that a body names. */
static struct sg_seq_id id_of(const struct sg_replica *r, const struct sg_plan *plan,
                              struct sg_body_element e)
{
    if (e.ref == SG_SEQ_CHAIN_NONE)
        return SG_SEQ_NONE;
    return sg_log_resolve(&r->log, plan->refs[e.ref].chain, e.counter);
}

/* Whether count elements that the batch inserted itself, from counter on, are of this object. */
static bool has_own(const struct sg_plan *plan, uint32_t counter, uint32_t count, uint32_t object)
{
    uint32_t low = 0;
    uint32_t high = plan->run_count;
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (plan->runs[mid].counter <= counter)
            low = mid + 1;
        else
            high = mid;
    }
    while (count > 0) {
        const struct sg_plan_run *run = low == 0 ? NULL : &plan->runs[low - 1];
        if (run == NULL || run->object != object || counter - run->counter >= run->count)
            return false;
        uint32_t rest = run->count - (counter - run->counter);
        if (rest >= count)
            return true;
        counter += rest;
        count -= rest;
        low = low < plan->run_count && plan->runs[low].counter == counter ? low + 1 : 0;
    }
    return true;
}

/* Elements must be in the past, and in the text that the operation is about. */
static bool has_elements(const struct sg_replica *r, const struct sg_plan *plan,
                         struct sg_body_element e, uint32_t count, uint32_t object)
{
    uint32_t end = r->log.chains[plan->past.chain].end;
    if (e.ref == SG_BODY_SELF && e.counter >= end)
        return has_own(plan, e.counter, count, object);
    if (e.ref == SG_BODY_SELF && count > end - e.counter)
        return has_elements(r, plan, e, end - e.counter, object) &&
               has_own(plan, end, count - (end - e.counter), object);
    if (e.ref != SG_BODY_SELF &&
        (e.counter >= plan->refs[e.ref].limit || count > plan->refs[e.ref].limit - e.counter))
        return false;
    uint32_t cell = plan->objects[object].cell;
    const struct sg_seq *text = cell == SG_CELL_NONE ? NULL : r->cells.cells[cell].text;
    while (text != NULL && count > 0) { /* a range may go on in a fork */
        uint32_t part = count;
        struct sg_seq_id id =
            sg_log_resolve_range(&r->log, plan->refs[e.ref].chain, e.counter, &part);
        if (!sg_seq_has(text, id, part))
            return false;
        e.counter += part;
        count -= part;
    }
    return text != NULL;
}

static bool is_origin(const struct sg_replica *r, const struct sg_plan *plan,
                      struct sg_body_element e, uint32_t object)
{
    return e.ref == SG_SEQ_CHAIN_NONE || has_elements(r, plan, e, 1, object);
}

static sg_err add_run(struct sg_replica *r, struct sg_plan *plan, const struct sg_plan_run *run)
{
    if (plan->run_count == plan->run_cap) {
        void *grown = sg_mem_grow(r->config.mem, plan->runs, &plan->run_cap, UINT32_MAX,
                                  sizeof(plan->runs[0]));
        if (grown == NULL)
            return SG_ERR_NO_MEMORY;
        plan->runs = grown;
    }
    plan->runs[plan->run_count++] = *run;
    return SG_OK;
}

static sg_err add_target(struct sg_replica *r, struct sg_plan *plan,
                         const struct sg_plan_target *target)
{
    if (plan->target_count == plan->target_cap) {
        void *grown = sg_mem_grow(r->config.mem, plan->targets, &plan->target_cap, UINT32_MAX,
                                  sizeof(plan->targets[0]));
        if (grown == NULL)
            return SG_ERR_NO_MEMORY;
        plan->targets = grown;
    }
    plan->targets[plan->target_count++] = *target;
    return SG_OK;
}

/* Notes what an operation deletes, by the chains it is in. */
static sg_err add_targets(struct sg_replica *r, struct sg_plan *plan, const struct sg_op *op)
{
    struct sg_body_element e = op->target;
    for (uint32_t left = op->count; left > 0;) {
        struct sg_plan_target target = {.count = left};
        target.id =
            sg_log_resolve_range(&r->log, plan->refs[e.ref].chain, e.counter, &target.count);
        SG_TRY(add_target(r, plan, &target));
        e.counter += target.count;
        left -= target.count;
    }
    return SG_OK;
}

static int compare_targets(const void *context, const void *x, const void *y)
{
    const struct sg_plan_target *a = x;
    const struct sg_plan_target *b = y;
    (void)context;
    if (a->id.chain != b->id.chain)
        return a->id.chain < b->id.chain ? -1 : 1;
    return a->id.counter < b->id.counter ? -1 : a->id.counter > b->id.counter;
}

/* A batch deletes nothing twice: whoever writes it does not see any more what he has deleted. So
 * all its deletions together walk over each element once, whatever their number. */
static sg_err check_targets(const struct sg_plan *plan)
{
    struct sg_plan_target *a = plan->targets;
    uint32_t count = plan->target_count;
    sg_sort(a, count, sizeof(a[0]), compare_targets, NULL);
    for (uint32_t i = 1; i < count; i++) {
        if (a[i].id.chain == a[i - 1].id.chain &&
            a[i].id.counter - a[i - 1].id.counter < a[i - 1].count)
            return SG_ERR_PROTOCOL;
    }
    return SG_OK;
}

static bool fits(enum sg_op_kind op, uint8_t kind)
{
    switch (op) {
    case SG_OP_INSERT:
    case SG_OP_DELETE:
        return kind == SG_CELL_TEXT;
    case SG_OP_SET:
        return kind == SG_CELL_REGISTER || kind == SG_CELL_MULTI;
    case SG_OP_CLEAR:
        return kind == SG_CELL_REGISTER || kind == SG_CELL_MULTI || kind == SG_CELL_SET;
    case SG_OP_COUNT:
        return kind == SG_CELL_COUNTER;
    case SG_OP_ADD:
    case SG_OP_REMOVE:
        return kind == SG_CELL_SET;
    case SG_OP_SELECT:
        break;
    }
    return false;
}

/* counter: of the operation. */
static sg_err check_op(struct sg_replica *r, struct sg_plan *plan, const struct sg_op *op,
                       uint32_t counter)
{
    if (!fits(op->kind, plan->objects[op->object].kind))
        return SG_ERR_MALFORMED;
    if (op->kind == SG_OP_DELETE)
        return has_elements(r, plan, op->target, op->count, op->object) ? add_targets(r, plan, op)
                                                                        : SG_ERR_PROTOCOL;
    if (op->kind != SG_OP_INSERT)
        return SG_OK;
    if (!is_origin(r, plan, op->left, op->object) || !is_origin(r, plan, op->right, op->object))
        return SG_ERR_PROTOCOL;
    const struct sg_plan_run run = {counter, op->count, op->object};
    return add_run(r, plan, &run);
}

static sg_err check_ops(struct sg_replica *r, struct sg_plan *plan)
{
    struct sg_body_reader body;
    bool has_op = true;
    SG_TRY(open_body(r, plan, &body));
    uint32_t start = body.counter;
    for (;;) {
        struct sg_op op;
        uint32_t counter = body.counter;
        SG_TRY(sg_body_next(&body, &op, &has_op));
        if (!has_op)
            break;
        SG_TRY(check_op(r, plan, &op, counter));
    }
    SG_TRY(check_targets(plan));
    plan->ops = body.counter - start;
    uint64_t last = (uint64_t)plan->batch.lamport + plan->ops;
    return last > r->config.limits.ops ? SG_ERR_OVERSIZED : SG_OK;
}

sg_err sg_plan_check(struct sg_replica *r, struct sg_plan *plan)
{
    sg_err err = check_ops(r, plan);
    if (err != SG_OK)
        free_plan(r, plan);
    return err;
}

/* ---- applying -------------------------------------------------------------------------------- */

static void tell(const struct sg_replica *r, const struct sg_change *change)
{
    if (r->config.on_change != NULL)
        r->config.on_change(r->config.user, change);
}

static sg_err apply_insert(struct sg_replica *r, const struct sg_plan *plan, const struct sg_op *op,
                           uint32_t counter)
{
    uint32_t cell = plan->objects[op->object].cell;
    struct sg_change change = {.cell = cell, .is_text = true, .inserted = op->text};
    struct sg_seq *text;
    SG_TRY(sg_replica_text(r, cell, &text));
    const struct sg_seq_insertion in = {
        .id = {plan->past.chain, counter},
        .left = id_of(r, plan, op->left),
        .right = id_of(r, plan, op->right),
        .text = op->text,
        .counts = op->text_counts,
    };
    SG_TRY(sg_seq_integrate(text, &in, &change.pos));
    change.inserted_chars = op->count;
    tell(r, &change);
    return SG_OK;
}

static sg_err apply_delete(struct sg_replica *r, const struct sg_plan *plan, const struct sg_op *op)
{
    uint32_t cell = plan->objects[op->object].cell;
    struct sg_seq *text = r->cells.cells[cell].text;
    struct sg_body_element e = op->target;
    for (uint32_t left = op->count; left > 0;) {
        struct sg_seq_removal out;
        SG_TRY(sg_seq_remove(text, id_of(r, plan, e), left, &out));
        const struct sg_change change = {
            .cell = cell, .is_text = true, .pos = out.pos, .deleted = out.count};
        if (out.count > 0)
            tell(r, &change);
        e.counter += out.step;
        left -= out.step;
    }
    return SG_OK;
}

static sg_err apply_element(struct sg_replica *r, uint32_t set, const struct sg_op *op,
                            struct sg_seq_id dot)
{
    static const struct sg_value none = {0};
    struct sg_column key = {.mem = r->config.mem};
    uint32_t cell = SG_CELL_NONE;
    sg_cell_element_key(&key, &op->value);
    sg_err err = key.has_failed ? SG_ERR_NO_MEMORY : SG_OK;
    if (err == SG_OK && op->kind == SG_OP_ADD)
        err = sg_cells_make(&r->cells, set, SG_CELL_ELEMENT, sg_column_bytes(&key), &cell);
    else if (err == SG_OK)
        cell = sg_cells_find(&r->cells, set, SG_CELL_ELEMENT, sg_column_bytes(&key));
    sg_column_fini(&key);
    if (err != SG_OK || cell == SG_CELL_NONE)
        return err;
    sg_cell_clear(&r->cells, cell, &r->view, SG_SEQ_NONE);
    if (op->kind == SG_OP_ADD)
        return sg_cell_put(&r->cells, cell, dot, &none);
    sg_cells_tidy(&r->cells, cell);
    return SG_OK;
}

static void clear_set(struct sg_replica *r, uint32_t set)
{
    uint32_t next = sg_cells_next(&r->cells, set, SG_CELL_NONE);
    while (next != SG_CELL_NONE) {
        uint32_t element = next;
        next = sg_cells_next(&r->cells, set, element);
        sg_cell_clear(&r->cells, element, &r->view, SG_SEQ_NONE);
        sg_cells_tidy(&r->cells, element);
    }
}

static sg_err apply_other(struct sg_replica *r, uint32_t cell, const struct sg_op *op,
                          struct sg_seq_id dot)
{
    struct sg_cell *c = &r->cells.cells[cell];
    const struct sg_change change = {.cell = cell};
    sg_err err = SG_OK;
    if (op->kind == SG_OP_ADD || op->kind == SG_OP_REMOVE) {
        err = apply_element(r, cell, op, dot);
    } else if (op->kind == SG_OP_COUNT) {
        c->count = (int64_t)((uint64_t)c->count + (uint64_t)op->delta);
    } else if (c->kind == SG_CELL_SET) {
        clear_set(r, cell);
    } else {
        sg_cell_clear(&r->cells, cell, &r->view, SG_SEQ_NONE);
        if (op->kind == SG_OP_SET)
            err = sg_cell_put(&r->cells, cell, dot, &op->value);
    }
    if (err == SG_OK)
        tell(r, &change);
    return err;
}

static sg_err apply_op(struct sg_replica *r, const struct sg_plan *plan, const struct sg_op *op,
                       uint32_t counter)
{
    const struct sg_seq_id dot = {plan->past.chain, counter};
    if (op->kind == SG_OP_INSERT)
        return apply_insert(r, plan, op, counter);
    if (op->kind == SG_OP_DELETE)
        return apply_delete(r, plan, op);
    return apply_other(r, plan->objects[op->object].cell, op, dot);
}

static sg_err make_objects(struct sg_replica *r, struct sg_plan *plan)
{
    for (uint32_t i = 0; i < plan->object_count; i++) {
        struct sg_plan_object *object = &plan->objects[i];
        uint32_t owner =
            object->parent == 0 ? SG_CELL_ROOT : plan->objects[object->parent - 1].cell;
        if (object->cell == SG_CELL_NONE)
            SG_TRY(sg_cells_make(&r->cells, owner, (enum sg_cell_kind)object->kind, object->key,
                                 &object->cell));
    }
    return SG_OK;
}

static sg_err apply_ops(struct sg_replica *r, struct sg_plan *plan)
{
    struct sg_body_reader body;
    bool has_op = true;
    SG_TRY(make_objects(r, plan));
    SG_TRY(sg_body_open(&body, plan->batch.body, &r->config.limits));
    memset(plan->last, 0, plan->ref_count * sizeof(plan->last[0]));
    sg_body_start(&body, r->log.chains[plan->past.chain].end, plan->last, plan->ref_count);
    for (;;) {
        struct sg_op op;
        uint32_t counter = body.counter;
        SG_TRY(sg_body_next(&body, &op, &has_op));
        if (!has_op)
            return SG_OK;
        SG_TRY(apply_op(r, plan, &op, counter));
    }
}

sg_err sg_plan_apply(struct sg_replica *r, struct sg_plan *plan)
{
    sg_err err = apply_ops(r, plan);
    free_plan(r, plan);
    return err;
}
