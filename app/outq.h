/* Bytes that wait for a descriptor that does not take them yet. */
#ifndef SG_APP_OUTQ_H
#define SG_APP_OUTQ_H

#include <stdbool.h>
#include <stddef.h>

struct sg_outq {
    char *data;
    size_t start, len, cap;
};

/* Bytes that wait. */
static inline size_t sg_outq_len(const struct sg_outq *q)
{
    return q->len - q->start;
}

void sg_outq_fini(struct sg_outq *q);
/* Appends a copy; false when out of memory, then nothing was added. */
bool sg_outq_push(struct sg_outq *q, const char *data, size_t len);
/* Appends text and a newline, both or nothing. */
bool sg_outq_push_line(struct sg_outq *q, const char *text);
/* Writes what fd takes without waiting. False: the other side is gone (errno). */
bool sg_outq_flush(struct sg_outq *q, int fd);

#endif
