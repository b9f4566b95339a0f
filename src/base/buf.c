#include "base/buf.h"

#include <assert.h>

struct sg_buf *sg_buf_new(const struct sg_mem *mem, size_t cap)
{
    if (cap > UINT32_MAX - sizeof(struct sg_buf))
        return NULL;
    struct sg_buf *buf = mem->alloc(mem->user, sizeof(*buf) + cap);
    if (buf == NULL)
        return NULL;
    buf->mem = mem;
    buf->refs = 1;
    buf->cap = (uint32_t)cap;
    buf->len = 0;
    return buf;
}

struct sg_buf *sg_buf_copy(const struct sg_mem *mem, struct sg_bytes bytes)
{
    struct sg_buf *buf = sg_buf_new(mem, bytes.len);
    if (buf != NULL && bytes.len > 0) {
        memcpy(buf->data, bytes.data, bytes.len);
        buf->len = (uint32_t)bytes.len;
    }
    return buf;
}

struct sg_buf *sg_buf_ref(struct sg_buf *buf)
{
    assert(buf->refs > 0 && buf->refs < UINT32_MAX);
    buf->refs++;
    return buf;
}

void sg_buf_unref(struct sg_buf *buf)
{
    if (buf == NULL)
        return;
    assert(buf->refs > 0);
    if (--buf->refs == 0)
        buf->mem->free(buf->mem->user, buf);
}
