#include "passphrase.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "input_file.h"

/* Reads up to SG_PASSPHRASE_CAP bytes by plain read: stdio would keep a copy. -1 sets errno. */
static ssize_t read_all(const char *file, char *out)
{
    size_t len = 0;
    int fd = sg_input_open(file);
    if (fd < 0)
        return -1;
    while (len < SG_PASSPHRASE_CAP) {
        ssize_t got = read(fd, out + len, SG_PASSPHRASE_CAP - len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            int saved = errno;
            close(fd);
            errno = saved;
            return -1;
        }
        if (got == 0)
            break;
        len += (size_t)got;
    }
    close(fd);
    return (ssize_t)len;
}

bool sg_passphrase_read(const char *file, char passphrase[SG_PASSPHRASE_CAP])
{
    memset(passphrase, 0, SG_PASSPHRASE_CAP);
    if (file == NULL)
        return true;
    ssize_t got = read_all(file, passphrase);
    if (got < 0) {
        sg_complain("cannot read the passphrase file %s: %s", file, sg_input_why(errno));
        return false;
    }
    size_t len = 0;
    while (len < (size_t)got && passphrase[len] != '\n' && passphrase[len] != '\0')
        len++;
    bool is_whole = len == (size_t)got || passphrase[len] == '\n';
    if (len > 0 && passphrase[len - 1] == '\r')
        len--;
    if (len == 0 || len > 1024 || !is_whole) {
        sg_passphrase_wipe(passphrase);
        sg_complain("the first line of %s is no passphrase: it must have 1 to 1024 bytes", file);
        return false;
    }
    memset(passphrase + len, 0, SG_PASSPHRASE_CAP - len);
    return true;
}

void sg_passphrase_wipe(char passphrase[SG_PASSPHRASE_CAP])
{
    explicit_bzero(passphrase, SG_PASSPHRASE_CAP);
}
