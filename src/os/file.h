/* Small files: read whole, replaced as a whole, locked. What is on disk is always the old or the
 * new content, never half of it, whatever fails in between (threats.md row 27).
 *
 * No function allocates. Errors of the system are mapped by sg_err_from_errno. */
#ifndef SG_OS_FILE_H
#define SG_OS_FILE_H

#include <sys/stat.h>
#include <sys/types.h>

#include "base/bytes.h"

/* Longest path, with its NUL. */
#define SG_FILE_PATH_MAX 4096

/* The system calls that can fail, so that a test can make each one fail: same meaning and errno as
 * the POSIX functions of the same name. */
struct sg_file_sys {
    int (*open)(const char *path, int flags, mode_t mode);
    ssize_t (*read)(int fd, void *out, size_t cap);
    ssize_t (*write)(int fd, const void *data, size_t len);
    int (*fchmod)(int fd, mode_t mode);
    int (*fstat)(int fd, struct stat *out);
    int (*fsync)(int fd); /* down to the disk: F_FULLFSYNC where that is another thing */
    int (*close)(int fd);
    int (*rename)(const char *from, const char *to);
    int (*link)(const char *from, const char *to);
    int (*unlink)(const char *path);
    int (*mkdir)(const char *path, mode_t mode);
    int (*flock)(int fd, int operation);
};

/* The real ones. Static. */
const struct sg_file_sys *sg_file_sys_default(void);

/* ENOENT: NOT_FOUND. EEXIST: EXISTS. EACCES, EPERM, EROFS: PERMISSION. ENOSPC, EDQUOT,
 * EFBIG: NO_SPACE. ENOMEM: NO_MEMORY. EMFILE, ENFILE: LIMIT. ENAMETOOLONG: TOO_LARGE. EWOULDBLOCK,
 * EAGAIN: WOULD_BLOCK. All others: IO. */
sg_err sg_err_from_errno(int error);

/* dir "/" name -> out. SG_ERR_TOO_LARGE: longer than SG_FILE_PATH_MAX. SG_ERR_INVALID_ARGUMENT: an
 * empty dir or name. */
SG_MUST_USE sg_err sg_file_path(char out[SG_FILE_PATH_MAX], const char *dir, const char *name);

/* Reads the whole regular file into out [cap]; *len becomes its size.
 * SG_ERR_TOO_LARGE: more than cap bytes. SG_ERR_IO: not a regular file, or a failure. Others:
 * sg_err_from_errno. On error *len is 0 and out is wiped: it may have held a secret. */
SG_MUST_USE sg_err sg_file_read(const struct sg_file_sys *sys, const char *path, uint8_t *out,
                                size_t cap, size_t *len);
/* The same for a secret: SG_ERR_PERMISSION when group or others have any right on the file. */
SG_MUST_USE sg_err sg_file_read_private(const struct sg_file_sys *sys, const char *path,
                                        uint8_t *out, size_t cap, size_t *len);

/* Puts bytes at path with exactly this mode, whether there was a file or not: path ".tmp" is
 * written and fsynced, then renamed, then the directory is fsynced. On error before the rename the
 * old file is as it was and the temporary file is gone; an error of the last fsync leaves the new
 * file, whose durability is not certain. One writer per path at a time: hold a lock.
 * SG_ERR_TOO_LARGE: the path. SG_ERR_NO_SPACE, SG_ERR_PERMISSION, SG_ERR_NOT_FOUND (the directory),
 * SG_ERR_LIMIT, SG_ERR_IO. */
SG_MUST_USE sg_err sg_file_write(const struct sg_file_sys *sys, const char *path,
                                 struct sg_bytes bytes, mode_t mode);
/* The same, but never overwrites: SG_ERR_EXISTS. On every error, also of the last fsync, there is
 * no new file. The file system must know hard links. */
SG_MUST_USE sg_err sg_file_create(const struct sg_file_sys *sys, const char *path,
                                  struct sg_bytes bytes, mode_t mode);

/* Removes the temporary file that a crash within the two above may have left beside path: with a
 * secret in it, it should not wait for the next write. Hold the lock. */
void sg_file_tidy(const struct sg_file_sys *sys, const char *path);

/* Opens path (made when missing, mode 0600) and locks it until *fd is closed or the process ends.
 * SG_ERR_LOCKED: somebody else holds it. Others: sg_err_from_errno. On error *fd is -1. */
SG_MUST_USE sg_err sg_file_lock(const struct sg_file_sys *sys, const char *path, int *fd);
/* Unlocks; the file stays, because removing it would race with the next owner. -1 is allowed. */
void sg_file_unlock(const struct sg_file_sys *sys, int fd);

/* mkdir -p with mode 0700 for each directory that it makes; what is there keeps its mode. New
 * names are durable when this returns. SG_ERR_TOO_LARGE: the path. SG_ERR_IO: something on the way
 * is not a directory. Others: sg_err_from_errno. */
SG_MUST_USE sg_err sg_file_mkdirs(const struct sg_file_sys *sys, const char *path);

#endif
