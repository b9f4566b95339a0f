#include "quic/stream.h"

#include <assert.h>
#include <string.h>

/* The first piece of memory of a receive queue; it doubles from there. */
#define RECVQ_MIN 2048

static size_t chunk_len(const struct sg_quic_chunk *c)
{
    return c->head_len + (c->buf != NULL ? c->buf->len : 0u);
}

sg_err sg_quic_sendq_push(struct sg_quic_sendq *q, const struct sg_mem *mem, struct sg_bytes head,
                          struct sg_buf *buf)
{
    assert(head.len <= SG_CHUNK_HEAD_MAX);
    struct sg_quic_chunk *c = sg_mem_new(mem, 1, sizeof(*c));
    if (c == NULL)
        return SG_ERR_NO_MEMORY;
    c->head_len = (uint8_t)head.len;
    if (head.len > 0)
        memcpy(c->head, head.data, head.len);
    if (buf != NULL)
        c->buf = sg_buf_ref(buf);
    if (q->last != NULL)
        q->last->next = c;
    else
        q->first = c;
    q->last = c;
    if (q->unsent == NULL) {
        q->unsent = c;
        q->unsent_at = 0;
    }
    q->len += chunk_len(c);
    q->unsent_len += chunk_len(c);
    return SG_OK;
}

size_t sg_quic_sendq_peek(const struct sg_quic_sendq *q, ngtcp2_vec *vec, size_t cap, size_t max)
{
    size_t n = 0;
    size_t skip = q->unsent_at;
    for (struct sg_quic_chunk *c = q->unsent; c != NULL && n + 2 <= cap && max > 0; c = c->next) {
        if (skip < c->head_len) {
            size_t len = c->head_len - skip < max ? c->head_len - skip : max;
            vec[n++] = (ngtcp2_vec){c->head + skip, len};
            max -= len;
            skip = c->head_len;
        }
        skip -= c->head_len;
        if (c->buf != NULL && max > 0 && skip < c->buf->len) {
            size_t len = c->buf->len - skip < max ? c->buf->len - skip : max;
            vec[n++] = (ngtcp2_vec){c->buf->data + skip, len};
            max -= len;
        }
        skip = 0;
    }
    return n;
}

void sg_quic_sendq_sent(struct sg_quic_sendq *q, size_t len)
{
    assert(len <= q->unsent_len);
    q->unsent_len -= len;
    q->unsent_at += len;
    while (q->unsent != NULL && q->unsent_at >= chunk_len(q->unsent)) {
        q->unsent_at -= chunk_len(q->unsent);
        q->unsent = q->unsent->next;
    }
}

static void pop(struct sg_quic_sendq *q, const struct sg_mem *mem)
{
    struct sg_quic_chunk *c = q->first;
    q->first = c->next;
    if (q->first == NULL)
        q->last = NULL;
    sg_buf_unref(c->buf);
    sg_mem_free(mem, c);
}

void sg_quic_sendq_acked(struct sg_quic_sendq *q, const struct sg_mem *mem, size_t len)
{
    assert(len <= q->len - q->unsent_len);
    q->len -= len;
    q->acked += len;
    while (q->first != NULL && q->first != q->unsent && q->acked >= chunk_len(q->first)) {
        q->acked -= chunk_len(q->first);
        pop(q, mem);
    }
}

void sg_quic_sendq_clear(struct sg_quic_sendq *q, const struct sg_mem *mem)
{
    while (q->first != NULL)
        pop(q, mem);
    *q = (struct sg_quic_sendq){0};
}

void sg_quic_recvq_pack(struct sg_quic_recvq *q, const struct sg_mem *mem)
{
    if (q->head == q->tail) {
        sg_quic_recvq_clear(q, mem);
    } else if (q->head > 0) {
        memmove(q->data, q->data + q->head, q->tail - q->head);
        q->tail -= q->head;
        q->head = 0;
    }
}

sg_err sg_quic_recvq_push(struct sg_quic_recvq *q, const struct sg_mem *mem, struct sg_bytes bytes)
{
    if (bytes.len == 0)
        return SG_OK;
    if (bytes.len > q->cap - q->tail && q->head >= sg_quic_recvq_len(q))
        sg_quic_recvq_pack(q, mem);
    if (bytes.len > q->cap - q->tail) {
        size_t cap = q->cap == 0 ? RECVQ_MIN : q->cap;
        while (bytes.len > cap - q->tail)
            cap *= 2;
        uint8_t *data = sg_mem_resize(mem, q->data, cap, 1);
        if (data == NULL)
            return SG_ERR_NO_MEMORY;
        q->data = data;
        q->cap = cap;
    }
    memcpy(q->data + q->tail, bytes.data, bytes.len);
    q->tail += bytes.len;
    return SG_OK;
}

void sg_quic_recvq_clear(struct sg_quic_recvq *q, const struct sg_mem *mem)
{
    sg_mem_free(mem, q->data);
    *q = (struct sg_quic_recvq){0};
}
