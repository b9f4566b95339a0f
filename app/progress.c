#include "progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "clock.h"

#define LIVE_INTERVAL_NS UINT64_C(100000000)
#define PLAIN_INTERVAL_NS UINT64_C(5000000000)

void sg_progress_init(struct sg_progress *progress, bool quiet)
{
    *progress = (struct sg_progress){.live = isatty(STDERR_FILENO) != 0, .quiet = quiet};
    if (!progress->live)
        progress->next_ns = sg_app_now_ns() + PLAIN_INTERVAL_NS;
}

bool sg_progress_due(const struct sg_progress *progress)
{
    return !progress->quiet && sg_app_now_ns() >= progress->next_ns;
}

static void print(struct sg_progress *progress, const char *format, va_list arguments)
{
    sg_progress_clear(progress);
    vfprintf(stderr, format, arguments);
}

void sg_progress_show(struct sg_progress *progress, const char *format, ...)
{
    va_list arguments;
    if (progress->quiet)
        return;
    va_start(arguments, format);
    print(progress, format, arguments);
    va_end(arguments);
    if (progress->live)
        progress->dirty = true;
    else
        fputc('\n', stderr);
    fflush(stderr);
    progress->next_ns = sg_app_now_ns() + (progress->live ? LIVE_INTERVAL_NS : PLAIN_INTERVAL_NS);
}

void sg_progress_note(struct sg_progress *progress, const char *format, ...)
{
    va_list arguments;
    if (progress->quiet)
        return;
    va_start(arguments, format);
    print(progress, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

void sg_progress_clear(struct sg_progress *progress)
{
    if (progress->dirty)
        fputs("\r\033[K", stderr);
    progress->dirty = false;
}
