#include "payload_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "ctl_codec.h"
#include "input_file.h"

#define READ_MIN 65536

/* ---- reading ------------------------------------------------------------------------------- */

static bool too_long(const char *name)
{
    sg_complain("%s is longer than a message can be (%d bytes)", name, SG_CTL_PAYLOAD_MAX);
    return false;
}

static bool cannot_read(const char *name, int error)
{
    sg_complain_read(name, error);
    return false;
}

/* Reads to the end; one byte more than allowed is enough to know. */
static bool read_all(int fd, const char *name, uint8_t **data, size_t *len)
{
    size_t cap = 0;
    for (;;) {
        if (*len == cap) {
            cap = cap == 0 ? READ_MIN : 2 * cap;
            void *larger = realloc(*data, cap);
            if (larger == NULL)
                return cannot_read(name, ENOMEM);
            *data = larger;
        }
        ssize_t got = read(fd, *data + *len, cap - *len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return cannot_read(name, errno);
        *len += (size_t)got;
        if (*len > SG_CTL_PAYLOAD_MAX)
            return too_long(name);
        if (got == 0)
            return true;
    }
}

bool sg_app_payload_read(const char *path, uint8_t **data, size_t *len)
{
    bool is_stdin = strcmp(path, "-") == 0;
    const char *name = is_stdin ? "stdin" : path;
    struct stat info;
    *data = NULL;
    *len = 0;
    int fd = is_stdin ? STDIN_FILENO : sg_input_open(path);
    if (fd < 0)
        return cannot_read(name, errno);
    bool ok = true;
    if (fstat(fd, &info) != 0)
        ok = cannot_read(name, errno);
    else if (S_ISREG(info.st_mode) && info.st_size > SG_CTL_PAYLOAD_MAX)
        ok = too_long(name);
    ok = ok && read_all(fd, name, data, len);
    if (!is_stdin)
        close(fd);
    if (!ok) {
        free(*data);
        *data = NULL;
    }
    return ok;
}

/* ---- writing ------------------------------------------------------------------------------- */

bool sg_app_payload_dir(const char *dir)
{
    struct stat info;
    if (stat(dir, &info) != 0) {
        sg_complain("cannot write to %s: %s", dir, strerror(errno));
        return false;
    }
    if (!S_ISDIR(info.st_mode) || access(dir, W_OK | X_OK) != 0) {
        sg_complain("cannot write to %s: %s", dir,
                    S_ISDIR(info.st_mode) ? strerror(errno) : "it is no folder");
        return false;
    }
    return true;
}

static bool put_all(int fd, const uint8_t *data, size_t len)
{
    while (len > 0) {
        ssize_t put = write(fd, data, len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return false;
        data += put;
        len -= (size_t)put;
    }
    return true;
}

/* Under a name of its own; link then gives it the right one, unless that is taken. */
static enum sg_app_payload_written put_file(const char *path, const uint8_t *data, size_t len)
{
    char part[PATH_MAX];
    int size = snprintf(part, sizeof(part), "%s.part-%ld", path, (long)getpid());
    if (size < 0 || (size_t)size >= sizeof(part)) {
        errno = ENAMETOOLONG;
        return SG_APP_PAYLOAD_FAILED;
    }
    int fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return SG_APP_PAYLOAD_FAILED;
    bool ok = put_all(fd, data, len);
    ok = close(fd) == 0 && ok;
    ok = ok && link(part, path) == 0;
    int error = errno;
    unlink(part);
    errno = error;
    if (ok)
        return SG_APP_PAYLOAD_WRITTEN;
    return error == EEXIST ? SG_APP_PAYLOAD_EXISTS : SG_APP_PAYLOAD_FAILED;
}

enum sg_app_payload_written sg_app_payload_write(const char *dir, const char *name,
                                                 const uint8_t *data, size_t len)
{
    char path[PATH_MAX];
    int size = snprintf(path, sizeof(path), "%s/%s", dir, name);
    enum sg_app_payload_written result = SG_APP_PAYLOAD_FAILED;
    errno = ENAMETOOLONG;
    if (size > 0 && (size_t)size < sizeof(path))
        result = put_file(path, data, len);
    if (result == SG_APP_PAYLOAD_EXISTS)
        sg_complain("%s is there already and stays as it is", path);
    else if (result == SG_APP_PAYLOAD_FAILED)
        sg_complain_write(path, errno);
    return result;
}
