/* Looking for secrets in the memory of this process and in files. */
#ifndef MLS_NEEDLES_H
#define MLS_NEEDLES_H

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "mls_fixture.h"

#define MASK 0xa5
#define NEEDLE 32

/* Secrets, masked so that this list is not found itself. */
struct needles {
    uint8_t at[24][NEEDLE];
    unsigned count;
};

static inline void note(struct needles *n, const uint8_t *secret)
{
    assert_true(n->count < 24);
    for (size_t i = 0; i < NEEDLE; i++)
        n->at[n->count][i] = secret[i] ^ MASK;
    n->count++;
}

static inline bool is_needle(const uint8_t *at, const uint8_t *needle)
{
    for (size_t i = 0; i < NEEDLE; i++)
        if ((at[i] ^ MASK) != needle[i])
            return false;
    return true;
}

static inline unsigned count_at(const uint8_t *at, const struct needles *n)
{
    unsigned found = 0;
    for (unsigned i = 0; i < n->count; i++)
        found += is_needle(at, n->at[i]);
    return found;
}

/* The next place, before end, whose first two bytes are marked; end: none. Most of a test's time is
 * here, all of it within data, so no sanitizer looks on. */
__attribute__((no_sanitize_address, no_sanitize_undefined)) static inline const uint8_t *
next_marked(const uint8_t *at, const uint8_t *end, const uint8_t *first)
{
    while (at < end && !first[at[0] << 8 | at[1]])
        at++;
    return at;
}

/* By the first two bytes, which tell most places apart. */
static inline unsigned count_in(const uint8_t *data, size_t len, const struct needles *n)
{
    static uint8_t first[1 << 16];
    unsigned found = 0;
    memset(first, 0, sizeof(first));
    for (unsigned i = 0; i < n->count; i++)
        first[(n->at[i][0] ^ MASK) << 8 | (n->at[i][1] ^ MASK)] = 1;
    const uint8_t *end = len < NEEDLE ? data : data + len - NEEDLE + 1;
    for (const uint8_t *at = next_marked(data, end, first); at < end;
         at = next_marked(at + 1, end, first))
        found += count_at(at, n);
    return found;
}

/* One mapping, read through the kernel, so that sanitizers let it. */
static inline unsigned count_in_mapping(int memory, uintptr_t from, uintptr_t to,
                                        const struct needles *n)
{
    static uint8_t window[(1 << 20) + NEEDLE];
    unsigned found = 0;
    for (uintptr_t at = from; at < to; at += 1 << 20) {
        size_t len = to - at < sizeof(window) ? to - at : sizeof(window);
        ssize_t got = pread(memory, window, len, (off_t)at);
        /* not the window itself */
        if (got > 0 && !(at <= (uintptr_t)window && (uintptr_t)window < at + (size_t)got))
            found += count_in(window, (size_t)got, n);
    }
    memset(window, 0, sizeof(window));
    return found;
}

/* Shadow and other reserved space is huge and holds no data of ours. */
#define MAPPING_MAX ((uintptr_t)64 << 20)

static inline unsigned count_in_memory(const struct needles *n)
{
    char line[512];
    unsigned found = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    int memory = open("/proc/self/mem", O_RDONLY);
    assert_non_null(maps);
    assert_true(memory >= 0);
    while (fgets(line, sizeof(line), maps) != NULL) {
        unsigned long from, to;
        char mode[8];
        if (sscanf(line, "%lx-%lx %7s", &from, &to, mode) == 3 && mode[0] == 'r' &&
            mode[1] == 'w' && to - from <= MAPPING_MAX)
            found += count_in_mapping(memory, from, to, n);
    }
    (void)fclose(maps);
    (void)close(memory);
    return found;
}

#endif
