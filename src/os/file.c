/* The order that keeps a file whole: write a temporary file beside it, fsync that, put it in place
 * with one rename (or link), fsync the directory. A crash before the rename leaves the old file and
 * perhaps a temporary one, which the next write removes; after it the new file. Without the first
 * fsync some file systems commit the rename before the data, and a power loss leaves an empty
 * file. */
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static int real_open(const char *path, int flags, mode_t mode)
{
    return open(path, flags, mode);
}

static int real_fsync(int fd)
{
#if defined(F_FULLFSYNC)
    if (fcntl(fd, F_FULLFSYNC) == 0)
        return 0;
#endif
    return fsync(fd);
}

const struct sg_file_sys *sg_file_sys_default(void)
{
    static const struct sg_file_sys sys = {
        .open = real_open,
        .read = read,
        .write = write,
        .fchmod = fchmod,
        .fstat = fstat,
        .fsync = real_fsync,
        .close = close,
        .rename = rename,
        .link = link,
        .unlink = unlink,
        .mkdir = mkdir,
        .flock = flock,
    };
    return &sys;
}

sg_err sg_err_from_errno(int error)
{
    switch (error) {
    case ENOENT:
        return SG_ERR_NOT_FOUND;
    case EEXIST:
        return SG_ERR_EXISTS;
    case EACCES:
    case EPERM:
    case EROFS:
        return SG_ERR_PERMISSION;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return SG_ERR_NO_SPACE;
    case ENOMEM:
        return SG_ERR_NO_MEMORY;
    case EMFILE:
    case ENFILE:
        return SG_ERR_LIMIT;
    case ENAMETOOLONG:
        return SG_ERR_TOO_LARGE;
    case EWOULDBLOCK:
#if EAGAIN != EWOULDBLOCK
    case EAGAIN:
#endif
        return SG_ERR_WOULD_BLOCK;
    default:
        return SG_ERR_IO;
    }
}

static sg_err last_error(void)
{
    return sg_err_from_errno(errno);
}

static sg_err path_copy(char out[SG_FILE_PATH_MAX], const char *path, size_t len)
{
    if (len == 0)
        return SG_ERR_INVALID_ARGUMENT;
    if (len >= SG_FILE_PATH_MAX)
        return SG_ERR_TOO_LARGE;
    memcpy(out, path, len);
    out[len] = '\0';
    return SG_OK;
}

sg_err sg_file_path(char out[SG_FILE_PATH_MAX], const char *dir, const char *name)
{
    if (*dir == '\0' || *name == '\0')
        return SG_ERR_INVALID_ARGUMENT;
    int len = snprintf(out, SG_FILE_PATH_MAX, "%s/%s", dir, name);
    return len < 0 || len >= SG_FILE_PATH_MAX ? SG_ERR_TOO_LARGE : SG_OK;
}

/* open, again when a signal interrupted it. */
static sg_err open_fd(const struct sg_file_sys *sys, const char *path, int flags, mode_t mode,
                      int *fd)
{
    do
        *fd = sys->open(path, flags | O_CLOEXEC, mode);
    while (*fd < 0 && errno == EINTR);
    return *fd < 0 ? last_error() : SG_OK;
}

struct destination {
    uint8_t *data;
    size_t cap;
    size_t *len;
};

