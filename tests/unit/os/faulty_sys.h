/* System calls of os/file.h that fail at the n-th call, note what was called, and can play a crash:
 * from the n-th call on nothing works any more, and a write gets half done. And a folder of its own
 * for each test. */
#ifndef TEST_FAULTY_SYS_H
#define TEST_FAULTY_SYS_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "os/file.h"

static struct faulty {
    size_t calls;
    size_t fail_at; /* 0: none */
    int error;
    bool is_crash;
    char log[1024]; /* one letter or word per call */
} faulty;

static inline void faulty_set(size_t fail_at, int error, bool is_crash)
{
    faulty = (struct faulty){.fail_at = fail_at, .error = error, .is_crash = is_crash};
}

/* Is this call to fail? */
static inline bool faulty_is_due(const char *name)
{
    size_t len = strlen(faulty.log);
    (void)snprintf(faulty.log + len, sizeof(faulty.log) - len, "%s%s", len > 0 ? " " : "", name);
    faulty.calls++;
    bool is_due = faulty.fail_at != 0 && (faulty.is_crash ? faulty.calls >= faulty.fail_at
                                                          : faulty.calls == faulty.fail_at);
    if (is_due)
        errno = faulty.error;
    return is_due;
}

static inline int faulty_open(const char *path, int flags, mode_t mode)
{
    const char *name = (flags & O_DIRECTORY) != 0 ? "opendir" : "open";
    return faulty_is_due(name) ? -1 : sg_file_sys_default()->open(path, flags, mode);
}

static inline ssize_t faulty_read(int fd, void *out, size_t cap)
{
    return faulty_is_due("read") ? -1 : read(fd, out, cap);
}

static inline ssize_t faulty_write(int fd, const void *data, size_t len)
{
    bool is_first = !faulty.is_crash || faulty.calls + 1 == faulty.fail_at;
    if (!faulty_is_due("write"))
        return write(fd, data, len);
    if (is_first && len > 1 && write(fd, data, len / 2) < 0)
        return -1;
    errno = faulty.error;
    return -1;
}

static inline int faulty_fchmod(int fd, mode_t mode)
{
    return faulty_is_due("fchmod") ? -1 : fchmod(fd, mode);
}

static inline int faulty_fstat(int fd, struct stat *out)
{
    return faulty_is_due("fstat") ? -1 : fstat(fd, out);
}

static inline int faulty_fsync(int fd)
{
    return faulty_is_due("fsync") ? -1 : fsync(fd);
}

static inline int faulty_close(int fd)
{
    bool is_due = faulty_is_due("close"); /* a failing close closes all the same */
    int error = errno;
    int result = close(fd);
    if (!is_due)
        return result;
    errno = error;
    return -1;
}

static inline int faulty_rename(const char *from, const char *to)
{
    return faulty_is_due("rename") ? -1 : rename(from, to);
}

static inline int faulty_link(const char *from, const char *to)
{
    return faulty_is_due("link") ? -1 : link(from, to);
}

static inline int faulty_unlink(const char *path)
{
    return faulty_is_due("unlink") ? -1 : unlink(path);
}

static inline int faulty_mkdir(const char *path, mode_t mode)
{
    return faulty_is_due("mkdir") ? -1 : mkdir(path, mode);
}

static inline int faulty_flock(int fd, int operation)
{
    return faulty_is_due("flock") ? -1 : sg_file_sys_default()->flock(fd, operation);
}

static const struct sg_file_sys faulty_sys = {
    .open = faulty_open,
    .read = faulty_read,
    .write = faulty_write,
    .fchmod = faulty_fchmod,
    .fstat = faulty_fstat,
    .fsync = faulty_fsync,
    .close = faulty_close,
    .rename = faulty_rename,
    .link = faulty_link,
    .unlink = faulty_unlink,
    .mkdir = faulty_mkdir,
    .flock = faulty_flock,
};

/* A fresh folder as *state; removed with all files in it by temp_teardown. */
static inline int temp_setup(void **state)
{
    char *dir = strdup("/tmp/sg-test-XXXXXX");
    *state = dir;
    return dir != NULL && mkdtemp(dir) != NULL ? 0 : -1;
}

static inline void temp_remove(const char *dir)
{
    DIR *list = opendir(dir);
    struct dirent *entry;
    while (list != NULL && (entry = readdir(list)) != NULL) {
        char path[SG_FILE_PATH_MAX];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            sg_file_path(path, dir, entry->d_name) != SG_OK)
            continue;
        if (unlink(path) != 0)
            temp_remove(path);
    }
    if (list != NULL)
        (void)closedir(list);
    (void)rmdir(dir);
}

static inline int temp_teardown(void **state)
{
    temp_remove(*state);
    free(*state);
    return 0;
}

/* How many files the folder holds. */
static inline size_t temp_count(const char *dir)
{
    size_t count = 0;
    DIR *list = opendir(dir);
    assert_non_null(list);
    while (readdir(list) != NULL)
        count++;
    (void)closedir(list);
    return count - 2; /* "." and ".." */
}

#endif
