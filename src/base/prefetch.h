/* A hint that memory will be read soon. Nothing depends on it; a compiler without the builtin does
 * nothing. For the simulator, whose nodes are cold when their turn comes. */
#ifndef SG_BASE_PREFETCH_H
#define SG_BASE_PREFETCH_H

#include <stddef.h>

#define SG_CACHE_LINE 64

/* ptr [len] may be anything, also no memory at all. */
static inline void sg_prefetch(const void *ptr, size_t len)
{
#if defined(__GNUC__)
    for (size_t at = 0; at < len; at += SG_CACHE_LINE)
        __builtin_prefetch((const char *)ptr + at);
#else
    (void)ptr;
    (void)len;
#endif
}

#endif
