/* Writing the operations of a batch. */
#include "crdt/body.h"

#define NONE ((struct sg_body_element){SG_SEQ_CHAIN_NONE, 0})

static bool equal(struct sg_body_element a, struct sg_body_element b)
{
    return a.ref == b.ref && a.counter == b.counter;
}

void sg_body_begin(struct sg_body_writer *w, const struct sg_mem *mem, uint32_t counter,
                   uint32_t deps)
{
    const struct sg_column empty = {.mem = mem};
    *w = (struct sg_body_writer){.mem = mem, .counter = counter};
    w->refs = w->objects = w->heads = w->origins = w->values = w->text = empty;
    w->state.inserted = NONE;
    w->state.right = NONE;
    w->state.chains = 1 + deps;
    w->state.last = sg_mem_new(mem, w->state.chains, sizeof(uint32_t));
    w->has_failed = w->state.last == NULL;
    if (!w->has_failed)
        w->state.last[SG_BODY_SELF] = counter;
}

void sg_body_fini(struct sg_body_writer *w)
{
    sg_column_fini(&w->refs);
    sg_column_fini(&w->objects);
    sg_column_fini(&w->heads);
    sg_column_fini(&w->origins);
    sg_column_fini(&w->values);
    sg_column_fini(&w->text);
    sg_mem_free(w->mem, w->state.last);
    w->state.last = NULL;
}

uint32_t sg_body_ref(struct sg_body_writer *w, const uint8_t name[SG_ID_LEN])
{
    uint32_t chain = w->state.chains;
    uint32_t *grown = sg_mem_resize(w->mem, w->state.last, chain + 1u, sizeof(uint32_t));
    if (grown == NULL) {
        w->has_failed = true;
        return 0;
    }
    grown[chain] = 0;
    w->state.last = grown;
    w->state.chains++;
    w->ref_count++;
    sg_put_bytes(&w->refs, sg_bytes(name, SG_ID_LEN));
    return chain;
}

uint32_t sg_body_object(struct sg_body_writer *w, const struct sg_body_object *object)
{
    sg_put_uint(&w->objects, object->parent);
    sg_put_u8(&w->objects, object->kind);
    sg_put_vector(&w->objects, object->key);
    return w->object_count++;
}

/* ---- operations ------------------------------------------------------------------------------ */

/* code: of the first explicit form, above the short ones. */
static void put_explicit(struct sg_body_writer *w, uint32_t code, struct sg_body_element e)
{
    int64_t step = (int64_t)e.counter - w->state.last[e.ref];
    sg_put_uint(&w->origins, code + (sg_zigzag(step) << 1 | (e.ref != SG_BODY_SELF)));
    if (e.ref != SG_BODY_SELF)
        sg_put_uint(&w->origins, e.ref);
    w->state.last[e.ref] = e.counter;
}

static void put_origins(struct sg_body_writer *w, const struct sg_op *op)
{
    if (op->left.ref == SG_SEQ_CHAIN_NONE)
        sg_put_u8(&w->origins, 0);
    else if (equal(op->left, w->state.inserted))
        sg_put_u8(&w->origins, 1);
    else
        put_explicit(w, 2, op->left);
    struct sg_body_element next = {op->left.ref, op->left.counter + 1};
    if (op->right.ref == SG_SEQ_CHAIN_NONE)
        sg_put_u8(&w->origins, 0);
    else if (equal(op->right, w->state.right))
        sg_put_u8(&w->origins, 1);
    else if (op->left.ref != SG_SEQ_CHAIN_NONE && equal(op->right, next))
        sg_put_u8(&w->origins, 2);
    else
        put_explicit(w, 3, op->right);
    w->state.right = op->right;
}

static void put_value(struct sg_body_writer *w, const struct sg_value *value)
{
    if (value->kind == SG_VALUE_TEXT || value->kind == SG_VALUE_BYTES)
        sg_put_vector(&w->values, value->bytes);
    else
        sg_put_bytes(&w->values, value->bytes);
}

