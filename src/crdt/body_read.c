/* Reading the operations of a batch, from anybody. */
#include "crdt/body.h"

#define NONE ((struct sg_body_element){SG_SEQ_CHAIN_NONE, 0})

static bool equal(struct sg_body_element a, struct sg_body_element b)
{
    return a.ref == b.ref && a.counter == b.counter;
}

/* Steps over the objects to find what is behind them. */
static void skip_objects(struct sg_reader *r, uint32_t count)
{
    for (uint32_t i = 0; i < count && r->err == SG_OK; i++) {
        (void)sg_get_uint(r);
        (void)sg_read_u8(r);
        (void)sg_get_vector(r, SG_CRDT_KEY_MAX);
    }
}

sg_err sg_body_open(struct sg_body_reader *r, struct sg_bytes body,
                    const struct sg_crdt_limits *limits)
{
    struct sg_reader all = sg_reader(body);
    *r = (struct sg_body_reader){.limits = limits};
    r->ref_count = sg_get_u32(&all, limits->refs);
    r->refs = sg_read_bytes(&all, (size_t)r->ref_count * SG_ID_LEN);
    r->object_count = sg_get_u32(&all, limits->objects);
    r->objects = all;
    skip_objects(&all, r->object_count);
    r->objects.left -= all.left <= r->objects.left ? all.left : 0;
    r->heads = sg_reader(sg_get_vector(&all, limits->batch_bytes));
    r->origins = sg_reader(sg_get_vector(&all, limits->batch_bytes));
    r->values = sg_reader(sg_get_vector(&all, limits->batch_bytes));
    r->text = sg_reader(sg_read_bytes(&all, all.left));
    SG_TRY(sg_reader_done(&all));
    return r->heads.left == 0 ? SG_ERR_MALFORMED : SG_OK;
}

void sg_body_start(struct sg_body_reader *r, uint32_t counter, uint32_t *last, uint32_t chains)
{
    r->counter = counter;
    r->state = (struct sg_body_state){last, chains, NONE, NONE};
    r->state.last[SG_BODY_SELF] = counter;
}

sg_err sg_body_next_object(struct sg_body_reader *r, struct sg_body_object *object)
{
    struct sg_utf8_counts counts;
    object->parent = sg_get_u32(&r->objects, r->object_count);
    object->kind = sg_read_u8(&r->objects);
    object->key = sg_get_vector(&r->objects, SG_CRDT_KEY_MAX);
    if (r->objects.err != SG_OK)
        return r->objects.err;
    if (object->kind >= SG_CELL_ELEMENT)
        return SG_ERR_MALFORMED;
    return sg_utf8_check(object->key, &counts);
}

/* ---- operations ------------------------------------------------------------------------------ */

static struct sg_body_element get_explicit(struct sg_body_reader *r, uint64_t form)
{
    uint32_t ref = SG_BODY_SELF;
    if ((form & 1) != 0) {
        ref = sg_get_u32(&r->origins, r->state.chains - 1);
        if (ref == SG_BODY_SELF)
            sg_reader_fail(&r->origins, SG_ERR_NOT_CANONICAL);
    }
    int64_t step = sg_unzigzag(form >> 1);
    /* both are far below 2^62 once this is checked */
    if (step > UINT32_MAX || step < -(int64_t)UINT32_MAX) {
        sg_reader_fail(&r->origins, SG_ERR_MALFORMED);
        return NONE;
    }
    int64_t counter = step + r->state.last[ref];
    if (counter < 0 || counter > r->limits->ops) {
        sg_reader_fail(&r->origins, SG_ERR_MALFORMED);
        return NONE;
    }
    r->state.last[ref] = (uint32_t)counter;
    return (struct sg_body_element){ref, (uint32_t)counter};
}

