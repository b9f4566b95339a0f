/* One line that tells how far a long command is: rewritten in place on a terminal, otherwise
 * printed now and then. On stderr. */
#ifndef SG_APP_PROGRESS_H
#define SG_APP_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct sg_progress {
    bool live;        /* stderr is a terminal */
    bool quiet;       /* nothing at all */
    bool dirty;       /* a live line stands there */
    uint64_t next_ns; /* when the next line may come */
};

void sg_progress_init(struct sg_progress *progress, bool quiet);
/* Whether an update would be shown now: 10 times a second on a terminal, else every 5 s. */
bool sg_progress_due(const struct sg_progress *progress);
void sg_progress_show(struct sg_progress *progress, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Prints a line that stays. */
void sg_progress_note(struct sg_progress *progress, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Removes the live line; call before other output. */
void sg_progress_clear(struct sg_progress *progress);

#endif