/* Writes the open operation; nothing joins it any more. */
static void flush(struct sg_body_writer *w)
{
    struct sg_op *op = &w->open;
    if (op->count == 0)
        return;
    uint32_t argument = op->count;
    if (op->kind == SG_OP_SET || op->kind == SG_OP_ADD || op->kind == SG_OP_REMOVE)
        argument = op->value.kind;
    else if (op->kind == SG_OP_CLEAR || op->kind == SG_OP_COUNT)
        argument = 0;
    sg_put_uint(&w->heads, (uint64_t)argument << 4 | op->kind);
    if (op->kind == SG_OP_INSERT) {
        put_origins(w, op);
        w->state.inserted = (struct sg_body_element){SG_BODY_SELF, w->open_at + op->count - 1};
        w->state.last[SG_BODY_SELF] = w->open_at + op->count - 1;
    } else if (op->kind == SG_OP_DELETE) {
        put_explicit(w, 0, op->target);
    }
    op->count = 0;
}

/* Whether op goes on where the open one ends: then that one has grown. */
static bool join(struct sg_body_writer *w, const struct sg_op *op)
{
    struct sg_op *open = &w->open;
    if (open->count == 0 || open->kind != op->kind || open->object != op->object)
        return false;
    if (op->kind == SG_OP_INSERT) {
        struct sg_body_element end = {SG_BODY_SELF, w->open_at + open->count - 1};
        if (!equal(op->left, end) || !equal(op->right, open->right))
            return false;
        open->count += op->count;
        return true;
    }
    if (op->kind != SG_OP_DELETE || op->target.ref != open->target.ref)
        return false;
    if (op->target.counter + op->count == open->target.counter) /* backwards */
        open->target = op->target;
    else if (open->target.counter + open->count != op->target.counter)
        return false;
    open->count += op->count;
    return true;
}

void sg_body_put(struct sg_body_writer *w, const struct sg_op *op)
{
    if (w->has_failed) {
        w->counter += op->count; /* ids must differ until the end */
        return;
    }
    bool is_joined = join(w, op);
    if (!is_joined) {
        flush(w);
        if (w->selected != op->object + 1) {
            sg_put_uint(&w->heads, (uint64_t)op->object << 4 | SG_OP_SELECT);
            w->selected = op->object + 1;
        }
        w->open = *op;
        w->open_at = w->counter;
    }
    if (op->kind == SG_OP_DELETE)
        w->counter += !is_joined;
    else
        w->counter += op->count;
    if (op->kind == SG_OP_INSERT) {
        sg_put_bytes(&w->text, op->text);
        return;
    }
    if (op->kind == SG_OP_COUNT)
        sg_put_uint(&w->values, sg_zigzag(op->delta));
    else if (op->kind == SG_OP_SET || op->kind == SG_OP_ADD || op->kind == SG_OP_REMOVE)
        put_value(w, &op->value);
    if (op->kind != SG_OP_DELETE)
        flush(w);
}

sg_err sg_body_end(struct sg_body_writer *w, struct sg_column *out)
{
    if (w->has_failed)
        return SG_ERR_NO_MEMORY;
    flush(w);
    sg_put_uint(out, w->ref_count);
    sg_put_bytes(out, sg_column_bytes(&w->refs));
    sg_put_uint(out, w->object_count);
    sg_put_bytes(out, sg_column_bytes(&w->objects));
    sg_put_vector(out, sg_column_bytes(&w->heads));
    sg_put_vector(out, sg_column_bytes(&w->origins));
    sg_put_vector(out, sg_column_bytes(&w->values));
    sg_put_bytes(out, sg_column_bytes(&w->text));
    bool has_failed = w->refs.has_failed || w->objects.has_failed || w->heads.has_failed ||
                      w->origins.has_failed || w->values.has_failed || w->text.has_failed;
    return has_failed || out->has_failed ? SG_ERR_NO_MEMORY : SG_OK;
}
