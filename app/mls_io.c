/* Files of 'saorsa mls', and its complaints. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "input_file.h"
#include "mls_box.h"

/* A tree of 10 000 post-quantum members has 80 MB. */
#define READ_MAX ((size_t)1 << 30)

/* All of fd, by plain read: it may be a secret, and stdio would keep a copy. */
static bool read_fd(int fd, struct sg_mls_blob *out)
{
    size_t cap = 0;
    *out = (struct sg_mls_blob){NULL, 0};
    for (;;) {
        if (out->len == cap) {
            size_t grown = cap == 0 ? 1 << 16 : 2 * cap;
            uint8_t *data = grown > READ_MAX ? NULL : malloc(grown);
            if (data == NULL) {
                sg_mls_blob_free(out);
                errno = grown > READ_MAX ? EFBIG : ENOMEM;
                return false;
            }
            if (out->len > 0)
                memcpy(data, out->data, out->len);
            struct sg_mls_blob old = *out;
            *out = (struct sg_mls_blob){data, old.len};
            sg_mls_blob_free(&old);
            cap = grown;
        }
        ssize_t got = read(fd, out->data + out->len, cap - out->len);
        if (got == 0)
            return true;
        if (got < 0 && errno != EINTR) {
            sg_mls_blob_free(out);
            return false;
        }
        out->len += got > 0 ? (size_t)got : 0;
    }
}

bool sg_mls_read(const char *path, struct sg_mls_blob *out)
{
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : sg_input_open(path);
    bool is_read = fd >= 0 && read_fd(fd, out);
    int saved = errno;
    if (fd >= 0 && !is_stdin)
        close(fd);
    if (!is_read)
        sg_complain_read(is_stdin ? "stdin" : path, saved);
    return is_read;
}

static bool write_fd(int fd, const struct sg_mls_blob *blob)
{
    size_t done = 0;
    while (done < blob->len) {
        ssize_t wrote = write(fd, blob->data + done, blob->len - done);
        if (wrote < 0 && errno != EINTR)
            return false;
        done += wrote > 0 ? (size_t)wrote : 0;
    }
    return true;
}

bool sg_mls_write(const char *path, const struct sg_mls_blob *blob)
{
    bool is_stdout = path == NULL || strcmp(path, "-") == 0;
    const char *name = is_stdout ? "stdout" : path;
    if (is_stdout && isatty(STDOUT_FILENO)) {
        sg_complain("the result has %zu bytes that a terminal cannot show: name a file with --out",
                    blob->len);
        return false;
    }
    int fd = is_stdout ? STDOUT_FILENO : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    bool is_written = fd >= 0 && write_fd(fd, blob);
    int saved = errno;
    if (fd >= 0 && !is_stdout && close(fd) != 0 && is_written) {
        is_written = false;
        saved = errno;
    }
    if (!is_written)
        sg_complain_write(name, saved);
    return is_written;
}

int sg_mls_complain(const char *what, sg_err err)
{
    static const struct {
        sg_err err;
        const char *advice;
    } ADVICE[] = {
        {SG_ERR_MLS_EPOCH, "process the commits in their order; 'saorsa mls members' shows the "
                           "epoch that this member is in, 'saorsa mls inspect' that of a message"},
        {SG_ERR_MLS_GROUP, "name its group with --group; 'saorsa mls inspect' shows it"},
        {SG_ERR_DUPLICATE, "it was processed before, there is nothing to do"},
        {SG_ERR_MLS_WELCOME, "it is for another key package, or the tree travels beside it: give "
                             "it with --tree"},
        {SG_ERR_INVALID_STATE, "a commit may be pending ('saorsa mls accept' or 'discard'), or "
                               "proposals wait for a commit ('saorsa mls commit'), or the group is "
                               "closed; 'saorsa mls members' shows it"},
        {SG_ERR_EXISTS, "there is one of this id already: choose another"},
        {SG_ERR_UNSUPPORTED, "it is another kind of message; 'saorsa mls inspect' shows which"},
        {SG_ERR_LOCKED, "another 'saorsa mls' is at work in this folder: wait for it"},
        {SG_ERR_MLS_REMOVED, "others took this member out: 'saorsa mls forget' deletes what is "
                             "left of the group"},
        {SG_ERR_EXPIRED, "ask its owner for a fresh key package"},
        {SG_ERR_MLS_PSK,
         "this client has not the pre-shared key that it takes: 'saorsa mls keep-psk'"},
        {SG_ERR_MLS_CAPABILITY,
         "not all members understand what it asks for: there, 'saorsa mls renew NAME --keep-key "
         "--understands TYPE', then 'saorsa mls commit --renew'"},
        {SG_ERR_TRUNCATED, "the file is no MLS message, or not a whole one"},
        {SG_ERR_MALFORMED, "the file is no MLS message"},
        {SG_ERR_VERSION, "the file is no message of MLS 1.0"},
        {SG_ERR_TRAILING, "the file has more than one MLS message in it"},
    };
    for (size_t i = 0; i < SG_COUNT(ADVICE); i++) {
        if (ADVICE[i].err != err)
            continue;
        sg_complain("%s: %s: %s", what, sg_err_text(err), ADVICE[i].advice);
        return SG_EXIT_FAILURE;
    }
    sg_complain("%s: %s", what, sg_err_text(err));
    return SG_EXIT_FAILURE;
}
