#include "node/internal.h"

void sg_core_outbox_clear(struct sg_core_outbox *box)
{
    for (size_t i = 0; i < box->count; i++) {
        struct sg_core_out *out = &box->out[i];
        sg_buf_unref(out->buf);
        if (out->kind != SG_CORE_OUT_STORE)
            continue;
        sg_buf_unref(out->store.root);
        sg_buf_unref(out->store.key);
    }
    box->count = 0;
}

void sg_core_outbox_fini(struct sg_core_outbox *box, const struct sg_mem *mem)
{
    sg_core_outbox_clear(box);
    sg_mem_free(mem, box->out);
    *box = (struct sg_core_outbox){0};
}

static bool grow(struct sg_core_outbox *box, const struct sg_mem *mem)
{
    size_t cap = box->cap == 0 ? 32 : box->cap * 2;
    void *out = sg_mem_resize(mem, box->out, cap, sizeof(*box->out));
    if (out == NULL)
        return false;
    box->out = out;
    box->cap = cap;
    return true;
}

struct sg_core_out *sg_emit_place(struct sg_core *core, struct sg_buf *buf)
{
    struct sg_core_outbox *box = core->out;
    if (box->count == box->cap && !grow(box, core->config.mem)) {
        core->stats.outbox_lost++;
        sg_buf_unref(buf);
        return NULL;
    }
    struct sg_core_out *out = &box->out[box->count++];
    out->buf = buf;
    return out;
}

bool sg_emit(struct sg_core *core, const struct sg_core_out *out)
{
    struct sg_core_out *place = sg_emit_place(core, out->buf);
    if (place == NULL)
        return false;
    *place = *out;
    return true;
}