static struct sg_body_element get_left(struct sg_body_reader *r)
{
    uint64_t form = sg_get_uint(&r->origins);
    if (form == 0)
        return NONE;
    if (form == 1) {
        if (r->state.inserted.ref == SG_SEQ_CHAIN_NONE)
            sg_reader_fail(&r->origins, SG_ERR_NOT_CANONICAL);
        return r->state.inserted;
    }
    struct sg_body_element left = get_explicit(r, form - 2);
    if (equal(left, r->state.inserted))
        sg_reader_fail(&r->origins, SG_ERR_NOT_CANONICAL);
    return left;
}

static struct sg_body_element get_right(struct sg_body_reader *r, struct sg_body_element left)
{
    struct sg_body_element next = {left.ref, left.counter + 1};
    uint64_t form = sg_get_uint(&r->origins);
    bool has_next = left.ref != SG_SEQ_CHAIN_NONE;
    if (form == 0)
        return NONE;
    if (form == 1) {
        if (r->state.right.ref == SG_SEQ_CHAIN_NONE)
            sg_reader_fail(&r->origins, SG_ERR_NOT_CANONICAL);
        return r->state.right;
    }
    struct sg_body_element right = next;
    if (form > 2)
        right = get_explicit(r, form - 3);
    bool is_short = equal(right, r->state.right) || (form > 2 && has_next && equal(right, next));
    if (is_short || (form == 2 && !has_next))
        sg_reader_fail(&r->origins, SG_ERR_NOT_CANONICAL);
    return right;
}

static void get_value(struct sg_body_reader *r, struct sg_value *value)
{
    struct sg_reader before = r->values;
    switch ((enum sg_value_kind)value->kind) {
    case SG_VALUE_NULL:
    case SG_VALUE_FALSE:
    case SG_VALUE_TRUE:
        value->bytes = sg_read_bytes(&r->values, 0);
        return;
    case SG_VALUE_INT:
        (void)sg_get_uint(&r->values);
        value->bytes = sg_bytes(before.at, before.left - r->values.left);
        return;
    case SG_VALUE_TEXT:
    case SG_VALUE_BYTES:
        value->bytes = sg_get_vector(&r->values, r->limits->value_bytes);
        return;
    case SG_VALUE_DOUBLE:
        value->bytes = sg_read_bytes(&r->values, 8);
        return;
    }
    sg_reader_fail(&r->values, SG_ERR_MALFORMED);
}

/* The text of an insert: as many code points as its head says. */
static void get_text(struct sg_body_reader *r, struct sg_op *op)
{
    if (r->text.left < op->count) {
        sg_reader_fail(&r->text, SG_ERR_TRUNCATED);
        return;
    }
    size_t len = sg_utf8_skip(sg_bytes(r->text.at, r->text.left), op->count);
    op->text = sg_read_bytes(&r->text, len);
    if (r->text.err == SG_OK &&
        (sg_utf8_check(op->text, &op->text_counts) != SG_OK || op->text_counts.chars != op->count))
        sg_reader_fail(&r->text, SG_ERR_MALFORMED);
}

static sg_err get_insert(struct sg_body_reader *r, struct sg_op *op)
{
    op->left = get_left(r);
    op->right = get_right(r, op->left);
    r->state.right = op->right;
    uint32_t last = r->counter + op->count - 1;
    r->state.inserted = (struct sg_body_element){SG_BODY_SELF, last};
    r->state.last[SG_BODY_SELF] = last;
    get_text(r, op);
    return r->origins.err != SG_OK ? r->origins.err : r->text.err;
}

/* argument: what stands with the kind in the head. */
static sg_err get_op(struct sg_body_reader *r, struct sg_op *op, uint32_t argument)
{
    op->count = 1;
    switch (op->kind) {
    case SG_OP_INSERT:
    case SG_OP_DELETE:
        op->count = argument;
        if (argument == 0)
            return SG_ERR_MALFORMED;
        if (op->kind == SG_OP_INSERT)
            return get_insert(r, op);
        op->target = get_explicit(r, sg_get_uint(&r->origins));
        return r->origins.err;
    case SG_OP_SET:
    case SG_OP_ADD:
    case SG_OP_REMOVE:
        if (argument > SG_VALUE_DOUBLE)
            return SG_ERR_MALFORMED;
        op->value.kind = (uint8_t)argument;
        get_value(r, &op->value);
        return r->values.err != SG_OK ? r->values.err : sg_value_check(&op->value, r->limits);
    case SG_OP_CLEAR:
        return argument == 0 ? SG_OK : SG_ERR_NOT_CANONICAL;
    case SG_OP_COUNT:
        op->delta = sg_unzigzag(sg_get_uint(&r->values));
        return argument == 0 ? r->values.err : SG_ERR_NOT_CANONICAL;
    case SG_OP_SELECT:
        break;
    }
    return SG_ERR_MALFORMED;
}

