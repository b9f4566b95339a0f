#include "input_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"

static bool is_null(const struct stat *info)
{
    struct stat null;
    return stat("/dev/null", &null) == 0 && info->st_rdev == null.st_rdev;
}

static int kind_error(const struct stat *info, bool is_terminal)
{
    if (S_ISDIR(info->st_mode))
        return EISDIR;
    if (S_ISBLK(info->st_mode))
        return ENODEV;
    return S_ISCHR(info->st_mode) && !is_terminal && !is_null(info) ? ENODEV : 0;
}

int sg_input_open(const char *path)
{
    struct stat info;
    /* no device is waited for; a pipe is, by its first read */
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    int error = fstat(fd, &info) != 0 ? errno : kind_error(&info, isatty(fd) == 1);
    if (error == 0)
        return fd;
    close(fd);
    errno = error;
    return -1;
}

int sg_input_kind_error(const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return errno == ENOENT ? 0 : errno;
    if (S_ISCHR(info.st_mode))
        return ENODEV;
    return kind_error(&info, false);
}

const char *sg_input_why(int error)
{
    switch (error) {
    case ENOENT:
        return "there is no such file: check its name";
    case ENOTDIR:
        return "a part of its path is no folder: check the path";
    case EISDIR:
        return "it is a folder: name a file";
    case ENODEV:
    case ENXIO:
        return "it is a device: copy what you need of it into a file, and name that";
    case EACCES:
    case EPERM:
        return "permission denied: 'ls -ld' shows whose it is, 'chmod' gives you the right";
    case EFBIG:
        return "it is too large: name a smaller one";
    default:
        return strerror(error);
    }
}

static const char *why_not_written(int error)
{
    if (error == ENOENT)
        return "its folder is not there: make that first";
    if (error == EEXIST)
        return "it is there already: name another, or remove it first";
    if (error == ENOSPC || error == EDQUOT)
        return "no space is left on the disk: make room and try again";
    return sg_input_why(error);
}

void sg_complain_read(const char *name, int error)
{
    sg_complain("cannot read %s: %s", name, sg_input_why(error));
}

void sg_complain_write(const char *name, int error)
{
    /* what only makes new files does not say what is in the way */
    bool is_folder = error == EEXIST && sg_input_kind_error(name) == EISDIR;
    sg_complain("cannot write %s: %s", name, why_not_written(is_folder ? EISDIR : error));
}
