#include "runtime/frames.h"

void sg_rt_frames_init(struct sg_rt_frames *q, uint32_t count_max, size_t bytes_max)
{
    *q = (struct sg_rt_frames){.count_max = count_max, .bytes_max = bytes_max};
}

void sg_rt_frames_clear(struct sg_rt_frames *q, const struct sg_mem *mem)
{
    while (q->count > 0)
        sg_rt_frames_pop(q, mem);
}

static sg_err grow(struct sg_rt_frames *q, const struct sg_mem *mem)
{
    uint32_t cap = q->cap == 0 ? 8 : q->cap * 2;
    if (cap > q->count_max)
        cap = q->count_max;
    struct sg_rt_frame *items = sg_mem_new(mem, cap, sizeof *items);
    if (items == NULL)
        return SG_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < q->count; i++)
        items[i] = q->items[(q->head + i) % q->cap];
    sg_mem_free(mem, q->items);
    q->items = items;
    q->cap = cap;
    q->head = 0;
    return SG_OK;
}

sg_err sg_rt_frames_push(struct sg_rt_frames *q, const struct sg_mem *mem, enum sg_lane lane,
                         struct sg_buf *buf)
{
    if (q->count == q->count_max || buf->len > q->bytes_max - q->bytes)
        return SG_ERR_FULL;
    if (q->count == q->cap)
        SG_TRY(grow(q, mem));
    q->items[(q->head + q->count) % q->cap] = (struct sg_rt_frame){lane, buf};
    q->count++;
    q->bytes += buf->len;
    return SG_OK;
}

const struct sg_rt_frame *sg_rt_frames_first(const struct sg_rt_frames *q)
{
    return q->count == 0 ? NULL : &q->items[q->head];
}

void sg_rt_frames_pop(struct sg_rt_frames *q, const struct sg_mem *mem)
{
    struct sg_rt_frame *first = &q->items[q->head];
    q->bytes -= first->buf->len;
    sg_buf_unref(first->buf);
    q->head = (q->head + 1) % q->cap;
    if (--q->count > 0)
        return;
    sg_mem_free(mem, q->items);
    q->items = NULL;
    q->cap = 0;
    q->head = 0;
}