/* Nothing may be left over in any column. */
static sg_err at_end(const struct sg_body_reader *r)
{
    SG_TRY(sg_reader_done(&r->heads));
    SG_TRY(sg_reader_done(&r->origins));
    SG_TRY(sg_reader_done(&r->values));
    return sg_reader_done(&r->text);
}

/* Whether an insert goes on where the one before it ended, so that both would have been written as
 * one. (Deletions may touch: they grow in both directions while they are written.) */
static bool joins(const struct sg_op *a, const struct sg_op *b, uint32_t counter)
{
    const struct sg_body_element end = {SG_BODY_SELF, counter - 1};
    return a->count > 0 && a->kind == SG_OP_INSERT && b->kind == SG_OP_INSERT &&
           a->object == b->object && equal(b->left, end) && equal(b->right, a->right);
}

sg_err sg_body_next(struct sg_body_reader *r, struct sg_op *op, bool *has_op)
{
    *has_op = r->heads.left > 0;
    if (!*has_op)
        return r->selected == 0 ? SG_ERR_MALFORMED : at_end(r);
    uint64_t head = sg_get_uint(&r->heads);
    if (r->heads.err == SG_OK && (head & 15) == SG_OP_SELECT) {
        if (head >> 4 >= r->object_count)
            return SG_ERR_MALFORMED;
        uint32_t selected = (uint32_t)(head >> 4) + 1;
        if (selected == r->selected)
            return SG_ERR_NOT_CANONICAL;
        r->selected = selected;
        head = sg_get_uint(&r->heads);
    }
    SG_TRY(r->heads.err);
    uint64_t room = r->limits->ops - r->counter;
    if (r->selected == 0 || (head & 15) > SG_OP_REMOVE || head >> 4 > room)
        return SG_ERR_MALFORMED;
    *op = (struct sg_op){.kind = (enum sg_op_kind)(head & 15), .object = r->selected - 1};
    SG_TRY(get_op(r, op, (uint32_t)(head >> 4)));
    if (joins(&r->before, op, r->counter))
        return SG_ERR_NOT_CANONICAL;
    r->before = *op;
    r->counter += op->kind == SG_OP_DELETE ? 1 : op->count;
    return r->counter <= r->limits->ops ? SG_OK : SG_ERR_OVERSIZED;
}

sg_err sg_value_check(const struct sg_value *value, const struct sg_crdt_limits *limits)
{
    struct sg_utf8_counts counts;
    struct sg_reader r = sg_reader(value->bytes);
    switch ((enum sg_value_kind)value->kind) {
    case SG_VALUE_NULL:
    case SG_VALUE_FALSE:
    case SG_VALUE_TRUE:
        return value->bytes.len == 0 ? SG_OK : SG_ERR_MALFORMED;
    case SG_VALUE_INT:
        (void)sg_get_uint(&r);
        return sg_reader_done(&r);
    case SG_VALUE_TEXT:
        SG_TRY(value->bytes.len <= limits->value_bytes ? SG_OK : SG_ERR_OVERSIZED);
        return sg_utf8_check(value->bytes, &counts);
    case SG_VALUE_BYTES:
        return value->bytes.len <= limits->value_bytes ? SG_OK : SG_ERR_OVERSIZED;
    case SG_VALUE_DOUBLE:
        return value->bytes.len == 8 ? SG_OK : SG_ERR_MALFORMED;
    }
    return SG_ERR_MALFORMED;
}
