#include "line.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK 4096

void sg_app_line_init(struct sg_app_line *line, size_t max)
{
    *line = (struct sg_app_line){.max = max};
}

void sg_app_line_fini(struct sg_app_line *line)
{
    free(line->data);
    *line = (struct sg_app_line){.max = line->max};
}

/* Makes room for more bytes behind those that wait. */
static bool reserve(struct sg_app_line *line, size_t more)
{
    if (line->start > 0) {
        memmove(line->data, line->data + line->start, line->len - line->start);
        line->len -= line->start;
        line->scanned -= line->start;
        line->start = 0;
    }
    if (line->cap - line->len >= more)
        return true;
    size_t cap = line->cap * 2 > line->len + more ? line->cap * 2 : line->len + more;
    char *data = realloc(line->data, cap);
    if (data == NULL)
        return false;
    line->data = data;
    line->cap = cap;
    return true;
}

enum sg_app_line_fill sg_app_line_fill(struct sg_app_line *line, int fd)
{
    if (!reserve(line, CHUNK)) {
        errno = ENOMEM;
        return SG_APP_LINE_FAILED;
    }
    ssize_t got = read(fd, line->data + line->len, line->cap - line->len);
    if (got == 0)
        return SG_APP_LINE_END;
    if (got < 0)
        return errno == EAGAIN || errno == EINTR ? SG_APP_LINE_AGAIN : SG_APP_LINE_FAILED;
    line->len += (size_t)got;
    return SG_APP_LINE_FILLED;
}

bool sg_app_line_feed(struct sg_app_line *line, const char *data, size_t len)
{
    if (!reserve(line, len + 1))
        return false;
    memcpy(line->data + line->len, data, len);
    line->len += len;
    return true;
}

enum sg_app_line_result sg_app_line_next(struct sg_app_line *line, const char **text, size_t *len)
{
    if (line->scanned == line->len)
        return line->len - line->start > line->max ? SG_APP_LINE_TOO_LONG : SG_APP_LINE_MORE;
    const char *from = line->data + line->scanned;
    const char *newline = memchr(from, '\n', line->len - line->scanned);
    if (newline == NULL) {
        line->scanned = line->len;
        return line->len - line->start > line->max ? SG_APP_LINE_TOO_LONG : SG_APP_LINE_MORE;
    }
    size_t end = (size_t)(newline - line->data);
    if (end - line->start > line->max)
        return SG_APP_LINE_TOO_LONG;
    *text = line->data + line->start;
    *len = end - line->start;
    line->start = end + 1;
    line->scanned = line->start;
    return SG_APP_LINE_READY;
}

bool sg_app_line_last(struct sg_app_line *line, const char **text, size_t *len)
{
    if (line->start == line->len)
        return false;
    *text = line->data + line->start;
    *len = line->len - line->start;
    line->start = line->len;
    line->scanned = line->len;
    return true;
}
