/* Lines out of a byte stream, with a bound on their length. */
#ifndef SG_APP_LINE_H
#define SG_APP_LINE_H

#include <stdbool.h>
#include <stddef.h>

struct sg_app_line {
    char *data;
    size_t start; /* of the bytes not yet taken */
    size_t len;   /* of the bytes held, from data on */
    size_t cap;
    size_t scanned; /* no newline before this */
    size_t max;     /* longest line without its newline */
};

enum sg_app_line_result {
    SG_APP_LINE_READY,   /* a line */
    SG_APP_LINE_MORE,    /* none yet: fill again */
    SG_APP_LINE_TOO_LONG /* more than max bytes without a newline; the stream is of no more use */
};

enum sg_app_line_fill {
    SG_APP_LINE_FILLED,
    SG_APP_LINE_END,
    SG_APP_LINE_AGAIN,
    SG_APP_LINE_FAILED
};

void sg_app_line_init(struct sg_app_line *line, size_t max);
void sg_app_line_fini(struct sg_app_line *line);
/* Reads once from fd. AGAIN: nothing there now, or a signal came; FAILED: errno, ENOMEM too. */
enum sg_app_line_fill sg_app_line_fill(struct sg_app_line *line, int fd);
/* Adds bytes as if they had been read; false when out of memory. */
bool sg_app_line_feed(struct sg_app_line *line, const char *data, size_t len);
/* The next line without its newline, valid until the next fill. */
enum sg_app_line_result sg_app_line_next(struct sg_app_line *line, const char **text, size_t *len);
/* After the end of the stream: the last line when it had no newline. */
bool sg_app_line_last(struct sg_app_line *line, const char **text, size_t *len);

#endif
