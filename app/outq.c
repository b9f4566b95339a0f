#include "outq.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEEP_CAP 16384 /* an empty queue gives back what is larger */

void sg_outq_fini(struct sg_outq *q)
{
    free(q->data);
    *q = (struct sg_outq){0};
}

static bool reserve(struct sg_outq *q, size_t more)
{
    if (q->cap - q->len >= more)
        return true;
    if (q->start > 0) {
        memmove(q->data, q->data + q->start, q->len - q->start);
        q->len -= q->start;
        q->start = 0;
    }
    if (q->cap - q->len >= more)
        return true;
    size_t cap = q->cap * 2 > q->len + more ? q->cap * 2 : q->len + more;
    char *data = realloc(q->data, cap);
    if (data == NULL)
        return false;
    q->data = data;
    q->cap = cap;
    return true;
}

bool sg_outq_push(struct sg_outq *q, const char *data, size_t len)
{
    if (len == 0)
        return true;
    if (!reserve(q, len))
        return false;
    memcpy(q->data + q->len, data, len);
    q->len += len;
    return true;
}

bool sg_outq_push_line(struct sg_outq *q, const char *text)
{
    size_t len = strlen(text);
    if (!reserve(q, len + 1))
        return false;
    memcpy(q->data + q->len, text, len);
    q->data[q->len + len] = '\n';
    q->len += len + 1;
    return true;
}

bool sg_outq_flush(struct sg_outq *q, int fd)
{
    while (q->start < q->len) {
        ssize_t put = write(fd, q->data + q->start, q->len - q->start);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return errno == EAGAIN;
        q->start += (size_t)put;
    }
    q->start = 0;
    q->len = 0;
    if (q->cap > KEEP_CAP)
        sg_outq_fini(q);
    return true;
}