/* Reads until the end; asking for one byte more than cap tells whether the file is larger. */
static sg_err read_all(const struct sg_file_sys *sys, int fd, const struct destination *to)
{
    uint8_t excess;
    size_t have = 0;
    for (;;) {
        bool is_full = have == to->cap;
        uint8_t *at = is_full ? &excess : to->data + have;
        ssize_t n = sys->read(fd, at, is_full ? 1 : to->cap - have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return last_error();
        if (n == 0)
            break;
        if (is_full)
            return SG_ERR_TOO_LARGE;
        have += (size_t)n;
    }
    *to->len = have;
    return SG_OK;
}

/* forbidden: mode bits that the file must not have. The check is on what was opened, not on the
 * name, which may belong to another file by then. */
static sg_err read_fd(const struct sg_file_sys *sys, int fd, mode_t forbidden,
                      const struct destination *to)
{
    struct stat info;
    if (sys->fstat(fd, &info) != 0)
        return last_error();
    if (!S_ISREG(info.st_mode))
        return SG_ERR_IO;
    if ((info.st_mode & forbidden) != 0)
        return SG_ERR_PERMISSION;
    return read_all(sys, fd, to);
}

/* os/ has no crypto/ below it, hence no sg_wipe. */
static void wipe(uint8_t *data, size_t len)
{
    volatile uint8_t *at = data;
    for (size_t i = 0; i < len; i++)
        at[i] = 0;
}

static sg_err read_file(const struct sg_file_sys *sys, const char *path, mode_t forbidden,
                        const struct destination *to)
{
    int fd;
    *to->len = 0;
    /* O_NONBLOCK: a fifo of this name must not hang us; it means nothing for a regular file */
    sg_err err = open_fd(sys, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, &fd);
    if (err == SG_OK) {
        err = read_fd(sys, fd, forbidden, to);
        (void)sys->close(fd);
    }
    if (err != SG_OK)
        wipe(to->data, to->cap);
    return err;
}

sg_err sg_file_read(const struct sg_file_sys *sys, const char *path, uint8_t *out, size_t cap,
                    size_t *len)
{
    return read_file(sys, path, 0, &(struct destination){out, cap, len});
}

sg_err sg_file_read_private(const struct sg_file_sys *sys, const char *path, uint8_t *out,
                            size_t cap, size_t *len)
{
    return read_file(sys, path, S_IRWXG | S_IRWXO, &(struct destination){out, cap, len});
}

static sg_err write_all(const struct sg_file_sys *sys, int fd, struct sg_bytes bytes)
{
    size_t done = 0;
    while (done < bytes.len) {
        ssize_t n = sys->write(fd, bytes.data + done, bytes.len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? last_error() : SG_ERR_IO;
        done += (size_t)n;
    }
    return SG_OK;
}

static sg_err fill_and_sync(const struct sg_file_sys *sys, int fd, struct sg_bytes bytes,
                            mode_t mode)
{
    if (sys->fchmod(fd, mode) != 0) /* whatever the umask took */
        return last_error();
    SG_TRY(write_all(sys, fd, bytes));
    return sys->fsync(fd) == 0 ? SG_OK : last_error();
}

/* A durable file at temp; on error there is none. */
static sg_err write_temp(const struct sg_file_sys *sys, const char *temp, struct sg_bytes bytes,
                         mode_t mode)
{
    int fd;
    if (sys->unlink(temp) != 0 && errno != ENOENT) /* left by a crash */
        return last_error();
    SG_TRY(open_fd(sys, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, S_IRUSR | S_IWUSR, &fd));
    sg_err err = fill_and_sync(sys, fd, bytes, mode);
    if (sys->close(fd) != 0 && err == SG_OK)
        err = last_error();
    if (err != SG_OK)
        (void)sys->unlink(temp);
    return err;
}

/* Makes the names in path's directory durable. */
static sg_err sync_parent(const struct sg_file_sys *sys, const char *path)
{
    char dir[SG_FILE_PATH_MAX];
    const char *slash = strrchr(path, '/');
    int fd;
    if (slash == NULL)
        SG_TRY(path_copy(dir, ".", 1));
    else
        SG_TRY(path_copy(dir, path, slash == path ? 1 : (size_t)(slash - path)));
    SG_TRY(open_fd(sys, dir, O_RDONLY | O_DIRECTORY, 0, &fd));
    sg_err err = SG_OK;
    if (sys->fsync(fd) != 0 && errno != EINVAL) /* EINVAL: nothing to do on this file system */
        err = last_error();
    (void)sys->close(fd);
    return err;
}

static sg_err temp_path(char out[SG_FILE_PATH_MAX], const char *path)
{
    static const char suffix[] = ".tmp";
    size_t len = strlen(path);
    if (len == 0)
        return SG_ERR_INVALID_ARGUMENT;
    if (len + sizeof(suffix) > SG_FILE_PATH_MAX)
        return SG_ERR_TOO_LARGE;
    memcpy(out, path, len);
    memcpy(out + len, suffix, sizeof(suffix));
    return SG_OK;
}

sg_err sg_file_write(const struct sg_file_sys *sys, const char *path, struct sg_bytes bytes,
                     mode_t mode)
{
    char temp[SG_FILE_PATH_MAX];
    SG_TRY(temp_path(temp, path));
    SG_TRY(write_temp(sys, temp, bytes, mode));
    if (sys->rename(temp, path) != 0) {
        sg_err err = last_error();
        (void)sys->unlink(temp);
        return err;
    }
    return sync_parent(sys, path);
}

sg_err sg_file_create(const struct sg_file_sys *sys, const char *path, struct sg_bytes bytes,
                      mode_t mode)
{
    char temp[SG_FILE_PATH_MAX];
    SG_TRY(temp_path(temp, path));
    SG_TRY(write_temp(sys, temp, bytes, mode));
    /* link, unlike rename, fails when the name is taken */
    sg_err err = sys->link(temp, path) == 0 ? SG_OK : last_error();
    (void)sys->unlink(temp);
    SG_TRY(err);
    err = sync_parent(sys, path);
    if (err != SG_OK)
        (void)sys->unlink(path);
    return err;
}

void sg_file_tidy(const struct sg_file_sys *sys, const char *path)
{
    char temp[SG_FILE_PATH_MAX];
    if (temp_path(temp, path) == SG_OK)
        (void)sys->unlink(temp);
}

sg_err sg_file_lock(const struct sg_file_sys *sys, const char *path, int *fd)
{
    sg_err err = open_fd(sys, path, O_RDWR | O_CREAT | O_NOFOLLOW, S_IRUSR | S_IWUSR, fd);
    if (err == SG_OK && sys->flock(*fd, LOCK_EX | LOCK_NB) != 0) {
        err = last_error();
        sg_file_unlock(sys, *fd);
    }
    if (err != SG_OK)
        *fd = -1;
    return err == SG_ERR_WOULD_BLOCK ? SG_ERR_LOCKED : err;
}

void sg_file_unlock(const struct sg_file_sys *sys, int fd)
{
    if (fd >= 0)
        (void)sys->close(fd);
}

/* One directory whose parent exists. */
static sg_err make_dir(const struct sg_file_sys *sys, const char *path)
{
    if (sys->mkdir(path, S_IRWXU) == 0)
        return sync_parent(sys, path);
    return errno == EEXIST ? SG_OK : last_error();
}

sg_err sg_file_mkdirs(const struct sg_file_sys *sys, const char *path)
{
    char prefix[SG_FILE_PATH_MAX];
    size_t len = strlen(path);
    int fd;
    while (len > 1 && path[len - 1] == '/')
        len--;
    SG_TRY(path_copy(prefix, path, len));
    for (size_t i = 1; i < len; i++) {
        if (prefix[i] != '/' || prefix[i - 1] == '/')
            continue;
        prefix[i] = '\0';
        sg_err err = make_dir(sys, prefix);
        prefix[i] = '/';
        SG_TRY(err);
    }
    SG_TRY(make_dir(sys, prefix));
    /* the last name may have been there as something else; others would have failed on the way */
    SG_TRY(open_fd(sys, prefix, O_RDONLY | O_DIRECTORY, 0, &fd));
    (void)sys->close(fd);
    return SG_OK;
}
