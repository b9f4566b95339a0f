/* A full disk, by SQLite's own system calls. */
#ifndef TEST_FULL_DISK_H
#define TEST_FULL_DISK_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <unistd.h>

#include <sqlite3.h>

/* How many writes find room while they are limited. */
static int writes_left;

static inline ssize_t limited_pwrite(int fd, const void *data, size_t len, off_t at)
{
    if (writes_left-- > 0)
        return pwrite(fd, data, len, at);
    errno = ENOSPC;
    return -1;
}

static inline void limit_writes(bool limits)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    static const char *const names[] = {"pwrite", "pwrite64"};
    for (size_t i = 0; i < 2; i++)
        (void)vfs->xSetSystemCall(vfs, names[i],
                                  limits ? (sqlite3_syscall_ptr)limited_pwrite : NULL);
}

#endif
